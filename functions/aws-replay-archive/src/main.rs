//! The Lambda function that replays an archive: estimates what a run would read, reads its share of the log files, or merges what others
//! read. Started by a state machine of Step Functions, `infra/aws/replay.yaml`. One zip, deployed twice: what reads logs cannot be told
//! to write an answer, and what writes the answer cannot read logs.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

mod estimate;
mod failure;
mod handler;
mod map;
mod part_name;
mod port;
mod queue;
mod reduce;
mod task;
#[cfg(test)]
mod template_tests;

use std::process::ExitCode;

use handler::Service;
use lambda_runtime::{LambdaEvent, service_fn};
use reprieve_aws::{connect_config, credentials};
use reprieve_aws_evidence::{LogArchive, S3ReplayResults, evidence_s3_client};
use reprieve_engine::SystemClock;
use reprieve_runtime::{Invoked, ReplayConfiguration, telemetry};
use serde_json::Value;

/// The function on AWS.
type AwsService = Service<LogArchive, S3ReplayResults, SystemClock>;

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
            Box::pin(service.answer(payload, &invoked)).await.inspect_err(|error| tracing::error!(%error, "the invocation failed"))
        }
    }))
    .await
}

/// Reads the configuration and makes the clients.
fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<AwsService, lambda_runtime::Error> {
    let ReplayConfiguration { results_bucket, log, region, endpoint_url } = ReplayConfiguration::parse(&lookup)?;
    telemetry::start(log);
    let config = connect_config(&region, &credentials(&lookup)?, endpoint_url.as_deref())?;
    let s3 = evidence_s3_client(&config);
    Ok(Service { logs: LogArchive::new(s3.clone()), results: S3ReplayResults::new(s3, results_bucket), clock: SystemClock })
}
