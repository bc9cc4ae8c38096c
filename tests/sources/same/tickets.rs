//! Tickets as real systems have them, with everything that is awkward about them: what each system stores, and the item
//! that it must become. Nothing here knows a mapping.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _, Utc};
use serde_json::{Value as Json, json};

/// One value, before any system writes it in its own way.
#[derive(Debug, Clone)]
pub enum Cell {
    Nothing,
    Text(String),
    Whole(i64),
    /// With two digits after the point: so many hundredths.
    Hundredths(i64),
    Real(f64),
    Truth(bool),
    /// What the clock on the wall shows.
    Wall(NaiveDateTime),
    Day(NaiveDate),
    Instant(DateTime<Utc>),
    Json(Json),
}

/// A column, and its types on PostgreSQL and MariaDB.
pub type Column = (&'static str, &'static str, &'static str);

/// A table of some system.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    pub rows: Vec<Vec<Cell>>,
}

/// The tickets, their steps, and the items that both must become.
pub struct City {
    pub tickets: Table,
    pub steps: Table,
    pub items: Vec<Json>,
}

const TICKETS: &[Column] = &[
    ("编号", "varchar(40)", "varchar(40)"),
    ("类别", "text", "varchar(20)"),
    ("标题", "text", "varchar(400)"),
    ("内容", "text", "mediumtext"),
    ("状态", "varchar(20)", "enum('办理中','已办结','补正','转办')"),
    ("承办单位", "text", "varchar(100)"),
    ("电话", "text", "varchar(40)"),
    ("受理时间", "timestamp", "datetime"),
    ("登记时间", "timestamptz", "timestamp NULL"),
    ("变更时间", "timestamp(3)", "datetime(3)"),
    ("截止日期", "date", "date"),
    ("到场时间", "text", "varchar(40)"),
    ("金额", "numeric(14,2)", "decimal(14,2)"),
    ("评分", "double precision", "double"),
    ("次数", "integer", "int"),
    ("流水号", "bigint", "bigint"),
    ("急件", "boolean", "boolean"),
    ("暂停", "jsonb", "json"),
    ("延期", "text", "varchar(10)"),
    ("延期批准", "timestamp", "datetime"),
    ("延期依据", "text", "varchar(100)"),
    ("历史", "jsonb", "json"),
];

const STEPS: &[Column] = &[
    ("id", "integer", "int"),
    ("编号", "varchar(40)", "varchar(40)"),
    ("环节", "text", "varchar(40)"),
    ("完成时间", "timestamp", "datetime"),
    ("工时", "numeric(6,2)", "decimal(6,2)"),
];

/// How the columns are read.
pub const MAPPING: &str = r#"
    id = "编号"
    kind = { column = "类别", values = { "投诉" = "complaint", "咨询" = "enquiry" } }
    timezone = "Asia/Shanghai"
    time_formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d"]
    missing = ["", "无"]
    [fields]
    title = "标题"
    text = "内容"
    status = { column = "状态", values = { "已办结" = "closed", "办理中" = "open", "补正" = "waiting" } }
    unit = "承办单位"
    phone = "电话"
    received_at = "受理时间"
    registered_at = "登记时间"
    changed_at = "变更时间"
    until_at = "截止日期"
    on_site_at = "到场时间"
    amount = { column = "金额", type = "number" }
    score = { column = "评分", type = "number" }
    times = { column = "次数", type = "integer" }
    serial = { column = "流水号", type = "integer" }
    urgent = { column = "急件", type = "bool" }
    history = { column = "历史", type = "json" }
    region = { value = "示范区" }
    [pauses]
    column = "暂停"
    [extensions]
    amount = "延期"
    approved_at = "延期批准"
    basis = { column = "延期依据" }
"#;

/// How the steps are read.
pub const STEP_MAPPING: &str = r#"
    id = "id"
    kind = "step"
    timezone = "Asia/Shanghai"
    time_formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
    [fields]
    ticket = "编号"
    name = "环节"
    done_at = "完成时间"
    hours = { column = "工时", type = "number" }
"#;

/// The columns that each system writes in a way of its own: `true` or `1`, `12.50` or `12.5`, `…T…` or a blank.
pub const OWN_WAYS: [&str; 10] =
    ["受理时间", "登记时间", "变更时间", "截止日期", "金额", "评分", "急件", "暂停", "延期批准", "历史"];

const TITLES: [&str; 15] = [
    "占道经营",
    "占道, \"经营\"; '夜间'",
    "反斜杠 \\ 与 \\n 与 %s 与 {{ x }}",
    "🚧 道路破损 👩‍🔧 𠮷野家",
    "  前后有空格  ",
    "末尾有空格 ",
    "　全角空格　",
    "制表\t符",
    "第一行\n第二行\n\n第四行",
    "回车\r\n换行",
    "=1+1",
    "'001",
    "001",
    "１２３号楼",
    "Ünïcödé é e\u{301} ß ﬁ",
];

/// Chance that is the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).expect("small")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// A second of two years.
    fn wall(&mut self) -> NaiveDateTime {
        let begin = NaiveDate::from_ymd_opt(2025, 1, 1).expect("a day").and_time(chrono::NaiveTime::MIN);
        match self.below(8) {
            // Midnight, and a minute.
            0 => begin + TimeDelta::days(self.small(700)),
            1 => begin + TimeDelta::minutes(self.small(1_000_000)),
            _ => begin + TimeDelta::seconds(self.small(60_000_000)),
        }
    }

    fn small(&mut self, end: usize) -> i64 {
        i64::try_from(self.below(end)).expect("small")
    }
}

/// Eight hours before UTC, always.
fn instant(wall: NaiveDateTime) -> DateTime<Utc> {
    (wall - TimeDelta::hours(8)).and_utc()
}

/// An instant as items show it.
fn shown(at: DateTime<Utc>) -> Json {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into()
}

impl City {
    /// So many tickets.
    pub fn new(count: usize) -> Self {
        let mut chance = Chance(5);
        let mut city = Self {
            tickets: Table { name: "ticket", columns: TICKETS, rows: Vec::new() },
            steps: Table { name: "step", columns: STEPS, rows: Vec::new() },
            items: Vec::new(),
        };
        for number in 0..count {
            city.add(number, &mut chance);
        }
        city
    }

    fn add(&mut self, number: usize, chance: &mut Chance) {
        let id = match number % 4 {
            0 => format!("{number:012}"),
            1 => format!("示范〔2026〕{number}号"),
            2 => format!("12345-{number:06}A"),
            _ => format!("3501{number:014}"),
        };
        let mut draft = Draft::default();
        let written = if chance.one_in(10) { format!(" {id} ") } else { id.clone() };
        draft.row.push(Cell::Text(written));
        let kind = draft.kind(chance);
        draft.texts(number, chance);
        draft.times(chance);
        draft.numbers(chance);
        let pauses = draft.pauses(chance);
        let extensions = draft.extensions(chance);
        draft.history(chance);
        draft.fields.insert("region".into(), "示范区".into());
        let steps = self.add_steps(&id, chance);
        draft.fields.insert("steps".into(), steps);
        let mut item = json!({ "id": id, "kind": kind, "fields": draft.fields });
        for (name, list) in [("pauses", pauses), ("extensions", extensions)] {
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                item[name] = list;
            }
        }
        assert_eq!(draft.row.len(), TICKETS.len());
        self.tickets.rows.push(draft.row);
        self.items.push(item);
    }

    fn add_steps(&mut self, ticket: &str, chance: &mut Chance) -> Json {
        let mut list = Vec::new();
        for _ in 0..chance.below(3) {
            let id = i64::try_from(self.steps.rows.len()).expect("small") + 1;
            let name = chance.of(&["受理", "转派 ", "现场\n核查", "回访🙂"]);
            let done = (!chance.one_in(3)).then(|| chance.wall());
            let quarters = chance.small(40);
            self.steps.rows.push(vec![
                Cell::Whole(id),
                Cell::Text(ticket.to_owned()),
                Cell::Text(name.to_owned()),
                done.map_or(Cell::Nothing, Cell::Wall),
                Cell::Hundredths(quarters * 25),
            ]);
            let done = done.map_or(Json::Null, |done| shown(instant(done)));
            let hours = hundredths(quarters * 25);
            list.push(
                json!({ "id": id.to_string(), "ticket": ticket, "name": name.trim(), "done_at": done, "hours": hours }),
            );
        }
        list.into()
    }
}

/// A number as items show it: whole if it is whole.
fn hundredths(number: i64) -> Json {
    if number % 100 == 0 {
        json!(number / 100)
    } else {
        json!(format!("{number}e-2").parse::<f64>().expect("a number"))
    }
}

/// A row and the fields that it must become.
#[derive(Default)]
struct Draft {
    row: Vec<Cell>,
    fields: serde_json::Map<String, Json>,
}

impl Draft {
    fn put(&mut self, field: &str, cell: Cell, value: impl Into<Json>) {
        self.row.push(cell);
        self.fields.insert(field.to_owned(), value.into());
    }

    /// A text that may be empty, or not be there; items have it without the blanks around it.
    fn text(&mut self, field: &str, text: &str, chance: &mut Chance) {
        match chance.below(12) {
            0 => self.put(field, Cell::Nothing, Json::Null),
            1 => self.put(field, Cell::Text(String::new()), Json::Null),
            2 => self.put(field, Cell::Text("无".to_owned()), Json::Null),
            3 => self.put(field, Cell::Text("  ".to_owned()), Json::Null),
            _ => self.put(field, Cell::Text(text.to_owned()), text.trim()),
        }
    }

    fn kind(&mut self, chance: &mut Chance) -> &'static str {
        let (text, kind) = [("投诉", "complaint"), ("咨询", "enquiry"), ("建议", "建议")][chance.below(3)];
        self.row.push(Cell::Text(text.to_owned()));
        kind
    }

    fn texts(&mut self, number: usize, chance: &mut Chance) {
        let title =
            format!("{}{}", chance.of(&TITLES), if chance.one_in(2) { number.to_string() } else { String::new() });
        self.text("title", &title, chance);
        let length = if chance.one_in(40) { 8_000 } else { chance.below(200) };
        let body: String = "市民反映：\"夜间施工\"，\n请核实；🙂 \\ 100%。".chars().cycle().take(length + 1).collect();
        self.text("text", &body, chance);
        let (text, status) =
            [("已办结", "closed"), ("办理中", "open"), ("补正", "waiting"), ("转办", "转办")][chance.below(4)];
        self.put("status", Cell::Text(text.to_owned()), status);
        let unit =
            chance.of(&["示范区住建局", "住建局  ", "０１号窗口", "　城管局", "NULL", "null", "-", "true", "1e5"]);
        self.text("unit", unit, chance);
        let phone = chance.of(&["013800000000", "+86 138-0000-0000", "12345", "０５９１", "2026-01-02", "1/2"]);
        self.text("phone", phone, chance);
    }

    fn times(&mut self, chance: &mut Chance) {
        let received = chance.wall();
        self.put("received_at", Cell::Wall(received), shown(instant(received)));
        let registered = instant(chance.wall());
        if chance.one_in(3) {
            self.put("registered_at", Cell::Nothing, Json::Null);
        } else {
            self.put("registered_at", Cell::Instant(registered), shown(registered));
        }
        let changed = chance.wall() + TimeDelta::milliseconds([0, 500, 250, 120, 7][chance.below(5)]);
        self.put("changed_at", Cell::Wall(changed), shown(instant(changed)));
        let until = received.date() + Days::new(15);
        self.put("until_at", Cell::Day(until), shown(instant(until.and_time(chrono::NaiveTime::MIN))));
        let minute = chance.wall();
        let minute = minute - TimeDelta::seconds(minute.second().into());
        let format = chance.of(&["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", ""]);
        let text = if format.is_empty() { " ".to_owned() } else { minute.format(format).to_string() };
        let value = if format.is_empty() { Json::Null } else { shown(instant(minute)) };
        self.put("on_site_at", Cell::Text(text), value);
    }

    fn numbers(&mut self, chance: &mut Chance) {
        let amount = chance.small(2_000_000_000) - 500_000_000;
        let amount = if chance.one_in(4) { amount / 100 * 100 } else { amount };
        if chance.one_in(8) {
            self.put("amount", Cell::Nothing, Json::Null);
        } else {
            self.put("amount", Cell::Hundredths(amount), hundredths(amount));
        }
        let (score, shown) = [
            (0.1, json!(0.1)),
            (1.5, json!(1.5)),
            (-2.25, json!(-2.25)),
            (3.0, json!(3)),
            (0.0, json!(0)),
            (1e-7, json!(1e-7)),
            (123_456_789.012, json!(123_456_789.012)),
            (-1e15, json!(-1_000_000_000_000_000_i64)),
        ][chance.below(8)]
        .clone();
        self.put("score", Cell::Real(score), shown);
        let times = chance.small(7) - 3;
        self.put("times", Cell::Whole(times), times);
        let serials = [i64::MAX, i64::MIN, 9_007_199_254_740_993, -9_007_199_254_740_993, 1_000_000_000_000_000, 0];
        let serial = serials[chance.below(6)];
        self.put("serial", Cell::Whole(serial), serial);
        match chance.below(3) {
            0 => self.put("urgent", Cell::Nothing, Json::Null),
            yes => self.put("urgent", Cell::Truth(yes == 1), yes == 1),
        }
    }

    fn pauses(&mut self, chance: &mut Chance) -> Json {
        let (mut cells, mut list) = (Vec::new(), Vec::new());
        for _ in 0..chance.below(3) {
            let (from, hours) = (chance.wall(), chance.small(100));
            let to = from + TimeDelta::hours(hours);
            let text = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M:%S").to_string();
            if chance.one_in(2) {
                cells.push(json!({ "to": null, "from": text(from), "kind": "专家评审", "basis": "  " }));
                list.push(json!({ "from": shown(instant(from)), "kind": "专家评审" }));
            } else {
                cells.push(json!({ "from": text(from), "to": text(to), "basis": "条例第九条“但书”", "more": 1.50 }));
                let (from, to) = (shown(instant(from)), shown(instant(to)));
                list.push(json!({ "from": from, "to": to, "basis": "条例第九条“但书”" }));
            }
        }
        self.row.push(if cells.is_empty() { Cell::Nothing } else { Cell::Json(cells.into()) });
        list.into()
    }

    fn extensions(&mut self, chance: &mut Chance) -> Json {
        if !chance.one_in(4) {
            self.row.extend([Cell::Text(String::new()), Cell::Nothing, Cell::Nothing]);
            return json!([]);
        }
        let approved = chance.wall();
        let (text, amount) = if chance.one_in(2) { ("5wd", json!("5wd")) } else { ("10", json!(10)) };
        let basis = Cell::Text("复杂事项".to_owned());
        self.row.extend([Cell::Text(text.to_owned()), Cell::Wall(approved), basis]);
        json!([{ "amount": amount, "approved_at": shown(instant(approved)), "basis": "复杂事项" }])
    }

    fn history(&mut self, chance: &mut Chance) {
        if chance.one_in(3) {
            return self.put("history", Cell::Nothing, Json::Null);
        }
        let at = chance.wall();
        let text = at.format("%Y-%m-%d %H:%M:%S").to_string();
        let number = chance.small(1000) - 500;
        let cell = json!([
            { "step": "派单\n\"二次\" 🙂", "from_at": text, "to_at": null, "n": number, "ok": true },
            { "zz": 1.25, "a": { "名": "甲 ", "b": [] }, "from_at": "", "whole": 2.0, "none": null },
        ]);
        let value = json!([
            { "from_at": shown(instant(at)), "n": number, "ok": true, "step": "派单\n\"二次\" 🙂", "to_at": null },
            { "a": { "b": [], "名": "甲 " }, "from_at": null, "none": null, "whole": 2, "zz": 1.25 },
        ]);
        self.put("history", Cell::Json(cell), value);
    }
}
