//! The drill on AWS: its key in KMS, its inventory in the ledger table, the queue that hears what people are told, the alarm's history.
//!
//! *Architecture invariants:* this is the only crate that a function is built with in which `ScheduleKeyDeletion` is called, in one place
//! ([`KmsDrillKey`]), and that call takes a `Cleared`, which only `reprieve_core::drill::may_touch` makes. It moves no alias, sets no
//! tag on a key that exists, and deletes nothing but its own messages.

mod inventory;
mod key;
mod message;
mod watch;

pub use inventory::DynamoDrillInventory;
pub use key::KmsDrillKey;
pub use watch::SqsDrillWatch;
