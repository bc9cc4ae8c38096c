//! What the rule host promises, with rules as an operator writes them: the vocabulary, missing values, regions,
//! versions, and that no script can hurt.

#[path = "rules/coverage.rs"]
mod coverage;
#[path = "rules/mechanisms.rs"]
mod mechanisms;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use duban::core::Instant;
use duban::core::item::{Amount, Extension, Item, ItemKey, Pause};
use duban::core::limit::{Share, Yellow};
use duban::core::value::{Fields, Value};
use duban::core::window::{Level, Window};
use duban::rules::cases::CaseFile;
use duban::rules::rulebook::StoredRule;
use duban::rules::version::Recheck;
use duban::rules::{ErrorKind, Judged, RuleError, RuleFile, Rulebook, Tables, is_property};

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

fn today() -> NaiveDate {
    "2026-03-02".parse().expect("a date")
}

fn zone() -> chrono_tz::Tz {
    chrono_tz::Asia::Shanghai
}

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.into(), path: format!("rules/{name}.rhai"), text: text.into() }
}

fn tables(params: &str) -> Tables {
    let mut tables = Tables::new();
    tables.read_params("rules/params.toml", params).expect("parameters");
    tables
}

fn book(text: &str) -> Rulebook {
    compile(text).unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

fn compile(text: &str) -> Result<Rulebook, Vec<RuleError>> {
    Rulebook::compile(&[file("r", text)], &Tables::new(), zone())
}

fn shown(errors: &[RuleError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// An item with a value of every kind, and fields without one.
fn item() -> Item {
    let mut item = Item::new(ItemKey::new("hotline", "T1"), "ticket");
    let mut set = |name: &str, value| item.fields.set(name, value);
    set("title", Value::text("电梯停运"));
    set("region", Value::text("示范区"));
    set("subject", Value::text("enterprise"));
    set("type", Value::text("投诉"));
    set("received_at", Value::Instant(at("2026-03-02T02:00:00Z")));
    set("dispatched_at", Value::Instant(at("2026-03-02T02:10:00Z")));
    for name in ["on_site_at", "feedback_subject_at", "feedback_platform_at", "solved_at", "nothing"] {
        set(name, Value::Missing);
    }
    set("count", Value::Int(3));
    set("share", Value::Float(0.5));
    set("urgent", Value::Bool(true));
    set("lines", Value::List(vec![line("a", Some(3)), line("b", None), line("c", Some(1))]));
    item.raw.set("办件号", Value::text("P0136"));
    item
}

fn line(name: &str, amount: Option<i64>) -> Value {
    let mut row = Fields::new();
    row.set("name", Value::text(name));
    if let Some(amount) = amount {
        row.set("amount", Value::Int(amount));
    }
    row.set("from_at", Value::Instant(at("2026-03-02T00:00:00Z")));
    Value::Map(row)
}

fn judge(text: &str, item: Item) -> Result<Judged, RuleError> {
    let mut judgements = book(text).judge(&Arc::new(item), today());
    assert!(judgements.len() < 2);
    judgements.pop().map_or_else(|| Ok(Judged::default()), |judgement| judgement.result)
}

/// What an expression over the item answers, as the text of a finding.
fn answer(expression: &str) -> Result<String, RuleError> {
    let text = format!("fn findings(item) {{ let x = {expression}; [yellow(\"x\", `${{x}}`)] }}");
    judge(&text, item()).map(|judged| judged.findings[0].text.to_string())
}

fn windows(text: &str) -> Result<Vec<Window>, RuleError> {
    judge(&format!("fn windows(item) {{ {text} }}"), item()).map(|judged| judged.windows)
}

fn shipped(params: &str) -> Rulebook {
    let read = |name: &str| std::fs::read_to_string(format!("rules/{name}.rhai")).expect("a shipped rule");
    let files = ["2110", "137"].map(|name| file(name, &read(name)));
    let text = std::fs::read_to_string("rules/params.toml").expect("shipped parameters");
    Rulebook::compile(&files, &tables(&format!("{text}\n{params}")), zone()).expect("shipped rules")
}

#[test]
fn the_shipped_2110_declares_its_four_windows() {
    let mut subject = item();
    subject.pauses.push(Pause::new(at("2026-03-03T01:00:00Z"), None));
    let judgements = shipped("").judge(&Arc::new(subject), today());
    assert_eq!(judgements.len(), 1, "137 does not apply");
    let judged = judgements[0].result.clone().expect("an answer");
    let names: Vec<_> = judged.windows.iter().map(|w| (&*w.name, w.limit.to_string())).collect();
    assert_eq!(
        names,
        [("dispatch", "30m".into()), ("on_site", "2h".into()), ("feedback", "1wd".into()), ("solved", "10wd".into())]
    );
    assert_eq!(judged.windows[0].done, Some(at("2026-03-02T02:10:00Z")));
    assert_eq!(judged.windows[1].yellow, Share::new(0.75).map(Yellow::Share));
    assert_eq!(judged.windows[2].done, None, "the later of two feedbacks, and both are missing");
    assert_eq!(judged.windows[3].pauses.len(), 1);
    assert_eq!(judged.windows[3].waits, "1wd".parse().ok());
    assert_eq!(judged.windows[3].ladder.as_deref(), Some("three-level"));
}

#[test]
fn a_region_counts_the_two_hours_as_working_hours() {
    let book = shipped("[\"示范区\"]\nservice_hours = true");
    let limit = |region: &str| {
        let mut item = item();
        item.fields.set("region", Value::text(region));
        let judged = book.judge(&Arc::new(item), today())[0].result.clone().expect("an answer");
        judged.windows[1].limit.to_string()
    };
    assert_eq!((limit("示范区"), limit("老城区")), ("2wh".into(), "2h".into()));
}

#[test]
fn a_region_has_its_own_row_of_a_table() {
    let rule = std::fs::read_to_string("rules/request-reply.rhai").expect("a shipped rule");
    let table = std::fs::read_to_string("rules/tables/reply.csv").expect("a shipped table");
    let mut tables = Tables::new();
    tables.read_table("reply", "reply.csv", &format!("{table}示范区 投诉,7wd,示范区服务承诺\n")).expect("a table");
    let book = Rulebook::compile(&[file("request-reply", &rule)], &tables, zone()).expect("a shipped rule");
    let limit = |region: Value| {
        let mut item = item();
        item.fields.set("region", region);
        item.fields.set("replied_at", Value::Missing);
        let judged = book.judge(&Arc::new(item), today())[0].result.clone().expect("an answer");
        judged.windows[0].limit.to_string()
    };
    let limits = [Value::text("示范区"), Value::text("老城区"), Value::Missing].map(limit);
    assert_eq!(limits, ["7wd", "15wd", "15wd"]);
}

#[test]
fn the_shipped_137_runs_three_windows_from_receipt() {
    let mut task = Item::new(ItemKey::new("tasks", "1"), "task");
    task.fields.set("level", Value::text("superior"));
    task.fields.set("received_at", Value::Instant(at("2026-03-02T02:00:00Z")));
    for name in ["arranged_at", "feedback_at", "progress_at"] {
        task.fields.set(name, Value::Missing);
    }
    let judgements = shipped("").judge(&Arc::new(task), today());
    assert_eq!(&*judgements[0].rule, "137");
    let windows = judgements[0].result.clone().expect("an answer").windows;
    let limits: Vec<_> = windows.iter().map(|w| format!("{} {}", w.name, w.limit)).collect();
    assert_eq!(limits, ["arranged 1wd", "feedback 3wd", "progress 7wd"]);
}

/// What the shipped `progress` prints on a day about a project of 2026 with so much done of its 10,000.
fn points(today: &str, done: f64) -> Vec<String> {
    let text = std::fs::read_to_string("rules/progress.rhai").expect("a shipped rule");
    let params = std::fs::read_to_string("rules/params.toml").expect("shipped parameters");
    let book = Rulebook::compile(&[file("progress", &text)], &tables(&params), zone()).expect("the rule");
    let mut report = Fields::new();
    report.set("reported_at", Value::Instant(at("2026-05-31T08:00:00Z")));
    report.set("month", Value::Int(9));
    report.set("invest_done", Value::Float(done));
    let mut project = Item::new(ItemKey::new("projects", "1"), "project");
    let mut set = |name: &str, value| project.fields.set(name, value);
    set("year", Value::Int(2026));
    set("invest_plan", Value::Int(10_000));
    set("progress", Value::List(vec![Value::Map(report)]));
    set("finished_at", Value::Missing);
    set("left_pool_at", Value::Missing);
    let judged = book.explain(&Arc::new(project), today.parse().expect("a date")).remove(0).result.expect("an answer");
    let cards = judged.findings.iter().map(|finding| format!("{} {}", finding.level.word(), finding.name));
    judged.printed.iter().cloned().chain(cards).collect()
}

#[test]
fn the_points_of_the_founding_texts_come_out_to_two_decimals() {
    for (today, done, expected) in [
        ("2026-10-01", 9600.0, &["完成96.00%，序时75.00%，超前21.00个百分点"][..]),
        ("2026-10-01", 9854.0, &["完成98.54%，序时75.00%，超前23.54个百分点"]),
        ("2026-10-01", 7948.0, &["完成79.48%，序时75.00%，超前4.48个百分点"]),
        ("2026-06-01", 4600.0, &["完成46.00%，序时41.67%，超前4.33个百分点"]),
        ("2026-10-01", 6500.0, &["完成65.00%，序时75.00%，落后10.00个百分点"]),
        ("2026-10-01", 6754.0, &["完成67.54%，序时75.00%，落后7.46个百分点"]),
        ("2026-10-01", 4848.0, &["完成48.48%，序时75.00%，落后26.52个百分点", "yellow progress"]),
        ("2026-06-01", 1500.0, &["完成15.00%，序时41.67%，落后26.67个百分点", "red progress"]),
        ("2026-10-01", 7500.0, &["完成75.00%，序时75.00%，持平"]),
    ] {
        assert_eq!(points(today, done), expected, "{done} on {today}");
    }
}

#[test]
fn expressions_answer_as_they_read() {
    for (expression, expected) in [
        ("7 / 2", "3.5"),
        ("1 == 1.0", "true"),
        ("9007199254740993 == 9007199254740992.0", "false"),
        ("item.count + 1", "4"),
        ("item.share * 2", "1"),
        ("\"a\" + 1", "a1"),
        ("`${item.title}：${item.count}`", "电梯停运：3"),
        ("item.nothing == ()", "true"),
        ("() == item.nothing", "true"),
        ("item.count == ()", "false"),
        ("item.count != ()", "true"),
        ("item.nothing == 3", "false"),
        ("item.nothing != 3", "true"),
        ("item.nothing ?? 7", "7"),
        ("item.nothing?.name == ()", "true"),
        ("item.type in [\"建议\", \"投诉\"]", "true"),
        ("item.type !in [\"建议\"]", "true"),
        ("\"停\" in item.title", "true"),
        ("item.count in 1..3", "false"),
        ("item.count in 1..=3", "true"),
        ("item.received_at < item.dispatched_at", "true"),
        ("item.received_at == item.received_at", "true"),
        ("item.raw[\"办件号\"]", "P0136"),
        ("item.raw.anything == ()", "true"),
        ("item.owner == ()", "true"),
        ("item.pauses.len()", "0"),
        ("item.lines.len()", "3"),
        ("item.lines.filter(|line| line.amount != ()).map(|line| line.amount).sum()", "4"),
        ("item.lines[0].name", "a"),
        ("item.lines.find(|line| line.amount == 1).name", "c"),
        ("item.lines.some(|line| (line.amount ?? 0) > 2)", "true"),
        ("item.lines.all(|line| line.name != \"\")", "true"),
        ("{ let limit = 2; item.lines.filter(|line| (line.amount ?? 0) > limit).len() }", "1"),
        ("{ let list = [3, 1, 2]; list.sort(); list.join(\",\") }", "1,2,3"),
        ("{ let list = [3, 1, 2]; list.sort(|a, b| b - a); list.join(\",\") }", "3,2,1"),
        ("{ let total = 0; for line in item.lines { total += line.amount ?? 0; } total }", "4"),
        ("{ let total = 0; for n in 0..5 { total += n; } total }", "10"),
        ("{ let map = #{ a: 1 }; map.set(\"b\", 2); map.keys().join(\",\") + map.len() }", "a,b2"),
        ("item.lines.filter(|line| (line.amount ?? 0) == item.count).len()", "1"),
        ("item.lines.filter(|a| item.lines.some(|b| a.name == b.name && item.urgent)).len()", "3"),
        ("{ let total = 0; item.lines.map(|line| { total += line.amount ?? 0; }); total }", "4"),
        ("[1, 2].reduce(|sum, x| sum + x, 10)", "13"),
        ("[1, 2, 1].unique().len()", "2"),
        ("[1] + [2] == [1, 2]", "true"),
        ("switch item.type { \"投诉\" => 1, _ => 2 }", "1"),
        ("if item.urgent { \"是\" } else { \"否\" }", "是"),
        ("round(2.5)", "3"),
        ("min(2, 3) + max(2, 3)", "5"),
        ("\"3\".parse_int()", "3"),
        ("\"a,b\".split(\",\").len()", "2"),
        ("-item.count", "-3"),
        ("!item.urgent", "false"),
        ("latest(item.received_at, item.dispatched_at) == item.dispatched_at", "true"),
        ("earliest([item.received_at, item.dispatched_at]) == item.received_at", "true"),
        ("latest(item.received_at, item.solved_at) == ()", "true"),
    ] {
        match answer(expression) {
            Ok(got) => assert_eq!(got, expected, "{expression}"),
            Err(error) => panic!("{expression}\n{error}"),
        }
    }
}

#[test]
fn days_are_counted_between_dates_of_the_office() {
    let subject = || {
        let mut item = item();
        let mut set = |name: &str, text: &str| item.fields.set(name, Value::Instant(at(text)));
        set("before_midnight_at", "2026-03-02T15:59:59Z");
        set("midnight_at", "2026-03-02T16:00:00Z");
        set("signed_at", "2026-06-10T01:00:00Z");
        item
    };
    for (expression, expected) in [
        ("days(item.received_at, item.before_midnight_at)", "0"),
        ("days(item.received_at, item.midnight_at)", "1"),
        ("days(item.before_midnight_at, item.midnight_at)", "1"),
        ("days(item.received_at, item.signed_at)", "100"),
        ("days(item.signed_at, item.received_at)", "-100"),
        ("days(item.received_at, today)", "29"),
        ("days(today, item.received_at)", "-29"),
        ("days(today, today)", "0"),
        ("days(item.nothing, item.received_at) == ()", "true"),
        ("days(item.received_at, item.nothing) == ()", "true"),
        ("days(item.nothing, item.nothing) == ()", "true"),
        ("days(today, item.nothing) == ()", "true"),
        ("item.lines.map(|line| days(line.from_at, item.midnight_at)).sum()", "3"),
    ] {
        let rule =
            format!("const RECHECK = \"daily\"; fn findings(item, today) {{ [yellow(\"x\", `${{{expression}}}`)] }}");
        let judged = book(&rule).judge(&Arc::new(subject()), "2026-03-31".parse().expect("date")).remove(0).result;
        assert_eq!(&*judged.unwrap_or_else(|e| panic!("{e}")).findings[0].text, expected, "{expression}");
    }
    refused("days(item.received_at, 3)", "days: expected an instant or a day, got number");
    refused("days(\"2026-03-02\", item.received_at)", "days: expected an instant or a day, got text");
    let windows = "[window(\"a\", `${days(item.received_at, item.dispatched_at) + 5}d`, #{ from: item.received_at })]";
    assert_eq!(self::windows(windows).expect("a window")[0].limit.to_string(), "5d");
}

#[test]
fn missing_and_unlike_values_are_errors_and_never_false() {
    let missing = "item.nothing";
    let others = ["3", "0.5", "\"x\"", "true", "item.received_at", "[1]", "#{ a: 1 }"];
    for op in ["<", "<=", ">", ">=", "+", "-", "*", "/", "%", "**"] {
        for other in others {
            for (left, right) in [(missing, other), (other, missing)] {
                refused(&format!("{left} {op} {right}"), "missing is not zero");
            }
        }
        refused(&format!("{missing} {op} {missing}"), "missing is not zero");
    }
    for other in others {
        refused(&format!("{missing} in {other}"), "missing is not zero");
        refused(&format!("{other} in {missing}"), "missing is not zero");
    }
    for (n, left) in others.iter().enumerate() {
        for right in &others[n + 1..] {
            if (*left, *right) != ("3", "0.5") {
                refused(&format!("{left} == {right}"), "one kind");
                refused(&format!("{left} != {right}"), "one kind");
                refused(&format!("{left} < {right}"), "one kind");
                refused(&format!("{right} >= {left}"), "one kind");
            }
        }
    }
    for (expression, says) in [
        ("`${item.nothing}`", "a text cannot take in what is missing"),
        ("`a${item.lines}`", "a text cannot take in what is a list"),
        ("\"a\" + item.nothing", "missing is not zero"),
        ("item.lines.map(|line| line.amount).sum()", "expected numbers, got missing"),
        ("{ let list = [1, ()]; list.sort(); list.len() }", "missing is not zero"),
        ("[1, ()].join(\",\")", "missing has no plain text"),
        ("item.nothing.name", "of a missing value"),
        ("if item.nothing { 1 } else { 2 }", "expected bool, got missing"),
        ("item.nothing && true", "expected bool, got missing"),
        ("!item.nothing", "expected true or false after !, got missing"),
        ("-item.nothing", "expected a number after -, got missing"),
        ("min(item.nothing, 1)", "missing is not zero"),
        ("{ let x = 1; x += item.nothing; x }", "missing is not zero"),
        ("item.nothing.len()", "`len` does not take (missing)"),
        ("1 / 0", "division by zero"),
        ("9223372036854775807 + 1", "too large"),
        ("1 & 2", "one kind"),
    ] {
        refused(expression, says);
    }
}

fn refused(expression: &str, says: &str) {
    let error = answer(expression).expect_err(expression).to_string();
    assert!(error.contains(says), "{expression}\n{error}");
}

#[test]
fn a_field_that_the_item_does_not_have_is_its_error_with_a_proposal() {
    let error = answer("item.recieved_at").expect_err("unknown field");
    assert_eq!(
        error.to_string(),
        "rules/r.rhai:1:34: an item of source \"hotline\" has no field `recieved_at`; did you mean `received_at`?\n    \
         1 | fn findings(item) { let x = item.recieved_at; [yellow(\"x\", `${x}`)] }\n      |                                  \
         ^^^^^^^^^^^"
    );
    let error = answer("item.lines[0].amonut").expect_err("unknown field of a row");
    assert!(error.message.contains("did you mean `amount`"), "{error}");
    assert_eq!(answer("item.lines[1].amount == ()").expect("another row has it"), "true");
}

#[test]
fn the_caret_stands_under_the_place_behind_wide_characters() {
    let error = answer("[\"建议\", \"投诉\"].len() + item.nothing").expect_err("missing").to_string();
    let lines: Vec<&str> = error.lines().collect();
    let (source, caret) = (lines[1], lines[2]);
    let plus = unicode_width::UnicodeWidthStr::width(&source[..source.find('+').expect("operator")]);
    assert_eq!(caret.find('^'), Some(plus), "{error}");
}

#[test]
fn windows_take_every_key_and_leave_out_what_is_missing() {
    let found = windows(
        "[window(\"a\", \"10wd\", #{ from: item.received_at, done: (), yellow: left(\"1wd\"), ladder: (), calendar: \"hall\",
            waits: \"2wd\", was: \"old\", pauses: [#{ from: item.received_at, to: (), kind: \"评审\" }],
            extensions: [#{ amount: \"5wd\", approved_at: item.dispatched_at }, #{ amount: 3 }] }),
          window(\"b\", \"2h\", #{ yellow: 0.8, pauses: () }), window(\"c\", \"2wh\", #{ yellow: \"90wm\" })]",
    )
    .expect("windows");
    let a = &found[0];
    assert_eq!(a.from, Some(at("2026-03-02T02:00:00Z")));
    assert_eq!((a.done, &a.ladder), (None, &None));
    assert_eq!(a.yellow, Some(Yellow::Left("1wd".parse().expect("limit"))));
    assert_eq!((a.calendar.as_deref(), a.was.as_deref()), (Some("hall"), Some("old")));
    assert_eq!(a.pauses[0].kind.as_deref(), Some("评审"));
    assert_eq!(a.extensions[0].amount, Amount::Limit("5wd".parse().expect("limit")));
    assert_eq!(a.extensions[1].amount, Amount::Number(3));
    assert_eq!(found[1].from, None);
}

#[test]
fn windows_that_make_no_sense_say_so() {
    for (text, says) in [
        ("window(\"a\", \"10wd\", #{ form: item.received_at })", "did you mean `from`?"),
        ("window(\"a\", \"10wd\", #{ color: 1 })", "a window takes from done"),
        ("window(\"A\", \"10wd\", #{})", "expected a name of a-z"),
        ("window(\"解决\", \"10wd\", #{})", "expected a name of a-z"),
        ("window(\"a\", \"10 days\", #{})", "expected NUMBER"),
        ("window(\"a\", 10, #{})", "expected a limit such as \"10wd\", got number"),
        ("window(\"a\", item.nothing, #{})", "expected a limit such as \"10wd\", got missing"),
        ("window(\"a\", \"10wd\", #{ from: \"2026-01-01\" })", "expected an instant, got text; the mapping"),
        ("window(\"a\", \"10wd\", #{ yellow: \"90m\" })", "90m does not go with 10wd; expected an amount in wd"),
        ("window(\"a\", \"10wd\", #{ yellow: left(\"2h\") })", "2h does not go with 10wd"),
        ("window(\"a\", \"10wd\", #{ yellow: 1.5 })", "expected a share between 0 and 1, got 1.5"),
        ("window(\"a\", \"10wd\", #{ yellow: true })", "expected a share, an amount or left(…), got bool"),
        ("window(\"a\", \"10wd\", #{ yellow: \"1wd@close\" })", "expected an amount such as 1wd"),
        ("window(\"a\", \"10wd\", #{ pauses: 3 })", "expected a list, got number"),
        ("window(\"a\", \"10wd\", #{ pauses: [#{ to: item.received_at }] })", "a pause without `from`"),
        ("window(\"a\", \"10wd\", #{ pauses: [#{ fro: 1 }] })", "unknown key `fro`"),
        ("window(\"a\", \"10wd\", #{ extensions: [#{ amount: \"2h\" }] })", "2h does not go with 10wd"),
        ("window(\"a\", \"10wd\", #{ extensions: [#{ amount: 0 }] })", "expected an amount of 1 to 10000"),
        ("window(\"a\", \"10wd\", #{ was: \"B\" })", "expected a name of a-z"),
        ("window(\"a\", \"10wd\")", "`window` does not take (text, text)"),
        ("gaps([#{ from: item.dispatched_at, to: item.received_at }])", "ends before it begins"),
    ] {
        let error = windows(&format!("[{text}]")).expect_err(text).to_string();
        assert!(error.contains(says), "{text}\n{error}");
    }
}

#[test]
fn a_hook_that_answers_something_else_is_told_what_it_promised() {
    for (rule, says) in [
        ("fn windows(item) { 3 }", "windows returns a list of window(…), got number"),
        ("fn windows(item) { }", "windows returns a list of window(…), got missing"),
        ("fn windows(item) { [window(\"a\", \"1wd\", #{}), ()] }", "got missing in place 2"),
        ("fn windows(item) { [red(\"a\", \"b\")] }", "got finding in place 1"),
        ("fn findings(item) { [window(\"a\", \"1wd\", #{})] }", "findings returns a list of yellow(…) or red(…)"),
        ("fn applies(item) { item.nothing } fn windows(item) { [] }", "applies returns true or false, got missing"),
        ("fn windows(item) { [window(\"a\", \"1wd\", #{}), window(\"a\", \"2wd\", #{})] }", "are called \"a\""),
        (
            "fn windows(item) { [window(\"a\", \"1wd\", #{})] } fn findings(item) { [red(\"a\", \"b\")] }",
            "are called \"a\"",
        ),
    ] {
        let error = judge(rule, item()).expect_err(rule);
        assert!(error.to_string().contains(says), "{rule}\n{error}");
        assert_eq!(error.kind, ErrorKind::Result);
    }
}

#[test]
fn gaps_are_the_time_between_intervals_with_parallel_ones_counted_once() {
    let mut subject = item();
    let span = |from: &str, to: Option<&str>| {
        let mut row = Fields::new();
        row.set("accepted_at", if from.is_empty() { Value::Missing } else { Value::Instant(at(from)) });
        row.set("finished_at", to.map_or(Value::Missing, |to| Value::Instant(at(to))));
        Value::Map(row)
    };
    let rule = "fn windows(item) { [window(\"a\", \"45wd\", #{ from: item.received_at, pauses:
        gaps(item.approvals.map(|a| #{ from: a.accepted_at, to: a.finished_at })) })] }";
    let mut gaps = |approvals: Vec<Value>| {
        subject.fields.set("approvals", Value::List(approvals));
        let pauses = judge(rule, subject.clone()).expect("windows").windows.remove(0).pauses;
        let day = |at: Instant| at.format("%d").to_string();
        pauses.iter().map(|p| format!("{}-{}", day(p.from), p.to.map_or_else(String::new, day))).collect::<Vec<_>>()
    };
    let d = |n: u32| format!("2026-03-{n:02}T00:00:00Z");
    assert_eq!(gaps(vec![]), Vec::<String>::new());
    assert_eq!(gaps(vec![span(&d(10), Some(&d(12))), span(&d(2), Some(&d(5)))]), ["05-10"]);
    assert_eq!(
        gaps(vec![span(&d(2), Some(&d(9))), span(&d(4), Some(&d(5))), span(&d(9), Some(&d(11)))]),
        Vec::<String>::new()
    );
    assert_eq!(gaps(vec![span(&d(2), Some(&d(4))), span(&d(6), None), span(&d(8), Some(&d(9)))]), ["04-06"]);
    assert_eq!(gaps(vec![span(&d(2), Some(&d(4))), span("", None)]), ["04-"], "the next one has not begun");
}

#[test]
fn pauses_and_extensions_of_the_item_can_be_read_and_passed_on() {
    let mut subject = item();
    let pause = Pause { kind: Some("专家评审".into()), ..Pause::new(at("2026-03-03T00:00:00Z"), None) };
    subject.pauses = vec![pause.clone(), Pause { kind: Some("其他".into()), ..pause.clone() }];
    subject.extensions = vec![Extension {
        amount: Amount::Limit("5wd".parse().expect("limit")),
        asked_at: None,
        approved_at: Some(at("2026-03-04T00:00:00Z")),
        basis: None,
    }];
    let rule = "fn windows(item) {
        if item.extensions[0].asked_at != item.extensions[0].approved_at { throw \"no\"; }
        [window(\"a\", \"10wd\", #{ pauses: item.pauses.filter(|p| p.kind == \"专家评审\"), extensions: item.extensions })]
    }";
    let judged = judge(rule, subject.clone()).expect("windows");
    assert_eq!(judged.windows[0].pauses, [pause]);
    assert_eq!(judged.windows[0].extensions, subject.extensions);
}

#[test]
fn tables_give_rows_of_texts_and_nothing_for_an_unknown_key() {
    let mut tables = tables("names = [\"甲\", \"乙\"]\nfactor = 1.5");
    tables
        .read_table("limits", "rules/tables/limits.csv", "类型,limit,note\n投诉,10wd,\n建议,5wd,x\n7,1wd,y\n")
        .expect("table");
    let rule = "fn findings(item) {
        let row = table::limits[item.type];
        [yellow(\"x\", `${row.limit} ${row.note == ()} ${table::limits[\"无\"] == ()} ${table::limits[7].limit} \
         ${param::names.len()} ${param::factor}`)]
    }";
    let book = Rulebook::compile(&[file("r", rule)], &tables, zone()).expect("rule");
    let judged = book.judge(&Arc::new(item()), today()).remove(0).result.expect("answer");
    assert_eq!(&*judged.findings[0].text, "10wd true true 1wd 2 1.5");
    let rule = "fn findings(item) { [yellow(\"x\", table::limits[item.nothing].limit)] }";
    let book = Rulebook::compile(&[file("r", rule)], &tables, zone()).expect("rule");
    let error = book.judge(&Arc::new(item()), today()).remove(0).result.expect_err("missing key");
    assert!(error.message.contains("table::limits[…]: expected a text as the key, got missing"), "{error}");
}

#[test]
fn parameters_and_tables_that_are_wrong_are_refused_with_their_line() {
    let mut tables = Tables::new();
    for (text, says) in [
        ("a = 1\nb = ", "params.toml:2"),
        ("a = 1\n[\"区\"]\nbb = 2", "[区] sets `bb`, which is not a parameter"),
        ("a = 1\n[\"区\"]\na = \"x\"", "[区] a: expected integer as above, got string"),
        ("a = 2024-01-01", "got a date"),
        ("a = [[1]]", "a list holds texts and numbers"),
        ("\"一 二\" = 1", "cannot be the name of a parameter"),
    ] {
        let error = tables.read_params("params.toml", text).expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    for (text, says) in [
        ("k,v\na,1\na,2\n", "t.csv:3: the key \"a\" stands here a second time"),
        ("k,v\n,1\n", "t.csv:2: the key `k` is empty"),
        ("k,k\na,1\n", "two columns are called `k`"),
        ("k,v\na\n", "t.csv:2"),
    ] {
        let error = tables.read_table("t", "t.csv", text).expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_version_changes_with_the_text_and_with_what_it_reads_and_with_nothing_else() {
    let version = |text: &str, params: &str| {
        let book = Rulebook::compile(&[file("r", text)], &tables(params), zone()).expect("rule");
        book.rules().next().expect("a rule").version
    };
    let reads = "fn findings(item) { if param::a > 1 { [red(\"x\", \"y\")] } else { [] } }";
    let first = version(reads, "a = 1\nb = 1");
    assert_eq!(version(reads, "a = 1\nb = 2"), first, "b is not read");
    assert_ne!(version(reads, "a = 2\nb = 1"), first);
    assert_ne!(version(reads, "a = 1\nb = 1\n[\"区\"]\na = 2"), first);
    assert_ne!(version(&format!("{reads}\n"), "a = 1\nb = 1"), first);
}

#[test]
fn what_starts_outside_a_version_is_left_to_the_newest_stored_one_that_covers_it() {
    let rule = |effective: &str, limit: &str| {
        let text = format!(
            "const EFFECTIVE = \"{effective}\"; fn windows(item) {{ [window(\"a\", \"{limit}\", #{{ from: item.received_at }})] }}"
        );
        file("r", &text)
    };
    let stored = |file| StoredRule { file, tables: Tables::new() };
    let older =
        [stored(rule("2025-01-01", "8wd")), stored(rule("2025-01-01", "99wd")), stored(rule("2024-01-01", "10wd"))];
    let book = Rulebook::compile_with(&[rule("2026-01-01", "5wd")], &Tables::new(), &older, zone()).expect("rules");
    let limit = |received: Option<&str>| {
        let mut item = item();
        item.fields.set("received_at", received.map_or(Value::Missing, |text| Value::Instant(at(text))));
        let judged = book.judge(&Arc::new(item), today()).pop().map(|j| j.result.expect("answer"));
        judged.map(|judged| (judged.windows.first().map(|w| w.limit.to_string()), judged.older.len()))
    };
    assert_eq!(limit(Some("2026-01-01T00:00:00Z")), Some((Some("5wd".into()), 0)));
    assert_eq!(limit(Some("2025-12-31T16:00:00Z")), Some((Some("5wd".into()), 0)), "1 January in the office's zone");
    assert_eq!(limit(Some("2025-12-31T15:59:59Z")), Some((Some("8wd".into()), 1)), "the newer of two versions");
    assert_eq!(limit(Some("2024-06-01T00:00:00Z")), Some((Some("10wd".into()), 1)));
    assert_eq!(limit(Some("2023-06-01T00:00:00Z")), Some((None, 0)), "no version covers it");
    assert_eq!(limit(None), Some((Some("5wd".into()), 0)), "a clock that has not begun is the newest rule's");
}

#[test]
fn a_rule_that_rechecks_sees_today_in_its_findings_only() {
    let rule = "const RECHECK = \"monthly\";
        fn findings(item, today) {
            if item.received_at < today && today.month == 3 { [red(\"late\", `${today} ${today.year}`)] } else { [] }
        }";
    let book = book(rule);
    let judged = book.recheck(&Arc::new(item()), "2026-03-03".parse().expect("date"), Recheck::Monthly);
    let finding = judged[0].result.clone().expect("answer").findings.remove(0);
    assert_eq!((finding.level, &*finding.text), (Level::Red, "2026-03-03 2026"));
    assert!(book.recheck(&Arc::new(item()), today(), Recheck::Daily).is_empty());
    let judged = book.judge(&Arc::new(item()), today());
    assert_eq!(judged[0].result.as_ref().map(|j| j.findings.len()), Ok(0), "received on that day, not before it");
}

#[test]
fn a_rule_that_does_not_apply_gives_nothing_and_a_broken_one_spoils_only_itself() {
    let files = [
        file(
            "none",
            "fn applies(item) { item.kind == \"project\" } fn windows(item) { [window(\"a\", \"1wd\", #{})] }",
        ),
        file("broken", "fn applies(item) { item.count > \"x\" }"),
        file("fine", "fn windows(item) { [window(\"a\", \"1wd\", #{})] }"),
    ];
    let book = Rulebook::compile(&files, &Tables::new(), zone()).expect("rules");
    for _ in 0..2 {
        let judgements = book.judge(&Arc::new(item()), today());
        let seen: Vec<_> = judgements.iter().map(|j| (&*j.rule, j.result.is_ok())).collect();
        assert_eq!(seen, [("broken", false), ("fine", true)]);
    }
    let mut other = item();
    other.fields.set("count", Value::text("y"));
    assert!(book.judge(&Arc::new(other), today())[0].result.is_ok(), "an error on one item is not another's");
}

#[test]
fn what_a_rule_prints_goes_to_explain() {
    let book = book("fn windows(item) { print(item.title); print(item.nothing); [] }");
    let printed = |judgements: Vec<duban::rules::Judgement>| judgements[0].result.clone().expect("answer").printed;
    assert_eq!(printed(book.explain(&Arc::new(item()), today())), ["电梯停运", "missing"]);
    assert!(printed(book.judge(&Arc::new(item()), today())).is_empty());
}

#[test]
fn long_texts_are_cut_and_long_lists_refused() {
    let mut subject = item();
    subject.fields.set("title", Value::text("督".repeat(10_000)));
    let rule = "fn findings(item) { [red(\"x\", `${item.title.len()}`)] }";
    assert_eq!(&*judge(rule, subject.clone()).expect("answer").findings[0].text, "1365");
    subject.fields.set("lines", Value::List(vec![Value::Int(1); 1_001]));
    let error = judge("fn findings(item) { item.lines.len(); [] }", subject).expect_err("too long");
    assert!(error.message.contains("at most 1000 rows, got 1001"), "{error}");
}

#[test]
fn words_that_the_language_keeps_for_itself_are_no_properties() {
    for word in
        "new case match default use with until private public static shared thread sync go void null nil package \
                 module is goto spawn async await yield var as super this eval call print debug import export"
            .split_whitespace()
    {
        assert!(!is_property(word), "{word}");
        // `is_shared` is one of those words too.
        assert!(word == "shared" || is_property(&format!("is_{word}")), "is_{word}");
    }
    for word in ["", "1x", "a-b", "办件号", "a b", "a.b", "x; loop {}", "if", "let"] {
        assert!(!is_property(word), "{word}");
    }
    for word in
        ["received_at", "source", "id", "kind", "title", "type", "limit", "from", "done", "item", "window", "len"]
    {
        assert!(is_property(word), "{word}");
    }
}

#[test]
fn the_lint_knows_what_no_source_maps() {
    let book = book(
        "fn applies(t) { t.kind == \"ticket\" && t.titel != () }
         fn late(item) { item.lines.some(|line| line.whatever) || item[\"helper\"] }
         fn windows(item) { if late(item) { [] } else { [window(\"a\", \"1wd\", #{ from: item.recieved_at })] } }",
    );
    let mapped = BTreeSet::from(["title", "received_at", "lines"]);
    let found: Vec<String> = book.unmapped(&mapped, None).into_iter().map(|error| error.message).collect();
    assert_eq!(
        found,
        [
            "no source maps a field `helper`",
            "no source maps a field `recieved_at`; did you mean `received_at`?",
            "no source maps a field `titel`; did you mean `title`?",
        ]
    );
    let unmapped = |kind: &str| book.unmapped(&mapped, Some(&BTreeSet::from([kind.to_owned()]))).len();
    assert_eq!([unmapped("ticket"), unmapped("task")], [3, 0], "a rule for other kinds waits for a source of them");
    let fields = book.rules().next().expect("rule").fields;
    assert_eq!(fields, ["helper", "kind", "lines", "recieved_at", "titel"]);
}

#[test]
fn the_kinds_that_a_rule_asks_for_are_known_without_running_it() {
    for (applies, kinds) in [
        ("item.kind == \"ticket\" && item.type in [\"建议\"]", &["ticket"][..]),
        ("\"task\" == item.kind || item.kind in [\"project\", \"node\"]", &["task", "project", "node"]),
        ("item.title == \"ticket\"", &[]),
    ] {
        let book = book(&format!("fn applies(item) {{ {applies} }} fn windows(item) {{ [] }}"));
        assert_eq!(book.rules().next().expect("rule").kinds, kinds, "{applies}");
    }
}

#[test]
fn the_shipped_rule_tests_can_be_read_and_their_items_judged() {
    for name in ["2110", "137"] {
        let path = format!("rules/tests/{name}.toml");
        let text = std::fs::read_to_string(&path).expect("a file of rule tests");
        let cases = CaseFile::read(&path, &text).unwrap_or_else(|error| panic!("{error}")).cases;
        assert!(cases.len() > 2);
        for case in cases {
            let mut parameters = tables(&std::fs::read_to_string("rules/params.toml").expect("parameters"));
            parameters.override_params(&case.params).expect("parameters that exist");
            let rule = std::fs::read_to_string(format!("rules/{name}.rhai")).expect("a rule");
            let book = Rulebook::compile(&[file(name, &rule)], &parameters, zone()).expect("a rule");
            let history = case.history(zone()).unwrap_or_else(|error| panic!("{error}"));
            for expected in &case.expectations {
                let now = expected.at.instant(zone());
                let seen = history.iter().rev().find(|(at, _)| *at <= now).expect("an item by then");
                let judged = book.judge(&Arc::new(seen.1.clone()), today()).pop();
                let judged = judged.map(|j| j.result.unwrap_or_else(|error| panic!("{error}"))).unwrap_or_default();
                let Some(windows) = &expected.windows else { continue };
                let names = |w: &Window| w.name.to_string();
                assert_eq!(
                    judged.windows.iter().map(names).collect::<Vec<_>>(),
                    windows.iter().map(|w| w.name.clone()).collect::<Vec<_>>(),
                    "{}",
                    case.name
                );
                for (window, expected) in judged.windows.iter().zip(windows) {
                    assert!(expected.limit.as_ref().is_none_or(|limit| window.limit.to_string() == *limit));
                }
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    /// Whatever stands in a file, reading it and judging by it ends with an answer or with an error that can be shown.
    #[test]
    fn no_file_brings_the_host_down(words in proptest::collection::vec(0..FRAGMENTS.len(), 0..40), noise in "\\PC{0,12}") {
        let text: String = words.iter().map(|n| FRAGMENTS[*n]).collect::<Vec<_>>().join(" ");
        for text in [format!("fn windows(item) {{ {text} }}"), format!("{text}{noise}"), noise] {
            match compile(&text) {
                Ok(book) => {
                    for judgement in book.judge(&Arc::new(item()), today()) {
                        let error = judgement.result.err();
                        assert!(error.as_ref().is_none_or(|error| error.kind != ErrorKind::Internal), "{text}");
                    }
                }
                Err(errors) => assert!(!shown(&errors).is_empty()),
            }
            let mut tables = Tables::new();
            let _ = (tables.read_params("p", &text), tables.read_table("t", "t", &text), CaseFile::read("c", &text));
        }
    }
}

const FRAGMENTS: &[&str] = &[
    "item",
    ".title",
    ".lines",
    ".lines[0]",
    "let x =",
    "x",
    ";",
    "(",
    ")",
    "[",
    "]",
    "#{",
    "}",
    "{",
    "a:",
    ",",
    "|x|",
    "||",
    "+",
    "-",
    "*",
    "/",
    "==",
    "<",
    "in",
    "??",
    "?.",
    "!",
    "()",
    "1",
    "1.5",
    "\"投诉\"",
    "`${x}`",
    "true",
    "if",
    "else",
    "loop",
    "for n in",
    "0..3",
    "return",
    "break",
    "throw",
    "fn f(a)",
    "fn applies(item)",
    "window(\"a\", \"1wd\", #{})",
    ".map(",
    ".filter(",
    ".sort()",
    ".push(",
    ".len()",
    "latest(",
    "gaps(",
    "red(\"a\", \"b\")",
    "const TITLE =",
    "switch",
    "=>",
    "_",
    "=",
    "+=",
    "//",
    "/*",
    "*/",
    "\n",
    "::",
    "param::x",
    "table::t",
    "this",
    "..",
    "as",
    "&&",
    "\u{0}",
];

/// Scripts that mean harm, or look like it, with what is said about them.
const HOSTILE: &[(&str, &str)] = &[
    ("fn windows(item) { [window(\"a\", \"1wd\", #{ from: item.received_at ) ] }", "Expecting '}'"),
    ("fn windows(item) { nonsense }", "unknown name `nonsense`"),
    ("fn windows(item) { nonsense(1) }", "unknown function `nonsense`"),
    ("fn windows(item) { windwo(\"a\", \"1wd\", #{}) }", "unknown function `windwo`; did you mean `window`?"),
    ("fn windows(item) { param::nonsense }", "unknown parameter `nonsense`"),
    ("fn windows(item) { table::nonsense[1] }", "unknown table `nonsense`"),
    ("fn windows(item) { other::nonsense }", "unknown `other::`"),
    ("fn windows(item) { loop { } }", "took more than 100000 operations"),
    ("fn windows(item) { while true { let x = 1; } }", "took more than 100000 operations"),
    ("fn windows(item) { for n in 0..9223372036854775807 { } }", "took more than 100000 operations"),
    ("fn windows(item) { [1,2].map(|x| { loop { } }) }", "took more than 100000 operations"),
    (
        "fn windows(item) { let l = [1,2,3,4,5,6,7,8,9]; let m = l; let n = l;
           loop { l.map(|x| m.map(|y| n.map(|z| x + y + z))); } }",
        "took more than 100000 operations",
    ),
    ("fn f(x) { f(x) } fn windows(item) { f(1) }", "calls itself; a rule has no recursion"),
    ("fn f(x) { g(x) } fn g(x) { f(x) } fn windows(item) { f(1) }", "calls itself; a rule has no recursion"),
    ("fn f(l) { l.map(|x| f([x])) } fn windows(item) { f([1]) }", "calls itself; a rule has no recursion"),
    ("fn windows(item) { let s = \"0123456789abcdef\"; loop { s += s; } }", "length of string too large"),
    ("fn windows(item) { let s = \"x\"; loop { s = `${s}${s}`; } }", "length of string too large"),
    ("fn windows(item) { let l = [1]; loop { l += l; } }", "size of array/blob too large"),
    ("fn windows(item) { let l = [1]; loop { l = [l, l]; } }", "size of array/blob too large"),
    ("fn windows(item) { let l = []; loop { l.push(l); } }", "size of array/blob too large"),
    ("fn windows(item) { let l = []; loop { l.push(#{ a: 1 }); } }", "size of object map too large"),
    ("fn windows(item) { let m = #{ a: 1 }; loop { m = #{ a: m, b: m }; } }", "size of object map too large"),
    (
        "fn windows(item) { let m = #{}; let i = 0; loop { m[\"k\" + i] = [1, 2, 3]; i += 1; } }",
        "a value is not changed in place",
    ),
    ("fn windows(item) { let m = #{ a: 1 }; m.a = m; }", "a value is not changed in place"),
    ("fn windows(item) { let l = [1]; l[0] = l; }", "a value is not changed in place"),
    ("fn windows(item) { let l = [1]; l[0] += 1; }", "a value is not changed in place"),
    ("fn windows(item) { item.title = \"x\"; }", "a value is not changed in place"),
    (
        "fn windows(item) { let m = #{}; let i = 0; loop { m.set(\"k\" + i, 1); i += 1; } }",
        "size of object map too large",
    ),
    (
        "fn windows(item) { let l = []; for n in 0..900 { l.push(n); } let m = [];
           let k = l; for n in 0..900 { m = l.map(|x| k); } }",
        "is too large",
    ),
    (
        "fn windows(item) { let l = []; for n in 0..900 { l.push(item.received_at); } loop { let m = l; } }",
        "moved more than 2000000 elements",
    ),
    (
        "fn windows(item) { let l = []; for n in 0..900 { l.push(item.received_at); } loop { l.sort(); l.reverse(); } }",
        "moved more than 2000000 elements",
    ),
    ("fn windows(item) { let s = \"ab\"; for n in 0..10 { s += s; } loop { s.to_upper(); s.split(\"b\"); } }", ""),
    (
        "fn windows(item) { let s = \"ab\"; for n in 0..10 { s += s; } let l = [s]; loop { s in s; } }",
        "took more than 100000 operations",
    ),
    ("fn windows(item) { \"x\".pad(100000000, \"y\") }", "unknown function `pad`"),
    ("fn windows(item) { blob(4000000000) }", "unknown function `blob`"),
    ("fn windows(item) { sleep(100000) }", "unknown function `sleep`"),
    ("fn windows(item) { timestamp() }", "unknown function `timestamp`"),
    ("fn windows(item) { eval(\"1\") }", "eval"),
    ("import \"x\" as x; fn windows(item) { [] }", "import"),
    ("export let x = 1; fn windows(item) { [] }", "export"),
    ("fn windows(item) { exit(1) }", "unknown function `exit`"),
    ("fn windows(item) { parse_json(\"{}\") }", "unknown function `parse_json`"),
    ("fn windows(item) { Fn(\"windows\").call(item) }", "Fn"),
    ("fn windows(item) { let f = |x| x; f.call(1) }", "a closure stands where it is used"),
    ("fn windows(item) { let l = [1]; l.map(|x| l) }", "cannot be used inside its own"),
    ("fn windows(item) { let l = [1]; let fs = []; loop { let m = l; fs.push(|| m); } }", "a closure stands"),
    ("fn windows(item) { [|x| x] }", "a closure stands where it is used"),
    ("fn k(f) { [f] } fn windows(item) { k(|x| x) }", "a closure stands where it is used"),
    ("fn k(x) { x } fn windows(item) { [k] }", "k"),
    ("fn windows(item) { [1].map(|x| |y| x) }", "a closure stands where it is used"),
    ("fn windows(item) { try { loop { } } catch { } [] }", "try"),
    ("fn windows(item) { let x = break [1]; }", ""),
    ("fn windows(item) { loop { break [1]; } }", "`break` does not take a value"),
    ("fn windows(item) { this.x }", "this"),
    ("fn windows(item) { let l = [2, 1]; l.sort(|a, b| { throw \"z\" }); [] }", "the rule threw: z"),
    ("fn windows(item) { let l = [2, 1]; l.sort(|a, b| ()); [] }", "the function returns a number, got missing"),
    ("fn windows(item) { let l = [3, 2, 1]; l.sort(|a, b| 1); [] }", ""),
    ("fn windows(item) { [1].filter(|x| x); }", "the function returns true or false, got number"),
    ("fn windows(item) { throw \"mine\"; }", "the rule threw: mine"),
    ("fn windows(item) { 1 + true }", "one kind"),
    ("fn windows(item) { [][5] }", "out of bounds"),
    ("fn windows(item) { item }", "windows returns a list of window(…), got item"),
    ("let x = 1; fn windows(item) { [] }", "outside its functions a rule has constants only"),
    ("const TITEL = \"x\"; fn windows(item) { [] }", "unknown constant TITEL; did you mean TITLE?"),
    ("const SERVES = \"001-13 001-13\"; fn windows(item) { [] }", "SERVES: expected ids such as"),
    ("const SERVES = \"第13条\"; fn windows(item) { [] }", "each once, got \"第13条\""),
    ("const TITLE = 1; fn windows(item) { [] }", "TITLE is a text"),
    ("const EFFECTIVE = \"1.1.2024\"; fn windows(item) { [] }", "EFFECTIVE is a date such as 2024-01-01"),
    ("const RECHECK = \"hourly\"; fn findings(item, today) { [] }", "RECHECK is daily, working-daily or monthly"),
    ("const RECHECK = \"daily\"; fn findings(item) { [] }", "there is only RECHECK"),
    ("fn findings(item, today) { [] }", "there is only findings(item, today)"),
    ("fn windows(item, today) { [] }", "windows takes (item), got 2 arguments"),
    ("fn window_s(item) { [] }", "did you mean `windows`?"),
    ("fn help(item) { [] }", "a rule has applies(item), windows(item) or findings(item)"),
    ("fn windows(item) { [] } fn windows(item, x) { [] }", "two functions are called `windows`"),
    ("fn windows(item) { latest(1, 2) }", "latest: expected an instant, got number"),
    ("", "a rule has applies(item)"),
];

#[test]
fn no_script_hurts() {
    reset_peak();
    let before = memory("VmRSS");
    let mut wrong = Vec::new();
    for (script, says) in HOSTILE {
        let outcome = timed(script);
        let error = outcome.err().map_or_else(String::new, |errors| shown(&errors));
        let placed = error.is_empty() || error.starts_with("rules/r.rhai:1:") || error.starts_with("rules/r.rhai:2:");
        if !error.contains(says) || !placed {
            wrong.push(format!("{script}\n  expected {says}\n{error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for script in bombs() {
        let errors = timed(&script).expect_err("a bomb");
        assert!(matches!(errors[0].kind, ErrorKind::Bounds | ErrorKind::Text), "{script}: {}", shown(&errors));
    }
    let grown = memory("VmHWM").saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB");
}

/// The largest values that limits allow, as many at once as the text allows, copied as often as a run allows.
fn bombs() -> Vec<String> {
    let fill = "let l = []; for n in 0..990 { l.push(item.received_at); }
                let m = #{}; for n in 0..490 { m.set(\"a-key-longer-than-what-fits-into-the-small-form-\" + n, item.received_at); }";
    let copies = (0..50).map(|n| format!("let v{n} = [l, m];")).collect::<Vec<_>>().concat();
    let nested = (0..30).fold("0".to_owned(), |inner, _| format!("keep([{inner}].len(), [m], [m], [m])"));
    let chain = (0..12)
        .map(|n| format!("fn f{n}(l, m) {{ let a = l; let b = m; f{}(a, b) }}", n + 1))
        .collect::<Vec<_>>()
        .concat();
    vec![
        format!("fn windows(item) {{ {fill} {copies} loop {{ let x = v1; }} }}"),
        format!("fn keep(a, b, c, d) {{ a }} fn windows(item) {{ {fill} loop {{ let x = {nested}; }} }}"),
        format!("{chain} fn f12(l, m) {{ loop {{ let x = [l, m]; }} }} fn windows(item) {{ {fill} f0(l, m) }}"),
        format!("fn windows(item) {{ {fill} let k = l; l.map(|x| k.map(|y| m)) }}"),
        format!("fn windows(item) {{ {fill} let c = [0]; loop {{ c = c.map(|x| [m]); }} }}"),
        "fn windows(item) { loop { let all = item.lines.map(|x| item.lines); } }".to_owned(),
        format!("fn windows(item) {{ {} }}", "let x = 1;".repeat(26_000)),
        format!("fn windows(item) {{ {}1{} }}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("fn windows(item) {{ {}1{} }}", "[".repeat(40), "]".repeat(40)),
        format!("fn windows(item) {{ {} }}", "1+".repeat(5_000)),
        format!("fn windows(item) {{ latest({}) }}", vec!["1"; 13].join(", ")),
        format!("fn windows(item) {{ #{{ {}: 1 }} }}", "k".repeat(65)),
    ]
}

/// Compiles and runs a script, which may take 250 ms for either; without optimisation three times as long.
fn timed(script: &str) -> Result<(), Vec<RuleError>> {
    #[expect(clippy::disallowed_methods, reason = "the time of a run is what is tested")]
    let start = std::time::Instant::now();
    let outcome = compile(script);
    let compiled = start.elapsed();
    let outcome = outcome.and_then(|book| {
        let judged = book.judge(&Arc::new(item()), today());
        judged.into_iter().try_for_each(|judgement| judgement.result.map(|_| ()).map_err(|error| vec![error]))
    });
    let (compiled, run) = (compiled.as_millis(), start.elapsed().saturating_sub(compiled).as_millis());
    let start: String = script.chars().take(200).collect();
    let most = if cfg!(debug_assertions) { 750 } else { 250 };
    assert!(compiled < most && run < most, "{compiled} ms to compile, {run} ms to run: {start}");
    outcome
}

fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
}

/// A figure of this process in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a figure");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}
