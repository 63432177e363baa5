//! What an entry says of who, with what, on which version, and with which outcome: the odd shapes that providers write.

use reprieve_core::audit::{AssetKind, Cloud, Log, Operation};
use reprieve_core::{ActorKind, CallOutcome, Target};
use reprieve_wire::audit::{Parsed, parse};
use serde_json::{Value, json};

use super::{entry, entry_where, records};
use crate::support::azure_fixture;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const MATERIAL: &str = "96083e4fb6dbc41d77578a213a6b6669c044dd4c143e96755396d2bf11fd6068";

fn is_call(name: &'static str) -> impl Fn(&Value) -> bool {
    move |record| record.get("eventName").and_then(Value::as_str) == Some(name)
}

fn by_identity(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |record| record.pointer("/userIdentity/type").and_then(Value::as_str) == Some(kind) && is_call("Decrypt")(record)
}

fn refused(entry: &reprieve_core::audit::AuditEvent) -> Option<(&str, Option<&str>)> {
    match &entry.event.outcome {
        CallOutcome::Succeeded => None,
        CallOutcome::Refused { code, message } => Some((code, message.as_deref())),
    }
}

/// P103
#[test]
fn an_entry_says_who_did_what_to_which_version_when_from_where_with_what_result() {
    let entry = entry_where("aws", "kms", |record| is_call("Encrypt")(record));
    assert_eq!((entry.log, entry.cloud(), entry.operation), (Log::CloudTrail, Cloud::Aws, Operation::Encrypt));
    let asset = entry.asset.as_ref().unwrap();
    assert_eq!((asset.kind, asset.id.as_str(), asset.version.as_deref()), (AssetKind::Key, KEY, Some(MATERIAL)));
    assert_eq!(entry.principal().as_deref(), Some("arn:aws:iam::111122223333:role/ci/deploy"));
    assert_eq!(entry.event.actor.session_name.as_deref(), Some("alice"));
    assert_eq!(entry.event.actor.source_address.as_deref(), Some("198.51.100.7"));
    assert_eq!(entry.event.actor.user_agent.as_deref(), Some("aws-cli/2.15.0"));
    assert_eq!((entry.account().as_deref(), entry.region().as_deref()), (Some("111122223333"), Some("eu-west-1")));
    assert_eq!(entry.event.outcome, CallOutcome::Succeeded);
    assert!(entry.event.time.is_some());
    assert_eq!(entry.credential.id.as_deref(), Some("ASIA000000000EXAMPLE"));
    assert_eq!(entry.credential.mfa, Some(false));
    assert_eq!(entry.credential.created_at.unwrap().to_string(), "2026-03-02T08:00:00Z");
}

#[test]
fn a_refused_call_without_parameters_names_its_key_its_code_and_the_reason() {
    let entry = entry_where("aws", "odd", |record| record.get("errorCode") == Some(&json!("AccessDenied")));
    assert_eq!((entry.operation, entry.asset.as_ref().unwrap().id.as_str()), (Operation::Disable, KEY));
    let (code, message) = refused(&entry).unwrap();
    assert_eq!(code, "AccessDenied");
    assert!(message.unwrap().ends_with("because no identity-based policy allows the kms:DisableKey action"), "{message:?}");
    assert_eq!(entry.credential.mfa, Some(true));
}

#[test]
fn the_failure_that_a_deletion_hides_in_a_json_text_is_the_outcome() {
    let entry = entry_where("aws", "odd", is_call("DeleteKey"));
    assert_eq!(entry.operation, Operation::Purge);
    assert_eq!(refused(&entry).unwrap().0, "BackingKeysNotDeleted");
    assert_eq!(entry.response.get("backingKeysDeletionStatus.deletionStatus").map(String::as_str), Some("SUCCESS, FAILURE"));
}

#[test]
fn a_rotation_that_failed_by_itself_is_no_success() {
    let entry = entry_where("aws", "secrets-manager", is_call("RotationFailed"));
    assert_eq!(entry.operation, Operation::Rotate);
    assert_eq!(refused(&entry).unwrap().0, "RotationFailed");
}

#[test]
fn an_alias_is_never_taken_for_a_key() {
    let entry = entry_where("aws", "odd", is_call("ScheduleKeyDeletion"));
    let asset = entry.asset.unwrap();
    assert_eq!((asset.kind, asset.id.as_str()), (AssetKind::KeyAlias, "arn:aws:kms:eu-west-1:111122223333:alias/orders"));
}

#[test]
fn a_reencryption_has_the_material_of_the_key_that_it_is_about() {
    let mut record = records("aws", "kms").into_iter().find(|record| is_call("ReEncrypt")(record)).unwrap();
    let entry_of = |record: &Value| entry(record).asset.unwrap();
    assert_eq!((entry_of(&record).id.as_str(), entry_of(&record).version.as_deref()), (KEY, Some(MATERIAL)));
    // The account of the source key gets a record of its own, which lists that key alone.
    let source = record.pointer("/requestParameters/sourceKeyId").unwrap().clone();
    record["responseElements"] = Value::Null;
    record["resources"] = json!([{ "ARN": source }]);
    let asset = entry_of(&record);
    assert_eq!(Some(asset.id.as_str()), source.as_str());
    assert_eq!(asset.version.as_deref(), record.pointer("/additionalEventData/sourceKeyMaterialId").and_then(Value::as_str));
}

#[test]
fn a_rotation_has_the_new_material_and_keeps_the_old_beside_it() {
    let entry = entry_where("aws", "kms", is_call("RotateKey"));
    assert_eq!(entry.asset.unwrap().version.as_deref(), Some(MATERIAL));
    assert!(entry.response.contains_key("previousKeyMaterialId"));
}

#[test]
fn federated_callers_name_who_vouched_for_them() {
    let of_odd = |fits: fn(&Value) -> bool| entry_where("aws", "odd", fits).credential;
    let github = of_odd(|record| record.pointer("/userIdentity/sessionContext/webIdFederationData").is_some());
    assert_eq!(github.identity_provider.as_deref(), Some("arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"));
    let reserved = |record: &Value| record.to_string().contains("AWSReservedSSO_");
    assert_eq!(of_odd(reserved).identity_provider.as_deref(), Some("sso.amazonaws.com"));
    let web = entry_where("aws", "odd", by_identity("WebIdentityUser"));
    assert_eq!(
        (web.credential.identity_provider.as_deref(), &web.event.actor.kind),
        (Some("accounts.google.com"), &ActorKind::ExternalUser)
    );
}

#[test]
fn a_caller_of_identity_center_has_a_credential_and_a_store() {
    let entry = entry_where("aws", "odd", by_identity("IdentityCenterUser"));
    assert_eq!(entry.event.actor.kind, ActorKind::IdentityCenterUser);
    assert!(entry.credential.id.unwrap().starts_with("EXAMPLEVHULjJdTUdPJfofVa1sufHDoj7aYcOYcxFVllWR"));
    assert_eq!(entry.credential.identity_provider.as_deref(), Some("arn:aws:identitystore::111122223333:identitystore/d-9067642ac7"));
    assert_eq!(entry.event.actor.source_address.as_deref(), Some("300.300.300.300"));
}

#[test]
fn what_is_odd_is_noted_and_the_entry_is_made() {
    let listed = entry_where("aws", "odd", |record| record.get("userAgent").is_some_and(Value::is_array));
    assert_eq!(listed.event.actor.user_agent.as_deref(), Some("aws-sdk-java/2.0 Linux/5.10"));
    let spaced = entry_where("aws", "odd", |record| record.get("eventTime") == Some(&json!("2026-03-02 10:00:00")));
    assert!(spaced.event.time.is_some());
    assert!(spaced.event.oddities.iter().any(|oddity| oddity.field == "eventTime"), "{:?}", spaced.event.oddities);
    assert!(spaced.request.contains_key("policy.sha256"), "a policy that is an object has a digest as well");
}

#[test]
fn a_record_without_a_service_and_one_of_lookup_events_are_entries() {
    let bare = entry_where("aws", "odd", |record| record.get("eventSource").is_none() && record.get("CloudTrailEvent").is_none());
    assert_eq!(bare.asset.unwrap().id, "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let looked_up = entry_where("aws", "odd", |record| record.get("CloudTrailEvent").is_some());
    assert_eq!((looked_up.operation, looked_up.asset.unwrap().id.as_str()), (Operation::Disable, KEY));
}

/// P102
#[test]
fn a_call_that_nobody_knew_yet_of_a_service_that_is_ours_is_kept() {
    let entry = entry_where("aws", "odd", is_call("FrobnicateKey"));
    assert_eq!((entry.operation, entry.asset.unwrap().id.as_str()), (Operation::Other, KEY));
}

/// P104
#[test]
fn every_call_that_can_change_the_monitoring_is_ours() {
    for (source, name) in reprieve_core::monitoring::event::calls() {
        let record = json!({ "eventVersion": "1.11", "eventSource": source, "eventName": name, "awsRegion": "eu-west-1" });
        assert!(matches!(parse(&record), Ok(Parsed::Entry(_))), "{source} {name}");
    }
}

#[test]
fn a_notice_of_a_service_is_no_entry_of_a_log() {
    for (cloud, name, notice) in [("aws", "envelopes", "KMS CMK Deletion"), ("azure", "event-grid", "Microsoft.KeyVault.KeyNearExpiry")] {
        let named = records(cloud, name).iter().any(|record| match parse(record) {
            Ok(Parsed::NotOurs { name, .. }) => name == notice,
            Ok(Parsed::Entry(_)) | Err(_) => false,
        });
        assert!(named, "{notice}");
    }
}

#[test]
fn what_is_no_record_is_an_error_in_words() {
    for (input, said) in [
        (json!([]), "an array"),
        (json!({}), "a record of CloudTrail"),
        (json!({ "CloudTrailEvent": "{" }), "is not JSON"),
        (json!({ "CloudTrailEvent": "{\"CloudTrailEvent\":\"{}\"}" }), "a record of CloudTrail"),
    ] {
        let error = parse(&input).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// P103
#[test]
fn a_vaults_success_on_a_refused_call_is_a_refusal() {
    let mut count = 0;
    for record in azure_fixture("audit-refused-says-success")["records"].as_array().unwrap() {
        let is_refused = record["properties"]["httpStatusCode"] != 200 || record["resultSignature"] != "OK";
        let entry = entry(record);
        assert_eq!(entry.log, Log::KeyVaultAudit);
        assert_eq!(refused(&entry).is_some(), is_refused, "{record}");
        assert_eq!(entry.response.get("resultType").map(String::as_str), Some("Success"), "what the log said is kept");
        count += usize::from(is_refused);
    }
    assert!(count >= 4, "{count} refused calls say success");
}

/// P103
#[test]
fn a_call_whose_server_failed_did_not_succeed_and_what_became_of_it_is_not_known() {
    let failed = azure_fixture("audit-refused-says-success")["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["properties"]["httpStatusCode"] == 500)
        .cloned();
    let entry = entry(&failed.unwrap());
    assert_eq!(refused(&entry), Some(("InternalServerError", None)));
    let noted = entry.event.oddities.iter().any(|oddity| oddity.what.ends_with("whether the call had its effect is not known"));
    assert!(noted, "{:?}", entry.event.oddities);
}

#[test]
fn ids_in_capitals_are_the_same_asset() {
    for record in azure_fixture("audit-upper-case-ids").as_array().unwrap() {
        let asset = entry(record).asset.unwrap();
        let canonical = asset.canonical();
        assert!(canonical.contains("/providers/microsoft.keyvault/vaults/kv-logs/"), "{canonical}");
        assert_eq!(canonical, canonical.to_ascii_lowercase());
    }
    let version = entry(&azure_fixture("audit-upper-case-ids")[0]).asset.unwrap().version;
    assert_eq!(version.as_deref(), Some("0123"));
}

#[test]
fn a_caller_of_azure_has_a_token_id_a_second_factor_and_a_provider() {
    let entry = entry_where("azure", "key-vault", |record| record.get("operationName") == Some(&json!("KeyWrap")));
    let credential = &entry.credential;
    assert_eq!((credential.id.as_deref(), credential.mfa), (Some("uti-0123"), Some(true)));
    assert_eq!(credential.identity_provider.as_deref(), Some("https://sts.windows.net/00000000-0000-0000-0000-00000000aaaa/"));
    assert_eq!(credential.created_at.unwrap().to_string(), "2026-03-02T08:26:40Z");
    assert_eq!(entry.event.actor.user_name.as_deref(), Some("alice@example.com"));
    assert_eq!((entry.operation, entry.asset.unwrap().version.as_deref()), (Operation::Wrap, Some("0123456789abcdef0123456789abcdef")));
}

#[test]
fn claims_are_found_under_each_of_their_names() {
    let odd = records("azure", "odd");
    let claims = odd.iter().find(|record| record.pointer("/identity/claims").is_some()).unwrap();
    assert_eq!(entry(claims).credential.mfa, Some(true));
    let rest = entry_where("azure", "activity-log", |record| {
        record.pointer("/operationName/value") == Some(&json!("Microsoft.KeyVault/vaults/delete"))
    });
    assert_eq!((rest.credential.mfa, rest.operation), (Some(true), Operation::Destroy));
}

#[test]
fn a_managed_hsm_has_a_log_of_its_own_and_is_a_key_store() {
    let wrapped = entry_where("azure", "managed-hsm", |record| record.get("operationName") == Some(&json!("KeyUnwrap")));
    assert_eq!((wrapped.log, wrapped.operation), (Log::ManagedHsmAudit, Operation::Unwrap));
    let asset = wrapped.asset.unwrap();
    assert_eq!((asset.kind, asset.version.as_deref()), (AssetKind::Key, Some("0123456789abcdef0123456789abcdef")));
    let roles = entry_where("azure", "managed-hsm", |record| record.get("operationName") == Some(&json!("RoleAssignmentCreate")));
    assert_eq!((roles.operation, roles.asset.unwrap().kind), (Operation::ChangeAccess, AssetKind::KeyStore));
    assert!(matches!(roles.event.target, Target::Azure(id) if id.is("Microsoft.KeyVault/managedHSMs")));
}

/// P104
#[test]
fn what_databases_audit_is_ours_and_what_else_they_are_told_is_not() {
    for record in records("azure", "databases") {
        let text = record.to_string().to_ascii_lowercase();
        let about_auditing = ["auditing", "audit", "log_connections", "updateconfigurations"].iter().any(|word| text.contains(word));
        match parse(&record) {
            Ok(Parsed::Entry(entry)) => {
                assert!(about_auditing, "{record}");
                assert_eq!(entry.asset.unwrap().kind, AssetKind::DatabaseAudit);
            }
            other => assert!(!about_auditing, "{other:?} of {record}"),
        }
    }
}

#[test]
fn auditing_that_is_switched_off_is_a_loss() {
    let entry = entry_where("azure", "databases", |record| record.to_string().contains("\\\"Disabled\\\""));
    assert_eq!(entry.operation, Operation::Disable);
    assert!(entry.operation.is_loss());
}

#[test]
fn a_role_or_lock_is_about_what_it_is_on_and_not_ours_on_a_subscription() {
    let of_roles = |record: &Value| record.to_string().to_ascii_lowercase().contains("roleassignments/write");
    let parsed: Vec<Parsed> =
        records("azure", "activity-log").iter().filter(|record| of_roles(record)).map(|record| parse(record).unwrap()).collect();
    let [Parsed::Entry(on_vault), Parsed::NotOurs { .. }] = parsed.as_slice() else { unreachable!("{parsed:?}") };
    assert!(on_vault.asset.as_ref().unwrap().canonical().ends_with("/vaults/kv-logs"));
    assert_eq!(on_vault.operation, Operation::ChangeAccess);
}
