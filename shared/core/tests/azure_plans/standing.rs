//! Whose doing is what is found while a case is open.

use reprieve_core::Known;
use reprieve_core::azure::decide::{Blame, blame};
use reprieve_core::azure::id::KeyReference;
use reprieve_core::azure::memory::Case as OpenCase;
use reprieve_core::azure::world::{BlobService, LogUse, World};
use serde_json::json;

use super::scene::{
    Scene, alerts, audit_container, deleted_object, log_encryption, parameter, postgresql, read, recovering, setting, sql_auditing,
    storage_protection, time, unreadable, vault_logging, vault_object,
};
use super::{Whole, cases};
use crate::facts;

/// Returns whose doing is what a scene shows, where the case was kept over this world.
fn blamed(scene: &Scene, found: &World, now: &str) -> Blame {
    let case = OpenCase { found: Some(Box::new(found.clone())), ..recovering() };
    blame(&case, &scene.subject, &scene.plan(), (&scene.world, &scene.memory), &scene.desired, time(now))
}

const NEXT_DAY: &str = "2026-11-21T10:00:00Z";

#[test]
fn what_was_found_is_of_the_case() {
    for case in cases() {
        let scene = case.scene();
        assert_eq!(blamed(&scene, &scene.world, NEXT_DAY), Blame::OfCase, "{}", case.what);
    }
}

#[test]
fn a_case_that_does_not_say_what_was_found_blames_nobody() {
    let mut scene = storage_protection();
    facts!(scene, StorageProtection: service);
    read(service).versioning = false;
    let seen = (&scene.world, &scene.memory);
    assert_eq!(blame(&recovering(), &scene.subject, &scene.plan(), seen, &scene.desired, time(NEXT_DAY)), Blame::Unsaid);
}

#[test]
fn more_than_was_found_is_beyond_the_case_and_less_is_not() {
    let mut scene = storage_protection();
    facts!(scene, StorageProtection: service);
    read(service).delete_retention_days = None;
    let less = scene.clone();
    facts!(scene, StorageProtection: service);
    read(service).versioning = false;
    assert_eq!(blamed(&scene, &less.world, NEXT_DAY), Blame::Beyond);
    assert_eq!(blamed(&less, &scene.world, NEXT_DAY), Blame::OfCase);
}

/// Several weakenings of one scene, and what is left of them where some were made good.
fn weakened_and_in_part_restored() -> Vec<(&'static str, Scene, Scene)> {
    let mut storage = storage_protection();
    facts!(storage, StorageProtection: service);
    *read(service) = BlobService::default();
    let mut versions_off = storage_protection();
    facts!(versions_off, StorageProtection: service);
    read(service).versioning = false;

    let mut server = sql_auditing();
    facts!(server, DatabaseAuditing: sql, identity_may_write);
    (read(sql).by_identity, read(sql).retention_days, *identity_may_write) = (false, 1, Known::Is(false));
    let kept_too_short = server.clone();
    facts!(server, DatabaseAuditing: sql);
    read(sql).properties["auditActionsAndGroups"] = json!([]);

    let exporting = |categories: &[&str]| {
        let mut scene = alerts();
        facts!(scene, Alerts: settings);
        *settings = Known::Is(vec![setting("activity", categories)]);
        scene
    };

    let mut silent = vault_logging();
    facts!(silent, VaultLogging: settings);
    *settings = Known::Is(Vec::new());
    let mut heard = vault_logging();
    facts!(heard, VaultLogging: settings);
    read(settings)[0].storage = None;
    vec![
        ("protection of storage", storage, versions_off),
        ("auditing by an access key", server, kept_too_short),
        ("exported categories", exporting(&["Administrative"]), exporting(&["Administrative", "Alert"])),
        ("audit events of a vault", silent, heard),
    ]
}

/// Weakenings that are measured, and what is left of them where they were made good by half.
const HALF_RESTORED: [(&str, Whole, Whole); 7] = [
    ("no soft delete", || soft_delete(None), || soft_delete(Some(5))),
    ("days of soft delete", || soft_delete(Some(1)), || soft_delete(Some(5))),
    ("no immutability", || immutable_for(None), || immutable_for(Some(5))),
    ("days of immutability", || immutable_for(Some(1)), || immutable_for(Some(5))),
    ("days of immutability that was locked with them", || immutable_for(Some(1)), || locked_for(5)),
    ("days of auditing", || audited_for(1), || audited_for(5)),
    ("audited classes", || auditing_classes("none"), || auditing_classes("all,-ddl")),
];

fn soft_delete(days: Option<u32>) -> Scene {
    let mut scene = storage_protection();
    facts!(scene, StorageProtection: service);
    (read(service).delete_retention_days, read(service).container_delete_retention_days) = (days, days);
    scene
}

fn immutable_for(days: Option<u32>) -> Scene {
    let mut scene = audit_container();
    facts!(scene, AuditContainer: immutability);
    match days {
        Some(days) => read(immutability).days = days,
        None => *immutability = Known::Absent,
    }
    scene
}

fn locked_for(days: u32) -> Scene {
    let mut scene = immutable_for(Some(days));
    facts!(scene, AuditContainer: immutability);
    read(immutability).locked = true;
    scene
}

fn audited_for(days: u32) -> Scene {
    let mut scene = sql_auditing();
    facts!(scene, DatabaseAuditing: sql);
    read(sql).retention_days = days;
    scene
}

fn auditing_classes(classes: &str) -> Scene {
    let mut scene = postgresql();
    facts!(scene, DatabaseAuditing: parameters);
    read(parameters).retain(|parameter| parameter.name != "pgaudit.log");
    read(parameters).push(parameter("pgaudit.log", classes));
    scene
}

#[test]
fn what_is_left_is_known_again_in_whatever_words_it_is_told() {
    let half_restored = HALF_RESTORED.into_iter().map(|(what, all, left)| (what, all(), left()));
    for (what, all, left) in weakened_and_in_part_restored().into_iter().chain(half_restored) {
        assert!(!left.plan().is_whole(), "{what}");
        assert_ne!(left.plan().findings, all.plan().findings, "{what}");
        assert_eq!(blamed(&left, &all.world, NEXT_DAY), Blame::OfCase, "{what}: {:#?}", left.plan());
        assert_eq!(blamed(&all, &left.world, NEXT_DAY), Blame::Beyond, "{what}: {:#?}", all.plan());
    }
}

#[test]
fn what_was_kept_for_ever_and_is_no_longer_is_beyond_the_case() {
    assert_eq!(blamed(&audited_for(5), &audited_for(0).world, NEXT_DAY), Blame::Beyond);
}

#[test]
fn a_policy_that_came_back_without_appends_is_beyond_the_case() {
    let mut scene = immutable_for(Some(5));
    facts!(scene, AuditContainer: immutability);
    read(immutability).append_allowed = false;
    assert_eq!(blamed(&scene, &immutable_for(None).world, NEXT_DAY), Blame::Beyond);
}

#[test]
fn another_key_is_beyond_the_case() {
    let under = |key: &str| {
        let mut scene = log_encryption();
        facts!(scene, LogEncryption: account);
        read(account).key = Some(KeyReference::parse(key).unwrap());
        scene
    };
    let partners = under("https://kv-partner.vault.azure.net/keys/theirs");
    let evil = under("https://kv-evil.vault.azure.net/keys/mine");
    assert_eq!(blamed(&evil, &partners.world, NEXT_DAY), Blame::Beyond);
    let unread = |scene: &Scene| {
        let mut scene = scene.clone();
        facts!(scene, LogEncryption: approved);
        *approved = unreadable();
        scene
    };
    assert_eq!(blamed(&unread(&evil), &partners.world, NEXT_DAY), Blame::Beyond, "the key was read, whatever else was not");
    assert_eq!(blamed(&unread(&partners), &unread(&partners).world, NEXT_DAY), Blame::OfCase);
}

#[test]
fn what_cannot_be_read_and_what_is_around_tell_of_nothing_more() {
    let mut weak = storage_protection();
    facts!(weak, StorageProtection: service);
    read(service).versioning = false;
    let mut unread = weak.clone();
    facts!(unread, StorageProtection: service);
    *service = unreadable();
    let mut keeps_more = weak.clone();
    facts!(keeps_more, StorageProtection: uses);
    read(uses).insert(LogUse::VaultAudit);
    read(uses).insert(LogUse::Configured);
    for scene in [unread, keeps_more] {
        assert_eq!(blamed(&scene, &weak.world, NEXT_DAY), Blame::OfCase, "{:?}", scene.world);
    }
}

#[test]
fn a_deletion_is_itself_until_it_is_purged_at_its_time() {
    let deleted_at = |since: &str, purged: &str| {
        let mut scene = vault_object();
        facts!(scene, VaultObject: object, deleted);
        let mut kept = deleted_object();
        (kept.deleted_at, kept.purge_at) = (Some(time(since)), Some(time(purged)));
        (*object, *deleted) = (Known::Absent, Known::Is(kept));
        scene
    };
    let first = deleted_at("2026-11-20T10:00:00Z", "2027-02-18T10:00:00Z");
    let second = deleted_at("2026-11-21T09:00:00Z", "2027-02-19T09:00:00Z");
    let mut gone = vault_object();
    facts!(gone, VaultObject: object);
    *object = Known::Absent;
    let rows = [
        (&second, NEXT_DAY, Blame::Beyond),
        (&gone, NEXT_DAY, Blame::Beyond),
        (&gone, "2027-02-18T10:00:00Z", Blame::OfCase),
        // Azure takes its time to purge.
        (&first, "2027-02-18T12:00:00Z", Blame::OfCase),
    ];
    for (scene, now, expected) in rows {
        assert_eq!(blamed(scene, &first.world, now), expected, "{now}: {:?}", scene.world);
    }
    assert_eq!(blamed(&first, &gone.world, NEXT_DAY), Blame::OfCase, "it was only not listed yet");
    assert_eq!(blamed(&second, &gone.world, NEXT_DAY), Blame::Beyond, "it is another of the same name");
}
