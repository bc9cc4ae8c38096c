//! What is done to the remarks of an item: one is put down, decided, or taken back.

use super::{Decision, Remark, RemarkError, Revocation};
use crate::core::digest::Digest;

/// What is done to the remarks of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// One is put down.
    Add(Box<Remark>),
    /// One that waits is decided.
    Decide(Digest, Decision),
    /// One is taken back.
    Revoke(Digest, Revocation),
}

impl Amendment {
    /// The remark that it is about.
    pub fn id(&self) -> Digest {
        match self {
            Self::Add(remark) => remark.id,
            Self::Decide(id, _) | Self::Revoke(id, _) => *id,
        }
    }

    /// The word for a trail of what persons did.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Add(_) => "remark.add",
            Self::Decide(..) => "remark.decide",
            Self::Revoke(..) => "remark.revoke",
        }
    }

    /// The remark as it stands afterwards, if that can be done to the remarks of an item.
    pub fn of(&self, remarks: &[Remark]) -> Result<Remark, RemarkError> {
        let found = remarks.iter().find(|remark| remark.id == self.id());
        match self {
            Self::Add(remark) => match found {
                Some(_) => Err(RemarkError::SaidByRemark(remark.id)),
                None => Ok((**remark).clone()),
            },
            Self::Decide(_, decision) => decided(found.ok_or(RemarkError::Unknown)?, decision),
            Self::Revoke(_, revocation) => revoked(found.ok_or(RemarkError::Unknown)?, revocation),
        }
    }

    /// Whether the remarks of an item show that it was done.
    pub fn is_done(&self, remarks: &[Remark]) -> bool {
        let Some(remark) = remarks.iter().find(|remark| remark.id == self.id()) else { return false };
        match self {
            Self::Add(_) => true,
            Self::Decide(_, asked) => {
                let taken = remark.decision.as_ref();
                taken.is_some_and(|taken| taken.by == asked.by.trim() && taken.granted == asked.granted)
            }
            Self::Revoke(_, asked) => remark.revocation.as_ref().is_some_and(|taken| taken.by == asked.by.trim()),
        }
    }
}

/// Puts a remark in the place of the one with its identity, or behind the others.
pub fn put(remarks: &mut Vec<Remark>, remark: Remark) {
    match remarks.iter_mut().find(|other| other.id == remark.id) {
        Some(old) => *old = remark,
        None => remarks.push(remark),
    }
}

fn decided(remark: &Remark, decision: &Decision) -> Result<Remark, RemarkError> {
    check_not_revoked(remark)?;
    if remark.waits.is_none() {
        return Err(RemarkError::NotWaiting);
    }
    if let Some(Decision { by, at, .. }) = &remark.decision {
        return Err(RemarkError::Decided { by: by.clone(), at: *at });
    }
    let by = decision.by.trim();
    if by.is_empty() || decision.why.trim().is_empty() {
        return Err(RemarkError::Anonymous);
    }
    if by == remark.by {
        return Err(RemarkError::SamePerson(remark.by.clone()));
    }
    let why = decision.why.trim().to_owned();
    Ok(Remark { decision: Some(Decision { by: by.to_owned(), why, ..decision.clone() }), ..remark.clone() })
}

fn revoked(remark: &Remark, revocation: &Revocation) -> Result<Remark, RemarkError> {
    check_not_revoked(remark)?;
    let (by, why) = (revocation.by.trim(), revocation.why.trim());
    if by.is_empty() || why.is_empty() {
        return Err(RemarkError::Anonymous);
    }
    let revocation = Revocation { at: revocation.at, by: by.to_owned(), why: why.to_owned() };
    Ok(Remark { revocation: Some(revocation), ..remark.clone() })
}

fn check_not_revoked(remark: &Remark) -> Result<(), RemarkError> {
    match &remark.revocation {
        Some(Revocation { by, at, .. }) => Err(RemarkError::Revoked { by: by.clone(), at: *at }),
        None => Ok(()),
    }
}
