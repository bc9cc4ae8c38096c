//! Robots of group chats: DingTalk (钉钉), WeCom (企业微信), Feishu (飞书) and Lark.
//!
//! ```text
//! words                      what a message may say
//! dingtalk wecom feishu      body, signature and codes of each
//! ```
//!
//! A repeat in a group is a line that is read twice; a message that never came is a deadline that nobody heard of. So
//! what broke off is sent again.
//!
//! **Invariant:** the token in the URL and the signing secret stand in no reason, log or trace; nobody is mentioned
//! whom the message is not for, and never everybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::address::Networks;
use super::http::Reach;
use super::line::one_line;
use super::redaction::Redaction;
use super::trust::Trust;
use super::vendor::{self, Call, Dialect, Meaning, Stamp, Vendor, Word};
use super::{ChannelError, Message, seen_from, yes};
use crate::core::contact::Medium;
use crate::core::delivery::Outcome;
use crate::core::rate::{Rate, Rates};
use crate::time::Clock;

mod dingtalk;
mod feishu;
mod wecom;
mod words;

/// `[channels.NAME.dingtalk]`, `[channels.NAME.wecom]` and `[channels.NAME.feishu]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// `https://host` of a private deployment; by default the vendor's own.
    pub endpoint: Option<String>,
    /// `markdown` or `text`; Feishu has one form only.
    pub format: Option<Format>,
    /// What the robot's security settings want every message to hold; added where it is missing.
    pub keyword: Option<String>,
    /// Whether the receiver is mentioned, and what the contact's address on the messenger is.
    #[serde(default)]
    pub mention: Mention,
    /// The longest that one request may take, in seconds.
    #[serde(default = "thirty")]
    pub timeout: u64,
    /// How many requests are open at once.
    #[serde(default = "one")]
    pub connections: usize,
    /// PEM file with the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed too.
    #[serde(default = "yes")]
    pub system_roots: bool,
    /// `sha256:` and the hex of the server's certificate: this one is believed and no other.
    pub pin: Option<String>,
    /// Networks beyond the public ones that requests may go to.
    #[serde(default)]
    pub allow_networks: Networks,
    /// The proxy that requests go through: `http://host:port`.
    pub proxy: Option<String>,
}

const fn thirty() -> u64 {
    30
}

/// Messages of one group arrive in their order.
const fn one() -> usize {
    1
}

impl RobotConfig {
    /// Takes the files that it names from `folder`.
    pub fn seen_from(&mut self, folder: &Path) {
        self.ca_file.iter_mut().for_each(|path| seen_from(folder, path));
    }

    fn reach(&self) -> Reach {
        let (system_roots, pin) = (self.system_roots, self.pin.clone());
        Reach {
            trust: Trust { ca_file: self.ca_file.clone(), system_roots, pin },
            timeout: self.timeout,
            connections: self.connections,
            keep_alive: true,
            allow_networks: self.allow_networks.clone(),
            proxy: self.proxy.clone(),
        }
    }
}

/// Whose robot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messenger {
    /// 钉钉.
    DingTalk,
    /// 企业微信.
    WeCom,
    /// 飞书 and Lark.
    Feishu,
}

/// The form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With its first line bold.
    Markdown,
    /// Plain.
    Text,
}

/// Whether the receiver is mentioned in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mention {
    /// Nobody is.
    #[default]
    None,
    /// By mobile number: the address is one.
    Mobile,
    /// By the messenger's user id: the address is one.
    Id,
}

/// One robot of one group.
struct Robot {
    messenger: Messenger,
    url: reqwest::Url,
    token: SecretString,
    sign: Option<SecretString>,
    format: Format,
    keyword: Option<String>,
    mention: Mention,
}

/// The receiver's name in the messenger.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Addressee {
    Nobody,
    Mobile(String),
    Id(String),
}

/// The channel of a robot whose `token` and, where it signs, `sign` are among `secrets`.
pub fn robot(
    messenger: Messenger,
    config: &RobotConfig,
    secrets: BTreeMap<String, SecretString>,
    clock: Arc<dyn Clock>,
) -> Result<Vendor, ChannelError> {
    let redaction = Redaction::of(secrets.values());
    let robot = Robot::new(messenger, config, secrets)?;
    let url = robot.url.clone();
    Vendor::new(Box::new(robot), &config.reach(), &url, redaction, clock)
}

impl Robot {
    fn new(
        messenger: Messenger,
        config: &RobotConfig,
        secrets: BTreeMap<String, SecretString>,
    ) -> Result<Self, ChannelError> {
        let [token, sign] = vendor::pick(secrets, ["token", "sign"])?;
        let token = token.ok_or_else(|| ChannelError::new("secrets", TOKEN, "no token"))?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '=');
        if token.expose_secret().is_empty() || !token.expose_secret().chars().all(is_token) {
            return Err(ChannelError::new(
                "secrets",
                TOKEN,
                "a token with other characters, such as the whole address",
            ));
        }
        if sign.is_some() && messenger == Messenger::WeCom {
            return Err(ChannelError::new("secrets", "token alone: robots of WeCom do not sign", "sign"));
        }
        let url = vendor::endpoint(config.endpoint.as_deref().unwrap_or(messenger.endpoint()))?;
        let keyword = config.keyword.as_deref().map(keyword).transpose()?;
        let format = messenger.format(config.format, config.mention)?;
        Ok(Self { messenger, url, token, sign, format, keyword, mention: config.mention })
    }

    /// Whom to mention. Without a mention the address is not looked at: the group is the receiver.
    fn addressee(&self, address: &str) -> Result<Addressee, String> {
        let address = address.trim();
        match self.mention {
            Mention::None => Ok(Addressee::Nobody),
            _ if address.is_empty() || address == "group" => Ok(Addressee::Nobody),
            Mention::Mobile if is_mobile(address) => Ok(Addressee::Mobile(address.to_owned())),
            Mention::Id if is_id(address) => Ok(Addressee::Id(address.to_owned())),
            Mention::Mobile => Err(wrong_address("a mobile number", address)),
            Mention::Id => Err(wrong_address("a user id of the messenger", address)),
        }
    }

    /// The text with the keyword in it, as `write` makes a body of it, at most `longest` bytes. `fixed` stands before
    /// the text whatever is cut.
    fn fitted(&self, text: &str, fixed: &str, longest: usize, write: impl Fn(&str) -> String) -> String {
        let missing = self.keyword.as_deref().filter(|keyword| !text.contains(*keyword) && !fixed.contains(*keyword));
        let ending = missing.map(|keyword| format!("\n{keyword}")).unwrap_or_default();
        let filled = words::fitted(text, longest, |text| write(&format!("{fixed}{text}{ending}")));
        // A keyword at the end of a long text was cut off with it.
        match &self.keyword {
            Some(keyword) if missing.is_none() && !filled.contains(keyword.as_str()) => {
                words::fitted(text, longest, |text| write(&format!("{fixed}{text}\n{keyword}")))
            }
            _ => filled,
        }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> reqwest::Url {
        let mut url = self.url.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl Dialect for Robot {
    fn medium(&self) -> Medium {
        Medium::Im
    }

    fn rates(&self) -> Rates {
        let all = match self.messenger {
            // 20 are documented, and DingTalk blocks a robot that exceeds them for ten minutes.
            Messenger::DingTalk | Messenger::WeCom => vec![Rate::per_minute(18)],
            Messenger::Feishu => {
                vec![Rate::per_minute(100), Rate { count: 5, per: std::time::Duration::from_secs(1) }]
            }
        };
        Rates { all, each: Vec::new() }
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn call(&self, message: &Message, stamp: &Stamp) -> Result<Call, Outcome> {
        let to = self.addressee(&message.to_address);
        let to = to.map_err(|reason| Outcome::Permanent { reason, bad_address: true })?;
        // Messengers refuse what is empty.
        let (subject, text) = (words::plain(&message.subject), words::plain(&message.text));
        let first = |wanted: [&str; 2]| wanted.into_iter().find(|text| !text.is_empty()).unwrap_or("…").to_owned();
        let (title, text) = (first([&subject, &text]), first([&text, &subject]));
        let title = one_line(&title, LONGEST_TITLE);
        Ok(match self.messenger {
            Messenger::DingTalk => self.to_dingtalk(&title, &text, &to, stamp.at),
            Messenger::WeCom => self.to_wecom(&text, &to),
            Messenger::Feishu => self.to_feishu(&title, &text, &to, stamp.at),
        })
    }

    fn read(&self, answer: &serde_json::Value) -> Option<Word> {
        let (code, text) = match self.messenger {
            Messenger::DingTalk | Messenger::WeCom => ("errcode", "errmsg"),
            Messenger::Feishu => ("code", "msg"),
        };
        let code = answer.get(code)?.as_i64()?;
        let text = answer.get(text).and_then(serde_json::Value::as_str).unwrap_or_default();
        let meaning = match self.messenger {
            _ if code == 0 => Meaning::Taken(None),
            Messenger::DingTalk => dingtalk::meaning(code),
            Messenger::WeCom => wecom::meaning(code),
            Messenger::Feishu => feishu::meaning(code, text),
        };
        Some(Word::new(&code.to_string(), text, meaning))
    }
}

impl Messenger {
    const fn endpoint(self) -> &'static str {
        match self {
            Self::DingTalk => "https://oapi.dingtalk.com",
            Self::WeCom => "https://qyapi.weixin.qq.com",
            Self::Feishu => "https://open.feishu.cn",
        }
    }

    fn format(self, format: Option<Format>, mention: Mention) -> Result<Format, ChannelError> {
        match (self, format, mention) {
            (Self::Feishu, Some(_), _) => Err(ChannelError::new("format", "none: Feishu has one form", "one")),
            (Self::Feishu, None, Mention::Mobile) => {
                Err(ChannelError::new("mention", "\"none\" or \"id\": Feishu mentions nobody by number", "\"mobile\""))
            }
            (Self::WeCom, Some(Format::Markdown), Mention::Mobile) => {
                let expected = "\"text\": WeCom's markdown mentions nobody by number";
                Err(ChannelError::new("format", expected, "\"markdown\""))
            }
            (Self::WeCom, None, Mention::Mobile) => Ok(Format::Text),
            (_, format, _) => Ok(format.unwrap_or(Format::Markdown)),
        }
    }
}

/// In characters: what a list of conversations shows of a message.
const LONGEST_TITLE: usize = 100;

const TOKEN: &str = "token: what follows access_token=, key= or /hook/ in the robot's address";

/// What a keyword can be: the messenger compares characters.
fn keyword(text: &str) -> Result<String, ChannelError> {
    let plain = words::plain(text);
    if plain.is_empty() || plain != text || plain.contains('\n') || plain.len() > 100 {
        return Err(ChannelError::new("keyword", "one word of at most 100 bytes", format!("{plain:?}")));
    }
    Ok(plain)
}

fn is_mobile(address: &str) -> bool {
    let digits = address.trim_start_matches('+').replace('-', "");
    (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `all` names everybody in two of the messengers.
fn is_id(address: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"-_.@$".contains(&b);
    let name = address.trim_start_matches('@');
    !name.is_empty() && !name.eq_ignore_ascii_case("all") && address.len() <= 128 && address.bytes().all(is_word)
}

fn wrong_address(expected: &str, got: &str) -> String {
    format!("expected {expected} to mention, \"group\" or nothing, got {:?}", one_line(got, 40))
}
