//! What OCSF says of Azure: the provider, the subscription, the resource, and which of the activities a call is.

use reprieve_core::azure::{ResourceId, subject};
use reprieve_core::{Event, Target};
use serde_json::{Map, Value, json};

use super::frame::fields;
use super::{Coded, OTHER};

/// Says whether an event is of Azure: by what it acted on, else by the service that it comes from.
pub(super) fn is_of(event: &Event) -> bool {
    match &event.target {
        Target::Azure(_) => true,
        Target::Key(_) | Target::KeyStore(_) | Target::Google(_) => false,
        Target::Named(_) | Target::Unnamed => event.source.to_ascii_lowercase().starts_with("microsoft."),
    }
}

/// Returns the resource acted on.
pub(super) fn resource(id: &ResourceId) -> Map<String, Value> {
    fields([
        ("uid", Some(id.as_str().into())),
        ("name", Some(id.name().into())),
        ("type", Some(id.resource_type().into())),
        ("owner", Some(json!({ "account": subscription_of(id) }))),
    ])
}

fn subscription_of(id: &ResourceId) -> Value {
    subscription(id.subscription().as_str())
}

/// Returns a subscription, as an account.
pub(super) fn subscription(id: &str) -> Value {
    json!({ "uid": id, "type": "Azure Subscription", "type_id": 13 })
}

/// Returns the title of a finding: `KeyDelete: key logs`.
pub(super) fn title(call: &str, id: &ResourceId) -> String {
    format!("{call}: {} {}", subject::kind(id), id.name())
}

/// Returns API Activity's activity for a call: by the last word of the resource manager's, by the verb in a vault's.
pub(super) fn activity(call: &str) -> Coded<'static> {
    const ENDINGS: [(&str, Coded<'static>); 20] = [
        ("/delete", (4, "Delete")),
        ("/purge/action", (4, "Delete")),
        ("/write", (3, "Update")),
        ("/recover/action", (3, "Update")),
        ("/restore/action", (3, "Update")),
        ("/read", (2, "Read")),
        ("delete", (4, "Delete")),
        ("purge", (4, "Delete")),
        ("recover", (3, "Update")),
        ("restore", (1, "Create")),
        ("create", (1, "Create")),
        ("import", (1, "Create")),
        ("update", (3, "Update")),
        ("rotate", (3, "Update")),
        ("patch", (3, "Update")),
        ("set", (3, "Update")),
        ("put", (3, "Update")),
        ("get", (2, "Read")),
        ("list", (2, "Read")),
        ("listversions", (2, "Read")),
    ];
    let usual = call.to_ascii_lowercase();
    let is_path = usual.contains('/');
    let mut endings = ENDINGS.iter().filter(|(ending, _)| ending.starts_with('/') == is_path && usual.ends_with(ending));
    endings.next().map_or((OTHER, "Other"), |(_, activity)| *activity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_their_activity() {
        for (call, id) in [
            ("Microsoft.KeyVault/vaults/delete", 4),
            ("MICROSOFT.KEYVAULT/VAULTS/WRITE", 3),
            ("Microsoft.KeyVault/locations/deletedVaults/purge/action", 4),
            ("Microsoft.Storage/storageAccounts/listKeys/action", 99),
            ("Microsoft.KeyVault/vaults/read", 2),
            ("KeyDelete", 4),
            ("SecretPurge", 4),
            ("KeyRecover", 3),
            ("KeyCreate", 1),
            ("KeyGet", 2),
            ("SecretList", 2),
            ("KeyListVersions", 2),
            ("KeySign", 99),
        ] {
            assert_eq!(activity(call).0, id, "{call}");
        }
    }
}
