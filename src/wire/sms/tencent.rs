//! Tencent Cloud: `SendSms` and `PullSmsSendStatusByPhoneNumber` of 2021-01-11
//! (<https://cloud.tencent.com/document/product/382/55981>).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::number::Number;
use super::tc3::{CONTENT_TYPE, Unsigned};
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

const VERSION: &str = "2021-01-11";

/// `[channels.NAME.tencent]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TencentConfig {
    /// The id of the API key; the key itself is `secrets.secret_key`.
    pub secret_id: String,
    /// The application: `SmsSdkAppId`.
    pub app_id: String,
    /// The registered signature, without 【】.
    pub sign: String,
    /// The registered template's id.
    pub template: String,
    /// The registered template's text, with its variables as `{1}`, `{2}` …
    pub text: String,
    /// What fills `{1}`, `{2}` …: a template each.
    #[serde(default)]
    pub params: Vec<String>,
    /// The longest value of a variable, in UTF-16 units.
    #[serde(default)]
    pub max_len: MaxLen,
    /// The region that the request names.
    #[serde(default = "guangzhou")]
    pub region: String,
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

fn guangzhou() -> String {
    "ap-guangzhou".to_owned()
}

fn public() -> String {
    "https://sms.tencentcloudapi.com".to_owned()
}

impl TencentConfig {
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

struct Tencent {
    url: Url,
    secret_id: String,
    secret_key: SecretString,
    app_id: String,
    sign: String,
    template: String,
    region: String,
    wording: Wording,
}

/// The channel; `secret_key` is among `secrets`.
pub fn tencent(
    config: &TencentConfig,
    secrets: BTreeMap<String, SecretString>,
    clock: Arc<dyn Clock>,
) -> Result<Vendor, ChannelError> {
    let redaction = Redaction::of(secrets.values());
    let [secret_key] = vendor::pick(secrets, ["secret_key"])?;
    let params = (1..).zip(&config.params).map(|(number, value): (usize, _)| (number.to_string(), value.clone()));
    let url = vendor::endpoint(&config.endpoint)?;
    let tencent = Tencent {
        url: url.clone(),
        secret_id: key_id("secret_id", &config.secret_id)?,
        secret_key: secret_key.ok_or_else(|| ChannelError::new("secrets", "secret_key", "none"))?,
        app_id: config.app_id.clone(),
        sign: config.sign.clone(),
        template: config.template.clone(),
        region: key_id("region", &config.region)?,
        wording: Wording::new(&config.sign, &config.text, Style::Numbered, params.collect(), &config.max_len)?,
    };
    Vendor::new(Box::new(tencent), &config.reach(), &url, redaction, clock)
}

impl Tencent {
    fn signed(&self, action: &str, body: &Value, at: Instant) -> Call {
        let (host, body) = (vendor::host(&self.url), body.to_string());
        let unsigned = Unsigned { host: &host, service: "sms", body: &body, at };
        let headers = vec![
            ("authorization", unsigned.authorization(&self.secret_id, self.secret_key.expose_secret())),
            ("content-type", CONTENT_TYPE.to_owned()),
            ("x-tc-action", action.to_owned()),
            ("x-tc-region", self.region.clone()),
            ("x-tc-timestamp", at.timestamp().to_string()),
            ("x-tc-version", VERSION.to_owned()),
        ];
        Call { url: self.url.clone(), headers, shown: vec![body.clone()], body: Some(body) }
    }
}

impl Dialect for Tencent {
    fn medium(&self) -> Medium {
        Medium::Sms
    }

    /// What carriers take for one number a day, and what the vendor takes of one text; its console may allow fewer.
    fn rates(&self) -> Rates {
        Rates { all: Vec::new(), each: vec![Rate { count: 1, per: Duration::from_secs(30) }, Rate::per_day(10)] }
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn call(&self, message: &Message, stamp: &Stamp) -> Result<Call, Outcome> {
        let number = Number::read(&message.to_address);
        let number = number.map_err(|reason| Outcome::Permanent { reason, bad_address: true })?;
        let values = self.wording.fill(message).map_err(|reason| failed_template(&reason))?;
        let params: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
        let body = json!({
            "PhoneNumberSet": [number.e164()],
            "SmsSdkAppId": self.app_id,
            "SignName": self.sign,
            "TemplateId": self.template,
            "TemplateParamSet": params,
            "SessionContext": message.id.to_string(),
        });
        let mut call = self.signed("SendSms", &body, stamp.at);
        call.shown.push(self.wording.shown(&values));
        Ok(call)
    }

    fn read(&self, answer: &Value) -> Option<Word> {
        let response = answer.get("Response")?;
        let status = response.get("Error").or_else(|| response.pointer("/SendStatusSet/0"))?;
        let code = status.get("Code")?.as_str()?;
        let text = status.get("Message").and_then(Value::as_str).unwrap_or_default();
        let id = || status.get("SerialNo").and_then(Value::as_str).map(str::to_owned);
        let meaning = if code == "Ok" { Meaning::Taken(id()) } else { meaning(code) };
        Some(Word::new(code, text, meaning))
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    fn questions(
        &self,
        _remote_id: &str,
        address: &str,
        taken_at: Instant,
        stamp: &dyn Fn() -> Stamp,
    ) -> Result<Vec<Call>, String> {
        let number = Number::read(address)?;
        let body = json!({
            // The vendor's clock and ours may differ by a little.
            "BeginTime": (taken_at - chrono::Duration::minutes(10)).timestamp(),
            "Offset": 0,
            "Limit": 100,
            "PhoneNumber": number.e164(),
            "SmsSdkAppId": self.app_id,
        });
        Ok(vec![self.signed("PullSmsSendStatusByPhoneNumber", &body, stamp().at)])
    }

    fn read_receipt(&self, answer: &Value, remote_id: &str) -> Result<Option<Receipt>, String> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(error) = answer.pointer("/Response/Error") {
            return Err(format!("expected a list, got {} {}", text(error, "Code"), text(error, "Message")));
        }
        let all = answer.pointer("/Response/PullSmsSendStatusSet").and_then(Value::as_array);
        let all = all.ok_or("expected Response.PullSmsSendStatusSet, and nothing is there")?;
        let own = all.iter().find(|status| text(status, "SerialNo") == remote_id);
        Ok(own.map(|status| Receipt {
            remote_id: remote_id.to_owned(),
            delivered: text(status, "ReportStatus") == "SUCCESS",
            reason: text(status, "Description"),
        }))
    }
}

/// Of the codes in <https://cloud.tencent.com/document/api/382/55981>.
fn meaning(code: &str) -> Meaning {
    match code {
        "InvalidParameterValue.IncorrectPhoneNumber" | "FailedOperation.PhoneNumberInBlacklist" => Meaning::BadAddress,
        // The request asked for too many numbers, which ours never does.
        "LimitExceeded.PhoneNumberCountLimit" => Meaning::Never,
        "LimitExceeded.PhoneNumberThirtySecondLimit" | "LimitExceeded.DeliveryFrequencyLimit" => {
            Meaning::Later(Some(Duration::from_mins(1)))
        }
        code if code.starts_with("LimitExceeded") => Meaning::Later(Some(BUSY_FOR)),
        code if code.starts_with("RequestLimitExceeded") => Meaning::Later(Some(Duration::from_mins(1))),
        // The clocks differ, and clocks are set right.
        "AuthFailure.SignatureExpire" | "InternalError.RequestTimeException" => {
            Meaning::Later(Some(Duration::from_mins(1)))
        }
        // Handed on, and no answer came back.
        "InternalError"
        | "InternalError.Timeout"
        | "InternalError.SendAndRecvFail"
        | "InternalError.OtherError"
        | "InternalError.UnknownError" => Meaning::Unknown,
        // Template, signature, variables, package, rights.
        _ => Meaning::Never,
    }
}
