//! Resource-based policies (key policies, topic policies), judged for one request: who may do what, and by which statement.
//!
//! The rules are those of the IAM User Guide ("IAM JSON policy elements reference", "Policy evaluation logic") and of the KMS Developer
//! Guide ("Key policies"). An explicit deny wins. What cannot be evaluated, because an operator is not known here or a condition key's
//! value is known only when the call is made, makes the verdict [`Verdict::Unclear`] where it decides; it is never guessed.
//!
//! It must not: judge identity-based policies, permissions boundaries or service control policies, which IAM itself is asked about.

mod condition;
mod document;
mod pattern;
mod principal;
mod question;

use std::collections::BTreeMap;

use self::condition::Truth;
use self::document::{Effect, Statement};
use self::principal::Named;
use self::question::Question;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// An AWS service, such as `cloudwatch.amazonaws.com`.
    Service(&'a str),
    /// A role, a role's session or a user.
    Aws {
        /// Its ARN: `arn:aws:iam::ACCOUNT:role/NAME`, `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, `arn:aws:iam::ACCOUNT:user/NAME`.
        arn: &'a str,
        /// Its account.
        account: &'a str,
    },
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What for, as `service:Operation`.
    pub action: &'a str,
    /// Of what, by ARN.
    pub resource: &'a str,
    /// Condition keys and their values, beyond what follows from the principal and the resource. The case of keys does not matter.
    pub context: BTreeMap<&'a str, &'a str>,
}

/// What a policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The principal itself is allowed.
    Allowed,
    /// The account's root is allowed, so that the account's IAM policies decide.
    ThroughAccount,
    /// A statement denies it; which one.
    Denied(String),
    /// No statement allows it.
    NotAllowed,
    /// It cannot be said, and why.
    Unclear(String),
}

/// Judges a request by a policy document, as JSON.
#[must_use]
pub fn verdict(policy_json: &str, request: &Request<'_>) -> Verdict {
    let document = match document::read(policy_json) {
        Ok(document) => document,
        Err(reason) => return Verdict::Unclear(reason),
    };
    let question = Question::of(request, document.has_variables);
    let judged = document.statements.iter().map(|statement| (statement, reach(statement, &question)));
    let (denials, allowances): (Vec<_>, Vec<_>) = judged.partition(|(statement, _)| statement.effect == Effect::Deny);
    if let Some((statement, _)) = denials.iter().find(|(_, reach)| matches!(reach, Reach::Itself | Reach::Account)) {
        return Verdict::Denied(statement.to_string());
    }
    match (unclear(&denials), best(&allowances)) {
        (Some(_) | None, Verdict::NotAllowed) => Verdict::NotAllowed,
        (Some(reason), _) => Verdict::Unclear(reason),
        (None, allowed) => allowed,
    }
}

/// How far a statement reaches a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// The principal is named, or everybody is.
    Itself,
    /// The principal's account is named.
    Account,
    /// It is about something else.
    Not,
    /// It cannot be said.
    Unclear(String),
}

type Judged<'a> = (&'a Statement, Reach);

fn reach(statement: &Statement, question: &Question<'_>) -> Reach {
    let request = question.request;
    if !statement.actions.covers(request.action, pattern::matches_ignoring_case) {
        return Reach::Not;
    }
    let named = statement.principals.name(request.principal, statement.effect);
    let applies = condition::all_hold(&statement.conditions, question).and(question.covers(&statement.resources));
    match (applies, named) {
        (Truth::False, _) | (_, Named::Not) => Reach::Not,
        (Truth::Unknown(reason), _) | (Truth::True, Named::Unclear(reason)) => Reach::Unclear(format!("{statement}: {reason}")),
        (Truth::True, Named::Itself) => Reach::Itself,
        (Truth::True, Named::Account) => Reach::Account,
    }
}

/// The best that the allowing statements give: what is certain before what is not.
fn best(allowances: &[Judged<'_>]) -> Verdict {
    let has = |wanted: &Reach| allowances.iter().any(|(_, reach)| reach == wanted);
    if has(&Reach::Itself) {
        return Verdict::Allowed;
    }
    if has(&Reach::Account) {
        return Verdict::ThroughAccount;
    }
    unclear(allowances).map_or(Verdict::NotAllowed, Verdict::Unclear)
}

fn unclear(judged: &[Judged<'_>]) -> Option<String> {
    judged.iter().find_map(|(_, reach)| match reach {
        Reach::Unclear(reason) => Some(reason.clone()),
        Reach::Itself | Reach::Account | Reach::Not => None,
    })
}
