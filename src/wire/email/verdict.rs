//! What an answer, or the lack of one, means for a delivery.
//!
//! Before MAIL FROM every failure is the server's or the configuration's: no mail is at fault, so it stays temporary.
//! From there on a 5xx is for good, save those that tell about logging in (RFC 4954) and a 552 to RCPT, which RFC 5321
//! (4.5.3.1.10) wants treated as a 452.

use std::fmt::Display;

use lettre::transport::smtp::Error;

use super::opening::Server;
use super::session::{Stage, Try};
use crate::core::delivery::Outcome;
use crate::wire::line::one_line;

const LONGEST_ANSWER: usize = 300;

/// Why a mail was not taken, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server said no.
    Refused { stage: Stage, code: u16, answer: String },
    /// The dialogue ended without an answer.
    Broken { stage: Stage, reason: String },
}

impl Failure {
    pub(super) fn broken(stage: Stage, reason: impl Display) -> Self {
        Self::Broken { stage, reason: reason.to_string() }
    }

    pub(super) fn refused(stage: Stage, answer: &str) -> Self {
        match answer.get(..3).and_then(|code| code.parse().ok()) {
            Some(code) => Self::Refused { stage, code, answer: answer.to_owned() },
            None => Self::broken(stage, format!("this is no SMTP server: {answer}")),
        }
    }

    /// From the dialogue's own error, which holds a negative answer too.
    pub(super) fn of(stage: Stage, error: &Error, attempt: &mut Try) -> Self {
        let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        if let Some(code) = error.status() {
            attempt.note(&format!("< {code} {text}"));
            return Self::Refused { stage, code: code.into(), answer: format!("{code} {text}") };
        }
        let closed = text == "incomplete response";
        Self::broken(stage, if closed { "the server closed the connection".to_owned() } else { text })
    }

    /// Whether an idle connection turned out to be closed, so that another one may do.
    pub(super) fn is_stale_session(&self) -> bool {
        matches!(
            self,
            Self::Broken { stage: Stage::MailFrom, .. } | Self::Refused { stage: Stage::MailFrom, code: 421, .. }
        )
    }

    pub(super) fn is_break(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Refused { code: 421, .. })
    }
}

pub(super) fn outcome(server: &Server, result: Result<String, Failure>, attempt: &Try) -> Outcome {
    let clean = |text: &str| one_line(&server.redaction.apply(text), LONGEST_ANSWER);
    match result {
        Ok(answer) => Outcome::Accepted { remote_id: queue_id(&answer), answer: clean(&answer) },
        Err(Failure::Broken { stage, reason }) => {
            broken(&server.name(), stage, &clean_reason(server, &reason), attempt.ended())
        }
        Err(Failure::Refused { stage, code, answer }) => refused(&server.name(), stage, code, &clean(&answer)),
    }
}

/// Reasons of our own are longer than a peer's answer: they hold the line to paste.
fn clean_reason(server: &Server, reason: &str) -> String {
    one_line(&server.redaction.apply(reason), 2 * LONGEST_ANSWER)
}

fn broken(server: &str, stage: Stage, reason: &str, ended: bool) -> Outcome {
    if stage == Stage::Body && ended {
        let reason = format!("{server} was given the whole message and did not answer: {reason}");
        return Outcome::Unknowable { reason, repeatable: true };
    }
    Outcome::Temporary { reason: format!("{server}, {stage}: {reason}"), retry_after: None }
}

fn refused(server: &str, stage: Stage, code: u16, answer: &str) -> Outcome {
    let reason = format!("{server} answered {stage} with {answer}");
    let of_the_server = stage < Stage::MailFrom || matches!(code, 530 | 534 | 535 | 538);
    let full = stage == Stage::RcptTo && code == 552;
    if code < 500 || of_the_server || full {
        return Outcome::Temporary { reason, retry_after: None };
    }
    Outcome::Permanent { reason, bad_address: is_bad_address(stage, code, answer) }
}

/// By the enhanced code (RFC 3463) where there is one, else by the code that RCPT was refused with.
fn is_bad_address(stage: Stage, code: u16, answer: &str) -> bool {
    let enhanced =
        answer.split_whitespace().nth(1).filter(|word| word.starts_with("5.") && word.matches('.').count() == 2);
    match enhanced {
        Some(word) => matches!(word, "5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1"),
        None => stage == Stage::RcptTo && matches!(code, 550 | 551 | 553),
    }
}

/// What the server calls the mail: `OK id=1abc` (Exim), `queued as ABC` (Postfix).
fn queue_id(answer: &str) -> Option<String> {
    let after = ["id=", "queued as "].into_iter().find_map(|mark| answer.split_once(mark));
    let word = after?.1.split(|c: char| c.is_whitespace() || c == ';').next()?;
    (!word.is_empty()).then(|| one_line(word, 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_what_its_code_and_its_stage_say() {
        #[derive(Debug, PartialEq)]
        enum Means {
            Again,
            Dead,
            BadAddress,
        }
        use Means::{Again, BadAddress, Dead};
        let cases = [
            (Stage::Greeting, "554 no service", Again),
            (Stage::Auth, "535 5.7.8 wrong", Again),
            (Stage::MailFrom, "530 5.7.0 log in first", Again),
            (Stage::MailFrom, "550 5.1.8 bad sender", Dead),
            (Stage::RcptTo, "451 greylisted", Again),
            (Stage::RcptTo, "421 too busy", Again),
            (Stage::RcptTo, "550 no such user", BadAddress),
            (Stage::RcptTo, "550 5.1.1 user unknown", BadAddress),
            (Stage::RcptTo, "550 5.7.1 relaying denied", Dead),
            (Stage::RcptTo, "553 no such user", BadAddress),
            (Stage::RcptTo, "552 mailbox full", Again),
            (Stage::Data, "554 no valid recipients", Dead),
            (Stage::Body, "550 5.1.1 user unknown", BadAddress),
            (Stage::Body, "554 spam", Dead),
            (Stage::Body, "552 too big", Dead),
        ];
        for (stage, answer, expected) in cases {
            let Failure::Refused { code, .. } = Failure::refused(stage, answer) else { panic!("{answer}") };
            let means = match refused("mail.test:25", stage, code, answer) {
                Outcome::Temporary { .. } => Again,
                Outcome::Permanent { bad_address: true, .. } => BadAddress,
                Outcome::Permanent { .. } => Dead,
                other => panic!("{other:?}"),
            };
            assert_eq!(means, expected, "{stage:?} {answer}");
        }
    }

    #[test]
    fn a_break_is_unknowable_only_after_the_end_of_the_message() {
        let outcome = |stage, ended| broken("mail.test:25", stage, "closed", ended);
        assert!(matches!(outcome(Stage::Body, true), Outcome::Unknowable { repeatable: true, .. }));
        assert!(matches!(outcome(Stage::Body, false), Outcome::Temporary { .. }));
        assert!(matches!(outcome(Stage::RcptTo, false), Outcome::Temporary { .. }));
    }

    #[test]
    fn servers_say_what_they_call_a_mail() {
        assert_eq!(queue_id("250 OK id=1vMfYz-000000001Ab-2xyz").as_deref(), Some("1vMfYz-000000001Ab-2xyz"));
        assert_eq!(queue_id("250 2.0.0 Ok: queued as 4XyZ; done").as_deref(), Some("4XyZ"));
        assert_eq!(queue_id("250 2.0.0 OK"), None);
    }
}
