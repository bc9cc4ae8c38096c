//! **Paging**: which page comes after this one. Pure.
//!
//! **Invariant:** a list ends where the server says so, or with a page without rows; a page that is shorter than what was
//! asked for is no end, for servers cap sizes. A page, a word or an address that was there before is an error: the
//! server does not understand what it is asked, and the rows beyond would never come.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde_json_path::JsonPath;

use super::config::HttpConfig;
use crate::core::digest::Digest;
use crate::source::json::Document;

/// How the pages of a list follow each other.
#[derive(Debug, Clone)]
pub(super) enum Paging {
    Single,
    Page { first: u64 },
    Offset { first: u64 },
    Cursor(JsonPath),
    Next(JsonPath),
    Link,
}

/// Which page is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub page: u64,
    pub offset: u64,
    pub cursor: Option<String>,
    /// The address that the server gave.
    pub url: Option<Url>,
}

/// What decides about the next page, taken from an answer before its rows are.
#[derive(Debug, Default)]
pub(super) struct Sign {
    pub next: Option<String>,
    pub total: Option<u64>,
}

/// The fields of the query that say which page is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    pub position: Option<String>,
    pub size: Option<(String, u64)>,
}

impl Paging {
    pub fn new(config: &HttpConfig) -> Result<(Self, Params), String> {
        let count = usize::from(config.page.is_some())
            + usize::from(config.offset.is_some())
            + usize::from(config.cursor.is_some())
            + usize::from(config.next.is_some())
            + usize::from(config.link);
        if count > 1 {
            return Err("expected at most one of page, offset, cursor, next and link".to_owned());
        }
        let sized = |param: &Option<String>, size: Option<u64>, key: &str| match (param, size) {
            (_, Some(0)) => Err(format!("{key}.size: expected 1 or more, got 0")),
            (Some(param), Some(size)) => Ok(Some((param.clone(), size))),
            (Some(_), None) => Err(format!("{key}.size: expected a number beside size_param")),
            (None, _) => Ok(None),
        };
        if let Some(page) = &config.page {
            let params = Params { position: page.param.clone(), size: sized(&page.size_param, page.size, "page")? };
            return Ok((Self::Page { first: page.first }, params));
        }
        if let Some(offset) = &config.offset {
            let size = sized(&offset.size_param, offset.size, "offset")?;
            return Ok((Self::Offset { first: offset.first }, Params { position: offset.param.clone(), size }));
        }
        let none = Params::default();
        if let Some(cursor) = &config.cursor {
            let path = path("cursor.path", &cursor.path)?;
            return Ok((Self::Cursor(path), Params { position: cursor.param.clone(), size: None }));
        }
        match (&config.next, config.link) {
            (Some(next), _) => Ok((Self::Next(path("next", next)?), none)),
            (None, true) => Ok((Self::Link, none)),
            (None, false) => Ok((Self::Single, none)),
        }
    }

    pub fn first(&self) -> Position {
        match self {
            Self::Page { first } => Position { page: *first, ..Position::default() },
            Self::Offset { first } => Position { offset: *first, ..Position::default() },
            _ => Position::default(),
        }
    }

    /// The value of the field that says which page; none for the first page of those that a cursor leads through.
    pub fn value(&self, at: &Position) -> Option<String> {
        match self {
            Self::Page { .. } => Some(at.page.to_string()),
            Self::Offset { .. } => Some(at.offset.to_string()),
            Self::Cursor(_) => at.cursor.clone(),
            _ => None,
        }
    }

    /// What an answer says about the next page.
    pub fn sign(&self, answer: &Document, headers: &HeaderMap) -> Option<String> {
        let found = match self {
            Self::Cursor(path) | Self::Next(path) => answer.text(path),
            Self::Link => next_link(headers),
            Self::Single | Self::Page { .. } | Self::Offset { .. } => None,
        };
        found.filter(|text| !text.trim().is_empty())
    }

    /// The page after `at`, which had `rows` rows, `so_far` with those before it, and was asked for at `url`.
    pub fn next(
        &self,
        at: &Position,
        url: &Url,
        sign: &Sign,
        rows: u64,
        so_far: u64,
    ) -> Result<Option<Position>, String> {
        let is_over = rows == 0 || sign.total.is_some_and(|total| so_far >= total);
        Ok(match (self, &sign.next) {
            (Self::Page { .. }, _) if !is_over => Some(Position { page: at.page + 1, ..Position::default() }),
            (Self::Offset { .. }, _) if !is_over => Some(Position { offset: at.offset + rows, ..Position::default() }),
            (Self::Cursor(_), Some(word)) => Some(Position { cursor: Some(word.clone()), ..Position::default() }),
            (Self::Next(_) | Self::Link, Some(address)) => {
                Some(Position { url: Some(beside(url, address)?), ..Position::default() })
            }
            _ => None,
        })
    }
}

/// The pages of one poll that were there.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pages: Vec<Digest>,
    signs: HashSet<String>,
}

impl Seen {
    /// Notes a page; the error says which one it repeats.
    pub fn note(&mut self, rows: &[Document], sign: &Sign) -> Result<(), String> {
        let texts: Vec<String> = rows.iter().map(Document::json).collect();
        let digest = Digest::of(texts.iter().map(String::as_bytes));
        let before = self.pages.iter().position(|page| *page == digest).filter(|_| !rows.is_empty());
        if let Some(before) = before {
            let now = self.pages.len() + 1;
            return Err(format!(
                "page {now} has the very rows of page {}: the server does not understand which page it is asked for",
                before + 1
            ));
        }
        self.pages.push(digest);
        match &sign.next {
            Some(next) if !self.signs.insert(next.clone()) => {
                Err("the server says that the next page is one that was there before".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// A JSONPath under a key.
pub(super) fn path(key: &str, text: &str) -> Result<JsonPath, String> {
    JsonPath::parse(text).map_err(|e| format!("{key}: expected a JSONPath such as $.data.list, got {text:?}: {e}"))
}

/// An address as the page at `url` gives it; another server's is an error.
fn beside(url: &Url, address: &str) -> Result<Url, String> {
    let next = url.join(address.trim()).map_err(|e| format!("expected the next page's address: {e}"))?;
    if next.origin() == url.origin() {
        Ok(next)
    } else {
        let host = next.host_str().unwrap_or_default().to_owned();
        Err(format!("the next page's address leads to another server, {}", host.escape_debug()))
    }
}

/// The address with the relation `next` in the headers `Link` (RFC 8288).
fn next_link(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|(_, relations)| relations.iter().any(|r| r.eq_ignore_ascii_case("next"))).map(|l| l.0)
}

/// Addresses with their relations.
fn links(mut text: &str) -> Vec<(String, Vec<String>)> {
    let mut links = Vec::new();
    while let Some((_, rest)) = text.split_once('<') {
        let Some((address, rest)) = rest.split_once('>') else { break };
        let end = end_of_params(rest);
        links.push((address.to_owned(), relations(&rest[..end])));
        text = &rest[end..];
    }
    links
}

/// Where a link's parameters end: at the comma outside quotes.
fn end_of_params(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn relations(params: &str) -> Vec<String> {
    let pairs = params.split(';').filter_map(|param| param.split_once('='));
    let mut rel = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
    let value = rel.next().map(|(_, value)| value.trim().trim_matches('"').to_owned()).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(header: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(LINK, header.parse().expect("header"))]);
        next_link(&headers)
    }

    #[test]
    fn the_next_page_stands_in_a_link() {
        for (header, expected) in [
            ("<https://a.test/?p=2>; rel=\"next\"", Some("https://a.test/?p=2")),
            ("</x?p=1,2>; rel=prev, </x?p=3>; title=\"a, <b>\"; rel=\"last next\"", Some("/x?p=3")),
            ("</x>; REL=Next", Some("/x")),
            ("</x>; rel=prev", None),
            ("</x; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn a_list_ends_with_its_total_or_an_empty_page_and_not_with_a_short_one() {
        let url = Url::parse("http://a.test/x").expect("url");
        let page = Paging::Page { first: 1 };
        let after = |rows, so_far, total| {
            let sign = Sign { next: None, total };
            page.next(&page.first(), &url, &sign, rows, so_far).expect("page").map(|position| position.page)
        };
        assert_eq!((after(3, 3, None), after(0, 3, None)), (Some(2), None));
        assert_eq!((after(3, 3, Some(4)), after(3, 3, Some(3))), (Some(2), None));
        let offset = Paging::Offset { first: 0 };
        let second = offset.next(&offset.first(), &url, &Sign::default(), 7, 7).expect("page").expect("more");
        assert_eq!(second.offset, 7, "the server gave fewer than were asked for");
    }

    #[test]
    fn the_next_page_is_on_the_same_server() {
        let url = Url::parse("https://a.test/x?p=1").expect("url");
        let sign = |address: &str| Sign { next: Some(address.to_owned()), total: None };
        let at = |address| Paging::Link.next(&Position::default(), &url, &sign(address), 1, 1);
        assert_eq!(at("?p=2").expect("page").expect("more").url.expect("url").as_str(), "https://a.test/x?p=2");
        for elsewhere in ["https://b.test/x", "http://a.test/x", "//b.test", "https://a.test:444/", "file:///x"] {
            assert!(at(elsewhere).is_err(), "{elsewhere}");
        }
    }

    proptest! {
        #[test]
        fn no_header_breaks_it(text in "[ -~]{0,60}") {
            let _ = links(&text);
        }
    }
}
