//! Records held against the shapes that AWS documents.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::super::answer::Refusal;
use super::super::caller::Principal;
use super::*;

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn call(service: &str, operation: &str, protocol: Protocol, input: Value) -> Call {
    Call {
        service: service.into(),
        operation: operation.into(),
        region: "us-west-2".into(),
        access_key_id: Some("AKIAEXAMPLE".into()),
        protocol,
        input,
        user_agent: "aws-cli/2.34".into(),
    }
}

fn kms(operation: &str, input: Value) -> Call {
    call("kms", operation, Protocol::Json11, input)
}

fn ok(body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-requestid", HeaderValue::from_static("request-1"));
    Answer { status: StatusCode::OK, headers, body: Bytes::from(body.to_owned()) }
}

fn alice() -> Option<Caller> {
    Caller::of(&Principal {
        access_key_id: "AKIAEXAMPLE".into(),
        arn: "arn:aws:iam::111122223333:user/Alice".into(),
        principal_id: "AIDAEXAMPLE".into(),
        role_arn: None,
        session_began: None,
    })
}

fn recorded(call: &Call, answer: &Answer, key_arn: Option<&str>) -> Value {
    let (Some(source), Some(caller)) = (recorded_source(call), alice()) else { return Value::Null };
    let at = Timestamp::from_second(1_795_197_749).unwrap_or_default();
    record(source, &Recorded { call, caller: &caller, answer, key_arn, at, event_id: "event-1".into(), source_ip: "192.0.2.0".into() })
}

#[test]
fn scheduled_deletion_has_the_documented_record() {
    let call = kms("ScheduleKeyDeletion", json!({"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "PendingWindowInDays": 7}));
    let answer = ok(&format!(r#"{{"KeyId":"{KEY}","DeletionDate":1795802549,"KeyState":"PendingDeletion","PendingWindowInDays":7}}"#));
    assert_eq!(
        recorded(&call, &answer, Some(KEY)),
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/Alice",
                "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "Alice"
            },
            "eventTime": "2026-11-20T18:02:29Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": "ScheduleKeyDeletion",
            "awsRegion": "us-west-2",
            "sourceIPAddress": "192.0.2.0",
            "userAgent": "aws-cli/2.34",
            "requestParameters": {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "pendingWindowInDays": 7},
            "responseElements": {
                "keyId": KEY, "deletionDate": "Nov 27, 2026, 6:02:29 PM", "keyState": "PendingDeletion",
                "pendingWindowInDays": 7
            },
            "requestID": "request-1",
            "eventID": "event-1",
            "readOnly": false,
            "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY}],
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": "111122223333",
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_256_GCM_SHA384",
                "clientProvidedHostHeader": "kms.us-west-2.amazonaws.com"
            }
        })
    );
}

#[test]
fn response_elements_are_those_that_each_call_has() {
    let table = [
        (kms("CancelKeyDeletion", json!({"KeyId": "k"})), format!(r#"{{"KeyId":"{KEY}"}}"#), json!({"keyId": KEY})),
        (
            kms("ScheduleKeyDeletion", json!({"KeyId": "k"})),
            format!(r#"{{"KeyId":"{KEY}","KeyState":"PendingReplicaDeletion","PendingWindowInDays":30}}"#),
            json!({"keyId": KEY, "keyState": "PendingReplicaDeletion", "pendingWindowInDays": 30}),
        ),
        (kms("EnableKey", json!({"KeyId": "k"})), "{}".into(), Value::Null),
        (kms("TagResource", json!({"KeyId": "k"})), "{}".into(), Value::Null),
        (kms("CreateGrant", json!({"KeyId": "k"})), r#"{"GrantId":"g","GrantToken":"t"}"#.into(), json!({"grantId": "g"})),
        (call("cloudtrail", "StopLogging", Protocol::Json11, json!({"Name": "t"})), "{}".into(), Value::Null),
        (call("events", "PutRule", Protocol::Json11, json!({"Name": "r"})), r#"{"RuleArn":"arn:r"}"#.into(), json!({"ruleArn": "arn:r"})),
        (
            call("sns", "CreateTopic", Protocol::Query, json!({"Name": "t"})),
            "<CreateTopicResponse><CreateTopicResult><TopicArn>arn:t</TopicArn></CreateTopicResult></CreateTopicResponse>".into(),
            json!({"topicArn": "arn:t"}),
        ),
        (call("monitoring", "DeleteAlarms", Protocol::Query, json!({"AlarmNames": ["a"]})), "<x/>".into(), Value::Null),
    ];
    for (call, body, expected) in table {
        assert_eq!(recorded(&call, &ok(&body), None).get("responseElements"), Some(&expected), "{}", call.operation);
    }
}

#[test]
fn created_key_is_shown_with_its_metadata() {
    let body =
        format!(r#"{{"KeyMetadata":{{"KeyId":"k","Arn":"{KEY}","CreationDate":1795197749,"Enabled":true,"SigningAlgorithms":[]}}}}"#);
    let record = recorded(&kms("CreateKey", json!({})), &ok(&body), None);
    assert_eq!(
        record.get("responseElements"),
        Some(&json!({"keyMetadata": {
            "keyId": "k", "arn": KEY, "creationDate": "Nov 20, 2026, 6:02:29 PM", "enabled": true,
            "aWSAccountId": "111122223333"
        }}))
    );
    assert_eq!(record.pointer("/resources/0/ARN"), Some(&json!(KEY)));
    assert_eq!(
        record.get("requestParameters"),
        Some(&json!({
            "tags": [], "keyUsage": "ENCRYPT_DECRYPT", "description": "", "origin": "AWS_KMS", "multiRegion": false,
            "keySpec": "SYMMETRIC_DEFAULT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "bypassPolicyLockoutSafetyCheck": false
        }))
    );
}

#[test]
fn tags_are_recorded_wherever_they_are_set_or_taken() {
    let tags = json!([{"TagKey": "Department", "TagValue": "IT"}]);
    let recorded_tags = json!([{"tagKey": "Department", "tagValue": "IT"}]);
    let table = [
        ("TagResource", json!({"KeyId": KEY, "Tags": tags}), json!({"keyId": KEY, "tags": recorded_tags})),
        ("UntagResource", json!({"KeyId": KEY, "TagKeys": ["Dept"]}), json!({"keyId": KEY, "tagKeys": ["Dept"]})),
        (
            "ReplicateKey",
            json!({"KeyId": KEY, "ReplicaRegion": "eu-west-1", "Tags": tags}),
            json!({"keyId": KEY, "replicaRegion": "eu-west-1", "tags": recorded_tags, "description": "",
                   "bypassPolicyLockoutSafetyCheck": false}),
        ),
        (
            "CreateKey",
            json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Description": "d", "Tags": tags}),
            json!({"keySpec": "ECC_NIST_P256", "customerMasterKeySpec": "ECC_NIST_P256", "keyUsage": "SIGN_VERIFY",
                   "description": "d", "origin": "AWS_KMS", "multiRegion": false, "tags": recorded_tags,
                   "bypassPolicyLockoutSafetyCheck": false}),
        ),
    ];
    for (operation, input, expected) in table {
        let record = recorded(&kms(operation, input), &ok("{}"), Some(KEY));
        assert_eq!(record.get("requestParameters"), Some(&expected), "{operation}");
    }
}

#[test]
fn signature_is_recorded_as_a_read_without_its_message() {
    let call = kms("Sign", json!({"KeyId": "alias/a", "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256", "GrantTokens": ["t"]}));
    let record = recorded(&call, &ok(&format!(r#"{{"KeyId":"{KEY}","Signature":"MEUC"}}"#)), Some(KEY));
    let expected = [
        ("eventName", json!("Sign")),
        ("requestParameters", json!({"keyId": "alias/a", "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256"})),
        ("responseElements", Value::Null),
        ("readOnly", json!(true)),
        ("resources", json!([{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY}])),
    ];
    for (name, value) in expected {
        assert_eq!(record.get(name), Some(&value), "{name}");
    }
}

#[test]
fn refused_call_carries_its_error_and_no_response() {
    let call = kms("TagResource", json!({"KeyId": "k", "Tags": [{"TagKey": "a", "TagValue": "b"}]}));
    let refusal = Refusal::bad_request("KMSInvalidStateException", format!("{KEY} is pending deletion."));
    let record = recorded(&call, &Answer::refused(&call, &refusal), Some(KEY));
    assert_eq!(record.get("errorCode"), Some(&json!("KMSInvalidStateException")));
    assert_eq!(record.get("errorMessage"), Some(&json!(format!("{KEY} is pending deletion."))));
    assert_eq!(record.get("requestParameters"), Some(&json!({"keyId": "k", "tags": [{"tagKey": "a", "tagValue": "b"}]})));
    assert_eq!(record.get("responseElements"), Some(&Value::Null));

    let denied = recorded(&call, &Answer::refused(&call, &Refusal::bad_request("AccessDeniedException", "no")), Some(KEY));
    assert_eq!(denied.get("requestParameters"), Some(&Value::Null));
}

#[test]
fn secrets_stay_out_and_dates_are_written_out() {
    let call = kms(
        "ImportKeyMaterial",
        json!({"KeyId": "k", "ImportToken": "t", "EncryptedKeyMaterial": "m", "ValidTo": 1_795_197_749,
               "ExpirationModel": "KEY_MATERIAL_EXPIRES"}),
    );
    assert_eq!(
        recorded(&call, &ok("{}"), Some(KEY)).get("requestParameters"),
        Some(&json!({"keyId": "k", "validTo": "Nov 20, 2026, 6:02:29 PM", "expirationModel": "KEY_MATERIAL_EXPIRES"}))
    );
}

#[test]
fn alias_calls_name_alias_and_key() {
    let call = kms("UpdateAlias", json!({"AliasName": "alias/my_alias", "TargetKeyId": "k"}));
    assert_eq!(
        recorded(&call, &ok("{}"), Some(KEY)).get("resources"),
        Some(&json!([
            {"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:us-west-2:111122223333:alias/my_alias"},
            {"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY}
        ]))
    );
}

#[test]
fn only_management_writes_of_the_watched_services_and_signatures_are_recorded() {
    let table = [
        ("kms", "ScheduleKeyDeletion", true),
        ("kms", "RevokeGrant", true),
        ("kms", "Sign", true),
        ("kms", "Encrypt", false),
        ("kms", "DescribeKey", false),
        ("cloudtrail", "StopLogging", true),
        ("cloudtrail", "LookupEvents", false),
        ("logs", "DeleteMetricFilter", true),
        ("logs", "PutLogEvents", false),
        ("monitoring", "PutMetricAlarm", true),
        ("monitoring", "PutMetricData", false),
        ("sns", "Publish", false),
        ("sns", "Unsubscribe", true),
        ("events", "DisableRule", true),
        ("events", "PutEvents", false),
        ("dynamodb", "PutItem", false),
    ];
    for (service, operation, expected) in table {
        let call = call(service, operation, Protocol::Json11, Value::Null);
        assert_eq!(recorded_source(&call).is_some(), expected, "{service}:{operation}");
    }
}

#[test]
fn service_event_names_no_caller_and_only_the_key() {
    let event = service_event("DeleteKey", KEY, Timestamp::UNIX_EPOCH, "event-1");
    assert_eq!(event.get("userIdentity"), Some(&json!({"accountId": "111122223333", "invokedBy": "AWS Internal"})));
    assert_eq!(event.get("eventType"), Some(&json!("AwsServiceEvent")));
    assert_eq!(event.get("requestParameters"), Some(&Value::Null));
    assert_eq!(event.pointer("/serviceEventDetails/keyId"), Some(&json!("1234abcd-12ab-34cd-56ef-1234567890ab")));
    assert_eq!(event.get("awsRegion"), Some(&json!("us-west-2")));
}
