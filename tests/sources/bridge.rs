//! The bridge of `config/examples/bridge`: a query through unixODBC on a real database server, as a file that duban reads.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use duban::core::value::Value;
use duban::source::Source as _;
use duban::source::csv::{CsvConfig, CsvSource};
use duban::source::mapping::Mapping;
use tempfile::TempDir;

const TABLE: &str = "CREATE DATABASE tickets CHARACTER SET utf8mb4; USE tickets; \
    CREATE TABLE ticket (ticket_no VARCHAR(20), title TEXT, received_at DATETIME(3), solved_at DATETIME, amount DECIMAL(12,2)); \
    INSERT INTO ticket VALUES ('T1', '占道, \"经营\"\n二行', '2026-01-02 03:04:05.500', NULL, 1234567.80), \
    ('T2', '', '2026-01-02 00:00:00', '2026-01-03 00:00:00', NULL);";

/// A server on a socket of its own, which ends with this value.
struct MariaDb {
    child: Child,
    folder: TempDir,
}

impl MariaDb {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("duban-odbc").tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let who = ["--user=root".to_owned(), "--no-defaults".to_owned()];
        let installed = Command::new("/usr/bin/mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", at("data")))
            .stdout(Stdio::null())
            .status();
        assert!(installed.expect("mariadb-install-db").success(), "a new database");
        let child = Command::new("/usr/sbin/mariadbd")
            .args(who.iter().rev())
            .arg("--skip-networking")
            .arg("--innodb-buffer-pool-size=8M")
            .arg(format!("--datadir={}", at("data")))
            .arg(format!("--socket={}", at("s")))
            .arg(format!("--pid-file={}", at("pid")))
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd");
        let server = Self { child, folder };
        let begun = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            server.sql("SELECT 1").status.success()
        });
        assert!(begun, "the server answers");
        server
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sql(&self, text: &str) -> Output {
        let socket = format!("--socket={}", self.at("s").display());
        let client = Command::new("/usr/bin/mariadb").args(["--no-defaults", "-uroot", &socket, "-e", text]).output();
        client.expect("mariadb")
    }

    /// Runs the bridge as its service does.
    fn bridge(&self, query: &str) -> Output {
        let write = |name: &str, text: &str| std::fs::write(self.at(name), text).expect("a file");
        let ini = "[tickets]\nDriver = MariaDB Unicode\nDatabase = tickets\nCharset = utf8mb4\nSocket = SOCKET\n";
        write("odbc.ini", &ini.replace("SOCKET", &self.at("s").display().to_string()));
        write("tickets.login", "UID=root;PWD=\n");
        write("tickets.sql", query);
        Command::new("/usr/bin/python3")
            .arg(example("duban-bridge"))
            .args(["--dsn", "tickets", "--timeout", "2"])
            .arg("--query")
            .arg(self.at("tickets.sql"))
            .arg("--login")
            .arg(self.at("tickets.login"))
            .arg("--out")
            .arg(self.at("tickets.csv"))
            .env("ODBCINI", self.at("odbc.ini"))
            .output()
            .expect("the bridge")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // A test that fails must not hang for a server that is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/bridge").join(name)
}

/// The rows as duban reads them by the page's own configuration.
fn read(folder: &Path) -> Result<Vec<Vec<Option<Value>>>, String> {
    let page = std::fs::read_to_string(example("README.md")).expect("the page");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a configuration");
    let mut config: toml::Table = block.parse().expect("a configuration");
    let mut source = config["source"]["tickets"].as_table().expect("a source").clone();
    let csv: CsvConfig = source.remove("csv").expect("csv").try_into().expect("csv");
    source.remove("every");
    config.clear();
    let mapping = Mapping::new("tickets", &source.try_into().expect("a mapping")).expect("a mapping");
    let csv = CsvConfig { path: folder.join(csv.path.file_name().expect("a name")), ..csv };
    let source = CsvSource::new(&csv, folder, Arc::new(mapping));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let fetched = runtime.block_on(source.fetch(None)).map_err(|error| error.to_string())?;
    let mapped = fetched.map(0);
    assert!(mapped.rejected.is_empty(), "{mapped:?}");
    let names = ["title", "received_at", "solved_at", "amount"];
    Ok(mapped.items.iter().map(|item| names.iter().map(|name| item.fields.get(name).cloned()).collect()).collect())
}

#[test]
fn what_a_database_answers_through_odbc_arrives_as_items() {
    let server = MariaDb::start();
    let made = server.sql(TABLE);
    assert!(made.status.success(), "{made:?}");
    let folder = server.folder.path();
    assert!(read(folder).expect_err("nothing there yet").contains("tickets.csv"));

    let query = std::fs::read_to_string(example("tickets.sql")).expect("the query");
    let asked = server.bridge(&query);
    assert!(asked.status.success(), "{asked:?}");
    let text = std::fs::read_to_string(server.at("tickets.csv")).expect("a file");
    assert_eq!(
        text,
        "编号,标题,受理时间,办结时间,金额\nT1,\"占道, \"\"经营\"\"\n二行\",2026-01-02 03:04:05.5,,1234567.80\n\
         T2,,2026-01-02 00:00:00,2026-01-03 00:00:00,\n"
    );
    let rows = read(folder).expect("poll");
    let instant = |text: &str| Some(Value::Instant(text.parse().expect("an instant")));
    assert_eq!(rows[0][0], Some(Value::text("占道, \"经营\"\n二行")));
    assert_eq!(rows[0][1], instant("2026-01-01T19:04:05.5Z"));
    assert_eq!(rows[0][2..], [Some(Value::Missing), Some(Value::Float(1_234_567.8))]);
    assert_eq!(rows[1][2..], [instant("2026-01-02T16:00:00Z"), Some(Value::Missing)]);

    // What fails leaves the last good file, and says why.
    for (query, says) in [
        ("SELECT nothing FROM ticket", "Unknown column"),
        ("DELETE FROM ticket", "expected one SELECT"),
        ("SELECT x'00ff' AS b", "column b: expected text or a number, got bytes"),
    ] {
        let refused = server.bridge(query);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{query}");
        assert!(said.starts_with("duban-bridge: tickets: ") && said.contains(says), "{query}: {said}");
        assert_eq!(std::fs::read_to_string(server.at("tickets.csv")).expect("the last good file"), text);
        assert_eq!(read(folder).expect("poll"), rows);
    }
    let left = server.sql("SELECT COUNT(*) AS n FROM tickets.ticket");
    assert!(String::from_utf8_lossy(&left.stdout).contains('2'), "nothing was deleted: {left:?}");

    // A file without its sign is not whole.
    std::fs::remove_file(server.at("tickets.csv.done")).expect("a sign");
    assert!(read(folder).expect_err("not whole").contains("expected tickets.csv.done beside it"));
}
