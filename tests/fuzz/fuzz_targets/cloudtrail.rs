//! Reads whatever stands in a record of CloudTrail: nothing ends the process, an event that is written down comes back the same, and a
//! record is the same event in whatever it is handed over: an envelope of EventBridge, a message of SQS, a notification of SNS, an answer
//! of `cloudtrail lookup-events`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::{Event, EventForm, KeyArn, Target, Threat};
use reprieve_wire::{Invocation, Sighting, parse_envelope, parse_invocation, parse_record, parse_text};
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    if let Ok(Sighting::Event(event)) = parse_envelope(&value) {
        is_sound(&event);
    }
    drop(parse_invocation(&value));
    let Ok(event) = parse_record(&value) else { return };
    is_sound(&event);
    is_the_same_in_everything_that_carries_it(&value, &event);
});

fn is_sound(event: &Event) {
    let text = serde_json::to_string(event).expect("an event can be written");
    assert_eq!(serde_json::from_str::<Event>(&text).expect("what was written can be read"), *event);
    if let Target::Key(key) = &event.target {
        assert_eq!(KeyArn::parse(key.as_str()).as_ref(), Ok(key));
    }
    if let Some(threat) = Threat::of(event) {
        assert!(!threat.action().is_empty());
    }
}

fn is_the_same_in_everything_that_carries_it(record: &Value, event: &Event) {
    let Some(fields) = record.as_object() else { return };
    // Named in another letter case, or with the fields of an envelope or a notification, it is told from these otherwise.
    if !fields.contains_key("eventName")
        || ["Message", "Records", "Events", "CloudTrailEvent", "body"].iter().any(|name| fields.contains_key(*name))
    {
        return;
    }
    let text = record.to_string();
    // A number that is written and read again can be another.
    if serde_json::from_str::<Value>(&text).ok().as_ref() != Some(record) {
        return;
    }
    for message in [
        json!({"messageId": "1", "body": text}),
        json!({"messageId": "1", "body": json!({"TopicArn": "arn", "Message": text}).to_string()}),
    ] {
        match parse_invocation(&json!({"Records": [message]})) {
            Ok(Invocation::Batch(messages)) => {
                assert_eq!(messages.len(), 1);
                assert_eq!(messages[0].sighting, Ok(Sighting::Event(Box::new(event.clone()))), "in a message");
            }
            other => panic!("a batch is {other:?}"),
        }
    }
    let found = parse_text(&json!({"Events": [{"CloudTrailEvent": text}]}).to_string());
    assert_eq!(found.into_iter().map(|line| line.parsed).collect::<Vec<_>>(), [Ok(Sighting::Event(Box::new(event.clone())))], "looked up");
    let kind = match event.form {
        EventForm::ServiceEvent => "AWS Service Event via CloudTrail",
        EventForm::ApiCall | EventForm::Native | EventForm::Sweep => "AWS API Call via CloudTrail",
    };
    let enveloped = parse_envelope(&json!({"detail-type": kind, "detail": record}));
    if let Ok(Sighting::Event(enveloped)) = enveloped {
        // An envelope says where a field stands that is odd, and no more.
        assert_eq!(without_oddities(&enveloped), without_oddities(event), "in an envelope");
    }
}

fn without_oddities(event: &Event) -> Event {
    Event { oddities: Vec::new(), ..event.clone() }
}
