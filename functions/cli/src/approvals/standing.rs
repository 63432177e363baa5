//! How an approval stands now: judged with public keys, by the window and the ledger's revocations. Pure.
//!
//! Whether it lets something pass is not said here; that is policy's to say, at the time of the act.

use jiff::Timestamp;
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::plain::is_plain;
use reprieve_core::approval::slot::seal_key_of;
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{
    ACTION_TAG, APPROVER_TAG, ApprovalSource, CHANGE_TAG, Revocation, SealError, SealedApproval, WINDOW_TAG, Written,
};
use serde::Serialize;

use crate::desk::approvable::Approvable;
use crate::desk::{distance, moment};

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Its seal holds, and its window is open.
    ValidNow,
    /// Its seal holds, and its window is to come.
    Opens,
    /// Its seal holds, and its window is over.
    Expired,
    /// Its change was revoked.
    Revoked,
    /// It is none.
    Invalid,
    /// Plain tags: the log decides.
    Unsealed,
    /// There is no public key to judge it with.
    Unverified,
}

/// An approval and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aliases: Option<Vec<String>>,
    /// The resource in Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<String>,
    pub(super) change: Option<String>,
    pub(super) action: Option<String>,
    pub(super) approver: Option<String>,
    pub(super) window: Option<String>,
    pub(super) source: ApprovalSource,
    pub(super) seal_key: Option<String>,
    pub(super) state: State,
    /// When it opens, closes, closed or was revoked, in words.
    pub(super) when: Option<String>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

/// The public keys to judge with.
#[derive(Debug)]
pub(super) struct PublicKeys {
    pub(super) keys: ApprovalKeys,
    /// These are all that the functions are configured with: a seal of any other is none.
    pub(super) are_all: bool,
}

/// Judges every approval of a key or resource: the tags' first, then the ledger's.
pub(super) fn of(resource: Approvable<'_>, known: Option<&Written>, keys: &PublicKeys, now: Timestamp) -> Vec<Standing> {
    let revocations = known.map(|known| known.revocations.as_slice()).unwrap_or_default();
    let judge = Judge { resource, keys, revocations, now };
    let mut standings = Vec::new();
    let tags = resource.tags();
    // In Azure, tags count under a seal alone.
    if resource.key().is_some() && is_plain(tags) {
        standings.push(judge.plain());
    } else {
        let on_resource = [SealedApproval::from_tags(tags), SealedApproval::co_approval_from_tags(tags)];
        standings.extend(on_resource.into_iter().flatten().map(|approval| judge.sealed(approval, ApprovalSource::SealedTags)));
    }
    let in_ledger = known.into_iter().flat_map(|known| known.approvals.iter().cloned());
    standings.extend(in_ledger.map(|approval| judge.sealed(Ok(approval), ApprovalSource::Ledger)));
    standings
}

struct Judge<'a> {
    resource: Approvable<'a>,
    keys: &'a PublicKeys,
    revocations: &'a [Revocation],
    now: Timestamp,
}

impl Judge<'_> {
    fn sealed(&self, approval: Result<SealedApproval, SealError>, source: ApprovalSource) -> Standing {
        let approval = match approval {
            Ok(approval) => approval,
            Err(error) => return Standing { state: State::Invalid, why: Some(error.to_string()), ..self.of_tags(source) },
        };
        let seal_key = seal_key_of(&approval).map(ToOwned::to_owned);
        let standing = Standing {
            key: self.resource.key().map(ToOwned::to_owned),
            aliases: self.resource.aliases().map(<[String]>::to_vec),
            resource: self.resource.resource().map(ToOwned::to_owned),
            change: Some(approval.change.clone()),
            action: Some(approval.action.clone()),
            approver: Some(approval.approver.clone()),
            window: Some(approval.window.clone()),
            source,
            seal_key,
            state: State::Invalid,
            when: None,
            why: None,
        };
        // A key seals what happens while it is valid, which is at the earliest now and within the window.
        let time = Window::parse(&approval.window).map_or(self.now, |window| self.now.clamp(window.start, window.end));
        match approval.verify(&self.resource, Some(time), &self.keys.keys, source) {
            Ok(verified) => self.by_time(standing, verified.window_start, verified.window_end),
            Err(SealError::UnknownKey(id)) if !self.keys.are_all => {
                let why = format!("the public key of `{id}`, which sealed it, is not at hand");
                Standing { state: State::Unverified, why: Some(why), ..standing }
            }
            Err(error) => Standing { why: Some(error.to_string()), ..standing },
        }
    }

    fn by_time(&self, standing: Standing, start: Timestamp, end: Timestamp) -> Standing {
        if let Some(revocation) = self.revocation(standing.change.as_deref()) {
            let reason = revocation.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let why = format!("revoked by {} at {}{reason}", revocation.by, moment(revocation.at));
            return Standing { state: State::Revoked, when: Some(moment(revocation.at)), why: Some(why), ..standing };
        }
        let (state, when) = if self.now < start {
            (State::Opens, format!("opens in {}", distance(start, self.now)))
        } else if self.now < end {
            (State::ValidNow, format!("closes in {}", distance(end, self.now)))
        } else {
            (State::Expired, format!("closed {} ago", distance(self.now, end)))
        };
        Standing { state, when: Some(when), ..standing }
    }

    fn plain(&self) -> Standing {
        let why = "no seal: it counts only where CloudTrail shows that an approver role set all its tags before the act".to_owned();
        let standing = Standing { state: State::Unsealed, why: Some(why), ..self.of_tags(ApprovalSource::PlainTags) };
        match self.revocation(standing.change.as_deref()) {
            Some(revocation) => Standing { state: State::Revoked, when: Some(moment(revocation.at)), ..standing },
            None => standing,
        }
    }

    fn revocation(&self, change: Option<&str>) -> Option<&Revocation> {
        self.revocations.iter().find(|revocation| Some(revocation.change.as_str()) == change)
    }

    /// What the tags say, whatever is missing.
    fn of_tags(&self, source: ApprovalSource) -> Standing {
        let tag = |name: &str| self.resource.tags().get(name).cloned();
        Standing {
            key: self.resource.key().map(ToOwned::to_owned),
            aliases: self.resource.aliases().map(<[String]>::to_vec),
            resource: self.resource.resource().map(ToOwned::to_owned),
            change: tag(CHANGE_TAG),
            action: tag(ACTION_TAG),
            approver: tag(APPROVER_TAG),
            window: tag(WINDOW_TAG),
            source,
            seal_key: None,
            state: State::Invalid,
            when: None,
            why: None,
        }
    }
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
