//! Events of Azure: which function would look at what, and, where facts are given, what it would decide. Nothing is looked up.

mod facts;
mod json;
mod text;

use reprieve_core::azure::event::{Reach, reach};
use reprieve_core::azure::{Function, Subject, decide, plan};
use reprieve_core::{Decision, Event};
use reprieve_wire::WireError;
use reprieve_wire::azure::{Parsed, parse_all, unpack};
use serde_json::{Deserializer, Value};

pub(super) use self::facts::AzureFacts;
pub(super) use self::json::print as print_json;
pub(super) use self::text::{print, print_one_line};
use super::{Explanation, Item, Judge};

/// An event and what comes of it.
#[derive(Debug)]
pub(crate) struct AzureExplanation {
    pub(super) line: usize,
    /// Where it stands in the value that begins on that line: `[2].records[0]`; empty where it is the value.
    pub(super) at: String,
    pub(super) event: Box<Event>,
    /// What would be looked at.
    pub(super) looks: Vec<Look>,
    /// What is decided where the facts are known.
    pub(super) judged: Vec<(Subject, Explanation)>,
}

/// What a function would look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// One subject.
    One(Subject),
    /// Every subject that it answers for.
    All(Function),
}

impl Look {
    pub(super) const fn function(&self) -> Function {
        match self {
            Self::One(subject) => subject.function(),
            Self::All(function) => *function,
        }
    }
}

/// A JSON value of the input, or a line that is none, and the line on which it begins.
pub(super) type Numbered = (usize, Result<Value, WireError>);

/// Reads the values of a text of Azure's events: one, an array, or one a line. `None` where it is of something else.
pub(super) fn values(text: &str) -> Option<Vec<Numbered>> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    let mut values = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        line += newlines(rest, rest.len() - trimmed.len());
        if trimmed.is_empty() {
            return is_azure(&values).then_some(values);
        }
        let mut stream = Deserializer::from_str(trimmed).into_iter::<Value>();
        let (value, consumed) = match stream.next() {
            Some(Ok(value)) => (Ok(value), stream.byte_offset()),
            Some(Err(error)) => {
                let end = trimmed.find('\n').map_or(trimmed.len(), |end| end + 1);
                let input: String = trimmed.lines().next().unwrap_or_default().chars().take(80).collect();
                (Err(WireError::NotJson { input, why: error.to_string() }), end)
            }
            None => (Err(WireError::NotJson { input: String::new(), why: "there is no value".to_owned() }), trimmed.len()),
        };
        values.push((line, value));
        line += newlines(trimmed, consumed);
        rest = trimmed.get(consumed..).unwrap_or_default();
    }
}

fn newlines(text: &str, bytes: usize) -> usize {
    text.as_bytes().iter().take(bytes).filter(|byte| **byte == b'\n').count()
}

/// The first item that can be read tells: a file holds the events of one cloud.
fn is_azure(values: &[Numbered]) -> bool {
    let items = values.iter().filter_map(|(_, value)| value.as_ref().ok()).flat_map(|value| unpack(value, ""));
    let mut objects = items.filter_map(|unpacked| unpacked.item.ok()).filter(Value::is_object);
    objects.next().is_some_and(|item| {
        let is_provider = |name: &str| item.get(name).and_then(Value::as_str).is_some_and(|text| text.starts_with("Microsoft."));
        item.get("operationName").is_some() || is_provider("eventType") || is_provider("type")
    })
}

/// Explains every event of the values.
pub(super) fn explain(values: Vec<Numbered>, facts: &AzureFacts, judge: &Judge) -> Vec<Item> {
    let mut items = Vec::new();
    for (line, value) in values {
        match value {
            Err(error) => items.push(Item::Error { line, error }),
            Ok(value) => items.extend(parse_all(&value).into_iter().map(|Parsed { at, event, .. }| match event {
                Ok(event) => Item::Azure(Box::new(of_event((line, at), event, facts, judge))),
                Err(error) => Item::Error { line, error },
            })),
        }
    }
    items
}

fn of_event((line, at): (usize, String), event: Event, facts: &AzureFacts, judge: &Judge) -> AzureExplanation {
    let looks: Vec<Look> = Function::ALL
        .into_iter()
        .filter_map(|function| match reach(&event, function) {
            Reach::Nothing => None,
            Reach::One(subject) => Some(Look::One(subject)),
            Reach::All => Some(Look::All(function)),
        })
        .collect();
    let subjects = looks.iter().filter_map(|look| match look {
        Look::One(subject) => Some(subject),
        Look::All(_) => None,
    });
    let judged = subjects.filter_map(|subject| {
        let decision = judged(&event, subject, facts, judge)?;
        Some((subject.clone(), Explanation { line, event: Box::new(event.clone()), threat: None, decision, assumed: None }))
    });
    AzureExplanation { line, at, judged: judged.collect(), looks, event: Box::new(event) }
}

/// What is decided about a subject; `None` where nothing is known of it.
fn judged(event: &Event, subject: &Subject, facts: &AzureFacts, judge: &Judge) -> Option<Decision> {
    let Some(known) = facts.of(subject) else {
        // A call that was refused needs no facts.
        return decide::triage(event, subject, &facts::usual(subject));
    };
    let situation = decide::Situation {
        world: &known.world,
        memory: &known.memory,
        policy: &judge.policy,
        rules: &judge.rules,
        desired: &known.desired,
        own_principal: None,
        now: judge.now,
    };
    let plan = plan(subject, &known.world, &known.memory, &known.desired);
    Some(decide::decide(event, subject, &plan, &situation))
}
