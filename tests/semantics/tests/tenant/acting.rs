//! What is given back, in which order, and only with an intent.

use reprieve_core::azure::event::gives_back;
use reprieve_core::azure::world::Companion;
use reprieve_core::azure::{Function, KeyReference, Subject};
use reprieve_core::{Decision, Mode, Phase, Status};
use reprieve_engine::Handled;
use reprieve_semantics::repository_path;
use reprieve_test_support::Effect;
use reprieve_test_support::event::event;
use reprieve_test_support::tenant::{
    OTHER_SUBSCRIPTION, certificate_deleted, companions, id_of, key_deleted, key_updated, log_key, log_storage, ourselves, role_removed,
    rotation_policy, rotation_removed, secret_deleted, storage_written, tenant, vault_deleted, vault_written,
};
use serde_json::{Value, json};

use super::{denied, existence, furnish, key, no_answer, vault, world};

/// P75
#[test]
fn a_deleted_vault_comes_back_with_what_belonged_to_it() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!((record.status, world.tenant.is_whole_vault(&vault())), (Status::Success, true));
    assert_eq!(world.altered(), ["RecoverVault", "RestoreCompanion", "RestoreCompanion", "RestoreCompanion"]);
    assert!(world.ledger.case(&existence()).is_none(), "the case is closed");
    assert!(record.remediate_ms.is_some(), "the target state was seen");
}

/// P75: a role whose holder can hand out roles is told, not written back.
#[test]
fn who_could_hand_out_roles_is_told_and_not_given_the_role_back() {
    let world = world();
    let owner = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    let id = vault().extension("Microsoft.Authorization", "roleAssignments", "ra-owner");
    let role = Companion { id: id.clone(), properties: json!({ "roleDefinitionId": owner, "principalId": "boss" }) };
    world.tenant.alter_vault(&vault(), |vault| vault.companions.push(role));
    world.sweep("learns-the-role");
    world.tenant.delete_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert!(world.tenant.vault(&vault()).companions.iter().all(|companion| companion.id != id));
    assert!(record.decision.unwrap().why().escalations.iter().any(|sentence| sentence.contains("`boss` held the role Owner")));
}

/// P76
#[test]
fn keys_secrets_and_certificates_come_back() {
    for (object, event) in [
        (key(), key_deleted(&key())),
        (vault().child("secrets", "password"), secret_deleted(&vault().child("secrets", "password"))),
        (vault().child("certificates", "web"), certificate_deleted(&vault().child("certificates", "web"))),
    ] {
        let world = world();
        world.tenant.delete_object(&object);
        let record = world.settle(Function::RecoverKey, &event.build());
        assert_eq!((record.status, world.tenant.has_object(&object)), (Status::Success, true), "{object}");
        assert_eq!(world.altered(), ["RecoverObject"], "{object}");
    }
}

/// P76
#[test]
fn a_disabled_key_is_enabled_and_its_rotation_policy_given_back() {
    let world = world();
    world.tenant.set_enabled(&key(), false);
    world.tenant.remove_rotation(&key());
    world.settle(Function::RecoverKey, &key_updated(&key()).build());
    world.settle(Function::RestoreRotationPolicy, &rotation_removed(&key()).build());
    assert!(world.tenant.is_enabled(&key()));
    assert_eq!(world.tenant.rotation(&key()), Some(rotation_policy()));
}

/// P76: that an attacker disabled a key, or took its policy away, teaches the inventory nothing.
#[test]
fn what_an_attacker_left_is_not_learned() {
    let world = world();
    let known = world.ledger.object(&key());
    world.faults.fail_next("EnableVaultKey", 9, Effect::Before, denied());
    world.faults.fail_next("PutRotationPolicy", 9, Effect::Before, denied());
    world.tenant.set_enabled(&key(), false);
    world.tenant.remove_rotation(&key());
    world.handle(Function::RecoverKey, &key_updated(&key()).build());
    world.handle(Function::RestoreRotationPolicy, &rotation_removed(&key()).build());
    world.sweep("sweep-1");
    assert_eq!(world.ledger.object(&key()), known);
}

/// P77
#[test]
fn protection_that_is_missing_is_switched_on_and_what_is_one_way_is_announced() {
    let world = world();
    world.tenant.alter_vault(&vault(), |vault| (vault.vault.soft_delete, vault.vault.purge_protection) = (false, false));
    world.tenant.weaken_storage(&log_storage());
    let record = world.settle(Function::RestoreSoftDelete, &vault_written(&vault()).build());
    world.settle(Function::ProtectStorage, &storage_written(&log_storage()).build());
    assert_eq!(world.altered(), ["PatchVault", "PutBlobService"]);
    let vault = world.tenant.vault(&vault()).vault;
    assert!(vault.soft_delete && vault.purge_protection);
    assert!(record.decision.unwrap().why().escalations.iter().any(|sentence| sentence.starts_with("this cannot be undone")));
}

/// P78
#[test]
fn an_attackers_key_is_replaced_in_the_order_that_never_locks_storage_out() {
    let world = world();
    world.tenant.swap_key(&log_storage(), KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
    world.tenant.revoke_key_use();
    let record = world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build());
    assert_eq!(record.status, Status::Success);
    assert_eq!(world.altered(), ["AssignIdentity", "GrantKeyUse", "SetKeySource"]);
    assert_eq!(world.tenant.account(&log_storage()).key, Some(log_key()));
}

/// P78: where the identity or the role cannot be given, the key is not touched.
#[test]
fn the_key_source_waits_for_identity_and_role() {
    for step in ["AssignIdentity", "GrantKeyUse"] {
        let world = world();
        let evil = KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap();
        world.tenant.swap_key(&log_storage(), evil.clone());
        world.tenant.revoke_key_use();
        world.faults.fail_next(step, 1, Effect::Before, denied());
        let record = world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build());
        assert!(!world.changes_tried().contains(&"SetKeySource"), "{step}");
        assert_eq!((record.status, world.tenant.account(&log_storage()).key), (Status::Partial, Some(evil)), "{step}");
    }
}

/// P79: the names of all changes; a new one is looked at by whoever adds it here.
#[test]
fn no_change_of_azure_destroys() {
    let source = std::fs::read_to_string(repository_path("shared/core/src/azure/change.rs")).unwrap();
    let names = source.split("pub const fn name").nth(1).unwrap().split("\n    }").next().unwrap();
    let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 21, "{names:?}");
    let begins = ["Patch", "Recover", "Restore", "Enable", "Put", "Assign", "Grant", "Set", "Create", "Extend", "Lock"];
    assert!(names.iter().all(|name| begins.iter().any(|begin| name.starts_with(begin))), "{names:?}");
    let port = std::fs::read_to_string(repository_path("shared/engine/src/tenant/port.rs")).unwrap();
    let control = port.split("pub trait TenantControl").nth(1).unwrap().split("\n}").next().unwrap();
    let calls: Vec<&str> = control.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next()).collect();
    assert_eq!(calls, ["discover", "observe", "apply", "last_calls"]);
}

/// P80
#[test]
fn the_intent_is_written_before_the_first_change() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    let entries = world.journal.entries();
    let intent = entries.iter().find(|entry| entry.call.name() == "append").unwrap();
    let first = entries.iter().find(|entry| entry.call.name() == "RecoverVault").unwrap();
    assert!(intent.ended.unwrap() < first.began);
    let intents = world.audit.records().into_iter().filter(|record| record.phase == Phase::Intent && record.subject == Some(existence()));
    let intents: Vec<_> = intents.collect();
    assert_eq!(intents.last().unwrap().considering, record.considering, "what was done is what was intended");
}

/// P80
#[test]
fn nothing_is_changed_where_the_intent_cannot_be_written() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("append", 1, Effect::Before, no_answer());
    let handled = world.handle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert!(matches!(handled.as_slice(), [Handled::Retry { record: None, .. }]), "{handled:?}");
    assert!(world.changes_tried().is_empty());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!((record.attempt, world.tenant.is_whole_vault(&vault())), (2, true), "the claim was given back at once");
}

/// P81
#[test]
fn a_repeated_delivery_changes_nothing_more_and_tells_nobody_again() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let event = vault_deleted(&vault()).build();
    world.settle(Function::RecoverVault, &event);
    let (tried, told) = (world.changes_tried(), world.notices.notices().len());
    for _ in 0..3 {
        world.handle(Function::RecoverVault, &event);
    }
    assert_eq!((world.changes_tried(), world.notices.notices().len()), (tried, told));
    let remedies = world.outcomes_of(&existence()).into_iter().filter(|record| record.status == Status::Success);
    assert_eq!(remedies.count(), 1, "the record of the answer stands");
}

/// P81: an answer after a mere look keeps a record of its own.
#[test]
fn an_event_that_came_too_early_loses_no_record_of_its_answer() {
    let world = world();
    let event = vault_deleted(&vault()).build();
    world.settle(Function::RecoverVault, &event);
    world.tenant.delete_vault(&vault());
    world.settle(Function::RecoverVault, &event);
    let statuses: Vec<Status> = world.outcomes_of(&existence()).iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::NothingToDo, Status::Success]);
}

/// P81 and P91
#[test]
fn a_half_done_answer_is_resumed_and_no_more_than_that() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("RestoreCompanion", 99, Effect::Before, no_answer());
    let event = vault_deleted(&vault()).build();
    let handled = world.handle(Function::RecoverVault, &event);
    assert!(matches!(handled.as_slice(), [Handled::Retry { .. }]), "{handled:?}");
    assert!(world.tenant.has_vault(&vault()) && !world.tenant.is_whole_vault(&vault()));
    world.faults.clear();
    let record = world.settle(Function::RecoverVault, &event);
    assert_eq!((record.status, record.attempt, world.tenant.is_whole_vault(&vault())), (Status::Success, 2, true));
    assert_eq!(world.journal.made("RecoverVault"), 1);
    let told: Vec<String> = world.notices.notices().into_iter().map(|notice| notice.headline).collect();
    assert_eq!(told.len(), 1, "a delivery that follows soon tells better: {told:?}");
}

/// P81: what comes back can show more that is wrong with it.
#[test]
fn a_key_that_comes_back_disabled_is_enabled_by_the_next_delivery() {
    let world = world();
    world.tenant.set_enabled(&key(), false);
    world.tenant.delete_object(&key());
    let event = key_deleted(&key()).build();
    let handled = world.handle(Function::RecoverKey, &event);
    assert!(matches!(handled.as_slice(), [Handled::Retry { .. }]), "{handled:?}");
    let record = world.settle(Function::RecoverKey, &event);
    assert_eq!((record.status, world.altered()), (Status::Success, vec!["RecoverObject", "EnableVaultKey"]));
    assert!(world.tenant.is_enabled(&key()) && world.ledger.count_open() == 0);
}

/// P81: two deliveries at the same time are one answer.
#[test]
fn of_two_deliveries_at_the_same_time_one_answers() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let event = vault_deleted(&vault()).build();
    let both = async {
        let first = world.guard.handle(Function::RecoverVault, &event, world.delivery());
        let second = world.guard.handle(Function::RecoverVault, &event, world.delivery());
        futures_util::join!(first, second)
    };
    let (first, second) = reprieve_test_support::finish(both).unwrap();
    let answered = [&first, &second].map(|handled| matches!(handled.as_slice(), [Handled::Done { .. }]));
    assert!(answered.contains(&true), "{first:?} {second:?}");
    assert_eq!(world.journal.made("RecoverVault"), 1);
    world.deliver(Function::RecoverVault, &event);
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P85
#[test]
fn a_refused_call_is_recorded_and_not_answered() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).refused("Forbidden").build());
    assert!(record.decision.unwrap().why().sentence.contains("was refused (Forbidden)"));
    assert_eq!((world.journal.made("observe"), world.notices.notices().len()), (0, 0));
}

/// P86
#[test]
fn what_is_in_another_subscription_is_left_alone() {
    let world = world();
    let foreign = vault().as_str().replace(reprieve_test_support::tenant::SUBSCRIPTION, OTHER_SUBSCRIPTION);
    let foreign = reprieve_core::azure::ResourceId::parse(&foreign).unwrap();
    let record = world.settle(Function::RecoverVault, &vault_deleted(&foreign).build());
    assert!(record.decision.unwrap().why().sentence.contains("does not guard"));
    assert_eq!(world.journal.made("observe"), 0);
}

/// P87
#[test]
fn our_own_writes_do_not_echo() {
    let world = world();
    world.tenant.alter_vault(&vault(), |vault| vault.vault.purge_protection = false);
    world.settle(Function::RestoreSoftDelete, &vault_written(&vault()).build());
    let (tried, told) = (world.changes_tried(), world.notices.notices().len());
    let echo = vault_written(&vault()).id("echo").by(ourselves()).build();
    for function in [Function::RestoreSoftDelete, Function::ProvisionAlerts, Function::EncryptActivityLogs] {
        world.handle(function, &echo);
    }
    assert_eq!((world.changes_tried(), world.notices.notices().len()), (tried, told));
}

/// P87: the echo of a first step comes while the others are still to come.
#[test]
fn an_echo_in_the_midst_of_an_answer_is_no_theft_and_changes_nothing() {
    let world = world();
    world.tenant.swap_key(&log_storage(), KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
    world.faults.fail_next("SetKeySource", 9, Effect::Before, no_answer());
    let event = storage_written(&log_storage()).build();
    world.handle(Function::EncryptActivityLogs, &event);
    world.faults.clear();
    let tried = world.changes_tried();
    let record = world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).id("echo").by(ourselves()).build());
    assert_eq!(world.changes_tried(), tried, "whoever answers goes on");
    assert!(matches!(record.decision, Some(Decision::Stand { .. })));
    assert!(world.notices.notices().is_empty(), "nobody is told of a theft");
    world.settle(Function::EncryptActivityLogs, &event);
    assert_eq!(world.tenant.account(&log_storage()).key, Some(log_key()));
}

/// P87
#[test]
fn a_deletion_under_our_own_identity_is_undone_and_told_as_theft() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).by(ourselves()).build());
    assert!(world.tenant.is_whole_vault(&vault()));
    assert!(record.decision.unwrap().why().escalations.iter().any(|sentence| sentence.contains("treat its credentials as stolen")));
}

/// P87: what our role may write gives back, and so does what vaults log of us; nothing else does.
#[test]
fn what_our_role_may_write_gives_back_and_nothing_else_does() {
    let template = std::fs::read_to_string(repository_path("infra/azure/subscription.json")).unwrap();
    let template: Value = serde_json::from_str(&template).unwrap();
    let lists = ["/variables/writes", "/variables/locks"].into_iter();
    let allowed = lists.flat_map(|list| template.pointer(list).unwrap().as_array().unwrap());
    let ours: Vec<&str> = allowed.map(|action| action.as_str().unwrap()).collect();
    let logged = ["KeyRecover", "SecretRecover", "CertificateRecover", "KeyUpdate", "KeyRotationPolicyUpdate"];
    for name in ours.into_iter().chain(logged) {
        assert!(gives_back(&event(name).build()), "{name}");
    }
    for name in [
        "Microsoft.KeyVault/vaults/delete",
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.Storage/storageAccounts/regenerateKey/action",
        "KeyDelete",
        "KeyPurge",
        "CertificateUpdate",
    ] {
        assert!(!gives_back(&event(name).build()), "{name}");
    }
}

/// P88
#[test]
fn observing_changes_nothing_records_what_would_be_done_and_tells_once() {
    let world = furnish(tenant().mode(Mode::Observe).build());
    world.tenant.delete_vault(&vault());
    let event = vault_deleted(&vault()).build();
    let record = world.settle(Function::RecoverVault, &event);
    assert_eq!((record.status, record.steps.len()), (Status::Observed, 1 + companions(&vault()).len()));
    world.handle(Function::RecoverVault, &event);
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        assert_eq!(world.sweep(sweep).mended, 0);
    }
    assert!(world.changes_tried().is_empty() && !world.tenant.has_vault(&vault()));
    assert_eq!((world.notices.notices().len(), world.outcomes_of(&existence()).len()), (1, 1));
}

/// P93
#[test]
fn a_look_that_contradicts_a_fresh_deletion_is_repeated() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.tenant.answer_stale(2);
    world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P93: Azure lists what was deleted a moment after it is gone.
#[test]
fn a_deleted_vault_that_is_not_listed_yet_is_looked_at_again() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.tenant.list_late(2);
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!(record.status, Status::Success, "{record:?}");
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P94
#[test]
fn an_event_that_does_not_say_what_it_touched_is_answered_for_all() {
    let world = world();
    let second = id_of("Microsoft.Storage/storageAccounts/stlogs02");
    world.tenant.create_log_storage(&second);
    world.sweep("finds-the-second");
    for account in [log_storage(), second.clone()] {
        world.tenant.swap_key(&account, KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
    }
    let handled = world.handle(Function::EncryptActivityLogs, &role_removed(&super::log_vault()).build());
    assert_eq!(handled.len(), 2);
    for account in [log_storage(), second] {
        assert_eq!(world.tenant.account(&account).key, Some(log_key()), "{account}");
        assert_eq!(world.outcomes_of(&Subject::LogEncryption(account)).len(), 1);
    }
}

/// P99
#[test]
fn a_vault_that_is_gone_for_good_is_told_and_told_once() {
    let world = world();
    world.tenant.purge_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!(record.status, Status::Escalated);
    world.sweep("sweep-1");
    world.sweep("sweep-2");
    assert_eq!(world.notices.notices().iter().filter(|notice| notice.text().contains("gone for good")).count(), 1);
}
