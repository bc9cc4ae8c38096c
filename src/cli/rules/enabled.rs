//! The list of enabled rules in a configuration's text: names are put in or taken out, and every other byte stays.
//!
//! **Invariant:** what is written reads as the same configuration with another list; where that cannot be had, nothing is
//! written.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

/// What of the file matters here, and where it stands.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    rules: Option<Rules>,
}

#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    enabled: Option<Spanned<Vec<Spanned<String>>>>,
}

/// The text with such a list of enabled rules in place of the list `before`; `None` if that cannot be written.
pub fn change(text: &str, before: &[String], after: &[String]) -> Option<String> {
    let mut changed = text.to_owned();
    if list(text)?.is_none() {
        changed = with_list(text, before);
    }
    for name in before.iter().filter(|name| !after.contains(name)) {
        changed = without(&changed, name)?;
    }
    for name in after.iter().filter(|name| !before.contains(name)) {
        changed = with(&changed, name)?;
    }
    // Only then is it certain that nothing else was touched.
    let (mut old, new) = (text.parse::<toml::Table>().ok()?, changed.parse::<toml::Table>().ok()?);
    let rules = old.entry("rules").or_insert_with(|| toml::Table::new().into()).as_table_mut()?;
    rules.insert("enabled".into(), after.to_vec().into());
    (old == new).then_some(changed)
}

/// The list's place and those of its names; `Some(None)` if the text has none, `None` if it cannot be read.
#[expect(clippy::type_complexity)]
fn list(text: &str) -> Option<Option<(Range<usize>, Vec<(String, Range<usize>)>)>> {
    let places: Places = toml::from_str(text).ok()?;
    let Some(list) = places.rules.and_then(|rules| rules.enabled) else { return Some(None) };
    let names = list.get_ref().iter().map(|name| (name.get_ref().clone(), name.span())).collect();
    Some(Some((list.span(), names)))
}

/// The text with a list, after the line `[rules]` if there is one, else at its end.
fn with_list(text: &str, names: &[String]) -> String {
    let line = format!("enabled = {}\n", toml::Value::from(names.to_vec()));
    let mut at = 0;
    for row in text.split_inclusive('\n') {
        at += row.len();
        let header = row.split('#').next().unwrap_or_default();
        if header.split_whitespace().collect::<String>() == "[rules]" && row.ends_with('\n') {
            return format!("{}{line}{}", &text[..at], &text[at..]);
        }
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}\n[rules]\n{line}")
}

/// The text with a name more at the end of the list: on a line of its own if the last name has one.
fn with(text: &str, name: &str) -> Option<String> {
    let (whole, names) = list(text)??;
    let name = toml::Value::from(name).to_string();
    let Some((_, last)) = names.last() else {
        return Some(format!("{}{name}{}", &text[..=whole.start], &text[whole.start + 1..]));
    };
    let line = text[..last.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &text[line..last.start];
    let behind = &text[last.end..whole.end - 1];
    if line <= whole.start || !indent.trim().is_empty() || !behind.contains('\n') {
        return Some(format!("{}, {name}{}", &text[..last.end], &text[last.end..]));
    }
    // A comment behind the last name stays there.
    let end = last.end + behind.find('\n')?;
    let has_comma = behind.trim_start().starts_with(',');
    let (comma, own) = if has_comma { ("", ",") } else { (",", "") };
    let (rest, break_) = (&text[last.end..end], if text[..end].ends_with('\r') { "\r\n" } else { "\n" });
    let rest = rest.trim_end_matches('\r');
    Some(format!("{}{comma}{rest}{break_}{indent}{name}{own}{}", &text[..last.end], &text[last.end + rest.len()..]))
}

/// The text without a name of the list; a line that holds nothing else goes with it.
fn without(text: &str, name: &str) -> Option<String> {
    let (list, names) = list(text)??;
    let at = names.iter().position(|(known, _)| known == name)?;
    let span = &names[at].1;
    let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map(|n| span.end + n + 1);
    let is_alone = line > list.start
        && text[line..span.start].trim().is_empty()
        && end.is_some_and(|end| end < list.end && names.get(at + 1).is_none_or(|(_, next)| end <= next.start));
    if let (true, Some(end)) = (is_alone, end) {
        return Some(format!("{}{}", &text[..line], &text[end..]));
    }
    // The comma behind it goes with it, or the one before it.
    let behind = &text[span.end..list.end - 1];
    let comma = behind.find(|c: char| !c.is_whitespace()).filter(|comma| behind[*comma..].starts_with(','));
    if let Some(comma) = comma {
        let rest = &text[span.end + comma + 1..];
        return Some(format!("{}{}", &text[..span.start], rest.trim_start_matches(' ')));
    }
    let start = text[..span.start].trim_end();
    let start = start.strip_suffix(',').unwrap_or(start);
    Some(format!("{start}{}", &text[span.end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn names_are_put_in_and_every_other_byte_stays() {
        for (text, before, after, expected) in [
            (
                "# x\n[rules] # 规则\nenabled = [\"a\", \"b\"] # 现行\n[y]\n",
                "a b",
                "a b c",
                "# x\n[rules] # 规则\nenabled = [\"a\", \"b\", \"c\"] # 现行\n[y]\n",
            ),
            ("rules.enabled = []", "", "a b", "rules.enabled = [\"a\", \"b\"]"),
            ("rules = { enabled = ['a',] }", "a", "a b", "rules = { enabled = ['a', \"b\",] }"),
            (
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"b\" # 二\n]\n",
                "a b",
                "a b c",
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"b\", # 二\n  \"c\"\n]\n",
            ),
            (
                "[rules]\r\nenabled = [\r\n  \"a\", # 一\r\n]\r\n",
                "a",
                "a b",
                "[rules]\r\nenabled = [\r\n  \"a\", # 一\r\n  \"b\",\r\n]\r\n",
            ),
            ("x = 1", "a", "a b", "x = 1\n\n[rules]\nenabled = [\"a\", \"b\"]\n"),
            ("[rules]\n[x]\n", "a", "a b", "[rules]\nenabled = [\"a\", \"b\"]\n[x]\n"),
        ] {
            assert_eq!(change(text, &names(before), &names(after)).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn names_are_taken_out_and_every_other_byte_stays() {
        for (text, after, expected) in [
            ("rules.enabled = [\"a\", \"b\", \"c\"]", "a c", "rules.enabled = [\"a\", \"c\"]"),
            ("rules.enabled = [\"a\", \"b\", \"c\"]", "a b", "rules.enabled = [\"a\", \"b\"]"),
            ("rules.enabled = [\"a\", \"b\", \"c\"]", "", "rules.enabled = []"),
            (
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"b\", # 二\n  \"c\" # 三\n]\n",
                "a c",
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"c\" # 三\n]\n",
            ),
            (
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"b\",\n  \"c\" # 三\n]\n",
                "a b",
                "[rules]\nenabled = [\n  \"a\", # 一\n  \"b\",\n]\n",
            ),
        ] {
            assert_eq!(change(text, &names("a b c"), &names(after)).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_says_something_else_is_left_alone() {
        for text in ["[", "rules = 3", "rules.enabled = \"a\"", "rules.enabled = [\"z\"]"] {
            assert_eq!(change(text, &names("a"), &names("a b")), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\[rules\\]|rules|enabled|\\.|=|\\[|\\]|\"[ab]\"|'a'|,|#|\r?\n|[ -~]|规){0,30}") {
            let _ = change(&text, &names("a"), &names("b"));
        }

        #[test]
        fn what_is_put_in_can_be_taken_out(lines in proptest::bool::ANY, count in 0_usize..5, taken in 0_usize..5) {
            let all: Vec<String> = (0..count).map(|n| format!("r{n}")).collect();
            let quoted: Vec<String> = all.iter().map(|name| format!("{name:?}")).collect();
            let text = if lines {
                format!("[rules]\nenabled = [\n{}]\n", quoted.iter().flat_map(|n| ["  ", n, ",\n"]).collect::<String>())
            } else {
                format!("[rules]\nenabled = [{}]\n", quoted.join(", "))
            };
            let mut more = all.clone();
            more.push("x".to_owned());
            let changed = change(&text, &all, &more).expect("put in");
            let undone = change(&changed, &more, &all);
            proptest::prop_assert_eq!(undone.as_deref(), Some(text.as_str()));
            let mut fewer = all.clone();
            if taken < fewer.len() {
                fewer.remove(taken);
            }
            proptest::prop_assert!(change(&text, &all, &fewer).is_some());
        }
    }
}
