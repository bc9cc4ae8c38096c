//! What is put on record: a pause, an extension, a time, an exemption, a wrong card.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::Desk;
use crate::cli::exit::Failure;
use crate::cli::table::Format;
use crate::cli::{given, words as all_words};
use crate::core::item::{Amount, Extension, Pause};
use crate::core::remark::{Draft, Statement};
use crate::store::ItemRecord;

/// A new remark.
#[derive(Args)]
pub struct Add {
    /// The item: SOURCE/ID, or ID where it is unique
    pub item: String,
    #[command(subcommand)]
    what: What,
}

/// What it says.
#[derive(Subcommand)]
enum What {
    /// The clocks stood still
    Pause {
        /// When they stopped
        #[arg(long, value_name = "INSTANT")]
        from: String,
        /// When they ran on
        #[arg(long, value_name = "INSTANT", required_unless_present = "open", conflicts_with = "open")]
        to: Option<String>,
        /// They still stand
        #[arg(long)]
        open: bool,
        /// What kind of pause, such as 专家评审
        #[arg(long, value_name = "TEXT")]
        kind: Option<String>,
        #[command(flatten)]
        ground: Ground,
    },
    /// More time was granted
    Extension {
        /// How much, such as 5wd; of the kind of the limit
        #[arg(long, value_name = "AMOUNT")]
        amount: String,
        /// When it was asked for: after the due time it does not count
        #[arg(long, value_name = "INSTANT")]
        asked: String,
        /// When it was approved: it counts from then on
        #[arg(long, value_name = "INSTANT")]
        approved: String,
        #[command(flatten)]
        ground: Ground,
    },
    /// Something happened of which the source says nothing
    Time {
        // The help page shows no markup, so the names stand without backticks.
        #[expect(clippy::doc_markdown)]
        /// The field that holds it, such as solved_at
        field: String,
        /// When it happened
        #[arg(value_name = "INSTANT")]
        at: String,
        #[command(flatten)]
        ground: Ground,
    },
    /// Nobody has to answer for it (免责): the card is cleared, and it counts as in time
    Exemption {
        /// The rule
        #[arg(long)]
        rule: String,
        /// The window or finding
        #[arg(long)]
        window: String,
        #[command(flatten)]
        ground: Ground,
    },
    /// The card was wrong (撤牌): it is recalled
    WrongCard {
        /// The beginning of the card's id
        #[arg(long, required_unless_present = "rule", conflicts_with_all = ["rule", "window"])]
        card: Option<String>,
        /// The rule
        #[arg(long, requires = "window")]
        rule: Option<String>,
        /// The window or finding
        #[arg(long, requires = "rule")]
        window: Option<String>,
        #[command(flatten)]
        ground: Ground,
    },
}

/// On what ground, and how it is written.
#[derive(Args)]
pub struct Ground {
    /// On what ground
    #[arg(long, value_name = "TEXT")]
    pub basis: String,
    /// The number of the document
    #[arg(long, value_name = "NO")]
    pub document: Option<String>,
    /// Who approved it on paper
    #[arg(long, value_name = "NAME")]
    pub approver: Option<String>,
    /// Who puts it on record
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// It is an appeal (申诉): it counts when somebody else has granted it
    #[arg(long)]
    pub appeal: bool,
    /// Only show what it moves; nothing is written
    #[arg(long)]
    pub dry_run: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Add {
    pub fn ground(&self) -> &Ground {
        match &self.what {
            What::Pause { ground, .. }
            | What::Extension { ground, .. }
            | What::Time { ground, .. }
            | What::Exemption { ground, .. }
            | What::WrongCard { ground, .. } => ground,
        }
    }

    /// What was typed, as a draft.
    pub(super) fn draft(&self, desk: &Desk<'_>, record: &ItemRecord) -> Result<Draft, Failure> {
        let ground = self.ground();
        Ok(Draft {
            item: record.item.key.clone(),
            by: ground.by.clone(),
            basis: ground.basis.clone(),
            document: ground.document.clone(),
            approver: ground.approver.clone(),
            statement: self.statement(desk, record)?,
            is_appeal: ground.appeal,
        })
    }

    fn statement(&self, desk: &Desk<'_>, record: &ItemRecord) -> Result<Statement, Failure> {
        Ok(match &self.what {
            What::Pause { from, to, kind, .. } => Statement::Pause(Pause {
                from: desk.instant("--from", from)?,
                to: to.as_deref().map(|to| desk.instant("--to", to)).transpose()?,
                kind: kind.as_deref().map(Arc::from),
                basis: None,
            }),
            What::Extension { amount, asked, approved, .. } => Statement::Extension(Extension {
                amount: match amount.trim().parse() {
                    Ok(number) => Amount::Number(number),
                    Err(_) => Amount::Limit(given::limit(amount).map_err(|e| desk.unreadable("--amount", &e))?),
                },
                asked_at: Some(desk.instant("--asked", asked)?),
                approved_at: Some(desk.instant("--approved", approved)?),
                basis: None,
            }),
            What::Time { field, at, .. } => {
                Statement::Time { field: field.as_str().into(), at: desk.instant("INSTANT", at)? }
            }
            What::Exemption { rule, window, .. } => {
                Statement::Exemption { rule: rule.as_str().into(), name: window.as_str().into() }
            }
            What::WrongCard { card, rule, window, .. } => {
                let (rule, name) = match (card, rule, window) {
                    (None, Some(rule), Some(window)) => (rule.as_str().into(), window.as_str().into()),
                    (card, ..) => card_of(card.as_deref().unwrap_or_default(), record, desk)?,
                };
                Statement::WrongCard { rule, name }
            }
        })
    }
}

/// The rule and the window or finding of an item's card whose id begins so.
fn card_of(beginning: &str, record: &ItemRecord, desk: &Desk<'_>) -> Result<(Arc<str>, Arc<str>), Failure> {
    let digits = beginning.to_ascii_lowercase();
    let raised = record.watches.iter().filter(|watch| watch.episode > 0 && !digits.is_empty());
    let mut found = raised.filter(|watch| watch.card.to_string().starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(watch), None) => Ok((watch.rule.clone(), watch.name.clone())),
        (None, _) => Err(Failure::no(all_words::remark::no_card(desk.caller.language, beginning))),
        (Some(one), Some(two)) => {
            let ids = [one, two].map(|watch| format!("{}  {}/{}", watch.card, watch.rule, watch.name));
            Err(Failure::usage(all_words::ack::several(desk.caller.language, beginning, &ids)))
        }
    }
}
