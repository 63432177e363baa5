//! The drill's key against scripted answers of KMS: what is asked for, what each error means, and that scheduling takes a clearance.

use aws_sdk_kms::operation::create_alias::CreateAliasOutput;
use aws_sdk_kms::operation::create_key::CreateKeyOutput;
use aws_sdk_kms::operation::describe_key::{DescribeKeyError, DescribeKeyOutput};
use aws_sdk_kms::operation::list_grants::ListGrantsOutput;
use aws_sdk_kms::operation::schedule_key_deletion::{ScheduleKeyDeletionError, ScheduleKeyDeletionOutput};
use aws_sdk_kms::types::error::NotFoundException;
use aws_sdk_kms::types::{GrantListEntry, KeyMetadata};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use reprieve_core::drill::{DrillPlace, Evidence, may_touch};
use reprieve_core::facts::Known;
use reprieve_core::{KeyDescription, KeyState};

use super::*;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn key() -> KeyArn {
    KeyArn::parse(KEY).unwrap()
}

fn alias() -> DrillAlias {
    DrillAlias::parse("alias/reprieve-drill").unwrap()
}

fn drill_key(rules: &[&Rule]) -> KmsDrillKey {
    KmsDrillKey::scripted(&mock_client!(aws_sdk_kms, RuleMode::Sequential, rules))
}

fn metadata() -> KeyMetadata {
    let metadata = KeyMetadata::builder().key_id("1234abcd-12ab-34cd-56ef-1234567890ab").arn(KEY);
    metadata.key_spec(KeySpec::SymmetricDefault).key_usage(KeyUsageType::EncryptDecrypt).multi_region(false).build().unwrap()
}

fn cleared() -> Cleared {
    let evidence = Evidence {
        key: key(),
        inventory: Some(key()),
        description: Known::Is(KeyDescription::in_state(KeyState::Enabled)),
        portrait: Known::Is(KeyPortrait { spec: "SYMMETRIC_DEFAULT".to_owned(), usage: "ENCRYPT_DECRYPT".to_owned(), multi_region: false }),
        tags: Known::Is(
            [(DRILL_TAG, DRILL_TAG_VALUE), (MANAGED_BY_TAG, MANAGED_BY)].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ),
        aliases: Known::Is(vec![alias().to_string()]),
        grants: Known::Is(0),
    };
    may_touch(evidence, &alias(), &DrillPlace { account: key().account(), region: key().region() }).unwrap()
}

#[tokio::test]
async fn the_key_is_made_with_its_tags_and_nothing_special() {
    let rule = mock!(Client::create_key)
        .match_requests(|request| {
            let tags: Vec<_> = request.tags().iter().map(|tag| (tag.tag_key(), tag.tag_value())).collect();
            request.key_spec() == Some(&KeySpec::SymmetricDefault)
                && request.key_usage() == Some(&KeyUsageType::EncryptDecrypt)
                && request.multi_region() == Some(false)
                && request.policy().is_none()
                && tags == [("reprieve:drill", "true"), ("reprieve:managed-by", "aws-rehearse-incident")]
        })
        .then_output(|| CreateKeyOutput::builder().key_metadata(metadata()).build());
    assert_eq!(drill_key(&[&rule]).create().await, Ok(key()));
}

#[tokio::test]
async fn the_alias_is_created_and_never_moved() {
    let rule = mock!(Client::create_alias)
        .match_requests(|request| request.alias_name() == Some("alias/reprieve-drill") && request.target_key_id() == Some(key().key_id()))
        .then_output(|| CreateAliasOutput::builder().build());
    assert_eq!(drill_key(&[&rule]).name(&key(), &alias()).await, Ok(()));
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn an_alias_that_does_not_exist_is_no_error_and_one_that_cannot_be_read_is() {
    let found = mock!(Client::describe_key)
        .match_requests(|request| request.key_id() == Some("alias/reprieve-drill"))
        .then_output(|| DescribeKeyOutput::builder().key_metadata(metadata()).build());
    let absent = mock!(Client::describe_key).then_error(|| {
        let meta = ErrorMetadata::builder().code("NotFoundException").build();
        DescribeKeyError::NotFoundException(NotFoundException::builder().meta(meta).build())
    });
    let denied = mock!(Client::describe_key)
        .then_error(|| DescribeKeyError::generic(ErrorMetadata::builder().code("AccessDeniedException").message("words").build()));
    let drill_key = drill_key(&[&found, &absent, &denied]);
    assert_eq!(drill_key.behind(&alias()).await, Ok(Some(key())));
    assert_eq!(drill_key.behind(&alias()).await, Ok(None));
    assert!(matches!(drill_key.behind(&alias()).await, Err(CallError::AccessDenied { .. })));
}

#[tokio::test]
async fn the_kind_is_read_and_what_is_not_said_is_an_error() {
    let whole = mock!(Client::describe_key).then_output(|| DescribeKeyOutput::builder().key_metadata(metadata()).build());
    let silent = mock!(Client::describe_key).then_output(|| {
        let metadata = KeyMetadata::builder().key_id("k").arn(KEY).build().unwrap();
        DescribeKeyOutput::builder().key_metadata(metadata).build()
    });
    let drill_key = drill_key(&[&whole, &silent]);
    let portrait = drill_key.portrait(&key()).await.unwrap();
    assert_eq!((portrait.spec.as_str(), portrait.usage.as_str()), ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"));
    assert!(drill_key.portrait(&key()).await.unwrap_err().to_string().contains("no `KeySpec`"));
}

#[tokio::test]
async fn grants_are_counted_over_all_pages() {
    let page = |grants: usize, marker: Option<&'static str>| {
        mock!(Client::list_grants).then_output(move || {
            let grants = (0..grants).map(|_| GrantListEntry::builder().build()).collect();
            ListGrantsOutput::builder()
                .set_grants(Some(grants))
                .truncated(marker.is_some())
                .set_next_marker(marker.map(str::to_owned))
                .build()
        })
    };
    let (first, second) = (page(2, Some("more")), page(1, None));
    assert_eq!(drill_key(&[&first, &second]).grants(&key()).await, Ok(3));
}

#[tokio::test]
async fn what_was_cleared_is_scheduled_with_the_longest_waiting_period() {
    let rule = mock!(Client::schedule_key_deletion)
        .match_requests(|request| request.key_id() == Some(KEY) && request.pending_window_in_days() == Some(30))
        .then_output(|| ScheduleKeyDeletionOutput::builder().build());
    assert_eq!(drill_key(&[&rule]).schedule_deletion(cleared()).await, Ok(()));
}

#[tokio::test]
async fn a_refused_scheduling_is_sorted() {
    for (code, expected) in [
        ("AccessDeniedException", "access denied"),
        ("ThrottlingException", "throttled"),
        ("KMSInvalidStateException", "the key's state does not allow it"),
        ("DependencyTimeoutException", "no usable answer"),
        ("NotFoundException", "the key does not exist"),
        ("InvalidArnException", "rejected"),
    ] {
        let rule = mock!(Client::schedule_key_deletion)
            .then_error(move || ScheduleKeyDeletionError::generic(ErrorMetadata::builder().code(code).message("words").build()));
        let error = drill_key(&[&rule]).schedule_deletion(cleared()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("kms:ScheduleKeyDeletion: {expected}")), "{code}: {error}");
    }
}

/// The invariant of the crate, read from its source: one destroying call, in one place, behind a clearance.
#[test]
fn one_destroying_call_and_no_other() {
    let sources = [include_str!("key.rs"), include_str!("inventory.rs"), include_str!("watch.rs"), include_str!("message.rs")].concat();
    assert_eq!(sources.matches(".schedule_key_deletion()").count(), 1);
    assert!(sources.contains("async fn schedule_deletion(&self, cleared: Cleared)"));
    for barred in
        [".disable_key(", ".delete_", ".update_alias(", ".tag_resource(", ".untag_resource(", ".put_key_policy(", ".create_grant("]
    {
        let allowed = usize::from(barred == ".delete_");
        assert_eq!(sources.matches(barred).count(), allowed, "{barred}");
    }
    assert!(sources.contains(".delete_message()"), "the one deletion is that of a message");
}
