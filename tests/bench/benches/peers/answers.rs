//! What AWS answers to the calls that the functions make: shapes and refusals as in its API references, and nothing else of it.

use serde_json::{Value, json};

use crate::event::{ACCOUNT, REGION, arn_of};
use crate::stub::{Key, KeyState, World};
use crate::wire::Request;

/// An answer.
pub(crate) struct Answered {
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) makes_usable: bool,
}

/// When the keys were made, in seconds since 1970.
const CREATED: u64 = 1_750_000_000;

/// Answers a request, and changes the world as it asks.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answered {
    let is_signed = request.header("authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential="));
    if !is_signed {
        return refused("?:Unsigned".to_owned(), 403, "MissingAuthenticationTokenException", "the request is not signed");
    }
    if let Some(target) = request.header("x-amz-target") {
        let input: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (service, operation) = target.rsplit_once('.').unwrap_or(("", target));
        return of_json(world, service, operation, &input);
    }
    if request.method == "PUT" {
        world.trace.objects.push(request.path.clone());
        return done("s3:PutObject".to_owned(), "application/xml", Vec::new());
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
    match action {
        "Publish" => {
            world.trace.notices.push(form.clone());
            xml(
                "sns:Publish",
                "Publish",
                "http://sns.amazonaws.com/doc/2010-03-31/",
                "<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId>",
            )
        }
        "GetCallerIdentity" => xml(
            "sts:GetCallerIdentity",
            "GetCallerIdentity",
            "https://sts.amazonaws.com/doc/2011-06-15/",
            &format!(
                "<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/bench/bench</Arn><UserId>AROAEXAMPLE:bench</UserId><Account>{ACCOUNT}</Account>"
            ),
        ),
        _ => refused(
            format!("?:{} {}", request.method, request.path),
            400,
            "InvalidAction",
            &format!("the stub does not know this call: action `{action}`"),
        ),
    }
}

fn of_json(world: &mut World, service: &str, operation: &str, input: &Value) -> Answered {
    match service {
        "TrentService" => of_kms(world, operation, input),
        "DynamoDB_20120810" => of_ledger(world, operation, input),
        "ResourceGroupsTaggingAPI_20170126" => of_tagging(world, operation, input),
        _ if service.ends_with("CloudTrail_20131101") && operation == "LookupEvents" => {
            made("cloudtrail:LookupEvents".to_owned(), &json!({ "Events": [] }))
        }
        _ => refused(format!("?:{service}.{operation}"), 400, "UnknownOperationException", "the stub does not know this call"),
    }
}

fn of_kms(world: &mut World, operation: &str, input: &Value) -> Answered {
    let call = format!("kms:{operation}");
    let named = input["KeyId"].as_str().unwrap_or_default();
    let id = named.rsplit('/').next().unwrap_or_default().to_owned();
    let arn = arn_of(&id);
    if operation == "ListAliases" && named.is_empty() {
        return made(call, &json!({ "Aliases": [], "Truncated": false }));
    }
    let Some(key) = world.keys.get_mut(&id) else {
        return refused(call, 400, "NotFoundException", &format!("Key '{arn}' does not exist"));
    };
    let invalid = |call: String, state: KeyState| refused(call, 400, "KMSInvalidStateException", &format!("{arn} is {}.", state.name()));
    match (operation, key.state) {
        ("DescribeKey", _) => made(call, &json!({ "KeyMetadata": metadata(&id, key) })),
        ("ListResourceTags", _) => made(
            call,
            &json!({ "Tags": [{ "TagKey": "owner", "TagValue": "payments" }, { "TagKey": "stage", "TagValue": "production" }],
                "Truncated": false }),
        ),
        ("ListAliases", _) => made(
            call,
            &json!({ "Aliases": [{ "AliasName": "alias/payments", "AliasArn": format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/payments"),
                "TargetKeyId": id, "CreationDate": CREATED, "LastUpdatedDate": CREATED }], "Truncated": false }),
        ),
        ("CancelKeyDeletion", KeyState::PendingDeletion) => {
            key.state = KeyState::Disabled;
            made(call, &json!({ "KeyId": arn }))
        }
        ("EnableKey", KeyState::Disabled | KeyState::Enabled) => {
            key.state = KeyState::Enabled;
            Answered { makes_usable: true, ..done(call, "application/x-amz-json-1.1", Vec::new()) }
        }
        ("CancelKeyDeletion" | "EnableKey", state) => invalid(call, state),
        ("TagResource", _) => {
            key.is_tagged = true;
            done(call, "application/x-amz-json-1.1", Vec::new())
        }
        _ => refused(call, 400, "UnknownOperationException", "the stub does not know this call"),
    }
}

impl KeyState {
    /// As KMS writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PendingDeletion => "PendingDeletion",
            Self::Disabled => "Disabled",
            Self::Enabled => "Enabled",
        }
    }
}

fn metadata(id: &str, key: &Key) -> Value {
    let state = key.state;
    let mut metadata = json!({
        "AWSAccountId": ACCOUNT, "KeyId": id, "Arn": arn_of(id), "CreationDate": CREATED, "Enabled": state == KeyState::Enabled,
        "Description": "signs what is paid", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": state.name(), "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if state == KeyState::PendingDeletion {
        metadata["DeletionDate"] = json!(key.deletion_date.as_second());
    }
    metadata
}

fn of_ledger(world: &mut World, operation: &str, input: &Value) -> Answered {
    let call = format!("dynamodb:{operation}");
    match operation {
        "Query" => {
            let partition = &input["ExpressionAttributeValues"][":pk"]["S"];
            let is_key = partition.as_str().is_some_and(|partition| partition.starts_with("arn:"));
            // What the ledger of a guard that has swept once knows of a key.
            let inventory = json!({ "pk": { "S": partition }, "sk": { "S": "inventory" }, "serving": { "S": "enabled" },
                "as_of": { "S": "2026-01-01T00:00:00.000000000Z" }, "rotation_enabled": { "BOOL": true } });
            let items = if is_key { vec![inventory] } else { Vec::new() };
            made(call, &json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items }))
        }
        "UpdateItem" if input["ReturnValues"] == "UPDATED_NEW" => {
            let partition = input["Key"]["pk"]["S"].as_str().unwrap_or_default().to_owned();
            if !world.claims.insert(partition) {
                return refused(call, 400, "ConditionalCheckFailedException", "The conditional request failed");
            }
            let values = &input["ExpressionAttributeValues"];
            made(
                call,
                &json!({ "Attributes": { "attempt": { "N": "1" }, "state": { "S": "working" }, "holder": values[":holder"],
                "lease_until": values[":lease_until"], "claimed_at": values[":now"], "target": values[":target"] } }),
            )
        }
        "UpdateItem" | "PutItem" => made(call, &json!({})),
        _ => refused(call, 400, "UnknownOperationException", "the stub does not know this call"),
    }
}

fn of_tagging(world: &mut World, operation: &str, input: &Value) -> Answered {
    let call = format!("tag:{operation}");
    let arns = input["ResourceARNList"].as_array().cloned().unwrap_or_default();
    match operation {
        "GetResources" => {
            let tags = json!([{ "Key": "owner", "Value": "payments" }, { "Key": "stage", "Value": "production" }]);
            let found: Vec<Value> = arns.iter().map(|arn| json!({ "ResourceARN": arn, "Tags": tags })).collect();
            made(call, &json!({ "ResourceTagMappingList": found, "PaginationToken": "" }))
        }
        "TagResources" => {
            for id in arns.iter().filter_map(|arn| arn.as_str()?.rsplit('/').next()) {
                if let Some(key) = world.keys.get_mut(id) {
                    key.is_tagged = true;
                }
            }
            made(call, &json!({ "FailedResourcesMap": {} }))
        }
        _ => refused(call, 400, "UnknownOperationException", "the stub does not know this call"),
    }
}

fn made(call: String, body: &Value) -> Answered {
    done(call, "application/x-amz-json-1.1", body.to_string().into_bytes())
}

fn done(call: String, content_type: &'static str, body: Vec<u8>) -> Answered {
    Answered { call, status: 200, content_type, body, makes_usable: false }
}

fn refused(call: String, status: u16, code: &str, message: &str) -> Answered {
    let body = json!({ "__type": code, "message": message }).to_string().into_bytes();
    Answered { status, ..done(call, "application/x-amz-json-1.1", body) }
}

fn xml(call: &str, action: &str, namespace: &str, result: &str) -> Answered {
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result><ResponseMetadata>\
         <RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></{action}Response>"
    );
    done(call.to_owned(), "text/xml", body.into_bytes())
}
