//! One event as any source tells it: what was called, on what, by whom, when, with which result.
//!
//! An event is a hint. Nothing here decides, and nothing here trusts that the event is the newest truth.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::azure::ResourceId;
use crate::google::GoogleName;
use crate::id::{AccountId, EventId, KeyArn, Region};

/// How an event reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventForm {
    /// A call to the API, from CloudTrail, Azure's Activity Log or a vault's audit log.
    ApiCall,
    /// Something the service did by itself, from CloudTrail (`AwsServiceEvent`).
    ServiceEvent,
    /// The service's own EventBridge event.
    Native,
    /// A state found by the scheduled sweep, for which no event arrived.
    Sweep,
}

/// What an event acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Target {
    /// A KMS key, by its full ARN.
    Key(KeyArn),
    /// A custom key store, by its id.
    KeyStore(String),
    /// A resource in Azure, or a key, secret or certificate in a vault.
    Azure(ResourceId),
    /// A resource in Google Cloud: a key or a version of it, a secret, a log sink.
    Google(GoogleName),
    /// Something named that is not a key ARN: an alias, for example. Never acted on.
    Named(String),
    /// Nothing was named.
    Unnamed,
}

impl Target {
    /// Returns the key, where the target is one.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyArn> {
        match self {
            Self::Key(key) => Some(key),
            Self::KeyStore(_) | Self::Azure(_) | Self::Google(_) | Self::Named(_) | Self::Unnamed => None,
        }
    }

    /// Returns the Azure resource, where the target is one.
    #[must_use]
    pub const fn azure(&self) -> Option<&ResourceId> {
        match self {
            Self::Azure(id) => Some(id),
            Self::Key(_) | Self::KeyStore(_) | Self::Google(_) | Self::Named(_) | Self::Unnamed => None,
        }
    }

    /// Returns the name of the target, for sentences.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Azure(id) => id.as_str(),
            Self::Google(name) => name.as_str(),
            Self::KeyStore(id) | Self::Named(id) => id,
            Self::Unnamed => "(nothing named)",
        }
    }
}

/// Whether the call did what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum CallOutcome {
    /// The call succeeded.
    Succeeded,
    /// The provider refused the call: an attempt, without effect.
    Refused {
        /// The provider's error code.
        code: String,
        /// The provider's message, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// Something about the input that was not as documented. The rest of the event was still understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// The field, as a path into the input.
    pub field: String,
    /// What was odd about it.
    pub what: String,
}

/// The parameters and results that decisions or records need; everything else stays in the provider's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The waiting period asked for, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_period_days: Option<u32>,
    /// When the provider says that it will delete the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<Timestamp>,
    /// Imported material was given an expiry, whether or not its date could be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub material_expires: bool,
    /// When imported material expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material_valid_to: Option<Timestamp>,
    /// The alias named in the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The grant named in the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The tag keys named in the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// The approval tags that the call set, with their values; other tags' values are nobody's business here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub approval_tags: BTreeMap<String, String>,
    /// `bypassPolicyLockoutSafetyCheck` was set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bypasses_lockout_check: bool,
    /// The key was made without key material, which somebody imports later (`Origin = EXTERNAL`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub awaits_material: bool,
    /// The rotation period named in the call, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_days: Option<u32>,
    /// The Region named in the call (`account:DisableRegion`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_name: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The provider's id; repeated deliveries carry the same one.
    pub id: EventId,
    /// How it reached us.
    pub form: EventForm,
    /// The service, such as `kms.amazonaws.com`.
    pub source: String,
    /// The call or event name, such as `ScheduleKeyDeletion`.
    pub name: String,
    /// When it happened; absent where the input does not say, and then no approval window can cover it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The account in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The Region in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Who called.
    pub actor: Actor,
    /// What it acted on.
    pub target: Target,
    /// Whether the call did what it says.
    pub outcome: CallOutcome,
    /// What decisions and records need of the parameters and results.
    #[serde(default)]
    pub details: Details,
    /// What was odd about the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oddities: Vec<Oddity>,
}

impl Event {
    /// Says whether this is a call of KMS by this name, and took effect.
    #[must_use]
    pub fn is_effective_kms_call(&self, name: &str) -> bool {
        self.source == "kms.amazonaws.com" && self.name == name && self.outcome == CallOutcome::Succeeded
    }

    /// Returns the account, subscription or project under which the event is filed: the resource's, else its own.
    #[must_use]
    pub fn filed_account(&self) -> Option<String> {
        match &self.target {
            Target::Key(key) => Some(key.account().to_string()),
            Target::Azure(id) => Some(id.subscription().to_string()),
            Target::Google(name) => name.project().map(ToOwned::to_owned),
            Target::KeyStore(_) | Target::Named(_) | Target::Unnamed => self.account.as_ref().map(ToString::to_string),
        }
    }

    /// Returns the Region or location under which the event is filed; `None` where the cloud's ids have none and the event names none.
    #[must_use]
    pub fn filed_region(&self) -> Option<String> {
        match &self.target {
            Target::Key(key) => Some(key.region().to_string()),
            Target::Google(name) => name.location().map(ToOwned::to_owned),
            Target::Azure(_) | Target::KeyStore(_) | Target::Named(_) | Target::Unnamed => self.region.as_ref().map(ToString::to_string),
        }
    }

    /// Returns the time by which the key is lost, as far as the event itself says.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let from_waiting_period = || {
            let days = i64::from(self.details.waiting_period_days?);
            self.time?.checked_add(jiff::SignedDuration::from_hours(days * 24)).ok()
        };
        self.details.deletion_date.or_else(from_waiting_period).or(self.details.material_valid_to)
    }
}
