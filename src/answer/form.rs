//! The fields of `application/x-www-form-urlencoded`, as browsers and gateways write them.

use encoding_rs::GB18030;

/// Names and values in their order; what is not UTF-8 is read as GB 18030.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let halves = pairs.map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (decoded(&pair[..at]), decoded(pair.get(at + 1..).unwrap_or_default()))
    });
    halves.collect()
}

/// The first value of a name.
pub fn field(body: &[u8], name: &str) -> Option<String> {
    fields(body).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| *first == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8(bytes).unwrap_or_else(|wrong| GB18030.decode(wrong.as_bytes()).0.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_decoded_in_either_charset() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = fields(b"mobile=13900000001&content=%E6%94%B6+%e5%88%b0&&x&y=1%2");
        let expected = [pair("mobile", "13900000001"), pair("content", "收 到"), pair("x", ""), pair("y", "1%2")];
        assert_eq!(found, expected);
        assert_eq!(field(b"content=%CA%D5%B5%BD", "content"), Some("收到".into()));
        assert_eq!(field(b"a=%+1&b=%zz&c=1=2", "a"), Some("% 1".into()));
        assert_eq!(field(b"a=%+1&b=%zz&c=1=2", "c"), Some("1=2".into()));
    }

    proptest! {
        #[test]
        fn any_body_has_fields(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            fields(&body);
        }
    }
}
