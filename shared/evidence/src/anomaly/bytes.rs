//! A baseline as bytes: two items of CBOR, the format with its version, then tables of texts and numbers that point into them.
//!
//! The same baseline always comes to the same bytes. What is read is checked to the last number: foreign, damaged or newer bytes are
//! refused with what is wrong, and never make anything panic.

use std::collections::BTreeMap;
use std::sync::Arc;

use reprieve_core::audit::Operation;
use serde::{Deserialize, Serialize};

use super::days::{Day, Days, Seen, Values};
use super::network::Network;
use super::pace::{Cell, Hour, Pace};
use super::profile::{Everybody, Pair, Principal, Profile, Surroundings, Told};
use super::{Baseline, Caps, Settings};

const FORMAT: &str = "reprieve-baseline";
const VERSION: u32 = 1;

/// Why bytes are no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// They are no CBOR of this shape.
    #[error("these {length} bytes are no baseline of Reprieve: {message}; delete the object, and it is learned anew")]
    Foreign {
        /// How many bytes there are.
        length: usize,
        /// What was found.
        message: String,
    },
    /// A newer version wrote them.
    #[error("the baseline is of version {found}, and this version of Reprieve reads {VERSION}: update the function that reads it")]
    Version {
        /// The version.
        found: u32,
    },
    /// A part of them cannot be.
    #[error("the baseline is damaged: {what} `{value}`; delete the object, and it is learned anew")]
    Damaged {
        /// Which part.
        what: &'static str,
        /// What stands there.
        value: String,
    },
}

impl BaselineError {
    fn damaged(what: &'static str, value: &impl ToString) -> Self {
        Self::Damaged { what, value: value.to_string() }
    }
}

/// `[last, bits]`, then the same of the doubted days where there are any.
type SavedSeen = Vec<u128>;
/// Values with their days, and whether some were forgotten.
type SavedValues<K> = (bool, Vec<(K, SavedSeen)>);
type SavedTexts = SavedValues<String>;
type SavedOperations = Vec<(Operation, SavedSeen)>;
/// Networks, countries, Regions.
type SavedSurroundings = (SavedTexts, SavedTexts, SavedTexts);
/// Hour (the first) or hours since the one before, and the counts, without zeros at the end.
type SavedPace = Vec<Vec<u32>>;
/// First day, entries, days, surroundings, pace.
type SavedProfile = (Day, u64, SavedSeen, SavedSurroundings, SavedPace);
/// Since, kinds, score.
type SavedTold = (Hour, u16, u32);
/// Profile, operations, hours, pairs by the asset's place in the table, told.
type SavedPrincipal = (SavedProfile, SavedOperations, Vec<(u8, SavedSeen)>, Vec<(u32, SavedOperations)>, SavedTold);

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    has_forgotten: bool,
    everybody: (SavedSurroundings, SavedTold),
    assets: Vec<(String, SavedProfile)>,
    /// What pairs are about and no profile is kept of.
    others: Vec<String>,
    principals: Vec<(String, SavedPrincipal)>,
    log_files: Vec<(u64, Hour)>,
}

impl Baseline {
    /// Returns the baseline as bytes. Where they would be more than [`Caps::bytes`], what weighs least is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = written(self);
        let most = self.settings.caps.bytes;
        if bytes.len() <= most {
            return bytes;
        }
        let mut lesser = self.clone();
        let mut bytes = bytes;
        // Each round leaves less; an empty baseline is reached in the end, whatever the cap is.
        while bytes.len() > most && !lesser.principals.is_empty() | !lesser.assets.is_empty() {
            let part = |held: usize| held.saturating_mul(most) / bytes.len() * 19 / 20;
            let most_pairs = lesser.most_pairs();
            let full = &lesser.settings.caps;
            let mut caps = Caps { pairs: part(lesser.pairs), pairs_of_principal: most_pairs, ..full.clone() };
            if lesser.pairs == 0 || part(lesser.pairs) == 0 {
                caps = Caps { principals: part(lesser.principals.len()), assets: part(lesser.assets.len()), pairs: 0, ..caps };
            } else if lesser.pairs < lesser.principals.len().saturating_add(lesser.assets.len()).saturating_mul(4) {
                caps = Caps { principals: part(lesser.principals.len()), assets: part(lesser.assets.len()), ..caps };
            }
            lesser.shrink(&caps);
            bytes = written(&lesser);
        }
        bytes
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// When the bytes are no baseline, or one that a newer version wrote, or one that was damaged.
    pub fn from_bytes(bytes: &[u8], settings: Settings) -> Result<Self, BaselineError> {
        let foreign = |message: String| BaselineError::Foreign { length: bytes.len(), message };
        let mut rest = bytes;
        let head: Head = ciborium::from_reader(&mut rest).map_err(|error| foreign(error.to_string()))?;
        if head.format != FORMAT {
            return Err(foreign(format!("its format is `{}`", super::words::shown(&head.format))));
        }
        if head.version != VERSION {
            return Err(BaselineError::Version { found: head.version });
        }
        let saved: Saved = ciborium::from_reader(&mut rest).map_err(|error| foreign(error.to_string()))?;
        if !rest.is_empty() {
            return Err(BaselineError::damaged("bytes follow its end:", &rest.len()));
        }
        read(saved, settings)
    }
}

fn written(baseline: &Baseline) -> Vec<u8> {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    let others: Vec<&Arc<str>> = baseline.users.keys().filter(|asset| !baseline.assets.contains_key(*asset)).collect();
    for (asset, place) in baseline.assets.keys().chain(others.iter().copied()).zip(0_u32..) {
        places.insert(asset, place);
    }
    let pairs_of = |principal: &Principal| {
        let pairs = principal.pairs.iter();
        pairs.filter_map(|(asset, pair)| Some((*places.get(asset.as_ref())?, save_values(&pair.0, Clone::clone).1))).collect()
    };
    let save_principal = |principal: &Principal| -> SavedPrincipal {
        (
            save_profile(&principal.profile),
            save_values(&principal.operations, Clone::clone).1,
            save_values(&principal.hours, Clone::clone).1,
            pairs_of(principal),
            save_told(principal.told),
        )
    };
    let saved = Saved {
        has_forgotten: baseline.has_forgotten,
        everybody: (save_surroundings(&baseline.everybody.surroundings), save_told(baseline.everybody.told)),
        assets: baseline.assets.iter().map(|(id, profile)| (id.to_string(), save_profile(profile))).collect(),
        others: others.iter().map(ToString::to_string).collect(),
        principals: baseline.principals.iter().map(|(name, principal)| (name.to_string(), save_principal(principal))).collect(),
        log_files: baseline.log_files.iter().map(|(file, hour)| (*file, *hour)).collect(),
    };
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail, and nothing here refuses to be written.
    ciborium::into_writer(&Head { format: FORMAT.to_owned(), version: VERSION }, &mut bytes).ok();
    ciborium::into_writer(&saved, &mut bytes).ok();
    bytes
}

fn read(saved: Saved, settings: Settings) -> Result<Baseline, BaselineError> {
    let mut baseline = Baseline::new(settings);
    baseline.has_forgotten = saved.has_forgotten;
    let (surroundings, told) = saved.everybody;
    baseline.everybody = Everybody { surroundings: read_surroundings(surroundings)?, told: read_told(told) };
    let mut table: Vec<Arc<str>> = Vec::new();
    for (id, profile) in saved.assets {
        let id: Arc<str> = id.into();
        table.push(Arc::clone(&id));
        baseline.assets.insert(id, read_profile(profile)?);
    }
    table.extend(saved.others.into_iter().map(Arc::from));
    for (name, (profile, operations, hours, pairs, told)) in saved.principals {
        let mut principal = Principal {
            profile: read_profile(profile)?,
            operations: read_values((false, operations), Ok)?,
            hours: read_values((false, hours), |hour| {
                if hour < 24 { Ok(hour) } else { Err(BaselineError::damaged("an hour of the day is", &hour)) }
            })?,
            pairs: BTreeMap::new(),
            told: read_told(told),
        };
        for (place, operations) in pairs {
            let asset = usize::try_from(place).ok().and_then(|place| table.get(place));
            let asset = asset.ok_or_else(|| BaselineError::damaged("a pair points to the asset of number", &place))?;
            principal.pairs.insert(Arc::clone(asset), Pair(read_values((false, operations), Ok)?));
        }
        baseline.principals.insert(name.into(), principal);
    }
    baseline.log_files = saved.log_files.into_iter().collect();
    baseline.trim_log_files();
    baseline.index();
    baseline.make_room(baseline.most_pairs());
    Ok(baseline)
}

fn save_days(days: Days) -> [u128; 2] {
    [u128::try_from(days.last).unwrap_or(0), days.bits]
}

fn save_seen(seen: Seen) -> SavedSeen {
    let doubted = (!seen.doubted.is_empty()).then(|| save_days(seen.doubted));
    save_days(seen.usual).into_iter().chain(doubted.into_iter().flatten()).collect()
}

fn read_seen(saved: &[u128]) -> Result<Seen, BaselineError> {
    let days = |last: u128, bits: u128| -> Result<Days, BaselineError> {
        // Far more than any day that is believed, and far from where sums overflow.
        let last = Day::try_from(last).ok().filter(|day| *day < 10_000_000);
        let is_set = bits == 0 || bits & 1 == 1;
        last.filter(|_| is_set).map(|last| Days { last, bits }).ok_or_else(|| BaselineError::damaged("days cannot be", &bits))
    };
    match *saved {
        [last, bits] => Ok(Seen { usual: days(last, bits)?, doubted: Days::default() }),
        [last, bits, doubted_last, doubted] => Ok(Seen { usual: days(last, bits)?, doubted: days(doubted_last, doubted)? }),
        _ => Err(BaselineError::damaged("days are so many numbers:", &saved.len())),
    }
}

fn save_values<K: Ord, S>(values: &Values<K>, save: impl Fn(&K) -> S) -> SavedValues<S> {
    (values.has_forgotten, values.all.iter().map(|(value, seen)| (save(value), save_seen(*seen))).collect())
}

fn read_values<K: Ord, S>(
    (has_forgotten, saved): SavedValues<S>,
    read: impl Fn(S) -> Result<K, BaselineError>,
) -> Result<Values<K>, BaselineError> {
    let values = saved.into_iter().map(|(value, seen)| Ok((read(value)?, read_seen(&seen)?)));
    Ok(Values { all: values.collect::<Result<_, BaselineError>>()?, has_forgotten })
}

fn save_surroundings(surroundings: &Surroundings) -> SavedSurroundings {
    (
        save_values(&surroundings.networks, ToString::to_string),
        save_values(&surroundings.countries, Clone::clone),
        save_values(&surroundings.regions, Clone::clone),
    )
}

fn read_surroundings((networks, countries, regions): SavedSurroundings) -> Result<Surroundings, BaselineError> {
    let network = |text: String| Network::read(&text).ok_or_else(|| BaselineError::damaged("a network is", &text));
    Ok(Surroundings {
        networks: read_values(networks, network)?,
        countries: read_values(countries, Ok)?,
        regions: read_values(regions, Ok)?,
    })
}

fn save_pace(pace: &Pace) -> SavedPace {
    let mut before = 0;
    let mut saved = Vec::with_capacity(pace.0.len());
    for (hour, cell) in &pace.0 {
        let mut numbers = vec![hour - before, cell.entries, cell.refused, cell.doubted, cell.doubted_refused];
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        before = *hour;
        saved.push(numbers);
    }
    saved
}

fn read_pace(saved: &SavedPace) -> Result<Pace, BaselineError> {
    let mut pace = Pace::default();
    let mut hour: Hour = 0;
    for numbers in saved {
        let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
        hour = hour.checked_add(at(0)).ok_or_else(|| BaselineError::damaged("an hour lies too far after", &hour))?;
        if numbers.len() > 5 {
            return Err(BaselineError::damaged("an hour has so many numbers:", &numbers.len()));
        }
        pace.0.insert(hour, Cell { entries: at(1), refused: at(2), doubted: at(3), doubted_refused: at(4) });
    }
    Ok(pace)
}

fn save_profile(profile: &Profile) -> SavedProfile {
    let Profile { first, entries, seen, surroundings, pace } = profile;
    (*first, *entries, save_seen(*seen), save_surroundings(surroundings), save_pace(pace))
}

fn read_profile((first, entries, seen, surroundings, pace): SavedProfile) -> Result<Profile, BaselineError> {
    Ok(Profile { first, entries, seen: read_seen(&seen)?, surroundings: read_surroundings(surroundings)?, pace: read_pace(&pace)? })
}

const fn save_told(told: Told) -> SavedTold {
    (told.since, told.kinds, told.score)
}

const fn read_told((since, kinds, score): SavedTold) -> Told {
    Told { since, kinds, score }
}
