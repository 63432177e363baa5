//! Typed identifiers: parsed once at the edge, impossible to mix up afterwards.
//!
//! The partition of an ARN (`aws`, `aws-us-gov`, `aws-cn`, `aws-eusc`, ...) is part of the identity and is never rebuilt.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Says why a text is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not {expected}")]
pub struct IdError {
    input: String,
    expected: &'static str,
}

impl IdError {
    pub(crate) fn new(input: &str, expected: &'static str) -> Self {
        Self { input: input.to_owned(), expected }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// Says what was expected, with the input.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(IdError::new(text, $expected)) }
            }

            /// Returns the text as it was parsed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// An AWS partition: `aws`, `aws-us-gov`, `aws-cn`, `aws-eusc`, `aws-iso`, ...
    Partition,
    "an AWS partition such as `aws` or `aws-us-gov`",
    |text| (text == "aws" || text.starts_with("aws-")) && is_label(text)
);

text_id!(
    /// An AWS account id. Twelve digits in practice; published logs hold other lengths, which are kept.
    AccountId,
    "an AWS account id (digits)",
    |text| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
);

text_id!(
    /// An AWS Region name, such as `eu-central-1`.
    Region,
    "an AWS Region such as `eu-central-1`",
    |text| text.len() <= 64 && is_label(text)
);

text_id!(
    /// The id of an event as its provider gave it; what idempotency is keyed by.
    EventId,
    "an event id (1 to 256 printable characters without spaces)",
    |text| !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_id!(
    /// The ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
    RoleArn,
    "the ARN of an IAM role (`arn:aws:iam::111122223333:role/name`)",
    |text| {
        let mut parts = text.splitn(6, ':');
        parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| Partition::parse(partition).is_ok())
            && parts.next() == Some("iam")
            && parts.next() == Some("")
            && parts.next().is_some_and(|account| AccountId::parse(account).is_ok())
            && parts.next().is_some_and(|rest| rest.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
    }
);

text_id!(
    /// The ARN of a KMS key: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`. Aliases are not keys and do not parse.
    KeyArn,
    "the ARN of a KMS key (`arn:aws:kms:eu-central-1:111122223333:key/...`)",
    |text| {
        let mut parts = text.splitn(6, ':');
        parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| Partition::parse(partition).is_ok())
            && parts.next() == Some("kms")
            && parts.next().is_some_and(|region| Region::parse(region).is_ok())
            && parts.next().is_some_and(|account| AccountId::parse(account).is_ok())
            && parts.next().and_then(|rest| rest.strip_prefix("key/")).is_some_and(is_key_id)
    }
);

impl RoleArn {
    /// Returns the account that owns the role.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId(arn_part(&self.0, 4))
    }
}

impl KeyArn {
    /// Builds the ARN of a key from its parts.
    ///
    /// # Errors
    /// When `key_id` is not a key id (an alias, for example).
    pub fn new(partition: &Partition, region: &Region, account: &AccountId, key_id: &str) -> Result<Self, IdError> {
        Self::parse(&format!("arn:{partition}:kms:{region}:{account}:key/{key_id}"))
    }

    /// Returns the partition, exactly as it was written.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition(arn_part(&self.0, 1))
    }

    /// Returns the Region that the key lives in.
    #[must_use]
    pub fn region(&self) -> Region {
        Region(arn_part(&self.0, 3))
    }

    /// Returns the account that owns the key.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId(arn_part(&self.0, 4))
    }

    /// Returns the key id alone: a UUID, or `mrk-...` for a multi-Region key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, id)| id)
    }

    /// Says whether the key is a multi-Region primary or replica.
    #[must_use]
    pub fn is_multi_region(&self) -> bool {
        self.key_id().starts_with("mrk-")
    }
}

impl Region {
    /// Returns the partition that a Region belongs to, by its name's prefix.
    #[must_use]
    pub fn partition(&self) -> Partition {
        let prefixes = [
            ("us-gov-", "aws-us-gov"),
            ("cn-", "aws-cn"),
            ("eusc-", "aws-eusc"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
        ];
        let name = prefixes.iter().find(|(prefix, _)| self.0.starts_with(prefix)).map_or("aws", |(_, partition)| partition);
        Partition(name.to_owned())
    }
}

/// Says whether a text is a bare KMS key id: a UUID or `mrk-` and hexadecimal digits; never an alias.
#[must_use]
pub fn is_key_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn arn_part(arn: &str, index: usize) -> String {
    arn.split(':').nth(index).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_arns_keep_their_partition() {
        for (text, partition, region) in [
            ("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "aws", "us-east-1"),
            ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab", "aws-us-gov", "us-gov-west-1"),
            ("arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd", "aws-cn", "cn-north-1"),
            ("arn:aws-eusc:kms:eusc-de-east-1:111122223333:key/1234abcd", "aws-eusc", "eusc-de-east-1"),
        ] {
            let arn = KeyArn::parse(text).unwrap();
            assert_eq!((arn.as_str(), arn.partition().as_str(), arn.region().as_str()), (text, partition, region));
            assert_eq!(arn.region().partition(), arn.partition());
            assert_eq!(KeyArn::new(&arn.partition(), &arn.region(), &arn.account(), arn.key_id()), Ok(arn));
        }
    }

    #[test]
    fn aliases_and_other_services_are_not_keys() {
        for text in [
            "alias/prod",
            "arn:aws:kms:us-east-1:111122223333:alias/prod",
            "arn:aws:s3:us-east-1:111122223333:key/abc",
            "arn:aws:kms:us-east-1:111122223333:key/",
            "arn:aws:kms:us-east-1:111122223333:key/a/b",
            "arn:aws:kms:us-east-1::key/abc",
            "arn:azure:kms:us-east-1:111122223333:key/abc",
        ] {
            assert!(KeyArn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_name_the_input() {
        let error = KeyArn::parse("alias/prod").unwrap_err();
        assert!(error.to_string().starts_with("`alias/prod` is not the ARN of a KMS key"), "{error}");
    }
}
