//! What remains to be done after an approval, with the commands for it. Pure.

use reprieve_aws_desk::KeyFile;
use reprieve_azure_desk::ResourceFile;
use reprieve_core::approval::SealedApproval;
use reprieve_core::azure::ResourceId;

use super::foresight::Foresight;
use super::report::Remaining;
use crate::args::desk::ApproveArguments;
use crate::desk::approvable::Approvable;
use crate::desk::{quoted, short_approver};

/// Returns what remains, in the order in which it is done.
pub(super) fn after(
    resource: Approvable<'_>,
    approval: &SealedApproval,
    arguments: &ApproveArguments,
    foresight: &Foresight,
) -> Vec<Remaining> {
    let mut remains = Vec::new();
    if arguments.dry_run {
        remains.push(Remaining {
            what: "Nothing was signed or written. To approve, run it again without --dry-run.".to_owned(),
            command: None,
        });
    }
    if let Foresight::NeedsOthers(why) = foresight {
        let what = format!("Somebody else must approve too, under another approval key: {why}.");
        remains.push(Remaining { what, command: Some(second_approval(resource, approval, arguments)) });
    }
    if let Approvable::Key(key) = resource
        && key.arn.is_multi_region()
    {
        let what = "Every replica needs an approval of its own, by its own ARN: an approval in one Region covers no other.".to_owned();
        remains.push(Remaining { what, command: None });
    }
    remains.push(the_act(resource, approval));
    remains
}

/// The very command for the second approver; only the approval key is theirs to fill in, and their id where the first gave one.
fn second_approval(resource: Approvable<'_>, approval: &SealedApproval, arguments: &ApproveArguments) -> String {
    let (other_key, ledger) = match resource {
        Approvable::Key(_) => ("alias/OTHER-APPROVERS", arguments.ledger.ledger_table.as_ref().map(|table| ("--ledger-table", table))),
        Approvable::Azure(_) => (
            "https://OTHER-VAULT.vault.azure.net/keys/OTHER-APPROVERS",
            arguments.ledger.ledger_account.as_ref().map(|account| ("--ledger-account", account)),
        ),
    };
    let mut command = format!(
        "reprieve approve {} --action {} --change {} --window {} --approval-key {other_key}",
        quoted(resource.id()),
        approval.action,
        quoted(&approval.change),
        approval.window
    );
    if let Some(name) = placeholder_like(&approval.approver) {
        command.push_str(" --approver ");
        command.push_str(name);
    }
    if let Some(policies) = &arguments.policies {
        command.push_str(" --policies ");
        command.push_str(&quoted(&policies.display().to_string()));
    }
    if let Some((option, name)) = ledger {
        for word in [" ", option, " ", &quoted(name)] {
            command.push_str(word);
        }
    }
    if arguments.late {
        command.push_str(" --late");
    }
    command
}

/// Returns what stands for the second approver's name where the first has no principal name: a name of another kind would not count. It is
/// no name, so that the command is refused until somebody puts one there.
fn placeholder_like(approver: &str) -> Option<&'static str> {
    let usual = approver.to_ascii_lowercase();
    if usual.starts_with("object:") {
        return Some("object:OTHER-ID");
    }
    usual.starts_with("application:").then_some("application:OTHER-ID")
}

fn the_act(resource: Approvable<'_>, approval: &SealedApproval) -> Remaining {
    let who = short_approver(&approval.approver);
    if resource.is_going() && approval.action == "delete" {
        let what = "Nothing by you: the next sweep finds the approval and lets the deletion stand.".to_owned();
        return Remaining { what, command: None };
    }
    let command = match resource {
        Approvable::Key(key) => on_key(key, &approval.action),
        Approvable::Azure(file) => on_resource(file, &approval.action),
    };
    let what = format!("Inside the window, somebody other than {who} makes the change; by {who} it would be undone.");
    Remaining { what, command }
}

fn on_key(key: &KeyFile, action: &str) -> Option<String> {
    let key_id = format!("--key-id {} --region {}", key.arn, key.arn.region());
    match action {
        "delete" => Some(format!("aws kms schedule-key-deletion {key_id} --pending-window-in-days 30")),
        "disable" => Some(format!("aws kms disable-key {key_id}")),
        "disable-rotation" => Some(format!("aws kms disable-key-rotation {key_id}")),
        "delete-material" => Some(format!("aws kms delete-imported-key-material {key_id}")),
        _ => None,
    }
}

/// The commands of the Azure CLI; what takes a policy or a setting of one's own has none.
fn on_resource(file: &ResourceFile, action: &str) -> Option<String> {
    let id = &file.id;
    let name = quoted(id.name());
    let subscription = id.subscription();
    let vault = id.parent().as_ref().map(ResourceId::name).map(quoted).unwrap_or_default();
    match (id.resource_type().as_str(), action) {
        ("microsoft.keyvault/vaults", "delete") => Some(format!("az keyvault delete --name {name} --subscription {subscription}")),
        ("microsoft.keyvault/managedhsms", "delete") => Some(format!("az keyvault delete --hsm-name {name} --subscription {subscription}")),
        ("microsoft.keyvault/vaults/keys", "delete") => Some(format!("az keyvault key delete --vault-name {vault} --name {name}")),
        ("microsoft.keyvault/managedhsms/keys", "delete") => Some(format!("az keyvault key delete --hsm-name {vault} --name {name}")),
        ("microsoft.keyvault/vaults/secrets", "delete") => Some(format!("az keyvault secret delete --vault-name {vault} --name {name}")),
        ("microsoft.keyvault/vaults/certificates", "delete") => {
            Some(format!("az keyvault certificate delete --vault-name {vault} --name {name}"))
        }
        ("microsoft.keyvault/vaults/keys", "disable") => {
            Some(format!("az keyvault key set-attributes --vault-name {vault} --name {name} --enabled false"))
        }
        ("microsoft.keyvault/managedhsms/keys", "disable") => {
            Some(format!("az keyvault key set-attributes --hsm-name {vault} --name {name} --enabled false"))
        }
        _ => None,
    }
}
