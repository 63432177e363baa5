//! Verifies an archive step by step: its listing, then seal by seal the objects of each, so that no more than one is held at a time.
//!
//! It reads nothing itself. Whoever drives it lists the archive ([`Verifier::list`]), hands over the seals in the order of their names
//! ([`Verifier::seal`]), reads what each asks for, in parallel if he likes ([`Expected::examine`]), and takes the [`Report`].

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::chain::{Link, follow};
use super::error::SealError;
use super::hash::Hash;
use super::head::{Head, second};
use super::keys::SealKeys;
use super::object::SealedObject;
use super::report::{LastSeal, Problem, ProblemKind, Problems, Report, Verdict};
use super::signed::Seal;
use super::waiting::{Wait, wait_of};
use crate::layout;

/// An object of the archive, as its listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When the store says that it was written. None of a folder, where anybody can set it.
    pub modified: Option<Timestamp>,
}

/// What an object means that no seal seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsealed {
    /// It was added.
    #[default]
    Added,
    /// It waits for its seal.
    Awaiting,
    /// It waits for its seal if the seal is not due, or not for long, by when the store says that it was written, and else was added.
    ByStoreTime,
}

/// What is verified, and how strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Reads the objects of seals that end after this alone. All seals are verified whatever it says.
    pub from: Option<Timestamp>,
    /// Reads the objects of seals that begin before this alone.
    pub to: Option<Timestamp>,
    /// What an object means that no seal seals.
    pub unsealed: Unsealed,
    /// Until when there must be seals, as is known from elsewhere.
    pub sealed_until: Option<Timestamp>,
    /// The hash of a seal that must be there, as is known from elsewhere.
    pub last_seal: Option<Hash>,
    /// How many problems are told.
    pub problem_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { from: None, to: None, unsealed: Unsealed::Added, sealed_until: None, last_seal: None, problem_limit: 1000 }
    }
}

/// An object that is to be read, and what its seal says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    object: SealedObject,
    at: Timestamp,
    until: Timestamp,
    seal: String,
    is_list_sound: bool,
}

/// What came of reading an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the verifier is to be told"]
pub struct Examined {
    at: Timestamp,
    result: Result<(u64, u64), Problem>,
}

impl Expected {
    /// Returns the name of the object that is to be read.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.object.name
    }

    /// Compares what was read with what was sealed: the bytes, none where there is no such object, or why it cannot be read.
    pub fn examine(&self, read: Result<Option<&[u8]>, &str>) -> Examined {
        let result = match read {
            Ok(Some(bytes)) => self.compare(bytes),
            Ok(None) => Err(self.missing()),
            Err(why) => Err(self.problem(ProblemKind::Unreadable, format!("it cannot be read: {why}"))),
        };
        Examined { at: self.at, result }
    }

    fn compare(&self, bytes: &[u8]) -> Result<(u64, u64), Problem> {
        let there = SealedObject::measure(self.name(), bytes);
        if there == self.object {
            return Ok((there.size_bytes, there.records));
        }
        let sealed = &self.object;
        let difference = if there.size_bytes != sealed.size_bytes {
            format!("it has {} bytes, and {} were sealed", there.size_bytes, sealed.size_bytes)
        } else if there.sha256 != sealed.sha256 {
            format!("its SHA-256 is {}, and {} was sealed", there.sha256, sealed.sha256)
        } else {
            let root = |object: &SealedObject| object.records_root.map_or_else(|| "no root".to_owned(), |root| format!("root {root}"));
            let (has, was) = (root(&there), root(sealed));
            format!("it holds {} records ({has}), and {} were sealed ({was})", there.records, sealed.records)
        };
        Err(self.changed(&difference))
    }

    fn changed(&self, difference: &str) -> Problem {
        let seal = &self.seal;
        let doubt = if self.is_list_sound { String::new() } else { format!("; the list of `{seal}` was changed too, so that may be why") };
        self.problem(ProblemKind::Changed, format!("{difference}{doubt}"))
    }

    fn missing(&self) -> Problem {
        self.problem(ProblemKind::Missing, format!("it was sealed by `{}`, and is not there", self.seal))
    }

    fn problem(&self, kind: ProblemKind, sentence: String) -> Problem {
        Problem { kind, name: Some(self.object.name.clone()), from: Some(self.at), until: Some(self.until), sentence }
    }
}

/// Stages of one seal, in the order in which their problems are told.
const OF_CHAIN: u8 = 0;
const OF_SEAL: u8 = 1;
const OF_OBJECT: u8 = 2;

const IN_NO_SEAL: &str = "it is in no seal that can be read";

struct Claim {
    size_bytes: u64,
    modified: Option<Timestamp>,
    /// The index of the link whose seal seals it.
    by: Option<usize>,
}

/// An archive that is being verified.
pub struct Verifier {
    keys: SealKeys,
    options: Options,
    listed: BTreeMap<String, Claim>,
    links: Vec<Link>,
    seen: HashSet<Hash>,
    problems: Problems,
    objects: u64,
    records: u64,
    bytes: u64,
    not_read: u64,
}

impl Verifier {
    /// Begins.
    #[must_use]
    pub fn new(keys: SealKeys, options: Options) -> Self {
        let problems = Problems::new(options.problem_limit);
        let (listed, links, seen) = (BTreeMap::new(), Vec::new(), HashSet::new());
        Self { keys, options, listed, links, seen, problems, objects: 0, records: 0, bytes: 0, not_read: 0 }
    }

    /// Notes an object below [`layout::AUDIT`]. All come before the first seal.
    pub fn list(&mut self, object: Listed) {
        let Listed { name, size_bytes, modified } = object;
        self.listed.insert(name, Claim { size_bytes, modified, by: None });
    }

    /// Takes a file below [`layout::SEALS`], in the order of their names: its bytes, or why it cannot be read. Returns what to read next.
    #[must_use = "these objects are to be read"]
    pub fn seal(&mut self, name: &str, read: Result<&[u8], &str>) -> Vec<Expected> {
        let seal = match read.map(Seal::parse) {
            Ok(Ok(seal)) => seal,
            Ok(Err(SealError::Bytes)) => return self.no_seal(name, ProblemKind::Changed, &SealError::Bytes.to_string()),
            Ok(Err(why)) => return self.no_seal(name, ProblemKind::Unreadable, &why.to_string()),
            Err(why) => return self.no_seal(name, ProblemKind::Unreadable, &format!("it cannot be read: {why}")),
        };
        let hash = seal.hash();
        let verified = seal.verify(&self.keys);
        // What a seal says of its own time is believed only where its signature holds.
        let at = if verified.is_ok() { seal.head.from } else { time_of(name).unwrap_or(seal.head.from) };
        let is_sound = match &verified {
            Ok(()) => seal.check_list().map_err(|why| self.tell(name, at, &seal.head, &why)).is_ok(),
            Err(why) => {
                self.tell(name, at, &seal.head, why);
                false
            }
        };
        let head = verified.is_ok().then(|| seal.head.clone());
        let home = if head.is_some() { seal.name() } else { name.to_owned() };
        self.links.push(Link { name: name.to_owned(), home, at, head, hash: Some(hash) });
        if self.seen.insert(hash) { self.claim(name, at, is_sound, seal) } else { Vec::new() }
    }

    /// Takes what came of reading an object.
    pub fn object(&mut self, examined: Examined) {
        match examined.result {
            Ok((bytes, records)) => {
                self.objects += 1;
                self.bytes = self.bytes.saturating_add(bytes);
                self.records = self.records.saturating_add(records);
            }
            Err(problem) => self.problems.add(examined.at, OF_OBJECT, problem),
        }
    }

    /// Ends: looks along the chain, and at what no seal seals.
    pub fn finish(mut self, now: Timestamp) -> Report {
        let is_empty = self.links.is_empty() && self.listed.is_empty();
        let mut links = std::mem::take(&mut self.links);
        links.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
        let chain = self.without_copies(&links);
        for (at, problem) in follow(&chain) {
            self.problems.add(at, OF_CHAIN, problem);
        }
        let last = chain.iter().rev().find_map(|link| Some((*link, link.head.as_ref()?)));
        let awaiting = self.look_at_unsealed(links.is_empty(), last.map(|(_, head)| head.until), now);
        self.compare_with_anchors(&chain, last.map(|(_, head)| head));
        let notes = self.notes(last.map(|(_, head)| head), now);
        let verdict = match (self.problems.count, is_empty) {
            (0, true) => Verdict::NothingToVerify,
            (0, false) => Verdict::Ok,
            _ => Verdict::Problems,
        };
        let heads = || chain.iter().filter_map(|link| link.head.as_ref());
        Report {
            verdict,
            problem_count: self.problems.count,
            problems: self.problems.into_list(),
            archive: last.map(|(_, head)| head.archive.clone()),
            seals: heads().count() as u64,
            from: heads().next().map(|head| head.from),
            last_seal: last.and_then(|(link, head)| last_seal(link, head)),
            objects: self.objects,
            records: self.records,
            bytes: self.bytes,
            objects_not_read: self.not_read,
            awaiting,
            notes,
        }
    }

    fn no_seal(&mut self, name: &str, kind: ProblemKind, why: &str) -> Vec<Expected> {
        let Some(at) = time_of(name) else {
            let sentence = "no seal is named so: it does not belong among the seals".to_owned();
            let problem = Problem { kind: ProblemKind::Added, name: Some(name.to_owned()), from: None, until: None, sentence };
            self.problems.add(Timestamp::MAX, OF_SEAL, problem);
            return Vec::new();
        };
        let problem = Problem { kind, name: Some(name.to_owned()), from: Some(at), until: None, sentence: why.to_owned() };
        self.problems.add(at, OF_SEAL, problem);
        self.links.push(Link { name: name.to_owned(), home: name.to_owned(), at, head: None, hash: None });
        Vec::new()
    }

    fn tell(&mut self, name: &str, at: Timestamp, head: &Head, why: &SealError) {
        let kind = match why {
            SealError::UnknownKey { .. } => ProblemKind::UnknownKey,
            SealError::Signature(_) | SealError::Broken => ProblemKind::BadSignature,
            SealError::Order => ProblemKind::Reordered,
            SealError::Count { .. } | SealError::Root | SealError::Bytes => ProblemKind::Changed,
            SealError::Form(_)
            | SealError::Version(_)
            | SealError::Algorithm(_)
            | SealError::Time(_)
            | SealError::Interval { .. }
            | SealError::PublicKey(_) => ProblemKind::Unreadable,
        };
        let problem = Problem { kind, name: Some(name.to_owned()), from: Some(at), until: Some(head.until), sentence: why.to_string() };
        self.problems.add(at, OF_SEAL, problem);
    }

    /// Ties the objects of a seal to it, and says which are to be read.
    fn claim(&mut self, name: &str, at: Timestamp, is_list_sound: bool, seal: Seal) -> Vec<Expected> {
        let Head { from, until, .. } = seal.head;
        let is_in_range = self.options.from.is_none_or(|start| until > start) && self.options.to.is_none_or(|end| from < end);
        let (index, mut to_read) = (self.links.len().saturating_sub(1), Vec::new());
        for object in seal.objects {
            let expected = Expected { object, at, until, seal: name.to_owned(), is_list_sound };
            match self.listed.get_mut(expected.name()) {
                None => self.problems.add(at, OF_OBJECT, expected.missing()),
                Some(Claim { by: Some(other), .. }) => {
                    let other = self.links.get(*other).map_or("another seal", |link| &link.name);
                    let sentence = format!("`{name}` seals it, and so does `{other}`: an object is sealed once");
                    self.problems.add(at, OF_OBJECT, expected.problem(ProblemKind::BrokenChain, sentence));
                }
                Some(claim) => {
                    claim.by = Some(index);
                    if !is_in_range {
                        self.not_read += 1;
                    } else if claim.size_bytes == expected.object.size_bytes {
                        to_read.push(expected);
                    } else {
                        let (there, sealed) = (claim.size_bytes, expected.object.size_bytes);
                        let problem = expected.changed(&format!("it has {there} bytes, and {sealed} were sealed"));
                        self.problems.add(at, OF_OBJECT, problem);
                    }
                }
            }
        }
        to_read
    }

    /// Returns each seal once, and tells of those that lie under another name than theirs.
    fn without_copies<'l>(&mut self, links: &'l [Link]) -> Vec<&'l Link> {
        let at_home: HashSet<Hash> = links.iter().filter(|link| link.name == link.home).filter_map(|link| link.hash).collect();
        let (mut chain, mut taken) = (Vec::new(), HashSet::new());
        for link in links {
            let is_copy = link.hash.is_some_and(|hash| link.name != link.home && at_home.contains(&hash));
            if link.name != link.home {
                let (kind, verb) = if is_copy { (ProblemKind::Added, "is a copy of") } else { (ProblemKind::Reordered, "belongs under") };
                let sentence = format!("it {verb} `{}`", link.home);
                let until = link.head.as_ref().map(|head| head.until);
                self.problems.add(link.at, OF_CHAIN, Problem { kind, name: Some(link.name.clone()), from: Some(link.at), until, sentence });
            }
            if !is_copy && link.hash.is_none_or(|hash| taken.insert(hash)) {
                chain.push(link);
            }
        }
        chain
    }

    fn look_at_unsealed(&mut self, is_without_seals: bool, last_until: Option<Timestamp>, now: Timestamp) -> u64 {
        let mut awaiting = 0;
        if is_without_seals && !self.listed.is_empty() {
            let sentence = format!("there are {} objects, and no seal: nothing shows that they are what was written", self.listed.len());
            let problem = Problem { kind: ProblemKind::Unsealed, name: None, from: None, until: None, sentence };
            self.problems.add(Timestamp::MAX, OF_CHAIN, problem);
            return 0;
        }
        for (name, claim) in self.listed.iter().filter(|(_, claim)| claim.by.is_none()) {
            let sentence = match self.options.unsealed {
                Unsealed::Added => Some(IN_NO_SEAL.to_owned()),
                Unsealed::Awaiting => None,
                Unsealed::ByStoreTime => why_unsealed(name, claim.modified, last_until, now),
            };
            let Some(sentence) = sentence else {
                awaiting += 1;
                continue;
            };
            let problem = Problem { kind: ProblemKind::Added, name: Some(name.clone()), from: None, until: None, sentence };
            self.problems.add(Timestamp::MAX, OF_OBJECT, problem);
        }
        awaiting
    }

    fn compare_with_anchors(&mut self, chain: &[&Link], last: Option<&Head>) {
        let mut cut = |from: Option<Timestamp>, until: Option<Timestamp>, sentence: String| {
            let problem = Problem { kind: ProblemKind::Truncated, name: None, from, until, sentence };
            self.problems.add(Timestamp::MAX, OF_CHAIN, problem);
        };
        if let Some(until) = self.options.sealed_until.filter(|until| last.is_none_or(|head| head.until < *until)) {
            let there = last.map_or_else(|| "there is no seal".to_owned(), |head| format!("the last seal ends at {}", second(head.until)));
            let sentence = format!("{there}, and it should be sealed until {}: seals were cut off at the end, or not made", second(until));
            cut(last.map(|head| head.until), Some(until), sentence);
        }
        let is_there = |hash: Hash| chain.iter().any(|link| link.head.is_some() && link.hash == Some(hash));
        if let Some(hash) = self.options.last_seal.filter(|hash| !is_there(*hash)) {
            let sentence = format!("the seal with the hash {hash} is not there: it was cut off, or this is another chain");
            cut(last.map(|head| head.until), None, sentence);
        }
    }

    fn notes(&self, last: Option<&Head>, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(head) = last {
            let (until, age) = (second(head.until), age(head.until, now));
            let mut note = format!("The last seal ends at {until}, {age}.");
            if self.options.sealed_until.is_none() && self.options.last_seal.is_none() {
                note.push_str(" If later seals were removed with all that they seal, an archive cannot show it by itself.");
            }
            notes.push(note);
        }
        if self.not_read > 0 {
            notes.push(format!("{} objects were not read: they were sealed at other times than was asked for.", self.not_read));
        }
        notes
    }
}

/// Says what is wrong with an object that no seal seals, by when its store says that it was written. `None` while it waits for its seal.
fn why_unsealed(name: &str, modified: Option<Timestamp>, last_until: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let Some(modified) = modified else { return Some(IN_NO_SEAL.to_owned()) };
    let written = second(modified);
    match last_until.map_or(Wait::PassedBy, |until| wait_of(name, modified, until, now)) {
        Wait::Awaiting => None,
        Wait::Overdue => Some(format!("it was written at {written}, and has no seal since")),
        Wait::PassedBy => Some(format!("{IN_NO_SEAL}, though it was written at {written}")),
    }
}

fn last_seal(link: &Link, head: &Head) -> Option<LastSeal> {
    let Head { sequence, until, sealed_at, ref key_id, .. } = *head;
    Some(LastSeal { name: link.home.clone(), sequence, until, sealed_at, hash: link.hash?, key_id: key_id.clone() })
}

/// Reads the time out of a seal's name. `None` where it is not the name of a seal.
fn time_of(name: &str) -> Option<Timestamp> {
    let (_, file) = name.rsplit_once('/')?;
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", file.strip_suffix(".json")?).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (layout::seal(time) == name).then_some(time)
}

/// Says how long ago that was, roughly.
fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second());
    let (count, unit) = match seconds {
        ..0 => return "later than it is by the clock of this machine".to_owned(),
        0..60 => return "less than a minute ago".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        172_800.. => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit} ago") } else { format!("{count} {unit}s ago") }
}
