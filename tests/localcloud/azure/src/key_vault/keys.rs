//! Keys: making them, showing them, and using them.
//!
//! Must not use a version that is disabled or out of its time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::crypto;
use super::data_plane::{Outcome, Place, Use, add_version};
use super::errors::{error, error_with};
use super::store::{KeyMaterial, Material, Object, ObjectKind, Version};
use crate::crud::{set, text};
use crate::request::Answer;

/// Makes the material of a key as a body asks for it, in the words of the data plane.
///
/// # Errors
/// The 400 for a type, a curve or a size that the sandbox does not make.
pub(super) fn material(sent: &Value) -> Result<KeyMaterial, Answer> {
    let refuse = |message: &str| Err(error(400, "BadParameter", message));
    let key_type = text(sent, "/kty");
    let is_elliptic = key_type.starts_with("EC");
    let default_operations: &[&str] = match key_type {
        "EC" | "EC-HSM" => &["sign", "verify"],
        "RSA" | "RSA-HSM" => &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
        "oct-HSM" => &["encrypt", "decrypt", "wrapKey", "unwrapKey"],
        other => return refuse(&format!("The key type `{other}` is not supported.")),
    };
    let curve = text(sent, "/crv");
    if is_elliptic && !curve.is_empty() && curve != "P-256" {
        return refuse(&format!("This sandbox makes elliptic keys on the curve P-256 alone, not on `{curve}`."));
    }
    let size = sent.get("key_size").and_then(Value::as_u64).and_then(|size| u32::try_from(size).ok());
    let size_bits = size.unwrap_or(if key_type == "oct-HSM" { 256 } else { 2048 });
    if key_type.starts_with("RSA") && ![2048, 3072, 4096].contains(&size_bits) {
        return refuse(&format!("The key size {size_bits} is not supported: it is 2048, 3072 or 4096."));
    }
    let wanted: Option<Vec<String>> = operations(sent);
    let operations = wanted.unwrap_or_else(|| default_operations.iter().map(|word| (*word).to_owned()).collect());
    Ok(KeyMaterial { key_type: key_type.to_owned(), size_bits, operations, secret: crypto::new_secret() })
}

impl Use {
    /// The word of `key_ops` and of access policies.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Wrap => "wrapKey",
            Self::Unwrap => "unwrapKey",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

fn operations(sent: &Value) -> Option<Vec<String>> {
    let words = sent.get("key_ops")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(words)
}

pub(super) fn create(place: &mut Place) -> Outcome {
    let sent = place.request.json();
    let material = material(&sent)?;
    let attributes = sent.get("attributes").cloned().unwrap_or_default();
    let version = Version::new(Material::Key(material), &attributes, sent.get("tags"), place.now());
    let name = place.call.name.clone();
    let object = add_version(place, ObjectKind::Key, &name, version.clone())?;
    Ok(Answer::ok(view(place, &object, &version)))
}

/// Shows a key bundle.
pub(super) fn view(place: &Place, object: &Object, version: &Version) -> Value {
    let mut key = json!({ "kid": place.id(ObjectKind::Key, &object.name, &version.id) });
    if let Material::Key(material) = &version.material {
        set(&mut key, "kty", json!(material.key_type));
        set(&mut key, "key_ops", json!(material.operations));
        for (name, value) in public_part(material) {
            set(&mut key, name, json!(value));
        }
    }
    let mut body = json!({ "key": key, "attributes": version.attributes(place.vault), "tags": version.tags });
    if object.is_managed {
        set(&mut body, "managed", json!(true));
    }
    body
}

/// The public part, as a JSON Web Key names it.
fn public_part(material: &KeyMaterial) -> Vec<(&'static str, String)> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if material.key_type.starts_with("RSA") {
        return vec![("n", encode(&crypto::modulus(&material.secret, material.size_bits))), ("e", "AQAB".to_owned())];
    }
    match crypto::point(&material.secret).filter(|_| material.key_type.starts_with("EC")) {
        Some((x, y)) => vec![("crv", "P-256".to_owned()), ("x", encode(&x)), ("y", encode(&y))],
        None => Vec::new(),
    }
}

/// Takes over what an update says a key may be used for.
pub(super) fn take_operations(version: &mut Version, sent: &Value) {
    if let (Material::Key(material), Some(operations)) = (&mut version.material, operations(sent)) {
        material.operations = operations;
    }
}

/// Signs, verifies, wraps, unwraps, encrypts or decrypts.
pub(super) fn use_key(place: &mut Place, purpose: Use) -> Outcome {
    let (now, sent) = (place.now(), place.request.json());
    let name = place.call.name.clone();
    let version = place.version()?.clone();
    let Material::Key(material) = &version.material else { return Err(error(400, "BadParameter", "This is no key.")) };
    refuse_use(&version, material, purpose, now)?;
    let kid = place.id(ObjectKind::Key, &name, &version.id);
    let value = bytes(&sent, "value")?;
    let done = match purpose {
        Use::Verify => {
            let is_valid = crypto::verify(&material.secret, &bytes(&sent, "digest")?, &value);
            return Ok(Answer::ok(json!({ "value": is_valid })));
        }
        Use::Sign => sign(material, text(&sent, "/alg"), &value)?,
        Use::Wrap | Use::Encrypt => crypto::seal(&material.secret, &value),
        Use::Unwrap | Use::Decrypt => crypto::open(&material.secret, &value),
    };
    let done = done.ok_or_else(|| error(400, "BadParameter", "The value is not one that this version of the key can work on."))?;
    Ok(Answer::ok(json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(done) })))
}

fn bytes(sent: &Value, name: &str) -> Result<Vec<u8>, Answer> {
    let refuse = || error(400, "BadParameter", &format!("Property `{name}` is missing or not base64url."));
    let encoded = sent.get(name).and_then(Value::as_str).ok_or_else(refuse)?;
    URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).map_err(|_| refuse())
}

fn sign(material: &KeyMaterial, algorithm: &str, digest: &[u8]) -> Result<Option<Vec<u8>>, Answer> {
    if !material.key_type.starts_with("EC") || algorithm != "ES256" {
        let message = format!("This sandbox signs with elliptic keys and ES256 alone, not with `{}` and `{algorithm}`.", material.key_type);
        return Err(error(400, "BadParameter", &message));
    }
    if digest.len() != 32 {
        return Err(error(400, "BadParameter", &format!("A digest for ES256 has 32 bytes, this one {}.", digest.len())));
    }
    Ok(crypto::sign(&material.secret, digest))
}

/// Says why a version may not be used so, where it may not. What an expired key protected can still be read.
fn refuse_use(version: &Version, material: &KeyMaterial, purpose: Use, now: Timestamp) -> Result<(), Answer> {
    let word = purpose.word();
    let forbid = |why: &str, inner: &str| Err(error_with(403, "Forbidden", &format!("Operation {word} is not allowed on {why}."), inner));
    if !version.is_enabled {
        return forbid("a disabled key", "KeyDisabled");
    }
    let seconds = now.as_second();
    let protects_anew = matches!(purpose, Use::Sign | Use::Wrap | Use::Encrypt);
    if protects_anew && version.expires.is_some_and(|until| until <= seconds) {
        return forbid("an expired key", "KeyExpired");
    }
    if protects_anew && version.not_before.is_some_and(|from| seconds < from) {
        return forbid("a key that is not yet valid", "KeyNotYetValid");
    }
    if !material.operations.iter().any(|operation| operation == word) {
        return forbid("this key, whose key_ops do not have it", "KeyOperationForbidden");
    }
    Ok(())
}
