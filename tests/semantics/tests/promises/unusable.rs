//! Promises of the sweep about keys that lost what they need to serve: their imported key material, or their key store.

use jiff::SignedDuration;
use reprieve_core::{Details, Event, EventForm, Inventory, KeyArn, KeyState, Serving, Severity, Status, Target, Threat};
use reprieve_test_support::event::{disable, event, time};
use reprieve_test_support::{Effect, FakeKey, Terms, World, guard, key, sealed_approval, world_with_key};

use crate::{denied, no_answer};

const STORE: &str = "cks-1234567890abcdef0";

/// Makes a key with imported key material, lets a sweep see that it serves, and lets an hour pass.
fn key_with_imported_material() -> (World, KeyArn) {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| {
        key.imported_material = true;
        key.aliases = vec!["alias/payments".to_owned()];
        key.tags.insert("owner".to_owned(), "team-payments".to_owned());
    });
    world.sweep("sweep-1");
    world.clock.advance(SignedDuration::from_hours(1));
    (world, key)
}

fn set_material(world: &World, key: &KeyArn, has_material: bool) {
    world.keys.change(key, |key| key.has_material = has_material);
}

/// Makes two keys in a key store, and lets a sweep see that they serve.
fn keys_in_a_store() -> (World, [KeyArn; 2]) {
    let (world, keys) = (guard().build(), [key("stored-a"), key("stored-b")]);
    for key in &keys {
        world.keys.create(key);
    }
    connect(&world, &keys, true);
    world.sweep("sweep-1");
    (world, keys)
}

fn connect(world: &World, keys: &[KeyArn], is_connected: bool) {
    for key in keys {
        world.keys.change(key, |key| key.key_store = Some((STORE.to_owned(), is_connected)));
    }
}

/// P35, P8, P56: lost key material of which no event told is told of once, with what depends on it, and again only when it is lost again.
#[test]
fn lost_key_material_is_told_once() {
    let (world, key) = key_with_imported_material();
    set_material(&world, &key, false);
    assert_eq!(world.keys.state(&key), KeyState::PendingImport);
    let report = world.sweep("sweep-2");
    assert_eq!((report.endangered, report.lost_events, report.open, report.given_back), (1, 1, 1, 0), "{report:?}");
    let [notice] = world.notices.notices().try_into().unwrap();
    assert_eq!(notice.severity, Severity::Critical);
    for said in ["Only importing the same key material again", "deleted or has expired", "alias/payments", "team-payments"] {
        assert!(notice.text().contains(said), "{said}: {}", notice.text());
    }
    let records = world.audit.records().len();
    for sweep in ["sweep-3", "sweep-4"] {
        world.clock.advance(SignedDuration::from_hours(1));
        let report = world.sweep(sweep);
        assert_eq!((report.endangered, report.lost_events, report.open), (1, 0, 1), "{report:?}");
    }
    assert_eq!((world.notices.notices().len(), world.audit.records().len()), (1, records));

    set_material(&world, &key, true);
    assert_eq!(world.sweep("sweep-5").endangered, 0);
    assert_eq!(world.ledger.case(&key), None);
    world.clock.advance(SignedDuration::from_hours(1));
    set_material(&world, &key, false);
    world.sweep("sweep-6");
    assert_eq!(world.notices.notices().len(), 2);
    assert!(world.journal.acts().is_empty());
}

/// P32, P40: what an event told is not told again by the sweep, whatever happens to other properties of the key meanwhile.
#[test]
fn key_material_whose_loss_was_told_is_not_told_again() {
    for (name, form) in [("DeleteImportedKeyMaterial", EventForm::ApiCall), ("DeleteExpiredKeyMaterial", EventForm::ServiceEvent)] {
        let (world, key) = key_with_imported_material();
        set_material(&world, &key, false);
        let lost = event(name).form(form).on(&key).at("2026-11-20T11:00:00Z").build();
        assert_eq!(world.settle(&lost).status, Status::Escalated, "{name}");
        let tagged = Details { tag_keys: vec!["team".to_owned()], ..Details::default() };
        world.settle(&event("TagResource").on(&key).at("2026-11-20T11:00:01Z").details(tagged).build());
        let told = world.notices.notices().len();
        for sweep in ["sweep-2", "sweep-3"] {
            world.clock.advance(SignedDuration::from_hours(1));
            assert_eq!(world.sweep(sweep).lost_events, 0, "{name}");
        }
        assert_eq!(world.notices.notices().len(), told, "{name}");
    }
}

/// P35, P33: a key that waits for its first key material has lost none, also a replica and one that was there before the guard.
#[test]
fn a_key_that_waits_for_its_first_key_material_is_no_loss() {
    for (id, is_announced) in [("new", true), ("mrk-1234abcd12ab34cd56ef1234567890ab", true), ("there-before", false)] {
        let (world, key) = (guard().build(), key(id));
        world.keys.put(&key, FakeKey { imported_material: true, has_material: false, ..FakeKey::default() });
        if is_announced {
            let details = Details { awaits_material: true, ..Details::default() };
            world.settle(&event("CreateKey").on(&key).details(details).build());
        }
        for sweep in ["sweep-1", "sweep-2"] {
            assert_eq!(world.sweep(sweep).endangered, 0, "{id}");
            world.clock.advance(SignedDuration::from_hours(1));
        }
        assert_eq!((world.notices.notices(), world.ledger.known(&key).inventory), (Vec::new(), None), "{id}");

        set_material(&world, &key, true);
        world.sweep("sweep-3");
        world.clock.advance(SignedDuration::from_hours(1));
        set_material(&world, &key, false);
        assert_eq!(world.sweep("sweep-4").endangered, 1, "{id}");
        assert_eq!(world.notices.notices().len(), 1, "{id}");
    }
}

/// P55: whose act it is says the log, so that an approved one stands.
#[test]
fn the_log_tells_who_deleted_key_material() {
    let deleted = |key: &KeyArn| event("DeleteImportedKeyMaterial").on(key).at("2026-11-20T11:30:00Z").build();
    let (world, key) = key_with_imported_material();
    set_material(&world, &key, false);
    world.circumstances.logged(deleted(&key));
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep("sweep-2");
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("mallory@example.com"), "{}", notice.text());
    assert!(!notice.text().contains("deleted or has expired"), "{}", notice.text());

    let (world, key) = key_with_imported_material();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("delete-material")));
    set_material(&world, &key, false);
    world.circumstances.logged(deleted(&key));
    for sweep in ["sweep-2", "sweep-3"] {
        world.clock.advance(SignedDuration::from_hours(1));
        let report = world.sweep(sweep);
        assert_eq!((report.standing, report.open), (1, 0), "{report:?}");
    }
    assert_eq!(world.notices.notices(), []);
}

/// P35: the loss of its key material is told also of a key that could not be enabled before, and once.
#[test]
fn lost_key_material_takes_the_place_of_an_open_case() {
    let (world, key) = key_with_imported_material();
    world.keys.disable(&key).unwrap();
    world.faults.fail_next("enable", 1, Effect::Before, denied());
    assert_eq!(world.settle(&disable(&key).at("2026-11-20T11:00:00Z").build()).status, Status::Failure);
    set_material(&world, &key, false);
    for sweep in ["sweep-2", "sweep-3"] {
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep(sweep);
    }
    assert_eq!(world.ledger.case(&key).unwrap().threat, Threat::MaterialDeleted);
    assert_eq!(world.notices.notices().len(), 2, "that it could not be enabled, and that its key material is lost");
}

/// P35: a key store that is not connected is told of once for all its keys, as its event would be.
#[test]
fn a_disconnected_key_store_is_told_once() {
    let (world, keys) = keys_in_a_store();
    world.clock.advance(SignedDuration::from_hours(1));
    connect(&world, &keys, false);
    assert_eq!(world.sweep("sweep-2").endangered, 2);
    let [notice] = world.notices.notices().try_into().unwrap();
    let announced = guard().build();
    announced.settle(&event("DisconnectCustomKeyStore").target(Target::KeyStore(STORE.to_owned())).build());
    let [as_announced] = announced.notices.notices().try_into().unwrap();
    assert_eq!((&notice.severity, &notice.headline), (&as_announced.severity, &as_announced.headline));
    assert!(notice.text().contains("with every key in it. Every key in it is unusable until ConnectCustomKeyStore"), "{}", notice.text());
    for sweep in ["sweep-3", "sweep-4"] {
        world.clock.advance(SignedDuration::from_hours(1));
        let report = world.sweep(sweep);
        assert_eq!((report.endangered, report.open), (2, 2), "{report:?}");
    }
    assert_eq!((world.notices.notices().len(), world.journal.acts()), (1, Vec::new()));

    connect(&world, &keys, true);
    assert_eq!(world.sweep("sweep-5").endangered, 0);
    assert!(keys.iter().all(|key| world.ledger.case(key).is_none()));
}

/// Makes the call that disconnects the key store.
fn disconnecting(id: &str, at: &str) -> Event {
    event("DisconnectCustomKeyStore").id(id).at(at).target(Target::KeyStore(STORE.to_owned())).build()
}

/// P35, P32: what the event of a key store told is not told again by a sweep that finds the call in the log, also where a key of the
/// store is meant to be disabled; another call is told.
#[test]
fn a_key_store_whose_event_arrived_is_told_once() {
    for is_disabled in [false, true] {
        let (world, keys) = keys_in_a_store();
        let [first, _] = &keys;
        if is_disabled {
            world.keys.disable(first).unwrap();
            let as_of = time("2026-11-01T00:00:00Z");
            world.ledger.remember(first, Inventory { serving: Serving::Disabled, as_of, rotation: None });
        }
        let call = disconnecting("disconnecting-1", "2026-11-20T10:30:00Z");
        connect(&world, &keys, false);
        world.clock.advance(SignedDuration::from_mins(30));
        assert_eq!(world.settle(&call).status, Status::Escalated, "{is_disabled}");
        world.circumstances.logged(call);
        for sweep in ["sweep-2", "sweep-3"] {
            world.clock.advance(SignedDuration::from_mins(30));
            assert_eq!(world.sweep(sweep).endangered, 2, "{is_disabled}");
            assert_eq!(world.notices.notices().len(), 1, "{is_disabled}: {sweep}");
            assert!(keys.iter().all(|key| world.ledger.case(key).is_some()), "{is_disabled}: {sweep}");
        }

        connect(&world, &keys, true);
        assert_eq!(world.sweep("sweep-4").endangered, 0, "{is_disabled}");
        assert!(keys.iter().all(|key| world.ledger.case(key).is_none()), "{is_disabled}");
        connect(&world, &keys, false);
        world.circumstances.logged(disconnecting("disconnecting-2", "2026-11-20T12:00:00Z"));
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep("sweep-5");
        assert_eq!(world.notices.notices().len(), 2, "{is_disabled}");
    }
}

/// P35: a key that is meant to be disabled says nothing by a call of long ago, after which its key store was connected again.
#[test]
fn an_old_call_does_not_silence_the_loss_of_a_key_store() {
    let (world, keys) = keys_in_a_store();
    for key in &keys {
        world.keys.disable(key).unwrap();
        world.ledger.remember(key, Inventory { serving: Serving::Disabled, as_of: time("2026-11-01T00:00:00Z"), rotation: None });
    }
    let call = disconnecting("disconnecting-1", "2026-11-18T10:00:00Z");
    world.settle(&call);
    world.circumstances.logged(call);
    connect(&world, &keys, false);
    world.sweep("sweep-2");
    assert_eq!(world.notices.notices().len(), 2);
}

/// P32, P35: a key store that was told is not told again, by any of its keys, where that could not be written down.
#[test]
fn a_key_store_that_could_not_be_written_down_is_told_once() {
    let world = guard().concurrency(1).build();
    let keys = [key("stored-a"), key("stored-b")];
    for key in &keys {
        world.keys.create(key);
    }
    connect(&world, &keys, true);
    world.sweep("sweep-1");
    connect(&world, &keys, false);
    world.faults.fail_next("append", 99, Effect::Before, no_answer());
    for sweep in ["sweep-2", "sweep-3"] {
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep(sweep);
        assert_eq!(world.notices.notices().len(), 1, "{sweep}");
    }
}

/// P55: who disconnected a key store says the log; of another key store it says nothing.
#[test]
fn the_log_tells_who_disconnected_a_key_store() {
    for (store, is_told) in [(STORE, true), ("cks-another", false)] {
        let (world, keys) = keys_in_a_store();
        let target = Target::KeyStore(store.to_owned());
        world.circumstances.logged(event("DisconnectCustomKeyStore").at("2026-11-20T10:30:00Z").target(target).build());
        connect(&world, &keys, false);
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep("sweep-2");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert_eq!(notice.text().contains("mallory@example.com"), is_told, "{store}: {}", notice.text());
    }
}

/// P39: a key that goes while its case is open is paged, once.
#[test]
fn a_key_that_goes_without_its_key_store_is_paged_once() {
    let (world, keys) = keys_in_a_store();
    connect(&world, &keys, false);
    world.sweep("sweep-2");
    for key in &keys {
        world.keys.lose(key);
    }
    for sweep in ["sweep-3", "sweep-4"] {
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep(sweep);
    }
    let told = world.notices.notices();
    assert_eq!(told.iter().filter(|notice| notice.text().contains("does not exist any more")).count(), 2, "{told:?}");
    assert_eq!(told.len(), 3);
    assert!(keys.iter().all(|key| world.ledger.case(key).is_none()));
}
