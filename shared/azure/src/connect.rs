//! Makes everything that the guard needs of Azure, from its settings. Opens no connection: the first call does.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::HttpClient;
use reprieve_core::azure::Desired;
use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_engine::CallError;
use reprieve_wire::chat::{WebhookError, Webhooks};

use crate::audit::BlobAuditSink;
use crate::blobs::{BlobStore, StorageAccount, StorageAccountError};
use crate::connection::{Connection, DEFAULT_BUDGET};
use crate::control::AzureControl;
use crate::credential::{CredentialError, managed_identity};
use crate::evidence::{BlobBaselineStore, BlobEvidenceStore};
use crate::ledger::BlobLedger;
use crate::policies::BlobPolicySource;
use crate::tls::TlsError;
use crate::transport::{AzureHttp, Redirect, RedirectError};
use crate::webhook::WebhookNoticeSink;
use reprieve_engine::SystemClock;

/// The container of the ledger.
pub const LEDGER_CONTAINER: &str = "reprieve-ledger";
/// The container of audit records; versioned and immutable.
pub const AUDIT_CONTAINER: &str = "reprieve-audit";

/// How long a claim on an event lasts without a word from its holder, where nothing else is asked for: longer than Event Grid waits for
/// an answer, so that whoever is silent for longer has been stopped.
pub const DEFAULT_LEASE: Duration = Duration::from_mins(1);

/// What is to be known to connect.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The client id of our user-assigned managed identity.
    pub client_id: String,
    /// The tenant of vaults that are recovered and of which nobody remembers it.
    pub tenant_id: String,
    /// The name of the storage account of the ledger and the audit records.
    pub storage_account: String,
    /// Where to send every call instead of to Azure, such as `http://127.0.0.1:8080`: a local cloud.
    pub endpoint_url: Option<String>,
    /// The webhooks of chats, one `slack URL` or `teams URL` a line; empty where there is none.
    pub webhooks: String,
    /// The policies that were deployed with the function, or why they cannot be read; then nothing is approved.
    pub policy_files: Result<Vec<PolicyFile>, PolicyError>,
    /// The container of the user's policies, in the same storage account.
    pub policy_container: Option<String>,
    /// How long a claim lasts without a word from its holder; see [`DEFAULT_LEASE`].
    pub lease: Duration,
    /// How long one call may take; see [`DEFAULT_BUDGET`].
    pub call_budget: Duration,
    /// What is asked for: it says where to look.
    pub desired: Desired,
}

impl AzureSettings {
    /// Returns settings with what is usual for all that may be left out.
    #[must_use]
    pub fn new(client_id: &str, tenant_id: &str, storage_account: &str, desired: Desired) -> Self {
        Self {
            client_id: client_id.to_owned(),
            tenant_id: tenant_id.to_owned(),
            storage_account: storage_account.to_owned(),
            endpoint_url: None,
            webhooks: String::new(),
            policy_files: Ok(Vec::new()),
            policy_container: None,
            lease: DEFAULT_LEASE,
            call_budget: DEFAULT_BUDGET,
            desired,
        }
    }
}

/// Says why nothing can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The local endpoint cannot be used.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The identity cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The storage account has no such name.
    #[error(transparent)]
    StorageAccount(#[from] StorageAccountError),
    /// The webhooks cannot be read.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// A container has no such name.
    #[error("a container cannot be used: {0}")]
    Container(#[source] CallError),
}

/// The engine's ports on Azure.
#[derive(Debug)]
pub struct Azure {
    /// The tenant.
    pub control: AzureControl,
    /// The memory.
    pub ledger: BlobLedger,
    /// The records of decisions.
    pub audit: BlobAuditSink,
    /// The archive in which they lie, with everything else that is sealed.
    pub archive: BlobEvidenceStore,
    /// What is usual.
    pub baseline: BlobBaselineStore,
    /// What further clients are made of.
    pub connection: Connection,
    /// The people.
    pub notices: WebhookNoticeSink,
    /// The policies.
    pub policies: BlobPolicySource<SystemClock>,
    /// The time.
    pub clock: SystemClock,
}

/// Makes the ports.
///
/// # Errors
/// When a setting cannot be used; says which and why.
pub fn connect(settings: &AzureSettings) -> Result<Azure, ConnectError> {
    let redirect = settings.endpoint_url.as_deref().map(Redirect::parse).transpose()?;
    let http: Arc<dyn HttpClient> = Arc::new(AzureHttp::new(redirect)?);
    let credential = managed_identity(&settings.client_id, Arc::clone(&http))?;
    let connection = Connection::new(Arc::clone(&http), credential).with_budget(settings.call_budget);
    let account = StorageAccount::parse(&settings.storage_account)?;
    let store = |container: &str| BlobStore::new(&connection, &account, container).map_err(ConnectError::Container);
    let policies = settings.policy_container.as_deref().map(store).transpose()?;
    Ok(Azure {
        control: AzureControl::new(&connection, settings.desired.clone(), &settings.tenant_id),
        ledger: BlobLedger::new(store(LEDGER_CONTAINER)?, settings.lease),
        audit: BlobAuditSink::new(store(AUDIT_CONTAINER)?),
        archive: BlobEvidenceStore::new(store(AUDIT_CONTAINER)?),
        baseline: BlobBaselineStore::new(store(LEDGER_CONTAINER)?),
        connection: connection.clone(),
        notices: WebhookNoticeSink::new(http, Webhooks::parse(&settings.webhooks)?),
        policies: crate::policies::policies(settings.policy_files.clone(), policies, SystemClock),
        clock: SystemClock,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reprieve_core::azure::PurgeProtection;

    use super::*;

    fn settings() -> AzureSettings {
        let desired = Desired {
            subscriptions: BTreeSet::new(),
            purge_protection: PurgeProtection::Off,
            soft_delete_days: 30,
            immutability_days: 90,
            lock_immutability: false,
            allowed_vaults: BTreeSet::new(),
            log_key: None,
            log_identity: None,
            log_storage: None,
            audit_route: None,
            action_group: None,
            alerts_group: None,
        };
        AzureSettings::new("11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555", "streprieve", desired)
    }

    #[test]
    fn usual_settings_connect_without_a_call() {
        connect(&settings()).unwrap();
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for (settings, named) in [
            (AzureSettings { client_id: "guard".to_owned(), ..settings() }, "`guard`"),
            (AzureSettings { storage_account: "St_1".to_owned(), ..settings() }, "`St_1`"),
            (AzureSettings { endpoint_url: Some("http://example.com:1".to_owned()), ..settings() }, "`http://example.com:1`"),
            (AzureSettings { webhooks: "irc x".to_owned(), ..settings() }, "line 1"),
            (AzureSettings { policy_container: Some("A".to_owned()), ..settings() }, "`A`"),
        ] {
            let error = connect(&settings).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
