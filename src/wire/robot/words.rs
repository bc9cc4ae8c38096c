//! The words of a robot's message: what would command the messenger taken out, and never longer than it takes.
//!
//! **Invariant:** no text mentions anybody, links anything under other words, or turns the reading direction; what is
//! cut is cut between characters.

/// The mark where a text was cut.
const MARK: &str = "…";

/// `text` as plain words: line ends stay, other control characters go, and what a messenger would take for a tag
/// (`<at user_id="all">`, `<@all>`) or for a link under a name (`[name](url)`) is only read.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.replace("\r\n", "\n").split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line = crate::wire::line::one_line(line, LONGEST_LINE);
        for c in line.chars() {
            match c {
                '<' => plain.push('＜'),
                '>' => plain.push('＞'),
                '(' if plain.ends_with(']') => plain.push('（'),
                c => plain.push(c),
            }
        }
        plain.push('\n');
        if plain.len() > LONGEST_TEXT {
            break;
        }
    }
    plain.trim().to_owned()
}

/// More characters than any messenger takes.
const LONGEST_LINE: usize = 20_000;
const LONGEST_TEXT: usize = 80_000;

/// At most `longest` bytes.
pub(super) fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

/// The longest beginning of `text` whose `body` has at most `longest` bytes; `…` stands where it was cut.
pub(super) fn fitted(text: &str, longest: usize, body: impl Fn(&str) -> String) -> String {
    let whole = body(text);
    if whole.len() <= longest {
        return whole;
    }
    let mut kept = longest.min(text.len());
    loop {
        let filled = body(&format!("{}{MARK}", cut(text, kept).trim_end()));
        if filled.len() <= longest || kept == 0 {
            return filled;
        }
        // A byte of text is at least a byte of the body.
        kept = kept.saturating_sub((filled.len() - longest).div_ceil(6).max(1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_commands_nothing() {
        for (text, expected) in [
            ("应于3月16日办结。\n请办。\n", "应于3月16日办结。\n请办。"),
            ("a\r\nb\rc\0d", "a\nb\nc d"),
            ("<at user_id=\"all\">所有人</at>", "＜at user_id=\"all\"＞所有人＜/at＞"),
            ("<@all> [点这里](http://evil.test)", "＜@all＞ [点这里]（http://evil.test)"),
            ("![图](http://evil.test/x.png)", "![图]（http://evil.test/x.png)"),
            ("\u{202e}txt.exe", "txt.exe"),
            ("a\n\n\nb", "a\n\n\nb"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_body_is_never_longer_than_it_may_be(text in "[a督\"\\\\\n\u{1f600}]{0,300}", longest in 40_usize..400) {
            let body = fitted(&text, longest, |text| serde_json::json!({ "text": text }).to_string());
            prop_assert!(body.len() <= longest, "{body}");
            let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let kept = value["text"].as_str().expect("text");
            prop_assert!(kept == text || text.starts_with(kept.trim_end_matches('…')), "{kept}");
        }
    }
}
