//! The service that Cloud Run starts: it listens on `PORT`, and answers until it is told to end.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gcp_guard::{Keeper, router};
use reprieve_core::Policy;
use reprieve_core::google::GoogleDomain;
use reprieve_engine::{PolicySource, SystemClock, VersionGuard, VersionPorts, VersionSettings};
use reprieve_evidence::seal::SealKeys;
use reprieve_gcp::{
    Api, Bucket, CloudKms, CloudKmsSealSigner, Endpoint, GoogleHttp, MetadataServer, StorageAuditSink, StorageClaims, WebhookNoticeSink,
};
use reprieve_runtime::{GoogleConfiguration, LogMeter, telemetry};
use reprieve_wire::chat::Webhooks;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The guard on Google Cloud.
type GoogleGuard = VersionGuard<CloudKms, StorageClaims, StorageAuditSink, WebhookNoticeSink, SystemClock, LogMeter, Shipped>;

/// How long one change is tried again inside one invocation.
const PATIENCE: Duration = Duration::from_secs(15);

/// How many versions a sweep works on at the same time.
const CONCURRENCY: usize = 8;

/// The shipped policies.
struct Shipped(Arc<Policy>);

impl PolicySource for Shipped {
    async fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.0)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::exit_code(run(|name| std::env::var(name).ok()).await)
}

async fn run(lookup: impl Fn(&str) -> Option<String>) -> Result<(), Box<dyn Error>> {
    let configuration = GoogleConfiguration::parse(lookup)?;
    telemetry::start(configuration.log.clone());
    let port = configuration.port;
    let connected = connect(configuration).await?;
    // Cloud Run calls from outside of the container; beside a sandbox, only this machine does.
    let address = if connected.is_local { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let listener = TcpListener::bind((address, port)).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    // Cloud Run gives ten seconds after SIGTERM: what is being answered is answered.
    let end = async move { terminated.recv().await.unwrap_or_default() };
    Ok(axum::serve(listener, router(connected.guard, connected.keeper)).with_graceful_shutdown(end).await?)
}

struct Connected {
    guard: GoogleGuard,
    keeper: Keeper,
    is_local: bool,
}

async fn connect(configuration: GoogleConfiguration) -> Result<Connected, Box<dyn Error>> {
    let GoogleConfiguration {
        mode, projects, audit_bucket, claims_bucket, seal_key, former_seal_keys, webhooks, rules, endpoint_url, ..
    } = configuration;
    let former_keys = SealKeys::parse_former(&former_seal_keys)?;
    let endpoint = endpoint_url.as_deref().map(Endpoint::parse).transpose()?;
    let is_local = endpoint.is_some();
    let http = GoogleHttp::new(endpoint)?;
    let metadata = MetadataServer::new(http.clone());
    let own_account = Some(metadata.own_account().await?);
    let api = Api::new(http.clone(), metadata);
    let archive = Bucket::new(api.clone(), &audit_bucket)?;
    let keeper = Keeper {
        archive: archive.clone(),
        name: format!("gs://{audit_bucket}"),
        signer: seal_key.map(|version| CloudKmsSealSigner::new(api.clone(), version)),
        former_keys,
    };
    let ports = VersionPorts {
        control: CloudKms::new(api.clone(), projects.clone()),
        claims: StorageClaims::new(Bucket::new(api, &claims_bucket)?, mode),
        audit: StorageAuditSink::new(archive),
        notices: WebhookNoticeSink::new(http, Webhooks::parse(&webhooks)?),
        clock: SystemClock,
        meter: LogMeter,
        policies: Shipped(Arc::new(Policy::shipped())),
    };
    let domain = GoogleDomain { projects, own_account };
    let settings = VersionSettings { mode, domain, rules, patience: PATIENCE, concurrency: CONCURRENCY };
    Ok(Connected { guard: VersionGuard { ports, settings }, keeper, is_local })
}
