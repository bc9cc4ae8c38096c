//! DingTalk: `sign` is the base64 of HMAC-SHA256 over `milliseconds\nsecret` under the secret, beside the token in the
//! query (<https://open.dingtalk.com/document/robots/custom-robot-access>).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Addressee, Format, Robot};
use crate::core::Instant;
use crate::wire::signature::hmac_sha256;
use crate::wire::vendor::{Call, Meaning};

/// Of the whole body.
const LONGEST: usize = 20_000;

/// How long a robot stays blocked that was too fast.
const BLOCKED: Duration = Duration::from_mins(10);

impl Robot {
    pub(super) fn to_dingtalk(&self, title: &str, text: &str, to: &Addressee, at: Instant) -> Call {
        let milliseconds = at.timestamp_millis().to_string();
        let sign = self.sign.as_ref().map(|secret| signature(secret.expose_secret(), &milliseconds));
        let mut query = vec![("access_token", self.token.expose_secret())];
        if let Some(sign) = &sign {
            query.extend([("timestamp", milliseconds.as_str()), ("sign", sign)]);
        }
        let body = self.dingtalk_body(title, text, to);
        Call {
            url: self.url("/robot/send", &query),
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            shown: vec![body.clone()],
            body: Some(body),
        }
    }

    fn dingtalk_body(&self, title: &str, text: &str, to: &Addressee) -> String {
        // Who is mentioned has to stand in the text too.
        let (mention, at) = match to {
            Addressee::Nobody => (String::new(), json!({ "isAtAll": false })),
            Addressee::Mobile(mobile) => (format!("@{mobile} "), json!({ "atMobiles": [mobile], "isAtAll": false })),
            Addressee::Id(id) => (format!("@{id} "), json!({ "atUserIds": [id], "isAtAll": false })),
        };
        self.fitted(text, &mention, LONGEST, |text| {
            let body = match self.format {
                // A line ends where two blanks stand before its end.
                Format::Markdown => {
                    let text = text.replace('\n', "  \n");
                    json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text }, "at": at })
                }
                Format::Text => json!({ "msgtype": "text", "text": { "content": text }, "at": at }),
            };
            body.to_string()
        })
    }
}

fn signature(secret: &str, milliseconds: &str) -> String {
    STANDARD.encode(hmac_sha256(secret.as_bytes(), format!("{milliseconds}\n{secret}").as_bytes()))
}

pub(super) fn meaning(code: i64) -> Meaning {
    match code {
        130_101 | 410_100 => Meaning::Later(Some(BLOCKED)),
        -1 => Meaning::Later(None),
        // 310000: signature, keyword or address of the sender; 300001 and 4001xx: token and robot; 4301xx: contents.
        _ => Meaning::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_algorithm_gives_the_known_signature() {
        assert_eq!(signature("this is secret", "1577262236757"), "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=");
    }
}
