//! Keys on AWS KMS: looks, cancels, enables. It holds no call that could harm a key.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, OriginType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use jiff::Timestamp;
use reprieve_core::facts::{Rotation, Tags};
use reprieve_core::{KeyArn, KeyDescription, KeyState};
use reprieve_engine::{CallError, KeyControl};

use crate::error::{Kind, call_error};
use crate::pace::Pace;

/// `ListKeys` gives at most so many keys a page.
const KEYS_A_PAGE: i32 = 1000;
/// `ListAliases` gives at most so many aliases a page.
const ALIASES_A_PAGE: i32 = 100;
/// `ListResourceTags` gives at most so many tags a page, which is also the most that a key can have.
const TAGS_A_PAGE: i32 = 50;

/// How many calls a second this process may make.
///
/// The defaults of the KMS calls are the account's whole quota in a Region
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html>); share it out where several processes remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// `CancelKeyDeletion` calls a second.
    pub cancel_per_second: NonZeroU32,
    /// `EnableKey` calls a second.
    pub enable_per_second: NonZeroU32,
    /// `LookupEvents` calls a second. CloudTrail allows two to the whole account in a Region; the default leaves half to others.
    pub lookups_per_second: NonZeroU32,
}

impl Default for Quotas {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
        Self { cancel_per_second: FIVE, enable_per_second: FIVE, lookups_per_second: NonZeroU32::MIN }
    }
}

/// A client for looking, which the SDK slows down after a throttled answer, and one for acting, which it leaves alone.
///
/// An act keeps its own pace, and the engine tries it again at that pace. Were the SDK to wait and retry below it, calls that fail (because
/// somebody uses up the quota of enabling, say) would hold up those that alone keep a key from being lost: measured with every `EnableKey`
/// throttled, 29 of 50 deletions were still pending after a minute.
#[derive(Debug, Clone)]
pub(crate) struct KmsClients {
    pub(crate) look: Client,
    act: Client,
}

impl KmsClients {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        let act = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { look: Client::new(config), act: Client::from_conf(act) }
    }

    /// One client for both, with scripted answers.
    #[cfg(test)]
    pub(crate) fn scripted(client: &Client) -> Self {
        Self { look: client.clone(), act: client.clone() }
    }
}

/// Looks at keys and gives them back, through AWS KMS.
#[derive(Debug)]
pub struct KmsKeyControl {
    clients: KmsClients,
    cancel_pace: Pace,
    enable_pace: Pace,
    /// When which key would be deleted, as KMS said last: of the keys that wait for their turn, the earliest goes first.
    deadlines: Mutex<BTreeMap<KeyArn, Timestamp>>,
}

impl KmsKeyControl {
    /// Makes it over an SDK configuration, for a function that needs nothing else of the guard.
    #[must_use]
    pub fn over(config: &SdkConfig, quotas: Quotas) -> Self {
        Self::new(KmsClients::new(config), quotas)
    }

    /// Makes it, with its own paces.
    pub(crate) fn new(clients: KmsClients, quotas: Quotas) -> Self {
        let (cancel_pace, enable_pace) = (Pace::per_second(quotas.cancel_per_second), Pace::per_second(quotas.enable_per_second));
        Self { clients, cancel_pace, enable_pace, deadlines: Mutex::default() }
    }

    fn deadline(&self, key: &KeyArn) -> Option<Timestamp> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    /// Remembers a deadline, for as long as the key is not given back.
    fn note_deadline(&self, key: &KeyArn, description: &KeyDescription) {
        let mut deadlines = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        match description.deletion_date {
            Some(deadline) => drop(deadlines.insert(key.clone(), deadline)),
            None if description.state == KeyState::Enabled => drop(deadlines.remove(key)),
            None => {}
        }
    }
}

impl KeyControl for KmsKeyControl {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        let call = "kms:DescribeKey";
        let answer = self.clients.look.describe_key().key_id(key.as_str()).send().await.map_err(sorted(call))?;
        let described = answer.key_metadata().ok_or("the answer has no `KeyMetadata`").and_then(description_of);
        let description = described.map_err(|what| senseless(call, what))?;
        self.note_deadline(key, &description);
        Ok(description)
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        let pages = self.clients.look.list_resource_tags().key_id(key.as_str()).limit(TAGS_A_PAGE).into_paginator().items();
        let mut pages = pages.send();
        let mut tags = Tags::new();
        while let Some(tag) = pages.try_next().await.map_err(sorted("kms:ListResourceTags"))? {
            tags.insert(tag.tag_key, tag.tag_value);
        }
        Ok(tags)
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        let answer =
            self.clients.look.get_key_rotation_status().key_id(key.as_str()).send().await.map_err(sorted("kms:GetKeyRotationStatus"))?;
        let period_days = answer.rotation_period_in_days().and_then(|days| u32::try_from(days).ok());
        Ok(Rotation { enabled: answer.key_rotation_enabled(), period_days })
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        self.cancel_pace.turn_before(self.deadline(key)).await;
        self.clients.act.cancel_key_deletion().key_id(key.as_str()).send().await.map_err(sorted("kms:CancelKeyDeletion"))?;
        Ok(())
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        self.enable_pace.turn_before(self.deadline(key)).await;
        self.clients.act.enable_key().key_id(key.as_str()).send().await.map_err(sorted("kms:EnableKey"))?;
        Ok(())
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        let call = "kms:EnableKeyRotation";
        let days = period_days.map(i32::try_from).transpose().map_err(|_| senseless(call, "the rotation period is out of range"))?;
        let request = self.clients.act.enable_key_rotation().key_id(key.as_str()).set_rotation_period_in_days(days);
        request.send().await.map_err(sorted(call))?;
        Ok(())
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        let pages = self.clients.look.list_aliases().key_id(key.as_str()).limit(ALIASES_A_PAGE).into_paginator().items();
        let mut pages = pages.send();
        let mut aliases = Vec::new();
        while let Some(alias) = pages.try_next().await.map_err(sorted("kms:ListAliases"))? {
            aliases.extend(alias.alias_name);
        }
        Ok(aliases)
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        let call = "kms:ListKeys";
        let mut pages = self.clients.look.list_keys().limit(KEYS_A_PAGE).into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(entry) = pages.try_next().await.map_err(sorted(call))? {
            let arn = entry.key_arn().unwrap_or_default();
            keys.push(KeyArn::parse(arn).map_err(|error| senseless(call, &error.to_string()))?);
        }
        Ok(keys)
    }
}

fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| call_error(call, &error, kind_of_kms_code)
}

/// What the codes of KMS mean (<https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and each call's page).
#[must_use]
pub fn kind_of_kms_code(code: &str) -> Option<Kind> {
    let kind = match code {
        "NotFoundException" => Kind::NotFound,
        "KMSInvalidStateException" => Kind::InvalidState,
        "UnsupportedOperationException" => Kind::Unsupported,
        "DependencyTimeoutException" | "KMSInternalException" | "KeyUnavailableException" => Kind::Unavailable,
        "DisabledException" | "InvalidArnException" | "InvalidMarkerException" | "ValidationException" => Kind::Rejected,
        _ => return None,
    };
    Some(kind)
}

fn senseless(call: &'static str, what: &str) -> CallError {
    CallError::Rejected { call, message: what.to_owned() }
}

fn description_of(metadata: &KeyMetadata) -> Result<KeyDescription, &'static str> {
    let state = metadata.key_state().ok_or("the answer has no `KeyState`")?;
    let deletion_date = metadata.deletion_date().map(|date| Timestamp::new(date.secs(), date.subsec_nanos().cast_signed()));
    Ok(KeyDescription {
        state: KeyState::parse(state.as_str()),
        aws_managed: metadata.key_manager() == Some(&KeyManagerType::Aws),
        deletion_date: deletion_date.transpose().map_err(|_| "the answer's `DeletionDate` is out of range")?,
        pending_window_days: metadata.pending_deletion_window_in_days().and_then(|days| u32::try_from(days).ok()),
        imported_material: metadata.origin() == Some(&OriginType::External),
        key_store: metadata.custom_key_store_id().map(str::to_owned),
    })
}

#[cfg(test)]
#[path = "kms_tests.rs"]
mod tests;
