//! A query on PostgreSQL.
//!
//! The query is prepared, which tells its columns, and then asked inside of another one that has every column written
//! as text: `SELECT c0::text, … FROM (\n…\n) AS _q(c0, …)`. One way of reading is enough then for every type, and what
//! is not a query, or changes data in a WITH, is refused by the server's own parser.
//!
//! **Invariant:** everything happens in one transaction that only reads and ends with ROLLBACK.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use secrecy::SecretString;
use sqlx::postgres::{
    PgConnectOptions, PgConnection, PgDatabaseError, PgErrorPosition, PgRow, PgSslMode, PgTypeInfo, PgTypeKind,
};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _,
};
use sqlx::{Statement as _, TypeInfo as _, ValueRef as _};

use super::trouble::{self, Stage, Trouble};
use super::{Answering, FAREWELL, GRACE, Server, SqlConfig, address, clocks, revealed};
use crate::core::Instant;
use crate::core::database::{POSTGRES, Tls};
use crate::core::value::Name;
use crate::source::mapping::Mapping;
use crate::source::packed::Packed;
use crate::source::statement::{Dialect, Query};
use crate::source::table::{Cell, Table as _};
use crate::source::{Fetched, PollError, Source};

/// A database, a query and its mapping.
#[derive(Debug, Clone)]
pub struct PostgresSource {
    server: Server<PgConnectOptions>,
    query: Query,
    mapping: Arc<Mapping>,
    /// The server's processes that answer now.
    answering: Answering<i32>,
}

impl PostgresSource {
    /// The query of `config`; `base` is the folder at which relative paths start. The error says which key is wrong.
    pub fn new(
        config: &SqlConfig,
        password: Option<&SecretString>,
        base: &Path,
        mapping: Arc<Mapping>,
    ) -> Result<Self, String> {
        let query = Query::new(&config.query, Dialect::Postgres).map_err(|problem| format!("query: {problem}"))?;
        let (place, ca_file) = address(config, POSTGRES, base)?;
        let parsed = PgConnectOptions::from_str(&config.url);
        let parsed = parsed.map_err(|error| format!("url: expected postgres://USER@HOST/DATABASE: {error}"))?;
        let is_socket = parsed.get_socket().is_some() || parsed.get_host().starts_with('/');
        let mode = match config.tls {
            Tls::Verify if !is_socket => PgSslMode::VerifyFull,
            Tls::EncryptOnly if !is_socket => PgSslMode::Require,
            _ => PgSslMode::Disable,
        };
        // `extra_float_digits` is one of the things that poolers refuse when they are said at the door.
        let options = parsed.ssl_mode(mode).application_name("duban").extra_float_digits(None);
        let options = options.statement_cache_capacity(0).disable_statement_logging();
        let options = revealed(password).into_iter().fold(options, PgConnectOptions::password);
        let options = ca_file.into_iter().fold(options, PgConnectOptions::ssl_root_cert);
        Ok(Self {
            server: Server { options, place, timeout: config.timeout },
            query,
            mapping,
            answering: Answering::default(),
        })
    }

    async fn ask(&self, query: &str) -> Result<Packed, PollError> {
        let opened = self.server.within(GRACE, self.open()).await;
        let (mut connection, backend) = opened.unwrap_or_else(|| {
            Err(self.server.unreadable(format!("no answer within {} s", (self.server.timeout + GRACE).as_secs())))
        })?;
        self.answering.begin(backend);
        let answer = self.server.within(GRACE, self.answer(query, &mut connection)).await;
        self.answering.end(&backend);
        let Some(answer) = answer else {
            drop(connection);
            let _ = tokio::time::timeout(FAREWELL, self.end(backend)).await;
            return Err(self.server.late());
        };
        let _ = tokio::time::timeout(FAREWELL, async {
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut connection).await;
            let _ = connection.close().await;
        })
        .await;
        answer
    }

    /// Opens a transaction that only reads, and says which of the server's processes keeps it.
    async fn open(&self) -> Result<(PgConnection, i32), PollError> {
        let trouble = |error: sqlx::Error| self.trouble(&error, Stage::Opening, None);
        let mut connection = self.server.options.connect().await.map_err(trouble)?;
        let zone = self.mapping.zone().map_or("UTC", |zone| zone.name());
        let begin = format!(
            "BEGIN TRANSACTION READ ONLY;
             DEALLOCATE ALL;
             SET LOCAL statement_timeout = {};
             SET LOCAL TimeZone = '{zone}';
             SET LOCAL extra_float_digits = 1;
             SET LOCAL standard_conforming_strings = on;
             SET LOCAL bytea_output = 'hex'",
            self.server.timeout.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(trouble)?;
        let backend =
            sqlx::query_scalar(WATCHED).persistent(false).fetch_one(&mut connection).await.map_err(trouble)?;
        Ok((connection, backend))
    }

    async fn answer(&self, query: &str, connection: &mut PgConnection) -> Result<Packed, PollError> {
        let plain = |error: sqlx::Error| self.trouble(&error, Stage::Asking, Some(0));
        let prepared = connection.prepare(AssertSqlSafe(query.to_owned()).into_sql_str()).await.map_err(plain)?;
        let (mut names, mut shapes) = (Vec::<Name>::new(), Vec::new());
        for column in prepared.columns() {
            names.push(column.name().trim().into());
            shapes.push(Shape::of(column.type_info()));
        }
        if names.is_empty() {
            return Err(self.server.refused("expected a query that answers with columns, got one without any"));
        }
        // Behind a pooler, a named statement would stay for the next one.
        sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *connection).await.map_err(plain)?;
        let (before, asked) = wrapped(query, &shapes);
        let wrapped = |error: sqlx::Error| self.trouble(&error, Stage::Asking, Some(before));
        let mut answer = Packed::new(self.name(), names);
        let mut rows = connection.fetch(sqlx::query(AssertSqlSafe(asked)).persistent(false));
        while let Some(row) = rows.try_next().await.map_err(wrapped)? {
            self.add(&mut answer, &row, &shapes).map_err(|problem| self.server.too_large(problem))?;
        }
        Ok(answer)
    }

    fn add(&self, answer: &mut Packed, row: &PgRow, shapes: &[Shape]) -> Result<(), String> {
        answer.begin(answer.rows() as u64 + 1)?;
        for (column, shape) in shapes.iter().enumerate() {
            let value = row.try_get_raw(column).map_err(|error| error.to_string())?;
            if value.is_null() {
                answer.put(column, &Cell::Null);
                continue;
            }
            match value.as_bytes() {
                Ok(bytes) => answer.put(column, &shape.cell(bytes, &self.mapping)),
                Err(error) => answer.spoil(column, &error.to_string()),
            }
        }
        Ok(())
    }

    /// Ends a process of the server that did not stop by itself.
    async fn end(&self, backend: i32) -> Result<(), sqlx::Error> {
        let mut connection = self.server.options.connect().await?;
        sqlx::query("SELECT pg_terminate_backend($1)").bind(backend).persistent(false).execute(&mut connection).await?;
        connection.close().await
    }

    /// What rows are called: `city: row 3`.
    fn name(&self) -> String {
        self.server.options.get_database().map_or_else(|| self.server.place.clone(), str::to_owned)
    }

    /// An error in words. `before` is how many characters stand before the query in what the server was asked.
    fn trouble(&self, error: &sqlx::Error, stage: Stage, before: Option<usize>) -> PollError {
        match trouble::of(error, stage) {
            Trouble::Late => self.server.late(),
            Trouble::Away(words) => self.server.unreadable(words),
            Trouble::Refused(words) => {
                let place = before.and_then(|before| self.line_and_column(error, before)).unwrap_or_default();
                self.server.refused(format!("{words}{place}"))
            }
        }
    }

    fn line_and_column(&self, error: &sqlx::Error, before: usize) -> Option<String> {
        let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
        let PgErrorPosition::Original(position) = error.position()? else { return None };
        let (line, column) = self.query.line_and_column(position.checked_sub(before)?);
        Some(format!(" (line {line}, column {column} of the query)"))
    }
}

/// Which process this is. Servers that can, see by themselves that nobody waits any more.
const WATCHED: &str = "
    SELECT pg_backend_pid() FROM (
        SELECT count(set_config(name, '1s', true)) FROM pg_catalog.pg_settings
        WHERE name = 'client_connection_check_interval' AND version() LIKE '%linux%') AS _watched";

/// The query inside of the one that writes its columns as text, and how many characters stand before it.
fn wrapped(query: &str, shapes: &[Shape]) -> (usize, String) {
    let names: Vec<String> = (0..shapes.len()).map(|at| format!("c{at}")).collect();
    let columns: Vec<String> = shapes.iter().zip(&names).map(|(shape, name)| shape.expression(name)).collect();
    let head = format!("SELECT {} FROM (\n", columns.join(", "));
    (head.chars().count(), format!("{head}{query}\n) AS _q({})", names.join(", ")))
}

/// How a column comes over the wire and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Int,
    Single,
    Double,
    Money,
    /// An address, which as a text would have its mask.
    Address,
    /// An instant.
    Instant,
    /// Lists and rows.
    Json,
    Bytes,
}

impl Shape {
    fn of(info: &PgTypeInfo) -> Self {
        match info.kind() {
            PgTypeKind::Array(_) | PgTypeKind::Composite(_) => return Self::Json,
            PgTypeKind::Domain(base) => return Self::of(base),
            _ => {}
        }
        match info.name() {
            "INT2" | "INT4" | "INT8" => Self::Int,
            "FLOAT4" => Self::Single,
            "FLOAT8" => Self::Double,
            "MONEY" => Self::Money,
            "INET" => Self::Address,
            "TIMESTAMPTZ" => Self::Instant,
            "RECORD" => Self::Json,
            "BYTEA" => Self::Bytes,
            _ => Self::Text,
        }
    }

    fn expression(self, name: &str) -> String {
        match self {
            Self::Money => format!("{name}::pg_catalog.numeric::pg_catalog.text"),
            Self::Address => format!("pg_catalog.abbrev({name})"),
            Self::Instant => format!("({name} AT TIME ZONE 'UTC')::pg_catalog.text"),
            Self::Json => format!("pg_catalog.to_json({name})::pg_catalog.text"),
            Self::Bytes => format!("{name}::pg_catalog.bytea"),
            _ => format!("{name}::pg_catalog.text"),
        }
    }

    fn cell<'v>(self, bytes: &'v [u8], mapping: &Mapping) -> Cell<'v> {
        let Ok(text) = std::str::from_utf8(bytes) else { return Cell::Bytes };
        let number = match self {
            Self::Bytes if text.contains('\0') => Some(Cell::Bytes),
            Self::Int => text.parse().ok().map(Cell::Int),
            Self::Single => text.parse::<f32>().ok().map(|number| Cell::Text(number.to_string().into())),
            Self::Double => text.parse().ok().map(Cell::Float),
            Self::Instant => clocks::read(text).map(|utc| Cell::Text(clocks::on_the_wall(utc, mapping.zone()).into())),
            _ => None,
        };
        number.unwrap_or(Cell::Text(text.into()))
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn give_up(&self) {
        for backend in self.answering.take() {
            let _ = tokio::time::timeout(FAREWELL, self.end(backend)).await;
        }
    }

    fn asks_since(&self) -> bool {
        self.query.wants_since()
    }

    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError> {
        let answer = self.ask(&self.query.since(self.mapping.naive(since))).await?;
        self.server.mapped(answer, self.mapping.clone()).await
    }
}
