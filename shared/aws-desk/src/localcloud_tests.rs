//! The desk over real HTTP, against a local cloud: real signatures by KMS, tags on keys, items in the ledger's table.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_kms::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use jiff::Timestamp;
use reprieve_core::approval::slot::{TagPlan, TagSlot};
use reprieve_core::approval::{ApprovalSource, Revocation, SealedApproval};
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalKeys, KeyArn, KeyState};
use reprieve_localcloud::{LocalCloud, Options};
use tokio::sync::OnceCell;

use crate::{Desk, DeskError, KeyName, SealingKey};

/// The local cloud that the tests of this process share.
static CLOUD: OnceCell<LocalCloud> = OnceCell::const_new();

struct Stage {
    desk: Desk,
    kms: aws_sdk_kms::Client,
    config: SdkConfig,
}

async fn stage() -> Stage {
    let cloud = CLOUD.get_or_init(async || LocalCloud::start(Options::default()).await.unwrap()).await;
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .http_client(reprieve_aws::desk_http_client().unwrap())
        .region(aws_types::region::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .endpoint_url(cloud.endpoint_url())
        .build();
    Stage { desk: Desk::over(config.clone()), kms: aws_sdk_kms::Client::new(&config), config }
}

impl Stage {
    async fn key(&self) -> KeyArn {
        let created = self.kms.create_key().send().await.unwrap();
        KeyArn::parse(created.key_metadata().unwrap().arn().unwrap()).unwrap()
    }

    async fn sealing_key(&self) -> SealingKey {
        let create = self.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
        let created = create.send().await.unwrap();
        self.desk.sealing_key(&name(created.key_metadata().unwrap().key_id()), None).await.unwrap()
    }

    async fn ledger(&self) -> String {
        let table = format!("reprieve-{}", Timestamp::now().as_nanosecond());
        let attribute = |name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap();
        let schema = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let create = aws_sdk_dynamodb::Client::new(&self.config).create_table().table_name(&table);
        let create = create.attribute_definitions(attribute("pk")).attribute_definitions(attribute("sk"));
        let create = create.key_schema(schema("pk", KeyType::Hash)).key_schema(schema("sk", KeyType::Range));
        create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
        table
    }

    async fn tags(&self, key: &KeyArn) -> Tags {
        self.desk.key(&name(key.as_str())).await.unwrap().tags
    }

    async fn approve(&self, key: &KeyArn, approver: &str, seal: &SealingKey) -> TagPlan {
        let mut approval = approval(approver);
        let plan = TagPlan::of(&self.tags(key).await, &approval, &seal.id, key, &ApprovalKeys::default());
        self.desk.seal(seal, &mut approval, key, ApprovalSource::SealedTags).await.unwrap();
        self.desk.write_tags(key, &approval, &plan).await.unwrap();
        plan
    }
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn approval(approver: &str) -> SealedApproval {
    SealedApproval {
        change: "CHG-2048".to_owned(),
        action: "delete".to_owned(),
        window: "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z".to_owned(),
        approver: approver.to_owned(),
        seal: String::new(),
    }
}

#[tokio::test]
async fn tags_that_kms_sealed_verify_offline_for_both_approvers() {
    let stage = stage().await;
    let (key, risk, security) = (stage.key().await, stage.sealing_key().await, stage.sealing_key().await);
    assert_eq!(stage.approve(&key, "carol@example.com", &risk).await.slot, TagSlot::Approver);
    assert_eq!(stage.approve(&key, "dave@example.com", &security).await.slot, TagSlot::CoApprover);
    let tags = stage.tags(&key).await;
    let keys = ApprovalKeys::parse(&format!("{},{}", risk.entry(None, None), security.entry(None, None))).unwrap();
    let both = [SealedApproval::from_tags(&tags), SealedApproval::co_approval_from_tags(&tags)];
    let both = both.map(|approval| approval.unwrap().unwrap().verify_for("delete", &key, None, &keys, ApprovalSource::SealedTags).unwrap());
    assert_eq!(both.map(|approval| approval.approver), ["carol@example.com", "dave@example.com"]);

    stage.desk.remove_approval(&key, &tags).await.unwrap();
    assert!(stage.tags(&key).await.is_empty());
}

#[tokio::test]
async fn a_late_approval_and_its_revocation_are_in_the_ledger() {
    let stage = stage().await;
    let (key, risk, table) = (stage.key().await, stage.sealing_key().await, stage.ledger().await);
    stage.kms.schedule_key_deletion().key_id(key.as_str()).pending_window_in_days(7).send().await.unwrap();
    let file = stage.desk.key(&name(key.as_str())).await.unwrap();
    assert!(file.deletion_is_pending() && file.deletion_date.is_some() && file.state == KeyState::PendingDeletion);

    let mut late = approval("carol@example.com");
    let plan = TagPlan::of(&file.tags, &late, &risk.id, &key, &ApprovalKeys::default());
    stage.desk.seal(&risk, &mut late, &key, ApprovalSource::Ledger).await.unwrap();
    let refused = stage.desk.write_tags(&key, &late, &plan).await.unwrap_err();
    assert!(matches!(refused, DeskError::PendingDeletion { .. }), "{refused}");
    stage.desk.approve_in_ledger(&table, &key, &late).await.unwrap();
    let at = "2026-11-30T00:00:00Z".parse().unwrap();
    let revocation = Revocation { change: late.change.clone(), by: "dave".to_owned(), at, reason: Some("still in use".to_owned()) };
    stage.desk.revoke_in_ledger(&table, &key, &revocation).await.unwrap();
    let again = Revocation { by: "erin".to_owned(), ..revocation.clone() };
    stage.desk.revoke_in_ledger(&table, &key, &again).await.unwrap();

    let known = stage.desk.recall(&table, &key).await.unwrap();
    assert_eq!((known.approvals.as_slice(), known.revocations.as_slice()), ([late].as_slice(), [revocation].as_slice()));
}

#[tokio::test]
async fn keys_are_found_by_alias_and_wrong_ones_are_named() {
    let stage = stage().await;
    let key = stage.key().await;
    let alias = format!("alias/desk-{}", Timestamp::now().as_nanosecond());
    stage.kms.create_alias().alias_name(&alias).target_key_id(key.as_str()).send().await.unwrap();
    let file = stage.desk.key(&name(&alias)).await.unwrap();
    assert_eq!((file.arn.clone(), file.aliases.as_slice()), (key, [alias.clone()].as_slice()));
    assert!(stage.desk.keys().await.unwrap().files.contains(&file));
    assert_eq!(stage.desk.caller().await.unwrap().account, file.arn.account());

    let wrong = stage.desk.sealing_key(&name(&alias), None).await.unwrap_err();
    assert!(matches!(wrong, DeskError::WrongKind { .. }) && wrong.is_refusal(), "{wrong}");
    let missing = stage.desk.key(&name("alias/nowhere")).await.unwrap_err();
    assert!(matches!(missing, DeskError::NoSuchKey { .. }) && missing.is_refusal(), "{missing}");
    let table = stage.desk.recall("no-such-table", &file.arn).await.unwrap_err();
    assert!(matches!(table, DeskError::Ledger { .. }) && !table.is_refusal(), "{table}");
}
