//! The roles that a Managed HSM assigns by itself, for its own keys: the built-in ones and who has them.
//!
//! Must not grant anything outside of the HSM. Source: <https://learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles>.

/// One assignment of a local role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRole {
    /// The assignment's name, a GUID.
    pub name: String,
    /// The object id of the principal.
    pub principal_id: String,
    /// The role's id; what counts is its last segment.
    pub role_definition_id: String,
    /// `/`, `/keys` or `/keys/NAME`.
    pub scope: String,
}

/// The role by which an HSM's first administrators administer it.
pub(crate) const ADMINISTRATOR: &str = "a290e904-7015-4bba-90c8-60543313cdb4";

/// Id, name, and the data actions without their beginning, separated by a space.
const ROLES: &[(&str, &str, &str)] = &[
    (ADMINISTRATOR, "Managed HSM Administrator", "roleAssignments/* roleDefinitions/*"),
    ("515eb02d-2335-4d2d-92f2-b1cbdf9c3778", "Managed HSM Crypto Officer", "keys/read keys/delete keys/recover/action keys/purge/action"),
    (
        "21dbd100-6940-42c2-9190-5d6cb909625b",
        "Managed HSM Crypto User",
        "keys/read keys/create/action keys/import/action keys/update/action keys/delete keys/sign/action keys/verify/action \
         keys/wrap/action keys/unwrap/action keys/rotate/action keyrotationpolicies/*",
    ),
    ("33413926-3206-4cdd-b39a-83574fe37a17", "Managed HSM Crypto Service Encryption User", "keys/read keys/wrap/action keys/unwrap/action"),
    ("2c18b078-7c48-4d3a-af88-5a3a1b3f82b3", "Managed HSM Crypto Auditor", "keys/read"),
];

/// Returns the data actions of a local role, by its id.
pub(crate) fn data_actions(id: &str) -> Option<Vec<String>> {
    let (_, _, actions) = ROLES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(id))?;
    Some(actions.split_whitespace().map(|action| format!("Microsoft.KeyVault/managedHSMs/{action}")).collect())
}

/// The ids and names of the local roles.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROLES.iter().map(|(id, name, _)| (*id, *name))
}
