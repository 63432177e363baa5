//! Vaults and Managed HSMs that were deleted and can come back until their purge date: get, list, purge.
//!
//! Must not purge what purge protection protects, by whomever it is asked.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{HSM_HOST, VAULT_HOST, host, protection};
use crate::crud::{self, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

/// A deleted vault or Managed HSM that can be recovered.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedVault {
    /// The vault as it was.
    pub vault: Resource,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// When Azure purges it.
    pub purge_at: Timestamp,
}

/// A deleted Managed HSM that can be recovered.
pub type DeletedHsm = DeletedVault;

/// When a vault that is deleted now is purged.
pub(super) fn purge_date(vault: &Resource, now: Timestamp) -> Timestamp {
    let days = vault.body.pointer("/properties/softDeleteRetentionInDays").and_then(Value::as_i64);
    let retention = SignedDuration::from_hours(24 * days.unwrap_or(protection::DEFAULT_RETENTION_DAYS));
    now.checked_add(retention).unwrap_or(Timestamp::MAX)
}

pub(super) fn purge_vault(tenant: &mut Tenant, name: &str) {
    tenant.deleted_vaults.remove(name);
    tenant.data.remove(&host(name, VAULT_HOST));
}

pub(super) fn purge_hsm(tenant: &mut Tenant, name: &str) {
    tenant.deleted_hsms.remove(name);
    tenant.data.remove(&host(name, HSM_HOST));
}

impl DeletedVault {
    fn is_purge_protected(&self) -> bool {
        self.vault.body.pointer("/properties/enablePurgeProtection").and_then(Value::as_bool) == Some(true)
    }

    fn is_in(&self, subscription: &str) -> bool {
        let prefix = format!("/subscriptions/{subscription}/").to_ascii_lowercase();
        self.vault.id.to_ascii_lowercase().starts_with(&prefix)
    }

    fn view(&self, kind: &str, id_field: &str) -> Value {
        let body = &self.vault.body;
        let path = ResourcePath::parse(&self.vault.id);
        let subscription = path.as_ref().map(ResourcePath::subscription_id).unwrap_or_default();
        let (location, name) = (text(body, "/location"), text(body, "/name"));
        let mut properties = json!({
            "location": location,
            "tags": body.get("tags").cloned().unwrap_or_else(|| json!({})),
            "deletionDate": seconds(self.deleted_at),
            "scheduledPurgeDate": seconds(self.purge_at),
        });
        crud::set(&mut properties, id_field, json!(self.vault.id));
        // Azure leaves the field out where purge protection is off.
        if self.is_purge_protected() {
            crud::set(&mut properties, "purgeProtectionEnabled", json!(true));
        }
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{location}/{kind}/{name}"),
            "name": name,
            "type": format!("Microsoft.KeyVault/{kind}"),
            "properties": properties,
        })
    }
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What tells vaults from HSMs here.
struct Kind {
    word: &'static str,
    id_field: &'static str,
    not_found: &'static str,
    purge: &'static str,
    remove: fn(&mut Tenant, &str),
    all: fn(&Tenant) -> &std::collections::BTreeMap<String, DeletedVault>,
}

/// Answers requests about deleted vaults.
pub(super) fn vaults(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let kind = Kind {
        word: "deletedVaults",
        id_field: "vaultId",
        not_found: "DeletedVaultNotFound",
        purge: "DeletedVaultPurge",
        remove: purge_vault,
        all: |tenant| &tenant.deleted_vaults,
    };
    answer(tenant, request, path, &kind)
}

/// Answers requests about deleted Managed HSMs.
pub(super) fn hsms(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let kind = Kind {
        word: "deletedManagedHSMs",
        id_field: "mhsmId",
        not_found: "NotFound",
        purge: "DeletedManagedHsmPurge",
        remove: purge_hsm,
        all: |tenant| &tenant.deleted_hsms,
    };
    answer(tenant, request, path, &kind)
}

fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &Kind) -> Answer {
    if path.names.is_empty() {
        let deleted = (kind.all)(tenant).values().filter(|deleted| deleted.is_in(path.subscription_id()));
        let views = deleted.map(|deleted| deleted.view(kind.word, kind.id_field)).collect();
        return crud::list(tenant, request, views);
    }
    let [location, name] = path.names.as_slice() else { return crud::not_found(path) };
    let is_it = |deleted: &&DeletedVault| {
        deleted.is_in(path.subscription_id()) && text(&deleted.vault.body, "/location").eq_ignore_ascii_case(location)
    };
    let Some(deleted) = (kind.all)(tenant).get(&name.to_ascii_lowercase()).filter(is_it).cloned() else {
        return Answer::error(404, kind.not_found, &format!("The specified deleted vault '{name}' does not exist."));
    };
    match (&request.method, path.types.len()) {
        (&Method::GET, 2) => Answer::ok(deleted.view(kind.word, kind.id_field)),
        (&Method::POST, 3) => purge(tenant, &deleted, kind, request.now),
        _ => crud::method_not_allowed(request),
    }
}

fn purge(tenant: &mut Tenant, deleted: &DeletedVault, kind: &Kind, now: Timestamp) -> Answer {
    if deleted.is_purge_protected() {
        return Answer::error(405, "MethodNotAllowed", &format!("Operation \"{}\" is not allowed.", kind.purge));
    }
    let name = text(&deleted.vault.body, "/name").to_ascii_lowercase();
    let remove = kind.remove;
    let ticket = tenant.begin_operation(&deleted.vault.id, "Microsoft.KeyVault", now, move |tenant, _| remove(tenant, &name));
    Answer::accepted(&ticket)
}
