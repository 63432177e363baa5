//! On which days something was seen: what the baseline remembers of everything but rates.
//!
//! Days rather than counts, because a day counts once however often something happens on it: a repeated delivery teaches nothing twice, an
//! attacker who calls a thousand times in an hour is one day old, and two baselines merge exactly, in any order. The newest
//! [`Days::SPAN`] days before the last one are kept, which is fixed by the last day alone; so the order of learning does not matter either.
//!
//! Ageing is a matter of reading: a day weighs half as much after each half-life, measured from the day of the entry that is judged.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A day in UTC, counted from 1970-01-01.
pub(super) type Day = i32;

const SECONDS_A_DAY: i64 = 86_400;

/// Returns the day in UTC.
pub(super) fn day_of(at: Timestamp) -> Day {
    i32::try_from(at.as_second().div_euclid(SECONDS_A_DAY)).unwrap_or(i32::MAX)
}

/// Returns the hour of the day in UTC, from 0 to 23.
pub(super) fn hour_of_day(at: Timestamp) -> u8 {
    u8::try_from(at.as_second().rem_euclid(SECONDS_A_DAY) / 3_600).unwrap_or(0)
}

/// Returns the day of the week, 0 for Monday.
pub(super) const fn weekday(day: Day) -> u8 {
    // 1970-01-01 was a Thursday.
    match (day.rem_euclid(7) + 3) % 7 {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 3,
        4 => 4,
        5 => 5,
        _ => 6,
    }
}

/// Returns a day as people write it.
pub(super) fn written(day: Day) -> String {
    let at = Timestamp::from_second(i64::from(day).saturating_mul(SECONDS_A_DAY)).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d").to_string()
}

/// How much a day weighs, by its age in days.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fade(Vec<f64>);

impl Fade {
    pub(super) fn new(half_life_days: u16) -> Self {
        let half_life = f64::from(half_life_days.max(1));
        Self((0..512_u16).map(|age| (-f64::from(age) / half_life).exp2()).collect())
    }

    /// Returns the weight of a day that lies `age` days back; what is older than the table weighs nothing.
    pub(super) fn at(&self, age: i64) -> f64 {
        usize::try_from(age).ok().and_then(|age| self.0.get(age)).copied().unwrap_or(0.0)
    }
}

/// A set of days: bit `n` stands for `n` days before the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) last: Day,
    pub(super) bits: u128,
}

impl Days {
    /// How many days are kept, the last one included.
    pub(super) const SPAN: u32 = u128::BITS;

    pub(super) const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Adds a day. One that lies further back than is kept adds nothing.
    pub(super) fn mark(&mut self, day: Day) {
        self.merge(Self { last: day, bits: 1 });
    }

    /// Adds all days of another set. Exact: associative, commutative and idempotent.
    pub(super) fn merge(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        let (newer, older) = if self.is_empty() || other.last > self.last { (other, *self) } else { (*self, other) };
        let shift = i64::from(newer.last) - i64::from(older.last);
        let moved = u32::try_from(shift).ok().and_then(|shift| older.bits.checked_shl(shift)).unwrap_or(0);
        *self = Self { last: newer.last, bits: newer.bits | moved };
    }

    /// Lists the days, the newest first.
    pub(super) fn newest_first(self) -> impl Iterator<Item = Day> {
        let mut bits = self.bits;
        std::iter::from_fn(move || {
            let age = (bits != 0).then(|| bits.trailing_zeros())?;
            bits &= bits - 1;
            Some(self.last.saturating_sub(i32::try_from(age).unwrap_or(i32::MAX)))
        })
    }

    /// Lists the days before this one, the newest first.
    pub(super) fn before(self, day: Day) -> impl Iterator<Item = Day> {
        self.newest_first().filter(move |seen| *seen < day)
    }

    /// Returns what the days before `day` weigh together, counted up to `enough`.
    pub(super) fn weight(self, day: Day, fade: &Fade, enough: f64) -> f64 {
        let mut weight = 0.0;
        for seen in self.before(day) {
            weight += fade.at(i64::from(day) - 1 - i64::from(seen));
            if weight >= enough {
                break;
            }
        }
        weight
    }

    pub(super) const fn contains(self, day: Day) -> bool {
        let age = self.last as i64 - day as i64;
        age >= 0 && age < Self::SPAN as i64 && (self.bits >> age) & 1 == 1
    }
}

/// When something was seen: on usual days, and on days when it was reported as unusual, which teach less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) usual: Days,
    pub(super) doubted: Days,
}

/// A doubted day weighs so much of a usual one.
const DOUBTED_SHARE: f64 = 0.25;
/// All doubted days together weigh no more than this: doubt alone never makes anything familiar.
const DOUBTED_LIMIT: f64 = 1.0;

impl Seen {
    pub(super) fn mark(&mut self, day: Day, is_doubted: bool) {
        if is_doubted { self.doubted.mark(day) } else { self.usual.mark(day) }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.usual.merge(other.usual);
        self.doubted.merge(other.doubted);
    }

    pub(super) fn weight(self, day: Day, fade: &Fade, enough: f64) -> f64 {
        let doubted = self.doubted.weight(day, fade, DOUBTED_LIMIT / DOUBTED_SHARE) * DOUBTED_SHARE;
        doubted.min(DOUBTED_LIMIT) + self.usual.weight(day, fade, enough)
    }

    /// Returns the last day before this one.
    pub(super) fn last_before(self, day: Day) -> Option<Day> {
        self.usual.before(day).next().max(self.doubted.before(day).next())
    }

    /// Returns the last day of all.
    pub(super) fn last(self) -> Day {
        let of = |days: Days| if days.is_empty() { Day::MIN } else { days.last };
        of(self.usual).max(of(self.doubted))
    }

    pub(super) const fn contains(self, day: Day) -> bool {
        self.usual.contains(day) || self.doubted.contains(day)
    }

    /// Says whether it was seen on one usual day alone, before this one.
    pub(super) fn is_single(self, day: Day) -> bool {
        let mut days = self.usual.before(day);
        days.next().is_some() && days.next().is_none()
    }
}

/// What was seen of one kind, and on which days: the networks of a role, the operations on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values<K: Ord> {
    pub(super) all: BTreeMap<K, Seen>,
    /// Something was forgotten because there was no room: what is not there may have been.
    pub(super) has_forgotten: bool,
}

impl<K: Ord> Default for Values<K> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), has_forgotten: false }
    }
}

/// How new something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Novelty {
    /// From 1 (never seen before today) down to 0 (familiar, which is never returned).
    pub(super) share: f64,
    /// How surprising it is that anything new comes, in bits: little where new things come all the time.
    pub(super) bits: f64,
    /// The last day before today on which it was seen.
    pub(super) last: Option<Day>,
    /// Whether it was seen earlier today.
    pub(super) is_of_today: bool,
    /// Whether it may have been seen, and been forgotten.
    pub(super) is_uncertain: bool,
}

/// What was seen on days of this weight together is familiar.
pub(super) const FAMILIAR: f64 = 2.0;

/// Returns how surprising anything new is, in bits, after Good and Turing: the chance that the next sighting is of something new is the
/// share of those that were seen once among all sightings.
pub(super) fn surprise_bits(sightings: f64, singles: f64) -> f64 {
    -((singles + 0.5) / (sightings + 1.0)).min(1.0).log2()
}

impl<K: Ord> Values<K> {
    /// Marks a day.
    pub(super) fn mark(&mut self, value: K, day: Day, is_doubted: bool, cap: usize, fade: &Fade)
    where
        K: Clone,
    {
        self.all.entry(value).or_default().mark(day, is_doubted);
        self.trim(cap, fade);
    }

    /// Adds all days of another's. Exact as long as nothing has to be forgotten.
    pub(super) fn merge(&mut self, other: &Self, cap: usize, fade: &Fade)
    where
        K: Clone,
    {
        for (value, seen) in &other.all {
            self.all.entry(value.clone()).or_default().merge(*seen);
        }
        self.has_forgotten |= other.has_forgotten;
        self.trim(cap, fade);
    }

    /// Forgets what weighs least once there is a quarter more than there is room for.
    fn trim(&mut self, cap: usize, fade: &Fade)
    where
        K: Clone,
    {
        if self.all.len() <= cap.saturating_add(cap / 4) {
            return;
        }
        let today = self.all.values().map(|seen| seen.last()).max().unwrap_or(0).saturating_add(1);
        let mut weighed: Vec<(f64, K)> = self.all.iter().map(|(value, seen)| (seen.weight(today, fade, f64::MAX), value.clone())).collect();
        weighed.sort_by(|(left, one), (right, other)| right.total_cmp(left).then_with(|| one.cmp(other)));
        for (_, value) in weighed.into_iter().skip(cap) {
            self.all.remove(&value);
        }
        self.has_forgotten = true;
    }

    /// Says how new a value is on this day; `None` where it is familiar.
    pub(super) fn novelty<Q>(&self, value: &Q, day: Day, fade: &Fade) -> Option<Novelty>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let seen = self.all.get(value).copied().unwrap_or_default();
        let weight = seen.weight(day, fade, FAMILIAR);
        if weight >= FAMILIAR {
            return None;
        }
        let (sightings, singles) = self.sightings(day, fade);
        let bits = surprise_bits(sightings, singles);
        let (last, is_of_today) = (seen.last_before(day), seen.contains(day));
        Some(Novelty { share: 1.0 - weight / FAMILIAR, bits, last, is_of_today, is_uncertain: self.has_forgotten })
    }

    /// Returns what all days before this one weigh, and how many values were seen on one day alone.
    fn sightings(&self, day: Day, fade: &Fade) -> (f64, f64) {
        self.all.values().fold((0.0, 0.0), |(sightings, singles), seen| {
            let single = if seen.is_single(day) { 1.0 } else { 0.0 };
            (sightings + seen.usual.weight(day, fade, f64::MAX), singles + single)
        })
    }

    /// Says whether a value is familiar on this day.
    pub(super) fn is_familiar<Q>(&self, value: &Q, day: Day, fade: &Fade) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.all.get(value).is_some_and(|seen| seen.weight(day, fade, FAMILIAR) >= FAMILIAR)
    }
}
