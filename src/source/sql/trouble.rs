//! What servers complain about, in words for operators.

use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

/// What an error means for a poll.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server or the database cannot be reached, or is gone.
    Away(String),
    /// The query is not answered.
    Refused(String),
    /// The server stopped the query at the end of its time.
    Late,
}

/// When an error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// On the way in.
    Opening,
    /// With the query.
    Asking,
}

/// What an error means. What only one kind of server says is found by its own error type.
pub(super) fn of(error: &sqlx::Error, stage: Stage) -> Trouble {
    match error {
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                return of_postgres(error.code(), error.message());
            }
            let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
            of_mysql(number, error.message())
        }
        sqlx::Error::Tls(error) => Trouble::Away(of_tls(&error.to_string())),
        sqlx::Error::Io(error)
            if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) =>
        {
            Trouble::Away(of_tls(&error.to_string()))
        }
        sqlx::Error::Io(error) if stage == Stage::Opening => {
            Trouble::Away(format!("the server does not answer: {error}"))
        }
        sqlx::Error::Io(error) => Trouble::Away(format!("the server ended the connection in mid-answer: {error}")),
        sqlx::Error::Protocol(message) if stage == Stage::Asking => {
            Trouble::Away(format!("the server ended the connection in mid-answer: {message}"))
        }
        error if stage == Stage::Opening => Trouble::Away(error.to_string()),
        error => Trouble::Refused(error.to_string()),
    }
}

fn of_tls(message: &str) -> String {
    let advice = if message.contains("UnknownIssuer") || message.contains("self-signed") {
        "; the certificate of an authority of one's own goes into ca_file"
    } else if message.contains("not support") || message.contains("upgrade failed") {
        "; a server without TLS needs tls = \"off\""
    } else {
        ""
    };
    format!("the server is not trusted (TLS): {message}{advice}")
}

/// By SQLSTATE, see <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn of_postgres(code: &str, message: &str) -> Trouble {
    let away = |words: &str| Trouble::Away(format!("{words}: {message}"));
    match code {
        // By the statement's time or by somebody, who is not told apart but by words.
        "57014" if message.contains("user request") => {
            Trouble::Refused(format!("somebody stopped the query: {message}"))
        }
        "57014" => Trouble::Late,
        "28P01" | "28000" => away("the server does not let this user in (wrong password, or no entry in pg_hba.conf)"),
        "3D000" => away("there is no such database"),
        "53300" => away("the server has no connection left"),
        "57P01" | "57P02" => away("the server was shut down, or ended this connection"),
        "57P03" => away("the server is starting or stopping"),
        "42501" => Trouble::Refused(format!("this user may not read that: {message}")),
        "25006" => Trouble::Refused(format!("only queries that read are asked: {message}")),
        _ if code.starts_with("08") => away("the connection failed"),
        _ => Trouble::Refused(message.to_owned()),
    }
}

/// By number, see <https://mariadb.com/kb/en/mariadb-error-code-reference/> and
/// <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>.
fn of_mysql(number: u16, message: &str) -> Trouble {
    let away = |words: &str| Trouble::Away(format!("{words}: {message}"));
    match number {
        1969 | 3024 => Trouble::Late,
        1317 => Trouble::Refused(format!("somebody stopped the query: {message}")),
        1045 | 1698 => away("the server does not let this user in (wrong password, or not from this machine)"),
        1044 => away("this user may not enter this database, or there is none"),
        1049 => away("there is no such database"),
        1130 => away("the server lets nobody in from this machine"),
        1040 | 1203 | 1226 => away("the server has no connection left"),
        1053 | 1077 | 1927 | 3169 => away("the server was shut down, or ended this connection"),
        1142 | 1143 | 1227 | 1370 => Trouble::Refused(format!("this user may not read that: {message}")),
        1792 => Trouble::Refused(format!("only queries that read are asked: {message}")),
        _ => Trouble::Refused(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_operators_can_do_something_about_is_named() {
        let kind = |trouble: Trouble| match trouble {
            Trouble::Away(_) => "away",
            Trouble::Refused(_) => "refused",
            Trouble::Late => "late",
        };
        let postgres =
            [("57014", "late"), ("28P01", "away"), ("42501", "refused"), ("08006", "away"), ("42P01", "refused")];
        for (code, expected) in postgres {
            assert_eq!(kind(of_postgres(code, "x")), expected, "{code}");
        }
        for (number, expected) in [(1969, "late"), (3024, "late"), (1045, "away"), (1142, "refused"), (1064, "refused")]
        {
            assert_eq!(kind(of_mysql(number, "x")), expected, "{number}");
        }
        assert_eq!(kind(of_postgres("57014", "canceling statement due to user request")), "refused");
        let gone = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(of(&gone, Stage::Asking), Trouble::Away(words) if words.contains("in mid-answer")));
        assert!(matches!(of(&gone, Stage::Opening), Trouble::Away(words) if words.contains("does not answer")));
    }
}
