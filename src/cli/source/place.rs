//! Where a source points, and how its server is trusted. No secret is shown.

use crate::config::SourceConfig;
use crate::core::database;
use crate::source::http::HttpConfig;

/// What a source is, and where it points.
pub fn of(name: &str, config: &SourceConfig) -> (&'static str, String) {
    let path = |path: &std::path::Path, newest: bool| {
        let folder = if newest { "/…" } else { "" };
        format!("{}{folder}", path.display())
    };
    if let Some(csv) = &config.csv {
        ("csv", path(&csv.path, csv.newest.is_some()))
    } else if let Some(sheet) = &config.sheet {
        ("sheet", path(&sheet.path, sheet.newest.is_some()))
    } else if let Some(sqlite) = &config.sqlite {
        ("sqlite", path(&sqlite.path, false))
    } else if let Some(sql) = &config.postgres {
        ("postgres", database::place(&sql.url))
    } else if let Some(sql) = &config.mysql {
        ("mysql", database::place(&sql.url))
    } else if let Some(http) = &config.http {
        ("http", address(&http.url))
    } else {
        ("push", format!("POST /api/v1/items?source={name}"))
    }
}

/// An address without what may hold a word of its user: what stands before its host and after its path.
fn address(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[end..])
}

/// How a server is trusted, where that is less than it could be: `off`, `encrypt-only`, `http`.
pub fn weak_trust(config: &SourceConfig) -> Option<&'static str> {
    let of_tls = |tls| match tls {
        database::Tls::Verify => None,
        database::Tls::EncryptOnly => Some("encrypt-only"),
        database::Tls::Off => Some("off"),
    };
    let sql = [&config.postgres, &config.mysql].into_iter().flatten().find(|sql| sql.is_weak());
    let http = config.http.as_ref();
    sql.and_then(|sql| of_tls(sql.tls))
        .or_else(|| http.is_some_and(HttpConfig::is_plain).then_some("http"))
        .or_else(|| http.is_some_and(HttpConfig::trusts_anybody).then_some("encrypt-only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://api.example/v2/orders?key=1#x", "https://api.example/v2/orders"),
            ("https://u:p@api.example", "https://api.example"),
            (" https://u:p@api.example/a@b ", "https://api.example/a@b"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(address(url), shown);
        }
    }
}
