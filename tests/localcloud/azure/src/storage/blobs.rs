//! The blobs of all storage accounts, and the rules of writing and deleting them: versions, soft delete, immutability, conditions.
//!
//! Must not know HTTP nor who asks: permissions and keys are checked before.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::storage::immutability::{LegalHold, Policy};

/// The blobs and containers of every storage account, by the account's name.
#[derive(Debug, Default)]
pub struct BlobStores {
    accounts: BTreeMap<String, AccountStore>,
    etags: u64,
}

impl BlobStores {
    /// Returns what an account holds; empty for an account that was never written to.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&AccountStore> {
        self.accounts.get(&name.to_ascii_lowercase())
    }

    /// Returns what an account holds, to change it.
    pub fn account_mut(&mut self, name: &str) -> &mut AccountStore {
        self.accounts.entry(name.to_ascii_lowercase()).or_default()
    }

    /// Forgets an account with all that it holds.
    pub fn forget(&mut self, name: &str) {
        self.accounts.remove(&name.to_ascii_lowercase());
    }

    /// Makes an entity tag that was never used, without quotes, e.g. `0x8DD0000000000A1`.
    pub fn new_etag(&mut self) -> String {
        self.etags += 1;
        format!("0x8DD{:012X}", self.etags)
    }

    /// Returns a container that is not deleted.
    #[must_use]
    pub fn container(&self, account: &str, name: &str) -> Option<&Container> {
        self.account(account)?.containers.get(name)
    }

    /// Returns the names and contents of the blobs that a container holds now, in the order of their names.
    #[must_use]
    pub fn contents(&self, account: &str, container: &str) -> Vec<(String, Bytes)> {
        let blobs = self.container(account, container).map(|container| &container.blobs);
        let current =
            blobs.into_iter().flatten().filter_map(|(name, history)| Some((name.clone(), history.current.as_ref()?.content.clone())));
        current.collect()
    }
}

/// What one storage account holds.
#[derive(Debug)]
pub struct AccountStore {
    /// The properties of `blobServices/default`, as ARM answers them.
    pub service: Value,
    /// Containers by name.
    pub containers: BTreeMap<String, Container>,
    /// Containers that were deleted and can be restored, in the order of their deletion.
    pub deleted: Vec<DeletedContainer>,
}

impl Default for AccountStore {
    fn default() -> Self {
        let service = json!({ "cors": { "corsRules": [] }, "deleteRetentionPolicy": { "allowPermanentDelete": false, "enabled": false } });
        Self { service, containers: BTreeMap::new(), deleted: Vec::new() }
    }
}

impl AccountStore {
    /// Whether overwriting keeps the previous version.
    #[must_use]
    pub fn is_versioned(&self) -> bool {
        self.service.get("isVersioningEnabled").and_then(Value::as_bool).unwrap_or(false)
    }

    /// For how many days a deleted blob is kept, where it is kept.
    #[must_use]
    pub fn blob_retention_days(&self) -> Option<i64> {
        self.retention_days("deleteRetentionPolicy")
    }

    /// For how many days a deleted container is kept, where it is kept.
    #[must_use]
    pub fn container_retention_days(&self) -> Option<i64> {
        self.retention_days("containerDeleteRetentionPolicy")
    }

    fn retention_days(&self, policy: &str) -> Option<i64> {
        let policy = self.service.get(policy)?;
        let is_on = policy.get("enabled").and_then(Value::as_bool).unwrap_or(false);
        policy.get("days").and_then(Value::as_i64).filter(|_| is_on)
    }

    /// Says how blobs are kept in this account.
    #[must_use]
    pub fn keeping(&self) -> Keeping {
        Keeping { is_versioned: self.is_versioned(), retention_days: self.blob_retention_days() }
    }
}

/// A container that was deleted while container soft delete was on.
#[derive(Debug, Clone)]
pub struct DeletedContainer {
    /// The container as it was.
    pub container: Container,
    /// The version by which the deleted container is told from others of its name.
    pub version: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// For how many days it is kept.
    pub retention_days: i64,
}

/// One container.
#[derive(Debug, Clone)]
pub struct Container {
    /// The name.
    pub name: String,
    /// The entity tag, without quotes.
    pub etag: String,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// `None`, `Blob` or `Container`.
    pub public_access: String,
    /// The time-based retention policy.
    pub policy: Option<Policy>,
    /// The legal hold.
    pub hold: LegalHold,
    /// Since when versions are immutable one by one, where they are.
    pub version_level_since: Option<Timestamp>,
    /// Blobs by name.
    pub blobs: BTreeMap<String, History>,
}

impl Container {
    /// Creates an empty container.
    #[must_use]
    pub fn new(name: &str, etag: String, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            etag,
            changed_at: now,
            metadata: BTreeMap::new(),
            public_access: "None".to_owned(),
            policy: None,
            hold: LegalHold::default(),
            version_level_since: None,
            blobs: BTreeMap::new(),
        }
    }

    /// Whether any blob or version is left.
    #[must_use]
    pub fn holds_blobs(&self) -> bool {
        self.blobs.values().any(|history| history.current.is_some() || !history.versions.is_empty())
    }
}

/// What a name in a container holds and held.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What a plain GET answers.
    pub current: Option<Blob>,
    /// Previous versions, oldest first.
    pub versions: Vec<Blob>,
    /// What was deleted and is kept, oldest first.
    pub deleted: Vec<Blob>,
    /// Blocks that were sent and are in no list yet, by their id in base64.
    pub staged: BTreeMap<String, Bytes>,
}

/// What kind of blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// Written at once or as blocks.
    Block,
    /// Written by appending.
    Append,
}

impl BlobKind {
    /// Names the kind as Azure writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "BlockBlob",
            Self::Append => "AppendBlob",
        }
    }
}

/// One blob, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What kind.
    pub kind: BlobKind,
    /// The content.
    pub content: Bytes,
    /// The content type.
    pub content_type: String,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The version, where the account keeps versions.
    pub version_id: Option<String>,
    /// When the name was first written: what retention counts from.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// When it was deleted, for one that is kept.
    pub deleted_at: Option<Timestamp>,
    /// A legal hold on this version alone.
    pub hold: bool,
    /// A retention of this version alone.
    pub retention: Option<Retention>,
    /// How often it was appended to.
    pub appended: u32,
}

/// A retention of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Until when the version is protected.
    pub until: Timestamp,
    /// Whether it can no longer be shortened or deleted.
    pub is_locked: bool,
}

/// How blobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Whether overwriting and deleting keep the previous version.
    pub is_versioned: bool,
    /// For how many days what is deleted is kept, where it is kept.
    pub retention_days: Option<i64>,
}

/// What a write may depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`, without quotes.
    pub if_match: Option<String>,
    /// `If-None-Match`, without quotes.
    pub if_none_match: Option<String>,
}

/// Why the blob service refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobRefusal {
    /// No blob of that name, or no such version.
    #[error("The specified blob does not exist.")]
    BlobNotFound,
    /// `If-None-Match: *` met a blob.
    #[error("The specified blob already exists.")]
    BlobAlreadyExists,
    /// Another condition is not met.
    #[error("The condition specified using HTTP conditional header(s) is not met.")]
    ConditionNotMet,
    /// The content has not changed, of a read.
    #[error("The condition specified using HTTP conditional header(s) is not met.")]
    NotModified,
    /// A retention policy protects the blob.
    #[error("This operation is not permitted as the blob is immutable due to a policy.")]
    ImmutableDueToPolicy,
    /// A legal hold protects the blob.
    #[error("This operation is not permitted as the blob is immutable due to one or more legal holds.")]
    ImmutableDueToLegalHold,
    /// The blob is of the other kind.
    #[error("The blob type is invalid for this operation.")]
    InvalidBlobType,
    /// A list names a block that was never sent.
    #[error("The specified block list is invalid.")]
    InvalidBlockList,
    /// The blob is not where the append was meant to go.
    #[error("The append position condition specified was not met.")]
    AppendPositionConditionNotMet,
    /// The range lies behind the end.
    #[error("The range specified is invalid for the current size of the resource.")]
    InvalidRange,
}

impl BlobRefusal {
    /// The status and the code that Azure answers.
    #[must_use]
    pub fn status_and_code(self) -> (u16, &'static str) {
        match self {
            Self::BlobNotFound => (404, "BlobNotFound"),
            Self::BlobAlreadyExists => (409, "BlobAlreadyExists"),
            Self::ConditionNotMet => (412, "ConditionNotMet"),
            Self::NotModified => (304, "ConditionNotMet"),
            Self::ImmutableDueToPolicy => (409, "BlobImmutableDueToPolicy"),
            Self::ImmutableDueToLegalHold => (409, "BlobImmutableDueToLegalHold"),
            Self::InvalidBlobType => (409, "InvalidBlobType"),
            Self::InvalidBlockList => (400, "InvalidBlockList"),
            Self::AppendPositionConditionNotMet => (412, "AppendPositionConditionNotMet"),
            Self::InvalidRange => (416, "InvalidRange"),
        }
    }
}

impl Conditions {
    /// Checks a write against what is there.
    ///
    /// # Errors
    /// The refusal that Azure answers.
    pub fn check_write(&self, current: Option<&Blob>) -> Result<(), BlobRefusal> {
        if let Some(wanted) = &self.if_match {
            let Some(blob) = current else {
                return Err(BlobRefusal::ConditionNotMet);
            };
            if wanted != "*" && *wanted != blob.etag {
                return Err(BlobRefusal::ConditionNotMet);
            }
        }
        match (&self.if_none_match, current) {
            (Some(unwanted), Some(_)) if unwanted == "*" => Err(BlobRefusal::BlobAlreadyExists),
            (Some(unwanted), Some(blob)) if *unwanted == blob.etag => Err(BlobRefusal::ConditionNotMet),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Checks a read of a blob that is there.
    ///
    /// # Errors
    /// The refusal that Azure answers.
    pub fn check_read(&self, blob: &Blob) -> Result<(), BlobRefusal> {
        if self.if_match.as_ref().is_some_and(|wanted| wanted != "*" && *wanted != blob.etag) {
            return Err(BlobRefusal::ConditionNotMet);
        }
        if self.if_none_match.as_ref().is_some_and(|unwanted| unwanted == "*" || *unwanted == blob.etag) {
            return Err(BlobRefusal::NotModified);
        }
        Ok(())
    }
}

/// Writes a time as the blob service writes versions, e.g. `2026-11-21T10:00:00.1234567Z`.
#[must_use]
pub fn version_id(now: Timestamp) -> String {
    let text = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    format!("{text}.{:07}Z", now.subsec_nanosecond() / 100)
}

impl History {
    /// Finds a version: the current one where none is named.
    ///
    /// # Errors
    /// `BlobNotFound`.
    pub fn find(&self, version: Option<&str>) -> Result<&Blob, BlobRefusal> {
        let Some(version) = version else {
            return self.current.as_ref().ok_or(BlobRefusal::BlobNotFound);
        };
        let all = self.current.iter().chain(&self.versions);
        all.into_iter().find(|blob| blob.version_id.as_deref() == Some(version)).ok_or(BlobRefusal::BlobNotFound)
    }

    /// Forgets what was kept long enough.
    pub fn expire(&mut self, retention_days: Option<i64>, now: Timestamp) {
        let kept_for = SignedDuration::from_hours(retention_days.unwrap_or(0) * 24);
        self.deleted.retain(|blob| blob.deleted_at.is_some_and(|deleted_at| now.duration_since(deleted_at) < kept_for));
    }

    /// Restores what was deleted and is kept: versions as versions, a blob without version where its name is free.
    pub fn undelete(&mut self) {
        for mut blob in std::mem::take(&mut self.deleted).into_iter().rev() {
            if blob.version_id.is_some() {
                blob.deleted_at = None;
                self.versions.push(blob);
            } else if self.current.is_none() {
                blob.deleted_at = None;
                self.current = Some(blob);
            } else {
                self.deleted.insert(0, blob);
            }
        }
        self.versions.sort_by_key(|blob| blob.changed_at);
    }

    /// The version that a write at this time makes: later than every other of the name.
    #[must_use]
    pub fn new_version_id(&self, now: Timestamp) -> String {
        let taken = |wanted: &str| {
            let all = self.current.iter().chain(&self.versions).chain(&self.deleted);
            all.into_iter().any(|blob| blob.version_id.as_deref() == Some(wanted))
        };
        let mut at = now;
        while taken(&version_id(at)) {
            at = at.checked_add(SignedDuration::from_nanos(100)).unwrap_or(Timestamp::MAX);
        }
        version_id(at)
    }
}
