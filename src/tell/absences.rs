//! The absences of `absences.csv`: `contact,from,until,deputy,reason`, days included at both ends.

use super::directory::Directory;
use super::people::cell;
use super::people::fault::{Fault, Wrong};
use super::people::sheet::{Column, Form, Row, Sheet};
use crate::core::contact::Absence;

/// The columns of `absences.csv`, and what offices call them.
pub const COLUMNS: [Column; 5] = [
    ("contact", &["id", "编号", "工号", "人员编号", "联系人", "联系人编号", "姓名"]),
    ("from", &["起", "起始", "开始", "起始日期", "开始日期", "开始时间"]),
    ("until", &["to", "止", "截止", "结束", "截止日期", "结束日期", "结束时间"]),
    ("deputy", &["代理人", "代理", "代办人", "b岗"]),
    ("reason", &["事由", "原因", "缘由", "请假事由", "备注"]),
];

/// What `absences.csv` looks like.
pub const FORM: Form = Form { columns: &COLUMNS, needed: 3, wanted: "contact,from,until" };

/// Reads `absences.csv`; every fault is named. `deputy` and `reason` may be left out. Who is away, and who stands in, is
/// named by id, or by a name that one contact has.
pub fn read(path: &str, text: &str, directory: &Directory) -> Result<Vec<Absence>, Vec<Fault>> {
    let Some((sheet, mut faults)) = Sheet::read(path, text, FORM)? else { return Ok(Vec::new()) };
    let mut absences = Vec::new();
    for row in &sheet.rows {
        match absence(&sheet, row, directory) {
            Ok(absence) => absences.push(absence),
            Err((column, wrong)) => faults.push(sheet.fault(row, Some(column), wrong)),
        }
    }
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() { Ok(absences) } else { Err(faults) }
}

fn absence(sheet: &Sheet, row: &Row, directory: &Directory) -> Result<Absence, (&'static str, Wrong)> {
    let day = |column: &'static str| {
        let read = cell::day(sheet.cell(row, column)).and_then(|day| day.ok_or(Wrong::Empty));
        read.map_err(|wrong| (column, wrong))
    };
    let known = |column: &'static str| {
        let written = cell::id(sheet.cell(row, column)).and_then(|id| {
            let known = directory.resolve(&id)?;
            Ok(known.id.clone())
        });
        written.map_err(|wrong| (column, wrong))
    };
    let (contact, from, until) = (known("contact")?, day("from")?, day("until")?);
    if until < from {
        return Err(("until", Wrong::EndsBefore { from, until }));
    }
    let deputy = if sheet.cell(row, "deputy").is_empty() { "".into() } else { known("deputy")? };
    if deputy == contact {
        return Err(("deputy", Wrong::Oneself { got: deputy.to_string() }));
    }
    let reason = sheet.cell(row, "reason").to_owned();
    Ok(Absence { contact, from, until, deputy: deputy.to_string(), reason })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    const CONTACTS: &str = "id,name,deputy\na,A,b\nb,B,c\nc,C,a\nd,D,\n";

    fn directory(absences: &str) -> Directory {
        let directory = Directory::read("contacts.csv", CONTACTS).expect("contacts");
        let absences = read("absences.csv", absences, &directory).expect("absences");
        directory.with_absences(absences)
    }

    fn present(directory: &Directory, id: &str, day: u32) -> Option<String> {
        let today = NaiveDate::from_ymd_opt(2026, 3, day).expect("a date");
        directory.present(directory.get(id).expect("a contact"), today).map(|contact| contact.id.to_string())
    }

    #[test]
    fn a_deputy_stands_in_from_the_first_to_the_last_day() {
        let directory = directory("contact,from,until,deputy,reason\na,2026-03-02,2026-03-04,,leave\n");
        let days = [1, 2, 4, 5].map(|day| present(&directory, "a", day).expect("somebody"));
        assert_eq!(days, ["a", "b", "b", "a"]);
    }

    #[test]
    fn a_deputy_of_a_deputy_stands_in_and_a_circle_is_nobody() {
        let two = "contact,from,until,deputy\na,2026-03-02,2026-03-04,\nb,2026-03-03,2026-03-03,d\n";
        let some = directory(two);
        assert_eq!([2, 3].map(|day| present(&some, "a", day)), [Some("b".into()), Some("d".into())]);
        let all = "contact,from,until\na,2026-03-02,2026-03-04\nb,2026-03-02,2026-03-04\nc,2026-03-02,2026-03-04\nd,2026-03-02,2026-03-02\n";
        let nobody = directory(all);
        assert_eq!((present(&nobody, "a", 2), present(&nobody, "d", 2)), (None, None));
    }

    #[test]
    fn wrong_lines_are_named() {
        let directory = Directory::read("contacts.csv", CONTACTS).expect("contacts");
        let wrong = |text: &str| {
            let problems = read("absences.csv", text, &directory).expect_err(text);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
        };
        let head = "contact,from,until,deputy\n";
        assert!(wrong("contact,from\n").contains("absences.csv:1: expected a header with the columns"));
        assert!(wrong("contact,from,until,who\n").contains("absences.csv:1: who: expected one of the columns"));
        assert!(wrong(&format!("{head}x,2026-03-02,2026-03-02,\n")).contains(":2: contact: expected the id"));
        assert!(wrong(&format!("{head}a,2.3.,2026-03-02,\n")).contains("from: expected a date"));
        assert!(wrong(&format!("{head}a,2026-03-03,2026-03-02,\n")).contains("until: expected 2026-03-03 or later"));
        assert!(wrong(&format!("{head}a,2026-03-02,2026-03-02,a\n")).contains("deputy: expected somebody else"));
        assert_eq!(read("absences.csv", "", &directory), Ok(Vec::new()));
    }
}
