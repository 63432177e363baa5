//! Compiled schemas, made when first asked for, and what they say about a value.
//!
//! Must not choose the schema: it is told the place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::Value;

use super::ContractError;
use super::document::{Documents, Place};

/// How many faults of one body are told; more would hide the first.
const TOLD_FAULTS: usize = 6;

/// The compiled schemas by place.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    compiled: Mutex<BTreeMap<Place, Arc<Validator>>>,
}

impl Schemas {
    /// Returns what is wrong with `value` by the schema at `place`: one line a fault.
    pub(super) fn faults(&self, documents: &Documents, place: &Place, value: &Value) -> Result<Vec<String>, ContractError> {
        let validator = self.validator(documents, place)?;
        let told = |error: jsonschema::ValidationError<'_>| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "the body".to_owned() } else { format!("`{at}`") };
            format!("{at}: {}", shortened(&error.to_string()))
        };
        Ok(validator.iter_errors(value).take(TOLD_FAULTS).map(told).collect())
    }

    fn validator(&self, documents: &Documents, place: &Place) -> Result<Arc<Validator>, ContractError> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(place) {
            return Ok(Arc::clone(validator));
        }
        let schema = documents.self_contained(place)?;
        let validator = jsonschema::options().with_draft(Draft::Draft4).build(&schema);
        let validator = validator.map_err(|error| ContractError::Schema {
            document: place.document.clone(),
            pointer: place.pointer.clone(),
            reason: error.to_string(),
        })?;
        let validator = Arc::new(validator);
        compiled.insert(place.clone(), Arc::clone(&validator));
        Ok(validator)
    }
}

/// Shortens a message that quotes a whole body.
fn shortened(message: &str) -> String {
    const LONGEST_CHARACTERS: usize = 300;
    if message.chars().count() <= LONGEST_CHARACTERS {
        return message.to_owned();
    }
    let half = LONGEST_CHARACTERS / 2;
    let head: String = message.chars().take(half).collect();
    let tail: Vec<char> = message.chars().rev().take(half).collect();
    format!("{head} … {}", tail.into_iter().rev().collect::<String>())
}
