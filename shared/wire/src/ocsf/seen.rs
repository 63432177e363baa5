//! What was seen, as OCSF objects: the caller, the call, the place, the resource, and the values worth searching for.

use std::net::IpAddr;

use reprieve_core::{Actor, ActorKind, CallOutcome, Event, KeyArn, Record, Target};
use serde_json::{Map, Value, json};

use super::{Coded, OTHER, azure};

/// Returns API Activity's activity for a call, by the verb that its name begins with.
pub(super) fn activity(event: &Event) -> Coded {
    const VERBS: [(&str, Coded); 22] = [
        ("Create", (1, "Create")),
        ("Replicate", (1, "Create")),
        ("Import", (1, "Create")),
        ("Get", (2, "Read")),
        ("List", (2, "Read")),
        ("Describe", (2, "Read")),
        ("Lookup", (2, "Read")),
        ("Schedule", (4, "Delete")),
        ("Delete", (4, "Delete")),
        ("Revoke", (4, "Delete")),
        ("Retire", (4, "Delete")),
        ("Enable", (3, "Update")),
        ("Disable", (3, "Update")),
        ("Cancel", (3, "Update")),
        ("Put", (3, "Update")),
        ("Update", (3, "Update")),
        ("Tag", (3, "Update")),
        ("Untag", (3, "Update")),
        ("Rotate", (3, "Update")),
        ("Connect", (3, "Update")),
        ("Disconnect", (3, "Update")),
        ("Synchronize", (3, "Update")),
    ];
    if azure::is_of(event) {
        return azure::activity(&event.name);
    }
    VERBS.iter().find(|(verb, _)| event.name.starts_with(verb)).map_or((OTHER, "Other"), |(_, activity)| *activity)
}

/// Returns API Activity's status.
pub(super) const fn status(outcome: &CallOutcome) -> Coded {
    match outcome {
        CallOutcome::Succeeded => (1, "Success"),
        CallOutcome::Refused { .. } => (2, "Failure"),
    }
}

/// Returns the place: the key's own account, Region and partition, else the event's; on Azure, the subscription.
pub(super) fn cloud(record: &Record) -> Value {
    if azure::is_of(&record.event) {
        return azure::cloud(&record.event);
    }
    let (account, region) = record.place();
    let partition = record.key().map(KeyArn::partition).or_else(|| region.as_ref().map(reprieve_core::Region::partition));
    let mut cloud = fields([
        ("provider", Some("AWS".into())),
        ("region", region.map(|region| region.as_str().into())),
        ("cloud_partition", partition.map(|partition| partition.as_str().into())),
    ]);
    if let Some(account) = account {
        cloud.insert("account".to_owned(), account_object(account.as_str()));
    }
    cloud.into()
}

/// Returns the caller.
pub(super) fn actor(actor: &Actor) -> Value {
    let account = actor.account.as_ref().map(|account| account_object(account.as_str()));
    let (type_id, kind) = user_type(&actor.kind);
    let user = fields([
        ("name", Some(actor.display_name().into())),
        ("uid", actor.arn.as_deref().or(actor.object_id.as_deref()).map(Into::into)),
        ("type_id", Some(type_id.into())),
        ("type", Some(kind.into())),
        ("account", account),
        ("org", actor.tenant_id.as_deref().map(|tenant| json!({ "uid": tenant }))),
    ]);
    let session = actor.role.as_ref().map(|role| {
        let session = [("issuer", Some(role.as_str().into())), ("uid", actor.session_name.as_deref().map(Into::into))];
        Value::Object(fields(session))
    });
    let by = actor.invoked_by.as_deref().map(Into::into);
    let application = actor.app_id.as_deref().map(Into::into);
    fields([("user", Some(user.into())), ("session", session), ("app_name", by), ("app_uid", application)]).into()
}

fn user_type(kind: &ActorKind) -> (u8, String) {
    match kind {
        ActorKind::Root => (2, "Root".to_owned()),
        ActorKind::IamUser => (1, "IAMUser".to_owned()),
        ActorKind::AssumedRole => (OTHER, "AssumedRole".to_owned()),
        ActorKind::Role => (OTHER, "Role".to_owned()),
        ActorKind::FederatedUser => (1, "FederatedUser".to_owned()),
        ActorKind::AwsAccount => (OTHER, "AWSAccount".to_owned()),
        ActorKind::AwsService => (4, "AWSService".to_owned()),
        ActorKind::IdentityCenterUser => (1, "IdentityCenterUser".to_owned()),
        ActorKind::ExternalUser => (1, "ExternalUser".to_owned()),
        ActorKind::EntraUser => (1, "EntraUser".to_owned()),
        ActorKind::ServicePrincipal => (4, "ServicePrincipal".to_owned()),
        ActorKind::GoogleUser => (1, "GoogleUser".to_owned()),
        ActorKind::GoogleServiceAccount => (4, "GoogleServiceAccount".to_owned()),
        ActorKind::Unknown => (0, "Unknown".to_owned()),
        ActorKind::Other(other) => (OTHER, other.clone()),
    }
}

/// Returns the call.
pub(super) fn api(event: &Event) -> Value {
    let response = match &event.outcome {
        CallOutcome::Succeeded => None,
        CallOutcome::Refused { code, message } => {
            let response = fields([("error", Some(code.as_str().into())), ("error_message", message.as_deref().map(Into::into))]);
            Some(Value::Object(response))
        }
    };
    let service = json!({ "name": event.source });
    fields([("operation", Some(event.name.as_str().into())), ("service", Some(service)), ("response", response)]).into()
}

/// Returns where the call came from: an address, or the name of a service, or whatever the log says.
pub(super) fn source_endpoint(actor: &Actor) -> Value {
    match actor.source_address.as_deref() {
        Some(address) if address.parse::<IpAddr>().is_ok() => json!({ "ip": address }),
        Some(service) if service.ends_with(".amazonaws.com") => json!({ "svc_name": service }),
        Some(other) => json!({ "name": other }),
        None => json!({ "name": "unknown" }),
    }
}

/// Returns the resource acted on; none where none was named.
pub(super) fn resources(target: &Target) -> Value {
    match target {
        Target::Key(key) => json!([{
            "uid": key.as_str(),
            "type": "AWS::KMS::Key",
            "region": key.region().as_str(),
            "cloud_partition": key.partition().as_str(),
            "owner": { "account": account_object(key.account().as_str()) },
        }]),
        Target::Google(name) => json!([{ "uid": name.as_str(), "type": "Google Cloud resource" }]),
        Target::KeyStore(id) => json!([{ "uid": id, "type": "AWS KMS custom key store" }]),
        Target::Azure(id) => json!([azure::resource(id)]),
        Target::Named(name) => json!([{ "name": name }]),
        Target::Unnamed => json!([]),
    }
}

/// Returns the values worth searching for, each with where it stands in the event.
pub(super) fn observables(event: &Event) -> Value {
    let at = |path: &str, type_id: u8, caption: &str, value: &str| json!({ "name": format!("unmapped.reprieve.event.{path}"), "type_id": type_id, "type": caption, "value": value });
    let mut observables = Vec::new();
    if let Some(key) = event.target.key() {
        observables.push(at("target.id", 10, "Resource UID", key.as_str()));
    }
    if let Some(id) = event.target.azure() {
        observables.push(at("target.id", 10, "Resource UID", id.as_str()));
    }
    if let Some(arn) = &event.actor.arn {
        observables.push(at("actor.arn", 10, "Resource UID", arn));
    }
    if let Some(id) = &event.actor.object_id {
        observables.push(at("actor.object_id", 31, "User UID", id));
    }
    if let Some(user) = &event.actor.user_name {
        observables.push(at("actor.user_name", 4, "User Name", user));
    }
    if let Some(address) = event.actor.source_address.as_ref().filter(|address| address.parse::<IpAddr>().is_ok()) {
        observables.push(at("actor.source_address", 2, "IP Address", address));
    }
    observables.into()
}

fn account_object(id: &str) -> Value {
    json!({ "uid": id, "type": "AWS Account", "type_id": 10 })
}

/// Makes an object out of the fields that are there.
pub(super) fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
