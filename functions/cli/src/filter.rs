//! `reprieve filter`: judges metric filters by what they match, with the evaluator that the functions use.
//!
//! But for `verify`, it calls no cloud; and it never compares the text of patterns.

mod audit;
mod events;
mod help;
mod test;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use reprieve_core::filter::{FilterError, FilterPattern};
use reprieve_core::{AccountId, Partition, Region};
use serde_json::json;

use crate::filter_verify::VerifyArguments;

/// What was given cannot be used.
const BAD_INPUT: u8 = 2;
/// The filter does not catch what it should, or matches none of the events.
const NOT_CAUGHT: u8 = 3;

/// The options of `reprieve filter`.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    #[command(subcommand)]
    verb: FilterVerb,
}

#[derive(Debug, Subcommand)]
enum FilterVerb {
    /// Says whether a filter pattern matches events, and which comparison fails
    #[command(after_long_help = help::TEST_HELP)]
    Test(TestArguments),
    /// Says what a filter pattern catches of everything that makes a key unusable or blinds the monitoring
    #[command(after_long_help = help::AUDIT_HELP)]
    Audit(AuditArguments),
    /// Holds our evaluator against CloudWatch Logs itself, by `logs:TestMetricFilter`. Nothing is changed.
    #[command(after_long_help = crate::filter_verify::VERIFY_HELP)]
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
struct TestArguments {
    /// The filter pattern, such as `{ $.eventName = DisableKey }`
    #[arg(value_name = "PATTERN")]
    pattern: String,

    /// The file with the events, or `-` for standard input
    ///
    /// CloudTrail records: one, a JSON array, one a line (JSONL), a CloudTrail file (`{"Records":[...]}`), or the answer of
    /// `aws cloudtrail lookup-events`.
    #[arg(long, value_name = "FILE|-", value_hint = clap::ValueHint::FilePath)]
    event: String,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct AuditArguments {
    /// The filter pattern, such as `{ $.eventName = DisableKey }`
    #[arg(value_name = "PATTERN")]
    pattern: String,

    /// The account whose events must be caught; the default is one that AWS's documentation uses
    #[arg(long, value_name = "ID", default_value = "111122223333", value_parser = AccountId::parse)]
    account: AccountId,

    /// The Region of the events
    #[arg(long, value_name = "REGION", default_value = "eu-central-1", value_parser = Region::parse)]
    region: Region,

    /// The partition of the account
    #[arg(long, value_name = "PARTITION", default_value = "aws", value_parser = Partition::parse)]
    partition: Partition,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the verb; what the filter is worth is the exit code.
///
/// # Errors
/// When a file cannot be read, or the output cannot be written.
pub(crate) fn run(arguments: &FilterArguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        FilterVerb::Test(arguments) => test::run(arguments),
        FilterVerb::Audit(arguments) => audit::run(arguments),
        FilterVerb::Verify(arguments) => crate::wait_for(crate::filter_verify::run(arguments)),
    }
}

/// Reads the pattern, or says on standard error where it is wrong.
fn read(pattern: &str, json: bool) -> anyhow::Result<Result<FilterPattern, ExitCode>> {
    match FilterPattern::parse(pattern) {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(error) => {
            if json {
                writeln!(anstream::stdout().lock(), "{}", json!({"error": error.to_string(), "column": error.column}))?;
            }
            show(&error, pattern)?;
            Ok(Err(ExitCode::from(BAD_INPUT)))
        }
    }
}

/// Shows the pattern's line, with a mark below what is wrong.
fn show(error: &FilterError, pattern: &str) -> anyhow::Result<()> {
    let mut err = anstream::stderr().lock();
    writeln!(err, "reprieve: the filter pattern is wrong at {error}")?;
    let before: String = pattern.chars().take(error.column.saturating_sub(1)).collect();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = pattern.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let indent = before.get(start..).unwrap_or_default().chars().map(|character| if character == '\t' { '\t' } else { ' ' });
    writeln!(err, "  {line}\n  {}{}", indent.collect::<String>(), "^".red().bold())?;
    Ok(())
}
