//! Records of the Activity Log: calls to the resource manager, such as `Microsoft.KeyVault/vaults/delete`.
//!
//! Ours are those on vaults and Managed HSMs and what is in them, on diagnostic settings and what they write to, on storage accounts
//! (encryption, retention, legal holds, account keys), on roles and locks of any of these, on alerts, and on what databases audit.

use reprieve_core::audit::{Asset, AssetKind, Log, Operation};
use reprieve_core::azure::ResourceId;
use reprieve_core::{Event, Target};

use super::{Told, credential, entry as entry_of, excerpt_of, object, text};
use crate::audit::excerpt::{self, azure as fields};
use crate::audit::{Parsed, not_ours};
use crate::fields::Fields;

/// What operations begin with, in lower case, and what they are about; the first that fits counts.
const KINDS: [(&str, AssetKind); 29] = [
    ("microsoft.keyvault/managedhsms/keys", AssetKind::Key),
    ("microsoft.keyvault/managedhsms", AssetKind::KeyStore),
    ("microsoft.keyvault/hsmpools", AssetKind::KeyStore),
    ("microsoft.keyvault/deletedmanagedhsms", AssetKind::KeyStore),
    ("microsoft.keyvault/locations/deletedmanagedhsms", AssetKind::KeyStore),
    ("microsoft.keyvault/vaults/keys", AssetKind::Key),
    ("microsoft.keyvault/vaults/secrets", AssetKind::Secret),
    ("microsoft.keyvault/vaults/certificates", AssetKind::Certificate),
    ("microsoft.keyvault/", AssetKind::Vault),
    ("microsoft.insights/diagnosticsettings", AssetKind::AuditLog),
    ("microsoft.insights/logprofiles", AssetKind::AuditLog),
    ("microsoft.insights/activitylogalerts", AssetKind::Alert),
    ("microsoft.insights/metricalerts", AssetKind::Alert),
    ("microsoft.insights/scheduledqueryrules", AssetKind::Alert),
    ("microsoft.insights/alertrules", AssetKind::Alert),
    ("microsoft.insights/actiongroups", AssetKind::Alert),
    ("microsoft.alertsmanagement/actionrules", AssetKind::Alert),
    ("microsoft.storage/storageaccounts", AssetKind::Storage),
    ("microsoft.storage/deletedaccounts", AssetKind::Storage),
    ("microsoft.operationalinsights/workspaces", AssetKind::Storage),
    ("microsoft.eventgrid/eventsubscriptions", AssetKind::Alert),
    ("microsoft.sql/servers", AssetKind::DatabaseAudit),
    ("microsoft.sql/managedinstances", AssetKind::DatabaseAudit),
    ("microsoft.synapse/workspaces", AssetKind::DatabaseAudit),
    ("microsoft.dbforpostgresql/", AssetKind::DatabaseAudit),
    ("microsoft.dbformysql/", AssetKind::DatabaseAudit),
    ("microsoft.dbformariadb/", AssetKind::DatabaseAudit),
    ("microsoft.authorization/roleassignments", AssetKind::Vault),
    ("microsoft.authorization/locks", AssetKind::Vault),
];

/// Parts of storage accounts whose contents say nothing of how evidence is kept.
const OTHER_PARTS_OF_STORAGE: [&str; 7] = [
    "/fileservices/",
    "/queueservices/",
    "/tableservices/",
    "/objectreplicationpolicies",
    "/privateendpointconnection",
    "/inventorypolicies",
    "/localusers",
];

/// Settings of databases that say what they audit.
const AUDIT_SETTINGS: [&str; 4] = ["/auditingsettings", "/extendedauditingsettings", "/devopsauditingsettings", "/auditingpolicies"];

/// What the names of server parameters begin with that say what is logged, and for how long.
/// Sources: CIS Microsoft Azure Foundations, "PostgreSQL Database Server" and "MySQL Database"; <https://www.pgaudit.org>
const AUDIT_PARAMETERS: [&str; 9] = [
    "pgaudit",
    "log_",
    "logfiles",
    "logging_collector",
    "audit_log",
    "server_audit",
    "shared_preload_libraries",
    "connection_throttl",
    "azure.extensions",
];

/// What the last words of an operation say; the first that fits counts.
const ENDINGS: [(&str, Operation); 47] = [
    ("/accesspolicies/write", Operation::ChangeAccess),
    ("/roleassignments/write", Operation::ChangeAccess),
    ("/roleassignments/delete", Operation::ChangeAccess),
    ("/locks/delete", Operation::Update),
    ("/locks/write", Operation::Update),
    ("/configurations/write", Operation::Update),
    ("/updateconfigurations/action", Operation::Update),
    ("auditingsettings/write", Operation::Update),
    ("auditingpolicies/write", Operation::Update),
    ("auditingsettings/delete", Operation::Disable),
    ("/immutabilitypolicies/write", Operation::Update),
    ("/immutabilitypolicies/extend/action", Operation::Update),
    ("/immutabilitypolicies/extend", Operation::Update),
    ("/immutabilitypolicies/lock/action", Operation::Update),
    ("/secrets/getsecret/action", Operation::Access),
    ("/secrets/readmetadata/action", Operation::Read),
    ("/keys/release/action", Operation::Access),
    ("/keys/encrypt/action", Operation::Encrypt),
    ("/keys/decrypt/action", Operation::Decrypt),
    ("/keys/wrap/action", Operation::Wrap),
    ("/keys/unwrap/action", Operation::Unwrap),
    ("/keys/sign/action", Operation::Sign),
    ("/keys/verify/action", Operation::Verify),
    ("/keys/update/action", Operation::Update),
    ("/keys/create/action", Operation::Create),
    ("/setsecret/action", Operation::Create),
    ("/read/action", Operation::Read),
    ("/deploy/action", Operation::Access),
    ("/listkeys/action", Operation::Access),
    ("/listaccountsas/action", Operation::Access),
    ("/listservicesas/action", Operation::Access),
    ("/sharedkeys/action", Operation::Access),
    ("/regeneratekey/action", Operation::Rotate),
    ("/regeneratesharedkey/action", Operation::Rotate),
    ("/revokeuserdelegationkeys/action", Operation::Disable),
    ("/rotate/action", Operation::Rotate),
    ("/import/action", Operation::Import),
    ("/backup/action", Operation::Backup),
    ("/restore/action", Operation::Restore),
    ("/recover/action", Operation::Restore),
    ("/purge/action", Operation::Purge),
    ("/setlegalhold/action", Operation::Update),
    ("/clearlegalhold/action", Operation::Update),
    ("/purge", Operation::Purge),
    ("/delete", Operation::Destroy),
    ("/read", Operation::Read),
    ("/write", Operation::Update),
];

/// Makes an entry, where the call is ours.
pub(super) fn entry(event: Event, record: &Fields<'_>) -> Parsed {
    let name = event.name.to_ascii_lowercase();
    let target = event.target.azure();
    let Some(kind) = kind(&name, target, &event.target) else { return not_ours(event) };
    let mut request = excerpt_of(record, &fields::ACTIVITY_REQUEST);
    if kind == AssetKind::DatabaseAudit && name.contains("onfigurations/") {
        request.extend(excerpt_of(record, &fields::SERVER_PARAMETER));
    }
    let told = Told {
        operation: operation(&name, &event, record),
        asset: asset(kind, &event),
        credential: credential::read(record),
        request,
        response: excerpt_of(record, &fields::ACTIVITY_RESPONSE),
    };
    entry_of(Log::AzureActivityLog, event, told)
}

fn kind(name: &str, resource: Option<&ResourceId>, target: &Target) -> Option<AssetKind> {
    // `Microsoft.Network/networkSecurityGroups/providers/microsoft.insights/diagnosticSettings/write`: the last provider counts.
    let name = name.rsplit_once("/providers/").map_or(name, |(_, extension)| extension);
    let (_, kind) = KINDS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let is_ours = match kind {
        AssetKind::Storage => !OTHER_PARTS_OF_STORAGE.iter().any(|part| name.contains(part)),
        AssetKind::DatabaseAudit => is_about_auditing(name, target),
        AssetKind::Vault if name.starts_with("microsoft.authorization/") => return resource.and_then(kind_protected),
        AssetKind::Key
        | AssetKind::KeyAlias
        | AssetKind::KeyStore
        | AssetKind::Vault
        | AssetKind::Secret
        | AssetKind::Parameter
        | AssetKind::Certificate
        | AssetKind::AuditLog
        | AssetKind::Alert => true,
    };
    is_ours.then_some(*kind)
}

/// Roles and locks are ours where they are on something that is ours: not on a group or a subscription, which say nothing of keys.
fn kind_protected(resource: &ResourceId) -> Option<AssetKind> {
    let is_extension = resource.resource_type().starts_with("microsoft.authorization/");
    let on = if is_extension { resource.parent()? } else { resource.clone() };
    let kind = on.resource_type();
    let (_, kind) = KINDS.iter().find(|(prefix, _)| kind.starts_with(prefix.trim_end_matches('/')))?;
    let is_protected = match kind {
        AssetKind::Key | AssetKind::KeyStore | AssetKind::Vault | AssetKind::Secret | AssetKind::Certificate | AssetKind::Storage => true,
        AssetKind::KeyAlias | AssetKind::Parameter | AssetKind::AuditLog | AssetKind::DatabaseAudit | AssetKind::Alert => false,
    };
    is_protected.then_some(*kind)
}

fn is_about_auditing(name: &str, target: &Target) -> bool {
    if AUDIT_SETTINGS.iter().any(|setting| name.contains(setting)) {
        return true;
    }
    if name.contains("/updateconfigurations/") {
        return true;
    }
    let id = target.display_name().to_ascii_lowercase();
    let parameter = id.rsplit_once("/configurations/").map(|(_, parameter)| parameter);
    // Where the record does not say which parameter, it may be one of these.
    let is_one = parameter.is_none_or(|parameter| AUDIT_PARAMETERS.iter().any(|known| parameter.starts_with(known)));
    name.contains("/configurations/") && is_one
}

fn operation(name: &str, event: &Event, record: &Fields<'_>) -> Operation {
    let told = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map_or(Operation::Other, |(_, operation)| *operation);
    let properties = object(record, "properties");
    let body = object(&properties, "requestBody");
    let settings = object(&body, "properties");
    let is_whole = name.ends_with("/write") && told == Operation::Update && is_resource_of(name, event);
    match text(&settings, "createMode") {
        Some(mode) if mode.eq_ignore_ascii_case("recover") => return Operation::Restore,
        Some(_) | None => {}
    }
    let state = text(&settings, "state").map(|state| state.to_ascii_lowercase());
    match state.as_deref() {
        Some("disabled") if name.contains("auditing") => Operation::Disable,
        Some("enabled") if name.contains("auditing") => Operation::Enable,
        _ if is_whole && is_created(record, &properties) => Operation::Create,
        _ => told,
    }
}

/// Says whether a `write` is one of a resource, which creates it where it was not there.
fn is_resource_of(name: &str, event: &Event) -> bool {
    let is_setting = AUDIT_SETTINGS.iter().chain(&["configurations/", "/locks/"]).any(|setting| name.contains(setting));
    !is_setting && event.name.contains('/')
}

/// A `PUT` answers 201 where it made something.
fn is_created(record: &Fields<'_>, properties: &Fields<'_>) -> bool {
    let codes = [text(properties, "statusCode"), text(record, "resultSignature")];
    codes.iter().flatten().any(|code| code == "201" || code.to_ascii_lowercase().ends_with("created"))
}

fn asset(kind: AssetKind, event: &Event) -> Option<Asset> {
    let id = match &event.target {
        // A role or lock is about what it is on.
        Target::Azure(id) if id.resource_type().starts_with("microsoft.authorization/") => id.parent()?.as_str().to_owned(),
        // A vault's access policies, its private endpoints and the like are the vault's.
        Target::Azure(id) if kind == AssetKind::Vault => {
            id.within("Microsoft.KeyVault/vaults").map_or_else(|| id.as_str().to_owned(), |vault| vault.as_str().to_owned())
        }
        Target::Azure(id) => id.as_str().to_owned(),
        Target::Named(name) => excerpt::without_secrets_of_url(name).split(['?', '#']).next().unwrap_or_default().to_owned(),
        Target::Key(_) | Target::KeyStore(_) | Target::Google(_) | Target::Unnamed => return None,
    };
    Some(Asset { kind, id, version: None })
}
