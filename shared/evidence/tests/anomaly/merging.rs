//! Baselines that were learned apart are one.

use proptest::prelude::*;
use reprieve_core::AuditEvent;
use reprieve_core::audit::Operation;
use reprieve_evidence::anomaly::{Baseline, Caps, NoPlaces, Settings};

use crate::entries::{at, entry};

fn any_entry() -> impl Strategy<Value = AuditEvent> {
    let operations = prop_oneof![Just(Operation::Decrypt), Just(Operation::Read), Just(Operation::Destroy)];
    (0..200_i64, 0..24_i64, 0..60_i64, 0..5_u8, 0..5_u8, 0..4_u8, operations, any::<bool>(), 0..20_u8).prop_map(
        |(day, hour, minute, role, secret, network, operation, is_refused, gap)| {
            let made = entry(at(day, hour, minute)).by(&format!("role-{role}")).on_secret(&format!("secret-{secret}"));
            let made = made.from(&format!("10.0.{network}.1")).doing("Call", operation);
            let mut event = if is_refused { made.refused().0 } else { made.0 };
            match gap {
                0 => event.event.time = None,
                1 => event.event.actor.role = None,
                2 => event.asset = None,
                3 => event.event.actor.source_address = None,
                _ => {}
            }
            event
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<AuditEvent>> {
    proptest::collection::vec(any_entry(), 0..40)
}

fn of(events: &[AuditEvent]) -> Baseline {
    let mut baseline = Baseline::new(Settings::default());
    for event in events {
        baseline.learn(event);
    }
    baseline
}

fn merged(left: &Baseline, right: &Baseline) -> Baseline {
    let mut sum = left.clone();
    sum.merge(right);
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_is_learning_it_all(one in entries(), other in entries()) {
        let all: Vec<AuditEvent> = one.iter().chain(&other).cloned().collect();
        prop_assert_eq!(merged(&of(&one), &of(&other)), of(&all));
    }

    /// P122
    #[test]
    fn merging_is_commutative_and_associative_to_the_byte(one in entries(), two in entries(), three in entries()) {
        let (one, two, three) = (of(&one), of(&two), of(&three));
        prop_assert_eq!(merged(&one, &two).to_bytes(), merged(&two, &one).to_bytes());
        prop_assert_eq!(merged(&merged(&one, &two), &three).to_bytes(), merged(&one, &merged(&two, &three)).to_bytes());
    }

    #[test]
    fn the_empty_baseline_adds_nothing(one in entries()) {
        let one = of(&one);
        prop_assert_eq!(merged(&one, &of(&[])), one.clone());
        prop_assert_eq!(merged(&of(&[]), &one), one);
    }

    #[test]
    fn the_order_of_learning_does_not_matter(events in entries(), seed in any::<u64>()) {
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|event| event.event.time.map_or(0, jiff::Timestamp::as_second).wrapping_mul(0x9e37).wrapping_add(seed.cast_signed()) % 997);
        prop_assert_eq!(of(&shuffled), of(&events));
    }

    #[test]
    fn what_was_learned_comes_back_from_bytes(events in entries()) {
        let mut baseline = of(&events);
        for event in &events {
            baseline.consider(event, at(201, 0, 0), &NoPlaces);
        }
        baseline.remember_log_file("file", at(201, 0, 0));
        let read = Baseline::from_bytes(&baseline.to_bytes(), Settings::default()).unwrap();
        prop_assert_eq!(&read, &baseline);
        for event in &events {
            prop_assert_eq!(read.score(event, at(201, 0, 0)), baseline.score(event, at(201, 0, 0)));
        }
    }

    #[test]
    fn with_caps_it_stays_within_them(events in proptest::collection::vec(any_entry(), 0..150)) {
        let caps = Caps { principals: 2, assets: 2, pairs: 3, pairs_of_principal: 2, networks: 2, hours: 3, ..Caps::default() };
        let mut baseline = Baseline::new(Settings { caps, ..Settings::default() });
        for event in &events {
            baseline.learn(event);
        }
        let size = baseline.size();
        prop_assert!(size.principals <= 2 && size.assets <= 2 && size.pairs <= 3);
    }
}

#[test]
fn a_lesson_taught_to_a_part_merges_to_the_same_whole() {
    let mut whole = crate::entries::learned();
    let before = whole.clone();
    let mut part = Baseline::new(Settings::default());
    for minute in 0..60 {
        let event = entry(at(55, 3, minute)).from("198.51.100.9").by("audit").0;
        let considered = whole.consider(&event, at(56, 0, 0), &NoPlaces);
        part.learn_lesson(&event, considered.lesson, &NoPlaces);
        if let Some(finding) = considered.finding {
            part.remember_finding(&finding, &NoPlaces);
        }
    }
    assert_eq!(merged(&before, &part), whole);
}

#[test]
fn log_files_are_remembered_the_newest_first() {
    let caps = Caps { log_files: 3, ..Caps::default() };
    let mut baseline = Baseline::new(Settings { caps, ..Settings::default() });
    for (hour, name) in (0..).zip(["a", "b", "c", "d"]) {
        baseline.remember_log_file(name, at(0, hour, 0));
    }
    let known: Vec<bool> = ["a", "b", "c", "d"].into_iter().map(|name| baseline.knows_log_file(name)).collect();
    assert_eq!(known, [false, true, true, true]);
}
