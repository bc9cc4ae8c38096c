//! The table of another system: tasks from superiors, as many as asked for.

use duban::core::Instant;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::support::patience::now;
use crate::support::postgres::block_on;
use crate::support::site::Site;

const HEAD: &str = r#"
calendar = "always.toml"
language = "en"
[rules]
enabled = ["137"]
[channels.mail.folder]
path = "mail"
[source.tasks]
every = "1s"
kind = "task"
id = "编号"
timezone = "Asia/Shanghai"
[source.tasks.fields]
title = "事项"
level = { column = "层级", values = { "上级" = "superior" } }
unit = "责任单位"
owner = "责任人"
received_at = "接收时间"
arranged_at = "研究安排"
feedback_at = "反馈时间"
progress_at = "报告时间"
"#;

const COLUMNS: [&str; 9] =
    ["编号", "事项", "层级", "责任单位", "责任人", "接收时间", "研究安排", "反馈时间", "报告时间"];

/// The table in its database, and as a file if the daemon reads that.
pub struct Table<'a> {
    site: &'a Site,
    is_csv: bool,
}

impl<'a> Table<'a> {
    /// Makes the table and the daemon's configuration. Its items are open and in time, or done.
    pub fn new(site: &'a Site, count: usize, is_csv: bool, is_done: bool) -> Self {
        let place = if is_csv {
            "[source.tasks.csv]\npath = \"tasks.csv\"\n".to_owned()
        } else {
            let query = format!("SELECT {} FROM tasks ORDER BY 编号", COLUMNS.join(", "));
            format!("[source.tasks.sqlite]\npath = \"tasks.db\"\nquery = \"{query}\"\ntimeout = \"5m\"\n")
        };
        site.put("rules/137.rhai", include_str!("../../rules/137.rhai"));
        site.put("duban.toml", &format!("{HEAD}{place}"));
        let table = Self { site, is_csv };
        table.run(&creation(count, is_done, now()));
        table.write();
        table
    }

    /// Changes the titles of so many rows, all over the table.
    pub fn change(&self, count: usize) {
        let every = format!("(SELECT max(1, count(*) / {count}) FROM tasks)");
        let which = format!("rowid % {every} = 0 AND rowid / {every} BETWEEN 1 AND {count}");
        self.run(&format!("UPDATE tasks SET 事项 = 事项 || '(催办)' WHERE {which}"));
        self.write();
    }

    fn run(&self, sql: &str) {
        block_on(async {
            let mut connection = self.connection().await;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the table");
            connection.close().await.expect("closed");
        });
    }

    async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.site.path("tasks.db")).create_if_missing(true);
        options.journal_mode(SqliteJournalMode::Wal).connect().await.expect("a database")
    }

    /// Writes the file, if that is what is read, in one step.
    fn write(&self) {
        if !self.is_csv {
            return;
        }
        let cells: Vec<String> = COLUMNS.iter().map(|column| format!("coalesce({column}, '')")).collect();
        let lines = format!("SELECT {} FROM tasks ORDER BY 编号", cells.join(" || ',' || "));
        let lines: Vec<String> = block_on(async {
            let mut connection = self.connection().await;
            sqlx::query_scalar(AssertSqlSafe(lines)).fetch_all(&mut connection).await.expect("rows")
        });
        self.site.put("tasks.csv", &format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n")));
    }
}

/// A table of so many tasks that were received in the last hours.
fn creation(count: usize, is_done: bool, now: Instant) -> String {
    let now = now.timestamp();
    let clock = |ago: &str| format!("strftime('%Y-%m-%d %H:%M:%S', {now} - {ago}, 'unixepoch', '+8 hours')");
    let received = clock("3600 - n % 7200");
    let done = if is_done { clock("n % 3600") } else { "NULL".to_owned() };
    format!(
        "CREATE TABLE tasks ({}, PRIMARY KEY (编号));
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO tasks SELECT
             printf('T2026%08d', n), printf('关于落实第%d号会议纪要有关老旧小区改造事项的督办通知', n), '上级',
             printf('第%d街道办事处', n % 137), printf('h%d', n % 2), {received}, {done}, {done}, {done}
         FROM numbers",
        COLUMNS.join(", ")
    )
}
