//! Turns what was observed into a Cedar request: the caller, the key, and the evidence. The names are the schema's.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, OnceLock};

use cedar_policy::{Entities, EntityUid, Request, Schema};
use cedar_policy_core::ast::{Context, Eid, Entity, EntityType, EntityUID, ExtensionFunction, Name, PartialValue, Value};
use cedar_policy_core::entities::{Entities as CoreEntities, TCComputation};
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;
use jiff::Timestamp;

use super::{Asked, PolicyError, Question};
use crate::actor::{Actor, ActorKind};
use crate::approval::Approval;
use crate::azure::ResourceId;
use crate::google::GoogleName;
use crate::id::KeyArn;

/// Named values of an entity or of the evidence.
type Fields = Vec<(&'static str, Value)>;

/// Makes the request and the entities that it is about.
pub(super) fn of(question: &Question<'_>, schema: Option<&Schema>) -> Result<(Request, Entities), PolicyError> {
    let types = types()?;
    let principal = principal_entity(question, types);
    let resource = match question.resource {
        Asked::Key(key) => key_entity(key, question, types),
        Asked::Azure(id) => resource_entity(id, question, types),
        Asked::Google(name) => crypto_key_entity(name, question, types),
    };
    let [principal_uid, resource_uid] = [&principal, &resource].map(|entity| EntityUid::from(entity.uid().clone()));
    let action = EntityUid::from(uid(&types.action, question.action));
    let schema_of_entities = schema.map(|schema| CoreSchema::new(schema.as_ref()));
    // Of neither entity's parents is any among the entities, so that no further ones have to be looked for.
    let all_parents = TCComputation::AssumeAlreadyComputed;
    let entities =
        CoreEntities::from_entities([principal, resource], schema_of_entities.as_ref(), all_parents, Extensions::all_available())
            .map_err(|source| wrong(&source))?;
    let context = evidence(question, types)?.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let context = Context::Value(Arc::new(context)).into();
    let request = Request::new(principal_uid, action, resource_uid, context, schema).map_err(|source| wrong(&source))?;
    Ok((request, entities.into()))
}

fn wrong(source: &impl ToString) -> PolicyError {
    PolicyError::Request(source.to_string())
}

/// The schema's types, parsed once.
struct Types {
    principal: EntityType,
    action: EntityType,
    key: EntityType,
    resource: EntityType,
    subscription: EntityType,
    crypto_key: EntityType,
    project: EntityType,
    role: EntityType,
    account: EntityType,
    group: EntityType,
    /// The extension function that makes one of a text.
    datetime: &'static ExtensionFunction,
}

fn types() -> Result<&'static Types, PolicyError> {
    static TYPES: OnceLock<Types> = OnceLock::new();
    if let Some(types) = TYPES.get() {
        return Ok(types);
    }
    let read = |name: &str| name.parse().map_err(|source| wrong(&source));
    let datetime = Name::parse_unqualified_name("datetime").map_err(|source| wrong(&source))?;
    let types = Types {
        principal: read("Reprieve::Principal")?,
        action: read("Reprieve::Action")?,
        key: read("Reprieve::Key")?,
        resource: read("Reprieve::Resource")?,
        subscription: read("Reprieve::Subscription")?,
        crypto_key: read("Reprieve::CryptoKey")?,
        project: read("Reprieve::Project")?,
        role: read("Reprieve::Role")?,
        account: read("Reprieve::Account")?,
        group: read("Reprieve::Group")?,
        datetime: Extensions::all_available().func(&datetime).map_err(|source| wrong(&source))?,
    };
    Ok(TYPES.get_or_init(|| types))
}

fn uid(entity_type: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(entity_type.clone(), Eid::new(id), None)
}

/// Makes an entity of values: expressions, as entities are usually made of, would be evaluated to the same first.
fn entity<'a>(uid: EntityUID, attributes: Fields, parents: HashSet<EntityUID>, tags: impl IntoIterator<Item = (&'a str, Value)>) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (name.into(), PartialValue::Value(value)));
    let tags = tags.into_iter().map(|(name, value)| (name.into(), PartialValue::Value(value)));
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, tags)
}

fn texts(values: &BTreeSet<String>) -> Value {
    Value::set(values.iter().map(|value| value.as_str().into()), None)
}

/// Cedar's `datetime` holds milliseconds, and can only be made of a text.
fn datetime(value: Timestamp, types: &Types) -> Result<Value, PolicyError> {
    let text = Value::from(format!("{value:.3}"));
    let value = types.datetime.call(&[text]).map_err(|source| wrong(&source))?;
    Value::try_from(value).map_err(|source| wrong(&source))
}

fn principal_entity(question: &Question<'_>, types: &Types) -> Entity {
    let actor = question.actor;
    let identities = actor.identities();
    let mut attributes: Fields =
        vec![("kind", kind_of(actor).into()), ("known", (!identities.is_empty()).into()), ("identities", texts(&identities))];
    let mut parents = HashSet::new();
    if let Some(account) = &actor.account {
        attributes.push(("account", account.as_str().into()));
        parents.insert(uid(&types.account, account.as_str()));
    }
    if let Some(role) = &actor.role {
        attributes.push(("role", role.as_str().into()));
        parents.insert(uid(&types.role, role.as_str()));
    }
    attributes.extend(actor.object_id.as_ref().map(|id| ("object_id", id.to_ascii_lowercase().into())));
    attributes.extend(actor.app_id.as_ref().map(|id| ("app_id", id.to_ascii_lowercase().into())));
    if question.rules.breaks_glass(actor) {
        parents.insert(uid(&types.group, "break-glass"));
    }
    entity(uid(&types.principal, &actor.display_name()), attributes, parents, [])
}

fn kind_of(actor: &Actor) -> String {
    match &actor.kind {
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
        | ActorKind::EntraUser
        | ActorKind::ServicePrincipal
        | ActorKind::GoogleUser
        | ActorKind::GoogleServiceAccount
        | ActorKind::Unknown => format!("{:?}", actor.kind),
    }
}

fn key_entity(key: &KeyArn, question: &Question<'_>, types: &Types) -> Entity {
    let account = key.account();
    let attributes = vec![
        ("arn", key.as_str().into()),
        ("partition", key.partition().as_str().into()),
        ("region", key.region().as_str().into()),
        ("account", account.as_str().into()),
        ("key_id", key.key_id().into()),
        ("multi_region", key.is_multi_region().into()),
    ];
    let mut parents = HashSet::from([uid(&types.account, account.as_str())]);
    if question.rules.sandbox_accounts.contains(&account) {
        parents.insert(uid(&types.group, "sandbox"));
    }
    entity(uid(&types.key, key.as_str()), attributes, parents, tags(question))
}

fn resource_entity(id: &ResourceId, question: &Question<'_>, types: &Types) -> Entity {
    let subscription = id.subscription();
    let mut attributes: Fields = vec![
        ("id", id.canonical().into()),
        ("subscription", subscription.as_str().into()),
        ("resource_type", id.resource_type().into()),
        ("name", id.name().to_ascii_lowercase().into()),
    ];
    attributes.extend(id.resource_group().map(|group| ("resource_group", group.to_ascii_lowercase().into())));
    let mut parents = HashSet::from([uid(&types.subscription, subscription.as_str())]);
    if question.rules.sandbox_subscriptions.contains(&subscription) {
        parents.insert(uid(&types.group, "sandbox"));
    }
    entity(uid(&types.resource, id.canonical()), attributes, parents, tags(question))
}

fn crypto_key_entity(name: &GoogleName, question: &Question<'_>, types: &Types) -> Entity {
    let project = name.project().unwrap_or_default();
    let mut attributes: Fields = vec![
        ("id", name.as_str().into()),
        ("project", project.into()),
        ("location", name.location().unwrap_or_default().into()),
        ("key_ring", name.after("keyRings").unwrap_or_default().into()),
        ("key", name.after("cryptoKeys").unwrap_or_default().into()),
    ];
    attributes.extend(name.version().map(|version| ("version", version.into())));
    let parents = HashSet::from([uid(&types.project, project)]);
    entity(uid(&types.crypto_key, name.as_str()), attributes, parents, tags(question))
}

fn tags<'a>(question: &Question<'a>) -> impl Iterator<Item = (&'a str, Value)> + use<'a> {
    question.tags.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str().into()))
}

fn evidence(question: &Question<'_>, types: &Types) -> Result<Fields, PolicyError> {
    let long = |value: u32| i64::from(value).into();
    let mut fields: Fields = vec![
        ("now", datetime(question.now, types)?),
        ("key_state", question.key_state.unwrap_or("unreadable").into()),
        ("minimum_waiting_days", long(question.rules.minimum_waiting_days)),
        ("independent_approvers", long(question.independent_approvers)),
        ("revocations_known", question.revocations_known.into()),
        ("tags_known", question.tags.is_some().into()),
    ];
    if let Some(time) = question.event_time {
        fields.push(("event_time", datetime(time, types)?));
        if let Some(until) = question.rules.break_glass_until(question.actor, time) {
            fields.push(("break_glass_until", datetime(until, types)?));
        }
    }
    fields.extend(question.waiting_period_days.map(|days| ("waiting_period_days", long(days))));
    fields.extend(question.change_calendar.map(|state| ("change_calendar", state.into())));
    if let Some(approval) = question.approval {
        fields.push(("approval", approval_record(approval, types)?));
    }
    Ok(fields)
}

fn approval_record(approval: &Approval, types: &Types) -> Result<Value, PolicyError> {
    let mut fields: Fields = vec![
        ("resource", approval.resource.as_str().into()),
        ("change", approval.change.as_str().into()),
        ("approver", approval.approver.as_str().into()),
        ("approver_identities", texts(&approval.approver_identities)),
        ("source", approval.source.as_str().into()),
        ("window_start", datetime(approval.window_start, types)?),
        ("window_end", datetime(approval.window_end, types)?),
        ("revoked", approval.revoked.is_some().into()),
    ];
    fields.extend(approval.seal_key.as_deref().map(|id| ("seal_key", id.into())));
    if let Some(time) = approval.set_at {
        fields.push(("set_at", datetime(time, types)?));
    }
    Ok(Value::record(fields, None))
}
