//! The ledger on DynamoDB: one table, two partitions a key, one an event. Every write is conditional on what must not be lost.
//!
//! It uses `PutItem`, `UpdateItem` and `Query`: it scans nothing and deletes nothing. The shapes of the items are in [`item`].

pub(crate) mod item;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::try_join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Recollection, Rotation};
use reprieve_core::lesson::Lesson;
use reprieve_core::{Case, EventId, KeyArn, Status};
use reprieve_engine::{CallError, Claim, Intent, Ledger};

use self::item::{Item, Reader, document, event_partition, number, text, time};
use crate::error::{call_error, no_own_codes};

/// The index that lists open cases by deadline.
const OPEN_CASES_INDEX: &str = "open-cases";

/// How long a claim is remembered. EventBridge retries for a day and queues keep messages for up to 14; replays come later.
const CLAIM_DAYS: i64 = 90;

/// How often a renewed case is merged again because somebody else wrote it in between.
const MERGE_ATTEMPTS: usize = 4;

/// How many items one partition may have: what is remembered of a key, or what people wrote about it. More is somebody who floods the ledger.
const MOST_ITEMS: usize = 1_000;

/// How many pages, of a megabyte each, they may fill.
const MOST_PAGES: usize = 8;

/// What a claim says where the event names no key.
const NO_KEY: &str = "(no key)";

/// How far a claim's work has come: its `state`.
const WORKING: &str = "working";
const ENDED_OPEN: &str = "open";
const SETTLED: &str = "settled";

/// The ledger in a DynamoDB table.
#[derive(Debug)]
pub struct DynamoLedger {
    client: Client,
    table: String,
    lease: SignedDuration,
    /// Distinguishes this process from all others.
    process: u64,
    /// Distinguishes the claims of this process.
    claims: AtomicU64,
}

impl DynamoLedger {
    /// Makes the ledger. A claim whose holder is silent for longer than `lease` is granted to the next who asks; it must be longer
    /// than the function may run.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, lease: Duration) -> Self {
        let lease = SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX);
        Self { client, table: table.into(), lease, process: RandomState::new().hash_one(()), claims: AtomicU64::new(0) }
    }

    async fn partition(&self, pk: AttributeValue) -> Result<Vec<Item>, CallError> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", pk);
        let mut pages = query.into_paginator().send();
        let (mut items, mut read) = (Vec::new(), 0);
        while let Some(page) = pages.try_next().await.map_err(sorted(QUERY))? {
            items.extend(page.items.unwrap_or_default());
            read += 1;
            if items.len() > MOST_ITEMS || read > MOST_PAGES {
                let message = format!(
                    "the ledger holds more than {MOST_ITEMS} items, or {MOST_PAGES} MB, about one key: somebody floods it, and nothing in it counts for that key until they are removed"
                );
                return Err(CallError::Rejected { call: QUERY, message });
            }
        }
        Ok(items)
    }

    fn update(&self, pk: AttributeValue, sk: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", text(sk))
    }

    /// Notes the cancellation in the open case of the same event, whose deadline is no later than this one. Returns the case in the
    /// table where that is not so.
    async fn note_cancellation(&self, key: &KeyArn, case: &Case, cancelled_at: Timestamp) -> Result<Result<(), Option<Item>>, CallError> {
        let update = self
            .update(text(key.as_str()), item::CASE)
            .update_expression("SET cancelled_at = :cancelled_at, stands = :stands")
            .condition_expression("attribute_exists(open_shard) AND event_id = :event_id AND deadline <= :deadline")
            .expression_attribute_values(":cancelled_at", time(cancelled_at))
            .expression_attribute_values(":stands", AttributeValue::Bool(case.stands))
            .expression_attribute_values(":event_id", text(case.event_id.as_str()))
            .expression_attribute_values(":deadline", item::deadline(case))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match condition_failed(&error) {
                Some(failed) => Ok(Err(failed.item().cloned())),
                None => Err(sorted(UPDATE)(error)),
            },
        }
    }

    /// Writes the case where the guard holds. Returns the case in the table otherwise.
    async fn put_case(&self, item: Item, guard: CaseGuard<'_>) -> Result<Result<(), Option<Item>>, CallError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).condition_expression(guard.expression());
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = guard.values().into_iter().fold(put, |put, (name, value)| put.expression_attribute_values(name, value));
        match put.send().await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
                _ => Err(sorted(PUT)(error)),
            },
        }
    }
}

const PUT: &str = "dynamodb:PutItem";
const UPDATE: &str = "dynamodb:UpdateItem";
const QUERY: &str = "dynamodb:Query";

/// What must hold of the case in the table for ours to replace it.
enum CaseGuard<'a> {
    /// There is none, it is closed, or it is another event's.
    NoneOf(&'a EventId),
    /// It is the one that was seen.
    Unchanged(&'a Item),
}

impl CaseGuard<'_> {
    fn expression(&self) -> &'static str {
        match self {
            Self::NoneOf(_) => "attribute_not_exists(open_shard) OR event_id <> :event_id",
            Self::Unchanged(seen) if seen.contains_key("cancelled_at") => {
                "event_id = :event_id AND deadline = :deadline AND cancelled_at = :cancelled_at"
            }
            Self::Unchanged(_) => "event_id = :event_id AND deadline = :deadline AND attribute_not_exists(cancelled_at)",
        }
    }

    fn values(&self) -> Vec<(String, AttributeValue)> {
        match self {
            Self::NoneOf(event_id) => vec![(":event_id".to_owned(), text(event_id.as_str()))],
            Self::Unchanged(seen) => {
                let names = ["event_id", "deadline", "cancelled_at"];
                names.iter().filter_map(|name| Some((format!(":{name}"), seen.get(*name)?.clone()))).collect()
            }
        }
    }
}

impl Ledger for DynamoLedger {
    /// Both partitions of the key, side by side.
    async fn recall(&self, key: &KeyArn) -> Result<Recollection, CallError> {
        let (own, approvals) = try_join!(self.partition(text(key.as_str())), self.partition(item::approval_partition(key)))?;
        let mut known = Recollection::default();
        for item in &own {
            let reader = Reader(item);
            match reader.optional_text("sk").unwrap_or_default() {
                item::INVENTORY => known.inventory = Some(reader.inventory()?),
                item::CASE => known.case = reader.open_case()?,
                _ => {}
            }
        }
        for item in &approvals {
            let reader = Reader(item);
            match reader.optional_text("sk").unwrap_or_default() {
                sk if sk.starts_with(item::APPROVAL_PREFIX) => match reader.approval() {
                    Ok(approval) => known.approvals.push(approval),
                    // One that cannot be read counts as none; the others may still hold.
                    Err(error) => tracing::warn!(%key, %error, "an approval in the ledger cannot be read and counts as none"),
                },
                sk if sk.starts_with(item::REVOCATION_PREFIX) => known.revocations.push(revocation(&reader, key)?),
                _ => {}
            }
        }
        Ok(known)
    }

    /// One conditional write. The token tells our own claim, written by a request whose answer was lost, from somebody else's.
    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        let holder = format!("{:016x}-{}", self.process, self.claims.fetch_add(1, Ordering::Relaxed));
        let lease_until = intent.at.checked_add(self.lease).unwrap_or(Timestamp::MAX);
        let plan = document(&intent.considering).map_err(|error| unreadable(error.to_string()))?;
        let answer = self
            .update(event_partition(&intent.event_id), item::CLAIM)
            .update_expression(
                "SET #state = :working, attempt = if_not_exists(attempt, :zero) + :one, holder = :holder, lease_until = :lease_until, \
                 considering = :considering, target = :target, claimed_at = :now, expires_at = :expires_at REMOVE outcome, finished_at",
            )
            .condition_expression("attribute_not_exists(pk) OR #state = :open OR (#state = :working AND lease_until < :now)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":working", text(WORKING))
            .expression_attribute_values(":open", text(ENDED_OPEN))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":holder", text(&holder))
            .expression_attribute_values(":lease_until", time(lease_until))
            .expression_attribute_values(":considering", plan)
            .expression_attribute_values(":target", text(intent.key.as_ref().map_or(NO_KEY, KeyArn::as_str)))
            .expression_attribute_values(":now", time(intent.at))
            .expression_attribute_values(":expires_at", number(expiry(intent.at)))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => granted(answer.attributes()),
            Err(error) => match condition_failed(&error) {
                Some(failed) => refused(failed.item(), &holder),
                None => Err(sorted(UPDATE)(error)),
            },
        }
    }

    /// A claim that was settled stays so, whoever else ends his open.
    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, at: Timestamp) -> Result<(), CallError> {
        let outcome = document(&status).map_err(|error| unreadable(error.to_string()))?;
        let update = self
            .update(event_partition(event_id), item::CLAIM)
            .update_expression(
                "SET #state = :state, outcome = :outcome, finished_at = :at, expires_at = :expires_at REMOVE lease_until, holder",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(if settled { SETTLED } else { ENDED_OPEN }))
            .expression_attribute_values(":outcome", outcome)
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":expires_at", number(expiry(at)));
        let update = if settled {
            update
        } else {
            update
                .condition_expression("attribute_not_exists(pk) OR #state <> :settled")
                .expression_attribute_values(":settled", text(SETTLED))
        };
        unless_condition_failed(update.send().await.map(drop))
    }

    /// A case of another event, or after a closed one, begins anew. The case of the same event keeps its earliest deadline, when it
    /// was opened, and that it was cancelled.
    async fn open_case(&self, key: &KeyArn, case: &Case) -> Result<(), CallError> {
        let item = |case: &Case| item::of_case(key, case).map_err(|error| unreadable(error.to_string()));
        // One round trip for the two usual cases: the first word of an event, and that its deletion was cancelled.
        let first = match case.cancelled_at {
            Some(cancelled_at) => self.note_cancellation(key, case, cancelled_at).await?,
            None => self.put_case(item(case)?, CaseGuard::NoneOf(&case.event_id)).await?,
        };
        let Err(mut held) = first else { return Ok(()) };
        for _ in 0..MERGE_ATTEMPTS {
            let open = held.as_ref().map(|held| Reader(held).open_case()).transpose()?.flatten();
            let same = open.filter(|open| open.event_id == case.event_id).zip(held.as_ref());
            let written = match same {
                Some((open, seen)) => self.put_case(item(&merged(&open, case))?, CaseGuard::Unchanged(seen)).await?,
                None => self.put_case(item(case)?, CaseGuard::NoneOf(&case.event_id)).await?,
            };
            match written {
                Ok(()) => return Ok(()),
                Err(now_held) => held = now_held,
            }
        }
        Err(CallError::Throttled { call: PUT, message: format!("the case of `{key}` is being written by others at the same time") })
    }

    /// A closed case leaves the index and stays in the table, as the key's latest.
    async fn close_case(&self, key: &KeyArn) -> Result<(), CallError> {
        let update = self.update(text(key.as_str()), item::CASE);
        let update = update.update_expression("REMOVE open_shard").condition_expression("attribute_exists(open_shard)");
        unless_condition_failed(update.send().await.map(drop))
    }

    async fn learn(&self, key: &KeyArn, lesson: Lesson, rotation: Option<Rotation>) -> Result<(), CallError> {
        let serving = document(&lesson.serving).map_err(|error| unreadable(error.to_string()))?;
        let mut set = "SET serving = :serving, as_of = :as_of".to_owned();
        let mut remove = "";
        let mut update = self
            .update(text(key.as_str()), item::INVENTORY)
            // A memory that is dated ahead, by forgery or a wrong clock, gives way: see `Lesson::replaces`.
            .condition_expression("attribute_not_exists(as_of) OR as_of <= :as_of OR as_of > :latest_believed")
            .expression_attribute_values(":latest_believed", time(lesson.latest_believed()))
            .expression_attribute_values(":serving", serving)
            .expression_attribute_values(":as_of", time(lesson.as_of));
        if let Some(rotation) = rotation {
            set.push_str(", rotation_enabled = :rotates");
            update = update.expression_attribute_values(":rotates", AttributeValue::Bool(rotation.enabled));
            match rotation.period_days {
                Some(days) => {
                    set.push_str(", rotation_period_days = :days");
                    update = update.expression_attribute_values(":days", number(days));
                }
                None => remove = " REMOVE rotation_period_days",
            }
        }
        unless_condition_failed(update.update_expression(set + remove).send().await.map(drop))
    }

    async fn open_cases(&self) -> Result<Vec<(KeyArn, Case)>, CallError> {
        let query = self.client.query().table_name(&self.table).index_name(OPEN_CASES_INDEX);
        let query = query.key_condition_expression("open_shard = :open").expression_attribute_values(":open", text(item::OPEN));
        let mut items = query.scan_index_forward(true).into_paginator().items().send();
        let mut cases = Vec::new();
        while let Some(item) = items.try_next().await.map_err(sorted(QUERY))? {
            let reader = Reader(&item);
            match reader.key().and_then(|key| Ok(reader.open_case()?.map(|case| (key, case)))) {
                Ok(case) => cases.extend(case),
                // One bad item must not hide the others from the sweep, which looks at every key anyway.
                Err(error) => tracing::warn!(%error, "an open case in the ledger cannot be read and is left out"),
            }
        }
        Ok(cases)
    }

    async fn approve(&self, key: &KeyArn, approval: &SealedApproval) -> Result<(), CallError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item::of_approval(key, approval)));
        put.send().await.map(drop).map_err(sorted(PUT))
    }

    /// Create-only: where the change is revoked already, nothing is left to do.
    async fn revoke(&self, key: &KeyArn, revocation: &Revocation) -> Result<(), CallError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item::of_revocation(key, revocation)));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(sorted(PUT)(error)),
            },
        }
    }
}

/// Reads a revocation. A damaged one counts; one that does not even name its change could be of any, so the whole recollection is
/// unreadable with it.
fn revocation(reader: &Reader<'_>, key: &KeyArn) -> Result<Revocation, CallError> {
    reader.revocation().or_else(|error| {
        tracing::warn!(%key, %error, "a revocation in the ledger cannot be read and counts nevertheless");
        reader.damaged_revocation(&error).ok_or_else(|| error.into())
    })
}

/// The case of one event, told twice.
fn merged(open: &Case, renewed: &Case) -> Case {
    Case {
        opened_at: open.opened_at.min(renewed.opened_at),
        deadline: [open.deadline, renewed.deadline].into_iter().flatten().min(),
        cancelled_at: renewed.cancelled_at.or(open.cancelled_at),
        ..renewed.clone()
    }
}

/// What the claim in the table means to one who did not get it, or was not told that he did.
fn refused(item: Option<&Item>, holder: &str) -> Result<Claim, CallError> {
    let attribute = |name| item.and_then(|item| Reader(item).optional_text(name));
    match (attribute("state"), attribute("holder")) {
        (Some(SETTLED), _) => Ok(Claim::Settled),
        (Some(WORKING), Some(of_table)) if of_table == holder => granted(item),
        _ => Ok(Claim::Held),
    }
}

fn granted(item: Option<&Item>) -> Result<Claim, CallError> {
    let attempt = item.and_then(|item| Reader(item).optional_number("attempt"));
    attempt.map(|attempt| Claim::Granted { attempt }).ok_or_else(|| unreadable("the claim has no `attempt`"))
}

fn expiry(at: Timestamp) -> i64 {
    at.as_second().saturating_add(CLAIM_DAYS * 24 * 60 * 60)
}

/// The failed condition, where the failure is one. It holds the item that was checked.
fn condition_failed(error: &SdkError<UpdateItemError, HttpResponse>) -> Option<&ConditionalCheckFailedException> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Some(failed),
        _ => None,
    }
}

/// For writes whose failed condition says that nothing is left to do.
fn unless_condition_failed(answer: Result<(), SdkError<UpdateItemError, HttpResponse>>) -> Result<(), CallError> {
    match answer {
        Err(error) if condition_failed(&error).is_some() => Ok(()),
        other => other.map_err(sorted(UPDATE)),
    }
}

fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| call_error(call, &error, no_own_codes)
}

fn unreadable(what: impl Into<String>) -> CallError {
    CallError::Rejected { call: "dynamodb:Item", message: what.into() }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
