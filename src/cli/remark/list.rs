//! Which remarks there are, and how each stands.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Desk, short};
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, Table};
use crate::cli::words::remark as words;
use crate::core::digest::Digest;
use crate::core::item::ItemKey;
use crate::core::remark::{Remark, Standing, overlay};
use crate::store::ItemRecord;
use crate::tell::words::{remark_kind, remark_says, remark_standing};

/// Remarks that are listed at most.
const LISTED: usize = 100_000;

/// Items that are read at once.
const BATCH: usize = 500;

const COLUMNS: [&str; 12] =
    ["id", "item", "kind", "says", "standing", "at", "by", "basis", "document", "approver", "decided_by", "revoked_by"];

impl Desk<'_> {
    pub(super) async fn list(
        &self,
        item: Option<&str>,
        all: bool,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let (mut remarks, standings) = match item {
            Some(item) => {
                let record = self.record(item).await?;
                (record.remarks.clone(), standings(&[record]))
            }
            None => self.everywhere().await?,
        };
        remarks.sort_by_key(|remark| std::cmp::Reverse((remark.at, remark.id)));
        let mut table = Table::new(&COLUMNS);
        for remark in &remarks {
            let standing = standings.get(&remark.id).copied().unwrap_or(Standing::InForce);
            if all || standing.is_open() {
                table.add(self.row(remark, standing, format));
            }
        }
        table.write(format, &words::titles(self.caller.language), out)?;
        Ok(Exit::Fine)
    }

    async fn everywhere(&self) -> Result<(Vec<Remark>, HashMap<Digest, Standing>), Failure> {
        let remarks = self.store.remarks("", LISTED).await.map_err(|e| self.failed(&e))?;
        let mut items: Vec<ItemKey> = remarks.iter().map(|remark| remark.item.clone()).collect();
        items.sort_unstable();
        items.dedup();
        let mut all = HashMap::new();
        for items in items.chunks(BATCH) {
            all.extend(standings(&self.store.load(items).await.map_err(|e| self.failed(&e))?));
        }
        Ok((remarks, all))
    }

    fn row(&self, remark: &Remark, standing: Standing, format: Format) -> Vec<Value> {
        let language = self.caller.language;
        let decided = remark.decision.as_ref().map(|decision| &decision.by);
        let revoked = remark.revocation.as_ref().map(|revocation| &revocation.by);
        let is_table = format == Format::Table;
        vec![
            json!(if is_table { short(remark) } else { remark.id.to_string() }),
            json!(remark.item.to_string()),
            json!(if is_table { remark_kind(&remark.statement, language) } else { remark.statement.word() }),
            json!(remark_says(&remark.statement, language, self.zone())),
            json!(if is_table { remark_standing(standing, remark.waits, language) } else { standing.word() }),
            format.instant(remark.at, self.zone()),
            json!(remark.by),
            json!(remark.basis),
            json!(remark.document),
            json!(remark.approver),
            json!(decided),
            json!(revoked),
        ]
    }
}

fn standings(records: &[ItemRecord]) -> HashMap<Digest, Standing> {
    let of = |record: &ItemRecord| {
        let standings = overlay(&Arc::new(record.item.clone()), &record.remarks).standings;
        record.remarks.iter().map(|remark| remark.id).zip(standings).collect::<Vec<_>>()
    };
    records.iter().flat_map(of).collect()
}
