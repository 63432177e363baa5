//! Seals: a Merkle tree over what an hour brought, chained and signed; whether an archive still agrees with them; proofs of one record.
//!
//! `shared/docs/seals.md` describes every byte of it, so that others verify without this program.
//! *Architecture invariant:* nothing here reads an archive or signs. Who does hands over bytes, and is told what to read next.

mod chain;
mod error;
mod hash;
mod head;
mod keys;
mod object;
mod proof;
mod report;
mod signed;
mod tree;
mod verify;
mod waiting;

pub use error::SealError;
pub use hash::Hash;
pub use head::{ALGORITHM, Head, VERSION};
pub use keys::SealKeys;
pub use object::{MAX_INFLATED_BYTES, MAX_RECORDS, SealedObject, records};
pub use proof::{Proof, ProofError, Proven, ProvenRecord};
pub use report::{LastSeal, Problem, ProblemKind, Report, Verdict};
pub use signed::{Draft, Place, Seal};
pub use verify::{Examined, Expected, Listed, Options, Unsealed, Verifier};
pub use waiting::EVENT_DAYS;

pub use tree::{Frontier, Tree, is_included};
