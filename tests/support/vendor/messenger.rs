//! The robots of DingTalk, WeCom and Feishu.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use duban::core::Instant;
use serde_json::{Value, json};

use super::super::gateway::Asked;
use super::{Desk, hmac, is_near};

/// What the owner of a robot has set, and what it has seen.
pub struct Robot {
    kind: Kind,
    token: String,
    secret: Option<String>,
    keyword: Option<String>,
    seen: Vec<Instant>,
    blocked_until: Option<Instant>,
    taken: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    DingTalk,
    WeCom,
    Feishu,
}

/// Why a message is not taken: code and words.
type Refusal = (i64, String);

impl Robot {
    pub fn of_dingtalk(token: &str, secret: Option<&str>, keyword: Option<&str>) -> Self {
        Self::new(Kind::DingTalk, token, secret, keyword)
    }

    pub fn of_wecom(token: &str) -> Self {
        Self::new(Kind::WeCom, token, None, None)
    }

    pub fn of_feishu(token: &str, secret: Option<&str>, keyword: Option<&str>) -> Self {
        Self::new(Kind::Feishu, token, secret, keyword)
    }

    fn new(kind: Kind, token: &str, secret: Option<&str>, keyword: Option<&str>) -> Self {
        let (token, secret, keyword) = (token.to_owned(), secret.map(str::to_owned), keyword.map(str::to_owned));
        Self { kind, token, secret, keyword, seen: Vec::new(), blocked_until: None, taken: Vec::new() }
    }

    fn recent(&self, now: Instant, seconds: i64) -> usize {
        self.seen.iter().filter(|at| (now - **at).num_seconds() < seconds).count()
    }

    fn refuse_keyword(&self, text: &str, code: i64) -> Result<(), Refusal> {
        match &self.keyword {
            Some(keyword) if !text.contains(keyword) => Err((code, "keywords not in content".to_owned())),
            _ => Ok(()),
        }
    }

    fn dingtalk(&mut self, asked: &Asked, now: Instant) -> Result<(String, String), Refusal> {
        let query = asked.query();
        let field =
            |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default();
        if asked.uri.path() != "/robot/send" || field("access_token") != self.token {
            return Err((300_005, format!("token is not exist: {}", field("access_token"))));
        }
        if self.blocked_until.is_some_and(|until| now < until) || self.recent(now, 60) > 20 {
            let until = self.blocked_until.filter(|until| now < *until).unwrap_or(now + chrono::Duration::minutes(10));
            self.blocked_until = Some(until);
            return Err((130_101, "send too fast, exceed 20 times per minute".to_owned()));
        }
        if let Some(secret) = &self.secret {
            let milliseconds: i64 = field("timestamp").parse().unwrap_or_default();
            let sign = STANDARD.encode(hmac(secret.as_bytes(), format!("{milliseconds}\n{secret}").as_bytes()));
            if field("sign") != sign || !is_near(milliseconds / 1_000, now, 3_600) {
                return Err((310_000, "description:机器人发送签名不匹配".to_owned()));
            }
        }
        if asked.body.len() > 20_000 {
            return Err((460_101, "message too long, exceed 20000 bytes".to_owned()));
        }
        let body = asked.json();
        let text = match body["msgtype"].as_str() {
            Some("markdown") if body["markdown"]["title"].as_str().is_some_and(|title| !title.is_empty()) => {
                &body["markdown"]["text"]
            }
            Some("text") => &body["text"]["content"],
            _ => return Err((400_105, "unsupported msgtype".to_owned())),
        };
        let text = text.as_str().filter(|text| !text.is_empty()).ok_or((400_105, "no text".to_owned()))?;
        self.refuse_keyword(text, 310_000)?;
        // Only a name that stands in the text too is shown as a mention.
        let named = ["atMobiles", "atUserIds"].iter().filter_map(|list| body["at"][*list].as_array()).flatten();
        let named = named.filter_map(Value::as_str).find(|name| text.contains(&format!("@{name}")));
        Ok((named.unwrap_or_default().to_owned(), text.to_owned()))
    }

    fn wecom(&self, asked: &Asked, now: Instant) -> Result<(String, String), Refusal> {
        let key = asked.query().into_iter().find(|(name, _)| name == "key").map(|(_, value)| value).unwrap_or_default();
        if asked.uri.path() != "/cgi-bin/webhook/send" || key != self.token {
            return Err((93_000, format!("invalid webhook url, hint: [key {key}]")));
        }
        if self.recent(now, 60) > 20 {
            return Err((45_009, "api freq out of limit".to_owned()));
        }
        let body = asked.json();
        let kind = body["msgtype"].as_str().unwrap_or_default().to_owned();
        let longest = match kind.as_str() {
            "markdown" => 4_096,
            "text" => 2_048,
            _ => return Err((40_008, "invalid message type".to_owned())),
        };
        let text = body[&kind]["content"].as_str().ok_or((40_058, "content missing".to_owned()))?;
        if text.is_empty() || text.len() > longest {
            return Err((40_058, format!("{kind}.content exceed max length {longest}")));
        }
        let listed =
            ["mentioned_list", "mentioned_mobile_list"].iter().find_map(|list| body["text"][*list][0].as_str());
        let inline = text.split_once("<@").and_then(|(_, rest)| rest.split_once('>')).map(|(name, _)| name);
        let named = if kind == "text" { listed } else { inline };
        Ok((named.unwrap_or_default().to_owned(), text.to_owned()))
    }

    fn feishu(&self, asked: &Asked, now: Instant) -> Result<(String, String), Refusal> {
        if asked.uri.path() != format!("/open-apis/bot/v2/hook/{}", self.token) {
            let token = asked.uri.path().rsplit('/').next().unwrap_or_default();
            return Err((19_001, format!("param invalid: incoming webhook access token invalid {token}")));
        }
        if self.recent(now, 60) > 100 || self.recent(now, 1) > 5 {
            return Err((11_232, "frequency limited psm[lark.oapi.app_platform_runtime]".to_owned()));
        }
        let bad = || (9_499, "Bad Request".to_owned());
        let body: Value = serde_json::from_slice(&asked.body).map_err(|_| bad())?;
        if asked.body.len() > 20 * 1_000 {
            return Err(bad());
        }
        if let Some(secret) = &self.secret {
            let seconds = body["timestamp"].as_str().unwrap_or_default();
            let sign = STANDARD.encode(hmac(format!("{seconds}\n{secret}").as_bytes(), b""));
            if body["sign"] != sign || !is_near(seconds.parse().unwrap_or_default(), now, 3_600) {
                return Err((
                    19_021,
                    "sign match fail or timestamp is not within one hour from current time".to_owned(),
                ));
            }
        }
        let post = &body["content"]["post"]["zh_cn"];
        let lines = post["content"].as_array().filter(|lines| !lines.is_empty()).ok_or_else(bad)?;
        if body["msg_type"] != "post" || !post["title"].is_string() {
            return Err(bad());
        }
        let (mut named, mut text) = (String::new(), String::new());
        for line in lines {
            for element in line.as_array().ok_or_else(bad)? {
                match element["tag"].as_str() {
                    Some("text") => text += element["text"].as_str().ok_or_else(bad)?,
                    Some("at") => element["user_id"].as_str().ok_or_else(bad)?.clone_into(&mut named),
                    _ => return Err(bad()),
                }
            }
            text.push('\n');
        }
        self.refuse_keyword(&text, 19_024)?;
        Ok((named, text))
    }
}

impl Desk for Robot {
    fn answer(&mut self, asked: &Asked, now: Instant) -> (u16, Value) {
        self.seen.push(now);
        let taken = match self.kind {
            Kind::DingTalk => self.dingtalk(asked, now),
            Kind::WeCom => self.wecom(asked, now),
            Kind::Feishu => self.feishu(asked, now),
        };
        let (code, text) = taken.map_or_else(
            |refusal| refusal,
            |message| {
                self.taken.push(message);
                (0, "ok".to_owned())
            },
        );
        let answer = match self.kind {
            Kind::DingTalk | Kind::WeCom => json!({ "errcode": code, "errmsg": text }),
            Kind::Feishu => json!({ "code": code, "msg": text, "data": {} }),
        };
        (200, answer)
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.taken.clone()
    }
}
