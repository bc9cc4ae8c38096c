//! `TC3-HMAC-SHA256`, the signature of Tencent Cloud's APIs (<https://cloud.tencent.com/document/api/382/52072>).

use crate::core::Instant;
use crate::wire::signature::{hmac_sha256, sha256_hex};

const SCHEME: &str = "TC3-HMAC-SHA256";

/// The content type, exactly as it is signed.
pub(super) const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// A request before it is signed.
pub(super) struct Unsigned<'a> {
    /// `host`, with the port unless it is the scheme's own.
    pub host: &'a str,
    /// `sms`.
    pub service: &'a str,
    pub body: &'a str,
    /// The server takes it for 5 minutes.
    pub at: Instant,
}

impl Unsigned<'_> {
    /// The header `Authorization`.
    pub(super) fn authorization(&self, id: &str, key: &str) -> String {
        let scope = format!("{}/{}/tc3_request", self.date(), self.service);
        let text = format!("{SCHEME}\n{}\n{scope}\n{}", self.at.timestamp(), sha256_hex(self.canonical().as_bytes()));
        let signature = hex::encode(hmac_sha256(&self.key(key), text.as_bytes()));
        format!("{SCHEME} Credential={id}/{scope}, SignedHeaders=content-type;host, Signature={signature}")
    }

    /// The day in UTC, whatever the office's clock says.
    fn date(&self) -> String {
        self.at.format("%Y-%m-%d").to_string()
    }

    fn canonical(&self) -> String {
        let payload = sha256_hex(self.body.as_bytes());
        format!("POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{}\n\ncontent-type;host\n{payload}", self.host)
    }

    fn key(&self, key: &str) -> [u8; 32] {
        let day = hmac_sha256(format!("TC3{key}").as_bytes(), self.date().as_bytes());
        hmac_sha256(&hmac_sha256(&day, self.service.as_bytes()), b"tc3_request")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_gives_the_published_signature() {
        let request = Unsigned {
            host: "cvm.tencentcloudapi.com",
            service: "cvm",
            body: r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#,
            at: Instant::from_timestamp(1_551_113_065, 0).expect("instant"),
        };
        let (payload, canonical) = (sha256_hex(request.body.as_bytes()), sha256_hex(request.canonical().as_bytes()));
        assert_eq!(payload, "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064");
        assert_eq!(canonical, "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031");
        assert_eq!(
            request.authorization("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"),
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, \
             SignedHeaders=content-type;host, \
             Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
        );
    }
}
