//! Changes in one line each, with the field that decides.

use reprieve_core::monitoring::world::{Alarm, FieldSelector, MetricFilter, Selectors};
use reprieve_core::monitoring::{Change, Desired};
use serde_json::Value;

/// Says a change.
pub(crate) fn say(change: &Change, desired: &Desired) -> String {
    let name = change.name();
    match change {
        Change::CreateLogGroup { log_group } => format!("{name} {log_group}"),
        Change::PutRetentionPolicy { log_group, days, was_days } => {
            let was = was_days.map_or_else(String::new, |was| format!(" was {was}"));
            format!("{name} {log_group} {days}{was}")
        }
        Change::CreateTrail { name: trail, bucket, prefix, key_arn, log_group_arn, .. } => {
            let files = files(Some(bucket), prefix.as_ref(), key_arn.as_ref());
            format!("{name} {trail}{files} feeding {}", last(log_group_arn))
        }
        Change::UpdateTrail { trail, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn } => {
            let mut said = format!("{name} {}", last(trail));
            for (is_said, what) in [(*multi_region, " multi-region"), (*global_services, " global"), (*log_file_validation, " validation")]
            {
                said.push_str(if is_said { what } else { "" });
            }
            let fed = feeds.as_ref().map_or_else(String::new, |feed| format!(" feeding {}", last(&feed.log_group_arn)));
            said + &fed + &files(bucket.as_ref(), prefix.as_ref(), key_arn.as_ref())
        }
        Change::PutEventSelectors { trail, selectors, .. } => format!("{name} {} {}", last(trail), selection(selectors)),
        Change::StartLogging { trail } => format!("{name} {}", last(trail)),
        Change::CreateTopic { topic } => format!("{name} {}", last(topic)),
        Change::SetTopicPolicy { topic, policy } => format!("{name} {} policy {}", last(topic), sids(policy)),
        Change::RemoveTopicKey { topic, was } => format!("{name} {} without {was}", last(topic)),
        Change::Subscribe { topic, subscriber } => format!("{name} {} {}={}", last(topic), subscriber.protocol, subscriber.endpoint),
        Change::PutMetricFilter { log_group, filter, was } => {
            format!("{name} {} in {log_group}{}{}", filter.name, was.as_ref().map_or("", |_| " again"), filter_flaw(filter, desired))
        }
        Change::PutMetricAlarm { alarm, was } => {
            let again = was.as_ref().map_or("", |_| " again");
            let told: Vec<&str> = alarm.alarm_actions.iter().map(|action| last(action)).collect();
            format!("{name} {} on {}/{}{again} telling {}{}", alarm.name, alarm.namespace, alarm.metric, told.join("+"), alarm_flaw(alarm))
        }
        Change::PutRule { rule, pattern, .. } => {
            let is_wanted = desired.rules.iter().any(|wish| wish.name == *rule && wish.pattern == *pattern);
            format!("{name} {rule}{}", if is_wanted { "" } else { " UNLIKE the wish" })
        }
        Change::EnableRule { rule } => format!("{name} {rule}"),
        Change::PutTargets { rule, target_arn, .. } => format!("{name} {rule} to {}", last(target_arn)),
    }
}

/// Says where files go, and by what they are encrypted.
fn files(bucket: Option<&String>, prefix: Option<&String>, key_arn: Option<&String>) -> String {
    let bucket = bucket.map_or_else(String::new, |bucket| format!(" to {bucket}"));
    let prefix = prefix.map_or_else(String::new, |prefix| format!(" under `{prefix}`"));
    let key = key_arn.map_or_else(String::new, |key| format!(" by {}", last(key)));
    bucket + &prefix + &key
}

/// Returns the last part of an ARN, or the whole of a name.
fn last(arn: &str) -> &str {
    let arn = arn.strip_suffix(":*").unwrap_or(arn);
    let part = arn.rsplit(':').next().unwrap_or(arn);
    part.strip_prefix("trail/").unwrap_or(part)
}

fn selection(selectors: &Selectors) -> String {
    match selectors {
        Selectors::Basic(selectors) => {
            let said = selectors.iter().map(|selector| {
                let data: Vec<&str> = selector.data_resources.iter().map(|(kind, _)| kind.as_str()).collect();
                match (selector.includes_management_events, selector.excluded_sources.join("+")) {
                    (true, left_out) if left_out.is_empty() => format!("management:{}", selector.read_write_type),
                    (true, left_out) => format!("management:{} without {left_out}", selector.read_write_type),
                    (false, _) => format!("data:{}:{}", selector.read_write_type, data.join("+")),
                }
            });
            said.collect::<Vec<_>>().join(", ")
        }
        Selectors::Advanced(selectors) => {
            let said = selectors.iter().map(|selector| selector.fields.iter().map(field).collect::<Vec<_>>().join(" and "));
            said.collect::<Vec<_>>().join(", ")
        }
    }
}

fn field(field: &FieldSelector) -> String {
    let equals = if field.equals.is_empty() { String::new() } else { format!("={}", field.equals.join("+")) };
    let differs = if field.not_equals.is_empty() { String::new() } else { format!("!={}", field.not_equals.join("+")) };
    format!("{}{equals}{differs}", field.field)
}

fn sids(policy: &str) -> String {
    let policy: Value = serde_json::from_str(policy).expect("a policy is JSON");
    let statements = policy["Statement"].as_array().expect("a policy has statements");
    statements.iter().map(|statement| statement["Sid"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>().join("+")
}

/// Says how a filter differs from what its control asks for. A wanted one says nothing.
fn filter_flaw(filter: &MetricFilter, desired: &Desired) -> String {
    let control = desired.baseline.controls.iter().find(|control| control.name == filter.name);
    let is_wanted = control.is_some_and(|control| control.pattern == filter.pattern)
        && (filter.metric.as_str(), filter.namespace.as_str(), filter.value.as_str())
            == (filter.name.as_str(), desired.namespace.as_str(), "1")
        && filter.dimensions.is_empty();
    if is_wanted { String::new() } else { format!(" UNLIKE the control: {filter:?}") }
}

/// Says how an alarm differs from what the benchmark audits.
fn alarm_flaw(alarm: &Alarm) -> String {
    let is_wanted = (alarm.statistic.as_str(), alarm.period_seconds, alarm.evaluation_periods) == ("Sum", 300, 1)
        && alarm.datapoints_to_alarm.is_none_or(|points| points == 1)
        && (alarm.threshold.value() - 1.0).abs() < f64::EPSILON
        && (alarm.comparison.as_str(), alarm.missing_data.as_str()) == ("GreaterThanOrEqualToThreshold", "notBreaching")
        && alarm.actions_enabled
        && alarm.dimensions.is_empty()
        && alarm.unit.is_none()
        && alarm.is_ours;
    if is_wanted { String::new() } else { format!(" UNLIKE the benchmark: {alarm:?}") }
}
