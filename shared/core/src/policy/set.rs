//! Reads policy files: every policy under an id that a person wrote, the user's beside the shipped ones, all of it validated.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{
    ActionConstraint, Effect as CedarEffect, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint, Schema, ValidationMode,
    Validator,
};
use miette::Diagnostic;

use super::{PolicyError, SHIPPED_POLICIES};

/// The shipped schema in Cedar's JSON form, which is read in half the time: the other parses every word anew. A test holds them equal.
const SHIPPED_SCHEMA_JSON: &str = include_str!("../../policies/schema.json");

/// How errors name the shipped policies.
const SHIPPED_FILE: &str = "default.cedar";

/// The annotations that mean something here.
const ANNOTATIONS: [&str; 3] = ["id", "because", "escalate"];

/// A file of Cedar policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for errors: a path, or the name of a parameter.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Something that is wrong or odd in a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The file.
    pub file: String,
    /// The line, and the column in characters, both from 1; where they are known.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", place(&self.file, self.position), self.why)
    }
}

fn place(file: &str, position: Option<(usize, usize)>) -> String {
    position.map_or_else(|| format!("`{file}`"), |(line, column)| format!("`{file}`, line {line}, column {column}"))
}

/// What a policy does with an act that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It lets it pass, unless another forbids it.
    Permit,
    /// It stops it, whatever permits it.
    Forbid,
}

/// One policy, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySummary {
    /// Its id.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// What it says for itself (`@because`).
    pub because: Option<String>,
    /// What a human is told whenever it lets something pass (`@escalate`).
    pub escalate: Option<String>,
    /// The user's file that it stands in; `None` for a shipped one.
    pub file: Option<String>,
    /// What the shipped policy did whose place it takes; `None` where it takes none.
    pub replaces_shipped: Option<Effect>,
    /// Whether it asks for nothing: any principal, action and key, without `when` and `unless`.
    pub unconditional: bool,
    /// Annotations that mean nothing here: misspelt ones, most likely.
    pub unknown_annotations: Vec<String>,
}

/// A file as it is read.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    is_the_users: bool,
}

const SHIPPED: Source<'_> = Source { name: SHIPPED_FILE, text: SHIPPED_POLICIES, is_the_users: false };

/// Policies under the ids that people wrote.
#[derive(Debug, Clone)]
pub(super) struct NamedPolicies {
    pub(super) set: PolicySet,
    /// The user's file that each of the user's policies stands in.
    files: BTreeMap<String, String>,
}

/// A set that fits its schema, and what the validator found odd in it.
pub(super) struct Validated {
    pub(super) policies: NamedPolicies,
    pub(super) schema: Schema,
    pub(super) warnings: Vec<Flaw>,
}

impl NamedPolicies {
    /// Reads the shipped policies.
    pub(super) fn shipped() -> Result<Self, PolicyError> {
        Self::of(&[SHIPPED])
    }

    /// Reads policies in place of the shipped ones, and validates them strictly against the schema.
    pub(super) fn parse(name: &str, text: &str, schema: &str) -> Result<Validated, PolicyError> {
        let sources = [Source { name, text, is_the_users: false }];
        let read = Schema::from_cedarschema_str(schema).map_err(|source| PolicyError::Schema(source.to_string()));
        let (schema, _warnings) = read?;
        Self::of(&sources)?.validated(&sources, schema)
    }

    /// Puts the user's policies beside the shipped ones, one with the id of a shipped one in its place, and validates the user's
    /// strictly against the shipped schema. A policy is valid or not whatever stands beside it, and the shipped ones are validated by a test.
    pub(super) fn with_shipped(user_files: &[PolicyFile]) -> Result<Validated, PolicyError> {
        let sources: Vec<Source<'_>> =
            user_files.iter().map(|PolicyFile { name, text }| Source { name, text, is_the_users: true }).collect();
        let schema = Schema::from_json_str(SHIPPED_SCHEMA_JSON).map_err(|source| PolicyError::Schema(source.to_string()))?;
        let mut validated = Self::of(&sources)?.validated(&sources, schema)?;
        let merged = &mut validated.policies;
        for policy in policies_of(SHIPPED)? {
            if merged.set.policy(policy.id()).is_none() {
                merged.add(policy, SHIPPED, &[SHIPPED])?;
            }
        }
        Ok(validated)
    }

    /// Reads policies and names each after its `@id`, so that answers name what a person wrote.
    fn of(sources: &[Source<'_>]) -> Result<Self, PolicyError> {
        let mut read = Self { set: PolicySet::new(), files: BTreeMap::new() };
        for source in sources {
            for policy in policies_of(*source)? {
                read.add(policy, *source, sources)?;
            }
        }
        Ok(read)
    }

    fn add(&mut self, policy: Policy, source: Source<'_>, sources: &[Source<'_>]) -> Result<(), PolicyError> {
        if let Some(other) = self.set.policy(policy.id()) {
            return Err(PolicyError::Id(same_id(other, &policy, source, sources)));
        }
        if source.is_the_users {
            self.files.insert(policy.id().to_string(), source.name.to_owned());
        }
        let file = source.name.to_owned();
        self.set.add(policy).map_err(|error| PolicyError::Id(Flaw { file, position: None, why: error.to_string() }))
    }

    fn validated(self, sources: &[Source<'_>], schema: Schema) -> Result<Validated, PolicyError> {
        let result = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        if !result.validation_passed() {
            return Err(PolicyError::Validation(self.flaws(result.validation_errors().map(|error| (error.policy_id(), error)), sources)));
        }
        let warnings = self.flaws(result.validation_warnings().map(|warning| (warning.policy_id(), warning)), sources);
        Ok(Validated { policies: self, schema, warnings })
    }

    /// Lists what the validator found, in the order of the text. It finds the same again for every action: the first will do.
    fn flaws<'a, T: Diagnostic + 'a>(&self, found: impl Iterator<Item = (&'a PolicyId, &'a T)>, sources: &[Source<'_>]) -> Vec<Flaw> {
        let mut flaws: Vec<Flaw> = found.map(|(id, found)| self.flaw(id, found, sources)).collect();
        flaws.sort_by(|one, other| (&one.file, one.position, &one.why).cmp(&(&other.file, other.position, &other.why)));
        flaws.dedup_by(|one, other| one.file == other.file && one.position.is_some() && one.position == other.position);
        flaws
    }

    /// Says where what the validator found stands: it knows the place in the file, and the policy tells the file.
    fn flaw(&self, id: &PolicyId, found: &impl Diagnostic, sources: &[Source<'_>]) -> Flaw {
        let text = found.to_string();
        let text = text.split(" for Reprieve::Action::").next().map(ToOwned::to_owned);
        let why = [text, found.help().map(|help| help.to_string())];
        let why = why.into_iter().flatten().collect::<Vec<String>>().join("; ");
        let Some((source, start)) = self.set.policy(id).and_then(|policy| whereabouts(policy, sources)) else {
            return Flaw { file: self.files.get(id.to_string().as_str()).cloned().unwrap_or_default(), position: None, why };
        };
        let offset = offset_of(found).unwrap_or(start);
        Flaw { file: source.name.to_owned(), position: position(source.text, offset), why }
    }

    /// Lists the policies, in the order of their ids.
    pub(super) fn summaries(&self) -> Result<Vec<PolicySummary>, PolicyError> {
        let shipped = Self::shipped()?.set;
        let summary = |policy: &Policy| {
            let id = policy.id().to_string();
            let file = self.files.get(&id).cloned();
            let replaced = file.as_ref().and_then(|_| shipped.policy(policy.id()));
            let unknown = policy.annotations().map(|(name, _)| name).filter(|name| !ANNOTATIONS.contains(name));
            PolicySummary {
                effect: effect_of(policy),
                because: annotation(policy, "because").map(ToOwned::to_owned),
                escalate: annotation(policy, "escalate").map(ToOwned::to_owned),
                replaces_shipped: replaced.map(effect_of),
                unconditional: is_unconditional(policy),
                unknown_annotations: unknown.map(ToOwned::to_owned).collect(),
                file,
                id,
            }
        };
        let mut summaries: Vec<PolicySummary> = self.set.policies().map(summary).collect();
        summaries.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(summaries)
    }
}

/// Reads an annotation. Cedar's own look-up parses the name anew each time, which takes longer than to ask all policies.
pub(super) fn annotation<'a>(policy: &'a Policy, name: &str) -> Option<&'a str> {
    policy.annotations().find_map(|(found, text)| (found == name).then_some(text))
}

fn effect_of(policy: &Policy) -> Effect {
    match policy.effect() {
        CedarEffect::Permit => Effect::Permit,
        CedarEffect::Forbid => Effect::Forbid,
    }
}

fn is_unconditional(policy: &Policy) -> bool {
    matches!(policy.principal_constraint(), PrincipalConstraint::Any)
        && matches!(policy.action_constraint(), ActionConstraint::Any)
        && matches!(policy.resource_constraint(), ResourceConstraint::Any)
        && !policy.has_non_scope_constraint()
}

fn policies_of(source: Source<'_>) -> Result<Vec<Policy>, PolicyError> {
    let Source { name, text, .. } = source;
    let parsed = PolicySet::from_str(text).map_err(|errors| {
        let position = offset_of(&errors).and_then(|offset| position(text, offset));
        PolicyError::Syntax(Flaw { file: name.to_owned(), position, why: errors.to_string() })
    })?;
    if let Some(template) = parsed.templates().next() {
        let id = template.annotation("id").unwrap_or_default();
        let position = text.find(&template.to_cedar()).and_then(|offset| position(text, offset));
        let why = format!("policy `{id}` is a template (`?principal` or `?resource`): write the principal or the resource out");
        return Err(PolicyError::Template(Flaw { file: name.to_owned(), position, why }));
    }
    let named = |policy: &Policy| {
        let id = annotation(policy, "id").filter(|id| !id.is_empty()).ok_or_else(|| PolicyError::Id(nameless(policy, source)))?;
        Ok(policy.new_id(PolicyId::new(id)))
    };
    parsed.policies().map(named).collect()
}

fn nameless(policy: &Policy, source: Source<'_>) -> Flaw {
    let position = whereabouts(policy, &[source]).and_then(|(_, offset)| position(source.text, offset));
    let why = "this policy needs an `@id(\"...\")` of its own, so that decisions can name it".to_owned();
    Flaw { file: source.name.to_owned(), position, why }
}

/// Of two policies with one id, the later one is wrong.
fn same_id(one: &Policy, other: &Policy, source: Source<'_>, sources: &[Source<'_>]) -> Flaw {
    let position_in = |source: Source<'_>, offset: usize| position(source.text, offset);
    let last = |policy: &Policy| policy.to_cedar().and_then(|text| source.text.rfind(&text));
    let (first_source, first) = match whereabouts(one, sources) {
        Some((first_source, offset)) => (first_source, Some(offset)),
        None => (source, None),
    };
    let mut offsets = [first, last(other)];
    if first_source.name == source.name {
        offsets.sort_unstable();
    }
    let [first, second] = offsets.map(Option::unwrap_or_default);
    let taken_by = place(first_source.name, position_in(first_source, first));
    let why = format!("the id `{}` is taken by another policy ({taken_by}): every policy needs one of its own", other.id());
    Flaw { file: source.name.to_owned(), position: position_in(source, second), why }
}

/// Finds the file of a policy, and where in it the policy begins, in bytes: parsing keeps its text as it was written.
fn whereabouts<'a>(policy: &Policy, sources: &[Source<'a>]) -> Option<(Source<'a>, usize)> {
    let text = policy.to_cedar()?;
    sources.iter().find_map(|source| Some((*source, source.text.find(&text)?)))
}

fn offset_of(found: &impl Diagnostic) -> Option<usize> {
    Some(found.labels()?.next()?.offset())
}

fn position(text: &str, offset: usize) -> Option<(usize, usize)> {
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
    Some((line, column))
}
