//! Keys, secrets and certificates: recovered; keys: enabled, and made to rotate again.

use std::time::Duration;

use reprieve_core::azure::ResourceId;
use reprieve_core::azure::world::RotationPolicy;
use reprieve_engine::CallError;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::gone;
use crate::control::AzureControl;
use crate::observe::object::{Held, present, rotation_of};

/// The pause between two looks at what is being recovered, which takes some seconds.
const PAUSE: Duration = Duration::from_millis(500);

const RECOVER: &str = "keyvault:RecoverDeletedObject";

impl AzureControl {
    /// Recovers an object, and waits until it is there.
    pub(super) async fn recover_object(&self, object: &ResourceId) -> Result<(), CallError> {
        let end = Instant::now() + self.connection.budget();
        let vault = self.vault_that_holds(object)?;
        let (held, name) = (Held::of(object)?, object.name());
        if present(&vault, held, name).await?.is_some() {
            return Ok(());
        }
        let recovered = match held {
            Held::Key => vault.recover_key(name).await,
            Held::Other(kind) => vault.recover_object(kind, name).await,
        };
        // Somebody else may have been quicker, and it is on its way back.
        if let Err(error) = recovered
            && !matches!(error, CallError::InvalidState { .. })
        {
            return Err(error);
        }
        while present(&vault, held, name).await?.is_none() {
            if Instant::now() + PAUSE >= end {
                let message = format!("`{name}` is being recovered, and is not there yet (`{}`)", vault.host());
                return Err(CallError::Unavailable { call: RECOVER, message });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Enables a version of a key, or its newest.
    pub(super) async fn enable_key(&self, key: &ResourceId, version: Option<&str>) -> Result<(), CallError> {
        let vault = self.vault_that_holds(key)?;
        let found = present(&vault, Held::Key, key.name()).await?.ok_or_else(|| gone(key))?;
        let is_meant = version.is_none() || found.version.as_deref() == version;
        if is_meant && found.enabled {
            return Ok(());
        }
        vault.enable_key(key.name(), version).await.map(drop)
    }

    pub(super) async fn put_rotation_policy(&self, key: &ResourceId, policy: &RotationPolicy) -> Result<(), CallError> {
        let vault = self.vault_that_holds(key)?;
        let found = vault.rotation_policy(key.name()).await?.ok_or_else(|| gone(key))?;
        if rotation_of(&found) == *policy {
            return Ok(());
        }
        vault.set_rotation_policy(key.name(), &rotation_body(policy)).await.map(drop)
    }
}

/// Writes a rotation policy as a vault takes it.
fn rotation_body(policy: &RotationPolicy) -> Value {
    let action = |kind: &str, when: &str, after: &Option<String>| {
        after.as_ref().map(|after| json!({ "action": { "type": kind }, "trigger": { when: after } }))
    };
    let actions = [
        action("Rotate", "timeAfterCreate", &policy.rotate_after),
        action("Rotate", "timeBeforeExpiry", &policy.rotate_before_expiry),
        action("Notify", "timeBeforeExpiry", &policy.notify_before_expiry),
    ];
    let mut body = Map::new();
    body.insert("lifetimeActions".to_owned(), actions.into_iter().flatten().collect());
    if let Some(expires_after) = &policy.expires_after {
        body.insert("attributes".to_owned(), json!({ "expiryTime": expires_after }));
    }
    Value::Object(body)
}
