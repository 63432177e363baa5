//! A client that asks the sandbox over the wire, and tables of what is asked and what must be answered.
//!
//! Must not know a service: it sends what a row says and compares.
#![allow(dead_code, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reprieve_azure_sandbox::{Principal, Sandbox};
use serde_json::Value;

/// The subscription that every sandbox has.
pub(crate) const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";
/// The resource group that [`ask_for_group`] makes.
pub(crate) const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
/// ARM's host.
pub(crate) const ARM: &str = "management.azure.com";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    /// The error's code, and the inner one where there is one: `Forbidden/KeyDisabled`.
    pub(crate) fn code(&self) -> String {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, inner) = (text("/error/code"), text("/error/innererror/code"));
        if inner.is_empty() { code } else { format!("{code}/{inner}") }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn at(&self, pointer: &str) -> Value {
        self.body.pointer(pointer).cloned().unwrap_or(Value::Null)
    }
}

/// The audience of tokens for a host.
fn audience(host: &str) -> &'static str {
    if host.ends_with(".vault.azure.net") {
        return "https://vault.azure.net";
    }
    if host.ends_with(".managedhsm.azure.net") { "https://managedhsm.azure.net" } else { "https://management.azure.com" }
}

/// Asks as a principal, with a token for the host.
pub(crate) async fn ask(sandbox: &Sandbox, who: &Principal, method: &str, host: &str, path: &str, body: Value) -> Answered {
    try_ask(sandbox, Some(&who.token(audience(host))), method, host, path, body).await.unwrap()
}

/// Asks with a token, or without. `None`: the connection was cut.
pub(crate) async fn try_ask(sandbox: &Sandbox, token: Option<&str>, method: &str, host: &str, path: &str, body: Value) -> Option<Answered> {
    let version = if path.contains("api-version") {
        String::new()
    } else {
        format!("{}api-version={}", if path.contains('?') { "&" } else { "?" }, version(host, path))
    };
    let mut request = http::Request::builder().method(method).uri(format!("{}{path}{version}", sandbox.http_url())).header("host", host);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request = request.header("content-type", "application/json").body(Full::new(bytes)).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.ok()?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Answered { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

fn version(host: &str, path: &str) -> &'static str {
    if host != ARM {
        return "7.5";
    }
    match path {
        path if path.contains("Microsoft.Authorization") => "2022-04-01",
        path if path.contains("Microsoft.KeyVault") => "2024-11-01",
        path if path.contains("eventtypes") => "2015-04-01",
        path if path.contains("diagnosticSettings") => "2021-05-01-preview",
        path if path.contains("ManagedIdentity") => "2023-01-31",
        _ => "2021-04-01",
    }
}

/// What is asked, and what must be answered.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
}

/// A row of ARM.
pub(crate) fn arm(method: &'static str, path: &str, body: Value, status: u16, code: &'static str) -> Row {
    Row { method, host: ARM.to_owned(), path: path.to_owned(), body, status, code }
}

/// A row of a vault's data.
pub(crate) fn data(method: &'static str, path: &str, body: Value, status: u16, code: &'static str) -> Row {
    Row { method, host: "kv-prod.vault.azure.net".to_owned(), path: path.to_owned(), body, status, code }
}

/// Asks the rows one after another, and fails at the first that is answered otherwise.
pub(crate) async fn play(sandbox: &Sandbox, who: &Principal, rows: Vec<Row>) -> Vec<Answered> {
    let mut answers = Vec::new();
    for (number, row) in rows.into_iter().enumerate() {
        let answered = ask(sandbox, who, row.method, &row.host, &row.path, row.body.clone()).await;
        let (is, must_be) = ((answered.status, answered.code()), (row.status, row.code.to_owned()));
        assert_eq!(is, must_be, "row {number}: {} {} is answered {}", row.method, row.path, answered.body);
        answers.push(answered);
    }
    answers
}

/// Makes the resource group.
pub(crate) async fn ask_for_group(sandbox: &Sandbox) {
    let body = serde_json::json!({ "location": "westeurope" });
    assert_eq!(ask(sandbox, &sandbox.owner(), "PUT", ARM, GROUP, body).await.status, 201);
}
