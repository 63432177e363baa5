//! The function over fakes: what it answers to a queue, to a schedule, to a dry run, and to CloudFormation, whatever goes wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reprieve_core::event::Target;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::DriftRule;
use reprieve_core::{Mode, Phase};
use reprieve_engine::CallError;
use reprieve_test_support::event::time;
use reprieve_test_support::monitoring::{LOG_GROUP, MONITORING_ROLE, TOPIC};
use reprieve_test_support::{
    Effect, FailOnCall, FakeAuditSink, FakeClock, FakeMonitoring, FakeMonitoringMeter, FakeNoticeSink, MonitoringWorld, bare_world, finish,
    healthy_monitoring, monitoring_desired, monitoring_over,
};
use reprieve_wire::ResponseUrl;

use super::*;

const FILTER: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";
const OURS: &str = "reprieve-monitoring-111122223333-eu-central-1";

/// S3, as far as it takes answers: what was put, and where.
#[derive(Debug, Clone, Default)]
struct FakeResponses {
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    refuses: bool,
}

impl Responses for FakeResponses {
    async fn put(&self, url: &ResponseUrl, document: &str, wait: Duration) -> Result<(), String> {
        assert!(wait >= Duration::from_secs(1), "an answer is tried");
        if self.refuses {
            return Err("the answer was not taken by `s3.amazonaws.com`: HTTP 403".to_owned());
        }
        self.taken.lock().unwrap().push((url.as_str().to_owned(), serde_json::from_str(document).unwrap()));
        Ok(())
    }
}

type TestService = Service<
    FailOnCall<FakeMonitoring>,
    FailOnCall<FakeAuditSink>,
    FailOnCall<FakeNoticeSink>,
    FakeClock,
    FakeMonitoringMeter,
    FakeResponses,
>;

struct Scene {
    service: TestService,
    monitoring: FakeMonitoring,
    audit: FakeAuditSink,
    notices: FakeNoticeSink,
    meter: FakeMonitoringMeter,
    clock: FakeClock,
    journal: reprieve_test_support::Journal,
    faults: reprieve_test_support::Faults,
}

impl Scene {
    fn of(world: MonitoringWorld) -> Self {
        let MonitoringWorld { clock, monitoring, audit, notices, meter, journal, faults, provisioner } = world;
        let service = Service { provisioner, responses: FakeResponses::default() };
        Self { service, monitoring, audit, notices, meter, clock, journal, faults }
    }

    fn healthy() -> Self {
        Self::of(healthy_monitoring())
    }

    fn bare(mode: Mode) -> Self {
        let desired = monitoring_desired();
        let world = bare_world(&desired);
        Self::of(monitoring_over(desired, world, mode))
    }

    fn try_invoke(&self, payload: &Value) -> Option<Result<Value, Failure>> {
        let invoked = Invoked { request_id: "request-1".to_owned(), stopped_at: time("2026-11-20T10:05:00Z") };
        finish(self.service.answer(payload, &invoked))
    }

    fn invoke(&self, payload: &Value) -> Result<Value, Failure> {
        self.try_invoke(payload).unwrap()
    }

    /// What CloudFormation was answered last.
    fn answered(&self) -> Value {
        self.service.responses.taken.lock().unwrap().last().unwrap().1.clone()
    }

    fn changes(&self) -> usize {
        self.journal.entries().iter().filter(|entry| entry.call.changes_monitoring()).count()
    }

    fn reason(&self) -> String {
        self.answered()["Reason"].as_str().unwrap().to_owned()
    }
}

fn record(source: &str, name: &str, request: &Value, changes: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventID": format!("{name}-1"), "eventTime": "2026-11-20T10:00:00Z", "eventSource": source,
        "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "sourceIPAddress": "203.0.113.7",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory", "userName": "mallory", "accountId": "111122223333" },
        "requestParameters": request, "eventType": "AwsApiCall",
    });
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record
}

fn envelope(record: &Value) -> Value {
    json!({ "version": "0", "id": "envelope-1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.logs", "account": "111122223333",
        "time": "2026-11-20T10:00:00Z", "region": "eu-central-1", "resources": [], "detail": record })
}

fn message(id: &str, body: &Value) -> Value {
    json!({ "messageId": id, "body": body.to_string(), "eventSource": "aws:sqs", "attributes": { "ApproximateReceiveCount": "1" } })
}

fn filter_deleted() -> Value {
    envelope(&record("logs.amazonaws.com", "DeleteMetricFilter", &json!({ "filterName": FILTER, "logGroupName": LOG_GROUP }), &json!({})))
}

fn alarm_deleted() -> Value {
    envelope(&record("monitoring.amazonaws.com", "DeleteAlarms", &json!({ "alarmNames": [FILTER] }), &json!({})))
}

fn request(request_type: &str, physical_id: Option<&str>) -> Value {
    json!({
        "RequestType": request_type, "ResponseURL": "https://b.s3.eu-central-1.amazonaws.com/a?sig=1", "StackId": "arn:aws:cloudformation:::stack/s",
        "RequestId": "cfn-1", "LogicalResourceId": "Monitoring", "ResourceType": "Custom::ReprieveMonitoring",
        "ResourceProperties": { "ServiceToken": "x" }, "PhysicalResourceId": physical_id,
    })
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "logs:PutMetricFilter", message: "no identity-based policy allows it".to_owned() }
}

fn unavailable() -> CallError {
    CallError::Unavailable { call: "s3:PutObject", message: "HTTP 503".to_owned() }
}

fn nobody_is_reached() -> CallError {
    CallError::Unavailable { call: "sns:Publish", message: "HTTP 503".to_owned() }
}

#[test]
fn a_batch_of_drift_is_answered_with_one_look_and_healed() {
    let scene = Scene::healthy();
    scene.monitoring.delete_filter(FILTER);
    scene.monitoring.delete_alarm(FILTER);
    let batch =
        json!({ "Records": [message("one", &filter_deleted()), message("two", &alarm_deleted()), message("bad", &json!("no envelope"))] });
    let answer = scene.invoke(&batch).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }));
    assert_eq!(scene.changes(), 2, "the filter and its alarm, each once");
    assert_eq!(scene.journal.made("observe"), 2, "one look, and one to see that it is whole again");
    assert_eq!(scene.meter.looks().len(), 1);
    let outcomes: Vec<Status> =
        scene.audit.records().iter().filter(|record| record.phase == Phase::Outcome).map(|record| record.status).collect();
    assert_eq!(outcomes, [Status::Success, Status::NothingToDo], "both are on record, one of them answered with the other");
    assert_eq!(scene.notices.notices().len(), 1);
}

#[test]
fn an_event_that_is_handed_over_directly_is_answered() {
    let scene = Scene::healthy();
    scene.monitoring.delete_filter(FILTER);
    assert_eq!(scene.invoke(&filter_deleted()).unwrap(), json!({ "event_id": "DeleteMetricFilter-1" }));
    assert_eq!(scene.changes(), 1);
}

#[test]
fn our_own_acts_are_recorded_and_not_answered() {
    let scene = Scene::healthy();
    let session = format!("{}/reprieve", MONITORING_ROLE.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/"));
    let identity = json!({ "userIdentity": { "type": "AssumedRole", "arn": session, "accountId": "111122223333",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": MONITORING_ROLE } } } });
    let own = envelope(&record("logs.amazonaws.com", "PutMetricFilter", &json!({ "filterName": FILTER }), &identity));
    scene.invoke(&own).unwrap();
    assert_eq!((scene.journal.made("observe"), scene.changes()), (0, 0));
    assert_eq!(scene.audit.records().len(), 1);
    assert_eq!(scene.notices.notices().len(), 0);
}

#[test]
fn a_refused_attempt_is_recorded_and_mends_nothing() {
    let scene = Scene::healthy();
    let refused = json!({ "errorCode": "AccessDenied", "errorMessage": "no", "requestParameters": null });
    scene.invoke(&envelope(&record("cloudtrail.amazonaws.com", "StopLogging", &json!(null), &refused))).unwrap();
    let record = scene.audit.records().remove(0);
    assert_eq!((record.status, &record.event.target), (Status::NothingToDo, &Target::Unnamed));
    assert!(record.decision.unwrap().why().sentence.contains("tried `StopLogging`"));
    assert_eq!(scene.changes(), 0);
}

#[test]
fn without_evidence_nothing_is_changed_and_the_message_comes_again() {
    let scene = Scene::healthy();
    scene.monitoring.delete_filter(FILTER);
    scene.faults.fail_next("append", 9, Effect::Before, unavailable());
    let answer = scene.invoke(&json!({ "Records": [message("one", &filter_deleted())] })).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "one" }] }));
    assert_eq!(scene.changes(), 0);
    let error = scene.invoke(&filter_deleted()).unwrap_err();
    assert!(error.to_string().contains("is still open"), "{error}");
}

/// P32
#[test]
fn what_nobody_could_be_told_of_comes_again_whole() {
    let scene = Scene::healthy();
    scene.monitoring.delete_filter(FILTER);
    scene.monitoring.delete_alarm(FILTER);
    scene.faults.fail_next("tell", 1, Effect::Before, nobody_is_reached());
    let batch = json!({ "Records": [message("one", &filter_deleted()), message("two", &alarm_deleted())] });
    let answer = scene.invoke(&batch).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "one" }, { "itemIdentifier": "two" }] }));
    assert_eq!(scene.invoke(&batch).unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!((scene.changes(), scene.notices.notices().len()), (2, 1), "mended once, and told once");
}

/// P32
#[test]
fn a_check_that_nobody_could_be_told_of_fails() {
    let scene = Scene::healthy();
    scene.monitoring.stop_trails();
    scene.faults.fail_next("tell", 1, Effect::Before, nobody_is_reached());
    let error = scene.invoke(&json!({ "task": "check" })).unwrap_err().to_string();
    assert!(error.contains("Not everybody could be told") && error.contains("sns:Publish"), "{error}");
    assert_eq!((scene.changes(), scene.audit.records().last().unwrap().status), (1, Status::Success));
}

#[test]
fn a_deployment_does_not_fail_for_a_notice() {
    let scene = Scene::bare(Mode::Enforce);
    scene.faults.fail_next("tell", 9, Effect::Before, nobody_is_reached());
    scene.invoke(&request("Create", None)).unwrap();
    assert_eq!(scene.answered()["Status"], "SUCCESS");
    assert!(scene.reason().contains("Not everybody could be told"), "{}", scene.reason());
}

#[test]
fn a_dry_run_shows_the_plan_and_touches_nothing() {
    let scene = Scene::bare(Mode::Enforce);
    let answer = scene.invoke(&json!({ "task": "plan" })).unwrap();
    let diff = answer["diff"].as_str().unwrap();
    assert!(diff.contains("trail `reprieve`") && diff.contains(FILTER), "{diff}");
    assert_eq!(answer["plan"]["changes"][0]["change"], "CreateLogGroup");
    assert_eq!((scene.changes(), scene.audit.records().len(), scene.notices.notices().len()), (0, 0, 0));
}

#[test]
fn the_daily_check_heals_what_no_event_announced() {
    let scene = Scene::healthy();
    scene.monitoring.stop_trails();
    let answer = scene.invoke(&json!({ "task": "check" })).unwrap();
    assert_eq!((&answer["status"], &answer["planned"], &answer["made"]), (&json!("success"), &json!(1), &json!(1)));
    assert!(matches!(&scene.monitoring.world().trails, Known::Is(trails) if trails[0].is_logging == Known::Is(true)));
}

#[test]
fn the_daily_check_puts_back_the_rules_that_would_have_told() {
    let scene = Scene::healthy();
    scene.monitoring.alter(|world| world.rules.retain(|name, _| !name.ends_with("-drift")));
    let answer = scene.invoke(&json!({ "task": "check" })).unwrap();
    assert_eq!((&answer["status"], &answer["made"]), (&json!("success"), &json!(2 * DriftRule::ALL.len())));
    let world = scene.monitoring.world();
    for rule in DriftRule::ALL {
        let back = world.rules[&format!("reprieve-{rule}-drift")].value().unwrap();
        assert!(back.is_enabled && back.pattern == Some(rule.pattern()), "{back:?}");
        assert_eq!(back.targets, Known::Is(vec!["arn:aws:sqs:eu-central-1:111122223333:reprieve-drift".to_owned()]));
    }
}

#[test]
fn a_drift_rule_that_is_switched_off_is_put_back_by_any_event_that_comes_through() {
    let scene = Scene::healthy();
    scene.monitoring.alter(|world| {
        if let Some(Known::Is(rule)) = world.rules.get_mut("reprieve-trail-drift") {
            rule.is_enabled = false;
        }
    });
    scene.monitoring.delete_filter(FILTER);
    scene.invoke(&filter_deleted()).unwrap();
    assert_eq!(scene.changes(), 2);
    assert!(scene.monitoring.world().rules["reprieve-trail-drift"].value().unwrap().is_enabled);
}

#[test]
fn a_check_that_is_still_open_comes_again() {
    let scene = Scene::healthy();
    scene.monitoring.delete_filter(FILTER);
    scene.faults.fail_next(
        "PutMetricFilter",
        99,
        Effect::Before,
        CallError::Throttled { call: "logs:PutMetricFilter", message: "slow".to_owned() },
    );
    let error = scene.invoke(&json!({ "task": "check" })).unwrap_err().to_string();
    assert!(error.contains("is still open") && error.contains("throttled"), "{error}");
    assert_eq!(scene.audit.records().last().unwrap().status, Status::Failure);
}

#[test]
fn a_schedule_that_comes_through_the_queue_checks() {
    let scene = Scene::healthy();
    scene.monitoring.stop_trails();
    let scheduled = json!({ "version": "0", "id": "s-1", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "111122223333",
        "time": "2026-11-20T11:00:00Z", "region": "eu-central-1", "resources": [], "detail": { "task": "check" } });
    assert_eq!(scene.invoke(&json!({ "Records": [message("one", &scheduled)] })).unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(scene.changes(), 1);
}

#[test]
fn creating_provisions_and_answers_with_an_id_of_ours() {
    let scene = Scene::bare(Mode::Enforce);
    scene.invoke(&request("Create", None)).unwrap();
    let answer = scene.answered();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(OURS)), "{answer}");
    assert_eq!(
        (&answer["StackId"], &answer["RequestId"], &answer["LogicalResourceId"]),
        (&json!("arn:aws:cloudformation:::stack/s"), &json!("cfn-1"), &json!("Monitoring"))
    );
    assert_eq!(answer["Data"]["Planned"], answer["Data"]["Made"]);
    assert!(
        scene.reason().contains("A human must look: No human hears of an alarm"),
        "the subscription waits to be confirmed: {}",
        scene.reason()
    );
    assert!(scene.audit.records().iter().all(|record| record.event.name == "Deployment"));
    scene.monitoring.confirm_all(TOPIC);
    let before = scene.changes();
    scene.invoke(&request("Update", Some(OURS))).unwrap();
    assert_eq!((scene.changes(), &scene.answered()["Data"]["Planned"]), (before, &json!("0")), "a second run plans nothing");
}

#[test]
fn updating_never_changes_the_id() {
    let scene = Scene::healthy();
    scene.invoke(&request("Update", Some("made-by-an-earlier-version"))).unwrap();
    let answer = scene.answered();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!("made-by-an-earlier-version")));
    assert_eq!(scene.changes(), 0);
}

#[test]
fn deleting_leaves_everything_that_protects_and_says_so() {
    let scene = Scene::healthy();
    let before = scene.monitoring.world();
    scene.invoke(&request("Delete", Some(OURS))).unwrap();
    let answer = scene.answered();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(OURS)));
    assert!(scene.reason().starts_with("Nothing was deleted."), "{}", scene.reason());
    assert_eq!(scene.monitoring.world(), before);
    assert_eq!(scene.journal.entries().len(), 0, "nothing is even looked at: a stack can always be deleted");
}

#[test]
fn in_mode_observe_a_deployment_succeeds_and_says_what_is_planned() {
    let scene = Scene::bare(Mode::Observe);
    scene.invoke(&request("Create", None)).unwrap();
    let answer = scene.answered();
    assert_eq!((&answer["Status"], &answer["Data"]["Made"]), (&json!("SUCCESS"), &json!("0")));
    assert!(scene.reason().starts_with("Mode observe: "), "{}", scene.reason());
    assert_ne!(answer["Data"]["Planned"], "0");
    assert!(answer["Data"]["Summary"].as_str().unwrap().contains("monitoring controls reach a confirmed subscriber"));
    assert_eq!(scene.changes(), 0);
}

#[test]
fn a_change_that_fails_fails_the_deployment_in_words() {
    let scene = Scene::bare(Mode::Enforce);
    scene.faults.fail_next("PutMetricFilter", 999, Effect::Before, denied());
    scene.invoke(&request("Create", None)).unwrap();
    let answer = scene.answered();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!(OURS)));
    let reason = scene.reason();
    for words in
        ["changes of the monitoring failed", "create the metric filter `", "access denied", "Let the function's role make this call"]
    {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    scene.invoke(&request("Delete", Some(OURS))).unwrap();
    assert_eq!(scene.answered()["Status"], "SUCCESS", "the roll-back of a creation that failed");
}

#[test]
fn a_deployment_without_evidence_changes_nothing_and_fails() {
    let scene = Scene::bare(Mode::Enforce);
    scene.faults.fail_next("append", 99, Effect::Before, unavailable());
    scene.invoke(&request("Create", None)).unwrap();
    assert_eq!((&scene.answered()["Status"], scene.changes()), (&json!("FAILED"), 0));
    assert!(scene.reason().contains("REPRIEVE_AUDIT_BUCKET"), "{}", scene.reason());
}

#[test]
fn a_request_that_makes_no_sense_is_answered_all_the_same() {
    let scene = Scene::healthy();
    scene.invoke(&request("Replace", None)).unwrap();
    assert_eq!((&scene.answered()["Status"], &scene.answered()["PhysicalResourceId"]), (&json!("FAILED"), &json!(OURS)));
    assert!(scene.reason().contains("expected a `RequestType` of `Create`, `Update` or `Delete`"), "{}", scene.reason());
    let error = scene.invoke(&json!({ "RequestType": "Create", "StackId": "s" })).unwrap_err();
    assert!(error.to_string().contains("ResponseURL"), "{error}");
}

#[test]
fn an_answer_is_sent_before_lambda_stops_the_invocation() {
    let scene = Scene::bare(Mode::Enforce);
    scene.clock.run_out();
    scene.faults.fail_next("observe", 9, Effect::KilledBefore, unavailable());
    scene.invoke(&request("Create", None)).unwrap();
    assert_eq!((&scene.answered()["Status"], &scene.answered()["PhysicalResourceId"]), (&json!("FAILED"), &json!(OURS)));
    assert!(scene.reason().contains("within the time of the invocation"), "{}", scene.reason());
    assert!(scene.clock.now() < time("2026-11-20T10:05:00Z"), "there was time left to answer");
}

#[test]
fn where_the_time_is_over_at_once_an_answer_is_tried() {
    let scene = Scene::bare(Mode::Enforce);
    scene.clock.run_out();
    scene.clock.set(time("2026-11-20T10:06:00Z"));
    scene.invoke(&request("Create", None)).unwrap();
    assert_eq!(scene.answered()["Status"], "FAILED");
}

#[test]
fn an_answer_that_is_not_taken_fails_the_invocation() {
    let mut scene = Scene::healthy();
    scene.service.responses.refuses = true;
    let error = scene.invoke(&request("Delete", Some(OURS))).unwrap_err();
    assert!(error.to_string().contains("HTTP 403"), "{error}");
}

#[test]
fn an_unknown_payload_is_an_error_that_says_what_was_expected() {
    let error = Scene::healthy().invoke(&json!({ "hello": "world" })).unwrap_err().to_string();
    // It is logged, and nothing of what came in ever is.
    assert!(error.starts_with("expected ") && !error.contains("hello"), "{error}");
}
