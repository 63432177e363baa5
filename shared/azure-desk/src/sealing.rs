//! The key that seals approvals: its public half for the configuration, and the sealing itself.
//!
//! A seal is verified with the key's own public half before anybody gets to see it. Keys go through Microsoft's client, with its check of
//! the challenge left on: a vault that asks for a token of somebody else's gets none.

use azure_core::http::{RequestContent, Response};
use azure_security_keyvault_keys::models::{KeyClientGetKeyOptions, KeyClientSignOptions, SignParameters};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reprieve_azure::{VaultHost, call_error, signing_key_der};
use reprieve_core::approval::{Approval, ApprovalKeys, ApprovalSource, SealedApproval};
use reprieve_core::azure::{KeyReference, ResourceId};
use reprieve_engine::CallError;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::desk::{Desk, scope_of};
use crate::error::DeskError;
use crate::name::SealingName;
use crate::resource::text;

const GET: &str = "keyvault:GetKey";
const SIGN: &str = "keyvault:Sign";

/// The version of Key Vault's data plane.
const DATA_VERSION: &str = "7.5";

/// A key in Key Vault that can seal: one version of it, and its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// The id that seals name: by default the key's version, because every version is a key of its own.
    pub id: String,
    /// The key's URL, with its version.
    pub url: KeyReference,
    /// The public key in base64 (`SubjectPublicKeyInfo`, DER).
    pub public_key: String,
    host: VaultHost,
}

impl SealingKey {
    /// Returns the entry of `REPRIEVE_APPROVAL_KEYS`: `KEY-ID=BASE64[;from=TIME][;until=TIME]`.
    #[must_use]
    pub fn entry(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> String {
        let from = from.map(|time| format!(";from={time}")).unwrap_or_default();
        let until = until.map(|time| format!(";until={time}")).unwrap_or_default();
        format!("{}={}{from}{until}", self.id, self.public_key)
    }

    /// Returns the key as it verifies, for the whole of time.
    ///
    /// # Errors
    /// When its id cannot stand in a seal.
    pub fn keys(&self) -> Result<ApprovalKeys, DeskError> {
        Ok(ApprovalKeys::parse(&self.entry(None, None))?)
    }
}

impl Desk {
    /// Reads the public half of an approval key. `id` is what seals are to call it; by default the key's version.
    ///
    /// # Errors
    /// When there is no such key, it is of the wrong kind, or it cannot be read.
    pub async fn sealing_key(&self, name: &SealingName, id: Option<&str>) -> Result<SealingKey, DeskError> {
        self.token(scope_of(&name.host)).await?;
        let about = format!("`{name}`");
        let options = KeyClientGetKeyOptions { key_version: name.key.version.clone(), ..Default::default() };
        let answer = self.keys(&name.host)?.get_key(&name.key.name, Some(options)).await;
        let bundle = match value_of(GET, &about, answer) {
            Err(CallError::NotFound { .. }) => return Err(DeskError::NoSuchKey(name.to_string())),
            answer => answer?,
        };
        let public_key = public_key(&bundle).map_err(|why| DeskError::WrongKind { name: name.to_string(), why })?;
        let no_version = || CallError::Rejected { call: GET, message: format!("the answer names no version of the key ({about})") };
        let version = text(&bundle, "/key/kid").and_then(|url| url.split('/').nth(5)).map(str::to_owned).ok_or_else(no_version)?;
        let url = KeyReference { version: Some(version.clone()), ..name.key.clone() };
        let key = SealingKey { id: id.map_or(version, str::to_owned), url, public_key, host: name.host.clone() };
        key.keys()?;
        Ok(key)
    }

    /// Seals the approval for the resource, and verifies the seal with the public key. The approval gets its seal; what it then is
    /// worth comes back.
    ///
    /// # Errors
    /// When a value cannot be sealed, Key Vault does not sign, or the seal does not verify. Then the approval has no seal.
    pub async fn seal(
        &self,
        key: &SealingKey,
        approval: &mut SealedApproval,
        resource: &ResourceId,
        source: ApprovalSource,
    ) -> Result<Approval, DeskError> {
        approval.check_values()?;
        approval.seal.clear();
        let digest = Sha256::digest(approval.canonical_text(resource.canonical()).as_bytes());
        let parameters = json!({"alg": "ES256", "value": URL_SAFE_NO_PAD.encode(digest)}).to_string();
        let parameters: RequestContent<SignParameters> = RequestContent::from_str(&parameters);
        let options = KeyClientSignOptions { key_version: key.url.version.clone(), ..Default::default() };
        let answer = self.keys(&key.host)?.sign(&key.url.name, parameters, Some(options)).await;
        let answer = value_of(SIGN, &format!("`{}`", key.url), answer)?;
        let signature = text(&answer, "/value").and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
        let signature = signature.try_into().map_err(|_| DeskError::NoSignature)?;
        let sealed = SealedApproval { seal: SealedApproval::seal_text(&key.id, &signature), ..approval.clone() };
        let verified = sealed.verify(resource, None, &key.keys()?, source).map_err(DeskError::SealDoesNotVerify)?;
        *approval = sealed;
        Ok(verified)
    }

    fn keys(&self, host: &VaultHost) -> Result<KeyClient, DeskError> {
        let options = KeyClientOptions {
            api_version: DATA_VERSION.to_owned(),
            client_options: self.client_options(host),
            ..KeyClientOptions::default()
        };
        let client = KeyClient::new(&format!("https://{host}"), self.connection().credential(), Some(options));
        client.map_err(|error| call_error("keyvault:Connect", &format!("`{host}`"), &error).into())
    }
}

fn value_of<T>(call: &'static str, about: &str, answer: azure_core::Result<Response<T>>) -> Result<Value, CallError> {
    let body = answer.map_err(|error| call_error(call, about, &error))?.into_body();
    let unreadable = |error| CallError::Rejected { call, message: format!("the answer is no JSON: {error} ({about})") };
    serde_json::from_slice(body.as_ref()).map_err(unreadable)
}

/// Returns the public half of a key bundle in base64, or why such a key cannot seal.
fn public_key(bundle: &Value) -> Result<String, String> {
    Ok(STANDARD.encode(signing_key_der(bundle)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7517, appendix A.1.
    fn bundle() -> Value {
        json!({
            "key": {
                "kid": "https://kv-seal.vault.azure.net/keys/approvers/0123", "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"],
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            },
            "attributes": {"enabled": true},
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut bundle = bundle();
        *bundle.pointer_mut(pointer).unwrap() = value;
        bundle
    }

    #[test]
    fn the_public_half_is_one_that_verifies_seals() {
        let key = SealingKey {
            id: "0123".to_owned(),
            url: KeyReference::parse("https://kv-seal.vault.azure.net/keys/approvers/0123").unwrap(),
            public_key: public_key(&bundle()).unwrap(),
            host: VaultHost::parse("kv-seal.vault.azure.net").unwrap(),
        };
        assert_eq!(key.keys().unwrap().ids().collect::<Vec<_>>(), ["0123"]);
        let until = "2027-01-01T00:00:00Z".parse().unwrap();
        assert!(key.entry(None, Some(until)).ends_with(";until=2027-01-01T00:00:00Z"));
    }

    #[test]
    fn a_key_that_cannot_seal_is_named_with_the_reason() {
        for (bundle, reason) in [
            (with("/key/kty", json!("RSA")), "it is an RSA key"),
            (with("/key/crv", json!("P-384")), "it is an EC key on P-384"),
            (with("/key/key_ops", json!(["verify"])), "it may not sign"),
            (with("/attributes/enabled", json!(false)), "it is disabled"),
            (with("/key/x", json!("AAAA")), "its public half cannot be read"),
            (with("/key/x", json!("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM")), "its public half is no point on P-256"),
        ] {
            assert_eq!(public_key(&bundle), Err(reason.to_owned()));
        }
    }
}
