//! Committing a turn.

use super::{Memory, columns};
use crate::core::notice::{Notice, NoticeState};
use crate::store::admission::{Admitted, Known, admit, missing_deliveries, numbers, planned};
use crate::store::{Committed, Result, StoreError, Turn};

impl Memory {
    pub fn commit(&mut self, turn: &Turn) -> Result<Committed> {
        self.playbooks.check(turn.playbook)?;
        let known = self.known(turn);
        let admitted = admit(turn, &known);
        self.check(&admitted)?;
        for write in &admitted.items {
            self.items.put(write);
            self.cards.put(write);
            write.order.iter().for_each(|order| self.orders.put(order));
        }
        for opening in &admitted.deliveries {
            self.deliveries.put(opening);
        }
        let again = admitted.again();
        for notice in &admitted.notices {
            if again.contains(&notice.key) {
                self.notices.place(notice);
            } else {
                self.notices.put(notice);
            }
        }
        self.deliveries.report(admitted.reported);
        for (schedule, at) in &turn.fired {
            self.playbooks.put_fired(schedule, *at);
        }
        self.trail.append(admitted.acts);
        Ok(admitted.committed)
    }

    /// What is stored of what the turn names.
    fn known(&self, turn: &Turn) -> Known {
        let mut known = Known::default();
        for write in &turn.items {
            let key = columns::key(&write.record.item.key);
            if let Some(record) = self.items.get(&key) {
                known.versions.insert(key, record.version);
            }
        }
        let numbers = numbers(turn).into_iter();
        known.numbers = numbers.filter_map(|number| Some((number, self.orders.numbered(number)?))).collect();
        for key in planned(turn).map(|planned| planned.notice.key) {
            known.notices.extend(self.notices.state(key).map(|state| (key, state)));
        }
        loop {
            let missing = missing_deliveries(turn, &known);
            if missing.is_empty() {
                return known;
            }
            known.deliveries.extend(missing.into_iter().map(|id| (id, self.deliveries.standing(id))));
        }
    }

    /// Refuses what the schema of a SQL store refuses, before anything is written.
    fn check(&self, admitted: &Admitted<'_>) -> Result<()> {
        let mut held = admitted.notices.iter().filter(|notice| notice.state == NoticeState::Held);
        let unreasoned = held
            .find(|notice| notice.hold.is_none())
            .map(|Notice { key, .. }| format!("notice {key}: expected a reason why it is held"));
        match unreasoned.or_else(|| self.cards.contradiction(&admitted.items)) {
            Some(text) => Err(StoreError::Refused(text)),
            None => Ok(()),
        }
    }
}
