//! An account and the Region in which something of it stands. It names a place and calls none.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, Partition, Region};

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_the_place() {
        assert_eq!(Place::documentation().arn("sns", "notices"), "arn:aws:sns:eu-central-1:111122223333:notices");
    }
}
