//! Posting a message to webhooks: to all at once, and to each once more where it is busy and there is time.
//!
//! How a request is sent is the adapter's. *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post: nothing
//! here is given one, and what an adapter says of a fault must not show it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::port::CallError;

const CALL: &str = "webhook:Post";

/// For all that is tried at one webhook, the pause in between included: the outcome is not held up for longer.
const WAIT: Duration = Duration::from_secs(3);

/// The pause before the second attempt, where the webhook asks for none.
const PAUSE: Duration = Duration::from_millis(300);

/// The longest pause that a webhook may ask for.
const PAUSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a webhook did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostFault {
    /// It answered otherwise than with success.
    Status {
        /// The status, as HTTP counts them.
        status: u16,
        /// The pause that it asks for.
        pause: Option<Duration>,
    },
    /// It cannot be reached, or broke off; why.
    Unreachable(String),
    /// The message was not sent; why.
    Unsendable(String),
    /// It says nothing.
    Silent,
}

impl PostFault {
    /// Returns the pause after which trying again can help. A kept connection may have died while the function slept.
    fn pause(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 429 | 500..=599, pause } => Some(pause.map_or(PAUSE, |pause| pause.min(PAUSE_LIMIT))),
            Self::Unreachable(_) => Some(PAUSE),
            Self::Status { .. } | Self::Unsendable(_) | Self::Silent => None,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Unreachable(why) | Self::Unsendable(why) => why.clone(),
            Self::Silent => format!("no answer within {} s", WAIT.as_secs()),
        }
    }
}

/// Posts to every webhook: each is what it is called in an error, and an attempt at it.
///
/// # Errors
/// [`CallError::Unavailable`] where one did not take it, with the name of each that did not; the others have it.
pub async fn post_to_all<A, F>(webhooks: impl Iterator<Item = (String, A)> + Send) -> Result<(), CallError>
where
    A: Fn() -> F + Send + Sync,
    F: Future<Output = Result<(), PostFault>> + Send,
{
    let posts = webhooks.map(|(name, attempt)| async move { post(attempt).await.err().map(|words| format!("{name}: {words}")) });
    let faults: Vec<String> = join_all(posts).await.into_iter().flatten().collect();
    if faults.is_empty() { Ok(()) } else { Err(CallError::Unavailable { call: CALL, message: faults.join("; ") }) }
}

/// Posts once; once more where the webhook is busy and there is time.
async fn post<A, F>(attempt: A) -> Result<(), String>
where
    A: Fn() -> F + Send + Sync,
    F: Future<Output = Result<(), PostFault>> + Send,
{
    let end = Instant::now() + WAIT;
    let in_time = || async { timeout_at(end, attempt()).await.unwrap_or(Err(PostFault::Silent)) };
    let Err(fault) = in_time().await else {
        return Ok(());
    };
    let Some(pause) = fault.pause().filter(|pause| Instant::now() + *pause < end) else {
        return Err(fault.words());
    };
    tokio::time::sleep(pause).await;
    in_time().await.map_err(|last| format!("{}, then {}", fault.words(), last.words()))
}
