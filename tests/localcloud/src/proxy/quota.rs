//! The request quotas of KMS: one token bucket for each operation, account and Region.
//!
//! The numbers are the defaults that AWS publishes for KMS. Time is an argument.

use std::collections::HashMap;
use std::time::Instant;

use super::answer::Refusal;

/// Returns how many calls a second an account may make in a Region, where KMS has a quota of that operation's own.
#[must_use]
pub fn kms_requests_per_second(operation: &str) -> Option<u32> {
    Some(match operation {
        "CancelKeyDeletion"
        | "EnableKey"
        | "DisableKey"
        | "UntagResource"
        | "UpdateAlias"
        | "ConnectCustomKeyStore"
        | "DisconnectCustomKeyStore"
        | "CreateAlias"
        | "CreateKey"
        | "DisableKeyRotation"
        | "ReplicateKey"
        | "UpdateKeyDescription"
        | "UpdatePrimaryRegion"
        | "GetKeyLastUsage" => 5,
        "TagResource" => 10,
        "ScheduleKeyDeletion"
        | "PutKeyPolicy"
        | "DeleteAlias"
        | "EnableKeyRotation"
        | "DeleteImportedKeyMaterial"
        | "ImportKeyMaterial" => 15,
        "ListGrants" => 100,
        "ListKeys" | "ListAliases" => 500,
        "GetKeyPolicy" | "GetKeyRotationStatus" => 1_000,
        "DescribeKey" | "ListResourceTags" => 2_000,
        _ => return None,
    })
}

/// Counts the calls of every operation, account and Region against their quota.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    off: bool,
    buckets: HashMap<(String, String, String), Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Quotas {
    /// Switches all quotas on or off; switching fills the buckets again.
    pub(crate) fn switch(&mut self, on: bool) {
        self.off = !on;
        self.buckets.clear();
    }

    /// Takes one call of KMS out of its bucket, or says why it may not be made now.
    pub(crate) fn take(&mut self, operation: &str, account: &str, region: &str, now: Instant) -> Option<Refusal> {
        self.take_at(kms_requests_per_second(operation)?, operation, account, region, now)
    }

    /// Takes one call out of a bucket of that many calls a second.
    pub(crate) fn take_at(
        &mut self,
        requests_per_second: u32,
        operation: &str,
        account: &str,
        region: &str,
        now: Instant,
    ) -> Option<Refusal> {
        if self.off {
            return None;
        }
        let rate = f64::from(requests_per_second);
        let bucket = self
            .buckets
            .entry((operation.to_owned(), account.to_owned(), region.to_owned()))
            .or_insert(Bucket { tokens: rate, filled_at: now });
        let elapsed = now.saturating_duration_since(bucket.filled_at);
        bucket.tokens = (bucket.tokens + elapsed.as_secs_f64() * rate).min(rate);
        bucket.filled_at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return None;
        }
        Some(throttled())
    }
}

/// The answer to too many calls.
fn throttled() -> Refusal {
    Refusal::bad_request(
        "ThrottlingException",
        "Rate exceeded. You have exceeded the rate at which you may call this operation; reduce the frequency of your calls.",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_sixth_cancel_within_a_second_is_throttled_and_a_later_one_is_not() {
        let (mut quotas, start) = (Quotas::default(), Instant::now());
        let mut take = |at_ms: u64| quotas.take("CancelKeyDeletion", "1", "us-east-1", start + Duration::from_millis(at_ms));
        assert!((0..5).all(|_| take(0).is_none()));
        assert_eq!(take(0).map(|refusal| (refusal.status, refusal.code)), Some((400, "ThrottlingException".to_owned())));
        assert!(take(200).is_none(), "one token comes back every 200 ms");
        assert!(take(210).is_some());
    }

    #[test]
    fn accounts_regions_and_operations_have_buckets_of_their_own() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(quotas.take("EnableKey", "1", "us-east-1", now), None);
        }
        assert!(quotas.take("EnableKey", "1", "us-east-1", now).is_some());
        assert_eq!(quotas.take("EnableKey", "2", "us-east-1", now), None);
        assert_eq!(quotas.take("EnableKey", "1", "eu-west-1", now), None);
        assert_eq!(quotas.take("DisableKey", "1", "us-east-1", now), None);
        assert_eq!(quotas.take("NoQuotaOfItsOwn", "1", "us-east-1", now), None);
    }

    #[test]
    fn quotas_can_be_switched_off() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        quotas.switch(false);
        assert!((0..100).all(|_| quotas.take("EnableKey", "1", "us-east-1", now).is_none()));
    }
}
