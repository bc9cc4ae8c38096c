//! The sentences of `duban source` and `duban ctl status`.

use super::{Chinese, English, Language};
use crate::daemon::poll::health::Health;
use crate::source::guess::Doubt;
use crate::source::terms::Absent;
use crate::tell::time_words;

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 13] {
    match language {
        Chinese => {
            ["名称", "类型", "位置", "状态", "最近可信", "行数", "变化", "拒绝", "缺失", "用时", "滞后", "TLS", "说明"]
        }
        English => [
            "name",
            "kind",
            "place",
            "state",
            "last good",
            "rows",
            "changed",
            "rejected",
            "missing",
            "took",
            "lag",
            "TLS",
            "trouble",
        ],
    }
}

/// How a source is doing.
pub const fn state(language: Language, health: Health, accepted: bool) -> &'static str {
    match (health, accepted) {
        (Health::Unseen, _) => language.pick("尚未读取", "not polled yet"),
        (Health::Good, _) => language.pick("正常", "good"),
        (Health::Stale, _) => language.pick("逾时", "stale"),
        (Health::Failed, _) => language.pick("读取失败", "failed"),
        (Health::Doubted, false) => language.pick("存疑", "doubted"),
        (Health::Doubted, true) => language.pick("已接受，待下次读取", "accepted, waits for the next poll"),
    }
}

/// So long ago.
pub fn ago(language: Language, seconds: i64) -> String {
    const DAY: i64 = 86_400;
    if seconds >= 2 * DAY {
        return format!("{}{}", seconds / DAY, language.pick("天前", " days ago"));
    }
    format!("{}{}", time_words::span(seconds, language), language.pick("前", " ago"))
}

/// How long a poll took.
pub fn took(language: Language, millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis}{}", language.pick("毫秒", " ms")),
        _ => time_words::span(i64::try_from(millis / 1_000).unwrap_or(i64::MAX), language),
    }
}

/// There is no such source.
pub fn unknown(language: Language, name: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("NAME：没有名为 {name:?} 的数据源，已有：{}", known.join("、")),
        English => format!("NAME: no source named {name:?}; there are {}", known.join(", ")),
    }
}

/// Neither a file nor a source.
pub fn neither(language: Language, what: &str, known: &[String]) -> String {
    match language {
        Chinese => format!("FILE|NAME：{what:?} 既不是文件，也不是已配置的数据源（{}）", known.join("、")),
        English => format!("FILE|NAME: {what:?} is neither a file nor a configured source ({})", known.join(", ")),
    }
}

/// A source that calls cannot be asked.
pub fn calls(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("数据源 {name} 是对方推送的，无从读取"),
        English => format!("source {name} calls by itself and cannot be asked"),
    }
}

/// It could not be read, or is not believed.
pub fn unreadable(language: Language, name: &str, why: &str) -> String {
    match language {
        Chinese => format!("数据源 {name}：本次读取作废：{why}"),
        English => format!("source {name}: the poll is void: {why}"),
    }
}

/// What was read.
pub fn read(language: Language, name: &str, rows: u64, items: u64, rejected: u64) -> String {
    match language {
        Chinese => format!("{name}：{rows} 行，{items} 件，拒绝 {rejected} 行"),
        English => format!("{name}: {rows} rows, {items} items, {rejected} rows rejected"),
    }
}

/// Rows that the source's map left out on purpose.
pub fn left_out(language: Language, rows: u64) -> String {
    match language {
        Chinese => format!("map 有意略去 {rows} 行"),
        English => format!("{rows} more rows left out by the map"),
    }
}

/// Before the columns' names.
pub const fn columns(language: Language) -> &'static str {
    language.pick("列：", "columns: ")
}

/// Before the rejected rows.
pub fn rejected(language: Language, count: u64) -> String {
    match language {
        Chinese => format!("被拒绝的行（{count}）："),
        English => format!("rejected rows ({count}):"),
    }
}

/// Before the reason.
pub const fn is_rejected(language: Language) -> &'static str {
    language.pick("✗ 被拒绝：", "✗ rejected: ")
}

/// Before the fields without any value.
pub const fn never_filled(language: Language) -> &'static str {
    language.pick("从未有值的字段：", "fields never filled: ")
}

/// Before the columns that the mapping does not name.
pub const fn never_used(language: Language) -> &'static str {
    language.pick("映射未用到的列：", "columns never used: ")
}

/// Nothing is in doubt.
pub fn undoubted(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("数据源 {name} 没有存疑，无需接受"),
        English => format!("source {name} is not in doubt, there is nothing to accept"),
    }
}

/// What could not be read cannot be accepted.
pub fn unread(language: Language, name: &str, trouble: &str) -> String {
    match language {
        Chinese => format!("数据源 {name} 没有读到数据，无从接受：{trouble}"),
        English => format!("source {name} showed nothing that could be accepted: {trouble}"),
    }
}

/// What is in doubt.
pub fn doubted(language: Language, name: &str, trouble: &str) -> String {
    match language {
        Chinese => format!("数据源 {name} 存疑：{trouble}"),
        English => format!("source {name} is in doubt: {trouble}"),
    }
}

/// What the last poll showed.
pub struct Counts {
    /// Good rows of the last good poll, if there was one.
    pub before: Option<u64>,
    /// Rows now.
    pub rows: u64,
    /// Rows rejected now.
    pub rejected: u64,
    /// By how many good rows it has fewer.
    pub missing: u64,
}

/// What would be believed.
pub fn would_be_believed(language: Language, counts: &Counts) -> String {
    let Counts { before, rows, rejected, missing } = counts;
    let known = before.map(|before| before.to_string());
    match language {
        Chinese => format!(
            "将接受：可信的行 {} → {}，拒绝 {rejected} 行，缺少 {missing} 件",
            known.as_deref().unwrap_or("无"),
            rows.saturating_sub(*rejected)
        ),
        English => format!(
            "to be accepted: good rows {} → {}, {rejected} rejected, {missing} missing",
            known.as_deref().unwrap_or("none"),
            rows.saturating_sub(*rejected)
        ),
    }
}

/// What becomes of what is missing.
pub fn of_absent(language: Language, absent: Absent) -> String {
    match (language, absent) {
        (Chinese, Absent::Keep) => "缺少的办件继续计时，列给运维人员".to_owned(),
        (English, Absent::Keep) => {
            "what is missing keeps its clocks and its cards, and operators get a list".to_owned()
        }
        (Chinese, Absent::CloseAfter(polls)) => format!("连续缺少 {polls} 次的办件视为已离开数据源，红黄牌随之撤下"),
        (English, Absent::CloseAfter(polls)) => {
            format!("what is missing from {polls} polls running has left its source, and its cards close")
        }
    }
}

/// It was not accepted yet.
pub const fn say_yes(language: Language) -> &'static str {
    language.pick("尚未接受；确认请加 --yes", "nothing is accepted yet; to accept it, add --yes")
}

/// On a terminal.
pub const fn question(language: Language) -> &'static str {
    language.pick("接受？[y/N] ", "accept it? [y/N] ")
}

/// It is accepted.
pub fn accepted(language: Language, name: &str, who: &str) -> String {
    match language {
        Chinese => format!("{who} 已接受：数据源 {name} 的下一次读取若与此相当（或更好）即可信，仅此一次"),
        English => {
            format!(
                "accepted by {who}: the next poll of {name} is believed if it is like this one or better, this once"
            )
        }
    }
}

/// There are no columns.
pub fn no_columns(language: Language, what: &str) -> String {
    format!("{what}{}", language.pick("：没有列", ": expected columns, got none"))
}

/// An SQLite file has many tables.
pub fn which_table(language: Language, what: &str) -> String {
    match language {
        Chinese => format!("--table：{what} 是 SQLite 数据库，请指明表"),
        English => format!("--table: {what} is an SQLite database, say which table"),
    }
}

/// There are no tables in it.
pub fn no_table(language: Language, kind: &str) -> String {
    match language {
        Chinese => format!("--table：{kind} 没有表；只用于 sqlite、postgres、mysql"),
        English => format!("--table: {kind} has no tables; it goes with sqlite, postgres and mysql"),
    }
}

/// What to do with the draft.
pub fn guessed(language: Language, doubts: usize, name: &str) -> String {
    match (language, doubts) {
        (Chinese, 0) => format!("草稿已给出；放进 duban.toml 后用 duban source preview {name} 查看"),
        (Chinese, _) => {
            format!("草稿已给出，有 {doubts} 处不确定（见 # ?）；放进 duban.toml 后用 duban source preview {name} 查看")
        }
        (English, 0) => format!("a draft; put it into duban.toml and look at it with `duban source preview {name}`"),
        (English, _) => format!(
            "a draft with {doubts} doubt{} (see the comments); put it into duban.toml and look at it with `duban source preview {name}`",
            if doubts == 1 { "" } else { "s" }
        ),
    }
}

/// The first line of a draft.
pub fn drafted(language: Language, of: &str, rows: usize) -> String {
    match language {
        Chinese => format!("由 {of} 的表头和前 {rows} 行推测，请逐行核对；“?” 为不确定之处"),
        English => {
            format!("guessed from the headers and the first {rows} rows of {of}: read every line; \"?\" marks doubts")
        }
    }
}

/// What `kind` is.
pub const fn of_kind(language: Language) -> &'static str {
    language.pick("办件的种类，规则以 item.kind 判断", "what an item is; rules ask for item.kind")
}

/// What `timezone` is.
pub const fn of_zone(language: Language) -> &'static str {
    language.pick("不带时区的时间按此时区", "times that name no zone are on this clock")
}

/// What `missing` is.
pub const fn of_missing(language: Language) -> &'static str {
    language.pick("以下文字视为无值", "these texts mean that nothing is known")
}

/// How pauses can be inferred.
pub const fn of_waiting(language: Language) -> &'static str {
    language.pick(
        "没有停表的列；若这些状态下应停表，去掉下面的 #",
        "no column says when the clocks stand still; if they do in this state, take the # away",
    )
}

/// Before the columns that are left.
pub const fn of_left(language: Language) -> &'static str {
    language.pick(
        "未映射的列，规则仍可用 item.raw[\"列名\"]：",
        "not mapped, and still there for rules as item.raw[\"column\"]:",
    )
}

/// A doubt.
pub fn doubt(language: Language, doubt: &Doubt) -> String {
    match language {
        Chinese => doubt_in_chinese(doubt),
        English => doubt_in_english(doubt),
    }
}

fn doubt_in_chinese(doubt: &Doubt) -> String {
    match doubt {
        Doubt::OnlyEnds => "按表头的结尾推测".to_owned(),
        Doubt::Others(others) => format!("也可能是：{}", others.join("、")),
        Doubt::IdByValues => "没有表头像编号，此列各行不同".to_owned(),
        Doubt::Repeated(rows) => format!("有 {rows} 行与其他行编号相同，内容不同时会被拒绝"),
        Doubt::Unfilled(rows) => format!("有 {rows} 行没有编号，会被拒绝"),
        Doubt::RowNumber => "这是行的序号，重新排序后会变；请换成办件自己的编号".to_owned(),
        Doubt::NoId => "没有一列能区分办件，请选定编号".to_owned(),
        Doubt::Empty => "没有值".to_owned(),
        Doubt::Unread(text, count) => format!("{count} 个值不是已知格式的时间，如 {text:?}，所在行会被拒绝"),
        Doubt::DayOrMonth => "日和月的先后无从判断".to_owned(),
        Doubt::NoTimes(text) => format!("表头像时间，值不是，如 {text:?}"),
        Doubt::DayNumbers => "值是表格软件的日期序号，请把这一列设为日期格式".to_owned(),
        Doubt::Milliseconds => "值是 1970 年以来的毫秒数，请在查询中换算".to_owned(),
        Doubt::AsTheyStand(states) => format!("原样保留的状态：{}", stated(states)),
        Doubt::Unnamed => "值是时间；若要用，起一个以 _at 结尾的字段名".to_owned(),
        Doubt::NoAmounts => "值不是天数或时限（如 5、5wd）".to_owned(),
        Doubt::Stated => "系统写明的时限，仅供对照；到期由规则计算".to_owned(),
    }
}

fn doubt_in_english(doubt: &Doubt) -> String {
    match doubt {
        Doubt::OnlyEnds => "guessed from how the header ends".to_owned(),
        Doubt::Others(others) => format!("could also be: {}", others.join(", ")),
        Doubt::IdByValues => "no header speaks of an id; the values of this column all differ".to_owned(),
        Doubt::Repeated(rows) => format!("{rows} rows have another row's id; those that differ are rejected"),
        Doubt::Unfilled(rows) => format!("{rows} rows have none and are rejected"),
        Doubt::RowNumber => "the number of a row, which changes when rows are sorted: choose the item's own".to_owned(),
        Doubt::NoId => "no column tells items apart: choose one".to_owned(),
        Doubt::Empty => "nothing stands in it".to_owned(),
        Doubt::Unread(text, count) => {
            format!("{count} values are no times in a known format, such as {text:?}; their rows are rejected")
        }
        Doubt::DayOrMonth => "nothing says which of day and month comes first".to_owned(),
        Doubt::NoTimes(text) => format!("the header speaks of a time, the values are none, such as {text:?}"),
        Doubt::DayNumbers => "days as a spreadsheet numbers them: give the column the format of a date".to_owned(),
        Doubt::Milliseconds => "milliseconds since 1970: convert them in the query".to_owned(),
        Doubt::AsTheyStand(states) => format!("states that stay as they are: {}", stated(states)),
        Doubt::Unnamed => "times; to use them, give them a name that ends in _at".to_owned(),
        Doubt::NoAmounts => "the values are neither days nor limits such as 5wd".to_owned(),
        Doubt::Stated => "what the system says itself, to compare with; rules count their own limits".to_owned(),
    }
}

fn stated(states: &[(String, usize)]) -> String {
    states.iter().map(|(word, count)| format!("{word:?} × {count}")).collect::<Vec<_>>().join(", ")
}

/// The labels of a status: the playbook, the mode, open cards, messages, sources.
pub const fn labels(language: Language) -> [&'static str; 4] {
    match language {
        Chinese => ["运行", "办件", "消息", "数据源"],
        English => ["in force", "items", "messages", "sources"],
    }
}

/// What is in force.
pub fn in_force(language: Language, version: &str, at: &str, is_live: bool) -> String {
    let mode = if is_live { language.pick("正式", "live") } else { language.pick("试运行", "rehearsal") };
    match language {
        Chinese => format!("{mode}，规则手册 {version}，自 {at}"),
        English => format!("{mode}, playbook {version} since {at}"),
    }
}

/// Nothing ran so far.
pub const fn never_ran(language: Language) -> &'static str {
    language.pick("尚未运行过", "it has never run")
}

/// How many items and cards.
pub fn items(language: Language, items: u64, red: u64, yellow: u64) -> String {
    match language {
        Chinese => format!("{items}，红牌 {red}，黄牌 {yellow}"),
        English => format!("{items}, {red} red cards, {yellow} yellow ones"),
    }
}

/// How many messages.
pub fn messages(language: Language, waiting: u64, sent: u64, discarded: u64, unknown: u64) -> String {
    match language {
        Chinese => format!("待发 {waiting}，已发 {sent}，未送达 {discarded}，不明 {unknown}"),
        English => format!("{waiting} waiting, {sent} sent, {discarded} not delivered, {unknown} unknown"),
    }
}

/// A source's server is trusted less than it could be.
pub fn weak(language: Language, name: &str, trust: &str) -> String {
    match (language, trust) {
        (Chinese, "encrypt-only") => format!("数据源 {name}：不核对服务器身份（encrypt-only）"),
        (Chinese, _) => format!("数据源 {name}：数据在网络上不加密（{trust}）"),
        (English, "encrypt-only") => format!("source {name}: whoever answers is believed (encrypt-only)"),
        (English, _) => format!("source {name}: its data cross the network in the clear ({trust})"),
    }
}
