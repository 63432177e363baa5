//! The commands that answer a notice: approve it the next time, approve it after all, see what approves it.
//!
//! *Architecture invariant:* a command holds an ARN or an Azure id that parsed, words of our own, times, and a change id of harmless characters;
//! no other text of an event or a tag ever gets into one.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::{Command, azure, part, plain};
use crate::approval::ApprovalFinding;
use crate::azure::subject::kind;
use crate::decision::{Decision, Why};
use crate::plan::Step;
use crate::record::{Record, Status, StepResult};
use crate::threat::Threat;

/// Stands where nobody can know the change.
const UNKNOWN_CHANGE: &str = "CHG-...";

/// The shipped policy by which some keys need two approvers.
const TWO_APPROVERS_POLICY: &str = "two-approvers-for-prod";

/// The longest change id that is put into a command, in characters.
const CHANGE_LIMIT: usize = 64;

/// What an approval would be for.
struct Approvable {
    /// The resource, as a command names it.
    resource: String,
    /// What people call it.
    noun: &'static str,
    /// The action, as an approval names it.
    action: &'static str,
    /// Whether the act was to be undone and was not: an approval can still let it stand.
    stands: bool,
}

/// Returns the commands that make sense; none where nothing was looked up that an approval could have changed.
pub(super) fn commands(record: &Record, decision: &Decision) -> Vec<Command> {
    let why = decision.why();
    let Some(approvable) = of_key(record).or_else(|| of_azure(record)) else {
        return Vec::new();
    };
    if why.approval == ApprovalFinding::NotLookedFor || record.status == Status::DoesNotExist {
        return Vec::new();
    }
    let Approvable { resource, noun, .. } = &approvable;
    let see = Command { purpose: format!("To see every approval of this {noun}"), line: format!("reprieve approvals {resource}") };
    if azure::is_purged(why) {
        return vec![see];
    }
    let change = change(why);
    let who = who_runs(record, why);
    let mut commands = Vec::new();
    if !why.permitted {
        let fill_in = if change == UNKNOWN_CHANGE { "the change id and the window you plan" } else { "the window you plan" };
        let line = approve(&approvable, change, next_hour(record.event.time, record.recorded_at));
        commands.push(Command { purpose: format!("Next time, {who} this first; put in {fill_in}"), line });
    }
    let pass_ends = part::pass_ends(record);
    if let Some(time) = record.event.time.filter(|_| pass_ends.is_some() || approvable.stands) {
        let fill_in = if change == UNKNOWN_CHANGE { "; put in the change id" } else { "" };
        let by_then = pass_ends.map_or_else(|| " after all".to_owned(), |end| format!(" beyond {}", part::moment(end)));
        let line = format!("{} --late", approve(&approvable, change, hour_of(time)));
        commands.push(Command { purpose: format!("To let it stand{by_then}, {who} this{fill_in}"), line });
    }
    commands.push(see);
    commands
}

fn of_key(record: &Record) -> Option<Approvable> {
    let (key, threat) = (record.key()?, record.threat.filter(|threat| can_be_approved(*threat))?);
    Some(Approvable { resource: key.to_string(), noun: "key", action: threat.action(), stands: stands(record, threat) })
}

/// Names of Azure resources can hold what a shell does not take for a plain word; then there is no command.
fn of_azure(record: &Record) -> Option<Approvable> {
    let subject = record.subject.as_ref()?;
    let resource = subject.approval_resource();
    let is_plain = resource.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_'));
    let undoing = record.steps.first().map(|step| &step.result);
    let stands = undoing.is_some_and(|result| !result.is_success() && *result != StepResult::DoesNotExist);
    is_plain.then(|| Approvable { resource: resource.to_string(), noun: kind(&resource), action: azure::action(record, subject), stands })
}

/// What already took effect for good, or is nobody's act, is approved by nobody.
const fn can_be_approved(threat: Threat) -> bool {
    match threat {
        Threat::DeletionScheduled
        | Threat::KeyDisabled
        | Threat::RotationDisabled
        | Threat::MaterialDeleted
        | Threat::MaterialExpires
        | Threat::PolicyReplaced
        | Threat::GrantRemoved
        | Threat::TagsChanged
        | Threat::AliasChanged => true,
        Threat::MaterialExpired | Threat::KeyStoreDisconnected | Threat::KeyStoreDeleted | Threat::RegionDisabled | Threat::KeyDeleted => {
            false
        }
    }
}

/// Says whether the act was to be undone and was not: an approval can still let it stand.
fn stands(record: &Record, threat: Threat) -> bool {
    let undoes = |step: &Step| match threat {
        Threat::DeletionScheduled => matches!(step, Step::CancelKeyDeletion { .. }),
        Threat::KeyDisabled => matches!(step, Step::EnableKey { .. }),
        Threat::RotationDisabled => matches!(step, Step::EnableKeyRotation { .. }),
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
        | Threat::KeyDeleted => false,
    };
    let undoing = record.steps.iter().find(|step| undoes(&step.step));
    undoing.is_some_and(|step| !step.result.is_success() && step.result != StepResult::DoesNotExist)
}

/// Begins "... runs this": nobody approves their own act, and for some keys one approver is not enough.
fn who_runs(record: &Record, why: &Why) -> String {
    let actor = &record.event.actor;
    let other_than =
        if actor.is_known() { format!(" other than {}", plain::line(&actor.display_name(), plain::NAME_LIMIT)) } else { String::new() };
    if why.policies.iter().any(|policy| policy == TWO_APPROVERS_POLICY) {
        format!("two change managers{other_than} each run, with an approval key of their own,")
    } else {
        format!("a change manager{other_than} runs")
    }
}

/// Returns the change of the approval that was found and did not suffice, where it still can.
fn change(why: &Why) -> &str {
    let found = why.approval.established().filter(|approval| approval.revoked.is_none()).map(|approval| approval.change.as_str());
    found.filter(|change| is_harmless(change)).unwrap_or(UNKNOWN_CHANGE)
}

/// Says whether a shell and our own command line both take the text for one plain word.
fn is_harmless(change: &str) -> bool {
    let of_plain_characters = change.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    of_plain_characters && change.len() <= CHANGE_LIMIT && change.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn approve(approvable: &Approvable, change: &str, from: Timestamp) -> String {
    let Approvable { resource, action, .. } = approvable;
    format!(r#"reprieve approve {resource} --action {action} --change {change} --window "2h from {from}""#)
}

/// Returns the hour in which it happened: a window of two hours from it holds the event.
fn hour_of(time: Timestamp) -> Timestamp {
    time.round(TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor)).unwrap_or(time)
}

/// Returns the full hour after the event, and after the notice: a window that has passed plans nothing.
fn next_hour(time: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let latest = time.map_or(now, |time| time.max(now));
    let hour = hour_of(latest);
    hour.checked_add(SignedDuration::from_hours(1)).unwrap_or(hour)
}
