//! The template of the replay agrees with the code: functions are given the variables that they read, and the state machine sorts failures
//! by the names that they have.

use std::path::PathBuf;

use reprieve_runtime::environment::{self, Function};
use serde_json::Value;

use crate::failure::Failure;
use crate::part_name;

/// Reads the template. CloudFormation's tags, such as `!Ref`, are passed over.
fn template() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/replay.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_functions_are_given_the_variables_that_they_read() {
    let template = template();
    let given = template["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap();
    let read = environment::ALL.iter().filter(|variable| variable.read_by.contains(&Function::ReplayArchive));
    let mut read: Vec<&str> = read.map(|variable| variable.name).filter(|name| name.starts_with("REPRIEVE_")).collect();
    read.sort_unstable();
    let mut given: Vec<&str> = given.keys().map(String::as_str).collect();
    given.sort_unstable();
    assert_eq!(given, read);
}

#[test]
fn what_another_attempt_may_mend_is_tried_again_and_nothing_else_is() {
    let template = template();
    let states = &template["Resources"]["StateMachine"]["Properties"]["Definition"]["States"];
    let tasks = [&states["Estimate"], &states["Read"]["ItemProcessor"]["States"]["ReadBatch"], &states["Merge"]];
    for task in tasks {
        let tried: Vec<&str> = task["Retry"].as_array().unwrap().iter().flat_map(names).collect();
        for (failure, again) in
            [(Failure::TryAgain(String::new()), true), (Failure::Refused(String::new()), false), (Failure::OutOfTime(String::new()), false)]
        {
            assert_eq!(tried.contains(&failure.name()), again, "{} in {tried:?}", failure.name());
        }
    }
}

fn names(retry: &Value) -> impl Iterator<Item = &str> {
    retry["ErrorEquals"].as_array().unwrap().iter().map(|name| name.as_str().unwrap())
}

#[test]
fn what_batches_tell_is_written_where_the_merge_looks_for_it() {
    let template = template();
    let writer = &template["Resources"]["StateMachine"]["Properties"]["Definition"]["States"]["Read"]["ResultWriter"];
    let prefix = writer["Parameters"]["Prefix.$"].as_str().unwrap();
    let folder = prefix.strip_prefix("States.Format('").and_then(|rest| rest.strip_suffix("', $.plan.run)")).unwrap();
    assert_eq!(format!("{}/", folder.replace("{}", "run-1")), part_name::told("run-1"));
    assert_eq!(writer["WriterConfig"], serde_json::json!({ "Transformation": "COMPACT", "OutputType": "JSONL" }));
    let states = &template["Resources"]["StateMachine"]["Properties"]["Definition"]["States"];
    assert_eq!(states["Read"]["ResultPath"], "$.map");
    assert_eq!(states["Merge"]["Parameters"]["Payload"]["manifest.$"], "$.map.ResultWriterDetails.Key");
}
