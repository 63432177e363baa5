//! The `reprieve` command. Parses arguments, runs a verb, and says by its exit code whether the input or the cloud was at fault.

mod approval_key;
mod approvals;
mod approve;
mod archive;
mod args;
mod chart;
mod cost;
mod coverage;
mod desk;
mod explain;
mod filter;
mod filter_verify;
mod itself;
mod monitoring;
mod place;
mod plain;
mod policies;
mod policy;
mod prove;
mod record;
mod replay;
mod report;
mod revoke;
mod said;
mod style;
mod table;
mod verify;

use std::future::Future;
use std::process::ExitCode;

use jiff::Timestamp;
use reprieve_engine::CallError;
use {reprieve_aws_desk as aws, reprieve_azure_desk as azure};

use crate::args::{Arguments, Verb};

/// The cloud failed, or did not allow it.
const CLOUD_FAILED: u8 = 1;
/// What was given cannot be used, or not all of it, or was refused.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    match run(&Arguments::read().verb, Timestamp::now()) {
        Ok(code) => code,
        // Whoever read our output has seen enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("reprieve: {}", said::said(&error));
            ExitCode::from(code_of(&error))
        }
    }
}

fn run(verb: &Verb, now: Timestamp) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Approve(arguments) => wait_for(approve::run(arguments, now))?,
        Verb::Revoke(arguments) => wait_for(revoke::run(arguments, now))?,
        Verb::Approvals(arguments) => wait_for(approvals::run(arguments, now))?,
        Verb::ApprovalKey(arguments) => wait_for(approval_key::run(arguments))?,
        Verb::Policy(arguments) => return policy::run(arguments),
        Verb::Coverage(arguments) => return wait_for(coverage::run(arguments, now)),
        Verb::Monitoring(arguments) => return wait_for(monitoring::run(arguments)),
        Verb::Record(arguments) => return record::run(arguments),
        Verb::Replay(arguments) => return replay::run(arguments, now),
        Verb::Report(arguments) => return wait_for(report::run(arguments, now)),
        Verb::Verify(arguments) => return wait_for(verify::run(arguments, now)),
        Verb::Prove(arguments) => return wait_for(prove::run(arguments)),
        Verb::Filter(arguments) => return filter::run(arguments),
        Verb::Explain(arguments) => {
            if explain::run(arguments, now)? == explain::Understood::NotAll {
                return Ok(ExitCode::from(BAD_INPUT));
            }
        }
        Verb::Cost(arguments) => cost::run(arguments)?,
        Verb::Completions(arguments) => itself::completions(arguments)?,
        Verb::Man(arguments) => itself::man(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a verb that calls the cloud.
fn wait_for<T>(verb: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(verb)
}

fn code_of(error: &anyhow::Error) -> u8 {
    let by_aws = error.downcast_ref::<aws::DeskError>().is_some_and(|error| !error.is_refusal());
    let by_azure = error.downcast_ref::<azure::DeskError>().is_some_and(|error| !error.is_refusal());
    let by_cloud = by_aws || by_azure || error.downcast_ref::<CallError>().is_some();
    if by_cloud { CLOUD_FAILED } else { BAD_INPUT }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
