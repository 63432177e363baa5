//! The loop: each hour is sealed once, whatever ends the process and whoever else seals; nothing that was written is forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_engine::{Clock as _, Disposition, EvidenceStore as _, Sealed, Sealer, SealerSettings, SealingError};
use reprieve_evidence::layout::{self, Shelf};
use reprieve_evidence::seal::{Options, Place, Report, Seal, SealKeys, Unsealed, Verdict};
use reprieve_test_support::{FakeClock, FakeEvidenceStore, FakeSealSigner, finish};

use crate::archive::{hour, keys, names, sign, time, verify_at, verify_with};

const ARCHIVE: &str = "arn:aws:s3:::evidence";

struct World {
    clock: FakeClock,
    store: FakeEvidenceStore,
    signer: FakeSealSigner,
    settings: SealerSettings,
}

impl World {
    fn at(now: &str) -> Self {
        let clock = FakeClock::at(time(now));
        let store = FakeEvidenceStore::new(clock.clone());
        Self { clock, store, signer: FakeSealSigner::new(1), settings: SealerSettings::of(ARCHIVE) }
    }

    fn sealer(&self) -> Sealer<FakeEvidenceStore, FakeSealSigner, FakeClock> {
        Sealer::new(self.store.clone(), self.signer.clone(), self.clock.clone(), self.settings.clone())
    }

    fn seal(&self) -> Result<Sealed, SealingError> {
        finish(self.sealer().seal()).unwrap()
    }

    fn seal_until(&self, until: Timestamp) -> Result<Sealed, SealingError> {
        finish(self.sealer().seal_until(until)).unwrap()
    }

    /// Writes a record of what happened then, now or whenever else.
    fn write(&self, happened: &str, file: &str, written: &str) -> String {
        let name = format!("{}hour=00/account=1/region=r/{file}.json", Shelf::Decisions.day(time(happened)));
        self.store.place(&name, format!("{{\"id\":\"{file}\"}}"), time(written));
        name
    }

    fn seals(&self) -> Vec<Seal> {
        let files = self.store.objects();
        names(&files, layout::SEALS).iter().filter_map(|name| Seal::parse(&files[name]).ok()).collect()
    }

    /// Returns which objects each seal seals, by the ends of their names.
    fn lists(&self) -> Vec<Vec<String>> {
        let end = |name: &str| name.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned();
        self.seals().iter().map(|seal| seal.objects.iter().map(|object| end(&object.name)).collect()).collect()
    }

    fn verify(&self) -> Report {
        verify_with(&self.store.objects(), None, keys(), Options { unsealed: Unsealed::Awaiting, ..Options::default() })
    }

    /// What the command says of a bucket at this time, and how many objects wait in it.
    fn verify_by_store_time(&self) -> (Verdict, u64) {
        let listed = finish(self.store.list(layout::AUDIT)).unwrap().unwrap();
        let modified: BTreeMap<String, Timestamp> = listed.into_iter().map(|object| (object.name, object.modified)).collect();
        let options = Options { unsealed: Unsealed::ByStoreTime, ..Options::default() };
        let report = verify_at(self.clock.now(), &self.store.objects(), |name| modified.get(name).copied(), keys(), options);
        (report.verdict, report.awaiting)
    }

    fn assert_whole(&self, awaiting: u64) {
        let report = self.verify();
        assert_eq!((report.verdict, report.awaiting), (Verdict::Ok, awaiting), "{report:#?}");
    }
}

/// P111
#[test]
fn every_whole_hour_gets_a_seal_empty_or_not_after_the_margin() {
    let world = World::at("2026-11-21T08:09:59Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:02Z");
    world.write("2026-11-21T07:59:00Z", "b", "2026-11-21T07:59:59Z");
    let sealed = world.seal().unwrap();
    assert_eq!((sealed.sealed, sealed.from, sealed.until), (2, Some(hour(0)), Some(hour(2))));
    world.clock.advance(SignedDuration::from_secs(1));
    let sealed = world.seal().unwrap();
    assert_eq!((sealed.sealed, sealed.objects, sealed.from, sealed.until), (1, 1, Some(hour(2)), Some(hour(3))));
    assert_eq!(world.lists(), [vec!["a"], vec![], vec!["b"]]);
    assert_eq!(world.seal().unwrap(), Sealed { last_seal: sealed.last_seal, ..Sealed::default() });
    world.assert_whole(0);
    assert_eq!(world.store.objects()[layout::PUBLIC_KEY], world.signer.pem().into_bytes());
}

#[test]
fn an_archive_without_objects_is_sealed_from_the_last_hour_on() {
    let world = World::at("2026-11-21T08:30:00Z");
    assert_eq!(world.seal().unwrap().from, Some(hour(2)));
    assert_eq!(world.lists(), [Vec::<String>::new()]);
}

#[test]
fn an_archive_is_sealed_from_the_hour_of_its_first_object_on() {
    let world = World::at("2026-11-21T08:30:00Z");
    world.write("2026-11-21T08:10:00Z", "a", "2026-11-21T08:10:00Z");
    assert_eq!(world.seal().unwrap(), Sealed::default());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.seal().unwrap().from, Some(hour(3)));
    world.assert_whole(0);
}

#[test]
fn an_object_on_the_edge_of_an_hour_is_sealed_once() {
    let world = World::at("2026-11-21T08:30:00Z");
    world.write("2026-11-21T05:00:00Z", "first", "2026-11-21T05:00:00Z");
    world.write("2026-11-21T05:59:00Z", "last-second", "2026-11-21T05:59:59Z");
    world.write("2026-11-21T05:59:59Z", "edge", "2026-11-21T06:00:00Z");
    world.seal().unwrap();
    assert_eq!(world.lists(), [vec!["first", "last-second"], vec!["edge"], vec![]]);
    world.assert_whole(0);
}

#[test]
fn what_the_seal_before_could_not_see_is_sealed_by_the_next() {
    let world = World::at("2026-11-21T06:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    // The store stamps an object with when its writing began; it can be seen when that ends.
    world.write("2026-11-21T05:50:00Z", "slow", "2026-11-21T05:55:00Z");
    world.clock.advance(SignedDuration::from_hours(1));
    world.seal().unwrap();
    assert_eq!(world.lists(), [vec!["a"], vec!["slow"]]);
    world.assert_whole(0);
}

#[test]
fn a_late_event_is_sealed_in_the_hour_in_which_it_was_written() {
    let world = World::at("2026-11-21T07:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.write("2026-11-06T05:10:00Z", "two-weeks-late", "2026-11-21T06:40:00Z");
    world.seal().unwrap();
    assert_eq!(world.lists(), [vec!["a"], vec!["two-weeks-late"]]);
}

#[test]
fn what_tells_of_long_ago_is_sealed_by_the_first_seal_of_the_next_day() {
    let world = World::at("2026-11-21T06:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    world.write("2025-01-01T00:00:00Z", "of-last-year", "2026-11-21T07:00:00Z");
    world.store.place("audit/elsewhere", b"", time("2026-11-21T23:59:59Z"));
    world.clock.set(time("2026-11-21T12:30:00Z"));
    world.seal().unwrap();
    assert_eq!(world.lists().concat(), ["a"]);
    world.assert_whole(2);
    // The whole archive is listed for the first seal of all, and of a day.
    let whole = || world.store.listed().iter().filter(|prefix| *prefix == layout::AUDIT).count();
    assert_eq!(whole(), 1);
    world.clock.set(time("2026-11-22T01:30:00Z"));
    world.seal().unwrap();
    let seals = world.seals();
    let first_of_day = seals.iter().find(|seal| seal.head.from == time("2026-11-22T00:00:00Z")).unwrap();
    assert_eq!(first_of_day.objects.iter().map(|object| object.name.contains("of-last-year")).collect::<Vec<_>>(), [true]);
    assert_eq!(whole(), 2);
    world.assert_whole(0);
}

#[test]
fn what_tells_of_long_ago_is_no_problem_in_a_bucket_until_that_seal_passed_it_by() {
    let world = World::at("2026-11-21T06:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    world.write("2026-10-22T00:00:00Z", "of-last-month", "2026-11-21T07:00:00Z");
    for now in ["2026-11-21T08:30:00Z", "2026-11-21T23:30:00Z", "2026-11-22T00:30:00Z"] {
        world.clock.set(time(now));
        world.seal().unwrap();
        assert_eq!(world.verify_by_store_time(), (Verdict::Ok, 1), "{now}");
    }
    world.clock.set(time("2026-11-22T01:30:00Z"));
    world.seal().unwrap();
    assert_eq!(world.verify_by_store_time(), (Verdict::Ok, 0));
    world.write("2026-10-22T00:00:00Z", "passed-by", "2026-11-21T07:00:00Z");
    assert_eq!(world.verify_by_store_time(), (Verdict::Problems, 0));
}

#[test]
fn evidence_after_sealing_stopped_is_a_problem_in_a_bucket() {
    let world = World::at("2026-11-21T06:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    world.write("2026-11-21T06:20:00Z", "b", "2026-11-21T06:20:00Z");
    assert_eq!(world.verify_by_store_time(), (Verdict::Ok, 1));
    world.clock.set(time("2026-12-01T06:30:00Z"));
    assert_eq!(world.verify_by_store_time(), (Verdict::Problems, 0));
    world.seal().unwrap();
    assert_eq!(world.verify_by_store_time(), (Verdict::Ok, 0));
}

#[test]
fn hours_that_were_not_sealed_for_days_are_caught_up_one_by_one() {
    let world = World::at("2026-11-21T06:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    for (day, written) in [(22, "2026-11-22T03:00:00Z"), (23, "2026-11-23T23:59:59Z"), (24, "2026-11-24T00:00:00Z")] {
        world.write("2020-01-01T00:00:00Z", &format!("old-{day}"), written);
        world.write(written, &format!("new-{day}"), written);
    }
    world.clock.set(time("2026-11-24T02:20:00Z"));
    let sealed = world.seal().unwrap();
    assert_eq!((sealed.sealed, sealed.objects, sealed.is_more_due), (24 * 3 - 6 + 2, 6, false));
    world.assert_whole(0);
}

#[test]
fn a_run_makes_so_many_seals_at_most_and_the_next_goes_on() {
    let mut world = World::at("2026-11-21T12:30:00Z");
    world.settings.most_seals = 3;
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    let runs: Vec<_> = (0..3).map(|_| world.seal().unwrap()).map(|sealed| (sealed.sealed, sealed.is_more_due)).collect();
    assert_eq!(runs, [(3, true), (3, true), (1, false)]);
    world.assert_whole(0);
}

#[test]
fn a_partial_hour_is_sealed_and_the_rest_of_it_next() {
    let world = World::at("2026-11-21T06:29:59.25Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.write("2026-11-21T06:29:00Z", "b", "2026-11-21T06:29:59.2Z");
    let sealed = world.seal_until(time("2026-11-21T09:00:00Z")).unwrap();
    assert_eq!((sealed.sealed, sealed.until), (2, Some(time("2026-11-21T06:30:00Z"))));
    assert_eq!(world.seal_until(time("2026-11-21T06:30:00Z")).unwrap().sealed, 0);
    world.write("2026-11-21T06:30:00Z", "c", "2026-11-21T06:30:00Z");
    world.clock.set(time("2026-11-21T07:10:00Z"));
    world.seal().unwrap();
    assert_eq!(world.lists(), [vec!["a"], vec!["b"], vec!["c"]]);
    let ends: Vec<String> = world.seals().iter().map(|seal| seal.head.until.to_string()).collect();
    assert_eq!(ends, ["2026-11-21T06:00:00Z", "2026-11-21T06:30:00Z", "2026-11-21T07:00:00Z"]);
    world.assert_whole(0);
}

/// P111
#[test]
fn a_process_that_ends_at_any_call_leaves_nothing_sealed_twice_or_forgotten() {
    for after in [false, true] {
        for call in 1..400 {
            let world = World::at("2026-11-21T08:30:00Z");
            world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
            world.write("2026-11-21T07:10:00Z", "b", "2026-11-21T07:10:00Z");
            world.store.end_at(call, after);
            let ended = finish(world.sealer().seal()).is_none();
            world.store.go_on();
            world.write("2026-11-21T07:59:00Z", "c", "2026-11-21T07:59:00Z");
            world.clock.advance(SignedDuration::from_hours(1));
            world.seal().unwrap();
            world.assert_whole(0);
            let mut all = world.lists().concat();
            all.sort();
            assert_eq!((world.lists().len(), all), (4, vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]), "call {call}");
            if !ended {
                // Every call of a run was its last one once.
                assert!(call > 20, "{call}");
                break;
            }
        }
    }
}

#[test]
fn the_seal_of_a_faster_sealer_is_taken_and_followed() {
    let world = World::at("2026-11-21T08:30:00Z");
    let name = world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    let bytes = world.store.objects()[&name].clone();
    let object = reprieve_evidence::seal::SealedObject::measure(&name, &bytes);
    // The other one sealed a part of the hour.
    let until = time("2026-11-21T05:30:00Z");
    let theirs = sign(1, Place::first(ARCHIVE.to_owned(), hour(0), until), vec![object]);
    world.store.rival(&theirs.name(), theirs.to_bytes());
    let sealed = world.seal().unwrap();
    assert_eq!((sealed.sealed, sealed.by_others, sealed.objects, sealed.until), (3, 1, 0, Some(hour(3))));
    assert_eq!(world.lists(), [vec!["a"], vec![], vec![], vec![]]);
    world.assert_whole(0);
}

#[test]
fn the_seal_of_a_stranger_that_came_between_stops_sealing() {
    let world = World::at("2026-11-21T08:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    let theirs = sign(2, Place::first(ARCHIVE.to_owned(), hour(0), hour(1)), Vec::new());
    world.store.rival(&theirs.name(), theirs.to_bytes());
    assert_chain_error(&world, &theirs.name(), "no public key that was given has this fingerprint");
}

/// Expects that a human is woken: sealing stops at this seal, for good, and writes none.
fn assert_chain_error(world: &World, name: &str, why: &str) {
    let before = names(&world.store.objects(), layout::SEALS).len();
    let error = world.seal().unwrap_err();
    let SealingError::Chain { name: named, why: told } = &error else { panic!("{error}") };
    assert!(named == name && told.contains(why), "{error}");
    assert_eq!(error.disposition(), Disposition::Permanent);
    assert!(names(&world.store.objects(), layout::SEALS).len() <= before + 1);
    assert_eq!(world.seals().iter().filter(|seal| seal.verify(&keys()).is_ok() && seal.head.from >= hour(3)).count(), 0);
}

fn sealed_world() -> World {
    let world = World::at("2026-11-21T08:30:00Z");
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    world.seal().unwrap();
    world.clock.advance(SignedDuration::from_hours(2));
    world
}

/// P112
#[test]
fn a_newest_seal_that_cannot_be_followed_stops_sealing() {
    let newest = layout::seal(hour(2));
    let replaced = |change: &dyn Fn(Seal) -> Vec<u8>| {
        let world = sealed_world();
        let seal = world.seals().pop().unwrap();
        world.store.place(&newest, change(seal), hour(3));
        world
    };
    assert_chain_error(&replaced(&|_| b"{}".to_vec()), &newest, "it is no seal");
    let unsigned = |mut seal: Seal| {
        seal.signature = String::new();
        seal.to_bytes()
    };
    assert_chain_error(&replaced(&unsigned), &newest, "is no ES256 signature");
    let altered = |mut seal: Seal| {
        seal.head.sequence = 7;
        seal.to_bytes()
    };
    assert_chain_error(&replaced(&altered), &newest, "does not belong to its head");
    let foreign = |seal: Seal| sign(2, place_of(seal), Vec::new()).to_bytes();
    assert_chain_error(&replaced(&foreign), &newest, "fingerprint");
    let elsewhere = |seal: Seal| sign(1, Place { archive: "another".to_owned(), ..place_of(seal) }, Vec::new()).to_bytes();
    assert_chain_error(&replaced(&elsewhere), &newest, "it is of the archive `another`");
    let beside = |seal: Seal| sign(1, Place { from: hour(1), ..place_of(seal) }, Vec::new()).to_bytes();
    assert_chain_error(&replaced(&beside), &newest, "it belongs under");
    let forked =
        |seal: Seal| sign(1, Place { previous: Some(keys().fingerprints().next().unwrap()), ..place_of(seal) }, Vec::new()).to_bytes();
    assert_chain_error(&replaced(&forked), &layout::seal(hour(1)), "names another one before itself");
    let world = sealed_world();
    world.store.remove(&layout::seal(hour(1)));
    world.store.remove(&layout::seal(hour(0)));
    assert_chain_error(&world, &newest, "the seal before it is not there");
}

fn place_of(seal: Seal) -> Place {
    let reprieve_evidence::seal::Head { archive, sequence, previous, from, until, .. } = seal.head;
    Place { archive, sequence, previous, from, until }
}

#[test]
fn a_new_key_goes_on_where_the_former_one_is_known_and_stops_where_it_is_not() {
    let mut world = sealed_world();
    world.signer = FakeSealSigner::new(2);
    assert_chain_error(&world, &layout::seal(hour(2)), "fingerprint");
    world.settings.former_keys = keys();
    assert_eq!(world.seal().unwrap().sealed, 2);
    let mut both = keys();
    both.extend(SealKeys::parse(&world.signer.pem()).unwrap());
    assert_eq!(verify_with(&world.store.objects(), None, both, Options::default()).verdict, Verdict::Ok);
}

#[test]
fn an_old_chain_is_found_however_long_it_rested() {
    let world = sealed_world();
    world.clock.set(time("2027-02-01T00:15:00Z"));
    let sealed = world.seal().unwrap();
    assert_eq!((sealed.from, sealed.is_more_due, world.seals()[3].head.sequence), (Some(hour(3)), true, 4));
}

/// Signs something else than it was given.
struct Confused(FakeSealSigner);

impl reprieve_engine::SealSigner for Confused {
    fn key_id(&self) -> &str {
        self.0.key_id()
    }

    async fn sign(&self, _text: &[u8]) -> Result<Vec<u8>, reprieve_engine::CallError> {
        self.0.sign(b"something else").await
    }

    async fn public_key_pem(&self) -> Result<String, reprieve_engine::CallError> {
        self.0.public_key_pem().await
    }
}

#[test]
fn a_signature_that_would_not_hold_is_never_written() {
    let world = World::at("2026-11-21T08:30:00Z");
    let signer = Confused(FakeSealSigner::new(1));
    let sealer = Sealer::new(world.store.clone(), signer, world.clock.clone(), world.settings.clone());
    let error = finish(sealer.seal()).unwrap().unwrap_err();
    assert!(matches!(error, SealingError::Signature { .. }), "{error}");
    assert!(world.store.objects().is_empty());
}

#[test]
fn the_margin_is_as_configured() {
    let mut world = World::at("2026-11-21T06:00:30Z");
    world.settings.margin = Duration::from_secs(31);
    world.write("2026-11-21T05:10:00Z", "a", "2026-11-21T05:10:00Z");
    assert_eq!(world.seal().unwrap().sealed, 0);
    world.settings.margin = Duration::from_secs(30);
    assert_eq!(world.seal().unwrap().sealed, 1);
}
