//! The ways in which a key becomes unusable, and the event that shows each.
//!
//! One table, from event name to threat; what is done about it is `decide`'s.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{CallOutcome, Event, EventForm, Target};

/// A way in which a key becomes unusable, or its protection weaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threat {
    /// Deletion was scheduled; 7 to 30 days remain.
    DeletionScheduled,
    /// The key was disabled.
    KeyDisabled,
    /// Automatic rotation was switched off.
    RotationDisabled,
    /// Imported key material was deleted; takes effect at once.
    MaterialDeleted,
    /// Imported key material was given an expiry.
    MaterialExpires,
    /// Imported key material has expired.
    MaterialExpired,
    /// A custom key store was disconnected, with every key in it.
    KeyStoreDisconnected,
    /// A custom key store was deleted.
    KeyStoreDeleted,
    /// The key policy was replaced: users or the remediator may be locked out.
    PolicyReplaced,
    /// A grant was revoked or retired: whoever used the key through it cannot.
    GrantRemoved,
    /// Tags changed: tag-based access may be lost.
    TagsChanged,
    /// An alias was moved or deleted: callers by alias reach another key, or none.
    AliasChanged,
    /// A Region was opted out, with every key in it.
    RegionDisabled,
    /// The key is gone for good.
    KeyDeleted,
}

impl Threat {
    /// Returns the threat that an event shows, whether or not the call succeeded.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        if event.form == EventForm::Native && matches!(event.source.as_str(), "aws.kms" | "kms.amazonaws.com") {
            return match event.name.as_str() {
                "KMS CMK Deletion" | "CMK Deletion" => Some(Self::KeyDeleted),
                "KMS Imported Key Material Expiration" => Some(Self::MaterialExpired),
                _ => None,
            };
        }
        match (event.source.as_str(), event.name.as_str()) {
            ("kms.amazonaws.com", name) => Self::of_kms_call(name, event),
            ("account.amazonaws.com", "DisableRegion") => Some(Self::RegionDisabled),
            _ => None,
        }
    }

    fn of_kms_call(name: &str, event: &Event) -> Option<Self> {
        match name {
            "ScheduleKeyDeletion" => Some(Self::DeletionScheduled),
            "DisableKey" => Some(Self::KeyDisabled),
            "DisableKeyRotation" => Some(Self::RotationDisabled),
            "DeleteImportedKeyMaterial" => Some(Self::MaterialDeleted),
            "ImportKeyMaterial" if event.details.material_expires || event.details.material_valid_to.is_some() => {
                Some(Self::MaterialExpires)
            }
            "DeleteExpiredKeyMaterial" => Some(Self::MaterialExpired),
            "DisconnectCustomKeyStore" => Some(Self::KeyStoreDisconnected),
            "DeleteCustomKeyStore" => Some(Self::KeyStoreDeleted),
            "PutKeyPolicy" => Some(Self::PolicyReplaced),
            "RevokeGrant" | "RetireGrant" => Some(Self::GrantRemoved),
            "TagResource" | "UntagResource" => Some(Self::TagsChanged),
            "UpdateAlias" | "DeleteAlias" => Some(Self::AliasChanged),
            "DeleteKey" => Some(Self::KeyDeleted),
            _ => None,
        }
    }

    /// Returns the word that an approval uses for this act (`reprieve:action`), which is also the Cedar action's name.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::DeletionScheduled | Self::KeyDeleted => "delete",
            Self::KeyDisabled => "disable",
            Self::RotationDisabled => "disable-rotation",
            Self::MaterialDeleted | Self::MaterialExpired => "delete-material",
            Self::MaterialExpires => "import-expiring-material",
            Self::KeyStoreDisconnected => "disconnect-key-store",
            Self::KeyStoreDeleted => "delete-key-store",
            Self::PolicyReplaced => "replace-policy",
            Self::GrantRemoved => "remove-grant",
            Self::TagsChanged => "change-tags",
            Self::AliasChanged => "change-alias",
            Self::RegionDisabled => "disable-region",
        }
    }

    /// Returns the stable name used in records and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeletionScheduled => "deletion_scheduled",
            Self::KeyDisabled => "key_disabled",
            Self::RotationDisabled => "rotation_disabled",
            Self::MaterialDeleted => "material_deleted",
            Self::MaterialExpires => "material_expires",
            Self::MaterialExpired => "material_expired",
            Self::KeyStoreDisconnected => "key_store_disconnected",
            Self::KeyStoreDeleted => "key_store_deleted",
            Self::PolicyReplaced => "policy_replaced",
            Self::GrantRemoved => "grant_removed",
            Self::TagsChanged => "tags_changed",
            Self::AliasChanged => "alias_changed",
            Self::RegionDisabled => "region_disabled",
            Self::KeyDeleted => "key_deleted",
        }
    }

    /// Returns what happened to the target, as the end of a sentence that begins with its name.
    #[must_use]
    pub const fn phrase_for(self, target: &Target) -> &'static str {
        match (self, target) {
            (Self::KeyStoreDisconnected, Target::KeyStore(_)) => "was disconnected, with every key in it,",
            (Self::KeyStoreDeleted, Target::KeyStore(_)) => "was deleted, which only works once it is empty of keys,",
            (Self::RegionDisabled, _) => "was disabled, with every key in it,",
            (threat, Target::Key(_) | Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed) => {
                threat.phrase()
            }
        }
    }

    /// Returns what happened to a key, as the end of a sentence that begins with its name.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::DeletionScheduled => "was scheduled for deletion",
            Self::KeyDisabled => "was disabled",
            Self::RotationDisabled => "had its automatic rotation switched off",
            Self::MaterialDeleted => "had its imported key material deleted",
            Self::MaterialExpires => "was given key material with an expiry",
            Self::MaterialExpired => "lost its imported key material to its expiry",
            Self::KeyStoreDisconnected => "is in a custom key store that was disconnected",
            Self::KeyStoreDeleted => "was in a custom key store that was deleted",
            Self::PolicyReplaced => "had its key policy replaced",
            Self::GrantRemoved => "had a grant removed",
            Self::TagsChanged => "had its tags changed",
            Self::AliasChanged => "had an alias moved or deleted",
            Self::RegionDisabled => "is in a Region that was disabled",
            Self::KeyDeleted => "was deleted for good",
        }
    }

    /// Says whether it takes the key out of service: the deletion or the disablement of the key itself.
    #[must_use]
    pub const fn endangers_state(self) -> bool {
        matches!(self, Self::DeletionScheduled | Self::KeyDisabled)
    }

    /// Says whether it takes from the key what it needs to serve, and what people alone can give back.
    #[must_use]
    pub const fn takes_means(self) -> bool {
        matches!(self, Self::MaterialDeleted | Self::MaterialExpired | Self::KeyStoreDisconnected)
    }

    /// Returns how grave the threat is to the key itself: of two, its case is about the graver one.
    #[must_use]
    pub const fn gravity(self) -> u8 {
        match self {
            Self::DeletionScheduled => 3,
            Self::KeyDisabled => 2,
            Self::MaterialDeleted | Self::MaterialExpired | Self::KeyStoreDisconnected => 1,
            Self::RotationDisabled
            | Self::MaterialExpires
            | Self::KeyStoreDeleted
            | Self::PolicyReplaced
            | Self::GrantRemoved
            | Self::TagsChanged
            | Self::AliasChanged
            | Self::RegionDisabled
            | Self::KeyDeleted => 0,
        }
    }
}

impl fmt::Display for Threat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says whether the event is one of the acts by which a key is given back.
#[must_use]
pub fn is_restorative(event: &Event) -> bool {
    event.source == "kms.amazonaws.com"
        && matches!(event.name.as_str(), "CancelKeyDeletion" | "EnableKey" | "EnableKeyRotation")
        && event.outcome == CallOutcome::Succeeded
}
