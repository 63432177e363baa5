//! Monitoring on AWS: the adapters that look at trails, log groups, metric filters, alarms, topics and event rules, and change them.
//!
//! [`AwsMonitoringControl`] is the port of the loop; behind it there is one file per service. `test_pattern` asks CloudWatch Logs what a
//! pattern matches.
//!
//! *Architecture invariants:* nothing here decides. No call of this crate deletes, stops, disables or narrows anything: it holds no
//! `Delete*`, `Stop*`, `Disable*`, `Remove*`, `Unsubscribe`, `Untag*` or `SetAlarmState`, and `tests/invariants.rs` reads its source for
//! them. What cannot be read is unreadable, with the call that failed; absent is only what a service itself says is not there. The guard
//! is not built with this crate.

mod alarms;
mod answer;
mod control;
pub mod coverage;
mod log_groups;
mod rules;
mod test_pattern;
mod topic_keys;
mod topics;
mod trails;

#[cfg(test)]
mod coverage_localcloud_tests;
#[cfg(test)]
mod localcloud_tests;
#[cfg(test)]
mod scripted;

pub use control::AwsMonitoringControl;
