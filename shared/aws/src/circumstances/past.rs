//! Past calls, by CloudTrail's `LookupEvents`: two calls a second are all that an account has in a Region, so one scan of the log
//! serves all keys, at a pace.
//!
//! A scan goes from its beginning back in time, as far as somebody asks, and is begun anew once it is old. What it did not reach
//! is not known; only a log that was read to its end holds no call.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::{LookupEventsError, LookupEventsOutput};
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{self, LookupAttribute, LookupAttributeKey};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::{Event, KeyArn};
use reprieve_engine::{CallError, Clock, Disposition, PastCall};

use crate::error::{Kind, call_error, no_own_codes};
use crate::lazily::Lazily;
use crate::pace::Pace;

const CALL: &str = "cloudtrail:LookupEvents";

/// How long a scan is gone on with. The log is minutes late anyway.
const SCAN_AGE: SignedDuration = SignedDuration::from_mins(1);
/// One question reads at most so many pages,
const PAGES_A_QUESTION: u32 = 20;
/// and all questions together so many before the scan ends by its age: what is kept in memory is bounded.
const PAGES_A_SCAN: u32 = 100;
/// `LookupEvents` gives at most so many events a page.
const EVENTS_A_PAGE: i32 = 50;
/// How often a page is asked for.
const ATTEMPTS: u32 = 4;

/// Looks calls up.
#[derive(Debug)]
pub(super) struct PastCalls {
    client: Lazily<Client>,
    pace: Pace,
    tagging: Mutex<Arc<Scan>>,
    scheduling: Mutex<Arc<Scan>>,
    disabling: Mutex<Arc<Scan>>,
    rotation_enabling: Mutex<Arc<Scan>>,
    rotation_disabling: Mutex<Arc<Scan>>,
    material_deleting: Mutex<Arc<Scan>>,
    store_disconnecting: Mutex<Arc<Scan>>,
}

/// One reading of the log. Whoever asks while it waits for its first turn shares it; and so does, for a while, whoever asks later of
/// what was before it began. One who asks of a later time begins another, and the ones before him go on with theirs.
#[derive(Debug)]
struct Scan {
    call: PastCall,
    /// It holds no later call.
    begun: OnceLock<Timestamp>,
    /// Held for a page at a time, so that one who looks deep holds up the others for no longer.
    read: tokio::sync::Mutex<Read>,
}

/// What was read.
#[derive(Debug, Default)]
struct Read {
    /// The calls that took effect, newest first.
    found: Vec<Event>,
    /// The time of the last entry that was read, whatever it was.
    back_to: Option<Timestamp>,
    pages: u32,
    next: Next,
}

/// Where a scan goes on.
#[derive(Debug, Default)]
enum Next {
    #[default]
    First,
    Page(String),
    End,
}

/// What a scan says so far.
enum Answer<'a> {
    Found(&'a Event),
    NoneInLog,
    NotReached,
}

enum PageError {
    /// The token that leads to the page is not taken any more.
    TokenExpired(CallError),
    Failed(CallError),
}

impl PastCalls {
    pub(super) fn new(client: Lazily<Client>, pace: Pace) -> Self {
        let scan = |call| Mutex::new(Arc::new(Scan::of(call)));
        Self {
            client,
            pace,
            tagging: scan(PastCall::ApprovalTagging),
            scheduling: scan(PastCall::DeletionScheduling),
            disabling: scan(PastCall::Disabling),
            rotation_enabling: scan(PastCall::RotationEnabling),
            rotation_disabling: scan(PastCall::RotationDisabling),
            material_deleting: scan(PastCall::MaterialDeleting),
            store_disconnecting: scan(PastCall::StoreDisconnecting),
        }
    }

    /// Returns the latest such call on the key before `until`.
    ///
    /// Safe to give up at any time: a scan changes only with a page that was read, and the next question goes on from there.
    pub(super) async fn latest(
        &self,
        call: PastCall,
        key: &KeyArn,
        until: Timestamp,
        clock: &impl Clock,
    ) -> Result<Option<Event>, CallError> {
        let scan = self.scan_for(call, until, clock.now());
        let mut pages_left = PAGES_A_QUESTION;
        let mut tokens_may_expire = true;
        loop {
            let mut read = scan.read.lock().await;
            match read.answer(call, key, until) {
                Answer::Found(event) => return Ok(Some(event.clone())),
                Answer::NoneInLog => return Ok(None),
                Answer::NotReached if pages_left == 0 || read.pages >= PAGES_A_SCAN => return Err(read.not_reached(call, key)),
                Answer::NotReached => {}
            }
            pages_left -= 1;
            match self.page(&scan, read.next.token(), clock).await {
                Ok(page) => read.add(call, page),
                Err(PageError::TokenExpired(error)) if tokens_may_expire => {
                    tracing::debug!(%error, "the log is read anew, because it cannot be read on");
                    tokens_may_expire = false;
                    *read = Read::default();
                }
                Err(PageError::TokenExpired(error) | PageError::Failed(error)) => return Err(error),
            }
        }
    }

    /// Returns the current scan where it serves, or begins another.
    fn scan_for(&self, call: PastCall, until: Timestamp, now: Timestamp) -> Arc<Scan> {
        let current = match call {
            PastCall::ApprovalTagging => &self.tagging,
            PastCall::DeletionScheduling => &self.scheduling,
            PastCall::Disabling => &self.disabling,
            PastCall::RotationEnabling => &self.rotation_enabling,
            PastCall::RotationDisabling => &self.rotation_disabling,
            PastCall::MaterialDeleting => &self.material_deleting,
            PastCall::StoreDisconnecting => &self.store_disconnecting,
        };
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if !current.serves(until, now) {
            *current = Arc::new(Scan::of(call));
        }
        Arc::clone(&current)
    }

    /// Reads a page. The quota is everybody's, so a call that is throttled is tried again, each time in its turn.
    async fn page(&self, scan: &Scan, token: Option<String>, clock: &impl Clock) -> Result<LookupEventsOutput, PageError> {
        let attribute = named(scan.call).map_err(PageError::Failed)?;
        let request = self.client.lookup_events().lookup_attributes(attribute).max_results(EVENTS_A_PAGE).set_next_token(token);
        let mut attempts_left = ATTEMPTS;
        loop {
            self.pace.turn().await;
            attempts_left -= 1;
            // Only now is it settled what the scan holds: whoever asked while it waited shares it.
            let begun = scan.begun.get_or_init(|| clock.now());
            let error = match request.clone().end_time(DateTime::from_secs(begun.as_second())).send().await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let token_expired = error.as_service_error().is_some_and(LookupEventsError::is_invalid_next_token_exception);
            let error = call_error(CALL, &error, no_own_codes);
            if token_expired {
                return Err(PageError::TokenExpired(error));
            }
            if attempts_left == 0 || error.disposition() != Disposition::Retryable {
                return Err(PageError::Failed(error));
            }
            tracing::debug!(%error, "the log is asked again in its turn");
        }
    }
}

impl Scan {
    fn of(call: PastCall) -> Self {
        Self { call, begun: OnceLock::new(), read: tokio::sync::Mutex::default() }
    }

    /// Says whether the scan holds, or will hold, every call before `until` that the log has lately.
    fn serves(&self, until: Timestamp, now: Timestamp) -> bool {
        self.begun.get().is_none_or(|begun| *begun >= until && now.duration_since(*begun) <= SCAN_AGE)
    }
}

impl Read {
    fn add(&mut self, call: PastCall, page: LookupEventsOutput) {
        let entries = page.events.unwrap_or_default();
        let last_time = entries.iter().rev().find_map(types::Event::event_time).and_then(|time| Timestamp::from_second(time.secs()).ok());
        self.back_to = last_time.or(self.back_to);
        self.found.extend(entries.iter().filter_map(parsed).filter(|event| call.is_such(event)));
        self.pages += 1;
        self.next = page.next_token.filter(|token| !token.is_empty()).map_or(Next::End, Next::Page);
    }

    fn answer(&self, call: PastCall, key: &KeyArn, until: Timestamp) -> Answer<'_> {
        let on_key = self.found.iter().filter(|event| call.is(event, key) && event.time.is_some_and(|time| time < until));
        // Of two in the same second the log gives the later one first; the greatest of equals is the last one that is compared.
        match (on_key.rev().max_by_key(|event| event.time), &self.next) {
            (Some(event), _) => Answer::Found(event),
            (None, Next::End) => Answer::NoneInLog,
            (None, Next::First | Next::Page(_)) => Answer::NotReached,
        }
    }

    fn not_reached(&self, call: PastCall, key: &KeyArn) -> CallError {
        let (pages, name) = (self.pages, call.event_name());
        let back_to = self.back_to.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
        let message = format!(
            "{pages} pages of `{name}` calls were read, back to {back_to}, and none of them is on `{key}`; whether there is an earlier one \
             is not known"
        );
        CallError::Unavailable { call: CALL, message }
    }
}

impl Next {
    fn token(&self) -> Option<String> {
        match self {
            Self::Page(token) => Some(token.clone()),
            Self::First | Self::End => None,
        }
    }
}

/// The one attribute that a look-up may have.
fn named(call: PastCall) -> Result<LookupAttribute, CallError> {
    let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value(call.event_name());
    attribute.build().map_err(|error| Kind::Rejected.error(CALL, error.to_string()))
}

/// Parses the record of an entry. One that cannot be parsed is left out: it says of no key that it was called on it.
fn parsed(entry: &types::Event) -> Option<Event> {
    let leave_out = |why: &dyn std::fmt::Display| {
        tracing::debug!(entry = entry.event_id(), error = %why, "an entry of the log cannot be read and is left out");
    };
    let value = serde_json::from_str(entry.cloud_trail_event()?).inspect_err(|error| leave_out(error)).ok()?;
    reprieve_wire::parse_record(&value).inspect_err(|error| leave_out(error)).ok()
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
