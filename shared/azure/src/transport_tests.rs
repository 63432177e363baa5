//! The transport against a server on the loopback interface: where requests go, how long they wait, and what is never sent.

use std::sync::{Arc, Mutex};

use azure_core::http::StatusCode;
use azure_core::stream::BytesStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\netag: \"1\"\r\n\r\nok";
const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
/// An answer that begins, and goes on for ever.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
/// Stands for no answer at all.
const SILENT: &str = "";

/// A server that gives one answer to everything, and keeps what it was sent.
struct Server {
    address: String,
    received: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 8_192];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        kept.lock().unwrap().push(String::from_utf8_lossy(&buffer[..count]).into_owned());
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    fn redirected(&self) -> AzureHttp {
        http(Some(Redirect::parse(&self.address).unwrap()))
    }
}

fn http(redirect: Option<Redirect>) -> AzureHttp {
    let waits = Waits { connect: Duration::from_secs(1), answer: Duration::from_millis(300) };
    AzureHttp::waiting(tls::config().unwrap(), waits, redirect)
}

async fn send(http: &AzureHttp, method: Method, url: &str) -> azure_core::Result<AsyncRawResponse> {
    http.execute_request(&Request::new(url.parse().unwrap(), method)).await
}

#[test]
fn only_this_machine_stands_in_for_azure() {
    for good in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://localhost:8080", "http://[::1]:8080"] {
        Redirect::parse(good).unwrap();
    }
    for (bad, is_far) in [
        ("", false),
        ("127.0.0.1:8080", false),
        ("https://127.0.0.1:8080", false),
        ("http://127.0.0.1", false),
        ("http://127.0.0.1:8080/path", false),
        ("http://127.0.0.1:8080?x", false),
        ("http://me@127.0.0.1:8080", false),
        ("http://10.0.0.1:8080", true),
        ("http://169.254.169.254:80", true),
        ("http://evil.example:8080", true),
        ("http://127.0.0.1.evil.example:8080", true),
        ("http://localhost.evil.example:8080", true),
    ] {
        let error = Redirect::parse(bad).unwrap_err();
        assert_eq!(matches!(error, RedirectError::NotLoopback(_)), is_far, "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_redirected_request_names_the_host_that_it_is_meant_for() {
    let server = Server::answering(OK).await;
    let mut request = Request::new("https://kv.vault.azure.net/keys/k/?api-version=7.5".parse().unwrap(), Method::Patch);
    request.insert_header("authorization", "Bearer t");
    request.set_body("{}");
    let answer = server.redirected().execute_request(&request).await.unwrap();
    assert_eq!((answer.status(), answer.headers().get_optional_str(&"etag".into())), (StatusCode::Ok, Some("\"1\"")));
    assert_eq!(answer.into_body().collect_string().await.unwrap(), "ok");
    let received = server.received().concat();
    assert!(received.starts_with("PATCH /keys/k/?api-version=7.5 HTTP/1.1\r\n"), "{received}");
    for part in ["host: kv.vault.azure.net\r\n", "authorization: Bearer t\r\n", "content-length: 2\r\n"] {
        assert!(received.contains(part), "{part} in {received}");
    }
    assert!(received.ends_with("\r\n\r\n{}"), "{received}");
}

#[tokio::test]
async fn a_redirected_client_calls_nobody_else() {
    let server = Server::answering(OK).await;
    for url in ["https://management.azure.com/a", "https://evil.example/a", "https://hooks.slack.com/services/x"] {
        send(&server.redirected(), Method::Get, url).await.unwrap();
    }
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_stream_is_sent_whole() {
    let server = Server::answering(OK).await;
    let mut request = Request::new("https://a.blob.core.windows.net/c/b".parse().unwrap(), Method::Put);
    let stream: Box<dyn azure_core::stream::SeekableStream> = Box::new(BytesStream::new("streamed"));
    request.set_body(stream);
    server.redirected().execute_request(&request).await.unwrap();
    assert!(server.received().concat().ends_with("streamed"), "{:?}", server.received());
}

#[tokio::test]
async fn the_endpoint_of_an_identity_is_asked_in_plain_http() {
    let server = Server::answering(OK).await;
    for http in [http(None), server.redirected()] {
        send(&http, Method::Get, &format!("{}/msi/token?resource=r", server.address)).await.unwrap();
    }
    let host = server.address.trim_start_matches("http://");
    assert!(server.received().iter().all(|received| received.contains(&format!("host: {host}\r\n"))), "{:?}", server.received());
}

#[test]
fn plain_http_stays_near() {
    for (host, near) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("169.254.169.254", true),
        ("172.16.0.3", true),
        ("management.azure.com", false),
        ("8.8.8.8", false),
        ("[2001:db8::1]", false),
        ("", false),
    ] {
        assert_eq!(is_near(host), near, "{host}");
    }
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused_for_good() {
    let server = Server::answering(OK).await;
    for (http, method, url) in [
        (http(None), Method::Get, "http://management.azure.com/a"),
        (http(None), Method::Get, "ftp://127.0.0.1/a"),
        (server.redirected(), Method::Delete, "https://management.azure.com/a"),
    ] {
        let error = send(&http, method, url).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Other), "{url}: {error}");
    }
    assert_eq!(server.received(), [""; 0]);
}

#[tokio::test]
async fn a_redirect_of_a_server_is_not_followed() {
    let server = Server::answering(MOVED).await;
    let answer = send(&server.redirected(), Method::Get, "https://management.azure.com/a").await.unwrap();
    assert_eq!(u16::from(answer.status()), 302);
}

#[tokio::test]
async fn an_answer_is_waited_for_to_its_end_and_no_longer() {
    for answer in [SILENT, HALF] {
        let server = Server::answering(answer).await;
        let start = std::time::Instant::now();
        let error = send(&server.redirected(), Method::Get, "https://management.azure.com/a").await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io), "{error}");
        assert_eq!(error.to_string(), "no answer within 300ms");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

/// An answer beyond the limit is not kept, however much of it there is.
#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
    let body = "x".repeat(ANSWER_LIMIT_BYTES + 1);
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).leak()).await;
    let waits = Waits { connect: Duration::from_secs(1), answer: Duration::from_secs(30) };
    let http = AzureHttp::waiting(tls::config().unwrap(), waits, Some(Redirect::parse(&server.address).unwrap()));
    let error = send(&http, Method::Get, "https://management.azure.com/a").await.unwrap_err();
    assert_eq!(error.to_string(), "the answer broke off: length limit exceeded");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = send(&http(None), Method::Get, &format!("{address}/services/secret?sig=secret")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection), "{error}");
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"), "{error:?}");
}
