//! Log files in a bucket: listed once, then read as streams, many of them asked for ahead, so that nobody waits for the next.

use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use reprieve_aws_desk::DeskError;
use reprieve_aws_evidence::{ListedLogFile, LogArchive, LogFileReader, evidence_s3_client};
use reprieve_scan::{LeftOut, why_left_out};

use crate::args::desk::CloudArguments;

/// How an address of a bucket begins.
const SCHEME: &str = "s3://";

/// A file in a bucket.
#[derive(Debug)]
pub(super) struct Object {
    archive: LogArchive,
    file: ListedLogFile,
    /// The file, where it was asked for already.
    ahead: Mutex<Option<LogFileReader>>,
}

impl Object {
    /// Asks for the file, so that its bytes are on their way when it is opened.
    pub(super) fn ask_ahead(&self) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.is_none() {
            *ahead = Some(self.archive.open(&self.file));
        }
    }

    /// Opens the file.
    pub(super) fn open(&self) -> Box<dyn Read + Send> {
        let asked = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::new(asked.unwrap_or_else(|| self.archive.open(&self.file)))
    }
}

/// What a bucket holds below a prefix.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The log files: the address, the name below the prefix, the size, and the file.
    pub(super) files: Vec<(String, String, u64, Object)>,
    /// Everything else.
    pub(super) left_out: Vec<LeftOut>,
}

/// An address of a bucket, or of what lies in one below a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    bucket: &'a str,
    /// The prefix, without the slash at its end.
    prefix: &'a str,
    /// Whether it was written with a slash at its end, and so can be no object.
    is_folder: bool,
}

impl Address<'_> {
    /// Returns the prefix that is listed. With the slash, where it was given: a policy may allow that alone, and what lies beside is not
    /// listed.
    fn listed_prefix(&self) -> String {
        let slash = if self.is_folder && !self.prefix.is_empty() { "/" } else { "" };
        format!("{}{slash}", self.prefix)
    }
}

/// Parses an address; `None` where a place is none.
///
/// # Errors
/// When it names no bucket.
pub(super) fn parse(place: &Path) -> anyhow::Result<Option<Address<'_>>> {
    let Some(name) = place.to_str().and_then(|place| place.strip_prefix(SCHEME)) else { return Ok(None) };
    let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
    anyhow::ensure!(!bucket.is_empty(), "`{}` names no bucket: give `s3://BUCKET` or `s3://BUCKET/PREFIX`", place.display());
    Ok(Some(Address { bucket, prefix: prefix.trim_end_matches('/'), is_folder: prefix.ends_with('/') }))
}

/// The buckets, and the runtime that brings their bytes while other threads read.
#[derive(Debug)]
pub(super) struct Buckets {
    runtime: tokio::runtime::Runtime,
    archive: LogArchive,
}

impl Buckets {
    /// Opens S3 with the caller's own credentials.
    ///
    /// # Errors
    /// When no Region is known, or TLS cannot be set up.
    pub(super) fn open(cloud: &CloudArguments) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let archive = runtime.block_on(async {
            let config = crate::desk::open(cloud).await?.config_in(None);
            // The option is called otherwise here: regions are what is decided on.
            if let Err(DeskError::NoRegion) = config {
                anyhow::bail!("no Region is known to read buckets in: give --bucket-region, or set AWS_REGION");
            }
            let config = config?;
            anyhow::Ok(LogArchive::new(evidence_s3_client(&config)))
        })?;
        Ok(Self { runtime, archive })
    }

    /// Lists what is below an address, as a folder of that name would hold it; or the one file of that name.
    ///
    /// # Errors
    /// When S3 refuses.
    pub(super) fn list(&self, address: Address<'_>) -> anyhow::Result<Listed> {
        let Address { bucket, prefix, is_folder: _ } = address;
        let listed_prefix = address.listed_prefix();
        let mut listed = Listed::default();
        let take = |file: ListedLogFile| {
            let is_the_file = file.key == prefix;
            let is_below = prefix.is_empty() || file.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
            if file.key.ends_with('/') || !(is_the_file || is_below) {
                return;
            }
            let name = if is_the_file { prefix.rsplit('/').next().unwrap_or_default() } else { file.name_below(prefix) }.to_owned();
            if let Some(why) = why_left_out(&name).filter(|_| !is_the_file) {
                listed.left_out.push(LeftOut { name, why });
                return;
            }
            let address = format!("{SCHEME}{bucket}/{}", file.key);
            let object = Object { archive: self.archive.clone(), ahead: Mutex::default(), file };
            listed.files.push((address, name, object.file.bytes, object));
        };
        let visited = self.runtime.block_on(self.archive.visit(bucket, &listed_prefix, take));
        visited.with_context(|| format!("`{SCHEME}{bucket}/{listed_prefix}` cannot be listed"))?;
        Ok(listed)
    }

    /// Goes on bringing bytes, until the process ends.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub(super) fn go_on(self) -> anyhow::Result<()> {
        let run = move || self.runtime.block_on(std::future::pending::<()>());
        std::thread::Builder::new().name("s3".to_owned()).spawn(run).context("no thread can be started")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        for (place, parsed, listed) in [
            ("s3://trail", ("trail", ""), ""),
            ("s3://trail/", ("trail", ""), ""),
            ("s3://trail/AWSLogs/o-1", ("trail", "AWSLogs/o-1"), "AWSLogs/o-1"),
            ("s3://trail/AWSLogs/o-1/", ("trail", "AWSLogs/o-1"), "AWSLogs/o-1/"),
            ("s3://trail/AWSLogs/a.json.gz", ("trail", "AWSLogs/a.json.gz"), "AWSLogs/a.json.gz"),
        ] {
            let address = parse(Path::new(place)).unwrap().unwrap();
            assert_eq!((address.bucket, address.prefix), parsed, "{place}");
            assert_eq!(address.listed_prefix(), listed, "{place}: with the slash that was given, and none that was not");
        }
        assert_eq!(parse(Path::new("logs")).unwrap(), None);
        assert!(parse(Path::new("s3:///AWSLogs")).is_err());
    }
}
