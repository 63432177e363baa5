//! Holds exchanges against contracts: Microsoft's published ones where there are any, else schemas of our own after its documentation.
//!
//! The published documents are not part of this repository: the caller says where they are. Must not know how the sandbox
//! answers, nor repair anything: an exchange that is not described is a fault unless the short list of exemptions names it.

mod document;
pub mod golden;
mod operation;
mod schemas;
mod table;
mod tally;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thiserror::Error;

use self::document::{Documents, Place};
use self::operation::{Operation, operations};
use self::schemas::Schemas;
pub use self::table::Origin;
use self::table::{AMENDMENTS, EXEMPT, OURS, Plane, ROWS, Row};
pub use self::tally::Tally;
use crate::exchange::Exchange;

/// Names the environment variable that points to the folder of Microsoft's published contracts.
pub const CONTRACTS_VARIABLE: &str = "REPRIEVE_AZURE_SPECS";

/// The shape of errors: `{"error": {"code", "message"}}` everywhere, and without `error` around it from Azure Monitor alone.
fn error_schema(operation: &Operation) -> Place {
    let is_monitor = operation.name.to_lowercase().contains("/providers/microsoft.insights/");
    Place::new("ours/common.json", if is_monitor { "/components/schemas/InsightsError" } else { "/components/schemas/Error" })
}

/// Says why contracts could not be loaded.
#[derive(Debug, Error)]
pub enum ContractError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not JSON.
    #[error("`{}` is not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The folder holds no contracts.
    #[error("`{}` holds no JSON document: point `{CONTRACTS_VARIABLE}` to the folder of published contracts", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A document that the table names is missing.
    #[error("no document `{name}`: the folder of published contracts is incomplete")]
    Missing {
        /// The document, or what its name begins with.
        name: String,
    },
    /// A reference leads nowhere.
    #[error("`{document}` has nothing at `{pointer}`")]
    Dangling {
        /// The document.
        document: String,
        /// The JSON pointer.
        pointer: String,
    },
    /// A schema cannot be compiled.
    #[error("the schema at `{pointer}` of `{document}` does not compile: {reason}")]
    Schema {
        /// The document.
        document: String,
        /// The JSON pointer.
        pointer: String,
        /// Why.
        reason: String,
    },
}

/// What the contracts say about one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A published contract describes the operation, and both bodies keep to it.
    Covered {
        /// Method and template.
        operation: String,
        /// Where the document comes from.
        origin: Origin,
    },
    /// Only a schema of our own describes the operation, and both bodies keep to it.
    Ours {
        /// Method and template.
        operation: String,
    },
    /// No contract describes the request, and the list of exemptions says why that is right.
    NotInContracts {
        /// Why.
        reason: &'static str,
    },
    /// The exchange breaks its contract, or no contract knows it.
    Violation(String),
}

/// The contracts, loaded.
#[derive(Debug)]
pub struct Contracts {
    documents: Documents,
    schemas: Schemas,
    operations: Vec<(Row, Operation)>,
    accepts_client_versions: bool,
}

impl Contracts {
    /// Loads the published contracts of a folder, beside our own. Only pinned API versions are accepted.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read or is no JSON, and when a document of the table is missing.
    pub fn load(folder: &Path) -> Result<Self, ContractError> {
        let mut documents = Documents::read(folder)?;
        for (name, text) in OURS {
            documents.add(name, text)?;
        }
        amend(&mut documents)?;
        let mut found = Vec::new();
        for row in ROWS {
            let names: Vec<&str> = documents.names(row.prefix).collect();
            if names.is_empty() {
                return Err(ContractError::Missing { name: row.prefix.to_owned() });
            }
            found.extend(names.iter().flat_map(|name| operations(&documents, name)).map(|operation| (*row, operation)));
        }
        Ok(Self { documents, schemas: Schemas::default(), operations: found, accepts_client_versions: false })
    }

    /// Accepts the newer API versions of Microsoft's Python clients too: for exchanges that these clients drove.
    #[must_use]
    pub fn accepting_client_versions(self) -> Self {
        Self { accepts_client_versions: true, ..self }
    }

    /// Counts the operations that each origin describes.
    #[must_use]
    pub fn known_operations(&self) -> BTreeMap<Origin, usize> {
        let mut counted = BTreeMap::new();
        for (row, _) in &self.operations {
            *counted.entry(row.origin).or_default() += 1;
        }
        counted
    }

    /// Compiles every schema that an operation names, so that a broken document is found before an exchange needs it.
    ///
    /// # Errors
    ///
    /// Fails when a reference leads nowhere or a schema does not compile.
    pub fn compile_all(&self) -> Result<usize, ContractError> {
        let named =
            self.operations.iter().flat_map(|(_, operation)| operation.request.iter().chain(operation.responses.values().flatten()));
        let mut count = 0;
        for place in named {
            self.schemas.faults(&self.documents, place, &Value::Null)?;
            count += 1;
        }
        Ok(count)
    }

    /// Holds one exchange against the contracts.
    #[must_use]
    pub fn check(&self, exchange: &Exchange) -> Verdict {
        let (path, query) = split(&exchange.path_and_query);
        if let Some(exempt) = exempt(&exchange.host, path) {
            return Verdict::NotInContracts { reason: exempt };
        }
        let shown = format!("{} https://{}{}", exchange.method, exchange.host, exchange.path_and_query);
        let Some(plane) = Plane::of(&exchange.host) else {
            return Verdict::Violation(format!("{shown}: no contract describes the host `{}`", exchange.host));
        };
        let Some((row, operation)) = self.operation(plane, &exchange.method, path) else {
            return Verdict::Violation(format!("{shown}: no contract describes this operation"));
        };
        match self.faults(row, operation, exchange, path, &query) {
            Err(error) => Verdict::Violation(format!("{shown}: {error}")),
            Ok(faults) if !faults.is_empty() => Verdict::Violation(format!("{shown} -> {}: {}", exchange.status, faults.join("; "))),
            Ok(_) => match row.origin {
                Origin::Ours => Verdict::Ours { operation: operation.name.clone() },
                Origin::Client | Origin::Specification => Verdict::Covered { operation: operation.name.clone(), origin: row.origin },
            },
        }
    }

    /// Finds the operation: the first origin that knows it, and in it the most literal template.
    fn operation(&self, plane: Plane, method: &str, path: &str) -> Option<(&Row, &Operation)> {
        let fitting = self.operations.iter().filter(|(row, operation)| row.plane == plane && operation.method.eq_ignore_ascii_case(method));
        let scored = fitting.filter_map(|found| Some((found, found.1.template.fit(path)?)));
        let best = scored.max_by_key(|((row, _), literals)| (std::cmp::Reverse(row.origin), *literals));
        best.map(|((row, operation), _)| (row, operation))
    }

    fn faults(
        &self,
        row: &Row,
        operation: &Operation,
        exchange: &Exchange,
        path: &str,
        query: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ContractError> {
        let mut faults = self.version_faults(row, operation, exchange, query);
        faults.extend(query_faults(operation, query));
        faults.extend(self.header_faults(row, operation, exchange, path));
        // What is answered 400 may well be malformed; nothing else may.
        if exchange.status != 400 {
            faults.extend(self.request_faults(row, operation, exchange, path)?);
        }
        faults.extend(self.answer_faults(row, operation, exchange)?);
        Ok(faults)
    }

    fn version_faults(&self, row: &Row, operation: &Operation, exchange: &Exchange, query: &BTreeMap<String, String>) -> Vec<String> {
        if row.plane == Plane::Blob {
            // Blob storage takes its version from a header.
            let has_version = exchange.request_headers.iter().any(|(name, _)| name == "x-ms-version");
            return if has_version || exchange.status >= 400 {
                Vec::new()
            } else {
                vec!["the header `x-ms-version` is missing".to_owned()]
            };
        }
        let Some(version) = query.get("api-version") else {
            return if exchange.status == 400 { Vec::new() } else { vec!["`api-version` is missing".to_owned()] };
        };
        let pinned: Vec<&str> = row.pinned.map_or_else(|| operation.versions.iter().map(String::as_str).collect(), |pinned| vec![pinned]);
        let of_clients = row.client_versions.iter().copied().chain(operation.client_versions.iter().map(String::as_str));
        let mut accepted = pinned.clone();
        accepted.extend(of_clients.filter(|_| self.accepts_client_versions));
        if accepted.contains(&version.as_str()) || pinned.contains(&"*") {
            return Vec::new();
        }
        vec![format!("API version `{version}`, but the contract holds for {}", accepted.join(", "))]
    }

    /// Says which headers are missing that Microsoft's documents require, e.g. `If-Match` when a policy is locked.
    fn header_faults(&self, row: &Row, operation: &Operation, exchange: &Exchange, path: &str) -> Vec<String> {
        if exchange.status >= 400 {
            return Vec::new();
        }
        // The clients' contracts tell no headers; the same operation of the older documents does.
        let older = self.operations.iter().filter(|(other, _)| other.origin == Origin::Specification && other.plane == row.plane);
        let same = older.filter(|(_, other)| other.method == operation.method && other.template.fit(path).is_some());
        let required = same.map(|(_, other)| other).chain([operation]).flat_map(|operation| &operation.required_headers);
        let missing = required.filter(|required| !exchange.request_headers.iter().any(|(name, _)| name == *required));
        missing.map(|name| format!("the header `{name}` is missing")).collect()
    }

    fn request_faults(&self, row: &Row, operation: &Operation, exchange: &Exchange, path: &str) -> Result<Vec<String>, ContractError> {
        if exchange.request_body.is_empty() {
            return Ok(if operation.is_body_required { vec!["the request needs a body".to_owned()] } else { Vec::new() });
        }
        let Some(place) = &operation.request else {
            // Blobs are bytes, not JSON.
            return Ok(if row.plane == Plane::Blob {
                Vec::new()
            } else {
                vec!["the request has a body where none is described".to_owned()]
            });
        };
        let body: Value = match serde_json::from_slice(&exchange.request_body) {
            Ok(body) => body,
            Err(error) => return Ok(vec![format!("the request is not JSON: {error}")]),
        };
        let told = |fault: String| format!("request, {fault}");
        let mut faults: Vec<String> = self.schemas.faults(&self.documents, place, &body)?.into_iter().map(told).collect();
        if operation.method == "PUT" {
            faults.extend(self.template_faults(row, path, &body)?.into_iter().map(|fault| format!("request as a template, {fault}")));
        }
        Ok(faults)
    }

    /// Holds the body of a PUT against the published schema of templates at the pinned version.
    fn template_faults(&self, row: &Row, path: &str, body: &Value) -> Result<Vec<String>, ContractError> {
        let Some(templates) = row.templates else {
            return Ok(Vec::new());
        };
        let name = format!("arm-schemas/schemas/{templates}");
        let Some((resource_type, resource_name)) = resource(path) else {
            return Ok(Vec::new());
        };
        let Some((namespace, types)) = resource_type.split_once('/') else {
            return Ok(Vec::new());
        };
        let key = types.replace('/', "_").to_lowercase();
        let sections =
            ["resourceDefinitions", "extension_resourceDefinitions", "subscription_resourceDefinitions", "unknown_resourceDefinitions"];
        let document = self.documents.document(&name).ok_or_else(|| ContractError::Missing { name: name.clone() })?;
        let described = sections.iter().find_map(|section| {
            let section_members = document.get(section)?.as_object()?;
            section_members.keys().find(|found| found.to_lowercase() == key).map(|found| (format!("/{section}/{found}"), found.clone()))
        });
        let Some((pointer, found)) = described else {
            return Ok(Vec::new());
        };
        let version = templates.split_once('/').map_or("", |(version, _)| version);
        let mut resource: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
        // A template names its resource in the body where a request does it in the path.
        resource.insert("name".to_owned(), json!(resource_name));
        resource.insert("type".to_owned(), json!(format!("{}/{}", canonical_namespace(templates, namespace), found.replace('_', "/"))));
        resource.insert("apiVersion".to_owned(), json!(version));
        self.schemas.faults(&self.documents, &Place::new(&name, pointer), &Value::Object(resource))
    }

    fn answer_faults(&self, row: &Row, operation: &Operation, exchange: &Exchange) -> Result<Vec<String>, ContractError> {
        let status = exchange.status.to_string();
        if exchange.status >= 400 {
            return self.error_faults(row, operation, exchange, &status);
        }
        let Some(described) = operation.responses.get(&status) else {
            return Ok(vec![format!("status {status} is not described for this operation")]);
        };
        if exchange.response_body.is_empty() {
            // 202 and 204 are described with the body of the finished resource, which they do not have.
            let may_lack = matches!(exchange.status, 202 | 204) || exchange.method == "HEAD" || operation.bodiless.contains(&status);
            let needs_body = described.is_some() && !may_lack;
            return Ok(if needs_body { vec!["the answer needs a body".to_owned()] } else { Vec::new() });
        }
        if row.plane == Plane::Blob {
            return Ok(Vec::new());
        }
        let Some(place) = described else {
            return Ok(vec![format!("the answer has a body where status {status} is described without")]);
        };
        self.body_faults(place, exchange)
    }

    fn error_faults(&self, row: &Row, operation: &Operation, exchange: &Exchange, status: &str) -> Result<Vec<String>, ContractError> {
        if row.plane == Plane::Blob || exchange.method == "HEAD" {
            return Ok(Vec::new());
        }
        if exchange.response_body.is_empty() {
            // Key Vault answers the first request of a client with a challenge and ARM a vanished list with nothing.
            let may_be_empty = matches!(exchange.status, 401 | 404 | 412);
            return Ok(if may_be_empty { Vec::new() } else { vec![format!("error {status} needs a body")] });
        }
        let mut faults = self.body_faults(&error_schema(operation), exchange)?;
        let described = operation.responses.get(status).or_else(|| operation.responses.get("default"));
        if let Some(Some(place)) = described.filter(|_| !row.is_older) {
            faults.extend(self.body_faults(place, exchange)?);
        }
        Ok(faults)
    }

    fn body_faults(&self, place: &Place, exchange: &Exchange) -> Result<Vec<String>, ContractError> {
        let body: Value = match serde_json::from_slice(&exchange.response_body) {
            Ok(body) => body,
            Err(error) => return Ok(vec![format!("the answer is not JSON: {error}")]),
        };
        let faults = self.schemas.faults(&self.documents, place, &body)?;
        Ok(faults.into_iter().map(|fault| format!("answer, {fault}")).collect())
    }
}

/// Adds to older documents what the pinned version has and its published schema shows.
fn amend(documents: &mut Documents) -> Result<(), ContractError> {
    for amendment in AMENDMENTS {
        let source = Place::new(&format!("arm-schemas/schemas/{}", amendment.templates), amendment.pointer);
        let dangling = |place: &Place| ContractError::Dangling { document: place.document.clone(), pointer: place.pointer.clone() };
        let added = documents.at(&source).map(|(_, schema)| schema.clone()).ok_or_else(|| dangling(&source))?;
        let target = Place::new(amendment.document, amendment.properties);
        let properties = documents.document_mut(&target.document).and_then(|document| document.pointer_mut(&target.pointer));
        let properties = properties.and_then(Value::as_object_mut).ok_or_else(|| dangling(&target))?;
        properties.entry(amendment.property).or_insert(added);
    }
    Ok(())
}

fn exempt(host: &str, path: &str) -> Option<&'static str> {
    let path = path.to_lowercase();
    let found = EXEMPT.iter().find(|exempt| (exempt.host.is_empty() || exempt.host == host) && path.contains(exempt.path));
    found.map(|exempt| exempt.reason)
}

/// Parts a target into its path and its query; keys in lower case.
pub(crate) fn split(path_and_query: &str) -> (&str, BTreeMap<String, String>) {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let pairs = form_urlencoded::parse(query.as_bytes());
    (path, pairs.map(|(key, value)| (key.to_lowercase(), value.into_owned())).collect())
}

/// Says whether a query key is the service's own: the address of the next page is not the client's to make.
fn is_continuation(key: &str) -> bool {
    matches!(key, "$skiptoken" | "$skip" | "continuationtoken")
}

fn query_faults(operation: &Operation, query: &BTreeMap<String, String>) -> Vec<String> {
    let unknown = query.keys().filter(|key| !operation.query_keys.contains(*key) && key.as_str() != "api-version" && !is_continuation(key));
    if operation.document.starts_with("ours/blob") {
        return Vec::new();
    }
    unknown.map(|key| format!("the query key `{key}` is not described for this operation")).collect()
}

/// Returns the type that a path names, e.g. `Microsoft.Storage/storageAccounts/blobServices`, and its name in a template.
fn resource(path: &str) -> Option<(String, String)> {
    let lower = path.to_lowercase();
    let start = lower.rfind("/providers/")? + "/providers/".len();
    let mut segments = path.get(start..)?.split('/');
    let mut resource_type = segments.next()?.to_owned();
    let mut name = String::new();
    let rest: Vec<&str> = segments.collect();
    for pair in rest.chunks(2) {
        resource_type = format!("{resource_type}/{}", pair.first()?);
        let last = *pair.get(1)?;
        // Templates name a child after its parents; their patterns ask for that where the child's own name is fixed.
        name = if last.eq_ignore_ascii_case("default") { format!("{name}/{last}") } else { last.to_owned() };
    }
    Some((resource_type, name))
}

/// Returns the namespace in the case in which its schema writes it.
fn canonical_namespace<'a>(templates: &'a str, namespace: &'a str) -> &'a str {
    templates.split_once('/').and_then(|(_, file)| file.strip_suffix(".json")).unwrap_or(namespace)
}
