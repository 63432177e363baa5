//! What the guard leaves behind: audit records under Object Lock, and notices.

mod inbox;
mod records;

pub use inbox::{Inbox, Letter};
pub use records::{AuditBucket, StoredRecord};
