//! Turns what was observed into a Cedar request: the caller, the key, and the evidence. The names are the schema's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema};
use cedar_policy_core::ast::{Name, RestrictedExpr};
use jiff::Timestamp;

use super::{Asked, PolicyError, Question};
use crate::actor::{Actor, ActorKind};
use crate::approval::Approval;
use crate::azure::ResourceId;
use crate::google::GoogleName;
use crate::id::KeyArn;

/// Makes the request and the entities that it is about.
pub(super) fn of(question: &Question<'_>, schema: Option<&Schema>) -> Result<(Request, Entities), PolicyError> {
    let types = types()?;
    let principal = EntityUid::from_type_name_and_id(types.principal.clone(), EntityId::new(question.actor.display_name()));
    let action = EntityUid::from_type_name_and_id(types.action.clone(), EntityId::new(question.action));
    let (resource, entity) = match question.resource {
        Asked::Key(key) => key_entity(key, question, types)?,
        Asked::Azure(id) => resource_entity(id, question, types)?,
        Asked::Google(name) => crypto_key_entity(name, question, types)?,
    };
    let entities = [principal_entity(&principal, question, types)?, entity];
    let entities = Entities::from_entities(entities, schema).map_err(|source| wrong(&source))?;
    let context = Context::from_pairs(evidence(question, types)?).map_err(|source| wrong(&source))?;
    let request = Request::new(principal, action, resource, context, schema).map_err(|source| wrong(&source))?;
    Ok((request, entities))
}

fn wrong(source: &impl ToString) -> PolicyError {
    PolicyError::Request(source.to_string())
}

/// The schema's types, parsed once.
struct Types {
    principal: EntityTypeName,
    action: EntityTypeName,
    key: EntityTypeName,
    resource: EntityTypeName,
    subscription: EntityTypeName,
    crypto_key: EntityTypeName,
    project: EntityTypeName,
    role: EntityTypeName,
    account: EntityTypeName,
    group: EntityTypeName,
    /// The name of the extension function.
    datetime: Name,
}

fn types() -> Result<&'static Types, PolicyError> {
    static TYPES: OnceLock<Types> = OnceLock::new();
    if let Some(types) = TYPES.get() {
        return Ok(types);
    }
    let read = |name: &str| EntityTypeName::from_str(name).map_err(|source| wrong(&source));
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
        datetime: Name::parse_unqualified_name("datetime").map_err(|source| wrong(&source))?,
    };
    Ok(TYPES.get_or_init(|| types))
}

fn parent(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn texts<'a>(values: impl IntoIterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().cloned().map(RestrictedExpression::new_string))
}

/// Cedar's `datetime` holds milliseconds. `RestrictedExpression::new_datetime` gives the same, and parses the word `datetime` with the
/// whole grammar each time; four of them take as long as all else that is asked.
fn datetime(value: Timestamp, types: &Types) -> RestrictedExpression {
    let text = RestrictedExpr::val(format!("{value:.3}"));
    RestrictedExpr::call_extension_fn(types.datetime.clone(), [text]).into()
}

fn principal_entity(uid: &EntityUid, question: &Question<'_>, types: &Types) -> Result<Entity, PolicyError> {
    let actor = question.actor;
    let mut attributes = HashMap::from([
        ("kind".to_owned(), text(&kind_of(actor))),
        ("known".to_owned(), RestrictedExpression::new_bool(actor.is_known())),
        ("identities".to_owned(), texts(&actor.identities())),
    ]);
    let mut parents = HashSet::new();
    if let Some(account) = &actor.account {
        attributes.insert("account".to_owned(), text(account.as_str()));
        parents.insert(parent(&types.account, account.as_str()));
    }
    if let Some(role) = &actor.role {
        attributes.insert("role".to_owned(), text(role.as_str()));
        parents.insert(parent(&types.role, role.as_str()));
    }
    attributes.extend(actor.object_id.as_ref().map(|id| ("object_id".to_owned(), text(&id.to_ascii_lowercase()))));
    attributes.extend(actor.app_id.as_ref().map(|id| ("app_id".to_owned(), text(&id.to_ascii_lowercase()))));
    if question.rules.breaks_glass(actor) {
        parents.insert(parent(&types.group, "break-glass"));
    }
    Entity::new(uid.clone(), attributes, parents).map_err(|source| wrong(&source))
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

fn key_entity(key: &KeyArn, question: &Question<'_>, types: &Types) -> Result<(EntityUid, Entity), PolicyError> {
    let uid = EntityUid::from_type_name_and_id(types.key.clone(), EntityId::new(key.as_str()));
    let account = key.account();
    let attributes = [
        ("arn".to_owned(), text(key.as_str())),
        ("partition".to_owned(), text(key.partition().as_str())),
        ("region".to_owned(), text(key.region().as_str())),
        ("account".to_owned(), text(account.as_str())),
        ("key_id".to_owned(), text(key.key_id())),
        ("multi_region".to_owned(), RestrictedExpression::new_bool(key.is_multi_region())),
    ];
    let mut parents = vec![parent(&types.account, account.as_str())];
    if question.rules.sandbox_accounts.contains(&account) {
        parents.push(parent(&types.group, "sandbox"));
    }
    tagged(uid, attributes.into(), parents, question)
}

fn resource_entity(id: &ResourceId, question: &Question<'_>, types: &Types) -> Result<(EntityUid, Entity), PolicyError> {
    let uid = EntityUid::from_type_name_and_id(types.resource.clone(), EntityId::new(id.canonical()));
    let subscription = id.subscription();
    let mut attributes = HashMap::from([
        ("id".to_owned(), text(id.canonical())),
        ("subscription".to_owned(), text(subscription.as_str())),
        ("resource_type".to_owned(), text(&id.resource_type())),
        ("name".to_owned(), text(&id.name().to_ascii_lowercase())),
    ]);
    attributes.extend(id.resource_group().map(|group| ("resource_group".to_owned(), text(&group.to_ascii_lowercase()))));
    let mut parents = vec![parent(&types.subscription, subscription.as_str())];
    if question.rules.sandbox_subscriptions.contains(&subscription) {
        parents.push(parent(&types.group, "sandbox"));
    }
    tagged(uid, attributes, parents, question)
}

fn crypto_key_entity(name: &GoogleName, question: &Question<'_>, types: &Types) -> Result<(EntityUid, Entity), PolicyError> {
    let uid = EntityUid::from_type_name_and_id(types.crypto_key.clone(), EntityId::new(name.as_str()));
    let project = name.project().unwrap_or_default();
    let mut attributes = HashMap::from([
        ("id".to_owned(), text(name.as_str())),
        ("project".to_owned(), text(project)),
        ("location".to_owned(), text(name.location().unwrap_or_default())),
        ("key_ring".to_owned(), text(name.after("keyRings").unwrap_or_default())),
        ("key".to_owned(), text(name.after("cryptoKeys").unwrap_or_default())),
    ]);
    attributes.extend(name.version().map(|version| ("version".to_owned(), text(version))));
    tagged(uid, attributes, vec![parent(&types.project, project)], question)
}

fn tagged(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: Vec<EntityUid>,
    question: &Question<'_>,
) -> Result<(EntityUid, Entity), PolicyError> {
    let tags: BTreeMap<String, RestrictedExpression> =
        question.tags.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
    let entity = Entity::new_with_tags(uid.clone(), attributes, parents, tags).map_err(|source| wrong(&source))?;
    Ok((uid, entity))
}

fn evidence(question: &Question<'_>, types: &Types) -> Result<Vec<(String, RestrictedExpression)>, PolicyError> {
    let long = |value: u32| RestrictedExpression::new_long(i64::from(value));
    let mut pairs = vec![
        ("now".to_owned(), datetime(question.now, types)),
        ("key_state".to_owned(), text(question.key_state.unwrap_or("unreadable"))),
        ("minimum_waiting_days".to_owned(), long(question.rules.minimum_waiting_days)),
        ("independent_approvers".to_owned(), long(question.independent_approvers)),
        ("revocations_known".to_owned(), RestrictedExpression::new_bool(question.revocations_known)),
        ("tags_known".to_owned(), RestrictedExpression::new_bool(question.tags.is_some())),
    ];
    if let Some(time) = question.event_time {
        pairs.push(("event_time".to_owned(), datetime(time, types)));
        let until = question.rules.break_glass_until(question.actor, time);
        pairs.extend(until.map(|until| ("break_glass_until".to_owned(), datetime(until, types))));
    }
    if let Some(days) = question.waiting_period_days {
        pairs.push(("waiting_period_days".to_owned(), long(days)));
    }
    if let Some(state) = question.change_calendar {
        pairs.push(("change_calendar".to_owned(), text(state)));
    }
    if let Some(approval) = question.approval {
        pairs.push(("approval".to_owned(), approval_record(approval, types)?));
    }
    Ok(pairs)
}

fn approval_record(approval: &Approval, types: &Types) -> Result<RestrictedExpression, PolicyError> {
    let mut fields = vec![
        ("resource".to_owned(), text(&approval.resource)),
        ("change".to_owned(), text(&approval.change)),
        ("approver".to_owned(), text(&approval.approver)),
        ("approver_identities".to_owned(), texts(&approval.approver_identities)),
        ("source".to_owned(), text(approval.source.as_str())),
        ("window_start".to_owned(), datetime(approval.window_start, types)),
        ("window_end".to_owned(), datetime(approval.window_end, types)),
        ("revoked".to_owned(), RestrictedExpression::new_bool(approval.revoked.is_some())),
    ];
    fields.extend(approval.seal_key.as_ref().map(|id| ("seal_key".to_owned(), text(id))));
    fields.extend(approval.set_at.map(|time| ("set_at".to_owned(), datetime(time, types))));
    RestrictedExpression::new_record(fields).map_err(|source| wrong(&source))
}
