//! Database servers: their auditing, where it is written to, and the keys that they are encrypted with.

use futures_util::{StreamExt as _, join, stream};
use reprieve_core::azure::world::{Engine, LogUse};
use reprieve_core::azure::{KeyReference, ResourceId, Subject, SubscriptionId};
use serde_json::Value;

use super::Found;
use super::storage::Accounts;
use crate::answer::{id, text};
use crate::control::{AzureControl, CONCURRENCY};
use crate::observe::database::{auditing_of, auditing_path, version_of};
use crate::observe::storage::account_name_of;

/// The container to which SQL auditing writes.
/// <https://learn.microsoft.com/azure/azure-sql/database/audit-log-format>
const SQL_CONTAINER: &str = "sqldbauditlogs";

/// The groups of categories that hold audit logs.
const GROUPS: [&str; 2] = ["audit", "allLogs"];

impl AzureControl {
    pub(super) async fn databases_of(&self, subscription: &SubscriptionId, accounts: &Accounts) -> Found {
        let of = |engine| self.servers_of(subscription, engine, accounts);
        let (sql, postgresql, mysql) = join!(of(Engine::Sql), of(Engine::PostgreSql), of(Engine::MySql));
        sql.join(postgresql).join(mysql)
    }

    async fn servers_of(&self, subscription: &SubscriptionId, engine: Engine, accounts: &Accounts) -> Found {
        let mut found = Found::default();
        let kind = type_of(engine);
        let listed = self.arm.list(&format!("{}/providers/{kind}", subscription.resource()), version_of(engine)).await;
        let listed = found.read(|| format!("`{kind}` of subscription `{subscription}`"), listed);
        let servers: Vec<(ResourceId, Value)> = listed.into_iter().filter_map(|answer| Some((id(&answer, "/id")?, answer))).collect();
        let looks = stream::iter(servers).map(async |(server, answer)| self.look_through_server(server, &answer, engine, accounts).await);
        looks.buffer_unordered(CONCURRENCY).fold(found, async |all, found| all.join(found)).await
    }

    async fn look_through_server(&self, server: ResourceId, answer: &Value, engine: Engine, accounts: &Accounts) -> Found {
        let mut found = match engine {
            Engine::Sql => self.sql_storage(&server, accounts).await,
            Engine::PostgreSql => self.logged_storage(&server, "PostgreSQLLogs", "insights-logs-postgresqllogs").await,
            Engine::MySql => self.logged_storage(&server, "MySqlAuditLogs", "insights-logs-mysqlauditlogs").await,
        };
        let key = text(answer, key_pointer(engine)).and_then(|url| KeyReference::parse(url).ok());
        found.encrypted.extend(key.map(|key| (server.clone(), key)));
        found.subjects.push(Subject::DatabaseAuditing(server));
        found
    }

    async fn sql_storage(&self, server: &ResourceId, accounts: &Accounts) -> Found {
        let mut found = Found::default();
        let answer = self.arm.get(&auditing_path(server), version_of(Engine::Sql)).await;
        let answer = found.read(|| format!("the auditing of `{server}`"), answer);
        let Some(endpoint) = answer.and_then(|answer| auditing_of(&answer).storage_endpoint) else { return found };
        let account = account_name_of(&endpoint).and_then(|name| accounts.get(&name.to_ascii_lowercase()));
        match account {
            Some(account) => {
                let log_use = LogUse::DatabaseAudit { server: server.clone(), container: SQL_CONTAINER.to_owned() };
                found.storage.push((account.clone(), log_use));
            }
            None => found.unreadable.push(format!("`{server}` audits to `{endpoint}`, which is no storage account of its subscription")),
        }
        found
    }

    async fn logged_storage(&self, server: &ResourceId, category: &str, container: &str) -> Found {
        let mut found = Found::default();
        let settings = self.settings(server).await;
        let settings = found.read(|| format!("the diagnostic settings of `{server}`"), settings);
        let writing = settings.into_iter().filter(|setting| setting.writes(category, &GROUPS));
        let log_use = || LogUse::DatabaseAudit { server: server.clone(), container: container.to_owned() };
        found.storage.extend(writing.filter_map(|setting| Some((setting.storage?, log_use()))));
        found
    }
}

const fn type_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Sql => "Microsoft.Sql/servers",
        Engine::PostgreSql => "Microsoft.DBforPostgreSQL/flexibleServers",
        Engine::MySql => "Microsoft.DBforMySQL/flexibleServers",
    }
}

/// Returns where a server names the key that it is encrypted with.
const fn key_pointer(engine: Engine) -> &'static str {
    match engine {
        Engine::Sql => "/properties/keyId",
        Engine::PostgreSql | Engine::MySql => "/properties/dataEncryption/primaryKeyURI",
    }
}
