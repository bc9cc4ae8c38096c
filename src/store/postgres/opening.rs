//! Opening a database: who this is, what the server must be, and the schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::{ConnectOptions as _, Connection as _, Transaction};

use super::nudges::Nudges;
use super::{PostgresConfig, PostgresEngine};
use crate::core::digest::Digest;
use crate::store::{Result, StoreError, Updated};

/// The oldest server that is known to do.
const OLDEST: i32 = 150_000;

/// How long a verb waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was idle for longer is asked whether it is still there.
const SURE: Duration = Duration::from_millis(500);

/// A connection that nobody needs is closed after this time.
const IDLE: Duration = Duration::from_mins(5);

/// Compiled in: a new file in the folder is seen when this one is compiled again, which a test watches.
fn schema() -> Migrator {
    let mut schema = sqlx::migrate!("src/store/migrations/postgres");
    // Its lock lasts for a session, which a pooler does not give; the transaction around it holds one of its own.
    schema.set_locking(false);
    schema
}

/// The newest schema that this duban knows.
pub fn known_schema() -> i64 {
    schema().iter().map(|migration| migration.version).max().unwrap_or_default()
}

pub async fn open(config: &PostgresConfig, password: Option<&SecretString>, instance: &Path) -> Result<PostgresEngine> {
    let (lock, holder) = take_instance(instance)?;
    let options = options(config, password)?;
    let pool = connect(config, options.clone()).await?;
    check_server(&pool).await?;
    migrate(config, &pool).await?;
    let nudges = Some(Nudges::listen(options, &holder));
    Ok(PostgresEngine { pool, holder: holder.into(), nudges, _lock: Some(lock) })
}

/// Opens a store that exists: without an installation's identity, and without touching its schema.
pub async fn visit(config: &PostgresConfig, password: Option<&SecretString>) -> Result<PostgresEngine> {
    let pool = connect(config, options(config, password)?).await?;
    check_server(&pool).await?;
    let (known, wanted) = versions(&pool).await?;
    if known > wanted {
        return Err(newer(config, known, wanted));
    }
    if known != wanted {
        let text = match known {
            None => "there is no store in this database yet".to_owned(),
            Some(known) => {
                format!("its schema is {known}; `duban migrate` or a start of the daemon brings it up to date")
            }
        };
        return Err(StoreError::Unreadable(text));
    }
    Ok(PostgresEngine { pool, holder: "".into(), nudges: None, _lock: None })
}

fn options(config: &PostgresConfig, password: Option<&SecretString>) -> Result<PgConnectOptions> {
    config.options(password).map_err(|problem| StoreError::Unavailable(format!("store.postgres: {problem}")))
}

async fn connect(config: &PostgresConfig, options: PgConnectOptions) -> Result<PgPool> {
    // A pool would only say that it waited in vain.
    let alone = tokio::time::timeout(PATIENCE, options.connect()).await;
    let alone = alone.map_err(|_| StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs())));
    let alone = alone.and_then(|answer| Ok(answer?))?;
    // The server notices that it is gone.
    let _ = alone.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(config.connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(IDLE)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < SURE {
                    return Ok(true);
                }
                Ok(tokio::time::timeout(PATIENCE, connection.ping()).await.is_ok_and(|answer| answer.is_ok()))
            })
        });
    Ok(pool.connect_with(options).await?)
}

/// Refuses a server that cannot keep what duban promises.
async fn check_server(pool: &PgPool) -> Result<()> {
    let mut tx = pool.begin().await?;
    let (version, encoding, is_standby, fsync): (i32, String, bool, String) =
        sqlx::query_as(SERVER).persistent(false).fetch_one(&mut *tx).await?;
    if version < OLDEST {
        let (wanted, got) = (OLDEST / 10_000, version / 10_000);
        return Err(StoreError::Unreadable(format!("expected PostgreSQL {wanted} or later, got {got}")));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Unreadable(format!("expected a database with the encoding UTF8, got {encoding}")));
    }
    if is_standby {
        return Err(StoreError::Unavailable("this server is a standby; the primary is wanted".to_owned()));
    }
    if fsync != "on" {
        tracing::warn!("the server runs with fsync = {fsync}: what is answered may be lost in a power cut");
    }
    Ok(())
}

const SERVER: &str = "
    SELECT current_setting('server_version_num')::int, getdatabaseencoding()::text, pg_is_in_recovery(),
           current_setting('fsync')";

/// Brings the schema of a database up to date, and leaves it closed.
pub async fn update(config: &PostgresConfig, password: Option<&SecretString>) -> Result<Updated> {
    let pool = connect(config, options(config, password)?).await?;
    check_server(&pool).await?;
    let (from, to) = versions(&pool).await?;
    migrate(config, &pool).await?;
    pool.close().await;
    Ok(Updated { from, to: to.unwrap_or_default(), backup: None })
}

/// Brings the schema up to date, in one transaction; another process that does the same is waited for.
async fn migrate(config: &PostgresConfig, pool: &PgPool) -> Result<()> {
    let (known, wanted) = versions(pool).await?;
    if known >= wanted {
        return if known == wanted { Ok(()) } else { Err(newer(config, known, wanted)) };
    }
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('duban schema', 137))")
        .persistent(false)
        .execute(&mut *tx)
        .await?;
    // The migrator names its statements: behind a pooler they must neither meet an earlier one's nor stay.
    forget_statements(&mut tx).await?;
    schema().run_direct(None, &mut *tx, false).await.map_err(sqlx::Error::from)?;
    forget_statements(&mut tx).await?;
    Ok(tx.commit().await?)
}

async fn forget_statements(tx: &mut Transaction<'_, Postgres>) -> Result<()> {
    sqlx::raw_sql("DEALLOCATE ALL").execute(&mut **tx).await?;
    Ok(())
}

/// The schema's version in the database, and the one that this duban wants.
async fn versions(pool: &PgPool) -> Result<(Option<i64>, Option<i64>)> {
    let wanted = schema().iter().map(|migration| migration.version).max();
    let mut tx = pool.begin().await?;
    let (is_there,): (bool,) = sqlx::query_as("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .persistent(false)
        .fetch_one(&mut *tx)
        .await?;
    if !is_there {
        return Ok((None, wanted));
    }
    let (known,): (Option<i64>,) =
        sqlx::query_as("SELECT max(version) FROM _sqlx_migrations").persistent(false).fetch_one(&mut *tx).await?;
    Ok((known, wanted))
}

fn newer(config: &PostgresConfig, known: Option<i64>, wanted: Option<i64>) -> StoreError {
    let (schema, known) = (known.unwrap_or_default(), wanted.unwrap_or_default());
    StoreError::Newer { place: config.place(), schema, known, backup: None }
}

/// Reads which installation this is, or decides it, and keeps a second process from being the same one.
fn take_instance(path: &Path) -> Result<(File, String)> {
    let not_writable = |error: io::Error| StoreError::NotWritable(format!("{}: {error}", path.display()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Unavailable(format!("another duban holds {}", path.display())));
        }
        Err(TryLockError::Error(error)) => return Err(not_writable(error)),
    }
    let mut id = String::new();
    file.read_to_string(&mut id).map_err(not_writable)?;
    if let Ok(known) = id.trim().parse::<Digest>() {
        return Ok((file, known.to_string()));
    }
    let random = [(); 2].map(|()| RandomState::new().hash_one(()).to_be_bytes());
    let id = Digest::of(random.iter().map(<[u8; 8]>::as_slice)).to_string();
    file.set_len(0).and_then(|()| file.rewind()).map_err(not_writable)?;
    writeln!(file, "{id}").and_then(|()| file.sync_all()).map_err(not_writable)?;
    Ok((file, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/postgres");
        let files = std::fs::read_dir(folder).expect("the folder of migrations").count();
        assert_eq!(files, schema().iter().count(), "touch src/store/postgres/opening.rs and build again");
    }

    #[test]
    fn an_installation_stays_the_same_and_is_taken_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("duban.instance");
        let (lock, first) = take_instance(&path).expect("an identity");
        let refused = take_instance(&path).expect_err("it is taken");
        assert!(refused.to_string().contains("another duban holds"), "{refused}");
        drop(lock);
        assert_eq!(take_instance(&path).expect("an identity").1, first);
        std::fs::write(&path, "half a l").expect("a damaged file");
        let (_lock, second) = take_instance(&path).expect("an identity");
        assert_ne!(second, first);
    }
}
