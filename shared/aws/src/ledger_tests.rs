//! The ledger against scripted answers: what each answer to a conditional write means, and what is written on the way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use reprieve_core::{Actor, Plan, Serving, Step, Threat};

use super::*;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn key() -> KeyArn {
    KeyArn::parse(KEY).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ledger(rules: &[&Rule]) -> DynamoLedger {
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, rules, |config| config
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1))));
    DynamoLedger::new(client, "ledger", Duration::from_mins(3))
}

/// A ledger that gives these answers whatever it is asked first: what is recalled is asked for side by side.
fn ledger_in_any_order(rules: &[&Rule]) -> DynamoLedger {
    DynamoLedger::new(mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, rules), "ledger", Duration::from_mins(3))
}

fn asks_for(request: &QueryInput, partition: &str) -> bool {
    request.consistent_read() == Some(true) && request.expression_attribute_values().unwrap()[":pk"] == text(partition)
}

fn intent() -> Intent {
    Intent {
        event_id: EventId::parse("event-1").unwrap(),
        key: Some(key()),
        considering: Plan::new(vec![Step::EnableKey { key: key() }]),
        at: at("2026-01-01T00:00:00Z"),
    }
}

fn case(event: &str) -> Case {
    Case {
        event_id: EventId::parse(event).unwrap(),
        threat: Threat::DeletionScheduled,
        event_time: Some(at("2026-01-01T00:00:00Z")),
        actor: Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() },
        opened_at: at("2026-01-01T00:00:02Z"),
        deadline: Some(at("2026-01-08T00:00:00Z")),
        cancelled_at: None,
        stands: false,
    }
}

fn claim_item(state: &str, holder: &str, attempt: u32) -> Item {
    HashMap::from([("state".to_owned(), text(state)), ("holder".to_owned(), text(holder)), ("attempt".to_owned(), number(attempt))])
}

fn condition_failed_on_update(item: Item) -> UpdateItemError {
    UpdateItemError::ConditionalCheckFailedException(ConditionalCheckFailedException::builder().set_item(Some(item)).build())
}

fn answer(status: u16, code: &str) -> HttpResponse {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"the words of DynamoDB"}}"#);
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

#[tokio::test]
async fn a_granted_claim_carries_its_attempt_and_writes_the_intent() {
    let rule = mock!(Client::update_item)
        .match_requests(|request| {
            let values = request.expression_attribute_values().unwrap();
            request.table_name() == Some("ledger")
                && request.key().unwrap()["pk"] == text("event#event-1")
                && request.key().unwrap()["sk"] == text("claim")
                && values[":lease_until"] == text("2026-01-01T00:03:00.000000000Z")
                && values[":target"] == text(KEY)
                && values[":expires_at"] == AttributeValue::N("1775001600".to_owned())
                && matches!(&values[":considering"], AttributeValue::L(steps) if steps.len() == 1)
        })
        .then_output(|| UpdateItemOutput::builder().attributes("attempt", number(3)).build());
    assert_eq!(ledger(&[&rule]).claim(&intent()).await, Ok(Claim::Granted { attempt: 3 }));
}

#[tokio::test]
async fn a_refused_claim_says_whether_it_is_settled_or_held() {
    for (state, expected) in [(SETTLED, Claim::Settled), (WORKING, Claim::Held), (ENDED_OPEN, Claim::Held)] {
        let rule = mock!(Client::update_item).then_error(move || condition_failed_on_update(claim_item(state, "somebody", 1)));
        assert_eq!(ledger(&[&rule]).claim(&intent()).await, Ok(expected), "{state}");
        assert_eq!(rule.num_calls(), 1, "one round trip");
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_recognised_as_our_own() {
    let lost = mock!(Client::update_item).then_error(|| condition_failed_on_update(claim_item(WORKING, "00000000000000aa-0", 2)));
    let mut ledger = ledger(&[&lost]);
    ledger.process = 0xAA;
    assert_eq!(ledger.claim(&intent()).await, Ok(Claim::Granted { attempt: 2 }));
}

#[tokio::test(start_paused = true)]
async fn two_bad_answers_are_followed_by_a_third_attempt() {
    let rule = mock!(Client::update_item)
        .sequence()
        .http_status(503, None)
        .times(2)
        .output(|| UpdateItemOutput::builder().attributes("attempt", number(1)).build())
        .build();
    assert_eq!(ledger(&[&rule]).claim(&intent()).await, Ok(Claim::Granted { attempt: 1 }));
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn every_error_of_dynamodb_is_sorted() {
    for (status, code, expected) in [
        (400, "ProvisionedThroughputExceededException", "throttled"),
        (400, "RequestLimitExceeded", "throttled"),
        (400, "ThrottlingException", "throttled"),
        (400, "TransactionConflictException", "throttled"),
        (400, "ReplicatedWriteConflictException", "throttled"),
        (500, "InternalServerError", "no usable answer"),
        (503, "ServiceUnavailable", "no usable answer"),
        (400, "AccessDeniedException", "access denied"),
        (400, "UnrecognizedClientException", "access denied"),
        // A missing table is our misconfiguration; it must never read as a missing key.
        (400, "ResourceNotFoundException", "rejected"),
        (400, "ItemCollectionSizeLimitExceededException", "rejected"),
        (400, "ValidationException", "rejected"),
    ] {
        let rule = mock!(Client::query).then_http_response(move || answer(status, code));
        let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
        let error = DynamoLedger::new(client, "ledger", Duration::from_mins(3)).recall(&key()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("dynamodb:Query: {expected}")), "{code}: {error}");
        assert!(error.to_string().contains("the words of DynamoDB"), "{error}");
    }
}

#[tokio::test]
async fn what_was_written_is_recalled_over_all_pages() {
    let sealed = SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z".to_owned(),
        approver: "alice".to_owned(),
        seal: "v1.k.sig".to_owned(),
    };
    let approval = item::of_approval(&key(), &sealed);
    let broken = HashMap::from([("pk".to_owned(), text(KEY)), ("sk".to_owned(), text("approval#CHG-2"))]);
    let inventory = HashMap::from([
        ("pk".to_owned(), text(KEY)),
        ("sk".to_owned(), text("inventory")),
        ("serving".to_owned(), text("Enabled")),
        ("as_of".to_owned(), time(at("2026-01-01T00:00:00.25Z"))),
        ("rotation_enabled".to_owned(), AttributeValue::Bool(true)),
        ("rotation_period_days".to_owned(), number(180)),
    ]);
    let expected = Case { cancelled_at: Some(at("2026-01-01T00:00:03.000000001Z")), deadline: None, ..case("event-1") };
    let case = item::of_case(&key(), &expected).unwrap();
    let first = mock!(Client::query)
        .match_requests(|request| asks_for(request, KEY) && request.exclusive_start_key().is_none())
        .then_output(move || QueryOutput::builder().items(case.clone()).last_evaluated_key("pk", text(KEY)).build());
    let second = mock!(Client::query)
        .match_requests(|request| asks_for(request, KEY) && request.exclusive_start_key().is_some())
        .then_output(move || QueryOutput::builder().items(inventory.clone()).build());
    let approvals = mock!(Client::query)
        .match_requests(|request| asks_for(request, &format!("approval#{KEY}")))
        .then_output(move || QueryOutput::builder().items(approval.clone()).items(broken.clone()).build());
    let known = ledger_in_any_order(&[&first, &second, &approvals]).recall(&key()).await.unwrap();
    assert_eq!(known.approvals, [sealed], "the one that cannot be read counts as none");
    assert_eq!(known.case, Some(expected));
    let inventory = known.inventory.unwrap();
    assert_eq!((inventory.serving, inventory.as_of), (Serving::Enabled, at("2026-01-01T00:00:00.25Z")));
    assert_eq!(inventory.rotation, Some(Rotation { enabled: true, period_days: Some(180) }));
}

/// Threat L4: whatever lies in the table, nothing ends the process, an approval is only what has all five parts, and what is read twice is
/// the same.
#[tokio::test]
async fn no_items_end_the_process() {
    const NAMES: [&str; 20] = [
        "pk",
        "sk",
        "serving",
        "as_of",
        "rotation_enabled",
        "rotation_period_days",
        "open_shard",
        "deadline",
        "event_id",
        "threat",
        "actor",
        "opened_at",
        "cancelled_at",
        "stands",
        "change",
        "action",
        "window",
        "approver",
        "seal",
        "at",
    ];
    const TEXTS: [&str; 12] = [
        KEY,
        "inventory",
        "case",
        "approval#CHG-1#delete#alice",
        "revocation#CHG-1",
        "revocation#",
        "CHG-1",
        "Enabled",
        "open",
        "deletion_scheduled",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
    ];
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..400 {
        let mut items: Vec<Item> = Vec::new();
        for _ in 0..next(4) {
            let mut item = Item::new();
            for _ in 0..next(12) {
                let value = match next(8) {
                    0 => AttributeValue::N(["0", "-1", "1e400", "NaN", ""][next(5)].to_owned()),
                    1 => AttributeValue::Bool(next(2) == 0),
                    2 => AttributeValue::Null(true),
                    3 => AttributeValue::L(vec![text(TEXTS[next(12)])]),
                    4 => AttributeValue::M(HashMap::from([("kind".to_owned(), text(TEXTS[next(12)]))])),
                    _ => text(TEXTS[next(12)]),
                };
                item.insert(NAMES[next(20)].to_owned(), value);
            }
            items.push(item);
        }
        let complete = |item: &Item| {
            ["change", "action", "window", "approver", "seal"].iter().all(|name| item.get(*name).is_some_and(AttributeValue::is_s))
        };
        let most = items.iter().filter(|item| complete(item)).count();
        let answer = mock!(Client::query).then_output(move || QueryOutput::builder().set_items(Some(items.clone())).build());
        let ledger = ledger_in_any_order(&[&answer]);
        let known = ledger.recall(&key()).await;
        assert_eq!(ledger.recall(&key()).await, known);
        if let Ok(known) = known {
            assert!(known.approvals.len() <= most, "{known:?}");
        }
        drop(ledger.open_cases().await);
    }
}

/// Threat L9: who floods what people wrote about a key keeps the guard neither busy nor out of memory. It stops, and approves nothing.
#[tokio::test]
async fn a_flood_of_approvals_is_not_read_to_its_end() {
    // Where a page ends as the one before did, nothing is asked for any more.
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    let page = |items: usize| {
        let item = HashMap::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text("approval#CHG-2"))]);
        let end = format!("approval#{}", PAGE.fetch_add(1, Ordering::Relaxed));
        QueryOutput::builder().set_items(Some(vec![item; items])).last_evaluated_key("sk", text(&end)).build()
    };
    for (items, pages) in [(400, 3), (1, 9)] {
        let own = mock!(Client::query).match_requests(|request| asks_for(request, KEY)).then_output(|| QueryOutput::builder().build());
        let approvals = mock!(Client::query).match_requests(|request| !asks_for(request, KEY)).then_output(move || page(items));
        let error = ledger_in_any_order(&[&own, &approvals]).recall(&key()).await.unwrap_err();
        assert!(matches!(&error, CallError::Rejected { message, .. } if message.contains("somebody floods it")), "{error}");
        assert_eq!(approvals.num_calls(), pages);
    }
}

fn revocation() -> Revocation {
    Revocation { change: "CHG-1".to_owned(), by: "bob".to_owned(), at: at("2026-01-01T00:00:00Z"), reason: Some("not needed".to_owned()) }
}

#[tokio::test]
async fn a_revocation_is_created_and_the_first_word_stays() {
    let created = mock!(Client::put_item)
        .match_requests(|request| {
            let item = request.item().unwrap();
            request.condition_expression() == Some("attribute_not_exists(pk)")
                && item["pk"] == text(format!("approval#{KEY}"))
                && item["sk"] == text("revocation#CHG-1")
                && item["by"] == text("bob")
                && item["at"] == text("2026-01-01T00:00:00.000000000Z")
                && item["reason"] == text("not needed")
        })
        .then_output(|| PutItemOutput::builder().build());
    let there = mock!(Client::put_item)
        .then_error(|| PutItemError::ConditionalCheckFailedException(ConditionalCheckFailedException::builder().build()));
    let denied = mock!(Client::put_item).then_http_response(|| answer(400, "AccessDeniedException"));
    let ledger = ledger(&[&created, &there, &denied]);
    ledger.revoke(&key(), &revocation()).await.unwrap();
    ledger.revoke(&key(), &revocation()).await.unwrap();
    let error = ledger.revoke(&key(), &revocation()).await.unwrap_err();
    assert!(matches!(error, CallError::AccessDenied { .. }), "{error}");
}

/// Whoever may write approvals only must not be able to say how a key is given back.
#[tokio::test]
async fn an_inventory_among_the_approvals_says_nothing() {
    let forged = HashMap::from([
        ("sk".to_owned(), text("inventory")),
        ("serving".to_owned(), text("Disabled")),
        ("as_of".to_owned(), time(at("2026-01-01T00:00:00Z"))),
    ]);
    let own = mock!(Client::query).match_requests(|request| asks_for(request, KEY)).then_output(|| QueryOutput::builder().build());
    let approvals = mock!(Client::query).then_output(move || QueryOutput::builder().items(forged.clone()).build());
    assert_eq!(ledger_in_any_order(&[&own, &approvals]).recall(&key()).await, Ok(Recollection::default()));
}

async fn recalled(item: Item) -> Result<Vec<Revocation>, CallError> {
    let own = mock!(Client::query).match_requests(|request| asks_for(request, KEY)).then_output(|| QueryOutput::builder().build());
    let approvals = mock!(Client::query).then_output(move || QueryOutput::builder().items(item.clone()).build());
    ledger_in_any_order(&[&own, &approvals]).recall(&key()).await.map(|known| known.revocations)
}

#[tokio::test]
async fn a_revocation_is_recalled_as_it_was_written() {
    for reason in [Some("not needed".to_owned()), None] {
        let revocation = Revocation { reason, ..revocation() };
        assert_eq!(recalled(item::of_revocation(&key(), &revocation)).await, Ok(vec![revocation]));
    }
}

#[tokio::test]
async fn a_damaged_revocation_counts() {
    for (attribute, value) in [
        ("change", None),
        ("change", Some(text("CHG-2"))),
        ("by", None),
        ("by", Some(number(7))),
        ("at", None),
        ("at", Some(text("yesterday"))),
    ] {
        let mut item = item::of_revocation(&key(), &revocation());
        item.remove(attribute);
        item.extend(value.map(|value| (attribute.to_owned(), value)));
        let revocations = recalled(item).await.unwrap();
        assert_eq!(revocations.len(), 1, "{attribute}");
        assert_eq!(revocations[0].change, "CHG-1", "{attribute}");
        assert!(revocations[0].reason.as_ref().unwrap().contains(&format!("`{attribute}`")), "{revocations:?}");
    }
}

#[tokio::test]
async fn a_revocation_of_no_known_change_leaves_nothing_known() {
    let mut item = item::of_revocation(&key(), &revocation());
    item.insert("sk".to_owned(), text("revocation#"));
    let error = recalled(item).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { .. }), "{error}");
}

#[tokio::test]
async fn each_approver_has_an_item_for_each_change_and_action() {
    let approval = SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z".to_owned(),
        approver: "alice@example.com".to_owned(),
        seal: "v1.k.sig".to_owned(),
    };
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            let item = request.item().unwrap();
            item["sk"] == text("approval#CHG-1#delete#alice@example.com")
                && !item.contains_key("expires_at")
                && request.condition_expression().is_none()
        })
        .then_output(|| PutItemOutput::builder().build());
    ledger(&[&rule]).approve(&key(), &approval).await.unwrap();
}

#[tokio::test]
async fn an_inventory_that_cannot_be_read_is_an_error_that_names_the_attribute() {
    let rule = mock!(Client::query).then_output(|| {
        let item = HashMap::from([("sk".to_owned(), text("inventory")), ("serving".to_owned(), text("Perhaps"))]);
        QueryOutput::builder().items(item).build()
    });
    let error = ledger_in_any_order(&[&rule]).recall(&key()).await.unwrap_err().to_string();
    assert!(error.contains("`serving` of the ledger item `inventory` cannot be read"), "{error}");
}

#[tokio::test]
async fn the_case_of_the_same_event_keeps_its_earliest_deadline_and_its_cancellation() {
    let open = Case { cancelled_at: Some(at("2026-01-01T00:00:03Z")), ..case("event-1") };
    let held = item::of_case(&key(), &open).unwrap();
    let refused = mock!(Client::put_item).then_error(move || {
        let failed = ConditionalCheckFailedException::builder().set_item(Some(held.clone())).build();
        PutItemError::ConditionalCheckFailedException(failed)
    });
    let merged = item::of_case(&key(), &open).unwrap();
    let written = mock!(Client::put_item)
        .match_requests(move |request| {
            request.item() == Some(&merged) && request.condition_expression().unwrap().contains("cancelled_at = :cancelled_at")
        })
        .then_output(|| PutItemOutput::builder().build());
    let later = Case { deadline: Some(at("2026-02-01T00:00:00Z")), opened_at: at("2026-01-02T00:00:00Z"), ..case("event-1") };
    ledger(&[&refused, &written]).open_case(&key(), &later).await.unwrap();
    assert_eq!((refused.num_calls(), written.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_cancellation_is_noted_in_one_round_trip() {
    let rule = mock!(Client::update_item)
        .match_requests(|request| request.expression_attribute_values().unwrap()[":cancelled_at"] == time(at("2026-01-01T00:00:03Z")))
        .then_output(|| UpdateItemOutput::builder().build());
    let cancelled = Case { cancelled_at: Some(at("2026-01-01T00:00:03Z")), ..case("event-1") };
    ledger(&[&rule]).open_case(&key(), &cancelled).await.unwrap();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_failed_condition_leaves_nothing_to_learn_close_or_release() {
    let failed = || mock!(Client::update_item).then_error(|| condition_failed_on_update(Item::new()));
    let rules = [failed(), failed(), failed()];
    let ledger = ledger(&rules.iter().collect::<Vec<_>>());
    let lesson = Lesson::new(Serving::Disabled, at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    ledger.learn(&key(), lesson, None).await.unwrap();
    ledger.close_case(&key()).await.unwrap();
    ledger.finish(&intent().event_id, Status::Partial, false, at("2026-01-01T00:00:05Z")).await.unwrap();
    assert!(rules.iter().all(|rule| rule.num_calls() == 1));
}

#[tokio::test]
async fn open_cases_are_listed_over_all_pages_and_bad_ones_left_out() {
    let item = item::of_case(&key(), &case("event-1")).unwrap();
    let bad = HashMap::from([("open_shard".to_owned(), text("open")), ("pk".to_owned(), text("no key"))]);
    let first = mock!(Client::query)
        .match_requests(|request| request.index_name() == Some("open-cases") && request.scan_index_forward() == Some(true))
        .then_output(move || QueryOutput::builder().items(bad.clone()).last_evaluated_key("pk", text("x")).build());
    let second = mock!(Client::query).then_output(move || QueryOutput::builder().items(item.clone()).build());
    assert_eq!(ledger(&[&first, &second]).open_cases().await.unwrap(), [(key(), case("event-1"))]);
}

#[test]
fn times_sort_as_text() {
    let mut times = ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2025-12-31T23:59:59.999Z"].map(at);
    times.sort_unstable();
    let texts = times.map(|time| format!("{time:.9}"));
    assert!(texts.is_sorted(), "{texts:?}");
    assert!(texts.iter().all(|text| text.len() == texts[0].len()));
}
