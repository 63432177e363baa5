//! Answers against a server on the loopback interface: what is sent, when it is sent again, where nothing is sent, and that no secret is
//! shown.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::{Schemes, Waits};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n";
const EXPIRED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

const PATH: &str = "/arn%3Aaws%3Acloudformation%3Aeu-central-1%3A111122223333%3Astack/reprieve/1%7CMonitoring%7C2?X-Amz-Signature=s0SECRET";
const DOCUMENT: &str = r#"{"Status":"SUCCESS"}"#;

/// An S3 that gives these answers in turn, the last one for ever, and keeps what it was sent.
struct Bucket {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
}

impl Bucket {
    async fn answering(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut answers) = (received.clone(), VecDeque::from(answers.to_vec()));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                kept.lock().unwrap().push(request);
                let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, received }
    }

    fn address(&self) -> ResponseAddress {
        ResponseAddress::parse(&format!("http://127.0.0.1:{}{PATH}", self.port), &partition("aws"), true).unwrap()
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let count = stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.ends_with(DOCUMENT) {
            return text;
        }
        assert_ne!(count, 0, "{text}");
    }
}

fn partition(name: &str) -> Partition {
    Partition::parse(name).unwrap()
}

fn responses() -> CloudFormationResponses {
    let waits = Waits { connect: Duration::from_secs(1), answer: Duration::from_secs(3) };
    CloudFormationResponses::new(Http::new(crate::tls::config().unwrap(), waits, Schemes::HttpToo))
}

#[tokio::test]
async fn the_document_is_put_at_the_url_as_it_was_written_and_without_a_content_type() {
    let bucket = Bucket::answering(&[OK]).await;
    responses().put(&bucket.address(), DOCUMENT, Duration::from_secs(5)).await.unwrap();
    let request = bucket.received().remove(0);
    assert!(request.starts_with(&format!("PUT {PATH} HTTP/1.1\r\n")), "{request}");
    let head = request.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    assert!(head.contains(&format!("content-length: {}", DOCUMENT.len())), "{head}");
    for header in ["content-type", "authorization", "transfer-encoding", "expect"] {
        assert!(!head.contains(header), "{header}: {head}");
    }
}

#[tokio::test]
async fn a_busy_bucket_is_asked_again() {
    let bucket = Bucket::answering(&[BUSY, BUSY, OK]).await;
    responses().put(&bucket.address(), DOCUMENT, Duration::from_secs(10)).await.unwrap();
    assert_eq!(bucket.received().len(), 3);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let bucket = Bucket::answering(&[EXPIRED]).await;
    let error = responses().put(&bucket.address(), DOCUMENT, Duration::from_secs(10)).await.unwrap_err();
    assert_eq!((error.as_str(), bucket.received().len()), ("the answer was not taken by `127.0.0.1`: HTTP 403", 1));
}

#[tokio::test]
async fn trying_again_ends_with_the_time() {
    let bucket = Bucket::answering(&[BUSY]).await;
    let began = Instant::now();
    let error = responses().put(&bucket.address(), DOCUMENT, Duration::from_secs(1)).await.unwrap_err();
    assert!(error.ends_with("HTTP 503"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn nothing_shows_the_url() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let address = ResponseAddress::parse(&format!("http://127.0.0.1:{nobody}{PATH}"), &partition("aws"), true).unwrap();
    let error = responses().put(&address, DOCUMENT, Duration::from_millis(400)).await.unwrap_err();
    for text in [error, format!("{address:?}")] {
        assert!(!text.contains("SECRET") && !text.contains("cloudformation"), "{text}");
    }
}

#[test]
fn only_s3_of_the_partition_is_answered() {
    for (url, name, is_taken) in [
        ("https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a?b", "aws", true),
        ("https://cloudformation-custom-resource-response-eucentral1.s3.eu-central-1.amazonaws.com/a?b", "aws", true),
        ("https://cloudformation-custom-resource-response-uswest2.s3-us-west-2.amazonaws.com/a?b", "aws", true),
        ("https://cloudformation-custom-resource-response-useast1.S3.AmazonAWS.com:443/a?b", "aws", true),
        ("https://cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com/a", "aws-us-gov", true),
        ("https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/a", "aws-cn", true),
        ("https://s3.eu-central-1.amazonaws.com/bucket/a", "aws", true),
        ("https://b.s3.eu-central-1.amazonaws.com/a", "aws-cn", false),
        ("http://b.s3.amazonaws.com/a", "aws", false),
        ("https://b.s3.amazonaws.com:8443/a", "aws", false),
        ("https://s3.evil.example/a", "aws", false),
        ("https://evil.example/s3.amazonaws.com", "aws", false),
        ("https://s3.amazonaws.com.evil.example/a", "aws", false),
        ("https://b.s3.amazonaws.com@evil.example/a", "aws", false),
        ("https://evils3.amazonaws.com.evil.example/a", "aws", false),
        ("https://s3.x.execute-api.eu-central-1.amazonaws.com/a", "aws", false),
        ("https://abc.execute-api.eu-central-1.amazonaws.com/a", "aws", false),
        ("https://169.254.169.254/latest/meta-data", "aws", false),
        ("http://127.0.0.1:9001/2018-06-01/runtime", "aws", false),
        ("file:///etc/passwd", "aws", false),
        ("not a url", "aws", false),
        ("/a", "aws", false),
    ] {
        assert_eq!(ResponseAddress::parse(url, &partition(name), false).is_ok(), is_taken, "{url}");
    }
}

#[test]
fn a_local_cloud_may_be_anywhere_and_without_tls() {
    for (url, is_taken) in [
        ("http://127.0.0.1:4566/answers/1", true),
        ("https://localhost/answers/1", true),
        ("ftp://127.0.0.1/answers/1", false),
        ("answers/1", false),
    ] {
        assert_eq!(ResponseAddress::parse(url, &partition("aws"), true).is_ok(), is_taken, "{url}");
    }
}
