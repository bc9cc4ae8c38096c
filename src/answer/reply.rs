//! **Reply**: a short message that came back through a gateway's call: who sent it, and whether it signs.

use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::form;
use crate::core::Instant;
use crate::core::acknowledgement::Via;
use crate::core::delivery::DeliveryState;
use crate::core::notice::{Notice, NoticeKind};
use crate::playbook::Playbook;
use crate::store::{DeliveryFilter, Result, Store};

use super::signing::{Signature, sign};

/// How far back a reply can mean something, in deliveries to the contact.
const BACK: usize = 50;

/// The longest text that is kept of a reply.
const LONGEST_TEXT: usize = 40;

/// `[channels.NAME.replies]`: where a reply's sender and text stand in a call's body. A JSON path; in a form, the name
/// after its `$.`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepliesConfig {
    /// The sender's number.
    pub from: String,
    /// The text.
    pub text: String,
}

/// The same, ready to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyFields {
    from: Field,
    text: Field,
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    path: JsonPath,
    name: String,
}

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The sender's number, as the gateway writes it.
    pub from: String,
    /// The text, cut.
    pub text: String,
}

/// What a reply did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replied {
    /// It signed for so many cards; none of them is new if it came twice.
    Signed {
        /// The contact.
        contact: String,
        /// How many cards it was about.
        cards: usize,
    },
    /// It did nothing, and why.
    Unplaced(&'static str),
}

impl ReplyFields {
    /// The fields, or which key is no JSON path.
    pub fn new(config: &RepliesConfig) -> std::result::Result<Self, String> {
        let field = |key: &str, text: &str| {
            let path = if text.starts_with('$') { text.to_owned() } else { format!("$.{text}") };
            let parsed = JsonPath::parse(&path);
            let path = parsed.map_err(|e| format!("replies.{key}: expected a JSON path such as $.mobile: {e}"))?;
            let name = text.trim_start_matches("$.").to_owned();
            Ok::<_, String>(Field { path, name })
        };
        Ok(Self { from: field("from", &config.from)?, text: field("text", &config.text)? })
    }

    /// The replies in a body, JSON or form; none if there are none.
    pub fn read(&self, body: &[u8]) -> Vec<Reply> {
        let (from, text) = match serde_json::from_slice::<Value>(body) {
            Ok(json) if !json.is_number() => (self.from.in_json(&json), self.text.in_json(&json)),
            _ => (self.from.in_form(body), self.text.in_form(body)),
        };
        let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
        from.into_iter().zip(text).map(|(from, text)| Reply { from: cut(from), text: cut(text) }).collect()
    }
}

impl Field {
    fn in_json(&self, json: &Value) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.path.query(json).iter().map(|value| text(value)).collect()
    }

    fn in_form(&self, body: &[u8]) -> Vec<String> {
        form::field(body, &self.name).into_iter().collect()
    }
}

impl Reply {
    /// Whether it begins with a word that signs: 1, 收到, 签收, Q or OK, in any case and width, and nothing that goes on
    /// in the same word.
    pub fn signs(&self) -> bool {
        const WORDS: [&str; 5] = ["1", "收到", "签收", "q", "ok"];
        let text: String = self.text.trim().chars().map(narrow).flat_map(char::to_lowercase).collect();
        WORDS.iter().any(|word| {
            let next = text.strip_prefix(word).map(|rest| rest.chars().next());
            // 10 is not 1 and okay may be anything; after 收到 a sentence may go on.
            next.is_some_and(|next| next.is_none_or(|next| !word.is_ascii() || !next.is_ascii_alphanumeric()))
        })
    }

    /// Signs for all open cards of the newest message that its sender got by a channel.
    pub async fn place(&self, store: &dyn Store, playbook: &Playbook, channel: &str, now: Instant) -> Result<Replied> {
        let number = bare(&self.from);
        let contacts = playbook.office.directory.all().iter();
        let mut found = contacts.filter(|contact| !number.is_empty() && bare(&contact.mobile) == number);
        let (Some(contact), None) = (found.next(), found.next()) else {
            return Ok(Replied::Unplaced("no one contact has this number"));
        };
        if !self.signs() {
            return Ok(Replied::Unplaced("it begins with no word that signs"));
        }
        let filter =
            DeliveryFilter { state: Some(DeliveryState::Sent), contact: Some(contact.id.to_string()), limit: BACK };
        let mut sent = store.deliveries(&filter).await?;
        sent.retain(|delivery| &*delivery.channel == channel && !delivery.rehearsal);
        sent.sort_by_key(|delivery| std::cmp::Reverse(delivery.settled_at));
        for delivery in sent {
            let members = store.delivery(&delivery.id.to_string()).await?;
            let members: Vec<Notice> = members.into_iter().flat_map(|(_, members)| members).filter(asks).collect();
            if members.is_empty() {
                continue;
            }
            let mut cards = 0;
            for (card, episode) in members.iter().filter_map(|member| Some((member.card?, member.episode))) {
                let signature =
                    Signature { card, episode, contact: contact.id.clone(), by: &contact.id, via: Via::Sms };
                cards += usize::from(sign(store, signature, now).await?.is_some());
            }
            return Ok(Replied::Signed { contact: contact.id.to_string(), cards });
        }
        Ok(Replied::Unplaced("nothing was sent to this number that could be signed for"))
    }
}

/// Whether it was told, and somebody should sign for it.
fn asks(notice: &Notice) -> bool {
    let kinds = [NoticeKind::Raise, NoticeKind::Reminder, NoticeKind::Handover, NoticeKind::Lower, NoticeKind::Order];
    notice.state.is_told() && kinds.contains(&notice.kind) && !notice.because.gone
}

/// A full-width form as the plain one.
fn narrow(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// A mobile number without its country, blanks and dashes.
fn bare(number: &str) -> String {
    let digits: String = number.chars().map(narrow).filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix("00").unwrap_or(&digits);
    // A Chinese mobile number has eleven digits.
    if national.len() == 13 { national.strip_prefix("86").unwrap_or(national) } else { national }.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields() -> ReplyFields {
        let config = RepliesConfig { from: "$.mobile".into(), text: "$.content".into() };
        ReplyFields::new(&config).expect("two paths")
    }

    fn reply(text: &str) -> Reply {
        Reply { from: "13900000001".into(), text: text.into() }
    }

    #[test]
    fn some_words_sign_and_others_do_not() {
        for text in
            ["1", " 1", "１", "1。", "1 收到", "收到", "收到，马上办", "签收", "Q", "ｑ", "q!", "OK", "Ok.", "ＯＫ"]
        {
            assert!(reply(text).signs(), "{text}");
        }
        for text in ["", "10", "12345", "不收到", "T", "quit", "okay", "no", "2", "未签收", "TD", "退订"] {
            assert!(!reply(text).signs(), "{text}");
        }
    }

    #[test]
    fn a_reply_is_read_from_json_and_from_a_form() {
        let expected = vec![Reply { from: "8613900000001".into(), text: "收到".into() }];
        let json = r#"{"mobile": 8613900000001, "content": "收到", "x": 1}"#;
        assert_eq!(fields().read(json.as_bytes()), expected);
        assert_eq!(fields().read("mobile=8613900000001&content=%E6%94%B6%E5%88%B0".as_bytes()), expected);
        for body in ["", "{}", "[]", "null", "7", "mobile=1", "{\"mobile\": \"1\"}", "\u{feff}<xml/>"] {
            assert_eq!(fields().read(body.as_bytes()), [], "{body}");
        }
        let many = RepliesConfig { from: "$[*].mobile".into(), text: "$[*].content".into() };
        let many = ReplyFields::new(&many).expect("two paths");
        let json = r#"[{"mobile": "1", "content": "a"}, {"mobile": "2", "content": "b\n"}]"#;
        assert_eq!(many.read(json.as_bytes()).len(), 2);
        assert_eq!(many.read(json.as_bytes())[1].text, "b");
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for number in ["13900000001", "+86 139-0000-0001", "8613900000001", "008613900000001", "１３９００００００01"]
        {
            assert_eq!(bare(number), "13900000001", "{number}");
        }
        assert_eq!(bare("10690001"), "10690001");
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_key() {
        let config = RepliesConfig { from: "$.".into(), text: "content".into() };
        let error = ReplyFields::new(&config).expect_err("no path");
        assert!(error.starts_with("replies.from: expected a JSON path"), "{error}");
    }

    proptest! {
        #[test]
        fn any_body_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,80}") {
            fields().read(&body);
            for reply in fields().read(text.as_bytes()) {
                reply.signs();
            }
        }
    }
}
