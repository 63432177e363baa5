//! Opens the desk: the credentials that Azure's own tools find, over the HTTP client and TLS of `reprieve-azure`.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::http::{ClientOptions, HttpClient, RetryOptions};
use azure_identity::DeveloperToolsCredential;
use reprieve_azure::{ArmClient, AzureHttp, Connection, Redirect, VaultClient, VaultHost, managed_identity};

use crate::credential::{GivenTokens, Wallet};
use crate::error::DeskError;

/// What tokens for Resource Manager are asked for.
pub(crate) const ARM_SCOPE: &str = "https://management.azure.com/.default";

/// What a person or a pipeline may say about where to work and as whom.
#[derive(Clone, Default)]
pub struct DeskSettings {
    /// The client id of the managed identity to call as; without one, whoever is signed in with the Azure CLI or the Azure Developer CLI.
    pub client_id: Option<String>,
    /// Where to send every call instead of to Azure, such as `http://127.0.0.1:8080`: a local sandbox.
    pub endpoint_url: Option<String>,
    /// Tokens for that sandbox, one for each audience, separated by commas; taken for nothing else.
    pub access_tokens: Option<String>,
}

impl fmt::Debug for DeskSettings {
    /// Shows no token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client_id, endpoint_url, access_tokens } = self;
        let mut shown = f.debug_struct("DeskSettings");
        shown.field("client_id", client_id).field("endpoint_url", endpoint_url);
        shown.field("has_access_tokens", &access_tokens.is_some()).finish()
    }
}

/// The desk. One call of the command opens one; clones share connections and tokens.
#[derive(Debug, Clone)]
pub struct Desk {
    connection: Connection,
    pub(crate) arm: ArmClient,
}

impl Desk {
    /// Opens the desk. Calls nothing yet.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a setting cannot be used.
    pub fn open(settings: &DeskSettings) -> Result<Self, DeskError> {
        let redirect = settings.endpoint_url.as_deref().map(Redirect::parse).transpose()?;
        let is_local = redirect.is_some();
        let http: Arc<dyn HttpClient> = Arc::new(AzureHttp::new(redirect)?);
        let credential: Arc<dyn TokenCredential> = match (&settings.access_tokens, &settings.client_id) {
            (Some(tokens), _) if is_local => Arc::new(GivenTokens::parse(tokens)),
            (Some(_), _) => return Err(DeskError::TokensWithoutSandbox),
            (None, Some(client_id)) => managed_identity(client_id, Arc::clone(&http))?,
            (None, None) => DeveloperToolsCredential::new(None).map_err(|error| DeskError::Credentials(error.to_string()))?,
        };
        Ok(Self::over(Connection::new(http, Arc::new(Wallet::of(credential)))))
    }

    /// Makes a desk over a connection that was made elsewhere.
    #[must_use]
    pub fn over(connection: Connection) -> Self {
        Self { arm: ArmClient::new(&connection), connection }
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns a token, so that missing credentials are said as such before any call is made.
    pub(crate) async fn token(&self, scope: &str) -> Result<AccessToken, DeskError> {
        let token = self.connection.credential().get_token(&[scope], None).await;
        token.map_err(|error| DeskError::Credentials(error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    pub(crate) fn vault(&self, host: &VaultHost) -> Result<VaultClient, DeskError> {
        Ok(VaultClient::new(&self.connection, host)?)
    }

    /// Returns the options of a client of one host. A person waits here, so that the SDK may try again.
    pub(crate) fn client_options(&self, host: &VaultHost) -> ClientOptions {
        ClientOptions { retry: RetryOptions::default(), ..self.connection.client_options(host.as_str()) }
    }
}

/// Returns what tokens for a vault or Managed HSM are asked for.
pub(crate) fn scope_of(host: &VaultHost) -> &'static str {
    if host.is_managed_hsm() { "https://managedhsm.azure.net/.default" } else { "https://vault.azure.net/.default" }
}
