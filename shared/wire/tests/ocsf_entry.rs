//! Entries of audit logs, anomalies and postures as OCSF events: who, what, when, from where, with what result stand where the schema
//! has them, in every cloud.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop, and says where")]

use jiff::Timestamp;
use reprieve_core::audit::{Asset, AssetKind, AuditEvent, Cloud, Credential, Log, Operation};
use reprieve_core::finding::{Reason, ReasonKind};
use reprieve_core::google::GoogleName;
use reprieve_core::posture::KeyAtRisk;
use reprieve_core::{
    AccountId, Actor, ActorKind, CallOutcome, Details, Event, EventForm, EventId, Finding, KeyArn, Posture, Region, RoleArn, Severity,
    Target,
};
use reprieve_test_support::ocsf::violations;
use reprieve_wire::ocsf::{Read, audit_json, finding_json, posture_json, read};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn event(id: &str, source: &str, name: &str, actor: Actor, target: Target) -> Event {
    Event {
        id: EventId::parse(id).unwrap(),
        form: EventForm::ApiCall,
        source: source.to_owned(),
        name: name.to_owned(),
        time: Some(at("2026-11-20T10:00:00.25Z")),
        account: None,
        region: None,
        actor,
        target,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}

/// A session of a role decrypts.
pub(crate) fn decrypt() -> AuditEvent {
    let actor = Actor {
        kind: ActorKind::AssumedRole,
        arn: Some("arn:aws:sts::111122223333:assumed-role/Payments/alice".to_owned()),
        account: Some(AccountId::parse("111122223333").unwrap()),
        role: Some(RoleArn::parse("arn:aws:iam::111122223333:role/Payments").unwrap()),
        session_name: Some("alice".to_owned()),
        invoked_by: Some("s3.amazonaws.com".to_owned()),
        source_address: Some("192.0.2.10".to_owned()),
        user_agent: Some("aws-cli/2.22.0".to_owned()),
        ..Actor::unknown()
    };
    let key = KeyArn::parse(KEY).unwrap();
    let mut event = event("entry-1", "kms.amazonaws.com", "Decrypt", actor, Target::Key(key.clone()));
    event.account = Some(key.account());
    event.region = Some(key.region());
    AuditEvent {
        log: Log::CloudTrail,
        event,
        operation: Operation::Decrypt,
        asset: Some(Asset { kind: AssetKind::Key, id: KEY.to_owned(), version: None }),
        credential: Credential {
            id: Some("ASIAEXAMPLE".to_owned()),
            mfa: Some(true),
            identity_provider: None,
            created_at: Some(at("2026-11-20T09:00:00Z")),
        },
        request: [("encryptionContext.aws:s3:arn", "arn:aws:s3:::bucket"), ("requestID", "request-1")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into(),
        response: [("keyId".to_owned(), KEY.to_owned())].into(),
    }
}

/// A user without a session is refused a secret.
pub(crate) fn refused() -> AuditEvent {
    let actor = Actor {
        kind: ActorKind::IamUser,
        arn: Some("arn:aws:iam::111122223333:user/mallory".to_owned()),
        user_name: Some("mallory".to_owned()),
        source_address: Some("ec2.amazonaws.com".to_owned()),
        ..Actor::unknown()
    };
    let mut event = event("entry-2", "secretsmanager.amazonaws.com", "GetSecretValue", actor, Target::Unnamed);
    event.account = Some(AccountId::parse("111122223333").unwrap());
    event.region = Some(Region::parse("us-gov-west-1").unwrap());
    event.outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: Some("not authorized".to_owned()) };
    let id = "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:db-abc".to_owned();
    AuditEvent {
        log: Log::CloudTrail,
        event,
        operation: Operation::Access,
        asset: Some(Asset { kind: AssetKind::Secret, id, version: Some("v-1".to_owned()) }),
        credential: Credential { id: Some("AKIAEXAMPLE".to_owned()), ..Credential::default() },
        request: [].into(),
        response: [].into(),
    }
}

/// An application signs with a key of a vault.
pub(crate) fn azure_entry() -> AuditEvent {
    let actor = Actor {
        kind: ActorKind::ServicePrincipal,
        object_id: Some("00000000-0000-0000-0000-00000000bbb1".to_owned()),
        app_id: Some("00000000-0000-0000-0000-00000000cccc".to_owned()),
        tenant_id: Some("00000000-0000-0000-0000-00000000aaaa".to_owned()),
        source_address: Some("192.0.2.20:443".to_owned()),
        ..Actor::unknown()
    };
    let id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv/keys/signing";
    let target = Target::Azure(reprieve_core::azure::ResourceId::parse(id).unwrap());
    AuditEvent {
        log: Log::KeyVaultAudit,
        event: event("entry-3", "Microsoft.KeyVault/AuditEvent", "KeySign", actor, target),
        operation: Operation::Sign,
        asset: Some(Asset { kind: AssetKind::Key, id: id.to_owned(), version: Some("0123abcd".to_owned()) }),
        credential: Credential::default(),
        request: [].into(),
        response: [("httpStatusCode".to_owned(), "200".to_owned())].into(),
    }
}

/// A person destroys a version of a key in Google Cloud, and it is refused by a number.
pub(crate) fn google_entry() -> AuditEvent {
    let actor = Actor {
        kind: ActorKind::GoogleUser,
        user_name: Some("bob@example.com".to_owned()),
        source_address: Some("2001:db8::1".to_owned()),
        user_agent: Some("gcloud/500.0.0".to_owned()),
        ..Actor::unknown()
    };
    let name = "projects/payments/locations/europe-west3/keyRings/ring/cryptoKeys/card/cryptoKeyVersions/3";
    let target = Target::Google(GoogleName::parse(name).unwrap());
    let mut event = event("entry-4", "cloudkms.googleapis.com", "DestroyCryptoKeyVersion", actor, target);
    event.outcome = CallOutcome::Refused { code: "7".to_owned(), message: None };
    let id = "projects/payments/locations/europe-west3/keyRings/ring/cryptoKeys/card".to_owned();
    AuditEvent {
        log: Log::GoogleCloudAudit,
        event,
        operation: Operation::Destroy,
        asset: Some(Asset { kind: AssetKind::Key, id, version: Some("3".to_owned()) }),
        credential: Credential { identity_provider: Some("workforce-pool".to_owned()), ..Credential::default() },
        request: [].into(),
        response: [].into(),
    }
}

pub(crate) fn finding() -> Finding {
    let reason = |kind, weight, sentence: &str| Reason { kind, weight, sentence: sentence.to_owned() };
    Finding {
        found_at: at("2026-11-20T10:05:00Z"),
        score: 80,
        severity: Severity::High,
        reasons: vec![
            reason(ReasonKind::NewPrincipal, 50, "first Decrypt by role Payments on this key"),
            reason(ReasonKind::NewNetwork, 30, "never before from 192.0.2.0/24"),
        ],
        audit: decrypt(),
    }
}

pub(crate) fn posture() -> Posture {
    Posture {
        at: at("2026-11-20T10:00:00Z"),
        cloud: Cloud::Aws,
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        keys: 8,
        keys_monitored: 7,
        log_storages: 0,
        log_storages_under_customer_key: 0,
        at_risk: vec![KeyAtRisk {
            id: KEY.to_owned(),
            why: "its deletion is scheduled".to_owned(),
            deadline: Some(at("2026-11-27T10:00:00Z")),
        }],
    }
}

fn without_version(mut event: Value) -> Value {
    for path in ["/metadata/product/version", "/metadata/loggers/0/product/version", "/finding_info/product/version"] {
        if let Some(version) = event.pointer_mut(path) {
            *version = json!("VERSION");
        }
    }
    event["unmapped"] = json!("...");
    event
}

#[test]
fn entries_of_every_cloud_keep_the_rules() {
    for entry in [decrypt(), refused(), azure_entry(), google_entry()] {
        assert_eq!(violations(&audit_json(&entry)), Vec::<String>::new());
    }
    assert_eq!(violations(&finding_json(&finding())), Vec::<String>::new());
    assert_eq!(violations(&posture_json(&posture())), Vec::<String>::new());
}

#[test]
fn whole_entries() {
    for (name, entry) in [("decrypt", decrypt()), ("refused", refused()), ("azure", azure_entry()), ("google", google_entry())] {
        insta::assert_json_snapshot!(format!("entry_{name}"), without_version(audit_json(&entry)));
    }
    insta::assert_json_snapshot!("finding", without_version(finding_json(&finding())));
    insta::assert_json_snapshot!("posture", without_version(posture_json(&posture())));
}

#[test]
fn an_operation_is_the_same_activity_in_every_cloud() {
    for (operation, id, caption) in [
        (Operation::Create, 1, "Create"),
        (Operation::Import, 1, "Create"),
        (Operation::Replicate, 1, "Create"),
        (Operation::Access, 2, "Read"),
        (Operation::Backup, 2, "Read"),
        (Operation::List, 2, "Read"),
        (Operation::Enable, 3, "Update"),
        (Operation::Disable, 3, "Update"),
        (Operation::Restore, 3, "Update"),
        (Operation::ChangeAccess, 3, "Update"),
        (Operation::Destroy, 4, "Delete"),
        (Operation::Purge, 4, "Delete"),
        (Operation::Decrypt, 99, "Decrypt"),
        (Operation::Unwrap, 99, "Unwrap"),
        (Operation::Sign, 99, "Sign"),
    ] {
        for entry in [decrypt(), azure_entry(), google_entry()] {
            let written = audit_json(&AuditEvent { operation, ..entry });
            assert_eq!((&written["activity_id"], &written["activity_name"]), (&json!(id), &json!(caption)));
            assert_eq!(written["type_uid"], json!(600_300 + id));
        }
    }
}

#[test]
fn a_call_of_no_known_kind_is_told_by_its_verb_or_its_name() {
    for (name, id, caption) in [("CreateRole", 1, "Create"), ("AssumeRole", 99, "AssumeRole"), ("DescribeKey", 2, "Read")] {
        let mut entry = AuditEvent { operation: Operation::Other, ..refused() };
        entry.event.name = name.to_owned();
        let written = audit_json(&entry);
        assert_eq!((&written["activity_id"], &written["activity_name"]), (&json!(id), &json!(caption)));
    }
}

#[test]
fn a_loss_that_took_effect_is_graver_than_an_attempt() {
    let severity = |operation, outcome: CallOutcome| {
        let mut entry = AuditEvent { operation, ..decrypt() };
        entry.event.outcome = outcome;
        audit_json(&entry)["severity_id"].as_u64().unwrap()
    };
    let refusal = || CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
    for (operation, succeeded) in
        [(Operation::Purge, 4), (Operation::Destroy, 3), (Operation::Disable, 3), (Operation::ChangeAccess, 2), (Operation::Decrypt, 1)]
    {
        assert_eq!((severity(operation, CallOutcome::Succeeded), severity(operation, refusal())), (succeeded, 2), "{operation:?}");
    }
}

#[test]
fn an_entry_keeps_its_logs_product_and_names_reprieve_as_its_logger() {
    for (entry, name, vendor) in
        [(decrypt(), "CloudTrail", "AWS"), (azure_entry(), "Key Vault", "Microsoft"), (google_entry(), "Cloud Audit Logs", "Google")]
    {
        let metadata = &audit_json(&entry)["metadata"];
        assert_eq!(metadata["product"], json!({ "name": name, "vendor_name": vendor }));
        assert_eq!(metadata["loggers"][0]["name"], json!("Reprieve"));
    }
    assert_eq!(finding_json(&finding())["metadata"]["product"]["name"], json!("Reprieve"));
    assert_eq!(posture_json(&posture())["metadata"]["product"]["name"], json!("Reprieve"));
}

#[test]
fn a_resource_is_owned_by_the_account_in_its_arn() {
    let mut entry = refused();
    entry.asset = Some(Asset {
        kind: AssetKind::Secret,
        id: "arn:aws-cn:secretsmanager:cn-north-1:999988887777:secret:shared".to_owned(),
        version: None,
    });
    let resource = &audit_json(&entry)["resources"][0];
    assert_eq!(resource["owner"]["account"]["uid"], json!("999988887777"));
    assert_eq!((&resource["region"], &resource["cloud_partition"]), (&json!("cn-north-1"), &json!("aws-cn")));
}

#[test]
fn an_entry_without_a_time_says_so() {
    let mut entry = decrypt();
    entry.event.time = None;
    let written = audit_json(&entry);
    assert_eq!((&written["time"], written["metadata"].get("original_time")), (&json!(0), None));
    assert_eq!(violations(&written), Vec::<String>::new());
}

#[test]
fn a_posture_passes_only_where_nothing_is_amiss() {
    let well = Posture { keys_monitored: 8, at_risk: Vec::new(), ..posture() };
    for (posture, status, severity) in [
        (well.clone(), "Pass", 1),
        (posture(), "Fail", 4),
        (Posture { keys: 9, ..well.clone() }, "Fail", 3),
        (Posture { log_storages: 1, ..well }, "Fail", 3),
    ] {
        let written = posture_json(&posture);
        assert_eq!((&written["compliance"]["status"], &written["severity_id"]), (&json!(status), &json!(severity)), "{posture:?}");
    }
}

#[test]
fn what_was_written_is_read_back_whole() {
    for entry in [decrypt(), refused(), azure_entry(), google_entry()] {
        assert_eq!(read(&audit_json(&entry)), Ok(Read::Entry(Box::new(entry))));
    }
    assert_eq!(read(&finding_json(&finding())), Ok(Read::Finding(Box::new(finding()))));
    assert_eq!(read(&posture_json(&posture())), Ok(Read::Posture(posture())));
    let record = reprieve_test_support::record();
    assert_eq!(read(&reprieve_wire::ocsf::record_json(&record)), Ok(Read::Decision(Box::new(record))));
}

#[test]
fn what_was_not_written_here_is_refused_with_the_reason() {
    let mut broken = audit_json(&decrypt());
    broken["unmapped"]["reprieve"]["operation"] = json!("vanish");
    for (event, why) in [
        (json!({ "class_uid": 6003 }), "it has no such field"),
        (json!({ "unmapped": { "reprieve": {} } }), "it is no decision, entry, finding or posture"),
        (json!([1]), "it has no such field"),
        (broken, "its entry: unknown variant `vanish`"),
    ] {
        let error = read(&event).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
