//! Secrets: setting and reading them.
//!
//! Must not show the value of a secret that is disabled.

use serde_json::{Value, json};

use super::data_plane::{Outcome, Place, add_version};
use super::errors::{error, error_with};
use super::store::{Material, Object, ObjectKind, Version};
use crate::crud::set;
use crate::request::Answer;

pub(super) fn set_secret(place: &mut Place) -> Outcome {
    let sent = place.request.json();
    let Some(value) = sent.get("value").and_then(Value::as_str) else {
        return Err(error(400, "BadParameter", "Property `value` is missing."));
    };
    let content_type = sent.get("contentType").and_then(Value::as_str).map(str::to_owned);
    let material = Material::Secret { value: value.to_owned(), content_type };
    let attributes = sent.get("attributes").cloned().unwrap_or_default();
    let version = Version::new(material, &attributes, sent.get("tags"), place.now());
    let name = place.call.name.clone();
    let object = add_version(place, ObjectKind::Secret, &name, version.clone())?;
    Ok(Answer::ok(view(place, &object, &version)))
}

pub(super) fn get(place: &mut Place) -> Outcome {
    let version = place.version()?.clone();
    if !version.is_enabled {
        return Err(error_with(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"));
    }
    let object = place.live()?.clone();
    Ok(Answer::ok(view(place, &object, &version)))
}

/// Shows a secret bundle.
pub(super) fn view(place: &Place, object: &Object, version: &Version) -> Value {
    let id = place.id(ObjectKind::Secret, &object.name, &version.id);
    let mut body = json!({ "id": id, "attributes": version.attributes(place.vault), "tags": version.tags });
    if let Material::Secret { value, content_type } = &version.material {
        set(&mut body, "value", json!(value));
        if let Some(content_type) = content_type {
            set(&mut body, "contentType", json!(content_type));
        }
    }
    if object.is_managed {
        set(&mut body, "managed", json!(true));
        set(&mut body, "kid", json!(place.id(ObjectKind::Key, &object.name, &version.id)));
    }
    body
}

/// Takes over what an update says of the value's type.
pub(super) fn take_content_type(version: &mut Version, sent: &Value) {
    if let (Material::Secret { content_type, .. }, Some(wanted)) = (&mut version.material, sent.get("contentType").and_then(Value::as_str))
    {
        *content_type = Some(wanted.to_owned());
    }
}
