//! The Lambda function that rehearses the loss of a key on a key of its own, and measures what follows. Invoked by EventBridge Scheduler.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

mod handler;

use std::process::ExitCode;
use std::time::Duration;

use handler::Answer as _;
use lambda_runtime::{LambdaEvent, service_fn};
use reprieve_aws::{AwsNoticeSink, KmsKeyControl, Quotas, S3AuditSink, SinkSettings, connect_sinks, credentials};
use reprieve_aws_drill::{DynamoDrillInventory, KmsDrillKey, SqsDrillWatch};
use reprieve_core::drill::{DrillAlias, DrillPlace, Terms};
use reprieve_engine::{Rehearsal, RehearsalPorts, RehearsalSettings, SystemClock};
use reprieve_runtime::{Basics, DrillConfiguration, EmfMeter, Invoked, telemetry};
use serde_json::Value;

/// The drill on AWS.
type AwsRehearsal =
    Rehearsal<KmsKeyControl, KmsDrillKey, DynamoDrillInventory, SqsDrillWatch, S3AuditSink, AwsNoticeSink, SystemClock, EmfMeter>;

/// How long one step of giving the key back is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::exit_code(run(|name| std::env::var(name).ok()).await)
}

async fn run(lookup: impl Fn(&str) -> Option<String>) -> Result<(), lambda_runtime::Error> {
    let rehearsal = start(lookup)?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let rehearsal = &rehearsal;
        async move {
            let LambdaEvent { context, .. } = event;
            let invoked = Invoked::new(&context.request_id, context.deadline);
            Box::pin(rehearsal.answer(&invoked)).await.inspect_err(|error| tracing::error!(error, "the invocation failed"))
        }
    }))
    .await
}

/// Reads the configuration and makes the clients.
fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<AwsRehearsal, lambda_runtime::Error> {
    let configuration = DrillConfiguration::parse(&lookup)?;
    let Basics { mode, surroundings } = configuration.basics;
    telemetry::start(surroundings.log);
    let alias = DrillAlias::parse(&configuration.alias)?;
    let place = DrillPlace { account: configuration.function_role.account(), region: surroundings.region.clone() };
    let sinks = connect_sinks(&SinkSettings {
        region: surroundings.region,
        credentials: credentials(&lookup)?,
        endpoint_url: surroundings.endpoint_url,
        audit_bucket: surroundings.audit_bucket,
        retention_days: surroundings.audit_retention_days,
        topic_arn: surroundings.notice_topic_arn,
        webhook_parameter: surroundings.webhook_parameter,
    })?;
    let terms = Terms {
        guard_deadline_ms: milliseconds(configuration.guard_deadline),
        alarm_deadline_ms: milliseconds(configuration.alarm_deadline),
        hears_people: true,
        alarm: Some(configuration.alarm),
    };
    Ok(Rehearsal {
        ports: RehearsalPorts {
            keys: KmsKeyControl::over(&sinks.config, Quotas::default()),
            drill_key: KmsDrillKey::new(&sinks.config),
            inventory: DynamoDrillInventory::new(&sinks.config, configuration.ledger_table, &alias),
            watch: SqsDrillWatch::new(&sinks.config, configuration.queue_url),
            audit: sinks.audit,
            notices: sinks.notices,
            clock: sinks.clock,
            meter: EmfMeter::new(surroundings.metrics_namespace),
        },
        settings: RehearsalSettings { mode, alias, place, terms, patience: PATIENCE },
    })
}

/// A deadline is minutes.
fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
