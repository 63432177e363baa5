//! A deterministic simulation of the guard: a seed draws a small world of keys, what people and attackers do to them, how events reach
//! us, and what goes wrong; then the invariants are held against what really happened.
//!
//! `REPRIEVE_SIMULATION_SEEDS=10000` plays so many seeds, `REPRIEVE_SIMULATION_SEED=4711` one, and tells its story. A seed that fails is
//! told by its number, with the shortest run that was found to fail in the same way. Once mended, it is kept in [`MENDED`].
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes another way must stop"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "of many calls, a few are looked at")]
#![expect(clippy::print_stdout, reason = "whoever plays many seeds reads what they came to")]

mod invariants;
mod plan;
mod play;
mod sabotage;
mod shorten;
mod truth;

use std::env;
use std::fmt::Write as _;
use std::thread;

use self::invariants::{Invariant, broken};
use self::plan::Plan;
use self::play::{Fate, play};
use self::sabotage::Sabotage;
use self::shorten::shortest;

/// How many seeds are played where nobody says how many.
const SEEDS: u64 = 300;

/// Seeds that failed once. Of the last ones, what was mended.
#[rustfmt::skip]
const MENDED: [u64; 38] = [
    1, 2, 15, 16, 37, 44, 59, 138, 226, 229, 315, 354, 366, 381, 634, 637, 751, 820, 847, 1020, 1111, 1124, 1172, 1285, 1340, 1423, 804,
    2148, 5106,
    // Deletions without a date, of which one stands: mended before they were noted here.
    3048, 6063,
    // A host whose clock is behind dated a rescue before what it undid: a rescue is never older than that.
    2375,
    // The log tells whole seconds, and a host's clock may be ahead: a call right after a rescue was not taken for a new one.
    3650, 4526, 6330,
    // A rescue that died before it was written down was forgotten, and what it undid approved afterwards: seeing the key enabled tells.
    5213,
    // `EnableKey` was refused while an outdated look said "enabled", and both were believed: it is asked again instead.
    5301, 6439,
];

/// Sabotage must be noticed within so many seeds.
const SABOTAGED: u64 = 60;

/// At most so many failing seeds are told.
const TOLD: usize = 5;

fn from_environment(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("`{name}={text}` is no number of seeds: {error}")))
}

/// What many runs came to.
#[derive(Debug, Default)]
struct Figures {
    seeds: u64,
    keys: usize,
    acts: usize,
    messages: usize,
    dead: usize,
    invocations: usize,
    cut_off: usize,
    failed_calls: usize,
    calls: usize,
    rescues: usize,
}

impl Figures {
    fn merge(&mut self, other: &Self) {
        let Self { seeds, keys, acts, messages, dead, invocations, cut_off, failed_calls, calls, rescues } = other;
        self.seeds += seeds;
        self.keys += keys;
        self.acts += acts;
        self.messages += messages;
        self.dead += dead;
        self.invocations += invocations;
        self.cut_off += cut_off;
        self.failed_calls += failed_calls;
        self.calls += calls;
        self.rescues += rescues;
    }

    fn add(&mut self, play: &play::Play) {
        let past = || play.past.iter().flatten();
        self.seeds += 1;
        self.keys += play.arns.len();
        self.acts += play.done.len();
        self.messages += play.messages.len();
        self.dead += play.messages.iter().filter(|message| matches!(message.state, Fate::Dead(_))).count();
        self.invocations += past().count();
        self.cut_off += past().filter(|past| past.was_cut_off).count();
        self.calls += past().map(|past| past.entries.len()).sum::<usize>();
        self.failed_calls += past().flat_map(|past| &past.entries).filter(|entry| !entry.was_confirmed()).count();
        self.rescues += play.keys.changes().iter().filter(|change| change.by.is_some()).count();
    }
}

/// Plays seeds, on all processors; returns what those that fail have to say.
fn play_all(seeds: &[u64]) -> (Figures, Vec<String>) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = seeds.len().div_ceil(threads).max(1);
    let shares = thread::scope(|scope| {
        let players: Vec<_> = seeds.chunks(share).map(|seeds| scope.spawn(|| play_share(seeds))).collect();
        players.into_iter().map(|player| player.join().unwrap()).collect::<Vec<_>>()
    });
    let (mut figures, mut failures) = (Figures::default(), Vec::new());
    for (of_share, failed) in shares {
        figures.merge(&of_share);
        failures.extend(failed);
    }
    (figures, failures)
}

fn play_share(seeds: &[u64]) -> (Figures, Vec<String>) {
    let (mut figures, mut failures) = (Figures::default(), Vec::new());
    for seed in seeds {
        let plan = Plan::of(*seed);
        let played = play(&plan, Sabotage::Nothing);
        figures.add(&played);
        if let Some(first) = broken(&played).first() {
            let told = if failures.len() < TOLD { story(&plan, first.invariant) } else { format!("seed {seed}: {first}") };
            failures.push(told);
        }
    }
    (figures, failures)
}

/// Tells the shortest run that breaks the same invariant.
fn story(plan: &Plan, invariant: Invariant) -> String {
    let short = shortest(plan, |plan| broken(&play(plan, Sabotage::Nothing)).iter().any(|broken| broken.invariant == invariant));
    let played = play(&short, Sabotage::Nothing);
    let mut story =
        format!("{short}{}", if from_environment("REPRIEVE_SIMULATION_SEED").is_some() { played.calls() } else { String::new() });
    for broken in broken(&played) {
        writeln!(story, "  => {broken}").unwrap();
    }
    story
}

/// P137: whatever the seed, the invariants hold.
#[test]
fn whatever_happens_every_key_is_back_and_every_record_is_true() {
    let one = from_environment("REPRIEVE_SIMULATION_SEED");
    let many = from_environment("REPRIEVE_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let seeds: Vec<u64> = one.map_or_else(|| (0..many).collect(), |seed| vec![seed]);
    let (figures, failures) = play_all(&seeds);
    println!("{figures:?}");
    assert!(failures.is_empty(), "{} seeds fail\n{}", failures.len(), failures.join("\n"));
}

/// Seeds that failed once never fail again.
#[test]
fn what_was_mended_stays_mended() {
    let (_, failures) = play_all(&MENDED);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A run is its seed's alone.
#[test]
fn a_seed_always_plays_the_same() {
    for seed in 0..20 {
        let told = || {
            let play = play(&Plan::of(seed), Sabotage::Nothing);
            let calls: Vec<_> = play.past.iter().flatten().map(|past| past.entries.clone()).collect();
            (calls, play.keys.changes(), play.world.audit.records())
        };
        assert!(told() == told(), "seed {seed} plays differently each time");
    }
}

/// What is broken on purpose is noticed, and called by its name.
#[track_caller]
fn assert_noticed(sabotage: Sabotage, invariant: Invariant) {
    let is_noticed = |seed| broken(&play(&Plan::of(seed), sabotage)).iter().any(|broken| broken.invariant == invariant);
    assert!((0..SABOTAGED).any(is_noticed), "{sabotage:?} goes unnoticed");
}

#[test]
fn without_the_last_sweep_lost_events_cost_keys() {
    assert_noticed(Sabotage::NoLastSweep, Invariant::EveryKeyIsBack);
}

#[test]
fn a_guard_that_is_shown_no_approvals_undoes_what_is_approved() {
    assert_noticed(Sabotage::HiddenApprovals, Invariant::WhatIsApprovedStands);
}

#[test]
fn a_call_that_only_says_that_it_was_done_makes_records_untrue() {
    assert_noticed(Sabotage::EmptyWords, Invariant::RecordsAreTrue);
}

#[test]
fn an_archive_that_forgets_outcomes_leaves_acts_untold() {
    assert_noticed(Sabotage::ForgetfulArchive, Invariant::ActsAreTold);
}

#[test]
fn whoever_schedules_a_deletion_is_caught() {
    assert_noticed(Sabotage::CrossedWires, Invariant::NothingIsDestroyed);
}

#[test]
fn a_queue_that_delivers_once_gives_events_up() {
    assert_noticed(Sabotage::ImpatientQueue, Invariant::NoEventIsGivenUp);
}
