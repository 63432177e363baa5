//! The floor beneath a function that answers one event: the same calls over TLS, signed, as many at once, without an SDK, a decision, a
//! time-out or a second try. For benches alone; nothing here may be deployed.
//!
//! `floor guard` makes the calls of `aws-cancel-key-deletion`, `floor recipe` the five of the recipe that people write by hand.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a bench stops on the first surprise"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BUCKET: &str = "/reprieve-audit";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let is_guard = std::env::args().nth(1).as_deref() == Some("guard");
    let account = Account::from_environment();
    let mut lines = Vec::new();
    let opened = (0..if is_guard { 6 } else { 1 }).map(|_| account.connect());
    lines.extend(futures_util::future::join_all(opened).await);
    let api = variable("AWS_LAMBDA_RUNTIME_API");
    let mut runtime = TcpStream::connect(&api).await.expect("the Runtime API listens");
    runtime.set_nodelay(true).expect("a socket");
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
    loop {
        runtime.write_all(next.as_bytes()).await.expect("the Runtime API listens");
        let (head, event) = read(&mut runtime).await;
        let id = header(&head, "lambda-runtime-aws-request-id");
        let event: Value = serde_json::from_slice(&event).expect("an event is JSON");
        let arn = event["detail"]["resources"][0]["ARN"].as_str().expect("an event names its key");
        let id_of_event = event["detail"]["eventID"].as_str().expect("an event has an id");
        if is_guard {
            guard(&account, &mut lines, arn, id_of_event).await;
        } else {
            recipe(&account, &mut lines[0], arn).await;
        }
        let answer = format!("POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: 2\r\n\r\n{{}}");
        runtime.write_all(answer.as_bytes()).await.expect("the Runtime API listens");
        read(&mut runtime).await;
    }
}

async fn recipe(account: &Account, line: &mut Line, arn: &str) {
    for operation in ["DescribeKey", "ListResourceTags", "CancelKeyDeletion", "EnableKey"] {
        line.call(account.kms(operation, arn)).await;
    }
    line.call(account.notice(arn)).await;
}

/// The calls of the guard, in its order: each line of it waits for the one before.
async fn guard(account: &Account, lines: &mut [Line], arn: &str, event: &str) {
    let [keys, tags, ledger, approvals, claims, audit] = lines else { panic!("six connections were opened") };
    let (claim, key) = (format!("event#{event}"), arn);
    tokio::join!(
        keys.call(account.kms("DescribeKey", arn)),
        tags.call(account.kms("ListResourceTags", arn)),
        ledger.call(account.query(key)),
        approvals.call(account.query(&format!("approval#{key}"))),
        claims.call(account.update(&claim, "claim", true)),
        audit.call(account.object(event, "intent")),
    );
    tokio::join!(keys.call(account.kms("CancelKeyDeletion", arn)), ledger.call(account.put(key)));
    tokio::join!(keys.call(account.kms("EnableKey", arn)), ledger.call(account.update(key, "case", false)));
    tokio::join!(
        keys.call(account.kms("DescribeKey", arn)),
        tags.call(account.kms("ListAliases", arn)),
        ledger.call(account.update(key, "case", false))
    );
    tokio::join!(
        keys.call(account.notice(arn)),
        ledger.call(account.update(key, "inventory", false)),
        audit.call(account.object(event, "outcome"))
    );
    claims.call(account.update(&claim, "claim", false)).await;
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set"))
}

/// Whom to call as, and where.
struct Account {
    /// Host and port.
    host: String,
    region: String,
    access_key: String,
    secret_key: String,
    token: String,
    topic: String,
    tls: TlsConnector,
}

impl Account {
    fn from_environment() -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = std::fs::read(variable("FLOOR_CERTIFICATE")).expect("the certificate is there");
        roots.add(CertificateDer::from(certificate)).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS 1.3 and 1.2");
        Self {
            host: variable("AWS_ENDPOINT_URL").trim_start_matches("https://").to_owned(),
            region: variable("AWS_REGION"),
            access_key: variable("AWS_ACCESS_KEY_ID"),
            secret_key: variable("AWS_SECRET_ACCESS_KEY"),
            token: variable("AWS_SESSION_TOKEN"),
            topic: variable("TOPIC_ARN"),
            tls: TlsConnector::from(Arc::new(tls.with_root_certificates(roots).with_no_client_auth())),
        }
    }

    async fn connect(&self) -> Line {
        let stream = TcpStream::connect(&self.host).await.expect("the stub listens");
        stream.set_nodelay(true).expect("a socket");
        let name = self.host.split(':').next().unwrap_or_default().to_owned();
        let name = ServerName::try_from(name).expect("an address");
        Line { stream: self.tls.connect(name, stream).await.expect("the stub speaks TLS") }
    }

    fn kms(&self, operation: &str, arn: &str) -> String {
        self.json("kms", &format!("TrentService.{operation}"), &format!(r#"{{"KeyId":"{arn}"}}"#))
    }

    fn query(&self, partition: &str) -> String {
        let input = format!(
            r#"{{"TableName":"reprieve-ledger","ConsistentRead":true,"KeyConditionExpression":"pk = :pk","ExpressionAttributeValues":{{":pk":{{"S":"{partition}"}}}}}}"#
        );
        self.json("dynamodb", "DynamoDB_20120810.Query", &input)
    }

    fn put(&self, partition: &str) -> String {
        let input = format!(r#"{{"TableName":"reprieve-ledger","Item":{{"pk":{{"S":"{partition}"}},"sk":{{"S":"case"}}}}}}"#);
        self.json("dynamodb", "DynamoDB_20120810.PutItem", &input)
    }

    fn update(&self, partition: &str, sort: &str, is_claim: bool) -> String {
        let returned = if is_claim { "UPDATED_NEW" } else { "NONE" };
        let input = format!(
            r#"{{"TableName":"reprieve-ledger","Key":{{"pk":{{"S":"{partition}"}},"sk":{{"S":"{sort}"}}}},"UpdateExpression":"SET a = :a","ExpressionAttributeValues":{{":a":{{"S":"a"}}}},"ReturnValues":"{returned}"}}"#
        );
        self.json("dynamodb", "DynamoDB_20120810.UpdateItem", &input)
    }

    fn notice(&self, arn: &str) -> String {
        let form = format!("Action=Publish&Version=2010-03-31&TopicArn={}&Message={arn}", self.topic);
        self.request("sns", "POST", "/", "content-type: application/x-www-form-urlencoded\r\n", &form)
    }

    fn object(&self, event: &str, phase: &str) -> String {
        self.request("s3", "PUT", &format!("{BUCKET}/{event}/{phase}.json"), "content-type: application/json\r\n", r#"{"record":1}"#)
    }

    fn json(&self, service: &str, target: &str, input: &str) -> String {
        let headers = format!("content-type: application/x-amz-json-1.1\r\nx-amz-target: {target}\r\n");
        self.request(service, "POST", "/", &headers, input)
    }

    /// A request with AWS's signature, version 4.
    fn request(&self, service: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
        let Self { host, region, access_key, secret_key, token, .. } = self;
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &time[..8];
        let digest = hex(&Sha256::digest(body));
        let signed = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
        let canonical = format!(
            "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{time}\nx-amz-security-token:{token}\n\n{signed}\n{digest}"
        );
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let secret = format!("AWS4{secret_key}").into_bytes();
        let key = [day, region, service, "aws4_request"].iter().fold(secret, |key, part| authenticate(&key, part.as_bytes()).to_vec());
        let signature = hex(&authenticate(&key, text.as_bytes()));
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}x-amz-date: {time}\r\nx-amz-content-sha256: {digest}\r\n\
             x-amz-security-token: {token}\r\nauthorization: AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, \
             Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// HMAC with SHA-256 (RFC 2104), for keys of at most a block.
fn authenticate(key: &[u8], text: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// A connection.
struct Line {
    stream: TlsStream<TcpStream>,
}

impl Line {
    async fn call(&mut self, request: String) -> Vec<u8> {
        self.stream.write_all(request.as_bytes()).await.expect("the stub listens");
        self.stream.flush().await.expect("the stub listens");
        let (head, body) = read(&mut self.stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}{}", String::from_utf8_lossy(&body));
        body
    }
}

/// Reads an answer: its head, and its body by the length that the head says.
async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        let read = stream.read_buf(&mut bytes).await.expect("the other side answers");
        assert!(read > 0, "the other side has closed the connection");
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
        let length: usize = header(&head, "content-length").parse().expect("an answer has a length");
        if bytes.len() >= end + 4 + length {
            return (head, bytes[end + 4..end + 4 + length].to_vec());
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find(|line| line.split(':').next().is_some_and(|other| other.eq_ignore_ascii_case(name)));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}
