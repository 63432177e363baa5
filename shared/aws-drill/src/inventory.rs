//! The drill's memory: one item of the ledger table, in a partition that IAM can let the drill alone write (`dynamodb:LeadingKeys`).
//!
//! | attribute | what |
//! |---|---|
//! | `pk`, `sk` | `drill#ALIAS`, `inventory` |
//! | `key_arn`, `created_at` | the key that the drill made, and when |
//! | `creating_since`, `creations` | a key is being made since; how many were begun |
//! | `touched_at` | its deletion was scheduled, or was about to be, and was not seen undone |
//! | `drill`, `attempt`, `began_at`, `lease_until`, `ended_at` | whose turn it is or was |
//!
//! It uses `UpdateItem` alone, and reads what these writes answer. Every write is conditional on whose turn it is.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::SdkConfig;
use jiff::Timestamp;
use reprieve_aws::call_error;
use reprieve_core::drill::DrillAlias;
use reprieve_core::{EventId, KeyArn};
use reprieve_engine::{CallError, DrillInventory, Note, Remembered, Turn};

const CALL: &str = "dynamodb:UpdateItem";
const SORT_KEY: &str = "inventory";

/// One item, by attribute.
type Item = std::collections::HashMap<String, AttributeValue>;

/// The drill's memory in the ledger's DynamoDB table.
#[derive(Debug)]
pub struct DynamoDrillInventory {
    client: Client,
    table: String,
    partition: String,
}

/// A write that either took effect or found that its condition did not hold.
enum Written {
    Done(Item),
    NotSo(Item),
}

impl DynamoDrillInventory {
    /// Makes it, for the drill of this alias.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>, alias: &DrillAlias) -> Self {
        Self::over(Client::new(config), table.into(), alias)
    }

    fn over(client: Client, table: String, alias: &DrillAlias) -> Self {
        Self { client, table, partition: format!("drill#{alias}") }
    }

    fn update(&self, drill: &EventId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&self.partition))
            .key("sk", text(SORT_KEY))
            .expression_attribute_values(":drill", text(drill.as_str()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl DrillInventory for DynamoDrillInventory {
    /// The turn of another drill is over when it ended or its lease did. This drill's own turn is taken up again until it ended: then an
    /// invocation before this one was stopped.
    async fn begin(&self, drill: &EventId, at: Timestamp, until: Timestamp) -> Result<Turn, CallError> {
        let anew = self
            .update(drill)
            .update_expression("SET drill = :drill, attempt = :one, began_at = :at, lease_until = :until REMOVE ended_at")
            .condition_expression("attribute_not_exists(drill) OR (drill <> :drill AND (attribute_exists(ended_at) OR lease_until < :at))")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":until", time(until));
        if let Written::Done(item) = send(anew).await? {
            return granted(&item);
        }
        let again = self
            .update(drill)
            .update_expression("SET attempt = attempt + :one, began_at = :at, lease_until = :until")
            .condition_expression("drill = :drill AND attribute_not_exists(ended_at)")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":at", time(at))
            .expression_attribute_values(":until", time(until));
        match send(again).await? {
            Written::Done(item) => granted(&item),
            Written::NotSo(item) if text_of(&item, "drill") == Some(drill.as_str()) => Ok(Turn::Ended),
            Written::NotSo(item) => {
                let by = text_of(&item, "drill").unwrap_or("(unknown)").to_owned();
                Ok(Turn::Held { by, until: time_of(&item, "lease_until")? })
            }
        }
    }

    async fn note(&self, drill: &EventId, note: Note) -> Result<(), CallError> {
        let update = self.update(drill).condition_expression("drill = :drill AND attribute_not_exists(ended_at)");
        let update = match note {
            Note::Creating { at } => update
                .update_expression("SET creating_since = :at, creations = if_not_exists(creations, :zero) + :one")
                .expression_attribute_values(":at", time(at))
                .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned())),
            Note::Created { key, at } => update
                .update_expression("SET key_arn = :key, created_at = :at REMOVE creating_since")
                .expression_attribute_values(":key", text(key.as_str()))
                .expression_attribute_values(":at", time(at)),
            Note::Touching { at } => update.update_expression("SET touched_at = :at").expression_attribute_values(":at", time(at)),
            Note::Untouched => update.update_expression("REMOVE touched_at"),
            Note::Ended { at } => {
                update.update_expression("SET ended_at = :at, lease_until = :at").expression_attribute_values(":at", time(at))
            }
            Note::Left { at } => update.update_expression("SET lease_until = :at").expression_attribute_values(":at", time(at)),
        };
        match send(update).await? {
            Written::Done(_) => Ok(()),
            Written::NotSo(item) => {
                let by = text_of(&item, "drill").unwrap_or("nobody");
                Err(rejected(format!("the turn of the drill `{drill}` is over; the inventory's last drill is `{by}`")))
            }
        }
    }
}

/// Sends a conditional write. One whose answer was lost and that the SDK sent again finds its own condition broken only in `begin`, which
/// then takes its own turn up again.
async fn send(update: UpdateItemFluentBuilder) -> Result<Written, CallError> {
    match update.send().await {
        Ok(answer) => Ok(Written::Done(answer.attributes.unwrap_or_default())),
        Err(error) => match condition_failed(&error) {
            Some(item) => Ok(Written::NotSo(item)),
            None => Err(call_error(CALL, &error, |_| None)),
        },
    }
}

fn condition_failed(error: &SdkError<UpdateItemError, HttpResponse>) -> Option<Item> {
    if let UpdateItemError::ConditionalCheckFailedException(failed) = error.as_service_error()? {
        return Some(failed.item().cloned().unwrap_or_default());
    }
    None
}

fn granted(item: &Item) -> Result<Turn, CallError> {
    let key = text_of(item, "key_arn").map(KeyArn::parse).transpose().map_err(|error| unreadable("key_arn", &error.to_string()))?;
    let remembered = Remembered {
        key,
        created_at: time_of(item, "created_at")?,
        creating_since: time_of(item, "creating_since")?,
        creations: number_of(item, "creations")?.unwrap_or(0),
        touched_at: time_of(item, "touched_at")?,
    };
    Ok(Turn::Granted { attempt: number_of(item, "attempt")?.unwrap_or(1), remembered })
}

fn text_of<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

fn time_of(item: &Item, attribute: &'static str) -> Result<Option<Timestamp>, CallError> {
    let Some(value) = item.get(attribute) else { return Ok(None) };
    let text = value.as_s().map_err(|_| unreadable(attribute, "it is no string"))?;
    text.parse().map(Some).map_err(|error| unreadable(attribute, &format!("`{text}` is no time: {error}")))
}

fn number_of(item: &Item, attribute: &'static str) -> Result<Option<u32>, CallError> {
    let Some(value) = item.get(attribute) else { return Ok(None) };
    let text = value.as_n().map_err(|_| unreadable(attribute, "it is no number"))?;
    text.parse().map(Some).map_err(|_| unreadable(attribute, &format!("`{text}` is no whole number")))
}

fn unreadable(attribute: &str, what: &str) -> CallError {
    rejected(format!("the attribute `{attribute}` of the drill's item cannot be read: {what}"))
}

const fn rejected(message: String) -> CallError {
    CallError::Rejected { call: CALL, message }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Fixed width, so that it sorts as text.
fn time(at: Timestamp) -> AttributeValue {
    AttributeValue::S(format!("{at:.9}"))
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
