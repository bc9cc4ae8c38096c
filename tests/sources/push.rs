//! Systems that bring their items themselves, to the program as it runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, call};
use crate::support::patience::{free_port, holds_within};
use crate::support::site::Site;

const TOKEN: &str = "a-token-of-sixteen-or-more";

/// A site with a source that calls.
struct House {
    site: Site,
    port: u16,
}

impl House {
    fn new() -> Self {
        let (site, port) = (Site::new(), free_port());
        site.secret("token", TOKEN);
        site.configure(&format!(
            "[web]\nlisten = \"127.0.0.1:{port}\"\n[source.hotline]\nkind = \"call\"\nid = \"id\"\n\
             timezone = \"Asia/Shanghai\"\n[source.hotline.push]\ntoken = {{ file = \"token\" }}\nmax_bytes = 2000000\n\
             optional = [\"handler.name\"]\n[source.hotline.fields]\ntitle = \"title\"\nhandler = \"handler.name\"\n"
        ));
        Self { site, port }
    }

    fn open(&self) -> Daemon {
        let daemon = Daemon::start(&self.site);
        let is_up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.push_with("", "").0 != 503;
        assert!(holds_within(30, is_up), "it does not listen:\n{}", daemon.log());
        daemon
    }

    fn push_with(&self, token: &str, body: &str) -> (u16, Value) {
        let login = format!("Bearer {token}");
        let headers = [("authorization", login.as_str()), ("content-type", "application/json")];
        let (head, body) = call(self.port, "POST", "/api/v1/items?source=hotline", &headers, body);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{head}\n{body}")))
    }

    fn push(&self, items: &Value, complete: bool) -> (u16, Value) {
        self.push_with(TOKEN, &json!({ "items": items, "complete": complete }).to_string())
    }

    fn items(&self) -> i64 {
        self.site.memory().number("SELECT count(*) FROM items WHERE source = 'hotline'")
    }
}

#[test]
fn a_system_that_should_call_and_is_silent_is_a_blind_source_until_it_calls() {
    let house = House::new();
    let config = std::fs::read_to_string(house.site.path("duban.toml")).expect("the configuration");
    let config = config.replace("max_bytes = 2000000\n", "max_bytes = 2000000\nsilent_after = \"2s\"\n");
    house.site.put("duban.toml", &config.replace("[source.hotline]\n", "[source.hotline]\nblind_after = \"1s\"\n"));
    let daemon = house.open();
    let memory = house.site.memory();
    let cards = "SELECT count(*) FROM cards WHERE item = 'source/hotline' AND level = 'red'";
    assert!(holds_within(20, || memory.number(cards) == 1), "{}", daemon.log());
    daemon.says_within(5, "expected a call within 2 s, got none so far");
    assert_eq!(house.push(&calls([7], "噪声"), false).0, 200);
    assert!(holds_within(10, || memory.number(cards) == 0), "{}", daemon.log());
    assert!(holds_within(20, || memory.number(cards) == 1), "{}", daemon.log());
    daemon.says_within(5, "expected a call within 2 s, got the last one at ");
    assert_eq!(daemon.stop(), 0);
}

fn calls(ids: impl IntoIterator<Item = u64>, title: &str) -> Value {
    ids.into_iter().map(|id| json!({ "id": id, "title": format!("{title} {id}") })).collect()
}

#[test]
fn what_is_brought_is_stored_before_it_is_taken_and_the_same_again_changes_nothing() {
    let house = House::new();
    let _daemon = house.open();
    let (status, said) = house.push(&calls(1..=30, "噪声"), true);
    assert_eq!((status, said), (200, json!({ "rows": 30, "changed": 30, "rejected_rows": 0, "rejected": [] })));
    assert_eq!(house.items(), 30);
    for complete in [true, false] {
        let (status, said) = house.push(&calls(1..=30, "噪声"), complete);
        assert_eq!((status, &said["changed"]), (200, &json!(0)), "{said}");
    }
    let change =
        json!([{ "id": 3, "title": "噪声，已到场", "handler": { "name": "h1" } }, { "id": 31, "title": "新" }]);
    let (status, said) = house.push(&change, false);
    assert_eq!((status, &said["changed"]), (200, &json!(2)), "changes alone say nothing of the others: {said}");
    assert_eq!(house.items(), 31);
    let (status, said) = house.push(&json!([{ "id": 32, "title": "x" }, { "title": "nobody's" }, 5]), false);
    assert_eq!((status, &said["rejected_rows"], house.items()), (200, &json!(2), 32), "{said}");
    assert_eq!(said["rejected"][0]["place"], "push hotline: row 2");
}

#[test]
fn what_is_not_believed_changes_nothing_and_says_why() {
    let house = House::new();
    let _daemon = house.open();
    assert_eq!(house.push(&calls(1..=30, "a"), true).0, 200);
    for (items, expected) in [
        (json!([]), "not believed, nothing changes"),
        (calls(1..=5, "a"), "not believed, nothing changes"),
        (json!([{ "id": 1, "titel": "renamed" }]), "expected column \"title\" (did you mean \"titel\"?)"),
    ] {
        let (status, said) = house.push(&items, true);
        assert_eq!(status, 422, "{said}");
        assert!(said["error"].as_str().is_some_and(|error| error.contains(expected)), "{said}");
    }
    assert_eq!(house.items(), 30);
    let (_, ready) = call(house.port, "GET", "/readyz", &[], "");
    assert!(ready.contains("source hotline: "), "{ready}");
    assert_eq!(house.push(&calls(1..=30, "a"), true).0, 200, "and a good one is believed again");
    let (_, ready) = call(house.port, "GET", "/readyz", &[], "");
    assert!(!ready.contains("source hotline"), "{ready}");
}

#[test]
fn who_does_not_know_the_token_learns_nothing_and_what_is_no_call_is_told_so() {
    let house = House::new();
    let daemon = house.open();
    let good = json!({ "items": calls(1..=2, "a"), "complete": true }).to_string();
    let (status, stranger) = house.push_with("another-token-of-that-size", &good);
    assert_eq!(status, 401);
    let headers = [("authorization", "Bearer a-token-of-sixteen-or-more")];
    let (head, body) = call(house.port, "POST", "/api/v1/items?source=tickets", &headers, &good);
    assert!(
        head.starts_with("HTTP/1.1 401") && serde_json::from_str(&body).ok() == Some(stranger),
        "a polled source is nobody's: {head}"
    );
    assert!(call(house.port, "POST", "/api/v1/items?source=hotline", &[], &good).0.starts_with("HTTP/1.1 401"));
    assert!(call(house.port, "POST", "/api/v1/items", &headers, &good).0.starts_with("HTTP/1.1 400"));
    assert!(call(house.port, "GET", "/api/v1/items?source=hotline", &headers, "").0.starts_with("HTTP/1.1 405"));
    for body in ["", "[]", "{\"items\": []}", "{\"items\": 1, \"complete\": true}", "\u{0}"] {
        let (status, said) = house.push_with(TOKEN, body);
        assert!(status == 400 && said["error"].as_str().is_some_and(|error| error.contains("expected")), "{said}");
    }
    assert_eq!(house.items(), 0);
    assert!(!daemon.log().contains(TOKEN));
}

#[test]
fn a_huge_body_is_refused_before_it_is_read_and_while_it_comes() {
    let house = House::new();
    let _daemon = house.open();
    let head = |more: &str| {
        format!(
            "POST /api/v1/items?source=hotline HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n{more}\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(("127.0.0.1", house.port)).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
    stream.write_all(head("content-length: 9000000000").as_bytes()).expect("asked");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut stream = TcpStream::connect(("127.0.0.1", house.port)).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
    stream.write_all(head("transfer-encoding: chunked").as_bytes()).expect("asked");
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
    for _ in 0..21 {
        // The server may have hung up by now.
        let _ = stream.write_all(chunk.as_bytes());
    }
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(house.items(), 0);
}

#[test]
fn a_daemon_that_is_killed_amid_a_call_has_taken_all_of_it_after_the_next() {
    let house = House::new();
    let items = calls(1..=6_000, "噪声");
    let body = json!({ "items": items, "complete": true }).to_string();
    for wait in [40, 160, 400] {
        let daemon = house.open();
        let mut stream = TcpStream::connect(("127.0.0.1", house.port)).expect("connected");
        let request = format!(
            "POST /api/v1/items?source=hotline HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("asked");
        std::thread::sleep(Duration::from_millis(wait));
        daemon.kill();
    }
    let _daemon = house.open();
    let (status, said) = house.push(&items, true);
    assert_eq!((status, &said["rows"]), (200, &json!(6_000)), "{said}");
    assert_eq!(house.items(), 6_000);
    assert_eq!(house.push(&items, true).1["changed"], 0);
    assert!(house.site.memory().is_sound());
}
