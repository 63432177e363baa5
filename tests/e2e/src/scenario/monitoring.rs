//! The monitoring: provisioned on a bare account, torn down part by part, mended each time, and rehearsed.
//!
//! Whether it is whole is asked of `reprieve monitoring plan` in an engineer's name, and of the services themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use aws_sdk_eventbridge::types::RuleState;
use jiff::Timestamp;
use reprieve_core::coverage::{GapKind, KeyReport};
use reprieve_core::monitoring::{DriftRule, MonitoringPlan};
use reprieve_core::{Decision, Phase, Record, Status};

use super::proof::Observation;
use crate::evidence::StoredRecord;
use crate::stage::Stage;
use crate::stage::monitoring::{KEY_CONTROL, LOG_GROUP, Monitoring, TRAIL, drift_rule, scheduled};
use crate::stage::people::ATTACKER;

/// How long an answer may take: the queue waits a few seconds for company before it hands events over.
const ANSWER_WAIT: Duration = Duration::from_mins(1);

/// A filter that holds both words and can never match: no event has two names.
const IMPOSSIBLE: &str = "{ ($.eventSource = kms.amazonaws.com) && ($.eventName = DisableKey) && ($.eventName = ScheduleKeyDeletion) }";

/// A bare account, the deployment, and a subscription that waits to be confirmed: only then does every control hold.
pub(crate) async fn provisioned(stage: &Stage) -> Result<Observation> {
    let mut seen = Observation::default();
    let before = stage.monitoring_plan().await?.changes.len();
    seen.demand(before > 20, || format!("on a bare account only {before} changes are missing"));
    let monitoring = stage.monitoring().await?;
    let deployed = stage.monitoring_plan().await?;
    seen.demand(deployed.changes.is_empty(), || format!("after the deployment this is still to be changed: {:?}", deployed.changes));
    let waiting = gaps(&deployed);
    let all_wait = waiting.iter().all(|gap| gap.contains("confirmed"));
    seen.demand(!waiting.is_empty() && all_wait, || format!("nobody has confirmed, and the gaps are {waiting:?}"));
    stage.confirm_subscriber().await?;
    let left = stage.monitoring_plan().await?;
    seen.demand(gaps(&left).is_empty(), || format!("gaps are left: {:?}", gaps(&left)));
    seen.demand(is_recording(monitoring).await?, || "the trail does not record".to_owned());
    let records = stage.audit.about_monitoring().await?;
    seen.problems.extend(records.iter().flat_map(StoredRecord::flaws));
    let outcome = records.iter().map(|stored| &stored.record).find(|record| is_outcome(record) && record.event.name == "Deployment");
    let outcome = outcome.context("the deployment left no record")?;
    seen.demand(outcome.status == Status::Success, || format!("the deployment's record says {:?}", outcome.status));
    seen.decision = sentence(outcome);
    "every control holds".clone_into(&mut seen.observed);
    Ok(seen)
}

/// A key is disabled: the event is counted by the filter, the alarm goes off, and a human gets an e-mail.
pub(crate) async fn alarm_reaches_a_human(stage: &Stage) -> Result<Observation> {
    watched(stage).await?;
    // An alarm tells of transitions alone: what other scenarios did must be over.
    stage.cloud.settle_alarms(None).await?;
    let key = stage.people.pat.create_key("what the second line hears of").await?;
    stage.people.mallory.disable(&key).await?;
    let what = format!("an e-mail about the alarm `{KEY_CONTROL}`");
    let mail = stage
        .wait(&what, ANSWER_WAIT, async || Ok(stage.cloud.mail().await?.into_iter().find(|mail| mail.subject.contains(KEY_CONTROL))))
        .await?;
    Ok(Observation { observed: "e-mail received".to_owned(), decision: Some(mail.subject), ..Observation::default() })
}

/// P74: the trail is stopped, then deleted.
pub(crate) async fn trail_torn_down(stage: &Stage) -> Result<Observation> {
    let monitoring = watched(stage).await?;
    let trails = &monitoring.attacker.trails;
    let since = Timestamp::now();
    trails.stop_logging().name(TRAIL).send().await.context("mallory cannot stop the trail")?;
    let mut seen = mended(stage, "StopLogging", since).await?;
    seen.demand(is_recording(monitoring).await?, || "the trail that was stopped does not record".to_owned());
    let since = Timestamp::now();
    trails.delete_trail().name(TRAIL).send().await.context("mallory cannot delete the trail")?;
    seen = seen.joined(mended(stage, "DeleteTrail", since).await?);
    seen.demand(is_recording(monitoring).await?, || "the trail that was deleted is not back".to_owned());
    Ok(seen)
}

/// A filter is replaced by one that can never match, which a look at its words would pass; then one is deleted.
pub(crate) async fn filter_torn_down(stage: &Stage) -> Result<Observation> {
    let logs = &watched(stage).await?.attacker.logs;
    let counted =
        MetricTransformation::builder().metric_name(KEY_CONTROL).metric_namespace("ReprieveMonitoring").metric_value("1").build()?;
    let since = Timestamp::now();
    let replaced = logs.put_metric_filter().log_group_name(LOG_GROUP).filter_name(KEY_CONTROL).filter_pattern(IMPOSSIBLE);
    replaced.metric_transformations(counted).send().await.context("mallory cannot replace the filter")?;
    let mut seen = mended(stage, "PutMetricFilter", since).await?;
    let since = Timestamp::now();
    let deleted = logs.delete_metric_filter().log_group_name(LOG_GROUP).filter_name(KEY_CONTROL).send().await;
    deleted.context("mallory cannot delete the filter")?;
    seen = seen.joined(mended(stage, "DeleteMetricFilter", since).await?);
    Ok(seen)
}

/// An alarm's actions are disabled, then the alarm is deleted.
pub(crate) async fn alarm_torn_down(stage: &Stage) -> Result<Observation> {
    let alarms = &watched(stage).await?.attacker.alarms;
    let since = Timestamp::now();
    alarms.disable_alarm_actions().alarm_names(KEY_CONTROL).send().await.context("mallory cannot disable the alarm's actions")?;
    let mut seen = mended(stage, "DisableAlarmActions", since).await?;
    let since = Timestamp::now();
    alarms.delete_alarms().alarm_names(KEY_CONTROL).send().await.context("mallory cannot delete the alarm")?;
    seen = seen.joined(mended(stage, "DeleteAlarms", since).await?);
    Ok(seen)
}

/// Retention is cut to a day, then the log group is deleted with everything in it.
pub(crate) async fn log_group_torn_down(stage: &Stage) -> Result<Observation> {
    let logs = &watched(stage).await?.attacker.logs;
    let since = Timestamp::now();
    let shortened = logs.put_retention_policy().log_group_name(LOG_GROUP).retention_in_days(1).send().await;
    shortened.context("mallory cannot shorten retention")?;
    let mut seen = mended(stage, "PutRetentionPolicy", since).await?;
    let since = Timestamp::now();
    logs.delete_log_group().log_group_name(LOG_GROUP).send().await.context("mallory cannot delete the log group")?;
    seen = seen.joined(mended(stage, "DeleteLogGroup", since).await?);
    Ok(seen)
}

/// P71: the subscriber is removed. Subscribed again, which a person must confirm, and until then no key counts as monitored.
pub(crate) async fn nobody_is_told(stage: &Stage) -> Result<Observation> {
    let topics = &watched(stage).await?.attacker.topics;
    let key = stage.people.pat.create_key("what the report counts").await?;
    let before = stage.coverage_of(&key).await?;
    let topic = stage.outputs.named("NoticeTopicArn")?;
    let listed = topics.list_subscriptions_by_topic().topic_arn(topic).send().await.context("mallory cannot list subscriptions")?;
    let subscription = listed.subscriptions().iter().find(|subscription| subscription.protocol() == Some("email"));
    let subscription = subscription.and_then(|subscription| subscription.subscription_arn()).context("nobody is subscribed by e-mail")?;
    let since = Timestamp::now();
    topics.unsubscribe().subscription_arn(subscription).send().await.context("mallory cannot unsubscribe anybody")?;
    let mut seen = answered(stage, "Unsubscribe", since).await?;
    seen.demand(before.monitored, || format!("the key was not monitored even before: {:?}", before.gaps));
    let waiting = stage.coverage_of(&key).await?;
    seen.demand(!waiting.monitored && is_pending(&waiting), || format!("nobody has confirmed again, and the report says {waiting:?}"));
    stage.confirm_subscriber().await?;
    let confirmed = stage.coverage_of(&key).await?;
    seen.demand(confirmed.monitored, || format!("somebody has confirmed, and the report says {:?}", confirmed.gaps));
    Ok(seen)
}

/// The guard's ear is disabled, loses its target, and is deleted.
pub(crate) async fn guard_made_deaf(stage: &Stage) -> Result<Observation> {
    let rules = &watched(stage).await?.attacker.rules;
    let rule = stage.outputs.named("KeyApiCallRuleName")?;
    let since = Timestamp::now();
    rules.disable_rule().name(rule).send().await.context("mallory cannot disable the rule")?;
    let mut seen = mended(stage, "DisableRule", since).await?;
    let targets = rules.list_targets_by_rule().rule(rule).send().await.context("mallory cannot list targets")?;
    let ids: Vec<String> = targets.targets().iter().map(|target| target.id().to_owned()).collect();
    let since = Timestamp::now();
    rules.remove_targets().rule(rule).set_ids(Some(ids.clone())).send().await.context("mallory cannot remove targets")?;
    seen = seen.joined(mended(stage, "RemoveTargets", since).await?);
    let since = Timestamp::now();
    let targets = rules.list_targets_by_rule().rule(rule).send().await.context("mallory cannot list targets")?;
    let ids: Vec<String> = targets.targets().iter().map(|target| target.id().to_owned()).collect();
    rules.remove_targets().rule(rule).set_ids(Some(ids)).send().await.context("mallory cannot remove targets")?;
    rules.delete_rule().name(rule).send().await.context("mallory cannot delete the rule")?;
    seen = seen.joined(mended(stage, "DeleteRule", since).await?);

    // It hears again.
    let key = stage.people.pat.create_key("after the silence").await?;
    stage.people.mallory.schedule_deletion(&key).await?;
    let heard = stage.wait("the guard to hear again", ANSWER_WAIT, async || Ok((stage.key_state(&key).await? == "Enabled").then_some(())));
    if let Err(error) = heard.await {
        seen.problems.push(format!("{error:#}"));
    }
    Ok(seen)
}

/// The monitoring's own ears are taken away, and the trail is stopped. Nothing tells of it but the daily check, which gives them back.
pub(crate) async fn monitoring_made_deaf(stage: &Stage) -> Result<Observation> {
    let monitoring = watched(stage).await?;
    let (rules, trails) = (&monitoring.attacker.rules, &monitoring.attacker.trails);
    let telling = drift_rule(DriftRule::Rule);
    let targets = rules.list_targets_by_rule().rule(&telling).send().await.context("mallory cannot list targets")?;
    let ids: Vec<String> = targets.targets().iter().map(|target| target.id().to_owned()).collect();
    rules.remove_targets().rule(&telling).set_ids(Some(ids)).send().await.context("mallory cannot remove targets")?;
    rules.delete_rule().name(&telling).send().await.context("mallory cannot delete the rule")?;
    for rule in [DriftRule::Trail, DriftRule::Log, DriftRule::Alarm, DriftRule::Topic] {
        rules.disable_rule().name(drift_rule(rule)).send().await.context("mallory cannot disable the rule")?;
    }
    trails.stop_logging().name(TRAIL).send().await.context("mallory cannot stop the trail")?;
    stage.invoke(monitoring.outputs.named("ProvisionFunctionName")?, &scheduled("check")).await?;
    let mut seen = Observation { observed: "mended".to_owned(), ..Observation::default() };
    seen.demand(is_recording(monitoring).await?, || "the trail that was stopped does not record".to_owned());
    for rule in DriftRule::ALL {
        let hears = hears(monitoring, &drift_rule(rule)).await?;
        seen.demand(hears, || format!("the drift rule of `{rule}` is off, or feeds nothing"));
    }

    // It hears again.
    let since = Timestamp::now();
    trails.stop_logging().name(TRAIL).send().await.context("mallory cannot stop the trail")?;
    Ok(seen.joined(mended(stage, "StopLogging", since).await?))
}

/// An alarm is set to OK by hand. Nothing is left to mend, and a human is woken all the same.
pub(crate) async fn alarm_silenced(stage: &Stage) -> Result<Observation> {
    let alarms = &watched(stage).await?.attacker.alarms;
    let since = Timestamp::now();
    let forced = alarms.set_alarm_state().alarm_name(KEY_CONTROL).state_value(StateValue::Ok).state_reason("all is well");
    forced.send().await.context("mallory cannot set the alarm's state")?;
    let record = outcome(stage, "SetAlarmState", since).await?;
    let mut seen = Observation { observed: "told".to_owned(), decision: sentence(&record), ..Observation::default() };
    seen.demand(matches!(record.decision, Some(Decision::Escalate { .. })), || "nobody was woken".to_owned());
    told(stage, &record, &mut seen).await?;
    Ok(seen)
}

/// Everything is torn down in one go, faster than any single answer.
pub(crate) async fn torn_down_in_one_go(stage: &Stage) -> Result<Observation> {
    let monitoring = watched(stage).await?;
    let (attacker, rule) = (&monitoring.attacker, stage.outputs.named("KeyApiCallRuleName")?);
    let alarms = attacker.alarms.describe_alarms().alarm_name_prefix("Reprieve-").send().await.context("mallory cannot list alarms")?;
    let names: Vec<String> = alarms.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name().map(str::to_owned)).collect();
    ensure!(names.len() > 10, "only {} alarms stand", names.len());
    let since = Timestamp::now();
    attacker.rules.disable_rule().name(rule).send().await.context("mallory cannot disable the rule")?;
    attacker.alarms.delete_alarms().set_alarm_names(Some(names)).send().await.context("mallory cannot delete the alarms")?;
    attacker.logs.delete_log_group().log_group_name(LOG_GROUP).send().await.context("mallory cannot delete the log group")?;
    attacker.trails.delete_trail().name(TRAIL).send().await.context("mallory cannot delete the trail")?;
    whole_again(stage, since).await?;
    let remedies: Vec<Record> = remedies(stage, since).await?;
    let mut seen = Observation { observed: "mended".to_owned(), ..Observation::default() };
    seen.demand(is_recording(monitoring).await?, || "the trail does not record".to_owned());
    let last = remedies.last().context("nothing was mended on record")?;
    seen.decision = sentence(last);
    seen.remediate_ms = remedies.iter().filter_map(|record| record.remediate_ms).max();
    seen.detect_ms = remedies.iter().filter_map(|record| record.detect_ms).max();
    Ok(seen)
}

/// P73: the stack is deleted, and everything that watches is left.
pub(crate) async fn stack_deleted(stage: &Stage) -> Result<Observation> {
    let monitoring = watched(stage).await?;
    stage.delete_monitoring().await?;
    let mut seen = Observation { observed: "still watched".to_owned(), ..Observation::default() };
    seen.demand(is_recording(monitoring).await?, || "the trail does not record any more".to_owned());
    let left = stage.monitoring_plan().await?;
    seen.demand(left.changes.is_empty() && gaps(&left).is_empty(), || format!("the deletion took away: {:?}", left.changes));
    Ok(seen)
}

/// The drill: a sacrificial key is scheduled for deletion, and every path to a human is timed.
pub(crate) async fn rehearsed(stage: &Stage) -> Result<Observation> {
    watched(stage).await?;
    stage.cloud.settle_alarms(None).await?;
    let function = stage.drill().await?.named("RehearseFunctionName")?.to_owned();
    let answer = stage.invoke(&function, &scheduled("drill")).await?;
    let records = stage.audit.about_monitoring().await?;
    let mut seen = Observation::default();
    seen.problems.extend(records.iter().flat_map(StoredRecord::flaws));
    let drill = records.into_iter().map(|stored| stored.record).rev().find(|record| is_outcome(record) && record.event.name == "Drill");
    let drill = drill.with_context(|| format!("the drill left no record; it answered {answer}"))?;
    seen.decision = sentence(&drill);
    let about = drill.key().with_context(|| format!("the drill's record names no key: {}", sentence(&drill).unwrap_or_default()))?;
    let key = about.as_str().to_owned();
    let in_the_end = stage.key_state(&key).await?;
    seen.demand(in_the_end == "Enabled", || format!("after the drill its key is {in_the_end}"));
    seen.demand(drill.steps.is_empty(), || "the drill had to bring its key back itself".to_owned());
    seen.detect_ms = drill.detect_ms;
    seen.remediate_ms = drill.remediate_ms;
    let is_proven = drill.decision.as_ref().is_some_and(|decision| !decision.wakes_a_human());
    seen.observed = if is_proven { "every path proven".to_owned() } else { "a path missed".to_owned() };
    Ok(seen)
}

/// Returns the monitoring, deployed and with a subscriber who has confirmed.
async fn watched(stage: &Stage) -> Result<&Monitoring> {
    let monitoring = stage.monitoring().await?;
    if !gaps(&stage.monitoring_plan().await?).is_empty() {
        stage.confirm_subscriber().await?;
    }
    Ok(monitoring)
}

/// Waits for the answer to an act of the attacker, and for every control to hold again.
async fn mended(stage: &Stage, event_name: &str, since: Timestamp) -> Result<Observation> {
    let mut seen = answered(stage, event_name, since).await?;
    let left = stage.monitoring_plan().await?;
    seen.demand(gaps(&left).is_empty(), || format!("after `{event_name}` gaps are left: {:?}", gaps(&left)));
    Ok(seen)
}

/// Waits for the answer to an act of the attacker: mended, on record, with the attacker's name, and people told.
async fn answered(stage: &Stage, event_name: &str, since: Timestamp) -> Result<Observation> {
    let record = outcome(stage, event_name, since).await?;
    let mut seen = Observation { observed: "mended".to_owned(), decision: sentence(&record), ..Observation::default() };
    seen.demand(record.status == Status::Success, || format!("the record of `{event_name}` says {:?}: {:?}", record.status, record.steps));
    let stored = stage.audit.of_event(record.event.id.as_str()).await?;
    seen.problems.extend(stored.iter().flat_map(StoredRecord::flaws));
    let intent = stored.iter().map(|stored| &stored.record).find(|record| record.phase == Phase::Intent);
    seen.demand(intent.is_some_and(|intent| intent.considering == record.considering), || {
        "the intent is not the plan that was carried out".to_owned()
    });
    seen.detect_ms = record.detect_ms;
    seen.remediate_ms = record.remediate_ms;
    told(stage, &record, &mut seen).await?;
    let plan = stage.monitoring_plan().await?;
    seen.demand(plan.changes.is_empty(), || format!("after `{event_name}` this is still to be changed: {:?}", plan.changes));
    for refused in function_refusals(stage, since).await? {
        seen.problems.push(format!("IAM refused {refused} to the function: does the template lack it?"));
    }
    Ok(seen)
}

/// Waits for the outcome of an act of the attacker.
async fn outcome(stage: &Stage, event_name: &str, since: Timestamp) -> Result<Record> {
    let is_wanted = |record: &Record| {
        let by_attacker = record.event.actor.session_name.as_deref() == Some(ATTACKER);
        is_outcome(record) && record.event.name == event_name && by_attacker && record.recorded_at >= since
    };
    stage
        .wait(&format!("the outcome of `{event_name}`"), ANSWER_WAIT, async || {
            let stored = stage.audit.about_monitoring().await?;
            Ok(stored.into_iter().map(|stored| stored.record).rev().find(is_wanted))
        })
        .await
}

async fn remedies(stage: &Stage, since: Timestamp) -> Result<Vec<Record>> {
    let stored = stage.audit.about_monitoring().await?;
    let is_remedy = |record: &Record| matches!(record.decision, Some(Decision::Remedy { .. }));
    Ok(stored
        .into_iter()
        .map(|stored| stored.record)
        .filter(|record| is_outcome(record) && is_remedy(record) && record.recorded_at >= since)
        .collect())
}

/// Demands that people were told of an outcome, with the attacker's name.
async fn told(stage: &Stage, record: &Record, seen: &mut Observation) -> Result<()> {
    let id = record.event.id.as_str();
    let what = format!("a notice about `{}`", record.event.name);
    let letter = stage.wait(&what, ANSWER_WAIT, async || Ok(stage.inbox.about(id).await?.into_iter().next())).await?;
    seen.demand(letter.message.contains(ATTACKER), || format!("the notice does not name {ATTACKER}: {}", letter.message));
    Ok(())
}

async fn whole_again(stage: &Stage, since: Timestamp) -> Result<()> {
    let what = "the monitoring to be whole again";
    stage
        .wait(what, ANSWER_WAIT, async || {
            let is_answered = !remedies(stage, since).await?.is_empty();
            Ok((is_answered && gaps(&stage.monitoring_plan().await?).is_empty()).then_some(()))
        })
        .await
}

async fn is_recording(monitoring: &Monitoring) -> Result<bool> {
    let status = monitoring.looker.trails.get_trail_status().name(TRAIL).send().await.context("the trail is not there")?;
    Ok(status.is_logging() == Some(true))
}

/// Says whether an event rule is enabled and has a target.
async fn hears(monitoring: &Monitoring, rule: &str) -> Result<bool> {
    let rules = &monitoring.looker.rules;
    let described = rules.describe_rule().name(rule).send().await.with_context(|| format!("the rule `{rule}` is not there"))?;
    let fed = rules.list_targets_by_rule().rule(rule).send().await.with_context(|| format!("nobody can say what `{rule}` feeds"))?;
    Ok(described.state() == Some(&RuleState::Enabled) && !fed.targets().is_empty())
}

/// Returns the calls that IAM refused to the provisioning function since then.
async fn function_refusals(stage: &Stage, since: Timestamp) -> Result<Vec<String>> {
    let role = stage.monitoring().await?.outputs.named("ProvisionRoleArn")?;
    let role = format!("assumed-role/{}/", role.rsplit('/').next().unwrap_or_default());
    let calls = stage.cloud.calls().into_iter().filter(|call| call.time >= since && call.caller.contains(&role));
    let is_denied = |code: &str| code.contains("AccessDenied") || code.contains("AuthorizationError");
    Ok(calls
        .filter(|call| call.error_code.as_deref().is_some_and(is_denied))
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect())
}

fn is_outcome(record: &Record) -> bool {
    record.phase == Phase::Outcome
}

fn sentence(record: &Record) -> Option<String> {
    record.decision.as_ref().map(|decision| decision.why().sentence.clone())
}

/// Returns why controls do not hold.
fn gaps(plan: &MonitoringPlan) -> BTreeSet<&str> {
    plan.controls.iter().flat_map(|control| &control.gaps).map(String::as_str).collect()
}

/// Says whether a report names the gap of a subscription that nobody confirmed.
fn is_pending(report: &KeyReport) -> bool {
    report.gaps.iter().any(|gap| matches!(gap.kind, GapKind::SubscriptionPending(_)))
}
