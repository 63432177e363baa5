//! The HTTP client against a server on the loopback interface that counts its connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const WAITS: Waits = Waits { connect: Duration::from_secs(1), answer: Duration::from_millis(300) };

/// Answers each request with the text; an empty text leaves it without an answer.
async fn serve(answer: &'static str) -> (Uri, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(speak(stream, answer));
        }
    });
    (origin, connections)
}

/// The same over TLS, with a certificate that only the returned roots trust.
async fn serve_tls() -> (Uri, Arc<AtomicUsize>, RootCertStore) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = vec![certified.cert.der().clone()];
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain.clone(), key).unwrap()));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let handshakes = Arc::new(AtomicUsize::new(0));
    let counted = handshakes.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(speak(stream, OK));
            }
        }
    });
    (origin, handshakes, roots)
}

async fn speak(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &'static str) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn ask(http: &Http, origin: &Uri) -> Result<u16, ConnectorError> {
    let mut request = HttpRequest::empty();
    request.set_uri(origin.to_string()).unwrap();
    let response = http.call(request).await?;
    let status = response.status().as_u16();
    aws_smithy_types::byte_stream::ByteStream::new(response.into_body()).collect().await.unwrap();
    Ok(status)
}

fn http() -> Http {
    Http::new(crate::tls::config().unwrap(), WAITS, Schemes::HttpToo)
}

#[tokio::test]
async fn the_first_requests_use_the_connections_opened_ahead() {
    let (origin, connections) = serve(OK).await;
    let http = http();
    http.open_ahead(origin.clone()).await.unwrap();
    http.open_ahead(origin.clone()).await.unwrap();
    let (first, second) = futures_util::future::join(ask(&http, &origin), ask(&http, &origin)).await;
    assert_eq!((first.unwrap(), second.unwrap()), (200, 200));
    assert_eq!(ask(&http, &origin).await.unwrap(), 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2, "two opened ahead, then kept alive");
}

#[tokio::test]
async fn a_handshake_made_ahead_is_not_made_again() {
    let (origin, handshakes, roots) = serve_tls().await;
    let http = Http::new(crate::tls::config_trusting(roots).unwrap(), WAITS, Schemes::HttpsOnly);
    http.open_ahead(origin.clone()).await.unwrap();
    assert_eq!(ask(&http, &origin).await.unwrap(), 200);
    assert_eq!(ask(&http, &origin).await.unwrap(), 200);
    assert_eq!(handshakes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_certificate_outside_the_bundled_roots_is_refused() {
    let (origin, handshakes, _) = serve_tls().await;
    let error = ask(&http(), &origin).await.unwrap_err();
    assert!(error.is_io() && crate::error::chain(&error).contains("UnknownIssuer"), "{error:?}");
    assert_eq!(handshakes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_that_waited_too_long_is_not_used() {
    let (origin, connections) = serve(OK).await;
    let http = http();
    http.open_ahead(origin.clone()).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(STOCK_AGE).await;
    tokio::time::resume();
    assert_eq!(ask(&http, &origin).await.unwrap(), 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_that_may_be_retried() {
    let (origin, _) = serve("").await;
    let error = ask(&http(), &origin).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(crate::error::chain(&error), "timeout: no answer within 300ms");
}

#[tokio::test]
async fn a_closed_port_is_a_fault_that_may_be_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let http = http();
    assert!(ask(&http, &origin).await.unwrap_err().is_io());
    assert!(http.open_ahead(origin).await.is_err());
}

#[tokio::test]
async fn without_an_endpoint_of_ones_own_plain_http_is_refused() {
    let (origin, connections) = serve(OK).await;
    let http = Http::new(crate::tls::config().unwrap(), WAITS, Schemes::HttpsOnly);
    assert!(ask(&http, &origin).await.unwrap_err().is_io());
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn an_origin_is_the_same_with_and_without_its_default_port() {
    let origin = |text: &str| origin_of(&text.parse().unwrap());
    assert_eq!(origin("https://kms.eu-central-1.amazonaws.com"), origin("https://KMS.eu-central-1.amazonaws.com:443/path"));
    assert_ne!(origin("https://kms.eu-central-1.amazonaws.com"), origin("http://kms.eu-central-1.amazonaws.com"));
}
