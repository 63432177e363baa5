//! Our diagnostic setting: what is written of it, and what it leaves out.

use reprieve_core::Known;
use reprieve_core::azure::world::{DiagnosticSetting, World};
use serde_json::{Map, Value, json};

use super::alerts::{SETTING, workspace, written};
use super::scene::{Scene, event_hub_rule, id, log_storage, other_vault, read, setting, vault_logging};
use crate::facts;

/// Names our setting of a vault.
fn ours(scene: &mut Scene) -> &mut DiagnosticSetting {
    let World::VaultLogging { settings, .. } = &mut scene.world else { panic!("the scene is of another aspect") };
    read(settings).first_mut().unwrap()
}

/// Returns the properties of both.
fn together(one: &Value, other: &Value) -> Value {
    let properties = |value: &Value| value.as_object().cloned().unwrap();
    Value::Object(properties(one).into_iter().chain(properties(other)).collect::<Map<_, _>>())
}

#[test]
fn our_setting_keeps_of_its_destinations_those_that_are_configured() {
    type Row<'a> = (&'static str, fn(&mut Scene), &'a Value);
    let hub = json!({ "eventHubAuthorizationRuleId": event_hub_rule("send"), "eventHubName": "vault-audit" });
    let storage = json!({ "storageAccountId": log_storage() });
    let both = together(&hub, &storage);
    let rows: [Row<'_>; 5] = [
        ("its storage, beside another hub", |scene| ours(scene).event_hub_name = Some("else".to_owned()), &both),
        (
            "its hub, by the rule that the guard may use",
            |scene| (ours(scene).storage, ours(scene).event_hub_rule) = (None, Some(event_hub_rule("RootManageSharedAccessKey"))),
            &both,
        ),
        ("no hub, where none is configured", |scene| (scene.desired.audit_route, ours(scene).storage) = (None, None), &storage),
        ("no storage, where none is configured", |scene| (scene.desired.log_storage, ours(scene).event_hub_rule) = (None, None), &hub),
        (
            "no storage of somebody's, where another setting keeps the events",
            |scene| {
                (ours(scene).storage, ours(scene).event_hub_rule) = (Some(id("Microsoft.Storage/storageAccounts/stevil")), None);
                facts!(scene, VaultLogging: settings);
                read(settings).push(setting("corp", &["AuditEvent"]));
            },
            &hub,
        ),
    ];
    let logs = json!({ "logs": [{ "categoryGroup": "audit", "enabled": true }] });
    for (what, breaks, expected) in rows {
        let mut scene = vault_logging();
        breaks(&mut scene);
        ours(&mut scene).workspace = Some(workspace());
        assert_eq!(written(&scene), together(expected, &logs), "{what}");
    }
}

#[test]
fn our_setting_leaves_out_the_storage_that_another_uses() {
    let mut scene = vault_logging();
    facts!(scene, VaultLogging: settings);
    *settings = Known::Is(vec![setting("corp", &["AuditEvent"])]);
    let expected = json!({
        "eventHubAuthorizationRuleId": event_hub_rule("send"),
        "eventHubName": "vault-audit",
        "logs": [{ "categoryGroup": "audit", "enabled": true }],
    });
    assert_eq!(written(&scene), expected);
}

#[test]
fn a_setting_is_about_what_it_is_put_on() {
    let mut scene = vault_logging();
    facts!(scene, VaultLogging: settings);
    *settings = Known::Absent;
    let changes = scene.plan().changes;
    let about: Vec<_> = changes.iter().filter_map(|change| change.resource().parent()).collect();
    assert_eq!(about, vec![other_vault()]);
}

#[test]
fn our_setting_is_mended_where_it_is_one_of_five() {
    let mut scene = vault_logging();
    facts!(scene, VaultLogging: settings);
    let others = (1..=4).map(|number| setting(&format!("corp-{number}"), &["AllMetrics"]));
    let mut ours = setting("Reprieve", &["audit"]);
    ours.storage = None;
    *settings = Known::Is(others.chain([ours]).collect());
    let made: Vec<String> = scene.plan().changes.iter().map(ToString::to_string).collect();
    assert_eq!(made, [SETTING]);
}
