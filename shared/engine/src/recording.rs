//! The loop for log files: keep the entries, hold them against what is usual, keep what is unusual, learn, tell.
//!
//! Promises kept here: the entries are in the archive before anything else is done; a log file that is delivered again adds nothing,
//! teaches nothing and tells nobody; where what is usual cannot be read or saved, the entries and findings are kept all the same, and
//! that is said; of two that learn at once, neither forgets what the other learned.

mod port;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::notice::Notice;
use reprieve_core::{AuditEvent, Finding, Severity};
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Places, Settings as AnomalySettings};

pub use self::port::{Recorded, RecordingMeter};
use crate::act::answered_by;
use crate::evidence::{Appended, BaselineStore, Batch, EvidenceSink, Filed, Versioned};
use crate::port::{CallError, Clock, Disposition, NoticeSink};

const RECORD: &str = "archive:Record";

/// How often the baseline is saved before it is given up for this log file.
const SAVES: u32 = 5;

/// The pause before it is saved again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What is left when the last answer is waited for: for the line of log and the metrics.
const ENDING_TAKES: SignedDuration = SignedDuration::from_secs(2);

/// Entries that claim to be of later than so much from now are kept, and neither scored nor learned from: a clock far ahead would make
/// what is usual forget.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// How often the time is looked at while entries are scored.
const LOOK_EVERY: usize = 500;

/// The most notices of one log file; the weightiest findings are told, all are in the archive.
const NOTICES: usize = 10;

/// The capabilities that the loop works with.
#[derive(Debug, Clone)]
pub struct RecordingPorts<E, B, N, C, M> {
    /// The archive.
    pub evidence: E,
    /// What is usual.
    pub baseline: B,
    /// The people.
    pub notices: N,
    /// The time.
    pub clock: C,
    /// The counts.
    pub meter: M,
}

/// What the loop is told at start.
#[derive(Debug)]
pub struct RecordingSettings {
    /// When an entry is unusual, and how much is remembered.
    pub anomalies: AnomalySettings,
    /// From which severity on people are told of a finding; `None` for never.
    pub tell_from: Option<Severity>,
    /// Knows the countries of addresses.
    pub places: Box<dyn Places>,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self { anomalies: AnomalySettings::default(), tell_from: Some(Severity::Medium), places: Box::new(NoPlaces) }
    }
}

/// The loop with its capabilities and settings.
#[derive(Debug)]
pub struct Recorder<E, B, N, C, M> {
    /// The capabilities.
    pub ports: RecordingPorts<E, B, N, C, M>,
    /// The settings.
    pub settings: RecordingSettings,
}

/// What is usual, as it was read.
struct Loaded {
    baseline: Baseline,
    etag: Option<String>,
}

/// What scoring a log file came to.
struct Scored {
    findings: Vec<Finding>,
    ahead: usize,
    /// What this log file taught, alone: it is added to whatever somebody else saved in the meantime.
    taught: Baseline,
}

impl<E: EvidenceSink, B: BaselineStore, N: NoticeSink, C: Clock, M: RecordingMeter> Recorder<E, B, N, C, M> {
    /// Records the entries of a log file. `stopped_at` is when the invocation ends, whatever is still to be done.
    ///
    /// # Errors
    /// When the entries, or what is unusual about them, could not be written in time: then the log file is worth delivering again. What
    /// was refused for what is in it, and is kept elsewhere, is no error: [`Recorded::refused`] says it.
    pub async fn record(&self, batch: &Batch, stopped_at: Timestamp) -> Result<Recorded, CallError> {
        let end = stopped_at.checked_sub(ENDING_TAKES).unwrap_or(Timestamp::MIN);
        let appended = self.written_by(stopped_at, "the entries", self.ports.evidence.append_events(batch)).await?;
        let Appended { bytes, refused } = appended;
        let mut recorded = Recorded { entries: batch.events.len(), bytes, refused, ..Recorded::default() };
        let result = self.watch(batch, end, &mut recorded).await;
        self.ports.meter.recorded(&recorded, self.ports.clock.now());
        // Where it fails as well: the next delivery finds what is written, and may know nothing of this.
        log_amiss(&batch.log_file, &recorded);
        result.map(|()| recorded)
    }

    /// Waits for something to be written until then. It is tried even where no time is left.
    async fn written_by<T>(
        &self,
        until: Timestamp,
        what: &str,
        written: impl Future<Output = Result<T, CallError>> + Send,
    ) -> Result<T, CallError> {
        let left = Duration::try_from(until.duration_since(self.ports.clock.now())).unwrap_or_default();
        let too_late = || format!("{what} could not be written in the time that was left");
        self.ports.clock.within(left, written).await.unwrap_or_else(|| Err(CallError::Unavailable { call: RECORD, message: too_late() }))
    }

    /// Everything after the entries are kept.
    async fn watch(&self, batch: &Batch, end: Timestamp, recorded: &mut Recorded) -> Result<(), CallError> {
        let mut loaded = match self.load(end).await {
            Ok(loaded) => loaded,
            Err(why) => {
                recorded.baseline_unsaved = Some(why);
                return Ok(());
            }
        };
        if loaded.baseline.knows_log_file(&batch.log_file) {
            recorded.is_repetition = true;
            return Ok(());
        }
        let Some(scored) = self.score(batch, &mut loaded.baseline, end) else {
            recorded.baseline_unsaved = Some("the time ran out while the entries were scored".to_owned());
            return Ok(());
        };
        recorded.ahead = scored.ahead;
        let kept = self.keep(scored.findings, end, recorded).await;
        if kept.is_ok() {
            recorded.baseline_unsaved = self.save(loaded, &scored.taught, &batch.log_file, end).await.err();
        }
        // Those that are new now are not new when the log file comes again.
        self.tell(end, recorded).await;
        kept
    }

    async fn load(&self, end: Timestamp) -> Result<Loaded, String> {
        let answer = answered_by(end, &self.ports.clock, self.ports.baseline.load()).await;
        let versioned = answer.ok_or("the baseline was not read in time")?.map_err(|error| error.to_string())?;
        let Some(Versioned { bytes, etag }) = versioned else {
            return Ok(Loaded { baseline: Baseline::new(self.settings.anomalies.clone()), etag: None });
        };
        let baseline = Baseline::from_bytes(&bytes, self.settings.anomalies.clone()).map_err(|error| error.to_string())?;
        Ok(Loaded { baseline, etag: Some(etag) })
    }

    /// Scores the entries in the order of their time, each against what was learned from those before it. `None` where time runs out.
    fn score(&self, batch: &Batch, baseline: &mut Baseline, end: Timestamp) -> Option<Scored> {
        let (clock, places) = (&self.ports.clock, self.settings.places.as_ref());
        let mut now = clock.now();
        let mut taught = Baseline::new(self.settings.anomalies.clone());
        let (mut findings, mut ahead) = (Vec::new(), 0);
        for (number, event) in in_order(batch).into_iter().enumerate() {
            if number % LOOK_EVERY == 0 {
                now = clock.now();
                if now >= end {
                    return None;
                }
            }
            if event.event.time.is_some_and(|time| time.duration_since(now) > AHEAD) {
                ahead += 1;
                continue;
            }
            let considered = baseline.consider(event, now, places);
            taught.learn_lesson(event, considered.lesson, places);
            if let Some(finding) = considered.finding {
                taught.remember_finding(&finding, places);
                findings.push(finding);
            }
        }
        baseline.remember_log_file(&batch.log_file, now);
        taught.remember_log_file(&batch.log_file, now);
        Some(Scored { findings, ahead, taught })
    }

    /// Writes the findings, each; those that were there already are none of this delivery.
    async fn keep(&self, findings: Vec<Finding>, end: Timestamp, recorded: &mut Recorded) -> Result<(), CallError> {
        let mut result = Ok(());
        for finding in findings {
            match self.written_by(end, "a finding", self.ports.evidence.append_finding(&finding)).await {
                Ok(Filed { is_new, refused }) => {
                    recorded.refused.extend(refused);
                    if is_new {
                        recorded.findings.push(finding);
                    }
                }
                Err(error) if result.is_ok() => result = Err(error),
                Err(_) => {}
            }
        }
        result
    }

    /// Saves what is usual. Where somebody else was faster, what this log file taught is added to theirs.
    async fn save(&self, mut loaded: Loaded, taught: &Baseline, log_file: &str, end: Timestamp) -> Result<(), String> {
        let clock = &self.ports.clock;
        let mut last = String::new();
        let mut pause = FIRST_PAUSE;
        for attempt in 0..SAVES {
            if attempt > 0 {
                let has_time = Duration::try_from(end.duration_since(clock.now())).is_ok_and(|left| left > pause);
                if !has_time {
                    break;
                }
                clock.sleep(pause).await;
                pause *= 2;
            }
            let bytes = loaded.baseline.to_bytes();
            match answered_by(end, clock, self.ports.baseline.save(&bytes, loaded.etag.as_deref())).await {
                Some(Ok(true)) => return Ok(()),
                Some(Err(error)) if error.disposition() == Disposition::Permanent => return Err(error.to_string()),
                // It may have been saved: looking again tells.
                Some(Err(error)) => last = error.to_string(),
                Some(Ok(false)) => "somebody else saved the baseline each time".clone_into(&mut last),
                None => return Err("the baseline was not saved in time".to_owned()),
            }
            match self.load(end).await {
                Ok(newer) if newer.baseline.knows_log_file(log_file) => return Ok(()),
                Ok(mut newer) => {
                    newer.baseline.merge(taught);
                    loaded = newer;
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn tell(&self, end: Timestamp, recorded: &mut Recorded) {
        let Some(least) = self.settings.tell_from else { return };
        let mut worth: Vec<&Finding> = recorded.findings.iter().filter(|finding| finding.severity >= least).collect();
        worth.sort_by_key(|finding| std::cmp::Reverse(finding.score));
        let untold = worth.len().saturating_sub(NOTICES);
        for (number, finding) in worth.into_iter().take(NOTICES).enumerate() {
            let mut notice = Notice::of_finding(finding);
            if number == 0 && untold > 0 {
                notice.warnings.push(format!("{untold} more findings of the same log file are in the archive, and not told one by one."));
            }
            match answered_by(end, &self.ports.clock, self.ports.notices.tell(&notice, &finding.told_as())).await {
                Some(Ok(())) => recorded.told += 1,
                Some(Err(error)) => recorded.complaints.push(format!("finding `{}` was not told: {error}", finding.id())),
                None => recorded.complaints.push(format!("finding `{}` was not told in time", finding.id())),
            }
        }
    }
}

/// Returns the entries in the order of their time, each id once; those without a time come first.
fn in_order(batch: &Batch) -> Vec<&AuditEvent> {
    let mut seen = BTreeSet::new();
    let mut events: Vec<&AuditEvent> = batch.events.iter().filter(|event| seen.insert(event.event.id.as_str())).collect();
    events.sort_by_key(|event| event.event.time);
    events
}

/// Names what was kept in another place than its own, and what was not done beside the recording.
fn log_amiss(log_file: &str, recorded: &Recorded) {
    if let Some(why) = &recorded.baseline_unsaved {
        tracing::error!(log_file, why, "the entries were recorded, but nothing was learned from them");
    }
    for refused in &recorded.refused {
        tracing::error!(log_file, error = refused, "an object of the archive was refused for what is in it; the entries are recorded");
    }
    for complaint in &recorded.complaints {
        tracing::error!(log_file, error = complaint, "the entries were recorded, but not everybody could be told");
    }
}
