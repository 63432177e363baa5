//! What happens in a run, drawn from its seed and written down before anything happens, so that it can be printed and shortened.
//! Times are milliseconds from the beginning of the run.

use std::fmt;

use reprieve_test_support::{Chance, Effect};

/// How a key is when the run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Enabled, and known to be.
    Enabled,
    /// Disabled, and known to be meant so.
    DisabledBefore,
    /// The primary of a multi-Region key, with a replica: its deletion has no date.
    Primary,
    /// Enabled, and never seen by the guard before.
    Unseen,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Mallory,
    Alice,
}

/// Where an approval is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Tags,
    Ledger,
}

/// Whose approval it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approver {
    /// Somebody who does nothing else.
    Carol,
    /// Mallory, under an approver's seal.
    Mallory,
    /// Mallory, under a seal of her own making, in Carol's name.
    Forger,
}

/// An approval that somebody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paper {
    /// Of which change; each paper has its own, and a revocation names it.
    pub(crate) change: u32,
    /// `delete` or `disable`.
    pub(crate) action: &'static str,
    /// The window, in whole seconds from the beginning.
    pub(crate) window_secs: (i64, i64),
    pub(crate) place: Place,
    pub(crate) approver: Approver,
}

/// What somebody does to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Schedule { days: u32 },
    Disable,
    Cancel,
    Enable,
    Approve(Paper),
    Revoke { change: u32 },
    Hold,
}

/// One act, and how its event reaches us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) at: u64,
    pub(crate) key: usize,
    pub(crate) who: Who,
    pub(crate) deed: Deed,
    /// After how long each copy of its event reaches the queue; none at all where it is lost.
    pub(crate) copies: Vec<u64>,
}

/// What goes wrong in an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// One call fails, or the process hangs over it until it is stopped.
    Call { number: usize, effect: Effect, error: Answer },
    /// Every call of this name fails, for so many times.
    Storm { name: &'static str, times: u32, error: Answer },
    /// The process dies between two steps.
    Death { step: u32 },
}

/// What a failing call answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Throttled,
    NoAnswer,
}

/// A mishap of the how-many-th invocation, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) invocation: usize,
    pub(crate) mishap: Mishap,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// The account is a sandbox, in which everything passes.
    pub(crate) is_sandbox: bool,
    pub(crate) keys: Vec<Kind>,
    pub(crate) acts: Vec<Act>,
    pub(crate) faults: Vec<Fault>,
    /// When sweeps begin, beside those at the end.
    pub(crate) sweeps: Vec<u64>,
    /// How far KMS may be behind, with states and with tags.
    pub(crate) lag: (u64, u64),
    /// How late the provider's log is.
    pub(crate) log_lag: u64,
    /// How many rescues KMS takes a second.
    pub(crate) quota: Option<usize>,
    /// How wrong each host's clock is.
    pub(crate) skews: [i64; 3],
}

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// Nothing is planned to begin later.
const LAST_STORY: u64 = 6 * HOUR;

/// What is planned takes its time: an approval is written so long before the act, and an act done so long after the window opened.
const CARE: u64 = 15 * SECOND;

/// Calls that storms are drawn from: those that the ledger, KMS and the archive throttle.
const STORMS: [&str; 9] = ["claim", "recall", "describe", "tags", "cancel_deletion", "enable", "append", "open_case", "latest_call"];

struct Draft {
    chance: Chance,
    acts: Vec<Act>,
    papers: u32,
    /// How often an event is lost, in a hundred.
    loss: u64,
}

impl Draft {
    fn gap(&mut self, least: u64) -> u64 {
        self.chance.spread(least, 2 * HOUR)
    }

    /// An event comes late, more than once, or not at all.
    fn copies(&mut self) -> Vec<u64> {
        if self.chance.percent(self.loss) {
            return Vec::new();
        }
        let copies = if self.chance.percent(30) { 2 + self.chance.below(2) } else { 1 };
        (0..copies)
            .map(|_| if self.chance.percent(50) { self.chance.spread(200, 10 * SECOND) } else { self.chance.spread(200, 3 * HOUR) })
            .collect()
    }

    fn act(&mut self, at: u64, key: usize, who: Who, deed: Deed) {
        let copies = self.copies();
        self.acts.push(Act { at, key, who, deed, copies });
    }

    fn attack(&mut self) -> (Deed, &'static str) {
        if self.chance.percent(60) {
            (Deed::Schedule { days: self.chance.one_of(&[7, 7, 8, 30]) }, "delete")
        } else {
            (Deed::Disable, "disable")
        }
    }

    /// Writes an approval whose window holds from `from` on; returns its change.
    fn approve(&mut self, at: u64, from: u64, key: usize, action: &'static str, approver: Approver) -> u32 {
        let change = self.papers;
        self.papers += 1;
        let start = i64::try_from(from / SECOND).expect("a run is short");
        let lasts = i64::try_from(self.chance.spread(MINUTE, 4 * HOUR) / SECOND).expect("a window is short");
        let place = self.chance.one_of(&[Place::Tags, Place::Ledger]);
        let paper = Paper { change, action, window_secs: (start, start + lasts), place, approver };
        self.act(at, key, Who::Alice, Deed::Approve(paper));
        change
    }

    /// Something that somebody sets out to do with a key.
    fn story(&mut self, key: usize) {
        let at = self.chance.spread(100, LAST_STORY);
        let (deed, action) = self.attack();
        let pause = self.gap(100);
        match self.chance.below(9) {
            // An attack, at times in two steps or twice.
            0 | 1 => {
                self.act(at, key, Who::Mallory, deed);
                if self.chance.percent(40) {
                    let (second, _) = self.attack();
                    self.act(at + pause, key, Who::Mallory, second);
                }
            }
            // A planned change, at times revoked, or called off.
            2..=4 => {
                let opens = at + self.gap(SECOND);
                let change = self.approve(at, opens, key, action, Approver::Carol);
                let done = opens.max(at + CARE) + self.chance.spread(SECOND, MINUTE);
                self.act(done, key, Who::Alice, deed);
                match self.chance.below(6) {
                    0 => self.act(done + pause, key, Who::Alice, Deed::Revoke { change }),
                    1 => self.call_off(done + pause, key),
                    _ => {}
                }
            }
            // A change that is approved only afterwards.
            5 => {
                self.act(at, key, Who::Alice, deed);
                self.approve(at + pause, at.saturating_sub(MINUTE), key, action, Approver::Carol);
            }
            // An approval that is none.
            6 => {
                let approver = self.chance.one_of(&[Approver::Mallory, Approver::Forger]);
                self.approve(at, at, key, action, approver);
                self.act(at + CARE.max(pause.min(MINUTE)), key, Who::Mallory, deed);
            }
            // An attack that somebody is quicker, or as quick, to undo.
            7 => {
                self.act(at, key, Who::Mallory, deed);
                self.call_off(at + pause, key);
            }
            // An incident.
            _ => {
                self.act(at, key, Who::Alice, Deed::Hold);
                self.act(at + CARE + pause, key, Who::Alice, Deed::Disable);
            }
        }
    }

    fn call_off(&mut self, at: u64, key: usize) {
        self.act(at, key, Who::Alice, Deed::Cancel);
        let quickly = self.chance.spread(100, MINUTE);
        self.act(at + quickly, key, Who::Alice, Deed::Enable);
    }

    fn fault(&mut self) -> Fault {
        let invocation = self.chance.index(16);
        let effect = self.chance.one_of(&[Effect::Before, Effect::After, Effect::KilledBefore, Effect::KilledAfter]);
        let error = self.chance.one_of(&[Answer::Throttled, Answer::NoAnswer]);
        let mishap = match self.chance.below(3) {
            0 => Mishap::Call { number: 1 + self.chance.index(40), effect, error },
            1 => {
                let name = self.chance.one_of(&STORMS);
                Mishap::Storm { name, times: u32::try_from(self.chance.spread(1, 32)).expect("a storm is short"), error }
            }
            _ => Mishap::Death { step: u32::try_from(self.chance.spread(1, 128)).expect("a step is a small number") },
        };
        Fault { invocation, mishap }
    }
}

impl Plan {
    /// Draws the run of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let loss = chance.one_of(&[0, 10, 40]);
        let kinds = [Kind::Enabled, Kind::Enabled, Kind::Enabled, Kind::DisabledBefore, Kind::Primary, Kind::Unseen];
        let keys: Vec<Kind> = (0..=chance.below(4)).map(|_| chance.one_of(&kinds)).collect();
        let is_sandbox = chance.percent(4);
        let lag = chance.one_of(&[(0, 0), (500, 500), (2 * SECOND, 5 * SECOND), (10 * SECOND, 10 * SECOND)]);
        let log_lag = chance.one_of(&[2 * SECOND, 5 * MINUTE, 15 * MINUTE]);
        let quota = chance.one_of(&[None, None, Some(2), Some(5)]);
        let skew = i64::try_from(chance.one_of(&[0, 50, 2 * SECOND, 20 * SECOND])).expect("a skew is small");
        let skews = [0, skew, -skew];
        let sweeps = (0..chance.below(9)).map(|_| chance.below(LAST_STORY + 2 * HOUR)).collect();
        let mut draft = Draft { chance, acts: Vec::new(), papers: 0, loss };
        for key in 0..keys.len() {
            for _ in 0..=draft.chance.below(3) {
                draft.story(key);
            }
        }
        let faults = (0..draft.chance.one_of(&[0, 1, 3, 8])).map(|_| draft.fault()).collect();
        let mut acts = draft.acts;
        acts.sort_by_key(|act| act.at);
        Self { seed, is_sandbox, keys, acts, faults, sweeps, lag, log_lag, quota, skews }
    }
}

/// Writes milliseconds as people do.
pub(crate) fn clock(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / HOUR, ms / MINUTE % 60, ms / SECOND % 60);
    format!("{hours}:{minutes:02}:{seconds:02}.{:03}", ms % SECOND)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, is_sandbox, keys, acts, faults, sweeps, lag, log_lag, quota, skews } = self;
        writeln!(f, "seed {seed}: keys {keys:?}{}", if *is_sandbox { ", in a sandbox" } else { "" })?;
        writeln!(f, "  KMS lags {lag:?} ms, takes {quota:?} rescues a second; the log lags {log_lag} ms; clocks are off by {skews:?} ms")?;
        for (number, Act { at, key, who, deed, copies }) in acts.iter().enumerate() {
            let copies: Vec<String> = copies.iter().map(|delay| clock(at + delay)).collect();
            writeln!(f, "  {} act {number}: {who:?} does {deed:?} on key {key}; delivered {copies:?}", clock(*at))?;
        }
        for sweep in sweeps {
            writeln!(f, "  {} sweep", clock(*sweep))?;
        }
        for Fault { invocation, mishap } in faults {
            writeln!(f, "  invocation {invocation}: {mishap:?}")?;
        }
        Ok(())
    }
}
