//! The alarms against scripted answers: all pages, tags of ours alone, replacement that keeps what people added.

use aws_sdk_cloudwatch::operation::describe_alarms::{DescribeAlarmsError, DescribeAlarmsInput, DescribeAlarmsOutput};
use aws_sdk_cloudwatch::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmOutput;
use aws_sdk_cloudwatch::operation::tag_resource::TagResourceOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{place, refusal};

const NAME: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:notices";

fn alarms(rules: &[&Rule]) -> Alarms {
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    Alarms::over(client, place())
}

fn sdk_alarm(name: &str) -> MetricAlarm {
    MetricAlarm::builder()
        .alarm_name(name)
        .alarm_arn(format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{name}"))
        .namespace("ReprieveMonitoring")
        .metric_name(name)
        .statistic(Statistic::Sum)
        .period(300)
        .evaluation_periods(1)
        .threshold(1.0)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .treat_missing_data("notBreaching")
        .actions_enabled(true)
        .alarm_actions(TOPIC)
        .ok_actions("arn:aws:sns:eu-central-1:111122223333:relief")
        .build()
}

fn has(alarms: Vec<MetricAlarm>) -> Rule {
    mock!(Client::describe_alarms).then_output(move || DescribeAlarmsOutput::builder().set_metric_alarms(Some(alarms.clone())).build())
}

fn bears_our_tag() -> Rule {
    mock!(Client::list_tags_for_resource).then_output(|| ListTagsForResourceOutput::builder().tags(our_tag()).build())
}

#[tokio::test]
async fn all_pages_are_read_and_only_metric_alarms_are_asked_for() {
    let pages = mock!(Client::describe_alarms)
        .match_requests(|request| request.alarm_types() == [AlarmType::MetricAlarm] && request.max_records() == Some(100))
        .then_compute_output(|request: &DescribeAlarmsInput| {
            let (name, next) = if request.next_token().is_none() { ("first", Some("2".to_owned())) } else { ("second", None) };
            DescribeAlarmsOutput::builder().metric_alarms(sdk_alarm(name)).set_next_token(next).build()
        });
    let found = alarms(&[&pages]).look().await;
    assert_eq!(found.value().unwrap().iter().map(|alarm| alarm.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
}

#[tokio::test]
async fn an_alarm_is_read_whole_and_tags_are_asked_of_our_names_alone() {
    let tags = bears_our_tag();
    let found = alarms(&[&has(vec![sdk_alarm(NAME), sdk_alarm("cpu")]), &tags]).look().await;
    let [ours, other] = found.value().unwrap().as_slice() else { panic!("{found:?}") };
    let expected = Alarm {
        name: NAME.to_owned(),
        description: String::new(),
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
    };
    assert_eq!(*ours, expected);
    assert!(!other.is_ours);
    assert_eq!(tags.num_calls(), 1);
}

#[tokio::test]
async fn an_alarm_over_an_expression_has_no_metric_of_its_own() {
    let found = alarms(&[&has(vec![MetricAlarm::builder().alarm_name("expression").build()])]).look().await;
    let alarm = found.value().unwrap().first().unwrap();
    assert_eq!((alarm.namespace.as_str(), alarm.metric.as_str(), alarm.missing_data.as_str()), ("", "", "missing"));
}

#[tokio::test]
async fn an_alarm_is_read_with_the_only_unit_that_it_looks_at() {
    let alarm = MetricAlarm::builder().alarm_name("seconds").unit(StandardUnit::Seconds).build();
    let found = alarms(&[&has(vec![alarm])]).look().await;
    assert_eq!(found.value().unwrap().first().unwrap().unit.as_deref(), Some("Seconds"));
}

#[tokio::test]
async fn alarms_that_cannot_be_read_are_unreadable_and_none_is_an_empty_list() {
    let denied = mock!(Client::describe_alarms).then_error(|| DescribeAlarmsError::generic(refusal("AccessDenied")));
    let found = alarms(&[&denied]).look().await;
    assert!(found.unreadable_reason().unwrap().starts_with("cloudwatch:DescribeAlarms: access denied"), "{found:?}");
    assert_eq!(alarms(&[&has(Vec::new())]).look().await, Known::Is(Vec::new()));
}

fn ours() -> Alarm {
    read(sdk_alarm(NAME), true)
}

#[tokio::test]
async fn a_new_alarm_is_put_in_one_call_with_our_tag() {
    let put = mock!(Client::put_metric_alarm)
        .match_requests(|request| {
            request.alarm_name() == Some(NAME)
                && request.statistic() == Some(&Statistic::Sum)
                && request.period() == Some(300)
                && request.unit().is_none()
                && request.threshold() == Some(1.0)
                && request.treat_missing_data() == Some("notBreaching")
                && request.actions_enabled() == Some(true)
                && request.alarm_actions() == [TOPIC]
                && request.ok_actions().is_empty()
                && request.tags().contains(&our_tag())
        })
        .then_output(|| PutMetricAlarmOutput::builder().build());
    assert_eq!(alarms(&[&put]).put(&ours(), None).await, Ok(()));
}

#[tokio::test]
async fn a_replaced_alarm_keeps_whom_it_tells_when_it_is_over() {
    let put = mock!(Client::put_metric_alarm)
        .match_requests(|request| request.ok_actions() == ["arn:aws:sns:eu-central-1:111122223333:relief"])
        .then_output(|| PutMetricAlarmOutput::builder().build());
    let was = Alarm { actions_enabled: false, ..ours() };
    assert_eq!(alarms(&[&has(vec![sdk_alarm(NAME)]), &put]).put(&ours(), Some(&was)).await, Ok(()));
}

#[tokio::test]
async fn an_alarm_that_lost_our_tag_gets_it_by_a_call_of_its_own() {
    for (is_ours, calls) in [(true, 0), (false, 1)] {
        let put = mock!(Client::put_metric_alarm).then_output(|| PutMetricAlarmOutput::builder().build());
        let tag = mock!(Client::tag_resource)
            .match_requests(|request| {
                request.resource_arn() == Some(&format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{NAME}"))
                    && request.tags() == [our_tag()]
            })
            .then_output(|| TagResourceOutput::builder().build());
        let was = Alarm { is_ours, ..ours() };
        assert_eq!(alarms(&[&has(vec![sdk_alarm(NAME)]), &put, &tag]).put(&ours(), Some(&was)).await, Ok(()));
        assert_eq!(tag.num_calls(), calls, "{is_ours}");
    }
}
