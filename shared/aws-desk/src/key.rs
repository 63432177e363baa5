//! Finds keys by any of their names, and reads what an approver must know of them: the full ARN, state, tags and aliases.

use std::fmt;
use std::str::FromStr;

use aws_sdk_kms::types::{KeyManagerType, KeyMetadata};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use reprieve_core::facts::Tags;
use reprieve_core::{KeyArn, KeyState, Region};

use crate::desk::Desk;
use crate::error::{DeskError, code_of, sorted};

/// So many keys are looked at together; far below KMS's quotas.
pub(crate) const AT_A_TIME: usize = 8;

/// A key as people name it: by id, ARN, `alias/NAME`, or the alias's ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// Reads the name. Whether there is such a key is not known yet.
    ///
    /// # Errors
    /// When it is of none of these forms.
    pub fn parse(text: &str) -> Result<Self, DeskError> {
        let text = text.trim();
        let is_alias = |name: &str| {
            name.strip_prefix("alias/")
                .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte)))
        };
        let mut parts = text.splitn(6, ':');
        let is_alias_arn = || {
            parts.next() == Some("arn")
                && parts.nth(1) == Some("kms")
                && parts.next().is_some_and(|region| Region::parse(region).is_ok())
                && parts.nth(1).is_some_and(is_alias)
        };
        let is_name = KeyArn::parse(text).is_ok() || reprieve_core::id::is_key_id(text) || is_alias(text) || { is_alias_arn }();
        if is_name { Ok(Self(text.to_owned())) } else { Err(DeskError::KeyName(text.to_owned())) }
    }

    /// Returns the name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the Region that an ARN names.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        let mut parts = self.0.split(':');
        if parts.next() != Some("arn") {
            return None;
        }
        Region::parse(parts.nth(2)?).ok()
    }
}

impl FromStr for KeyName {
    type Err = DeskError;

    fn from_str(text: &str) -> Result<Self, DeskError> {
        Self::parse(text)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the desk knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The full ARN: what approvals are sealed for.
    pub arn: KeyArn,
    /// Its state.
    pub state: KeyState,
    /// When it will be deleted, at the earliest.
    pub deletion_date: Option<Timestamp>,
    /// AWS manages it: it can be neither deleted nor tagged by anybody else.
    pub aws_managed: bool,
    /// Its tags.
    pub tags: Tags,
    /// The aliases that point to it, as `alias/NAME`.
    pub aliases: Vec<String>,
}

/// The keys of an account and Region.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that were read.
    pub files: Vec<KeyFile>,
    /// Those that the caller may not read, by ARN.
    pub unreadable: Vec<(String, DeskError)>,
}

impl KeyFile {
    /// Says whether a deletion is pending, and the tags therefore cannot be changed.
    #[must_use]
    pub const fn deletion_is_pending(&self) -> bool {
        matches!(self.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
    }
}

impl Desk {
    /// Finds the key and reads what there is to know of it.
    ///
    /// # Errors
    /// When there is no such key, or it cannot be read.
    pub async fn key(&self, name: &KeyName) -> Result<KeyFile, DeskError> {
        let region = name.region();
        let client = self.kms(region.as_ref())?;
        let answer = client.describe_key().key_id(name.as_str()).send().await.map_err(|error| match code_of(&error) {
            Some("NotFoundException" | "InvalidArnException") => {
                let place = region.map(|region| region.to_string()).or_else(|| self.region()).unwrap_or_default();
                let message = error.as_service_error().map(ToString::to_string).unwrap_or_default();
                DeskError::NoSuchKey { name: name.to_string(), place, message }
            }
            Some(_) | None => sorted("kms:DescribeKey")(error),
        })?;
        let metadata = answer.key_metadata().ok_or_else(|| no_metadata(name))?;
        self.file_of(&client, metadata).await
    }

    /// Reads every key of the account and Region that is not managed by AWS, in the order of KMS. A key that the caller may not read
    /// hides no other.
    ///
    /// # Errors
    /// When the keys cannot be listed, or one cannot be read for another reason than a missing permission.
    pub async fn keys(&self) -> Result<Listing, DeskError> {
        let client = self.kms(None)?;
        let listed: Vec<_> = client.list_keys().into_paginator().items().send().try_collect().await.map_err(sorted("kms:ListKeys"))?;
        let ids = listed.into_iter().filter_map(|entry| entry.key_arn);
        let client = &client;
        let read = futures_util::stream::iter(ids).map(async |id| {
            let file = self.customer_key(client, &id).await;
            (id, file)
        });
        let mut listing = Listing::default();
        for (id, file) in read.buffered(AT_A_TIME).collect::<Vec<_>>().await {
            match file {
                Ok(file) => listing.files.extend(file),
                Err(error) if error.is_access_denied() => listing.unreadable.push((id, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(listing)
    }

    /// Reads the key; `None` where AWS manages it.
    async fn customer_key(&self, client: &aws_sdk_kms::Client, id: &str) -> Result<Option<KeyFile>, DeskError> {
        let answer = client.describe_key().key_id(id).send().await.map_err(sorted("kms:DescribeKey"))?;
        match answer.key_metadata().filter(|metadata| metadata.key_manager() != Some(&KeyManagerType::Aws)) {
            Some(metadata) => self.file_of(client, metadata).await.map(Some),
            None => Ok(None),
        }
    }

    async fn file_of(&self, client: &aws_sdk_kms::Client, metadata: &KeyMetadata) -> Result<KeyFile, DeskError> {
        let arn = KeyArn::parse(metadata.arn().unwrap_or_default())?;
        let aws_managed = metadata.key_manager() == Some(&KeyManagerType::Aws);
        let (tags, aliases) =
            if aws_managed { (Tags::new(), Vec::new()) } else { (tags_of(client, &arn).await?, aliases_of(client, &arn).await?) };
        let deletion_date = metadata.deletion_date().and_then(|date| Timestamp::from_second(date.secs()).ok());
        let state = KeyState::parse(metadata.key_state().map_or("unknown", aws_sdk_kms::types::KeyState::as_str));
        Ok(KeyFile { arn, state, deletion_date, aws_managed, tags, aliases })
    }
}

async fn tags_of(client: &aws_sdk_kms::Client, key: &KeyArn) -> Result<Tags, DeskError> {
    let pages = client.list_resource_tags().key_id(key.as_str()).into_paginator().items().send();
    let listed: Vec<_> = pages.try_collect().await.map_err(sorted("kms:ListResourceTags"))?;
    Ok(listed.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
}

/// The names are for people alone, so whoever may not list them goes without.
async fn aliases_of(client: &aws_sdk_kms::Client, key: &KeyArn) -> Result<Vec<String>, DeskError> {
    let pages = client.list_aliases().key_id(key.as_str()).into_paginator().items().send();
    let listed: Result<Vec<_>, DeskError> = pages.try_collect().await.map_err(sorted("kms:ListAliases"));
    match listed {
        Ok(listed) => Ok(listed.into_iter().filter_map(|alias| alias.alias_name).collect()),
        Err(error) if error.is_access_denied() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn no_metadata(name: &KeyName) -> DeskError {
    DeskError::Call { call: "kms:DescribeKey", message: format!("the answer about `{name}` describes no key") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_id_arn_and_alias() {
        for (name, region) in [
            ("1234abcd-12ab-34cd-56ef-1234567890ab", None),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", None),
            ("alias/payments", None),
            ("alias/team/payments_2", None),
            ("arn:aws:kms:eu-central-1:111122223333:key/1234abcd", Some("eu-central-1")),
            ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/payments", Some("us-gov-west-1")),
        ] {
            let parsed = KeyName::parse(name).unwrap();
            assert_eq!((parsed.as_str(), parsed.region().as_ref().map(Region::as_str)), (name, region));
        }
    }

    #[test]
    fn what_names_no_key_is_refused() {
        for name in ["", "alias/", "payments key", "alias/a b", "arn:aws:s3:::bucket", "arn:aws:kms:eu-central-1:111122223333:payments"] {
            let error = KeyName::parse(name).unwrap_err();
            assert!(error.is_refusal() && error.to_string().starts_with(&format!("`{name}` is no key")), "{error}");
        }
    }
}
