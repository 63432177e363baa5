//! What the command prints about logs that are full of secrets: none of them, in any form.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use reprieve_test_support::marked::{azure_items, cloudtrail_record, google_entry, shown};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const VAULT: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
const VERSION: &str = "projects/prod/locations/europe-west3/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";

/// Runs the command, and returns all that it prints.
fn printed(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Where it takes no input it does not wait for any.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn shows_no_secret(what: &str, said: &str) {
    assert_eq!(shown(said), Vec::<&str>::new(), "{what}");
}

/// Threat O2
#[test]
fn an_explanation_shows_no_secret() {
    for call in ["ScheduleKeyDeletion", "DisableKey", "ImportKeyMaterial", "Decrypt", "TagResource"] {
        let record = cloudtrail_record(call, KEY).to_string();
        for form in [vec!["explain", "-"], vec!["explain", "-", "--json"]] {
            let said = printed(&form, &record);
            assert!(said.contains(call), "{said}");
            shows_no_secret(call, &said);
        }
    }
    for item in azure_items(VAULT) {
        let said = printed(&["explain", "-"], &item.to_string());
        assert!(said.contains("kv-prod"), "{said}");
        shows_no_secret("Azure", &said);
    }
}

/// Threat B9
#[test]
fn what_is_recorded_of_a_log_shows_no_secret_in_any_form() {
    let calls = ["ScheduleKeyDeletion", "Decrypt", "GenerateDataKey", "ImportKeyMaterial", "Sign"].map(|call| cloudtrail_record(call, KEY));
    let google = ["DestroyCryptoKeyVersion", "Decrypt"].map(|method| google_entry(method, VERSION));
    let lines: Vec<String> = calls.iter().chain(&google).chain(&azure_items(VAULT)).map(ToString::to_string).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    for format in ["ocsf", "ecs", "csv"] {
        let said = printed(&["record", "--format", format, file], "");
        assert!(said.contains("ScheduleKeyDeletion") && said.contains("DestroyCryptoKeyVersion"), "{said}");
        shows_no_secret(format, &said);
    }
    let said = printed(&["replay", file], "");
    assert!(!said.is_empty());
    shows_no_secret("replay", &said);
}
