//! What the operators of a rule mean. **Missing is not zero, false or empty**: every pair that makes no sense is an
//! error that says so, where Rhai's own operators would answer `false`.
//!
//! **Invariant:** no operator that Rhai brings along is ever reached. Each is registered here for any pair of values.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, ImmutableString, Map, Module};

use super::budget;
use super::days::Day;
use super::facts::kind_of;
use super::words::{Answer, Say, word};
use crate::core::Instant;

/// Registers every operator.
pub fn register(module: &mut Module) {
    equality(module);
    ordering(module);
    arithmetic(module);
    membership(module);
}

fn equality(module: &mut Module) {
    const EQUAL: Say = Say {
        group: "Operators",
        params: &["a", "b"],
        en: "Equal; `1 == 1.0` is true. With one side missing it is false, so `x == ()` asks whether x is missing. \
             Other unlike kinds are an error.",
        zh: "相等；一方缺失时为 false；类型不同即报错",
    };
    const NOT: Say = Say { group: "Operators", params: &["a"], en: "Not; only of true and false.", zh: "取反" };
    const UNEQUAL: Say = Say { en: "The opposite of `==`.", zh: "不等", ..EQUAL };
    word(module, "==", EQUAL, |a: Dynamic, b: Dynamic| equal(&a, &b));
    word(module, "!=", UNEQUAL, |a: Dynamic, b: Dynamic| equal(&a, &b).map(|equal| !equal));
    word(module, "!", NOT, |a: Dynamic| {
        a.as_bool().map(|a| !a).map_err(|_| format!("expected true or false after !, got {}", kind_of(&a)).into())
    });
    // The common pairs, found at the first look.
    module.set_native_fn("==", |a: &str, b: &str| Ok(a == b));
    module.set_native_fn("!=", |a: &str, b: &str| Ok(a != b));
    module.set_native_fn("==", |a: i64, b: i64| Ok(a == b));
    module.set_native_fn("!=", |a: i64, b: i64| Ok(a != b));
    module.set_native_fn("==", |(): (), b: Dynamic| Ok(b.is_unit()));
    module.set_native_fn("!=", |(): (), b: Dynamic| Ok(!b.is_unit()));
}

fn ordering(module: &mut Module) {
    const ORDER: Say = Say {
        group: "Operators",
        params: &["a", "b"],
        en: "Order of two numbers, texts or instants. Anything else is an error, a missing value too: ask `x != ()` \
             first, or give a default with `??`.",
        zh: "比较大小：数、文本、时刻；缺失或类型不同即报错",
    };
    word(module, "<", ORDER, |a: Dynamic, b: Dynamic| Ok(compare("<", &a, &b)?.is_lt()));
    word(module, "<=", ORDER, |a: Dynamic, b: Dynamic| Ok(compare("<=", &a, &b)?.is_le()));
    word(module, ">", ORDER, |a: Dynamic, b: Dynamic| Ok(compare(">", &a, &b)?.is_gt()));
    word(module, ">=", ORDER, |a: Dynamic, b: Dynamic| Ok(compare(">=", &a, &b)?.is_ge()));
}

fn arithmetic(module: &mut Module) {
    const SUM: Say = Say {
        group: "Operators",
        params: &["a", "b"],
        en: "Sum of numbers; joins texts (a number joined to a text is written out), lists and maps.",
        zh: "相加；连接文本、列表、映射",
    };
    const NUMBERS: Say =
        Say { group: "Operators", params: &["a", "b"], en: "Arithmetic on two numbers.", zh: "四则运算" };
    const QUOTIENT: Say = Say {
        en: "Division; two whole numbers give a fraction: `7 / 2` is 3.5. Division by zero is an error.",
        zh: "相除；整数相除得小数",
        ..NUMBERS
    };
    word(module, "+", SUM, |a: Dynamic, b: Dynamic| add(&a, &b));
    word(module, "-", NUMBERS, |a: Dynamic, b: Dynamic| calculate("-", &a, &b));
    word(module, "*", NUMBERS, |a: Dynamic, b: Dynamic| calculate("*", &a, &b));
    word(module, "/", QUOTIENT, |a: Dynamic, b: Dynamic| calculate("/", &a, &b));
    word(module, "%", NUMBERS, |a: Dynamic, b: Dynamic| calculate("%", &a, &b));
    word(module, "**", NUMBERS, |a: Dynamic, b: Dynamic| calculate("**", &a, &b));
    for (name, op) in [("+=", "+"), ("-=", "-"), ("*=", "*"), ("/=", "/"), ("%=", "%"), ("**=", "**")] {
        rhai::FuncRegistration::new(name).with_purity(false).set_into_module(module, {
            move |a: &mut Dynamic, b: Dynamic| -> Answer<()> {
                *a = if op == "+" { add(a, &b)? } else { calculate(op, a, &b)? };
                Ok(())
            }
        });
    }
    // The operators that make no sense on facts: refused here, so that Rhai's own are not found instead.
    for name in ["&", "|", "^", "<<", ">>"] {
        module
            .set_native_fn(name, move |a: Dynamic, b: Dynamic| -> Answer<Dynamic> { Err(unlike(name, &a, &b).into()) });
        module.set_native_fn(format!("{name}="), move |a: &mut Dynamic, b: Dynamic| -> Answer<()> {
            Err(unlike(name, a, &b).into())
        });
    }
    module.set_native_fn("-", |a: Dynamic| negate(&a));
    module.set_native_fn("+", |a: Dynamic| number(&a).map(|_| a.clone()).ok_or_else(|| not_number("+", &a).into()));
}

fn membership(module: &mut Module) {
    const CONTAINS: Say = Say {
        group: "Operators",
        params: &["whole", "part"],
        en: "`x in list`: whether the list holds x; `text in text`: whether one holds the other; `name in map`: \
             whether the map has that key; `n in 1..9`: whether the number lies in the range. A missing value on \
             either side is an error.",
        zh: "`in`：是否包含；缺失即报错",
    };
    word(module, "contains", CONTAINS, |whole: Dynamic, part: Dynamic| contains(&whole, &part));
    module.set_native_fn("contains", |whole: &mut Array, part: ImmutableString| {
        budget::spend(whole.len())?;
        for element in whole.iter() {
            match element.as_immutable_string_ref() {
                Ok(text) if *text != part => {}
                Err(_) if !equal(element, &part.clone().into())? => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    });
}

/// Whether two values are equal.
pub fn equal(a: &Dynamic, b: &Dynamic) -> Answer<bool> {
    if a.is_unit() || b.is_unit() {
        return Ok(a.is_unit() && b.is_unit());
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(a.compare(b) == Some(Ordering::Equal));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        budget::spend_text(a.len())?;
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Instant>(), b.read_lock::<Instant>()) {
        return Ok(*a == *b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Day>(), b.read_lock::<Day>()) {
        return Ok(a.date == b.date);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        return lists_equal(&a, &b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        return maps_equal(&a, &b);
    }
    Err(unlike("==", a, b).into())
}

fn lists_equal(a: &Array, b: &Array) -> Answer<bool> {
    budget::spend(a.len())?;
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(a: &Map, b: &Map) -> Answer<bool> {
    budget::spend(a.len())?;
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, a) in a {
        match b.get(key) {
            Some(b) if equal(a, b)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The order of two values that have one.
pub fn compare(op: &str, a: &Dynamic, b: &Dynamic) -> Answer<Ordering> {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.compare(b).ok_or_else(|| "a number that is not finite has no order".into());
    }
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        budget::spend_text(a.len())?;
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (moment(a), moment(b)) {
        return Ok(a.cmp(&b));
    }
    Err(unlike(op, a, b).into())
}

/// An instant; a day stands for its 00:00.
fn moment(value: &Dynamic) -> Option<Instant> {
    value.read_lock::<Instant>().map(|at| *at).or_else(|| value.read_lock::<Day>().map(|day| day.start))
}

fn text(value: &Dynamic) -> Option<ImmutableString> {
    value.as_immutable_string_ref().ok().map(|text| text.clone()).or_else(|| {
        let character = value.as_char().ok()?;
        Some(ImmutableString::from(character.to_string()))
    })
}

/// A number of either kind.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Whole.
    Int(i64),
    /// With a fraction.
    Float(f64),
}

/// The number that a value is, if it is one.
pub fn number(value: &Dynamic) -> Option<Number> {
    value.as_int().map(Number::Int).or_else(|_| value.as_float().map(Number::Float)).ok()
}

impl Number {
    /// The order of two numbers, exact where a whole number does not fit a float.
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Float(b)) => Self::compare_mixed(a, b),
            (Self::Float(a), Self::Int(b)) => Self::compare_mixed(b, a).map(Ordering::reverse),
        }
    }

    #[expect(clippy::cast_possible_truncation)]
    fn compare_mixed(whole: i64, float: f64) -> Option<Ordering> {
        const EDGE: f64 = 9_223_372_036_854_775_808.0;
        if float.is_nan() {
            return None;
        }
        if float >= EDGE {
            return Some(Ordering::Less);
        }
        if float < -EDGE {
            return Some(Ordering::Greater);
        }
        Some(whole.cmp(&(float.trunc() as i64)).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0))))
    }

    /// The number as a float.
    #[expect(clippy::cast_precision_loss)]
    pub fn float(self) -> f64 {
        match self {
            Self::Int(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }
}

fn add(a: &Dynamic, b: &Dynamic) -> Answer<Dynamic> {
    if number(a).is_some() && number(b).is_some() {
        return calculate("+", a, b);
    }
    if a.is_array() && b.is_array() {
        return Ok(joined_lists(a, b).into());
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        budget::spend(a.len() + b.len())?;
        let mut sum = a.clone();
        sum.extend(b.iter().map(|(key, value)| (key.clone(), value.clone())));
        return Ok(sum.into());
    }
    if text(a).is_some() || text(b).is_some() {
        let (Some(left), Some(right)) = (plain(a), plain(b)) else { return Err(unlike("+", a, b).into()) };
        budget::spend_text(left.len() + right.len())?;
        return Ok(format!("{left}{right}").into());
    }
    Err(unlike("+", a, b).into())
}

fn joined_lists(a: &Dynamic, b: &Dynamic) -> Array {
    let (a, b) = (a.read_lock::<Array>(), b.read_lock::<Array>());
    a.iter().chain(&b).flat_map(|list| list.iter().cloned()).collect()
}

/// How a value is written when it is joined to a text; `None` for what has no plain writing, a missing value first.
pub fn plain(value: &Dynamic) -> Option<ImmutableString> {
    if let Some(text) = text(value) {
        return Some(text);
    }
    if let Some(number) = number(value) {
        return Some(match number {
            Number::Int(whole) => whole.to_string().into(),
            Number::Float(float) => float.to_string().into(),
        });
    }
    if let Ok(b) = value.as_bool() {
        return Some(b.to_string().into());
    }
    if let Some(day) = value.read_lock::<Day>() {
        return Some(day.date.to_string().into());
    }
    value.read_lock::<Instant>().map(|at| crate::core::instant::text(*at).into())
}

fn calculate(op: &str, a: &Dynamic, b: &Dynamic) -> Answer<Dynamic> {
    let (Some(x), Some(y)) = (number(a), number(b)) else { return Err(unlike(op, a, b).into()) };
    if let (Number::Int(x), Number::Int(y)) = (x, y)
        && let Some(result) = whole(op, x, y)
    {
        return result;
    }
    let (x, y) = (x.float(), y.float());
    if y == 0.0 && matches!(op, "/" | "%") {
        return Err(format!("{x} {op} {y}: division by zero").into());
    }
    let result = match op {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" => x / y,
        "%" => x % y,
        _ => x.powf(y),
    };
    if result.is_finite() { Ok(result.into()) } else { Err(format!("{x} {op} {y} is not a finite number").into()) }
}

/// The result on whole numbers where it is whole: `None` where the operation leaves them, an error on overflow.
fn whole(op: &str, x: i64, y: i64) -> Option<Answer<Dynamic>> {
    let result = match op {
        "+" => x.checked_add(y),
        "-" => x.checked_sub(y),
        "*" => x.checked_mul(y),
        "%" if y != 0 => x.checked_rem(y),
        "**" if y >= 0 => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
        _ => return None,
    };
    Some(result.map(Dynamic::from).ok_or_else(|| format!("{x} {op} {y} is too large").into()))
}

fn negate(a: &Dynamic) -> Answer<Dynamic> {
    match number(a) {
        Some(Number::Int(whole)) => {
            whole.checked_neg().map(Dynamic::from).ok_or_else(|| format!("-({whole}) is too large").into())
        }
        Some(Number::Float(float)) => Ok((-float).into()),
        None => Err(not_number("-", a).into()),
    }
}

fn contains(whole: &Dynamic, part: &Dynamic) -> Answer<bool> {
    if whole.is_unit() || part.is_unit() {
        return Err(unlike("in", part, whole).into());
    }
    if let Some(list) = whole.read_lock::<Array>() {
        budget::spend(list.len())?;
        for element in list.iter() {
            if equal(element, part)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let (Some(whole), Some(part)) = (text(whole), text(part)) {
        budget::spend_text(whole.len() + part.len())?;
        return Ok(whole.contains(part.as_str()));
    }
    if let (Some(map), Some(key)) = (whole.read_lock::<Map>(), text(part)) {
        return Ok(map.contains_key(key.as_str()));
    }
    if let Ok(number) = part.as_int() {
        if let Some(range) = whole.read_lock::<std::ops::Range<i64>>() {
            return Ok(range.contains(&number));
        }
        if let Some(range) = whole.read_lock::<std::ops::RangeInclusive<i64>>() {
            return Ok(range.contains(&number));
        }
    }
    Err(unlike("in", part, whole).into())
}

fn not_number(op: &str, a: &Dynamic) -> String {
    format!("expected a number after {op}, got {}", kind_of(a))
}

/// The error for a pair of values that an operator does not take.
fn unlike(op: &str, a: &Dynamic, b: &Dynamic) -> String {
    let (left, right) = (kind_of(a), kind_of(b));
    let hint = if a.is_unit() || b.is_unit() {
        "missing is not zero, false or empty: ask `x != ()` first, or give a default with `??`"
    } else {
        "the two sides must be of one kind"
    };
    format!("`{left} {op} {right}` has no answer; {hint}")
}
