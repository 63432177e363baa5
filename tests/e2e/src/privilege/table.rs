//! The proof as text: each role with its grants, how often each was used, and why not.
//!
//! Must not judge: [`super::Proof::faults`] does.

use std::fmt::Write as _;

use super::exceptions::Exception;
use super::proof::{Proof, RoleProof};

/// Writes the proof of every role.
#[must_use]
pub fn written(proof: &Proof, exceptions: &[Exception]) -> String {
    let mut text = String::new();
    for role in &proof.roles {
        role_into(&mut text, role, exceptions);
    }
    // Writing to a text does not fail.
    writeln!(text, "{}", summary(proof)).ok();
    text
}

/// Says in a line how many grants there are, how many were used, and how many calls were refused.
#[must_use]
pub fn summary(proof: &Proof) -> String {
    let (mut grants, mut used, mut refused, mut asked) = (0, 0, 0, 0);
    for role in &proof.roles {
        grants += role.role.grants.len();
        used += role.uses.iter().filter(|used| used.calls_lost_without > 0).count();
        asked += role.uses.iter().map(|used| used.calls_lost_without).sum::<u64>();
        refused += role.refused.len();
    }
    let roles = proof.roles.len();
    format!("IAM let {asked} calls of {roles} roles through, by {used} of their {grants} grants, and refused {refused}")
}

fn role_into(text: &mut String, proof: &RoleProof, exceptions: &[Exception]) {
    writeln!(text, "{} ({})", proof.role.title(), proof.role.name).ok();
    for (grant, used) in proof.role.grants.iter().zip(&proof.uses) {
        let reach = if grant.resources == ["*"] { "  on every resource" } else { "" };
        let condition = if grant.is_conditional { "  under a condition" } else { "" };
        let exception = exceptions.iter().find(|exception| exception.is_about(&proof.role, grant));
        let used = match (used.calls_lost_without, exception) {
            (0, Some(exception)) => format!("not here: {}", exception.why),
            (0, None) => "NOT USED".to_owned(),
            (calls, _) => format!("{calls} calls"),
        };
        writeln!(text, "  {:<38} {:<32} {used}{reach}{condition}", grant.action, grant.statement).ok();
    }
    for (action, resource) in &proof.by_resource {
        writeln!(text, "  {action:<38} {:<32} allowed by the policy of `{resource}`", "-").ok();
    }
    for refused in &proof.refused {
        writeln!(text, "  {:<38} {:<32} REFUSED {} times on `{}`", refused.action, "-", refused.count, refused.resource).ok();
    }
}
