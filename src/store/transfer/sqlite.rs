//! A side that is an SQLite file.

use std::fs::File;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row as _};

use super::side::Side;
use super::table::{Cell, Column, Kind, Row, Table, put_head, quoted};
use super::{Result, TransferError};
use crate::core::audit::Head;
use crate::store::sqlite::backup::{self, BackupError, NoStore};
use crate::store::sqlite::opening::{self, Prepared};
use crate::store::sqlite::schema::{self, Found, SCHEMA};

/// At most so many rows go into one statement, and so many values.
const ROWS: usize = 1_000;
const VALUES: usize = 32_000;

pub struct SqliteSide {
    path: PathBuf,
    connection: SqliteConnection,
    /// Held for as long as the transfer goes on.
    _lock: File,
}

impl SqliteSide {
    /// A store that is only read; no daemon has it open.
    pub async fn source(path: &Path) -> Result<Self> {
        backup::check_header(path).map_err(of_file)?;
        let lock = opening::take_lock(path).map_err(of_file)?;
        let place = path.display().to_string();
        let found = opening::look(path).await;
        let found = found.map_err(|error| TransferError::Broken(place.clone(), error.to_string()))?;
        let known = schema::newest(&SCHEMA);
        match found {
            Found::Store(schema) if schema == known => {}
            Found::Store(schema) => return Err(TransferError::OtherSchema { place, schema, known }),
            Found::Nothing => return Err(TransferError::NoStore(place, NoStore::Empty)),
            Found::Foreign => return Err(TransferError::NoStore(place, NoStore::OtherPrograms)),
        }
        let mut side = Self::connect(path, lock).await?;
        side.run("PRAGMA query_only = ON").await?;
        side.run("BEGIN").await?;
        Ok(side)
    }

    /// A store that is written; it is made if there is none.
    pub async fn target(path: &Path) -> Result<Self> {
        drop(opening::take_lock(path).map_err(of_file)?);
        let Prepared { writer, lock, .. } = opening::prepare(path, &SCHEMA).await?;
        writer.close().await;
        let mut side = Self::connect(path, lock).await?;
        side.run("PRAGMA synchronous = FULL").await?;
        side.run("BEGIN IMMEDIATE").await?;
        Ok(side)
    }

    async fn connect(path: &Path, lock: File) -> Result<Self> {
        let connection = backup::connect(path, false).await;
        let connection =
            connection.map_err(|error| TransferError::Broken(path.display().to_string(), error.to_string()))?;
        Ok(Self { path: path.to_owned(), connection, _lock: lock })
    }

    async fn run(&mut self, sql: &'static str) -> Result<()> {
        let done = sqlx::query(sql).execute(&mut self.connection).await;
        self.engine(done).map(drop)
    }

    fn engine<T>(&self, answer: sqlx::Result<T>) -> Result<T> {
        answer.map_err(|error| TransferError::Broken(self.name(), error.to_string()))
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<Column>> {
        let found: Vec<(String, String)> =
            sqlx::query_as("SELECT name, type FROM pragma_table_xinfo($1) WHERE hidden = 0 ORDER BY cid")
                .bind(table)
                .fetch_all(&mut self.connection)
                .await
                .map_err(|error| TransferError::Broken(self.name(), error.to_string()))?;
        let column = |(name, word): (String, String)| match word.as_str() {
            "INTEGER" => Ok(Column { name, kind: Kind::Number }),
            "TEXT" => Ok(Column { name, kind: Kind::Text }),
            _ => Err(TransferError::Unlike(format!("{table}.{name} is {word}"))),
        };
        found.into_iter().map(column).collect()
    }
}

#[async_trait]
impl Side for SqliteSide {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    async fn tables(&mut self) -> Result<Vec<Table>> {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                     AND name <> '_sqlx_migrations'";
        let names: Vec<String> = sqlx::query_scalar(names)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| TransferError::Broken(self.path.display().to_string(), error.to_string()))?;
        let mut tables = Vec::new();
        for name in names {
            let refers_to: Vec<String> = sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_list($1)")
                .bind(&name)
                .fetch_all(&mut self.connection)
                .await
                .map_err(|error| TransferError::Broken(self.path.display().to_string(), error.to_string()))?;
            let columns = self.columns(&name).await?;
            tables.push(Table { name, columns, refers_to: refers_to.into_iter().collect() });
        }
        Ok(tables)
    }

    async fn count(&mut self, table: &Table) -> Result<u64> {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(&table.name)));
        let rows = sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.connection).await;
        Ok(u64::try_from(self.engine(rows)?).unwrap_or_default())
    }

    fn rows<'a>(&'a mut self, table: &'a Table) -> BoxStream<'a, Result<Row>> {
        let place = self.name();
        let sql =
            AssertSqlSafe(format!("SELECT {} FROM {}{}", table.column_list(), quoted(&table.name), table.order()));
        let rows = sqlx::query(sql).fetch(&mut self.connection);
        rows.map(move |row| {
            row.and_then(|row| cells(&row, table))
                .map_err(|error| TransferError::Broken(place.clone(), format!("{}: {error}", table.name)))
        })
        .boxed()
    }

    fn room(&self, table: &Table) -> usize {
        ROWS.min(VALUES / table.columns.len().max(1))
    }

    async fn add(&mut self, table: &Table, rows: Vec<Row>) -> Result<()> {
        let row = format!("({})", vec!["?"; table.columns.len()].join(", "));
        let values = vec![row; rows.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES {values}", quoted(&table.name), table.column_list());
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for cell in rows.into_iter().flatten() {
            insert = match cell {
                Cell::Empty => insert.bind(None::<i64>),
                Cell::Number(number) => insert.bind(number),
                Cell::Text(text) => insert.bind(text),
            };
        }
        let done = insert.execute(&mut self.connection).await;
        done.map(drop).map_err(|error| TransferError::Broken(self.name(), format!("{}: {error}", table.name)))
    }

    async fn put_head(&mut self, head: Head) -> Result<()> {
        let done = sqlx::query(AssertSqlSafe(put_head(head))).execute(&mut self.connection).await;
        self.engine(done).map(drop)
    }

    async fn settle(&mut self, _: &Table) -> Result<()> {
        // A number of its own is one more than the highest.
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        self.run("COMMIT").await?;
        let place = self.name();
        self.connection.close().await.map_err(|error| TransferError::Broken(place, error.to_string()))
    }

    async fn leave(mut self: Box<Self>) {
        let _ = self.run("ROLLBACK").await;
        let _ = self.connection.close().await;
    }
}

fn cells(row: &SqliteRow, table: &Table) -> sqlx::Result<Row> {
    let cell = |(n, column): (usize, &Column)| {
        Ok(match column.kind {
            Kind::Text => row.try_get::<Option<String>, _>(n)?.map_or(Cell::Empty, Cell::Text),
            Kind::Number | Kind::Boolean => row.try_get::<Option<i64>, _>(n)?.map_or(Cell::Empty, Cell::Number),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// What stands in the way of opening a file.
fn of_file(error: BackupError) -> TransferError {
    match error {
        BackupError::InUse(path) => TransferError::InUse(path.display().to_string()),
        BackupError::NoStore(path, why) => TransferError::NoStore(path.display().to_string(), why),
        BackupError::Io(path, error) => TransferError::Broken(path.display().to_string(), error.to_string()),
        BackupError::Store(path, error) => TransferError::Broken(path.display().to_string(), error.to_string()),
        other => TransferError::Broken("sqlite".to_owned(), other.to_string()),
    }
}
