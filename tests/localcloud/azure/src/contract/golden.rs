//! Compares the requests of an exchange with those that Microsoft's own clients were recorded to send for the same operation.
//!
//! The recording is not part of this repository: it lies with the published contracts. Must not judge answers, nor API versions:
//! the contract does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{is_continuation, split};
use crate::exchange::Exchange;

/// The recording's name in the folder of contracts.
const FILE: &str = "golden-requests.jsonl";

/// Says why the recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is not a recorded request.
    #[error("line {line} of `{}` is not a recorded request", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// One recorded request.
#[derive(Debug, Clone, Deserialize)]
struct Recorded {
    name: String,
    method: String,
    path: String,
    body: Option<Value>,
}

/// The recording: for every operation what Microsoft's clients sent for it.
#[derive(Debug)]
pub struct Golden {
    by_operation: BTreeMap<String, Vec<Recorded>>,
}

/// How a request compares with the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The operation was not recorded.
    NotRecorded,
    /// The request has the structure of the recorded one.
    Same {
        /// The recorded request's name.
        name: String,
        /// What the recorded request sends and this one leaves out: no fault, as a patch may be smaller.
        left_out: Vec<String>,
    },
    /// The request differs.
    Different {
        /// The recorded request's name.
        name: String,
        /// How.
        differences: Vec<String>,
    },
}

impl Golden {
    /// Reads the recording in the folder of contracts.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or a line is no recorded request.
    pub fn load(folder: &Path) -> Result<Self, GoldenError> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| GoldenError::File { path: path.clone(), source })?;
        let mut by_operation: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let recorded: Recorded =
                serde_json::from_str(line).map_err(|source| GoldenError::Line { path: path.clone(), line: index + 1, source })?;
            by_operation.entry(operation(&recorded.method, split(&recorded.path).0)).or_default().push(recorded);
        }
        // A line without body stands beside one with it where the body was recorded later: the fuller line counts.
        for same in by_operation.values_mut() {
            if same.iter().any(|recorded| recorded.body.is_some()) {
                same.retain(|recorded| recorded.body.is_some());
            }
        }
        Ok(Self { by_operation })
    }

    /// Returns how many operations were recorded.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.by_operation.len()
    }

    /// Compares a request with those recorded for the same operation; the closest counts.
    #[must_use]
    pub fn compare(&self, exchange: &Exchange) -> Comparison {
        let (path, query) = split(&exchange.path_and_query);
        let Some(recorded) = self.by_operation.get(&operation(&exchange.method, path)) else {
            return Comparison::NotRecorded;
        };
        let body: Option<Value> = serde_json::from_slice(&exchange.request_body).ok();
        let compared = recorded.iter().map(|recorded| (recorded, Differences::between(recorded, &query, body.as_ref())));
        match compared.min_by_key(|(_, differences)| (differences.broken.len(), differences.left_out.len())) {
            None => Comparison::NotRecorded,
            Some((recorded, found)) if found.broken.is_empty() => {
                Comparison::Same { name: recorded.name.clone(), left_out: found.left_out.into_iter().collect() }
            }
            Some((recorded, found)) => Comparison::Different { name: recorded.name.clone(), differences: found.broken },
        }
    }
}

/// What was found to differ.
#[derive(Debug, Default)]
struct Differences {
    broken: Vec<String>,
    left_out: BTreeSet<String>,
}

impl Differences {
    fn between(recorded: &Recorded, query: &BTreeMap<String, String>, body: Option<&Value>) -> Self {
        let mut found = Self::default();
        let (_, recorded_query) = split(&recorded.path);
        for key in query.keys().filter(|key| !recorded_query.contains_key(*key) && !is_continuation(key)) {
            found.broken.push(format!("the query key `{key}` is not sent by Microsoft's client"));
        }
        found.left_out.extend(recorded_query.keys().filter(|key| !query.contains_key(*key)).map(|key| format!("?{key}")));
        match (&recorded.body, body) {
            (None | Some(Value::Null), None) => {}
            (None | Some(Value::Null), Some(_)) => found.broken.push("there is a body where Microsoft's client sends none".to_owned()),
            (Some(_), None) => found.broken.push("there is no body where Microsoft's client sends one".to_owned()),
            (Some(theirs), Some(ours)) => {
                let places = places(theirs);
                found.compare(ours, theirs, "", &places);
            }
        }
        found
    }

    /// Compares two values at the same place. `places` says where else the recorded body has a key of some name.
    fn compare(&mut self, ours: &Value, theirs: &Value, at: &str, places: &BTreeMap<String, BTreeSet<String>>) {
        match (ours, theirs) {
            (Value::Object(our_members), Value::Object(their_members)) => {
                for (key, member) in our_members {
                    let here = format!("{at}/{key}");
                    let same = their_members.iter().find(|(other, _)| other.eq_ignore_ascii_case(key));
                    match same {
                        Some((other, _)) if other != key => {
                            self.broken.push(format!("`{here}` is written `{other}` by Microsoft's client"));
                        }
                        Some((_, their_member)) => self.compare(member, their_member, &here, places),
                        None => self.misplaced(key, &here, places),
                    }
                }
                let missing = their_members.keys().filter(|key| !our_members.keys().any(|other| other.eq_ignore_ascii_case(key)));
                self.left_out.extend(missing.map(|key| format!("{at}/{key}")));
            }
            (Value::Array(our_items), Value::Array(their_items)) => {
                // Lists are of one kind: each item is held against the recorded item that it is closest to.
                for (index, item) in our_items.iter().enumerate() {
                    let tried = their_items.iter().map(|their_item| {
                        let mut tried = Self::default();
                        tried.compare(item, their_item, &format!("{at}/{index}"), places);
                        tried
                    });
                    let closest = tried.min_by_key(|tried| (tried.broken.len(), tried.left_out.len()));
                    self.broken.extend(closest.into_iter().flat_map(|closest| closest.broken));
                }
            }
            _ if kind(ours) == kind(theirs) => {}
            _ => self.broken.push(format!("`{at}` is {} where Microsoft's client sends {}", kind(ours), kind(theirs))),
        }
    }

    /// Tells of a key that the recorded body has elsewhere. A key that it has nowhere is a further field: the contract judges it.
    fn misplaced(&mut self, key: &str, here: &str, places: &BTreeMap<String, BTreeSet<String>>) {
        let Some(others) = places.get(&key.to_lowercase()) else {
            return;
        };
        let generic = generic(here);
        if !others.contains(&generic) && !is_common(key) {
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            self.broken.push(format!("`{here}` stands at {} in the request of Microsoft's client", others.join(" and ")));
        }
    }
}

/// Names that mean different things at different places, so that their place says nothing.
fn is_common(key: &str) -> bool {
    matches!(
        key.to_lowercase().as_str(),
        "name" | "type" | "id" | "enabled" | "days" | "tags" | "properties" | "location" | "identity" | "action" | "category" | "state"
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns at which places a body has keys, by their names in lower case.
fn places(body: &Value) -> BTreeMap<String, BTreeSet<String>> {
    fn collect(value: &Value, at: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let here = format!("{at}/{key}");
                    found.entry(key.to_lowercase()).or_default().insert(here.to_lowercase());
                    collect(member, &here, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{at}/*"), found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeMap::new();
    collect(body, "", &mut found);
    found
}

/// Writes a place in lower case and with list items alike.
fn generic(place: &str) -> String {
    let segments = place.split('/').map(|segment| {
        if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) { "*".to_owned() } else { segment.to_lowercase() }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Names the operation of a request: its method and its path with every id blotted out, in lower case.
fn operation(method: &str, path: &str) -> String {
    let segments: Vec<String> = path.split('/').skip(1).map(str::to_lowercase).collect();
    let is_management = segments.first().is_some_and(|first| first == "subscriptions" || first == "providers");
    let mut blotted = Vec::new();
    let mut is_name = false;
    let mut after_providers = false;
    for segment in &segments {
        if after_providers {
            blotted.push(segment.clone());
            after_providers = false;
            is_name = false;
        } else if is_management && segment == "providers" {
            blotted.push(segment.clone());
            after_providers = true;
        } else if is_name {
            // `default` is no one's own name, and Event types of the Activity Log are words of the address.
            let is_word = matches!(segment.as_str(), "default" | "management");
            blotted.push(if is_word { segment.clone() } else { "{}".to_owned() });
            is_name = false;
        } else {
            blotted.push(segment.clone());
            is_name = true;
        }
    }
    // `/keys/NAME/rotationpolicy` and `/keys/NAME/VERSION` have three segments each: words stay, versions do not.
    if !is_management && segments.len() == 3 {
        let word = segments
            .last()
            .filter(|last| matches!(last.as_str(), "rotationpolicy" | "rotate" | "recover" | "versions" | "create" | "backup"));
        if word.is_none() {
            blotted.pop();
            blotted.push("{}".to_owned());
        }
    }
    format!("{} /{}", method.to_uppercase(), blotted.join("/"))
}

/// Counts how many requests compare how, for the lines that a test prints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoldenTally {
    /// Requests whose operation was recorded and that have its structure, by the recorded name.
    pub same: BTreeMap<String, usize>,
    /// Requests whose operation was not recorded.
    pub not_recorded: usize,
    /// What differs, in order.
    pub differences: Vec<String>,
}

impl GoldenTally {
    /// Compares all exchanges.
    #[must_use]
    pub fn of(golden: &Golden, exchanges: &[Exchange]) -> Self {
        let mut tally = Self::default();
        for exchange in exchanges {
            match golden.compare(exchange) {
                Comparison::NotRecorded => tally.not_recorded += 1,
                Comparison::Same { name, left_out: _ } => *tally.same.entry(name).or_default() += 1,
                Comparison::Different { name, differences } => {
                    let shown = format!("{} {} ({name}): {}", exchange.method, exchange.path_and_query, differences.join("; "));
                    tally.differences.push(shown);
                }
            }
        }
        tally
    }
}

impl fmt::Display for GoldenTally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same: usize = self.same.values().sum();
        write!(
            formatter,
            "{same} requests equal to {} recorded ones in structure, {} of operations that were not recorded, {} different",
            self.same.len(),
            self.not_recorded,
            self.differences.len()
        )?;
        self.differences.iter().try_for_each(|difference| write!(formatter, "\n  {difference}"))
    }
}
