//! The arguments of `reprieve explain`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use reprieve_core::{AccountId, Region};

use super::rules::RulesArguments;

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The file with the events, or `-` for standard input
    ///
    /// EventBridge envelopes, CloudTrail records, SQS batches, CloudTrail files (`{"Records":[...]}`) or the answer of
    /// `aws cloudtrail lookup-events`; one of them, a JSON array, or one a line (JSONL). Or events of Azure: of Event Grid, the Activity
    /// Log (`az monitor activity-log list`), or a vault's audit log.
    #[arg(value_name = "FILE|-", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: String,

    /// What is known of the keys; without it, what the events claim is assumed
    ///
    /// JSON: the facts of one key, taken for every key; or an object of them by key ARN. In Azure, what was observed of a subject. The
    /// forms are below.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) facts: Option<String>,

    /// Cedar policies of your own beside the shipped ones: a folder of `*.cedar` files, or one file
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) policies: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) rules: RulesArguments,

    /// The time of the decision, such as `2026-01-31T12:00:00Z` [default: the present]
    #[arg(long, value_name = "TIME", value_parser = super::values::moment)]
    pub(crate) now: Option<Timestamp>,

    /// The account that is guarded; keys of others are escalated, not acted on [default: any]
    #[arg(long, value_name = "ID", value_parser = AccountId::parse)]
    pub(crate) account: Option<AccountId>,

    /// The Region that is guarded; keys of others are escalated, not acted on [default: any]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    pub(crate) region: Option<Region>,

    /// Prints one JSON object a line for each event
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) const EXPLAIN_HELP: &str = r#"FACTS
  The facts of one key. What is left out of the key itself counts as unreadable;
  the ledger holds what is listed:

    {"state": "PendingDeletion", "deletion_date": "2026-02-01T00:00:00Z",
     "tags": {"env": "prod", "reprieve:incident-hold": "INC-1"},
     "serving_before": "Enabled"}

    state                 Enabled, Disabled, PendingDeletion, ... as DescribeKey
                          says
    deletion_date         when the key will be deleted
    pending_window_days   the waiting period of a primary that waits for its
                          replicas
    aws_managed           true for a key that AWS manages
    imported_material     true where the key material was imported
    key_store             the id of the custom key store that holds the key
    tags                  the key's tags, an approval's among them
    rotation_enabled      whether the key rotates by itself
    rotation_period_days  the period that it rotated with
    serving_before        Enabled or Disabled: what somebody entitled last
                          wanted it to be
    approvals             sealed approvals given outside the key, as the ledger
                          holds them
    revocations           changes that were revoked: [{"change", "by", "at"}]
    change_calendar       OPEN or CLOSED; left out where no calendar is asked
    exists                false for a key that is gone

  Of several keys, by ARN:

    {"arn:aws:kms:eu-central-1:111122223333:key/1234abcd": {"state": "Disabled"}}

FACTS OF AZURE
  Without facts, it is said which function would look at what. With them, it
  decides on the subject whose aspect they are about; or on several, by subject
  (`looks` of --json names them):

    {"world": {"aspect": "vault", "vault": "absent", "deleted": {"is": {...}},
               "companions": "absent"},
     "memory": {"approvals": [], "revocations": []}}
    {"object:/subscriptions/ID/.../vaults/kv/keys/a":
       {"world": {"aspect": "vault_object", ...}}}

    world    what was observed, each part {"is": ...}, "absent" or
             {"unreadable": "why"}
    memory   what the ledger holds: approvals, revocations, case, vault, object,
             group [default: nothing]
    desired  what the deployment asks for [default: the defaults of the
             functions' variables]

OUTPUT WITH --json
  One object a line for each event, with at least
    threat, resource, actor, decision (stand, remedy, escalate), plan, why,
    policies, oddities
  Of an event in Azure: resource, actor, outcome, looks (function, subject),
  decisions (as above, each with its subject)
  An event that cannot be understood is {"error", "line"}, and the rest go on.

EXIT CODES
  0  every event was understood
  2  bad input, named on standard error: a file, an option, or an event

EXAMPLES
  reprieve explain events.jsonl
  reprieve explain events.jsonl --facts facts.json --json | jq -r .why
  aws cloudtrail lookup-events --output json | reprieve explain -
  az monitor activity-log list --offset 1d | reprieve explain -
"#;
