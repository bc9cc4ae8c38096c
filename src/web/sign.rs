//! Signing by a message's link. `GET` shows the card with a form; only the form, pressed in the browser that was shown it,
//! signs.
//!
//! **Invariants:** `GET` and `HEAD` write nothing, so whoever fetches links (a mail scanner, a preview) signs nothing. A
//! `POST` needs what its page carried, the cookie that came with it, and the page's own origin. Nothing here runs a script
//! or writes a token into a log.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::card::{Shown, Signer};
use super::{Board, guarded, unavailable};
use crate::answer::form;
use crate::answer::signing::{OpenAt, Signature, sign};
use crate::core::acknowledgement::{Acknowledgement, Via};
use crate::playbook::{InForce, Playbook};
use crate::store::StoreError;
use crate::tell::link::Link;
use crate::tell::time_words;

/// Tells browsers apart for as long as a form is open.
const COOKIE: &str = "duban_page";
const COOKIE_LENGTH: usize = 22;

/// A message led here, and by which channel it went nobody knows any more: what is confidential stays out.
const DISCREET: Signer = Signer { name: String::new(), nonce: None, note: None, discreet: true };

/// A link that may sign, with the card that it is about.
struct Valid {
    link: Link,
    shown: Shown,
    open: OpenAt,
    name: String,
}

/// Why a link cannot be used.
enum Void {
    /// Nobody wrote it.
    Forged,
    /// It is too old.
    Expired,
    /// Its card is closed, or open anew.
    Closed,
    /// Its contact is no contact any more.
    NoContact,
    /// The store is away.
    Trouble(String),
}

impl From<StoreError> for Void {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error.to_string())
    }
}

/// `GET /sign/TOKEN`
pub(super) async fn show(State(board): State<Board>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return unavailable("starting") };
    match look(&board, &in_force, &token).await {
        Ok(valid) => offer(&board, &in_force, &token, &valid, &headers, StatusCode::OK, None),
        Err(void) => refused(&void, &in_force.playbook),
    }
}

/// `POST /sign/TOKEN`
pub(super) async fn take(
    State(board): State<Board>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return unavailable("starting") };
    let valid = match look(&board, &in_force, &token).await {
        Ok(valid) => valid,
        Err(void) => return refused(&void, &in_force.playbook),
    };
    if !is_answered(&in_force, &token, &valid, &headers, &body) {
        let note = in_force.playbook.language.pick(
            "本页已失效或办件刚有变化，未签收。请核对后再点“签收”。",
            "This page is out of date, or the card has just changed: nothing was signed. Check it and press “Sign” again.",
        );
        return offer(&board, &in_force, &token, &valid, &headers, StatusCode::FORBIDDEN, Some(note.to_owned()));
    }
    if valid.link.rehearsal {
        let note = in_force.playbook.language.pick("试运行：不登记签收。", "Rehearsal: nothing is written down.");
        let signer = Signer { note: Some(note.to_owned()), ..DISCREET };
        return sealed(valid.shown.response(StatusCode::OK, &in_force.playbook, signer, board.clock.now()));
    }
    match signed(&board, &in_force, &valid.link).await {
        Ok(response) => response,
        Err(void) => refused(&void, &in_force.playbook),
    }
}

/// Writes it down; the page says who signed when, now or before.
async fn signed(board: &Board, in_force: &InForce, link: &Link) -> Result<Response, Void> {
    let now = board.clock.now();
    let (card, episode) = (link.card, link.episode);
    let signature = Signature { card, episode, contact: link.contact.clone(), by: &link.contact, via: Via::Link };
    let is_new = sign(&*board.store, signature, now).await?.ok_or(Void::Closed)?;
    let shown = Shown::of(board, card).await?.ok_or(Void::Closed)?;
    let own = shown.standing.taken().find(|taken| taken.contact == link.contact);
    let note = own.map(|own| said(own, is_new, &in_force.playbook));
    Ok(sealed(shown.response(StatusCode::OK, &in_force.playbook, Signer { note, ..DISCREET }, now)))
}

fn said(taken: &Acknowledgement, is_new: bool, playbook: &Playbook) -> String {
    let name = playbook.office.directory.get(&taken.contact).map_or(&*taken.contact, |contact| &contact.name);
    let at = time_words::instant(taken.at, playbook.calendar().zone());
    match (playbook.language.pick("zh", "en"), is_new) {
        ("zh", true) => format!("{name} 已于 {at} 签收。"),
        ("zh", false) => format!("此前已签收：{name}，{at}。"),
        (_, true) => format!("Signed by {name} at {at}."),
        (_, false) => format!("Already signed by {name} at {at}."),
    }
}

/// The link with its card, if it can be used now.
async fn look(board: &Board, in_force: &InForce, token: &str) -> Result<Valid, Void> {
    let key = in_force.answering.links.as_ref().ok_or(Void::Forged)?;
    let link = key.read(token).ok_or(Void::Forged)?;
    if link.ends_at <= board.clock.now() {
        return Err(Void::Expired);
    }
    let contact = in_force.playbook.office.directory.get(&link.contact).ok_or(Void::NoContact)?;
    let name = contact.name.clone();
    let shown = Shown::of(board, link.card).await?.ok_or(Void::Closed)?;
    let open = shown.standing.open_at().filter(|open| open.episode == link.episode).ok_or(Void::Closed)?;
    Ok(Valid { link, shown, open, name })
}

/// The card with a form, or with who signed already.
fn offer(
    board: &Board,
    in_force: &InForce,
    token: &str,
    valid: &Valid,
    headers: &HeaderMap,
    status: StatusCode,
    note: Option<String>,
) -> Response {
    let now = board.clock.now();
    let playbook = &in_force.playbook;
    if let Some(own) = valid.shown.standing.taken().find(|taken| taken.contact == valid.link.contact) {
        let signer = Signer { note: Some(said(own, false, playbook)), ..DISCREET };
        return sealed(valid.shown.response(StatusCode::OK, playbook, signer, now));
    }
    let Some((browser, is_new)) = browser(headers) else { return unavailable("the system gives no random bytes") };
    let Some(key) = &in_force.answering.links else { return refused(&Void::Forged, playbook) };
    let nonce = Some(key.nonce(token, &browser, &seen(valid.open)));
    let signer = Signer { name: valid.name.clone(), nonce, note, ..DISCREET };
    let mut response = sealed(valid.shown.response(status, playbook, signer, now));
    if is_new {
        let secure =
            if playbook.base_url.as_deref().is_some_and(|url| url.starts_with("https://")) { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={browser}; Path=/sign; Max-Age=86400; HttpOnly; SameSite=Strict{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// What the page showed: a card that rose meanwhile is looked at again before it is signed for.
fn seen(open: OpenAt) -> String {
    format!("{} {} {}", open.episode, open.level.word(), open.step)
}

/// Whether the form of this very page was pressed.
fn is_answered(in_force: &InForce, token: &str, valid: &Valid, headers: &HeaderMap, body: &[u8]) -> bool {
    let (Some(key), Some(browser)) = (&in_force.answering.links, cookie(headers)) else { return false };
    let nonce = form::field(body, "nonce").unwrap_or_default();
    is_same_origin(headers, in_force.playbook.base_url.as_deref())
        && key.is_nonce(&nonce, token, browser, &seen(valid.open))
}

/// Whether the request comes from a page of ours. A browser that says where it comes from is believed. On plain HTTP, and
/// told to send no referrer, it says `Origin: null` and nothing else: then cookie and nonce alone must do.
fn is_same_origin(headers: &HeaderMap, base_url: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin");
    let is_own = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        let of_base = base_url.and_then(|base| base.split_once("://")?.1.split('/').next());
        host.is_some_and(|host| [text("host"), of_base].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(host)))
    };
    match (text("sec-fetch-site"), origin) {
        (Some(site), None | Some("null")) => site == "same-origin",
        (Some(site), Some(origin)) => site == "same-origin" && is_own(origin),
        (None, Some("null")) => true,
        (None, Some(origin)) => is_own(origin),
        (None, None) => false,
    }
}

/// The browser's cookie, if it is one of ours.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let is_ours = |value: &&str| {
        value.len() == COOKIE_LENGTH && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value).filter(is_ours)
}

/// The browser's cookie, and whether it is a new one.
fn browser(headers: &HeaderMap) -> Option<(String, bool)> {
    if let Some(known) = cookie(headers) {
        return Some((known.to_owned(), false));
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some((BASE64.encode(bytes), true))
}

fn refused(void: &Void, playbook: &Playbook) -> Response {
    let say = |chinese: &'static str, english: &'static str| playbook.language.pick(chinese, english);
    let (status, text) = match void {
        Void::Forged => (StatusCode::NOT_FOUND, say("链接无效。", "No such link.")),
        Void::Expired => (StatusCode::GONE, say("链接已过期。", "The link has expired.")),
        Void::Closed => (
            StatusCode::GONE,
            say(
                "此牌已销或已重新开牌，无需以此链接签收。",
                "The card is closed or was opened anew; this link is void.",
            ),
        ),
        Void::NoContact => (StatusCode::GONE, say("收件人已不在通讯录。", "The receiver is no contact any more.")),
        Void::Trouble(why) => return unavailable(why),
    };
    sealed(guarded((status, format!("{text}\n")).into_response()))
}

/// The headers of a page whose address is a secret.
fn sealed(mut response: Response) -> Response {
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn only_a_page_of_our_own_may_post() {
        let base = Some("https://board.example:8443/duban");
        for (lines, own) in [
            (vec![("sec-fetch-site", "same-origin"), ("origin", "https://board.example:8443")], true),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "http://127.0.0.1:8137")], true),
            (vec![("origin", "null")], true),
            (vec![], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            (vec![("sec-fetch-site", "same-site"), ("origin", "https://board.example:8443")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
            (vec![("origin", "https://evil.example")], false),
            (vec![("origin", "https://board.example")], false),
            (vec![("origin", "127.0.0.1:8137")], false),
        ] {
            let mut headers = headers(&lines);
            headers.insert("host", HeaderValue::from_static("127.0.0.1:8137"));
            assert_eq!(is_same_origin(&headers, base), own, "{lines:?}");
        }
    }

    #[test]
    fn a_cookie_is_ours_only_as_we_made_it() {
        let of = |line: &str| cookie(&headers(&[("cookie", line)])).map(str::to_owned);
        let own = "A".repeat(COOKIE_LENGTH);
        assert_eq!(of(&format!("a=b; {COOKIE}={own}; c=d")), Some(own.clone()));
        for line in [String::new(), format!("{COOKIE}="), format!("{COOKIE}={own}A"), format!("x{COOKIE}={own}")] {
            assert_eq!(of(&line), None, "{line}");
        }
        let (fresh, is_new) = browser(&HeaderMap::new()).expect("random bytes");
        assert!(is_new && fresh.len() == COOKIE_LENGTH);
        assert_eq!(of(&format!("{COOKIE}={fresh}")), Some(fresh));
    }
}
