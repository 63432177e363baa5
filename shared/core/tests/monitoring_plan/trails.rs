//! Trails and log groups, each broken in one way.

use reprieve_core::Known;
use reprieve_core::id::Region;
use reprieve_core::monitoring::world::{AdvancedSelector, BasicSelector, FieldSelector, LogGroup, LogGroupClass, Selectors, Trail};

use super::Case;
use super::stage::{GROUP, Stage, TRAIL, all_management_events, bare, our_group, their_trail, unreadable};

pub(crate) const ALL_FILTERS_IN_CORP: [&str; 2] = [
    "PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in corp-trail",
    "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in corp-trail",
];

fn basic(change: impl FnOnce(&mut BasicSelector)) -> Selectors {
    let mut selector = all_management_events();
    change(&mut selector);
    Selectors::Basic(vec![selector])
}

fn field(name: &str, equals: &[&str], not_equals: &[&str]) -> FieldSelector {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    FieldSelector { field: name.to_owned(), equals: owned(equals), not_equals: owned(not_equals), ..FieldSelector::default() }
}

fn advanced(selectors: &[&[FieldSelector]]) -> Selectors {
    Selectors::Advanced(selectors.iter().map(|fields| AdvancedSelector { name: None, fields: fields.to_vec() }).collect())
}

fn objects() -> (String, Vec<String>) {
    ("AWS::S3::Object".to_owned(), vec!["arn:aws:s3:::corp-data/".to_owned()])
}

/// Puts somebody else's trail and the log group that it feeds beside ours.
fn add(stage: &mut Stage, trail: Trail) {
    let group = LogGroup {
        name: "corp-trail".to_owned(),
        retention_days: None,
        is_ours: false,
        filters: Known::Is(Vec::new()),
        ..our_group(&stage.desired)
    };
    stage.world.log_groups.insert(group.name.clone(), Known::Is(group));
    stage.trails().push(trail);
}

/// Puts somebody else's trail and the log group that it feeds in the place of ours.
pub(crate) fn replace(stage: &mut Stage, trail: Trail) {
    stage.trails().clear();
    add(stage, trail);
}

fn stopped(trail: Trail) -> Trail {
    Trail { is_logging: Known::Is(false), ..trail }
}

/// A trail of the organization, fed elsewhere.
fn of_the_organization() -> Trail {
    Trail {
        arn: "arn:aws:cloudtrail:us-east-1:999988887777:trail/organization".to_owned(),
        name: "organization".to_owned(),
        home_region: Region::parse("us-east-1").unwrap(),
        is_organization: true,
        log_group_arn: Some("arn:aws:logs:us-east-1:999988887777:log-group:organization:*".to_owned()),
        ..their_trail()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = whole();
    cases.extend(settings());
    cases.extend(selectors());
    cases.extend(log_groups());
    cases.extend(of_others());
    cases
}

fn whole() -> Vec<Case> {
    vec![
        Case::of(
            "nothing was ever set up",
            |stage| *stage = bare(),
            &[
                "CreateLogGroup /reprieve/cloudtrail",
                "CreateTrail reprieve to corp-trail-archive feeding /reprieve/cloudtrail",
                "StartLogging reprieve",
                "PutRetentionPolicy /reprieve/cloudtrail 365",
                "CreateTopic reprieve",
                "SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly",
                "Subscribe reprieve email=on-call@example.com",
                "PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail",
                "PutMetricAlarm Reprieve-CIS-5-CloudTrailChanged on ReprieveMonitoring/Reprieve-CIS-5-CloudTrailChanged telling reprieve",
                "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in /reprieve/cloudtrail",
                "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled on ReprieveMonitoring/Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled telling reprieve",
                "PutRule reprieve-key-api-calls",
                "PutTargets reprieve-key-api-calls to reprieve-Queue",
                "PutRule reprieve-region-opt-out",
                "PutTargets reprieve-region-opt-out to reprieve-Queue",
                "PutRule reprieve-rule-drift",
                "PutTargets reprieve-rule-drift to reprieve-DriftQueue",
            ],
            &[("topic `arn:aws:sns:eu-central-1:111122223333:reprieve`", "nobody is subscribed")],
        ),
        Case::of(
            "the trail was deleted",
            |stage| stage.trails().clear(),
            &["CreateTrail reprieve to corp-trail-archive feeding /reprieve/cloudtrail", "StartLogging reprieve"],
            &[],
        ),
        Case::of(
            "trail and log group were deleted",
            |stage| {
                stage.trails().clear();
                stage.world.log_groups.insert(GROUP.to_owned(), Known::Absent);
            },
            &[
                "CreateLogGroup /reprieve/cloudtrail",
                "CreateTrail reprieve to corp-trail-archive feeding /reprieve/cloudtrail",
                "StartLogging reprieve",
                "PutRetentionPolicy /reprieve/cloudtrail 365",
                "PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail",
                "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in /reprieve/cloudtrail",
            ],
            &[],
        ),
        Case::of(
            "there is no trail, and no bucket that one could write to",
            |stage| {
                stage.trails().clear();
                stage.world.log_groups.insert(GROUP.to_owned(), Known::Absent);
                stage.desired.trail.bucket = None;
            },
            &[],
            &[("trail `reprieve`", "no bucket is configured")],
        ),
        Case::of(
            "there is no trail, and no role by which one could feed a log group",
            |stage| {
                stage.trails().clear();
                stage.world.log_groups.insert(GROUP.to_owned(), Known::Absent);
                stage.desired.trail.log_role_arn = None;
            },
            &[],
            &[("trail `reprieve`", "no role is configured")],
        ),
        Case::of(
            "a log group stands that no trail feeds, and none can be made",
            |stage| {
                stage.trails().clear();
                stage.desired.trail.bucket = None;
                stage.filters().clear();
            },
            &[],
            &[("trail `reprieve`", "no bucket is configured")],
        ),
        Case::of(
            "the trails cannot be read",
            |stage| {
                stage.world.trails = unreadable();
                stage.filters().clear();
            },
            &[],
            &[("trail `(all)`", "cannot be read (AccessDenied)")],
        ),
    ]
}

fn settings() -> Vec<Case> {
    vec![
        Case::of("the trail was stopped", |stage| stage.trail().is_logging = Known::Is(false), &["StartLogging reprieve"], &[]),
        Case::of(
            "the trail records one Region",
            |stage| stage.trail().is_multi_region = false,
            &["UpdateTrail reprieve multi-region"],
            &[],
        ),
        Case::of(
            "the trail leaves out global services",
            |stage| stage.trail().includes_global_services = false,
            &["UpdateTrail reprieve global"],
            &[],
        ),
        Case::of(
            "the trail writes no digests",
            |stage| stage.trail().validates_log_files = false,
            &["UpdateTrail reprieve validation"],
            &[],
        ),
        Case::of(
            "the trail was stopped and narrowed at once",
            |stage| {
                let trail = stage.trail();
                (trail.is_multi_region, trail.validates_log_files, trail.is_logging) = (false, false, Known::Is(false));
            },
            &["UpdateTrail reprieve multi-region validation", "StartLogging reprieve"],
            &[],
        ),
        Case::of(
            "the trail feeds no log group any more",
            |stage| stage.trail().log_group_arn = None,
            &["UpdateTrail reprieve feeding /reprieve/cloudtrail"],
            &[],
        ),
        Case::of(
            "the trail feeds no log group, and no role is configured",
            |stage| {
                stage.trail().log_group_arn = None;
                stage.desired.trail.log_role_arn = None;
            },
            &[],
            &[("trail `reprieve`", "no role is configured")],
        ),
        Case::of(
            "the trail feeds a log group of another account",
            |stage| stage.trail().log_group_arn = Some("arn:aws:logs:eu-central-1:999988887777:log-group:away:*".to_owned()),
            &["UpdateTrail reprieve feeding /reprieve/cloudtrail"],
            &[],
        ),
        Case::of(
            "CloudWatch Logs refuses the trail",
            |stage| stage.trail().delivery_error = Some("AccessDenied".to_owned()),
            &[],
            &[("trail `reprieve`", "deliver to the log group `/reprieve/cloudtrail`")],
        ),
        Case::of(
            "whether the trail records cannot be read",
            |stage| stage.trail().is_logging = unreadable(),
            &[],
            &[("trail `reprieve`", "its status cannot be read")],
        ),
        Case::of(
            "what the trail records cannot be read",
            |stage| stage.trail().selectors = unreadable(),
            &[],
            &[("trail `reprieve`", "its event selectors cannot be read")],
        ),
        Case::of(
            "the stopped trail has its home in another Region",
            |stage| {
                stage.trail().home_region = Region::parse("us-east-1").unwrap();
                stage.trail().is_logging = Known::Is(false);
            },
            &[],
            &[("trail `reprieve`", "can be changed only in us-east-1")],
        ),
    ]
}

fn selectors() -> Vec<Case> {
    vec![
        Case::of(
            "KMS is left out of the trail",
            |stage| stage.select(basic(|selector| selector.excluded_sources = vec!["kms.amazonaws.com".to_owned()])),
            &["PutEventSelectors reprieve management:All"],
            &[],
        ),
        Case::of(
            "the data API of RDS is left out of the trail, which no control watches",
            |stage| stage.select(basic(|selector| selector.excluded_sources = vec!["rdsdata.amazonaws.com".to_owned()])),
            &[],
            &[],
        ),
        Case::of(
            "KMS and the data API of RDS are left out of the trail",
            |stage| {
                let left_out = ["kms.amazonaws.com", "rdsdata.amazonaws.com"].map(str::to_owned);
                stage.select(basic(|selector| selector.excluded_sources = left_out.into()));
            },
            &["PutEventSelectors reprieve management:All without rdsdata.amazonaws.com"],
            &[],
        ),
        Case::of(
            "the trail records reading calls only",
            |stage| stage.select(basic(|selector| "ReadOnly".clone_into(&mut selector.read_write_type))),
            &["PutEventSelectors reprieve management:All"],
            &[],
        ),
        Case::of(
            "the trail records writing calls only",
            |stage| stage.select(basic(|selector| "WriteOnly".clone_into(&mut selector.read_write_type))),
            &["PutEventSelectors reprieve management:All"],
            &[],
        ),
        Case::of(
            "the trail records reads and writes by two selectors",
            |stage| {
                let half = |kind: &str| BasicSelector { read_write_type: kind.to_owned(), ..all_management_events() };
                stage.select(Selectors::Basic(vec![half("ReadOnly"), half("WriteOnly")]));
            },
            &[],
            &[],
        ),
        Case::of(
            "the trail records no management events, and its data events are kept",
            |stage| {
                stage.select(basic(|selector| {
                    selector.includes_management_events = false;
                    "WriteOnly".clone_into(&mut selector.read_write_type);
                    selector.data_resources = vec![objects()];
                }));
            },
            &["PutEventSelectors reprieve management:All, data:WriteOnly:AWS::S3::Object"],
            &[],
        ),
        Case::of(
            "the trail has no selectors at all",
            |stage| stage.select(Selectors::Basic(Vec::new())),
            &["PutEventSelectors reprieve management:All"],
            &[],
        ),
        Case::of(
            "an advanced selector leaves KMS out",
            |stage| {
                let all_but_kms = [field("eventCategory", &["Management"], &[]), field("eventSource", &[], &["kms.amazonaws.com"])];
                stage.select(advanced(&[&all_but_kms]));
            },
            &["PutEventSelectors reprieve eventCategory=Management"],
            &[],
        ),
        Case::of(
            "an advanced selector records writing calls only",
            |stage| {
                let writes = [field("eventCategory", &["Management"], &[]), field("readOnly", &["false"], &[])];
                stage.select(advanced(&[&writes]));
            },
            &["PutEventSelectors reprieve eventCategory=Management"],
            &[],
        ),
        Case::of(
            "an advanced selector records all management events",
            |stage| stage.select(advanced(&[&[field("eventCategory", &["Management"], &[])]])),
            &[],
            &[],
        ),
        Case::of(
            "advanced selectors record data events only, which are kept",
            |stage| {
                let data = [field("eventCategory", &["Data"], &[]), field("resources.type", &["AWS::S3::Object"], &[])];
                stage.select(advanced(&[&data]));
            },
            &["PutEventSelectors reprieve eventCategory=Management, eventCategory=Data and resources.type=AWS::S3::Object"],
            &[],
        ),
    ]
}

fn log_groups() -> Vec<Case> {
    vec![
        Case::of(
            "the log group was deleted under the trail",
            |stage| {
                stage.world.log_groups.insert(GROUP.to_owned(), Known::Absent);
            },
            &[
                "CreateLogGroup /reprieve/cloudtrail",
                "PutRetentionPolicy /reprieve/cloudtrail 365",
                "PutMetricFilter Reprieve-CIS-5-CloudTrailChanged in /reprieve/cloudtrail",
                "PutMetricFilter Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled in /reprieve/cloudtrail",
            ],
            &[],
        ),
        Case::of(
            "the log group is of a class that takes no metric filters",
            |stage| {
                stage.group().class = LogGroupClass::WithoutMetricFilters;
                stage.filters().clear();
            },
            &[],
            &[("trail `reprieve`", "whose class takes no metric filters")],
        ),
        Case::of(
            "the log group cannot be read",
            |stage| {
                stage.world.log_groups.insert(GROUP.to_owned(), unreadable());
            },
            &[],
            &[
                ("trail `reprieve`", "feeds the log group `/reprieve/cloudtrail`, which cannot be read"),
                ("log group `/reprieve/cloudtrail`", "cannot be read"),
            ],
        ),
        Case::of(
            "the metric filters cannot be read",
            |stage| stage.group().filters = unreadable(),
            &[],
            &[("log group `/reprieve/cloudtrail`", "cannot be read (AccessDenied)")],
        ),
    ]
}

fn of_others() -> Vec<Case> {
    vec![
        Case::of(
            "somebody else's trail satisfies and is adopted, with the log group that it feeds",
            |stage| replace(stage, their_trail()),
            &ALL_FILTERS_IN_CORP,
            &[],
        ),
        Case::of(
            "somebody else's trail satisfies, with a feed that its ARN names without a star",
            |stage| {
                let log_group_arn = Some("arn:aws:logs:eu-central-1:111122223333:log-group:corp-trail".to_owned());
                replace(stage, Trail { log_group_arn, ..their_trail() });
            },
            &ALL_FILTERS_IN_CORP,
            &[],
        ),
        Case::of(
            "somebody else's trail writes to a bucket of theirs, by a key of another account, which refuses its files, and is adopted",
            |stage| {
                let file_delivery_error = Some("AccessDenied".to_owned());
                let key_arn = Some("arn:aws:kms:eu-central-1:999988887777:key/theirs".to_owned());
                replace(stage, Trail { bucket: "theirs".to_owned(), key_arn, file_delivery_error, ..their_trail() });
            },
            &ALL_FILTERS_IN_CORP,
            &[],
        ),
        Case::of(
            "somebody else's trail is named in the configuration, and mended",
            |stage| {
                replace(stage, stopped(their_trail()));
                "corp".clone_into(&mut stage.desired.trail.name);
            },
            &["StartLogging corp", ALL_FILTERS_IN_CORP[0], ALL_FILTERS_IN_CORP[1]],
            &[],
        ),
        Case::of(
            "somebody else's stopped trail is left alone, and one of ours is made",
            |stage| replace(stage, stopped(their_trail())),
            &["CreateTrail reprieve to corp-trail-archive feeding /reprieve/cloudtrail", "StartLogging reprieve"],
            &[("trail `corp`", "is not relied on: it does not record")],
        ),
        Case::of(
            "somebody else's stopped trail stands beside ours, which serves",
            |stage| add(stage, stopped(their_trail())),
            &[],
            &[("trail `corp`", "is not relied on: it does not record")],
        ),
        Case::of(
            "ours is stopped, and somebody else's trail stands beside it, broken too",
            |stage| {
                stage.trail().is_logging = Known::Is(false);
                add(stage, stopped(their_trail()));
            },
            &["StartLogging reprieve"],
            &[("trail `corp`", "is not relied on")],
        ),
        Case::of(
            "the organization's trail feeds a log group elsewhere",
            |stage| {
                stage.trails().clear();
                stage.trails().push(of_the_organization());
            },
            &["CreateTrail reprieve to corp-trail-archive feeding /reprieve/cloudtrail", "StartLogging reprieve"],
            &[("trail `organization`", "feeds a log group of another account or Region")],
        ),
        Case::of(
            "our trail lost its tag, and is still named in the configuration",
            |stage| {
                stage.trail().is_ours = false;
                stage.trail().is_logging = Known::Is(false);
            },
            &["StartLogging reprieve"],
            &[],
        ),
        Case::of(
            "our trail is called something else now, and still bears our tag",
            |stage| {
                "elsewhere".clone_into(&mut stage.desired.trail.name);
                stage.trail().validates_log_files = false;
            },
            &["UpdateTrail reprieve validation"],
            &[],
        ),
    ]
}

/// Says whether a trail is one that the planner may change: ours, named in the configuration, or home to our filters.
pub(crate) fn is_in_care(stage: &Stage, arn: &str) -> bool {
    arn == TRAIL || arn.ends_with(&format!(":trail/{}", stage.desired.trail.name))
}
