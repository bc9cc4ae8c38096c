//! The bytes that text travels in.

use std::borrow::Cow;

use encoding_rs::{GB18030, UTF_8};
use serde::Deserialize;

/// The charset of a request's query and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GB18030, and so GBK and GB2312 as far as they reach.
    #[serde(rename = "gb18030")]
    Gb18030,
}

impl Charset {
    /// The name in a content type.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gb18030 => "gb18030",
        }
    }

    /// The bytes of a text. Both charsets hold every character that stands for something. Of those for private use,
    /// GB18030 lacks U+E5E5, which leaves as U+FFFD, and writes eighteen as the characters that they once stood in for.
    pub(super) fn bytes(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => Cow::Borrowed(text.as_bytes()),
            Self::Gb18030 if text.contains('\u{e5e5}') => {
                let text = text.replace('\u{e5e5}', "\u{fffd}");
                Cow::Owned(GB18030.encode(&text).0.into_owned())
            }
            Self::Gb18030 => GB18030.encode(text).0,
        }
    }

    /// Whether a name, as an XML declaration gives it, stands for this charset.
    pub(super) fn is_called(self, name: &str) -> bool {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Gb18030 => GB18030,
        };
        let called = encoding_rs::Encoding::for_label(name.as_bytes());
        // What GBK and GB2312 hold has the same bytes in GB18030.
        called == Some(encoding) || (self == Self::Gb18030 && called == Some(encoding_rs::GBK))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_private(c: char) -> bool {
        ('\u{e000}'..='\u{f8ff}').contains(&c)
    }

    #[test]
    fn a_charset_has_its_names() {
        assert!(Charset::Utf8.is_called("UTF-8") && !Charset::Utf8.is_called("GBK"));
        for name in ["GB18030", "gbk", "GB2312"] {
            assert!(Charset::Gb18030.is_called(name), "{name}");
        }
        assert!(!Charset::Gb18030.is_called("utf-8") && !Charset::Gb18030.is_called(""));
    }

    proptest! {
        #[test]
        fn every_text_has_bytes_and_comes_back(text in any::<String>()) {
            let text: String = text.chars().filter(|c| !is_private(*c)).collect();
            prop_assert_eq!(&*Charset::Utf8.bytes(&text), text.as_bytes());
            let bytes = Charset::Gb18030.bytes(&text);
            let back = GB18030.decode_without_bom_handling_and_without_replacement(&bytes).expect("whole");
            prop_assert_eq!(&*back, text.as_str());
        }
    }

    #[test]
    fn every_character_has_bytes() {
        let all: String = ('\0'..=char::MAX).collect();
        let bytes = Charset::Gb18030.bytes(&all);
        let back = GB18030.decode_without_bom_handling_and_without_replacement(&bytes).expect("whole");
        let (got, wanted): (Vec<char>, Vec<char>) = (back.chars().collect(), all.chars().collect());
        let lost: Vec<_> = wanted.iter().zip(&got).filter(|(a, b)| a != b).map(|(a, _)| *a).collect();
        assert!(lost.iter().all(|c| is_private(*c)), "{lost:?}");
        assert_eq!((lost.len(), got.len()), (19, wanted.len()));
    }
}
