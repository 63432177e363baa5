//! How changes of the monitoring read: each kind once, made and replaced. The texts are snapshots; nothing else is judged here.

use std::collections::BTreeMap;

use reprieve_core::Severity;
use reprieve_core::monitoring::change::Feed;
use reprieve_core::monitoring::diff::{diff, text};
use reprieve_core::monitoring::world::{AdvancedSelector, Alarm, BasicSelector, FieldSelector, MetricFilter, Number, Selectors};
use reprieve_core::monitoring::{Change, ControlStatus, Finding, MonitoringPlan, Subject, Subscriber};

const TRAIL: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/reprieve";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:notices";
const GROUP: &str = "/reprieve/cloudtrail";
const GROUP_ARN: &str = "arn:aws:logs:eu-central-1:111122223333:log-group:/reprieve/cloudtrail:*";
const ROLE: &str = "arn:aws:iam::111122223333:role/trail";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/trail";
const NAME: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";

fn shown(change: &Change) -> String {
    diff(change).to_string()
}

fn filter() -> MetricFilter {
    MetricFilter {
        name: NAME.to_owned(),
        pattern: "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }".to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: NAME.to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    }
}

fn alarm() -> Alarm {
    Alarm {
        name: NAME.to_owned(),
        description: "Somebody disabled a key or scheduled its deletion.".to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: NAME.to_owned(),
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

#[test]
fn what_is_made_shows_all_that_it_is_made_with() {
    let mut texts = Vec::new();
    let trail = Change::CreateTrail {
        name: "reprieve".to_owned(),
        bucket: "trails".to_owned(),
        prefix: None,
        key_arn: None,
        log_group_arn: GROUP_ARN.to_owned(),
        log_role_arn: ROLE.to_owned(),
    };
    texts.push(shown(&trail));
    texts.push(shown(&Change::PutMetricFilter { log_group: GROUP.to_owned(), filter: filter(), was: None }));
    texts.push(shown(&Change::PutMetricAlarm { alarm: Box::new(alarm()), was: None }));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn what_is_replaced_shows_the_fields_that_differ_alone() {
    let mut texts = Vec::new();
    let was = MetricFilter {
        pattern: "{ ($.eventName = DisableKey) && ($.eventName = ScheduleKeyDeletion) }".to_owned(),
        value: "0".to_owned(),
        ..filter()
    };
    let change = Change::PutMetricFilter { log_group: GROUP.to_owned(), filter: filter(), was: Some(Box::new(was)) };
    texts.push(shown(&change));
    let was = Alarm { actions_enabled: false, threshold: Number::of(5.0), alarm_actions: Vec::new(), ..alarm() };
    texts.push(shown(&Change::PutMetricAlarm { alarm: Box::new(alarm()), was: Some(Box::new(was)) }));
    let change = Change::PutRetentionPolicy { log_group: GROUP.to_owned(), days: 365, was_days: Some(90) };
    texts.push(shown(&change));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_trail_shows_what_it_is_given_back() {
    let mut texts = Vec::new();
    let change = Change::UpdateTrail {
        trail: TRAIL.to_owned(),
        multi_region: true,
        global_services: false,
        log_file_validation: true,
        feeds: Some(Feed { log_group_arn: GROUP_ARN.to_owned(), log_role_arn: ROLE.to_owned() }),
        bucket: None,
        prefix: None,
        key_arn: None,
    };
    texts.push(shown(&change));
    texts.push(shown(&Change::StartLogging { trail: TRAIL.to_owned() }));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_trail_is_made_with_a_prefix_and_a_key() {
    let change = Change::CreateTrail {
        name: "reprieve".to_owned(),
        bucket: "trails".to_owned(),
        prefix: Some("corp".to_owned()),
        key_arn: Some(KEY.to_owned()),
        log_group_arn: GROUP_ARN.to_owned(),
        log_role_arn: ROLE.to_owned(),
    };
    let shown = shown(&change);
    assert!(shown.contains(&format!("    bucket: trails\n    prefix: corp\n    key: {KEY}\n")), "{shown}");
}

#[test]
fn a_trail_shows_where_it_writes_to_again_and_what_encrypts_it() {
    let shown_with = |bucket: Option<&str>, prefix: Option<&str>, key_arn: Option<&str>| {
        shown(&Change::UpdateTrail {
            trail: TRAIL.to_owned(),
            multi_region: false,
            global_services: false,
            log_file_validation: false,
            feeds: None,
            bucket: bucket.map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            key_arn: key_arn.map(str::to_owned),
        })
    };
    assert_eq!(shown_with(Some("trails"), None, None), format!("~ trail `{TRAIL}`\n    bucket: trails"));
    assert_eq!(shown_with(Some("trails"), Some("corp"), None), format!("~ trail `{TRAIL}`\n    bucket: trails\n    prefix: corp"));
    assert_eq!(shown_with(None, Some(""), None), format!("~ trail `{TRAIL}`\n    prefix: (none)"));
    assert_eq!(shown_with(None, None, Some(KEY)), format!("~ trail `{TRAIL}`\n    key: {KEY}"));
}

#[test]
fn a_change_of_a_trail_that_was_recorded_before_prefix_and_key_were_judged_can_be_read() {
    let change: Change = serde_json::from_str(r#"{"change":"UpdateTrail","trail":"reprieve","bucket":"trails"}"#).unwrap();
    let Change::UpdateTrail { bucket, prefix, key_arn, .. } = change else { panic!("{change}") };
    assert_eq!((bucket.as_deref(), prefix, key_arn), (Some("trails"), None, None));
}

#[test]
fn an_alarm_shows_the_unit_that_it_loses() {
    let was = Alarm { unit: Some("Seconds".to_owned()), ..alarm() };
    let change = Change::PutMetricAlarm { alarm: Box::new(alarm()), was: Some(Box::new(was)) };
    assert_eq!(shown(&change), format!("~ alarm `{NAME}`\n    unit: Seconds -> (none)"));
}

#[test]
fn selectors_are_shown_in_words() {
    let mut texts = Vec::new();
    let basic = |excluded: &[&str]| {
        Selectors::Basic(vec![BasicSelector {
            includes_management_events: true,
            read_write_type: "All".to_owned(),
            excluded_sources: excluded.iter().map(|source| (*source).to_owned()).collect(),
            data_resources: vec![("AWS::S3::Object".to_owned(), vec!["arn:aws:s3".to_owned()])],
        }])
    };
    let change = Change::PutEventSelectors { trail: TRAIL.to_owned(), selectors: basic(&[]), was: Some(basic(&["kms.amazonaws.com"])) };
    texts.push(shown(&change));
    let category = FieldSelector { field: "eventCategory".to_owned(), equals: vec!["Management".to_owned()], ..FieldSelector::default() };
    let source =
        FieldSelector { field: "eventSource".to_owned(), not_equals: vec!["kms.amazonaws.com".to_owned()], ..FieldSelector::default() };
    let advanced = |fields: &[&FieldSelector]| {
        Selectors::Advanced(vec![AdvancedSelector {
            name: Some("management".to_owned()),
            fields: fields.iter().map(|field| (*field).clone()).collect(),
        }])
    };
    let change = Change::PutEventSelectors {
        trail: TRAIL.to_owned(),
        selectors: advanced(&[&category]),
        was: Some(advanced(&[&category, &source])),
    };
    texts.push(shown(&change));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_topic_shows_its_statements_key_and_subscribers() {
    let mut texts = Vec::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow"},{"Sid":"Two","Effect":"Allow"}]}"#;
    texts.push(shown(&Change::CreateTopic { topic: TOPIC.to_owned() }));
    texts.push(shown(&Change::SetTopicPolicy { topic: TOPIC.to_owned(), policy: policy.to_owned() }));
    texts.push(shown(&Change::RemoveTopicKey { topic: TOPIC.to_owned(), was: "alias/aws/sns".to_owned() }));
    let subscriber = Subscriber { protocol: "email".to_owned(), endpoint: "security@example.com".to_owned() };
    texts.push(shown(&Change::Subscribe { topic: TOPIC.to_owned(), subscriber }));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn an_event_rule_shows_its_pattern_state_and_target() {
    let mut texts = Vec::new();
    let put = |was: Option<&str>| Change::PutRule {
        rule: "calls".to_owned(),
        pattern: r#"{"source":["aws.kms"]}"#.to_owned(),
        was: was.map(str::to_owned),
    };
    texts.push(shown(&put(None)));
    texts.push(shown(&put(Some(r#"{"source":["aws.nothing"]}"#))));
    texts.push(shown(&Change::EnableRule { rule: "calls".to_owned() }));
    let target = Change::PutTargets {
        rule: "calls".to_owned(),
        target_arn: "arn:aws:sqs:eu-central-1:111122223333:guard".to_owned(),
        dead_letter_arn: "arn:aws:sqs:eu-central-1:111122223333:guard-dead-letters".to_owned(),
    };
    texts.push(shown(&target));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_plan_reads_as_changes_then_findings_then_controls() {
    let plan = MonitoringPlan {
        changes: vec![Change::CreateLogGroup { log_group: GROUP.to_owned() }, Change::StartLogging { trail: TRAIL.to_owned() }],
        findings: vec![Finding {
            subject: Subject::Subscription("security@example.com".to_owned()),
            severity: Severity::High,
            sentence: "It waits to be confirmed.".to_owned(),
            fix: "Follow the link in the mail that SNS sent.".to_owned(),
        }],
        controls: vec![
            control("4.7", "Disabling or scheduled deletion of customer-managed keys", &[]),
            control("4.5", "CloudTrail configuration changes", &["No subscription is confirmed."]),
        ],
        relied_on: Vec::new(),
    };
    insta::assert_snapshot!(text(&plan));
}

#[test]
fn controls_with_the_same_gap_stand_together() {
    let own = |id: &str, name: &str, gap: String| ControlStatus {
        filter: Some(name.to_owned()),
        gaps: vec![gap, "nobody is subscribed to the topic".to_owned()],
        ..control(id, "Ensure that it is monitored", &[])
    };
    let altered = own("4.7", "keys", "the metric filter `keys` was altered and misses events".to_owned());
    let unwatched =
        (1..=6).map(|number| own(&format!("4.{number}"), &format!("f{number}"), format!("no alarm watches the metric `f{number}`")));
    let holding = (8..=10).map(|number| control(&format!("4.{number}"), "Ensure that this is monitored, too", &[]));
    let plan = MonitoringPlan { controls: std::iter::once(altered).chain(unwatched).chain(holding).collect(), ..MonitoringPlan::default() };
    insta::assert_snapshot!(text(&plan));
}

fn control(id: &str, title: &str, gaps: &[&str]) -> ControlStatus {
    ControlStatus {
        id: id.to_owned(),
        title: title.to_owned(),
        filter: None,
        alarm: None,
        is_adopted: false,
        gaps: gaps.iter().map(|gap| (*gap).to_owned()).collect(),
    }
}
