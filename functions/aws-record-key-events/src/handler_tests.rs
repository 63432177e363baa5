//! Invocations against an archive in memory: what is recorded, what comes again, what is sealed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use reprieve_archive::{ArchiveSink, PORTION_ENTRIES};
use reprieve_engine::{CallError, RecordingMeter, RecordingPorts, RecordingSettings, SealerSettings, Versioned};
use reprieve_test_support::event::time;
use reprieve_test_support::{FakeClock, FakeEvidenceStore, FakeNoticeSink, FakeSealSigner, finish};

use super::*;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Files of a trail in memory.
#[derive(Debug, Clone, Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl LogSource for Files {
    async fn fetch(&self, _bucket: &str, key: &str) -> Result<Vec<u8>, CallError> {
        let bytes = self.0.get(key).cloned();
        bytes.ok_or(CallError::NotFound { call: "s3:GetObject", message: format!("`{key}`") })
    }
}

/// A baseline in memory.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Option<Vec<u8>>>>);

impl BaselineStore for Kept {
    async fn load(&self) -> Result<Option<Versioned>, CallError> {
        Ok(self.0.lock().unwrap().clone().map(|bytes| Versioned { bytes, etag: "e".to_owned() }))
    }

    async fn save(&self, bytes: &[u8], _replaces: Option<&str>) -> Result<bool, CallError> {
        *self.0.lock().unwrap() = Some(bytes.to_vec());
        Ok(true)
    }
}

/// What was counted.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<Mutex<Vec<String>>>);

impl RecordingMeter for Counted {
    fn recorded(&self, recorded: &Recorded, _: Timestamp) {
        self.0.lock().unwrap().push(format!("recorded {}", recorded.entries));
    }
}

impl FunctionMeter for Counted {
    fn file_recorded(&self, _: Timestamp, unreadable: u64, oldest: Option<Timestamp>, _: &str) {
        self.0.lock().unwrap().push(format!("file, {unreadable} unreadable, oldest {oldest:?}"));
    }

    fn sealed(&self, _: Timestamp, seals: u64, objects: u64) {
        self.0.lock().unwrap().push(format!("{seals} seals of {objects} objects"));
    }
}

type TestService =
    Service<Files, ArchiveSink<FakeEvidenceStore>, Kept, FakeNoticeSink, FakeClock, Counted, FakeEvidenceStore, FakeSealSigner>;

struct World {
    service: TestService,
    store: FakeEvidenceStore,
    counted: Counted,
}

fn world(files: &[(&str, Vec<u8>)]) -> World {
    let clock = FakeClock::at(time("2026-11-21T10:00:00Z"));
    let store = FakeEvidenceStore::new(clock.clone());
    let counted = Counted::default();
    let service = Service {
        recording: Recording {
            source: Files(files.iter().map(|(key, bytes)| (log_key(key), bytes.clone())).collect()),
            recorder: Recorder {
                ports: RecordingPorts {
                    evidence: ArchiveSink::new(store.clone()),
                    baseline: Kept::default(),
                    notices: FakeNoticeSink::default(),
                    clock: clock.clone(),
                    meter: counted.clone(),
                },
                settings: RecordingSettings::default(),
            },
        },
        sealer: Sealer::new(store.clone(), FakeSealSigner::new(7), clock.clone(), SealerSettings::of("arn:aws:s3:::archive")),
        clock,
        meter: counted.clone(),
    };
    World { service, store, counted }
}

fn log_key(name: &str) -> String {
    format!("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/21/111122223333_CloudTrail_eu-central-1_{name}.json.gz")
}

fn record(id: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-21T09:58:00Z", "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt", "eventType": "AwsApiCall", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/pat", "userName": "pat", "accountId": "111122223333" },
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli", "requestParameters": { "encryptionAlgorithm": "SYMMETRIC_DEFAULT" },
        "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY }],
    })
}

fn packed(records: &[Value]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(json!({ "Records": records }).to_string().as_bytes()).unwrap();
    gz.finish().unwrap()
}

fn message(id: &str, names: &[&str]) -> Value {
    let keys: Vec<String> = names.iter().map(|name| log_key(name)).collect();
    json!({ "messageId": id, "body": json!({ "s3Bucket": "trail", "s3ObjectKey": keys }).to_string(), "eventSource": "aws:sqs" })
}

fn invoke(world: &World, payload: &Value) -> Result<Value, Failure> {
    invoke_until(world, payload, "2100-01-01T00:00:00Z")
}

fn invoke_until(world: &World, payload: &Value, stopped_at: &str) -> Result<Value, Failure> {
    let invoked = Invoked { request_id: "request-1".to_owned(), stopped_at: time(stopped_at) };
    finish(world.service.answer(payload, &invoked)).unwrap()
}

fn failures(answer: &Value) -> Vec<&str> {
    answer["batchItemFailures"].as_array().unwrap().iter().map(|item| item["itemIdentifier"].as_str().unwrap()).collect()
}

#[test]
fn a_file_is_recorded_as_lines_and_as_a_table_and_counted() {
    let world = world(&[("one", packed(&[record("e-1"), record("e-2")]))]);
    let answer = invoke(&world, &json!({ "Records": [message("m-1", &["one"])] })).unwrap();
    assert_eq!(failures(&answer), Vec::<&str>::new());
    let objects = world.store.objects();
    let hour = "year=2026/month=11/day=21/hour=09/account=111122223333/region=eu-central-1/";
    let written = |folder: &str| objects.keys().filter(|name| name.starts_with(&format!("{folder}{hour}"))).count();
    assert_eq!((written("audit/events/"), written("audit/tables/events/")), (1, 1), "{:?}", objects.keys());
    assert_eq!(*world.counted.0.lock().unwrap(), ["recorded 2", "file, 0 unreadable, oldest Some(2026-11-21T09:58:00Z)"]);
}

/// P109
#[test]
fn a_repeated_notice_adds_nothing() {
    let world = world(&[("one", packed(&[record("e-1")]))]);
    let payload = json!({ "s3Bucket": "trail", "s3ObjectKey": [log_key("one")] });
    let first = invoke(&world, &payload).unwrap();
    assert!(first["bytes"].as_u64() > Some(0), "{first}");
    let objects = world.store.objects();
    let again = invoke(&world, &payload).unwrap();
    assert_eq!((&again["files"], &again["entries"], &again["bytes"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(world.store.objects(), objects);
}

/// P110
#[test]
fn only_what_failed_comes_again_and_what_can_be_read_of_it_is_recorded() {
    let whole = packed(&(0..400).map(|number| record(&format!("e-{number}-{}", number * 7919))).collect::<Vec<_>>());
    let half = whole[..whole.len() / 2].to_vec();
    let world = world(&[("whole", whole), ("half", half)]);
    let batch = json!({ "Records": [
        message("broken", &["half"]),
        message("good", &["whole"]),
        message("gone", &["nothing"]),
        { "messageId": "unreadable", "body": "no notice", "eventSource": "aws:sqs" },
        message("mixed", &["nothing", "whole"]),
    ] });
    let answer = invoke(&world, &batch).unwrap();
    assert_eq!(failures(&answer), ["broken", "gone", "unreadable", "mixed"]);
    let of_half = world.store.objects().keys().filter(|name| name.contains("_half.") && name.starts_with("audit/events/")).count();
    assert_eq!(of_half, 1, "what could be read of the broken file is not there: {:?}", world.store.objects().keys());
}

/// P110: the portion that is refused in its place is kept in another, the one behind it in its own, and a human finds the file.
#[test]
fn a_refused_object_stops_no_portion_behind_it_and_fails_its_file_alone() {
    let large = packed(&(0..=PORTION_ENTRIES).map(|number| record(&format!("e-{number}"))).collect::<Vec<_>>());
    let world = world(&[("large", large), ("small", packed(&[record("e-small")]))]);
    let hour = "audit/events/year=2026/month=11/day=21/hour=09";
    let file = |place: &str, ending: &str| format!("{hour}/{place}/111122223333_CloudTrail_eu-central-1_large.json.gz{ending}.json.gz");
    let place = "account=111122223333/region=eu-central-1";
    world.store.place(&file(place, ""), *b"something else", time("2026-11-21T09:59:00Z"));
    let batch = json!({ "Records": [message("refused", &["large"]), message("good", &["small"])] });
    assert_eq!(failures(&invoke(&world, &batch).unwrap()), ["refused"]);
    let objects = world.store.objects();
    assert!(objects.contains_key(&file(place, ".part-2")), "{:?}", objects.keys());
    assert!(objects.keys().any(|name| name.starts_with(&format!("{hour}/account=refused/region=refused/"))), "{:?}", objects.keys());
    let error = invoke(&world, &json!({ "s3Bucket": "trail", "s3ObjectKey": [log_key("large")] })).unwrap_err();
    assert!(error.to_string().contains("refused objects"), "{error}");
    assert_eq!(world.store.objects(), objects, "what comes again adds nothing");
}

#[test]
fn no_file_is_begun_without_the_time_to_end_it() {
    let world = world(&[("one", packed(&[record("e-1")]))]);
    let batch = json!({ "Records": [message("m-1", &["one"])] });
    let answer = invoke_until(&world, &batch, "2026-11-21T10:00:10Z").unwrap();
    assert_eq!(failures(&answer), ["m-1"]);
    assert_eq!(world.store.objects().len(), 0);
}

#[test]
fn what_is_no_file_of_events_is_left_out() {
    let world = world(&[]);
    let digest =
        json!({ "s3Bucket": "trail", "s3ObjectKey": ["AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/21/d.json.gz"] });
    assert_eq!(invoke(&world, &digest).unwrap()["files"], json!(0));
}

#[test]
fn a_file_that_cannot_be_recorded_fails_a_direct_invocation() {
    let error = invoke(&world(&[]), &json!({ "s3Bucket": "trail", "s3ObjectKey": [log_key("nothing")] })).unwrap_err();
    assert!(error.to_string().contains("s3:GetObject"), "{error}");
}

#[test]
fn sealing_now_seals_what_was_just_recorded_and_says_so() {
    let world = world(&[("one", packed(&[record("e-1")]))]);
    invoke(&world, &json!({ "s3Bucket": "trail", "s3ObjectKey": [log_key("one")] })).unwrap();
    world.service.clock.advance(SignedDuration::from_secs(5));
    let sealed = invoke(&world, &json!({ "task": "seal", "until": "now" })).unwrap();
    let recorded = world.store.objects().keys().filter(|name| name.starts_with("audit/")).count();
    assert_eq!((&sealed["task"], &sealed["objects"]), (&json!("seal"), &json!(recorded)));
    assert!(sealed["seals"].as_u64() > Some(0) && sealed["last_seal"].is_string(), "{sealed}");
    assert!(world.store.objects().contains_key("public-key.pem"));
    // The hour is not over.
    assert_eq!(invoke(&world, &json!({ "task": "seal" })).unwrap()["seals"], json!(0));
}

#[test]
fn an_unknown_payload_is_an_error_that_says_what_was_expected() {
    let error = invoke(&world(&[]), &json!({ "hello": "world" })).unwrap_err().to_string();
    // It is logged, and nothing of what came in ever is.
    assert!(error.starts_with("expected ") && !error.contains("hello"), "{error}");
}
