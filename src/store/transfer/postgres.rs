//! A side that is a PostgreSQL database.
//!
//! **Invariant:** all statements are unnamed and inside one transaction, so that a transaction pooler may stand between.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _};

use super::side::Side;
use super::table::{Cell, Column, Kind, Row, Table, put_head, quoted};
use super::{Result, TransferError};
use crate::core::audit::Head;
use crate::store::postgres::{self, PostgresConfig, PostgresStore, PostgresTls};
use crate::store::sqlite::backup::NoStore;

/// At most so many rows go into one statement.
const ROWS: usize = 1_000;

/// How a daemon's connections are named on the server.
const DAEMON: &str = "duban";

/// Which PostgreSQL database, and how it is reached.
#[derive(Debug, Clone)]
pub struct Server {
    /// The database and how its server is trusted.
    pub config: PostgresConfig,
    /// The password of its user; without one, what PostgreSQL's own programs take counts: `PGPASSWORD`, `~/.pgpass`.
    pub password: Option<SecretString>,
}

impl Server {
    /// A database named by a URL as PostgreSQL's own programs know it. How its server is trusted may stand in it, as
    /// `sslmode` (`verify-full`, which is the default, `require`, `disable`) and `sslrootcert`.
    pub fn at(url: &str) -> std::result::Result<Self, String> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut config = PostgresConfig::at(place);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "verify-full")) => config.tls = PostgresTls::Verify,
                Some(("sslmode", "require")) => config.tls = PostgresTls::EncryptOnly,
                Some(("sslmode", "disable")) => config.tls = PostgresTls::Off,
                Some(("sslmode", mode)) => {
                    return Err(format!("sslmode: expected verify-full, require or disable, got {mode:?}"));
                }
                Some(("sslrootcert", file)) => config.ca_file = Some(file.into()),
                _ => rest.push(pair),
            }
        }
        if !rest.is_empty() {
            config.url = format!("{place}?{}", rest.join("&"));
        }
        match config.options(None) {
            Ok(_) => Ok(Self { config, password: None }),
            Err(problem) => Err(problem),
        }
    }

    fn options(&self) -> Result<PgConnectOptions> {
        let options = self.config.options(self.password.as_ref());
        let options = options.map_err(|problem| TransferError::Broken(self.config.place(), problem))?;
        Ok(options.application_name("duban migrate"))
    }
}

pub struct PostgresSide {
    place: String,
    connection: PgConnection,
}

impl PostgresSide {
    /// A store that is only read; no daemon has it open.
    pub async fn source(server: &Server) -> Result<Self> {
        let mut side = Self::connect(server).await?;
        side.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off").await?;
        side.check_alone().await?;
        let known = postgres::known_schema();
        match side.schema().await? {
            Some(schema) if schema == known => Ok(side),
            Some(schema) => Err(TransferError::OtherSchema { place: side.place, schema, known }),
            None => Err(TransferError::NoStore(side.place, NoStore::Empty)),
        }
    }

    /// A store that is written; its tables are made if there are none.
    pub async fn target(server: &Server) -> Result<Self> {
        let mut side = Self::connect(server).await?;
        side.run("BEGIN").await?;
        side.check_alone().await?;
        side.run("COMMIT").await?;
        PostgresStore::migrate(&server.config, server.password.as_ref()).await?;
        side.run("BEGIN; SET LOCAL jit = off; SET LOCAL synchronous_commit = on").await?;
        side.keep_others_out().await?;
        Ok(side)
    }

    async fn connect(server: &Server) -> Result<Self> {
        let place = server.config.place();
        let connection = server.options()?.connect().await;
        let connection = connection.map_err(|error| TransferError::Broken(place.clone(), error.to_string()))?;
        Ok(Self { place, connection })
    }

    /// Runs statements without parameters.
    async fn run(&mut self, sql: impl Into<String>) -> Result<()> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut self.connection).await;
        done.map(drop).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &sqlx::Error) -> TransferError {
        TransferError::Broken(self.place.clone(), error.to_string())
    }

    /// Whose schema is there.
    async fn schema(&mut self) -> Result<Option<i64>> {
        let is_there = "SELECT EXISTS (SELECT FROM information_schema.tables
                        WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations')";
        let is_there = sqlx::query_scalar::<_, bool>(is_there).persistent(false).fetch_one(&mut self.connection).await;
        if !is_there.map_err(|error| self.broken(&error))? {
            return Ok(None);
        }
        let newest = "SELECT max(version) FROM _sqlx_migrations WHERE success
                      AND EXISTS (SELECT FROM _sqlx_migrations WHERE version = 1 AND description = 'memory')";
        let newest =
            sqlx::query_scalar::<_, Option<i64>>(newest).persistent(false).fetch_one(&mut self.connection).await;
        newest.map_err(|error| self.broken(&error))
    }

    /// Nobody else writes while the transfer goes on.
    async fn keep_others_out(&mut self) -> Result<()> {
        let tables = self.tables().await?;
        let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
        self.run(format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "))).await
    }

    async fn columns(&mut self) -> Result<Vec<(String, String, String)>> {
        let columns = "SELECT c.table_name::text, c.column_name::text, c.data_type::text
                       FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
                       WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
                         AND c.is_generated = 'NEVER' AND c.table_name <> '_sqlx_migrations'
                       ORDER BY c.table_name, c.ordinal_position";
        let columns = sqlx::query_as(columns).persistent(false).fetch_all(&mut self.connection).await;
        columns.map_err(|error| self.broken(&error))
    }

    async fn references(&mut self) -> Result<Vec<(String, String)>> {
        let references = "SELECT child.relname::text, parent.relname::text FROM pg_constraint
                          JOIN pg_class child ON child.oid = conrelid JOIN pg_class parent ON parent.oid = confrelid
                          WHERE contype = 'f' AND connamespace = current_schema()::regnamespace";
        let references = sqlx::query_as(references).persistent(false).fetch_all(&mut self.connection).await;
        references.map_err(|error| self.broken(&error))
    }
}

#[async_trait]
impl Side for PostgresSide {
    fn name(&self) -> String {
        self.place.clone()
    }

    /// A daemon's connections are seen on the server.
    async fn check_alone(&mut self) -> Result<()> {
        // What was seen before in this transaction would be seen again.
        self.run("SELECT pg_stat_clear_snapshot()").await?;
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name = $1";
        let others = sqlx::query_scalar::<_, i64>(others).bind(DAEMON).persistent(false);
        match others.fetch_one(&mut self.connection).await {
            Ok(0) => Ok(()),
            Ok(_) => Err(TransferError::InUse(self.place.clone())),
            Err(error) => Err(self.broken(&error)),
        }
    }

    async fn tables(&mut self) -> Result<Vec<Table>> {
        let mut tables: Vec<Table> = Vec::new();
        for (table, name, word) in self.columns().await? {
            let kind = match word.as_str() {
                "bigint" => Kind::Number,
                "text" => Kind::Text,
                "boolean" => Kind::Boolean,
                _ => return Err(TransferError::Unlike(format!("{table}.{name} is {word}"))),
            };
            let column = Column { name, kind };
            match tables.last_mut() {
                Some(last) if last.name == table => last.columns.push(column),
                _ => tables.push(Table { name: table, columns: vec![column], refers_to: [].into() }),
            }
        }
        for (child, parent) in self.references().await? {
            if let Some(table) = tables.iter_mut().find(|table| table.name == child) {
                table.refers_to.insert(parent);
            }
        }
        Ok(tables)
    }

    async fn count(&mut self, table: &Table) -> Result<u64> {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(&table.name)));
        let rows = sqlx::query_scalar::<_, i64>(sql).persistent(false).fetch_one(&mut self.connection).await;
        rows.map(|rows| u64::try_from(rows).unwrap_or_default()).map_err(|error| self.broken(&error))
    }

    fn rows<'a>(&'a mut self, table: &'a Table) -> BoxStream<'a, Result<Row>> {
        let place = self.place.clone();
        let columns = table.columns.iter().map(|column| match column.kind {
            Kind::Boolean => format!("{}::int::bigint", quoted(&column.name)),
            Kind::Number | Kind::Text => quoted(&column.name),
        });
        let columns: Vec<String> = columns.collect();
        let sql = AssertSqlSafe(format!("SELECT {} FROM {}{}", columns.join(", "), quoted(&table.name), table.order()));
        let rows = sqlx::query(sql).persistent(false).fetch(&mut self.connection);
        rows.map(move |row| {
            row.and_then(|row| cells(&row, table))
                .map_err(|error| TransferError::Broken(place.clone(), format!("{}: {error}", table.name)))
        })
        .boxed()
    }

    fn room(&self, _: &Table) -> usize {
        ROWS
    }

    async fn add(&mut self, table: &Table, rows: Vec<Row>) -> Result<()> {
        let mut columns: Vec<Vec<Cell>> = vec![Vec::with_capacity(rows.len()); table.columns.len()];
        for row in rows {
            columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
        }
        let sql = AssertSqlSafe(insert(table));
        let mut insert = sqlx::query(sql).persistent(false);
        for (cells, column) in columns.into_iter().zip(&table.columns) {
            insert = match column.kind {
                Kind::Text => insert.bind(cells.into_iter().map(text).collect::<Vec<_>>()),
                Kind::Number | Kind::Boolean => insert.bind(cells.iter().map(number).collect::<Vec<_>>()),
            };
        }
        let done = insert.execute(&mut self.connection).await;
        done.map(drop).map_err(|error| TransferError::Broken(self.name(), format!("{}: {error}", table.name)))
    }

    async fn put_head(&mut self, head: Head) -> Result<()> {
        self.run(put_head(head)).await
    }

    async fn settle(&mut self, table: &Table) -> Result<()> {
        let name = quoted(&table.name);
        for column in table.columns.iter().filter(|column| column.kind == Kind::Number) {
            // Only a column that numbers itself has a sequence; for the others this does nothing.
            let sql = format!(
                "SELECT setval(sequence, highest) FROM
                 (SELECT pg_get_serial_sequence($1, $2) AS sequence, (SELECT max({}) FROM {name}) AS highest) s
                 WHERE sequence IS NOT NULL AND highest IS NOT NULL",
                quoted(&column.name)
            );
            let done = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(&name).bind(&column.name);
            done.execute(&mut self.connection).await.map_err(|error| self.broken(&error))?;
        }
        // The planner knows the rows from the first minute on.
        self.run(format!("ANALYZE {name}")).await
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        self.run("COMMIT").await?;
        let _ = self.connection.close().await;
        Ok(())
    }

    async fn leave(mut self: Box<Self>) {
        let _ = self.run("ROLLBACK").await;
        let _ = self.connection.close().await;
    }
}

/// Adds rows that come as an array a column.
fn insert(table: &Table) -> String {
    let parts = table.columns.iter().enumerate().map(|(n, column)| {
        let (n, word) = (n + 1, if column.kind == Kind::Text { "text" } else { "bigint" });
        let value = if column.kind == Kind::Boolean { format!("c{n} = 1") } else { format!("c{n}") };
        (value, format!("${n}::{word}[]"), format!("c{n}"))
    });
    let (mut values, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (value, array, name) in parts {
        values.push(value);
        arrays.push(array);
        names.push(name);
    }
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM UNNEST({}) AS r ({})",
        quoted(&table.name),
        table.column_list(),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Empty | Cell::Number(_) => None,
    }
}

fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Number(number) => Some(*number),
        Cell::Empty | Cell::Text(_) => None,
    }
}

fn cells(row: &PgRow, table: &Table) -> sqlx::Result<Row> {
    let cell = |(n, column): (usize, &Column)| {
        Ok(match column.kind {
            Kind::Text => row.try_get::<Option<String>, _>(n)?.map_or(Cell::Empty, Cell::Text),
            Kind::Number | Kind::Boolean => row.try_get::<Option<i64>, _>(n)?.map_or(Cell::Empty, Cell::Number),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}
