//! How long an object waits for its seal, judged by when its store says that it was written.
//!
//! It knows which seal is to seal an object, as the sealer lists what was written (`reprieve_engine::seal`), and looks at no seal itself.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::layout::Shelf;

/// How long after it happened something is usually recorded at the latest. What tells of longer ago is not looked for every hour: the
/// first seal of the next day seals it.
pub const EVENT_DAYS: SignedDuration = SignedDuration::from_hours(16 * 24);

/// How long an object may have no seal: until its hour is over, twelve minutes until that is sealed, one more hour where a run failed, and
/// a margin for the run itself and for the clocks, since one is the store's, and the other that of whoever verifies.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(150);

const DAY_SECONDS: i64 = 86_400;

/// How an object that no seal seals stands to the seals that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Wait {
    /// The seal that is to seal it is not due, or not for long.
    Awaiting,
    /// The seal that is to seal it should have been there for a while.
    Overdue,
    /// The seal that was to seal it is there, and does not.
    PassedBy,
}

/// Says how an object stands that was written at this time, where the last seal ends at `sealed_until`.
pub(super) fn wait_of(name: &str, modified: Timestamp, sealed_until: Timestamp, now: Timestamp) -> Wait {
    let is_of_long_ago = hour_of(name).is_some_and(|hour| modified.duration_since(hour) > EVENT_DAYS);
    // The seal that begins then, or goes on beyond it, is the one to seal the object.
    let since = if is_of_long_ago { next_day(modified) } else { modified };
    if sealed_until > since {
        Wait::PassedBy
    } else if now.duration_since(since) > LONGEST_WAIT {
        Wait::Overdue
    } else {
        Wait::Awaiting
    }
}

/// Reads out of an object's name of which hour it tells. `None` where it lies elsewhere than [`crate::layout`] says.
fn hour_of(name: &str) -> Option<Timestamp> {
    let below = name.strip_prefix(Shelf::of(name)?.prefix())?;
    let (end, _) = below.match_indices('/').nth(3)?;
    let hour = DateTime::strptime("year=%Y/month=%m/day=%d/hour=%H", below.get(..end)?).ok()?;
    Some(hour.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Returns when the next day in UTC begins.
fn next_day(time: Timestamp) -> Timestamp {
    let days = time.as_second().div_euclid(DAY_SECONDS) + 1;
    Timestamp::from_second(days * DAY_SECONDS).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_hour_of_which_an_object_tells_is_read_out_of_its_name() {
        let hour = Some(time("2026-11-21T05:00:00Z"));
        for shelf in Shelf::ALL {
            let name = |place: &str| format!("{}{place}", shelf.prefix());
            assert_eq!(hour_of(&name("year=2026/month=11/day=21/hour=05/account=1/region=r/one.json")), hour);
            for other in ["one.json", "year=2026/month=11/day=21/one.json", "year=2026/month=11/day=32/hour=05/one.json"] {
                assert_eq!(hour_of(&name(other)), None, "{other}");
            }
        }
        assert_eq!(hour_of("audit/year=2026/month=11/day=21/hour=05/one.json"), None);
    }

    #[test]
    fn the_next_day_begins_after_midnight_also_at_midnight() {
        for text in ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59.9Z"] {
            assert_eq!(next_day(time(text)), time("2026-11-22T00:00:00Z"));
        }
        assert_eq!(next_day(Timestamp::MAX), Timestamp::MAX);
    }
}
