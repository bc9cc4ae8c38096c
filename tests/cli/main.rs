//! The command line as scripts and people meet it: the program is started, and its output and exit status are compared.

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod beside;
mod contacts;
mod desk;
mod doubts;
mod orders;
mod remarks;
mod routes;
mod rules;
mod sources;

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program in an environment that says nothing but a language.
fn duban(language: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.env_clear().env("DUBAN_LANG", language).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(language: &str, arguments: &[&str]) -> Output {
    duban(language).args(arguments).stdin(Stdio::null()).output().expect("started")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("exited")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// What a command says, which must end well.
fn said(language: &str, arguments: &[&str]) -> String {
    let output = run(language, arguments);
    assert_eq!(status(&output), 0, "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A batch over stdin.
fn batch(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = duban("en")
        .args(arguments)
        .args(["--batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("stdin");
    std::thread::scope(|scope| {
        // Who refuses the input early closes it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("ended")
    })
}

fn rows(output: &Output) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(&output.stdout[..]).records().map(|row| row.expect("row")).collect()
}

fn column(output: &Output, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let at = reader.headers().expect("header").iter().position(|header| header == name).expect(name);
    reader.records().map(|row| row.expect("row")[at].to_owned()).collect()
}

// --- The oracle ----------------------------------------------------------------------------------------------------

/// The oracle's cases of some conventions as a batch: a line each, made by `line`.
fn cases(conventions: &[&str], header: &str, line: impl Fn(&csv::StringRecord) -> String) -> (String, Vec<String>) {
    let mut reader = csv::Reader::from_path("tests/data/workday-oracle.csv").expect("oracle");
    let mut text = format!("case,{header}\n");
    let mut expected = Vec::new();
    for case in reader.records().map(|case| case.expect("case")).filter(|case| conventions.contains(&&case[1])) {
        text.extend([&case[0], ",", &line(&case), "\n"]);
        expected.push(if &case[1] == "W" { case[9].to_owned() } else { case[8].to_owned() });
    }
    (text, expected)
}

#[test]
fn a_batch_agrees_with_the_oracle_in_all_its_cases() {
    let due = |case: &csv::StringRecord| {
        let unit = match &case[1] {
            "A" | "AP" => "wd",
            "B" => "wd@clock",
            _ => "wh",
        };
        format!("{},{}{unit},{}", &case[2], &case[3], &case[5])
    };
    let mut agreed = 0;
    let seasonal = ["due", "--calendar", "tests/data/calendars/seasonal.toml"];
    for (conventions, arguments) in [(&["A", "AP", "B", "C", "CP"][..], &["due"][..]), (&["C2"], &seasonal)] {
        let (input, expected) = cases(conventions, "from,limit,pauses", due);
        let output = batch(arguments, input.as_bytes());
        assert_eq!(status(&output), 0, "{}", text(&output.stderr));
        assert_eq!(column(&output, "due_at"), expected);
        agreed += expected.len();
    }
    let (input, expected) = cases(&["W"], "from,to,pauses", |case| format!("{},{},{}", &case[2], &case[6], &case[5]));
    let output = batch(&["elapsed"], input.as_bytes());
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    assert_eq!(column(&output, "working_minutes"), expected);
    assert_eq!(agreed + expected.len(), 3_500);
}

// --- Batches -------------------------------------------------------------------------------------------------------

#[test]
fn the_input_columns_come_first_and_the_answers_after_them() {
    let output = batch(&["due"], b"code,from,note,limit\nP1,2026-03-02T10:00,\"a,b\",10wd\nP2,2026-12-31,,1wd@close\n");
    assert_eq!(status(&output), 0);
    assert_eq!(
        text(&output.stdout),
        "code,from,note,limit,due_at,provisional,error\n\
         P1,2026-03-02T10:00,\"a,b\",10wd,2026-03-17T00:00:00+08:00,false,\n\
         P2,2026-12-31,,1wd@close,2027-01-01T17:30:00+08:00,true,\n"
    );
}

#[test]
fn a_bad_line_has_its_error_and_the_others_their_answers() {
    let input = "from,limit,pauses\n\
                 2026-03-02T10:00,2h,\n\
                 yesterday,2h,\n\
                 2026-03-02T10:00,2 hours,\n\
                 2026-03-02T10:00,2h,2026-03-02T11:00\n\
                 2026-03-02T10:00,2h\n\
                 2026-03-02T10:00,2h,,,\n\
                 2199-12-31T10:00,9wd,\n\
                 ,,\n\
                 2026-03-02T10:00,2h,2026-03-02T11:00/\n\
                 2026-03-02T10:00,2h,2026-03-02T11:00/2026-03-02T12:00;2026-03-02T11:30/2026-03-02T12:30\n";
    let output = batch(&["due"], input.as_bytes());
    assert_eq!(status(&output), 1);
    assert_eq!(text(&output.stderr), "7 lines have errors, see the column error\n");
    let errors = column(&output, "error");
    for (n, says) in [
        (0, ""),
        (1, "expected an instant such as"),
        (2, "limit \"2 hours\""),
        (3, "expected a pause such as"),
        (4, "expected 3 fields, got 2"),
        (5, "expected 3 fields, got 5"),
        (6, "outside the years 1970 to 2199"),
        (7, "expected an instant such as"),
        (8, ""),
        (9, ""),
    ] {
        assert!(errors[n].contains(says) && errors[n].is_empty() == says.is_empty(), "line {n}: {}", errors[n]);
    }
    let due = column(&output, "due_at");
    assert_eq!(due[0], "2026-03-02T12:00:00+08:00");
    assert!(due[1..9].iter().all(String::is_empty), "an open pause has no due instant, an error neither");
    assert_eq!(due[9], "2026-03-02T13:30:00+08:00");
    assert_eq!(column(&output, "provisional"), ["false", "", "", "", "", "", "", "", "false", "false"]);
}

#[test]
fn an_instant_without_offset_is_on_the_clock_of_the_calendar() {
    let calendar = ["due", "--calendar", "config/examples/boston311/boston.toml"];
    let output = batch(&calendar, b"from,limit\n2026-07-01T10:00,2h\n2026-01-05T10:00,2h\n");
    assert_eq!(column(&output, "due_at"), ["2026-07-01T12:00:00-04:00", "2026-01-05T12:00:00-05:00"]);
    let output = batch(&["due"], b"from,limit\n2026-07-01T10:00,2h\n2026-07-01T10:00:05-04:00,2h\n");
    assert_eq!(column(&output, "due_at"), ["2026-07-01T12:00:00+08:00", "2026-07-02T00:00:05+08:00"]);
}

#[test]
fn elapsed_minutes_are_exact_to_the_second() {
    let input = "from,to,pauses\n\
                 2026-03-02T10:00,2026-03-02T11:30,\n\
                 2026-03-02T10:00:00,2026-03-02T10:01:30,\n\
                 2026-03-02T10:00:00,2026-03-02T10:00:01,\n\
                 2026-03-02T10:00,2026-03-02T17:30,2026-03-02T11:00/\n\
                 2026-03-02T10:00,2026-03-02T09:00,\n";
    let output = batch(&["elapsed"], input.as_bytes());
    assert_eq!(status(&output), 1);
    assert_eq!(column(&output, "working_minutes"), ["90", "1.5", "0.0167", "60", ""]);
    assert!(column(&output, "error")[4].contains("not before its start"));
}

#[test]
fn what_spreadsheets_do_to_a_file_does_no_harm() {
    // A mark before the first column, line ends of their own, and a column in an older encoding.
    let mut input = b"\xef\xbb\xbffrom,limit,unit\r\n2026-03-02T10:00,10wd,".to_vec();
    let unit = [0xca, 0xa9, 0xb9, 0xa4];
    input.extend(unit);
    input.extend(b"\r\n\r\n2026-03-02T10:00,2h,x\r\n");
    let output = batch(&["due"], &input);
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    assert!(output.stdout.windows(unit.len()).any(|bytes| bytes == unit), "passed through byte for byte");
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 4, "three lines, each with its end");
}

#[test]
fn hostile_input_is_answered_and_never_breaks_the_program() {
    let huge = format!("from,limit\n2026-03-02T10:00,{}\n2026-03-02T10:00,2h\n", "9".repeat(8 << 20));
    let output = batch(&["due"], huge.as_bytes());
    assert_eq!((status(&output), rows(&output).len()), (1, 2));
    assert_eq!(column(&output, "due_at")[1], "2026-03-02T12:00:00+08:00");
    let binary = batch(&["due"], b"from,limit\n\xff\xfe\x00,\x80\n2026-03-02T10:00,2h\n");
    assert_eq!(status(&binary), 1);
    let binary = String::from_utf8_lossy(&binary.stdout).into_owned();
    assert!(binary.contains("expected UTF-8 text") && binary.contains("2026-03-02T12:00:00+08:00"), "{binary}");
    let unclosed = batch(&["due"], b"from,limit\n\"2026-03-02T10:00,2h\n2026-03-02T10:00,2h\n");
    assert_eq!(status(&unclosed), 1);
    let pauses = "2026-03-03T10:00/2026-03-03T11:00;".repeat(20_000);
    let many = batch(&["due"], format!("from,limit,pauses\n2026-03-02T10:00,4wh,{pauses}\n").as_bytes());
    assert_eq!(status(&many), 0, "{}", text(&many.stderr));
    for (input, says) in [
        (&b""[..], "no column from"),
        (b"\n\n", "no column from"),
        (b"\x00\x01\x02\xff", "no column from"),
        (b"from;limit\n2026-03-02;2h\n", "no column from"),
        (b"From,limit\n", "no column from"),
        (b"from,pauses\n", "no column limit"),
    ] {
        let output = batch(&["due"], input);
        assert_eq!((status(&output), output.stdout.len()), (1, 0), "{input:?}");
        assert!(text(&output.stderr).contains(says), "{input:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_long_batch_streams_and_a_reader_who_goes_ends_it_quietly() {
    let mut child = duban("en")
        .args(["due", "--batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("stdin");
    let mut stdout = child.stdout.take().expect("stdout");
    let writer = std::thread::spawn(move || {
        let lines = "2026-03-02T10:00,10wd\n".repeat(1_000);
        // The input has no end of its own: only a program that streams answers it.
        let sent = stdin.write_all(b"from,limit\n");
        sent.and_then(|()| (0..100_000).try_for_each(|_| stdin.write_all(lines.as_bytes()))).is_err()
    });
    let mut first = [0; 4096];
    stdout.read_exact(&mut first).expect("answers come before the input ends");
    assert!(
        first.starts_with(b"from,limit,due_at,provisional,error\n2026-03-02T10:00,10wd,2026-03-17T00:00:00+08:00,")
    );
    drop(stdout);
    assert!(writer.join().expect("writer"), "the program stopped reading");
    let output = child.wait_with_output().expect("ended");
    assert_eq!((status(&output), text(&output.stderr).as_str()), (0, ""));
}

// --- Exit statuses and languages -----------------------------------------------------------------------------------

#[test]
fn every_end_has_its_exit_status() {
    let folder = tempfile::tempdir().expect("folder");
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "name = \"t\"\ntimezone = \"Nowhere\"\ndays = \"none.csv\"\nhours = []\n")
        .expect("written");
    let broken = broken.to_str().expect("path");
    for (expected, arguments) in [
        (0, &["--help"][..]),
        (0, &["--version"]),
        (0, &["due", "--help"]),
        (0, &["due", "--from", "2026-03-02", "--limit", "10wd"]),
        (0, &["elapsed", "--from", "2026-03-02", "--to", "2026-03-03"]),
        (0, &["calendar", "check"]),
        (0, &["calendar", "check", "config/calendars/cn.toml"]),
        (0, &["completions", "bash"]),
        (1, &["calendar", "check", broken]),
        (1, &["calendar", "import", "Cargo.toml"]),
        (2, &[]),
        (2, &["calendar"]),
        (2, &["nonsense"]),
        (2, &["due"]),
        (2, &["due", "--from", "2026-03-02"]),
        (2, &["due", "--from", "2026-03-02", "--limit", "10"]),
        (2, &["due", "--from", "then", "--limit", "10wd"]),
        (2, &["due", "--from", "2026-03-02", "--limit", "10wd", "--pause", "x"]),
        (2, &["due", "--from", "2026-03-02", "--limit", "10wd", "--calendar", "nowhere"]),
        (2, &["due", "--from", "2026-03-02", "--limit", "10wd", "--calendar", "./no.toml"]),
        (2, &["due", "--from", "2026-03-02", "--limit", "10wd", "--format", "xml"]),
        (2, &["due", "--batch", "no.csv"]),
        (2, &["due", "--batch", "-", "--from", "2026-03-02"]),
        (2, &["due", "--from", "1960-01-01", "--limit", "10wd"]),
        (2, &["elapsed", "--from", "2026-03-02", "--to", "2026-03-01"]),
        (2, &["calendar", "show", "1969"]),
        (2, &["calendar", "show", "x"]),
        (2, &["--lang", "fr", "calendar", "check"]),
        (2, &["calendar", "check", "no.toml"]),
        (78, &["due", "--from", "2026-03-02", "--limit", "10wd", "--calendar", broken]),
    ] {
        for language in ["zh-CN", "en"] {
            let output = run(language, arguments);
            assert_eq!(status(&output), expected, "{arguments:?}: {}", text(&output.stderr));
            assert_eq!(output.stderr.is_empty(), expected == 0, "words go to stderr: {arguments:?}");
            assert!(!text(&output.stdout).contains('\u{1b}'), "no colour into a pipe");
        }
    }
}

#[test]
fn sentences_are_in_the_callers_language_and_data_in_none() {
    let is_chinese = |bytes: &[u8]| text(bytes).chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for arguments in [
        &["--help"][..],
        &["due", "--help"],
        &["calendar", "import", "--help"],
        &["due", "--from", "2026-03-02", "--limit", "10wd", "--explain"],
        &["due", "--from", "2026-03-02", "--limit", "ten"],
        &["due", "--from", "2026-03-02", "--limit", "10wd", "--calendar", "nowhere"],
        &["due", "--from", "1960-01-01", "--limit", "10wd"],
        &["due", "--frm", "x"],
        &["calendar", "check"],
        &["calendar", "check", "no.toml"],
        &["elapsed", "--from", "2026-03-02", "--to", "2027-03-02"],
        &["elapsed", "--from", "2026-03-02", "--to", "2026-03-01"],
    ] {
        for (language, expected) in [("zh-CN", true), ("en", false)] {
            let output = run(language, arguments);
            let words = [output.stdout, output.stderr].concat();
            assert_eq!(is_chinese(&words), expected, "{language} {arguments:?}: {}", text(&words));
        }
    }
    for format in ["json", "csv"] {
        let arguments = ["due", "--from", "2026-03-02", "--limit", "10wd", "--explain", "--format", format];
        assert_eq!(said("zh-CN", &arguments), said("en", &arguments));
    }
    let with = |variable: &str, value: &str| {
        let mut command = duban("");
        command.env_remove("DUBAN_LANG").env(variable, value).args(["calendar", "check"]);
        is_chinese(&command.output().expect("started").stdout)
    };
    assert!(with("LANG", "C.UTF-8") && with("LANG", "zh_CN.UTF-8") && !with("LANG", "en_GB.UTF-8"));
    assert!(!is_chinese(said("zh-CN", &["--lang", "en", "calendar", "check"]).as_bytes()), "--lang comes first");
}

// --- What people read ----------------------------------------------------------------------------------------------

fn golden(name: &str, found: &str) {
    let path = format!("tests/golden/cli/{name}");
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{path} differs; found:\n{found}");
}

#[test]
fn the_answers_for_people_are_these() {
    let pause = "2026-09-22T15:00/2026-09-23T09:00";
    let due = ["due", "--from", "2026-09-17T16:00", "--limit", "10wd", "--pause", pause, "--explain"];
    let hours = ["due", "--from", "2026-12-30T16:00", "--limit", "10wh", "--explain"];
    for (language, ending) in [("zh-CN", "zh-CN"), ("en", "en")] {
        golden(&format!("due-10wd.{ending}.txt"), &said(language, &due));
        golden(&format!("due-10wh-provisional.{ending}.txt"), &said(language, &hours));
        golden(&format!("calendar-2026.{ending}.txt"), &said(language, &["calendar", "show", "2026"]));
    }
}

#[test]
fn a_due_instant_in_json_can_be_added_up_again() {
    let pause = "2026-09-22T15:00/2026-09-23T09:00";
    let due =
        ["due", "--from", "2026-09-17T16:00", "--limit", "10wd", "--pause", pause, "--explain", "--format", "json"];
    let answer: Value = serde_json::from_str(&said("en", &due)).expect("JSON");
    let days = answer["sum"]["days"].as_array().expect("days");
    let counted: Vec<&Value> = days.iter().filter(|day| day["part"] == "counted").collect();
    assert_eq!((counted.len(), counted[9]["nth"].as_i64()), (10, Some(10)));
    assert_eq!(answer["sum"]["pauses"][0]["days"], 1);
    let last = counted[9]["date"].as_str().expect("date");
    assert_eq!(last, "2026-10-09");
    assert_eq!(answer["due_at"], "2026-10-10T00:00:00+08:00");
    assert_eq!(answer["due_at"], answer["sum"]["due_at"]);
}

// --- Calendars -----------------------------------------------------------------------------------------------------

#[test]
fn a_year_for_programs_has_every_day() {
    let days: Vec<Value> =
        serde_json::from_str(&said("en", &["calendar", "show", "2024", "--format", "json"])).expect("JSON");
    assert_eq!(days.len(), 366);
    assert_eq!(days.iter().filter(|day| day["working"] == true).count(), 251);
    let make_up = days.iter().find(|day| day["date"] == "2024-02-04").expect("a day");
    assert_eq!((make_up["kind"].as_str(), make_up["weekday"].as_str()), (Some("make_up"), Some("SUN")));
    assert_eq!(make_up["hours"], "09:00-12:00 13:30-17:30");
}

#[test]
fn a_check_names_all_problems_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("hall.toml");
    let days = folder.path().join("days.csv");
    let toml = "name = \"hall\"\ntimezone = \"Asia/Shanghai\"\ndays = \"days.csv\"\n\
                [[hours]]\nspans = [\"09:00-17:00\"]\n";
    std::fs::write(&path, toml.replace("17:00", "08:00").replace("Shanghai", "Hall")).expect("written");
    std::fs::write(&days, "date,kind,name\n2026-02-30,holiday,x\n2026-03-01,rest,x\n").expect("written");
    let output = run("en", &["calendar", "check", path.to_str().expect("path")]);
    assert_eq!((status(&output), text(&output.stderr).as_str()), (1, "4 problems\n"));
    let found = text(&output.stdout);
    for says in ["timezone: expected a zone", "hours entry 1: expected a span", "days.csv:2:", "days.csv:3:"] {
        assert!(found.contains(says), "{says:?} not in {found}");
    }
    std::fs::write(&path, toml).expect("written");
    std::fs::write(&days, "date,kind,name\n2024-05-01,holiday,x\n2024-05-06,workday,x\n2026-05-01,holiday,x\n")
        .expect("written");
    let found = said("en", &["calendar", "check", path.to_str().expect("path")]);
    for says in ["calendar hall is sound: 3 days listed", "2024-05-06 is listed as workday", "2025 counts as known"] {
        assert!(found.contains(says), "{says:?} not in {found}");
    }
}

#[test]
fn a_notice_is_merged_after_its_difference_was_shown() {
    let folder = tempfile::tempdir().expect("folder");
    let (list, notice) = (folder.path().join("days.csv"), folder.path().join("2027.json"));
    std::fs::write(&list, "# from the notices\ndate,kind,name\n2026-10-01,holiday,国庆节\n2027-01-02,workday,元旦\n")
        .expect("written");
    std::fs::write(
        &notice,
        r#"{"year": 2027, "papers": ["x"], "days": [
            {"name": "元旦", "date": "2027-01-01", "isOffDay": true},
            {"name": "元旦", "date": "2027-01-02", "isOffDay": true},
            {"name": "元旦", "date": "2027-01-09", "isOffDay": false}]}"#,
    )
    .expect("written");
    let (list_path, notice_path) = (list.to_str().expect("path"), notice.to_str().expect("path"));
    let merge = ["calendar", "import", notice_path, "--into", list_path];
    let output = run("en", &merge);
    assert_eq!((status(&output), output.stdout.len()), (0, 0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr),
        "+ 2027-01-01,holiday,元旦\n- 2027-01-02,workday,元旦\n+ 2027-01-02,holiday,元旦\n\
         + 2027-01-09,workday,元旦\n2 added, 1 changed, 0 as before\n"
    );
    let merged = "# from the notices\ndate,kind,name\n2026-10-01,holiday,国庆节\n2027-01-01,holiday,元旦\n\
                  2027-01-02,holiday,元旦\n2027-01-09,workday,元旦\n";
    assert_eq!(std::fs::read_to_string(&list).expect("list"), merged);
    assert_eq!(text(&run("en", &merge).stderr), "0 added, 0 changed, 3 as before\n");
    assert_eq!(std::fs::read_to_string(&list).expect("list"), merged, "a second import changes nothing");
    // Without a list of its own, the built-in calendar's list is the base and the merged one goes to stdout.
    let printed = said("en", &["calendar", "import", notice_path]);
    assert!(
        printed.starts_with("date,kind,name\n2004-01-01,holiday,元旦\n")
            && printed.ends_with("2027-01-09,workday,元旦\n")
    );
    // What is no list changes nothing.
    for wrong in ["date,kind,name\n2027-13-01,holiday,x\n", "{\"year\": 2027}", "{\"days\": [{\"name\": 1}]}", "\u{0}"]
    {
        std::fs::write(&notice, wrong).expect("written");
        assert_eq!(status(&run("en", &merge)), 1, "{wrong:?}");
        assert_eq!(std::fs::read_to_string(&list).expect("list"), merged);
    }
}
