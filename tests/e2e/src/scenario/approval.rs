//! Acts that a seal covers, or is said to cover.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use reprieve_core::approval::WINDOW_TAG;

use super::proof::{Answered, Observation};
use crate::stage::Stage;
use crate::stage::approval_keys::RETIRED_ALIAS;
use crate::stage::desk::{Approval, window};

/// A sealed approval covers the deletion: it stands.
pub(crate) async fn covered(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("a retired service").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2041", action: "delete", window: window(-1, 4) }).await?;
    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?;
    answered.says("CHG-2041");
    Ok(answered.usable(false).await.seen)
}

/// The window of a sealed approval was stretched: the seal is broken, and the approval counts as none.
pub(crate) async fn altered(stage: &Stage) -> Result<Observation> {
    let (pat, alice, mallory) = (&stage.people.pat, &stage.people.alice, &stage.people.mallory);
    let key = pat.create_key("invoices").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2042", action: "delete", window: window(24, 4) }).await?;
    mallory.tag(&key, &[(WINDOW_TAG, &window(-1, 29))]).await?;
    mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    answered.says("seal does not belong");
    Ok(answered.usable(true).await.seen)
}

/// The approver deletes the key herself, under another role: the approval is forbidden, and people are told so.
pub(crate) async fn of_oneself(stage: &Stage) -> Result<Observation> {
    let people = &stage.people;
    let key = people.pat.create_key("payroll").await?;
    stage.desk.approve(&people.alice, &key, &Approval { change: "CHG-2043", action: "delete", window: window(-1, 4) }).await?;
    people.alice_as_engineer.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(true).await;
    answered.names_policy("approver-is-not-the-actor");
    escalated(answered).await
}

/// A seal that IAM would not give: refused the approvers' key, Mallory seals with one of her own, which the guard does not know.
pub(crate) async fn forged(stage: &Stage) -> Result<Observation> {
    let (pat, mallory) = (&stage.people.pat, &stage.people.mallory);
    let key = pat.create_key("ledger of accounts").await?;
    let approval = Approval { change: "CHG-2046", action: "delete", window: window(-1, 4) };
    // She may not read the ledger, and would be told that nobody believes her key.
    let desk = stage.desk.uninformed();
    let sealed_with = async |approval_key: &str| {
        let arguments = [&approval.arguments(&key)[..], &["--approval-key", approval_key]].concat();
        desk.run(mallory, &arguments).await
    };
    let refused = sealed_with(&stage.approval_keys.approvers).await?;
    let by_kms = refused.code == 1 && refused.errors.contains("kms:Sign");
    ensure!(by_kms, "KMS did not refuse a developer the approval key: {}{}", refused.out, refused.errors);

    let own = mallory.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify).send().await;
    let own = own.context("Mallory could not make a key")?;
    let own = own.key_metadata().and_then(|key| key.arn()).context("KMS made a key without an ARN")?;
    let sealed = sealed_with(own).await?;
    ensure!(sealed.code == 0, "Mallory could not even seal with her own key: {}", sealed.errors);

    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    answered.says("not among the configured approval keys");
    Ok(answered.usable(true).await.seen)
}

/// The approvers seal with the key that they had before: it was retired before the act, and seals nothing any more.
pub(crate) async fn by_retired_key(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("maps").await?;
    let approval = Approval { change: "CHG-2047", action: "delete", window: window(-1, 4) };
    let arguments = [&approval.arguments(&key)[..], &["--approval-key", RETIRED_ALIAS]].concat();
    let warned = stage.desk.run(alice, &arguments).await?;
    ensure!(warned.code == 2 && warned.errors.contains("was retired"), "alice was not told that the key is retired: {}", warned.errors);
    stage.desk.uninformed().done(alice, &arguments).await?;
    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?;
    answered.says("was retired");
    Ok(answered.usable(true).await.seen)
}

/// Demands that people were told that somebody tried to approve their own act.
pub(super) async fn escalated(mut answered: Answered<'_>) -> Result<Observation> {
    if answered.tells("tried to approve their own act").await? {
        answered.seen.observed.push_str(", escalated");
    }
    Ok(answered.seen)
}
