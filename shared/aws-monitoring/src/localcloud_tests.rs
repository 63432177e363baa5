//! The adapters over real HTTP, against a local cloud: that what is applied is what is observed, and that applying again changes nothing.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudtrail::config::BehaviorVersion;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_types::SdkConfig;
use aws_types::region::Region as SdkRegion;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::{Alarm, MetricFilter, Number, Place, TopicKey, World};
use reprieve_core::monitoring::{Baseline, Change, Desired, PatternMode, RuleWish, Subscriber, TopicWish, TrailWish};
use reprieve_core::{AccountId, Region};
use reprieve_engine::MonitoringControl as _;
use reprieve_localcloud::{LocalCloud, Options};

use crate::AwsMonitoringControl;

const GROUP: &str = "/reprieve/cloudtrail";
const NAME: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";
const RULE: &str = "reprieve-key-api-calls";
const PATTERN: &str = "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }";

pub(crate) fn place(cloud: &LocalCloud) -> Place {
    let region = Region::parse("eu-central-1").unwrap();
    Place { partition: region.partition(), account: AccountId::parse(cloud.account()).unwrap(), region }
}

pub(crate) fn config(cloud: &LocalCloud) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .endpoint_url(cloud.endpoint_url())
        .http_client(reprieve_aws::desk_http_client().unwrap())
        .build()
}

fn desired(place: Place) -> Desired {
    let queue = place.arn("sqs", "guard");
    Desired {
        baseline: Baseline { mode: PatternMode::ByMatching, controls: Vec::new() },
        trail: TrailWish {
            name: "reprieve".to_owned(),
            bucket: Some("trails".to_owned()),
            prefix: None,
            key_arn: None,
            log_role_arn: None,
        },
        log_group: GROUP.to_owned(),
        retention_days: 365,
        topic: TopicWish { arn: place.arn("sns", "notices"), subscribers: Vec::new() },
        namespace: "ReprieveMonitoring".to_owned(),
        rules: vec![RuleWish {
            name: RULE.to_owned(),
            pattern: r#"{"source":["aws.kms"]}"#.to_owned(),
            target_arn: queue.clone(),
            dead_letter_arn: queue,
        }],
        place,
    }
}

fn changes(desired: &Desired) -> Vec<Change> {
    let place = &desired.place;
    let topic = desired.topic.arn.clone();
    let trail = place.arn("cloudtrail", "trail/reprieve");
    let metric = |name: &str| MetricFilter {
        name: name.to_owned(),
        pattern: PATTERN.to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: name.to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    };
    let rule = &desired.rules[0];
    vec![
        Change::CreateLogGroup { log_group: GROUP.to_owned() },
        Change::PutRetentionPolicy { log_group: GROUP.to_owned(), days: 365, was_days: None },
        Change::CreateTrail {
            name: "reprieve".to_owned(),
            bucket: "trails".to_owned(),
            prefix: Some("corp".to_owned()),
            key_arn: Some(key(&desired.place, "first")),
            log_group_arn: format!("{}:*", place.arn("logs", &format!("log-group:{GROUP}"))),
            log_role_arn: format!("arn:aws:iam::{}:role/trail", place.account),
        },
        Change::StartLogging { trail },
        Change::CreateTopic { topic: topic.clone() },
        Change::Subscribe {
            topic: topic.clone(),
            subscriber: Subscriber { protocol: "email".to_owned(), endpoint: "security@example.com".to_owned() },
        },
        Change::PutMetricFilter { log_group: GROUP.to_owned(), filter: metric(NAME), was: None },
        Change::PutMetricAlarm { alarm: Box::new(alarm(topic)), was: None },
        Change::PutRule { rule: RULE.to_owned(), pattern: rule.pattern.clone(), was: None },
        Change::PutTargets { rule: RULE.to_owned(), target_arn: rule.target_arn.clone(), dead_letter_arn: rule.dead_letter_arn.clone() },
        Change::EnableRule { rule: RULE.to_owned() },
    ]
}

fn key(place: &Place, id: &str) -> String {
    place.arn("kms", &format!("key/{id}"))
}

/// Lets the trail write under a prefix and encrypt with a key.
fn files_again(place: &Place, prefix: &str, key_arn: &str) -> Change {
    Change::UpdateTrail {
        trail: place.arn("cloudtrail", "trail/reprieve"),
        multi_region: false,
        global_services: false,
        log_file_validation: false,
        feeds: None,
        bucket: None,
        prefix: Some(prefix.to_owned()),
        key_arn: Some(key_arn.to_owned()),
    }
}

fn alarm(topic: String) -> Alarm {
    Alarm {
        name: NAME.to_owned(),
        description: "Somebody disabled a key or scheduled its deletion.".to_owned(),
        namespace: "ReprieveMonitoring".to_owned(),
        metric: NAME.to_owned(),
        dimensions: BTreeMap::new(),
        statistic: "Sum".to_owned(),
        period_seconds: 300,
        unit: None,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        threshold: Number::of(1.0),
        comparison: "GreaterThanOrEqualToThreshold".to_owned(),
        missing_data: "notBreaching".to_owned(),
        actions_enabled: true,
        alarm_actions: vec![topic],
        is_ours: true,
    }
}

/// Makes what a trail needs and the monitoring does not make: a bucket that takes its files, and a role that may write to the log group.
pub(crate) async fn prepare(config: &SdkConfig) {
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build());
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
    s3.create_bucket().bucket("trails").create_bucket_configuration(place).send().await.unwrap();
    let cloudtrail = |action: &str, resource: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"Service":"cloudtrail.amazonaws.com"}},"Action":"{action}"{}}}"#,
            if resource.is_empty() { String::new() } else { format!(r#","Resource":"{resource}""#) }
        )
    };
    let document = |statements: &[String]| format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let takes = [cloudtrail("s3:GetBucketAcl", "arn:aws:s3:::trails"), cloudtrail("s3:PutObject", "arn:aws:s3:::trails/*")];
    s3.put_bucket_policy().bucket("trails").policy(document(&takes)).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(config);
    let trusts = document(&[cloudtrail("sts:AssumeRole", "")]);
    iam.create_role().role_name("trail").assume_role_policy_document(trusts).send().await.unwrap();
    let writes = r#"{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}"#.to_owned();
    iam.put_role_policy().role_name("trail").policy_name("write").policy_document(document(&[writes])).send().await.unwrap();
}

async fn apply_all(control: &AwsMonitoringControl, changes: &[Change]) {
    for change in changes {
        assert_eq!(control.apply(change).await, Ok(()), "{change}");
    }
}

#[tokio::test]
async fn what_is_applied_is_observed_and_applying_it_again_changes_nothing() {
    let cloud = LocalCloud::start(Options::default()).await.unwrap();
    prepare(&config(&cloud)).await;
    let desired = desired(place(&cloud));
    let control = AwsMonitoringControl::new(&config(&cloud), desired.place.clone());

    let bare = control.observe(&desired).await;
    assert_eq!(bare.trails, Known::Is(Vec::new()));
    assert_eq!(bare.log_groups.get(GROUP), Some(&Known::Absent));
    assert_eq!(bare.topics.get(&desired.topic.arn), Some(&Known::Absent));
    assert_eq!(bare.rules.get(RULE), Some(&Known::Absent));

    let changes = changes(&desired);
    apply_all(&control, &changes).await;
    let whole = control.observe(&desired).await;
    assert_is_whole(&whole, &desired);

    apply_all(&control, &changes).await;
    assert_eq!(control.observe(&desired).await, whole);

    for (prefix, key_arn) in [("", key(&desired.place, "second")), ("corp", key(&desired.place, "first"))] {
        assert_eq!(control.apply(&files_again(&desired.place, prefix, &key_arn)).await, Ok(()));
        let observed = control.observe(&desired).await;
        let [trail] = observed.trails.value().unwrap().as_slice() else { panic!("{:?}", observed.trails) };
        assert_eq!((trail.prefix.as_deref().unwrap_or_default(), trail.key_arn.as_ref()), (prefix, Some(&key_arn)));
    }
    assert_eq!(control.observe(&desired).await, whole, "nothing else of the trail was changed");

    cloud.confirm_subscription(&desired.topic.arn, "security@example.com").await.unwrap();
    let confirmed = control.observe(&desired).await;
    let topic = confirmed.topics.get(&desired.topic.arn).and_then(Known::value).unwrap();
    assert!(topic.subscriptions.value().unwrap().iter().all(|subscription| subscription.arn.is_some()), "{topic:?}");
}

fn assert_is_whole(world: &World, desired: &Desired) {
    let [trail] = world.trails.value().unwrap().as_slice() else { panic!("{:?}", world.trails) };
    assert!(trail.is_multi_region && trail.includes_global_services && trail.validates_log_files && trail.is_ours, "{trail:?}");
    assert_eq!((&trail.is_logging, trail.prefix.as_deref()), (&Known::Is(true), Some("corp")));
    assert_eq!(trail.key_arn.as_ref(), Some(&key(&desired.place, "first")));
    let group = world.log_groups.get(GROUP).and_then(Known::value).unwrap();
    assert_eq!((group.retention_days, group.is_ours), (Some(365), true));
    let [filter] = group.filters.value().unwrap().as_slice() else { panic!("{group:?}") };
    assert_eq!((filter.name.as_str(), filter.pattern.as_str()), (NAME, PATTERN));
    let alarms = world.alarms.value().unwrap();
    assert_eq!(alarms.as_slice(), [alarm(desired.topic.arn.clone())]);
    let topic = world.topics.get(&desired.topic.arn).and_then(Known::value).unwrap();
    let [subscription] = topic.subscriptions.value().unwrap().as_slice() else { panic!("{topic:?}") };
    assert_eq!((subscription.endpoint.as_str(), subscription.arn.as_ref(), &topic.key), ("security@example.com", None, &TopicKey::None));
    assert!(topic.is_ours);
    let rule = world.rules.get(RULE).and_then(Known::value).unwrap();
    assert!(rule.is_enabled);
    assert_eq!(rule.targets, Known::Is(vec![desired.rules[0].target_arn.clone()]));
}

#[tokio::test]
async fn the_services_own_evaluation_is_asked_for() {
    let cloud = LocalCloud::start(Options::default()).await.unwrap();
    let control = AwsMonitoringControl::new(&config(&cloud), place(&cloud));
    let event = |name: &str| format!(r#"{{"eventSource":"kms.amazonaws.com","eventName":"{name}"}}"#);
    let messages = ["DisableKey", "EnableKey", "ScheduleKeyDeletion"].map(event);
    assert_eq!(control.test_metric_filter(PATTERN, &messages).await, Ok(vec![true, false, true]));
}
