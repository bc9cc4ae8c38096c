//! **Composed**: a text from several columns, with other text between them: `{区}·{事项}`.
//!
//! A column's name stands in braces; `{{` and `}}` are braces of the text itself. A name that holds a brace cannot be
//! written here.
//!
//! **Invariant:** where a part is missing, the whole is: half a title or a date without its clock time is not made up.

use crate::source::table::{LONGEST_CELL, cut};

/// The most columns of one text.
const MOST: usize = 32;

/// A text with places for columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Composed {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Column(usize),
}

impl Composed {
    /// Reads a text with columns in braces; `number` numbers them. The error says what was expected.
    pub fn read(text: &str, number: &mut dyn FnMut(&str) -> usize) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find(['{', '}']).filter(|end| brace == "{" && rest[*end..].starts_with('}'));
            let end = end.ok_or_else(|| {
                format!(
                    "expected columns in braces such as \"{{区}}·{{事项}}\", and {brace}{brace} for a brace, got {}",
                    cut(text)
                )
            })?;
            let name = rest[..end].trim();
            if name.is_empty() {
                return Err(format!("expected the name of a column between braces, got {}", cut(text)));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Column(number(name)));
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let composed = Self { pieces };
        match composed.columns().count() {
            0 => Err(format!("expected a column in braces, got {}; a constant is a value", cut(text))),
            count if count > MOST => Err(format!("expected at most {MOST} columns, got {count}")),
            _ => Ok(composed),
        }
    }

    /// Its columns, in their order.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().filter_map(|piece| if let Piece::Column(column) = piece { Some(*column) } else { None })
    }

    /// The text, with what `part` knows of each column, without white space around it.
    pub fn text<'c, P>(&self, mut part: P) -> Result<Option<String>, String>
    where
        P: FnMut(usize) -> Result<Option<std::borrow::Cow<'c, str>>, String>,
    {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Column(column) => match part(*column)? {
                    Some(found) => text.push_str(found.trim()),
                    None => return Ok(None),
                },
            }
        }
        if text.len() > LONGEST_CELL {
            return Err(format!("expected a text of at most {LONGEST_CELL} bytes, got {}", text.len()));
        }
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a text gives where the column `a` holds "1", `b` " 2 ", `区 名` "3", and no other is known.
    fn said(text: &str) -> Result<Option<String>, String> {
        let mut names: Vec<String> = Vec::new();
        let composed = Composed::read(text, &mut |name| {
            names.push(name.to_owned());
            names.len() - 1
        })?;
        composed.text(|column| {
            Ok(match names[column].as_str() {
                "a" => Some("1".into()),
                "b" => Some(" 2 ".into()),
                "区 名" => Some("3".into()),
                _ => None,
            })
        })
    }

    #[test]
    fn columns_stand_in_braces_and_braces_are_doubled() {
        for (text, says) in [
            ("{a}", "1"),
            ("{a}·{b}", "1·2"),
            ("{a}{a}", "11"),
            ("第{ 区 名 }区 {a}号", "第3区 1号"),
            ("{{{a}}}", "{1}"),
            ("}}{{{a}", "}{1"),
            ("{a}}}", "1}"),
            ("\u{1F600}{a}é", "\u{1F600}1é"),
        ] {
            assert_eq!(said(text), Ok(Some(says.to_owned())), "{text}");
        }
        assert_eq!(said("{a}·{nowhere}"), Ok(None), "half of it is nothing");
    }

    #[test]
    fn what_is_no_such_text_says_what_was_expected() {
        for (text, says) in [
            ("", "expected a column in braces, got \"\"; a constant is a value"),
            ("a", "a constant is a value"),
            ("{{a}}", "a constant is a value"),
            ("{", "and {{ for a brace, got \"{\""),
            ("{a", "such as \"{区}·{事项}\""),
            ("a}", "and }} for a brace, got \"a}\""),
            ("{a{b}}", "expected columns in braces"),
            ("{ }", "expected the name of a column between braces"),
            (&"{a}".repeat(33), "expected at most 32 columns, got 33"),
        ] {
            let error = said(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_text_that_no_cell_could_hold_is_refused() {
        let composed = Composed::read("{a}{a}", &mut |_| 0).expect("two");
        let long = "长".repeat(LONGEST_CELL / 3);
        let error = composed.text(|_| Ok(Some(long.as_str().into()))).expect_err("too long");
        assert!(error.contains("at most 65536 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[{}ab·\u{1F600} ]{0,24}") {
            let _ = said(&text);
        }

        #[test]
        fn any_text_with_doubled_braces_says_itself(text in ".{0,40}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(said(&format!("{{a}}{doubled}")), Ok(Some(format!("1{text}"))));
        }
    }
}
