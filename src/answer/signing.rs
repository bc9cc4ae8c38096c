//! **Signing** 签收: a card as it stands for who wants to sign, and the writing down. By whichever way somebody signs, it
//! is this that is written.

use std::sync::Arc;

use crate::core::Instant;
use crate::core::acknowledgement::{Acknowledgement, Via};
use crate::core::audit::Act;
use crate::core::card::{CardId, Watch};
use crate::core::item::ItemKey;
use crate::core::notice::{Notice, NoticeState};
use crate::core::window::Level;
use crate::store::{ItemRecord, Result, Store};

/// A card that was ever raised, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Everything about its item.
    pub record: ItemRecord,
    /// How it stands itself; nothing once its window is gone.
    pub watch: Option<Watch>,
    /// What was said about it or is about to be, oldest first.
    pub said: Vec<Notice>,
    /// Who took it, oldest first.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// An open card, as far as somebody signs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAt {
    /// Its episode.
    pub episode: u32,
    /// Its level.
    pub level: Level,
    /// The newest step of its ladder that was told, or is about to be.
    pub step: u32,
}

/// Somebody's wish to sign.
#[derive(Debug, Clone)]
pub struct Signature<'a> {
    /// For which card.
    pub card: CardId,
    /// For which episode of it.
    pub episode: u32,
    /// The contact who takes it.
    pub contact: Arc<str>,
    /// Who says so.
    pub by: &'a str,
    /// By which way.
    pub via: Via,
}

impl Standing {
    /// How a card stands; nothing if there never was one.
    pub async fn of(store: &dyn Store, card: CardId) -> Result<Option<Self>> {
        let Some(item) = store.item_of(card).await? else { return Ok(None) };
        let Some(record) = store.load(std::slice::from_ref(&item)).await?.pop() else { return Ok(None) };
        let mut said = store.notices_about(&[item]).await?;
        said.retain(|notice| notice.card == Some(card));
        let watch = record.watches.iter().find(|watch| watch.card == card).cloned();
        let acknowledgements = store.acknowledgements(&[card]).await?;
        Ok(Some(Self { record, watch, said, acknowledgements }))
    }

    /// Where it is open, if it is.
    pub fn open_at(&self) -> Option<OpenAt> {
        let watch = self.watch.as_ref()?;
        let about_it = |n: &&Notice| (n.episode, n.number, n.rehearsal) == (watch.episode, watch.number, false);
        // As the ladder counts them.
        let said =
            self.said.iter().filter(|n| n.is_of_a_step()).filter(about_it).filter(|n| n.state != NoticeState::Dropped);
        let step = said.map(|notice| notice.step).max().unwrap_or_default();
        Some(OpenAt { episode: watch.episode, level: watch.level?, step })
    }

    /// Who took it as it is open now, oldest first.
    pub fn taken(&self) -> impl Iterator<Item = &Acknowledgement> {
        let open = self.open_at();
        let same =
            move |a: &&Acknowledgement| open == Some(OpenAt { episode: a.episode, level: a.level, step: a.step });
        self.acknowledgements.iter().filter(same)
    }
}

/// Writes down that somebody took a card. `None` if the card is not open in that episode; `false` if the same contact took
/// it before, as it is open now.
pub async fn sign(store: &dyn Store, signature: Signature<'_>, now: Instant) -> Result<Option<bool>> {
    let standing = Standing::of(store, signature.card).await?;
    let open = standing.as_ref().and_then(Standing::open_at).filter(|open| open.episode == signature.episode);
    let Some(OpenAt { episode, level, step }) = open else { return Ok(None) };
    let taken = Acknowledgement {
        card: signature.card,
        episode,
        level,
        step,
        contact: signature.contact,
        by: signature.by.to_owned(),
        via: signature.via,
        at: now,
    };
    let watch = standing.as_ref().and_then(|standing| Some((&standing.record.item.key, standing.watch.as_ref()?)));
    let act = watch.map(|(item, watch)| act(&taken, item, watch));
    let is_new = store.acknowledge(&taken, act.as_ref()).await?;
    if is_new {
        tracing::info!(card = %taken.card, contact = %taken.contact, via = taken.via.word(), "signed");
    }
    Ok(Some(is_new))
}

/// What goes into the audit trail when somebody took a card.
pub fn act(taken: &Acknowledgement, item: &ItemKey, watch: &Watch) -> Act {
    let subject = format!("{item} {}/{}", watch.rule, watch.name);
    Act::new("ack.sign", subject, &taken.by, taken.at).with(serde_json::json!({
        "card": taken.card, "episode": taken.episode, "level": taken.level, "step": taken.step,
        "contact": taken.contact, "via": taken.via,
    }))
}
