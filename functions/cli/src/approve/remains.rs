//! What remains to be done after an approval, with the commands for it. Pure.

use reprieve_aws_desk::KeyFile;
use reprieve_core::approval::SealedApproval;

use super::foresight::Foresight;
use super::report::Remaining;
use crate::args::desk::ApproveArguments;
use crate::desk::{quoted, short_approver};

/// Returns what remains, in the order in which it is done.
pub(super) fn after(key: &KeyFile, approval: &SealedApproval, arguments: &ApproveArguments, foresight: &Foresight) -> Vec<Remaining> {
    let mut remains = Vec::new();
    if arguments.dry_run {
        remains.push(Remaining {
            what: "Nothing was signed or written. To approve, run it again without --dry-run.".to_owned(),
            command: None,
        });
    }
    if let Foresight::NeedsOthers(why) = foresight {
        let what = format!("Somebody else must approve too, under another approval key: {why}.");
        remains.push(Remaining { what, command: Some(second_approval(key, approval, arguments)) });
    }
    if key.arn.is_multi_region() {
        let what = "Every replica needs an approval of its own, by its own ARN: an approval in one Region covers no other.".to_owned();
        remains.push(Remaining { what, command: None });
    }
    remains.push(the_act(key, approval));
    remains
}

/// The very command for the second approver; only the approval key is theirs to fill in.
fn second_approval(key: &KeyFile, approval: &SealedApproval, arguments: &ApproveArguments) -> String {
    let mut command = format!(
        "reprieve approve {} --action {} --change {} --window {} --approval-key alias/OTHER-APPROVERS",
        key.arn,
        approval.action,
        quoted(&approval.change),
        approval.window
    );
    if let Some(policies) = &arguments.policies {
        command.push_str(" --policies ");
        command.push_str(&quoted(&policies.display().to_string()));
    }
    if let Some(table) = &arguments.ledger.ledger_table {
        command.push_str(" --ledger-table ");
        command.push_str(&quoted(table));
    }
    if arguments.late {
        command.push_str(" --late");
    }
    command
}

fn the_act(key: &KeyFile, approval: &SealedApproval) -> Remaining {
    let who = short_approver(&approval.approver);
    let key_id = format!("--key-id {} --region {}", key.arn, key.arn.region());
    if key.deletion_is_pending() && approval.action == "delete" {
        let what = "Nothing by you: the next sweep finds the approval and lets the deletion stand.".to_owned();
        return Remaining { what, command: None };
    }
    let command = match approval.action.as_str() {
        "delete" => Some(format!("aws kms schedule-key-deletion {key_id} --pending-window-in-days 30")),
        "disable" => Some(format!("aws kms disable-key {key_id}")),
        "disable-rotation" => Some(format!("aws kms disable-key-rotation {key_id}")),
        "delete-material" => Some(format!("aws kms delete-imported-key-material {key_id}")),
        _ => None,
    };
    let what = format!("Inside the window, somebody other than {who} makes the change; by {who} it would be undone.");
    Remaining { what, command }
}
