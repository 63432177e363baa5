//! The handle on a running sandbox.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use uuid::Uuid;

use crate::asked::RbacDecision;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::host::Host;
use crate::principal::{PrincipalKind, PrincipalRecord};
use crate::server::{Killer, Shared, serve_plain, serve_tls};
use crate::tenant::{Happening, Options, Tenant};

/// What can go wrong when a sandbox starts.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A port or the certificate's file could not be had.
    #[error("the sandbox cannot start: {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("the sandbox cannot make its certificate")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("the sandbox cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// A running sandbox.
pub struct Sandbox {
    shared: Arc<Shared>,
    http_port: u16,
    tls_port: u16,
    certificate: NamedTempFile,
    listeners: [JoinHandle<()>; 2],
}

/// The names that the certificate is for.
const CERTIFICATE_NAMES: &[&str] = &[
    "127.0.0.1",
    "localhost",
    "management.azure.com",
    "login.microsoftonline.com",
    "login.windows.net",
    "*.vault.azure.net",
    "*.managedhsm.azure.net",
    "*.blob.core.windows.net",
];

/// A principal of the sandbox's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What the tenant knows of it.
    pub record: PrincipalRecord,
    tenant_id: String,
}

impl Principal {
    /// Mints a bearer token for a resource, e.g. `https://management.azure.com`.
    #[must_use]
    pub fn token(&self, resource: &str) -> String {
        self.record.token(&self.tenant_id, resource)
    }

    /// Returns the client id, e.g. for the managed identity endpoint.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.record.client_id
    }

    /// Returns the object id: what a role assignment names.
    #[must_use]
    pub fn object_id(&self) -> &str {
        &self.record.object_id
    }
}

impl Sandbox {
    /// Starts a sandbox on two free loopback ports.
    ///
    /// # Errors
    /// When a port, the certificate or its file cannot be had.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let (certificate, acceptor) = certificate()?;
        let shared = Arc::new(Shared {
            tenant: Mutex::new(Tenant::new(options)),
            exchanges: Mutex::default(),
            identity_header: Uuid::new_v4().simple().to_string(),
            killer: Mutex::default(),
        });
        let (plain, http_port) = listen().await?;
        let (tls, tls_port) = listen().await?;
        let listeners = [serve_plain(Arc::clone(&shared), plain), serve_tls(Arc::clone(&shared), tls, acceptor)];
        Ok(Self { shared, http_port, tls_port, certificate, listeners })
    }

    /// Returns the address of the plain HTTP port, e.g. `http://127.0.0.1:40001`.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// Returns the address of the TLS port, e.g. `https://127.0.0.1:40002`.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.tls_port)
    }

    /// Returns the file with the certificate that clients must trust, as PEM.
    #[must_use]
    pub fn certificate_pem_path(&self) -> PathBuf {
        self.certificate.path().to_owned()
    }

    /// Returns the address of the managed identity endpoint: what `IDENTITY_ENDPOINT` is set to.
    #[must_use]
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.http_url())
    }

    /// Returns the secret that the identity endpoint asks for: what `IDENTITY_HEADER` is set to.
    #[must_use]
    pub fn identity_header(&self) -> &str {
        &self.shared.identity_header
    }

    /// Adds a principal to the tenant.
    #[must_use]
    pub fn principal(&self, kind: PrincipalKind, name: &str) -> Principal {
        let mut tenant = self.tenant();
        Principal { record: tenant.register_principal(kind, name), tenant_id: tenant.tenant_id.clone() }
    }

    /// Returns the principal that may do everything.
    #[must_use]
    pub fn owner(&self) -> Principal {
        let tenant = self.tenant();
        let record = tenant.principals.get(&tenant.owner_object_id).cloned();
        Principal {
            record: record.unwrap_or_else(|| unreachable!("the tenant is made with its owner")),
            tenant_id: tenant.tenant_id.clone(),
        }
    }

    /// Returns the tenant, with everything done that was due. Must not be held across an await.
    pub fn tenant(&self) -> MutexGuard<'_, Tenant> {
        let mut tenant = self.shared.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let now = tenant.now();
        tenant.settle(now);
        tenant
    }

    /// Returns what the tenant lives in, for tasks that outlive a borrow, such as the delivery of events.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Returns what happens from now on.
    #[must_use]
    pub fn happenings(&self) -> UnboundedReceiver<Happening> {
        self.tenant().subscribe()
    }

    /// Returns what was asked and answered so far.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what role-based access was asked so far, of everybody but the tenant's owner.
    #[must_use]
    pub fn rbac_decisions(&self) -> Vec<RbacDecision> {
        self.tenant().asked.all()
    }

    /// Plays a fault on the calls it names, from now on.
    pub fn inject(&self, fault: Fault) {
        self.tenant().faults.add(fault);
    }

    /// Says how the process of the function app is killed, for faults that do so.
    pub fn kill_by(&self, host: &Host) {
        let host = host.clone();
        let killer: Killer = Arc::new(move || {
            let host = host.clone();
            Box::pin(async move { host.crash().await })
        });
        *self.shared.killer.lock().unwrap_or_else(PoisonError::into_inner) = Some(killer);
    }

    /// Moves the sandbox's clock forward, so that delays, propagation and purge dates pass. Tokens do not age by it.
    pub fn advance_clock(&self, by: Duration) {
        let mut tenant = self.shared.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        tenant.clock_shift = tenant.clock_shift.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
        let now = tenant.now();
        tenant.settle(now);
    }

    /// Stops the sandbox: closes both ports. Connections that are open end with their next answer.
    pub async fn stop(mut self) {
        for listener in &mut self.listeners {
            listener.abort();
            // Ends with the error of a task that was aborted.
            drop(listener.await);
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

async fn listen() -> Result<(TcpListener, u16), SandboxError> {
    let io = |source| SandboxError::Io { what: "no free port on 127.0.0.1", source };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(io)?;
    let port = listener.local_addr().map_err(io)?.port();
    Ok((listener, port))
}

/// Makes a certificate that signs itself, writes it as PEM, and sets up TLS with it.
fn certificate() -> Result<(NamedTempFile, TlsAcceptor), SandboxError> {
    let names: Vec<String> = CERTIFICATE_NAMES.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    let io = |source| SandboxError::Io { what: "the certificate cannot be written to a temporary file", source };
    let mut file = tempfile::Builder::new().prefix("azure-sandbox-").suffix(".pem").tempfile().map_err(io)?;
    file.write_all(made.cert.pem().as_bytes()).map_err(io)?;
    let chain: Vec<CertificateDer<'static>> = vec![made.cert.der().clone()];
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok((file, TlsAcceptor::from(Arc::new(config))))
}
