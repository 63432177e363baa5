//! What functions are configured with whatever they do: mode, evidence, people, metrics, log, place.

use reprieve_core::{Mode, Region};
use tracing_subscriber::filter::Targets;

use super::reader::{Reader, arn_of, endpoint, mode, number_in, parameter_name, text_of};
use crate::environment::{
    AUDIT_BUCKET, AUDIT_RETENTION_DAYS, AWS_ENDPOINT_URL, AWS_REGION, LOG, METRICS_NAMESPACE, MODE, NOTICE_TOPIC_ARN, WEBHOOK_PARAMETER,
};
use crate::telemetry;

/// What a function is configured with that changes nothing: evidence, people, metrics, log, place.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The audit bucket.
    pub audit_bucket: String,
    /// How long a record is locked, in days.
    pub audit_retention_days: u32,
    /// The ARN of the notice topic.
    pub notice_topic_arn: String,
    /// The parameter with the webhooks that hear notices too.
    pub webhook_parameter: Option<String>,
    /// The CloudWatch namespace.
    pub metrics_namespace: String,
    /// What is logged.
    pub log: Targets,
    /// The Region.
    pub region: Region,
    /// A local cloud's address, in place of AWS.
    pub endpoint_url: Option<String>,
}

impl Surroundings {
    pub(super) fn read(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let audit_bucket = reader.read(AUDIT_BUCKET, text_of(3..=63));
        let audit_retention_days = reader.read(AUDIT_RETENTION_DAYS, number_in(1..=36_500));
        let notice_topic_arn = reader.read(NOTICE_TOPIC_ARN, arn_of("sns"));
        let webhook_parameter = reader.read(WEBHOOK_PARAMETER, parameter_name);
        let metrics_namespace = reader.read(METRICS_NAMESPACE, text_of(1..=255));
        let log = reader.read(LOG, telemetry::parse_filter);
        let region = reader.read(AWS_REGION, |text| Region::parse(text).map_err(|error| error.to_string()));
        let endpoint_url = reader.read(AWS_ENDPOINT_URL, endpoint);
        Some(Self {
            audit_bucket: audit_bucket?,
            audit_retention_days: audit_retention_days?,
            notice_topic_arn: notice_topic_arn?,
            webhook_parameter: webhook_parameter?,
            metrics_namespace: metrics_namespace?,
            log: log?,
            region: region?,
            endpoint_url: endpoint_url?,
        })
    }
}

/// What every function is configured with that changes something.
#[derive(Debug, Clone)]
pub struct Basics {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// Evidence, people, metrics, log, place.
    pub surroundings: Surroundings,
}

impl Basics {
    pub(super) fn read(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let mode = reader.read(MODE, mode);
        let surroundings = Surroundings::read(reader);
        Some(Self { mode: mode?, surroundings: surroundings? })
    }
}
