//! Rotation of keys: the policy, and a new version on request.
//!
//! Must not rotate by itself: time does not rotate keys here, calls do.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::crypto;
use super::data_plane::{Outcome, Place, add_version};
use super::errors::error;
use super::keys;
use super::store::{Material, ObjectKind, Version};
use crate::crud::{set, text};
use crate::request::Answer;

/// The policy of a key that never got one. Source: Get Key Rotation Policy.
fn default_policy() -> Value {
    json!({ "lifetimeActions": [{ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }], "attributes": {} })
}

pub(super) fn get(place: &mut Place) -> Outcome {
    let policy = place.live()?.policy.clone().unwrap_or_else(default_policy);
    Ok(Answer::ok(shown(place, policy)))
}

fn shown(place: &Place, mut policy: Value) -> Value {
    set(&mut policy, "id", json!(format!("{}/rotationpolicy", place.id(ObjectKind::Key, &place.call.name, ""))));
    policy
}

pub(super) fn set_policy(place: &mut Place) -> Outcome {
    let (sent, now) = (place.request.json(), place.now().as_second());
    let expiry = text(&sent, "/attributes/expiryTime").to_owned();
    let actions = sent.get("lifetimeActions").and_then(Value::as_array).cloned().unwrap_or_default();
    let actions = actions.iter().map(|action| read_action(action, &expiry)).collect::<Result<Vec<Value>, Answer>>()?;
    if !expiry.is_empty() && expiry.parse::<Span>().is_err() {
        return Err(refuse(&format!("`expiryTime` is `{expiry}`, which is no ISO 8601 duration such as P90D.")));
    }
    let object = place.live()?;
    let created = object.policy.as_ref().and_then(|policy| policy.pointer("/attributes/created")).and_then(Value::as_i64);
    let mut attributes = json!({ "created": created.unwrap_or(now), "updated": now });
    if !expiry.is_empty() {
        set(&mut attributes, "expiryTime", json!(expiry));
    }
    let policy = json!({ "lifetimeActions": actions, "attributes": attributes });
    object.policy = Some(policy.clone());
    Ok(Answer::ok(shown(place, policy)))
}

/// Reads one action; its type is answered with a capital, however it was sent.
fn read_action(action: &Value, expiry: &str) -> Result<Value, Answer> {
    let kind = match text(action, "/action/type").to_ascii_lowercase().as_str() {
        "rotate" => "Rotate",
        "notify" => "Notify",
        other => return Err(refuse(&format!("The action `{other}` is none of Rotate, Notify."))),
    };
    let triggers: Vec<(&str, &str)> = ["timeAfterCreate", "timeBeforeExpiry"]
        .into_iter()
        .map(|name| (name, text(action, &format!("/trigger/{name}"))))
        .filter(|(_, duration)| !duration.is_empty())
        .collect();
    let [(name, duration)] = triggers.as_slice() else {
        return Err(refuse("A lifetime action has exactly one trigger: `timeAfterCreate` or `timeBeforeExpiry`."));
    };
    if duration.parse::<Span>().is_err() {
        return Err(refuse(&format!("`{name}` is `{duration}`, which is no ISO 8601 duration such as P90D.")));
    }
    if kind == "Rotate" && *name == "timeBeforeExpiry" && expiry.is_empty() {
        return Err(refuse("A rotation before expiry needs `attributes.expiryTime`."));
    }
    let mut trigger = json!({});
    set(&mut trigger, name, json!(duration));
    Ok(json!({ "trigger": trigger, "action": { "type": kind } }))
}

fn refuse(message: &str) -> Answer {
    error(400, "BadParameter", message)
}

/// Makes a new version like the newest, which expires as the policy says.
pub(super) fn rotate(place: &mut Place) -> Outcome {
    let now = place.now();
    let object = place.live()?.clone();
    let newest = object.versions.last().cloned().ok_or_else(|| refuse("The key has no version."))?;
    let Material::Key(mut material) = newest.material.clone() else { return Err(refuse("This is no key.")) };
    material.secret = crypto::new_secret();
    let mut version = Version { tags: newest.tags, ..Version::new(Material::Key(material), &Value::Null, None, now) };
    let expiry = object.policy.as_ref().map(|policy| text(policy, "/attributes/expiryTime").to_owned()).unwrap_or_default();
    version.expires = expires(now, &expiry);
    let object = add_version(place, ObjectKind::Key, &object.name, version.clone())?;
    Ok(Answer::ok(keys::view(place, &object, &version)))
}

fn expires(now: Timestamp, duration: &str) -> Option<i64> {
    let span: Span = duration.parse().ok()?;
    now.to_zoned(TimeZone::UTC).checked_add(span).ok().map(|at| at.timestamp().as_second())
}
