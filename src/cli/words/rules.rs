//! The sentences of `duban rules`.

use std::path::Path;

use super::{Chinese, English, Language};
use crate::cli::rules::Need;

/// Between the parts of a list.
pub const fn comma(language: Language) -> &'static str {
    language.pick("、", ", ")
}

/// An empty list.
pub const fn none(language: Language) -> &'static str {
    language.pick("无", "none")
}

/// There is no such rule.
pub fn unknown(language: Language, name: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("NAME：没有名为 {name:?} 的规则，已有：{}", known.join("、")),
        English => format!("NAME: no rule named {name:?}; there are {}", known.join(", ")),
    }
}

/// The columns of the list.
pub const fn list_titles(language: Language) -> [&'static str; 5] {
    match language {
        Chinese => ["名称", "标题", "启用", "生效", "字段"],
        English => ["name", "title", "enabled", "effective", "fields"],
    }
}

/// Whether a rule runs.
pub const fn is_enabled(language: Language, is_enabled: bool) -> &'static str {
    if is_enabled { language.pick("已启用", "enabled") } else { language.pick("未启用", "not enabled") }
}

/// How the fields of a rule are.
pub fn fields(language: Language, missing: &[String], problem: Option<&str>) -> String {
    if let Some(problem) = problem {
        let first = problem.lines().next().unwrap_or_default();
        return format!("{}{first}", language.pick("规则有误：", "the rule is wrong: "));
    }
    match (language, missing) {
        (_, []) => language.pick("齐全", "fine").to_owned(),
        (Chinese, _) => format!("缺 {}", missing.join("、")),
        (English, _) => format!("missing {}", missing.join(", ")),
    }
}

/// What stands before each fact of a rule.
pub const fn show_titles(language: Language) -> [&'static str; 14] {
    match language {
        Chinese => [
            "名称",
            "标题",
            "依据",
            "机制",
            "窗口和研判",
            "生效",
            "启用",
            "办件种类",
            "读取字段",
            "字段",
            "参数",
            "表",
            "版本",
            "文件",
        ],
        English => [
            "name",
            "title",
            "basis",
            "mechanisms",
            "windows and findings",
            "effective",
            "enabled",
            "kinds of items",
            "reads",
            "fields",
            "parameters",
            "tables",
            "version",
            "file",
        ],
    }
}

/// It runs already.
pub fn is_on(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("规则 {name} 已经启用"),
        English => format!("rule {name} is enabled already"),
    }
}

/// It does not run.
pub fn is_off(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("规则 {name} 并未启用"),
        English => format!("rule {name} is not enabled"),
    }
}

/// For which items a rule is, and which sources give them.
pub fn kinds(language: Language, kinds: &str, sources: &str) -> String {
    match language {
        Chinese => format!("办件种类：{kinds}；数据源：{sources}"),
        English => format!("kinds of items: {kinds}; sources: {sources}"),
    }
}

/// The columns of what a rule needs.
pub const fn need_titles(language: Language) -> [&'static str; 3] {
    match language {
        Chinese => ["字段", "数据源", "说明"],
        English => ["field", "sources", "note"],
    }
}

/// What there is to say of a field.
pub fn note(language: Language, need: &Need) -> String {
    let ledgers = || need.ledgers.join(comma(language));
    if need.is_missing() {
        return match (language, need.ledgers.is_empty()) {
            (_, true) => language.pick("缺：没有数据源提供", "missing: no source fills it").to_owned(),
            (Chinese, false) => format!("缺：可用台账 {}", ledgers()),
            (English, false) => format!("missing: the ledger {} would fill it", ledgers()),
        };
    }
    if need.by.is_empty() {
        return language.pick("未映射，始终无值", "not mapped: it never has a value").to_owned();
    }
    match (language, &need.not_by[..]) {
        (_, []) => String::new(),
        (Chinese, not_by) => format!("{} 未映射，其办件将报错", not_by.join("、")),
        (English, not_by) => format!("{} does not map it: its items would fail", not_by.join(", ")),
    }
}

/// The parameters that a rule reads.
pub fn params(language: Language, names: &str) -> String {
    format!("{}{names}", language.pick("参数：", "parameters: "))
}

/// The tables that a rule reads.
pub fn tables(language: Language, names: &str) -> String {
    format!("{}{names}", language.pick("表：", "tables: "))
}

/// What has to be mapped first.
pub fn lacks(language: Language, name: &str, fields: &str, kinds: &str, has_no_source: bool) -> String {
    match (language, has_no_source) {
        (Chinese, true) => format!("规则 {name}：没有数据源提供 {kinds} 种类的办件，需映射字段 {fields}"),
        (Chinese, false) => format!("规则 {name}：{kinds} 种类的数据源都没有映射字段 {fields}"),
        (English, true) => format!("rule {name}: no source gives items of kind {kinds}; map the fields {fields}"),
        (English, false) => format!("rule {name}: no source of kind {kinds} maps the fields {fields}"),
    }
}

/// Which ledgers would fill them.
pub fn ledgers(language: Language, names: &str) -> String {
    match language {
        Chinese => format!("可用台账：{names}（ledgers 文件夹）；把其中的映射放入 duban.toml"),
        English => {
            format!("these ledgers would fill them: {names} (in the folder ledgers); put their mapping into duban.toml")
        }
    }
}

/// No ledger would.
pub const fn no_ledger(language: Language) -> &'static str {
    language.pick(
        "没有现成台账提供这些字段；用 duban source guess 推测映射",
        "no shipped ledger fills them; draft a mapping with `duban source guess`",
    )
}

/// It is not enabled for want of fields.
pub const fn refused(language: Language) -> &'static str {
    language.pick("未启用，配置没有改动", "not enabled, the configuration is as it was")
}

/// A source that calls by itself.
pub fn cannot_be_asked(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("数据源 {name} 由对方推送，此处不计其办件"),
        English => format!("source {name} calls by itself: its items are not counted here"),
    }
}

/// Orders stand in no source.
pub const fn orders_uncounted(language: Language) -> &'static str {
    language.pick("督办单不在数据源中，此处不计", "orders stand in no source: they are not counted here")
}

/// Some sources were not read.
pub fn incomplete(language: Language, names: &[String]) -> String {
    match language {
        Chinese => format!("以上不含未能读取的数据源：{}", names.join("、")),
        English => format!("this is without the sources that could not be read: {}", names.join(", ")),
    }
}

/// How many items there are for a rule.
pub fn matched(language: Language, items: u64, matched: u64, running: u64) -> String {
    match language {
        Chinese => format!("读取 {items} 件，适用 {matched} 件，其中 {running} 件正在计时"),
        English => format!("{items} items read, {matched} match, {running} of these have a running window"),
    }
}

/// How many cards there would be.
pub fn cards(language: Language, [red, yellow]: [u64; 2]) -> String {
    match language {
        Chinese => format!("现在会亮：红牌 {red}，黄牌 {yellow}"),
        English => format!("cards now: {red} red, {yellow} yellow"),
    }
}

/// Cards of items without a unit.
pub const fn no_unit(language: Language) -> &'static str {
    language.pick("（无责任单位）", "(no unit)")
}

/// The columns of the cards by unit.
pub const fn unit_titles(language: Language) -> [&'static str; 3] {
    match language {
        Chinese => ["责任单位", "红牌", "黄牌"],
        English => ["unit", "red", "yellow"],
    }
}

/// The columns of the cards.
pub const fn card_titles(language: Language) -> [&'static str; 6] {
    match language {
        Chinese => ["牌", "办件", "责任单位", "标题", "规则/窗口", "理由"],
        English => ["card", "item", "unit", "title", "rule/window", "reason"],
    }
}

/// From when a clock runs.
pub fn since(language: Language, from: &str) -> String {
    match language {
        Chinese => format!("自 {from}"),
        English => format!("from {from}"),
    }
}

/// When it falls due.
pub fn due(language: Language, due: &str) -> String {
    match language {
        Chinese => format!("{due} 到期"),
        English => format!("due {due}"),
    }
}

/// The list cannot be written.
pub fn no_place(language: Language, file: &str, names: &[String]) -> String {
    let list = toml::Value::from(names.to_vec());
    match language {
        Chinese => format!("{file}：无法就地改写，请自行写入 [rules] enabled = {list}"),
        English => format!("{file}: it cannot be changed in place; write [rules] enabled = {list} yourself"),
    }
}

/// Nothing was asked.
pub fn only_shown(language: Language, file: &str) -> String {
    match language {
        Chinese => format!("仅供查看，{file} 没有改动"),
        English => format!("only shown, {file} is as it was"),
    }
}

/// On a terminal.
pub fn question(language: Language, file: &str) -> String {
    match language {
        Chinese => format!("写入 {file}？[y/N] "),
        English => format!("write it into {file}? [y/N] "),
    }
}

/// It was not written yet.
pub const fn say_yes(language: Language) -> &'static str {
    language.pick("尚未写入；确认请加 --yes", "nothing is written yet; to write it, add --yes")
}

/// It is written.
pub fn written(language: Language, file: &str, backup: Option<&Path>) -> String {
    let backup = backup.map(|backup| backup.file_name().unwrap_or_default().to_string_lossy().into_owned());
    match (language, backup) {
        (Chinese, None) => format!("已写入 {file}"),
        (Chinese, Some(backup)) => format!("已写入 {file}，原文件存为 {backup}"),
        (English, None) => format!("{file} is written"),
        (English, Some(backup)) => format!("{file} is written, the old one is kept as {backup}"),
    }
}

/// What is written would not load; these rules are why, if it is rules.
pub fn would_not_load(language: Language, names: &[&str]) -> String {
    let refused = refused(language);
    match (language, names) {
        (_, []) => refused.to_owned(),
        (Chinese, _) => format!("{refused}；有误的规则若不需要，可先停用：duban rules disable {}", names.join(" ")),
        (English, _) => {
            format!("{refused}; if the rules that are wrong are not needed: duban rules disable {}", names.join(" "))
        }
    }
}

/// It does not load as it is, nor afterwards.
pub fn still_wrong(language: Language, names: &[&str]) -> String {
    match (language, names) {
        (_, []) => language.pick("这份配置本来就无法加载", "this configuration does not load anyway").to_owned(),
        (Chinese, _) => format!("这份配置本来就无法加载，其余有误的规则：{}", names.join("、")),
        (English, _) => {
            format!("this configuration does not load anyway; the other rules that are wrong: {}", names.join(", "))
        }
    }
}

/// The change stands in its file, but not in the audit trail.
pub fn not_entered(language: Language, why: &str) -> String {
    match language {
        Chinese => format!("未记入审计：{why}"),
        English => format!("not entered into the audit trail: {why}"),
    }
}

/// There is no audit trail.
pub const fn no_trail(language: Language) -> &'static str {
    language.pick("还没有存储", "there is no store yet")
}

/// How it comes into force.
pub const fn next(language: Language) -> &'static str {
    language.pick(
        "接下来：duban check，然后 systemctl reload duban；在此之前照旧运行",
        "next: duban check, then systemctl reload duban; until then everything runs as it did",
    )
}

/// What becomes of the cards of rules that run no more.
pub fn would_withdraw(language: Language, names: &[String]) -> String {
    match language {
        Chinese => format!("重新加载后，规则 {} 的未结红黄牌将撤回", names.join("、")),
        English => format!("with the next reload the open cards of {} are withdrawn", names.join(", ")),
    }
}

/// Not a name.
pub fn no_name(language: Language, argument: &str, name: &str) -> String {
    match language {
        Chinese => format!("{argument}：应为小写字母、数字、- 和 _ 组成的名称，实为 {name:?}"),
        English => format!("{argument}: expected a name of small letters, digits, - and _, got {name:?}"),
    }
}

/// It will not be overwritten.
pub fn is_there(language: Language, path: &Path) -> String {
    match language {
        Chinese => format!("{} 已存在，未作改动", path.display()),
        English => format!("{} is there already, nothing is written", path.display()),
    }
}

/// What to do with the draft.
pub fn drafted(language: Language, name: &str, folder: &Path) -> String {
    let folder = folder.display();
    match language {
        Chinese => format!("已写好；接下来修改规则和用例，duban test {folder}，再 duban rules enable {name}"),
        English => {
            format!("next: change the rule and its test, `duban test {folder}`, then `duban rules enable {name}`")
        }
    }
}

/// The columns of the versions.
pub const fn log_titles(language: Language) -> [&'static str; 5] {
    match language {
        Chinese => ["规则", "版本", "生效于", "由谁", ""],
        English => ["rule", "version", "in force from", "by", ""],
    }
}

/// The version of the file.
pub const fn is_file(language: Language) -> &'static str {
    language.pick("现文件", "the file")
}

/// Nothing has run yet.
pub const fn no_store(language: Language) -> &'static str {
    language.pick("还没有存储：没有规则生效过", "there is no store yet: no rule was ever in force")
}

/// The rule was never in force.
pub fn no_versions(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("规则 {name} 没有生效过的版本"),
        English => format!("no version of the rule {name} was ever in force"),
    }
}

/// Not exactly one version.
pub fn no_version(language: Language, name: &str, version: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("VERSION：规则 {name} 没有唯一以 {version:?} 开头的版本，已有：{}", known.join("、")),
        English => {
            format!("VERSION: no single version of {name} begins with {version:?}; there are {}", known.join(", "))
        }
    }
}

/// Two texts are alike.
pub fn same_text(language: Language, one: &str, other: &str) -> String {
    match language {
        Chinese => format!("{one} 与 {other} 文字相同"),
        English => format!("{one} and {other} are the same text"),
    }
}

/// What a rollback leaves.
pub const fn params_stay(language: Language) -> &'static str {
    language.pick("参数和表不随之改动", "parameters and tables stay as they are")
}
