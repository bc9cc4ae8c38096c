//! Signing by the link of a message: a person's press signs, and nothing that only fetches.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::on_both_stores;
use crate::support::daemon::{Daemon, ask, call};
use crate::support::memory::Memory;
use crate::support::patience::{ahead, free_port, holds_within, now};
use crate::support::site::{Site, Ticket};

on_both_stores!(a_person_signs_by_link_and_a_scanner_does_not,);

/// A site whose mails hold links to a port, with `T1` told to the handler and the unit's contact.
fn told(site: &Site, port: u16, mode: &str) -> Daemon {
    site.configure(&format!(
        "[notify]\nmode = \"{mode}\"\nbase_url = \"http://127.0.0.1:{port}/\"\nrehearsal_to = {{ folder = \"mail\" }}\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\n"
    ));
    let far = Ticket::due_at("T0", ahead(90_000));
    let due = Ticket::due_at("T1", ahead(4)).titled("<b>厂区门口道路破损</b>");
    site.tickets(&[far, due]);
    let daemon = Daemon::polled(site);
    assert!(holds_within(30, || links(site).len() >= 2), "{}", daemon.log());
    daemon
}

/// The receivers and paths of the links that mails hold.
fn links(site: &Site) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for letter in site.mails("mail") {
        let text = letter.parts.iter().find(|part| part.body.contains("/sign/"));
        let Some((_, rest)) = text.and_then(|part| part.body.split_once("/sign/")) else { continue };
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).unwrap_or(rest.len());
        let to = letter.get("Subject").unwrap_or_default().to_owned() + letter.get("To").unwrap_or_default();
        found.push((to, format!("/sign/{}", &rest[..end])));
    }
    found
}

#[track_caller]
fn link_of(site: &Site, id: &str) -> String {
    let found = links(site).into_iter().find(|(to, _)| to.contains(id));
    found.unwrap_or_else(|| panic!("no link for {id}: {:?}", links(site))).1
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// The cookie and the nonce of a page with a form.
fn form(head: &str, body: &str) -> (String, String) {
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let nonce = body.split_once("name=\"nonce\" value=\"").expect("a form").1;
    let value = cookie.split(';').next().expect("a value");
    (value.to_owned(), nonce.split('"').next().expect("a nonce").to_owned())
}

fn a_person_signs_by_link_and_a_scanner_does_not(site: &Site) {
    let port = free_port();
    let daemon = told(site, port, "live");
    let memory = || Memory::of(site);
    let signed = || memory().number("SELECT count(*) FROM acknowledgements");
    let link = link_of(site, "h1@");

    // Whoever fetches, looks ahead or presses without the page signs nothing.
    let (head, page) = ask(port, "GET", &link);
    assert_eq!(status(&head), "200", "{head}");
    for line in
        ["referrer-policy: no-referrer", "cache-control: no-store", "x-robots-tag: noindex", "form-action 'self'"]
    {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(page.contains("T1") && !page.contains("<script"), "{page}");
    assert!(page.contains("(confidential)") && !page.contains("破损"), "a complaint's title stays inside: {page}");
    let (cookie, nonce) = form(&head, &page);
    assert_eq!(status(&ask(port, "HEAD", &link).0), "200");
    assert_eq!(status(&call(port, "GET", &link, &[("purpose", "prefetch"), ("sec-purpose", "prefetch")], "").0), "200");
    let body = format!("nonce={nonce}");
    let own = format!("http://127.0.0.1:{port}");
    let refused = [
        (vec![], ""),
        (vec![("origin", &*own)], ""),
        (vec![("origin", &own)], &*body),
        (vec![("origin", &own), ("cookie", &cookie)], ""),
        (vec![("cookie", &*cookie)], &body),
        (vec![("origin", "https://evil.example"), ("cookie", &cookie)], &body),
        (vec![("sec-fetch-site", "cross-site"), ("origin", "null"), ("cookie", &cookie)], &body),
    ];
    for (headers, body) in refused {
        let (head, page) = call(port, "POST", &link, &headers, body);
        assert_eq!(status(&head), "403", "{headers:?} {head}");
        assert!(page.contains("nothing was signed"), "{page}");
    }
    assert_eq!(signed(), 0);

    // A person presses.
    let headers = [("origin", &*own), ("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    let (head, page) = call(port, "POST", &link, &headers, &body);
    assert!(status(&head) == "200" && page.contains("Signed by 承办人h1 at "), "{head} {page}");
    assert_eq!(memory().column("SELECT contact || ' ' || via || ' ' || level FROM acknowledgements"), ["h1 link red"]);
    for method in ["POST", "GET"] {
        let (head, page) = call(port, method, &link, &headers, &body);
        assert!(status(&head) == "200" && page.contains("Already signed by 承办人h1 at "), "{head} {page}");
        assert!(!page.contains("<form"), "{page}");
    }
    assert_eq!(signed(), 1);
    let acts = memory().column("SELECT \"by\" || ' ' || subject FROM audit WHERE what = 'ack.sign'");
    assert!(acts.len() == 1 && acts[0].starts_with("h1 tickets/"), "{acts:?}");

    // A forged one is nothing.
    let mut forged = link.clone();
    let last = forged.pop().expect("a character");
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    for path in [&*forged, "/sign/x", "/sign/", &link[..link.len() - 4]] {
        assert_eq!(status(&ask(port, "GET", path).0), "404", "{path}");
        assert_eq!(status(&call(port, "POST", path, &headers, &body).0), "404", "{path}");
    }

    // The page of the card, for everybody who may see the board.
    let card = &memory().column("SELECT card FROM cards WHERE item = 'T1' AND level = 'red'")[0];
    let (head, page) = ask(port, "GET", &format!("/cards/{card}"));
    assert!(status(&head) == "200" && page.contains("承办人h1") && page.contains("by link"), "{head} {page}");
    assert!(!page.contains("<form") && !page.contains("/sign/"), "{page}");
    assert!(page.contains("&lt;b&gt;厂区门口道路破损") && !page.contains("<b>"), "{page}");
    assert_eq!(status(&ask(port, "GET", "/cards/00000000000000000000000000000000").0), "404");
    assert_eq!(status(&ask(port, "GET", "/cards/x").0), "404");
    assert_eq!(status(&ask(port, "POST", &format!("/cards/{card}")).0), "405");

    // The key outlives the process; what is stored and said holds no link.
    assert_eq!(daemon.stop(), 0);
    let mode = fs::metadata(site.path("sign.key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(memory().number("SELECT count(*) FROM seals WHERE content LIKE '%/sign/%'"), 0);
    let daemon = Daemon::start(site);
    let unit = link_of(site, "u1@");
    assert!(holds_within(20, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()), "{}", daemon.log());
    assert!(holds_within(20, || status(&ask(port, "GET", &unit).0) == "200"), "{}", daemon.log());

    // Once the card is closed, its links are void.
    let done = Ticket::due_at("T1", ahead(-20)).on_site(now());
    site.tickets(&[Ticket::due_at("T0", ahead(90_000)), done]);
    assert!(holds_within(20, || status(&ask(port, "GET", &unit).0) == "410"), "{}", daemon.log());
    assert_eq!(status(&call(port, "POST", &unit, &headers, &body).0), "410");
    assert_eq!(signed(), 1);
    for path in [&link, &unit] {
        assert!(!daemon.log().contains(&path["/sign/".len()..]), "a token stands in the log");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn in_rehearsal_a_link_shows_the_page_and_signs_nothing() {
    let site = Site::new();
    let port = free_port();
    let daemon = told(&site, port, "rehearsal");
    let link = link_of(&site, "承办人h1");
    let (head, page) = ask(port, "GET", &link);
    let (cookie, nonce) = form(&head, &page);
    let own = format!("http://127.0.0.1:{port}");
    let headers = [("origin", &*own), ("cookie", &*cookie)];
    let (head, page) = call(port, "POST", &link, &headers, &format!("nonce={nonce}"));
    assert!(status(&head) == "200" && page.contains("Rehearsal: nothing is written down."), "{head} {page}");
    assert_eq!(Memory::of(&site).number("SELECT count(*) FROM acknowledgements"), 0);
    assert_eq!(daemon.stop(), 0);
}
