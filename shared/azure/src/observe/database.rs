//! The auditing of SQL, PostgreSQL and MySQL servers.

use futures_util::join;
use reprieve_core::azure::world::{Engine, ServerParameter, SqlAuditing};
use reprieve_core::azure::{ResourceId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::Value;

use super::GET;
use crate::answer::{is_same, is_true, number, other, own, tags, text, writable};
use crate::api;
use crate::control::AzureControl;

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
        let server = own(answer.map(|answer| answer.map(|answer| tags(&answer, "/tags"))))?;
        let sql = own(auditing.map(|answer| answer.map(|answer| auditing_of(&answer))))?;
        Ok(World::DatabaseAuditing { engine: Engine::Sql, server, sql, parameters: Known::Absent, settings: Known::Absent })
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
pub(crate) fn auditing_properties(answer: &Value) -> Value {
    writable(answer.get("properties"), &[])
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
    fn only_servers_have_an_engine() {
        let id = |kind: &str| ResourceId::parse(&format!("/subscriptions/s/resourceGroups/g/providers/{kind}/db")).unwrap();
        assert_eq!(engine_of(&id("Microsoft.Sql/servers")), Ok(Engine::Sql));
        assert_eq!(engine_of(&id("microsoft.dbforpostgresql/flexibleservers")), Ok(Engine::PostgreSql));
        assert_eq!(engine_of(&id("Microsoft.DBforMySQL/flexibleServers")), Ok(Engine::MySql));
        assert!(engine_of(&id("Microsoft.KeyVault/vaults")).is_err());
    }
}
