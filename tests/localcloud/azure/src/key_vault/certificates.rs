//! Certificates: each comes with a key and a secret of its name, which go and come back with it.
//!
//! Must not ask an authority: all certificates sign themselves.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use super::crypto;
use super::data_plane::{Outcome, Place, add_version};
use super::errors::error;
use super::store::{KeyMaterial, Material, Object, ObjectKind, Version};
use crate::crud::{merge, set, text};
use crate::request::Answer;

pub(super) fn create(place: &mut Place) -> Outcome {
    let sent = place.request.json();
    let policy = sent.get("policy").cloned().unwrap_or_else(|| json!({}));
    let der = self_signed(&policy, &place.call.name)?;
    let version = keep(place, &der, policy, &sent)?;
    let mut body = operation(place, &version, "inProgress");
    set(&mut body, "status_details", json!("Pending certificate created. Please Perform Get Pending to check its status."));
    Ok(Answer { body: Some(body), ..Answer::status(202) })
}

pub(super) fn import(place: &mut Place) -> Outcome {
    let sent = place.request.json();
    let encoded = sent.get("value").and_then(Value::as_str).unwrap_or_default();
    if encoded.is_empty() {
        return Err(error(400, "BadParameter", "Property `value` is missing: the certificate, as base64 of PKCS#12 or as PEM."));
    }
    let policy = sent.get("policy").cloned().unwrap_or_else(|| json!({}));
    // What is imported is not taken apart: a certificate of the same name stands for it.
    let der = self_signed(&policy, &place.call.name)?;
    let version = keep(place, &der, policy, &sent)?;
    let object = place.live()?.clone();
    Ok(Answer::ok(view(place, &object, &version)))
}

/// Keeps a certificate with its key and its secret, all of one version id.
fn keep(place: &mut Place, der: &[u8], policy: Value, sent: &Value) -> Result<Version, Answer> {
    let now = place.now();
    let attributes = sent.get("attributes").cloned().unwrap_or_default();
    let name = place.call.name.clone();
    let mut version = Version::new(Material::Certificate { der: der.to_vec() }, &attributes, sent.get("tags"), now);
    version.not_before.get_or_insert(now.as_second() - 600);
    version.expires.get_or_insert(now.as_second() + 365 * 86_400);
    let key = KeyMaterial {
        key_type: "RSA".to_owned(),
        size_bits: 2048,
        operations: ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"].map(str::to_owned).to_vec(),
        secret: crypto::new_secret(),
    };
    let secret = Material::Secret { value: STANDARD.encode(der), content_type: Some("application/x-pkcs12".to_owned()) };
    for (kind, material) in [(ObjectKind::Key, Material::Key(key)), (ObjectKind::Secret, secret)] {
        add_version(place, kind, &name, Version { material, ..version.clone() })?;
        if let Some(object) = place.data().object_mut(kind, &name) {
            object.is_managed = true;
        }
    }
    add_version(place, ObjectKind::Certificate, &name, version.clone())?;
    if let Some(object) = place.data().object_mut(ObjectKind::Certificate, &name) {
        object.policy = Some(policy);
    }
    Ok(version)
}

fn self_signed(policy: &Value, name: &str) -> Result<Vec<u8>, Answer> {
    let subject = text(policy, "/x509_props/subject").trim_start_matches("CN=");
    let subject = if subject.is_empty() { name } else { subject };
    let made = rcgen::generate_simple_self_signed(vec![subject.to_owned()]);
    let made = made.map_err(|problem| error(400, "BadParameter", &format!("No certificate can be made for `{subject}`: {problem}")))?;
    Ok(made.cert.der().to_vec())
}

/// Shows a certificate bundle.
pub(super) fn view(place: &Place, object: &Object, version: &Version) -> Value {
    let name = &object.name;
    let mut body = json!({
        "id": place.id(ObjectKind::Certificate, name, &version.id),
        "kid": place.id(ObjectKind::Key, name, &version.id),
        "sid": place.id(ObjectKind::Secret, name, &version.id),
        "attributes": version.attributes(place.vault),
        "tags": version.tags,
        "policy": shown_policy(place, object),
    });
    if let Material::Certificate { der } = &version.material {
        set(&mut body, "x5t", json!(URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))));
        set(&mut body, "cer", json!(STANDARD.encode(der)));
    }
    body
}

fn shown_policy(place: &Place, object: &Object) -> Value {
    let mut policy = json!({
        "key_props": { "exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": false },
        "secret_props": { "contentType": "application/x-pkcs12" },
        "x509_props": { "subject": format!("CN={}", object.name), "validity_months": 12 },
        "lifetime_actions": [{ "trigger": { "lifetime_percentage": 80 }, "action": { "action_type": "AutoRenew" } }],
        "issuer": { "name": "Self" },
        "attributes": { "enabled": true, "created": object.versions.first().map(|version| version.created), "updated": object.versions.last().map(|version| version.updated) },
    });
    if let Some(put) = &object.policy {
        merge(&mut policy, put);
    }
    set(&mut policy, "id", json!(format!("{}/policy", place.id(ObjectKind::Certificate, &object.name, ""))));
    policy
}

pub(super) fn policy(place: &mut Place) -> Outcome {
    let object = place.live()?.clone();
    Ok(Answer::ok(shown_policy(place, &object)))
}

pub(super) fn set_policy(place: &mut Place) -> Outcome {
    let sent = place.request.json();
    let object = place.live()?;
    let mut policy = object.policy.clone().unwrap_or_else(|| json!({}));
    merge(&mut policy, &sent);
    object.policy = Some(policy);
    let object = object.clone();
    Ok(Answer::ok(shown_policy(place, &object)))
}

/// The operation that made the newest version: done by the time it is asked for.
pub(super) fn pending(place: &mut Place) -> Outcome {
    let version = place.version()?.clone();
    let mut body = operation(place, &version, "completed");
    set(&mut body, "target", json!(place.id(ObjectKind::Certificate, &place.call.name, "")));
    Ok(Answer::ok(body))
}

fn operation(place: &Place, version: &Version, status: &str) -> Value {
    json!({
        "id": format!("{}/pending", place.id(ObjectKind::Certificate, &place.call.name, "")),
        "issuer": { "name": "Self" },
        "csr": STANDARD.encode(&version.id),
        "cancellation_requested": false,
        "status": status,
        "request_id": version.id,
    })
}
