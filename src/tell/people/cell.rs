//! **Cell**: what spreadsheets do to numbers, dates and lists, undone where nothing was lost.

use chrono::{Days, NaiveDate, NaiveTime};

use super::fault::Wrong;
use crate::core::phone::{NoPhone, Phone, half_width, in_full};

/// The days since 1899-12-30 that are taken for a date: 1954 to 2119.
const SERIALS: std::ops::RangeInclusive<u64> = 20_000..=80_000;

/// What stands in a cell, without what only makes a spreadsheet take it for text: `'13800000001`, `="0012"`.
pub fn text(cell: &str) -> String {
    let bare = |text: &str| text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c)).to_owned();
    let cell = bare(cell);
    let formula = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    let text = formula.unwrap_or(&cell);
    // Before a mark that no spreadsheet would have changed, it is a part of the text.
    let is_marked = |rest: &&str| !rest.starts_with(|c: char| c.is_ascii_punctuation() && !"=+-@#'".contains(c));
    bare(text.strip_prefix(['\'', '‘', '’', '＇']).filter(is_marked).unwrap_or(text))
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
}

/// What a spreadsheet wrote in the place of a value, or what a change of encoding left: no value, whatever the column.
pub fn spoilt(cell: &str) -> Option<Wrong> {
    let got = || cell.chars().take(40).collect();
    let is_hashes = cell.len() >= 2 && cell.bytes().all(|byte| byte == b'#');
    if is_hashes || is_error(cell) {
        return Some(Wrong::NotWritten { got: got() });
    }
    cell.contains('\u{fffd}').then(|| Wrong::Garbled { got: got() })
}

/// An error value of a spreadsheet.
pub fn is_error(cell: &str) -> bool {
    let errors = ["#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!"];
    errors.iter().any(|error| cell.eq_ignore_ascii_case(error))
}

/// An id: full-width letters and digits are ASCII ones, and `1001.0` is `1001`.
pub fn id(cell: &str) -> Result<String, Wrong> {
    let id: String = half_width(cell).split_whitespace().collect::<Vec<_>>().join(" ");
    if !id.contains('.') {
        return Ok(id);
    }
    in_full(&id).map_err(|_| Wrong::DigitsLost { got: id })
}

/// A telephone number; empty if there is none.
pub fn phone(cell: &str) -> Result<String, Wrong> {
    if cell.is_empty() {
        return Ok(String::new());
    }
    let got = || cell.chars().take(60).collect::<String>();
    match Phone::read(cell) {
        Ok(phone) => Ok(phone.to_string()),
        Err(NoPhone::DigitsLost) => Err(Wrong::DigitsLost { got: got() }),
        Err(NoPhone::Several) => Err(Wrong::Phones { got: got() }),
        Err(NoPhone::Other) => Err(Wrong::Phone { got: got() }),
    }
}

/// A mail address; empty if there is none.
pub fn email(cell: &str) -> Result<String, Wrong> {
    let address = half_width(cell).trim().to_owned();
    let address = address.strip_prefix("mailto:").unwrap_or(&address).to_owned();
    let is_sound = |(local, domain): (&str, &str)| {
        let plain =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "@,;<>()\"、".contains(c));
        plain(local) && plain(domain) && !domain.starts_with('.') && !domain.ends_with('.') && !domain.contains("..")
    };
    if address.is_empty() || address.split_once('@').is_some_and(is_sound) {
        return Ok(address);
    }
    Err(Wrong::Email { got: cell.chars().take(80).collect() })
}

/// A day, as it is written in China or as a spreadsheet counts it; none if the cell is empty.
pub fn day(cell: &str) -> Result<Option<NaiveDate>, Wrong> {
    if cell.is_empty() {
        return Ok(None);
    }
    let plain = half_width(cell);
    let read = serial(plain.trim()).or_else(|| written(plain.trim()));
    read.map(Some).ok_or_else(|| Wrong::Day { got: cell.chars().take(40).collect() })
}

/// `46027` or `46027.0`.
fn serial(text: &str) -> Option<NaiveDate> {
    let days = in_full(text).ok().filter(|text| text.len() == 5)?.parse().ok()?;
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30)?;
    SERIALS.contains(&days).then(|| epoch.checked_add_days(Days::new(days))).flatten()
}

/// `2026-01-05`, `2026/1/5`, `2026.1.5`, `2026年1月5日`, `20260105`, each perhaps with a midnight behind it.
fn written(text: &str) -> Option<NaiveDate> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let time = time.trim();
    let is_midnight = time.is_empty()
        || ["%H:%M:%S%.f", "%H:%M"].iter().any(|form| NaiveTime::parse_from_str(time, form) == Ok(NaiveTime::MIN));
    if !is_midnight {
        return None;
    }
    if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) {
        return NaiveDate::from_ymd_opt(date[..4].parse().ok()?, date[4..6].parse().ok()?, date[6..].parse().ok()?);
    }
    let even = date.replace(['年', '月', '/', '.'], "-");
    let mut parts = even.trim_end_matches(['日', '号']).split('-').map(str::trim);
    let year = parts.next().filter(|year| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month, day)
}

/// The words of a cell that holds several.
pub fn list(cell: &str) -> Vec<String> {
    let words = cell.split([';', '；', '、', '|', ',', '，', '\n']).map(str::trim).filter(|word| !word.is_empty());
    let mut list: Vec<String> = Vec::new();
    for word in words {
        if !list.iter().any(|known| known == word) {
            list.push(word.to_owned());
        }
    }
    list
}

/// A name as it is compared: the blanks with which two characters are made as wide as three are none.
pub fn same_name(name: &str) -> String {
    let is_wide = |c: char| !c.is_ascii() && c.is_alphabetic();
    let name = half_width(name);
    if name.chars().any(is_wide) {
        return name.chars().filter(|c| !c.is_whitespace()).collect();
    }
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_read_as_people_and_spreadsheets_write_them() {
        let expected = NaiveDate::from_ymd_opt(2026, 1, 5);
        for cell in [
            "2026-01-05",
            "2026-1-5",
            "2026/1/5",
            "2026/01/05",
            "2026.1.5",
            "2026年1月5日",
            "2026年01月05号",
            "２０２６－０１－０５",
            "20260105",
            "46027",
            "46027.0",
            "2026-01-05 00:00:00",
            "2026/1/5 0:00",
            "2026-01-05T00:00:00",
        ] {
            assert_eq!(day(cell), Ok(expected), "{cell:?}");
        }
        assert_eq!(day(""), Ok(None));
        for cell in [
            "5.1.2026",
            "2026-13-01",
            "26/1/5",
            "2026-01",
            "1",
            "99999",
            "460270",
            "明天",
            "2026-01-05 08:30",
            "2026-1-5-6",
        ] {
            assert!(matches!(day(cell), Err(Wrong::Day { .. })), "{cell:?}");
        }
    }

    #[test]
    fn what_makes_a_spreadsheet_take_it_for_text_is_no_part_of_it() {
        for (cell, expected) in [
            ("'13800000001", "13800000001"),
            ("=\"0012\"", "0012"),
            ("\u{3000}张三\u{a0}", "张三"),
            ("\u{feff}编号", "编号"),
            ("’张三", "张三"),
            ("=1+1", "=1+1"),
            ("'=1+1", "=1+1"),
            ("'; DROP", "'; DROP"),
            ("", ""),
        ] {
            assert_eq!(text(cell), expected, "{cell:?}");
        }
        assert_eq!((id("１００１.0"), id("A 1"), id("1.5")), (Ok("1001".into()), Ok("A 1".into()), Ok("1.5".into())));
        assert!(matches!(id("1.2E+17"), Err(Wrong::DigitsLost { .. })));
        assert_eq!(same_name("张　三"), same_name("张三"));
        assert_eq!(same_name("Jane  Doe"), "Jane Doe");
        assert_eq!(list("a；b、c，a,d|e\nf"), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn addresses_are_taken_as_they_are_meant() {
        for (cell, expected) in
            [("a＠example.com", "a@example.com"), ("mailto:a@example.com", "a@example.com"), ("", "")]
        {
            assert_eq!(email(cell), Ok(expected.into()), "{cell:?}");
        }
        for cell in ["nobody", "a@", "@b", "a@b@c", "a b@c.d", "a@b.c;d@e.f", "a@.b", "a@b."] {
            assert!(matches!(email(cell), Err(Wrong::Email { .. })), "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn no_cell_breaks_it(cell in "([0-9０-９年月日]|[-./ :TE'=#\"+]|\\PC){0,20}") {
            let clean = text(&cell);
            let _ = (spoilt(&clean), id(&clean), phone(&clean), email(&clean), list(&clean), same_name(&clean));
            if let Ok(Some(read)) = day(&clean) {
                prop_assert_eq!(day(&read.to_string()), Ok(Some(read)));
            }
        }
    }
}
