//! Whether policy lets an act pass, given the approvals that were found; and what is said of it, step by step.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Situation;
use crate::approval::{Approval, ApprovalFinding, ApprovalRules, ApprovalSource, Claim, Evidence, People, Weighed, weigh};
use crate::decision::{Severity, Why};
use crate::event::Event;
use crate::facts::{KeyFacts, Known, Tags};
use crate::id::KeyArn;
use crate::policy::{Asked, Policy, Question, SELF_APPROVAL_POLICY, Verdict};
use crate::threat::Threat;

/// The shipped policy by which an approval covers what happens inside its window.
const WINDOW_POLICY: &str = "change-window";

/// The shipped policy by which a broken glass passes.
const BREAK_GLASS_POLICY: &str = "break-glass";

/// An act, and what was found about whether anything approves it.
pub(crate) struct Act<'a> {
    /// What happened.
    pub(crate) event: &'a Event,
    /// To what.
    pub(crate) resource: Asked<'a>,
    /// The action, as approvals and policies name it.
    pub(crate) action: &'a str,
    /// The approvals, weighed.
    pub(crate) weighed: Weighed,
    /// The resource's tags; `None` where they could not be read.
    pub(crate) tags: Option<&'a Tags>,
    /// The state of a key, where it could be read.
    pub(crate) key_state: Option<&'a str>,
    /// The waiting period of a deletion, in days.
    pub(crate) waiting_period_days: Option<u32>,
    /// What the change calendar says; `None` where none is configured.
    pub(crate) calendar: Option<&'a str>,
}

/// Whom is asked, and when.
#[derive(Clone, Copy)]
pub(crate) struct Court<'a> {
    /// The policies.
    pub(crate) policy: &'a Policy,
    /// What the deployment says about approving.
    pub(crate) rules: &'a ApprovalRules,
    /// The time of the decision.
    pub(crate) now: Timestamp,
}

/// Asks about an act on a key. Returns what covers it, as the end of a sentence; `None` where nothing does.
pub(super) fn covered(event: &Event, key: &KeyArn, threat: Threat, situation: &Situation<'_>, why: &mut Why) -> Option<String> {
    let facts = situation.facts;
    let act = Act {
        event,
        resource: Asked::Key(key),
        action: threat.action(),
        weighed: weigh(&Evidence { event, key, action: threat.action(), facts, rules: situation.rules }),
        tags: facts.tags.value(),
        key_state: facts.description.value().map(|description| description.state.as_str()),
        waiting_period_days: waiting_period_days(event, facts),
        calendar: match &facts.calendar {
            Known::Is(state) => Some(state.as_str()),
            Known::Unreadable(_) => Some("unknown"),
            Known::Absent => None,
        },
    };
    covered_act(act, Court { policy: situation.policy, rules: situation.rules, now: situation.now }, why)
}

/// Asks the policies, and notes in `why` what was found, what they said, and what a human should know of it. Returns what covers the
/// act, as the end of a sentence; `None` where nothing does.
pub(crate) fn covered_act(act: Act<'_>, court: Court<'_>, why: &mut Why) -> Option<String> {
    let Act { event, resource, action, weighed, tags, key_state, waiting_period_days, calendar } = act;
    let question = Question {
        actor: &event.actor,
        action,
        resource,
        tags,
        key_state,
        waiting_period_days,
        event_time: event.time,
        now: court.now,
        change_calendar: calendar,
        approval: weighed.finding.established(),
        revocations_known: weighed.revocations_known,
        independent_approvers: weighed.independent_approvers,
        rules: court.rules,
    };
    let asked = court.policy.ask(&question);
    let who = event.actor.identities();
    let covering = covering(event, &weighed, &who);
    let noun = match resource {
        Asked::Key(_) | Asked::Google(_) => "key",
        Asked::Azure(_) => "resource",
    };
    why.reasoning = reasoning(event, &who, &weighed, &covering, noun);
    why.reasoning.extend(calendar.map(|state| format!("the change calendar says {state}")));
    let self_approved = weighed.set_by_actor || weighed.finding.established().is_some_and(|approval| approval.is_by(&who));
    let approvers = approvers_of(&weighed, &covering);
    why.approval = weighed.finding;
    let verdict = match asked {
        Ok(verdict) => verdict,
        Err(error) => {
            let said = format!("the policies could not be asked, so nothing is approved: {error}");
            why.because = vec!["the policies could not be asked".to_owned()];
            why.reasoning.push(said.clone());
            why.escalations.push(said);
            return None;
        }
    };
    why.reasoning.push(said_by_policy(&verdict));
    note(verdict, why);
    if why.permitted {
        if why.policies.iter().any(|policy| policy == BREAK_GLASS_POLICY) {
            why.pass_ends = event.time.and_then(|time| court.rules.break_glass_until(&event.actor, time));
        }
        let by_approval = why.policies.iter().any(|policy| policy == WINDOW_POLICY);
        return Some(match why.approval.established().filter(|_| by_approval) {
            Some(approval) => format!("change {}, approved by {approvers}, covers it", approval.change),
            None => format!("policy {} permits it: {}", why.policies.join(", "), why.because.join("; ")),
        });
    }
    if self_approved {
        why.severity = why.severity.max(Severity::High);
        why.escalations.push(format!("{} tried to approve their own act", event.actor.display_name()));
    }
    None
}

/// Says, for a sentence, that nothing covers the act and why.
pub(crate) fn uncovered(event: &Event, why: &Why) -> String {
    match &why.approval {
        ApprovalFinding::NotLookedFor | ApprovalFinding::None => "no approval covers it".to_owned(),
        ApprovalFinding::Unreadable { reason } => format!("no approval could be read ({reason}), which counts as none"),
        ApprovalFinding::Invalid { reason } => format!("its approval is not valid: {reason}"),
        ApprovalFinding::Established(approval) => {
            let change = &approval.change;
            if let Some(revocation) = &approval.revoked {
                format!("change {change} was revoked by {} at {}", revocation.by, revocation.at)
            } else if why.policies.iter().any(|policy| policy == SELF_APPROVAL_POLICY) {
                format!("change {change} was approved by the one who did it, {}", approval.approver)
            } else if let Some(outside) = outside_window(approval, event.time) {
                format!("change {change} {outside}")
            } else if why.policies.is_empty() {
                let because = if why.because.is_empty() { String::new() } else { format!(", because {}", why.because.join("; ")) };
                format!("no policy lets change {change} cover it{because}")
            } else {
                format!("change {change} does not suffice{}", forbidden(why))
            }
        }
    }
}

/// Names the policies that forbid it.
fn forbidden(why: &Why) -> String {
    let because = if why.because.is_empty() { String::new() } else { format!(" ({})", why.because.join("; ")) };
    format!(", and policy {} forbids it{because}", why.policies.join(", "))
}

fn outside_window(approval: &Approval, time: Option<Timestamp>) -> Option<String> {
    let (start, end) = (approval.window_start, approval.window_end);
    match time {
        None => Some("cannot cover it, because the event does not say when it happened".to_owned()),
        Some(time) if time < start => Some(format!("covers only {start} to {end}, and it happened before, at {time}")),
        Some(time) if time >= end => Some(format!("covers only {start} to {end}, and it happened after, at {time}")),
        Some(_) => None,
    }
}

/// The waiting period as it was asked for; else as it follows from the deadline, to the nearest day.
fn waiting_period_days(event: &Event, facts: &KeyFacts) -> Option<u32> {
    let description = facts.description.value();
    let from_deadline = || {
        let deadline = event.details.deletion_date.or_else(|| facts.deletion_date())?;
        let half_a_day = SignedDuration::from_hours(12);
        let hours = deadline.duration_since(event.time?).checked_add(half_a_day)?.as_hours();
        u32::try_from(hours / 24).ok()
    };
    event.details.waiting_period_days.or_else(|| description?.pending_window_days).or_else(from_deadline)
}

fn note(verdict: Verdict, why: &mut Why) {
    let erred = verdict.errors.into_iter().map(|error| format!("a policy could not be evaluated and was left out: {error}"));
    why.escalations.extend(erred);
    why.escalations.extend(verdict.escalations);
    why.policies = verdict.policies;
    why.because = verdict.because;
    why.permitted = verdict.permitted;
}

/// Says what was found, one sentence each, in the order in which it counts.
fn reasoning(event: &Event, who: &BTreeSet<String>, weighed: &Weighed, covering: &[&Approval], noun: &str) -> Vec<String> {
    let mut lines: Vec<String> = weighed.claims.iter().map(|claim| said_of(claim, event, who)).collect();
    match &weighed.finding {
        ApprovalFinding::None => lines.push(format!("neither the {noun}'s tags nor the ledger hold an approval")),
        ApprovalFinding::Unreadable { reason } => lines.push(format!("approvals could not be read, which counts as none: {reason}")),
        ApprovalFinding::NotLookedFor | ApprovalFinding::Invalid { .. } | ApprovalFinding::Established(_) => {}
    }
    if weighed.independent_approvers > 1 {
        lines.push(format!("{} approvals that cover it are independent of each other", weighed.independent_approvers));
    }
    lines.extend(count_once(covering));
    lines
}

/// Returns the approvals that cover the event, in the order in which they were found.
fn covering<'a>(event: &Event, weighed: &'a Weighed, who: &BTreeSet<String>) -> Vec<&'a Approval> {
    let holding = weighed.claims.iter().filter_map(|claim| claim.result.as_ref().ok());
    holding.filter(|approval| approval.covers(event.time, who)).collect()
}

/// Names everybody who approved the change that the decision is about.
fn approvers_of(weighed: &Weighed, covering: &[&Approval]) -> String {
    let Some(best) = weighed.finding.established() else { return String::new() };
    let mut names = vec![best.approver.as_str()];
    for approval in covering {
        if approval.change == best.change && !names.contains(&approval.approver.as_str()) {
            names.push(&approval.approver);
        }
    }
    names.join(" and ")
}

/// Says which two approvals count only once, and why.
fn count_once(covering: &[&Approval]) -> Vec<String> {
    let sealed: Vec<&&Approval> = covering.iter().filter(|approval| approval.seal_key.is_some()).collect();
    let pairs = sealed.iter().enumerate().flat_map(|(index, one)| sealed.iter().skip(index + 1).map(move |other| (one, other)));
    let said = pairs.filter_map(|(one, other)| {
        let why = match one.people(other) {
            People::One => "both may be the same person".to_owned(),
            People::Untold => "nothing in how they are named tells whether they are two people".to_owned(),
            People::Two if one.seal_key == other.seal_key => {
                let key = one.seal_key.as_deref().unwrap_or_default();
                format!("both were sealed with key {key}, and whoever may use a key can sign in any name")
            }
            People::Two => return None,
        };
        Some(format!("the approvals by {} and {} count once: {why}", one.approver, other.approver))
    });
    said.collect()
}

fn said_of(claim: &Claim, event: &Event, who: &BTreeSet<String>) -> String {
    let place_holds = match claim.source {
        ApprovalSource::SealedTags => "the sealed tags hold",
        ApprovalSource::Ledger => "the ledger holds",
        ApprovalSource::PlainTags => "the plain tags hold",
    };
    let change = claim.change.as_ref().map(|change| format!(" change {change}")).unwrap_or_default();
    let approval = match &claim.result {
        Ok(approval) => approval,
        Err(reason) => return format!("{place_holds}{change}, which is no approval: {reason}"),
    };
    let Approval { approver, window_start, window_end, .. } = approval;
    let known_by = match (&approval.seal_key, approval.set_at) {
        (Some(key), _) => format!("sealed with key {key}"),
        (None, Some(at)) => format!("set at {at}"),
        (None, None) => "of unknown origin".to_owned(),
    };
    let but = match (&approval.revoked, outside_window(approval, event.time)) {
        (Some(revocation), _) => format!("; {} revoked it at {}", revocation.by, revocation.at),
        (None, Some(outside)) => format!("; it {outside}"),
        (None, None) if approval.is_by(who) => "; the approver is the one who did it".to_owned(),
        (None, None) => "; it happened inside".to_owned(),
    };
    format!("{place_holds}{change}, approved by {approver} for {window_start} to {window_end}, {known_by}{but}")
}

fn said_by_policy(verdict: &Verdict) -> String {
    let because = if verdict.because.is_empty() { String::new() } else { format!(": {}", verdict.because.join("; ")) };
    match (verdict.permitted, verdict.policies.is_empty()) {
        (_, true) => "no policy permits it".to_owned(),
        (true, false) => format!("policy {} permits it{because}", verdict.policies.join(", ")),
        (false, false) => format!("policy {} forbids it{because}", verdict.policies.join(", ")),
    }
}
