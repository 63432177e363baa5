//! Who repeats what is unusual does not make it usual at once.

use jiff::SignedDuration;
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};

use crate::entries::{ELSEWHERE, OTHER_KEY, at, entry, learned};

#[test]
fn a_thousand_calls_in_a_day_are_one_day() {
    let mut once = learned();
    let mut often = learned();
    let event = |second| entry(at(56, 10, 0) + SignedDuration::from_secs(second)).from(ELSEWHERE).0;
    once.learn(&event(0));
    (0..1_000).for_each(|second| often.learn(&event(second)));
    let tomorrow = entry(at(57, 10, 0)).from(ELSEWHERE).on(OTHER_KEY).0;
    let score = |baseline: &Baseline| baseline.score(&tomorrow, at(57, 10, 0)).map(|finding| finding.score);
    assert_eq!(score(&once), score(&often));
}

#[test]
fn what_is_reported_day_after_day_is_reported_for_days() {
    let mut baseline = learned();
    let days: Vec<i64> = (56..70)
        .filter(|day| {
            let event = entry(at(*day, 3, 0)).from(ELSEWHERE).on(OTHER_KEY).0;
            baseline.consider(&event, at(*day, 4, 0), &NoPlaces).finding.is_some()
        })
        .collect();
    assert!(days.len() >= 5 && days.starts_with(&[56, 57, 58, 59]), "{days:?}");
}

#[test]
fn refused_calls_make_nothing_familiar() {
    let mut baseline = Baseline::new(Settings { threshold: 1, ..Settings::default() });
    baseline.merge(&learned());
    for day in 56..70 {
        baseline.learn(&entry(at(day, 10, 0)).from(ELSEWHERE).refused().0);
    }
    let finding = baseline.score(&entry(at(70, 10, 0)).from(ELSEWHERE).0, at(70, 10, 0)).unwrap();
    assert_eq!(finding.sentence(), "seldom from 198.51.100.0/24, last on 2026-10-11.");
}

#[test]
fn a_burst_does_not_raise_what_is_usual() {
    let mut baseline = learned();
    let mut bursts_on = |day| {
        let mut events = (0..900).map(|second| entry(at(day, 10, 0) + SignedDuration::from_secs(second)).0);
        events.any(|event| baseline.consider(&event, at(day, 11, 0), &NoPlaces).is_unusual)
    };
    assert!(bursts_on(56));
    assert!(bursts_on(57));
    assert!(bursts_on(58));
}

#[test]
fn a_flood_of_new_names_does_not_push_out_what_is_usual() {
    let caps = reprieve_evidence::anomaly::Caps { principals: 20, assets: 20, pairs: 40, ..Default::default() };
    let mut baseline = Baseline::new(Settings { threshold: 1, caps, ..Settings::default() });
    baseline.merge(&learned());
    for number in 0..500 {
        let event = entry(at(56, 10, 0)).by(&format!("flood-{number}")).on_secret(&format!("flood-{number}")).0;
        baseline.consider(&event, at(56, 10, 0), &NoPlaces);
    }
    let size = baseline.size();
    assert!(size.principals <= 23 && size.assets <= 23 && size.pairs <= 45 && size.has_forgotten, "{size:?}");
    assert_eq!(baseline.score(&entry(at(56, 11, 0)).0, at(56, 11, 0)), None, "role payments and its key are still known");
    let finding = baseline.score(&entry(at(56, 11, 0)).by("audit").0, at(56, 11, 0)).unwrap();
    let told = "first Decrypt by role audit on key 1234abcd-12ab-34cd-56ef-1234567890ab (as far as is remembered)";
    assert_eq!(finding.reasons[0].sentence, told, "it says that it forgot");
}
