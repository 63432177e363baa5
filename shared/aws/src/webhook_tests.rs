//! Webhooks against a server on the loopback interface: what they are sent, when it is sent again, and that no secret is ever shown.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use reprieve_wire::chat;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::span;

use super::*;
use crate::http::{Schemes, Waits};
use reprieve_test_support::record;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
/// Stands for a server that takes a request and says nothing.
const SILENT: &str = "";

/// What the tests' URLs hold and nobody may see.
const SECRET: &str = "services/T0SECRET/B0SECRET/x0SECRETx";

/// A chat that gives these answers in turn, the last one for ever, and keeps what it was sent.
struct Chat {
    port: u16,
    received: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Chat {
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
                if answer == SILENT {
                    tokio::spawn(async move { stream.read_u8().await });
                } else {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { port, received }
    }

    fn line(&self, kind: &str) -> String {
        format!("{kind} http://127.0.0.1:{}/{SECRET}?sig=s0SECRET", self.port)
    }

    fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

/// Reads one request: its head, and its body as JSON.
async fn read_request(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    loop {
        let count = stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parts = text.split_once("\r\n\r\n").and_then(|(head, body)| Some((head.to_owned(), serde_json::from_str(body).ok()?)));
        if let Some(request) = parts {
            return request;
        }
        assert_ne!(count, 0, "{text}");
    }
}

fn sink(lines: &str, schemes: Schemes) -> WebhookNoticeSink {
    let waits = Waits { connect: Duration::from_secs(1), answer: Duration::from_secs(3) };
    WebhookNoticeSink { http: Http::new(crate::tls::config().unwrap(), waits, schemes), webhooks: Webhooks::parse(lines).unwrap() }
}

async fn tell(lines: &str) -> Result<(), CallError> {
    sink(lines, Schemes::HttpToo).tell(&notice(), &record()).await
}

fn notice() -> Notice {
    Notice::of(&record()).unwrap()
}

#[tokio::test]
async fn each_webhook_gets_its_own_shape() {
    let (slack, teams) = (Chat::answering(&[OK]).await, Chat::answering(&[ACCEPTED]).await);
    tell(&format!("# the channels\n\n{}\n{}\n", slack.line("slack"), teams.line("teams"))).await.unwrap();
    let (head, body) = slack.received.lock().unwrap().remove(0);
    assert!(head.starts_with(&format!("POST /{SECRET}?sig=s0SECRET HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    assert_eq!(body, chat::slack(&notice(), &record()));
    assert_eq!(teams.received.lock().unwrap().remove(0).1, chat::teams(&notice(), &record()));
}

#[tokio::test]
async fn a_busy_webhook_is_tried_once_more() {
    const LIMITED: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    const SLOW: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";
    for (answers, count, error, at_least_ms) in [
        (vec![BUSY, OK], 2, None, 300),
        (vec![LIMITED, OK], 2, None, 1_000),
        (vec![SLOW, OK], 2, None, 2_000),
        (vec![BUSY], 2, Some("slack at 127.0.0.1: HTTP 503, then HTTP 503"), 300),
        (vec![GONE, OK], 1, Some("slack at 127.0.0.1: HTTP 404"), 0),
        (vec![MOVED, OK], 1, Some("slack at 127.0.0.1: HTTP 302"), 0),
        (vec![SILENT], 1, Some("slack at 127.0.0.1: no answer within 3 s"), 2_900),
    ] {
        let chat = Chat::answering(&answers).await;
        let start = std::time::Instant::now();
        let told = tell(&chat.line("slack")).await.err().map(|error| error.to_string());
        assert_eq!(told, error.map(|words| format!("webhook:Post: no usable answer: {words}")));
        assert_eq!(chat.count(), count, "{answers:?}");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(at_least_ms) && took < Duration::from_millis(3_900), "{answers:?} took {took:?}");
    }
}

#[tokio::test]
async fn plain_http_is_refused_without_an_endpoint_of_ones_own() {
    let chat = Chat::answering(&[OK]).await;
    sink(&chat.line("slack"), Schemes::HttpsOnly).tell(&notice(), &record()).await.unwrap_err();
    assert_eq!(chat.count(), 0);
}

/// A sink that answers as it is told.
struct Answers(Result<(), CallError>);

impl NoticeSink for Answers {
    async fn tell(&self, _notice: &Notice, _record: &Record) -> Result<(), CallError> {
        self.0.clone()
    }
}

#[tokio::test]
async fn a_failing_webhook_fails_no_notice_and_a_failing_topic_does() {
    let chat = Chat::answering(&[GONE]).await;
    let webhooks = || sink(&chat.line("slack"), Schemes::HttpToo);
    let failed = CallError::Unavailable { call: "sns:Publish", message: "x".to_owned() };
    let told = FanOutNoticeSink::new(Answers(Ok(())), webhooks()).tell(&notice(), &record()).await;
    assert_eq!(told, Ok(()));
    let told = FanOutNoticeSink::new(Answers(Err(failed.clone())), webhooks()).tell(&notice(), &record()).await;
    assert_eq!(told, Err(failed));
    assert_eq!(chat.count(), 2, "the chat is told although the topic is not");
}

#[tokio::test]
async fn nobody_is_shown_the_url_of_a_webhook() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let unreachable = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let plain = Chat::answering(&[OK]).await;
    let broken = Chat::answering(&["nonsense\r\n\r\n"]).await;
    let lines = [
        format!("slack http://127.0.0.1:{unreachable}/{SECRET}?sig=s0SECRET"),
        format!("teams https://127.0.0.1:{}/{SECRET}?sig=s0SECRET", plain.port),
        format!("teams https://no.such.host.invalid/{SECRET}?sig=s0SECRET"),
        Chat::answering(&[GONE]).await.line("slack"),
        Chat::answering(&[BUSY]).await.line("teams"),
        Chat::answering(&[SILENT]).await.line("teams"),
        broken.line("slack"),
    ];
    for schemes in [Schemes::HttpToo, Schemes::HttpsOnly] {
        let sink = sink(&lines.join("\n"), schemes);
        let shown = format!("{sink:?} {:?}", sink.webhooks);
        let error = sink.tell(&notice(), &record()).await.unwrap_err().to_string();
        assert_eq!(error.matches("; ").count(), lines.len() - 1, "each is named: {error}");
        assert!(error.contains("teams at no.such.host.invalid: "), "{error}");
        FanOutNoticeSink::new(Answers(Ok(())), sink).tell(&notice(), &record()).await.unwrap();
        let logged = log.0.lock().unwrap().join("\n");
        assert!(logged.contains("a notice did not reach every channel"), "{logged}");
        for text in [shown, error, logged] {
            assert!(!text.contains("SECRET"), "{text}");
        }
    }
}

/// Keeps everything that anybody logs, of every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut line = Line::default();
        attributes.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let Self(line) = self;
        *line = format!("{line}{}={value:?} ", field.name());
    }
}
