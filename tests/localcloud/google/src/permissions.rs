//! What the guard's service account may do here: what the shipped roles say, and nothing else.
//!
//! Must not know a permission that `infra/google` does not grant: a call for which none is granted is refused, as IAM would.
//! Sources: <https://docs.cloud.google.com/kms/docs/reference/permissions-and-roles>,
//! <https://docs.cloud.google.com/logging/docs/access-control>, <https://docs.cloud.google.com/storage/docs/access-control/iam-permissions>.

/// The custom roles of the guard's service account, as they are shipped.
const ROLES: [&str; 3] = [
    include_str!("../../../../infra/google/role.yaml"),
    include_str!("../../../../infra/google/evidence-role.yaml"),
    include_str!("../../../../infra/google/seals-role.yaml"),
];

/// Calls, and the permission that each takes.
const NEEDED: [(&str, &str); 15] = [
    ("AsymmetricSign", "cloudkms.cryptoKeyVersions.useToSign"),
    ("DestroyCryptoKeyVersion", "cloudkms.cryptoKeyVersions.destroy"),
    ("GetCryptoKey", "cloudkms.cryptoKeys.get"),
    ("GetCryptoKeyVersion", "cloudkms.cryptoKeyVersions.get"),
    ("GetObject", "storage.objects.get"),
    ("GetPublicKey", "cloudkms.cryptoKeyVersions.viewPublicKey"),
    ("InsertObject", "storage.objects.create"),
    ("ListCryptoKeyVersions", "cloudkms.cryptoKeyVersions.list"),
    ("ListCryptoKeys", "cloudkms.cryptoKeys.list"),
    ("ListKeyRings", "cloudkms.keyRings.list"),
    ("ListLocations", "cloudkms.locations.list"),
    ("ListLogEntries", "logging.logEntries.list"),
    ("ListObjects", "storage.objects.list"),
    ("RestoreCryptoKeyVersion", "cloudkms.cryptoKeyVersions.restore"),
    ("UpdateCryptoKeyVersion", "cloudkms.cryptoKeyVersions.update"),
];

/// Returns the permission that a call takes; none for the metadata server, which asks for none.
pub(crate) fn needed(call: &str) -> Option<&'static str> {
    NEEDED.iter().find(|(name, _)| *name == call).map(|(_, permission)| *permission)
}

/// Tells whether a shipped role grants a permission.
pub(crate) fn is_granted(permission: &str) -> bool {
    granted().any(|granted| granted == permission)
}

/// Returns everything that the shipped roles grant.
fn granted() -> impl Iterator<Item = &'static str> {
    ROLES.into_iter().flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("- ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Returns the calls that the adapters make, by the names under which they make them: `cloudkms:RestoreCryptoKeyVersion`.
    fn made() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/gcp/src");
        let files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        let sources = files.iter().filter_map(|file| std::fs::read_to_string(file.path()).ok());
        let named = |source: String| -> Vec<String> {
            let services = ["\"cloudkms:", "\"logging:", "\"storage:"];
            let names = services.iter().flat_map(|service| source.split(service).skip(1));
            names.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        sources.flat_map(named).collect()
    }

    /// What is granted is what the code calls, both ways.
    #[test]
    fn the_shipped_roles_grant_what_the_adapters_call_and_nothing_else() {
        let calls = made();
        assert!(calls.len() >= 14, "only these calls were found: {calls:?}");
        let unknown: Vec<&String> = calls.iter().filter(|call| needed(call).is_none()).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "which permission do these take?");
        let called: BTreeSet<&str> = calls.iter().filter_map(|call| needed(call)).collect();
        assert_eq!(called, granted().collect::<BTreeSet<&str>>());
    }

    #[test]
    fn destroying_is_not_granted() {
        assert!(needed("DestroyCryptoKeyVersion").is_some_and(|permission| !is_granted(permission)));
    }
}
