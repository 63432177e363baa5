//! The change manager's desk on Azure: seals approvals with a key in Key Vault, writes them on resources as tags and into the ledger, and
//! withdraws them.
//!
//! *Architecture invariant:* no function is built with this crate, so no function can sign an approval or change a tag. It judges
//! nothing: what a seal is worth, and what passes, is said by `reprieve-core`. It calls through the connections of `reprieve-azure`,
//! which neither delete nor purge, and reads no secret's value.

mod caller;
mod credential;
mod desk;
mod error;
mod ledger;
mod name;
mod resource;
mod sealing;
mod subject;
mod tags;

#[cfg(test)]
mod sandbox_tests;
#[cfg(test)]
mod scripted_tests;

pub use caller::Caller;
pub use desk::{Desk, DeskSettings};
pub use error::DeskError;
pub use name::{ResourceName, SealingName};
pub use resource::{ResourceFile, ResourceState};
pub use sealing::SealingKey;
pub use subject::subject_of;
