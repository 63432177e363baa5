//! Each trap of Azure's logs, as a table over its fixture: who, what, on what, with which result, and what was odd.

use crate::support::azure_fixture;
use reprieve_core::actor::identities_of_name;
use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::azure::subject::{Function, Subject};
use reprieve_core::azure::{ResourceId, event};
use reprieve_core::{ActorKind, CallOutcome, Event, EventForm, Target};
use reprieve_wire::azure::{ACTIVITY_SOURCE, parse_all};
use serde_json::json;

const VAULT: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/kv-logs";
const HSM: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-keys/providers/Microsoft.KeyVault/managedHSMs/hsm-logs";
const STORE: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-logs/providers/Microsoft.Storage/storageAccounts/stlogs";

/// Every event of a fixture; all of them must be understood.
fn events(name: &str) -> Vec<Event> {
    parse_all(&azure_fixture(name)).into_iter().map(|parsed| parsed.event.unwrap_or_else(|error| unreachable!("{name}: {error}"))).collect()
}

fn azure(id: &str) -> Target {
    Target::Azure(ResourceId::parse(id).unwrap_or_else(|error| unreachable!("{error}")))
}

fn code(event: &Event) -> Option<&str> {
    match &event.outcome {
        CallOutcome::Succeeded => None,
        CallOutcome::Refused { code, .. } => Some(code),
    }
}

fn odd(event: &Event) -> Vec<&str> {
    event.oddities.iter().map(|oddity| oddity.field.as_str()).collect()
}

#[test]
fn a_refused_call_is_refused_whatever_its_result_type_says() {
    let codes: Vec<_> = events("audit-refused-says-success").iter().map(|event| code(event).map(ToOwned::to_owned)).collect();
    let expected = [
        Some("Forbidden"),
        Some("Unauthorized"),
        Some("Forbidden"),
        Some("Forbidden"),
        Some("Conflict"),
        // The server failed: nobody knows whether the key is still there.
        None,
        None,
    ];
    assert_eq!(codes, expected.map(|code| code.map(ToOwned::to_owned)));
}

#[test]
fn a_call_without_a_token_names_nobody() {
    let events = events("audit-refused-says-success");
    assert!(!events[1].actor.is_known());
    assert_eq!(events[1].actor.source_address.as_deref(), Some("192.0.2.10"));
}

#[test]
fn upper_case_ids_name_the_same_objects() {
    let seen = events("audit-upper-case-ids");
    let expected = [("keys", "activity"), ("secrets", "database"), ("certificates", "front-door")];
    for (event, (kind, name)) in seen.iter().zip(expected) {
        let object = ResourceId::parse(VAULT).unwrap().child(kind, name);
        assert_eq!(event.target, Target::Azure(object.clone()));
        assert_eq!(event.source, VAULT_SOURCE);
        assert_eq!(event::reach(event, Function::RecoverKey), event::Reach::One(Subject::VaultObject(object)));
    }
    assert_eq!(seen.len(), expected.len());
}

#[test]
fn claims_are_found_wherever_they_stand() {
    let person = (ActorKind::EntraUser, "alice@example.com");
    let application = (ActorKind::ServicePrincipal, "application 00000000-0000-0000-0000-00000000dddd");
    let nobody = (ActorKind::Unknown, "an unknown caller");
    let expected = [&person, &person, &person, &application, &application, &person, &nobody, &nobody];
    let seen = events("audit-claims");
    let named: Vec<_> = seen.iter().map(|event| (event.actor.kind.clone(), event.actor.display_name())).collect();
    assert_eq!(named, expected.map(|(kind, name)| (kind.clone(), (*name).to_owned())));
    for event in seen.iter().filter(|event| event.actor.kind == ActorKind::EntraUser) {
        assert_eq!(event.actor.object_id.as_deref(), Some("00000000-0000-0000-0000-00000000bbb1"));
        assert_eq!(event.actor.app_id.as_deref(), Some("00000000-0000-0000-0000-00000000cccc"));
        assert_eq!(event.actor.tenant_id.as_deref(), Some("00000000-0000-0000-0000-00000000aaaa"));
    }
    assert_eq!(odd(&seen[6]), ["identity"]);
}

#[test]
fn a_person_is_told_from_an_approver_by_principal_name_and_object_id_alone() {
    const OBJECT: &str = "00000000-0000-0000-0000-00000000bbb1";
    const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
    let (person, application, unknown) = (ActorKind::EntraUser, ActorKind::ServicePrincipal, ActorKind::Unknown);
    let of_object = format!("principal {OBJECT}");
    let of_object = of_object.as_str();
    let carol = identities_of_name("carol@example.com");
    let nothing = json!({});
    let delegated = |name: &str, value: &str| json!({ "oid": OBJECT, "scp": "user_impersonation", "appid": "cccc", name: value });
    let rows = [
        (delegated("upn", " alice@example.com "), "ally@example.com", &person, "alice@example.com", false, false),
        (delegated("unique_name", "ally@example.com"), "ally@example.com", &person, "ally@example.com", true, true),
        (delegated("preferred_username", "ally@example.com"), "ally@example.com", &person, "ally@example.com", true, true),
        (delegated(EMAIL, "ally@example.com"), "ally@example.com", &person, "ally@example.com", true, true),
        (delegated("name", "ally@example.com"), "ally@example.com", &person, "ally@example.com", true, true),
        (nothing.clone(), "ally@example.com", &person, "ally@example.com", true, true),
        (nothing.clone(), "Alice Example", &unknown, "Alice Example", true, true),
        // A person's or an application's: nothing says which.
        (nothing, OBJECT, &unknown, of_object, false, true),
        (json!({ "idtyp": "app" }), OBJECT, &application, of_object, false, false),
        (json!({ "oid": OBJECT, "appid": "dddd" }), OBJECT, &application, "application dddd", false, false),
    ];
    for (claims, caller, kind, name, is_alias, may_be_carol) in rows {
        let mut record = azure_fixture("activity-log-page")["value"][0].clone();
        record["claims"] = claims.clone();
        record["caller"] = caller.into();
        let [parsed] = parse_all(&record).try_into().unwrap();
        let actor = parsed.event.unwrap().actor;
        let read = (&actor.kind, actor.display_name(), actor.is_alias);
        assert_eq!(read, (kind, name.to_owned(), is_alias), "{caller}: {claims}");
        assert_eq!(actor.may_hide(&carol), may_be_carol, "{caller}: {claims}");
        let is_named = actor.identities().iter().any(|name| name.starts_with("person:"));
        assert_eq!(is_named, actor.user_name.is_some() && !is_alias, "{caller}: {claims}");
    }
}

#[test]
fn a_managed_hsm_logs_in_its_own_shape() {
    let seen = events("audit-managed-hsm");
    for event in &seen {
        assert_eq!(event.target, azure(&format!("{HSM}/keys/root")));
        assert_eq!(event.actor.user_name.as_deref(), Some("alice@example.com"));
        assert_eq!(event.actor.object_id.as_deref(), Some("00000000-0000-0000-0000-00000000bbb1"));
        assert_eq!(event.actor.user_agent.as_deref(), Some("azsdk-python-core/1.30.0"));
    }
    assert_eq!(seen.iter().map(code).collect::<Vec<_>>(), [None, Some("Forbidden")]);
}

#[test]
fn an_object_is_taken_from_a_url_of_its_own_vault_only() {
    let expected = [
        Target::Named("https://kv-other.vault.azure.net/keys/activity/0123".to_owned()),
        Target::Named("https://kv-logs.managedhsm.azure.net/keys/activity".to_owned()),
        azure(VAULT),
        azure(&format!("{VAULT}/keys/activity")),
        azure(VAULT),
        azure(&format!("{VAULT}/keys/activity")),
        azure(VAULT),
        // Without a vault, a URL is a name; its query is not kept.
        Target::Named("https://kv-logs.vault.azure.net/keys/activity".to_owned()),
        azure(&format!("{VAULT}/keys/activity")),
        azure(&format!("{VAULT}/keys/activity")),
    ];
    let seen = events("audit-urls");
    let targets: Vec<_> = seen.iter().map(|event| event.target.clone()).collect();
    assert_eq!(targets, expected);
    assert_eq!(odd(&seen[0]), ["properties.id"]);
}

#[test]
fn events_of_event_grid_tell_what_was_done_to_what() {
    let storage = "Microsoft.Storage/storageAccounts/write";
    let expected = [
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), None),
        ("MICROSOFT.KEYVAULT/VAULTS/WRITE", azure(VAULT), None),
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), Some("Failed")),
        (storage, azure(STORE), Some("Canceled")),
        // The type says `Success`, the status does not.
        (storage, azure(STORE), Some("Failed")),
        ("Microsoft.Storage/storageAccounts/listKeys/action", azure(STORE), None),
        ("Microsoft.KeyVault/vaults/delete", Target::Named("somewhere".to_owned()), None),
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), None),
        ("Microsoft.Resources.ResourceDeleteSuccess", azure(VAULT), None),
        // Its data is a text.
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), None),
    ];
    let seen = events("event-grid-events");
    let told: Vec<_> = seen.iter().map(|event| (event.name.as_str(), event.target.clone(), code(event))).collect();
    assert_eq!(told, expected);
    for event in &seen {
        assert_eq!((event.source.as_str(), &event.form), (ACTIVITY_SOURCE, &EventForm::ApiCall));
        assert!(event.time.is_some());
    }
    assert_eq!(seen[0].id.as_str(), "A0000000-0000-4000-8000-00000000E001", "an id keeps its case");
    assert_eq!(seen[0].actor.source_address.as_deref(), Some("192.0.2.20"), "the request's address counts before the token's");
    assert_eq!(seen[1].actor.kind, ActorKind::ServicePrincipal);
    assert_eq!(event::reach(&seen[0], Function::RecoverVault), event::Reach::One(Subject::Vault(ResourceId::parse(VAULT).unwrap())));
}

#[test]
fn claims_written_as_a_text_are_read() {
    let [event] = events("event-grid-claims-as-text").try_into().unwrap();
    assert_eq!(event.actor.user_name.as_deref(), Some("alice@example.com"));
    assert_eq!(event.actor.source_address.as_deref(), Some("192.0.2.20"));
}

#[test]
fn claims_that_are_no_json_cost_only_the_name_of_the_caller() {
    let [event] = events("event-grid-claims-not-json").try_into().unwrap();
    assert_eq!((event.name.as_str(), &event.target), ("Microsoft.KeyVault/vaults/delete", &azure(VAULT)));
    assert!(!event.actor.is_known());
    assert_eq!(odd(&event), ["data.authorization", "data.claims", "data.httpRequest"]);
}

#[test]
fn the_handshake_of_a_subscription_is_no_event() {
    assert_eq!(parse_all(&azure_fixture("event-grid-handshake")), []);
}

#[test]
fn cloud_events_say_the_same() {
    let seen = events("cloud-events");
    let key = format!("{VAULT}/keys/activity");
    let expected = [
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), None, ACTIVITY_SOURCE, EventForm::ApiCall),
        ("Microsoft.KeyVault/vaults/delete", azure(VAULT), Some("Failed"), ACTIVITY_SOURCE, EventForm::ApiCall),
        ("Microsoft.KeyVault.KeyNearExpiry", azure(&key), None, "Microsoft.KeyVault", EventForm::Native),
    ];
    let told: Vec<_> =
        seen.iter().map(|event| (event.name.as_str(), event.target.clone(), code(event), event.source.as_str(), event.form)).collect();
    assert_eq!(told, expected);
}

#[test]
fn times_are_read_in_every_form() {
    let seen: Vec<_> = events("mixed-times").iter().map(|event| event.time.map(|time| time.to_string())).collect();
    let at = |fraction: &str| Some(format!("2026-03-02T10:00:00{fraction}Z"));
    assert_eq!(seen, [at(".1234567"), at(""), at(".1234567"), at(".123456789"), at(""), None, None]);
}

#[test]
fn a_page_of_the_activity_log_is_read() {
    let seen = events("activity-log-page");
    let told: Vec<_> = seen.iter().map(|event| (code(event), event.actor.display_name())).collect();
    let alice = || "alice@example.com".to_owned();
    assert_eq!(
        told,
        [
            (None, alice()),
            (Some("Forbidden"), alice()),
            (None, alice()),
            (None, "principal 00000000-0000-0000-0000-00000000bbb2".to_owned()),
            (None, alice()),
            // Nothing is found any more: the deletion has ended.
            (None, alice()),
            (None, alice()),
            // Failed at the server: what it did is not known.
            (None, alice()),
        ]
    );
    for event in &seen {
        assert_eq!((event.name.as_str(), &event.target), ("Microsoft.KeyVault/vaults/delete", &azure(VAULT)));
        assert_eq!(event.source, ACTIVITY_SOURCE);
    }
    assert_eq!(seen[0].id.as_str(), "00000000-0000-4000-8000-00000000D001");
}

#[test]
fn exported_records_are_read() {
    let seen = events("activity-log-exported");
    let codes: Vec<_> = seen.iter().map(code).collect();
    assert_eq!(codes, [None, Some("Forbidden"), None, Some("403"), None, None, None, None]);
    for event in &seen[..7] {
        assert_eq!((&event.target, event.source.as_str()), (&azure(STORE), ACTIVITY_SOURCE));
    }
    assert!(!seen[6].actor.is_known());
    assert_eq!(seen[7].source, "Microsoft.Storage/StorageDelete");
    assert_eq!(seen[7].actor.source_address.as_deref(), Some("192.0.2.30"));
}

#[test]
fn one_call_has_one_id_however_it_is_delivered() {
    let claims = events("audit-claims");
    assert!(claims.iter().all(|event| event.id == claims[0].id), "who called does not tell one call from another");
    let ids: std::collections::BTreeSet<_> = events("audit-upper-case-ids").into_iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 3);
    let ids: std::collections::BTreeSet<_> = events("activity-log-exported").into_iter().map(|event| event.id).collect();
    assert!(ids.len() >= 5, "{ids:?}");
}
