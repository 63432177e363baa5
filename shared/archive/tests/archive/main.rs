//! What an archive holds after it was written to: once, after a crash, again, and by another's hand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop")]

mod folder;
mod refused;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use reprieve_archive::{ArchiveSink, FolderStore, Form, Portions, distinct, read_lines, table};
use reprieve_core::{AuditEvent, Finding, Posture, Severity};
use reprieve_engine::CallError;
use reprieve_engine::evidence::{Appended, Batch, EvidenceSink as _, EvidenceStore, Filed, StoredObject};
use reprieve_wire::audit::{self, Parsed};
use reprieve_wire::ocsf::{self, Read};
use reprieve_wire::row::COLUMNS;
use serde_json::{Value, json};

const JSON_LINES: &str = "application/x-ndjson+gzip";
const PARQUET: &str = "application/vnd.apache.parquet";
const FILE: &str = "111122223333_CloudTrail_eu-central-1_20261120T0900Z_AbCdEfGhIjKlMnOp.json.gz";

/// An entry of KMS; without a time where `time` is empty.
fn entry(id: &str, time: &str, region: &str) -> AuditEvent {
    let key = format!("arn:aws:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let mut record = json!({
        "eventVersion": "1.10",
        "userIdentity": {"type": "IAMUser", "userName": "ali\"ce, =1+1", "accountId": "111122223333"},
        "eventSource": "kms.amazonaws.com", "eventName": "DisableKey", "awsRegion": region, "eventID": id,
        "sourceIPAddress": "192.0.2.7", "requestParameters": {"keyId": key}, "eventType": "AwsApiCall",
        "resources": [{"ARN": key}], "recipientAccountId": "111122223333",
    });
    if !time.is_empty() {
        record["eventTime"] = json!(time);
    }
    match audit::parse(&record).unwrap() {
        Parsed::Entry(entry) => *entry,
        other @ Parsed::NotOurs { .. } => unreachable!("{other:?}"),
    }
}

fn batch(events: Vec<AuditEvent>) -> Batch {
    Batch { log_file: FILE.to_owned(), events }
}

/// Three entries of one place in two hours, the later hour first.
fn two_hours() -> Batch {
    batch(vec![
        entry("c", "2026-11-20T10:00:00Z", "eu-central-1"),
        entry("a", "2026-11-20T09:59:59Z", "eu-central-1"),
        entry("b", "2026-11-20T09:00:00Z", "eu-central-1"),
    ])
}

fn name(hour: u8, region: &str, ending: &str, shelf: &str) -> String {
    format!("audit/{shelf}/year=2026/month=11/day=20/hour={hour:02}/account=111122223333/region={region}/{FILE}{ending}")
}

/// A folder that answers with a fault instead of taking what it is to hold, where `fault` has one for that name.
struct Faulty<F> {
    inner: FolderStore,
    fault: F,
}

impl<F: Fn(&str) -> Option<CallError> + Sync> EvidenceStore for Faulty<F> {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        match (self.fault)(name) {
            Some(fault) => Err(fault),
            None => self.inner.put_once(name, content_type, bytes).await,
        }
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        self.inner.read(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        self.inner.list(prefix).await
    }
}

/// A folder of which the N-th write fails, from 0.
fn failing(folder: &Path, fails_at: usize) -> impl EvidenceStore + Send {
    let puts = AtomicUsize::new(0);
    let gone = || CallError::Unavailable { call: "test:Put", message: "gone".to_owned() };
    let fault = move |_: &str| (puts.fetch_add(1, Ordering::Relaxed) == fails_at).then(gone);
    Faulty { inner: FolderStore::create(folder).unwrap(), fault }
}

/// What a store is handed: a name, a content type, and bytes.
type Handed = (String, String, Vec<u8>);

/// A store that has nothing, and keeps what it is handed, in that order.
#[derive(Clone, Default)]
struct Empty(Arc<Mutex<Vec<Handed>>>);

impl EvidenceStore for Empty {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        self.0.lock().unwrap().push((name.to_owned(), content_type.to_owned(), bytes.to_vec()));
        Ok(true)
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, CallError> {
        Ok(None)
    }

    async fn list(&self, _: &str) -> Result<Vec<StoredObject>, CallError> {
        Ok(Vec::new())
    }
}

/// The objects that the entries of a log file come to, in the order in which they are written.
async fn written_of(batch: &Batch) -> Vec<Handed> {
    let store = Empty::default();
    ArchiveSink::new(store.clone()).append_events(batch).await.unwrap();
    store.0.lock().unwrap().clone()
}

/// How many entries an object holds.
fn count_in((_, content_type, bytes): &Handed) -> usize {
    if content_type == PARQUET { rows(bytes).len() } else { read_lines(bytes).unwrap().len() }
}

async fn objects(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let store = FolderStore::at(folder);
    let mut objects = Vec::new();
    for object in store.list("").await.unwrap() {
        let bytes = store.read(&object.name).await.unwrap().unwrap();
        assert_eq!(object.size_bytes, bytes.len() as u64);
        objects.push((object.name, bytes));
    }
    objects
}

/// The ids of all entries in the archive's JSON lines, sorted; each as often as it is there.
async fn ids(folder: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    for (name, bytes) in objects(folder).await {
        if name.ends_with(".json.gz") {
            ids.extend(read_lines(&bytes).unwrap().into_iter().map(|entry| entry.event.id.to_string()));
        }
    }
    ids.sort();
    ids
}

/// The ids of all entries in the archive's tables, sorted.
async fn ids_of_tables(folder: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    for (name, bytes) in objects(folder).await {
        if name.ends_with(".parquet") {
            ids.extend(rows(&bytes).into_iter().map(|row| row["event_id"].as_str().unwrap().to_owned()));
        }
    }
    ids.sort();
    ids
}

fn rows(table: &[u8]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    fs::write(&path, table).unwrap();
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let columns = reader.metadata().file_metadata().schema_descr().num_columns();
    assert_eq!(columns, COLUMNS.len());
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let fields = row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), cell(field))).collect();
        Value::Object(fields)
    });
    rows.collect()
}

fn cell(field: &parquet::record::Field) -> Value {
    use parquet::record::Field;
    if let Field::Bool(flag) = field {
        json!(flag)
    } else if let Field::Long(number) = field {
        json!(number)
    } else if let Field::Str(text) = field {
        json!(text)
    } else {
        assert_eq!(field, &Field::Null, "no column is of another kind");
        Value::Null
    }
}

#[tokio::test]
async fn entries_lie_in_the_hour_and_place_in_which_they_happened() {
    let mut batch = two_hours();
    batch.events.push(entry("d", "2026-11-20T09:30:00Z", "us-east-1"));
    let objects = written_of(&batch).await;
    let told: Vec<_> = objects.iter().map(|object| (object.0.clone(), object.1.as_str(), count_in(object))).collect();
    let expected = [(9, "eu-central-1", 2), (9, "us-east-1", 1), (10, "eu-central-1", 1)].into_iter().flat_map(|(hour, region, count)| {
        let (lines, table) = (name(hour, region, ".json.gz", "events"), name(hour, region, ".parquet", "tables/events"));
        [(lines, JSON_LINES, count), (table, PARQUET, count)]
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    assert_eq!(written_of(&batch).await, objects, "byte by byte the same, each time");
}

#[tokio::test]
async fn both_forms_hold_the_same_entries_without_loss() {
    let batch = two_hours();
    let objects = written_of(&batch).await;
    let entries = read_lines(&objects[0].2).unwrap();
    assert_eq!(entries, [batch.events[1].clone(), batch.events[2].clone()], "in the order of the log file");
    let rows = rows(&objects[1].2);
    for (row, entry) in rows.iter().zip(&entries) {
        assert_eq!(row["event_id"], json!(entry.event.id.as_str()));
        assert_eq!(row["event_time_ms"], json!(entry.event.time.unwrap().as_millisecond()));
        assert_eq!(row["user_name"], json!("ali\"ce, =1+1"));
        assert_eq!((&row["operation"], &row["error_code"], &row["mfa"]), (&json!("disable"), &Value::Null, &Value::Null));
    }
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn an_entry_that_is_there_twice_is_written_once() {
    let mut twice = two_hours();
    let mut changed = twice.events[0].clone();
    changed.event.name = "EnableKey".to_owned();
    twice.events.push(changed);
    assert_eq!(distinct(&twice.events).len(), 3);
    assert_eq!(written_of(&twice).await, written_of(&two_hours()).await, "the first stays");
}

#[tokio::test]
async fn an_entry_without_a_time_lies_with_the_first_that_has_one() {
    let timeless = entry("x", "", "eu-central-1");
    let objects = written_of(&batch(vec![timeless.clone(), entry("a", "2026-11-20T09:59:59Z", "eu-central-1")])).await;
    assert_eq!((objects.len(), &objects[0].0, count_in(&objects[0])), (2, &name(9, "eu-central-1", ".json.gz", "events"), 2));
    let alone = written_of(&batch(vec![timeless])).await;
    assert!(alone[0].0.starts_with("audit/events/year=1970/month=01/day=01/hour=00/"), "{}", alone[0].0);
}

/// P109
#[tokio::test]
async fn a_crash_at_any_write_and_a_second_run_leave_what_one_run_leaves() {
    let whole = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(FolderStore::create(whole.path()).unwrap());
    let bytes = sink.append_events(&two_hours()).await.unwrap().bytes;
    let expected = objects(whole.path()).await;
    assert_eq!(expected.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>(), bytes);
    assert_eq!(sink.append_events(&two_hours()).await.unwrap().bytes, 0, "a repetition adds nothing");
    for fails_at in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let store = failing(folder.path(), fails_at);
        let sink = ArchiveSink::new(store);
        sink.append_events(&two_hours()).await.unwrap_err();
        assert_eq!(objects(folder.path()).await.len(), fails_at, "what was written before stays");
        sink.append_events(&two_hours()).await.unwrap();
        assert_eq!(objects(folder.path()).await, expected, "write {fails_at} failed");
    }
}

/// P109
#[tokio::test]
async fn a_log_file_that_grew_adds_what_is_new_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(FolderStore::create(folder.path()).unwrap());
    let mut log = batch(Vec::new());
    for (count, id) in ["a", "b", "c"].into_iter().enumerate() {
        log.events.push(entry(id, "2026-11-20T09:10:00Z", "eu-central-1"));
        assert!(sink.append_events(&log).await.unwrap().bytes > 0);
        assert_eq!(objects(folder.path()).await.len(), 2 * (count + 1));
        assert_eq!(sink.append_events(&log).await.unwrap().bytes, 0, "and again nothing");
    }
    let mut shorter = log.clone();
    shorter.events.remove(1);
    assert_eq!(sink.append_events(&shorter).await.unwrap().bytes, 0, "an older copy of the file adds nothing");
    assert_eq!(ids(folder.path()).await, ["a", "b", "c"]);
    assert_eq!(ids_of_tables(folder.path()).await, ["a", "b", "c"]);
}

/// P109: tables alone, too.
#[tokio::test]
async fn tables_alone_of_a_log_file_that_grew_add_what_is_new_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(FolderStore::create(folder.path()).unwrap());
    let mut log = batch(Vec::new());
    for (count, id) in ["a", "b", "c"].into_iter().enumerate() {
        log.events.push(entry(id, "2026-11-20T09:10:00Z", "eu-central-1"));
        for is_new in [true, false] {
            let appended = sink.append_tables(&log).await.unwrap();
            assert_eq!((appended.bytes > 0, appended.refused), (is_new, Vec::new()), "{id}");
            assert_eq!(objects(folder.path()).await.len(), count + 1, "{id}");
        }
    }
    log.events.remove(1);
    assert_eq!(sink.append_tables(&log).await.unwrap(), Appended::default(), "an older copy of the file adds nothing");
    assert_eq!(ids_of_tables(folder.path()).await, ["a", "b", "c"]);
}

/// P109
#[tokio::test]
async fn tables_alone_add_nothing_where_both_forms_of_a_grown_log_file_are() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(FolderStore::create(folder.path()).unwrap());
    let mut log = batch(vec![entry("a", "2026-11-20T09:10:00Z", "eu-central-1")]);
    sink.append_events(&log).await.unwrap();
    log.events.push(entry("b", "2026-11-20T09:20:00Z", "eu-central-1"));
    sink.append_events(&log).await.unwrap();
    let before = objects(folder.path()).await;
    assert_eq!(sink.append_tables(&log).await.unwrap(), Appended::default());
    assert_eq!(objects(folder.path()).await, before);
}

/// P109: another release may order or pack its tables otherwise.
#[tokio::test]
async fn a_table_with_the_same_entries_in_other_bytes_lacks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(folder.path()).unwrap();
    let (first, second) = (entry("a", "2026-11-20T09:10:00Z", "eu-central-1"), entry("b", "2026-11-20T09:20:00Z", "eu-central-1"));
    let other = table(&[&second, &first]).unwrap();
    assert!(store.put_once(&name(9, "eu-central-1", ".parquet", "tables/events"), PARQUET, &other).await.unwrap());
    let appended = ArchiveSink::new(store).append_tables(&batch(vec![first, second])).await.unwrap();
    assert_eq!((appended, objects(folder.path()).await.len()), (Appended::default(), 1));
}

#[tokio::test]
async fn a_crash_while_a_grown_file_is_written_is_made_good() {
    let (first, grown) = (entry("a", "2026-11-20T09:10:00Z", "eu-central-1"), entry("b", "2026-11-20T09:20:00Z", "eu-central-1"));
    // Of the two writes of the first run and the four puts of the second, the last but one and the last are the new object's.
    for fails_at in 2..5 {
        let folder = tempfile::tempdir().unwrap();
        let store = failing(folder.path(), fails_at);
        let sink = ArchiveSink::new(store);
        sink.append_events(&batch(vec![first.clone()])).await.unwrap();
        let both = batch(vec![first.clone(), grown.clone()]);
        let crashed = sink.append_events(&both).await.is_err();
        sink.append_events(&both).await.unwrap();
        assert!(crashed, "put {fails_at} was made");
        assert_eq!(
            (ids(folder.path()).await, ids_of_tables(folder.path()).await),
            (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()])
        );
    }
}

#[tokio::test]
async fn nothing_is_added_to_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(folder.path()).unwrap();
    let name = name(9, "eu-central-1", ".json.gz", "events");
    assert!(store.put_once(&name, JSON_LINES, b"something else").await.unwrap());
    let refused = ArchiveSink::new(store).append_events(&two_hours()).await.unwrap().refused;
    assert!(refused.len() == 1 && refused[0].contains(&name) && refused[0].contains("cannot be read"), "{refused:?}");
    assert_eq!(fs::read(folder.path().join(&name)).unwrap(), b"something else");
}

/// A finding of the entry `a`.
fn finding(at: Timestamp) -> Finding {
    let audit = entry("a", "2026-11-20T09:10:00Z", "eu-central-1");
    Finding { found_at: at, score: 70, severity: Severity::High, reasons: Vec::new(), audit }
}

#[tokio::test]
async fn findings_and_postures_are_written_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(FolderStore::create(folder.path()).unwrap());
    let at: Timestamp = "2026-11-20T11:30:00Z".parse().unwrap();
    let finding = finding(at);
    let later = Finding { found_at: at + jiff::SignedDuration::from_hours(5), ..finding.clone() };
    assert_eq!(sink.append_finding(&finding).await.unwrap(), Filed { is_new: true, refused: None });
    assert_eq!(sink.append_finding(&later).await.unwrap(), Filed::default());
    let posture: Posture = serde_json::from_value(posture_json(at)).unwrap();
    assert!(sink.append_posture(&posture).await.unwrap());
    assert!(!sink.append_posture(&posture).await.unwrap());
    let objects = objects(folder.path()).await;
    let read = |index: usize| ocsf::read(&serde_json::from_slice(&objects[index].1).unwrap()).unwrap();
    assert!(matches!(read(0), Read::Finding(read) if *read == finding), "{}", objects[0].0);
    assert!(matches!(read(1), Read::Posture(read) if read == posture), "{}", objects[1].0);
    assert_eq!(objects.len(), 2);
}

fn posture_json(at: Timestamp) -> Value {
    json!({"at": at, "cloud": "aws", "account": "111122223333", "region": "eu-central-1", "keys": 3, "keys_monitored": 2})
}

// --- Portions and forms ----------------------------------------------------------------------------------------------

#[test]
fn a_file_of_any_size_is_handed_out_in_portions() {
    let mut portions = Portions::of("f".to_owned(), 2);
    let mut batches = Vec::new();
    for id in ["a", "b", "c", "d", "e"] {
        batches.extend(portions.push(entry(id, "2026-11-20T09:10:00Z", "eu-central-1")));
    }
    batches.extend(portions.finish());
    let told: Vec<_> = batches.iter().map(|batch| (batch.log_file.as_str(), batch.events.len())).collect();
    assert_eq!(told, [("f", 2), ("f.part-2", 2), ("f.part-3", 1)]);
    assert!(Portions::new("g".to_owned()).finish().is_none(), "nothing comes of nothing");
}

#[test]
fn a_stream_is_lines_in_each_form() {
    let entry = entry("a", "2026-11-20T09:10:00Z", "eu-central-1");
    let ocsf: Value = serde_json::from_str(&Form::Ocsf.line(&entry)).unwrap();
    assert!(matches!(ocsf::read(&ocsf).unwrap(), Read::Entry(read) if *read == entry));
    let ecs: Value = serde_json::from_str(&Form::Ecs.line(&entry)).unwrap();
    assert_eq!(ecs["event"]["id"], json!("a"));
    let csv = format!("{}{}", Form::Csv.beginning(), Form::Csv.line(&entry));
    assert_eq!(csv.lines().count(), 2);
    assert!(csv.starts_with("event_time_ms,event_time,event_id,") && csv.contains("\"ali\"\"ce, =1+1\""), "{csv}");
    assert_eq!((Form::Ocsf.beginning(), Form::Ecs.beginning()), (String::new(), String::new()));
}
