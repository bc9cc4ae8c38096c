//! Calls of a channel's peer: receipts and replies, under a key in the path.
//!
//! **Invariant:** without the right key a call learns nothing, not even which channels there are; no call sends anything.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Board, unavailable};
use crate::answer::reply::{Replied, Reply};
use crate::answer::{Hook, receipts};
use crate::core::Instant;
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::Pipeline;
use crate::playbook::InForce;
use crate::store::Result;
use crate::wire::line::one_line;

/// The most bytes of a call.
pub(super) const LONGEST_BODY: usize = 64 * 1024;

/// `POST /hooks/NAME/KEY/receipts`
pub(super) async fn receipts(
    State(board): State<Board>,
    Path((name, key)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return unavailable("starting") };
    let Some(hook) = opened(&in_force, &name, &key) else { return nothing() };
    let receipts = match hook.channel.read_receipts(&body) {
        Ok(receipts) => receipts,
        Err(problem) => {
            tracing::warn!(channel = name, "a call with receipts cannot be read: {problem}");
            return (StatusCode::BAD_REQUEST, "not a receipt\n").into_response();
        }
    };
    match receipts::put(&*board.store, &name, &receipts, board.clock.now()).await {
        Ok(ended_badly) => {
            if ended_badly {
                in_force.answering.news.ended_badly();
            }
            "ok\n".into_response()
        }
        Err(e) => unavailable(&e.to_string()),
    }
}

/// `POST /hooks/NAME/KEY/replies`
pub(super) async fn replies(
    State(board): State<Board>,
    Path((name, key)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return unavailable("starting") };
    let Some(hook) = opened(&in_force, &name, &key) else { return nothing() };
    let Some(fields) = &hook.replies else { return nothing() };
    let replies = fields.read(&body);
    if replies.is_empty() {
        tracing::warn!(channel = name, "a call brings no reply: its sender and text are not where they should stand");
    }
    for reply in replies {
        if let Err(e) = place(&board, &in_force, &name, &reply).await {
            return unavailable(&e.to_string());
        }
    }
    "ok\n".into_response()
}

async fn place(board: &Board, in_force: &InForce, channel: &str, reply: &Reply) -> Result<()> {
    let now = board.clock.now();
    match reply.place(&*board.store, &in_force.playbook, channel, now).await? {
        Replied::Signed { contact, cards } => {
            tracing::info!(channel, contact, cards, "a reply signs");
            Ok(())
        }
        Replied::Unplaced(why) => {
            let number = one_line(&reply.from, 20);
            tracing::warn!(channel, number, "a reply changes nothing: {why}");
            tell_of(board, in_force, channel, reply, why, now).await
        }
    }
}

/// Operators hear of it at most once a day.
async fn tell_of(
    board: &Board,
    in_force: &InForce,
    channel: &str,
    reply: &Reply,
    why: &str,
    now: Instant,
) -> Result<()> {
    let playbook = &in_force.playbook;
    let day = playbook.calendar().local(now).date_naive();
    let title = playbook.language.pick("有短信回复无法对应", "A reply by short message changes nothing");
    let lines = vec![
        format!("{channel} {}: {}", one_line(&reply.from, 20), one_line(&reply.text, 40)),
        why.to_owned(),
        playbook.language.pick("当天其余的见日志。", "Others of this day stand in the log.").to_owned(),
    ];
    let body = Body { title: title.to_owned(), lines };
    let pipeline = Pipeline::new(board.store.clone());
    pipeline.tell_operators(playbook, NoticeKind::System, &format!("reply:{channel}:{day}"), body, now).await?;
    in_force.answering.news.planned();
    Ok(())
}

fn opened<'a>(in_force: &'a InForce, name: &str, key: &str) -> Option<&'a Hook> {
    in_force.answering.hooks.get(&Arc::<str>::from(name)).filter(|hook| hook.opens_with(key))
}

fn nothing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
