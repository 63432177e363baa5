//! The Lambda function that gives KMS keys back. Fed by EventBridge through SQS, and by EventBridge Scheduler for the sweep.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

mod handler;
mod policies;

use std::process::ExitCode;
use std::time::Duration;

use handler::Answer as _;
use lambda_runtime::{LambdaEvent, service_fn};
use reprieve_aws::{
    AwsCircumstances, AwsNoticeSink, AwsSettings, DEFAULT_LEASE, DynamoLedger, KmsKeyControl, Quotas, S3AuditSink, SsmPolicySource,
    connect, credentials,
};
use reprieve_engine::sweep::DEFAULT_BUDGET;
use reprieve_engine::{Guard, Ports, Settings, SystemClock};
use reprieve_runtime::{Basics, Configuration, EmfMeter, Invoked, telemetry};
use serde_json::Value;

/// The guard on AWS.
type AwsGuard = Guard<KmsKeyControl, DynamoLedger, S3AuditSink, AwsNoticeSink, SystemClock, EmfMeter, AwsCircumstances, SsmPolicySource>;

/// How long a step is tried again inside one invocation, before it is left to the next delivery. Short: whoever waits in a batch holds up
/// events that wait in the queue.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many keys are worked on at the same time.
const CONCURRENCY: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::exit_code(run(|name| std::env::var(name).ok()).await)
}

async fn run(lookup: impl Fn(&str) -> Option<String>) -> Result<(), lambda_runtime::Error> {
    let guard = start(lookup).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let guard = &guard;
        async move {
            let LambdaEvent { payload, context, .. } = event;
            let invoked = Invoked::new(&context.request_id, context.deadline);
            Box::pin(guard.answer(&payload, &invoked)).await.inspect_err(|error| tracing::error!(error, "the invocation failed"))
        }
    }))
    .await
}

/// Reads the configuration, makes the clients and opens their connections, before the first event is asked for.
async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<AwsGuard, lambda_runtime::Error> {
    let configuration = Configuration::parse(&lookup)?;
    let Basics { mode, surroundings } = configuration.basics;
    telemetry::start(surroundings.log);
    let calls = configuration.kms_calls_per_second;
    let settings = AwsSettings {
        region: surroundings.region,
        credentials: credentials(&lookup)?,
        endpoint_url: surroundings.endpoint_url,
        ledger_table: configuration.ledger_table,
        audit_bucket: surroundings.audit_bucket,
        retention_days: surroundings.audit_retention_days,
        topic_arn: surroundings.notice_topic_arn,
        lease: DEFAULT_LEASE,
        quotas: Quotas { cancel_per_second: calls, enable_per_second: calls, ..Quotas::default() },
        policy_parameter: configuration.policy_parameter,
        policy_files: policies::bundled(&configuration.policy_folder),
        change_calendars: configuration.change_calendars,
        webhook_parameter: surroundings.webhook_parameter,
    };
    let clients = connect(&settings)?;
    let opened = clients.warm(&settings).await;
    tracing::debug!(opened, "connections opened ahead");
    let ports = clients.ports(&settings);
    Ok(Guard {
        ports: Ports {
            keys: ports.keys,
            ledger: ports.ledger,
            audit: ports.audit,
            notices: ports.notices,
            clock: ports.clock,
            meter: EmfMeter::new(surroundings.metrics_namespace),
            circumstances: ports.circumstances,
            policies: ports.policies,
        },
        settings: Settings {
            mode,
            domain: configuration.domain,
            rules: configuration.rules,
            owner_tag: configuration.owner_tag,
            patience: PATIENCE,
            concurrency: CONCURRENCY,
            sweep_budget: DEFAULT_BUDGET,
        },
    })
}
