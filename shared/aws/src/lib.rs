//! The engine's ports on AWS: KMS, a DynamoDB ledger, S3 audit records under Object Lock, SNS notices, CloudTrail's log, Change
//! Calendar, policies in Parameter Store.
//!
//! `connect` makes the clients, `Clients::warm` opens their connections, `Clients::ports` the adapters. Each adapter turns one
//! port into calls of a service, and every answer into what it means to the engine.
//!
//! *Architecture invariants:* nothing here decides, reads the environment, or calls anything that could harm a key. What cannot be
//! read is an error or, for policies, a set that permits nothing; it is never an empty answer. `LookupEvents` is called by
//! `circumstances::past` alone, which paces it, and parameters are read by `ParameterStore` alone. Their clients are made when they
//! are first needed: a deployment without plain tags, calendars and parameters has neither.

mod audit;
mod channels;
mod circumstances;
mod client;
mod conditional;
mod desk_http;
mod error;
mod http;
mod kms;
mod lazily;
mod ledger;
mod notice;
mod pace;
mod parameters;
mod policies;
mod responses;
mod settings;
mod sinks;
mod tls;
mod warm;
mod webhook;

#[cfg(test)]
mod localcloud_tests;

pub use audit::S3AuditSink;
pub use aws_credential_types::Credentials;
pub use channels::ChatNoticeSink;
pub use circumstances::AwsCircumstances;
pub use client::{AwsNoticeSink, AwsPorts, Clients, ConnectError, connect, connect_config};
pub use conditional::put_conditionally;
pub use desk_http::desk_http_client;
pub use error::{Kind, call_error};
pub use kms::{KmsKeyControl, Quotas, kind_of_kms_code};
pub use ledger::DynamoLedger;
pub use notice::SnsNoticeSink;
pub use pace::Pace;
pub use parameters::ParameterStore;
pub use policies::SsmPolicySource;
pub use responses::{AddressError, CloudFormationResponses, ResponseAddress};
pub use settings::{AwsSettings, CredentialsError, DEFAULT_LEASE, credentials};
pub use sinks::{SinkSettings, Sinks, connect_sinks};
pub use tls::TlsError;
pub use webhook::{FanOutNoticeSink, WebhookNoticeSink};
