//! The proxy in front of the emulator: every AWS call passes here, is judged, passed on, recorded and timed.
//!
//! One pass: read the call, tell the caller, faults before, KMS and others as AWS runs them or plainly on, faults after, CloudTrail
//! record and event, timeline. Must not listen on anything but the loopback interface.

mod answer;
pub(crate) mod calendars;
mod call;
pub(crate) mod caller;
mod cloudtrail;
mod control;
pub(crate) mod decisions;
mod delivery;
mod door;
pub(crate) mod events;
pub(crate) mod faults;
mod input;
pub(crate) mod invocations;
mod keys;
pub(crate) mod kms;
pub(crate) mod lookup;
mod metric_filters;
pub(crate) mod monitoring;
mod parameters;
pub(crate) mod quota;
pub(crate) mod timeline;
mod trails;
mod upstream;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use self::answer::{Answer, Refusal};
use self::calendars::{Calendar, Calendars};
use self::call::Call;
use self::caller::{Caller, Principal, SessionCredentials};
use self::cloudtrail::Recorded;
use self::delivery::LogDelivery;
use self::door::Door;
use self::events::{Event, EventBus};
use self::faults::{CallFaults, Hit, Phase, Target};
use self::invocations::Invocation;
use self::lookup::LookupWindow;
use self::quota::Quotas;
use self::timeline::{Activity, CallEntry, Timeline};
use self::trails::Trail;
use self::upstream::{BODY_LIMIT_BYTES, Incoming, Upstream};
use crate::error::LocalCloudError;

/// Every caller is on this machine.
const SOURCE_IP: &str = "127.0.0.1";

/// The proxy and all that it keeps.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) bus: Arc<EventBus>,
    account: String,
    region: String,
    registered: Mutex<Vec<Principal>>,
    callers: Mutex<HashMap<String, Caller>>,
    quotas: Mutex<Quotas>,
    call_faults: Mutex<CallFaults>,
    calendars: Mutex<Calendars>,
    lookup_window: Mutex<LookupWindow>,
    trails: Mutex<Vec<Trail>>,
    delivery: Arc<LogDelivery>,
    events_need_a_trail: Mutex<bool>,
    away: watch::Sender<bool>,
    kms_turn: tokio::sync::Mutex<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Makes the proxy in front of the emulator on that port; needs a Tokio runtime around it.
    pub(crate) fn new(emulator_port: u16, account: &str, region: &str) -> Arc<Self> {
        let upstream = Arc::new(Upstream::new(emulator_port));
        let timeline = Arc::new(Timeline::new());
        Arc::new(Self {
            bus: EventBus::start(Arc::clone(&upstream), Arc::clone(&timeline)),
            delivery: LogDelivery::start(Arc::clone(&upstream)),
            upstream,
            timeline,
            account: account.to_owned(),
            region: region.to_owned(),
            registered: Mutex::default(),
            callers: Mutex::default(),
            quotas: Mutex::default(),
            call_faults: Mutex::default(),
            calendars: Mutex::default(),
            lookup_window: Mutex::default(),
            trails: Mutex::default(),
            events_need_a_trail: Mutex::default(),
            away: watch::Sender::new(false),
            kms_turn: tokio::sync::Mutex::default(),
        })
    }

    /// Serves until the listener's task is ended.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let door = Door::new(listener, self.away.subscribe());
        let router = Router::new().nest("/_localcloud", control::routes()).fallback(pass).with_state(self);
        axum::serve(door, router).await
    }

    pub(crate) fn quotas(&self) -> MutexGuard<'_, Quotas> {
        locked(&self.quotas)
    }

    pub(crate) fn call_faults(&self) -> MutexGuard<'_, CallFaults> {
        locked(&self.call_faults)
    }

    /// Makes a Change Calendar of the default account and Region, or of those that its ARN names.
    pub(crate) fn set_calendar(&self, name: &str, calendar: Calendar) {
        locked(&self.calendars).set(name, &self.account, &self.region, calendar);
    }

    pub(crate) fn calendars(&self) -> MutexGuard<'_, Calendars> {
        locked(&self.calendars)
    }

    pub(crate) fn set_lookup_window(&self, window: LookupWindow) {
        *locked(&self.lookup_window) = window;
    }

    /// Makes a principal known by its access key.
    pub(crate) async fn register(&self, principal: Principal) -> Result<(), LocalCloudError> {
        let Some(caller) = Caller::of(&principal) else {
            return Err(LocalCloudError::Control(format!(
                "`{}` is no principal: give the ARN of a user, an assumed role's session or a root user",
                principal.arn
            )));
        };
        // The emulator tells the account of a call from the access key.
        let question = json!({
            "access_key_id": principal.access_key_id, "arn": principal.arn, "principal_id": principal.principal_id,
        });
        self.upstream.ask("principals", &question).await?;
        locked(&self.callers).insert(principal.access_key_id.clone(), caller);
        let mut registered = locked(&self.registered);
        registered.retain(|known| known.access_key_id != principal.access_key_id);
        registered.push(principal);
        Ok(())
    }

    /// Forgets all that happened and all that is stored; registered principals stay known.
    pub(crate) async fn reset(&self) -> Result<(), LocalCloudError> {
        self.upstream.reset().await?;
        self.bus.clear_faults();
        self.call_faults().clear();
        self.quotas().switch(true);
        self.calendars().clear();
        self.set_lookup_window(LookupWindow::default());
        self.reset_monitoring().await?;
        self.timeline.clear();
        locked(&self.callers).clear();
        let registered = locked(&self.registered).clone();
        for principal in registered {
            self.register(principal).await?;
        }
        Ok(())
    }

    /// Tells who signed a call; whoever nobody knows is the root user, as the emulator sees it.
    async fn caller(&self, call: &Call) -> Result<Caller, LocalCloudError> {
        let Some(access_key_id) = call.access_key_id.as_deref() else { return Ok(Caller::root(&self.account, "")) };
        if caller::is_account_id(access_key_id) {
            return Ok(Caller::root(access_key_id, access_key_id));
        }
        if let Some(known) = locked(&self.callers).get(access_key_id) {
            return Ok(known.clone());
        }
        let answer = self.upstream.ask("caller", &json!({"access_key_id": access_key_id})).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let session_began = answer.get("created_at").and_then(Value::as_f64);
        let found = text("arn").and_then(|arn| {
            Caller::of(&Principal {
                access_key_id: access_key_id.to_owned(),
                arn,
                principal_id: text("principal_id").unwrap_or_default(),
                role_arn: text("role_arn"),
                session_began: session_began.and_then(|seconds| format!("{seconds:.0}").parse().ok()),
            })
        });
        let Some(found) = found else { return Ok(Caller::root(&self.account, access_key_id)) };
        locked(&self.callers).insert(access_key_id.to_owned(), found.clone());
        Ok(found)
    }

    /// Answers one AWS call.
    async fn answer(&self, call: &Call, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        let (began, time, order) = (Instant::now(), Timestamp::now(), self.timeline.next_order());
        let caller = self.caller(call).await?;
        let target = Target {
            service: &call.service,
            operation: &call.operation,
            key: call.key_reference(),
            caller: &caller.arn,
            path: incoming.uri.path(),
            body: &incoming.body,
        };
        let hit = self.call_faults().hit(target);
        let (answer, key_arn) = self.answer_with_faults(call, &caller, incoming, hit.as_ref(), time).await?;
        self.timeline.add(Activity::Call(CallEntry {
            order,
            at_ms: self.timeline.ms_of(began),
            time,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            service: call.service.clone(),
            operation: call.operation.clone(),
            region: call.region.clone(),
            caller: caller.arn,
            access_key_id: call.access_key_id.clone(),
            key: key_arn.or_else(|| call.key_reference().map(str::to_owned)),
            status: answer.status.as_u16(),
            error_code: answer.error(call.protocol).map(|(code, _)| code),
            fault: hit.is_some(),
        }));
        Ok(answer)
    }

    async fn answer_with_faults(
        &self,
        call: &Call,
        caller: &Caller,
        incoming: &Incoming,
        hit: Option<&Hit>,
        time: Timestamp,
    ) -> Result<(Answer, Option<String>), LocalCloudError> {
        let before = hit.filter(|hit| hit.phase == Phase::Before);
        let after = hit.filter(|hit| hit.phase == Phase::After);
        wait(before).await;
        self.kill_caller(before, call).await?;
        let trails = locked(&self.trails).clone();
        if let Some(refusal) = before.and_then(|hit| hit.refusal.as_ref()) {
            let answer = Answer::refused(call, refusal);
            // A server error stands for a service that was never reached, which records nothing.
            if refusal.status < 500 {
                self.record(call, caller, &answer, None, time, &trails);
            }
            return Ok((answer, None));
        }
        let (answer, key_arn) = if call.service == "kms" {
            let done = self.answer_kms(call, caller, incoming).await?;
            (done.answer, done.key_arn)
        } else if call.service == "cloudtrail" && call.operation == "LookupEvents" {
            (self.look_up(call, caller, incoming).await?, None)
        } else if call.service == "cloudtrail" {
            (self.answer_trail_call(call, incoming).await?, None)
        } else if call.service == "logs" {
            (self.answer_logs(call, caller, incoming).await?, None)
        } else if call.service == "ssm" {
            (self.answer_ssm(call, caller, incoming).await?, None)
        } else {
            (self.upstream.forward(incoming).await?, None)
        };
        self.record(call, caller, &answer, key_arn.as_deref(), time, &trails);
        wait(after).await;
        self.kill_caller(after, call).await?;
        // A caller that is gone hears nothing: its call counts by what it did.
        let answer = match after.filter(|hit| !hit.kills_caller).and_then(|hit| hit.refusal.as_ref()) {
            Some(refusal) => Answer::refused(call, refusal),
            None => answer,
        };
        Ok((answer, key_arn))
    }

    /// Kills the process that makes a call, if a fault says so.
    async fn kill_caller(&self, hit: Option<&Hit>, call: &Call) -> Result<(), LocalCloudError> {
        if !hit.is_some_and(|hit| hit.kills_caller) {
            return Ok(());
        }
        let access_key_id = call.access_key_id.as_deref().unwrap_or_default();
        let answer = self.upstream.ask("kills", &json!({"access_key_id": access_key_id})).await?;
        if answer.get("killed").is_some_and(Value::is_u64) {
            return Ok(());
        }
        Err(LocalCloudError::Control(format!("`{}` was to kill its caller, and no function made the call", call.operation)))
    }

    /// Returns the invocations that ended, of this function or of all.
    pub(crate) async fn invocations(&self, function: Option<&str>) -> Result<Vec<Invocation>, LocalCloudError> {
        let question = json!({"function": function});
        let answer = self.upstream.ask("invocations", &question).await?;
        let listed = answer.get("invocations").cloned().unwrap_or_default();
        serde_json::from_value(listed).map_err(|error| LocalCloudError::Control(format!("the list of invocations is odd: {error}")))
    }

    /// Cuts all connections, and new ones as soon as they are made, or lets them be again.
    pub(crate) fn go_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Answers `LookupEvents` from the records; the emulator says only whether the caller may.
    async fn look_up(&self, call: &Call, caller: &Caller, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        let (account, region) = (caller.account.as_str(), call.region.as_str());
        let throttled = self.quotas().take_at(lookup::REQUESTS_PER_SECOND, &call.operation, account, region, Instant::now());
        if let Some(refusal) = throttled {
            return Ok(Answer::refused(call, &refusal));
        }
        let answer = self.upstream.forward(incoming).await?;
        if !answer.status.is_success() {
            return Ok(answer);
        }
        let window = *locked(&self.lookup_window);
        let findable = window.findable(self.timeline.records(), Timestamp::now());
        Ok(match lookup::lookup(&findable, account, region, &call.input) {
            Ok(found) => answer.with_members(&found),
            Err(refusal) => Answer::refused(call, &refusal),
        })
    }

    /// Writes the CloudTrail record of a call and lets it reach what it reaches.
    fn record(&self, call: &Call, caller: &Caller, answer: &Answer, key_arn: Option<&str>, at: Timestamp, trails: &[Trail]) {
        let Some(source) = cloudtrail::recorded_source(call) else { return };
        let event_id = Uuid::new_v4().to_string();
        let recorded = Recorded { call, caller, answer, key_arn, at, event_id, source_ip: SOURCE_IP.to_owned() };
        let record = cloudtrail::record(source, &recorded);
        // A rule gets reads only if it asks for them, which no rule here does.
        let event = (!cloudtrail::is_read(&call.operation)).then(|| Event {
            account: caller.account.clone(),
            region: call.region.clone(),
            source: format!("aws.{}", source.trim_end_matches(".amazonaws.com")),
            detail_type: "AWS API Call via CloudTrail".to_owned(),
            detail: record.clone(),
            resources: Vec::new(),
        });
        self.spread(record, event, trails);
    }

    /// Publishes an event of KMS itself, such as `KMS CMK Deletion`.
    pub(crate) fn publish_kms_event(&self, detail_type: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        let (account, region, key_id) = keys::split_arn(key_arn)?;
        self.bus.publish(Event {
            account: account.to_owned(),
            region: region.to_owned(),
            source: "aws.kms".to_owned(),
            detail_type: detail_type.to_owned(),
            detail: json!({"key-id": key_id}),
            resources: vec![key_arn.to_owned()],
        });
        Ok(())
    }

    /// Runs an EventBridge Scheduler schedule now, in the default account and Region.
    pub(crate) async fn fire_schedule(&self, name: &str) -> Result<(), LocalCloudError> {
        let question = json!({"account": self.account, "region": self.region, "name": name});
        let answer = self.upstream.ask("schedules", &question).await?;
        if answer.get("fired") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        Err(LocalCloudError::Control(format!("there is no schedule `{name}` in {}", self.region)))
    }

    /// Puts the files below a folder into a bucket.
    pub(crate) async fn fill_bucket(&self, bucket: &str, prefix: &str, folder: &Path) -> Result<u64, LocalCloudError> {
        let (account, region) = (&self.account, &self.region);
        let question = json!({"account": account, "region": region, "bucket": bucket, "prefix": prefix, "folder": folder});
        let answer = self.upstream.ask("objects", &question).await?;
        let count = answer.get("objects").and_then(Value::as_u64);
        count.ok_or_else(|| LocalCloudError::Control(format!("`{bucket}` was not filled: {answer}")))
    }

    /// Returns the credentials that a function of the default account and Region runs with.
    pub(crate) async fn function_session(&self, name: &str) -> Result<SessionCredentials, LocalCloudError> {
        let question = json!({"account": self.account, "region": self.region, "function": name});
        let answer = self.upstream.ask("function-sessions", &question).await?;
        let credentials = answer.get("credentials").and_then(|credentials| SessionCredentials::deserialize(credentials).ok());
        credentials.ok_or_else(|| LocalCloudError::Control(format!("there is no function `{name}` in {}", self.region)))
    }

    /// Deletes a key as if its waiting period were over, and says so on the bus.
    pub(crate) async fn expire_key(&self, key_arn: &str) -> Result<(), LocalCloudError> {
        self.delete_key(key_arn).await?;
        self.publish_service_event("DeleteKey", key_arn)?;
        self.publish_kms_event("KMS CMK Deletion", key_arn)
    }
}

async fn wait(hit: Option<&Hit>) {
    if let Some(hit) = hit.filter(|hit| hit.delay_ms > 0) {
        tokio::time::sleep(Duration::from_millis(hit.delay_ms)).await;
    }
}

/// Takes an HTTP request that is not meant for the proxy itself.
async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = parts.method.clone();
    let body = match to_bytes(body, BODY_LIMIT_BYTES).await {
        Ok(body) => body,
        Err(error) => return bad_gateway(&format!("cannot read the request: {error}")).into_response(&method),
    };
    let incoming = Incoming { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    // The emulator's own pages are no AWS calls.
    if incoming.uri.path().starts_with("/_") {
        let answer = proxy.upstream.forward(&incoming).await;
        return answer.unwrap_or_else(|error| bad_gateway(&error.to_string())).into_response(&method);
    }
    let call = Call::read(&incoming.method, &incoming.uri, &incoming.headers, &incoming.body, &proxy.region);
    // A client that gives up must not stop what the service has begun, as it would not on AWS.
    let working = tokio::spawn(async move { proxy.answer(&call, &incoming).await });
    let answer = match working.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => bad_gateway(&error.to_string()),
        Err(error) => bad_gateway(&error.to_string()),
    };
    answer.into_response(&method)
}

fn bad_gateway(problem: &str) -> Answer {
    let call = Call {
        service: String::new(),
        operation: String::new(),
        region: String::new(),
        access_key_id: None,
        protocol: call::Protocol::RestJson,
        input: Value::Null,
        user_agent: String::new(),
    };
    let refusal = Refusal { status: 502, code: "LocalCloudUnavailable".to_owned(), message: problem.to_owned() };
    Answer::refused(&call, &refusal)
}
