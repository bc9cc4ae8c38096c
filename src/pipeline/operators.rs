//! What operators are told of duban itself: rules that fail, deliveries that ended badly.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use chrono::TimeDelta;

use super::planning::System;
use super::thinking::Thought;
use super::{Pipeline, TRIES};
use crate::core::Instant;
use crate::core::delivery::DeliveryState;
use crate::core::notice::{Body, Notice, NoticeKind, Planned, Wait};
use crate::playbook::Playbook;
use crate::store::{DeliveryRecord, Result, Turn};
use crate::tell::plan::{Circumstances, Joinable, plan_fallback, plan_system};

/// Ended deliveries that are reported at once.
const REPORTED: usize = 100;

/// How long a message about a dead letter waits for others: what breaks a channel breaks it for many.
const TOGETHER: TimeDelta = TimeDelta::seconds(5);

/// Items that a message about a dead letter names.
const NAMED: usize = 10;

impl Pipeline {
    /// What operators are to be told about rules that fail: once per rule, version and kind.
    pub(super) fn complaints(&self, playbook: &Playbook, thoughts: &[Thought], now: Instant) -> System {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut system = System::default();
        for (thought, error) in thoughts.iter().flat_map(|t| t.errors.iter().map(move |e| (t, e))) {
            let version = playbook.rules.get(&error.rule).map_or(playbook.version, |info| info.version);
            let count = told.entry((error.rule.clone(), version, error.kind.word())).or_default();
            *count += 1;
            if *count == 1 {
                tracing::warn!(rule = %error.rule, item = %thought.item.key, "a rule fails: {error}");
                let subject = format!("rule:{}:{version}:{}", error.rule, error.kind.word());
                let title = playbook.language.pick("规则出错", "A rule fails");
                let lines = vec![format!("{} @ {}", error.rule, thought.item.key), error.to_string()];
                system.bodies.insert(subject, Body { title: format!("{title}: {}", error.rule), lines });
            }
        }
        for (thought, problem) in thoughts.iter().flat_map(|t| t.problems.iter().map(move |p| (t, p))) {
            let what = format!("{}/{}", problem.rule, problem.name);
            tracing::warn!(window = what, item = %thought.item.key, %now, "a window cannot be read: {}", problem.kind);
        }
        system
    }

    /// What was to be told was not written down: who fails next is told of again. A subject is told once all the same.
    pub(super) fn forget_told(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells operators something about duban itself, once per subject.
    pub async fn tell_operators(
        &self,
        playbook: &Playbook,
        kind: NoticeKind,
        subject: &str,
        body: Body,
        now: Instant,
    ) -> Result<()> {
        let told = |joinable: &mut Joinable| plan_system(kind, subject, &body, &playbook.office, joinable, None, now);
        if !self.write_down(told, now).await? {
            tracing::error!("operators could not be told, the courier was faster {TRIES} times: {}", body.title);
        }
        Ok(())
    }

    /// Tells operators of deliveries that ended badly, and says what they said by the fallback channel: each once, whatever
    /// breaks in between. `true` if there may be more.
    pub async fn report(&self, playbook: &Playbook, now: Instant) -> Result<bool> {
        let ended = self.store.unreported(REPORTED).await?;
        let bad_addresses = self.bad_addresses().await?;
        let circumstances = Circumstances { silences: &[], bad_addresses };
        for (delivery, members) in &ended {
            let is_own = members.iter().all(|member| member.kind == NoticeKind::System);
            let last_words = |joinable: &mut Joinable| {
                let mut notices = plan_fallback(members, &playbook.office, &circumstances, joinable, now);
                if !is_own {
                    let (subject, body) = obituary(playbook, delivery, members, &notices);
                    let (kind, office, wait) = (NoticeKind::System, &playbook.office, (now + TOGETHER, Wait::Group));
                    notices.extend(plan_system(kind, &subject, &body, office, joinable, Some(wait), now));
                }
                notices
            };
            // Should it break off in between, the same is said again under the same keys, and so once.
            if self.write_down(last_words, now).await? {
                self.store.commit(&Turn { reported: vec![delivery.id], ..Turn::default() }).await?;
            }
        }
        Ok(ended.len() == REPORTED)
    }

    /// Commits notices of no turn. A delivery that they join may be claimed before: then they are planned anew.
    async fn write_down(&self, plan: impl Fn(&mut Joinable) -> Vec<Planned>, now: Instant) -> Result<bool> {
        for _ in 0..TRIES {
            let mut notices = plan(&mut Joinable::default());
            self.join_open(notices.iter_mut().collect(), now).await?;
            let turn = Turn { notices, ..Turn::default() };
            if turn.notices.is_empty() || self.store.commit(&turn).await?.lost_notices.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What operators hear of a delivery that ended badly: subject and text.
fn obituary(playbook: &Playbook, delivery: &DeliveryRecord, members: &[Notice], instead: &[Planned]) -> (String, Body) {
    let language = playbook.language;
    let title = match delivery.state {
        DeliveryState::Unknown => {
            language.pick("一封通知是否送达无法得知", "Nobody can know whether a message arrived")
        }
        _ => language.pick("一封通知未能送达", "A message could not be delivered"),
    };
    let name = playbook.office.directory.get(&delivery.contact).map_or(&*delivery.contact, |c| &c.name);
    let mut lines = vec![
        format!("{} {} → {name} ({})", delivery.id, delivery.channel, delivery.state.word()),
        delivery.reason.clone().unwrap_or_default(),
    ];
    let about = members.iter().filter_map(|member| member.item.as_ref()).map(ToString::to_string);
    let about: BTreeSet<String> = about.collect();
    lines.push(about.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "));
    if let Some(planned) = instead.first() {
        let channel = &planned.notice.channel;
        lines.push(format!("{} {channel}", language.pick("已改由此通道发送：", "It goes out by another channel:")));
    }
    lines.retain(|line| !line.is_empty());
    (format!("dead:{}", delivery.id), Body { title: title.to_owned(), lines })
}
