//! A small model of Azure: what each change makes of the world that it was planned for. It refuses what Azure refuses, and whatever
//! takes something away.

use std::collections::BTreeSet;

use reprieve_core::Known;
use reprieve_core::azure::change::Change;
use reprieve_core::azure::desired::Desired;
use reprieve_core::azure::id::{KeyReference, ResourceId};
use reprieve_core::azure::world::{
    ActionGroup, ActivityLogAlert, BlobService, Companion, Container, DiagnosticSetting, Immutability, ServerParameter, SqlAuditing, Vault,
    VaultObject, World,
};
use reprieve_core::facts::Tags;
use serde_json::Value;

use super::scene::{Scene, vault};

type Outcome = Result<(), String>;

/// Carries a change out, or says why Azure refuses it.
pub(crate) fn apply(scene: &mut Scene, change: &Change) -> Outcome {
    let remembered_enabled = scene.memory.object.as_ref().and_then(|inventory| inventory.enabled).unwrap_or(true);
    match (change, &mut scene.world) {
        (Change::PatchVault { soft_delete, purge_protection, .. }, World::VaultProtection { vault: Known::Is(vault), .. }) => {
            patch_vault(vault, *soft_delete, *purge_protection)
        }
        (Change::RecoverVault { vault: id, .. }, World::Vault { vault: present, deleted, companions }) => {
            expect(matches!(present, Known::Absent) && deleted.value().is_some(), "there is nothing to recover")?;
            (*present, *deleted, *companions) = (Known::Is(vault(id)), Known::Absent, Known::Is(Vec::new()));
            Ok(())
        }
        (Change::RestoreCompanion { companion }, World::Vault { vault: Known::Is(_), companions, .. }) => restore(companions, companion),
        (Change::RecoverObject { .. }, World::VaultObject { object, deleted: deleted @ Known::Is(_) }) => {
            let recovered = VaultObject { enabled: remembered_enabled, tags: Tags::new(), version: None, managed: false };
            (*object, *deleted) = (Known::Is(recovered), Known::Absent);
            Ok(())
        }
        (Change::EnableKey { .. }, World::VaultObject { object: Known::Is(object), .. }) => {
            object.enabled = true;
            Ok(())
        }
        (Change::PutRotationPolicy { policy, .. }, World::RotationPolicy { object: Known::Is(_), rotation }) => {
            expect(policy.rotates(), "the policy does not rotate")?;
            *rotation = Known::Is(policy.clone());
            Ok(())
        }
        (Change::PutBlobService { properties, .. }, World::StorageProtection { service: Known::Is(service), .. }) => {
            put_service(service, properties)
        }
        (Change::AssignIdentity { .. } | Change::GrantKeyUse { .. } | Change::SetKeySource { .. }, World::LogEncryption { .. }) => {
            encrypt(scene, change)
        }
        (change, World::AuditContainer { container, deleted_version, immutability, .. }) => {
            keep(change, container, deleted_version, immutability)
        }
        (Change::PutSqlAuditing { properties, .. }, World::DatabaseAuditing { sql, identity_may_write, .. }) => {
            put_auditing(sql, identity_may_write, properties)
        }
        (Change::PutServerParameter { name, value, .. }, World::DatabaseAuditing { parameters, .. }) => {
            put_parameter(parameters, name, value);
            Ok(())
        }
        (
            Change::PutDiagnosticSetting { setting, properties },
            World::DatabaseAuditing { settings, .. } | World::VaultLogging { settings, .. } | World::Alerts { settings, .. },
        ) => put_setting(settings, setting, properties, &scene.desired),
        (Change::PutActivityLogAlert { alert, properties }, World::Alerts { alerts, .. }) => put_alert(alerts, alert, properties),
        (Change::RestoreActionGroup { body, .. }, World::Alerts { group: group @ Known::Absent, .. }) => {
            let receivers = body.pointer("/properties/emailReceivers").and_then(Value::as_array).map_or(0, Vec::len);
            expect(receivers > 0, "it calls nobody")?;
            *group = Known::Is(ActionGroup { enabled: true, receivers: u32::try_from(receivers).unwrap(), kept: None });
            Ok(())
        }
        (Change::EnableActionGroup { .. }, World::Alerts { group: Known::Is(group), .. }) => {
            group.enabled = true;
            Ok(())
        }
        (change, world) => Err(format!("`{change}` makes no sense in {world:?}")),
    }
}

fn expect(is_right: bool, refusal: &str) -> Outcome {
    if is_right { Ok(()) } else { Err(refusal.to_owned()) }
}

fn patch_vault(vault: &mut Vault, soft_delete: bool, purge_protection: bool) -> Outcome {
    expect(soft_delete || purge_protection, "a patch of nothing")?;
    vault.soft_delete |= soft_delete;
    vault.purge_protection |= purge_protection;
    expect(
        vault.soft_delete || !vault.purge_protection || vault.id.is("Microsoft.KeyVault/managedHSMs"),
        "purge protection needs soft delete",
    )
}

fn restore(companions: &mut Known<Vec<Companion>>, companion: &Companion) -> Outcome {
    let grant = |companion: &Companion| {
        let property = |name: &str| companion.properties.get(name).cloned();
        Some((property("principalId")?, property("roleDefinitionId")?))
    };
    let mut all = companions.value().cloned().unwrap_or_default();
    expect(!all.iter().any(|other| grant(other).is_some() && grant(other) == grant(companion)), "RoleAssignmentExists")?;
    all.push(companion.clone());
    *companions = Known::Is(all);
    Ok(())
}

fn days(properties: &Value, policy: &str) -> Option<u32> {
    let policy = properties.get(policy)?;
    policy.get("enabled")?.as_bool()?.then_some(())?;
    u32::try_from(policy.get("days")?.as_u64()?).ok()
}

fn put_service(service: &mut BlobService, properties: &Value) -> Outcome {
    for (name, value) in service.properties.as_object().into_iter().flatten() {
        let is_ours = ["deleteRetentionPolicy", "containerDeleteRetentionPolicy", "isVersioningEnabled"].contains(&name.as_str());
        expect(is_ours || properties.get(name) == Some(value), "it drops what is there")?;
    }
    let versioning = properties.get("isVersioningEnabled").and_then(Value::as_bool);
    let after = BlobService {
        delete_retention_days: days(properties, "deleteRetentionPolicy").or(service.delete_retention_days),
        container_delete_retention_days: days(properties, "containerDeleteRetentionPolicy").or(service.container_delete_retention_days),
        versioning: versioning.unwrap_or(service.versioning),
        properties: properties.clone(),
    };
    let is_kept = after.delete_retention_days >= service.delete_retention_days
        && after.container_delete_retention_days >= service.container_delete_retention_days
        && after.versioning >= service.versioning;
    expect(is_kept, "it shortens, or switches off")?;
    let restore_days = days(properties, "restorePolicy");
    expect(restore_days.is_none_or(|restore| after.delete_retention_days > Some(restore)), "restore needs a longer soft delete")?;
    *service = after;
    Ok(())
}

/// Azure lets an account use a key only by an identity that it has, that may use the key, of a vault that is protected.
fn encrypt(scene: &mut Scene, change: &Change) -> Outcome {
    let World::LogEncryption { account: Known::Is(account), approved: Known::Is(approved), present_identity_may_use_key, .. } =
        &mut scene.world
    else {
        return Err("an account or a key that was not read".to_owned());
    };
    if let Change::AssignIdentity { identities, system_identity, identity, .. } = change {
        let after: BTreeSet<ResourceId> = identities.iter().cloned().collect();
        expect(after.is_superset(&account.identities) && after.contains(identity), "it takes an identity away")?;
        expect(*system_identity == account.system_identity, "it changes the system-assigned identity")?;
        account.identities = after;
    }
    if let Change::GrantKeyUse { vault, principal_id } = change {
        expect(approved.vault.value().is_some_and(|known| known.id == *vault && known.access_by_roles), "a vault that knows no roles")?;
        expect(approved.identity_principal == Known::Is(principal_id.clone()), "another principal")?;
        approved.identity_may_use_key = Known::Is(true);
        if account.key_identity == scene.desired.log_identity {
            *present_identity_may_use_key = Known::Is(true);
        }
    }
    if let Change::SetKeySource { key, identity, .. } = change {
        let is_protected = approved.vault.value().is_some_and(|vault| vault.soft_delete && vault.purge_protection);
        let is_usable = approved.object.value().is_some_and(|object| object.enabled) && approved.identity_may_use_key == Known::Is(true);
        expect(account.identities.contains(identity) && is_protected && is_usable, "the account could not read its key")?;
        expect(key.version.is_none() && scene.desired.allows(key), "a pinned key, or one that is not allowed")?;
        (account.customer_managed, account.key, account.key_identity) = (true, Some(key.clone()), Some(identity.clone()));
        *present_identity_may_use_key = Known::Is(true);
    }
    Ok(())
}

fn keep(
    change: &Change,
    container: &mut Known<Container>,
    deleted_version: &mut Known<String>,
    immutability: &mut Known<Immutability>,
) -> Outcome {
    let is_there = container.value().is_some();
    match (change, &mut *immutability) {
        (Change::RestoreContainer { container: id, version }, _) => {
            expect(!is_there && *deleted_version == Known::Is(version.clone()), "there is nothing to restore")?;
            *container = Known::Is(Container { id: id.clone(), version_level_immutability: false });
            (*deleted_version, *immutability) = (Known::Absent, Known::Absent);
        }
        (Change::CreateContainer { container: id }, _) => {
            expect(!is_there && *deleted_version == Known::Absent, "it is there, or can be restored")?;
            *container = Known::Is(Container { id: id.clone(), version_level_immutability: false });
            *immutability = Known::Absent;
        }
        (Change::PutImmutabilityPolicy { days, etag, .. }, Known::Absent) => {
            expect(is_there && etag.is_none(), "no container, or no such policy")?;
            *immutability = Known::Is(Immutability { days: *days, locked: false, append_allowed: true, etag: "\"put\"".to_owned() });
        }
        (Change::PutImmutabilityPolicy { days, etag, .. }, Known::Is(policy)) => {
            expect(is_there && !policy.locked && etag.as_ref() == Some(&policy.etag), "locked, or changed meanwhile")?;
            expect(*days >= policy.days, "it shortens")?;
            *policy = Immutability { days: *days, locked: false, append_allowed: true, etag: "\"put\"".to_owned() };
        }
        (Change::ExtendImmutabilityPolicy { days, etag, .. }, Known::Is(policy)) => {
            expect(policy.locked && *etag == policy.etag && *days > policy.days, "unlocked, changed meanwhile, or no longer")?;
            policy.days = *days;
        }
        (Change::LockImmutabilityPolicy { etag, .. }, Known::Is(policy)) => {
            expect(!policy.locked && etag.as_ref().is_none_or(|etag| *etag == policy.etag), "locked, or changed meanwhile")?;
            policy.locked = true;
        }
        (other, _) => return Err(format!("`{other}` makes no sense for this container")),
    }
    Ok(())
}

fn put_auditing(sql: &mut Known<SqlAuditing>, may_write: &Known<bool>, properties: &Value) -> Outcome {
    let takes_key = sql.value().is_some_and(SqlAuditing::works_by_key);
    expect(!takes_key || *may_write == Known::Is(true), "it takes away the access key by which auditing works")?;
    expect(properties.get("storageAccountAccessKey").is_none(), "it sends an access key")?;
    let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str| properties.get(name).and_then(Value::as_bool).unwrap_or_default();
    let retention = properties.get("retentionDays").and_then(Value::as_u64).unwrap_or_default();
    let after = SqlAuditing {
        enabled: text("state").as_deref() == Some("Enabled"),
        storage_endpoint: text("storageEndpoint"),
        retention_days: u32::try_from(retention).unwrap(),
        to_azure_monitor: flag("isAzureMonitorTargetEnabled"),
        by_identity: flag("isManagedIdentityInUse"),
        properties: properties.clone(),
    };
    let longest = |days: u32| if days == 0 { u32::MAX } else { days };
    let is_kept = sql.value().is_none_or(|before| longest(after.retention_days) >= longest(before.retention_days));
    expect(after.enabled && is_kept, "it shortens, or leaves auditing off")?;
    expect(after.storage_endpoint.is_none() || after.by_identity, "storage needs an access key or the identity")?;
    *sql = Known::Is(after);
    Ok(())
}

fn put_parameter(parameters: &mut Known<Vec<ServerParameter>>, name: &str, value: &str) {
    let mut after: Vec<ServerParameter> = parameters.value().cloned().unwrap_or_default();
    after.retain(|parameter| !parameter.name.eq_ignore_ascii_case(name));
    after.push(ServerParameter { name: name.to_owned(), value: value.to_owned() });
    *parameters = Known::Is(after);
}

fn ids(value: Option<&Value>) -> Option<ResourceId> {
    ResourceId::parse(value?.as_str()?).ok()
}

/// Azure asks for a right on each destination, which the guard has on what is configured alone.
fn may_lead_to_all(setting: &DiagnosticSetting, desired: &Desired) -> bool {
    let rule = desired.audit_route.as_ref().map(|route| &route.event_hub_rule);
    setting.workspace.is_none()
        && (setting.storage.is_none() || setting.storage == desired.log_storage)
        && (setting.event_hub_rule.is_none() || setting.event_hub_rule.as_ref() == rule)
}

fn put_setting(settings: &mut Known<Vec<DiagnosticSetting>>, id: &ResourceId, properties: &Value, desired: &Desired) -> Outcome {
    let logs = properties.get("logs").and_then(Value::as_array).ok_or("no logs")?;
    let named = |log: &Value| {
        Some((log.get("category").or_else(|| log.get("categoryGroup"))?.as_str()?.to_lowercase(), log.get("enabled")?.as_bool()?))
    };
    let categories: Option<Vec<(String, bool)>> = logs.iter().map(named).collect();
    let categories = categories.ok_or("a log without its name")?;
    expect(!categories.is_empty() && categories.iter().all(|(_, enabled)| *enabled), "a log is off")?;
    expect(
        logs.iter().all(|log| log.get("category").is_some()) || logs.iter().all(|log| log.get("category").is_none()),
        "groups and categories",
    )?;
    let after = DiagnosticSetting {
        name: id.name().to_owned(),
        storage: ids(properties.get("storageAccountId")),
        event_hub_rule: ids(properties.get("eventHubAuthorizationRuleId")),
        event_hub_name: properties.get("eventHubName").and_then(Value::as_str).map(str::to_owned),
        workspace: ids(properties.get("workspaceId")),
        categories: categories.into_iter().map(|(category, _)| category).collect(),
    };
    let mut all: Vec<DiagnosticSetting> = settings.value().cloned().unwrap_or_default();
    let before = all.iter().position(|setting| setting.name.eq_ignore_ascii_case(&after.name)).map(|index| all.remove(index));
    if let Some(before) = before {
        expect(after.categories.is_superset(&before.categories), "it drops what the setting logs")?;
    }
    expect(after.storage.is_some() || after.event_hub_rule.is_some(), "it leads nowhere")?;
    expect(may_lead_to_all(&after, desired), "LinkedAuthorizationFailed")?;
    let is_taken = |other: &DiagnosticSetting| {
        let shares = !other.categories.is_disjoint(&after.categories);
        shares
            && ((other.storage.is_some() && other.storage == after.storage)
                || (other.event_hub_name.is_some() && other.event_hub_name == after.event_hub_name))
    };
    expect(!all.iter().any(is_taken), "a destination that another setting uses for the same category")?;
    expect(all.len() < 5, "five settings already")?;
    all.push(after);
    *settings = Known::Is(all);
    Ok(())
}

fn put_alert(alerts: &mut Known<Vec<ActivityLogAlert>>, id: &ResourceId, properties: &Value) -> Outcome {
    let texts = |pointer: &str, name: &str| -> Vec<String> {
        let all = properties.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        all.iter().filter_map(|value| if name.is_empty() { value.as_str() } else { value.get(name)?.as_str() }.map(str::to_owned)).collect()
    };
    let fields = texts("/condition/allOf", "field");
    expect(fields == ["category", "operationName"], "another condition")?;
    let operation = texts("/condition/allOf", "equals").pop().unwrap_or_default().to_lowercase();
    let parse = |texts: Vec<String>| texts.iter().map(|text| ResourceId::parse(text).unwrap()).collect();
    let after = ActivityLogAlert {
        id: id.clone(),
        enabled: properties.get("enabled").and_then(Value::as_bool).unwrap_or_default(),
        scopes: parse(texts("/scopes", "")),
        operations: [operation].into(),
        is_narrowed: false,
        action_groups: parse(texts("/actions/actionGroups", "actionGroupId")),
    };
    expect(after.scopes.iter().all(|scope| scope.subscription() == id.subscription()), "a scope in another subscription")?;
    let mut all = alerts.value().cloned().unwrap_or_default();
    let before = all.iter().position(|alert| alert.id == *id).map(|index| all.remove(index));
    expect(before.is_none_or(|before| after.action_groups.is_superset(&before.action_groups)), "it no longer calls whom it called")?;
    all.push(after);
    *alerts = Known::Is(all);
    Ok(())
}

/// Returns the key that an account has and cannot read, if any.
pub(crate) fn lost_key(scene: &Scene) -> Option<KeyReference> {
    let World::LogEncryption { account: Known::Is(account), present_identity_may_use_key, .. } = &scene.world else { return None };
    let may_use = *present_identity_may_use_key == Known::Is(true);
    account.key.clone().filter(|_| !may_use)
}
