//! What the deployed functions say of the account's monitoring, and what is taken for granted where they say nothing.

use std::collections::HashMap;

use reprieve_core::monitoring::{CisVersion, PatternMode, TrailWish};

use super::Expectation;
use crate::scripted::place;

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:notices";

fn environment(variables: &[(&str, &str)]) -> HashMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_function_that_keeps_the_monitoring_says_what_it_keeps() {
    let keeper = environment(&[
        ("REPRIEVE_TRAIL_LOG_GROUP", "/trails"),
        ("REPRIEVE_NOTICE_TOPIC_ARN", TOPIC),
        ("REPRIEVE_CIS_VERSION", "6.0"),
        ("REPRIEVE_PATTERN_MODE", "exact"),
        ("REPRIEVE_TRAIL_NAME", "everything"),
        ("REPRIEVE_TRAIL_BUCKET", "trails/corp"),
        ("REPRIEVE_TRAIL_KEY_ARN", "arn:aws:kms:eu-central-1:111122223333:key/trail"),
        ("REPRIEVE_TRAIL_LOG_ROLE_ARN", "arn:aws:iam::111122223333:role/trail"),
        ("REPRIEVE_FILTER_NAMESPACE", "Watched"),
    ]);
    let expected = Expectation {
        version: CisVersion::V6_0,
        mode: PatternMode::Exact,
        trail: TrailWish {
            name: "everything".to_owned(),
            bucket: Some("trails".to_owned()),
            prefix: Some("corp".to_owned()),
            key_arn: Some("arn:aws:kms:eu-central-1:111122223333:key/trail".to_owned()),
            log_role_arn: Some("arn:aws:iam::111122223333:role/trail".to_owned()),
        },
        log_group: "/trails".to_owned(),
        namespace: "Watched".to_owned(),
        topic: Some(TOPIC.to_owned()),
    };
    assert_eq!(Expectation::default().deployed(&[environment(&[]), keeper]), expected);
}

#[test]
fn the_guard_says_the_topic_where_nothing_keeps_the_monitoring() {
    let guard =
        environment(&[("REPRIEVE_REMEDIATOR_ROLE_ARN", "arn:aws:iam::111122223333:role/guard"), ("REPRIEVE_NOTICE_TOPIC_ARN", TOPIC)]);
    let other = environment(&[("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:of-something-else")]);
    let expected = Expectation { topic: Some(TOPIC.to_owned()), ..Expectation::default() };
    assert_eq!(Expectation::default().deployed(&[other, guard]), expected);
}

#[test]
fn what_the_function_would_not_take_leaves_the_default() {
    let keeper = environment(&[("REPRIEVE_TRAIL_LOG_GROUP", ""), ("REPRIEVE_CIS_VERSION", "9.9"), ("REPRIEVE_TRAIL_NAME", "")]);
    assert_eq!(Expectation::default().deployed(&[keeper]), Expectation::default());
}

#[test]
fn the_topic_is_the_deployments_own_where_no_function_names_one() {
    assert_eq!(Expectation::default().desired(&place()).topic.arn, "arn:aws:sns:eu-central-1:111122223333:reprieve");
}
