//! Single rules of reading a record, each as a sentence.

use jiff::Timestamp;
use reprieve_core::{ActorKind, CallOutcome, EventForm, KeyArn, Target};
use reprieve_wire::{Invocation, Sighting, WireError, parse_envelope, parse_invocation, parse_record, parse_text};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn record(changes: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333", "userName": "alice"},
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "DisableKey",
        "awsRegion": "eu-central-1",
        "requestParameters": {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
        "responseElements": null,
        "eventID": "10000000-0000-4000-8000-000000000001",
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    if let (Some(record), Some(changes)) = (record.as_object_mut(), changes.as_object()) {
        record.extend(changes.clone());
    }
    record
}

#[test]
fn the_key_is_taken_in_the_order_of_trust() {
    let key = |id: &str| Target::Key(KeyArn::parse(&format!("arn:aws:kms:eu-central-1:111122223333:key/{id}")).unwrap());
    let arn = |id: &str| format!("arn:aws:kms:eu-central-1:111122223333:key/{id}");
    for (changes, expected) in [
        (json!({"resources": [{"ARN": arn("a")}], "responseElements": {"keyId": arn("b")}, "requestParameters": {"keyId": "c"}}), key("a")),
        (json!({"responseElements": {"keyId": arn("b")}, "requestParameters": {"keyId": "c"}}), key("b")),
        (json!({"requestParameters": {"keyId": "c"}}), key("c")),
        (json!({"requestParameters": {"keyId": "alias/prod"}}), Target::Named("alias/prod".to_owned())),
        (json!({"requestParameters": {"keyId": "alias/prod"}, "resources": [{"ARN": arn("a")}]}), key("a")),
        (
            json!({"requestParameters": {}, "resources": [{"ARN": arn("a")}, {"ARN": arn("b")}]}),
            Target::Named(format!("{}, {}", arn("a"), arn("b"))),
        ),
        (json!({"requestParameters": {"keyId": "b"}, "resources": [{"ARN": arn("a")}, {"ARN": arn("b")}]}), key("b")),
        (json!({"requestParameters": null}), Target::Unnamed),
    ] {
        assert_eq!(parse_record(&record(&changes)).unwrap().target, expected, "{changes}");
    }
}

#[test]
fn a_key_of_another_account_keeps_its_owner() {
    let changes = json!({"resources": [{"accountId": "999988887777", "type": "AWS::KMS::Key"}]});
    let event = parse_record(&record(&changes)).unwrap();
    assert_eq!(event.target.key().unwrap().account().as_str(), "999988887777");
    assert_eq!(event.account.unwrap().as_str(), "111122223333");
}

#[test]
fn every_partition_survives() {
    for (partition, region) in [
        ("aws", "eu-central-1"),
        ("aws-us-gov", "us-gov-east-1"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-iso-f", "us-isof-south-1"),
    ] {
        let arn = format!("arn:{partition}:iam::111122223333:user/alice");
        let changes = json!({"awsRegion": region, "userIdentity": {"type": "IAMUser", "arn": arn, "userName": "alice"}});
        let event = parse_record(&record(&changes)).unwrap();
        let expected = format!("arn:{partition}:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        assert_eq!(event.target.key().unwrap().as_str(), expected);
    }
}

#[test]
fn a_plain_record_has_no_oddity() {
    assert_eq!(parse_record(&record(&json!({}))).unwrap().oddities, []);
}

#[test]
fn versions_compare_as_numbers() {
    for (version, odd) in [("1.11", false), ("1.9", false), ("1.08", false), ("1", false), ("2.0", true), ("10.1", true), ("x", true)] {
        let event = parse_record(&record(&json!({"eventVersion": version}))).unwrap();
        assert_eq!(event.oddities.iter().any(|oddity| oddity.field == "eventVersion"), odd, "{version}");
    }
}

#[test]
fn deletion_dates_are_read_in_every_published_form() {
    for (written, expected) in [
        ("Apr 12, 2021 18:58:30 PM", "2021-04-12T18:58:30Z"),
        ("Oct 21, 2024, 2:25:29 PM", "2024-10-21T14:25:29Z"),
        ("Oct 21, 2024, 2:25:29\u{202f}PM", "2024-10-21T14:25:29Z"),
        ("Jan 1, 2019 12:00:00 AM", "2019-01-01T00:00:00Z"),
        ("Jan 1, 2019 12:00:00 PM", "2019-01-01T12:00:00Z"),
        ("Jan 1, 2019 00:10:00 AM", "2019-01-01T00:10:00Z"),
        ("January 1, 2019 1:02:03 am", "2019-01-01T01:02:03Z"),
        ("2021-04-12T18:58:30Z", "2021-04-12T18:58:30Z"),
        ("2021-04-12T20:58:30+02:00", "2021-04-12T18:58:30Z"),
        ("2021-04-12 18:58:30", "2021-04-12T18:58:30Z"),
        ("1618253910", "2021-04-12T18:58:30Z"),
    ] {
        let event = parse_record(&record(&json!({"responseElements": {"deletionDate": written}}))).unwrap();
        assert_eq!(event.details.deletion_date, Some(expected.parse::<Timestamp>().unwrap()), "{written}");
    }
    for written in ["soon", "Feb 30, 2021 1:00:00 PM", "Foo 1, 2021 1:00:00 PM", "Jan 1, 2021 25:00:00", "1e400", ""] {
        let event = parse_record(&record(&json!({"responseElements": {"deletionDate": written}}))).unwrap();
        assert_eq!(event.details.deletion_date, None, "{written}");
    }
}

#[test]
fn a_key_that_is_made_without_key_material_says_so() {
    for (request, response, awaits) in [
        (json!({"origin": "EXTERNAL"}), json!({"keyMetadata": {"origin": "EXTERNAL", "keyState": "PendingImport"}}), true),
        (json!({"origin": "EXTERNAL"}), Value::Null, true),
        // A replica takes its origin from its primary.
        (json!({}), json!({"keyMetadata": {"origin": "EXTERNAL", "keyState": "Creating"}}), true),
        (json!({"origin": "AWS_KMS"}), json!({"keyMetadata": {"origin": "AWS_KMS"}}), false),
        (json!({"origin": "AWS_CLOUDHSM", "customKeyStoreId": "cks-1"}), json!({"keyMetadata": {"origin": "AWS_CLOUDHSM"}}), false),
        (Value::Null, Value::Null, false),
    ] {
        let text = format!("{request} {response}");
        let created = json!({"eventName": "CreateKey", "requestParameters": request, "responseElements": response});
        assert_eq!(parse_record(&record(&created)).unwrap().details.awaits_material, awaits, "{text}");
    }
}

#[test]
fn callers_of_every_kind_are_read() {
    let assumed = json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Admin/bob", "accountId": "111122223333",
        "sessionContext": {"sourceIdentity": "bob@example.com", "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/team/Admin"}}});
    for (identity, kind, name, role) in [
        (assumed, ActorKind::AssumedRole, "bob as Admin", Some("arn:aws:iam::111122223333:role/team/Admin")),
        (json!({"type": "Root", "arn": "arn:aws:iam::1:root"}), ActorKind::Root, "arn:aws:iam::1:root", None),
        (json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}), ActorKind::AwsService, "ec2.amazonaws.com", None),
        (json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}), ActorKind::IdentityCenterUser, "u-1", None),
        (json!({"type": "WebIdentityUser", "userName": "w"}), ActorKind::ExternalUser, "w", None),
        (json!({"type": "Martian", "userName": "m"}), ActorKind::Other("Martian".to_owned()), "m", None),
        (json!({"accountId": "111122223333", "invokedBy": "AWS Internal"}), ActorKind::Unknown, "AWS Internal", None),
        (json!(null), ActorKind::Unknown, "an unknown caller", None),
    ] {
        let actor = parse_record(&record(&json!({"userIdentity": identity}))).unwrap().actor;
        let seen = (actor.kind.clone(), actor.display_name(), actor.role.as_ref().map(ToString::to_string));
        assert_eq!(seen, (kind, name.to_owned(), role.map(ToOwned::to_owned)));
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
#[test]
fn a_federated_session_keeps_who_made_it() {
    let federated = |issuer: &Value| {
        let identity = json!({"type": "FederatedUser", "principalId": "111122223333:bob", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:federated-user/bob", "sessionContext": {"sessionIssuer": issuer}});
        parse_record(&record(&json!({"userIdentity": identity}))).unwrap()
    };
    let user = "arn:aws:iam::111122223333:user/alice";
    let issuer = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": user, "accountId": "111122223333", "userName": "alice"});
    let event = federated(&issuer);
    assert_eq!(
        (event.actor.kind.clone(), event.actor.issuer.as_deref(), event.actor.role.clone()),
        (ActorKind::FederatedUser, Some(user), None)
    );
    assert_eq!(event.oddities, []);
    let herself = parse_record(&record(&json!({}))).unwrap().actor;
    assert!(event.actor.identities().is_superset(&herself.identities()), "{:?}", event.actor.identities());

    let root = "arn:aws:iam::111122223333:root";
    let event = federated(&json!({"type": "Root", "principalId": "111122223333", "arn": root, "accountId": "111122223333"}));
    assert!(event.actor.identities().contains(root), "{:?}", event.actor.identities());

    let role = "arn:aws:iam::111122223333:role/team/Admin";
    let event = federated(&json!({"type": "Role", "arn": role}));
    assert_eq!((event.actor.issuer, event.actor.role.as_ref().map(ToString::to_string).as_deref()), (None, Some(role)));
    assert_eq!(federated(&json!({})).actor.issuer, None);
}

#[test]
fn a_refused_call_is_known_by_its_code_with_or_without_a_message() {
    for code in ["AccessDenied", "AccessDeniedException", "KMSInvalidStateException"] {
        let event = parse_record(&record(&json!({"errorCode": code, "requestParameters": null}))).unwrap();
        assert_eq!(event.outcome, CallOutcome::Refused { code: code.to_owned(), message: None });
    }
    let message = format!("User: x is not authorized to perform: kms:DisableKey on resource: {KEY}");
    let event = parse_record(&record(&json!({"errorCode": "AccessDenied", "errorMessage": message, "requestParameters": null}))).unwrap();
    assert_eq!(event.target.key().unwrap().as_str(), KEY);
}

#[test]
fn a_hardware_key_that_was_not_deleted_is_a_failure() {
    let status = r#"[{"keyHandle":"1","deletionStatus":"SUCCESS"},{"keyHandle":"2","deletionStatus":"FAILURE"}]"#;
    let changes =
        json!({"eventName": "DeleteKey", "eventType": "AwsServiceEvent", "additionalEventData": {"backingKeysDeletionStatus": status}});
    let event = parse_record(&record(&changes)).unwrap();
    let CallOutcome::Refused { code, message } = event.outcome else { panic!("refused") };
    assert_eq!(
        (code.as_str(), message.unwrap().as_str()),
        ("BackingKeysNotDeleted", "1 of 2 backing keys were not deleted (key handles: 2)")
    );
}

#[test]
fn a_missing_id_is_derived_from_the_record_whatever_the_order_of_its_keys() {
    let one: Value = serde_json::from_str(r#"{"eventName":"X","a":{"b":1,"c":[2]}}"#).unwrap();
    let same: Value = serde_json::from_str(r#"{"a":{"c":[2],"b":1},"eventName":"X"}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"eventName":"X","a":{"b":1,"c":[3]}}"#).unwrap();
    let id = |value: &Value| parse_record(value).unwrap().id;
    assert_eq!(id(&one), id(&same));
    assert_ne!(id(&one), id(&other));
}

#[test]
fn a_time_ahead_of_every_clock_is_kept() {
    let event = parse_record(&record(&json!({"eventTime": "2999-01-01T00:00:00Z"}))).unwrap();
    assert_eq!(event.time.unwrap().to_string(), "2999-01-01T00:00:00Z");
}

#[test]
fn what_is_no_event_is_named() {
    for (value, expected) in [
        (json!(5), "expected a CloudTrail record (a JSON object), found a number: `5`"),
        (json!({"eventName": null}), "expected a CloudTrail record: `{\"eventName\":null}` has no `eventName` and no `detail-type`"),
    ] {
        assert_eq!(parse_record(&value).unwrap_err().to_string(), expected);
    }
    let envelope = json!({"detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": {}});
    let error = parse_envelope(&envelope).unwrap_err();
    assert!(matches!(error, WireError::NoRecord { .. }), "{error}");
}

#[test]
fn the_schedule_asks_for_a_sweep_directly_and_from_the_queue() {
    let envelope = json!({"version": "0", "id": "run-1", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "time": "2026-03-02T10:00:00Z", "detail": {"task": "sweep"}});
    let Invocation::Single(Sighting::Sweep(call)) = parse_invocation(&envelope).unwrap() else { panic!("a sweep") };
    assert_eq!((call.id.as_str(), call.time.unwrap().to_string().as_str()), ("run-1", "2026-03-02T10:00:00Z"));
    let batch = json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": envelope.to_string()}]});
    let Invocation::Batch(messages) = parse_invocation(&batch).unwrap() else { panic!("a batch") };
    assert_eq!(messages[0].sighting, Ok(Sighting::Sweep(call)));
}

#[test]
fn an_empty_batch_is_a_batch_and_a_foreign_one_is_refused() {
    assert_eq!(parse_invocation(&json!({"Records": []})), Ok(Invocation::Batch(Vec::new())));
    assert!(parse_invocation(&json!({"Records": [{"EventSource": "aws:sns"}]})).is_err());
    assert!(parse_invocation(&json!("text")).is_err());
}

#[test]
fn a_native_event_has_no_caller() {
    let envelope = json!({"id": "n", "detail-type": "KMS CMK Deletion", "source": "aws.kms", "account": "111122223333",
        "time": "2026-03-02T10:00:00Z", "region": "eu-central-1", "resources": [KEY], "detail": {"key-id": "1234abcd-12ab-34cd-56ef-1234567890ab"}});
    let Sighting::Event(event) = parse_envelope(&envelope).unwrap() else { panic!("an event") };
    assert_eq!((event.form, event.source.as_str(), event.target.key().unwrap().as_str()), (EventForm::Native, "aws.kms", KEY));
    assert!(!event.actor.is_known());
    assert_eq!(event.oddities, []);
}

#[test]
fn nesting_never_overflows() {
    let deep = format!("{{\"eventName\":\"X\",\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let lines = parse_text(&format!("{deep}\n{{\"eventName\":\"Y\"}}\n[{deep},{{\"eventName\":\"Z\"}}]\n{}", "{\"a\":".repeat(50_000)));
    let understood: Vec<_> = lines.iter().map(|line| (line.line, line.parsed.is_ok())).collect();
    assert_eq!(understood, [(1, false), (2, true), (3, false), (3, true), (4, false)]);
}

#[test]
fn a_spoiled_line_spoils_only_itself() {
    let text = "{\"eventName\":\"A\"}\r\n{\"eventName\":\"B\"\r\n\r\n{\"eventName\":\"C\"},\r\n\u{0}\r\n{\"eventName\":\"D\"} {\"eventName\":\"E\"}";
    let lines = parse_text(&format!("\u{feff}{text}"));
    let understood: Vec<_> = lines.iter().map(|line| (line.line, line.parsed.is_ok())).collect();
    assert_eq!(understood, [(1, true), (2, false), (4, true), (5, false), (6, true), (6, true)]);
}

#[test]
fn a_text_without_events_gives_nothing() {
    for text in ["", " \n\n", "[]", "{\"Records\":[]}"] {
        assert_eq!(parse_text(text), [], "{text:?}");
    }
}
