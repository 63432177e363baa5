//! What the world between AWS and the guard does to events and calls.

use std::time::Duration;

use anyhow::{Result, ensure};
use reprieve_core::{Phase, Status};
use reprieve_localcloud::{CallFault, EventAction, EventFault};
use tokio::time::sleep;

use super::proof::{Answered, Observation, key_id, outcome, outcome_where};
use crate::stage::Stage;

/// The later event comes first, and three times; the earlier one comes last. One remediation answers them all.
pub(crate) async fn duplicated_and_reordered(stage: &Stage) -> Result<Observation> {
    let mallory = &stage.people.mallory;
    let key = stage.people.pat.create_key("session store").await?;
    let id = key_id(&key);
    stage.cloud.inject_event_fault(EventFault::on(&["DisableKey"], EventAction::Delay(1_200)).on_key(id));
    stage.cloud.inject_event_fault(EventFault::on(&["ScheduleKeyDeletion"], EventAction::Duplicate(3)).on_key(id));
    mallory.disable(&key).await?;
    mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    let late = outcome(stage, &key, "DisableKey").await?;
    answered.seen.demand(late.steps.is_empty(), || "the event that came late was acted on again".to_owned());

    // Every copy was delivered by now; none of them may have led to anything more.
    let calls = stage.guard_calls(&key)?;
    let count = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    let cancels = count("CancelKeyDeletion");
    answered.seen.demand(cancels == 1, || format!("the deletion was cancelled {cancels} times"));
    answered.seen.demand(count("EnableKey") == 1, || format!("the key was enabled {} times", count("EnableKey")));
    let stored = stage.audit.about(&key).await?;
    let remedies = stored.iter().filter(|stored| stored.record.phase == Phase::Outcome && !stored.record.steps.is_empty()).count();
    answered.seen.demand(remedies == 1, || format!("{remedies} outcomes say that something was done"));
    let letters = stage.inbox.about(&key).await?.len();
    answered.seen.demand(letters == 1, || format!("people were told {letters} times"));
    let is_well = answered.seen.observed == "Enabled" && cancels == 1 && remedies == 1;
    if is_well {
        "one remediation".clone_into(&mut answered.seen.observed);
    }
    Ok(answered.usable(true).await.seen)
}

/// The event is lost: the next sweep finds the key and gives it back.
pub(crate) async fn lost(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("medical images").await?;
    stage.cloud.inject_event_fault(EventFault::on(&["ScheduleKeyDeletion"], EventAction::Lose).on_key(key_id(&key)));
    stage.people.mallory.schedule_deletion(&key).await?;
    sleep(Duration::from_millis(800)).await;
    let before = stage.key_state(&key).await?;
    ensure!(before == "PendingDeletion", "no event was to arrive, and yet the key is {before}");

    let swept = stage.sweep().await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    // It counts as lost only after five minutes; until then the event might still be on its way.
    let given_back = swept.get("given_back").and_then(serde_json::Value::as_u64);
    answered.seen.demand(given_back.is_some_and(|keys| keys >= 1), || format!("the sweep's report says otherwise: {swept}"));
    Ok(answered.usable(true).await.seen)
}

/// `EnableKey` is throttled for longer than the function is patient: the retry takes up where the first attempt ended.
pub(crate) async fn throttled(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("search index").await?;
    stage.cloud.inject(CallFault::throttle("kms", "EnableKey").on_key(key_id(&key)).from_call(1, 10_000));
    stage.people.mallory.schedule_deletion(&key).await?;
    let what = "an outcome that says that the key is out of danger and not yet enabled";
    let partial = outcome_where(stage, &key, "ScheduleKeyDeletion", what, |record| record.status == Status::Partial).await?;
    let between = stage.key_state(&key).await?;
    stage.cloud.clear_faults();

    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    answered.seen.demand(between == "Disabled", || format!("between the attempts the key was {between}, not Disabled"));
    let attempts = (partial.attempt, answered.record.attempt);
    answered.seen.demand(attempts.0 < attempts.1, || format!("the attempts are {} and {}", attempts.0, attempts.1));
    let cancels = stage.guard_calls(&key)?.iter().filter(|call| call.operation == "CancelKeyDeletion").count();
    answered.seen.demand(cancels == 1, || format!("the deletion was cancelled {cancels} times"));
    if answered.seen.observed == "Enabled" && answered.record.attempt > 1 {
        answered.seen.observed.push_str(", resumed");
    }
    Ok(answered.usable(true).await.seen)
}
