//! Messages over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use duban::core::delivery::Outcome;
use duban::time::SystemClock;
use duban::wire::webhook::{Webhook, WebhookConfig};
use duban::wire::{Channel, Message};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::authority::Authority;
use crate::support::gateway::Gateway;
use crate::{assert_accepted, id, message, temporary};

const TOKEN: &str = "t0ken&with=signs";

pub fn channel(url: &str, toml: &str) -> Webhook {
    let head = format!("medium = 'sms'\nurl = '{url}'\nallow_networks = ['127.0.0.0/8', '::1']");
    let config: WebhookConfig = toml::from_str(&format!("{head}\n{toml}")).expect(toml);
    let secrets = BTreeMap::from([("token".to_owned(), SecretString::from(TOKEN))]);
    Webhook::new(&config, secrets, Arc::new(SystemClock::start())).expect("channel")
}

pub fn to(gateway: &Gateway, path: &str, toml: &str) -> Webhook {
    channel(&format!("http://127.0.0.1:{}{path}", gateway.port), toml)
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let builder = headers.iter().fold(Response::builder().status(status), |b, (name, value)| b.header(*name, *value));
    builder.body(Body::from(body.to_owned())).expect("answer")
}

/// A title that tries to leave quotes, fields and lines.
fn hostile() -> Message {
    let text = "\"}, \"admin\": true, \"x\": \"&mobile=110&%00\r\nX-Evil: 1 ' \\ {{ secret.token }} 督办";
    Message { subject: text.to_owned(), text: text.to_owned(), ..message("hostile") }
}

#[tokio::test]
async fn a_get_carries_everything_in_its_query() {
    let gateway = Gateway::start(|| answer(200, &[], "OK 77")).await;
    let toml = "method = 'GET'\nquery = { content = '【督办】{{ text }}', mobile = '{{ to_address }}' }\n\
                success = { regex = '^OK \\d+$' }";
    assert_accepted(&to(&gateway, "/send?key={{ secret.token }}", toml).send(&hostile()).await);
    let asked = gateway.only();
    assert_eq!((asked.method.clone(), asked.uri.path()), (Method::GET, "/send"));
    let expected = [
        ("key", TOKEN.to_owned()),
        ("content", format!("【督办】{}", hostile().text)),
        ("mobile", hostile().to_address),
    ];
    assert_eq!(asked.query(), expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(asked.header("idempotency-key"), id("hostile").to_string());
}

#[tokio::test]
async fn a_json_body_holds_each_value_as_one_value() {
    let gateway = Gateway::start(|| answer(200, &[], r#"{"code": 0, "data": {"id": 4711}}"#)).await;
    let toml = "template = '{\"to\": [{{ to_address }}], \"text\": {{ \"【督办】\" ~ text }}, \"level\": {{ facts.level }}}'\n\
                headers = { Authorization = 'Bearer {{ secret.token }}', X-Subject = '{{ subject|base64 }}' }\n\
                success = { status = [200], json = '$.code', equals = 0 }\nremote_id = { json = '$.data.id' }";
    let outcome = to(&gateway, "/", toml).send(&hostile()).await;
    assert!(matches!(&outcome, Outcome::Accepted { remote_id: Some(id), .. } if id == "4711"), "{outcome:?}");
    let asked = gateway.only();
    let text = format!("【督办】{}", hostile().text);
    assert_eq!(asked.json(), serde_json::json!({ "to": [hostile().to_address], "text": text, "level": "red" }));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("authorization"), format!("Bearer {TOKEN}"));
}

#[tokio::test]
async fn without_a_template_the_whole_message_goes_as_json() {
    let gateway = Gateway::start(|| answer(204, &[], "")).await;
    assert_accepted(&to(&gateway, "/", "").send(&message("one")).await);
    let json = gateway.only().json();
    assert_eq!(json["id"], id("one").to_string());
    assert_eq!(json["facts"]["code"], "P0136");
    assert_eq!(json["medium"], "sms");
}

#[tokio::test]
async fn a_form_holds_each_value_in_its_field() {
    let gateway = Gateway::start(|| answer(200, &[], "")).await;
    let toml = "body = 'form'\nform = { content = '{{ text }}', mobile = '{{ to_address }}' }";
    assert_accepted(&to(&gateway, "/", toml).send(&hostile()).await);
    let expected = [("content", hostile().text), ("mobile", hostile().to_address)];
    assert_eq!(gateway.only().form(), expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(gateway.only().header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_text_goes_as_it_is_and_a_header_stays_one_line() {
    let gateway = Gateway::start(|| answer(200, &[], "")).await;
    let toml = "body = 'text'\ntemplate = '{{ to_name }}: {{ text }}'\nheaders = { X-Title = '{{ subject }}' }";
    assert_accepted(&to(&gateway, "/", toml).send(&hostile()).await);
    let asked = gateway.only();
    assert_eq!(asked.body, format!("王小明: {}", hostile().text));
    assert!(asked.headers.contains_key("x-title") && !asked.headers.contains_key("x-evil"), "{:?}", asked.headers);
}

#[tokio::test]
async fn an_answer_without_the_sign_of_success_is_none() {
    let gateway = Gateway::start(|| answer(200, &[], r#"{"code": 45009, "why": "too fast"}"#)).await;
    let toml = "success = { json = '$.code', equals = 0 }";
    let reason = temporary(to(&gateway, "/", toml).send(&message("one")).await);
    assert!(reason.contains("expected $.code to be 0, got 45009"), "{reason}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_wait_gets_it() {
    let wait = |headers: &'static [(&'static str, &'static str)], status| async move {
        let gateway = Gateway::start(move || answer(status, headers, "slow down")).await;
        let outcome = to(&gateway, "/", "").send(&message("one")).await;
        let Outcome::Temporary { retry_after, .. } = outcome else { panic!("{outcome:?}") };
        retry_after.map(|wait| wait.as_secs())
    };
    assert_eq!(wait(&[("retry-after", "120")], 429).await, Some(120));
    let dates = &[("retry-after", "Mon, 02 Mar 2026 02:05:00 GMT"), ("date", "Mon, 02 Mar 2026 02:00:00 GMT")];
    assert_eq!(wait(dates, 503).await, Some(300));
    assert_eq!(wait(&[], 500).await, None);
}

#[tokio::test]
async fn a_refusal_is_for_good_and_a_redirect_is_not_followed() {
    let other = Gateway::start(|| answer(200, &[], "")).await;
    let location = format!("http://127.0.0.1:{}/", other.port);
    let gateway = Gateway::start(move || answer(307, &[("location", &location)], "")).await;
    let outcome = to(&gateway, "/", "").send(&message("one")).await;
    assert!(matches!(&outcome, Outcome::Permanent { reason, .. } if reason.contains("not followed")), "{outcome:?}");
    assert!(other.asked().is_empty());
    let gateway = Gateway::start(|| answer(400, &[], "bad number")).await;
    let toml = "bad_address = { regex = 'bad number' }";
    let outcome = to(&gateway, "/", toml).send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Permanent { bad_address: true, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let endless = || {
        let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]);
        let stream = futures_util::stream::repeat_with(chunk);
        Response::builder().status(StatusCode::OK).body(Body::from_stream(stream)).expect("answer")
    };
    let gateway = Gateway::start(endless).await;
    assert_accepted(&to(&gateway, "/", "").send(&message("one")).await);
    let outcome = to(&gateway, "/", "success = { json = '$.code', equals = 0 }").send(&message("one")).await;
    assert!(matches!(&outcome, Outcome::Unknowable { repeatable: false, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_late_answer_leaves_the_message_unknown() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let url = format!("http://{}/?key={{{{ secret.token }}}}", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((tcp, _)) = listener.accept().await {
            held.push(tcp);
        }
    });
    for idempotent in [false, true] {
        let smtp = channel(&url, &format!("timeout = 1\nidempotent = {idempotent}"));
        assert_eq!(smtp.longest(), Duration::from_secs(1));
        let outcome = smtp.send(&message("one")).await;
        let Outcome::Unknowable { reason, repeatable } = outcome else { panic!("{outcome:?}") };
        assert_eq!(repeatable, idempotent);
        assert!(!reason.contains("key") && !reason.contains("t0ken"), "{reason}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_after_the_request_leaves_the_message_unknown() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let url = format!("http://{}/", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.read(&mut [0; 1024]).await;
        }
    });
    let outcome = channel(&url, "").send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Unknowable { repeatable: false, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("port").local_addr().expect("address");
    let reason =
        temporary(channel(&format!("http://{nobody}/?key={{{{ secret.token }}}}"), "").send(&message("one")).await);
    assert!(reason.contains("refused") && !reason.contains("t0ken"), "{reason}");
    let reason = temporary(channel("http://nowhere.invalid/", "").send(&message("one")).await);
    assert!(reason.starts_with("nowhere.invalid:80: "), "{reason}");
}

#[tokio::test]
async fn what_a_server_repeats_of_a_secret_is_not_told() {
    let gateway = Gateway::start(|| answer(403, &[], &format!("bad token {TOKEN}"))).await;
    let webhook = to(&gateway, "/x/{{ secret.token }}", "template = '{\"key\": {{ secret.token }}}'");
    let (lines, outcome) = webhook.trace(&message("one")).await;
    let told = format!("{lines:?} {outcome:?}");
    assert!(told.contains("bad token ***") && !told.contains("t0ken"), "{told}");
}

/// A server that shows the authority's certificate and takes everything.
pub async fn believable(authority: &Authority) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let port = listener.local_addr().expect("address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let _ = tls.read(&mut [0; 4096]).await;
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
                let _ = tls.shutdown().await;
            }
        }
    });
    port
}

#[tokio::test]
async fn https_is_believed_by_an_own_authority_or_a_pin_and_else_not() {
    let authority = Authority::for_names(&["localhost"]);
    let dir = tempfile::tempdir().expect("folder");
    let ca = authority.file_in(dir.path());
    let port = believable(&authority).await;
    let (by_name, by_address) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/"));
    let reason = temporary(channel(&by_name, "").send(&message("one")).await);
    assert!(reason.contains("no known authority") && reason.contains(&authority.pin()), "{reason}");
    let own = format!("ca_file = '{}'", ca.display());
    assert_accepted(&channel(&by_name, &own).send(&message("one")).await);
    temporary(channel(&by_address, &own).send(&message("one")).await);
    assert_accepted(&channel(&by_address, &format!("pin = '{}'", authority.pin())).send(&message("one")).await);
}
