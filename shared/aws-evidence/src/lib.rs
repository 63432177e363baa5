//! Evidence on AWS: the archive in S3 under Object Lock, seals signed by KMS, the baseline of what is usual, the files of a trail,
//! and archives of logs as streams.
//!
//! *Architecture invariants:* nothing here decides, or reads the environment. No object of evidence is replaced or deleted: it is created,
//! or it was there. The baseline alone is replaced, and only the version that was read. `Sign` is called in one place, with one key.

mod baseline;
mod client;
mod log_archive;
mod log_files;
mod replay_results;
mod signer;
mod store;

#[cfg(test)]
mod localcloud_tests;

pub use baseline::{BASELINE, S3BaselineStore};
pub use client::evidence_s3_client;
pub use log_archive::{ListedLogFile, LogArchive, LogFileReader};
pub use log_files::{MOST_LOG_FILE_BYTES, S3LogSource};
pub use replay_results::{REPLAY_PREFIX, S3ReplayResults};
pub use signer::KmsSealSigner;
pub use store::S3EvidenceStore;
