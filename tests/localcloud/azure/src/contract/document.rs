//! The contract documents as loaded: finding what a reference points to, and cutting one schema out with all that it needs.
//!
//! Must not validate, nor reach for anything outside of the folder that it was given.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::ContractError;

/// Where the published JSON Schemas of ARM live, by their own `id`.
const ARM_SCHEMAS_ADDRESS: &str = "https://schema.management.azure.com/schemas/";

/// A place inside one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The document's name: its path below the folder of contracts, or below `ours/`.
    pub(super) document: String,
    /// A JSON pointer.
    pub(super) pointer: String,
}

impl Place {
    pub(super) fn new(document: &str, pointer: impl Into<String>) -> Self {
        Self { document: document.to_owned(), pointer: pointer.into() }
    }
}

/// All documents by name.
#[derive(Debug, Default)]
pub(super) struct Documents {
    by_name: BTreeMap<String, Value>,
}

impl Documents {
    /// Reads every JSON file below `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, ContractError> {
        let mut documents = Self::default();
        documents.read_below(folder, folder)?;
        if documents.by_name.is_empty() {
            return Err(ContractError::Empty { folder: folder.to_owned() });
        }
        Ok(documents)
    }

    fn read_below(&mut self, root: &Path, folder: &Path) -> Result<(), ContractError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| ContractError::File { path, source }
        };
        for entry in std::fs::read_dir(folder).map_err(file(folder))? {
            let path = entry.map_err(file(folder))?.path();
            if path.is_dir() {
                self.read_below(root, &path)?;
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(file(&path))?;
            let document = serde_json::from_str(&text).map_err(|source| ContractError::Json { path: path.clone(), source })?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            self.by_name.insert(name, document);
        }
        Ok(())
    }

    /// Adds a document that is part of this crate.
    pub(super) fn add(&mut self, name: &str, text: &str) -> Result<(), ContractError> {
        let document = serde_json::from_str(text).map_err(|source| ContractError::Json { path: name.into(), source })?;
        self.by_name.insert(name.to_owned(), document);
        Ok(())
    }

    /// Lists the names that begin with `prefix`.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.by_name.keys().map(String::as_str).filter(move |name| name.starts_with(prefix))
    }

    pub(super) fn document(&self, name: &str) -> Option<&Value> {
        self.by_name.get(name)
    }

    pub(super) fn document_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.by_name.get_mut(name)
    }

    /// Returns what is at a place, following a reference there, with the place where it was found.
    pub(super) fn at<'a>(&'a self, place: &Place) -> Option<(Place, &'a Value)> {
        let mut place = place.clone();
        // References to references are rare and shallow; a circle of bare references has no meaning.
        for _ in 0..8 {
            let value = self.document(&place.document)?.pointer(&place.pointer)?;
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => place = resolve(&place.document, reference),
                None => return Some((place, value)),
            }
        }
        None
    }

    /// Cuts out the schema at `place` as one document that refers to nothing outside of itself.
    pub(super) fn self_contained(&self, place: &Place) -> Result<Value, ContractError> {
        let mut cut = Cut { documents: self, numbers: BTreeMap::new(), definitions: Map::new() };
        let first = cut.define(place)?;
        Ok(json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "allOf": [{ "$ref": first }],
            "definitions": cut.definitions,
        }))
    }
}

/// A schema in the course of being cut out.
struct Cut<'a> {
    documents: &'a Documents,
    numbers: BTreeMap<Place, usize>,
    definitions: Map<String, Value>,
}

impl Cut<'_> {
    /// Makes sure that the schema at `place` is among the definitions, and returns the reference to it.
    fn define(&mut self, place: &Place) -> Result<String, ContractError> {
        let next = self.numbers.len();
        if let Some(number) = self.numbers.get(place) {
            return Ok(format!("#/definitions/{number}"));
        }
        self.numbers.insert(place.clone(), next);
        let documents = self.documents;
        let found = documents.document(&place.document).and_then(|document| document.pointer(&place.pointer));
        let found = found.ok_or_else(|| ContractError::Dangling { document: place.document.clone(), pointer: place.pointer.clone() })?;
        let rewritten = self.rewrite(&place.document, found)?;
        self.definitions.insert(next.to_string(), rewritten);
        Ok(format!("#/definitions/{next}"))
    }

    fn rewrite(&mut self, document: &str, value: &Value) -> Result<Value, ContractError> {
        match value {
            Value::Object(members) => {
                let mut rewritten = Map::new();
                for (name, member) in members {
                    let member = match (name.as_str(), member.as_str()) {
                        ("$ref", Some(reference)) => Value::String(self.define(&resolve(document, reference))?),
                        _ => self.rewrite(document, member)?,
                    };
                    rewritten.insert(name.clone(), member);
                }
                Ok(Value::Object(rewritten))
            }
            Value::Array(items) => items.iter().map(|item| self.rewrite(document, item)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }
}

/// Says where a reference that stands in `document` points to.
fn resolve(document: &str, reference: &str) -> Place {
    let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    if file.is_empty() {
        return Place::new(document, pointer);
    }
    if let Some(rest) = file.strip_prefix(ARM_SCHEMAS_ADDRESS) {
        return Place::new(&format!("arm-schemas/schemas/{rest}"), pointer);
    }
    let mut segments: Vec<&str> = document.split('/').collect();
    segments.pop();
    for segment in file.split('/') {
        match segment {
            "." | "" => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    Place::new(&segments.join("/"), pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_within_beside_and_across_folders() {
        let from = "rest-api-specs/specification/storage/resource-manager/Microsoft.Storage/stable/2021-08-01/blob.json";
        let cases = [
            ("#/definitions/A", from, "/definitions/A"),
            (
                "./common.json#/definitions/B",
                "rest-api-specs/specification/storage/resource-manager/Microsoft.Storage/stable/2021-08-01/common.json",
                "/definitions/B",
            ),
            (
                "../../../../../common-types/resource-management/v1/types.json#/parameters/C",
                "rest-api-specs/specification/common-types/resource-management/v1/types.json",
                "/parameters/C",
            ),
            (
                "https://schema.management.azure.com/schemas/common/definitions.json#/definitions/expression",
                "arm-schemas/schemas/common/definitions.json",
                "/definitions/expression",
            ),
        ];
        for (reference, document, pointer) in cases {
            assert_eq!(resolve(from, reference), Place::new(document, pointer), "{reference}");
        }
    }

    #[test]
    fn a_schema_that_contains_itself_is_cut_out_once() {
        let mut documents = Documents::default();
        let text = r##"{"definitions": {"Tree": {"properties": {"children": {"items": {"$ref": "#/definitions/Tree"}}}}}}"##;
        documents.add("ours/tree.json", text).unwrap_or_default();
        let cut = documents.self_contained(&Place::new("ours/tree.json", "/definitions/Tree")).unwrap_or_default();
        assert_eq!(cut.pointer("/definitions/0/properties/children/items/$ref"), Some(&json!("#/definitions/0")));
    }
}
