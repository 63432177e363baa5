//! The change manager's desk on AWS: seals approvals with KMS, writes them on keys and in the ledger, and withdraws them.
//!
//! *Architecture invariant:* no function is built with this crate, so no function can sign an approval or change a tag. It judges
//! nothing: what a seal is worth, and what passes, is said by `reprieve-core`. It calls nothing that could harm a key.

mod approval_key;
mod desk;
mod error;
mod key;
mod ledger;
mod tags;

#[cfg(test)]
mod localcloud_tests;

pub use approval_key::SealingKey;
pub use desk::{Caller, Desk, DeskSettings};
pub use error::DeskError;
pub use key::{KeyFile, KeyName, Listing};
