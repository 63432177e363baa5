//! What goes wrong with the guard's own machinery, as tests: a burst against the quotas of KMS, a killed function, a cloud that goes
//! away or ends. Each has a cloud of its own, and takes a minute or several.
//!
//! `cargo test -p reprieve-e2e --test faults -- NAME` plays one; `--nocapture` is not needed for the figures, which are always printed.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};
use reprieve_e2e::azure::scenario::FAULTS as AZURE_FAULTS;
use reprieve_e2e::azure::stage::{AzureSetting, AzureStage};
use reprieve_e2e::report::Report;
use reprieve_e2e::scenario::{FAULTS, Scenario};
use reprieve_e2e::stage::{Setting, Stage};

/// P138, P139, P140
fn on_aws(scenario: &Scenario) -> Result<()> {
    let report = runtime()?.block_on(async {
        let stage = Stage::set(Setting::of_mode("enforce")?).await.context("the stage could not be set")?;
        let report = scenario.play(&stage).await;
        stage.strike();
        anyhow::Ok(report)
    })?;
    judged(&report)
}

fn in_azure(scenario: &Scenario<AzureStage>) -> Result<()> {
    let report = runtime()?.block_on(async {
        let setting = AzureSetting { mode: "enforce", role_propagation: Duration::from_millis(300) };
        let stage = AzureStage::set(setting).await.context("the stage could not be set")?;
        let report = scenario.play(&stage).await;
        stage.strike().await;
        anyhow::Ok(report)
    })?;
    judged(&report)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn judged(report: &Report) -> Result<()> {
    let mut out = std::io::stderr().lock();
    for figure in &report.figures {
        writeln!(out, "{}: {figure}", report.name)?;
    }
    writeln!(out, "{}: took {} s", report.name, report.duration_ms / 1_000)?;
    if report.ok {
        return Ok(());
    }
    Err(anyhow!("expected `{}`, observed `{}`:\n{}", report.expected, report.observed, report.problems.join("\n")))
}

fn trial<S: 'static>(scenario: Scenario<S>, play: fn(&Scenario<S>) -> Result<()>) -> Trial
where
    Scenario<S>: Send,
{
    Trial::test(scenario.name, move || play(&scenario).map_err(|error| Failed::from(format!("{error:#}"))))
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They measure time, and share the machine.
    arguments.test_threads = Some(1);
    let mut trials: Vec<Trial> = FAULTS.into_iter().map(|scenario| trial(scenario, on_aws)).collect();
    trials.extend(AZURE_FAULTS.into_iter().map(|scenario| trial(scenario, in_azure)));
    libtest_mimic::run(&arguments, trials).exit_code()
}
