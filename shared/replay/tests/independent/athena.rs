//! The SQL of `infra/aws/athena`, run by `DuckDB` over the files that the product reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reprieve_localcloud::{default_folder, prepare_venv_of};
use reprieve_replay::{Aftermath, Decided, Period, Rules, Verdict, judge};
use serde_json::{Value, json};

use crate::archive::{self, event_id, key, who};
use crate::{asked, collect};

/// `sqlglot` as in `scripts/lint-templates`.
const PACKAGES: &str = "duckdb==2.0.0\nsqlglot==30.30.0\n";

fn queries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/athena")
}

/// Returns the rows of a query.
fn rows(folder: &Path, query: &str, parameters: &Value) -> Vec<Value> {
    let python = prepare_venv_of(PACKAGES, &default_folder().with_file_name("athena-venv"), &mut |_| {}).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/athena.py");
    let answers = asked(Command::new(python).arg(script).arg(queries()).arg(folder), &json!([[query, parameters]]).to_string());
    answers[0].as_array().unwrap().clone()
}

/// Returns the texts of some columns of each row; of a time, date and time of day.
fn columns(rows: &[Value], names: &[&str]) -> Vec<Vec<String>> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    rows.iter().map(|row| names.iter().map(|name| text(&row[*name])).collect()).collect()
}

fn texts<const N: usize>(rows: &[[&str; N]]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

/// P133
#[test]
fn athena_selects_the_events_that_replay_takes() {
    let folder = archive::written();
    let selected = rows(folder.path(), "key-events", &json!(["2026/01/01", "2026/12/31"]));
    let mut selected: Vec<Vec<String>> = columns(&selected, &["event_id", "api_call", "error_code"]);
    selected.sort();
    let taken: Vec<Vec<String>> = collect(folder.path())
        .acts()
        .map(|act| {
            let code = if act.event.outcome == reprieve_core::CallOutcome::Succeeded { "null" } else { "AccessDenied" };
            vec![act.event.id.to_string(), act.event.name.clone(), code.to_owned()]
        })
        .collect();
    assert!(taken.len() > 60, "the archive holds little: {taken:?}");
    assert_eq!(selected, taken);
}

#[test]
fn athena_names_the_keys_that_replay_names() {
    let folder = archive::written();
    let named: BTreeMap<String, String> = rows(folder.path(), "key-events", &json!(["2026/01/01", "2026/12/31"]))
        .iter()
        .filter_map(|row| Some((row["event_id"].as_str()?.to_owned(), row["key_arn"].as_str()?.to_owned())))
        .collect();
    let part = collect(folder.path());
    // A call that was refused names its key in the error's words alone, which SQL does not read.
    let of_the_product: BTreeMap<String, String> = part
        .acts()
        .filter(|act| act.event.outcome == reprieve_core::CallOutcome::Succeeded)
        .filter_map(|act| Some((act.event.id.to_string(), act.key().filter(|key| key.contains(":key/"))?)))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    assert_eq!(named, of_the_product);
}

#[test]
fn a_period_holds_its_first_and_its_last_day() {
    let folder = archive::written();
    let held = rows(folder.path(), "key-events", &json!(["2026/10/03", "2026/10/08"]));
    assert_eq!(columns(&held, &["event_id"]), texts(&[[&event_id(510)], [&event_id(508)]]));
}

#[test]
fn athena_tells_which_keys_were_not_given_back_in_time_and_who_did_later() {
    let folder = archive::written();
    let names = ["event_id", "key_arn", "principal", "undone_by", "undone_after_minutes", "deleted_at"];
    let mallory = who("Mallory");
    let late = [event_id(502), key(501), mallory.clone(), who("Bob"), "1560".to_owned(), "null".to_owned()];
    let lost = [event_id(505), key(502), mallory.clone(), "null".to_owned(), "null".to_owned(), "2026-10-08 12:00:05".to_owned()];
    let open = [event_id(509), key(503), who("Carol"), "null".to_owned(), "null".to_owned(), "null".to_owned()];
    let soon = [event_id(500), key(500), mallory, who("Alice"), "30".to_owned(), "null".to_owned()];
    for (hours, expected) in
        [(4, vec![&late, &lost, &open]), (0, vec![&soon, &late, &lost, &open]), (26, vec![&late, &lost, &open]), (27, vec![&lost, &open])]
    {
        let told = rows(folder.path(), "would-have-restored", &json!(["2026/10/01", "2026/10/31", hours]));
        let expected: Vec<Vec<String>> = expected.into_iter().map(|row| row.to_vec()).collect();
        assert_eq!(columns(&told, &names), expected, "{hours} h");
    }
}

/// Nobody approved anything in the archive.
#[test]
fn athena_lists_without_approvals_what_replay_would_have_restored() {
    let folder = archive::written();
    let period = Period { from: "2026-10-01T00:00:00Z".parse().ok(), to: "2026-11-01T00:00:00Z".parse().ok() };
    let answer = judge(&collect(folder.path()), &Rules { period, ..Rules::shipped() });
    let minutes = |decided: &Decided| match &decided.aftermath {
        Aftermath::Undone { after_seconds, .. } => (after_seconds / 60).to_string(),
        Aftermath::Lost { .. } | Aftermath::Open | Aftermath::Nothing => "null".to_owned(),
    };
    let restored = answer.decisions.iter().filter(|decided| decided.verdict == Verdict::WouldRestore);
    let restored: Vec<Vec<String>> = restored.map(|decided| vec![decided.event.clone(), decided.call.clone(), minutes(decided)]).collect();
    assert_eq!(restored.len(), 4, "{restored:?}");
    let listed = rows(folder.path(), "would-have-restored", &json!(["2026/10/01", "2026/10/31", 0]));
    assert_eq!(columns(&listed, &["event_id", "api_call", "undone_after_minutes"]), restored);
}

#[test]
fn athena_tells_who_had_a_key_deleted() {
    let folder = archive::written();
    let told = rows(folder.path(), "deleted-keys", &json!(["2026/10/01", "2026/10/31"]));
    assert_eq!(
        columns(&told, &["key_arn", "deleted_at", "scheduled_by", "scheduled_at"]),
        texts(&[
            [&key(505), "2026-10-03 09:00:00", "null", "null"],
            [&key(502), "2026-10-08 12:00:05", &who("Mallory"), "2026-10-01 12:00:00"],
        ])
    );
}
