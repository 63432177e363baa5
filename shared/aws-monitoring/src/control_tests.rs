//! The port against scripted services: what one look asks, and what it leaves alone.

use aws_sdk_cloudtrail::operation::describe_trails::{DescribeTrailsError, DescribeTrailsOutput};
use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;
use aws_sdk_cloudtrail::operation::list_tags::ListTagsOutput;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::MetricAlarm;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::{DescribeLogGroupsInput, DescribeLogGroupsOutput};
use aws_sdk_cloudwatchlogs::operation::describe_metric_filters::DescribeMetricFiltersOutput;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::ListTagsForResourceOutput as LogTags;
use aws_sdk_cloudwatchlogs::types::{LogGroup as SdkLogGroup, MetricFilter, MetricTransformation};
use aws_sdk_sns::operation::get_topic_attributes::GetTopicAttributesOutput;
use aws_sdk_sns::operation::list_subscriptions_by_topic::ListSubscriptionsByTopicOutput;
use aws_sdk_sns::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;
use reprieve_core::monitoring::{Baseline, PatternMode, TopicWish, TrailWish};

use super::*;
use crate::scripted::{place, refusal};
use crate::topic_keys::TopicKeys;

const HERE: &str = "arn:aws:logs:eu-central-1:111122223333:log-group:trails:*";
const ELSEWHERE: &str = "arn:aws:logs:us-east-1:111122223333:log-group:elsewhere:*";
const ASKED_FOR: &str = "arn:aws:sns:eu-central-1:111122223333:notices";
const OF_ALARM: &str = "arn:aws:sns:eu-central-1:111122223333:of-alarm";

fn desired() -> Desired {
    Desired {
        place: place(),
        baseline: Baseline { mode: PatternMode::ByMatching, controls: Vec::new() },
        trail: TrailWish { name: "reprieve".to_owned(), bucket: None, prefix: None, key_arn: None, log_role_arn: None },
        log_group: "/reprieve/cloudtrail".to_owned(),
        retention_days: 365,
        topic: TopicWish { arn: ASKED_FOR.to_owned(), subscribers: Vec::new() },
        namespace: "ReprieveMonitoring".to_owned(),
        rules: Vec::new(),
    }
}

fn trails(listing: &Rule) -> Trails {
    let status =
        mock!(aws_sdk_cloudtrail::Client::get_trail_status).then_output(|| GetTrailStatusOutput::builder().is_logging(true).build());
    let selectors = mock!(aws_sdk_cloudtrail::Client::get_event_selectors).then_output(|| GetEventSelectorsOutput::builder().build());
    let tags = mock!(aws_sdk_cloudtrail::Client::list_tags).then_output(|| ListTagsOutput::builder().build());
    let rules = [listing, &status, &selectors, &tags];
    let client = mock_client!(aws_sdk_cloudtrail, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    Trails::over(client, place())
}

fn lists_trails() -> Rule {
    mock!(aws_sdk_cloudtrail::Client::describe_trails).then_output(|| {
        let trail = |name: &str, group: &str| {
            aws_sdk_cloudtrail::types::Trail::builder()
                .trail_arn(format!("arn:aws:cloudtrail:eu-central-1:111122223333:trail/{name}"))
                .home_region("eu-central-1")
                .name(name)
                .cloud_watch_logs_log_group_arn(group)
                .build()
        };
        DescribeTrailsOutput::builder().trail_list(trail("one", HERE)).trail_list(trail("two", ELSEWHERE)).build()
    })
}

/// Every log group is there, and each holds a filter on the metric `Watched`.
fn log_groups() -> LogGroups {
    let describe = mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups).then_compute_output(|request: &DescribeLogGroupsInput| {
        let group = SdkLogGroup::builder().set_log_group_name(request.log_group_name_prefix.clone()).build();
        DescribeLogGroupsOutput::builder().log_groups(group).build()
    });
    let filters = mock!(aws_sdk_cloudwatchlogs::Client::describe_metric_filters).then_output(|| {
        let transformation = MetricTransformation::builder().metric_namespace("CIS").metric_name("Watched").metric_value("1").build();
        let filter = MetricFilter::builder().filter_name("F").filter_pattern("x").metric_transformations(transformation.unwrap());
        DescribeMetricFiltersOutput::builder().metric_filters(filter.build()).build()
    });
    let tags = mock!(aws_sdk_cloudwatchlogs::Client::list_tags_for_resource).then_output(|| LogTags::builder().build());
    LogGroups::over(mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&describe, &filters, &tags]), place())
}

fn alarms() -> Alarms {
    let describe = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(|| {
        let alarm = |metric: &str, actions: &[&str]| {
            let actions = actions.iter().map(|action| (*action).to_owned()).collect();
            MetricAlarm::builder().alarm_name(metric).namespace("CIS").metric_name(metric).set_alarm_actions(Some(actions)).build()
        };
        DescribeAlarmsOutput::builder()
            .metric_alarms(alarm("Watched", &[OF_ALARM, "arn:aws:lambda:eu-central-1:111122223333:function:f", ASKED_FOR]))
            .metric_alarms(alarm("Cpu", &["arn:aws:sns:eu-central-1:111122223333:none-of-our-business"]))
            .build()
    });
    Alarms::over(mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&describe]), place())
}

fn topics(attributes: &Rule) -> Topics {
    let subscriptions =
        mock!(aws_sdk_sns::Client::list_subscriptions_by_topic).then_output(|| ListSubscriptionsByTopicOutput::builder().build());
    let tags = mock!(aws_sdk_sns::Client::list_tags_for_resource).then_output(|| ListTagsForResourceOutput::builder().build());
    let client = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [attributes, &subscriptions, &tags]);
    Topics::over(client, TopicKeys::over(mock_client!(aws_sdk_kms, RuleMode::MatchAny, [] as [&Rule; 0])))
}

fn control(listing: &Rule, attributes: &Rule) -> AwsMonitoringControl {
    AwsMonitoringControl {
        place: place(),
        trails: trails(listing),
        log_groups: log_groups(),
        alarms: alarms(),
        topics: topics(attributes),
        rules: Rules::over(mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [] as [&Rule; 0])),
    }
}

fn any_topic() -> Rule {
    mock!(aws_sdk_sns::Client::get_topic_attributes).then_output(|| GetTopicAttributesOutput::builder().build())
}

#[tokio::test]
async fn log_groups_of_this_place_and_topics_of_the_filters_alarms_are_looked_at() {
    let attributes = any_topic();
    let world = control(&lists_trails(), &attributes).observe(&desired()).await;
    assert_eq!(world.trails.value().unwrap().len(), 2);
    assert_eq!(world.log_groups.keys().collect::<Vec<_>>(), ["/reprieve/cloudtrail", "trails"]);
    assert_eq!(world.topics.keys().collect::<Vec<_>>(), [ASKED_FOR, OF_ALARM]);
    assert_eq!(attributes.num_calls(), 2, "each topic once");
    assert_eq!(world.alarms.value().unwrap().len(), 2);
}

#[tokio::test]
async fn trails_that_cannot_be_read_hide_nothing_else() {
    let denied =
        mock!(aws_sdk_cloudtrail::Client::describe_trails).then_error(|| DescribeTrailsError::generic(refusal("AccessDeniedException")));
    let world = control(&denied, &any_topic()).observe(&desired()).await;
    assert!(world.trails.unreadable_reason().unwrap().starts_with("cloudtrail:DescribeTrails: access denied"));
    assert_eq!(world.log_groups.keys().collect::<Vec<_>>(), ["/reprieve/cloudtrail"]);
    assert!(world.alarms.value().is_some() && world.topics.values().all(|topic| topic.value().is_some()));
}
