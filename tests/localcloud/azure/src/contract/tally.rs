//! Counts what the contracts said about many exchanges, for the lines that a test prints.
//!
//! Must not decide anything: a violation stays one, whoever counts.

use std::collections::BTreeSet;
use std::fmt;

use super::{Contracts, Verdict};
use crate::exchange::Exchange;

/// What the contracts said about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exchanges that a published contract describes and that keep to it.
    pub covered: usize,
    /// Exchanges that only a schema of our own describes and that keep to it.
    pub ours: usize,
    /// Exchanges that the list of exemptions names.
    pub not_in_contracts: usize,
    /// The operations of published contracts that were seen.
    pub covered_operations: BTreeSet<String>,
    /// The operations of our own schemas that were seen.
    pub our_operations: BTreeSet<String>,
    /// What broke a contract, in order.
    pub violations: Vec<String>,
}

impl Tally {
    /// Holds all exchanges against the contracts.
    #[must_use]
    pub fn of(contracts: &Contracts, exchanges: &[Exchange]) -> Self {
        let mut tally = Self::default();
        for exchange in exchanges {
            tally.add(contracts.check(exchange));
        }
        tally
    }

    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Covered { operation, origin: _ } => {
                self.covered += 1;
                self.covered_operations.insert(operation);
            }
            Verdict::Ours { operation } => {
                self.ours += 1;
                self.our_operations.insert(operation);
            }
            Verdict::NotInContracts { reason: _ } => self.not_in_contracts += 1,
            Verdict::Violation(text) => self.violations.push(text),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.covered + self.ours + self.not_in_contracts + self.violations.len();
        write!(
            formatter,
            "{all} exchanges: {} by {} operations of published contracts, {} by {} operations of our own schemas, {} exempt, {} violations",
            self.covered,
            self.covered_operations.len(),
            self.ours,
            self.our_operations.len(),
            self.not_in_contracts,
            self.violations.len()
        )?;
        self.violations.iter().try_for_each(|violation| write!(formatter, "\n  {violation}"))
    }
}
