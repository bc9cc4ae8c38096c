//! What becomes of deliveries after their end: reports of bad ends, receipts, addresses that were refused.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rows::{AddresseeRow, BadAddressRow, DeliveryRow, IdRow, MessageRow, NoticeRow, ReceiptRow};
use super::session::Session;
use super::{audit, id, limit as rows, micros, plain, values};
use crate::core::Instant;
use crate::core::audit::Act;
use crate::core::delivery::{DeliveryId, Receipt};
use crate::core::notice::Notice;
use crate::store::sql::courier::keep_attempts;
use crate::store::sql::lists::records;
use crate::store::{BadAddress, DeliveryRecord, Result, Settle};

pub async fn unreported(session: &mut impl Session, limit: usize) -> Result<Vec<(DeliveryRecord, Vec<Notice>)>> {
    let found: Vec<DeliveryRow> = session.select(UNREPORTED, &[rows(limit)]).await?;
    let ids = IdRow::all(found.iter().map(|row| &row.id));
    let mut notices: HashMap<Option<DeliveryId>, Vec<Notice>> = HashMap::new();
    for notice in values::<Notice, _>(session.look_up::<NoticeRow, _>(NOTICES_OF_ALL, ids).await?)? {
        notices.entry(notice.delivery).or_default().push(notice);
    }
    let with_notices = |row: DeliveryRow| {
        let record = DeliveryRecord::try_from(row)?;
        let notices = notices.remove(&Some(record.id)).unwrap_or_default();
        Ok((record, notices))
    };
    found.into_iter().map(with_notices).collect()
}

pub const UNREPORTED: &str = records!("WHERE unreported_at IS NOT NULL ORDER BY unreported_at, id LIMIT $1");

pub const NOTICES_OF_ALL: &str = r#"
    SELECT n."key", n.kind, n.card, n.source, n.item, n.episode, n.number, n.level, n.step, n.ordinal, n.contact,
           n.channel, n.planned_at, n.rehearsal, n.state, n.hold, n.delivery, n.change, n.body, n.because, n.settled_at
    FROM r CROSS JOIN notices AS n WHERE n.delivery = r.id ORDER BY n.planned_at, n.seq"#;

/// Counts deliveries as reported, if they have not been retried meanwhile.
pub async fn report(session: &mut impl Session, reported: &[DeliveryId]) -> Result<()> {
    let ended: Vec<(String,)> = session.lock(ENDED, IdRow::all(reported)).await?;
    session.write(REPORT, &[], IdRow::all(ended.into_iter().map(|(id,)| id))).await
}

pub const ENDED: &str = "
    SELECT t.id FROM r CROSS JOIN deliveries AS t
    WHERE t.id = r.id AND t.state IN ('unknown', 'discarded') ORDER BY t.id";

pub const REPORT: &str = "
    UPDATE deliveries SET reported = true FROM r WHERE deliveries.id = r.id";

/// Writes down the addresses that were refused; of several of one contact, the last.
pub async fn put_bad_addresses(session: &mut impl Session, now: Instant, settles: &[&Settle]) -> Result<()> {
    let refused: Vec<&&Settle> = settles.iter().filter(|settle| settle.bad_address.is_some()).collect();
    let ids = IdRow::all(refused.iter().map(|settle| settle.id));
    let mut addressees = HashMap::new();
    for row in session.look_up::<AddresseeRow, _>(ADDRESSEES, ids).await? {
        addressees.insert(id::<DeliveryId>(&row.id)?, (row.contact, row.channel));
    }
    let mut newest = BTreeMap::new();
    for settle in refused {
        if let Some(((contact, channel), address)) =
            addressees.get(&settle.id).cloned().zip(settle.bad_address.as_deref())
        {
            let (address, reason) = (plain(address), plain(&settle.reason));
            let key = (contact.clone(), channel.clone());
            newest.insert(key, BadAddressRow { contact, channel, address, at: micros(now), reason });
        }
    }
    session.write(PUT_BAD_ADDRESSES, &[], newest.into_values()).await
}

pub const ADDRESSEES: &str = "
    SELECT d.id, d.contact, d.channel FROM r CROSS JOIN deliveries AS d WHERE d.id = r.id";

const PUT_BAD_ADDRESSES: &str = "
    INSERT INTO bad_addresses ({columns}) SELECT {columns} FROM r WHERE true
    ON CONFLICT (contact, channel) DO UPDATE SET
        address = excluded.address, at = excluded.at, reason = excluded.reason";

pub async fn bad_addresses(session: &mut impl Session) -> Result<Vec<BadAddress>> {
    values(session.select::<BadAddressRow>(BAD_ADDRESSES, &[]).await?)
}

const BAD_ADDRESSES: &str = "
    SELECT contact, channel, address, at, reason FROM bad_addresses ORDER BY contact, channel";

pub async fn forgive_address(
    session: &mut impl Session,
    contact: &str,
    channel: &str,
    act: Option<&Act>,
) -> Result<bool> {
    let is_forgiven = session.run(FORGIVE, &[plain(contact).into(), plain(channel).into()]).await? == 1;
    audit::append(session, act.filter(|_| is_forgiven)).await?;
    session.nudge();
    Ok(is_forgiven)
}

const FORGIVE: &str = "DELETE FROM bad_addresses WHERE contact = $1 AND channel = $2";

pub async fn without_receipt(
    session: &mut impl Session,
    channel: &str,
    sent_after: Instant,
    limit: usize,
) -> Result<Vec<DeliveryRecord>> {
    let given = [plain(channel).into(), micros(sent_after).into(), rows(limit)];
    values(session.select::<DeliveryRow>(WITHOUT_RECEIPT, &given).await?)
}

pub const WITHOUT_RECEIPT: &str = records!(
    "WHERE channel = $1 AND settled_at > $2 AND state = 'sent' AND remote_id IS NOT NULL AND receipt IS NULL
     ORDER BY settled_at, id LIMIT $3"
);

pub async fn put_receipts(
    session: &mut impl Session,
    now: Instant,
    channel: &str,
    receipts: &[Receipt],
) -> Result<Vec<DeliveryId>> {
    let mut first: HashMap<String, &Receipt> = HashMap::new();
    for receipt in receipts {
        first.entry(plain(&receipt.remote_id)).or_insert(receipt);
    }
    let messages: HashSet<String> = first.keys().cloned().collect();
    let messages = messages.into_iter().map(|remote_id| MessageRow { channel: plain(channel), remote_id });
    let found: Vec<(String, String)> = session.lock(RECEIVABLE, messages).await?;
    let mut rows: Vec<ReceiptRow> = Vec::with_capacity(found.len());
    for (id, remote_id) in found {
        if let Some(Receipt { delivered, reason, .. }) = first.get(&remote_id) {
            rows.push(ReceiptRow { id, delivered: *delivered, reason: plain(reason) });
        }
    }
    let refused = rows.iter().filter(|row| !row.delivered);
    session.write(KEEP_ATTEMPTS, &[], refused.cloned()).await?;
    session.write(PUT_RECEIPTS, &[micros(now).into()], rows.iter().cloned()).await?;
    session.write(DISCARD_NOTICES, &[micros(now).into()], rows.iter().cloned()).await?;
    let mut ids = rows.iter().map(|row| id(&row.id)).collect::<Result<Vec<DeliveryId>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

pub const RECEIVABLE: &str = "
    SELECT t.id, t.remote_id FROM r CROSS JOIN deliveries AS t
    WHERE t.channel = r.channel AND t.remote_id = r.remote_id AND t.state = 'sent' AND t.receipt IS NULL
    ORDER BY t.id";

// The peer took it, whatever became of it later.
pub const KEEP_ATTEMPTS: &str = keep_attempts!(
    "d.settled_at",
    "d.state, d.reason, d.remote_id",
    "r CROSS JOIN deliveries AS d WHERE d.id = r.id AND d.claimed_at IS NOT NULL"
);

pub const PUT_RECEIPTS: &str = "
    UPDATE deliveries SET
        claimed_at = CASE WHEN r.delivered THEN claimed_at END,
        receipt = r.delivered,
        receipt_at = $1,
        state = CASE WHEN r.delivered THEN deliveries.state ELSE 'discarded' END,
        settled_at = CASE WHEN r.delivered THEN deliveries.settled_at ELSE $1 END,
        reason = CASE WHEN r.delivered THEN deliveries.reason ELSE r.reason END
    FROM r WHERE deliveries.id = r.id";

pub const DISCARD_NOTICES: &str = "
    UPDATE notices SET state = 'discarded', settled_at = $1
    FROM r WHERE notices.delivery = r.id AND notices.state = 'sent' AND NOT r.delivered";
