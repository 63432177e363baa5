//! The evidence in Azure: what vaults and the Activity Log tell is in the archive, and the timer that seals it runs.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use flate2::read::MultiGzDecoder;
use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget};
use reprieve_core::AuditEvent;
use serde_json::{Value, json};

use super::proof::answered;
use crate::azure::company::{EVIDENCE, vault};
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

/// How many writes to the archive are refused while it is out: more than the host tries what it does not try without end.
const REFUSED_WRITES: u64 = 8;

/// A secret is read and a key deleted: both are entries of the archive, with who did it and to which version, and without the secret.
pub(super) async fn recorded(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let secret = json!({ "value": "correct horse battery staple" });
    stage.owner.vault("kv-orders", "PUT", "/secrets/pin", Some(&secret)).await?.done("setting the secret")?;
    stage.mallory.vault("kv-orders", "GET", "/secrets/pin", None).await?.done("reading the secret")?;
    stage.mallory.vault("kv-orders", "DELETE", "/keys/orders", None).await?.done("deleting the key")?;
    let mut observation = answered(stage, &format!("{}/keys/orders", vault("kv-orders")), "recorded").await?;
    let lines = lines(stage)?;
    let mallory = stage.mallory.principal.object_id();
    let by_mallory: Vec<&AuditEvent> = lines
        .iter()
        .map(|(_, event)| event)
        .filter(|event| event.event.actor.object_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(mallory)))
        .collect();
    for (call, word) in [("SecretGet", "access"), ("KeyDelete", "destroy")] {
        let found = by_mallory.iter().any(|event| event.event.name == call && event.operation.as_str() == word && event.asset.is_some());
        observation.demand(found, || format!("`{call}` by Mallory is not in the archive"));
    }
    let leaks = lines.iter().filter(|(text, _)| text.contains("correct horse")).count();
    observation.demand(leaks == 0, || format!("{leaks} entries hold the value of the secret"));
    // The recovery of the vault's key was a write in the Activity Log's eyes as well, as everything that people did through ARM was.
    let told = lines.iter().any(|(_, event)| event.log == reprieve_core::audit::Log::AzureActivityLog);
    observation.demand(told, || "nothing of the Activity Log is in the archive".to_owned());
    outwait(stage, &mut observation).await?;
    let swept = stage.sweep().await?;
    let posture = stage.sandbox.tenant().blobs.contents(EVIDENCE, "reprieve-audit");
    observation.demand(posture.iter().any(|(name, _)| name.starts_with("audit/posture/")), || {
        format!("no sweep wrote how things stand: {:?} {:?}", swept.logs, stage.host.log().iter().rev().take(12).collect::<Vec<_>>())
    });
    let sealed = stage.host.run_timer("SealEvidence").await;
    ensure!(sealed.outcome.is_ok(), "sealing failed: {:?} {:?}", sealed.outcome, sealed.logs);
    Ok(observation)
}

/// The archive is gone, and comes back: what a vault told meanwhile waited in the event hub, and is recorded once.
async fn outwait(stage: &AzureStage, observation: &mut Observation) -> Result<()> {
    let (refused_before, reads_before) = (refused_writes(stage), reads_by_mallory(stage)?);
    let on = FaultTarget::Path { method: "PUT".to_owned(), contains: "/reprieve-audit/".to_owned() };
    let gone = FaultAnswer::Error { status: 404, code: "ContainerNotFound".to_owned() };
    stage.sandbox.inject(Fault::times(on, REFUSED_WRITES, gone));
    stage.mallory.vault("kv-orders", "GET", "/secrets/pin", None).await?.done("reading the secret again")?;
    stage.settled().await?;
    stage.clear_faults();
    let (refused, reads) = (refused_writes(stage) - refused_before, reads_by_mallory(stage)? - reads_before);
    observation.demand(refused == REFUSED_WRITES, || format!("{refused} of {REFUSED_WRITES} writes were refused before the host gave up"));
    observation.demand(reads == 1, || format!("what Mallory read while the archive was gone is there {reads} times"));
    Ok(())
}

/// Counts the writes that were refused on request.
fn refused_writes(stage: &AzureStage) -> u64 {
    stage.sandbox.exchanges().iter().map(|exchange| u64::from(exchange.fault.as_deref() == Some("error"))).sum()
}

/// Counts the entries that say that Mallory read a secret.
fn reads_by_mallory(stage: &AzureStage) -> Result<u64> {
    let mallory = stage.mallory.principal.object_id();
    let is_read = |event: &AuditEvent| {
        event.event.name == "SecretGet" && event.event.actor.object_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(mallory))
    };
    Ok(lines(stage)?.iter().map(|(_, event)| u64::from(is_read(event))).sum())
}

/// Reads every entry of the archive, with its line.
fn lines(stage: &AzureStage) -> Result<Vec<(String, AuditEvent)>> {
    let mut lines = Vec::new();
    for (name, bytes) in stage.sandbox.tenant().blobs.contents(EVIDENCE, "reprieve-audit") {
        if !name.starts_with("audit/events/") {
            continue;
        }
        let mut text = String::new();
        MultiGzDecoder::new(bytes.as_ref()).read_to_string(&mut text).with_context(|| format!("`{name}` is no gz"))?;
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).with_context(|| format!("a line of `{name}` is no JSON"))?;
            let whole = record.pointer("/unmapped/reprieve").with_context(|| format!("a line of `{name}` holds no entry"))?;
            lines.push((line.to_owned(), serde_json::from_value(whole.clone())?));
        }
    }
    Ok(lines)
}
