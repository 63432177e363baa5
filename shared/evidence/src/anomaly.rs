//! Anomalies: what is unusual, held against a baseline that is learned.
//!
//! A baseline remembers, for each principal, each key or secret, and each pair of both, on which days something was seen (networks,
//! countries, Regions, operations, hours of the week) and how much happened in the newest hours. An entry is scored against what was
//! known **before its day**, in UTC, so that an incident does not become usual while it goes on.
//!
//! - **Learning is exact.** The order of entries does not matter, and merging is associative and commutative, to the bit, as long as no
//!   cap is reached; so a baseline can be learned in parts. Presence is idempotent too: a day counts once. Where a cap is reached, what
//!   weighs least is forgotten, and parts that are merged in another order may forget something else. A baseline that forgot says so in
//!   its sentences.
//! - **Ageing is a matter of reading.** A day weighs half after each half-life; days older than 128 days before the last one of the same
//!   thing are gone, the thing itself is not.
//! - **Poison is slow.** What was refused or reported counts a quarter, and never makes anything familiar by itself; a burst does not
//!   raise what is usual in an hour; thousand calls in a day are one day.
//!
//! *Architecture invariant:* no clock and no I/O; settings are not part of a baseline, so that baselines of any settings merge.

mod bytes;
mod days;
mod network;
mod pace;
mod place;
mod profile;
mod score;
mod settings;
mod sighting;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use reprieve_core::Finding;
use reprieve_core::audit::AuditEvent;
use reprieve_core::finding::{Reason, ReasonKind};
use sha2::{Digest as _, Sha256};

pub use self::bytes::BaselineError;
pub use self::network::Network;
#[cfg(feature = "maxmind")]
pub use self::place::{MaxMindError, MaxMindPlaces};
pub use self::place::{NoPlaces, Places};
pub use self::settings::{Caps, Settings, severity_of};

use self::days::{Day, Fade};
use self::pace::Hour;
use self::profile::{Doubt, Everybody, Pair, Principal, Profile, Told};
use self::score::{Assessment, assess};
use self::sighting::{Sighting, When};

/// What is usual.
#[derive(Debug, Clone)]
pub struct Baseline {
    settings: Settings,
    fade: Fade,
    principals: BTreeMap<Arc<str>, Principal>,
    assets: BTreeMap<Arc<str>, Profile>,
    everybody: Everybody,
    /// The log files that were learned from, by hash, with the hour in which they were.
    log_files: BTreeMap<u64, Hour>,
    /// A principal, a key or a pair was forgotten for want of room.
    has_forgotten: bool,
    /// Who used what: worked out from the principals' pairs, never written.
    users: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    pairs: usize,
}

/// Two baselines are the same where they know the same, under whatever settings.
impl PartialEq for Baseline {
    fn eq(&self, other: &Self) -> bool {
        self.principals == other.principals
            && self.assets == other.assets
            && self.everybody == other.everybody
            && self.log_files == other.log_files
            && self.has_forgotten == other.has_forgotten
    }
}

/// How much a baseline holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Principals.
    pub principals: usize,
    /// Keys, secrets and logs.
    pub assets: usize,
    /// Pairs of a principal and what it called.
    pub pairs: usize,
    /// Whether anything was forgotten for want of room.
    pub has_forgotten: bool,
}

/// What an entry taught, to be taught to another baseline as well: what [`Baseline::consider`] decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson(Doubt);

/// What was made of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Considered {
    /// The finding, where it is unusual and the same was not reported of the same principal a short while ago.
    pub finding: Option<Finding>,
    /// Whether it is unusual, reported or not.
    pub is_unusual: bool,
    /// What it taught.
    pub lesson: Lesson,
}

impl Baseline {
    /// Makes a baseline that knows nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            fade: Fade::new(settings.half_life_days),
            settings,
            principals: BTreeMap::new(),
            assets: BTreeMap::new(),
            everybody: Everybody::default(),
            log_files: BTreeMap::new(),
            has_forgotten: false,
            users: BTreeMap::new(),
            pairs: 0,
        }
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how much it holds.
    #[must_use]
    pub fn size(&self) -> Size {
        let (principals, assets) = (self.principals.len(), self.assets.len());
        Size { principals, assets, pairs: self.pairs, has_forgotten: self.has_forgotten }
    }

    /// Learns from an entry, without scoring it: for archives. A refused call teaches little, an entry without a time nothing.
    pub fn learn(&mut self, event: &AuditEvent) {
        self.learn_with(event, &NoPlaces);
    }

    /// Learns from an entry, with the countries of addresses.
    pub fn learn_with(&mut self, event: &AuditEvent, places: &dyn Places) {
        let sighting = Sighting::of(event, places);
        let doubt = Doubt { habits: sighting.is_refused, ..Doubt::default() };
        self.take_in(&sighting, doubt);
    }

    /// Learns from an entry as another baseline did that considered it.
    pub fn learn_lesson(&mut self, event: &AuditEvent, lesson: Lesson, places: &dyn Places) {
        self.take_in(&Sighting::of(event, places), lesson.0);
    }

    /// Scores an entry against what is known; `None` where it is usual. Nothing is learned, and what was reported before is reported
    /// again. `now` is when the finding is made, and stands in for the day of an entry without a time.
    #[must_use]
    pub fn score(&self, event: &AuditEvent, now: Timestamp) -> Option<Finding> {
        self.score_with(event, now, &NoPlaces)
    }

    /// Scores an entry, with the countries of addresses.
    #[must_use]
    pub fn score_with(&self, event: &AuditEvent, now: Timestamp, places: &dyn Places) -> Option<Finding> {
        self.finding_of(self.assessed(event, &Sighting::of(event, places), now), event, now)
    }

    /// Scores an entry, then learns from it what it may teach. What is unusual is reported once: the same kinds of reasons of the same
    /// principal not again within [`Settings::quiet_hours`], unless it got a good deal worse, or a key or log is being lost.
    pub fn consider(&mut self, event: &AuditEvent, now: Timestamp, places: &dyn Places) -> Considered {
        let sighting = Sighting::of(event, places);
        let assessment = self.assessed(event, &sighting, now);
        let mut doubt = assessment.doubt;
        let finding = self.finding_of(assessment, event, now);
        doubt.habits |= finding.is_some();
        self.take_in(&sighting, doubt);
        let is_unusual = finding.is_some();
        let finding = finding.filter(|finding| self.is_news(finding, &sighting, now));
        Considered { finding, is_unusual, lesson: Lesson(doubt) }
    }

    /// Remembers that a finding was reported, as the baseline does that considered its entry.
    pub fn remember_finding(&mut self, finding: &Finding, places: &dyn Places) {
        let sighting = Sighting::of(&finding.audit, places);
        self.is_news(finding, &sighting, finding.found_at);
    }

    fn assessed(&self, event: &AuditEvent, sighting: &Sighting, now: Timestamp) -> Assessment {
        When::of(now).map(|now| assess(self, event, sighting, now)).unwrap_or_default()
    }

    fn finding_of(&self, assessment: Assessment, event: &AuditEvent, now: Timestamp) -> Option<Finding> {
        let Assessment { score, reasons, .. } = assessment;
        let is_unusual = score >= self.settings.threshold && !reasons.is_empty();
        is_unusual.then(|| Finding { found_at: now, score, severity: severity_of(score), reasons, audit: event.clone() })
    }

    fn is_news(&mut self, finding: &Finding, sighting: &Sighting, now: Timestamp) -> bool {
        let Some(When { hour, .. }) = sighting.when.or_else(|| When::of(now)) else { return true };
        let loss = if sighting.operation.is_loss() { LOSS_BIT } else { 0 };
        let kinds = finding.reasons.iter().fold(loss, |kinds, reason| kinds | bit(reason));
        let report = Told { since: hour, kinds, score: finding.score };
        let told = match sighting.principal.as_deref() {
            Some(name) => self.principals.entry(name.into()).or_default(),
            None => return self.everybody.told.is_news(report, self.settings.quiet_hours),
        };
        told.told.is_news(report, self.settings.quiet_hours)
    }

    fn take_in(&mut self, sighting: &Sighting, doubt: Doubt) {
        let Some(When { day, hour, hour_of_day }) = sighting.when else { return };
        let (caps, fade) = (&self.settings.caps, &self.fade);
        self.everybody.mark(sighting, day, doubt, caps, fade);
        let asset = sighting.asset.as_deref().map(|id| key_of(&self.assets, id));
        if let Some(id) = &asset {
            let profile = self.assets.entry(Arc::clone(id)).or_default();
            profile.mark(sighting, (day, hour), doubt, caps, fade);
        }
        let mut most_pairs = 0;
        if let Some(name) = sighting.principal.as_deref() {
            let name = key_of(&self.principals, name);
            let principal = self.principals.entry(Arc::clone(&name)).or_default();
            principal.profile.mark(sighting, (day, hour), doubt, caps, fade);
            principal.operations.mark(sighting.operation, day, doubt.habits, usize::MAX, fade);
            principal.hours.mark(hour_of_day, day, doubt.habits, usize::MAX, fade);
            if let Some(asset) = asset {
                self.pairs += usize::from(!principal.pairs.contains_key(&asset));
                let pair = principal.pairs.entry(Arc::clone(&asset)).or_default();
                pair.0.mark(sighting.operation, day, doubt.habits, usize::MAX, fade);
                self.users.entry(asset).or_default().insert(name);
            }
            most_pairs = principal.pairs.len();
        }
        self.make_room(most_pairs);
    }

    /// Adds what another baseline knows.
    pub fn merge(&mut self, other: &Self) {
        let (caps, fade) = (&self.settings.caps, &self.fade);
        self.everybody.merge(&other.everybody, caps, fade);
        for (id, profile) in &other.assets {
            self.assets.entry(Arc::clone(id)).or_default().merge(profile, caps, fade);
        }
        for (name, theirs) in &other.principals {
            let ours = self.principals.entry(Arc::clone(name)).or_default();
            ours.profile.merge(&theirs.profile, caps, fade);
            ours.operations.merge(&theirs.operations, usize::MAX, fade);
            ours.hours.merge(&theirs.hours, usize::MAX, fade);
            ours.told.merge(theirs.told);
            for (asset, pair) in &theirs.pairs {
                ours.pairs.entry(Arc::clone(asset)).or_default().0.merge(&pair.0, usize::MAX, fade);
            }
        }
        for (file, hour) in &other.log_files {
            let known = self.log_files.entry(*file).or_default();
            *known = (*known).max(*hour);
        }
        self.has_forgotten |= other.has_forgotten;
        self.trim_log_files();
        self.index();
        self.make_room(self.most_pairs());
    }

    /// Says whether a log file was learned from, as far as is remembered.
    #[must_use]
    pub fn knows_log_file(&self, name: &str) -> bool {
        self.log_files.contains_key(&hash_of(name))
    }

    /// Remembers that a log file was learned from.
    pub fn remember_log_file(&mut self, name: &str, now: Timestamp) {
        let hour = When::of(now).map_or(0, |when| when.hour);
        self.log_files.insert(hash_of(name), hour);
        self.trim_log_files();
    }

    fn trim_log_files(&mut self) {
        let excess = self.log_files.len().saturating_sub(self.settings.caps.log_files);
        if excess == 0 {
            return;
        }
        let mut oldest: Vec<(Hour, u64)> = self.log_files.iter().map(|(file, hour)| (*hour, *file)).collect();
        oldest.sort_unstable();
        for (_, file) in oldest.into_iter().take(excess) {
            self.log_files.remove(&file);
        }
    }

    /// Returns everybody's pair with a key or secret.
    fn users_of(&self, asset: &str) -> impl Iterator<Item = &Pair> {
        let users = self.users.get(asset).into_iter().flatten();
        users.filter_map(move |name| self.principals.get(name)?.pairs.get(asset))
    }

    /// Works out who used what.
    fn index(&mut self) {
        self.users.clear();
        self.pairs = 0;
        for (name, principal) in &self.principals {
            for asset in principal.pairs.keys() {
                self.users.entry(Arc::clone(asset)).or_default().insert(Arc::clone(name));
            }
            self.pairs += principal.pairs.len();
        }
    }

    /// Forgets what weighs least, once there is an eighth more than there is room for. `most_pairs` is how many one principal has.
    fn make_room(&mut self, most_pairs: usize) {
        let full = |held: usize, cap: usize| held > cap.saturating_add(cap / 8);
        let Caps { principals, assets, pairs, .. } = self.settings.caps;
        let is_full = full(self.principals.len(), principals) || full(self.assets.len(), assets) || full(self.pairs, pairs);
        if is_full || full(most_pairs, self.settings.caps.pairs_of_principal) {
            self.shrink(&self.settings.caps.clone());
        }
    }

    /// Forgets what weighs least until these caps hold.
    fn shrink(&mut self, caps: &Caps) {
        let before = (self.principals.len(), self.assets.len(), self.pairs);
        let today = self.newest_day().saturating_add(1);
        let fade = self.fade.clone();
        let weigh = |seen: days::Seen| seen.weight(today, &fade, f64::MAX);
        keep_heaviest(&mut self.principals, caps.principals, |principal| weigh(principal.profile.seen));
        keep_heaviest(&mut self.assets, caps.assets, |profile| weigh(profile.seen));
        for principal in self.principals.values_mut() {
            principal.pairs.retain(|asset, _| self.assets.contains_key(asset));
            keep_heaviest(&mut principal.pairs, caps.pairs_of_principal, |pair| weigh(pair.seen(None)));
        }
        self.index();
        if self.pairs > caps.pairs {
            let mut weighed: Vec<(f64, Arc<str>, Arc<str>)> = self
                .principals
                .iter()
                .flat_map(|(name, principal)| {
                    principal.pairs.iter().map(|(asset, pair)| (weigh(pair.seen(None)), Arc::clone(name), Arc::clone(asset)))
                })
                .collect();
            weighed.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| (&left.1, &left.2).cmp(&(&right.1, &right.2))));
            for (_, name, asset) in weighed.into_iter().skip(caps.pairs) {
                if let Some(principal) = self.principals.get_mut(&name) {
                    principal.pairs.remove(&asset);
                }
            }
            self.index();
        }
        self.has_forgotten |= before != (self.principals.len(), self.assets.len(), self.pairs);
    }

    fn most_pairs(&self) -> usize {
        self.principals.values().map(|principal| principal.pairs.len()).max().unwrap_or(0)
    }

    fn newest_day(&self) -> Day {
        let principals = self.principals.values().map(|principal| principal.profile.seen.last());
        principals.chain(self.assets.values().map(|profile| profile.seen.last())).max().unwrap_or(0)
    }
}

/// Returns the key under which something is kept, so that each text is kept once.
fn key_of<V>(kept: &BTreeMap<Arc<str>, V>, text: &str) -> Arc<str> {
    kept.get_key_value(text).map_or_else(|| text.into(), |(key, _)| Arc::clone(key))
}

/// Forgets what weighs least; of the same weight, what comes last by name.
fn keep_heaviest<V>(kept: &mut BTreeMap<Arc<str>, V>, cap: usize, weigh: impl Fn(&V) -> f64) {
    if kept.len() <= cap {
        return;
    }
    let mut weighed: Vec<(f64, Arc<str>)> = kept.iter().map(|(key, value)| (weigh(value), Arc::clone(key))).collect();
    weighed.sort_by(|(left, one), (right, other)| right.total_cmp(left).then_with(|| one.cmp(other)));
    for (_, key) in weighed.into_iter().skip(cap) {
        kept.remove(&key);
    }
}

fn hash_of(name: &str) -> u64 {
    Sha256::digest(name.as_bytes()).iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// The loss of a key or a log is news of its own kind.
const LOSS_BIT: u16 = 1 << 8;

const fn bit(reason: &Reason) -> u16 {
    match reason.kind {
        ReasonKind::NewPrincipal => 1,
        ReasonKind::NewOperation => 1 << 1,
        ReasonKind::NewNetwork => 1 << 2,
        ReasonKind::NewCountry => 1 << 3,
        ReasonKind::NewRegion => 1 << 4,
        ReasonKind::UnusualHour => 1 << 5,
        ReasonKind::Burst => 1 << 6,
        ReasonKind::RefusedBurst => 1 << 7,
    }
}
