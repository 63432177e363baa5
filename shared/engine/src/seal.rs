//! Seals the archive: hour by hour, whatever was written since the last seal, chained to it and signed.
//!
//! The same run twice seals once: a seal is written under the time from which it seals, and never replaced. A run that was killed left
//! either a seal or none, and the next one goes on from there. It never begins a new chain beside one that it cannot follow.
//! `reprieve_evidence::seal` says what a seal is.

mod past;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_evidence::layout::{self, Shelf};
use reprieve_evidence::seal::{Draft, EVENT_DAYS, Hash, Place, Seal, SealError, SealKeys, SealedObject};

use self::past::Past;
use crate::evidence::{EvidenceStore, SealSigner, StoredObject};
use crate::port::{CallError, Clock, Disposition};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far before its beginning a seal looks for what the seal before it could not see yet.
const OVERLAP: SignedDuration = HOUR;
/// The same for the first seal of a day, which looks through the whole archive.
const OVERLAP_OF_A_DAY: SignedDuration = SignedDuration::from_hours(25);

/// How to seal.
#[derive(Debug, Clone)]
pub struct SealerSettings {
    /// Which archive this is: what its seals say, such as the ARN of the bucket. It stays the same as long as the archive lives.
    pub archive: String,
    /// How long after its end an hour is sealed, so that what was being written then is there.
    pub margin: Duration,
    /// How many seals a run makes at most. The next run goes on.
    pub most_seals: usize,
    /// How many objects are read at a time.
    pub parallel_reads: usize,
    /// Public keys that sealed before this one: after the key was changed, the last seal is by the one before.
    pub former_keys: SealKeys,
}

impl SealerSettings {
    /// Returns what holds where nothing else was said.
    #[must_use]
    pub fn of(archive: impl Into<String>) -> Self {
        Self {
            archive: archive.into(),
            margin: Duration::from_mins(10),
            most_seals: 400,
            parallel_reads: 8,
            former_keys: SealKeys::default(),
        }
    }
}

/// What a run sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// How many seals it made.
    pub sealed: u64,
    /// How many it found made by another sealer meanwhile.
    pub by_others: u64,
    /// How many objects its own seals seal.
    pub objects: u64,
    /// From when on its seals and those of others seal; none where nothing was due.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// The hash of the last seal of the chain.
    pub last_seal: Option<Hash>,
    /// Whether more is due than a run seals.
    pub is_more_due: bool,
}

/// Says why sealing stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The signer's public key cannot be used.
    #[error("the public key of the signer `{key_id}` cannot be used: {source}")]
    Key {
        /// The signer's key.
        key_id: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A seal of the archive cannot be followed.
    #[error(
        "the seal `{name}` cannot be followed: {why}. No new chain is begun beside it: look at the archive with `reprieve verify`, find out who wrote this seal, and only then let sealing go on"
    )]
    Chain {
        /// The seal.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// An object was listed, and is gone.
    #[error("the object `{0}` was listed, and is not there: nothing may be deleted from the archive")]
    Vanished(String),
    /// The signature does not belong to what was to be signed.
    #[error("what the signer `{key_id}` signed is no seal: {source}")]
    Signature {
        /// The signer's key.
        key_id: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A time lies outside the calendar.
    #[error("the time {0} cannot be sealed")]
    Time(Timestamp),
}

impl SealingError {
    /// Says whether trying again can help.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Call(error) => error.disposition(),
            Self::Key { .. } | Self::Chain { .. } | Self::Vanished(_) | Self::Signature { .. } | Self::Time(_) => Disposition::Permanent,
        }
    }
}

/// Seals an archive.
#[derive(Debug)]
pub struct Sealer<S, K, C> {
    store: S,
    signer: K,
    clock: C,
    settings: SealerSettings,
}

/// The key that signs.
struct Key {
    fingerprint: Hash,
    /// It, and those before it.
    keys: SealKeys,
    pem: String,
}

impl<S: EvidenceStore, K: SealSigner, C: Clock> Sealer<S, K, C> {
    /// Makes a sealer.
    pub const fn new(store: S, signer: K, clock: C, settings: SealerSettings) -> Self {
        Self { store, signer, clock, settings }
    }

    /// Seals each whole hour that is over for as long as the margin, and has no seal.
    ///
    /// # Errors
    /// Where a call fails, or the last seal cannot be followed. What was sealed before stays.
    pub async fn seal(&self) -> Result<Sealed, SealingError> {
        let now = self.clock.now();
        let margin = SignedDuration::try_from(self.settings.margin).unwrap_or(HOUR);
        self.run(hour_of(minus(now, margin))).await
    }

    /// Seals everything that was written until this time, and at most until now: whole hours, then what has begun. Before an archive is
    /// handed over, say. Waits until the second is over.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub async fn seal_until(&self, until: Timestamp) -> Result<Sealed, SealingError> {
        let until = end_of_second(until.min(self.clock.now()));
        // An object of this second can still be written; the clock may also have been moved.
        while let Ok(rest) = Duration::try_from(until.duration_since(self.clock.now())) {
            if rest.is_zero() {
                break;
            }
            self.clock.sleep(rest.min(Duration::from_secs(1))).await;
        }
        self.run(until).await
    }

    /// Seals until a whole second, in intervals that end with their hour.
    async fn run(&self, until: Timestamp) -> Result<Sealed, SealingError> {
        let key = self.key().await?;
        let mut past = Past::load(&self.store, &key.keys, &self.settings.archive, self.clock.now()).await?;
        let mut report = Sealed { last_seal: past.newest().map(Seal::hash), ..Sealed::default() };
        if past.newest().is_some_and(|newest| newest.head.until >= until) {
            return Ok(report);
        }
        let written = self.written(&past, until).await?;
        let mut from = match past.newest() {
            Some(newest) => newest.head.until,
            None => match beginning(&written, until) {
                Some(beginning) => beginning,
                None => return Ok(report),
            },
        };
        while from < until {
            if report.sealed + report.by_others >= self.settings.most_seals as u64 {
                report.is_more_due = true;
                break;
            }
            let seal = self.seal_one(&key, &past, &written, from, until, &mut report).await?;
            report.from = report.from.or(Some(seal.head.from));
            (report.until, report.last_seal) = (Some(seal.head.until), Some(seal.hash()));
            from = seal.head.until;
            past.add(seal);
        }
        Ok(report)
    }

    /// Makes the next seal, or takes the one that somebody else made meanwhile.
    async fn seal_one(
        &self,
        key: &Key,
        past: &Past,
        written: &[StoredObject],
        from: Timestamp,
        until: Timestamp,
        report: &mut Sealed,
    ) -> Result<Seal, SealingError> {
        let until = until.min(plus(hour_of(from), HOUR));
        let since = past.newest().map(|newest| looks_back_to(newest, from));
        let is_new = |object: &&StoredObject| {
            object.modified < until && since.is_none_or(|since| object.modified >= since) && !past.seals(&object.name)
        };
        let names: Vec<String> = written.iter().filter(is_new).map(|object| object.name.clone()).collect();
        let objects = self.measure(names).await?;
        let place = match past.newest() {
            Some(newest) => Place::after(newest, until),
            None => Place::first(self.settings.archive.clone(), from, until),
        };
        let sealed_at = second_of(self.clock.now());
        let draft = Draft::new(place, objects, self.signer.key_id(), key.fingerprint, sealed_at).map_err(|_| SealingError::Time(from))?;
        let signature = self.signer.sign(draft.text().as_bytes()).await?;
        let wrong = |source| SealingError::Signature { key_id: self.signer.key_id().to_owned(), source };
        let seal = draft.signed(&signature).map_err(wrong)?;
        // A seal is never replaced, so none is written that would not hold.
        seal.verify(&key.keys).map_err(wrong)?;
        if past.newest().is_none() {
            self.store.put_once(layout::PUBLIC_KEY, "application/x-pem-file", key.pem.as_bytes()).await?;
        }
        if self.store.put_once(&seal.name(), "application/json", &seal.to_bytes()).await? {
            report.sealed += 1;
            report.objects += seal.head.object_count;
            return Ok(seal);
        }
        report.by_others += 1;
        past.next(&self.store, &key.keys, &self.settings.archive, from).await
    }

    async fn key(&self) -> Result<Key, SealingError> {
        let pem = self.signer.public_key_pem().await?;
        let wrong = |source| SealingError::Key { key_id: self.signer.key_id().to_owned(), source };
        let mut keys = SealKeys::parse(&pem).map_err(wrong)?;
        let fingerprint = keys.fingerprints().next().ok_or_else(|| wrong(SealError::PublicKey("there is none".to_owned())))?;
        keys.extend(self.settings.former_keys.clone());
        Ok(Key { fingerprint, keys, pem })
    }

    /// Lists what may have to be sealed: what tells of the last days, or everything where a day begins.
    async fn written(&self, past: &Past, until: Timestamp) -> Result<Vec<StoredObject>, SealingError> {
        let Some(newest) = past.newest() else { return Ok(self.store.list(layout::AUDIT).await?) };
        let from = newest.head.until;
        if is_same_day(newest.head.from, minus(until, SignedDuration::from_secs(1))) {
            let since = minus(from, OVERLAP);
            let mut written = Vec::new();
            for prefix in prefixes(minus(from, EVENT_DAYS), plus(until, DAY)) {
                written.extend(self.store.list(&prefix).await?.into_iter().filter(|object| object.modified >= since));
            }
            return Ok(written);
        }
        let since = minus(from, OVERLAP_OF_A_DAY);
        let mut written = self.store.list(layout::AUDIT).await?;
        written.retain(|object| object.modified >= since);
        Ok(written)
    }

    /// Reads and measures objects, a few at a time.
    async fn measure(&self, names: Vec<String>) -> Result<Vec<SealedObject>, SealingError> {
        let measured = names.into_iter().map(|name| async move {
            let bytes = self.store.read(&name).await?.ok_or_else(|| SealingError::Vanished(name.clone()))?;
            Ok(SealedObject::measure(&name, &bytes))
        });
        stream::iter(measured).buffered(self.settings.parallel_reads.max(1)).try_collect().await
    }
}

/// Returns from when on a seal looks at what was written: a little before its beginning, for what was written and could not be listed
/// yet; in the first seal of a day a day before, for what tells of days too long ago to be listed every hour.
fn looks_back_to(newest: &Seal, from: Timestamp) -> Timestamp {
    minus(from, if is_same_day(newest.head.from, from) { OVERLAP } else { OVERLAP_OF_A_DAY })
}

/// Returns the hour in which the archive begins: that of its first object, or without any the last whole one. None where it is not over.
fn beginning(written: &[StoredObject], until: Timestamp) -> Option<Timestamp> {
    let first = written.iter().map(|object| object.modified).min().unwrap_or_else(|| minus(until, SignedDuration::from_secs(1)));
    (first < until).then(|| hour_of(first))
}

/// Returns the prefixes of everything that tells of these days.
fn prefixes(from: Timestamp, until: Timestamp) -> Vec<String> {
    let days: Vec<Timestamp> = std::iter::successors(Some(from), |day| day.checked_add(DAY).ok()).take_while(|day| *day <= until).collect();
    // The last day may begin less than 24 hours after the one before it.
    let mut prefixes: Vec<String> =
        Shelf::ALL.into_iter().flat_map(|shelf| days.iter().chain([&until]).map(move |day| shelf.day(*day))).collect();
    prefixes.dedup();
    prefixes
}

fn is_same_day(one: Timestamp, other: Timestamp) -> bool {
    one.as_second().div_euclid(86_400) == other.as_second().div_euclid(86_400)
}

fn hour_of(time: Timestamp) -> Timestamp {
    floor(time, 3_600)
}

fn second_of(time: Timestamp) -> Timestamp {
    floor(time, 1)
}

fn end_of_second(time: Timestamp) -> Timestamp {
    let second = second_of(time);
    if second == time { second } else { plus(second, SignedDuration::from_secs(1)) }
}

fn floor(time: Timestamp, seconds: i64) -> Timestamp {
    let nanosecond = i128::from(seconds) * 1_000_000_000;
    // The floor of a time within the calendar leaves it at most in its first hour, where it stays as it is.
    Timestamp::from_nanosecond(time.as_nanosecond().div_euclid(nanosecond) * nanosecond).unwrap_or(time)
}

fn minus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
