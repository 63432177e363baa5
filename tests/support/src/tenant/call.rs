//! The calls of the ports for Azure, as the journal keeps them.

use reprieve_core::EventId;
use reprieve_core::azure::{Change, ResourceId, Subject};

/// One call of a port for Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantCall {
    /// `TenantControl::discover`.
    Discover,
    /// `TenantControl::observe`.
    Observe(Subject),
    /// `TenantControl::apply`.
    Apply(Box<Change>),
    /// `TenantControl::last_calls`.
    LastCalls(Subject),
    /// `TenantLedger::recall`.
    Recall(Subject),
    /// `TenantLedger::claim`.
    Claim(EventId),
    /// `TenantLedger::finish`, and whether the claim was settled.
    Finish(EventId, bool),
    /// `TenantLedger::keep_case`, and whether the case is open.
    KeepCase(Subject, bool),
    /// `TenantLedger::open_cases`.
    OpenCases,
    /// `TenantLedger::learn`.
    Learn(Subject),
    /// `TenantLedger::discovery`.
    Discovery,
    /// `TenantLedger::keep_discovery`.
    KeepDiscovery,
    /// `TenantLedger::approve`.
    Approve(ResourceId),
    /// `TenantLedger::revoke`.
    Revoke(ResourceId),
}

impl TenantCall {
    /// Returns the call's name, as faults select by it. A change has its own: `RecoverVault`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Observe(_) => "observe",
            Self::Apply(change) => change.name(),
            Self::LastCalls(_) => "last_calls",
            Self::Recall(_) => "recall",
            Self::Claim(_) => "claim",
            Self::Finish(..) => "finish",
            Self::KeepCase(..) => "keep_case",
            Self::OpenCases => "open_cases",
            Self::Learn(_) => "learn",
            Self::Discovery => "discovery",
            Self::KeepDiscovery => "keep_discovery",
            Self::Approve(_) => "approve",
            Self::Revoke(_) => "revoke",
        }
    }

    /// Returns the change that was asked for, where it was one.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Apply(change) => Some(change),
            Self::Discover
            | Self::Observe(_)
            | Self::LastCalls(_)
            | Self::Recall(_)
            | Self::Claim(_)
            | Self::Finish(..)
            | Self::KeepCase(..)
            | Self::OpenCases
            | Self::Learn(_)
            | Self::Discovery
            | Self::KeepDiscovery
            | Self::Approve(_)
            | Self::Revoke(_) => None,
        }
    }
}
