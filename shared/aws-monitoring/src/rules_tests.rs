//! The event rules against scripted answers: states, targets, and a replacement that keeps what stands beside the pattern.

use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleError;
use aws_sdk_eventbridge::operation::list_targets_by_rule::{ListTargetsByRuleError, ListTargetsByRuleInput, ListTargetsByRuleOutput};
use aws_sdk_eventbridge::operation::put_rule::PutRuleOutput;
use aws_sdk_eventbridge::operation::put_targets::PutTargetsOutput;
use aws_sdk_eventbridge::types::InputTransformer;
use aws_sdk_eventbridge::types::builders::TargetBuilder;
use aws_smithy_mocks::{Rule as Script, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{kind, refusal};

const NAME: &str = "reprieve-key-api-calls";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:guard";
const DEAD_LETTERS: &str = "arn:aws:sqs:eu-central-1:111122223333:guard-dead-letters";

fn rules(scripts: &[&Script]) -> Rules {
    let client = mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, scripts, |config| config.retry_config(RetryConfig::disabled()));
    Rules::over(client)
}

fn stands(state: RuleState) -> Script {
    mock!(Client::describe_rule).match_requests(|request| request.name() == Some(NAME)).then_output(move || {
        DescribeRuleOutput::builder()
            .name(NAME)
            .state(state.clone())
            .event_pattern(r#"{"source":["aws.kms"]}"#)
            .description("words")
            .build()
    })
}

fn is_missing() -> Script {
    mock!(Client::describe_rule).then_error(|| DescribeRuleError::generic(refusal("ResourceNotFoundException")))
}

fn feeds_two_pages() -> Script {
    mock!(Client::list_targets_by_rule).then_compute_output(|request: &ListTargetsByRuleInput| {
        let (arn, next) = if request.next_token().is_none() { (QUEUE, Some("2".to_owned())) } else { ("arn:second", None) };
        let target = Target::builder().id("x").arn(arn).build().unwrap();
        ListTargetsByRuleOutput::builder().targets(target).set_next_token(next).build()
    })
}

async fn look(rules: &Rules) -> Known<Rule> {
    rules.look([NAME.to_owned()]).await.remove(0).1
}

#[tokio::test]
async fn a_rule_is_read_with_all_its_targets() {
    for (state, is_enabled) in
        [(RuleState::Enabled, true), (RuleState::EnabledWithAllCloudtrailManagementEvents, true), (RuleState::Disabled, false)]
    {
        let found = look(&rules(&[&stands(state), &feeds_two_pages()])).await;
        let expected = Rule {
            name: NAME.to_owned(),
            is_enabled,
            pattern: Some(r#"{"source":["aws.kms"]}"#.to_owned()),
            targets: Known::Is(vec![QUEUE.to_owned(), "arn:second".to_owned()]),
        };
        assert_eq!(found, Known::Is(expected));
    }
}

#[tokio::test]
async fn a_target_that_is_handed_something_else_than_the_events_does_not_count() {
    type Alter = fn(TargetBuilder) -> TargetBuilder;
    let alterations: [Alter; 3] = [
        |target| target.input("{}"),
        |target| target.input_path("$.detail.nothing"),
        |target| target.input_transformer(InputTransformer::builder().input_template("{}").build().unwrap()),
    ];
    for alter in alterations {
        let feeds = mock!(Client::list_targets_by_rule).then_output(move || {
            let altered = alter(Target::builder().id("Queue").arn(QUEUE)).build().unwrap();
            let whole = Target::builder().id("second").arn("arn:second").build().unwrap();
            ListTargetsByRuleOutput::builder().targets(altered).targets(whole).build()
        });
        let found = look(&rules(&[&stands(RuleState::Enabled), &feeds])).await;
        assert_eq!(found.value().unwrap().targets, Known::Is(vec!["arn:second".to_owned()]));
    }
}

#[tokio::test]
async fn a_rule_that_is_not_there_is_absent_and_one_that_cannot_be_read_is_not() {
    let no_targets =
        mock!(Client::list_targets_by_rule).then_error(|| ListTargetsByRuleError::generic(refusal("ResourceNotFoundException")));
    assert_eq!(look(&rules(&[&is_missing(), &no_targets])).await, Known::Absent);
    let denied = mock!(Client::describe_rule).then_error(|| DescribeRuleError::generic(refusal("AccessDeniedException")));
    let found = look(&rules(&[&denied, &feeds_two_pages()])).await;
    assert!(found.unreadable_reason().unwrap().starts_with("events:DescribeRule: access denied"), "{found:?}");
    let denied = mock!(Client::list_targets_by_rule).then_error(|| ListTargetsByRuleError::generic(refusal("AccessDeniedException")));
    let found = look(&rules(&[&stands(RuleState::Enabled), &denied])).await;
    assert!(found.value().unwrap().targets.unreadable_reason().unwrap().starts_with("events:ListTargetsByRule: access denied"));
}

#[tokio::test]
async fn a_rule_is_put_enabled_and_keeps_its_description() {
    let all_events = RuleState::EnabledWithAllCloudtrailManagementEvents;
    for (there, state, description) in [
        (is_missing(), RuleState::Enabled, None),
        (stands(RuleState::Disabled), RuleState::Enabled, Some("words")),
        (stands(all_events.clone()), all_events, Some("words")),
    ] {
        let put = mock!(Client::put_rule)
            .match_requests(move |request| {
                request.name() == Some(NAME)
                    && request.event_pattern() == Some("{}")
                    && request.state() == Some(&state)
                    && request.description() == description
            })
            .then_output(|| PutRuleOutput::builder().build());
        assert_eq!(rules(&[&there, &put]).put(NAME, "{}").await, Ok(()));
    }
}

#[tokio::test]
async fn a_target_is_put_with_every_attempt_and_a_dead_letter_queue() {
    let put = mock!(Client::put_targets)
        .match_requests(|request| {
            let [target] = request.targets() else { return false };
            let retries = target.retry_policy().unwrap();
            request.rule() == Some(NAME)
                && target.id() == "Queue"
                && target.arn() == QUEUE
                && retries.maximum_retry_attempts() == Some(185)
                && retries.maximum_event_age_in_seconds() == Some(86_400)
                && target.dead_letter_config().and_then(DeadLetterConfig::arn) == Some(DEAD_LETTERS)
        })
        .then_output(|| PutTargetsOutput::builder().build());
    assert_eq!(rules(&[&put]).put_target(NAME, QUEUE, DEAD_LETTERS).await, Ok(()));
}

#[tokio::test]
async fn a_target_that_is_refused_in_an_answer_that_succeeded_is_an_error() {
    for (code, expected) in
        [("ConcurrentModificationException", "unavailable"), ("LimitExceededException", "rejected"), ("New", "rejected")]
    {
        let put = mock!(Client::put_targets).then_output(move || {
            let entry = PutTargetsResultEntry::builder().target_id("Queue").error_code(code).error_message("words").build();
            PutTargetsOutput::builder().failed_entry_count(1).failed_entries(entry).build()
        });
        let error = rules(&[&put]).put_target(NAME, QUEUE, DEAD_LETTERS).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{code}");
        assert!(error.to_string().contains(code), "{error}");
    }
}
