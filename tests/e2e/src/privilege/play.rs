//! What is played so that every grant of the guard's, the monitoring's, the drill's and the evidence's roles is used.
//!
//! Scenarios of the demo, and what none of them needs: a rotation switched off, a drill that the guard does not answer, schedules that fire.
//! Must not call anything in a role's name itself: what the functions and the services of AWS do is what counts.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_cloudtrail::types::{EventSelector, ReadWriteType};
use aws_sdk_lambda::types::Environment;
use serde_json::json;
use tokio::time::sleep;

use super::conditions;
use super::grants::{STACKS, roles_of};
use super::proof::Proof;
use crate::scenario::{ROTATION_OFF, Scenario, demonstrated};
use crate::stage::Stage;
use crate::stage::monitoring::{TRAIL, scheduled};

/// The demo's scenarios that use a grant which those before them do not.
const PLAYED: [&str; 20] = [
    "unapproved-deletion",
    "plain-tags-of-change-manager",
    "revoked-approval",
    "disable-key",
    "lost-event",
    "bare-account",
    "alarm-reaches-a-human",
    "trail-torn-down",
    "filter-torn-down",
    "alarm-torn-down",
    "log-group-torn-down",
    "nobody-is-told",
    "guard-made-deaf",
    "monitoring-made-deaf",
    "alarm-silenced",
    "torn-down-in-one-go",
    "drill",
    "log-file-recorded",
    "broken-log-file",
    "evidence-sealed",
];

/// How long mending may take: the queue waits a few seconds for company before it hands events over.
const MEND_WAIT: Duration = Duration::from_mins(1);

/// How long what a schedule started may take.
const SCHEDULE_WAIT: Duration = Duration::from_secs(20);

/// Plays everything, and returns what did not end as promised.
///
/// # Errors
///
/// Fails when the stage does.
pub async fn everything(stage: &Stage) -> Result<Vec<String>> {
    let chosen = demonstrated().filter(|scenario| PLAYED.contains(&scenario.name));
    let mut problems = of_all(stage, chosen.chain([ROTATION_OFF])).await;
    problems.extend(drill_without_the_guard(stage).await?);
    fire_schedules(stage).await?;
    problems.extend(conditions::hold(stage).await?);
    wear_the_monitoring_away(stage).await?;
    Ok(problems)
}

/// Changes by the account's owner that the monitoring undoes, and that no scenario makes.
async fn wear_the_monitoring_away(stage: &Stage) -> Result<()> {
    let services = &stage.monitoring().await?.looker;
    let (trails, topics, rules) = (&services.trails, &services.topics, &services.rules);
    let topic = stage.outputs.named("NoticeTopicArn")?;

    trails.update_trail().name(TRAIL).is_multi_region_trail(false).enable_log_file_validation(false).send().await?;
    mended(stage, "cloudtrail:UpdateTrail", "").await?;
    let narrow = EventSelector::builder().read_write_type(ReadWriteType::WriteOnly).include_management_events(true).build();
    trails.put_event_selectors().trail_name(TRAIL).event_selectors(narrow).send().await?;
    mended(stage, "cloudtrail:PutEventSelectors", "").await?;

    for output in ["KeyServiceEventRuleName", "KeyNativeEventRuleName", "RegionOptOutRuleName"] {
        let rule = stage.outputs.named(output)?;
        rules.disable_rule().name(rule).send().await?;
        mended(stage, "events:EnableRule", rule).await?;
    }

    // Under a key whose policy CloudWatch is not in, an alarm cannot publish: a human is to look, and puts it right.
    let key = stage.people.pat.create_key("encrypts what people are told").await?;
    let encrypt = |key: &str| topics.set_topic_attributes().topic_arn(topic).attribute_name("KmsMasterKeyId").attribute_value(key).send();
    encrypt(&key).await?;
    mended(stage, "kms:GetKeyPolicy", &key).await?;
    encrypt("").await?;
    let owner = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "TheOwnerAlone", "Effect": "Allow", "Principal": { "AWS": stage.cloud.account() }, "Action": "sns:Publish", "Resource": topic,
    }] });
    topics.set_topic_attributes().topic_arn(topic).attribute_name("Policy").attribute_value(owner.to_string()).send().await?;
    mended(stage, "sns:SetTopicAttributes", "").await?;
    // Last: whoever was subscribed has to confirm again.
    topics.delete_topic().topic_arn(topic).send().await?;
    mended(stage, "sns:CreateTopic", "").await?;
    Ok(())
}

/// Waits until the monitoring did this, on a resource that ends so.
async fn mended(stage: &Stage, action: &str, ends_with: &str) -> Result<()> {
    let looked = async || {
        let decisions = stage.cloud.iam_decisions().await?;
        let is_done = decisions.iter().any(|decision| {
            decision.action == action
                && decision.is_allowed
                && decision.resource.ends_with(ends_with)
                && decision.principal.contains("ProvisionRole")
        });
        Ok(is_done.then_some(()))
    };
    stage.wait(&format!("`{action}` of the monitoring"), MEND_WAIT, looked).await
}

/// Plays scenarios one after another, and returns what did not end as promised.
pub async fn of_all(stage: &Stage, scenarios: impl IntoIterator<Item = Scenario>) -> Vec<String> {
    let mut problems = Vec::new();
    for scenario in scenarios {
        let report = scenario.play(stage).await;
        if !report.ok {
            let (name, expected, observed) = (scenario.name, report.expected, report.observed);
            problems.push(format!("{name}: expected `{expected}`, observed `{observed}`: {}", report.problems.join("; ")));
        }
    }
    problems
}

/// Returns the proof over whatever is deployed on a stage and was played there.
///
/// # Errors
///
/// Fails when roles or decisions cannot be read.
pub async fn proof_of(stage: &Stage) -> Result<Proof> {
    let decisions = stage.cloud.iam_decisions().await?;
    Ok(Proof::of(roles_of(&stage.endpoint.root_config()).await?, &decisions, &stage.cloud.calls()))
}

/// A drill that the guard does not answer: it takes its key back itself, and says that a path was missed.
async fn drill_without_the_guard(stage: &Stage) -> Result<Vec<String>> {
    let lambda = aws_sdk_lambda::Client::new(&stage.endpoint.root_config());
    let function = stage.drill().await?.named("RehearseFunctionName")?.to_owned();
    configure(&lambda, &function, "REPRIEVE_DRILL_GUARD_DEADLINE_SECONDS", "10").await?;
    let guard = stage.outputs.named("EventFunctionName")?;
    let sources = lambda.list_event_source_mappings().function_name(guard).send().await.context("the guard's queue is not known")?;
    let source = sources.event_source_mappings().first().and_then(|source| source.uuid()).context("no queue feeds the guard")?;
    let switched = |on: bool| lambda.update_event_source_mapping().uuid(source).enabled(on).send();
    switched(false).await.context("the guard cannot be made deaf")?;
    let since = stage.cloud.calls().len();
    stage.cloud.settle_alarms(None).await?;
    let invoked = stage.invoke(&function, &scheduled("drill")).await;
    switched(true).await.context("the guard cannot be made to hear again")?;
    let answer = invoked?;
    let calls = stage.cloud.calls().split_off(since);
    let brought_back = |operation: &str| {
        calls.iter().any(|call| call.operation == operation && call.caller.contains("RehearseRole") && call.status == 200)
    };
    let missing = ["CancelKeyDeletion", "EnableKey"].into_iter().filter(|operation| !brought_back(operation));
    Ok(missing.map(|operation| format!("a drill without the guard did not call {operation}; it answered {answer}")).collect())
}

async fn configure(lambda: &aws_sdk_lambda::Client, function: &str, name: &str, value: &str) -> Result<()> {
    let known = lambda.get_function_configuration().function_name(function).send().await;
    let known = known.with_context(|| format!("the configuration of `{function}` cannot be read"))?;
    let mut variables = known.environment().and_then(|environment| environment.variables()).cloned().unwrap_or_default();
    let old = variables.get_mut(name).with_context(|| format!("`{function}` has no variable `{name}`"))?;
    value.clone_into(old);
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let call = lambda.update_function_configuration().function_name(function).environment(environment);
    call.send().await.with_context(|| format!("`{function}` cannot be configured"))?;
    Ok(())
}

/// Lets every schedule fire once, and waits until IAM was asked whether it may start its function.
async fn fire_schedules(stage: &Stage) -> Result<()> {
    let stacks = aws_sdk_cloudformation::Client::new(&stage.endpoint.root_config());
    for (stack, template) in STACKS {
        let Ok(described) = stacks.describe_stack_resources().stack_name(stack).send().await else { continue };
        let schedules = described.stack_resources().iter().filter(|resource| resource.resource_type() == Some("AWS::Scheduler::Schedule"));
        for schedule in schedules.filter_map(|resource| resource.physical_resource_id()) {
            // CloudFormation may name it by its ARN.
            let name = schedule.rsplit('/').next().unwrap_or(schedule);
            stage.cloud.fire_schedule(name).await.with_context(|| format!("the schedule of `{template}`"))?;
        }
    }
    let give_up_at = tokio::time::Instant::now() + SCHEDULE_WAIT;
    let deployed = roles_of(&stage.endpoint.root_config()).await?;
    let schedulers: Vec<&str> = deployed.iter().filter(|role| role.id == "SchedulerRole").map(|role| role.name.as_str()).collect();
    loop {
        let decisions = stage.cloud.iam_decisions().await?;
        let waiting: Vec<&&str> = schedulers.iter().filter(|role| !decisions.iter().any(|decision| decision.role() == **role)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > give_up_at {
            bail!("these schedules fired, and nothing was asked of IAM: {waiting:?}");
        }
        sleep(Duration::from_millis(200)).await;
    }
}
