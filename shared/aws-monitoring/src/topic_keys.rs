//! The keys that encrypt topics: who manages one, what its policy says, whether it serves. It changes nothing, here or on a key.

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, KeyState};
use aws_types::SdkConfig;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::TopicKey;
use reprieve_engine::CallError;

use crate::answer::{known, senseless, sorted};

const DESCRIBE: &str = "kms:DescribeKey";
const POLICY: &str = "kms:GetKeyPolicy";

/// The alias of the key that AWS manages for SNS.
const AWS_MANAGED: &str = "alias/aws/sns";

/// Looks at keys, through KMS.
#[derive(Debug, Clone)]
pub(crate) struct TopicKeys {
    client: Client,
}

impl TopicKeys {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self::over(Client::new(config))
    }

    pub(crate) const fn over(client: Client) -> Self {
        Self { client }
    }

    /// Looks at the key of a topic, by its `KmsMasterKeyId`: an id, an alias, or the ARN of either.
    pub(crate) async fn look(&self, key_id: Option<String>) -> TopicKey {
        let Some(key_id) = key_id.filter(|key_id| !key_id.is_empty()) else {
            return TopicKey::None;
        };
        if key_id == AWS_MANAGED || key_id.ends_with(&format!(":{AWS_MANAGED}")) {
            return TopicKey::AwsManaged;
        }
        match self.describe(&key_id).await {
            Ok(key) if key.key_manager() == Some(&KeyManagerType::Aws) => TopicKey::AwsManaged,
            Ok(key) => {
                let serves = Known::Is(key.key_state() == Some(&KeyState::Enabled));
                // An alias does not do: the policy is asked for by the key itself.
                let policy = known(self.policy(key.arn().unwrap_or(&key_id)).await);
                TopicKey::CustomerManaged { key_id, policy, serves }
            }
            Err(CallError::NotFound { .. }) => TopicKey::CustomerManaged { key_id, policy: Known::Absent, serves: Known::Is(false) },
            Err(error) => {
                let reason = error.to_string();
                TopicKey::CustomerManaged { key_id, policy: Known::Unreadable(reason.clone()), serves: Known::Unreadable(reason) }
            }
        }
    }

    async fn describe(&self, key_id: &str) -> Result<KeyMetadata, CallError> {
        let answer = self.client.describe_key().key_id(key_id).send().await.map_err(sorted(DESCRIBE))?;
        answer.key_metadata.ok_or_else(|| senseless(DESCRIBE, "the answer has no `KeyMetadata`"))
    }

    async fn policy(&self, key: &str) -> Result<String, CallError> {
        let answer = self.client.get_key_policy().key_id(key).policy_name("default").send().await.map_err(sorted(POLICY))?;
        answer.policy.ok_or_else(|| senseless(POLICY, "the answer has no `Policy`"))
    }
}

#[cfg(test)]
#[path = "topic_keys_tests.rs"]
mod tests;
