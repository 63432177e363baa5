//! Whose doing is what is found while a case is open.

use reprieve_core::Known;
use reprieve_core::azure::decide::{Blame, blame};
use reprieve_core::azure::id::KeyReference;
use reprieve_core::azure::memory::Case as OpenCase;
use reprieve_core::azure::world::{BlobService, LogUse, World};
use serde_json::json;

use super::cases;
use super::scene::{
    Scene, alerts, deleted_object, log_encryption, read, recovering, setting, sql_auditing, storage_protection, time, unreadable,
    vault_logging, vault_object,
};
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

#[test]
fn what_is_left_is_known_again_in_whatever_words_it_is_told() {
    for (what, all, left) in weakened_and_in_part_restored() {
        assert!(!left.plan().is_whole(), "{what}");
        assert_ne!(left.plan().findings, all.plan().findings, "{what}");
        assert_eq!(blamed(&left, &all.world, NEXT_DAY), Blame::OfCase, "{what}: {:#?}", left.plan());
        assert_eq!(blamed(&all, &left.world, NEXT_DAY), Blame::Beyond, "{what}: {:#?}", all.plan());
    }
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
}
