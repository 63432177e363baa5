//! What writing to a container and deleting from it does, and when a retention policy or a legal hold forbids it.
//!
//! Must not know HTTP nor who asks. Source: <https://learn.microsoft.com/azure/storage/blobs/immutable-storage-overview>.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};

use crate::storage::blobs::{Blob, BlobKind, BlobRefusal, Conditions, Container, History, Keeping, Retention};
use crate::storage::immutability::PolicyState;

/// What somebody wants to do to a blob that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Overwrite,
    Change,
    Append,
    Delete,
}

/// What a write brings.
#[derive(Debug, Clone)]
pub struct NewBlob {
    /// What kind of blob.
    pub kind: BlobKind,
    /// The content.
    pub content: Bytes,
    /// The content type.
    pub content_type: String,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// A legal hold on this version.
    pub hold: bool,
    /// A retention of this version.
    pub retention: Option<Retention>,
}

/// When a write happens, what it depends on, and how the account keeps what it replaces.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// What the write depends on.
    pub conditions: Conditions,
    /// How the account keeps blobs.
    pub keeping: Keeping,
    /// The entity tag that the result gets.
    pub etag: String,
    /// When.
    pub now: Timestamp,
}

impl Container {
    fn is_version_level(&self) -> bool {
        self.version_level_since.is_some()
    }

    /// Says whether the rules of immutability let an act pass.
    fn guard(&self, blob: &Blob, act: Act, at: &Circumstances) -> Result<(), BlobRefusal> {
        let grows = act == Act::Append;
        if self.hold.is_held() && !(grows && self.hold.append_writes_all) {
            return Err(BlobRefusal::ImmutableDueToLegalHold);
        }
        if self.is_version_level() {
            return guard_version(blob, act, at);
        }
        let Some(policy) = &self.policy else {
            return guard_version(blob, act, at);
        };
        let is_forbidden = match act {
            // What was written once is never written again, not even after the period.
            Act::Overwrite | Act::Change => true,
            Act::Append => !(policy.append_writes || policy.append_writes_all),
            Act::Delete => at.now < policy.protects_until(blob.created_at),
        };
        if is_forbidden { Err(BlobRefusal::ImmutableDueToPolicy) } else { Ok(()) }
    }

    /// Writes a blob as a whole.
    ///
    /// # Errors
    /// The refusal that Azure answers: a condition, a policy or a hold.
    pub fn put(&mut self, name: &str, new: NewBlob, at: &Circumstances) -> Result<Blob, BlobRefusal> {
        let current = self.blobs.get(name).and_then(|history| history.current.as_ref());
        at.conditions.check_write(current)?;
        if let Some(current) = current {
            self.guard(current, Act::Overwrite, at)?;
        }
        let default_retention = self.default_retention(at.now);
        let history = self.blobs.entry(name.to_owned()).or_default();
        let blob = Blob {
            kind: new.kind,
            content: new.content,
            content_type: new.content_type,
            metadata: new.metadata,
            etag: at.etag.clone(),
            version_id: at.keeping.is_versioned.then(|| history.new_version_id(at.now)),
            created_at: at.now,
            changed_at: at.now,
            deleted_at: None,
            hold: new.hold,
            retention: new.retention.or(default_retention),
            appended: 0,
        };
        history.set_aside(at);
        history.staged.clear();
        history.current = Some(blob.clone());
        Ok(blob)
    }

    /// Keeps a block for a list to come. Blocks are not blobs: nothing protects against them.
    pub fn stage(&mut self, name: &str, block_id: &str, content: Bytes) {
        self.blobs.entry(name.to_owned()).or_default().staged.insert(block_id.to_owned(), content);
    }

    /// Puts blocks that were staged together into a blob.
    ///
    /// # Errors
    /// `InvalidBlockList` for a block that was never staged; otherwise as [`Container::put`].
    pub fn commit(&mut self, name: &str, blocks: &[String], mut new: NewBlob, at: &Circumstances) -> Result<Blob, BlobRefusal> {
        let staged = self.blobs.get(name).map(|history| &history.staged);
        let mut content = BytesMut::new();
        for block in blocks {
            let part = staged.and_then(|staged| staged.get(block)).ok_or(BlobRefusal::InvalidBlockList)?;
            content.extend_from_slice(part);
        }
        new.content = content.freeze();
        self.put(name, new, at)
    }

    /// Appends to an append blob. Answers the blob and where the content began, in bytes.
    ///
    /// # Errors
    /// The refusal that Azure answers: no such blob, the other kind, a condition, a policy or a hold.
    pub fn append(
        &mut self,
        name: &str,
        content: &Bytes,
        position: Option<usize>,
        at: &Circumstances,
    ) -> Result<(Blob, usize), BlobRefusal> {
        let blob = self.find(name, None)?;
        at.conditions.check_write(Some(blob))?;
        if blob.kind != BlobKind::Append {
            return Err(BlobRefusal::InvalidBlobType);
        }
        let offset = blob.content.len();
        if position.is_some_and(|wanted| wanted != offset) {
            return Err(BlobRefusal::AppendPositionConditionNotMet);
        }
        self.guard(blob, Act::Append, at)?;
        let blob = self.current_mut(name)?;
        blob.content = [blob.content.as_ref(), content.as_ref()].concat().into();
        blob.appended += 1;
        blob.etag.clone_from(&at.etag);
        blob.changed_at = at.now;
        Ok((blob.clone(), offset))
    }

    /// Replaces a blob's metadata; a new version where the account keeps versions.
    ///
    /// # Errors
    /// The refusal that Azure answers.
    pub fn set_metadata(&mut self, name: &str, metadata: BTreeMap<String, String>, at: &Circumstances) -> Result<Blob, BlobRefusal> {
        let blob = self.find(name, None)?.clone();
        at.conditions.check_write(Some(&blob))?;
        self.guard(&blob, Act::Change, at)?;
        let history = self.blobs.entry(name.to_owned()).or_default();
        let version_id = at.keeping.is_versioned.then(|| history.new_version_id(at.now));
        if at.keeping.is_versioned {
            history.set_aside(at);
        }
        let changed = Blob { metadata, etag: at.etag.clone(), version_id, changed_at: at.now, ..blob };
        history.current = Some(changed.clone());
        Ok(changed)
    }

    /// Deletes a blob, or one version of it.
    ///
    /// # Errors
    /// The refusal that Azure answers.
    pub fn delete(&mut self, name: &str, version: Option<&str>, at: &Circumstances) -> Result<(), BlobRefusal> {
        let blob = self.find(name, version)?;
        at.conditions.check_write(Some(blob))?;
        if version.is_some() && self.is_version_level() {
            guard_version(blob, Act::Delete, &without_versions(at))?;
        }
        self.guard(blob, Act::Delete, at)?;
        let history = self.blobs.entry(name.to_owned()).or_default();
        let Some(version) = version else {
            history.set_aside(at);
            return Ok(());
        };
        let is_it = |blob: &Blob| blob.version_id.as_deref() == Some(version);
        let gone = match history.current.take_if(|blob| is_it(blob)) {
            Some(blob) => Some(blob),
            None => history.versions.iter().position(is_it).map(|place| history.versions.remove(place)),
        };
        if let Some(blob) = gone.filter(|_| at.keeping.retention_days.is_some()) {
            history.deleted.push(Blob { deleted_at: Some(at.now), ..blob });
        }
        Ok(())
    }

    /// Sets the retention of one version; a locked one can only become longer.
    ///
    /// # Errors
    /// `BlobNotFound`, or `ImmutableDueToPolicy` where a locked retention would become shorter.
    pub fn set_retention(&mut self, name: &str, version: Option<&str>, retention: Option<Retention>) -> Result<(), BlobRefusal> {
        let blob = self.version_mut(name, version)?;
        let is_weaker = |held: Retention| retention.is_none_or(|new| new.until < held.until || !new.is_locked);
        if blob.retention.is_some_and(|held| held.is_locked && is_weaker(held)) {
            return Err(BlobRefusal::ImmutableDueToPolicy);
        }
        blob.retention = retention;
        Ok(())
    }

    /// Sets or lifts the legal hold of one version.
    ///
    /// # Errors
    /// `BlobNotFound`.
    pub fn set_hold(&mut self, name: &str, version: Option<&str>, hold: bool) -> Result<(), BlobRefusal> {
        self.version_mut(name, version)?.hold = hold;
        Ok(())
    }

    /// Finds a blob or a version of it.
    ///
    /// # Errors
    /// `BlobNotFound`.
    pub fn find(&self, name: &str, version: Option<&str>) -> Result<&Blob, BlobRefusal> {
        self.blobs.get(name).ok_or(BlobRefusal::BlobNotFound)?.find(version)
    }

    /// The container's policy is the default of every new version, where versions are immutable one by one.
    fn default_retention(&self, now: Timestamp) -> Option<Retention> {
        let policy = self.policy.as_ref().filter(|_| self.is_version_level())?;
        Some(Retention { until: policy.protects_until(now), is_locked: policy.state == PolicyState::Locked })
    }

    fn current_mut(&mut self, name: &str) -> Result<&mut Blob, BlobRefusal> {
        self.blobs.get_mut(name).and_then(|history| history.current.as_mut()).ok_or(BlobRefusal::BlobNotFound)
    }

    fn version_mut(&mut self, name: &str, version: Option<&str>) -> Result<&mut Blob, BlobRefusal> {
        let Some(version) = version else {
            return self.current_mut(name);
        };
        let history = self.blobs.get_mut(name).ok_or(BlobRefusal::BlobNotFound)?;
        let mut all = history.current.iter_mut().chain(history.versions.iter_mut());
        all.find(|blob| blob.version_id.as_deref() == Some(version)).ok_or(BlobRefusal::BlobNotFound)
    }
}

/// What protects one version: where the account keeps versions, overwriting and deleting a current one takes nothing away.
fn guard_version(blob: &Blob, act: Act, at: &Circumstances) -> Result<(), BlobRefusal> {
    if at.keeping.is_versioned && act != Act::Append {
        return Ok(());
    }
    if blob.hold {
        return Err(BlobRefusal::ImmutableDueToLegalHold);
    }
    if blob.retention.is_some_and(|retention| at.now < retention.until) {
        return Err(BlobRefusal::ImmutableDueToPolicy);
    }
    Ok(())
}

fn without_versions(at: &Circumstances) -> Circumstances {
    Circumstances { keeping: Keeping { is_versioned: false, ..at.keeping }, ..at.clone() }
}

impl History {
    /// Takes the current blob away: to the versions, or to what is kept for a while, or for good.
    fn set_aside(&mut self, at: &Circumstances) {
        let Some(blob) = self.current.take() else {
            return;
        };
        if at.keeping.is_versioned {
            // A blob from before versioning gets its version when it is replaced.
            let version_id = blob.version_id.clone().or_else(|| Some(self.new_version_id(blob.changed_at)));
            self.versions.push(Blob { version_id, ..blob });
        } else if at.keeping.retention_days.is_some() {
            self.deleted.push(Blob { deleted_at: Some(at.now), ..blob });
        }
    }
}

/// The time by which a soft-deleted thing is gone, in whole days from now.
#[must_use]
pub fn remaining_days(deleted_at: Timestamp, retention_days: i64, now: Timestamp) -> i64 {
    let end = deleted_at.checked_add(SignedDuration::from_hours(retention_days * 24)).unwrap_or(Timestamp::MAX);
    let left = end.duration_since(now).as_secs();
    if left <= 0 { 0 } else { (left + 86_399) / 86_400 }
}

#[cfg(test)]
#[path = "writes_tests.rs"]
mod tests;
