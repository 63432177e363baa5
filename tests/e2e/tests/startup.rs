//! What the functions say that cannot start, since they are not configured, or wrongly: whatever is wrong at once, in one line of their log.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use reprieve_e2e::stage::package::find_beside;
use reprieve_runtime::environment::{ALL, Function, Variable};
use serde_json::Value;

/// Starts a function with these variables and no others, which must not be enough.
fn started(function: Function, variables: &[(&str, &str)]) -> Output {
    let name = function.name();
    let mut command = Command::new(find_beside(name, name).unwrap());
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    // Without these, a function of Lambda's would not get as far as its own variables.
    command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").output().unwrap()
}

/// Returns what a function logged, which must be one line, before it ended with 1.
fn complaint(function: Function, output: &Output) -> String {
    let written = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(written).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{}: {text}", function.name());
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "ERROR", "{text}");
    let fields = line.get("fields").unwrap_or(&line);
    assert_eq!(fields["message"], "the function cannot run", "{text}");
    fields["error"].as_str().unwrap().to_owned()
}

fn functions() -> Vec<Function> {
    let mut functions: Vec<Function> = ALL.iter().flat_map(|variable| variable.read_by).copied().collect();
    functions.sort_by_key(|function| function.name());
    functions.dedup();
    functions
}

fn of(function: Function) -> impl Iterator<Item = &'static Variable> {
    ALL.iter().filter(move |variable| variable.read_by.contains(&function))
}

#[test]
fn a_function_that_is_not_configured_names_every_variable_that_must_be_set() {
    assert_eq!(functions().len(), 7);
    for function in functions() {
        let said = complaint(function, &started(function, &[]));
        let required: BTreeSet<&str> = of(function).filter(|variable| variable.default.is_none()).map(|variable| variable.name).collect();
        let named: BTreeSet<&str> = ALL.iter().map(|variable| variable.name).filter(|name| said.contains(&format!("`{name}`"))).collect();
        assert_eq!(named, required, "{}: {said}", function.name());
    }
}

#[test]
fn a_variable_that_is_wrong_is_named_with_its_value_and_what_it_takes() {
    for function in functions() {
        for variable in of(function).filter(|variable| ["REPRIEVE_MODE", "REPRIEVE_LOG"].contains(&variable.name)) {
            let said = complaint(function, &started(function, &[(variable.name, "enforced=really")]));
            let told = [variable.name, "`enforced=really`", variable.accepts].map(|text| said.contains(text));
            assert_eq!(told, [true; 3], "{}: {said}", function.name());
        }
    }
}
