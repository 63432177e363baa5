//! A tenant in the Azure sandbox with a vault, log storage and databases; an attacker with a client of their own; and counts of what
//! was written.
//!
//! Must not know how the adapters do what they do: it asks them through the engine's ports alone.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::HttpClient;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reprieve_azure::{AzureControl, AzureHttp, Connection, Redirect};
use reprieve_azure_sandbox::contract::golden::{Comparison, Golden};
use reprieve_azure_sandbox::contract::{CONTRACTS_VARIABLE, Contracts, Tally};
use reprieve_azure_sandbox::{Exchange, Options, Principal, Sandbox};
use reprieve_core::azure::{AuditRoute, Change, Desired, Discovery, KeyReference, PurgeProtection, ResourceId, Subject, World};
use reprieve_engine::{CallError, TenantControl as _};
use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";
pub(crate) const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
const ARM: &str = "management.azure.com";
pub(crate) const KV: &str = "kv-prod.vault.azure.net";

/// Gives tokens of one principal.
#[derive(Debug)]
struct Tokens(Principal);

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let resource = scopes.first().unwrap().trim_end_matches("/.default");
        let expires_on = azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.token(resource), expires_on))
    }
}

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) control: AzureControl,
    pub(crate) connection: Connection,
}

pub(crate) fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

pub(crate) fn in_group(kind_and_name: &str) -> ResourceId {
    id(&format!("{GROUP}/providers/{kind_and_name}"))
}

pub(crate) fn vault() -> ResourceId {
    in_group("Microsoft.KeyVault/vaults/kv-prod")
}

pub(crate) fn account() -> ResourceId {
    in_group("Microsoft.Storage/storageAccounts/stlogs01")
}

pub(crate) fn identity() -> ResourceId {
    in_group("Microsoft.ManagedIdentity/userAssignedIdentities/log-storage")
}

pub(crate) fn container() -> ResourceId {
    id(&format!("{}/blobServices/default/containers/sqldbauditlogs", account()))
}

pub(crate) fn desired() -> Desired {
    Desired {
        subscriptions: [id(SUBSCRIPTION).subscription()].into(),
        purge_protection: PurgeProtection::LogVaults,
        soft_delete_days: 30,
        immutability_days: 90,
        lock_immutability: true,
        allowed_vaults: [vault()].into(),
        log_key: Some(KeyReference::parse("https://kv-prod.vault.azure.net/keys/logs").unwrap()),
        log_identity: Some(identity()),
        log_storage: Some(account()),
        audit_route: None::<AuditRoute>,
        action_group: Some(in_group("Microsoft.Insights/actionGroups/security")),
        alerts_group: Some(id(GROUP)),
    }
}

impl Scene {
    /// Makes a tenant in which all is as it must be, but for the log key, which is Microsoft's.
    pub(crate) async fn new(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let redirect = Redirect::parse(&sandbox.http_url()).unwrap();
        let http: Arc<dyn HttpClient> = Arc::new(AzureHttp::new(Some(redirect)).unwrap());
        let connection = Connection::new(http, Arc::new(Tokens(sandbox.owner())));
        let tenant_id = sandbox.tenant().tenant_id.clone();
        let control = AzureControl::new(&connection, desired(), &tenant_id);
        let scene = Self { sandbox, control, connection };
        scene.furnish(&tenant_id).await;
        scene
    }

    async fn furnish(&self, tenant_id: &str) {
        let here = |body: Value| {
            let mut body = body;
            body["location"] = json!("westeurope");
            body
        };
        self.arm("PUT", GROUP, "2021-04-01", here(json!({}))).await;
        let vault_body = json!({ "tags": { "owner": "security" }, "properties": {
            "tenantId": tenant_id, "sku": { "family": "A", "name": "standard" }, "enableRbacAuthorization": true,
            "enableSoftDelete": true, "enablePurgeProtection": true, "softDeleteRetentionInDays": 90,
        } });
        self.arm("PUT", vault().as_str(), "2024-11-01", here(vault_body)).await;
        self.arm("PUT", identity().as_str(), "2023-01-31", here(json!({}))).await;
        let account_body = json!({ "sku": { "name": "Standard_LRS" }, "kind": "StorageV2", "properties": {} });
        self.arm("PUT", account().as_str(), "2024-01-01", here(account_body)).await;
        self.arm("PUT", container().as_str(), "2024-01-01", json!({ "properties": {} })).await;
        let retention = json!({ "enabled": true, "days": 30 });
        let service = json!({ "properties": {
            "deleteRetentionPolicy": retention, "containerDeleteRetentionPolicy": retention, "isVersioningEnabled": true,
        } });
        self.arm("PUT", &format!("{}/blobServices/default", account()), "2024-01-01", service).await;
        self.data("POST", KV, "/keys/logs/create", json!({ "kty": "RSA", "key_size": 2048 })).await;
        let setting =
            json!({ "properties": { "storageAccountId": account(), "logs": [{ "category": "Administrative", "enabled": true }] } });
        let path = format!("{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings/activity");
        self.arm("PUT", &path, "2021-05-01-preview", setting).await;
    }

    /// Asks ARM as the owner, whatever comes of it.
    pub(crate) async fn try_arm(&self, method: &str, path: &str, version: &str, body: Value) -> (u16, Value) {
        self.ask(method, ARM, &format!("{path}?api-version={version}"), "https://management.azure.com", body).await
    }

    /// Asks ARM as the owner; it must succeed.
    pub(crate) async fn arm(&self, method: &str, path: &str, version: &str, body: Value) -> Value {
        let (status, answer) = self.try_arm(method, path, version, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Asks a vault as the owner; it must succeed.
    pub(crate) async fn data(&self, method: &str, host: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, host, &format!("{path}?api-version=7.5"), "https://vault.azure.net", body).await;
        assert!(status < 300, "{method} {host}{path}: {status} {answer}");
        answer
    }

    async fn ask(&self, method: &str, host: &str, path: &str, audience: &str, body: Value) -> (u16, Value) {
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.sandbox.http_url()))
            .header("host", host)
            .header("authorization", format!("Bearer {}", self.sandbox.owner().token(audience)))
            .header("content-type", "application/json")
            .body(Full::<azure_core::Bytes>::from(bytes))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn look(&self, subject: &Subject) -> World {
        self.control.observe(subject, &Discovery::default()).await.unwrap()
    }

    /// Makes a change, and again: the first must write, the second must not.
    pub(crate) async fn make(&self, change: &Change) {
        let before = self.writes().len();
        self.control.apply(change).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        let first = self.writes();
        assert!(first.len() > before, "{change}: nothing was written");
        self.control.apply(change).await.unwrap_or_else(|error| panic!("{change}, again: {error}"));
        let second = self.writes();
        assert_eq!(second.len(), first.len(), "{change}, again: {:?}", second.last());
    }

    pub(crate) async fn refused(&self, change: &Change) -> CallError {
        self.control.apply(change).await.unwrap_err()
    }

    /// The writes that took effect, as `METHOD HOST PATH`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let exchanges = self.sandbox.exchanges();
        let is_write = |exchange: &&Exchange| exchange.method != "GET" && exchange.method != "HEAD" && exchange.status < 300;
        exchanges.iter().filter(is_write).map(|one| format!("{} {}{}", one.method, one.host, one.path_and_query)).collect()
    }

    /// Holds all that was asked and answered against Microsoft's contracts, and against what Microsoft's clients send.
    pub(crate) fn keeps_to_contracts(&self) {
        let Some(folder) = std::env::var_os(CONTRACTS_VARIABLE).map(std::path::PathBuf::from) else { return };
        let exchanges = self.sandbox.exchanges();
        // What the product sent; the furnishing and the attacks are the test's.
        let ours = exchanges
            .iter()
            .filter(|exchange| exchange.request_headers.iter().any(|(name, value)| name == "user-agent" && value.contains("reprieve")));
        let ours: Vec<Exchange> = ours.cloned().collect();
        assert!(!ours.is_empty());
        let tally = Tally::of(&Contracts::load(&folder).unwrap(), &ours);
        assert!(tally.violations.is_empty(), "{:#?}", tally.violations);
        let golden = Golden::load(&folder).unwrap();
        for exchange in &ours {
            if let Comparison::Different { name, differences } = golden.compare(exchange) {
                panic!("{} {}: not as {name}: {differences:#?}", exchange.method, exchange.path_and_query);
            }
        }
    }
}
