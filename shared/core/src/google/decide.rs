//! What is decided about a version of a key that somebody destroyed or disabled. Pure.
//!
//! An approval that covers it lets it stand. Else the version is restored, and enabled where it was enabled before. The state decides,
//! not the event: an event only says where to look, and by whom it was.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::change::Change;
use super::label;
use super::name::GoogleName;
use super::past::{self, Prior};
use super::version::{KeyVersion, VersionFacts, VersionState};
use crate::approval::{ApprovalRules, SealedEvidence, Weighed, Written, weigh_sealed};
use crate::audit::{AuditEvent, Operation};
use crate::decide::approved::{Act, Court, covered_act, uncovered};
use crate::decision::{Decision, Severity, Why};
use crate::event::{CallOutcome, Event, EventForm, Target};
use crate::facts::{Known, Tags};
use crate::plan::{Plan, Step};
use crate::policy::{Asked, Policy};
use crate::threat::Threat;

/// The service that keeps keys.
pub const KMS_SOURCE: &str = "cloudkms.googleapis.com";

/// Where this deployment may act, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoogleDomain {
    /// The projects that are guarded, by id or number.
    pub projects: BTreeSet<String>,
    /// Our own service account, by its address.
    pub own_account: Option<String>,
}

impl GoogleDomain {
    /// Says whether a name is in a project that is guarded.
    #[must_use]
    pub fn guards(&self, name: &GoogleName) -> bool {
        name.project().is_some_and(|project| self.projects.contains(project))
    }

    /// Says whether the caller is our own service account itself, and nobody who acts through it.
    #[must_use]
    pub fn is_own(&self, event: &Event) -> bool {
        let caller = event.actor.user_name.as_deref();
        let is_it = caller.zip(self.own_account.as_deref()).is_some_and(|(caller, own)| own.eq_ignore_ascii_case(caller));
        is_it && event.actor.source_identity.is_none()
    }
}

/// How a version was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its destruction was scheduled.
    Destroyed,
    /// It was disabled.
    Disabled,
}

impl Loss {
    /// Returns the loss that an entry tells of, whether or not the call succeeded.
    #[must_use]
    pub fn of(entry: &AuditEvent) -> Option<Self> {
        let is_version = matches!(&entry.event.target, Target::Google(name) if name.is_key_version());
        let is = |operation| entry.operation == operation && entry.event.source == KMS_SOURCE && is_version;
        let all = [Self::Destroyed, Self::Disabled];
        all.into_iter().find(|loss| is(loss.operation()))
    }

    /// Returns the loss that a version's state shows.
    #[must_use]
    pub const fn of_state(state: &VersionState) -> Option<Self> {
        match state {
            VersionState::DestroyScheduled => Some(Self::Destroyed),
            VersionState::Disabled => Some(Self::Disabled),
            VersionState::Enabled | VersionState::Destroyed | VersionState::Other(_) => None,
        }
    }

    /// Returns the action that an approval names.
    #[must_use]
    pub const fn action(self) -> &'static str {
        self.threat().action()
    }

    /// Returns the threat, as records of every cloud write it.
    #[must_use]
    pub const fn threat(self) -> Threat {
        match self {
            Self::Destroyed => Threat::DeletionScheduled,
            Self::Disabled => Threat::KeyDisabled,
        }
    }

    /// Returns the kind of call by which it comes about.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::Destroyed => Operation::Destroy,
            Self::Disabled => Operation::Disable,
        }
    }

    /// Returns the most that is done about it.
    #[must_use]
    pub fn considering(self, version: &GoogleName) -> Plan {
        plan(version, self == Self::Destroyed, true)
    }

    /// Returns the latest call by which it came about, by Google's own log.
    #[must_use]
    pub fn culprit(self, facts: &VersionFacts, version: &GoogleName) -> Option<AuditEvent> {
        past::culprit(&facts.past, version, self.operation()).cloned()
    }
}

/// What the entry alone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoogleTriage {
    /// It is decided: an attempt that was refused, our own act, or a project that is not guarded.
    Settled(Box<Decision>),
    /// The version must be looked at.
    Examine {
        /// The version.
        version: GoogleName,
        /// What was done to it.
        loss: Loss,
    },
}

/// Decides what the entry alone decides. `None` where it takes no version of a key away.
#[must_use]
pub fn triage(entry: &AuditEvent, domain: &GoogleDomain) -> Option<GoogleTriage> {
    let event = &entry.event;
    let Target::Google(version) = &event.target else { return None };
    let settled = |severity, sentence| Some(GoogleTriage::Settled(Box::new(Decision::Stand { why: Why::new(severity, sentence) })));
    let who = event.actor.display_name();
    let named = named(version);
    if event.source == KMS_SOURCE && gives_back(entry) && domain.is_own(event) && version.is_key_version() {
        return settled(Severity::Informational, format!("`{}` on {named} is Reprieve's own: it belongs to its answer.", event.name));
    }
    let loss = Loss::of(entry)?;
    if let CallOutcome::Refused { code, .. } = &event.outcome {
        let sentence = format!("{who} tried `{}` on {named} and was refused ({code}): recorded, nothing to undo.", event.name);
        return settled(Severity::Low, sentence);
    }
    if !domain.guards(version) {
        let project = version.project().unwrap_or_default();
        let sentence = format!("{named} is in project `{project}`, which this deployment does not guard: nothing was done.");
        return settled(Severity::Informational, sentence);
    }
    Some(GoogleTriage::Examine { version: version.clone(), loss })
}

fn gives_back(entry: &AuditEvent) -> bool {
    matches!(entry.operation, Operation::Restore | Operation::Enable) && entry.event.outcome == CallOutcome::Succeeded
}

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct GoogleSituation<'a> {
    /// What was observed.
    pub facts: &'a VersionFacts,
    /// Where this deployment may act, and as whom.
    pub domain: &'a GoogleDomain,
    /// The policies.
    pub policy: &'a Policy,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
    /// The time of the decision.
    pub now: Timestamp,
}

/// Decides on a version that somebody took away, given what was observed of it.
pub fn decide(event: &Event, name: &GoogleName, loss: Loss, situation: &GoogleSituation<'_>) -> Decision {
    let facts = situation.facts;
    let stand = |severity, sentence: String| Decision::Stand { why: Why::new(severity, sentence) };
    let wake = |severity, sentence: String| Decision::Escalate { why: Why::new(severity, sentence) };
    let happened = happened(event, name, loss);
    let named = named(name);
    let version = match &facts.version {
        Known::Is(version) => version,
        Known::Absent => {
            return wake(Severity::Critical, format!("{happened}, and {named} does not exist any more. A human must look."));
        }
        Known::Unreadable(reason) => return unseen(loss, name, &happened, reason),
    };
    match (&version.state, loss) {
        (VersionState::Enabled, _) => stand(Severity::Informational, format!("{happened}, and {named} is enabled: nothing to give back.")),
        (VersionState::Destroyed, _) => {
            let at = version.destroyed_at.map_or_else(String::new, |at| format!(" since {at}"));
            wake(
                Severity::Critical,
                format!("{happened}, and {named} is destroyed{at}: its key material is gone for good. A human must look."),
            )
        }
        (VersionState::Other(state), _) => {
            wake(Severity::Medium, format!("{happened}, and {named} is in the state `{state}`, out of which nobody but Google brings it."))
        }
        (VersionState::DestroyScheduled, Loss::Disabled) => {
            stand(Severity::Informational, format!("{happened}; since then its destruction was scheduled, which is answered by itself."))
        }
        (VersionState::Disabled, Loss::Disabled) => answer(event, version, loss, false, &happened, situation),
        (VersionState::DestroyScheduled, Loss::Destroyed) => answer(event, version, loss, true, &happened, situation),
        (VersionState::Disabled, Loss::Destroyed) => {
            let is_own = |event: &Event| situation.domain.is_own(event);
            if let Some(later) = past::disabled_later(&facts.past, &version.name, event, &is_own) {
                let who = later.event.actor.display_name();
                let sentence = format!("{happened}; it was given back since, and {who} disabled it later, which is answered by itself.");
                return stand(Severity::Informational, sentence);
            }
            answer(event, version, loss, false, &happened, situation)
        }
    }
}

/// What is done where the version cannot be looked at: what harms nothing, whatever its state is.
fn unseen(loss: Loss, name: &GoogleName, happened: &str, reason: &str) -> Decision {
    let mut why = Why::new(Severity::High, String::new());
    match loss {
        Loss::Destroyed => {
            let plan = plan(name, true, false);
            why.escalations.push("it could not be looked at, so it is left disabled: enable it once it is known that it may be".to_owned());
            why.sentence = format!("{happened}, and it could not be looked at ({reason}): {plan}.");
            Decision::Remedy { plan, why }
        }
        Loss::Disabled => {
            why.sentence = format!("{happened}, and it could not be looked at ({reason}). A human must look.");
            Decision::Escalate { why }
        }
    }
}

/// Decides on a version that waits to be destroyed (`restore`), or is disabled.
fn answer(event: &Event, version: &KeyVersion, loss: Loss, restore: bool, happened: &str, situation: &GoogleSituation<'_>) -> Decision {
    let facts = situation.facts;
    let mut why = Why::new(Severity::High, String::new());
    why.deadline = version.destroy_at.filter(|_| restore);
    if let Some(incident) = facts.incident().filter(|_| !restore) {
        let sentence = format!("{happened}. It stays disabled: incident `{incident}` holds it.");
        return Decision::Stand { why: Why::new(Severity::Low, sentence) };
    }
    if let Some(cover) = ask(event, version, loss, situation, &mut why) {
        why.severity = Severity::Low;
        why.sentence = format!("{happened}. It stands: {cover}.");
        return Decision::Stand { why };
    }
    let uncovered = uncovered(event, &why);
    why.escalations.extend(stolen_credentials(event, situation));
    let enable = match (facts.incident(), &facts.labels) {
        (Some(incident), _) => Err(format!("it stays disabled, because incident `{incident}` holds it")),
        (None, Known::Unreadable(reason)) => {
            why.escalations.push(format!("it is left disabled, because its labels could not be read, which may hold it: {reason}"));
            Err("it stays disabled, because an incident may hold it".to_owned())
        }
        (None, Known::Is(_) | Known::Absent) => was_enabled(event, version, loss, situation, &mut why),
    };
    let plan = plan(&version.name, restore, enable.is_ok());
    if plan.steps.is_empty() {
        let reason = enable.err().unwrap_or_default();
        why.sentence = format!("{happened}, and {uncovered}; {reason}.");
        return if why.escalations.is_empty() { Decision::Stand { why } } else { Decision::Escalate { why } };
    }
    let and = match &enable {
        Ok(note) => note.clone(),
        Err(reason) => format!("; {reason}"),
    };
    why.sentence = format!("{happened}, and {uncovered}: {plan}{and}.");
    Decision::Remedy { plan, why }
}

/// Says whether the version was enabled before: with what there is to say of it, or why it is left disabled.
fn was_enabled(event: &Event, version: &KeyVersion, loss: Loss, situation: &GoogleSituation<'_>, why: &mut Why) -> Result<String, String> {
    if loss == Loss::Disabled {
        return Ok(String::new());
    }
    let is_own = |event: &Event| situation.domain.is_own(event);
    match past::prior(&situation.facts.past, &version.name, event, &is_own) {
        Prior::Enabled => Ok(String::new()),
        Prior::Unknown => Ok(" (nothing says that it was disabled before)".to_owned()),
        Prior::Unread(reason) => {
            why.escalations.push(format!("whether it was disabled before could not be read, so it is left disabled: {reason}"));
            Err("it stays disabled, because the log could not be read".to_owned())
        }
        Prior::Disabled => Err("it was disabled before, and stays so".to_owned()),
        Prior::JustDisabled(call) => {
            let mut aside = Why::new(Severity::Low, String::new());
            match ask(&call.event, version, Loss::Disabled, situation, &mut aside) {
                Some(cover) => Err(format!("it was disabled before, and stays so: {cover}")),
                None => Ok(format!(" ({} had disabled it just before, which nothing approves either)", call.event.actor.display_name())),
            }
        }
    }
}

fn ask(event: &Event, version: &KeyVersion, loss: Loss, situation: &GoogleSituation<'_>, why: &mut Why) -> Option<String> {
    let tags = match &situation.facts.labels {
        Known::Is(labels) => label::tags_of(labels).map_or_else(|error| Known::Unreadable(error.to_string()), Known::Is),
        Known::Absent => Known::Is(Tags::new()),
        Known::Unreadable(reason) => Known::Unreadable(reason.clone()),
    };
    let key = version.name.key();
    let of_version = weighed(event, &version.name, loss, &tags, situation);
    // An approval is for one version, or for the key with all of them.
    let of_key = of_version.finding.established().is_none().then(|| weighed(event, &key, loss, &tags, situation));
    let weighed = of_key.filter(|weighed| weighed.finding.established().is_some()).unwrap_or(of_version);
    let act = Act {
        event,
        resource: Asked::Google(&version.name),
        action: loss.action(),
        weighed,
        tags: tags.value(),
        key_state: Some(version.state.as_str()),
        waiting_period_days: waiting_period_days(event, version),
        calendar: None,
    };
    covered_act(act, Court { policy: situation.policy, rules: situation.rules, now: situation.now }, why)
}

/// Labels are all that holds approvals: who takes them away revokes.
fn weighed(event: &Event, resource: &GoogleName, loss: Loss, tags: &Known<Tags>, situation: &GoogleSituation<'_>) -> Weighed {
    let written = Known::Is(Written::default());
    let evidence = SealedEvidence { event, resource, action: loss.action(), tags, written: &written, rules: situation.rules };
    weigh_sealed(&evidence)
}

fn waiting_period_days(event: &Event, version: &KeyVersion) -> Option<u32> {
    let hours = version.destroy_at?.duration_since(event.time?).as_hours();
    u32::try_from((hours + 12) / 24).ok()
}

fn stolen_credentials(event: &Event, situation: &GoogleSituation<'_>) -> Option<String> {
    situation
        .domain
        .is_own(event)
        .then(|| "the caller is Reprieve's own service account, which never makes such a call: treat its credentials as stolen".to_owned())
}

fn plan(version: &GoogleName, restore: bool, enable: bool) -> Plan {
    let restore = restore.then(|| Change::RestoreCryptoKeyVersion { version: version.clone() });
    let enable = enable.then(|| Change::EnableCryptoKeyVersion { version: version.clone() });
    Plan::new([restore, enable].into_iter().flatten().map(Step::Google).collect())
}

/// Names a version in a sentence.
fn named(name: &GoogleName) -> String {
    match name.version() {
        Some(version) => format!("version {version} of `{}`", name.key()),
        None => format!("`{name}`"),
    }
}

/// Says who did what, where that is known.
fn happened(event: &Event, name: &GoogleName, loss: Loss) -> String {
    let what = match loss {
        Loss::Destroyed => "destroyed",
        Loss::Disabled => "disabled",
    };
    let named = named(name);
    match (event.actor.is_known(), event.form) {
        (true, _) => format!("{} {what} {named}", event.actor.display_name()),
        (false, EventForm::Sweep) => format!("A sweep found that {named} was {what}"),
        (false, EventForm::ApiCall | EventForm::ServiceEvent | EventForm::Native) => format!("Somebody unknown {what} {named}"),
    }
}
