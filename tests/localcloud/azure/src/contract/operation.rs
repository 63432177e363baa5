//! Operations as the documents describe them: `OpenAPI` 2 and 3 read into one form, and the matching of a path to a template.
//!
//! Must not know an Azure service by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Documents, Place};

/// One operation of a contract.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// The method and the template, e.g. `PATCH /subscriptions/{subscriptionId}/…`.
    pub(super) name: String,
    pub(super) method: String,
    pub(super) template: Template,
    /// The document it comes from.
    pub(super) document: String,
    /// The API versions that the document gives for it, `*` for any; empty where the document leaves that open.
    pub(super) versions: Vec<String>,
    /// Further versions at which Microsoft's own clients send it in the same shape. Our documents alone say so.
    pub(super) client_versions: Vec<String>,
    /// Query keys in lower case, `api-version` among them.
    pub(super) query_keys: BTreeSet<String>,
    /// Names of headers without which the request is refused, in lower case.
    pub(super) required_headers: Vec<String>,
    pub(super) request: Option<Place>,
    pub(super) is_body_required: bool,
    /// The answers by status or `default`; a place where a body is described.
    pub(super) responses: BTreeMap<String, Option<Place>>,
    /// Statuses whose body may be missing though it is described.
    pub(super) bodiless: BTreeSet<String>,
}

/// Reads all operations of a document.
pub(super) fn operations(documents: &Documents, name: &str) -> Vec<Operation> {
    let paths = documents.document(name).and_then(|document| document.get("paths")).and_then(Value::as_object);
    let mut found = Vec::new();
    for (path, methods) in paths.into_iter().flatten() {
        // The continuation of a list is whatever the answer before it said, and `/{roleAssignmentId}` would take any path.
        if matches!(path.as_str(), "{nextLink}" | "/{roleAssignmentId}" | "/{denyAssignmentId}") {
            continue;
        }
        let methods = methods.as_object();
        for (method, operation) in methods.into_iter().flatten().filter(|(method, _)| method.as_str() != "parameters") {
            let pointer = format!("/paths/{}/{method}", escaped(path));
            found.push(read(documents, name, path, method, operation, &pointer));
        }
    }
    found
}

fn read(documents: &Documents, document: &str, path: &str, method: &str, operation: &Value, pointer: &str) -> Operation {
    let method = method.to_uppercase();
    let mut read = Operation {
        name: format!("{method} {path}"),
        method,
        template: Template::parse(path),
        document: document.to_owned(),
        // Our own documents write versions and query keys short.
        versions: texts(operation.get("x-versions")),
        client_versions: texts(operation.get("x-client-versions")),
        query_keys: texts(operation.get("x-query")).into_iter().map(|key| key.to_lowercase()).collect(),
        required_headers: Vec::new(),
        request: None,
        is_body_required: false,
        responses: BTreeMap::new(),
        bodiless: BTreeSet::new(),
    };
    let parameters = operation.get("parameters").and_then(Value::as_array).map_or(0, Vec::len);
    for index in 0..parameters {
        read_parameter(&mut read, documents, &Place::new(document, format!("{pointer}/parameters/{index}")));
    }
    if let Some(body) = operation.get("requestBody") {
        read.is_body_required = body.get("required").and_then(Value::as_bool).unwrap_or_default();
        let has_schema = body.pointer("/content/application~1json/schema").is_some();
        read.request = has_schema.then(|| Place::new(document, format!("{pointer}/requestBody/content/application~1json/schema")));
    }
    for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let schema =
            ["content/application~1json/schema", "schema"].into_iter().find(|below| response.pointer(&format!("/{below}")).is_some());
        let place = schema.map(|below| Place::new(document, format!("{pointer}/responses/{status}/{below}")));
        if response.get("x-body-optional").is_some() {
            read.bodiless.insert(status.clone());
        }
        read.responses.insert(status.clone(), place);
    }
    read
}

fn read_parameter(operation: &mut Operation, documents: &Documents, place: &Place) {
    let Some((place, parameter)) = documents.at(place) else {
        return;
    };
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let is_required = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
    match parameter.get("in").and_then(Value::as_str) {
        Some("query") => {
            if name == "api-version" {
                operation.versions = texts(parameter.pointer("/schema/enum"));
            }
            operation.query_keys.insert(name);
        }
        Some("header") if is_required => operation.required_headers.push(name),
        Some("body") => {
            operation.is_body_required = is_required;
            operation.request = Some(Place::new(&place.document, format!("{}/schema", place.pointer)));
        }
        Some(_) | None => {}
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Escapes a name for use in a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The template of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Text, in lower case: ARM tells no case apart.
    Literal(String),
    /// Exactly one segment. Only a version may be empty: `/keys/NAME/` asks for the latest.
    One { may_be_empty: bool },
    /// One segment or more: the scope that an extension resource stands on.
    Scope,
}

impl Template {
    pub(super) fn parse(path: &str) -> Self {
        let segment = |text: &str| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some("scope" | "resourceUri" | "roleAssignmentId" | "resourceId") => Segment::Scope,
            Some(name) => Segment::One { may_be_empty: name.ends_with("-version") },
            None => Segment::Literal(text.to_lowercase()),
        };
        Self { segments: path.split('/').skip(1).map(segment).collect() }
    }

    /// Says how well a path fits: `None` where it does not, else the more the more of it is literal.
    pub(super) fn fit(&self, path: &str) -> Option<usize> {
        let path: Vec<&str> = path.split('/').skip(1).collect();
        let literals = self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        fits(&self.segments, &path).then_some(literals)
    }
}

fn fits(template: &[Segment], path: &[&str]) -> bool {
    let Some((first, rest)) = template.split_first() else {
        return path.is_empty();
    };
    match first {
        Segment::Literal(text) => path.split_first().is_some_and(|(segment, path)| segment.eq_ignore_ascii_case(text) && fits(rest, path)),
        Segment::One { may_be_empty } => {
            path.split_first().is_some_and(|(segment, path)| (*may_be_empty || !segment.is_empty()) && fits(rest, path))
        }
        Segment::Scope => (1..=path.len()).any(|taken| path.get(taken..).is_some_and(|path| fits(rest, path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_their_templates_alone() {
        let cases = [
            (
                "/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault/vaults",
                "/subscriptions/1/providers/microsoft.keyvault/VAULTS",
                true,
            ),
            (
                "/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault/vaults",
                "/subscriptions//providers/Microsoft.KeyVault/vaults",
                false,
            ),
            ("/keys/{key-name}/{key-version}", "/keys/k/", true),
            ("/keys/{key-name}/{key-version}", "/keys/k", false),
            (
                "/{scope}/providers/Microsoft.Authorization/roleAssignments",
                "/subscriptions/1/providers/Microsoft.Authorization/roleAssignments",
                true,
            ),
            ("/{scope}/providers/Microsoft.Authorization/roleAssignments", "/providers/Microsoft.Authorization/roleAssignments", false),
        ];
        for (template, path, is_fit) in cases {
            assert_eq!(Template::parse(template).fit(path).is_some(), is_fit, "{template} {path}");
        }
    }

    #[test]
    fn the_more_literal_template_fits_better() {
        let path = "/keys/k/rotationpolicy";
        assert!(Template::parse("/keys/{key-name}/rotationpolicy").fit(path) > Template::parse("/keys/{key-name}/{key-version}").fit(path));
    }
}
