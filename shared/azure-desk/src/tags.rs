//! Approvals as tags: writing them on resources, and removing them. Where on a resource one goes, `reprieve-core` says.
//!
//! Resource Manager merges and removes single tags. A vault's data plane takes all tags of an object at once: they are read again right
//! before, so that what somebody else wrote meanwhile is kept.

use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, Request, Url};
use reprieve_azure::{Condition, VaultHost, call_error};
use reprieve_core::approval::slot::TagPlan;
use reprieve_core::approval::{APPROVAL_TAGS, SealedApproval};
use reprieve_engine::CallError;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use crate::desk::{Desk, scope_of};
use crate::error::DeskError;
use crate::resource::{Place, ResourceFile, TAGS_VERSION, tags_path, usual};

const UPDATE: &str = "keyvault:UpdateTags";

/// The version of Key Vault's data plane.
const DATA_VERSION: &str = "7.5";

/// How many tags what a vault holds may have
/// (<https://learn.microsoft.com/azure/key-vault/keys/about-keys-details#key-tags>).
const VAULT_TAGS_LIMIT: usize = 15;

/// How many tags a resource may have (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>).
const ARM_TAGS_LIMIT: usize = 50;

/// What is to become of tags.
struct Change<'a> {
    set: Vec<(&'a str, &'a str)>,
    remove: Vec<&'a str>,
}

impl Desk {
    /// Writes the sealed approval on the resource, all of its tags by one call, and removes what is stale.
    ///
    /// # Errors
    /// When the tags cannot be changed: [`DeskError::Deleted`] where it is deleted, [`DeskError::TooManyTags`] where there is no room.
    pub async fn write_tags(&self, file: &ResourceFile, approval: &SealedApproval, plan: &TagPlan) -> Result<(), DeskError> {
        self.change(file, &Change { set: plan.tags(approval), remove: plan.stale.clone() }).await
    }

    /// Removes the approval tags that the resource carries. Other tags stay.
    ///
    /// # Errors
    /// As [`Desk::write_tags`].
    pub async fn remove_approval(&self, file: &ResourceFile) -> Result<(), DeskError> {
        let remove = APPROVAL_TAGS.into_iter().filter(|name| file.tags.contains_key(*name)).collect();
        self.change(file, &Change { set: Vec::new(), remove }).await
    }

    /// Says whether the resource has room for these tags beside its own.
    ///
    /// # Errors
    /// When it has not.
    pub fn check_room(file: &ResourceFile, approval: &SealedApproval, plan: &TagPlan) -> Result<(), DeskError> {
        Change { set: plan.tags(approval), remove: plan.stale.clone() }.applied(file).map(drop)
    }

    async fn change(&self, file: &ResourceFile, change: &Change<'_>) -> Result<(), DeskError> {
        if change.set.is_empty() && change.remove.is_empty() {
            return Ok(());
        }
        let file = self.resource(&file.id).await?;
        if file.is_deleted() {
            return Err(DeskError::Deleted { id: file.id });
        }
        let tags = change.applied(&file)?;
        match &file.place {
            Place::Arm => self.change_in_arm(&file, change).await,
            Place::Vault { host, path } => self.replace_in_vault(host, path, &tags).await,
        }
    }

    async fn change_in_arm(&self, file: &ResourceFile, change: &Change<'_>) -> Result<(), DeskError> {
        let removed = change.removed(file).map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>();
        let set = change.set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for (operation, tags) in [("Merge", set), ("Delete", removed)] {
            if tags.is_empty() {
                continue;
            }
            let tags: Map<String, Value> = tags.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            let body = json!({"operation": operation, "properties": {"tags": tags}});
            self.arm.patch(&tags_path(&file.id), TAGS_VERSION, &body, Condition::Always).await?;
        }
        Ok(())
    }

    async fn replace_in_vault(&self, host: &VaultHost, path: &str, tags: &Map<String, Value>) -> Result<(), DeskError> {
        let about = format!("`{host}/{path}`");
        let url = Url::parse(&format!("https://{host}/{path}?api-version={DATA_VERSION}"));
        let url = url.map_err(|error| CallError::Rejected { call: UPDATE, message: format!("no URL: {error} ({about})") })?;
        let mut request = Request::new(url, Method::Patch);
        request.insert_header("accept", "application/json");
        request.insert_header("content-type", "application/json");
        request.set_body(json!({ "tags": tags }).to_string());
        let answer = self.pipeline(host).send(&Context::new(), &mut request, None).await;
        answer.map(drop).map_err(|error| call_error(UPDATE, &about, &error).into())
    }

    /// To what a vault holds. Its fence lets no request to another host pass, so that the token stays with the vault.
    fn pipeline(&self, host: &VaultHost) -> Pipeline {
        let authorization = BearerTokenAuthorizationPolicy::new(self.connection().credential(), [scope_of(host)]);
        let (name, version) = (option_env!("CARGO_PKG_NAME"), option_env!("CARGO_PKG_VERSION"));
        Pipeline::new(name, version, self.client_options(host), Vec::new(), vec![Arc::new(authorization)], None)
    }
}

impl Change<'_> {
    /// The tags that go, as they are written.
    fn removed<'a>(&'a self, file: &'a ResourceFile) -> impl Iterator<Item = (&'a String, &'a String)> {
        file.written.iter().filter(|(name, _)| self.remove.contains(&usual(name).as_str()))
    }

    /// Returns all tags as they are afterwards.
    fn applied(&self, file: &ResourceFile) -> Result<Map<String, Value>, DeskError> {
        let goes = |name: &str| {
            let name = usual(name);
            self.remove.contains(&name.as_str()) || self.set.iter().any(|(set, _)| *set == name)
        };
        let kept = file.written.iter().filter(|(name, _)| !goes(name)).map(|(name, value)| (name.as_str(), value.as_str()));
        let tags: Map<String, Value> =
            kept.chain(self.set.iter().copied()).map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let limit = match file.place {
            Place::Arm => ARM_TAGS_LIMIT,
            Place::Vault { .. } => VAULT_TAGS_LIMIT,
        };
        if tags.len() > limit && !self.set.is_empty() {
            return Err(DeskError::TooManyTags { id: file.id.clone(), count: tags.len(), limit });
        }
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use reprieve_core::azure::ResourceId;

    use super::*;
    use crate::resource::ResourceState;

    fn key(tags: &[(&str, &str)]) -> ResourceFile {
        let vault = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv";
        let written: BTreeMap<String, String> = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ResourceFile {
            id: ResourceId::parse(vault).unwrap().child("keys", "logs"),
            state: ResourceState::Present,
            tags: written.iter().map(|(name, value)| (usual(name), value.clone())).collect(),
            written,
            place: Place::Vault { host: VaultHost::parse("kv.vault.azure.net").unwrap(), path: "keys/logs/0123".to_owned() },
        }
    }

    #[test]
    fn a_tag_in_other_letters_is_replaced_and_not_doubled() {
        let file = key(&[("Reprieve:Change", "CHG-1"), ("Reprieve:Co-Seal", "v1.a.b"), ("Env", "prod")]);
        let change = Change { set: vec![("reprieve:change", "CHG-2")], remove: vec!["reprieve:co-seal"] };
        let tags = Value::Object(change.applied(&file).unwrap());
        assert_eq!(tags, json!({"Env": "prod", "reprieve:change": "CHG-2"}));
        assert_eq!(change.removed(&file).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Reprieve:Co-Seal"]);
    }

    #[test]
    fn a_key_without_room_is_refused_and_removing_never_is() {
        let many: Vec<(String, String)> = (0..15).map(|n| (format!("tag-{n}"), String::new())).collect();
        let file = key(&many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>());
        let error = Change { set: vec![("reprieve:change", "CHG-1")], remove: Vec::new() }.applied(&file).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("would have 16 tags, and a key has at most 15"), "{error}");
        assert!(Change { set: Vec::new(), remove: vec!["tag-1"] }.applied(&file).is_ok());
    }
}
