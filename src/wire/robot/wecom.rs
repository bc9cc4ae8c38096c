//! WeCom: the key in the query is all there is to know a robot by
//! (<https://developer.work.weixin.qq.com/document/path/91770>).

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Addressee, Format, Robot};
use crate::wire::vendor::{Call, Meaning};

/// Of the content alone, in bytes.
const LONGEST_MARKDOWN: usize = 4_096;
const LONGEST_TEXT: usize = 2_048;

/// The limit counts by the minute.
const TOO_FAST: Duration = Duration::from_mins(1);

impl Robot {
    pub(super) fn to_wecom(&self, text: &str, to: &Addressee) -> Call {
        let body = match self.format {
            Format::Markdown => {
                let mention = if let Addressee::Id(id) = to { format!("<@{id}> ") } else { String::new() };
                let content = self.fitted(text, &mention, LONGEST_MARKDOWN, str::to_owned);
                json!({ "msgtype": "markdown", "markdown": { "content": content } })
            }
            Format::Text => {
                let content = self.fitted(text, "", LONGEST_TEXT, str::to_owned);
                let text = match to {
                    Addressee::Nobody => json!({ "content": content }),
                    Addressee::Mobile(mobile) => json!({ "content": content, "mentioned_mobile_list": [mobile] }),
                    Addressee::Id(id) => json!({ "content": content, "mentioned_list": [id] }),
                };
                json!({ "msgtype": "text", "text": text })
            }
        };
        let body = body.to_string();
        Call {
            url: self.url("/cgi-bin/webhook/send", &[("key", self.token.expose_secret())]),
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            shown: vec![body.clone()],
            body: Some(body),
        }
    }
}

pub(super) fn meaning(code: i64) -> Meaning {
    match code {
        45_009 | 45_033 => Meaning::Later(Some(TOO_FAST)),
        -1 => Meaning::Later(None),
        // 93000: key; 40058: contents; 60020: address of the sender.
        _ => Meaning::Never,
    }
}
