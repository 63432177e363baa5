//! A change as people read it: what is made, and what becomes of each field that is changed. It renders; it decides nothing.
//!
//! The plan that is shown is the plan that is carried out: everything here is read off the [`Change`] itself.

mod page;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::change::{Change, Feed};
use super::plan::MonitoringPlan;
use super::world::{AdvancedSelector, Alarm, BasicSelector, FieldSelector, MetricFilter, Selectors};
use super::{MANAGED_BY, MANAGED_BY_TAG};

/// The width of a line, in characters; old and new stand below each other where one line does not hold both.
pub const WIDTH: usize = 100;

/// Whether something is made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is made.
    Created,
    /// It is changed.
    Changed,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "+",
            Self::Changed => "~",
        })
    }
}

/// A field of what is made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in words.
    pub name: &'static str,
    /// What it was, where that is known.
    pub was: Option<String>,
    /// What it becomes; several lines where it is long.
    pub becomes: String,
}

/// A change, ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeDiff {
    /// Whether something is made or changed.
    pub mark: Mark,
    /// What.
    pub what: String,
    /// Its fields: all of what is made, and of what is changed those that change.
    pub fields: Vec<Field>,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, was, becomes } = self;
        let in_one_line = match was {
            Some(was) => format!("{name}: {} -> {}", shown(was), shown(becomes)),
            None => format!("{name}: {becomes}"),
        };
        if in_one_line.chars().count() + 4 <= WIDTH && !in_one_line.contains('\n') {
            return write!(f, "    {in_one_line}");
        }
        write!(f, "    {name}:")?;
        for line in was.iter().flat_map(|was| was.lines()) {
            write!(f, "\n{}", page::hanging("      - ", line))?;
        }
        let sign = if was.is_some() { "      + " } else { "      " };
        becomes.lines().try_for_each(|line| write!(f, "\n{}", page::hanging(sign, line)))
    }
}

impl fmt::Display for ChangeDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&page::hanging(&format!("{} ", self.mark), &self.what))?;
        self.fields.iter().try_for_each(|field| write!(f, "\n{field}"))
    }
}

/// Renders a whole plan as text: the changes, what a human must know or do, how the controls stand, and the whole in a sentence.
#[must_use]
pub fn text(plan: &MonitoringPlan) -> String {
    let changes = plan.changes.iter().map(|change| diff(change).to_string());
    let parts = [
        changes.collect::<Vec<_>>().join("\n"),
        plan.findings.iter().map(page::finding).collect::<Vec<_>>().join("\n"),
        page::controls(&plan.controls),
        page::hanging("", &plan.summary()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Renders one change.
#[must_use]
pub fn diff(change: &Change) -> ChangeDiff {
    match change {
        Change::CreateLogGroup { log_group } => made(format!("log group `{log_group}`"), &[]),
        Change::PutRetentionPolicy { log_group, days, was_days } => {
            let kept = |days: &u32| vec![("keeps events for", format!("{days} days"))];
            compared(format!("retention of log group `{log_group}`"), &kept(days), was_days.as_ref().map(kept))
        }
        Change::CreateTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn } => {
            let fields = [
                ("bucket", bucket.clone()),
                ("prefix", prefix.clone().unwrap_or_default()),
                ("key", key_arn.clone().unwrap_or_default()),
                ("records", "every Region, global services".to_owned()),
                ("log file validation", "on".to_owned()),
                ("feeds", log_group_arn.clone()),
                ("by the role", log_role_arn.clone()),
            ];
            whole(format!("trail `{name}`"), &fields)
        }
        Change::UpdateTrail { trail, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn } => {
            let switches = [
                multi_region.then(|| field("records", "one Region", "every Region")),
                global_services.then(|| field("global services", "left out", "recorded")),
                log_file_validation.then(|| field("log file validation", "off", "on")),
            ];
            let files = [("bucket", bucket), ("prefix", prefix), ("key", key_arn)];
            let files = files.into_iter().filter_map(|(name, value)| Some(Field { name, was: None, becomes: shown(value.as_ref()?) }));
            let fields = switches.into_iter().flatten().chain(feeds.iter().flat_map(fields_of_feed)).chain(files);
            changed(format!("trail `{trail}`"), fields.collect())
        }
        Change::PutEventSelectors { trail, selectors, was } => {
            let events = Field { name: "events", was: was.as_ref().map(selectors_in_words), becomes: selectors_in_words(selectors) };
            changed(format!("what trail `{trail}` records"), vec![events])
        }
        Change::StartLogging { trail } => changed(format!("trail `{trail}`"), vec![field("recording", "stopped", "started")]),
        Change::CreateTopic { topic } => made(format!("topic `{topic}`"), &[]),
        Change::SetTopicPolicy { topic, policy } => {
            changed(format!("policy of topic `{topic}`"), vec![Field { name: "statements", was: None, becomes: statements(policy) }])
        }
        Change::RemoveTopicKey { topic, was } => {
            changed(format!("encryption of topic `{topic}`"), vec![field("key", was, "SNS's own, at rest")])
        }
        Change::Subscribe { topic, subscriber } => {
            made(format!("subscription of `{}` ({}) to `{topic}`", subscriber.endpoint, subscriber.protocol), &[])
        }
        Change::PutMetricFilter { log_group, filter, was } => {
            let what = format!("metric filter `{}` of `{log_group}`", filter.name);
            match was {
                None => whole(what, &fields_of_made_filter(filter)),
                Some(was) => compared(what, &fields_of_filter(filter), Some(fields_of_filter(was))),
            }
        }
        Change::PutMetricAlarm { alarm, was } => {
            let what = format!("alarm `{}`", alarm.name);
            match was {
                None => whole(what, &fields_of_made_alarm(alarm)),
                Some(was) => compared(what, &fields_of_alarm(alarm), Some(fields_of_alarm(was))),
            }
        }
        Change::PutRule { rule, pattern, was } => {
            let fields = |pattern: &String| vec![("pattern", pattern.clone())];
            compared(format!("event rule `{rule}`"), &fields(pattern), was.as_ref().map(fields))
        }
        Change::EnableRule { rule } => changed(format!("event rule `{rule}`"), vec![field("state", "disabled", "enabled")]),
        Change::PutTargets { rule, target_arn, dead_letter_arn } => {
            made(format!("target of event rule `{rule}`"), &[("feeds", target_arn), ("what cannot be handed over", dead_letter_arn)])
        }
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() { "(none)".to_owned() } else { text.to_owned() }
}

fn made(what: String, fields: &[(&'static str, &str)]) -> ChangeDiff {
    let fields = fields.iter().map(|(name, value)| Field { name, was: None, becomes: (*value).to_owned() });
    ChangeDiff { mark: Mark::Created, what, fields: fields.collect() }
}

const fn changed(what: String, fields: Vec<Field>) -> ChangeDiff {
    ChangeDiff { mark: Mark::Changed, what, fields }
}

fn field(name: &'static str, was: &str, becomes: &str) -> Field {
    Field { name, was: Some(was.to_owned()), becomes: becomes.to_owned() }
}

/// Shows all that is made, but for what it does not have.
fn whole(what: String, fields: &[(&'static str, String)]) -> ChangeDiff {
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    made(what, &fields.map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

/// Shows all that is made, or of what is replaced the fields that differ. Both lists hold the same fields in the same order.
fn compared(what: String, fields: &[(&'static str, String)], was: Option<Vec<(&'static str, String)>>) -> ChangeDiff {
    let Some(was) = was else {
        return whole(what, fields);
    };
    let differing = fields.iter().zip(&was).filter(|(new, old)| new.1 != old.1);
    changed(what, differing.map(|((name, becomes), (_, was))| field(name, was, becomes)).collect())
}

fn fields_of_feed(feed: &Feed) -> [Field; 2] {
    let becomes = |name, value: &String| Field { name, was: None, becomes: value.clone() };
    [becomes("feeds", &feed.log_group_arn), becomes("by the role", &feed.log_role_arn)]
}

/// Many filters and alarms are made at once: what they count and when they go off stands in one line.
fn fields_of_made_filter(filter: &MetricFilter) -> Vec<(&'static str, String)> {
    let otherwise = filter.default_value.map(|number| format!(", otherwise {}", number.value())).unwrap_or_default();
    vec![
        ("pattern", filter.pattern.clone()),
        ("metric", format!("{} / {}", filter.namespace, filter.metric)),
        ("counts", format!("{}{otherwise}", filter.value)),
        ("dimensions", pairs(&filter.dimensions)),
    ]
}

fn fields_of_made_alarm(alarm: &Alarm) -> Vec<(&'static str, String)> {
    let Alarm { statistic, period_seconds, evaluation_periods, comparison, missing_data, .. } = alarm;
    let of = alarm.datapoints_to_alarm.unwrap_or(*evaluation_periods);
    let threshold = alarm.threshold.value();
    let periods = match evaluation_periods {
        1 => format!("{period_seconds} seconds"),
        all => format!("{of} of {all} periods of {period_seconds} seconds"),
    };
    let condition = format!("{statistic} {comparison} {threshold} in {periods}; missing data {missing_data}");
    vec![
        ("description", alarm.description.clone()),
        ("metric", format!("{} / {}", alarm.namespace, alarm.metric)),
        ("dimensions", pairs(&alarm.dimensions)),
        ("goes off at", condition),
        ("actions", actions(alarm)),
        ("tells", alarm.alarm_actions.join("\n")),
        ("tag", tag(alarm)),
    ]
}

fn actions(alarm: &Alarm) -> String {
    if alarm.actions_enabled { "enabled" } else { "disabled" }.to_owned()
}

fn tag(alarm: &Alarm) -> String {
    if alarm.is_ours { format!("{MANAGED_BY_TAG}={MANAGED_BY}") } else { String::new() }
}

fn fields_of_filter(filter: &MetricFilter) -> Vec<(&'static str, String)> {
    vec![
        ("pattern", filter.pattern.clone()),
        ("metric", format!("{} / {}", filter.namespace, filter.metric)),
        ("counts", filter.value.clone()),
        ("otherwise", filter.default_value.map(|number| number.value().to_string()).unwrap_or_default()),
        ("dimensions", pairs(&filter.dimensions)),
    ]
}

fn fields_of_alarm(alarm: &Alarm) -> Vec<(&'static str, String)> {
    let of = alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods);
    vec![
        ("description", alarm.description.clone()),
        ("metric", format!("{} / {}", alarm.namespace, alarm.metric)),
        ("dimensions", pairs(&alarm.dimensions)),
        ("statistic", alarm.statistic.clone()),
        ("period", format!("{} seconds", alarm.period_seconds)),
        ("unit", alarm.unit.clone().unwrap_or_default()),
        ("goes off after", format!("{of} of {} periods", alarm.evaluation_periods)),
        ("threshold", format!("{} {}", alarm.comparison, alarm.threshold.value())),
        ("missing data", alarm.missing_data.clone()),
        ("actions", actions(alarm)),
        ("tells", alarm.alarm_actions.join("\n")),
        ("tag", tag(alarm)),
    ]
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

fn selectors_in_words(selectors: &Selectors) -> String {
    let lines: Vec<String> = match selectors {
        Selectors::Basic(selectors) => selectors.iter().map(basic_in_words).collect(),
        Selectors::Advanced(selectors) => selectors.iter().map(advanced_in_words).collect(),
    };
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

fn basic_in_words(selector: &BasicSelector) -> String {
    let management = if selector.includes_management_events { "management events" } else { "no management events" };
    let excluded = match selector.excluded_sources.as_slice() {
        [] => String::new(),
        sources => format!(", without {}", sources.join(", ")),
    };
    let data: Vec<String> = selector.data_resources.iter().map(|(kind, values)| format!("; {kind}: {}", values.join(", "))).collect();
    format!("{management}, {}{excluded}{}", selector.read_write_type, data.concat())
}

fn advanced_in_words(selector: &AdvancedSelector) -> String {
    let fields = selector.fields.iter().flat_map(field_in_words).collect::<Vec<_>>().join("; ");
    selector.name.as_ref().map_or_else(|| fields.clone(), |name| format!("{name}: {fields}"))
}

fn field_in_words(selector: &FieldSelector) -> Vec<String> {
    let operators = [
        ("is", &selector.equals),
        ("starts with", &selector.starts_with),
        ("ends with", &selector.ends_with),
        ("is not", &selector.not_equals),
        ("does not start with", &selector.not_starts_with),
        ("does not end with", &selector.not_ends_with),
    ];
    let used = operators.into_iter().filter(|(_, values)| !values.is_empty());
    used.map(|(operator, values)| format!("{} {operator} {}", selector.field, values.join(" or "))).collect()
}

/// The statements of a policy, one a line; the policy as it is where it is none.
fn statements(policy: &str) -> String {
    let parsed = serde_json::from_str::<Value>(policy).ok();
    match parsed.as_ref().and_then(|policy| policy.get("Statement")) {
        Some(Value::Array(statements)) => statements.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
        Some(statement) => statement.to_string(),
        None => policy.to_owned(),
    }
}
