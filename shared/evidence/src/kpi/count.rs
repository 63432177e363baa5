//! Counts over entries of logs: rotations, refused uses, entries, anomalies.

use std::collections::{BTreeMap, BTreeSet};

use reprieve_core::audit::Cloud;

use super::entry::Refusal;
use super::heat::date;
use super::part::{Counted, RefusedUses, Rotations};
use super::{Anomaly, Kpis};

/// How many names a list of counts holds.
const NAMES: usize = 20;

pub(crate) fn rotations(kpis: &Kpis) -> Rotations {
    let weight = kpis.rotations.weight();
    let mut by_month: BTreeMap<String, u64> = BTreeMap::new();
    for hour in kpis.rotations.values().filter_map(|rotation| rotation.hour) {
        let month: String = date(hour.day()).chars().take(7).collect();
        *by_month.entry(month).or_default() += weight;
    }
    let assets: BTreeSet<u64> = kpis.rotations.values().map(|rotation| rotation.asset).collect();
    Rotations { total: kpis.rotations.total(), assets: u64::try_from(assets.len()).unwrap_or(u64::MAX), by_month }
}

pub(crate) fn refused(kpis: &Kpis) -> RefusedUses {
    let counted = |of: &dyn Fn(&Refusal) -> u64| {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for refusal in kpis.refused.values() {
            *counts.entry(of(refusal)).or_default() += kpis.refused.weight();
        }
        let mut counted: Vec<Counted> =
            counts.into_iter().map(|(name, count)| Counted { name: kpis.name(name).to_owned(), count }).collect();
        counted.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
        counted.truncate(NAMES);
        counted
    };
    RefusedUses {
        total: kpis.refused.total(),
        by_principal: counted(&|refusal| refusal.principal),
        by_asset: counted(&|refusal| refusal.asset),
        by_code: counted(&|refusal| refusal.code),
    }
}

pub(crate) fn entries(kpis: &Kpis) -> BTreeMap<Cloud, u64> {
    let mut entries = BTreeMap::new();
    let uses = kpis.uses.values().map(|one| (one.cloud, kpis.uses.weight()));
    let refused = kpis.refused.values().map(|one| (one.cloud, kpis.refused.weight()));
    let rotations = kpis.rotations.values().map(|one| (one.cloud, kpis.rotations.weight()));
    let rest = kpis.rest.values().map(|one| (one.cloud, kpis.rest.weight()));
    for (cloud, weight) in uses.chain(refused).chain(rotations).chain(rest) {
        *entries.entry(cloud).or_default() += weight;
    }
    entries
}

pub(crate) fn anomalies(kpis: &Kpis) -> Vec<Anomaly> {
    let mut anomalies: Vec<(u64, &Anomaly)> = kpis.anomalies.iter().collect();
    anomalies.sort_by(|(one_id, one), (other_id, other)| (other.score, other.at, one_id).cmp(&(one.score, one.at, other_id)));
    anomalies.into_iter().map(|(_, anomaly)| anomaly.clone()).collect()
}
