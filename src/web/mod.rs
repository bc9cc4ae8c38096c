//! What a browser and a monitor see: a plain page of open cards, the same as JSON, and health.
//!
//! **Invariant:** `GET` changes nothing; every text of an item is escaped; nothing is loaded from elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use chrono_tz::Tz;
use minijinja::{Environment, context};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::core::Instant;
use crate::core::window::Level;
use crate::store::{OpenCard, Store, StoreError};
use crate::tell::compose::RuleWords;
use crate::tell::language::Language;
use crate::tell::time_words;

/// Cards on the page; the rest is counted.
const CARDS: usize = 200;

/// What a rule says to people about itself and one of its windows.
pub type Speak = Arc<dyn Fn(&str, &str) -> RuleWords + Send + Sync>;

/// What the page shows, and in which words.
#[derive(Clone)]
pub struct Board {
    /// The memory.
    pub store: Arc<dyn Store>,
    /// The office's zone.
    pub zone: Tz,
    /// The language.
    pub language: Language,
    /// Whether messages go to the rehearsal's address.
    pub rehearsal: bool,
    /// A line on top, such as where a demo's clock stands.
    pub note: Option<String>,
    /// What rules say to people.
    pub words: Speak,
}

/// Serves the board until it is stopped.
pub async fn serve(listener: TcpListener, board: Board, stop: CancellationToken) -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(page))
        .route("/api/v1/cards", get(cards))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
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
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
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
    let (cards, counts) = (open(board).await.map_err(|e| e.to_string())?, board.store.counts().await);
    let counts = counts.map_err(|e| e.to_string())?;
    let shown = cards.len() as u64;
    let rows: Vec<_> = cards
        .iter()
        .map(|card| {
            let words = (board.words)(&card.rule, &card.name);
            context! {
                level => card.level.word(),
                label => label(card.level, board.language),
                code => &*card.item.id,
                title => &*card.title,
                unit => card.unit.as_deref(),
                rule => words.title.unwrap_or_else(|| card.rule.to_string()),
                window => words.label.unwrap_or_else(|| card.name.to_string()),
                since => time_words::due(card.at, board.zone, board.language),
            }
        })
        .collect();
    let mut environment = Environment::new();
    environment.add_template("board.html", include_str!("board.html")).map_err(|e| e.to_string())?;
    let template = environment.get_template("board.html").map_err(|e| e.to_string())?;
    let chinese = board.language == Language::Chinese;
    let more = (counts.red + counts.yellow).saturating_sub(shown);
    let facts = context! { chinese, rows, counts => minijinja::Value::from(minijinja::value::Serde(counts)), more, note => board.note.as_deref(), rehearsal => board.rehearsal };
    template.render(facts).map_err(|e| e.to_string())
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

/// Ready: the store answers and every source had a good poll that nothing contradicts.
async fn ready(State(board): State<Board>) -> Response {
    match board.store.sources().await {
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("store: {e}\n")).into_response(),
        Ok(sources) => {
            let line = |source: &str, good_at: Option<Instant>, trouble: Option<&String>| match (good_at, trouble) {
                (_, Some(trouble)) => Some(format!("source {source}: {trouble}\n")),
                (None, None) => Some(format!("source {source}: not polled yet\n")),
                _ => None,
            };
            let troubles: String =
                sources.iter().filter_map(|s| line(&s.source, s.good_at, s.trouble.as_ref())).collect();
            let status = if troubles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, if troubles.is_empty() { "ready\n".into() } else { troubles }).into_response()
        }
    }
}
