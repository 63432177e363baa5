//! The values worth searching for, each with where it stands in the event: what an address, a key or a person is looked up by.
//!
//! What is pointed at is there, with that value: names are resolved before they are written.

use std::net::IpAddr;

use reprieve_core::{Event, Target};
use serde_json::{Map, Value, json};

use super::Coded;

const RESOURCE_UID: Coded<'static> = (10, "Resource UID");
const USER_UID: Coded<'static> = (31, "User Object: uid");
const USER_NAME: Coded<'static> = (4, "User Name");
const EMAIL: Coded<'static> = (5, "Email Address");
const ADDRESS: Coded<'static> = (2, "IP Address");
const CREDENTIAL: Coded<'static> = (19, "User Credential ID");
const USER_AGENT: Coded<'static> = (16, "HTTP User-Agent");

/// What is looked up in a class's own attributes, where it is there.
const RESOURCES: [(&str, Coded<'static>); 1] = [("resources[0].uid", RESOURCE_UID)];
const CALLER: [(&str, Coded<'static>); 7] = [
    ("actor.user.uid", USER_UID),
    ("actor.user.name", USER_NAME),
    ("actor.user.email_addr", EMAIL),
    ("actor.session.credential_uid", CREDENTIAL),
    ("actor.user.programmatic_credentials[0].uid", CREDENTIAL),
    ("src_endpoint.ip", ADDRESS),
    ("http_request.user_agent", USER_AGENT),
];

/// Adds the observables of attributes; `caller` is where the caller stands in them, `""` for the event itself.
pub(super) fn add(own: &mut Map<String, Value>, caller: &str) {
    let paths = RESOURCES.iter().map(|(path, kind)| ((*path).to_owned(), kind));
    let paths = paths.chain(CALLER.iter().map(|(path, kind)| (format!("{caller}{path}"), kind)));
    let found: Vec<Value> = paths.filter_map(|(path, kind)| Some(observable(&path, *kind, resolve(own, &path)?))).collect();
    own.insert("observables".to_owned(), found.into());
}

/// Returns the observables of an event whose class has no attributes for what was seen: they stand in the whole of it.
pub(super) fn of_event(event: &Event) -> Value {
    let actor = &event.actor;
    let target = match &event.target {
        Target::Key(key) => Some(key.as_str()),
        Target::Azure(id) => Some(id.as_str()),
        Target::Google(name) => Some(name.as_str()),
        Target::KeyStore(_) | Target::Named(_) | Target::Unnamed => None,
    };
    let address = actor.source_address.as_deref().filter(|address| address.len() <= 40 && address.parse::<IpAddr>().is_ok());
    let found = [
        ("target.id", RESOURCE_UID, target),
        ("actor.arn", USER_UID, actor.arn.as_deref()),
        ("actor.object_id", USER_UID, actor.object_id.as_deref()),
        ("actor.user_name", USER_NAME, actor.user_name.as_deref()),
        ("actor.source_address", ADDRESS, address),
        ("actor.user_agent", USER_AGENT, actor.user_agent.as_deref()),
    ];
    let found = found.into_iter().filter_map(|(path, kind, value)| {
        let path = format!("unmapped.reprieve.event.{path}");
        Some(observable(&path, kind, value?))
    });
    found.collect()
}

fn observable(path: &str, kind: Coded<'_>, value: &str) -> Value {
    json!({ "name": path, "type_id": kind.0, "type": kind.1, "value": value })
}

/// Follows a path such as `resources[0].uid` to a text.
fn resolve<'a>(own: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    let mut parts = path.split('.').flat_map(|part| part.split(['[', ']']).filter(|part| !part.is_empty()));
    let first = own.get(parts.next()?)?;
    let found = parts.try_fold(first, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(object) => object.get(part),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })?;
    found.as_str()
}
