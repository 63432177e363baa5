//! The drill's own key in KMS: finds it, makes it once, looks at its kind and grants, and schedules its deletion when that was cleared.

use std::error::Error;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, OriginType, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use reprieve_aws::{Kind, call_error};
use reprieve_core::KeyArn;
use reprieve_core::drill::{Cleared, DRILL_TAG, DRILL_TAG_VALUE, DrillAlias, KeyPortrait, MANAGED_BY};
use reprieve_core::monitoring::MANAGED_BY_TAG;
use reprieve_engine::{CallError, DrillKey};

/// `ListGrants` gives at most so many grants a page.
const GRANTS_A_PAGE: i32 = 100;

/// What people read in the console.
const DESCRIPTION: &str =
    "Made by Reprieve for its drills: its deletion is scheduled on purpose and cancelled again. Encrypt nothing with it.";

/// The drill's own key, through AWS KMS.
#[derive(Debug)]
pub struct KmsDrillKey {
    /// For looks, which the SDK tries again.
    look: Client,
    /// For acts, which it does not: a repeated `CreateKey` would make two keys, and each scheduling is cleared anew.
    act: Client,
}

impl KmsDrillKey {
    /// Makes it.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let act = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { look: Client::new(config), act: Client::from_conf(act) }
    }

    /// One client for both, with scripted answers.
    #[cfg(test)]
    fn scripted(client: &Client) -> Self {
        Self { look: client.clone(), act: client.clone() }
    }
}

impl DrillKey for KmsDrillKey {
    async fn behind(&self, alias: &DrillAlias) -> Result<Option<KeyArn>, CallError> {
        let call = "kms:DescribeKey";
        match self.look.describe_key().key_id(alias.as_str()).send().await.map_err(sorted(call)) {
            Ok(answer) => {
                let arn = answer.key_metadata().and_then(|metadata| metadata.arn());
                key_of(call, arn).map(Some)
            }
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<KeyArn, CallError> {
        let call = "kms:CreateKey";
        let mut request = self
            .act
            .create_key()
            .description(DESCRIPTION)
            .key_spec(KeySpec::SymmetricDefault)
            .key_usage(KeyUsageType::EncryptDecrypt)
            .origin(OriginType::AwsKms)
            .multi_region(false);
        for (name, value) in [(DRILL_TAG, DRILL_TAG_VALUE), (MANAGED_BY_TAG, MANAGED_BY)] {
            let tag = Tag::builder().tag_key(name).tag_value(value).build();
            request = request.tags(tag.map_err(|error| senseless(call, &error.to_string()))?);
        }
        let answer = request.send().await.map_err(sorted(call))?;
        key_of(call, answer.key_metadata().and_then(|metadata| metadata.arn()))
    }

    async fn name(&self, key: &KeyArn, alias: &DrillAlias) -> Result<(), CallError> {
        let request = self.act.create_alias().alias_name(alias.as_str()).target_key_id(key.key_id());
        request.send().await.map(drop).map_err(sorted("kms:CreateAlias"))
    }

    async fn portrait(&self, key: &KeyArn) -> Result<KeyPortrait, CallError> {
        let call = "kms:DescribeKey";
        let answer = self.look.describe_key().key_id(key.as_str()).send().await.map_err(sorted(call))?;
        let metadata = answer.key_metadata().ok_or_else(|| senseless(call, "the answer has no `KeyMetadata`"))?;
        let spec = metadata.key_spec().ok_or_else(|| senseless(call, "the answer has no `KeySpec`"))?;
        let usage = metadata.key_usage().ok_or_else(|| senseless(call, "the answer has no `KeyUsage`"))?;
        let multi_region = metadata.multi_region().unwrap_or(false);
        Ok(KeyPortrait { spec: spec.as_str().to_owned(), usage: usage.as_str().to_owned(), multi_region })
    }

    async fn grants(&self, key: &KeyArn) -> Result<usize, CallError> {
        let mut pages = self.look.list_grants().key_id(key.as_str()).limit(GRANTS_A_PAGE).into_paginator().items().send();
        let mut grants = 0;
        while pages.try_next().await.map_err(sorted("kms:ListGrants"))?.is_some() {
            grants += 1;
        }
        Ok(grants)
    }

    async fn schedule_deletion(&self, cleared: Cleared) -> Result<(), CallError> {
        let call = "kms:ScheduleKeyDeletion";
        let days = i32::try_from(cleared.waiting_days()).map_err(|_| senseless(call, "the waiting period is out of range"))?;
        let request = self.act.schedule_key_deletion().key_id(cleared.key().as_str()).pending_window_in_days(days);
        request.send().await.map(drop).map_err(sorted(call))
    }
}

fn key_of(call: &'static str, arn: Option<&str>) -> Result<KeyArn, CallError> {
    let arn = arn.ok_or_else(|| senseless(call, "the answer has no `Arn`"))?;
    KeyArn::parse(arn).map_err(|error| senseless(call, &error.to_string()))
}

fn senseless(call: &'static str, what: &str) -> CallError {
    CallError::Rejected { call, message: what.to_owned() }
}

fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| call_error(call, &error, kind_of_kms_code)
}

/// What the codes of KMS mean (<https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and each call's page).
fn kind_of_kms_code(code: &str) -> Option<Kind> {
    match code {
        "NotFoundException" => Some(Kind::NotFound),
        "KMSInvalidStateException" => Some(Kind::InvalidState),
        "UnsupportedOperationException" => Some(Kind::Unsupported),
        "DependencyTimeoutException" | "KMSInternalException" | "KeyUnavailableException" => Some(Kind::Unavailable),
        // A quota that is used up does not pass by itself.
        "AlreadyExistsException" | "LimitExceededException" | "InvalidArnException" | "MalformedPolicyDocumentException" => {
            Some(Kind::Rejected)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
