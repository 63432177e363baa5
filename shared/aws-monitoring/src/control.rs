//! The port of the loop over these services: one look at everything that a plan needs, and one change at a time. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::SdkConfig;
use futures_util::join;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::{Alarm, LogGroup, Place, Trail};
use reprieve_core::monitoring::{Change, Desired, World};
use reprieve_engine::{CallError, MonitoringControl};

use crate::alarms::Alarms;
use crate::log_groups::LogGroups;
use crate::rules::Rules;
use crate::topics::Topics;
use crate::trails::{Lacking, Listed, NewTrail, Trails};

/// The monitoring of an account, in the Region where it stands, through CloudTrail, CloudWatch, CloudWatch Logs, SNS and EventBridge.
#[derive(Debug, Clone)]
pub struct AwsMonitoringControl {
    pub(crate) place: Place,
    pub(crate) trails: Trails,
    pub(crate) log_groups: LogGroups,
    pub(crate) alarms: Alarms,
    pub(crate) topics: Topics,
    pub(crate) rules: Rules,
}

impl AwsMonitoringControl {
    /// Makes it over a configuration whose Region is that of the place, and whose credentials are of its account. Calls nothing.
    #[must_use]
    pub fn new(config: &SdkConfig, place: Place) -> Self {
        Self {
            trails: Trails::new(config, place.clone()),
            log_groups: LogGroups::new(config, place.clone()),
            alarms: Alarms::new(config, place.clone()),
            topics: Topics::new(config),
            rules: Rules::new(config),
            place,
        }
    }

    /// Looks at the trails, and at the log groups that they feed, and at the one that is asked for.
    async fn trails_and_log_groups(&self, asked_for: &str) -> (Known<Vec<Trail>>, BTreeMap<String, Known<LogGroup>>) {
        let listed = self.trails.list().await;
        let fed = listed.iter().flatten().filter_map(Listed::log_group_arn).filter_map(|arn| self.place.log_group(arn));
        let names: BTreeSet<String> = fed.chain([asked_for]).map(str::to_owned).collect();
        let (trails, log_groups) = join!(self.trails.look(listed), self.log_groups.look(names));
        (trails, log_groups.into_iter().collect())
    }
}

impl MonitoringControl for AwsMonitoringControl {
    async fn observe(&self, desired: &Desired) -> World {
        let asked_for = desired.topic.arn.clone();
        let names = desired.rules.iter().map(|rule| rule.name.clone()).collect::<BTreeSet<_>>();
        let ((trails, log_groups), alarms, mut topics, rules) = join!(
            self.trails_and_log_groups(&desired.log_group),
            self.alarms.look(),
            self.topics.look([asked_for]),
            self.rules.look(names),
        );
        // Which topics matter is known only now.
        let others = topics_of(&alarms, &log_groups).into_iter().filter(|arn| !topics.contains_key(arn)).collect::<Vec<_>>();
        topics.extend(self.topics.look(others).await);
        World { place: self.place.clone(), trails, log_groups, alarms, topics, rules: rules.into_iter().collect() }
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        match change {
            Change::CreateLogGroup { log_group } => self.log_groups.create(log_group).await,
            Change::PutRetentionPolicy { log_group, days, was_days } => self.log_groups.put_retention(log_group, *days, *was_days).await,
            Change::PutMetricFilter { log_group, filter, was: _ } => self.log_groups.put_filter(log_group, filter).await,
            Change::CreateTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn } => {
                let (prefix, key_arn) = (prefix.as_deref(), key_arn.as_deref());
                self.trails.create(NewTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn }).await
            }
            Change::UpdateTrail { trail, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn } => {
                let lacking = Lacking {
                    multi_region: *multi_region,
                    global_services: *global_services,
                    log_file_validation: *log_file_validation,
                    feeds: feeds.as_ref(),
                    bucket: bucket.as_deref(),
                    prefix: prefix.as_deref(),
                    key_arn: key_arn.as_deref(),
                };
                self.trails.update(trail, lacking).await
            }
            Change::PutEventSelectors { trail, selectors, was: _ } => self.trails.put_selectors(trail, selectors).await,
            Change::StartLogging { trail } => self.trails.start(trail).await,
            Change::CreateTopic { topic } => self.topics.create(topic).await,
            Change::SetTopicPolicy { topic, policy } => self.topics.set_policy(topic, policy).await,
            Change::RemoveTopicKey { topic, was: _ } => self.topics.remove_key(topic).await,
            Change::Subscribe { topic, subscriber } => self.topics.subscribe(topic, subscriber).await,
            Change::PutMetricAlarm { alarm, was } => self.alarms.put(alarm, was.as_deref()).await,
            Change::PutRule { rule, pattern, was: _ } => self.rules.put(rule, pattern).await,
            Change::EnableRule { rule } => self.rules.enable(rule).await,
            Change::PutTargets { rule, target_arn, dead_letter_arn } => self.rules.put_target(rule, target_arn, dead_letter_arn).await,
        }
    }
}

/// The topics that alarms on the metrics of these filters publish to; other alarms are none of our business.
fn topics_of(alarms: &Known<Vec<Alarm>>, log_groups: &BTreeMap<String, Known<LogGroup>>) -> BTreeSet<String> {
    let filters = log_groups.values().filter_map(Known::value).filter_map(|group| group.filters.value()).flatten();
    let metrics: BTreeSet<(&str, &str)> = filters.map(|filter| (filter.namespace.as_str(), filter.metric.as_str())).collect();
    let alarms = alarms.value().into_iter().flatten();
    let alarms = alarms.filter(|alarm| metrics.contains(&(alarm.namespace.as_str(), alarm.metric.as_str())));
    alarms.flat_map(|alarm| &alarm.alarm_actions).filter(|arn| arn.split(':').nth(2) == Some("sns")).cloned().collect()
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
