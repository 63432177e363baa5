//! What is usual for one principal, for one key or secret, and for everybody.
//!
//! | | principal | key, secret or log | pair of both | everybody |
//! |---|---|---|---|---|
//! | networks, countries, Regions | yes | yes | | yes |
//! | operations | yes | | yes | |
//! | hour of the week | yes | | | |
//! | entries and refused calls in an hour | yes | yes | | |
//!
//! A pair keeps operations alone, because there are so many pairs: where and when somebody works is a habit of theirs, not of the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use reprieve_core::audit::Operation;

use super::days::{Day, Days, Fade, Seen, Values, surprise_bits, weekday};
use super::network::Network;
use super::pace::{Hour, Pace};
use super::settings::{Caps, Settings};
use super::sighting::Sighting;

/// How much of an entry is not taken for usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    /// It was refused, or reported: its network, hour and so on count little.
    pub(super) habits: bool,
    /// It came in a burst: it does not raise what is usual in an hour.
    pub(super) pace: bool,
    /// It came in a burst of refusals.
    pub(super) refusals: bool,
}

/// What was seen where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) networks: Values<Network>,
    pub(super) countries: Values<String>,
    pub(super) regions: Values<String>,
}

impl Surroundings {
    fn mark(&mut self, sighting: &Sighting, day: Day, doubt: Doubt, (networks, places): (usize, usize), fade: &Fade) {
        if let Some(network) = &sighting.network {
            self.networks.mark(network.clone(), day, doubt.habits, networks, fade);
        }
        if let Some(country) = &sighting.country {
            self.countries.mark(country.clone(), day, doubt.habits, places, fade);
        }
        if let Some(region) = &sighting.region {
            self.regions.mark(region.clone(), day, doubt.habits, places, fade);
        }
    }

    fn merge(&mut self, other: &Self, (networks, places): (usize, usize), fade: &Fade) {
        self.networks.merge(&other.networks, networks, fade);
        self.countries.merge(&other.countries, places, fade);
        self.regions.merge(&other.regions, places, fade);
    }

    /// Says whether it was ever seen at an address that is open to the internet, before this day.
    pub(super) fn was_on_the_internet(&self, day: Day) -> bool {
        self.networks.all.iter().any(|(network, seen)| network.is_of_the_internet() && seen.usual.before(day).next().is_some())
    }
}

/// What is known of a principal, or of a key or secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    /// The day of the first entry.
    pub(super) first: Day,
    pub(super) entries: u64,
    pub(super) seen: Seen,
    pub(super) surroundings: Surroundings,
    pub(super) pace: Pace,
}

impl Default for Profile {
    fn default() -> Self {
        Self { first: Day::MAX, entries: 0, seen: Seen::default(), surroundings: Surroundings::default(), pace: Pace::default() }
    }
}

impl Profile {
    pub(super) fn mark(&mut self, sighting: &Sighting, (day, hour): (Day, Hour), doubt: Doubt, caps: &Caps, fade: &Fade) {
        self.first = self.first.min(day);
        self.entries = self.entries.saturating_add(1);
        self.seen.mark(day, doubt.habits);
        self.pace.mark(hour, sighting.cell(doubt), caps.hours);
        self.surroundings.mark(sighting, day, doubt, (caps.networks, caps.places), fade);
    }

    pub(super) fn merge(&mut self, other: &Self, caps: &Caps, fade: &Fade) {
        self.first = self.first.min(other.first);
        self.entries = self.entries.saturating_add(other.entries);
        self.seen.merge(other.seen);
        self.pace.merge(&other.pace, caps.hours);
        self.surroundings.merge(&other.surroundings, (caps.networks, caps.places), fade);
    }

    /// Says whether it is known for long enough, on this day.
    pub(super) fn is_of_age(&self, day: Day, settings: &Settings) -> bool {
        i64::from(day) - i64::from(self.first) >= i64::from(settings.learning_days)
    }

    /// Says whether enough is known of it to say what is unusual.
    pub(super) fn is_known(&self, day: Day, settings: &Settings) -> bool {
        let needed = usize::from(settings.learning_active_days);
        self.is_of_age(day, settings)
            && self.entries >= settings.learning_entries
            && self.seen.usual.before(day).take(needed).count() >= needed
    }
}

/// What one principal did with one key or secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pair(pub(super) Values<Operation>);

/// Looking at a key is no use of it, and using it no change: who does the one is new to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is used, or its value is handed out.
    Use,
    /// It is looked at.
    Look,
    /// It is changed.
    Change,
}

impl Purpose {
    pub(super) const fn of(operation: Operation) -> Self {
        if operation.is_use() {
            Self::Use
        } else if matches!(operation, Operation::Read | Operation::List) {
            Self::Look
        } else {
            Self::Change
        }
    }
}

impl Pair {
    /// Returns the days on which it did anything, or anything of this purpose.
    pub(super) fn seen(&self, purpose: Option<Purpose>) -> Seen {
        let of_purpose = self.0.all.iter().filter(|(operation, _)| purpose.is_none_or(|purpose| Purpose::of(**operation) == purpose));
        of_purpose.fold(Seen::default(), |mut all, (_, seen)| {
            all.merge(*seen);
            all
        })
    }
}

/// The last thing that was reported of a principal: the same is not reported again for a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Since which hour.
    pub(super) since: Hour,
    /// The kinds of reasons, a bit each.
    pub(super) kinds: u16,
    pub(super) score: u32,
}

/// A score that is so much higher is news.
const NEWS: u32 = 15;

impl Told {
    /// Says whether a report is news; and if so, remembers it.
    pub(super) fn is_news(&mut self, report: Self, quiet_hours: u32) -> bool {
        if self.kinds == 0 || self.since.abs_diff(report.since) >= quiet_hours {
            *self = report;
            return true;
        }
        let is_news = report.kinds & !self.kinds != 0 || report.score >= self.score.saturating_add(NEWS);
        if is_news {
            self.kinds |= report.kinds;
            self.score = self.score.max(report.score);
        }
        is_news
    }

    /// Keeps the later of both; of the same hour, what either was told. Exact.
    pub(super) fn merge(&mut self, other: Self) {
        if other.since > self.since {
            *self = other;
        } else if other.since == self.since {
            self.kinds |= other.kinds;
            self.score = self.score.max(other.score);
        }
    }
}

/// What is known of a principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) profile: Profile,
    pub(super) operations: Values<Operation>,
    /// By hour of the day; days know their day of the week.
    pub(super) hours: Values<u8>,
    pub(super) pairs: BTreeMap<Arc<str>, Pair>,
    pub(super) told: Told,
}

/// Days on which an hour was seen, of one kind of day, that make the hour usual.
const USUAL_HOUR: f64 = 3.0;

/// How surprising an hour is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OddHour {
    pub(super) share: f64,
    pub(super) bits: f64,
}

impl Principal {
    /// Says how unusual an hour is on this day; `None` where it is usual. The hours before and after count as the hour itself, so that
    /// neither a clock change nor an early start is a surprise; working days and the days of a weekend are told apart.
    pub(super) fn odd_hour(&self, day: Day, hour: u8, fade: &Fade) -> Option<OddHour> {
        let same_kind = |days: Days| days.before(day).filter(|seen| (weekday(*seen) >= 5) == (weekday(day) >= 5));
        let of = |hour: u8| self.hours.all.get(&(hour % 24)).copied().unwrap_or_default();
        let around = [hour + 23, hour, hour + 1].into_iter().fold(Seen::default(), |mut all, hour| {
            all.merge(of(hour));
            all
        });
        let weigh = |days: Days| same_kind(days).map(|seen| fade.at(i64::from(day) - 1 - i64::from(seen))).sum::<f64>();
        let weight = weigh(around.usual) + (weigh(around.doubted) / 4.0).min(1.0);
        if weight >= USUAL_HOUR {
            return None;
        }
        let (sightings, singles) = self.hour_slots(day, fade);
        Some(OddHour { share: 1.0 - weight / USUAL_HOUR, bits: surprise_bits(sightings, singles) })
    }

    /// Returns what all hours weigh, and how many hours, of working days or of weekends, were seen once.
    fn hour_slots(&self, day: Day, fade: &Fade) -> (f64, f64) {
        let mut sightings = 0.0;
        let mut singles = 0.0;
        for seen in self.hours.all.values() {
            let mut counts = [0_u32; 2];
            for at in seen.usual.before(day) {
                sightings += fade.at(i64::from(day) - 1 - i64::from(at));
                let [working, weekend] = &mut counts;
                *(if weekday(at) >= 5 { weekend } else { working }) += 1;
            }
            singles += counts.into_iter().filter(|count| *count == 1).map(|_| 1.0).sum::<f64>();
        }
        (sightings, singles)
    }

    /// Returns how surprising it is that it does something of this purpose with something new. The days on which it does anything are
    /// opportunities too.
    pub(super) fn surprise_of_new(&self, purpose: Purpose, day: Day, fade: &Fade) -> f64 {
        let (sightings, singles) = sightings_of(self.pairs.values(), purpose, day, fade);
        surprise_bits(sightings.max(self.profile.seen.usual.weight(day, fade, f64::MAX)), singles)
    }

    /// Counts what it did something of this purpose with for the first time within a week, of what is `old`.
    pub(super) fn new_within_a_week(&self, purpose: Purpose, day: Day, is_old: impl Fn(&Arc<str>) -> bool) -> u32 {
        let week = day.saturating_sub(WEEK);
        let is_new = |pair: &Pair| {
            let Seen { usual, doubted } = pair.seen(Some(purpose));
            !(usual.is_empty() && doubted.is_empty()) && usual.before(week).chain(doubted.before(week)).next().is_none()
        };
        let count = self.pairs.iter().filter(|(asset, pair)| is_new(pair) && is_old(asset)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Who meets many new things is used to it only after so many days.
const WEEK: Day = 6;

/// Returns what pairs weigh together, and how many of them were seen on one day alone, which is not of this week.
pub(super) fn sightings_of<'a>(pairs: impl Iterator<Item = &'a Pair>, purpose: Purpose, day: Day, fade: &Fade) -> (f64, f64) {
    pairs.fold((0.0, 0.0), |(sightings, singles), pair| {
        let seen = pair.seen(Some(purpose));
        let is_single = seen.is_single(day) && seen.is_single(day.saturating_sub(WEEK));
        (sightings + seen.usual.weight(day, fade, f64::MAX), singles + f64::from(u8::from(is_single)))
    })
}

/// What is usual for all principals together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Everybody {
    pub(super) surroundings: Surroundings,
    /// What was reported of callers without a name.
    pub(super) told: Told,
}

/// Everybody's networks are so many times one principal's.
const EVERYBODY: usize = 16;

impl Everybody {
    pub(super) fn mark(&mut self, sighting: &Sighting, day: Day, doubt: Doubt, caps: &Caps, fade: &Fade) {
        self.surroundings.mark(sighting, day, doubt, (caps.networks * EVERYBODY, caps.places * EVERYBODY), fade);
    }

    pub(super) fn merge(&mut self, other: &Self, caps: &Caps, fade: &Fade) {
        self.told.merge(other.told);
        self.surroundings.merge(&other.surroundings, (caps.networks * EVERYBODY, caps.places * EVERYBODY), fade);
    }
}
