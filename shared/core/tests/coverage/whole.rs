//! A deployment that lacks nothing, and its parts to be broken.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what is broken is there")]

use std::collections::{BTreeMap, BTreeSet};

use reprieve_core::coverage::{ACTIONS, FunctionView, Guard, IamAnswer, KeyView, Mapping, Monitoring, Observation, RuleView, route_probes};
use reprieve_core::monitoring::world::{
    Alarm, BasicSelector, LogGroup, LogGroupClass, MetricFilter, Number, Place, Selectors, Subscription, Topic, TopicKey, Trail, World,
};
use reprieve_core::monitoring::{ControlStatus, MonitoringPlan};
use reprieve_core::{AccountId, KeyArn, KeyDescription, KeyState, Known, Partition, Region};

pub(crate) const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/Remediator";
pub(crate) const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:guard-event";
pub(crate) const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:guard-queue";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:alarms";
const GROUP: &str = "/reprieve/cloudtrail";

pub(crate) fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

pub(crate) fn place() -> Place {
    let (partition, account) = (Partition::parse("aws").unwrap(), AccountId::parse("111122223333").unwrap());
    Place { partition, account, region: region("eu-central-1") }
}

pub(crate) fn denied<T>() -> Known<T> {
    Known::Unreadable("AccessDenied: not authorized".to_owned())
}

pub(crate) fn description() -> KeyDescription {
    KeyDescription::in_state(KeyState::Enabled)
}

pub(crate) fn policy_if(principal: &str, action: &str, condition: &str) -> Known<String> {
    Known::Is(format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal}, "Action": ["{action}", "kms:DescribeKey"], "Resource": "*", "Condition": {condition}}}}}"#
    ))
}

pub(crate) fn policy(principal: &str, action: &str) -> Known<String> {
    policy_if(principal, action, "{}")
}

pub(crate) fn key(id: &str) -> KeyView {
    KeyView {
        arn: KeyArn::parse(&place().arn("kms", &format!("key/{id}"))).unwrap(),
        aliases: vec!["alias/payments".to_owned()],
        description: Known::Is(description()),
        policy: policy(r#"{"AWS": "arn:aws:iam::111122223333:root"}"#, "kms:*"),
    }
}

pub(crate) fn observation() -> Observation {
    let names = |native: bool| -> BTreeSet<String> {
        let probes = route_probes(&place()).into_iter();
        probes.filter(|probe| (probe.event["detail"]["eventName"].is_null()) == native).map(|probe| probe.name).collect()
    };
    let rule = |name: &str, native: bool| RuleView {
        name: name.to_owned(),
        is_enabled: true,
        matches: Known::Is(names(native)),
        targets: Known::Is(vec![QUEUE.to_owned()]),
    };
    let function = FunctionView { state: "Active".to_owned(), role_arn: ROLE.to_owned(), guard: Guard::Enforces };
    let mapping = Mapping { function_arn: FUNCTION.to_owned(), is_enabled: true };
    let mut observation = Observation {
        place: place(),
        keys: Known::Is(vec![key(KEY)]),
        rules: Known::Is(vec![rule("calls", false), rule("native", true)]),
        queues: BTreeMap::from([(QUEUE.to_owned(), Known::Is(vec![mapping]))]),
        functions: BTreeMap::from([(FUNCTION.to_owned(), Known::Is(function))]),
        permissions: BTreeMap::new(),
        monitoring: Known::Is(Monitoring { world: world(), plan: plan() }),
    };
    allow_all(&mut observation);
    observation
}

pub(crate) fn allow_all(observation: &mut Observation) {
    let arns: Vec<String> = keys(observation).iter().map(|key| key.arn.to_string()).collect();
    let allowed: BTreeMap<String, IamAnswer> = ACTIONS.iter().map(|action| ((*action).to_owned(), IamAnswer::Allowed)).collect();
    let permissions = arns.into_iter().map(|arn| (arn, allowed.clone())).collect();
    observation.permissions.insert(ROLE.to_owned(), Known::Is(permissions));
}

fn plan() -> MonitoringPlan {
    let control = ControlStatus {
        id: "5.7".to_owned(),
        title: "Disabled or deleted keys".to_owned(),
        filter: Some("key-filter".to_owned()),
        alarm: Some("key-alarm".to_owned()),
        is_adopted: false,
        gaps: Vec::new(),
    };
    MonitoringPlan { controls: vec![control], ..MonitoringPlan::default() }
}

fn world() -> World {
    World {
        place: place(),
        trails: Known::Is(vec![whole_trail()]),
        log_groups: BTreeMap::from([(GROUP.to_owned(), Known::Is(log_group()))]),
        alarms: Known::Is(vec![alarm()]),
        topics: BTreeMap::from([(TOPIC.to_owned(), Known::Is(whole_topic()))]),
        rules: BTreeMap::new(),
    }
}

fn whole_trail() -> Trail {
    let selector = BasicSelector {
        includes_management_events: true,
        read_write_type: "All".to_owned(),
        excluded_sources: Vec::new(),
        data_resources: Vec::new(),
    };
    Trail {
        arn: place().arn("cloudtrail", "trail/reprieve"),
        name: "reprieve".to_owned(),
        home_region: place().region,
        is_multi_region: true,
        is_organization: false,
        includes_global_services: true,
        validates_log_files: true,
        bucket: "trail".to_owned(),
        prefix: None,
        key_arn: None,
        log_group_arn: Some(place().arn("logs", &format!("log-group:{GROUP}:*"))),
        log_role_arn: Some("arn:aws:iam::111122223333:role/TrailLogs".to_owned()),
        is_logging: Known::Is(true),
        delivery_error: None,
        file_delivery_error: None,
        selectors: Known::Is(Selectors::Basic(vec![selector])),
        is_ours: true,
    }
}

fn log_group() -> LogGroup {
    let filter = MetricFilter {
        name: "key-filter".to_owned(),
        pattern: "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }"
            .to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: "keys".to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    };
    let filters = Known::Is(vec![filter]);
    LogGroup { name: GROUP.to_owned(), retention_days: Some(365), class: LogGroupClass::Standard, is_ours: true, filters }
}

fn alarm() -> Alarm {
    Alarm {
        name: "key-alarm".to_owned(),
        description: String::new(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: "keys".to_owned(),
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
        alarm_actions: vec![TOPIC.to_owned()],
        is_ours: true,
    }
}

fn whole_topic() -> Topic {
    let subscription = Subscription {
        protocol: "email".to_owned(),
        endpoint: "oncall@example.com".to_owned(),
        arn: Some(format!("{TOPIC}:1")),
        filter_policy: Known::Absent,
    };
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Service": "cloudwatch.amazonaws.com"}},
            "Action": "sns:Publish", "Resource": "{TOPIC}", "Condition": {{"StringEquals": {{"aws:SourceAccount": "111122223333"}}}}}}}}"#
    );
    Topic { arn: TOPIC.to_owned(), policy, key: TopicKey::None, subscriptions: Known::Is(vec![subscription]), is_ours: true }
}

fn known<T>(known: &mut Known<T>) -> &mut T {
    match known {
        Known::Is(value) => value,
        Known::Absent | Known::Unreadable(_) => panic!("it is not known"),
    }
}

pub(crate) fn keys(it: &mut Observation) -> &mut Vec<KeyView> {
    known(&mut it.keys)
}

pub(crate) fn first_key(it: &mut Observation) -> &mut KeyView {
    keys(it).first_mut().unwrap()
}

pub(crate) fn rules(it: &mut Observation) -> &mut Vec<RuleView> {
    known(&mut it.rules)
}

pub(crate) fn mappings(it: &mut Observation) -> &mut Vec<Mapping> {
    known(it.queues.get_mut(QUEUE).unwrap())
}

pub(crate) fn function(it: &mut Observation) -> &mut FunctionView {
    known(it.functions.get_mut(FUNCTION).unwrap())
}

pub(crate) fn answer(it: &mut Observation, action: &str, answer: IamAnswer) {
    let arn = first_key(it).arn.to_string();
    let permissions = known(it.permissions.get_mut(ROLE).unwrap());
    permissions.get_mut(&arn).unwrap().insert(action.to_owned(), answer);
}

pub(crate) fn monitoring(it: &mut Observation) -> &mut Monitoring {
    known(&mut it.monitoring)
}

pub(crate) fn trail(it: &mut Observation) -> &mut Trail {
    known(&mut monitoring(it).world.trails).first_mut().unwrap()
}

pub(crate) fn filters(it: &mut Observation) -> &mut Vec<MetricFilter> {
    known(&mut known(monitoring(it).world.log_groups.get_mut(GROUP).unwrap()).filters)
}

pub(crate) fn alarms(it: &mut Observation) -> &mut Vec<Alarm> {
    known(&mut monitoring(it).world.alarms)
}

pub(crate) fn topic(it: &mut Observation) -> &mut Topic {
    known(monitoring(it).world.topics.get_mut(TOPIC).unwrap())
}

pub(crate) fn subscriptions(it: &mut Observation) -> &mut Vec<Subscription> {
    known(&mut topic(it).subscriptions)
}
