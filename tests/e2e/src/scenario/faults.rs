//! What goes wrong with the guard's own machinery: its process is killed, the cloud cannot be reached, the cloud ends.
//!
//! Whatever happens, every key ends Enabled, each change was made once, and the records claim what happened and nothing else. The local
//! cloud knows which process made which call, so what a record claims is held against the calls of the very process that wrote it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use reprieve_core::{Phase, Record, Status, StepResult};
use reprieve_localcloud::{CallEntry, CallFault, EventAction, EventFault, Invocation};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::proof::{ANSWER_WAIT, Observation, key_id};
use crate::stage::Stage;

/// How long an event that was not answered stays hidden in these scenarios. On AWS it is two minutes, which is longer than the minute
/// for which a claim binds others; so it must be here.
const RETRY: Duration = Duration::from_secs(65);

/// How long all events may take that come again, twice if need be.
const RECOVERY_WAIT: Duration = Duration::from_mins(4);

/// How many keys are attacked before the cloud goes away.
const INTERRUPTED: usize = 40;

/// How long connections are cut, and how long the cloud is gone at least.
const AWAY: Duration = Duration::from_secs(5);

/// How long an event stays hidden where the outage is to outlast all five deliveries.
const SHORT_RETRY: Duration = Duration::from_secs(2);

const LOOK: Duration = Duration::from_millis(500);

/// A point at which the function is killed.
struct Point {
    /// Where it stands then.
    name: &'static str,
    /// The fault, for a key of this id.
    fault: fn(&str) -> CallFault,
}

/// What a record of the event says, and one of the guard's own calls does not.
const SCHEDULED: &str = "\"ScheduleKeyDeletion\"";

const POINTS: [Point; 9] = [
    Point { name: "claimed", fault: |key| CallFault::kill("dynamodb", "UpdateItem").holding(key).holding("lease_until").after_effect() },
    Point {
        name: "intent written",
        fault: |key| CallFault::kill("s3", "PutObject").holding(key).holding(SCHEDULED).holding(".intent.").after_effect(),
    },
    Point { name: "before CancelKeyDeletion", fault: |key| CallFault::kill("kms", "CancelKeyDeletion").on_key(key) },
    Point { name: "cancelled, unanswered", fault: |key| CallFault::kill("kms", "CancelKeyDeletion").on_key(key).after_effect() },
    Point { name: "before EnableKey", fault: |key| CallFault::kill("kms", "EnableKey").on_key(key) },
    Point { name: "enabled, unanswered", fault: |key| CallFault::kill("kms", "EnableKey").on_key(key).after_effect() },
    Point {
        name: "before the outcome",
        fault: |key| CallFault::kill("s3", "PutObject").holding(key).holding(SCHEDULED).holding(".outcome."),
    },
    Point {
        name: "outcome written",
        fault: |key| CallFault::kill("s3", "PutObject").holding(key).holding(SCHEDULED).holding(".outcome.").after_effect(),
    },
    Point { name: "told", fault: |key| CallFault::kill("sns", "Publish").holding(key).after_effect() },
];

/// The process is killed at nine points, each time over a key of its own.
pub(crate) async fn killed(stage: &Stage) -> Result<Observation> {
    stage.retry_after(RETRY).await?;
    let mut keys = Vec::with_capacity(POINTS.len());
    for (index, point) in POINTS.iter().enumerate() {
        let key = stage.people.pat.create_key(point.name).await?;
        stage.cloud.inject((point.fault)(key_id(&key)));
        stage.people.mallory.schedule_deletion(&key).await?;
        let what = format!("the function to be killed at `{}`", point.name);
        stage.wait(&what, ANSWER_WAIT, async || Ok((kills(stage)? > index).then_some(()))).await?;
        keys.push(key);
    }
    let killed_at = Instant::now();
    let mut seen = Observation::default();
    recovered(stage, &mut seen, &keys).await?;
    let took_s = killed_at.elapsed().as_secs();
    let invocations = stage.cloud.invocations(stage.outputs.named("EventFunctionName")?).await?;
    for (point, key) in POINTS.iter().zip(&keys) {
        let mut of_point = Observation::default();
        let story = judge(stage, &mut of_point, key, &invocations).await?;
        of_point.demand(story.letters > 0, || "nobody was told".to_owned());
        of_point.demand(story.attempts.len() == 2, || format!("it took {} deliveries", story.attempts.len()));
        of_point.demand(story.attempts.first().is_some_and(|first| first.failure.is_some()), || "the function was not killed".to_owned());
        seen.problems.extend(of_point.problems.into_iter().map(|problem| format!("killed at `{}`: {problem}", point.name)));
        seen.figures.push(format!("killed at `{}`: {}", point.name, story.told));
    }
    let failed = invocations.iter().filter(|invocation| invocation.failure.is_some()).count();
    seen.figures.push(format!(
        "{failed} invocations were killed; messages came back after {} s, and the last key was back and settled {took_s} s after the last kill.",
        RETRY.as_secs()
    ));
    Ok(seen)
}

/// The cloud cannot be reached for some seconds, and later ends and is started again, amid a burst.
pub(crate) async fn restarted(stage: &Stage) -> Result<Observation> {
    stage.retry_after(RETRY).await?;
    stage.cloud.switch_quotas(false);
    let mut keys = Vec::with_capacity(INTERRUPTED);
    for number in 1..=INTERRUPTED {
        keys.push(stage.people.pat.create_key(&format!("branch {number}")).await?);
    }
    stage.cloud.switch_quotas(true);
    for key in &keys {
        stage.people.mallory.schedule_deletion(key).await?;
    }
    let began = Instant::now();
    let mut seen = Observation::default();
    let enabled_before = enabled_at_least(stage, &keys, 4).await?;
    stage.cloud.go_away();
    sleep(AWAY).await;
    stage.cloud.come_back();
    let enabled_between = enabled_at_least(stage, &keys, enabled_before + 4).await?;
    let process = stage.cloud.emulator_process_id();
    let ended = Instant::now();
    stage.cloud.restart(AWAY).await?;
    let away_ms = ended.elapsed().as_millis();
    seen.demand(stage.cloud.emulator_process_id() != process, || "the emulator is the same process as before".to_owned());
    recovered(stage, &mut seen, &keys).await?;
    let took_s = began.elapsed().as_secs();

    let invocations = stage.cloud.invocations(stage.outputs.named("EventFunctionName")?).await?;
    let mut deliveries = 0;
    for key in &keys {
        let mut of_key = Observation::default();
        let story = judge(stage, &mut of_key, key, &invocations).await?;
        deliveries += story.attempts.len();
        of_key.demand(story.letters > 0, || "nobody was told".to_owned());
        seen.problems.extend(of_key.problems.into_iter().map(|problem| format!("`{key}`: {problem}")));
    }
    let failed = invocations.iter().filter(|invocation| invocation.failure.is_some()).count();
    seen.demand(failed > 0, || "no invocation was cut off, so nothing was interrupted".to_owned());
    seen.figures.push(format!(
        "connections cut for {} s with {enabled_before} of {INTERRUPTED} keys back, the cloud ended for {away_ms} ms with {enabled_between} back; \
         {failed} invocations cut off, {deliveries} deliveries for {INTERRUPTED} events, all settled after {took_s} s.",
        AWAY.as_secs()
    ));
    let swept = stage.sweep().await?;
    let found = |name: &str| swept.get(name).and_then(Value::as_u64);
    seen.demand(found("given_back") == Some(0) && found("open") == Some(0), || format!("the sweep found something left to do: {swept}"));
    Ok(seen)
}

/// The outage outlasts all deliveries of three events: they wait in the dead-letter queue, and the sweep gives the keys back.
pub(crate) async fn outlasted(stage: &Stage) -> Result<Observation> {
    stage.retry_after(SHORT_RETRY).await?;
    let mut keys = Vec::new();
    for name in ["accounts", "claims", "pensions"] {
        keys.push(stage.people.pat.create_key(name).await?);
    }
    stage.wait("the guard to have heard of the keys", ANSWER_WAIT, async || Ok((stage.unanswered().await? == 0).then_some(()))).await?;
    for key in &keys {
        // The cloud is to be away before the guard hears of it.
        stage.cloud.inject_event_fault(EventFault::on(&["ScheduleKeyDeletion"], EventAction::Delay(3_000)).on_key(key_id(key)));
        stage.people.mallory.schedule_deletion(key).await?;
    }
    stage.cloud.go_away();
    let began = Instant::now();
    let function = stage.outputs.named("EventFunctionName")?;
    let deliveries = async || -> Result<Vec<u32>> {
        let invocations = stage.cloud.invocations(function).await?;
        let ids = event_ids(stage, &keys);
        let messages = invocations.iter().flat_map(|invocation| &invocation.messages);
        Ok(messages
            .filter(|message| message.event_id.as_ref().is_some_and(|id| ids.contains(id)))
            .map(|message| message.receive_count)
            .collect())
    };
    let all_spent = stage
        .wait("five deliveries of three events", RECOVERY_WAIT, async || {
            sleep(LOOK).await;
            let spent = deliveries().await?.iter().filter(|count| **count == 5).count();
            Ok((spent >= keys.len()).then_some(()))
        })
        .await;
    // It moves what was received five times when that is visible again.
    sleep(SHORT_RETRY + Duration::from_secs(2)).await;
    stage.cloud.come_back();
    all_spent?;
    let away_s = began.elapsed().as_secs();
    let mut seen = Observation::default();
    let set_aside =
        stage.wait("the dead letters", ANSWER_WAIT, async || Ok(Some(stage.dead_letters().await?).filter(|dead| *dead == 3))).await;
    let dead = stage.dead_letters().await?;
    seen.demand(set_aside.is_ok(), || format!("{dead} events wait in the dead-letter queue, where somebody is told of them, and not 3"));
    for key in &keys {
        let found = stage.key_state(key).await?;
        seen.demand(found == "PendingDeletion", || format!("`{key}` is {found}, though the guard could reach nothing"));
    }
    let swept = stage.sweep().await?;
    let given_back = swept.get("given_back").and_then(Value::as_u64);
    seen.demand(given_back == Some(3), || format!("the sweep's report says otherwise: {swept}"));
    let mut enabled = 0;
    for key in &keys {
        enabled += usize::from(stage.key_state(key).await? == "Enabled");
    }
    seen.observed = format!("{}, {enabled} of {} Enabled", if set_aside.is_ok() { "set aside" } else { "lost" }, keys.len());
    seen.figures.push(format!("away for {away_s} s: five deliveries of each event failed; then one sweep gave {enabled} keys back."));
    Ok(seen)
}

/// Waits until every key is Enabled and no event waits, and looks into the dead-letter queue.
async fn recovered(stage: &Stage, seen: &mut Observation, keys: &[String]) -> Result<()> {
    let waited = stage
        .wait("every key and every event to be settled", RECOVERY_WAIT, async || {
            sleep(LOOK).await;
            Ok((stage.unanswered().await? == 0 && enabled(stage, keys).await? == keys.len()).then_some(()))
        })
        .await;
    seen.observed = format!("{} of {} Enabled", enabled(stage, keys).await?, keys.len());
    seen.problems.extend(waited.err().map(|error| format!("{error:#}")));
    let dead = stage.dead_letters().await?;
    seen.demand(dead == 0, || format!("{dead} message(s) wait in the dead-letter queue"));
    Ok(())
}

async fn enabled(stage: &Stage, keys: &[String]) -> Result<usize> {
    let mut enabled = 0;
    for key in keys {
        enabled += usize::from(stage.key_state(key).await? == "Enabled");
    }
    Ok(enabled)
}

/// Waits until so many keys were enabled by the guard, and returns how many; says so when there are none left to interrupt.
async fn enabled_at_least(stage: &Stage, keys: &[String], wanted: usize) -> Result<usize> {
    let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
    let session = stage.guard_session()?;
    let count = stage
        .wait(&format!("{wanted} keys to be given back"), RECOVERY_WAIT, async || {
            let calls = stage.cloud.calls();
            let made = calls.iter().filter(|call| call.operation == "EnableKey" && call.status == 200 && call.caller.contains(&session));
            let enabled = made.filter_map(|call| call.key.as_deref()).filter(|key| keys.contains(key)).collect::<BTreeSet<&str>>().len();
            Ok(Some(enabled).filter(|enabled| *enabled >= wanted))
        })
        .await?;
    ensure!(count < keys.len(), "all {count} keys were back already, so there was nothing to interrupt");
    Ok(count)
}

/// Returns how many calls of the guard met a fault.
fn kills(stage: &Stage) -> Result<usize> {
    let session = stage.guard_session()?;
    Ok(stage.cloud.calls().iter().filter(|call| call.fault && call.caller.contains(&session)).count())
}

/// The ids of the events by which the deletion of these keys was scheduled.
fn event_ids(stage: &Stage, keys: &[String]) -> BTreeSet<String> {
    let records = stage.cloud.records();
    let text = |record: &Value, pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let scheduled = records.iter().filter(|record| text(record, "/eventName").as_deref() == Some("ScheduleKeyDeletion"));
    // A call that was throttled is another event, which changed nothing and is recorded only.
    let succeeded = scheduled.filter(|record| record.get("errorCode").is_none());
    let of_keys = succeeded.filter(|record| text(record, "/resources/0/ARN").is_some_and(|key| keys.contains(&key)));
    of_keys.filter_map(|record| text(record, "/eventID")).collect()
}

/// What became of the event about one key.
struct Story<'a> {
    /// The invocations that got the event.
    attempts: Vec<&'a Invocation>,
    /// How many notices there are.
    letters: usize,
    /// In words.
    told: String,
}

/// Holds everything that is left of the event about one key against what the local cloud saw.
async fn judge<'a>(stage: &Stage, seen: &mut Observation, key: &str, invocations: &'a [Invocation]) -> Result<Story<'a>> {
    let ids = event_ids(stage, &[key.to_owned()]);
    let is_ours =
        |invocation: &&Invocation| invocation.messages.iter().any(|message| message.event_id.as_ref().is_some_and(|id| ids.contains(id)));
    let attempts: Vec<&Invocation> = invocations.iter().filter(is_ours).collect();
    let calls = stage.guard_calls(key)?;
    for operation in ["CancelKeyDeletion", "EnableKey"] {
        let made = calls.iter().filter(|call| call.operation == operation && call.status == 200).count();
        seen.demand(made == 1, || format!("{operation} took effect {made} times"));
    }
    let stored = stage.audit.about(key).await?;
    seen.problems.extend(stored.iter().flat_map(crate::evidence::StoredRecord::flaws));
    let of_event = stored.iter().map(|stored| &stored.record).filter(|record| ids.contains(record.event.id.as_str()));
    let (intents, outcomes): (Vec<&Record>, Vec<&Record>) = of_event.partition(|record| record.phase == Phase::Intent);
    for outcome in &outcomes {
        // The intent is one for all attempts: a later one meets it in the archive.
        let is_intended = intents.iter().any(|intent| intent.event.id == outcome.event.id && intent.recorded_at <= outcome.recorded_at);
        seen.demand(is_intended, || format!("attempt {} has an outcome and no intent", outcome.attempt));
        hold_against_calls(seen, outcome, &calls, &attempts);
    }
    let settled: Vec<&&Record> = outcomes.iter().filter(|record| !Status::is_open(&record.steps)).collect();
    let acted = settled.iter().filter(|record| record.steps.iter().any(|step| step.result == StepResult::Done)).count();
    seen.demand(!settled.is_empty(), || "no outcome says how it ended".to_owned());
    seen.demand(acted <= 1, || format!("{acted} settled outcomes say that something was done"));
    let usable = stage.is_usable(key).await;
    seen.demand(usable, || "the key is not usable".to_owned());
    let letters = stage.inbox.about(key).await?.len();
    let outcomes: Vec<String> = outcomes.iter().map(|record| in_words(record)).collect();
    let told = format!("{} deliveries, {} intents, {letters} notices; {}", attempts.len(), intents.len(), outcomes.join("; "));
    Ok(Story { attempts, letters, told })
}

/// What an outcome says was done must have been done, by the process that wrote it, in the invocation that it tells of.
fn hold_against_calls(seen: &mut Observation, outcome: &Record, calls: &[CallEntry], attempts: &[&Invocation]) {
    let invocation = attempts.iter().find(|attempt| attempt.began_at <= outcome.recorded_at && outcome.recorded_at <= attempt.ended_at);
    for step in outcome.steps.iter().filter(|step| step.result == StepResult::Done) {
        let is_its = |call: &&CallEntry| {
            invocation.is_some_and(|invocation| call.access_key_id == invocation.access_key_id && call.time >= invocation.began_at)
        };
        let made = calls.iter().filter(is_its).any(|call| call.operation == step.step.name() && call.status == 200);
        seen.demand(made, || format!("attempt {} claims {}, which it did not do", outcome.attempt, step.step.name()));
    }
}

fn in_words(outcome: &Record) -> String {
    let steps: Vec<String> = outcome.steps.iter().map(|step| format!("{} {:?}", step.step.name(), step.result)).collect();
    let steps = if steps.is_empty() { "nothing done".to_owned() } else { steps.join(", ") };
    format!("outcome {}: {:?}, {steps}", outcome.attempt, outcome.status)
}
