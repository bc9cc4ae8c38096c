//! **Deed**: what can be done with an order, and when.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::linkage::{Crossing, Linkage};
use super::{Classification, Done, Number, Order, OrderId, OrderState, Party};
use crate::core::Instant;
use crate::core::item::Extension;

/// What can be done with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "deed")]
pub enum Deed {
    /// The centre decides what is to be done.
    Classify {
        /// What.
        classification: Classification,
        /// By what cause.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Arc<str>>,
        /// Why.
        reason: String,
        /// The order that covers it, of one that is merged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        into: Option<OrderId>,
    },
    /// A lead party gets it, and others are to help.
    Dispatch {
        /// Who is to act.
        lead: Party,
        /// Who is to help.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        assisting: Vec<Party>,
        /// The number that it gets; one that was dispatched before keeps its own.
        number: Number,
    },
    /// A party signs for it.
    Sign {
        /// The party's unit.
        unit: Arc<str>,
        /// Who signed.
        contact: Arc<str>,
    },
    /// A party says what it did.
    FeedBack {
        /// The party's unit.
        unit: Arc<str>,
        /// What.
        text: String,
    },
    /// What was fed back is not enough.
    Return {
        /// Why.
        reason: String,
    },
    /// What was fed back is so.
    Verify {
        /// How that was found.
        text: String,
    },
    /// It ends.
    Close {
        /// With what result.
        result: String,
    },
    /// Another party gets the lead.
    Transfer {
        /// Who.
        lead: Party,
        /// Why.
        reason: String,
    },
    /// The lead party says that it is not its matter.
    Decline {
        /// Why.
        reason: String,
    },
    /// Its clocks are extended.
    Extend {
        /// By how much and on what ground.
        extension: Extension,
    },
    /// It ends because its ground fell away.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// Its card has closed: duban's own note.
    CardClosed {
        /// Whether the card was wrong.
        is_revoked: bool,
    },
    /// The district applies: it crosses regions or levels.
    ApplyLinkage {
        /// What it crosses.
        crossing: Crossing,
        /// Why.
        reason: String,
    },
    /// The city's centre takes the lead.
    TakeLinkage,
    /// The district's own leader signs that it may go up.
    SignLinkage {
        /// Which leader.
        leader: String,
    },
    /// The district's government has reported to a city leader.
    ReportLinkage {
        /// The number of the special report.
        document: String,
    },
}

impl Deed {
    /// The identifier in JSON, in the audit trail and on the command line.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Classify { .. } => "classify",
            Self::Dispatch { .. } => "dispatch",
            Self::Sign { .. } => "sign",
            Self::FeedBack { .. } => "feed_back",
            Self::Return { .. } => "return",
            Self::Verify { .. } => "verify",
            Self::Close { .. } => "close",
            Self::Transfer { .. } => "transfer",
            Self::Decline { .. } => "decline",
            Self::Extend { .. } => "extend",
            Self::Withdraw { .. } => "withdraw",
            Self::CardClosed { .. } => "card_closed",
            Self::ApplyLinkage { .. } => "apply_linkage",
            Self::TakeLinkage => "take_linkage",
            Self::SignLinkage { .. } => "sign_linkage",
            Self::ReportLinkage { .. } => "report_linkage",
        }
    }

    /// What people said about it: the reason, the text, the result.
    pub fn text(&self) -> &str {
        match self {
            Self::Classify { reason: text, .. }
            | Self::FeedBack { text, .. }
            | Self::Return { reason: text }
            | Self::Verify { text }
            | Self::Close { result: text }
            | Self::Transfer { reason: text, .. }
            | Self::Decline { reason: text }
            | Self::Withdraw { reason: text }
            | Self::ApplyLinkage { reason: text, .. }
            | Self::SignLinkage { leader: text }
            | Self::ReportLinkage { document: text } => text,
            Self::Extend { extension } => extension.basis.as_deref().unwrap_or_default(),
            Self::Dispatch { .. } | Self::Sign { .. } | Self::CardClosed { .. } | Self::TakeLinkage => "",
        }
    }

    /// Whether it needs somebody's words.
    const fn needs_text(&self) -> bool {
        !matches!(
            self,
            Self::Dispatch { .. }
                | Self::Sign { .. }
                | Self::CardClosed { .. }
                | Self::TakeLinkage
                | Self::Verify { .. }
                | Self::Extend { .. }
        )
    }

    /// The states in which it can be done.
    const fn states(&self) -> &'static [OrderState] {
        use OrderState::{Classified, Declined, Dispatched, FedBack, Proposed, Returned, Signed, Verified};
        match self {
            Self::Classify { .. } => &[Proposed, Classified],
            Self::Dispatch { .. } => &[Classified, Declined],
            Self::Sign { .. } | Self::FeedBack { .. } => &[Dispatched, Signed, Returned, FedBack],
            Self::Return { .. } => &[FedBack, Verified],
            Self::Verify { .. } => &[FedBack],
            Self::Close { .. } => &[Verified, Declined],
            Self::Transfer { .. } => &[Dispatched, Signed, Returned, Declined],
            Self::Decline { .. } => &[Dispatched, Signed],
            Self::Extend { .. } => &[Dispatched, Signed, Returned],
            Self::Withdraw { .. }
            | Self::CardClosed { .. }
            | Self::ApplyLinkage { .. }
            | Self::TakeLinkage
            | Self::SignLinkage { .. }
            | Self::ReportLinkage { .. } => {
                &[Proposed, Classified, Dispatched, Signed, FedBack, Returned, Declined, Verified]
            }
        }
    }
}

/// Why a deed cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this state.
    #[error("{deed} is possible when an order is {}, and this one is {}", words(allowed), state.word())]
    NotNow {
        /// What was to be done.
        deed: &'static str,
        /// The order's state.
        state: OrderState,
        /// The states in which it can be done.
        allowed: &'static [OrderState],
    },
    /// Nobody said why, or what.
    #[error("{deed} needs a text, got an empty one")]
    NoText {
        /// What was to be done.
        deed: &'static str,
    },
    /// It is to be merged, and nobody says into which order; or into itself.
    #[error("a merge needs another order that covers this one")]
    NoOther,
    /// What is merged or not dispatched has no lead party.
    #[error("an order that is classified as {} is not dispatched", classification.word())]
    NotToBeDispatched {
        /// What the centre decided.
        classification: Classification,
    },
    /// A unit stands in it twice.
    #[error("the unit {unit:?} stands in the order twice")]
    Twice {
        /// Which unit.
        unit: Arc<str>,
    },
    /// The unit is no party of the order.
    #[error("{unit:?} is no party of the order; its parties are {parties}")]
    NoParty {
        /// Which unit.
        unit: Arc<str>,
        /// The parties' units.
        parties: String,
    },
    /// The party has signed before.
    #[error("{unit:?} has signed already")]
    SignedAlready {
        /// Which unit.
        unit: Arc<str>,
    },
    /// Nobody has applied for it yet, or it was done before.
    #[error("{deed} comes after {after}, and once")]
    NotInTurn {
        /// What was to be done.
        deed: &'static str,
        /// What has to be done before.
        after: &'static str,
    },
    /// A special report goes up after the district's own leader has signed (article 14).
    #[error("a special report goes up after the district's own leader has signed")]
    LeaderHasNotSigned,
    /// Something that was done later stands in the history.
    #[error("something later was done with this order, at {at}")]
    Earlier {
        /// When.
        at: Instant,
    },
}

fn words(states: &[OrderState]) -> String {
    states.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ")
}

impl Order {
    /// The order after a deed; the order itself stays as it is if the deed is refused.
    pub fn act(
        &self,
        deed: Deed,
        by: impl Into<String>,
        on_behalf_of: Option<Arc<str>>,
        at: Instant,
    ) -> Result<Self, Refusal> {
        let (word, state, allowed) = (deed.word(), self.state, deed.states());
        if !allowed.contains(&state) {
            return Err(Refusal::NotNow { deed: word, state, allowed });
        }
        if deed.needs_text() && deed.text().trim().is_empty() {
            return Err(Refusal::NoText { deed: word });
        }
        if let Some(last) = self.history.last().filter(|last| last.at > at) {
            return Err(Refusal::Earlier { at: last.at });
        }
        let mut next = self.clone();
        next.state = next.take(&deed, at)?;
        if next.state.is_end() {
            next.ended_at = Some(at);
        }
        let state = next.state;
        next.history.push(Done { at, by: by.into(), on_behalf_of, deed, state });
        Ok(next)
    }

    /// What a deed changes; the state that it leads to.
    fn take(&mut self, deed: &Deed, at: Instant) -> Result<OrderState, Refusal> {
        match deed {
            Deed::Classify { classification, cause, into, reason } => {
                self.classify(*classification, cause.as_ref(), *into, reason, at)
            }
            Deed::Dispatch { lead, assisting, number } => self.dispatch(lead, assisting, *number, at),
            Deed::Sign { unit, contact } => self.sign(unit, contact, at),
            Deed::FeedBack { unit, text } => self.feed_back(unit, text, at),
            Deed::Return { .. } => {
                (self.fed_back_at, self.verified_at) = (None, None);
                self.returns += 1;
                Ok(OrderState::Returned)
            }
            Deed::Verify { .. } => {
                self.verified_at = Some(at);
                Ok(OrderState::Verified)
            }
            Deed::Close { result } => {
                self.result = Some(result.clone());
                Ok(OrderState::Closed)
            }
            Deed::Transfer { lead, .. } => self.transfer(lead, at),
            Deed::Decline { .. } => {
                (self.dispatched_at, self.signed_at) = (None, None);
                Ok(OrderState::Declined)
            }
            Deed::Extend { extension } => {
                self.extensions.push(extension.clone());
                Ok(self.state)
            }
            Deed::Withdraw { reason } => {
                self.result = Some(reason.clone());
                Ok(OrderState::Withdrawn)
            }
            Deed::CardClosed { is_revoked } => {
                self.ground.is_open = false;
                let falls = *is_revoked || self.state == OrderState::Proposed;
                Ok(if falls { OrderState::Withdrawn } else { self.state })
            }
            Deed::ApplyLinkage { .. } | Deed::TakeLinkage | Deed::SignLinkage { .. } | Deed::ReportLinkage { .. } => {
                self.link(deed, at)?;
                Ok(self.state)
            }
        }
    }

    fn classify(
        &mut self,
        classification: Classification,
        cause: Option<&Arc<str>>,
        into: Option<OrderId>,
        reason: &str,
        at: Instant,
    ) -> Result<OrderState, Refusal> {
        let merges = classification == Classification::Merge;
        if merges && into.is_none_or(|into| into == self.id) {
            return Err(Refusal::NoOther);
        }
        self.classification = Some(classification);
        self.cause = cause.cloned().or_else(|| self.cause.take());
        self.merged_into = into.filter(|_| merges);
        self.classified_at = Some(at);
        if matches!(classification, Classification::Merge | Classification::None) {
            self.result = Some(reason.to_owned());
            return Ok(OrderState::Closed);
        }
        Ok(OrderState::Classified)
    }

    fn dispatch(
        &mut self,
        lead: &Party,
        assisting: &[Party],
        number: Number,
        at: Instant,
    ) -> Result<OrderState, Refusal> {
        let classification = self.classification.unwrap_or(Classification::Handle);
        if matches!(classification, Classification::Merge | Classification::None) {
            return Err(Refusal::NotToBeDispatched { classification });
        }
        let units: Vec<&Arc<str>> = [lead].into_iter().chain(assisting).map(|party| &party.unit).collect();
        if let Some(unit) =
            units.iter().enumerate().find(|(at, unit)| units[..*at].contains(unit)).map(|(_, unit)| *unit)
        {
            return Err(Refusal::Twice { unit: unit.clone() });
        }
        self.number = self.number.or(Some(number));
        self.lead = Some(lead.clone());
        self.assisting = assisting.to_vec();
        (self.dispatched_at, self.signed_at, self.fed_back_at) = (Some(at), None, None);
        Ok(OrderState::Dispatched)
    }

    fn sign(&mut self, unit: &Arc<str>, contact: &Arc<str>, at: Instant) -> Result<OrderState, Refusal> {
        let (party, is_lead) = self.party(unit)?;
        if party.signed_at.is_some() {
            return Err(Refusal::SignedAlready { unit: unit.clone() });
        }
        (party.signed_at, party.signed_by) = (Some(at), Some(contact.clone()));
        if !is_lead {
            return Ok(self.state);
        }
        self.signed_at = Some(at);
        Ok(if self.state == OrderState::Dispatched { OrderState::Signed } else { self.state })
    }

    /// Who feeds back has taken it: a party that has not signed has signed with that.
    fn feed_back(&mut self, unit: &Arc<str>, text: &str, at: Instant) -> Result<OrderState, Refusal> {
        let (party, is_lead) = self.party(unit)?;
        party.signed_at = party.signed_at.or(Some(at));
        (party.fed_back_at, party.feedback) = (Some(at), Some(text.to_owned()));
        if !is_lead {
            return Ok(self.state);
        }
        self.signed_at = self.signed_at.or(Some(at));
        self.fed_back_at = Some(at);
        Ok(OrderState::FedBack)
    }

    /// The new lead has its own clocks; a party that helped so far may take the lead.
    fn transfer(&mut self, lead: &Party, at: Instant) -> Result<OrderState, Refusal> {
        if self.lead.as_ref().is_some_and(|old| old.unit == lead.unit && old.contact == lead.contact) {
            return Err(Refusal::Twice { unit: lead.unit.clone() });
        }
        self.assisting.retain(|party| party.unit != lead.unit);
        self.lead = Some(lead.clone());
        (self.dispatched_at, self.signed_at, self.fed_back_at) = (Some(at), None, None);
        Ok(OrderState::Dispatched)
    }

    /// A party by its unit, and whether it has the lead.
    fn party(&mut self, unit: &Arc<str>) -> Result<(&mut Party, bool), Refusal> {
        let is_lead = self.lead.as_ref().is_some_and(|lead| lead.unit == *unit);
        let parties: Vec<&str> = self.parties().map(|party| &*party.unit).collect();
        let refusal = Refusal::NoParty { unit: unit.clone(), parties: parties.join(", ") };
        let found = self.lead.iter_mut().chain(&mut self.assisting).find(|party| party.unit == *unit);
        found.map(|party| (party, is_lead)).ok_or(refusal)
    }

    fn link(&mut self, deed: &Deed, at: Instant) -> Result<(), Refusal> {
        let not_in_turn = |after| Refusal::NotInTurn { deed: deed.word(), after };
        if let Deed::ApplyLinkage { crossing, .. } = deed {
            if self.linkage.is_some() {
                return Err(not_in_turn("propose"));
            }
            self.linkage = Some(Linkage::applied(*crossing, at));
            return Ok(());
        }
        let linkage = self.linkage.as_mut().ok_or_else(|| not_in_turn("apply_linkage"))?;
        match deed {
            Deed::TakeLinkage if linkage.led_at.is_none() => linkage.led_at = Some(at),
            Deed::SignLinkage { leader } if linkage.leader_signed_at.is_none() => {
                (linkage.leader_signed_at, linkage.leader) = (Some(at), Some(leader.clone()));
            }
            Deed::ReportLinkage { .. } if linkage.leader_signed_at.is_none() => {
                return Err(Refusal::LeaderHasNotSigned);
            }
            Deed::ReportLinkage { document } if linkage.reported_at.is_none() => {
                (linkage.reported_at, linkage.report) = (Some(at), Some(document.clone()));
            }
            _ => return Err(not_in_turn("apply_linkage")),
        }
        Ok(())
    }
}
