//! What `evaluate` says to people.

use crate::cli::evaluate::Counts;
use crate::core::window::Level;
use crate::tell::language::Language::{self, Chinese, English};

/// Nothing to poll.
pub fn no_sources(language: Language) -> &'static str {
    language.pick("配置中没有数据源（[source.名称]）", "the configuration has no source ([source.NAME])")
}

/// No such source.
pub fn unknown_source(language: Language, wanted: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("--source：没有名为 {wanted:?} 的数据源，已有：{}", known.join("、")),
        English => format!("--source: no source named {wanted:?}; there are {}", known.join(", ")),
    }
}

/// A poll is void.
pub fn void(language: Language, source: &str, why: &str) -> String {
    match language {
        Chinese => format!("数据源 {source}：本次读取作废，未研判：{why}"),
        English => format!("source {source}: the poll is void, nothing of it is judged: {why}"),
    }
}

/// How far a source is.
pub fn progress(language: Language, source: &str, percent: usize) -> String {
    match language {
        Chinese => format!("正在研判 {source}：{percent}%"),
        English => format!("evaluating {source}: {percent} %"),
    }
}

/// What could not be judged, under its error.
pub fn fault(language: Language, rule: &str, first: &str, items: u64) -> String {
    match (language, items) {
        (Chinese, 1) => format!("规则 {rule}：办件 {first} 因此没有研判结果"),
        (Chinese, _) => format!("规则 {rule}：{items} 个办件因此没有研判结果，第一个是 {first}"),
        (English, 1) => format!("rule {rule}: so there is no answer for the item {first}"),
        (English, _) => format!("rule {rule}: so there is no answer for {items} items, the first is {first}"),
    }
}

/// The titles of the columns.
pub fn titles(language: Language) -> [&'static str; 8] {
    match language {
        Chinese => ["牌", "到期", "剩余", "办件", "规则/窗口", "时限", "状态", "标题"],
        English => ["card", "due", "remaining", "item", "rule/window", "limit", "state", "title"],
    }
}

/// A card.
pub fn level(language: Language, level: Option<Level>) -> &'static str {
    match level {
        None => "",
        Some(Level::Yellow) => language.pick("黄", "yellow"),
        Some(Level::Red) => language.pick("红", "red"),
    }
}

/// Where a clock stands.
pub fn state(language: Language, state: &str) -> &str {
    let chinese = match state {
        "not_started" => "未开始",
        "running" => "计时中",
        "paused" => "停表",
        "met" => "按时",
        "late" => "超时办结",
        "found" => "研判",
        other => other,
    };
    let english = match state {
        "not_started" => "not started",
        other => other,
    };
    language.pick(chinese, english)
}

/// How many there are of each kind.
pub fn counts(language: Language, counts: Counts) -> String {
    let Counts { lines, red, yellow, stopped } = counts;
    match language {
        Chinese => format!("共 {lines} 个时限和研判：红牌 {red}，黄牌 {yellow}，已办结 {stopped}"),
        English => format!("{lines} windows and findings: {red} red, {yellow} yellow, {stopped} stopped"),
    }
}

/// How much the table leaves out.
pub fn left_out(language: Language, lines: u64) -> String {
    match language {
        Chinese => format!("另有 {lines} 行未列出；--format csv 给出全部"),
        English => format!("{lines} more lines are left out; --format csv has all"),
    }
}
