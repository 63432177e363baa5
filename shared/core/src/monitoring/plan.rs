//! The plan: from what is asked for and what was observed, exactly the changes that are missing. Pure.
//!
//! The plan that is shown and the plan that is carried out are the same object.

pub(crate) mod controls;
mod rules;
pub(crate) mod selectors;
pub(crate) mod topic;
mod trail;

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::desired::Desired;
use super::finding::{ControlStatus, Finding, Subject};
use super::world::{Place, World};
use crate::decision::Severity;
use crate::plan::{Plan, Step};

/// What is to be changed, what a human must know, and how each control stands before the changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitoringPlan {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What a human must know or do.
    pub findings: Vec<Finding>,
    /// How each control stands before the changes.
    pub controls: Vec<ControlStatus>,
    /// The names and ARNs of everything that the monitoring relies on, once the changes are made.
    pub relied_on: Vec<String>,
}

impl MonitoringPlan {
    /// Says whether a change is about something of this name: a name, an ARN, or several separated by `, `.
    #[must_use]
    pub fn changes_what(&self, named: &str) -> bool {
        self.changes.iter().any(|change| is_named(change.target(), named))
    }

    /// Says whether the monitoring relies on something of this name: a name, an ARN, or several separated by `, `.
    #[must_use]
    pub fn relies_on(&self, named: &str) -> bool {
        self.relied_on.iter().any(|part| is_named(part, named))
    }

    /// Returns the changes as what a decision carries out.
    #[must_use]
    pub fn remedy(&self) -> Plan {
        Plan::new(self.changes.iter().cloned().map(Step::Monitoring).collect())
    }

    /// Says in one sentence how the monitoring stands.
    #[must_use]
    pub fn summary(&self) -> String {
        let holding = self.controls.iter().filter(|control| control.holds()).count();
        let all = self.controls.len();
        let to_do = match self.changes.len() {
            0 => "nothing is to be changed".to_owned(),
            1 => "1 change is missing".to_owned(),
            count => format!("{count} changes are missing"),
        };
        let findings = match self.findings.len() {
            0 => String::new(),
            1 => ", and a human must look at 1 thing".to_owned(),
            count => format!(", and a human must look at {count} things"),
        };
        format!("{holding} of {all} monitoring controls reach a confirmed subscriber; {to_do}{findings}.")
    }
}

/// Compares a part's name or ARN with what an event names; either may be the ARN of the other.
pub(super) fn is_named(part: &str, named: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(":*").unwrap_or(long).strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with([':', '/']))
    };
    named.split(", ").any(|named| ends(part, named) || ends(named, part))
}

/// Plans: the trail and its log group, the topic, filters and alarms, event rules, in this order.
#[must_use]
pub fn plan(desired: &Desired, world: &World) -> MonitoringPlan {
    let mut draft = Draft { desired, world, plan: MonitoringPlan::default() };
    let feeding = trail::plan(&mut draft);
    let hearing = topic::plan(&mut draft);
    controls::plan(&mut draft, &feeding, &hearing);
    rules::plan(&mut draft);
    draft.plan
}

/// A plan in the making.
struct Draft<'a> {
    desired: &'a Desired,
    world: &'a World,
    plan: MonitoringPlan,
}

impl<'a> Draft<'a> {
    const fn place(&self) -> &'a Place {
        &self.desired.place
    }

    fn change(&mut self, change: Change) {
        self.plan.changes.push(change);
    }

    fn find(&mut self, subject: Subject, severity: Severity, sentence: String, fix: &str) {
        self.plan.findings.push(Finding { subject, severity, sentence, fix: fix.to_owned() });
    }

    fn rely_on(&mut self, parts: &[&str]) {
        for part in parts {
            if !self.plan.relied_on.iter().any(|known| known == part) {
                self.plan.relied_on.push((*part).to_owned());
            }
        }
    }
}
