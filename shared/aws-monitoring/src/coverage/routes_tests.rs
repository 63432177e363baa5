//! The routes against scripted answers: every page, which rules are tried, and what is refused.

use aws_sdk_eventbridge::operation::list_rules::{ListRulesError, ListRulesInput, ListRulesOutput};
use aws_sdk_eventbridge::operation::list_targets_by_rule::{ListTargetsByRuleError, ListTargetsByRuleInput, ListTargetsByRuleOutput};
use aws_sdk_eventbridge::operation::test_event_pattern::{TestEventPatternError, TestEventPatternInput, TestEventPatternOutput};
use aws_sdk_eventbridge::types::Target;
use aws_smithy_mocks::{Rule as Script, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{place, refusal};

const OF_KMS: &str = r#"{"source":["aws.kms"]}"#;
const OF_EC2: &str = r#"{"source":["aws.ec2","aws.s3"]}"#;
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:guard";

async fn look(scripts: &[&Script]) -> Known<Vec<RuleView>> {
    let client = mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, scripts, |config| config.retry_config(RetryConfig::disabled()));
    Routes { client, probes: route_probes(&place()) }.rules().await
}

/// A rule a page: of KMS, disabled; of EC2; scheduled; and one that names no source.
fn lists_four_pages() -> Script {
    mock!(Client::list_rules).then_compute_output(|request: &ListRulesInput| {
        let (name, pattern, state, next) = match request.next_token() {
            None => ("keys", Some(OF_KMS), RuleState::Disabled, Some("2")),
            Some("2") => ("instances", Some(OF_EC2), RuleState::Enabled, Some("3")),
            Some("3") => ("hourly", None, RuleState::Enabled, Some("4")),
            Some(_) => ("calls", Some(r#"{"detail-type":["AWS API Call via CloudTrail"]}"#), RuleState::Enabled, None),
        };
        let rule = Rule::builder().name(name).set_event_pattern(pattern.map(str::to_owned)).state(state).build();
        ListRulesOutput::builder().rules(rule).set_next_token(next.map(str::to_owned)).build()
    })
}

/// The rule of KMS matches everything of KMS, the others what is asked for by its name.
fn tries() -> Script {
    mock!(Client::test_event_pattern).then_compute_output(|request: &TestEventPatternInput| {
        assert_ne!(request.event_pattern(), Some(OF_EC2), "a rule of other sources is not tried");
        let event = request.event().unwrap_or_default();
        let result = request.event_pattern() == Some(OF_KMS) || event.contains(r#""eventName":"DisableKey""#);
        TestEventPatternOutput::builder().result(result).build()
    })
}

fn feeds_two_pages() -> Script {
    mock!(Client::list_targets_by_rule).then_compute_output(|request: &ListTargetsByRuleInput| {
        let (arn, next) = if request.next_token().is_none() { ("arn:aws:logs:x", Some("2".to_owned())) } else { (QUEUE, None) };
        let target = Target::builder().id("x").arn(arn).build().unwrap();
        ListTargetsByRuleOutput::builder().targets(target).set_next_token(next).build()
    })
}

#[tokio::test]
async fn every_page_is_read_and_rules_are_judged_by_what_the_service_says_they_match() {
    let found = look(&[&lists_four_pages(), &tries(), &feeds_two_pages()]).await;
    let rules = found.value().unwrap();
    let all = route_probes(&place()).into_iter().map(|probe| probe.name).collect::<BTreeSet<_>>();
    let targets = Known::Is(vec!["arn:aws:logs:x".to_owned(), QUEUE.to_owned()]);
    let keys = RuleView { name: "keys".to_owned(), is_enabled: false, matches: Known::Is(all), targets: targets.clone() };
    let disable = Known::Is(BTreeSet::from(["DisableKey".to_owned()]));
    let calls = RuleView { name: "calls".to_owned(), is_enabled: true, matches: disable, targets };
    assert_eq!(rules.as_slice(), [keys, calls]);
    assert_eq!(targets_of(&found, "sqs"), [QUEUE]);
    assert!(targets_of(&found, "lambda").is_empty());
}

#[tokio::test]
async fn what_cannot_be_tried_is_kept_and_said_to_be_unreadable() {
    let refuses = mock!(Client::test_event_pattern).then_error(|| TestEventPatternError::generic(refusal("AccessDeniedException")));
    let refuses_targets =
        mock!(Client::list_targets_by_rule).then_error(|| ListTargetsByRuleError::generic(refusal("AccessDeniedException")));
    let found = look(&[&lists_four_pages(), &refuses, &refuses_targets]).await;
    let rules = found.value().unwrap();
    assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["keys", "calls"]);
    for rule in rules {
        assert!(rule.matches.unreadable_reason().is_some_and(|why| why.contains("events:TestEventPattern")), "{rule:?}");
        assert!(rule.targets.unreadable_reason().is_some_and(|why| why.contains("events:ListTargetsByRule")), "{rule:?}");
    }
}

#[tokio::test]
async fn rules_that_cannot_be_listed_are_unreadable_and_not_none() {
    let refuses = mock!(Client::list_rules).then_error(|| ListRulesError::generic(refusal("AccessDeniedException")));
    let found = look(&[&refuses]).await;
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("events:ListRules")), "{found:?}");
}
