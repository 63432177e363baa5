//! What changes while a deletion waits: an approval comes late, or is revoked, or its key leaks; and what becomes of an approved
//! deletion whose event is lost.

use anyhow::{Result, ensure};
use reprieve_localcloud::{EventAction, EventFault};

use super::proof::{Answered, Observation, key_id};
use crate::stage::Stage;
use crate::stage::desk::{Approval, window};

/// Where the functions find what the template's parameter `ApprovalKeys` says.
const APPROVAL_KEYS_VARIABLE: &str = "REPRIEVE_APPROVAL_KEYS";

/// The event is lost, and the approval comes before the next sweep: the sweep lets the deletion stand.
pub(crate) async fn approved_late(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("a forgotten pilot").await?;
    delete_unheard(stage, &key).await?;
    stage.desk.approve_late(alice, &key, &Approval { change: "CHG-2048", action: "delete", window: window(-1, 4) }).await?;
    stage.sweep().await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    answered.says("CHG-2048");
    Ok(answered.usable(false).await.seen)
}

/// The event of an approved deletion is lost: the sweep asks CloudTrail who scheduled it, and lets it stand.
pub(crate) async fn approved_and_lost(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("an old search index").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2049", action: "delete", window: window(-1, 4) }).await?;
    delete_unheard(stage, &key).await?;
    stage.sweep().await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    answered.says("CHG-2049");
    let who = answered.record.event.actor.display_name();
    answered.seen.demand(who.contains("pat"), || format!("the record says that {who} did it, and it was pat"));
    Ok(answered.usable(false).await.seen)
}

/// A change is revoked after its deletion was let stand: the next sweep takes the deletion back, and people are told who revoked.
pub(crate) async fn revoked(stage: &Stage) -> Result<Observation> {
    let (pat, alice, sam) = (&stage.people.pat, &stage.people.alice, &stage.people.sam);
    let key = pat.create_key("still in use by invoicing").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2050", action: "delete", window: window(-1, 4) }).await?;
    pat.schedule_deletion(&key).await?;
    let stood = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    let before = stage.key_state(&key).await?;
    ensure!(before == "PendingDeletion", "an approved deletion was to stand, and the key is {before}");

    stage.desk.revoke(sam, &key, "CHG-2050", "still in use by invoicing").await?;
    stage.sweep().await?;
    let mut answered = stood.next().await?.given_back().await?;
    answered.seen.problems.extend(stood.seen.problems);
    answered.says("CHG-2050 was revoked by");
    answered.tells(&sam.arn).await?;
    Ok(answered.usable(true).await.seen)
}

/// An approval key leaks after a deletion under its seal was let stand, and is taken out of the configuration: the next sweep takes the
/// deletion back.
pub(crate) async fn by_leaked_key(stage: &Stage) -> Result<Observation> {
    let (pat, sam) = (&stage.people.pat, &stage.people.sam);
    let key = pat.create_key("test data").await?;
    stage.desk.approve(sam, &key, &Approval { change: "CHG-2055", action: "delete", window: window(-1, 4) }).await?;
    pat.schedule_deletion(&key).await?;
    let stood = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    let before = stage.key_state(&key).await?;
    ensure!(before == "PendingDeletion", "an approved deletion was to stand, and the key is {before}");

    let (leaked, all) = (key_id(&stage.approval_keys.security), &stage.approval_keys.parameter);
    let left: Vec<&str> = all.split(',').filter(|entry| !entry.starts_with(leaked)).collect();
    ensure!(left.len() + 1 == all.split(',').count(), "`{leaked}` is not among the approval keys: {all}");
    stage.configure_sweep(APPROVAL_KEYS_VARIABLE, &left.join(",")).await?;
    let swept = stage.sweep().await;
    // Whatever came of it: the scenarios that follow need the key.
    stage.configure_sweep(APPROVAL_KEYS_VARIABLE, all).await?;
    swept?;
    let mut answered = stood.next().await?.given_back().await?;
    answered.seen.problems.extend(stood.seen.problems);
    answered.says("not among the configured approval keys");
    Ok(answered.usable(true).await.seen)
}

/// Schedules the deletion of a key, and lets the event be lost.
async fn delete_unheard(stage: &Stage, key: &str) -> Result<()> {
    stage.cloud.inject_event_fault(EventFault::on(&["ScheduleKeyDeletion"], EventAction::Lose).on_key(key_id(key)));
    stage.people.pat.schedule_deletion(key).await
}
