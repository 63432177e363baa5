//! KPIs: a fold over what an archive holds. Pure.
//!
//! [`Kpis`] takes in decisions, entries of logs, findings and postures one by one, and is merged with others. Adding and merging give the
//! same in any order, and a thing that comes twice, by its id, counts once, so that the fold is the map and the reduce of a replay over
//! many machines. [`Kpis::summary`] says what it came to; `shared/docs/kpis.md` defines each number.
//!
//! # Size
//! What is kept is bounded. Up to [`DECISION_LIMIT`] decided events, [`USE_LIMIT`] uses, [`RARE_LIMIT`] refused uses, as many rotations and
//! as many anomalies, and [`USE_LIMIT`] other entries, all numbers are exact. Beyond that, a uniform sample of the ids is kept, by the same
//! rule everywhere, and counts are estimated from it; [`Summary::weights`] says so. The relative standard error of a total is then at most
//! `1 / sqrt(limit / 2)`: 0.3 % for uses, 0.6 % for decisions. The texts kept of one decision are cut, to 20 kB or so in the worst case,
//! and usually take 1 kB. Of a posture, [`AT_RISK_LIMIT`] keys are kept.

mod case;
mod count;
mod entry;
mod heat;
mod incident;
mod part;
mod risk;
mod sample;
mod summary;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::{AuditEvent, Finding, Posture, Record};
use serde::{Deserialize, Serialize};

pub use self::case::{Cover, Done, Kind, Rejected};
pub use self::entry::Anomaly;
pub use self::heat::{KeyDays, UseHeat};
pub use self::incident::{ApprovedAct, Drill, DrillVerdict, Incident, Resolution};
pub use self::part::{
    Alerts, ApprovalsUsed, Counted, Coverage, Decisions, Drills, Measured, PlaceCount, RefusedUses, Remediation, Rotations, Share, Weights,
};
pub use self::risk::AtRisk;
pub use self::summary::Summary;
pub use self::times::{Bar, Times};

use self::case::Case;
use self::entry::{Kept, Names, Refusal, Rest, Rotation, Use};
use self::risk::Stand;
use self::sample::{Join as _, Sample, digest};

/// Decided events that are counted exactly.
pub const DECISION_LIMIT: usize = 65_536;
/// Uses of keys and secrets that are counted exactly, and other entries.
pub const USE_LIMIT: usize = 262_144;
/// Refused uses, rotations and anomalies that are counted exactly, of each.
pub const RARE_LIMIT: usize = 65_536;
/// Keys at risk that are kept of one account and Region, the nearest deadlines first.
pub const AT_RISK_LIMIT: usize = 500;

/// One thing that an archive holds.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// A guard's decision: an intent or an outcome.
    Decision(&'a Record),
    /// An entry of an audit log.
    Entry(&'a AuditEvent),
    /// An anomaly.
    Finding(&'a Finding),
    /// How things stood.
    Posture(&'a Posture),
}

impl Observed<'_> {
    /// Returns the time that it tells of: the event's, else that at which it reached us or was found. `None` for an entry without a time.
    /// It is also the time by which the archive files it.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Decision(record) => Some(record.event.time.unwrap_or(record.received_at)),
            Self::Entry(audit) => audit.event.time,
            Self::Finding(finding) => Some(finding.audit.event.time.unwrap_or(finding.found_at)),
            Self::Posture(posture) => Some(posture.at),
        }
    }
}

/// A span of time. An absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment, inclusive.
    pub from: Option<Timestamp>,
    /// The end, exclusive.
    pub to: Option<Timestamp>,
}

impl Period {
    /// Says whether a moment is within.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    /// Says whether a thing is told of within it. What has no time is only within a period that is open at both ends.
    #[must_use]
    pub fn covers(&self, observed: &Observed<'_>) -> bool {
        observed.at().map_or(self.from.is_none() && self.to.is_none(), |at| self.holds(at))
    }
}

/// Everything that KPIs are told of. The same things give the same value, in whatever order they are added and merged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kpis {
    cases: Sample<Case, DECISION_LIMIT>,
    uses: Sample<Use, USE_LIMIT>,
    refused: Sample<Refusal, RARE_LIMIT>,
    rotations: Sample<Rotation, RARE_LIMIT>,
    rest: Sample<Rest, USE_LIMIT>,
    anomalies: Sample<Anomaly, RARE_LIMIT>,
    /// By the digest of cloud, account and Region.
    stands: BTreeMap<u64, Stand>,
    names: Names,
}

impl Kpis {
    /// Takes in one thing.
    pub fn add(&mut self, observed: &Observed<'_>) {
        match observed {
            Observed::Decision(record) => {
                self.cases.add(digest(record.event.id.as_str()), Case::of(record));
            }
            Observed::Entry(audit) => self.add_entry(audit),
            Observed::Finding(finding) => {
                self.anomalies.add(digest(finding.audit.event.id.as_str()), entry::anomaly(finding));
            }
            Observed::Posture(posture) => self.add_stand(Stand::place_of(posture), Stand::of(posture)),
        }
    }

    fn add_entry(&mut self, audit: &AuditEvent) {
        let id = digest(audit.event.id.as_str());
        let (kept, texts) = entry::keep(audit);
        let is_kept = match &kept {
            Kept::Use(_) => self.uses.keeps(id),
            Kept::Refusal(_) => self.refused.keeps(id),
            Kept::Rotation(_) => self.rotations.keeps(id),
            Kept::Rest(_) => self.rest.keeps(id),
        };
        if !is_kept {
            return;
        }
        self.names.extend(texts);
        let has_let_go = match kept {
            Kept::Use(what) => self.uses.add(id, what),
            Kept::Refusal(what) => self.refused.add(id, what),
            Kept::Rotation(what) => self.rotations.add(id, what),
            Kept::Rest(what) => self.rest.add(id, what),
        };
        if has_let_go {
            self.forget_names();
        }
    }

    fn add_stand(&mut self, place: u64, stand: Stand) {
        match self.stands.entry(place) {
            std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().join(stand),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(stand);
            }
        }
    }

    /// Takes in what another fold came to.
    pub fn merge(&mut self, other: Self) {
        self.cases.merge(other.cases);
        self.uses.merge(other.uses);
        self.refused.merge(other.refused);
        self.rotations.merge(other.rotations);
        self.rest.merge(other.rest);
        self.anomalies.merge(other.anomalies);
        for (place, stand) in other.stands {
            self.add_stand(place, stand);
        }
        self.names.extend(other.names);
        self.forget_names();
    }

    /// Forgets names that nothing refers to.
    fn forget_names(&mut self) {
        let uses = self.uses.values().map(|one| one.asset);
        let refused = self.refused.values().flat_map(|one| [one.asset, one.principal, one.code]);
        let rotations = self.rotations.values().map(|one| one.asset);
        let known: BTreeSet<u64> = uses.chain(refused).chain(rotations).collect();
        self.names.retain(|name, _| known.contains(name));
    }

    fn name(&self, id: u64) -> &str {
        self.names.get(&id).map_or("(unknown)", String::as_str)
    }

    /// Says whether nothing was taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let entries = self.uses.total() + self.refused.total() + self.rotations.total() + self.rest.total();
        entries + self.cases.total() + self.anomalies.total() == 0 && self.stands.is_empty()
    }

    /// Says what it came to, as of a moment: what is then still to come of deadlines.
    #[must_use]
    pub fn summary(&self, period: Period, as_of: Timestamp) -> Summary {
        summary::of(self, period, as_of)
    }
}
