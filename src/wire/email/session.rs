//! One connection that was let in, and the mails that go over it one after the other.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::response::Response;

use tokio::time::timeout;

use super::verdict::Failure;

/// How long an answer is waited for that no mail depends on.
const POLITENESS: Duration = Duration::from_secs(2);

/// How far a try came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Stage {
    #[default]
    Connect,
    Greeting,
    Tls,
    Hello,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    Body,
}

impl Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "waiting for the greeting",
            Self::Tls => "TLS",
            Self::Hello => "EHLO",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Body => "the message",
        })
    }
}

/// One try: how far it came, and what was said if somebody wants to know.
#[derive(Debug, Default)]
pub(super) struct Try {
    pub(super) stage: Stage,
    pub(super) lines: Option<Vec<String>>,
    ended: Option<Arc<AtomicBool>>,
}

impl Try {
    pub(super) fn traced() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    pub(super) fn note(&mut self, line: &str) {
        if let Some(lines) = &mut self.lines {
            lines.push(crate::wire::line::one_line(line, 500));
        }
    }

    /// Whether the end of the message has left, so that the server may have taken it.
    pub(super) fn ended(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.load(Ordering::Relaxed))
    }
}

pub(super) struct Session {
    connection: AsyncSmtpConnection,
    ended: Arc<AtomicBool>,
    used: u32,
}

impl Session {
    pub(super) fn new(connection: AsyncSmtpConnection, ended: Arc<AtomicBool>) -> Self {
        Self { connection, ended, used: 0 }
    }

    /// Over how many mails it went already.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// One mail; the server's answer to its end.
    pub(super) async fn send(
        &mut self,
        from: &Address,
        to: &Address,
        bytes: &[u8],
        attempt: &mut Try,
    ) -> Result<String, Failure> {
        self.used += 1;
        self.ended.store(false, Ordering::Relaxed);
        attempt.ended = Some(self.ended.clone());
        self.say(Mail::new(Some(from.clone()), Vec::new()), Stage::MailFrom, attempt).await?;
        self.say(Rcpt::new(to.clone(), Vec::new()), Stage::RcptTo, attempt).await?;
        self.say(Data, Stage::Data, attempt).await?;
        attempt.stage = Stage::Body;
        attempt.note(&format!("> ({} bytes)", bytes.len()));
        let answer = self.connection.message(bytes).await;
        heard(answer, Stage::Body, attempt)
    }

    async fn say(&mut self, command: impl Display, stage: Stage, attempt: &mut Try) -> Result<String, Failure> {
        attempt.stage = stage;
        attempt.note(&format!("> {command}"));
        let answer = self.connection.command(command).await;
        heard(answer, stage, attempt)
    }

    /// Forgets a refused mail; whether the session can go on.
    pub(super) async fn reset(&mut self) -> bool {
        matches!(timeout(POLITENESS, self.connection.command(Rset)).await, Ok(Ok(_)))
    }

    /// Says goodbye.
    pub(super) async fn quit(&mut self) {
        let _ = timeout(POLITENESS, self.connection.quit()).await;
    }
}

fn heard(
    answer: Result<Response, lettre::transport::smtp::Error>,
    stage: Stage,
    attempt: &mut Try,
) -> Result<String, Failure> {
    let answer = answer.map_err(|error| Failure::of(stage, &error, attempt))?;
    let text = format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "));
    attempt.note(&format!("< {text}"));
    Ok(text)
}
