//! `reprieve monitoring plan`: what the function that keeps the monitoring would change, seen with the caller's own credentials.
//!
//! The plan is the function's own, by the same adapters and the same planner, of what the options ask for: what they do not ask for is not
//! looked at, and the plan says so. Nothing is changed here.

use std::io::Write;
use std::process::ExitCode;

use owo_colors::{OwoColorize as _, Style};
use reprieve_aws_desk::DeskError;
use reprieve_aws_monitoring::AwsMonitoringControl;
use reprieve_core::monitoring::desired::bucket_and_prefix;
use reprieve_core::monitoring::diff::text;
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, Desired, MonitoringPlan, RuleWish, TopicWish, TrailWish, plan};
use reprieve_core::{KeyArn, Region, RoleArn};
use reprieve_engine::MonitoringControl as _;
use serde::Serialize;

use crate::args::monitoring::{MonitoringArguments, MonitoringVerb, PlanArguments, WishArguments};

/// Changes are missing.
const CHANGES_ARE_MISSING: u8 = 3;

/// What a line begins with that names something nobody asked for.
const NOT_LOOKED_AT: &str = "not looked at: ";

/// The plan as data.
#[derive(Debug, Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    plan: &'a MonitoringPlan,
    not_looked_at: Vec<&'static str>,
}

/// Runs a verb of the monitoring.
///
/// # Errors
/// When the account cannot be told, what is asked for cannot be, or the output cannot be written.
pub(crate) async fn run(arguments: &MonitoringArguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        MonitoringVerb::Plan(arguments) => show_plan(arguments).await,
    }
}

async fn show_plan(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let desk = crate::desk::open(&arguments.cloud).await?;
    let region = desk.region().map(|region| Region::parse(&region)).transpose()?.ok_or(DeskError::NoRegion)?;
    let place = Place { partition: region.partition(), account: desk.caller().await?.account, region };
    let desired = desired(&arguments.wishes, place.clone())?;
    let control = AwsMonitoringControl::new(&desk.config_in(None)?, place);
    let plan = plan(&desired, &control.observe(&desired).await);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &Planned { plan: &plan, not_looked_at: not_looked_at(&arguments.wishes) })?;
        writeln!(out)?;
    } else {
        print(&plan, &arguments.wishes, &mut out)?;
    }
    out.flush()?;
    Ok(if plan.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHANGES_ARE_MISSING) })
}

fn desired(wishes: &WishArguments, place: Place) -> anyhow::Result<Desired> {
    let region = wishes.topic.split(':').nth(3).unwrap_or_default();
    anyhow::ensure!(
        region == place.region.as_str(),
        "the topic `{}` is not in {}, where the alarms are: an alarm publishes within its Region alone",
        wishes.topic,
        place.region
    );
    let of_the_guard = wishes.guard_rules.iter().map(|(rule, name)| RuleWish {
        name: name.clone(),
        pattern: rule.pattern().to_owned(),
        target_arn: wishes.guard_queue.clone().unwrap_or_default(),
        dead_letter_arn: wishes.guard_dead_letters.clone().unwrap_or_default(),
    });
    let of_drift = wishes.drift_rules.iter().map(|(rule, name)| RuleWish {
        name: name.clone(),
        pattern: rule.pattern(),
        target_arn: wishes.drift_queue.clone().unwrap_or_default(),
        dead_letter_arn: wishes.drift_dead_letters.clone().unwrap_or_default(),
    });
    let (bucket, prefix) = bucket_and_prefix(wishes.trail_bucket.as_deref());
    Ok(Desired {
        place,
        baseline: Baseline::of(wishes.cis_version, wishes.pattern_mode, wishes.additional_filters),
        trail: TrailWish {
            name: wishes.trail_name.clone(),
            bucket,
            prefix,
            key_arn: wishes.trail_key.as_ref().map(KeyArn::to_string),
            log_role_arn: wishes.trail_log_role.as_ref().map(RoleArn::to_string),
        },
        log_group: wishes.log_group.clone(),
        retention_days: wishes.retention_days,
        topic: TopicWish { arn: wishes.topic.clone(), subscribers: wishes.subscribers.clone() },
        namespace: wishes.filter_namespace.clone(),
        rules: of_the_guard.chain(of_drift).collect(),
    })
}

/// Names what is not looked at because the options do not ask for it, each with the option that does.
fn not_looked_at(wishes: &WishArguments) -> Vec<&'static str> {
    let parts = [
        (wishes.guard_rules.is_empty(), "the event rules that feed the guard (give --guard-rules)"),
        (wishes.drift_rules.is_empty(), "the event rules that tell the function of drift (give --drift-rules)"),
        (wishes.trail_bucket.is_none(), "where the trail writes its files to (give --trail-bucket)"),
    ];
    parts.into_iter().filter_map(|(is_unasked, part)| is_unasked.then_some(part)).collect()
}

/// Prints the plan as the function itself tells it, in colours, and below it what it is a plan of: a function may be configured otherwise.
fn print(plan: &MonitoringPlan, wishes: &WishArguments, out: &mut impl Write) -> std::io::Result<()> {
    text(plan).lines().try_for_each(|line| writeln!(out, "{}", coloured(line)))?;
    let WishArguments { cis_version, trail_name, log_group, .. } = wishes;
    writeln!(out, "\nasked for: CIS {}, the trail `{trail_name}`, the log group `{log_group}`", cis_version.as_str())?;
    not_looked_at(wishes).into_iter().try_for_each(|part| writeln!(out, "{}", coloured(&format!("{NOT_LOOKED_AT}{part}"))))
}

fn coloured(line: &str) -> String {
    let marks = [
        ("+ ", Style::new().green()),
        ("~ ", Style::new().yellow()),
        ("! ", Style::new().red().bold()),
        ("gap ", Style::new().red()),
        ("holds ", Style::new().green()),
        (NOT_LOOKED_AT, Style::new().yellow()),
        ("      - ", Style::new().red()),
        ("      + ", Style::new().green()),
    ];
    let marked = marks.into_iter().find_map(|(mark, style)| Some(format!("{}{}", mark.style(style), line.strip_prefix(mark)?)));
    marked.unwrap_or_else(|| line.to_owned())
}
