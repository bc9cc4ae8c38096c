//! Mail over SMTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duban::core::delivery::Outcome;
use duban::wire::email::{Smtp, SmtpConfig};
use duban::wire::{Channel, Message};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::exim::{Exim, PASSWORD, USER};
use crate::{assert_accepted, id, message, temporary};

fn channel(port: u16, toml: &str, password: Option<&str>) -> Smtp {
    let head = format!("host = '127.0.0.1'\nport = {port}\nfrom = '督办 <duban@example.test>'\n");
    let config: SmtpConfig = toml::from_str(&(head + toml)).expect(toml);
    Smtp::new(&config, password.map(Into::into)).expect("channel")
}

fn with_login(port: u16, toml: &str) -> Smtp {
    channel(port, &format!("user = '{USER}'\n{toml}"), Some(PASSWORD))
}

/// Trusts the server's authority under the name that it carries.
fn trusting(exim: &Exim) -> String {
    format!("ca_file = '{}'\nserver_name = 'mail.test'\n", exim.ca_file().display())
}

#[tokio::test]
async fn a_mail_arrives_over_starttls_with_a_login_and_an_own_authority() {
    let exim = Exim::start();
    let smtp = with_login(exim.starttls, &trusting(&exim));
    let sent = Message { thread: vec![id("first"), id("second")], ..message("one") };
    let outcome = smtp.send(&sent).await;
    let Outcome::Accepted { remote_id: Some(queue_id), answer } = &outcome else { panic!("{outcome:?}") };
    assert!(answer.starts_with("250 ") && exim.log("main").contains(queue_id), "{answer}");
    let letter = exim.only_letter();
    let expected = [
        ("From", "督办 <duban@example.test>".to_owned()),
        ("To", "王小明 <handler@example.test>".to_owned()),
        ("Subject", sent.subject.clone()),
        ("Message-ID", format!("<{}@example.test>", id("one"))),
        ("In-Reply-To", format!("<{}@example.test>", id("second"))),
        ("References", format!("<{}@example.test> <{}@example.test>", id("first"), id("second"))),
        ("Date", "Mon, 02 Mar 2026 02:00:00 +0000".to_owned()),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("Return-path", "<duban@example.test>".to_owned()),
        ("Envelope-to", "handler@example.test".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(letter.get(name), Some(value.as_str()), "{name}");
    }
    let bodies: Vec<_> = letter.parts.iter().map(|part| part.body.trim_end()).collect();
    assert_eq!(bodies, [sent.text.trim_end(), "<p>请于今日办结。</p>"]);
    assert!(exim.log("main").contains("X=TLS1.3"), "{}", exim.log("main"));
    assert!(exim.log("main").contains("A=plain:duban"), "{}", exim.log("main"));
}

#[tokio::test]
async fn a_mail_arrives_over_implicit_tls_with_auth_login() {
    let exim = Exim::start();
    let smtp = with_login(exim.tls, &format!("security = 'tls'\nauth = 'login'\n{}", trusting(&exim)));
    assert_accepted(&smtp.send(&message("one")).await);
    exim.only_letter();
    assert!(exim.log("main").contains("A=login:duban"), "{}", exim.log("main"));
}

#[tokio::test]
async fn a_mail_arrives_in_the_clear_only_if_that_is_asked_for() {
    let exim = Exim::start();
    assert_accepted(&channel(exim.plain, "security = 'none'", None).send(&message("one")).await);
    let text = "plain words\n.\nMAIL FROM:<evil@example.test>\r\n.\r\nQUIT\n";
    let dots = Message { text: text.to_owned(), html: None, ..message("dots") };
    assert_accepted(&channel(exim.plain, "security = 'none'", None).send(&dots).await);
    let dotted = exim.inbox(2).into_iter().find(|letter| letter.parts.is_empty()).expect("the one without HTML");
    assert_eq!(dotted.body.trim_end(), text.replace("\r\n", "\n").trim_end());
    // This port offers no STARTTLS: the default sends nothing there.
    let reason = temporary(channel(exim.plain, "", None).send(&message("two")).await);
    assert!(reason.contains("does not offer STARTTLS"), "{reason}");
    assert_eq!(exim.arrived(), 2);
}

#[tokio::test]
async fn a_password_crosses_in_the_clear_only_if_that_is_allowed() {
    let exim = Exim::start();
    let toml = format!("host = '127.0.0.1'\nsecurity = 'none'\nuser = '{USER}'\nfrom = 'duban@example.test'");
    let config: SmtpConfig = toml::from_str(&toml).expect("config");
    let error = Smtp::new(&config, Some(PASSWORD.into())).err().expect("refused").to_string();
    assert!(error.contains("allow_plaintext_auth"), "{error}");
    let smtp = with_login(exim.plain, "security = 'none'\nallow_plaintext_auth = true");
    assert_accepted(&smtp.send(&message("one")).await);
}

#[tokio::test]
async fn a_wrong_password_is_tried_again_and_never_told() {
    let exim = Exim::start();
    let smtp = channel(exim.starttls, &format!("user = '{USER}'\n{}", trusting(&exim)), Some("wrong-secret"));
    let (lines, outcome) = smtp.trace(&message("one")).await;
    let reason = temporary(outcome);
    assert!(reason.contains("535"), "{reason}");
    let told = format!("{}{reason}", lines.join("\n"));
    assert!(!told.contains("wrong-secret") && !told.contains("AGR1YmFuAHdyb25nLXNlY3JldA"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_ends_the_connection_and_says_what_to_write() {
    let exim = Exim::start();
    let (ca, pin) = (exim.ca_file(), exim.authority.pin());
    let cases = [
        ("server_name = 'mail.test'".to_owned(), "no known authority"),
        ("server_name = 'mail.test'\nsystem_roots = false".to_owned(), "no known authority"),
        (format!("ca_file = '{}'", ca.display()), "server_name = "),
        (format!("ca_file = '{}'\nserver_name = 'other.test'", ca.display()), "mail.test"),
    ];
    for (toml, expected) in cases {
        for (port, security) in [(exim.starttls, "starttls"), (exim.tls, "tls")] {
            let smtp = with_login(port, &format!("security = '{security}'\n{toml}"));
            let reason = temporary(smtp.send(&message("one")).await);
            assert!(reason.contains(expected) && reason.contains(&format!("pin = \"{pin}\"")), "{toml}: {reason}");
        }
    }
    let wrong = format!("pin = 'sha256:{}'", "ab".repeat(32));
    let reason = temporary(with_login(exim.starttls, &wrong).send(&message("one")).await);
    assert!(reason.contains("not the pinned one") && reason.contains(&pin), "{reason}");
    assert_eq!(exim.arrived(), 0);
    assert!(!exim.log("main").contains("A=plain"), "no login before trust");
    // The line that the reason gave is enough, whatever the name and the authority.
    assert_accepted(&with_login(exim.starttls, &format!("pin = '{pin}'")).send(&message("one")).await);
}

#[tokio::test]
async fn a_receiver_that_is_put_off_unknown_or_none_gets_the_right_end() {
    let exim = Exim::start();
    let smtp = with_login(exim.starttls, &trusting(&exim));
    let to = |address: &str| Message { to_address: address.to_owned(), ..message(address) };
    let reason = temporary(smtp.send(&to("grey@example.test")).await);
    assert!(reason.contains("451") && reason.contains("Greylisted"), "{reason}");
    for address in ["nouser@example.test", "王小明", "a@b.test\r\nRCPT TO:<c@d.test>"] {
        let outcome = smtp.send(&to(address)).await;
        assert!(matches!(outcome, Outcome::Permanent { bad_address: true, .. }), "{address}: {outcome:?}");
    }
    // The connection that was refused twice takes the next mail.
    assert_accepted(&smtp.send(&to("handler@example.test")).await);
    assert_eq!(exim.only_letter().get("To"), Some("王小明 <handler@example.test>"));
}

#[tokio::test]
async fn nobody_can_write_a_header_or_a_second_receiver_through_a_name_or_a_title() {
    let exim = Exim::start();
    let smtp = with_login(exim.starttls, &trusting(&exim));
    let clean = smtp.send(&message("clean")).await;
    assert_accepted(&clean);
    let names = exim.only_letter().names().join(" ");
    let hostile =
        "红牌\r\nBcc: thief@example.test\r\n\r\nbody\n.\r\nMAIL FROM:<x@y.test>\0\u{202e}gpj\u{2028}X-Evil: 1";
    let outcome =
        smtp.send(&Message { to_name: hostile.to_owned(), subject: hostile.repeat(9), ..message("hostile") }).await;
    assert_accepted(&outcome);
    let hostile_id = format!("<{}@example.test>", id("hostile"));
    let letter = exim.inbox(2).into_iter().find(|l| l.get("Message-ID") == Some(&hostile_id)).expect("arrived");
    assert_eq!(letter.names().join(" "), names);
    assert_eq!(letter.get("Envelope-to"), Some("handler@example.test"));
    let subject = letter.get("Subject").expect("subject");
    assert!(subject.starts_with("红牌 Bcc: thief@example.test body . MAIL"), "{subject}");
    assert!(!subject.contains(|c: char| c.is_control() || "\u{202e}\u{2028}".contains(c)), "{subject:?}");
}

#[tokio::test]
async fn a_trace_shows_the_dialogue_and_no_secret() {
    let exim = Exim::start();
    let smtp = with_login(exim.starttls, &trusting(&exim));
    let (lines, outcome) = smtp.trace(&message("one")).await;
    assert_accepted(&outcome);
    let told = lines.join("\n");
    for line in ["> STARTTLS", "* TLSv1_3", "> AUTH PLAIN ***", "> RCPT TO:<handler@example.test>", "< 250 OK id="] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
    assert!(!told.contains(PASSWORD) && !told.contains("AGR1YmFu"), "{told}");
}

#[expect(clippy::disallowed_methods, reason = "a rate that is printed, not judged")]
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_mails_go_over_few_connections() {
    let exim = Exim::start();
    let smtp = Arc::new(with_login(exim.starttls, &format!("connections = 3\n{}", trusting(&exim))));
    let begun = std::time::Instant::now();
    let sends = (0..200).map(|n| {
        let smtp = smtp.clone();
        tokio::spawn(async move { smtp.send(&message(&n.to_string())).await })
    });
    let sends: Vec<_> = sends.collect();
    for send in sends {
        assert_accepted(&send.await.expect("task"));
    }
    println!("{:.0} mails/s on 3 connections", 200.0 / begun.elapsed().as_secs_f64());
    let ids: std::collections::HashSet<_> =
        exim.inbox(200).iter().map(|l| l.get("Message-ID").map(str::to_owned)).collect();
    assert_eq!(ids.len(), 200);
    assert_eq!(smtp.at_once(), 3);
}

/// A server that talks until the message's end as a server should, then does what `end` says.
async fn scripted(end: fn(usize) -> End) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let port = listener.local_addr().expect("address").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(talk(tcp, end(number)));
        }
    });
    (port, connections)
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Not a word.
    Mute,
    /// Not a word after the message.
    MuteAfterIt,
    /// Hangs up instead of an answer to the message.
    HangUp,
    /// Takes it, then hangs up.
    TakeAndHangUp,
    /// Takes it, and hangs up at the next command.
    TakeAndClose421,
    /// Refuses the receiver in GBK, then not a word.
    RefuseInGbk,
}

async fn talk(tcp: TcpStream, end: End) {
    let (read, mut write) = tcp.into_split();
    let mut lines = BufReader::new(read).lines();
    if end == End::Mute {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    write.write_all(b"220 scripted.test\r\n").await.expect("write");
    let (mut in_message, mut took) = (false, false);
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: &[u8] = match line.as_str() {
            "." if in_message => match end {
                End::HangUp => return,
                End::TakeAndHangUp => {
                    let _ = write.write_all(b"250 queued as A1\r\n").await;
                    return;
                }
                End::TakeAndClose421 => {
                    (in_message, took) = (false, true);
                    b"250 queued as B2\r\n"
                }
                End::Mute | End::MuteAfterIt | End::RefuseInGbk => continue,
            },
            "RSET" if end == End::RefuseInGbk => continue,
            _ if end == End::RefuseInGbk && line.starts_with("RCPT") => {
                b"550 \xd3\xc3\xbb\xa7\xb2\xbb\xb4\xe6\xd4\xda\r\n"
            }
            _ if in_message => continue,
            _ if took => {
                let _ = write.write_all(b"421 idle for too long\r\n").await;
                return;
            }
            "DATA" => {
                in_message = true;
                b"354 go on\r\n"
            }
            _ => b"250 fine\r\n",
        };
        write.write_all(answer).await.expect("write");
    }
}

#[tokio::test]
async fn a_break_after_the_message_leaves_it_unknown_and_fit_to_be_repeated() {
    let (port, _) = scripted(|_| End::HangUp).await;
    let outcome = channel(port, "security = 'none'", None).send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Unknowable { repeatable: true, .. }), "{outcome:?}");
    let (port, _) = scripted(|_| End::MuteAfterIt).await;
    let outcome = channel(port, "security = 'none'\ntimeout = 1", None).send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Unknowable { repeatable: true, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_is_mute_or_not_there_is_tried_again() {
    let (port, _) = scripted(|_| End::Mute).await;
    let reason = temporary(channel(port, "security = 'none'\ntimeout = 1", None).send(&message("one")).await);
    assert!(reason.contains("greeting: no answer within 1 s"), "{reason}");
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("port").local_addr().expect("address").port();
    let reason = temporary(channel(nobody, "security = 'none'", None).send(&message("one")).await);
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced() {
    let (port, connections) = scripted(|n| if n == 0 { End::TakeAndHangUp } else { End::TakeAndClose421 }).await;
    let smtp = channel(port, "security = 'none'", None);
    for name in ["one", "two", "three"] {
        assert_accepted(&smtp.send(&message(name)).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let (port, connections) = scripted(|_| End::TakeAndClose421).await;
    let smtp = channel(port, "security = 'none'\nidle = 1", None);
    let (lines, _) = smtp.trace(&message("one")).await;
    assert!(lines.iter().any(|line| line.starts_with("* connecting")));
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let (lines, outcome) = smtp.trace(&message("two")).await;
    assert_accepted(&outcome);
    assert!(!lines.iter().any(|line| line.contains("was closed")), "{lines:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refusal_counts_whatever_charset_it_comes_in_and_whatever_follows() {
    let (port, _) = scripted(|_| End::RefuseInGbk).await;
    let outcome = channel(port, "security = 'none'\ntimeout = 1", None).send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Permanent { bad_address: true, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_is_left_after_as_many_mails_as_configured() {
    let (port, connections) = scripted(|_| End::TakeAndClose421).await;
    let smtp = channel(port, "security = 'none'\nmails_per_connection = 1\nconnections = 1", None);
    for name in ["one", "two"] {
        let (lines, outcome) = smtp.trace(&message(name)).await;
        assert_accepted(&outcome);
        assert!(!lines.iter().any(|line| line.contains("was closed")), "{lines:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
