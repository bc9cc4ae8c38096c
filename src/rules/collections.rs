//! Words for lists and maps. Each counts what it reads and copies, and refuses to build more than a value may hold.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map, Module, NativeCallContext, Position};

use super::budget;
use super::engine::{KEY, size};
use super::facts::kind_of;
use super::operators::{compare, equal, number, plain};
use super::words::{Answer, Say, changing_word, word};

type Context<'a> = NativeCallContext<'a>;

/// Registers the words.
pub fn register(module: &mut Module) {
    module.set_iterable::<Array>();
    module.set_iterator::<std::ops::Range<i64>>();
    module.set_iterator::<std::ops::RangeInclusive<i64>>();
    measured(module);
    searched(module);
    rebuilt(module);
    ordered(module);
    changed(module);
    maps(module);
}

const LIST: Say = Say { group: "Lists", params: &["list"], en: "", zh: "" };
const WITH: Say = Say { params: &["list", "|x| …"], ..LIST };

fn measured(module: &mut Module) {
    word(module, "len", Say { en: "How many elements.", zh: "个数", ..LIST }, |list: &mut Array| {
        Ok(count(list.len()))
    });
    word(module, "is_empty", Say { en: "Whether there are none.", zh: "是否为空", ..LIST }, |list: &mut Array| {
        Ok(list.is_empty())
    });
    let sum = Say { en: "Sum of the numbers; a missing one is an error.", zh: "求和；缺失即报错", ..LIST };
    word(module, "sum", sum, |list: &mut Array| {
        budget::spend(list.len())?;
        let mut whole = Some(0_i64);
        let mut float = 0.0;
        for element in list.iter() {
            let value = number(element).ok_or_else(|| format!("sum: expected numbers, got {}", kind_of(element)))?;
            whole = whole.zip(element.as_int().ok()).and_then(|(sum, n)| sum.checked_add(n));
            float += value.float();
        }
        Ok(whole.map_or_else(|| Dynamic::from(float), Dynamic::from))
    });
    let first = Say { en: "The first element, missing if there is none.", zh: "第一个", ..LIST };
    let last = Say { en: "The last element, missing if there is none.", zh: "最后一个", ..LIST };
    word(module, "first", first, |list: &mut Array| {
        budget::spend(size(list.first()))?;
        Ok(list.first().cloned().unwrap_or(Dynamic::UNIT))
    });
    word(module, "last", last, |list: &mut Array| {
        budget::spend(size(list.last()))?;
        Ok(list.last().cloned().unwrap_or(Dynamic::UNIT))
    });
    let join = Say {
        params: &["list", "separator"],
        en: "The elements as one text, with a separator between them.",
        zh: "连接为文本",
        ..LIST
    };
    word(module, "join", join, |list: &mut Array, separator: &str| {
        let mut joined = String::new();
        for (n, element) in list.iter().enumerate() {
            if n > 0 {
                joined.push_str(separator);
            }
            let text = plain(element).ok_or_else(|| format!("join: {} has no plain text", kind_of(element)))?;
            budget::spend_text(text.len() + separator.len() + super::budget::TEXT_UNIT)?;
            joined.push_str(&text);
            if joined.len() > super::facts::TEXT {
                return Err(format!("join: a text has at most {} bytes", super::facts::TEXT).into());
            }
        }
        Ok(Dynamic::from(joined))
    });
}

fn searched(module: &mut Module) {
    let some = Say { en: "Whether the function is true of any element.", zh: "是否有任一满足", ..WITH };
    let all = Say { en: "Whether the function is true of every element.", zh: "是否全部满足", ..WITH };
    let find =
        Say { en: "The first element of which the function is true, else missing.", zh: "第一个满足者", ..WITH };
    word(module, "some", some, |context: Context, list: Array, test: FnPtr| {
        for element in list {
            if holds(&context, &test, element, "some")? {
                return Ok(true);
            }
        }
        Ok(false)
    });
    word(module, "all", all, |context: Context, list: Array, test: FnPtr| {
        for element in list {
            if !holds(&context, &test, element, "all")? {
                return Ok(false);
            }
        }
        Ok(true)
    });
    word(module, "find", find, |context: Context, list: Array, test: FnPtr| {
        for element in list {
            if holds(&context, &test, element.clone(), "find")? {
                return Ok(element);
            }
        }
        Ok(Dynamic::UNIT)
    });
    let index = Say {
        params: &["list", "value"],
        en: "The position of the first element equal to the value, from 0; -1 if there is none.",
        zh: "位置，从 0 起；没有为 -1",
        ..LIST
    };
    word(module, "index_of", index, |list: &mut Array, value: Dynamic| {
        budget::spend(list.len())?;
        for (n, element) in list.iter().enumerate() {
            if equal(element, &value)? {
                return Ok(count(n));
            }
        }
        Ok(-1)
    });
}

fn rebuilt(module: &mut Module) {
    let filter = Say { en: "The elements of which the function is true.", zh: "满足者", ..WITH };
    let map = Say { en: "What the function makes of each element.", zh: "逐个转换", ..WITH };
    let reduce = Say {
        params: &["list", "|sum, x| …", "start"],
        en: "Goes through the list with a running value.",
        zh: "累积",
        ..LIST
    };
    word(module, "filter", filter, |context: Context, list: Array, test: FnPtr| {
        budget::spend(list.len())?;
        let mut kept = Array::new();
        for element in list {
            if holds(&context, &test, element.clone(), "filter")? {
                kept.push(element);
            }
        }
        Ok(kept)
    });
    word(module, "map", map, |context: Context, list: Array, change: FnPtr| {
        let mut made = Array::with_capacity(list.len());
        let mut total = 0;
        for element in list {
            let value: Dynamic = change.call_within_context(&context, (element,))?;
            total += 1 + size(Some(&value));
            grown(total)?;
            made.push(value);
        }
        Ok(made)
    });
    word(module, "reduce", reduce, |context: Context, list: Array, step: FnPtr, start: Dynamic| {
        let mut value = start;
        for element in list {
            value = step.call_within_context(&context, (value, element))?;
        }
        Ok(value)
    });
}

fn ordered(module: &mut Module) {
    let sort = Say {
        en: "Puts the list in order: numbers, texts or instants. A missing element is an error.",
        zh: "排序；有缺失即报错",
        ..LIST
    };
    let sort_by = Say {
        params: &["list", "|a, b| …"],
        en: "Puts the list in an order of its own: the function returns a number below, at or above 0. What it throws \
             is an error.",
        zh: "按给定比较排序；比较出错即报错",
        ..LIST
    };
    changing_word(module, "sort", sort, |list: &mut Array| sorted(list, &mut |a, b| compare("sort", a, b)));
    changing_word(module, "sort", sort_by, |context: Context, list: &mut Array, comparer: FnPtr| {
        sorted(list, &mut |a, b| {
            budget::spend(size(Some(a)) + size(Some(b)))?;
            let answer: Dynamic = comparer.call_within_context(&context, (a.clone(), b.clone()))?;
            let answer = number(&answer)
                .ok_or_else(|| format!("sort: the function returns a number, got {}", kind_of(&answer)))?;
            Ok(answer.float().partial_cmp(&0.0).unwrap_or(Ordering::Equal))
        })
    });
    let reverse = Say { en: "Turns the list round.", zh: "反转", ..LIST };
    changing_word(module, "reverse", reverse, |list: &mut Array| {
        list.reverse();
        budget::spend(list.len())
    });
    let unique = Say { en: "The list without repeated elements.", zh: "去重", ..LIST };
    word(module, "unique", unique, |list: &mut Array| {
        let mut kept = Array::new();
        for element in list.iter() {
            budget::spend(kept.len() + size(Some(element)))?;
            let mut known = false;
            for other in &kept {
                known = known || equal(other, element)?;
            }
            if !known {
                kept.push(element.clone());
            }
        }
        Ok(kept)
    });
}

/// A merge sort whose comparison can fail, and that does not mind one without a total order.
fn sorted(list: &mut Array, order: &mut impl FnMut(&Dynamic, &Dynamic) -> Answer<Ordering>) -> Answer<()> {
    budget::spend(list.len())?;
    if list.len() < 2 {
        return Ok(());
    }
    let mut right = list.split_off(list.len() / 2);
    sorted(list, order)?;
    sorted(&mut right, order)?;
    let mut merged = Array::with_capacity(list.len() + right.len());
    let mut left = std::mem::take(list).into_iter().peekable();
    let mut right = right.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if order(a, b)?.is_le() { left.next() } else { right.next() };
        merged.extend(next);
    }
    merged.extend(left.chain(right));
    *list = merged;
    Ok(())
}

fn changed(module: &mut Module) {
    let push = Say { params: &["list", "value"], en: "Appends a value.", zh: "追加", ..LIST };
    changing_word(module, "push", push, |list: &mut Array, value: Dynamic| {
        budget::spend(size(Some(&value)))?;
        grown(list.len() + size(Some(&value)))?;
        list.push(value);
        Ok(())
    });
    let take = Say {
        params: &["list", "count"],
        en: "The first elements of the list, at most so many.",
        zh: "前若干个",
        ..LIST
    };
    word(module, "take", take, |list: &mut Array, count: i64| {
        budget::spend(list.len())?;
        Ok(list.iter().take(usize::try_from(count).unwrap_or(0)).cloned().collect::<Array>())
    });
}

fn maps(module: &mut Module) {
    const MAP: Say = Say { group: "Maps", params: &["map"], en: "", zh: "" };
    const KEYED: Say = Say { params: &["map", "key"], ..MAP };
    word(module, "len", Say { en: "How many keys.", zh: "键数", ..MAP }, |map: &mut Map| Ok(count(map.len())));
    word(module, "is_empty", Say { en: "Whether there are none.", zh: "是否为空", ..MAP }, |map: &mut Map| {
        Ok(map.is_empty())
    });
    word(module, "keys", Say { en: "The keys, in order.", zh: "全部键", ..MAP }, |map: &mut Map| {
        budget::spend(map.len())?;
        Ok(map.keys().map(|key| Dynamic::from(key.to_string())).collect::<Array>())
    });
    word(
        module,
        "values",
        Say { en: "The values, in the order of their keys.", zh: "全部值", ..MAP },
        |map: Map| {
            budget::spend(map.len())?;
            Ok(map.into_values().collect::<Array>())
        },
    );
    let get =
        Say { en: "The value under a key, missing if the map has none.", zh: "取值；没有则缺失", ..KEYED };
    word(module, "get", get, |map: &mut Map, key: &str| {
        budget::spend(size(map.get(key)))?;
        Ok(map.get(key).cloned().unwrap_or(Dynamic::UNIT))
    });
    let set = Say {
        params: &["map", "key", "value"],
        en: "Puts a value under a key of at most 64 bytes.",
        zh: "设值",
        ..MAP
    };
    changing_word(module, "set", set, |map: &mut Map, key: &str, value: Dynamic| {
        if key.len() > KEY {
            return Err(format!("a key has at most {KEY} bytes").into());
        }
        budget::spend(size(Some(&value)))?;
        grown(map.len() + size(Some(&value)))?;
        map.insert(key.into(), value);
        Ok(())
    });
}

fn holds(context: &Context, test: &FnPtr, element: Dynamic, what: &str) -> Answer<bool> {
    let answer: Dynamic = test.call_within_context(context, (element,))?;
    answer.as_bool().map_err(|_| format!("{what}: the function returns true or false, got {}", kind_of(&answer)).into())
}

/// Refuses a value that grows beyond what any value may hold, before it is built.
fn grown(size: usize) -> Answer<()> {
    const MOST: usize = 4 * (super::engine::LIST + super::engine::MAP);
    if size <= MOST {
        return Ok(());
    }
    Err(EvalAltResult::ErrorDataTooLarge(format!("a value of size {size} is"), Position::NONE).into())
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
