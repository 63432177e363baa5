//! Edge cases that begin with the provider's JSON: odd shapes are parsed as far as they go, and no other key is ever acted on.

use reprieve_core::{Event, KeyArn, KeyState, Status, Target};
use reprieve_test_support::world::domain;
use reprieve_test_support::{FakeKey, guard};
use reprieve_wire::{Sighting, parse_envelope, parse_record};
use serde_json::{Value, json};

use crate::assert_given_back;

const ACCOUNT: &str = "111122223333";

/// Returns a record of `ScheduleKeyDeletion` as CloudTrail writes it, for this key.
fn schedule_record(arn: &str, region: &str) -> Value {
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let caller = format!("arn:{partition}:sts::{ACCOUNT}:assumed-role/Admin/mallory@example.com");
    let role = format!("arn:{partition}:iam::{ACCOUNT}:role/Admin");
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:mallory@example.com",
            "arn": caller,
            "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": ACCOUNT, "userName": "Admin"}}
        },
        "eventTime": "2026-11-20T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "ScheduleKeyDeletion",
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": {"keyId": arn, "pendingWindowInDays": 7},
        "responseElements": {"keyId": arn, "keyState": "PendingDeletion", "deletionDate": "Nov 27, 2026, 10:00:00 AM"},
        "eventID": "5d1a6b3e-0000-4000-8000-000000000001",
        "readOnly": false,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management"
    })
}

fn envelope(record: &Value) -> Value {
    json!({
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.kms",
        "account": ACCOUNT,
        "time": "2026-11-20T10:00:00Z",
        "region": record.get("awsRegion"),
        "resources": [],
        "detail": record
    })
}

fn parsed(record: &Value) -> Event {
    let Sighting::Event(event) = parse_envelope(&envelope(record)).unwrap() else { unreachable!("no sweep") };
    assert_eq!(parse_record(record).unwrap().target, event.target, "the record says the same without its envelope");
    *event
}

/// Edge case 8, P17: a primary that waits for its replicas has no deletion date: parsed, and the cancel is attempted.
#[test]
fn case_08_pending_replica_deletion_without_a_date_is_cancelled() {
    let world = guard().build();
    let primary = KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab").unwrap();
    let replica = KeyArn::parse(&primary.as_str().replace("eu-central-1", "us-east-1")).unwrap();
    world.keys.put(&primary, FakeKey { replicas: [replica].into(), ..FakeKey::default() });
    world.keys.schedule_deletion(&primary, 7).unwrap();
    assert_eq!(world.keys.state(&primary), KeyState::PendingReplicaDeletion);

    let mut record = schedule_record(primary.as_str(), "eu-central-1");
    record["responseElements"] = json!({"keyId": primary.as_str(), "keyState": "PendingReplicaDeletion", "pendingWindowInDays": 7});
    let event = parsed(&record);
    assert_eq!((event.details.deletion_date, event.details.waiting_period_days), (None, Some(7)));
    let record = world.settle(&event);
    assert_given_back(&world, &primary, &record);
}

/// Edge case 23, P6: an alias, or the ARN of another account's key, is never acted on; no call crosses accounts.
#[test]
fn case_23_an_alias_or_a_foreign_key_is_never_acted_on() {
    let world = guard().build();
    let mut alias = schedule_record("alias/production", "eu-central-1");
    alias["responseElements"] = Value::Null;
    alias["resources"] = Value::Null;
    let event = parsed(&alias);
    assert!(matches!(&event.target, Target::Named(name) if name == "alias/production"), "{:?}", event.target);
    let record = world.settle(&event);
    assert_eq!(record.status, Status::Escalated);
    assert!(record.decision.unwrap().why().sentence.contains("we never guess which key is meant"));

    let foreign = "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let mut record = schedule_record(foreign, "eu-central-1");
    record["eventID"] = json!("5d1a6b3e-0000-4000-8000-000000000002");
    let record = world.settle(&parsed(&record));
    assert_eq!(record.status, Status::Escalated);
    assert!(record.decision.unwrap().why().sentence.contains("it belongs to account 444455556666"));

    let touched = world
        .journal
        .entries()
        .into_iter()
        .find(|entry| ["describe", "tags", "rotation", "list"].contains(&entry.call.name()) || entry.call.acts_on().is_some());
    assert_eq!(touched, None, "KMS was not called at all");
}

/// Edge case 24, P34: GovCloud, China and the European sovereign cloud: the partition is kept from the record to the call.
#[test]
fn case_24_every_partition_survives_the_round_trip() {
    for (partition, region) in
        [("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1"), ("aws-eusc", "eusc-de-east-1"), ("aws", "eu-west-3")]
    {
        let arn = format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        let key = KeyArn::parse(&arn).unwrap();
        let world = guard().domain(reprieve_core::Domain { region: Some(key.region()), ..domain() }).build();
        world.keys.create(&key);
        world.keys.schedule_deletion(&key, 7).unwrap();
        let event = parsed(&schedule_record(&arn, region));
        assert_eq!(event.target.key().map(KeyArn::as_str), Some(arn.as_str()));
        let record = world.settle(&event);
        assert_given_back(&world, &key, &record);
        assert!(world.journal.acts().iter().all(|act| act.call.acts_on() == Some(&key)), "{partition}");
        assert_eq!(record.key().map(|key| key.partition().to_string()), Some(partition.to_owned()));

        // A bare key id is completed in the same partition.
        let mut bare = schedule_record(&arn, region);
        bare["requestParameters"]["keyId"] = json!("1234abcd-12ab-34cd-56ef-1234567890ab");
        bare["resources"] = json!([]);
        bare["responseElements"] = Value::Null;
        assert_eq!(parsed(&bare).target.key().map(KeyArn::as_str), Some(arn.as_str()));
    }
}

/// Edge case 25, P30: an event from the future, without response elements, in version 1.11: no panic, and the skew is recorded.
#[test]
fn case_25_a_future_event_without_response_is_parsed_and_its_skew_recorded() {
    let world = guard().build();
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let key = KeyArn::parse(arn).unwrap();
    world.keys.create(&key);
    world.keys.schedule_deletion(&key, 7).unwrap();
    let mut record = schedule_record(arn, "eu-central-1");
    record["eventTime"] = json!("2026-11-20T10:05:01Z");
    record["responseElements"] = Value::Null;
    let event = parsed(&record);
    assert!(event.oddities.iter().all(|oddity| oddity.field != "eventVersion"), "1.11 is newer than 1.9: {:?}", event.oddities);
    let record = world.settle(&event);
    assert_given_back(&world, &key, &record);
    assert_eq!(record.detect_ms, Some(-300_000));
}
