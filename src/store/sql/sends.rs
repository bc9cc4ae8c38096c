//! Counting sends against the limits of their channels.

use super::rows::{SendRow, SendsRow};
use super::session::{Engine, Session};
use super::{enter, limit as rows, micros};
use crate::core::Instant;
use crate::store::limits::{Asked, Question, asked};
use crate::store::{Result, Want};

/// How many forgotten sends are deleted at once, for each channel.
const SWEPT: usize = 1_000;

/// What channels and not sources are entered for.
const CHANNELS: i64 = 138;

pub async fn take<E: Engine>(session: &mut E::Session, now: Instant, wants: &[Want]) -> Result<Vec<Option<Instant>>> {
    let asked = asked(now, wants);
    enter::<E>(session, CHANNELS, asked.channels()).await?;
    let answers = answers(session, &asked).await?;
    for (channel, until) in &asked.forgotten {
        session.run(FORGET, &[channel.clone().into(), (*until).into(), rows(SWEPT)]).await?;
    }
    let judgement = asked.judge(&answers);
    let sent = judgement.granted.into_iter();
    session.write(COUNT, &[], sent.map(|(channel, contact)| SendRow { channel, contact, at: micros(now) })).await?;
    Ok(judgement.answers)
}

/// Of a channel there are few questions about many sends, of contacts many about few.
async fn answers(session: &mut impl Session, asked: &Asked) -> Result<Vec<Vec<i64>>> {
    let mut answers = vec![Vec::new(); asked.questions.len()];
    let mut of_contacts = Vec::new();
    for ((number, question), answer) in (0..).zip(&asked.questions).zip(&mut answers) {
        let Question { channel, contact, after, before, skip, limit, .. } = question.clone();
        if let Some(contact) = contact {
            let (skip, few) = (count(skip), count(limit));
            of_contacts.push(SendsRow { question: number, channel, contact, after, before, skip, few });
        } else {
            let given = [channel.into(), after.into(), before.into(), rows(limit), rows(skip)];
            let found: Vec<(i64,)> = session.select(SENDS_OF_CHANNEL, &given).await?;
            *answer = found.into_iter().map(|(at,)| at).collect();
        }
    }
    for (number, at) in session.look_up::<(i64, i64), _>(SENDS_OF_CONTACTS, of_contacts).await? {
        if let Some(answer) = usize::try_from(number).ok().and_then(|number| answers.get_mut(number)) {
            answer.push(at);
        }
    }
    Ok(answers)
}

fn count(rows: usize) -> i64 {
    // Of two of them there is a sum.
    i64::try_from(rows).unwrap_or(i64::MAX).min(i64::MAX / 2)
}

pub const SENDS_OF_CHANNEL: &str = "
    SELECT at FROM sends WHERE channel = $1 AND at > $2 AND at < $3 ORDER BY at DESC LIMIT $4 OFFSET $5";

pub const SENDS_OF_CONTACTS: &str = "
    SELECT question, at FROM (
        SELECT r.question, r.skip, r.few, s.at, row_number() OVER (PARTITION BY r.question ORDER BY s.at DESC) AS place
        FROM r CROSS JOIN sends AS s
        WHERE s.channel = r.channel AND s.contact = r.contact AND s.at > r.after AND s.at < r.before
    ) AS found
    WHERE place > skip AND place <= skip + few ORDER BY question, at DESC";

pub const FORGET: &str = "
    DELETE FROM sends WHERE seq IN
        (SELECT seq FROM sends WHERE channel = $1 AND at <= $2 ORDER BY at LIMIT $3)";

const COUNT: &str = "
    INSERT INTO sends ({columns}) SELECT {columns} FROM r";
