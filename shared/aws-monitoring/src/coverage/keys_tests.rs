//! The keys against scripted answers: every page, keys that AWS manages, and what is refused.

use aws_sdk_kms::operation::describe_key::{DescribeKeyError, DescribeKeyInput, DescribeKeyOutput};
use aws_sdk_kms::operation::get_key_policy::{GetKeyPolicyError, GetKeyPolicyOutput};
use aws_sdk_kms::operation::list_aliases::{ListAliasesError, ListAliasesInput, ListAliasesOutput};
use aws_sdk_kms::operation::list_keys::{ListKeysError, ListKeysInput, ListKeysOutput};
use aws_sdk_kms::types::{AliasListEntry, KeyListEntry, KeyState as SdkState};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{place, refusal};

fn arn(id: &str) -> String {
    place().arn("kms", &format!("key/{id}"))
}

async fn look(rules: &[&Rule]) -> Known<Vec<KeyView>> {
    let client = mock_client!(aws_sdk_kms, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    Keys { client, place: place() }.look().await
}

/// Two keys of customers and one that AWS manages, a page each.
fn lists_three_pages() -> Rule {
    mock!(Client::list_keys).then_compute_output(|request: &ListKeysInput| {
        let (id, next) = match request.marker() {
            None => ("1", Some("second")),
            Some("second") => ("2", Some("third")),
            Some(_) => ("aws", None),
        };
        let key = KeyListEntry::builder().key_id(id).key_arn(arn(id)).build();
        ListKeysOutput::builder().keys(key).truncated(next.is_some()).set_next_marker(next.map(str::to_owned)).build()
    })
}

fn names_the_first_on_the_second_page() -> Rule {
    mock!(Client::list_aliases).then_compute_output(|request: &ListAliasesInput| {
        let aliases = ListAliasesOutput::builder();
        if request.marker().is_none() {
            return aliases.truncated(true).next_marker("second").build();
        }
        aliases.aliases(AliasListEntry::builder().alias_name("alias/orders").target_key_id("1").build()).build()
    })
}

fn describes() -> Rule {
    mock!(Client::describe_key).then_compute_output(|request: &DescribeKeyInput| {
        let of_aws = request.key_id().is_some_and(|id| id.ends_with("/aws"));
        let manager = if of_aws { KeyManagerType::Aws } else { KeyManagerType::Customer };
        let key = KeyMetadata::builder().key_id("id").key_manager(manager).key_state(SdkState::Enabled).build().unwrap();
        DescribeKeyOutput::builder().key_metadata(key).build()
    })
}

fn has_policies() -> Rule {
    mock!(Client::get_key_policy).then_output(|| GetKeyPolicyOutput::builder().policy("{}").build())
}

#[tokio::test]
async fn every_page_is_read_and_keys_of_aws_are_not_asked_for_policies() {
    let found = look(&[&lists_three_pages(), &names_the_first_on_the_second_page(), &describes(), &has_policies()]).await;
    let keys = found.value().unwrap();
    let seen: Vec<_> = keys.iter().map(|key| (key.arn.key_id(), key.aliases.as_slice(), key.policy.value().map(String::as_str))).collect();
    let orders = ["alias/orders".to_owned()];
    assert_eq!(seen, [("1", orders.as_slice(), Some("{}")), ("2", &[], Some("{}")), ("aws", &[], None)]);
    let of_aws: Vec<_> = keys.iter().map(|key| key.description.value().unwrap().aws_managed).collect();
    assert_eq!(of_aws, [false, false, true]);
}

#[tokio::test]
async fn a_key_whose_description_and_policy_are_refused_is_there_and_unreadable() {
    let refuses = mock!(Client::describe_key).then_error(|| DescribeKeyError::generic(refusal("AccessDeniedException")));
    let refuses_policies = mock!(Client::get_key_policy).then_error(|| GetKeyPolicyError::generic(refusal("AccessDeniedException")));
    let refuses_names = mock!(Client::list_aliases).then_error(|| ListAliasesError::generic(refusal("AccessDeniedException")));
    let found = look(&[&lists_three_pages(), &refuses_names, &refuses, &refuses_policies]).await;
    for key in found.value().unwrap() {
        let why = [key.description.unreadable_reason(), key.policy.unreadable_reason()];
        assert!(why[0].unwrap().contains("kms:DescribeKey") && why[1].unwrap().contains("kms:GetKeyPolicy"), "{why:?}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_listed_are_unreadable_and_not_none() {
    let refuses = mock!(Client::list_keys).then_error(|| ListKeysError::generic(refusal("AccessDeniedException")));
    let found = look(&[&refuses, &names_the_first_on_the_second_page()]).await;
    assert!(found.unreadable_reason().is_some_and(|why| why.contains("kms:ListKeys")), "{found:?}");
}
