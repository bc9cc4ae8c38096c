//! Mobile numbers, as contacts hold them and as vendors want them.

use crate::wire::line::one_line;

/// A number that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Number {
    /// Eleven digits of mainland China.
    Mainland(String),
    /// Country code and number of another place.
    Abroad(String),
}

impl Number {
    /// Reads what people write: `13800000000`, `+86 138-0000-0000`, `+852 5123 4567`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a mobile number such as 13800000000, got {:?}", one_line(text, 40));
        let bare: String = text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        let is_abroad = bare.starts_with('+') || bare.starts_with("00");
        let digits = bare.trim_start_matches('+').trim_start_matches("00");
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let mainland = digits.strip_prefix("86").unwrap_or(digits);
        match mainland.len() {
            11 if mainland.starts_with('1') && (!is_abroad || digits.starts_with("86")) => {
                Ok(Self::Mainland(mainland.to_owned()))
            }
            _ if is_abroad && (7..=15).contains(&digits.len()) && !digits.starts_with("86") => {
                Ok(Self::Abroad(digits.to_owned()))
            }
            _ => Err(wrong()),
        }
    }

    /// Aliyun's form: mainland numbers bare, others with the country's code.
    pub(super) fn bare(&self) -> &str {
        match self {
            Self::Mainland(digits) | Self::Abroad(digits) => digits,
        }
    }

    /// E.164.
    pub(super) fn e164(&self) -> String {
        match self {
            Self::Mainland(digits) => format!("+86{digits}"),
            Self::Abroad(digits) => format!("+{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, bare, e164) in [
            ("13800000000", "13800000000", "+8613800000000"),
            (" 138 0000 0000 ", "13800000000", "+8613800000000"),
            ("+86 138-0000-0000", "13800000000", "+8613800000000"),
            ("008613800000000", "13800000000", "+8613800000000"),
            ("8613800000000", "13800000000", "+8613800000000"),
            ("+852 5123 4567", "85251234567", "+85251234567"),
            ("+1 (202) 555-0100", "12025550100", "+12025550100"),
        ] {
            let number = Number::read(text).expect(text);
            assert_eq!((number.bare(), number.e164().as_str()), (bare, e164), "{text}");
        }
    }

    #[test]
    fn what_is_no_mobile_number_is_named() {
        for text in ["", "0571-88880000", "1380000000", "138000000000", "王小明", "+", "+86 571 8888 0000", "a@b.test"]
        {
            let reason = Number::read(text).expect_err(text);
            assert!(reason.starts_with("expected a mobile number"), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_digits_whatever_was_written(text in any::<String>()) {
            if let Ok(number) = Number::read(&text) {
                prop_assert!(number.bare().bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
