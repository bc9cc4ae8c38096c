//! JSON APIs: their ways of paging, what is asked, and what is kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use duban::source::http::HttpSource;
use duban::source::mapping::Mapping;
use duban::source::{Mapped, PollError, Source as _};
use duban::time::SystemClock;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::gateway::Asked;

/// An API that answers as a test wants it and remembers what it was asked.
pub struct Api {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// Starts one: `answer` gets a request, and how many came before it.
    pub async fn start(answer: impl Fn(&Asked, usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = asked.clone();
        let router = Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("body");
            let request = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
            let before = {
                let mut seen = seen.lock().expect("lock");
                seen.push(request.clone());
                seen.len() - 1
            };
            answer(&request, before)
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("lock").clone()
    }

    /// The source of this API's list, with these keys.
    pub fn source(&self, keys: &str) -> HttpSource {
        source_at(&format!("http://127.0.0.1:{}/tickets", self.port), keys)
    }
}

/// The source of a list with these keys; the secret `token` is `t0ken-t0ken`.
pub fn source_at(url: &str, keys: &str) -> HttpSource {
    try_source(url, keys).unwrap_or_else(|error| panic!("{error}"))
}

pub fn try_source(url: &str, keys: &str) -> Result<HttpSource, String> {
    let mapping = "id = 'id'\nkind = 'ticket'\ntimezone = 'Asia/Shanghai'\n[fields]\ntitle = 'title'\n";
    let mapping = Mapping::new("api", &toml::from_str(mapping).expect("mapping")).expect("mapping");
    let config = toml::from_str(&format!("url = '{url}'\n{keys}")).map_err(|e| e.to_string())?;
    let secrets = BTreeMap::from([("token".to_owned(), "t0ken-t0ken".to_owned().into())]);
    let clock = Arc::new(SystemClock::start());
    HttpSource::new(&config, Path::new("/"), Arc::new(mapping), secrets, clock).map_err(|e| e.to_string())
}

/// Everything that a source has.
pub async fn poll(source: &HttpSource) -> Result<Mapped, PollError> {
    Ok(source.fetch(None).await?.map(0))
}

/// The ids of everything that a source has.
pub async fn ids(source: &HttpSource) -> Result<Vec<u64>, PollError> {
    let mapped = poll(source).await?;
    assert!(mapped.rejected.is_empty(), "{:?}", mapped.rejected);
    Ok(mapped.items.iter().map(|item| item.key.id.parse().expect("a number")).collect())
}

pub fn rows(ids: impl IntoIterator<Item = u64>) -> Value {
    ids.into_iter().map(|id| json!({ "id": id, "title": format!("t{id}") })).collect()
}

fn number(asked: &Asked, name: &str) -> Option<u64> {
    asked.query().iter().find(|(key, _)| key == name).map(|(_, value)| value.parse().expect("number"))
}

const ALL: u64 = 25;

/// The ids from 1 to 25 that follow after so many, at most ten: this server caps its pages.
fn part(after: u64, wanted: u64) -> Value {
    rows((after + 1..=ALL).take(usize::try_from(wanted.min(10)).expect("small")))
}

fn whole() -> Vec<u64> {
    (1..=ALL).collect()
}

#[tokio::test]
async fn pages_by_number_are_read_to_an_empty_one_or_to_the_total_even_if_the_server_caps_their_size() {
    let api = Api::start(|asked, _| {
        let (page, size) = (number(asked, "p").expect("p"), number(asked, "n").expect("n").min(10));
        Json(json!({ "data": { "list": part((page - 1) * size, size), "total": ALL } })).into_response()
    })
    .await;
    let keys = "rows = '$.data.list'\npage = { param = 'p', size_param = 'n', size = 100 }\n";
    assert_eq!(ids(&api.source(keys)).await, Ok(whole()));
    assert_eq!(api.asked().len(), 4, "the last one is empty");
    assert_eq!(ids(&api.source(&format!("{keys}total = '$.data.total'"))).await, Ok(whole()));
    assert_eq!(api.asked().len(), 7, "the total says where it ends");
}

#[tokio::test]
async fn pages_by_offset_go_on_behind_what_came() {
    let api = Api::start(|asked, _| Json(part(number(asked, "skip").expect("skip"), 100)).into_response()).await;
    let source = api.source("offset = { param = 'skip', size_param = 'limit', size = 100 }");
    assert_eq!(ids(&source).await, Ok(whole()));
}

#[tokio::test]
async fn pages_are_found_by_a_cursor_by_an_address_and_by_a_link() {
    let api = Api::start(|asked, _| {
        let after = number(asked, "after").unwrap_or(0);
        let next = (after + 10 < ALL).then_some(after + 10);
        let address = next.map(|next| format!("/tickets?after={next}"));
        let link = address.as_deref().map_or("</tickets>; rel=first".to_owned(), |a| format!("<{a}>; rel=\"next\""));
        ([("link", link)], Json(json!({ "items": part(after, 10), "next": next, "url": address }))).into_response()
    })
    .await;
    for keys in ["cursor = { path = '$.next', param = 'after' }", "next = '$.url'", "link = true"] {
        assert_eq!(ids(&api.source(&format!("rows = '$.items'\n{keys}"))).await, Ok(whole()), "{keys}");
    }
}

#[tokio::test]
async fn a_post_carries_the_page_and_the_instant_in_its_body() {
    let api = Api::start(|asked, _| {
        let page = asked.json()["page"].as_u64().expect("page");
        Json(if page < 3 { part((page - 1) * 10, 10) } else { json!([]) }).into_response()
    })
    .await;
    let source = api.source(
        "method = 'POST'\nbody = '{\"page\": {{ page }}, \"after\": {{ since }}, \"k\": {{ secret.token }}}'\npage = {}\n\
         since_format = '%Y-%m-%d %H:%M:%S'\nheaders = { X-Key = '{{ secret.token }}' }",
    );
    assert!(source.asks_since());
    let since = "2026-03-02T02:00:00Z".parse().expect("instant");
    assert_eq!(source.fetch(Some(since)).await.expect("poll").rows(), 20);
    let first = &api.asked()[0];
    assert_eq!(first.json(), json!({ "page": 1, "after": "2026-03-02 10:00:00", "k": "t0ken-t0ken" }));
    assert_eq!((first.header("x-key"), first.header("content-type")), ("t0ken-t0ken", "application/json"));
    let unix =
        api.source("query = { t = '{{ since }}' }\nmethod = 'POST'\nbody = '{\"page\": 3}'\nsince_format = 'unix'");
    unix.fetch(Some(since)).await.expect("poll");
    assert_eq!(api.asked().last().expect("asked").uri.query(), Some("t=1772416800"));
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let api = Api::start(|asked, before| match asked.header("if-none-match") {
        "\"v1\"" if before < 3 => StatusCode::NOT_MODIFIED.into_response(),
        _ => ([("etag", "\"v1\"")], Json(rows(if before < 3 { 1..=3 } else { 1..=4 }))).into_response(),
    })
    .await;
    let source = api.source("");
    for expected in [3, 3, 3, 4] {
        assert_eq!(ids(&source).await.map(|ids| ids.len()), Ok(expected));
    }
    assert_eq!(api.asked().iter().filter(|asked| asked.header("if-none-match") == "\"v1\"").count(), 3);
    let unasked = Api::start(|_, _| StatusCode::NOT_MODIFIED.into_response()).await;
    let error = ids(&unasked.source("")).await.expect_err("nothing is kept");
    assert!(matches!(&error, PollError::Refused { problem, .. } if problem.contains("304")), "{error}");
}

#[tokio::test]
async fn what_the_list_lacks_is_asked_for_item_by_item() {
    let api = Api::start(|asked, _| match asked.uri.path() {
        "/tickets" => Json(json!([{ "id": "a/b", "title": null }, { "id": 2, "title": "known" }, { "id": "gone" }]))
            .into_response(),
        "/tickets/a%2Fb" => Json(json!({ "data": { "title": "deep", "price": 1.50 } })).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let url = format!("http://127.0.0.1:{}/tickets/{{{{ id }}}}", api.port);
    let source = api.source(&format!("detail = {{ url = '{url}', path = '$.data', lacks = 'title' }}"));
    let mapped = poll(&source).await.expect("poll");
    let titles: Vec<_> = mapped.items.iter().map(|item| item.fields.get("title").map(|v| format!("{v:?}"))).collect();
    assert!(titles[0].as_ref().is_some_and(|title| title.contains("deep")), "{titles:?}");
    assert_eq!((mapped.items.len(), api.asked().len()), (2, 3), "who has it is not asked about");
    let [rejection] = &mapped.rejected[..] else { panic!("{:?}", mapped.rejected) };
    assert!(rejection.reason.contains("404") && rejection.id.as_deref() == Some("gone"), "{rejection}");
}

#[tokio::test]
async fn an_answer_in_the_charset_of_the_server_is_read() {
    let gbk = encoding_rs::GBK.encode(r#"[{"id": 1, "title": "成功"}]"#).0.into_owned();
    let api = Api::start(move |asked, _| {
        assert!(asked.header("accept-encoding").contains("gzip"));
        let kind = if asked.uri.query().is_some() { "application/json" } else { "application/json; charset=GBK" };
        ([("content-type", kind)], gbk.clone()).into_response()
    })
    .await;
    let title = async |source: HttpSource| poll(&source).await.map(|mapped| format!("{:?}", mapped.items[0].fields));
    assert!(title(api.source("")).await.expect("poll").contains("成功"));
    assert!(title(api.source("query = { x = '' }\nencoding = 'gb18030'")).await.expect("poll").contains("成功"));
    let error = title(api.source("query = { x = '' }")).await.expect_err("not UTF-8");
    assert!(matches!(error, PollError::Encoding { .. }), "{error}");
}

#[tokio::test]
async fn a_compressed_answer_is_read_and_counted_by_what_it_holds() {
    const ONE: &str = "1f8b08000000000002038bae56ca4c51b25230d451502ac92cc94905b2952a946a63017d2cdf6e19000000";
    // A list after 300,000 blanks.
    let bomb =
        format!("1f8b0800000000000203edc1010d00000c02a02af672f6aff11e1f90{}c01fdd0130ff57d0e2930400", "0".repeat(580));
    for (packed, expected) in [(ONE.to_owned(), Ok(vec![1])), (bomb, Err(()))] {
        let packed = hex::decode(packed).expect("hex");
        let api = Api::start(move |_, _| {
            ([("content-encoding", "gzip"), ("content-type", "application/json")], packed.clone()).into_response()
        })
        .await;
        let found = ids(&api.source("max_bytes = 100000")).await;
        assert!(found.is_ok() || matches!(found, Err(PollError::TooLarge { .. })), "{found:?}");
        assert_eq!(found.map_err(drop), expected);
    }
}

#[tokio::test]
async fn a_server_may_redirect_to_itself_and_nowhere_else() {
    let other = Api::start(|_, _| Json(rows(1..=9)).into_response()).await;
    let elsewhere = format!("http://127.0.0.1:{}/tickets", other.port);
    let api = Api::start(move |asked: &Asked, _| {
        let to = match asked.uri.query() {
            Some("self") => "/moved".to_owned(),
            Some(_) => elsewhere.clone(),
            None => return Json(rows(1..=2)).into_response(),
        };
        (StatusCode::FOUND, [("location", to)]).into_response()
    })
    .await;
    let at = |query: &str| source_at(&format!("http://127.0.0.1:{}/tickets?{query}", api.port), "");
    assert_eq!(ids(&at("self")).await, Ok(vec![1, 2]));
    let error = ids(&at("other")).await.expect_err("elsewhere").to_string();
    assert!(error.contains("a redirect to another server, 127.0.0.1, which is not followed"), "{error}");
    assert!(other.asked().is_empty());
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_its_key() {
    for (url, keys, expected) in [
        ("ftp://a.test/", "", "url: expected http://"),
        ("https://u:p@a.test/", "", "url: expected no login"),
        ("https://169.254.169.254/latest", "", "link-local; if it is meant, write allow_networks"),
        ("https://a.test/{{ secret.nope }}", "", "url: expected one of the secrets (token)"),
        ("https://a.test/", "rows = '$['", "rows: expected a JSONPath"),
        ("https://a.test/", "page = {}\nlink = true", "at most one of page, offset"),
        ("https://a.test/", "page = { size_param = 'n' }", "page.size: expected a number"),
        ("https://a.test/", "body = 'x'", "body: expected method"),
        ("https://a.test/", "since_format = '%Q'", "since_format: expected a format"),
        ("https://a.test/", "optional = ['nope']", "optional: expected columns of the mapping"),
        ("https://a.test/", "detail = { url = 'https://b.test/{{ id }}' }", "detail.url: expected the server of url"),
        ("https://a.test/", "pin = 'x'", "pin: expected sha256:"),
        ("https://a.test/", "tls = 'off'", "unknown variant `off`"),
        ("https://a.test/", "login = { bearer = '{{ secret.x }}' }", "login.bearer: expected one of the secrets"),
    ] {
        let error = try_source(url, keys).map(drop).expect_err(expected);
        assert!(error.contains(expected), "{error}");
    }
    try_source("https://169.254.10.9/", "allow_networks = ['169.254.10.0/24']").map(drop).expect("allowed");
}

/// A server that answers every connection with these bytes and closes it.
pub async fn raw(bytes: &'static [u8], pause: Duration) -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = tokio::io::AsyncReadExt::read(&mut client, &mut [0; 4096]).await;
                tokio::time::sleep(pause).await;
                let _ = client.write_all(bytes).await;
                let _ = client.shutdown().await;
            });
        }
    });
    port
}

/// An answer with a body that is no JSON.
pub fn page(status: u16, kind: &'static str, body: &'static str) -> Response {
    Response::builder().status(status).header("content-type", kind).body(Body::from(body)).expect("answer")
}

/// What is asked, without its query.
pub fn path(uri: &Uri) -> String {
    uri.path().to_owned()
}
