//! What is decided on an event, a deployment or the daily check, once the plan is made. Pure.

use super::event::{Bearing, bearing};
use super::finding::Finding;
use super::plan::MonitoringPlan;
use crate::decision::{Decision, Severity, Why};
use crate::event::{Event, EventForm, Target};

/// What the warning begins with that every call succeeded and a second look contradicts them.
pub const STILL_TO_DO: &str = "every call succeeded, and a second look still finds this to do";

/// An event that may have changed the monitoring: its place in the batch, and what it means.
type Drift<'a> = (usize, &'a Event, Bearing);

/// Picks, out of a batch of events that may have changed the monitoring, the one that the plan answers: one that names what the plan
/// changes, else the first that blinded, else one that names what a human must look at, else the first. Where nothing is to be changed,
/// a call that blinded what the monitoring does not rely on is no more than any other.
pub fn lead<'a>(drifts: impl Iterator<Item = Drift<'a>>, plan: &MonitoringPlan) -> Option<usize> {
    let drifts: Vec<Drift<'_>> = drifts.collect();
    let names_it = |(_, event, _): &&Drift<'_>| plan.changes_what(event.target.display_name());
    let is_felt = |event: &Event| !plan.changes.is_empty() || touches_ours(event, plan);
    let blinds = |(_, event, bearing): &&Drift<'_>| *bearing == Bearing::Blinded && is_felt(event);
    let is_found = |(_, event, _): &&Drift<'_>| plan.findings.iter().any(|finding| is_told_of(finding, event));
    let lead = drifts.iter().find(names_it).or_else(|| drifts.iter().find(blinds)).or_else(|| drifts.iter().find(is_found));
    lead.or_else(|| drifts.first()).map(|(index, ..)| *index)
}

/// Says what an event means where it may have been answered before. What a call changed may have been mended by an earlier delivery that
/// could tell nobody, and nothing remembers it: delivered again, and with nothing left to mend, it counts as one that blinded.
#[must_use]
pub fn bearing_of(event: &Event, delivery: u32, plan: &MonitoringPlan) -> Bearing {
    let bearing = bearing(event);
    let may_be_untold = bearing == Bearing::Changed && delivery > 1 && plan.changes.is_empty();
    if may_be_untold { Bearing::Blinded } else { bearing }
}

/// Decides on an event that needs no plan of its own: `lead` answers it too, or it changed nothing.
pub fn beside(event: &Event, lead: Option<&Event>, is_own: bool) -> Decision {
    let who = event.actor.display_name();
    let (severity, sentence) = match (lead, bearing(event)) {
        (Some(lead), _) => (Severity::Informational, format!("`{}` by {who} is answered together with event `{}`.", event.name, lead.id)),
        (None, Bearing::Attempted) => (
            Severity::Low,
            format!("{who} tried `{}` on `{}` and was refused: recorded, nothing to mend.", event.name, event.target.display_name()),
        ),
        (None, Bearing::Changed | Bearing::Blinded) if is_own => {
            (Severity::Informational, format!("`{}` is our own act, recorded and not answered.", event.name))
        }
        (None, Bearing::None | Bearing::Changed | Bearing::Blinded) => {
            (Severity::Informational, format!("`{}` on `{}` changes no monitoring.", event.name, event.source))
        }
    };
    Decision::Stand { why: Why::new(severity, sentence) }
}

/// Decides: what the plan changes is remedied; what blinded our monitoring wakes a human, even where nothing is left to mend.
pub fn decide(event: &Event, others: &[&Event], bearing: Bearing, plan: &MonitoringPlan) -> Decision {
    let is_event = event.form != EventForm::Sweep;
    let events: Vec<&Event> = std::iter::once(event).chain(others.iter().copied()).filter(|_| is_event).collect();
    let culprits: Vec<String> = events.iter().copied().map(called).collect();
    let grave = plan.findings.iter().filter(|finding| finding.is_grave());
    let warnings: Vec<String> = grave.clone().map(Finding::to_string).collect();
    let worst = grave.map(|finding| finding.severity).max().unwrap_or(Severity::Informational);
    if !plan.changes.is_empty() {
        let severity = match (is_event, bearing) {
            (true, Bearing::Blinded) => Severity::High,
            (true, Bearing::Changed) => Severity::Medium,
            (true, Bearing::None | Bearing::Attempted) | (false, _) => Severity::Low,
        };
        let remedy = plan.remedy();
        let cause = if is_event { format!("{}: the monitoring is no longer as it must be.", culprits.join(", ")) } else { plan.summary() };
        let mut why = Why::new(severity.max(worst), cause);
        why.escalations = culprits.into_iter().chain(warnings).collect();
        return Decision::Remedy { plan: remedy, why };
    }
    if bearing == Bearing::Blinded && is_event && touches_ours(event, plan) {
        let sentence = format!(
            "{}: the monitoring is whole now, but for a time it may have seen nothing. Look at what happened then.",
            culprits.join(", ")
        );
        let mut why = Why::new(Severity::High.max(worst), sentence);
        why.escalations = warnings;
        return Decision::Escalate { why };
    }
    if !is_event {
        let mut why = Why::new(worst, plan.summary());
        why.escalations = warnings;
        return Decision::Stand { why };
    }
    let told = told_of(&events, plan);
    let mut why = Why::new(told.iter().map(|finding| finding.severity).max().unwrap_or(worst), plan.summary());
    let callers = events.into_iter().filter(|event| told.iter().any(|finding| is_told_of(finding, event)));
    why.escalations = callers.map(called).chain(told.iter().copied().map(Finding::to_string)).collect();
    Decision::Stand { why }
}

fn touches_ours(event: &Event, plan: &MonitoringPlan) -> bool {
    matches!(event.target, Target::Unnamed) || plan.relies_on(event.target.display_name())
}

fn called(event: &Event) -> String {
    format!("{} called `{}` on `{}`", event.actor.display_name(), event.name, event.target.display_name())
}

fn is_told_of(finding: &Finding, event: &Event) -> bool {
    finding.is_grave() && finding.is_about(&event.source, event.target.display_name())
}

/// Returns what a human must look at on which something was called. Of anything else the daily check tells, so that nobody is told of it
/// again at every call.
fn told_of<'p>(events: &[&Event], plan: &'p MonitoringPlan) -> Vec<&'p Finding> {
    plan.findings.iter().filter(|finding| events.iter().any(|event| is_told_of(finding, event))).collect()
}
