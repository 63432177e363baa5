//! What vaults and Managed HSMs hold: keys, secrets and certificates with their versions, live and deleted.
//!
//! Must not know who asks: permissions are looked at before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::local_roles::LocalRole;
use crate::crud::set;
use crate::tenant::{Resource, Tenant};

/// The data of one vault or Managed HSM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultData {
    /// The id of the vault or HSM.
    pub resource_id: String,
    /// Whether it is a Managed HSM.
    pub is_hsm: bool,
    /// The local role assignments of a Managed HSM.
    pub local_roles: Vec<LocalRole>,
    /// The objects by kind and name in lower case.
    pub objects: BTreeMap<(ObjectKind, String), Object>,
}

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A key.
    Key,
    /// A secret.
    Secret,
    /// A certificate.
    Certificate,
}

/// A key, a secret or a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The name as created.
    pub name: String,
    /// The versions, oldest first. There is at least one.
    pub versions: Vec<Version>,
    /// The rotation policy of a key, or the policy of a certificate, as it was put.
    pub policy: Option<Value>,
    /// Whether it belongs to a certificate of its name.
    pub is_managed: bool,
    /// Whether it is live or deleted.
    pub state: State,
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be used from then on. An object that was just recovered may take a while.
    Live {
        /// From when.
        from: Timestamp,
    },
    /// It is deleted, and can be recovered or purged once `ready_at` has come.
    Deleted {
        /// When it was deleted.
        deleted_at: Timestamp,
        /// When 'being deleted' has ended.
        ready_at: Timestamp,
        /// When it is purged.
        purge_at: Timestamp,
    },
}

/// One version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's id: 32 hexadecimal digits.
    pub id: String,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// Not before, in seconds since 1970.
    pub not_before: Option<i64>,
    /// Until when, in seconds since 1970.
    pub expires: Option<i64>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was last changed, in seconds since 1970.
    pub updated: i64,
    /// The tags.
    pub tags: Map<String, Value>,
    /// What it is made of.
    pub material: Material,
}

/// What a version is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// A key.
    Key(KeyMaterial),
    /// A secret.
    Secret {
        /// The value.
        value: String,
        /// What the value is, in the words of who set it.
        content_type: Option<String>,
    },
    /// A certificate.
    Certificate {
        /// The certificate, DER.
        der: Vec<u8>,
    },
}

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMaterial {
    /// `EC`, `EC-HSM`, `RSA`, `RSA-HSM` or `oct-HSM`.
    pub key_type: String,
    /// The size in bits, of all but elliptic keys.
    pub size_bits: u32,
    /// What the key may be used for.
    pub operations: Vec<String>,
    /// The secret: the private scalar of an elliptic key, else the key that stands for the others.
    pub secret: [u8; 32],
}

impl ObjectKind {
    /// The path of live objects.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Key => "keys",
            Self::Secret => "secrets",
            Self::Certificate => "certificates",
        }
    }

    /// The word that operations and errors begin with.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Key => "Key",
            Self::Secret => "Secret",
            Self::Certificate => "Certificate",
        }
    }
}

impl Object {
    /// Returns a version by its id; an empty id is the newest.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        if id.is_empty() { self.versions.last() } else { self.versions.iter().find(|version| version.id.eq_ignore_ascii_case(id)) }
    }

    /// Returns a version by its id, to change it; an empty id is the newest.
    pub fn version_mut(&mut self, id: &str) -> Option<&mut Version> {
        if id.is_empty() { self.versions.last_mut() } else { self.versions.iter_mut().find(|version| version.id.eq_ignore_ascii_case(id)) }
    }

    /// Says whether the object can be used now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Live { from } if from <= now)
    }
}

impl Version {
    /// Makes a version that is enabled and never expires, but for what `attributes` say.
    #[must_use]
    pub fn new(material: Material, attributes: &Value, tags: Option<&Value>, now: Timestamp) -> Self {
        let mut version = Self {
            id: Uuid::new_v4().simple().to_string(),
            is_enabled: true,
            not_before: None,
            expires: None,
            created: now.as_second(),
            updated: now.as_second(),
            tags: tags.and_then(Value::as_object).cloned().unwrap_or_default(),
            material,
        };
        version.take_attributes(attributes);
        version
    }

    /// Takes over the attributes that are named.
    pub fn take_attributes(&mut self, attributes: &Value) {
        if let Some(is_enabled) = attributes.get("enabled").and_then(Value::as_bool) {
            self.is_enabled = is_enabled;
        }
        if let Some(not_before) = attributes.get("nbf").and_then(Value::as_i64) {
            self.not_before = Some(not_before);
        }
        if let Some(expires) = attributes.get("exp").and_then(Value::as_i64) {
            self.expires = Some(expires);
        }
    }

    /// Says whether the version may be used for new work: enabled, and within its time.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        self.is_enabled && self.not_before.is_none_or(|from| from <= now) && self.expires.is_none_or(|until| now < until)
    }

    /// Returns the attributes as the data plane answers them.
    #[must_use]
    pub fn attributes(&self, vault: &Resource) -> Value {
        let (level, days) = recovery(vault);
        let mut attributes =
            json!({ "enabled": self.is_enabled, "created": self.created, "updated": self.updated, "recoveryLevel": level });
        for (name, value) in [("nbf", self.not_before), ("exp", self.expires), ("recoverableDays", days)] {
            if let Some(value) = value {
                set(&mut attributes, name, json!(value));
            }
        }
        attributes
    }
}

/// The recovery level of what a vault holds, and for how many days it can be recovered.
pub(super) fn recovery(vault: &Resource) -> (String, Option<i64>) {
    let properties = |name: &str| vault.body.pointer(&format!("/properties/{name}")).cloned().unwrap_or(Value::Null);
    if properties("enableSoftDelete") != json!(true) {
        return ("Purgeable".to_owned(), None);
    }
    let days = properties("softDeleteRetentionInDays").as_i64().unwrap_or(super::protection::DEFAULT_RETENTION_DAYS);
    let customized = if days < 90 { "Customized" } else { "" };
    let purgeable = if properties("enablePurgeProtection") == json!(true) { "" } else { "+Purgeable" };
    (format!("{customized}Recoverable{purgeable}"), Some(days))
}

impl VaultData {
    /// The data of a new vault.
    #[must_use]
    pub fn of_vault(resource_id: &str) -> Self {
        Self { resource_id: resource_id.to_owned(), is_hsm: false, local_roles: Vec::new(), objects: BTreeMap::new() }
    }

    /// The data of a new Managed HSM.
    #[must_use]
    pub fn of_hsm(resource_id: &str) -> Self {
        Self { is_hsm: true, ..Self::of_vault(resource_id) }
    }

    /// Returns an object by its name, in any case, live or deleted.
    #[must_use]
    pub fn object(&self, kind: ObjectKind, name: &str) -> Option<&Object> {
        self.objects.get(&(kind, name.to_ascii_lowercase()))
    }

    /// Returns an object by its name, in any case, to change it.
    pub fn object_mut(&mut self, kind: ObjectKind, name: &str) -> Option<&mut Object> {
        self.objects.get_mut(&(kind, name.to_ascii_lowercase()))
    }

    /// Returns an object that can be used now.
    #[must_use]
    pub fn live(&self, kind: ObjectKind, name: &str, now: Timestamp) -> Option<&Object> {
        self.object(kind, name).filter(|object| object.is_live(now))
    }

    /// Takes away what was deleted and whose purge date has come.
    pub fn purge_due(&mut self, now: Timestamp) {
        self.objects.retain(|_, object| !matches!(object.state, State::Deleted { purge_at, .. } if purge_at <= now));
    }
}

/// Returns the versioned id of a key that can wrap and unwrap now, e.g. `https://kv.vault.azure.net/keys/logs/0a1b`: the vault and the
/// key are there, the version (none: the newest) is enabled and within its time.
#[must_use]
pub fn usable_key_version(tenant: &Tenant, host: &str, name: &str, version: Option<&str>, now: Timestamp) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let data = tenant.data.get(&host)?;
    tenant.resource(&data.resource_id)?;
    let object = data.live(ObjectKind::Key, name, now)?;
    let version = object.version(version.unwrap_or_default()).filter(|version| version.is_usable(now))?;
    Some(format!("https://{host}/keys/{}/{}", object.name, version.id))
}
