//! The evidence on the stage: `infra/aws/evidence.yaml` as it ships, the files of a trail, and the archive read back.
//!
//! The local cloud's trails write no files: here they are written as CloudTrail would, with the records that the local cloud made of what
//! happened on the stage.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ObjectLockMode;
use aws_sdk_sqs::types::QueueAttributeName;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Stage;
use super::stack::{self, Outputs};

/// How long a file that could not be recorded stays hidden, in seconds. The template says half an hour, six times the function's time limit.
const RETRY_SECONDS: u32 = 2;

/// The deployed evidence.
#[derive(Debug)]
pub struct Evidence {
    /// What `evidence.yaml` says of itself.
    pub outputs: Outputs,
    /// The bucket that the trail writes to.
    pub trail_bucket: String,
}

/// One object of the archive.
#[derive(Debug, Clone)]
pub struct Archived {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// When S3 says that it was written.
    pub modified: Timestamp,
    /// Until when it is locked in mode COMPLIANCE; absent where it is not.
    pub locked_until: Option<Timestamp>,
    /// How many versions there are of it, markers of deletion among them.
    pub versions: usize,
}

impl Stage {
    /// Returns the evidence; the first who asks deploys it, and the monitoring before it, whose trail writes to a bucket.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be deployed.
    pub async fn evidence(&self) -> Result<&Evidence> {
        let monitoring = self.monitoring().await?;
        self.evidence.get_or_try_init(|| self.deploy_evidence(monitoring.outputs.named("TrailBucketName"))).await
    }

    async fn deploy_evidence(&self, trail_bucket: Result<&str>) -> Result<Evidence> {
        let trail_bucket = trail_bucket?.to_owned();
        let code = self.upload("aws-record-key-events").await?;
        let named = |name: &str| self.outputs.named(name);
        let parameters = [
            ("CodeBucket", super::CODE.0),
            ("CodeKey", &code),
            ("Architecture", stack::ARCHITECTURE),
            ("AuditBucket", named("AuditBucketName")?),
            ("AuditRetentionDays", named("AuditRetentionDays")?),
            ("NoticeTopicArn", named("NoticeTopicArn")?),
            ("TrailBucket", &trail_bucket),
        ];
        let outputs = stack::deploy_evidence(&self.endpoint.root_config(), &parameters).await?;
        let queue = self.sqs.set_queue_attributes().queue_url(outputs.named("QueueUrl")?);
        let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, RETRY_SECONDS.to_string());
        queue.send().await.context("the retry of the queue of log files cannot be hastened")?;
        Ok(Evidence { outputs, trail_bucket })
    }

    /// Returns the records that CloudTrail has of calls on a key, as it would write them into a file, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when CloudTrail does.
    pub async fn records_about(&self, key: &str) -> Result<Vec<Value>> {
        let client = aws_sdk_cloudtrail::Client::new(&self.endpoint.root_config());
        let about = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName).attribute_value(key).build()?;
        let mut pages = client.lookup_events().lookup_attributes(about).into_paginator().send();
        let mut records = Vec::new();
        while let Some(page) = pages.try_next().await.context("CloudTrail cannot be asked")? {
            for event in page.events() {
                records.push(
                    serde_json::from_str(event.cloud_trail_event().unwrap_or_default()).context("an event of CloudTrail is no JSON")?,
                );
            }
        }
        records.reverse();
        Ok(records)
    }

    /// Writes a file into the trail's bucket, under a name as CloudTrail gives it. Returns its key.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub async fn deliver(&self, name: &str, bytes: Vec<u8>) -> Result<String> {
        let (account, region) = (self.cloud.account(), &self.endpoint.region);
        let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
        let key = format!("AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{name}.json.gz");
        let put = self.s3.put_object().bucket(&self.evidence().await?.trail_bucket).key(&key).body(ByteStream::from(bytes));
        put.send().await.with_context(|| format!("`{key}` cannot be written"))?;
        Ok(key)
    }

    /// Seals everything that was written up to now, and returns what the function says.
    ///
    /// # Errors
    ///
    /// Fails when the function does.
    pub async fn seal(&self) -> Result<Value> {
        let function = self.evidence().await?.outputs.named("SealFunctionName")?;
        self.invoke(function, &json!({ "task": "seal", "until": "now" })).await
    }

    /// Returns the whole archive: every object of the audit bucket below this prefix, by name.
    ///
    /// # Errors
    ///
    /// Fails when the bucket cannot be read.
    pub async fn archive(&self, prefix: &str) -> Result<BTreeMap<String, Archived>> {
        let bucket = self.audit.name();
        let mut archive: BTreeMap<String, Archived> = BTreeMap::new();
        let mut pages =
            self.s3.list_object_versions().bucket(bucket).prefix(prefix).send().await.context("the archive cannot be listed")?;
        loop {
            let versions = pages.versions().iter().map(|version| version.key().unwrap_or_default());
            for name in versions.chain(pages.delete_markers().iter().map(|marker| marker.key().unwrap_or_default())) {
                if let Some(known) = archive.get_mut(name) {
                    known.versions += 1;
                } else {
                    archive.insert(name.to_owned(), self.archived(bucket, name).await?);
                }
            }
            if pages.is_truncated() != Some(true) {
                return Ok(archive);
            }
            let next = self.s3.list_object_versions().bucket(bucket).prefix(prefix);
            let next = next.set_key_marker(pages.next_key_marker().map(str::to_owned));
            let next = next.set_version_id_marker(pages.next_version_id_marker().map(str::to_owned));
            pages = next.send().await.context("the archive cannot be listed to its end")?;
        }
    }

    async fn archived(&self, bucket: &str, name: &str) -> Result<Archived> {
        let object = self.s3.get_object().bucket(bucket).key(name).send().await;
        let object = object.with_context(|| format!("`{name}` is in the archive, and cannot be read"))?;
        let lock =
            object.object_lock_mode().filter(|mode| **mode == ObjectLockMode::Compliance).and(object.object_lock_retain_until_date());
        let locked_until = lock.and_then(|until| Timestamp::from_second(until.secs()).ok());
        let modified = object.last_modified().and_then(|time| Timestamp::from_second(time.secs()).ok());
        let modified = modified.with_context(|| format!("S3 does not say when `{name}` was written"))?;
        let bytes = object.body.collect().await.with_context(|| format!("`{name}` ends early"))?.into_bytes().to_vec();
        Ok(Archived { bytes, modified, locked_until, versions: 1 })
    }

    /// Returns how many log files wait that could not be recorded.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn unrecorded(&self) -> Result<u32> {
        self.waiting_in(self.evidence().await?.outputs.named("DeadLetterQueueUrl")?).await
    }
}

/// Packs records into a file as CloudTrail writes it.
///
/// # Errors
///
/// Fails when there are none: CloudTrail writes no empty file.
pub fn log_file(records: &[Value]) -> Result<Vec<u8>> {
    ensure!(!records.is_empty(), "there are no records to write");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(json!({ "Records": records }).to_string().as_bytes())?;
    Ok(packed.finish()?)
}
