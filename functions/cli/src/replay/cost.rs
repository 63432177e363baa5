//! What Reprieve would cost a month where these logs come from: an estimate, by the accounts, Regions, keys and acts that they name.

use std::collections::BTreeSet;

use reprieve_core::cost::{Estimate, Part, PriceTable, Scale};
use reprieve_core::monitoring::{Baseline, CisVersion, PatternMode};
use reprieve_replay::{Answer, Period};

use super::words;
use crate::plain::counted;

/// The days of a month that is estimated.
const DAYS_OF_A_MONTH: u64 = 30;

/// An estimate, and what it rests on.
pub(super) struct Cost {
    /// What it comes to.
    pub(super) estimate: Estimate,
    /// From what, as sentences.
    pub(super) says: String,
    /// The command that itemises it.
    pub(super) command: String,
}

/// Estimates; `None` where the logs name no key of AWS, for which alone prices are known.
pub(super) fn of(answer: &Answer, period: Period) -> Option<Cost> {
    let keys: Vec<&str> = answer.keys.iter().map(|key| key.key.as_str()).filter(|key| key.starts_with("arn:")).collect();
    let places: BTreeSet<(&str, &str)> = keys.iter().map(|key| words::place_of(key)).collect();
    let accounts: BTreeSet<&str> = places.iter().map(|(account, _)| *account).collect();
    if keys.is_empty() {
        return None;
    }
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let on_them: u64 = answer.keys.iter().filter(|key| key.key.starts_with("arn:")).flat_map(|key| key.acts.values()).sum();
    let days = words::days(answer, period);
    let key_events = on_them.saturating_mul(DAYS_OF_A_MONTH).div_ceil(days);
    let scale = Scale {
        accounts: number(accounts.len()),
        regions: number(places.len().div_ceil(accounts.len())),
        keys: number(keys.len()),
        key_events,
        management_events: 0,
        is_second_trail: false,
        // Whoever has these logs has a trail.
        has_own_trail: true,
        dashboards: number(accounts.len()),
    };
    let prices = PriceTable::listed();
    let controls = number(Baseline::of(CisVersion::V5_0, PatternMode::ByMatching, true).controls.len());
    let estimate = Estimate::of(scale, controls, &prices);
    let [guard, monitoring, drill] = Part::ALL.map(|part| estimate.total_of(part).in_cents());
    let says = format!(
        "The guard {guard}, the monitoring {monitoring}, the drill {drill}. An estimate at list prices of {} as read on {}, for what these \
         logs name: {}, {} each, {}, and {} a month (there were {} in {}). Keys that nobody acted on are in no log, and so not in it; the \
         trail is there already, and costs nothing more.",
        prices.region,
        prices.date,
        counted(scale.accounts, "account"),
        counted(scale.regions, "Region"),
        counted(scale.keys, "key"),
        counted(key_events, "act"),
        crate::plain::grouped(on_them),
        counted(days, "day"),
    );
    // Thousandths, as the option takes them.
    let per_key = key_events.saturating_mul(1_000).div_ceil(scale.keys.max(1));
    let per_key = format!("{}.{:03}", per_key / 1_000, per_key % 1_000);
    let command = format!(
        "reprieve cost --accounts {} --regions {} --keys {} --events-per-key {} --own-trail",
        scale.accounts,
        scale.regions,
        scale.keys,
        per_key.trim_end_matches('0').trim_end_matches('.')
    );
    Some(Cost { estimate, says, command })
}
