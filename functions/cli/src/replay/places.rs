//! What the given places hold: log files in folders, parts of earlier replays, objects of buckets. Each file once, the largest first.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use reprieve_scan::{LeftOut, Why, find};

use super::bucket::{self, Address, Buckets, Object};
use crate::args::desk::CloudArguments;

/// How files of parts are named.
const PART: &str = ".part";
/// What the first bytes of a part hold, when inflated.
const PART_FORMAT: &[u8] = b"reprieve-replay";
/// The most bytes that wait of a file that was asked for ahead.
const MOST_OF_ONE: u64 = 1024 * 1024;

/// A log file.
#[derive(Debug)]
pub(super) struct Input {
    /// What it is called: its name below the folder or prefix that was given.
    pub(super) name: String,
    /// Its size as it lies there; 0 where that is not known, as of a pipe.
    pub(super) bytes: u64,
    /// Where it is.
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Object(Box<Object>),
}

impl Input {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        match &self.source {
            Source::File(path) => Ok(Box::new(File::open(path)?)),
            Source::Object(object) => Ok(object.open()),
        }
    }

    /// Lets it be brought already, where that takes a while; returns the bytes that then wait in memory, at most.
    pub(super) fn ask_ahead(&self) -> u64 {
        match &self.source {
            Source::File(_) => 0,
            Source::Object(object) => {
                object.ask_ahead();
                self.bytes.clamp(1, MOST_OF_ONE)
            }
        }
    }

    /// Says whether it is somewhere from where it takes a while.
    pub(super) const fn is_far(&self) -> bool {
        matches!(self.source, Source::Object(_))
    }

    /// Says whether it can be read twice: a pipe cannot.
    pub(super) fn can_be_read_again(&self) -> bool {
        match &self.source {
            Source::File(path) => std::fs::metadata(path).is_ok_and(|found| found.is_file()),
            Source::Object(_) => true,
        }
    }
}

/// A part of an earlier replay.
#[derive(Debug)]
pub(super) struct SavedPart {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it is called in problems.
    pub(super) name: String,
}

/// What is to be read.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Log files, the largest first, so that the end is not the wait for one.
    pub(super) inputs: Vec<Input>,
    /// Parts.
    pub(super) parts: Vec<SavedPart>,
    /// What folders hold besides.
    pub(super) left_out: Vec<LeftOut>,
}

impl Places {
    /// Looks at each place.
    ///
    /// # Errors
    /// When there is nothing at a place, or nothing that is read.
    pub(super) fn find(places: &[PathBuf], cloud: &CloudArguments) -> anyhow::Result<Self> {
        let mut all = Self::default();
        let mut known = BTreeSet::new();
        let mut buckets = None;
        for place in places {
            match bucket::parse(place)? {
                None => all.add(place, &mut known)?,
                Some(address) => {
                    let buckets: &mut Buckets = match &mut buckets {
                        Some(buckets) => buckets,
                        none => none.insert(Buckets::open(cloud)?),
                    };
                    all.add_bucket(place, buckets, address, &mut known)?;
                }
            }
        }
        if let Some(buckets) = buckets {
            buckets.go_on()?;
        }
        all.inputs.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        Ok(all)
    }

    fn add_bucket(&mut self, place: &Path, buckets: &Buckets, address: Address<'_>, known: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
        let listed = buckets.list(address)?;
        if listed.files.is_empty() {
            bail!("`{}` holds no log files: name a prefix with files such as `*.json.gz`, or one of the files", place.display());
        }
        self.left_out.extend(listed.left_out);
        for (address, name, bytes, object) in listed.files {
            if known.insert(PathBuf::from(address)) {
                self.inputs.push(Input { name, bytes, source: Source::Object(Box::new(object)) });
            }
        }
        Ok(())
    }

    fn add(&mut self, place: &Path, known: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
        crate::place::check(&place.to_string_lossy(), true)?;
        let found = find(place).with_context(|| format!("`{}` cannot be read", place.display()))?;
        let is_one_file = place.is_file();
        let holds_no_log = found.files.is_empty();
        let mut parts = Vec::new();
        for left_out in found.left_out {
            if left_out.why == Why::Name && left_out.name.ends_with(PART) && holds_no_log {
                parts.push(SavedPart { path: place.join(&left_out.name), name: left_out.name });
            } else {
                self.left_out.push(left_out);
            }
        }
        if holds_no_log && parts.is_empty() {
            bail!("`{}` holds no log files: name a folder with files such as `*.json.gz`, or the files", place.display());
        }
        for part in parts {
            if is_new(&part.path, known) {
                self.parts.push(part);
            }
        }
        for file in found.files {
            if !is_new(&file.path, known) {
                continue;
            }
            if is_one_file && is_part(&file.path) {
                self.parts.push(SavedPart { path: file.path, name: file.name });
                continue;
            }
            let bytes = std::fs::metadata(&file.path).map_or(0, |found| found.len());
            self.inputs.push(Input { name: file.name, bytes, source: Source::File(file.path) });
        }
        Ok(())
    }
}

/// Says whether a file was not named before, under whatever name.
fn is_new(path: &Path, known: &mut BTreeSet<PathBuf>) -> bool {
    known.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// Says whether a file is a part: by its first bytes; or by its name, so that a damaged one is not taken for a log.
fn is_part(path: &Path) -> bool {
    let is_named_so = path.extension().is_some_and(|ending| ending == "part");
    is_named_so || holds_part(path).unwrap_or(false)
}

fn holds_part(path: &Path) -> std::io::Result<bool> {
    let mut first = Vec::new();
    GzDecoder::new(File::open(path)?).take(64).read_to_end(&mut first)?;
    Ok(first.windows(PART_FORMAT.len()).any(|text| text == PART_FORMAT) && !first.starts_with(b"{"))
}
