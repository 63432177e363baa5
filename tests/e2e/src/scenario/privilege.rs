//! What the guard's role may not do, tried with the credentials of its functions.
//!
//! That the role may do enough is shown by every other scenario: IAM is enforced on the whole stage.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{GrantOperation, MessageType, SigningAlgorithmSpec, Tag};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use reprieve_core::approval::CHANGE_TAG;

use super::proof::{Answered, Observation};
use crate::stage::Stage;

/// A table that is none of the guard's business.
const OTHER_TABLE: &str = "orders";

/// How long the sweep may take to begin after its schedule fired.
const SWEEP_WAIT: Duration = Duration::from_secs(15);

/// What was tried in the guard's name, and what did not go as it had to.
#[derive(Default)]
struct Attempts {
    /// In whose name calls are made; empty stands for the guard's.
    whose: &'static str,
    refused: usize,
    problems: Vec<String>,
}

impl Attempts {
    const fn name(&self) -> &'static str {
        if self.whose.is_empty() { "the guard's" } else { self.whose }
    }

    /// Demands that a call succeeded.
    fn allowed<T, E: ProvideErrorMetadata>(&mut self, what: &str, result: Result<T, E>) {
        if let Err(error) = result {
            self.problems.push(format!("in {} name {what} failed: {}", self.name(), error.message().unwrap_or_default()));
        }
    }

    /// Demands that IAM refused a call.
    fn refused<T, E: ProvideErrorMetadata>(&mut self, what: &str, result: Result<T, E>) {
        let problem = match result {
            Ok(_) => "was allowed".to_owned(),
            // Each service has its own spelling.
            Err(error) => match error.code() {
                Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError") => {
                    self.refused += 1;
                    return;
                }
                code => format!("failed as `{}`, not by IAM: {}", code.unwrap_or("unknown"), error.message().unwrap_or_default()),
            },
        };
        self.problems.push(format!("in {} name {what} {problem}", self.name()));
    }
}

/// The guard's credentials are good for what it does, and for nothing that harms.
pub(crate) async fn of_the_guard(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("what the guard may do to it").await?;
    stage.people.mallory.disable(&key).await?;
    // It also leaves an audit record, which the calls below are aimed at.
    let answered = Answered::to(stage, "DisableKey", &key).await?.given_back().await?;
    let config = stage.function_config("EventFunctionName").await?;
    let mut attempts = Attempts::default();
    harm_keys(stage, &config, &key, &mut attempts).await?;
    harm_evidence(stage, &config, &key, &mut attempts).await?;
    harm_tables(stage, &config, &mut attempts).await?;
    approve_itself(stage, &config, &key, &mut attempts).await?;
    leave_the_guard(stage, &config, &mut attempts).await?;
    attempts.whose = "an approver's";
    rewrite_what_the_guard_remembers(stage, &key, &mut attempts).await?;

    let mut seen = Observation { problems: answered.seen.problems, ..Observation::default() };
    seen.observed = if attempts.problems.is_empty() { "all refused".to_owned() } else { format!("{} refused", attempts.refused) };
    seen.problems.extend(attempts.problems);
    let in_the_end = stage.key_state(&key).await?;
    seen.demand(in_the_end == "Enabled", || format!("the key is {in_the_end} after all that was tried on it"));
    schedule_starts_sweep(stage).await?;
    Ok(seen)
}

/// The rotation of a key that the sweep saw rotating is switched off, and on again.
pub(crate) async fn rotation_given_back(stage: &Stage) -> Result<Observation> {
    let key = stage.people.pat.create_key("rotates every year").await?;
    stage.kms.enable_key_rotation().key_id(&key).send().await.context("the key does not rotate")?;
    // That it rotates is known by the sweep, and not by whoever says that it was switched off.
    stage.sweep().await?;
    // By nobody but the account's owner: the company gave this right to none of its roles.
    stage.kms.disable_key_rotation().key_id(&key).send().await.context("its rotation cannot be switched off")?;
    let mut answered = Answered::to(stage, "DisableKeyRotation", &key).await?.given_back().await?;
    let status = stage.kms.get_key_rotation_status().key_id(&key).send().await.context("the key does not say whether it rotates")?;
    let rotates = if status.key_rotation_enabled() { "rotating" } else { "not rotating" };
    answered.seen.observed = format!("{}, {rotates}", answered.seen.observed);
    Ok(answered.seen)
}

/// In mode `observe` the role cannot even give keys back. Returns what is not so.
pub(crate) async fn in_mode_observe(stage: &Stage, key: &str) -> Result<Vec<String>> {
    let kms = aws_sdk_kms::Client::new(&stage.function_config("EventFunctionName").await?);
    let mut attempts = Attempts::default();
    attempts.allowed("DescribeKey", kms.describe_key().key_id(key).send().await);
    let other = stage.people.pat.create_key("rotates").await?;
    attempts.refused("CancelKeyDeletion", kms.cancel_key_deletion().key_id(key).send().await);
    attempts.refused("EnableKey", kms.enable_key().key_id(&other).send().await);
    attempts.refused("EnableKeyRotation", kms.enable_key_rotation().key_id(&other).send().await);
    attempts.refused("ScheduleKeyDeletion", kms.schedule_key_deletion().key_id(&other).send().await);
    Ok(attempts.problems)
}

async fn harm_keys(stage: &Stage, config: &SdkConfig, key: &str, attempts: &mut Attempts) -> Result<()> {
    let kms = aws_sdk_kms::Client::new(config);
    let secret = stage.kms.encrypt().key_id(key).plaintext(Blob::new("a secret")).send().await.context("the key does not encrypt")?;
    let secret = secret.ciphertext_blob.context("KMS returned no ciphertext")?;
    let policy = stage.kms.get_key_policy().key_id(key).send().await.context("the key has no policy")?;
    let policy = policy.policy().unwrap_or_default();

    // The credentials are good: what is refused below is refused for what it is.
    attempts.allowed("DescribeKey", kms.describe_key().key_id(key).send().await);
    attempts.allowed("EnableKey", kms.enable_key().key_id(key).send().await);
    attempts.refused("ScheduleKeyDeletion", kms.schedule_key_deletion().key_id(key).pending_window_in_days(7).send().await);
    attempts.refused("DisableKey", kms.disable_key().key_id(key).send().await);
    attempts.refused("DisableKeyRotation", kms.disable_key_rotation().key_id(key).send().await);
    attempts.refused("PutKeyPolicy", kms.put_key_policy().key_id(key).policy(policy).send().await);
    let grant = kms.create_grant().key_id(key).grantee_principal(&stage.people.mallory.arn).operations(GrantOperation::Decrypt);
    attempts.refused("CreateGrant", grant.send().await);
    attempts.refused("CreateAlias", kms.create_alias().alias_name("alias/mine").target_key_id(key).send().await);
    attempts.refused("CreateKey", kms.create_key().send().await);
    attempts.refused("Encrypt", kms.encrypt().key_id(key).plaintext(Blob::new("mine")).send().await);
    attempts.refused("Decrypt", kms.decrypt().key_id(key).ciphertext_blob(secret).send().await);
    // The role's permissions end at the Region's border: the key there is nobody's, and IAM speaks before KMS looks.
    let elsewhere = stage.people.pat.kms_elsewhere.create_key().description("elsewhere").send().await?;
    let elsewhere = elsewhere.key_metadata().and_then(|key| key.arn()).context("KMS made a key without an ARN")?.to_owned();
    let far = aws_sdk_kms::Client::from_conf(
        aws_sdk_kms::config::Builder::from(config).region(aws_types::region::Region::new(crate::stage::people::OTHER_REGION)).build(),
    );
    attempts.refused("EnableKey in another Region", far.enable_key().key_id(elsewhere).send().await);
    Ok(())
}

/// Tries to approve: to seal, to tag, and to say what policies say. It may only look who tagged.
async fn approve_itself(stage: &Stage, config: &SdkConfig, key: &str, attempts: &mut Attempts) -> Result<()> {
    let cloudtrail = aws_sdk_cloudtrail::Client::new(config);
    attempts.allowed("LookupEvents", cloudtrail.lookup_events().send().await);
    let kms = aws_sdk_kms::Client::new(config);
    attempts.allowed("ListAliases", kms.list_aliases().key_id(key).send().await);
    attempts.allowed("ListResourceTags", kms.list_resource_tags().key_id(key).send().await);
    for (whose, approval_key) in [("the approvers'", &stage.approval_keys.approvers), ("security's", &stage.approval_keys.security)] {
        let seal = kms.sign().key_id(approval_key).message(Blob::new("mine")).message_type(MessageType::Raw);
        attempts.refused(&format!("Sign with {whose} key"), seal.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await);
    }
    let tag = Tag::builder().tag_key(CHANGE_TAG).tag_value("CHG-1").build()?;
    attempts.refused("TagResource", kms.tag_resource().key_id(key).tags(tag).send().await);
    attempts.refused("UntagResource", kms.untag_resource().key_id(key).tag_keys(CHANGE_TAG).send().await);
    let ssm = aws_sdk_ssm::Client::new(config);
    let policy = ssm.put_parameter().name("/reprieve/policy").value("permit (principal, action, resource);");
    attempts.refused("PutParameter", policy.r#type(ParameterType::String).send().await);
    // Neither policies nor webhooks are configured on this stage, so it may not read any.
    attempts.refused("GetParameter", ssm.get_parameter().name("/reprieve/webhooks").send().await);
    Ok(())
}

async fn harm_evidence(stage: &Stage, config: &SdkConfig, key: &str, attempts: &mut Attempts) -> Result<()> {
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build());
    let bucket = stage.audit.name();
    let stored = stage.audit.about(key).await?;
    let record = &stored.first().context("the guard wrote no record")?.object;
    let nothing = || ByteStream::from_static(b"{}");

    attempts.refused("DeleteObject of a record", s3.delete_object().bucket(bucket).key(record).send().await);
    attempts.refused("PutObject onto a record", s3.put_object().bucket(bucket).key(record).body(nothing()).send().await);
    let aside = s3.put_object().bucket(bucket).key("elsewhere.json").if_none_match("*").body(nothing());
    attempts.refused("PutObject outside `audit/decisions/`", aside.send().await);
    attempts.refused("GetObject of a record", s3.get_object().bucket(bucket).key(record).send().await);
    attempts.refused("ListObjectsV2", s3.list_objects_v2().bucket(bucket).send().await);
    attempts.refused("DeleteBucketPolicy", s3.delete_bucket_policy().bucket(bucket).send().await);
    attempts.refused("DeleteBucket", s3.delete_bucket().bucket(bucket).send().await);
    let unlocked = s3.put_object_lock_configuration().bucket(bucket);
    attempts.refused("PutObjectLockConfiguration", unlocked.send().await);
    Ok(())
}

async fn harm_tables(stage: &Stage, config: &SdkConfig, attempts: &mut Attempts) -> Result<()> {
    let root = aws_sdk_dynamodb::Client::new(&stage.endpoint.root_config());
    make_other_table(&root).await?;
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let ledger = stage.outputs.named("LedgerTableName")?;
    let item = || ("id", AttributeValue::S("1".to_owned()));

    let (name, value) = item();
    attempts.refused("DeleteItem of another table", dynamodb.delete_item().table_name(OTHER_TABLE).key(name, value).send().await);
    let (name, value) = item();
    attempts.refused("PutItem into another table", dynamodb.put_item().table_name(OTHER_TABLE).item(name, value).send().await);
    let (name, value) = item();
    attempts.refused("GetItem of another table", dynamodb.get_item().table_name(OTHER_TABLE).key(name, value).send().await);
    attempts.refused("Scan of the ledger", dynamodb.scan().table_name(ledger).send().await);
    attempts.refused("DeleteTable of the ledger", dynamodb.delete_table().table_name(ledger).send().await);
    let unprotected = dynamodb.update_table().table_name(ledger).deletion_protection_enabled(false);
    attempts.refused("UpdateTable of the ledger", unprotected.send().await);
    Ok(())
}

/// An approver writes approvals, and cannot write in which state a key is to come back.
async fn rewrite_what_the_guard_remembers(stage: &Stage, key: &str, attempts: &mut Attempts) -> Result<()> {
    let alice = stage.people.alice.credentials.clone();
    let dynamodb = aws_sdk_dynamodb::Client::new(&stage.endpoint.config(alice, &stage.endpoint.region));
    let ledger = stage.outputs.named("LedgerTableName")?;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = |partition: String, kind: &str| {
        let put = dynamodb.put_item().table_name(ledger).item("pk", AttributeValue::S(partition)).item("sk", text(kind));
        put.item("serving", text("Disabled")).item("as_of", text("2100-01-01T00:00:00.000000000Z"))
    };
    attempts.allowed("PutItem among the approvals", put(format!("approval#{key}"), "inventory").send().await);
    attempts.refused("PutItem of a key's inventory", put(key.to_owned(), "inventory").send().await);
    attempts.refused("PutItem of a key's case", put(key.to_owned(), "case").send().await);
    attempts.refused("PutItem of an event's claim", put("event#1".to_owned(), "claim").send().await);
    Ok(())
}

async fn make_other_table(dynamodb: &aws_sdk_dynamodb::Client) -> Result<()> {
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build()?;
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
    let table = dynamodb.create_table().table_name(OTHER_TABLE).attribute_definitions(attribute).key_schema(key);
    let made = table.billing_mode(BillingMode::PayPerRequest).send().await.context("no other table could be made")?;
    let status = made.table_description().and_then(|table| table.table_status());
    anyhow::ensure!(matches!(status, Some(TableStatus::Active | TableStatus::Creating)), "the other table is {status:?}");
    Ok(())
}

/// Tries to silence the guard, to become somebody else, and to write to whom the guard does not write.
async fn leave_the_guard(stage: &Stage, config: &SdkConfig, attempts: &mut Attempts) -> Result<()> {
    let lambda = aws_sdk_lambda::Client::new(config);
    let function = stage.outputs.named("EventFunctionName")?;
    attempts.refused("Invoke", lambda.invoke().function_name(function).send().await);
    let renamed = lambda.update_function_configuration().function_name(function).description("mine");
    attempts.refused("UpdateFunctionConfiguration", renamed.send().await);

    let sqs = aws_sdk_sqs::Client::new(config);
    let queue = stage.outputs.named("QueueUrl")?;
    attempts.refused("SendMessage", sqs.send_message().queue_url(queue).message_body("{}").send().await);
    attempts.refused("PurgeQueue", sqs.purge_queue().queue_url(queue).send().await);

    let root = aws_sdk_sns::Client::new(&stage.endpoint.root_config());
    let other = root.create_topic().name("newsletter").send().await.context("no other topic could be made")?;
    let sns = aws_sdk_sns::Client::new(config);
    let letter = sns.publish().set_topic_arn(other.topic_arn).message("mine");
    attempts.refused("Publish to another topic", letter.send().await);
    let topic = stage.outputs.named("NoticeTopicArn")?;
    attempts.refused("DeleteTopic", sns.delete_topic().topic_arn(topic).send().await);

    let sts = aws_sdk_sts::Client::new(config);
    let engineer = format!("arn:aws:iam::{}:role/PlatformEngineer", stage.cloud.account());
    attempts.refused("AssumeRole", sts.assume_role().role_arn(engineer).role_session_name("mine").send().await);
    Ok(())
}

/// The schedule starts the sweep, and its role lets it.
async fn schedule_starts_sweep(stage: &Stage) -> Result<()> {
    let session = format!("{}{}", stage.guard_session()?, stage.outputs.named("SweepFunctionName")?);
    let listings = || {
        let calls = stage.cloud.calls();
        calls.iter().filter(|call| call.operation == "ListKeys" && call.caller.contains(&session)).count()
    };
    let before = listings();
    stage.cloud.fire_schedule(stage.outputs.named("SweepScheduleName")?).await?;
    stage.wait("the schedule to start the sweep", SWEEP_WAIT, async || Ok((listings() > before).then_some(()))).await
}
