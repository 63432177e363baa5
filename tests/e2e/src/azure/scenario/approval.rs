//! Planned changes: what stands, and what only looks approved.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::{Decision, Status};
use serde_json::json;

use super::proof::{answered, latest};
use crate::azure::company::{vault, vault_body};
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

/// Makes a vault that somebody plans to delete, and lets the guard learn it.
async fn planned(stage: &AzureStage, name: &str) -> Result<String> {
    stage.prepared().await?;
    let tenant = stage.sandbox.tenant().tenant_id.clone();
    stage.owner.put(&vault(name), &vault_body(&tenant, false)).await?;
    stage.settled().await?;
    Ok(vault(name))
}

fn window_from(start: Timestamp) -> String {
    format!("2h from {}", start.strftime("%Y-%m-%dT%H:%MZ"))
}

fn open_window() -> String {
    window_from(Timestamp::now() - SignedDuration::from_mins(10))
}

/// Waits for everything on its way, and demands that the deletion was let stand.
async fn stands(stage: &AzureStage, resource: &str, observed: &str) -> Result<Observation> {
    stage.settled().await?;
    let record = latest(stage, resource)?;
    let decision = record.decision.as_ref().context("the outcome holds no decision")?;
    let mut observation = Observation {
        observed: observed.to_owned(),
        decision: Some(decision.why().sentence.clone()),
        detect_ms: record.detect_ms,
        ..Observation::default()
    };
    let is_let = matches!(decision, Decision::Stand { why } if why.permitted) && record.status == Status::NothingToDo;
    observation.demand(is_let, || format!("it was answered: {decision:?}"));
    observation.demand(stage.owner.get(resource).await?.is_none(), || "the vault is there".to_owned());
    Ok(observation)
}

/// Waits for everything on its way, and demands that the vault is back.
async fn is_back(stage: &AzureStage, resource: &str, observed: &str) -> Result<Observation> {
    let mut observation = answered(stage, resource, observed).await?;
    observation.demand(stage.owner.get(resource).await?.is_some(), || "the vault is not there".to_owned());
    Ok(observation)
}

pub(super) async fn covered(stage: &AzureStage) -> Result<Observation> {
    let retired = planned(stage, "kv-retired").await?;
    stage.desk.approve_deletion(&stage.alice, &retired, "CHG-3001", &open_window()).await?;
    stage.pat.delete(&retired).await?;
    let observation = stands(stage, &retired, "stands").await?;
    // The sweep decides again, and says nothing new.
    stage.sweep().await?;
    let again = stands(stage, &retired, "stands").await?;
    Ok(Observation { problems: [observation.problems.clone(), again.problems].concat(), ..observation })
}

pub(super) async fn altered(stage: &AzureStage) -> Result<Observation> {
    let planned = planned(stage, "kv-altered").await?;
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    stage.desk.approve_deletion(&stage.alice, &planned, "CHG-3002", &window_from(tomorrow)).await?;
    let today = Timestamp::now() - SignedDuration::from_hours(1);
    let window = format!("{}/{}", today.strftime("%Y-%m-%dT%H:%M:%SZ"), tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let tags = json!({ "operation": "Merge", "properties": { "tags": { "reprieve:window": window } } });
    stage.mallory.patch(&format!("{planned}/providers/Microsoft.Resources/tags/default"), &tags).await?;
    stage.mallory.delete(&planned).await?;
    is_back(stage, &planned, "back").await
}

pub(super) async fn of_oneself(stage: &AzureStage) -> Result<Observation> {
    let planned = planned(stage, "kv-selfish").await?;
    stage.desk.approve_deletion(&stage.alice, &planned, "CHG-3003", &open_window()).await?;
    stage.alice.delete(&planned).await?;
    let mut observation = is_back(stage, &planned, "back, escalated").await?;
    let record = super::proof::latest_remedy(stage, &planned)?;
    let told =
        record.decision.as_ref().is_some_and(|decision| decision.why().escalations.iter().any(|line| line.contains("their own act")));
    observation.demand(told, || "the self-approval was not escalated".to_owned());
    Ok(observation)
}

pub(super) async fn revoked(stage: &AzureStage) -> Result<Observation> {
    let planned = planned(stage, "kv-revoked").await?;
    stage.desk.approve_deletion(&stage.alice, &planned, "CHG-3004", &open_window()).await?;
    stage.pat.delete(&planned).await?;
    let stood = stands(stage, &planned, "stands").await?;
    stage.desk.revoke(&stage.alice, &planned, "CHG-3004").await?;
    stage.sweep().await?;
    let mut observation = is_back(stage, &planned, "stood, then back").await?;
    observation.problems.extend(stood.problems);
    Ok(observation)
}
