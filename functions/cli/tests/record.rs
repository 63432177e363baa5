//! `reprieve record` as its users run it: the built command, real files, the archive that it leaves, its output and exit code.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reprieve_archive::{FolderStore, PORTION_ENTRIES, read_lines};
use reprieve_engine::evidence::EvidenceStore as _;
use serde_json::{Value, json};

fn record(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reprieve")).arg("record").args(arguments).env_remove("CLICOLOR_FORCE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| unreachable!("`{}`: {error}", text(bytes)))
}

/// A folder with a log of each cloud, and what is none.
fn logs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/audit/files");
    for name in ["cloudtrail-compact.json", "azure-PT1H.json", "google-sink.json"] {
        fs::copy(fixtures.join(name), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "not a log").unwrap();
    fs::write(folder.path().join("1_CloudTrail-Digest_x.json"), "{}").unwrap();
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// The names and bytes of everything in an archive.
async fn objects(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let store = FolderStore::at(folder);
    let mut objects = Vec::new();
    for object in store.list("").await.unwrap() {
        objects.push((object.name.clone(), store.read(&object.name).await.unwrap().unwrap()));
    }
    objects
}

#[tokio::test]
async fn old_logs_of_three_clouds_become_an_archive_once() {
    let (logs, out) = (logs(), tempfile::tempdir().unwrap());
    let archive = out.path().join("archive");
    let arguments = [path(logs.path()), "--to", path(&archive)];
    let output = record(&arguments);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for words in [
        "7 entries of 9 records in 3 files\n",
        "cloud      AWS 3, Azure 2, GCP 2\n",
        "operation  destroy 4, ",
        "left out 1 file: a digest of CloudTrail, which holds no records\n",
        "left out 1 file: not named as a log",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 110), "{shown}");
    let first = objects(&archive).await;
    let entries: usize =
        first.iter().filter(|(name, _)| name.ends_with(".json.gz")).map(|(_, bytes)| read_lines(bytes).unwrap().len()).sum();
    assert_eq!(entries, 7);
    let tables = first.iter().filter(|(name, bytes)| name.ends_with(".parquet") && bytes.starts_with(b"PAR1")).count();
    assert_eq!(tables * 2, first.len(), "each object has its table");
    assert!(first.iter().all(|(name, _)| name.contains("/year=2026/month=11/day=20/hour=09/account=")), "{first:?}");

    let again = json_of(&record(&[&arguments[..], &["--json", "--threads", "1"]].concat()).stdout);
    assert_eq!((&again["entries"], &again["bytes_written"]), (&json!(7), &json!(0)), "{again}");
    assert_eq!(objects(&archive).await, first, "nothing is added or changed");
}

#[tokio::test]
async fn tables_alone_are_those_of_the_archive() {
    let (logs, out) = (logs(), tempfile::tempdir().unwrap());
    let [whole, tables] = ["whole", "tables"].map(|name| out.path().join(name));
    assert!(record(&[path(logs.path()), "--to", path(&whole)]).status.success());
    assert!(record(&[path(logs.path()), "--to", path(&tables), "--format", "parquet"]).status.success());
    let expected: Vec<_> = objects(&whole).await.into_iter().filter(|(name, _)| name.ends_with(".parquet")).collect();
    assert_eq!(objects(&tables).await, expected);
}

#[test]
fn text_goes_to_standard_output_and_the_tally_beside_it() {
    let logs = logs();
    for (format, first_words) in [("ocsf", "{"), ("ecs", "{"), ("csv", "event_time_ms,event_time,event_id")] {
        let output = record(&[path(logs.path()), "--format", format]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(shown.lines().count(), if format == "csv" { 8 } else { 7 }, "{shown}");
        assert!(shown.starts_with(first_words), "{shown}");
        assert!(text(&output.stderr).contains("7 entries of 9 records in 3 files"), "{}", text(&output.stderr));
        if format != "csv" {
            assert!(shown.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object())));
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_recorded() {
    let logs = logs();
    let good = fs::read_to_string(logs.path().join("azure-PT1H.json")).unwrap();
    let (first, second) = good.split_once('\n').unwrap();
    fs::write(logs.path().join("broken.jsonl"), format!("{first}\n{}\n{second}", first.get(..100).unwrap())).unwrap();
    fs::write(logs.path().join("packed.log"), [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    let output = record(&[path(logs.path()), "--format", "ocsf", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let tally = json_of(&output.stderr);
    assert_eq!((&tally["entries"], &tally["records_unreadable"]), (&json!(9), &json!(1)), "{tally}");
    assert_eq!((&tally["unreadable"][0]["file"], &tally["unreadable"][0]["record"]), (&json!("broken.jsonl"), &json!(2)), "{tally}");
    assert_eq!(tally["faults"][0]["file"], json!("packed.log"));
    let told = text(&record(&[path(logs.path()), "--format", "ocsf"]).stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    for words in
        ["NOT READ", "packed.log: the file is packed with Zstandard", "broken.jsonl, record 2: ", "breaks off at the end of its line"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// P110: of a file in several portions, the second is written although the first is refused in its place.
#[tokio::test]
async fn what_the_archive_refuses_is_said_and_what_comes_behind_it_is_written() {
    const NAME: &str = "111122223333_CloudTrail_eu-central-1_20261120T0900Z_AbCdEfGhIjKlMnOp.json";
    let (logs, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let records: Vec<Value> = (0..=PORTION_ENTRIES).map(decryption).collect();
    fs::write(logs.path().join(NAME), json!({ "Records": records }).to_string()).unwrap();
    let hour = out.path().join("audit/events/year=2026/month=11/day=20/hour=09/account=111122223333/region=eu-central-1");
    fs::create_dir_all(&hour).unwrap();
    fs::write(hour.join(format!("{NAME}.json.gz")), "something else").unwrap();

    let arguments = [path(logs.path()), "--to", path(out.path())];
    let output = record(&arguments);
    let told = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(3), "{told}{}", text(&output.stderr));
    for words in ["REFUSED IN ITS PLACE, AND KEPT", "cannot be read, so nothing is added to it", "account=refused"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let (mut elsewhere, mut behind) = (0, 0);
    for (name, bytes) in objects(out.path()).await {
        if !name.ends_with(".json.gz") {
            continue;
        }
        if name.contains("account=refused") {
            elsewhere += read_lines(&bytes).unwrap().len();
        } else if name.contains(".part-2") {
            behind += read_lines(&bytes).unwrap().len();
        }
    }
    assert_eq!((elsewhere, behind), (PORTION_ENTRIES, 1));
    let again = json_of(&record(&[&arguments[..], &["--json"]].concat()).stdout);
    assert_eq!((&again["refused"][0]["file"], &again["bytes_written"]), (&json!(NAME), &json!(0)), "{again}");
}

/// P110: the tables alone, too.
#[test]
fn a_table_that_the_archive_refuses_is_said_and_the_next_one_is_written() {
    let (logs, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut later = decryption(1);
    later["eventTime"] = json!("2026-11-20T10:10:00Z");
    fs::write(logs.path().join("trail.json"), json!({ "Records": [decryption(0), later] }).to_string()).unwrap();
    let day = out.path().join("audit/tables/events/year=2026/month=11/day=20");
    fs::create_dir_all(day.join("hour=09")).unwrap();
    fs::write(day.join("hour=09/account=111122223333"), "a file where a folder is to be").unwrap();

    let output = record(&[path(logs.path()), "--to", path(out.path()), "--format", "parquet", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let tally = json_of(&output.stdout);
    assert_eq!((&tally["refused"][0]["file"], &tally["refused"][1]), (&json!("trail.json"), &Value::Null), "{tally}");
    assert!(tally["refused"][0]["why"].to_string().contains("account=refused"), "{tally}");
    for place in ["hour=09/account=refused/region=refused", "hour=10/account=111122223333/region=eu-central-1"] {
        assert_eq!(fs::read_dir(day.join(place)).unwrap().count(), 1, "{place}");
    }
}

/// P109: of tables alone, too, what a log file has grown by is written, and nothing twice.
#[test]
fn a_table_of_a_file_that_grew_has_what_is_new_beside_it() {
    let (logs, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hour = out.path().join("audit/tables/events/year=2026/month=11/day=20/hour=09/account=111122223333/region=eu-central-1");
    let grown = [decryption(0), decryption(1)];
    for (count, is_new, tables) in [(1, true, 1), (1, false, 1), (2, true, 2), (2, false, 2)] {
        fs::write(logs.path().join("trail.json"), json!({ "Records": grown.get(..count) }).to_string()).unwrap();
        let output = record(&[path(logs.path()), "--to", path(out.path()), "--format", "parquet", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let tally = json_of(&output.stdout);
        assert_eq!(tally["bytes_written"].as_u64().map(|bytes| bytes > 0), Some(is_new), "{tally}");
        assert_eq!(fs::read_dir(&hour).unwrap().count(), tables, "{tally}");
    }
}

/// A use of a key, as CloudTrail logs it.
fn decryption(number: usize) -> Value {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    json!({
        "eventVersion": "1.11", "eventID": format!("e-{number}"), "eventTime": "2026-11-20T09:10:00Z",
        "eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "eventType": "AwsApiCall", "awsRegion": "eu-central-1",
        "userIdentity": { "type": "IAMUser", "userName": "pat", "accountId": "111122223333" },
        "recipientAccountId": "111122223333", "sourceIPAddress": "198.51.100.7", "resources": [{ "ARN": key }],
    })
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let (logs, empty) = (logs(), tempfile::tempdir().unwrap());
    let logs = path(logs.path());
    let taken: PathBuf = empty.path().join("taken.txt");
    fs::write(&taken, "a file").unwrap();
    let nothing = empty.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    for (arguments, words) in [
        (vec![logs], "say where the archive is to be, with --to FOLDER"),
        (vec!["/nowhere/logs", "--to", path(&nothing)], "`/nowhere/logs` cannot be read"),
        (vec![path(&nothing), "--format", "csv"], "holds no log files"),
        (vec![logs, "--to", path(&taken)], "cannot be made"),
        (vec![logs, "--format", "xml"], "`xml` is no value of `--format <FORMAT>`: it takes archive, parquet, ocsf, ecs, csv"),
        (vec![], "<FILE|FOLDER>"),
    ] {
        let output = record(&arguments);
        let told = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}
