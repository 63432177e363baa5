//! The desk over real HTTP, against the Azure sandbox: real signatures by Key Vault, tags on resources, blobs in the ledger.

use std::path::PathBuf;

use azure_core::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reprieve_azure_sandbox::contract::{CONTRACTS_VARIABLE, Contracts, Tally};
use reprieve_azure_sandbox::{Options, Sandbox};
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::slot::{TagPlan, TagSlot};
use reprieve_core::approval::{ApprovalSource, Revocation, SealedApproval};
use reprieve_core::azure::ResourceId;
use serde_json::{Value, json};

use crate::{Desk, DeskError, DeskSettings, ResourceName, ResourceState, SealingKey, SealingName, subject_of};

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
const AUDIENCES: [&str; 3] = ["https://management.azure.com", "https://vault.azure.net", "https://storage.azure.com"];
const ACCOUNT: &str = "streprieve";

struct Stage {
    sandbox: Sandbox,
    desk: Desk,
}

fn id(rest: &str) -> ResourceId {
    ResourceId::parse(&format!("{GROUP}/providers/{rest}")).unwrap()
}

fn vault() -> ResourceId {
    id("Microsoft.KeyVault/vaults/kv-prod")
}

fn approval(action: &str, approver: &str) -> SealedApproval {
    SealedApproval {
        change: "CHG-2048".to_owned(),
        action: action.to_owned(),
        window: "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z".to_owned(),
        approver: approver.to_owned(),
        seal: String::new(),
    }
}

impl Stage {
    async fn new() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let owner = sandbox.owner();
        let settings = DeskSettings {
            client_id: None,
            endpoint_url: Some(sandbox.http_url()),
            access_tokens: Some(AUDIENCES.map(|audience| owner.token(audience)).join(",")),
        };
        let stage = Self { desk: Desk::open(&settings).unwrap(), sandbox };
        let tenant_id = stage.sandbox.tenant().tenant_id.clone();
        stage.arm("PUT", GROUP, "2021-04-01", json!({"location": "westeurope"})).await;
        for name in ["kv-prod", "kv-seal"] {
            let body = json!({"location": "westeurope", "tags": {"owner": "security"}, "properties": {
                "tenantId": tenant_id, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": true,
            }});
            stage.arm("PUT", id(&format!("Microsoft.KeyVault/vaults/{name}")).as_str(), "2024-11-01", body).await;
        }
        stage
    }

    async fn arm(&self, method: &str, path: &str, version: &str, body: Value) {
        self.ask(method, "management.azure.com", &format!("{path}?api-version={version}"), AUDIENCES[0], body).await;
    }

    async fn data(&self, method: &str, host: &str, path: &str, body: Value) {
        self.ask(method, host, &format!("{path}?api-version=7.5"), AUDIENCES[1], body).await;
    }

    /// Somebody else's client.
    async fn ask(&self, method: &str, host: &str, path: &str, audience: &str, body: Value) {
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder().method(method).uri(format!("{}{path}", self.sandbox.http_url())).header("host", host);
        let request = request.header("authorization", format!("Bearer {}", self.sandbox.owner().token(audience)));
        let request = request.header("content-type", "application/json").body(Full::<Bytes>::from(bytes)).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(head.status.is_success() || head.status.as_u16() == 202, "{method} {host}{path}: {} {body:?}", head.status);
    }

    async fn sealing_key(&self, name: &str) -> SealingKey {
        let body = json!({"kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"]});
        self.data("POST", "kv-seal.vault.azure.net", &format!("/keys/{name}/create"), body).await;
        let name = SealingName::parse(&format!("https://kv-seal.vault.azure.net/keys/{name}")).unwrap();
        self.desk.sealing_key(&name, None).await.unwrap()
    }

    async fn ledger(&self) {
        let account = id(&format!("Microsoft.Storage/storageAccounts/{ACCOUNT}"));
        let body = json!({"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}});
        self.arm("PUT", account.as_str(), "2024-01-01", body).await;
        let container = account.child("blobServices", "default").child("containers", "reprieve-ledger");
        self.arm("PUT", container.as_str(), "2024-01-01", json!({"properties": {}})).await;
    }

    async fn approve(&self, resource: &ResourceId, approval: &mut SealedApproval, seal: &SealingKey) -> TagSlot {
        let file = self.desk.resource(resource).await.unwrap();
        let plan = TagPlan::of(&file.tags, approval, &seal.id, &file.id, &ApprovalKeys::default());
        self.desk.seal(seal, approval, &file.id, ApprovalSource::SealedTags).await.unwrap();
        self.desk.write_tags(&file, approval, &plan).await.unwrap();
        plan.slot
    }

    /// Holds all that the desk sent against Microsoft's contracts, where these are at hand.
    fn keeps_to_contracts(&self) {
        let Some(folder) = std::env::var_os(CONTRACTS_VARIABLE).map(PathBuf::from) else { return };
        let is_ours = |name: &str, value: &str| name == "user-agent" && value.contains("reprieve");
        let mut ours = self.sandbox.exchanges();
        ours.retain(|one| one.request_headers.iter().any(|(name, value)| is_ours(name, value)));
        // Microsoft's client sends an empty request first, to be told which token the vault asks for.
        ours.retain(|one| one.status != 401);
        assert!(!ours.is_empty());
        let tally = Tally::of(&Contracts::load(&folder).unwrap(), &ours);
        assert!(tally.violations.is_empty(), "{:#?}", tally.violations);
    }
}

#[tokio::test]
async fn tags_that_key_vault_sealed_verify_offline_for_both_approvers() {
    let stage = Stage::new().await;
    let (risk, security) = (stage.sealing_key("risk").await, stage.sealing_key("security").await);
    // Whoever writes the id in other letters means the same vault.
    let shouted = ResourceId::parse(&vault().as_str().replace("kv-prod", "KV-PROD")).unwrap();
    assert_eq!(stage.approve(&shouted, &mut approval("delete", "carol@contoso.example"), &risk).await, TagSlot::Approver);
    assert_eq!(stage.approve(&vault(), &mut approval("delete", "dave@contoso.example"), &security).await, TagSlot::CoApprover);

    let file = stage.desk.resource(&vault()).await.unwrap();
    let keys = ApprovalKeys::parse(&format!("{},{}", risk.entry(None, None), security.entry(None, None))).unwrap();
    let both = [SealedApproval::from_tags(&file.tags), SealedApproval::co_approval_from_tags(&file.tags)];
    let both =
        both.map(|approval| approval.unwrap().unwrap().verify_for("delete", &vault(), None, &keys, ApprovalSource::SealedTags).unwrap());
    assert_eq!(both.map(|approval| approval.approver), ["carol@contoso.example", "dave@contoso.example"]);
    assert_eq!(file.tags.get("owner").map(String::as_str), Some("security"));

    stage.desk.remove_approval(&file).await.unwrap();
    let tags = stage.desk.resource(&vault()).await.unwrap().tags;
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [("owner".to_owned(), "security".to_owned())]);
    stage.keeps_to_contracts();
}

#[tokio::test]
async fn a_key_keeps_its_own_tags_beside_the_approval_and_both_when_it_is_deleted() {
    let stage = Stage::new().await;
    let risk = stage.sealing_key("risk").await;
    let kv = "kv-prod.vault.azure.net";
    stage.data("POST", kv, "/keys/invoices/create", json!({"kty": "RSA", "tags": {"env": "prod"}})).await;
    let name = ResourceName::parse("https://kv-prod.vault.azure.net/keys/invoices").unwrap();
    let key = stage.desk.locate(&name).await.unwrap();
    assert_eq!(key, vault().child("keys", "invoices"));

    let mut approval = approval("delete", "carol@contoso.example");
    stage.approve(&key, &mut approval, &risk).await;
    stage.data("DELETE", kv, "/keys/invoices", Value::Null).await;
    let file = stage.desk.resource(&key).await.unwrap();
    assert!(matches!(file.state, ResourceState::Deleted { purge_at: Some(_) }), "{file:?}");
    assert_eq!(file.tags.get("env").map(String::as_str), Some("prod"));
    assert_eq!(SealedApproval::from_tags(&file.tags), Some(Ok(approval)));
    let refused = stage.desk.remove_approval(&file).await.unwrap_err();
    assert!(matches!(refused, DeskError::Deleted { .. }) && refused.is_refusal(), "{refused}");
    stage.keeps_to_contracts();
}

#[tokio::test]
async fn a_secret_is_approved_without_its_value_being_read() {
    let stage = Stage::new().await;
    let risk = stage.sealing_key("risk").await;
    stage.data("PUT", "kv-prod.vault.azure.net", "/secrets/db", json!({"value": "hunter2", "tags": {"env": "test"}})).await;
    let secret = vault().child("secrets", "db");
    stage.approve(&secret, &mut approval("delete", "carol@contoso.example"), &risk).await;
    let tags = stage.desk.resource(&secret).await.unwrap().tags;
    assert_eq!((tags.len(), tags.get("env").map(String::as_str)), (6, Some("test")));
    let reads = |path: &str| path.starts_with("/secrets/db") && !path.starts_with("/secrets/db/versions");
    let read = stage.sandbox.exchanges().into_iter().filter(|one| one.method == "GET" && reads(&one.path_and_query)).count();
    assert_eq!(read, 0);
    stage.keeps_to_contracts();
}

#[tokio::test]
async fn a_late_approval_of_a_deleted_vault_and_its_revocation_are_in_the_ledger() {
    let stage = Stage::new().await;
    let risk = stage.sealing_key("risk").await;
    stage.ledger().await;
    stage.arm("DELETE", vault().as_str(), "2024-11-01", Value::Null).await;
    let file = stage.desk.resource(&vault()).await.unwrap();
    assert!(file.is_deleted() && file.tags.contains_key("owner"), "{file:?}");

    let mut late = approval("delete", "carol@contoso.example");
    stage.desk.seal(&risk, &mut late, &file.id, ApprovalSource::Ledger).await.unwrap();
    stage.desk.approve_in_ledger(ACCOUNT, &file.id, &late).await.unwrap();
    let at = "2026-11-30T00:00:00Z".parse().unwrap();
    let revocation = Revocation { change: late.change.clone(), by: "dave".to_owned(), at, reason: Some("still in use".to_owned()) };
    stage.desk.revoke_in_ledger(ACCOUNT, &file.id, &revocation).await.unwrap();
    let again = Revocation { by: "erin".to_owned(), ..revocation.clone() };
    stage.desk.revoke_in_ledger(ACCOUNT, &file.id, &again).await.unwrap();

    let (written, case) = stage.desk.recall(ACCOUNT, &subject_of(&file.id, "delete").unwrap()).await.unwrap();
    assert_eq!((written.approvals.as_slice(), written.revocations.as_slice()), ([late].as_slice(), [revocation].as_slice()));
    assert_eq!(case, None);
    stage.keeps_to_contracts();
}

#[tokio::test]
async fn a_subscription_and_an_account_of_a_container_bear_approvals() {
    let stage = Stage::new().await;
    let risk = stage.sealing_key("risk").await;
    stage.ledger().await;
    let account = id(&format!("Microsoft.Storage/storageAccounts/{ACCOUNT}"));
    let container = account.child("blobServices", "default").child("containers", "reprieve-ledger");
    for (named, bears, action) in
        [(vault().subscription().resource(), vault().subscription().resource(), "remove-monitoring"), (container, account, "weaken-audit")]
    {
        let mut approval = approval(action, "carol@contoso.example");
        stage.approve(&named, &mut approval, &risk).await;
        let file = stage.desk.resource(&bears).await.unwrap();
        assert_eq!(SealedApproval::from_tags(&file.tags), Some(Ok(approval)), "{named}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_as_what_it_is() {
    let stage = Stage::new().await;
    assert_eq!(stage.desk.caller().await.unwrap().approver(), "owner@contoso.example");
    let missing = stage.desk.resource(&id("Microsoft.KeyVault/vaults/kv-nowhere")).await.unwrap_err();
    assert!(matches!(missing, DeskError::NoSuchResource { .. }) && missing.is_refusal(), "{missing}");
    let missing = stage.desk.locate(&ResourceName::parse("https://kv-nowhere.vault.azure.net/keys/a").unwrap()).await.unwrap_err();
    assert!(matches!(missing, DeskError::NoSuchVault(_)), "{missing}");

    let sealing = |name: &str| SealingName::parse(&format!("https://kv-seal.vault.azure.net/keys/{name}")).unwrap();
    let missing = stage.desk.sealing_key(&sealing("nowhere"), None).await.unwrap_err();
    assert!(matches!(missing, DeskError::NoSuchKey(_)), "{missing}");
    stage.data("POST", "kv-seal.vault.azure.net", "/keys/rsa/create", json!({"kty": "RSA"})).await;
    let wrong = stage.desk.sealing_key(&sealing("rsa"), None).await.unwrap_err();
    assert!(matches!(wrong, DeskError::WrongKind { .. }) && wrong.is_refusal(), "{wrong}");

    let ledger = stage.desk.recall("stnowhere", &subject_of(&vault(), "delete").unwrap()).await.unwrap_err();
    assert!(!ledger.is_refusal() && ledger.to_string().contains("`stnowhere`"), "{ledger}");
}

#[test]
fn given_tokens_go_to_this_machine_alone() {
    let settings = DeskSettings { access_tokens: Some("a.b.c".to_owned()), ..DeskSettings::default() };
    assert!(matches!(Desk::open(&settings), Err(DeskError::TokensWithoutSandbox)));
    let elsewhere = DeskSettings { endpoint_url: Some("http://evil.example:80".to_owned()), ..settings.clone() };
    assert!(matches!(Desk::open(&elsewhere), Err(DeskError::Redirect(_))));
    assert!(!format!("{settings:?}").contains("a.b.c"));
}

#[tokio::test]
async fn without_a_token_for_an_audience_nobody_is_signed_in() {
    let settings =
        DeskSettings { client_id: None, endpoint_url: Some("http://127.0.0.1:9".to_owned()), access_tokens: Some(String::new()) };
    let error = Desk::open(&settings).unwrap().caller().await.unwrap_err();
    assert!(!error.is_refusal() && error.to_string().starts_with("no Azure credentials can be used"), "{error}");
}
