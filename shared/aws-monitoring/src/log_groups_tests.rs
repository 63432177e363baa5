//! The log groups against scripted answers: exact names, filters that can be judged, retention that only grows.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::{DescribeLogGroupsError, DescribeLogGroupsOutput};
use aws_sdk_cloudwatchlogs::operation::describe_metric_filters::{
    DescribeMetricFiltersError, DescribeMetricFiltersInput, DescribeMetricFiltersOutput,
};
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::{ListTagsForResourceError, ListTagsForResourceOutput};
use aws_sdk_cloudwatchlogs::operation::put_metric_filter::PutMetricFilterOutput;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::PutRetentionPolicyOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{kind, place, refusal};

const GROUP: &str = "/reprieve/cloudtrail";

fn groups(rules: &[&Rule]) -> LogGroups {
    let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    LogGroups::over(client, place())
}

fn lists(names: &'static [&str]) -> Rule {
    mock!(Client::describe_log_groups).match_requests(|request| request.log_group_name_prefix() == Some(GROUP)).then_output(|| {
        let group = |name: &&str| SdkLogGroup::builder().log_group_name(*name).retention_in_days(365).build();
        DescribeLogGroupsOutput::builder().set_log_groups(Some(names.iter().map(group).collect())).build()
    })
}

fn filter(name: &str) -> aws_sdk_cloudwatchlogs::types::builders::MetricFilterBuilder {
    let transformation = MetricTransformation::builder().metric_namespace("CIS").metric_name(name).metric_value("1").default_value(0.0);
    SdkFilter::builder().filter_name(name).filter_pattern("{ $.a = 1 }").metric_transformations(transformation.build().unwrap())
}

fn has_filters(filters: Vec<SdkFilter>) -> Rule {
    mock!(Client::describe_metric_filters)
        .then_output(move || DescribeMetricFiltersOutput::builder().set_metric_filters(Some(filters.clone())).build())
}

fn bears_our_tag() -> Rule {
    mock!(Client::list_tags_for_resource)
        .match_requests(|request| request.resource_arn() == Some("arn:aws:logs:eu-central-1:111122223333:log-group:/reprieve/cloudtrail"))
        .then_output(|| ListTagsForResourceOutput::builder().tags(MANAGED_BY_TAG, MANAGED_BY).build())
}

async fn look(groups: &LogGroups) -> Known<LogGroup> {
    groups.look([GROUP.to_owned()]).await.remove(0).1
}

#[tokio::test]
async fn a_log_group_is_found_by_its_exact_name() {
    let found =
        look(&groups(&[&lists(&["/reprieve/cloudtrail-old", GROUP]), &has_filters(vec![filter("F").build()]), &bears_our_tag()])).await;
    let filter = MetricFilter {
        name: "F".to_owned(),
        pattern: "{ $.a = 1 }".to_owned(),
        namespace: "CIS".to_owned(),
        metric: "F".to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    };
    let group = LogGroup {
        name: GROUP.to_owned(),
        retention_days: Some(365),
        class: LogGroupClass::Standard,
        is_ours: true,
        filters: Known::Is(vec![filter]),
    };
    assert_eq!(found, Known::Is(group));
}

#[tokio::test]
async fn one_whose_name_only_begins_so_is_another() {
    let no_filters =
        mock!(Client::describe_metric_filters).then_error(|| DescribeMetricFiltersError::generic(refusal("ResourceNotFoundException")));
    let no_tags =
        mock!(Client::list_tags_for_resource).then_error(|| ListTagsForResourceError::generic(refusal("ResourceNotFoundException")));
    assert_eq!(look(&groups(&[&lists(&["/reprieve/cloudtrail-old"]), &no_filters, &no_tags])).await, Known::Absent);
}

#[tokio::test]
async fn what_cannot_be_read_says_so_in_its_part() {
    let denied = mock!(Client::describe_log_groups).then_error(|| DescribeLogGroupsError::generic(refusal("AccessDeniedException")));
    let found = look(&groups(&[&denied, &has_filters(Vec::new()), &bears_our_tag()])).await;
    assert!(found.unreadable_reason().unwrap().starts_with("logs:DescribeLogGroups: access denied"), "{found:?}");
    let denied =
        mock!(Client::describe_metric_filters).then_error(|| DescribeMetricFiltersError::generic(refusal("AccessDeniedException")));
    let found = look(&groups(&[&lists(&[GROUP]), &denied, &bears_our_tag()])).await;
    let filters = &found.value().unwrap().filters;
    assert!(filters.unreadable_reason().unwrap().starts_with("logs:DescribeMetricFilters: access denied"), "{filters:?}");
}

#[tokio::test]
async fn all_pages_of_filters_are_read() {
    let pages = mock!(Client::describe_metric_filters).then_compute_output(|request: &DescribeMetricFiltersInput| {
        let (name, next) = if request.next_token().is_none() { ("first", Some("2".to_owned())) } else { ("second", None) };
        DescribeMetricFiltersOutput::builder().metric_filters(filter(name).build()).set_next_token(next).build()
    });
    let found = look(&groups(&[&lists(&[GROUP]), &pages, &bears_our_tag()])).await;
    let filters = found.value().unwrap().filters.value().unwrap();
    assert_eq!(filters.iter().map(|filter| filter.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
}

#[tokio::test]
async fn filters_that_their_pattern_does_not_describe_are_passed_over() {
    let filters = vec![
        filter("of one account").field_selection_criteria("@aws.account = 1").build(),
        filter("of transformed events").apply_on_transformed_logs(true).build(),
        SdkFilter::builder().filter_name("without a metric").filter_pattern("{ $.a = 1 }").build(),
        filter("whole").field_selection_criteria(" ").emit_system_field_dimensions("@aws.account").build(),
    ];
    let found = look(&groups(&[&lists(&[GROUP]), &has_filters(filters), &bears_our_tag()])).await;
    let [filter] = found.value().unwrap().filters.value().unwrap().as_slice() else { panic!("{found:?}") };
    assert_eq!((filter.name.as_str(), filter.dimensions.keys().next().unwrap().as_str()), ("whole", "@aws.account"));
}

#[tokio::test]
async fn the_class_says_whether_metric_filters_are_taken() {
    for (class, expected) in [
        (SdkClass::Standard, LogGroupClass::Standard),
        (SdkClass::InfrequentAccess, LogGroupClass::WithoutMetricFilters),
        (SdkClass::Delivery, LogGroupClass::WithoutMetricFilters),
    ] {
        let lists = mock!(Client::describe_log_groups).then_output(move || {
            let group = SdkLogGroup::builder().log_group_name(GROUP).log_group_class(class.clone()).build();
            DescribeLogGroupsOutput::builder().log_groups(group).build()
        });
        let found = look(&groups(&[&lists, &has_filters(Vec::new()), &bears_our_tag()])).await;
        let group = found.value().unwrap();
        assert_eq!((group.class, group.retention_days), (expected, None));
    }
}

#[tokio::test]
async fn a_log_group_that_is_there_already_counts_as_made() {
    for (code, expected) in [("ResourceAlreadyExistsException", Ok(())), ("OperationAbortedException", Err("throttled"))] {
        let rule = mock!(Client::create_log_group)
            .match_requests(|request| request.tags().is_some_and(|tags| tags.get(MANAGED_BY_TAG).is_some_and(|by| by == MANAGED_BY)))
            .then_error(move || CreateLogGroupError::generic(refusal(code)));
        assert_eq!(groups(&[&rule]).create(GROUP).await.map_err(|error| kind(&error)), expected, "{code}");
    }
}

#[tokio::test]
async fn retention_is_lengthened_and_never_shortened() {
    let put = mock!(Client::put_retention_policy)
        .match_requests(|request| request.retention_in_days() == Some(365) && request.log_group_name() == Some(GROUP))
        .then_output(|| PutRetentionPolicyOutput::builder().build());
    let groups = groups(&[&put]);
    for (was, expected) in [(None, Ok(())), (Some(90), Ok(())), (Some(400), Err("rejected"))] {
        assert_eq!(groups.put_retention(GROUP, 365, was).await.map_err(|error| kind(&error)), expected, "{was:?}");
    }
    assert_eq!(put.num_calls(), 2);
}

#[tokio::test]
async fn a_filter_is_put_with_its_one_transformation() {
    let put = mock!(Client::put_metric_filter)
        .match_requests(|request| {
            let [transformation] = request.metric_transformations() else { return false };
            request.log_group_name() == Some(GROUP)
                && request.filter_name() == Some("F")
                && request.filter_pattern() == Some("{ $.a = 1 }")
                && transformation.metric_value() == "1"
                && transformation.default_value() == Some(0.0)
                && transformation.dimensions().is_none()
        })
        .then_output(|| PutMetricFilterOutput::builder().build());
    let filter = metric_filter(filter("F").build()).unwrap();
    assert_eq!(groups(&[&put]).put_filter(GROUP, &filter).await, Ok(()));
}
