//! The drill: whether its key may be touched, what the guard and the alarm have to show, what it came to. Pure.
//!
//! The drill schedules the deletion of one key that it made for that, watches what follows, and leaves the key as it was.
//! *Architecture invariant:* a deletion can be scheduled only with a [`Cleared`], which nothing but [`may_touch`] makes.

pub mod clearance;
pub mod decide;
pub mod letter;
pub mod path;

use std::fmt;

use crate::event::Event;
use crate::id::{AccountId, Region};
use crate::monitoring::event::SOURCE;

pub use clearance::{Cleared, Doubt, Evidence, KeyPortrait, may_touch};
pub use decide::DrillReport;
pub use letter::{AlarmMessage, Content, GuardNotice, Letter};
pub use path::{Path, Sightings, Terms, Verdict, verdicts};

/// The name under which a drill is recorded.
pub const DRILL: &str = "Drill";

/// The tag of the drill's own key; its value is [`DRILL_TAG_VALUE`].
pub const DRILL_TAG: &str = "reprieve:drill";

/// The value of [`DRILL_TAG`].
pub const DRILL_TAG_VALUE: &str = "true";

/// The function that makes the key, as the tag `reprieve:managed-by` names it.
pub const MANAGED_BY: &str = "aws-rehearse-incident";

/// The waiting period of the deletion that is scheduled, in days: the longest there is, so that a drill of which every part fails still
/// leaves a month.
pub const WAITING_DAYS: u32 = 30;

/// The alias of the drill's own key: `alias/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DrillAlias(String);

/// Says why a text cannot be the alias of the drill's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no alias for a key of one's own, such as `alias/reprieve-drill` (letters, digits, `/`, `_` and `-`; not `alias/aws/...`)"
)]
pub struct DrillAliasError(String);

impl DrillAlias {
    /// Parses the alias.
    ///
    /// # Errors
    /// Says what was expected, with the input. Source of the rule: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>.
    pub fn parse(text: &str) -> Result<Self, DrillAliasError> {
        let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'));
        let name = text.strip_prefix("alias/").filter(|name| !name.is_empty() && !name.starts_with("aws/") && is_plain(name));
        match name {
            Some(_) if text.len() <= 256 => Ok(Self(text.to_owned())),
            Some(_) | None => Err(DrillAliasError(text.to_owned())),
        }
    }

    /// Returns the alias, as `alias/NAME`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DrillAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the drill is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillPlace {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

/// Says whether a record of this event is of a drill.
#[must_use]
pub fn is_drill(event: &Event) -> bool {
    event.source == SOURCE && event.name == DRILL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_of_aws_or_with_odd_characters_is_none_for_the_drill() {
        assert_eq!(DrillAlias::parse("alias/reprieve-drill").unwrap().as_str(), "alias/reprieve-drill");
        for wrong in ["", "alias/", "reprieve-drill", "alias/aws/s3", "alias/a b", "alias/a:b", "arn:aws:kms:eu-central-1:1:alias/x"] {
            let error = DrillAlias::parse(wrong).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{wrong}` is no alias")), "{error}");
        }
    }
}
