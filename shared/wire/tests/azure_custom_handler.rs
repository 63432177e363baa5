//! What the Functions host posts, in each of its encodings, and what it is answered.

use crate::support::azure_fixture;
use reprieve_wire::azure::{Invocation, Kind, Parsed, answer_json, parse_invocation};
use serde_json::{Map, Value, json};

fn invocation(name: &str) -> Invocation {
    parse_invocation(azure_fixture(name).to_string().as_bytes()).unwrap_or_else(|error| unreachable!("{name}: {error}"))
}

fn items(name: &str) -> Vec<Parsed> {
    match invocation(name).kind {
        Kind::Events(items) => items,
        Kind::Timer(_) => unreachable!("{name} is no timer's"),
    }
}

/// Where each item stands, and which call it is; `!` where it is none.
fn told(name: &str) -> Vec<(String, String)> {
    let name_of = |item: &Parsed| item.event.as_ref().map_or("!".to_owned(), |event| event.name.clone());
    items(name).into_iter().map(|item| (item.at.clone(), name_of(&item))).collect()
}

fn expect(name: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(at, call)| ((*at).to_owned(), (*call).to_owned())).collect();
    assert_eq!(told(name), expected, "{name}");
}

#[test]
fn one_event_comes_as_an_object_or_as_a_text() {
    let call = "Microsoft.KeyVault/vaults/delete";
    expect("custom-handler-event-grid", &[("Data.event", call)]);
    expect("custom-handler-event-grid-text", &[("Data.event", call)]);
}

#[test]
fn a_text_of_a_text_is_read() {
    expect("custom-handler-doubly-encoded", &[("Data.events[0].records[0]", "KeyDelete")]);
}

#[test]
fn messages_of_an_event_hub_are_taken_apart() {
    expect(
        "custom-handler-event-hub",
        &[
            ("Data.messages[0].records[0]", "KeyDelete"),
            ("Data.messages[0].records[1]", "KeyUpdate"),
            ("Data.messages[1].records[0]", "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE"),
            ("Data.messages[2][0].records[0]", "SecretDelete"),
        ],
    );
}

#[test]
fn a_bad_member_loses_no_other() {
    expect(
        "custom-handler-bad-member",
        &[
            ("Data.messages[0].records[0]", "KeyDelete"),
            ("Data.messages[0].records[1].records", "!"),
            ("Data.messages[0].records[2]", "!"),
            ("Data.messages[0].records[3]", "!"),
            ("Data.messages[0].records[4]", "!"),
            ("Data.messages[0].records[5]", "!"),
            ("Data.messages[0].records[6]", "KeyUpdate"),
            ("Data.messages[1]", "!"),
            ("Data.messages[2].records[0]", "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE"),
        ],
    );
    let inputs: Vec<Value> =
        items("custom-handler-bad-member").into_iter().filter(|item| item.event.is_err()).map(|item| item.input).collect();
    assert_eq!(inputs.last(), Some(&json!("not JSON at all")), "what is put aside is what came");
}

#[test]
fn a_timer_says_whether_it_is_late() {
    for (name, is_past_due, last) in
        [("custom-handler-timer", true, Some("2026-03-02T09:00:00.0123456Z")), ("custom-handler-timer-text", false, None)]
    {
        let Invocation { kind: Kind::Timer(call), invocation_id, .. } = invocation(name) else { unreachable!("{name}") };
        assert_eq!((call.is_past_due, call.last.map(|time| time.to_string()).as_deref()), (is_past_due, last), "{name}");
        assert_eq!(call.sweep.time.unwrap().to_string(), "2026-03-02T10:00:05.7654321Z");
        assert_eq!(call.sweep.id.as_str(), format!("timer-{}", invocation_id.unwrap()));
    }
}

#[test]
fn what_looks_like_a_timer_among_events_loses_no_event() {
    expect("custom-handler-false-timer", &[("Data.messages[0].records[0]", "!"), ("Data.messages[0].records[1]", "KeyDelete")]);
}

#[test]
fn a_handshake_is_passed_over() {
    let request = json!({"Data": {"event": azure_fixture("event-grid-handshake")}, "Metadata": {}});
    let invocation = parse_invocation(request.to_string().as_bytes()).unwrap();
    assert_eq!(invocation, Invocation { kind: Kind::Events(vec![]), invocation_id: None, skipped: vec!["Data.event[0]".to_owned()] });
}

#[test]
fn what_the_host_never_sends_is_refused() {
    for body in ["", "{", "null", "[]", "{}", "{\"Data\":[]}", "{\"Data\":\"x\"}", "{\"Metadata\":{}}"] {
        assert!(parse_invocation(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn depth_and_number_are_bounded() {
    let mut deep = json!([]);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let many = json!(vec![7; 30_000]);
    let mut encoded = "{}".to_owned();
    for _ in 0..14 {
        encoded = Value::from(encoded).to_string();
    }
    for (value, items) in [(deep, 1), (many, 20_001), (json!(encoded), 1)] {
        let request = json!({"Data": {"events": value}});
        let Kind::Events(found) = parse_invocation(request.to_string().as_bytes()).unwrap().kind else { unreachable!() };
        assert_eq!(found.len(), items);
        assert!(found.iter().all(|item| item.event.is_err()));
    }
}

/// P95: however its message is written, and whatever else is nested.
#[test]
fn an_item_that_is_nested_too_deep_is_refused_alone() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let good = r#"{"operationName":"Microsoft.KeyVault/vaults/delete","resourceId":"/subscriptions/x"}"#;
    let deep = format!(r#"{{"operationName":"KeyDelete","properties":{nested}}}"#);
    let message = format!(r#"{{"records":[{good},{deep},{good}]}}"#);
    let text = |inner: &str| Value::from(inner).to_string();
    let (plain, encoded) = (format!("[{message}]"), format!("[{}]", text(&message)));
    for events in [text(&plain), text(&encoded), plain, encoded] {
        let request = format!(r#"{{"Data":{{"events":{events}}},"Metadata":{{"sys":{{"RandGuid":"a1"}}}}}}"#);
        let invocation = parse_invocation(request.as_bytes()).unwrap();
        assert_eq!(invocation.invocation_id.as_deref(), Some("a1"));
        let Kind::Events(found) = invocation.kind else { unreachable!() };
        let told: Vec<_> = found.iter().map(|item| (item.at.as_str(), item.event.is_ok())).collect();
        let expected = [("Data.events[0].records[0]", true), ("Data.events[0].records[1]", false), ("Data.events[0].records[2]", true)];
        assert_eq!(told, expected);
        assert_eq!(found[1].input, json!(deep), "as it came");
    }
}

#[test]
fn a_request_whose_metadata_is_nested_too_deep_brings_its_events() {
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let event = r#"{"operationName":"Microsoft.KeyVault/vaults/delete","resourceId":"/subscriptions/x"}"#;
    let request = format!(r#"{{"Data":{{"event":{event}}},"Metadata":{{"properties":{nested}}}}}"#);
    let Kind::Events(found) = parse_invocation(request.as_bytes()).unwrap().kind else { unreachable!() };
    assert!(found.len() == 1 && found[0].event.is_ok(), "{found:?}");
}

#[test]
fn an_answer_is_always_an_object_of_three_parts() {
    assert_eq!(answer_json(Map::new(), &[], None), json!({"Outputs": {}, "Logs": [], "ReturnValue": null}));
    let outputs = Map::from_iter([("letter".to_owned(), json!("x"))]);
    let answer = answer_json(outputs, &["recovered".to_owned()], Some(json!("done")));
    assert_eq!(answer, json!({"Outputs": {"letter": "x"}, "Logs": ["recovered"], "ReturnValue": "done"}));
}
