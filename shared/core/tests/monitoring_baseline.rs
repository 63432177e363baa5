//! The baseline as data: numbers by version, texts that auditors compare, and patterns that match what they are meant for.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failed lookup fails the test")]

#[path = "monitoring_baseline/texts.rs"]
mod texts;

use std::collections::BTreeSet;

use reprieve_core::decision::Severity;
use reprieve_core::filter::{FilterPattern, LONGEST_PATTERN_CHARACTERS};
use reprieve_core::monitoring::{Baseline, CisVersion, Control, DriftRule, FILTER_PREFIX, GuardRule, PatternMode};
use serde_json::{Value, json};

const MODES: [PatternMode; 2] = [PatternMode::ByMatching, PatternMode::Exact];

/// Every baseline that can be asked for, with our own filters.
fn baselines() -> impl Iterator<Item = (CisVersion, PatternMode, Baseline)> {
    CisVersion::ALL.into_iter().flat_map(|version| MODES.into_iter().map(move |mode| (version, mode, Baseline::of(version, mode, true))))
}

fn controls() -> impl Iterator<Item = Control> {
    baselines().flat_map(|(_, _, baseline)| baseline.controls)
}

fn named<'a>(baseline: &'a Baseline, name: &str) -> &'a Control {
    baseline.controls.iter().find(|control| control.name == name).expect(name)
}

fn ids(version: CisVersion, additional: bool) -> Vec<String> {
    Baseline::of(version, PatternMode::ByMatching, additional).controls.into_iter().map(|control| control.id).collect()
}

/// A record as CloudTrail writes it: by a person, or with `more` laid over it.
fn record(source: &str, name: &str, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/admin/mallory", "accountId": "111122223333"},
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": null,
        "responseElements": null,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333"
    });
    merge(&mut record, more);
    record
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, Value::Null) if !into.is_null() => {}
        (into, more) => *into = more,
    }
}

fn call(source: &str, name: &str) -> Value {
    record(source, name, Value::Null)
}

/// Returns the names of our own and the benchmark's filters that match.
fn matching(version: CisVersion, mode: PatternMode, event: &Value) -> Vec<&'static str> {
    let baseline = Baseline::of(version, mode, true);
    let matches = |control: &&Control| FilterPattern::parse(control.pattern).unwrap().matches(event);
    baseline.controls.iter().filter(matches).map(|control| control.name).collect()
}

#[test]
fn v1_4_has_fifteen_controls_and_later_versions_sixteen() {
    let expected = |section: u8, last: u8| (1..=last).map(|number| format!("{section}.{number}")).collect::<Vec<_>>();
    assert_eq!(ids(CisVersion::V1_4, false), expected(4, 15));
    assert_eq!(ids(CisVersion::V3_0, false), expected(4, 16));
    assert_eq!(ids(CisVersion::V5_0, false), expected(4, 16));
    assert_eq!(ids(CisVersion::V6_0, false), expected(5, 16));
}

#[test]
fn our_own_controls_stand_after_the_benchmarks_and_are_numbered_from_one() {
    let all = ids(CisVersion::V5_0, true);
    let own: Vec<String> = all.iter().skip(16).cloned().collect();
    assert_eq!(own, (1..=own.len()).map(|number| format!("reprieve.{number}")).collect::<Vec<_>>());
    assert!(own.len() >= 10, "{own:?}");
}

#[test]
fn control_seven_is_4_7_up_to_v5_and_5_7_since_v6() {
    let numbers = CisVersion::ALL.map(|version| version.number(7));
    assert_eq!(numbers, ["4.7", "4.7", "4.7", "5.7"]);
}

#[test]
fn versions_parse_as_they_are_written() {
    for version in CisVersion::ALL {
        assert_eq!(CisVersion::parse(version.as_str()), Ok(version));
    }
    assert_eq!(CisVersion::parse("7.0"), Ok(CisVersion::V6_0));
    assert_eq!(CisVersion::parse("3.0.0"), Ok(CisVersion::V3_0));
}

#[test]
fn an_unknown_version_is_refused_with_what_to_write() {
    let error = CisVersion::parse("2.0").unwrap_err().to_string();
    assert_eq!(error, "`2.0` is not a version of the CIS AWS Foundations Benchmark: write 1.4, 3.0, 5.0, 6.0 or 7.0");
}

#[test]
fn modes_parse_as_they_are_written() {
    for mode in MODES {
        assert_eq!(PatternMode::parse(mode.as_str()), Ok(mode));
    }
    assert_eq!(PatternMode::parse("Exact").unwrap_err().to_string(), "`Exact` is not a pattern mode: write by-matching or exact");
}

#[test]
fn guard_rules_parse_as_they_are_written() {
    for rule in GuardRule::ALL {
        assert_eq!(GuardRule::parse(rule.as_str()), Ok(rule));
    }
    assert!(GuardRule::parse("sweep").unwrap_err().to_string().starts_with("`sweep` is no event rule of the guard: write key-api-calls"));
}

#[test]
fn drift_rules_parse_as_they_are_written() {
    for rule in DriftRule::ALL {
        assert_eq!(DriftRule::parse(rule.as_str()), Ok(rule));
    }
    assert!(DriftRule::parse("sweep").unwrap_err().to_string().starts_with("`sweep` is no drift rule of the monitoring: write trail, log"));
}

#[test]
fn every_pattern_is_one_that_cloudwatch_logs_takes() {
    for control in controls() {
        let length = control.pattern.chars().count();
        assert!(length <= LONGEST_PATTERN_CHARACTERS, "{}: {length} characters", control.name);
        if let Err(error) = FilterPattern::parse(control.pattern) {
            panic!("{}: {error}", control.name);
        }
    }
}

#[test]
fn names_are_unique_and_bear_our_prefix() {
    for (version, mode, baseline) in baselines() {
        let names: BTreeSet<&str> = baseline.controls.iter().map(|control| control.name).collect();
        assert_eq!(names.len(), baseline.controls.len(), "{version:?} {mode:?}");
    }
    for control in controls() {
        assert!(control.name.starts_with(FILTER_PREFIX), "{}", control.name);
        assert!(control.name.len() <= 255 && control.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'));
    }
}

#[test]
fn every_control_says_why_and_where_from() {
    for control in controls() {
        assert!(!control.title.is_empty() && !control.source.is_empty(), "{}", control.name);
        assert!(control.why.ends_with('.') && control.why.len() > 20, "{}", control.name);
        assert!(control.severity >= Severity::Low, "{}", control.name);
    }
}

#[test]
fn all_filters_fit_into_one_log_group_with_room_for_others() {
    for (version, mode, baseline) in baselines() {
        assert!(baseline.controls.len() < 50, "{version:?} {mode:?}");
    }
}

#[test]
fn exact_mode_has_the_texts_of_security_hub_in_every_version() {
    for version in CisVersion::ALL {
        let baseline = Baseline::of(version, PatternMode::Exact, false);
        for (name, text) in texts::SECURITY_HUB {
            assert_eq!(named(&baseline, name).pattern, text, "{version:?}");
        }
    }
}

#[test]
fn matching_mode_has_the_texts_of_the_benchmark() {
    for (version, name, text) in texts::BENCHMARK {
        assert_eq!(named(&Baseline::of(version, PatternMode::ByMatching, false), name).pattern, text, "{version:?}");
    }
}

#[test]
fn nothing_of_ours_is_in_a_pattern_of_the_benchmark() {
    let ours = ["DeleteImportedKeyMaterial", "PutKeyPolicy", "DisconnectCustomKeyStore", "PutEventSelectors", "eprieve"];
    for control in controls().filter(|control| !control.id.starts_with("reprieve.")) {
        assert!(!ours.iter().any(|text| control.pattern.contains(text)), "{}", control.name);
    }
}

#[test]
fn both_texts_of_a_control_match_the_same_calls() {
    for (name, event) in texts::meant_for() {
        for mode in MODES {
            let found = matching(CisVersion::V3_0, mode, &event);
            assert!(found.contains(&name), "{name} {mode:?} {}", event["eventName"]);
        }
    }
}

#[test]
fn each_of_our_own_filters_matches_what_it_is_meant_for() {
    for (name, event) in texts::meant_for_ours() {
        let found = matching(CisVersion::V5_0, PatternMode::ByMatching, &event);
        assert!(found.contains(&name), "{name}: {event}");
    }
}

#[test]
fn every_filter_has_an_event_that_it_is_meant_for() {
    let tried: BTreeSet<&str> = texts::meant_for().into_iter().chain(texts::meant_for_ours()).map(|(name, _)| name).collect();
    // The one that stands in exact mode only has a test of its own.
    for control in controls().filter(|control| control.name != "Reprieve-SecurityGroupRulesModified") {
        assert!(tried.contains(control.name), "{}", control.name);
    }
}

#[test]
fn everyday_calls_set_off_nothing() {
    for (what, event) in texts::benign() {
        for mode in MODES {
            assert_eq!(matching(CisVersion::V5_0, mode, &event), Vec::<&str>::new(), "{what}");
        }
    }
}

#[test]
fn an_attempt_that_is_refused_rings_like_a_success() {
    for (source, name) in
        [("kms.amazonaws.com", "PutKeyPolicy"), ("logs.amazonaws.com", "DeleteMetricFilter"), ("sns.amazonaws.com", "Unsubscribe")]
    {
        let refused = record(source, name, json!({"errorCode": "AccessDenied", "errorMessage": "no"}));
        let found = matching(CisVersion::V5_0, PatternMode::ByMatching, &refused);
        assert_eq!(found.len(), 2, "{name}: {found:?}");
        assert!(found.contains(&"Reprieve-CIS-1-UnauthorizedApiCalls"));
    }
}

#[test]
fn every_call_that_blinds_the_monitoring_is_watched() {
    for (source, name) in reprieve_core::monitoring::event::calls() {
        // What tells ours from others' cannot be seen in the call alone, or is told by the drift rules only.
        if matches!(name, "RemoveTags" | "UntagResource" | "PutMetricAlarm" | "PutRule" | "PutTargets" | "PutRetentionPolicy") {
            continue;
        }
        let found = matching(CisVersion::V5_0, PatternMode::ByMatching, &call(source, name));
        assert!(!found.is_empty(), "{source} {name}");
    }
}

#[test]
fn exact_mode_watches_modified_security_group_rules_beside_the_exact_text() {
    let event = call("ec2.amazonaws.com", "ModifySecurityGroupRules");
    assert_eq!(matching(CisVersion::V5_0, PatternMode::ByMatching, &event), ["Reprieve-CIS-10-SecurityGroupChanged"]);
    assert_eq!(matching(CisVersion::V5_0, PatternMode::Exact, &event), ["Reprieve-SecurityGroupRulesModified"]);
}
