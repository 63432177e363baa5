//! One invocation: a batch of notices of log files from the queue, one notice, or the call to seal.
//!
//! What cannot be read, and what could not be written, is reported message by message, so that the queue delivers it again and, in the end,
//! sets it aside in the dead-letter queue. Nothing is dropped silently, and no file holds up another.

use jiff::{SignedDuration, Timestamp};
use reprieve_engine::{BaselineStore, Clock, EvidenceSink, EvidenceStore, NoticeSink, Recorded, Recorder, SealSigner, Sealer};
use reprieve_runtime::Invoked;
use reprieve_wire::log_notice::{LogFile, LogMessage, RecordingInvocation, SealUntil, parse_recording_invocation};
use serde_json::{Value, json};

use crate::file::ReadFile;
use crate::port::{FunctionMeter, LogSource};

/// What goes wrong with a whole invocation.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// With less time left than this no further file is begun; it comes again.
const A_FILE_TAKES: SignedDuration = SignedDuration::from_secs(20);

/// Where log files come from, and what records them.
#[derive(Debug)]
pub(crate) struct Recording<L, E, B, N, C, M> {
    /// Where log files are read from.
    pub(crate) source: L,
    /// The loop that records them.
    pub(crate) recorder: Recorder<E, B, N, C, M>,
}

/// The function.
#[derive(Debug)]
pub(crate) struct Service<L, E, B, N, C, M, S, K> {
    /// What records.
    pub(crate) recording: Recording<L, E, B, N, C, M>,
    /// What seals.
    pub(crate) sealer: Sealer<S, K, C>,
    /// The time.
    pub(crate) clock: C,
    /// The counts.
    pub(crate) meter: M,
}

impl<L, E, B, N, C, M, S, K> Service<L, E, B, N, C, M, S, K>
where
    L: LogSource,
    E: EvidenceSink,
    B: BaselineStore,
    N: NoticeSink,
    C: Clock,
    M: FunctionMeter,
    S: EvidenceStore,
    K: SealSigner,
{
    /// Answers one invocation.
    ///
    /// # Errors
    /// When the payload is of no known form, when a file of a notice handed over directly could not be recorded, or when sealing failed:
    /// Lambda then tries again.
    pub(crate) async fn answer(&self, payload: &Value, invoked: &Invoked) -> Result<Value, Failure> {
        match parse_recording_invocation(payload).map_err(|error| error.unquoted())? {
            RecordingInvocation::Batch(messages) => Ok(self.answer_batch(messages, invoked.stopped_at).await),
            RecordingInvocation::Files(files) => self.answer_files(&files, invoked.stopped_at).await,
            RecordingInvocation::Seal(until) => self.answer_seal(until).await,
        }
    }

    /// Records the files of a batch and says which messages must be delivered again.
    async fn answer_batch(&self, messages: Vec<LogMessage>, stopped_at: Timestamp) -> Value {
        let mut failed: Vec<String> = Vec::new();
        for message in messages {
            match message.files {
                Ok(files) => {
                    if self.record_all(&files, stopped_at).await.is_err() {
                        failed.push(message.id);
                    }
                }
                Err(error) => {
                    tracing::error!(error = error.unquoted(), message_id = %message.id, "a message could not be understood; it goes to the dead-letter queue");
                    failed.push(message.id);
                }
            }
        }
        let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": failures })
    }

    async fn answer_files(&self, files: &[LogFile], stopped_at: Timestamp) -> Result<Value, Failure> {
        let recorded = self.record_all(files, stopped_at).await?;
        Ok(json!({
            "files": recorded.len(),
            "entries": recorded.iter().flatten().map(|portion| portion.entries).sum::<usize>(),
            "findings": recorded.iter().flatten().map(|portion| portion.findings.len()).sum::<usize>(),
            "bytes": recorded.iter().flatten().map(|portion| portion.bytes).sum::<u64>(),
        }))
    }

    /// Records the files that hold events. One that fails keeps none of the others from being tried.
    async fn record_all(&self, files: &[LogFile], stopped_at: Timestamp) -> Result<Vec<Vec<Recorded>>, Failure> {
        let (mut recorded, mut failure) = (Vec::new(), None);
        for file in files {
            if !file.holds_events() {
                tracing::debug!(bucket = file.bucket, key = file.key, "left out: no file of events, by its name");
                continue;
            }
            match self.record(file, stopped_at).await {
                Ok(done) => recorded.push(done),
                Err(error) => {
                    tracing::error!(bucket = file.bucket, key = file.key, error = %error, "a log file could not be recorded; it is tried again, and goes to the dead-letter queue in the end");
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(recorded), Err)
    }

    /// Records one file, portion by portion.
    async fn record(&self, file: &LogFile, stopped_at: Timestamp) -> Result<Vec<Recorded>, Failure> {
        if stopped_at.duration_since(self.clock.now()) < A_FILE_TAKES {
            return Err("no time was left in this invocation".into());
        }
        let bytes = self.recording.source.fetch(&file.bucket, &file.key).await?;
        let read = ReadFile::of(file, &bytes);
        drop(bytes);
        for complaint in &read.complaints {
            tracing::error!(
                bucket = file.bucket,
                key = file.key,
                error = complaint,
                "a record could not be understood; the others are recorded"
            );
        }
        let mut recorded = Vec::new();
        for batch in &read.batches {
            let portion = self.recording.recorder.record(batch, stopped_at).await?;
            log(&batch.log_file, &portion);
            recorded.push(portion);
        }
        self.meter.file_recorded(self.clock.now(), read.unreadable, read.oldest(), &file.key);
        if read.batches.is_empty() {
            tracing::info!(key = file.key, unreadable = read.unreadable, "a log file holds nothing about keys, secrets or logs");
        }
        // What could be read is recorded, and what was refused for what is in it is kept. Somebody has to look at the rest and at why, and
        // finds the file in the dead-letter queue.
        if let Some(fault) = read.fault {
            return Err(fault.into());
        }
        match recorded.iter().map(|portion| portion.refused.len()).sum::<usize>() {
            0 => Ok(recorded),
            refused => Err(format!("recorded, but the archive refused objects for what is in them: {refused}").into()),
        }
    }

    async fn answer_seal(&self, until: SealUntil) -> Result<Value, Failure> {
        let sealed = match until {
            SealUntil::LastHour => self.sealer.seal().await?,
            SealUntil::Now => self.sealer.seal_until(self.clock.now()).await?,
        };
        self.meter.sealed(self.clock.now(), sealed.sealed + sealed.by_others, sealed.objects);
        let last_seal = sealed.last_seal.map(|hash| hash.to_string());
        tracing::info!(seals = sealed.sealed, objects = sealed.objects, from = ?sealed.from, until = ?sealed.until, last_seal, "sealed");
        if sealed.is_more_due {
            tracing::warn!(until = ?sealed.until, "more is due than one run seals; the next one goes on");
        }
        Ok(json!({
            "task": "seal",
            "seals": sealed.sealed,
            "by_others": sealed.by_others,
            "objects": sealed.objects,
            "from": sealed.from,
            "until": sealed.until,
            "last_seal": last_seal,
            "is_more_due": sealed.is_more_due,
        }))
    }
}

fn log(log_file: &str, recorded: &Recorded) {
    tracing::info!(
        log_file,
        entries = recorded.entries,
        findings = recorded.findings.len(),
        told = recorded.told,
        bytes = recorded.bytes,
        is_repetition = recorded.is_repetition,
        "a log file was recorded"
    );
    if recorded.ahead > 0 {
        tracing::warn!(log_file, ahead = recorded.ahead, "entries claim to be of the future; they were recorded, and not learned from");
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
