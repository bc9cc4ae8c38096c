//! The built-in plain text, for when a template of the office fails: the sentence and all bare facts.
//!
//! **Invariant:** nothing in here can fail.

use std::fmt::Write;

use serde_json::Value;

use super::line::{Line, fit};
use super::page::Page;
use super::{Rendered, SHORT_MESSAGE};
use crate::core::contact::Medium;

const LARGEST_MAIL: usize = 200_000;
const LARGEST_IM: usize = 2_000;

/// A text without 【】: carriers take what stands there for the sender's name, which only the signature gives.
pub fn unsigned(text: &str) -> String {
    text.replace('【', "[").replace('】', "]")
}

/// The page as plain text.
pub fn render(page: &Page, medium: Medium) -> Rendered {
    let head = format!("{} [{}] {} {} {} {}", page.rehearsal, page.tag, page.code, page.state, page.title, page.unit);
    let subject = Line::cut(&head, 150).to_string();
    let text = match medium {
        Medium::Sms => {
            let said = unsigned(&format!("{} {} {} {}", page.tag, page.code, page.state, page.title));
            fit(Line::from(format!("{}{}{said}", page.rehearsal, page.signature)).as_str(), SHORT_MESSAGE)
        }
        Medium::Mail => cut_bytes(&full(page), LARGEST_MAIL),
        Medium::Im => cut_bytes(&full(page), LARGEST_IM),
    };
    Rendered { subject, text, html: None }
}

fn full(page: &Page) -> String {
    let head =
        [Some(&page.rehearsal), Some(&page.sentence), page.answer.as_ref(), page.as_of.as_ref(), page.more.as_ref()];
    let mut text = String::new();
    for line in head.into_iter().flatten().filter(|line| !line.is_empty()) {
        text = text + line.as_str() + "\n";
    }
    for unit in &page.units {
        text = text + unit.unit.as_str() + ": " + unit.counts.as_str() + "\n";
    }
    for member in &page.members {
        text = text + "\n" + member.sentence().as_str() + "\n";
        for line in member.link().into_iter().chain(&member.action()) {
            text = text + line.as_str() + "\n";
        }
        write_facts(&mut text, "", &member.facts());
    }
    text
}

/// A line for each fact that is there: `card.clock.limit: 10wd`.
fn write_facts(text: &mut String, name: &str, value: &Value) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Null => {}
        Value::Object(map) => map.iter().for_each(|(part, value)| write_facts(text, &below(part), value)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| write_facts(text, &below(&(at + 1).to_string()), value));
        }
        Value::String(said) => writeln!(text, "{name}: {said}").unwrap_or_default(),
        other => writeln!(text, "{name}: {other}").unwrap_or_default(),
    }
}

/// The text in at most so many bytes, cut between characters.
pub fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}
