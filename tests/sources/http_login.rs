//! JSON APIs that want to know who asks, and who are to prove who they are.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use duban::source::PollError;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::http::{Api, ids, path, rows, source_at, try_source};
use crate::support::authority::Authority;
use crate::support::command::duban;
use crate::support::gateway::Asked;
use crate::support::site::Site;

#[tokio::test]
async fn a_login_stands_in_a_header() {
    let api = Api::start(|_, _| Json(rows(1..=1)).into_response()).await;
    for (login, name, expected) in [
        ("{ bearer = '{{ secret.token }}' }", "authorization", "Bearer t0ken-t0ken"),
        ("{ basic = { user = 'u', password = '{{ secret.token }}' } }", "authorization", "Basic dTp0MGtlbi10MGtlbg=="),
        ("{ header = { name = 'X-Key', value = '{{ secret.token }}' } }", "x-key", "t0ken-t0ken"),
    ] {
        assert_eq!(ids(&api.source(&format!("login = {login}"))).await, Ok(vec![1]));
        assert_eq!(api.asked().last().expect("asked").header(name), expected);
    }
}

#[tokio::test]
async fn a_login_that_is_refused_says_so_and_repeats_no_secret() {
    let api = Api::start(|_, _| (StatusCode::UNAUTHORIZED, "bad t0ken-t0ken").into_response()).await;
    let error = ids(&api.source("login = { bearer = '{{ secret.token }}' }")).await.expect_err("refused");
    assert!(matches!(error, PollError::Login { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("the login was refused") && text.contains("bad ***") && !text.contains("t0ken"), "{text}");
    assert_eq!(api.asked().len(), 1, "it is not tried again");
}

/// An API with tokens of which each is good for so many requests.
fn with_tokens(good_for: usize, lives: serde_json::Value) -> impl Fn(&Asked, usize) -> Response + Clone {
    let state = std::sync::Arc::new(std::sync::Mutex::new((0, 0)));
    move |asked, _| {
        let (token, used) = &mut *state.lock().expect("lock");
        if path(&asked.uri) == "/token" {
            assert!(asked.form().contains(&("grant_type".to_owned(), "client_credentials".to_owned())));
            (*token, *used) = (*token + 1, 0);
            return Json(json!({ "access_token": format!("tok{token}"), "expires_in": lives })).into_response();
        }
        *used += 1;
        if asked.header("authorization") != format!("Bearer tok{token}") || *used > good_for {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        Json(rows(1..=2)).into_response()
    }
}

fn oauth2(api: &Api, more: &str) -> String {
    format!(
        "login = {{ oauth2 = {{ token_url = 'http://127.0.0.1:{}/token', client_id = 'me', \
         client_secret = '{{{{ secret.token }}}}', scope = 'read'{more} }} }}",
        api.port
    )
}

#[tokio::test]
async fn a_token_is_kept_renewed_at_its_end_and_once_when_it_is_refused() {
    let tokens = |api: &Api| api.asked().iter().filter(|asked| path(&asked.uri) == "/token").count();
    let api = Api::start(with_tokens(3, json!(3600))).await;
    let source = api.source(&oauth2(&api, ""));
    for polls in 1..=3 {
        assert_eq!(ids(&source).await, Ok(vec![1, 2]));
        assert_eq!(tokens(&api), 1, "after {polls} polls");
    }
    assert_eq!(ids(&source).await, Ok(vec![1, 2]), "the fourth is refused and asked again with a new token");
    assert_eq!(tokens(&api), 2);
    let first = api.asked()[0].clone();
    assert_eq!(first.header("authorization"), "Basic bWU6dDBrZW4tdDBrZW4=");
    assert!(first.form().contains(&("scope".to_owned(), "read".to_owned())));

    let short = Api::start(with_tokens(99, json!("1"))).await;
    let source = short.source(&oauth2(&short, ", in_body = true"));
    assert_eq!(ids(&source).await, Ok(vec![1, 2]));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(ids(&source).await, Ok(vec![1, 2]));
    assert_eq!(tokens(&short), 2, "it has expired");
    assert!(short.asked()[0].form().contains(&("client_secret".to_owned(), "t0ken-t0ken".to_owned())));

    let useless = Api::start(with_tokens(0, json!(3600))).await;
    let error = ids(&useless.source(&oauth2(&useless, ""))).await.expect_err("refused");
    assert!(matches!(error, PollError::Login { .. }), "{error:?}");
    assert_eq!((tokens(&useless), useless.asked().len()), (2, 4), "renewed once, and no more");
}

#[tokio::test]
async fn a_token_that_is_not_given_is_a_refused_login() {
    let api = Api::start(|asked, _| match path(&asked.uri).as_str() {
        "/token" => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_client" }))).into_response(),
        _ => Json(rows(1..=2)).into_response(),
    })
    .await;
    let error = ids(&api.source(&oauth2(&api, ""))).await.expect_err("refused");
    assert!(matches!(&error, PollError::Login { problem, .. } if problem.contains("invalid_client")), "{error:?}");
    assert!(error.to_string().contains("/token"), "{error}");
}

/// An API behind the authority's certificate.
async fn behind(authority: &Authority) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let port = listener.local_addr().expect("address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let _ = tls.read(&mut [0; 4096]).await;
                let body = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 25\r\n\r\n[{\"id\": 1, \"title\": \"x\"}]";
                let _ = tls.write_all(body).await;
                let _ = tls.shutdown().await;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_proves_who_it_is_unless_it_need_not() {
    let authority = Authority::for_names(&["localhost"]);
    let folder = tempfile::tempdir().expect("folder");
    let ca = format!("ca_file = '{}'", authority.file_in(folder.path()).display());
    let port = behind(&authority).await;
    let (name, address) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/"));
    let error = ids(&source_at(&name, "")).await.expect_err("unknown authority").to_string();
    assert!(error.contains("no known authority") && error.contains(&authority.pin()), "{error}");
    assert_eq!(ids(&source_at(&name, &ca)).await, Ok(vec![1]));
    ids(&source_at(&address, &ca)).await.expect_err("another name");
    assert_eq!(ids(&source_at(&address, &format!("pin = '{}'", authority.pin()))).await, Ok(vec![1]));
    assert_eq!(ids(&source_at(&address, &format!("pin = '{}'", authority.key_pin()))).await, Ok(vec![1]));
    let wrong = format!("pin = 'sha256:{}'\ntls = 'encrypt-only'", "ab".repeat(32));
    let error = ids(&source_at(&address, &wrong)).await.expect_err("another pin").to_string();
    assert!(error.contains("is not the pinned one"), "{error}");
    assert_eq!(ids(&source_at(&address, "tls = 'encrypt-only'")).await, Ok(vec![1]));
    assert!(try_source(&name, "ca_file = '/nowhere/ca.pem'").is_err());
}

#[test]
fn what_is_weaker_than_it_could_be_is_a_warning_of_the_check() {
    let site = Site::new();
    let source = |name: &str, http: &str| {
        format!("[source.{name}]\nkind = 'a'\nid = 'id'\nevery = '5m'\n[source.{name}.http]\n{http}\n")
    };
    site.configure(&format!(
        "{}{}{}",
        source("plain", "url = 'http://10.1.2.3/x'"),
        source("blind", "url = 'https://10.1.2.3/x'\ntls = 'encrypt-only'"),
        source("good", "url = 'https://10.1.2.3/x'"),
    ));
    let config = site.path("duban.toml").display().to_string();
    let run = duban(&["check", "--lang", "en", "--format", "csv", "--config", &config]);
    assert_eq!(run.status, 0, "{run:?}");
    let about =
        |name: &str| run.stdout.lines().filter(|line| line.starts_with(&format!("warning,source.{name},"))).count();
    assert_eq!((about("plain"), about("blind"), about("good")), (1, 1, 0), "{}", run.stdout);
}
