//! Worlds assembled at random: nothing destroying is ever planned, Azure refuses nothing that is planned, and one round is enough.

use proptest::prelude::*;
use reprieve_core::Known;
use reprieve_core::azure::change::Change;
use reprieve_core::azure::desired::PurgeProtection;
use reprieve_core::azure::id::KeyReference;
use reprieve_core::azure::plan::Remedy;
use reprieve_core::azure::world::{DiagnosticSetting, LogUse, World};
use serde_json::{Value, json};

use super::WHOLE;
use super::model::apply;
use super::scene::{self, Scene, read, unreadable};

/// Draws choices from a number.
struct Dice(u64);

impl Dice {
    /// Returns a number below `sides` (`SplitMix64`).
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn flip(&mut self) -> bool {
        self.roll(2) == 0
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.roll(choices.len() as u64)).unwrap()].clone()
    }

    /// Leaves a fact, or makes it absent or unreadable.
    fn blur<T>(&mut self, fact: &mut Known<T>) {
        match self.roll(8) {
            0 => *fact = Known::Absent,
            1 => *fact = unreadable(),
            _ => {}
        }
    }
}

/// Shuffles everything that is asked for.
fn wishes(scene: &mut Scene, dice: &mut Dice) {
    let desired = &mut scene.desired;
    desired.purge_protection = dice.pick(&[PurgeProtection::Off, PurgeProtection::LogVaults, PurgeProtection::All]);
    desired.soft_delete_days = dice.pick(&[0, 7, 30, 365, 9999]);
    desired.immutability_days = dice.pick(&[0, 1, 90, 4000, u32::MAX]);
    desired.lock_immutability = dice.flip();
    if dice.roll(5) == 0 {
        desired.log_storage = None;
    }
    if dice.roll(5) == 0 {
        desired.audit_route = None;
    }
    if dice.roll(5) == 0 {
        desired.alerts_group = None;
    }
    if dice.roll(5) == 0 {
        desired.log_identity = None;
    }
    if dice.roll(5) == 0 {
        scene.memory.vault = None;
        scene.memory.object = None;
    }
    if dice.flip() {
        scene.memory.group = Some(scene::remembered_group());
    }
    if dice.flip() {
        scene.memory.case = Some(scene::recovering());
    }
}

/// Shuffles everything that was observed.
fn shuffle(scene: &mut Scene, dice: &mut Dice) {
    let memory_object = &mut scene.memory.object;
    match &mut scene.world {
        World::VaultProtection { vault, protects } => {
            let known = read(vault);
            (known.soft_delete, known.retention_days) = (dice.flip(), dice.pick(&[None, Some(1), Some(90)]));
            known.purge_protection = known.soft_delete && dice.flip();
            *protects = Known::Is(dice.pick(&[Vec::new(), vec![scene::log_storage()]]));
            dice.blur(vault);
            dice.blur(protects);
        }
        World::Vault { vault, deleted, companions } => {
            let mut kept = scene::deleted_vault(&dice.pick(&[scene::other_vault(), scene::other_vault(), scene::log_vault()]));
            kept.purge_protection = dice.flip();
            read(companions).truncate(usize::try_from(dice.roll(3)).unwrap());
            if dice.flip() {
                (*vault, *deleted) = (Known::Absent, Known::Is(kept));
            }
            dice.blur(vault);
            dice.blur(deleted);
            dice.blur(companions);
        }
        World::VaultObject { object, deleted } => {
            let known = read(object);
            (known.enabled, known.managed) = (dice.flip(), dice.roll(4) == 0);
            if let Some(inventory) = memory_object {
                inventory.enabled = dice.pick(&[None, Some(true), Some(false)]);
            }
            if dice.flip() {
                let mut kept = scene::deleted_object();
                kept.managed = dice.roll(4) == 0;
                (*object, *deleted) = (Known::Absent, Known::Is(kept));
            }
            dice.blur(object);
            dice.blur(deleted);
        }
        World::RotationPolicy { object, rotation } => {
            read(object).managed = dice.roll(4) == 0;
            read(rotation).rotate_after = dice.pick(&[None, Some("P1Y".to_owned()), Some("P18M".to_owned())]);
            dice.blur(object);
            dice.blur(rotation);
        }
        World::StorageProtection { .. } => shuffle_storage(&mut scene.world, dice),
        World::LogEncryption { .. } => shuffle_encryption(&mut scene.world, dice),
        World::AuditContainer { account, uses, container, deleted_version, immutability } => {
            let policy = read(immutability);
            (policy.days, policy.locked, policy.append_allowed) = (dice.pick(&[1, 90, 5000]), dice.flip(), dice.flip());
            read(container).version_level_immutability = dice.roll(4) == 0;
            if dice.roll(3) == 0 {
                *immutability = Known::Absent;
            }
            if dice.roll(3) == 0 {
                let version = dice.pick(&[Known::Absent, Known::Is("01D5".to_owned()), unreadable()]);
                (*container, *immutability, *deleted_version) = (Known::Absent, Known::Absent, version);
            }
            if dice.roll(3) == 0 {
                *uses = Known::Is([dice.pick(&[LogUse::Configured, LogUse::VaultAudit])].into());
            }
            dice.blur(account);
            dice.blur(uses);
        }
        World::DatabaseAuditing { .. } => shuffle_auditing(&mut scene.world, dice),
        World::VaultLogging { vault, settings } => {
            random_settings(settings, dice, &["AuditEvent", "AzurePolicyEvaluationDetails"]);
            dice.blur(vault);
        }
        World::Alerts { settings, alerts, group, .. } => {
            random_settings(settings, dice, &["Administrative", "Alert", "Policy", "Security", "Autoscale"]);
            read(alerts).retain(|_| dice.flip());
            for alert in read(alerts) {
                (alert.enabled, alert.is_narrowed) = (dice.flip(), dice.roll(4) == 0);
            }
            (read(group).enabled, read(group).receivers) = (dice.flip(), dice.pick(&[0, 2]));
            dice.blur(alerts);
            dice.blur(group);
        }
    }
}

/// Shuffles the key of an account, and the key that it must have.
fn shuffle_encryption(world: &mut World, dice: &mut Dice) {
    let World::LogEncryption { account, uses, approved, present_identity_may_use_key } = world else { return };
    let known = read(account);
    let keys =
        ["https://kv-logs.vault.azure.net/keys/logs", "https://kv-evil.vault.azure.net/keys/a", "https://kv-logs.vault.azure.net/keys/b/1"];
    known.customer_managed = dice.roll(3) > 0;
    known.key = Some(KeyReference::parse(dice.pick(&keys)).unwrap()).filter(|_| known.customer_managed);
    let identities = [scene::log_identity(), scene::id("Microsoft.ManagedIdentity/userAssignedIdentities/other")];
    known.identities = identities.iter().filter(|_| dice.flip()).cloned().collect();
    known.key_identity = known.identities.first().cloned();
    known.system_identity = dice.flip();
    *present_identity_may_use_key = if known.customer_managed { Known::Is(dice.flip()) } else { Known::Absent };
    let key = read(approved);
    key.identity_may_use_key = Known::Is(dice.flip());
    if dice.roll(5) == 0 {
        read(&mut key.vault).access_by_roles = false;
    }
    if dice.roll(5) == 0 {
        read(&mut key.vault).purge_protection = false;
    }
    if dice.roll(5) == 0 {
        read(&mut key.object).enabled = false;
    }
    if dice.roll(3) == 0 {
        dice.blur(&mut key.vault);
        dice.blur(&mut key.object);
        dice.blur(&mut key.identity_principal);
        dice.blur(&mut key.identity_may_use_key);
        dice.blur(account);
        dice.blur(uses);
        dice.blur(approved);
        dice.blur(present_identity_may_use_key);
    }
}

/// Shuffles the auditing of a database server.
fn shuffle_auditing(world: &mut World, dice: &mut Dice) {
    let World::DatabaseAuditing { server, sql, identity_may_write, parameters, settings, .. } = world else { return };
    if let Known::Is(known) = sql {
        let endpoint = Some("https://stother.blob.core.windows.net".to_owned());
        (known.enabled, known.to_azure_monitor, known.by_identity) = (dice.flip(), dice.flip(), dice.flip());
        (known.storage_endpoint, known.retention_days) = (dice.pick(&[None, endpoint]), dice.pick(&[0, 1, 90, 3000]));
        known.properties["retentionDays"] = json!(known.retention_days);
        known.properties["storageEndpoint"] = json!(known.storage_endpoint);
        known.properties["isAzureMonitorTargetEnabled"] = json!(known.to_azure_monitor);
        known.properties["isManagedIdentityInUse"] = json!(known.by_identity);
        known.properties["auditActionsAndGroups"] = dice.pick(&[json!([]), json!(["BATCH_COMPLETED_GROUP"]), Value::Null]);
        *identity_may_write = Known::Is(dice.flip());
        dice.blur(identity_may_write);
    }
    for parameter in parameters.value().cloned().unwrap_or_default() {
        let values = ["", "none", "off", "on", "all", "all,-ddl", "read,-all", "write", "pgaudit", "CONNECTION_V2", &parameter.value];
        if let Some(known) = read(parameters).iter_mut().find(|known| known.name == parameter.name) {
            dice.pick(&values).clone_into(&mut known.value);
        }
    }
    dice.blur(server);
    dice.blur(sql);
    dice.blur(parameters);
    random_settings(settings, dice, &["PostgreSQLLogs", "MySqlAuditLogs", "MySqlSlowLogs"]);
}

/// Shuffles the blob service of an account.
fn shuffle_storage(world: &mut World, dice: &mut Dice) {
    let World::StorageProtection { account, service, uses } = world else { return };
    let known = read(service);
    let days = [None, Some(1), Some(29), Some(31), Some(365)];
    (known.delete_retention_days, known.container_delete_retention_days) = (dice.pick(&days), dice.pick(&days));
    known.versioning = dice.flip();
    let policy = |days: Option<u32>| days.map_or(json!({ "enabled": false }), |days| json!({ "enabled": true, "days": days }));
    known.properties["deleteRetentionPolicy"] = policy(known.delete_retention_days);
    known.properties["containerDeleteRetentionPolicy"] = policy(known.container_delete_retention_days);
    known.properties["isVersioningEnabled"] = json!(known.versioning);
    if known.delete_retention_days.is_some_and(|days| days > 20) {
        known.properties["restorePolicy"] = json!({ "enabled": true, "days": 20 });
    }
    if dice.roll(4) == 0 {
        known.properties = Value::Null;
    }
    dice.blur(account);
    dice.blur(service);
    dice.blur(uses);
}

/// Settings of other people, which write elsewhere than ours would, and perhaps one of ours.
fn random_settings(settings: &mut Known<Vec<DiagnosticSetting>>, dice: &mut Dice, categories: &[&str]) {
    let mut all: Vec<DiagnosticSetting> = Vec::new();
    for number in 0..dice.roll(6) {
        let mut other = scene::setting(&format!("corp-{number}"), &[dice.pick(categories)]);
        other.storage = Some(scene::id(&format!("Microsoft.Storage/storageAccounts/st{number}"))).filter(|_| dice.flip());
        all.push(other);
    }
    if all.len() < 5 && dice.flip() {
        let mut ours = scene::setting("REPRIEVE", &[dice.pick(categories)]);
        ours.storage = dice.pick(&[None, Some(scene::log_storage()), Some(scene::id("Microsoft.Storage/storageAccounts/stevil"))]);
        ours.workspace = dice.pick(&[None, Some(scene::id("Microsoft.OperationalInsights/workspaces/law"))]);
        if dice.flip() {
            (ours.event_hub_rule, ours.event_hub_name) =
                (Some(scene::event_hub_rule("send")), Some(dice.pick(&["vault-audit", "else"]).to_owned()));
        }
        all.push(ours);
    }
    *settings = Known::Is(all);
    dice.blur(settings);
}

fn random_scene(seed: u64) -> Scene {
    let mut dice = Dice(seed);
    let (_, whole) = dice.pick(&WHOLE);
    let mut scene = whole();
    shuffle(&mut scene, &mut dice);
    wishes(&mut scene, &mut dice);
    scene
}

/// Says what is destroying about a change, in its name, its target and all that it holds.
fn destroys(change: &Change) -> Option<String> {
    let name = change.name();
    let words = ["Delete", "Purge", "Remove", "Revoke", "Unlock", "Disable", "Clear", "Regenerate"];
    if let Some(word) = words.into_iter().find(|word| name.contains(word)) {
        return Some(format!("its name says `{word}`"));
    }
    let target = change.target().to_lowercase();
    if ["purge", "/deletedvaults", "/deletedmanagedhsms", "/clear"].iter().any(|word| target.contains(word)) && !is_alert(change) {
        return Some(format!("its target is `{target}`"));
    }
    destroying_value("", &serde_json::to_value(change).unwrap(), is_alert(change))
}

const fn is_alert(change: &Change) -> bool {
    matches!(change, Change::PutActivityLogAlert { .. })
}

/// Nothing is switched off, and nothing but the condition of an alert speaks of purging.
fn destroying_value(name: &str, value: &Value, is_alert: bool) -> Option<String> {
    let is_switch = name.eq_ignore_ascii_case("enabled") || name == "purge_protection" || name == "soft_delete";
    match value {
        Value::Bool(false) if is_switch => Some(format!("it switches `{name}` off")),
        Value::String(text) if text.eq_ignore_ascii_case("disabled") => Some(format!("`{name}` is `{text}`")),
        Value::String(text) if !is_alert && text.to_lowercase().contains("purge") => Some(format!("`{name}` is `{text}`")),
        Value::Array(values) => values.iter().find_map(|value| destroying_value(name, value, is_alert)),
        Value::Object(values) => values.iter().find_map(|(name, value)| destroying_value(name, value, is_alert)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_sound(mut scene: Scene) -> Result<(), TestCaseError> {
    let first = scene.plan();
    for change in &first.changes {
        prop_assert_eq!(destroys(change), None, "{}", change);
        prop_assert!(scene.desired.lock_immutability || !matches!(change, Change::LockImmutabilityPolicy { .. }), "nobody asked to lock");
        let outcome = apply(&mut scene, change);
        prop_assert_eq!(outcome, Ok(()), "{}", change);
    }
    prop_assert_eq!(first.changes.is_empty(), first.found(Remedy::Mended).next().is_none(), "{:#?}", first);
    let second = scene.plan();
    prop_assert!(second.changes.is_empty(), "after {:#?} {:#?}", first, second);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_destroys_nothing_is_refused_nothing_and_needs_one_round(seed in any::<u64>()) {
        is_sound(random_scene(seed))?;
    }
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    for (what, whole) in WHOLE {
        let mut scene = whole();
        let as_json = serde_json::to_value(&scene.world).unwrap();
        scene.world = serde_json::from_value(unread(as_json)).unwrap();
        let plan = scene.plan();
        assert!(plan.changes.is_empty(), "{what}: {plan:#?}");
        assert!(plan.found(Remedy::Unreadable).next().is_some(), "{what}: {plan:#?}");
    }
}

/// Makes every fact of a world unreadable.
fn unread(mut world: Value) -> Value {
    for (name, fact) in world.as_object_mut().unwrap() {
        if name != "aspect" && name != "engine" {
            *fact = json!({ "unreadable": "`AuthorizationFailed`" });
        }
    }
    world
}
