//! `reprieve policy`: checks policies, and tests them against cases, with the very code by which the functions read and ask them.
//!
//! It calls no cloud: what a policy would be told is written in the cases.

mod cases;
mod check;
mod files;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// What was given cannot be used.
const BAD_INPUT: u8 = 2;

/// The options of `reprieve policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    #[command(subcommand)]
    verb: PolicyVerb,
}

#[derive(Debug, Subcommand)]
enum PolicyVerb {
    /// Says whether your policies can be used beside the shipped ones, and which policies are then in force.
    #[command(after_long_help = CHECK_HELP)]
    Check(CheckArguments),
    /// Asks the policies what the cases of a table ask, and compares the answers with those expected.
    #[command(after_long_help = TEST_HELP)]
    Test(TestArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// Cedar files, or folders with `*.cedar` files
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Cedar files, or folders with `*.cedar` and `*.cases.json` files
    ///
    /// The cases of a file `NAME.cedar` are those of `NAME.cases.json` beside it. A folder without Cedar files tests the shipped
    /// policies.
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,

    /// A file of cases, in place of those beside the policies; may be given several times
    #[arg(long, value_name = "FILE")]
    cases: Vec<PathBuf>,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the verb; whether all is well is the exit code.
///
/// # Errors
/// When a file cannot be read, or the output cannot be written.
pub(crate) fn run(arguments: &PolicyArguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        PolicyVerb::Check(arguments) => check::run(&arguments.paths, arguments.json),
        PolicyVerb::Test(arguments) => test::run(&arguments.paths, &arguments.cases, arguments.json),
    }
}

const CHECK_HELP: &str = r"WHAT IS CHECKED
  The files are read in the order of their names, put beside the shipped
  policies and validated strictly against the shipped schema, as the functions
  do at their start. A policy with the @id of a shipped one takes its place.
  Functions that find an invalid policy approve nothing.

WARNINGS
  A shipped `forbid` that is replaced, a `permit` that asks for nothing, an
  annotation that means nothing, a policy without @because, and what Cedar finds
  odd.

EXIT CODES
  0  the policies can be used, warnings or not
  2  they cannot: the file, the line and the column are named

EXAMPLES
  reprieve policy check policies/
  reprieve policy check policies/ --json | jq -r '.warnings[].why'
";

const TEST_HELP: &str = r#"CASES
  A JSON file: what is usual, and the cases. What a case leaves out is as usual;
  `null` says that it is unknown, or absent, although it is usual.

    {"usual": {
       "actor": {"role": "arn:aws:iam::111122223333:role/Admin",
                 "session_name": "mallory"},
       "key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-...",
       "action": "delete", "event_time": "2026-12-01T22:30:00Z",
       "approvals": [{"approver": "carol@example.com",
                      "window": "2h from 2026-12-01T22:00Z"}]},
     "cases": [
       {"name": "inside the window", "expect": "permit",
        "policies": ["change-window"]},
       {"name": "an hour late", "event_time": "2026-12-02T01:00:00Z",
        "expect": "deny"}]}

    name                  what the case shows, as a sentence
    expect                permit or deny
    policies              the ids of exactly the policies that must determine
                          it; [] where none does
    actor                 type, role (ARN), session_name, user_name, account,
                          arn, source_identity; in Azure type, user_name (the
                          UPN), object_id, app_id; null: unknown
    key                   the key's ARN; or
    resource              the id of a resource in Azure: /subscriptions/...
    action                delete, disable, disable-rotation, weaken-vault, ...
                          as the schema lists them
    event_time            when it happened; null: unknown
    now                   when it is decided [default: event_time]
    tags                  its tags, as an object [default: none]; null:
                          unreadable
    key_state             PendingDeletion, Disabled, ... as DescribeKey says
                          [default: unreadable; in Azure not-applicable]
    waiting_period_days   what ScheduleKeyDeletion asked for [default: unknown]
    change_calendar       OPEN, CLOSED or unknown [default: none is configured]
    revocations_known     false where the ledger could not be read [default:
                          true]
    approvals             those that are known to be ones, each with
      approver            a name, or an ARN
      window              START/END, START/PT2H, or `2h from START`
      change              the change id [default: CHG-1]
      source              sealed-tags, ledger or plain-tags [default:
                          sealed-tags]
      seal_key            the id of the approval key that sealed it [default:
                          key-1]
      set_at              when plain tags were set [default: unknown]
      resource            the ARN or id that it was given for [default: the key
                          or resource]
      revoked             true where the change was revoked
    configuration         break_glass_roles, break_glass_principals,
                          break_glass_hours, sandbox_accounts,
                          sandbox_subscriptions, minimum_waiting_days, as the
                          environment variables of the functions say

EXIT CODES
  0  every answer is as expected
  1  some are not; why is said below the table
  2  the policies or the cases cannot be used

EXAMPLES
  reprieve policy test policies/
  reprieve policy test policies/break-glass-4h.cedar
  reprieve policy test policies/ --cases night.cases.json --json |
      jq '.cases[] | select(.as_expected | not)'
"#;
