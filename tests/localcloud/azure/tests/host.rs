//! The stand-in of the Functions host, against a handler in a process of its own.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why and stops; counts are printed")]

mod function_app;

use function_app::app;
use reprieve_azure_sandbox::host::{Host, HostError, HostOptions, PayloadForm, WebhookAnswer};
use serde_json::{Value, json};

fn events(count: usize) -> Value {
    (0..count).map(|number| json!({ "id": number.to_string(), "data": { "number": number } })).collect()
}

#[tokio::test]
async fn events_are_given_one_a_call() {
    let app = app();
    let host = app.host(&json!({})).await;
    assert_eq!(host.webhook("OnEvent", "Notification", &events(3)).await, WebhookAnswer { status: 202, body: None });
    let calls = app.calls("OnEvent");
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call["Data"]["event"]["data"] == call["Metadata"]["data"]), "{calls:?}");
    host.stop().await;
}

#[tokio::test]
async fn a_function_of_many_gets_all_events_in_one_call() {
    let app = app();
    let host = app.host(&json!({})).await;
    assert_eq!(host.webhook("OnEvents", "Notification", &events(3)).await.status, 202);
    let calls = app.calls("OnEvents");
    assert_eq!(calls.iter().map(|call| call["Data"]["events"].as_array().map(Vec::len)).collect::<Vec<_>>(), [Some(3)]);
    host.stop().await;
}

#[tokio::test]
async fn one_failed_event_fails_its_batch() {
    let app = app();
    let host = app.host(&json!({ "OnEvent": [200, 500] })).await;
    assert_eq!(host.webhook("OnEvent", "Notification", &events(3)).await.status, 500);
    assert_eq!(app.calls("OnEvent").len(), 3);
    host.stop().await;
}

#[tokio::test]
async fn the_host_answers_the_handshake_itself() {
    let app = app();
    let host = app.host(&json!({})).await;
    let answer = host.webhook("OnEvent", "SubscriptionValidation", &json!([{ "data": { "validationCode": "code" } }])).await;
    assert_eq!(answer, WebhookAnswer { status: 200, body: Some(json!({ "validationResponse": "code" })) });
    assert_eq!(host.webhook("OnNothing", "SubscriptionValidation", &json!([])).await.status, 404);
    assert!(app.calls("OnEvent").is_empty());
    host.stop().await;
}

#[tokio::test]
async fn bindings_are_sent_in_the_form_asked_for() {
    for (form, is_form) in [
        (PayloadForm::Json, Value::is_object as fn(&Value) -> bool),
        (PayloadForm::Text, Value::is_string),
        (PayloadForm::TextTwice, Value::is_string),
        (PayloadForm::List, Value::is_array),
    ] {
        let app = app();
        let host = Host::start(HostOptions { form, ..app.options(&json!({})) }).await.expect("the app is hosted");
        assert_eq!(host.webhook("OnEvent", "Notification", &events(1)).await.status, 202);
        assert!(app.calls("OnEvent").iter().all(|call| is_form(&call["Data"]["event"])), "{form:?}");
        host.stop().await;
    }
}

#[tokio::test]
async fn answers_that_are_none_fail_the_call() {
    let app = app();
    let host = app.host(&json!({ "OnTimer": ["null", "text", 503, "exit"] })).await;
    for expected in ["hangs", "content type", "status 503", "cannot be reached"] {
        let fault = host.run_timer("OnTimer").await.outcome.expect_err("the call fails").to_string();
        assert!(fault.contains(expected), "{fault}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_handler_that_ended_is_started_again() {
    let app = app();
    let host = app.host(&json!({ "OnTimer": ["exit"] })).await;
    assert!(host.run_timer("OnTimer").await.outcome.is_err());
    assert_eq!(host.webhook("OnEvent", "Notification", &events(1)).await.status, 202);
    assert_eq!(host.invocations().last().map(|invocation| invocation.logs.clone()), Some(vec!["called OnEvent".to_owned()]));
    host.stop().await;
}

#[tokio::test]
async fn stopping_ends_the_process() {
    let app = app();
    let host = app.host(&json!({})).await;
    let id = host.process_id().await.expect("the handler runs");
    let other = host.clone();
    host.stop().await;
    assert_eq!(other.process_id().await, None);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "process {id} is left");
    assert_eq!(other.log(), ["out listening"]);
}

#[tokio::test]
async fn folders_that_the_host_would_refuse_are_refused() {
    let two = json!({ "bindings": [{ "type": "timerTrigger", "name": "a" }, { "type": "timerTrigger", "name": "b" }] });
    let unresolved = json!({ "bindings": [{ "type": "timerTrigger", "name": "a", "schedule": "%NOTHING%" }] });
    let retry = json!({ "strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:01" });
    let retried = json!({ "bindings": [{ "type": "eventGridTrigger", "name": "a" }], "retry": retry });
    let handler = json!({ "description": { "defaultExecutablePath": "handler" } });
    let bare = json!({ "version": "2.0", "customHandler": handler });
    let other = json!({ "version": "2.0", "customHandler": handler, "extensionBundle": { "id": "Another", "version": "[4.*, 5.0.0)" } });
    let unregistered = "The binding type(s) 'eventGridTrigger' are not registered. Please ensure the type is correct and the binding \
                        extension is installed.";
    let cases = [
        ("host.json", bare, unregistered),
        ("host.json", other, unregistered),
        ("host.json", json!({ "version": "1.0" }), "`version` is `1.0`"),
        ("host.json", json!({ "version": "2.0" }), "`customHandler` is missing"),
        ("Odd/function.json", two, "exactly one trigger"),
        ("Odd/function.json", unresolved, "the app setting `NOTHING` is missing"),
        ("Odd/function.json", retried, "`retry` has no effect"),
    ];
    for (file, content, expected) in cases {
        let app = app();
        app.write(file, &content);
        let error = Host::start(app.options(&json!({}))).await.err().expect("the app is refused");
        assert!(error.to_string().contains(expected), "{file}: {error}");
    }
}

#[tokio::test]
async fn a_handler_that_does_not_listen_is_told_with_its_last_words() {
    let app = app();
    std::fs::write(app.path().join("handler"), "#!/bin/sh\necho no key; exit 7\n").expect("the handler can be replaced");
    let error = Host::start(app.options(&json!({}))).await.err().expect("the app is refused");
    assert!(matches!(&error, HostError::Ended { .. }) && error.to_string().contains("no key"), "{error}");
}
