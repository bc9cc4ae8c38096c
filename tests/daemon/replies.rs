//! Signing by a reply to a short message, as a gateway brings it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use axum::response::{IntoResponse as _, Response};

use crate::support::daemon::{Daemon, call};
use crate::support::gateway::Gateway;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, free_port, holds_within};
use crate::support::site::{LIVE, Site, Ticket};

const CONTACTS: &str = "id,name,unit,roles,mobile,email\n\
    h1,承办人,示范区住建局,,13900000001,\n\
    u1,联络员,示范区住建局,unit_contact,13900000002,\n\
    ops,值班员,,operator,,ops@city.test\n";

const KEY: &str = "0123456789abcdef-key";

/// A gateway that takes everything, under a number of its own.
fn gateway() -> u16 {
    let (sender, port) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let answer = move || -> Response {
                format!("{{\"id\": \"m{}\"}}", count.fetch_add(1, Ordering::SeqCst)).into_response()
            };
            let gateway = Gateway::start(answer).await;
            sender.send(gateway.port).expect("a port");
            std::future::pending::<()>().await;
        });
    });
    port.recv().expect("a port")
}

#[test]
fn a_reply_signs_for_what_was_told_last_and_nobody_elses_does() {
    let site = Site::new();
    let (gateway, port) = (gateway(), free_port());
    site.put("contacts.csv", CONTACTS);
    site.secret("hook", KEY);
    site.configure(&format!(
        "{LIVE}[web]\nlisten = \"127.0.0.1:{port}\"\n\
         [channels.mail.folder]\npath = \"mail\"\n\
         [channels.sms]\nhooks = {{ key = {{ file = \"hook\" }} }}\n\
         replies = {{ from = \"$.mobile\", text = \"$.content\" }}\n\
         [channels.sms.webhook]\nurl = \"http://127.0.0.1:{gateway}/send\"\nmedium = \"sms\"\nremote_id = {{ json = \"$.id\" }}\n\
         allow_networks = [\"127.0.0.1\"]\n"
    ));
    site.tickets(&[Ticket::due_at("T0", ahead(90_000)), Ticket::due_at("T1", ahead(4))]);
    let daemon = Daemon::polled(&site);
    let memory = || Memory::of(&site);
    let sent = "SELECT count(*) FROM deliveries WHERE channel = 'sms' AND state = 'sent'";
    assert!(holds_within(30, || memory().number(sent) == 2), "{}", daemon.log());
    let taken = || memory().column("SELECT contact || ' ' || via || ' ' || \"by\" FROM acknowledgements");
    let knock = |key: &str, body: &str| {
        let (head, body) = call(port, "POST", &format!("/hooks/sms/{key}/replies"), &[], body);
        (head.split(' ').nth(1).unwrap_or_default().to_owned(), body)
    };
    let ok = ("200".to_owned(), "ok\n".to_owned());

    // Without the key there is nothing.
    let yes = r#"{"mobile": "+8613900000001", "content": "１ 收到"}"#;
    for key in ["", "x", "0123456789abcdef-kez", &KEY[..19]] {
        assert_eq!(knock(key, yes).0, "404", "{key}");
    }
    assert_eq!(call(port, "POST", &format!("/hooks/mail/{KEY}/replies"), &[], yes).0.split(' ').nth(1), Some("404"));
    assert_eq!(call(port, "GET", &format!("/hooks/sms/{KEY}/replies"), &[], "").0.split(' ').nth(1), Some("405"));
    assert_eq!(knock(KEY, &"x".repeat(70_000)).0, "413");

    // What nobody can place changes nothing; operators hear of it once.
    for body in
        ["", "{}", r#"{"mobile": "13911111111", "content": "1"}"#, r#"{"mobile": "13900000001", "content": "TD"}"#]
    {
        assert_eq!(knock(KEY, body), ok, "{body}");
    }
    assert_eq!(taken(), Vec::<String>::new());
    let told = || {
        let subjects = site.mails("mail").into_iter().filter_map(|letter| letter.get("Subject").map(str::to_owned));
        subjects.filter(|subject| subject.contains("A reply by short message changes nothing")).count()
    };
    assert!(holds_within(20, || told() == 1), "{}", daemon.log());

    // The handler signs, once; the unit's contact by a form.
    assert_eq!(knock(KEY, yes), ok);
    assert_eq!(knock(KEY, yes), ok);
    assert_eq!(taken(), ["h1 sms h1"]);
    assert_eq!(knock(KEY, "mobile=13900000002&content=%E7%AD%BE%E6%94%B6"), ok);
    assert_eq!(taken(), ["h1 sms h1", "u1 sms u1"]);
    let acts = "SELECT \"by\" FROM audit WHERE what = 'ack.sign' ORDER BY seq";
    assert_eq!(memory().column(acts), ["h1", "u1"]);
    assert_eq!(told(), 1);
    assert!(!daemon.log().contains(KEY), "the key stands in the log");
    assert_eq!(daemon.stop(), 0);
}
