//! What is taken for granted of the account's monitoring: what the deployed functions are configured with, as `infra/aws/monitoring.yaml`
//! and `infra/aws/guard.yaml` give it to them, else the defaults of those.
//!
//! Where a value is none that the function itself would take, the default stands: the function does not start with it, and what it
//! made before is judged all the same.

use std::collections::HashMap;

use reprieve_core::monitoring::desired::{MINIMUM_RETENTION_DAYS, bucket_and_prefix};
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, CisVersion, Desired, PatternMode, TopicWish, TrailWish};

/// The function that keeps the monitoring alone has it.
const LOG_GROUP: &str = "REPRIEVE_TRAIL_LOG_GROUP";
const NOTICE_TOPIC: &str = "REPRIEVE_NOTICE_TOPIC_ARN";

/// What is taken for granted of the account's monitoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The version of the benchmark that names the controls.
    pub version: CisVersion,
    /// When a filter serves a control.
    pub mode: PatternMode,
    /// The trail that may be mended, or made.
    pub trail: TrailWish,
    /// The log group that it feeds.
    pub log_group: String,
    /// The namespace of the filters' metrics.
    pub namespace: String,
    /// The ARN of the topic that alarms publish to, where it is known.
    pub topic: Option<String>,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            version: CisVersion::V5_0,
            mode: PatternMode::ByMatching,
            trail: TrailWish { name: "reprieve".to_owned(), bucket: None, prefix: None, key_arn: None, log_role_arn: None },
            log_group: "/reprieve/cloudtrail".to_owned(),
            namespace: "ReprieveMonitoring".to_owned(),
            topic: None,
        }
    }
}

impl Expectation {
    /// Takes over what functions are configured with: that which keeps the monitoring, and, where there is none, the topic of a guard.
    pub(super) fn deployed(self, environments: &[HashMap<String, String>]) -> Self {
        let keeper = environments.iter().find(|variables| variables.contains_key(LOG_GROUP));
        let guard = environments.iter().find(|variables| super::functions::is_of_guard(variables));
        let topic = [keeper, guard].into_iter().flatten().find_map(|variables| text(variables, NOTICE_TOPIC));
        let configured = match keeper {
            Some(variables) => self.configured(variables),
            None => self,
        };
        Self { topic: topic.or(configured.topic), ..configured }
    }

    fn configured(self, variables: &HashMap<String, String>) -> Self {
        let version = text(variables, "REPRIEVE_CIS_VERSION").and_then(|version| CisVersion::parse(&version).ok());
        let mode = text(variables, "REPRIEVE_PATTERN_MODE").and_then(|mode| PatternMode::parse(&mode).ok());
        let (bucket, prefix) = match text(variables, "REPRIEVE_TRAIL_BUCKET") {
            Some(named) => bucket_and_prefix(Some(&named)),
            None => (self.trail.bucket, self.trail.prefix),
        };
        let trail = TrailWish {
            name: text(variables, "REPRIEVE_TRAIL_NAME").unwrap_or(self.trail.name),
            bucket,
            prefix,
            key_arn: text(variables, "REPRIEVE_TRAIL_KEY_ARN").or(self.trail.key_arn),
            log_role_arn: text(variables, "REPRIEVE_TRAIL_LOG_ROLE_ARN").or(self.trail.log_role_arn),
        };
        Self {
            version: version.unwrap_or(self.version),
            mode: mode.unwrap_or(self.mode),
            trail,
            log_group: text(variables, LOG_GROUP).unwrap_or(self.log_group),
            namespace: text(variables, "REPRIEVE_FILTER_NAMESPACE").unwrap_or(self.namespace),
            topic: self.topic,
        }
    }

    /// Returns what a plan is made for. Event rules and subscribers are not asked for: coverage judges those that there are.
    pub(super) fn desired(&self, place: &Place) -> Desired {
        Desired {
            place: place.clone(),
            baseline: Baseline::of(self.version, self.mode, false),
            trail: self.trail.clone(),
            log_group: self.log_group.clone(),
            retention_days: MINIMUM_RETENTION_DAYS,
            topic: TopicWish { arn: self.topic.clone().unwrap_or_else(|| place.arn("sns", "reprieve")), subscribers: Vec::new() },
            namespace: self.namespace.clone(),
            rules: Vec::new(),
        }
    }
}

fn text(variables: &HashMap<String, String>, name: &str) -> Option<String> {
    variables.get(name).filter(|value| !value.is_empty()).cloned()
}

#[cfg(test)]
#[path = "expectation_tests.rs"]
mod tests;
