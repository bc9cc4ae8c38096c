//! Keyed and plain digests, as gateways and robots sign with them.

use ::md5::Md5;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// HMAC-SHA256 of a text under a key of any length.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// SHA-256 of a text.
pub fn sha256(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// SHA-256 of a text, in hex digits.
pub fn sha256_hex(text: &[u8]) -> String {
    hex::encode(sha256(text))
}

/// MD5 of a text: no protection, but what many gateways ask for.
pub fn md5(text: &[u8]) -> [u8; 16] {
    Md5::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        let github = hmac_sha256(b"It's a Secret to Everybody", b"Hello, World!");
        assert_eq!(hex::encode(github), "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex::encode(md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
    }
}
