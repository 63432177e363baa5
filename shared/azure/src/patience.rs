//! How long a call is tried: again after what passes by itself, as late as the service asks for, and never past its end.

use std::future::Future;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reprieve_engine::{CallError, Clock as _, Disposition};
use tokio::time::{Instant, timeout_at};

use crate::error;
use reprieve_engine::SystemClock;

/// How often a call is tried.
const ATTEMPTS: u32 = 5;

/// The pause before the second attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Where services say in milliseconds when to try again; Key Vault and blobs know the first.
const RETRY_AFTER_MS: [HeaderName; 2] = [HeaderName::from_static("x-ms-retry-after-ms"), HeaderName::from_static("retry-after-ms")];
const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What it means.
    pub(crate) error: CallError,
    /// The pause that the service asks for.
    pub(crate) pause: Option<Duration>,
}

impl Fault {
    /// Sorts an error of the SDK.
    pub(crate) fn of_sdk(call: &'static str, about: &str, error: &azure_core::Error) -> Self {
        let answer = if let ErrorKind::HttpResponse { raw_response, .. } = error.kind() { raw_response.as_ref() } else { None };
        Self { error: error::call_error(call, about, error), pause: answer.and_then(|answer| pause_asked(answer.headers())) }
    }
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        Self { error, pause: None }
    }
}

/// Tries until it succeeds, fails for good, or the end is near. A pause that would end too late is not begun: the service's own words
/// are worth more than a time-out.
///
/// # Errors
/// The last attempt's.
pub(crate) async fn persist<T, F>(call: &'static str, end: Instant, attempt: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut tried = 0;
    loop {
        tried += 1;
        let fault = match timeout_at(end, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(fault)) => fault,
            Err(_elapsed) => return Err(CallError::Unavailable { call, message: "no answer in the time that the call has".to_owned() }),
        };
        let pause = fault.pause.unwrap_or(FIRST_PAUSE * 2_u32.pow(tried - 1));
        let is_worth_it = fault.error.disposition() == Disposition::Retryable && tried < ATTEMPTS;
        if !is_worth_it || Instant::now() + pause >= end {
            return Err(fault.error);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Returns the pause that an answer asks for: milliseconds, seconds, or a date
/// (<https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>).
pub(crate) fn pause_asked(headers: &Headers) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get_optional_str(name).map(str::trim);
    let milliseconds = RETRY_AFTER_MS.iter().find_map(|name| text(name)?.parse().ok());
    milliseconds.map(Duration::from_millis).or_else(|| pause_of(text(&RETRY_AFTER)?, SystemClock.now()))
}

fn pause_of(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A time that has passed asks for no pause.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const CALL: &str = "arm:Get";

    fn throttled(pause: Option<Duration>) -> Fault {
        Fault { error: CallError::Throttled { call: CALL, message: "slow down".to_owned() }, pause }
    }

    /// Counts the attempts of a call that always fails like this, and returns them with the time that they took.
    async fn attempts(budget: Duration, fault: fn() -> Fault) -> (u32, Duration) {
        let (tried, start) = (AtomicU32::new(0), Instant::now());
        let outcome = persist(CALL, start + budget, || {
            tried.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<(), _>(fault()))
        });
        outcome.await.unwrap_err();
        (tried.into_inner(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_by_itself_is_tried_a_few_times() {
        let (tried, took) = attempts(Duration::from_mins(1), || throttled(None)).await;
        assert_eq!(tried, ATTEMPTS);
        assert_eq!(took.as_millis(), 250 + 500 + 1000 + 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_asked_for_is_kept() {
        let (tried, took) = attempts(Duration::from_mins(1), || throttled(Some(Duration::from_secs(7)))).await;
        assert_eq!((tried, took.as_secs()), (ATTEMPTS, 28));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_past_the_end_is_not_begun() {
        let (tried, took) = attempts(Duration::from_secs(20), || throttled(Some(Duration::from_mins(5)))).await;
        assert_eq!((tried, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_tried_once() {
        let denied = || Fault::from(CallError::AccessDenied { call: CALL, message: String::new() });
        assert_eq!(attempts(Duration::from_mins(1), denied).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_with_the_budget() {
        let start = Instant::now();
        let outcome = persist(CALL, start + Duration::from_secs(20), std::future::pending::<Result<(), Fault>>).await;
        assert!(matches!(outcome, Err(CallError::Unavailable { .. })), "{outcome:?}");
        assert_eq!(start.elapsed().as_secs(), 20);
    }

    #[test]
    fn pauses_are_read_in_all_forms() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("Fri, 02 Jan 2026 03:04:15 GMT", Some(10)),
            ("Fri, 02 Jan 2026 03:04:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(pause_of(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn milliseconds_go_before_seconds() {
        let mut headers = Headers::new();
        headers.insert(RETRY_AFTER, "5");
        assert_eq!(pause_asked(&headers), Some(Duration::from_secs(5)));
        headers.insert("x-ms-retry-after-ms", "1500");
        assert_eq!(pause_asked(&headers), Some(Duration::from_millis(1500)));
    }
}
