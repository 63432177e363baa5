//! Plays attacks and mistakes against the guard as it is shipped, on the local cloud: for the demo and the end-to-end tests.
//!
//! The stage deploys the unmodified CloudFormation template with the real function binary and the people of a small company. A
//! scenario is a sentence, a promise and a few calls; what it reports is read back from KMS, the audit bucket, the notices and the
//! call log of the local cloud, never from the guard's own memory.
//!
//! Must not build anything, and must not reach into the product: it knows the template's parameters and outputs, the audit records
//! and the approval format, as any customer does.

pub mod archive;
pub mod azure;
pub mod by_hand;
pub mod command;
pub mod evidence;
pub mod history;
pub mod page;
pub mod privilege;
pub mod report;
pub mod scenario;
pub mod show;
pub mod stage;
