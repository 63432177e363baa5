//! What role-based access was asked: who wanted to do what, and which roles let them.
//!
//! Must not decide anything: `rbac` does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::rbac::Plane;

/// What was said to one action of one principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RbacDecision {
    /// The object id of whoever asked.
    pub object_id: String,
    /// Whether it is an action on data.
    pub is_data: bool,
    /// The action, such as `Microsoft.KeyVault/vaults/write`.
    pub action: String,
    /// The role definitions, by their last segment, that allow it, each by itself.
    pub roles: Vec<String>,
    /// Whether it was allowed.
    pub is_allowed: bool,
    /// How often that was asked.
    pub count: u64,
}

/// Everything that was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Asked(Mutex<BTreeMap<RbacDecision, u64>>);

impl Asked {
    /// Keeps one answer, and counts those that are the same.
    pub(crate) fn keep(&self, object_id: &str, plane: Plane, action: &str, roles: Vec<String>, is_allowed: bool) {
        let decision = RbacDecision {
            object_id: object_id.to_owned(),
            is_data: plane == Plane::Data,
            action: action.to_owned(),
            roles,
            is_allowed,
            count: 0,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(decision).or_default() += 1;
    }

    /// Returns what was asked.
    pub(crate) fn all(&self) -> Vec<RbacDecision> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|(decision, count)| RbacDecision { count: *count, ..decision.clone() }).collect()
    }
}
