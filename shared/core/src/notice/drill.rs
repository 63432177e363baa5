//! What people are told of a drill: that it passed, so that nobody looks for the incident; what it missed; or why it was not held.

use crate::decision::Decision;
use crate::drill;
use crate::record::{Record, Status};

/// What the list of reasons is called.
pub(super) const REASONS_TITLE: &str = "What was measured";

/// Returns the headline, where the record is of a drill: `drill passed: key back after 2.1 s, ...`, `drill MISSED its deadline: ...`.
pub(super) fn drill_headline(record: &Record) -> Option<String> {
    halves(record).map(|(headline, _)| headline.to_owned())
}

/// Returns what is told below the headline, where the record is of a drill.
pub(super) fn drill_opening(record: &Record) -> Option<String> {
    halves(record).map(|(_, rest)| rest.to_owned())
}

/// Says whether a drill is told of though nobody has to act: the guard's notice and the alarm were, so people hear what they were.
pub(super) fn explains_itself(record: &Record, decision: &Decision) -> bool {
    drill::is_drill(&record.event) && record.status == Status::Success && decision.plan().is_none()
}

/// The first sentence, which is the headline, and the rest.
fn halves(record: &Record) -> Option<(&str, &str)> {
    let why = record.decision.as_ref().filter(|_| drill::is_drill(&record.event))?.why();
    Some(why.sentence.split_once(". ").unwrap_or((&why.sentence, "")))
}
