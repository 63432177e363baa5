//! What the Azure guard is configured with: what it guards, as whom, what is asked for, who approves.

use std::collections::BTreeSet;
use std::time::Duration;

use reprieve_core::azure::{AuditRoute, Desired, KeyReference, PurgeProtection, ResourceId, SubscriptionId};
use reprieve_core::{ApprovalRules, Mode};
use tracing_subscriber::filter::Targets;

use super::ConfigurationError;
use super::reader::{Reader, approval_keys, flag, items, mode, name_of, number_in, optional};
use super::recording::public_keys;
use crate::environment::{
    ACTION_GROUP, ALERTS_GROUP, ALLOWED_VAULTS, APPROVAL_KEYS, AZURE_ENDPOINT_URL, BREAK_GLASS_HOURS, BREAK_GLASS_PRINCIPALS, CLIENT_ID,
    CUSTOM_HANDLER_PORT, EVENT_HUB_NAME, EVENT_HUB_RULE, FORMER_SEAL_KEYS, IMMUTABILITY_DAYS, LOCK_IMMUTABILITY, LOG, LOG_IDENTITY,
    LOG_KEY, LOG_STORAGE, MODE, POLICY_CONTAINER, PRINCIPAL_ID, PURGE_PROTECTION, SANDBOX_SUBSCRIPTIONS, SEAL_KEY, SOFT_DELETE_DAYS,
    STORAGE_ACCOUNT, SUBSCRIPTIONS, SWEEP_BUDGET_SECONDS, TENANT_ID, WEBHOOKS,
};
use crate::telemetry;

/// What the Azure guard is configured with.
#[derive(Debug, Clone)]
pub struct AzureConfiguration {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// What is logged.
    pub log: Targets,
    /// The port on which the Functions host calls.
    pub port: u16,
    /// The tenant.
    pub tenant_id: String,
    /// The client id of our identity.
    pub client_id: String,
    /// The object id of our identity.
    pub principal_id: String,
    /// The storage account of the ledger and the audit records.
    pub storage_account: String,
    /// The container of the user's own policies, in that account.
    pub policy_container: Option<String>,
    /// The key that signs seals; without one, nothing is sealed.
    pub seal_key: Option<KeyReference>,
    /// The public keys that sealed before, as one text of PEM blocks; empty where there are none.
    pub former_seal_keys: String,
    /// The chats that hear notices, as they are written. A secret.
    pub webhooks: String,
    /// What is asked for.
    pub desired: Desired,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// How long a sweep may take.
    pub sweep_budget: Duration,
    /// A local sandbox, in place of Azure.
    pub endpoint_url: Option<String>,
}

impl AzureConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let mode = reader.read(MODE, mode);
        let log = reader.read(LOG, telemetry::parse_filter);
        let port = reader.read(CUSTOM_HANDLER_PORT, |text| text.parse().map_err(|_| "is none".to_owned()));
        let tenant_id = reader.read(TENANT_ID, guid);
        let client_id = reader.read(CLIENT_ID, guid);
        let principal_id = reader.read(PRINCIPAL_ID, guid);
        let storage_account = reader.read(STORAGE_ACCOUNT, name_of(3..=24, b""));
        let policy_container = reader.read(POLICY_CONTAINER, optional(name_of(3..=63, b"-")));
        let seal_key = reader.read(SEAL_KEY, optional(unpinned_key));
        let former_seal_keys = reader.read(FORMER_SEAL_KEYS, public_keys);
        let webhooks = reader.read(WEBHOOKS, |text| Ok(text.to_owned()));
        let desired = read_desired(&mut reader);
        let rules = read_rules(&mut reader);
        let sweep_budget = reader.read(SWEEP_BUDGET_SECONDS, number_in(10..=270));
        let endpoint_url = reader.read(AZURE_ENDPOINT_URL, optional(local_url));
        let assembled = || {
            Some(Self {
                mode: mode?,
                log: log?,
                port: port?,
                tenant_id: tenant_id?,
                client_id: client_id?,
                principal_id: principal_id?,
                storage_account: storage_account?,
                policy_container: policy_container?,
                seal_key: seal_key?,
                former_seal_keys: former_seal_keys?,
                webhooks: webhooks?,
                desired: desired?,
                rules: rules?,
                sweep_budget: Duration::from_secs(u64::from(sweep_budget?)),
                endpoint_url: endpoint_url?,
            })
        };
        reader.finish(assembled())
    }
}

fn read_desired(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Desired> {
    let subscriptions = reader.read(SUBSCRIPTIONS, |text| some(subscriptions(text)?));
    let purge_protection = reader.read(PURGE_PROTECTION, |text| PurgeProtection::parse(text).ok_or_else(|| "is none of them".to_owned()));
    let soft_delete_days = reader.read(SOFT_DELETE_DAYS, number_in(1..=365));
    let immutability_days = reader.read(IMMUTABILITY_DAYS, number_in(1..=146_000));
    let lock_immutability = reader.read(LOCK_IMMUTABILITY, flag);
    let allowed_vaults = reader.read(ALLOWED_VAULTS, |text| {
        items(text).map(of_type(&["Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs"])).collect::<Result<BTreeSet<_>, _>>()
    });
    let log_key = reader.read(LOG_KEY, optional(unpinned_key));
    let log_identity = reader.read(LOG_IDENTITY, optional(of_type(&["Microsoft.ManagedIdentity/userAssignedIdentities"])));
    let log_storage = reader.read(LOG_STORAGE, optional(of_type(&["Microsoft.Storage/storageAccounts"])));
    let rule = of_type(&["Microsoft.EventHub/namespaces/authorizationRules", "Microsoft.EventHub/namespaces/eventhubs/authorizationRules"]);
    let event_hub_rule = reader.read(EVENT_HUB_RULE, optional(rule));
    let event_hub_name = reader.read(EVENT_HUB_NAME, optional(name_of(1..=256, b"._-")));
    let action_group = reader.read(ACTION_GROUP, optional(of_type(&["Microsoft.Insights/actionGroups"])));
    let alerts_group = reader.read(ALERTS_GROUP, optional(of_type(&["Microsoft.Resources/subscriptions/resourceGroups"])));
    let desired = Desired {
        subscriptions: subscriptions?,
        purge_protection: purge_protection?,
        soft_delete_days: soft_delete_days?,
        immutability_days: immutability_days?,
        lock_immutability: lock_immutability?,
        allowed_vaults: allowed_vaults?,
        log_key: log_key?,
        log_identity: log_identity?,
        log_storage: log_storage?,
        audit_route: event_hub_rule?
            .zip(event_hub_name?)
            .map(|(event_hub_rule, event_hub_name)| AuditRoute { event_hub_rule, event_hub_name }),
        action_group: action_group?,
        alerts_group: alerts_group?,
    };
    if let Some(key) = desired.log_key.as_ref().filter(|_| desired.log_vault().is_none()) {
        reader.complain(LOG_KEY, &format!("`{key}` is in no vault of `{}`", ALLOWED_VAULTS.name));
    }
    Some(desired)
}

fn read_rules(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<ApprovalRules> {
    let keys = reader.read(APPROVAL_KEYS, approval_keys);
    let break_glass_principals =
        reader.read(BREAK_GLASS_PRINCIPALS, |text| items(text).map(|id| guid(id).map(|id| id.to_ascii_lowercase())).collect());
    let break_glass_hours = reader.read(BREAK_GLASS_HOURS, number_in(1..=168));
    let sandbox_subscriptions = reader.read(SANDBOX_SUBSCRIPTIONS, subscriptions);
    Some(ApprovalRules {
        keys: keys?,
        break_glass_principals: break_glass_principals?,
        break_glass_hours: break_glass_hours?,
        sandbox_subscriptions: sandbox_subscriptions?,
        ..ApprovalRules::default()
    })
}

fn subscriptions(text: &str) -> Result<BTreeSet<SubscriptionId>, String> {
    items(text).map(|id| guid(id).and_then(|id| SubscriptionId::parse(&id).map_err(|error| error.to_string()))).collect()
}

fn some<T>(set: BTreeSet<T>) -> Result<BTreeSet<T>, String> {
    if set.is_empty() { Err("names none".to_owned()) } else { Ok(set) }
}

fn guid(text: &str) -> Result<String, String> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let is_guid = lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_guid { Ok(text.to_owned()) } else { Err("is no GUID".to_owned()) }
}

fn of_type(types: &'static [&'static str]) -> impl Fn(&str) -> Result<ResourceId, String> {
    move |text| {
        let id = ResourceId::parse(text).map_err(|error| error.to_string())?;
        if types.iter().any(|resource_type| id.is(resource_type)) {
            Ok(id)
        } else {
            Err(format!("is of the type `{}`", id.resource_type()))
        }
    }
}

/// Rotation is followed only where no version is pinned.
fn unpinned_key(text: &str) -> Result<KeyReference, String> {
    let key = KeyReference::parse(text).map_err(|error| error.to_string())?;
    if key.version.is_some() { Err("names a version".to_owned()) } else { Ok(key) }
}

/// The transport checks again that it is on this machine.
fn local_url(text: &str) -> Result<String, String> {
    if text.starts_with("http://127.0.0.1:") || text.starts_with("http://localhost:") {
        Ok(text.to_owned())
    } else {
        Err("is not one".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const GUID: &str = "00000000-0000-0000-0000-000000000001";
    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-logs";

    fn parse(changes: &[(&'static str, &'static str)]) -> Result<AzureConfiguration, ConfigurationError> {
        let mut variables = HashMap::from([
            ("REPRIEVE_AZURE_SUBSCRIPTIONS", GUID),
            ("REPRIEVE_AZURE_TENANT_ID", GUID),
            ("REPRIEVE_AZURE_CLIENT_ID", GUID),
            ("REPRIEVE_AZURE_PRINCIPAL_ID", GUID),
            ("REPRIEVE_AZURE_STORAGE_ACCOUNT", "streprieve"),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"),
        ]);
        variables.extend(changes.iter().copied());
        AzureConfiguration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn what_is_left_out_is_the_careful_choice() {
        let configuration = parse(&[]).unwrap();
        assert_eq!(configuration.mode, Mode::Observe);
        assert_eq!(configuration.desired.purge_protection, PurgeProtection::LogVaults);
        assert!(!configuration.desired.lock_immutability);
        assert_eq!(configuration.desired.log_key, None);
    }

    #[test]
    fn every_wrong_variable_is_named() {
        for (name, value) in [
            ("REPRIEVE_AZURE_SUBSCRIPTIONS", ""),
            ("REPRIEVE_AZURE_SUBSCRIPTIONS", "prod"),
            ("REPRIEVE_AZURE_TENANT_ID", "contoso.com"),
            ("REPRIEVE_AZURE_STORAGE_ACCOUNT", "st-reprieve"),
            ("REPRIEVE_AZURE_PURGE_PROTECTION", "yes"),
            ("REPRIEVE_AZURE_LOCK_IMMUTABILITY", "yes"),
            ("REPRIEVE_AZURE_SOFT_DELETE_DAYS", "366"),
            ("REPRIEVE_AZURE_ALLOWED_VAULTS", "kv-logs"),
            ("REPRIEVE_AZURE_LOG_KEY", "https://kv-logs.vault.azure.net/keys/logs"),
            ("REPRIEVE_AZURE_LOG_STORAGE", VAULT),
            ("REPRIEVE_BREAK_GLASS_PRINCIPALS", "alice"),
            ("REPRIEVE_AZURE_ENDPOINT_URL", "https://management.azure.com"),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "http"),
        ] {
            let wrong = parse(&[(name, value)]).unwrap_err().wrong;
            assert_eq!(wrong.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [name], "{value}");
        }
    }

    #[test]
    fn a_log_key_is_in_a_vault_of_the_allow_list_and_follows_rotation() {
        let key = ("REPRIEVE_AZURE_LOG_KEY", "https://kv-logs.vault.azure.net/keys/logs");
        let allowed = ("REPRIEVE_AZURE_ALLOWED_VAULTS", VAULT);
        assert!(parse(&[key, allowed]).unwrap().desired.log_vault().is_some());
        assert!(parse(&[("REPRIEVE_AZURE_LOG_KEY", "https://kv-logs.vault.azure.net/keys/logs/0123"), allowed]).is_err());
    }
}
