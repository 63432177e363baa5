//! Who did it, by the Activity Log: the calls that took effect and that are a reason to look at a subject.
//!
//! What it must not do: guess. The log is minutes late, and holds nothing of what is done inside of vaults.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::azure::event::{Reach, reach};
use reprieve_core::azure::{ResourceId, Subject};
use reprieve_core::{CallOutcome, Event};
use reprieve_engine::CallError;

use crate::api;
use crate::control::AzureControl;

/// How far back is looked where one resource's own calls are asked for. The log holds 90 days.
const RESOURCE_DAYS: i64 = 89;
/// How far back is looked where many resources' calls are asked for.
const MANY_DAYS: i64 = 7;

/// Which part of the log tells of a subject.
struct Part {
    filter: String,
    days: i64,
}

impl AzureControl {
    pub(crate) async fn logged_calls(&self, subject: &Subject, until: Timestamp) -> Result<Vec<Event>, CallError> {
        let Some(part) = part_of(subject) else { return Ok(Vec::new()) };
        let since = until.checked_sub(SignedDuration::from_hours(part.days * 24)).unwrap_or(Timestamp::MIN);
        // The log knows whole seconds; what came later is sorted out below.
        let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let later = until.checked_add(SignedDuration::from_secs(1)).unwrap_or(until);
        let filter = format!("eventTimestamp ge '{}' and eventTimestamp le '{}' and {}", time(since), time(later), part.filter);
        let path = format!("{}/providers/Microsoft.Insights/eventtypes/management/values", subject.resource().subscription().resource());
        let listed = self.arm.list_where(&path, api::ACTIVITY_LOG, &[("$filter", &filter)]).await?;
        let events = listed.iter().filter_map(|record| reprieve_wire::azure::activity_log::parse(record).ok());
        Ok(newest_first(events, subject, until))
    }
}

/// Returns which part of the log tells of a subject; nothing where the log holds nothing of it.
fn part_of(subject: &Subject) -> Option<Part> {
    let of_resource = |id: &ResourceId| Part { filter: format!("resourceUri eq '{id}'"), days: RESOURCE_DAYS };
    // What is written below a resource stands under ids of its own.
    let of_group = |id: &ResourceId| {
        let group = id.resource_group().map(|group| format!("resourceGroupName eq '{group}'"));
        group.map_or_else(|| of_resource(id), |filter| Part { filter, days: MANY_DAYS })
    };
    match subject {
        Subject::VaultObject(_) | Subject::RotationPolicy(_) => None,
        Subject::VaultProtection(id) | Subject::Vault(id) => Some(of_resource(id)),
        Subject::StorageProtection(id)
        | Subject::LogEncryption(id)
        | Subject::AuditContainer(id)
        | Subject::DatabaseAuditing(id)
        | Subject::VaultLogging(id) => Some(of_group(id)),
        Subject::Alerts(_) => Some(Part { filter: "resourceProvider eq 'Microsoft.Insights'".to_owned(), days: MANY_DAYS }),
    }
}

fn newest_first(events: impl Iterator<Item = Event>, subject: &Subject, until: Timestamp) -> Vec<Event> {
    let is_meant = |event: &Event| {
        event.outcome == CallOutcome::Succeeded
            && event.time.is_some_and(|time| time <= until)
            && reach(event, subject.function()) == Reach::One(subject.clone())
    };
    let mut calls: Vec<Event> = events.filter(is_meant).collect();
    calls.sort_by_key(|event| Reverse(event.time));
    calls
}
