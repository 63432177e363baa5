//! Webhooks against scripted answers: what they are sent, when it is sent again, and that no secret is ever shown.

use reprieve_wire::chat;

use super::*;
use crate::scripted::{Scripted, ScriptedHttp, empty};
use reprieve_test_support::record;

/// What the tests' URLs hold and nobody may see.
const SECRET: &str = "services/T0SECRET/B0SECRET/x0SECRETx";

fn line(kind: &str) -> String {
    format!("{kind} https://hooks.example/{SECRET}?sig=s0SECRET")
}

fn notice() -> Notice {
    Notice::of(&record()).unwrap()
}

async fn tell(http: &Arc<ScriptedHttp>, lines: &str) -> Result<(), CallError> {
    let http: Arc<dyn HttpClient> = http.clone();
    WebhookNoticeSink::new(http, Webhooks::parse(lines).unwrap()).tell(&notice(), &record()).await
}

#[tokio::test]
async fn each_webhook_gets_its_own_shape() {
    let http = ScriptedHttp::playing([empty(200)]);
    tell(&http, &format!("# the channels\n\n{}\n{}\n", line("slack"), line("teams"))).await.unwrap();
    let asked = http.asked();
    assert_eq!(asked[0].line, format!("POST https://hooks.example/{SECRET}?sig=s0SECRET"));
    assert_eq!((asked[0].header("content-type"), asked[0].header("authorization")), (Some("application/json; charset=utf-8"), None));
    assert_eq!(asked[0].json(), chat::slack(&notice(), &record()));
    assert_eq!(asked[1].json(), chat::teams(&notice(), &record()));
}

#[tokio::test]
async fn without_webhooks_there_is_nobody_to_tell() {
    let http = ScriptedHttp::playing([Scripted::Broken]);
    tell(&http, "# none\n").await.unwrap();
    assert_eq!(http.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_webhook_is_tried_once_more() {
    let (ok, busy, gone, moved) = (empty(200), empty(503), empty(404), empty(302));
    let limited = |seconds: &str| empty(429).with("retry-after", seconds);
    for (answers, count, error, took_ms) in [
        (vec![busy.clone(), ok.clone()], 2, None, 300),
        (vec![limited("1"), ok.clone()], 2, None, 1_000),
        (vec![limited("3600"), ok.clone()], 2, None, 2_000),
        (vec![Scripted::Broken, ok.clone()], 2, None, 300),
        (vec![busy], 2, Some("slack at hooks.example: HTTP 503, then HTTP 503"), 300),
        (vec![gone, ok.clone()], 1, Some("slack at hooks.example: HTTP 404"), 0),
        (vec![moved, ok], 1, Some("slack at hooks.example: HTTP 302"), 0),
        (vec![Scripted::Broken], 2, Some("slack at hooks.example: connection reset, then connection reset"), 300),
        (vec![Scripted::Silence], 1, Some("slack at hooks.example: no answer within 3 s"), 3_000),
    ] {
        let http = ScriptedHttp::playing(answers.clone());
        let start = tokio::time::Instant::now();
        let told = tell(&http, &line("slack")).await.err().map(|error| error.to_string());
        assert_eq!(told, error.map(|words| format!("webhook:Post: no usable answer: {words}")));
        assert_eq!((http.lines().len(), start.elapsed().as_millis()), (count, took_ms), "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_fails_keeps_no_other_from_being_told() {
    let http = ScriptedHttp::answering(|line| if line.contains("//gone.example/") { empty(404) } else { empty(200) });
    let error = tell(&http, &format!("slack https://gone.example/a\n{}", line("teams"))).await.unwrap_err().to_string();
    assert_eq!(error, "webhook:Post: no usable answer: slack at gone.example: HTTP 404");
    assert_eq!(http.lines().len(), 2);
}
