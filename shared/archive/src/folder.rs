//! An archive that is a folder: objects are files, written once and never replaced.
//!
//! A folder cannot lock what it holds; its seals tell whether it was changed. Names are checked, so that none leads out of it.

use std::fs::{self, File};
use std::future::{Future, ready};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use reprieve_engine::CallError;
use reprieve_engine::evidence::{EvidenceStore, StoredObject};

/// How names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";
/// The longest part of a name that file systems take.
const PART_BYTES: usize = 255;

/// A folder with objects.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
    /// Tells the files apart that are being written at once.
    written: AtomicU64,
}

impl FolderStore {
    /// Makes the folder, where there is none.
    ///
    /// # Errors
    /// When it cannot be made, or something else is there.
    pub fn create(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self::at(root))
    }

    /// Takes a folder that is there.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), written: AtomicU64::new(0) }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let path = self.path(PUT, name)?;
        let failed = |error: io::Error| of_io(PUT, name, &error);
        if path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = folder.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
        let written = write_whole(&unfinished, bytes).and_then(|()| match fs::hard_link(&unfinished, &path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        });
        // Whatever came of it, nobody looks for this name; a later look at the folder passes it over.
        fs::remove_file(&unfinished).ok();
        written.map_err(failed)
    }

    fn read_whole(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        let path = self.path(READ, name)?;
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(of_io(READ, name, &error)),
        }
    }

    fn list_all(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        // Only the folder that the prefix names is looked at.
        let (folder, _) = prefix.rsplit_once('/').unwrap_or_default();
        let start = if folder.is_empty() { self.root.clone() } else { self.path(LIST, folder)? };
        let mut objects = Vec::new();
        let mut folders = vec![(start, if folder.is_empty() { String::new() } else { format!("{folder}/") })];
        while let Some((path, prefix_of_folder)) = folders.pop() {
            let failed = |error: io::Error| of_io(LIST, prefix, &error);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                let Ok(own) = entry.file_name().into_string() else { continue };
                let name = format!("{prefix_of_folder}{own}");
                let is_on_the_way = name.starts_with(prefix) || prefix.starts_with(&name);
                if kind.is_dir() && is_on_the_way {
                    folders.push((entry.path(), format!("{name}/")));
                } else if kind.is_file() && name.starts_with(prefix) && !own.starts_with(UNFINISHED) {
                    let metadata = entry.metadata().map_err(failed)?;
                    let modified = metadata.modified().and_then(|at| Timestamp::try_from(at).map_err(io::Error::other)).map_err(failed)?;
                    objects.push(StoredObject { name, modified, size_bytes: metadata.len() });
                }
            }
        }
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Returns where an object lies: below the folder, whatever its name says.
    fn path(&self, call: &'static str, name: &str) -> Result<PathBuf, CallError> {
        let mut path = self.root.clone();
        for part in name.split('/') {
            let is_plain = !matches!(part, "" | "." | "..") && part.len() <= PART_BYTES && !part.starts_with(UNFINISHED);
            let is_safe = part.bytes().all(|byte| !byte.is_ascii_control() && !matches!(byte, b'\\' | b':'));
            if !is_plain || !is_safe {
                let message = format!("`{name}` is no name of an object in a folder: `{part}` cannot be a part of one");
                return Err(CallError::Rejected { call, message });
            }
            path.push(part);
        }
        Ok(path)
    }
}

const PUT: &str = "folder:Put";
const READ: &str = "folder:Read";
const LIST: &str = "folder:List";

impl EvidenceStore for FolderStore {
    fn put_once(&self, name: &str, _content_type: &str, bytes: &[u8]) -> impl Future<Output = Result<bool, CallError>> + Send {
        ready(self.put(name, bytes))
    }

    fn read(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, CallError>> + Send {
        ready(self.read_whole(name))
    }

    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<StoredObject>, CallError>> + Send {
        ready(self.list_all(prefix))
    }
}

/// Writes a file and waits until the disk has it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn of_io(call: &'static str, name: &str, error: &io::Error) -> CallError {
    let message = format!("`{name}`: {error}");
    let kind = error.kind();
    if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        CallError::AccessDenied { call, message }
    } else if matches!(kind, ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename) {
        CallError::Rejected { call, message }
    } else {
        CallError::Unavailable { call, message }
    }
}
