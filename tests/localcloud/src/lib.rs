//! The local cloud: AWS on one machine, for the tests and the demo of Reprieve.
//!
//! Behind: an emulator of the AWS API, a pinned Python package, which also runs Lambda functions as processes. In front:
//! a proxy that every client and every function talks to. It makes KMS refuse what KMS refuses, keeps its quotas, writes
//! the CloudTrail record of each management write, puts it on EventBridge and into the log groups of trails, counts it there
//! by metric filters, answers what the emulator cannot (look-ups of records, Change Calendars, `TestMetricFilter`), and plays
//! faults on request.
//!
//! The chain of monitoring is real from end to end: a record that a live trail records goes to its log group, filters make
//! metric data of it, alarms change their state, topics deliver, and mail to a confirmed address lies in
//! [`LocalCloud::mail`].
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
//! Must not depend on an AWS SDK, nor on the product but for one thing, the evaluator of filter patterns: it judges the product
//! from outside. It listens on 127.0.0.1 only.
//!
//! Known to be otherwise than AWS: events arrive at once, not after seconds; calls with an access key that nobody knows are
//! those of the account's root user; a key's state is looked at before the caller's permissions; calls count as made over
//! TLS. What IAM does not judge here is told at [`Options::enforce_iam`].
//!
//! - Records are of management writes on KMS, CloudTrail, CloudWatch, CloudWatch Logs, EventBridge and SNS, and of `Sign` and
//!   `Verify`, which no rule gets. Other reads leave none, nor do calls that CloudFormation makes inside the emulator, nor the
//!   `CreateKey` that `ReplicateKey` makes in the replica's Region.
//! - `LookupEvents` finds records at once unless [`LookupWindow`] says otherwise, and takes a token only with exactly the
//!   parameters of the page before, `MaxResults` among them, which AWS may take less strictly.
//! - EventBridge gets calls without any trail, unless [`LocalCloud::let_events_need_a_trail`] says otherwise. Trails write no
//!   log files to S3, are those of one account, and know no Insights and no network activity; of data events there are none. A
//!   trail's status tells of its delivery to CloudWatch Logs alone; AWS does not document what its error reads like.
//! - Metric filters count with the product's own evaluator, so that what a pattern matches is not held against AWS here. A
//!   default value is put for each event that does not match, not once a minute. Patterns of space-delimited fields count
//!   nothing. Logs that functions write by themselves are not counted; metrics in the embedded format are read from them
//!   where [`LocalCloud::read_embedded_metrics`] says so, at once and without their time.
//! - An alarm looks at data when it comes and at its whole window at once; when no more comes it stays as it is until
//!   [`LocalCloud::settle_alarms`]. A new alarm is `INSUFFICIENT_DATA` until then. It is held to the policy and the key of its
//!   topic whether or not IAM is enforced, as a trail is to its bucket, its log group and its role.
//! - A subscription of an email address waits for [`LocalCloud::confirm_subscription`]. Mail goes nowhere.
//! - `SimulatePrincipalPolicy` knows the policies and boundary of a role or user, and a resource policy that is passed along;
//!   it names no missing context values.
//! - The template type `AWS::CloudTrail::Trail` is not known. A custom resource answers to an address of plain HTTP.
//! - Change Calendars are not documents: they are made with [`LocalCloud::set_calendar`] alone. Of several calendars
//!   `NextTransitionTime` is when their common state changes; AWS does not document what it is.
//! - KMS takes a key policy that locks out its maker or names a principal that does not exist. A key policy decides with
//!   the statements of IAM; grants do not allow anything.
//! - The role of a state machine is asked whether it may list, call, start children and write results, and for no more. Of a
//!   Distributed Map there are the readers and batchers of items, and results that are written compactly, line by line; nothing is
//!   redriven.
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
pub use proxy::decisions::IamDecision;
pub use proxy::events::Event;
pub use proxy::faults::{CallFault, EventAction, EventFault, FaultAnswer, Phase};
pub use proxy::invocations::{Invocation, Received};
pub use proxy::kms::KeyState;
pub use proxy::lookup::LookupWindow;
pub use proxy::monitoring::Mail;
pub use proxy::quota::kms_requests_per_second;
pub use proxy::timeline::{Activity, CallEntry, EventEntry, Fate};
pub use venv::{Progress, VENV_VARIABLE, prepare_venv, prepare_venv_of};
