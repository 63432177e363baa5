//! The topics against scripted answers: who is confirmed, what can be read of whom, what a change sends.

use aws_sdk_sns::operation::create_topic::{CreateTopicError, CreateTopicOutput};
use aws_sdk_sns::operation::get_subscription_attributes::{GetSubscriptionAttributesError, GetSubscriptionAttributesOutput};
use aws_sdk_sns::operation::get_topic_attributes::{GetTopicAttributesError, GetTopicAttributesOutput};
use aws_sdk_sns::operation::list_subscriptions_by_topic::{
    ListSubscriptionsByTopicError, ListSubscriptionsByTopicInput, ListSubscriptionsByTopicOutput,
};
use aws_sdk_sns::operation::list_tags_for_resource::{ListTagsForResourceError, ListTagsForResourceOutput};
use aws_sdk_sns::operation::set_topic_attributes::SetTopicAttributesOutput;
use aws_sdk_sns::operation::subscribe::SubscribeOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use reprieve_core::monitoring::world::TopicKey;

use super::*;
use crate::scripted::{kind, refusal};

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:notices";
const CONFIRMED: &str = "arn:aws:sns:eu-central-1:111122223333:notices:1";

fn topics(rules: &[&Rule]) -> Topics {
    let client = mock_client!(aws_sdk_sns, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    let keys = mock_client!(aws_sdk_kms, RuleMode::MatchAny, [] as [&Rule; 0]);
    Topics::over(client, TopicKeys::over(keys))
}

fn stands() -> Rule {
    mock!(Client::get_topic_attributes).then_output(|| {
        GetTopicAttributesOutput::builder().attributes("Policy", "{}").attributes("KmsMasterKeyId", "alias/aws/sns").build()
    })
}

fn bears_our_tag() -> Rule {
    mock!(Client::list_tags_for_resource).then_output(|| {
        ListTagsForResourceOutput::builder().tags(Tag::builder().key(MANAGED_BY_TAG).value(MANAGED_BY).build().unwrap()).build()
    })
}

fn subscription(arn: &str, endpoint: &str) -> SdkSubscription {
    SdkSubscription::builder().subscription_arn(arn).protocol("email").endpoint(endpoint).build()
}

fn lists(subscriptions: Vec<SdkSubscription>) -> Rule {
    mock!(Client::list_subscriptions_by_topic)
        .then_output(move || ListSubscriptionsByTopicOutput::builder().set_subscriptions(Some(subscriptions.clone())).build())
}

fn has_attributes(attributes: &'static [(&str, &str)]) -> Rule {
    mock!(Client::get_subscription_attributes).match_requests(|request| request.subscription_arn() == Some(CONFIRMED)).then_output(|| {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        GetSubscriptionAttributesOutput::builder().set_attributes(Some(attributes)).build()
    })
}

async fn look(topics: &Topics) -> Known<Topic> {
    topics.look([TOPIC.to_owned()]).await.remove(TOPIC).unwrap()
}

async fn subscriptions(rules: &[&Rule]) -> Vec<Subscription> {
    let (stands, tags) = (stands(), bears_our_tag());
    let rules: Vec<&Rule> = rules.iter().copied().chain([&stands, &tags]).collect();
    match look(&topics(&rules)).await {
        Known::Is(Topic { subscriptions: Known::Is(subscriptions), .. }) => subscriptions,
        other @ (Known::Is(_) | Known::Absent | Known::Unreadable(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_topic_is_read_with_its_policy_key_and_tag() {
    let found = look(&topics(&[&stands(), &lists(Vec::new()), &bears_our_tag()])).await;
    let topic = Topic {
        arn: TOPIC.to_owned(),
        policy: "{}".to_owned(),
        key: TopicKey::AwsManaged,
        subscriptions: Known::Is(Vec::new()),
        is_ours: true,
    };
    assert_eq!(found, Known::Is(topic));
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_absent_and_one_that_cannot_be_read_is_not() {
    for (code, is_absent) in [("NotFound", true), ("AuthorizationError", false)] {
        let attributes = mock!(Client::get_topic_attributes).then_error(move || GetTopicAttributesError::generic(refusal(code)));
        let listed = mock!(Client::list_subscriptions_by_topic).then_error(move || ListSubscriptionsByTopicError::generic(refusal(code)));
        let tags = mock!(Client::list_tags_for_resource).then_error(|| ListTagsForResourceError::generic(refusal("ResourceNotFound")));
        let found = look(&topics(&[&attributes, &listed, &tags])).await;
        assert_eq!(found == Known::Absent, is_absent, "{found:?}");
        assert_eq!(found.unreadable_reason().is_some_and(|why| why.starts_with("sns:GetTopicAttributes: access denied")), !is_absent);
    }
    let denied =
        mock!(Client::list_subscriptions_by_topic).then_error(|| ListSubscriptionsByTopicError::generic(refusal("AuthorizationError")));
    let found = look(&topics(&[&stands(), &denied, &bears_our_tag()])).await;
    let subscriptions = &found.value().unwrap().subscriptions;
    assert!(subscriptions.unreadable_reason().unwrap().starts_with("sns:ListSubscriptionsByTopic: access denied"), "{subscriptions:?}");
}

#[tokio::test]
async fn only_a_confirmed_subscription_has_an_arn() {
    let listed = lists(vec![
        subscription("PendingConfirmation", "waiting@example.com"),
        subscription("Deleted", "gone@example.com"),
        subscription(CONFIRMED, "ops@example.com"),
    ]);
    let found = subscriptions(&[&listed, &has_attributes(&[("PendingConfirmation", "false")])]).await;
    let found: Vec<_> = found.iter().map(|one| (one.endpoint.as_str(), one.arn.as_deref(), &one.filter_policy)).collect();
    assert_eq!(found, [("waiting@example.com", None, &Known::Absent), ("ops@example.com", Some(CONFIRMED), &Known::Absent)]);
    let waits = subscriptions(&[&lists(vec![subscription(CONFIRMED, "x")]), &has_attributes(&[("PendingConfirmation", "true")])]).await;
    assert_eq!(waits.first().unwrap().arn, None, "an ARN that SNS gives away before it is confirmed");
}

#[tokio::test]
async fn what_a_subscription_filters_is_read() {
    let listed = lists(vec![subscription(CONFIRMED, "ops@example.com")]);
    let found = subscriptions(&[&listed, &has_attributes(&[("FilterPolicy", r#"{"a":["b"]}"#)])]).await;
    assert_eq!(found.first().unwrap().filter_policy, Known::Is(r#"{"a":["b"]}"#.to_owned()));
}

#[tokio::test]
async fn a_subscription_whose_attributes_cannot_be_read_says_so_and_one_that_is_gone_is_left_out() {
    let listed = lists(vec![subscription(CONFIRMED, "ops@example.com")]);
    let denied =
        mock!(Client::get_subscription_attributes).then_error(|| GetSubscriptionAttributesError::generic(refusal("AuthorizationError")));
    let found = subscriptions(&[&listed, &denied]).await;
    let one = found.first().unwrap();
    assert_eq!(one.arn.as_deref(), Some(CONFIRMED));
    assert!(one.filter_policy.unreadable_reason().unwrap().starts_with("sns:GetSubscriptionAttributes: access denied"));
    let gone = mock!(Client::get_subscription_attributes).then_error(|| GetSubscriptionAttributesError::generic(refusal("NotFound")));
    assert_eq!(subscriptions(&[&listed, &gone]).await, []);
}

#[tokio::test]
async fn all_pages_of_subscriptions_are_read() {
    let pages = mock!(Client::list_subscriptions_by_topic).then_compute_output(|request: &ListSubscriptionsByTopicInput| {
        let (endpoint, next) = if request.next_token().is_none() { ("first", Some("2".to_owned())) } else { ("second", None) };
        let listed = subscription("PendingConfirmation", endpoint);
        ListSubscriptionsByTopicOutput::builder().subscriptions(listed).set_next_token(next).build()
    });
    let found = subscriptions(&[&pages]).await;
    assert_eq!(found.iter().map(|one| one.endpoint.as_str()).collect::<Vec<_>>(), ["first", "second"]);
}

#[tokio::test]
async fn a_topic_is_made_under_the_name_of_its_arn_with_our_tag() {
    for (made, expected) in [(TOPIC, Ok(())), ("arn:aws:sns:eu-central-1:999999999999:notices", Err("rejected"))] {
        let create = mock!(Client::create_topic)
            .match_requests(|request| {
                request.name() == Some("notices") && request.tags().iter().any(|tag| is_our_tag(tag.key(), tag.value()))
            })
            .then_output(move || CreateTopicOutput::builder().topic_arn(made).build());
        assert_eq!(topics(&[&create]).create(TOPIC).await.map_err(|error| kind(&error)), expected, "{made}");
    }
}

#[tokio::test]
async fn a_topic_that_is_there_with_other_tags_counts_as_made() {
    for (message, expected) in [
        ("Invalid parameter: Tags Reason: Topic already exists with different tags", Ok(())),
        ("Invalid parameter: Topic Name", Err("rejected")),
    ] {
        let create = mock!(Client::create_topic)
            .then_error(move || CreateTopicError::generic(ErrorMetadata::builder().code("InvalidParameter").message(message).build()));
        // A scripted error has the status 500; the code alone is unknown to the tables.
        let answer = topics(&[&create]).create(TOPIC).await;
        assert_eq!(answer.is_ok(), expected.is_ok(), "{message}: {answer:?}");
    }
}

#[tokio::test]
async fn the_policy_is_set_whole_and_a_key_is_taken_off() {
    let policy = mock!(Client::set_topic_attributes)
        .match_requests(|request| request.attribute_name() == Some("Policy") && request.attribute_value() == Some("{}"))
        .then_output(|| SetTopicAttributesOutput::builder().build());
    assert_eq!(topics(&[&policy]).set_policy(TOPIC, "{}").await, Ok(()));
    let key = mock!(Client::set_topic_attributes)
        .match_requests(|request| request.attribute_name() == Some("KmsMasterKeyId") && request.attribute_value() == Some(""))
        .then_output(|| SetTopicAttributesOutput::builder().build());
    assert_eq!(topics(&[&key]).remove_key(TOPIC).await, Ok(()));
}

#[tokio::test]
async fn a_subscriber_is_subscribed_by_protocol_and_endpoint() {
    let subscribe = mock!(Client::subscribe)
        .match_requests(|request| {
            request.topic_arn() == Some(TOPIC) && request.protocol() == Some("email") && request.endpoint() == Some("ops@example.com")
        })
        .then_output(|| SubscribeOutput::builder().build());
    let subscriber = Subscriber { protocol: "email".to_owned(), endpoint: "ops@example.com".to_owned() };
    assert_eq!(topics(&[&subscribe]).subscribe(TOPIC, &subscriber).await, Ok(()));
}
