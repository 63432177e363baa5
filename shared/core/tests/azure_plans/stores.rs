//! Log storage and audit containers, broken in every way that matters.

use reprieve_core::azure::change::Change;
use reprieve_core::azure::plan::Remedy::{Mended, NeedsHuman, Unreadable};
use reprieve_core::azure::subject::Subject;
use reprieve_core::azure::world::{BlobService, LogUse};
use reprieve_core::{Known, Severity};
use serde_json::{Value, json};

use super::Case;
use super::scene::{Scene, audit_container, container_id, read, storage_protection, unreadable};
use crate::facts;

const IMMUTABLE: &str = "make container `sqldbauditlogs` immutable for 90 days";
const LOCK: &str = "lock the immutability of container `sqldbauditlogs`, for good";
const RESTORE: &str = "restore container `sqldbauditlogs`";

pub(crate) fn cases() -> Vec<Case> {
    [protection(), containers(), policies()].into_iter().flatten().collect()
}

fn protection() -> Vec<Case> {
    vec![
        Case {
            what: "log storage where everything is off",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service);
                *read(service) = BlobService::default();
            },
            changes: &["switch soft delete of blobs, soft delete of containers, versions of blobs of storage account `stlogs01` on"],
            findings: &[
                (Mended, Severity::High, "does not keep deleted blobs"),
                (Mended, Severity::High, "does not keep deleted containers"),
                (Mended, Severity::High, "it keeps no versions of blobs"),
            ],
        },
        Case {
            what: "log storage that keeps deleted blobs for too short, and containers for longer than asked",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service);
                let service = read(service);
                (service.delete_retention_days, service.container_delete_retention_days) = (Some(1), Some(365));
                *service.properties.pointer_mut("/deleteRetentionPolicy/days").unwrap() = json!(1);
                *service.properties.pointer_mut("/containerDeleteRetentionPolicy/days").unwrap() = json!(365);
            },
            changes: &["switch soft delete of blobs of storage account `stlogs01` on"],
            findings: &[(Mended, Severity::High, "keeps deleted blobs for 1 days, not for 30")],
        },
        Case {
            what: "log storage that lets what is kept be deleted for good",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service);
                *read(service).properties.pointer_mut("/deleteRetentionPolicy/allowPermanentDelete").unwrap() = json!(true);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "`allowPermanentDelete`")],
        },
        Case {
            what: "storage that keeps no logs may be as it likes",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service, uses);
                (*read(service), *uses) = (BlobService::default(), Known::Is([].into()));
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "storage of which it cannot be read what it keeps",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service, uses);
                (*read(service), *uses) = (BlobService::default(), unreadable());
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "what storage account `stlogs01` keeps could not be read")],
        },
        Case {
            what: "log storage whose blob service cannot be read",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: service);
                *service = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "the blob service of storage account `stlogs01` could not be read")],
        },
        Case {
            what: "log storage that is gone",
            whole: storage_protection,
            breaks: |scene| {
                facts!(scene, StorageProtection: account, service);
                (*account, *service) = (Known::Absent, Known::Absent);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Critical, "is gone; Azure can recover it for 14 days")],
        },
    ]
}

fn containers() -> Vec<Case> {
    vec![
        Case {
            what: "an audit container that was deleted comes back, immutable and locked as asked",
            whole: audit_container,
            breaks: |scene| {
                scene.desired.lock_immutability = true;
                facts!(scene, AuditContainer: container, deleted_version, immutability);
                (*container, *deleted_version, *immutability) = (Known::Absent, Known::Is("01D5".to_owned()), Known::Absent);
            },
            changes: &[RESTORE, IMMUTABLE, LOCK],
            findings: &[
                (Mended, Severity::Critical, "container `sqldbauditlogs` of storage account `stlogs01` is deleted, with the logs in it"),
                (Mended, Severity::Medium, "is not locked (once locked, nobody can take it off or shorten it again)"),
            ],
        },
        Case {
            what: "an audit container that is gone is made again",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: container, immutability);
                (*container, *immutability) = (Known::Absent, Known::Absent);
            },
            changes: &["make container `sqldbauditlogs`", IMMUTABLE],
            findings: &[(Mended, Severity::High, "to which the auditing of SQL server `sql1` writes, does not exist")],
        },
        Case {
            what: "a container of the Activity Log that is gone is left to Azure",
            whole: audit_container,
            breaks: |scene| {
                scene.subject = Subject::AuditContainer(container_id("insights-activity-logs"));
                facts!(scene, AuditContainer: container, immutability);
                (*container, *immutability) = (Known::Absent, Known::Absent);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "Azure makes it again when the next log arrives")],
        },
        Case {
            what: "an audit container that is gone, while deleted ones cannot be read",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: container, deleted_version);
                (*container, *deleted_version) = (Known::Absent, unreadable());
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "can be restored could not be read")],
        },
        Case {
            what: "a container that keeps something else may be as it likes",
            whole: audit_container,
            breaks: |scene| {
                scene.subject = Subject::AuditContainer(container_id("holiday-photos"));
                facts!(scene, AuditContainer: container, immutability);
                (*container, *immutability) = (Known::Absent, Known::Absent);
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a container of a diagnostic setting, in an account that takes none",
            whole: audit_container,
            breaks: |scene| {
                scene.subject = Subject::AuditContainer(container_id("insights-logs-auditevent"));
                facts!(scene, AuditContainer: uses, immutability);
                (*uses, *immutability) = (Known::Is([].into()), Known::Absent);
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a container of audit events of vaults",
            whole: audit_container,
            breaks: |scene| {
                scene.subject = Subject::AuditContainer(container_id("insights-logs-auditevent"));
                facts!(scene, AuditContainer: uses, immutability);
                (*uses, *immutability) = (Known::Is([LogUse::VaultAudit].into()), Known::Absent);
            },
            changes: &["make container `insights-logs-auditevent` immutable for 90 days"],
            findings: &[(Mended, Severity::High, "is not immutable (its logs can be changed and deleted)")],
        },
        Case {
            what: "an audit container that cannot be read is not taken for missing",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: container);
                *container = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "could not be read")],
        },
    ]
}

fn policies() -> Vec<Case> {
    vec![
        Case {
            what: "an audit container without immutability",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: immutability);
                *immutability = Known::Absent;
            },
            changes: &[IMMUTABLE],
            findings: &[(Mended, Severity::High, "container `sqldbauditlogs` is not immutable")],
        },
        Case {
            what: "an unlocked policy that is too short and refuses appends",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: immutability);
                (read(immutability).days, read(immutability).append_allowed) = (1, false);
            },
            changes: &[IMMUTABLE],
            findings: &[(Mended, Severity::Medium, "is immutable for 1 days, not for 90"), (Mended, Severity::Medium, "takes no appends")],
        },
        Case {
            what: "an unlocked policy that is longer than asked and refuses appends keeps its length",
            whole: audit_container,
            breaks: |scene| {
                scene.desired.lock_immutability = true;
                facts!(scene, AuditContainer: immutability);
                (read(immutability).days, read(immutability).append_allowed) = (400, false);
            },
            changes: &["make container `sqldbauditlogs` immutable for 400 days", LOCK],
            findings: &[(Mended, Severity::Medium, "takes no appends"), (Mended, Severity::Medium, "is not locked")],
        },
        Case {
            what: "a locked policy that is too short",
            whole: audit_container,
            breaks: |scene| {
                scene.desired.lock_immutability = true;
                facts!(scene, AuditContainer: immutability);
                (read(immutability).days, read(immutability).locked) = (30, true);
            },
            changes: &["lengthen the immutability of container `sqldbauditlogs` to 90 days"],
            findings: &[(Mended, Severity::Medium, "is immutable for 30 days, not for 90 (once lengthened, nobody can shorten it again)")],
        },
        Case {
            what: "a locked policy that refuses appends",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: immutability);
                (read(immutability).append_allowed, read(immutability).locked) = (false, true);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::High, "is locked without appends")],
        },
        Case {
            what: "a right policy that must be locked",
            whole: audit_container,
            breaks: |scene| scene.desired.lock_immutability = true,
            changes: &[LOCK],
            findings: &[(Mended, Severity::Medium, "nobody can take it off or shorten it again")],
        },
        Case {
            what: "a container whose versions are immutable one by one",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: container, immutability);
                (read(container).version_level_immutability, *immutability) = (true, Known::Absent);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Low, "has no retention of its own")],
        },
        Case {
            what: "immutability that cannot be read is not taken for missing",
            whole: audit_container,
            breaks: |scene| {
                facts!(scene, AuditContainer: immutability);
                *immutability = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "the immutability of container `sqldbauditlogs` could not be read")],
        },
    ]
}

fn written(scene: &Scene) -> Value {
    match scene.plan().changes.pop() {
        Some(Change::PutBlobService { properties, .. }) => properties,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_else_a_blob_service_holds_is_written_back() {
    let mut scene = storage_protection();
    facts!(scene, StorageProtection: service);
    (read(service).versioning, read(service).properties["isVersioningEnabled"]) = (false, json!(false));
    let mut expected = read(service).properties.clone();
    expected["isVersioningEnabled"] = json!(true);
    assert_eq!(written(&scene), expected);
}

#[test]
fn an_account_that_can_be_restored_keeps_deleted_blobs_for_longer_than_that() {
    let mut scene = storage_protection();
    facts!(scene, StorageProtection: service);
    read(service).delete_retention_days = None;
    read(service).properties["restorePolicy"] = json!({ "enabled": true, "days": 89 });
    assert_eq!(written(&scene)["deleteRetentionPolicy"]["days"], json!(90));
}
