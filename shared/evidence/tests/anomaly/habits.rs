//! What is learned, when it counts, and how it ages.

use jiff::SignedDuration;
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};

use crate::entries::{ELSEWHERE, OFFICE, OTHER_KEY, at, entry, learned};

fn curious() -> Settings {
    Settings { threshold: 1, ..Settings::default() }
}

fn sentence(baseline: &Baseline, event: &reprieve_core::AuditEvent) -> Option<String> {
    baseline.score(event, event.event.time.unwrap()).map(|finding| finding.sentence())
}

/// P121
#[test]
fn nothing_is_reported_before_enough_is_known() {
    let strange = |day| entry(at(day, 3, 0)).from(ELSEWHERE).0;
    let mut baseline = Baseline::new(curious());
    assert_eq!(baseline.score(&strange(0), at(0, 3, 0)), None, "an empty baseline");
    for day in 0..14 {
        assert_eq!(baseline.score(&strange(day), at(day, 3, 0)), None, "day {day}");
        for minute in 0..10 {
            baseline.learn(&entry(at(day, 9, minute)).0);
        }
    }
    assert!(baseline.score(&strange(14), at(14, 3, 0)).is_some());
}

#[test]
fn a_new_key_surprises_nobody() {
    let new = "arn:aws:kms:eu-central-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";
    let mut baseline = Baseline::new(curious());
    baseline.merge(&learned());
    assert_eq!(sentence(&baseline, &entry(at(56, 10, 0)).on(new).0), None);
}

/// P121
#[test]
fn an_incident_does_not_become_usual_on_its_own_day() {
    let mut baseline = Baseline::new(curious());
    baseline.merge(&learned());
    for minute in 0..50 {
        baseline.learn(&entry(at(56, 10, minute)).from(ELSEWHERE).0);
    }
    let event = entry(at(56, 11, 0)).from(ELSEWHERE).0;
    assert_eq!(sentence(&baseline, &event).as_deref(), Some("never before today from 198.51.100.0/24."));
}

#[test]
fn what_was_seen_on_one_day_is_rare_and_on_a_few_days_usual() {
    let mut baseline = Baseline::new(curious());
    baseline.merge(&learned());
    baseline.learn(&entry(at(56, 10, 0)).from(ELSEWHERE).0);
    let event = |day| entry(at(day, 10, 0)).from(ELSEWHERE).0;
    assert_eq!(sentence(&baseline, &event(57)).as_deref(), Some("seldom from 198.51.100.0/24, last on 2026-09-28."));
    baseline.learn(&event(57));
    baseline.learn(&event(58));
    assert_eq!(sentence(&baseline, &event(59)), None);
}

#[test]
fn what_was_usual_ages_and_is_named_by_its_last_day() {
    let mut baseline = Baseline::new(curious());
    for day in 0..4 {
        baseline.learn(&entry(at(day, 10, 0)).from(ELSEWHERE).0);
    }
    for day in 0..160 {
        baseline.learn(&entry(at(day, 10, 1)).from(OFFICE).0);
    }
    let event = entry(at(160, 10, 0)).from(ELSEWHERE).0;
    assert_eq!(sentence(&baseline, &event).as_deref(), Some("for the first time since 2026-08-06 from 198.51.100.0/24."));
}

#[test]
fn a_longer_half_life_remembers_longer() {
    let with = |half_life_days| {
        let mut baseline = Baseline::new(Settings { half_life_days, ..curious() });
        for day in 0..100 {
            let address = if day < 6 { ELSEWHERE } else { OFFICE };
            baseline.learn(&entry(at(day, 10, 0)).from(address).0);
        }
        baseline.score(&entry(at(100, 10, 0)).from(ELSEWHERE).0, at(100, 10, 0))
    };
    assert!(with(10).is_some());
    assert_eq!(with(120), None);
}

#[test]
fn hours_are_those_of_utc_and_a_clock_change_is_no_surprise() {
    // In summer 09:00 in Berlin is 07:00 UTC, in winter 08:00.
    let mut baseline = Baseline::new(curious());
    for day in 0..56 {
        for minute in 0..4 {
            baseline.learn(&entry(at(day, 7, minute)).0);
        }
    }
    assert_eq!(sentence(&baseline, &entry(at(56, 8, 0)).0), None);
    assert!(sentence(&baseline, &entry(at(56, 9, 0)).0).is_some());
}

#[test]
fn a_weekend_is_not_a_working_day() {
    let mut baseline = Baseline::new(curious());
    baseline.merge(&learned());
    let saturday = entry(at(61, 10, 0)).0;
    assert_eq!(sentence(&baseline, &saturday).as_deref(), Some("10:00 UTC on a Saturday (usually Monday to Friday, 07:00 to 18:00 UTC)."));
}

#[test]
fn entries_of_other_days_teach_the_same_in_any_order() {
    let mut in_order = Baseline::new(Settings::default());
    let mut late = Baseline::new(Settings::default());
    let events = crate::entries::eight_weeks();
    for event in &events {
        in_order.learn(event);
    }
    for event in events.iter().rev() {
        late.learn(event);
    }
    assert_eq!(in_order, late);
}

#[test]
fn an_entry_of_a_clock_far_off_teaches_nothing() {
    let mut baseline = learned();
    let before = baseline.clone();
    for time in ["1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2500-01-01T00:00:00Z"] {
        baseline.learn(&entry(time.parse().unwrap()).0);
        baseline.consider(&entry(time.parse().unwrap()).0, at(56, 0, 0), &NoPlaces);
    }
    assert_eq!(baseline, before);
}

#[test]
fn a_late_entry_is_held_against_what_was_known_before_its_day() {
    let mut baseline = Baseline::new(curious());
    baseline.merge(&learned());
    for day in 50..56 {
        baseline.learn(&entry(at(day, 10, 0)).from(ELSEWHERE).0);
    }
    assert_eq!(sentence(&baseline, &entry(at(56, 10, 0)).from(ELSEWHERE).0), None);
    let late = entry(at(49, 10, 0)).from(ELSEWHERE).0;
    assert_eq!(sentence(&baseline, &late).as_deref(), Some("never before from 198.51.100.0/24."));
}

#[test]
fn the_same_is_told_again_after_the_quiet_hours_and_sooner_where_it_gets_worse() {
    let mut baseline = learned();
    let mut told = |day, hour, change: fn(crate::entries::Entry) -> crate::entries::Entry| {
        let event = change(entry(at(day, hour, 0)).from(ELSEWHERE).on(OTHER_KEY)).0;
        baseline.consider(&event, event.event.time.unwrap() + SignedDuration::from_mins(5), &NoPlaces).finding.is_some()
    };
    assert!(told(56, 10, |entry| entry));
    assert!(!told(56, 12, |entry| entry));
    assert!(told(56, 23, |entry| entry), "at an unusual hour, too");
    assert!(told(56, 23, |entry| entry.doing("ScheduleKeyDeletion", reprieve_core::audit::Operation::Destroy)), "a loss is news");
    assert!(told(58, 10, |entry| entry));
}
