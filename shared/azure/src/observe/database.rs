//! The auditing of SQL, PostgreSQL and MySQL servers.

use futures_util::join;
use reprieve_core::azure::world::{Engine, ServerParameter, SqlAuditing};
use reprieve_core::azure::{ResourceId, SubscriptionId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::Value;

use super::GET;
use super::storage::account_name_of;
use super::vault::{gives, reaches};
use crate::answer::{id, is_same, is_true, number, other, own, tags, text, writable};
use crate::api;
use crate::control::AzureControl;

/// The roles by which a SQL server's identity writes its audit: `Storage Blob Data Contributor`, and `Storage Blob Data Owner`, which
/// holds all of it.
/// <https://learn.microsoft.com/azure/azure-sql/database/auditing-managed-identity>
const WRITERS: [&str; 2] = ["ba92f5b4-2d11-453d-a403-e96b0029c9fe", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"];

/// What Azure says for the subscription of the storage where nobody named one. It is no subscription, and is not written back.
const NO_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

impl AzureControl {
    pub(super) async fn database_auditing(&self, server: &ResourceId) -> Result<World, CallError> {
        match engine_of(server)? {
            Engine::Sql => self.sql_server(server).await,
            engine @ (Engine::PostgreSql | Engine::MySql) => self.flexible_server(server, engine).await,
        }
    }

    async fn sql_server(&self, server: &ResourceId) -> Result<World, CallError> {
        let auditing = auditing_path(server);
        let (answer, auditing) = join!(self.arm.get(server.as_str(), api::SQL), self.arm.get(&auditing, api::SQL));
        let auditing = auditing.map(|answer| answer.map(|answer| auditing_of(&answer)));
        let identity_may_write = match (&answer, &auditing) {
            (Ok(Some(answer)), Ok(auditing)) => other(self.may_write_audit(server, answer, auditing.as_ref()).await),
            (Ok(None) | Err(_), _) | (_, Err(_)) => Known::Absent,
        };
        Ok(World::DatabaseAuditing {
            engine: Engine::Sql,
            server: own(answer.map(|answer| answer.map(|answer| tags(&answer, "/tags"))))?,
            sql: own(auditing)?,
            identity_may_write,
            parameters: Known::Absent,
            settings: Known::Absent,
        })
    }

    /// Says whether a role is seen that lets the identity of a SQL server write to the storage of its auditing, or to the configured one
    /// where it names none; nothing where there is no storage to write to.
    pub(crate) async fn may_write_audit(
        &self,
        server: &ResourceId,
        answer: &Value,
        auditing: Option<&SqlAuditing>,
    ) -> Result<Option<bool>, CallError> {
        let Some(account) = self.audit_storage(server, auditing).await? else { return Ok(None) };
        let Some(principal) = identity_of(answer) else { return Ok(Some(false)) };
        let assignments = self.role_assignments(&account, Some(principal)).await?;
        let lets_write = |assignment: &Value| gives(assignment, &WRITERS, principal) && reaches(assignment, &account, &account);
        Ok(Some(assignments.iter().any(lets_write)))
    }

    /// Finds the storage account that auditing writes to, of which it says no more than the name, or would write to.
    async fn audit_storage(&self, server: &ResourceId, auditing: Option<&SqlAuditing>) -> Result<Option<ResourceId>, CallError> {
        let configured = self.desired.log_storage.as_ref();
        let Some(endpoint) = auditing.and_then(|auditing| auditing.storage_endpoint.as_deref()) else {
            let is_elsewhere = auditing.is_some_and(|auditing| auditing.to_azure_monitor);
            return Ok(configured.filter(|_| !is_elsewhere).cloned());
        };
        let is_meant = |account: &ResourceId| account_name_of(endpoint).is_some_and(|name| is_same(name, account.name()));
        if let Some(account) = configured.filter(|account| is_meant(account)) {
            return Ok(Some(account.clone()));
        }
        let named = auditing.and_then(|auditing| SubscriptionId::parse(text(&auditing.properties, "/storageAccountSubscriptionId")?).ok());
        let subscription = named.unwrap_or_else(|| server.subscription());
        let path = format!("{}/providers/Microsoft.Storage/storageAccounts", subscription.resource());
        let listed = self.arm.list(&path, api::STORAGE).await?;
        let unknown = || CallError::Rejected { call: GET, message: format!("`{endpoint}` is no storage account of `{subscription}`") };
        listed.iter().filter_map(|answer| id(answer, "/id")).find(is_meant).map(Some).ok_or_else(unknown)
    }

    async fn flexible_server(&self, id: &ResourceId, engine: Engine) -> Result<World, CallError> {
        let version = version_of(engine);
        let configurations = format!("{id}/configurations");
        let (answer, parameters, settings) =
            join!(self.arm.get(id.as_str(), version), self.arm.list(&configurations, version), self.settings(id));
        let server = own(answer.map(|answer| answer.map(|answer| tags(&answer, "/tags"))))?;
        let parameters = parameters.map(|listed| Some(listed.iter().filter_map(parameter_of).collect()));
        Ok(World::DatabaseAuditing {
            engine,
            server,
            sql: Known::Absent,
            identity_may_write: Known::Absent,
            parameters: own(parameters)?,
            settings: other(settings.map(Some)),
        })
    }
}

/// Says what kind of server this is.
///
/// # Errors
/// When it is none.
pub(crate) fn engine_of(server: &ResourceId) -> Result<Engine, CallError> {
    match server.resource_type().as_str() {
        "microsoft.sql/servers" => Ok(Engine::Sql),
        "microsoft.dbforpostgresql/flexibleservers" => Ok(Engine::PostgreSql),
        "microsoft.dbformysql/flexibleservers" => Ok(Engine::MySql),
        _ => Err(CallError::Rejected { call: GET, message: format!("`{server}` is no database server that is known here") }),
    }
}

/// Returns the version of the interface of a kind of server.
pub(crate) const fn version_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Sql => api::SQL,
        Engine::PostgreSql => api::POSTGRESQL,
        Engine::MySql => api::MYSQL,
    }
}

/// Returns the path of a SQL server's auditing.
pub(crate) fn auditing_path(server: &ResourceId) -> String {
    format!("{server}/auditingSettings/default")
}

/// Reads the auditing of a SQL server.
pub(crate) fn auditing_of(answer: &Value) -> SqlAuditing {
    SqlAuditing {
        enabled: text(answer, "/properties/state").is_some_and(|state| is_same(state, "Enabled")),
        storage_endpoint: text(answer, "/properties/storageEndpoint").map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        retention_days: number(answer, "/properties/retentionDays").unwrap_or_default(),
        to_azure_monitor: is_true(answer, "/properties/isAzureMonitorTargetEnabled"),
        by_identity: is_true(answer, "/properties/isManagedIdentityInUse"),
        properties: auditing_properties(answer),
    }
}

/// Returns the properties of a SQL server's auditing as a write takes them.
fn auditing_properties(answer: &Value) -> Value {
    let names_none = text(answer, "/properties/storageAccountSubscriptionId") == Some(NO_SUBSCRIPTION);
    let left_out: &[&str] = if names_none { &["storageAccountSubscriptionId"] } else { &[] };
    writable(answer.get("properties"), left_out)
}

/// Returns the principal by which a SQL server calls others: its primary identity, where one was assigned to it, else its own.
/// <https://learn.microsoft.com/azure/azure-sql/database/authentication-azure-ad-user-assigned-managed-identity>
fn identity_of(server: &Value) -> Option<&str> {
    let Some(primary) = text(server, "/properties/primaryUserAssignedIdentityId") else { return text(server, "/identity/principalId") };
    let assigned = server.pointer("/identity/userAssignedIdentities")?.as_object()?;
    let (_, identity) = assigned.iter().find(|(id, _)| is_same(id, primary))?;
    text(identity, "/principalId")
}

fn parameter_of(answer: &Value) -> Option<ServerParameter> {
    let value = answer.pointer("/properties/value").and_then(Value::as_str).unwrap_or_default();
    Some(ServerParameter { name: text(answer, "/name")?.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn auditing_is_read_with_all_its_properties() {
        let read = auditing_of(&json!({"properties": {
            "state": "enabled", "storageEndpoint": "https://stlogs.blob.core.windows.net/", "retentionDays": 90,
            "isManagedIdentityInUse": true, "auditActionsAndGroups": ["BATCH_COMPLETED_GROUP"], "queueDelayMs": null,
        }}));
        assert!(read.enabled && read.by_identity && !read.to_azure_monitor);
        assert_eq!((read.storage_endpoint.as_deref(), read.retention_days), (Some("https://stlogs.blob.core.windows.net"), 90));
        assert!(read.properties.get("queueDelayMs").is_none() && read.properties.get("auditActionsAndGroups").is_some());
    }

    #[test]
    fn a_subscription_of_zeros_is_none_and_any_other_is_kept() {
        let named = "00000000-0000-4000-8000-000000000001";
        for (said, kept) in [(NO_SUBSCRIPTION, None), (named, Some(named))] {
            let read = auditing_of(&json!({"properties": {"state": "Disabled", "storageAccountSubscriptionId": said}}));
            assert_eq!(text(&read.properties, "/storageAccountSubscriptionId"), kept);
        }
    }

    #[test]
    fn a_server_writes_by_its_primary_identity_else_by_its_own() {
        let (primary, other) = ("/subscriptions/s/resourceGroups/g/a", "/subscriptions/s/resourceGroups/g/b");
        let identity =
            json!({"principalId": "own", "userAssignedIdentities": {primary: {"principalId": "primary"}, other: {"principalId": "b"}}});
        for (named, expected) in [(json!(null), Some("own")), (json!(primary.to_uppercase()), Some("primary")), (json!("gone"), None)] {
            let server = json!({"identity": identity, "properties": {"primaryUserAssignedIdentityId": named}});
            assert_eq!(identity_of(&server), expected, "{server}");
        }
        assert_eq!(identity_of(&json!({"properties": {}})), None);
    }

    #[test]
    fn only_servers_have_an_engine() {
        let id = |kind: &str| ResourceId::parse(&format!("/subscriptions/s/resourceGroups/g/providers/{kind}/db")).unwrap();
        assert_eq!(engine_of(&id("Microsoft.Sql/servers")), Ok(Engine::Sql));
        assert_eq!(engine_of(&id("microsoft.dbforpostgresql/flexibleservers")), Ok(Engine::PostgreSql));
        assert_eq!(engine_of(&id("Microsoft.DBforMySQL/flexibleServers")), Ok(Engine::MySql));
        assert!(engine_of(&id("Microsoft.KeyVault/vaults")).is_err());
    }
}
