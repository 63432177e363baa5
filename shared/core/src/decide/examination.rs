//! The second half of the decision: what was observed of the key, and the answer to each threat.

use super::{Situation, advice, approved, opening, reasoned, severity, stolen_credentials};
use crate::decision::{Decision, Severity, Why};
use crate::event::{Event, EventForm};
use crate::facts::{KeyDescription, KeyFacts, KeyState, Known, Rotation, Serving};
use crate::id::KeyArn;
use crate::lesson;
use crate::plan::{Plan, Step};
use crate::threat::Threat;

/// What is to be done about a rotation that is not known to have been on.
const SWITCH_ON: &str = "Switch it on (EnableKeyRotation) if the key is meant to rotate.";

/// Why a key that is meant to serve is left disabled for now.
const UNREAD_HOLD: &str = "its tags could not be read, which may hold it for an incident";

/// How a key is to be once it is kept, and why.
#[derive(Debug, Clone, Copy)]
enum Afterwards {
    /// Usable.
    Enabled(&'static str),
    /// Not usable.
    Disabled(&'static str),
    /// Usable, unless an incident holds it, which could not be read: it is left disabled until that can be.
    Unknown,
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

pub(super) fn examine(event: &Event, key: &KeyArn, threat: Threat, situation: &Situation<'_>) -> Decision {
    let facts = situation.facts;
    // Whoever writes events could date one inside of a window that is still to come, and have it teach what was never approved.
    let ahead = event.time.filter(|time| *time > lesson::latest_believed(situation.now));
    let undated = ahead.map(|_| Event { time: None, ..event.clone() });
    let event = undated.as_ref().unwrap_or(event);
    let mut why = reasoned(event, severity(threat), String::new());
    // The waiting period of a primary begins when its last replica is gone: until then nobody can know its deadline.
    let waits_for_replicas = facts.description.value().is_some_and(|description| description.state == KeyState::PendingReplicaDeletion);
    let is_guess = waits_for_replicas && threat == Threat::DeletionScheduled;
    why.deadline = facts.deletion_date().or(why.deadline.filter(|_| !is_guess));
    why.escalations.extend(ahead.map(|time| format!("the event is dated {time}, ahead of our clock, so when it happened is not known")));
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
    // That key material expires is nobody's act, so nothing approves it.
    if threat != Threat::MaterialExpired
        && let Some(covered) = approved::covered(event, key, threat, situation, &mut why)
    {
        return exam(why).stand(&format!("and {covered}."));
    }
    if let Some(reason) = facts.description.unreadable_reason() {
        why.escalations.push(format!("the key could not be looked at: {reason}"));
    }
    if threat == Threat::MaterialDeleted && event.form == EventForm::Sweep && !event.actor.is_known() {
        why.escalations.push("no event tells whether its key material was deleted or has expired".to_owned());
    }
    let exam = exam(why);
    match threat {
        Threat::DeletionScheduled => exam.deletion(),
        Threat::KeyDisabled => exam.disablement(),
        Threat::RotationDisabled => exam.rotation(),
        Threat::PolicyReplaced => exam.policy_change(),
        Threat::MaterialExpired => exam.escalate(&format!("and cannot be used without it. {}", advice(threat))),
        Threat::MaterialDeleted
        | Threat::MaterialExpires
        | Threat::KeyStoreDisconnected
        | Threat::KeyStoreDeleted
        | Threat::GrantRemoved
        | Threat::TagsChanged
        | Threat::AliasChanged
        | Threat::RegionDisabled
        | Threat::KeyDeleted => {
            let advice = advice(threat);
            exam.escalate(&format!("and {}. {advice}", approved::uncovered(exam.event, &exam.why)))
        }
    }
}

impl Examination<'_> {
    /// A deletion was scheduled and nothing covers it: cancel it, and give the key back in the state it had.
    fn deletion(self) -> Decision {
        let afterwards = self.afterwards();
        let Some(description) = self.facts.description.value().filter(|description| !description.deletion_is_pending()) else {
            return self.cancellation(afterwards);
        };
        match (&description.state, afterwards) {
            (KeyState::Enabled, _) => self.stand("and has been given back already: it is enabled."),
            (KeyState::Disabled | KeyState::Unavailable, Afterwards::Enabled(because)) => self.enabling(because),
            (KeyState::Disabled | KeyState::Unavailable, Afterwards::Unknown) => {
                self.left_disabled("and the deletion has been cancelled already")
            }
            (KeyState::Disabled, Afterwards::Disabled(because)) => {
                self.stand(&format!("and the deletion has been cancelled already; it stays disabled: {because}."))
            }
            (KeyState::Unavailable, Afterwards::Disabled(_)) => {
                self.stand("and the deletion has been cancelled already; its key store is not connected.")
            }
            (KeyState::PendingImport, _) => self.needs_material(),
            (
                KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Creating | KeyState::Updating | KeyState::Other(_),
                _,
            ) => {
                let state = description.state.as_str().to_owned();
                self.escalate(&format!("and is in state `{state}`, in which we cannot act: look at it before its deadline."))
            }
        }
    }

    /// Takes the key out of its waiting period at once, whatever cannot be read, and gives it back as it is to be.
    fn cancellation(mut self, afterwards: Afterwards) -> Decision {
        let cancel = Step::CancelKeyDeletion { key: self.key.clone() };
        match afterwards {
            Afterwards::Enabled(because) => {
                let enable = Step::EnableKey { key: self.key.clone() };
                self.remedy(Plan::new(vec![cancel, enable]), because)
            }
            Afterwards::Disabled(because) => self.remedy(Plan::new(vec![cancel]), because),
            Afterwards::Unknown => {
                self.tell_unread_hold();
                self.remedy(Plan::new(vec![cancel]), UNREAD_HOLD)
            }
        }
    }

    /// A key was disabled and nothing covers it: enable it, unless it is held, or was meant to be disabled.
    fn disablement(self) -> Decision {
        if let Some(incident) = self.facts.incident_hold().map(ToOwned::to_owned) {
            return self.stand(&format!("and is held disabled for incident `{incident}`."));
        }
        let Some(description) = self.facts.description.value() else {
            return self.undo_disablement();
        };
        if description.deletion_is_pending() {
            return self.stand("and its deletion is pending, which is answered on its own.");
        }
        match &description.state {
            KeyState::Enabled => self.stand("and is enabled again already."),
            KeyState::Disabled | KeyState::Unavailable => self.undo_disablement(),
            KeyState::PendingImport => self.needs_material(),
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Creating | KeyState::Updating | KeyState::Other(_) => {
                let state = description.state.as_str().to_owned();
                self.escalate(&format!("and is in state `{state}`, in which we cannot enable it: look at it."))
            }
        }
    }

    fn undo_disablement(self) -> Decision {
        match self.afterwards() {
            Afterwards::Enabled(because) => self.enabling(because),
            Afterwards::Disabled(because) => self.stand(&format!("and stays so: {because}.")),
            Afterwards::Unknown => {
                let uncovered = approved::uncovered(self.event, &self.why);
                self.left_disabled(&format!("and {uncovered}"))
            }
        }
    }

    fn enabling(self, because: &str) -> Decision {
        let plan = Plan::new(vec![Step::EnableKey { key: self.key.clone() }]);
        self.remedy(plan, because)
    }

    /// Leaves a key disabled that serves again only once its tags can be read: enabling it blindly would undo the work of whoever disabled
    /// it for an incident. Nothing but that is owed to it.
    fn left_disabled(mut self, so_far: &str) -> Decision {
        self.tell_unread_hold();
        // It is not pending deletion, or not any more.
        self.why.deadline = None;
        self.escalate(&format!("{so_far}; it is left disabled, because {UNREAD_HOLD}."))
    }

    fn tell_unread_hold(&mut self) {
        let reason = self.facts.unread_hold().unwrap_or_default();
        self.why.escalations.push(format!(
            "it is left disabled until its tags can be read, which may hold it for an incident: {reason}. Whoever knows that none holds it \
             can enable it at once (EnableKey)"
        ));
    }

    /// Automatic rotation was switched off and nothing covers it: switch it on, with the period it had. That it was on before is known
    /// by the inventory alone, and never by the event: a key that never rotated is not made to.
    fn rotation(self) -> Decision {
        let pending = self.facts.description.value().is_some_and(KeyDescription::deletion_is_pending);
        if pending {
            return self.stand("and its deletion is pending, which is answered on its own.");
        }
        if matches!(self.facts.rotation, Known::Is(Rotation { enabled: true, .. })) {
            return self.stand("and rotates again already.");
        }
        match self.facts.inventory().and_then(|inventory| inventory.rotation) {
            Some(Rotation { enabled: true, period_days }) => {
                let plan = Plan::new(vec![Step::EnableKeyRotation { key: self.key.clone(), period_days }]);
                self.remedy(plan, "it rotated before")
            }
            Some(Rotation { enabled: false, .. }) => self.stand("and did not rotate before, as far as it was seen: nothing was lost."),
            None => match self.facts.recollection.unreadable_reason() {
                Some(reason) => self.escalate(&format!("and whether it rotated before could not be read: {reason}. {SWITCH_ON}")),
                None => self.escalate(&format!("and nothing but the event says that it rotated before. {SWITCH_ON}")),
            },
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

    /// Says how the key is to be afterwards, and why.
    fn afterwards(&self) -> Afterwards {
        if self.facts.incident_hold().is_some() {
            return Afterwards::Disabled("it is held disabled for an incident");
        }
        if self.facts.unread_hold().is_some() {
            return Afterwards::Unknown;
        }
        match self.facts.inventory().map(|inventory| inventory.serving) {
            Some(Serving::Enabled) => Afterwards::Enabled("it was enabled before"),
            Some(Serving::Disabled) => Afterwards::Disabled("it was disabled before"),
            None => Afterwards::Enabled("its state before is not known, so it is taken as enabled"),
        }
    }

    fn stand(mut self, rest: &str) -> Decision {
        self.why.sentence = format!("{} {rest}", opening(self.event, self.threat));
        if self.why.escalations.is_empty() {
            self.why.severity = Severity::Informational;
        }
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
        self.why.sentence = format!(
            "{} and {}: {plan}{left_disabled}, because {because}.",
            opening(self.event, self.threat),
            approved::uncovered(self.event, &self.why)
        );
        Decision::Remedy { plan, why: self.why }
    }
}
