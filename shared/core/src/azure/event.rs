//! Which subjects an event asks to be looked at. An event is a hint: it never says what to do.

use super::id::ResourceId;
use super::subject::{Function, Subject};
use crate::event::Event;

/// What an event asks to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of this function.
    Nothing,
    /// One subject.
    One(Subject),
    /// Everything known that this function answers for: the event does not say what it touched.
    All,
}

/// The operations of a vault's audit log after which a key, secret or certificate is looked at. All else there is use, or reading.
const OBJECT_OPERATIONS: [&str; 11] = [
    "keydelete",
    "keypurge",
    "keyupdate",
    "keyrecover",
    "secretdelete",
    "secretpurge",
    "secretrecover",
    "certificatedelete",
    "certificatepurge",
    "certificaterecover",
    "certificateupdate",
];

/// The names under which vaults log that a rotation policy was written.
const ROTATION_OPERATIONS: [&str; 3] = ["keyrotationpolicyupdate", "keyupdaterotationpolicy", "keyrotationpolicyset"];

/// How the operations end by which we give back. Vaults log that a key is enabled as an update. Whoever sends logs to a place must be
/// allowed to list its keys, and whoever gives storage an identity, to assign it.
const GIVE_BACK: [&str; 7] = ["/write", "/extend/action", "/lock/action", "/listkeys/action", "/assign/action", "recover", "keyupdate"];

/// The source of events that vaults log of what is done in them.
pub const VAULT_SOURCE: &str = "Microsoft.KeyVault/AuditEvent";

/// Returns what an event asks a function to look at.
#[must_use]
pub fn reach(event: &Event, function: Function) -> Reach {
    let Some(target) = event.target.azure() else { return Reach::Nothing };
    let operation = event.name.to_ascii_lowercase();
    let reach =
        if event.source.eq_ignore_ascii_case(VAULT_SOURCE) { of_object(&operation, target) } else { of_resource(&operation, target) };
    let mut reaches = reach.into_iter().filter(|(answers, _)| *answers == function).map(|(_, reach)| reach);
    reaches.next().unwrap_or(Reach::Nothing)
}

/// Says whether a call is one of those by which we give back. Our own identity makes no other.
#[must_use]
pub fn gives_back(event: &Event) -> bool {
    let operation = event.name.to_ascii_lowercase();
    GIVE_BACK.iter().any(|ending| operation.ends_with(ending)) || ROTATION_OPERATIONS.contains(&operation.as_str())
}

type Answer = (Function, Reach);

fn one(subject: Subject) -> Answer {
    (subject.function(), Reach::One(subject))
}

fn of_object(operation: &str, target: &ResourceId) -> Vec<Answer> {
    let is_object = matches!(target.resource_type().rsplit('/').next(), Some("keys" | "secrets" | "certificates"));
    if is_object && OBJECT_OPERATIONS.contains(&operation) {
        return vec![one(Subject::VaultObject(target.clone()))];
    }
    if is_object && ROTATION_OPERATIONS.contains(&operation) {
        return vec![one(Subject::RotationPolicy(target.clone()))];
    }
    Vec::new()
}

/// Answers for a call on ARM: the operation's last word says what was done, the target's type to what.
fn of_resource(operation: &str, target: &ResourceId) -> Vec<Answer> {
    let is_delete = operation.ends_with("/delete");
    let is_write = operation.ends_with("/write");
    if !is_delete && !is_write && !operation.ends_with("/action") {
        return Vec::new();
    }
    match target.resource_type().as_str() {
        "microsoft.keyvault/vaults" | "microsoft.keyvault/managedhsms" if is_delete => {
            vec![one(Subject::Vault(target.clone())), (Function::EncryptActivityLogs, Reach::All)]
        }
        "microsoft.keyvault/vaults" | "microsoft.keyvault/managedhsms" => vec![
            one(Subject::VaultProtection(target.clone())),
            one(Subject::VaultLogging(target.clone())),
            (Function::EncryptActivityLogs, Reach::All),
        ],
        "microsoft.keyvault/locations/deletedvaults" | "microsoft.keyvault/locations/deletedmanagedhsms" => {
            vec![(Function::RecoverVault, Reach::All)]
        }
        "microsoft.storage/storageaccounts" | "microsoft.storage/storageaccounts/blobservices" => match account(target) {
            Some(account) => vec![one(Subject::StorageProtection(account.clone())), one(Subject::LogEncryption(account))],
            None => Vec::new(),
        },
        "microsoft.storage/storageaccounts/blobservices/containers"
        | "microsoft.storage/storageaccounts/blobservices/containers/immutabilitypolicies" => {
            let container = target.within("Microsoft.Storage/storageAccounts/blobServices/containers");
            container.map(|container| one(Subject::AuditContainer(container))).into_iter().collect()
        }
        kind if is_server(kind) => server(target).map(|server| one(Subject::DatabaseAuditing(server))).into_iter().collect(),
        "microsoft.insights/diagnosticsettings" => of_setting(target),
        "microsoft.insights/activitylogalerts" | "microsoft.insights/actiongroups" => vec![one(Subject::Alerts(target.subscription()))],
        // Who may use the log key may have changed.
        "microsoft.authorization/roleassignments" | "microsoft.managedidentity/userassignedidentities" => {
            vec![(Function::EncryptActivityLogs, Reach::All)]
        }
        _ => Vec::new(),
    }
}

fn account(target: &ResourceId) -> Option<ResourceId> {
    target.within("Microsoft.Storage/storageAccounts")
}

fn is_server(kind: &str) -> bool {
    kind.starts_with("microsoft.sql/servers")
        || kind.starts_with("microsoft.dbforpostgresql/flexibleservers")
        || kind.starts_with("microsoft.dbformysql/flexibleservers")
}

fn server(target: &ResourceId) -> Option<ResourceId> {
    let kinds = ["Microsoft.Sql/servers", "Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.DBforMySQL/flexibleServers"];
    kinds.into_iter().find_map(|kind| target.within(kind))
}

/// A diagnostic setting may be what told us which storage keeps logs, so that storage is looked at as well.
fn of_setting(setting: &ResourceId) -> Vec<Answer> {
    let Some(about) = setting.parent() else { return Vec::new() };
    match about.resource_type().as_str() {
        "microsoft.keyvault/vaults" | "microsoft.keyvault/managedhsms" => vec![one(Subject::VaultLogging(about))],
        "microsoft.resources/subscriptions" => {
            vec![
                one(Subject::Alerts(about.subscription())),
                (Function::EncryptActivityLogs, Reach::All),
                (Function::ProtectStorage, Reach::All),
            ]
        }
        kind if is_server(kind) => server(&about).map(|server| one(Subject::DatabaseAuditing(server))).into_iter().collect(),
        _ => Vec::new(),
    }
}
