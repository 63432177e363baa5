//! The scenarios in Azure: sets the stage there, plays, and shows how each ended.

use std::time::{Duration, Instant};

use anyhow::Result;
use owo_colors::OwoColorize as _;
use reprieve_e2e::azure::stage::{AzureSetting, AzureStage};
use reprieve_e2e::report::Report;
use reprieve_e2e::scenario::Scenario;
use reprieve_e2e::show::wrapped;

use crate::screen::{Screen, say};
use crate::show_report;

/// Sets the stage in Azure and plays there.
pub(crate) async fn play(screen: &Screen, chosen: &[Scenario<AzureStage>]) -> Result<Vec<Report>> {
    let stage = set_stage(screen).await?;
    let mut reports = Vec::with_capacity(chosen.len());
    for (index, scenario) in chosen.iter().enumerate() {
        say("")?;
        say(&format!("{} {}", format!("{}/{}", index + 1, chosen.len()).dimmed(), scenario.title.bold()))?;
        for line in wrapped(scenario.story, 2, screen.width) {
            say(&line)?;
        }
        let bar = screen.spinner();
        let report = tokio::select! {
            report = scenario.play(&stage) => report,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted in `{}`", scenario.name),
        };
        bar.finish_and_clear();
        show_report(screen, &report)?;
        reports.push(report);
    }
    stage.strike().await;
    Ok(reports)
}

async fn set_stage(screen: &Screen) -> Result<AzureStage> {
    let began = Instant::now();
    say("")?;
    say(&format!("{}", "Reprieve in a local Azure".bold()))?;
    let bar = screen.spinner();
    let stage = AzureStage::set(AzureSetting { mode: "enforce", role_propagation: Duration::from_millis(300) }).await;
    bar.finish_and_clear();
    let stage = stage?;
    let done = "✔".green().to_string();
    say(&format!("  {done} tenant at {}", stage.sandbox.http_url()))?;
    say(&format!("  {done} functions/azure-guard hosted; infra/azure/events.json and the role of subscription.json as shipped"))?;
    say(&format!("  {done} mode enforce {}", format!("({:.1} s)", began.elapsed().as_secs_f32()).dimmed()))?;
    Ok(stage)
}
