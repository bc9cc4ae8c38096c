//! `ACS3-HMAC-SHA256`, the signature of Aliyun's APIs
//! (<https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature>).

use std::collections::BTreeMap;

use crate::wire::line::percent_encoded;
use crate::wire::signature::{hmac_sha256, sha256_hex};

const SCHEME: &str = "ACS3-HMAC-SHA256";

/// A request without a body, before it is signed.
pub(super) struct Unsigned<'a> {
    /// `host`, with the port unless it is the scheme's own.
    pub host: &'a str,
    pub action: &'a str,
    pub version: &'a str,
    /// `2026-03-02T02:00:00Z`; the server takes it for 15 minutes.
    pub date: &'a str,
    /// Never twice the same.
    pub nonce: &'a str,
    pub query: &'a BTreeMap<&'static str, String>,
}

impl Unsigned<'_> {
    /// The query as it is signed and sent.
    pub(super) fn query(&self) -> String {
        let pair = |(name, value): (&&str, &String)| format!("{}={}", percent_encoded(name), percent_encoded(value));
        self.query.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// Every header that is signed, in the order of their names.
    pub(super) fn headers(&self) -> [(&'static str, String); 6] {
        [
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", sha256_hex(b"")),
            ("x-acs-date", self.date.to_owned()),
            ("x-acs-signature-nonce", self.nonce.to_owned()),
            ("x-acs-version", self.version.to_owned()),
        ]
    }

    /// The header `Authorization`.
    pub(super) fn authorization(&self, key_id: &str, secret: &str) -> String {
        let text = format!("{SCHEME}\n{}", sha256_hex(self.canonical().as_bytes()));
        let signature = hex::encode(hmac_sha256(secret.as_bytes(), text.as_bytes()));
        format!("{SCHEME} Credential={key_id},SignedHeaders={},Signature={signature}", self.signed_names())
    }

    fn canonical(&self) -> String {
        let headers = self.headers().map(|(name, value)| format!("{name}:{value}")).join("\n");
        format!("POST\n/\n{}\n{headers}\n\n{}\n{}", self.query(), self.signed_names(), sha256_hex(b""))
    }

    fn signed_names(&self) -> String {
        self.headers().map(|(name, _)| name).join(";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_gives_the_published_signature() {
        let query = BTreeMap::from([
            ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd".to_owned()),
            ("RegionId", "cn-shanghai".to_owned()),
        ]);
        let request = Unsigned {
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            date: "2023-10-26T10:22:32Z",
            nonce: "3156853299f313e23d1673dc12e1703d",
            query: &query,
        };
        let canonical = sha256_hex(request.canonical().as_bytes());
        assert_eq!(canonical, "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259");
        assert_eq!(
            request.authorization("YourAccessKeyId", "YourAccessKeySecret"),
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
             x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }
}
