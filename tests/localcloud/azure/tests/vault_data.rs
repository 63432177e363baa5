//! What keys, secrets and certificates go through, row by row, and what the log tells of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it stands")]

mod asking;

use std::time::Duration;

use asking::{GROUP, arm, ask, ask_for_group, data, play};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reprieve_azure_sandbox::{Happening, Options, PrincipalKind, Sandbox};
use serde_json::{Value, json};

const HOST: &str = "kv-prod.vault.azure.net";

async fn started(options: Options, is_protected: bool) -> Sandbox {
    let sandbox = Sandbox::start(options).await.unwrap();
    ask_for_group(&sandbox).await;
    let mut properties =
        json!({ "tenantId": sandbox.tenant().tenant_id, "sku": { "family": "A", "name": "standard" }, "enableRbacAuthorization": true });
    if is_protected {
        properties["enablePurgeProtection"] = json!(true);
    }
    let vault = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod");
    let body = json!({ "location": "westeurope", "properties": properties });
    play(&sandbox, &sandbox.owner(), vec![arm("PUT", &vault, body, 201, "")]).await;
    sandbox
}

fn none() -> Value {
    Value::Null
}

#[tokio::test]
async fn keys_secrets_and_certificates_are_deleted_and_recovered_alike() {
    let sandbox = started(Options::default(), true).await;
    let made = [
        ("key", data("POST", "/keys/k/create", json!({ "kty": "RSA" }), 200, "")),
        ("secret", data("PUT", "/secrets/k2", json!({ "value": "s" }), 200, "")),
        ("certificate", data("POST", "/certificates/c/create", json!({ "policy": {} }), 202, "")),
    ];
    for (word, create) in made {
        let name = create.path.split('/').nth(2).unwrap().to_owned();
        let (method, path, body, status) = (create.method, create.path.clone(), create.body.clone(), create.status);
        let missing: &'static str = match word {
            "key" => "KeyNotFound",
            "secret" => "SecretNotFound",
            _ => "CertificateNotFound",
        };
        let live = format!("/{word}s/{name}");
        let gone = format!("/deleted{word}s/{name}");
        let rows = vec![
            data("GET", &live, none(), 404, missing),
            data(method, &path, body.clone(), status, ""),
            data("GET", &live, none(), 200, ""),
            data("GET", &format!("{live}/"), none(), 200, ""),
            data("GET", &gone, none(), 404, missing),
            data("POST", &format!("{gone}/recover"), none(), 404, missing),
            data("DELETE", &live, none(), 200, ""),
            data("GET", &live, none(), 404, missing),
            data("GET", &gone, none(), 200, ""),
            data(method, &path, body, 409, "Conflict/ObjectIsDeletedButRecoverable"),
            data("DELETE", &gone, none(), 403, "Forbidden"),
            data("POST", &format!("{gone}/recover"), none(), 200, ""),
            data("GET", &live, none(), 200, ""),
            data("GET", &gone, none(), 404, missing),
        ];
        let answers = play(&sandbox, &sandbox.owner(), rows).await;
        assert_eq!(answers[6].at("/recoveryId"), json!(format!("https://{HOST}{gone}")));
        assert_eq!(answers[2].at("/attributes/recoveryLevel"), json!("Recoverable"));
    }
}

#[tokio::test]
async fn a_key_can_be_purged_where_nothing_protects_it() {
    let sandbox = started(Options::default(), false).await;
    let rows = vec![
        data("POST", "/keys/k/create", json!({ "kty": "EC" }), 200, ""),
        data("DELETE", "/keys/k", none(), 200, ""),
        data("DELETE", "/deletedkeys/k", none(), 204, ""),
        data("POST", "/deletedkeys/k/recover", none(), 404, "KeyNotFound"),
        data("POST", "/keys/k/create", json!({ "kty": "EC" }), 200, ""),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[0].at("/attributes/recoveryLevel"), json!("Recoverable+Purgeable"));
}

#[tokio::test]
async fn a_key_is_being_deleted_and_being_recovered_for_a_while() {
    let delays =
        Options { object_deletion_delay: Duration::from_secs(5), object_recovery_delay: Duration::from_secs(3), ..Options::default() };
    let sandbox = started(delays, false).await;
    let owner = sandbox.owner();
    let rows = vec![
        data("POST", "/keys/k/create", json!({ "kty": "EC" }), 200, ""),
        data("DELETE", "/keys/k", none(), 200, ""),
        data("GET", "/deletedkeys/k", none(), 404, "KeyNotFound"),
        data("POST", "/deletedkeys/k/recover", none(), 409, "Conflict/ObjectIsBeingDeleted"),
        data("POST", "/keys/k/create", json!({ "kty": "EC" }), 409, "Conflict/ObjectIsBeingDeleted"),
    ];
    play(&sandbox, &owner, rows).await;
    sandbox.advance_clock(Duration::from_secs(5));
    let rows = vec![
        data("GET", "/deletedkeys/k", none(), 200, ""),
        data("POST", "/deletedkeys/k/recover", none(), 200, ""),
        data("GET", "/keys/k", none(), 404, "KeyNotFound"),
        data("DELETE", "/keys/k", none(), 409, "Conflict/ObjectIsBeingRecovered"),
    ];
    play(&sandbox, &owner, rows).await;
    sandbox.advance_clock(Duration::from_secs(3));
    play(&sandbox, &owner, vec![data("GET", "/keys/k", none(), 200, "")]).await;
}

#[tokio::test]
async fn a_deleted_key_is_purged_when_its_time_is_up() {
    let sandbox = started(Options::default(), true).await;
    let owner = sandbox.owner();
    play(
        &sandbox,
        &owner,
        vec![data("POST", "/keys/k/create", json!({ "kty": "EC" }), 200, ""), data("DELETE", "/keys/k", none(), 200, "")],
    )
    .await;
    sandbox.advance_clock(Duration::from_hours(90 * 24));
    play(&sandbox, &owner, vec![data("GET", "/deletedkeys/k", none(), 404, "KeyNotFound")]).await;
}

#[tokio::test]
async fn a_disabled_key_is_read_but_not_used() {
    let sandbox = started(Options::default(), false).await;
    let value = URL_SAFE_NO_PAD.encode("data key");
    let wrap = || json!({ "alg": "RSA-OAEP-256", "value": value });
    let disable = |is_enabled: bool| json!({ "attributes": { "enabled": is_enabled } });
    let rows = vec![
        data("POST", "/keys/k/create", json!({ "kty": "RSA" }), 200, ""),
        data("POST", "/keys/k/wrapkey", wrap(), 200, ""),
        data("PATCH", "/keys/k/", disable(false), 200, ""),
        data("POST", "/keys/k/wrapkey", wrap(), 403, "Forbidden/KeyDisabled"),
        data("POST", "/keys/k/unwrapkey", wrap(), 403, "Forbidden/KeyDisabled"),
        data("GET", "/keys/k", none(), 200, ""),
        data("PATCH", "/keys/k/", disable(true), 200, ""),
        data("POST", "/keys/k/wrapkey", wrap(), 200, ""),
        data("PUT", "/secrets/s", json!({ "value": "v", "attributes": { "enabled": false } }), 200, ""),
        data("GET", "/secrets/s", none(), 403, "Forbidden/SecretDisabled"),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
}

#[tokio::test]
async fn what_a_key_wrapped_its_version_unwraps_and_no_other() {
    let sandbox = started(Options::default(), false).await;
    let owner = sandbox.owner();
    let created = ask(&sandbox, &owner, "POST", HOST, "/keys/k/create", json!({ "kty": "RSA" })).await;
    let kid = created.at("/key/kid").as_str().unwrap().replace(&format!("https://{HOST}"), "");
    let plain = URL_SAFE_NO_PAD.encode("data key");
    let wrapped = ask(&sandbox, &owner, "POST", HOST, "/keys/k/wrapkey", json!({ "alg": "RSA-OAEP", "value": plain })).await;
    let sealed = json!({ "alg": "RSA-OAEP", "value": wrapped.at("/value") });
    let rows = vec![
        data("POST", "/keys/k/rotate", none(), 200, ""),
        data("POST", "/keys/k/unwrapkey", sealed.clone(), 400, "BadParameter"),
        data("POST", &format!("{kid}/unwrapkey"), sealed, 200, ""),
        data("GET", "/keys/k/versions", none(), 200, ""),
    ];
    let answers = play(&sandbox, &owner, rows).await;
    assert_eq!(answers[2].at("/value"), json!(plain));
    assert_eq!(answers[3].at("/value").as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_elliptic_key_signs_what_its_public_point_verifies() {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let sandbox = started(Options::default(), false).await;
    let owner = sandbox.owner();
    let created = ask(&sandbox, &owner, "POST", HOST, "/keys/k/create", json!({ "kty": "EC", "crv": "P-256" })).await;
    let digest = [7_u8; 32];
    let encoded = URL_SAFE_NO_PAD.encode(digest);
    let signed = ask(&sandbox, &owner, "POST", HOST, "/keys/k/sign", json!({ "alg": "ES256", "value": encoded })).await;
    let bytes = |value: Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let point = [vec![4], bytes(created.at("/key/x")), bytes(created.at("/key/y"))].concat();
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&bytes(signed.at("/value"))).unwrap();
    assert!(key.verify_prehash(&digest, &signature).is_ok());
    let check = json!({ "alg": "ES256", "digest": encoded, "value": signed.at("/value") });
    assert_eq!(ask(&sandbox, &owner, "POST", HOST, "/keys/k/verify", check).await.at("/value"), json!(true));
}

#[tokio::test]
async fn a_rotation_policy_is_kept_through_recovery() {
    let sandbox = started(Options::default(), false).await;
    let policy = json!({
        "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P18M" }, "action": { "type": "rotate" } }, { "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }],
        "attributes": { "expiryTime": "P2Y" },
    });
    let rows = vec![
        data("POST", "/keys/k/create", json!({ "kty": "RSA" }), 200, ""),
        data("GET", "/keys/k/rotationpolicy", none(), 200, ""),
        data(
            "PUT",
            "/keys/k/rotationpolicy",
            json!({ "lifetimeActions": [{ "trigger": {}, "action": { "type": "Rotate" } }] }),
            400,
            "BadParameter",
        ),
        data("PUT", "/keys/k/rotationpolicy", policy, 200, ""),
        data("DELETE", "/keys/k", none(), 200, ""),
        data("POST", "/deletedkeys/k/recover", none(), 200, ""),
        data("GET", "/keys/k/rotationpolicy", none(), 200, ""),
        data("POST", "/keys/k/rotate", none(), 200, ""),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[1].at("/lifetimeActions/0/action/type"), json!("Notify"));
    assert_eq!(answers[6].at("/lifetimeActions/0/action/type"), json!("Rotate"));
    assert!(answers[7].at("/attributes/exp").is_i64(), "the policy says when the new version expires");
}

#[tokio::test]
async fn the_log_says_success_of_a_refused_call_and_tells_by_its_status() {
    let sandbox = started(Options::default(), false).await;
    let stranger = sandbox.principal(PrincipalKind::User, "mallory");
    let rows = vec![data("POST", "/keys/k/create", json!({ "kty": "RSA" }), 200, "")];
    play(&sandbox, &sandbox.owner(), rows).await;
    let mut happenings = sandbox.happenings();
    play(&sandbox, &stranger, vec![data("DELETE", "/keys/k", none(), 403, "Forbidden/ForbiddenByRbac")]).await;
    let Ok(Happening::KeyVaultAudit { record, .. }) = happenings.try_recv() else { panic!("a refused call is logged") };
    for (pointer, expected) in [
        ("/operationName", json!("KeyDelete")),
        ("/category", json!("AuditEvent")),
        ("/resultType", json!("Success")),
        ("/resultSignature", json!("Forbidden")),
        ("/properties/httpStatusCode", json!(403)),
        ("/properties/id", json!(format!("https://{HOST}/keys/k"))),
        ("/identity/claim/http:~1~1schemas.xmlsoap.org~1ws~12005~105~1identity~1claims~1upn", json!("mallory@contoso.example")),
        ("/identity/claim/http:~1~1schemas.microsoft.com~1identity~1claims~1objectidentifier", json!(stranger.object_id())),
        ("/resourceId", json!(format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod").to_ascii_uppercase())),
    ] {
        assert_eq!(record.pointer(pointer), Some(&expected), "{pointer}");
    }
    let time = record["time"].as_str().unwrap();
    assert_eq!(time.split_once('.').map(|(_, fraction)| fraction.len()), Some(8), "seven digits and a Z: {time}");
}

#[tokio::test]
async fn arm_shows_the_keys_of_a_vault() {
    let sandbox = started(Options::default(), false).await;
    let keys = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod/keys");
    let make = json!({ "properties": { "kty": "EC", "curveName": "P-256" } });
    let rows = vec![
        arm("PUT", &format!("{keys}/k"), make, 200, ""),
        data("GET", "/keys/k", none(), 200, ""),
        arm("GET", &keys, none(), 200, ""),
        arm("GET", &format!("{keys}/k/versions"), none(), 200, ""),
        data("DELETE", "/keys/k", none(), 200, ""),
        arm("GET", &format!("{keys}/k"), none(), 404, "ResourceNotFound"),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[2].at("/value/0/properties/keyUri"), json!(format!("https://{HOST}/keys/k")));
}
