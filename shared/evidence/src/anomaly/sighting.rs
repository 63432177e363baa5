//! What the baseline looks at of one entry.

use jiff::Timestamp;
use reprieve_core::audit::{AuditEvent, Operation};
use reprieve_core::{ActorKind, CallOutcome};

use super::days::{Day, day_of, hour_of_day};
use super::network::{Network, address_of};
use super::pace::{Cell, Hour};
use super::place::{Places, country_code};
use super::profile::Doubt;

/// The longest name of a principal, key or Region by which it is told apart, in bytes. Longer ones are cut, so that nobody's name fills
/// the baseline.
const NAME_LIMIT_BYTES: usize = 512;

/// The days that are believed: 2000-01-01 up to 2200-01-01. A clock far off would make the baseline forget.
const BELIEVED: std::ops::Range<Day> = 10_957..84_006;

/// One entry, as the baseline sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sighting {
    /// When; `None` where the entry does not say, or says what cannot be.
    pub(super) when: Option<When>,
    pub(super) principal: Option<String>,
    pub(super) asset: Option<String>,
    pub(super) operation: Operation,
    pub(super) network: Option<Network>,
    pub(super) country: Option<String>,
    pub(super) region: Option<String>,
    pub(super) is_refused: bool,
    pub(super) via: Via,
}

/// A moment, as the baseline counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    pub(super) day: Day,
    pub(super) hour: Hour,
    pub(super) hour_of_day: u8,
}

impl When {
    pub(super) fn of(at: Timestamp) -> Option<Self> {
        let day = day_of(at);
        let hour = Hour::try_from(at.as_second().div_euclid(3_600)).ok()?;
        BELIEVED.contains(&day).then_some(Self { day, hour, hour_of_day: hour_of_day(at) })
    }
}

/// Who made the call in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// The caller.
    Caller,
    /// A service of the provider, on behalf of the caller.
    OnBehalf,
    /// A service of the provider, for itself.
    Service,
}

impl Sighting {
    pub(super) fn of(audit: &AuditEvent, places: &dyn Places) -> Self {
        let event = &audit.event;
        let address = event.actor.source_address.as_deref();
        let principal = audit.principal().map(short);
        Self {
            when: event.time.and_then(When::of),
            asset: audit.asset.as_ref().map(|asset| short(asset.canonical())),
            operation: audit.operation,
            network: address.and_then(Network::parse),
            country: address.and_then(address_of).and_then(|address| places.country(address)).and_then(|code| country_code(&code)),
            region: audit.region().map(short),
            is_refused: matches!(event.outcome, CallOutcome::Refused { .. }),
            via: via(audit, principal.as_deref()),
            principal,
        }
    }

    /// Returns what the entry adds to its hour.
    pub(super) fn cell(&self, doubt: Doubt) -> Cell {
        Cell {
            entries: 1,
            refused: u32::from(self.is_refused),
            doubted: u32::from(doubt.pace),
            doubted_refused: u32::from(self.is_refused && doubt.refusals),
        }
    }
}

fn via(audit: &AuditEvent, principal: Option<&str>) -> Via {
    let actor = &audit.event.actor;
    let is_service = actor.kind == ActorKind::AwsService || principal.is_some_and(is_service_name);
    match (is_service, &actor.invoked_by) {
        (true, _) => Via::Service,
        (false, Some(_)) => Via::OnBehalf,
        (false, None) => Via::Caller,
    }
}

fn is_service_name(name: &str) -> bool {
    !name.contains(['/', ':', '@']) && (name.ends_with(".amazonaws.com") || name == "AWS Internal")
}

fn short(mut text: String) -> String {
    if text.len() > NAME_LIMIT_BYTES {
        let end = (0..=NAME_LIMIT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
