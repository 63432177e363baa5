//! What the simple resource providers do alike: the shape of a resource, merging a PATCH, lists with pages, the errors of ARM itself.
//!
//! Must not know any provider's rules.

use serde_json::{Map, Value, json};

use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

/// Merges a PATCH into what is there: objects field by field, everything else replaced, `null` taken away (RFC 7396).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(into) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            into.remove(name);
            continue;
        }
        merge(into.entry(name.clone()).or_insert(Value::Null), value);
    }
}

/// Sets a field of an object; does nothing where there is no object.
pub(crate) fn set(target: &mut Value, name: &str, value: Value) {
    if let Some(fields) = target.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Sets a field where it is absent or null.
pub(crate) fn set_default(target: &mut Value, name: &str, value: Value) {
    if target.get(name).is_none_or(Value::is_null) {
        set(target, name, value);
    }
}

/// Returns a field of an object as text, or an empty text.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the `properties` of a body, or an empty object.
pub(crate) fn properties(body: &Value) -> Value {
    body.get("properties").filter(|properties| properties.is_object()).cloned().unwrap_or_else(|| json!({}))
}

/// Builds a resource as ARM answers it: id, name, type, the `fields` of the body that were sent, and the properties.
pub(crate) fn resource_body(path: &ResourcePath, sent: &Value, fields: &[&str], properties: Value) -> Value {
    let mut body = json!({ "id": path.id, "name": path.name(), "type": path.full_type() });
    for field in fields {
        if let Some(value) = sent.get(*field).filter(|value| !value.is_null()) {
            set(&mut body, field, value.clone());
        }
    }
    set(&mut body, "properties", properties);
    body
}

/// Answers a list with as many entries as a page has, and a `nextLink` where there are more.
pub(crate) fn list(tenant: &Tenant, request: &ArmRequest, entries: Vec<Value>) -> Answer {
    let skip: usize = request.query.get("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let wanted: Option<usize> = ["$maxpagesize", "$top"].iter().find_map(|name| request.query.get(*name)?.parse().ok());
    let size = wanted.unwrap_or(tenant.options.page_size).min(tenant.options.page_size).max(1);
    let more = entries.len() > skip + size;
    let mut body = json!({ "value": entries.into_iter().skip(skip).take(size).collect::<Vec<_>>() });
    if more {
        set(&mut body, "nextLink", Value::String(next_link(request, skip + size)));
    }
    Answer::ok(body)
}

fn next_link(request: &ArmRequest, skip: usize) -> String {
    let mut query = request.query.clone();
    query.insert("$skiptoken".to_owned(), skip.to_string());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
    format!("https://{}{}?{query}", request.host, request.path)
}

/// Returns the bodies of the resources of a type below a scope.
pub(crate) fn bodies(tenant: &Tenant, below: &str, resource_type: &str) -> Vec<Value> {
    tenant.resources_of(below, resource_type).map(|resource| resource.body.clone()).collect()
}

/// Answers a GET of one resource.
pub(crate) fn read(tenant: &Tenant, path: &ResourcePath) -> Answer {
    match tenant.resource(&path.id) {
        Some(resource) => Answer::ok(resource.body.clone()),
        None => not_found(path),
    }
}

/// Answers a DELETE of one resource, and takes away all that lies below it.
pub(crate) fn delete(tenant: &mut Tenant, path: &ResourcePath) -> Answer {
    if tenant.remove_resource(&path.id).is_none() {
        return Answer::no_content();
    }
    tenant.remove_below(&path.id);
    Answer::status(200)
}

/// Checks and completes the properties of one kind of resource; the error is what is said to the caller.
pub(crate) type Complete = fn(&mut Value) -> Result<(), String>;

/// Answers all that a simple resource knows: list, read, write, change, delete.
pub(crate) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str, complete: Complete) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => list(tenant, request, bodies(tenant, below(path), kind)),
        ("GET", true) => read(tenant, path),
        ("PUT", true) => put(tenant, request, path, complete),
        ("PATCH", true) => patch(tenant, request, path, complete),
        ("DELETE", true) => delete(tenant, path),
        _ => method_not_allowed(request),
    }
}

/// What a collection lies below: a scope, or a resource.
pub(crate) fn below(path: &ResourcePath) -> &str {
    if path.types.len() == 1 { &path.scope } else { path.parent_id() }
}

/// Answers a PUT: the body stands for the whole resource.
pub(crate) fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, complete: Complete) -> Answer {
    if let Some(missing) = missing_parent(tenant, path) {
        return missing;
    }
    let sent = request.json();
    let mut properties = properties(&sent);
    if let Err(message) = complete(&mut properties) {
        return bad_request("BadRequest", &message);
    }
    let is_new = tenant.resource(&path.id).is_none();
    let body = resource_body(path, &sent, &["location", "tags", "sku", "kind"], properties);
    tenant.put_resource(&path.id, body.clone(), request.now);
    if is_new { Answer::created(body) } else { Answer::ok(body) }
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, complete: Complete) -> Answer {
    let Some(mut body) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return not_found(path) };
    merge(&mut body, &request.json());
    let mut properties = properties(&body);
    if let Err(message) = complete(&mut properties) {
        return bad_request("BadRequest", &message);
    }
    set(&mut body, "properties", properties);
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::ok(body)
}

/// ARM's answer for a resource that is not there.
pub(crate) fn not_found(path: &ResourcePath) -> Answer {
    let named: Vec<String> = path.types.iter().zip(&path.names).map(|(kind, name)| format!("{kind}/{name}")).collect();
    let place = match &path.resource_group {
        Some(group) => format!("under resource group '{group}'"),
        None => "in this scope".to_owned(),
    };
    let message = format!(
        "The Resource '{}/{}' {place} was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        path.namespace,
        named.join("/")
    );
    Answer::error(404, "ResourceNotFound", &message)
}

/// ARM's answer for a body or a field that it cannot take.
pub(crate) fn bad_request(code: &str, message: &str) -> Answer {
    Answer::error(400, code, message)
}

/// ARM's answer for a method that a path does not have.
pub(crate) fn method_not_allowed(request: &ArmRequest) -> Answer {
    let message = format!("The requested resource does not support http method '{}'.", request.method);
    Answer::error(405, "MethodNotAllowed", &message)
}

/// Says what is missing before a resource can be written: its resource group, or the resource that it lies below.
pub(crate) fn missing_parent(tenant: &Tenant, path: &ResourcePath) -> Option<Answer> {
    if let (Some(subscription), Some(group)) = (&path.subscription, &path.resource_group)
        && tenant.resource(&format!("/subscriptions/{subscription}/resourceGroups/{group}")).is_none()
    {
        return Some(Answer::error(404, "ResourceGroupNotFound", &format!("Resource group '{group}' could not be found.")));
    }
    if path.types.len() < 2 {
        return None;
    }
    let parent = path.id.rsplitn(3, '/').last().unwrap_or_default();
    if tenant.resource(parent).is_some() {
        return None;
    }
    let message = format!(
        "Failed to perform 'write' on resource(s) of type '{}', because the parent resource '{parent}' could not be found.",
        path.types.join("/")
    );
    Some(Answer::error(404, "ParentResourceNotFound", &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_what_it_does_not_name() {
        let mut body = json!({ "tags": { "a": "1", "b": "2" }, "list": [1, 2], "kept": true });
        merge(&mut body, &json!({ "tags": { "a": "3", "b": null }, "list": [3] }));
        assert_eq!(body, json!({ "tags": { "a": "3" }, "list": [3], "kept": true }));
    }
}
