//! The ends of tries: what is written down of them, and what operators hear of them.

use std::sync::Arc;

use super::{Courier, Event, REHEARSAL, Sent};
use crate::core::Instant;
use crate::core::delivery::{DeliveryState, Outcome};
use crate::core::notice::{Body, NoticeKind};
use crate::core::outage::{Change, Outage};
use crate::pipeline::Pipeline;
use crate::playbook::Playbook;
use crate::store::{Result, Settle};
use crate::tell::language::Language;
use crate::tell::time_words;

/// How often bad ends are looked for that somebody else wrote down, who died before reporting them.
const LOOK_FOR_ENDS: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

impl Courier {
    /// The tries that are over, with what is written down of each.
    pub(super) fn ends(&mut self, now: Instant) -> Vec<(Sent, Settle)> {
        let mut over = Vec::new();
        while let Ok(sent) = self.results.1.try_recv() {
            let settle = self.settlement(&sent, now);
            over.push((sent, settle));
        }
        self.jitter = self.jitter.wrapping_add(u64::from(!over.is_empty()));
        over
    }

    /// Writes the ends of tries down.
    pub(super) async fn write(&self, ends: &[(Sent, Settle)], now: Instant) -> Result<()> {
        if ends.is_empty() {
            return Ok(());
        }
        fail::fail_point!("settle.before", |_| std::process::abort());
        let settles: Vec<Settle> = ends.iter().map(|(_, settle)| settle.clone()).collect();
        self.store.settle(now, &settles).await?;
        fail::fail_point!("settle.after", |_| std::process::abort());
        Ok(())
    }

    /// Writes the ends of tries down, and tells operators what there is to tell of them.
    pub(super) async fn settle(&mut self, playbook: &Playbook, pipeline: &Pipeline, now: Instant) -> Result<()> {
        let ends = self.ends(now);
        let written = self.write(&ends, now).await;
        self.settled(ends, written, now)?;
        self.report(playbook, pipeline, now).await
    }

    /// Lets go of the tries whose ends are written down; how many there were.
    pub(super) fn settled(&mut self, ends: Vec<(Sent, Settle)>, written: Result<()>, now: Instant) -> Result<usize> {
        if let Err(e) = written {
            // They stay ours to settle.
            for (sent, _) in ends {
                let _ = self.results.0.send(sent);
            }
            return Err(e);
        }
        for (sent, settle) in &ends {
            self.leases.remove(&sent.claimed.delivery.id);
            if let Some(count) = self.sending.get_mut(&sent.way) {
                *count = count.saturating_sub(1);
            }
            self.unreported |= matches!(settle.state, DeliveryState::Discarded | DeliveryState::Unknown);
            self.failing.hear(sent.template.as_ref());
            self.show(sent, settle);
            self.hear(sent, now);
        }
        Ok(ends.len())
    }

    /// Tells operators what the ends of tries say: channels that take nothing, dead letters, templates that fail.
    pub(super) async fn report(&mut self, playbook: &Playbook, pipeline: &Pipeline, now: Instant) -> Result<()> {
        self.tell_outages(playbook, pipeline, now).await?;
        // Whoever carries beside this one, or carried before it, may have died before it could report.
        if (now - self.looked_at).abs() >= LOOK_FOR_ENDS {
            (self.unreported, self.looked_at) = (true, now);
        }
        while self.unreported {
            self.unreported = pipeline.report(playbook, now).await?;
        }
        self.failing.tell(playbook, pipeline, now).await
    }

    fn settlement(&self, sent: &Sent, now: Instant) -> Settle {
        let delivery = &sent.claimed.delivery;
        // Spread by the delivery's own identity: the same for nobody, and nothing random.
        let spread = delivery.id.to_string().bytes().fold(self.jitter, |sum, b| sum.wrapping_mul(31) + u64::from(b));
        #[expect(clippy::cast_precision_loss)]
        let jitter = (spread % 1_000) as f64 / 1_000.0;
        let end = sent.retry.settle(&sent.outcome, delivery.tries, jitter, now);
        let remote_id = match &sent.outcome {
            Outcome::Accepted { remote_id, .. } => remote_id.clone(),
            _ => None,
        };
        let is_bad = matches!(sent.outcome, Outcome::Permanent { bad_address: true, .. });
        // What a rehearsal's address is refused for says nothing about the contact's.
        let bad_address = (is_bad && !delivery.rehearsal).then(|| sent.to.clone());
        let (id, claimed) = (delivery.id, sent.claimed.fence);
        let fence = self.leases.get(&id).copied().unwrap_or(claimed);
        Settle { id, fence, state: end.state, not_before: end.not_before, reason: end.reason, remote_id, bad_address }
    }

    /// Hears what a try says about its channel.
    fn hear(&mut self, sent: &Sent, now: Instant) {
        let Sent { claimed, way, outcome, is_tried: true, .. } = sent else { return };
        let way = if claimed.delivery.rehearsal { &Arc::from(REHEARSAL) } else { way };
        match self.outages.hear(way, outcome, now) {
            Some(Change::Begun(outage)) => {
                let Outage { channel, since, failures, reason } = &outage;
                tracing::error!(%channel, %since, failures, "the channel takes nothing: {reason}");
                self.untold.push(outage);
            }
            Some(Change::Over(outage)) => {
                tracing::warn!(channel = %outage.channel, since = %outage.since, "the channel takes messages again");
                self.untold.retain(|untold| untold.channel != outage.channel);
            }
            None => {}
        }
        let outages = self.outages.all();
        self.shown.send_if_modified(|shown| {
            let is_new = *shown != outages;
            *shown = outages;
            is_new
        });
    }

    /// Tells operators of channels that take nothing, each outage once.
    async fn tell_outages(&mut self, playbook: &Playbook, pipeline: &Pipeline, now: Instant) -> Result<()> {
        while let Some(outage) = self.untold.last() {
            let subject = format!("channel:{}:{}", outage.channel, outage.since.timestamp());
            let body = words(playbook, outage);
            pipeline.tell_operators(playbook, NoticeKind::System, &subject, body, now).await?;
            self.untold.pop();
        }
        Ok(())
    }

    /// Shows what became of a try.
    fn show(&self, sent: &Sent, settle: &Settle) {
        let channel = &sent.claimed.delivery.channel;
        let (id, state, reason) = (settle.id, settle.state, &settle.reason);
        if state == DeliveryState::Sent {
            tracing::info!(%id, %channel, "sent");
        } else {
            tracing::warn!(%id, %channel, state = state.word(), "not sent: {reason}");
        }
        if let Some(events) = &self.events {
            let _ = events.send(Event {
                id,
                to: sent.to.clone(),
                channel: channel.clone(),
                subject: sent.subject.clone(),
                state,
                reason: reason.clone(),
            });
        }
    }
}

/// What operators hear of a channel that takes nothing.
fn words(playbook: &Playbook, outage: &Outage) -> Body {
    let Outage { channel, since, failures, reason } = outage;
    let since = time_words::instant(*since, playbook.calendar().zone());
    let (title, count) = match playbook.language {
        Language::Chinese => (
            format!("渠道 {channel} 发不出去"),
            format!("自 {since} 起连续 {failures} 次发送失败，消息留在库里，按间隔重试。"),
        ),
        Language::English => (
            format!("The channel {channel} takes nothing"),
            format!("{failures} tries in a row have failed since {since}. The messages are kept and tried again."),
        ),
    };
    Body { title, lines: vec![count, reason.clone()] }
}
