//! The words that a rule declares with: `window left latest earliest gaps yellow red`.
//!
//! One call declares a whole window, because host calls are what a rule's time goes into.

use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, Module};

use super::budget;
use super::error::nearest;
use super::facts::{entry, kind_of};
use super::words::{Answer, Say, word};
use crate::core::Instant;
use crate::core::item::{Amount, Extension, Pause};
use crate::core::limit::{Limit, Share, Yellow};
use crate::core::window::{Finding, Level, Window};

/// The keys that a window takes.
pub const WINDOW_KEYS: [&str; 9] =
    ["from", "done", "yellow", "pauses", "extensions", "ladder", "calendar", "waits", "was"];

/// What `window` returns.
#[derive(Debug, Clone)]
pub struct DeclaredWindow(pub Arc<Window>);

/// What `yellow` and `red` return.
#[derive(Debug, Clone)]
pub struct DeclaredFinding(pub Arc<Finding>);

/// What `left` returns: an amount that is left.
#[derive(Debug, Clone, Copy)]
pub struct Left(Limit);

/// Registers the words.
pub fn register(module: &mut Module) {
    windows(module);
    instants(module);
    findings(module);
}

fn windows(module: &mut Module) {
    const WINDOW: Say = Say {
        group: "Declaring",
        params: &["name", "limit", "keys"],
        en: "A response window. Keys: `from` start and `done` stop (instants, or missing); `yellow` a share (`0.8`), \
             an amount used (`\"90m\"`) or `left(\"1wd\")`; `pauses`, `extensions`; `ladder`, `calendar`: names; \
             `waits`: how long a start may be missing before that is a yellow finding `NAME.start`; `was`: the \
             window's old name. A key other than `from` and `done` that is missing counts as left out.",
        zh: "声明一个响应窗口：名称、时限、起止与各项设置",
    };
    const LEFT: Say = Say {
        group: "Declaring",
        params: &["amount"],
        en: "For `yellow:` — yellow when this amount of the limit is left.",
        zh: "剩余多少时亮黄牌",
    };
    const GAPS: Say = Say {
        group: "Declaring",
        params: &["intervals"],
        en: "The time between intervals (maps or rows with `from` and `to`), as pauses; parallel ones count once. One \
             without `from` has not begun: the time since the last end is then an open pause. One without `to` runs.",
        zh: "各审批区间之间的空档，作为暂停；并行的只计一次",
    };
    word(module, "window", WINDOW, |name: ImmutableString, limit: Dynamic, keys: Map| window(&name, &limit, &keys));
    // The usual pair of kinds, found at the first look.
    module.set_native_fn("window", |name: ImmutableString, limit: ImmutableString, keys: Map| {
        window(&name, &Dynamic::from(limit), &keys)
    });
    word(module, "left", LEFT, |amount: &str| Ok(Left(amount_of(amount)?)));
    word(module, "gaps", GAPS, |intervals: Array| gaps(&intervals));
}

fn instants(module: &mut Module) {
    const LATEST: Say = Say {
        group: "Declaring",
        params: &["a", "b", "…"],
        en: "The latest of up to six instants, or of a list; missing while any of them is.",
        zh: "最晚的时刻；任一缺失则缺失",
    };
    const EARLIEST: Say = Say {
        en: "The earliest of up to six instants, or of a list; missing while any of them is.",
        zh: "最早的时刻；任一缺失则缺失",
        ..LATEST
    };
    fn both(module: &mut Module, name: &'static str, say: Say, later: bool) {
        type D = Dynamic;
        word(module, name, say, move |a: D| {
            let list = a.read_lock::<Array>().map(|list| list.clone());
            if let Some(list) = &list {
                budget::spend(list.len())?;
            }
            outermost(name, list.as_deref().unwrap_or(std::slice::from_ref(&a)), later)
        });
        module.set_native_fn(name, move |a: D, b: D| outermost(name, &[a, b], later));
        // The usual pairs of kinds, found at the first look.
        let pick = move |a: Instant, b: Instant| if later { a.max(b) } else { a.min(b) };
        module.set_native_fn(name, move |a: Instant, b: Instant| Ok(pick(a, b)));
        module.set_native_fn(name, |(): (), _: Instant| Ok(()));
        module.set_native_fn(name, |_: Instant, (): ()| Ok(()));
        module.set_native_fn(name, |(): (), (): ()| Ok(()));
        module.set_native_fn(name, move |a: D, b: D, c: D| outermost(name, &[a, b, c], later));
        module.set_native_fn(name, move |a: D, b: D, c: D, d: D| outermost(name, &[a, b, c, d], later));
        module.set_native_fn(name, move |a: D, b: D, c: D, d: D, e: D| outermost(name, &[a, b, c, d, e], later));
        module
            .set_native_fn(name, move |a: D, b: D, c: D, d: D, e: D, f: D| outermost(name, &[a, b, c, d, e, f], later));
    }
    both(module, "latest", LATEST, true);
    both(module, "earliest", EARLIEST, false);
}

fn findings(module: &mut Module) {
    const FINDING: Say = Say {
        group: "Declaring",
        params: &["name", "text"],
        en: "A finding at level yellow (or red, with `red`): what `findings` returns.",
        zh: "研判：黄（红）",
    };
    word(module, "yellow", FINDING, |name: &str, text: &str| finding(Level::Yellow, name, text));
    word(module, "red", FINDING, |name: &str, text: &str| finding(Level::Red, name, text));
}

fn finding(level: Level, name: &str, text: &str) -> Answer<DeclaredFinding> {
    check_name(name)?;
    Ok(DeclaredFinding(Arc::new(Finding { name: name.into(), level, text: super::facts::cut(text).into() })))
}

fn window(name: &str, limit: &Dynamic, keys: &Map) -> Answer<DeclaredWindow> {
    check_name(name)?;
    let limit = limit
        .as_immutable_string_ref()
        .map_err(|_| format!("window {name:?}: expected a limit such as \"10wd\", got {}", kind_of(limit)))?
        .parse::<Limit>()
        .map_err(|error| format!("window {name:?}: {error}"))?;
    let mut window = Window::new(name, limit, None);
    for (key, value) in keys {
        in_window(name, key, set(&mut window, key, value))?;
    }
    Ok(DeclaredWindow(Arc::new(window)))
}

/// Says of which window and key an error is.
fn in_window<T>(name: &str, key: &str, result: Answer<T>) -> Answer<T> {
    result.map_err(|mut error| {
        if let EvalAltResult::ErrorRuntime(token, _) = &mut *error {
            *token = format!("window {name:?}, {key}: {token}").into();
        }
        error
    })
}

fn set(window: &mut Window, key: &str, value: &Dynamic) -> Answer<()> {
    match key {
        "from" => window.from = instant(value)?,
        "done" => window.done = instant(value)?,
        _ if value.is_unit() && WINDOW_KEYS.contains(&key) => {}
        "yellow" => window.yellow = Some(yellow(value, window.limit)?),
        "pauses" => window.pauses = each(value, pause)?,
        "extensions" => window.extensions = each(value, |value| extension(value, window.limit))?,
        "ladder" => window.ladder = Some(text(value)?),
        "calendar" => window.calendar = Some(text(value)?),
        "waits" => window.waits = Some(text(value)?.parse().map_err(|error| format!("{error}"))?),
        "was" => {
            let was = text(value)?;
            check_name(&was)?;
            window.was = Some(was);
        }
        _ => {
            let hint = nearest(key, WINDOW_KEYS).map_or_else(
                || format!("; a window takes {}", WINDOW_KEYS.join(" ")),
                |near| format!("; did you mean `{near}`?"),
            );
            return Err(format!("unknown key{hint}").into());
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Answer<()> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
    if starts && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') && name.len() <= 64 {
        return Ok(());
    }
    let name: String = name.chars().take(64).collect();
    Err(format!("expected a name of a-z, 0-9 and _ that starts with a letter, got {name:?}").into())
}

fn instant(value: &Dynamic) -> Answer<Option<Instant>> {
    if value.is_unit() {
        return Ok(None);
    }
    let at = value.read_lock::<Instant>().map(|at| *at);
    at.map(Some).ok_or_else(|| {
        let hint = if value.is_string() { "; the mapping says in which format a column holds instants" } else { "" };
        format!("expected an instant, got {}{hint}", kind_of(value)).into()
    })
}

fn text(value: &Dynamic) -> Answer<Arc<str>> {
    value
        .as_immutable_string_ref()
        .map(|text| Arc::from(text.as_str()))
        .map_err(|_| format!("expected a text, got {}", kind_of(value)).into())
}

fn amount_of(text: &str) -> Answer<Limit> {
    let limit: Limit = text.parse().map_err(|error| format!("{error}"))?;
    if limit.is_amount() { Ok(limit) } else { Err(format!("expected an amount such as 1wd, got {limit}").into()) }
}

fn same_family(amount: Limit, limit: Limit) -> Answer<Limit> {
    if amount.family() == limit.family() {
        return Ok(amount);
    }
    Err(format!("{amount} does not go with {limit}; expected an amount in {}", limit.family().words()).into())
}

fn yellow(value: &Dynamic, limit: Limit) -> Answer<Yellow> {
    if let Some(left) = value.read_lock::<Left>() {
        return Ok(Yellow::Left(same_family(left.0, limit)?));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Yellow::Used(same_family(amount_of(&text)?, limit)?));
    }
    let Some(number) = super::operators::number(value) else {
        return Err(format!("expected a share, an amount or left(…), got {}", kind_of(value)).into());
    };
    let share = Share::new(number.float());
    share.map(Yellow::Share).ok_or_else(|| format!("expected a share between 0 and 1, got {}", number.float()).into())
}

fn each<T>(value: &Dynamic, read: impl Fn(&Dynamic) -> Answer<T>) -> Answer<Vec<T>> {
    let list = value.read_lock::<Array>().ok_or_else(|| format!("expected a list, got {}", kind_of(value)))?;
    budget::spend(list.len())?;
    list.iter().map(read).collect()
}

/// The value under `name` of a row or map, which must be one.
fn of(value: &Dynamic, name: &str, what: &str) -> Answer<Dynamic> {
    entry(value, name).unwrap_or_else(|| Err(format!("expected {what}, got {}", kind_of(value)).into()))
}

fn known_keys(value: &Dynamic, known: &[&str]) -> Answer<()> {
    let Some(map) = value.read_lock::<Map>() else { return Ok(()) };
    let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    Err(format!("unknown key `{key}`; expected {}", known.join(" ")).into())
}

fn pause(value: &Dynamic) -> Answer<Pause> {
    if let Some(pause) = value.read_lock::<Pause>() {
        return Ok(pause.clone());
    }
    known_keys(value, &["from", "to", "kind", "basis"])?;
    let get = |name| of(value, name, "a pause {from, to, kind, basis}");
    let optional = |name| -> Answer<Option<Arc<str>>> {
        match entry(value, name) {
            Some(Ok(found)) if !found.is_unit() => text(&found).map(Some),
            _ => Ok(None),
        }
    };
    let from = instant(&get("from")?)?.ok_or("a pause without `from`")?;
    Ok(Pause { from, to: instant(&get("to")?)?, kind: optional("kind")?, basis: optional("basis")? })
}

fn extension(value: &Dynamic, limit: Limit) -> Answer<Extension> {
    if let Some(extension) = value.read_lock::<Extension>() {
        if let Amount::Limit(amount) = extension.amount {
            same_family(amount, limit)?;
        }
        return Ok(extension.clone());
    }
    known_keys(value, &["amount", "asked_at", "approved_at", "basis"])?;
    let get = |name| of(value, name, "an extension {amount, asked_at, approved_at, basis}");
    let amount = get("amount")?;
    let amount = match (amount.as_int(), amount.as_immutable_string_ref()) {
        (Ok(number), _) => match u32::try_from(number) {
            Ok(number) if (1..=crate::core::limit::LARGEST).contains(&number) => Amount::Number(number),
            _ => return Err(format!("expected an amount of 1 to 10000, got {number}").into()),
        },
        (_, Ok(text)) => Amount::Limit(same_family(amount_of(&text)?, limit)?),
        _ => return Err(format!("expected an amount such as 5 or \"5wd\", got {}", kind_of(&amount)).into()),
    };
    let basis = match entry(value, "basis") {
        Some(Ok(found)) if !found.is_unit() => Some(text(&found)?),
        _ => None,
    };
    Ok(Extension { amount, asked_at: instant(&get("asked_at")?)?, approved_at: instant(&get("approved_at")?)?, basis })
}

fn outermost(name: &str, values: &[Dynamic], later: bool) -> Answer<Dynamic> {
    let mut found: Option<Instant> = None;
    let mut any_missing = values.is_empty();
    for value in values {
        match instant(value).map_err(|error| match *error {
            EvalAltResult::ErrorRuntime(token, _) => format!("{name}: {token}").into(),
            _ => error,
        })? {
            Some(at) => found = Some(found.map_or(at, |best| if later { best.max(at) } else { best.min(at) })),
            None => any_missing = true,
        }
    }
    Ok(found.filter(|_| !any_missing).map_or(Dynamic::UNIT, Dynamic::from))
}

fn gaps(intervals: &Array) -> Answer<Array> {
    budget::spend(intervals.len())?;
    let mut open_gap = false;
    let mut spans: Vec<(Instant, Option<Instant>)> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        let get = |name| of(interval, name, "an interval {from, to}").and_then(|value| instant(&value));
        let get = |name| match (name, interval.read_lock::<Pause>()) {
            ("from", Some(pause)) => Ok(Some(pause.from)),
            (_, Some(pause)) => Ok(pause.to),
            _ => get(name),
        };
        match (get("from")?, get("to")?) {
            (Some(from), Some(to)) if to < from => return Err("gaps: an interval ends before it begins".into()),
            (Some(from), to) => spans.push((from, to)),
            (None, None) => open_gap = true,
            (None, Some(_)) => return Err("gaps: an interval has `to` and no `from`".into()),
        }
    }
    Ok(between(spans, open_gap).into_iter().map(Dynamic::from).collect())
}

fn between(mut spans: Vec<(Instant, Option<Instant>)>, open_gap: bool) -> Vec<Pause> {
    let gap = |from, to| Pause { kind: Some("gap".into()), ..Pause::new(from, to) };
    spans.sort_unstable();
    let mut gaps = Vec::new();
    let mut reached: Option<Instant> = None;
    for (from, to) in spans {
        if let Some(reached) = reached.filter(|reached| *reached < from) {
            gaps.push(gap(reached, Some(from)));
        }
        let Some(to) = to else { return gaps };
        reached = Some(reached.map_or(to, |reached| reached.max(to)));
    }
    gaps.extend(reached.filter(|_| open_gap).map(|reached| gap(reached, None)));
    gaps
}
