//! Aliyun: `SendSms` and `QuerySendDetails` of 2017-05-25
//! (<https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms>).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::FixedOffset;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::acs3::Unsigned;
use super::number::Number;
use super::wording::{MaxLen, Style, Wording};
use super::{BUSY_FOR, failed_template, four, key_id, thirty};
use crate::core::Instant;
use crate::core::contact::Medium;
use crate::core::delivery::{Outcome, Receipt};
use crate::core::rate::{Rate, Rates};
use crate::time::Clock;
use crate::wire::address::Networks;
use crate::wire::http::Reach;
use crate::wire::redaction::Redaction;
use crate::wire::trust::Trust;
use crate::wire::vendor::{self, Call, Dialect, Meaning, Stamp, Vendor, Word};
use crate::wire::{ChannelError, Message, seen_from, yes};

const VERSION: &str = "2017-05-25";

/// `[channels.NAME.aliyun]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliyunConfig {
    /// The id of the access key; its secret is `secrets.access_key_secret`.
    pub access_key_id: String,
    /// The registered signature, without 【】.
    pub sign: String,
    /// The registered template's code: `SMS_…`.
    pub template: String,
    /// The registered template's text, with its variables as `${name}`.
    pub text: String,
    /// What fills each variable: a template.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The longest value of a variable, in UTF-16 units.
    #[serde(default)]
    pub max_len: MaxLen,
    /// `https://host` of a private deployment.
    #[serde(default = "public")]
    pub endpoint: String,
    /// The longest that one request may take, in seconds.
    #[serde(default = "thirty")]
    pub timeout: u64,
    /// How many requests are open at once.
    #[serde(default = "four")]
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

fn public() -> String {
    "https://dysmsapi.aliyuncs.com".to_owned()
}

impl AliyunConfig {
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
            keep_alive: false,
            allow_networks: self.allow_networks.clone(),
            proxy: self.proxy.clone(),
        }
    }
}

struct Aliyun {
    url: Url,
    key_id: String,
    key_secret: SecretString,
    sign: String,
    template: String,
    wording: Wording,
}

/// The channel; `access_key_secret` is among `secrets`.
pub fn aliyun(
    config: &AliyunConfig,
    secrets: BTreeMap<String, SecretString>,
    clock: Arc<dyn Clock>,
) -> Result<Vendor, ChannelError> {
    let redaction = Redaction::of(secrets.values());
    let [key_secret] = vendor::pick(secrets, ["access_key_secret"])?;
    let params = config.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let url = vendor::endpoint(&config.endpoint)?;
    let aliyun = Aliyun {
        url: url.clone(),
        key_id: key_id("access_key_id", &config.access_key_id)?,
        key_secret: key_secret.ok_or_else(|| ChannelError::new("secrets", "access_key_secret", "none"))?,
        sign: config.sign.clone(),
        template: config.template.clone(),
        wording: Wording::new(&config.sign, &config.text, Style::Named, params, &config.max_len)?,
    };
    Vendor::new(Box::new(aliyun), &config.reach(), &url, redaction, clock)
}

impl Aliyun {
    fn signed(&self, action: &str, query: &BTreeMap<&'static str, String>, stamp: &Stamp) -> Call {
        let host = vendor::host(&self.url);
        let date = stamp.at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (version, nonce) = (VERSION, stamp.nonce.as_str());
        let unsigned = Unsigned { host: &host, action, version, date: &date, nonce, query };
        let authorization = unsigned.authorization(&self.key_id, self.key_secret.expose_secret());
        // The host's header comes with the URL.
        let mut headers: Vec<_> = unsigned.headers().into_iter().filter(|(name, _)| *name != "host").collect();
        headers.push(("authorization", authorization));
        let mut url = self.url.clone();
        url.set_query(Some(&unsigned.query()));
        Call { url, headers, body: None, shown: query.iter().map(|(name, value)| format!("{name}={value}")).collect() }
    }
}

impl Dialect for Aliyun {
    fn medium(&self) -> Medium {
        Medium::Sms
    }

    /// Notifications to one number with one signature and one template.
    fn rates(&self) -> Rates {
        Rates { all: Vec::new(), each: vec![Rate::per_day(50)] }
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn call(&self, message: &Message, stamp: &Stamp) -> Result<Call, Outcome> {
        let number = Number::read(&message.to_address);
        let number = number.map_err(|reason| Outcome::Permanent { reason, bad_address: true })?;
        let values = self.wording.fill(message).map_err(|reason| failed_template(&reason))?;
        // The vendor takes strings only, so that a number is one too.
        let params: serde_json::Map<String, Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
        let query = BTreeMap::from([
            ("OutId", message.id.to_string()),
            ("PhoneNumbers", number.bare().to_owned()),
            ("SignName", self.sign.clone()),
            ("TemplateCode", self.template.clone()),
            ("TemplateParam", Value::Object(params).to_string()),
        ]);
        let mut call = self.signed("SendSms", &query, stamp);
        call.shown.push(self.wording.shown(&values));
        Ok(call)
    }

    fn read(&self, answer: &Value) -> Option<Word> {
        let code = answer.get("Code")?.as_str()?;
        let text = answer.get("Message").and_then(Value::as_str).unwrap_or_default();
        let id = || answer.get("BizId").and_then(Value::as_str).map(str::to_owned);
        let meaning = if code == "OK" { Meaning::Taken(id()) } else { meaning(code) };
        Some(Word::new(code, text, meaning))
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    fn questions(
        &self,
        remote_id: &str,
        address: &str,
        taken_at: Instant,
        stamp: &dyn Fn() -> Stamp,
    ) -> Result<Vec<Call>, String> {
        let number = Number::read(address)?;
        // The vendor keeps days of China; what was taken right after midnight may have been sent right before.
        let mut days = [taken_at, taken_at - chrono::Duration::minutes(5)].map(day).to_vec();
        days.dedup();
        let question = |day: String| {
            let query = BTreeMap::from([
                ("BizId", remote_id.to_owned()),
                ("CurrentPage", "1".to_owned()),
                ("PageSize", "10".to_owned()),
                ("PhoneNumber", number.bare().to_owned()),
                ("SendDate", day),
            ]);
            self.signed("QuerySendDetails", &query, &stamp())
        };
        Ok(days.into_iter().map(question).collect())
    }

    fn read_receipt(&self, answer: &Value, remote_id: &str) -> Result<Option<Receipt>, String> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text(answer, "Code") != "OK" {
            return Err(format!("expected OK, got {} {}", text(answer, "Code"), text(answer, "Message")));
        }
        let details = answer.pointer("/SmsSendDetailDTOs/SmsSendDetailDTO").and_then(Value::as_array);
        let settled = details.into_iter().flatten().find_map(|detail| {
            let delivered = match detail.get("SendStatus")?.as_i64()? {
                2 => false,
                3 => true,
                // 1: the carrier has not answered yet.
                _ => return None,
            };
            Some(Receipt { remote_id: remote_id.to_owned(), delivered, reason: text(detail, "ErrCode") })
        });
        Ok(settled)
    }
}

fn day(at: Instant) -> String {
    let china = FixedOffset::east_opt(8 * 3_600).expect("eight hours are an offset");
    at.with_timezone(&china).format("%Y%m%d").to_string()
}

/// Of the codes in <https://help.aliyun.com/zh/sms/developer-reference/api-error-codes>.
fn meaning(code: &str) -> Meaning {
    match code {
        "isv.BUSINESS_LIMIT_CONTROL" | "isv.DAY_LIMIT_CONTROL" | "isv.MONTH_LIMIT_CONTROL" => {
            Meaning::Later(Some(BUSY_FOR))
        }
        "isv.MOBILE_NUMBER_ILLEGAL" => Meaning::BadAddress,
        // The vendor had this very request before: something between us sent it twice.
        "SignatureNonceUsed" | "InternalError" => Meaning::Unknown,
        "isp.SYSTEM_ERROR" | "ServiceUnavailable" => Meaning::Later(None),
        // The clocks differ, and clocks are set right.
        "IllegalTimestamp" | "InvalidTimeStamp.Expired" => Meaning::Later(Some(Duration::from_mins(1))),
        code if code.starts_with("Throttling") => Meaning::Later(Some(Duration::from_mins(1))),
        // Template, signature, variables (isv.BLACK_KEY_CONTROL_LIMIT speaks of those too), account, rights.
        _ => Meaning::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_china() {
        for (at, expected) in [("2026-03-02T15:59:59Z", "20260302"), ("2026-03-02T16:00:00Z", "20260303")] {
            assert_eq!(day(at.parse().expect("instant")), expected);
        }
    }
}
