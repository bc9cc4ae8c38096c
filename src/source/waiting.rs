//! **Waiting**: pauses inferred from the states in which an item was seen. Pure.
//!
//! A source that shows only the state of now (补正, 专家评审) says nothing of how long it lasted; duban has seen it come
//! and go. An inferred pause is as exact as the polls are frequent, or exact where the source says when a state began.

use std::sync::Arc;

use crate::core::Instant;
use crate::core::item::{Item, Pause};
use crate::core::value::Value;

/// The states in which an item's clocks stand still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The states, as the mapping gives them.
    pub statuses: Vec<Arc<str>>,
    /// The field that says when the state of now began, if the source tells.
    pub since: Option<Arc<str>>,
    /// What kind of pause; without it, the state.
    pub kind: Option<Arc<str>>,
    /// On what ground.
    pub basis: Option<Arc<str>>,
}

impl Waiting {
    /// Puts the pauses on an item that was seen at `at`: those of its last snapshot, the one that ended now, the one that
    /// began now.
    pub fn infer(&self, before: Option<&Item>, item: &mut Item, at: Instant) {
        let mut pauses = before.map(|before| before.pauses.clone()).unwrap_or_default();
        let was = before.and_then(|before| self.state(before));
        let is = self.state(item);
        if was != is {
            let newest = pauses.iter().map(|pause| pause.to.unwrap_or(pause.from)).max();
            let boundary = self.began_at(item, at).max(newest.unwrap_or(Instant::MIN_UTC));
            if let Some(open) = pauses.iter_mut().find(|pause| pause.to.is_none()) {
                open.to = Some(boundary);
            }
            if let Some(state) = is {
                let kind = self.kind.clone().unwrap_or_else(|| state.into());
                pauses.push(Pause { from: boundary, to: None, kind: Some(kind), basis: self.basis.clone() });
            }
        }
        item.pauses = pauses;
    }

    /// The waiting state that an item is in.
    fn state<'i>(&self, item: &'i Item) -> Option<&'i str> {
        item.text("status").filter(|status| self.statuses.iter().any(|waiting| **waiting == **status))
    }

    /// When the state of now began; a source cannot say that it will begin.
    fn began_at(&self, item: &Item, at: Instant) -> Instant {
        let said = self.since.as_ref().and_then(|field| item.fields.get(field)).and_then(Value::as_instant);
        said.filter(|said| *said <= at).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::ItemKey;

    fn at(minute: u32) -> Instant {
        chrono::TimeZone::with_ymd_and_hms(&chrono::Utc, 2026, 3, 2, 9, minute, 0).single().expect("an instant")
    }

    fn seen(status: &str, since: Option<u32>) -> Item {
        let mut item = Item::new(ItemKey::new("tickets", "T1"), "ticket");
        item.fields.set("status", Value::text(status));
        item.fields.set("status_at", since.map_or(Value::Missing, |minute| Value::Instant(at(minute))));
        item
    }

    fn waiting(since: Option<&str>) -> Waiting {
        let statuses = vec!["补正".into(), "评审".into()];
        Waiting { statuses, since: since.map(Into::into), kind: None, basis: Some("条例第九条".into()) }
    }

    /// The pauses after a history of what polls saw, as "kind from-to" in minutes.
    fn inferred(waiting: &Waiting, history: &[(u32, &str, Option<u32>)]) -> Vec<String> {
        let mut before: Option<Item> = None;
        for &(minute, status, since) in history {
            let mut item = seen(status, since);
            waiting.infer(before.as_ref(), &mut item, at(minute));
            before = Some(item);
        }
        let minute = |at: Instant| chrono::Timelike::minute(&at);
        let say = |pause: &Pause| {
            let to = pause.to.map_or(String::new(), |to| minute(to).to_string());
            format!("{} {}-{to}", pause.kind.as_deref().unwrap_or_default(), minute(pause.from))
        };
        before.map(|item| item.pauses.iter().map(say).collect()).unwrap_or_default()
    }

    #[test]
    fn a_state_that_was_seen_to_come_and_go_is_a_pause() {
        let plain = waiting(None);
        let history = [(0, "办理", None), (5, "补正", None), (10, "补正", None), (15, "办理", None)];
        assert_eq!(inferred(&plain, &history), ["补正 5-15"]);
        assert_eq!(inferred(&plain, &history[..3]), ["补正 5-"]);
        let moved = [(0, "补正", None), (5, "评审", None), (10, "办结", None), (20, "补正", None)];
        assert_eq!(inferred(&plain, &moved), ["补正 0-5", "评审 5-10", "补正 20-"]);
    }

    #[test]
    fn where_the_source_says_since_when_that_is_the_boundary() {
        let exact = waiting(Some("status_at"));
        let history = [(0, "办理", None), (5, "补正", Some(3)), (15, "办理", Some(11)), (20, "补正", Some(50))];
        assert_eq!(inferred(&exact, &history), ["补正 3-11", "补正 20-"], "what lies ahead is not believed");
        let backwards = [(0, "补正", Some(0)), (5, "办理", Some(4)), (9, "补正", Some(2))];
        assert_eq!(inferred(&exact, &backwards), ["补正 0-4", "补正 4-"], "pauses do not overlap");
    }
}
