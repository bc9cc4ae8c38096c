//! Whom a source believes to be its server.

use std::path::Path;

use duban::core::database::Tls;
use duban::source::Source;
use duban::source::sql::{MySqlSource, PostgresSource, SqlConfig};
use secrecy::SecretString;

use super::{mapping, poll};
use crate::support::authority::Authority;
use crate::support::mariadb::MariaDb;
use crate::support::postgres::{Database, PASSWORD, Postgres};

/// What becomes of a poll with each way of trust.
async fn outcomes(
    ca_file: &Path,
    connect: impl Fn(&SqlConfig) -> Box<dyn Source>,
    url: &str,
    query: &str,
) -> Vec<String> {
    let mut outcomes = Vec::new();
    for (tls, ca_file) in
        [(Tls::Verify, None), (Tls::Verify, Some(ca_file.to_owned())), (Tls::EncryptOnly, None), (Tls::Off, None)]
    {
        let source = connect(&SqlConfig { tls, ca_file, ..SqlConfig::new(url, query) });
        let outcome = match poll(&*source).await {
            Ok(mapped) => serde_json::to_value(&mapped.items[0]).expect("JSON")["raw"]["tls"].to_string(),
            Err(error) => error.to_string(),
        };
        outcomes.push(outcome);
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_believed_as_far_as_it_is_configured() {
    let authority = Authority::for_names(&["localhost"]);
    let folder = tempfile::tempdir().expect("folder");
    let ca_file = authority.file_in(folder.path());
    let server = Postgres::start_with(&authority);
    let database = server.new_database();
    let query = "SELECT 1 AS id, ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let password = SecretString::from(PASSWORD);
    let connect = |config: &SqlConfig| {
        let source = PostgresSource::new(config, Some(&password), Path::new("/"), mapping("UTC"));
        Box::new(source.expect("a query")) as Box<dyn Source>
    };
    // The certificate is for the name, not for the address; this role is let in over TLS only.
    let named = outcomes(&ca_file, connect, &Database::guarded(&database.named_url()), query).await;
    assert!(named[0].contains("not trusted (TLS)") && named[0].contains("ca_file"), "{named:?}");
    assert_eq!(&named[1..3], ["\"true\"", "\"true\""]);
    assert!(named[3].contains("does not let this user in"), "{named:?}");
    let by_address = outcomes(&ca_file, connect, &database.url(), query).await;
    assert!(by_address[1].contains("not trusted (TLS)"), "{by_address:?}");
    assert_eq!(&by_address[2..], ["\"true\"", "\"false\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_is_believed_as_far_as_it_is_configured() {
    let authority = Authority::for_names(&["localhost"]);
    let folder = tempfile::tempdir().expect("folder");
    let ca_file = authority.file_in(folder.path());
    let server = MariaDb::start_with(&authority);
    let database = server.new_database();
    server.run("mysql", "CREATE USER guarded IDENTIFIED BY 'right' REQUIRE SSL; GRANT SELECT ON *.* TO guarded");
    let query = "SELECT 1 AS id, VARIABLE_VALUE <> '' AS tls FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'";
    let password = SecretString::from("right");
    let connect = |config: &SqlConfig| {
        let source = MySqlSource::new(config, Some(&password), Path::new("/"), mapping("UTC"));
        Box::new(source.expect("a query")) as Box<dyn Source>
    };
    let url = server.url(&database).replace("root@", "guarded@");
    let named = outcomes(&ca_file, connect, &url.replace("127.0.0.1", "localhost"), query).await;
    assert!(named[0].contains("not trusted (TLS)") && named[0].contains("ca_file"), "{named:?}");
    assert_eq!(&named[1..3], ["\"1\"", "\"1\""]);
    assert!(named[3].contains("does not let this user in"), "{named:?}");
    let by_address = outcomes(&ca_file, connect, &url, query).await;
    assert!(by_address[1].contains("not trusted (TLS)"), "{by_address:?}");

    let plain = MariaDb::shared();
    let source =
        MySqlSource::new(&SqlConfig::new(plain.url("mysql"), "SELECT 1 AS id"), None, Path::new("/"), mapping("UTC"));
    let error = poll(&source.expect("a query")).await.expect_err("no TLS there").to_string();
    assert!(error.contains("tls = \"off\""), "{error}");
}
