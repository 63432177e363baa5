//! Metrics, as lines on standard output: no call, no permission, no waiting. On AWS in CloudWatch's Embedded Metric Format; on Azure
//! as logged fields, which Application Insights keeps and queries find (`customDimensions.prop__metrics`).
//!
//! Each metric is declared once, with its unit. Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::io::Write as _;

use jiff::Timestamp;
use reprieve_core::drill::{DrillReport, Path};
use reprieve_core::monitoring::{ControlStatus, MonitoringPlan};
use reprieve_core::{Decision, EventForm, Record, Status, StepResult};
use reprieve_engine::{DrillMeter, Meter, MonitoringMeter, Recorded, RecordingMeter, SweepReport, TenantMeter, TenantSweep};
use reprieve_engine::{VersionMeter, VersionSweep};
use serde_json::{Map, Value, json};

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The CloudWatch unit.
    pub unit: &'static str,
    /// What it counts or measures.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $unit:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Metric = Metric { name: $name, unit: $unit, meaning: $meaning };)*
        /// All metrics, in the order in which they are documented.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    EVENTS_ANSWERED = "EventsAnswered", "Count", "Events that were worked on to an outcome.";
    KEYS_GIVEN_BACK = "KeysGivenBack", "Count", "Keys given back in the state they had.";
    REMEDY_FAILED = "RemedyFailed", "Count", "Remedies of which a step failed; a human must look.";
    ESCALATIONS = "Escalations", "Count", "Outcomes that wake a human.";
    TIME_TO_DETECT = "TimeToDetect", "Milliseconds", "Receipt of the event minus its time; negative where clocks disagree.";
    TIME_TO_REMEDIATE = "TimeToRemediate", "Milliseconds", "Verified target state minus the time of the event.";
    SWEPT_KEYS = "SweptKeys", "Count", "Keys that a sweep listed.";
    UNREADABLE_KEYS = "UnreadableKeys", "Count", "Keys whose policies exclude the guard.";
    LOST_EVENTS = "LostEvents", "Count", "Endangered keys that a sweep found and no event had announced.";
    OPEN_CASES = "OpenCases", "Count", "Endangered keys that a sweep could not give back.";
    NOT_REACHED_KEYS = "NotReachedKeys", "Count", "Keys that a sweep left to the next, because its time was used up.";
    SWEPT_SUBJECTS = "SweptSubjects", "Count", "Azure: vaults, keys, storage accounts and alerts that a sweep looked at.";
    NOT_REACHED_SUBJECTS = "NotReachedSubjects", "Count", "Azure: what a sweep left to the next, because its time was used up.";
    UNREADABLE_PLACES = "UnreadablePlaces", "Count", "Azure: what a sweep could not look through.";
    POLICY_UNUSABLE = "PolicyUnusable", "Count", "Decisions made while the policies could not be used, so that nothing was approved.";
    MONITORING_CHANGES = "MonitoringChanges", "Count", "Changes of the monitoring that were made.";
    MONITORING_FAILED = "MonitoringFailed", "Count", "Changes of the monitoring that failed, or were not tried because one before them had; a human must look.";
    MONITORING_CONTROLS = "MonitoringControls", "Count", "Monitoring controls that are asked for.";
    MONITORING_GAPS = "MonitoringGaps", "Count", "Monitoring controls that did not reach a confirmed subscriber when they were looked at.";
    MONITORING_FINDINGS = "MonitoringFindings", "Count", "What a human must look at in the monitoring.";
    MONITORING_DRIFT = "MonitoringDrift", "Count", "Looks at the monitoring after which something was to be mended or told because of an event.";
    DRILLS_RUN = "DrillsRun", "Count", "Drills in which a deletion was scheduled and watched to the end.";
    DRILLS_MISSED = "DrillsMissed", "Count", "Paths of a drill that were not proven in time, or 1 where a drill could not be held; a human must look.";
    DRILL_TIME_TO_DETECT = "DrillTimeToDetect", "Milliseconds", "Drill: the guard's receipt of the event minus its time.";
    DRILL_TIME_TO_REMEDIATE = "DrillTimeToRemediate", "Milliseconds", "Drill: the key seen usable again minus the time of the call that endangered it.";
    DRILL_TIME_TO_NOTICE = "DrillTimeToNotice", "Milliseconds", "Drill: the arrival of the notice minus the time of the call.";
    DRILL_TIME_TO_ALARM = "DrillTimeToAlarm", "Milliseconds", "Drill: the arrival of the alarm minus the time of the call.";
    LOG_FILES_RECORDED = "LogFilesRecorded", "Count", "Files of a trail that were recorded; one that is told of again counts again.";
    LOG_ENTRIES_RECORDED = "LogEntriesRecorded", "Count", "Entries about keys, secrets and logs in those files.";
    EVIDENCE_BYTES_WRITTEN = "EvidenceBytesWritten", "Bytes", "What was written of those files; 0 where it was there already.";
    ANOMALIES_FOUND = "AnomaliesFound", "Count", "Entries that were found unusual, told or not.";
    BASELINE_UNSAVED = "BaselineUnsaved", "Count", "Files from which nothing was learned, because what is usual could not be read or saved; a human should look.";
    LOG_RECORDS_UNREADABLE = "LogRecordsUnreadable", "Count", "Records in those files that are none, or could not be understood; a human should look.";
    RECORDING_LAG = "RecordingLag", "Milliseconds", "The time of recording minus that of the oldest entry of a file.";
    SEALS_MADE = "SealsMade", "Count", "Seals that were made, or found made by another run.";
    OBJECTS_SEALED = "ObjectsSealed", "Count", "Objects of the archive that those seals seal.";
}

/// Writes the table as Markdown.
#[must_use]
pub fn markdown() -> String {
    let rows = ALL.iter().map(|metric| format!("| `{}` | {} | {} |\n", metric.name, metric.unit, metric.meaning));
    format!("| metric | unit | meaning |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

/// Writes metrics to standard output.
#[derive(Debug, Clone)]
pub struct EmfMeter {
    namespace: String,
}

impl EmfMeter {
    /// Makes a meter for this namespace.
    #[must_use]
    pub const fn new(namespace: String) -> Self {
        Self { namespace }
    }

    fn write(&self, time_ms: i64, values: &[(Metric, f64)], properties: Map<String, Value>) {
        let mut out = std::io::stdout().lock();
        if let Err(error) = writeln!(out, "{}", document(&self.namespace, time_ms, values, properties)) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }
}

impl Meter for EmfMeter {
    fn outcome(&self, record: &Record) {
        self.write(record.recorded_at.as_millisecond(), &values_of(record), properties_of(record));
    }

    fn sweep(&self, report: &SweepReport) {
        let values = [
            (SWEPT_KEYS, count(report.keys)),
            (UNREADABLE_KEYS, count(report.unreadable)),
            (LOST_EVENTS, count(report.lost_events)),
            (OPEN_CASES, count(report.open)),
            (NOT_REACHED_KEYS, count(report.not_reached)),
        ];
        self.write(report.ended_at.as_millisecond(), &values, Map::from_iter([("task".to_owned(), json!("sweep"))]));
    }

    fn policy_unusable(&self, at: Timestamp) {
        self.write(at.as_millisecond(), &[(POLICY_UNUSABLE, 1.0)], Map::new());
    }
}

impl MonitoringMeter for EmfMeter {
    fn provisioned(&self, record: &Record, plan: &MonitoringPlan) {
        self.write(record.recorded_at.as_millisecond(), &monitoring_values(record, plan), properties_of(record));
    }
}

impl DrillMeter for EmfMeter {
    fn drilled(&self, record: &Record, report: Option<&DrillReport>) {
        self.write(record.recorded_at.as_millisecond(), &drill_values(record, report), properties_of(record));
    }
}

impl RecordingMeter for EmfMeter {
    fn recorded(&self, recorded: &Recorded, at: Timestamp) {
        self.write(at.as_millisecond(), &recording_values(recorded), Map::new());
    }
}

/// A file may be recorded in portions, so that files are counted by who sees them whole.
fn recording_values(recorded: &Recorded) -> [(Metric, f64); 4] {
    [
        (LOG_ENTRIES_RECORDED, count(recorded.entries)),
        (EVIDENCE_BYTES_WRITTEN, large_count(recorded.bytes)),
        (ANOMALIES_FOUND, count(recorded.findings.len())),
        (BASELINE_UNSAVED, f64::from(u8::from(recorded.baseline_unsaved.is_some()))),
    ]
}

impl EmfMeter {
    /// Tells that a file of a trail was recorded: how many records of it were none, and how old its oldest entry is.
    pub fn file_recorded(&self, at: Timestamp, unreadable: u64, oldest: Option<Timestamp>, file: &str) {
        let lag = oldest.map(|oldest| (RECORDING_LAG, milliseconds(at.as_millisecond() - oldest.as_millisecond())));
        let values = [(LOG_FILES_RECORDED, 1.0), (LOG_RECORDS_UNREADABLE, large_count(unreadable))].into_iter().chain(lag);
        self.write(at.as_millisecond(), &values.collect::<Vec<_>>(), Map::from_iter([("log_file".to_owned(), json!(file))]));
    }

    /// Tells that seals were made.
    pub fn sealed(&self, at: Timestamp, seals: u64, objects: u64) {
        let values = [(SEALS_MADE, large_count(seals)), (OBJECTS_SEALED, large_count(objects))];
        self.write(at.as_millisecond(), &values, Map::from_iter([("task".to_owned(), json!("seal"))]));
    }
}

/// Logs metrics, one line for each occasion, with the values in the field `metrics`.
#[derive(Debug, Clone, Copy)]
pub struct LogMeter;

impl LogMeter {
    fn write(values: &[(Metric, f64)], properties: Map<String, Value>) {
        let metrics = Value::Object(values.iter().map(|(metric, value)| (metric.name.to_owned(), json!(value))).collect());
        let properties = Value::Object(properties);
        tracing::info!(%metrics, %properties, "metrics");
    }

    /// Tells that so many entries of a log could not be read.
    pub fn entries_unreadable(entries: usize) {
        Self::write(&[(LOG_RECORDS_UNREADABLE, count(entries))], Map::new());
    }
}

impl RecordingMeter for LogMeter {
    fn recorded(&self, recorded: &Recorded, _at: Timestamp) {
        let values = recording_values(recorded).into_iter().chain([(LOG_FILES_RECORDED, 1.0)]);
        Self::write(&values.collect::<Vec<_>>(), Map::new());
    }
}

impl TenantMeter for LogMeter {
    fn outcome(&self, record: &Record) {
        let subject = ("subject".to_owned(), json!(record.subject));
        Self::write(&values_of(record), properties_of(record).into_iter().chain([subject]).collect());
    }

    fn sweep(&self, report: &TenantSweep) {
        let values = [
            (SWEPT_SUBJECTS, count(report.looked_at)),
            (LOST_EVENTS, count(report.lost_events)),
            (OPEN_CASES, count(report.failed.len())),
            (NOT_REACHED_SUBJECTS, count(report.left)),
            (UNREADABLE_PLACES, count(report.unreadable.len())),
        ];
        Self::write(&values, Map::from_iter([("task".to_owned(), json!("sweep"))]));
    }

    fn policy_unusable(&self, _: Timestamp) {
        Self::write(&[(POLICY_UNUSABLE, 1.0)], Map::new());
    }
}

impl VersionMeter for LogMeter {
    fn outcome(&self, record: &Record) {
        Self::write(&values_of(record), properties_of(record));
    }

    fn sweep(&self, report: &VersionSweep) {
        let values = [
            (SWEPT_KEYS, count(report.lost)),
            (LOST_EVENTS, count(report.answered)),
            (OPEN_CASES, count(report.failed.len())),
            (NOT_REACHED_KEYS, count(report.left)),
        ];
        Self::write(&values, Map::from_iter([("task".to_owned(), json!("sweep"))]));
    }
}

/// In mode `observe` no drill is held, and none is missed.
fn drill_values(record: &Record, report: Option<&DrillReport>) -> Vec<(Metric, f64)> {
    let Some(report) = report else {
        let missed = u8::from(record.status != Status::Observed);
        return vec![(DRILLS_RUN, 0.0), (DRILLS_MISSED, f64::from(missed))];
    };
    let bad = report.paths.iter().filter(|(_, verdict)| !verdict.is_good()).count();
    let missed = if report.has_passed() { 0 } else { bad.max(1) };
    let measured = [
        (DRILL_TIME_TO_DETECT, Path::Detection),
        (DRILL_TIME_TO_REMEDIATE, Path::Enablement),
        (DRILL_TIME_TO_NOTICE, Path::Notice),
        (DRILL_TIME_TO_ALARM, Path::Alarm),
    ];
    let measured = measured.into_iter().filter_map(|(metric, path)| Some((metric, milliseconds(report.measured_ms(path)?))));
    [(DRILLS_RUN, 1.0), (DRILLS_MISSED, count(missed))].into_iter().chain(measured).collect()
}

fn monitoring_values(record: &Record, plan: &MonitoringPlan) -> [(Metric, f64); 6] {
    let made = record.steps.iter().filter(|step| step.result.is_success()).count();
    let observed = record.steps.iter().filter(|step| step.result == StepResult::NotCarriedOut).count();
    let gaps = plan.controls.iter().filter(|control| !ControlStatus::holds(control)).count();
    let is_drift = match &record.decision {
        Some(Decision::Remedy { .. } | Decision::Escalate { .. }) => record.event.form != EventForm::Sweep,
        Some(Decision::Stand { .. }) | None => false,
    };
    [
        (MONITORING_CHANGES, count(made)),
        (MONITORING_FAILED, count(record.steps.len() - made - observed)),
        (MONITORING_CONTROLS, count(plan.controls.len())),
        (MONITORING_GAPS, count(gaps)),
        (MONITORING_FINDINGS, count(plan.findings.len())),
        (MONITORING_DRIFT, f64::from(u8::from(is_drift))),
    ]
}

fn values_of(record: &Record) -> Vec<(Metric, f64)> {
    let given_back = record.status == Status::Success;
    let failed = matches!(record.status, Status::Failure | Status::Partial | Status::Unsupported | Status::DoesNotExist);
    let wakes = failed || record.decision.as_ref().is_some_and(Decision::wakes_a_human);
    let mut values = vec![
        (EVENTS_ANSWERED, 1.0),
        (KEYS_GIVEN_BACK, f64::from(u8::from(given_back))),
        (REMEDY_FAILED, f64::from(u8::from(failed))),
        (ESCALATIONS, f64::from(u8::from(wakes))),
    ];
    values.extend(record.detect_ms.map(|ms| (TIME_TO_DETECT, milliseconds(ms))));
    values.extend(record.remediate_ms.map(|ms| (TIME_TO_REMEDIATE, milliseconds(ms))));
    values
}

fn properties_of(record: &Record) -> Map<String, Value> {
    let properties = [
        ("event_id", json!(record.event.id)),
        ("event", json!(record.event.name)),
        ("key", json!(record.key())),
        ("threat", json!(record.threat)),
        ("decision", json!(record.decision.as_ref().map(Decision::name))),
        ("status", json!(record.status)),
        ("mode", json!(record.mode)),
    ];
    properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Makes one EMF document. CloudWatch takes the metrics named under `_aws` from the root; the properties stay searchable in the log.
fn document(namespace: &str, time_ms: i64, values: &[(Metric, f64)], properties: Map<String, Value>) -> Value {
    let declared: Vec<Value> = values.iter().map(|(metric, _)| json!({ "Name": metric.name, "Unit": metric.unit })).collect();
    let mut root = properties;
    root.extend(values.iter().map(|(metric, value)| (metric.name.to_owned(), json!(value))));
    root.insert(
        "_aws".to_owned(),
        json!({ "Timestamp": time_ms, "CloudWatchMetrics": [{ "Namespace": namespace, "Dimensions": [[]], "Metrics": declared }] }),
    );
    Value::Object(root)
}

fn count(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

/// Bytes and entries of files are far below 2^53 and stay exact.
#[expect(clippy::cast_precision_loss, reason = "values are far below 2^53")]
const fn large_count(value: u64) -> f64 {
    value as f64
}

/// A difference of two times of this century is far below 2^53 and stays exact.
#[expect(clippy::cast_precision_loss, reason = "values are far below 2^53")]
const fn milliseconds(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_declares_each_metric_it_carries() {
        let document =
            document("Reprieve", 1_000, &[(TIME_TO_DETECT, -5.0), (ESCALATIONS, 1.0)], Map::from_iter([("key".to_owned(), json!("k"))]));
        let declared = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(declared["Namespace"], "Reprieve");
        assert_eq!(
            declared["Metrics"],
            json!([{ "Name": "TimeToDetect", "Unit": "Milliseconds" }, { "Name": "Escalations", "Unit": "Count" }])
        );
        assert_eq!((document["TimeToDetect"].as_f64(), document["Escalations"].as_f64()), (Some(-5.0), Some(1.0)));
        assert_eq!(document["key"], "k");
    }
}
