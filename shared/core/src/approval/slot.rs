//! In which of the two places on a resource an approval goes as tags, given the tags that are there. Pure.
//!
//! A resource carries one change at a time, with one approver and, beside him, one co-approver. What it must not do: judge what an
//! approval is worth; that is said where one is verified and weighed.

use super::window::Window;
use super::{
    ACTION_TAG, APPROVER_TAG, ApprovalKeys, ApprovalSource, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, People, SEAL_TAG, SealError,
    Sealable, SealedApproval, WINDOW_TAG,
};
use crate::facts::Tags;

/// Where on a resource an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagSlot {
    /// `reprieve:approver` and `reprieve:seal`, with the change.
    Approver,
    /// `reprieve:co-approver` and `reprieve:co-seal`, beside somebody else's approval of the same change.
    CoApprover,
}

/// What an approval will do to a resource's tags.
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
    /// action and window, by somebody who is known to be somebody else, under another approval key, and not known to be broken; else it
    /// takes the first place.
    #[must_use]
    pub fn of(tags: &Tags, approval: &SealedApproval, seal_key: &str, resource: &impl Sealable, keys: &ApprovalKeys) -> Self {
        let first = SealedApproval::from_tags(tags).and_then(Result::ok);
        let same_change = |other: &SealedApproval| {
            let same_window = Window::parse(&other.window).ok() == Window::parse(&approval.window).ok();
            other.change == approval.change && other.action == approval.action && same_window
        };
        let is_others = |other: &SealedApproval| {
            let people = People::named(&other.approver, &approval.approver, resource.sealed_name());
            people == People::Two && seal_key_of(other) != Some(seal_key)
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

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
