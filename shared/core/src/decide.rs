//! The decision: event, facts, policy and the time in; what to do and why out. Pure: the same input always gives the same answer.
//!
//! In two halves. [`triage`] needs the event alone: it settles what needs no look at the key, and says for the rest the most that
//! could be done. [`decide`] takes what was observed and decides; its plan is always within what triage said.

use jiff::Timestamp;

use crate::approval::{self, ApprovalFinding, ApprovalKeys};
use crate::decision::{Decision, Severity, Why};
use crate::event::{CallOutcome, Event, EventForm, Target};
use crate::facts::{INCIDENT_HOLD_TAG, KeyDescription, KeyFacts, KeyState, Known, Rotation, Serving};
use crate::id::{AccountId, KeyArn, Region, RoleArn};
use crate::plan::{Plan, Step};
use crate::policy::{Policy, Question};
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
    /// The public keys that seal approvals.
    pub approval_keys: &'a ApprovalKeys,
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
        Target::KeyStore(_) | Target::Named(_) | Target::Unnamed => Triage::Settled(escalate(event, threat, domain)),
    }
}

/// Decides on an event, given what was observed of its key.
pub fn decide(event: &Event, situation: &Situation<'_>) -> Decision {
    match triage(event, situation.domain) {
        Triage::Settled(decision) => decision,
        Triage::Examine { key, threat, .. } => examine(event, &key, threat, situation),
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

/// Says whether a threat that is only escalated is first checked against the key: for an approval, or a lockout.
fn needs_a_look(event: &Event, threat: Threat) -> bool {
    match threat {
        Threat::PolicyReplaced | Threat::MaterialDeleted | Threat::MaterialExpires | Threat::AliasChanged => true,
        Threat::TagsChanged => !only_approval_tags(event),
        Threat::GrantRemoved => !is_routine_retirement(event),
        Threat::DeletionScheduled
        | Threat::KeyDisabled
        | Threat::RotationDisabled
        | Threat::MaterialExpired
        | Threat::KeyStoreDisconnected
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
    let mut why = reasoned(event, severity(threat), format!("{}. {}", opening(event, threat), advice(threat)));
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

/// An examination under way: what every answer needs.
struct Examination<'a> {
    event: &'a Event,
    key: &'a KeyArn,
    threat: Threat,
    facts: &'a KeyFacts,
    /// The approval, the policies and the escalations found so far.
    why: Why,
}

fn examine(event: &Event, key: &KeyArn, threat: Threat, situation: &Situation<'_>) -> Decision {
    let facts = situation.facts;
    let mut why = reasoned(event, severity(threat), String::new());
    why.deadline = facts.deletion_date().or(why.deadline);
    why.escalations.extend(stolen_credentials(event, situation.domain));
    let exam = |why: Why| Examination { event, key, threat, facts, why };
    match &facts.description {
        Known::Absent => {
            why.severity = Severity::Critical;
            return exam(why).escalate("and does not exist any more. Nothing can bring it back: find out what it encrypted.");
        }
        Known::Is(description) if description.aws_managed => {
            why.severity = Severity::Informational;
            return exam(why).stand("but is managed by AWS, which keeps it.");
        }
        Known::Is(_) | Known::Unreadable(_) => {}
    }
    if is_approved(event, key, threat, situation, &mut why) {
        let covered = why.approval.established().map_or_else(
            || format!("policy {} permits it", why.policies.join(", ")),
            |approval| format!("change {}, approved by {}, covers it", approval.change, approval.approver),
        );
        why.severity = Severity::Informational;
        return exam(why).stand(&format!("and {covered}."));
    }
    if let Some(reason) = facts.description.unreadable_reason() {
        why.escalations.push(format!("the key could not be looked at: {reason}"));
    }
    let exam = exam(why);
    match threat {
        Threat::DeletionScheduled => exam.deletion(),
        Threat::KeyDisabled => exam.disablement(),
        Threat::RotationDisabled => exam.rotation(),
        Threat::PolicyReplaced => exam.policy_change(),
        Threat::MaterialDeleted
        | Threat::MaterialExpires
        | Threat::MaterialExpired
        | Threat::KeyStoreDisconnected
        | Threat::KeyStoreDeleted
        | Threat::GrantRemoved
        | Threat::TagsChanged
        | Threat::AliasChanged
        | Threat::RegionDisabled
        | Threat::KeyDeleted => {
            let advice = advice(threat);
            exam.escalate(&format!("and {}. {advice}", exam.uncovered()))
        }
    }
}

/// Asks the policies, and notes in `why` what they said and what a human should know of it.
fn is_approved(event: &Event, key: &KeyArn, threat: Threat, situation: &Situation<'_>, why: &mut Why) -> bool {
    let facts = situation.facts;
    let ledger = facts.recollection.value().map_or(&[][..], |recollection| &recollection.approvals);
    why.approval = approval::find(key, threat.action(), &facts.tags, ledger, situation.approval_keys);
    let approval = why.approval.established();
    let question = Question {
        actor: &event.actor,
        action: threat.action(),
        key,
        tags: facts.tags.value(),
        key_state: facts.description.value().map(|description| description.state.as_str()),
        waiting_period_days: event.details.waiting_period_days,
        event_time: event.time,
        now: situation.now,
        approval,
    };
    let self_approved = approval.is_some_and(|approval| !event.actor.identities().is_disjoint(&approval.approver_identities()));
    match situation.policy.ask(&question) {
        Ok(verdict) => {
            why.escalations
                .extend(verdict.errors.into_iter().map(|error| format!("a policy could not be evaluated and was left out: {error}")));
            why.policies = verdict.policies;
            if self_approved && !verdict.permitted {
                why.severity = why.severity.max(Severity::High);
                why.escalations.push(format!("{} tried to approve their own act", event.actor.display_name()));
            }
            verdict.permitted
        }
        Err(error) => {
            why.escalations.push(format!("the policies could not be asked, so nothing is approved: {error}"));
            false
        }
    }
}

impl Examination<'_> {
    /// A deletion was scheduled and nothing covers it: cancel it, and give the key back in the state it had.
    fn deletion(self) -> Decision {
        let cancel = Step::CancelKeyDeletion { key: self.key.clone() };
        let enable = Step::EnableKey { key: self.key.clone() };
        let (serves, because) = self.meant_to_serve();
        let restore = |first: Option<Step>| Plan::new(first.into_iter().chain(serves.then(|| enable.clone())).collect());
        let Some(description) = self.facts.description.value() else {
            return self.remedy(restore(Some(cancel)), because);
        };
        if description.deletion_is_pending() {
            return self.remedy(restore(Some(cancel)), because);
        }
        match &description.state {
            KeyState::Enabled => self.stand("and has been given back already: it is enabled."),
            KeyState::Disabled | KeyState::Unavailable if serves => self.remedy(restore(None), because),
            KeyState::Disabled => self.stand(&format!("and the deletion has been cancelled already; it stays disabled: {because}.")),
            KeyState::PendingImport => self.needs_material(),
            KeyState::Unavailable => self.stand("and the deletion has been cancelled already; its key store is not connected."),
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Creating | KeyState::Updating | KeyState::Other(_) => {
                let state = description.state.as_str().to_owned();
                self.escalate(&format!("and is in state `{state}`, in which we cannot act: look at it before its deadline."))
            }
        }
    }

    /// A key was disabled and nothing covers it: enable it, unless it is held, or was meant to be disabled.
    fn disablement(self) -> Decision {
        if let Some(incident) = self.facts.incident_hold().map(ToOwned::to_owned) {
            return self.stand(&format!("and is held disabled for incident `{incident}`."));
        }
        let plan = Plan::new(vec![Step::EnableKey { key: self.key.clone() }]);
        let (serves, because) = self.meant_to_serve();
        let Some(description) = self.facts.description.value() else {
            return self.remedy(plan, because);
        };
        if description.deletion_is_pending() {
            return self.stand("and its deletion is pending, which is answered on its own.");
        }
        match &description.state {
            KeyState::Enabled => self.stand("and is enabled again already."),
            KeyState::Disabled | KeyState::Unavailable if serves => self.remedy(plan, because),
            KeyState::Disabled | KeyState::Unavailable => self.stand(&format!("and stays so: {because}.")),
            KeyState::PendingImport => self.needs_material(),
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Creating | KeyState::Updating | KeyState::Other(_) => {
                let state = description.state.as_str().to_owned();
                self.escalate(&format!("and is in state `{state}`, in which we cannot enable it: look at it."))
            }
        }
    }

    /// Automatic rotation was switched off and nothing covers it: switch it on, with the period it had.
    fn rotation(self) -> Decision {
        let pending = self.facts.description.value().is_some_and(KeyDescription::deletion_is_pending);
        if pending {
            return self.stand("and its deletion is pending, which is answered on its own.");
        }
        match self.facts.rotation {
            Known::Is(Rotation { enabled: true, .. }) => self.stand("and rotates again already."),
            Known::Is(_) | Known::Unreadable(_) | Known::Absent => {
                let period_days = self.facts.inventory().and_then(|inventory| inventory.rotation).and_then(|rotation| rotation.period_days);
                let plan = Plan::new(vec![Step::EnableKeyRotation { key: self.key.clone(), period_days }]);
                self.remedy(plan, "it rotated before")
            }
        }
    }

    /// A key policy was replaced. That is daily work, unless it shuts us out or asks KMS to skip its own check.
    fn policy_change(mut self) -> Decision {
        let bypass = self.event.details.bypasses_lockout_check;
        if self.facts.description.unreadable_reason().is_some() {
            let advice = advice(self.threat);
            return self.escalate(&format!("and we can no longer read it: we may be locked out. {advice}"));
        }
        if bypass {
            return self.escalate("with KMS's own lockout check switched off. Check that its administrators are still let in.");
        }
        self.why.severity = Severity::Low;
        self.escalate("and Reprieve can still read it. Check that its users and administrators are still let in.")
    }

    fn needs_material(self) -> Decision {
        self.escalate("and holds no key material. Only importing the same key material again makes it usable.")
    }

    /// Says whether the key is to be usable afterwards, and why.
    fn meant_to_serve(&self) -> (bool, &'static str) {
        if self.facts.incident_hold().is_some() {
            return (false, "it is held disabled for an incident");
        }
        match self.facts.inventory().map(|inventory| inventory.serving) {
            Some(Serving::Enabled) => (true, "it was enabled before"),
            Some(Serving::Disabled) => (false, "it was disabled before"),
            None => (true, "its state before is not known, so it is taken as enabled"),
        }
    }

    /// Says, for a sentence, that no approval covers the act and why.
    fn uncovered(&self) -> String {
        match &self.why.approval {
            ApprovalFinding::NotLookedFor | ApprovalFinding::None => "no approval covers it".to_owned(),
            ApprovalFinding::Unreadable { reason } => {
                format!("no approval could be read ({reason}), which counts as none")
            }
            ApprovalFinding::Invalid { reason } => format!("its approval is not valid: {reason}"),
            ApprovalFinding::Established(approval) => {
                let change = &approval.change;
                if self.why.policies.iter().any(|policy| policy == "approver-is-not-the-actor") {
                    format!("change {change} was approved by the one who did it, {}", approval.approver)
                } else if self.event.time.is_none() {
                    format!("change {change} cannot cover it, because the event does not say when it happened")
                } else if self.why.policies.is_empty() {
                    format!("change {change} covers only {} to {}", approval.window_start, approval.window_end)
                } else {
                    format!("change {change} is forbidden by policy {}", self.why.policies.join(", "))
                }
            }
        }
    }

    fn stand(mut self, rest: &str) -> Decision {
        self.why.sentence = format!("{} {rest}", opening(self.event, self.threat));
        self.why.severity = Severity::Informational;
        Decision::Stand { why: self.why }
    }

    fn escalate(&self, rest: &str) -> Decision {
        let mut why = self.why.clone();
        why.sentence = format!("{} {rest}", opening(self.event, self.threat));
        Decision::Escalate { why }
    }

    fn remedy(mut self, plan: Plan, because: &str) -> Decision {
        let left_disabled =
            if matches!(plan.steps.last(), Some(Step::CancelKeyDeletion { .. })) { " and leave the key disabled" } else { "" };
        self.why.sentence =
            format!("{} and {}: {plan}{left_disabled}, because {because}.", opening(self.event, self.threat), self.uncovered());
        Decision::Remedy { plan, why: self.why }
    }
}
