//! One idempotent change of a key version in Cloud KMS. None of them destroys or disables anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::GoogleName;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change")]
pub enum Change {
    /// Takes a version out of its wait for destruction; it is then disabled.
    RestoreCryptoKeyVersion {
        /// The version.
        version: GoogleName,
    },
    /// Makes a version usable: `UpdateCryptoKeyVersion` with the state `ENABLED`.
    EnableCryptoKeyVersion {
        /// The version.
        version: GoogleName,
    },
}

impl Change {
    /// Returns its name in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RestoreCryptoKeyVersion { .. } => "RestoreCryptoKeyVersion",
            Self::EnableCryptoKeyVersion { .. } => "EnableCryptoKeyVersion",
        }
    }

    /// Returns the version that is changed.
    #[must_use]
    pub const fn version(&self) -> &GoogleName {
        match self {
            Self::RestoreCryptoKeyVersion { version } | Self::EnableCryptoKeyVersion { version } => version,
        }
    }

    /// Returns the full name of what is changed.
    #[must_use]
    pub fn target(&self) -> &str {
        self.version().as_str()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RestoreCryptoKeyVersion { .. } => "restore the key version",
            Self::EnableCryptoKeyVersion { .. } => "enable the key version",
        })
    }
}
