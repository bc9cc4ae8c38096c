//! The short message services of Aliyun and Tencent Cloud.

use std::collections::{BTreeMap, HashSet};

use duban::core::Instant;
use regex::Regex;
use serde_json::{Value, json};

use super::super::gateway::Asked;
use super::{Desk, hmac, is_near, sha256};

/// A template that was registered, and what happened to a message of it.
#[derive(Default)]
struct Registry {
    templates: BTreeMap<String, String>,
    signs: Vec<String>,
    taken: Vec<Taken>,
}

struct Taken {
    id: String,
    phone: String,
    text: String,
    at: Instant,
    session: String,
    fate: Option<(bool, &'static str)>,
}

impl Registry {
    fn new() -> Self {
        let templates = BTreeMap::from([
            ("SMS_1".to_owned(), "${title}${state}，请登录督办平台办理。".to_owned()),
            ("1001".to_owned(), "{1}{2}，请登录督办平台办理。".to_owned()),
        ]);
        Self { templates, signs: vec!["示范区督查室".to_owned()], taken: Vec::new() }
    }

    fn recent(&self, phone: &str, now: Instant, seconds: i64) -> usize {
        self.taken.iter().filter(|taken| taken.phone == phone && (now - taken.at).num_seconds() < seconds).count()
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.taken.iter().map(|taken| (taken.phone.clone(), taken.text.clone())).collect()
    }

    fn settle(&mut self, delivered: bool, reason: &'static str) {
        self.taken.last_mut().expect("a message").fate = Some((delivered, reason));
    }
}

/// What carriers find in a variable.
fn has_link(value: &str) -> bool {
    let link = r"(?i)://|www\.|[a-z0-9]\.(com|cn|net|org|test|example)([^a-z0-9]|$)|\d+\.\d+\.\d+\.\d+";
    Regex::new(link).expect("expression").is_match(value)
}

/// The template with its variables filled, if none is missing; what fills them is not looked at again.
fn filled<'a>(template: &str, variable: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let variable = Regex::new(variable).expect("expression");
    let is_whole = variable.captures_iter(template).all(|found| value(&found[1]).is_some());
    let fill = |found: &regex::Captures<'_>| value(&found[1]).unwrap_or_default().to_owned();
    is_whole.then(|| variable.replace_all(template, fill).into_owned())
}

/// Aliyun.
pub struct Aliyun {
    key_id: String,
    key_secret: String,
    nonces: HashSet<String>,
    registry: Registry,
}

impl Aliyun {
    pub fn new(key_id: &str, key_secret: &str) -> Self {
        let (key_id, key_secret) = (key_id.to_owned(), key_secret.to_owned());
        Self { key_id, key_secret, nonces: HashSet::new(), registry: Registry::new() }
    }

    /// The carrier has settled the last message.
    pub fn settle(&mut self, delivered: bool, reason: &'static str) {
        self.registry.settle(delivered, reason);
    }

    fn refuse_unsigned(&mut self, asked: &Asked, now: Instant) -> Result<(), (u16, Value)> {
        let refuse = |code: &str, text: &str| {
            Err((400, json!({ "Code": code, "Message": text, "RequestId": "R-1", "HostId": "mock" })))
        };
        let authorization = asked.header("authorization");
        let Some(rest) = authorization.strip_prefix("ACS3-HMAC-SHA256 Credential=") else {
            return refuse("MissingAuthorization", "no ACS3 signature");
        };
        let Some((id, rest)) = rest.split_once(",SignedHeaders=") else {
            return refuse("IncompleteSignature", "SignedHeaders");
        };
        let (names, signature) = rest.split_once(",Signature=").expect("signature");
        let signed: Vec<&str> = names.split(';').collect();
        let must = asked.headers.keys().map(axum::http::HeaderName::as_str);
        let must: Vec<&str> = must.filter(|name| name.starts_with("x-acs-") || *name == "host").collect();
        if !signed.is_sorted() || must.iter().any(|name| !signed.contains(name)) {
            return refuse("IncompleteSignature", names);
        }
        let mut query: Vec<&str> = asked.uri.query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        let headers: Vec<_> = signed.iter().map(|name| format!("{name}:{}", asked.header(name).trim())).collect();
        let headers = headers.join("\n");
        let (path, body) = (asked.uri.path(), sha256(&asked.body));
        let canonical = format!("{}\n{path}\n{}\n{headers}\n\n{names}\n{body}", asked.method, query.join("&"));
        let text = format!("ACS3-HMAC-SHA256\n{}", sha256(canonical.as_bytes()));
        if id != self.key_id {
            return refuse("InvalidAccessKeyId.NotFound", "Specified access key is not found.");
        }
        if signature != hex::encode(hmac(self.key_secret.as_bytes(), text.as_bytes())) {
            return refuse("SignatureDoesNotMatch", &format!("server string to sign is: {text}"));
        }
        let date = asked.header("x-acs-date").parse::<Instant>();
        if asked.header("x-acs-content-sha256") != body || !date.is_ok_and(|date| is_near(date.timestamp(), now, 900)) {
            return refuse("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.");
        }
        if !self.nonces.insert(asked.header("x-acs-signature-nonce").to_owned()) {
            return refuse("SignatureNonceUsed", "Specified signature nonce was used already.");
        }
        Ok(())
    }

    fn send(&mut self, fields: &BTreeMap<String, String>, now: Instant) -> Value {
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let refuse = |code: &str| json!({ "Code": code, "Message": code.to_lowercase(), "RequestId": "R-2" });
        let phone = field("PhoneNumbers").to_owned();
        if !Regex::new(r"^(1\d{10}|[2-9]\d{6,14})$").expect("expression").is_match(&phone) {
            return refuse("isv.MOBILE_NUMBER_ILLEGAL");
        }
        if !self.registry.signs.iter().any(|sign| sign == field("SignName")) {
            return refuse("isv.SMS_SIGNATURE_ILLEGAL");
        }
        let Some(template) = self.registry.templates.get(field("TemplateCode")) else {
            return refuse("isv.SMS_TEMPLATE_ILLEGAL");
        };
        let Ok(params) = serde_json::from_str::<BTreeMap<String, String>>(field("TemplateParam")) else {
            return refuse("isv.INVALID_JSON_PARAM");
        };
        for value in params.values() {
            match value {
                _ if value.is_empty() || value.contains(['\n', '\r']) => return refuse("isv.INVALID_JSON_PARAM"),
                _ if has_link(value) => return refuse("isv.PARAM_NOT_SUPPORT_URL"),
                _ if value.chars().count() > 20 => return refuse("isv.PARAM_LENGTH_LIMIT"),
                _ => {}
            }
        }
        let Some(text) = filled(template, r"\$\{(\w+)\}", |name| params.get(name).map(String::as_str)) else {
            return refuse("isv.TEMPLATE_MISSING_PARAMETERS");
        };
        if self.registry.recent(&phone, now, 86_400) >= 50 {
            return refuse("isv.BUSINESS_LIMIT_CONTROL");
        }
        let id = format!("90061954{}^0", self.registry.taken.len());
        let session = field("OutId").to_owned();
        self.registry.taken.push(Taken { id: id.clone(), phone, text, at: now, session, fate: None });
        json!({ "Code": "OK", "Message": "OK", "RequestId": "R-3", "BizId": id })
    }

    fn details(&self, fields: &BTreeMap<String, String>) -> Value {
        let day = |at: Instant| (at + chrono::Duration::hours(8)).format("%Y%m%d").to_string();
        let found = self.registry.taken.iter().filter(|taken| {
            (&taken.id, &taken.phone, &day(taken.at)) == (&fields["BizId"], &fields["PhoneNumber"], &fields["SendDate"])
        });
        let details: Vec<Value> = found
            .map(|taken| {
                let (status, code) = match taken.fate {
                    None => (1, ""),
                    Some((delivered, reason)) => (if delivered { 3 } else { 2 }, reason),
                };
                json!({ "PhoneNum": taken.phone, "SendStatus": status, "ErrCode": code, "OutId": taken.session })
            })
            .collect();
        json!({ "Code": "OK", "Message": "OK", "TotalCount": details.len(),
                "SmsSendDetailDTOs": { "SmsSendDetailDTO": details } })
    }
}

impl Desk for Aliyun {
    fn answer(&mut self, asked: &Asked, now: Instant) -> (u16, Value) {
        if let Err(refusal) = self.refuse_unsigned(asked, now) {
            return refusal;
        }
        let fields: BTreeMap<String, String> = asked.query().into_iter().chain(asked.form()).collect();
        match (asked.header("x-acs-version"), asked.header("x-acs-action")) {
            ("2017-05-25", "SendSms") => (200, self.send(&fields, now)),
            ("2017-05-25", "QuerySendDetails") => (200, self.details(&fields)),
            _ => (404, json!({ "Code": "InvalidAction.NotFound", "Message": "no such action" })),
        }
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.registry.taken()
    }
}

/// Tencent Cloud.
pub struct Tencent {
    secret_id: String,
    secret_key: String,
    registry: Registry,
}

impl Tencent {
    pub fn new(secret_id: &str, secret_key: &str) -> Self {
        Self { secret_id: secret_id.to_owned(), secret_key: secret_key.to_owned(), registry: Registry::new() }
    }

    /// The carrier has settled the last message.
    pub fn settle(&mut self, delivered: bool, reason: &'static str) {
        self.registry.settle(delivered, reason);
    }

    fn refuse_unsigned(&self, asked: &Asked, now: Instant) -> Result<(), &'static str> {
        let timestamp: i64 = asked.header("x-tc-timestamp").parse().map_err(|_| "MissingParameter")?;
        let authorization = asked.header("authorization");
        let rest =
            authorization.strip_prefix("TC3-HMAC-SHA256 Credential=").ok_or("AuthFailure.InvalidAuthorization")?;
        let (credential, rest) = rest.split_once(", SignedHeaders=").ok_or("AuthFailure.InvalidAuthorization")?;
        let (names, signature) = rest.split_once(", Signature=").ok_or("AuthFailure.InvalidAuthorization")?;
        let signed: Vec<&str> = names.split(';').collect();
        if !signed.is_sorted() || !signed.contains(&"host") || !signed.contains(&"content-type") {
            return Err("AuthFailure.InvalidAuthorization");
        }
        let (id, scope) = credential.split_once('/').ok_or("AuthFailure.InvalidAuthorization")?;
        if id != self.secret_id {
            return Err("AuthFailure.SecretIdNotFound");
        }
        let day = Instant::from_timestamp(timestamp, 0).expect("instant").format("%Y-%m-%d").to_string();
        if scope != format!("{day}/sms/tc3_request") {
            return Err("AuthFailure.SignatureFailure");
        }
        let header = |name: &&str| format!("{name}:{}", asked.header(name).trim().to_lowercase());
        let headers = signed.iter().map(header).collect::<Vec<_>>().join("\n");
        let query = asked.uri.query().unwrap_or_default();
        let canonical = format!("{}\n/\n{query}\n{headers}\n\n{names}\n{}", asked.method, sha256(&asked.body));
        let text = format!("TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let key = [day.as_bytes(), b"sms", b"tc3_request"]
            .iter()
            .fold(format!("TC3{}", self.secret_key).into_bytes(), |key, part| hmac(&key, part).to_vec());
        if signature != hex::encode(hmac(&key, text.as_bytes())) {
            return Err("AuthFailure.SignatureFailure");
        }
        if is_near(timestamp, now, 300) { Ok(()) } else { Err("AuthFailure.SignatureExpire") }
    }

    fn send(&mut self, body: &Value, now: Instant) -> Result<Value, &'static str> {
        let text = |name: &str| body[name].as_str().ok_or("InvalidParameter");
        let numbers = body["PhoneNumberSet"].as_array().ok_or("MissingParameter.EmptyPhoneNumberSet")?;
        let params = body["TemplateParamSet"].as_array().ok_or("InvalidParameter")?;
        if text("SmsSdkAppId")? != "1400006666" {
            return Err("UnauthorizedOperation.SmsSdkAppIdVerifyFail");
        }
        let (template, sign, session) = (text("TemplateId")?, text("SignName")?, text("SessionContext")?);
        if session.len() >= 512 || params.iter().any(|param| !param.is_string()) {
            return Err("InvalidParameter");
        }
        let params: Vec<&str> = params.iter().filter_map(Value::as_str).collect();
        let [number] = &numbers[..] else { return Err("LimitExceeded.PhoneNumberCountLimit") };
        let number = number.as_str().ok_or("InvalidParameter")?;
        let code = self.take(number, template, sign, session, &params, now);
        let id = format!("5000:{}", self.registry.taken.len());
        let id = if code == "Ok" { id } else { String::new() };
        Ok(json!({ "SendStatusSet": [{ "SerialNo": id, "PhoneNumber": number, "Fee": 1, "SessionContext": session,
                                       "Code": code, "Message": "send result", "IsoCode": "CN" }] }))
    }

    fn take(
        &mut self,
        number: &str,
        template: &str,
        sign: &str,
        session: &str,
        params: &[&str],
        now: Instant,
    ) -> &'static str {
        if !Regex::new(r"^\+(861\d{10}|[1-79]\d{6,14})$").expect("expression").is_match(number) {
            return "InvalidParameterValue.IncorrectPhoneNumber";
        }
        if !self.registry.signs.iter().any(|known| known == sign) {
            return "FailedOperation.SignatureIncorrectOrUnapproved";
        }
        let Some(template) = self.registry.templates.get(template) else {
            return "FailedOperation.TemplateIncorrectOrUnapproved";
        };
        if Regex::new(r"\{\d+\}").expect("expression").find_iter(template).count() != params.len() {
            return "FailedOperation.TemplateIncorrectOrUnapproved";
        }
        if params.iter().any(|param| has_link(param)) {
            return "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter";
        }
        if self.registry.recent(number, now, 30) > 0 {
            return "LimitExceeded.PhoneNumberThirtySecondLimit";
        }
        if self.registry.recent(number, now, 86_400) >= 10 {
            return "LimitExceeded.PhoneNumberDailyLimit";
        }
        let value = |number: &str| params.get(number.parse::<usize>().ok()?.checked_sub(1)?).copied();
        let Some(text) = filled(template, r"\{(\d+)\}", value) else {
            return "FailedOperation.TemplateIncorrectOrUnapproved";
        };
        let id = format!("5000:{}", self.registry.taken.len() + 1);
        let (phone, session) = (number.to_owned(), session.to_owned());
        self.registry.taken.push(Taken { id, phone, text, at: now, session, fate: None });
        "Ok"
    }

    fn statuses(&self, body: &Value) -> Value {
        let begin = body["BeginTime"].as_i64().expect("BeginTime");
        let settled = self.registry.taken.iter().filter_map(|taken| {
            let (delivered, reason) = taken.fate?;
            let is_meant = body["PhoneNumber"] == taken.phone && taken.at.timestamp() >= begin;
            let status = if delivered { "SUCCESS" } else { "FAIL" };
            is_meant.then(|| {
                json!({ "SerialNo": taken.id, "ReportStatus": status, "Description": reason, "CountryCode": "86",
                        "PhoneNumber": taken.phone, "SessionContext": taken.session })
            })
        });
        json!({ "PullSmsSendStatusSet": settled.collect::<Vec<_>>() })
    }
}

impl Desk for Tencent {
    fn answer(&mut self, asked: &Asked, now: Instant) -> (u16, Value) {
        let answer = self.refuse_unsigned(asked, now).and_then(|()| {
            match (asked.header("x-tc-version"), asked.header("x-tc-action"), asked.header("x-tc-region")) {
                (_, _, "") => Err("MissingParameter"),
                ("2021-01-11", "SendSms", _) => self.send(&asked.json(), now),
                ("2021-01-11", "PullSmsSendStatusByPhoneNumber", _) => Ok(self.statuses(&asked.json())),
                _ => Err("InvalidAction"),
            }
        });
        let error = |code: &str| json!({ "Error": { "Code": code, "Message": format!("refused: {code}") } });
        (200, json!({ "Response": answer.unwrap_or_else(error) }))
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.registry.taken()
    }
}
