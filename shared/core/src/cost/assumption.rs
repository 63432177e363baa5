//! What nobody can know beforehand, each with a name, a value, and why it is that. All of it is printed.

use serde::Serialize;

/// One assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What is assumed.
    pub what: &'static str,
    /// The number.
    pub value: u64,
    /// Why.
    pub why: &'static str,
}

macro_rules! assumptions {
    ($($constant:ident = $value:literal, $what:literal, $why:literal;)*) => {
        $(#[doc = $what] pub(super) const $constant: Assumption = Assumption { what: $what, value: $value, why: $why };)*
        /// All assumptions, in the order in which they are printed.
        pub const ASSUMPTIONS: &[Assumption] = &[$($constant),*];
    };
}

assumptions! {
    SWEEPS = 730, "sweeps of each guard", "hourly, in a month of 730 hours";
    GUARD_ALARMS = 9, "alarms in guard.yaml", "the template";
    GUARD_METRICS = 12, "metrics of the guard", "the table of metrics";
    EVENT_MILLISECONDS = 1000, "milliseconds of an event", "a cold start, and retries of KMS, included";
    EVENTS_A_REMEDY = 10, "events to one that is answered with a remedy", "most changes of keys are harmless or approved";
    SWEEP_MILLISECONDS = 2000, "milliseconds of a sweep without keys", "a cold start included";
    SWEPT_KEY_MILLISECONDS = 40, "milliseconds of a key that is swept", "three calls, some at a time";
    POLLS = 657_000, "polls of each queue by Lambda", "5 pollers that wait 20 seconds, day and night";
    KMS_CALLS_A_SWEPT_KEY = 3, "KMS requests of a key that is swept", "DescribeKey, ListResourceTags, GetKeyRotationStatus";
    KMS_CALLS_AN_EVENT = 6, "KMS requests of an event", "two looks, a remedy of two steps";
    LEDGER_READS_A_SWEPT_KEY = 2, "ledger reads of a key that is swept", "inventory and approvals";
    LEDGER_WRITES_AN_EVENT = 4, "ledger writes of an event", "claim, case, inventory, and its release";
    LEDGER_READS_AN_EVENT = 6, "ledger reads of an event", "inventory and approvals, before and after";
    RECORDS_A_LOOK = 2, "audit records of an event, a check or a drill", "the intent and the outcome";
    RECORD_KILOBYTES = 4, "kilobytes of an audit record", "OCSF, as JSON";
    RECORD_MONTHS_KEPT = 12, "months that audit records are kept", "what has piled up after a year";
    LOG_KILOBYTES = 3, "kilobytes that an invocation logs", "JSON lines and embedded metrics";
    CHECKS = 31, "checks of the monitoring", "daily";
    DRIFTS = 50, "drifts of the monitoring", "changes of trails, alarms, topics and rules, anybody's";
    LOOK_MILLISECONDS = 10_000, "milliseconds of a look at the monitoring", "some hundred calls, and a second look";
    MONITORING_ALARMS = 5, "alarms in monitoring.yaml", "the template";
    MONITORING_METRICS = 6, "metrics of the monitoring", "the table of metrics";
    FREE_DASHBOARDS = 3, "dashboards that are free", "with up to 50 metrics, of one payer";
    TRAIL_EVENT_BYTES = 1_500, "bytes of a recorded event", "CloudTrail's JSON";
    TRAIL_MONTHS_KEPT = 12, "months that the trail's events are kept", "TrailRetentionDays, 365 days";
    COMPRESSION = 6, "compression of what is kept", "gzip of JSON";
    TRAIL_FILES = 8_760, "files of a trail in each Region", "one every five minutes";
    DRILLS = 5, "drills", "every six days";
    DRILL_MILLISECONDS = 720_000, "milliseconds of a drill", "it waits for the alarm";
    DRILL_CALLS = 400, "looks and polls of a drill", "one every two seconds";
    DRILL_ALARMS = 4, "alarms in drill.yaml", "the template";
    DRILL_METRICS = 6, "metrics of the drill", "the table of metrics";
}
