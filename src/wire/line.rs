//! Text that has to fit on one line: header fields, names, reasons, peers' answers.
//!
//! **Invariant:** what [`one_line`] returns holds no control character, no line or paragraph separator and nothing that
//! turns the reading direction: it can neither end a header nor make a reader see another text than the one written.

/// `text` on one line of at most `longest` characters; `…` stands where it was cut.
pub fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::with_capacity(text.len().min(longest * 4));
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            gap = !line.is_empty();
        } else if !misleads(c) {
            if std::mem::take(&mut gap) {
                line.push(' ');
            }
            line.push(c);
        }
    }
    cut(line, longest)
}

/// Characters that show nothing themselves and change how their neighbours are shown.
fn misleads(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(mut line: String, longest: usize) -> String {
    if line.chars().count() > longest {
        let end = line.char_indices().nth(longest.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        line.truncate(end);
        line.push('…');
    }
    line
}

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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_end_a_line_or_turn_it_is_gone() {
        let cases = [
            ("施工许可 已超1个工作日", "施工许可 已超1个工作日"),
            ("a\r\nBcc: x@y.test", "a Bcc: x@y.test"),
            ("  a \t\n b\0c\u{85}d  ", "a b c d"),
            ("a\u{2028}b\u{2029}c", "a b c"),
            ("\u{202e}cod.exe\u{202c}", "cod.exe"),
            ("\u{feff}\u{2066}x\u{2069}", "x"),
            ("\r\n", ""),
        ];
        for (text, line) in cases {
            assert_eq!(one_line(text, 100), line, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(one_line("督办督办督办", 4), "督办督…");
        assert_eq!(one_line("督办", 2), "督办");
    }

    proptest! {
        #[test]
        fn nothing_gets_through_that_a_header_cannot_hold(text in any::<String>(), longest in 1_usize..200) {
            let line = one_line(&text, longest);
            prop_assert!(!line.chars().any(|c| c.is_control() || misleads(c)));
            prop_assert!(line.chars().count() <= longest);
        }
    }
}
