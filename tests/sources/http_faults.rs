//! JSON APIs that fail: each way ends in a named error that an operator understands, and nothing counts.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json};
use duban::source::{PollError, Source as _};
use serde_json::json;

use crate::http::{Api, ids, page, raw, rows, source_at};
use crate::support::gateway::Asked;
use crate::support::patience::free_port;
use crate::support::proxy::{Direction, Mode, Proxy};

/// What the only poll of an API says, after its place.
async fn said(api: &Api, keys: &str) -> PollError {
    ids(&api.source(keys)).await.expect_err(keys)
}

#[tokio::test]
async fn a_page_that_fails_voids_the_poll() {
    let api = Api::start(|_, before| match before {
        0 => Json(rows(1..=10)).into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": "数据库忙" }))).into_response(),
    })
    .await;
    let error = said(&api, "page = { param = 'p' }").await;
    let text = error.to_string();
    assert!(matches!(error, PollError::Refused { .. }), "{error:?}");
    assert!(text.contains("page 2: the server answered 500") && text.contains("数据库忙"), "{text}");
}

#[tokio::test]
async fn a_page_that_repeats_and_a_list_without_an_end_are_errors() {
    let deaf = Api::start(|_, _| Json(rows(1..=10)).into_response()).await;
    let error = said(&deaf, "page = { param = 'p' }").await.to_string();
    assert!(error.contains("page 2 has the very rows of page 1"), "{error}");
    let circle = Api::start(|_, before| {
        let first = before as u64 * 10;
        Json(json!({ "l": rows(first..first + 5), "next": format!("w{}", before % 2) })).into_response()
    })
    .await;
    let error = said(&circle, "rows = '$.l'\ncursor = { path = '$.next', param = 'c' }").await.to_string();
    assert!(error.contains("page 3") && error.contains("one that was there before"), "{error}");
    let endless = Api::start(|_, before| {
        let first = before as u64 * 10;
        Json(rows(first..first + 5)).into_response()
    })
    .await;
    let error = said(&endless, "max_pages = 7\npage = { param = 'p' }").await;
    assert!(matches!(&error, PollError::TooLarge { problem, .. } if problem.contains("7 pages")), "{error}");
    assert_eq!(endless.asked().len(), 7);
}

#[tokio::test]
async fn a_total_that_does_not_match_is_an_error() {
    let cut = Api::start(|_, before| {
        let list = if before == 0 { rows(1..=10) } else { json!([]) };
        Json(json!({ "l": list, "total": 12 })).into_response()
    })
    .await;
    let keys = "rows = '$.l'\ntotal = '$.total'\n";
    let error = said(&cut, &format!("{keys}page = {{ param = 'p' }}")).await.to_string();
    assert!(error.contains("expected 12 rows, as the total says, got 10"), "{error}");
    let moving = Api::start(|_, before| {
        let first = before as u64 * 10;
        Json(json!({ "l": rows(first..first + 10), "total": 20 + before })).into_response()
    })
    .await;
    let error = said(&moving, &format!("{keys}page = {{ param = 'p' }}\nmax_pages = 9")).await.to_string();
    assert!(error.contains("the list changed while it was read"), "{error}");
    let none = Api::start(|_, _| Json(json!({ "l": [], "count": 0 })).into_response()).await;
    let error = said(&none, keys).await.to_string();
    assert!(error.contains("expected a total at $.total"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_list_says_what_it_is() {
    for (status, kind, body, expected) in [
        (
            200,
            "text/html",
            "<!DOCTYPE html><title>统一登录</title>",
            "a page with the title \"统一登录\": the login may have",
        ),
        (200, "application/json", "{\"code\": 500, \"msg\": \"参数错误\"}", "code: \"500\", msg: \"参数错误\""),
        (200, "application/json", "[{\"id\": 1}, {\"id\"", "the answer ends in the middle, after 17 bytes"),
        (200, "application/json", "", "got an empty answer"),
        (200, "application/json", "null", "expected a list at $"),
        (200, "application/json", "oops", "expected JSON, got \"oops\""),
        (404, "text/plain", "no such list", "the server answered 404 Not Found: \"no such list\""),
        (502, "text/html", "<html><title>Bad Gateway</title>", "with a page with the title \"Bad Gateway\""),
        (200, "application/json", "[{\"ID\": 1, \"title\": \"x\"}]", "expected column \"id\" (did you mean \"ID\"?)"),
    ] {
        let api = Api::start(move |_, _| page(status, kind, body)).await;
        let error = said(&api, "").await.to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with(&format!("http://127.0.0.1:{}/tickets", api.port)), "{error}");
    }
    let refusing = Api::start(|_, _| Json(json!({ "code": 1, "msg": "限流", "list": [] })).into_response()).await;
    let error = said(&refusing, "rows = '$.list'\nok = { path = '$.code', is = ['0'] }").await;
    assert!(matches!(&error, PollError::Refused { problem, .. } if problem.contains("限流")), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_cut_counts_for_nothing_however_it_is_cut() {
    let api = Api::start(|_, _| Json(rows(1..=400)).into_response()).await;
    let proxy = Proxy::before(api.port);
    let source = source_at(&format!("http://127.0.0.1:{}/tickets", proxy.port), "timeout = '1s'");
    for mode in [
        Mode::Close(Direction::Down, 3_000),
        Mode::Reset(Direction::Down, 3_000),
        Mode::Close(Direction::Down, 0),
        Mode::Refuse,
    ] {
        proxy.set(mode);
        let error = ids(&source).await.expect_err("cut");
        assert!(matches!(error, PollError::Unreadable { .. }), "{mode:?}: {error:?}");
    }
    for mode in [
        Mode::Hold(Direction::Down, 3_000),
        Mode::Hold(Direction::Up, 0),
        Mode::Drip(Direction::Down, Duration::from_millis(20)),
    ] {
        proxy.set(mode);
        let error = ids(&source).await.expect_err("held");
        assert!(matches!(error, PollError::Timeout { limit_s: 1, .. }), "{mode:?}: {error:?}");
        assert!(error.to_string().contains("expected an answer within 1 s"), "{error}");
    }
    proxy.set(Mode::Pass);
    assert_eq!(ids(&source).await.map(|ids| ids.len()), Ok(400), "and then all is well again");
    // Without a length, only the JSON says that it is cut.
    let port =
        raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[{\"id\": 1, \"title\": \"x\"},", Duration::ZERO).await;
    let error = ids(&source_at(&format!("http://127.0.0.1:{port}/"), "")).await.expect_err("cut").to_string();
    assert!(error.contains("the answer ends in the middle"), "{error}");
    let error = ids(&source_at(&format!("http://127.0.0.1:{}/", free_port()), "")).await.expect_err("nobody");
    assert!(error.to_string().to_lowercase().contains("connection refused"), "{error}");
}

#[tokio::test]
async fn an_answer_beyond_its_limit_and_a_poll_beyond_its_time_are_given_up() {
    let api = Api::start(|_, _| Json(rows(1..=400)).into_response()).await;
    let error = said(&api, "max_bytes = 1000").await;
    assert!(matches!(&error, PollError::TooLarge { problem, .. } if problem.contains("1000 bytes")), "{error}");
    let port = raw(b"", Duration::from_secs(30)).await;
    let slow = source_at(&format!("http://127.0.0.1:{port}/"), "poll_timeout = '1s'");
    assert!(matches!(ids(&slow).await, Err(PollError::Timeout { limit_s: 1, .. })));
}

#[tokio::test]
async fn a_server_that_limits_requests_is_waited_for_or_left_alone() {
    let limited = |wait: &'static str, until: usize| {
        move |_: &Asked, before: usize| match before {
            before if before < until => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)]).into_response(),
            _ => Json(rows(1..=3)).into_response(),
        }
    };
    let soon = Api::start(limited("1", 2)).await;
    assert_eq!(ids(&soon.source("")).await, Ok(vec![1, 2, 3]), "it waits within the poll's time");
    assert_eq!(soon.asked().len(), 3);
    let late = Api::start(limited("120", 1)).await;
    let source = late.source("poll_timeout = '30s'");
    for _ in 0..3 {
        let error = ids(&source).await.expect_err("limited");
        assert!(matches!(error, PollError::Busy { wait_s: 118..=120, .. }), "{error:?}");
    }
    assert_eq!(late.asked().len(), 1, "who wants to be left alone is");
    let short = Api::start(limited("3", 1)).await;
    let source = short.source("poll_timeout = '2s'");
    assert!(source.fetch(None).await.is_err());
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    assert_eq!(ids(&source).await, Ok(vec![1, 2, 3]), "and asked again afterwards");
}
