//! Short messages through a cloud: Aliyun (阿里云) and Tencent Cloud (腾讯云).
//!
//! ```text
//! wording         the registered template, and the variables that fill it
//! variable        what a variable can hold
//! number          mobile numbers
//! aliyun tencent  request and codes of each
//! acs3 tc3        their signatures
//! ```
//!
//! In mainland China no short message is free text: the carrier knows the signature and a template, and a message brings
//! only the template's variables.
//!
//! **Invariant:** neither vendor knows a repeat, so a message whose fate is unknown is never sent again by itself; one
//! request carries one message to one number.

use std::time::Duration;

pub use self::aliyun::{AliyunConfig, aliyun};
pub use self::tencent::{TencentConfig, tencent};
use super::ChannelError;
use crate::core::delivery::Outcome;

mod acs3;
mod aliyun;
mod number;
mod tc3;
mod tencent;
mod variable;
mod wording;

/// How long a number is left alone whose quota the vendor counts by the day.
const BUSY_FOR: Duration = Duration::from_hours(1);

const fn thirty() -> u64 {
    30
}

const fn four() -> usize {
    4
}

/// A word that goes into a header as it stands.
fn key_id(key: &'static str, text: &str) -> Result<String, ChannelError> {
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if is_word {
        Ok(text.to_owned())
    } else {
        Err(ChannelError::new(key, "letters, digits, - and _", format!("{text:?}")))
    }
}

/// As for webhooks: a later configuration may mend it.
fn failed_template(reason: &str) -> Outcome {
    Outcome::Temporary { reason: super::line::one_line(reason, 600), retry_after: None }
}
