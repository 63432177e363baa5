//! The CloudTrail record of a call, in the shape that AWS documents for each service.
//!
//! Pure: time and ids are arguments. Must not decide where a record goes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, Protocol};
use super::caller::Caller;
use super::input;

/// The `eventVersion` of the records.
const EVENT_VERSION: &str = "1.11";

/// What a record is made of.
#[derive(Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
    pub(crate) answer: &'a Answer,
    /// The key that the call was about, when it is known.
    pub(crate) key_arn: Option<&'a str>,
    pub(crate) at: Timestamp,
    pub(crate) event_id: String,
    pub(crate) source_ip: String,
}

/// Operations that CloudTrail counts as data events, which no management trail records.
const DATA_EVENTS: &[&str] = &["Publish", "PublishBatch", "PutEvents", "PutLogEvents", "PutMetricData"];

/// Operations that change nothing although their names do not say so.
const READS: &[&str] = &[
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "FilterLogEvents",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "LookupEvents",
    "ReEncrypt",
    "Sign",
    "TestEventPattern",
    "TestMetricFilter",
    "Verify",
    "VerifyMac",
];

/// Reads that are recorded all the same, because who signed what is worth a question.
const RECORDED_READS: &[&str] = &["Sign", "Verify"];

/// Tells whether an operation changes nothing.
#[must_use]
pub(crate) fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb)) || READS.contains(&operation)
}

/// Returns the `eventSource` of a call that is recorded here: management writes, and signatures.
#[must_use]
pub(crate) fn recorded_source(call: &Call) -> Option<&'static str> {
    let source = match call.service.as_str() {
        "kms" => "kms.amazonaws.com",
        "cloudtrail" => "cloudtrail.amazonaws.com",
        "logs" => "logs.amazonaws.com",
        "monitoring" => "monitoring.amazonaws.com",
        "sns" => "sns.amazonaws.com",
        "events" => "events.amazonaws.com",
        _ => return None,
    };
    let operation = call.operation.as_str();
    let recorded = !is_read(operation) || (source == "kms.amazonaws.com" && RECORDED_READS.contains(&operation));
    (recorded && !operation.is_empty() && !DATA_EVENTS.contains(&operation)).then_some(source)
}

/// Makes the record of a call.
#[must_use]
pub(crate) fn record(source: &str, recorded: &Recorded<'_>) -> Value {
    let Recorded { call, caller, answer, key_arn, at, event_id, source_ip } = recorded;
    let error = answer.error(call.protocol);
    let denied = error.as_ref().is_some_and(|(code, _)| code.starts_with("AccessDenied"));
    let mut record = Map::new();
    let mut set = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    set("eventVersion", json!(EVENT_VERSION));
    set("userIdentity", caller.user_identity(*at));
    set("eventTime", json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    set("eventSource", json!(source));
    set("eventName", json!(call.operation));
    set("awsRegion", json!(call.region));
    set("sourceIPAddress", json!(source_ip));
    set("userAgent", json!(call.user_agent));
    if let Some((code, message)) = &error {
        set("errorCode", json!(code));
        if let Some(message) = message {
            set("errorMessage", json!(message));
        }
    }
    set("requestParameters", if denied { Value::Null } else { request_parameters(call) });
    set("responseElements", if error.is_some() { Value::Null } else { response_elements(call, answer) });
    set("requestID", json!(answer.request_id()));
    set("eventID", json!(event_id));
    set("readOnly", json!(is_read(&call.operation)));
    if call.service == "kms"
        && let Some(resources) = resources(call, answer, caller, *key_arn)
    {
        set("resources", resources);
    }
    set("eventType", json!("AwsApiCall"));
    if let Some(version) = api_version(&call.service) {
        set("apiVersion", json!(version));
    }
    set("managementEvent", json!(true));
    set("recipientAccountId", json!(caller.account));
    set("eventCategory", json!("Management"));
    set(
        "tlsDetails",
        json!({
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_256_GCM_SHA384",
            "clientProvidedHostHeader": format!("{}.{}.amazonaws.com", call.service, call.region),
        }),
    );
    Value::Object(record)
}

fn api_version(service: &str) -> Option<&'static str> {
    match service {
        "logs" => Some("20140328"),
        "events" => Some("2015-10-07"),
        _ => None,
    }
}

/// Members of requests that no record shows.
const LEFT_OUT: &[&str] =
    &["encryptedKeyMaterial", "grantTokens", "importToken", "keyStorePassword", "message", "signature", "xksProxyAuthenticationCredential"];

/// What KMS writes into a record where the request left it out.
fn defaults(call: &Call) -> Vec<(&'static str, Value)> {
    match call.operation.as_str() {
        "CreateKey" => {
            let spec = call.text("KeySpec").or_else(|| call.text("CustomerMasterKeySpec")).unwrap_or("SYMMETRIC_DEFAULT");
            vec![
                ("tags", json!([])),
                ("keyUsage", json!("ENCRYPT_DECRYPT")),
                ("description", json!("")),
                ("origin", json!("AWS_KMS")),
                ("multiRegion", json!(false)),
                ("keySpec", json!(spec)),
                ("customerMasterKeySpec", json!(spec)),
                ("bypassPolicyLockoutSafetyCheck", json!(false)),
            ]
        }
        "ReplicateKey" => vec![("description", json!("")), ("bypassPolicyLockoutSafetyCheck", json!(false))],
        "Sign" | "Verify" => vec![("messageType", json!("RAW"))],
        _ => Vec::new(),
    }
}

/// The request in CloudTrail's spelling, without what is secret.
fn request_parameters(call: &Call) -> Value {
    let mut parameters = input::camel_case(&call.input);
    if let Some(members) = parameters.as_object_mut() {
        for left_out in LEFT_OUT {
            members.remove(*left_out);
        }
        if call.service == "kms" {
            for (name, value) in defaults(call) {
                members.entry(name).or_insert(value);
            }
        }
        if let Some(date) = members.get("validTo").and_then(epoch_date) {
            members.insert("validTo".to_owned(), date);
        }
        if members.is_empty() {
            return Value::Null;
        }
    }
    parameters
}

/// The answer in CloudTrail's spelling; `null` where the service has nothing to say.
fn response_elements(call: &Call, answer: &Answer) -> Value {
    if call.service == "kms" {
        return kms_elements(call, &answer.members(call.protocol));
    }
    if call.service == "sns" {
        let xml = String::from_utf8_lossy(&answer.body);
        let elements: Map<String, Value> = [("TopicArn", "topicArn"), ("SubscriptionArn", "subscriptionArn")]
            .into_iter()
            .filter_map(|(element, name)| Some((name.to_owned(), json!(input::xml_text(&xml, element)?))))
            .collect();
        return if elements.is_empty() { Value::Null } else { Value::Object(elements) };
    }
    match (call.protocol, input::camel_case(&answer.members(call.protocol))) {
        (Protocol::Query | Protocol::RestXml, _) => Value::Null,
        (_, Value::Object(members)) if members.is_empty() => Value::Null,
        (_, elements) => elements,
    }
}

fn kms_elements(call: &Call, members: &Value) -> Value {
    let member = |name: &str| members.get(name).cloned().unwrap_or(Value::Null);
    match call.operation.as_str() {
        "ScheduleKeyDeletion" => {
            let mut elements = Map::from_iter([("keyId".to_owned(), member("KeyId"))]);
            if let Some(date) = members.get("DeletionDate").and_then(epoch_date) {
                elements.insert("deletionDate".to_owned(), date);
            }
            elements.insert("keyState".to_owned(), member("KeyState"));
            elements.insert("pendingWindowInDays".to_owned(), member("PendingWindowInDays"));
            Value::Object(elements)
        }
        "CancelKeyDeletion" => json!({"keyId": member("KeyId")}),
        "CreateGrant" => json!({"grantId": member("GrantId")}),
        "CreateKey" => json!({"keyMetadata": key_metadata(&member("KeyMetadata"))}),
        "ReplicateKey" => json!({
            "replicaKeyMetadata": key_metadata(&member("ReplicaKeyMetadata")),
            "replicaPolicy": member("ReplicaPolicy"),
        }),
        "CreateCustomKeyStore" => json!({"customKeyStoreId": member("CustomKeyStoreId")}),
        _ => Value::Null,
    }
}

/// Metadata in CloudTrail's spelling: dates as text, the account as KMS puts it.
fn key_metadata(metadata: &Value) -> Value {
    let mut spelled = input::camel_case(metadata);
    if let Some(members) = spelled.as_object_mut() {
        for name in ["creationDate", "deletionDate", "validTo"] {
            if let Some(date) = members.get(name).and_then(epoch_date) {
                members.insert(name.to_owned(), date);
            }
        }
        members.remove("currentKeyMaterialId");
        members.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
        let account = members.get("arn").and_then(Value::as_str).and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        if let Some(account) = account {
            members.insert("aWSAccountId".to_owned(), json!(account));
        }
    }
    spelled
}

/// The keys and aliases that a KMS call was about; `None` where it was about none, as with custom key stores.
fn resources(call: &Call, answer: &Answer, caller: &Caller, key_arn: Option<&str>) -> Option<Value> {
    let members = answer.members(call.protocol);
    let created = members.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
    let alias = call.text("AliasName").map(|name| format!("arn:aws:kms:{}:{}:{name}", call.region, caller.account));
    let arns: Vec<Value> = alias
        .as_deref()
        .into_iter()
        .chain(key_arn.or(created))
        .map(|arn| json!({"accountId": caller.account, "type": "AWS::KMS::Key", "ARN": arn}))
        .collect();
    (!arns.is_empty()).then_some(Value::Array(arns))
}

/// Writes seconds since the epoch as CloudTrail does for KMS: `Nov 20, 2026, 6:02:29 PM`.
fn epoch_date(seconds: &Value) -> Option<Value> {
    let seconds = seconds.as_i64().or_else(|| seconds.as_f64().and_then(|seconds| format!("{seconds:.0}").parse().ok()))?;
    let at = Timestamp::from_second(seconds).ok()?;
    Some(json!(at.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()))
}

/// Describes something that KMS did on its own, such as `DeleteKey`.
#[must_use]
pub(crate) fn service_event(event_name: &str, key_arn: &str, at: Timestamp, event_id: &str) -> Value {
    let mut parts = key_arn.splitn(6, ':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let key_id = parts.next().and_then(|resource| resource.strip_prefix("key/")).unwrap_or_default();
    json!({
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": account, "invokedBy": "AWS Internal"},
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": "kms.amazonaws.com",
        "eventName": event_name,
        "awsRegion": region,
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": null,
        "responseElements": null,
        "eventID": event_id,
        "readOnly": false,
        "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key_arn}],
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": account,
        "serviceEventDetails": {"keyId": key_id},
        "eventCategory": "Management",
    })
}

#[cfg(test)]
#[path = "cloudtrail_tests.rs"]
mod tests;
