//! Keys that may be lost: those that the latest posture names, and those of which the guard could not answer an event.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::audit::Cloud;
use reprieve_core::posture::KeyAtRisk;
use reprieve_core::{Posture, Status};
use serde::{Deserialize, Serialize};

use super::case::{Case, Ending, Kind};
use super::sample::{Join, digest};
use super::{AT_RISK_LIMIT, Kpis};

/// The latest posture of a place, with as many keys at risk as are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stand {
    id: u64,
    /// How things stood.
    pub(crate) posture: Posture,
    /// How many keys at risk are not kept.
    pub(crate) hidden: u64,
}

impl Stand {
    pub(crate) fn of(posture: &Posture) -> Self {
        let id = digest(&serde_json::to_string(posture).unwrap_or_default());
        let mut posture = posture.clone();
        let hidden = posture.at_risk.len().saturating_sub(AT_RISK_LIMIT);
        posture.at_risk.truncate(AT_RISK_LIMIT);
        Self { id, posture, hidden: u64::try_from(hidden).unwrap_or(u64::MAX) }
    }

    /// Returns the digest of the place.
    pub(crate) fn place_of(posture: &Posture) -> u64 {
        digest(&format!("{}\n{}\n{}", posture.cloud.caption(), posture.account, posture.region))
    }
}

impl Join for Stand {
    fn join(&mut self, other: Self) {
        if (other.posture.at, other.id) > (self.posture.at, self.id) {
            *self = other;
        }
    }
}

/// A key that may be lost, or is not watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtRisk {
    /// The key, by its full id.
    pub id: String,
    /// What people call it, where that is known.
    pub name: String,
    /// The cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: String,
    /// The Region.
    pub region: String,
    /// Why, as a clause or a sentence.
    pub why: String,
    /// When it is lost, where that is known.
    pub deadline: Option<Timestamp>,
    /// Whether the deadline has passed.
    pub has_passed: bool,
    /// When that was seen.
    pub seen_at: Timestamp,
}

/// Lists keys at risk, the nearest deadline first, and what has none last.
pub(crate) fn at_risk(kpis: &Kpis, as_of: Timestamp) -> Vec<AtRisk> {
    let mut found: BTreeMap<String, AtRisk> = BTreeMap::new();
    for stand in kpis.stands.values() {
        for key in &stand.posture.at_risk {
            found.insert(key.id.clone(), of_posture(&stand.posture, key, as_of));
        }
    }
    let drilled = drilled(kpis);
    for case in latest_by_target(kpis).into_values().filter(|case| !drilled.contains(case.happened.target.as_str())) {
        let Some((why, seen_at, deadline)) = left_open(case) else { continue };
        let posture = kpis.stands.values().map(|stand| &stand.posture).find(|posture| {
            let happened = &case.happened;
            (posture.cloud, &posture.account, &posture.region) == (happened.cloud, &happened.account, &happened.region)
        });
        // Whoever looked later and found nothing has the last word.
        if posture.is_some_and(|posture| posture.at > seen_at) {
            if let Some(known) = found.get_mut(&case.happened.target) {
                case.name().clone_into(&mut known.name);
            }
            continue;
        }
        found.insert(case.happened.target.clone(), of_case(case, why, seen_at, deadline, as_of));
    }
    let mut keys: Vec<AtRisk> = found.into_values().collect();
    keys.sort_by(|one, other| order(one).cmp(&order(other)));
    keys
}

fn order(key: &AtRisk) -> (Timestamp, &str) {
    (key.deadline.unwrap_or(Timestamp::MAX), &key.id)
}

fn of_posture(posture: &Posture, key: &KeyAtRisk, as_of: Timestamp) -> AtRisk {
    AtRisk {
        id: key.id.clone(),
        name: key.id.clone(),
        cloud: posture.cloud,
        account: posture.account.clone(),
        region: posture.region.clone(),
        why: key.why.clone(),
        deadline: key.deadline,
        has_passed: key.deadline.is_some_and(|deadline| deadline <= as_of),
        seen_at: posture.at,
    }
}

fn of_case(case: &Case, why: String, seen_at: Timestamp, deadline: Option<Timestamp>, as_of: Timestamp) -> AtRisk {
    AtRisk {
        id: case.happened.target.clone(),
        name: case.name().to_owned(),
        cloud: case.happened.cloud,
        account: case.happened.account.clone(),
        region: case.happened.region.clone(),
        why,
        deadline,
        has_passed: deadline.is_some_and(|deadline| deadline <= as_of),
        seen_at,
    }
}

/// Returns what drills were held on. It protects nothing.
pub(crate) fn drilled(kpis: &Kpis) -> BTreeSet<&str> {
    kpis.cases.values().filter(|case| case.happened.is_drill && case.happened.is_key).map(|case| case.happened.target.as_str()).collect()
}

/// The latest case of each target of which something was to be done, or which was given back without us.
fn latest_by_target(kpis: &Kpis) -> BTreeMap<&str, &Case> {
    let mut latest: BTreeMap<&str, &Case> = BTreeMap::new();
    let told = |case: &Case| (case.at(), case.ending().map(|ending| ending.recorded_at), case.happened.received_at);
    for case in kpis.cases.values().filter(|case| !case.happened.is_drill && case.happened.threat.is_some() | case.is_incident()) {
        let known = latest.entry(case.happened.target.as_str()).or_insert(case);
        if (told(case), &case.happened.event_id) > (told(known), &known.happened.event_id) {
            *known = case;
        }
    }
    latest
}

/// Says why a case leaves its target at risk, when that was seen, and by when something must be done.
fn left_open(case: &Case) -> Option<(String, Timestamp, Option<Timestamp>)> {
    let Some(Ending { status, sentence, recorded_at, deadline, steps, kind, .. }) = case.ending() else {
        let why = format!("`{}` was about to be answered, and no outcome was recorded", case.happened.call);
        return case.was_intended.then_some((why, case.happened.received_at, None));
    };
    let failed = || steps.iter().find(|step| !step.succeeded).map(|step| format!("could not {}: {}", step.what, step.result));
    let why = match status {
        Status::Failure | Status::Partial | Status::Unsupported => failed().unwrap_or_else(|| sentence.clone()),
        Status::Observed if *kind == Kind::Remedy => format!("{sentence} Nothing was done, because the mode is observe."),
        Status::Escalated if deadline.is_some() && case.happened.is_key => sentence.clone(),
        Status::Pending | Status::NothingToDo | Status::Observed | Status::Success | Status::DoesNotExist | Status::Escalated => {
            return None;
        }
    };
    Some((why, *recorded_at, *deadline))
}
