//! Event subscriptions as their resources say: what they hear, where it goes, how long it is tried.
//!
//! Must not deliver. A subscription whose endpoint is not a function is not one that this delivery serves.

use std::time::Duration;

use serde_json::Value;

use super::event::{GridEvent, Schema};
use super::filter::Filter;
use crate::tenant::{Resource, Tenant};

const SYSTEM_TOPICS: &str = "/providers/microsoft.eventgrid/systemtopics/";
const EXTENSIONS: &str = "/providers/microsoft.eventgrid/eventsubscriptions/";

/// One event subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) name: String,
    /// What it listens to: a subscription or a resource group.
    pub(super) topic: String,
    pub(super) schema: Schema,
    /// The function app and the function.
    pub(super) site: String,
    pub(super) function: String,
    pub(super) largest_batch: usize,
    pub(super) preferred_bytes: usize,
    pub(super) largest_attempts: u32,
    pub(super) time_to_live: Duration,
    pub(super) dead_letter: Option<DeadLetter>,
    filter: Filter,
}

/// Where events go that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeadLetter {
    pub(super) account: String,
    pub(super) container: String,
}

impl Subscription {
    /// Returns the subscriptions of a tenant that lead to functions.
    pub(super) fn all(tenant: &Tenant) -> Vec<Self> {
        let found = tenant.resources.iter().filter(|(id, _)| id.contains("/eventsubscriptions/"));
        found.filter_map(|(id, resource)| Self::read(topic(tenant, id)?, resource)).collect()
    }

    fn read(topic: String, resource: &Resource) -> Option<Self> {
        let properties = resource.body.get("properties")?;
        let identified = |key: &str| properties.get(key).filter(|found| !found.is_null());
        let destination = identified("destination").or_else(|| identified("deliveryWithResourceIdentity")?.get("destination"))?;
        let settings = destination.get("properties")?;
        let (site, function) = endpoint(settings.get("resourceId")?.as_str()?)?;
        let number = |from: Option<&Value>, key: &str, otherwise: u64| from.and_then(|from| from.get(key)?.as_u64()).unwrap_or(otherwise);
        let retry = properties.get("retryPolicy");
        let dead_letter =
            identified("deadLetterDestination").or_else(|| identified("deadLetterWithResourceIdentity")?.get("deadLetterDestination"));
        let schema = match properties.get("eventDeliverySchema").and_then(Value::as_str) {
            Some("CloudEventSchemaV1_0") => Schema::CloudEvents,
            Some(_) | None => Schema::EventGrid,
        };
        Some(Self {
            id: resource.id.clone(),
            name: resource.id.rsplit('/').next().unwrap_or_default().to_owned(),
            topic,
            schema,
            site,
            function,
            largest_batch: usize::try_from(number(Some(settings), "maxEventsPerBatch", 1)).unwrap_or(1).clamp(1, 5000),
            preferred_bytes: usize::try_from(number(Some(settings), "preferredBatchSizeInKilobytes", 64)).unwrap_or(64) * 1024,
            largest_attempts: u32::try_from(number(retry, "maxDeliveryAttempts", 30)).unwrap_or(30).clamp(1, 30),
            time_to_live: Duration::from_secs(60 * number(retry, "eventTimeToLiveInMinutes", 1440).clamp(1, 1440)),
            dead_letter: dead_letter.and_then(read_dead_letter),
            filter: Filter::read(properties.get("filter")),
        })
    }

    /// Says whether an event is for this subscription.
    pub(super) fn hears(&self, event: &GridEvent) -> bool {
        let topic = format!("{}/", self.topic.to_lowercase());
        let is_below = format!("{}/", event.subject.to_lowercase()).starts_with(&topic);
        is_below && self.filter.passes(event, &self.topic)
    }

    /// Parts events into batches: at most so many, and about so large.
    pub(super) fn batches(&self, events: Vec<GridEvent>) -> Vec<Vec<GridEvent>> {
        let mut batches: Vec<Vec<GridEvent>> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let size = event.written(self.schema, &self.topic).to_string().len();
            let fits = |batch: &Vec<GridEvent>| batch.len() < self.largest_batch && bytes + size <= self.preferred_bytes;
            if let Some(batch) = batches.last_mut().filter(|batch| fits(batch)) {
                batch.push(event);
                bytes += size;
            } else {
                batches.push(vec![event]);
                bytes = size;
            }
        }
        batches
    }
}

/// Returns what a subscription with this id, in lower case, listens to.
fn topic(tenant: &Tenant, id: &str) -> Option<String> {
    if let Some(place) = id.find(SYSTEM_TOPICS) {
        let name = id.get(place + SYSTEM_TOPICS.len()..)?.split('/').next()?;
        let topic = tenant.resource(&format!("{}{SYSTEM_TOPICS}{name}", id.get(..place)?))?;
        return topic.body.pointer("/properties/source")?.as_str().map(str::to_owned);
    }
    let place = id.find(EXTENSIONS)?;
    Some(id.get(..place)?.to_owned())
}

/// Takes `…/Microsoft.Web/sites/SITE/functions/NAME` apart.
fn endpoint(resource_id: &str) -> Option<(String, String)> {
    let mut segments = resource_id.rsplit('/');
    let function = segments.next()?;
    let is_function = segments.next()?.eq_ignore_ascii_case("functions");
    let site = segments.next()?;
    let is_site = segments.next()?.eq_ignore_ascii_case("sites");
    (is_function && is_site).then(|| (site.to_owned(), function.to_owned()))
}

fn read_dead_letter(destination: &Value) -> Option<DeadLetter> {
    let settings = destination.get("properties")?;
    let account = settings.get("resourceId")?.as_str()?.rsplit('/').next()?;
    Some(DeadLetter { account: account.to_owned(), container: settings.get("blobContainerName")?.as_str()?.to_owned() })
}
