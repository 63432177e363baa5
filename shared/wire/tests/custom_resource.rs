//! CloudFormation's requests as it sends them, broken ones, and answers that it takes.
#![expect(clippy::unwrap_used, reason = "what builds requests for tests is still a test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use reprieve_wire::custom_resource::{ANSWER_LIMIT_BYTES, parse_custom_resource_request};
use reprieve_wire::{AnswerStatus, CustomResourceAnswer, ReplyTo, RequestType};
use serde_json::{Value, json};

const URL: &str =
    "https://cloudformation-custom-resource-response-eucentral1.s3.eu-central-1.amazonaws.com/arn%3Aaws?X-Amz-Signature=s0SECRET";

/// A request as CloudFormation sends it, with these changes; null takes a field out.
pub(crate) fn request(changes: &Value) -> Value {
    let mut request = json!({
        "RequestType": "Create",
        "ServiceToken": "arn:aws:lambda:eu-central-1:111122223333:function:reprieve-monitoring",
        "ResponseURL": URL,
        "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/reprieve/1a2b3c4d-0000-4000-8000-000000000001",
        "RequestId": "1a2b3c4d-0000-4000-8000-000000000002",
        "LogicalResourceId": "Monitoring",
        "ResourceType": "Custom::ReprieveMonitoring",
        "ResourceProperties": { "ServiceToken": "arn:aws:lambda:eu-central-1:111122223333:function:reprieve-monitoring", "Version": "0.1.0" },
    });
    for (name, value) in changes.as_object().unwrap() {
        request.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    request
}

#[test]
fn requests_are_read_as_they_are_sent() {
    let created = parse_custom_resource_request(&request(&json!({}))).unwrap();
    assert_eq!(created.request_type, RequestType::Create);
    assert_eq!((created.reply_to.url.as_str(), created.reply_to.physical_resource_id.as_deref()), (URL, None));
    assert_eq!(Value::Object(created.properties), json!({ "Version": "0.1.0" }));
    let changes = json!({ "RequestType": "Update", "PhysicalResourceId": "p-1", "OldResourceProperties": { "ServiceToken": "x", "Version": "0.0.9" } });
    let updated = parse_custom_resource_request(&request(&changes)).unwrap();
    assert_eq!((updated.request_type, updated.reply_to.physical_resource_id.as_deref()), (RequestType::Update, Some("p-1")));
    assert_eq!(Value::Object(updated.old_properties), json!({ "Version": "0.0.9" }));
    let deleted = parse_custom_resource_request(&request(&json!({ "RequestType": "Delete", "PhysicalResourceId": "p-1" }))).unwrap();
    assert_eq!(deleted.request_type, RequestType::Delete);
}

#[test]
fn what_makes_no_sense_is_refused_in_words_and_can_be_answered() {
    for (changes, words) in [
        (json!({ "RequestType": "Creat" }), "a `RequestType` of `Create`, `Update` or `Delete`, found `Creat`"),
        (json!({ "RequestType": 7 }), "found `7`"),
        (json!({ "RequestType": null }), "found `nothing`"),
        (json!({ "StackId": null }), "the `StackId`"),
        (json!({ "RequestId": "" }), "the `RequestId`"),
        (json!({ "LogicalResourceId": null }), "the `LogicalResourceId`"),
        (json!({ "RequestType": "Update" }), "the `PhysicalResourceId` of the resource that is to be updated"),
        (json!({ "RequestType": "Delete", "PhysicalResourceId": "" }), "the `PhysicalResourceId` of the resource that is to be deleted"),
    ] {
        let refused = parse_custom_resource_request(&request(&changes)).unwrap_err();
        assert!(refused.error.to_string().contains(words), "{}", refused.error);
        assert_eq!(refused.reply_to.unwrap().url.as_str(), URL, "{words}");
    }
}

#[test]
fn without_an_address_nobody_can_be_answered() {
    for payload in [request(&json!({ "ResponseURL": null })), request(&json!({ "ResponseURL": ["x"] })), json!([]), json!("x")] {
        let refused = parse_custom_resource_request(&payload).unwrap_err();
        assert_eq!(refused.reply_to, None, "{payload}");
    }
}

#[test]
fn the_address_is_never_shown() {
    let parsed = parse_custom_resource_request(&request(&json!({})));
    let refused = parse_custom_resource_request(&request(&json!({ "RequestType": "x" })));
    for text in [format!("{parsed:?}"), format!("{refused:?}"), parsed.unwrap().to_string(), refused.unwrap_err().to_string()] {
        assert!(!text.contains("SECRET") && !text.contains("s3."), "{text}");
    }
}

fn reply_to() -> ReplyTo {
    parse_custom_resource_request(&request(&json!({}))).unwrap().reply_to
}

fn answer(reason: &str, data: &[(&str, &str)]) -> CustomResourceAnswer {
    CustomResourceAnswer {
        status: AnswerStatus::Failed,
        reason: reason.to_owned(),
        physical_resource_id: "reprieve-monitoring-111122223333-eu-central-1".to_owned(),
        data: data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

#[test]
fn an_answer_repeats_who_asked() {
    let document: Value = serde_json::from_str(&answer("no", &[("Planned", "3")]).document(&reply_to())).unwrap();
    assert_eq!(
        document,
        json!({
            "Status": "FAILED",
            "Reason": "no",
            "PhysicalResourceId": "reprieve-monitoring-111122223333-eu-central-1",
            "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/reprieve/1a2b3c4d-0000-4000-8000-000000000001",
            "RequestId": "1a2b3c4d-0000-4000-8000-000000000002",
            "LogicalResourceId": "Monitoring",
            "NoEcho": false,
            "Data": { "Planned": "3" },
        })
    );
}

proptest! {
    #[test]
    fn no_answer_is_longer_than_cloudformation_reads(reason in "\\PC{0,6000}|\\n{0,6000}", value in "\\PC{0,6000}") {
        let whole = answer(&reason, &[("Summary", &value), ("Planned", "3")]);
        let document = whole.document(&reply_to());
        prop_assert!(document.len() <= ANSWER_LIMIT_BYTES, "{}", document.len());
        let document: Value = serde_json::from_str(&document).unwrap();
        let told = document["Reason"].as_str().unwrap();
        prop_assert!(told == reason || reason.starts_with(told.trim_end_matches('…')));
        prop_assert_eq!(&document["Data"]["Planned"], "3");
    }
}

#[test]
fn a_long_reason_is_cut_where_it_fits() {
    let document = answer(&"ü".repeat(10_000), &[]).document(&reply_to());
    assert!((ANSWER_LIMIT_BYTES - 8..=ANSWER_LIMIT_BYTES).contains(&document.len()), "{}", document.len());
    assert!(document.contains("üü…\""), "{document}");
}
