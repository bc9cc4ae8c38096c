//! Ledgers as spreadsheet programs write them, and files that pretend to be some. The files are written by openpyxl,
//! odfpy and xlwt: `ledgers.py`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use duban::core::item::Item;
use duban::source::csv::{CsvConfig, CsvSource};
use duban::source::ledger::{SheetConfig, SheetSource};
use duban::source::mapping::Mapping;
use duban::source::{Mapped, PollError, Source};
use tempfile::TempDir;

const MAPPING: &str = "id = '编号'\nkind = 'case'\ntimezone = 'Asia/Shanghai'\n[fields]\ntitle = '标题'\n";
const STEPS: &str = "id = '编号'\nkind = 'case'\ntimezone = 'Asia/Shanghai'\n\
                     [fields]\nreceived_at = '受理时间'\nsolved_at = '办结时间'\nowner = '办结人'\n";

/// The folder of the files.
fn files() -> &'static Path {
    static FILES: OnceLock<TempDir> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources/ledgers.py");
        let written = Command::new("/usr/bin/python3").arg(script).arg(folder.path()).status().expect("python3");
        assert!(written.success(), "the files are written");
        folder
    });
    files.path()
}

fn mapping(text: &str) -> Arc<Mapping> {
    let config = toml::from_str(text).expect("a mapping");
    Arc::new(Mapping::new("ledger", &config).expect("a mapping"))
}

fn sheet_source(base: &Path, text: &str, config: &str) -> SheetSource {
    let config: SheetConfig = toml::from_str(config).expect("a configuration");
    SheetSource::new(&config, base, mapping(text))
}

fn poll(source: &impl Source) -> Result<Mapped, PollError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let fetched = runtime.block_on(source.fetch(None))?;
    let mut all = Mapped::default();
    for chunk in 0..fetched.chunks() {
        let mapped = fetched.map(chunk);
        all.items.extend(mapped.items);
        all.rejected.extend(mapped.rejected);
    }
    Ok(all)
}

/// What a file gives.
fn read(mapping: &str, config: &str) -> Result<Mapped, String> {
    let source = sheet_source(files(), mapping, &format!("settle = '0s'\n{config}"));
    poll(&source).map_err(|error| error.to_string().replace(&files().display().to_string(), ""))
}

fn is(file: &str, kind: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == kind)
}

fn raw(item: &Item) -> Vec<String> {
    let names = ["编号", "标题", "受理时间", "办结日期", "时刻", "金额", "占比", "电话", "急件", "备注"];
    let text = |name: &&str| match item.raw.get(name) {
        Some(value) => value.as_text().unwrap_or("-").to_owned(),
        None => String::new(),
    };
    names.iter().map(text).collect()
}

#[test]
fn a_ledger_reads_as_a_careful_export_of_it_would() {
    let whole = ["2026-01-02 03:04:05", "2026-01-02", "10:30:00", "12.5", "0.15", "13800000000", "true", "  x \n二行 "];
    for file in ["plain.xlsx", "epoch1904.xlsx", "iso.xlsx", "plain.ods", "plain.xls", "epoch1904.xls"] {
        let mapped = read(MAPPING, &format!("path = '{file}'")).expect(file);
        assert!(mapped.rejected.is_empty(), "{file}: {mapped:?}");
        let rows: Vec<Vec<String>> = mapped.items.iter().map(raw).collect();
        assert_eq!(rows[0][..2], ["A1", "占道, 经营"], "{file}");
        assert_eq!(rows[0][2..], whole, "{file}");
        // How an instant is shown is not known of XLS.
        let midnight = if is(file, "xls") { "2026-01-02" } else { "2026-01-02 00:00:00" };
        assert_eq!(rows[1], ["A2", "噪声", midnight, "-", "-", "3", "1", "110101", "false", "-"], "{file}");
        assert_eq!(rows[2][5..], ["0.3", "-", "-", "-", "001"], "{file}");
        assert_eq!(rows.len(), 3, "{file}: a hidden row is a row, a blank one is none");
    }
}

#[test]
fn texts_that_several_cells_share_are_read_without_their_pronunciation() {
    let mapped = read(MAPPING, "path = 'shared.xlsx'").expect("poll");
    assert_eq!((&*mapped.items[0].key.id, mapped.items[0].title()), ("S1", "噪 声"));
}

#[test]
fn two_rows_of_header_with_merged_cells_are_one_name_each() {
    for file in ["merged.xlsx", "merged.ods", "merged.xls"] {
        let mapped = read(STEPS, &format!("path = '{file}'")).expect(file);
        let [item] = &mapped.items[..] else { panic!("{file}: {mapped:?}") };
        assert_eq!(item.raw.get("受理人").and_then(|value| value.as_text()), Some("甲"), "{file}");
        assert_eq!(item.fields.get("owner").and_then(|value| value.as_text()), Some("乙"), "{file}");
        assert!(mapped.rejected.is_empty(), "{file}: {mapped:?}");
        let error = read(MAPPING, &format!("path = '{file}'")).expect_err("no title");
        assert!(error.contains("the columns are: 编号, 受理"), "{file}: {error}");
    }
    assert_eq!(read(STEPS, "path = 'merged.xlsx'\nheader_row = 2").expect("header").items.len(), 1);
    let error = read(STEPS, "path = 'merged.xlsx'\nheader_row = 4").expect_err("header");
    assert!(error.starts_with("/merged.xlsx: 二级表头!4: expected column"), "{error}");
}

#[test]
fn a_row_with_an_error_is_rejected_with_the_cell_named() {
    let mapped = read(MAPPING, "path = 'flaws.xlsx'").expect("poll");
    let ids: Vec<&str> = mapped.items.iter().map(|item| &*item.key.id).collect();
    assert_eq!(ids, ["C2", "C6"]);
    let rejected: Vec<String> = mapped.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(
        rejected,
        [
            "flaws.xlsx: 错!2: column \"标题\": expected a value, got #N/A in cell B2",
            "flaws.xlsx: 错!4: column \"标题\": expected a value, got #REF! in cell B4",
            "flaws.xlsx: 错!5: column \"编号\": expected an id, got nothing",
        ]
    );
    assert_eq!(mapped.rejected[0].id.as_deref(), Some("C1"), "its item is not absent");
}

#[test]
fn a_sheet_is_chosen_by_name_number_or_sight() {
    for choice in ["", "sheet = 1", "sheet = '办件'"] {
        assert_eq!(read(MAPPING, &format!("path = 'plain.xlsx'\n{choice}")).expect(choice).items.len(), 3);
    }
    for file in ["plain.xlsx", "plain.ods", "plain.xls"] {
        for (choice, says) in [
            ("'办事'", "expected sheet \"办事\" (did you mean \"办件\"?); the sheets are: 说明, 办件"),
            ("9", "expected 9 sheets that are not hidden; the sheets are: 说明, 办件"),
            ("'说明'", "expected a header, got none"),
        ] {
            let error = read(MAPPING, &format!("path = '{file}'\nsheet = {choice}")).expect_err(choice);
            assert!(error.contains(says), "{file}: {error}");
        }
    }
}

#[test]
fn what_is_no_ledger_is_no_poll_and_says_why() {
    for (file, says) in [
        ("cut.xlsx", "expected a whole spreadsheet, got one that is cut or damaged"),
        ("cut.xls", "expected a whole spreadsheet, got one that is cut or damaged"),
        ("tail.ods", "it ends too early"),
        ("bomb.xlsx", "expected a file that unpacks to at most 536870912 bytes"),
        ("strings.xlsx", "got 999999999999 declared"),
        ("declared.xls", "expected sheets that span at most 8000000 cells"),
        ("far.xls", "expected sheets that span at most 8000000 cells"),
        ("ends.xls", "expected sheets that span at most 8000000 cells"),
        ("backwards.xlsx", ""),
        ("index.xlsx", "string index not found"),
        ("laughs.xlsx", "damaged"),
        ("passwd.xlsx", "damaged"),
        ("entity.ods", "an entity of its own"),
        ("rows.ods", "expected at most"),
        ("page.xls", "got a web page under the name of one"),
        ("text.xlsx", "is it a CSV file?"),
        ("nothing.xlsx", "got an empty file"),
        ("empty.xlsx", "expected a header, got none"),
        (
            "columns.xlsx",
            "/columns.xlsx: Sheet!1: expected column \"编号\"; expected column \"标题\"; the columns are: number, name",
        ),
    ] {
        let mapping = if is(file, "ods") { STEPS } else { MAPPING };
        let error = read(mapping, &format!("path = '{file}'")).expect_err(file);
        assert!(error.contains(says) && error.starts_with(&format!("/{file}: ")), "{file}: {error}");
        assert!(!error.contains("root:"), "{file}: {error}");
    }
}

#[test]
fn what_is_declared_takes_no_memory() {
    let mapped = read(MAPPING, "path = 'declared.xlsx'").expect("poll");
    assert_eq!(mapped.items.len(), 1, "a row at the end of a sheet of 16,384 columns and 1,048,576 rows");
    let mapped = read(STEPS, "path = 'columns.ods'").expect("poll");
    assert_eq!(mapped.items[0].fields.get("owner").and_then(|value| value.as_text()), Some("乙"));
    let mapped = read(STEPS, "path = 'spaces.ods'").expect("poll");
    assert!(mapped.rejected[0].reason.contains("expected at most 65536 bytes"), "{mapped:?}");
}

#[test]
fn a_damaged_byte_anywhere_is_read_or_refused() {
    let files = ["plain.xlsx", "plain.ods", "plain.xls", "merged.ods"];
    let folder = tempfile::tempdir().expect("a folder");
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for file in files {
        let whole = std::fs::read(self::files().join(file)).expect(file);
        let source = sheet_source(folder.path(), MAPPING, &format!("path = '{file}'\nsettle = '0s'"));
        for turn in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=turn % 4 {
                // xorshift: the same bytes in every run.
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = usize::try_from(seed >> 8).expect("64 bits") % bytes.len();
                bytes[at] = seed.to_le_bytes()[0];
            }
            if turn % 3 == 0 {
                bytes.truncate(usize::try_from(seed >> 16).expect("64 bits") % bytes.len());
            }
            std::fs::write(folder.path().join(file), bytes).expect("a file");
            if let Err(error) = poll(&source) {
                assert!(error.to_string().contains(file), "{error}");
            }
        }
    }
}

#[test]
fn damaged_parts_in_a_whole_archive_are_read_or_refused() {
    for number in 0..80 {
        for kind in ["xlsx", "ods"] {
            let file = format!("damaged-{number}.{kind}");
            if let Err(error) = read(MAPPING, &format!("path = '{file}'")) {
                assert!(error.starts_with(&format!("/{file}")), "{error}");
            }
        }
    }
}

#[test]
fn a_spreadsheet_that_somebody_has_open_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(files().join("plain.xlsx"), folder.path().join("台账.xlsx")).expect("a copy");
    let source =
        |more: &str| sheet_source(folder.path(), MAPPING, &format!("path = '台账.xlsx'\nsettle = '0s'\n{more}"));
    for lock in ["~$台账.xlsx", ".~lock.台账.xlsx#"] {
        std::fs::write(folder.path().join(lock), "x").expect("a lock");
        let error = poll(&source("")).expect_err("open").to_string();
        assert!(error.contains(&format!("expected a file that nobody has open, got {lock} beside it")), "{error}");
        assert_eq!(poll(&source("while_open = true")).expect("poll").items.len(), 3);
        std::fs::remove_file(folder.path().join(lock)).expect("no lock");
    }
    assert_eq!(poll(&source("")).expect("poll").items.len(), 3);
}

#[test]
fn a_file_that_is_written_is_no_poll_until_it_settles() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("台账.xlsx");
    let whole = std::fs::read(files().join("plain.xlsx")).expect("a file");
    std::fs::write(&path, &whole[..1000]).expect("half a file");
    let source = sheet_source(folder.path(), MAPPING, "path = '台账.xlsx'\nsettle = '1s'");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        std::fs::write(&path, whole).expect("the whole file");
    });
    let error = poll(&source).expect_err("it changes").to_string();
    assert!(error.ends_with("expected a file that did not change for 1 s: it is being written"), "{error}");
    writer.join().expect("written");
    assert_eq!(poll(&source).expect("poll").items.len(), 3);
}

fn written(path: &Path, text: &str, seconds: u64) {
    std::fs::write(path, text).expect("a file");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds);
    let file = std::fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(time).expect("a time");
}

fn csv_ids(base: &Path, config: &str) -> Result<Vec<String>, String> {
    let config: CsvConfig = toml::from_str(config).expect("a configuration");
    let mapped = poll(&CsvSource::new(&config, base, mapping(MAPPING))).map_err(|error| error.to_string())?;
    Ok(mapped.items.iter().map(|item| item.key.id.to_string()).collect())
}

#[test]
fn of_a_folder_the_newest_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let config = "path = ''\nnewest = '台账-*.csv'\n";
    let error = csv_ids(folder.path(), config).expect_err("nothing there");
    assert!(error.ends_with("expected a file 台账-*.csv, got none"), "{error}");
    written(&path("台账-2026-01.csv"), "编号,标题\nby time,x\n", 50);
    written(&path("台账-2026-02.csv"), "编号,标题\nby name,x\n", 40);
    written(&path("other.csv"), "编号,标题\nother,x\n", 60);
    written(&path("~台账-9.csv"), "half", 70);
    std::fs::create_dir(path("台账-2026-03.csv")).expect("a folder");
    assert_eq!(csv_ids(folder.path(), config), Ok(vec!["by time".to_owned()]));
    let by_name = format!("{config}newest_by = 'name'");
    assert_eq!(csv_ids(folder.path(), &by_name), Ok(vec!["by name".to_owned()]));
    written(&path("台账-2026-04.csv"), "编号,标题\n1,\"cut", 80);
    let error = csv_ids(folder.path(), config).expect_err("no older file takes its place");
    assert!(error.contains("台账-2026-04.csv:2: expected the quote"), "{error}");
}

#[test]
fn a_file_beside_it_says_that_a_file_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let config = "path = 'tickets.csv'\ndone = true";
    written(&path("tickets.csv"), "编号,标题\n1,x\n", 10);
    let error = csv_ids(folder.path(), config).expect_err("not done");
    assert!(error.contains("expected tickets.csv.done beside it when it is whole, got: No such file"), "{error}");
    written(&path("tickets.csv.done"), "", 10);
    assert_eq!(csv_ids(folder.path(), config), Ok(vec!["1".to_owned()]));
    written(&path("tickets.csv"), "编号,标题\n1,x\n2,y\n", 20);
    let error = csv_ids(folder.path(), config).expect_err("the next one");
    assert!(error.ends_with("expected tickets.csv.done to be newer than the file: it is being written"), "{error}");
    written(&path("tickets.csv.done"), "", 21);
    assert_eq!(csv_ids(folder.path(), config), Ok(vec!["1".to_owned(), "2".to_owned()]));
}

#[test]
fn odd_settings_are_refused() {
    for (config, says) in [
        ("path = 'x'\nsheet = 0", "the name of a sheet, or its number from 1"),
        ("path = 'x'\nheader_row = 0", "nonzero"),
        ("path = 'x'\nnewest = '[a]*'", "expected the name of a file with * and ?"),
        ("path = 'x'\nnewest = '../*'", "expected the name of a file with * and ?"),
        ("path = 'x'\nnewest_by = 'size'", "expected `time` or `name`"),
        ("path = 'x'\nsheets = 1", "unknown field `sheets`"),
    ] {
        let error = toml::from_str::<SheetConfig>(config).expect_err(config).to_string();
        assert!(error.contains(says), "{error}");
    }
}
