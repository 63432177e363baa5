//! Events that come too often, out of order, or not at all; calls that are throttled or fail.

use anyhow::Result;
use reprieve_azure_sandbox::delivery::{Disorder, Loss};
use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget};
use reprieve_core::Status;

use super::proof::answered;
use crate::azure::company::vault;
use crate::azure::evidence::outcomes;
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

pub(super) async fn duplicated(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let before = recoveries(stage, &vault("kv-prod"));
    stage.delivery.set_disorder(Disorder { copies: 2, reverses: true, loses: Loss::Nothing });
    stage.mallory.delete(&vault("kv-prod")).await?;
    let mut observation = answered(stage, &vault("kv-prod"), "").await?;
    let recovered = recoveries(stage, &vault("kv-prod")) - before;
    observation.observed = if recovered == 1 { "one remediation".to_owned() } else { format!("{recovered} remediations") };
    let outcomes = outcomes(&stage.sandbox, &vault("kv-prod"))?;
    let failed = outcomes.iter().filter(|record| matches!(record.status, Status::Failure | Status::Partial)).count();
    observation.demand(failed == 0, || format!("{failed} remedies failed"));
    Ok(observation)
}

/// Counts the calls by which a vault was recovered.
pub(super) fn recoveries(stage: &AzureStage, vault: &str) -> usize {
    let is_recovery = |exchange: &reprieve_azure_sandbox::Exchange| {
        exchange.method == "PUT"
            && exchange.path_and_query.to_ascii_lowercase().starts_with(&vault.to_ascii_lowercase())
            && String::from_utf8_lossy(&exchange.request_body).contains("\"recover\"")
            && (200..300).contains(&exchange.status)
    };
    stage.sandbox.exchanges().iter().filter(|exchange| is_recovery(exchange)).count()
}

pub(super) async fn lost(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    stage.delivery.set_disorder(Disorder { loses: Loss::Everything, ..Disorder::default() });
    stage.mallory.delete(&vault("kv-prod")).await?;
    stage.settled().await?;
    let mut observation = Observation { observed: "back".to_owned(), ..Observation::default() };
    observation.demand(stage.owner.get(&vault("kv-prod")).await?.is_none(), || "the event was not lost".to_owned());
    stage.sweep().await?;
    let observation = observation.observed.clone();
    let mut observation = answered(stage, &vault("kv-prod"), observation).await?;
    observation.demand(stage.owner.get(&vault("kv-prod")).await?.is_some(), || "the vault is not there".to_owned());
    observation.demand(observation.decision.as_ref().is_some_and(|sentence| sentence.contains("mallory")), || {
        "the Activity Log was not asked who it was".to_owned()
    });
    Ok(observation)
}

pub(super) async fn throttled(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let recovery = FaultTarget::Action("Microsoft.KeyVault/vaults/write".to_owned());
    stage.sandbox.inject(Fault::times(recovery.clone(), 2, FaultAnswer::Throttle { retry_after_seconds: 1 }));
    stage.sandbox.inject(Fault {
        from_call: 3,
        ..Fault::times(recovery, 6, FaultAnswer::Error { status: 503, code: "ServiceUnavailable".to_owned() })
    });
    stage.mallory.delete(&vault("kv-prod")).await?;
    let mut observation = answered(stage, &vault("kv-prod"), "back, resumed").await?;
    observation.demand(stage.owner.get(&vault("kv-prod")).await?.is_some(), || "the vault is not there".to_owned());
    Ok(observation)
}
