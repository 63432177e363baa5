//! How fast Resource Manager may be called: by what it says is left of its quotas, so that a sweep does not use up what remedies need.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use azure_core::http::Method;
use azure_core::http::headers::Headers;

/// Quotas are told in headers of this name and more, such as `x-ms-ratelimit-remaining-subscription-reads`
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).
const REMAINING: &str = "x-ms-ratelimit-remaining-";

/// From so few calls left on, each waits a little; a quota fills up by ten calls a second or more.
const FEW: u32 = 20;
const FEW_PAUSE: Duration = Duration::from_millis(200);
const HARDLY_ANY: u32 = 5;
const HARDLY_ANY_PAUSE: Duration = Duration::from_secs(1);

/// Knows what was last left for reading and for writing.
#[derive(Debug)]
pub(crate) struct Pace {
    reads: AtomicU32,
    writes: AtomicU32,
}

impl Pace {
    /// Begins without a wait.
    pub(crate) const fn new() -> Self {
        Self { reads: AtomicU32::new(u32::MAX), writes: AtomicU32::new(u32::MAX) }
    }

    const fn of(&self, method: Method) -> &AtomicU32 {
        if matches!(method, Method::Get | Method::Head) { &self.reads } else { &self.writes }
    }

    /// Returns how long to wait before such a call.
    pub(crate) fn pause(&self, method: Method) -> Duration {
        let left = self.of(method).load(Ordering::Relaxed);
        if left <= HARDLY_ANY {
            HARDLY_ANY_PAUSE
        } else if left <= FEW {
            FEW_PAUSE
        } else {
            Duration::ZERO
        }
    }

    /// Takes note of what an answer says is left.
    pub(crate) fn note(&self, method: Method, headers: &Headers) {
        let left = headers.iter().filter(|(name, _)| name.as_str().starts_with(REMAINING));
        // Quotas of a resource provider are lists of `name;number`, and are not counted by us.
        let left = left.filter_map(|(_, value)| value.as_str().trim().parse::<u32>().ok());
        self.of(method).store(left.min().unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.insert(*name, *value);
        }
        headers
    }

    #[test]
    fn the_pause_follows_the_smallest_quota() {
        let reads = "x-ms-ratelimit-remaining-subscription-reads";
        let global = "x-ms-ratelimit-remaining-subscription-global-reads";
        let resource = "x-ms-ratelimit-remaining-resource";
        for (pairs, pause) in [
            (vec![], Duration::ZERO),
            (vec![(reads, "249")], Duration::ZERO),
            (vec![(reads, "20")], FEW_PAUSE),
            (vec![(reads, "200"), (global, "5")], HARDLY_ANY_PAUSE),
            (vec![(resource, "Microsoft.Storage/Get;1")], Duration::ZERO),
            (vec![(reads, "many")], Duration::ZERO),
        ] {
            let pace = Pace::new();
            pace.note(Method::Get, &headers(&pairs));
            assert_eq!(pace.pause(Method::Get), pause, "{pairs:?}");
            assert_eq!(pace.pause(Method::Put), Duration::ZERO, "{pairs:?}");
        }
    }

    #[test]
    fn writes_have_their_own() {
        let pace = Pace::new();
        pace.note(Method::Put, &headers(&[("x-ms-ratelimit-remaining-subscription-writes", "0")]));
        assert_eq!(pace.pause(Method::Patch), HARDLY_ANY_PAUSE);
        assert_eq!(pace.pause(Method::Get), Duration::ZERO);
    }
}
