//! Payloads: as the state machine writes them, and others.

use serde_json::json;

use super::*;

fn estimate(input: &Value) -> Result<Task, Failure> {
    Task::parse(json!({
        "task": "estimate", "execution": "run-1", "bucket": "trail", "within": "AWSLogs/", "input": input,
        "limits": { "gigabytes": "100", "files_per_batch": "500", "at_once": "40" },
    }))
}

fn asked(input: &Value) -> Asked {
    match estimate(input) {
        Ok(Task::Estimate(task)) => task.asked,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn without_a_word_everything_is_asked_for_under_the_name_of_the_execution() {
    let asked = asked(&json!({}));
    assert_eq!((asked.run.as_str(), asked.bucket.as_str(), asked.prefix.as_str()), ("run-1", "trail", "AWSLogs/"));
    assert_eq!((asked.from, asked.to, asked.accounts.len(), asked.regions.len()), (None, None, 0, 0));
}

#[test]
fn days_are_whole_and_moments_are_themselves() {
    let of_days = asked(&json!({ "from": "2026-07-01", "to": "2026-09-30" }));
    assert_eq!(of_days.from, Some("2026-07-01T00:00:00Z".parse().unwrap()));
    assert_eq!(of_days.to, Some("2026-10-01T00:00:00Z".parse().unwrap()));
    assert_eq!(asked(&json!({ "to": "2026-09-30T12:00:00Z" })).to, Some("2026-09-30T12:00:00Z".parse().unwrap()));
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_write() {
    for (input, said) in [
        (json!({ "prefix": "AWSLogs/1111" }), "write `AWSLogs/1111/`"),
        (json!({ "prefix": "secrets/" }), "does not lie below `AWSLogs/`"),
        (json!({ "from": "July" }), "write it as `2026-07-01`"),
        (json!({ "from": "2026-07-02", "to": "2026-07-01" }), "nothing would be decided on"),
        (json!({ "run": "../audit" }), "the run cannot be named `../audit`"),
        (json!({ "run": ".." }), "the run cannot be named `..`"),
        (json!({ "form": "2026-07-01" }), "unknown field `form`"),
    ] {
        let failure = estimate(&input).unwrap_err();
        assert!(matches!(failure, Failure::Refused(_)) && failure.to_string().contains(said), "{input}: {failure}");
    }
}

#[test]
fn a_limit_of_the_stack_that_is_none_is_named() {
    let payload = json!({
        "task": "estimate", "execution": "run-1", "bucket": "trail", "within": "", "input": {},
        "limits": { "gigabytes": "100", "files_per_batch": "0", "at_once": "40" },
    });
    let failure = Task::parse(payload).unwrap_err();
    assert!(failure.to_string().contains("`files_per_batch` is `0`"), "{failure}");
}

#[test]
fn a_batch_is_understood_as_listed_and_as_a_row_of_an_inventory() {
    let of = |size: Value| {
        Task::parse(json!({
            "Items": [{ "Key": "AWSLogs/a.json.gz", "Size": size, "Etag": "\"e\"", "LastModified": 1_700_000_000, "StorageClass": "STANDARD" }],
            "BatchInput": { "run": "run-1", "bucket": "trail", "prefix": "AWSLogs/" },
        }))
    };
    let file = ListedLogFile { bucket: "trail".to_owned(), key: "AWSLogs/a.json.gz".to_owned(), bytes: 7 };
    let batch = Task::Map(Batch { run: "run-1".to_owned(), bucket: "trail".to_owned(), prefix: "AWSLogs/".to_owned(), files: vec![file] });
    assert_eq!(of(json!(7)), Ok(batch.clone()));
    assert_eq!(of(json!("7")), Ok(batch));
    assert!(of(json!("seven")).unwrap_err().to_string().contains("`seven` of `AWSLogs/a.json.gz`"));
}

#[test]
fn a_plan_is_understood_as_it_was_written() {
    let plan = Plan {
        asked: asked(&json!({ "from": "2026-07-01", "accounts": ["111122223333"] })),
        log_files: 3,
        left_out: 1,
        bytes: 9,
        files_per_batch: 2,
        at_once: 1,
    };
    let of = |manifest: &str| {
        Task::parse(json!({ "task": "reduce", "plan": plan, "progress": { "done": false, "parts": 2 }, "manifest": manifest }))
    };
    let told_below = "replay/run-1/map/id/".to_owned();
    let reduce = Reduce { asked: plan.asked.clone(), log_files: 3, merged_parts: 2, told_below };
    assert_eq!(of("replay/run-1/map/id/manifest.json"), Ok(Task::Reduce(reduce)));
    for elsewhere in ["replay/run-2/map/id/manifest.json", "manifest.json", ""] {
        let failure = of(elsewhere).unwrap_err();
        assert!(failure.to_string().contains("does not lie below `replay/run-1/map/`"), "{failure}");
    }
}

#[test]
fn an_unknown_payload_is_refused_with_what_is_expected() {
    for payload in [json!({}), json!(null), json!({ "task": "delete" }), json!({ "Items": 3 })] {
        let failure = Task::parse(payload).unwrap_err();
        assert!(failure.to_string().contains("infra/aws/replay.yaml"), "{failure}");
    }
}
