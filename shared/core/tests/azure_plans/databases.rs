//! The auditing of database servers, broken in every way that matters.

use reprieve_core::azure::change::Change;
use reprieve_core::azure::plan::Remedy::{Mended, NeedsHuman, Unreadable};
use reprieve_core::azure::world::{ServerParameter, SqlAuditing};
use reprieve_core::{Known, Severity};
use serde_json::{Value, json};

use super::Case;
use super::scene::{Scene, mysql, parameter, postgresql, read, setting, sql_auditing, unreadable};
use crate::facts;

const SQL_ON: &str = "switch the auditing of SQL server `sql1` on";
const SETTING: &str = "put diagnostic setting `reprieve`";

pub(crate) fn cases() -> Vec<Case> {
    [sql(), postgresqls(), mysqls()].into_iter().flatten().collect()
}

/// Switches auditing off, as the portal does: it forgets where it was written to.
fn off(auditing: &mut SqlAuditing) {
    (auditing.enabled, auditing.storage_endpoint, auditing.retention_days) = (false, None, 0);
    auditing.properties = json!({
        "state": "Disabled", "storageEndpoint": "", "retentionDays": 0, "auditActionsAndGroups": [],
        "storageAccountSubscriptionId": "00000000-0000-0000-0000-000000000000", "isAzureMonitorTargetEnabled": false,
    });
}

/// Lets auditing write by an access key, which nobody sees, and keep what it writes for too short.
fn by_key(auditing: &mut SqlAuditing) {
    (auditing.by_identity, auditing.retention_days) = (false, 1);
    (auditing.properties["isManagedIdentityInUse"], auditing.properties["retentionDays"]) = (json!(false), json!(1));
}

fn sql() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: sql_auditing, breaks, changes, findings };
    vec![
        case(
            "auditing that is off",
            |scene: &mut Scene| {
                facts!(scene, DatabaseAuditing: sql);
                off(read(sql));
            },
            &[SQL_ON],
            &[(Mended, Severity::High, "the auditing of SQL server `sql1` is off")],
        ),
        case(
            "auditing that was never set",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                *sql = Known::Absent;
            },
            &[SQL_ON],
            &[(Mended, Severity::High, "is off")],
        ),
        case(
            "auditing that is off, and nowhere to write to",
            |scene| {
                scene.desired.log_storage = None;
                facts!(scene, DatabaseAuditing: sql);
                off(read(sql));
            },
            &[],
            &[(NeedsHuman, Severity::High, "is off; no storage account is configured to write to")],
        ),
        case(
            "auditing that is written nowhere",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                read(sql).storage_endpoint = None;
            },
            &[SQL_ON],
            &[(Mended, Severity::High, "is written nowhere")],
        ),
        case(
            "auditing to Azure Monitor alone",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                (read(sql).storage_endpoint, read(sql).to_azure_monitor) = (None, true);
            },
            &[],
            &[],
        ),
        case(
            "auditing to another storage account",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                read(sql).storage_endpoint = Some("https://stother.blob.core.windows.net".to_owned());
            },
            &[],
            &[],
        ),
        case(
            "auditing that is kept for too short, of no actions",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                (read(sql).retention_days, read(sql).properties["auditActionsAndGroups"]) = (1, json!([]));
            },
            &[SQL_ON],
            &[(Mended, Severity::Medium, "is kept for 1 days, not for 90"), (Mended, Severity::High, "audits no actions")],
        ),
        case(
            "auditing that is kept for ever",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                read(sql).retention_days = 0;
            },
            &[],
            &[],
        ),
        case(
            "auditing by an access key that is as it must be",
            |scene| {
                facts!(scene, DatabaseAuditing: sql, identity_may_write);
                (read(sql).by_identity, *identity_may_write) = (false, Known::Is(false));
            },
            &[],
            &[],
        ),
        case(
            "auditing by an access key, kept for too short, of a server whose identity may write in its place",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                by_key(read(sql));
            },
            &[SQL_ON],
            &[(Mended, Severity::Medium, "is kept for 1 days, not for 90")],
        ),
        case(
            "auditing by an access key, kept for too short, of a server whose identity has no role",
            |scene| {
                facts!(scene, DatabaseAuditing: sql, identity_may_write);
                by_key(read(sql));
                *identity_may_write = Known::Is(false);
            },
            &[],
            &[(NeedsHuman, Severity::Medium, "is kept for 1 days, not for 90; it writes by an access key")],
        ),
        case(
            "auditing by an access key, kept for too short, of a server whose roles cannot be read",
            |scene| {
                facts!(scene, DatabaseAuditing: sql, identity_may_write);
                by_key(read(sql));
                *identity_may_write = unreadable();
            },
            &[],
            &[
                (Unreadable, Severity::Medium, "whether the identity of SQL server `sql1` may write its audit could not be read"),
                (NeedsHuman, Severity::Medium, "it writes by an access key"),
            ],
        ),
        case(
            "auditing by an identity that has lost its role",
            |scene| {
                facts!(scene, DatabaseAuditing: identity_may_write);
                *identity_may_write = Known::Is(false);
            },
            &[],
            &[(NeedsHuman, Severity::Medium, "is not seen to hold the role `Storage Blob Data Contributor`")],
        ),
        case(
            "auditing by an identity whose roles cannot be read is left alone",
            |scene| {
                facts!(scene, DatabaseAuditing: identity_may_write);
                *identity_may_write = unreadable();
            },
            &[],
            &[],
        ),
        case(
            "auditing that is off, of a server whose identity has no role",
            |scene| {
                facts!(scene, DatabaseAuditing: sql, identity_may_write);
                off(read(sql));
                *identity_may_write = Known::Is(false);
            },
            &[SQL_ON],
            &[
                (Mended, Severity::High, "the auditing of SQL server `sql1` is off"),
                (NeedsHuman, Severity::Medium, "is not seen to hold the role `Storage Blob Data Contributor`"),
            ],
        ),
        case(
            "auditing that is off, of a server whose roles cannot be read",
            |scene| {
                facts!(scene, DatabaseAuditing: sql, identity_may_write);
                off(read(sql));
                *identity_may_write = unreadable();
            },
            &[SQL_ON],
            &[
                (Mended, Severity::High, "the auditing of SQL server `sql1` is off"),
                (Unreadable, Severity::Medium, "whether the identity of SQL server `sql1` may write its audit could not be read"),
            ],
        ),
        case(
            "auditing that cannot be read is not taken for off",
            |scene| {
                facts!(scene, DatabaseAuditing: sql);
                *sql = unreadable();
            },
            &[],
            &[(Unreadable, Severity::Medium, "the auditing of SQL server `sql1` could not be read")],
        ),
        case(
            "a server that is not there audits nothing",
            |scene| {
                facts!(scene, DatabaseAuditing: server, sql);
                (*server, *sql) = (Known::Absent, Known::Absent);
            },
            &[],
            &[],
        ),
        case(
            "a server that cannot be read",
            |scene| {
                facts!(scene, DatabaseAuditing: server, sql);
                (*server, *sql) = (unreadable(), Known::Absent);
            },
            &[],
            &[(Unreadable, Severity::Medium, "SQL server `sql1` could not be read")],
        ),
    ]
}

fn set(parameters: &mut Known<Vec<ServerParameter>>, name: &str, value: &str) {
    read(parameters).retain(|parameter| parameter.name != name);
    read(parameters).push(parameter(name, value));
}

fn postgresqls() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: postgresql, breaks, changes, findings };
    vec![
        case(
            "`pgaudit` that audits nothing",
            |scene: &mut Scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "pgaudit.log", "none");
            },
            &["set `pgaudit.log` of PostgreSQL server `pg1` to `ddl,role,write`"],
            &[(Mended, Severity::High, "does not audit changes of its schema, roles and data")],
        ),
        case(
            "`pgaudit` that leaves out writes keeps what it audits",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "pgaudit.log", "ALL, -WRITE, -MISC");
            },
            &["set `pgaudit.log` of PostgreSQL server `pg1` to `all,-misc,write`"],
            &[(Mended, Severity::High, "does not audit changes")],
        ),
        case(
            "`pgaudit` that audits everything",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "pgaudit.log", "all,-misc");
            },
            &[],
            &[],
        ),
        case(
            "`pgaudit` that is not loaded",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "shared_preload_libraries", "pg_cron");
            },
            &[],
            &[(NeedsHuman, Severity::High, "add it to `shared_preload_libraries`, which needs a restart")],
        ),
        case(
            "logs of connections that are off",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "log_checkpoints", "OFF");
                set(parameters, "log_connections", "off");
                set(parameters, "log_disconnections", "off");
            },
            &[
                "set `log_checkpoints` of PostgreSQL server `pg1` to `on`",
                "set `log_connections` of PostgreSQL server `pg1` to `on`",
                "set `log_disconnections` of PostgreSQL server `pg1` to `on`",
            ],
            &[
                (Mended, Severity::Medium, "`log_checkpoints` of PostgreSQL server `pg1` is off"),
                (Mended, Severity::Medium, "`log_connections` of PostgreSQL server `pg1` is off"),
                (Mended, Severity::Medium, "`log_disconnections` of PostgreSQL server `pg1` is off"),
            ],
        ),
        case(
            "logs that are not written to storage",
            |scene| {
                facts!(scene, DatabaseAuditing: settings);
                *settings = Known::Is(Vec::new());
            },
            &[SETTING],
            &[(Mended, Severity::High, "no diagnostic setting of PostgreSQL server `pg1` writes `PostgreSQLLogs` to storage")],
        ),
        case(
            "logs that are not written to storage, of which there is none",
            |scene| {
                scene.desired.log_storage = None;
                facts!(scene, DatabaseAuditing: settings);
                *settings = Known::Absent;
            },
            &[],
            &[(NeedsHuman, Severity::Medium, "and no storage account is configured for that")],
        ),
        case(
            "five diagnostic settings of other people",
            |scene| {
                facts!(scene, DatabaseAuditing: settings);
                *settings = Known::Is((1..=5).map(|number| setting(&format!("other-{number}"), &["allMetrics"])).collect());
            },
            &[],
            &[(NeedsHuman, Severity::High, "PostgreSQL server `pg1` has 5 diagnostic settings, and Azure allows no more")],
        ),
        case(
            "neither parameters nor settings can be read",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters, settings);
                (*parameters, *settings) = (unreadable(), unreadable());
            },
            &[],
            &[
                (Unreadable, Severity::Medium, "the parameters of PostgreSQL server `pg1` could not be read"),
                (Unreadable, Severity::Medium, "the diagnostic settings of PostgreSQL server `pg1` could not be read"),
            ],
        ),
    ]
}

fn mysqls() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: mysql, breaks, changes, findings };
    vec![
        case(
            "an audit log that is off and holds no connections",
            |scene: &mut Scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "audit_log_enabled", "OFF");
                set(parameters, "audit_log_events", "DDL,DCL");
            },
            &[
                "set `audit_log_enabled` of MySQL server `my1` to `ON`",
                "set `audit_log_events` of MySQL server `my1` to `DDL,DCL,CONNECTION`",
            ],
            &[
                (Mended, Severity::High, "the audit log of MySQL server `my1` is off"),
                (Mended, Severity::Medium, "the audit log of MySQL server `my1` holds no connections"),
            ],
        ),
        case(
            "an audit log of no events",
            |scene| {
                facts!(scene, DatabaseAuditing: parameters);
                set(parameters, "audit_log_events", "");
            },
            &["set `audit_log_events` of MySQL server `my1` to `CONNECTION`"],
            &[(Mended, Severity::Medium, "holds no connections")],
        ),
        case(
            "an audit log that a setting of ours writes to somebody else's storage",
            |scene| {
                facts!(scene, DatabaseAuditing: settings);
                let mut ours = setting("reprieve", &["MySqlAuditLogs", "MySqlSlowLogs"]);
                ours.storage = Some(super::scene::id("Microsoft.Storage/storageAccounts/stevil"));
                *settings = Known::Is(vec![ours]);
            },
            &[SETTING],
            &[(Mended, Severity::High, "writes `MySqlAuditLogs` to storage")],
        ),
    ]
}

fn written(scene: &Scene) -> Value {
    match scene.plan().changes.pop() {
        Some(Change::PutSqlAuditing { properties, .. } | Change::PutDiagnosticSetting { properties, .. }) => properties,
        other => panic!("{other:?}"),
    }
}

#[test]
fn auditing_that_was_forgotten_is_written_to_the_log_storage_by_identity() {
    let mut scene = sql_auditing();
    facts!(scene, DatabaseAuditing: sql);
    off(read(sql));
    let expected = json!({
        "state": "Enabled",
        "storageEndpoint": "https://stlogs01.blob.core.windows.net",
        "isManagedIdentityInUse": true,
        "retentionDays": 0,
        "auditActionsAndGroups":
            ["SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP", "FAILED_DATABASE_AUTHENTICATION_GROUP", "BATCH_COMPLETED_GROUP"],
        "isAzureMonitorTargetEnabled": false,
    });
    assert_eq!(written(&scene), expected);
}

#[test]
fn auditing_that_was_never_set_is_kept_for_as_long_as_it_is_immutable() {
    let mut scene = sql_auditing();
    facts!(scene, DatabaseAuditing: sql);
    *sql = Known::Absent;
    assert_eq!(written(&scene)["retentionDays"], json!(90));
}

#[test]
fn auditing_keeps_what_it_audits_and_where_it_is_written_to() {
    let mut scene = sql_auditing();
    facts!(scene, DatabaseAuditing: sql);
    let auditing = read(sql);
    (auditing.enabled, auditing.properties["state"]) = (false, json!("Disabled"));
    auditing.properties["storageAccountAccessKey"] = json!("never told, never sent");
    let expected = json!({
        "state": "Enabled",
        "storageEndpoint": "https://stlogs01.blob.core.windows.net",
        "isManagedIdentityInUse": true,
        "retentionDays": 90,
        "auditActionsAndGroups": ["BATCH_COMPLETED_GROUP"],
        "queueDelayMs": 4000,
    });
    assert_eq!(written(&scene), expected);
}

#[test]
fn facts_that_were_written_before_roles_were_looked_at_leave_an_access_key_alone() {
    let mut scene = sql_auditing();
    facts!(scene, DatabaseAuditing: sql);
    by_key(read(sql));
    let mut written = serde_json::to_value(&scene.world).unwrap();
    written.as_object_mut().unwrap().remove("identity_may_write").unwrap();
    scene.world = serde_json::from_value(written).unwrap();
    let plan = scene.plan();
    assert!(plan.changes.is_empty() && plan.found(NeedsHuman).count() == 1, "{plan:#?}");
}

#[test]
fn what_must_be_kept_for_longer_than_auditing_can_is_kept_for_ever() {
    let mut scene = sql_auditing();
    scene.desired.immutability_days = 4000;
    assert_eq!(written(&scene)["retentionDays"], json!(0));
}

#[test]
fn our_setting_keeps_the_categories_that_it_writes_and_no_workspace() {
    let mut scene = mysql();
    facts!(scene, DatabaseAuditing: settings);
    let mut ours = setting("reprieve", &["MySqlSlowLogs"]);
    ours.workspace = Some(super::scene::id("Microsoft.OperationalInsights/workspaces/law"));
    *settings = Known::Is(vec![ours]);
    let expected = json!({
        "storageAccountId": super::scene::log_storage(),
        "logs": [{ "category": "MySqlAuditLogs", "enabled": true }, { "category": "MySqlSlowLogs", "enabled": true }],
    });
    assert_eq!(written(&scene), expected);
}
