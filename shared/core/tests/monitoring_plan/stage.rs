//! A world in which nothing is missing, and the parts that others may have put into one.

use std::collections::BTreeMap;

use reprieve_core::Known;
use reprieve_core::id::{AccountId, Partition, Region};
use reprieve_core::monitoring::world::{
    Alarm, BasicSelector, LogGroup, LogGroupClass, MetricFilter, Number, Place, Rule, Selectors, Subscription, Topic, TopicKey, Trail,
};
use reprieve_core::monitoring::{
    Baseline, CisVersion, Control, Desired, DriftRule, GuardRule, PatternMode, RuleWish, Subscriber, TopicWish, TrailWish, World,
};
use serde_json::json;

pub(crate) const TRAIL: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/reprieve";
pub(crate) const GROUP: &str = "/reprieve/cloudtrail";
pub(crate) const GROUP_ARN: &str = "arn:aws:logs:eu-central-1:111122223333:log-group:/reprieve/cloudtrail:*";
pub(crate) const LOG_ROLE: &str = "arn:aws:iam::111122223333:role/reprieve-trail-log";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:reprieve";
pub(crate) const THEIR_TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:corp";
pub(crate) const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-Queue";
pub(crate) const DRIFT_QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:reprieve-DriftQueue";
pub(crate) const DRIFT_RULE: &str = "reprieve-rule-drift";
pub(crate) const KEYS: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";
pub(crate) const TRAILS: &str = "Reprieve-CIS-5-CloudTrailChanged";
pub(crate) const NAMESPACE: &str = "ReprieveMonitoring";

/// What is asked for, and what is there.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) desired: Desired,
    pub(crate) world: World,
    spare: Spare,
}

/// Two controls of the benchmark say as much as all of them.
pub(crate) fn baseline(mode: PatternMode) -> Baseline {
    let all = Baseline::of(CisVersion::V5_0, mode, true);
    let controls = all.controls.into_iter().filter(|control| [KEYS, TRAILS].contains(&control.name)).collect();
    Baseline { mode, controls }
}

pub(crate) fn place() -> Place {
    Place {
        partition: Partition::parse("aws").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
    }
}

pub(crate) fn rule_name(rule: GuardRule) -> String {
    format!("reprieve-{rule}")
}

pub(crate) fn desired() -> Desired {
    let wish = |name: String, pattern: String, queue: &str| RuleWish {
        name,
        pattern,
        target_arn: queue.to_owned(),
        dead_letter_arn: format!("{queue}-dead"),
    };
    let of_the_guard = |rule: GuardRule| wish(rule_name(rule), rule.pattern().to_owned(), QUEUE);
    let rules = vec![
        of_the_guard(GuardRule::KeyApiCalls),
        of_the_guard(GuardRule::RegionOptOut),
        wish(DRIFT_RULE.to_owned(), DriftRule::Rule.pattern(), DRIFT_QUEUE),
    ];
    Desired {
        place: place(),
        baseline: baseline(PatternMode::ByMatching),
        trail: TrailWish {
            name: "reprieve".to_owned(),
            bucket: Some("corp-trail-archive".to_owned()),
            prefix: None,
            key_arn: None,
            log_role_arn: Some(LOG_ROLE.to_owned()),
        },
        log_group: GROUP.to_owned(),
        retention_days: 365,
        topic: TopicWish { arn: TOPIC.to_owned(), subscribers: vec![on_call()] },
        namespace: NAMESPACE.to_owned(),
        rules,
    }
}

pub(crate) fn on_call() -> Subscriber {
    Subscriber { protocol: "email".to_owned(), endpoint: "on-call@example.com".to_owned() }
}

/// An account in which nothing was ever set up.
pub(crate) fn bare() -> Stage {
    let world = World {
        place: place(),
        trails: Known::Is(Vec::new()),
        log_groups: BTreeMap::from([(GROUP.to_owned(), Known::Absent)]),
        alarms: Known::Is(Vec::new()),
        topics: BTreeMap::from([(TOPIC.to_owned(), Known::Absent)]),
        rules: desired().rules.into_iter().map(|rule| (rule.name, Known::Absent)).collect(),
    };
    Stage::with(desired(), world)
}

/// An account in which nothing is missing.
pub(crate) fn healthy() -> Stage {
    let desired = desired();
    let rules = desired.rules.iter().map(|wish| {
        let rule = Rule {
            name: wish.name.clone(),
            is_enabled: true,
            pattern: Some(wish.pattern.clone()),
            targets: Known::Is(vec![wish.target_arn.clone()]),
        };
        (wish.name.clone(), Known::Is(rule))
    });
    let world = World {
        place: place(),
        trails: Known::Is(vec![our_trail()]),
        log_groups: BTreeMap::from([(GROUP.to_owned(), Known::Is(our_group(&desired)))]),
        alarms: Known::Is(desired.baseline.controls.iter().map(our_alarm).collect()),
        topics: BTreeMap::from([(TOPIC.to_owned(), Known::Is(our_topic()))]),
        rules: rules.collect(),
    };
    Stage::with(desired, world)
}

pub(crate) fn our_trail() -> Trail {
    Trail {
        arn: TRAIL.to_owned(),
        name: "reprieve".to_owned(),
        home_region: place().region,
        is_multi_region: true,
        is_organization: false,
        includes_global_services: true,
        validates_log_files: true,
        bucket: "corp-trail-archive".to_owned(),
        prefix: None,
        key_arn: None,
        log_group_arn: Some(GROUP_ARN.to_owned()),
        log_role_arn: Some(LOG_ROLE.to_owned()),
        is_logging: Known::Is(true),
        delivery_error: None,
        file_delivery_error: None,
        selectors: Known::Is(Selectors::Basic(vec![all_management_events()])),
        is_ours: true,
    }
}

/// A trail of somebody else that satisfies, feeding a log group of its own.
pub(crate) fn their_trail() -> Trail {
    Trail {
        arn: "arn:aws:cloudtrail:eu-central-1:111122223333:trail/corp".to_owned(),
        name: "corp".to_owned(),
        log_group_arn: Some("arn:aws:logs:eu-central-1:111122223333:log-group:corp-trail:*".to_owned()),
        is_ours: false,
        ..our_trail()
    }
}

pub(crate) fn all_management_events() -> BasicSelector {
    BasicSelector {
        includes_management_events: true,
        read_write_type: "All".to_owned(),
        excluded_sources: Vec::new(),
        data_resources: Vec::new(),
    }
}

pub(crate) fn our_group(desired: &Desired) -> LogGroup {
    LogGroup {
        name: GROUP.to_owned(),
        retention_days: Some(365),
        class: LogGroupClass::Standard,
        is_ours: true,
        filters: Known::Is(desired.baseline.controls.iter().map(our_filter).collect()),
    }
}

pub(crate) fn our_filter(control: &Control) -> MetricFilter {
    MetricFilter {
        name: control.name.to_owned(),
        pattern: control.pattern.to_owned(),
        namespace: NAMESPACE.to_owned(),
        metric: control.name.to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    }
}

/// A filter of somebody else for keys.
pub(crate) fn their_filter(pattern: &str) -> MetricFilter {
    MetricFilter {
        name: "corp-keys".to_owned(),
        pattern: pattern.to_owned(),
        namespace: "Corp".to_owned(),
        metric: "KeyChanges".to_owned(),
        value: "1".to_owned(),
        default_value: None,
        dimensions: BTreeMap::new(),
    }
}

pub(crate) fn our_alarm(control: &Control) -> Alarm {
    Alarm {
        name: control.name.to_owned(),
        description: control.why.to_owned(),
        namespace: NAMESPACE.to_owned(),
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
        alarm_actions: vec![TOPIC.to_owned()],
        is_ours: true,
    }
}

/// An alarm of somebody else on their metric for keys, heard at our topic.
pub(crate) fn their_alarm() -> Alarm {
    let baseline = baseline(PatternMode::ByMatching);
    let keys = baseline.controls.iter().find(|control| control.name == KEYS).unwrap();
    Alarm { name: "corp-keys".to_owned(), namespace: "Corp".to_owned(), metric: "KeyChanges".to_owned(), is_ours: false, ..our_alarm(keys) }
}

pub(crate) fn our_topic() -> Topic {
    Topic {
        arn: TOPIC.to_owned(),
        policy: open_policy(TOPIC),
        key: TopicKey::None,
        subscriptions: Known::Is(vec![subscription("email", "on-call@example.com", true)]),
        is_ours: true,
    }
}

pub(crate) fn open_policy(topic: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Alarms", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": topic, "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    }]})
    .to_string()
}

pub(crate) fn subscription(protocol: &str, endpoint: &str, is_confirmed: bool) -> Subscription {
    Subscription {
        protocol: protocol.to_owned(),
        endpoint: endpoint.to_owned(),
        arn: is_confirmed.then(|| format!("{TOPIC}:{endpoint}")),
        filter_policy: Known::Absent,
    }
}

/// Parts that are broken instead of those that an earlier break took away, so that breaks can follow each other.
#[derive(Clone)]
pub(crate) struct Spare {
    trails: Vec<Trail>,
    trail: Trail,
    group: LogGroup,
    filters: Vec<MetricFilter>,
    filter: MetricFilter,
    alarms: Vec<Alarm>,
    alarm: Alarm,
    topic: Topic,
    subscriptions: Vec<Subscription>,
    rule: Rule,
}

impl Spare {
    fn of(desired: &Desired) -> Self {
        let keys = desired.baseline.controls.iter().find(|control| control.name == KEYS).unwrap();
        Self {
            trails: Vec::new(),
            trail: our_trail(),
            group: our_group(desired),
            filters: Vec::new(),
            filter: our_filter(keys),
            alarms: Vec::new(),
            alarm: our_alarm(keys),
            topic: our_topic(),
            subscriptions: Vec::new(),
            rule: Rule { name: String::new(), is_enabled: true, pattern: None, targets: Known::Absent },
        }
    }
}

/// Returns a part to be broken, or the spare one where it is not there.
fn part<'a, T>(known: &'a mut Known<T>, spare: &'a mut T) -> &'a mut T {
    match known {
        Known::Is(value) => value,
        Known::Absent | Known::Unreadable(_) => spare,
    }
}

/// Returns a part of a map, or the spare one.
fn part_of<'a, T>(parts: &'a mut BTreeMap<String, Known<T>>, name: &str, spare: &'a mut T) -> &'a mut T {
    match parts.get_mut(name) {
        Some(known) => part(known, spare),
        None => spare,
    }
}

impl Stage {
    fn with(desired: Desired, world: World) -> Self {
        let spare = Spare::of(&desired);
        Self { desired, world, spare }
    }

    /// Returns our trail.
    pub(crate) fn trail(&mut self) -> &mut Trail {
        let trails = part(&mut self.world.trails, &mut self.spare.trails);
        trails.iter_mut().find(|trail| trail.arn == TRAIL).unwrap_or(&mut self.spare.trail)
    }

    pub(crate) fn trails(&mut self) -> &mut Vec<Trail> {
        part(&mut self.world.trails, &mut self.spare.trails)
    }

    pub(crate) fn select(&mut self, selectors: Selectors) {
        self.trail().selectors = Known::Is(selectors);
    }

    pub(crate) fn group(&mut self) -> &mut LogGroup {
        part_of(&mut self.world.log_groups, GROUP, &mut self.spare.group)
    }

    pub(crate) fn filters(&mut self) -> &mut Vec<MetricFilter> {
        let group = part_of(&mut self.world.log_groups, GROUP, &mut self.spare.group);
        part(&mut group.filters, &mut self.spare.filters)
    }

    /// Returns our filter for keys.
    pub(crate) fn filter(&mut self) -> &mut MetricFilter {
        let group = part_of(&mut self.world.log_groups, GROUP, &mut self.spare.group);
        let filters = part(&mut group.filters, &mut self.spare.filters);
        filters.iter_mut().find(|filter| filter.name == KEYS).unwrap_or(&mut self.spare.filter)
    }

    /// Puts somebody else's filter in the place of ours.
    pub(crate) fn replace_filter(&mut self, filter: MetricFilter) {
        self.filters().retain(|filter| filter.name != KEYS);
        self.filters().push(filter);
    }

    pub(crate) fn alarms(&mut self) -> &mut Vec<Alarm> {
        part(&mut self.world.alarms, &mut self.spare.alarms)
    }

    /// Returns our alarm for keys.
    pub(crate) fn alarm(&mut self) -> &mut Alarm {
        let alarms = part(&mut self.world.alarms, &mut self.spare.alarms);
        alarms.iter_mut().find(|alarm| alarm.name == KEYS).unwrap_or(&mut self.spare.alarm)
    }

    /// Puts somebody else's alarm in the place of ours.
    pub(crate) fn replace_alarm(&mut self, alarm: Alarm) {
        self.alarms().retain(|alarm| alarm.name != KEYS);
        self.alarms().push(alarm);
    }

    pub(crate) fn topic(&mut self) -> &mut Topic {
        part_of(&mut self.world.topics, TOPIC, &mut self.spare.topic)
    }

    pub(crate) fn subscriptions(&mut self) -> &mut Vec<Subscription> {
        let topic = part_of(&mut self.world.topics, TOPIC, &mut self.spare.topic);
        part(&mut topic.subscriptions, &mut self.spare.subscriptions)
    }

    /// Returns the rule of API calls.
    pub(crate) fn rule(&mut self) -> &mut Rule {
        part_of(&mut self.world.rules, &rule_name(GuardRule::KeyApiCalls), &mut self.spare.rule)
    }

    /// Returns the rule that tells of what is done to rules.
    pub(crate) fn drift_rule(&mut self) -> &mut Rule {
        part_of(&mut self.world.rules, DRIFT_RULE, &mut self.spare.rule)
    }
}

pub(crate) fn unreadable<T>() -> Known<T> {
    Known::Unreadable("AccessDenied".to_owned())
}
