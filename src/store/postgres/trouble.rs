//! What PostgreSQL's errors mean to duban.

use sqlx::postgres::PgDatabaseError;

use crate::store::StoreError;

/// What an error of the server means, by its SQLSTATE,
/// see <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
pub fn of_database(error: &PgDatabaseError) -> StoreError {
    let detail = error.detail().map(|detail| format!("; {detail}")).unwrap_or_default();
    of_state(error.code(), format!("{}{detail} (PostgreSQL {})", error.message(), error.code()))
}

fn of_state(state: &str, message: String) -> StoreError {
    match state {
        // Disk full, out of memory, an input or output error, a right that is missing.
        "53100" | "53200" | "58030" | "42501" => StoreError::NotWritable(message),
        // Damaged pages; a schema that is not duban's.
        "XX001" | "XX002" | "42P01" | "42703" | "3F000" => StoreError::Unreadable(message),
        // No connection, too many of them, a shutdown, a standby, a lock, a timeout, a login: it may be otherwise later.
        "57014" | "55P03" | "25006" | "25P03" | "40001" | "40P01" | "3D000" => StoreError::Unavailable(message),
        _ if ["08", "53", "57", "58", "28"].contains(&state.get(..2).unwrap_or_default()) => {
            StoreError::Unavailable(message)
        }
        _ => StoreError::Refused(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_a_full_disk_and_a_foreign_schema_are_told_apart() {
        let kind = |state| match of_state(state, String::new()) {
            StoreError::NotWritable(_) => "not writable",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Unconfirmed(_) => "unconfirmed",
            StoreError::Unreadable(_) => "unreadable",
            StoreError::Refused(_) => "refused",
            StoreError::OtherPlaybook(_) | StoreError::Newer { .. } => "another",
        };
        let cases = [
            ("53100", "not writable"), // disk_full
            ("42501", "not writable"), // insufficient_privilege
            ("58030", "not writable"), // io_error
            ("08006", "unavailable"),  // connection_failure
            ("57P01", "unavailable"),  // admin_shutdown
            ("57P03", "unavailable"),  // cannot_connect_now
            ("53300", "unavailable"),  // too_many_connections
            ("25006", "unavailable"),  // read_only_sql_transaction: a standby
            ("40P01", "unavailable"),  // deadlock_detected
            ("28P01", "unavailable"),  // invalid_password
            ("42P01", "unreadable"),   // undefined_table
            ("XX001", "unreadable"),   // data_corrupted
            ("23505", "refused"),      // unique_violation
            ("42601", "refused"),      // syntax_error
            ("", "refused"),
        ];
        for (state, expected) in cases {
            assert_eq!(kind(state), expected, "{state}");
        }
    }
}
