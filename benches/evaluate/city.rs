//! The sample city many times over, under all rules.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use duban::core::item::Item;
use duban::daemon::wiring::{Polled, Site};
use duban::playbook::Playbook;
use duban::time::{Clock, SystemClock};

use crate::program::{evaluate, lines_of};

/// What a million items may take on two cores.
const PROMISE: Duration = Duration::from_mins(1);

/// The sources whose rows only belong to others.
const ATTACHED: [&str; 4] = ["stages", "progress", "lines", "logs"];

/// The columns that name a row, or another row of the same city.
const NAMES: [&str; 7] = ["编号", "项目编号", "年度清单编号", "会议编号", "所属一件事", "帮办员", "网格"];

fn city() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/city")
}

/// Measures so many items of the city's sixteen kinds. Those of four kinds belong to projects and are attached to them.
pub fn measure(items: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = sources();
    let count = |is_attached: bool| -> u32 {
        sources.iter().filter(|source| ATTACHED.contains(&source.as_str()) == is_attached).map(|s| rows(s)).sum()
    };
    let (judged, attached) = (count(false), count(true));
    let copies = items.div_ceil(judged + attached);
    for source in &sources {
        copy(source, copies, folder.path());
    }
    write_config(folder.path());

    let clock = SystemClock::start();
    let before = clock.monotonic();
    let bytes: u64 = sources.iter().map(|source| read_alone(&folder.path().join(format!("{source}.csv")))).sum();
    let reading = clock.monotonic().saturating_sub(before);
    let before = clock.monotonic();
    let used = evaluate(folder.path(), "2026-09-30T18:00");
    let whole = clock.monotonic().saturating_sub(before);
    let lines = lines_of(&folder.path().join("answer.csv"));

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} items of a city, {} of them rows attached to projects, {} MB, {cores} cores",
        copies * (judged + attached),
        copies * attached,
        bytes / 1_000_000
    );
    println!("reading the files alone  {:>8.2} s on one core", reading.as_secs_f64());
    println!("duban evaluate           {:>8.2} s, {lines} lines", whole.as_secs_f64());
    println!("ratio                    {:>8.1}", whole.as_secs_f64() / reading.as_secs_f64());
    println!("processor time           {:>8.2} s", used.processor);
    println!("peak memory              {:>8} MiB", used.memory / 1024);
    println!("promised for a million   {:>8.2} s on two cores", PROMISE.as_secs_f64());
    each_rule(folder.path());
}

/// The names of the city's files of rows.
fn sources() -> Vec<String> {
    let site = Site::read(&city().join("duban.toml")).expect("a configuration");
    let polled = site.sources_alone(chrono_tz::Asia::Shanghai, &|_| None).expect("sources");
    polled.iter().map(|polled| polled.name.to_string()).collect()
}

fn reader(source: &str) -> csv::Reader<File> {
    csv::ReaderBuilder::new().flexible(true).from_path(city().join(format!("{source}.csv"))).expect("a file")
}

fn rows(source: &str) -> u32 {
    u32::try_from(reader(source).byte_records().count()).expect("a count")
}

/// Writes a file so many times over, each time with names of its own.
fn copy(source: &str, copies: u32, folder: &Path) {
    let mut reader = reader(source);
    let head = reader.headers().expect("headers").clone();
    let is_name: Vec<bool> = head.iter().map(|column| NAMES.contains(&column)).collect();
    let all: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a row")).collect();
    let file = BufWriter::new(File::create(folder.join(format!("{source}.csv"))).expect("a file"));
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
    writer.write_record(&head).expect("a row");
    for copy in 0..copies {
        for record in &all {
            let cells = record.iter().enumerate().map(|(n, cell)| {
                let is_name = is_name.get(n).is_some_and(|is_name| *is_name) && !cell.trim().is_empty();
                if is_name { format!("{}-{copy}", cell.trim()) } else { cell.to_owned() }
            });
            writer.write_record(cells).expect("a row");
        }
    }
    writer.flush().expect("a file");
}

/// The city's configuration, with its own rules and people where they are.
fn write_config(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(city().join("duban.toml")).expect("a configuration");
    let text = text.replace("../../../rules", &root.join("rules").display().to_string());
    let text = text.replace("../..", &root.join("config").display().to_string());
    std::fs::write(folder.join("duban.toml"), text).expect("a configuration");
    std::fs::copy(city().join("contacts.csv"), folder.join("contacts.csv")).expect("contacts");
}

fn read_alone(path: &Path) -> u64 {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).expect("a file");
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("a record") {}
    reader.position().byte()
}

/// What one rule took over all items, on one core.
#[derive(Default)]
struct Taken {
    time: Duration,
    applied: u64,
    failed: u64,
}

/// Judges every item by each rule alone.
fn each_rule(folder: &Path) {
    let site = Site::read(&folder.join("duban.toml")).expect("a configuration");
    let playbook = site.playbook_alone().expect("a playbook");
    let polled = site.sources_alone(playbook.calendar().zone(), &|_| None).expect("sources");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut taken: BTreeMap<Arc<str>, Taken> = BTreeMap::new();
    for Polled { source, .. } in &polled {
        let fetched = runtime.block_on(source.fetch(None)).expect("a poll");
        for chunk in 0..fetched.chunks() {
            let items: Vec<Arc<Item>> = fetched.map(chunk).items.into_iter().map(Arc::new).collect();
            for rule in playbook.rules.keys() {
                judge(&playbook, rule, &items, taken.entry(rule.clone()).or_default());
            }
        }
    }
    println!("each rule alone, on one core:");
    for (rule, Taken { time, applied, failed }) in taken {
        let each =
            if applied == 0 { 0.0 } else { time.as_secs_f64() * 1e6 / f64::from(u32::try_from(applied).unwrap_or(1)) };
        let seconds = time.as_secs_f64();
        println!("  {rule:<20} {seconds:>7.2} s  {applied:>8} items  {each:>7.1} µs for one  {failed} failed");
    }
}

fn judge(playbook: &Playbook, rule: &str, items: &[Arc<Item>], taken: &mut Taken) {
    let today = chrono::NaiveDate::from_ymd_opt(2026, 9, 30).expect("a day");
    let clock = SystemClock::start();
    for item in items.iter().filter(|item| playbook.asks(rule, item)) {
        for judgement in playbook.rulebook.judge_by(item, today, |name| name == rule) {
            taken.applied += 1;
            taken.failed += u64::from(judgement.result.is_err());
        }
    }
    taken.time += clock.monotonic();
}
