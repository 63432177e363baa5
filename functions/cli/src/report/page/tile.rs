//! The numbers at the top: each with what it is of, so that none stands alone.

use jiff::Timestamp;
use reprieve_evidence::kpi::{Coverage, Summary};

use super::{counted, duration, grouped, moment, percent, plural};

/// A number, and what it is of.
#[derive(Debug)]
pub(in crate::report) struct Tile {
    /// What it measures.
    pub(in crate::report) label: &'static str,
    /// The number.
    pub(in crate::report) value: String,
    /// Of what, and what else to know of it.
    pub(in crate::report) says: String,
    /// How it is to be taken.
    pub(in crate::report) tone: Tone,
}

/// How a number is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    /// As it should be.
    Good,
    /// Somebody should look.
    Bad,
    /// As it is.
    Plain,
}

impl Tone {
    /// Returns the class of the page's style.
    pub(in crate::report) const fn class(self) -> &'static str {
        match self {
            Self::Good => "whole",
            Self::Bad => "lacking",
            Self::Plain => "as-is",
        }
    }
}

/// Returns the numbers, in the order in which they are shown.
pub(in crate::report) fn tiles(summary: &Summary) -> Vec<Tile> {
    vec![
        detect(summary),
        remediate(summary),
        share("Keys monitored", "key", &summary.coverage),
        alerts(summary),
        approvals(summary),
        drills(summary),
        share("Activity Log storage under own key", "storage account", &summary.log_storage),
        rotations(summary),
        refused(summary),
        anomalies(summary),
    ]
}

fn detect(summary: &Summary) -> Tile {
    let times = &summary.detect.times;
    let mut says = vec![match (times.p95_ms, times.max_ms) {
        (Some(p95), Some(max)) => format!("half sooner; 95 % within {}, all within {}", duration(p95), duration(max)),
        (_, _) => "no event was timed".to_owned(),
    }];
    if times.negative > 0 {
        says.push(format!("{} negative: clocks disagree", grouped(times.negative)));
    }
    if summary.decisions.found_by_sweep > 0 {
        says.push(format!("{} found by a sweep, without an event", grouped(summary.decisions.found_by_sweep)));
    }
    let value = times.p50_ms.map_or_else(|| "–".to_owned(), duration);
    Tile { label: "Time to detect", value, says: says.join("; "), tone: if times.negative > 0 { Tone::Bad } else { Tone::Plain } }
}

fn remediate(summary: &Summary) -> Tile {
    let told = &summary.remediate;
    let mut says = vec![match (told.times.p95_ms, told.times.max_ms) {
        (Some(p95), Some(max)) => format!("half sooner; 95 % within {}, all within {}", duration(p95), duration(max)),
        (_, _) => "nothing was remediated".to_owned(),
    }];
    for (count, what) in [
        (told.failed, "failed"),
        (told.unfinished, "without an outcome"),
        (told.only_observed, "only observed"),
        (told.unmeasured, "done, but not timed"),
    ] {
        if count > 0 {
            says.push(format!("{} {what}", grouped(count)));
        }
    }
    let tone = if told.failed + told.unfinished > 0 { Tone::Bad } else { Tone::Plain };
    Tile { label: "Time to remediate", value: told.times.p50_ms.map_or_else(|| "–".to_owned(), duration), says: says.join("; "), tone }
}

fn share(label: &'static str, noun: &str, coverage: &Coverage) -> Tile {
    let share = coverage.share;
    let says = match (coverage.oldest_at, share.whole) {
        (None, _) => "nobody looked in this period".to_owned(),
        (Some(at), 0) => format!("no {noun} as of {}", day(at)),
        (Some(at), whole) => format!("{} of {}, as of {}", grouped(share.part), counted(whole, noun), day(at)),
    };
    let tone = match (share.whole, share.part == share.whole) {
        (0, _) => Tone::Plain,
        (_, true) => Tone::Good,
        (_, false) => Tone::Bad,
    };
    Tile { label, value: percent(share.percent), says, tone }
}

fn day(at: Timestamp) -> String {
    moment(at).chars().take(10).collect()
}

fn alerts(summary: &Summary) -> Tile {
    let alerts = &summary.alerts;
    let judged = alerts.true_positive + alerts.false_positive;
    let mut says = match (alerts.total, judged) {
        (0, _) => "nobody was alerted".to_owned(),
        (_, 0) => format!("{}, none judged", counted(alerts.total, "alert")),
        (_, _) => format!("{} for a planned change, of {}", grouped(alerts.false_positive), counted(judged, "alert")),
    };
    if alerts.unjudged > 0 && judged > 0 {
        let verb = if alerts.unjudged == 1 { "is" } else { "are" };
        says = format!("{says}; {} {verb} not judged", counted(alerts.unjudged, "anomaly"));
    }
    Tile { label: "False-positive alerts", value: percent(alerts.false_positive_rate.percent), says, tone: Tone::Plain }
}

fn approvals(summary: &Summary) -> Tile {
    let used = &summary.approvals;
    let mut says = Vec::new();
    for (count, what) in [
        (used.sealed_tags, "by sealed tags"),
        (used.ledger, "by the ledger"),
        (used.plain_tags, "by plain tags"),
        (used.broken_glass, "glass broken"),
        (used.by_policy, "by policy alone"),
        (used.self_approved, "self-approved, refused"),
        (used.revoked, "revoked"),
        (used.invalid + used.insufficient, "not sufficient"),
    ] {
        if count > 0 {
            says.push(format!("{} {what}", grouped(count)));
        }
    }
    let says = if says.is_empty() { "no approved change was carried out".to_owned() } else { says.join("; ") };
    Tile { label: "Approvals used", value: grouped(used.used()), says, tone: Tone::Plain }
}

fn drills(summary: &Summary) -> Tile {
    let drills = &summary.drills;
    let total = drills.passed + drills.missed + drills.not_held;
    if total == 0 {
        return Tile { label: "Drills passed", value: "–".to_owned(), says: "no drill in this period".to_owned(), tone: Tone::Plain };
    }
    let mut says = format!("of {}", counted(total, "drill"));
    for (count, what) in [(drills.missed, "missed the deadline"), (drills.not_held, "not held")] {
        if count > 0 {
            says = format!("{says}; {} {what}", grouped(count));
        }
    }
    let tone = if drills.passed == total { Tone::Good } else { Tone::Bad };
    Tile { label: "Drills passed", value: grouped(drills.passed), says, tone }
}

fn rotations(summary: &Summary) -> Tile {
    let rotations = &summary.rotations;
    let says = match rotations.total {
        0 => "no key or secret was given new material".to_owned(),
        _ => format!(
            "of {} {}",
            grouped(rotations.assets),
            plural(rotations.assets, "key or secret").replace("key or secrets", "keys and secrets")
        ),
    };
    Tile { label: "Rotations", value: grouped(rotations.total), says, tone: Tone::Plain }
}

fn refused(summary: &Summary) -> Tile {
    let refused = &summary.refused;
    let says = match refused.by_principal.first() {
        None => format!("of {}", counted(summary.uses.total, "use")),
        Some(most) => format!("most by {}: {}", most.name.rsplit('/').next().unwrap_or(&most.name), grouped(most.count)),
    };
    Tile { label: "Failed key accesses", value: grouped(refused.total), says, tone: Tone::Plain }
}

fn anomalies(summary: &Summary) -> Tile {
    let count = summary.alerts.anomalies;
    let says = summary
        .anomalies
        .first()
        .map_or_else(|| "nothing unusual was found".to_owned(), |first| format!("the highest score is {}", first.score));
    Tile { label: "Anomalies", value: grouped(count), says, tone: Tone::Plain }
}
