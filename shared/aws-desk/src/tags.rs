//! Approvals as tags: in which of the two places on the key an approval goes, and writing and removing them.
//!
//! A key carries one change at a time, with one approver and, beside him, one co-approver.

use aws_sdk_kms::types::Tag;
use reprieve_core::KeyArn;
use reprieve_core::actor::identities_of_name;
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{
    ACTION_TAG, APPROVAL_TAGS, APPROVER_TAG, ApprovalKeys, ApprovalSource, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, SealError,
    SealedApproval, WINDOW_TAG,
};
use reprieve_core::facts::Tags;

use crate::desk::Desk;
use crate::error::{DeskError, code_of, sorted};

/// Where on the key an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagSlot {
    /// `reprieve:approver` and `reprieve:seal`, with the change.
    Approver,
    /// `reprieve:co-approver` and `reprieve:co-seal`, beside somebody else's approval of the same change.
    CoApprover,
}

/// What an approval will do to a key's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPlan {
    /// Where it goes.
    pub slot: TagSlot,
    /// The window as it must be written: beside another approval, exactly as that one has it.
    pub window: String,
    /// The approval of somebody else that it stands beside.
    pub beside: Option<SealedApproval>,
    /// The tags that speak of another change, and go.
    pub stale: Vec<&'static str>,
    /// The approval that stood in its place, as far as it can be read.
    pub replaces: Option<SealedApproval>,
}

impl TagPlan {
    /// Works out where an approval goes, given the tags that are there. It goes beside another one where that is of the same change,
    /// action and window, by somebody else under another approval key, and not known to be broken; else it takes the first place.
    #[must_use]
    pub fn of(tags: &Tags, approval: &SealedApproval, seal_key: &str, resource: &KeyArn, keys: &ApprovalKeys) -> Self {
        let first = SealedApproval::from_tags(tags).and_then(Result::ok);
        let same_change = |other: &SealedApproval| {
            let same_window = Window::parse(&other.window).ok() == Window::parse(&approval.window).ok();
            other.change == approval.change && other.action == approval.action && same_window
        };
        let is_others = |other: &SealedApproval| {
            let same_person = !identities_of_name(&other.approver).is_disjoint(&identities_of_name(&approval.approver));
            !same_person && seal_key_of(other) != Some(seal_key)
        };
        let may_hold = |other: &SealedApproval| {
            let verified = other.verify(resource, None, keys, ApprovalSource::SealedTags);
            matches!(verified, Ok(_) | Err(SealError::UnknownKey(_)))
        };
        if let Some(first) = first.as_ref().filter(|first| same_change(first) && is_others(first) && may_hold(first)) {
            return Self {
                slot: TagSlot::CoApprover,
                window: first.window.clone(),
                beside: Some(first.clone()),
                stale: Vec::new(),
                replaces: SealedApproval::co_approval_from_tags(tags).and_then(Result::ok),
            };
        }
        // The window's text is sealed, so a co-approval only stays where not a letter of it changes.
        let stays = first.as_ref().is_some_and(|first| same_change(first) && first.window == approval.window);
        let co_tags = [CO_APPROVER_TAG, CO_SEAL_TAG];
        let stale = if stays { Vec::new() } else { co_tags.into_iter().filter(|name| tags.contains_key(*name)).collect() };
        Self { slot: TagSlot::Approver, window: approval.window.clone(), beside: None, stale, replaces: first }
    }

    /// Returns the tags to write for the sealed approval.
    #[must_use]
    pub fn tags<'a>(&self, approval: &'a SealedApproval) -> Vec<(&'static str, &'a str)> {
        let SealedApproval { change, action, window, approver, seal } = approval;
        match self.slot {
            TagSlot::Approver => {
                vec![(CHANGE_TAG, change), (ACTION_TAG, action), (WINDOW_TAG, window), (APPROVER_TAG, approver), (SEAL_TAG, seal)]
            }
            TagSlot::CoApprover => vec![(CO_APPROVER_TAG, approver), (CO_SEAL_TAG, seal)],
        }
    }
}

/// Returns the id of the key that a seal says it was made with.
#[must_use]
pub fn seal_key_of(approval: &SealedApproval) -> Option<&str> {
    approval.seal.split('.').nth(1)
}

impl Desk {
    /// Writes the sealed approval on the key, all of its tags by one call, and then removes what is stale.
    ///
    /// # Errors
    /// When the tags cannot be changed: [`DeskError::PendingDeletion`] where the key's state is why.
    pub async fn write_tags(&self, key: &KeyArn, approval: &SealedApproval, plan: &TagPlan) -> Result<(), DeskError> {
        let mut tag = self.kms(Some(&key.region()))?.tag_resource().key_id(key.as_str());
        for (name, value) in plan.tags(approval) {
            let built = Tag::builder().tag_key(name).tag_value(value).build();
            tag = tag.tags(built.map_err(|error| DeskError::Call { call: "kms:TagResource", message: error.to_string() })?);
        }
        tag.send().await.map_err(|error| match code_of(&error) {
            Some("KMSInvalidStateException") => DeskError::PendingDeletion { key: key.clone() },
            Some(_) | None => sorted("kms:TagResource")(error),
        })?;
        self.remove_tags(key, &plan.stale).await
    }

    /// Removes the approval tags that the key carries. Other tags stay.
    ///
    /// # Errors
    /// When the tags cannot be changed.
    pub async fn remove_approval(&self, key: &KeyArn, tags: &Tags) -> Result<(), DeskError> {
        let names: Vec<&str> = APPROVAL_TAGS.into_iter().filter(|name| tags.contains_key(*name)).collect();
        self.remove_tags(key, &names).await
    }

    async fn remove_tags(&self, key: &KeyArn, names: &[&str]) -> Result<(), DeskError> {
        if names.is_empty() {
            return Ok(());
        }
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let untag = self.kms(Some(&key.region()))?.untag_resource().key_id(key.as_str()).set_tag_keys(Some(names));
        untag.send().await.map(drop).map_err(|error| match code_of(&error) {
            Some("KMSInvalidStateException") => DeskError::PendingDeletion { key: key.clone() },
            Some(_) | None => sorted("kms:UntagResource")(error),
        })
    }
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
