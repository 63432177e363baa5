//! Looks at what is approved: whether it is there, or deleted and recoverable, and its tags.
//!
//! Resources of Resource Manager are read by their tags alone, so that one permission does for all of them; what a vault holds, on its
//! data plane. Of secrets, the list of versions is read, never a value.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_azure::{ObjectKind, VaultHost};
use reprieve_core::azure::{ResourceId, Subject};
use reprieve_core::facts::Tags;
use reprieve_engine::CallError;
use serde_json::Value;

use crate::desk::{ARM_SCOPE, Desk, scope_of};
use crate::error::DeskError;

/// The version of `Microsoft.Resources/tags`.
pub(crate) const TAGS_VERSION: &str = "2021-04-01";
const KEY_VAULT_VERSION: &str = "2024-11-01";

/// What the names of our tags begin with. Azure compares names of tags without regard to case, and keeps them as they were written.
const OUR_TAGS: &str = "reprieve:";

/// Whether a resource is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceState {
    /// It is.
    Present,
    /// It was deleted and can be recovered.
    Deleted {
        /// When Azure purges it.
        purge_at: Option<Timestamp>,
    },
}

/// Where a resource's tags are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In Resource Manager.
    Arm,
    /// In a vault, as `keys/NAME/VERSION`.
    Vault { host: VaultHost, path: String },
}

/// What the desk knows of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFile {
    /// Its id: what approvals are sealed for.
    pub id: ResourceId,
    /// Whether it is there.
    pub state: ResourceState,
    /// Its tags, ours with their names in lower case, as the guard sees them.
    pub tags: Tags,
    /// Its tags, as they are written.
    pub(crate) written: BTreeMap<String, String>,
    pub(crate) place: Place,
}

impl ResourceFile {
    /// Says whether it was deleted, and its tags therefore cannot be changed.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        matches!(self.state, ResourceState::Deleted { .. })
    }

    fn of(id: &ResourceId, state: ResourceState, answer: &Value, tags: &str, place: Place) -> Self {
        let written = answer.pointer(tags).and_then(Value::as_object);
        let written: BTreeMap<String, String> =
            written.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let tags = written.iter().map(|(name, value)| (usual(name), value.clone())).collect();
        Self { id: id.clone(), state, tags, written, place }
    }
}

/// Returns the name of a tag as the guard sees it.
pub(crate) fn usual(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(OUR_TAGS) { lower } else { name.to_owned() }
}

/// Returns a text that is not empty.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// What a vault holds, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Key,
    Other(ObjectKind),
}

impl Held {
    fn of(id: &ResourceId) -> Option<Self> {
        match id.resource_type().as_str() {
            "microsoft.keyvault/vaults/keys" | "microsoft.keyvault/managedhsms/keys" => Some(Self::Key),
            "microsoft.keyvault/vaults/secrets" => Some(Self::Other(ObjectKind::Secret)),
            "microsoft.keyvault/vaults/certificates" => Some(Self::Other(ObjectKind::Certificate)),
            _ => None,
        }
    }

    const fn collection(self) -> &'static str {
        match self {
            Self::Key => "keys",
            Self::Other(ObjectKind::Secret) => "secrets",
            Self::Other(ObjectKind::Certificate) => "certificates",
        }
    }
}

impl Desk {
    /// Reads what there is to know of the resource on which an approval stands: of a container, its storage account, because containers
    /// bear no tags.
    ///
    /// # Errors
    /// When it does not exist, or cannot be read.
    pub async fn resource(&self, id: &ResourceId) -> Result<ResourceFile, DeskError> {
        let id = &Subject::AuditContainer(id.clone()).approval_resource();
        let found = match Held::of(id) {
            Some(held) => self.held(id, held).await?,
            None => self.of_arm(id).await?,
        };
        found.ok_or_else(|| DeskError::NoSuchResource { id: id.clone() })
    }

    async fn of_arm(&self, id: &ResourceId) -> Result<Option<ResourceFile>, DeskError> {
        self.token(ARM_SCOPE).await?;
        if let Some(answer) = self.arm.get(&tags_path(id), TAGS_VERSION).await? {
            return Ok(Some(ResourceFile::of(id, ResourceState::Present, &answer, "/properties/tags", Place::Arm)));
        }
        let (collection, field) = match id.resource_type().as_str() {
            "microsoft.keyvault/vaults" => ("deletedVaults", "/properties/vaultId"),
            "microsoft.keyvault/managedhsms" => ("deletedManagedHSMs", "/properties/mhsmId"),
            _ => return Ok(None),
        };
        let path = format!("{}/providers/Microsoft.KeyVault/{collection}", id.subscription().resource());
        let deleted = self.arm.list(&path, KEY_VAULT_VERSION).await?;
        let is_it = |deleted: &&Value| text(deleted, field).is_some_and(|of| of.eq_ignore_ascii_case(id.as_str()));
        Ok(deleted.iter().find(is_it).map(|deleted| {
            let purge_at = text(deleted, "/properties/scheduledPurgeDate").and_then(moment);
            ResourceFile::of(id, ResourceState::Deleted { purge_at }, deleted, "/properties/tags", Place::Arm)
        }))
    }

    async fn held(&self, id: &ResourceId, held: Held) -> Result<Option<ResourceFile>, DeskError> {
        let host = host_of(id)?;
        self.token(scope_of(&host)).await?;
        let vault = self.vault(&host)?;
        let name = id.name();
        let (present, url) = match held {
            Held::Key => (vault.key(name).await?, "/key/kid"),
            Held::Other(kind) => {
                let versions = vault.versions(kind, name).await?;
                // The newest is the one that is used where no version is named.
                let created = |version: &Value| version.pointer("/attributes/created").and_then(Value::as_i64);
                (versions.into_iter().max_by_key(created), "/id")
            }
        };
        if let Some(answer) = present {
            let version = text(&answer, url).and_then(|url| url.split('/').nth(5)).unwrap_or_default();
            let path = format!("{}/{name}/{version}", held.collection());
            return Ok(Some(ResourceFile::of(id, ResourceState::Present, &answer, "/tags", Place::Vault { host, path })));
        }
        let deleted = match held {
            Held::Key => vault.deleted_key(name).await?,
            Held::Other(kind) => vault.deleted_object(kind, name).await?,
        };
        Ok(deleted.map(|answer| {
            let purge_at = answer.pointer("/scheduledPurgeDate").and_then(Value::as_i64);
            let purge_at = purge_at.and_then(|seconds| Timestamp::from_second(seconds).ok());
            let place = Place::Vault { host, path: format!("{}/{name}", held.collection()) };
            ResourceFile::of(id, ResourceState::Deleted { purge_at }, &answer, "/tags", place)
        }))
    }
}

/// Returns where Resource Manager keeps the tags of a resource.
pub(crate) fn tags_path(id: &ResourceId) -> String {
    format!("{id}/providers/Microsoft.Resources/tags/default")
}

/// The host follows from the vault's name, which is unique in all of Azure.
fn host_of(id: &ResourceId) -> Result<VaultHost, DeskError> {
    let vault = id.parent();
    let suffix = if id.is("Microsoft.KeyVault/managedHSMs/keys") { "managedhsm" } else { "vault" };
    let host = format!("{}.{suffix}.azure.net", vault.as_ref().map(ResourceId::name).unwrap_or_default());
    let no_host = |error: reprieve_azure::VaultHostError| CallError::Rejected { call: "keyvault:Connect", message: error.to_string() };
    Ok(VaultHost::parse(&host).map_err(no_host)?)
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}
