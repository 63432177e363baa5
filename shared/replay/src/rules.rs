//! By what is decided: policy, approvals, and what is looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::approval::Written;
use reprieve_core::{ApprovalRules, Policy, RoleArn};

/// A time from its first moment on, and before its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// The first moment; open where absent.
    pub from: Option<Timestamp>,
    /// The end; open where absent.
    pub to: Option<Timestamp>,
}

impl Period {
    /// Says whether a moment is in it. What has no time is, where the period is open on both sides.
    #[must_use]
    pub fn holds(&self, time: Option<Timestamp>) -> bool {
        match time {
            Some(time) => self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to),
            None => self.from.is_none() && self.to.is_none(),
        }
    }
}

/// By what is decided. What lies outside of period, accounts and Regions is not decided on; it is history all the same.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The policies.
    pub policy: Policy,
    /// What the deployment would say about approving.
    pub approval: ApprovalRules,
    /// What the ledger held, by the canonical name of the key: approvals given outside the key, and revocations.
    pub written: BTreeMap<String, Written>,
    /// The role of the deployment, whose own restorative calls are not answered.
    pub remediator: Option<RoleArn>,
    /// When.
    pub period: Period,
    /// Accounts, subscriptions or projects; all where empty.
    pub accounts: BTreeSet<String>,
    /// Regions or locations; all where empty.
    pub regions: BTreeSet<String>,
}

impl Rules {
    /// Makes the rules of a deployment as it is shipped: the shipped policies, no approvals, everything looked at.
    #[must_use]
    pub fn shipped() -> Self {
        Self {
            policy: Policy::shipped(),
            approval: ApprovalRules::default(),
            written: BTreeMap::new(),
            remediator: None,
            period: Period::default(),
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
        }
    }

    /// Returns what the ledger held of a key, by its canonical name, when something happened: a revocation counts from when it was written.
    /// `None` where it holds nothing of the key.
    pub(crate) fn written_as_of(&self, key: &str, time: Option<Timestamp>) -> Option<Written> {
        let mut written = self.written.get(key)?.clone();
        written.revocations.retain(|revocation| time.is_none_or(|time| revocation.at <= time));
        Some(written)
    }
}
