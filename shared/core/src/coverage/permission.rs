//! Whether a guard's role is let in: by the key's policy first, and by IAM where that lets IAM decide, or denies.

use std::collections::{BTreeMap, BTreeSet};

use super::gap::{Gap, GapKind};
use super::route::Route;
use super::{ACTIONS, IamAnswer, KeyView, Lockout, Observation};
use crate::facts::Known;
use crate::monitoring::world::Place;
use crate::resource_policy::{Principal, Request, Verdict, verdict};

/// The name of a guard's role where none is deployed yet: no policy names it, so what is judged is whether the account is let in.
const ROLE_TO_COME: &str = "reprieve-guard-to-come";

/// What the key's policy says to a role, action by action.
#[derive(Debug, Default)]
struct Judged<'a> {
    refused: Vec<&'a str>,
    unclear: Vec<&'a str>,
    /// Why the first of them is refused or unclear.
    reason: String,
    /// The statement that denies the first of them.
    denied_by: Option<String>,
    /// IAM must allow these.
    through_account: BTreeSet<&'a str>,
    /// IAM must not deny these.
    direct: BTreeSet<&'a str>,
}

/// Judges a key for every role of the guard.
pub(super) fn gaps(key: &KeyView, route: &Route, observation: &Observation) -> Vec<Gap> {
    let mut gaps = BTreeSet::new();
    let Known::Is(policy) = &key.policy else {
        let why = key.policy.unreadable_reason().unwrap_or("the key has none");
        gaps.insert(Gap::unreadable("the key's policy", why, "kms:GetKeyPolicy"));
        return gaps.into_iter().collect();
    };
    for role in &route.roles {
        let judged = judge(policy, key, role);
        gaps.extend(policy_gaps(&judged, role));
        gaps.extend(iam_gaps(&judged, key, role, route.observes, observation));
    }
    gaps.into_iter().collect()
}

/// Says whether the key's policy refuses a role of the guard, or of one to come.
pub(super) fn lockouts(key: &KeyView, route: &Route, place: &Place) -> Vec<Lockout> {
    let Known::Is(policy) = &key.policy else { return Vec::new() };
    let to_come = format!("arn:{}:iam::{}:role/{ROLE_TO_COME}", place.partition, place.account);
    let roles: Vec<&str> = if route.roles.is_empty() { vec![&to_come] } else { route.roles.iter().map(String::as_str).collect() };
    let found = roles.into_iter().filter_map(|role| {
        let judged = judge(policy, key, role);
        let is_certain = !judged.refused.is_empty();
        (is_certain || !judged.unclear.is_empty()).then(|| Lockout {
            key: key.arn.clone(),
            aliases: key.aliases.clone(),
            role_arn: role.to_owned(),
            is_certain,
            reason: judged.reason,
        })
    });
    found.collect()
}

fn judge<'a>(policy: &str, key: &KeyView, role: &str) -> Judged<'a> {
    let account = role.split(':').nth(4).unwrap_or_default();
    let mut judged = Judged::default();
    for action in ACTIONS {
        let principal = Principal::Aws { arn: role, account };
        let request = Request { principal, action, resource: key.arn.as_str(), context: BTreeMap::new() };
        match verdict(policy, &request) {
            Verdict::Allowed => drop(judged.direct.insert(action)),
            Verdict::ThroughAccount => drop(judged.through_account.insert(action)),
            Verdict::Denied(statement) => {
                refuse(&mut judged, action, &format!("{statement} of the key policy denies"));
                judged.denied_by.get_or_insert(statement);
            }
            Verdict::NotAllowed => refuse(&mut judged, action, "no statement of the key policy allows"),
            Verdict::Unclear(reason) => {
                judged.unclear.push(action);
                if judged.reason.is_empty() {
                    judged.reason = reason;
                }
            }
        }
    }
    judged
}

/// What is certain is said before what is not.
fn refuse(judged: &mut Judged<'_>, action: &'static str, reason: &str) {
    if judged.refused.is_empty() {
        judged.reason = format!("{reason} {action}");
    }
    judged.refused.push(action);
}

fn policy_gaps(judged: &Judged<'_>, role: &str) -> Option<Gap> {
    let role_name = name_of(role);
    if !judged.refused.is_empty() {
        let listed = judged.refused.join(", ");
        let fix = match &judged.denied_by {
            Some(statement) => format!("Except `{role}` in {statement} of the key policy, at least for {listed}."),
            None => format!("Let the account (its root) or `{role}` call {listed} in the key policy."),
        };
        let reason = format!("The key locks the guard's role `{role_name}` out: {}.", judged.reason);
        return Some(GapKind::KeyPolicyRefuses(owned(&judged.refused)).because(reason, fix));
    }
    (!judged.unclear.is_empty()).then(|| {
        let fix = format!("Let the key policy allow `{role}` without such a condition, or check by a drill that the guard gets in.");
        let reason = format!("Whether the key policy lets the guard's role `{role_name}` in cannot be said: {}.", judged.reason);
        GapKind::KeyPolicyUnclear(owned(&judged.unclear)).because(reason, fix)
    })
}

/// A role that is allowed by the key policy itself needs no allowing policy, but must not be denied or bounded.
fn iam_gaps(judged: &Judged<'_>, key: &KeyView, role: &str, observes: bool, observation: &Observation) -> Vec<Gap> {
    let unknown =
        |why: &str| vec![Gap::unreadable(&format!("the permissions of the role `{}`", name_of(role)), why, "iam:SimulatePrincipalPolicy")];
    let permissions = match observation.permissions.get(role) {
        Some(Known::Is(permissions)) => permissions,
        Some(Known::Absent) => return unknown("the role does not exist"),
        Some(Known::Unreadable(why)) => return unknown(why),
        None => return unknown("it was not asked for"),
    };
    let answers = permissions.get(key.arn.as_str());
    let mut by_answer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for action in judged.through_account.iter().chain(&judged.direct) {
        let word = match answers.and_then(|answers| answers.get(*action)) {
            Some(IamAnswer::Allowed) => continue,
            // What its role lacks follows from the mode, which is a gap of its own.
            Some(IamAnswer::NotAllowed) if judged.direct.contains(action) || observes => continue,
            Some(IamAnswer::NotAllowed) => "refused",
            Some(IamAnswer::Denied) => "denied",
            Some(IamAnswer::StoppedByBoundary) => "boundary",
            Some(IamAnswer::StoppedByOrganization) => "organization",
            None => return unknown("IAM did not answer for this key"),
        };
        by_answer.entry(word).or_default().push(action);
    }
    by_answer.into_iter().map(|(word, actions)| iam_gap(word, &actions, role)).collect()
}

fn iam_gap(word: &str, actions: &[&str], role: &str) -> Gap {
    let (role, listed) = (name_of(role), actions.join(", "));
    let actions = owned(actions);
    match word {
        "denied" => GapKind::IamDenies(actions)
            .because(format!("A policy of the role `{role}` denies {listed}."), "Take the denial out of the role's policies."),
        "boundary" => GapKind::PermissionsBoundary(actions).because(
            format!("The permissions boundary of the role `{role}` does not allow {listed}."),
            "Let the boundary allow these actions, or take it off the role.",
        ),
        "organization" => GapKind::OrganizationPolicy(actions).because(
            format!("A service control policy does not let the role `{role}` call {listed}."),
            "Except the guard's role in the service control policy: infra/aws/scp shows how.",
        ),
        _ => GapKind::IamRefuses(actions).because(
            format!("No policy of the role `{role}` allows {listed} on the key."),
            "Deploy the guard's stack again: it gives the role what it needs.",
        ),
    }
}

fn owned(actions: &[&str]) -> Vec<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}
