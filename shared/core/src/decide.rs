//! The decision: event, facts, policy and the time in; what to do and why out. Pure: the same input always gives the same answer.
//!
//! In two halves. [`triage`] needs the event alone: it settles what needs no look at the key, and says for the rest the most that
//! could be done. [`decide`] takes what was observed and decides; its plan is always within what triage said.

pub(crate) mod approved;
mod examination;

use jiff::Timestamp;

use crate::approval::ApprovalRules;
use crate::decision::{Decision, Severity, Why};
use crate::event::{CallOutcome, Event, EventForm, Target};
use crate::facts::{INCIDENT_HOLD_TAG, KeyFacts};
use crate::id::{AccountId, KeyArn, Region, RoleArn};
use crate::plan::{Plan, Step};
use crate::policy::Policy;
use crate::threat::{Threat, is_restorative};

/// Where this deployment may act, and as whom. An absent part is not checked.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    /// The account that it guards.
    pub account: Option<AccountId>,
    /// The Region that it guards.
    pub region: Option<Region>,
    /// Its own role: restorative calls of exactly this role are its own.
    pub remediator: Option<RoleArn>,
}

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What was observed.
    pub facts: &'a KeyFacts,
    /// The policies.
    pub policy: &'a Policy,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
    /// Where this deployment may act.
    pub domain: &'a Domain,
    /// The time of the decision.
    pub now: Timestamp,
}

/// What the event alone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Triage {
    /// Decided: the key need not be looked at.
    Settled(Decision),
    /// The key must be looked at.
    Examine {
        /// The key.
        key: KeyArn,
        /// What happened to it.
        threat: Threat,
        /// The most that will be done: what to record before anything is done.
        considering: Plan,
    },
}

/// Decides what the event alone decides.
#[must_use]
pub fn triage(event: &Event, domain: &Domain) -> Triage {
    let Some(threat) = Threat::of(event) else {
        return Triage::Settled(no_threat(event, domain));
    };
    let name = event.target.display_name();
    // A custom key store can fail to delete its copy of a key that KMS has deleted: the key is gone all the same.
    if let CallOutcome::Refused { code, .. } = &event.outcome
        && threat != Threat::KeyDeleted
    {
        let sentence = format!(
            "{} tried `{}` on `{name}` and was refused ({code}): recorded, nothing to undo.",
            event.actor.display_name(),
            event.name
        );
        return Triage::Settled(Decision::Stand { why: Why::new(Severity::Low, sentence) });
    }
    match &event.target {
        Target::Key(key) => match outside_of(key, domain) {
            Some(reason) => {
                let sentence = format!("`{key}` {}, but {reason}: nothing was done. A deployment there must answer.", threat.phrase());
                Triage::Settled(Decision::Escalate { why: reasoned(event, Severity::High, sentence) })
            }
            None => examine_or_escalate(event, key, threat, domain),
        },
        Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed => {
            Triage::Settled(escalate(event, threat, domain))
        }
    }
}

/// Decides on an event, given what was observed of its key.
pub fn decide(event: &Event, situation: &Situation<'_>) -> Decision {
    match triage(event, situation.domain) {
        Triage::Settled(decision) => decision,
        Triage::Examine { key, threat, .. } => examination::examine(event, &key, threat, situation),
    }
}

fn no_threat(event: &Event, domain: &Domain) -> Decision {
    let own = domain.remediator.as_ref().is_some_and(|role| event.actor.is_role(role));
    let sentence = if own && is_restorative(event) {
        format!("`{}` is our own act, recorded and not answered.", event.name)
    } else {
        format!("`{}` on `{}` endangers no key.", event.name, event.source)
    };
    Decision::Stand { why: Why::new(Severity::Informational, sentence) }
}

fn outside_of(key: &KeyArn, domain: &Domain) -> Option<String> {
    let account = key.account();
    let region = key.region();
    match (&domain.account, &domain.region) {
        (Some(home), _) if *home != account => Some(format!("it belongs to account {account} and this deployment guards {home}")),
        (_, Some(home)) if *home != region => Some(format!("it lives in {region} and this deployment guards {home}")),
        (Some(_) | None, Some(_) | None) => None,
    }
}

fn examine_or_escalate(event: &Event, key: &KeyArn, threat: Threat, domain: &Domain) -> Triage {
    match contingent_plan(key, threat) {
        Some(considering) => Triage::Examine { key: key.clone(), threat, considering },
        // The state tells whether a new key policy locked us out, and the tags whether a change was approved.
        None if needs_a_look(event, threat) => Triage::Examine { key: key.clone(), threat, considering: Plan::default() },
        None => Triage::Settled(escalate(event, threat, domain)),
    }
}

/// The most that is done about a threat; what is done is this, or less.
fn contingent_plan(key: &KeyArn, threat: Threat) -> Option<Plan> {
    let key = key.clone();
    match threat {
        Threat::DeletionScheduled => Some(Plan::new(vec![Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key }])),
        Threat::KeyDisabled => Some(Plan::new(vec![Step::EnableKey { key }])),
        Threat::RotationDisabled => Some(Plan::new(vec![Step::EnableKeyRotation { key, period_days: None }])),
        Threat::MaterialDeleted
        | Threat::MaterialExpires
        | Threat::MaterialExpired
        | Threat::KeyStoreDisconnected
        | Threat::KeyStoreDeleted
        | Threat::PolicyReplaced
        | Threat::GrantRemoved
        | Threat::TagsChanged
        | Threat::AliasChanged
        | Threat::RegionDisabled
        | Threat::KeyDeleted => None,
    }
}

/// Says whether a threat that is only escalated is first checked against the key: for an approval, a lockout, or a case to open.
fn needs_a_look(event: &Event, threat: Threat) -> bool {
    match threat {
        Threat::PolicyReplaced
        | Threat::MaterialDeleted
        | Threat::MaterialExpires
        | Threat::MaterialExpired
        | Threat::KeyStoreDisconnected
        | Threat::AliasChanged => true,
        Threat::TagsChanged => !only_approval_tags(event),
        Threat::GrantRemoved => !is_routine_retirement(event),
        Threat::DeletionScheduled
        | Threat::KeyDisabled
        | Threat::RotationDisabled
        | Threat::KeyStoreDeleted
        | Threat::RegionDisabled
        | Threat::KeyDeleted => false,
    }
}

/// Decides what is escalated without a look at the key.
fn escalate(event: &Event, threat: Threat, domain: &Domain) -> Decision {
    let name = event.target.display_name();
    let who = event.actor.display_name();
    if threat == Threat::TagsChanged && only_approval_tags(event) {
        let sentence = format!("{who} changed approval tags of `{name}` ({}): recorded.", event.details.tag_keys.join(", "));
        return Decision::Stand { why: Why::new(Severity::Informational, sentence) };
    }
    if threat == Threat::GrantRemoved && is_routine_retirement(event) {
        let sentence = format!("{who} retired a grant on `{name}` that it no longer needs: recorded.");
        return Decision::Stand { why: Why::new(Severity::Informational, sentence) };
    }
    let mut why = reasoned(event, severity(threat), format!("{}. {}", opening(event, threat).trim_end_matches(','), advice(threat)));
    why.escalations.extend(stolen_credentials(event, domain));
    Decision::Escalate { why }
}

/// Whoever endangers a key under our own role is not us.
fn stolen_credentials(event: &Event, domain: &Domain) -> Option<String> {
    let own = domain.remediator.as_ref().is_some_and(|role| event.actor.is_role(role));
    own.then(|| "the caller is Reprieve's own role, which never makes this call: treat its credentials as stolen".to_owned())
}

/// Approval tags prove nothing without their seal, so setting them harms nobody. An incident hold takes effect as it is.
fn only_approval_tags(event: &Event) -> bool {
    let tags = &event.details.tag_keys;
    let is_approval = |tag: &String| tag.starts_with("reprieve:") && tag != INCIDENT_HOLD_TAG;
    event.name == "TagResource" && !tags.is_empty() && tags.iter().all(is_approval)
}

/// A service retires its own grants when it detaches a volume or ends an export.
fn is_routine_retirement(event: &Event) -> bool {
    event.name == "RetireGrant" && event.actor.invoked_by.is_some()
}

const fn severity(threat: Threat) -> Severity {
    match threat {
        Threat::KeyDeleted | Threat::KeyStoreDeleted | Threat::MaterialDeleted | Threat::MaterialExpired => Severity::Critical,
        Threat::DeletionScheduled
        | Threat::KeyDisabled
        | Threat::KeyStoreDisconnected
        | Threat::RegionDisabled
        | Threat::PolicyReplaced => Severity::High,
        Threat::RotationDisabled | Threat::GrantRemoved | Threat::AliasChanged | Threat::MaterialExpires => Severity::Medium,
        Threat::TagsChanged => Severity::Low,
    }
}

const fn advice(threat: Threat) -> &'static str {
    match threat {
        Threat::DeletionScheduled | Threat::KeyDisabled | Threat::RotationDisabled => {
            "The event names no key by its id, and we never guess which key is meant: find it and undo it by hand."
        }
        Threat::MaterialDeleted | Threat::MaterialExpired => "Only importing the same key material again makes the key usable.",
        Threat::MaterialExpires => "Import the same key material again, with a later expiry or none, before the deadline.",
        Threat::KeyStoreDisconnected => "Every key in it is unusable until ConnectCustomKeyStore succeeds.",
        Threat::KeyStoreDeleted => "Its keys were gone before it could be deleted: find out what they encrypted.",
        Threat::PolicyReplaced => {
            "Check that its users, its administrators and Reprieve are still let in, and restore the last good policy if not."
        }
        Threat::GrantRemoved => "Whoever used the key through it can no longer; a grant must be made anew if it is still needed.",
        Threat::TagsChanged => "Access that is granted by tags may be lost within five minutes: check who used the key by its tags.",
        Threat::AliasChanged => "Callers that use the alias now reach another key, or none: point it back if that was not meant.",
        Threat::RegionDisabled => "Every key in it is out of reach until the Region is enabled again, by hand.",
        Threat::KeyDeleted => "Nothing can bring it back: find out what it encrypted, and who uses copies or replicas.",
    }
}

/// Begins a sentence: what happened to what, and by whom where a person or a role called.
fn opening(event: &Event, threat: Threat) -> String {
    let target = if threat == Threat::RegionDisabled { event.details.region_name.as_deref() } else { None };
    let name = target.unwrap_or_else(|| event.target.display_name());
    let who = match event.form {
        EventForm::ApiCall => format!(" by {}", event.actor.display_name()),
        EventForm::Sweep if event.actor.is_known() => format!(" by {}", event.actor.display_name()),
        EventForm::Sweep | EventForm::ServiceEvent | EventForm::Native => String::new(),
    };
    format!("`{name}` {}{who}", threat.phrase_for(&event.target))
}

fn reasoned(event: &Event, severity: Severity, sentence: String) -> Why {
    Why { deadline: event.deadline(), ..Why::new(severity, sentence) }
}
