//! The engine's ports on AWS: KMS, a DynamoDB ledger, S3 audit records under Object Lock, SNS notices.
//!
//! `connect` makes the clients, `Clients::warm` opens their connections, `Clients::ports` the adapters. Each adapter turns one
//! port into calls of one service, and every answer into what it means to the engine.
//!
//! *Architecture invariant:* nothing here decides, reads the environment, or calls anything that could harm a key.

mod audit;
mod client;
mod clock;
mod error;
mod http;
mod kms;
mod ledger;
mod notice;
mod pace;
mod settings;
mod tls;
mod warm;

#[cfg(test)]
mod localcloud_tests;
#[cfg(test)]
mod test_record;

pub use audit::S3AuditSink;
pub use aws_credential_types::Credentials;
pub use client::{AwsPorts, Clients, ConnectError, connect};
pub use clock::SystemClock;
pub use kms::{KmsKeyControl, Quotas};
pub use ledger::DynamoLedger;
pub use notice::SnsNoticeSink;
pub use pace::Pace;
pub use settings::{AwsSettings, CredentialsError, DEFAULT_LEASE, credentials};
pub use tls::TlsError;
