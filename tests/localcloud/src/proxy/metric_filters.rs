//! Metric filters: what CloudWatch Logs refuses to store, what it counts, and `TestMetricFilter`.
//!
//! The emulator stores filters and never counts them, so the counting is done here, by the evaluator of the product itself.
//! That proves the path from a record to a person; it does not prove that AWS reads a pattern as the evaluator does.
//!
//! Must not store filters. Patterns of space-delimited fields (`[a, b]`) are taken and count nothing.

use reprieve_core::filter::{FilterError, FilterPattern};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Proxy;
use super::answer::{Answer, Refusal};
use super::call::Call;
use super::caller::Caller;
use super::upstream::Incoming;
use crate::error::LocalCloudError;

/// Most messages of one `TestMetricFilter`.
const MESSAGES: usize = 50;

/// Describes a stored metric filter, as far as it decides what is counted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricFilter {
    #[serde(default)]
    filter_pattern: String,
    #[serde(default)]
    metric_transformations: Vec<Transformation>,
}

/// What a metric filter makes of its matches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transformation {
    metric_name: String,
    metric_namespace: String,
    metric_value: String,
    #[serde(default)]
    default_value: Option<f64>,
    #[serde(default)]
    dimensions: Map<String, Value>,
    #[serde(default)]
    unit: Option<String>,
}

/// A pattern as far as it is understood here.
enum Pattern {
    Read(FilterPattern),
    /// One of space-delimited fields, as CloudWatch Logs takes and the evaluator does not.
    Fields,
}

impl Pattern {
    fn parse(pattern: &str) -> Result<Self, FilterError> {
        if pattern.trim_start().starts_with('[') {
            return Ok(Self::Fields);
        }
        FilterPattern::parse(pattern).map(Self::Read)
    }

    fn matches(&self, message: &str) -> bool {
        match self {
            Self::Read(pattern) => pattern.matches_text(message),
            Self::Fields => false,
        }
    }
}

/// Returns the value that `$.a.b` names in an event.
fn selected<'a>(event: &'a Value, selector: &str) -> Option<&'a Value> {
    selector.strip_prefix("$.")?.split('.').try_fold(event, |value, name| value.get(name))
}

impl Transformation {
    /// Makes the datum of one message; nothing where neither a match nor a default has a value.
    fn datum(&self, message: &str, matched: bool) -> Option<Value> {
        let event: Value = serde_json::from_str(message).unwrap_or_default();
        let number = |text: &str| text.parse().ok().or_else(|| selected(&event, text).and_then(Value::as_f64));
        let value = if matched { number(&self.metric_value) } else { self.default_value };
        let dimensions: Vec<Value> = self
            .dimensions
            .iter()
            .filter_map(|(name, selector)| {
                let value = selected(&event, selector.as_str()?)?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Some(json!({"Name": name, "Value": text}))
            })
            .collect();
        Some(json!({
            "Namespace": self.metric_namespace, "MetricName": self.metric_name, "Value": value?,
            "Unit": self.unit.as_deref().unwrap_or("None"), "Dimensions": dimensions,
        }))
    }
}

/// Counts one message by the filters of its log group.
#[must_use]
pub(crate) fn count(filters: &[MetricFilter], message: &str) -> Vec<Value> {
    let mut data = Vec::new();
    for filter in filters {
        // The emulator may hold a pattern that this proxy never saw, from a template; AWS would have refused a bad one.
        let matched = Pattern::parse(&filter.filter_pattern).is_ok_and(|pattern| pattern.matches(message));
        data.extend(filter.metric_transformations.iter().filter_map(|transformation| transformation.datum(message, matched)));
    }
    data
}

/// What CloudWatch Logs refuses of a metric filter and the emulator does not.
fn refusal(call: &Call) -> Option<Refusal> {
    let refused = |message: &str| Some(Refusal::bad_request("InvalidParameterException", message));
    if call.input.get("filterPattern").is_none_or(Value::is_null) {
        return refused("1 validation error detected: Value null at 'filterPattern' failed to satisfy constraint: Member must not be null");
    }
    if Pattern::parse(call.text("filterPattern").unwrap_or_default()).is_err() {
        return refused("Invalid metric filter pattern");
    }
    if call.operation == "TestMetricFilter" {
        let messages = call.input.get("logEventMessages").and_then(Value::as_array).map_or(0, Vec::len);
        let outside = !(1..=MESSAGES).contains(&messages);
        let problem = "1 validation error detected: Value at 'logEventMessages' failed to satisfy constraint: Member must have length \
                       between 1 and 50";
        return outside.then(|| Refusal::bad_request("InvalidParameterException", problem));
    }
    let transformations: Vec<Transformation> =
        call.input.get("metricTransformations").and_then(|given| Vec::deserialize(given).ok()).unwrap_or_default();
    match transformations.as_slice() {
        [only] if only.default_value.is_some() && !only.dimensions.is_empty() => {
            refused("Invalid metric transformation: dimensions and default value are mutually exclusive")
        }
        [only] if only.metric_value.parse::<f64>().is_err() && !only.metric_value.starts_with('$') => {
            refused("Invalid metric transformation: metricValue is not valid")
        }
        [_] => None,
        _ => refused(
            "1 validation error detected: Value at 'metricTransformations' failed to satisfy constraint: Member must have length less than or equal to 1",
        ),
    }
}

/// Answers `TestMetricFilter`: the messages that match, numbered from 1.
fn tested(call: &Call) -> Value {
    let Ok(pattern) = Pattern::parse(call.text("filterPattern").unwrap_or_default()) else { return json!({"matches": []}) };
    let messages = call.input.get("logEventMessages").and_then(Value::as_array).into_iter().flatten();
    let matches: Vec<Value> = (1..)
        .zip(messages)
        .filter_map(|(number, message): (u64, &Value)| {
            let message = message.as_str()?;
            pattern.matches(message).then(|| json!({"eventNumber": number, "eventMessage": message, "extractedValues": {}}))
        })
        .collect();
    json!({"matches": matches})
}

impl Proxy {
    /// Answers a call of CloudWatch Logs.
    pub(crate) async fn answer_logs(&self, call: &Call, caller: &Caller, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        match call.operation.as_str() {
            "PutMetricFilter" => match refusal(call) {
                Some(refusal) => Ok(Answer::refused(call, &refusal)),
                None => self.upstream.forward(incoming).await,
            },
            "TestMetricFilter" => {
                let answer = self.upstream.forward(incoming).await?;
                // The emulator does not know the operation, but it says first whether the caller may ask.
                match answer.error(call.protocol) {
                    Some((code, _)) if code == "InvalidOperationException" => {}
                    _ => return Ok(answer),
                }
                Ok(refusal(call).map_or_else(|| Answer::said(call, &tested(call)), |refusal| Answer::refused(call, &refusal)))
            }
            "PutLogEvents" => {
                let answer = self.upstream.forward(incoming).await?;
                if answer.status.is_success() {
                    self.count_put_events(call, caller).await?;
                }
                Ok(answer)
            }
            _ => self.upstream.forward(incoming).await,
        }
    }

    /// Counts what somebody put into a log group himself.
    async fn count_put_events(&self, call: &Call, caller: &Caller) -> Result<(), LocalCloudError> {
        let question = json!({"account": caller.account, "region": call.region, "group": call.text("logGroupName")});
        let filters = read_filters(&self.upstream.ask("metric-filters", &question).await?)?;
        let events = call.input.get("logEvents").and_then(Value::as_array).into_iter().flatten();
        let data: Vec<Value> =
            events.filter_map(|event| event.get("message")?.as_str()).flat_map(|message| count(&filters, message)).collect();
        if !data.is_empty() {
            self.upstream.ask("metric-data", &json!({"account": caller.account, "region": call.region, "data": data})).await?;
        }
        Ok(())
    }
}

/// Reads the metric filters of a launcher's answer.
pub(crate) fn read_filters(answer: &Value) -> Result<Vec<MetricFilter>, LocalCloudError> {
    let filters = answer.get("filters").cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(filters)
        .map_err(|error| LocalCloudError::Emulator { request: "list metric filters".to_owned(), problem: error.to_string() })
}

#[cfg(test)]
#[path = "metric_filters_tests.rs"]
mod tests;
