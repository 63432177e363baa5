//! What an act takes from a key, what it gives back, and what it ends: the same words in every cloud. By these it is told what undid
//! what, and how long a key could not be used.

use reprieve_core::audit::{AssetKind, Operation};
use reprieve_core::google::decide::KMS_SOURCE;
use reprieve_core::{CallOutcome, Cloud, EventForm, Target, Threat};

use crate::act::Act;

/// Something that a key lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// It waits to be deleted, or is deleted and can be recovered.
    Existence,
    /// It is disabled.
    Use,
    /// It has no key material.
    Material,
    /// Its store is not connected.
    Store,
    /// Its material will expire. It can be used until then.
    Duration,
    /// It does not rotate by itself. It can be used.
    Rotation,
}

impl Lack {
    /// Says whether a key that lacks it is in danger: it cannot be used, or will be deleted.
    pub(crate) const fn is_danger(self) -> bool {
        match self {
            Self::Existence | Self::Use | Self::Material | Self::Store => true,
            Self::Duration | Self::Rotation => false,
        }
    }
}

/// Something that a version of a key lacks; the version is empty where the key has none, and where all of it is meant.
pub(crate) type Lacking<'a> = (Lack, &'a str);

/// What an act does to a key.
#[derive(Debug, Default)]
pub(crate) struct Effect<'a> {
    /// What it takes.
    pub(crate) takes: Option<Lacking<'a>>,
    /// What it gives back.
    pub(crate) gives: Vec<Lacking<'a>>,
    /// What is still lacking after it has given back the rest.
    pub(crate) leaves: Option<Lacking<'a>>,
    /// The version that is gone for good after it; empty where the whole key is.
    pub(crate) ends: Option<&'a str>,
}

impl<'a> Effect<'a> {
    /// Returns the effect of an act; none where the provider refused it.
    pub(crate) fn of(act: &'a Act) -> Self {
        if !is_effective(act) {
            return Self::default();
        }
        match act.log.cloud() {
            Cloud::Aws => Self::of_aws(act),
            Cloud::GoogleCloud if is_of_a_key(act) => Self::of_version(act),
            Cloud::Azure if is_of_a_key(act) => Self::of_operation(act, ""),
            Cloud::GoogleCloud | Cloud::Azure => Self::default(),
        }
    }

    fn taking(lack: Lack) -> Self {
        Self { takes: Some((lack, "")), ..Self::default() }
    }

    fn giving(lacks: &[Lack]) -> Self {
        Self { gives: lacks.iter().map(|lack| (*lack, "")).collect(), ..Self::default() }
    }

    fn of_aws(act: &Act) -> Self {
        match (Threat::of(&act.event), act.event.name.as_str()) {
            (Some(Threat::DeletionScheduled), _) => Self::taking(Lack::Existence),
            (Some(Threat::KeyDisabled), _) => Self::taking(Lack::Use),
            (Some(Threat::RotationDisabled), _) => Self::taking(Lack::Rotation),
            (Some(Threat::MaterialDeleted | Threat::MaterialExpired), _) => Self::taking(Lack::Material),
            (Some(Threat::KeyStoreDisconnected | Threat::RegionDisabled), _) => Self::taking(Lack::Store),
            (Some(Threat::MaterialExpires), _) => Self { takes: Some((Lack::Duration, "")), ..Self::giving(&[Lack::Material]) },
            (Some(Threat::KeyDeleted | Threat::KeyStoreDeleted), _) => Self { ends: Some(""), ..Self::default() },
            // The key comes out of its waiting period disabled.
            (None, "CancelKeyDeletion") => Self { leaves: Some((Lack::Use, "")), ..Self::giving(&[Lack::Existence]) },
            (None, "EnableKey") => Self::giving(&[Lack::Use]),
            (None, "EnableKeyRotation") => Self::giving(&[Lack::Rotation]),
            (None, "ImportKeyMaterial") => Self::giving(&[Lack::Material, Lack::Duration]),
            (None, "ConnectCustomKeyStore" | "EnableRegion") => Self::giving(&[Lack::Store]),
            (Some(Threat::PolicyReplaced | Threat::GrantRemoved | Threat::TagsChanged | Threat::AliasChanged) | None, _) => Self::default(),
        }
    }

    fn of_version(act: &'a Act) -> Self {
        let version = match &act.event.target {
            Target::Google(name) => name.version(),
            Target::Key(_) | Target::KeyStore(_) | Target::Azure(_) | Target::Named(_) | Target::Unnamed => None,
        };
        let version = version.or_else(|| act.asset.as_ref()?.version.as_deref()).unwrap_or_default();
        let effect = Self::of_operation(act, version);
        // A version that is restored is disabled.
        let is_restore = act.operation == Operation::Restore && act.event.source == KMS_SOURCE;
        Self { leaves: is_restore.then_some((Lack::Use, version)), ..effect }
    }

    fn of_operation(act: &Act, part: &'a str) -> Self {
        match act.operation {
            Operation::Destroy => Self { takes: Some((Lack::Existence, part)), ..Self::default() },
            Operation::Disable => Self { takes: Some((Lack::Use, part)), ..Self::default() },
            Operation::Restore => Self { gives: vec![(Lack::Existence, part)], ..Self::default() },
            Operation::Enable => Self { gives: vec![(Lack::Use, part)], ..Self::default() },
            Operation::Purge => Self { ends: Some(part), ..Self::default() },
            Operation::Encrypt
            | Operation::Decrypt
            | Operation::ReEncrypt
            | Operation::Wrap
            | Operation::Unwrap
            | Operation::Generate
            | Operation::Sign
            | Operation::Verify
            | Operation::Derive
            | Operation::Access
            | Operation::Create
            | Operation::Import
            | Operation::Backup
            | Operation::Read
            | Operation::List
            | Operation::Update
            | Operation::Rotate
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
            | Operation::Other => Self::default(),
        }
    }
}

/// Says whether an act is on a key, or on what keeps keys or secrets: logs and alerts are given back by being made anew.
fn is_of_a_key(act: &Act) -> bool {
    act.asset.as_ref().is_some_and(|asset| match asset.kind {
        AssetKind::Key | AssetKind::KeyStore | AssetKind::Vault | AssetKind::Secret | AssetKind::Certificate => true,
        AssetKind::KeyAlias
        | AssetKind::Parameter
        | AssetKind::AuditLog
        | AssetKind::Storage
        | AssetKind::DatabaseAudit
        | AssetKind::Alert => false,
    })
}

/// Says whether an act took effect. A custom key store can fail to delete its copy of a key that KMS has deleted: the key is gone all the
/// same.
pub(crate) fn is_effective(act: &Act) -> bool {
    let is_of_the_service = act.event.form == EventForm::ServiceEvent && Threat::of(&act.event) == Some(Threat::KeyDeleted);
    act.event.outcome == CallOutcome::Succeeded || is_of_the_service
}
