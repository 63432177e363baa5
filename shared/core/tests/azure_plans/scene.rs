//! Scenes: a subject, what was observed of it, what is remembered and what is asked for. As they are built, everything is as it must be.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reprieve_core::Known;
use reprieve_core::azure::desired::{Desired, PurgeProtection};
use reprieve_core::azure::id::{ResourceId, SubscriptionId};
use reprieve_core::azure::memory::{Case as OpenCase, Memory};
use reprieve_core::azure::plan::{ALERTS, AzurePlan, plan};
use reprieve_core::azure::subject::Subject;
use reprieve_core::azure::world::{
    ActionGroup, ActionGroupInventory, ActivityLogAlert, ApprovedKey, BlobService, Companion, Container, DeletedObject, DeletedVault,
    DiagnosticSetting, Engine, Immutability, LogUse, ObjectInventory, RotationPolicy, ServerParameter, SqlAuditing, StorageAccount,
    VaultInventory, VaultObject, World,
};
use reprieve_core::facts::Tags;
use reprieve_test_support::event::event;
use reprieve_test_support::tenant::{SUBSCRIPTION, tenant_desired};
pub(crate) use reprieve_test_support::tenant::{id_of as id, log_identity, log_key, log_storage, log_vault, whole_vault as vault};
use serde_json::{Value, json};

/// All that a plan is made of.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) subject: Subject,
    pub(crate) world: World,
    pub(crate) memory: Memory,
    pub(crate) desired: Desired,
}

impl Scene {
    fn of(subject: Subject, world: World) -> Self {
        Self { subject, world, memory: Memory::empty(), desired: desired() }
    }

    pub(crate) fn plan(&self) -> AzurePlan {
        plan(&self.subject, &self.world, &self.memory, &self.desired)
    }
}

/// Names facts of a scene's world, to change them.
#[macro_export]
macro_rules! facts {
    ($scene:expr, $aspect:ident: $($fact:ident),+) => {
        let reprieve_core::azure::world::World::$aspect { $($fact,)+ .. } = &mut $scene.world else {
            panic!("the scene is of another aspect: {:?}", $scene.world)
        };
    };
}

/// Names one fact that was read.
pub(crate) fn read<T>(fact: &mut Known<T>) -> &mut T {
    match fact {
        Known::Is(value) => value,
        Known::Absent | Known::Unreadable(_) => panic!("the scene does not know this"),
    }
}

pub(crate) fn unreadable<T>() -> Known<T> {
    Known::Unreadable("`AuthorizationFailed`".to_owned())
}

pub(crate) fn subscription() -> SubscriptionId {
    SubscriptionId::parse(SUBSCRIPTION).unwrap()
}

pub(crate) fn other_vault() -> ResourceId {
    id("Microsoft.KeyVault/vaults/kv-app")
}

pub(crate) fn sql_server() -> ResourceId {
    id("Microsoft.Sql/servers/sql1")
}

pub(crate) fn container_id(name: &str) -> ResourceId {
    log_storage().child("blobServices", "default").child("containers", name)
}

pub(crate) fn action_group() -> ResourceId {
    id("Microsoft.Insights/actionGroups/oncall")
}

/// What is remembered of the action group, which called one more by URL.
pub(crate) fn remembered_group() -> ActionGroupInventory {
    let properties =
        json!({ "groupShortName": "oncall", "enabled": true, "emailReceivers": [{ "name": "a", "emailAddress": "a@example.com" }] });
    ActionGroupInventory { id: action_group(), body: json!({ "location": "Global", "properties": properties }), left_out: 1 }
}

pub(crate) fn event_hub_rule(name: &str) -> ResourceId {
    id("Microsoft.EventHub/namespaces/ehns").child("authorizationRules", name)
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn desired() -> Desired {
    Desired {
        purge_protection: PurgeProtection::LogVaults,
        action_group: Some(action_group()),
        alerts_group: log_storage().group(),
        ..tenant_desired()
    }
}

pub(crate) fn deleted_vault(id: &ResourceId) -> DeletedVault {
    DeletedVault {
        id: id.clone(),
        location: "westeurope".to_owned(),
        tags: Tags::new(),
        deleted_at: Some(time("2026-11-20T10:00:00Z")),
        purge_at: Some(time("2027-02-18T10:00:00Z")),
        purge_protection: true,
    }
}

pub(crate) fn role_assignment(vault: &ResourceId, name: &str, role: &str, principal: &str) -> Companion {
    let definition = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    Companion {
        id: vault.extension("Microsoft.Authorization", "roleAssignments", name),
        properties: json!({ "roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal" }),
    }
}

pub(crate) const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";
pub(crate) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

pub(crate) fn companions(vault: &ResourceId) -> Vec<Companion> {
    let subscription = vault.extension("Microsoft.EventGrid", "eventSubscriptions", "near-expiry");
    vec![
        role_assignment(vault, "ra-app", CRYPTO_USER, "app"),
        Companion { id: subscription, properties: json!({ "destination": { "endpointType": "EventHub" } }) },
    ]
}

pub(crate) fn inventory(id: &ResourceId) -> VaultInventory {
    VaultInventory { vault: vault(id), companions: companions(id), as_of: time("2026-11-19T10:00:00Z") }
}

/// An open case of a vault that was recovered.
pub(crate) fn recovering() -> OpenCase {
    let event = event("VaultDelete").build();
    OpenCase {
        event,
        opened_at: time("2026-11-20T10:00:00Z"),
        stands: false,
        recovering: true,
        found: None,
        seen_at: None,
        explained_until: None,
        told: Vec::new(),
        untold: Vec::new(),
    }
}

pub(crate) fn object() -> VaultObject {
    VaultObject { enabled: true, tags: Tags::new(), version: Some("0123".to_owned()), managed: false }
}

pub(crate) fn deleted_object() -> DeletedObject {
    DeletedObject {
        tags: Tags::new(),
        deleted_at: Some(time("2026-11-20T10:00:00Z")),
        purge_at: Some(time("2027-02-18T10:00:00Z")),
        managed: false,
    }
}

pub(crate) fn rotation_policy() -> RotationPolicy {
    RotationPolicy {
        rotate_after: Some("P18M".to_owned()),
        rotate_before_expiry: None,
        notify_before_expiry: Some("P30D".to_owned()),
        expires_after: Some("P2Y".to_owned()),
    }
}

pub(crate) fn account() -> StorageAccount {
    StorageAccount {
        id: log_storage(),
        location: "westeurope".to_owned(),
        tags: Tags::new(),
        customer_managed: true,
        key: Some(log_key()),
        key_identity: Some(log_identity()),
        system_identity: true,
        identities: [log_identity()].into(),
    }
}

pub(crate) fn service_properties() -> Value {
    json!({
        "cors": { "corsRules": [{ "allowedOrigins": ["https://example.com"] }] },
        "changeFeed": { "enabled": true },
        "deleteRetentionPolicy": { "enabled": true, "days": 30, "allowPermanentDelete": false },
        "containerDeleteRetentionPolicy": { "enabled": true, "days": 30 },
        "isVersioningEnabled": true,
    })
}

pub(crate) fn approved_key() -> ApprovedKey {
    ApprovedKey {
        key: log_key(),
        vault: Known::Is(vault(&log_vault())),
        object: Known::Is(object()),
        identity_principal: Known::Is("principal-of-id-logs".to_owned()),
        identity_may_use_key: Known::Is(true),
    }
}

pub(crate) fn immutability() -> Immutability {
    Immutability { days: 90, locked: false, append_allowed: true, etag: "\"1\"".to_owned() }
}

pub(crate) fn uses() -> BTreeSet<LogUse> {
    [LogUse::ActivityLog, LogUse::DatabaseAudit { server: sql_server(), container: "sqldbauditlogs".to_owned() }].into()
}

pub(crate) fn setting(name: &str, categories: &[&str]) -> DiagnosticSetting {
    DiagnosticSetting {
        name: name.to_owned(),
        storage: Some(log_storage()),
        event_hub_rule: None,
        event_hub_name: None,
        workspace: None,
        categories: categories.iter().map(|category| category.to_lowercase()).collect(),
    }
}

pub(crate) fn parameter(name: &str, value: &str) -> ServerParameter {
    ServerParameter { name: name.to_owned(), value: value.to_owned() }
}

/// An alert that somebody made, for an operation.
pub(crate) fn alert(name: &str, operation: &str) -> ActivityLogAlert {
    ActivityLogAlert {
        id: id(&format!("Microsoft.Insights/activityLogAlerts/{name}")),
        enabled: true,
        scopes: [subscription().resource()].into(),
        operations: [operation.to_lowercase()].into(),
        is_narrowed: false,
        action_groups: [action_group()].into(),
    }
}

pub(crate) fn vault_protection() -> Scene {
    let world = World::VaultProtection { vault: Known::Is(vault(&other_vault())), protects: Known::Is(vec![sql_server()]) };
    Scene::of(Subject::VaultProtection(other_vault()), world)
}

pub(crate) fn vault_existence() -> Scene {
    let world =
        World::Vault { vault: Known::Is(vault(&other_vault())), deleted: Known::Absent, companions: Known::Is(companions(&other_vault())) };
    let mut scene = Scene::of(Subject::Vault(other_vault()), world);
    scene.memory.vault = Some(inventory(&other_vault()));
    scene
}

pub(crate) fn vault_object() -> Scene {
    let world = World::VaultObject { object: Known::Is(object()), deleted: Known::Absent };
    let mut scene = Scene::of(Subject::VaultObject(other_vault().child("keys", "invoices")), world);
    scene.memory.object = Some(ObjectInventory { enabled: Some(true), rotation: None });
    scene
}

pub(crate) fn rotation() -> Scene {
    let world = World::RotationPolicy { object: Known::Is(object()), rotation: Known::Is(rotation_policy()) };
    let mut scene = Scene::of(Subject::RotationPolicy(other_vault().child("keys", "invoices")), world);
    scene.memory.object = Some(ObjectInventory { enabled: Some(true), rotation: Some(rotation_policy()) });
    scene
}

pub(crate) fn storage_protection() -> Scene {
    let service = BlobService {
        delete_retention_days: Some(30),
        container_delete_retention_days: Some(30),
        versioning: true,
        properties: service_properties(),
    };
    let world = World::StorageProtection { account: Known::Is(account()), service: Known::Is(service), uses: Known::Is(uses()) };
    Scene::of(Subject::StorageProtection(log_storage()), world)
}

pub(crate) fn log_encryption() -> Scene {
    let world = World::LogEncryption {
        account: Known::Is(account()),
        uses: Known::Is(uses()),
        approved: Known::Is(approved_key()),
        present_identity_may_use_key: Known::Is(true),
    };
    Scene::of(Subject::LogEncryption(log_storage()), world)
}

pub(crate) fn audit_container() -> Scene {
    let container = Container { id: container_id("sqldbauditlogs"), version_level_immutability: false };
    let world = World::AuditContainer {
        account: Known::Is(account()),
        uses: Known::Is(uses()),
        container: Known::Is(container),
        deleted_version: Known::Absent,
        immutability: Known::Is(immutability()),
    };
    Scene::of(Subject::AuditContainer(container_id("sqldbauditlogs")), world)
}

pub(crate) fn sql_auditing() -> Scene {
    let sql = SqlAuditing {
        enabled: true,
        storage_endpoint: Some("https://stlogs01.blob.core.windows.net".to_owned()),
        retention_days: 90,
        to_azure_monitor: false,
        by_identity: true,
        properties: json!({
            "state": "Enabled",
            "storageEndpoint": "https://stlogs01.blob.core.windows.net",
            "retentionDays": 90,
            "isManagedIdentityInUse": true,
            "auditActionsAndGroups": ["BATCH_COMPLETED_GROUP"],
            "queueDelayMs": 4000,
        }),
    };
    let world = World::DatabaseAuditing {
        engine: Engine::Sql,
        server: Known::Is(Tags::new()),
        sql: Known::Is(sql),
        identity_may_write: Known::Is(true),
        parameters: Known::Absent,
        settings: Known::Absent,
    };
    Scene::of(Subject::DatabaseAuditing(sql_server()), world)
}

fn flexible_server(engine: Engine, server: &str, parameters: Vec<ServerParameter>, category: &str) -> Scene {
    let world = World::DatabaseAuditing {
        engine,
        server: Known::Is(Tags::new()),
        sql: Known::Absent,
        identity_may_write: Known::Absent,
        parameters: Known::Is(parameters),
        settings: Known::Is(vec![setting("to-storage", &[category])]),
    };
    Scene::of(Subject::DatabaseAuditing(id(server)), world)
}

pub(crate) fn postgresql() -> Scene {
    let parameters = vec![
        parameter("shared_preload_libraries", "pg_stat_statements,pgaudit"),
        parameter("pgaudit.log", "WRITE, DDL, ROLE"),
        parameter("log_checkpoints", "on"),
        parameter("log_connections", "ON"),
        parameter("log_disconnections", "on"),
    ];
    flexible_server(Engine::PostgreSql, "Microsoft.DBforPostgreSQL/flexibleServers/pg1", parameters, "PostgreSQLLogs")
}

pub(crate) fn mysql() -> Scene {
    let parameters = vec![parameter("audit_log_enabled", "ON"), parameter("audit_log_events", "CONNECTION,DDL")];
    flexible_server(Engine::MySql, "Microsoft.DBforMySQL/flexibleServers/my1", parameters, "MySqlAuditLogs")
}

pub(crate) fn vault_logging() -> Scene {
    let mut audit = setting("reprieve", &["audit"]);
    audit.event_hub_rule = Some(event_hub_rule("send"));
    audit.event_hub_name = Some("vault-audit".to_owned());
    let world = World::VaultLogging { vault: Known::Is(vault(&other_vault())), settings: Known::Is(vec![audit]) };
    Scene::of(Subject::VaultLogging(other_vault()), world)
}

pub(crate) fn alerts() -> Scene {
    let world = World::Alerts {
        subscription: Known::Is(Tags::new()),
        settings: Known::Is(vec![setting("activity", &["Administrative", "Alert", "Policy", "Security"])]),
        alerts: Known::Is(ALERTS.iter().map(|alarm| alert(&format!("corp-{}", alarm.name), alarm.operation)).collect()),
        group: Known::Is(ActionGroup { enabled: true, receivers: 2, kept: None }),
    };
    Scene::of(Subject::Alerts(subscription()), world)
}
