//! What happens around keys that are not in full service, and what happens to no key at all.

use anyhow::{Result, ensure};
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{CallOutcome, Decision, Phase};
use reprieve_localcloud::CallFault;

use super::approval::names_change;
use super::proof::{Answered, Observation, is_remedial, key_id, outcome};
use crate::stage::Stage;
use crate::stage::seal::window;

/// A key was disabled under an approved change before its deletion was scheduled: it comes back as it was.
pub(crate) async fn disabled_before(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("last year's archive").await?;
    let tags = alice.seal(&stage.approval_key, &key, "CHG-2044", "disable", &window(-1, 4)).await?;
    pat.attach(&key, &tags).await?;
    pat.disable(&key).await?;
    let mut disabled = Answered::to(stage, "DisableKey", &key).await?.is_left_alone().await?;
    names_change(&mut disabled.seen, "CHG-2044");

    stage.people.mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.is_given_back().await?.is_usable(false).await;
    answered.seen.problems.extend(disabled.seen.problems);
    never_enabled(stage, &key, &mut answered.seen)?;
    Ok(answered.seen)
}

/// A key is held disabled for an incident: the disablement stands, a deletion is cancelled, and the key stays disabled.
pub(crate) async fn incident_hold(stage: &Stage) -> Result<Observation> {
    let rosa = &stage.people.rosa;
    let key = stage.people.pat.create_key("build signing").await?;
    rosa.tag(&key, &[(INCIDENT_HOLD_TAG, "INC-77")]).await?;
    rosa.disable(&key).await?;
    let mut held = Answered::to(stage, "DisableKey", &key).await?.is_left_alone().await?;
    names_change(&mut held.seen, "INC-77");

    stage.people.mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.is_given_back().await?.is_usable(false).await;
    answered.seen.problems.extend(held.seen.problems);
    never_enabled(stage, &key, &mut answered.seen)?;
    Ok(answered.seen)
}

fn never_enabled(stage: &Stage, key: &str, seen: &mut Observation) -> Result<()> {
    let enabled = stage.guard_calls(key)?.iter().any(|call| call.operation == "EnableKey");
    seen.demand(!enabled, || "the guard enabled a key that was to stay disabled".to_owned());
    Ok(())
}

/// A call is refused: it leaves a record, and nothing else happens.
pub(crate) async fn refused(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("backups").await?;
    let refusal = CallFault::refuse("kms", "ScheduleKeyDeletion", 400, "AccessDeniedException");
    stage.cloud.inject(refusal.on_key(key_id(&key)).by_caller("/mallory"));
    ensure!(stage.people.mallory.schedule_deletion(&key).await.is_err(), "the call was to be refused and was not");

    let record = outcome(stage, &key, "ScheduleKeyDeletion").await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.is_left_alone().await?;
    let refused = matches!(&record.event.outcome, CallOutcome::Refused { code, .. } if code == "AccessDeniedException");
    answered.seen.demand(refused, || format!("the record says {:?}", record.event.outcome));
    answered.seen.demand(matches!(record.decision, Some(Decision::Stand { .. })), || "the guard did not decide that it stands".to_owned());
    let stored = stage.audit.about(&key).await?;
    let about_the_call: Vec<_> = stored.iter().filter(|stored| stored.record.event.name == "ScheduleKeyDeletion").collect();
    let recorded_only = about_the_call.len() == 1 && about_the_call.iter().all(|stored| stored.record.phase == Phase::Outcome);
    answered.seen.demand(recorded_only, || format!("{} records were written, not one", about_the_call.len()));
    let is_activity = about_the_call.iter().all(|stored| stored.ocsf.get("class_uid") == Some(&6003.into()) && stored.ocsf.get("status_id") == Some(&2.into()));
    answered.seen.demand(is_activity, || "the record is no failed API Activity (6003)".to_owned());
    let acted = stage.guard_calls(&key)?.iter().any(|call| is_remedial(&call.operation));
    let is_well = answered.seen.observed == "Enabled" && recorded_only && !acted;
    if is_well {
        "recorded only".clone_into(&mut answered.seen.observed);
    }
    Ok(answered.is_usable(true).await.seen)
}
