//! The notice sink: what subscribers see, what they can filter by, and that nothing is ever too long to be sent.

use aws_sdk_sns::operation::publish::PublishOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::lazily::lazily;
use reprieve_test_support::record;

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:notices";

fn notice() -> Notice {
    Notice::of(&record()).unwrap()
}

#[tokio::test]
async fn a_notice_holds_sentences_json_and_filters() {
    let rule = mock!(Client::publish)
        .match_requests(|request| {
            let (text, json) = request.message().unwrap().rsplit_once("\n\n").unwrap();
            let json: Value = serde_json::from_str(json).unwrap();
            let attributes = request.message_attributes().unwrap();
            let attribute = |name: &str| attributes[name].string_value().unwrap().to_owned();
            request.topic_arn() == Some(TOPIC)
                && request.subject() == Some(&notice().subject)
                && text == notice().text()
                && json["event"]["id"] == "event-1"
                && json["key"] == record().key().unwrap().as_str()
                && json["actor"]["name"] == "mallory"
                && json["owner"] == Value::Null
                && json["commands"] == json!([])
                && json["steps"][0]["step"] == "CancelKeyDeletion"
                && attribute("severity") == "high"
                && attribute("status") == "success"
                && attribute("decision") == "remedy"
                && attribute("threat") == "deletion_scheduled"
        })
        .then_output(|| PublishOutput::builder().build());
    let client = mock_client!(aws_sdk_sns, [&rule]);
    SnsNoticeSink::new(lazily(move || client), TOPIC).tell(&notice(), &record()).await.unwrap();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_error_of_sns_is_sorted() {
    for (status, code, expected) in [
        (403, "AuthorizationError", "access denied"),
        (400, "KMSAccessDenied", "access denied"),
        (400, "KMSThrottling", "throttled"),
        (400, "Throttled", "throttled"),
        (500, "InternalError", "no usable answer"),
        (503, "ServiceUnavailable", "no usable answer"),
        (404, "NotFound", "rejected"),
        (400, "InvalidParameter", "rejected"),
        (400, "ParameterValueInvalid", "rejected"),
        (403, "InvalidSecurity", "access denied"),
        (400, "KMSDisabled", "rejected"),
        (400, "KMSInvalidState", "rejected"),
        (400, "KMSNotFound", "rejected"),
        (403, "KMSOptInRequired", "access denied"),
        (400, "EndpointDisabled", "rejected"),
        (400, "PlatformApplicationDisabled", "rejected"),
        (400, "ValidationException", "rejected"),
    ] {
        let rule = mock!(Client::publish).then_http_response(move || {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>");
            let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
            response.headers_mut().insert("x-amzn-requestid", "r-1");
            response
        });
        let client = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&rule]);
        let error = SnsNoticeSink::new(lazily(move || client), TOPIC).tell(&notice(), &record()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("sns:Publish: {expected}")), "{code}: {error}");
        assert!(error.to_string().ends_with("words (request r-1)"), "{error}");
    }
}

#[test]
fn a_message_that_is_too_long_is_shortened_and_says_so() {
    let long = message(&"ü".repeat(300_000), r#"{"a":1}"#);
    assert!(long.len() <= MESSAGE_LIMIT_BYTES && long.len() > MESSAGE_LIMIT_BYTES - 4);
    assert!(long.ends_with("[shortened; the audit record holds everything]\n\n{\"a\":1}"));
    let both = message(&"a".repeat(300_000), &"b".repeat(300_000));
    assert!(both.len() <= MESSAGE_LIMIT_BYTES && both.ends_with(r#"{"shortened":true}"#));
    assert_eq!(message("short", "{}"), "short\n\n{}");
}

#[test]
fn a_long_field_is_shortened_in_place() {
    let mut value = json!({"steps": [{"error": "ü".repeat(5_000)}]});
    shorten_fields(&mut value);
    let text = value["steps"][0]["error"].as_str().unwrap();
    assert!(text.ends_with("[shortened]") && text.len() < FIELD_LIMIT_BYTES + 20);
}
