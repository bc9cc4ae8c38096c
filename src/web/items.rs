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
use crate::answer::intake::Refusal;

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
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let limit = intake.max_bytes();
    if length.is_some_and(|length| length > limit) {
        return too_large(limit);
    }
    let arrival = tokio::time::timeout(LONGEST_ARRIVAL, whole(body.into_data_stream(), limit)).await;
    let body = match arrival {
        Ok(Ok(body)) => body,
        Ok(Err(Broken::TooLarge)) => return too_large(limit),
        Ok(Err(Broken::Off)) => return refused(StatusCode::BAD_REQUEST, "the call broke off"),
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the call did not arrive in two minutes"),
    };
    // What was begun is ended, whether the caller waits for it or not.
    let intake = intake.clone();
    let taken = tokio::spawn(async move { intake.take(body).await }).await;
    match taken {
        Ok(Ok(taken)) => Json(taken).into_response(),
        Ok(Err(Refusal::Form(why))) => refused(StatusCode::BAD_REQUEST, &why),
        Ok(Err(Refusal::Doubted(why, taken))) => {
            let why = format!("not believed, nothing changes: {why}");
            let said = json!({ "error": why, "rows": taken.rows, "rejected_rows": taken.rejected_rows, "rejected": taken.rejected });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(said)).into_response()
        }
        Ok(Err(Refusal::Later(why))) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the taking broke off, call again"),
    }
}

/// Why a body is not there.
enum Broken {
    TooLarge,
    Off,
}

async fn whole(mut stream: BodyDataStream, limit: usize) -> Result<Vec<u8>, Broken> {
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

fn too_large(limit: usize) -> Response {
    let text = format!("expected at most {limit} bytes (max_bytes): send parts with complete = false");
    refused(StatusCode::PAYLOAD_TOO_LARGE, &text)
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
