//! `reprieve explain` on events of Azure, as its users run it: what would be looked at, and what is decided where facts are given.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";

fn explain(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.args(["explain", "-", "--now", "2026-11-20T11:00:00Z"]).args(arguments).env_remove("CLICOLOR_FORCE");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn shown(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is shown, without its line breaks.
fn words(output: &Output) -> String {
    shown(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn activity(operation: &str, status: &str, resource: &str) -> Value {
    json!({
        "caller": "mallory@contoso.example", "correlationId": "c0000000-0000-0000-0000-000000000001",
        "eventDataId": "e0000000-0000-0000-0000-000000000001", "eventTimestamp": "2026-11-20T10:00:00Z",
        "operationName": {"value": operation, "localizedValue": operation}, "resourceId": resource,
        "status": {"value": status, "localizedValue": status}, "subStatus": {"value": "", "localizedValue": ""},
        "claims": {
            "http://schemas.microsoft.com/identity/claims/objectidentifier": "0000000e-0000-0000-0000-000000000000",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "mallory@contoso.example",
        },
    })
}

fn deleted_vault() -> Value {
    json!({"world": {"aspect": "vault", "vault": "absent", "companions": "absent", "deleted": {"is": {
        "id": VAULT, "location": "westeurope", "tags": {}, "deleted_at": "2026-11-20T10:00:00Z",
        "purge_at": "2027-02-18T10:00:00Z", "purge_protection": true,
    }}}})
}

fn facts(value: &Value) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(value.to_string().as_bytes()).unwrap();
    file
}

#[test]
fn without_facts_it_says_which_function_would_look_at_what() {
    let event = activity("Microsoft.KeyVault/vaults/delete", "Succeeded", VAULT);
    let text = words(&explain(&[], &json!([event]).to_string()));
    for part in
        ["LOOK", "mallory@contoso.example", "succeeded", "RecoverVault: vault kv-prod", "EncryptActivityLogs: everything", "--facts"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let line: Value = serde_json::from_str(&shown(&explain(&["--json"], &event.to_string()))).unwrap();
    assert_eq!(line["looks"][0], json!({"function": "RecoverVault", "subject": format!("vault:{}", VAULT.to_lowercase())}));
    assert_eq!((&line["decisions"], &line["actor"], &line["resource"]), (&json!([]), &json!("mallory@contoso.example"), &json!(VAULT)));
}

#[test]
fn with_facts_it_decides_as_the_function_would() {
    let event = activity("Microsoft.KeyVault/vaults/delete", "Succeeded", VAULT);
    let one = facts(&deleted_vault());
    let text = words(&explain(&["--facts", one.path().to_str().unwrap()], &event.to_string()));
    for part in ["REMEDY", "vault kv-prod", "no approval covers it", "RecoverVault", "2027-02-18"] {
        assert!(text.replace('`', "").contains(part), "{part}: {text}");
    }
    // The same facts, by subject, in the letters in which a person may write them; and a sandbox, in which everything passes.
    let by_subject = facts(&json!({format!("vault:{VAULT}"): deleted_vault()}));
    let sandbox = ["--sandbox-subscription", "00000000-0000-0000-0000-000000000000"];
    let arguments = [["--facts", by_subject.path().to_str().unwrap()].as_slice(), &sandbox, &["--json"]].concat();
    let line: Value = serde_json::from_str(&shown(&explain(&arguments, &event.to_string()))).unwrap();
    assert_eq!((&line["decisions"][0]["decision"], &line["decisions"][0]["policies"]), (&json!("stand"), &json!(["sandbox-accounts"])));
}

#[test]
fn facts_of_another_aspect_decide_nothing() {
    let event = activity("Microsoft.KeyVault/vaults/write", "Succeeded", VAULT);
    let facts = facts(&deleted_vault());
    let text = words(&explain(&["--facts", facts.path().to_str().unwrap()], &event.to_string()));
    assert!(text.contains("LOOK") && text.contains("RestoreSoftDelete: the protection of vault kv-prod"), "{text}");
}

#[test]
fn a_refused_call_is_recorded_without_any_facts() {
    let mut event = activity("Microsoft.KeyVault/vaults/delete", "Failed", VAULT);
    event["subStatus"] = json!({"value": "Forbidden", "localizedValue": "Forbidden (HTTP Status Code: 403)"});
    let text = words(&explain(&[], &event.to_string()));
    assert!(text.contains("STAND") && text.contains("was refused"), "{text}");
}

#[test]
fn a_file_of_lines_goes_on_after_one_that_is_no_json() {
    let looked = activity("Microsoft.KeyVault/vaults/delete", "Succeeded", VAULT);
    let other = activity(
        "Microsoft.Compute/virtualMachines/write",
        "Succeeded",
        "/subscriptions/a/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm",
    );
    let output = explain(&[], &format!("{other}\n{{broken\n{looked}\n"));
    assert_eq!(output.status.code(), Some(2));
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("No function looks at anything for it") && text.contains("LOOK"), "{text}");
    assert!(text.contains("3 events: 0 remedy, 0 escalate, 1 stand, 1 to be looked at, 1 not understood"), "{text}");
    assert!(error.contains("standard input, line 2: "), "{error}");
}
