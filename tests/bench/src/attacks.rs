//! Weeks of key use in which nothing is wrong, with labelled attacks in them: what the scoring of anomalies is measured with.
//!
//! The use is made up after the shapes of real logs: services around the clock, functions without a network of their own, people in
//! working hours, pipelines, nightly and monthly jobs; and what makes an honest baseline err: new roles, new secrets, load peaks, people
//! who travel or work late, a network that moves. Everything follows from the seed. It stands for no measured population: rates of
//! detection and of false alarms compare versions of the scoring, and say nothing of anybody's account.

mod crime;
mod daily;
mod scene;

use reprieve_core::AuditEvent;

pub use scene::{Random, Scale, Scene};

/// A kind of attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attack {
    /// A role's credentials are used from a network that it never used, at night.
    StolenRole,
    /// A caller decrypts far more than usual, from where it always does.
    MassDecrypt,
    /// An administrator's role, which has other work, decrypts with a key, in working hours, from the office.
    FirstUseByAdmin,
    /// Somebody tries one secret after the other, and is mostly refused.
    Enumeration,
    /// Keys are used in a Region in which the caller never was.
    NewRegion,
    /// A few secrets a day, for a week, in working hours, from the usual network.
    SlowExfiltration,
}

impl Attack {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::StolenRole, Self::MassDecrypt, Self::FirstUseByAdmin, Self::Enumeration, Self::NewRegion, Self::SlowExfiltration];

    /// Returns what it is called in tables.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::StolenRole => "stolen role, new network, at night",
            Self::MassDecrypt => "mass decrypt by a known caller",
            Self::FirstUseByAdmin => "first use of a key by an admin role",
            Self::Enumeration => "enumeration of secrets, refused",
            Self::NewRegion => "known caller in a new Region",
            Self::SlowExfiltration => "slow exfiltration, a few a day",
        }
    }
}

/// Which attack an entry is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incident {
    /// Its kind.
    pub attack: Attack,
    /// Its number among those of this kind.
    pub number: usize,
}

/// An entry, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The entry.
    pub event: AuditEvent,
    /// The attack; `None` where nothing is wrong.
    pub incident: Option<Incident>,
}

/// Makes the weeks: entries in the order of their time. Attacks begin after `quiet_days`.
#[must_use]
pub fn weeks(seed: u64, scale: &Scale) -> Vec<Labelled> {
    let mut scene = Scene::new(seed, scale);
    daily::live(&mut scene);
    crime::commit(&mut scene);
    scene.into_log()
}

#[cfg(test)]
mod tests;
