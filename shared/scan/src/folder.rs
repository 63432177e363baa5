//! Which files of a folder are logs: told by their names, in the order of their names. Nothing is opened, and no link is followed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How names of logs end.
const ENDINGS: [&str; 9] = [".json.gz", ".json", ".jsonl.gz", ".jsonl", ".ndjson.gz", ".ndjson", ".log.gz", ".log", ".gz"];

/// A log file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name below the folder that was given, with `/` between folders; its own name, where it was given itself.
    pub name: String,
}

/// Why a file is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is a digest of CloudTrail: signatures over log files, no records.
    Digest,
    /// It holds Insights of CloudTrail: how often calls were made, no calls.
    Insight,
    /// Its name is not that of a log.
    Name,
    /// It is a link, and may lead anywhere.
    Link,
    /// It is no file: a pipe or a socket.
    NoFile,
    /// It cannot be looked at.
    Unreadable(String),
}

impl Why {
    /// Returns the reason as a clause, the same for all files that have it.
    #[must_use]
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Digest => "a digest of CloudTrail, which holds no records",
            Self::Insight => "Insights of CloudTrail, which are no calls",
            Self::Name => "not named as a log (.json, .jsonl, .ndjson, .log, each also with .gz)",
            Self::Link => "a link, which is not followed",
            Self::NoFile => "no file",
            Self::Unreadable(_) => "cannot be looked at",
        }
    }
}

/// A file that is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its name, as in [`LogFile::name`].
    pub name: String,
    /// Why.
    pub why: Why,
}

/// What a folder holds, both in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The log files.
    pub files: Vec<LogFile>,
    /// Everything else.
    pub left_out: Vec<LeftOut>,
}

/// Finds the log files below a folder. A file that is given itself is a log, whatever its name.
///
/// # Errors
/// When there is nothing at `root`, or it cannot be looked at.
pub fn find(root: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    if !fs::metadata(root)?.is_dir() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.files.push(LogFile { path: root.to_owned(), name });
        return Ok(found);
    }
    fs::read_dir(root)?;
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries = match fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                found.left_out.push(LeftOut { name: prefix, why: Why::Unreadable(error.to_string()) });
                continue;
            }
        };
        for entry in entries {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), format!("{name}/"))),
                Ok(kind) => match reason_to_leave_out(&name, kind) {
                    None => found.files.push(LogFile { path: entry.path(), name }),
                    Some(why) => found.left_out.push(LeftOut { name, why }),
                },
                Err(error) => found.left_out.push(LeftOut { name, why: Why::Unreadable(error.to_string()) }),
            }
        }
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    found.left_out.sort();
    Ok(found)
}

fn reason_to_leave_out(name: &str, kind: fs::FileType) -> Option<Why> {
    if kind.is_symlink() {
        return Some(Why::Link);
    }
    if !kind.is_file() {
        return Some(Why::NoFile);
    }
    why_left_out(name)
}

/// Says why what has this name is no log, by its name alone: a file's below a folder, or an object's below a prefix. `None` for a log.
#[must_use]
pub fn why_left_out(name: &str) -> Option<Why> {
    if ["CloudTrail-Digest/", "_CloudTrail-Digest_"].iter().any(|part| name.contains(part)) {
        return Some(Why::Digest);
    }
    if ["CloudTrail-Insight/", "_CloudTrail-Insight_"].iter().any(|part| name.contains(part)) {
        return Some(Why::Insight);
    }
    let lower = name.to_ascii_lowercase();
    let own = lower.rsplit('/').next().unwrap_or_default();
    let is_log = !own.starts_with('.') && ENDINGS.iter().any(|ending| own.ends_with(ending));
    (!is_log).then_some(Why::Name)
}
