//! The files that the host reads agree with the code: folders are the functions, each has the trigger that it needs, and the executable
//! is the one that is built.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use azure_guard::{BODY_LIMIT_BYTES, RECORDING_TAKES};
use reprieve_core::azure::Function;
use reprieve_runtime::environment;
use serde_json::Value;

/// The triggers that a host without extensions has.
const BUILT_IN: [&str; 2] = ["httpTrigger", "timerTrigger"];

/// The largest message of an event hub in the Standard tier. Source: <https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>
const LARGEST_MESSAGE_BYTES: usize = 1024 * 1024;

/// A `maxRetryCount` by which the host tries until it succeeds.
/// Source: <https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages>
const WITHOUT_END: i64 = -1;

/// What one byte of a message comes to at most: in a text in a text, a control character is `\\u0000`.
const MOST_ESCAPED_BYTES: usize = 7;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()))
}

fn folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let functions = entries.filter(|path| path.join("function.json").is_file());
    functions.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_function_has_a_folder_and_every_folder_is_a_function() {
    let expected: BTreeSet<String> = Function::ALL
        .map(|function| function.name().to_owned())
        .into_iter()
        .chain(["RecordActivityLog", "RecordKeyEvents", "SealEvidence", "Sweep"].map(ToOwned::to_owned))
        .collect();
    assert_eq!(folders(), expected);
}

/// Which trigger calls a function.
const fn trigger(function: Function) -> &'static str {
    // Vaults log what is done to their keys, and Event Grid does not tell of it.
    if function.hears_by_hub() { "eventHubTrigger" } else { "eventGridTrigger" }
}

#[test]
fn each_function_has_one_binding_its_trigger() {
    let triggers = Function::ALL.map(|function| (function.name(), trigger(function))).into_iter().chain([
        ("RecordActivityLog", "eventGridTrigger"),
        ("RecordKeyEvents", "eventHubTrigger"),
        ("SealEvidence", "timerTrigger"),
        ("Sweep", "timerTrigger"),
    ]);
    for (function, trigger) in triggers {
        let bindings = json(&root().join(function).join("function.json"))["bindings"].clone();
        let bindings = bindings.as_array().unwrap();
        assert_eq!(bindings.len(), 1, "{function}");
        assert_eq!((bindings[0]["type"].as_str(), bindings[0]["direction"].as_str()), (Some(trigger), Some("in")), "{function}");
        assert!(bindings[0]["name"].as_str().is_some_and(|name| !name.is_empty()), "{function}");
    }
}

#[test]
fn functions_of_the_event_hub_are_called_in_batches_each_by_its_own_consumer_group() {
    let mut groups = BTreeSet::new();
    let of_the_hub = Function::ALL.into_iter().filter(|function| trigger(*function) == "eventHubTrigger").map(Function::name);
    for function in of_the_hub.chain(["RecordKeyEvents"]) {
        let file = json(&root().join(function).join("function.json"));
        let binding = &file["bindings"][0];
        assert_eq!(binding["connection"], "AuditEvents", "{function}");
        assert_eq!(binding["cardinality"], "many", "{function}");
        assert_eq!(binding["eventHubName"], "%REPRIEVE_AZURE_EVENT_HUB_NAME%", "{function}");
        // Without it, the host goes on behind a batch that failed once.
        let count = file["retry"]["maxRetryCount"].as_i64();
        assert!(count.is_some_and(|count| count > 0 || count == WITHOUT_END), "{function}: {count:?}");
        assert!(groups.insert(binding["consumerGroup"].as_str().unwrap().to_owned()), "{function}: a group of its own");
    }
}

/// What no sweep finds again is tried until it is recorded.
#[test]
fn entries_of_the_event_hub_are_tried_without_end() {
    let retry = json(&root().join("RecordKeyEvents/function.json"))["retry"].clone();
    assert_eq!(retry["maxRetryCount"].as_i64(), Some(WITHOUT_END));
    // Every attempt is a request; the alarm counts the five minutes of an hour in which one failed.
    assert_eq!(retry["strategy"], "exponentialBackoff");
    assert_eq!(retry["maximumInterval"], "00:05:00");
}

/// The alarms count runs and lines of log: none of them may be left out as a sample.
#[test]
fn what_the_alarms_count_is_not_sampled() {
    let host = json(&root().join("host.json"));
    assert_eq!(host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"], "Request;Trace");
    let counted = alarms().iter().all(|alarm| {
        let query = alarm["query"].as_str().unwrap();
        query.starts_with("AppRequests |") || query.starts_with("AppTraces |")
    });
    assert!(counted, "{:?}", alarms());
}

/// An alarm over other words than those that are logged would never ring.
#[test]
fn the_alarm_of_what_is_passed_by_counts_the_lines_that_are_logged() {
    let alarm = alarms().into_iter().find(|alarm| alarm["name"] == "Reprieve-EntriesPassedBy").unwrap();
    let query = alarm["query"].as_str().unwrap().to_owned();
    let words: Vec<&str> = query.split('\'').skip(1).step_by(2).collect();
    assert_eq!(words.len(), 2, "{query}");
    let logging = ["src/app.rs", "../../shared/engine/src/recording.rs"];
    let source = logging.map(|file| std::fs::read_to_string(root().join(file)).unwrap()).concat();
    for words in words {
        let logged = source.lines().filter(|line| line.contains("tracing::error!") && line.contains(&format!("\"{words}")));
        assert_eq!(logged.count(), 1, "`{words}`");
    }
}

/// Partitions are tried side by side: ten failures may be one short outage. What lasts fails in one five minutes after another.
#[test]
fn the_alarm_of_recording_that_stands_counts_time_and_not_failures() {
    let alarm = alarms().into_iter().find(|alarm| alarm["name"] == "Reprieve-RecordingStands").unwrap();
    let query = "AppRequests | where Name == 'RecordKeyEvents' and Success == false | summarize by bin(TimeGenerated, 5m)";
    assert_eq!(alarm["query"].as_str(), Some(query));
    assert_eq!((alarm["operator"].as_str(), alarm["threshold"].as_u64()), (Some("GreaterThan"), Some(4)));
    let template = json(&root().join("../../infra/azure/guard.json"));
    let rule = template["resources"].as_array().unwrap().iter().find(|each| each["type"] == "Microsoft.Insights/scheduledQueryRules");
    let criteria = &rule.unwrap()["properties"]["criteria"]["allOf"][0];
    assert_eq!(criteria["timeAggregation"], "Count", "it counts rows");
    assert!(criteria["metricMeasureColumn"].is_null(), "{criteria}");
}

fn alarms() -> Vec<Value> {
    json(&root().join("../../infra/azure/guard.json"))["variables"]["alarms"].as_array().unwrap().clone()
}

#[test]
fn the_host_starts_the_binary_that_is_built_and_hands_payloads_over() {
    let host = json(&root().join("host.json"));
    let handler = &host["customHandler"];
    assert_eq!(handler["description"]["defaultExecutablePath"], "azure-guard");
    assert_eq!(handler["enableForwardingHttpRequest"], false);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let bin = manifest.split("[[bin]]").nth(1).unwrap();
    assert!(bin.lines().any(|line| line == "name = \"azure-guard\""), "{bin}");
    assert_eq!(host["version"], "2.0");
}

/// A host without the bundle loads none of the functions that events call.
/// Source: <https://learn.microsoft.com/azure/azure-functions/extension-bundles>
#[test]
fn the_host_has_the_extensions_that_the_triggers_need() {
    let needs_extension = |function: &String| {
        let file = json(&root().join(function).join("function.json"));
        let bindings = file["bindings"].as_array().unwrap();
        bindings.iter().any(|binding| !BUILT_IN.contains(&binding["type"].as_str().unwrap()))
    };
    let in_need: Vec<String> = folders().into_iter().filter(needs_extension).collect();
    assert!(!in_need.is_empty(), "events call functions");
    let bundle = json(&root().join("host.json"))["extensionBundle"].clone();
    assert_eq!(bundle["id"], "Microsoft.Azure.Functions.ExtensionBundle", "{in_need:?}");
    let version = bundle["version"].as_str().unwrap();
    let major = version.strip_prefix('[').and_then(|range| range.split('.').next()).and_then(|major| major.parse::<u32>().ok());
    assert!(major.is_some_and(|major| major >= 4), "`{version}`");
}

/// What is refused for its size would be refused again, and lost with all of its batch.
#[test]
fn a_full_batch_of_the_largest_messages_is_no_body_too_large() {
    let host = json(&root().join("host.json"));
    let messages = usize::try_from(host["extensions"]["eventHubs"]["maxEventBatchSize"].as_u64().unwrap()).unwrap();
    assert!(messages * LARGEST_MESSAGE_BYTES * MOST_ESCAPED_BYTES <= BODY_LIMIT_BYTES, "{messages} messages");
    // A tier above takes larger messages.
    let template = json(&root().join("../../infra/azure/guard.json"));
    let namespace = template["resources"].as_array().unwrap().iter().find(|each| each["type"] == "Microsoft.EventHub/namespaces").unwrap();
    assert_eq!(namespace["sku"]["name"], "Standard");
}

/// The host ends what takes longer.
#[test]
fn a_sweep_ends_before_the_host_ends_it() {
    let budget: u64 = reprieve_runtime::environment::SWEEP_BUDGET_SECONDS.default.unwrap().parse().unwrap();
    // What was begun may take as long as the answer to an event.
    assert!(budget + 30 <= timeout_seconds(), "{} s for a budget of {budget} s", timeout_seconds());
}

/// A run that the host ends may be taken for done, and its entries for recorded.
#[test]
fn recording_ends_before_the_host_ends_it() {
    assert!(RECORDING_TAKES.as_secs() + 30 <= timeout_seconds(), "{} s", timeout_seconds());
}

fn timeout_seconds() -> u64 {
    let timeout = json(&root().join("host.json"))["functionTimeout"].clone();
    let parts: Vec<u64> = timeout.as_str().unwrap().split(':').map(|part| part.parse().unwrap()).collect();
    let [hours, minutes, seconds] = parts.as_slice() else { unreachable!("`{timeout}` is no time") };
    hours * 3600 + minutes * 60 + seconds
}

#[test]
fn the_timers_run_every_hour() {
    for function in ["Sweep", "SealEvidence"] {
        let schedule = json(&root().join(function).join("function.json"))["bindings"][0]["schedule"].clone();
        let fields: Vec<&str> = schedule.as_str().unwrap().split(' ').collect();
        assert_eq!((fields.len(), fields[0]), (6, "0"), "seconds, minutes, hours, days, months, days of the week");
        assert_eq!(fields[2..], ["*", "*", "*", "*"], "{function}");
    }
}

/// Without a key it would fail every hour, and the alarm of what fails ring for nothing.
#[test]
fn the_timer_that_seals_is_off_where_there_is_no_key() {
    let template = json(&root().join("../../infra/azure/guard.json"));
    let app = template["resources"].as_array().unwrap().iter().find(|each| each["type"] == "Microsoft.Web/sites").unwrap();
    let settings = app["properties"]["siteConfig"]["appSettings"].as_array().unwrap();
    let off = settings.iter().find(|setting| setting["name"] == "AzureWebJobs.SealEvidence.Disabled").unwrap();
    assert_eq!(off["value"], "[toLower(string(empty(parameters('sealKey'))))]");
}

/// A setting that the template leaves out could never be set, and one that nobody reads would only seem to be.
#[test]
fn the_template_sets_what_the_function_reads() {
    let template = json(&root().join("../../infra/azure/guard.json"));
    let mut names = BTreeSet::new();
    collect_settings(&template, &mut names);
    let read = environment::ALL.iter().filter(|variable| variable.read_by.contains(&environment::Function::AzureGuard));
    // The host sets the port; the sandbox is for one machine; the budget fits the host's own limit.
    let others = ["FUNCTIONS_CUSTOMHANDLER_PORT", "REPRIEVE_AZURE_ENDPOINT_URL", "REPRIEVE_AZURE_SWEEP_BUDGET_SECONDS"];
    let expected: BTreeSet<String> =
        read.map(|variable| variable.name.to_owned()).filter(|name| !others.contains(&name.as_str())).collect();
    assert_eq!(names, expected);
}

fn collect_settings(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.get("name").and_then(Value::as_str).filter(|name| name.starts_with("REPRIEVE_")).map(ToOwned::to_owned));
            fields.values().for_each(|field| collect_settings(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_settings(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
