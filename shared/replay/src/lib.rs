//! What Reprieve would have done: decisions over old logs, made with the very code of the functions.
//!
//! In two halves. [`Collector`] reads logs into a [`Part`]: counts, identities of records, and the few acts that change whether a key can
//! be used. Parts are values that merge, associatively and commutatively, whoever read them and in whatever order. [`judge`] then takes a
//! part and the [`Rules`], lives through the history of each key in the order of time, and comes to the [`Answer`]. [`story`] tells of one
//! key alone. *Architecture invariant:* nothing here calls a cloud, opens a file, reads a clock or knows an async runtime; the same records
//! always give the same answer, however they were ordered, repeated or divided.

mod act;
mod answer;
mod collect;
mod judge;
mod part;
mod rules;
pub mod story;

pub use act::{Act, may_change_a_key};
pub use answer::{Aftermath, Answer, Decided, KeyHistory, Kpis, Read, Times, Verdict};
pub use collect::Collector;
pub use judge::{judge, judge_last};
pub use part::{Part, PartError, Problem};
pub use rules::{Period, Rules};
