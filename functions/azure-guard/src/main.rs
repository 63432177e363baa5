//! The custom handler that Azure Functions starts: it listens where the host calls, and answers until the host ends it.
//!
//! Telemetry, configuration, clients, run: nothing is decided here.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use azure_guard::{Keeper, Seals, router};
use reprieve_archive::ArchiveSink;
use reprieve_azure::{
    AUDIT_CONTAINER, AzureControl, AzureSettings, BlobAuditSink, BlobBaselineStore, BlobEvidenceStore, BlobLedger, BlobPolicySource,
    WebhookNoticeSink, connect,
};
use reprieve_engine::recording::{Recorder, RecordingPorts, RecordingSettings};
use reprieve_engine::{SystemClock, TenantGuard, TenantPorts, TenantSettings};
use reprieve_evidence::seal::SealKeys;
use reprieve_runtime::{AzureConfiguration, LogMeter, telemetry};
use tokio::net::TcpListener;

/// The guard on Azure.
type AzureGuard =
    TenantGuard<AzureControl, BlobLedger, BlobAuditSink, WebhookNoticeSink, SystemClock, LogMeter, BlobPolicySource<SystemClock>>;

/// The evidence on Azure.
type AzureKeeper = Keeper<ArchiveSink<BlobEvidenceStore>, BlobBaselineStore, WebhookNoticeSink, SystemClock, LogMeter>;

/// How long one change is tried again inside one invocation. A role takes longer to count; the next delivery goes on then.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many subjects are worked on at the same time.
const CONCURRENCY: usize = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::exit_code(run(|name| std::env::var(name).ok()).await)
}

async fn run(lookup: impl Fn(&str) -> Option<String>) -> Result<(), Box<dyn Error>> {
    let configuration = AzureConfiguration::parse(lookup)?;
    telemetry::start(configuration.log.clone());
    let port = configuration.port;
    let (guard, keeper) = guard(&configuration)?;
    // The host calls from this machine alone.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(axum::serve(listener, router(guard, keeper)).await?)
}

fn guard(configuration: &AzureConfiguration) -> Result<(AzureGuard, AzureKeeper), Box<dyn Error>> {
    let AzureConfiguration { desired, rules, principal_id, .. } = configuration.clone();
    let AzureConfiguration { client_id, tenant_id, storage_account, .. } = configuration;
    let former_keys = SealKeys::parse_former(&configuration.former_seal_keys)?;
    let azure = connect(&AzureSettings {
        endpoint_url: configuration.endpoint_url.clone(),
        webhooks: configuration.webhooks.clone(),
        policy_container: configuration.policy_container.clone(),
        ..AzureSettings::new(client_id, tenant_id, storage_account, desired.clone())
    })?;
    let ports = RecordingPorts {
        evidence: ArchiveSink::new(azure.archive.clone()),
        baseline: azure.baseline,
        notices: azure.notices.clone(),
        clock: azure.clock,
        meter: LogMeter,
    };
    let keeper = Keeper {
        recorder: Recorder { ports, settings: RecordingSettings::default() },
        archive: azure.archive,
        seals: Seals {
            archive: format!("https://{}.blob.core.windows.net/{AUDIT_CONTAINER}", configuration.storage_account),
            key: configuration.seal_key.clone(),
            former_keys,
        },
        connection: azure.connection,
    };
    let guard = TenantGuard {
        ports: TenantPorts {
            control: azure.control,
            ledger: azure.ledger,
            audit: azure.audit,
            notices: azure.notices,
            clock: azure.clock,
            meter: LogMeter,
            policies: azure.policies,
        },
        settings: TenantSettings {
            mode: configuration.mode,
            desired,
            rules,
            own_principal: Some(principal_id),
            patience: PATIENCE,
            concurrency: CONCURRENCY,
            sweep_budget: configuration.sweep_budget,
        },
    };
    Ok((guard, keeper))
}
