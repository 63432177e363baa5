//! The command line: verbs, options, and their help. Values are parsed here, so that a verb meets none that is wrong.

pub(crate) mod cost;
pub(crate) mod coverage;
pub(crate) mod desk;
pub(crate) mod explain;
pub(crate) mod itself;
pub(crate) mod monitoring;
mod overview;
pub(crate) mod record;
mod refused;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod rules;
mod values;
pub(crate) mod verify;

use clap::builder::Resettable;
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::cost::CostArguments;
use self::coverage::CoverageArguments;
use self::desk::{ApprovalKeyArguments, ApprovalsArguments, ApproveArguments, RevokeArguments};
use self::explain::ExplainArguments;
use self::itself::{CompletionsArguments, ManArguments};
use self::monitoring::MonitoringArguments;
use self::record::RecordArguments;
use self::replay::ReplayArguments;
use self::report::ReportArguments;
use self::verify::{ProveArguments, VerifyArguments};
use crate::filter::FilterArguments;
use crate::policy::PolicyArguments;

/// Brings cryptographic keys back before data is lost.
#[derive(Debug, Parser)]
#[command(name = "reprieve", version, max_term_width = 100, help_template = overview::OVERVIEW)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Arguments {
    /// Reads the command line, or ends the process with help or with what is wrong. An empty variable counts as unset, as templates and
    /// scripts leave it.
    pub(crate) fn read() -> Self {
        let matches = refused::matches(without_empty_variables(Self::command()));
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Lets no option of a command read a variable that is empty.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |arg: &clap::Arg| arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
    command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg }).mut_subcommands(without_empty_variables)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Approves a change on a KMS key or a resource in Azure: seals it, and writes it there or in the ledger
    #[command(after_long_help = desk::APPROVE_HELP)]
    Approve(ApproveArguments),
    /// Revokes a change on a KMS key or a resource in Azure: nothing of it passes any more, and it stays revoked
    #[command(after_long_help = desk::REVOKE_HELP)]
    Revoke(RevokeArguments),
    /// Lists approvals: who, what, when, and whether they hold, and why not
    #[command(after_long_help = desk::APPROVALS_HELP)]
    Approvals(ApprovalsArguments),
    /// Prints the public half of a key in KMS or Key Vault as the functions are configured with it
    #[command(after_long_help = desk::APPROVAL_KEY_HELP)]
    ApprovalKey(ApprovalKeyArguments),
    /// Checks policies, and tests them against cases
    Policy(PolicyArguments),
    /// Judges metric filters of CloudWatch Logs by what they match. Nothing is changed.
    Filter(FilterArguments),
    /// Shows what the monitoring of an account lacks. Nothing is changed.
    Monitoring(MonitoringArguments),
    /// Says which keys are monitored, and for each gap why and what to do. Nothing is changed.
    #[command(after_long_help = coverage::COVERAGE_HELP)]
    Coverage(CoverageArguments),
    /// Records what old log files say of keys, secrets and logs: into an archive, or as text. Nothing is called.
    #[command(after_long_help = record::RECORD_HELP)]
    Record(RecordArguments),
    /// Replays old logs: what Reprieve would have undone, what was approved, what became of each key. Nothing is changed.
    #[command(after_long_help = replay::REPLAY_HELP)]
    Replay(ReplayArguments),
    /// Reports what an archive of evidence came to: times, failures, approvals, anomalies, keys at risk. Nothing is changed.
    #[command(after_long_help = report::REPORT_HELP)]
    Report(ReportArguments),
    /// Verifies that an archive of evidence is as it was sealed, and names what is not. Nothing is changed.
    #[command(after_long_help = verify::VERIFY_HELP)]
    Verify(VerifyArguments),
    /// Proves to others that one record was sealed, without showing them the rest
    #[command(after_long_help = verify::PROVE_HELP)]
    Prove(ProveArguments),
    /// Says what Reprieve would decide on events, and why. Nothing is called or changed.
    #[command(after_long_help = explain::EXPLAIN_HELP)]
    Explain(ExplainArguments),
    /// Estimates what Reprieve costs a month, line by line. Nothing is called.
    #[command(after_long_help = cost::COST_HELP)]
    Cost(CostArguments),
    /// Prints the completions of a shell
    #[command(after_long_help = itself::COMPLETIONS_HELP)]
    Completions(CompletionsArguments),
    /// Prints the manual page
    #[command(after_long_help = itself::MAN_HELP)]
    Man(ManArguments),
}
