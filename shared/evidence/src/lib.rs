//! What is worked out from records: seals and their proofs, KPIs, anomalies, and where in the archive each thing lies.
//!
//! *Architecture invariant:* nothing here does I/O, reads a clock, or knows a provider's JSON; the same records always give the same answer.

pub mod anomaly;
pub mod kpi;
pub mod layout;
pub mod seal;
