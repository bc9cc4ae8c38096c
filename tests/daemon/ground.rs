//! What other tests stand on: servers that break, and proxies that cut, do so as they say.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use crate::support::authority::Authority;
use crate::support::patience::holds_within;
use crate::support::postgres::{Database, PASSWORD, Postgres, block_on};
use crate::support::proxy::{Direction, Mode, Proxy};

fn options(url: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(url).expect("a URL")
}

async fn number(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

fn once(options: &PgConnectOptions, sql: &'static str) -> sqlx::Result<i64> {
    block_on(async { number(&mut options.connect().await?, sql).await })
}

#[test]
fn a_server_gives_databases_that_are_each_ones_own_and_asks_one_role_for_its_password() {
    let postgres = Postgres::shared();
    let (one, other) = (postgres.new_database(), postgres.new_database());
    let create = "WITH x AS (SELECT 1) SELECT count(*) FROM pg_class WHERE relname = 'mine'";
    for url in [one.url(), one.socket_url(), one.pooled_url()] {
        let mut plain = options(&url).extra_float_digits(None);
        plain = plain.ssl_mode(PgSslMode::Disable);
        block_on(async {
            let mut connection = plain.connect().await.expect("connected");
            sqlx::raw_sql("CREATE TABLE IF NOT EXISTS mine (a int)").execute(&mut connection).await.expect("created");
        });
        assert_eq!(once(&plain, create).expect("a count"), 1, "{url}");
    }
    assert_eq!(once(&options(&other.url()), create).expect("a count"), 0);

    let guarded = options(&Database::guarded(&one.url()));
    assert_eq!(once(&guarded.clone().password(PASSWORD), "SELECT count(*) FROM mine").expect("its owner's rights"), 0);
    for refused in [guarded.clone(), guarded.password("Correct horse")] {
        let error = once(&refused, "SELECT 1::bigint").expect_err("the password is wrong");
        assert!(error.to_string().contains("password"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_breaks_keeps_what_was_committed_and_comes_again_on_its_port() {
    let postgres = Postgres::start();
    let database = postgres.new_database();
    let options = options(&database.url());
    let mut connection = options.connect().await.expect("connected");
    sqlx::raw_sql("CREATE TABLE kept (n int)").execute(&mut connection).await.expect("created");
    let breaks: [(&str, &dyn Fn()); 2] =
        [("crash", &|| postgres.crash()), ("immediate", &|| postgres.stop_immediately())];
    for (kept, (what, break_it)) in (1..).zip(breaks) {
        sqlx::raw_sql("INSERT INTO kept VALUES (1)").execute(&mut connection).await.expect("inserted");
        break_it();
        assert!(number(&mut connection, "SELECT 1::bigint").await.is_err(), "{what}");
        assert!(options.connect().await.is_err(), "{what}");
        postgres.start_again();
        connection = options.connect().await.expect("connected");
        assert_eq!(number(&mut connection, "SELECT count(*) FROM kept").await.expect("a count"), kept, "{what}");
    }
    assert_eq!(postgres.terminate_connections(), 1);
    assert!(number(&mut connection, "SELECT 1::bigint").await.is_err());
    assert_eq!(once(&options, "SELECT count(*) FROM kept").expect("a count"), 2);
}

#[test]
fn a_server_leaves_neither_a_process_nor_a_file() {
    let postgres = Postgres::start();
    let folder = postgres.socket_folder().to_owned();
    assert!(running_in(&folder) > 0 && folder.exists());
    postgres.crash();
    assert_eq!(running_in(&folder), 0);
    postgres.start_again();
    drop(postgres);
    assert_eq!(running_in(&folder), 0);
    assert!(!folder.exists());
}

/// How many processes name the folder in their command lines.
fn running_in(folder: &Path) -> usize {
    let folder = folder.to_str().expect("UTF-8");
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder)).count()
}

#[test]
fn a_server_shows_its_certificate_and_takes_another() {
    let (good, old) = (Authority::for_names(&["localhost"]), Authority::long_ago_for_names(&["localhost"]));
    let postgres = Postgres::start_with(&good);
    let folder = tempfile::tempdir().expect("a folder");
    let verified = |authority: &Authority, host: &str| {
        let ca = authority.file_in(folder.path());
        let options = PgConnectOptions::new_without_pgpass().host(host).port(postgres.port).username("postgres");
        let options = options.database("postgres").ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(ca);
        once(&options, "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()")
    };
    assert_eq!(verified(&good, "localhost").expect("it is good"), 1);
    assert!(verified(&good, "127.0.0.1").is_err(), "the name is wrong");
    assert!(verified(&old, "localhost").is_err(), "the authority is another");
    postgres.start_again_with(&old);
    assert!(verified(&old, "localhost").is_err(), "the certificate is of long ago");
}

/// A server that says everything back, and its port.
fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("port");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    port
}

/// What comes back of ten bytes until the connection ends or is silent, and how it ended.
fn back(stream: &mut TcpStream) -> (usize, Option<ErrorKind>) {
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("timeout");
    if let Err(error) = stream.write_all(b"0123456789") {
        return (0, Some(error.kind()));
    }
    let (mut count, mut buffer) = (0, [0; 10]);
    while count < 10 {
        match stream.read(&mut buffer) {
            Ok(0) => return (count, None),
            Ok(length) => count += length,
            Err(error) => return (count, Some(error.kind())),
        }
    }
    (count, None)
}

#[test]
fn a_proxy_cuts_at_the_byte_in_either_direction() {
    let proxy = Proxy::before(echo());
    let connect = || TcpStream::connect(("127.0.0.1", proxy.port)).expect("connected");
    assert_eq!(back(&mut connect()), (10, None));
    let mut cuts = 0;
    for (mode, came, ended) in [
        (Mode::Close(Direction::Down, 4), 4, None),
        (Mode::Reset(Direction::Down, 0), 0, Some(ErrorKind::ConnectionReset)),
        (Mode::Close(Direction::Up, 0), 0, None),
        (Mode::Reset(Direction::Up, 10), 0, Some(ErrorKind::ConnectionReset)),
        (Mode::Refuse, 0, Some(ErrorKind::ConnectionReset)),
    ] {
        // A connection that stands already, and whose bytes of before do not count.
        proxy.set(Mode::Pass);
        let mut stands = connect();
        assert_eq!(back(&mut stands), (10, None), "{mode:?}");
        proxy.set(mode);
        for mut stream in [stands, connect()] {
            assert_eq!(back(&mut stream), (came, ended), "{mode:?}");
            cuts += 1;
        }
        assert!(holds_within(5, || proxy.cuts() == cuts), "{mode:?}");
    }
}

#[test]
fn a_proxy_holds_bytes_back_and_lets_them_go() {
    for direction in [Direction::Up, Direction::Down] {
        let proxy = Proxy::before(echo());
        proxy.set(Mode::Hold(direction, 3));
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).expect("connected");
        assert_eq!(back(&mut stream), (3, Some(ErrorKind::WouldBlock)));
        proxy.set(Mode::Pass);
        let mut rest = [0; 7];
        stream.read_exact(&mut rest).expect("the rest");
        assert_eq!((&rest, proxy.cuts()), (b"3456789", 0));
    }
}
