//! What templates can do to a value on its way: digests, base64, percent-encoding, a signed request's time.
//!
//! **Invariant:** a digest is taken over the bytes that travel, in the channel's charset. No value makes a filter panic.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

use super::charset::Charset;
use crate::wire::line::percent_encoded_bytes;
use crate::wire::signature::{hmac_sha256, md5, sha256};

/// The clock of offices in mainland China, hours east.
const OFFICE: i32 = 8;

/// Adds them. Each takes any value as text.
pub(super) fn add(environment: &mut Environment<'static>, charset: Charset) {
    let bytes = move |value: &Value| charset.bytes(&plain(value)).into_owned();
    environment.add_filter("md5", move |value: Value, form: Option<&str>| shown(&md5(&bytes(&value)), form));
    environment.add_filter("sha256", move |value: Value, form: Option<&str>| shown(&sha256(&bytes(&value)), form));
    environment.add_filter("hmac_sha256", move |value: Value, key: Value, form: Option<&str>| {
        shown(&hmac_sha256(&bytes(&key), &bytes(&value)), form)
    });
    environment.add_filter("base64", move |value: Value| STANDARD.encode(bytes(&value)));
    environment.add_filter("urlencode", move |value: Value| percent_encoded_bytes(&bytes(&value)));
    environment.add_filter("upper", |value: Value| plain(&value).to_uppercase());
    environment.add_filter("timestamp", timestamp);
}

/// A value as text; nothing for what is not there.
pub(super) fn plain(value: &Value) -> String {
    if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() }
}

fn shown(digest: &[u8], form: Option<&str>) -> Result<String, Error> {
    match form {
        None | Some("hex") => Ok(hex::encode(digest)),
        Some("base64") => Ok(STANDARD.encode(digest)),
        Some(other) => Err(wrong(format!("expected \"hex\" or \"base64\", got {other:?}"))),
    }
}

/// Unix seconds as a date, on the clock of an office or so many hours east.
fn timestamp(seconds: i64, form: &str, hours: Option<i32>) -> Result<String, Error> {
    let hours = hours.unwrap_or(OFFICE);
    let offset = hours.checked_mul(3600).and_then(FixedOffset::east_opt);
    let offset = offset.ok_or_else(|| wrong(format!("expected hours east of Greenwich, got {hours}")))?;
    let at = DateTime::from_timestamp(seconds, 0).ok_or_else(|| wrong(format!("{seconds} is no time")))?;
    let items: Vec<Item<'_>> = StrftimeItems::new(form).collect();
    if items.contains(&Item::Error) {
        return Err(wrong(format!("expected a form such as \"%Y%m%d%H%M%S\", got {form:?}")));
    }
    let mut text = String::new();
    write!(text, "{}", at.with_timezone(&offset).format_with_items(items.iter()))
        .map_err(|_| wrong(format!("{form:?} cannot show {seconds}")))?;
    Ok(text)
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use proptest::prelude::*;

    use super::*;

    fn rendered(charset: Charset, text: &str) -> Result<String, Error> {
        let mut environment = Environment::new();
        add(&mut environment, charset);
        environment.render_str(text, context! { text => "督办 a&b", sent_at => 1_614_265_330, none => () })
    }

    #[test]
    fn each_filter_gives_what_gateways_compute() {
        for (template, expected) in [
            ("{{ 'abc'|md5 }}", "900150983cd24fb0d6963f7d28e17f72"),
            ("{{ 'abc'|md5|upper }}", "900150983CD24FB0D6963F7D28E17F72"),
            ("{{ 'abc'|md5('base64') }}", "kAFQmDzST7DWlj99KOF/cg=="),
            ("{{ 'abc'|sha256 }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "sha256={{ 'Hello, World!'|hmac_sha256(\"It's a Secret to Everybody\") }}",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            ),
            (
                "{{ '1577262236757\\nthis is secret'|hmac_sha256('this is secret', 'base64')|urlencode }}",
                "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D",
            ),
            ("{{ text|base64 }}", "552j5YqeIGEmYg=="),
            ("{{ text|urlencode }}", "%E7%9D%A3%E5%8A%9E%20a%26b"),
            ("{{ none|urlencode }}", ""),
            ("{{ sent_at }}", "1614265330"),
            ("{{ sent_at|timestamp('%Y%m%d%H%M%S') }}", "20210225230210"),
            ("{{ sent_at|timestamp('%Y-%m-%dT%H:%M:%SZ', 0) }}", "2021-02-25T15:02:10Z"),
        ] {
            assert_eq!(rendered(Charset::Utf8, template).expect(template), expected, "{template}");
        }
        assert_eq!(rendered(Charset::Gb18030, "{{ text|urlencode }}").expect("GB18030"), "%B6%BD%B0%EC%20a%26b");
        assert_eq!(
            rendered(Charset::Gb18030, "{{ '督办'|md5 }}").expect("GB18030"),
            hex::encode(md5(b"\xb6\xbd\xb0\xec"))
        );
    }

    #[test]
    fn what_a_filter_cannot_do_is_an_error() {
        for template in [
            "{{ text|md5('octal') }}",
            "{{ text|hmac_sha256 }}",
            "{{ text|timestamp('%Y') }}",
            "{{ sent_at|timestamp('%Q') }}",
            "{{ sent_at|timestamp('%Y', 99) }}",
            "{{ (sent_at * sent_at)|timestamp('%Y') }}",
        ] {
            assert!(rendered(Charset::Utf8, template).is_err(), "{template}");
        }
    }

    proptest! {
        #[test]
        fn no_form_and_no_time_breaks_the_clock(seconds in any::<i64>(), form in any::<String>(), hours in any::<i32>()) {
            let _ = timestamp(seconds, &form, Some(hours));
            let _ = timestamp(0, &format!("%{form}"), None);
        }
    }
}
