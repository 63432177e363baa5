//! What a fold came to: every number that a report shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::approval::ApprovalSource;
use reprieve_core::audit::Cloud;
use reprieve_core::{EventForm, Status};
use serde::Serialize;

use super::case::{Case, Cover, Kind, Rejected};
use super::heat::{self, UseHeat};
use super::incident::{ApprovedAct, Drill, DrillVerdict, Incident, Resolution};
use super::part::{
    Alerts, ApprovalsUsed, Coverage, Decisions, Drills, Measured, PlaceCount, RefusedUses, Remediation, Rotations, Share, Weights,
};
use super::risk::{self, AtRisk};
use super::times::Times;
use super::{Anomaly, Kpis, Period, count};

/// Every number. `shared/docs/kpis.md` defines each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The period asked for.
    pub period: Period,
    /// The moment as of which deadlines are told.
    pub as_of: Timestamp,
    /// How many things each one counted stands for; all 1 where everything is exact.
    pub weights: Weights,
    /// What was decided.
    pub decisions: Decisions,
    /// Receipt minus event time.
    pub detect: Measured,
    /// Verified target state minus event time, and what was not remediated.
    pub remediate: Remediation,
    /// What people were told, and how much of it was for planned changes.
    pub alerts: Alerts,
    /// Keys that are monitored, by the latest postures.
    pub coverage: Coverage,
    /// Storage of the Activity Log that is under a customer-managed key, by the latest postures.
    pub log_storage: Coverage,
    /// Approvals that were used, and those that were not let pass.
    pub approvals: ApprovalsUsed,
    /// New material.
    pub rotations: Rotations,
    /// Uses.
    pub uses: UseHeat,
    /// Refused uses.
    pub refused: RefusedUses,
    /// Entries of logs that were counted, by cloud.
    pub entries: BTreeMap<Cloud, u64>,
    /// Drills.
    pub drills: Drills,
    /// Keys that may be lost, the nearest deadline first.
    pub at_risk: Vec<AtRisk>,
    /// Keys at risk that postures name beyond those listed.
    pub at_risk_hidden: u64,
    /// Incidents by place, the most first.
    pub places: Vec<PlaceCount>,
    /// Incidents, the latest first.
    pub incidents: Vec<Incident>,
    /// Anomalies, the highest score first.
    pub anomalies: Vec<Anomaly>,
}

/// A fold, with what is left when drills are put aside.
struct Told<'a> {
    kpis: &'a Kpis,
    weight: u64,
    cases: Vec<&'a Case>,
    drills: Vec<&'a Case>,
}

pub(crate) fn of(kpis: &Kpis, period: Period, as_of: Timestamp) -> Summary {
    let drilled = risk::drilled(kpis);
    let of_drill = |case: &&Case| case.happened.is_drill || (case.happened.is_key && drilled.contains(case.happened.target.as_str()));
    let (of_drills, cases): (Vec<&Case>, Vec<&Case>) = kpis.cases.values().partition(of_drill);
    let drills = of_drills.into_iter().filter(|case| case.happened.is_drill).collect();
    let told = Told { kpis, weight: kpis.cases.weight(), cases, drills };
    let stands = || kpis.stands.values().map(|stand| &stand.posture);
    Summary {
        period,
        as_of,
        weights: Weights {
            decisions: kpis.cases.weight(),
            uses: kpis.uses.weight(),
            refused: kpis.refused.weight(),
            rotations: kpis.rotations.weight(),
            rest: kpis.rest.weight(),
            anomalies: kpis.anomalies.weight(),
        },
        decisions: told.decisions(),
        detect: told.detect(),
        remediate: told.remediate(),
        alerts: told.alerts(),
        coverage: told.coverage(stands().map(|posture| posture.keys_monitored).sum(), stands().map(|posture| posture.keys).sum()),
        log_storage: told.coverage(
            stands().map(|posture| posture.log_storages_under_customer_key).sum(),
            stands().map(|posture| posture.log_storages).sum(),
        ),
        approvals: told.approvals(),
        rotations: count::rotations(kpis),
        uses: heat::of(kpis),
        refused: count::refused(kpis),
        entries: count::entries(kpis),
        drills: told.drills(),
        at_risk: risk::at_risk(kpis, as_of),
        at_risk_hidden: kpis.stands.values().map(|stand| stand.hidden).sum(),
        places: told.places(),
        incidents: told.incidents(),
        anomalies: count::anomalies(kpis),
    }
}

impl Told<'_> {
    /// Counts cases.
    fn count(&self, is_one: impl Fn(&Case) -> bool) -> u64 {
        self.times(self.cases.iter().filter(|case| is_one(case)).count())
    }

    fn times(&self, count: usize) -> u64 {
        u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(self.weight)
    }

    fn decisions(&self) -> Decisions {
        let mut decisions = Decisions {
            total: self.count(|_| true),
            incidents: self.count(Case::is_incident),
            escalated: self.count(|case| case.ending().is_some_and(|ending| ending.kind == Kind::Escalate)),
            escalations: self.times(self.cases.iter().filter_map(|case| case.ending()).map(|ending| ending.escalations.len()).sum()),
            found_by_sweep: self.count(|case| case.happened.form == EventForm::Sweep && case.happened.threat.is_some()),
            ..Decisions::default()
        };
        for case in &self.cases {
            let status = case.ending().map_or(Status::Pending, |ending| ending.status);
            *decisions.by_status.entry(word(status)).or_default() += self.weight;
            if case.is_incident() {
                *decisions.resolutions.entry(Resolution::of(case.ending())).or_default() += self.weight;
            }
        }
        decisions
    }

    /// The time to detect of everything that was decided on: events that need no answer are detected too.
    fn detect(&self) -> Measured {
        let times: Vec<i64> = self.cases.iter().filter_map(|case| case.detect_ms).collect();
        Measured { unmeasured: self.count(|case| case.detect_ms.is_none()), times: Times::of(times) }
    }

    fn remediate(&self) -> Remediation {
        let remedied = |case: &Case| case.ending().is_some_and(|ending| ending.kind == Kind::Remedy && ending.status == Status::Success);
        let measured = |case: &Case| case.ending().and_then(|ending| ending.remediate_ms).filter(|_| remedied(case));
        let resolved = |case: &Case, as_one: Resolution| case.is_incident() && Resolution::of(case.ending()) == as_one;
        let is_remedy = |case: &Case| case.ending().is_some_and(|ending| ending.kind == Kind::Remedy);
        Remediation {
            times: Times::of(self.cases.iter().filter_map(|case| measured(case)).collect()),
            unmeasured: self.count(|case| remedied(case) && measured(case).is_none()),
            failed: self.count(|case| is_remedy(case) && (resolved(case, Resolution::Failed) || resolved(case, Resolution::Gone))),
            unfinished: self.count(|case| resolved(case, Resolution::Unfinished)),
            only_observed: self.count(|case| is_remedy(case) && resolved(case, Resolution::OnlyObserved)),
        }
    }

    fn alerts(&self) -> Alerts {
        let anomalies = &self.kpis.anomalies;
        let decisions = self.count(|case| case.is_alert);
        let false_decisions = self.count(|case| case.is_alert && is_planned(case));
        let mut judged = (0_u64, 0_u64);
        for (id, _) in anomalies.iter() {
            match self.kpis.cases.find(id) {
                Some(case) if is_planned(case) => judged.1 += 1,
                Some(case) if case.is_incident() => judged.0 += 1,
                Some(_) | None => {}
            }
        }
        let true_positive = decisions - false_decisions + judged.0 * anomalies.weight();
        let false_positive = false_decisions + judged.1 * anomalies.weight();
        let total = decisions + anomalies.total();
        Alerts {
            total,
            decisions,
            anomalies: anomalies.total(),
            true_positive,
            false_positive,
            unjudged: total.saturating_sub(true_positive + false_positive),
            false_positive_rate: Share::of(false_positive, true_positive + false_positive),
        }
    }

    fn coverage(&self, part: u64, whole: u64) -> Coverage {
        let stands = &self.kpis.stands;
        Coverage {
            share: Share::of(part, whole),
            places: u64::try_from(stands.len()).unwrap_or(u64::MAX),
            oldest_at: stands.values().map(|stand| stand.posture.at).min(),
        }
    }

    fn approvals(&self) -> ApprovalsUsed {
        let mut used = ApprovalsUsed::default();
        for ending in self.cases.iter().filter_map(|case| case.ending()) {
            let of_cover = ending.cover.as_ref().map(|cover| match cover {
                Cover::Approval { source: ApprovalSource::SealedTags, .. } => &mut used.sealed_tags,
                Cover::Approval { source: ApprovalSource::Ledger, .. } => &mut used.ledger,
                Cover::Approval { source: ApprovalSource::PlainTags, .. } => &mut used.plain_tags,
                Cover::BrokenGlass { .. } => &mut used.broken_glass,
                Cover::Policy { .. } => &mut used.by_policy,
            });
            if let Some(count) = of_cover {
                *count += self.weight;
            }
            let of_rejection = ending.rejected.as_ref().map(|rejected| match rejected {
                Rejected::SelfApproved => &mut used.self_approved,
                Rejected::Revoked { .. } => &mut used.revoked,
                Rejected::Invalid => &mut used.invalid,
                Rejected::Insufficient => &mut used.insufficient,
            });
            if let Some(count) = of_rejection {
                *count += self.weight;
            }
        }
        used.acts = self.cases.iter().filter_map(|case| ApprovedAct::of(case)).collect();
        used.acts.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.event_id.cmp(&other.event_id)));
        used
    }

    fn drills(&self) -> Drills {
        let mut all: Vec<Drill> = self.drills.iter().map(|case| Drill::of(case)).collect();
        all.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.id.cmp(&other.id)));
        let count = |verdict| self.times(all.iter().filter(|drill| drill.verdict == verdict).count());
        Drills { passed: count(DrillVerdict::Passed), missed: count(DrillVerdict::Missed), not_held: count(DrillVerdict::NotHeld), all }
    }

    fn incidents(&self) -> Vec<Incident> {
        let mut incidents: Vec<Incident> = self.cases.iter().filter(|case| case.is_incident()).map(|case| Incident::of(case)).collect();
        incidents.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.event_id.cmp(&other.event_id)));
        incidents
    }

    fn places(&self) -> Vec<PlaceCount> {
        let mut places: BTreeMap<(Cloud, &str, &str), PlaceCount> = BTreeMap::new();
        let empty = |(cloud, account, region): (Cloud, &str, &str)| PlaceCount {
            cloud,
            account: account.to_owned(),
            region: region.to_owned(),
            incidents: 0,
            undone: 0,
            failed: 0,
            keys: None,
            keys_monitored: None,
        };
        for posture in self.kpis.stands.values().map(|stand| &stand.posture) {
            let key = (posture.cloud, posture.account.as_str(), posture.region.as_str());
            let place = places.entry(key).or_insert_with(|| empty(key));
            (place.keys, place.keys_monitored) = (Some(posture.keys), Some(posture.keys_monitored));
        }
        for case in self.cases.iter().filter(|case| case.is_incident()) {
            let key = (case.happened.cloud, case.happened.account.as_str(), case.happened.region.as_str());
            let place = places.entry(key).or_insert_with(|| empty(key));
            place.incidents += self.weight;
            match Resolution::of(case.ending()) {
                Resolution::Undone => place.undone += self.weight,
                Resolution::Failed | Resolution::Gone | Resolution::Unfinished => place.failed += self.weight,
                Resolution::HumanCalled | Resolution::Stood | Resolution::OnlyObserved => {}
            }
        }
        let mut places: Vec<PlaceCount> = places.into_values().collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.incidents));
        places
    }
}

/// Says whether what happened was a planned change: an approval or a policy let it pass. A broken glass is none: it is meant to be seen.
fn is_planned(case: &Case) -> bool {
    match case.ending().and_then(|ending| ending.cover.as_ref()) {
        Some(Cover::Approval { .. } | Cover::Policy { .. }) => true,
        Some(Cover::BrokenGlass { .. }) | None => false,
    }
}

/// Returns the word of a status, as records write it.
const fn word(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::NothingToDo => "nothing_to_do",
        Status::Observed => "observed",
        Status::Success => "success",
        Status::Failure => "failure",
        Status::DoesNotExist => "does_not_exist",
        Status::Partial => "partial",
        Status::Unsupported => "unsupported",
        Status::Escalated => "escalated",
    }
}
