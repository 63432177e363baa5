//! Many keys at once, against the request quotas of KMS.
//!
//! What is judged: all keys come back, no record is missing, nothing ends in the dead-letter queue, and the earliest deadline comes
//! first. The queue is not in the order of deadlines and shows a process ten messages at a time, so the order is judged within what a
//! process could see: of any two keys whose events came in one batch, the one that would be deleted earlier must be taken out of danger
//! earlier. There is one excuse: a turn that is free is taken by whoever is ready, so a key may go before another whose state that
//! process had learned less than a second ago, or not yet. No other pair may be the other way round, whatever the quotas and the machine
//! did. Pairs whose deadlines are the same to the second are not judged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use reprieve_core::{Phase, Record, Status};
use reprieve_localcloud::{CallEntry, Invocation};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::proof::Observation;
use crate::evidence::StoredRecord;
use crate::stage::Stage;

/// How many keys are attacked in the demo.
pub(crate) const SHOWN: usize = 50;

/// How many keys are attacked by those who have the time: as many as an attacker schedules in a quarter of a minute.
pub(crate) const LARGE: usize = 200;

/// The pause between two calls of the attacker, who knows the quota of `ScheduleKeyDeletion`: 15 a second.
const ATTACKER_PAUSE: Duration = Duration::from_millis(68);

/// How long one key may take on average, with what a busy machine is given: at 4 a second it is a quarter of a second.
const WAIT_A_KEY: Duration = Duration::from_millis(1_200);

/// How long the last records and notices may take.
const SETTLE_WAIT: Duration = Duration::from_mins(1);

/// How long after its state was learned a key stands in line at the latest: its approval has been looked for, and the decision made.
const READY_AFTER_MS: u64 = 1_000;

/// Of so many pairs of keys, one may have been guessed wrongly to stand in line.
const PAIRS_PER_GUESS: usize = 100;

/// How often is looked: often enough to see the end, rarely enough not to be what is measured.
const LOOK: Duration = Duration::from_millis(500);

/// A key under attack.
struct Attacked {
    key: String,
    deadline: Timestamp,
}

/// That many keys at once, with KMS's quotas on and waiting periods of all lengths: none is lost.
pub(crate) async fn of(stage: &Stage, count: usize) -> Result<Observation> {
    let attacked = attack(stage, count).await?;
    let keys: BTreeSet<&str> = attacked.iter().map(|attacked| attacked.key.as_str()).collect();
    let first = stage.last_call("ScheduleKeyDeletion", &attacked.first().context("no key was attacked")?.key)?;
    let mut seen = Observation { observed: format!("0 of {count} Enabled"), ..Observation::default() };
    let limit = WAIT_A_KEY.saturating_mul(u32::try_from(count)?).max(Duration::from_mins(1));
    let waited = given_back(stage, &keys, limit).await;
    let mut enabled = 0;
    for key in &keys {
        enabled += usize::from(stage.key_state(key).await? == "Enabled");
    }
    seen.observed = format!("{enabled} of {count} Enabled");
    if let Err(error) = waited {
        seen.problems.push(format!("{error:#}"));
        return Ok(seen);
    }
    let records = settled(stage, &keys).await;
    match records {
        Ok(records) => check_records(&mut seen, &keys, &records),
        Err(error) => seen.problems.push(format!("{error:#}")),
    }
    let dead = stage.dead_letters().await?;
    seen.demand(dead == 0, || format!("{dead} message(s) wait in the dead-letter queue"));
    for refused in stage.guard_refusals(first.time)? {
        seen.problems.push(format!("IAM refused {}:{} to the guard: does the template lack it?", refused.service, refused.operation));
    }
    for key in keys.iter().step_by(10) {
        let usable = stage.is_usable(key).await;
        seen.demand(usable, || format!("`{key}` is not usable"));
    }
    for key in &keys {
        let told = told(stage, key).await?;
        seen.demand(told, || format!("nobody was told of `{key}`"));
    }
    let session = stage.guard_session()?;
    let mut calls = stage.cloud.calls();
    calls.retain(|call| call.time >= first.time && call.caller.contains(&session));
    measure(&mut seen, &attacked, &first, &calls);
    let invocations = stage.cloud.invocations(stage.outputs.named("EventFunctionName")?).await?;
    judge_order(&mut seen, &attacked, &batches(stage, &invocations, &keys), &calls);
    Ok(seen)
}

/// Makes the keys, and schedules each for deletion: in an order that is not that of the deadlines.
async fn attack(stage: &Stage, count: usize) -> Result<Vec<Attacked>> {
    // KMS makes five keys a second; the attack is what is to be watched.
    stage.cloud.switch_quotas(false);
    let mut keys = Vec::with_capacity(count);
    for number in 1..=count {
        keys.push(stage.people.pat.create_key(&format!("tenant {number}")).await?);
    }
    stage.cloud.switch_quotas(true);
    let mut attacked = Vec::with_capacity(count);
    let mut pace = interval(ATTACKER_PAUSE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (number, key) in (0..).zip(keys) {
        pace.tick().await;
        // 7 and 24 have no common divisor: each 24 keys have the waiting periods from 7 to 30 days, one of each, shuffled.
        let window_days = 7 + number * 7 % 24;
        let deadline = stage.people.mallory.schedule_deletion_in(&key, window_days).await?.context("KMS names no date of deletion")?;
        attacked.push(Attacked { key, deadline });
    }
    Ok(attacked)
}

/// Waits until the guard has enabled every key.
async fn given_back(stage: &Stage, keys: &BTreeSet<&str>, limit: Duration) -> Result<()> {
    let session = stage.guard_session()?;
    stage
        .wait(&format!("{} keys to be given back", keys.len()), limit, async || {
            sleep(LOOK).await;
            let calls = stage.cloud.calls();
            let made = calls.iter().filter(|call| call.operation == "EnableKey" && call.status == 200 && call.caller.contains(&session));
            let enabled: BTreeSet<&str> = made.filter_map(|call| call.key.as_deref()).filter(|key| keys.contains(key)).collect();
            Ok((enabled.len() == keys.len()).then_some(()))
        })
        .await
}

/// Waits until every key has a settled outcome, and returns the records of all.
async fn settled(stage: &Stage, keys: &BTreeSet<&str>) -> Result<Vec<StoredRecord>> {
    stage
        .wait("an outcome for every key", SETTLE_WAIT, async || {
            sleep(LOOK).await;
            let records = stage.audit.about_any(keys).await?;
            let settled: BTreeSet<&str> =
                records.iter().filter(|stored| is_settled(&stored.record)).filter_map(|stored| key_of(&stored.record)).collect();
            let all = settled.len() == keys.len() && stage.unanswered().await? == 0;
            Ok(all.then_some(records))
        })
        .await
}

fn is_settled(record: &Record) -> bool {
    record.phase == Phase::Outcome && record.event.name == "ScheduleKeyDeletion" && !Status::is_open(&record.steps)
}

fn key_of(record: &Record) -> Option<&str> {
    record.key().map(reprieve_core::KeyArn::as_str)
}

/// One intent and one settled outcome a key; and an intent for each attempt.
fn check_records(seen: &mut Observation, keys: &BTreeSet<&str>, stored: &[StoredRecord]) {
    seen.problems.extend(stored.iter().flat_map(StoredRecord::flaws));
    let mut attempts_again = 0;
    for key in keys {
        let of_key = stored.iter().map(|stored| &stored.record);
        let of_key: Vec<&Record> =
            of_key.filter(|record| key_of(record) == Some(key) && record.event.name == "ScheduleKeyDeletion").collect();
        let outcomes = of_key.iter().filter(|record| is_settled(record)).count();
        seen.demand(outcomes == 1, || format!("`{key}` has {outcomes} settled outcomes"));
        for outcome in of_key.iter().filter(|record| record.phase == Phase::Outcome) {
            let intents = of_key.iter().filter(|record| record.phase == Phase::Intent && record.recorded_at <= outcome.recorded_at).count();
            seen.demand(intents > 0, || format!("an outcome of `{key}` has no intent before it"));
            if is_settled(outcome) {
                seen.demand(outcome.status == Status::Success, || format!("the record of `{key}` says {:?}", outcome.status));
                let sentence = outcome.decision.as_ref().map(|decision| decision.why().sentence.clone());
                seen.decision = seen.decision.take().or(sentence);
                seen.detect_ms = seen.detect_ms.max(outcome.detect_ms);
            } else {
                attempts_again += 1;
            }
        }
    }
    let of_phase = |phase: Phase| {
        stored.iter().filter(|stored| stored.record.phase == phase && stored.record.event.name == "ScheduleKeyDeletion").count()
    };
    let (keys, intents, outcomes) = (keys.len(), of_phase(Phase::Intent), of_phase(Phase::Outcome));
    seen.figures
        .push(format!("{intents} intents and {outcomes} outcomes for {keys} keys; {attempts_again} attempts had to be made again."));
}

async fn told(stage: &Stage, key: &str) -> Result<bool> {
    let found = stage.wait("a notice", SETTLE_WAIT, async || Ok((!stage.inbox.about(key).await?.is_empty()).then_some(()))).await;
    Ok(found.is_ok())
}

/// How long it took, what was called and what was throttled.
fn measure(seen: &mut Observation, attacked: &[Attacked], first: &CallEntry, calls: &[CallEntry]) {
    let ends = |operation: &str| {
        let made = calls.iter().filter(|call| call.operation == operation && call.status == 200);
        made.map(|call| call.time.as_millisecond() - first.time.as_millisecond() + i64::try_from(call.took_ms).unwrap_or(i64::MAX)).max()
    };
    let seconds = |ms: Option<i64>| ms.map_or("-".to_owned(), |ms| format!("{}.{}", ms / 1_000, ms % 1_000 / 100));
    seen.remediate_ms = ends("EnableKey");
    let throttled = calls.iter().filter(|call| call.error_code.as_deref().is_some_and(|code| code.contains("Throttl"))).count();
    let (keys, made) = (attacked.len(), calls.len());
    let a_key = made * 10 / keys.max(1);
    seen.figures.push(format!(
        "{keys} keys: the last deletion was cancelled after {} s and the last key enabled after {} s; {made} calls, {}.{} a key, of which \
         {throttled} were throttled.",
        seconds(ends("CancelKeyDeletion")),
        seconds(seen.remediate_ms),
        a_key / 10,
        a_key % 10
    ));
}

/// The keys of each batch, with the invocation that got them.
fn batches<'a>(stage: &Stage, invocations: &'a [Invocation], keys: &BTreeSet<&str>) -> Vec<(&'a Invocation, BTreeSet<String>)> {
    let records = stage.cloud.records();
    let text = |record: &serde_json::Value, pointer: &str| record.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
    let of_event: BTreeMap<String, String> = records
        .iter()
        .filter(|record| text(record, "/eventName").as_deref() == Some("ScheduleKeyDeletion"))
        .filter_map(|record| Some((text(record, "/eventID")?, text(record, "/resources/0/ARN")?)))
        .filter(|(_, key)| keys.contains(key.as_str()))
        .collect();
    let batch = |invocation: &'a Invocation| {
        let events = invocation.messages.iter().filter_map(|message| message.event_id.as_ref());
        (invocation, events.filter_map(|event| of_event.get(event).cloned()).collect::<BTreeSet<String>>())
    };
    invocations.iter().map(batch).filter(|(_, keys)| !keys.is_empty()).collect()
}

/// Within each batch: whoever would be deleted earlier is taken out of danger earlier.
fn judge_order(seen: &mut Observation, attacked: &[Attacked], batches: &[(&Invocation, BTreeSet<String>)], calls: &[CallEntry]) {
    let deadlines: BTreeMap<&str, Timestamp> = attacked.iter().map(|attacked| (attacked.key.as_str(), attacked.deadline)).collect();
    let (mut pairs, mut excused, mut inverted, mut largest) = (0_usize, 0_usize, 0_usize, 0_usize);
    for (invocation, keys) in batches {
        largest = largest.max(keys.len());
        let made: Vec<&CallEntry> = calls
            .iter()
            .filter(|call| call.time >= invocation.began_at && call.time <= invocation.ended_at)
            .filter(|call| call.access_key_id == invocation.access_key_id)
            .filter(|call| call.key.as_deref().is_some_and(|key| keys.contains(key)))
            .collect();
        let ready = first_of(&made, "DescribeKey");
        let turns = first_of(&made, "CancelKeyDeletion");
        for (key, turn) in &turns {
            for (other, other_turn) in &turns {
                let is_due_earlier = deadlines.get(key).zip(deadlines.get(other)).is_some_and(|(deadline, other)| deadline < other);
                let is_later = turn.order > other_turn.order;
                let learned_at_ms = ready.get(key).map_or(u64::MAX, |look| look.at_ms + look.took_ms);
                let was_ready = learned_at_ms.saturating_add(READY_AFTER_MS) < other_turn.at_ms;
                pairs += usize::from(is_due_earlier);
                excused += usize::from(is_due_earlier && is_later && !was_ready);
                inverted += usize::from(is_due_earlier && is_later && was_ready);
            }
        }
    }
    let count = batches.len();
    seen.figures.push(format!(
        "{count} batches, the largest of {largest}: of {pairs} pairs of keys in one batch, {inverted} came back in the wrong order, and \
         {excused} more while the earlier key was still being looked at."
    ));
    seen.demand(pairs > 0, || "no batch held two keys, so nothing can be said of the order".to_owned());
    // When a key stood in line is not seen from outside, only guessed from its look: of keys in no order at all, half would be wrong.
    let is_in_order = inverted * PAIRS_PER_GUESS <= pairs;
    seen.demand(is_in_order, || format!("{inverted} of {pairs} pairs of keys in one batch came back in the wrong order"));
}

/// The first call of that name on each key.
fn first_of<'a>(calls: &[&'a CallEntry], operation: &str) -> BTreeMap<&'a str, &'a CallEntry> {
    let mut first: BTreeMap<&str, &CallEntry> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.operation == operation) {
        if let Some(key) = call.key.as_deref() {
            let known = first.entry(key).or_insert(call);
            if call.order < known.order {
                *known = call;
            }
        }
    }
    first
}
