//! Plain approvals: tags without a seal. They are believed only where the provider's own log says who set them, and that somebody
//! holds an approver role, set all of them by one call, and did so before the act.
//!
//! An unsigned tag is a claim: whoever may tag may write it. So an unknown setter is no approval, and so is a late answer.

use jiff::Timestamp;

use super::seal::check_value;
use super::window::{Window, WindowError};
use super::{
    ACTION_TAG, APPROVER_TAG, Approval, ApprovalRules, ApprovalSource, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, SealError,
    WINDOW_TAG,
};
use crate::actor::identities_of_name;
use crate::event::Event;
use crate::facts::{Known, Tags};
use crate::id::KeyArn;

/// Says why plain tags approve nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// No approver role is configured.
    #[error("the tag `reprieve:seal` is missing, and no approver role is configured whose plain tags would count")]
    NotAccepted,
    /// A tag cannot be read.
    #[error(transparent)]
    Value(#[from] SealError),
    /// It is for another action.
    #[error("it approves `{approved}`, not `{attempted}`")]
    OtherAction {
        /// What the tags approve.
        approved: String,
        /// What happened.
        attempted: String,
    },
    /// The setter could not be looked up.
    #[error("the tags carry no seal, and who set them could not be looked up ({0})")]
    SetterUnreadable(String),
    /// The log names no setter.
    #[error(
        "the tags carry no seal, and CloudTrail names nobody who set them with TagResource before the event (it takes minutes to, keeps 90 days, and tags given at creation do not approve)"
    )]
    SetterUnknown,
    /// The latest call that touched the tags set other values, or not all of them.
    #[error("the tags carry no seal, and were not set together: the latest call that touched them, by {who} at {at}, set others")]
    NotSetTogether {
        /// Who called.
        who: String,
        /// When.
        at: String,
    },
    /// They were set after the act.
    #[error("the tags carry no seal, and {who} set them at {at}, not before the event")]
    SetLate {
        /// Who set them.
        who: String,
        /// When.
        at: Timestamp,
    },
    /// The setter is the actor.
    #[error("the tags carry no seal, and {who}, who did it, set them")]
    SetByActor {
        /// Who set them.
        who: String,
    },
    /// The setter holds no approver role.
    #[error("the tags carry no seal, and {who}, who set them, holds no approver role")]
    NoApproverRole {
        /// Who set them.
        who: String,
    },
    /// The tag names another approver than the setter.
    #[error("the tags carry no seal, and name `{named}` as approver, but {who} set them")]
    OtherApprover {
        /// Who the tag names.
        named: String,
        /// Who set it.
        who: String,
    },
}

/// Says whether the tags are a plain approval: parts of an approval, and no seal at all.
#[must_use]
pub fn is_plain(tags: &Tags) -> bool {
    let is_there = |name: &str| tags.contains_key(name);
    [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG].iter().any(|name| is_there(name))
        && ![SEAL_TAG, CO_SEAL_TAG, CO_APPROVER_TAG].iter().any(|name| is_there(name))
}

/// Says whether who set the tags must be looked up before anything can be decided: they are a plain approval of this action, and
/// would count if an approver set them.
#[must_use]
pub fn needs_setter(tags: &Tags, action: &str, rules: &ApprovalRules) -> bool {
    !rules.approver_roles.is_empty() && is_plain(tags) && written(tags, action).is_ok()
}

/// What plain tags say.
struct Written<'a> {
    change: &'a str,
    window: &'a str,
    read: Window,
}

fn written<'a>(tags: &'a Tags, action: &str) -> Result<Written<'a>, PlainError> {
    let tag = |name: &'static str| {
        let value = tags.get(name).ok_or(SealError::TagMissing(name))?;
        check_value(name, value)?;
        Ok::<&str, SealError>(value)
    };
    let (change, approved, window) = (tag(CHANGE_TAG)?, tag(ACTION_TAG)?, tag(WINDOW_TAG)?);
    if approved != action {
        return Err(PlainError::OtherAction { approved: approved.to_owned(), attempted: action.to_owned() });
    }
    let read = Window::parse(window).map_err(|error: WindowError| SealError::from(error))?;
    Ok(Written { change, window, read })
}

/// Establishes the plain approval of an event, given the latest call that touched its tags (`Absent`: the log holds none).
///
/// # Errors
/// Says why it is none.
pub fn establish(
    event: &Event,
    action: &str,
    key: &KeyArn,
    tags: &Tags,
    tagging: &Known<Event>,
    rules: &ApprovalRules,
) -> Result<Approval, PlainError> {
    if rules.approver_roles.is_empty() {
        return Err(PlainError::NotAccepted);
    }
    let written = written(tags, action)?;
    let call = match tagging {
        // A tag that was given at creation says nothing of whether its author was let approve, and a refused call set none.
        Known::Is(call) if call.is_effective_kms_call("TagResource") => call,
        Known::Is(_) | Known::Absent => return Err(PlainError::SetterUnknown),
        Known::Unreadable(reason) => return Err(PlainError::SetterUnreadable(reason.clone())),
    };
    let who = call.actor.display_name();
    let set = |name: &str| call.details.approval_tags.get(name).map(String::as_str);
    let set_together = set(CHANGE_TAG) == Some(written.change)
        && set(ACTION_TAG) == Some(action)
        && set(WINDOW_TAG) == Some(written.window)
        && set(APPROVER_TAG) == tags.get(APPROVER_TAG).map(String::as_str);
    let Some(set_at) = call.time.filter(|_| set_together && call.target.key() == Some(key)) else {
        let at = call.time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
        return Err(PlainError::NotSetTogether { who, at });
    };
    let setter = call.actor.identities();
    if setter.is_empty() {
        return Err(PlainError::SetterUnknown);
    }
    if !setter.is_disjoint(&event.actor.identities()) {
        return Err(PlainError::SetByActor { who });
    }
    if event.time.is_none_or(|time| set_at >= time) {
        return Err(PlainError::SetLate { who, at: set_at });
    }
    if !call.actor.role.as_ref().is_some_and(|role| rules.approver_roles.contains(role)) {
        return Err(PlainError::NoApproverRole { who });
    }
    if let Some(named) = tags.get(APPROVER_TAG)
        && identities_of_name(named).is_disjoint(&setter)
    {
        return Err(PlainError::OtherApprover { named: named.clone(), who });
    }
    Ok(Approval {
        change: written.change.to_owned(),
        approver: who,
        approver_identities: setter,
        resource: key.to_string(),
        window_start: written.read.start,
        window_end: written.read.end,
        source: ApprovalSource::PlainTags,
        seal_key: None,
        set_at: Some(set_at),
        revoked: None,
    })
}
