//! The key in Key Vault that signs seals. It signs; it never reads more of the key than its public half.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{RequestContent, Response};
use azure_security_keyvault_keys::models::{KeyClientGetKeyOptions, KeyClientSignOptions, SignParameters};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::PublicKey;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use reprieve_core::azure::KeyReference;
use reprieve_engine::{CallError, SealSigner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error;
use crate::patience::{Fault, persist};
use crate::vault::VaultHost;

const GET: &str = "keyvault:GetKey";
const SIGN: &str = "keyvault:Sign";

/// The version of Key Vault's data plane.
const DATA_VERSION: &str = "7.5";

/// A number of a point on P-256, in bytes.
const NUMBER_BYTES: usize = 32;

/// Signs seals with one version of an EC key on P-256.
pub struct KeyVaultSealSigner {
    client: Arc<KeyClient>,
    key: KeyReference,
    url: String,
    public_key_der: Vec<u8>,
    budget: Duration,
}

impl std::fmt::Debug for KeyVaultSealSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyVaultSealSigner").field("url", &self.url).finish_non_exhaustive()
    }
}

impl KeyVaultSealSigner {
    /// Looks up the key: the version that is named, else the latest one, which then signs.
    ///
    /// # Errors
    /// When there is no such key, it is of the wrong kind, or it cannot be read.
    pub async fn connect(connection: &Connection, key: &KeyReference) -> Result<Self, CallError> {
        let wrong = |why: String| CallError::Rejected { call: GET, message: format!("`{key}` cannot sign seals: {why}") };
        let host = VaultHost::parse(&key.vault_uri).map_err(|error| wrong(error.to_string()))?;
        let options = KeyClientOptions {
            api_version: DATA_VERSION.to_owned(),
            client_options: connection.client_options(host.as_str()),
            ..KeyClientOptions::default()
        };
        let client = KeyClient::new(&format!("https://{host}"), connection.credential(), Some(options));
        let client = client.map_err(|error| error::call_error("keyvault:Connect", &format!("`{host}`"), &error))?;
        let about = format!("`{key}`");
        let bundle = persist(GET, Instant::now() + connection.budget(), || async {
            let options = KeyClientGetKeyOptions { key_version: key.version.clone(), ..Default::default() };
            value_of(GET, &about, client.get_key(&key.name, Some(options)).await)
        })
        .await?;
        let public_key_der = signing_key_der(&bundle).map_err(wrong)?;
        let url = bundle.pointer("/key/kid").and_then(Value::as_str).ok_or_else(|| wrong("the answer names no version".to_owned()))?;
        let key = KeyReference::parse(url).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { client: Arc::new(client), url: url.to_owned(), key, public_key_der, budget: connection.budget() })
    }
}

impl SealSigner for KeyVaultSealSigner {
    fn key_id(&self) -> &str {
        &self.url
    }

    async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, CallError> {
        let about = format!("`{}`", self.url);
        let parameters = json!({"alg": "ES256", "value": URL_SAFE_NO_PAD.encode(Sha256::digest(text))}).to_string();
        let answer = persist(SIGN, Instant::now() + self.budget, || async {
            let parameters: RequestContent<SignParameters> = RequestContent::from_str(&parameters);
            let options = KeyClientSignOptions { key_version: self.key.version.clone(), ..Default::default() };
            value_of(SIGN, &about, self.client.sign(&self.key.name, parameters, Some(options)).await)
        })
        .await?;
        // Key Vault answers with the two numbers side by side, as JSON Web Signatures have them.
        let numbers = answer.pointer("/value").and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let signature = numbers.and_then(|numbers| Signature::from_slice(&numbers).ok());
        let none = || CallError::Rejected { call: SIGN, message: format!("the answer holds no signature of ES256 ({about})") };
        Ok(signature.ok_or_else(none)?.to_der().as_bytes().to_vec())
    }

    async fn public_key_pem(&self) -> Result<String, CallError> {
        let unwritable = || CallError::Rejected { call: GET, message: format!("the public half of `{}` cannot be written", self.url) };
        let key = PublicKey::from_public_key_der(&self.public_key_der).map_err(|_| unwritable())?;
        key.to_public_key_pem(LineEnding::LF).map_err(|_| unwritable())
    }
}

fn value_of<T>(call: &'static str, about: &str, answer: azure_core::Result<Response<T>>) -> Result<Value, Fault> {
    let body = answer.map_err(|error| Fault::of_sdk(call, about, &error))?.into_body();
    let unreadable = |error| CallError::Rejected { call, message: format!("the answer is no JSON: {error} ({about})") };
    serde_json::from_slice(body.as_ref()).map_err(|error| Fault::from(unreadable(error)))
}

/// Returns the public half of a key bundle (`SubjectPublicKeyInfo`, DER), or why such a key cannot sign with ES256.
///
/// # Errors
/// Says why, as a clause about the key.
pub fn signing_key_der(bundle: &Value) -> Result<Vec<u8>, String> {
    let text = |pointer: &str| bundle.pointer(pointer).and_then(Value::as_str);
    let kind = text("/key/kty").unwrap_or("unknown");
    let curve = text("/key/crv").unwrap_or("unknown");
    match (kind, curve) {
        ("EC" | "EC-HSM", "P-256") => {}
        ("EC" | "EC-HSM", curve) => return Err(format!("it is an EC key on {curve}")),
        (kind, _) => return Err(format!("it is an {kind} key")),
    }
    let operations = bundle.pointer("/key/key_ops").and_then(Value::as_array);
    if !operations.into_iter().flatten().any(|operation| operation == "sign") {
        return Err("it may not sign".to_owned());
    }
    if bundle.pointer("/attributes/enabled").and_then(Value::as_bool) == Some(false) {
        return Err("it is disabled".to_owned());
    }
    let number = |name: &str| {
        let bytes = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.filter(|bytes| bytes.len() == NUMBER_BYTES).ok_or_else(|| "its public half cannot be read".to_owned())
    };
    let point = [vec![0x04], number("/key/x")?, number("/key/y")?].concat();
    let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| "its public half is no point on P-256".to_owned())?;
    let der = key.to_public_key_der().map_err(|error| format!("its public half cannot be written: {error}"))?;
    Ok(der.as_bytes().to_vec())
}
