//! The drill's memory against scripted answers of DynamoDB: whose turn it is, what is remembered, and that a lost turn writes nothing.

use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn inventory(rules: &[&Rule]) -> DynamoDrillInventory {
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, rules);
    DynamoDrillInventory::over(client, "ledger".to_owned(), &DrillAlias::parse("alias/reprieve-drill").unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn drill() -> EventId {
    EventId::parse("drill.r-1").unwrap()
}

fn item(attributes: &[(&str, AttributeValue)]) -> Item {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn done(item: Item) -> Rule {
    mock!(Client::update_item).then_output(move || UpdateItemOutput::builder().set_attributes(Some(item.clone())).build())
}

fn not_so(item: Item) -> Rule {
    mock!(Client::update_item).then_error(move || {
        let failed = ConditionalCheckFailedException::builder().set_item(Some(item.clone())).build();
        UpdateItemError::ConditionalCheckFailedException(failed)
    })
}

async fn begin(rules: &[&Rule]) -> Result<Turn, CallError> {
    inventory(rules).begin(&drill(), at("2026-11-20T10:00:00Z"), at("2026-11-20T10:15:00Z")).await
}

#[tokio::test]
async fn the_first_drill_remembers_nothing() {
    let rule = mock!(Client::update_item)
        .match_requests(|request| {
            let key = request.key().unwrap();
            key["pk"] == text("drill#alias/reprieve-drill") && key["sk"] == text("inventory") && request.table_name() == Some("ledger")
        })
        .then_output(|| {
            let item = item(&[("drill", text("drill.r-1")), ("attempt", AttributeValue::N("1".to_owned()))]);
            UpdateItemOutput::builder().set_attributes(Some(item)).build()
        });
    assert_eq!(begin(&[&rule]).await, Ok(Turn::Granted { attempt: 1, remembered: Remembered::default() }));
}

#[tokio::test]
async fn a_later_drill_remembers_the_key_and_what_was_left_undone() {
    let rule = done(item(&[
        ("attempt", AttributeValue::N("1".to_owned())),
        ("key_arn", text(KEY)),
        ("created_at", text("2026-11-01T00:00:00.000000000Z")),
        ("creations", AttributeValue::N("2".to_owned())),
        ("touched_at", text("2026-11-13T10:00:00.000000000Z")),
    ]));
    let Ok(Turn::Granted { remembered, .. }) = begin(&[&rule]).await else { panic!("no turn") };
    let expected = Remembered {
        key: KeyArn::parse(KEY).ok(),
        created_at: Some(at("2026-11-01T00:00:00Z")),
        creating_since: None,
        creations: 2,
        touched_at: Some(at("2026-11-13T10:00:00Z")),
    };
    assert_eq!(remembered, expected);
}

#[tokio::test]
async fn a_turn_of_this_drill_that_did_not_end_is_taken_up_again() {
    let again = done(item(&[("attempt", AttributeValue::N("2".to_owned()))]));
    let turn = begin(&[&not_so(Item::new()), &again]).await;
    assert!(matches!(turn, Ok(Turn::Granted { attempt: 2, .. })), "{turn:?}");
}

#[tokio::test]
async fn another_drills_turn_is_respected_and_an_ended_drill_is_not_held_again() {
    let other = || not_so(item(&[("drill", text("drill.r-0")), ("lease_until", text("2026-11-20T10:05:00.000000000Z"))]));
    let held = Turn::Held { by: "drill.r-0".to_owned(), until: Some(at("2026-11-20T10:05:00Z")) };
    assert_eq!(begin(&[&other(), &other()]).await, Ok(held));
    let ended = || not_so(item(&[("drill", text("drill.r-1")), ("ended_at", text("2026-11-20T09:00:00.000000000Z"))]));
    assert_eq!(begin(&[&ended(), &ended()]).await, Ok(Turn::Ended));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_an_error_and_no_new_drill() {
    for (attribute, value) in [
        ("key_arn", text("alias/reprieve-drill")),
        ("touched_at", text("yesterday")),
        ("creations", text("two")),
        ("created_at", AttributeValue::Bool(true)),
    ] {
        let error = begin(&[&done(item(&[(attribute, value)]))]).await.unwrap_err();
        assert!(error.to_string().contains(&format!("`{attribute}` of the drill's item cannot be read")), "{error}");
    }
}

#[tokio::test]
async fn every_note_is_written_in_ones_own_turn_only() {
    let now = at("2026-11-20T10:00:00Z");
    let key = KeyArn::parse(KEY).unwrap();
    for (note, expression) in [
        (Note::Creating { at: now }, "SET creating_since = :at, creations = if_not_exists(creations, :zero) + :one"),
        (Note::Created { key, at: now }, "SET key_arn = :key, created_at = :at REMOVE creating_since"),
        (Note::Touching { at: now }, "SET touched_at = :at"),
        (Note::Untouched, "REMOVE touched_at"),
        (Note::Ended { at: now }, "SET ended_at = :at, lease_until = :at"),
        (Note::Left { at: now }, "SET lease_until = :at"),
    ] {
        let rule = mock!(Client::update_item)
            .match_requests(move |request| {
                request.update_expression() == Some(expression)
                    && request.condition_expression() == Some("drill = :drill AND attribute_not_exists(ended_at)")
                    && request.expression_attribute_values().is_some_and(|values| values[":drill"] == text("drill.r-1"))
            })
            .then_output(|| UpdateItemOutput::builder().build());
        assert_eq!(inventory(&[&rule]).note(&drill(), note.clone()).await, Ok(()), "{note:?}");
        let error = inventory(&[&not_so(item(&[("drill", text("drill.r-2"))]))]).note(&drill(), note).await.unwrap_err();
        assert!(error.to_string().contains("the turn of the drill `drill.r-1` is over"), "{error}");
    }
}
