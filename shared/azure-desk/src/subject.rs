//! Which aspect of a resource an approved action is about: what the guard looks at before it asks for the approval. Pure.

use reprieve_core::azure::{ResourceId, Subject};

use crate::error::DeskError;

/// Makes the subject of a resource.
type Of = fn(ResourceId) -> Subject;

/// What is approved of which type of resource.
fn subjects_of(id: &ResourceId) -> Vec<(&'static str, Of)> {
    const DATABASES: [&str; 3] =
        ["microsoft.sql/servers", "microsoft.dbforpostgresql/flexibleservers", "microsoft.dbformysql/flexibleservers"];
    match id.resource_type().as_str() {
        "microsoft.keyvault/vaults" | "microsoft.keyvault/managedhsms" => vec![
            ("delete", Subject::Vault as Of),
            ("weaken-vault", Subject::VaultProtection as Of),
            ("remove-monitoring", Subject::VaultLogging as Of),
        ],
        "microsoft.keyvault/vaults/keys" | "microsoft.keyvault/managedhsms/keys" => vec![
            ("delete", Subject::VaultObject as Of),
            ("disable", Subject::VaultObject as Of),
            ("disable-rotation", Subject::RotationPolicy as Of),
        ],
        "microsoft.keyvault/vaults/secrets" | "microsoft.keyvault/vaults/certificates" => vec![("delete", Subject::VaultObject as Of)],
        "microsoft.storage/storageaccounts" => vec![
            ("weaken-storage", Subject::StorageProtection as Of),
            ("change-log-key", Subject::LogEncryption as Of),
            ("weaken-audit", Subject::AuditContainer as Of),
        ],
        "microsoft.storage/storageaccounts/blobservices/containers" => vec![("weaken-audit", Subject::AuditContainer as Of)],
        "microsoft.resources/subscriptions" => vec![("remove-monitoring", |id| Subject::Alerts(id.subscription()))],
        kind if DATABASES.contains(&kind) => vec![("weaken-audit", Subject::DatabaseAuditing as Of)],
        _ => Vec::new(),
    }
}

/// Returns the subject that an approval of this action on this resource is for.
///
/// # Errors
/// When the guard asks for no such approval; says which it asks for.
pub fn subject_of(id: &ResourceId, action: &str) -> Result<Subject, DeskError> {
    let subjects = subjects_of(id);
    let found = subjects.iter().find(|(known, _)| *known == action).map(|(_, of)| of(id.clone()));
    found.ok_or_else(|| DeskError::Action {
        action: action.to_owned(),
        id: id.clone(),
        actions_of: subjects.iter().map(|(known, _)| *known).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers";

    fn id(rest: &str) -> ResourceId {
        ResourceId::parse(&format!("{GROUP}/{rest}")).unwrap()
    }

    #[test]
    fn every_action_names_the_subject_that_the_guard_would_ask_about() {
        let account = id("Microsoft.Storage/storageAccounts/stlogs");
        let container = account.child("blobServices", "default").child("containers", "audit");
        let vault = id("Microsoft.KeyVault/vaults/kv");
        for (resource, action, was_deleted, aspect) in [
            (vault.clone(), "delete", true, "vault:"),
            (vault.clone(), "weaken-vault", false, "vault-protection:"),
            (vault.clone(), "remove-monitoring", false, "vault-logging:"),
            (vault.child("keys", "a"), "delete", true, "object:"),
            (vault.child("keys", "a"), "disable", false, "object:"),
            (vault.child("keys", "a"), "disable-rotation", false, "rotation-policy:"),
            (vault.child("secrets", "a"), "delete", true, "object:"),
            (account.clone(), "change-log-key", false, "log-encryption:"),
            (container, "weaken-audit", false, "audit-container:"),
            (id("Microsoft.Sql/servers/sql"), "weaken-audit", false, "database-auditing:"),
            (account.subscription().resource(), "remove-monitoring", false, "alerts:"),
        ] {
            let subject = subject_of(&resource, action).unwrap();
            assert_eq!(subject.action(was_deleted), action, "{resource}");
            assert!(subject.key().starts_with(aspect), "{}", subject.key());
        }
    }

    #[test]
    fn what_the_guard_never_asks_for_is_refused_with_what_it_asks_for() {
        let error = subject_of(&id("Microsoft.KeyVault/vaults/kv").child("keys", "a"), "weaken-vault").unwrap_err();
        assert!(error.is_refusal() && error.to_string().ends_with("of it, delete or disable or disable-rotation is"), "{error}");
        let error = subject_of(&id("Microsoft.Web/sites/app"), "delete").unwrap_err();
        assert!(error.to_string().contains("Reprieve guards nothing of it"), "{error}");
    }
}
