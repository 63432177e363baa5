//! What the baseline is told at start.

use reprieve_core::Severity;

/// How fast the baseline forgets, when it speaks, and how much it keeps. None of it is written into a baseline, so it can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// After so many days, a day weighs half as much.
    pub half_life_days: u16,
    /// From this score on, from 0 to 100, an entry is reported.
    pub threshold: u32,
    /// Nothing is said of a principal, a key or a secret before it is known for so many days, from its first entry on.
    pub learning_days: u16,
    /// Nor before it was seen on so many days.
    pub learning_active_days: u16,
    /// Nor before there are so many entries of it.
    pub learning_entries: u64,
    /// Fewer entries in an hour are no burst.
    pub burst_floor: u32,
    /// Fewer refused calls in an hour are no burst of refusals.
    pub refused_floor: u32,
    /// How long what was reported of a principal is not reported again, in hours.
    pub quiet_hours: u32,
    /// The caps.
    pub caps: Caps,
}

/// How much is kept. Where there is more, what weighs least is forgotten first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Principals.
    pub principals: usize,
    /// Keys, secrets and logs.
    pub assets: usize,
    /// Pairs of a principal and what it called, over all principals.
    pub pairs: usize,
    /// Pairs of one principal.
    pub pairs_of_principal: usize,
    /// Networks of one principal, key or secret.
    pub networks: usize,
    /// Countries, and Regions, of one principal, key or secret.
    pub places: usize,
    /// The newest hours with entries, of one principal, key or secret.
    pub hours: usize,
    /// The newest log files that are remembered.
    pub log_files: usize,
    /// The size of a baseline as bytes.
    pub bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            half_life_days: 30,
            threshold: 50,
            learning_days: 14,
            learning_active_days: 5,
            learning_entries: 30,
            burst_floor: 30,
            refused_floor: 8,
            quiet_hours: 24,
            caps: Caps::default(),
        }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            principals: 4_096,
            assets: 16_384,
            pairs: 131_072,
            pairs_of_principal: 2_048,
            networks: 32,
            places: 32,
            hours: 96,
            log_files: 2_048,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// Returns how urgent a score is.
#[must_use]
pub const fn severity_of(score: u32) -> Severity {
    match score {
        0..50 => Severity::Informational,
        50..65 => Severity::Low,
        65..85 => Severity::Medium,
        _ => Severity::High,
    }
}
