//! Words for texts and numbers.

use rhai::{Array, Dynamic, ImmutableString, Module};

use super::budget;
use super::facts::kind_of;
use super::operators::{Number, compare, number, plain};
use super::words::{Answer, Say, word};

const TEXT: Say = Say { group: "Texts", params: &["text"], en: "", zh: "" };
const PART: Say = Say { params: &["text", "part"], ..TEXT };
const NUMBER: Say = Say { group: "Numbers", params: &["number"], en: "", zh: "" };

/// Registers the words.
pub fn register(module: &mut Module) {
    parts(module);
    forms(module);
    numbers(module);
    printing(module);
}

fn parts(module: &mut Module) {
    word(module, "len", Say { en: "How many characters.", zh: "字数", ..TEXT }, |text: &str| -> Answer<i64> {
        budget::spend_text(text.len())?;
        Ok(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
    });
    word(module, "is_empty", Say { en: "Whether there are none.", zh: "是否为空文本", ..TEXT }, |text: &str| {
        Ok(text.is_empty())
    });
    let starts = Say { en: "Whether the text starts so.", zh: "是否以此开头", ..PART };
    let ends = Say { en: "Whether the text ends so.", zh: "是否以此结尾", ..PART };
    word(module, "starts_with", starts, |text: &str, part: &str| Ok(text.starts_with(part)));
    word(module, "ends_with", ends, |text: &str, part: &str| Ok(text.ends_with(part)));
    let split = Say {
        params: &["text", "separator"],
        en: "The parts between the separators, as a list.",
        zh: "按分隔符拆分",
        ..TEXT
    };
    word(module, "split", split, |text: &str, separator: &str| -> Answer<Array> {
        if separator.is_empty() {
            return Err("split: the separator is empty".into());
        }
        let parts: Array = text.split(separator).take(super::engine::LIST + 1).map(Dynamic::from_text).collect();
        budget::spend(parts.len() + text.len() / budget::TEXT_UNIT)?;
        Ok(parts)
    });
    let sub = Say {
        params: &["text", "start", "count"],
        en: "So many characters from a position, counted from 0.",
        zh: "取子串",
        ..TEXT
    };
    word(module, "sub_string", sub, |text: &str, start: i64, count: i64| -> Answer<ImmutableString> {
        budget::spend_text(text.len())?;
        let (start, count) = (usize::try_from(start).unwrap_or(0), usize::try_from(count).unwrap_or(0));
        Ok(text.chars().skip(start).take(count).collect::<String>().into())
    });
}

/// A text without going through its debug form.
trait FromText {
    fn from_text(text: &str) -> Dynamic;
}

impl FromText for Dynamic {
    fn from_text(text: &str) -> Dynamic {
        Dynamic::from(ImmutableString::from(text))
    }
}

fn forms(module: &mut Module) {
    type Form = fn(&str) -> String;
    let forms: [(&str, &'static str, &'static str, Form); 3] = [
        ("trim", "Without white space at both ends.", "去首尾空白", |text| text.trim().to_owned()),
        ("to_upper", "In capital letters.", "转大写", |text| text.to_uppercase()),
        ("to_lower", "In small letters.", "转小写", |text| text.to_lowercase()),
    ];
    for (name, en, zh, form) in forms {
        word(module, name, Say { en, zh, ..TEXT }, move |text: &str| -> Answer<ImmutableString> {
            budget::spend(text.len() / 4)?;
            Ok(form(text).into())
        });
    }
    let int =
        Say { en: "The whole number that the text writes; another text is an error.", zh: "解析整数", ..TEXT };
    let float = Say { en: "The number that the text writes; another text is an error.", zh: "解析数", ..TEXT };
    word(module, "parse_int", int, |text: &str| -> Answer<i64> {
        text.trim().parse().map_err(|_| format!("expected a whole number, got {:?}", short(text)).into())
    });
    word(module, "parse_float", float, |text: &str| -> Answer<f64> {
        let parsed = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        parsed.ok_or_else(|| format!("expected a number, got {:?}", short(text)).into())
    });
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn numbers(module: &mut Module) {
    type Form = fn(f64) -> f64;
    let forms: [(&str, &'static str, &'static str, Form); 3] = [
        ("floor", "The next whole number below.", "向下取整", f64::floor),
        ("ceiling", "The next whole number above.", "向上取整", f64::ceil),
        ("round", "The nearest whole number, halves away from zero.", "四舍五入", f64::round),
    ];
    for (name, en, zh, form) in forms {
        word(module, name, Say { en, zh, ..NUMBER }, move |value: Dynamic| match number(&value) {
            Some(Number::Int(_)) => Ok(value),
            Some(Number::Float(float)) => whole(form(float)),
            None => Err(not_a_number(name, &value).into()),
        });
    }
    word(module, "abs", Say { en: "Without its sign.", zh: "绝对值", ..NUMBER }, |value: Dynamic| {
        match number(&value) {
            Some(Number::Int(whole)) => {
                whole.checked_abs().map(Dynamic::from).ok_or_else(|| format!("{whole} is too large").into())
            }
            Some(Number::Float(float)) => Ok(float.abs().into()),
            None => Err(not_a_number("abs", &value).into()),
        }
    });
    let two = Say { params: &["a", "b"], ..NUMBER };
    let least = Say { en: "The smaller of two numbers, texts or instants.", zh: "较小者", ..two };
    let most = Say { en: "The larger of two numbers, texts or instants.", zh: "较大者", ..two };
    word(module, "min", least, |a: Dynamic, b: Dynamic| Ok(if compare("min", &a, &b)?.is_le() { a } else { b }));
    word(module, "max", most, |a: Dynamic, b: Dynamic| Ok(if compare("max", &a, &b)?.is_ge() { a } else { b }));
}

fn whole(float: f64) -> Answer<Dynamic> {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    if (-EDGE..EDGE).contains(&float) {
        #[expect(clippy::cast_possible_truncation)]
        return Ok(Dynamic::from(float as i64));
    }
    Err(format!("{float} is too large for a whole number").into())
}

fn not_a_number(name: &str, value: &Dynamic) -> String {
    format!("{name}: expected a number, got {}", kind_of(value))
}

fn printing(module: &mut Module) {
    const PRINT: Say = Say {
        group: "Texts",
        params: &["value"],
        en: "Shows a value in `explain`; it goes nowhere else.",
        zh: "输出到 explain",
    };
    let text = Say {
        params: &["value"],
        en: "A value as a text; also what `${…}` in a text does. A missing value is an error.",
        zh: "转文本；缺失即报错",
        ..TEXT
    };
    word(module, "print", PRINT, |value: Dynamic| -> Answer<ImmutableString> {
        Ok(plain(&value).unwrap_or_else(|| kind_of(&value).into()))
    });
    word(module, "to_string", text, |value: Dynamic| -> Answer<ImmutableString> {
        plain(&value).map_or_else(
            || {
                let message = format!("a text cannot take in what is {}; give a default with `??`", a(&value));
                budget::refuse(super::error::ErrorKind::Value, &message);
                Err(message.into())
            },
            |text| {
                budget::spend_text(text.len())?;
                Ok(text)
            },
        )
    });
}

fn a(value: &Dynamic) -> String {
    let kind = kind_of(value);
    if value.is_unit() { kind.to_owned() } else { format!("a {kind}") }
}
