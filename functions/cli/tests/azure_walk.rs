//! An approval's whole life in Azure as a change manager lives it, by the built command against the Azure sandbox: two approvers, a late
//! approval, and what a revocation leaves; and what is refused before any call.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test that goes another way must stop")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};

use reprieve_azure_sandbox::{Options, Principal, PrincipalKind, Sandbox};
use serde_json::{Value, json};

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
const ARM: &str = "https://management.azure.com";
const KEYS: &str = "https://vault.azure.net";
const RISK: &str = "https://kv-seal.vault.azure.net/keys/risk";
const SECURITY: &str = "https://kv-seal.vault.azure.net/keys/security";
const WINDOW: [&str; 2] = ["--window", "1d from 2126-12-01T00:00Z"];

/// Variables that the machine may have set.
const OURS: [&str; 8] = [
    "REPRIEVE_APPROVAL_KEY",
    "REPRIEVE_APPROVAL_KEYS",
    "REPRIEVE_LEDGER_TABLE",
    "REPRIEVE_AZURE_STORAGE_ACCOUNT",
    "REPRIEVE_AZURE_CLIENT_ID",
    "REPRIEVE_AZURE_ENDPOINT_URL",
    "REPRIEVE_AZURE_ACCESS_TOKENS",
    "CLICOLOR_FORCE",
];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    for name in OURS {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

struct Walk {
    sandbox: Sandbox,
}

impl Walk {
    async fn start() -> Self {
        let walk = Self { sandbox: Sandbox::start(Options::default()).await.unwrap() };
        let tenant_id = walk.sandbox.tenant().tenant_id.clone();
        let here = json!({"location": "westeurope"});
        walk.arm("PUT", GROUP, "2021-04-01", &here);
        for name in ["kv-prod", "kv-seal"] {
            let body = json!({"location": "westeurope", "properties": {
                "tenantId": tenant_id, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": true,
            }});
            walk.arm("PUT", &format!("{GROUP}/providers/Microsoft.KeyVault/vaults/{name}"), "2024-11-01", &body);
        }
        for name in ["risk", "security"] {
            let body = json!({"kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"]});
            walk.call("POST", "kv-seal.vault.azure.net", KEYS, &format!("/keys/{name}/create?api-version=7.5"), &body);
        }
        let account = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/streprieve");
        let body = json!({"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}});
        walk.arm("PUT", &account, "2024-01-01", &body);
        let container = format!("{account}/blobServices/default/containers/reprieve-ledger");
        walk.arm("PUT", &container, "2024-01-01", &json!({"properties": {}}));
        walk
    }

    fn arm(&self, method: &str, path: &str, version: &str, body: &Value) {
        self.call(method, "management.azure.com", ARM, &format!("{path}?api-version={version}"), body);
    }

    /// Calls Azure as the owner, as people do who are no part of this.
    fn call(&self, method: &str, host: &str, audience: &str, path: &str, body: &Value) {
        let (address, token) = (self.sandbox.http_url(), self.sandbox.owner().token(audience));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    }

    /// An approver: may read and tag everything, use vaults' content and the approval keys, and write into the ledger.
    fn person(&self, name: &str) -> Principal {
        let person = self.sandbox.principal(PrincipalKind::User, name);
        let subscription = GROUP.split("/resourceGroups").next().unwrap();
        // Reader, Tag Contributor, Key Vault Crypto Officer, Storage Blob Data Contributor.
        let roles = [
            "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "4a9ae827-6dc8-4573-8ac7-8239d42aa03f",
            "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
            "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        ];
        for (index, role) in roles.into_iter().enumerate() {
            let definition = format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
            let body = json!({"properties": {"roleDefinitionId": definition, "principalId": person.object_id(), "principalType": "User"}});
            let id = format!("{index}{}", &person.object_id()[1..]);
            self.arm("PUT", &format!("{subscription}/providers/Microsoft.Authorization/roleAssignments/{id}"), "2022-04-01", &body);
        }
        person
    }

    /// Makes a key of production, and returns its id.
    fn make_prod_key(&self, name: &str) -> String {
        let create = json!({"kty": "RSA", "tags": {"env": "prod"}});
        self.call("POST", "kv-prod.vault.azure.net", KEYS, &format!("/keys/{name}/create?api-version=7.5"), &create);
        format!("https://kv-prod.vault.azure.net/keys/{name}")
    }

    fn run(&self, person: &Principal, arguments: &[&str]) -> Output {
        let tokens = [ARM, KEYS, "https://storage.azure.com"].map(|audience| person.token(audience)).join(",");
        let mut command = command(arguments);
        command.env("REPRIEVE_AZURE_ENDPOINT_URL", self.sandbox.http_url()).env("REPRIEVE_AZURE_ACCESS_TOKENS", tokens);
        command.env("REPRIEVE_AZURE_STORAGE_ACCOUNT", "streprieve").output().unwrap()
    }

    /// Runs a verb that must do what it is asked, and returns what it prints.
    fn text(&self, person: &Principal, arguments: &[&str]) -> String {
        let output = self.run(person, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, person: &Principal, arguments: &[&str]) -> Vec<Value> {
        let printed = self.text(person, &[arguments, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn refusal(&self, person: &Principal, arguments: &[&str]) -> String {
        let output = self.run(person, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn approvals(&self, person: &Principal, resource: &str) -> Vec<(String, String)> {
        // The environment may name a key of the other cloud beside them.
        let keys = ["--approval-key", RISK, "--approval-key", SECURITY, "--approval-key", "alias/risk"];
        let listed = self.json(person, &[["approvals", resource].as_slice(), &keys].concat());
        let text = |listed: &Value, name: &str| listed[name].as_str().unwrap_or_default().to_owned();
        listed.iter().map(|listed| (text(listed, "approver"), text(listed, "state"))).collect()
    }
}

fn approve_deletion<'a>(key: &'a str, seal: &'a str) -> Vec<&'a str> {
    [&["approve", key, "--action", "delete", "--change", "CHG-7", "--approval-key", seal], WINDOW.as_slice()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_approve_a_production_key_and_one_of_them_revokes_it() {
    let walk = Walk::start().await;
    let (carol, dave) = (walk.person("carol"), walk.person("dave"));
    let key = &walk.make_prod_key("invoices");
    let approve = |seal| approve_deletion(key, seal);

    let first = &walk.json(&carol, &approve(RISK))[0];
    assert_eq!(first["resource"], format!("{VAULT}/keys/invoices"));
    assert_eq!((&first["approver"], &first["is_second_approval"]), (&json!("carol@contoso.example"), &json!(false)));
    assert!(
        first["remains"][0]["command"].as_str().unwrap().contains("--approval-key https://OTHER-VAULT.vault.azure.net/keys/"),
        "{first}"
    );
    as_an_object_id_he_counts_for_nobody_else(&walk, &dave, &approve(SECURITY));
    let second = walk.text(&dave, &approve(SECURITY));
    for line in [
        "APPROVED  CHG-7: delete invoices",
        "as the second approval beside that of carol@contoso.example",
        "az keyvault key delete --vault-name kv-prod --name invoices",
    ] {
        assert!(second.contains(line), "{second}");
    }
    let both = ["carol@contoso.example", "dave@contoso.example"];
    assert_eq!(walk.approvals(&dave, key), both.map(|name| (name.to_owned(), "opens".to_owned())));

    let another =
        [&["approve", key, "--action", "delete", "--change", "CHG-8", "--approval-key", SECURITY, "--dry-run"], WINDOW.as_slice()].concat();
    let refused = walk.refusal(&dave, &another);
    let stands = "`invoices` carries change `CHG-7` (delete, 2126-12-01 00:00 to 2126-12-02 00:00 UTC), \
                  approved by carol@contoso.example and dave@contoso.example, which still holds";
    assert!(refused.contains(stands), "{refused}");
    let replacing = &walk.json(&dave, &[another.as_slice(), &["--replace"]].concat())[0];
    assert!(replacing["warnings"].to_string().contains("it takes the place of change CHG-7"), "{replacing}");

    let revoked = &walk.json(&dave, &["revoke", key, "--change", "CHG-7", "--reason", "still in use"])[0];
    assert_eq!((&revoked["tags"]["state"], &revoked["by"]), (&json!("removed"), &json!("dave@contoso.example")));
    assert_eq!(walk.approvals(&dave, key), []);
    let again = walk.refusal(&carol, &approve(RISK));
    assert!(again.contains("change `CHG-7` was revoked by dave@contoso.example"), "{again}");
}

/// Beside a principal name, an object id may be the same person's.
fn as_an_object_id_he_counts_for_nobody_else(walk: &Walk, dave: &Principal, approve: &[&str]) {
    const HINT: &str = "so approve with the same kind of name (--approver): two principal names, or `object:ID` twice";
    let object = format!("object:{}", dave.object_id());
    let approve = [approve, &["--approver", &object]].concat();
    let refused = walk.refusal(dave, &approve);
    let stands =
        "approved by carol@contoso.example, which still holds, and this approval would take its place; nothing in how they are named";
    assert!(refused.contains(stands) && refused.contains(HINT), "{refused}");
    let late = walk.text(dave, &[approve.as_slice(), &["--late", "--dry-run", "--json"]].concat());
    let warned = "`carol@contoso.example` approved it too, and the two count as one: nothing in how they are named";
    assert!(late.contains(warned) && late.contains(HINT), "{late}");
    assert!(late.contains(" --approver object:OTHER-ID "), "whoever approves beside him does it by id too: {late}");
    // The very command that was printed names nobody yet, and so does not make a second approver.
    let late: Value = serde_json::from_str(&late).unwrap();
    let remains = late.get("remains").and_then(Value::as_array).unwrap();
    let command = remains.iter().find_map(|remaining| remaining.get("command")?.as_str()).unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let refused = walk.refusal(dave, &words);
    assert!(refused.contains("`object:OTHER-ID` is no value of `--approver <NAME>`: behind `object:` stands an id"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_approved_by_another_name_approves_again_by_object_id_and_the_second_stands_beside() {
    let walk = Walk::start().await;
    let (carol, dave) = (walk.person("carol"), walk.person("dave"));
    let key = &walk.make_prod_key("orders");
    let approve = |seal| approve_deletion(key, seal);
    let ids = [&carol, &dave].map(|person| format!("object:{}", person.object_id()));
    let [as_carol, as_dave] = ids.each_ref().map(|id| ["--approver", id.as_str()]);

    walk.text(&carol, &approve(RISK));
    let by_id = [approve(RISK).as_slice(), &as_carol].concat();
    let refused = walk.refusal(&carol, &by_id);
    assert!(refused.contains("would take its place; if it is your own under another name, give --replace"), "{refused}");
    walk.text(&carol, &[by_id.as_slice(), &["--replace"]].concat());
    let second = &walk.json(&dave, &[approve(SECURITY).as_slice(), &as_dave].concat())[0];
    assert_eq!(second["is_second_approval"], json!(true), "{second}");
    assert_eq!(walk.approvals(&carol, key), ids.map(|id| (id, "opens".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_approved_late_in_the_ledger() {
    let walk = Walk::start().await;
    let carol = walk.person("carol");
    walk.arm("DELETE", VAULT, "2024-11-01", &Value::Null);
    let window = ["--window", "2026-01-01T00:00:00Z/2126-01-01T00:00:00Z"];
    // Longer than the shipped policy lets a window be.
    let too_long =
        [&["approve", VAULT, "--action", "delete", "--change", "CHG-8", "--approval-key", RISK, "--late"], window.as_slice()].concat();
    let refused = walk.refusal(&carol, &too_long);
    assert!(refused.contains("window-is-not-too-long"), "{refused}");

    let approve = [&["approve", VAULT, "--action", "delete", "--change", "CHG-8", "--approval-key", RISK], WINDOW.as_slice()].concat();
    let refused = walk.refusal(&carol, &approve);
    assert!(
        refused.contains("`kv-prod` is deleted, and cannot be tagged until it is recovered: approve in the ledger, with --late"),
        "{refused}"
    );
    let late = walk.text(&carol, &[approve.as_slice(), &["--late"]].concat());
    assert!(late.contains("into the ledger streprieve"), "{late}");
    let listed = walk.text(&carol, &["approvals", VAULT, "--approval-key", RISK]);
    assert!(listed.contains("deleted vault, purged from") && listed.contains("ledger  opens in"), "{listed}");

    let revoked = walk.text(&carol, &["revoke", VAULT, "--change", "CHG-8"]);
    assert!(revoked.contains("the next sweep recovers it"), "{revoked}");
    assert_eq!(walk.approvals(&carol, VAULT), [("carol@contoso.example".to_owned(), "revoked".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_key_is_printed_as_the_functions_are_configured_with_it() {
    let walk = Walk::start().await;
    let carol = walk.person("carol");
    let printed = &walk.json(&carol, &["approval-key", RISK])[0];
    let (id, url) = (printed["id"].as_str().unwrap(), printed["url"].as_str().unwrap());
    assert_eq!(url, format!("{RISK}/{id}"));
    let named = walk.text(&carol, &["approval-key", url, "--key-id", "risk-2026"]);
    assert_eq!(named.trim_end(), printed["entry"].as_str().unwrap().replacen(id, "risk-2026", 1));

    // Nobody who may not sign seals, whatever else they may.
    let mallory = walk.sandbox.principal(PrincipalKind::User, "mallory");
    let denied = walk.run(&mallory, &["approval-key", RISK]);
    assert_eq!(denied.status.code(), Some(1), "{}", String::from_utf8_lossy(&denied.stderr));
}

#[test]
fn what_cannot_be_approved_is_refused_before_any_call() {
    let usual = |more: &[&'static str]| [&["approve", VAULT, "--change", "CHG-1"], WINDOW.as_slice(), more].concat();
    for (arguments, reason) in [
        (usual(&["--action", "delete"]), "no approval key is named: give --approval-key https://NAME.vault.azure.net/keys/KEY"),
        (usual(&["--action", "delete", "--approval-key", "alias/risk"]), "`alias/risk` is in KMS, and a resource in Azure is approved"),
        (
            usual(&["--action", "delete", "--approval-key", RISK, "--late"]),
            "a late approval goes into the ledger: give --ledger-account, or set REPRIEVE_AZURE_STORAGE_ACCOUNT",
        ),
        (
            [&["approve", "alias/x", "--action", "weaken-vault", "--change", "C", "--approval-key", "alias/y"], WINDOW.as_slice()].concat(),
            "`weaken-vault` is nothing that is done to a KMS key",
        ),
        (
            [&["approve", "alias/x", "--action", "delete", "--change", "C", "--approval-key", RISK], WINDOW.as_slice()].concat(),
            "is in Key Vault, and a KMS key is approved under a key in KMS",
        ),
        (vec!["approvals", "https://evil.example/keys/a"], "`https://evil.example/keys/a` is no resource: give its id"),
        (vec!["approval-key", "https://kv.vault.azure.net/secrets/a"], "is no key in Key Vault: give its URL"),
        (vec!["revoke", VAULT, "--change", "C"], "a revocation is written into the ledger: give --ledger-account"),
    ] {
        let output = command(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()), "{arguments:?}");
    }
}

#[test]
fn tokens_that_are_given_never_leave_the_machine() {
    for (endpoint, reason) in [
        ("", "only together with REPRIEVE_AZURE_ENDPOINT_URL"),
        ("https://management.azure.com", "is no URL such as `http://127.0.0.1:8080`"),
        ("http://evil.example:80", "is not on this machine"),
    ] {
        let mut command = command(&["approvals", VAULT]);
        let output = command.env("REPRIEVE_AZURE_ENDPOINT_URL", endpoint).env("REPRIEVE_AZURE_ACCESS_TOKENS", "a.b.c").output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(reason) && !error.contains("a.b.c"), "{endpoint}: {error}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn missing_credentials_are_the_clouds_fault_and_said_in_a_sentence() {
    let mut command = command(&["approval-key", RISK]);
    let output =
        command.env("REPRIEVE_AZURE_ENDPOINT_URL", "http://127.0.0.1:9").env("REPRIEVE_AZURE_ACCESS_TOKENS", "none").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("reprieve: no Azure credentials can be used (sign in with `az login`"), "{error}");
}
