//! What a new approval takes the place of: a resource carries one change at a time, with one approver and one co-approver. Pure.
//!
//! What others approved and still holds is not replaced unless that is asked for; one whose public key is not at hand may hold, and so may
//! tags without a seal on a key, of which CloudTrail alone says who set them.

use jiff::Timestamp;
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::plain::is_plain;
use reprieve_core::approval::slot::{TagPlan, seal_key_of};
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{
    ACTION_TAG, ApprovalSource, CHANGE_TAG, People, SealError, Sealable as _, SealedApproval, WINDOW_TAG, Written,
};

use crate::desk::approvable::Approvable;
use crate::desk::{short_approver, shown_window};

/// A new approval, and the tags that it is to have.
pub(super) struct Replacing<'a> {
    pub(super) plan: &'a TagPlan,
    pub(super) approval: &'a SealedApproval,
    pub(super) seal_key: &'a str,
    pub(super) resource: Approvable<'a>,
    pub(super) keys: &'a ApprovalKeys,
}

/// What tags without a seal say.
struct Plain {
    change: String,
    action: String,
    window: Window,
}

impl Replacing<'_> {
    /// Refuses to take the place of what others approved.
    ///
    /// # Errors
    /// Says what stands there, and how both could.
    pub(super) fn check(&self, known: Option<&Written>, now: Timestamp) -> anyhow::Result<()> {
        if let Some(plain) = self.plain().filter(|plain| now < plain.window.end && !is_revoked(&plain.change, known)) {
            anyhow::bail!(
                "`{}` carries change `{}` ({}, {}) in tags without a seal, which may still hold, and this approval would take its place; to replace it, give --replace",
                self.resource.name(),
                plain.change,
                plain.action,
                shown_window(plain.window)
            );
        }
        let others: Vec<SealedApproval> = self.lost().filter(|other| !self.is_own(other) && self.holds(other, known, now)).collect();
        let Some(first) = others.first() else { return Ok(()) };
        let approvers: Vec<String> = others.iter().map(|other| short_approver(&other.approver)).collect();
        anyhow::bail!(
            "`{}` carries change `{}` ({}, {}), approved by {}, which still holds, and this approval would take its place{}; {}, give --replace",
            self.resource.name(),
            first.change,
            first.action,
            Window::parse(&first.window).map_or_else(|_| first.window.clone(), shown_window),
            approvers.join(" and "),
            self.how_beside(first).unwrap_or_default(),
            if others.iter().all(|other| self.may_be_own(other)) { "if it is your own under another name" } else { "to replace it" }
        )
    }

    /// Says what becomes of the approval that stood where this one goes.
    pub(super) fn warning(&self) -> Option<String> {
        if let Some(plain) = self.plain() {
            return Some(format!(
                "it takes the place of change {}, in tags without a seal: a key carries one change at a time",
                plain.change
            ));
        }
        let replaced = self.plan.replaces.as_ref()?;
        let who = short_approver(&replaced.approver);
        if replaced.change != self.approval.change {
            let kind = self.resource.kind();
            return Some(format!(
                "it takes the place of change {}, approved by {who}: a {kind} carries one change at a time",
                replaced.change
            ));
        }
        if replaced.approver == self.approval.approver {
            return None;
        }
        Some(format!("it takes the place of the approval by {who}{}", self.how_beside(replaced).unwrap_or_default()))
    }

    /// Returns what tags without a seal say of another change, where they can count: on a key, and where nothing is missing of them.
    fn plain(&self) -> Option<Plain> {
        self.resource.key()?;
        let tags = self.resource.tags();
        let tag = |name: &str| tags.get(name).cloned().filter(|_| is_plain(tags));
        // The guard takes no value there that could not be sealed either.
        let [change, action, window] = [tag(CHANGE_TAG)?, tag(ACTION_TAG)?, tag(WINDOW_TAG)?];
        let said = SealedApproval { change, action, window, ..self.approval.clone() };
        let window = said.check_values().ok()?;
        (said.change != self.approval.change).then_some(Plain { change: said.change, action: said.action, window })
    }

    /// Returns the approvals that the tags hold and will hold no more.
    fn lost(&self) -> impl Iterator<Item = SealedApproval> {
        let stale = SealedApproval::co_approval_from_tags(self.resource.tags()).and_then(Result::ok);
        let stale = stale.filter(|_| !self.plan.stale.is_empty());
        self.plan.replaces.clone().into_iter().chain(stale)
    }

    /// Says whether it is the same approver's of the same change, in another window or for another action.
    fn is_own(&self, other: &SealedApproval) -> bool {
        other.change == self.approval.change && self.people(other) == People::One
    }

    /// Says whether it may be that, under a name of another kind: whoever may use an approval key seals with that same key again.
    fn may_be_own(&self, other: &SealedApproval) -> bool {
        let is_alike = other.change == self.approval.change && seal_key_of(other) == Some(self.seal_key);
        is_alike && self.people(other) == People::Untold
    }

    fn people(&self, other: &SealedApproval) -> People {
        People::named(&other.approver, &self.approval.approver, self.resource.sealed_name())
    }

    /// Says whether an approval covers something that is still to come.
    fn holds(&self, other: &SealedApproval, known: Option<&Written>, now: Timestamp) -> bool {
        let Ok(window) = other.check_values() else { return false };
        // A key seals what happens while it is valid, which is at the earliest now and within the window.
        let verified = other.verify(&self.resource, Some(now.max(window.start)), self.keys, ApprovalSource::SealedTags);
        let may_hold = matches!(verified, Ok(_) | Err(SealError::UnknownKey(_) | SealError::KeyTooYoung { .. }));
        now < window.end && !is_revoked(&other.change, known) && may_hold
    }

    /// Says how both could stand, where they are of the same change.
    fn how_beside(&self, other: &SealedApproval) -> Option<String> {
        if other.change != self.approval.change {
            return None;
        }
        let people = self.people(other);
        if seal_key_of(other) == Some(self.seal_key) {
            let advice = "; under one approval key two people count as one, so use another to approve beside each other";
            return (people == People::Two).then(|| advice.to_owned());
        }
        if other.action != self.approval.action || !super::may_hold(other, self.resource, self.keys) {
            return None;
        }
        match people {
            People::One => None,
            People::Untold => Some(format!("; {}", same_kind_of_name(self.resource))),
            People::Two => {
                let window = self.window_to_share(other)?;
                Some(format!("; to approve beside it, give its window, {}", window.to_text()))
            }
        }
    }

    /// Returns the window of another approval, where it is another one.
    fn window_to_share(&self, other: &SealedApproval) -> Option<Window> {
        let window = Window::parse(&other.window).ok()?;
        (Window::parse(&self.approval.window) != Ok(window)).then_some(window)
    }
}

/// Says how two approvers of whom it cannot be told whether they are two people approve as two.
pub(super) fn same_kind_of_name(resource: Approvable<'_>) -> String {
    let kinds = match resource {
        Approvable::Key(_) => "the ARNs of two users, or of sessions of two roles",
        Approvable::Azure(_) => "two principal names, or `object:ID` twice",
    };
    format!("nothing in how they are named tells whether they are two people, so approve with the same kind of name (--approver): {kinds}")
}

/// Says whether the ledger is known to hold a revocation of this change.
fn is_revoked(change: &str, known: Option<&Written>) -> bool {
    known.is_some_and(|known| known.revocations.iter().any(|revocation| revocation.change == change))
}

#[cfg(test)]
#[path = "replacing_tests.rs"]
mod tests;
