//! Vaults and what is in them, broken in every way that matters.

use reprieve_core::azure::desired::PurgeProtection;
use reprieve_core::azure::plan::Remedy::{Mended, NeedsHuman, Unreadable};
use reprieve_core::azure::subject::Subject;
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{Known, Severity};

use super::Case;
use super::scene::{
    OWNER, companions, deleted_object, deleted_vault, id, inventory, log_vault, other_vault, read, recovering, role_assignment, rotation,
    unreadable, vault, vault_existence, vault_object, vault_protection,
};
use crate::facts;

const BOTH: &str = "switch soft delete and purge protection of vault `kv-app` on, for good";
const PURGE: &str = "switch purge protection of vault `kv-app` on, for good";
const SOFT: &str = "switch soft delete of vault `kv-app` on, for good";
const RECOVER: &str = "recover vault `kv-app`";

pub(crate) fn cases() -> Vec<Case> {
    [protection(), existence(), objects(), rotations()].into_iter().flatten().collect()
}

fn protection() -> Vec<Case> {
    vec![
        Case {
            what: "an old vault without any protection, whose keys protect a database",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault);
                (read(vault).soft_delete, read(vault).purge_protection) = (false, false);
            },
            changes: &[BOTH],
            findings: &[
                (Mended, Severity::High, "without soft delete (what is deleted in it is gone; once on, nobody can take it off again)"),
                (Mended, Severity::High, "without purge protection (what is deleted can be purged for good; once on, nobody can"),
            ],
        },
        Case {
            what: "a vault without purge protection, whose keys protect nothing",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault, protects);
                (read(vault).purge_protection, *protects) = (false, Known::Is(Vec::new()));
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a vault without purge protection, of which it cannot be read what its keys protect",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault, protects);
                (read(vault).purge_protection, *protects) = (false, unreadable());
            },
            changes: &[],
            findings: &[(
                Unreadable,
                Severity::Medium,
                "what its keys protect could not be read, so it is not switched on: `AuthorizationFailed`",
            )],
        },
        Case {
            what: "a vault of the allow-list without purge protection, of which nothing else can be read",
            whole: vault_protection,
            breaks: |scene| {
                scene.desired.allowed_vaults.insert(other_vault());
                facts!(scene, VaultProtection: vault, protects);
                (read(vault).purge_protection, *protects) = (false, unreadable());
            },
            changes: &[PURGE],
            findings: &[(Mended, Severity::High, "vault `kv-app` is without purge protection")],
        },
        Case {
            what: "a vault without purge protection, where all must have it",
            whole: vault_protection,
            breaks: |scene| {
                scene.desired.purge_protection = PurgeProtection::All;
                facts!(scene, VaultProtection: vault, protects);
                (read(vault).purge_protection, *protects) = (false, Known::Is(Vec::new()));
            },
            changes: &[PURGE],
            findings: &[(Mended, Severity::High, "vault `kv-app` is without purge protection")],
        },
        Case {
            what: "a vault without any protection, where purge protection is not asked for",
            whole: vault_protection,
            breaks: |scene| {
                scene.desired.purge_protection = PurgeProtection::Off;
                facts!(scene, VaultProtection: vault);
                (read(vault).soft_delete, read(vault).purge_protection) = (false, false);
            },
            changes: &[SOFT],
            findings: &[
                (Mended, Severity::High, "without soft delete"),
                (NeedsHuman, Severity::Low, "without purge protection, and this deployment is told not to switch it on"),
            ],
        },
        Case {
            what: "a Managed HSM without purge protection",
            whole: vault_protection,
            breaks: |scene| {
                let hsm = id("Microsoft.KeyVault/managedHSMs/hsm1");
                scene.subject = Subject::VaultProtection(hsm.clone());
                facts!(scene, VaultProtection: vault);
                *read(vault) = reprieve_core::azure::world::Vault { soft_delete: false, purge_protection: false, ..self::vault(&hsm) };
            },
            changes: &["switch purge protection of Managed HSM `hsm1` on, for good"],
            findings: &[(Mended, Severity::High, "Managed HSM `hsm1` is without purge protection")],
        },
        Case {
            what: "a vault that keeps what is deleted for too short",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault);
                read(vault).retention_days = Some(3);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Low, "keeps what is deleted for 3 days only")],
        },
        Case {
            what: "a vault whose protection cannot be read",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault);
                *vault = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "vault `kv-app` could not be read: `AuthorizationFailed`")],
        },
        Case {
            what: "a vault that is not there has no protection to mend",
            whole: vault_protection,
            breaks: |scene| {
                facts!(scene, VaultProtection: vault);
                *vault = Known::Absent;
            },
            changes: &[],
            findings: &[],
        },
    ]
}

fn existence() -> Vec<Case> {
    vec![
        Case {
            what: "a deleted vault comes back with what belonged to it",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: vault, deleted, companions);
                (*vault, *deleted, *companions) = (Known::Absent, Known::Is(deleted_vault(&other_vault())), Known::Absent);
            },
            changes: &[
                RECOVER,
                "write role assignment `ra-app` of `kv-app` back",
                "write event subscription `near-expiry` of `kv-app` back",
            ],
            findings: &[
                (Mended, Severity::High, "vault `kv-app` is deleted (Azure purges it at 2027-02-18T10:00:00Z; nobody can purge it before)"),
                (Mended, Severity::High, "role assignment `ra-app` of vault `kv-app` was lost with it"),
                (Mended, Severity::High, "event subscription `near-expiry` of vault `kv-app` was lost with it"),
            ],
        },
        Case {
            what: "a deleted vault that anybody may purge, and that was never seen before",
            whole: vault_existence,
            breaks: |scene| {
                scene.memory.vault = None;
                facts!(scene, Vault: vault, deleted, companions);
                let mut known = deleted_vault(&other_vault());
                (known.purge_protection, known.purge_at) = (false, None);
                (*vault, *deleted, *companions) = (Known::Absent, Known::Is(known), unreadable());
            },
            changes: &[RECOVER],
            findings: &[
                (Mended, Severity::Critical, "(Azure purges it later; until it is recovered anybody who may can purge it for good)"),
                (NeedsHuman, Severity::Medium, "were never seen; Azure does not recover them, so they must be made again by hand"),
            ],
        },
        Case {
            what: "an owner of a deleted vault is not made its owner again",
            whole: vault_existence,
            breaks: |scene| {
                let mut known = inventory(&other_vault());
                known.companions = vec![role_assignment(&other_vault(), "ra-owner", &OWNER.to_uppercase(), "mallory")];
                scene.memory.vault = Some(known);
                facts!(scene, Vault: vault, deleted);
                (*vault, *deleted) = (Known::Absent, Known::Is(deleted_vault(&other_vault())));
            },
            changes: &[RECOVER],
            findings: &[
                (Mended, Severity::High, "vault `kv-app` is deleted"),
                (NeedsHuman, Severity::High, "`mallory` held the role Owner on vault `kv-app` (role assignment `ra-owner`)"),
            ],
        },
        Case {
            what: "a vault that was recovered is still owed what belonged to it",
            whole: vault_existence,
            breaks: |scene| {
                scene.memory.case = Some(recovering());
                facts!(scene, Vault: companions);
                // Somebody gave the role by hand meanwhile, under another name.
                let by_hand = role_assignment(&other_vault(), "by-hand", super::scene::CRYPTO_USER, "APP");
                *companions = Known::Is(vec![by_hand]);
            },
            changes: &["write event subscription `near-expiry` of `kv-app` back"],
            findings: &[(Mended, Severity::High, "event subscription `near-expiry`")],
        },
        Case {
            what: "a vault that was recovered, of which it cannot be read what belongs to it",
            whole: vault_existence,
            breaks: |scene| {
                scene.memory.case = Some(recovering());
                facts!(scene, Vault: companions);
                *companions = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "what belongs to vault `kv-app`, which was recovered, could not be read")],
        },
        Case {
            what: "a vault that was not recovered loses what it may",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: companions);
                *companions = Known::Is(companions_without_any());
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a vault that was purged",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: vault);
                *vault = Known::Absent;
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Critical, "vault `kv-app` is gone for good")],
        },
        Case {
            what: "a vault that is gone, while another of its name is kept",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: vault, deleted);
                (*vault, *deleted) = (Known::Absent, Known::Is(deleted_vault(&log_vault())));
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Critical, "what Azure keeps under its name is another")],
        },
        Case {
            what: "a vault that is gone, while deleted vaults cannot be read",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: vault, deleted);
                (*vault, *deleted) = (Known::Absent, unreadable());
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "whether vault `kv-app`, which is not there, can be recovered could not be read")],
        },
        Case {
            what: "a vault that cannot be read is not taken for deleted",
            whole: vault_existence,
            breaks: |scene| {
                facts!(scene, Vault: vault, deleted);
                (*vault, *deleted) = (unreadable(), Known::Is(deleted_vault(&other_vault())));
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "vault `kv-app` could not be read")],
        },
    ]
}

fn companions_without_any() -> Vec<reprieve_core::azure::world::Companion> {
    companions(&other_vault()).into_iter().filter(|_| false).collect()
}

fn objects() -> Vec<Case> {
    vec![
        Case {
            what: "a deleted key",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object, deleted);
                (*object, *deleted) = (Known::Absent, Known::Is(deleted_object()));
            },
            changes: &["recover key `invoices`"],
            findings: &[(Mended, Severity::High, "key `invoices` of vault `kv-app` is deleted (Azure purges it at 2027-02-18T10:00:00Z)")],
        },
        Case {
            what: "a deleted secret",
            whole: vault_object,
            breaks: |scene| {
                scene.subject = Subject::VaultObject(other_vault().child("secrets", "token"));
                facts!(scene, VaultObject: object, deleted);
                (*object, *deleted) = (Known::Absent, Known::Is(deleted_object()));
            },
            changes: &["recover secret `token`"],
            findings: &[(Mended, Severity::High, "secret `token` of vault `kv-app` is deleted")],
        },
        Case {
            what: "a deleted key that belongs to a certificate",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object, deleted);
                let mut known = deleted_object();
                known.managed = true;
                (*object, *deleted) = (Known::Absent, Known::Is(known));
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Informational, "it belongs to a certificate, and comes back with that")],
        },
        Case {
            what: "a key that was purged",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object);
                *object = Known::Absent;
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Critical, "key `invoices` of vault `kv-app` is gone for good")],
        },
        Case {
            what: "a key that is gone, while deleted keys cannot be read",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object, deleted);
                (*object, *deleted) = (Known::Absent, unreadable());
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "can be recovered could not be read")],
        },
        Case {
            what: "a disabled key that was meant to be usable",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object);
                read(object).enabled = false;
            },
            changes: &["enable key `invoices`"],
            findings: &[(Mended, Severity::High, "key `invoices` of vault `kv-app` is disabled")],
        },
        Case {
            what: "a disabled key that somebody entitled disabled",
            whole: vault_object,
            breaks: |scene| {
                scene.memory.object.as_mut().unwrap().enabled = Some(false);
                facts!(scene, VaultObject: object);
                read(object).enabled = false;
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a disabled key that was never seen enabled",
            whole: vault_object,
            breaks: |scene| {
                scene.memory.object = None;
                facts!(scene, VaultObject: object);
                read(object).enabled = false;
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "is disabled, and was never seen enabled")],
        },
        Case {
            what: "a disabled key that an incident holds",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object);
                read(object).enabled = false;
                read(object).tags.insert(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned());
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Low, "stays disabled: incident `INC-7` holds it")],
        },
        Case {
            what: "a disabled secret",
            whole: vault_object,
            breaks: |scene| {
                scene.subject = Subject::VaultObject(other_vault().child("secrets", "token"));
                facts!(scene, VaultObject: object);
                read(object).enabled = false;
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "secret `token` of vault `kv-app` is disabled, and must be enabled by hand")],
        },
        Case {
            what: "a disabled key of a certificate",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object);
                (read(object).enabled, read(object).managed) = (false, true);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "it belongs to a certificate, and is enabled with that")],
        },
        Case {
            what: "a key that cannot be read is not taken for deleted",
            whole: vault_object,
            breaks: |scene| {
                facts!(scene, VaultObject: object, deleted);
                (*object, *deleted) = (unreadable(), Known::Is(deleted_object()));
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "could not be read")],
        },
    ]
}

fn rotations() -> Vec<Case> {
    vec![
        Case {
            what: "a rotation policy that was taken away",
            whole: rotation,
            breaks: |scene| {
                facts!(scene, RotationPolicy: rotation);
                *rotation = Known::Absent;
            },
            changes: &["give key `invoices` its rotation policy back"],
            findings: &[(Mended, Severity::Medium, "key `invoices` of vault `kv-app` no longer rotates by itself")],
        },
        Case {
            what: "a rotation policy that only tells people",
            whole: rotation,
            breaks: |scene| {
                facts!(scene, RotationPolicy: rotation);
                read(rotation).rotate_after = None;
            },
            changes: &["give key `invoices` its rotation policy back"],
            findings: &[(Mended, Severity::Medium, "no longer rotates by itself")],
        },
        Case {
            what: "a rotation policy with another interval",
            whole: rotation,
            breaks: |scene| {
                facts!(scene, RotationPolicy: rotation);
                read(rotation).rotate_after = Some("P10Y".to_owned());
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Low, "rotates by another policy than it did")],
        },
        Case {
            what: "a key that never rotated need not",
            whole: rotation,
            breaks: |scene| {
                scene.memory.object.as_mut().unwrap().rotation = None;
                facts!(scene, RotationPolicy: rotation);
                *rotation = Known::Absent;
            },
            changes: &[],
            findings: &[],
        },
        Case {
            what: "a rotation policy that cannot be read is not taken for missing",
            whole: rotation,
            breaks: |scene| {
                facts!(scene, RotationPolicy: rotation);
                *rotation = unreadable();
            },
            changes: &[],
            findings: &[(Unreadable, Severity::Medium, "the rotation policy of key `invoices` of vault `kv-app` could not be read")],
        },
        Case {
            what: "the key of a certificate is renewed with it",
            whole: rotation,
            breaks: |scene| {
                facts!(scene, RotationPolicy: object, rotation);
                (read(object).managed, *rotation) = (true, Known::Absent);
            },
            changes: &[],
            findings: &[],
        },
    ]
}
