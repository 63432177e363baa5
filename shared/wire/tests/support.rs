//! What the tests share: the fixtures, and a short text of what an input was understood as. Holds derived data only, never records.

pub(crate) mod mangle;

use std::path::Path;

use reprieve_core::{CallOutcome, Event, Target, Threat};
use reprieve_wire::{Line, Sighting};
use serde_json::Value;

/// Reads one fixture of AWS.
pub(crate) fn fixture(name: &str) -> String {
    fixture_of("aws", name)
}

/// Reads one fixture of Azure, as JSON.
pub(crate) fn azure_fixture(name: &str) -> Value {
    let text = fixture_of("azure", &format!("{name}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| unreachable!("`{name}`: {error}"))
}

/// Reads one fixture of Google Cloud's audit logs.
pub(crate) fn google_fixture(name: &str) -> String {
    fixture_of("audit/google", name)
}

fn fixture_of(cloud: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(cloud).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()))
}

/// Describes each line: what it is, the threat, the target, the outcome, the time, and the fields that were odd.
pub(crate) fn describe(lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("{:>3} {}", line.line, describe_one(line))).collect();
    lines.join("\n")
}

fn describe_one(line: &Line) -> String {
    match &line.parsed {
        Ok(Sighting::Event(event)) => describe_event(event),
        Ok(Sighting::Sweep(call)) => format!("sweep {}", call.time.map_or_else(|| "at ?".to_owned(), |time| time.to_string())),
        Err(error) => format!("ERROR {error}"),
    }
}

fn describe_event(event: &Event) -> String {
    let threat = Threat::of(event).map_or("-", Threat::as_str);
    let target = match &event.target {
        Target::Key(key) => format!("key {}:{}:{}:{}", key.partition(), key.region(), key.account(), key.key_id()),
        Target::KeyStore(id) => format!("store {id}"),
        Target::Azure(id) => format!("azure {id}"),
        Target::Google(name) => format!("google {name}"),
        Target::Named(name) => format!("named {name}"),
        Target::Unnamed => "-".to_owned(),
    };
    let outcome = match &event.outcome {
        CallOutcome::Succeeded => "ok".to_owned(),
        CallOutcome::Refused { code, .. } => format!("refused {code}"),
    };
    let time = event.time.map_or_else(|| "?".to_owned(), |time| time.to_string());
    let odd: Vec<&str> = event.oddities.iter().map(|oddity| oddity.field.as_str()).collect();
    let odd = if odd.is_empty() { String::new() } else { format!(" | odd: {}", odd.join(", ")) };
    format!("{} -> {threat} | {target} | {outcome} | {time}{odd}", event.name)
}
