//! A server of databases: how its address is written, and how it is trusted.
//!
//! **Invariant:** an address holds no secret, and says nothing about trust.

use serde::{Deserialize, Serialize};

/// How a server is trusted. A socket on the same machine needs none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Its certificate is signed by a known authority and names the host.
    #[default]
    Verify,
    /// Nobody on the way can listen; who answers is not checked.
    EncryptOnly,
    /// In the clear.
    Off,
}

/// What an address of one kind of server looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// What it begins with; the first is the usual one.
    pub schemes: &'static [&'static str],
    /// The keys that may follow a `?`: they say which database, and nothing else.
    pub keys: &'static [&'static str],
}

/// Addresses of PostgreSQL.
pub const POSTGRES: Form = Form { schemes: &["postgres", "postgresql"], keys: &["host", "port", "user"] };

/// Addresses of MySQL and MariaDB.
pub const MYSQL: Form = Form { schemes: &["mysql", "mariadb"], keys: &["socket"] };

impl Form {
    /// Checks what an address must and must not hold.
    pub fn check(self, url: &str) -> Result<(), String> {
        let scheme = self.schemes[0];
        let expected = format!("expected {scheme}://USER@HOST/DATABASE");
        let rest = self.schemes.iter().find_map(|scheme| url.strip_prefix(scheme)?.strip_prefix("://"));
        let Some(rest) = rest else {
            return Err(format!("url: {expected}, got {:?}", url.split('@').next_back().unwrap_or_default()));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let user = place.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') {
            return Err(r#"url: holds a password; it belongs into password = { file = "PATH" }"#.to_owned());
        }
        if place.split_once('/').is_none_or(|(_, database)| database.is_empty()) {
            return Err(format!("url: {expected}, got one without a database"));
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let key = pair.split('=').next().unwrap_or_default();
            if !self.keys.contains(&key) {
                let keys = self.keys.join(", ");
                return Err(format!(
                    "url: expected one of {keys} after the ?, got {key:?}; trust is configured by tls and ca_file"
                ));
            }
        }
        Ok(())
    }
}

/// An address in words, without what follows a `?`.
pub fn place(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_database_and_holds_neither_password_nor_trust() {
        for (form, url) in [
            (POSTGRES, "postgres://duban@db.example/city"),
            (POSTGRES, "postgresql:///city?host=/run/postgresql"),
            (MYSQL, "mysql://duban@db.example:3307/city"),
            (MYSQL, "mariadb://duban@localhost/city?socket=/run/mysqld/mysqld.sock"),
        ] {
            assert_eq!(form.check(url), Ok(()), "{url}");
        }
        for (form, url, says) in [
            (POSTGRES, "mysql://duban@db/city", "expected postgres://"),
            (MYSQL, "postgres://duban@db/city", "expected mysql://"),
            (MYSQL, "mysql://duban:secret@db/city", "holds a password"),
            (MYSQL, "mysql://duban@db", "without a database"),
            (MYSQL, "mysql://duban@db/city?ssl-mode=disabled", "tls and ca_file"),
            (POSTGRES, "postgres://duban@db/city?sslmode=disable", "tls and ca_file"),
        ] {
            let problem = form.check(url).expect_err(url);
            assert!(problem.contains(says) && !problem.contains("secret"), "{problem}");
        }
    }
}
