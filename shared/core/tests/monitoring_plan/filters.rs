//! Metric filters, each broken in one way, and those of others.

use reprieve_core::monitoring::PatternMode;
use reprieve_core::monitoring::world::MetricFilter;

use super::Case;
use super::stage::{Stage, baseline, their_alarm, their_filter, unreadable};

const CANONICAL: &str = "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }";
const REORDERED: &str =
    r#"{ ( ( $.eventName = "ScheduleKeyDeletion" ) || ( $.eventName = "DisableKey" ) ) && ( $.eventSource = "kms.amazonaws.com" ) }"#;
const WITHOUT_SOURCE: &str = "{ ($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion) }";
const DEAD: &str = "{ ($.eventSource = kms.amazonaws.com) && ($.eventName = DisableKey) && ($.eventName = ScheduleKeyDeletion) }";
const ERRORS_ONLY: &str = r#"{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) && ($.errorCode = "*") }"#;
const OTHER_ACCOUNT: &str = r#"{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) && ($.recipientAccountId = "999988887777") }"#;
const EVERYTHING: &str = "{ $.eventVersion = * }";

const MADE: &str = "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in /reprieve/cloudtrail";
const PUT_RIGHT: &str = "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in /reprieve/cloudtrail again";
const ALARM_ON_THEIRS: &str = "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled on Corp/KeyChanges again telling reprieve";

/// Puts somebody else's filter, and their alarm on it, in the place of ours.
fn theirs(stage: &mut Stage, pattern: &str) {
    stage.replace_filter(their_filter(pattern));
    stage.replace_alarm(their_alarm());
}

/// Puts somebody else's filter beside ours, which is gone; our alarm stands.
fn theirs_alone(stage: &mut Stage, pattern: &str) {
    stage.replace_filter(their_filter(pattern));
}

/// Fills the log group up with filters of others; it holds no more than 100.
fn crowd(stage: &mut Stage, count: usize) {
    let other = |number: usize| MetricFilter { name: format!("orders-{number}"), ..their_filter("{ $.eventSource = orders.example.com }") };
    let filters = stage.filters();
    filters.extend((0..count).map(other));
    filters.truncate(100);
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = ours();
    cases.extend(of_others());
    cases
}

fn ours() -> Vec<Case> {
    vec![
        Case::of("our filter was deleted", |stage| stage.filters().retain(|filter| filter.name != super::KEYS), &[MADE], &[]),
        Case::of("our filter was replaced by a dead one", |stage| DEAD.clone_into(&mut stage.filter().pattern), &[PUT_RIGHT], &[]),
        Case::of("our filter sees refused calls only", |stage| ERRORS_ONLY.clone_into(&mut stage.filter().pattern), &[PUT_RIGHT], &[]),
        Case::of("our filter looks at another account", |stage| OTHER_ACCOUNT.clone_into(&mut stage.filter().pattern), &[PUT_RIGHT], &[]),
        Case::of(
            "our filter holds what is no pattern",
            |stage| "{ $.eventName == }".clone_into(&mut stage.filter().pattern),
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our filter counts nothing", |stage| "0".clone_into(&mut stage.filter().value), &[PUT_RIGHT], &[]),
        Case::of("our filter counts what the event says", |stage| "$.size".clone_into(&mut stage.filter().value), &[PUT_RIGHT], &[]),
        Case::of("our filter counts one as 1.0", |stage| "1.0".clone_into(&mut stage.filter().value), &[], &[]),
        Case::of(
            "our filter writes a dimension that no alarm watches",
            |stage| {
                stage.filter().dimensions.insert("Region".to_owned(), "$.awsRegion".to_owned());
            },
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our filter counts into another metric", |stage| "Elsewhere".clone_into(&mut stage.filter().metric), &[PUT_RIGHT], &[]),
        Case::of(
            "our filter counts into another namespace",
            |stage| "Elsewhere".clone_into(&mut stage.filter().namespace),
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our filter has no default value", |stage| stage.filter().default_value = None, &[PUT_RIGHT], &[]),
        Case::of(
            "the log group is full, and our filter is gone",
            |stage| {
                stage.filters().retain(|filter| filter.name != super::KEYS);
                crowd(stage, 99);
            },
            &[],
            &[("log group `/reprieve/cloudtrail`", "no more fit")],
        ),
        Case::of(
            "the log group has one place left for our filter",
            |stage| {
                stage.filters().retain(|filter| filter.name != super::KEYS);
                crowd(stage, 98);
            },
            &[MADE],
            &[],
        ),
        Case::of(
            "the log group has one place left for two filters of ours",
            |stage| {
                stage.filters().clear();
                crowd(stage, 99);
            },
            &["PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail"],
            &[("log group `/reprieve/cloudtrail`", "no more fit")],
        ),
        Case::of(
            "exact texts are asked for, and ours match without being them",
            |stage| stage.desired.baseline = baseline(PatternMode::Exact),
            &["PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail again", PUT_RIGHT],
            &[],
        ),
    ]
}

fn of_others() -> Vec<Case> {
    vec![
        Case::of("their filter has the canonical text", |stage| theirs(stage, CANONICAL), &[], &[]),
        Case::of("their filter matches the same, reordered and quoted", |stage| theirs(stage, REORDERED), &[], &[]),
        Case::of("their filter leaves the service out", |stage| theirs(stage, WITHOUT_SOURCE), &[], &[]),
        Case::of("their filter serves, and no alarm of theirs watches it", |stage| theirs_alone(stage, REORDERED), &[ALARM_ON_THEIRS], &[]),
        Case::of("their filter can never match", |stage| theirs_alone(stage, DEAD), &[MADE], &[]),
        Case::of("their filter sees refused calls only", |stage| theirs_alone(stage, ERRORS_ONLY), &[MADE], &[]),
        Case::of("their filter looks at another account", |stage| theirs_alone(stage, OTHER_ACCOUNT), &[MADE], &[]),
        Case::of("their filter rings for everything", |stage| theirs_alone(stage, EVERYTHING), &[MADE], &[]),
        Case::of("their filter searches for words", |stage| theirs_alone(stage, "DisableKey"), &[MADE], &[]),
        Case::of("their filter is for space-delimited logs", |stage| theirs_alone(stage, "[ip, user, name = DisableKey]"), &[MADE], &[]),
        Case::of(
            "their filter counts nothing",
            |stage| stage.replace_filter(MetricFilter { value: "0".to_owned(), ..their_filter(CANONICAL) }),
            &[MADE],
            &[],
        ),
        Case::of(
            "their filter writes a dimension",
            |stage| {
                let mut filter = their_filter(CANONICAL);
                filter.dimensions.insert("Region".to_owned(), "$.awsRegion".to_owned());
                stage.replace_filter(filter);
            },
            &[MADE],
            &[],
        ),
        Case::of(
            "their filter serves beside a dead one of ours, which is put right",
            |stage| {
                stage.filters().push(their_filter(REORDERED));
                stage.alarms().push(their_alarm());
                DEAD.clone_into(&mut stage.filter().pattern);
            },
            &[PUT_RIGHT],
            &[],
        ),
        Case::of(
            "exact texts are asked for, and theirs matches without being it",
            |stage| {
                stage.desired.baseline = baseline(PatternMode::Exact);
                stage.filters().clear();
                stage.filters().push(their_filter(REORDERED));
                stage.alarms().push(their_alarm());
            },
            &["PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail", MADE],
            &[],
        ),
        Case::of(
            "exact texts are asked for, and theirs is it",
            |stage| {
                let exact = baseline(PatternMode::Exact);
                let keys = exact.controls.iter().find(|control| control.name == super::KEYS).unwrap().pattern;
                stage.desired.baseline = exact;
                theirs(stage, keys);
            },
            &["PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail again"],
            &[],
        ),
        Case::of(
            "their filter serves, and the alarms cannot be read",
            |stage| {
                stage.replace_filter(their_filter(REORDERED));
                stage.world.alarms = unreadable();
            },
            &[],
            &[("alarm `(all)`", "cannot be read")],
        ),
    ]
}
