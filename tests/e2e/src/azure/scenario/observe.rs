//! Mode observe: everything is decided, recorded and told, and nothing is changed.

use anyhow::Result;
use reprieve_core::Status;

use super::proof::latest;
use crate::azure::company::vault;
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

pub(super) async fn vault_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    stage.mallory.delete(&vault("kv-prod")).await?;
    stage.settled().await?;
    let record = latest(stage, &vault("kv-prod"))?;
    let mut observation = Observation {
        observed: "told, nothing changed".to_owned(),
        decision: record.decision.as_ref().map(|decision| decision.why().sentence.clone()),
        detect_ms: record.detect_ms,
        ..Observation::default()
    };
    observation.demand(record.status == Status::Observed, || format!("it ended as {:?}", record.status));
    observation.demand(stage.owner.get(&vault("kv-prod")).await?.is_none(), || "the vault was recovered".to_owned());
    let writes = stage.sandbox.exchanges().into_iter().filter(|exchange| {
        let is_guards = exchange.caller.as_ref().is_some_and(|caller| caller.object_id == stage.guard_object_id);
        is_guards && exchange.host == "management.azure.com" && exchange.method != "GET"
    });
    let writes: Vec<String> = writes.map(|exchange| format!("{} {}", exchange.method, exchange.path_and_query)).collect();
    observation.demand(writes.is_empty(), || format!("the guard wrote: {writes:?}"));
    observation.demand(!stage.chat.messages().is_empty(), || "nobody was told".to_owned());
    Ok(observation)
}
