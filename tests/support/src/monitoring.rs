//! An account's monitoring in memory: a healthy world; in `services`, a control over it that changes it as the services would.
//!
//! The healthy world is written out from the services' documentation and the benchmark, not made by the planner, so that the planner can
//! be held to it.

mod services;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::{
    Alarm, BasicSelector, LogGroup, LogGroupClass, MetricFilter, Number, Place, Rule, Selectors, Subscription, Topic, TopicKey, Trail,
    World,
};
use reprieve_core::monitoring::{
    Baseline, CisVersion, Control, Desired, DriftRule, GuardRule, MonitoringPlan, PatternMode, RuleWish, Subscriber, TopicWish, TrailWish,
};
use reprieve_core::{AccountId, Partition, Record, Region, RoleArn};
use reprieve_engine::MonitoringMeter;

use crate::event::{ACCOUNT, REGION};
use crate::locked;
pub use services::FakeMonitoring;

/// The role of the function that keeps the monitoring, in the tests.
pub const MONITORING_ROLE: &str = "arn:aws:iam::111122223333:role/reprieve-monitoring";
/// The topic of the tests.
pub const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:reprieve";
/// The trail of the tests.
pub const TRAIL: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/reprieve";
/// The log group that the trail feeds.
pub const LOG_GROUP: &str = "/reprieve/cloudtrail";
/// Who is subscribed and has confirmed.
pub const SUBSCRIBER: &str = "security@example.com";

const LOG_ROLE: &str = "arn:aws:iam::111122223333:role/reprieve-trail-logs";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-events";
const DEAD_LETTERS: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-dead-letters";
const DRIFT_QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-drift";
const DRIFT_DEAD_LETTERS: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-drift-dead-letters";

/// Returns the role of the function that keeps the monitoring.
pub fn monitoring_role() -> RoleArn {
    RoleArn::parse(MONITORING_ROLE).expect("the constant is a role's ARN")
}

/// Returns where the monitoring of the tests stands.
pub fn monitoring_place() -> Place {
    Place {
        partition: Partition::parse("aws").expect("the constant is a partition"),
        account: AccountId::parse(ACCOUNT).expect("the constant is an account"),
        region: Region::parse(REGION).expect("the constant is a Region"),
    }
}

/// Returns what is asked for: everything that can be, with the defaults of the configuration.
pub fn monitoring_desired() -> Desired {
    let of_the_guard = |rule: GuardRule| RuleWish {
        name: format!("reprieve-{rule}"),
        pattern: rule.pattern().to_owned(),
        target_arn: QUEUE.to_owned(),
        dead_letter_arn: DEAD_LETTERS.to_owned(),
    };
    let of_drift = |rule: DriftRule| RuleWish {
        name: format!("reprieve-{rule}-drift"),
        pattern: rule.pattern(),
        target_arn: DRIFT_QUEUE.to_owned(),
        dead_letter_arn: DRIFT_DEAD_LETTERS.to_owned(),
    };
    Desired {
        place: monitoring_place(),
        baseline: Baseline::of(CisVersion::V5_0, PatternMode::ByMatching, true),
        trail: TrailWish {
            name: "reprieve".to_owned(),
            bucket: Some("reprieve-trail".to_owned()),
            prefix: None,
            key_arn: None,
            log_role_arn: Some(LOG_ROLE.to_owned()),
        },
        log_group: LOG_GROUP.to_owned(),
        retention_days: 365,
        topic: TopicWish {
            arn: TOPIC.to_owned(),
            subscribers: vec![Subscriber { protocol: "email".to_owned(), endpoint: SUBSCRIBER.to_owned() }],
        },
        namespace: "ReprieveMonitoring".to_owned(),
        rules: GuardRule::ALL.into_iter().map(of_the_guard).chain(DriftRule::ALL.into_iter().map(of_drift)).collect(),
    }
}

/// Returns an account in which everything that is asked for stands, and a human has confirmed.
pub fn monitoring_world(desired: &Desired) -> World {
    let topic = healthy_topic(desired);
    World {
        place: desired.place.clone(),
        trails: Known::Is(vec![healthy_trail(desired)]),
        log_groups: [(desired.log_group.clone(), Known::Is(healthy_log_group(desired)))].into(),
        alarms: Known::Is(desired.baseline.controls.iter().map(|control| healthy_alarm(desired, control)).collect()),
        topics: [(topic.arn.clone(), Known::Is(topic))].into(),
        rules: desired.rules.iter().map(|wish| (wish.name.clone(), Known::Is(healthy_rule(wish)))).collect(),
    }
}

/// Returns an account in which nothing of it stands.
pub fn bare_world(desired: &Desired) -> World {
    World {
        place: desired.place.clone(),
        trails: Known::Is(Vec::new()),
        log_groups: BTreeMap::new(),
        alarms: Known::Is(Vec::new()),
        topics: BTreeMap::new(),
        rules: BTreeMap::new(),
    }
}

/// Returns a trail of ours that lacks nothing.
pub fn healthy_trail(desired: &Desired) -> Trail {
    let place = &desired.place;
    Trail {
        arn: place.arn("cloudtrail", &format!("trail/{}", desired.trail.name)),
        name: desired.trail.name.clone(),
        home_region: place.region.clone(),
        is_multi_region: true,
        is_organization: false,
        includes_global_services: true,
        validates_log_files: true,
        bucket: desired.trail.bucket.clone().unwrap_or_else(|| "reprieve-trail".to_owned()),
        prefix: desired.trail.prefix.clone(),
        key_arn: desired.trail.key_arn.clone(),
        log_group_arn: Some(place.arn("logs", &format!("log-group:{}:*", desired.log_group))),
        log_role_arn: desired.trail.log_role_arn.clone(),
        is_logging: Known::Is(true),
        delivery_error: None,
        file_delivery_error: None,
        selectors: Known::Is(all_management_events()),
        is_ours: true,
    }
}

/// What a new trail records.
fn all_management_events() -> Selectors {
    Selectors::Basic(vec![BasicSelector {
        includes_management_events: true,
        read_write_type: "All".to_owned(),
        excluded_sources: Vec::new(),
        data_resources: Vec::new(),
    }])
}

/// Returns the log group of ours, with every filter that is asked for.
pub fn healthy_log_group(desired: &Desired) -> LogGroup {
    LogGroup {
        name: desired.log_group.clone(),
        retention_days: Some(desired.retention_days),
        class: LogGroupClass::Standard,
        is_ours: true,
        filters: Known::Is(desired.baseline.controls.iter().map(|control| healthy_filter(desired, control)).collect()),
    }
}

/// Returns the metric filter of a control.
pub fn healthy_filter(desired: &Desired, control: &Control) -> MetricFilter {
    MetricFilter {
        name: control.name.to_owned(),
        pattern: control.pattern.to_owned(),
        namespace: desired.namespace.clone(),
        metric: control.name.to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    }
}

/// Returns the alarm of a control: Sum over 300 s, at the first match, as the benchmark audits it.
pub fn healthy_alarm(desired: &Desired, control: &Control) -> Alarm {
    Alarm {
        name: control.name.to_owned(),
        description: control.title.to_owned(),
        namespace: desired.namespace.clone(),
        metric: control.name.to_owned(),
        dimensions: BTreeMap::new(),
        statistic: "Sum".to_owned(),
        period_seconds: 300,
        unit: None,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        threshold: Number::of(1.0),
        comparison: "GreaterThanOrEqualToThreshold".to_owned(),
        missing_data: "notBreaching".to_owned(),
        actions_enabled: true,
        alarm_actions: vec![desired.topic.arn.clone()],
        is_ours: true,
    }
}

/// Returns the topic: alarms may publish, nothing encrypts it, every subscriber has confirmed.
pub fn healthy_topic(desired: &Desired) -> Topic {
    let subscriptions = desired.topic.subscribers.iter().enumerate().map(|(index, subscriber)| Subscription {
        protocol: subscriber.protocol.clone(),
        endpoint: subscriber.endpoint.clone(),
        arn: Some(format!("{}:{index}", desired.topic.arn)),
        filter_policy: Known::Absent,
    });
    Topic {
        arn: desired.topic.arn.clone(),
        policy: policy_for_alarms(desired),
        key: TopicKey::None,
        subscriptions: Known::Is(subscriptions.collect()),
        is_ours: true,
    }
}

/// Returns a topic policy that lets this account's alarms publish.
pub fn policy_for_alarms(desired: &Desired) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"LetAlarmsPublish","Effect":"Allow","Principal":{{"Service":"cloudwatch.amazonaws.com"}},"Action":"sns:Publish","Resource":"{}","Condition":{{"StringEquals":{{"aws:SourceAccount":"{}"}}}}}}]}}"#,
        desired.topic.arn, desired.place.account
    )
}

fn healthy_rule(wish: &RuleWish) -> Rule {
    Rule {
        name: wish.name.clone(),
        is_enabled: true,
        pattern: Some(wish.pattern.clone()),
        targets: Known::Is(vec![wish.target_arn.clone()]),
    }
}

/// What was counted of the monitoring. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct FakeMonitoringMeter {
    looks: Arc<Mutex<Vec<(Record, MonitoringPlan)>>>,
}

impl FakeMonitoringMeter {
    /// Returns the outcomes that were counted, each with its plan.
    pub fn looks(&self) -> Vec<(Record, MonitoringPlan)> {
        locked(&self.looks).clone()
    }
}

impl MonitoringMeter for FakeMonitoringMeter {
    fn provisioned(&self, record: &Record, plan: &MonitoringPlan) {
        locked(&self.looks).push((record.clone(), plan.clone()));
    }
}

#[cfg(test)]
mod tests {
    use reprieve_core::monitoring::{Change, MonitoringPlan, plan};
    use reprieve_engine::{CallError, MonitoringControl as _};

    use super::*;
    use crate::finish;

    fn look(fake: &FakeMonitoring, desired: &Desired) -> MonitoringPlan {
        plan(desired, &finish(fake.observe(desired)).expect("a fake answers"))
    }

    #[test]
    fn the_healthy_world_lacks_nothing() {
        let desired = monitoring_desired();
        let plan = look(&FakeMonitoring::of(monitoring_world(&desired)), &desired);
        assert_eq!((plan.changes, plan.findings), (Vec::new(), Vec::new()));
        let gaps: Vec<_> = plan.controls.iter().filter(|control| !control.holds()).collect();
        assert!(gaps.is_empty(), "{gaps:?}");
        assert!(!plan.controls.is_empty());
    }

    #[test]
    fn a_bare_world_becomes_a_healthy_one_in_one_run() {
        let desired = monitoring_desired();
        let fake = FakeMonitoring::of(bare_world(&desired));
        for change in look(&fake, &desired).changes {
            finish(fake.apply(&change)).expect("a fake answers").expect("the change is possible");
        }
        assert_eq!(look(&fake, &desired).changes, Vec::new());
        fake.confirm_all(TOPIC);
        let plan = look(&fake, &desired);
        assert!(plan.controls.iter().all(reprieve_core::monitoring::ControlStatus::holds), "{:?}", plan.controls);
        assert_eq!(plan.findings, Vec::new());
    }

    #[test]
    fn changes_need_what_they_change() {
        let desired = monitoring_desired();
        let fake = FakeMonitoring::of(bare_world(&desired));
        let filter = healthy_filter(&desired, desired.baseline.controls.first().expect("there is a control"));
        for change in [
            Change::PutRetentionPolicy { log_group: LOG_GROUP.to_owned(), days: 365, was_days: None },
            Change::PutMetricFilter { log_group: LOG_GROUP.to_owned(), filter, was: None },
            Change::StartLogging { trail: TRAIL.to_owned() },
            Change::SetTopicPolicy { topic: TOPIC.to_owned(), policy: "{}".to_owned() },
            Change::EnableRule { rule: "reprieve-key-api-calls".to_owned() },
        ] {
            let answer = finish(fake.apply(&change)).expect("a fake answers");
            assert!(matches!(answer, Err(CallError::NotFound { .. })), "{change}: {answer:?}");
        }
    }
}
