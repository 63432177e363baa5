//! Puts the judgements together, key by key, and counts.

use super::gap::Gap;
use super::route::Route;
use super::{Count, KeyReport, KeyView, Lockout, Observation, RegionReport, Report, alarm, permission, route};
use crate::facts::{KeyDescription, Known};

/// Judges every key of every account and Region.
#[must_use]
pub fn assess(observations: &[Observation]) -> Report {
    let mut lockouts = Vec::new();
    let regions: Vec<RegionReport> = observations.iter().map(|observation| region(observation, &mut lockouts)).collect();
    let count = regions.iter().fold(Count::default(), |sum, region| sum.plus(region.count));
    let is_hidden = regions.iter().any(|region| !region.gaps.is_empty());
    Report { percentage: count.percentage(is_hidden), count, regions, lockouts }
}

impl Count {
    const fn plus(self, other: Self) -> Self {
        Self {
            customer_managed: self.customer_managed + other.customer_managed,
            monitored: self.monitored + other.monitored,
            pending_deletion: self.pending_deletion + other.pending_deletion,
            aws_managed: self.aws_managed + other.aws_managed,
        }
    }

    /// Where there are no keys, all of them are monitored; where they may be hidden, nobody can say that all are.
    fn percentage(self, is_hidden: bool) -> usize {
        let percentage = (self.monitored * 100).checked_div(self.customer_managed);
        match (percentage, is_hidden) {
            (None, true) => 0,
            (None, false) => 100,
            (Some(percentage), true) => percentage.min(99),
            (Some(percentage), false) => percentage,
        }
    }
}

fn region(observation: &Observation, lockouts: &mut Vec<Lockout>) -> RegionReport {
    let mut gaps = Vec::new();
    let views = match &observation.keys {
        Known::Is(keys) => keys.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => {
            gaps.push(Gap::unreadable("the keys of the Region", why, "kms:ListKeys"));
            &[]
        }
    };
    let route = route::route(observation);
    let alarm_gaps = alarm::gaps(&observation.monitoring, &observation.place.region);
    let mut count = Count::default();
    let mut keys = Vec::new();
    for view in views.iter().filter(|view| view.description != Known::Absent) {
        let description = view.description.value();
        if description.is_some_and(|description| description.aws_managed) {
            count.aws_managed += 1;
            continue;
        }
        let key = key(view, &route, &alarm_gaps, observation);
        count.customer_managed += 1;
        count.monitored += usize::from(key.monitored);
        count.pending_deletion += usize::from(description.is_some_and(KeyDescription::deletion_is_pending));
        lockouts.extend(permission::lockouts(view, &route, &observation.place));
        keys.push(key);
    }
    let findings = observation.monitoring.value().map(|monitoring| monitoring.plan.findings.clone()).unwrap_or_default();
    RegionReport { place: observation.place.clone(), percentage: count.percentage(!gaps.is_empty()), count, gaps, keys, findings }
}

fn key(view: &KeyView, route: &Route, alarm_gaps: &[Gap], observation: &Observation) -> KeyReport {
    let mut gaps = Vec::new();
    if let Known::Unreadable(why) = &view.description {
        gaps.push(Gap::unreadable("the key", why, "kms:DescribeKey"));
    }
    gaps.extend(route.gaps.iter().cloned());
    gaps.extend(permission::gaps(view, route, observation));
    gaps.extend(alarm_gaps.iter().cloned());
    KeyReport {
        arn: view.arn.clone(),
        aliases: view.aliases.clone(),
        state: view.description.value().map(|description| description.state.clone()),
        monitored: gaps.is_empty(),
        gaps,
    }
}
