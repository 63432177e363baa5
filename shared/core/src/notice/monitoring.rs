//! What people are told of the monitoring: whether it is whole, where, and after which call.

use super::plain::{self, NAME_LIMIT};
use crate::drill;
use crate::event::EventForm;
use crate::monitoring::decide::STILL_TO_DO;
use crate::monitoring::event::{SOURCE, is_about_monitoring};
use crate::record::{Record, Status};

/// The name under which a deployment is recorded.
const DEPLOYMENT: &str = "Deployment";

/// Says whether a record is about the monitoring. A drill is about a key.
pub(super) fn is_of_monitoring(record: &Record) -> bool {
    is_about_monitoring(&record.event) && !drill::is_drill(&record.event)
}

/// Says whether nobody's call led to the record, but a deployment or the schedule.
pub(super) fn is_occasion(record: &Record) -> bool {
    record.event.source == SOURCE && is_of_monitoring(record)
}

/// Returns the headline, where the record is about the monitoring: `monitoring is whole again in account 111122223333, eu-central-1
/// (DeleteAlarms)`.
pub(super) fn monitoring_headline(record: &Record) -> Option<String> {
    if !is_of_monitoring(record) {
        return None;
    }
    let account = record.event.account.as_ref().map(|account| format!(" in account {account}")).unwrap_or_default();
    let region = record.event.region.as_ref().map(|region| format!(", {region}")).unwrap_or_default();
    let call =
        if record.event.form == EventForm::Sweep { String::new() } else { format!(" ({})", plain::line(&record.event.name, NAME_LIMIT)) };
    Some(format!("monitoring {}{account}{region}{call}", state(record)))
}

fn state(record: &Record) -> &'static str {
    match record.status {
        Status::Success if is_not_seen_whole(record) => "was mended, not yet seen whole",
        Status::Success if record.event.source == SOURCE && record.event.name == DEPLOYMENT => "is in place",
        Status::Success => "is whole again",
        Status::Observed => "would have been mended (mode observe)",
        Status::Partial => "is partly mended",
        Status::Failure | Status::Unsupported | Status::DoesNotExist => "could NOT be mended",
        Status::Escalated | Status::Pending | Status::NothingToDo => "needs a human",
    }
}

/// Every call succeeded, and a second look contradicted them.
fn is_not_seen_whole(record: &Record) -> bool {
    let escalations = record.decision.as_ref().map_or(&[][..], |decision| &decision.why().escalations);
    escalations.iter().any(|escalation| escalation.starts_with(STILL_TO_DO))
}
