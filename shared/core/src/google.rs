//! Google Cloud: the names of its resources, approvals in labels, and what is decided about versions of keys in Cloud KMS.
//!
//! A version that is destroyed waits (30 days by default) and can be restored meanwhile; it is disabled then, and serves again once it
//! is enabled. *Architecture invariant:* no change destroys, disables or unlabels anything.

pub mod change;
pub mod decide;
pub mod label;
pub mod name;
mod past;
pub mod version;

pub use change::Change;
pub use decide::{GoogleDomain, GoogleSituation, GoogleTriage, Loss};
pub use label::{LabelError, Labels};
pub use name::GoogleName;
pub use version::{KeyVersion, VersionFacts, VersionState};
