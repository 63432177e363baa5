//! The local cloud: AWS on one machine, for the tests and the demo of Reprieve.
//!
//! Behind: an emulator of the AWS API, a pinned Python package, which also runs Lambda functions as processes. In front:
//! a proxy that every client and every function talks to. It makes KMS refuse what KMS refuses, keeps its quotas, writes
//! the CloudTrail record of each management write, puts it on EventBridge, answers what the emulator cannot (look-ups of
//! records, Change Calendars), and plays faults on request.
//!
//! ```no_run
//! # async fn example() -> Result<(), reprieve_localcloud::LocalCloudError> {
//! use reprieve_localcloud::{CallFault, EventAction, EventFault, LocalCloud, Options};
//!
//! let cloud = LocalCloud::start(Options::default()).await?;
//! cloud.inject(CallFault::throttle("kms", "EnableKey").from_call(1, 2).by_caller("guard"));
//! cloud.inject_event_fault(EventFault::on(&["ScheduleKeyDeletion"], EventAction::Duplicate(2)));
//! // ... point any AWS client at `cloud.endpoint_url()` ...
//! cloud.stop();
//! # Ok(())
//! # }
//! ```
//!
//! Must not depend on the product or on an AWS SDK: it judges the product from outside. It listens on 127.0.0.1 only.
//!
//! Known to be otherwise than AWS: events arrive at once, not after seconds; calls with an access key that nobody knows are
//! those of the account's root user; a key's state is looked at before the caller's permissions; calls count as made over
//! TLS. What IAM does not judge here is told at [`Options::enforce_iam`].
//!
//! - Records are of management writes and of `Sign` and `Verify`, which no rule gets; other reads leave none, nor do calls
//!   that CloudFormation makes inside the emulator, nor the `CreateKey` that `ReplicateKey` makes in the replica's Region.
//!   Of Systems Manager there are no records.
//! - `LookupEvents` finds records at once unless [`LookupWindow`] says otherwise, and takes a token only with exactly the
//!   parameters of the page before, `MaxResults` among them, which AWS may take less strictly.
//! - Change Calendars are not documents: they are made with [`LocalCloud::set_calendar`] alone. Of several calendars
//!   `NextTransitionTime` is when their common state changes; AWS does not document what it is.
//! - KMS takes a key policy that locks out its maker or names a principal that does not exist. A key policy decides with
//!   the statements of IAM; grants do not allow anything.
//! - Parameter Store decrypts a `SecureString` without asking for `kms:Decrypt`; the resource of `GetParametersByPath` is
//!   the path as it is given, which AWS does not document for a path that ends in a slash.

mod cloud;
mod error;
mod process;
mod proxy;
mod venv;

pub use cloud::{LocalCloud, Options, default_folder};
pub use error::LocalCloudError;
pub use proxy::calendars::{Calendar, CalendarEntry, CalendarState};
pub use proxy::caller::{Principal, SessionCredentials};
pub use proxy::events::Event;
pub use proxy::faults::{CallFault, EventAction, EventFault, FaultAnswer, Phase};
pub use proxy::kms::KeyState;
pub use proxy::lookup::LookupWindow;
pub use proxy::quota::kms_requests_per_second;
pub use proxy::timeline::{Activity, CallEntry, EventEntry, Fate};
pub use venv::{Progress, VENV_VARIABLE, prepare_venv};
