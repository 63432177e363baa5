//! What the function that replays an archive of logs is configured with. Which logs, and by which rules, is told with each run.

use reprieve_core::Region;
use tracing_subscriber::filter::Targets;

use super::ConfigurationError;
use super::reader::{Reader, endpoint, text_of};
use crate::environment::{AWS_ENDPOINT_URL, AWS_REGION, LOG, REPLAY_BUCKET};
use crate::telemetry;

/// What the function that replays an archive of logs is configured with.
#[derive(Debug, Clone)]
pub struct ReplayConfiguration {
    /// The bucket of parts and answers.
    pub results_bucket: String,
    /// What is logged.
    pub log: Targets,
    /// The Region.
    pub region: Region,
    /// A local cloud's address, in place of AWS.
    pub endpoint_url: Option<String>,
}

impl ReplayConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let results_bucket = reader.read(REPLAY_BUCKET, text_of(3..=63));
        let log = reader.read(LOG, telemetry::parse_filter);
        let region = reader.read(AWS_REGION, |text| Region::parse(text).map_err(|error| error.to_string()));
        let endpoint_url = reader.read(AWS_ENDPOINT_URL, endpoint);
        let assembled = || Some(Self { results_bucket: results_bucket?, log: log?, region: region?, endpoint_url: endpoint_url? });
        reader.finish(assembled())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn parse(variables: &[(&'static str, &'static str)]) -> Result<ReplayConfiguration, ConfigurationError> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        ReplayConfiguration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn nothing_is_asked_for_but_a_bucket_and_what_lambda_sets() {
        let read = parse(&[("REPRIEVE_REPLAY_BUCKET", "reprieve-replays"), ("AWS_REGION", "eu-central-1")]).unwrap();
        assert_eq!((read.results_bucket.as_str(), read.region.as_str(), read.endpoint_url), ("reprieve-replays", "eu-central-1", None));
    }

    #[test]
    fn every_wrong_variable_is_named_at_once() {
        let error = parse(&[("REPRIEVE_REPLAY_BUCKET", "x"), ("AWS_REGION", "nowhere!")]).unwrap_err();
        let names: Vec<&str> = error.wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["REPRIEVE_REPLAY_BUCKET", "AWS_REGION"]);
    }
}
