//! Records as OCSF events: the class and the numbers of each kind of record, and whole events as people read them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::monitoring::Change;
use reprieve_core::monitoring::world::MetricFilter;
use reprieve_core::{
    Decision, Event, KeyArn, Mode, Phase, Plan, Record, Severity, Status, Step, StepOutcome, StepResult, Threat, decision::Why,
};
use reprieve_test_support::ocsf::violations;
use reprieve_wire::ocsf::record_json;
use reprieve_wire::parse_record;
use serde_json::{Value, json};

const KEY: &str = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn event(changes: &Value) -> Event {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws-us-gov:sts::111122223333:assumed-role/Admin/alice", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws-us-gov:iam::111122223333:role/Admin"}}},
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "ScheduleKeyDeletion",
        "awsRegion": "us-gov-west-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.22.0",
        "requestParameters": {"keyId": KEY, "pendingWindowInDays": 7},
        "responseElements": {"keyId": KEY, "deletionDate": "Mar 9, 2026, 10:00:00 AM"},
        "eventID": "10000000-0000-4000-8000-000000000001",
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    if let (Some(record), Some(changes)) = (record.as_object_mut(), changes.as_object()) {
        record.extend(changes.clone());
    }
    parse_record(&record).unwrap_or_else(|error| unreachable!("{error}"))
}

fn record(decision: Option<Decision>, status: Status, steps: Vec<StepOutcome>) -> Record {
    let at = |text: &str| text.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    let event = event(&json!({}));
    Record {
        phase: if decision.is_some() { Phase::Outcome } else { Phase::Intent },
        attempt: 1,
        claimed: true,
        recorded_at: at("2026-03-02T10:00:02.345Z"),
        received_at: at("2026-03-02T10:00:01.5Z"),
        mode: Mode::Enforce,
        threat: Threat::of(&event),
        subject: None,
        considering: plan(),
        decision,
        steps,
        status,
        state_after: None,
        detect_ms: Some(1500),
        remediate_ms: None,
        event,
        names: reprieve_core::KeyNames::default(),
    }
}

fn plan() -> Plan {
    let key = KeyArn::parse(KEY).unwrap_or_else(|error| unreachable!("{error}"));
    Plan::new(vec![Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key }])
}

fn why(severity: Severity) -> Why {
    Why::new(severity, "the key was scheduled for deletion by alice")
}

fn steps(results: [StepResult; 2]) -> Vec<StepOutcome> {
    plan().steps.into_iter().zip(results).map(|(step, result)| StepOutcome { step, result, at: None }).collect()
}

fn remedied(status: Status, results: [StepResult; 2]) -> Record {
    record(Some(Decision::Remedy { plan: plan(), why: why(Severity::High) }), status, steps(results))
}

#[test]
fn each_kind_of_record_has_its_class_and_status() {
    let throttled = || StepResult::FailedForNow { error: "ThrottlingException".to_owned() };
    let denied = || StepResult::Refused { error: "AccessDeniedException".to_owned() };
    for (record, type_uid, severity_id, status_id, status, detail) in [
        (record(None, Status::Pending, vec![]), 700_103, 0, 99, "Pending", None),
        (remedied(Status::Success, [StepResult::Done, StepResult::Done]), 700_103, 4, 1, "Success", None),
        (
            remedied(Status::Failure, [denied(), StepResult::NotReached]),
            700_103,
            4,
            2,
            "Failure",
            Some("CancelKeyDeletion: AccessDeniedException"),
        ),
        (
            remedied(Status::DoesNotExist, [StepResult::DoesNotExist, StepResult::NotReached]),
            700_103,
            4,
            3,
            "Does Not Exist",
            Some("CancelKeyDeletion: does_not_exist"),
        ),
        (remedied(Status::Partial, [StepResult::Done, throttled()]), 700_103, 4, 4, "Partial", Some("EnableKey: ThrottlingException")),
        (
            remedied(Status::Unsupported, [StepResult::Done, StepResult::Unsupported { error: "import".to_owned() }]),
            700_103,
            4,
            5,
            "Unsupported",
            Some("EnableKey: import"),
        ),
        (
            remedied(Status::Observed, [StepResult::NotCarriedOut, StepResult::NotCarriedOut]),
            700_103,
            4,
            99,
            "Observed",
            Some("CancelKeyDeletion: not_carried_out"),
        ),
        (record(Some(Decision::Escalate { why: why(Severity::Critical) }), Status::Escalated, vec![]), 200_401, 5, 1, "New", None),
        (record(Some(Decision::Stand { why: why(Severity::Informational) }), Status::NothingToDo, vec![]), 600_304, 1, 1, "Success", None),
    ] {
        let event = record_json(&record);
        assert_eq!(violations(&event), Vec::<String>::new(), "{status}");
        let class = type_uid / 100;
        let seen = (&event["type_uid"], &event["severity_id"], &event["status_id"], &event["status"], event.get("status_detail"));
        assert_eq!(
            seen,
            (&json!(type_uid), &json!(severity_id), &json!(status_id), &json!(status), detail.map(Value::from).as_ref()),
            "{status}"
        );
        assert_eq!(
            (&event["class_uid"], &event["category_uid"], &event["activity_id"]),
            (&json!(class), &json!(class / 1000), &json!(type_uid % 100))
        );
        for required in ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "cloud"] {
            assert!(event.get(required).is_some(), "{required}");
        }
    }
}

#[test]
fn the_whole_record_comes_back_out_of_the_event() {
    let record = remedied(Status::Success, [StepResult::Done, StepResult::AlreadySo]);
    let event = record_json(&record);
    assert_eq!(serde_json::from_value::<Record>(event["unmapped"]["reprieve"].clone()).unwrap(), record);
    assert_eq!(event["metadata"]["uid"], json!(record.id()));
    assert_eq!(event["metadata"]["correlation_uid"], json!(record.event.id.as_str()));
}

#[test]
fn times_are_exact_and_partitions_kept() {
    let event = record_json(&remedied(Status::Success, [StepResult::Done, StepResult::Done]));
    assert_eq!(event["time"], json!(1_772_445_602_345_i64));
    assert_eq!(event["cloud"]["cloud_partition"], json!("aws-us-gov"));
    assert_eq!(event["cloud"]["account"]["uid"], json!("111122223333"));
}

#[test]
fn an_intent_and_its_outcome_belong_to_one_command() {
    let intent = record_json(&record(None, Status::Pending, vec![]));
    let outcome = record_json(&remedied(Status::Success, [StepResult::Done, StepResult::Done]));
    assert_eq!(intent["command_uid"], outcome["command_uid"]);
    assert_ne!(intent["metadata"]["uid"], outcome["metadata"]["uid"]);
}

#[test]
fn a_refused_call_is_a_failed_api_activity() {
    let mut record = record(Some(Decision::Stand { why: why(Severity::Low) }), Status::NothingToDo, vec![]);
    record.event = event(&json!({"errorCode": "AccessDenied", "errorMessage": "no", "sourceIPAddress": "ec2.amazonaws.com"}));
    let event = record_json(&record);
    assert_eq!((&event["status_id"], &event["api"]["response"]["error"]), (&json!(2), &json!("AccessDenied")));
    assert_eq!(event["src_endpoint"], json!({"svc_name": "ec2.amazonaws.com"}));
}

#[test]
fn the_same_record_gives_the_same_text() {
    let record = remedied(Status::Partial, [StepResult::Done, StepResult::NotReached]);
    assert_eq!(record_json(&record).to_string(), record_json(&record.clone()).to_string());
}

#[test]
fn whole_events() {
    let without_version = |mut event: Value| {
        event["metadata"]["product"]["version"] = json!("VERSION");
        if let Some(product) = event.pointer_mut("/finding_info/product/version") {
            *product = json!("VERSION");
        }
        event["unmapped"] = json!("...");
        event
    };
    insta::assert_json_snapshot!("intent", without_version(record_json(&record(None, Status::Pending, vec![]))));
    let outcome = remedied(Status::Partial, [StepResult::Done, StepResult::FailedForNow { error: "ThrottlingException".to_owned() }]);
    insta::assert_json_snapshot!("remedy", without_version(record_json(&outcome)));
    let escalation = record(Some(Decision::Escalate { why: why(Severity::Critical) }), Status::Escalated, vec![]);
    insta::assert_json_snapshot!("escalation", without_version(record_json(&escalation)));
    let stand = record(Some(Decision::Stand { why: why(Severity::Informational) }), Status::NothingToDo, vec![]);
    insta::assert_json_snapshot!("stand", without_version(record_json(&stand)));
}

/// The record of a metric filter that was deleted and put back.
fn mended() -> Record {
    let event = event(&json!({
        "eventSource": "logs.amazonaws.com", "eventName": "DeleteMetricFilter", "responseElements": null,
        "requestParameters": {"filterName": "Reprieve-CIS-7", "logGroupName": "/reprieve/cloudtrail"},
    }));
    let filter = MetricFilter {
        name: "Reprieve-CIS-7".to_owned(),
        pattern: "{ $.eventName = DisableKey }".to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: "Reprieve-CIS-7".to_owned(),
        value: "1".to_owned(),
        default_value: None,
        dimensions: BTreeMap::new(),
    };
    let put = Change::PutMetricFilter { log_group: "/reprieve/cloudtrail".to_owned(), filter, was: None };
    let plan = Plan::new(vec![Step::Monitoring(put)]);
    let steps = plan.steps.iter().map(|step| StepOutcome { step: step.clone(), result: StepResult::Done, at: None }).collect();
    let decision = Decision::Remedy { plan: plan.clone(), why: Why::new(Severity::High, "alice deleted a metric filter") };
    Record { event, threat: None, considering: plan, ..record(Some(decision), Status::Success, steps) }
}

#[test]
fn a_record_of_the_monitoring_is_a_remediation_and_comes_back_whole() {
    let record = mended();
    let mut event = record_json(&record);
    assert_eq!(serde_json::from_value::<Record>(event["unmapped"]["reprieve"].clone()).unwrap(), record);
    event["metadata"]["product"]["version"] = json!("VERSION");
    event["unmapped"] = json!("...");
    insta::assert_json_snapshot!("monitoring_remedy", event);
}

#[test]
fn a_finding_about_the_monitoring_names_what_was_acted_on() {
    let mut record = mended();
    let why = Why::new(Severity::High, "for a time nothing was seen");
    (record.decision, record.status, record.steps) = (Some(Decision::Escalate { why }), Status::Escalated, Vec::new());
    let event = record_json(&record);
    assert_eq!(event["resources"], json!([{ "name": "Reprieve-CIS-7" }]));
    assert_eq!((&event["finding_info"]["title"], &event["type_uid"]), (&json!("DeleteMetricFilter"), &json!(200_401)));
}
