//! Keys of a vault as ARM shows them: read, list, and create where there is none.
//!
//! Must not change a key that is there: ARM creates keys and versions of templates, and reads.

use http::Method;
use serde_json::{Value, json};

use super::store::{KeyMaterial, Material, Object, ObjectKind, State, Version};
use super::{VAULT_HOST, crypto, host};
use crate::crud::{self, set, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

/// Answers a request about a vault's keys in ARM. `None`: not its path.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Option<Answer> {
    let vault_name = path.names.first()?;
    let vault_id = format!("{}/providers/{}/vaults/{vault_name}", path.scope, path.namespace);
    let Some(vault) = tenant.resource(&vault_id).cloned() else { return Some(crud::not_found(path)) };
    let host = host(vault_name, VAULT_HOST);
    let data = tenant.data.get(&host)?;
    let live = |name: &str| data.live(ObjectKind::Key, name, request.now);
    match (request.method.as_str(), path.types.len(), path.names.get(1..)?) {
        ("GET", 2, []) => {
            let keys = data.objects.iter().filter(|((kind, _), object)| *kind == ObjectKind::Key && object.is_live(request.now));
            let views = keys.filter_map(|(_, object)| view(&vault, &host, object, object.versions.last()?, false)).collect();
            Some(crud::list(tenant, request, views))
        }
        ("GET", 2, [name]) => {
            let found = live(name).and_then(|object| view(&vault, &host, object, object.versions.last()?, false));
            Some(found.map_or_else(|| crud::not_found(path), Answer::ok))
        }
        ("GET", 3, [name]) => {
            let Some(object) = live(name) else { return Some(crud::not_found(path)) };
            let views = object.versions.iter().filter_map(|version| view(&vault, &host, object, version, true)).collect();
            Some(crud::list(tenant, request, views))
        }
        ("GET", 3, [name, version]) => {
            let found = live(name).and_then(|object| view(&vault, &host, object, object.version(version)?, true));
            Some(found.map_or_else(|| crud::not_found(path), Answer::ok))
        }
        (method, 2, [name]) if method == Method::PUT.as_str() => Some(create(tenant, request, &vault, name)),
        _ => Some(crud::method_not_allowed(request)),
    }
}

fn view(vault: &Resource, host: &str, object: &Object, version: &Version, is_versioned: bool) -> Option<Value> {
    let Material::Key(material) = &version.material else { return None };
    let key_id = format!("{}/keys/{}", vault.id, object.name);
    let (id, name, kind) = if is_versioned {
        (format!("{key_id}/versions/{}", version.id), version.id.clone(), "Microsoft.KeyVault/vaults/keys/versions")
    } else {
        (key_id, object.name.clone(), "Microsoft.KeyVault/vaults/keys")
    };
    let mut attributes = version.attributes(vault);
    if let Some(fields) = attributes.as_object_mut() {
        fields.remove("recoverableDays");
    }
    set(&mut attributes, "exportable", json!(false));
    let mut properties = json!({
        "attributes": attributes,
        "kty": material.key_type,
        "keyOps": material.operations,
        "keyUri": format!("https://{host}/keys/{}", object.name),
        "keyUriWithVersion": format!("https://{host}/keys/{}/{}", object.name, version.id),
    });
    if material.key_type.starts_with("EC") {
        set(&mut properties, "curveName", json!("P-256"));
    } else {
        set(&mut properties, "keySize", json!(material.size_bits));
    }
    if let Some(policy) = object.policy.as_ref().filter(|_| !is_versioned) {
        set(&mut properties, "rotationPolicy", arm_policy(policy));
    }
    Some(
        json!({ "id": id, "name": name, "type": kind, "location": vault.body.get("location"), "tags": version.tags, "properties": properties }),
    )
}

/// The rotation policy in ARM's words, whose actions have no capital.
fn arm_policy(policy: &Value) -> Value {
    let mut policy = policy.clone();
    for action in policy.get_mut("lifetimeActions").and_then(Value::as_array_mut).into_iter().flatten() {
        let lower = text(action, "/action/type").to_ascii_lowercase();
        if let Some(inner) = action.get_mut("action") {
            set(inner, "type", json!(lower));
        }
    }
    policy
}

fn create(tenant: &mut Tenant, request: &ArmRequest, vault: &Resource, name: &str) -> Answer {
    let host = host(text(&vault.body, "/name"), VAULT_HOST);
    let sent = request.json();
    let wanted = crud::properties(&sent);
    let now = request.now;
    let words = json!({ "kty": wanted.get("kty"), "crv": wanted.get("curveName"), "key_size": wanted.get("keySize"), "key_ops": wanted.get("keyOps") });
    let Some(data) = tenant.data.get_mut(&host) else { return Answer::error(404, "NotFound", "There is no such vault.") };
    if data.object(ObjectKind::Key, name).is_some_and(|object| !object.is_live(now)) {
        return Answer::error(
            409,
            "Conflict",
            &format!("Key {name} is currently in a deleted but recoverable state, and its name cannot be reused."),
        );
    }
    if data.object(ObjectKind::Key, name).is_none() {
        let material = match super::keys::material(&words) {
            Ok(material) => KeyMaterial { secret: crypto::new_secret(), ..material },
            Err(refusal) => return refusal,
        };
        let attributes = wanted.get("attributes").cloned().unwrap_or_default();
        let version = Version::new(Material::Key(material), &attributes, sent.get("tags"), now);
        let object =
            Object { name: name.to_owned(), versions: vec![version], policy: None, is_managed: false, state: State::Live { from: now } };
        data.objects.insert((ObjectKind::Key, name.to_ascii_lowercase()), object);
    }
    let shown = data.object(ObjectKind::Key, name).and_then(|object| view(vault, &host, object, object.versions.last()?, false));
    shown.map_or_else(|| Answer::error(404, "NotFound", "There is no such key."), Answer::ok)
}
