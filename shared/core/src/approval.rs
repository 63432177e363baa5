//! Approvals: what was approved, by whom, for which key, action and window, and how that is known.
//!
//! Nothing that is written on a key or in the ledger is believed as it stands. A *sealed* approval carries a signature that only
//! approvers can make ([`seal`]); a *plain* one is believed only where the provider's own log says who wrote it ([`plain`]); all
//! that was found is weighed together ([`weigh()`]). An approval that cannot be read counts as none.

pub mod people;
pub mod plain;
pub mod seal;
pub mod slot;
pub mod weigh;
pub mod window;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::people::People;
pub use self::seal::{ApprovalKeys, SealError, Sealable, SealedApproval};
pub use self::weigh::{Claim, Evidence, SealedEvidence, Standing, Weighed, independent_approvers, weigh, weigh_established, weigh_sealed};
use self::window::Window;
use crate::actor::Actor;
use crate::azure::SubscriptionId;
use crate::id::{AccountId, RoleArn};

/// The tag that holds the change id.
pub const CHANGE_TAG: &str = "reprieve:change";
/// The tag that holds the approved action.
pub const ACTION_TAG: &str = "reprieve:action";
/// The tag that holds the change window, an ISO 8601 interval.
pub const WINDOW_TAG: &str = "reprieve:window";
/// The tag that names the approver.
pub const APPROVER_TAG: &str = "reprieve:approver";
/// The tag that holds the seal: `v1.KEY-ID.SIGNATURE`.
pub const SEAL_TAG: &str = "reprieve:seal";
/// The tag that names the second approver of the same change.
pub const CO_APPROVER_TAG: &str = "reprieve:co-approver";
/// The tag that holds the second approver's seal.
pub const CO_SEAL_TAG: &str = "reprieve:co-seal";

/// The tags that carry approvals. A hold ([`crate::facts::INCIDENT_HOLD_TAG`]) is none of them.
pub const APPROVAL_TAGS: [&str; 7] = [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG, CO_APPROVER_TAG, CO_SEAL_TAG];

/// Where an approval was found; of two, the stronger is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalSource {
    /// Sealed tags on the resource.
    SealedTags,
    /// The ledger table.
    Ledger,
    /// Tags without a seal, whose setter the provider's log names.
    PlainTags,
}

impl ApprovalSource {
    /// Returns the word that policies see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SealedTags => "sealed-tags",
            Self::Ledger => "ledger",
            Self::PlainTags => "plain-tags",
        }
    }
}

/// Somebody's word that an approval no longer counts. It carries no seal: it takes one to approve, and none to keep a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The change that is revoked, for every action of it on this key.
    pub change: String,
    /// Who revoked it, as the ledger says.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the ledger holds of approvals of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Approvals given outside the resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<SealedApproval>,
    /// Changes that were revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<Revocation>,
}

/// An approval that is known to be one, for this resource and action. Whether it covers the act is policy's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The change id.
    pub change: String,
    /// Who approved.
    pub approver: String,
    /// Every way in which the approver can be named; compared with the actor's.
    pub approver_identities: BTreeSet<String>,
    /// The resource that it is for, as it is written in what was sealed.
    pub resource: String,
    /// When the window opens, inclusive.
    pub window_start: Timestamp,
    /// When the window closes, exclusive.
    pub window_end: Timestamp,
    /// Where it was found.
    pub source: ApprovalSource,
    /// The id of the public key that verified its seal; plain tags have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_key: Option<String>,
    /// When plain tags were set, by the provider's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
    /// That it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

impl Approval {
    /// Says whether the window holds this moment.
    #[must_use]
    pub fn window_holds(&self, time: Timestamp) -> bool {
        Window { start: self.window_start, end: self.window_end }.holds(time)
    }

    /// Says whether it covers what this caller did at this time: it was not revoked, is not the caller's own, and the window holds.
    #[must_use]
    pub fn covers(&self, time: Option<Timestamp>, actor: &BTreeSet<String>) -> bool {
        self.revoked.is_none() && !self.is_by(actor) && time.is_some_and(|time| self.window_holds(time))
    }

    /// Says whether the approver and somebody else can be the same.
    #[must_use]
    pub fn is_by(&self, identities: &BTreeSet<String>) -> bool {
        !self.approver_identities.is_disjoint(identities)
    }

    /// Says whether its approver and that of another approval of the same resource are two people.
    #[must_use]
    pub fn people(&self, other: &Self) -> People {
        People::of(&self.approver_identities, &other.approver_identities, &self.resource)
    }
}

/// What was found of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum ApprovalFinding {
    /// Nobody looked: the event needs none.
    NotLookedFor,
    /// There is none.
    None,
    /// The place where it would be could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// There is one, and it is not valid.
    Invalid {
        /// Why.
        reason: String,
    },
    /// It is one.
    Established(Box<Approval>),
}

impl ApprovalFinding {
    /// Returns the approval that is known to be one.
    #[must_use]
    pub fn established(&self) -> Option<&Approval> {
        match self {
            Self::Established(approval) => Some(approval),
            Self::NotLookedFor | Self::None | Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// What the deployment says about approving: the configuration that decisions need.
#[derive(Debug, Clone)]
pub struct ApprovalRules {
    /// The public keys that seal approvals.
    pub keys: ApprovalKeys,
    /// The roles whose plain tags approve; where there is none, plain tags approve nothing.
    pub approver_roles: BTreeSet<RoleArn>,
    /// The roles that may break the glass.
    pub break_glass_roles: BTreeSet<RoleArn>,
    /// How long an act under a broken glass passes by itself, in hours.
    pub break_glass_hours: u32,
    /// The object ids of the Entra users and service principals that may break the glass.
    pub break_glass_principals: BTreeSet<String>,
    /// The accounts in which everything passes.
    pub sandbox_accounts: BTreeSet<AccountId>,
    /// The Azure subscriptions in which everything passes.
    pub sandbox_subscriptions: BTreeSet<SubscriptionId>,
    /// The shortest waiting period of a deletion that is let stand, in days.
    pub minimum_waiting_days: u32,
}

impl ApprovalRules {
    /// Says whether the caller holds a role that may break the glass.
    #[must_use]
    pub fn breaks_glass(&self, actor: &Actor) -> bool {
        actor.role.as_ref().is_some_and(|role| self.break_glass_roles.contains(role))
            || actor.object_id.as_ref().is_some_and(|id| self.break_glass_principals.contains(&id.to_ascii_lowercase()))
    }

    /// Returns when what this caller did at this time ceases to pass by itself; `None` where the caller breaks no glass.
    #[must_use]
    pub fn break_glass_until(&self, actor: &Actor, time: Timestamp) -> Option<Timestamp> {
        let pass = SignedDuration::from_hours(i64::from(self.break_glass_hours));
        self.breaks_glass(actor).then(|| time.checked_add(pass).unwrap_or(time))
    }
}

impl Default for ApprovalRules {
    /// Nobody approves, and KMS's own shortest waiting period.
    fn default() -> Self {
        Self {
            keys: ApprovalKeys::default(),
            approver_roles: BTreeSet::new(),
            break_glass_roles: BTreeSet::new(),
            break_glass_hours: 24,
            break_glass_principals: BTreeSet::new(),
            sandbox_accounts: BTreeSet::new(),
            sandbox_subscriptions: BTreeSet::new(),
            minimum_waiting_days: 7,
        }
    }
}
