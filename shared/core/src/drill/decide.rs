//! What a drill came to, as a decision: passed, missed, or not held and why.

use jiff::Timestamp;

use super::path::{Path, Verdict};
use crate::decision::{Decision, Severity, Why};
use crate::id::KeyArn;
use crate::plan::{Plan, Step};
use crate::record::{Status, StepOutcome};

/// What a drill that was held came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillReport {
    /// When the deletion was scheduled.
    pub started_at: Timestamp,
    /// What is said of each path.
    pub paths: Vec<(Path, Verdict)>,
    /// What the drill itself had to do to get its key back.
    pub own_steps: Vec<StepOutcome>,
}

impl DrillReport {
    /// Says whether everything that was asked for was seen in time, and the drill had to undo nothing itself.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.own_steps.is_empty() && self.paths.iter().all(|(_, verdict)| verdict.is_good())
    }

    /// Returns what is said of a path.
    #[must_use]
    pub fn verdict(&self, path: Path) -> Option<&Verdict> {
        self.paths.iter().find(|(other, _)| *other == path).map(|(_, verdict)| verdict)
    }

    /// Returns the time measured of a path, in milliseconds, whether in time or late.
    #[must_use]
    pub fn measured_ms(&self, path: Path) -> Option<i64> {
        self.verdict(path)?.measured_ms()
    }

    fn headline(&self) -> String {
        let shown = |paths: &[Path]| {
            let told = self.paths.iter().filter(|(path, verdict)| paths.contains(path) && verdict.measured_ms().is_some());
            told.map(|(path, verdict)| format!("{} {verdict}", path.as_str())).collect::<Vec<_>>().join(", ")
        };
        let bad = self.paths.iter().filter(|(_, verdict)| !verdict.is_good());
        let bad: Vec<String> = bad.map(|(path, verdict)| format!("{} {verdict}", path.as_str())).collect();
        match (bad.is_empty(), self.own_steps.is_empty()) {
            (true, true) => format!("drill passed: {}", shown(&[Path::Enablement, Path::Notice, Path::Alarm])),
            (true, false) => "drill MISSED its deadline: the drill had to give its key back itself".to_owned(),
            (false, _) => format!("drill MISSED its deadline: {}", bad.join(", ")),
        }
    }

    fn reasoning(&self) -> Vec<String> {
        self.paths.iter().map(|(path, verdict)| format!("{}: {verdict}", path.as_str())).collect()
    }
}

/// The most that a drill does beside its own call: it gives its key back.
#[must_use]
pub fn clean_up_plan(key: &KeyArn) -> Plan {
    Plan::new(vec![Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key: key.clone() }])
}

/// Decides on a drill that was held. `is_safe` says whether the key was seen to serve at the end.
pub fn held(report: &DrillReport, key: &KeyArn, is_safe: bool, beside: Vec<String>) -> (Decision, Status) {
    let told = "The deletion of the drill's own key was scheduled on purpose; what you were told of that key since then was this drill.";
    let mut why = Why::new(Severity::Informational, format!("{}. {told}", report.headline()));
    why.reasoning = report.reasoning();
    why.escalations = beside;
    if !is_safe {
        why.severity = Severity::High;
        why.escalations.push(format!("the drill's key `{key}` could not be given back: cancel its deletion and enable it by hand"));
    }
    if !report.own_steps.is_empty() {
        why.severity = Severity::High;
        why.escalations.push("the guard did not give the key back: the drill had to do it itself".to_owned());
        let plan = Plan::new(report.own_steps.iter().map(|step| step.step.clone()).collect());
        return (Decision::Remedy { plan, why }, Status::of_steps(&report.own_steps));
    }
    if report.has_passed() && is_safe {
        return (Decision::Stand { why }, Status::Success);
    }
    why.severity = Severity::High;
    why.escalations.extend(report.paths.iter().filter(|(_, verdict)| !verdict.is_good()).map(|(path, verdict)| {
        format!("{}: {verdict}. Until that is mended, nobody would hear of a real deletion on this path.", path.as_str())
    }));
    (Decision::Escalate { why }, Status::Escalated)
}

/// Decides on a drill that was not held: nothing was scheduled, or the call was refused.
pub fn not_held(reasons: &[String], severity: Severity, own_steps: &[StepOutcome], beside: Vec<String>) -> (Decision, Status) {
    let mut why = Why::new(severity, format!("drill NOT held: {}. Nothing was proven.", reasons.join("; ")));
    why.reasoning = reasons.to_vec();
    why.escalations = beside.into_iter().chain(["until a drill passes, nobody knows whether keys are guarded".to_owned()]).collect();
    if own_steps.is_empty() {
        return (Decision::Escalate { why }, Status::Escalated);
    }
    let plan = Plan::new(own_steps.iter().map(|step| step.step.clone()).collect());
    (Decision::Remedy { plan, why }, Status::of_steps(own_steps))
}

/// Decides on a drill in mode `observe`: the guard would not give the key back, so nothing is scheduled.
pub fn would_be_held(what: &str, beside: Vec<String>) -> (Decision, Status) {
    let mut why = Why::new(Severity::Informational, format!("drill not held (mode observe): {what}. Nothing was scheduled."));
    why.escalations = beside;
    (Decision::Stand { why }, Status::Observed)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
