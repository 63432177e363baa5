//! What is kept of an entry of an audit log: as little as the counts need. Names are kept once, by their digests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::audit::{AuditEvent, Cloud, Operation};
use reprieve_core::finding::Finding;
use reprieve_core::{CallOutcome, EventForm, Severity};
use serde::{Deserialize, Serialize};

use super::sample::{Join, digest, take_lesser};

/// How long a name is kept, in characters.
const NAME_LIMIT: usize = 300;

/// Texts by their digests.
pub(crate) type Names = BTreeMap<u64, String>;

/// Shortens a text to so many characters.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// A whole hour, counted from the epoch, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hour(i64);

impl Hour {
    fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(3_600))
    }

    /// Returns the day, counted from the epoch.
    pub(crate) const fn day(self) -> i64 {
        self.0.div_euclid(24)
    }

    /// Returns the day of the week, from Monday as 0, and the hour of the day.
    pub(crate) fn of_week(self) -> (usize, usize) {
        // 1970-01-01 was a Thursday.
        let weekday = (self.day() + 3).rem_euclid(7);
        (usize::try_from(weekday).unwrap_or(0), usize::try_from(self.0.rem_euclid(24)).unwrap_or(0))
    }
}

/// A key or secret was used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Use {
    pub(crate) hour: Option<Hour>,
    pub(crate) asset: u64,
    pub(crate) cloud: Cloud,
}

/// A use was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) asset: u64,
    pub(crate) principal: u64,
    pub(crate) code: u64,
    pub(crate) cloud: Cloud,
}

/// A key or secret got new material.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) hour: Option<Hour>,
    pub(crate) asset: u64,
    pub(crate) cloud: Cloud,
}

/// Any other entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) cloud: Cloud,
}

/// An anomaly, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Anomaly {
    /// When the entry was made, as far as the log says.
    pub at: Option<Timestamp>,
    /// When it was found.
    pub found_at: Timestamp,
    /// How unusual, from 0 to 100.
    pub score: u32,
    /// How urgent it is that a human looks.
    pub severity: Severity,
    /// The reasons, the weightiest first.
    pub sentence: String,
    /// The caller.
    pub principal: String,
    /// The key, secret or log.
    pub asset: String,
    /// What was called.
    pub call: String,
    /// From where.
    pub source_address: Option<String>,
    /// The cloud.
    pub cloud: Cloud,
}

macro_rules! joins_by_the_lesser {
    ($($what:ty),*) => {$(
        impl Join for $what {
            fn join(&mut self, other: Self) {
                take_lesser(self, other);
            }
        }
    )*};
}
joins_by_the_lesser!(Use, Refusal, Rotation, Rest, Anomaly);

/// What an entry counts as.
pub(crate) enum Kept {
    Use(Use),
    Refusal(Refusal),
    Rotation(Rotation),
    Rest(Rest),
}

/// Says what an entry counts as, and which texts that names.
pub(crate) fn keep(audit: &AuditEvent) -> (Kept, Vec<(u64, String)>) {
    let cloud = audit.cloud();
    let hour = audit.event.time.map(Hour::of);
    let mut texts = Vec::new();
    let mut named = |text: String| {
        let id = digest(&text);
        texts.push((id, cut(&text, NAME_LIMIT)));
        id
    };
    let kept = match &audit.event.outcome {
        CallOutcome::Refused { code, .. } if audit.operation.is_use() => Kept::Refusal(Refusal {
            asset: named(asset_of(audit)),
            principal: named(principal_of(audit)),
            code: named(code.clone()),
            cloud,
        }),
        CallOutcome::Succeeded if audit.operation.is_use() => Kept::Use(Use { hour, asset: named(asset_of(audit)), cloud }),
        CallOutcome::Succeeded if is_rotation(audit) => Kept::Rotation(Rotation { hour, asset: named(asset_of(audit)), cloud }),
        CallOutcome::Succeeded | CallOutcome::Refused { .. } => Kept::Rest(Rest { cloud }),
    };
    (kept, texts)
}

/// Says whether something has got new material. A call that only asks for it is none: the service's own entry follows.
///
/// Sources: <https://docs.aws.amazon.com/kms/latest/developerguide/ct-rotate.html>,
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html>.
fn is_rotation(audit: &AuditEvent) -> bool {
    let only_asks_or_fails = match audit.event.form {
        EventForm::ApiCall => matches!(audit.event.name.as_str(), "RotateKeyOnDemand" | "RotateSecret"),
        EventForm::ServiceEvent | EventForm::Native | EventForm::Sweep => {
            matches!(audit.event.name.as_str(), "RotationStarted" | "RotationAbandoned" | "RotationFailed")
        }
    };
    audit.operation == Operation::Rotate && !only_asks_or_fails
}

/// Returns what of a finding is told.
pub(crate) fn anomaly(finding: &Finding) -> Anomaly {
    let audit = &finding.audit;
    Anomaly {
        at: audit.event.time,
        found_at: finding.found_at,
        score: finding.score,
        severity: finding.severity,
        sentence: cut(&finding.sentence(), 1_000),
        principal: cut(&principal_of(audit), NAME_LIMIT),
        asset: cut(&asset_of(audit), NAME_LIMIT),
        call: cut(&audit.event.name, NAME_LIMIT),
        source_address: audit.event.actor.source_address.as_ref().map(|address| cut(address, NAME_LIMIT)),
        cloud: audit.cloud(),
    }
}

fn asset_of(audit: &AuditEvent) -> String {
    audit.asset.as_ref().map_or_else(|| "(nothing named)".to_owned(), reprieve_core::audit::Asset::canonical)
}

fn principal_of(audit: &AuditEvent) -> String {
    audit.principal().unwrap_or_else(|| "(unknown)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_knows_its_day_of_the_week() {
        for (time, expected) in [
            ("1970-01-01T00:30:00Z", (3, 0)),
            ("2026-11-21T05:59:59Z", (5, 5)),
            ("2026-11-22T23:00:00Z", (6, 23)),
            ("1969-12-31T23:59:59Z", (2, 23)),
        ] {
            assert_eq!(Hour::of(time.parse().unwrap()).of_week(), expected, "{time}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("schlüssel", 5), "schl…");
        assert_eq!(cut("kurz", 5), "kurz");
    }
}
