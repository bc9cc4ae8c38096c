//! The mode in a configuration's text: one value is changed, and every other byte stays.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

/// What of the file matters here, and where it stands.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    notify: Option<Notify>,
}

#[derive(Deserialize)]
struct Notify {
    #[serde(default)]
    mode: Option<Spanned<String>>,
}

/// The text with `mode = "live"` in place of `mode = "rehearsal"`; `None` if it does not say so.
pub fn to_live(text: &str) -> Option<String> {
    let place = place(text)?;
    let live = format!("{}\"live\"{}", &text[..place.start], &text[place.end..]);
    // Only then is it certain that the bytes between the two were the value and nothing else.
    let (mut before, after) = (text.parse::<toml::Table>().ok()?, live.parse::<toml::Table>().ok()?);
    *before.get_mut("notify")?.get_mut("mode")? = "live".into();
    (before == after).then_some(live)
}

fn place(text: &str) -> Option<Range<usize>> {
    let places: Places = toml::from_str(text).ok()?;
    let mode = places.notify?.mode?;
    (mode.get_ref() == "rehearsal").then(|| mode.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_changed_and_every_other_byte_stays() {
        for (text, expected) in [
            ("[notify]\nmode = \"rehearsal\"\n", "[notify]\nmode = \"live\"\n"),
            (
                "# mode = \"rehearsal\"\r\n[notify] # 试运行\r\n  mode='rehearsal'  # 之后改\r\n",
                "# mode = \"rehearsal\"\r\n[notify] # 试运行\r\n  mode=\"live\"  # 之后改\r\n",
            ),
            (
                "notify.mode = \"rehearsal\"\n[x]\nmode = \"rehearsal\"",
                "notify.mode = \"live\"\n[x]\nmode = \"rehearsal\"",
            ),
            ("notify = { pace = \"\", mode = \"rehearsal\" }", "notify = { pace = \"\", mode = \"live\" }"),
            (
                "a = '''\n[notify]\nmode = \"rehearsal\"\n'''\n[notify]\nmode = \"\"\"rehearsal\"\"\"",
                "a = '''\n[notify]\nmode = \"rehearsal\"\n'''\n[notify]\nmode = \"live\"",
            ),
        ] {
            assert_eq!(to_live(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_say_rehearsal_is_left_alone() {
        for text in [
            "",
            "[notify]\n",
            "#[notify]\n#mode = \"rehearsal\"",
            "[notify]\nmode = \"live\"",
            "[notify]\nmode = 1",
            "[",
        ] {
            assert_eq!(to_live(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\[notify\\]|mode|=|\"rehearsal\"|'|\"|\n|[ -~]|督|\\{|\\}){0,30}") {
            if let Some(live) = to_live(&text) {
                proptest::prop_assert!(to_live(&live).is_none());
            }
        }
    }
}
