//! Where an archive of evidence lies: a folder, or a bucket. It lists and reads, and writes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use reprieve_aws_evidence::{S3EvidenceStore, evidence_s3_client};
use reprieve_engine::evidence::{EvidenceStore as _, StoredObject};

use crate::args::desk::CloudArguments;

/// An archive that can be read.
#[derive(Debug)]
pub(crate) enum Archive {
    /// A folder that holds `audit/` and `seals/`.
    Folder(PathBuf),
    /// A bucket, or a part of one: what all names begin with there is no part of the archive's own names.
    Bucket {
        /// The bucket.
        store: Box<S3EvidenceStore>,
        /// What all names begin with there: empty, or ended by `/`.
        prefix: String,
    },
}

impl Archive {
    /// Opens an archive by its place: a folder.
    ///
    /// # Errors
    /// When there is no such folder, or the place is of a kind that cannot be read.
    pub(crate) fn open(place: &str) -> anyhow::Result<Self> {
        crate::place::check(place, false)?;
        let folder = PathBuf::from(place);
        let what = std::fs::metadata(&folder).with_context(|| format!("there is no archive at `{place}`"))?;
        if !what.is_dir() {
            bail!("`{place}` is no folder: name the one that holds `audit/`");
        }
        Ok(Self::Folder(folder))
    }

    /// Opens an archive by its place: a folder, or `s3://BUCKET[/PREFIX]` with the caller's own credentials.
    ///
    /// # Errors
    /// As [`Archive::open`], and when no Region is known.
    pub(crate) async fn open_anywhere(place: &str, cloud: &CloudArguments) -> anyhow::Result<Self> {
        let Some(name) = place.strip_prefix("s3://") else { return Self::open(place) };
        let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
        anyhow::ensure!(!bucket.is_empty(), "`{place}` names no bucket: give `s3://BUCKET` or `s3://BUCKET/PREFIX`");
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let config = crate::desk::open(cloud).await?.config_in(None)?;
        // It writes nothing here, so that nothing is kept for any number of days.
        let store = S3EvidenceStore::new(evidence_s3_client(&config), bucket, 0, reprieve_engine::SystemClock);
        Ok(Self::Bucket { store: Box::new(store), prefix })
    }

    /// Lists all objects whose names begin so, in the order of their names.
    ///
    /// # Errors
    /// When the archive cannot be listed.
    pub(crate) async fn objects(&self, prefix: &str) -> anyhow::Result<Vec<StoredObject>> {
        match self {
            Self::Folder(folder) => list(folder, prefix),
            Self::Bucket { store, prefix: above } => {
                let mut objects = store.list(&format!("{above}{prefix}")).await?;
                for object in &mut objects {
                    object.name = object.name.strip_prefix(above.as_str()).unwrap_or(&object.name).to_owned();
                }
                Ok(objects)
            }
        }
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub(crate) async fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Folder(folder) => std::fs::read(folder.join(name)).with_context(|| format!("`{name}` cannot be read")),
            Self::Bucket { store, prefix } => {
                store.read(&format!("{prefix}{name}")).await?.with_context(|| format!("there is no `{name}`"))
            }
        }
    }
}

fn list(folder: &Path, prefix: &str) -> anyhow::Result<Vec<StoredObject>> {
    // The part of the prefix that is whole folders; the rest is compared with names.
    let below = prefix.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut objects = Vec::new();
    let mut waiting = vec![folder.join(below)];
    while let Some(current) = waiting.pop() {
        let entries = match std::fs::read_dir(&current) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("`{}` cannot be listed", current.display())),
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("`{}` cannot be listed", current.display()))?;
            let kind = entry.file_type()?;
            // A link could lead out of the archive, or around in a circle.
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                objects.extend(object(folder, &entry, prefix)?);
            }
        }
    }
    objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(objects)
}

fn object(folder: &Path, entry: &std::fs::DirEntry, prefix: &str) -> anyhow::Result<Option<StoredObject>> {
    let path = entry.path();
    let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
        bail!("`{}` has a name that is no text", path.display());
    };
    let name = name.replace(std::path::MAIN_SEPARATOR, "/");
    if !name.starts_with(prefix) {
        return Ok(None);
    }
    let known = entry.metadata().with_context(|| format!("`{}` cannot be read", path.display()))?;
    let modified = known.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Some(StoredObject { name, modified, size_bytes: known.len() }))
}
