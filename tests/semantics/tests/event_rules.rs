//! The event rules that the monitoring function puts right are those that the guard's template and its own make, and its own hear every
//! call that it answers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failed read fails the test")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use reprieve_core::monitoring::{DriftRule, GuardRule};
use serde_json::Value;

/// The longest event pattern, in characters (Amazon EventBridge API Reference, `PutRule`, `EventPattern`).
const LONGEST_PATTERN_CHARACTERS: usize = 4_096;

/// Returns the logical id of a rule in the template.
const fn logical_id(rule: GuardRule) -> &'static str {
    match rule {
        GuardRule::KeyApiCalls => "KeyApiCallRule",
        GuardRule::KeyServiceEvents => "KeyServiceEventRule",
        GuardRule::KeyNativeEvents => "KeyNativeEventRule",
        GuardRule::RegionOptOut => "RegionOptOutRule",
    }
}

/// Returns the logical id of a drift rule in the monitoring's template.
const fn logical_id_of_drift(rule: DriftRule) -> &'static str {
    match rule {
        DriftRule::Trail => "TrailDriftRule",
        DriftRule::Log => "LogDriftRule",
        DriftRule::Alarm => "AlarmDriftRule",
        DriftRule::Topic => "TopicDriftRule",
        DriftRule::Rule => "RuleDriftRule",
    }
}

/// Returns the logical ids of the event rules among resources.
fn event_rules(resources: serde_json::Map<String, Value>) -> BTreeSet<String> {
    resources.into_iter().filter(|(_, resource)| resource["Type"] == "AWS::Events::Rule").map(|(id, _)| id).collect()
}

/// Reads the guard's template.
fn resources() -> serde_json::Map<String, Value> {
    resources_of("guard.yaml")
}

/// Reads a template. CloudFormation's tags, such as `!Ref`, are passed over: no event pattern has one.
fn resources_of(template: &str) -> serde_json::Map<String, Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws").join(template);
    let text = std::fs::read_to_string(&path).expect("the template is there");
    let template: Value = serde_saphyr::from_str(&text).expect("the template is YAML");
    template["Resources"].as_object().expect("the template has resources").clone()
}

/// Returns the event patterns of the monitoring's template.
fn drift_patterns() -> Vec<Value> {
    let rules = resources_of("monitoring.yaml").into_iter().filter(|(_, resource)| resource["Type"] == "AWS::Events::Rule");
    rules.map(|(_, rule)| rule["Properties"]["EventPattern"].clone()).collect()
}

/// Returns the texts of a list in a pattern.
fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a pattern holds lists").iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_pattern_is_the_one_in_the_guards_template() {
    let resources = resources();
    for rule in GuardRule::ALL {
        let in_template = &resources[logical_id(rule)]["Properties"]["EventPattern"];
        let ours: Value = serde_json::from_str(rule.pattern()).unwrap();
        assert_eq!(&ours, in_template, "{rule}");
    }
}

#[test]
fn each_drift_pattern_is_the_one_in_the_monitorings_template() {
    let resources = resources_of("monitoring.yaml");
    for rule in DriftRule::ALL {
        let in_template = &resources[logical_id_of_drift(rule)]["Properties"]["EventPattern"];
        let ours: Value = serde_json::from_str(&rule.pattern()).unwrap();
        assert_eq!(&ours, in_template, "{rule}");
    }
}

#[test]
fn no_rule_of_the_templates_is_forgotten() {
    let ours: BTreeSet<String> = GuardRule::ALL.map(|rule| logical_id(rule).to_owned()).into();
    assert_eq!(ours, event_rules(resources()));
    let ours: BTreeSet<String> = DriftRule::ALL.map(|rule| logical_id_of_drift(rule).to_owned()).into();
    assert_eq!(ours, event_rules(resources_of("monitoring.yaml")));
}

#[test]
fn the_function_is_handed_every_drift_rule_of_its_template_as_its_configuration_names_it() {
    let resources = resources_of("monitoring.yaml");
    let handed = resources["ProvisionFunction"]["Properties"]["Environment"]["Variables"]["REPRIEVE_DRIFT_RULES"].as_str().unwrap();
    let wanted = DriftRule::ALL.map(|rule| format!("{rule}=${{{}}}", logical_id_of_drift(rule)));
    assert_eq!(handed, wanted.join(","));
}

#[test]
fn every_pattern_fits_into_an_event_rule() {
    for rule in GuardRule::ALL {
        assert!(rule.pattern().chars().count() <= LONGEST_PATTERN_CHARACTERS, "{rule}");
    }
}

#[test]
fn the_drift_rules_hear_every_call_that_the_monitoring_answers_and_no_other() {
    let heard: Vec<(String, String)> = drift_patterns()
        .iter()
        .flat_map(|pattern| {
            let names = texts(&pattern["detail"]["eventName"]);
            texts(&pattern["detail"]["eventSource"])
                .into_iter()
                .flat_map(move |source| names.iter().map(|name| (source.clone(), name.clone())).collect::<Vec<_>>())
        })
        .collect();
    let answered: BTreeSet<(String, String)> =
        reprieve_core::monitoring::event::calls().map(|(source, name)| (source.to_owned(), name.to_owned())).collect();
    assert_eq!(heard.iter().cloned().collect::<BTreeSet<_>>(), answered);
    assert_eq!(heard.len(), answered.len(), "a call is heard twice");
}

#[test]
fn each_drift_rule_is_about_the_calls_of_one_service_as_cloudtrail_saw_them() {
    for pattern in drift_patterns() {
        assert_eq!(texts(&pattern["detail-type"]), ["AWS API Call via CloudTrail"]);
        let services: Vec<String> =
            texts(&pattern["detail"]["eventSource"]).iter().map(|source| source.replace(".amazonaws.com", "")).collect();
        let sources: Vec<String> = texts(&pattern["source"]).iter().map(|source| source.replace("aws.", "")).collect();
        assert_eq!(services, sources);
        assert_eq!(services.len(), 1);
        assert!(pattern.to_string().chars().count() <= LONGEST_PATTERN_CHARACTERS);
    }
}
