//! **Written**: contacts and absences as CSV that a spreadsheet opens, shows, saves and gives back unharmed.
//!
//! A mobile stands in three groups (`138 0000 0001`), which a spreadsheet takes for text and people read; other cells
//! that it would change or run (`0012`, `1-2`, `=1+1`) begin with a `'`. Reading undoes both. The text begins with a byte
//! order mark, without which spreadsheets take Chinese for something else.

use crate::core::contact::{Absence, Contact};
use crate::core::phone::Phone;
use crate::tell::{absences, directory};

/// The mark by which a spreadsheet knows UTF-8.
const MARK: &str = "\u{feff}";

/// Contacts under the columns of `contacts.csv`.
pub fn contacts<'a>(contacts: impl IntoIterator<Item = &'a Contact>) -> String {
    let columns = directory::COLUMNS.iter().map(|(name, _)| *name);
    sheet(columns, contacts.into_iter().map(|contact| cells(contact).map(|cell| kept(&cell)).to_vec()))
}

/// Absences under the columns of `absences.csv`.
pub fn absences<'a>(absences: impl IntoIterator<Item = &'a Absence>) -> String {
    let columns = absences::COLUMNS.iter().map(|(name, _)| *name);
    sheet(columns, absences.into_iter().map(|absence| absence_cells(absence).map(|cell| kept(&cell)).to_vec()))
}

/// The values of a contact in the order of the columns.
pub fn cells(contact: &Contact) -> [String; 17] {
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let c = contact;
    [
        c.id.to_string(),
        c.name.clone(),
        c.unit.clone(),
        c.region.clone(),
        c.level.clone(),
        c.roles.join(";"),
        c.lines.join(";"),
        c.causes.join(";"),
        c.mobile.clone(),
        c.email.clone(),
        c.im.clone(),
        c.deputy.clone(),
        c.secretary.clone(),
        c.secretary_mode.clone(),
        day(c.from),
        day(c.until),
        c.note.clone(),
    ]
}

/// The values of an absence in the order of the columns.
pub fn absence_cells(absence: &Absence) -> [String; 5] {
    let a = absence;
    [a.contact.to_string(), a.from.to_string(), a.until.to_string(), a.deputy.clone(), a.reason.clone()]
}

/// A line of absences, as [`absences()`] writes it.
pub fn absence_line(absence: &Absence) -> String {
    let text = absences([absence]);
    text.split_inclusive('\n').nth(1).unwrap_or_default().to_owned()
}

fn sheet<'c>(columns: impl Iterator<Item = &'c str>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let header = columns.map(str::to_owned).collect();
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(&row).expect("memory takes it");
    }
    let text = String::from_utf8(writer.into_inner().expect("memory takes it")).expect("made of texts");
    format!("{MARK}{text}")
}

/// A value that comes back as it is after a spreadsheet opened and saved it.
fn kept(cell: &str) -> String {
    let line = cell.replace(['\r', '\n'], " ");
    if let Ok(Phone::Mobile(number)) = Phone::read(&line)
        && number == line
    {
        return format!("{} {} {}", &number[..3], &number[3..7], &number[7..]);
    }
    if is_eaten(&line) || super::cell::text(&line) != line { format!("'{line}") } else { line }
}

/// Whether a spreadsheet would make something else of a text.
fn is_eaten(text: &str) -> bool {
    let starts = text.starts_with(['=', '+', '-', '@', '\t', '#', '＝', '＋', '－', '＠']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = digits(text) && (text.len() > 10 || (text.len() > 1 && text.starts_with('0')));
    let is_shortened = text.parse::<f64>().is_ok() && !digits(text);
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let is_date = (2..=3).contains(&parts.len()) && parts.iter().all(|part| digits(part) && part.len() <= 2);
    starts || is_number || is_shortened || is_date
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tell::directory::Directory;

    #[test]
    fn what_spreadsheets_change_or_run_is_marked() {
        for (cell, expected) in [
            ("13800000001", "138 0000 0001"),
            ("0511-88880001", "0511-88880001"),
            ("0012", "'0012"),
            ("12", "12"),
            ("320000199001010011", "'320000199001010011"),
            ("1E5", "'1E5"),
            ("1-2", "'1-2"),
            ("2026-01-05", "2026-01-05"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("'quoted", "''quoted"),
            ("张三", "张三"),
            ("", ""),
        ] {
            assert_eq!(kept(cell), expected, "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            id in "[A-Za-z0-9-]{1,12}",
            name in "[\\p{Han}A-Za-z]{1,8}",
            note in "([0-9=+@', \"\n;#-]|[\\p{Han}]){0,12}",
            unit in "[0-9/-]{0,6}",
            mobile in prop_oneof![Just(""), Just("13800000001"), Just("0511-88880001-8006"), Just("+85251234567")],
        ) {
            let contact = Contact {
                id: id.as_str().into(),
                name,
                note: crate::core::line::one_line(&note, 100),
                unit,
                mobile: mobile.to_owned(),
                roles: vec!["a".into(), "b".into()],
                ..Contact::default()
            };
            let spoilt = crate::tell::people::cell::spoilt(&contact.note).is_some();
            prop_assume!(!spoilt);
            let text = contacts([&contact]);
            let read = Directory::read("contacts.csv", &text);
            prop_assert_eq!(read.map(|directory| directory.all().to_vec()), Ok(vec![contact]), "{}", text);
        }
    }
}
