//! Deploys CloudFormation templates, and makes up for what the emulator's CloudFormation leaves out.
//!
//! The guard's template is deployed as it is shipped. The emulator accepts it whole but drops five properties silently; those are set
//! by the API calls that CloudFormation would make. On AWS nothing of the kind is needed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, TimeToLiveSpecification};
use aws_sdk_s3::types::{DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::SdkConfig;
use tokio::time::{Instant, sleep};

use super::people::{BREAK_GLASS_ROLE, CHANGE_MANAGER_ROLE};

/// The template, as it is shipped.
const GUARD_TEMPLATE: &str = include_str!("../../../../infra/aws/guard.yaml");

/// The template of an approval key, as it is shipped.
const APPROVAL_KEY_TEMPLATE: &str = include_str!("../../../../infra/aws/approval-key.yaml");

/// The template of the monitoring, as it is shipped.
const MONITORING_TEMPLATE: &str = include_str!("../../../../infra/aws/monitoring.yaml");

/// The stack of the monitoring, after which its event rules are named.
pub(super) const MONITORING_STACK: &str = "reprieve-monitoring";

/// The template of the drill, as it is shipped.
const DRILL_TEMPLATE: &str = include_str!("../../../../infra/aws/drill.yaml");

/// The processor that the programs here were built for, in Lambda's word.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// The template of the evidence, as it is shipped.
const EVIDENCE_TEMPLATE: &str = include_str!("../../../../infra/aws/evidence.yaml");

/// The template of the replay, as it is shipped.
const REPLAY_TEMPLATE: &str = include_str!("../../../../infra/aws/replay.yaml");

const PEOPLE_TEMPLATE: &str = include_str!("people.yaml");

/// How long a stack may take.
const STACK_WAIT: Duration = Duration::from_mins(1);

/// How long a message stays hidden after it was received, in seconds. The template says six times the function's time limit, as AWS
/// asks; that would make each retry last longer than the whole demo. It must be longer than a batch takes at its worst, which is when
/// KMS throttles a step until the guard's patience ends.
const RETRY_SECONDS: u32 = 15;

/// What the guard's stack says of itself; see `Outputs` in the template.
#[derive(Debug, Clone)]
pub struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Returns an output of the stack.
    ///
    /// # Errors
    ///
    /// Fails when the template has no such output.
    pub fn named(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("the guard's template has no output `{name}`"))
    }
}

/// Makes the roles of the people.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_people(config: &SdkConfig) -> Result<()> {
    deploy(config, "company", PEOPLE_TEMPLATE, &[]).await.map(drop)
}

/// Deploys a key that seals approvals, for one group of approvers.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_approval_key(config: &SdkConfig, stack: &str, approver_role: &str, alias: &str) -> Result<Outputs> {
    deploy(config, stack, APPROVAL_KEY_TEMPLATE, &[("ApproverRoles", approver_role), ("AliasName", alias)]).await
}

/// What is chosen for the guard.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    /// Bucket and object of the zip.
    pub code: (&'a str, &'a str),
    /// `enforce` or `observe`.
    pub mode: &'a str,
    /// The public keys that seal approvals.
    pub approval_keys: &'a str,
    /// The name of the parameter that holds policies; empty for none.
    pub policy_parameter: &'a str,
    /// The ARNs of the Change Calendars; empty for none.
    pub calendars: &'a str,
    /// The account in which the roles are.
    pub account: &'a str,
}

/// Hours that a broken glass lets pass on the stage.
pub const BREAK_GLASS_HOURS: u32 = 8;

/// Deploys the guard.
///
/// # Errors
///
/// Fails when the stack does, or when something that the emulator dropped cannot be set.
pub async fn deploy_guard(config: &SdkConfig, choices: &Choices<'_>) -> Result<Outputs> {
    let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", choices.account);
    let (approver, break_glass, hours) = (role(CHANGE_MANAGER_ROLE), role(BREAK_GLASS_ROLE), BREAK_GLASS_HOURS.to_string());
    let parameters = [
        ("CodeBucket", choices.code.0),
        ("CodeKey", choices.code.1),
        ("Mode", choices.mode),
        ("Architecture", ARCHITECTURE),
        ("ApprovalKeys", choices.approval_keys),
        ("ApproverRoles", &approver),
        ("BreakGlassRoles", &break_glass),
        ("BreakGlassHours", &hours),
        ("PolicyParameter", choices.policy_parameter),
        ("ChangeCalendars", choices.calendars),
        ("NoticeEmail", "security@example.com"),
    ];
    let outputs = deploy(config, "reprieve", GUARD_TEMPLATE, &parameters).await?;
    set_what_was_dropped(config, &outputs).await?;
    Ok(outputs)
}

/// Deploys the monitoring, which provisions what it watches with before the stack is complete.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_monitoring(config: &SdkConfig, parameters: &[(&str, &str)]) -> Result<Outputs> {
    deploy(config, MONITORING_STACK, MONITORING_TEMPLATE, parameters).await
}

/// Deletes the stack of the monitoring and waits until it is gone.
///
/// # Errors
///
/// Fails when it cannot be deleted.
pub async fn delete_monitoring(config: &SdkConfig) -> Result<()> {
    let client = aws_sdk_cloudformation::Client::new(config);
    client.delete_stack().stack_name(MONITORING_STACK).send().await.context("the stack of the monitoring cannot be deleted")?;
    let give_up_at = Instant::now() + STACK_WAIT;
    loop {
        let described = client.describe_stacks().stack_name(MONITORING_STACK).send().await;
        let status = described.as_ref().ok().and_then(|described| described.stacks().first()?.stack_status()).map(StackStatus::as_str);
        match status {
            None | Some("DELETE_COMPLETE") => return Ok(()),
            Some("DELETE_FAILED") => bail!("{}", why_it_failed(&client, MONITORING_STACK, None).await),
            Some(_) if Instant::now() < give_up_at => sleep(Duration::from_millis(50)).await,
            Some(status) => bail!("the stack of the monitoring is still {status}"),
        }
    }
}

/// Deploys the drill.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_drill(config: &SdkConfig, parameters: &[(&str, &str)]) -> Result<Outputs> {
    deploy(config, "reprieve-drill", DRILL_TEMPLATE, parameters).await
}

/// Deploys the evidence.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_evidence(config: &SdkConfig, parameters: &[(&str, &str)]) -> Result<Outputs> {
    deploy(config, "reprieve-evidence", EVIDENCE_TEMPLATE, parameters).await
}

/// Deploys the replay, which needs no guard.
///
/// # Errors
///
/// Fails when the stack does.
pub async fn deploy_replay(config: &SdkConfig, parameters: &[(&str, &str)]) -> Result<Outputs> {
    deploy(config, "reprieve-replay", REPLAY_TEMPLATE, parameters).await
}

async fn deploy(config: &SdkConfig, name: &str, template: &str, parameters: &[(&str, &str)]) -> Result<Outputs> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let parameters = parameters.iter().map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(*value).build());
    client
        .create_stack()
        .stack_name(name)
        .template_body(template)
        .set_parameters(Some(parameters.collect()))
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityNamedIam)
        .capabilities(Capability::CapabilityAutoExpand)
        .send()
        .await
        .with_context(|| format!("the stack `{name}` was refused"))?;
    let give_up_at = Instant::now() + STACK_WAIT;
    loop {
        let described =
            client.describe_stacks().stack_name(name).send().await.with_context(|| format!("no answer about stack `{name}`"))?;
        let stack = described.stacks().first().with_context(|| format!("the stack `{name}` is gone"))?;
        let status = stack.stack_status().map_or("unknown", |status| status.as_str());
        match status {
            "CREATE_COMPLETE" => {
                let outputs =
                    stack.outputs().iter().filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
                return Ok(Outputs(outputs.collect()));
            }
            "CREATE_IN_PROGRESS" | "REVIEW_IN_PROGRESS" if Instant::now() < give_up_at => sleep(Duration::from_millis(50)).await,
            _ => bail!("the stack `{name}` is {status}: {}", why_it_failed(&client, name, stack.stack_status_reason()).await),
        }
    }
}

async fn why_it_failed(client: &aws_sdk_cloudformation::Client, name: &str, reason: Option<&str>) -> String {
    let Ok(events) = client.describe_stack_events().stack_name(name).send().await else {
        return reason.unwrap_or("no reason was given").to_owned();
    };
    let failed =
        events.stack_events().iter().filter(|event| event.resource_status().is_some_and(|status| status.as_str().ends_with("FAILED")));
    let lines: Vec<String> = failed
        .map(|event| {
            let (resource, why) = (event.logical_resource_id().unwrap_or("?"), event.resource_status_reason().unwrap_or("no reason"));
            format!("`{resource}`: {why}")
        })
        .collect();
    if lines.is_empty() { reason.unwrap_or("no reason was given").to_owned() } else { lines.join("; ") }
}

/// Sets Object Lock, time to live, point-in-time recovery, reserved concurrency; and a retry that comes within the demo.
async fn set_what_was_dropped(config: &SdkConfig, outputs: &Outputs) -> Result<()> {
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build());
    let days = outputs.named("AuditRetentionDays")?.parse().context("the template's retention is no number of days")?;
    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(days).build();
    let lock = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(retention).build())
        .build();
    let bucket = outputs.named("AuditBucketName")?;
    s3.put_object_lock_configuration().bucket(bucket).object_lock_configuration(lock).send().await.context("Object Lock cannot be set")?;

    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let table = outputs.named("LedgerTableName")?;
    let expiry = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build()?;
    dynamodb.update_time_to_live().table_name(table).time_to_live_specification(expiry).send().await.context("TTL cannot be set")?;
    let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build()?;
    let recovery = dynamodb.update_continuous_backups().table_name(table).point_in_time_recovery_specification(recovery);
    recovery.send().await.context("point-in-time recovery cannot be set")?;

    let lambda = aws_sdk_lambda::Client::new(config);
    for (function, executions) in [("EventFunctionName", 2), ("SweepFunctionName", 1)] {
        let reserved = lambda.put_function_concurrency().function_name(outputs.named(function)?).reserved_concurrent_executions(executions);
        reserved.send().await.context("concurrency cannot be reserved")?;
    }

    let queue = aws_sdk_sqs::Client::new(config).set_queue_attributes().queue_url(outputs.named("QueueUrl")?);
    let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, RETRY_SECONDS.to_string());
    queue.send().await.context("the retry of the queue cannot be hastened")?;
    Ok(())
}
