//! The pure domain of Reprieve: what a key event is, what was observed, what is decided and why.
//!
//! *Architecture invariant:* nothing here does I/O, reads a clock, knows a provider's JSON, an SDK or an async runtime.
//! Time, configuration and observations are arguments; the same arguments always give the same answer.

pub mod actor;
pub mod approval;
pub mod audit;
pub mod azure;
pub mod cost;
pub mod coverage;
pub mod decide;
pub mod decision;
pub mod drill;
pub mod event;
pub mod facts;
pub mod filter;
pub mod finding;
pub mod google;
pub mod id;
pub mod lesson;
pub mod monitoring;
pub mod notice;
pub mod place;
pub mod plan;
pub mod policy;
pub mod posture;
pub mod record;
pub mod resource_policy;
pub mod threat;

pub use actor::{Actor, ActorKind};
pub use approval::{ApprovalFinding, ApprovalKeys, ApprovalRules};
pub use audit::{AuditEvent, Cloud};
pub use decide::{Domain, Situation, Triage, decide, triage};
pub use decision::{Decision, Severity, Why};
pub use event::{CallOutcome, Details, Event, EventForm, Oddity, Target};
pub use facts::{CalendarState, Case, Inventory, KeyDescription, KeyFacts, KeyState, Known, Recollection, Serving};
pub use finding::Finding;
pub use id::{AccountId, EventId, IdError, KeyArn, Partition, Region, RoleArn};
pub use place::Place;
pub use plan::{Plan, Step};
pub use policy::Policy;
pub use posture::Posture;
pub use record::{KeyNames, Mode, Phase, Record, Status, StepOutcome, StepResult};
pub use threat::Threat;
