//! Why a filter misses an event: which outcomes, callers or accounts it leaves out, or what in it can never be so.

use std::collections::BTreeSet;

use super::{Audit, KEY_EVENTS, Tried};
use crate::filter::FilterPattern;
use crate::filter::explain::{CASE_DIFFERS, Explanation, Joined};
use crate::filter::probe::{Caller, Outcome, Probe, harmful_in};
use crate::place::Place;

/// What is said of an event that a filter is not about.
pub const NOT_NAMED: &str = "not named by the filter";

/// How many failing comparisons are named.
const NAMED_COMPARISONS: usize = 3;

/// What is asked about each missed event.
pub(super) struct Reasons<'a> {
    pattern: &'a FilterPattern,
    /// Why nothing can match.
    contradiction: Option<String>,
    /// The probes as if they came from an account that the pattern names, and the account.
    elsewhere: Vec<(String, Vec<Probe>)>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(pattern: &'a FilterPattern, place: &Place) -> Self {
        let accounts = pattern.accounts().into_iter().filter(|account| account != place.account.as_str());
        let elsewhere = accounts.map(|account| (account.clone(), harmful_in(&account, place))).collect();
        Self { pattern, contradiction: pattern.contradiction(), elsewhere }
    }

    /// Says why an event is missed.
    pub(super) fn of(&self, name: &str, tried: &[Tried<'_>]) -> String {
        if let Some(contradiction) = &self.contradiction {
            return format!("the filter can never match: {contradiction}");
        }
        let home: Vec<Tried<'_>> = tried.iter().filter(|tried| !tried.probe.of_other_account).copied().collect();
        if home.iter().any(|tried| tried.matches) {
            return partly(&home);
        }
        let matches_there = |probes: &[Probe]| probes.iter().any(|probe| probe.name == name && self.pattern.matches(&probe.event));
        if let Some((account, _)) = self.elsewhere.iter().find(|(_, probes)| matches_there(probes)) {
            return format!("caught only from account {account}");
        }
        let plain: Vec<&Probe> = home.iter().map(|tried| tried.probe).collect();
        // Of what it does not name anywhere, the account is no reason.
        let is_named_there =
            |probes: &[Probe]| self.never(&probes.iter().filter(|probe| probe.name == name).collect::<Vec<_>>()) != NOT_NAMED;
        match self.elsewhere.first() {
            Some((_, probes)) if !is_named_there(probes) => NOT_NAMED.to_owned(),
            Some(_) | None => self.never(&plain),
        }
    }

    /// Names the comparisons that fail on the plainest probe: called by a role, and carried out.
    fn never(&self, probes: &[&Probe]) -> String {
        let is_plain = |probe: &&&Probe| probe.caller == Caller::AssumedRole && probe.outcome == Outcome::Succeeded;
        let Some(plain) = probes.iter().find(is_plain).or(probes.first()) else { return "never caught".to_owned() };
        let mut failing = Vec::new();
        failures(&self.pattern.explain(&plain.event), &mut failing);
        // Of what differs in case alone, or only in the service, the comparison itself is told.
        let names_other = |failure: &Failure| failure.pattern.starts_with("$.eventName ");
        let is_of_name = |failure: &Failure| names_other(failure) || failure.pattern.starts_with("$.eventSource ");
        failing.sort_by_key(|failure| !failure.found.ends_with(CASE_DIFFERS));
        let differs_in_case = failing.first().is_some_and(|failure| failure.found.ends_with(CASE_DIFFERS));
        if !differs_in_case && failing.iter().any(names_other) && failing.iter().all(is_of_name) {
            return NOT_NAMED.to_owned();
        }
        if differs_in_case {
            failing.truncate(1);
        }
        let told = |Failure { pattern, found }: &Failure| format!("`{pattern}` finds {found}");
        let named: Vec<String> = failing.iter().take(NAMED_COMPARISONS).map(told).collect();
        match failing.len().checked_sub(NAMED_COMPARISONS) {
            Some(more) if more > 0 => format!("{}, and {more} more comparisons fail", named.join("; ")),
            _ => named.join("; "),
        }
    }
}

/// A comparison that does not hold.
struct Failure {
    pattern: String,
    found: String,
}

/// Collects the comparisons without which the whole would hold. Of those joined by `||` all are to blame, of those by `&&` the failing.
fn failures(explanation: &Explanation, failing: &mut Vec<Failure>) {
    if explanation.matches {
        return;
    }
    match explanation.joined {
        Some(Joined::All | Joined::Any) => explanation.parts.iter().for_each(|part| failures(part, failing)),
        None => failing.push(Failure { pattern: explanation.pattern.clone(), found: explanation.found.clone().unwrap_or_default() }),
    }
}

/// Says which callers and outcomes are left out of an event that is caught otherwise.
fn partly(tried: &[Tried<'_>]) -> String {
    let outcomes = left_out(tried, |probe| probe.outcome);
    let callers = left_out(tried, |probe| probe.caller);
    let by_outcome = match outcomes.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => None,
        [Outcome::Succeeded] => Some("only when it was refused".to_owned()),
        [Outcome::AccessDenied, Outcome::AccessDeniedException] => Some("only when it succeeded".to_owned()),
        [Outcome::Succeeded, refused] => {
            let other = Outcome::ALL.into_iter().filter(|outcome| outcome != refused).find_map(Outcome::error_code).unwrap_or_default();
            Some(format!("only when it was refused with `{other}`"))
        }
        outcomes => {
            let codes: Vec<String> = outcomes.iter().filter_map(|outcome| outcome.error_code()).map(|code| format!("`{code}`")).collect();
            Some(format!("not when it was refused with {}", codes.join(" or ")))
        }
    };
    let by_caller = (!callers.is_empty()).then(|| {
        let caught: Vec<&str> = Caller::ALL.into_iter().filter(|caller| !callers.contains(caller)).map(Caller::describe).collect();
        let missed: Vec<&str> = callers.iter().map(|caller| caller.describe()).collect();
        if caught.len() <= missed.len() {
            format!("only when called by {}", caught.join(" or "))
        } else {
            format!("not when called by {}", missed.join(" or "))
        }
    });
    match (by_outcome, by_caller) {
        (Some(outcome), Some(caller)) => format!("caught {outcome}, and {caller}"),
        (Some(one), None) | (None, Some(one)) => format!("caught {one}"),
        (None, None) => {
            let missed: Vec<&Tried<'_>> = tried.iter().filter(|tried| !tried.matches).collect();
            let example = missed.first().map(|tried| way(tried.probe)).unwrap_or_default();
            format!("missed in {} of {} ways, such as {example}", missed.len(), tried.len())
        }
    }
}

/// The values with which nothing is caught.
fn left_out<T: Ord>(tried: &[Tried<'_>], value: impl Fn(&Probe) -> T) -> BTreeSet<T> {
    let caught: BTreeSet<T> = tried.iter().filter(|tried| tried.matches).map(|tried| value(tried.probe)).collect();
    tried.iter().map(|tried| value(tried.probe)).filter(|value| !caught.contains(value)).collect()
}

fn way(probe: &Probe) -> String {
    match probe.outcome.error_code() {
        None => format!("{} succeeding", probe.caller.describe()),
        Some(code) => format!("{} refused with `{code}`", probe.caller.describe()),
    }
}

/// Says in a sentence or two what the filter is worth.
pub(super) fn summary(pattern: &FilterPattern, audit: &Audit, matches_anything: bool) -> String {
    if let Some(contradiction) = pattern.contradiction() {
        return format!("The filter can never match: {contradiction}.");
    }
    let caught = audit.catches.values().filter(|caught| **caught).count();
    let also = match audit.also_catches.as_slice() {
        [] => String::new(),
        [one] => format!(" It also fires on {one}, which is harmless."),
        [first, rest @ ..] => format!(" It also fires on {} kinds of harmless events, such as {first}.", rest.len() + 1),
    };
    if audit.catches_key_events() {
        let more = caught - KEY_EVENTS.len();
        let besides = if more == 0 {
            "and nothing else of the kind".to_owned()
        } else {
            match audit.catches.len() - KEY_EVENTS.len() {
                others if others == more => format!("and all {others} others"),
                others => format!("and {more} of {others} others"),
            }
        };
        return format!("The filter catches DisableKey and ScheduleKeyDeletion, succeeded or refused, whoever calls, {besides}.{also}");
    }
    let of_key: Vec<&super::Miss> = audit.misses.iter().filter(|miss| KEY_EVENTS.contains(&miss.event.as_str())).collect();
    let reasons: BTreeSet<&str> = of_key.iter().map(|miss| miss.why.as_str()).collect();
    let names: Vec<&str> = of_key.iter().map(|miss| miss.event.as_str()).collect();
    let missed = match reasons.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => format!("{}: {one}", names.join(" and ")),
        _ => of_key.iter().map(|miss| format!("{}: {}", miss.event, miss.why)).collect::<Vec<_>>().join("; "),
    };
    let nothing = if matches_anything { "" } else { " It matches none of the events it was tried on." };
    format!("The filter misses {missed}.{nothing}{also}")
}
