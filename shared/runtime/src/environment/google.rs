//! What the guard on Google Cloud is configured with.

use super::{GOOGLE, Variable};

/// What is guarded.
pub const GOOGLE_PROJECTS: Variable = Variable {
    name: "REPRIEVE_GOOGLE_PROJECTS",
    default: None,
    accepts: "ids of projects in Google Cloud separated by commas, at least one",
    meaning: "The projects whose keys are guarded.",
    read_by: GOOGLE,
};

/// Where records are kept.
pub const GOOGLE_AUDIT_BUCKET: Variable = Variable {
    name: "REPRIEVE_GOOGLE_AUDIT_BUCKET",
    default: None,
    accepts: "the name of a bucket of Cloud Storage",
    meaning: "The audit store; the bucket has a locked retention policy.",
    read_by: GOOGLE,
};

/// Where claims are kept.
pub const GOOGLE_CLAIMS_BUCKET: Variable = Variable {
    name: "REPRIEVE_GOOGLE_CLAIMS_BUCKET",
    default: None,
    accepts: "the name of a bucket of Cloud Storage, another than the audit store",
    meaning: "Which events are being worked on, which are settled, and what people are still to be told. It needs no retention.",
    read_by: GOOGLE,
};

/// The key that signs seals.
pub const GOOGLE_SEAL_KEY: Variable = Variable {
    name: "REPRIEVE_GOOGLE_SEAL_KEY",
    default: Some(""),
    accepts: "a version of a key in Cloud KMS (EC_SIGN_P256_SHA256), as `projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY/cryptoKeyVersions/1`, in a guarded project",
    meaning: "Signs the seals of the evidence. Empty: nothing is sealed, and `/seal` says so.",
    read_by: GOOGLE,
};

/// Where Cloud Run calls.
pub const GOOGLE_PORT: Variable = Variable {
    name: "PORT",
    default: Some("8080"),
    accepts: "a port",
    meaning: "Where the service listens. Set by Cloud Run.",
    read_by: GOOGLE,
};

/// A sandbox.
pub const GOOGLE_ENDPOINT_URL: Variable = Variable {
    name: "REPRIEVE_GOOGLE_ENDPOINT_URL",
    default: Some(""),
    accepts: "an `http://` URL on this machine",
    meaning: "A local sandbox, in place of Google Cloud.",
    read_by: GOOGLE,
};
