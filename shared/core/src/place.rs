//! An account and the Region in which something of it stands. It names a place and calls none.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, Partition, Region};
use crate::monitoring::change::log_group_of;

/// An account, and a Region of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The partition of every ARN.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl Place {
    /// Returns an account that AWS's documentation uses, for what is tried nowhere in particular.
    ///
    /// # Panics
    /// Never: the texts are constants, and a test reads them.
    #[must_use]
    pub fn documentation() -> Self {
        let parsed = (AccountId::parse("111122223333"), Region::parse("eu-central-1"), Partition::parse("aws"));
        let (Ok(account), Ok(region), Ok(partition)) = parsed else { unreachable!("constants are valid") };
        Self { partition, account, region }
    }

    /// Returns the ARN of something of a service here.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Returns the name of the log group that an ARN names, with or without a trailing `:*`; `None` where it is not here.
    #[must_use]
    pub fn log_group<'a>(&self, arn: &'a str) -> Option<&'a str> {
        log_group_of(arn).filter(|_| arn.starts_with(&self.arn("logs", "log-group:")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_group_of_another_place_is_none_of_ours() {
        let here = Place::documentation();
        let arn = here.arn("logs", "log-group:/reprieve/cloudtrail:*");
        assert_eq!(here.log_group(&arn), Some("/reprieve/cloudtrail"));
        assert_eq!(here.log_group(&arn.replace("eu-central-1", "us-east-1")), None);
        assert_eq!(here.log_group(&arn.replace("111122223333", "444455556666")), None);
    }

    #[test]
    fn an_arn_names_the_place() {
        assert_eq!(Place::documentation().arn("sns", "notices"), "arn:aws:sns:eu-central-1:111122223333:notices");
    }
}
