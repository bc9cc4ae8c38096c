//! What `duban contacts` says.

use std::path::Path;

use chrono::NaiveDate;

use super::{Chinese, English, Language};
use crate::core::contact::Contact;

/// Nothing is wrong with the lists.
pub fn fine(language: Language, people: usize, warnings: usize) -> String {
    match (language, warnings) {
        (Chinese, 0) => format!("{people} 位联系人，没有问题"),
        (Chinese, _) => format!("{people} 位联系人，没有错误，另有 {warnings} 条提醒"),
        (English, 0) => format!("contacts: {people}, all is well"),
        (English, _) => format!("contacts: {people}, nothing wrong, warnings: {warnings}"),
    }
}

/// An address that was refused for good.
pub fn refused(language: Language, channel: &str, address: &str, at: &str, reason: &str) -> String {
    match language {
        Chinese => {
            format!(
                "通道 {channel} 的地址 {address} 于 {at} 被拒收（{reason}）：不再发往，改了地址或解除后恢复（duban deliveries addresses --forgive）"
            )
        }
        English => format!(
            "{address} was refused for good by {channel} at {at} ({reason}): it gets nothing until it is changed or \
             forgiven (duban deliveries addresses --forgive)"
        ),
    }
}

/// A list that is not taken.
pub fn refused_import(language: Language, problems: usize) -> String {
    match language {
        Chinese => format!("{problems} 处错误，未导入，原名单不变"),
        English => format!("problems: {problems}; nothing was imported, the list stays as it was"),
    }
}

/// A list without contacts.
pub fn nobody(language: Language) -> &'static str {
    language.pick("名单里没有联系人，未导入", "the list holds no contact; nothing was imported")
}

/// The list that is there does not read.
pub fn unread_before(language: Language) -> &'static str {
    language.pick("原名单有以上错误，无法比较，按全部新增列出", "the list that is there does not read, so all is new")
}

/// A list that stands in a spreadsheet.
pub fn is_spreadsheet(language: Language, path: &Path) -> String {
    let path = path.display();
    match language {
        Chinese => format!("{path}：这是电子表格，请直接在表格里修改，或在 duban.toml 中改用 CSV 文件"),
        English => format!("{path} is a spreadsheet: edit it there, or name a CSV file in duban.toml"),
    }
}

/// The columns of what changes.
pub const fn change_titles(language: Language) -> [&'static str; 6] {
    match language {
        Chinese => ["变化", "编号", "姓名", "列", "原为", "改为"],
        English => ["change", "id", "name", "column", "before", "after"],
    }
}

/// How many contacts are added, changed, removed.
pub fn changes(language: Language, [added, changed, removed]: [usize; 3]) -> String {
    match language {
        Chinese => format!("新增 {added} 位，变更 {changed} 位，移除 {removed} 位"),
        English => format!("added: {added}, changed: {changed}, removed: {removed}"),
    }
}

/// The list is in its place.
pub fn imported(language: Language, path: &Path, backup: Option<&Path>) -> String {
    let path = path.display();
    match (language, backup) {
        (Chinese, None) => format!("已写入 {path}"),
        (Chinese, Some(backup)) => format!("已写入 {path}，原名单保留为 {}", backup.display()),
        (English, None) => format!("{path} is written"),
        (English, Some(backup)) => format!("{path} is written; as it was, it is {}", backup.display()),
    }
}

/// An old list is kept.
pub fn kept(language: Language, backup: &Path) -> String {
    match language {
        Chinese => format!("原文件保留为 {}", backup.display()),
        English => format!("as it was, the file is {}", backup.display()),
    }
}

/// What there is to do next.
pub fn next(language: Language) -> &'static str {
    language.pick(
        "接下来：systemctl reload duban；对尚未发出的消息立即生效",
        "next: systemctl reload duban; it holds for what is not sent yet",
    )
}

/// Why somebody is away, and who wrote it down.
pub fn noted_by(language: Language, reason: &str, by: &str) -> String {
    match (language, reason) {
        (Chinese, "") => format!("{by}登记"),
        (Chinese, _) => format!("{reason}（{by}登记）"),
        (English, "") => format!("noted by {by}"),
        (English, _) => format!("{reason} (noted by {by})"),
    }
}

/// Somebody is away.
pub fn away(language: Language, contact: &Contact, from: NaiveDate, until: NaiveDate) -> String {
    let (id, name) = (&contact.id, &contact.name);
    match language {
        Chinese => format!("已登记：{name}（{id}）{from} 至 {until} 不在岗"),
        English => format!("{name} ({id}) is away from {from} to {until}"),
    }
}

/// Somebody is back.
pub fn back(language: Language, contact: &Contact, day: NaiveDate, count: usize) -> String {
    let (id, name) = (&contact.id, &contact.name);
    match language {
        Chinese => format!("已登记：{name}（{id}）{day} 回岗，改动 {count} 条记录"),
        English => format!("{name} ({id}) is back on {day}; absences changed: {count}"),
    }
}

/// Somebody who comes back was not away.
pub fn not_away(language: Language, contact: &Contact, day: NaiveDate) -> String {
    let (id, name) = (&contact.id, &contact.name);
    match language {
        Chinese => format!("{name}（{id}）在 {day} 及以后没有不在岗的记录"),
        English => format!("nothing says that {name} ({id}) is away on {day} or later"),
    }
}

/// The columns of who is away.
pub const fn away_titles(language: Language) -> [&'static str; 6] {
    match language {
        Chinese => ["编号", "姓名", "起", "止", "由谁接收", "事由"],
        English => ["contact", "name", "from", "until", "read by", "reason"],
    }
}
