//! Alarms, queues and controls on AWS and in Azure: each is told of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{PAGE, STACKS, lacks, read, resources, section_of, sections, spans, without_row};

#[test]
fn every_alarm_of_the_stacks_has_a_section() {
    let page = read(PAGE);
    let mut problems = Vec::new();
    let mut alarms = 0;
    for stack in STACKS {
        for (id, kind) in resources(stack) {
            if kind == "AWS::CloudWatch::Alarm" {
                alarms += 1;
                problems.extend(lacks(section_of(&page, &[&id, stack])).map(|lack| format!("`{id}` of `{stack}` {lack}")));
            }
        }
    }
    assert!(alarms >= 25, "only {alarms} alarms were found: are the templates read?");
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn no_section_is_about_an_alarm_that_is_not_there() {
    let page = read(PAGE);
    for heading in sections(&page).keys() {
        let names: Vec<&str> = spans(heading).collect();
        if let [alarm, stack] = names.as_slice()
            && STACKS.contains(stack)
        {
            assert!(resources(stack).contains_key(*alarm), "`{alarm}` is not in `{stack}`");
        }
    }
}

#[test]
fn every_dead_letter_queue_is_told_of_with_its_alarm() {
    let page = read(PAGE);
    for stack in STACKS {
        if resources(stack).contains_key("DeadLetterQueue") {
            let section = section_of(&page, &["DeadLetterAlarm", stack]).unwrap_or_default();
            assert!(section.contains("`DeadLetterQueue`"), "what lies in the dead-letter queue of `{stack}` is not told");
        }
    }
    for elsewhere in ["infra/azure/events.json", "infra/google/eventarc.yaml"] {
        assert!(read(elsewhere).contains("reprieve-dead-letters"), "`{elsewhere}` calls its dead letters otherwise");
    }
    for heading in ["Dead letters in Azure (`reprieve-dead-letters`)", "Dead letters on Google Cloud (`reprieve-dead-letters`)"] {
        assert_eq!(lacks(sections(&page).get(heading).copied()), None, "{heading}");
    }
}

#[test]
fn every_control_has_a_row() {
    let page = read(PAGE);
    let names: BTreeSet<String> = ["controls.rs", "controls/additional.rs"]
        .iter()
        .flat_map(|file| {
            let source = read(&format!("shared/core/src/monitoring/{file}"));
            let names = source.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned));
            names.collect::<Vec<String>>()
        })
        .collect();
    assert!(names.len() >= 28, "only {} controls were found", names.len());
    assert_eq!(without_row(&page, names.iter().map(String::as_str), 3), Vec::<String>::new());
}

#[test]
fn every_alert_of_azure_has_a_row() {
    let alerts: Value = serde_json::from_str(&read("infra/azure/alerts.json")).unwrap();
    let alerts = alerts.pointer("/variables/alerts").and_then(Value::as_array).unwrap().clone();
    let names: Vec<&str> = alerts.iter().filter_map(|alert| alert.get("name").and_then(Value::as_str)).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(without_row(&read(PAGE), names, 3), Vec::<String>::new());
}

#[test]
fn every_alarm_of_the_azure_guard_has_a_section() {
    let page = read(PAGE);
    let guard: Value = serde_json::from_str(&read("infra/azure/guard.json")).unwrap();
    let alarms = guard.pointer("/variables/alarms").and_then(Value::as_array).unwrap();
    let mut names: Vec<(&str, &str)> =
        alarms.iter().filter_map(|alarm| alarm.get("name").and_then(Value::as_str)).map(|name| (name, "guard.json")).collect();
    assert!(names.len() >= 3, "only these alarms were found: {names:?}");
    let events: Value = serde_json::from_str(&read("infra/azure/events.json")).unwrap();
    let resources = events.get("resources").and_then(Value::as_array).unwrap();
    let alerts =
        resources.iter().filter(|resource| resource.get("type").and_then(Value::as_str) == Some("Microsoft.Insights/metricAlerts"));
    names.extend(alerts.filter_map(|alert| alert.get("name").and_then(Value::as_str)).map(|name| (name, "events.json")));
    assert_eq!(names.len(), alarms.len() + 1, "events.json tells of dead letters, and of nothing else");
    let problems: Vec<String> = names
        .iter()
        .filter_map(|(name, file)| lacks(section_of(&page, &[*name, *file])).map(|lack| format!("`{name}` of `{file}` {lack}")))
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}
