//! How long `duban evaluate` takes, and how much memory: the program as it is run, beside the raw speed of reading the
//! same files.
//!
//!     cargo bench --bench evaluate                  a million tickets under one rule
//!     cargo bench --bench evaluate -- 100000        fewer
//!     cargo bench --bench evaluate -- city          a million items of a city under all rules, and each rule alone
//!     cargo bench --bench evaluate -- city 100000   fewer

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use duban::time::{Clock, SystemClock};
use program::{evaluate, lines_of};

mod city;
mod program;

/// What a million tickets may take on two cores.
const PROMISE: (Duration, u64) = (Duration::from_secs(15), 500);

fn main() {
    let tickets = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    if std::env::args().any(|argument| argument == "city") {
        return city::measure(tickets);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clock = SystemClock::start();
    write_tickets(&folder.path().join("tickets.csv"), tickets);
    std::fs::write(folder.path().join("duban.toml"), config()).expect("a configuration");

    let before = clock.monotonic();
    let bytes = read_alone(&folder.path().join("tickets.csv"));
    let reading = clock.monotonic().saturating_sub(before);
    let before = clock.monotonic();
    let used = evaluate(folder.path(), "2026-03-20T10:00");
    let whole = clock.monotonic().saturating_sub(before);
    let lines = lines_of(&folder.path().join("answer.csv"));

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{tickets} tickets, {} MB, {cores} cores", bytes / 1_000_000);
    println!("reading the file alone   {:>8.2} s on one core", reading.as_secs_f64());
    println!("duban evaluate           {:>8.2} s, {lines} lines", whole.as_secs_f64());
    println!("ratio                    {:>8.1}", whole.as_secs_f64() / reading.as_secs_f64());
    println!("each ticket              {:>8.2} µs", whole.as_secs_f64() * 1e6 / f64::from(tickets));
    // What it takes where others want the cores too.
    println!("processor time           {:>8.2} s", used.processor);
    println!("peak memory              {:>8} MiB", used.memory / 1024);
    if tickets == 1_000_000 {
        println!("promised                 {:>8.2} s and {} MiB on two cores", PROMISE.0.as_secs_f64(), PROMISE.1);
    }
}

fn config() -> String {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").display().to_string();
    format!(
        r#"rules_dir = {rules:?}
[rules]
enabled = ["2110"]
[source.hotline]
kind = "ticket"
id = "no"
timezone = "Asia/Shanghai"
every = "5m"
[source.hotline.csv]
path = "tickets.csv"
[source.hotline.fields]
title = "title"
type = "type"
subject = "subject"
unit = "unit"
received_at = "received"
dispatched_at = "dispatched"
on_site_at = "on_site"
feedback_subject_at = "feedback"
feedback_platform_at = "feedback"
solved_at = "solved"
"#
    )
}

/// Tickets in every state: one in eight is none of 2110's, the others got as far as chance let them.
fn write_tickets(path: &Path, tickets: u32) {
    let start: DateTime<Utc> = "2026-01-05T00:00:00Z".parse().expect("an instant");
    let mut out = BufWriter::new(File::create(path).expect("a file"));
    writeln!(out, "no,type,subject,title,unit,received,dispatched,on_site,feedback,solved").expect("a line");
    let mut dice = Dice(20_260_305);
    for number in 0..tickets {
        let kind = ["投诉", "建议", "投诉", "建议", "投诉", "建议", "投诉", "咨询"][dice.roll(8) as usize];
        write!(out, "GD{number:09},{kind},enterprise,园区内主干道路灯损坏 {},示范区住建局", dice.roll(1000))
            .expect("cells");
        let mut at = start + TimeDelta::seconds(dice.roll(70 * 86_400).into());
        let got_to = dice.roll(6);
        for (step, most) in [1, 3600, 10_800, 172_800, 1_900_800].into_iter().enumerate() {
            at += TimeDelta::seconds(dice.roll(most).into());
            let done = step == 0 || u32::try_from(step).is_ok_and(|step| step <= got_to);
            let text = if done { at.format("%Y-%m-%d %H:%M:%S").to_string() } else { String::new() };
            write!(out, ",{text}").expect("a cell");
        }
        writeln!(out).expect("a line end");
    }
    out.flush().expect("a file");
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(sides)).unwrap_or_default()
    }
}

/// Reads every record; how many bytes there were.
fn read_alone(path: &Path) -> u64 {
    let mut reader = csv::Reader::from_path(path).expect("a file");
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("a record") {}
    reader.position().byte()
}
