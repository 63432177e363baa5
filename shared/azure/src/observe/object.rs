//! Keys, secrets and certificates in a vault: there or deleted, and how keys rotate. Of secrets, only metadata is read.

use futures_util::join;
use reprieve_core::azure::world::{DeletedObject, RotationPolicy, VaultObject};
use reprieve_core::azure::{ResourceId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::Value;

use crate::answer::{is_same, is_true, items, other, own, seconds, tags, text};
use crate::control::AzureControl;
use crate::vault::{ObjectKind, VaultClient};

const CALL: &str = "keyvault:GetObject";

/// What a vault holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// A key.
    Key,
    /// A secret or a certificate.
    Other(ObjectKind),
}

impl Held {
    /// Says what an id such as `.../vaults/NAME/keys/KEY` names.
    ///
    /// # Errors
    /// When it names nothing in a vault.
    pub(crate) fn of(object: &ResourceId) -> Result<Self, CallError> {
        let held = match object.resource_type().as_str() {
            "microsoft.keyvault/vaults/keys" | "microsoft.keyvault/managedhsms/keys" => Self::Key,
            "microsoft.keyvault/vaults/secrets" => Self::Other(ObjectKind::Secret),
            "microsoft.keyvault/vaults/certificates" => Self::Other(ObjectKind::Certificate),
            _ => return Err(CallError::Rejected { call: CALL, message: format!("`{object}` is no key, secret or certificate") }),
        };
        Ok(held)
    }
}

impl AzureControl {
    pub(super) async fn object_existence(&self, object: &ResourceId) -> Result<World, CallError> {
        let vault = self.vault_that_holds(object)?;
        let held = Held::of(object)?;
        let present = own(present(&vault, held, object.name()).await)?;
        let deleted = match &present {
            Known::Is(_) => Known::Absent,
            Known::Absent => own(deleted(&vault, held, object.name()).await)?,
            Known::Unreadable(_) => other(deleted(&vault, held, object.name()).await),
        };
        Ok(World::VaultObject { object: present, deleted })
    }

    pub(super) async fn rotation(&self, key: &ResourceId) -> Result<World, CallError> {
        let vault = self.vault_that_holds(key)?;
        let (object, rotation) = join!(present(&vault, Held::Key, key.name()), vault.rotation_policy(key.name()));
        let rotation = own(rotation.map(|policy| policy.map(|policy| rotation_of(&policy))))?;
        Ok(World::RotationPolicy { object: own(object)?, rotation })
    }

    /// Returns the client of the vault that an object is in.
    pub(crate) fn vault_that_holds(&self, object: &ResourceId) -> Result<VaultClient, CallError> {
        let none = || CallError::Rejected { call: CALL, message: format!("`{object}` is in no vault") };
        self.data_of(&object.parent().ok_or_else(none)?)
    }
}

/// Reads an object that is there.
pub(crate) async fn present(vault: &VaultClient, held: Held, name: &str) -> Result<Option<VaultObject>, CallError> {
    match held {
        Held::Key => Ok(vault.key(name).await?.map(|bundle| object_of(&bundle, "/key/kid"))),
        Held::Other(kind) => {
            let versions = vault.versions(kind, name).await?;
            // The newest is the one that is used where no version is named.
            let newest = versions.iter().max_by_key(|version| version.pointer("/attributes/created").and_then(Value::as_i64));
            Ok(newest.map(|version| object_of(version, "/id")))
        }
    }
}

/// Reads an object that is deleted.
pub(crate) async fn deleted(vault: &VaultClient, held: Held, name: &str) -> Result<Option<DeletedObject>, CallError> {
    let found = match held {
        Held::Key => vault.deleted_key(name).await?,
        Held::Other(kind) => vault.deleted_object(kind, name).await?,
    };
    Ok(found.map(|answer| DeletedObject {
        tags: tags(&answer, "/tags"),
        deleted_at: seconds(&answer, "/deletedDate"),
        purge_at: seconds(&answer, "/scheduledPurgeDate"),
        managed: is_true(&answer, "/managed"),
    }))
}

fn object_of(answer: &Value, id: &str) -> VaultObject {
    VaultObject {
        enabled: is_true(answer, "/attributes/enabled"),
        tags: tags(answer, "/tags"),
        version: text(answer, id).and_then(version_of).map(str::to_owned),
        managed: is_true(answer, "/managed"),
    }
}

/// Returns the version that `https://HOST/COLLECTION/NAME/VERSION` ends with.
fn version_of(url: &str) -> Option<&str> {
    url.split('/').nth(5).filter(|version| !version.is_empty())
}

/// Reads a rotation policy.
pub(crate) fn rotation_of(policy: &Value) -> RotationPolicy {
    let actions = items(policy, "/lifetimeActions");
    let trigger = |kind: &str, when: &str| {
        let mut of_kind = actions.iter().filter(|action| text(action, "/action/type").is_some_and(|found| is_same(found, kind)));
        of_kind.find_map(|action| text(action, &format!("/trigger/{when}"))).map(str::to_owned)
    };
    RotationPolicy {
        rotate_after: trigger("Rotate", "timeAfterCreate"),
        rotate_before_expiry: trigger("Rotate", "timeBeforeExpiry"),
        notify_before_expiry: trigger("Notify", "timeBeforeExpiry"),
        expires_after: text(policy, "/attributes/expiryTime").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rotation_policy_is_read_in_all_its_parts() {
        let policy = json!({
            "lifetimeActions": [
                {"action": {"type": "rotate"}, "trigger": {"timeAfterCreate": "P18M", "timeBeforeExpiry": null}},
                {"action": {"type": "Notify"}, "trigger": {"timeBeforeExpiry": "P30D"}},
            ],
            "attributes": {"expiryTime": "P2Y"},
        });
        let expected = RotationPolicy {
            rotate_after: Some("P18M".to_owned()),
            rotate_before_expiry: None,
            notify_before_expiry: Some("P30D".to_owned()),
            expires_after: Some("P2Y".to_owned()),
        };
        assert_eq!(rotation_of(&policy), expected);
        assert!(!rotation_of(&json!({"lifetimeActions": []})).rotates());
    }

    #[test]
    fn a_version_is_the_last_part_of_an_objects_url() {
        for (url, version) in [
            ("https://kv.vault.azure.net/keys/logs/0123", Some("0123")),
            ("https://kv.vault.azure.net/keys/logs", None),
            ("https://kv.vault.azure.net/keys/logs/", None),
        ] {
            assert_eq!(version_of(url), version, "{url}");
        }
    }
}
