//! Google Cloud behind the engine's ports: Cloud KMS, Cloud Logging, Cloud Storage for audit records, the key of their seals, chat notices.
//!
//! Every call goes over one HTTP client (hyper, rustls with ring), with a token of the metadata server, and ends within its budget.
//! There is no SDK in between: those of Google bring another TLS stack, and these are a dozen JSON calls.
//!
//! *Architecture invariants:* nothing here decides, and nothing here destroys or deletes: no client has such a method, and no request
//! with the method DELETE can be made. What cannot be read is an error, never an empty answer. No token is logged.

mod api;
mod audit;
mod claims;
mod entries;
mod error;
mod http;
mod kms;
mod logging;
mod pace;
mod signer;
mod storage;
mod tls;
mod token;
mod webhook;

pub use api::Api;
pub use audit::StorageAuditSink;
pub use claims::StorageClaims;
pub use error::kind_of;
pub use http::{Endpoint, EndpointError, GoogleHttp};
pub use kms::CloudKms;
pub use signer::CloudKmsSealSigner;
pub use storage::{Bucket, BucketError};
pub use tls::TlsError;
pub use token::MetadataServer;
pub use webhook::WebhookNoticeSink;
