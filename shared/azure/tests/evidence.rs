//! The archive, the baseline and the seals' key against the Azure sandbox.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it stands")]

#[expect(dead_code, reason = "the scene serves the adapters of the guard as well")]
mod scene;

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use reprieve_azure::{BlobBaselineStore, BlobEvidenceStore, BlobStore, KeyVaultSealSigner, StorageAccount};
use reprieve_azure_sandbox::Options;
use reprieve_core::azure::KeyReference;
use reprieve_engine::{BaselineStore as _, EvidenceStore as _, SealSigner as _};
use serde_json::json;

use scene::{KV, Scene, account, id};

const STORAGE: &str = "2024-01-01";

async fn container(scene: &Scene, name: &str, properties: serde_json::Value) -> BlobStore {
    let container = id(&format!("{}/blobServices/default/containers/{name}", account()));
    scene.arm("PUT", container.as_str(), STORAGE, json!({ "properties": properties })).await;
    BlobStore::new(&scene.connection, &StorageAccount::parse("stlogs01").unwrap(), name).unwrap()
}

#[tokio::test]
async fn an_object_of_the_archive_is_written_once_and_stays_as_it_is() {
    let scene = Scene::new(Options::default()).await;
    let store = container(&scene, "reprieve-audit", json!({ "immutableStorageWithVersioning": { "enabled": true } })).await;
    let archive = BlobEvidenceStore::new(store);
    let began = jiff::Timestamp::from_second(scene.sandbox.tenant().now().as_second()).unwrap();
    for (name, is_new) in [("audit/events/b.json.gz", true), ("audit/events/a.json.gz", true), ("audit/events/a.json.gz", false)] {
        assert_eq!(archive.put_once(name, "application/gzip", name.as_bytes()).await, Ok(is_new), "{name}");
    }
    assert_eq!(archive.put_once("audit/events/a.json.gz", "application/gzip", b"other").await, Ok(false));
    assert_eq!(archive.read("audit/events/a.json.gz").await, Ok(Some(b"audit/events/a.json.gz".to_vec())));
    assert_eq!(archive.read("audit/events/c.json.gz").await, Ok(None));
    let listed = archive.list("audit/").await.unwrap();
    let names: Vec<&str> = listed.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["audit/events/a.json.gz", "audit/events/b.json.gz"]);
    assert!(listed.iter().all(|object| object.modified >= began && object.size_bytes == 22), "{listed:?}");
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_baseline_is_replaced_only_by_who_has_seen_it() {
    let scene = Scene::new(Options::default()).await;
    let baseline = BlobBaselineStore::new(container(&scene, "reprieve-ledger", json!({})).await);
    assert_eq!(baseline.load().await, Ok(None));
    assert_eq!(baseline.save(b"one", None).await, Ok(true));
    assert_eq!(baseline.save(b"another first", None).await, Ok(false));
    let seen = baseline.load().await.unwrap().unwrap();
    assert_eq!(baseline.save(b"two", Some(&seen.etag)).await, Ok(true));
    assert_eq!(baseline.save(b"three", Some(&seen.etag)).await, Ok(false), "somebody else was faster");
    assert_eq!(baseline.load().await.unwrap().unwrap().bytes, b"two");
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_seal_is_signed_by_one_version_of_the_key_and_verifies_with_its_public_half() {
    let scene = Scene::new(Options::default()).await;
    scene.data("POST", KV, "/keys/seal/create", json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] })).await;
    let key = KeyReference::parse(&format!("https://{KV}/keys/seal")).unwrap();
    let signer = KeyVaultSealSigner::connect(&scene.connection, &key).await.unwrap();
    assert!(signer.key_id().starts_with(&format!("https://{KV}/keys/seal/")), "{}", signer.key_id());
    let pem = signer.public_key_pem().await.unwrap();
    // A new version does not change who signs what is being sealed.
    scene.data("POST", KV, "/keys/seal/create", json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] })).await;
    let signature = Signature::from_der(&signer.sign(b"the hour's head").await.unwrap()).unwrap();
    let public = VerifyingKey::from_public_key_pem(&pem).unwrap();
    assert!(public.verify(b"the hour's head", &signature).is_ok());
    assert!(public.verify(b"another head", &signature).is_err());
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_refused_with_the_reason() {
    let scene = Scene::new(Options::default()).await;
    for (name, why) in [("logs", "RSA"), ("missing", "not")] {
        let key = KeyReference::parse(&format!("https://{KV}/keys/{name}")).unwrap();
        let error = KeyVaultSealSigner::connect(&scene.connection, &key).await.unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(name), "{error}");
    }
}
