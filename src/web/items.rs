//! Rows that a system brings by itself: `POST /api/v1/items?source=NAME` with `Authorization: Bearer TOKEN`.
//!
//! **Invariant:** without the right token a call learns nothing, not even which sources there are, and none of its body is
//! read; "taken" is said only after everything is stored.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::json;

use super::Board;
use crate::answer::intake::{Refusal, Taken};

/// How long a call may take to arrive.
const LONGEST_ARRIVAL: Duration = Duration::from_mins(2);

/// Which source calls.
#[derive(Deserialize)]
pub(super) struct Which {
    source: Option<String>,
}

/// `POST /api/v1/items?source=NAME`
pub(super) async fn take(
    State(board): State<Board>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return refused(StatusCode::SERVICE_UNAVAILABLE, "starting, call again") };
    let Some(source) = which.source else {
        return refused(StatusCode::BAD_REQUEST, "expected /api/v1/items?source=NAME");
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let intake = in_force.intakes.get(source.as_str()).filter(|intake| token.is_some_and(|t| intake.opens_with(t)));
    let Some(intake) = intake else {
        let text = "expected Authorization: Bearer with the token of a source that calls";
        return ([(header::WWW_AUTHENTICATE, "Bearer")], refused(StatusCode::UNAUTHORIZED, text)).into_response();
    };
    let body = match whole(&headers, body.into_data_stream(), intake.max_bytes()).await {
        Ok(body) => body,
        Err(broken) => return broken,
    };
    // What was begun is ended, whether the caller waits for it or not.
    let intake = intake.clone();
    let ended = tokio::spawn(async move { intake.take(body).await }).await;
    ended.map_or_else(|_| refused(StatusCode::SERVICE_UNAVAILABLE, "the taking broke off, call again"), answer)
}

fn answer(ended: Result<Taken, Refusal>) -> Response {
    match ended {
        Ok(taken) => Json(taken).into_response(),
        Err(Refusal::Form(why)) => refused(StatusCode::BAD_REQUEST, &why),
        Err(Refusal::Doubted(why, shown)) => {
            let error = format!("not believed, nothing changes: {why}");
            let Taken { rows, rejected_rows, rejected, .. } = shown;
            let said = json!({ "error": error, "rows": rows, "rejected_rows": rejected_rows, "rejected": rejected });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(said)).into_response()
        }
        Err(Refusal::Later(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

/// The whole body, or the answer to one that is not there, comes too slowly or is too large.
async fn whole(headers: &HeaderMap, stream: BodyDataStream, limit: usize) -> Result<Vec<u8>, Response> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = || {
        let text = format!("expected at most {limit} bytes (max_bytes): send parts with complete = false");
        refused(StatusCode::PAYLOAD_TOO_LARGE, &text)
    };
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match tokio::time::timeout(LONGEST_ARRIVAL, gathered(stream, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Broken::TooLarge)) => Err(too_large()),
        Ok(Err(Broken::Off)) => Err(refused(StatusCode::BAD_REQUEST, "the call broke off")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the call did not arrive in two minutes")),
    }
}

/// Why a body is not there.
enum Broken {
    TooLarge,
    Off,
}

async fn gathered(mut stream: BodyDataStream, limit: usize) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Broken::Off)?;
        if body.len() + chunk.len() > limit {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
