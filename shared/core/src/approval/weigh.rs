//! Weighs all that was found of approvals for one act: which of it holds, which counts, and what a person should know of the rest.
//!
//! Pure. Which approvals *suffice* is not said here; that is policy's to say.

use jiff::Timestamp;

use super::plain::{self, PlainError};
use super::window::Window;
use super::{Approval, ApprovalFinding, ApprovalRules, ApprovalSource, People, Revocation, SealError, Sealable, SealedApproval, Written};
use crate::actor::Actor;
use crate::event::Event;
use crate::facts::{KeyFacts, Known, Tags};
use crate::id::KeyArn;

/// Of so many approvals of one key the seals are verified; nobody plans more, and whoever writes more wants to keep us busy.
const CLAIMS_LIMIT: usize = 32;

/// Of so many approvals it is worked out how many are independent of each other.
const INDEPENDENT_LIMIT: usize = 8;

/// What is weighed.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The key that it happened to.
    pub key: &'a KeyArn,
    /// The action, one of `Threat::action`.
    pub action: &'a str,
    /// What was observed of the key.
    pub facts: &'a KeyFacts,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
}

/// What is weighed of a resource on which approvals count under a seal alone.
#[derive(Debug)]
pub struct SealedEvidence<'a, R> {
    /// What happened.
    pub event: &'a Event,
    /// The resource that it happened to.
    pub resource: &'a R,
    /// The action, as an approval names it.
    pub action: &'a str,
    /// The resource's tags.
    pub tags: &'a Known<Tags>,
    /// What the ledger holds about it.
    pub written: &'a Known<Written>,
    /// What the deployment says about approving.
    pub rules: &'a ApprovalRules,
}

/// One claim of an approval, and whether it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it was found.
    pub source: ApprovalSource,
    /// The change that it names, where it names one.
    pub change: Option<String>,
    /// The approval, or why it is none.
    pub result: Result<Approval, String>,
}

/// What was found, weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Every claim, the tags' first.
    pub claims: Vec<Claim>,
    /// What the decision is about: the best approval; where there is none, why.
    pub finding: ApprovalFinding,
    /// How many approvals cover the act that are independent of each other: any two known to be of two people, and under two approval keys.
    pub independent_approvers: u32,
    /// Plain tags were set by the very one who did it.
    pub set_by_actor: bool,
    /// Whether the ledger could be read, which holds revocations.
    pub revocations_known: bool,
}

/// Weighs the evidence for an act on a key.
#[must_use]
pub fn weigh(evidence: &Evidence<'_>) -> Weighed {
    let Evidence { event, key, action, facts, rules } = *evidence;
    let scene = Scene { event, resource: key, action, tags: &facts.tags, unread: facts.recollection.unreadable_reason(), rules };
    let written = facts.recollection.value();
    let setter = Setter { key, tagging: &facts.tagging };
    scene.weigh(written.map(|written| (&written.approvals[..], &written.revocations[..])), Some(setter))
}

/// Weighs the evidence for an act on a resource. Tags without a seal approve nothing there.
#[must_use]
pub fn weigh_sealed<R: Sealable>(evidence: &SealedEvidence<'_, R>) -> Weighed {
    let SealedEvidence { event, resource, action, tags, written, rules } = *evidence;
    let scene = Scene { event, resource, action, tags, unread: written.unreadable_reason(), rules };
    scene.weigh(written.value().map(|written| (&written.approvals[..], &written.revocations[..])), None)
}

/// What every claim is held against.
struct Scene<'a, R> {
    event: &'a Event,
    resource: &'a R,
    action: &'a str,
    tags: &'a Known<Tags>,
    /// Why the ledger could not be read.
    unread: Option<&'a str>,
    rules: &'a ApprovalRules,
}

/// By what it is known who set the plain tags of a key.
#[derive(Clone, Copy)]
struct Setter<'a> {
    key: &'a KeyArn,
    tagging: &'a Known<Event>,
}

impl<R: Sealable> Scene<'_, R> {
    fn weigh(&self, written: Option<(&[SealedApproval], &[Revocation])>, setter: Option<Setter<'_>>) -> Weighed {
        let mut weighed = Weighed {
            claims: Vec::new(),
            finding: ApprovalFinding::None,
            independent_approvers: 0,
            set_by_actor: false,
            revocations_known: written.is_some(),
        };
        if let Known::Is(tags) = self.tags {
            weighed.add_tags(tags, self, setter);
        }
        if let Some((approvals, revocations)) = written {
            for approval in self.worth_verifying(approvals) {
                weighed.add_sealed(ApprovalSource::Ledger, Ok(approval.clone()), self);
            }
            for claim in &mut weighed.claims {
                claim.mark_revoked(revocations);
            }
        }
        weighed.conclude(self);
        weighed
    }

    /// Those that would cover the act come first: the ledger keeps all that was ever approved for a resource, in the order of their
    /// names.
    fn worth_verifying<'b>(&self, approvals: &'b [SealedApproval]) -> impl Iterator<Item = &'b SealedApproval> {
        let would_cover = |approval: &SealedApproval| {
            let window = Window::parse(&approval.window).ok().zip(self.event.time);
            approval.action == self.action && window.is_some_and(|(window, time)| window.holds(time))
        };
        let mut approvals: Vec<&SealedApproval> = approvals.iter().rev().collect();
        approvals.sort_by_key(|approval| !would_cover(approval));
        approvals.into_iter().take(CLAIMS_LIMIT)
    }
}

impl Claim {
    fn mark_revoked(&mut self, revocations: &[Revocation]) {
        if let Ok(approval) = &mut self.result {
            approval.revoked = revocations.iter().find(|revocation| revocation.change == approval.change).cloned();
        }
    }
}

impl Weighed {
    fn add_tags<R: Sealable>(&mut self, tags: &Tags, scene: &Scene<'_, R>, setter: Option<Setter<'_>>) {
        if let Some(Setter { key, tagging }) = setter
            && plain::is_plain(tags)
        {
            let result = plain::establish(scene.event, scene.action, key, tags, tagging, scene.rules);
            self.set_by_actor = matches!(result, Err(PlainError::SetByActor { .. }));
            let change = tags.get(super::CHANGE_TAG).cloned();
            self.claims.push(Claim { source: ApprovalSource::PlainTags, change, result: result.map_err(|error| error.to_string()) });
            return;
        }
        let approvals = [SealedApproval::from_tags(tags), SealedApproval::co_approval_from_tags(tags)];
        for approval in approvals.into_iter().flatten() {
            self.add_sealed(ApprovalSource::SealedTags, approval, scene);
        }
    }

    fn add_sealed<R: Sealable>(&mut self, source: ApprovalSource, approval: Result<SealedApproval, SealError>, scene: &Scene<'_, R>) {
        let change = approval.as_ref().ok().map(|approval| approval.change.clone());
        let verify =
            |approval: SealedApproval| approval.verify_for(scene.action, scene.resource, scene.event.time, &scene.rules.keys, source);
        let verified = approval.and_then(verify).map_err(|error| error.to_string());
        let result = verified.and_then(|approval| told_apart(approval, &scene.event.actor));
        self.claims.push(Claim { source, change, result });
    }

    fn conclude<R>(&mut self, scene: &Scene<'_, R>) {
        let holding: Vec<&Approval> = self.claims.iter().filter_map(|claim| claim.result.as_ref().ok()).collect();
        let standing = weigh_established(&holding, scene.event.time, &scene.event.actor);
        let best = standing.best.cloned();
        self.independent_approvers = standing.independent_approvers;
        self.finding = best.map_or_else(|| self.why_none(scene), |best| ApprovalFinding::Established(Box::new(best)));
    }

    /// The tags' own flaw comes first; then that something could not be read; then the flaw of the ledger's latest.
    fn why_none<R>(&self, scene: &Scene<'_, R>) -> ApprovalFinding {
        let flaw = |of_tags: bool| {
            let mut flaws = self.claims.iter().filter(|claim| (claim.source != ApprovalSource::Ledger) == of_tags);
            flaws.find_map(|claim| claim.result.as_ref().err()).map(|reason| ApprovalFinding::Invalid { reason: reason.clone() })
        };
        let unread = || {
            let reason = scene.tags.unreadable_reason().or(scene.unread)?;
            Some(ApprovalFinding::Unreadable { reason: reason.to_owned() })
        };
        flaw(true).or_else(unread).or_else(|| flaw(false)).unwrap_or(ApprovalFinding::None)
    }
}

/// Where it cannot be told whether the approver is the one who did it, nothing is approved.
fn told_apart(approval: Approval, actor: &Actor) -> Result<Approval, String> {
    if actor.may_hide(&approval.approver_identities) {
        return Err(format!(
            "it cannot be told whether `{}`, who approved it, is {}, who did it: the log names them in another way",
            approval.approver,
            actor.display_name()
        ));
    }
    Ok(approval)
}

/// What approvals that hold amount to, for one act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The one that the decision is about; `None` where there is none at all.
    pub best: Option<&'a Approval>,
    /// How many of them cover the act that are independent of each other.
    pub independent_approvers: u32,
}

/// Weighs approvals that are known to be ones, and marked where they were revoked, for an act of this actor at this time.
#[must_use]
pub fn weigh_established<'a>(approvals: &[&'a Approval], event_time: Option<Timestamp>, actor: &Actor) -> Standing<'a> {
    let identities = actor.identities();
    let covers = |approval: &Approval| approval.covers(event_time, &identities);
    let covering: Vec<&Approval> = approvals.iter().copied().filter(|approval| covers(approval)).collect();
    // The one that covers the act, before one that only holds; then the stronger source.
    let best = approvals.iter().copied().min_by_key(|approval| (!covers(approval), approval.revoked.is_some(), approval.source));
    Standing { best, independent_approvers: independent_approvers(&covering) }
}

/// Returns the size of the largest group of sealed approvals of which any two are known to be of two people, and none share an approval
/// key. Whoever may sign with a key can sign in any name, so one key never speaks for two.
#[must_use]
pub fn independent_approvers(approvals: &[&Approval]) -> u32 {
    let sealed: Vec<&Approval> = approvals.iter().copied().filter(|approval| approval.seal_key.is_some()).take(INDEPENDENT_LIMIT).collect();
    largest(&sealed, &mut Vec::new())
}

fn largest<'a>(rest: &[&'a Approval], chosen: &mut Vec<&'a Approval>) -> u32 {
    let Some((first, rest)) = rest.split_first() else {
        return u32::try_from(chosen.len()).unwrap_or(u32::MAX);
    };
    let without = largest(rest, chosen);
    let clashes = |other: &&Approval| other.people(first) != People::Two || other.seal_key == first.seal_key;
    if chosen.iter().any(clashes) {
        return without;
    }
    chosen.push(first);
    let with = largest(rest, chosen);
    chosen.pop();
    with.max(without)
}
