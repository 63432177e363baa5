//! What the scenarios have in common: an act, everything on its way answered, the state read back, and the record of it.

use anyhow::{Context as _, Result};
use reprieve_core::{Decision, Record, Status};
use serde_json::Value;

use crate::azure::evidence::outcomes;
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

/// Waits for everything on its way, and makes the observation of the latest remedy about a resource.
pub(super) async fn answered(stage: &AzureStage, resource: &str, observed: impl Into<String>) -> Result<Observation> {
    stage.settled().await?;
    let record = latest_remedy(stage, resource)?;
    let mut observation = Observation {
        observed: observed.into(),
        decision: record.decision.as_ref().map(|decision| decision.why().sentence.clone()),
        detect_ms: record.detect_ms,
        remediate_ms: record.remediate_ms,
        ..Observation::default()
    };
    observation.demand(record.status == Status::Success, || format!("the remedy ended as {:?}: {:?}", record.status, record.steps));
    observation.demand(has_intent(stage, &record)?, || format!("`{}` has no intent", record.id()));
    Ok(observation)
}

/// Returns the outcome of this scenario about a resource, or a part of it, that undid the gravest; of equals the latest.
pub(super) fn latest_remedy(stage: &AzureStage, resource: &str) -> Result<Record> {
    let outcomes = outcomes(&stage.sandbox, resource)?;
    let told: Vec<String> = outcomes.iter().map(|record| format!("{} {:?}", record.event.name, record.status)).collect();
    let severity = |record: &Record| match &record.decision {
        Some(Decision::Remedy { why, .. }) => Some(why.severity),
        Some(Decision::Stand { .. } | Decision::Escalate { .. }) | None => None,
    };
    let is_new = |record: &Record| record.recorded_at >= stage.begun_at();
    let remedies = outcomes.into_iter().filter(|record| is_new(record) && severity(record).is_some());
    let remedy = remedies.max_by_key(|record| (severity(record), record.recorded_at));
    remedy.with_context(|| {
        format!("nothing about `{resource}` was undone: {told:?} {:?}", stage.host.log().iter().rev().take(8).collect::<Vec<_>>())
    })
}

/// Returns the latest outcome about a resource.
pub(super) fn latest(stage: &AzureStage, resource: &str) -> Result<Record> {
    outcomes(&stage.sandbox, resource)?.into_iter().next_back().with_context(|| format!("there is no record about `{resource}`"))
}

fn has_intent(stage: &AzureStage, outcome: &Record) -> Result<bool> {
    let records = crate::azure::evidence::records(&stage.sandbox)?;
    Ok(records.iter().any(|record| record.phase == reprieve_core::Phase::Intent && record.event.id == outcome.event.id))
}

/// Returns a value inside a body, as text.
pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Says whether a flag inside a body is set.
pub(super) fn flag(body: &Value, pointer: &str) -> bool {
    body.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}
