//! The absences of `absences.csv`: `contact,from,until,deputy,reason`, days included at both ends.

use chrono::NaiveDate;

use super::directory::{ContactProblem, Directory};
use crate::core::contact::Absence;

const COLUMNS: [&str; 5] = ["contact", "from", "until", "deputy", "reason"];

/// Reads `absences.csv`; every wrong line is named. `deputy` and `reason` may be left out.
pub fn read(path: &str, text: &str, directory: &Directory) -> Result<Vec<Absence>, Vec<ContactProblem>> {
    let problem = |line: u64, problem: String| ContactProblem { place: format!("{path}:{line}"), problem };
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| vec![problem(1, e.to_string())])?.clone();
    let headers: Vec<&str> = headers.iter().map(|h| h.trim_start_matches('\u{feff}').trim()).collect();
    if headers.is_empty() || headers == [""] {
        return Ok(Vec::new());
    }
    let unknown = headers.iter().filter(|h| !COLUMNS.contains(h));
    let missing = COLUMNS[..3].iter().filter(|c| !headers.contains(c));
    let wrong: Vec<ContactProblem> = unknown
        .chain(missing)
        .map(|h| problem(1, format!("expected the columns {}, got {} ({h:?})", COLUMNS.join(","), headers.join(","))))
        .collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (mut absences, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
        match record {
            Err(e) => problems.push(problem(line(e.position()), e.to_string())),
            Ok(record) => match absence(&headers, &record, directory) {
                Ok(absence) => absences.push(absence),
                Err(wrong) => problems.push(problem(line(record.position()), wrong)),
            },
        }
    }
    if problems.is_empty() { Ok(absences) } else { Err(problems) }
}

fn absence(headers: &[&str], record: &csv::StringRecord, directory: &Directory) -> Result<Absence, String> {
    let field = |name: &str| {
        let index = headers.iter().position(|h| *h == name);
        index.and_then(|i| record.get(i)).map_or("", str::trim).to_owned()
    };
    let date = |name: &str| {
        let text = field(name);
        let read = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
        read.map_err(|_| format!("{name}: expected a date such as 2026-01-31, got {text:?}"))
    };
    let known = |name: &str, id: &str| match directory.get(id) {
        Some(contact) => Ok(contact.id.clone()),
        None => Err(format!("{name}: expected the id of a contact, got {id:?}")),
    };
    let (contact, deputy) = (field("contact"), field("deputy"));
    let absence = Absence {
        contact: known("contact", &contact)?,
        from: date("from")?,
        until: date("until")?,
        deputy: deputy.clone(),
        reason: field("reason"),
    };
    if absence.until < absence.from {
        return Err(format!("until: expected {} or later, got {}", absence.from, absence.until));
    }
    if !deputy.is_empty() && (known("deputy", &deputy)? == absence.contact) {
        return Err(format!("deputy: expected somebody else, got {deputy:?}"));
    }
    Ok(absence)
}

#[cfg(test)]
mod tests {
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
        assert!(wrong("contact,from\n").contains("absences.csv:1: expected the columns"));
        assert!(wrong("contact,from,until,who\n").contains("\"who\""));
        assert!(wrong(&format!("{head}x,2026-03-02,2026-03-02,\n")).contains(":2: contact: expected the id"));
        assert!(wrong(&format!("{head}a,2.3.,2026-03-02,\n")).contains("from: expected a date"));
        assert!(wrong(&format!("{head}a,2026-03-03,2026-03-02,\n")).contains("until: expected 2026-03-03 or later"));
        assert!(wrong(&format!("{head}a,2026-03-02,2026-03-02,a\n")).contains("deputy: expected somebody else"));
        assert_eq!(read("absences.csv", "", &directory), Ok(Vec::new()));
    }
}
