//! Signatures and bodies after Standard Webhooks (<https://www.standardwebhooks.com>), `v1`.
//!
//! **Invariant:** the id is the delivery's, the same for every try; the time is the try's; while keys change, every key
//! signs. A body that duban makes stays below 20 kB.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde_json::{Value, json};

use crate::core::Instant;
use crate::core::contact::Medium;
use crate::core::delivery::DeliveryId;
use crate::wire::signature::hmac_sha256;
use crate::wire::{ChannelError, Message};

/// The secrets that hold keys, the newest first.
const KEYS: [&str; 2] = ["webhook", "webhook_old"];

/// What the specification allows a payload.
const LONGEST: usize = 20_000;

/// What a payload is about.
const KIND: &str = "duban.message";

/// The keys of one channel.
pub(super) struct Signer(Vec<SecretBox<Vec<u8>>>);

impl Signer {
    pub(super) fn new(secrets: &BTreeMap<String, SecretString>) -> Result<Self, ChannelError> {
        let keys = KEYS.iter().filter_map(|name| secrets.get(*name).map(parse_key));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if !secrets.contains_key(KEYS[0]) {
            return Err(ChannelError::new("standard_webhooks", "secrets = { webhook = {…} }", "no such secret"));
        }
        Ok(Self(keys))
    }

    /// The headers that sign a body.
    pub(super) fn headers(&self, id: &DeliveryId, now: Instant, body: &[u8]) -> [(&'static str, String); 3] {
        let (id, at) = (id.to_string(), now.timestamp().to_string());
        let signature = self.signature(&id, &at, body);
        [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
    }

    fn signature(&self, id: &str, at: &str, body: &[u8]) -> String {
        let text = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
        let sign =
            |key: &SecretBox<Vec<u8>>| format!("v1,{}", STANDARD.encode(hmac_sha256(key.expose_secret(), &text)));
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

fn parse_key(secret: &SecretString) -> Result<SecretBox<Vec<u8>>, ChannelError> {
    let wrong = |got: String| ChannelError::new("standard_webhooks", "whsec_ and the base64 of 24 to 64 bytes", got);
    let text = secret.expose_secret().trim();
    let key =
        STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| wrong("no base64".to_owned()))?;
    if (24..=64).contains(&key.len()) {
        Ok(SecretBox::new(Box::new(key)))
    } else {
        Err(wrong(format!("{} bytes", key.len())))
    }
}

/// A message as data.
fn data(message: &Message, medium: Medium) -> Result<Value, String> {
    let mut value = serde_json::to_value(message).map_err(|error| error.to_string())?;
    value["medium"] = serde_json::to_value(medium).map_err(|error| error.to_string())?;
    Ok(value)
}

/// `{type, timestamp, data}`. What is too long loses first its HTML, then its facts, then the end of its text, and says
/// so.
pub(super) fn payload(message: &Message, medium: Medium) -> Result<String, String> {
    let mut data = data(message, medium)?;
    for key in ["html", "facts", "thread"] {
        if written(message, &data).len() < LONGEST {
            break;
        }
        data[key] = Value::Null;
        data["cut"] = Value::Bool(true);
    }
    let mut room = 4_000;
    while LONGEST <= written(message, &data).len() && room > 0 {
        for (key, longest) in [("text", room), ("subject", room / 4), ("to_name", room / 4), ("to_address", room / 4)] {
            let text = data[key].as_str().unwrap_or_default();
            if text.chars().nth(longest).is_some() {
                data[key] = text.chars().take(longest).chain(['…']).collect::<String>().into();
            }
        }
        room /= 2;
    }
    Ok(written(message, &data))
}

fn written(message: &Message, data: &Value) -> String {
    json!({ "type": KIND, "timestamp": message.date.to_rfc3339(), "data": data }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digest::Digest;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn signer(keys: &[(&str, &str)]) -> Result<Signer, ChannelError> {
        Signer::new(&keys.iter().map(|(name, key)| ((*name).to_owned(), SecretString::from(*key))).collect())
    }

    #[test]
    fn a_signature_is_that_of_the_specification() {
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signer(&[("webhook", KEY)]).expect("key").signature(id, at, body), expected);
        let both = signer(&[("webhook", OTHER), ("webhook_old", KEY)]).expect("keys").signature(id, at, body);
        let (new, old) = both.split_once(' ').expect("two");
        assert_eq!(old, expected);
        assert!(new.starts_with("v1,") && new != old, "{both}");
    }

    #[test]
    fn a_key_is_twenty_four_to_sixty_four_bytes() {
        let of = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for good in [24, 64] {
            assert!(signer(&[("webhook", &of(good))]).is_ok(), "{good}");
        }
        for bad in [of(23), of(65), String::new(), "whsec_".to_owned(), "not base64!".to_owned()] {
            let error = signer(&[("webhook", &bad)]).err().expect(&bad).to_string();
            assert!(bad.len() < 10 || !error.contains(&bad), "{error}");
        }
        assert!(signer(&[("webhook_old", KEY)]).is_err());
    }

    #[test]
    fn a_payload_stays_below_twenty_thousand_bytes() {
        let long = "\u{1}督\"".repeat(300_000);
        let message = |subject: &str, text: &str, facts: Value| Message {
            id: DeliveryId(Digest::of([b"one".as_slice()])),
            to_name: subject.to_owned(),
            to_address: "handler@example.test".to_owned(),
            date: "2026-03-02T02:00:00Z".parse().expect("instant"),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: Some(text.to_owned()),
            thread: Vec::new(),
            facts: facts.into(),
        };
        let read = |message: &Message| -> Value {
            let text = payload(message, Medium::Im).expect("payload");
            assert!(text.len() < LONGEST, "{}", text.len());
            serde_json::from_str(&text).expect("JSON")
        };
        let short = read(&message("s", "t", json!({ "code": "P0136" })));
        assert_eq!((&short["type"], &short["timestamp"]), (&json!(KIND), &json!("2026-03-02T02:00:00+00:00")));
        assert_eq!((&short["data"]["facts"]["code"], &short["data"]["cut"]), (&json!("P0136"), &Value::Null));
        let facts = read(&message("s", "t", json!({ "titles": long })));
        assert_eq!((&facts["data"]["text"], &facts["data"]["cut"]), (&json!("t"), &json!(true)));
        let everything = read(&message(&long, &long, json!(long)));
        assert!(everything["data"]["text"].as_str().is_some_and(|text| text.ends_with('…')));
    }
}
