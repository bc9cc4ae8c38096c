//! **Phone**: a number as people and spreadsheets write it, and whether a short message can go to it.
//!
//! Mobiles of mainland China have eleven digits and begin with 1[3-9]; landlines have an area code that begins with 0.

use std::fmt;

/// A number that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phone {
    /// Eleven digits of mainland China.
    Mobile(String),
    /// Area code, number and perhaps an extension: `0511-88880001-8006`. It takes no short message.
    Landline(String),
    /// Country code and number of another place: `+85251234567`.
    Abroad(String),
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPhone {
    /// A spreadsheet shortened it: `1.38E+10`.
    DigitsLost,
    /// There are several numbers.
    Several,
    /// It is something else.
    Other,
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mobile(text) | Self::Landline(text) | Self::Abroad(text) => f.write_str(text),
        }
    }
}

impl Phone {
    /// Reads what people write and what spreadsheets make of it: full-width digits, a leading apostrophe, a trailing
    /// `.0`, blanks and hyphens, +86 or 0086, `1.3800000001E+10`.
    pub fn read(text: &str) -> Result<Self, NoPhone> {
        let plain = half_width(text);
        let bare = plain.trim().trim_start_matches(['\'', '‘', '’']).trim();
        let bare = in_full(bare)?;
        let (number, extension) = split_extension(&bare);
        let compact: String = number.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')')).collect();
        let extension = extension.filter(|_| !compact.is_empty());
        let (is_abroad, digits) = match compact.strip_prefix('+').or_else(|| compact.strip_prefix("00")) {
            Some(rest) => (true, rest),
            None => (false, compact.as_str()),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(if is_several(&bare) { NoPhone::Several } else { NoPhone::Other });
        }
        let mainland = digits.strip_prefix("86").filter(|rest| is_abroad || rest.len() == 11);
        match (mainland, is_abroad) {
            (Some(rest), _) if is_mobile(rest) && extension.is_none() => Ok(Self::Mobile(rest.to_owned())),
            (Some(rest), true) => landline(&format!("0{}", rest.trim_start_matches('0')), extension),
            (None, true) if (7..=15).contains(&digits.len()) => Ok(Self::Abroad(format!("+{digits}"))),
            _ if is_mobile(digits) && extension.is_none() => Ok(Self::Mobile(digits.to_owned())),
            _ => landline(digits, extension),
        }
        .map_err(|other| if is_several(&bare) { NoPhone::Several } else { other })
    }
}

/// Whether a number takes no short message: one with an area code, or a service number.
pub fn is_landline(number: &str) -> bool {
    !is_mobile(number) && matches!(Phone::read(number), Ok(Phone::Landline(_)))
}

fn is_mobile(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1]) && bytes.iter().all(u8::is_ascii_digit)
}

/// `0511` and `88880001`: 010 and 02x are short, others have four digits.
fn landline(digits: &str, extension: Option<&str>) -> Result<Phone, NoPhone> {
    let with = |number: String| Phone::Landline(extension.map_or(number.clone(), |more| format!("{number}-{more}")));
    if digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800")) {
        return Ok(with(format!("{}-{}-{}", &digits[..3], &digits[3..6], &digits[6..])));
    }
    let code = if digits.starts_with("01") || digits.starts_with("02") { 3 } else { 4 };
    let is_area = digits.starts_with('0') && !digits.starts_with("00") && digits.len() > code;
    let is_number = |rest: &str| (7..=8).contains(&rest.len()) && !rest.starts_with(['0', '1']);
    if is_area && is_number(&digits[code..]) {
        return Ok(with(format!("{}-{}", &digits[..code], &digits[code..])));
    }
    Err(NoPhone::Other)
}

/// What stands behind `转`, `ext`, or the last hyphen of a landline.
fn split_extension(text: &str) -> (&str, Option<&str>) {
    let digits = |text: &str| !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    for mark in ["转", "ext.", "ext", "EXT", "x", "#"] {
        if let Some((number, extension)) = text.split_once(mark) {
            let extension = extension.trim().trim_start_matches(['-', ':', '.']).trim();
            let number = number.trim_end().trim_end_matches(['-', ',', '分', '机', '(']).trim_end();
            return if digits(extension) { (number, Some(extension)) } else { (text, None) };
        }
    }
    // 0511-88880001-8006; 138-0000-0001 has no extension.
    match text.rsplit_once('-') {
        Some((number, extension))
            if digits(extension.trim()) && number.starts_with('0') && !number.starts_with("00") && {
                let count = number.bytes().filter(u8::is_ascii_digit).count();
                (10..=12).contains(&count) && number.contains('-')
            } =>
        {
            (number, Some(extension.trim()))
        }
        _ => (text, None),
    }
}

fn is_several(text: &str) -> bool {
    let parts = text.split(['、', ',', ';', '/', '\n', ' ']).map(str::trim).filter(|part| !part.is_empty());
    parts.filter(|part| part.bytes().filter(u8::is_ascii_digit).count() >= 7).count() > 1
}

/// A number that a spreadsheet wrote with an exponent or a fraction of nothing, with all its digits; what has lost some
/// is refused.
pub fn in_full(text: &str) -> Result<String, NoPhone> {
    let whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((number, zeros)) = text.split_once('.')
        && whole(number)
        && !zeros.is_empty()
        && zeros.bytes().all(|byte| byte == b'0')
    {
        return Ok(number.to_owned());
    }
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return Ok(text.to_owned()) };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Some(exponent) = exponent.strip_prefix('+').unwrap_or(exponent).parse::<usize>().ok().filter(|e| *e <= 20)
    else {
        return Ok(text.to_owned());
    };
    if !whole(before) || !(after.is_empty() || whole(after)) {
        return Ok(text.to_owned());
    }
    if after.len() < exponent {
        return Err(NoPhone::DigitsLost);
    }
    let (shifted, rest) = after.split_at(exponent);
    if rest.bytes().all(|byte| byte == b'0') { Ok(format!("{before}{shifted}")) } else { Ok(text.to_owned()) }
}

/// Full-width letters, digits and marks as their ASCII twins; blanks and hyphens of all kinds as ASCII ones.
pub fn half_width(text: &str) -> String {
    let half = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' | '\u{2002}'..='\u{200a}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '。' => '.',
        _ => c,
    };
    text.chars()
        .filter(|c| !matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'))
        .map(half)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match Phone::read(text) {
            Ok(Phone::Mobile(number)) => format!("mobile {number}"),
            Ok(Phone::Landline(number)) => format!("landline {number}"),
            Ok(Phone::Abroad(number)) => format!("abroad {number}"),
            Err(why) => format!("{why:?}"),
        }
    }

    #[test]
    fn numbers_are_read_as_people_and_spreadsheets_write_them() {
        for (text, number) in [
            ("13800000001", "mobile 13800000001"),
            ("１３８０００００００１", "mobile 13800000001"),
            ("'13800000001", "mobile 13800000001"),
            ("13800000001.0", "mobile 13800000001"),
            (" 138 0000 0001\u{200b}", "mobile 13800000001"),
            ("138-0000-0001", "mobile 13800000001"),
            ("+86 138-0000-0001", "mobile 13800000001"),
            ("（+86）13800000001", "mobile 13800000001"),
            ("008613800000001", "mobile 13800000001"),
            ("8613800000001", "mobile 13800000001"),
            ("1.3800000001E+10", "mobile 13800000001"),
            ("0511-88880001", "landline 0511-88880001"),
            ("051188880001", "landline 0511-88880001"),
            ("（0511）88880001", "landline 0511-88880001"),
            ("010-88880001", "landline 010-88880001"),
            ("0511-88880001-8006", "landline 0511-88880001-8006"),
            ("0511－88880001转8006", "landline 0511-88880001-8006"),
            ("02588880001 转 6", "landline 025-88880001-6"),
            ("+86 511 88880001", "landline 0511-88880001"),
            ("400-800-0001", "landline 400-800-0001"),
            ("+852 5123 4567", "abroad +85251234567"),
            ("1.38E+10", "DigitsLost"),
            ("1.38e10", "DigitsLost"),
            ("13800000001、13800000002", "Several"),
            ("13800000001 / 0511-88880001", "Several"),
            ("1380000000", "Other"),
            ("138000000011", "Other"),
            ("12800000001", "Other"),
            ("88880001", "Other"),
            ("张三", "Other"),
            ("", "Other"),
            ("+", "Other"),
            ("转1", "Other"),
        ] {
            assert_eq!(read(text), number, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_what_was_read_is_read_again(text in "([0-9０-９]|[-+()转.Ee' /、]|[ -~]|\\PC){0,24}") {
            if let Ok(phone) = Phone::read(&text) {
                prop_assert_eq!(Phone::read(&phone.to_string()), Ok(phone));
            }
        }
    }
}
