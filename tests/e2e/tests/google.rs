//! The evidence of the guard on Google Cloud, from the record to the verdict: the service as it is shipped beside the sandbox, a copy of the
//! bucket in a folder, and the command `reprieve verify` with the public key that Cloud KMS told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that goes another way must stop")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use jiff::SignedDuration;
use reprieve_e2e::command::{reprieve, shown};
use reprieve_e2e::stage::package::find_beside;
use reprieve_google_sandbox::{Sandbox, get, post};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const BUCKET: &str = "acme-audit";
const KEY: &str = "projects/prod/locations/europe-west3/keyRings/payments/cryptoKeys/card-data";
const SEAL_KEY: &str = "projects/prod/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal";

/// Starts the service beside a sandbox, and waits until it is up.
async fn service(cloud: &Sandbox, seal_key: &str) -> (Child, String) {
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port().to_string();
    let variables = [
        ("PORT", port.as_str()),
        ("REPRIEVE_MODE", "enforce"),
        ("REPRIEVE_GOOGLE_PROJECTS", "prod"),
        ("REPRIEVE_GOOGLE_AUDIT_BUCKET", BUCKET),
        ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", "acme-claims"),
        ("REPRIEVE_GOOGLE_SEAL_KEY", seal_key),
        ("REPRIEVE_GOOGLE_ENDPOINT_URL", cloud.url()),
    ];
    let mut command = Command::new(find_beside("gcp-guard", "gcp-guard").unwrap());
    command.env_clear().envs(variables).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let service = command.spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    for _ in 0..200 {
        if get(&format!("{url}/healthz")).await.is_ok_and(|reply| reply.status == 200) {
            return (service, url);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the service is not up after ten seconds");
}

/// Copies the bucket into a folder, as `gcloud storage cp --recursive` does.
fn copy(cloud: &Sandbox, folder: &Path) {
    for (name, bytes) in cloud.objects(BUCKET) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

async fn verdict(archive: &Path, public_key: &Path) -> (bool, String) {
    let said = reprieve(&["verify", &shown(archive), "--public-key", &shown(public_key)]).await.unwrap();
    (said.ok, said.text)
}

/// P113
#[tokio::test]
async fn a_copy_of_the_bucket_is_verified_offline_and_a_changed_record_is_named() {
    let cloud = Sandbox::start().await.unwrap();
    let seal_key = cloud.make_signing_key(SEAL_KEY);
    let (_service, url) = service(&cloud, &seal_key).await;
    let version = cloud.make_key(KEY);
    let entry = cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let headers = [("content-type", "application/json"), ("ce-id", "1"), ("ce-type", "google.cloud.audit.log.v1.written")];
    assert_eq!(post(&url, &headers, &entry.to_string()).await.unwrap().status, 200);
    assert_eq!(cloud.version_state(&version).as_deref(), Some("ENABLED"));
    cloud.let_pass(SignedDuration::from_hours(3));
    let sealed = post(&format!("{url}/seal"), &[], "").await.unwrap();
    assert_eq!(sealed.status, 200, "{}", sealed.body);

    let folder = tempfile::tempdir().unwrap();
    let (archive, public_key) = (folder.path().join("archive"), folder.path().join("seals.pem"));
    copy(&cloud, &archive);
    std::fs::write(&public_key, cloud.public_key_pem(&seal_key).unwrap()).unwrap();
    let (ok, said) = verdict(&archive, &public_key).await;
    assert!(ok && said.contains("gs://acme-audit"), "{said}");

    let is_outcome = |name: &&String| name.starts_with("audit/decisions/") && name.contains(".outcome.");
    let objects = cloud.objects(BUCKET);
    let name = objects.keys().find(is_outcome).unwrap();
    let forged = String::from_utf8(objects[name].clone()).unwrap().replace("mallory@example.com", "trusted@example.com");
    std::fs::write(archive.join(name), forged).unwrap();
    let (ok, said) = verdict(&archive, &public_key).await;
    assert!(!ok && said.contains(&format!("changed: {name}")), "{said}");
}
