//! What every client of Azure is made of: the transport, the credential, and how long one call may take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{ClientOptions, HttpClient, Pipeline, RetryOptions, Transport, UserAgentOptions};

use crate::fence::Fence;

/// How long one call may take, all its attempts and what it sets off included, unless another time is given. The Functions host waits
/// longer, Event Grid 30 seconds.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(20);

/// The transport, the credential, and how long one call may take. Clones share the first two.
#[derive(Clone)]
pub struct Connection {
    http: Arc<dyn HttpClient>,
    credential: Arc<dyn TokenCredential>,
    budget: Duration,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("http", &self.http).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Connection {
    /// Makes a connection whose calls may take [`DEFAULT_BUDGET`].
    #[must_use]
    pub fn new(http: Arc<dyn HttpClient>, credential: Arc<dyn TokenCredential>) -> Self {
        Self { http, credential, budget: DEFAULT_BUDGET }
    }

    /// Returns the same connection with another time for a call.
    #[must_use]
    pub fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Returns how long one call may take.
    #[must_use]
    pub const fn budget(&self) -> Duration {
        self.budget
    }

    /// Returns the credential.
    #[must_use]
    pub fn credential(&self) -> Arc<dyn TokenCredential> {
        Arc::clone(&self.credential)
    }

    /// Returns the options of a client of one host, which can neither delete nor purge, nor call another host. It retries nothing.
    #[must_use]
    pub fn client_options(&self, host: &str) -> ClientOptions {
        ClientOptions {
            per_call_policies: vec![Arc::new(Fence::around(host))],
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::clone(&self.http))),
            user_agent: UserAgentOptions { application_id: Some("reprieve".to_owned()) },
            ..ClientOptions::default()
        }
    }

    /// Returns a pipeline to one host, with tokens of this scope.
    pub(crate) fn pipeline(&self, host: &str, scope: &str) -> Pipeline {
        let authorization = BearerTokenAuthorizationPolicy::new(self.credential(), [scope]);
        let name = option_env!("CARGO_PKG_NAME");
        let version = option_env!("CARGO_PKG_VERSION");
        Pipeline::new(name, version, self.client_options(host), Vec::new(), vec![Arc::new(authorization)], None)
    }
}
