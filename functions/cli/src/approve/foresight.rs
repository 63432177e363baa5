//! Whether the policies would let an approval pass, asked before it is given: of an act inside its window, by somebody other than
//! the approver, with the longest waiting period.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reprieve_core::approval::slot::{TagPlan, TagSlot, seal_key_of};
use reprieve_core::approval::{Approval, ApprovalSource, People, Sealable as _, SealedApproval, Written, independent_approvers};
use reprieve_core::facts::Tags;
use reprieve_core::policy::{Question, Verdict};
use reprieve_core::{ApprovalKeys, ApprovalRules, Policy};

use crate::desk::approvable::Approvable;

/// More approvers than any policy will ask for.
const MANY_APPROVERS: u32 = 8;

/// What is to be expected of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Foresight {
    /// It will do.
    Passes,
    /// It will do once others approve as well; why, in the policies' words.
    NeedsOthers(String),
}

/// What a new approval amounts to together with those that others gave already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Together {
    /// How many of them all are independent of each other.
    pub(super) approvers: u32,
    /// Who approved under another approval key, and may be the same person: it cannot be told.
    pub(super) untold: Option<String>,
}

/// Asks the policies.
///
/// # Errors
/// Names the policies that forbid it whoever else approves, in their own words.
pub(super) fn foresee(
    policy: &Policy,
    resource: Approvable<'_>,
    action: &str,
    approval: &Approval,
    approvers: u32,
    at: Timestamp,
) -> anyhow::Result<Foresight> {
    let actor = resource.somebody();
    let rules = ApprovalRules::default();
    let ask = |independent_approvers| {
        policy.ask(&Question {
            actor: &actor,
            action,
            resource: resource.asked(),
            tags: Some(resource.tags()),
            key_state: Some(resource.key_state()),
            waiting_period_days: Some(resource.longest_waiting_days()),
            event_time: Some(at),
            now: at,
            change_calendar: None,
            approval: Some(approval),
            revocations_known: true,
            independent_approvers,
            rules: &rules,
        })
    };
    let verdict = ask(approvers)?;
    if verdict.permitted {
        return Ok(Foresight::Passes);
    }
    let with_others = ask(MANY_APPROVERS.max(approvers))?;
    anyhow::ensure!(with_others.permitted, "such an approval would not pass: {}", words_of(&with_others));
    Ok(Foresight::NeedsOthers(words_of(&verdict)))
}

fn words_of(verdict: &Verdict) -> String {
    if verdict.policies.is_empty() {
        return "no policy would permit it".to_owned();
    }
    let because = if verdict.because.is_empty() { String::new() } else { format!(" ({})", verdict.because.join("; ")) };
    format!("policy {} forbids it{because}", verdict.policies.join(", "))
}

/// Returns the approvals that the tags still hold beside the new one, once it is written: what it replaces, and a co-approval that goes
/// with that, count no more. Without a plan no tag changes.
pub(super) fn left_on_resource(tags: &Tags, plan: Option<&TagPlan>) -> Vec<SealedApproval> {
    let (first_stays, second_stays) = match plan.map(|plan| (plan.slot, plan.stale.is_empty())) {
        None => (true, true),
        Some((TagSlot::CoApprover, _)) => (true, false),
        Some((TagSlot::Approver, nothing_is_stale)) => (false, nothing_is_stale),
    };
    let first = SealedApproval::from_tags(tags).filter(|_| first_stays);
    let second = SealedApproval::co_approval_from_tags(tags).filter(|_| second_stays);
    [first, second].into_iter().flatten().flatten().collect()
}

/// Weighs a new approval together with those of the act that are there already: on the resource, by what is left there, or in the ledger.
/// One whose public key is not at hand counts here: the guard judges it in the end.
pub(super) fn together(
    resource: Approvable<'_>,
    on_resource: Vec<SealedApproval>,
    written: Option<&Written>,
    action: &str,
    own: &Approval,
    keys: &ApprovalKeys,
    at: Timestamp,
) -> Together {
    let in_ledger = written.into_iter().flat_map(|known| known.approvals.iter().cloned());
    let revoked: BTreeSet<&str> =
        written.into_iter().flat_map(|known| &known.revocations).map(|revocation| revocation.change.as_str()).collect();
    let established = |other: SealedApproval| {
        let counts = other.action == action && !revoked.contains(other.change.as_str()) && super::may_hold(&other, resource, keys);
        let seal_key = seal_key_of(&other).filter(|_| counts)?;
        to_be(&other, resource, seal_key, ApprovalSource::SealedTags).ok().filter(|other| other.window_holds(at))
    };
    let others: Vec<Approval> = on_resource.into_iter().chain(in_ledger).filter_map(established).collect();
    let all: Vec<&Approval> = std::iter::once(own).chain(&others).collect();
    let is_untold = |other: &&Approval| other.seal_key != own.seal_key && own.people(other) == People::Untold;
    let untold = others.iter().find(is_untold).map(|other| other.approver.clone());
    Together { approvers: independent_approvers(&all), untold }
}

/// Returns the approval as it will be once it is sealed.
pub(super) fn to_be(
    approval: &SealedApproval,
    resource: Approvable<'_>,
    seal_key: &str,
    source: ApprovalSource,
) -> anyhow::Result<Approval> {
    let window = approval.check_values()?;
    Ok(Approval {
        change: approval.change.clone(),
        approver: approval.approver.clone(),
        approver_identities: reprieve_core::actor::identities_of_name(&approval.approver),
        resource: resource.sealed_name().to_owned(),
        window_start: window.start,
        window_end: window.end,
        source,
        seal_key: Some(seal_key.to_owned()),
        set_at: None,
        revoked: None,
    })
}

#[cfg(test)]
#[path = "foresight_tests.rs"]
mod tests;
