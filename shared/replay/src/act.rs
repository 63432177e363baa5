//! What is kept of a log: acts that change whether a key, a secret or a log can be used, and by whom. Uses are not kept.

use std::borrow::Cow;

use reprieve_core::audit::{Asset, Excerpt, Log, Operation};
use reprieve_core::{AuditEvent, Event, Target};
use reprieve_wire::azure::has_only_begun;
use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The log that told of it.
    pub log: Log,
    /// Who called what, when, with which result.
    pub event: Event,
    /// What kind of act that is.
    pub operation: Operation,
    /// The key, secret or log that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// The state in which the call left the key, where its answer says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The key was made for imported material.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_for_import: bool,
}

impl Act {
    /// Makes an act of an entry; `None` where the entry changes no key.
    #[must_use]
    pub fn of(entry: AuditEvent) -> Option<Self> {
        let changes = match entry.log {
            Log::CloudTrail => may_change_a_key(entry.event.source.as_bytes(), entry.event.name.as_bytes()) && !is_routine(&entry.event),
            Log::AzureActivityLog => changes(entry.operation) && !is_beginning(&entry),
            Log::KeyVaultAudit | Log::ManagedHsmAudit | Log::GoogleCloudAudit => changes(entry.operation),
        };
        changes.then(|| Self::any(entry))
    }

    /// Makes an act of any entry.
    pub(crate) fn any(entry: AuditEvent) -> Self {
        let AuditEvent { log, event, mut operation, asset, request, response, .. } = entry;
        let is_of_a_vault = matches!(log, Log::KeyVaultAudit | Log::ManagedHsmAudit);
        let is_switched_on = |(name, value): (&String, &String)| name.ends_with("attributes.enabled") && value == "true";
        // Vaults log that a key is enabled as an update that sets its attributes.
        if is_of_a_vault && operation == Operation::Update && request.iter().any(is_switched_on) {
            operation = Operation::Enable;
        }
        let answered = |name: &str| text(&response, name).or_else(|| text(&response, &format!("keyMetadata.{name}")));
        let is_for_import = answered("origin").or_else(|| text(&request, "origin")).is_some_and(|origin| origin == "EXTERNAL");
        Self { state: answered("keyState").cloned(), is_for_import, log, event, operation, asset }
    }

    /// Returns the text under which the act's key is counted; `None` where it names none. An alias that an act moves or deletes is not
    /// counted for itself where the record names the key behind it.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match &self.event.target {
            Target::Key(key) => Some(key.to_string()),
            Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed => {
                self.asset.as_ref().map(Asset::canonical)
            }
        }
    }

    /// Returns the account, subscription or project: the key's, else the event's.
    #[must_use]
    pub fn account(&self) -> Option<String> {
        self.event.filed_account()
    }

    /// Returns the Region or location; `None` where the cloud's ids have none.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        self.event.filed_region()
    }
}

fn text<'a>(excerpt: &'a Excerpt, name: &str) -> Option<&'a String> {
    excerpt.get(name)
}

/// Says whether an entry tells that a call that takes something away has begun, and not how it ended. The guard looks at once; here such
/// a call would count as several, and one that failed as done.
pub(crate) fn is_beginning(entry: &AuditEvent) -> bool {
    let takes = matches!(entry.operation, Operation::Destroy | Operation::Disable | Operation::Purge);
    takes && has_only_begun(entry)
}

/// Says whether a service made or retired a grant of its own, as it does by the thousand when volumes come and go.
pub(crate) fn is_routine(event: &Event) -> bool {
    event.actor.invoked_by.is_some() && is_of_a_grant(event.name.as_bytes())
}

/// Says whether a call is one that services make for grants of their own.
fn is_of_a_grant(name: &[u8]) -> bool {
    matches!(name, b"CreateGrant" | b"RetireGrant")
}

/// Says whether a record of CloudTrail may hold an act that is kept. What this denies is never parsed.
pub(crate) fn may_be_kept(source: &[u8], name: &[u8], record: &[u8]) -> bool {
    may_change_a_key(source, name) && !(is_of_a_grant(name) && is_called_by_a_service(record))
}

/// Says whether a service made the call, where that is plain; nothing else of the record is kept in memory.
fn is_called_by_a_service(record: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow, rename = "userIdentity")]
        identity: Identity<'a>,
    }
    #[derive(Deserialize)]
    struct Identity<'a> {
        #[serde(borrow, rename = "invokedBy")]
        invoked_by: Cow<'a, str>,
    }
    serde_json::from_slice::<Call<'_>>(record).is_ok_and(|call| !call.identity.invoked_by.is_empty())
}

/// The services whose calls may change a key.
pub(crate) const SERVICES: [&str; 3] = ["kms.amazonaws.com", "aws.kms", "account.amazonaws.com"];

/// Says whether a call of AWS changes a key, by the names of service and call alone. What this denies is never parsed.
#[must_use]
pub fn may_change_a_key(source: &[u8], name: &[u8]) -> bool {
    match source {
        // As records of CloudTrail, and as events of EventBridge name it.
        b"kms.amazonaws.com" | b"aws.kms" => matches!(
            name,
            b"CancelKeyDeletion"
                | b"CMK Deletion"
                | b"ConnectCustomKeyStore"
                | b"CreateAlias"
                | b"CreateKey"
                | b"DeleteAlias"
                | b"DeleteCustomKeyStore"
                | b"DeleteExpiredKeyMaterial"
                | b"DeleteImportedKeyMaterial"
                | b"DeleteKey"
                | b"DisableKey"
                | b"DisableKeyRotation"
                | b"DisconnectCustomKeyStore"
                | b"EnableKey"
                | b"EnableKeyRotation"
                | b"ImportKeyMaterial"
                | b"KMS CMK Deletion"
                | b"KMS CMK Rotation"
                | b"KMS Imported Key Material Expiration"
                | b"PutKeyPolicy"
                | b"ReplicateKey"
                | b"RetireGrant"
                | b"RevokeGrant"
                | b"RotateKey"
                | b"RotateKeyOnDemand"
                | b"ScheduleKeyDeletion"
                | b"SynchronizeMultiRegionKey"
                | b"TagResource"
                | b"UntagResource"
                | b"UpdateAlias"
                | b"UpdatePrimaryRegion"
        ),
        b"account.amazonaws.com" => matches!(name, b"DisableRegion" | b"EnableRegion"),
        _ => false,
    }
}

/// Says whether an operation of Azure or Google Cloud changes whether a key can be used.
const fn changes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create
            | Operation::Import
            | Operation::Update
            | Operation::Rotate
            | Operation::Enable
            | Operation::Disable
            | Operation::Destroy
            | Operation::Purge
            | Operation::Restore
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
    )
}

#[cfg(test)]
mod tests {
    use reprieve_scan::{Needles, Scanner};
    use reprieve_wire::audit::{NEEDLES, Parsed};

    use super::*;

    fn retirement(identity: &str) -> String {
        format!(
            r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"2026-05-04T03:02:01Z","eventSource":"kms.amazonaws.com","eventName":"RetireGrant","awsRegion":"eu-central-1","eventID":"0b9c6b5e-0000-4000-8000-000000000001","eventType":"AwsApiCall","recipientAccountId":"111122223333","resources":[{{"ARN":"arn:aws:kms:eu-central-1:111122223333:key/0b9c6b5e-0000-4000-8000-000000000002"}}]}}"#
        )
    }

    /// Returns how many records were parsed, and how many acts are kept of them.
    fn parsed_and_kept(record: &str, needles: Needles) -> (u64, usize) {
        let mut kept = 0;
        let scan = Scanner::new(needles).scan(record.as_bytes(), |entry| {
            if let Ok(Parsed::Entry(entry)) = entry.parsed {
                kept += usize::from(Act::of(*entry).is_some());
            }
        });
        (scan.counts.candidates, kept)
    }

    #[test]
    fn a_grant_that_a_service_retires_is_not_parsed_and_any_other_is_kept_as_if_all_were() {
        for (identity, is_plainly_routine) in [
            (r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#, true),
            (r#"{"invokedBy":"rds.amazonaws.com","type":"AssumedRole","sessionContext":{"invokedBy":null}}"#, true),
            (r#"{"type":"AWSService","invokedBy":"\u0065c2.amazonaws.com"}"#, true),
            (r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/Operator/mallory"}"#, false),
            (r#"{"type":"AssumedRole","sessionContext":{"invokedBy":"ec2.amazonaws.com"}}"#, false),
            (r#"{"type":"AWSService","invokedBy":""}"#, false),
            (r#"{"type":"AWSService","invokedBy":null}"#, false),
            (r#"{"type":"AWSService","invokedBy":7}"#, false),
            (r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com","invokedBy":""}"#, false),
            (r#""{\"invokedBy\":\"ec2.amazonaws.com\"}""#, false),
            ("null", false),
        ] {
            let record = retirement(identity);
            let (parsed, kept) = parsed_and_kept(&record, Needles::new(NEEDLES).only(may_be_kept));
            assert_eq!(parsed, u64::from(!is_plainly_routine), "{identity}");
            assert_eq!(kept, parsed_and_kept(&record, Needles::new(NEEDLES)).1, "{identity}");
        }
    }
}
