//! Monitoring: what an account must watch, what was observed of it, and what is to be changed so that a human hears of it.
//!
//! The chain is trail, log group, metric filter, alarm, topic, confirmed subscriber; it holds only as a whole. [`plan()`] compares what
//! was observed ([`World`]) with what is asked for ([`Desired`]) and leaves no choices to whoever carries the changes out. What already
//! satisfies is adopted, whoever made it; what others made is never overwritten; what cannot be read is never taken for missing.
//!
//! *Architecture invariant:* a filter is judged by what it matches ([`crate::filter`]), never by comparing texts, save where an exact
//! text is what an auditor asks for.

pub mod baseline;
pub mod change;
pub mod controls;
pub mod decide;
pub mod desired;
pub mod diff;
pub mod event;
pub mod finding;
pub mod plan;
pub mod rules;
pub mod world;

pub use baseline::{Baseline, BaselineError, CisVersion, Control, PatternMode};
pub use change::Change;
pub use desired::{Desired, RuleWish, Subscriber, TopicWish, TrailWish};
pub use finding::{ControlStatus, Finding, Subject};
pub use plan::{MonitoringPlan, plan};
pub use rules::{DriftRule, GuardRule};
pub use world::World;

/// The tag that what we made bears.
pub const MANAGED_BY_TAG: &str = "reprieve:managed-by";

/// The tag's value.
pub const MANAGED_BY: &str = "aws-provision-monitoring";

/// What the names of our metric filters begin with; filters bear no tags.
pub const FILTER_PREFIX: &str = "Reprieve-";
