//! What came of verifying an archive: the problems, the first of them first, and what was looked at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::hash::Hash;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// An object, or the list of a seal, is not what was sealed.
    Changed,
    /// An object was sealed and is not there.
    Missing,
    /// An object is there that no seal seals, or a file lies among the seals that is none.
    Added,
    /// A seal lies under another seal's name, or the list of a seal is in another order.
    Reordered,
    /// Hours have no seal.
    Gap,
    /// The signature of a seal does not belong to its head.
    BadSignature,
    /// A seal was made with a key that was not given.
    UnknownKey,
    /// A seal does not follow the one before it.
    BrokenChain,
    /// A seal or an object cannot be read.
    Unreadable,
    /// There are objects, and no seal at all.
    Unsealed,
    /// The seals end earlier than they should by what is known from elsewhere.
    Truncated,
}

impl ProblemKind {
    /// Returns its words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Added => "added",
            Self::Reordered => "reordered",
            Self::Gap => "gap",
            Self::BadSignature => "bad signature",
            Self::UnknownKey => "unknown key",
            Self::BrokenChain => "broken chain",
            Self::Unreadable => "unreadable",
            Self::Unsealed => "unsealed",
            Self::Truncated => "truncated",
        }
    }
}

/// Something that is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// The object or the seal that it is about; none where it is about the whole.
    pub name: Option<String>,
    /// The beginning of the first hour that it is about, where it is about one.
    pub from: Option<Timestamp>,
    /// The end of the last hour that it is about.
    pub until: Option<Timestamp>,
    /// What is wrong, for people.
    pub sentence: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is as it was sealed.
    Ok,
    /// Something is not.
    Problems,
    /// There is neither a seal nor an object.
    NothingToVerify,
}

/// The seal at the end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastSeal {
    /// Its name.
    pub name: String,
    /// Its number.
    pub sequence: u64,
    /// Until when it seals.
    pub until: Timestamp,
    /// When it was made, as it says.
    pub sealed_at: Timestamp,
    /// Its hash: what to keep elsewhere, to see later that nothing was cut off.
    pub hash: Hash,
    /// The id of the key that signed it.
    pub key_id: String,
}

/// What came of verifying an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Report {
    /// What came of it.
    pub verdict: Verdict,
    /// What is wrong, in the order of the chain: up to as many as were asked for.
    pub problems: Vec<Problem>,
    /// How many problems there are, also those that are not told.
    pub problem_count: u64,
    /// Which archive it is, as its seals say.
    pub archive: Option<String>,
    /// How many seals hold.
    pub seals: u64,
    /// From when on they seal.
    pub from: Option<Timestamp>,
    /// The last of them.
    pub last_seal: Option<LastSeal>,
    /// How many objects are as they were sealed.
    pub objects: u64,
    /// How many records are in them.
    pub records: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many objects were not read, because they were sealed at other times than was asked for.
    pub objects_not_read: u64,
    /// How many objects wait for their seal.
    pub awaiting: u64,
    /// What should be known about how far this goes.
    pub notes: Vec<String>,
}

impl Report {
    /// Returns the first problem.
    #[must_use]
    pub fn first(&self) -> Option<&Problem> {
        self.problems.first()
    }
}

/// Where a problem stands among others: first by the time of the seal that it is about, then by how near to the seal itself.
pub(super) type Rank = (Timestamp, u8, String);

/// Problems, the first of which are kept.
#[derive(Debug)]
pub(super) struct Problems {
    kept: BTreeMap<(Rank, u64), Problem>,
    limit: usize,
    pub(super) count: u64,
}

impl Problems {
    pub(super) const fn new(limit: usize) -> Self {
        Self { kept: BTreeMap::new(), limit, count: 0 }
    }

    pub(super) fn add(&mut self, at: Timestamp, stage: u8, problem: Problem) {
        self.count += 1;
        let rank = (at, stage, problem.name.clone().unwrap_or_default());
        self.kept.insert((rank, self.count), problem);
        if self.kept.len() > self.limit {
            self.kept.pop_last();
        }
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        self.kept.into_values().collect()
    }
}
