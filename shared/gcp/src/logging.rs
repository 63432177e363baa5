//! Google's own log: the latest calls that changed a version's state.
//!
//! Admin Activity logs are always written, and are kept for 400 days. Google may answer an empty page with a token, where it had no
//! time to search further: what was not read to its end says nothing, so it is an error and never an empty list. Of a past that is longer
//! than what was read, it is said that there is more.
//!
//! Google takes few reads a minute, and a sweep asks about every version that is disabled, for years perhaps: reads are paced, and whoever
//! waits for the same turn shares a page. It is read after all of them have asked, so that it tells each what a page of their own would.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reprieve_core::Target;
use reprieve_core::audit::AuditEvent;
use reprieve_core::google::GoogleName;
use reprieve_engine::{CallError, Disposition, LatestCalls};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::api::Api;
use crate::entries::{CALL, Page, Query, place_of};
use crate::pace::{Pace, Turns};

/// Google takes 60 requests a minute: so many may be made at once, and no minute holds more. <https://docs.cloud.google.com/logging/quotas>
pub(crate) const READS_AT_ONCE: u32 = 20;

/// And 40 a minute in the long run.
pub(crate) const READ_EVERY: Duration = Duration::from_millis(1_500);

/// How many versions share a page: the filter has at most 20,000 characters, and a name 1,024.
const SHARED_LIMIT: usize = 16;

/// How many calls are read. Whoever destroys a version that we restore each time can hide an older disabling behind any number.
const CALLS_LIMIT: usize = 1_000;

/// More pages than this are no answer for one version, but a search that does not end.
const PAGES_LIMIT: usize = 20;

/// For the search with all its pages and the wait for their turns: what waits to be given back waits for it.
const SEARCH_TAKES: Duration = Duration::from_secs(20);

/// The log of admin activity, read at a pace that all who ask share.
#[derive(Debug)]
pub(crate) struct ActivityLog {
    api: Api,
    pace: Pace,
    /// The reading that waits for its turn, and can be joined until then.
    next: Mutex<Option<Arc<Reading>>>,
}

/// The beginning of some searches, read once for all of them.
#[derive(Debug)]
struct Reading {
    versions: Mutex<Vec<GoogleName>>,
    first: OnceCell<First>,
}

/// What came of a reading.
#[derive(Debug)]
struct First {
    /// The first page that is not empty, or the last one, and how many pages were read, with the empty ones.
    read: Result<(Page, usize), CallError>,
    /// Whether it was read for others too.
    is_shared: bool,
}

/// What a search for the calls on one version has found so far.
struct Search<'a> {
    version: &'a GoogleName,
    before: Option<Timestamp>,
    calls: Vec<AuditEvent>,
}

impl ActivityLog {
    /// Makes the reader of the log.
    pub(crate) fn new(api: Api) -> Self {
        Self { api, pace: Pace::new(READS_AT_ONCE, READ_EVERY), next: Mutex::default() }
    }

    /// Returns the latest calls that changed the state of a version, and says where there may be more: none is read behind a page with a
    /// call that says what the version was `before` then. Refused ones changed nothing, and anybody can make any number of them: they are
    /// not asked for, so that they hide none that took effect.
    ///
    /// Safe to give up at any time: whoever shares a page goes on with it.
    ///
    /// # Errors
    /// When the log could not be searched so far that it showed a call, its turn did not come in time, or it holds what cannot be read.
    pub(crate) async fn calls_on(&self, version: &GoogleName, before: Option<Timestamp>) -> Result<LatestCalls, CallError> {
        if !version.is_key_version() {
            return Err(CallError::Rejected { call: CALL, message: format!("`{version}` is no version of a key") });
        }
        let turns = Turns { pace: &self.pace, until: Instant::now() + SEARCH_TAKES };
        let reading = self.join(version);
        let first = reading.first.get_or_init(|| self.begin(&reading, turns)).await;
        let mut search = Search { version, before, calls: Vec::new() };
        match &first.read {
            Ok((page, pages)) => {
                if let Some(answer) = search.take(page) {
                    return Ok(answer);
                }
                if !first.is_shared {
                    return self.go_on(search, page.next.clone(), *pages, turns).await;
                }
                search.calls.clear();
            }
            // Whose log may not be read, may not for any of its project's versions.
            Err(error) if !first.is_shared || matches!(error, CallError::AccessDenied { .. }) => return Err(error.clone()),
            Err(error) => tracing::debug!(%error, %version, "what was to be shared could not be read"),
        }
        // The others may have more to read than one's own past, or had less time.
        self.go_on(search, None, 0, turns).await
    }

    /// Goes on with a search of which so many pages were read.
    async fn go_on(
        &self,
        mut search: Search<'_>,
        mut token: Option<String>,
        pages: usize,
        turns: Turns<'_>,
    ) -> Result<LatestCalls, CallError> {
        let query = Query::of(std::slice::from_ref(search.version));
        for _ in pages..PAGES_LIMIT {
            let page = match self.page(&query, token.as_deref(), turns).await {
                Ok(page) => page,
                Err(error) if !search.calls.is_empty() && error.disposition() == Disposition::Retryable => {
                    tracing::debug!(%error, version = %search.version, "the log is searched no further");
                    break;
                }
                Err(error) => return Err(error),
            };
            if let Some(answer) = search.take(&page) {
                return Ok(answer);
            }
            token = page.next;
        }
        if search.calls.is_empty() {
            let message = format!("the search for the calls on `{}` came to no end", search.version);
            return Err(CallError::Unavailable { call: CALL, message });
        }
        Ok(LatestCalls { calls: search.calls, has_older: true, is_cut_short: true })
    }

    /// Joins the reading that waits for its turn, or lets another one wait.
    fn join(&self, version: &GoogleName) -> Arc<Reading> {
        let mut next = locked(&self.next);
        if let Some(reading) = next.as_ref().filter(|reading| reading.takes(version)) {
            return Arc::clone(reading);
        }
        let reading = Arc::new(Reading { versions: Mutex::new(vec![version.clone()]), first: OnceCell::new() });
        *next = Some(Arc::clone(&reading));
        reading
    }

    /// Returns the versions of a reading. From here on, nobody joins it any more.
    fn close(&self, reading: &Arc<Reading>) -> Vec<GoogleName> {
        let mut next = locked(&self.next);
        if next.as_ref().is_some_and(|next| Arc::ptr_eq(next, reading)) {
            *next = None;
        }
        locked(&reading.versions).clone()
    }

    /// Reads what is shared, once its turn has come.
    async fn begin(&self, reading: &Arc<Reading>, turns: Turns<'_>) -> First {
        let is_in_time = turns.take().await;
        let versions = self.close(reading);
        let read = if is_in_time { self.read(&versions, turns).await } else { Err(late()) };
        First { read, is_shared: versions.len() > 1 }
    }

    /// Reads to the first page that is not empty, or to the last one, in a turn that has come.
    async fn read(&self, versions: &[GoogleName], turns: Turns<'_>) -> Result<(Page, usize), CallError> {
        let query = Query::of(versions);
        let mut page = query.page(&self.api, None, turns).await?;
        let mut pages = 1;
        while page.calls.is_empty()
            && pages < PAGES_LIMIT
            && let Some(token) = page.next.take()
        {
            page = self.page(&query, Some(token.as_str()), turns).await?;
            pages += 1;
        }
        Ok((page, pages))
    }

    /// Reads a page in a turn of its own.
    async fn page(&self, query: &Query, token: Option<&str>, turns: Turns<'_>) -> Result<Page, CallError> {
        if turns.take().await { query.page(&self.api, token, turns).await } else { Err(late()) }
    }
}

impl Reading {
    /// Takes one more version, where it is of the same project and there is room.
    fn takes(&self, version: &GoogleName) -> bool {
        let mut versions = locked(&self.versions);
        let is_fit = versions.len() < SHARED_LIMIT && versions.first().map(GoogleName::project) == Some(version.project());
        if is_fit && !versions.contains(version) {
            versions.push(version.clone());
        }
        is_fit
    }
}

impl Search<'_> {
    /// Takes the calls on the version out of the next page. Returns the answer where nothing more is to be read.
    fn take(&mut self, page: &Page) -> Option<LatestCalls> {
        let mut found: Vec<AuditEvent> = page.calls.iter().filter(|call| is_on(call, self.version)).cloned().collect();
        let room = CALLS_LIMIT.saturating_sub(self.calls.len());
        let has_older = page.next.is_some() || found.len() > room;
        found.truncate(room);
        let says_before = self.before.is_some_and(|before| found.iter().any(|call| LatestCalls::sets_state_before(call, before)));
        self.calls.append(&mut found);
        let is_enough = page.next.is_none() || self.calls.len() == CALLS_LIMIT || says_before;
        is_enough.then(|| LatestCalls { calls: std::mem::take(&mut self.calls), has_older, is_cut_short: false })
    }
}

/// Says whether a call is on this very version. The log is its project's own, whether the call names the project by its id or its number.
fn is_on(call: &AuditEvent, version: &GoogleName) -> bool {
    matches!(&call.event.target, Target::Google(name) if name.is_key_version() && place_of(name) == place_of(version))
}

fn late() -> CallError {
    CallError::Unavailable { call: CALL, message: "the log is read at a pace, and the turn to read it did not come in time".to_owned() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
