//! What a browser, a monitor and a channel's peer see: a plain page of open cards, the same as JSON, the page of a card,
//! signing by link, the peers' calls, rows that systems bring, and health.
//!
//! **Invariant:** `GET` changes nothing; every text of an item is escaped; nothing is loaded from elsewhere.

mod card;
mod hooks;
mod items;
mod metrics;
mod sign;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use minijinja::{Environment, context};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::core::line::{one_line, plain};
use crate::core::outage::Outage;
use crate::core::window::Level;
use crate::daemon::poll::health::Health;
use crate::playbook::{InForce, Playbook};
use crate::store::{OpenCard, SourceRecord, Store, StoreError};
use crate::tell::language::Language;
use crate::tell::time_words;
use crate::time::Clock;

/// Characters of a text in the page's table.
const LONGEST_TEXT: usize = 200;

/// Cards on the page; the rest is counted.
const CARDS: usize = 200;

/// What the page shows, and in which words.
#[derive(Clone)]
pub struct Board {
    /// The memory.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What runs now; nothing while the daemon starts.
    pub in_force: watch::Receiver<Option<InForce>>,
    /// A line on top, such as where a demo's clock stands.
    pub note: Option<String>,
}

/// Serves the board until it is stopped.
pub async fn serve(listener: TcpListener, board: Board, stop: CancellationToken) -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(page))
        .route("/cards/{card}", get(card::page))
        .route("/sign/{token}", get(sign::show).post(sign::take))
        .route("/hooks/{name}/{key}/receipts", post(hooks::receipts))
        .route("/hooks/{name}/{key}/replies", post(hooks::replies))
        .route("/api/v1/cards", get(cards))
        .route("/api/v1/items", post(items::take))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::show))
        .layer(DefaultBodyLimit::max(hooks::LONGEST_BODY))
        .with_state(board);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Listens on an address of this machine.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn page(State(board): State<Board>) -> Response {
    match draw(&board).await {
        Ok(html) => guarded(Html(html).into_response()),
        Err(reason) => unavailable(&reason),
    }
}

/// The headers of a page that loads nothing and is framed by nobody.
fn guarded(mut response: Response) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn draw(board: &Board) -> Result<String, String> {
    let in_force = board.in_force.borrow().clone().ok_or("starting")?;
    let (cards, counts) = (open(board).await.map_err(|e| e.to_string())?, board.store.counts().await);
    let counts = counts.map_err(|e| e.to_string())?;
    let playbook = &in_force.playbook;
    let rows: Vec<minijinja::Value> = cards.iter().map(|card| row(card, playbook)).collect();
    let mut environment = shown();
    environment.add_template("board.html", include_str!("board.html")).map_err(|e| e.to_string())?;
    let template = environment.get_template("board.html").map_err(|e| e.to_string())?;
    let outages = in_force.outages.borrow().clone();
    let facts = context! {
        chinese => playbook.language == Language::Chinese,
        more => (counts.red + counts.yellow).saturating_sub(rows.len() as u64),
        rows,
        counts => minijinja::Value::from(minijinja::value::Serde(counts)),
        note => board.note.as_deref(),
        rehearsal => playbook.office.rehearsal,
        degraded => !in_force.degraded.is_empty(),
        trouble => in_force.trouble.is_some(),
        outages => outages.iter().map(|outage| &*outage.channel).collect::<Vec<_>>().join(", "),
    };
    template.render(facts).map_err(|e| e.to_string())
}

/// How pages show what others wrote: without markup, and without what hides or turns the direction of reading.
fn shown() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) => minijinja::escape_formatter(out, state, &plain(text).into()),
        None => minijinja::escape_formatter(out, state, value),
    });
    environment
}

fn row(card: &OpenCard, playbook: &Playbook) -> minijinja::Value {
    let words = playbook.rule_words(&card.rule, &card.name);
    context! {
        level => card.level.word(),
        label => label(card.level, playbook.language),
        card => card.card.to_string(),
        code => &*card.item.id,
        title => one_line(&card.title, LONGEST_TEXT),
        unit => card.unit.as_deref().map(|unit| one_line(unit, LONGEST_TEXT)),
        rule => words.title.unwrap_or_else(|| card.rule.to_string()),
        window => words.label.unwrap_or_else(|| card.name.to_string()),
        since => time_words::due(card.at, playbook.calendar().zone(), playbook.language),
    }
}

const fn label(level: Level, language: Language) -> &'static str {
    match level {
        Level::Red => language.pick("红牌", "red"),
        Level::Yellow => language.pick("黄牌", "yellow"),
    }
}

async fn open(board: &Board) -> Result<Vec<OpenCard>, StoreError> {
    board.store.open_cards(CARDS).await
}

async fn cards(State(board): State<Board>) -> Response {
    match open(&board).await {
        Ok(cards) => Json(cards).into_response(),
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")).into_response(),
    }
}

/// Ready: the files are in force, the store answers and can be written, every source had a good poll that nothing contradicts and
/// that is not too long ago, and no channel is known to take nothing.
async fn ready(State(board): State<Board>) -> Response {
    let Some(in_force) = board.in_force.borrow().clone() else { return not_ready("starting\n".to_owned()) };
    let now = board.clock.now();
    let mut troubles: Vec<String> = in_force.degraded.iter().map(|why| format!("playbook: {why}")).collect();
    troubles.extend(in_force.trouble.iter().map(|why| format!("store: {why}")));
    match board.store.sources().await {
        Err(_) if in_force.trouble.is_some() => {}
        Err(e) => troubles.push(format!("store: {e}")),
        Ok(known) => {
            for source in &in_force.sources {
                let record = known.iter().find(|record| record.source == *source);
                let health = Health::of(record, in_force.expected.get(source), now);
                let trouble = trouble(record, health);
                troubles.extend(trouble.map(|trouble| format!("source {source}: {trouble}")));
            }
            // One that calls may never have called yet.
            let callers = known.iter().filter(|record| in_force.intakes.contains_key(&record.source));
            let doubted = callers.filter_map(|record| Some((&record.source, record.trouble.as_ref()?)));
            troubles.extend(doubted.map(|(source, trouble)| format!("source {source}: {trouble}")));
        }
    }
    troubles.extend(in_force.clock_doubt.borrow().as_ref().map(|doubt| format!("clock: {doubt}")));
    troubles.extend(in_force.outages.borrow().iter().map(|Outage { channel, since, failures, reason }| {
        format!("channel {channel}: {failures} tries in a row have failed since {since}: {reason}")
    }));
    if troubles.is_empty() { "ready\n".into_response() } else { not_ready(troubles.join("\n") + "\n") }
}

/// What keeps a source from being believed.
fn trouble(record: Option<&SourceRecord>, health: Health) -> Option<String> {
    match record {
        Some(record) if record.trouble.is_some() => record.trouble.clone(),
        Some(SourceRecord { good_at: Some(good_at), .. }) if health == Health::Stale => {
            Some(format!("no poll since {}", good_at.format("%FT%TZ")))
        }
        Some(record) if record.good_at.is_some() => None,
        _ => Some("not polled yet".to_owned()),
    }
}

fn not_ready(why: String) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

fn unavailable(why: &str) -> Response {
    not_ready(format!("{why}\n"))
}
