//! The parts of a summary.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::audit::Cloud;
use serde::Serialize;

use super::incident::{ApprovedAct, Drill, Resolution};
use super::times::Times;

/// How many things each one counted stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// Decided events.
    pub decisions: u64,
    /// Uses.
    pub uses: u64,
    /// Refused uses.
    pub refused: u64,
    /// Rotations.
    pub rotations: u64,
    /// Other entries.
    pub rest: u64,
    /// Anomalies.
    pub anomalies: u64,
}

impl Weights {
    /// Says whether every number is exact.
    #[must_use]
    pub fn are_exact(&self) -> bool {
        [self.decisions, self.uses, self.refused, self.rotations, self.rest, self.anomalies].iter().all(|weight| *weight == 1)
    }
}

/// What was decided, drills and what the guard did on their keys left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Decisions {
    /// Events that were decided on.
    pub total: u64,
    /// Of these, those that are incidents.
    pub incidents: u64,
    /// Incidents by what became of them.
    pub resolutions: BTreeMap<Resolution, u64>,
    /// Events by the status of their outcome.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Events that ended with a call for a human.
    pub escalated: u64,
    /// Single things that a human was asked to look at.
    pub escalations: u64,
    /// Events that never arrived, found by a sweep.
    pub found_by_sweep: u64,
}

/// Durations, over which events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The durations.
    pub times: Times,
    /// Events of which it could not be measured: no time in the event, or no event.
    pub unmeasured: u64,
}

/// Times to remediate, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remediation {
    /// Of remedies that succeeded and were verified.
    pub times: Times,
    /// Remedies that succeeded, without a verified state or without a time of the event.
    pub unmeasured: u64,
    /// Remedies that failed: in no way part of the times.
    pub failed: u64,
    /// Intents without an outcome.
    pub unfinished: u64,
    /// Remedies that were only decided, in mode `observe`.
    pub only_observed: u64,
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
    /// The part in percent, cut to one digit, so that 100 means all; absent where the whole is nothing.
    pub percent: Option<f64>,
}

impl Share {
    /// Makes it of both numbers.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        let tenths = part.saturating_mul(1_000).checked_div(whole).and_then(|tenths| u32::try_from(tenths).ok());
        Self { part, whole, percent: tenths.map(|tenths| f64::from(tenths) / 10.0) }
    }
}

/// What people were told: decisions and anomalies.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Alerts {
    /// Alerts in all.
    pub total: u64,
    /// Of these, decisions.
    pub decisions: u64,
    /// Of these, anomalies.
    pub anomalies: u64,
    /// For something that no approval and no policy let pass, or for a broken glass.
    pub true_positive: u64,
    /// For a planned change: an approval or a policy had let it pass.
    pub false_positive: u64,
    /// Anomalies of which no decision says whether it was planned. They are in neither of the two.
    pub unjudged: u64,
    /// False positives among those that are judged.
    pub false_positive_rate: Share,
}

/// Some of many, by the latest posture of each account and Region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// The share.
    pub share: Share,
    /// Accounts and Regions of which there is a posture.
    pub places: u64,
    /// When the oldest of these postures was looked at.
    pub oldest_at: Option<Timestamp>,
}

/// Approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalsUsed {
    /// Acts that an approval in sealed tags let pass.
    pub sealed_tags: u64,
    /// Acts that an approval in the ledger let pass.
    pub ledger: u64,
    /// Acts that plain tags let pass.
    pub plain_tags: u64,
    /// Acts that a policy let pass without an approval.
    pub by_policy: u64,
    /// Acts that passed under a broken glass.
    pub broken_glass: u64,
    /// Acts that their own doer had approved: not let pass.
    pub self_approved: u64,
    /// Acts whose approval was revoked: not let pass.
    pub revoked: u64,
    /// Acts whose approval is none: not let pass.
    pub invalid: u64,
    /// Acts whose approval did not suffice: not let pass.
    pub insufficient: u64,
    /// The acts that passed, the latest first.
    pub acts: Vec<ApprovedAct>,
}

impl ApprovalsUsed {
    /// Acts that an approval let pass.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.sealed_tags + self.ledger + self.plain_tags
    }

    /// Approvals that let nothing pass.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.self_approved + self.revoked + self.invalid + self.insufficient
    }
}

/// New material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rotations {
    /// How often.
    pub total: u64,
    /// Of how many keys and secrets.
    pub assets: u64,
    /// How often, by month, as `2026-11`.
    pub by_month: BTreeMap<String, u64>,
}

/// A name, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The name.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Refused uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RefusedUses {
    /// How often.
    pub total: u64,
    /// By caller, the most first.
    pub by_principal: Vec<Counted>,
    /// By key or secret, the most first.
    pub by_asset: Vec<Counted>,
    /// By error code, the most first.
    pub by_code: Vec<Counted>,
}

/// Drills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drills {
    /// How many passed.
    pub passed: u64,
    /// How many missed something.
    pub missed: u64,
    /// How many were not held.
    pub not_held: u64,
    /// The drills, the latest first.
    pub all: Vec<Drill>,
}

/// Incidents of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceCount {
    /// The cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: String,
    /// The Region.
    pub region: String,
    /// Incidents.
    pub incidents: u64,
    /// Of these, those that were undone.
    pub undone: u64,
    /// Of these, those that failed, are gone, or have no outcome.
    pub failed: u64,
    /// Customer-managed keys, by the latest posture.
    pub keys: Option<u64>,
    /// Of these, those that are monitored.
    pub keys_monitored: Option<u64>,
}
