//! What the function that keeps the monitoring is invoked with, told apart.

use reprieve_wire::{MonitoringInvocation, MonitoringTask, parse_monitoring_invocation};
use serde_json::{Value, json};

use crate::custom_resource::request;
use crate::support::fixture;

fn scheduled(detail: &Value) -> Value {
    json!({ "version": "0", "id": "s-1", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "111122223333",
        "time": "2026-11-20T11:00:00Z", "region": "us-east-1", "resources": [], "detail": detail })
}

#[test]
fn tasks_come_by_themselves_and_as_scheduled_events() {
    for (payload, task) in [
        (json!({ "task": "check" }), MonitoringTask::Check),
        (json!({ "task": "plan" }), MonitoringTask::Plan),
        (scheduled(&json!({ "task": "check" })), MonitoringTask::Check),
        (scheduled(&json!({ "task": "plan" })), MonitoringTask::Plan),
        (scheduled(&json!({})), MonitoringTask::Check),
    ] {
        assert_eq!(parse_monitoring_invocation(&payload), Ok(MonitoringInvocation::Task(task)), "{payload}");
    }
}

#[test]
fn an_unknown_task_is_refused() {
    for payload in [json!({ "task": "sweep" }), scheduled(&json!({ "task": "sweep" })), json!({ "task": null }), json!({ "task": 1 })] {
        let error = parse_monitoring_invocation(&payload).unwrap_err().to_string();
        assert!(error.starts_with("expected a `task` of `check` or `plan`"), "{error}");
    }
}

#[test]
fn drift_comes_alone_and_in_batches() {
    let lines = fixture("monitoring-calls.jsonl");
    let record: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let envelope =
        json!({ "version": "0", "id": "e-1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.cloudtrail", "detail": record });
    let Ok(MonitoringInvocation::Event(event)) = parse_monitoring_invocation(&envelope) else { panic!("an event") };
    assert_eq!(
        (event.name.as_str(), event.target.display_name()),
        ("StopLogging", "arn:aws:cloudtrail:eu-central-1:111122223333:trail/reprieve")
    );
    let batch = json!({ "Records": [{ "messageId": "m-1", "eventSource": "aws:sqs", "body": envelope.to_string() }] });
    assert!(matches!(parse_monitoring_invocation(&batch), Ok(MonitoringInvocation::Batch(messages)) if messages.len() == 1));
}

#[test]
fn a_custom_resource_request_is_told_apart_even_where_it_is_broken() {
    for payload in [request(&json!({})), request(&json!({ "RequestType": null })), request(&json!({ "ResponseURL": null }))] {
        assert!(matches!(parse_monitoring_invocation(&payload), Ok(MonitoringInvocation::CustomResource(_))), "{payload}");
    }
}

#[test]
fn anything_else_is_an_error_that_says_what_was_expected() {
    let error = parse_monitoring_invocation(&json!({ "hello": "world" })).unwrap_err().to_string();
    assert!(error.contains("CloudFormation custom resource request") && error.contains("hello"), "{error}");
    assert!(parse_monitoring_invocation(&json!(7)).is_err());
}
