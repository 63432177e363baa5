//! The time-based retention of containers: set, lengthened, locked. Never shortened, and never unlocked: nothing here could.

use reprieve_core::azure::ResourceId;
use reprieve_engine::CallError;
use serde_json::{Map, Value, json};

use super::{PUT, gone};
use crate::answer::is_true;
use crate::api;
use crate::arm::{Action, Condition};
use crate::control::AzureControl;
use crate::observe::storage::{immutability_of, policy_path};

impl AzureControl {
    pub(super) async fn put_immutability(&self, container: &ResourceId, days: u32, etag: Option<&str>) -> Result<(), CallError> {
        let path = policy_path(container);
        let read = self.arm.read(&path, api::STORAGE).await?;
        let present = read.as_ref().and_then(|read| immutability_of(&read.value, read.etag.clone()));
        if let Some(present) = &present {
            if present.days >= days && present.append_allowed {
                return Ok(());
            }
            if present.locked {
                return Err(is_locked(container));
            }
        }
        // Never fewer days than somebody set since the plan was made.
        let days = present.as_ref().map_or(days, |present| present.days.max(days));
        let mut properties = Map::new();
        properties.insert("immutabilityPeriodSinceCreationInDays".to_owned(), json!(days));
        // Azure takes one of the two; the wider one stays.
        let is_wide = read.is_some_and(|read| is_true(&read.value, "/properties/allowProtectedAppendWritesAll"));
        let appends = if is_wide { "allowProtectedAppendWritesAll" } else { "allowProtectedAppendWrites" };
        properties.insert(appends.to_owned(), Value::Bool(true));
        let seen = etag.or_else(|| present.as_ref().map(|present| present.etag.as_str())).filter(|etag| !etag.is_empty());
        let condition = seen.map_or(Condition::Always, Condition::IfMatch);
        self.arm.put(&path, api::STORAGE, &json!({ "properties": properties }), condition).await.map(drop)
    }

    pub(super) async fn extend_immutability(&self, container: &ResourceId, days: u32, etag: &str) -> Result<(), CallError> {
        let present = self.immutability(container).await?.ok_or_else(|| gone(container))?;
        if present.days >= days {
            return Ok(());
        }
        let body = json!({ "properties": { "immutabilityPeriodSinceCreationInDays": days } });
        let path = policy_path(container);
        self.arm.post(&path, Action::Extend, api::STORAGE, Some(&body), Condition::IfMatch(etag)).await.map(drop)
    }

    pub(super) async fn lock_immutability(&self, container: &ResourceId, etag: Option<&str>) -> Result<(), CallError> {
        let present = self.immutability(container).await?.ok_or_else(|| gone(container))?;
        if present.locked {
            return Ok(());
        }
        let seen = Condition::IfMatch(etag.unwrap_or(&present.etag));
        self.arm.post(&policy_path(container), Action::Lock, api::STORAGE, None, seen).await.map(drop)
    }
}

fn is_locked(container: &ResourceId) -> CallError {
    CallError::InvalidState { call: PUT, message: format!("the immutability of `{container}` was locked meanwhile") }
}
