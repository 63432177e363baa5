//! The bodies that the Functions host sends to a custom handler: `{"Data": {"<binding>": …}, "Metadata": {…}}`.
//!
//! Must not look into events: they are carried as they are, in the form asked for.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The form in which the value of a binding is sent: the host's own form depends on the trigger and on its version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayloadForm {
    /// As JSON: an object, or a list of objects.
    #[default]
    Json,
    /// As text that is JSON; of a list, every item.
    Text,
    /// As text that is JSON of such a text.
    TextTwice,
    /// As a list even where there is one event.
    List,
}

/// Returns the value of a binding for one event.
pub(super) fn one(event: &Value, form: PayloadForm) -> Value {
    match form {
        PayloadForm::Json => event.clone(),
        PayloadForm::Text => text(event),
        PayloadForm::TextTwice => text(&text(event)),
        PayloadForm::List => json!([event]),
    }
}

/// Returns the value of a binding for a list of events or messages.
pub(super) fn many(events: &[Value], form: PayloadForm) -> Value {
    match form {
        PayloadForm::Json | PayloadForm::List => json!(events),
        PayloadForm::Text => events.iter().map(text).collect(),
        PayloadForm::TextTwice => text(&events.iter().map(text).collect()),
    }
}

fn text(value: &Value) -> Value {
    Value::String(value.to_string())
}

/// Returns the whole body.
pub(super) fn body(binding: &str, value: Value, metadata: &Value) -> Value {
    let mut data = serde_json::Map::new();
    data.insert(binding.to_owned(), value);
    json!({ "Data": data, "Metadata": metadata })
}

/// Returns the part of the metadata that every call has.
fn system(function: &str, now: Timestamp) -> Value {
    json!({ "MethodName": function, "UtcNow": now.to_string(), "RandGuid": Uuid::new_v4().to_string() })
}

/// Returns the metadata of a call for events of Event Grid.
pub(super) fn event_grid_metadata(function: &str, now: Timestamp, data: &Value) -> Value {
    json!({ "data": data, "sys": system(function, now) })
}

/// Returns the metadata of a call for messages of an event hub, the first of which has this sequence number.
pub(super) fn event_hub_metadata(function: &str, hub: &str, now: Timestamp, first: u64, count: usize) -> Value {
    let numbers: Vec<u64> = (first..).take(count).collect();
    json!({
        "PartitionContext": { "EventHubName": hub, "ConsumerGroup": "$Default", "PartitionId": "0" },
        "EnqueuedTimeUtcArray": numbers.iter().map(|_| now.to_string()).collect::<Vec<_>>(),
        "SequenceNumberArray": numbers,
        "OffsetArray": numbers.iter().map(|number| (number * 512).to_string()).collect::<Vec<_>>(),
        "PropertiesArray": numbers.iter().map(|_| json!({})).collect::<Vec<_>>(),
        "sys": system(function, now),
    })
}

/// Returns the value and the metadata of a timer's call.
pub(super) fn timer(function: &str, now: Timestamp, is_past_due: bool) -> (Value, Value) {
    let value = json!({ "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": is_past_due });
    (value, json!({ "sys": system(function, now) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_carries_the_same_events() {
        let event = json!({ "id": "1" });
        let cases = [
            (PayloadForm::Json, json!({ "id": "1" }), json!([{ "id": "1" }])),
            (PayloadForm::Text, json!("{\"id\":\"1\"}"), json!(["{\"id\":\"1\"}"])),
            (PayloadForm::TextTwice, json!("\"{\\\"id\\\":\\\"1\\\"}\""), json!("[\"{\\\"id\\\":\\\"1\\\"}\"]")),
            (PayloadForm::List, json!([{ "id": "1" }]), json!([{ "id": "1" }])),
        ];
        for (form, expected_one, expected_many) in cases {
            assert_eq!(one(&event, form), expected_one, "{form:?}");
            assert_eq!(many(std::slice::from_ref(&event), form), expected_many, "{form:?}");
        }
    }
}
