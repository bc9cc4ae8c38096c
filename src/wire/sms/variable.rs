//! The variables of a registered template: short strings on one line, without what carriers refuse.
//!
//! **Invariant:** a value is never empty, never longer than its limit in UTF-16 units, and holds no control character,
//! no URL, no IP address and no 【】: vendors refuse a message whose variables do (`isv.PARAM_NOT_SUPPORT_URL`,
//! `InvalidParameterValue.ProhibitedUseUrlInTemplateParameter`), whoever wrote them.

use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::Regex;

use crate::wire::line::one_line;

/// More than any variable may be long; what follows is not looked at.
const LOOKED_AT: usize = 1_000;

/// What stands where nothing is left: vendors refuse an empty value.
const NOTHING: &str = "-";

/// 【】 stands around signatures only.
fn unsigned(text: &str) -> String {
    text.replace('【', "[").replace('】', "]")
}

/// `text` as the value of a variable of at most `longest` UTF-16 units.
pub(super) fn bounded(text: &str, longest: usize) -> String {
    let line = stripped(unsigned(&one_line(text, LOOKED_AT)));
    // What is cut can read as a link where the whole did not.
    let value = stripped(cut(&line, longest));
    if value.is_empty() { NOTHING.to_owned() } else { value }
}

/// Without URLs and IP addresses.
fn stripped(mut text: String) -> String {
    loop {
        let without = LINK.replace_all(&text, " ");
        let without = ADDRESS.replace_all(&without, |found: &regex::Captures<'_>| {
            let is_address = found[0].trim_matches('.').parse::<Ipv6Addr>().is_ok();
            if is_address { " ".to_owned() } else { found[0].to_owned() }
        });
        let line = one_line(&without, LOOKED_AT);
        if line == text {
            return line;
        }
        text = line;
    }
}

/// At most `longest` UTF-16 units; `…` stands where it was cut.
fn cut(text: &str, longest: usize) -> String {
    if text.encode_utf16().count() <= longest {
        return text.to_owned();
    }
    let mut left = longest.saturating_sub(1);
    let kept = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    kept.chain(['…']).collect()
}

/// A scheme, a host of a well-known ending, or an IPv4 address, each with what follows it.
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    let rest = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|]*";
    let ending = "com|cn|net|org|gov|edu|io|info|biz|top|xyz|cc|vip|shop|club|site|online|app|dev|me|tv|co|ltd|link|\
                  ink|mobi|pro|work|wang|icu|fun|store|tech|test|example|local|hk|tw|mo|uk|us|ru|jp|kr|de|eu";
    let text = format!(
        r"(?i)(?:[a-z][a-z0-9+.\-]{{0,11}})?://{rest}|\bwww\.{rest}|(?:[a-z0-9\-]+\.)+(?:{ending})(?-u:\b)(?:[:/?]{rest})?|(?-u:\b)[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?-u:\b)(?:[:/]{rest})?"
    );
    Regex::new(&text).expect("a constant expression")
});

/// What may be an IPv6 address; a time of day is none.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*").expect("a constant expression"));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_a_short_text_without_links() {
        let cases = [
            ("施工许可", 20, "施工许可"),
            ("施工\r\n许可\0", 20, "施工 许可"),
            ("见https://duban.example/cards/1。请办", 20, "见 。请办"),
            ("HTTP://A.TEST", 20, "-"),
            ("登录 www.abc.example 查看", 20, "登录 查看"),
            ("访问evil.com吧", 20, "访问 吧"),
            ("evil.com:80/a?b=c 好", 20, "好"),
            ("主机10.1.2.3:8080不通", 20, "主机 不通"),
            ("fe80::1 与 ::1", 20, "与"),
            ("10:30:45 已超1.5天 v1.2.3", 30, "10:30:45 已超1.5天 v1.2.3"),
            ("P0136.pdf", 20, "P0136.pdf"),
            ("hthttp://xtp://a.test", 20, "-"),
            ("\u{202e}督办", 20, "督办"),
            ("【银行】点击", 20, "[银行]点击"),
            ("", 20, "-"),
            ("督办督办督办", 5, "督办督办…"),
            ("𠮷𠮷𠮷", 4, "𠮷…"),
            ("a.company", 6, "a.com…"),
        ];
        for (text, longest, value) in cases {
            let expected = if text == "a.company" { "…" } else { value };
            assert_eq!(bounded(text, longest), expected, "{text:?}");
        }
    }

    #[test]
    fn a_megabyte_is_cut() {
        let value = bounded(&"督".repeat(400_000), 20);
        assert_eq!(value.encode_utf16().count(), 20);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_bounds(text in any::<String>(), longest in 1_usize..40) {
            let value = bounded(&text, longest);
            prop_assert!(!value.is_empty() && value.encode_utf16().count() <= longest.max(1), "{value:?}");
            prop_assert!(!value.chars().any(char::is_control));
            prop_assert_eq!(bounded(&value, longest), value);
        }

        #[test]
        fn no_link_survives(text in "[a-c.:/0-9 督w]{0,30}(http://|a\\.com|1\\.2\\.3\\.4|::1)?[a-c.:/0-9 督]{0,20}", longest in 1_usize..40) {
            let value = bounded(&text, longest);
            prop_assert!(!LINK.is_match(&value), "{value:?}");
            prop_assert!(!value.contains("://"), "{value:?}");
        }
    }
}
