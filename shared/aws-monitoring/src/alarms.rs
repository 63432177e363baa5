//! Metric alarms: looks at all, makes and replaces ours. It has no call that deletes an alarm, or disables one's actions.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Dimension, MetricAlarm, StandardUnit, Statistic, Tag};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, stream};
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::{Alarm, Number, Place};
use reprieve_core::monitoring::{FILTER_PREFIX, MANAGED_BY, MANAGED_BY_TAG};
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, as_count, count, is_our_tag, is_ours, sorted, sorted_change};

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";
const PUT: &str = "cloudwatch:PutMetricAlarm";
const TAG: &str = "cloudwatch:TagResource";

/// `DescribeAlarms` gives at most so many alarms a page.
const A_PAGE: i32 = 100;

/// The metric alarms of a Region.
#[derive(Debug, Clone)]
pub(crate) struct Alarms {
    client: Client,
    place: Place,
}

impl Alarms {
    pub(crate) fn new(config: &SdkConfig, place: Place) -> Self {
        Self::over(Client::new(config), place)
    }

    pub(crate) const fn over(client: Client, place: Place) -> Self {
        Self { client, place }
    }

    /// Looks at all metric alarms, and at the tags of those that bear our names.
    pub(crate) async fn look(&self) -> Known<Vec<Alarm>> {
        let listed = match self.list().await {
            Ok(listed) => listed,
            // A Region without alarms is an empty list, never an error.
            Err(error) => return Known::Unreadable(error.to_string()),
        };
        let tagged = stream::iter(listed).map(async |alarm| {
            let is_ours = self.is_ours(&alarm).await;
            read(alarm, is_ours)
        });
        Known::Is(tagged.buffered(AT_ONCE).collect().await)
    }

    async fn list(&self) -> Result<Vec<MetricAlarm>, CallError> {
        let request = self.client.describe_alarms().alarm_types(AlarmType::MetricAlarm).max_records(A_PAGE);
        let mut pages = request.into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.try_next().await.map_err(sorted(DESCRIBE))? {
            alarms.extend(page.metric_alarms.unwrap_or_default());
        }
        Ok(alarms)
    }

    /// Says whether an alarm bears our tag; only alarms that bear our names are asked.
    async fn is_ours(&self, alarm: &MetricAlarm) -> bool {
        let name = alarm.alarm_name().unwrap_or_default();
        if !name.starts_with(FILTER_PREFIX) {
            return false;
        }
        let arn = alarm.alarm_arn().map_or_else(|| self.arn(name), str::to_owned);
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(sorted("cloudwatch:ListTagsForResource"));
        is_ours(
            name,
            answer.map(|answer| answer.tags().iter().any(|tag| is_our_tag(tag.key().unwrap_or_default(), tag.value().unwrap_or_default()))),
        )
    }

    /// Makes or replaces an alarm. Whom it tells when it is over, which people may have added, stays.
    pub(crate) async fn put(&self, alarm: &Alarm, was: Option<&Alarm>) -> Result<(), CallError> {
        let there = if was.is_some() { self.find(&alarm.name).await? } else { None };
        let (ok_actions, insufficient_data_actions) =
            there.map_or((None, None), |there| (there.ok_actions, there.insufficient_data_actions));
        let dimensions = alarm.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
        let statistic = Some(alarm.statistic.as_str()).filter(|statistic| !statistic.is_empty()).map(Statistic::from);
        let at_least = alarm.datapoints_to_alarm.map(|number| as_count(PUT, "a number of datapoints", number)).transpose()?;
        self.client
            .put_metric_alarm()
            .alarm_name(&alarm.name)
            .alarm_description(&alarm.description)
            .namespace(&alarm.namespace)
            .metric_name(&alarm.metric)
            .set_dimensions(Some(dimensions))
            .set_statistic(statistic)
            .period(as_count(PUT, "a period in seconds", alarm.period_seconds)?)
            .set_unit(alarm.unit.as_deref().map(StandardUnit::from))
            .evaluation_periods(as_count(PUT, "a number of periods", alarm.evaluation_periods)?)
            .set_datapoints_to_alarm(at_least)
            .threshold(alarm.threshold.value())
            .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
            .treat_missing_data(&alarm.missing_data)
            .actions_enabled(alarm.actions_enabled)
            .set_alarm_actions(Some(alarm.alarm_actions.clone()))
            .set_ok_actions(ok_actions)
            .set_insufficient_data_actions(insufficient_data_actions)
            .tags(our_tag())
            .send()
            .await
            .map_err(sorted_change(PUT))?;
        // Tags given with an alarm count at its creation alone.
        if was.is_some_and(|was| !was.is_ours) { self.tag(&alarm.name).await } else { Ok(()) }
    }

    async fn find(&self, name: &str) -> Result<Option<MetricAlarm>, CallError> {
        let request = self.client.describe_alarms().alarm_types(AlarmType::MetricAlarm).alarm_names(name);
        let answer = request.send().await.map_err(sorted(DESCRIBE))?;
        Ok(answer.metric_alarms.unwrap_or_default().into_iter().find(|alarm| alarm.alarm_name() == Some(name)))
    }

    async fn tag(&self, name: &str) -> Result<(), CallError> {
        self.client.tag_resource().resource_arn(self.arn(name)).tags(our_tag()).send().await.map_err(sorted_change(TAG))?;
        Ok(())
    }

    fn arn(&self, name: &str) -> String {
        self.place.arn("cloudwatch", &format!("alarm:{name}"))
    }
}

fn our_tag() -> Tag {
    Tag::builder().key(MANAGED_BY_TAG).value(MANAGED_BY).build()
}

fn read(alarm: MetricAlarm, is_ours: bool) -> Alarm {
    let dimensions: BTreeMap<String, String> = alarm
        .dimensions
        .unwrap_or_default()
        .into_iter()
        .map(|dimension| (dimension.name.unwrap_or_default(), dimension.value.unwrap_or_default()))
        .collect();
    Alarm {
        name: alarm.alarm_name.unwrap_or_default(),
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric: alarm.metric_name.unwrap_or_default(),
        dimensions,
        statistic: alarm.statistic.map(|statistic| statistic.as_str().to_owned()).unwrap_or_default(),
        period_seconds: count(alarm.period).unwrap_or_default(),
        unit: alarm.unit.map(|unit| unit.as_str().to_owned()),
        evaluation_periods: count(alarm.evaluation_periods).unwrap_or_default(),
        datapoints_to_alarm: count(alarm.datapoints_to_alarm),
        threshold: Number::of(alarm.threshold.unwrap_or_default()),
        comparison: alarm.comparison_operator.map(|comparison| comparison.as_str().to_owned()).unwrap_or_default(),
        // What is not said is CloudWatch's default.
        missing_data: alarm.treat_missing_data.unwrap_or_else(|| "missing".to_owned()),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
        alarm_actions: alarm.alarm_actions.unwrap_or_default(),
        is_ours,
    }
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
