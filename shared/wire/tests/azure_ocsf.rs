//! Records of Azure as OCSF events: nothing in them speaks of AWS, and the numbers are those of the schema.

use crate::support::azure_fixture;
use jiff::Timestamp;
use reprieve_core::decision::Why;
use reprieve_core::{Decision, Event, KeyNames, Mode, Phase, Plan, Record, Severity, Status};
use reprieve_wire::azure::parse_all;
use reprieve_wire::ocsf::record_json;
use serde_json::{Value, json};

const KEY: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-keys/providers/microsoft.keyvault/vaults/kv-logs/keys/activity";

fn event(fixture: &str) -> Event {
    parse_all(&azure_fixture(fixture))
        .into_iter()
        .find_map(|parsed| parsed.event.ok())
        .unwrap_or_else(|| unreachable!("no event in {fixture}"))
}

fn record(event: Event, decision: Option<Decision>, status: Status) -> Record {
    let at = |text: &str| text.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    Record {
        phase: if decision.is_some() { Phase::Outcome } else { Phase::Intent },
        attempt: 1,
        claimed: true,
        recorded_at: at("2026-03-02T10:00:02.345Z"),
        received_at: at("2026-03-02T10:00:01.5Z"),
        mode: Mode::Enforce,
        threat: None,
        considering: Plan::default(),
        decision,
        steps: Vec::new(),
        status,
        state_after: None,
        detect_ms: Some(1500),
        remediate_ms: None,
        event,
        names: KeyNames::default(),
        subject: None,
    }
}

fn why() -> Why {
    Why::new(Severity::High, "alice deleted key `activity`")
}

fn stood(fixture: &str) -> Value {
    record_json(&record(event(fixture), Some(Decision::Stand { why: why() }), Status::NothingToDo))
}

#[test]
fn the_place_is_the_subscription() {
    for fixture in ["audit-claims", "event-grid-events", "activity-log-exported"] {
        let expected = json!({
            "provider": "Azure",
            "account": {"uid": "00000000-0000-0000-0000-000000000001", "type": "Azure Subscription", "type_id": 13},
            "org": {"uid": "00000000-0000-0000-0000-00000000aaaa"},
        });
        assert_eq!(stood(fixture)["cloud"], expected, "{fixture}");
    }
}

#[test]
fn a_person_is_named_with_what_they_called_through() {
    let expected = json!({
        "user": {
            "name": "alice@example.com", "display_name": "alice@example.com", "email_addr": "alice@example.com",
            "uid": "00000000-0000-0000-0000-00000000bbb1", "type_id": 1, "type": "User",
            "org": {"uid": "00000000-0000-0000-0000-00000000aaaa"},
        },
        "app_uid": "00000000-0000-0000-0000-00000000cccc",
    });
    assert_eq!(stood("audit-claims")["actor"], expected);
}

#[test]
fn a_deleted_key_is_a_deletion_of_that_resource() {
    let event = stood("audit-claims");
    assert_eq!((&event["type_uid"], &event["status_id"]), (&json!(600_304), &json!(1)));
    let resource = json!([{
        "uid": KEY, "name": "activity", "type": "microsoft.keyvault/vaults/keys",
        "owner": {"account": {"uid": "00000000-0000-0000-0000-000000000001", "type": "Azure Subscription", "type_id": 13}},
    }]);
    assert_eq!(event["resources"], resource);
}

#[test]
fn what_is_worth_searching_for_is_an_observable() {
    let event = stood("audit-claims");
    let seen: Vec<_> =
        event["observables"].as_array().unwrap().iter().map(|one| (one["type_id"].as_u64(), one["value"].as_str())).collect();
    let expected = [
        (10, KEY),
        (31, "00000000-0000-0000-0000-00000000bbb1"),
        (4, "alice@example.com"),
        (5, "alice@example.com"),
        (2, "192.0.2.10"),
        (16, "AZURECLI/2.61.0"),
    ]
    .map(|(id, value)| (Some(id), Some(value)));
    assert_eq!(seen, expected);
}

#[test]
fn a_finding_names_the_call_and_the_resource() {
    let finding = record_json(&record(event("audit-claims"), Some(Decision::Escalate { why: why() }), Status::Escalated));
    assert_eq!((&finding["type_uid"], &finding["finding_info"]["title"]), (&json!(200_401), &json!("KeyDelete: key activity")));
    assert_eq!(finding["finding_info"]["data_sources"], json!(["Microsoft.KeyVault/AuditEvent"]));
}

#[test]
fn nothing_speaks_of_aws() {
    for fixture in ["audit-claims", "audit-urls", "event-grid-events", "activity-log-page", "cloud-events"] {
        for decision in [None, Some(Decision::Stand { why: why() }), Some(Decision::Escalate { why: why() })] {
            let text = record_json(&record(event(fixture), decision, Status::NothingToDo)).to_string();
            assert!(!text.contains("AWS") && !text.contains("amazonaws"), "{text}");
        }
    }
}

#[test]
fn the_whole_record_comes_back_out_of_the_event() {
    let record = record(event("audit-managed-hsm"), Some(Decision::Stand { why: why() }), Status::NothingToDo);
    let written = record_json(&record);
    assert_eq!(serde_json::from_value::<Record>(written["unmapped"]["reprieve"].clone()).unwrap(), record);
}
