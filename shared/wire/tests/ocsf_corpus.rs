//! Every published record, and every fixture: what is ours keeps the rules of OCSF and of Elastic, and comes back as it was.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::path::{Path, PathBuf};

use reprieve_core::audit::AuditEvent;
use reprieve_core::decision::Why;
use reprieve_core::{Decision, Event, KeyNames, Mode, Phase, Plan, Record, Severity, Status, Threat};
use reprieve_test_support::ocsf::violations;
use reprieve_wire::audit::{Parsed, parse};
use reprieve_wire::ocsf::{Read, audit_json, read, record_json};
use reprieve_wire::row::{AuditRow, header_line, line};
use reprieve_wire::{Sighting, ecs, parse_text};
use serde_json::Value;

/// Returns the corpus, or says why the test is skipped.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
    }
    folder
}

fn json_lines(folder: &Path) -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let lines = files.flat_map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let lines =
            text.lines().enumerate().map(move |(index, line)| (format!("{name}:{}", index + 1), serde_json::from_str(line).unwrap()));
        lines.collect::<Vec<_>>()
    });
    lines.collect()
}

fn check(place: &str, entry: &AuditEvent) {
    let written = audit_json(entry);
    assert_eq!(violations(&written), Vec::<String>::new(), "{place}");
    assert_eq!(read(&written), Ok(Read::Entry(Box::new(entry.clone()))), "{place}");
    assert_eq!(crate::ecs::violations(&ecs::audit_json(entry)), Vec::<String>::new(), "{place}");
    let row = AuditRow::of(entry);
    assert_eq!(crate::row::read_back(&(header_line() + &line(&row))), [crate::row::without_blanks(row)], "{place}");
    check_decisions(place, &entry.event);
}

/// P105
#[test]
fn every_published_entry_keeps_the_rules_and_comes_back() {
    let Some(corpus) = corpus() else { return };
    for (cloud, least) in [("aws", 400), ("azure", 50), ("gcp", 3)] {
        let mut entries = 0;
        for (place, record) in json_lines(&corpus.join(cloud)) {
            if let Ok(Parsed::Entry(entry)) = parse(&record) {
                check(&place, &entry);
                entries += 1;
            }
        }
        assert!(entries >= least, "only {entries} entries in `{cloud}`");
    }
}

/// Every record of the log files as CloudTrail delivers them.
fn log_files(folder: &Path) -> Vec<(String, Value)> {
    let mut records = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "gz") {
                let file = std::fs::File::open(&path).unwrap();
                let value: Value = serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap();
                let Some(Value::Array(items)) = value.get("Records").cloned() else { unreachable!("{}", path.display()) };
                records.extend(items.into_iter().map(|item| (path.display().to_string(), item)));
            }
        }
    }
    records
}

#[test]
fn every_entry_of_published_log_files_keeps_the_rules_and_comes_back() {
    let Some(corpus) = corpus() else { return };
    let mut entries = 0;
    for (place, record) in log_files(&corpus.join("aws-logs")) {
        if let Ok(Parsed::Entry(entry)) = parse(&record) {
            check(&place, &entry);
            entries += 1;
        }
    }
    assert!(entries >= 100, "only {entries} entries in `aws-logs`");
}

fn fixtures(cloud: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(cloud);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The decisions that can be made about an event, as far as their records differ.
fn records(event: &Event) -> Vec<Record> {
    let why = || Why::new(Severity::Medium, "because");
    let decisions = [
        (Phase::Intent, None, Status::Pending),
        (Phase::Outcome, Some(Decision::Stand { why: why() }), Status::NothingToDo),
        (Phase::Outcome, Some(Decision::Escalate { why: why() }), Status::Escalated),
        (Phase::Outcome, Some(Decision::Remedy { plan: Plan::default(), why: why() }), Status::Success),
        (Phase::Outcome, Some(Decision::Remedy { plan: Plan::default(), why: why() }), Status::Observed),
        (Phase::Outcome, Some(Decision::Remedy { plan: Plan::default(), why: why() }), Status::Unsupported),
    ];
    let record = |(phase, decision, status)| Record {
        phase,
        attempt: 1,
        claimed: true,
        recorded_at: "2026-03-02T10:00:02.345Z".parse().unwrap(),
        received_at: "2026-03-02T10:00:01.5Z".parse().unwrap(),
        mode: Mode::Enforce,
        threat: Threat::of(event),
        subject: None,
        considering: Plan::default(),
        decision,
        steps: Vec::new(),
        status,
        state_after: None,
        detect_ms: None,
        remediate_ms: None,
        event: event.clone(),
        names: KeyNames::default(),
    };
    decisions.map(record).into()
}

fn check_decisions(place: &str, event: &Event) {
    for record in records(event) {
        let written = record_json(&record);
        assert_eq!(violations(&written), Vec::<String>::new(), "{place}: {written}");
        assert_eq!(read(&written), Ok(Read::Decision(Box::new(record))), "{place}");
    }
}

#[test]
fn every_fixture_keeps_the_rules() {
    let mut events = 0;
    for (place, text) in fixtures("aws") {
        for line in parse_text(&text) {
            if let Ok(Sighting::Event(event)) = line.parsed {
                check_decisions(&place, &event);
                events += 1;
            }
        }
        let records = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        for record in records {
            if let Ok(Parsed::Entry(entry)) = parse(&record) {
                check(&place, &entry);
            }
        }
    }
    for (place, text) in fixtures("azure") {
        let Ok(value) = serde_json::from_str(&text) else { continue };
        for parsed in reprieve_wire::azure::parse_all(&value) {
            if let Ok(event) = parsed.event {
                check_decisions(&place, &event);
                events += 1;
            }
        }
    }
    assert!(events > 60, "only {events} events in the fixtures");
}

/// P105
#[test]
fn every_decision_about_a_published_event_keeps_the_rules() {
    let Some(corpus) = corpus() else { return };
    for (place, record) in json_lines(&corpus.join("aws")) {
        if let Ok(event) = reprieve_wire::parse_record(&record) {
            check_decisions(&place, &event);
        }
    }
}
