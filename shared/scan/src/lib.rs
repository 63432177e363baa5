//! Reads archives of audit logs: finds the entries about keys, secrets and logs in files of any size, in little memory.
//!
//! What a file is, is told by its bytes: gz or not; CloudTrail's `{"Records":[...]}`, Azure's `{"records":[...]}`, JSON lines, lists, one
//! document after another, compact or not. Records are split by their brackets, those that cannot matter are told by their text and never
//! parsed, and the few that are left go through [`reprieve_wire::audit::parse`]. What cannot be read is counted and named, and costs
//! nothing but itself. *Architecture invariant:* nothing here decides, calls a cloud, or knows an async runtime; memory is bounded by
//! [`RECORD_BYTES`] and not by the input; time is linear in its bytes.

mod blocks;
mod counts;
mod folder;
mod identity;
mod input;
mod names;
mod near;
mod needles;
mod parallel;
mod read;
mod source;
mod split;
mod stream;

pub use counts::Counts;
pub use folder::{Found, LeftOut, LogFile, Why, find, why_left_out};
pub use needles::{MayMatter, Needles};
pub use parallel::each;
pub use read::{Entry, Scan, Scanner, entries};
pub use source::Fault;
pub use stream::{RECORD_BYTES, RawRecord};
