//! When an account takes a key, when it does not, and what it answers once the key is out of reach.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::bench::{Bench, GROUP, SUBSCRIPTION, at, code};
use crate::key_vault::store::{KeyMaterial, Material, Object, ObjectKind, State, VaultData, Version};
use crate::tenant::Options;

const HOST: &str = "kv-prod.vault.azure.net";
const PRINCIPAL: &str = "22222222-2222-2222-2222-222222222222";

fn vault_id() -> String {
    format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod")
}

fn identity_id() -> String {
    format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1")
}

/// A vault with the key `logs`, and an identity that may use it.
fn plant(bench: &mut Bench, is_recoverable: bool) {
    let properties = json!({
        "vaultUri": format!("https://{HOST}/"), "enableRbacAuthorization": true, "enableSoftDelete": true, "enablePurgeProtection": is_recoverable,
    });
    let body = json!({ "id": vault_id(), "name": "kv-prod", "type": "Microsoft.KeyVault/vaults", "properties": properties });
    bench.tenant.put_resource(&vault_id(), body, bench.now);
    let material = KeyMaterial {
        key_type: "RSA".to_owned(),
        size_bits: 3072,
        operations: vec!["wrapKey".to_owned(), "unwrapKey".to_owned()],
        secret: [7; 32],
    };
    let version = Version::new(Material::Key(material), &Value::Null, None, bench.now);
    let state = State::Live { from: bench.now };
    let key = Object { name: "logs".to_owned(), versions: vec![version], policy: None, is_managed: false, state };
    let mut data = VaultData::of_vault(&vault_id());
    data.objects.insert((ObjectKind::Key, "logs".to_owned()), key);
    bench.tenant.data.insert(HOST.to_owned(), data);
    let identity = json!({ "id": identity_id(), "name": "id1", "properties": { "principalId": PRINCIPAL, "clientId": PRINCIPAL } });
    bench.tenant.put_resource(&identity_id(), identity, bench.now);
}

fn role_id() -> String {
    format!("{}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111", vault_id())
}

fn grant(bench: &mut Bench) {
    let role = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6");
    let properties = json!({ "roleDefinitionId": role, "principalId": PRINCIPAL, "principalType": "ServicePrincipal" });
    assert_eq!(bench.arm("PUT", &role_id(), Some(json!({ "properties": properties }))).status, 201);
}

fn assigned() -> Value {
    let mut identities = Map::new();
    identities.insert(identity_id(), json!({}));
    json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": identities } })
}

fn customer_managed(key: &str) -> Value {
    json!({ "properties": { "encryption": {
        "keySource": "Microsoft.Keyvault",
        "keyvaultproperties": { "keyname": key, "keyvaulturi": format!("https://{HOST}") },
        "identity": { "userAssignedIdentity": identity_id() },
    } } })
}

/// An account under the key `logs`, with a blob in it.
fn encrypted(bench: &mut Bench) -> String {
    plant(bench, true);
    grant(bench);
    let account = bench.account("stlogs01");
    bench.container(&account, "audit");
    assert_eq!(bench.arm("PATCH", &account, Some(assigned())).status, 200);
    let answer = bench.arm("PATCH", &account, Some(customer_managed("logs")));
    assert_eq!(answer.status, 200, "{answer:?}");
    let written = bench.blob("stlogs01", "PUT", "/audit/a", "1", &[("x-ms-blob-type", "BlockBlob")]);
    assert_eq!(written.status, 201, "{written:?}");
    account
}

#[test]
fn a_key_that_can_be_used_is_taken_with_its_version() {
    let mut bench = Bench::new();
    let account = encrypted(&mut bench);
    let read = bench.arm("GET", &account, None);
    assert_eq!(at(&read, "/properties/encryption/keySource"), &json!("Microsoft.Keyvault"));
    let key = at(&read, "/properties/encryption/keyvaultproperties/currentVersionedKeyIdentifier");
    assert!(key.as_str().is_some_and(|key| key.starts_with("https://kv-prod.vault.azure.net/keys/logs/")), "{key}");
    assert_eq!(at(&read, "/properties/encryption/services/blob/enabled"), &json!(true));
}

/// What is missing when an account asks for a key.
#[derive(Debug, Clone, Copy)]
enum Lack {
    Identity,
    Role,
    Key,
    PurgeProtection,
    Vault,
    Properties,
}

#[test]
fn a_key_that_cannot_be_used_is_not_taken() {
    for (lack, expected) in [
        (Lack::Identity, "InvalidValuesForRequestParameters"),
        (Lack::Role, "KeyVaultAuthenticationFailure"),
        (Lack::Key, "KeyVaultKeyNotFound"),
        (Lack::PurgeProtection, "KeyVaultPolicyError"),
        (Lack::Vault, "KeyVaultVaultNotFound"),
        (Lack::Properties, "MissingKeyvaultProperties"),
    ] {
        let mut bench = Bench::new();
        plant(&mut bench, !matches!(lack, Lack::PurgeProtection));
        if !matches!(lack, Lack::Role) {
            grant(&mut bench);
        }
        let account = bench.account("stlogs01");
        if !matches!(lack, Lack::Identity) {
            bench.arm("PATCH", &account, Some(assigned()));
        }
        let mut wanted = customer_managed(if matches!(lack, Lack::Key) { "none" } else { "logs" });
        if matches!(lack, Lack::Properties) {
            wanted = json!({ "properties": { "encryption": { "keySource": "Microsoft.Keyvault" } } });
        }
        if matches!(lack, Lack::Vault) {
            bench.tenant.remove_resource(&vault_id());
        }
        let answer = bench.arm("PATCH", &account, Some(wanted));
        assert_eq!((answer.status, code(&answer)), (400, expected), "{lack:?}");
        let read = bench.arm("GET", &account, None);
        assert_eq!(at(&read, "/properties/encryption/keySource"), &json!("Microsoft.Storage"), "{lack:?}");
    }
}

#[test]
fn a_role_that_has_not_spread_yet_does_not_count() {
    let mut bench = Bench::with(Options { role_propagation: Duration::from_mins(1), ..Options::default() });
    plant(&mut bench, true);
    grant(&mut bench);
    let account = bench.account("stlogs01");
    bench.arm("PATCH", &account, Some(assigned()));
    assert_eq!(code(&bench.arm("PATCH", &account, Some(customer_managed("logs")))), "KeyVaultAuthenticationFailure");
    bench.pass(SignedDuration::from_mins(1));
    assert_eq!(bench.arm("PATCH", &account, Some(customer_managed("logs"))).status, 200);
}

/// How a key gets out of an account's reach.
#[derive(Debug, Clone, Copy)]
enum Loss {
    KeyDisabled,
    KeyDeleted,
    VaultDeleted,
    RoleRevoked,
    IdentityDeleted,
}

fn lose(bench: &mut Bench, loss: Loss) {
    let now = bench.now;
    let key = bench.tenant.data.get_mut(HOST).and_then(|data| data.object_mut(ObjectKind::Key, "logs")).expect("the key");
    match loss {
        Loss::KeyDisabled => key.versions.iter_mut().for_each(|version| version.is_enabled = false),
        Loss::KeyDeleted => key.state = State::Deleted { deleted_at: now, ready_at: now, purge_at: now },
        Loss::VaultDeleted => drop(bench.tenant.remove_resource(&vault_id())),
        Loss::RoleRevoked => assert_eq!(bench.arm("DELETE", &role_id(), None).status, 200),
        Loss::IdentityDeleted => drop(bench.tenant.remove_resource(&identity_id())),
    }
}

#[test]
fn an_account_that_lost_its_key_answers_no_data() {
    for (loss, expected) in [
        (Loss::KeyDisabled, "KeyVaultEncryptionKeyNotFound"),
        (Loss::KeyDeleted, "KeyVaultEncryptionKeyNotFound"),
        (Loss::VaultDeleted, "KeyVaultVaultNotFound"),
        (Loss::RoleRevoked, "KeyVaultEncryptionKeyNotFound"),
        (Loss::IdentityDeleted, "KeyVaultAccessTokenCannotBeAcquired"),
    ] {
        let mut bench = Bench::new();
        encrypted(&mut bench);
        lose(&mut bench, loss);
        for method in ["GET", "PUT", "HEAD"] {
            let answer = bench.blob("stlogs01", method, "/audit/a", "2", &[("x-ms-blob-type", "BlockBlob")]);
            assert_eq!((answer.status, code(&answer)), (403, expected), "{loss:?} {method}");
        }
    }
}

#[test]
fn an_account_without_its_key_still_lists_names() {
    let mut bench = Bench::new();
    encrypted(&mut bench);
    lose(&mut bench, Loss::KeyDisabled);
    assert_eq!(bench.blob("stlogs01", "GET", "/audit?restype=container&comp=list", "", &[]).status, 200);
    assert_eq!(bench.blob("stlogs01", "GET", "/audit?restype=container&comp=list&include=metadata", "", &[]).status, 403);
}

#[test]
fn an_account_goes_back_to_microsofts_keys() {
    let mut bench = Bench::new();
    let account = encrypted(&mut bench);
    let answer = bench.arm("PATCH", &account, Some(json!({ "properties": { "encryption": { "keySource": "Microsoft.Storage" } } })));
    assert_eq!(at(&answer, "/properties/encryption/keyvaultproperties"), &Value::Null);
    lose(&mut bench, Loss::KeyDisabled);
    assert_eq!(bench.blob("stlogs01", "GET", "/audit/a", "", &[]).status, 200);
}

#[test]
fn a_new_version_of_the_key_is_rotated_in_with_the_next_write() {
    let mut bench = Bench::new();
    let account = encrypted(&mut bench);
    let pointer = "/properties/encryption/keyvaultproperties/lastKeyRotationTimestamp";
    let before = at(&bench.arm("GET", &account, None), pointer).clone();
    bench.pass(SignedDuration::from_hours(1));
    bench.arm("PATCH", &account, Some(customer_managed("logs")));
    assert_eq!(at(&bench.arm("GET", &account, None), pointer), &before);
    let key = bench.tenant.data.get_mut(HOST).and_then(|data| data.object_mut(ObjectKind::Key, "logs")).expect("the key");
    let mut newer = key.versions.first().expect("a version").clone();
    newer.id = "ffffffffffffffffffffffffffffffff".to_owned();
    key.versions.push(newer);
    bench.arm("PATCH", &account, Some(customer_managed("logs")));
    assert_ne!(at(&bench.arm("GET", &account, None), pointer), &before);
}
