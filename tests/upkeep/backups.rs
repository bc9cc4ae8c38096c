//! `duban backup` and `duban restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::support::daemon::Daemon;
use super::support::site::{Site, Ticket};
use super::{Office, calm_site, create, last_command, number, sql, type_in};
use crate::support::command::duban;
use crate::support::patience::{ahead, holds_within};

const FIRED: &str = "SELECT fired_at FROM schedules WHERE schedule = 'digest'";

/// A store that remembers one number.
fn remember(path: &Path, number: u32) {
    sql(path, &format!("INSERT OR REPLACE INTO schedules VALUES ('digest', {number})"));
}

fn office_that_remembers(number: u32) -> Office {
    let office = Office::new();
    create(&office.store());
    remember(&office.store(), number);
    office
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_backup_is_made_while_the_daemon_works_and_is_all_that_a_new_place_needs() {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("A-1", ahead(-60))]);
    let daemon = Daemon::polled(&site);
    assert!(holds_within(20, || number(&site.path("duban.db"), "SELECT count(*) FROM cards") == 1));
    let copy = site.path("copy.db");
    let config = text(&site.path("duban.toml"));
    let run = duban(&["backup", &text(&copy), "--format", "csv", "--config", &config]);
    assert_eq!(run.status, 0, "{run:?}");
    let row = &run.rows()[0];
    assert_eq!((&*row["items"], &*row["schema"], &row["file"]), ("1", "1", &text(&copy)), "{run:?}");
    assert_eq!(row["bytes"], fs::metadata(&copy).expect("a file").len().to_string());
    assert_eq!(fs::metadata(&copy).expect("a file").permissions().mode() & 0o777, 0o600);
    daemon.polls_again(1);
    assert_eq!(daemon.stop(), 0);
    // Elsewhere, the daemon goes on from it.
    let other = calm_site();
    let restored = duban(&["restore", &text(&copy), "--config", &text(&other.path("duban.toml"))]);
    assert_eq!(restored.status, 0, "{restored:?}");
    assert!(!restored.stderr.contains("kept as"), "nothing was there: {restored:?}");
    assert_eq!(number(&other.path("duban.db"), "SELECT count(*) FROM cards"), 1);
    assert_eq!(Daemon::polled(&other).stop(), 0);
}

#[test]
fn a_backup_never_overwrites_anything_and_leaves_nothing_half_made() {
    let office = office_that_remembers(1);
    let taken = office.path("taken");
    fs::write(&taken, "somebody's notes").expect("a file");
    office.refuses(&["backup", &text(&taken)], 1, "is there already", "已经存在，不会覆盖");
    assert_eq!(fs::read_to_string(&taken).expect("a file"), "somebody's notes");
    office.refuses(&["backup", &text(&office.path("missing/copy"))], 70, "missing/copy", "missing/copy");
    assert_eq!(office.files("").iter().filter(|name| name.contains("part")).count(), 0);
    std::os::unix::fs::symlink("nowhere", office.path("link")).expect("a link");
    office.refuses(&["backup", &text(&office.path("link"))], 1, "is there already", "已经存在");
}

#[test]
fn a_full_disk_leaves_nothing_half_made_and_the_store_as_it_is() {
    let office = Office::full(3_000);
    let before = fs::read(office.store()).expect("a file");
    let copy = office.path("copy");
    office.row(&["backup", &text(&copy)]);
    let files = office.files("");
    let to = text(&office.path("second"));
    let place = format!("sqlite:{to}");
    for arguments in
        [&["backup", &to][..], &["restore", &text(&copy)], &["migrate", "--from", "sqlite:", "--to", &place]]
    {
        // No file may grow beyond 400 KiB, and a write beyond it fails as on a full disk.
        let run = Command::new("/bin/sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 800; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_duban")])
            .args(arguments)
            .args(["--config", &text(&office.path("duban.toml"))])
            .output()
            .expect("started");
        assert_eq!(run.status.code(), Some(70), "{arguments:?}: {run:?}");
        assert!(before == fs::read(office.store()).expect("a file"), "{arguments:?}");
        if arguments[0] != "migrate" {
            assert_eq!(office.files(""), files, "{arguments:?}: {run:?}");
        }
    }
    // What the transfer could not fill is there, and empty.
    assert_eq!(number(&office.path("second"), "SELECT count(*) FROM items"), 0);
    assert_eq!(office.duban(&["migrate", "--from", "sqlite:", "--to", &place]).status, 0);
}

#[test]
fn a_store_behind_a_link_stays_where_it_is() {
    let office = office_that_remembers(1);
    let copy = office.path("copy");
    office.row(&["backup", &text(&copy)]);
    fs::create_dir(office.path("data")).expect("a folder");
    fs::rename(office.store(), office.path("data/real.db")).expect("moved");
    std::os::unix::fs::symlink("data/real.db", office.store()).expect("a link");
    remember(&office.store(), 2);
    office.row(&["restore", &text(&copy)]);
    assert!(office.store().is_symlink());
    assert_eq!(number(&office.path("data/real.db"), FIRED), 1);
}

#[test]
fn without_a_name_a_backup_lies_beside_the_store_and_into_a_folder_it_has_the_same_name() {
    let office = office_that_remembers(1);
    let beside = office.row(&["backup"])["file"].clone();
    let name = beside.rsplit('/').next().expect("a name");
    assert!(name.starts_with("duban.db.20") && name.ends_with("Z.backup"), "{name}");
    fs::create_dir(office.path("it's a folder")).expect("a folder");
    let inside = office.row(&["backup", &text(&office.path("it's a folder"))])["file"].clone();
    assert!(inside.contains("it's a folder/duban.db.20"), "{inside}");
    assert_eq!(number(Path::new(&inside), FIRED), 1);
}

#[test]
fn a_store_that_is_not_there_or_not_ours_is_not_backed_up() {
    let office = Office::new();
    office.refuses(&["backup"], 1, "there is no such file", "文件不存在");
    sql(&office.store(), "CREATE TABLE invoices (id INTEGER)");
    office.refuses(&["backup"], 1, "another program's database", "别的程序的数据库");
    assert_eq!(office.files("duban.db."), Vec::<String>::new());
}

#[test]
fn what_a_restore_replaces_is_kept_and_its_last_words_undo_it() {
    let office = office_that_remembers(1);
    let copy = office.path("copy");
    office.row(&["backup", &text(&copy)]);
    remember(&office.store(), 2);
    let run = office.duban(&["restore", &text(&copy)]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(number(&office.store(), FIRED), 1);
    let kept = office.files("duban.db.replaced-");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(number(&office.path(&kept[0]), FIRED), 2);
    type_in(last_command(&run.stderr));
    assert_eq!(number(&office.store(), FIRED), 2);
    assert_eq!(office.files("duban.db.replaced-").len(), 2, "the undo is undone the same way");
    assert_eq!(office.files("duban.db.restoring"), Vec::<String>::new());
    let chinese = office.duban(&["restore", &text(&copy), "--lang", "zh-CN"]);
    assert!(
        chinese.stderr.contains("原来的库保留为") && chinese.stderr.contains("要撤销：duban restore"),
        "{chinese:?}"
    );
}

#[test]
fn nothing_is_restored_under_a_running_daemon() {
    let site = calm_site();
    let daemon = Daemon::polled(&site);
    let copy = site.path("copy.db");
    let config = text(&site.path("duban.toml"));
    assert_eq!(duban(&["backup", &text(&copy), "--config", &config]).status, 0);
    for (language, says) in [("en", "stop it first"), ("zh-CN", "请先停止它")] {
        let run = duban(&["restore", &text(&copy), "--config", &config, "--lang", language]);
        assert_eq!((run.status, run.stderr.contains(says)), (1, true), "{run:?}");
    }
    // Nor is a store copied that another daemon uses: its newest changes may be missing.
    let office = Office::new();
    office.refuses(&["restore", &text(&site.path("duban.db"))], 1, "stop it first", "请先停止它");
    assert_eq!(office.files("duban.db.r"), Vec::<String>::new());
    daemon.polls_again(1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_not_a_sound_store_is_not_restored_and_the_present_one_stays() {
    let office = Office::full(300);
    let whole = fs::read(office.store()).expect("a file");
    let put = |name: &str, content: &[u8]| fs::write(office.path(name), content).expect("a file");
    put("text", "notes of somebody\n".repeat(999).as_bytes());
    put("empty", b"");
    put("head", &whole[..16]);
    put("half", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    flipped[8 * 4_096..12 * 4_096].iter_mut().for_each(|byte| *byte ^= 0xa5);
    put("flipped", &flipped);
    sql(&office.path("other"), "CREATE TABLE invoices (id INTEGER)");
    put("newer", &whole);
    make_newer(&office.path("newer"));
    fs::create_dir(office.path("folder")).expect("a folder");
    for (name, status, english, chinese) in [
        ("missing", 1, "there is no such file", "文件不存在"),
        ("text", 1, "not an SQLite database", "不是 SQLite 数据库"),
        ("empty", 1, "not an SQLite database", "不是 SQLite 数据库"),
        ("head", 1, "head", "head"),
        ("half", 1, "is damaged", "已损坏"),
        ("flipped", 1, "is damaged", "已损坏"),
        ("other", 1, "another program's database", "别的程序的数据库"),
        ("newer", 1, "a newer duban (schema 9999", "更新版本的 duban 写成（库结构 9999"),
        ("folder", 70, "not a file", "无法读写"),
    ] {
        office.refuses(&["restore", &text(&office.path(name))], status, english, chinese);
        assert_eq!(office.files("duban.db"), ["duban.db", "duban.db.lock"], "{name}");
        assert!(fs::read(office.store()).expect("a file") == whole, "{name}");
    }
}

/// Lets a store look as if a newer duban had written it.
pub fn make_newer(path: &Path) {
    sql(
        path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'newer', true, x'00', 0)",
    );
}

#[test]
fn a_damaged_store_is_replaced_and_kept_with_its_log() {
    let office = office_that_remembers(1);
    let copy = office.path("copy");
    office.row(&["backup", &text(&copy)]);
    fs::write(office.store(), "SQLite format 3\0 and then nothing of use").expect("a file");
    fs::write(office.path("duban.db-wal"), "the log of something else").expect("a file");
    let run = office.duban(&["restore", &text(&copy)]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(number(&office.store(), FIRED), 1);
    let kept = office.files("duban.db.replaced-");
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(fs::read_to_string(office.path(&kept[1])).expect("the log"), "the log of something else");
    assert!(!office.path("duban.db-wal").exists());
}

#[test]
fn what_a_kill_left_is_restored_with_its_log_and_stays_as_it_is() {
    let site = Site::new();
    site.tickets(&[Ticket::due_at("A-1", ahead(-60))]);
    let daemon = Daemon::polled(&site);
    assert!(holds_within(20, || number(&site.path("duban.db"), "SELECT count(*) FROM cards") == 1));
    daemon.kill();
    let files = ["duban.db", "duban.db-wal"].map(|name| fs::read(site.path(name)).expect("a file"));
    assert!(!files[1].is_empty());
    let office = Office::new();
    let run = office.duban(&["restore", &text(&site.path("duban.db"))]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(number(&office.store(), "SELECT count(*) FROM cards"), 1);
    let after = ["duban.db", "duban.db-wal"].map(|name| fs::read(site.path(name)).expect("a file"));
    assert!(files == after, "the given file is only read");
}
