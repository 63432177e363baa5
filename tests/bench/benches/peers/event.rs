//! The event that everybody answers: a person schedules a key for deletion, and nobody has approved it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";

/// Returns the ARN of a key.
pub(crate) fn arn_of(key_id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}")
}

/// A key scheduled for deletion, and the event that says so.
pub(crate) struct Scheduled {
    pub(crate) key_id: String,
    /// When KMS would delete it.
    pub(crate) deletion_date: Timestamp,
    /// The event as EventBridge delivers it: CloudTrail's record in an envelope.
    pub(crate) event: Vec<u8>,
}

impl Scheduled {
    /// Makes the how-many-th key and its event, of this second.
    pub(crate) fn new(number: u64) -> Self {
        let key_id = format!("1234abcd-12ab-34cd-56ef-{number:012x}");
        let time = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
        let deletion_date = time.checked_add(SignedDuration::from_hours(7 * 24)).expect("a time");
        let event = deletion_scheduled(&key_id, number, time, deletion_date);
        Self { key_id, deletion_date, event }
    }
}

fn deletion_scheduled(key_id: &str, number: u64, time: Timestamp, deletion_date: Timestamp) -> Vec<u8> {
    let arn = arn_of(key_id);
    let time = time.to_string();
    let deletion_date = deletion_date.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string();
    let event = json!({
        "version": "0", "id": format!("7bf73129-1428-4cd3-a780-{number:012x}"), "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.kms", "account": ACCOUNT, "time": time, "region": REGION, "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE123:mallory",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/administrator/mallory"), "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLEEXAMPLE12",
                "sessionContext": {
                    "sessionIssuer": { "type": "Role", "principalId": "AROAEXAMPLEEXAMPLE123",
                        "arn": format!("arn:aws:iam::{ACCOUNT}:role/administrator"), "accountId": ACCOUNT, "userName": "administrator" },
                    "attributes": { "creationDate": time, "mfaAuthenticated": "false" },
                },
            },
            "eventTime": time, "eventSource": "kms.amazonaws.com", "eventName": "ScheduleKeyDeletion", "awsRegion": REGION,
            "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2.31.0",
            "requestParameters": { "keyId": key_id, "pendingWindowInDays": 7 },
            "responseElements": { "keyId": arn, "keyState": "PendingDeletion", "pendingWindowInDays": 7,
                "deletionDate": deletion_date },
            "requestID": format!("5f1c9c30-0a52-4c4f-8b4f-{number:012x}"), "eventID": format!("b0c1d2e3-f405-4617-8829-{number:012x}"),
            "readOnly": false, "resources": [{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn }],
            "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ACCOUNT, "eventCategory": "Management",
            "tlsDetails": { "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_256_GCM_SHA384",
                "clientProvidedHostHeader": format!("kms.{REGION}.amazonaws.com") },
        },
    });
    event.to_string().into_bytes()
}
