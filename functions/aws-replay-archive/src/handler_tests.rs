//! Runs over an archive and a bucket in memory: what is read, written, refused and tried again.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write as _};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use reprieve_aws_evidence::ListedLogFile;
use reprieve_engine::{CallError, SystemClock};
use reprieve_replay::{Collector, Part, Rules, judge};
use serde_json::json;

use super::*;
use crate::port::LogReader;

const PREFIX: &str = "AWSLogs/";

#[derive(Debug, Clone)]
enum File {
    Bytes(Vec<u8>),
    Fails(CallError),
}

#[derive(Debug, Clone, Default)]
struct FakeLogs {
    files: Arc<Mutex<BTreeMap<String, File>>>,
    opened: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct FakeReader {
    bytes: Cursor<Vec<u8>>,
    failure: Option<CallError>,
}

impl Read for FakeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &self.failure {
            Some(_) => Err(io::Error::other("it cannot be read, whoever tries")),
            None => self.bytes.read(into),
        }
    }
}

impl LogReader for FakeReader {
    fn failure(&self) -> Option<&CallError> {
        self.failure.as_ref()
    }
}

impl LogFiles for FakeLogs {
    type Reader = FakeReader;

    async fn visit(&self, bucket: &str, prefix: &str, mut visit: impl FnMut(ListedLogFile) + Send) -> Result<(), CallError> {
        for (key, file) in self.files.lock().unwrap().iter().filter(|(key, _)| key.starts_with(prefix)) {
            let bytes = if let File::Bytes(bytes) = file { bytes.len() as u64 } else { 0 };
            visit(ListedLogFile { bucket: bucket.to_owned(), key: key.clone(), bytes });
        }
        Ok(())
    }

    fn open(&self, file: &ListedLogFile) -> FakeReader {
        self.opened.lock().unwrap().push(file.key.clone());
        let (bytes, failure) = match self.files.lock().unwrap().get(&file.key).cloned() {
            Some(File::Bytes(bytes)) => (bytes, None),
            Some(File::Fails(error)) => (Vec::new(), Some(error)),
            None => (Vec::new(), Some(CallError::NotFound { call: "s3:GetObject", message: "gone".to_owned() })),
        };
        FakeReader { bytes: Cursor::new(bytes), failure }
    }
}

#[derive(Debug, Clone, Default)]
struct FakeResults {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Results for FakeResults {
    fn bucket(&self) -> &'static str {
        "results"
    }

    async fn put_once(&self, name: &str, bytes: Vec<u8>) -> Result<bool, CallError> {
        let mut objects = self.objects.lock().unwrap();
        let is_new = !objects.contains_key(name);
        objects.entry(name.to_owned()).or_insert(bytes);
        Ok(is_new)
    }

    async fn put(&self, name: &str, _content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.objects.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        Ok(self.objects.lock().unwrap().get(name).cloned())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        Ok(self.objects.lock().unwrap().keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }
}

type World = Service<FakeLogs, FakeResults, SystemClock>;

fn gz(ids: &[&str]) -> Vec<u8> {
    let records: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "eventVersion": "1.11", "eventID": id, "eventTime": "2026-07-01T09:58:00Z", "eventSource": "kms.amazonaws.com",
                "eventName": "ScheduleKeyDeletion", "eventType": "AwsApiCall", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
                "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/pat", "userName": "pat", "accountId": "111122223333" },
                "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli",
                "requestParameters": { "keyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "pendingWindowInDays": 7 },
                "responseElements": { "keyState": "PendingDeletion" },
                "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key",
                    "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab" }],
            })
        })
        .collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(json!({ "Records": records }).to_string().as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn world(files: &[(&str, File)]) -> World {
    let logs = FakeLogs::default();
    for (name, file) in files {
        logs.files.lock().unwrap().insert(format!("{PREFIX}{name}"), file.clone());
    }
    Service { logs, results: FakeResults::default(), clock: SystemClock }
}

/// Three files of events, one of them a repetition; a digest; and a file that breaks off.
fn archive() -> World {
    let whole = gz(&["e-4", "e-5"]);
    world(&[
        ("a.json.gz", File::Bytes(gz(&["e-1", "e-2"]))),
        ("b.json.gz", File::Bytes(gz(&["e-2", "e-3"]))),
        ("c/CloudTrail-Digest/d.json.gz", File::Bytes(vec![1])),
        ("d.json.gz", File::Bytes(whole[..whole.len() - 12].to_vec())),
    ])
}

fn invoke(world: &World, payload: Value) -> Result<Value, Failure> {
    invoke_for(world, payload, 900)
}

fn invoke_for(world: &World, payload: Value, seconds: i64) -> Result<Value, Failure> {
    let stopped_at = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(world.answer(payload, &Invoked { request_id: "r".to_owned(), stopped_at }))
}

fn estimate(world: &World, input: &Value) -> Result<Value, Failure> {
    let limits = json!({ "gigabytes": "0.00001", "files_per_batch": "500", "at_once": "40" });
    invoke(
        world,
        json!({ "task": "estimate", "execution": "run-1", "bucket": "trail", "within": PREFIX, "limits": limits, "input": input }),
    )
}

fn batch(world: &World, names: &[&str]) -> Value {
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            let key = format!("{PREFIX}{name}");
            let size = match world.logs.files.lock().unwrap().get(&key) {
                Some(File::Bytes(bytes)) => bytes.len(),
                Some(File::Fails(_)) | None => 0,
            };
            json!({ "Key": key, "Size": size })
        })
        .collect();
    json!({ "Items": items, "BatchInput": { "run": "run-1", "bucket": "trail", "prefix": PREFIX } })
}

/// Writes down what batches answered, as Step Functions does.
fn tell(world: &World, answers: &[Value]) {
    let lines = answers.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    let mut objects = world.results.objects.lock().unwrap();
    objects.insert("replay/run-1/map/id/SUCCEEDED_0.jsonl".to_owned(), lines.into_bytes());
    objects.insert("replay/run-1/map/id/manifest.json".to_owned(), b"{}".to_vec());
}

fn reduce(world: &World, parts: u64) -> Result<Value, Failure> {
    reduce_for(world, parts, 900)
}

fn reduce_for(world: &World, parts: u64, seconds: i64) -> Result<Value, Failure> {
    let plan = estimate(world, &json!({})).unwrap();
    let (progress, manifest) = (json!({ "done": false, "parts": parts }), "replay/run-1/map/id/manifest.json");
    invoke_for(world, json!({ "task": "reduce", "plan": plan, "progress": progress, "manifest": manifest }), seconds)
}

fn object(world: &World, name: &str) -> Vec<u8> {
    world.results.objects.lock().unwrap().get(name).cloned().unwrap_or_else(|| unreachable!("`{name}` is not there"))
}

/// What one machine says of the same files.
fn on_one_machine(world: &World, names: &[&str]) -> Vec<u8> {
    let collector = Collector::default();
    for name in names {
        let mut reader = world.logs.open(&ListedLogFile { bucket: String::new(), key: format!("{PREFIX}{name}"), bytes: 0 });
        collector.read(name, &mut reader);
    }
    judge(&collector.finish(), &Rules::shipped()).to_json().unwrap()
}

#[test]
fn batches_merged_say_what_one_machine_says_to_the_byte() {
    let world = archive();
    let first = invoke(&world, batch(&world, &["a.json.gz", "c/CloudTrail-Digest/d.json.gz"])).unwrap();
    assert_eq!((&first["files"], &first["left_out"], &first["records"], &first["errors"]), (&json!(1), &json!(1), &json!(2), &json!(0)));
    let second = invoke(&world, batch(&world, &["b.json.gz", "d.json.gz"])).unwrap();
    assert!(second["errors"].as_u64() >= Some(1), "{second}");
    tell(&world, &[first, second]);
    let reduced = reduce(&world, 0).unwrap();
    assert_eq!((&reduced["done"], &reduced["answer"]["json"]), (&json!(true), &json!("s3://results/replay/run-1/answer.json")));
    let answer = object(&world, "replay/run-1/answer.json");
    assert_eq!(String::from_utf8(answer), String::from_utf8(on_one_machine(&world, &["a.json.gz", "b.json.gz", "d.json.gz"])));
}

#[test]
fn the_part_of_a_run_is_the_part_of_all_its_files() {
    let world = archive();
    let told = ["a.json.gz", "b.json.gz", "d.json.gz"].map(|name| invoke(&world, batch(&world, &[name])).unwrap());
    tell(&world, &told);
    reduce(&world, 0).unwrap();
    let part = Part::from_bytes(&object(&world, "replay/run-1/result.part")).unwrap();
    assert_eq!(part.files(), 3);
    assert_eq!(judge(&part, &Rules::shipped()).to_json().unwrap(), object(&world, "replay/run-1/answer.json"));
}

#[test]
fn a_batch_that_comes_again_is_not_read_again_and_says_the_same() {
    let world = archive();
    let first = invoke(&world, batch(&world, &["a.json.gz", "b.json.gz"])).unwrap();
    let opened = world.logs.opened.lock().unwrap().len();
    assert_eq!(invoke(&world, batch(&world, &["a.json.gz", "b.json.gz"])), Ok(first));
    assert_eq!(world.logs.opened.lock().unwrap().len(), opened);
}

#[test]
fn a_part_that_was_lost_is_written_again_to_the_byte() {
    let world = archive();
    let told = invoke(&world, batch(&world, &["a.json.gz", "d.json.gz"])).unwrap();
    let name = told["part"].as_str().unwrap();
    let first = world.results.objects.lock().unwrap().remove(name).unwrap();
    assert_eq!(invoke(&world, batch(&world, &["a.json.gz", "d.json.gz"])), Ok(told.clone()));
    assert_eq!(object(&world, name), first);
}

#[test]
fn other_files_and_other_sizes_are_another_part() {
    let world = archive();
    let part = |batch: Value| invoke(&world, batch).unwrap()["part"].clone();
    let mut grown = batch(&world, &["a.json.gz"]);
    grown["Items"][0]["Size"] = json!(1);
    let names = [part(batch(&world, &["a.json.gz"])), part(batch(&world, &["b.json.gz"])), part(grown)];
    assert!(names[0] != names[1] && names[0] != names[2] && names[1] != names[2], "{names:?}");
}

#[test]
fn a_file_that_will_never_be_read_is_a_problem_and_the_others_are_read() {
    let denied = File::Fails(CallError::AccessDenied { call: "s3:GetObject", message: "request 1".to_owned() });
    let world = world(&[("a.json.gz", File::Bytes(gz(&["e-1"]))), ("b.json.gz", denied)]);
    let told = invoke(&world, batch(&world, &["a.json.gz", "b.json.gz", "gone.json.gz"])).unwrap();
    assert_eq!((&told["files"], &told["records"], &told["errors"]), (&json!(3), &json!(1), &json!(2)));
    let part = Part::from_bytes(&object(&world, told["part"].as_str().unwrap())).unwrap();
    let named: Vec<&str> = part.named_problems().map(|problem| problem.file.as_str()).collect();
    assert_eq!(named, ["b.json.gz", "gone.json.gz"]);
}

#[test]
fn what_another_attempt_may_bring_fails_the_batch_and_leaves_nothing() {
    let busy = File::Fails(CallError::Throttled { call: "s3:GetObject", message: "slow down".to_owned() });
    let world = world(&[("a.json.gz", File::Bytes(gz(&["e-1"]))), ("b.json.gz", busy)]);
    let failure = invoke(&world, batch(&world, &["a.json.gz", "b.json.gz"])).unwrap_err();
    assert_eq!(failure.name(), "Replay.TryAgain");
    assert!(failure.to_string().contains("`s3://trail/AWSLogs/b.json.gz`"), "{failure}");
    assert_eq!(world.results.objects.lock().unwrap().len(), 0);
}

#[test]
fn a_batch_without_the_time_for_it_fails_before_it_is_stopped() {
    let world = archive();
    let failure = invoke_for(&world, batch(&world, &["a.json.gz"]), 15).unwrap_err();
    assert_eq!(failure.name(), "Replay.OutOfTime");
    assert_eq!(world.results.objects.lock().unwrap().len(), 0);
}

/// P134
#[test]
fn a_run_that_is_larger_than_was_meant_is_refused_until_somebody_says_so() {
    let noise: Vec<u8> = (0..20_000_u32).flat_map(u32::to_be_bytes).collect();
    let world = world(&[("a.json.gz", File::Bytes(noise))]);
    let failure = estimate(&world, &json!({})).unwrap_err();
    assert_eq!(failure.name(), "Replay.Refused");
    assert!(failure.to_string().contains("\"confirmed_gigabytes\": 1"), "{failure}");
    let plan = estimate(&world, &json!({ "confirmed_gigabytes": 1 })).unwrap();
    assert_eq!((&plan["log_files"], &plan["bytes"]), (&json!(1), &json!(80_000)));
}

#[test]
fn an_archive_without_logs_is_refused() {
    let world = world(&[("c/CloudTrail-Digest/d.json.gz", File::Bytes(vec![1]))]);
    let failure = estimate(&world, &json!({})).unwrap_err();
    assert!(failure.to_string().contains("`s3://trail/AWSLogs/` holds no log files (1 object(s) are none)"), "{failure}");
}

/// P134
#[test]
fn a_run_whose_parts_are_not_those_that_were_told_of_is_refused() {
    let world = archive();
    let told = ["a.json.gz", "b.json.gz", "d.json.gz"].map(|name| invoke(&world, batch(&world, &[name])).unwrap());
    tell(&world, &told[..2]);
    let failure = reduce(&world, 0).unwrap_err();
    assert!(failure.to_string().contains("1 part(s) are there of which no batch of it tells"), "{failure}");
    tell(&world, &told);
    let lost = told[0]["part"].as_str().unwrap();
    let bytes = world.results.objects.lock().unwrap().remove(lost).unwrap();
    let failure = reduce(&world, 0).unwrap_err();
    assert!(failure.to_string().contains(&format!("1 part(s) are missing that batches wrote, `{lost}` first")), "{failure}");
    // Its files are those of another batch.
    let other = object(&world, told[2]["part"].as_str().unwrap());
    assert_ne!(other, bytes);
    let mut wrong = told.clone();
    wrong[0]["files"] = json!(7);
    world.results.objects.lock().unwrap().insert(lost.to_owned(), other);
    tell(&world, &wrong);
    let failure = reduce(&world, 0).unwrap_err();
    assert!(failure.to_string().contains("its parts are of 3 log files, and the batches read 9"), "{failure}");
}

/// P134
#[test]
fn a_run_that_read_fewer_files_than_there_were_is_refused() {
    let world = archive();
    let told = invoke(&world, batch(&world, &["a.json.gz"])).unwrap();
    tell(&world, &[told]);
    let failure = reduce(&world, 0).unwrap_err();
    assert!(failure.to_string().contains("the batches read 1 log files, and 3 were there when it began"), "{failure}");
    assert!(!world.results.objects.lock().unwrap().contains_key("replay/run-1/answer.json"));
}

/// P134
#[test]
fn what_an_execution_of_before_told_of_other_batches_counts_nothing_twice() {
    let world = archive();
    let of_before = [vec!["a.json.gz", "b.json.gz"], vec!["d.json.gz"]].map(|names| invoke(&world, batch(&world, &names)).unwrap());
    tell(&world, &of_before);
    let objects = &world.results.objects;
    let told = objects.lock().unwrap().get("replay/run-1/map/id/SUCCEEDED_0.jsonl").cloned().unwrap();
    objects.lock().unwrap().insert("replay/run-1/map/before/SUCCEEDED_0.jsonl".to_owned(), told);
    let now = [vec!["a.json.gz"], vec!["b.json.gz", "d.json.gz"]].map(|names| invoke(&world, batch(&world, &names)).unwrap());
    tell(&world, &now);
    let failure = reduce(&world, 0).unwrap_err();
    assert!(failure.to_string().contains("2 part(s) are there of which no batch of it tells"), "{failure}");
    assert!(!objects.lock().unwrap().contains_key("replay/run-1/answer.json"));
    for mapped in &of_before {
        objects.lock().unwrap().remove(mapped["part"].as_str().unwrap()).unwrap();
    }
    reduce(&world, 0).unwrap();
    let answer = object(&world, "replay/run-1/answer.json");
    assert_eq!(String::from_utf8(answer), String::from_utf8(on_one_machine(&world, &["a.json.gz", "b.json.gz", "d.json.gz"])));
}

#[test]
fn a_run_that_is_merged_in_legs_ends_with_the_same_answer() {
    let world = archive();
    let told = ["a.json.gz", "b.json.gz", "d.json.gz"].map(|name| invoke(&world, batch(&world, &[name])).unwrap());
    tell(&world, &told);
    let whole = reduce(&world, 0).unwrap();
    let answer = object(&world, "replay/run-1/answer.json");
    // A leg of hardly any time merges one part at least, writes down what it has, and goes on from there.
    let (mut parts, mut legs) = (0, 0);
    let reduced = loop {
        let told_below = "replay/run-1/map/id/".to_owned();
        let task = crate::task::Reduce { asked: asked(&world), log_files: 3, merged_parts: parts, told_below };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reduced = runtime.block_on(reduce::reduce(&world.results, task, Duration::ZERO)).unwrap();
        legs += 1;
        if reduced.progress.done {
            break value(&reduced);
        }
        assert_eq!(reduced.progress.parts, parts + 1);
        parts = reduced.progress.parts;
    };
    assert_eq!(legs, 3);
    assert_eq!(reduced, whole);
    assert_eq!(object(&world, "replay/run-1/answer.json"), answer);
}

fn asked(world: &World) -> crate::task::Asked {
    let plan: crate::task::Plan = serde_json::from_value(estimate(world, &json!({})).unwrap()).unwrap();
    plan.asked
}
