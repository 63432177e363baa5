//! Events that filters are tried on: every way to make a key unusable or to blind the monitoring, what the controls of the CIS AWS
//! Foundations Benchmark watch, and what is harmless. Built from the table `probes.json`, in the shapes that CloudTrail writes.

mod record;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::record::Table;
use crate::place::Place;

/// An event that a filter is tried on.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The event's name, such as `DisableKey`.
    pub name: String,
    /// The service, such as `kms.amazonaws.com`.
    pub source: String,
    /// What the event does.
    pub effect: Effect,
    /// The controls of the benchmark's section Monitoring that name this event: 7 for `DisableKey`. Control 1 (refused calls) and 3 (the
    /// use of root) watch many others besides.
    pub controls: Vec<u8>,
    /// Who called.
    pub caller: Caller,
    /// What became of the call.
    pub outcome: Outcome,
    /// Whether the event is one of another account, as an organisation's trail delivers them too.
    pub of_other_account: bool,
    /// The CloudTrail record.
    pub event: Value,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A key cannot be used any more, or not by all who could, or soon will not be.
    MakesKeyUnusable,
    /// What would tell of it is cut off.
    BlindsMonitoring,
    /// A control of the CIS AWS Foundations Benchmark watches it.
    Watched,
    /// Nothing that an alarm of this kind should tell of.
    Benign,
}

/// Who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// The root user.
    Root,
    /// A user of IAM.
    IamUser,
    /// A session of a role.
    AssumedRole,
    /// A user of IAM Identity Center, which has no ARN.
    IdentityCenterUser,
    /// A service of AWS.
    Service,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was carried out.
    Succeeded,
    /// It was refused, and `errorCode` is `AccessDenied`.
    AccessDenied,
    /// It was refused, and `errorCode` is `AccessDeniedException`.
    AccessDeniedException,
}

impl Caller {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Root, Self::IamUser, Self::AssumedRole, Self::IdentityCenterUser, Self::Service];

    /// Returns the caller in words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::IamUser => "an IAM user",
            Self::AssumedRole => "an assumed role",
            Self::IdentityCenterUser => "a user of Identity Center",
            Self::Service => "a service",
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::AccessDenied, Self::AccessDeniedException];

    /// Returns the error code of a refused call.
    #[must_use]
    pub fn error_code(self) -> Option<&'static str> {
        match self {
            Self::Succeeded => None,
            Self::AccessDenied => Some("AccessDenied"),
            Self::AccessDeniedException => Some("AccessDeniedException"),
        }
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::read);
static PROBES: LazyLock<Vec<Probe>> = LazyLock::new(|| probes_at(&Place::documentation()));

/// Returns all probes, in the account of AWS's documentation.
#[must_use]
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// Returns all probes, as the trail of a place would deliver them.
#[must_use]
pub fn probes_at(place: &Place) -> Vec<Probe> {
    TABLE.probes(place)
}

/// Returns the probes of one event name that would be harmful, as if they came from another account.
pub(super) fn harmful_in(account: &str, place: &Place) -> Vec<Probe> {
    TABLE.harmful_in(account, place)
}
