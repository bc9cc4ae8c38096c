//! **Line**: what a text of foreign origin may do where it is shown: in a message, a header, a log, on a terminal, on a
//! page. Everybody who shows such a text makes it fit here.
//!
//! **Invariant:** what is returned holds no control character, no line or paragraph separator and nothing that turns the
//! direction of reading or hides: it can neither end a line or a header, nor steer a terminal, nor look like another text.
//! (Where lines or JSON are meant, line feeds stay.)

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` on one line of at most `longest` characters; `…` stands where it was cut. A gap is one blank.
pub fn one_line(text: &str, longest: usize) -> String {
    if is_one_line(text, longest) { text.to_owned() } else { squeezed(text, longest) }
}

/// Whether a text stays as it is as a line of at most `longest` characters; of rare characters only [`one_line`] knows.
pub fn is_one_line(text: &str, longest: usize) -> bool {
    let (mut length, mut gap) = (0, true);
    for c in text.chars() {
        match c {
            ' ' if !gap => gap = true,
            // All of these show themselves and none is a blank: ASCII, what stands between words, what is written in
            // Chinese, full-width forms.
            '!'..='~'
            | '\u{a1}'..='\u{ac}'
            | '\u{ae}'..='\u{34e}'
            | '\u{2010}'..='\u{2027}'
            | '\u{3001}'..='\u{3163}'
            | '\u{3165}'..='\u{d7ff}'
            | '\u{ff01}'..='\u{ff9f}' => gap = false,
            _ => return false,
        }
        length += 1;
    }
    length <= longest && (length == 0 || !gap)
}

fn squeezed(text: &str, longest: usize) -> String {
    let mut line = String::new();
    let (mut length, mut gap) = (0, false);
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        if c.is_control() || c.is_whitespace() {
            gap = length > 0;
            continue;
        }
        let needed = usize::from(gap) + 1;
        if length + needed > longest {
            // Room for the mark of the cut.
            while length > 0 && length >= longest {
                line.pop();
                length -= 1;
            }
            line.extend((longest > 0).then_some('…'));
            return line;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
        length += needed;
    }
    line
}

/// `text` with a blank for every control character and line break, and without what is hidden.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// The same for a text of several lines, which stay lines.
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// `text` on one line, with `\n` or `\u{202e}` for what cannot be shown.
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |c| breaks(c) || is_hidden(c), |c, to| to.extend(c.escape_default()))
}

/// A JSON text that says the same, with `\u009b` for what JSON allows in its strings and no terminal should get.
pub fn escaped_json(text: &str) -> Cow<'_, str> {
    let is_risky = |c| c != '\n' && (breaks(c) || is_hidden(c));
    replaced(text, is_risky, |c, to| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(to, "\\u{unit:04x}").unwrap_or_default();
        }
    })
}

fn replaced(text: &str, is_risky: impl Fn(char) -> bool, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(&is_risky) else { return Cow::Borrowed(text) };
    let mut safe = text[..first].to_owned();
    for c in text[first..].chars() {
        if is_risky(c) { write(c, &mut safe) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that show nothing themselves and may change how their neighbours are shown: bidirectional controls,
/// zero-width and format characters, fillers, tags. Selectors of a glyph's variant stay: names in Chinese need them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
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
            ("\u{202e}gnp.exe\u{202c}", "gnp.exe"),
            ("\u{feff}\u{2066}x\u{200b}y\u{3164}\u{2069}", "xy"),
            ("\u{1b}[31m\u{9b}1m", "[31m 1m"),
            ("葛\u{e0100}城", "葛\u{e0100}城"),
            ("\r\n\u{200b}", ""),
        ];
        for (text, line) in cases {
            assert_eq!(one_line(text, 100), line, "{text:?}");
        }
    }

    #[test]
    fn what_is_said_to_be_a_line_is_one() {
        for c in ('\0'..=char::MAX).filter(|c| is_one_line(&c.to_string(), 1)) {
            assert_eq!(squeezed(&c.to_string(), 1), c.to_string(), "{c:?}");
        }
        for (text, longest, is_one) in [
            ("施工许可 a（b）", 9, true),
            ("施工许可 a（b）", 8, false),
            ("", 0, true),
            (" a", 9, false),
            ("a ", 9, false),
            ("a  b", 9, false),
            (" ", 9, false),
        ] {
            assert_eq!(is_one_line(text, longest), is_one, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        for (text, longest, line) in
            [("督办督办督办", 4, "督办督…"), ("督办", 2, "督办"), ("ab cd", 3, "ab…"), ("ab", 1, "…"), ("ab", 0, "")]
        {
            assert_eq!(one_line(text, longest), line, "{text:?}");
        }
    }

    #[test]
    fn a_terminal_and_a_log_get_nothing_that_steers() {
        let text = "a\r\n\u{1b}[31m\u{202e}b\u{2028}c";
        assert_eq!(plain(text), "a   [31mb c");
        assert_eq!(plain_lines(text), "a \n [31mb c");
        assert_eq!(escaped(text), "a\\r\\n\\u{1b}[31m\\u{202e}b\\u{2028}c");
        assert_eq!(escaped_json("\"\u{9b}\u{e0041}督\"\n"), "\"\\u009b\\udb40\\udc41督\"\n");
    }

    proptest! {
        #[test]
        fn nothing_gets_through_that_a_line_cannot_hold(text in any::<String>(), longest in 0_usize..200) {
            let is_safe = |line: &str| !line.chars().any(|c| breaks(c) || is_hidden(c));
            let line = one_line(&text, longest);
            prop_assert!(is_safe(&line) && line.chars().count() <= longest);
            prop_assert_eq!(&one_line(&line, longest), &line);
            prop_assert_eq!(&squeezed(&text, longest), &line);
            prop_assert!(is_safe(&plain(&text)) && is_safe(&escaped(&text)));
            prop_assert!(plain_lines(&text).split('\n').all(is_safe));
        }

        #[test]
        fn a_json_text_says_the_same_when_it_is_escaped(text in any::<String>()) {
            let json = serde_json::Value::from(text).to_string();
            let escaped = escaped_json(&json);
            prop_assert!(!escaped.chars().any(|c| c != '\n' && (breaks(c) || is_hidden(c))));
            prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(&escaped).ok(),
                serde_json::from_str::<serde_json::Value>(&json).ok()
            );
        }
    }
}
