//! Connections that end at any byte, in either direction: a poll has every row, or it is none and says why.

use duban::source::{PollError, Source};

use super::http::{Api, rows, source_at};
use super::{mapping, on_mariadb, on_postgres, plainly, poll};
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;
use crate::support::proxy::{Direction, Mode, Proxy};
use axum::response::{IntoResponse as _, Json};

const ROWS: u64 = 40;

/// Cuts the way to a server farther and farther away from its beginning, until a poll comes through.
async fn is_whole_or_nothing(kind: &str, source: &dyn Source, proxy: &Proxy) {
    let rows = usize::try_from(ROWS).expect("small");
    for cut in [Mode::Close, Mode::Reset] {
        for direction in [Direction::Down, Direction::Up] {
            let mut polls = 0;
            for at in (0..200).scan(0, |at, _| Some(std::mem::replace(at, *at + *at / 8 + 1))) {
                proxy.set(cut(direction, at));
                polls += 1;
                match poll(source).await {
                    Ok(mapped) => {
                        assert_eq!(
                            (mapped.items.len(), mapped.rejected.len()),
                            (rows, 0),
                            "{kind}, {direction:?} {at}"
                        );
                        break;
                    }
                    Err(error) => {
                        let words = error.to_string();
                        assert!(matches!(error, PollError::Unreadable { .. }), "{kind}, {direction:?} {at}: {words}");
                        assert!(words.contains("127.0.0.1"), "{kind}, {direction:?} {at}: {words}");
                    }
                }
            }
            assert!((20..200).contains(&polls), "{kind}, {direction:?}: {polls} polls");
        }
    }
    proxy.set(Mode::Pass);
    assert_eq!(poll(source).await.expect("all is well again").items.len(), rows, "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_at_any_byte_is_whole_or_nothing() {
    let postgres = Postgres::shared();
    let database = postgres.new_database();
    let proxy = Proxy::before(postgres.port);
    let query = format!("SELECT n AS id, repeat('件', 20) AS title FROM generate_series(1, {ROWS}) n");
    let source = on_postgres(&plainly(&database.url_through(proxy.port), &query), mapping("UTC")).expect("a query");
    is_whole_or_nothing("postgres", &source, &proxy).await;

    let mariadb = MariaDb::shared();
    let proxy = Proxy::before(mariadb.port);
    let name = mariadb.new_database();
    let url = mariadb.url(&name).replace(&format!(":{}/", mariadb.port), &format!(":{}/", proxy.port));
    // A host that breaks off too often is locked out.
    mariadb.run(&name, "SET GLOBAL max_connect_errors = 100000");
    let query = format!("SELECT seq AS id, repeat('件', 20) AS title FROM seq_1_to_{ROWS}");
    let source = on_mariadb(&plainly(&url, &query), mapping("UTC")).expect("a query");
    is_whole_or_nothing("mariadb", &source, &proxy).await;

    let api = Api::start(|_, _| Json(rows(1..=ROWS)).into_response()).await;
    let proxy = Proxy::before(api.port);
    let source = source_at(&format!("http://127.0.0.1:{}/tickets", proxy.port), "timeout = '5s'");
    is_whole_or_nothing("http", &source, &proxy).await;
}
