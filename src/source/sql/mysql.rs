//! A query on MySQL or MariaDB.
//!
//! The query is prepared, so it can be one statement only, and its values come in the server's binary form, which is
//! written as text here. The server itself turns texts of any character set into UTF-8.
//!
//! **Invariant:** everything happens in one transaction that only reads and is never committed.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use futures_util::TryStreamExt as _;
use secrecy::SecretString;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _,
};
use sqlx::{Decode, Statement as _, ValueRef as _};

use super::trouble::{self, Stage, Trouble};
use super::{Answering, FAREWELL, GRACE, Server, SqlConfig, address, clocks, revealed};
use crate::core::Instant;
use crate::core::database::{MYSQL, Tls};
use crate::core::value::Name;
use crate::source::mapping::Mapping;
use crate::source::packed::Packed;
use crate::source::statement::{Dialect, Query};
use crate::source::table::{Cell, Table as _};
use crate::source::{Fetched, PollError, Source};

mod shape;

use shape::Shape;

/// A database, a query and its mapping.
#[derive(Debug, Clone)]
pub struct MySqlSource {
    server: Server<MySqlConnectOptions>,
    query: Query,
    mapping: Arc<Mapping>,
    /// The connections, by the server's numbers, on which it answers now.
    answering: Answering<u64>,
}

/// A transaction that only reads.
struct Session {
    connection: MySqlConnection,
    /// Its number on the server.
    id: u64,
    clock: Clock,
}

/// How the server shows instants (`TIMESTAMP`) in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// As the source's own clock on the wall.
    Wall,
    /// At a constant distance from UTC; the zone that is meant, if one is.
    Constant(TimeDelta, Option<Tz>),
}

impl Clock {
    /// A `TIMESTAMP` as the source's own clock on the wall shows it.
    fn written(self, shown: NaiveDateTime) -> String {
        match self {
            Self::Wall => clocks::written(shown),
            Self::Constant(offset, zone) => clocks::on_the_wall(shown - offset, zone),
        }
    }

    /// The cursor of a poll. Where it will be compared with instants shown otherwise than on the wall, the earlier of
    /// both is right: more is read again, and nothing is left out.
    fn since(self, mapping: &Mapping, since: Option<Instant>) -> NaiveDateTime {
        let wall = mapping.naive(since);
        match self {
            Self::Wall => wall,
            Self::Constant(offset, _) => wall.min(clocks::naive(since.unwrap_or_default()) + offset),
        }
    }
}

impl MySqlSource {
    /// The query of `config`; `base` is the folder at which relative paths start. The error says which key is wrong.
    pub fn new(
        config: &SqlConfig,
        password: Option<&SecretString>,
        base: &Path,
        mapping: Arc<Mapping>,
    ) -> Result<Self, String> {
        let query = Query::new(&config.query, Dialect::MySql).map_err(|problem| format!("query: {problem}"))?;
        let (place, ca_file) = address(config, MYSQL, base)?;
        let parsed = config.url.parse::<MySqlConnectOptions>();
        let parsed = parsed.map_err(|error| format!("url: expected mysql://USER@HOST/DATABASE: {error}"))?;
        let mode = match config.tls {
            Tls::Verify if parsed.get_socket().is_none() => MySqlSslMode::VerifyIdentity,
            Tls::EncryptOnly if parsed.get_socket().is_none() => MySqlSslMode::Required,
            _ => MySqlSslMode::Disabled,
        };
        // The operator's query is understood as the server understands it elsewhere.
        let options = parsed.ssl_mode(mode).pipes_as_concat(false).no_engine_substitution(false).timezone(None);
        let options = options.statement_cache_capacity(0).disable_statement_logging();
        let options = revealed(password).into_iter().fold(options, MySqlConnectOptions::password);
        let options = ca_file.into_iter().fold(options, MySqlConnectOptions::ssl_ca);
        Ok(Self {
            server: Server { options, place, timeout: config.timeout },
            query,
            mapping,
            answering: Answering::default(),
        })
    }

    async fn ask(&self, since: Option<Instant>) -> Result<Packed, PollError> {
        let opened = self.server.within(GRACE, self.open()).await;
        let mut session = opened.unwrap_or_else(|| {
            Err(self.server.unreadable(format!("no answer within {} s", (self.server.timeout + GRACE).as_secs())))
        })?;
        let query = self.query.since(session.clock.since(&self.mapping, since));
        let id = session.id;
        self.answering.begin(id);
        let answer = self.server.within(GRACE, self.answer(&query, &mut session)).await;
        self.answering.end(&id);
        let Some(answer) = answer else {
            drop(session);
            let _ = tokio::time::timeout(FAREWELL, self.end(id)).await;
            return Err(self.server.late());
        };
        let _ = tokio::time::timeout(FAREWELL, async {
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut session.connection).await;
            let _ = session.connection.close().await;
        })
        .await;
        answer
    }

    /// Opens a transaction that only reads.
    async fn open(&self) -> Result<Session, PollError> {
        let trouble = |error: sqlx::Error| self.trouble(&error, Stage::Opening);
        let mut connection = self.server.options.connect().await.map_err(trouble)?;
        let (id, version, now): (u64, String, NaiveDateTime) =
            sqlx::query_as("SELECT CAST(CONNECTION_ID() AS UNSIGNED), VERSION(), UTC_TIMESTAMP()")
                .persistent(false)
                .fetch_one(&mut connection)
                .await
                .map_err(trouble)?;
        let clock = self.set_clock(&mut connection, now).await.map_err(trouble)?;
        // A server that is older than its limit of time is stopped from here.
        let _ = sqlx::raw_sql(AssertSqlSafe(self.limit(&version))).execute(&mut connection).await;
        sqlx::raw_sql("START TRANSACTION READ ONLY").execute(&mut connection).await.map_err(trouble)?;
        Ok(Session { connection, id, clock })
    }

    /// Makes the session's zone the source's: by its name where the server knows names, else by its offset of now.
    async fn set_clock(&self, connection: &mut MySqlConnection, now: NaiveDateTime) -> Result<Clock, sqlx::Error> {
        let zone = self.mapping.zone();
        if let Some(zone) = zone {
            let named = format!("SET SESSION time_zone = '{}'", zone.name());
            if sqlx::raw_sql(AssertSqlSafe(named)).execute(&mut *connection).await.is_ok() {
                return Ok(Clock::Wall);
            }
        }
        let offset = zone.map_or(TimeDelta::zero(), |zone| clocks::offset(now, zone));
        let constant = format!("SET SESSION time_zone = '{}'", clocks::sign(offset));
        sqlx::raw_sql(AssertSqlSafe(constant)).execute(connection).await?;
        Ok(Clock::Constant(offset, zone))
    }

    fn limit(&self, version: &str) -> String {
        if version.contains("MariaDB") {
            format!("SET SESSION max_statement_time = {}", self.server.timeout.as_secs_f64())
        } else {
            format!("SET SESSION max_execution_time = {}", self.server.timeout.as_millis())
        }
    }

    async fn answer(&self, query: &str, session: &mut Session) -> Result<Packed, PollError> {
        let trouble = |error: sqlx::Error| self.trouble(&error, Stage::Asking);
        let (connection, clock) = (&mut session.connection, session.clock);
        let prepared = connection.prepare(AssertSqlSafe(query.to_owned()).into_sql_str()).await.map_err(trouble)?;
        let names: Vec<Name> = prepared.columns().iter().map(|column| column.name().trim().into()).collect();
        if names.is_empty() {
            return Err(self.server.refused("expected a query that answers with columns, got one without any"));
        }
        let mut answer = Packed::new(self.name(), names);
        let mut shapes = Vec::new();
        let mut rows = connection.fetch(sqlx::query(AssertSqlSafe(query.to_owned())).persistent(false));
        while let Some(row) = rows.try_next().await.map_err(trouble)? {
            if shapes.is_empty() {
                shapes = row.columns().iter().map(|column| Shape::of(column.type_info())).collect();
            }
            add(&mut answer, &row, &shapes, clock).map_err(|problem| self.server.too_large(problem))?;
        }
        Ok(answer)
    }

    /// Ends a connection whose query did not stop by itself.
    async fn end(&self, id: u64) -> Result<(), sqlx::Error> {
        let mut connection = self.server.options.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}"))).execute(&mut connection).await?;
        connection.close().await
    }

    /// What rows are called: `city: row 3`.
    fn name(&self) -> String {
        self.server.options.get_database().map_or_else(|| self.server.place.clone(), str::to_owned)
    }

    fn trouble(&self, error: &sqlx::Error, stage: Stage) -> PollError {
        match trouble::of(error, stage) {
            Trouble::Late => self.server.late(),
            Trouble::Away(words) => self.server.unreadable(words),
            Trouble::Refused(words) => self.server.refused(words),
        }
    }
}

fn add(answer: &mut Packed, row: &MySqlRow, shapes: &[Shape], clock: Clock) -> Result<(), String> {
    answer.begin(answer.rows() as u64 + 1)?;
    for (column, shape) in shapes.iter().enumerate() {
        let value = row.try_get_raw(column).map_err(|error| error.to_string())?;
        if value.is_null() {
            answer.put(column, &Cell::Null);
            continue;
        }
        let bytes = <&[u8] as Decode<MySql>>::decode(value).map_err(|error| error.to_string());
        match bytes.and_then(|bytes| shape.cell(bytes, clock)) {
            Ok(cell) => answer.put(column, &cell),
            Err(problem) => answer.spoil(column, &problem),
        }
    }
    Ok(())
}

#[async_trait]
impl Source for MySqlSource {
    async fn give_up(&self) {
        for id in self.answering.take() {
            let _ = tokio::time::timeout(FAREWELL, self.end(id)).await;
        }
    }

    fn asks_since(&self) -> bool {
        self.query.wants_since()
    }

    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError> {
        let answer = self.ask(since).await?;
        self.server.mapped(answer, self.mapping.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mapping::MappingConfig;

    #[test]
    fn a_cursor_leaves_nothing_out_where_instants_are_shown_otherwise_than_on_the_wall() {
        let text = "id = 'id'\nkind = 'ticket'\ntimezone = 'America/New_York'\n[fields]\n";
        let config: MappingConfig = toml::from_str(text).expect("a mapping");
        let mapping = Mapping::new("tickets", &config).expect("a mapping");
        let since = |clock: Clock, at: &str| clock.since(&mapping, at.parse().ok()).to_string();
        let zone = mapping.zone();
        let winter = Clock::Constant(TimeDelta::hours(-5), zone);
        // Four in the morning by the clocks of summer, three by those of winter, in which the server shows everything.
        assert_eq!(since(Clock::Wall, "2026-07-01T08:00:00Z"), "2026-07-01 04:00:00");
        assert_eq!(since(winter, "2026-07-01T08:00:00Z"), "2026-07-01 03:00:00");
        let summer = Clock::Constant(TimeDelta::hours(-4), zone);
        assert_eq!(since(summer, "2026-01-01T09:00:00Z"), "2026-01-01 04:00:00");
    }
}
