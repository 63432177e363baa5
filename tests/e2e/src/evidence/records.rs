//! Audit records, read back from the bucket and held against the form that they promise.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::ObjectLockMode;
use jiff::Timestamp;
use reprieve_core::monitoring::event::is_about_monitoring;
use reprieve_core::{Phase, Record};
use serde_json::Value;
use tokio::sync::Mutex;

/// One audit record as it stands in the bucket.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Name of the object.
    pub object: String,
    /// The OCSF event.
    pub ocsf: Value,
    /// The record inside it.
    pub record: Record,
    /// Until when the object is locked in mode COMPLIANCE; absent where it is not.
    pub locked_until: Option<Timestamp>,
}

/// The audit bucket. Objects are read once, for they never change.
#[derive(Debug)]
pub struct AuditBucket {
    client: Client,
    bucket: String,
    read: Mutex<BTreeMap<String, StoredRecord>>,
}

impl AuditBucket {
    /// Makes a reader of the bucket.
    #[must_use]
    pub fn new(client: Client, bucket: &str) -> Self {
        Self { client, bucket: bucket.to_owned(), read: Mutex::default() }
    }

    /// Returns the bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.bucket
    }

    /// Returns the records about a key, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the bucket cannot be read, or an object in it is no audit record.
    pub async fn about(&self, key: &str) -> Result<Vec<StoredRecord>> {
        self.chosen(|record| record.key().is_some_and(|named| named.as_str() == key)).await
    }

    /// Returns the records about any of these keys, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the bucket cannot be read, or an object in it is no audit record.
    pub async fn about_any(&self, keys: &BTreeSet<&str>) -> Result<Vec<StoredRecord>> {
        self.chosen(|record| record.key().is_some_and(|named| keys.contains(named.as_str()))).await
    }

    /// Returns the records of one event, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the bucket cannot be read, or an object in it is no audit record.
    pub async fn of_event(&self, event_id: &str) -> Result<Vec<StoredRecord>> {
        self.chosen(|record| record.event.id.as_str() == event_id).await
    }

    /// Returns the records about the monitoring, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the bucket cannot be read, or an object in it is no audit record.
    pub async fn about_monitoring(&self) -> Result<Vec<StoredRecord>> {
        self.chosen(|record| is_about_monitoring(&record.event)).await
    }

    async fn chosen(&self, is_chosen: impl Fn(&Record) -> bool) -> Result<Vec<StoredRecord>> {
        let mut read = self.read.lock().await;
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix("audit/decisions/").into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page.context("the audit bucket cannot be listed")?.contents() {
                let name = object.key().unwrap_or_default();
                if !read.contains_key(name) {
                    read.insert(name.to_owned(), self.read(name).await?);
                }
            }
        }
        let mut chosen: Vec<StoredRecord> = read.values().filter(|stored| is_chosen(&stored.record)).cloned().collect();
        chosen.sort_by_key(|stored| (stored.record.recorded_at, stored.record.phase == Phase::Outcome));
        Ok(chosen)
    }

    async fn read(&self, name: &str) -> Result<StoredRecord> {
        let object = self.client.get_object().bucket(&self.bucket).key(name).send().await;
        let object = object.with_context(|| format!("the audit record `{name}` cannot be read"))?;
        let lock =
            object.object_lock_mode().filter(|mode| **mode == ObjectLockMode::Compliance).and(object.object_lock_retain_until_date());
        let locked_until = lock.and_then(|until| Timestamp::from_second(until.secs()).ok());
        let body = object.body.collect().await.with_context(|| format!("the audit record `{name}` ends early"))?;
        let ocsf: Value = serde_json::from_slice(&body.into_bytes()).with_context(|| format!("the audit record `{name}` is no JSON"))?;
        let record = ocsf.pointer("/unmapped/reprieve").with_context(|| format!("`{name}` holds no `unmapped.reprieve`"))?;
        let record = serde_json::from_value(record.clone()).with_context(|| format!("`{name}` holds an odd record"))?;
        Ok(StoredRecord { object: name.to_owned(), ocsf, record, locked_until })
    }
}

impl StoredRecord {
    /// Names everything in which the object is not what it promises: OCSF 1.8.0, complete, and locked.
    #[must_use]
    pub fn flaws(&self) -> Vec<String> {
        let number = |name: &str| self.ocsf.get(name).and_then(Value::as_u64);
        let mut flaws = Vec::new();
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                flaws.push(format!("the audit record `{}` {what}", self.object));
            }
        };
        demand(self.ocsf.pointer("/metadata/version").and_then(Value::as_str) == Some("1.8.0"), "is not of OCSF 1.8.0");
        demand(self.ocsf.pointer("/cloud/provider").and_then(Value::as_str) == Some("AWS"), "names no cloud provider");
        let (class, activity) = (number("class_uid").unwrap_or_default(), number("activity_id").unwrap_or_default());
        demand([6003, 2004, 7001].contains(&class), "is of no OCSF class that is promised");
        demand(number("type_uid") == Some(class * 100 + activity), "has a `type_uid` that is not its class and activity");
        demand(number("category_uid") == Some(class / 1000), "has a `category_uid` that is not its class's");
        demand(number("severity_id").is_some() && number("time").is_some(), "lacks a base field");
        let kept_long_enough = self.locked_until.is_some_and(|until| until > self.record.recorded_at);
        demand(kept_long_enough, "is not under Object Lock in mode COMPLIANCE");
        flaws
    }
}
