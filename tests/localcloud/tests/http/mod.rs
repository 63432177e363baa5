//! AWS calls over plain HTTP, without any AWS SDK: the tests of the local cloud must not share its clients' mistakes.

#![expect(clippy::panic, reason = "a test that cannot go on says why and stops")]

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reprieve_localcloud::LocalCloud;
use serde_json::Value;

/// Makes one AWS JSON call as the owner of an access key and returns status and members.
pub(crate) async fn call_as(cloud: &LocalCloud, access_key: &str, region: &str, target: &str, input: Value) -> (u16, Value) {
    let service = match target.split('.').next().unwrap_or_default() {
        "TrentService" => "kms",
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        "AWSEvents" => "events",
        "CloudTrail_20131101" => "cloudtrail",
        "Logs_20140328" => "logs",
        other => panic!("no service for `{other}`"),
    };
    let content_type = if service == "sqs" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
    let headers = [("x-amz-target", target), ("content-type", content_type)];
    send(cloud, (access_key, region, service), Method::POST, "/", &headers, input.to_string()).await
}

/// Sends one call and reads its answer as JSON; the signer is an access key, a Region and a service.
pub(crate) async fn send(
    cloud: &LocalCloud,
    signer: (&str, &str, &str),
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> (u16, Value) {
    let (status, body) = send_bytes(cloud, signer, method, path, headers, body.into_bytes()).await;
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Sends one call; the signer is an access key, a Region and a service.
pub(crate) async fn send_bytes(
    cloud: &LocalCloud,
    (access_key, region, service): (&str, &str, &str),
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (u16, Vec<u8>) {
    let credential = format!("{access_key}/20261120/{region}/{service}/aws4_request");
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", cloud.endpoint_url()))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, Signature=none"))
        .header("user-agent", "aws-cli/2.34");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).expect("a request");
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let response = client.request(request).await.expect("an answer");
    let status = response.status().as_u16();
    (status, to_bytes(Body::new(response.into_body()), 1 << 24).await.expect("a body").to_vec())
}

/// Waits, for a bounded time, until something is so.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
