//! Seals: a Merkle tree over what an hour brought, chained and signed.
