//! **Own items**: duban's own means (a source, a channel, a loop), watched like everything else: items of source `duban`,
//! kind `system`, on the ladder `operators`.

use std::sync::Arc;

use super::digest::Digest;
use super::item::{Item, ItemKey};
use super::value::Value;
use super::window::{Finding, Level, Ruling};

/// The rule that judges own items; it is always in force.
pub const RULE: &str = "duban";

/// The name of the finding on an own item that is in trouble.
const TROUBLE: &str = "trouble";

/// An own item such as `source/hotline`; `trouble` says for people what is wrong with it, if anything is.
pub fn item(id: &str, title: &str, trouble: Option<&str>) -> Item {
    let mut item = Item::new(ItemKey::own(id), "system");
    item.fields.set("title", Value::text(title));
    item.fields.set(TROUBLE, trouble.map_or(Value::Missing, Value::text));
    item
}

/// Whether something is wrong with an own item.
pub fn is_in_trouble(item: &Item) -> bool {
    item.text(TROUBLE).is_some()
}

/// What is to be said about an own item: a red finding while it is in trouble.
pub fn judge(item: &Item) -> Ruling {
    let finding = |text: &str| Finding { name: TROUBLE.into(), level: Level::Red, text: Arc::from(text) };
    Ruling {
        rule: RULE.into(),
        version: Digest::of([RULE.as_bytes()]),
        windows: Vec::new(),
        findings: item.text(TROUBLE).map(finding).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_trouble_has_a_finding() {
        let found = |trouble| judge(&item("source/hotline", "hotline", trouble)).findings;
        assert_eq!(found(None), []);
        let blind = found(Some("blind since 09:00"));
        assert_eq!((&*blind[0].name, blind[0].level, &*blind[0].text), ("trouble", Level::Red, "blind since 09:00"));
    }
}
