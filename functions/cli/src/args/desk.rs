//! The verbs of the change manager's desk, which call AWS or Azure with the caller's own credentials.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use reprieve_core::approval::window::Window;
use reprieve_core::{ApprovalKeys, Region};

use crate::desk::name::{ResourceName, SealingName};

/// The actions of the policies, in the order of how often they are approved; those of Azure alone come last.
pub(crate) const ACTIONS: [&str; 17] = [
    "delete",
    "disable",
    "disable-rotation",
    "delete-material",
    "import-expiring-material",
    "disconnect-key-store",
    "delete-key-store",
    "replace-policy",
    "remove-grant",
    "change-tags",
    "change-alias",
    "disable-region",
    "weaken-vault",
    "change-log-key",
    "weaken-storage",
    "weaken-audit",
    "remove-monitoring",
];

/// Those of them that are done to resources in Azure alone.
pub(crate) const AZURE_ACTIONS: [&str; 5] = ["weaken-vault", "change-log-key", "weaken-storage", "weaken-audit", "remove-monitoring"];

/// Where to call, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct CloudArguments {
    /// The Region of names that do not say theirs [default: as every AWS tool finds it]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    pub(crate) region: Option<Region>,

    /// The profile of the AWS configuration files [default: as every AWS tool finds it]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// As whom to call Azure.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Azure")]
pub(crate) struct AzureArguments {
    /// The managed identity to call as, by its client id [default: whoever `az login` or `azd auth login` signed in]
    #[arg(long, value_name = "ID", env = "REPRIEVE_AZURE_CLIENT_ID", hide_env_values = true)]
    pub(crate) client_id: Option<String>,
}

/// The key that seals.
#[derive(Debug, Clone, Args)]
pub(crate) struct SealingArguments {
    /// The key that seals: in KMS, as `alias/NAME`, id or ARN; for resources in Azure in Key Vault, by its URL
    #[arg(long, value_name = "KEY", env = "REPRIEVE_APPROVAL_KEY", value_parser = SealingName::parse, hide_env_values = true)]
    pub(crate) approval_key: Option<SealingName>,

    /// What the functions call that key in `REPRIEVE_APPROVAL_KEYS` [default: the KMS key's id, or the version of the key in Key Vault]
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
}

/// Where approvals outside the keys are.
#[derive(Debug, Clone, Args)]
pub(crate) struct LedgerArguments {
    /// The ledger: the DynamoDB table that the guard's stack names `LedgerTableName`, in the key's Region
    #[arg(long, value_name = "NAME", env = "REPRIEVE_LEDGER_TABLE", hide_env_values = true)]
    pub(crate) ledger_table: Option<String>,

    /// The ledger of Azure: the guard's storage account, with the container `reprieve-ledger`
    #[arg(long, value_name = "NAME", env = "REPRIEVE_AZURE_STORAGE_ACCOUNT", hide_env_values = true)]
    pub(crate) ledger_account: Option<String>,
}

/// The public keys that seals are judged with.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgingArguments {
    /// The public keys that seal approvals, as the functions have them: `KEY-ID=BASE64`, separated by commas
    #[arg(long, value_name = "KEYS", env = "REPRIEVE_APPROVAL_KEYS", value_parser = ApprovalKeys::parse, hide_env_values = true)]
    pub(crate) approval_keys: Option<ApprovalKeys>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags, each independent of the others")]
pub(crate) struct ApproveArguments {
    /// A KMS key, as id, ARN or `alias/NAME`; or a resource in Azure, by its id, or a key, secret or certificate by its URL
    #[arg(value_name = "RESOURCE", value_parser = ResourceName::parse)]
    pub(crate) resource: ResourceName,

    /// What is approved
    #[arg(long, value_name = "ACTION", value_parser = clap::builder::PossibleValuesParser::new(ACTIONS))]
    pub(crate) action: String,

    /// The id of the change, such as `CHG-2048`
    #[arg(long, value_name = "ID")]
    pub(crate) change: String,

    /// When it may happen: `START/END`, `START/PT2H` or `2h from START`, with UTC offsets
    #[arg(long, value_name = "WINDOW", value_parser = Window::parse_typed)]
    pub(crate) window: Window,

    /// Who approves [default: the caller's ARN; in Azure the user principal name, else `object:ID`]
    #[arg(long, value_name = "NAME", value_parser = super::values::approver)]
    pub(crate) approver: Option<String>,

    /// Writes the approval into the ledger, because it comes late: what waits for its deletion, or is deleted, cannot be tagged
    #[arg(long)]
    pub(crate) late: bool,

    /// Takes the place of what others approved there and still holds: a resource carries one change at a time
    #[arg(long, conflicts_with = "late")]
    pub(crate) replace: bool,

    #[command(flatten)]
    pub(crate) sealing: SealingArguments,

    #[command(flatten)]
    pub(crate) ledger: LedgerArguments,

    #[command(flatten)]
    pub(crate) judging: JudgingArguments,

    /// The folder with your own policies (`*.cedar`), to be asked beside the shipped ones
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,

    /// Looks at everything, then signs and writes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,

    #[command(flatten)]
    pub(crate) azure: AzureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// A KMS key, as id, ARN or `alias/NAME`; or a resource in Azure, by its id, or a key, secret or certificate by its URL
    #[arg(value_name = "RESOURCE", value_parser = ResourceName::parse)]
    pub(crate) resource: ResourceName,

    /// The id of the change that is revoked
    #[arg(long, value_name = "ID")]
    pub(crate) change: String,

    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    #[command(flatten)]
    pub(crate) ledger: LedgerArguments,

    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,

    #[command(flatten)]
    pub(crate) azure: AzureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsArguments {
    /// A KMS key, as id, ARN or `alias/NAME`; or a resource in Azure, by its id, or a key, secret or certificate by its URL
    /// [default: every KMS key of the account and Region]
    #[arg(value_name = "RESOURCE", value_parser = ResourceName::parse)]
    pub(crate) resource: Option<ResourceName>,

    #[command(flatten)]
    pub(crate) judging: JudgingArguments,

    /// A key that seals, to read its public half from: in KMS, as `alias/NAME`, id or ARN, or in Key Vault, by its URL; may be given more
    /// than once
    #[arg(long = "approval-key", value_name = "KEY", env = "REPRIEVE_APPROVAL_KEY", value_parser = SealingName::parse, hide_env_values = true)]
    pub(crate) sealing_keys: Vec<SealingName>,

    #[command(flatten)]
    pub(crate) ledger: LedgerArguments,

    /// Prints one JSON object a line for each approval
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,

    #[command(flatten)]
    pub(crate) azure: AzureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalKeyArguments {
    /// The key: in KMS, as `alias/NAME`, id or ARN, or in Key Vault, by its URL
    #[arg(value_name = "KEY", value_parser = SealingName::parse)]
    pub(crate) key: SealingName,

    /// What seals are to call it [default: the KMS key's id, or the version of the key in Key Vault]
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,

    /// From when on it seals, such as `2027-01-01T00:00:00Z` [default: ever]
    #[arg(long, value_name = "TIME", value_parser = super::values::moment)]
    pub(crate) from: Option<Timestamp>,

    /// Until when it seals: to retire it, without breaking what it sealed before [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = super::values::moment)]
    pub(crate) until: Option<Timestamp>,

    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,

    #[command(flatten)]
    pub(crate) azure: AzureArguments,
}

pub(super) const APPROVE_HELP: &str = r"WHAT IT DOES
  It asks the policies whether such an approval can pass, signs its text with
  the approval key (kms:Sign, or sign in Key Vault), verifies the signature with
  the public key, and writes it: as tags on the resource, or with --late into
  the ledger. Where somebody else approved the same change before, under another
  approval key, it becomes the second approval. Another approval that still
  holds is not replaced without --replace. Whoever approves must not be the one
  who does it, under any name: the sessions of one role count as one person.

NEEDS ON AWS
  on the key           kms:DescribeKey, kms:ListResourceTags, kms:TagResource,
                       kms:UntagResource
  on every key         kms:ListAliases, to name keys as people do
  on the approval key  kms:GetPublicKey, kms:Sign
  on the ledger        dynamodb:Query where it is named, dynamodb:PutItem with
                       --late, in the partitions `approval#*` alone
                       (dynamodb:LeadingKeys)

NEEDS ON AZURE
  on the resource      Tag Contributor and Reader; of a key, secret or
                       certificate the data actions get, list and update of it
  on the subscription  Microsoft.KeyVault/deletedVaults/read, to find deleted
                       vaults
  on the approval key  the data actions keys/read and keys/sign/action (Key
                       Vault Crypto User)
  on the ledger        Storage Blob Data Reader where it is named; with --late,
                       to write blobs `approvals/*` of the container
                       `reprieve-ledger`

EXIT CODES
  0  approved
  1  the cloud failed, or did not allow it
  2  bad input, or refused: the window is over, policy would not let it pass,
     another approval still holds, ...

EXAMPLES
  reprieve approve alias/payments --action delete --change CHG-2048 \
      --window '2h from 2026-12-01T22:00+01:00' --approval-key alias/reprieve-approval
  reprieve approve 1234abcd-12ab-34cd-56ef-1234567890ab --action disable --change CHG-7 \
      --window 2026-12-01T22:00:00+01:00/2026-12-02T02:00:00+01:00 --dry-run
  reprieve approve alias/payments --action delete --change CHG-2048 \
      --window 2026-12-01T21:00:00Z/PT2H --late --ledger-table reprieve-ledger
  reprieve approve https://kv-prod.vault.azure.net/keys/invoices --action delete --change CHG-9 \
      --window '2h from 2026-12-01T22:00+01:00' \
      --approval-key https://kv-approvals.vault.azure.net/keys/approvers
  reprieve approve /subscriptions/ID/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod \
      --action weaken-vault --change CHG-10 --window 2026-12-01T21:00:00Z/PT2H --dry-run
";

pub(super) const REVOKE_HELP: &str = r"WHAT IT DOES
  It writes into the ledger that the change is revoked on this resource, for
  every action of it, which also works on what is deleted or waits for it; and
  removes the approval's tags where they can be. It takes no seal: whoever may
  write the ledger may revoke. A revoked change stays revoked: approve anew
  under another change id.

NEEDS ON AWS
  on the key           kms:DescribeKey, kms:ListResourceTags, kms:UntagResource
  on every key         kms:ListAliases, to name keys as people do
  on the ledger        dynamodb:Query, dynamodb:PutItem

NEEDS ON AZURE
  on the resource      as for `reprieve approve`
  on the ledger        to read, and to write blobs `revocations/*` of the
                       container `reprieve-ledger`

EXIT CODES
  0  revoked
  1  the cloud failed, or did not allow it
  2  bad input

EXAMPLES
  reprieve revoke alias/payments --change CHG-2048 --reason 'still in use by invoicing'
  reprieve revoke https://kv-prod.vault.azure.net/keys/invoices --change CHG-9 \
      --ledger-account streprieve
";

pub(super) const APPROVALS_HELP: &str = r#"STATES
  valid now    its seal holds, and the window is open
  opens in     its seal holds, and the window is not open yet
  expired      its seal holds, and the window is over
  revoked      somebody revoked the change
  invalid      it is no approval, and why
  unsealed     plain tags: they count only where CloudTrail shows that an
               approver role set them (in Azure they never count, and are
               invalid)
  unverified   the public key to judge it with is not at hand

  A seal that holds is not yet a pass: the policies decide, at the time of the
  act.

EXIT CODES
  0  listed
  1  the cloud failed, or did not allow it
  2  bad input

EXAMPLES
  reprieve approvals alias/payments --approval-key alias/reprieve-approval
  reprieve approvals https://kv-prod.vault.azure.net/keys/invoices \
      --ledger-account streprieve
  reprieve approvals --json |
      jq -r 'select(.state == "invalid") | [.key, .change, .why] | @tsv'
"#;

pub(super) const APPROVAL_KEY_HELP: &str = r"EXIT CODES
  0  printed
  1  the cloud failed, or did not allow it
  2  bad input: no such key, or not an ECC_NIST_P256 key for SIGN_VERIFY (in Key
     Vault: EC, P-256)

EXAMPLES
  reprieve approval-key alias/reprieve-approval
  reprieve approval-key alias/reprieve-approval-2025 --until 2027-01-01T00:00:00Z
  risk=$(reprieve approval-key alias/risk)
  security=$(reprieve approval-key alias/security)
  REPRIEVE_APPROVAL_KEYS=$risk,$security
  reprieve approval-key https://kv-approvals.vault.azure.net/keys/approvers
";

#[cfg(test)]
mod tests {
    use reprieve_core::policy::SHIPPED_SCHEMA;

    use super::{ACTIONS, AZURE_ACTIONS};

    /// The actions of the schema that apply to these resources.
    fn of_schema(applies: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let declared = SHIPPED_SCHEMA.split("\n  action ").skip(1).filter_map(|text| text.split_once("appliesTo"));
        let declared = declared.filter(|(_, rest)| applies(rest.split("resource: ").nth(1).unwrap().split(']').next().unwrap()));
        let mut words: Vec<&str> = declared.flat_map(|(words, _)| words.split(',').map(|word| word.trim().trim_matches('"'))).collect();
        words.sort_unstable();
        words
    }

    fn sorted<const COUNT: usize>(mut words: [&'static str; COUNT]) -> Vec<&'static str> {
        words.sort_unstable();
        words.to_vec()
    }

    #[test]
    fn every_action_of_the_policies_can_be_approved_and_no_other() {
        assert_eq!(of_schema(|_| true), sorted(ACTIONS));
    }

    #[test]
    fn the_actions_of_azure_alone_are_those_that_apply_to_no_key() {
        assert_eq!(of_schema(|resources| !resources.contains("Key")), sorted(AZURE_ACTIONS));
    }
}
