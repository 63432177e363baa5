//! Files of the archive of evidence: entries of audit logs as gz JSON lines of OCSF and as Parquet, named by the hour, account and Region
//! in which they happened; and an archive that is a folder.
//!
//! *Architecture invariant:* the same log file always comes to the same objects, byte by byte, so that writing it again adds nothing,
//! whoever was interrupted where. Nothing here calls a cloud, reads a clock, or replaces or deletes an object.

mod encode;
mod folder;
mod lines;
mod log_file;
mod plain;
mod portions;
mod sink;
mod table;

pub use encode::distinct;
pub use folder::FolderStore;
pub use lines::read_lines;
pub use log_file::log_file_name;
pub use plain::Form;
pub use portions::{PORTION_ENTRIES, Portions};
pub use sink::ArchiveSink;
pub use table::table;
