//! The keys of topics against scripted answers: who manages one, and whether it serves.

use aws_sdk_kms::operation::describe_key::{DescribeKeyError, DescribeKeyOutput};
use aws_sdk_kms::operation::get_key_policy::{GetKeyPolicyError, GetKeyPolicyOutput};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::refusal;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1";

fn keys(rules: &[&Rule]) -> TopicKeys {
    TopicKeys::over(mock_client!(aws_sdk_kms, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled())))
}

fn is_key(manager: KeyManagerType, state: KeyState) -> Rule {
    mock!(Client::describe_key).then_output(move || {
        let key = KeyMetadata::builder().key_id("1").arn(KEY).key_manager(manager.clone()).key_state(state.clone()).build().unwrap();
        DescribeKeyOutput::builder().key_metadata(key).build()
    })
}

fn has_policy() -> Rule {
    mock!(Client::get_key_policy)
        .match_requests(|request| request.key_id() == Some(KEY) && request.policy_name() == Some("default"))
        .then_output(|| GetKeyPolicyOutput::builder().policy("{}").build())
}

fn customer_managed(policy: Known<String>, serves: Known<bool>) -> TopicKey {
    TopicKey::CustomerManaged { key_id: "alias/notices".to_owned(), policy, serves }
}

async fn look(rules: &[&Rule]) -> TopicKey {
    keys(rules).look(Some("alias/notices".to_owned())).await
}

#[tokio::test]
async fn no_key_and_the_one_of_aws_are_known_without_asking() {
    for (key_id, expected) in [
        (None, TopicKey::None),
        (Some(""), TopicKey::None),
        (Some("alias/aws/sns"), TopicKey::AwsManaged),
        (Some("arn:aws:kms:eu-central-1:111122223333:alias/aws/sns"), TopicKey::AwsManaged),
    ] {
        assert_eq!(keys(&[]).look(key_id.map(str::to_owned)).await, expected, "{key_id:?}");
    }
}

#[tokio::test]
async fn a_key_is_looked_at_with_its_policy_and_state() {
    for (state, serves) in [(KeyState::Enabled, true), (KeyState::Disabled, false), (KeyState::PendingDeletion, false)] {
        let found = look(&[&is_key(KeyManagerType::Customer, state), &has_policy()]).await;
        assert_eq!(found, customer_managed(Known::Is("{}".to_owned()), Known::Is(serves)));
    }
    assert_eq!(look(&[&is_key(KeyManagerType::Aws, KeyState::Enabled)]).await, TopicKey::AwsManaged, "by its id, not its alias");
}

#[tokio::test]
async fn a_key_that_is_gone_serves_nobody_and_one_that_cannot_be_seen_is_unreadable() {
    let gone = mock!(Client::describe_key).then_error(|| DescribeKeyError::generic(refusal("NotFoundException")));
    assert_eq!(look(&[&gone]).await, customer_managed(Known::Absent, Known::Is(false)));
    let denied = mock!(Client::describe_key).then_error(|| DescribeKeyError::generic(refusal("AccessDeniedException")));
    let TopicKey::CustomerManaged { policy, serves, .. } = look(&[&denied]).await else { panic!() };
    for reason in [policy.unreadable_reason(), serves.unreadable_reason()] {
        assert!(reason.unwrap().starts_with("kms:DescribeKey: access denied"), "{reason:?}");
    }
    let denied = mock!(Client::get_key_policy).then_error(|| GetKeyPolicyError::generic(refusal("AccessDeniedException")));
    let TopicKey::CustomerManaged { policy, serves, .. } = look(&[&is_key(KeyManagerType::Customer, KeyState::Enabled), &denied]).await
    else {
        panic!()
    };
    assert!(policy.unreadable_reason().unwrap().starts_with("kms:GetKeyPolicy: access denied"), "{policy:?}");
    assert_eq!(serves, Known::Is(true));
}
