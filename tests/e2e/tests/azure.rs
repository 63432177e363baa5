//! The scenarios in Azure as tests, one after another in one tenant; then everything that the guard and the tenant said to each other is
//! held to Microsoft's contracts, where they are at hand (`REPRIEVE_AZURE_SPECS`).
//!
//! nextest starts a process, and so a tenant, for each.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what was held to the contracts is counted for whoever reads the log")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use reprieve_azure_sandbox::Exchange;
use reprieve_azure_sandbox::contract::golden::{Golden, GoldenTally};
use reprieve_azure_sandbox::contract::{CONTRACTS_VARIABLE, Contracts, Tally};
use reprieve_e2e::azure::scenario::{AZURE, OBSERVING};
use reprieve_e2e::azure::stage::{AzureSetting, AzureStage};
use reprieve_e2e::scenario::Scenario;
use tokio::runtime::Runtime;

/// The stage and the runtime that it lives in.
struct Theatre {
    runtime: Runtime,
    stage: AzureStage,
}

/// A stage that is set once, for whoever comes first.
struct Shared {
    mode: &'static str,
    theatre: Mutex<Option<Theatre>>,
}

impl Shared {
    fn new(mode: &'static str) -> Arc<Self> {
        Arc::new(Self { mode, theatre: Mutex::default() })
    }

    fn trial(self: &Arc<Self>, scenario: Scenario<AzureStage>) -> Trial {
        let shared = Arc::clone(self);
        Trial::test(scenario.name, move || shared.play(&scenario).map_err(|error| Failed::from(format!("{error:#}"))))
    }

    fn play(&self, scenario: &Scenario<AzureStage>) -> Result<()> {
        let mut theatre = self.theatre.lock().unwrap_or_else(PoisonError::into_inner);
        if theatre.is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let setting = AzureSetting { mode: self.mode, role_propagation: Duration::from_millis(300) };
            let stage = runtime.block_on(AzureStage::set(setting)).context("the stage could not be set")?;
            *theatre = Some(Theatre { runtime, stage });
        }
        let theatre = theatre.as_ref().context("the stage was just set")?;
        let before = theatre.stage.sandbox.exchanges().len();
        let report = theatre.runtime.block_on(scenario.play(&theatre.stage));
        hold_to_contracts(&theatre.stage.sandbox.exchanges().split_off(before), &theatre.stage.guard_object_id)?;
        ensure!(report.ok, "expected `{}`, observed `{}`:\n{}", report.expected, report.observed, report.problems.join("\n"));
        Ok(())
    }

    fn strike(&self) {
        if let Some(Theatre { runtime, stage }) = self.theatre.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.block_on(stage.strike());
        }
    }
}

/// Holds everything that was said to Microsoft's contracts, and what the guard asked to what Microsoft's own clients ask.
fn hold_to_contracts(exchanges: &[Exchange], guard: &str) -> Result<()> {
    let Some(folder) = std::env::var_os(CONTRACTS_VARIABLE).map(PathBuf::from) else {
        eprintln!("{CONTRACTS_VARIABLE} is not set: contracts are not checked");
        return Ok(());
    };
    let by_guard: Vec<Exchange> =
        exchanges.iter().filter(|exchange| exchange.caller.as_ref().is_some_and(|caller| caller.object_id == guard)).cloned().collect();
    let contracts = Contracts::load(&folder).map_err(|error| anyhow!("{error}"))?;
    let tally = Tally::of(&contracts, &by_guard);
    let golden = GoldenTally::of(&Golden::load(&folder).map_err(|error| anyhow!("{error}"))?, &by_guard);
    println!("{tally}\n{golden}");
    ensure!(tally.violations.is_empty(), "against the contracts:\n{}", tally.violations.join("\n"));
    ensure!(golden.differences.is_empty(), "other than Microsoft's clients ask:\n{}", golden.differences.join("\n"));
    let purges =
        by_guard.iter().filter(|exchange| exchange.method == "DELETE" || exchange.path_and_query.to_ascii_lowercase().contains("/purge"));
    ensure!(purges.count() == 0, "the guard deleted or purged something");
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share one tenant.
    arguments.test_threads = Some(1);
    let (enforcing, observing) = (Shared::new("enforce"), Shared::new("observe"));
    let mut trials: Vec<Trial> = AZURE.into_iter().map(|scenario| enforcing.trial(scenario)).collect();
    trials.push(observing.trial(OBSERVING));
    let conclusion = libtest_mimic::run(&arguments, trials);
    enforcing.strike();
    observing.strike();
    conclusion.exit_code()
}
