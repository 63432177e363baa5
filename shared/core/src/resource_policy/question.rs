//! What is known of a request's condition keys: from the request itself, from its principal and resource, or not before it is made.
//!
//! Sources: "AWS global condition context keys" in the IAM User Guide, "Condition keys for AWS KMS" in the KMS Developer Guide.

use std::borrow::Cow;

use super::condition::Truth;
use super::document::Names;
use super::{Principal, Request, pattern};

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Is(Cow<'a, str>),
    /// Requests of this kind do not carry the key.
    Absent,
    /// It shows only when the call is made.
    Unknown,
}

/// Keys that a principal's own call about a key's state does not carry: they belong to forwarded calls, grants, aliases, tagging, deletion
/// and cryptography. What a service's calls carry is the service's affair.
const NEVER_CARRIED: [&str; 13] = [
    "aws:calledvia*",
    "aws:multifactorauthage",
    "aws:requesttag/*",
    "aws:tagkeys",
    "kms:bypasspolicylockoutsafetycheck",
    "kms:encryptioncontext*",
    "kms:grant*",
    "kms:messagetype",
    "kms:requestalias",
    "kms:retiringprincipal",
    "kms:schedulekeydeletionpendingwindowindays",
    "kms:signingalgorithm",
    "kms:viaservice",
];

/// A request, and whether the policy's language has variables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) request: &'a Request<'a>,
    has_variables: bool,
}

impl<'a> Question<'a> {
    pub(super) const fn of(request: &'a Request<'a>, has_variables: bool) -> Self {
        Self { request, has_variables }
    }

    /// Returns the value of a condition key, whose case does not matter.
    pub(super) fn value_of(&self, key: &str) -> Value<'a> {
        let given = self.request.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        if let Some((_, value)) = given {
            return Value::Is(Cow::Borrowed(value));
        }
        let key = key.to_ascii_lowercase();
        match (key.as_str(), self.request.principal) {
            // Every client of ours, and every service, speaks TLS.
            ("aws:securetransport", _) => Value::Is(Cow::Borrowed("true")),
            ("aws:resourceaccount", _) => self.part_of_resource(4),
            ("aws:requestedregion", _) => self.part_of_resource(3),
            (key, Principal::Service(service)) => of_service(service, key),
            (key, Principal::Aws { arn, account }) => of_principal(arn, account, key),
        }
    }

    /// Says whether resources cover the one that is asked for. Their patterns may hold variables.
    pub(super) fn covers(&self, resources: &Names) -> Truth {
        let (patterns, is_negated) = match resources {
            Names::These(patterns) => (patterns, false),
            Names::AllBut(patterns) => (patterns, true),
            Names::Missing => return Truth::False,
        };
        let covered = Truth::any(patterns.iter().map(|pattern| match self.filled(pattern) {
            Ok(pattern) => Truth::from(pattern::matches(&pattern, self.request.resource)),
            Err(reason) => Truth::Unknown(reason),
        }));
        if is_negated { covered.negated() } else { covered }
    }

    /// Returns a value of the policy with its variables filled in.
    ///
    /// # Errors
    /// Says what is not known before the call.
    pub(super) fn filled<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        if !self.has_variables || !text.contains("${") {
            return Ok(Cow::Borrowed(text));
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, variable_on)) = rest.split_once("${") {
            let (variable, after) = variable_on.split_once('}').ok_or_else(|| format!("`{text}` holds a variable without an end"))?;
            filled.push_str(before);
            filled.push_str(&self.variable(variable)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(Cow::Owned(filled))
    }

    fn variable(&self, variable: &str) -> Result<Cow<'a, str>, String> {
        let (key, default) = variable.split_once(',').map_or((variable, None), |(key, text)| (key, Some(text)));
        match (key.trim(), self.value_of(key.trim()), default) {
            // A wildcard that is meant literally cannot be told from another once it is filled in.
            ("*" | "?", _, _) => Err(format!("the literal wildcard `${{{variable}}}` cannot be evaluated")),
            ("$", _, _) => Ok(Cow::Borrowed("$")),
            (_, Value::Is(value), _) => Ok(value),
            (_, Value::Absent, Some(default)) => Ok(Cow::Owned(default.trim().trim_matches('\'').to_owned())),
            (key, Value::Absent | Value::Unknown, _) => Err(unknown(key)),
        }
    }

    fn part_of_resource(&self, index: usize) -> Value<'a> {
        match self.request.resource.splitn(6, ':').nth(index) {
            Some(part) if !part.is_empty() => Value::Is(Cow::Borrowed(part)),
            Some(_) | None => Value::Unknown,
        }
    }
}

/// Says that a key's value shows only with the call.
pub(super) fn unknown(key: &str) -> String {
    format!("what `{key}` will be is not known before the call")
}

fn of_service<'a>(service: &'a str, key: &str) -> Value<'a> {
    match key {
        "aws:principalisawsservice" => Value::Is(Cow::Borrowed("true")),
        "aws:principalservicename" => Value::Is(Cow::Borrowed(service)),
        "aws:principalarn" | "aws:principalaccount" | "aws:principalorgid" | "aws:principaltype" | "aws:multifactorauthpresent" => {
            Value::Absent
        }
        _ => Value::Unknown,
    }
}

fn of_principal<'a>(arn: &'a str, account: &'a str, key: &str) -> Value<'a> {
    let is_session = arn.contains(":assumed-role/");
    let is_of_role = is_session || arn.contains(":role/");
    if NEVER_CARRIED.iter().any(|pattern| pattern::matches(pattern, key)) {
        return Value::Absent;
    }
    match key {
        "aws:principalaccount" | "kms:calleraccount" => Value::Is(Cow::Borrowed(account)),
        "aws:principalisawsservice" | "aws:viaawsservice" => Value::Is(Cow::Borrowed("false")),
        "aws:principaltype" if is_of_role => Value::Is(Cow::Borrowed("AssumedRole")),
        // Of a session the key holds the role's ARN with its path, which a session's ARN does not say.
        "aws:principalarn" if !is_session => Value::Is(Cow::Borrowed(arn)),
        // A role that a service assumes has no MFA; temporary credentials always carry the key.
        "aws:multifactorauthpresent" if is_of_role => Value::Is(Cow::Borrowed("false")),
        "aws:username" if is_of_role => Value::Absent,
        "aws:principalservicename" | "aws:principalservicenameslist" | "aws:sourcearn" | "aws:sourceaccount" | "aws:sourceorgid" => {
            Value::Absent
        }
        _ => Value::Unknown,
    }
}
