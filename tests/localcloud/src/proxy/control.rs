//! The control endpoints under `/_localcloud`: the same as the Rust handle offers, for a shell.
//!
//! Thin: reads JSON, calls the proxy, writes JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Proxy;
use super::calendars::Calendar;
use super::caller::Principal;
use super::events::Event;
use super::faults::{CallFault, EventFault};
use super::invocations::Invocation;
use super::kms::KeyState;
use super::lookup::LookupWindow;
use super::monitoring::Mail;
use super::timeline::Activity;
use crate::error::LocalCloudError;

/// How long an answer that announces an outage has to get out.
const ANSWERED_WITHIN: Duration = Duration::from_millis(50);

type Shared = State<Arc<Proxy>>;

impl IntoResponse for LocalCloudError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Control(_) => StatusCode::BAD_REQUEST,
            Self::Run { .. }
            | Self::Install { .. }
            | Self::File { .. }
            | Self::Listen(_)
            | Self::NotReady { .. }
            | Self::Emulator { .. } => StatusCode::BAD_GATEWAY,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

/// Returns the routes, to be put below `/_localcloud`.
pub(crate) fn routes() -> Router<Arc<Proxy>> {
    Router::new()
        .route("/calls", get(calls))
        .route("/events", get(events).post(publish))
        .route("/records", get(records))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/event-faults", post(add_event_fault).delete(clear_event_faults))
        .route("/release", post(release))
        .route("/quotas", post(quotas))
        .route("/principals", post(principal))
        .route("/service-events", post(service_event))
        .route("/keys/state", post(key_state))
        .route("/keys/expire", post(expire_key))
        .route("/schedules/fire", post(fire_schedule))
        .route("/calendars", get(calendars).post(set_calendar).delete(clear_calendars))
        .route("/lookup", post(lookup_window))
        .route("/trails", post(trail_settings))
        .route("/subscriptions/confirm", post(confirm_subscription))
        .route("/mail", get(mail))
        .route("/alarms/settle", post(settle_alarms))
        .route("/embedded-metrics", post(embedded_metrics))
        .route("/invocations", get(invocations))
        .route("/outages", post(outage))
        .route("/reset", post(reset))
}

async fn calls(State(proxy): Shared) -> Json<Vec<Activity>> {
    Json(proxy.timeline.entries().into_iter().filter(|entry| matches!(entry, Activity::Call(_))).collect())
}

async fn events(State(proxy): Shared) -> Json<Vec<Activity>> {
    Json(proxy.timeline.entries().into_iter().filter(|entry| matches!(entry, Activity::Event(_))).collect())
}

async fn records(State(proxy): Shared) -> Json<Vec<Value>> {
    Json(proxy.timeline.records())
}

async fn publish(State(proxy): Shared, Json(event): Json<Event>) -> StatusCode {
    proxy.bus.publish(event);
    StatusCode::ACCEPTED
}

async fn faults(State(proxy): Shared) -> Json<Value> {
    let listed: Vec<Value> = proxy.call_faults().list().into_iter().map(|(fault, seen)| json!({"fault": fault, "seen": seen})).collect();
    Json(Value::Array(listed))
}

async fn add_fault(State(proxy): Shared, Json(fault): Json<CallFault>) -> StatusCode {
    proxy.call_faults().add(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(proxy): Shared) -> StatusCode {
    proxy.call_faults().clear();
    StatusCode::NO_CONTENT
}

async fn add_event_fault(State(proxy): Shared, Json(fault): Json<EventFault>) -> StatusCode {
    proxy.bus.add_fault(fault);
    StatusCode::NO_CONTENT
}

async fn clear_event_faults(State(proxy): Shared) -> StatusCode {
    proxy.bus.clear_faults();
    StatusCode::NO_CONTENT
}

async fn release(State(proxy): Shared) -> StatusCode {
    proxy.bus.release();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Switch {
    on: bool,
}

async fn quotas(State(proxy): Shared, Json(switch): Json<Switch>) -> StatusCode {
    proxy.quotas().switch(switch.on);
    StatusCode::NO_CONTENT
}

async fn principal(State(proxy): Shared, Json(principal): Json<Principal>) -> Result<StatusCode, LocalCloudError> {
    proxy.register(principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Names an event of KMS and the key it is about: a service event by its `event_name`, a native one by `detail_type`.
#[derive(Deserialize)]
struct KmsEvent {
    key_arn: String,
    #[serde(default)]
    event_name: Option<String>,
    #[serde(default)]
    detail_type: Option<String>,
}

async fn service_event(State(proxy): Shared, Json(event): Json<KmsEvent>) -> Result<StatusCode, LocalCloudError> {
    if let Some(event_name) = &event.event_name {
        proxy.publish_service_event(event_name, &event.key_arn)?;
    }
    if let Some(detail_type) = &event.detail_type {
        proxy.publish_kms_event(detail_type, &event.key_arn)?;
    }
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
struct KeyChange {
    key_arn: String,
    #[serde(default)]
    state: Option<KeyState>,
}

async fn key_state(State(proxy): Shared, Json(change): Json<KeyChange>) -> Result<StatusCode, LocalCloudError> {
    let Some(state) = change.state else {
        return Err(LocalCloudError::Control("`state` is missing: give a key state such as `Unavailable`".to_owned()));
    };
    proxy.set_key_state(&change.key_arn, state).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn expire_key(State(proxy): Shared, Json(change): Json<KeyChange>) -> Result<StatusCode, LocalCloudError> {
    proxy.expire_key(&change.key_arn).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Schedule {
    name: String,
}

async fn fire_schedule(State(proxy): Shared, Json(schedule): Json<Schedule>) -> Result<StatusCode, LocalCloudError> {
    proxy.fire_schedule(&schedule.name).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A calendar and its name or ARN.
#[derive(Deserialize)]
struct NamedCalendar {
    name: String,
    #[serde(flatten)]
    calendar: Calendar,
}

async fn calendars(State(proxy): Shared) -> Json<BTreeMap<String, Calendar>> {
    Json(proxy.calendars().list())
}

async fn set_calendar(State(proxy): Shared, Json(named): Json<NamedCalendar>) -> StatusCode {
    proxy.set_calendar(&named.name, named.calendar);
    StatusCode::NO_CONTENT
}

async fn clear_calendars(State(proxy): Shared) -> StatusCode {
    proxy.calendars().clear();
    StatusCode::NO_CONTENT
}

async fn lookup_window(State(proxy): Shared, Json(window): Json<LookupWindow>) -> StatusCode {
    proxy.set_lookup_window(window);
    StatusCode::NO_CONTENT
}

/// What a scenario says about trails; what is left out stays as it is.
#[derive(Deserialize)]
struct TrailSettings {
    #[serde(default)]
    events_need_a_trail: Option<bool>,
    #[serde(default)]
    log_delivery_delay_ms: Option<u64>,
}

async fn trail_settings(State(proxy): Shared, Json(settings): Json<TrailSettings>) -> StatusCode {
    if let Some(needed) = settings.events_need_a_trail {
        proxy.let_events_need_a_trail(needed);
    }
    if let Some(delay_ms) = settings.log_delivery_delay_ms {
        proxy.set_log_delivery_delay(Duration::from_millis(delay_ms));
    }
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Subscription {
    topic_arn: String,
    endpoint: String,
}

async fn confirm_subscription(State(proxy): Shared, Json(given): Json<Subscription>) -> Result<Json<Value>, LocalCloudError> {
    let subscription_arn = proxy.confirm_subscription(&given.topic_arn, &given.endpoint).await?;
    Ok(Json(json!({"subscription_arn": subscription_arn})))
}

async fn mail(State(proxy): Shared) -> Result<Json<Vec<Mail>>, LocalCloudError> {
    Ok(Json(proxy.mail().await?))
}

#[derive(Deserialize)]
struct AlarmRegion {
    #[serde(default)]
    region: Option<String>,
}

async fn settle_alarms(State(proxy): Shared, Json(given): Json<AlarmRegion>) -> Result<StatusCode, LocalCloudError> {
    proxy.settle_alarms(given.region.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn embedded_metrics(State(proxy): Shared, Json(switch): Json<Switch>) -> Result<StatusCode, LocalCloudError> {
    proxy.read_embedded_metrics(switch.on).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invocations(State(proxy): Shared) -> Result<Json<Vec<Invocation>>, LocalCloudError> {
    Ok(Json(proxy.invocations(None).await?))
}

#[derive(Deserialize)]
struct Outage {
    away_ms: u64,
}

/// Goes away in a moment, so that this is still answered, and comes back by itself: nobody could say so meanwhile.
async fn outage(State(proxy): Shared, Json(outage): Json<Outage>) -> StatusCode {
    tokio::spawn(async move {
        tokio::time::sleep(ANSWERED_WITHIN).await;
        proxy.go_away(true);
        tokio::time::sleep(Duration::from_millis(outage.away_ms)).await;
        proxy.go_away(false);
    });
    StatusCode::ACCEPTED
}

async fn reset(State(proxy): Shared) -> Result<StatusCode, LocalCloudError> {
    proxy.reset().await?;
    Ok(StatusCode::NO_CONTENT)
}
