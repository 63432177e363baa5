//! Kinds of acts on keys, secrets and logs: the same word in every cloud.

use serde::{Deserialize, Serialize};

/// What kind of act it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Data was encrypted.
    Encrypt,
    /// Data was decrypted.
    Decrypt,
    /// Data was decrypted and encrypted anew, inside the service.
    ReEncrypt,
    /// A key was wrapped.
    Wrap,
    /// A key was unwrapped.
    Unwrap,
    /// A data key, a key pair or random bytes were generated.
    Generate,
    /// Something was signed, or given a MAC.
    Sign,
    /// A signature or MAC was verified.
    Verify,
    /// A shared secret was derived.
    Derive,
    /// The value of a secret or parameter, or a private key, was handed out.
    Access,
    /// A key, secret or log was created.
    Create,
    /// Material was imported.
    Import,
    /// A backup was handed out.
    Backup,
    /// Its settings were read, not its value.
    Read,
    /// What there is was listed.
    List,
    /// Its settings were changed.
    Update,
    /// It was given new material or a new version.
    Rotate,
    /// It was made usable, or a log was started.
    Enable,
    /// It was made unusable, or a log was stopped.
    Disable,
    /// Its destruction was scheduled, or it was deleted where that can be undone.
    Destroy,
    /// It was destroyed for good.
    Purge,
    /// It was given back: a destruction was taken back, or a backup restored.
    Restore,
    /// Who may do what with it was changed: policies, grants, roles.
    ChangeAccess,
    /// Its tags, labels or aliases were changed.
    Tag,
    /// It was copied to another Region.
    Replicate,
    /// Anything else.
    Other,
}

impl Operation {
    /// Says whether it makes a key, a secret or a log unusable, now or after a waiting period.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Disable | Self::Destroy | Self::Purge)
    }

    /// Says whether it uses a key, or hands out a secret's value.
    #[must_use]
    pub const fn is_use(self) -> bool {
        matches!(
            self,
            Self::Encrypt
                | Self::Decrypt
                | Self::ReEncrypt
                | Self::Wrap
                | Self::Unwrap
                | Self::Generate
                | Self::Sign
                | Self::Verify
                | Self::Derive
                | Self::Access
                | Self::Backup
        )
    }

    /// Returns the word, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::ReEncrypt => "re_encrypt",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::Generate => "generate",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Derive => "derive",
            Self::Access => "access",
            Self::Create => "create",
            Self::Import => "import",
            Self::Backup => "backup",
            Self::Read => "read",
            Self::List => "list",
            Self::Update => "update",
            Self::Rotate => "rotate",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Destroy => "destroy",
            Self::Purge => "purge",
            Self::Restore => "restore",
            Self::ChangeAccess => "change_access",
            Self::Tag => "tag",
            Self::Replicate => "replicate",
            Self::Other => "other",
        }
    }
}
