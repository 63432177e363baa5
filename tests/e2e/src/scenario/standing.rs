//! Who somebody is decides: the second approver, who broke the glass, whose plain tags count.

use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use reprieve_core::approval::{ACTION_TAG, CHANGE_TAG, WINDOW_TAG};
use tokio::time::sleep;

use super::approval::escalated;
use super::proof::{Answered, Observation};
use crate::stage::Stage;
use crate::stage::desk::{Approval, window};
use crate::stage::people::Person;
use crate::stage::stack::BREAK_GLASS_HOURS;

/// CloudTrail tells times to the second, and only tags that were set in a second before that of the act approve it.
const NEXT_SECOND: Duration = Duration::from_millis(1_100);

/// A key tagged `env=prod` is given back with one approval, and let go with a second under another approval key.
pub(crate) async fn two_approvers(stage: &Stage) -> Result<Observation> {
    let (pat, alice, sam) = (&stage.people.pat, &stage.people.alice, &stage.people.sam);
    let key = pat.create_key("card data").await?;
    pat.tag(&key, &[("env", "prod")]).await?;
    let approval = Approval { change: "CHG-2051", action: "delete", window: window(-1, 4) };
    let said = stage.desk.approve(alice, &key, &approval).await?;
    pat.schedule_deletion(&key).await?;
    let mut alone = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(true).await;
    alone.seen.demand(said.contains("Somebody else must approve too"), || format!("alice was not told of the second approver: {said}"));
    alone.names_policy("two-approvers-for-prod");

    stage.desk.approve(sam, &key, &approval).await?;
    pat.schedule_deletion(&key).await?;
    let mut together = alone.next().await?.left_alone().await?.usable(false).await;
    together.says("CHG-2051");
    let decision = together.seen.decision.clone();
    let mut seen = Observation { decision, ..alone.seen.and(together.seen) };
    if seen.observed == "Enabled, PendingDeletion" {
        "back, then stands".clone_into(&mut seen.observed);
    }
    Ok(seen)
}

/// A break-glass role deletes: it stands for now, and people are told at once until when.
pub(crate) async fn glass_broken(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("leaked by a supplier").await?;
    stage.people.oscar.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.stands()?.told().await?.usable(false).await;
    answered.names_policy("break-glass");
    let acted_at = answered.record.event.time.context("the event does not say when it happened")?;
    let ends = acted_at.checked_add(SignedDuration::from_hours(BREAK_GLASS_HOURS.into()))?.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if answered.tells(&format!("It passes until {ends}")).await? && answered.seen.observed == "PendingDeletion" {
        "stands, told".clone_into(&mut answered.seen.observed);
    }
    Ok(answered.seen)
}

/// The deleter tags for herself, without a seal: that approves nothing, and people are told that she tried.
pub(crate) async fn tagged_by_deleter(stage: &Stage) -> Result<Observation> {
    let mallory = &stage.people.mallory;
    let key = stage.people.pat.create_key("newsletter").await?;
    tag_plainly(mallory, &key, "CHG-2052").await?;
    mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(true).await;
    answered.says("who did it, set them");
    escalated(answered).await
}

/// A change manager tags the key, without a seal: CloudTrail says that it was her, and the deletion stands.
pub(crate) async fn tagged_by_change_manager(stage: &Stage) -> Result<Observation> {
    let pat = &stage.people.pat;
    let key = pat.create_key("a closed branch office").await?;
    tag_plainly(&stage.people.cora, &key, "CHG-2053").await?;
    sleep(NEXT_SECOND).await;
    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    answered.says("CHG-2053, approved by cora as ChangeManager");
    Ok(answered.usable(false).await.seen)
}

async fn tag_plainly(person: &Person, key: &str, change: &str) -> Result<()> {
    person.tag(key, &[(CHANGE_TAG, change), (ACTION_TAG, "delete"), (WINDOW_TAG, &window(-1, 4))]).await
}
