//! Azure: what must be true of vaults, keys, log storage and alerts, what was observed of them, and what is to be changed.
//!
//! Level-triggered: an event names a [`Subject`], the subject is looked at ([`World`]), [`plan()`] compares that with what is asked for
//! ([`Desired`]) and leaves no choices to whoever carries the changes out, [`decide`] says whether an approval covers what was found.
//! What already satisfies is left alone, so that our own writes do not echo; what cannot be read is never taken for missing.
//!
//! *Absent on purpose:* any change that deletes, purges, unlocks, shortens or narrows.

pub mod change;
pub mod decide;
pub mod desired;
pub mod discovery;
pub mod event;
pub mod id;
pub mod lesson;
pub mod memory;
pub mod plan;
pub mod subject;
pub mod world;

pub use change::Change;
pub use desired::{AuditRoute, Desired, PurgeProtection};
pub use discovery::Discovery;
pub use id::{KeyReference, ResourceId, SubscriptionId};
pub use memory::Memory;
pub use plan::{AzurePlan, plan};
pub use subject::{Function, Subject};
pub use world::World;
