//! The Lambda function that records what a trail wrote, and seals the evidence. Fed by S3 and CloudTrail through SQS, and by EventBridge
//! Scheduler for the seal. One zip, deployed twice: the function that reads files of others has no right to sign.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

mod file;
mod handler;
mod port;

use std::process::ExitCode;

use handler::{Recording, Service};
use lambda_runtime::{LambdaEvent, service_fn};
use reprieve_archive::ArchiveSink;
use reprieve_aws::{AwsNoticeSink, SinkSettings, connect_sinks, credentials};
use reprieve_aws_evidence::{KmsSealSigner, S3BaselineStore, S3EvidenceStore, S3LogSource, evidence_s3_client};
use reprieve_engine::{Recorder, RecordingPorts, RecordingSettings, Sealer, SealerSettings, SystemClock};
use reprieve_evidence::seal::SealKeys;
use reprieve_runtime::{EmfMeter, Invoked, RecordingConfiguration, telemetry};
use serde_json::Value;

/// The function on AWS.
type AwsService = Service<
    S3LogSource,
    ArchiveSink<S3EvidenceStore>,
    S3BaselineStore,
    AwsNoticeSink,
    SystemClock,
    EmfMeter,
    S3EvidenceStore,
    KmsSealSigner,
>;

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
    let RecordingConfiguration { surroundings, seal_key, former_seal_keys, tell_from } = RecordingConfiguration::parse(&lookup)?;
    telemetry::start(surroundings.log);
    let former_keys = SealKeys::parse_former(&former_seal_keys)?;
    let (bucket, days) = (surroundings.audit_bucket, surroundings.audit_retention_days);
    let sinks = connect_sinks(&SinkSettings {
        region: surroundings.region,
        credentials: credentials(&lookup)?,
        endpoint_url: surroundings.endpoint_url,
        audit_bucket: bucket.clone(),
        retention_days: days,
        topic_arn: surroundings.notice_topic_arn,
        webhook_parameter: surroundings.webhook_parameter,
    })?;
    let s3 = evidence_s3_client(&sinks.config);
    let store = S3EvidenceStore::new(s3.clone(), &bucket, days, sinks.clock);
    let meter = EmfMeter::new(surroundings.metrics_namespace);
    let archive = format!("arn:{}:s3:::{bucket}", seal_key.partition());
    Ok(Service {
        recording: Recording {
            source: S3LogSource::new(s3.clone()),
            recorder: Recorder {
                ports: RecordingPorts {
                    evidence: ArchiveSink::new(store.clone()),
                    baseline: S3BaselineStore::new(s3, &bucket, sinks.clock),
                    notices: sinks.notices,
                    clock: sinks.clock,
                    meter: meter.clone(),
                },
                settings: RecordingSettings { tell_from, ..RecordingSettings::default() },
            },
        },
        sealer: Sealer::new(
            store,
            KmsSealSigner::new(&sinks.config, seal_key.as_str()),
            sinks.clock,
            SealerSettings { former_keys, ..SealerSettings::of(archive) },
        ),
        clock: sinks.clock,
        meter,
    })
}
