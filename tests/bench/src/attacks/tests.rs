use super::*;
use crate::judge::{Verdict, judge};

/// The bounds are loose on purpose: they notice a scoring that broke, not one that got a little worse.
#[test]
fn attacks_are_found_and_few_entries_are_called_unusual_that_are_not() {
    let mut verdict = Verdict::default();
    for seed in [11, 12] {
        verdict.add(&judge(&weeks(seed, &Scale::SMALL), Scale::SMALL.quiet_days));
    }
    let found = Attack::ALL.into_iter().filter(|attack| verdict.share_found(*attack) >= 0.5).count();
    assert!(found >= 5, "at least half of the attacks of 5 kinds are found: {verdict:?}");
    assert!(verdict.false_alarms_per_10_000() <= 15.0, "{verdict:?}");
}

#[test]
fn the_same_seed_makes_the_same_weeks() {
    let scale = Scale { days: 3, quiet_days: 1, attacks: 1, ..Scale::SMALL };
    assert_eq!(weeks(5, &scale), weeks(5, &scale));
    assert_ne!(weeks(5, &scale), weeks(6, &scale));
}
