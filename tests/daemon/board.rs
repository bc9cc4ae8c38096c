//! The page of open cards, the same as JSON, and health: to be looked at, and to change nothing.

use std::fs;

use serde_json::Value;

use crate::on_both_stores;
use crate::support::daemon::{Daemon, ask};
use crate::support::patience::{ahead, free_port, holds_within};
use crate::support::site::{Site, Ticket};

on_both_stores!(open_cards_and_health_are_served_escaped_and_only_to_be_read,);

fn open_cards_and_health_are_served_escaped_and_only_to_be_read(site: &Site) {
    let port = free_port();
    site.configure(&format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"));
    let ticket = Ticket::due_at("T1", ahead(-60)).titled("<script>alert(1)</script>");
    site.tickets(&[ticket, Ticket::due_at("T2", ahead(600))]);
    let daemon = Daemon::polled(site);
    let get = |path: &str| ask(port, "GET", path);

    let (head, body) = get("/healthz");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "ok\n", "{head} {body}");
    let is_ready = || get("/readyz").0.starts_with("HTTP/1.1 200 ");
    assert!(holds_within(10, is_ready), "{:?}", get("/readyz"));

    let (head, page) = get("/");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    assert!(page.contains("T1") && page.contains("T2") && page.contains("Rehearsal"), "{page}");

    let (head, body) = get("/api/v1/cards");
    assert!(head.contains("content-type: application/json"), "{head}");
    let cards: Value = serde_json::from_str(&body).expect("JSON");
    let found: Vec<_> =
        cards.as_array().expect("a list").iter().map(|card| (&card["item"]["id"], &card["level"])).collect();
    assert_eq!(format!("{found:?}"), r#"[(String("T1"), String("red")), (String("T2"), String("yellow"))]"#);
    assert_eq!(cards[0]["title"], "<script>alert(1)</script>");

    for path in ["/", "/api/v1/cards", "/healthz", "/readyz"] {
        for method in ["POST", "PUT", "DELETE"] {
            let (head, _) = ask(port, method, path);
            assert!(head.starts_with("HTTP/1.1 405 "), "{method} {path}: {head}");
        }
    }
    assert!(get("/nothing").0.starts_with("HTTP/1.1 404 "));

    // A source without data is visible.
    fs::remove_file(site.path("tickets.csv")).expect("removed");
    let is_unready = || get("/readyz").0.starts_with("HTTP/1.1 503 ");
    assert!(holds_within(20, is_unready), "{}", daemon.log());
    assert!(get("/readyz").1.starts_with("source tickets: "), "{:?}", get("/readyz"));
    assert!(get("/healthz").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_port_that_is_taken_is_refused_with_the_place() {
    let site = Site::new();
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port");
    let port = held.local_addr().expect("address").port();
    site.configure(&format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"));
    let mut daemon = Daemon::start(&site);
    assert_eq!(daemon.ends_within(20), 78);
    daemon.says_within(0, &format!("web.listen: 127.0.0.1:{port}: "));
}
