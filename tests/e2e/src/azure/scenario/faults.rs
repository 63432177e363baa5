//! What goes wrong with the guard's own machinery in Azure: its process is killed, ARM answers nobody.
//!
//! Each resource comes back by one recovery, and the records claim what happened and nothing else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget};
use reprieve_core::{Phase, Record, Status, StepResult};
use tokio::time::{Instant, sleep};

use super::delivery::recoveries;
use super::proof::answered;
use crate::azure::company::{vault, vault_body};
use crate::azure::evidence::records;
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

/// How long a kill may take to come.
const KILL_WAIT: Duration = Duration::from_secs(30);

/// How long everything may take to be answered: a claim of a killed process binds for a minute, and Event Grid's pauses grow.
const RECOVERY_WAIT: Duration = Duration::from_secs(200);

/// How long ARM is away.
const AWAY: Duration = Duration::from_secs(20);

/// How the fault at a point is made.
type Making = fn() -> (FaultTarget, FaultAnswer);

/// The points at which the process is killed, with the name of a vault for each. The order counts: an event whose claim is held writes
/// its intent again with each delivery, so that point must come before there is any.
const POINTS: [(&str, &str, Making); 5] = [
    ("intent written", "kv-intent", || (record("intent"), FaultAnswer::KillAfterEffect)),
    ("before the recovery", "kv-before", || (recovery("kv-before"), FaultAnswer::Kill)),
    ("recovered, unanswered", "kv-recovered", || (recovery("kv-recovered"), FaultAnswer::KillAfterEffect)),
    ("before the outcome", "kv-unwritten", || (record("outcome"), FaultAnswer::Kill)),
    ("outcome written", "kv-written", || (record("outcome"), FaultAnswer::KillAfterEffect)),
];

fn record(phase: &str) -> FaultTarget {
    FaultTarget::Path { method: "PUT".to_owned(), contains: format!(".{phase}.") }
}

fn recovery(name: &str) -> FaultTarget {
    FaultTarget::Path { method: "PUT".to_owned(), contains: format!("/vaults/{name}") }
}

pub(super) async fn killed(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let tenant_id = stage.sandbox.tenant().tenant_id.clone();
    for (_, name, _) in POINTS {
        stage.owner.put(&vault(name), &vault_body(&tenant_id, true)).await?;
    }
    stage.settled().await?;
    // The guard learns what is there.
    stage.sweep().await?;
    let mut seen = Observation::default();
    for (point, name, making) in POINTS {
        let before = kills(stage);
        let (on, answer) = making();
        stage.sandbox.inject(Fault::once(on, answer));
        stage.mallory.delete(&vault(name)).await?;
        let end = Instant::now() + KILL_WAIT;
        while kills(stage) == before {
            ensure!(Instant::now() < end, "the host was not killed at `{point}` within {} s", KILL_WAIT.as_secs());
            sleep(Duration::from_millis(20)).await;
        }
        stage.sandbox.tenant().faults.clear();
    }
    let began = Instant::now();
    let settled = stage.delivery.settled(RECOVERY_WAIT).await;
    seen.demand(settled, || format!("events were still on their way after {} s", RECOVERY_WAIT.as_secs()));
    let took_s = began.elapsed().as_secs();
    let mut back = 0;
    for (point, name, _) in POINTS {
        let mut of_point = Observation::default();
        back += usize::from(stage.owner.get(&vault(name)).await?.is_some());
        let told = judge(stage, &mut of_point, name)?;
        seen.problems.extend(of_point.problems.into_iter().map(|problem| format!("killed at `{point}`: {problem}")));
        seen.figures.push(format!("killed at `{point}`: {told}"));
    }
    seen.observed = format!("{back} of {} back", POINTS.len());
    let report = stage.delivery.report();
    seen.demand(report.dead_lettered == 0, || format!("{} events went to the dead letters", report.dead_lettered));
    seen.figures.push(format!("everything was answered {took_s} s after the last kill; {} deliveries failed.", report.failed_attempts));
    Ok(seen)
}

/// Counts the calls at which the process was killed.
fn kills(stage: &AzureStage) -> usize {
    let is_kill = |fault: &String| fault.starts_with("kill");
    stage.sandbox.exchanges().iter().filter(|exchange| exchange.fault.as_ref().is_some_and(is_kill)).count()
}

/// Holds the records about a vault against what the tenant saw, and tells of them.
fn judge(stage: &AzureStage, seen: &mut Observation, name: &str) -> Result<String> {
    let id = vault(name).to_ascii_lowercase();
    let recovered = recoveries(stage, &vault(name));
    seen.demand(recovered == 1, || format!("the vault was recovered {recovered} times"));
    let is_about = |record: &Record| {
        record.subject.as_ref().is_some_and(|subject| subject.resource().canonical() == id) && record.event.name.contains("delete")
    };
    let of_deletion: Vec<Record> = records(&stage.sandbox)?.into_iter().filter(is_about).collect();
    let (intents, outcomes): (Vec<&Record>, Vec<&Record>) = of_deletion.iter().partition(|record| record.phase == Phase::Intent);
    for outcome in outcomes.iter().filter(|outcome| !outcome.steps.is_empty()) {
        let is_intended = intents.iter().any(|intent| intent.event.id == outcome.event.id && intent.recorded_at <= outcome.recorded_at);
        seen.demand(is_intended, || format!("attempt {} has an outcome and no intent", outcome.attempt));
    }
    let settled: Vec<&&Record> = outcomes.iter().filter(|record| !Status::is_open(&record.steps)).collect();
    seen.demand(!settled.is_empty(), || "no outcome says how it ended".to_owned());
    let claiming = settled.iter().filter(|record| record.steps.iter().any(|step| step.result == StepResult::Done)).count();
    seen.demand(claiming <= 1, || format!("{claiming} outcomes say that the vault was recovered, and it was once"));
    let told: Vec<String> = outcomes.iter().map(|record| format!("outcome {}: {:?}", record.attempt, record.status)).collect();
    Ok(format!("{} intents; {}", intents.len(), told.join("; ")))
}

pub(super) async fn arm_away(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let before = (stage.delivery.report(), recoveries(stage, &vault("kv-prod")));
    // The first call is Mallory's; whatever comes after it is cut off.
    let on = FaultTarget::Path { method: String::new(), contains: "management.azure.com".to_owned() };
    stage.sandbox.inject(Fault { on, from_call: 2, times: u64::MAX, answer: FaultAnswer::Reset });
    stage.mallory.delete(&vault("kv-prod")).await?;
    sleep(AWAY).await;
    let cut = stage.sandbox.exchanges().iter().filter(|exchange| exchange.fault.as_deref() == Some("reset")).count();
    let recovered = recoveries(stage, &vault("kv-prod")) - before.1;
    stage.clear_faults();
    ensure!(stage.owner.get(&vault("kv-prod")).await?.is_none(), "the vault came back while ARM answered nobody");
    let began = Instant::now();
    ensure!(stage.delivery.settled(RECOVERY_WAIT).await, "events were still on their way after {} s", RECOVERY_WAIT.as_secs());
    let took_s = began.elapsed().as_secs();
    let mut seen = answered(stage, &vault("kv-prod"), "back").await?;
    let after = stage.delivery.report();
    let failed = after.failed_attempts - before.0.failed_attempts;
    if failed > 0 {
        seen.observed.push_str(", retried");
    }
    seen.demand(cut > 0 && recovered == 0, || format!("{cut} calls were cut off, and the vault was recovered {recovered} times meanwhile"));
    let recovered = recoveries(stage, &vault("kv-prod")) - before.1;
    seen.demand(recovered == 1, || format!("the vault was recovered {recovered} times"));
    seen.demand(after.dead_lettered == before.0.dead_lettered, || "events went to the dead letters".to_owned());
    stage.owner.get(&vault("kv-prod")).await?.context("the vault is not there")?;
    seen.figures.push(format!(
        "ARM away for {} s: {cut} calls cut off, {failed} deliveries failed; everything was answered {took_s} s after it was back.",
        AWAY.as_secs()
    ));
    Ok(seen)
}
