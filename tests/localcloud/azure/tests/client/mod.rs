//! A client of the sandbox over plain HTTP: the original host in the `Host` header, a bearer token of the tenant's owner.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reprieve_azure_sandbox::Sandbox;
use serde_json::Value;

/// Sends one request as the owner and returns the status and the body, `null` where it is no JSON.
pub(crate) async fn send(sandbox: &Sandbox, method: &str, url: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> (u16, Value) {
    let parsed: http::Uri = url.parse().expect("a URL");
    let host = parsed.host().expect("a host").to_owned();
    let resource = match host.split_once('.').map(|(_, domain)| domain) {
        Some("azure.com") => "https://management.azure.com",
        Some("managedhsm.azure.net") => "https://managedhsm.azure.net",
        Some("blob.core.windows.net") => "https://storage.azure.com",
        _ => "https://vault.azure.net",
    };
    let target = format!("{}{}", sandbox.http_url(), parsed.path_and_query().expect("a path"));
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method")).uri(target);
    request = request.header("host", host).header("authorization", format!("Bearer {}", sandbox.owner().token(resource)));
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let content = body.map(ToString::to_string).unwrap_or_default();
    let request = request.body(Full::new(Bytes::from(content))).expect("a request");
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let answer = client.request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let content = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&content).unwrap_or(Value::Null))
}
