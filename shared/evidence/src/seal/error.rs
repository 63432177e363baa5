//! Why a seal cannot be read, made or believed.

use super::head::{ALGORITHM, VERSION};

/// Says why a seal cannot be read, made or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are no seal.
    #[error("it is no seal: {0}")]
    Form(String),
    /// The bytes hold a seal, in other bytes than a seal is written in.
    #[error("it holds a seal, but not byte for byte as a seal is written")]
    Bytes,
    /// The version is not known.
    #[error("it is of version `{0}`, and this release knows `{VERSION}` alone")]
    Version(String),
    /// The algorithm is not known.
    #[error("its algorithm is `{0}`, and this release knows `{ALGORITHM}` alone")]
    Algorithm(String),
    /// A time holds a fraction of a second, or lies in a year without four digits.
    #[error("its time `{0}` is not a whole second of a year with four digits")]
    Time(String),
    /// It seals no time at all.
    #[error("it ends at {until}, which is not after its beginning at {from}")]
    Interval {
        /// From when on it seals.
        from: String,
        /// Until when.
        until: String,
    },
    /// The signature is not in its one form.
    #[error("its signature is no ES256 signature: {0}")]
    Signature(&'static str),
    /// No public key that was given has the fingerprint that it names.
    #[error("it was made with the key `{key_id}` (fingerprint {key_sha256}), and no public key that was given has this fingerprint")]
    UnknownKey {
        /// The key's id, as the seal says.
        key_id: String,
        /// The fingerprint of the public key, as the seal says.
        key_sha256: super::Hash,
    },
    /// The signature does not belong to the head.
    #[error("its signature does not belong to its head: the head or the signature was changed, or somebody else signed")]
    Broken,
    /// The list holds another number of objects than the head says.
    #[error("its list holds {listed} objects, and its signed head says {sealed}")]
    Count {
        /// How many there are.
        listed: u64,
        /// How many the head says.
        sealed: u64,
    },
    /// The list holds what was sealed, in another order.
    #[error("its list holds what was sealed, in another order")]
    Order,
    /// The list was changed.
    #[error("its list of objects is not the one that was sealed: its Merkle root is not the one in its signed head")]
    Root,
    /// A public key cannot be read.
    #[error("it is no EC P-256 public key in PEM (`-----BEGIN PUBLIC KEY-----`): {0}")]
    PublicKey(String),
}
