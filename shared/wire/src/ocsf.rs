//! What is found out, as events of OCSF 1.8.0 with the cloud profile; and back again, without loss.
//!
//! | what | class | `activity_id` | `status_id` |
//! |---|---|---|---|
//! | an entry of an audit log | API Activity 6003 | by the operation: 1 create, 2 read, 3 update, 4 delete; 99 with the operation's name | 1 success, 2 failure (the call was refused) |
//! | a decision's intent | Remediation Activity 7001 | 3 Restore | 99, `status` = `Pending` |
//! | a decision's outcome, a remedy | Remediation Activity 7001 | 3 Restore | 1 success, 2 failure, 3 does not exist, 4 partial, 5 unsupported; 99 with `status` = `Observed` in mode observe |
//! | a decision's outcome, an escalation | Detection Finding 2004 | 1 Create | 1 New |
//! | a decision's outcome, nothing to be done | API Activity 6003, the call that was seen | by the call's name | 1 success, 2 failure |
//! | an anomaly | Detection Finding 2004 | 1 Create | 1 New |
//! | how things stand | Compliance Finding 2003 | 1 Create | 1 New where something is amiss, else 4 Resolved |
//!
//! An entry keeps the log's own product in `metadata.product`, as Amazon Security Lake has it, and names Reprieve in `metadata.loggers`;
//! everything that Reprieve concludes by itself has Reprieve as its product. Nothing is lost: the whole of it stands under
//! `unmapped.reprieve`. Tables of fields: `shared/docs/audit-records.md`.
//!
//! Nothing here decides, reads a clock or fails: the same input always gives the same JSON, its keys in order.

mod azure;
mod decision;
mod entry;
mod finding;
mod frame;
mod google;
mod observe;
mod posture;
mod read;
mod seen;

pub use decision::record_json;
pub use entry::audit_json;
pub use finding::finding_json;
pub use posture::posture_json;
pub use read::{Read, read};

const SCHEMA_VERSION: &str = "1.8.0";
const OTHER: u8 = 99;

/// An OCSF enumeration's value: the id and its caption; for 99, what the source calls it.
type Coded<'a> = (u8, &'a str);
