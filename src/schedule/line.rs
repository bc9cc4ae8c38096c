//! Reading a cron line: every field is checked here, so that a mistake is named in words.

/// The fields of a line, as the `cron` crate takes them: six, with weekdays spelled out.
pub(super) fn parse(fields: &[&str]) -> Result<cron::Schedule, String> {
    let mut fields = fields.to_vec();
    match fields.len() {
        5 => fields.insert(0, "0"),
        6 => {}
        n => {
            let expected = "five fields (minute hour day-of-month month weekday) or six (a second before them)";
            return Err(format!("expected {expected}, got {n}"));
        }
    }
    for (field, text) in FIELDS.iter().zip(&fields) {
        field.check(text)?;
    }
    let line = format!("{} {}", fields[..5].join(" "), weekdays(fields[5])?);
    let line = line.parse::<cron::Schedule>().map_err(|error| error.to_string())?;
    // The crate knows the years 1970 to 2100, and the calendar repeats itself within them.
    if line.after(&chrono::DateTime::UNIX_EPOCH).next().is_none() {
        return Err("can never come: no such day in these months".to_owned());
    }
    Ok(line)
}

/// One field of a cron line.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 5] = [
    Field { name: "second", least: 0, most: 59, names: &[] },
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
];

impl Field {
    fn check(&self, text: &str) -> Result<(), String> {
        text.split(',').try_for_each(|part| self.check_part(part))
    }

    fn check_part(&self, part: &str) -> Result<(), String> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step {
            self.step(step)?;
        }
        if range == "*" || (range == "?" && self.name == "day of month") {
            return Ok(());
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (self.value(first)?, self.value(last)?);
        if first > last {
            return Err(format!("{}: expected a range that ascends, got {range}", self.name));
        }
        Ok(())
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named =
            self.names.iter().position(|name| name.eq_ignore_ascii_case(text)).and_then(|i| u32::try_from(i).ok());
        let value = named.map(|i| i + self.least).or_else(|| digits(text));
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| {
            let or_name = if self.names.is_empty() { "" } else { " or a name such as JAN" };
            format!("{}: expected {} to {}{or_name}, got {text:?}", self.name, self.least, self.most)
        })
    }

    fn step(&self, text: &str) -> Result<u32, String> {
        digits(text)
            .filter(|step| (1..=self.most).contains(step))
            .ok_or_else(|| format!("{}: expected a step of 1 to {}, got {text:?}", self.name, self.most))
    }
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The weekday field, spelled out as a list of names.
fn weekdays(text: &str) -> Result<String, String> {
    if text == "*" || text == "?" {
        return Ok("*".to_owned());
    }
    let named = without_numbers(text);
    if named != text.to_ascii_uppercase() {
        let advice = weekdays(&named).map_or(String::new(), |_| format!("; what a crontab calls {text} is {named}"));
        let why = "numbers mean different days in different programs";
        return Err(format!("weekday: expected names, since {why}, got {text}{advice}"));
    }
    let ranges: Result<Vec<_>, _> = text.split(',').map(weekday_range).collect();
    Ok(ranges?.concat().join(","))
}

fn weekday_range(part: &str) -> Result<Vec<&'static str>, String> {
    let expected =
        || format!("weekday: expected * or names of MON TUE WED THU FRI SAT SUN, with lists and ranges, got {part:?}");
    let weekday = |text: &str| WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text)).ok_or_else(expected);
    let Some((first, last)) = part.split_once('-') else {
        return Ok(vec![WEEKDAYS[weekday(part)?]]);
    };
    let (last, step) = last.split_once('/').unwrap_or((last, "1"));
    let step = digits(step).filter(|step| (1..=6).contains(step)).ok_or_else(expected)?;
    let (first, last) = (weekday(first)?, weekday(last)?);
    let days = (last + 7 - first) % 7;
    Ok((0..=days).step_by(step as usize).map(|day| WEEKDAYS[(first + day) % 7]).collect())
}

/// The text with each number outside a step replaced by the name that a crontab means, where 0 and 7 are Sunday.
fn without_numbers(text: &str) -> String {
    let mut named = String::new();
    let mut in_step = false;
    for c in text.to_ascii_uppercase().chars() {
        in_step = c == '/' || (in_step && c.is_ascii_digit());
        match c.to_digit(8).filter(|_| !in_step) {
            Some(day) => named.push_str(WEEKDAYS[day as usize % 7]),
            None => named.push(c),
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(line: &str) -> String {
        parse(&line.split_whitespace().collect::<Vec<_>>()).expect_err(line)
    }

    #[test]
    fn weekdays_are_spelled_out_and_may_wrap() {
        let table = [
            ("*", "*"),
            ("?", "*"),
            ("mon", "MON"),
            ("MON-FRI", "MON,TUE,WED,THU,FRI"),
            ("MON-SUN", "MON,TUE,WED,THU,FRI,SAT,SUN"),
            ("SAT-MON,WED", "SAT,SUN,MON,WED"),
            ("MON-FRI/2", "MON,WED,FRI"),
        ];
        for (written, expected) in table {
            assert_eq!(weekdays(written).as_deref(), Ok(expected), "{written}");
        }
    }

    #[test]
    fn numbered_weekdays_are_refused_with_the_names_that_a_crontab_means() {
        let table = [
            ("1-5", "MON-FRI"),
            ("0", "SUN"),
            ("7", "SUN"),
            ("1,3,5", "MON,WED,FRI"),
            ("MON-5", "MON-FRI"),
            ("1-5/2", "MON-FRI/2"),
        ];
        for (written, named) in table {
            let said = problem(&format!("0 9 * * {written}"));
            assert!(said.ends_with(&format!("got {written}; what a crontab calls {written} is {named}")), "{said}");
        }
        for written in ["10", "1/2"] {
            assert!(problem(&format!("0 9 * * {written}")).ends_with(&format!("got {written}")));
        }
    }

    #[test]
    fn a_mistake_names_the_field_and_what_was_expected() {
        let table = [
            ("60 9 * * *", "minute: expected 0 to 59, got \"60\""),
            ("0 24 * * *", "hour: expected 0 to 23, got \"24\""),
            ("0 9 0 * *", "day of month: expected 1 to 31, got \"0\""),
            ("0 9 L * *", "day of month: expected 1 to 31, got \"L\""),
            ("0 9 * 13 *", "month: expected 1 to 12 or a name such as JAN, got \"13\""),
            ("0 9 * SMARCH *", "month: expected 1 to 12 or a name such as JAN, got \"SMARCH\""),
            ("99 0 9 * * *", "second: expected 0 to 59, got \"99\""),
            ("0 22-2 * * *", "hour: expected a range that ascends, got 22-2"),
            ("*/0 9 * * *", "minute: expected a step of 1 to 59, got \"0\""),
            ("*/ 9 * * *", "minute: expected a step of 1 to 59, got \"\""),
            (", 9 * * *", "minute: expected 0 to 59, got \"\""),
            (
                "0 9 * *",
                "expected five fields (minute hour day-of-month month weekday) or six (a second before them), got 4",
            ),
            (
                "0 0 9 * * MON 2026",
                "expected five fields (minute hour day-of-month month weekday) or six (a second before them), got 7",
            ),
            ("0 9 31 FEB,APR *", "can never come: no such day in these months"),
            (
                "0 9 * * MO",
                "weekday: expected * or names of MON TUE WED THU FRI SAT SUN, with lists and ranges, got \"MO\"",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(problem(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(line in r"([-*/?,0-9A-Z]{1,6} ){4,6}") {
            let _ = parse(&line.split_whitespace().collect::<Vec<_>>());
        }

        #[test]
        fn what_passes_the_fields_is_understood_by_the_crate(
            minute in 0_u32..60, step in 1_u32..59, hour in 0_u32..24, first in 1_u32..28, month in 0_usize..12, day in 0_usize..7,
        ) {
            let (month, day) = (MONTHS[month], WEEKDAYS[day]);
            let line = format!("{minute}/{step} {hour},23 {first}-28 {month} {day}-{day}");
            let line = parse(&line.split_whitespace().collect::<Vec<_>>());
            prop_assert!(line.is_ok(), "{:?}", line);
        }
    }
}
