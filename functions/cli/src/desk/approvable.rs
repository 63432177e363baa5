//! What is approved, as the verbs see it once it was looked at: a key of KMS, or a resource in Azure. Pure.

use jiff::Timestamp;
use reprieve_aws_desk::KeyFile;
use reprieve_azure_desk::{ResourceFile, ResourceState};
use reprieve_core::approval::Sealable;
use reprieve_core::azure::subject::kind;
use reprieve_core::facts::Tags;
use reprieve_core::policy::Asked;
use reprieve_core::{Actor, ActorKind};

use super::{moment, name_of};

/// The longest waiting period of a deletion, in days: of KMS, and of vaults.
const LONGEST_WAITING_DAYS: u32 = 30;
const LONGEST_RETENTION_DAYS: u32 = 90;

/// Whoever will make the change, of whom nothing is known.
const SOMEBODY: &str = "whoever-makes-the-change";

/// A key, or a resource in Azure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Approvable<'a> {
    /// A key of KMS.
    Key(&'a KeyFile),
    /// A resource in Azure.
    Azure(&'a ResourceFile),
}

impl<'a> Approvable<'a> {
    /// Returns what people call it.
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Key(key) => name_of(key),
            Self::Azure(file) => file.id.name(),
        }
    }

    /// Returns its full name.
    pub(crate) fn id(self) -> &'a str {
        match self {
            Self::Key(key) => key.arn.as_str(),
            Self::Azure(file) => file.id.as_str(),
        }
    }

    /// Returns the ARN of a key.
    pub(crate) fn key(self) -> Option<&'a str> {
        matches!(self, Self::Key(_)).then(|| self.id())
    }

    /// Returns the id of a resource in Azure.
    pub(crate) fn resource(self) -> Option<&'a str> {
        matches!(self, Self::Azure(_)).then(|| self.id())
    }

    /// Returns the aliases of a key.
    pub(crate) fn aliases(self) -> Option<&'a [String]> {
        match self {
            Self::Key(key) => Some(&key.aliases),
            Self::Azure(_) => None,
        }
    }

    /// Returns what people call a thing of its kind.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Azure(file) => kind(&file.id),
        }
    }

    /// Returns what stands before its id.
    pub(crate) const fn caption(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Azure(_) => "resource",
        }
    }

    /// Returns its tags.
    pub(crate) const fn tags(self) -> &'a Tags {
        match self {
            Self::Key(key) => &key.tags,
            Self::Azure(file) => &file.tags,
        }
    }

    /// Says whether it waits for its deletion, or is deleted and can be recovered. It cannot be tagged then.
    pub(crate) const fn is_going(self) -> bool {
        match self {
            Self::Key(key) => key.deletion_is_pending(),
            Self::Azure(file) => file.is_deleted(),
        }
    }

    /// Returns its state in words.
    pub(crate) fn state(self) -> String {
        let on = |date: Timestamp, what: &str| format!(", {what} from {} on", moment(date));
        match self {
            Self::Key(key) => {
                format!("{}{}", key.state.as_str(), key.deletion_date.map(|date| on(date, "deleted")).unwrap_or_default())
            }
            Self::Azure(file) => match file.state {
                ResourceState::Present => kind(&file.id).to_owned(),
                ResourceState::Deleted { purge_at } => {
                    format!("deleted {}{}", kind(&file.id), purge_at.map(|date| on(date, "purged")).unwrap_or_default())
                }
            },
        }
    }

    /// Returns what policies are asked about.
    pub(crate) const fn asked(self) -> Asked<'a> {
        match self {
            Self::Key(key) => Asked::Key(&key.arn),
            Self::Azure(file) => Asked::Azure(&file.id),
        }
    }

    /// Returns the state as policies see it.
    pub(crate) fn key_state(self) -> &'a str {
        match self {
            Self::Key(key) => key.state.as_str(),
            Self::Azure(_) => "not-applicable",
        }
    }

    /// Returns the longest time that a deletion can wait, in days.
    pub(crate) const fn longest_waiting_days(self) -> u32 {
        match self {
            Self::Key(_) => LONGEST_WAITING_DAYS,
            Self::Azure(_) => LONGEST_RETENTION_DAYS,
        }
    }

    /// Returns somebody of whom nothing is known but the cloud.
    pub(crate) fn somebody(self) -> Actor {
        match self {
            Self::Key(key) => {
                let account = key.arn.account();
                Actor {
                    kind: ActorKind::IamUser,
                    arn: Some(format!("arn:{}:iam::{account}:user/{SOMEBODY}", key.arn.partition())),
                    account: Some(account),
                    user_name: Some(SOMEBODY.to_owned()),
                    ..Actor::unknown()
                }
            }
            Self::Azure(_) => Actor { kind: ActorKind::EntraUser, user_name: Some(SOMEBODY.to_owned()), ..Actor::unknown() },
        }
    }
}

impl Sealable for Approvable<'_> {
    fn sealed_name(&self) -> &str {
        match self {
            Self::Key(key) => key.arn.sealed_name(),
            Self::Azure(file) => file.id.sealed_name(),
        }
    }
}
