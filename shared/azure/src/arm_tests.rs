//! The client of Resource Manager against scripted answers: pages, operations, throttling, and what it refuses to ask.

use serde_json::json;

use super::*;
use crate::scripted::{Scripted, ScriptedHttp, empty, json as answer, refused};

const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
const VERSION: &str = "2024-11-01";
const VAULT_URL: &str =
    "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv?api-version=2024-11-01";
const OPERATION: &str = "https://management.azure.com/subscriptions/s/operations/1?api-version=2024-11-01&t=secret";

fn client(answers: impl IntoIterator<Item = Scripted>) -> (ArmClient, Arc<ScriptedHttp>) {
    let http = ScriptedHttp::playing(answers);
    (ArmClient::new(&http.connection()), http)
}

async fn patch(client: &ArmClient) -> Result<Value, CallError> {
    client.patch(VAULT, VERSION, &json!({"properties": {"enableSoftDelete": true}}), Condition::Always).await
}

#[tokio::test]
async fn a_resource_is_read_with_a_token_of_resource_manager() {
    let (client, http) = client([answer(200, &json!({"id": VAULT})).with("etag", "\"1\"")]);
    let read = client.read(VAULT, VERSION).await.unwrap().unwrap();
    assert_eq!(read, Tagged { value: json!({"id": VAULT}), etag: Some("\"1\"".to_owned()) });
    let asked = http.asked().remove(0);
    assert_eq!(asked.line, format!("GET {VAULT_URL}"));
    assert_eq!(asked.header("authorization"), Some("Bearer https://management.azure.com/.default"));
    assert_eq!(asked.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn an_etag_may_be_in_the_body() {
    let (client, _) = client([answer(200, &json!({"etag": "\"2\""}))]);
    assert_eq!(client.read(VAULT, VERSION).await.unwrap().unwrap().etag.as_deref(), Some("\"2\""));
}

#[tokio::test]
async fn a_missing_resource_is_none() {
    for code in ["ResourceNotFound", "ParentResourceNotFound", "ResourceGroupNotFound"] {
        let (client, _) = client([refused(404, code)]);
        assert_eq!(client.get(VAULT, VERSION).await, Ok(None), "{code}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_no_missing_resource() {
    let table =
        [refused(404, "SubscriptionNotFound"), refused(403, "AuthorizationFailed"), empty(200), Scripted::Answer(200, vec![], "no".into())];
    for script in table {
        let (client, _) = client([script.clone()]);
        client.get(VAULT, VERSION).await.expect_err(&format!("{script:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_repeated_after_the_pause_that_is_asked_for() {
    let (client, http) = client([refused(429, "TooManyRequests").with("retry-after", "7"), Scripted::Broken, answer(200, &json!({}))]);
    let start = Instant::now();
    client.get(VAULT, VERSION).await.unwrap();
    assert_eq!(http.lines().len(), 3);
    assert_eq!(start.elapsed().as_millis(), 7_000 + 500);
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_within_its_budget() {
    for (script, within) in [
        (refused(429, "TooManyRequests").with("retry-after", "600"), Duration::ZERO),
        (empty(503), Duration::from_secs(4)),
        (Scripted::Silence, Duration::from_secs(20)),
    ] {
        let (client, _) = client([script.clone()]);
        let start = Instant::now();
        client.get(VAULT, VERSION).await.expect_err(&format!("{script:?}"));
        assert!(start.elapsed() <= within, "{script:?} took {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_nearly_used_up_slows_down() {
    let (client, _) = client([answer(200, &json!({})).with("x-ms-ratelimit-remaining-subscription-reads", "3")]);
    let start = Instant::now();
    client.get(VAULT, VERSION).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    client.get(VAULT, VERSION).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let next = "https://management.azure.com/subscriptions/s/vaults?api-version=1&$skiptoken=x";
    let (client, http) =
        client([answer(200, &json!({"value": [1, 2], "nextLink": next})), answer(200, &json!({"value": [3], "nextLink": ""}))]);
    let listed = client.list_where("/subscriptions/s/vaults", "1", &[("$filter", "a eq 'b'")]).await.unwrap();
    assert_eq!(listed, [1, 2, 3]);
    let first = "GET https://management.azure.com/subscriptions/s/vaults?api-version=1&%24filter=a+eq+%27b%27";
    assert_eq!(http.lines(), [first.to_owned(), format!("GET {next}")]);
}

#[tokio::test]
async fn part_of_a_list_is_never_returned() {
    let elsewhere = json!({"value": [1], "nextLink": "https://evil.example/vaults"});
    let for_ever = json!({"value": [1], "nextLink": "https://management.azure.com/vaults"});
    for (page, requests) in [(elsewhere, 1), (for_ever, PAGES_LIMIT), (json!({"values": []}), 1), (json!([]), 1)] {
        let (client, http) = client([answer(200, &page)]);
        let error = client.list("/vaults", "1").await.unwrap_err();
        assert!(matches!(error, CallError::Rejected { .. }), "{page}: {error}");
        assert_eq!(http.lines().len(), requests, "{page}");
    }
}

#[tokio::test]
async fn a_write_says_under_which_condition() {
    for (condition, header, value) in [
        (Condition::Always, "if-match", None),
        (Condition::IfMatch("\"1\""), "if-match", Some("\"1\"")),
        (Condition::IfAbsent, "if-none-match", Some("*")),
    ] {
        let (client, http) = client([answer(200, &json!({"id": "x"}))]);
        let written = client.put(VAULT, VERSION, &json!({"location": "westeurope"}), condition).await.unwrap();
        assert_eq!(written, json!({"id": "x"}));
        let asked = http.asked().remove(0);
        assert_eq!((asked.line.as_str(), asked.header(header)), (format!("PUT {VAULT_URL}").as_str(), value));
        assert_eq!((asked.json(), asked.header("content-type")), (json!({"location": "westeurope"}), Some("application/json")));
    }
}

#[tokio::test]
async fn a_changed_resource_is_to_be_looked_at_again() {
    for script in [refused(412, "PreconditionFailed"), refused(409, "Conflict")] {
        let (client, http) = client([script]);
        let error = client.put(VAULT, VERSION, &json!({}), Condition::IfMatch("\"1\"")).await.unwrap_err();
        assert!(matches!(error, CallError::InvalidState { .. }), "{error}");
        assert_eq!(http.lines().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_followed_to_its_end_and_the_resource_read() {
    let (client, http) = client([
        empty(202).with("azure-asyncoperation", OPERATION).with("retry-after", "5"),
        answer(200, &json!({"status": "InProgress"})).with("retry-after", "3"),
        answer(200, &json!({"status": "Succeeded"})),
        answer(200, &json!({"id": VAULT})),
    ]);
    let start = Instant::now();
    assert_eq!(patch(&client).await, Ok(json!({"id": VAULT})));
    assert_eq!(start.elapsed().as_secs(), 8);
    let operation = format!("GET {OPERATION}");
    assert_eq!(http.lines(), [format!("PATCH {VAULT_URL}"), operation.clone(), operation, format!("GET {VAULT_URL}")]);
}

#[tokio::test(start_paused = true)]
async fn a_location_is_followed_until_it_answers_otherwise_than_202() {
    let (client, http) = client([
        empty(202).with("location", "/subscriptions/s/operationresults/1?api-version=1"),
        empty(202),
        empty(204),
        answer(200, &json!({"id": VAULT})),
    ]);
    assert_eq!(patch(&client).await, Ok(json!({"id": VAULT})));
    let place = "GET https://management.azure.com/subscriptions/s/operationresults/1?api-version=1";
    assert_eq!(http.lines()[1..3], [place, place]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_on_its_way_is_read_until_it_is_there() {
    let state = |state: &str| json!({"properties": {"provisioningState": state}});
    let (client, http) =
        client([answer(201, &state("RegisteringDns")), answer(200, &state("registeringdns")), answer(200, &state("Succeeded"))]);
    assert_eq!(patch(&client).await, Ok(state("Succeeded")));
    assert_eq!(http.lines().len(), 3);
}

#[tokio::test]
async fn a_resource_with_a_state_of_its_own_is_there() {
    let activated = json!({"properties": {"provisioningState": "Activated"}});
    let (client, http) = client([answer(200, &activated)]);
    assert_eq!(patch(&client).await, Ok(activated));
    assert_eq!(http.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_fails_says_why() {
    for (code, expected) in [("Conflict", "state does not allow it"), ("BadThing", "rejected"), ("AuthorizationFailed", "access denied")] {
        let told = json!({"status": "Failed", "error": {"code": code, "message": "the words of Azure"}});
        let (client, _) = client([empty(202).with("azure-asyncoperation", OPERATION), answer(200, &told)]);
        let error = patch(&client).await.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&format!("then failed, `{code}`: the words of Azure")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_takes_too_long_may_have_taken_effect() {
    for budget_s in [20, 120] {
        let (client, _) = client([empty(202).with("azure-asyncoperation", OPERATION), answer(200, &json!({"status": "InProgress"}))]);
        let start = Instant::now();
        let error = patch(&client.with_budget(Duration::from_secs(budget_s))).await.unwrap_err();
        assert!(matches!(&error, CallError::Unavailable { message, .. } if message.contains("still under way")), "{error}");
        assert!((budget_s - 3..=budget_s).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_not_followed_to_another_host() {
    for header in ["azure-asyncoperation", "location"] {
        let (client, http) = client([empty(202).with(header, "https://evil.example/operations/1")]);
        let error = patch(&client).await.unwrap_err();
        assert!(error.to_string().contains("`evil.example`"), "{error}");
        assert_eq!(http.lines().len(), 1);
    }
}

#[tokio::test]
async fn an_action_is_one_of_those_that_take_nothing_away() {
    let (client, http) = client([answer(200, &json!({"properties": {"state": "Locked"}}))]);
    for (action, name) in [(Action::Lock, "lock"), (Action::Extend, "extend")] {
        client.post("/policies/default", action, "1", None, Condition::IfMatch("\"1\"")).await.unwrap();
        let asked = http.asked().pop().unwrap();
        assert_eq!(asked.line, format!("POST https://management.azure.com/policies/default/{name}?api-version=1"));
        assert_eq!((asked.header("if-match"), asked.header("content-length"), asked.body.as_str()), (Some("\"1\""), Some("0"), ""));
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_s_result_is_read_where_it_is_told() {
    let result = "https://management.azure.com/results/1";
    let (client, http) = client([
        empty(202).with("azure-asyncoperation", OPERATION).with("location", result),
        answer(200, &json!({"status": "Succeeded"})),
        answer(200, &json!({"done": true})),
    ]);
    assert_eq!(client.post("/policies/default", Action::Lock, "1", None, Condition::Always).await, Ok(json!({"done": true})));
    assert_eq!(http.lines()[2], format!("GET {result}"));
}

#[tokio::test]
async fn a_purge_is_never_sent() {
    let (client, http) = client([empty(200)]);
    for path in ["/subscriptions/s/providers/Microsoft.KeyVault/locations/l/deletedVaults/kv/purge", "/deletedVaults/kv/PURGE"] {
        for error in [
            client.get(path, VERSION).await.unwrap_err(),
            client.list(path, VERSION).await.unwrap_err(),
            client.put(path, VERSION, &json!({}), Condition::Always).await.unwrap_err(),
            client.patch(path, VERSION, &json!({}), Condition::Always).await.unwrap_err(),
        ] {
            assert!(matches!(&error, CallError::Rejected { message, .. } if message.contains("nothing is ever purged")), "{error}");
        }
    }
    assert_eq!(http.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn no_token_and_no_query_is_shown() {
    let (client, _) = client([empty(202).with("azure-asyncoperation", OPERATION), refused(403, "AuthorizationFailed")]);
    let error = patch(&client).await.unwrap_err().to_string();
    assert!(!error.contains("secret") && !error.contains("Bearer"), "{error}");
}
