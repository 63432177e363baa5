//! The shapes of the ledger's items, to and from attributes that a person can read in the console.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | key ARN | `inventory` | the state to give back: `serving`, `as_of`, `rotation_enabled`, `rotation_period_days` |
//! | key ARN | `case` | the latest case; open while it carries `open_shard`, which puts it into the index `open-cases` |
//! | `approval#KEY-ARN` | `approval#CHANGE#ACTION#APPROVER` | an approval given outside the key, with its seal |
//! | `approval#KEY-ARN` | `revocation#CHANGE` | that a change does not count any more on this key: `by`, `at`, `reason` |
//! | `event#EVENT-ID` | `claim` | who works on an event, and the intent; deleted by TTL |
//!
//! Approvals have a partition of their own, so that IAM (`dynamodb:LeadingKeys`) can let approvers write there and nowhere else: whoever
//! could write a key's inventory could have it given back disabled. Approvals and revocations are evidence, so no TTL deletes them. `#` occurs in no value that can be sealed.
//!
//! Times are ISO 8601 in UTC with nine digits after the second, so that they sort as text.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::Rotation;
use reprieve_core::{Case, EventId, Inventory, KeyArn, Serving};
use reprieve_engine::CallError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One item.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) const INVENTORY: &str = "inventory";
pub(crate) const CASE: &str = "case";
pub(crate) const CLAIM: &str = "claim";
pub(crate) const APPROVAL_PREFIX: &str = "approval#";
pub(crate) const REVOCATION_PREFIX: &str = "revocation#";

/// Who revoked a change, where the item does not say it readably.
const SOMEBODY: &str = "somebody";

/// The one value of `open_shard`. A single index partition carries 1,000 writes a second, two hundred times what can be remedied.
pub(crate) const OPEN: &str = "open";

/// Sorts after every deadline; no timestamp is written so.
const NO_DEADLINE: &str = "9999-12-31T23:59:59.999999999Z";

/// Says which attribute of which item cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the attribute `{attribute}` of the ledger item `{sk}` {what}")]
pub(crate) struct ItemError {
    sk: String,
    attribute: &'static str,
    what: String,
}

impl From<ItemError> for CallError {
    fn from(error: ItemError) -> Self {
        Self::Rejected { call: "dynamodb:Item", message: error.to_string() }
    }
}

/// Reads the attributes of one item.
pub(crate) struct Reader<'a>(pub(crate) &'a Item);

impl<'a> Reader<'a> {
    fn error(&self, attribute: &'static str, what: impl Into<String>) -> ItemError {
        ItemError { sk: self.optional_text("sk").unwrap_or_default().to_owned(), attribute, what: what.into() }
    }

    /// Returns a text, or nothing where it is absent or no text.
    pub(crate) fn optional_text(&self, attribute: &str) -> Option<&'a str> {
        self.0.get(attribute)?.as_s().ok().map(String::as_str)
    }

    fn text(&self, attribute: &'static str) -> Result<&'a str, ItemError> {
        self.optional_text(attribute).ok_or_else(|| self.error(attribute, "is missing or no string"))
    }

    fn optional_time(&self, attribute: &'static str) -> Result<Option<Timestamp>, ItemError> {
        let parse = |text: &str| text.parse().map_err(|error| self.error(attribute, format!("is `{text}`, no time: {error}")));
        self.optional_text(attribute).map(parse).transpose()
    }

    fn time(&self, attribute: &'static str) -> Result<Timestamp, ItemError> {
        self.optional_time(attribute)?.ok_or_else(|| self.error(attribute, "is missing or no string"))
    }

    fn optional_flag(&self, attribute: &str) -> Option<bool> {
        self.0.get(attribute)?.as_bool().ok().copied()
    }

    /// Returns a whole number, or nothing where it is absent or none.
    pub(crate) fn optional_number(&self, attribute: &str) -> Option<u32> {
        self.0.get(attribute)?.as_n().ok()?.parse().ok()
    }

    fn document<T: DeserializeOwned>(&self, attribute: &'static str) -> Result<T, ItemError> {
        let value = self.0.get(attribute).ok_or_else(|| self.error(attribute, "is missing"))?;
        serde_json::from_value(json_of(value)).map_err(|error| self.error(attribute, format!("cannot be read: {error}")))
    }

    /// Reads the state to give back.
    pub(crate) fn inventory(&self) -> Result<Inventory, ItemError> {
        let rotation = self
            .optional_flag("rotation_enabled")
            .map(|enabled| Rotation { enabled, period_days: self.optional_number("rotation_period_days") });
        Ok(Inventory { serving: self.document::<Serving>("serving")?, as_of: self.time("as_of")?, rotation })
    }

    /// Reads the key's case; `None` where it is closed.
    pub(crate) fn open_case(&self) -> Result<Option<Case>, ItemError> {
        if self.optional_text("open_shard").is_none() {
            return Ok(None);
        }
        let deadline = if self.text("deadline")? == NO_DEADLINE { None } else { self.optional_time("deadline")? };
        Ok(Some(Case {
            event_id: EventId::parse(self.text("event_id")?).map_err(|error| self.error("event_id", error.to_string()))?,
            threat: self.document("threat")?,
            event_time: self.optional_time("event_time")?,
            actor: self.document("actor")?,
            opened_at: self.time("opened_at")?,
            deadline,
            cancelled_at: self.optional_time("cancelled_at")?,
            stands: self.optional_flag("stands").unwrap_or_default(),
        }))
    }

    /// Reads the key that the item belongs to.
    pub(crate) fn key(&self) -> Result<KeyArn, ItemError> {
        KeyArn::parse(self.text("pk")?).map_err(|error| self.error("pk", error.to_string()))
    }

    /// Reads an approval.
    pub(crate) fn approval(&self) -> Result<SealedApproval, ItemError> {
        Ok(SealedApproval {
            change: self.text("change")?.to_owned(),
            action: self.text("action")?.to_owned(),
            window: self.text("window")?.to_owned(),
            approver: self.text("approver")?.to_owned(),
            seal: self.text("seal")?.to_owned(),
        })
    }

    /// Reads a revocation.
    pub(crate) fn revocation(&self) -> Result<Revocation, ItemError> {
        let change = self.text("change")?;
        if Some(change) != self.revoked_change() {
            return Err(self.error("change", format!("is `{change}`, another change than the item's")));
        }
        Ok(Revocation {
            change: change.to_owned(),
            by: self.text("by")?.to_owned(),
            at: self.time("at")?,
            reason: self.optional_text("reason").map(str::to_owned),
        })
    }

    /// Reads which change a revocation is of that cannot be read otherwise; `None` where not even that can be read. It may be
    /// damaged, but somebody wrote it in order to revoke.
    pub(crate) fn damaged_revocation(&self, why: &ItemError) -> Option<Revocation> {
        Some(Revocation {
            change: self.revoked_change()?.to_owned(),
            by: self.optional_text("by").unwrap_or(SOMEBODY).to_owned(),
            at: self.optional_time("at").ok().flatten().unwrap_or(Timestamp::UNIX_EPOCH),
            reason: Some(format!("the revocation cannot be read and counts nevertheless: {why}")),
        })
    }

    fn revoked_change(&self) -> Option<&'a str> {
        self.optional_text("sk")?.strip_prefix(REVOCATION_PREFIX).filter(|change| !change.is_empty())
    }
}

/// Writes an open case. Absent values are left out, but for the deadline, by which the index sorts.
///
/// # Errors
/// When the actor or threat has no JSON form, which they always have.
pub(crate) fn of_case(key: &KeyArn, case: &Case) -> Result<Item, serde_json::Error> {
    let mut item = Item::from([
        ("pk".to_owned(), text(key.as_str())),
        ("sk".to_owned(), text(CASE)),
        ("open_shard".to_owned(), text(OPEN)),
        ("deadline".to_owned(), deadline(case)),
        ("event_id".to_owned(), text(case.event_id.as_str())),
        ("threat".to_owned(), document(&case.threat)?),
        ("actor".to_owned(), document(&case.actor)?),
        ("opened_at".to_owned(), time(case.opened_at)),
        ("stands".to_owned(), AttributeValue::Bool(case.stands)),
    ]);
    item.extend(case.event_time.map(|at| ("event_time".to_owned(), time(at))));
    item.extend(case.cancelled_at.map(|at| ("cancelled_at".to_owned(), time(at))));
    Ok(item)
}

/// Writes a case's deadline; one that is not known sorts last.
pub(crate) fn deadline(case: &Case) -> AttributeValue {
    case.deadline.map_or_else(|| text(NO_DEADLINE), time)
}

/// Writes an approval.
pub(crate) fn of_approval(key: &KeyArn, approval: &SealedApproval) -> Item {
    let SealedApproval { change, action, window, approver, seal } = approval;
    let sk = format!("{APPROVAL_PREFIX}{change}#{action}#{approver}");
    let pk = approval_partition_name(key);
    [("pk", pk.as_str()), ("sk", &sk), ("change", change), ("action", action), ("window", window), ("approver", approver), ("seal", seal)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

/// Writes a revocation.
pub(crate) fn of_revocation(key: &KeyArn, revocation: &Revocation) -> Item {
    let Revocation { change, by, at, reason } = revocation;
    let mut item = Item::from([
        ("pk".to_owned(), approval_partition(key)),
        ("sk".to_owned(), text(format!("{REVOCATION_PREFIX}{change}"))),
        ("change".to_owned(), text(change)),
        ("by".to_owned(), text(by)),
        ("at".to_owned(), time(*at)),
    ]);
    item.extend(reason.as_ref().map(|reason| ("reason".to_owned(), text(reason))));
    item
}

/// The partition of what people wrote about a key: approvals and revocations.
pub(crate) fn approval_partition(key: &KeyArn) -> AttributeValue {
    text(approval_partition_name(key))
}

fn approval_partition_name(key: &KeyArn) -> String {
    format!("{APPROVAL_PREFIX}{key}")
}

/// A string attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A time attribute: fixed width, so that it sorts as text.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    text(format!("{at:.9}"))
}

/// The partition of an event's claim.
pub(crate) fn event_partition(event_id: &EventId) -> AttributeValue {
    text(format!("event#{event_id}"))
}

/// Anything with a JSON form, as typed attributes.
///
/// # Errors
/// When it has no JSON form.
pub(crate) fn document(value: &impl Serialize) -> Result<AttributeValue, serde_json::Error> {
    serde_json::to_value(value).map(attribute_of)
}

fn attribute_of(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(attribute_of).collect()),
        Value::Object(fields) => AttributeValue::M(fields.into_iter().map(|(name, value)| (name, attribute_of(value))).collect()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "binary and set attributes are never written here, and have no JSON form")]
fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::N(number) => number.parse().map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::L(values) => Value::Array(values.iter().map(json_of).collect()),
        AttributeValue::M(fields) => Value::Object(fields.iter().map(|(name, value)| (name.clone(), json_of(value))).collect()),
        _ => Value::Null,
    }
}
