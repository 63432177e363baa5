//! Calls that are signed with Signature Version 4, for a local cloud that checks signatures and policies.

#![expect(clippy::panic, reason = "a test that cannot go on says why and stops")]

use std::fmt::Write as _;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use reprieve_localcloud::LocalCloud;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const REGION: &str = "us-east-1";

/// Whoever makes a call.
pub(crate) struct Credentials {
    access_key_id: String,
    secret: String,
    token: Option<String>,
}

/// The root user of the cloud's account.
pub(crate) fn root() -> Credentials {
    Credentials { access_key_id: "test".to_owned(), secret: "test".to_owned(), token: None }
}

/// Makes a role with a policy of these statements, and a session of it.
pub(crate) async fn role(cloud: &LocalCloud, path: &str, name: &str, statements: Value) -> Credentials {
    let document = |statements: Value| serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let trust =
        serde_json::json!([{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}]);
    form(
        cloud,
        "iam",
        "2010-05-08",
        &[("Action", "CreateRole"), ("RoleName", name), ("Path", path), ("AssumeRolePolicyDocument", &document(trust))],
    )
    .await;
    let policy = document(statements);
    form(cloud, "iam", "2010-05-08", &[("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)])
        .await;
    let arn = format!("arn:aws:iam::111122223333:role{path}{name}");
    let answer = form(cloud, "sts", "2011-06-15", &[("Action", "AssumeRole"), ("RoleArn", &arn), ("RoleSessionName", "session")]).await;
    Credentials {
        access_key_id: element(&answer, "AccessKeyId"),
        secret: element(&answer, "SecretAccessKey"),
        token: Some(element(&answer, "SessionToken")),
    }
}

/// Makes a call of AWS Query as the root user and returns the XML of its answer.
pub(crate) async fn form(cloud: &LocalCloud, service: &str, version: &str, members: &[(&str, &str)]) -> String {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).append_pair("Version", version).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) = send(cloud, &root(), service, "/", &headers, body.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 200, "{members:?}: {answer}");
    answer
}

/// Returns the text of the first XML element of that name.
pub(crate) fn element(xml: &str, name: &str) -> String {
    let text = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    text.map(|(text, _)| text.to_owned()).unwrap_or_default()
}

/// Makes a call of AWS JSON, such as `TrentService.Sign`, and returns status and members.
pub(crate) async fn call(cloud: &LocalCloud, by: &Credentials, target: &str, input: Value) -> (u16, Value) {
    let service = match target.split('.').next().unwrap_or_default() {
        "TrentService" => "kms",
        "AmazonSSM" => "ssm",
        "CloudTrail_20131101" => "cloudtrail",
        "Logs_20140328" => "logs",
        other => panic!("no service for `{other}`"),
    };
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let (status, answer) = send(cloud, by, service, "/", &headers, input.to_string().as_bytes()).await;
    (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
}

/// Sends one call and returns status and body of its answer.
pub(crate) async fn send(
    cloud: &LocalCloud,
    by: &Credentials,
    service: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Vec<u8>) {
    let now = Timestamp::now();
    let (date, time) = (now.strftime("%Y%m%d").to_string(), now.strftime("%Y%m%dT%H%M%SZ").to_string());
    let host = cloud.endpoint_url().trim_start_matches("http://").to_owned();
    let mut signed = headers.to_vec();
    signed.extend([("host", host.as_str()), ("x-amz-date", time.as_str())]);
    signed.extend(by.token.as_deref().map(|token| ("x-amz-security-token", token)));
    signed.sort_unstable();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let lines: Vec<String> = signed.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let canonical = format!("POST\n{path}\n\n{}\n\n{}\n{}", lines.join("\n"), names.join(";"), hex(&Sha256::digest(body)));
    let scope = format!("{date}/{REGION}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let start = format!("AWS4{}", by.secret).into_bytes();
    let key = [date.as_str(), REGION, service, "aws4_request"].iter().fold(start, |key, part| hmac(&key, part.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={}",
        by.access_key_id,
        names.join(";"),
        hex(&hmac(&key, to_sign.as_bytes()))
    );
    let mut request = Request::builder().method(Method::POST).uri(format!("{}{path}", cloud.endpoint_url()));
    for (name, value) in signed {
        request = request.header(name, value);
    }
    let request = request.header("authorization", authorization).body(Body::from(body.to_vec())).expect("a request");
    let response = Client::builder(TokioExecutor::new()).build_http::<Body>().request(request).await.expect("an answer");
    let status = response.status().as_u16();
    (status, to_bytes(Body::new(response.into_body()), 1 << 24).await.expect("a body").to_vec())
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|index| key.get(index).copied().unwrap_or_default() ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory");
        text
    })
}
