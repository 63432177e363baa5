//! Coverage: which customer-managed keys are *monitored*, as a percentage, and for each gap why and what to do.
//!
//! A key is monitored only if all of this holds: live event rules route every event that threatens it to a guard that runs and enforces;
//! the guard's role is let in by the key's policy and by IAM; a trail records what happens to it; and the alarm on that ends at a
//! confirmed human. What cannot be read never counts as monitored.
//!
//! *Architecture invariant:* observations are arguments. Alarm paths are judged by what the parts do, with the very rules of the plan
//! ([`crate::monitoring::plan()`]), never by the names of parts.

mod alarm;
mod assess;
mod gap;
mod group;
mod permission;
mod route;
mod threat;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::assess::assess;
pub use self::gap::{Gap, GapKind};
pub use self::group::GapGroup;
pub use self::threat::{RouteProbe, route_probes};

use crate::audit::Cloud;
use crate::facts::{KeyDescription, KeyState, Known};
use crate::id::KeyArn;
use crate::monitoring::finding::Finding;
use crate::monitoring::plan::MonitoringPlan;
use crate::monitoring::world::{Place, World};
use crate::posture::{KeyAtRisk, Posture};

/// What the guard calls on a key; its role must be allowed all of it.
pub const ACTIONS: [&str; 5] =
    ["kms:CancelKeyDeletion", "kms:EnableKey", "kms:DescribeKey", "kms:ListResourceTags", "kms:EnableKeyRotation"];

/// What was observed of one account in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which account and Region.
    pub place: Place,
    /// The keys, those that AWS manages included.
    pub keys: Known<Vec<KeyView>>,
    /// The enabled and disabled rules on the default event bus that match at least one of the events of [`route_probes`].
    pub rules: Known<Vec<RuleView>>,
    /// What reads each queue that those rules feed, by the queue's ARN.
    pub queues: BTreeMap<String, Known<Vec<Mapping>>>,
    /// The functions that those queues and rules feed, and every guard of the Region, by ARN. Where functions cannot be listed, one of
    /// the name `*` is unreadable.
    pub functions: BTreeMap<String, Known<FunctionView>>,
    /// What IAM says to each guard's role, by the role's ARN.
    pub permissions: BTreeMap<String, Known<Permissions>>,
    /// The account's monitoring, which stands in one Region and may look after others.
    pub monitoring: Known<Monitoring>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// Its ARN.
    pub arn: KeyArn,
    /// What people call it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What `DescribeKey` says.
    pub description: Known<KeyDescription>,
    /// The key policy, as JSON.
    pub policy: Known<String>,
}

/// An event rule on the default bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// The names of the events of [`route_probes`] that it matches, as EventBridge itself says.
    pub matches: Known<BTreeSet<String>>,
    /// The ARNs of its targets.
    pub targets: Known<Vec<String>>,
}

/// An event source mapping: a function reads a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The function's ARN.
    pub function_arn: String,
    /// Whether it reads.
    pub is_enabled: bool,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionView {
    /// `State`: `Active`, `Pending`, `Inactive`, `Failed`.
    pub state: String,
    /// The role it runs with.
    pub role_arn: String,
    /// What it is to us.
    pub guard: Guard,
}

/// Whether a function is a guard, and whether it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// It gives keys back.
    Enforces,
    /// It records only.
    Observes,
    /// It is something else.
    Not,
}

/// What IAM says to a role: by key ARN, then by action.
pub type Permissions = BTreeMap<String, BTreeMap<String, IamAnswer>>;

/// What `SimulatePrincipalPolicy` says to an action on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IamAnswer {
    /// A policy of the role allows it.
    Allowed,
    /// No policy of the role allows it.
    NotAllowed,
    /// A policy of the role denies it.
    Denied,
    /// The role's permissions boundary does not allow it.
    StoppedByBoundary,
    /// A service control policy does not allow it.
    StoppedByOrganization,
}

/// The account's monitoring, and the plan that was made over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitoring {
    /// What was observed of it.
    pub world: World,
    /// How the controls stand, and what a human must know.
    pub plan: MonitoringPlan,
}

/// Which keys are monitored, and why the others are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Monitored keys of a hundred customer-managed ones, rounded down: 100 means all of them.
    pub percentage: usize,
    /// How the keys are counted.
    pub count: Count,
    /// Every account and Region, in the order of the observations.
    pub regions: Vec<RegionReport>,
    /// Keys whose policy refuses the guard, or may: nobody could give them back in its name.
    pub lockouts: Vec<Lockout>,
}

/// How keys are counted. AWS-managed keys can be neither disabled nor deleted by anybody, and are not part of the percentage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Keys that customers manage, those whose manager cannot be read included.
    pub customer_managed: usize,
    /// Of those, the monitored.
    pub monitored: usize,
    /// Of those, the ones that wait for their deletion.
    pub pending_deletion: usize,
    /// Keys that AWS manages.
    pub aws_managed: usize,
}

/// One account in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionReport {
    /// Which.
    pub place: Place,
    /// Monitored keys of a hundred customer-managed ones, rounded down.
    pub percentage: usize,
    /// How the keys are counted.
    pub count: Count,
    /// Gaps that are about no key that is known: the keys themselves cannot be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The customer-managed keys.
    pub keys: Vec<KeyReport>,
    /// What a human must know of the account's monitoring besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    /// Its ARN.
    pub arn: KeyArn,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its state, where it was read.
    pub state: Option<KeyState>,
    /// Whether it is monitored.
    pub monitored: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A key whose policy refuses the guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// The key.
    pub key: KeyArn,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The role that is refused; that of a guard to come where there is none yet.
    pub role_arn: String,
    /// Whether it is certain, or hangs on what shows only with the call.
    pub is_certain: bool,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Says whether every key is monitored, and none may be hidden.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.count.monitored == self.count.customer_managed && self.regions.iter().all(|region| region.gaps.is_empty())
    }

    /// Returns how keys stand, one posture for each account and Region. A key that is not monitored is at risk, with its first gap.
    #[must_use]
    pub fn postures(&self, at: Timestamp) -> Vec<Posture> {
        let count = |keys: usize| u64::try_from(keys).unwrap_or(u64::MAX);
        let at_risk = |key: &KeyReport| KeyAtRisk {
            id: key.arn.to_string(),
            why: key.gaps.first().map_or_else(|| "is not monitored".to_owned(), |gap| format!("is not monitored: {}", gap.reason)),
            deadline: None,
        };
        let of_region = |region: &RegionReport| Posture {
            at,
            cloud: Cloud::Aws,
            account: region.place.account.to_string(),
            region: region.place.region.to_string(),
            keys: count(region.count.customer_managed),
            keys_monitored: count(region.count.monitored),
            log_storages: 0,
            log_storages_under_customer_key: 0,
            at_risk: region.keys.iter().filter(|key| !key.monitored).map(at_risk).collect(),
        };
        self.regions.iter().map(of_region).collect()
    }

    /// Returns the gaps, each told once with the keys it is about; what is about most keys first.
    #[must_use]
    pub fn grouped(&self) -> Vec<GapGroup<'_>> {
        group::grouped(self)
    }
}
