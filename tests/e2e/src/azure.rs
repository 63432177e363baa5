//! The other cloud: the Azure guard as it is shipped, on the Azure sandbox.
//!
//! The stage is a small company's tenant: vaults, a Managed HSM, storage, databases. The guard runs as the Functions host runs it,
//! under an identity that holds the shipped role and no other; Event Grid is subscribed by the shipped template. What a scenario reports
//! is read back from the tenant, from the audit container and from the chat, never from the guard's own memory.

#![expect(clippy::indexing_slicing, reason = "a field that a JSON value lacks reads as null")]

mod company;
pub mod desk;
pub mod evidence;
pub mod people;
pub mod scenario;
pub mod stage;
mod template;
