//! What persons put down: silences and acknowledgements.

use super::rows::{AcknowledgementRow, IdRow, SilenceRow};
use super::session::Session;
use super::{audit, values};
use crate::core::acknowledgement::Acknowledgement;
use crate::core::audit::Act;
use crate::core::card::CardId;
use crate::core::silence::Silence;
use crate::store::Result;

pub async fn put_silence(session: &mut impl Session, silence: &Silence, act: Option<&Act>) -> Result<()> {
    session.write(PUT_SILENCE, &[], [SilenceRow::from(silence)]).await?;
    audit::append(session, act).await?;
    session.nudge();
    Ok(())
}

const PUT_SILENCE: &str = r#"
    INSERT INTO silences ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (id) DO UPDATE SET matcher = excluded.matcher, starts_at = excluded.starts_at,
        ends_at = excluded.ends_at, "by" = excluded."by", comment = excluded.comment,
        created_at = excluded.created_at, ended_by = excluded.ended_by, lifted_at = excluded.lifted_at"#;

pub async fn silences(session: &mut impl Session, all: bool) -> Result<Vec<Silence>> {
    let statement = if all { SILENCES } else { SILENCES_TO_LIFT };
    values(session.select::<SilenceRow>(statement, &[]).await?)
}

macro_rules! silences {
    ($rest:literal) => {
        concat!(
            r#"SELECT id, matcher, starts_at, ends_at, "by", comment, created_at, ended_by, lifted_at FROM silences "#,
            $rest
        )
    };
}

pub const SILENCES: &str = silences!("ORDER BY created_at, id");
pub const SILENCES_TO_LIFT: &str = silences!("WHERE lifted_at IS NULL ORDER BY created_at, id");

pub async fn acknowledge(session: &mut impl Session, taken: &Acknowledgement, act: Option<&Act>) -> Result<bool> {
    let row = AcknowledgementRow::from(taken);
    let given = [
        row.card.into(),
        row.episode.into(),
        row.level.into(),
        row.step.into(),
        row.contact.into(),
        row.by.into(),
        row.via.into(),
        row.at.into(),
    ];
    let is_new = session.run(ACKNOWLEDGE, &given).await? == 1;
    audit::append(session, act.filter(|_| is_new)).await?;
    session.nudge();
    Ok(is_new)
}

const ACKNOWLEDGE: &str = r#"
    INSERT INTO acknowledgements (card, episode, level, step, contact, "by", via, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (card, episode, level, step, contact) DO NOTHING"#;

pub async fn acknowledgements(session: &mut impl Session, cards: &[CardId]) -> Result<Vec<Acknowledgement>> {
    let cards = IdRow::all(cards);
    let mut found: Vec<Acknowledgement> =
        values(session.look_up::<AcknowledgementRow, _>(ACKNOWLEDGEMENTS, cards).await?)?;
    found.sort_by_key(|taken| taken.at);
    Ok(found)
}

pub const ACKNOWLEDGEMENTS: &str = r#"
    SELECT a.card, a.episode, a.level, a.step, a.contact, a."by", a.via, a.at
    FROM r CROSS JOIN acknowledgements AS a WHERE a.card = r.id ORDER BY a.at, a.seq"#;
