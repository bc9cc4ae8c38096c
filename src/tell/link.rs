//! **Link** 签收链接: who may sign for which card, in a token that only this installation can write.
//!
//! A token is what it says, then its HMAC-SHA256, in base64url. It is made while a message is rendered and never stored.
//!
//! **Invariants:** the same sealed facts give the same link at every try. A token that was changed in any bit, or written
//! with another key, is none. The key and what is made with it never reach a log.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::facts::{Facts, Member};
use super::words::asks_for_signature;
use crate::core::Instant;
use crate::core::card::CardId;
use crate::core::window::Level;

/// How long a link can be used.
pub const LIFETIME: TimeDelta = TimeDelta::days(14);

/// The shortest key, in bytes.
pub const SHORTEST_KEY: usize = 16;

/// What stands before the contact: version, key, card, episode, level, step, whether in rehearsal, end.
const HEAD: usize = 1 + 4 + 16 + 4 + 1 + 4 + 1 + 8;
const TAG: usize = 32;
const VERSION: u8 = 1;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The card.
    pub card: CardId,
    /// Its episode: a link of an earlier one is void.
    pub episode: u32,
    /// The level that the message told.
    pub level: Level,
    /// The step of the ladder that the message told.
    pub step: u32,
    /// Who may sign.
    pub contact: Arc<str>,
    /// Whether the message went to the rehearsal's address: then nobody can sign with it.
    pub rehearsal: bool,
    /// The first instant at which it is void.
    pub ends_at: Instant,
}

/// The key that links are written and read with.
pub struct LinkKey {
    name: [u8; 4],
    key: Vec<u8>,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// A key; what it is made of must be secret and hard to guess.
    pub fn new(secret: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(b"duban link key\0").chain_update(secret).finalize();
        Self { name: [digest[0], digest[1], digest[2], digest[3]], key: secret.to_vec() }
    }

    /// The token of a link.
    pub fn token(&self, link: &Link) -> String {
        let mut bytes = Vec::with_capacity(HEAD + link.contact.len() + TAG);
        bytes.push(VERSION);
        bytes.extend(self.name);
        bytes.extend(hex::decode(link.card.to_string()).expect("digits are hex"));
        bytes.extend(link.episode.to_be_bytes());
        bytes.push(u8::from(link.level == Level::Red));
        bytes.extend(link.step.to_be_bytes());
        bytes.push(u8::from(link.rehearsal));
        bytes.extend(link.ends_at.timestamp().to_be_bytes());
        bytes.extend(link.contact.as_bytes());
        let tag = self.mac("link", &[&bytes]).finalize().into_bytes();
        bytes.extend(tag);
        BASE64.encode(bytes)
    }

    /// What a token says, if this key wrote it.
    pub fn read(&self, token: &str) -> Option<Link> {
        let bytes = BASE64.decode(token).ok()?;
        let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        self.mac("link", &[said]).verify_slice(tag).ok()?;
        let (head, contact) = said.split_at_checked(HEAD)?;
        let mut head = Head(head);
        if head.take::<1>()? != [VERSION] || head.take::<4>()? != self.name {
            return None;
        }
        Some(Link {
            card: hex::encode(head.take::<16>()?).parse().ok()?,
            episode: u32::from_be_bytes(head.take()?),
            level: if head.take::<1>()? == [1] { Level::Red } else { Level::Yellow },
            step: u32::from_be_bytes(head.take()?),
            rehearsal: head.take::<1>()? == [1],
            ends_at: Instant::from_timestamp(i64::from_be_bytes(head.take()?), 0)?,
            contact: std::str::from_utf8(contact).ok()?.into(),
        })
    }

    /// What a page carries, so that only who was shown it can answer it: bound to the browser and to what was seen.
    pub fn nonce(&self, token: &str, browser: &str, seen: &str) -> String {
        BASE64.encode(self.nonce_mac(token, browser, seen).finalize().into_bytes())
    }

    /// Whether a page carried this; compared in constant time.
    pub fn is_nonce(&self, nonce: &str, token: &str, browser: &str, seen: &str) -> bool {
        let Ok(nonce) = BASE64.decode(nonce) else { return false };
        self.nonce_mac(token, browser, seen).verify_slice(&nonce).is_ok()
    }

    fn nonce_mac(&self, token: &str, browser: &str, seen: &str) -> Hmac<Sha256> {
        self.mac("page", &[token, browser, seen].map(str::as_bytes))
    }

    /// Parts are kept apart, and so is what a code is for.
    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// Numbers one after the other.
struct Head<'a>(&'a [u8]);

impl Head<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

/// Gives every card that somebody should sign for the receiver's own link, if the board has an address.
pub fn put_links(facts: &mut Facts, key: &LinkKey) {
    let Some(base) = facts.base_url.as_deref().map(|base| base.trim_end_matches('/').to_owned()) else { return };
    let (contact, rehearsal): (Arc<str>, _) = (facts.to.contact.as_str().into(), facts.rehearsal_for.is_some());
    let ends_at = facts.sealed_at + LIFETIME;
    for member in facts.members.iter_mut().filter(|member| asks_for_signature(member)) {
        let Member { card: Some(card), .. } = member else { continue };
        let Ok(id) = card.card.parse() else { continue };
        let (episode, level, step) = (card.episode, card.level, card.step);
        let link = Link { card: id, episode, level, step, contact: contact.clone(), rehearsal, ends_at };
        card.sign_url = Some(format!("{base}/sign/{}", key.token(&link)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::item::ItemKey;
    use crate::tell::words::sample;

    fn key() -> LinkKey {
        LinkKey::new(b"a key that nobody guesses")
    }

    fn link(contact: &str) -> Link {
        Link {
            card: CardId::new(&ItemKey::new("tickets", "T1"), "2110", "on_site"),
            episode: 2,
            level: Level::Red,
            step: 1,
            contact: contact.into(),
            rehearsal: false,
            ends_at: "2026-03-16T02:00:00Z".parse().expect("an instant"),
        }
    }

    #[test]
    fn a_token_says_what_was_written_and_only_to_its_key() {
        for link in [link("h1"), link("张三"), link(""), Link { level: Level::Yellow, rehearsal: true, ..link("x") }]
        {
            let token = key().token(&link);
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
            assert_eq!(key().read(&token), Some(link));
            assert_eq!(LinkKey::new(b"another key, as long as it").read(&token), None);
        }
    }

    #[test]
    fn a_token_with_any_bit_changed_or_cut_is_none() {
        let token = key().token(&link("h1"));
        let bytes = BASE64.decode(&token).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key().read(&BASE64.encode(changed)), None, "bit {bit}");
        }
        for length in 0..token.len() {
            assert_eq!(key().read(&token[..length]), None, "{length} characters");
        }
        assert_eq!(key().read(&format!("{token}=")), None);
    }

    #[test]
    fn a_nonce_is_good_for_one_token_one_browser_and_what_was_seen() {
        let nonce = key().nonce("token", "browser", "red");
        assert!(key().is_nonce(&nonce, "token", "browser", "red"));
        for (token, browser, seen) in [
            ("token2", "browser", "red"),
            ("token", "other", "red"),
            ("token", "browser", "yellow"),
            ("tokenb", "rowser", "red"),
        ] {
            assert!(!key().is_nonce(&nonce, token, browser, seen));
        }
        let token = key().token(&link("h1"));
        assert!(!key().is_nonce(&token, "", "", ""));
    }

    #[test]
    fn every_try_has_the_same_links_and_none_without_an_address() {
        let card = link("").card.to_string();
        for mut facts in sample::every_kind() {
            facts.members.iter_mut().flat_map(|m| &mut m.card).for_each(|told| told.card.clone_from(&card));
            let with_links = || {
                let mut facts = facts.clone();
                put_links(&mut facts, &key());
                facts
            };
            assert_eq!(with_links(), with_links());
            for member in with_links().members {
                let url = member.card.as_ref().and_then(|card| card.sign_url.as_deref());
                let has_link = facts.base_url.is_some() && asks_for_signature(&member);
                assert_eq!(url.is_some(), has_link, "{member:?}");
                let Some((_, token)) = url.and_then(|url| url.rsplit_once("/sign/")) else { continue };
                let link = key().read(token).expect("its own token");
                assert_eq!((&*link.contact, link.ends_at), (&*facts.to.contact, facts.sealed_at + LIFETIME));
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_by_chance(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(key().read(&text), None);
            prop_assert_eq!(key().read(&BASE64.encode(bytes)), None);
        }
    }
}
