//! The monitoring on the stage: `infra/aws/monitoring.yaml` and `drill.yaml` as they ship, and clients to look at each part and to
//! tear it down.
//!
//! It is deployed by whoever needs it first: the scenarios about keys do without.

use anyhow::{Context as _, Result};
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use reprieve_core::coverage::{KeyReport, Report};
use reprieve_core::monitoring::{DriftRule, MonitoringPlan};
use serde_json::{Value, json};

use super::Stage;
use super::package;
use super::stack::{self, Outputs};

/// Who hears of alarms: by e-mail, once confirmed.
pub const SUBSCRIBER: &str = "security@example.com";

/// The log group that the trail feeds.
pub const LOG_GROUP: &str = "/reprieve/cloudtrail";

/// The trail.
pub const TRAIL: &str = "reprieve";

/// The filter, metric and alarm of CIS control .7: disabling and scheduled deletion of customer-managed keys.
pub const KEY_CONTROL: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";

/// Returns the name of an event rule that tells the monitoring of drift.
#[must_use]
pub fn drift_rule(rule: DriftRule) -> String {
    format!("{}-{rule}-drift", stack::MONITORING_STACK)
}

/// The deployed monitoring.
#[derive(Debug)]
pub struct Monitoring {
    /// What `monitoring.yaml` says of itself.
    pub outputs: Outputs,
    /// The services in the name of whoever looks at the results.
    pub looker: Services,
    /// The services in the attacker's name.
    pub attacker: Services,
}

/// The services that the monitoring is made of, in one name.
#[derive(Debug, Clone)]
pub struct Services {
    /// CloudTrail.
    pub trails: aws_sdk_cloudtrail::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// CloudWatch.
    pub alarms: aws_sdk_cloudwatch::Client,
    /// SNS.
    pub topics: aws_sdk_sns::Client,
    /// EventBridge.
    pub rules: aws_sdk_eventbridge::Client,
}

impl Services {
    /// Makes the clients.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Self {
        Self {
            trails: aws_sdk_cloudtrail::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            alarms: aws_sdk_cloudwatch::Client::new(config),
            topics: aws_sdk_sns::Client::new(config),
            rules: aws_sdk_eventbridge::Client::new(config),
        }
    }
}

impl Stage {
    /// Returns the monitoring; the first who asks deploys it, and confirms the subscription as its owner would.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be deployed.
    pub async fn monitoring(&self) -> Result<&Monitoring> {
        self.monitoring.get_or_try_init(|| self.deploy_monitoring()).await
    }

    /// Returns the drill's stack; the first who asks deploys it, and the monitoring before it.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be deployed.
    pub async fn drill(&self) -> Result<&Outputs> {
        self.monitoring().await?;
        self.drill.get_or_try_init(|| self.deploy_drill()).await
    }

    /// Returns the monitoring's plan, as `reprieve monitoring plan --json` of a platform engineer says it.
    ///
    /// # Errors
    ///
    /// Fails when the command does.
    pub async fn monitoring_plan(&self) -> Result<MonitoringPlan> {
        let named = |name: &str| self.outputs.named(name);
        let subscriber = format!("email={SUBSCRIBER}");
        let role = format!("arn:aws:iam::{}:role/reprieve-trail-logs", self.cloud.account());
        // Before the stack stands, any name will do.
        let bucket = self.monitoring.get().map_or(Ok("reprieve-trail"), |monitoring| monitoring.outputs.named("TrailBucketName"))?;
        let rules = format!(
            "key-api-calls={},key-service-events={},key-native-events={},region-opt-out={}",
            named("KeyApiCallRuleName")?,
            named("KeyServiceEventRuleName")?,
            named("KeyNativeEventRuleName")?,
            named("RegionOptOutRuleName")?
        );
        let wishes = [
            ("--topic", named("NoticeTopicArn")?),
            ("--subscribers", &subscriber),
            ("--trail-bucket", bucket),
            ("--trail-log-role", &role),
            ("--guard-rules", &rules),
            ("--guard-queue", named("QueueArn")?),
            ("--guard-dead-letters", named("DeadLetterQueueArn")?),
        ];
        let arguments: Vec<&str> =
            ["monitoring", "plan", "--json"].into_iter().chain(wishes.into_iter().flat_map(|(option, value)| [option, value])).collect();
        let said = self.desk.run(&self.people.pat, &arguments).await?;
        anyhow::ensure!(matches!(said.code, 0 | 3), "`reprieve monitoring plan` ended with {}: {}", said.code, said.errors);
        serde_json::from_str(&said.out).context("`reprieve monitoring plan --json` printed no JSON")
    }

    /// Returns what `reprieve coverage --json` of a platform engineer says of a key.
    ///
    /// # Errors
    ///
    /// Fails when the command does, or does not know the key.
    pub async fn coverage_of(&self, key: &str) -> Result<KeyReport> {
        let said = self.desk.run(&self.people.pat, &["coverage", "--json"]).await?;
        anyhow::ensure!(matches!(said.code, 0 | 3), "`reprieve coverage` ended with {}: {}", said.code, said.errors);
        let report: Report = serde_json::from_str(&said.out).context("`reprieve coverage --json` printed no report")?;
        let mut keys = report.regions.into_iter().flat_map(|region| region.keys);
        keys.find(|found| found.arn.as_str() == key).with_context(|| format!("the report knows no `{key}`"))
    }

    /// Deletes the stack of the monitoring, as whoever gives it up does.
    ///
    /// # Errors
    ///
    /// Fails when the stack cannot be deleted.
    pub async fn delete_monitoring(&self) -> Result<()> {
        stack::delete_monitoring(&self.endpoint.root_config()).await
    }

    /// Confirms the e-mail subscription, as its owner does by following the link.
    ///
    /// # Errors
    ///
    /// Fails when nothing waits to be confirmed.
    pub async fn confirm_subscriber(&self) -> Result<()> {
        self.cloud.confirm_subscription(self.outputs.named("NoticeTopicArn")?, SUBSCRIBER).await?;
        Ok(())
    }

    /// Invokes one of the functions with a payload, and returns its answer.
    ///
    /// # Errors
    ///
    /// Fails when the function does.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value> {
        let call = self.lambda.invoke().function_name(function).payload(serde_json::to_vec(payload)?.into());
        let answer = call.send().await.with_context(|| format!("`{function}` cannot be invoked"))?;
        let text = answer.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned()).unwrap_or_default();
        if let Some(kind) = answer.function_error() {
            anyhow::bail!("`{function}` failed ({kind}): {text}\n{}", self.function_log(function));
        }
        serde_json::from_str(&text).with_context(|| format!("`{function}` answered no JSON: {text}"))
    }

    async fn deploy_monitoring(&self) -> Result<Monitoring> {
        let root = self.endpoint.root_config();
        let code = self.upload("aws-provision-monitoring").await?;
        let named = |name: &str| self.outputs.named(name);
        let subscribers = format!("email={SUBSCRIBER}");
        let parameters = [
            ("CodeBucket", super::CODE.0),
            ("CodeKey", &code),
            ("Mode", "enforce"),
            ("Architecture", stack::ARCHITECTURE),
            ("AuditBucket", named("AuditBucketName")?),
            ("AuditRetentionDays", named("AuditRetentionDays")?),
            ("NoticeTopicArn", named("NoticeTopicArn")?),
            ("QueueArn", named("QueueArn")?),
            ("DeadLetterQueueArn", named("DeadLetterQueueArn")?),
            ("KeyApiCallRuleName", named("KeyApiCallRuleName")?),
            ("KeyServiceEventRuleName", named("KeyServiceEventRuleName")?),
            ("KeyNativeEventRuleName", named("KeyNativeEventRuleName")?),
            ("RegionOptOutRuleName", named("RegionOptOutRuleName")?),
            ("EventFunctionName", named("EventFunctionName")?),
            ("SweepFunctionName", named("SweepFunctionName")?),
            ("Subscribers", &subscribers),
        ];
        let outputs = stack::deploy_monitoring(&root, &parameters).await?;
        let administrator = self.people.mallory_as_administrator.credentials.clone();
        Ok(Monitoring {
            outputs,
            looker: Services::of(&root),
            attacker: Services::of(&self.endpoint.config(administrator, &self.endpoint.region)),
        })
    }

    async fn deploy_drill(&self) -> Result<Outputs> {
        let code = self.upload("aws-rehearse-incident").await?;
        let named = |name: &str| self.outputs.named(name);
        let parameters = [
            ("CodeBucket", super::CODE.0),
            ("CodeKey", &code),
            ("Mode", "enforce"),
            ("Architecture", stack::ARCHITECTURE),
            ("AuditBucket", named("AuditBucketName")?),
            ("AuditRetentionDays", named("AuditRetentionDays")?),
            ("NoticeTopicArn", named("NoticeTopicArn")?),
            ("LedgerTable", named("LedgerTableName")?),
            ("DrillAlarm", KEY_CONTROL),
        ];
        stack::deploy_drill(&self.endpoint.root_config(), &parameters).await
    }

    /// Packs and uploads the binary of a function; returns the object's name.
    pub(super) async fn upload(&self, function: &str) -> Result<String> {
        let code = package::package(&package::find_beside(function, function)?)?;
        let object = format!("{function}.zip");
        let put = self.s3.put_object().bucket(super::CODE.0).key(&object).body(ByteStream::from(code));
        put.send().await.with_context(|| format!("`{function}` cannot be uploaded"))?;
        Ok(object)
    }
}

/// What EventBridge Scheduler hands to a function.
#[must_use]
pub fn scheduled(task: &str) -> Value {
    json!({ "task": task })
}
