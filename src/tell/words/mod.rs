//! **Words**: sealed facts + templates → the message that a person reads, in Chinese or English.
//!
//! A [`page`] puts the facts into words; [`templates`] arrange them for a medium; [`plain`] says the bare facts when a
//! template of the office fails, and [`reason`] gives reasons and labels to everybody else who speaks to people.
//!
//! **Invariant:** the same facts give the same message, at any time. Whatever a source calls its items, a message keeps
//! its lines, its subject and its markup (see [`mod@line`]), a short message its 70 UTF-16 units; and rendering never fails.

mod entry;
mod line;
pub mod order;
mod page;
mod plain;
pub mod reason;
mod remark;
pub mod sample;
mod sentence;
mod short;
mod templates;
mod voice;

pub use super::language::Language;
pub use reason::{change_label, level_label, notice_label, reason_words, state_label, verdict_label, via_label};
pub use remark::{remark_account, remark_kind, remark_says, remark_standing};
pub use sentence::asks_for_signature;
pub use templates::{TemplateError, Templates};

/// The longest short message, in UTF-16 units, signature included.
pub const SHORT_MESSAGE: usize = 70;

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line: a mail's subject, a robot's title; what lists show of any other message.
    pub subject: String,
    /// The whole message without markup.
    pub text: String,
    /// The message as HTML, for mail.
    pub html: Option<String>,
}

#[cfg(test)]
mod tests;
