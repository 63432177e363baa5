//! The keys of a Region: what they are called, their state and their policies.
//!
//! `DescribeKey` and `GetKeyPolicy` may be called hundreds of times a second; a few calls at once stay far below that, and the SDK slows
//! down where KMS throttles.

use std::collections::BTreeMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::coverage::KeyView;
use reprieve_core::monitoring::world::Place;
use reprieve_core::{KeyArn, KeyDescription, KeyState, Known};
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, known, senseless, sorted};

const LIST_KEYS: &str = "kms:ListKeys";
const DESCRIBE: &str = "kms:DescribeKey";
const POLICY: &str = "kms:GetKeyPolicy";

/// The keys of an account in a Region.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    client: Client,
    place: Place,
}

impl Keys {
    pub(super) fn new(config: &SdkConfig, place: Place) -> Self {
        Self { client: Client::new(config), place }
    }

    /// Looks at every key.
    pub(super) async fn look(&self) -> Known<Vec<KeyView>> {
        let (arns, mut aliases) = join!(self.list(), self.aliases());
        for names in aliases.values_mut() {
            names.sort_unstable();
        }
        let arns = match arns {
            Ok(arns) => arns,
            Err(error) => return known(Err(error)),
        };
        let named = arns.into_iter().map(|arn| {
            let aliases = aliases.remove(arn.key_id()).unwrap_or_default();
            self.look_at(arn, aliases)
        });
        let mut keys: Vec<KeyView> = stream::iter(named).buffer_unordered(AT_ONCE).collect().await;
        // By name, as people look for them; those without one last.
        keys.sort_by_cached_key(|key| (key.aliases.is_empty(), key.aliases.first().cloned(), key.arn.clone()));
        Known::Is(keys)
    }

    async fn look_at(&self, arn: KeyArn, aliases: Vec<String>) -> KeyView {
        let description = known(self.describe(&arn).await);
        let is_of_aws = description.value().is_some_and(|description| description.aws_managed);
        // The policies of keys that AWS manages are not judged, and are as many calls again.
        let policy = if is_of_aws { Known::Absent } else { known(self.policy(&arn).await) };
        KeyView { arn, aliases, description, policy }
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let answer = self.client.list_keys().limit(1000).set_marker(next).send().await.map_err(sorted(LIST_KEYS))?;
            for key in answer.keys() {
                let arn = KeyArn::parse(key.key_arn().unwrap_or_default()).map_err(|error| senseless(LIST_KEYS, error.to_string()))?;
                arns.push(arn);
            }
            next = answer.next_marker.filter(|marker| answer.truncated && !marker.is_empty());
            if next.is_none() {
                return Ok(arns);
            }
        }
    }

    /// Names are a help alone: where they cannot be listed, keys go by their ids.
    async fn aliases(&self) -> BTreeMap<String, Vec<String>> {
        let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut next = None;
        loop {
            let Ok(answer) = self.client.list_aliases().limit(100).set_marker(next).send().await else {
                return aliases;
            };
            for alias in answer.aliases() {
                if let (Some(key), Some(name)) = (alias.target_key_id(), alias.alias_name()) {
                    aliases.entry(key.to_owned()).or_default().push(name.to_owned());
                }
            }
            next = answer.next_marker.filter(|marker| answer.truncated && !marker.is_empty());
            if next.is_none() {
                return aliases;
            }
        }
    }

    async fn describe(&self, arn: &KeyArn) -> Result<KeyDescription, CallError> {
        let answer = self.client.describe_key().key_id(arn.as_str()).send().await.map_err(sorted(DESCRIBE))?;
        let metadata = answer.key_metadata.ok_or_else(|| senseless(DESCRIBE, "the answer describes no key"))?;
        Ok(description(&metadata))
    }

    async fn policy(&self, arn: &KeyArn) -> Result<String, CallError> {
        let answer = self.client.get_key_policy().key_id(arn.as_str()).send().await.map_err(sorted(POLICY))?;
        let lacking = || senseless(POLICY, format!("the answer holds no policy of a key in {}", self.place.region));
        answer.policy.ok_or_else(lacking)
    }
}

fn description(metadata: &KeyMetadata) -> KeyDescription {
    let state = metadata.key_state().map_or_else(|| KeyState::Other("unknown".to_owned()), |state| KeyState::parse(state.as_str()));
    let deletion_date = metadata.deletion_date().and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
    KeyDescription { aws_managed: metadata.key_manager() == Some(&KeyManagerType::Aws), deletion_date, ..KeyDescription::in_state(state) }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
