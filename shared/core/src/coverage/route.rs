//! The way of an event to a guard: rule, queue, function. Every event must find one way that works; of ways that do not, the one that
//! comes nearest explains why.

use std::collections::BTreeSet;

use super::gap::{Gap, GapKind};
use super::{FunctionView, Guard, Observation, RuleView, route_probes};
use crate::facts::Known;

/// The way of the events of a Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// The roles of the guards that events reach, or would reach.
    pub(super) roles: BTreeSet<String>,
    /// Whether a guard that is reached records only; its role cannot give keys back then, by design.
    pub(super) observes: bool,
    /// Why some events reach no guard that acts.
    pub(super) gaps: Vec<Gap>,
}

/// What becomes of an event that a rule matches; what comes nearest to a guard last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Nothing of ours is fed.
    Elsewhere(Gap),
    /// Something on the way to what may be ours is broken.
    Broken(Gap),
    /// The way is whole, but the rule is disabled.
    Disabled(Gap),
    /// It cannot be said.
    Unreadable(Gap),
    /// A guard gets it, at this ARN.
    Reaches(String),
}

/// Looks for the way of every event.
pub(super) fn route(observation: &Observation) -> Route {
    let guards: BTreeSet<&str> = guards(observation).map(|(_, function)| function.role_arn.as_str()).collect();
    let rules = match &observation.rules {
        Known::Is(rules) => rules.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => return blocked(&guards, Gap::unreadable("the event rules of the Region", why, "events:ListRules")),
    };
    if rules.is_empty() {
        let gap = if guards.is_empty() { no_guard(observation) } else { no_rule() };
        return blocked(&guards, gap);
    }
    let ends: Vec<(&RuleView, End)> = rules.iter().map(|rule| (rule, end_of(rule, observation))).collect();
    if guards.is_empty() && ends.iter().all(|(_, end)| matches!(end, End::Elsewhere(_))) {
        let is_named = ends.iter().find(|(_, end)| matches!(end, End::Elsewhere(gap) if matches!(gap.kind, GapKind::FunctionMissing(_))));
        return blocked(&guards, is_named.map_or_else(|| no_guard(observation), |(_, end)| gap_of(end).unwrap_or_else(no_rule)));
    }
    whole(observation, &ends)
}

fn blocked(guards: &BTreeSet<&str>, gap: Gap) -> Route {
    Route { roles: guards.iter().map(|role| (*role).to_owned()).collect(), observes: false, gaps: vec![gap] }
}

fn guards(observation: &Observation) -> impl Iterator<Item = (&str, &FunctionView)> {
    let functions = observation.functions.iter().filter_map(|(arn, function)| Some((arn.as_str(), function.value()?)));
    functions.filter(|(_, function)| function.guard != Guard::Not)
}

/// Judges every event by the rule that takes it nearest to a guard.
fn whole(observation: &Observation, ends: &[(&RuleView, End)]) -> Route {
    let mut route = Route::default();
    let mut gaps = BTreeSet::new();
    let mut missed = Vec::new();
    let mut reached = BTreeSet::new();
    for probe in route_probes(&observation.place) {
        let takes = |rule: &RuleView| rule.matches.value().is_none_or(|names| names.contains(&probe.name));
        match ends.iter().filter(|(rule, _)| takes(rule)).map(|(_, end)| end).max() {
            None => missed.push(probe.name),
            Some(End::Reaches(function)) => {
                reached.insert(function.as_str());
            }
            Some(end) => gaps.extend(gap_of(end)),
        }
    }
    if !missed.is_empty() {
        gaps.insert(missing(missed));
    }
    for (arn, function) in guards(observation) {
        route.roles.insert(function.role_arn.clone());
        if reached.contains(arn) && function.guard == Guard::Observes {
            route.observes = true;
            gaps.insert(GapKind::ModeObserve(arn.to_owned()).because(
                format!("The guard `{}` records what it would do, and gives no key back.", name_of(arn)),
                "Deploy the guard's stack with Mode=enforce.",
            ));
        }
    }
    route.gaps = gaps.into_iter().collect();
    route
}

fn gap_of(end: &End) -> Option<Gap> {
    match end {
        End::Elsewhere(gap) | End::Broken(gap) | End::Disabled(gap) | End::Unreadable(gap) => Some(gap.clone()),
        End::Reaches(_) => None,
    }
}

fn end_of(rule: &RuleView, observation: &Observation) -> End {
    if let Known::Unreadable(why) = &rule.matches {
        return End::Unreadable(Gap::unreadable(&format!("what the event rule `{}` matches", rule.name), why, "events:TestEventPattern"));
    }
    let targets = match &rule.targets {
        Known::Is(targets) => targets.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => {
            return End::Unreadable(Gap::unreadable(
                &format!("what the event rule `{}` feeds", rule.name),
                why,
                "events:ListTargetsByRule",
            ));
        }
    };
    let best = targets.iter().map(|target| end_of_target(target, rule, observation)).max().unwrap_or_else(|| elsewhere(rule));
    if rule.is_enabled || !matches!(best, End::Reaches(_)) {
        return best;
    }
    let reason = format!("The event rule `{}` is disabled, so no event passes it.", rule.name);
    End::Disabled(GapKind::RuleDisabled(rule.name.clone()).because(reason, "Enable the rule, and ask who disabled it."))
}

fn end_of_target(target: &str, rule: &RuleView, observation: &Observation) -> End {
    match target.split(':').nth(2) {
        Some("sqs") => end_of_queue(target, rule, observation),
        Some("lambda") => end_of_function(target, rule, observation),
        Some(_) | None => elsewhere(rule),
    }
}

fn end_of_queue(queue: &str, rule: &RuleView, observation: &Observation) -> End {
    let name = name_of(queue);
    let mappings = match observation.queues.get(queue) {
        Some(Known::Is(mappings)) => mappings.as_slice(),
        Some(Known::Absent) | None => &[],
        Some(Known::Unreadable(why)) => {
            return End::Unreadable(Gap::unreadable(&format!("who reads the queue `{name}`"), why, "lambda:ListEventSourceMappings"));
        }
    };
    if mappings.is_empty() {
        let fix = "Let the guard's event function read the queue: deploy the guard's stack again.";
        return End::Broken(
            GapKind::QueueNotRead(queue.to_owned())
                .because(format!("No function reads the queue `{name}`, which the event rule feeds."), fix),
        );
    }
    let ends = mappings.iter().map(|mapping| {
        let end = end_of_function(&mapping.function_arn, rule, observation);
        if mapping.is_enabled || !matches!(end, End::Reaches(_)) {
            return end;
        }
        let reason = format!("The event source mapping by which the guard reads the queue `{name}` is disabled.");
        End::Broken(GapKind::QueueNotRead(queue.to_owned()).because(reason, "Enable the mapping, and ask who disabled it."))
    });
    ends.max().unwrap_or_else(|| elsewhere(rule))
}

fn end_of_function(arn: &str, rule: &RuleView, observation: &Observation) -> End {
    let fix = "Deploy the guard's stack again.";
    let missing = |reason: String| End::Broken(GapKind::FunctionMissing(arn.to_owned()).because(reason, fix));
    match observation.functions.get(arn) {
        Some(Known::Is(function)) if function.guard == Guard::Not => elsewhere(rule),
        Some(Known::Is(function)) if function.state != "Active" => {
            missing(format!("The guard `{}` cannot run: its state is {}.", name_of(arn), function.state))
        }
        Some(Known::Is(_)) => End::Reaches(arn.to_owned()),
        Some(Known::Absent) | None => missing(format!("The function `{}`, which events are routed to, does not exist.", name_of(arn))),
        Some(Known::Unreadable(why)) => {
            End::Unreadable(Gap::unreadable(&format!("the function `{}`", name_of(arn)), why, "lambda:GetFunctionConfiguration"))
        }
    }
}

fn elsewhere(rule: &RuleView) -> End {
    End::Elsewhere(GapKind::RuleTargetsNothingOfOurs(rule.name.clone()).because(
        format!("The event rule `{}` matches, but feeds no guard.", rule.name),
        "Give the rule the guard's queue as its target: deploy the guard's stack again.",
    ))
}

/// Where functions cannot be seen, nobody can say that none of them is a guard.
fn no_guard(observation: &Observation) -> Gap {
    if let Some(why) = observation.functions.values().find_map(Known::unreadable_reason) {
        return Gap::unreadable("the functions of the Region", why, "lambda:ListFunctions and lambda:GetFunctionConfiguration");
    }
    GapKind::NoGuard.because(
        format!("No guard is deployed in {}: nobody gives a key back there.", observation.place.region),
        "Deploy infra/aws/guard.yaml in the Region.",
    )
}

fn no_rule() -> Gap {
    GapKind::NoRule
        .because("A guard is deployed, but no event rule matches key events.", "Deploy the guard's stack again: it makes the rules.")
}

fn missing(names: Vec<String>) -> Gap {
    let reason = format!("No event rule matches {}.", names.join(", "));
    GapKind::RuleMissesEvents(names).because(reason, "Give the rules back the patterns of infra/aws/guard.yaml.")
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
