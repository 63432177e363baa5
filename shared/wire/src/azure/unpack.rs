//! Takes an input apart into items: lists within lists, `{"records":[...]}`, the pages of a listing, and any of them written as a
//! JSON text, once or twice over. What it must not do: judge an item, or let one that is broken lose the others.
//!
//! What serde does not read as a whole, such as a list with something in it that is nested too deep, is read part by part. A part that
//! cannot be read stands in the place of its value as its own text, which comes to the same fault, alone. Parts are told apart by
//! [`RawValue`], which skips over them without a recursion: the stack does not grow with what somebody nests.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{WireError, shorten};

/// How deep lists, records and texts may stand in one another. Event Grid and Event Hubs need five.
const DEEPEST: usize = 12;
/// The longest text that is read as JSON, in bytes: the largest message of a dedicated Event Hubs cluster.
const LONGEST_TEXT_BYTES: usize = 20 * 1024 * 1024;
/// The most items of one input.
const MOST_ITEMS: usize = 20_000;

/// The fields of which an item has at least one: an object with them is no container, whatever else it holds.
const OF_ITEMS: [&str; 6] = ["eventType", "specversion", "operationName", "authorization", "eventTimestamp", "IsPastDue"];

/// One item, or what stands where one should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Where it stands, as a path into the input.
    pub at: String,
    /// The item, or why there is none.
    pub item: Result<Value, WireError>,
    /// What stands there.
    pub input: Value,
}

/// Takes a value that stands at `at` apart, in its order.
#[must_use]
pub fn unpack(value: &Value, at: &str) -> Vec<Unpacked> {
    let mut items = Items(Vec::new());
    items.add(value, at, 0);
    items.0
}

struct Items(Vec<Unpacked>);

impl Items {
    fn add(&mut self, value: &Value, at: &str, depth: usize) {
        if self.0.len() > MOST_ITEMS {
            return;
        }
        if self.0.len() == MOST_ITEMS {
            return self.refuse(value, at, "at most 20000 events at once; the rest is not read");
        }
        if depth > DEEPEST {
            return self.refuse(value, at, "lists, records and JSON texts at most 12 deep");
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(item, &format!("{at}[{index}]"), depth + 1);
                }
            }
            Value::String(text) => self.add_text(text, value, at, depth),
            Value::Object(_) => match contents(value) {
                Some((name, inner)) => self.add(inner, &join(at, name), depth + 1),
                None => self.0.push(Unpacked { at: at.to_owned(), item: Ok(value.clone()), input: value.clone() }),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.0.push(Unpacked { at: at.to_owned(), item: Ok(value.clone()), input: value.clone() });
            }
        }
    }

    fn add_text(&mut self, text: &str, value: &Value, at: &str, depth: usize) {
        if text.len() > LONGEST_TEXT_BYTES {
            return self.refuse(value, at, "a JSON text of at most 20 MiB");
        }
        match read(text.trim_start_matches('\u{feff}')) {
            Ok(inner) => self.add(&inner, at, depth + 1),
            Err(source) => {
                let item = Err(WireError::not_json(text, &source));
                self.0.push(Unpacked { at: at.to_owned(), item, input: value.clone() });
            }
        }
    }

    fn refuse(&mut self, value: &Value, at: &str, expected: &'static str) {
        let item = Err(WireError::Container { expected, input: shorten(at) });
        self.0.push(Unpacked { at: at.to_owned(), item, input: value.clone() });
    }
}

/// Reads a JSON text, where it must be part by part.
fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| read_parts(text).ok_or(error))
}

/// Reads each part of a list or a container by itself. `None` for anything else: a part of an item stands for nothing.
fn read_parts(text: &str) -> Option<Value> {
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        return Some(Value::Array(items.into_iter().map(read_or_keep).collect()));
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let object = read_fields(fields);
    contents(&object).is_some().then_some(object)
}

/// Reads each named part by itself.
pub(super) fn read_fields(fields: BTreeMap<String, &RawValue>) -> Value {
    Value::Object(fields.into_iter().map(|(name, part)| (name, read_or_keep(part))).collect())
}

/// Reads a part, or keeps it as the text that it came as.
fn read_or_keep(part: &RawValue) -> Value {
    serde_json::from_str(part.get()).unwrap_or_else(|_| Value::from(part.get()))
}

/// Returns what a container holds: the records of a log, the page of a listing.
fn contents(value: &Value) -> Option<(&'static str, &Value)> {
    let object = value.as_object()?;
    let is_item = OF_ITEMS.iter().any(|name| object.contains_key(*name));
    if is_item {
        return None;
    }
    ["records", "Records", "value"].into_iter().find_map(|name| {
        let inner = object.get(name)?;
        (inner.is_array() || inner.is_string()).then_some((name, inner))
    })
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
