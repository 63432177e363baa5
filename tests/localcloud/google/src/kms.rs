//! Cloud KMS, REST v1.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::asymmetric;
use crate::state::{OWN_ACCOUNT, Refusal, State};

/// One call: its name, and what it is about.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    resource: String,
}

/// Returns the call that a method and a path below `/v1/` make.
pub(crate) fn call(method: &str, path: &str) -> Option<Call> {
    let (resource, verb) = path.split_once(':').map_or((path, None), |(resource, verb)| (resource, Some(verb)));
    let parts: Vec<&str> = resource.split('/').collect();
    let collection = |back: usize| parts.len().checked_sub(back).and_then(|index| parts.get(index)).copied().unwrap_or_default();
    let is_collection = parts.len() % 2 == 1;
    let name = match (method, verb, is_collection, collection(1), collection(2)) {
        ("GET", None, true, "locations", _) => "ListLocations",
        ("GET", None, true, "keyRings", _) => "ListKeyRings",
        ("GET", None, true, "cryptoKeys", _) => "ListCryptoKeys",
        ("GET", None, true, "cryptoKeyVersions", _) => "ListCryptoKeyVersions",
        ("GET", None, true, "publicKey", _) => "GetPublicKey",
        ("GET", None, false, _, "cryptoKeys") => "GetCryptoKey",
        ("GET", None, false, _, "cryptoKeyVersions") => "GetCryptoKeyVersion",
        ("PATCH", None, false, _, "cryptoKeyVersions") => "UpdateCryptoKeyVersion",
        ("POST", Some("restore"), false, _, "cryptoKeyVersions") => "RestoreCryptoKeyVersion",
        ("POST", Some("asymmetricSign"), false, _, "cryptoKeyVersions") => "AsymmetricSign",
        ("POST", Some("destroy"), false, _, "cryptoKeyVersions") => "DestroyCryptoKeyVersion",
        _ => return None,
    };
    Some(Call { name, resource: resource.to_owned() })
}

impl Call {
    pub(crate) fn answer(&self, state: &mut State, query: &[(String, String)], body: &Value) -> Result<Value, Refusal> {
        let name = self.resource.as_str();
        match self.name {
            "GetCryptoKeyVersion" if state.versions.contains_key(name) => Ok(state.version_json(name)),
            "GetCryptoKey" => {
                let labels = state.keys.get(name).ok_or_else(|| Refusal::not_found(name))?;
                let signs = state.signers.keys().any(|version| version.starts_with(&format!("{name}/")));
                let purpose = if signs { "ASYMMETRIC_SIGN" } else { "ENCRYPT_DECRYPT" };
                let mut key = json!({"name": name, "purpose": purpose, "destroyScheduledDuration": "2592000s"});
                // Empty labels are left out.
                if let (false, Some(object)) = (labels.is_empty(), key.as_object_mut()) {
                    object.insert("labels".to_owned(), json!(labels));
                }
                Ok(key)
            }
            "GetPublicKey" => asymmetric::public_key(state, name.strip_suffix("/publicKey").unwrap_or(name)),
            "AsymmetricSign" => asymmetric::sign(state, name, body),
            "RestoreCryptoKeyVersion" | "DestroyCryptoKeyVersion" => state.change(OWN_ACCOUNT, self.name, name, &json!({ "name": name })),
            "UpdateCryptoKeyVersion" => {
                let mask = query.iter().find(|(key, _)| key == "updateMask").map(|(_, value)| value.as_str());
                let mut version = body.clone();
                if let Some(object) = version.as_object_mut() {
                    object.insert("name".to_owned(), json!(name));
                }
                state.change(OWN_ACCOUNT, self.name, name, &json!({"cryptoKeyVersion": version, "updateMask": mask}))
            }
            "ListLocations" => page(&below(state, name, 4), "locations", query, |name| json!({ "name": name })),
            "ListKeyRings" => page(&below(state, name, 6), "keyRings", query, |name| json!({ "name": name })),
            "ListCryptoKeys" => page(&below(state, name, 8), "cryptoKeys", query, |name| json!({ "name": name })),
            "ListCryptoKeyVersions" => {
                let filter = query.iter().find(|(key, _)| key == "filter").map(|(_, value)| value.as_str()).unwrap_or_default();
                let states: Vec<&str> = filter.split("state=").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
                let is_asked = |version: &String| {
                    states.is_empty() || state.versions.get(version).is_some_and(|version| states.contains(&version.state.as_str()))
                };
                let versions = state.versions.keys().filter(|version| version.starts_with(&format!("{name}/")) && is_asked(version));
                page(&versions.cloned().collect(), "cryptoKeyVersions", query, |name| state.version_json(name))
            }
            _ => Err(Refusal::not_found(name)),
        }
    }
}

/// The names of so many parts, of all keys, below a collection.
fn below(state: &State, collection: &str, parts: usize) -> BTreeSet<String> {
    let prefix = |key: &String| key.split('/').take(parts).collect::<Vec<_>>().join("/");
    state.keys.keys().map(prefix).filter(|name| name.starts_with(&format!("{collection}/"))).collect()
}

/// One page: of one item, so that whoever lists has to ask on.
fn page(names: &BTreeSet<String>, field: &str, query: &[(String, String)], item: impl Fn(&str) -> Value) -> Result<Value, Refusal> {
    let token = query.iter().find(|(key, value)| key == "pageToken" && !value.is_empty()).map(|(_, value)| value.as_str());
    let start: usize =
        token.map_or(Ok(0), str::parse).map_err(|_| Refusal(400, "INVALID_ARGUMENT", "The page token is not valid.".to_owned()))?;
    let mut answer = Map::new();
    if let Some(name) = names.iter().nth(start) {
        answer.insert(field.to_owned(), json!([item(name)]));
    }
    if names.len() > start + 1 {
        answer.insert("nextPageToken".to_owned(), json!((start + 1).to_string()));
    }
    Ok(Value::Object(answer))
}
