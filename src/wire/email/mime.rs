//! A message's bytes (RFC 5322): headers, and the text with its HTML alternative.
//!
//! **Invariant:** equal messages have equal bytes; names and subjects are one line each before they reach a header;
//! the bytes are built at the time of sending and never stored to be sent later.

use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, MultiPartKind, SinglePart};
use lettre::{Address, Message as Mail};

use super::super::line::one_line;
use super::super::{ChannelError, Message};
use crate::core::delivery::DeliveryId;

const LONGEST_NAME: usize = 78;
const LONGEST_SUBJECT: usize = 400;
/// How many earlier mails `References` names: the first and the latest.
const LONGEST_THREAD: usize = 20;

/// Who mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    domain: String,
}

impl Sender {
    /// The sender `from` (`督办 <duban@example.gov.cn>`); message ids end in `domain`, by default that of `from`.
    pub fn new(from: &str, reply_to: Option<&str>, domain: Option<&str>) -> Result<Self, ChannelError> {
        let from = mailbox("from", from)?;
        let reply_to = reply_to.map(|text| mailbox("reply_to", text)).transpose()?;
        let domain = domain.unwrap_or(from.email.domain()).to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        if domain.is_empty() || !domain.chars().all(plain) {
            return Err(ChannelError::new("message_id_domain", "a domain of ASCII letters", format!("{domain:?}")));
        }
        Ok(Self { from, reply_to, domain })
    }

    /// The address of `from`.
    pub fn address(&self) -> &Address {
        &self.from.email
    }

    /// The right side of message ids.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The mail's bytes, or why there can be none.
    pub fn bytes(&self, message: &Message, to: &Mailbox) -> Result<Vec<u8>, String> {
        let builder = Mail::builder()
            .from(self.from.clone())
            .to(to.clone())
            .subject(one_line(&message.subject, LONGEST_SUBJECT))
            .date(SystemTime::from(message.date))
            .message_id(Some(self.message_id(message.id)));
        let builder = self.threaded(message, automatic(builder));
        let builder = self.reply_to.iter().cloned().fold(builder, MessageBuilder::reply_to);
        let mail = match &message.html {
            Some(html) => builder.multipart(alternative(message, html)),
            None => builder.singlepart(SinglePart::plain(in_lines(&message.text))),
        };
        mail.map(|mail| mail.formatted()).map_err(|error| format!("this makes no mail: {error}"))
    }

    fn message_id(&self, id: DeliveryId) -> String {
        format!("<{id}@{}>", self.domain)
    }

    fn threaded(&self, message: &Message, builder: MessageBuilder) -> MessageBuilder {
        let Some(latest) = message.thread.last() else { return builder };
        let skipped = message.thread.len().saturating_sub(LONGEST_THREAD);
        let kept = message.thread.iter().enumerate().filter(|(at, _)| *at == 0 || *at > skipped);
        let references: Vec<_> = kept.map(|(_, id)| self.message_id(*id)).collect();
        builder.in_reply_to(self.message_id(*latest)).references(references.join(" "))
    }
}

/// Marks a mail that no person wrote, so that no machine answers it (RFC 3834).
fn automatic(builder: MessageBuilder) -> MessageBuilder {
    let header = |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
    builder.raw_header(header("Auto-Submitted", "auto-generated")).raw_header(header("X-Auto-Response-Suppress", "All"))
}

fn alternative(message: &Message, html: &str) -> MultiPart {
    MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("=_{}", message.id))
        .singlepart(SinglePart::plain(in_lines(&message.text)))
        .singlepart(SinglePart::html(in_lines(html)))
}

/// A text whose lines end in LF alone: a CR that stands alone would leave as it is, which no mail may hold (RFC 5322, 2.3).
fn in_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The receiver's mailbox, or why the address is none.
pub fn receiver(message: &Message) -> Result<Mailbox, String> {
    let email = address(&message.to_address)?;
    let name = one_line(&message.to_name, LONGEST_NAME);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), email))
}

/// A mailbox of the configuration: `name <address>` or an address.
pub fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, ChannelError> {
    let (name, inner) = match text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, inner)) => (one_line(name.trim().trim_matches('"'), LONGEST_NAME), inner),
        None => (String::new(), text),
    };
    let email =
        address(inner).map_err(|_| ChannelError::new(key, "督办 <duban@example.gov.cn>", format!("{text:?}")))?;
    Ok(Mailbox::new((!name.is_empty()).then_some(name), email))
}

fn address(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let wrong = || format!("expected a mail address like name@example.gov.cn, got {:?}", one_line(text, 100));
    let sober = text.is_ascii() && !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"".contains(c));
    if sober { text.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::digest::Digest;

    fn id(text: &str) -> DeliveryId {
        DeliveryId(Digest::of([text.as_bytes()]))
    }

    fn message(subject: &str, name: &str) -> Message {
        Message {
            id: id("one"),
            to_name: name.to_owned(),
            to_address: "handler@example.test".to_owned(),
            date: "2026-03-02T02:00:00Z".parse().expect("instant"),
            subject: subject.to_owned(),
            text: "正文".to_owned(),
            html: Some("<p>正文</p>".to_owned()),
            thread: Vec::new(),
            facts: serde_json::Value::Null.into(),
        }
    }

    fn bytes(message: &Message) -> String {
        let sender = Sender::new("督办 <duban@example.test>", Some("office@example.test"), None).expect("sender");
        let to = receiver(message).expect("receiver");
        String::from_utf8(sender.bytes(message, &to).expect("mail")).expect("ASCII")
    }

    #[test]
    fn a_mail_says_who_when_and_that_a_machine_wrote_it() {
        let mail = bytes(&message("[红牌] P0136", "王小明"));
        for line in [
            "From: =?utf-8?b?552j5Yqe?= <duban@example.test>\r\n",
            "Reply-To: office@example.test\r\n",
            "Date: Mon, 02 Mar 2026 02:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Auto-Response-Suppress: All\r\n",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(mail.contains(line), "{line:?} in\n{mail}");
        }
        assert!(mail.contains(&format!("Message-ID: <{}@example.test>\r\n", id("one"))), "{mail}");
        assert!(!mail.contains("In-Reply-To"), "{mail}");
    }

    #[test]
    fn equal_messages_have_equal_bytes() {
        let message = message("x", "y");
        assert_eq!(bytes(&message), bytes(&message));
    }

    #[test]
    fn a_thread_is_answered_and_a_long_one_is_cut_in_its_middle() {
        let thread: Vec<_> = (0..50).map(|n| id(&n.to_string())).collect();
        let mail = bytes(&Message { thread: thread.clone(), ..message("x", "y") });
        assert!(mail.contains(&format!("In-Reply-To: <{}@example.test>\r\n", thread[49])), "{mail}");
        assert!(mail.contains(&thread[0].to_string()) && !mail.contains(&thread[1].to_string()), "{mail}");
        assert_eq!(thread.iter().filter(|id| mail.contains(&id.to_string())).count(), LONGEST_THREAD, "{mail}");
    }

    #[test]
    fn an_address_is_one_address() {
        for wrong in [
            "",
            "王",
            "a",
            "a@",
            "a@b\r\nRCPT TO:<x@y.test>",
            "a@b.test, c@d.test",
            "<a@b.test>",
            "王@例.test",
            "a b@c.test",
        ] {
            let message = Message { to_address: wrong.to_owned(), ..message("x", "y") };
            assert!(receiver(&message).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_sender_may_have_a_chinese_name_or_none() {
        for (text, name) in
            [("督办 <d@e.test>", Some("督办")), ("d@e.test", None), ("\"a, b\" <d@e.test>", Some("a, b"))]
        {
            let mailbox = mailbox("from", text).expect(text);
            assert_eq!((mailbox.name.as_deref(), mailbox.email.to_string().as_str()), (name, "d@e.test"));
        }
        assert!(mailbox("from", "督办").is_err());
    }

    proptest! {
        #[test]
        fn no_subject_name_or_text_adds_a_header_or_breaks_a_line(
            subject in "[\\PC\r\n\0\u{2028}\u{202e}]{0,200}", name in any::<String>(), text in "[\\PC\r\n.\0]{0,300}",
        ) {
            let mail = bytes(&Message { text, ..message(&subject, &name) });
            let (head, _) = mail.split_once("\r\n\r\n").expect("a head and a body");
            let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split(':').next());
            let mut names: Vec<_> = names.flatten().collect();
            names.sort_unstable();
            prop_assert_eq!(names, [
                "Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Reply-To", "Subject",
                "To", "X-Auto-Response-Suppress",
            ]);
            prop_assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "a bare CR or LF");
        }
    }
}
