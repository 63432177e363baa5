//! The end of an archive's chain, as far back as the next seal looks. Every seal of it is verified before it is followed.

use std::collections::HashSet;

use jiff::Timestamp;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Hash, Seal, SealKeys};

use super::{DAY, OVERLAP_OF_A_DAY, SealingError, minus, plus};
use crate::evidence::EvidenceStore;

/// How many days back the last seal is looked for, before all seals are listed.
const RECENT_DAYS: usize = 40;

/// The end of the chain.
#[derive(Debug, Default)]
pub(super) struct Past {
    newest: Option<Seal>,
    /// What the last seals seal.
    sealed: HashSet<String>,
}

impl Past {
    /// Finds the newest seal, and reads on backwards as far as the next seal may look.
    pub(super) async fn load<S: EvidenceStore>(store: &S, keys: &SealKeys, archive: &str, now: Timestamp) -> Result<Self, SealingError> {
        let mut names = newest_names(store, now).await?;
        let mut past = Self::default();
        let mut wanted: Option<(Hash, Timestamp)> = None;
        while let Some(name) = names.pop() {
            let seal = read(store, keys, archive, &name).await?;
            if wanted.is_some_and(|(hash, _)| seal.hash() != hash) {
                return Err(broken(&name, "the seal after it names another one before itself".to_owned()));
            }
            let since = wanted.map_or_else(|| minus(seal.head.until, OVERLAP_OF_A_DAY), |(_, since)| since);
            past.sealed.extend(seal.objects.iter().map(|object| object.name.clone()));
            let (previous, from) = (seal.head.previous.filter(|_| seal.head.from > since), seal.head.from);
            past.newest.get_or_insert(seal);
            let Some(previous) = previous else { break };
            wanted = Some((previous, since));
            if names.is_empty() {
                // The seal before it ends where this one begins, and is an hour long at most.
                names = names_of_day(store, minus(from, DAY)).await?;
            }
            if names.is_empty() {
                return Err(broken(&name, "the seal before it is not there".to_owned()));
            }
        }
        Ok(past)
    }

    /// Returns the last seal of the chain.
    pub(super) const fn newest(&self) -> Option<&Seal> {
        self.newest.as_ref()
    }

    /// Says whether one of the last seals seals it.
    pub(super) fn seals(&self, name: &str) -> bool {
        self.sealed.contains(name)
    }

    /// Goes on to the next seal.
    pub(super) fn add(&mut self, seal: Seal) {
        self.sealed.extend(seal.objects.iter().map(|object| object.name.clone()));
        self.newest = Some(seal);
    }

    /// Reads the seal that somebody else made from this time on.
    pub(super) async fn next<S: EvidenceStore>(
        &self,
        store: &S,
        keys: &SealKeys,
        archive: &str,
        from: Timestamp,
    ) -> Result<Seal, SealingError> {
        let name = layout::seal(from);
        let seal = read(store, keys, archive, &name).await?;
        if seal.head.previous != self.newest.as_ref().map(Seal::hash) {
            return Err(broken(&name, "it was written by another sealer, and names another seal before itself".to_owned()));
        }
        Ok(seal)
    }
}

/// Returns names of seals, the newest of all at the end: those of the last day that has some, or all.
async fn newest_names<S: EvidenceStore>(store: &S, now: Timestamp) -> Result<Vec<String>, SealingError> {
    let mut day = plus(now, DAY);
    for _ in 0..RECENT_DAYS {
        let names = names_of_day(store, day).await?;
        if !names.is_empty() {
            return Ok(names);
        }
        day = minus(day, DAY);
    }
    names_below(store, layout::SEALS).await
}

async fn names_of_day<S: EvidenceStore>(store: &S, day: Timestamp) -> Result<Vec<String>, SealingError> {
    let name = layout::seal(day);
    let folder = name.rsplit_once('/').map_or(name.as_str(), |(folder, _)| folder);
    names_below(store, &format!("{folder}/")).await
}

async fn names_below<S: EvidenceStore>(store: &S, prefix: &str) -> Result<Vec<String>, SealingError> {
    let mut names: Vec<String> = store.list(prefix).await?.into_iter().map(|object| object.name).collect();
    names.sort();
    Ok(names)
}

async fn read<S: EvidenceStore>(store: &S, keys: &SealKeys, archive: &str, name: &str) -> Result<Seal, SealingError> {
    let bytes = store.read(name).await?.ok_or_else(|| SealingError::Vanished(name.to_owned()))?;
    let seal = Seal::parse(&bytes).map_err(|why| broken(name, why.to_string()))?;
    seal.verify(keys).and_then(|()| seal.check_list()).map_err(|why| broken(name, why.to_string()))?;
    if seal.name() != name {
        return Err(broken(name, format!("it belongs under `{}`", seal.name())));
    }
    if seal.head.archive != archive {
        return Err(broken(name, format!("it is of the archive `{}`, and this one is configured as `{archive}`", seal.head.archive)));
    }
    Ok(seal)
}

fn broken(name: &str, why: String) -> SealingError {
    SealingError::Chain { name: name.to_owned(), why }
}
