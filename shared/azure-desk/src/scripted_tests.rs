//! What the desk makes of answers that no honest Azure gives, played by a transport without a network.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use azure_core::time::{Duration, OffsetDateTime};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use reprieve_azure::Connection;
use reprieve_core::approval::{ApprovalSource, SealedApproval};
use reprieve_core::azure::ResourceId;
use serde_json::{Value, json};

use crate::{Desk, DeskError, ResourceName, SealingName};

const SEALING_KEY: &str = "https://kv-seal.vault.azure.net/keys/approvers";

/// Gives an answer to `METHOD PATH`, by status and body.
type Script = Box<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

struct Scripted {
    script: Script,
    asked: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl HttpClient for Scripted {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let has_token = request.headers().iter().any(|(name, _)| name.as_str() == "authorization");
        let mut headers = Headers::new();
        if !has_token {
            let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"";
            headers.insert("www-authenticate", challenge);
            return Ok(AsyncRawResponse::from_bytes(401.into(), headers, ""));
        }
        let line = format!("{} {}", request.method(), request.url().path());
        let (status, body) = (self.script)(&line);
        self.asked.lock().unwrap().push(line);
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, body.to_string()))
    }
}

/// Counts how often it is asked.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<String>>);

#[async_trait]
impl TokenCredential for Counting {
    async fn get_token(&self, scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.0.lock().unwrap().push(scopes.join(" "));
        Ok(AccessToken::new("token", OffsetDateTime::now_utc() + Duration::hours(1)))
    }
}

fn desk(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> (Desk, Arc<Scripted>) {
    let http = Arc::new(Scripted { script: Box::new(script), asked: Mutex::default() });
    (Desk::over(Connection::new(Arc::clone(&http) as Arc<dyn HttpClient>, Arc::new(Counting::default()))), http)
}

fn signer() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn bundle() -> Value {
    let point = signer().verifying_key().to_sec1_point(false);
    let number = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap());
    json!({
        "key": {
            "kid": format!("{SEALING_KEY}/0123"), "kty": "EC", "crv": "P-256", "key_ops": ["sign"],
            "x": number(point.x().map(AsRef::as_ref)), "y": number(point.y().map(AsRef::as_ref)),
        },
        "attributes": {"enabled": true},
    })
}

fn approval() -> SealedApproval {
    SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z".to_owned(),
        approver: "carol@contoso.example".to_owned(),
        seal: String::new(),
    }
}

async fn sealed(signature: &'static str) -> (DeskError, SealedApproval) {
    let (desk, http) = desk(move |line| if line.ends_with("/sign") { (200, json!({"value": signature})) } else { (200, bundle()) });
    let key = desk.sealing_key(&SealingName::parse(SEALING_KEY).unwrap(), None).await.unwrap();
    let resource = ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000000").unwrap();
    let mut approval = approval();
    let error = desk.seal(&key, &mut approval, &resource, ApprovalSource::SealedTags).await.unwrap_err();
    assert_eq!(http.asked.lock().unwrap().last().unwrap(), "POST /keys/approvers/0123/sign");
    (error, approval)
}

#[tokio::test]
async fn what_is_no_signature_seals_nothing() {
    for signature in ["", "AAAA", "!"] {
        let (error, approval) = sealed(signature).await;
        assert!(matches!(error, DeskError::NoSignature) && approval.seal.is_empty(), "{signature}: {error}");
    }
}

#[tokio::test]
async fn a_signature_of_something_else_seals_nothing() {
    let signature: Signature = signer().sign_prehash(&[1; 32]).unwrap();
    let (error, approval) = sealed(URL_SAFE_NO_PAD.encode(signature.to_bytes()).leak()).await;
    assert!(matches!(error, DeskError::SealDoesNotVerify(_)) && approval.seal.is_empty(), "{error}");
    assert!(!error.is_refusal());
}

#[tokio::test]
async fn tags_that_are_not_as_documented_are_read_as_far_as_they_are_tags() {
    let tags = json!({"properties": {"tags": {"Reprieve:Change": "CHG-1", "Env": "prod", "odd": 1}}});
    let (desk, _) = desk(move |_| (200, tags.clone()));
    let id = ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000000").unwrap();
    let file = desk.resource(&id).await.unwrap();
    let tags: Vec<(&str, &str)> = file.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("Env", "prod"), ("reprieve:change", "CHG-1")]);
}

#[tokio::test]
async fn a_subscription_that_may_not_be_read_hides_no_vault_of_another() {
    let vault = "/subscriptions/b/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/KV-Prod";
    let found = |is_in_b: bool| {
        desk(move |line| match line {
            "GET /subscriptions" => (200, json!({"value": [{"subscriptionId": "a"}, {"subscriptionId": "b"}]})),
            "GET /subscriptions/a/resources" => (403, json!({"error": {"code": "AuthorizationFailed", "message": "no"}})),
            _ if is_in_b => (200, json!({"value": [{"id": vault}]})),
            _ => (200, json!({"value": []})),
        })
    };
    let name = ResourceName::parse("https://kv-prod.vault.azure.net/secrets/db").unwrap();
    assert_eq!(found(true).0.locate(&name).await.unwrap().as_str(), format!("{vault}/secrets/db"));
    let error = found(false).0.locate(&name).await.unwrap_err();
    assert!(matches!(error, DeskError::Call(_)) && !error.is_refusal(), "it may be where nothing can be read: {error}");
}
