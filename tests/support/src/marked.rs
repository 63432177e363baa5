//! Inputs that hold secrets wherever an input can: each is marked, so that a test can demand that none is shown anywhere.

use serde_json::{Value, json};

/// What every secret begins with.
pub const MARK: &str = "MARKED-SECRET";

/// Returns the lines that show what was marked.
#[must_use]
pub fn shown(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.contains(MARK)).collect()
}

/// The places of a record of CloudTrail in which services have, or could have, secrets.
pub fn cloudtrail_record(call: &str, key: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": format!("marked-{call}"), "eventTime": "2026-11-20T10:00:00Z", "eventSource": "kms.amazonaws.com",
        "eventName": call, "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "sourceIPAddress": "203.0.113.7",
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Dev/mallory", "accountId": "111122223333",
            "sessionToken": secret("session"), "secretAccessKey": secret("access key"),
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/Dev"},
                "webIdFederationData": {"attributes": {"token": secret("web identity")}}
            }
        },
        "requestParameters": {
            "keyId": key, "pendingWindowInDays": 7, "plaintext": secret("plaintext"), "ciphertextBlob": secret("ciphertext"),
            "grantTokens": [secret("grant")], "importToken": secret("import"), "encryptedKeyMaterial": secret("material"),
            "headers": {"authorization": format!("Bearer {}", secret("bearer")), "X-Amz-Security-Token": secret("header")},
            "secretString": secret("string"), "connectionString": format!("AccountKey={};EndpointSuffix=x", secret("account key")),
            "url": format!("https://bucket.s3.amazonaws.com/o?X-Amz-Signature={}", secret("signature")),
            "tags": [{"tagKey": "team", "tagValue": secret("tag")}]
        },
        "responseElements": {"keyId": key, "keyState": "PendingDeletion", "privateKeyPlaintext": secret("private key"), "mac": secret("mac")},
        "additionalEventData": {"nextToken": secret("next"), "password": secret("password")},
        "serviceEventDetails": {"clientSecret": secret("client")},
        "tlsDetails": {"clientProvidedHostHeader": "kms.us-east-1.amazonaws.com", "sessionTicket": secret("ticket")},
        "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": key}]
    })
}

/// The places of an entry of Google Cloud Audit Logs in which services have, or could have, secrets.
pub fn google_entry(method: &str, version: &str) -> Value {
    json!({
        "insertId": format!("marked-{method}"), "timestamp": "2026-11-20T10:00:00Z", "logName": "projects/prod/logs/cloudaudit.googleapis.com%2Factivity",
        "resource": {"type": "cloudkms_cryptokeyversion", "labels": {"project_id": "prod"}},
        "textPayload": secret("text"), "jsonPayload": {"token": secret("json")}, "httpRequest": {"requestUrl": format!("https://x/?sig={}", secret("url"))},
        "protoPayload": {
            "serviceName": "cloudkms.googleapis.com", "methodName": method, "resourceName": version,
            "authenticationInfo": {"principalEmail": "mallory@example.com", "thirdPartyPrincipal": {"token": secret("third party")}},
            "requestMetadata": {"callerIp": "203.0.113.7", "requestAttributes": {"headers": {"authorization": secret("header")}, "auth": {"claims": {"jwt": secret("jwt")}}}},
            "request": {"name": version, "plaintext": secret("plaintext"), "wrappedKey": secret("wrapped"), "additionalAuthenticatedData": secret("aad")},
            "response": {"name": version, "state": "DESTROY_SCHEDULED", "destroyTime": "2026-12-20T10:00:00Z", "ciphertext": secret("ciphertext"), "mac": secret("mac")},
            "metadata": {"password": secret("password")}, "serviceData": {"secret": secret("service data")}
        }
    })
}

/// The places of an event of Event Grid, a record of the Activity Log and one of a vault's log in which there could be secrets.
pub fn azure_items(vault: &str) -> Vec<Value> {
    let sas = format!("https://st.blob.core.windows.net/c/b?sv=2026&sig={}", secret("sas"));
    let connection = format!("DefaultEndpointsProtocol=https;AccountName=st;AccountKey={}", secret("account key"));
    let claims = json!({"name": "mallory", "aio": secret("aio"), "access_token": secret("access token"), "uti": "token-1"});
    let properties = json!({
        "responseBody": json!({"keys": [{"value": secret("storage key")}], "primaryConnectionString": connection}).to_string(),
        "requestbody": json!({"properties": {"administratorLoginPassword": secret("administrator")}}).to_string(),
        "httpStatusCode": 200, "id": "https://kv-prod.vault.azure.net/secrets/s/1", "requestUri": format!("https://kv-prod.vault.azure.net/keys/k?sig={}", secret("uri")),
        "value": secret("value"), "connectionString": connection, "subnetId": sas, "jwk": {"d": secret("d")}
    });
    let authorization = json!({"scope": vault, "action": "Microsoft.KeyVault/vaults/delete", "evidence": {"token": secret("evidence")}});
    let data = json!({
        "authorization": authorization, "claims": claims, "correlationId": "c", "httpRequest": {"clientIpAddress": "203.0.113.7", "method": "DELETE", "uri": sas, "headers": {"Authorization": secret("bearer")}},
        "operationName": "Microsoft.KeyVault/vaults/delete", "resourceUri": vault, "status": "Succeeded", "properties": properties
    });
    vec![
        json!({"id": "grid-1", "eventType": "Microsoft.Resources.ResourceDeleteSuccess", "eventTime": "2026-11-20T10:00:00Z", "subject": vault,
            "topic": "/subscriptions/00000000-0000-4000-8000-000000000001", "dataVersion": "2", "metadataVersion": "1", "data": data, "token": secret("grid")}),
        json!({"time": "2026-11-20T10:00:00Z", "resourceId": vault, "operationName": "MICROSOFT.KEYVAULT/VAULTS/DELETE", "category": "Administrative",
            "resultType": "Success", "correlationId": "c-2", "identity": {"authorization": authorization, "claims": claims}, "properties": properties}),
        json!({"time": "2026-11-20T10:00:00Z", "resourceId": vault, "operationName": "KeyDelete", "category": "AuditEvent", "resultType": "Success",
            "correlationId": "c-3", "callerIPAddress": "203.0.113.7", "identity": {"claim": claims}, "properties": properties}),
    ]
}

/// What a queue brings: records with secrets in envelopes, and what cannot be read and begins with one.
pub fn messages(key: &str) -> Vec<Value> {
    let envelope = |call: &str| {
        json!({
            "version": "0", "id": format!("envelope-{call}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms",
            "account": "111122223333", "time": "2026-11-20T10:00:00Z", "region": "us-east-1", "token": secret("envelope"),
            "detail": cloudtrail_record(call, key)
        })
    };
    let mut bodies: Vec<String> =
        ["ScheduleKeyDeletion", "DisableKey", "ImportKeyMaterial", "Decrypt", "TagResource"].map(|call| envelope(call).to_string()).into();
    bodies.extend(unreadable());
    let message = |(number, body): (usize, String)| {
        json!({"messageId": format!("m-{number}"), "receiptHandle": secret("receipt"), "body": body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {"authorization": {"stringValue": secret("attribute")}}})
    };
    bodies.into_iter().enumerate().map(message).collect()
}

/// What cannot be understood, and begins with a secret, in each of the ways in which that can be.
pub fn unreadable() -> Vec<String> {
    let secret = secret("unreadable");
    vec![
        secret.clone(),
        format!("{{\"{secret}\":"),
        json!(secret).to_string(),
        json!([secret]).to_string(),
        json!({"password": secret}).to_string(),
        json!({"detail-type": format!("{secret} via CloudTrail"), "detail": {"password": secret}}).to_string(),
        json!({"Message": secret, "TopicArn": secret}).to_string(),
        json!({"Records": secret}).to_string(),
        json!({"s3Bucket": "b", "s3ObjectKey": {"a": secret}}).to_string(),
        json!({"task": secret}).to_string(),
        json!({"protoPayload": secret, "message": {"data": secret}}).to_string(),
    ]
}

/// A secret of this name.
fn secret(name: &str) -> String {
    format!("{MARK}-{}", name.replace(' ', "-"))
}
