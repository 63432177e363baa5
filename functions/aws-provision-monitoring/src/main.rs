//! The Lambda function that provisions the monitoring and heals it on drift. Invoked by CloudFormation at deployment, by EventBridge
//! through SQS when somebody changes what it watches over, and by a schedule.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

mod custom_resource;
mod handler;
mod responses;

use std::process::ExitCode;
use std::time::Duration;

use handler::Service;
use lambda_runtime::{LambdaEvent, service_fn};
use reprieve_aws::{AwsNoticeSink, S3AuditSink, SinkSettings, connect_sinks, credentials};
use reprieve_aws_monitoring::AwsMonitoringControl;
use reprieve_engine::{MonitoringPorts, MonitoringSettings, Provisioner, SystemClock};
use reprieve_runtime::{Basics, EmfMeter, Invoked, MonitoringConfiguration, telemetry};
use responses::AwsResponses;
use serde_json::Value;

/// The service on AWS.
type AwsService = Service<AwsMonitoringControl, S3AuditSink, AwsNoticeSink, SystemClock, EmfMeter, AwsResponses>;

/// How long one change is tried again inside one invocation.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::exit_code(run(|name| std::env::var(name).ok()).await)
}

async fn run(lookup: impl Fn(&str) -> Option<String>) -> Result<(), lambda_runtime::Error> {
    let service = start(lookup)?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let service = &service;
        async move {
            let LambdaEvent { payload, context, .. } = event;
            let invoked = Invoked::new(&context.request_id, context.deadline);
            Box::pin(service.answer(&payload, &invoked)).await.inspect_err(|error| tracing::error!(error, "the invocation failed"))
        }
    }))
    .await
}

/// Reads the configuration and makes the clients.
fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<AwsService, lambda_runtime::Error> {
    let MonitoringConfiguration { basics, function_role, desired } = MonitoringConfiguration::parse(&lookup)?;
    let Basics { mode, surroundings } = basics;
    telemetry::start(surroundings.log);
    let is_local = surroundings.endpoint_url.is_some();
    let sinks = connect_sinks(&SinkSettings {
        region: surroundings.region,
        credentials: credentials(&lookup)?,
        endpoint_url: surroundings.endpoint_url,
        audit_bucket: surroundings.audit_bucket,
        retention_days: surroundings.audit_retention_days,
        topic_arn: surroundings.notice_topic_arn,
        webhook_parameter: surroundings.webhook_parameter,
    })?;
    Ok(Service {
        responses: AwsResponses::new(sinks.responses, desired.place.partition.clone(), is_local),
        provisioner: Provisioner {
            ports: MonitoringPorts {
                control: AwsMonitoringControl::new(&sinks.config, desired.place.clone()),
                audit: sinks.audit,
                notices: sinks.notices,
                clock: sinks.clock,
                meter: EmfMeter::new(surroundings.metrics_namespace),
            },
            settings: MonitoringSettings { mode, desired, own_role: Some(function_role), patience: PATIENCE },
        },
    })
}
