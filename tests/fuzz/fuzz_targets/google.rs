//! Reads whatever is posted to the service on Cloud Run: nothing ends the process, an event that is written down comes back the same, an
//! entry is the same event in whatever carries it, and what is wrong is said in short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::google::GoogleName;
use reprieve_core::{Event, Target};
use reprieve_wire::audit::{self, Parsed};
use reprieve_wire::google::delivery::{AUDIT_LOG_WRITTEN, MESSAGE_PUBLISHED};
use reprieve_wire::google::{Delivered, Headers, parse_delivery, parse_entry};
use serde_json::{Value, json};

/// The longest sentence about an input that cannot be read.
const LONGEST_ERROR_CHARACTERS: usize = 500;

fuzz_target!(|input: &[u8]| {
    let headers = [
        Headers::default(),
        Headers { content_type: Some("application/json"), event_type: Some(AUDIT_LOG_WRITTEN), event_id: Some("1") },
        Headers { content_type: Some("application/json"), event_type: Some(MESSAGE_PUBLISHED), event_id: Some("1") },
        Headers { content_type: Some("application/cloudevents+json"), event_type: Some("another"), event_id: None },
    ];
    for headers in headers {
        match parse_delivery(headers, input) {
            Ok(Delivered::Entry(Parsed::Entry(entry))) => is_sound(&entry.event),
            Ok(Delivered::Entry(Parsed::NotOurs { .. }) | Delivered::OtherEvent { .. }) => {}
            Err(error) => {
                let said = error.to_string();
                assert!(said.chars().count() <= LONGEST_ERROR_CHARACTERS, "{} characters: {said}", said.chars().count());
                assert!(!said.contains(char::is_control), "{said:?}");
            }
        }
    }
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    if let Ok(parsed) = parse_entry(&value) {
        is_the_same_in_everything_that_carries_it(&value, &parsed);
    }
});

fn is_sound(event: &Event) {
    let text = serde_json::to_string(event).expect("an event can be written");
    assert_eq!(serde_json::from_str::<Event>(&text).expect("what was written can be read"), *event);
    if let Target::Google(name) = &event.target {
        assert_eq!(GoogleName::parse(name.as_str()).as_ref(), Ok(name));
    }
}

fn is_the_same_in_everything_that_carries_it(entry: &Value, parsed: &Parsed) {
    // What is an entry itself; envelopes are opened a few times, and then no more.
    if !entry.get("protoPayload").is_some_and(Value::is_object) {
        return;
    }
    assert_eq!(audit::parse(entry).as_ref(), Ok(parsed), "as a record of a log");
    let text = entry.to_string();
    if serde_json::from_str::<Value>(&text).ok().as_ref() != Some(entry) {
        return;
    }
    let push = json!({"message": {"data": base64(text.as_bytes()), "messageId": "1"}, "subscription": "s"});
    let event = json!({"specversion": "1.0", "type": AUDIT_LOG_WRITTEN, "id": "1", "data": entry});
    let carried = json!({"specversion": "1.0", "type": MESSAGE_PUBLISHED, "id": "1", "data": push});
    for envelope in [push, event, carried] {
        let delivered = parse_delivery(Headers::default(), envelope.to_string().as_bytes());
        assert_eq!(delivered, Ok(Delivered::Entry(parsed.clone())), "in {envelope}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain([&0, &0]).take(3).fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = if place <= three.len() { LETTERS[number >> (18 - 6 * place) & 63] } else { b'=' };
            text.push(char::from(letter));
        }
    }
    text
}
