//! What SQLite's errors mean to duban.

use sqlx::migrate::MigrateError;

use crate::store::StoreError;

/// SQLite's primary result codes, see <https://www.sqlite.org/rescode.html>.
mod code {
    pub const PERM: u32 = 3;
    pub const BUSY: u32 = 5;
    pub const LOCKED: u32 = 6;
    pub const NOMEM: u32 = 7;
    pub const READONLY: u32 = 8;
    pub const INTERRUPT: u32 = 9;
    pub const IOERR: u32 = 10;
    pub const CORRUPT: u32 = 11;
    pub const FULL: u32 = 13;
    pub const CANTOPEN: u32 = 14;
    pub const PROTOCOL: u32 = 15;
    pub const FORMAT: u32 = 24;
    pub const NOTADB: u32 = 26;
    /// The extended codes of reads that find less, or something else, than was written.
    pub const IOERR_OF_CONTENT: [u32; 3] = [522, 8_202, 8_458];
    /// The extended codes of a file and of a folder that could not be brought to the disk.
    pub const IOERR_OF_SYNC: [u32; 2] = [1_034, 1_290];
}

/// Whether somebody else holds the lock that a statement needs.
pub fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == code::BUSY)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if let Some(postgres) = database.try_downcast_ref() {
                    return crate::store::postgres::of_database(postgres);
                }
                let code = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
                of_code(code, format!("{} (SQLite {code})", database.message()))
            }
            sqlx::Error::Migrate(error) => of_migration(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
                Self::Unreadable(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        of_migration(&error)
    }
}

fn of_code(code: u32, message: String) -> StoreError {
    if code::IOERR_OF_CONTENT.contains(&code) {
        return StoreError::Unreadable(message);
    }
    if code::IOERR_OF_SYNC.contains(&code) {
        return StoreError::Unconfirmed(message);
    }
    match code & 0xff {
        code::FULL | code::READONLY | code::IOERR | code::CANTOPEN | code::PERM => StoreError::NotWritable(message),
        code::CORRUPT | code::NOTADB | code::FORMAT => StoreError::Unreadable(message),
        code::BUSY | code::LOCKED | code::NOMEM | code::INTERRUPT | code::PROTOCOL => StoreError::Unavailable(message),
        _ => StoreError::Refused(message),
    }
}

fn of_migration(error: &MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            StoreError::Unreadable(format!("its schema {version} is not the one that this duban knows"))
        }
        MigrateError::Execute(sqlx::Error::Database(database))
        | MigrateError::ExecuteMigration(sqlx::Error::Database(database), _) => {
            let code = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            of_code(code, format!("while its schema was brought up to date: {} (SQLite {code})", database.message()))
        }
        other => StoreError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_a_busy_file_and_a_damaged_file_are_told_apart() {
        let kind = |code| match of_code(code, String::new()) {
            StoreError::NotWritable(_) => "not writable",
            StoreError::Unconfirmed(_) => "unconfirmed",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Unreadable(_) => "unreadable",
            StoreError::Refused(_) => "refused",
            StoreError::OtherPlaybook(_) | StoreError::Newer { .. } => "something else",
        };
        let cases = [
            (13, "not writable"),   // FULL
            (8, "not writable"),    // READONLY
            (1032, "not writable"), // READONLY_DBMOVED
            (10, "not writable"),   // IOERR
            (778, "not writable"),  // IOERR_WRITE
            (1034, "unconfirmed"),  // IOERR_FSYNC
            (1290, "unconfirmed"),  // IOERR_DIR_FSYNC
            (522, "unreadable"),    // IOERR_SHORT_READ
            (8_202, "unreadable"),  // IOERR_DATA
            (11, "unreadable"),     // CORRUPT
            (26, "unreadable"),     // NOTADB
            (5, "unavailable"),     // BUSY
            (517, "unavailable"),   // BUSY_SNAPSHOT
            (2_067, "refused"),     // CONSTRAINT_UNIQUE
            (1, "refused"),         // ERROR
        ];
        for (code, expected) in cases {
            assert_eq!(kind(code), expected, "{code}");
        }
    }

    #[tokio::test]
    async fn a_store_heals_when_there_is_room_again() {
        use crate::store::sqlite::SqliteStore;
        use crate::store::{SourceRecord, Store};
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("duban.db")).await.expect("a store");
        let source =
            SourceRecord { source: "tickets".into(), trouble: Some("x".repeat(1 << 20)), ..SourceRecord::default() };
        sqlx::query("PRAGMA max_page_count = 60").execute(&store.engine.writer).await.expect("a limit");
        let refused = store.put_source(&source).await.expect_err("it is full");
        assert!(matches!(refused, StoreError::NotWritable(_)), "{refused}");
        assert_eq!(store.sources().await.expect("it is readable"), []);
        sqlx::query("PRAGMA max_page_count = 1000000").execute(&store.engine.writer).await.expect("a limit");
        store.put_source(&source).await.expect("there is room");
        assert_eq!(store.sources().await.expect("sources"), [source]);
    }
}
