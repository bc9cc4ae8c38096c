//! As much of XML as gateways speak: values that cannot leave their places, a look whether a text is well-formed, and
//! the text at a path.
//!
//! **Invariant:** no document type is read, so nothing expands and nothing is fetched; no text makes the reader panic or
//! recurse.

/// A value as text of an element or an attribute. Characters that XML cannot hold are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_allowed(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Whether a text is one well-formed element, or what is wrong with it.
pub(super) fn check(text: &str) -> Result<(), String> {
    walk(text, |_| true)
}

/// The text of the first element that the path leads to (`returnsms/returnstatus`), or of an attribute
/// (`answer/@code`). Prefixes of name spaces are not looked at.
pub(super) fn text_at(text: &str, path: &str) -> Result<Option<String>, String> {
    let (elements, attribute) = match path.rsplit_once('/') {
        Some((elements, last)) if last.starts_with('@') => (elements, Some(&last[1..])),
        _ => (path, None),
    };
    let elements: Vec<&str> = elements.split('/').collect();
    let mut stack: Vec<&str> = Vec::new();
    let mut found: Option<String> = None;
    walk(text, |event| {
        let here = |stack: &[&str]| stack == elements;
        match event {
            Event::Open(name) => {
                stack.push(local(name));
                if here(&stack) && attribute.is_none() {
                    found = Some(String::new());
                }
            }
            Event::Attribute(name, value) if here(&stack) && attribute == Some(local(name)) => found = Some(value),
            Event::Text(more) if here(&stack) && attribute.is_none() => found.get_or_insert_default().push_str(&more),
            Event::Close if here(&stack) && found.is_some() => return false,
            Event::Close => drop(stack.pop()),
            Event::Attribute(..) | Event::Text(_) => {}
        }
        true
    })?;
    Ok(found.map(|text| text.trim().to_owned()))
}

/// What a reader meets.
enum Event<'a> {
    Open(&'a str),
    Attribute(&'a str, String),
    Text(String),
    Close,
}

/// Reads a text and hands out what it meets, until `on` has enough.
fn walk<'a>(text: &'a str, mut on: impl FnMut(Event<'a>) -> bool) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
        return Err(format!("XML cannot hold the character U+{:04X}", u32::from(c)));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut had_root = false;
    while !rest.is_empty() {
        let (piece, after) = piece(rest)?;
        rest = after;
        let goes_on = match piece {
            Piece::Aside => true,
            Piece::Text(text) if open.is_empty() && text.trim().is_empty() => true,
            Piece::Text(_) if open.is_empty() => return Err("there is text outside of the element".to_owned()),
            Piece::Text(text) => on(Event::Text(text)),
            Piece::Open { .. } if open.is_empty() && had_root => return Err("there are two elements".to_owned()),
            Piece::Open { name, attributes, is_empty } => {
                had_root = true;
                let attributes = attributes.into_iter().map(|(name, value)| Event::Attribute(name, value));
                let goes_on = on(Event::Open(name)) && attributes.into_iter().all(&mut on);
                if is_empty {
                    goes_on && on(Event::Close)
                } else {
                    open.push(name);
                    goes_on
                }
            }
            Piece::Close(name) => match open.pop() {
                Some(opened) if opened == name => on(Event::Close),
                Some(opened) => return Err(format!("expected </{opened}>, got </{name}>")),
                None => return Err(format!("</{name}> closes nothing")),
            },
        };
        if !goes_on {
            return Ok(());
        }
    }
    match open.last() {
        Some(name) => Err(format!("expected </{name}>, got the end")),
        None if had_root => Ok(()),
        None => Err("expected an element, got none".to_owned()),
    }
}

enum Piece<'a> {
    /// A declaration, an instruction or a comment.
    Aside,
    Text(String),
    Open {
        name: &'a str,
        attributes: Vec<(&'a str, String)>,
        is_empty: bool,
    },
    Close(&'a str),
}

/// The first piece of a text that is not empty, and what follows it.
fn piece(rest: &str) -> Result<(Piece<'_>, &str), String> {
    let until = |text: &'_ str, end: &str| text.find(end).ok_or_else(|| format!("expected {end}, got the end"));
    if let Some(aside) = rest.strip_prefix("<?") {
        return Ok((Piece::Aside, &aside[until(aside, "?>")? + 2..]));
    }
    if let Some(comment) = rest.strip_prefix("<!--") {
        let after = &comment[until(comment, "--")? + 2..];
        let after = after.strip_prefix('>').ok_or("expected a comment without --")?;
        return Ok((Piece::Aside, after));
    }
    if let Some(text) = rest.strip_prefix("<![CDATA[") {
        let end = until(text, "]]>")?;
        return Ok((Piece::Text(text[..end].to_owned()), &text[end + 3..]));
    }
    if rest.starts_with("<!") {
        return Err("a document type is not read".to_owned());
    }
    if let Some(close) = rest.strip_prefix("</") {
        let (name, after) = name(close)?;
        let after = after.trim_start().strip_prefix('>').ok_or_else(|| format!("expected > after </{name}"))?;
        return Ok((Piece::Close(name), after));
    }
    if let Some(tag) = rest.strip_prefix('<') {
        return opening(tag);
    }
    let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
    if text.contains("]]>") {
        return Err("expected text without ]]>".to_owned());
    }
    Ok((Piece::Text(plain(text)?), after))
}

fn opening(tag: &str) -> Result<(Piece<'_>, &str), String> {
    let (element, mut rest) = name(tag)?;
    let mut attributes: Vec<(&str, String)> = Vec::new();
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = trimmed.strip_prefix("/>") {
            return Ok((Piece::Open { name: element, attributes, is_empty: true }, after));
        }
        if let Some(after) = trimmed.strip_prefix('>') {
            return Ok((Piece::Open { name: element, attributes, is_empty: false }, after));
        }
        if trimmed.len() == rest.len() {
            return Err(format!("expected > or a blank in <{element}"));
        }
        let (key, value, after) = attribute(trimmed)?;
        if attributes.iter().any(|(known, _)| *known == key) {
            return Err(format!("<{element}> has {key} twice"));
        }
        attributes.push((key, value));
        rest = after;
    }
}

fn attribute(text: &str) -> Result<(&str, String, &str), String> {
    let (key, rest) = name(text)?;
    let wrong = || format!("expected {key}=\"…\"");
    let rest = rest.trim_start().strip_prefix('=').ok_or_else(wrong)?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
    let (value, after) = rest[1..].split_once(quote).ok_or_else(wrong)?;
    if value.contains('<') {
        return Err(wrong());
    }
    Ok((key, plain(value)?, after))
}

fn name(text: &str) -> Result<(&str, &str), String> {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    let (name, rest) = text.split_at(text.find(|c| !is_inner(c)).unwrap_or(text.len()));
    match name.chars().next() {
        Some(first) if first.is_alphabetic() || matches!(first, '_' | ':') => Ok((name, rest)),
        _ => Err(format!("expected a name, got {:?}", text.chars().take(10).collect::<String>())),
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Text without its references.
fn plain(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split('&');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (reference, rest) = part.split_once(';').ok_or("expected a ; after &")?;
        plain.push(referred(reference).ok_or_else(|| format!("&{reference}; stands for nothing"))?);
        plain.push_str(rest);
    }
    Ok(plain)
}

fn referred(reference: &str) -> Option<char> {
    let code = match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => reference.strip_prefix('#')?,
    };
    let code = match code.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => code.parse(),
    };
    code.ok().and_then(char::from_u32).filter(|c| is_allowed(*c))
}

/// What XML 1.0 can hold.
const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_well_formed_is_told_from_what_is_not() {
        for text in [
            "<a/>",
            "<a></a >",
            "\u{feff}<?xml version=\"1.0\" encoding=\"GBK\"?>\n<a><!-- x --><b c='1' d=\"&lt;2\">t&#20013;</b></a>\n",
            "<s:a xmlns:s=\"urn:x\"><![CDATA[<x>&]]></s:a>",
            "<短信><号码>1</号码></短信>",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<a b=1/>",
            "<a b=\"1\" b=\"2\"/>",
            "<a b=\"1\"c=\"2\"/>",
            "<a b=\"<\"/>",
            "<a>&nbsp;</a>",
            "<a>&</a>",
            "<a>&#0;</a>",
            "<a>]]></a>",
            "<a>\u{1}</a>",
            "<!-- a -- b --><a/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<1a/>",
            "<a",
            "<a b",
            "<a b=\"",
            "<![CDATA[",
            "<?xml",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_leads_to_a_text_or_an_attribute() {
        let text =
            "<?xml version=\"1.0\"?><s:Envelope><Body code='7'><r>one<x>no</x></r><r>two</r><e/></Body></s:Envelope>";
        for (path, found) in [
            ("Envelope/Body/r", Some("one")),
            ("Envelope/Body/e", Some("")),
            ("Envelope/Body/@code", Some("7")),
            ("Envelope/Body/r/x", Some("no")),
            ("Envelope/Body/@other", None),
            ("Body/r", None),
            ("", None),
        ] {
            assert_eq!(text_at(text, path), Ok(found.map(str::to_owned)), "{path}");
        }
        assert!(text_at("0,ok", "a").is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in any::<String>(), tags in "[<>/!a&;\"'= \\-\\[\\]?x#0]{0,40}", path in any::<String>()) {
            for text in [text, tags] {
                let _ = check(&text);
                let _ = text_at(&text, &path);
            }
        }

        #[test]
        fn a_value_stays_in_its_place_and_can_be_read_back(text in any::<String>()) {
            let document = format!("<a b=\"{0}\" c='{0}'>{0}</a>", escaped(&text));
            prop_assert_eq!(check(&document), Ok(()));
            let kept: String = text.chars().filter(|c| is_allowed(*c)).collect();
            prop_assert_eq!(text_at(&document, "a"), Ok(Some(kept.trim().to_owned())));
        }
    }
}
