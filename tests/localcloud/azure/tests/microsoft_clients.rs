//! Microsoft's own Python clients drive the sandbox over TLS, and every exchange keeps to Microsoft's published contracts.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test that cannot go on says why and stops; counts are printed")]

mod published;
mod venv;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reprieve_azure_sandbox::contract::golden::{Golden, GoldenTally};
use reprieve_azure_sandbox::contract::{Contracts, Tally};
use reprieve_azure_sandbox::{Options, PrincipalKind, Sandbox};
use serde_json::json;
use tokio::process::Command;

const GROUP: &str = "rg-driven";

/// How long the whole drive may take.
const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_clients_find_azure_in_the_sandbox() {
    hold(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_find_it_when_operations_take_long_and_lists_have_pages() {
    let moment = Duration::from_millis(400);
    let slow = Options {
        operation_delay: moment,
        retry_after_seconds: 1,
        object_deletion_delay: moment,
        object_recovery_delay: moment,
        activity_log_delay: moment,
        page_size: 1,
        ..Options::default()
    };
    hold(slow).await;
}

/// Drives a sandbox with Microsoft's clients and holds every exchange against the contracts.
async fn hold(options: Options) {
    let interpreter = venv::interpreter().expect("the Python environment is there");
    let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
    let (is_through, text) = drive(&sandbox, &interpreter).await;
    println!("{}", text.lines().last().unwrap_or_default());
    let counted = published::folder().map(|folder| hold_against_contracts(&sandbox, &folder));
    assert!(is_through, "{text}");
    if let Some((tally, golden)) = counted {
        assert!(tally.violations.is_empty(), "{tally}");
        assert!(tally.covered_operations.len() > 45, "{tally}");
        assert!(golden.differences.is_empty(), "{golden}");
    }
    sandbox.stop().await;
}

/// Runs the driver. Returns whether it came to its end, and what it wrote.
async fn drive(sandbox: &Sandbox, interpreter: &Path) -> (bool, String) {
    let driver = sandbox.principal(PrincipalKind::ManagedIdentity, "driver");
    let (subscription, tenant_id) = {
        let mut tenant = sandbox.tenant();
        let subscription = tenant.options.subscriptions.first().map(|(id, _)| id.clone()).expect("there is a subscription");
        let id = format!("/subscriptions/{subscription}/resourceGroups/{GROUP}");
        let body = json!({ "id": id, "name": GROUP, "type": "Microsoft.Resources/resourceGroups", "location": "westeurope", "properties": { "provisioningState": "Succeeded" } });
        let now = tenant.now();
        tenant.put_resource(&id, body, now);
        (subscription, tenant.tenant_id.clone())
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut command = Command::new(interpreter);
    command.arg("-B").arg(folder.join("drive.py")).stdin(Stdio::null()).kill_on_drop(true);
    command
        .env("REQUESTS_CA_BUNDLE", sandbox.certificate_pem_path())
        .env("IDENTITY_ENDPOINT", sandbox.identity_endpoint())
        .env("IDENTITY_HEADER", sandbox.identity_header())
        .env("SANDBOX_TLS_URL", sandbox.tls_url())
        .env("SANDBOX_SUBSCRIPTION", subscription)
        .env("SANDBOX_TENANT", tenant_id)
        .env("SANDBOX_GROUP", GROUP)
        .env("SANDBOX_PRINCIPAL", driver.object_id())
        .env("SANDBOX_CLIENT_ID", driver.client_id())
        .env("SANDBOX_OWNER_TOKEN", sandbox.owner().token("https://management.azure.com"));
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("the driver ends in time").expect("the driver starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let separator = if errors.is_empty() { "" } else { "\n" };
    (output.status.success(), format!("{errors}{separator}{}", String::from_utf8_lossy(&output.stdout)))
}

/// Holds every exchange against the contracts and against what Microsoft's clients were recorded to send, and prints the counts.
fn hold_against_contracts(sandbox: &Sandbox, folder: &Path) -> (Tally, GoldenTally) {
    let exchanges = sandbox.exchanges();
    let contracts = Contracts::load(folder).expect("contracts load").accepting_client_versions();
    let tally = Tally::of(&contracts, &exchanges);
    println!("{tally}");
    let golden = GoldenTally::of(&Golden::load(folder).expect("the recording loads"), &exchanges);
    println!("{golden}");
    (tally, golden)
}
