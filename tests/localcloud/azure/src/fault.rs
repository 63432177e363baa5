//! Faults on request: which calls they meet and what is done to them.
//!
//! Must not choose by chance: a fault meets the calls it names, counted, and no others.

use std::time::Duration;

/// A fault that some calls meet.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which calls.
    pub on: FaultTarget,
    /// The first call that meets the fault, counted from 1 among those that `on` covers.
    pub from_call: u64,
    /// How many calls meet it; `u64::MAX` for all.
    pub times: u64,
    /// What happens.
    pub answer: FaultAnswer,
}

impl Fault {
    /// Creates a fault that the first call meets, and no other.
    #[must_use]
    pub fn once(on: FaultTarget, answer: FaultAnswer) -> Self {
        Self { on, from_call: 1, times: 1, answer }
    }

    /// Creates a fault that the first `times` calls meet.
    #[must_use]
    pub fn times(on: FaultTarget, times: u64, answer: FaultAnswer) -> Self {
        Self { on, from_call: 1, times, answer }
    }
}

/// Which calls a fault covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultTarget {
    /// Calls whose method is this and whose host and path, in lower case, contain the text. An empty method is any method.
    Path {
        /// The method, or an empty text.
        method: String,
        /// What `host/path` contains, in any case.
        contains: String,
    },
    /// Calls to ARM that need this action, in any case, e.g. `Microsoft.KeyVault/vaults/write`.
    Action(String),
}

/// What happens to a call that meets a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAnswer {
    /// An error is answered and nothing is done.
    Error {
        /// The status.
        status: u16,
        /// The error's code.
        code: String,
    },
    /// 429 is answered with `Retry-After`, and nothing is done.
    Throttle {
        /// After how many seconds to try again.
        retry_after_seconds: u64,
    },
    /// The call is done, later.
    Delay(Duration),
    /// The call is done and the connection is cut before the answer.
    ResetAfterEffect,
    /// The connection is cut and nothing is done.
    Reset,
    /// The process of the function app is killed, the connection is cut and nothing is done; see `Sandbox::kill_by`.
    Kill,
    /// The call is done, then the process of the function app is killed, before the answer.
    KillAfterEffect,
}

impl FaultAnswer {
    /// The name by which the exchange tells of it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Throttle { .. } => "throttle",
            Self::Delay(_) => "delay",
            Self::ResetAfterEffect => "reset after effect",
            Self::Reset => "reset",
            Self::Kill => "kill",
            Self::KillAfterEffect => "kill after effect",
        }
    }
}

/// The faults in force, with the calls counted so far.
#[derive(Debug, Default)]
pub struct Faults {
    armed: Vec<(Fault, u64)>,
}

impl Faults {
    /// Adds a fault. Calls are counted from now.
    pub fn add(&mut self, fault: Fault) {
        self.armed.push((fault, 0));
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// Counts a call, and returns what happens to it, where a fault meets it.
    pub(crate) fn meet(&mut self, method: &str, host_and_path: &str, action: &str) -> Option<FaultAnswer> {
        let mut met = None;
        for (fault, calls) in &mut self.armed {
            if !fault.on.covers(method, host_and_path, action) {
                continue;
            }
            *calls += 1;
            if met.is_none() && *calls >= fault.from_call && *calls - fault.from_call < fault.times {
                met = Some(fault.answer.clone());
            }
        }
        met
    }
}

impl FaultTarget {
    fn covers(&self, called_method: &str, host_and_path: &str, called_action: &str) -> bool {
        match self {
            Self::Path { method, contains } => {
                (method.is_empty() || method.eq_ignore_ascii_case(called_method))
                    && host_and_path.to_ascii_lowercase().contains(&contains.to_ascii_lowercase())
            }
            Self::Action(action) => action.eq_ignore_ascii_case(called_action),
        }
    }
}
