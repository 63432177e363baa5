//! An approval's whole life as a change manager lives it, by the built command against a local cloud: two approvers, a late approval,
//! and what a revocation leaves.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that goes another way must stop"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};

use reprieve_localcloud::{CallFault, LocalCloud, Options};
use serde_json::{Value, json};

const LEDGER: &str = "reprieve-ledger";

struct Walk {
    cloud: LocalCloud,
}

impl Walk {
    async fn start() -> Self {
        let walk = Self { cloud: LocalCloud::start(Options::default()).await.unwrap() };
        let attribute = |name| json!({"AttributeName": name, "AttributeType": "S"});
        let schema = |name, kind| json!({"AttributeName": name, "KeyType": kind});
        let table = json!({
            "TableName": LEDGER, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk"), attribute("sk")], "KeySchema": [schema("pk", "HASH"), schema("sk", "RANGE")],
        });
        walk.call("DynamoDB_20120810.CreateTable", &table);
        for alias in ["alias/risk", "alias/security"] {
            walk.key(alias, &json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}));
        }
        walk
    }

    /// Calls AWS with dummy credentials, as people do who are no part of this.
    fn call(&self, target: &str, input: &Value) -> Value {
        let address = self.cloud.endpoint_url().trim_start_matches("http://");
        let service = if target.starts_with("Trent") { "kms" } else { "dynamodb" };
        let body = input.to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nx-amz-target: {target}\r\ncontent-type: application/x-amz-json-1.1\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let start = answer.find('{').unwrap_or_else(|| panic!("{target}: {answer}"));
        serde_json::Deserializer::from_str(&answer[start..]).into_iter().next().unwrap().unwrap()
    }

    fn key(&self, alias: &str, input: &Value) -> String {
        let created = self.call("TrentService.CreateKey", input);
        let arn = created["KeyMetadata"]["Arn"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
        self.call("TrentService.CreateAlias", &json!({"AliasName": alias, "TargetKeyId": arn}));
        arn
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
        command.envs(self.cloud.client_environment()).env("REPRIEVE_LEDGER_TABLE", LEDGER);
        command.env_remove("REPRIEVE_APPROVAL_KEYS").env_remove("REPRIEVE_APPROVAL_KEY").args(arguments).output().unwrap()
    }

    /// Runs a verb that must do what it is asked, and returns the JSON objects that it prints.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn approvals(&self, key: &str) -> Vec<(String, String)> {
        let listed = self.json(&["approvals", key, "--approval-key", "alias/risk", "--approval-key", "alias/security"]);
        let text = |listed: &Value, name: &str| listed[name].as_str().unwrap_or_default().to_owned();
        listed.iter().map(|listed| (text(listed, "approver"), text(listed, "state"))).collect()
    }
}

fn pair(approver: &str, state: &str) -> (String, String) {
    (approver.to_owned(), state.to_owned())
}

/// One cloud serves all steps: starting one takes seconds.
#[tokio::test]
async fn an_approval_is_given_by_two_and_revoked_and_given_late() {
    let walk = Walk::start().await;
    two_approve_a_production_key(&walk);
    a_pending_key_is_approved_late_and_revoked(&walk);
    a_key_that_cannot_be_read_is_revoked_all_the_same(&walk);
    walk.cloud.stop();
}

fn two_approve_a_production_key(walk: &Walk) {
    let key = walk.key("alias/invoices", &json!({"Tags": [{"TagKey": "env", "TagValue": "prod"}]}));
    let approve = |more: &[&'static str]| {
        let usual = ["approve", "alias/invoices", "--action", "delete", "--change", "CHG-1", "--approver", "carol@example.com"];
        [usual.as_slice(), &["--approval-key", "alias/risk", "--window"], more].concat()
    };
    let refusal = walk.refusal(&approve(&["15d from 2126-12-01T22:00+01:00"]));
    assert!(refusal.contains("window-is-not-too-long"), "{refusal}");
    walk.json(&approve(&["2h from 2126-12-01T22:00+01:00", "--dry-run"]));
    assert_eq!(walk.approvals(&key), [], "a dry run writes nothing");

    let first = walk.json(&approve(&["2h from 2126-12-01T22:00+01:00"])).remove(0);
    assert_eq!((&first["source"], &first["key"], &first["is_second_approval"]), (&json!("sealed-tags"), &json!(key), &json!(false)));
    walk.json(&approve(&["3h from 2126-12-01T22:00+01:00", "--dry-run"]));
    // The very command that was printed, as somebody else with another approval key.
    let command = first["remains"][0]["command"].as_str().unwrap().replace("alias/OTHER-APPROVERS", "alias/security");
    let words: Vec<&str> = command.split(' ').skip(1).chain(["--approver", "dave@example.com"]).collect();
    let second = walk.json(&words).remove(0);
    assert_eq!(second["is_second_approval"], json!(true), "{second}");
    assert_eq!(second["remains"].as_array().map(Vec::len), Some(1), "no third approver is asked for: {second}");
    assert_eq!(walk.approvals(&key), [pair("carol@example.com", "opens"), pair("dave@example.com", "opens")]);

    // In another window it takes the place of both, so that neither counts.
    let usual = ["approve", "alias/invoices", "--action", "delete", "--change", "CHG-1", "--approver", "erin@example.com"];
    let elsewhen = ["--approval-key", "alias/security", "--window", "3h from 2126-12-01T22:00+01:00", "--dry-run"];
    let refusal = walk.refusal(&[usual.as_slice(), &elsewhen].concat());
    let stands = "`alias/invoices` carries change `CHG-1` (delete, 2126-12-01 21:00 to 23:00 UTC), \
                  approved by carol@example.com and dave@example.com, which still holds";
    assert!(refusal.contains(stands), "{refusal}");
    let third = walk.json(&[usual.as_slice(), &elsewhen, &["--replace"]].concat()).remove(0);
    assert!(third["remains"].to_string().contains("Somebody else must approve too"), "{third}");
    let warning = "it takes the place of the approval by carol@example.com; to approve beside it, give its window, 2126-12-01T21:00:00Z/";
    assert!(third["warnings"].to_string().contains(warning), "{third}");

    let revoked = walk.json(&["revoke", "alias/invoices", "--change", "CHG-1", "--reason", "still in use"]).remove(0);
    assert_eq!((&revoked["tags"]["state"], &revoked["approval_found"]), (&json!("removed"), &json!(true)));
    assert_eq!(walk.approvals(&key), []);
    let refusal = walk.refusal(&approve(&["2h from 2126-12-01T22:00+01:00"]));
    assert!(refusal.contains("was revoked by arn:aws:iam::111122223333:root") && refusal.contains("still in use"), "{refusal}");
}

fn a_pending_key_is_approved_late_and_revoked(walk: &Walk) {
    let key = walk.key("alias/payments", &json!({}));
    walk.call("TrentService.ScheduleKeyDeletion", &json!({"KeyId": key, "PendingWindowInDays": 7}));
    let now = jiff::Timestamp::now();
    let window = format!("{}/PT2H", now - jiff::SignedDuration::from_mins(10));
    let approve = [
        "approve",
        &key,
        "--action",
        "delete",
        "--change",
        "CHG-2",
        "--window",
        &window,
        "--approver",
        "carol",
        "--approval-key",
        "alias/risk",
    ];
    let refusal = walk.refusal(&approve);
    assert!(refusal.contains("with --late"), "{refusal}");
    let late = walk.json(&[approve.as_slice(), &["--late"]].concat()).remove(0);
    assert_eq!(late["source"], json!("ledger"));
    assert_eq!(walk.approvals(&key), [pair("carol", "valid_now")]);

    let revoked = walk.json(&["revoke", &key, "--change", "CHG-2"]).remove(0);
    assert!(revoked["next"].as_str().is_some_and(|next| next.contains("the next sweep takes the pending deletion back")), "{revoked}");
    assert_eq!(walk.approvals(&key), [pair("carol", "revoked")]);
}

fn a_key_that_cannot_be_read_is_revoked_all_the_same(walk: &Walk) {
    let key = walk.key("alias/locked", &json!({}));
    let approve = ["approve", &key, "--action", "delete", "--change", "CHG-3", "--approver", "carol", "--approval-key", "alias/risk"];
    walk.json(&[approve.as_slice(), &["--window", "2h from 2126-12-01T22:00+01:00"]].concat());

    let deny = |call: &str| walk.cloud.inject(CallFault::refuse("kms", call, 400, "AccessDeniedException"));
    deny("DescribeKey");
    let by_alias = walk.run(&["revoke", "alias/locked", "--change", "CHG-3"]);
    let error = String::from_utf8_lossy(&by_alias.stderr).into_owned();
    assert_eq!(by_alias.status.code(), Some(1), "an alias does not say which key is meant: {error}");
    assert_eq!(walk.approvals(&key), [pair("carol", "opens")]);

    deny("ListResourceTags");
    let revoked = walk.json(&["revoke", &key, "--change", "CHG-3"]).remove(0);
    assert_eq!((&revoked["key"], &revoked["tags"]["state"]), (&json!(key), &json!("failed")), "{revoked}");
    let why = revoked["tags"]["why"].as_str().unwrap_or_default();
    assert!(why.starts_with("kms:ListResourceTags: you are not allowed to"), "{revoked}");
    assert_eq!(walk.approvals(&key), [pair("carol", "revoked")]);

    let (keys, _) = key.rsplit_once('/').unwrap();
    let refusal = walk.refusal(&["revoke", &format!("{keys}/00000000-0000-4000-8000-000000000000"), "--change", "CHG-3"]);
    assert!(refusal.contains("there is no key"), "{refusal}");
}
