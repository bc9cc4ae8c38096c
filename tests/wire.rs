//! The channels against real servers: a Debian mail server with TLS and AUTH, an HTTP server, vendors that check
//! signatures, a folder.

mod support;

#[path = "wire/addresses.rs"]
mod addresses;
#[path = "wire/email.rs"]
mod email;
#[path = "wire/folder.rs"]
mod folder;
#[path = "wire/gateways.rs"]
mod gateways;
#[path = "wire/proxies.rs"]
mod proxies;
#[path = "wire/vendors.rs"]
mod vendors;
#[path = "wire/webhook.rs"]
mod webhook;

use duban::core::delivery::{DeliveryId, Outcome};
use duban::core::digest::Digest;
use duban::wire::Message;

fn id(text: &str) -> DeliveryId {
    DeliveryId(Digest::of([text.as_bytes()]))
}

/// A red card's message to one handler.
fn message(name: &str) -> Message {
    Message {
        id: id(name),
        to_name: "王小明".to_owned(),
        to_address: "handler@example.test".to_owned(),
        date: "2026-03-02T02:00:00Z".parse().expect("instant"),
        subject: "[红牌] P0136 施工许可 已超1个工作日 (示范区住建局)".to_owned(),
        text: "请于今日办结。\n.\n.. 一行一点\n".to_owned(),
        html: Some("<p>请于今日办结。</p>".to_owned()),
        thread: Vec::new(),
        facts: serde_json::json!({ "code": "P0136", "level": "red" }).into(),
    }
}

#[track_caller]
fn assert_accepted(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[track_caller]
fn temporary(outcome: Outcome) -> String {
    let Outcome::Temporary { reason, .. } = outcome else { panic!("{outcome:?}") };
    reason
}
