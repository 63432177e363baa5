//! What is decided about a subject, once its plan is made. Pure.
//!
//! An approval that covers what was found lets it stand. What no approval covers is undone where a change can undo it; where only a
//! human can, a human is woken.
//!
//! An approval covers a change, not a subject for ever: what was found when a case was kept is judged by the case's event, whether it
//! stands or not, whatever event leads here later, and what is found beyond it is not ([`blame`]). An event from before the case was
//! opened is judged by itself.

use jiff::Timestamp;

use super::change::Change;
use super::desired::Desired;
use super::event::gives_back;
use super::memory::{Case, Memory};
use super::plan::{AzurePlan, Finding, Remedy};
use super::subject::Subject;
use super::world::{BlobService, Immutability, SqlAuditing, World};
use crate::approval::{ApprovalRules, SealedEvidence, weigh_sealed};
use crate::decide::approved::{Act, Court, covered_act, uncovered};
use crate::decision::{Decision, Severity, Why};
use crate::event::{CallOutcome, Event, EventForm};
use crate::facts::Known;
use crate::policy::{Asked, Policy};

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What was observed.
    pub world: &'a World,
    /// What the ledger remembers.
    pub memory: &'a Memory,
    /// The policies.
    pub policy: &'a Policy,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
    /// What the deployment asks for.
    pub desired: &'a Desired,
    /// The object id of our own identity.
    pub own_principal: Option<&'a str>,
    /// The time of the decision.
    pub now: Timestamp,
}

/// The word that an approval uses for a purge before its time. Policies are asked about it as about a deletion.
const PURGE: &str = "purge";

/// Whose doing is what is found now, as an open case tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// All of it is that of the case's event.
    OfCase,
    /// There is more than was found when the case was kept, or something else.
    Beyond,
    /// The case does not say what was found.
    Unsaid,
}

/// Says whose doing is what is found now. That of the case's event is what was found when the case was kept, as it has become by itself
/// since, and less. What cannot be read tells of nothing more, nor does what was not listed yet.
#[must_use]
pub fn blame(
    case: &Case,
    subject: &Subject,
    plan: &AzurePlan,
    (world, memory): (&World, &Memory),
    desired: &Desired,
    now: Timestamp,
) -> Blame {
    let Some(found) = case.found.as_deref() else { return Blame::Unsaid };
    let found = if was_unlisted(case, found, world) { world.clone() } else { by_now(found, world, now) };
    let then = super::plan::plan(subject, &found, memory, desired);
    let is_of_case = |finding: &Finding| finding.remedy == Remedy::Unreadable || finding.is_among(&then.findings);
    if plan.findings.iter().all(is_of_case) { Blame::OfCase } else { Blame::Beyond }
}

/// Says whether what was found to be gone for good was not listed yet among what was deleted: a purge cannot be taken back. What was
/// deleted after that look is another of the same name.
fn was_unlisted(case: &Case, found: &World, present: &World) -> bool {
    is_purged(found) && deleted_at(present).is_some_and(|at| at <= case.seen_until())
}

/// Returns what was found, as it has become by itself: what was deleted is purged at its time. What is around the subject is as it is
/// now, and what is kept for longer now takes back a part of it.
fn by_now(found: &World, present: &World, now: Timestamp) -> World {
    let mut found = found.clone();
    match (&mut found, present) {
        (World::Vault { deleted, .. }, World::Vault { deleted: Known::Absent, .. }) => end_retention(deleted, now, |vault| vault.purge_at),
        (World::VaultObject { deleted, .. }, World::VaultObject { deleted: Known::Absent, .. }) => {
            end_retention(deleted, now, |object| object.purge_at);
        }
        (World::VaultProtection { protects, .. }, World::VaultProtection { protects: present, .. }) => protects.clone_from(present),
        (World::StorageProtection { service, uses, .. }, World::StorageProtection { service: present_service, uses: present_uses, .. }) => {
            uses.clone_from(present_uses);
            lengthen_soft_delete(service, present_service);
        }
        (
            World::AuditContainer { uses, immutability, .. },
            World::AuditContainer { uses: present_uses, immutability: present_immutability, .. },
        ) => {
            uses.clone_from(present_uses);
            lengthen_immutability(immutability, present_immutability);
        }
        (World::LogEncryption { uses, approved, .. }, World::LogEncryption { uses: present, approved: log_key, .. }) => {
            uses.clone_from(present);
            approved.clone_from(log_key);
        }
        (
            World::DatabaseAuditing { sql, identity_may_write, .. },
            World::DatabaseAuditing { sql: present_sql, identity_may_write: present, .. },
        ) => {
            identity_may_write.clone_from(present);
            lengthen_auditing(sql, present_sql);
        }
        (
            World::VaultProtection { .. }
            | World::Vault { .. }
            | World::VaultObject { .. }
            | World::RotationPolicy { .. }
            | World::StorageProtection { .. }
            | World::LogEncryption { .. }
            | World::AuditContainer { .. }
            | World::DatabaseAuditing { .. }
            | World::VaultLogging { .. }
            | World::Alerts { .. },
            _,
        ) => {}
    }
    found
}

fn end_retention<T>(deleted: &mut Known<T>, now: Timestamp, purge_at: impl Fn(&T) -> Option<Timestamp>) {
    if deleted.value().and_then(purge_at).is_some_and(|at| at <= now) {
        *deleted = Known::Absent;
    }
}

fn lengthen_soft_delete(found: &mut Known<BlobService>, present: &Known<BlobService>) {
    let (Known::Is(found), Known::Is(present)) = (found, present) else { return };
    found.delete_retention_days = found.delete_retention_days.max(present.delete_retention_days);
    found.container_delete_retention_days = found.container_delete_retention_days.max(present.container_delete_retention_days);
}

/// A policy that is there takes back in part that there was none.
fn lengthen_immutability(found: &mut Known<Immutability>, present: &Known<Immutability>) {
    let Known::Is(present) = present else { return };
    match found {
        Known::Is(found) => found.days = found.days.max(present.days),
        Known::Absent => *found = Known::Is(Immutability { append_allowed: true, ..present.clone() }),
        Known::Unreadable(_) => {}
    }
}

/// Kept for 0 days is kept for ever.
fn lengthen_auditing(found: &mut Known<SqlAuditing>, present: &Known<SqlAuditing>) {
    let (Known::Is(found), Known::Is(present)) = (found, present) else { return };
    let (then, now) = (found.retention_days, present.retention_days);
    if now == 0 || (then != 0 && now > then) {
        found.retention_days = now;
    }
}

/// Decides what the event alone decides: a call that was refused, or one on what this deployment does not guard.
#[must_use]
pub fn triage(event: &Event, subject: &Subject, desired: &Desired) -> Option<Decision> {
    let who = event.actor.display_name();
    if let CallOutcome::Refused { code, .. } = &event.outcome {
        let sentence = format!("{who} tried `{}` on {subject} and was refused ({code}): recorded, nothing to undo.", event.name);
        return Some(Decision::Stand { why: Why::new(Severity::Low, sentence) });
    }
    let resource = subject.resource();
    if !desired.guards(&resource) {
        let subscription = resource.subscription();
        let sentence = format!("{subject} is in subscription `{subscription}`, which this deployment does not guard: nothing was done.");
        return Some(Decision::Stand { why: Why::new(Severity::Informational, sentence) });
    }
    None
}

/// Decides on a subject, given its plan. `event` is what was done to it: the event that led here, or the one that its case was opened
/// by; a sweep that knows of none brings an event of an unknown actor, which no approval covers.
pub fn decide(event: &Event, subject: &Subject, plan: &AzurePlan, situation: &Situation<'_>) -> Decision {
    if let Some(decision) = triage(event, subject, situation.desired) {
        return decision;
    }
    let who = event.actor.display_name();
    if plan.is_whole() {
        let cause = if event.form == EventForm::Sweep { "The sweep".to_owned() } else { format!("`{}` by {who}", event.name) };
        return Decision::Stand { why: Why::new(Severity::Informational, format!("{cause} finds {subject} as it must be.")) };
    }
    if plan.changes.is_empty() && plan.severity() < Severity::Medium {
        let sentence = format!("{}: recorded.", sentences(plan.findings.iter()));
        return Decision::Stand { why: Why::new(plan.severity(), sentence) };
    }
    let mut why = Why::new(plan.severity(), String::new());
    why.deadline = deadline(situation.world);
    if let Some(cover) = ask(event, subject, situation, &mut why).filter(|_| !is_recovered_vault(situation.world)) {
        why.severity = Severity::Low;
        why.sentence = format!("{}. It stands: {cover}.", happened(event, plan, situation));
        return Decision::Stand { why };
    }
    let uncovered = uncovered(event, &why);
    why.escalations.extend(plan.found(Remedy::NeedsHuman).chain(plan.found(Remedy::Unreadable)).map(|finding| finding.sentence.clone()));
    why.escalations.extend(stolen_credentials(event, situation));
    if plan.changes.is_empty() {
        why.sentence = format!("{}, and {uncovered}. A human must look.", happened(event, plan, situation));
        return Decision::Escalate { why };
    }
    why.escalations
        .extend(plan.changes.iter().filter(|change| change.is_one_way()).map(|change| format!("this cannot be undone: {change}")));
    let steps = plan.steps();
    why.sentence = format!("{}, and {uncovered}: {steps}.", happened(event, plan, situation));
    Decision::Remedy { plan: steps, why }
}

fn ask(event: &Event, subject: &Subject, situation: &Situation<'_>, why: &mut Why) -> Option<String> {
    let resource = subject.approval_resource();
    let action = subject.action(!is_there(situation.world));
    let ended = ended(situation);
    let told = ended.unwrap_or(situation.world);
    let tags = told.tags();
    // Whoever approved a deletion left time to take it back; a purge ends that.
    let approved = if is_purged(situation.world) && ended.is_none() { PURGE } else { action };
    let written = &situation.memory.written;
    let evidence = SealedEvidence { event, resource: &resource, action: approved, tags: &tags, written, rules: situation.rules };
    let act = Act {
        event,
        resource: Asked::Azure(&resource),
        action,
        weighed: weigh_sealed(&evidence),
        tags: tags.value(),
        key_state: Some("not-applicable"),
        waiting_period_days: waiting_period_days(told),
        calendar: None,
    };
    covered_act(act, Court { policy: situation.policy, rules: situation.rules, now: situation.now }, why)
}

/// Returns what was found before of what is purged, where its time had come: it still tells of the tags, of which nothing is left, and
/// to approve the deletion was to approve this.
fn ended<'a>(situation: &Situation<'a>) -> Option<&'a World> {
    let found = situation.memory.case.as_ref().filter(|_| is_purged(situation.world)).and_then(|case| case.found.as_deref());
    found.filter(|found| deadline(found).is_some_and(|purge_at| purge_at <= situation.now))
}

/// Says whether a vault, key, secret or certificate is neither there nor kept as deleted.
#[must_use]
pub const fn is_purged(world: &World) -> bool {
    matches!(
        world,
        World::Vault { vault: Known::Absent, deleted: Known::Absent, .. }
            | World::VaultObject { object: Known::Absent, deleted: Known::Absent }
    )
}

/// Says whether a vault is there whose companions are owed: an approval of its deletion does not leave it half recovered.
const fn is_recovered_vault(world: &World) -> bool {
    matches!(world, World::Vault { vault: Known::Is(_), .. })
}

/// Says whether the key, secret or certificate is there: whatever else happened to it, it was not deleted.
const fn is_there(world: &World) -> bool {
    matches!(world, World::VaultObject { object: Known::Is(_), .. })
}

/// Says who did what, where that is known, and what was found.
fn happened(event: &Event, plan: &AzurePlan, situation: &Situation<'_>) -> String {
    let found = sentences(plan.findings.iter().filter(|finding| finding.remedy == Remedy::Mended));
    let found = if found.is_empty() { sentences(plan.findings.iter()) } else { found };
    match (event.form, event.actor.is_known()) {
        (_, true) if is_own(event, situation) => format!("Our own `{}`: {found}", event.name),
        (_, true) => format!("`{}` by {}: {found}", event.name, event.actor.display_name()),
        (EventForm::Sweep, false) => format!("A sweep found that {found}"),
        (EventForm::ApiCall | EventForm::ServiceEvent | EventForm::Native, false) => format!("`{}`: {found}", event.name),
    }
}

fn is_own(event: &Event, situation: &Situation<'_>) -> bool {
    event.actor.object_id.as_deref().zip(situation.own_principal).is_some_and(|(caller, own)| own.eq_ignore_ascii_case(caller))
}

fn sentences<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    findings.map(|finding| finding.sentence.as_str()).collect::<Vec<&str>>().join("; ")
}

/// Our own identity only ever gives back. Its writes are heard of while the rest of a plan is still to come, so they say nothing.
fn stolen_credentials(event: &Event, situation: &Situation<'_>) -> Option<String> {
    (is_own(event, situation) && !gives_back(event))
        .then(|| "the caller is Reprieve's own identity, which never makes such a call: treat its credentials as stolen".to_owned())
}

/// Returns when Azure purges what was deleted.
fn deadline(world: &World) -> Option<Timestamp> {
    match world {
        World::Vault { vault: Known::Absent, deleted: Known::Is(deleted), .. } => deleted.purge_at,
        World::VaultObject { object: Known::Absent, deleted: Known::Is(deleted) } => deleted.purge_at,
        World::Vault { .. }
        | World::VaultObject { .. }
        | World::VaultProtection { .. }
        | World::RotationPolicy { .. }
        | World::StorageProtection { .. }
        | World::LogEncryption { .. }
        | World::AuditContainer { .. }
        | World::DatabaseAuditing { .. }
        | World::VaultLogging { .. }
        | World::Alerts { .. } => None,
    }
}

/// Returns for how many days Azure keeps what was deleted.
fn waiting_period_days(world: &World) -> Option<u32> {
    let hours = deadline(world)?.duration_since(deleted_at(world)?).as_hours();
    u32::try_from((hours + 12) / 24).ok()
}

fn deleted_at(world: &World) -> Option<Timestamp> {
    match world {
        World::Vault { deleted: Known::Is(deleted), .. } => deleted.deleted_at,
        World::VaultObject { deleted: Known::Is(deleted), .. } => deleted.deleted_at,
        World::Vault { .. }
        | World::VaultObject { .. }
        | World::VaultProtection { .. }
        | World::RotationPolicy { .. }
        | World::StorageProtection { .. }
        | World::LogEncryption { .. }
        | World::AuditContainer { .. }
        | World::DatabaseAuditing { .. }
        | World::VaultLogging { .. }
        | World::Alerts { .. } => None,
    }
}

/// Says whether the plan owes a vault's companions beyond this delivery: it is then remembered as being recovered.
#[must_use]
pub fn recovers_a_vault(plan: &AzurePlan) -> bool {
    plan.changes.iter().any(|change| matches!(change, Change::RecoverVault { .. } | Change::RestoreCompanion { .. }))
}
