//! Values in MySQL's binary form, see
//! <https://dev.mysql.com/doc/dev/mysql-server/8.0.12/page_protocol_binary_resultset.html>.

use chrono::NaiveDate;
use sqlx::mysql::{MySql, MySqlTypeInfo};
use sqlx::{Type, TypeInfo as _};

use super::Clock;
use crate::source::sql::clocks;
use crate::source::table::Cell;

/// How a column comes over the wire and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Signed,
    Unsigned,
    /// Bits, the highest first.
    Bits,
    Year,
    Single,
    Double,
    Day,
    /// A day and a time.
    Wall,
    /// The same, for an instant.
    Instant,
    /// A span, or a time of day.
    Span,
    /// Texts, and numbers that are exact.
    Text,
    /// Bytes that may be a text.
    Bytes,
}

impl Shape {
    pub fn of(info: &MySqlTypeInfo) -> Self {
        let is_unsigned = <u64 as Type<MySql>>::compatible(info);
        match info.name() {
            "BIT" => Self::Bits,
            "YEAR" => Self::Year,
            "FLOAT" => Self::Single,
            "DOUBLE" => Self::Double,
            "DATE" => Self::Day,
            "DATETIME" => Self::Wall,
            "TIMESTAMP" => Self::Instant,
            "TIME" => Self::Span,
            "DECIMAL" | "JSON" | "ENUM" | "SET" => Self::Text,
            name if name == "BOOLEAN" || name.contains("INT") && !name.contains("POINT") => {
                if is_unsigned {
                    Self::Unsigned
                } else {
                    Self::Signed
                }
            }
            _ if <str as Type<MySql>>::compatible(info) => Self::Text,
            _ => Self::Bytes,
        }
    }

    /// The cell that these bytes are, which are not NULL.
    pub fn cell(self, bytes: &[u8], clock: Clock) -> Result<Cell<'_>, String> {
        let odd = || format!("expected a value that can be understood, got {} bytes for {self:?}", bytes.len());
        Ok(match self {
            Self::Signed => Cell::Int(signed(bytes).ok_or_else(odd)?),
            Self::Unsigned => whole(little(bytes).ok_or_else(odd)?),
            Self::Bits => whole(big(bytes).ok_or_else(odd)?),
            Self::Year => match little(bytes).ok_or_else(odd)? {
                0 => Cell::Null,
                year => whole(year),
            },
            Self::Single => Cell::Text(f32::from_le_bytes(bytes.try_into().map_err(|_| odd())?).to_string().into()),
            Self::Double => Cell::Float(f64::from_le_bytes(bytes.try_into().map_err(|_| odd())?)),
            Self::Day | Self::Wall | Self::Instant => Moment::read(bytes).ok_or_else(odd)?.cell(self, clock),
            Self::Span => Cell::Text(span(bytes).ok_or_else(odd)?.into()),
            Self::Bytes if bytes.contains(&0) => Cell::Bytes,
            Self::Text | Self::Bytes => Cell::of_bytes(bytes),
        })
    }
}

fn whole(number: u64) -> Cell<'static> {
    i64::try_from(number).map_or_else(|_| Cell::Text(number.to_string().into()), Cell::Int)
}

fn little(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn big(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let unused = 64_u32.checked_sub(u32::try_from(bytes.len()).ok()? * 8).filter(|&unused| unused < 64)?;
    Some((little(bytes)? << unused).cast_signed() >> unused)
}

/// A day and a time; parts of them may be zero, and what is zero at the end is left away.
struct Moment {
    year: u16,
    month: u8,
    day: u8,
    time: [u8; 3],
    micros: u32,
}

impl Moment {
    /// Reads what begins with its own length.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&len, rest) = bytes.split_first()?;
        if rest.len() != usize::from(len) {
            return None;
        }
        let part = |at: usize| rest.get(at).copied().unwrap_or(0);
        let year = u16::from_le_bytes([part(0), part(1)]);
        let time = [part(4), part(5), part(6)];
        let micros = u32::try_from(little(rest.get(7..).unwrap_or_default())?).ok()?;
        Some(Self { year, month: part(2), day: part(3), time, micros })
    }

    fn cell(&self, shape: Shape, clock: Clock) -> Cell<'static> {
        let Self { year, month, day, .. } = *self;
        if (year, month, day) == (0, 0, 0) {
            return Cell::Null;
        }
        let [hour, minute, second] = self.time;
        if shape == Shape::Instant {
            let time = |day: NaiveDate| day.and_hms_micro_opt(hour.into(), minute.into(), second.into(), self.micros);
            let day = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
            if let Some(shown) = day.and_then(time) {
                return Cell::Text(clock.written(shown).into());
            }
        }
        let date = format!("{year:04}-{month:02}-{day:02}");
        if shape == Shape::Day {
            return Cell::Text(date.into());
        }
        Cell::Text(format!("{date} {hour:02}:{minute:02}:{second:02}{}", clocks::fraction(self.micros)).into())
    }
}

/// `-838:59:59`, `03:04:05.5`.
fn span(bytes: &[u8]) -> Option<String> {
    let (&len, rest) = bytes.split_first()?;
    if len == 0 {
        return Some("00:00:00".to_owned());
    }
    let sign = if *rest.first()? == 0 { "" } else { "-" };
    let hours = little(rest.get(1..5)?)? * 24 + u64::from(*rest.get(5)?);
    let (minutes, seconds) = (*rest.get(6)?, *rest.get(7)?);
    let micros = u32::try_from(little(rest.get(8..)?)?).ok()?;
    Some(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", clocks::fraction(micros)))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use proptest::prelude::*;

    fn text(shape: Shape, bytes: &[u8]) -> Option<String> {
        shape.cell(bytes, Clock::Wall).expect("a value").text().map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn numbers_keep_every_bit() {
        for (shape, bytes, expected) in [
            (Shape::Signed, &[0xff_u8][..], "-1"),
            (Shape::Unsigned, &[0xff], "255"),
            (Shape::Signed, &[0, 0, 0, 0x80], "-2147483648"),
            (Shape::Signed, &[0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
            (Shape::Unsigned, &[0xff; 8], "18446744073709551615"),
            (Shape::Bits, &[2, 1], "513"),
            (Shape::Bits, &[0xff; 8], "18446744073709551615"),
        ] {
            assert_eq!(text(shape, bytes).as_deref(), Some(expected), "{shape:?}");
        }
    }

    #[test]
    fn what_is_zero_at_the_end_of_a_time_is_left_away_by_the_server_and_not_by_us() {
        let day = [4, 0xea, 0x07, 1, 2];
        assert_eq!(text(Shape::Day, &day).as_deref(), Some("2026-01-02"));
        assert_eq!(text(Shape::Wall, &day).as_deref(), Some("2026-01-02 00:00:00"));
        let micros = [11, 0xea, 0x07, 1, 2, 3, 4, 5, 0x20, 0xa1, 0x07, 0];
        assert_eq!(text(Shape::Wall, &micros).as_deref(), Some("2026-01-02 03:04:05.5"));
        assert_eq!(text(Shape::Wall, &[0]), None);
        assert_eq!(text(Shape::Wall, &[7, 0, 0, 0, 0, 1, 2, 3]), None, "a time without a day");
        let east = Clock::Constant(TimeDelta::hours(8), "Asia/Tokyo".parse().ok());
        let cell = Shape::Instant.cell(&day, east).expect("a value");
        assert_eq!(cell.text().as_deref(), Some("2026-01-02 01:00:00"));
        assert_eq!(text(Shape::Span, &[8, 1, 1, 0, 0, 0, 2, 3, 4]).as_deref(), Some("-26:03:04"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_a_problem(bytes in prop::collection::vec(any::<u8>(), 0..14), hours in -14_i64..14) {
            use Shape::{Bits, Bytes, Day, Double, Instant, Signed, Single, Span, Text, Unsigned, Wall, Year};
            let clock = Clock::Constant(TimeDelta::hours(hours), "Asia/Shanghai".parse().ok());
            for shape in [Signed, Unsigned, Bits, Year, Single, Double, Day, Wall, Instant, Span, Text, Bytes] {
                let _ = shape.cell(&bytes, clock);
            }
        }
    }
}
