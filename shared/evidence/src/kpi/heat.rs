//! When keys and secrets are used: by the hour of the week, and the most used ones by day. All in UTC.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Kpis;

/// How many keys are told by day.
const KEYS: usize = 12;

/// When keys and secrets were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UseHeat {
    /// How many uses succeeded.
    pub total: u64,
    /// How many keys and secrets were used.
    pub assets: u64,
    /// Uses by day of the week, from Monday, and hour of the day.
    pub hours_of_week: [[u64; 24]; 7],
    /// The most used keys and secrets, with their uses by day.
    pub busiest: Vec<KeyDays>,
}

/// Uses of one key or secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyDays {
    /// Its full id.
    pub asset: String,
    /// How many uses.
    pub total: u64,
    /// Uses by day, as `2026-11-21`.
    pub days: BTreeMap<String, u64>,
}

pub(crate) fn of(kpis: &Kpis) -> UseHeat {
    let weight = kpis.uses.weight();
    let mut hours_of_week = [[0_u64; 24]; 7];
    let mut by_asset: BTreeMap<u64, (u64, BTreeMap<i64, u64>)> = BTreeMap::new();
    for one in kpis.uses.values() {
        let (total, days) = by_asset.entry(one.asset).or_default();
        *total += weight;
        let Some(hour) = one.hour else { continue };
        *days.entry(hour.day()).or_default() += weight;
        let (day, hour) = hour.of_week();
        if let Some(cell) = hours_of_week.get_mut(day).and_then(|hours| hours.get_mut(hour)) {
            *cell += weight;
        }
    }
    let assets = u64::try_from(by_asset.len()).unwrap_or(u64::MAX);
    let mut busiest: Vec<KeyDays> = by_asset
        .into_iter()
        .map(|(asset, (total, days))| KeyDays {
            asset: kpis.name(asset).to_owned(),
            total,
            days: days.into_iter().map(|(day, count)| (date(day), count)).collect(),
        })
        .collect();
    busiest.sort_by(|one, other| other.total.cmp(&one.total).then_with(|| one.asset.cmp(&other.asset)));
    busiest.truncate(KEYS);
    UseHeat { total: kpis.uses.total(), assets, hours_of_week, busiest }
}

/// Writes a day that is counted from the epoch.
pub(crate) fn date(day: i64) -> String {
    Timestamp::from_second(day.saturating_mul(86_400)).map_or_else(|_| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
