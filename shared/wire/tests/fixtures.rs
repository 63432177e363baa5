//! Every fixture is understood as it should be. The snapshots are read by people: a change in one is a change of behaviour.

use crate::support::{describe, fixture};
use reprieve_core::monitoring::event;
use reprieve_core::{CallOutcome, Event, Target};
use reprieve_wire::{Invocation, Sighting, parse_invocation, parse_text};

#[test]
fn kms_calls() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("kms-calls.jsonl"))));
}

#[test]
fn monitoring_calls() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("monitoring-calls.jsonl"))));
}

/// Every call that can change the monitoring is in the fixtures, and names what it acted on.
#[test]
fn every_monitoring_call_names_its_target() {
    let events: Vec<Event> = parse_text(&fixture("monitoring-calls.jsonl"))
        .into_iter()
        .filter_map(|line| match line.parsed {
            Ok(Sighting::Event(event)) => Some(*event),
            Ok(Sighting::Sweep(_)) | Err(_) => None,
        })
        .collect();
    for (source, name) in event::calls() {
        let is_this = |event: &&Event| event.source == source && event.name == name && event.outcome == CallOutcome::Succeeded;
        let targets: Vec<&Target> = events.iter().filter(is_this).map(|event| &event.target).collect();
        assert!(!targets.is_empty(), "{source} {name} is not in the fixtures");
        assert!(targets.iter().all(|target| matches!(target, Target::Named(_))), "{source} {name}: {targets:?}");
    }
}

#[test]
fn service_events() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("service-events.jsonl"))));
}

#[test]
fn odd_records() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("odd-records.jsonl"))));
}

#[test]
fn envelopes() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("envelopes.jsonl"))));
}

#[test]
fn a_text_of_mixed_forms() {
    insta::assert_snapshot!(describe(&parse_text(&fixture("mixture.txt"))));
}

#[test]
fn containers_give_the_line_of_each_event() {
    for (name, lines) in [("cloudtrail-file.json", vec![3, 44, 92]), ("lookup-events.json", vec![3])] {
        let parsed = parse_text(&fixture(name));
        assert!(parsed.iter().all(|line| line.parsed.is_ok()), "{name}");
        assert_eq!(parsed.iter().map(|line| line.line).collect::<Vec<_>>(), lines, "{name}");
    }
}

#[test]
fn a_batch_reports_each_message_by_its_id() {
    let payload = serde_json::from_str(&fixture("sqs-batch.json")).unwrap();
    let Invocation::Batch(messages) = parse_invocation(&payload).unwrap() else { panic!("a batch") };
    let seen: Vec<_> = messages
        .iter()
        .map(|message| {
            (message.id.chars().last().unwrap(), message.sighting.is_ok(), message.receive_count, message.first_received_at.is_some())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ('1', true, Some(1), true),
            ('2', false, Some(2), true),
            ('3', false, Some(3), true),
            ('4', false, Some(4), true),
            ('5', true, Some(5), true),
            ('6', true, None, false),
        ]
    );
}
