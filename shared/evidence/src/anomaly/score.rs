//! How unusual an entry is: points for each surprise, added up.
//!
//! | reason | points | at most |
//! |---|---|---|
//! | first use by a principal, of what is known | 8 a bit, and 7 for each doubling of what is new to it within a week | 45 + 35 |
//! | an operation that the principal never called anywhere | 4 a bit | 25 |
//! | an operation that it never called on what it uses | 5 a bit | 30 |
//! | new network | 8 a bit; more for the first one on the internet, half for a service | 63 |
//! | new country | 6 a bit | 32 |
//! | new Region | 10 a bit | 60 |
//! | unusual hour of the week | 4 a bit | 25 |
//! | burst | 25, and 12 for each doubling beyond the limit | 70 |
//! | burst of refused calls | 30, and 12 for each doubling beyond the limit | 70 |
//!
//! Bits are those of Good and Turing ([`super::days::surprise_bits`]): who is in a new network every day surprises nobody with another.
//! What was seen on a day or two counts part of it; what others know, half. All but hours and bursts are weighed by what is at stake in
//! the operation (`stake`), all by who called in the end (`damping`): a service of the provider surprises less. The weights
//! were tuned on some seeds of the bench `anomaly`, which reports others.

use std::fmt::Write as _;
use std::sync::Arc;

use reprieve_core::audit::{Asset, AuditEvent, Operation};
use reprieve_core::finding::{Reason, ReasonKind};

use super::Baseline;
use super::days::{FAMILIAR, Novelty, Values, surprise_bits};
use super::pace::{Pace, Usual};
use super::profile::{Doubt, Pair, Principal, Profile, Purpose, sightings_of};
use super::sighting::{Sighting, Via, When};
use super::words;

/// Reasons of fewer points are not worth a clause.
const WORTH_A_CLAUSE: f64 = 4.0;

/// What everybody knows counts so much: the network of an office, a Region that is in use.
const KNOWN_TO_OTHERS: f64 = 0.5;

/// Whoever was only ever in private networks, or behind a service, and comes over the internet.
const OUT_ON_THE_INTERNET: f64 = 1.4;

/// What a habit of the key counts where the principal has none yet.
const HABIT_OF_THE_KEY: f64 = 0.7;

/// An operation that the principal uses elsewhere.
const KNOWN_ELSEWHERE: f64 = 0.6;

/// Hours with entries that are needed to know what a burst is.
const HOURS_NEEDED: usize = 12;

/// What was made of an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Assessment {
    pub(super) score: u32,
    pub(super) reasons: Vec<Reason>,
    /// What it is not to teach, whether or not it is reported.
    pub(super) doubt: Doubt,
}

/// What is at stake in an operation.
const fn stake(operation: Operation) -> f64 {
    match operation {
        Operation::Disable | Operation::Destroy | Operation::Purge => 1.3,
        Operation::ChangeAccess | Operation::Backup => 1.1,
        Operation::Decrypt
        | Operation::ReEncrypt
        | Operation::Unwrap
        | Operation::Derive
        | Operation::Access
        | Operation::Sign
        | Operation::Import => 1.0,
        Operation::Update | Operation::Restore | Operation::Replicate => 0.8,
        Operation::Encrypt
        | Operation::Wrap
        | Operation::Generate
        | Operation::Verify
        | Operation::Create
        | Operation::Rotate
        | Operation::Enable
        | Operation::Tag => 0.6,
        Operation::Read | Operation::List | Operation::Other => 0.45,
    }
}

const fn damping(via: Via, is_burst: bool) -> f64 {
    match (via, is_burst) {
        (Via::Caller, _) => 1.0,
        (Via::OnBehalf, false) | (Via::Service, true) => 0.5,
        (Via::OnBehalf, true) => 0.8,
        (Via::Service, false) => 0.25,
    }
}

/// Adds reasons up.
struct Tally<'a> {
    baseline: &'a Baseline,
    event: &'a AuditEvent,
    sighting: &'a Sighting,
    when: When,
    /// What an operation of this kind counts.
    stake: f64,
    reasons: Vec<(f64, ReasonKind, String)>,
}

/// Scores an entry against what was learned before its day. `when` stands in for the time that an entry does not tell.
pub(super) fn assess(baseline: &Baseline, event: &AuditEvent, sighting: &Sighting, now: When) -> Assessment {
    let when = sighting.when.unwrap_or(now);
    let mut tally = Tally { baseline, event, sighting, when, stake: stake(sighting.operation), reasons: Vec::new() };
    let principal = sighting.principal.as_deref().and_then(|name| baseline.principals.get(name));
    let asset = sighting.asset.as_deref().and_then(|id| baseline.assets.get(id));
    tally.use_of_asset(principal, asset);
    tally.surroundings(principal.map(|principal| &principal.profile), asset);
    if sighting.when.is_some() {
        tally.hour(principal);
        tally.bursts(principal, asset);
    }
    tally.concluded()
}

impl<'a> Tally<'a> {
    fn add(&mut self, kind: ReasonKind, points: f64, sentence: impl FnOnce() -> String) {
        let points = points * damping(self.sighting.via, matches!(kind, ReasonKind::Burst | ReasonKind::RefusedBurst));
        if points >= WORTH_A_CLAUSE {
            self.reasons.push((points, kind, sentence()));
        }
    }

    fn is_known(&self, profile: &Profile) -> bool {
        profile.is_known(self.when.day, &self.baseline.settings)
    }

    /// Who uses what, and how.
    fn use_of_asset(&mut self, principal: Option<&Principal>, profile: Option<&Profile>) {
        let (Some(asset), Some(profile), Some(_)) = (&self.event.asset, profile, &self.sighting.principal) else { return };
        if !profile.is_of_age(self.when.day, &self.baseline.settings) {
            return;
        }
        let (day, fade) = (self.when.day, &self.baseline.fade);
        let purpose = Purpose::of(self.sighting.operation);
        let pair = principal.and_then(|principal| principal.pairs.get(self.sighting.asset.as_deref().unwrap_or_default()));
        let seen = pair.map(|pair| pair.seen(Some(purpose))).unwrap_or_default();
        let weight = seen.weight(day, fade, FAMILIAR);
        if weight < FAMILIAR {
            let novelty = Novelty {
                share: 1.0 - weight / FAMILIAR,
                bits: self.surprise_of_pair(principal, purpose),
                last: seen.last_before(day),
                is_of_today: seen.contains(day),
                is_uncertain: self.baseline.has_forgotten,
            };
            self.new_principal(asset, principal, purpose, novelty);
            self.new_anywhere(principal);
        } else if let (Some(Pair(operations)), Some(principal)) = (pair, principal) {
            self.new_operation(asset, principal, operations);
        }
    }

    /// The lesser surprise of two: that somebody new uses this, and that this caller uses something new. Either explains it.
    fn surprise_of_pair(&self, principal: Option<&Principal>, purpose: Purpose) -> f64 {
        let (baseline, day) = (self.baseline, self.when.day);
        let of_asset = baseline.users_of(self.sighting.asset.as_deref().unwrap_or_default());
        let (sightings, singles) = sightings_of(of_asset, purpose, day, &baseline.fade);
        let bits = surprise_bits(sightings, singles);
        let of_principal = principal.filter(|principal| self.is_known(&principal.profile));
        of_principal.map_or(bits, |principal| bits.min(principal.surprise_of_new(purpose, day, &baseline.fade)))
    }

    fn new_principal(&mut self, asset: &Asset, principal: Option<&Principal>, purpose: Purpose, novelty: Novelty) {
        let (baseline, day) = (self.baseline, self.when.day);
        let is_old = |asset: &Arc<str>| baseline.assets.get(asset).is_some_and(|profile| profile.is_of_age(day, &baseline.settings));
        let known = principal.filter(|principal| self.is_known(&principal.profile));
        // This one is among them from its second entry on.
        let others = known.map_or(0, |one| one.new_within_a_week(purpose, day, is_old));
        let first = (novelty.bits * 8.0).min(45.0);
        let breadth = (f64::from(others.max(1)).log2() * 7.0 * (novelty.bits / 5.0).min(1.0)).min(35.0);
        let mut sentence = words::first_use(self.event, asset, &novelty, day);
        if others > 2 {
            // Writing to a string cannot fail.
            write!(sentence, ", one of {} that are new to it within a week", words::count(others)).ok();
        }
        self.add(ReasonKind::NewPrincipal, (first + breadth) * novelty.share * self.stake, || sentence);
    }

    /// What the caller does nowhere.
    fn new_anywhere(&mut self, principal: Option<&Principal>) {
        let Some(principal) = principal.filter(|principal| self.is_known(&principal.profile)) else { return };
        let (day, operation) = (self.when.day, self.sighting.operation);
        let Some(novelty) = principal.operations.novelty(&operation, day, &self.baseline.fade) else { return };
        let points = (novelty.bits * 4.0).min(25.0) * novelty.share * self.stake;
        let sentence = words::first_anywhere(self.event, &novelty, day);
        self.add(ReasonKind::NewOperation, points, || sentence);
    }

    fn new_operation(&mut self, asset: &Asset, principal: &Principal, operations: &Values<Operation>) {
        let (day, fade, operation) = (self.when.day, &self.baseline.fade, self.sighting.operation);
        let Some(novelty) = operations.novelty(&operation, day, fade).filter(|_| self.is_known(&principal.profile)) else { return };
        let elsewhere = if principal.operations.is_familiar(&operation, day, fade) { KNOWN_ELSEWHERE } else { 1.0 };
        let points = (novelty.bits * 5.0).min(30.0) * novelty.share * self.stake * elsewhere;
        let sentence = words::first_use(self.event, asset, &novelty, day);
        self.add(ReasonKind::NewOperation, points, || sentence);
    }

    /// From where.
    fn surroundings(&mut self, principal: Option<&'a Profile>, asset: Option<&'a Profile>) {
        let known = |profile: Option<&'a Profile>| profile.filter(|profile| self.is_known(profile));
        let (Profile { surroundings: habits, .. }, weight) = match (known(principal), known(asset)) {
            (Some(profile), _) => (profile, 1.0),
            (None, Some(profile)) => (profile, HABIT_OF_THE_KEY),
            (None, None) => return,
        };
        let (sighting, everybody) = (self.sighting, &self.baseline.everybody.surroundings);
        let stake = self.stake.max(0.6) * weight;
        if let Some(network) = &sighting.network {
            let is_first_of_its_kind = network.is_of_the_internet() && !habits.was_on_the_internet(self.when.day);
            let kind = match network.is_service() {
                true => KNOWN_TO_OTHERS,
                false if is_first_of_its_kind => OUT_ON_THE_INTERNET,
                false => 1.0,
            };
            let place = format!("from {network}");
            self.place(ReasonKind::NewNetwork, (&habits.networks, &everybody.networks), network, (8.0, 45.0, stake * kind), &place);
        }
        if let Some(country) = &sighting.country {
            let place = format!("from country {country}");
            self.place(ReasonKind::NewCountry, (&habits.countries, &everybody.countries), country, (6.0, 32.0, stake), &place);
        }
        if let Some(region) = &sighting.region {
            let place = format!("in {}", words::shown(region));
            // Whoever looks around in a console opens Regions; whoever acts in a new one means it.
            let stake = if Purpose::of(sighting.operation) == Purpose::Look { stake } else { stake.max(weight) };
            self.place(ReasonKind::NewRegion, (&habits.regions, &everybody.regions), region, (10.0, 60.0, stake), &place);
        }
    }

    fn place<K: Ord>(
        &mut self,
        kind: ReasonKind,
        (own, everybody): (&Values<K>, &Values<K>),
        value: &K,
        (a_bit, most, factor): (f64, f64, f64),
        place: &str,
    ) {
        let (day, fade) = (self.when.day, &self.baseline.fade);
        let Some(novelty) = own.novelty(value, day, fade) else { return };
        let others = if everybody.is_familiar(value, day, fade) { KNOWN_TO_OTHERS } else { 1.0 };
        let sentence = words::from_where(place, &novelty, day);
        self.add(kind, (novelty.bits * a_bit).min(most) * novelty.share * factor * others, || sentence);
    }

    /// At what hour of the week.
    fn hour(&mut self, principal: Option<&Principal>) {
        let Some(principal) = principal.filter(|principal| self.is_known(&principal.profile)) else { return };
        let (When { day, hour_of_day, .. }, fade) = (self.when, &self.baseline.fade);
        let Some(odd) = principal.odd_hour(day, hour_of_day, fade) else { return };
        let points = (odd.bits * 4.0).min(25.0) * odd.share;
        let sentence = words::at_hour(day, hour_of_day, principal, fade);
        self.add(ReasonKind::UnusualHour, points, || sentence);
    }

    /// How often: by this caller, and on this key.
    fn bursts(&mut self, principal: Option<&Principal>, asset: Option<&Profile>) {
        let settings = &self.baseline.settings;
        let caller = principal.map(|principal| (&principal.profile, format!("by {}", words::caller(self.event))));
        let object = self.event.asset.as_ref().map(words::object);
        // Nobody is reported for what others do: a quarter of the burst has to be theirs.
        let hour = self.when.hour;
        let share = principal.map_or(u32::MAX, |principal| principal.profile.pace.at(hour).entries.saturating_add(1));
        let is_theirs = |profile: &&Profile| share.saturating_mul(4) >= profile.pace.at(hour).entries;
        let object = asset.filter(is_theirs).zip(object).map(|(profile, name)| (profile, format!("on {name}")));
        let stake = self.stake.clamp(0.7, 1.0);
        let (mut burst, mut refusals) = (None, None);
        for (profile, whose) in caller.into_iter().chain(object).filter(|(profile, _)| self.is_known(profile)) {
            let all = self.excess(&profile.pace, settings.burst_floor, false);
            let refused = if self.sighting.is_refused { self.excess(&profile.pace, settings.refused_floor, true) } else { None };
            for (found, worst) in [(all, &mut burst), (refused, &mut refusals)] {
                let Some(excess) = found else { continue };
                if worst.as_ref().is_none_or(|(other, _): &(Excess, String)| excess.doublings > other.doublings) {
                    *worst = Some((excess, whose.clone()));
                }
            }
        }
        if let Some((excess, whose)) = burst {
            let Excess { count, usual, doublings } = excess;
            let (count, usual) = (words::count(count), usual_rate(&usual));
            let sentence = format!("{count} entries {whose} in one hour, {usual}");
            self.add(ReasonKind::Burst, doublings.mul_add(12.0, 25.0).min(70.0) * stake, || sentence);
        }
        if let Some((excess, whose)) = refusals {
            let Excess { count, usual, doublings } = excess;
            let (count, usual) = (words::count(count), usual_rate(&usual));
            let sentence = format!("{count} refused calls {whose} in one hour, {usual}");
            self.add(ReasonKind::RefusedBurst, doublings.mul_add(12.0, 30.0).min(70.0), || sentence);
        }
    }

    fn excess(&self, pace: &Pace, floor: u32, of_refused: bool) -> Option<Excess> {
        let here = pace.at(self.when.hour);
        let count = if of_refused { here.refused } else { here.entries }.saturating_add(1);
        if count <= floor {
            return None;
        }
        let usual = pace.usual(self.when.day, &self.baseline.fade, |cell| {
            if of_refused { cell.refused.saturating_sub(cell.doubted_refused) } else { cell.entries.saturating_sub(cell.doubted) }
        });
        let limit = usual.limit(floor);
        (usual.hours >= HOURS_NEEDED && f64::from(count) > limit).then(|| Excess {
            count,
            usual,
            doublings: (f64::from(count) / limit).log2(),
        })
    }

    fn concluded(mut self) -> Assessment {
        self.reasons.sort_by(|(left, one, _), (right, other, _)| right.total_cmp(left).then(one.cmp(other)));
        let has = |kind| self.reasons.iter().any(|(_, reason, _)| *reason == kind);
        let refused = has(ReasonKind::RefusedBurst);
        let doubt = Doubt { habits: self.sighting.is_refused, pace: has(ReasonKind::Burst), refusals: refused };
        let reasons: Vec<Reason> =
            self.reasons.into_iter().map(|(points, kind, sentence)| Reason { kind, weight: whole(points), sentence }).collect();
        let score = reasons.iter().map(|reason| reason.weight).fold(0_u32, u32::saturating_add).min(100);
        Assessment { score, reasons, doubt }
    }
}

/// More than usual in an hour.
#[derive(Debug, Clone, Copy)]
struct Excess {
    count: u32,
    usual: Usual,
    /// How often the limit doubled.
    doublings: f64,
}

fn usual_rate(usual: &Usual) -> String {
    if usual.most == 0 {
        return "usually none".to_owned();
    }
    format!("usually about {}, never more than {}", words::count(whole(usual.mean)), words::count(usual.most))
}

/// Rounds points, which lie between 0 and a few thousand.
fn whole(points: f64) -> u32 {
    let rounded = points.round().clamp(0.0, f64::from(u32::MAX));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to what fits")]
    let whole = rounded as u32;
    whole
}
