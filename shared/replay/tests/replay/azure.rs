//! Histories of keys and vaults in Azure.

use reprieve_replay::story::{StoryCollector, What, tell};
use reprieve_replay::{Answer, Collector, Rules, Verdict, judge};
use serde_json::{Value, json};

use crate::scene::told;

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

fn vault() -> String {
    format!("{SUBSCRIPTION}/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/kv-logs")
}

fn claims() -> Value {
    json!({ "claim": { "oid": "00000000-0000-0000-0000-00000000000a", "upn": "mallory@example.com", "appid": "00000000-0000-0000-0000-00000000000b" } })
}

/// An entry of a vault's log about the key `orders`.
fn on_key(operation: &str, time: &str, properties: &Value) -> Value {
    let mut all = json!({ "id": "https://kv-logs.vault.azure.net/keys/orders", "requestUri": "https://kv-logs.vault.azure.net/keys/orders?api-version=7.4", "httpStatusCode": 200 });
    if let (Some(all), Some(more)) = (all.as_object_mut(), properties.as_object()) {
        all.extend(more.clone());
    }
    json!({
        "time": format!("2026-11-20T{time}.0000000Z"),
        "category": "AuditEvent",
        "operationName": operation,
        "resultType": "Success",
        "correlationId": format!("{operation}-{}", time.replace(':', "")),
        "identity": claims(),
        "properties": all,
        "resourceId": vault().to_uppercase(),
    })
}

fn on_vault(operation: &str, time: &str, result: &str) -> Value {
    json!({
        "time": format!("2026-11-20T{time}.0000000Z"),
        "category": "Administrative",
        "operationName": operation.to_uppercase(),
        "resultType": result,
        "resultSignature": "Succeeded.",
        "correlationId": format!("vault-{}", time.replace(':', "")),
        "eventDataId": format!("vault-{}", time.replace(':', "")),
        "identity": { "claims": { "http://schemas.microsoft.com/identity/claims/objectidentifier": "00000000-0000-0000-0000-00000000000a" } },
        "resourceId": vault().to_uppercase(),
    })
}

fn judged(records: &[Value]) -> Answer {
    let collector = Collector::default();
    collector.read("log.json", json!({ "records": records }).to_string().as_bytes());
    let answer = judge(&collector.finish(), &Rules::shipped());
    assert_eq!(answer.problems, []);
    answer
}

#[test]
fn a_deleted_key_would_have_been_recovered() {
    let answer = judged(&[on_key("KeyDelete", "10:00:00", &json!({})), on_key("KeyRecover", "11:00:00", &json!({}))]);
    assert_eq!(told(&answer), ["KeyDelete: would_restore [RecoverObject], undone with KeyRecover after 3600, usable after 3600"]);
    assert_eq!(answer.keys.first().and_then(|key| key.state.as_deref()), Some("Enabled"));
}

#[test]
fn a_purged_key_is_lost() {
    let answer = judged(&[on_key("KeyDelete", "10:00:00", &json!({})), on_key("KeyPurge", "11:00:00", &json!({}))]);
    assert_eq!(told(&answer), ["KeyDelete: would_restore [RecoverObject], lost after 3600", "KeyPurge: would_escalate, lost after 0"]);
}

#[test]
fn a_disabled_key_would_have_been_enabled() {
    let attributes = |enabled: bool| json!({ "keyProperties": { "attributes": { "enabled": enabled } } });
    let answer = judged(&[on_key("KeyUpdate", "10:00:00", &attributes(false)), on_key("KeyUpdate", "10:30:00", &attributes(true))]);
    assert_eq!(told(&answer), ["KeyUpdate: would_restore [EnableVaultKey], undone with KeyUpdate after 1800, usable after 1800"]);
}

#[test]
fn a_deleted_vault_would_have_been_recovered() {
    let answer = judged(&[on_vault("Microsoft.KeyVault/vaults/delete", "10:00:00", "Success")]);
    assert_eq!(answer.decisions.iter().map(|decided| decided.verdict).collect::<Vec<_>>(), [Verdict::WouldRestore]);
    let assumed: Vec<&String> = answer.decisions.iter().flat_map(|decided| &decided.assumed).collect();
    assert!(assumed.iter().any(|sentence| sentence.starts_with("What Azure keeps of the resource itself")), "{assumed:?}");
}

#[test]
fn a_call_that_is_logged_as_begun_and_as_done_is_one_act() {
    let done = on_vault("Microsoft.KeyVault/vaults/delete", "10:00:05", "Success");
    for word in ["Start", "Started", "ACCEPT", "Accepted", "In Progress", "InProgress"] {
        let begun = on_vault("Microsoft.KeyVault/vaults/delete", "10:00:00", word);
        let mut listed = begun.clone();
        let fields = listed.as_object_mut().unwrap();
        fields.remove("resultType");
        fields.insert("status".to_owned(), json!({ "value": word, "localizedValue": "Begonnen" }));
        for begun in [begun, listed] {
            let answer = judged(&[begun, done.clone()]);
            assert_eq!(answer.decisions.iter().map(|decided| decided.event.as_str()).collect::<Vec<_>>(), ["vault-100005"], "{word}");
            assert_eq!(answer.acts.values().sum::<u64>(), 1, "{word}");
        }
    }
}

#[test]
fn a_call_that_began_and_failed_is_refused_and_no_danger() {
    let begun = on_vault("Microsoft.KeyVault/vaults/delete", "10:00:00", "Start");
    let failed = on_vault("Microsoft.KeyVault/vaults/delete", "10:00:05", "Failure");
    let later = on_vault("Microsoft.KeyVault/vaults/write", "12:00:00", "Success");
    let answer = judged(&[begun, failed, later]);
    let of_deletion = answer.decisions.iter().filter(|decided| decided.call.ends_with("DELETE"));
    assert_eq!(of_deletion.map(|decided| decided.verdict).collect::<Vec<_>>(), [Verdict::Refused]);
    assert_eq!(answer.kpis.seconds_in_danger, 0);
}

#[test]
fn what_only_began_is_kept_where_it_takes_nothing_away() {
    let answer = judged(&[on_vault("Microsoft.KeyVault/vaults/write", "10:00:00", "Start")]);
    assert_eq!(answer.acts.values().sum::<u64>(), 1, "a vault may be recovered by it");
}

#[test]
fn a_story_tells_that_a_deletion_began_and_decides_on_its_end() {
    let collector = StoryCollector::new("kv-logs");
    let records =
        [("10:00:00", "Start"), ("10:00:05", "Success")].map(|(time, result)| on_vault("Microsoft.KeyVault/vaults/delete", time, result));
    collector.read("log.json", json!({ "records": records }).to_string().as_bytes());
    let story = tell(&collector.finish(), &Rules::shipped());
    let decided = story.chapters.iter().map(|chapter| matches!(&chapter.what, What::Act { decision: Some(_), .. }));
    assert_eq!(decided.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn of_a_vault_that_was_written_only_the_vault_tells_what_is_wrong() {
    let answer = judged(&[on_vault("Microsoft.KeyVault/vaults/write", "10:00:00", "Success")]);
    assert_eq!(told(&answer), ["MICROSOFT.KEYVAULT/VAULTS/WRITE: recorded, nothing"]);
    let why = answer.decisions.first().map(|decided| decided.why.clone()).unwrap_or_default();
    assert!(why.contains("would have looked at the protection of vault"), "{why}");
}
