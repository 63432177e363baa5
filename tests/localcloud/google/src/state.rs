//! What the sandbox holds, and the states of versions.
//!
//! Source: <https://docs.cloud.google.com/kms/docs/key-states>

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};

use crate::log;

/// The service account that the metadata server gives tokens of.
pub const OWN_ACCOUNT: &str = "reprieve-guard@security.iam.gserviceaccount.com";

/// How long a destroyed version waits; Google's default.
const DESTROY_SCHEDULED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) keys: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) versions: BTreeMap<String, Version>,
    /// The secrets of versions that sign.
    pub(crate) signers: BTreeMap<String, SigningKey>,
    pub(crate) objects: BTreeMap<(String, String), Object>,
    pub(crate) log: Vec<Value>,
    /// The first page of every list of entries is empty, and has a token.
    pub(crate) is_log_slow: bool,
    /// Every page of a list of entries has a token.
    pub(crate) is_log_endless: bool,
    /// The ids of projects, by their numbers.
    pub(crate) numbers: BTreeMap<String, String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) calls: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) state: String,
    pub(crate) destroy_time: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) created: Timestamp,
}

/// Calls that fail.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Their name.
    pub(crate) call: String,
    /// How many of them are answered before.
    pub(crate) passing: usize,
    pub(crate) status: u16,
    /// How many of them fail yet.
    pub(crate) times: usize,
}

/// An error of Google: the status of HTTP, the word, and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl Refusal {
    pub(crate) fn not_found(name: &str) -> Self {
        Self(404, "NOT_FOUND", format!("{name} not found."))
    }

    pub(crate) fn json(&self) -> Value {
        let Self(code, status, message) = self;
        json!({"error": {"code": code, "message": message, "status": status}})
    }
}

impl State {
    pub(crate) fn make_key(&mut self, key: &str) -> String {
        self.keys.entry(key.to_owned()).or_default();
        let number = self.versions.keys().filter(|name| name.starts_with(&format!("{key}/"))).count() + 1;
        let name = format!("{key}/cryptoKeyVersions/{number}");
        self.versions.insert(name.clone(), Version { state: "ENABLED".to_owned(), destroy_time: None });
        name
    }

    /// Makes a version that signs, each with a secret of its own.
    pub(crate) fn make_signing_key(&mut self, key: &str) -> String {
        let name = self.make_key(key);
        let number = u8::try_from(self.signers.len() + 1).unwrap_or(1);
        if let Ok(secret) = SigningKey::from_slice(&[number; 32]) {
            self.signers.insert(name.clone(), secret);
        }
        name
    }

    /// Moves everything that was written so far into the past.
    pub(crate) fn let_pass(&mut self, time: SignedDuration) {
        for object in self.objects.values_mut() {
            object.created = object.created.checked_sub(time).unwrap_or(object.created);
        }
    }

    pub(crate) fn label(&mut self, key: &str, labels: &BTreeMap<String, String>) {
        self.keys.insert(key.to_owned(), labels.clone());
    }

    /// Changes the state of a version, as somebody, and logs it under the name by which it was called.
    pub(crate) fn change(&mut self, who: &str, method: &str, name: &str, request: &Value) -> Result<Value, Refusal> {
        let version = self.by_id(name);
        let answer = self.change_state(method, &version, request);
        let entry = log::entry(self.log.len(), who, method, name, &version, request, &answer);
        self.log.push(entry);
        answer
    }

    /// Returns a name with the id of its project, where it has the number.
    fn by_id(&self, name: &str) -> String {
        let parts = name.strip_prefix("projects/").and_then(|rest| rest.split_once('/'));
        let numbered = parts.and_then(|(project, rest)| Some((self.numbers.get(project)?, rest)));
        numbered.map_or_else(|| name.to_owned(), |(id, rest)| format!("projects/{id}/{rest}"))
    }

    fn change_state(&mut self, method: &str, name: &str, request: &Value) -> Result<Value, Refusal> {
        let version = self.versions.get_mut(name).ok_or_else(|| Refusal::not_found(name))?;
        let now = Timestamp::now();
        let not_allowed = |allowed: &str| {
            let message = format!(
                "The request cannot be fulfilled. Resource {name} has value {} in field crypto_key_version.state. Must be one of {allowed}.",
                version.state
            );
            Err(Refusal(400, "FAILED_PRECONDITION", message))
        };
        match (method, version.state.as_str()) {
            ("DestroyCryptoKeyVersion", "ENABLED" | "DISABLED") => {
                "DESTROY_SCHEDULED".clone_into(&mut version.state);
                version.destroy_time = now.checked_add(DESTROY_SCHEDULED_FOR).ok();
            }
            ("DestroyCryptoKeyVersion", _) => return not_allowed("ENABLED, DISABLED"),
            ("RestoreCryptoKeyVersion", "DESTROY_SCHEDULED") => {
                "DISABLED".clone_into(&mut version.state);
                version.destroy_time = None;
            }
            ("RestoreCryptoKeyVersion", _) => return not_allowed("DESTROY_SCHEDULED"),
            ("UpdateCryptoKeyVersion", state) => {
                let wanted = request.pointer("/cryptoKeyVersion/state").and_then(Value::as_str).unwrap_or_default();
                if request.get("updateMask").and_then(Value::as_str) != Some("state") || !["ENABLED", "DISABLED"].contains(&wanted) {
                    return Err(Refusal(400, "INVALID_ARGUMENT", "The update mask or the state is not valid.".to_owned()));
                }
                if !["ENABLED", "DISABLED"].contains(&state) {
                    return not_allowed("ENABLED, DISABLED");
                }
                wanted.clone_into(&mut version.state);
            }
            _ => return Err(Refusal(404, "NOT_FOUND", format!("{method} is no method of this sandbox."))),
        }
        Ok(self.version_json(name))
    }

    /// Returns a version as Cloud KMS does.
    pub(crate) fn version_json(&self, name: &str) -> Value {
        let Some(version) = self.versions.get(name) else { return Value::Null };
        let mut json = json!({
            "name": name,
            "state": version.state,
            "protectionLevel": "SOFTWARE",
            "algorithm": if self.signers.contains_key(name) { "EC_SIGN_P256_SHA256" } else { "GOOGLE_SYMMETRIC_ENCRYPTION" },
            "createTime": "2026-01-02T03:04:05.000006Z",
        });
        if let (Some(time), Some(object)) = (version.destroy_time, json.as_object_mut()) {
            object.insert("destroyTime".to_owned(), json!(time.to_string()));
        }
        json
    }

    /// Takes a fault that is due for a call.
    pub(crate) fn fault(&mut self, call: &str) -> Option<u16> {
        let fault = self.faults.iter_mut().find(|fault| fault.call == call && fault.times > 0)?;
        if fault.passing > 0 {
            fault.passing -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.status)
    }
}
