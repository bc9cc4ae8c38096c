//! Text for the places that the wire has: lines ([`one_line`]), and paths and queries of URLs.

pub use crate::core::line::one_line;

/// `text` for a place in a URL's path or query: every byte but RFC 3986's unreserved ones as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    percent_encoded_bytes(text.as_bytes())
}

/// The same for bytes in another charset.
pub fn percent_encoded_bytes(text: &[u8]) -> String {
    use std::fmt::Write as _;
    text.iter().fold(String::with_capacity(text.len()), |mut encoded, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes every text");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_url_cannot_be_left() {
        for (text, encoded) in [("督 a/b?c=d&e#f", "%E7%9D%A3%20a%2Fb%3Fc%3Dd%26e%23f"), ("-._~09", "-._~09")] {
            assert_eq!(percent_encoded(text), encoded);
        }
    }
}
