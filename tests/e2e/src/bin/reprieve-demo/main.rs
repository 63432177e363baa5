//! The demo: deploys the guards on a local cloud, AWS and Azure, plays the scenarios, and shows live what happens.
//!
//! Ends with exit code 0 only if every scenario ended as promised. Must not build anything: `scripts/demo` does.

mod azure;
mod by_hand;
mod evidence;
mod history;
mod screen;

use std::io::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use owo_colors::OwoColorize as _;
use reprieve_e2e::azure::scenario::AZURE;
use reprieve_e2e::azure::stage::AzureStage;
use reprieve_e2e::by_hand::Handout;
use reprieve_e2e::report::{Report, as_json};
use reprieve_e2e::scenario::{Scenario, demonstrated};
use reprieve_e2e::show::{Narrator, Ordered, shortened, table, wrapped};
use reprieve_e2e::stage::{Setting, Stage};
use reprieve_localcloud::{Activity, Progress, VENV_VARIABLE, default_folder, prepare_venv};
use tokio::sync::broadcast::error::TryRecvError;

use self::by_hand::ByHand;
use self::screen::{Screen, say};

/// How often the timeline is brought up to date.
const TICK: Duration = Duration::from_millis(50);

/// Plays attacks and mistakes against the guards on a local cloud, and shows how the keys come back.
#[derive(Debug, Parser)]
#[command(name = "scripts/demo", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    by_hand: Option<ByHand>,
    /// Writes how the scenarios ended to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leaves the run's sealed archive in this folder: records under `audit/`, seals under `seals/`, and the public key.
    #[arg(long, value_name = "DIR", conflicts_with = "azure")]
    archive: Option<PathBuf>,
    /// Leaves the local cloud running until Ctrl-C, and prints how to play with it.
    #[arg(long)]
    keep: bool,
    /// Plays this scenario only; may be given more than once.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    only: Vec<String>,
    #[command(flatten)]
    cloud: OneCloud,
    /// Sets the stage and plays nothing: prints how to play by hand, and stays until Ctrl-C.
    #[arg(long, conflicts_with_all = ["archive", "json", "keep", "only"])]
    stage_only: bool,
    /// Listens on this port instead of a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Installs the emulator, if need be, and ends.
    #[arg(long, conflicts_with_all = ["archive", "json", "keep", "only", "stage_only"])]
    prepare: bool,
}

/// The one cloud to play in; both, where none is named.
#[derive(Debug, clap::Args)]
struct OneCloud {
    /// Plays the scenarios on AWS only.
    #[arg(long, conflicts_with = "azure")]
    aws: bool,
    /// Plays the scenarios in Azure only.
    #[arg(long)]
    azure: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match demo(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // There is nobody to tell where standard error is closed.
            writeln!(anstream::stderr(), "{} {error:#}", "error:".bold().red()).ok();
            ExitCode::FAILURE
        }
    }
}

async fn demo(arguments: &Arguments) -> Result<bool> {
    if let Some(call) = &arguments.by_hand {
        by_hand::call(call).await?;
        return Ok(true);
    }
    let (began, started_at) = (Instant::now(), jiff::Timestamp::now());
    let screen = Screen::new();
    if arguments.prepare {
        return prepare(&screen);
    }
    let is_chosen = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let on_aws: Vec<Scenario> = demonstrated().filter(|scenario| !arguments.cloud.azure && is_chosen(scenario.name)).collect();
    let in_azure: Vec<Scenario<AzureStage>> = AZURE
        .into_iter()
        .filter(|scenario| !arguments.cloud.aws && !arguments.stage_only && !arguments.keep && is_chosen(scenario.name))
        .collect();
    let mut reports = Vec::with_capacity(on_aws.len() + in_azure.len());
    if !on_aws.is_empty() {
        reports.extend(play_on_aws(&screen, &on_aws, arguments).await?);
    }
    if !in_azure.is_empty() {
        reports.extend(azure::play(&screen, &in_azure).await?);
    }
    if arguments.stage_only {
        return Ok(true);
    }
    if arguments.only.is_empty() && !arguments.cloud.azure {
        let report = history::show().await?;
        show_report(&screen, &report)?;
        reports.push(report);
    }
    let took = began.elapsed();
    show_end(&screen, &reports, took)?;
    if let Some(file) = &arguments.json {
        let text = format!("{:#}\n", as_json(&reports, started_at, took));
        std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(!reports.is_empty() && reports.iter().all(|report| report.ok))
}

/// Returns the names of all scenarios.
fn names() -> Vec<&'static str> {
    demonstrated().map(|scenario| scenario.name).chain(AZURE.iter().map(|scenario| scenario.name)).collect()
}

/// Sets the stage on AWS, plays there, and leaves it standing where that was asked for.
async fn play_on_aws(screen: &Screen, chosen: &[Scenario], arguments: &Arguments) -> Result<Vec<Report>> {
    let stage = set_stage(screen, arguments.port).await?;
    if arguments.stage_only {
        keep(&stage, false).await?;
        stage.strike();
        return Ok(Vec::new());
    }
    let mut reports = Vec::with_capacity(chosen.len());
    for (index, scenario) in chosen.iter().enumerate() {
        let number = format!("{}/{}", index + 1, chosen.len());
        tokio::select! {
            report = play(screen, &stage, scenario, &number) => reports.push(report?),
            _ = tokio::signal::ctrl_c() => {
                stage.strike();
                anyhow::bail!("interrupted in `{}`", scenario.name);
            }
        }
    }
    // Of a few chosen scenarios, the evidence is shown only where it is asked for: it takes the monitoring and a minute.
    if arguments.only.is_empty() || arguments.archive.is_some() {
        let report = evidence::show(screen, &stage, arguments.archive.as_deref()).await?;
        show_report(screen, &report)?;
        reports.push(report);
    }
    if arguments.keep {
        keep(&stage, true).await?;
    }
    stage.strike();
    Ok(reports)
}

/// Says how to play by hand, and stays until Ctrl-C.
async fn keep(stage: &Stage, with_the_aws_cli: bool) -> Result<()> {
    let folder = by_hand::hand_out(stage).await?;
    if with_the_aws_cli {
        by_hand::show_how_to_play(stage)?;
    }
    say("")?;
    say(&format!("{} ends it.", "Ctrl-C".bold()))?;
    tokio::signal::ctrl_c().await?;
    Handout::remove(&folder);
    Ok(())
}

/// Makes the emulator's Python environment.
fn prepare(screen: &Screen) -> Result<bool> {
    let bar = screen.spinner();
    if std::env::var_os(VENV_VARIABLE).is_none_or(|given| given.is_empty()) {
        prepare_venv(&default_folder().join("venv"), &mut |progress| installing(&bar, &progress))?;
    }
    bar.finish_and_clear();
    Ok(true)
}

fn installing(bar: &ProgressBar, progress: &Progress) {
    bar.set_message(format!("installing the emulator [{}/{}] {}", progress.done, progress.of, progress.message));
}

/// Sets the stage and says what is there, with how long it took.
async fn set_stage(screen: &Screen, port: u16) -> Result<Stage> {
    let began = Instant::now();
    say(&format!("{}", "Reprieve on a local cloud".bold()))?;
    let bar = screen.spinner();
    let (installer, stepper) = (bar.clone(), bar.clone());
    let setting = Setting {
        port,
        on_progress: Box::new(move |progress| installing(&installer, &progress)),
        on_step: Box::new(move |step| stepper.set_message(step.to_owned())),
        ..Setting::of_mode("enforce")?
    };
    let stage = Stage::set(setting).await;
    bar.finish_and_clear();
    let stage = stage?;
    let seconds = began.elapsed().as_secs_f32();
    let done = "✔".green().to_string();
    say(&format!("  {done} local cloud at {}", stage.cloud.endpoint_url()))?;
    say(&format!("  {done} infra/aws/approval-key.yaml and guard.yaml deployed as shipped"))?;
    say(&format!("  {done} mode enforce {}", format!("({seconds:.1} s)").dimmed()))?;
    Ok(stage)
}

/// Plays one scenario under its live timeline.
async fn play(screen: &Screen, stage: &Stage, scenario: &Scenario, number: &str) -> Result<Report> {
    say("")?;
    say(&format!("{} {}", number.dimmed(), scenario.title.bold()))?;
    for line in wrapped(scenario.story, 2, screen.width) {
        say(&line)?;
    }
    let mut narrator = Narrator::new(&stage.guard_session()?, stage.cloud.account(), screen.width, scenario.is_crowded);
    let mut activity = stage.cloud.subscribe();
    let mut ordered = Ordered::default();
    let bar = screen.spinner();
    let mut playing = pin!(scenario.play(stage));
    let mut tick = tokio::time::interval(TICK);
    let report = loop {
        tokio::select! {
            report = &mut playing => break report,
            _ = tick.tick() => {
                receive(&mut activity, &mut ordered);
                for line in ordered.ripe().iter().filter_map(|entry| narrator.line(entry)) {
                    bar.suspend(|| say(&line))?;
                }
                bar.set_message(narrator.summary().unwrap_or_default());
            }
        }
    };
    bar.finish_and_clear();
    receive(&mut activity, &mut ordered);
    for line in ordered.rest().iter().filter_map(|entry| narrator.line(entry)) {
        say(&line)?;
    }
    for line in narrator.summary().iter().flat_map(|summary| wrapped(summary, 2, screen.width)) {
        say(&line)?;
    }
    show_report(screen, &report)?;
    Ok(report)
}

fn receive(activity: &mut tokio::sync::broadcast::Receiver<Activity>, ordered: &mut Ordered) {
    loop {
        match activity.try_recv() {
            Ok(entry) => ordered.add(entry),
            // A crowd ran past: the proofs read the full lists, only lines are missing.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

pub(crate) fn show_report(screen: &Screen, report: &Report) -> Result<()> {
    for figure in report.figures.iter().flat_map(|figure| wrapped(figure, 2, screen.width)) {
        say(&figure.dimmed().to_string())?;
    }
    if let Some(decision) = &report.decision {
        for line in wrapped(&format!("“{}”", shortened(decision)), 2, screen.width) {
            say(&line.italic().to_string())?;
        }
    }
    let slowest = if report.is_crowded { "the slowest was " } else { "" };
    let times = match (report.detect_ms, report.remediate_ms) {
        (Some(detect), Some(remedy)) => format!("{slowest}seen after {detect} ms, answered after {remedy} ms"),
        (Some(detect), None) => format!("{slowest}seen after {detect} ms"),
        (None, _) => String::new(),
    };
    if report.ok {
        let (mark, observed) = ("✔".bold().green().to_string(), report.observed.bold().green().to_string());
        let fits = 6 + report.observed.chars().count() + times.chars().count() <= screen.width;
        if fits {
            return say(&format!("  {mark} {observed}  {}", times.dimmed()));
        }
        say(&format!("  {mark} {observed}"))?;
        return wrapped(&times, 4, screen.width).iter().try_for_each(|line| say(&line.dimmed().to_string()));
    }
    say(&format!("  {} {} {}", "✘".bold().red(), report.observed.bold().red(), format!("(expected: {})", report.expected).dimmed()))?;
    for problem in &report.problems {
        for (index, line) in problem.lines().enumerate() {
            say(&format!("    {} {line}", if index == 0 { "!" } else { " " }.red()))?;
        }
    }
    Ok(())
}

fn show_end(screen: &Screen, reports: &[Report], took: Duration) -> Result<()> {
    say("")?;
    for line in table(reports, screen.width) {
        say(&line)?;
    }
    let kept = reports.iter().filter(|report| report.ok).count();
    let verdict = format!("{kept} of {} scenarios ended as promised", reports.len());
    let verdict = if kept == reports.len() { verdict.bold().green().to_string() } else { verdict.bold().red().to_string() };
    say("")?;
    say(&format!("{verdict} {}", format!("in {:.0} s", took.as_secs_f32()).dimmed()))
}
