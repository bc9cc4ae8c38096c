//! **Receipts**: asking peers what became of the messages that they took. Taken is not delivered.
//!
//! **Invariant:** a message is asked for ever less often, the oldest first, and no more once it is three days old.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::StreamExt as _;

use crate::core::Instant;
use crate::core::delivery::{DeliveryId, Receipt};
use crate::core::json::Json;
use crate::store::{DeliveryRecord, Result, Store};
use crate::wire::SharedChannel;

/// For how long a receipt is asked for.
const PATIENCE: TimeDelta = TimeDelta::days(3);

/// How many are asked for in a minute on a channel.
const AT_MOST: usize = 50;

/// How many are asked for at once on a channel.
const AT_ONCE: usize = 4;

/// How many deliveries without a receipt are looked at.
const LOOKED_AT: usize = 5_000;

/// Who asks, channel by channel, and when which delivery is asked for again.
pub struct Asker {
    store: Arc<dyn Store>,
    channels: Vec<(Arc<str>, SharedChannel)>,
    next: HashMap<DeliveryId, Instant>,
}

impl Asker {
    /// One who asks these channels, as far as they can be asked.
    pub fn new(store: Arc<dyn Store>, channels: impl IntoIterator<Item = (Arc<str>, SharedChannel)>) -> Self {
        let channels = channels.into_iter().filter(|(_, channel)| channel.gives_receipts()).collect();
        Self { store, channels, next: HashMap::new() }
    }

    /// Whether there is anybody to ask.
    pub fn is_idle(&self) -> bool {
        self.channels.is_empty()
    }

    /// Asks for what is due to be asked for; `true` if a message did not reach its receiver.
    pub async fn run_once(&mut self, now: Instant) -> Result<bool> {
        let mut ended_badly = false;
        let mut waiting = HashMap::new();
        for (name, channel) in &self.channels {
            let mut open = self.store.without_receipt(name, now - PATIENCE, LOOKED_AT).await?;
            // What went to the rehearsal's address was taken by another channel, perhaps.
            open.retain(|delivery| !delivery.rehearsal);
            for delivery in &open {
                waiting.insert(delivery.id, self.next.get(&delivery.id).copied());
            }
            let is_due = |d: &&DeliveryRecord| self.next.get(&d.id).is_none_or(|next| *next <= now);
            let due: Vec<&DeliveryRecord> = open.iter().filter(is_due).take(AT_MOST).collect();
            for delivery in &due {
                waiting.insert(delivery.id, Some(now + pause(delivery, now)));
            }
            let due: Vec<DeliveryRecord> = due.into_iter().cloned().collect();
            let ask_one = |delivery| ask(name.clone(), channel.clone(), delivery);
            let asked = futures_util::stream::iter(due.into_iter().map(ask_one));
            let receipts: Vec<Option<Receipt>> = asked.buffer_unordered(AT_ONCE).collect().await;
            let receipts: Vec<Receipt> = receipts.into_iter().flatten().collect();
            ended_badly |= put(&*self.store, name, &receipts, now).await?;
        }
        // What has its receipt, or is too old, is forgotten.
        self.next = waiting.into_iter().filter_map(|(id, next)| Some((id, next?))).collect();
        Ok(ended_badly)
    }
}

/// Writes receipts down; `true` if a message did not reach its receiver.
pub async fn put(store: &dyn Store, channel: &str, receipts: &[Receipt], now: Instant) -> Result<bool> {
    if receipts.is_empty() {
        return Ok(false);
    }
    let meant = store.put_receipts(now, channel, receipts).await?;
    let failed = receipts.iter().filter(|receipt| !receipt.delivered).count();
    tracing::info!(channel, received = receipts.len(), known = meant.len(), failed, "receipts");
    Ok(failed > 0 && !meant.is_empty())
}

/// Half the message's age, a minute at least.
fn pause(delivery: &DeliveryRecord, now: Instant) -> TimeDelta {
    let age = delivery.settled_at.map_or(TimeDelta::zero(), |at| now - at);
    (age / 2).clamp(TimeDelta::minutes(1), TimeDelta::hours(6))
}

async fn ask(name: Arc<str>, channel: SharedChannel, delivery: DeliveryRecord) -> Option<Receipt> {
    let (remote_id, taken_at) = (delivery.remote_id.as_deref()?, delivery.settled_at?);
    let sealed = delivery.sealed.as_ref().map(Json::value);
    let address = sealed.as_ref().and_then(|sealed| sealed.pointer("/facts/to/address")?.as_str());
    match channel.receipt(remote_id, address.unwrap_or_default(), taken_at).await {
        Ok(receipt) => receipt,
        Err(problem) => {
            tracing::warn!(channel = %name, delivery = %delivery.id, "no receipt could be asked for: {problem}");
            None
        }
    }
}
