//! What happens around keys that are not in full service, and what happens to no key at all.

use anyhow::{Context as _, Result, ensure};
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{CallOutcome, Decision, Phase};
use serde_json::{Value, json};

use super::proof::{ANSWER_WAIT, Answered, Observation, is_remedial};
use crate::evidence::StoredRecord;
use crate::stage::Stage;
use crate::stage::desk::{Approval, window};

/// A key was disabled under an approved change before its deletion was scheduled: it comes back as it was.
pub(crate) async fn disabled_before(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("last year's archive").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2044", action: "disable", window: window(-1, 4) }).await?;
    pat.disable(&key).await?;
    let mut disabled = Answered::to(stage, "DisableKey", &key).await?.left_alone().await?;
    disabled.says("CHG-2044");

    stage.people.mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(false).await;
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
    let mut held = Answered::to(stage, "DisableKey", &key).await?.left_alone().await?;
    held.says("INC-77");

    stage.people.mallory.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(false).await;
    answered.seen.problems.extend(held.seen.problems);
    never_enabled(stage, &key, &mut answered.seen)?;
    Ok(answered.seen)
}

fn never_enabled(stage: &Stage, key: &str, seen: &mut Observation) -> Result<()> {
    let enabled = stage.guard_calls(key)?.iter().any(|call| call.operation == "EnableKey");
    seen.demand(!enabled, || "the guard enabled a key that was to stay disabled".to_owned());
    Ok(())
}

/// IAM refuses a call: it leaves a record, and nothing else happens.
///
/// CloudTrail may name no key in the record of a refused call, so the audit record is found by the id of the event.
pub(crate) async fn refused(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("backups").await?;
    ensure!(stage.people.mallory_as_auditor.schedule_deletion(&key).await.is_err(), "the call was to be refused and was not");
    let call = stage.last_call("ScheduleKeyDeletion", &key)?;
    let is_refused = |record: &Value| record.get("errorCode").is_some() && record.get("eventName") == Some(&json!("ScheduleKeyDeletion"));
    let refused = stage.cloud.records().into_iter().rfind(is_refused);
    let event_id =
        refused.as_ref().and_then(|record| record.get("eventID")).and_then(Value::as_str).context("CloudTrail has no refused call")?;

    let stored = stage
        .wait("an audit record of the refused call", ANSWER_WAIT, async || {
            let stored = stage.audit.of_event(event_id).await?;
            Ok((!stored.is_empty()).then_some(stored))
        })
        .await?;
    let mut seen = Observation { observed: stage.key_state(&key).await?, ..Observation::default() };
    seen.problems.extend(stored.iter().flat_map(StoredRecord::flaws));
    let [StoredRecord { record, ocsf, .. }] = stored.as_slice() else {
        seen.problems.push(format!("{} records were written, not one", stored.len()));
        return Ok(seen);
    };
    seen.detect_ms = Some(record.received_at.as_millisecond() - call.time.as_millisecond());
    seen.decision = record.decision.as_ref().map(|decision| decision.why().sentence.clone());
    let is_outcome = record.phase == Phase::Outcome && matches!(record.decision, Some(Decision::Stand { .. }));
    seen.demand(is_outcome, || "the guard did not decide that it stands".to_owned());
    let is_refused = matches!(&record.event.outcome, CallOutcome::Refused { code, .. } if code == "AccessDeniedException");
    seen.demand(is_refused, || format!("the record says {:?}", record.event.outcome));
    let is_failed_activity = ocsf.get("class_uid") == Some(&json!(6003)) && ocsf.get("status_id") == Some(&json!(2));
    seen.demand(is_failed_activity, || "the record is no failed API Activity (6003)".to_owned());
    let acts = stage.guard_calls(&key)?.into_iter().filter(|call| is_remedial(&call.operation)).count();
    seen.demand(acts == 0, || format!("the guard made {acts} calls, and nothing was to be done"));
    let letters = stage.inbox.about(&record.event.id.to_string()).await?;
    seen.demand(letters.is_empty(), || "people were told of a call that was refused".to_owned());
    let usable = stage.is_usable(&key).await;
    seen.demand(usable, || "the key is not usable".to_owned());
    if seen.observed == "Enabled" && seen.problems.is_empty() {
        "recorded only".clone_into(&mut seen.observed);
    }
    Ok(seen)
}
