//! Acts that nothing covers: the key is given back.

use anyhow::{Context as _, Result};
use reprieve_core::{Status, StepResult};
use serde_json::Value;

use super::privilege;
use super::proof::{Answered, Observation, is_remedial};
use crate::stage::Stage;
use crate::stage::people::OTHER_REGION;

/// A deletion is scheduled.
pub(crate) async fn deletion(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("customer records").await?;
    stage.people.mallory.schedule_deletion(&key).await?;
    let answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?;
    Ok(answered.given_back().await?.usable(true).await.seen)
}

/// A deletion is scheduled where the guard is in mode `observe`: it decides, records and tells, and touches nothing; nor could
/// it, for its role may not.
pub(crate) async fn observed(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("not guarded yet").await?;
    stage.people.mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.told().await?.usable(false).await;
    let status = answered.record.status;
    answered.seen.demand(status == Status::Observed, || format!("the record says {status:?}, not Observed"));
    let planned = answered.record.steps.iter().all(|step| step.result == StepResult::NotCarriedOut) && answered.record.steps.len() == 2;
    answered.seen.demand(planned, || format!("the record does not say what would have been done: {:?}", answered.record.steps));
    let acts = stage.guard_calls(&key)?.into_iter().filter(|call| is_remedial(&call.operation)).count();
    answered.seen.demand(acts == 0, || format!("the guard made {acts} calls that change the key"));
    answered.seen.problems.extend(privilege::in_mode_observe(stage, &key).await?);
    answered.seen.observed.push_str(", told");
    Ok(answered.seen)
}

/// A key is disabled.
pub(crate) async fn disablement(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("payment tokens").await?;
    stage.people.mallory.disable(&key).await?;
    let answered = Answered::to(stage, "DisableKey", &key).await?;
    Ok(answered.given_back().await?.usable(true).await.seen)
}

/// A primary waits for its replica in another Region; a replica here is scheduled by itself. Only this Region is guarded.
pub(crate) async fn multi_region(stage: &Stage) -> Result<Observation> {
    let pat = &stage.people.pat;
    let primary = pat.kms.create_key().multi_region(true).description("global sessions, primary").send().await?;
    let primary = primary.key_metadata().and_then(|key| key.arn()).context("a primary without an ARN")?.to_owned();
    pat.kms.replicate_key().key_id(&primary).replica_region(OTHER_REGION).send().await.context("the key cannot be replicated")?;

    let far_primary = pat.kms_elsewhere.create_key().multi_region(true).description("global profiles, primary").send().await?;
    let far_primary = far_primary.key_metadata().and_then(|key| key.arn()).context("a primary without an ARN")?.to_owned();
    let here = stage.outputs.named("QueueArn")?.split(':').nth(3).unwrap_or_default().to_owned();
    let replica = pat.kms_elsewhere.replicate_key().key_id(&far_primary).replica_region(here).send().await;
    let replica = replica.context("the key cannot be replicated")?;
    let replica = replica.replica_key_metadata().and_then(|key| key.arn()).context("a replica without an ARN")?.to_owned();

    stage.people.mallory.schedule_deletion(&primary).await?;
    stage.people.mallory.schedule_deletion(&replica).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &primary).await?.given_back().await?.usable(true).await;
    let scheduled =
        stage.cloud.records().into_iter().rfind(|record| {
            record.get("eventName").is_some_and(|name| name == "ScheduleKeyDeletion") && record.to_string().contains(&primary)
        });
    let waited_as = scheduled.as_ref().and_then(|record| record.pointer("/responseElements/keyState")).and_then(Value::as_str);
    let waited_for_replica = waited_as == Some("PendingReplicaDeletion");
    answered.seen.demand(waited_for_replica, || format!("the primary was in state {waited_as:?}, not PendingReplicaDeletion"));
    let replica = Answered::to(stage, "ScheduleKeyDeletion", &replica).await?.given_back().await?.usable(true).await;
    Ok(answered.seen.and(replica.seen))
}
