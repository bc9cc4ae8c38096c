//! `duban contacts`: forty directories with one fault each, a list as a spreadsheet saves it, and what is written back.

use super::desk::Desk;
use super::golden;

/// A directory without a fault, and what takes its place in a case.
const HEADER: &str = "id,name,unit,region,level,roles,mobile,email,deputy,secretary,secretary_mode,from,until\n";
const SOUND: &str = "z1,甲一,住建局,京口,L1,unit_contact,13800000001,z1@example.com,z2,,,,\n\
    z2,甲二,住建局,京口,L1,,13800000002,z2@example.com,,,,,\n\
    l1,乙一,,,L2,leader,13800000003,l1@example.com,,,,,\n\
    op,丙一,,,L0,operator,,op@example.com,,,,,\n";
const ABSENT: &str = "contact,from,until,deputy,reason\n";

/// The sound directory with one line in the place of another, or one more.
fn with(line: &str) -> String {
    let id = line.split(',').next().unwrap_or_default();
    let kept = SOUND.split_inclusive('\n').filter(|known| !known.starts_with(&format!("{id},")));
    format!("{HEADER}{}{line}\n", kept.collect::<String>())
}

/// A name, contacts and absences; an absence in the far future needs no clock.
fn cases() -> Vec<(&'static str, String, String)> {
    let contacts = |name, line: &str| (name, with(line), ABSENT.to_owned());
    let text = |name, text: &str| (name, text.to_owned(), ABSENT.to_owned());
    let absence = |name, line: &str| (name, format!("{HEADER}{SOUND}"), format!("{ABSENT}{line}\n"));
    vec![
        text("no column for names", "id,unit\nz1,住建局\n"),
        text("an unknown column", "id,name,mobil\nz1,甲一,13800000001\n"),
        text("two columns for one thing", "编号,姓名,手机,电话\nz1,甲一,13800000001,13800000001\n"),
        text("only a title", "联系人名单\n"),
        text("a cell too many", "id,name,unit\nz1,甲一,住建局,x\n"),
        text("a cell too few", "id,name,unit\nz1,甲一\n"),
        text("a quote that does not end", "id,name,unit\nz1,\"甲一,住建局\nz2,甲二,住建局\n"),
        contacts("no id", ",甲三,住建局,京口,L1,,,,,,,,"),
        contacts("no name", "z3,,住建局,京口,L1,,,,,,,,"),
        text("an id that stands twice", "id,name\nz1,甲一\nz1,甲二\n"),
        contacts("an id that lost digits", "1.00001E+17,甲三,住建局,京口,L1,,,,,,,,"),
        contacts("a mobile that lost digits", "z3,甲三,住建局,京口,L1,,1.38E+10,z3@example.com,,,,,"),
        contacts("a mobile with ten digits", "z3,甲三,住建局,京口,L1,,1380000000,z3@example.com,,,,,"),
        contacts("a mobile with twelve digits", "z3,甲三,住建局,京口,L1,,138000000011,z3@example.com,,,,,"),
        contacts("a landline without area code", "z3,甲三,住建局,京口,L1,,88880001,z3@example.com,,,,,"),
        contacts("two numbers in one cell", "z3,甲三,住建局,京口,L1,,13800000004、13800000005,,,,,,"),
        contacts("a number that is a name", "z3,甲三,住建局,京口,L1,,王工,z3@example.com,,,,,"),
        contacts("a column that was too narrow", "z3,甲三,住建局,京口,L1,,,,,,,########,"),
        contacts("a formula that failed", "z3,#N/A,住建局,京口,L1,,,,,,,,"),
        contacts("characters that were lost", "z3,甲\u{fffd},住建局,京口,L1,,,,,,,,"),
        contacts("a mail address without @", "z3,甲三,住建局,京口,L1,,,z3.example.com,,,,,"),
        contacts("two mail addresses", "z3,甲三,住建局,京口,L1,,,a@example.com;b@example.com,,,,,"),
        contacts("a date in another order", "z3,甲三,住建局,京口,L1,,,,,,,31.1.2026,"),
        contacts("a day that is none", "z3,甲三,住建局,京口,L1,,,,,,,2026-02-30,"),
        contacts("an end before the beginning", "z3,甲三,住建局,京口,L1,,,,,,,2026-02-02,2026-02-01"),
        contacts("a way of secretaries that is none", "z3,甲三,住建局,京口,L1,,,,,z2,both,,"),
        contacts("a way without a secretary", "z3,甲三,住建局,京口,L1,,,,,,copy,,"),
        contacts("a deputy who is nobody", "z2,甲二,住建局,京口,L1,,13800000002,z2@example.com,z9,,,,"),
        contacts("a deputy who is oneself", "z2,甲二,住建局,京口,L1,,13800000002,z2@example.com,z2,,,,"),
        contacts("a deputy who left", "z2,甲二,住建局,京口,L1,,13800000002,z2@example.com,,,,,2020-01-31"),
        contacts("deputies in a circle", "z2,甲二,住建局,京口,L1,,13800000002,z2@example.com,z1,,,,"),
        contacts("a secretary who is nobody", "l1,乙一,,,L2,leader,13800000003,l1@example.com,,z9,copy,,"),
        contacts("one mobile for two persons", "z2,甲二,住建局,京口,L1,,138-0000-0001,z2@example.com,,,,,"),
        contacts("one mail address for two persons", "z2,甲二,住建局,京口,L1,,13800000002,Z1@example.com,,,,,"),
        contacts("one name for two persons of a unit", "z2,甲　一,住建局,京口,L1,,13800000002,z2@example.com,,,,,"),
        contacts("a role that nobody holds", "l1,乙一,,,L2,,13800000003,l1@example.com,,,,,"),
        contacts("a role that nobody holds for a unit", "w1,丁一,水务局,润州,L1,,13800000004,w1@example.com,,,,,"),
        contacts("a role that nothing asks for", "z2,甲二,住建局,京口,L1,clerk,13800000002,z2@example.com,,,,,"),
        contacts("a landline where messages are short", "l1,乙一,,,L2,leader,0511-88880001,l1@example.com,,,,,"),
        contacts("no address at all", "l1,乙一,,,L2,leader,,,,,,,"),
        absence("an absence of nobody", "z9,2099-01-05,2099-01-09,,"),
        absence("an absence of a name that is nobody's", "戊一,2099-01-05,2099-01-09,,"),
        absence("an absence without its last day", "z1,2099-01-05,,,"),
        absence("an absence that ends before it begins", "z1,2099-01-05,2099-01-04,,"),
        absence("an absence with oneself as deputy", "z1,2099-01-05,2099-01-09,z1,"),
        absence("an absence without a deputy", "l1,2099-01-05,2099-01-09,,"),
        absence(
            "a deputy who is away too",
            "z1,2099-01-05,2099-01-09,,\nz2,2099-01-07,2099-01-07,l1,\nl1,2099-01-07,2099-01-07,op,\nop,2099-01-07,2099-01-07,l1,",
        ),
        absence("an absence that stands twice", "z1,2099-01-05,2099-01-09,,\nz1,2099-01-09,2099-01-10,,"),
        absence("an absence that is long over", "z1,2020-01-05,2020-01-09,,"),
    ]
}

/// Every role of the ladder is held, so that what is said is about the case.
const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler", "unit_contact"]
yellow = ["mail"]
red = ["mail"]
[[handlers.steps]]
roles = ["leader"]
red = ["mail", "sms"]
after = "1wd"
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

fn desk(contacts: &str, absences: &str) -> Desk {
    let desk = Desk::new();
    for (name, text) in
        [("ladders.toml", LADDERS), ("contacts.csv", contacts), ("absences.csv", absences), ("routes.toml", "")]
    {
        desk.put(name, text);
    }
    desk
}

#[test]
fn a_sound_directory_has_no_doubts() {
    let run = desk(&format!("{HEADER}{SOUND}"), ABSENT).duban("en", &["contacts", "check"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
}

#[test]
fn a_directory_with_one_fault_is_told_that_one_in_both_languages() {
    let mut found = String::new();
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (name, contacts, absences) in cases {
        let desk = desk(&contacts, &absences);
        let [chinese, english] = ["zh-CN", "en"].map(|language| desk.duban(language, &["contacts", "check"]));
        assert_eq!(chinese.status, english.status, "{name}");
        assert!(!english.stdout.is_empty(), "{name} is told: {english:?}");
        assert_eq!(chinese.stdout.lines().count(), english.stdout.lines().count(), "{name}");
        found.extend(
            [&format!("== {name} ({})\n", english.status), &chinese.stdout, &english.stdout].map(String::as_str),
        );
    }
    golden("contacts-faults.txt", &found);
}

/// As a spreadsheet of an office saves it: GB18030, CRLF, a title above, Chinese columns.
fn spreadsheet(rows: &str) -> Vec<u8> {
    let text = format!("示范区联系人名单,,,,,,\r\n序号,编号,姓名,单位,手机,角色,止\r\n{}", rows.replace('\n', "\r\n"));
    encoding_rs::GB18030.encode(&text).0.into_owned()
}

#[test]
fn a_list_that_a_spreadsheet_damaged_is_mended_or_refused_with_the_cells_named() {
    let desk = desk(&format!("{HEADER}{SOUND}"), ABSENT);
    let file = desk.path().join("名单.csv");
    let rows = "1,１００１,甲一,住建局,1.38E+10,联络员,\n\
        2,1002.0,甲二,住建局,１３８０００００００２,unit_contact；leader,2030年1月31日\n\
        3,'1003,甲二,住建局,'13800000003,operator,46027\n";
    std::fs::write(&file, spreadsheet(rows)).expect("written");
    let import = |desk: &Desk, language, more: &[&str]| {
        desk.duban(language, &[&["contacts", "import", &file.display().to_string()], more].concat())
    };
    let refused = import(&desk, "en", &[]);
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(refused.stderr.contains("名单.csv:3: 手机: expected all digits, got \"1.38E+10\""), "{refused:?}");
    assert_eq!(std::fs::read_to_string(desk.path().join("contacts.csv")).expect("a list"), format!("{HEADER}{SOUND}"));

    // Typed again as text; that two persons of one name are in one unit is told, and nothing more is guessed.
    std::fs::write(&file, spreadsheet(&rows.replace("1.38E+10", "138 0000 0001"))).expect("written");
    let check = desk.duban("zh-CN", &["contacts", "check", &file.display().to_string()]);
    assert!(check.stdout.contains("住建局 甲二 有几位（1002 1003）") || check.status == 0, "{check:?}");
    let shown = import(&desk, "en", &["--dry-run", "--format", "csv"]);
    assert_eq!(shown.status, 0, "{shown:?}");
    assert_eq!(shown.rows().iter().filter(|row| row["change"] == "added").count(), 3, "{shown:?}");
    assert_eq!(std::fs::read_to_string(desk.path().join("contacts.csv")).expect("a list"), format!("{HEADER}{SOUND}"));

    let run = import(&desk, "en", &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.stderr.contains("added: 3, changed: 0, removed: 4") && run.stderr.contains("contacts.csv.bak"),
        "{run:?}"
    );
    let written = std::fs::read_to_string(desk.path().join("contacts.csv")).expect("a list");
    assert!(
        written.starts_with('\u{feff}') && written.contains("1002,甲二,住建局,,,unit_contact;leader,,,138 0000 0002"),
        "{written}"
    );
    assert!(written.contains(",,2026-01-05,\r\n"), "{written}");
    let again = import(&desk, "en", &[]);
    assert!(again.status == 0 && again.stderr.contains("added: 0, changed: 0, removed: 0"), "{again:?}");
    assert!(!desk.path().join("contacts.csv.bak2").exists(), "what changes nothing writes nothing");

    // What is given out comes back the same.
    let export = desk.duban("en", &["contacts", "export"]);
    assert_eq!((export.status, export.stdout), (0, written));
    let json: serde_json::Value =
        serde_json::from_str(&desk.duban("en", &["contacts", "export", "--format", "json"]).stdout).expect("JSON");
    assert_eq!((&json[1]["mobile"], &json[1]["roles"][1]), (&"13800000002".into(), &"leader".into()));
}

#[test]
fn a_list_with_a_wrong_deputy_or_without_anybody_replaces_nothing() {
    let desk = desk(&format!("{HEADER}{SOUND}"), ABSENT);
    for (text, said) in [
        ("id,name,deputy\nz1,甲一,z9\n", "expected the id of a contact, got \"z9\""),
        ("id,name\n", "the list holds no contact"),
        ("", "the list holds no contact"),
        ("\u{0}\u{1}", "expected a header"),
    ] {
        desk.put("new.csv", text);
        let run = desk.duban("en", &["contacts", "import", &desk.path().join("new.csv").display().to_string()]);
        assert!(run.status == 1 && run.stderr.contains(said), "{text:?}: {run:?}");
    }
    let run = desk.duban("en", &["contacts", "import", "/nowhere.csv"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(!desk.path().join("contacts.csv.bak").exists());
}

#[test]
fn who_is_away_is_written_down_listed_and_taken_back() {
    let desk =
        desk(&format!("{HEADER}{SOUND}"), "# 请假登记\ncontact,from,until,deputy,reason\nz2,2020-01-05,2020-01-09,,\n");
    let away = |more: &[&str]| desk.duban("en", &[&["contacts", "away"], more].concat());
    let run = away(&["甲一", "--from", "2099/1/5", "--until", "2099年1月9日", "--reason", "年休假", "--by", "丙一"]);
    assert_eq!(run.status, 0, "{run:?}");
    let text = || std::fs::read_to_string(desk.path().join("absences.csv")).expect("a list");
    assert!(text().starts_with("# 请假登记\ncontact,"), "{}", text());
    assert!(text().ends_with("z1,2099-01-05,2099-01-09,,年休假 (noted by 丙一)\r\n"), "{}", text());
    // Nobody stands in for the leader, which is said.
    let run = away(&["l1", "--from", "2099-01-05", "--until", "2099-01-09"]);
    assert!(run.status == 0 && run.stderr.contains("without a deputy"), "{run:?}");
    let list = away(&["--list", "--format", "csv"]);
    let rows: Vec<String> = list.rows().iter().map(|row| format!("{} {}", row["contact"], row["reader"])).collect();
    assert_eq!(rows, ["l1 ", "z1 z2"], "{list:?}");
    let run = away(&["z1", "--back", "2099-01-07"]);
    assert!(run.status == 0 && text().contains("z1,2099-01-05,2099-01-06,"), "{run:?} {}", text());
    assert!(text().contains("# 请假登记\n"), "{}", text());
    assert_eq!(away(&["z1", "--back", "2099-01-07"]).status, 1);
    for wrong in [
        &["z9", "--from", "2099-01-05", "--until", "2099-01-09"][..],
        &["z1", "--from", "2099-01-05", "--until", "2099-01-04"],
        &["z1", "--from", "soon", "--until", "2099-01-04"],
        &["z1", "--from", "2099-01-05", "--until", "2099-01-09", "--deputy", "z1"],
        &["z1", "--from", "2099-01-05"],
        &[],
    ] {
        assert_eq!(away(wrong).status, 2, "{wrong:?}");
    }
    assert_eq!(desk.duban("en", &["contacts", "check"]).status, 0);
}

#[test]
fn a_spreadsheet_in_the_place_of_the_lists_is_read() {
    let desk = desk(&format!("{HEADER}{SOUND}"), ABSENT);
    // A ledger of another kind is no list of people, and that is what is said: its columns are.
    std::fs::copy("tests/data/ledgers/merged.xlsx", desk.path().join("people.xlsx")).expect("copied");
    let run = desk.duban("en", &["contacts", "check", &desk.path().join("people.xlsx").display().to_string()]);
    assert!(
        run.status == 1 && run.stdout.contains("people.xlsx:") && run.stdout.contains("expected a header"),
        "{run:?}"
    );
}

/// Whom a red card of an item of a sample directory tells, step by step: `1:a1 b1`.
fn told(example: &str, item: &str, at: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(example);
    let run = super::desk::duban_at(
        &folder,
        "en",
        &["routes", "test", item, "--level", "red", "--at", at, "--format", "csv"],
    );
    assert_eq!(run.status, 0, "{run:?}");
    let mut steps: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for row in run.rows().into_iter().filter(|row| row["told"] == "true") {
        let people = steps.entry(row["step"].clone()).or_default();
        if !people.contains(&row["contact"]) {
            people.push(row["contact"].clone());
        }
    }
    steps.into_iter().map(|(step, people)| format!("{step}:{}", people.join(" "))).collect()
}

#[test]
fn every_sample_directory_runs_as_it_stands_and_has_no_doubts() {
    for example in ["three-levels", "1-4-n", "steward-team"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(example);
        let duban = |arguments: &[&str]| super::desk::duban_at(&folder, "en", arguments);
        let check = duban(&["check", "--online", "--format", "csv"]);
        let warnings: Vec<_> = check.rows().into_iter().filter(|row| row["weight"] != "note").collect();
        assert!(
            check.status == 0 && warnings.len() == 1 && warnings[0]["place"] == "notify.mode",
            "{example}: {warnings:?}"
        );
        let people = duban(&["contacts", "check", "--format", "csv"]);
        assert_eq!(people.rows().iter().filter(|row| row["weight"] != "note").count(), 0, "{example}: {people:?}");
        let evaluated = duban(&["evaluate", "--at", "2026-10-20", "--format", "csv"]);
        assert!(evaluated.status == 0 && evaluated.rows().iter().any(|row| row["level"] == "red"), "{example}");
    }
}

#[test]
fn the_sample_directories_find_their_people() {
    let october = "2026-10-12T10:00";
    assert_eq!(told("three-levels", "S001", october), ["1:a1 b1", "2:c2 c4", "3:e1", "4:f1"]);
    assert_eq!(told("1-4-n", "K001", october), ["1:z1 n1", "2:s4", "3:q1", "4:h1"]);
    assert_eq!(told("1-4-n", "K004", "2026-10-19T10:00"), ["1:z2 n1", "2:s1 s2 s3 s4", "3:q1", "4:h1"]);
    assert_eq!(told("steward-team", "P0136-03", october), ["1:m2 m3", "2:t1", "3:c1"]);
}
