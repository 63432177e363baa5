//! The adapters over real HTTP, against a local cloud: that DynamoDB's conditions, S3's create-only writes and Object Lock mean what
//! the adapters take them to mean. Each test has tables and buckets of its own, on one cloud for the process.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use aws_sdk_kms::types::Tag;
use aws_sdk_s3::types::ObjectLockRetentionMode;
use jiff::{Timestamp, ToSpan as _};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::Rotation;
use reprieve_core::lesson::Lesson;
use reprieve_core::notice::Notice;
use reprieve_core::{Actor, CalendarState, Case, EventId, KeyArn, KeyState, Plan, Region, Serving, Status, Step, Threat};
use reprieve_engine::{
    AuditSink as _, CallError, Circumstances as _, Claim, Intent, KeyControl as _, Ledger as _, NoticeSink as _, PastCall,
    PolicySource as _,
};

use reprieve_localcloud::{Calendar, LocalCloud, Options};
use tokio::sync::OnceCell;

use crate::{AwsPorts, AwsSettings, Clients, Quotas, connect};
use reprieve_test_support::record;

/// The local cloud that the tests of this process share.
static CLOUD: OnceCell<LocalCloud> = OnceCell::const_new();

async fn shared_cloud() -> &'static LocalCloud {
    CLOUD.get_or_init(async || LocalCloud::start(Options::default()).await.unwrap()).await
}

/// Settings with names of their own, so that tests do not meet.
async fn settings() -> AwsSettings {
    let cloud = shared_cloud().await;
    let name = format!("reprieve-{}", Timestamp::now().as_nanosecond());
    AwsSettings {
        region: Region::parse("eu-central-1").unwrap(),
        credentials: Credentials::new("test", "test", None, None, "test"),
        endpoint_url: Some(cloud.endpoint_url().to_owned()),
        ledger_table: name.clone(),
        audit_bucket: name,
        retention_days: 1,
        topic_arn: String::new(),
        lease: Duration::from_mins(3),
        quotas: Quotas::default(),
        policy_parameter: None,
        policy_files: Ok(Vec::new()),
        webhook_parameter: None,
        change_calendars: Vec::new(),
    }
}

async fn cloud() -> (AwsSettings, Clients) {
    let settings = settings().await;
    let clients = connect(&settings).unwrap();
    assert_eq!(clients.warm(&settings).await, 6);
    (settings, clients)
}

async fn with_table() -> AwsPorts {
    let (settings, clients) = cloud().await;
    let attribute = |name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap();
    let schema = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = GlobalSecondaryIndex::builder()
        .index_name("open-cases")
        .key_schema(schema("open_shard", KeyType::Hash))
        .key_schema(schema("deadline", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    let create = clients.dynamodb.create_table().table_name(&settings.ledger_table).billing_mode(BillingMode::PayPerRequest);
    let create =
        ["pk", "sk", "open_shard", "deadline"].into_iter().fold(create, |create, name| create.attribute_definitions(attribute(name)));
    let create = create.key_schema(schema("pk", KeyType::Hash)).key_schema(schema("sk", KeyType::Range));
    create.global_secondary_indexes(index).send().await.unwrap();
    clients.ports(&settings)
}

fn key(id: u8) -> KeyArn {
    KeyArn::parse(&format!("arn:aws:kms:eu-central-1:111122223333:key/{id}")).unwrap()
}

fn event(id: &str) -> EventId {
    EventId::parse(id).unwrap()
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00.5Z".parse().unwrap()
}

fn intent(at: Timestamp) -> Intent {
    Intent { event_id: event("event-1"), key: Some(key(1)), considering: Plan::new(vec![Step::EnableKey { key: key(1) }]), at }
}

fn case(id: &str, deadline: Option<Timestamp>) -> Case {
    Case {
        event_id: event(id),
        threat: Threat::DeletionScheduled,
        event_time: Some(start()),
        actor: Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() },
        opened_at: start(),
        deadline,
        cancelled_at: None,
        stands: false,
    }
}

#[tokio::test]
async fn a_claim_is_granted_once_and_again_after_its_lease_or_an_open_end() {
    let ledger = with_table().await.ledger;
    let claim = async |at| ledger.claim(&intent(at)).await.unwrap();
    let now = start();
    assert_eq!(claim(now).await, Claim::Granted { attempt: 1 });
    assert_eq!(claim(now).await, Claim::Held);
    assert_eq!(claim(now + 180.seconds()).await, Claim::Held, "the lease lasts to its last moment");
    assert_eq!(claim(now + 181.seconds()).await, Claim::Granted { attempt: 2 });
    ledger.finish(&event("event-1"), Status::Partial, false, now + 182.seconds()).await.unwrap();
    assert_eq!(claim(now + 183.seconds()).await, Claim::Granted { attempt: 3 });
    ledger.finish(&event("event-1"), Status::Success, true, now + 184.seconds()).await.unwrap();
    assert_eq!(claim(now + 1000.seconds()).await, Claim::Settled);
    ledger.finish(&event("event-1"), Status::Failure, false, now + 1001.seconds()).await.unwrap();
    assert_eq!(claim(now + 2000.seconds()).await, Claim::Settled, "a late open end unsettles nothing");
}

#[tokio::test]
async fn of_many_claims_at_once_one_is_granted() {
    let ledger = with_table().await.ledger;
    let claims = futures_util::future::join_all((0..8).map(|_| async { ledger.claim(&intent(start())).await.unwrap() })).await;
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::Granted { attempt: 1 }).count(), 1, "{claims:?}");
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::Held).count(), 7, "{claims:?}");
}

#[tokio::test]
async fn an_older_lesson_never_replaces_a_newer_one() {
    let ledger = with_table().await.ledger;
    let learn = async |serving, as_of, rotation| ledger.learn(&key(1), Lesson::new(serving, as_of, as_of), rotation).await.unwrap();
    let rotation = Some(Rotation { enabled: true, period_days: Some(180) });
    learn(Serving::Enabled, start(), rotation).await;
    learn(Serving::Disabled, start() - 1.nanosecond(), None).await;
    let inventory = async || ledger.recall(&key(1)).await.unwrap().inventory.unwrap();
    let known = inventory().await;
    assert_eq!((known.serving, known.as_of, known.rotation), (Serving::Enabled, start(), rotation));
    learn(Serving::Disabled, start() + 1.nanosecond(), None).await;
    let known = inventory().await;
    assert_eq!((known.serving, known.rotation), (Serving::Disabled, rotation), "a lesson without a rotation leaves the known one");
    learn(Serving::Disabled, start() + 1.second(), Some(Rotation { enabled: false, period_days: None })).await;
    assert_eq!(inventory().await.rotation, Some(Rotation { enabled: false, period_days: None }));
    // What is dated further ahead than clocks differ gives way to what is learned now.
    let ahead = start() + 48.hours();
    learn(Serving::Disabled, ahead, None).await;
    learn(Serving::Enabled, start() + 2.seconds(), None).await;
    assert_eq!((inventory().await.serving, inventory().await.as_of), (Serving::Enabled, start() + 2.seconds()));
}

#[tokio::test]
async fn a_case_keeps_its_deadline_and_cancellation_until_another_event() {
    let ledger = with_table().await.ledger;
    let held = async || ledger.recall(&key(1)).await.unwrap().case;
    let first = case("event-1", Some(start() + 168.hours()));
    ledger.open_case(&key(1), &first).await.unwrap();
    assert_eq!(held().await, Some(first.clone()));

    let cancelled = Case { cancelled_at: Some(start() + 1.second()), deadline: None, ..first.clone() };
    ledger.open_case(&key(1), &cancelled).await.unwrap();
    let later = Case { deadline: Some(start() + 720.hours()), opened_at: start() + 5.seconds(), ..first.clone() };
    ledger.open_case(&key(1), &later).await.unwrap();
    assert_eq!(held().await, Some(Case { cancelled_at: cancelled.cancelled_at, ..first.clone() }));
    let earlier = Case { deadline: Some(start() + 24.hours()), cancelled_at: Some(start() + 2.seconds()), ..first.clone() };
    ledger.open_case(&key(1), &earlier).await.unwrap();
    assert_eq!(held().await, Some(earlier));

    let other = case("event-2", None);
    ledger.open_case(&key(1), &other).await.unwrap();
    assert_eq!(held().await, Some(other.clone()), "another event begins anew");
    ledger.close_case(&key(1)).await.unwrap();
    ledger.close_case(&key(1)).await.unwrap();
    ledger.close_case(&key(9)).await.unwrap();
    assert_eq!(held().await, None);
    assert_eq!(ledger.recall(&key(9)).await.unwrap(), reprieve_core::Recollection::default());
    let after = Case { cancelled_at: Some(start()), ..other };
    ledger.open_case(&key(1), &after).await.unwrap();
    assert_eq!(held().await, Some(after), "after a closed case, even of the same event, one begins anew");
}

#[tokio::test]
async fn open_cases_come_earliest_deadline_first() {
    let ledger = with_table().await.ledger;
    for (id, deadline) in [(1, None), (2, Some(start() + 720.hours())), (3, Some(start() + 168.hours())), (4, Some(start()))] {
        ledger.open_case(&key(id), &case("event-1", deadline)).await.unwrap();
    }
    ledger.close_case(&key(4)).await.unwrap();
    let order: Vec<_> = ledger.open_cases().await.unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(order, [key(3), key(2), key(1)]);
}

#[tokio::test]
async fn each_approver_has_one_approval_for_each_change_and_action() {
    let ledger = with_table().await.ledger;
    let approval = |change: &str, action: &str, approver: &str, seal: &str| SealedApproval {
        change: change.to_owned(),
        action: action.to_owned(),
        window: "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z".to_owned(),
        approver: approver.to_owned(),
        seal: seal.to_owned(),
    };
    ledger.approve(&key(1), &approval("CHG-1", "delete", "alice", "v1.k.older")).await.unwrap();
    let approvals = [
        approval("CHG-1", "delete", "alice", "v1.k.newer"),
        approval("CHG-1", "delete", "bob", "v1.k.sig"),
        approval("CHG-1", "disable", "alice", "v1.k.sig"),
        approval("CHG-2", "delete", "alice", "v1.k.sig"),
    ];
    for approval in &approvals {
        ledger.approve(&key(1), approval).await.unwrap();
    }
    assert_eq!(ledger.recall(&key(1)).await.unwrap().approvals, approvals);
}

#[tokio::test]
async fn the_first_word_of_a_revocation_stays() {
    let ledger = with_table().await.ledger;
    let revocation = |by: &str| Revocation { change: "CHG-1".to_owned(), by: by.to_owned(), at: start(), reason: None };
    ledger.revoke(&key(1), &revocation("bob")).await.unwrap();
    ledger.revoke(&key(1), &revocation("mallory")).await.unwrap();
    assert_eq!(ledger.recall(&key(1)).await.unwrap().revocations, [revocation("bob")]);
    assert_eq!(ledger.recall(&key(2)).await.unwrap().revocations, []);
}

#[tokio::test]
async fn a_record_is_written_once_and_locked() {
    let (settings, clients) = cloud().await;
    let bucket = &settings.audit_bucket;
    let location = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-central-1".into()).build();
    let create = clients.s3.create_bucket().bucket(bucket).object_lock_enabled_for_bucket(true).create_bucket_configuration(location);
    create.send().await.unwrap();
    let audit = clients.ports(&settings).audit;
    let first = reprieve_core::Record { recorded_at: Timestamp::now(), ..record() };
    audit.append(&first).await.unwrap();
    let again = reprieve_core::Record { recorded_at: Timestamp::now() + 1.minute(), ..record() };
    audit.append(&again).await.unwrap();

    let versions = clients.s3.list_object_versions().bucket(bucket).send().await.unwrap();
    let [version] = versions.versions() else { panic!("one version, not {versions:?}") };
    let name = version.key().unwrap();
    assert_eq!(name, "audit/decisions/year=2026/month=01/day=02/hour=03/account=111122223333/region=eu-central-1/event-1.outcome.1.json");
    let object = clients.s3.get_object().bucket(bucket).key(name).send().await.unwrap();
    assert_eq!(object.object_lock_mode().map(aws_sdk_s3::types::ObjectLockMode::as_str), Some("COMPLIANCE"));
    let body = object.body.collect().await.unwrap().to_vec();
    assert_eq!(String::from_utf8(body).unwrap(), reprieve_wire::ocsf::record_json(&first).to_string());

    let retention = clients.s3.get_object_retention().bucket(bucket).key(name).send().await.unwrap();
    let retention = retention.retention().unwrap();
    assert_eq!(retention.mode(), Some(&ObjectLockRetentionMode::Compliance));
    assert_eq!(retention.retain_until_date().unwrap().secs(), first.recorded_at.as_second() + 86_400);
    let delete = clients.s3.delete_object().bucket(bucket).key(name).version_id(version.version_id().unwrap());
    delete.send().await.unwrap_err();
}

#[tokio::test]
async fn a_key_is_seen_and_given_back() {
    let (settings, clients) = cloud().await;
    let keys = clients.ports(&settings).keys;
    let tag = Tag::builder().tag_key("owner").tag_value("payments").build().unwrap();
    let created = clients.kms.look.create_key().tags(tag).send().await.unwrap();
    let key = KeyArn::parse(created.key_metadata().unwrap().arn().unwrap()).unwrap();
    clients.kms.look.schedule_key_deletion().key_id(key.as_str()).pending_window_in_days(7).send().await.unwrap();

    let pending = keys.describe(&key).await.unwrap();
    assert_eq!(pending.state, KeyState::PendingDeletion);
    assert!(pending.deletion_date.is_some_and(|date| date > Timestamp::now() + 160.hours()));
    keys.cancel_deletion(&key).await.unwrap();
    assert_eq!(keys.describe(&key).await.unwrap().state, KeyState::Disabled);
    keys.enable(&key).await.unwrap();
    keys.enable_rotation(&key, Some(180)).await.unwrap();
    let after = keys.describe(&key).await.unwrap();
    assert_eq!((after.state, after.deletion_date), (KeyState::Enabled, None));
    assert!(keys.rotation(&key).await.unwrap().enabled);
    assert_eq!(keys.tags(&key).await.unwrap().get("owner").map(String::as_str), Some("payments"));
    assert!(keys.list().await.unwrap().contains(&key));
    assert_eq!(keys.aliases(&key).await, Ok(Vec::new()));
    let alias = format!("alias/{}", settings.ledger_table);
    clients.kms.look.create_alias().alias_name(&alias).target_key_id(key.as_str()).send().await.unwrap();
    assert_eq!(keys.aliases(&key).await, Ok(vec![alias]));

    let unknown = KeyArn::new(&key.partition(), &key.region(), &key.account(), "00000000-0000-0000-0000-000000000000").unwrap();
    let error = keys.describe(&unknown).await.unwrap_err();
    assert!(matches!(error, CallError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_notice_is_published_and_a_missing_topic_is_no_missing_key() {
    let (mut settings, clients) = cloud().await;
    let notice = Notice::of(&record()).unwrap();
    let topic = clients.sns.create_topic().name(&settings.ledger_table).send().await.unwrap();
    settings.topic_arn = topic.topic_arn().unwrap().to_owned();
    clients.ports(&settings).notices.tell(&notice, &record()).await.unwrap();
    settings.topic_arn.push_str("-missing");
    let error = clients.ports(&settings).notices.tell(&notice, &record()).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { .. }), "{error}");
}

async fn new_key(clients: &Clients) -> KeyArn {
    let created = clients.kms.look.create_key().send().await.unwrap();
    KeyArn::parse(created.key_metadata().unwrap().arn().unwrap()).unwrap()
}

async fn tag(clients: &Clients, key: &KeyArn, name: &str, value: &str) {
    let tag = Tag::builder().tag_key(name).tag_value(value).build().unwrap();
    clients.kms.look.tag_resource().key_id(key.as_str()).tags(tag).send().await.unwrap();
}

#[tokio::test]
async fn who_set_the_approval_tags_is_found_behind_a_page_of_other_calls() {
    let (settings, clients) = cloud().await;
    shared_cloud().await.switch_quotas(false);
    let (approved, other) = (new_key(&clients).await, new_key(&clients).await);
    tag(&clients, &approved, "reprieve:change", "CHG-1").await;
    tag(&clients, &approved, "owner", "payments").await;
    for number in 0..60 {
        tag(&clients, &other, "owner", &number.to_string()).await;
    }
    let circumstances = clients.ports(&settings).circumstances;
    let later = Timestamp::now() + 1.second();
    let event = circumstances.latest_call(PastCall::ApprovalTagging, &approved, later).await.unwrap().unwrap();
    assert_eq!(event.details.tag_keys, ["reprieve:change"], "the latest call that touched an approval tag");
    assert!(event.time.is_some_and(|time| time < later), "{event:?}");
    let before = event.time.unwrap();
    assert_eq!(circumstances.latest_call(PastCall::ApprovalTagging, &approved, before).await, Ok(None));

    let schedule = clients.kms.look.schedule_key_deletion().key_id(approved.as_str()).pending_window_in_days(7);
    schedule.send().await.unwrap();
    let later = Timestamp::now() + 1.second();
    let event = circumstances.latest_call(PastCall::DeletionScheduling, &approved, later).await.unwrap().unwrap();
    assert_eq!(event.details.waiting_period_days, Some(7));
    assert_eq!(circumstances.latest_call(PastCall::DeletionScheduling, &other, later).await, Ok(None));
}

#[tokio::test]
async fn all_change_calendars_must_be_open() {
    let (mut settings, clients) = cloud().await;
    let [usual, freeze] = ["usual", "freeze"].map(|kind| format!("{kind}-{}", settings.ledger_table));
    let document = |name: &str| format!("arn:aws:ssm:eu-central-1:111122223333:document/{name}");
    shared_cloud().await.set_calendar(&document(&usual), Calendar::open());
    shared_cloud().await.set_calendar(&document(&freeze), Calendar::open().except(start(), start() + 1.hour()));
    assert_eq!(clients.ports(&settings).circumstances.change_calendar(start()).await, Ok(None), "none is configured");
    settings.change_calendars = vec![usual, freeze];
    let circumstances = clients.ports(&settings).circumstances;
    for (minutes, expected) in [(-1, CalendarState::Open), (1, CalendarState::Closed), (61, CalendarState::Open)] {
        assert_eq!(circumstances.change_calendar(start() + minutes.minutes()).await, Ok(Some(expected)), "{minutes} minutes on");
    }
    settings.change_calendars.push("nobody-made-it".to_owned());
    let error = clients.ports(&settings).circumstances.change_calendar(start()).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { .. }), "{error}");
}

#[tokio::test]
async fn policies_are_read_from_a_parameter_and_from_a_path() {
    let (mut settings, clients) = cloud().await;
    let path = format!("/{}", settings.ledger_table);
    for number in 0..12 {
        let text = format!(r#"@id("mine-{number:02}") forbid (principal, action, resource);"#);
        let put = clients.ssm.put_parameter().name(format!("{path}/{number:02}")).value(text);
        put.r#type(aws_sdk_ssm::types::ParameterType::SecureString).send().await.unwrap();
    }
    let mut users = async |parameter: String| {
        settings.policy_parameter = Some(parameter);
        let policy = clients.ports(&settings).policies.current().await;
        let summaries = policy.summaries().map_err(|error| error.to_string())?;
        Ok::<_, String>(summaries.into_iter().filter(|policy| policy.file.is_some()).map(|policy| policy.id).collect::<Vec<_>>())
    };
    assert_eq!(users(format!("{path}/03")).await, Ok(vec!["mine-03".to_owned()]));
    assert_eq!(users(format!("{path}/")).await, Ok((0..12).map(|number| format!("mine-{number:02}")).collect()));
    let missing = users(format!("{path}/99")).await.unwrap_err();
    assert!(missing.contains("there is no parameter"), "{missing}");
    let empty = users(format!("{path}/99/")).await.unwrap_err();
    assert!(empty.contains("there is no parameter below"), "{empty}");
}
