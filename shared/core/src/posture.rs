//! How things stand at one moment: how many keys there are, how many are watched, which are at risk. Written at times, so that
//! percentages can be told over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Cloud;

/// A key that may be lost, or is not watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAtRisk {
    /// The key.
    pub id: String,
    /// Why, as a clause.
    pub why: String,
    /// When it is lost, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// How things stand in one account and Region, subscription or project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posture {
    /// When it was looked at.
    pub at: Timestamp,
    /// The cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: String,
    /// The Region; `global` where ids have none.
    pub region: String,
    /// Customer-managed keys.
    pub keys: u64,
    /// Of these, those with a live rule and a permitted remediator.
    pub keys_monitored: u64,
    /// Storage accounts that receive the Activity Log.
    #[serde(default)]
    pub log_storages: u64,
    /// Of these, those under a customer-managed key of the allow-list.
    #[serde(default)]
    pub log_storages_under_customer_key: u64,
    /// Keys that may be lost or are not watched, the nearest deadline first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_risk: Vec<KeyAtRisk>,
}
