//! Acts that somebody says are approved.

use anyhow::Result;
use reprieve_core::Decision;
use reprieve_core::approval::WINDOW_TAG;

use super::proof::{Answered, Observation};
use crate::stage::Stage;
use crate::stage::seal::window;

/// A sealed approval covers the deletion: it stands.
pub(crate) async fn covered(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("a retired service").await?;
    let tags = alice.seal(&stage.approval_key, &key, "CHG-2041", "delete", &window(-1, 4)).await?;
    pat.attach(&key, &tags).await?;
    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    let stands = matches!(answered.record.decision, Some(Decision::Stand { .. }));
    answered.seen.demand(stands, || "the guard did not decide that it stands".to_owned());
    names_change(&mut answered.seen, "CHG-2041");
    Ok(answered.usable(false).await.seen)
}

/// The window of a sealed approval was stretched: the seal is broken, and the approval counts as none.
pub(crate) async fn altered(stage: &Stage) -> Result<Observation> {
    let (pat, alice, mallory) = (&stage.people.pat, &stage.people.alice, &stage.people.mallory);
    let key = pat.create_key("invoices").await?;
    let tags = alice.seal(&stage.approval_key, &key, "CHG-2042", "delete", &window(-48, 24)).await?;
    pat.attach(&key, &tags).await?;
    mallory.tag(&key, &[(WINDOW_TAG, &window(-48, 96))]).await?;
    mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    let sentence = answered.seen.decision.clone().unwrap_or_default();
    answered.seen.demand(sentence.contains("seal does not belong"), || format!("the reason is not the broken seal: {sentence}"));
    Ok(answered.usable(true).await.seen)
}

/// The approver deletes the key herself, under another role: the approval is forbidden, and people are told so.
pub(crate) async fn of_oneself(stage: &Stage) -> Result<Observation> {
    let people = &stage.people;
    let key = people.pat.create_key("payroll").await?;
    let tags = people.alice.seal(&stage.approval_key, &key, "CHG-2043", "delete", &window(-1, 4)).await?;
    people.alice_as_engineer.attach(&key, &tags).await?;
    people.alice_as_engineer.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(true).await;
    let letters = stage.inbox.about(&key).await?;
    let escalated = letters.iter().any(|letter| letter.message.contains("tried to approve their own act"));
    answered.seen.demand(escalated, || "no notice says that somebody tried to approve their own act".to_owned());
    let policies = answered.record.decision.as_ref().map(|decision| decision.why().policies.clone()).unwrap_or_default();
    answered.seen.demand(policies.iter().any(|policy| policy == "approver-is-not-the-actor"), || {
        format!("the policy that forbids it is not named: {policies:?}")
    });
    if escalated {
        answered.seen.observed.push_str(", escalated");
    }
    Ok(answered.seen)
}

/// Demands that the decision's sentence names the change.
pub(crate) fn names_change(seen: &mut Observation, change: &str) {
    let sentence = seen.decision.clone().unwrap_or_default();
    seen.demand(sentence.contains(change), || format!("the decision does not name {change}: {sentence}"));
}
