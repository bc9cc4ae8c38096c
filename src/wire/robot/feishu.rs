//! Feishu and Lark: `sign` is the base64 of HMAC-SHA256 over nothing, under the key `seconds\nsecret`, in the body
//! (<https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Addressee, Robot};
use crate::core::Instant;
use crate::wire::line::percent_encoded;
use crate::wire::signature::hmac_sha256;
use crate::wire::vendor::{Call, Meaning};

/// Of the whole body, in bytes: 20 kB less what a signature takes.
const LONGEST: usize = 20_000 - 200;

/// The limit counts by the minute.
const TOO_FAST: Duration = Duration::from_mins(1);

impl Robot {
    pub(super) fn to_feishu(&self, title: &str, text: &str, to: &Addressee, at: Instant) -> Call {
        let shown = self.feishu_body(title, text, to);
        let body = match &self.sign {
            None => shown.clone(),
            Some(secret) => {
                let seconds = at.timestamp().to_string();
                let sign = signature(secret.expose_secret(), &seconds);
                let head = json!({ "timestamp": seconds, "sign": sign }).to_string();
                format!("{},{}", head.trim_end_matches('}'), shown.trim_start_matches('{'))
            }
        };
        Call {
            url: self.url(&format!("/open-apis/bot/v2/hook/{}", percent_encoded(self.token.expose_secret())), &[]),
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: Some(body),
            shown: vec![shown],
        }
    }

    /// A post: its texts hold no tags, a mention is an element of its own.
    fn feishu_body(&self, title: &str, text: &str, to: &Addressee) -> String {
        let mention = match to {
            Addressee::Id(id) => Some(json!({ "tag": "at", "user_id": id })),
            Addressee::Mobile(_) | Addressee::Nobody => None,
        };
        self.fitted(text, "", LONGEST, |text| {
            let lines = text.lines().map(|line| vec![json!({ "tag": "text", "text": line })]);
            let mut lines: Vec<Vec<Value>> = lines.collect();
            if let (Some(first), Some(mention)) = (lines.first_mut(), &mention) {
                first.insert(0, mention.clone());
            }
            let post = json!({ "zh_cn": { "title": title, "content": lines } });
            json!({ "msg_type": "post", "content": { "post": post } }).to_string()
        })
    }
}

fn signature(secret: &str, seconds: &str) -> String {
    STANDARD.encode(hmac_sha256(format!("{seconds}\n{secret}").as_bytes(), b""))
}

pub(super) fn meaning(code: i64, text: &str) -> Meaning {
    match code {
        // 9499 is said of a request that came too often and of one that cannot be read.
        9_499 if text.to_ascii_lowercase().contains("bad request") => Meaning::Never,
        9_499 | 11_232 => Meaning::Later(Some(TOO_FAST)),
        // 19021 signature or time, 19022 address of the sender, 19024 keyword, 19001 token.
        _ => Meaning::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_algorithm_gives_the_known_signature() {
        assert_eq!(signature("demo", "1599360473"), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
    }
}
