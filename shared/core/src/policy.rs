//! The policy engine: Cedar, with the shipped policy set and schema. Nothing matches means deny; an error in a policy means deny.
//!
//! This module turns what was observed into a Cedar request. It holds no rule of its own: the rules are in `policies/`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use jiff::Timestamp;

use crate::actor::{Actor, ActorKind};
use crate::approval::Approval;
use crate::facts::Tags;
use crate::id::KeyArn;

/// The shipped schema.
pub const SHIPPED_SCHEMA: &str = include_str!("../policies/schema.cedarschema");
/// The shipped policies.
pub const SHIPPED_POLICIES: &str = include_str!("../policies/default.cedar");

/// Says why a policy set cannot be used, or a question cannot be asked of it.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The schema does not parse.
    #[error("the policy schema cannot be read: {0}")]
    Schema(String),
    /// The policies do not parse.
    #[error("the policies cannot be read: {0}")]
    Syntax(String),
    /// A policy has no `@id`, or shares it with another.
    #[error("policy `{0}` needs an `@id(\"...\")` of its own, so that decisions can name it")]
    Id(String),
    /// The policies do not fit the schema.
    #[error("the policies do not fit the schema: {0}")]
    Validation(String),
    /// The request does not fit the schema.
    #[error("the request does not fit the policy schema: {0}")]
    Request(String),
}

/// What is asked of the policies.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who called.
    pub actor: &'a Actor,
    /// One of `Threat::action`.
    pub action: &'a str,
    /// The key.
    pub key: &'a KeyArn,
    /// The key's tags, where they could be read.
    pub tags: Option<&'a Tags>,
    /// The key's state, where it could be read.
    pub key_state: Option<&'a str>,
    /// The waiting period asked for, in days.
    pub waiting_period_days: Option<u32>,
    /// When it happened.
    pub event_time: Option<Timestamp>,
    /// When this is decided.
    pub now: Timestamp,
    /// The approval whose seal holds.
    pub approval: Option<&'a Approval>,
}

/// What the policies answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the act is permitted.
    pub permitted: bool,
    /// The ids of the policies that determined it, sorted; empty where none matched.
    pub policies: Vec<String>,
    /// Errors in evaluating policies; each policy that erred was left out, and a permit that erred permits nothing.
    pub errors: Vec<String>,
}

/// A validated policy set.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Empty until the shipped set is read, at the first question or [`Policy::prepare`].
    policies: OnceLock<PolicySet>,
    /// What questions are checked against; absent for the shipped set, see [`Policy::shipped`].
    schema: Option<Schema>,
    authorizer: Authorizer,
}

impl Policy {
    /// Returns the shipped policy set. It was validated against the schema when it was built, by a test, so it is read without, and
    /// not before it is needed: reading takes longer than all else that a cold start does, and fits into the wait for the first answers.
    #[must_use]
    pub fn shipped() -> Self {
        Self { policies: OnceLock::new(), schema: None, authorizer: Authorizer::new() }
    }

    /// Reads the policies, if they have not been read. Whoever waits for something else calls this meanwhile; an error shows when the
    /// policies are asked.
    pub fn prepare(&self) {
        drop(self.policies());
    }

    fn policies(&self) -> Result<&PolicySet, PolicyError> {
        if let Some(policies) = self.policies.get() {
            return Ok(policies);
        }
        let parsed = PolicySet::from_str(SHIPPED_POLICIES).map_err(|source| PolicyError::Syntax(source.to_string()))?;
        let named = name_policies(&parsed)?;
        Ok(self.policies.get_or_init(|| named))
    }

    /// Parses policies and validates them strictly against the schema.
    ///
    /// # Errors
    /// When either cannot be read, a policy has no id of its own, or the policies do not fit the schema.
    pub fn parse(policies: &str, schema: &str) -> Result<Self, PolicyError> {
        let (schema, _warnings) = Schema::from_cedarschema_str(schema).map_err(|source| PolicyError::Schema(source.to_string()))?;
        let parsed = PolicySet::from_str(policies).map_err(|source| PolicyError::Syntax(source.to_string()))?;
        let policies = name_policies(&parsed)?;
        let result = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if !result.validation_passed() {
            let errors: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
            return Err(PolicyError::Validation(errors.join("; ")));
        }
        Ok(Self { policies: OnceLock::from(policies), schema: Some(schema), authorizer: Authorizer::new() })
    }

    /// Asks whether the act is permitted.
    ///
    /// # Errors
    /// When the question does not fit the schema; the caller treats that as deny.
    pub fn ask(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        let principal = uid("Reprieve::Principal", &question.actor.display_name())?;
        let action = uid("Reprieve::Action", question.action)?;
        let resource = uid("Reprieve::Key", question.key.as_str())?;
        let entities = Entities::from_entities(
            [principal_entity(&principal, question.actor)?, key_entity(&resource, question)?],
            self.schema.as_ref(),
        )
        .map_err(|source| PolicyError::Request(source.to_string()))?;
        let context = Context::from_pairs(evidence(question)).map_err(|source| PolicyError::Request(source.to_string()))?;
        let request = Request::new(principal, action, resource, context, self.schema.as_ref())
            .map_err(|source| PolicyError::Request(source.to_string()))?;
        let response = self.authorizer.is_authorized(&request, self.policies()?, &entities);
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        Ok(Verdict {
            permitted: response.decision() == CedarDecision::Allow,
            policies,
            errors: response.diagnostics().errors().map(ToString::to_string).collect(),
        })
    }
}

/// Renames each policy to its `@id`, so that answers name what a person wrote.
fn name_policies(parsed: &PolicySet) -> Result<PolicySet, PolicyError> {
    let mut named = PolicySet::new();
    for policy in parsed.policies() {
        let missing = || PolicyError::Id(policy.id().to_string());
        let id = policy.annotation("id").filter(|id| !id.is_empty()).ok_or_else(missing)?;
        let id = cedar_policy::PolicyId::new(id);
        named.add(policy.new_id(id.clone())).map_err(|_| PolicyError::Id(id.to_string()))?;
    }
    Ok(named)
}

fn uid(type_name: &str, id: &str) -> Result<EntityUid, PolicyError> {
    let type_name = EntityTypeName::from_str(type_name).map_err(|source| PolicyError::Request(source.to_string()))?;
    Ok(EntityUid::from_type_name_and_id(type_name, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn texts(values: impl IntoIterator<Item = String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(RestrictedExpression::new_string))
}

/// Cedar's `datetime` holds milliseconds.
fn datetime(value: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_datetime(format!("{value:.3}"))
}

fn principal_entity(uid: &EntityUid, actor: &Actor) -> Result<Entity, PolicyError> {
    let kind = match &actor.kind {
        ActorKind::Other(kind) => kind.clone(),
        ActorKind::Root
        | ActorKind::IamUser
        | ActorKind::AssumedRole
        | ActorKind::Role
        | ActorKind::FederatedUser
        | ActorKind::AwsAccount
        | ActorKind::AwsService
        | ActorKind::IdentityCenterUser
        | ActorKind::ExternalUser
        | ActorKind::Unknown => format!("{:?}", actor.kind),
    };
    let mut attributes = HashMap::from([
        ("kind".to_owned(), text(&kind)),
        ("known".to_owned(), RestrictedExpression::new_bool(actor.is_known())),
        ("identities".to_owned(), texts(actor.identities())),
    ]);
    if let Some(account) = &actor.account {
        attributes.insert("account".to_owned(), text(account.as_str()));
    }
    if let Some(role) = &actor.role {
        attributes.insert("role".to_owned(), text(role.as_str()));
    }
    Entity::new(uid.clone(), attributes, HashSet::new()).map_err(|source| PolicyError::Request(source.to_string()))
}

fn key_entity(uid: &EntityUid, question: &Question<'_>) -> Result<Entity, PolicyError> {
    let key = question.key;
    let attributes = [
        ("partition".to_owned(), text(key.partition().as_str())),
        ("region".to_owned(), text(key.region().as_str())),
        ("account".to_owned(), text(key.account().as_str())),
        ("key_id".to_owned(), text(key.key_id())),
    ];
    let tags: BTreeMap<String, RestrictedExpression> =
        question.tags.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
    Entity::new_with_tags(uid.clone(), attributes, [], tags).map_err(|source| PolicyError::Request(source.to_string()))
}

fn evidence(question: &Question<'_>) -> Vec<(String, RestrictedExpression)> {
    let mut pairs =
        vec![("now".to_owned(), datetime(question.now)), ("key_state".to_owned(), text(question.key_state.unwrap_or("unreadable")))];
    if let Some(time) = question.event_time {
        pairs.push(("event_time".to_owned(), datetime(time)));
    }
    if let Some(days) = question.waiting_period_days {
        pairs.push(("waiting_period_days".to_owned(), RestrictedExpression::new_long(i64::from(days))));
    }
    if let Some(approval) = question.approval {
        let record = RestrictedExpression::new_record([
            ("change".to_owned(), text(&approval.change)),
            ("approver".to_owned(), text(&approval.approver)),
            ("approver_identities".to_owned(), texts(approval.approver_identities())),
            ("source".to_owned(), text(approval.source.as_str())),
            ("window_start".to_owned(), datetime(approval.window_start)),
            ("window_end".to_owned(), datetime(approval.window_end)),
        ]);
        if let Ok(record) = record {
            pairs.push(("approval".to_owned(), record));
        }
    }
    pairs
}
