//! Log groups and their metric filters: looks, makes, lengthens retention. It has no call that deletes one, or shortens what is kept.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{LogGroup as SdkLogGroup, LogGroupClass as SdkClass, MetricFilter as SdkFilter, MetricTransformation};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::{LogGroup, LogGroupClass, MetricFilter, Number, Place};
use reprieve_core::monitoring::{MANAGED_BY, MANAGED_BY_TAG};
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, as_count, code_of, count, is_our_tag, is_ours, known, senseless, sorted, sorted_change};

/// `DescribeLogGroups` and `DescribeMetricFilters` give at most so many a page.
const A_PAGE: i32 = 50;

/// The log groups of a Region.
#[derive(Debug, Clone)]
pub(crate) struct LogGroups {
    pub(crate) client: Client,
    place: Place,
}

impl LogGroups {
    pub(crate) fn new(config: &SdkConfig, place: Place) -> Self {
        Self::over(Client::new(config), place)
    }

    pub(crate) const fn over(client: Client, place: Place) -> Self {
        Self { client, place }
    }

    /// Looks at each log group that is named.
    pub(crate) async fn look(&self, names: impl IntoIterator<Item = String>) -> Vec<(String, Known<LogGroup>)> {
        let looks = stream::iter(names).map(async |name: String| {
            let found = self.look_at(&name).await;
            (name, found)
        });
        looks.buffered(AT_ONCE).collect().await
    }

    async fn look_at(&self, name: &str) -> Known<LogGroup> {
        // The three looks need nothing of one another.
        let (found, filters, tagged) = join!(self.find(name), self.filters(name), self.bears_our_tag(name));
        let group = match found {
            Ok(Some(group)) => group,
            Ok(None) => return Known::Absent,
            Err(error) => return known(Err(error)),
        };
        let class = match group.log_group_class {
            // What is not said is of the only class that there once was.
            None | Some(SdkClass::Standard) => LogGroupClass::Standard,
            Some(_) => LogGroupClass::WithoutMetricFilters,
        };
        Known::Is(LogGroup {
            name: name.to_owned(),
            retention_days: count(group.retention_in_days),
            class,
            is_ours: is_ours(name, tagged),
            filters: known(filters),
        })
    }

    /// Finds the log group of exactly this name, among those whose names begin with it.
    async fn find(&self, name: &str) -> Result<Option<SdkLogGroup>, CallError> {
        let mut pages = self.client.describe_log_groups().log_group_name_prefix(name).limit(A_PAGE).into_paginator().items().send();
        while let Some(group) = pages.try_next().await.map_err(sorted("logs:DescribeLogGroups"))? {
            if group.log_group_name() == Some(name) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    async fn filters(&self, log_group: &str) -> Result<Vec<MetricFilter>, CallError> {
        let call = "logs:DescribeMetricFilters";
        let mut pages = self.client.describe_metric_filters().log_group_name(log_group).limit(A_PAGE).into_paginator().items().send();
        let mut filters = Vec::new();
        while let Some(filter) = pages.try_next().await.map_err(sorted(call))? {
            filters.extend(metric_filter(filter));
        }
        Ok(filters)
    }

    async fn bears_our_tag(&self, log_group: &str) -> Result<bool, CallError> {
        let arn = self.place.arn("logs", &format!("log-group:{log_group}"));
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await.map_err(sorted("logs:ListTagsForResource"))?;
        Ok(answer.tags().is_some_and(|tags| tags.iter().any(|(key, value)| is_our_tag(key, value))))
    }

    /// Makes a log group; one that is there already is as good.
    pub(crate) async fn create(&self, log_group: &str) -> Result<(), CallError> {
        match self.client.create_log_group().log_group_name(log_group).tags(MANAGED_BY_TAG, MANAGED_BY).send().await {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == "ResourceAlreadyExistsException" => Ok(()),
            Err(error) => Err(sorted_change("logs:CreateLogGroup")(error)),
        }
    }

    /// Lengthens retention. What was kept longer stays so.
    pub(crate) async fn put_retention(&self, log_group: &str, days: u32, was_days: Option<u32>) -> Result<(), CallError> {
        let call = "logs:PutRetentionPolicy";
        if let Some(was) = was_days.filter(|was| *was > days) {
            return Err(senseless(call, format!("`{log_group}` keeps events for {was} days; {days} would be fewer")));
        }
        let days = as_count(call, "a retention in days", days)?;
        self.client.put_retention_policy().log_group_name(log_group).retention_in_days(days).send().await.map_err(sorted_change(call))?;
        Ok(())
    }

    /// Makes or replaces a metric filter.
    pub(crate) async fn put_filter(&self, log_group: &str, filter: &MetricFilter) -> Result<(), CallError> {
        let call = "logs:PutMetricFilter";
        let dimensions: HashMap<String, String> = filter.dimensions.clone().into_iter().collect();
        let transformation = MetricTransformation::builder()
            .metric_namespace(&filter.namespace)
            .metric_name(&filter.metric)
            .metric_value(&filter.value)
            .set_default_value(filter.default_value.map(Number::value))
            .set_dimensions(Some(dimensions).filter(|dimensions| !dimensions.is_empty()))
            .build()
            .map_err(|error| senseless(call, error.to_string()))?;
        self.client
            .put_metric_filter()
            .log_group_name(log_group)
            .filter_name(&filter.name)
            .filter_pattern(&filter.pattern)
            .metric_transformations(transformation)
            .send()
            .await
            .map_err(sorted_change(call))?;
        Ok(())
    }
}

/// Reads a filter. One that sees only some of the group's events, or what a transformer made of them, is passed over: it cannot be judged by
/// its pattern, so it serves nothing; and one of ours that was narrowed so is put again, whole.
fn metric_filter(filter: SdkFilter) -> Option<MetricFilter> {
    let is_narrowed = filter.field_selection_criteria().is_some_and(|criteria| !criteria.trim().is_empty());
    if is_narrowed || filter.apply_on_transformed_logs {
        return None;
    }
    let transformation = filter.metric_transformations.unwrap_or_default().into_iter().next()?;
    let system = filter.emit_system_field_dimensions.unwrap_or_default().into_iter().map(|field| (field.clone(), field));
    Some(MetricFilter {
        name: filter.filter_name.unwrap_or_default(),
        pattern: filter.filter_pattern.unwrap_or_default(),
        namespace: transformation.metric_namespace,
        metric: transformation.metric_name,
        value: transformation.metric_value,
        default_value: transformation.default_value.map(Number::of),
        dimensions: transformation.dimensions.unwrap_or_default().into_iter().chain(system).collect(),
    })
}

#[cfg(test)]
#[path = "log_groups_tests.rs"]
mod tests;
