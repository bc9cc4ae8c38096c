//! **Audit trail** 审计: who did what, when and why. It is only added to.
//!
//! Each entry carries the SHA-256 of the entry before it and of itself, so that whoever changes one has to change all
//! that follow, and the [`Head`]. Who has written a head down elsewhere can prove that the trail still holds it. How the
//! hash is computed is a promise to auditors (`docs/audit.md`), who do it with other tools:
//!
//! ```text
//! hash = SHA-256( hash of the entry before, 64 hex digits · "\n" · the entry's line · "\n" )
//! ```
//!
//! The line is JSON without blanks, in UTF-8: `{"seq":1,"at":"2026-03-02T02:00:00.000000Z","by":…,"what":…,"subject":…,
//! "why":…,"detail":…}`. What stands before the first entry is [`Hash::START`], 64 zeros.
//!
//! **Invariant:** an [`Entry`] holds an act as [`Act::kept`] leaves it: bounded, on one line, nothing in it that steers a
//! terminal. So its line can be printed and hashed as it is.

use std::fmt;

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Instant;
use super::json::Json;
use super::line::{escaped_json, one_line};

/// What a named person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// What: a noun and a verb, such as `remark.add`.
    pub what: String,
    /// To what: an item, a card, an order, a contact.
    pub subject: String,
    /// Why, in that person's words; may be empty.
    pub why: String,
    /// What it changed, for who looks closer.
    pub detail: Json,
}

/// The most characters that are kept of who, of what, of the subject, and of why.
const NAME: usize = 200;
const SUBJECT: usize = 500;
const WHY: usize = 4_000;

/// The most bytes of detail that are kept; of more, what identifies it.
const DETAIL: usize = 64 << 10;

impl Act {
    /// What somebody did to something; more is added by [`Act::because`] and [`Act::with`].
    pub fn new(what: &str, subject: impl Into<String>, by: &str, at: Instant) -> Self {
        let (by, what, subject) = (by.to_owned(), what.to_owned(), subject.into());
        Self { at, by, what, subject, why: String::new(), detail: Json::of(&()) }
    }

    /// The same, with the reason that was given.
    #[must_use]
    pub fn because(self, why: &str) -> Self {
        Self { why: why.to_owned(), ..self }
    }

    /// The same, with what it changed.
    #[must_use]
    pub fn with(self, detail: serde_json::Value) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// The act as a trail keeps it: instants in whole microseconds; texts on one line, without what steers a terminal,
    /// `…` where they were cut; a detail that is too long as its length and SHA-256.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self {
            at: Instant::from_timestamp_micros(self.at.timestamp_micros()).unwrap_or(self.at),
            by: one_line(&self.by, NAME),
            what: one_line(&self.what, NAME),
            subject: one_line(&self.subject, SUBJECT),
            why: one_line(&self.why, WHY),
            detail: kept_detail(&self.detail),
        }
    }
}

fn kept_detail(detail: &Json) -> Json {
    // Line feeds and tabs stand between values only: in a text JSON escapes them.
    let line = detail.text().replace(['\n', '\r', '\t'], " ");
    let line = escaped_json(&line);
    if line.len() > DETAIL {
        let sha256 = hex::encode(Sha256::digest(detail.text()));
        return Json::from(serde_json::json!({ "left_out_bytes": detail.text().len(), "sha256": sha256 }));
    }
    serde_json::from_str(&line).unwrap_or_else(|_| detail.clone())
}

/// A SHA-256, written as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What stands before the first entry.
    pub const START: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for Hash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// An act in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// The act.
    pub act: Act,
    /// What links it to all before it.
    pub hash: Hash,
}

impl Entry {
    /// The entry as it is exported: its line with the hash as the last member.
    pub fn line(&self) -> String {
        let mut line = line(self.seq, &self.act);
        line.pop();
        format!("{line},\"hash\":\"{}\"}}", self.hash)
    }
}

/// The line of an entry that is hashed.
fn line(seq: u64, act: &Act) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        seq: u64,
        at: String,
        by: &'a str,
        what: &'a str,
        subject: &'a str,
        why: &'a str,
        detail: &'a Json,
    }
    let Act { at, by, what, subject, why, detail } = act;
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    serde_json::to_string(&Line { seq, at, by, what, subject, why, detail }).expect("numbers and texts have JSON")
}

/// The hash of an entry after the one with the hash `previous`.
pub fn link(previous: Hash, seq: u64, act: &Act) -> Hash {
    let mut hash = Sha256::new();
    hash.update(format!("{previous}\n{}\n", line(seq, act)));
    Hash(hash.finalize().into())
}

/// The end of a trail: who knows it knows whether anything before it was changed. Written as `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry, 0 if there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// The end of an empty trail.
    pub const START: Self = Self { seq: 0, hash: Hash::START };

    /// Puts an act at the end of the trail.
    #[must_use = "the entry is to be written"]
    pub fn append(&mut self, act: &Act) -> Entry {
        let (act, seq) = (act.kept(), self.seq + 1);
        let hash = link(self.hash, seq, &act);
        *self = Self { seq, hash };
        Entry { seq, act, hash }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.trim().split_once(':').and_then(|(seq, hash)| {
            Some(Self { seq: seq.parse().ok()?, hash: hash.to_ascii_lowercase().parse().ok()? })
        });
        parsed.ok_or_else(|| format!("expected SEQ:HASH, a number and 64 hex digits, got {text:?}"))
    }
}

/// How a trail is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// An entry's hash is not that of its content and the entry before it.
    #[error("entry {seq}: it, its hash or the entry before it was altered")]
    Altered {
        /// The entry.
        seq: u64,
    },
    /// Entries are missing.
    #[error("entries {from} to {to} are missing")]
    Missing {
        /// The first that is.
        from: u64,
        /// The last that is.
        to: u64,
    },
    /// An entry stands after one that it should stand before, or twice.
    #[error("entry {seq} stands after entry {after}")]
    OutOfOrder {
        /// The entry.
        seq: u64,
        /// What it stands after.
        after: u64,
    },
    /// The trail is shorter than it was.
    #[error("the trail ends at entry {end}, and once had {seq}")]
    CutOff {
        /// Its last entry.
        end: u64,
        /// How far it is known to have gone.
        seq: u64,
    },
    /// An entry has another hash than was written down: everything up to it may have been written anew.
    #[error("entry {seq}: its hash is {found}, and was {expected}")]
    Rewritten {
        /// The entry.
        seq: u64,
        /// What was written down.
        expected: Hash,
        /// What it is now.
        found: Hash,
    },
    /// There are entries after the end.
    #[error("there are entries after entry {end}, which is the last that was written")]
    Beyond {
        /// Where the trail should end.
        end: u64,
    },
}

/// A walk along a trail, from its start, that stops where it is broken.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    at: Head,
    known: Vec<Head>,
}

impl Walk {
    /// At the start; on the way, heads that are known from elsewhere are looked for.
    pub fn new(known: impl IntoIterator<Item = Head>) -> Self {
        Self { at: Head::START, known: known.into_iter().collect() }
    }

    /// How far it has come.
    pub fn at(&self) -> Head {
        self.at
    }

    /// Takes the next entry.
    pub fn pass(&mut self, entry: &Entry) -> Result<(), Break> {
        let (seq, next) = (entry.seq, self.at.seq + 1);
        if next < seq {
            return Err(Break::Missing { from: next, to: seq - 1 });
        }
        if seq < next {
            return Err(Break::OutOfOrder { seq, after: self.at.seq });
        }
        if link(self.at.hash, seq, &entry.act) != entry.hash {
            return Err(Break::Altered { seq });
        }
        self.at = Head { seq, hash: entry.hash };
        self.known.iter().try_for_each(|known| self.meets(*known))
    }

    /// Ends where the trail ends, which `end` says where it is known.
    pub fn end(self, end: Option<Head>) -> Result<Head, Break> {
        for known in self.known.iter().copied().chain(end) {
            if self.at.seq < known.seq {
                return Err(Break::CutOff { end: self.at.seq, seq: known.seq });
            }
            if known.seq == 0 {
                check(known, Hash::START)?;
            }
            self.meets(known)?;
        }
        match end {
            Some(end) if end.seq < self.at.seq => Err(Break::Beyond { end: end.seq }),
            _ => Ok(self.at),
        }
    }

    fn meets(&self, known: Head) -> Result<(), Break> {
        if known.seq == self.at.seq { check(known, self.at.hash) } else { Ok(()) }
    }
}

fn check(known: Head, found: Hash) -> Result<(), Break> {
    let Head { seq, hash: expected } = known;
    if expected == found { Ok(()) } else { Err(Break::Rewritten { seq, expected, found }) }
}

/// Walks a whole trail; its head is the answer.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Head, Break> {
    let mut walk = Walk::default();
    entries.into_iter().try_for_each(|entry| walk.pass(entry))?;
    walk.end(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn act(n: u64) -> Act {
        Act {
            at: "2026-03-02T02:00:00.000001999Z".parse().expect("an instant"),
            by: "li".into(),
            what: "remark.add".into(),
            subject: format!("tickets/T{n}"),
            why: "来文〔2026〕12号 \"附件\"".into(),
            detail: Json::from(serde_json::json!({ "n": n, "基础": ["a\\b", null] })),
        }
    }

    fn trail(length: u64) -> Vec<Entry> {
        let mut head = Head::START;
        (1..=length).map(|n| head.append(&act(n))).collect()
    }

    #[test]
    fn what_is_hashed_is_what_the_document_says() {
        let entries = trail(2);
        let first = concat!(
            r#"{"seq":1,"at":"2026-03-02T02:00:00.000001Z","by":"li","what":"remark.add","subject":"tickets/T1","#,
            r#""why":"来文〔2026〕12号 \"附件\"","detail":{"n":1,"基础":["a\\b",null]}}"#
        );
        assert_eq!(line(1, &entries[0].act), first);
        // Computed by sha256sum.
        assert_eq!(entries[0].hash.to_string(), "97446e1ecdfbcc871cf9644cad97529a1cbfa2cd18b3e5ff6041bf8f81258abf");
        assert_eq!(entries[1].hash.to_string(), "a673bdd0acf07be591057549b41d133ec27982bdf7053180dd4c18bc84c9ef5d");
        assert_eq!(entries[0].line(), format!("{},\"hash\":\"{}\"}}", &first[..first.len() - 1], entries[0].hash));
    }

    #[test]
    fn a_trail_holds_and_an_empty_one_too() {
        assert_eq!(verify(&[]), Ok(Head::START));
        let entries = trail(5);
        assert_eq!(verify(&entries), Ok(Head { seq: 5, hash: entries[4].hash }));
        let head = |n: usize| Head { seq: n as u64, hash: entries[n - 1].hash };
        for known in [Head::START, head(1), head(5)] {
            let mut walk = Walk::new([known]);
            entries.iter().try_for_each(|entry| walk.pass(entry)).expect("whole");
            assert_eq!(walk.end(Some(head(5))), Ok(head(5)));
            assert_eq!(known.to_string().parse::<Head>(), Ok(known));
        }
        for text in ["", "5", "5:", "x:00", &format!("5:{}", &head(5).hash.to_string()[1..])] {
            text.parse::<Head>().expect_err(text);
        }
    }

    #[test]
    fn a_trail_says_where_it_is_broken_and_how() {
        let whole = trail(5);
        let broken = |change: &dyn Fn(&mut Vec<Entry>)| {
            let mut entries = whole.clone();
            change(&mut entries);
            verify(&entries).expect_err("broken")
        };
        assert_eq!(broken(&|entries| drop(entries.remove(0))), Break::Missing { from: 1, to: 1 });
        assert_eq!(broken(&|entries| drop(entries.drain(2..4))), Break::Missing { from: 3, to: 4 });
        assert_eq!(broken(&|entries| entries.insert(3, whole[1].clone())), Break::OutOfOrder { seq: 2, after: 3 });
        assert_eq!(broken(&|entries| entries.swap(1, 2)), Break::Missing { from: 2, to: 2 });
        // Swapped, and their numbers too.
        let swapped = broken(&|entries| {
            entries.swap(1, 2);
            (entries[1].seq, entries[2].seq) = (2, 3);
        });
        assert_eq!(swapped, Break::Altered { seq: 2 });
        // Altered with a hash that fits: the next one does not.
        let covered = broken(&|entries| {
            entries[2].act.by = "wang".into();
            entries[2].hash = link(entries[1].hash, 3, &entries[2].act);
        });
        assert_eq!(covered, Break::Altered { seq: 4 });
    }

    #[test]
    fn a_head_that_was_written_down_shows_what_was_cut_off_or_written_anew() {
        let (whole, anew) = (trail(5), {
            let mut head = Head::START;
            (1..=5).map(|n| head.append(&Act { by: "wang".into(), ..act(n) })).collect::<Vec<_>>()
        });
        let head = |entries: &[Entry], n: usize| Head { seq: n as u64, hash: entries[n - 1].hash };
        let walk = |entries: &[Entry], known: Vec<Head>, end: Option<Head>| {
            let mut walk = Walk::new(known);
            entries.iter().try_for_each(|entry| walk.pass(entry)).and_then(|()| walk.end(end))
        };
        assert_eq!(walk(&whole[..3], vec![], None), Ok(head(&whole, 3)), "alone it cannot know");
        assert_eq!(walk(&whole[..3], vec![head(&whole, 4)], None), Err(Break::CutOff { end: 3, seq: 4 }));
        assert_eq!(walk(&whole[..3], vec![], Some(head(&whole, 5))), Err(Break::CutOff { end: 3, seq: 5 }));
        assert_eq!(walk(&whole, vec![], Some(head(&whole, 4))), Err(Break::Beyond { end: 4 }));
        let (expected, found) = (whole[3].hash, anew[3].hash);
        let rewritten = Err(Break::Rewritten { seq: 4, expected, found });
        assert_eq!(walk(&anew, vec![head(&whole, 4)], None), rewritten);
        let no_start = Head { seq: 0, hash: whole[0].hash };
        assert!(matches!(walk(&whole, vec![no_start], None), Err(Break::Rewritten { seq: 0, .. })));
    }

    #[test]
    fn what_is_hostile_is_kept_short_and_on_one_line() {
        let long = "长".repeat(1 << 20);
        let hostile = Act {
            by: "li\r\n\u{1b}[31mroot\u{202e}\0".into(),
            what: long.clone(),
            subject: long.clone(),
            why: format!("a\nb{long}"),
            detail: serde_json::from_str("{\"a\":\r\n\t\"\u{9b}\u{202e}\"}").expect("JSON"),
            ..act(1)
        };
        let kept = hostile.kept();
        assert_eq!(kept.by, "li [31mroot");
        assert_eq!([&kept.what, &kept.subject, &kept.why].map(|text| text.chars().count()), [NAME, SUBJECT, WHY]);
        assert!(kept.why.starts_with("a b长") && kept.why.ends_with('…'));
        assert_eq!(kept.detail.text(), r#"{"a":   "\u009b\u202e"}"#);
        assert_eq!(kept.detail, hostile.detail, "it says the same");
        let huge = Act { detail: Json::of(&long), ..act(1) }.kept();
        assert_eq!(huge.detail.value()["left_out_bytes"], long.len() + 2);
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_one_line_that_shows_nothing_else(texts in prop::array::uniform4(any::<String>()), detail in any::<String>()) {
            let [by, what, subject, why] = texts;
            let hostile = Act { by, what, subject, why, detail: Json::of(&detail), ..act(1) };
            let kept = hostile.kept();
            prop_assert_eq!(&kept.kept(), &kept, "once is enough");
            let line = Head::default().append(&hostile).line();
            prop_assert_eq!(super::super::line::plain(&line), line.clone());
            let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(&read["why"], &kept.why);
            prop_assert_eq!(&read["detail"], &detail);
        }

        #[test]
        fn any_change_of_any_entry_is_found_there_or_right_after(length in 1..9_u64, at in 0..8_usize, what in 0..7_u8) {
            let mut entries = trail(length);
            let at = at % entries.len();
            let Entry { act, hash, .. } = &mut entries[at];
            match what {
                0 => act.at += chrono::TimeDelta::microseconds(1),
                1 => act.by.push('i'),
                2 => act.what.clear(),
                3 => act.subject.push('0'),
                4 => act.why = "x".into(),
                5 => act.detail = Json::of(&1),
                _ => hash.0[7] ^= 1,
            }
            prop_assert_eq!(verify(&entries), Err(Break::Altered { seq: at as u64 + 1 }));
        }
    }
}
