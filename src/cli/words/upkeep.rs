//! The sentences of `duban backup`, `duban restore` and `duban migrate`.

use std::path::Path;

use super::{Chinese, English, Language, unreadable};
use crate::store::sqlite::backup::{BackupError, NoStore};
use crate::store::transfer::{Compared, Step, Tally, TransferError};
use crate::store::{StoreError, Updated};

/// The columns of what is in a file.
pub const fn contents_titles(language: Language) -> [&'static str; 6] {
    match language {
        Chinese => ["文件", "字节", "库结构", "办件", "变化", "通知"],
        English => ["file", "bytes", "schema", "items", "transitions", "deliveries"],
    }
}

/// The columns of what was brought up to date.
pub const fn update_titles(language: Language) -> [&'static str; 4] {
    match language {
        Chinese => ["库", "原结构", "现结构", "备份"],
        English => ["store", "from", "to", "backup"],
    }
}

/// The columns of what was copied.
pub const fn transfer_titles(language: Language) -> [&'static str; 3] {
    match language {
        Chinese => ["表", "行数", "校验和"],
        English => ["table", "rows", "checksum"],
    }
}

/// A checksum's digits.
pub fn checksum(tally: Tally) -> String {
    format!("{:032x}", tally.checksum)
}

/// The copy is made.
pub fn backed_up(language: Language, file: &Path) -> String {
    let file = file.display();
    match language {
        Chinese => format!("已备份并核验：{file}；恢复用 duban restore"),
        English => format!("backed up and verified: {file}; `duban restore` puts it back"),
    }
}

/// The copy is in place; `undo` is where the old file lies and the command that goes back to it.
pub fn restored(language: Language, file: &Path, undo: Option<(&Path, String)>) -> String {
    let file = file.display();
    let done = match language {
        Chinese => format!("已恢复：{file}"),
        English => format!("restored from {file}"),
    };
    match (language, undo) {
        (_, None) => done,
        (Chinese, Some((old, command))) => format!("{done}；原来的库保留为 {}，要撤销：{command}", old.display()),
        (English, Some((old, command))) => {
            format!("{done}; what was there is kept as {}, and to undo it: `{command}`", old.display())
        }
    }
}

/// The schema is up to date; `undo` is the command that goes back.
pub fn updated(language: Language, updated: &Updated, undo: Option<&str>) -> String {
    let to = updated.to;
    let done = match (language, updated.from) {
        (Chinese, Some(from)) if from == to => format!("库结构 {to} 已是最新，无须改动"),
        (English, Some(from)) if from == to => format!("schema {to}: already up to date"),
        (Chinese, Some(from)) => format!("库结构已由 {from} 升到 {to}"),
        (English, Some(from)) => format!("schema brought from {from} up to {to}"),
        (Chinese, None) => format!("已新建空库，结构 {to}"),
        (English, None) => format!("a new, empty store of schema {to} is there now"),
    };
    match (language, undo) {
        (_, None) => done,
        (Chinese, Some(command)) => format!("{done}；升级前的备份已留存，换回旧版本程序时用：{command}"),
        (English, Some(command)) => format!("{done}; with the older program, go back by `{command}`"),
    }
}

/// A store of a newer duban; `command` is the way back.
pub fn newer(language: Language, place: &str, schema: i64, known: i64, command: Option<&str>) -> String {
    let what = written_by_newer(language, place, schema, known);
    match (language, command) {
        (Chinese, Some(command)) => format!("{what}；请启动新版本，或退回升级前的备份：{command}"),
        (Chinese, None) => format!("{what}；请启动新版本：旁边没有本程序能用的备份"),
        (English, Some(command)) => format!("{what}; start that one, or go back with `{command}`"),
        (English, None) => format!("{what}; start that one: there is no backup beside it that this one can use"),
    }
}

fn written_by_newer(language: Language, place: &str, schema: i64, known: i64) -> String {
    match language {
        Chinese => format!("{place}：由更新版本的 duban 写成（库结构 {schema}，本程序只认到 {known}）"),
        English => format!("{place}: it was written by a newer duban (schema {schema}, and this one knows {known})"),
    }
}

/// A copy cannot be made or put back.
pub fn copy_failed(language: Language, error: &BackupError) -> String {
    match (language, error) {
        (_, BackupError::Newer { path, schema, known }) => {
            written_by_newer(language, &path.display().to_string(), *schema, *known)
        }
        (_, BackupError::Io(path, error)) => unreadable(language, path, error),
        (English, _) => error.to_string(),
        (Chinese, BackupError::Exists(path)) => format!("{} 已经存在，不会覆盖", path.display()),
        (Chinese, BackupError::NoStore(path, why)) => no_store(&path.display().to_string(), *why),
        (Chinese, BackupError::Damaged(path, text)) => format!("{} 已损坏：{text}", path.display()),
        (Chinese, BackupError::InUse(path)) => in_use(&path.display().to_string()),
        (Chinese, BackupError::Store(path, error)) => format!("{}：{error}", path.display()),
    }
}

fn no_store(place: &str, why: NoStore) -> String {
    match why {
        NoStore::NoFile => format!("{place}：文件不存在"),
        NoStore::NoDatabase => format!("{place} 不是 SQLite 数据库"),
        NoStore::Empty => format!("{place} 里没有 duban 的库表"),
        NoStore::OtherPrograms => format!("{place} 是别的程序的数据库，不是 duban 的库"),
    }
}

fn in_use(place: &str) -> String {
    format!("{place} 正由 duban 使用，请先停止它")
}

/// On PostgreSQL, its own tools make copies.
pub fn use_pg_dump(language: Language, url: &str) -> String {
    let line = format!("pg_dump --format=custom --file=duban.dump --dbname='{url}'");
    match language {
        Chinese => format!("库在 PostgreSQL 上，请用它自己的工具备份：{line}"),
        English => format!("the store is on PostgreSQL, whose own tool makes the copy: {line}"),
    }
}

/// On PostgreSQL, its own tools put copies back.
pub fn use_pg_restore(language: Language, url: &str) -> String {
    let line = format!("pg_restore --clean --if-exists --single-transaction --dbname='{url}' duban.dump");
    match language {
        Chinese => format!("库在 PostgreSQL 上，请先停止 duban，再用它自己的工具恢复：{line}"),
        English => format!("the store is on PostgreSQL: stop duban, then put a copy back with its own tool: {line}"),
    }
}

/// `postgres:` without a configured server.
pub const fn no_postgres(language: Language) -> &'static str {
    language.pick(
        "配置里没有 [store.postgres]，请写出完整地址 postgres://…",
        "the configuration has no [store.postgres]; expected a whole address, postgres://…",
    )
}

/// An address that cannot be read.
pub fn no_url(language: Language, error: &str) -> String {
    match language {
        Chinese => format!("应为 postgres://用户@主机/库名[?sslmode=…]：{error}"),
        English => format!("expected postgres://USER@HOST/DATABASE[?sslmode=…]: {error}"),
    }
}

/// What names no store.
pub fn no_place(language: Language, text: &str) -> String {
    match language {
        Chinese => format!("应为 sqlite:路径 或 postgres://…，实为 {text:?}"),
        English => format!("expected sqlite:PATH or postgres://…, got {text:?}"),
    }
}

/// How far a transfer is.
pub fn progress(language: Language, step: Step<'_>) -> String {
    let what = if step.compares { language.pick("核对", "comparing") } else { language.pick("复制", "copying") };
    format!("{what} {} {}/{}", step.table, step.rows, step.of)
}

/// Everything is copied.
pub fn transferred(language: Language, rows: u64, to: &str) -> String {
    match language {
        Chinese => format!(
            "已复制 {rows} 行，两边逐表核对一致，来源未改动。请把配置的 [store] 指向 {to} 再启动；切勿两边各开一个"
        ),
        English => format!(
            "copied {rows} rows, and both sides agree; the source is as it was. Now let [store] name {to} and start; \
             never run a daemon on each"
        ),
    }
}

/// Nothing is copied.
pub fn transfer_failed(language: Language, error: &TransferError) -> String {
    match (language, error) {
        (
            _,
            TransferError::OtherSchema { place, schema, known }
            | TransferError::Store(StoreError::Newer { place, schema, known, .. }),
        ) if known < schema => written_by_newer(language, place, *schema, *known),
        (English, TransferError::OtherSchema { .. }) => format!("{error}; `duban migrate` brings it up to date"),
        (English, TransferError::Differs(compared)) => format!("{error}; nothing is kept:\n{}", differences(compared)),
        (English, _) => error.to_string(),
        (Chinese, TransferError::Same(place)) => format!("来源和目标是同一个库：{place}"),
        (Chinese, TransferError::InUse(place)) => in_use(place),
        (Chinese, TransferError::NoStore(place, why)) => no_store(place, *why),
        (Chinese, TransferError::OtherSchema { place, schema, known }) => {
            format!("{place}：库结构是 {schema}，本程序的是 {known}；请先用 duban migrate 升级")
        }
        (Chinese, TransferError::NotEmpty { place, table, rows }) => {
            format!("{place} 不是空库：{table} 已有 {rows} 行；未作任何改动")
        }
        (Chinese, TransferError::Unlike(what)) => format!("两边的库结构不同：{what}"),
        (Chinese, TransferError::Differs(compared)) => {
            format!("核对不一致，目标未作任何改动：\n{}", differences(compared))
        }
        (Chinese, TransferError::Store(error)) => error.to_string(),
        (Chinese, TransferError::Broken(place, text)) => format!("{place}：{text}"),
    }
}

/// The tables that are not the same on both sides.
fn differences(compared: &[Compared]) -> String {
    let lines = compared.iter().filter(|one| one.source != one.target).map(|one| {
        let (source, target) = (one.source, one.target);
        let side = |tally: Tally| format!("{} {}", tally.rows, checksum(tally));
        format!("{}: {} ≠ {}", one.table, side(source), side(target))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a store's trouble is; `command` is the way back from a newer one.
pub fn store_failed(language: Language, place: &str, error: &StoreError, command: Option<&str>) -> String {
    match error {
        StoreError::Newer { place, schema, known, .. } => newer(language, place, *schema, *known, command),
        _ => super::about(language, place, &error.to_string()),
    }
}
