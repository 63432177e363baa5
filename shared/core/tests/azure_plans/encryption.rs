//! The key of the Activity Log's storage: what is wrong with it, what stands against mending it, and the order that never locks an
//! account out.

use reprieve_core::azure::change::Change;
use reprieve_core::azure::id::KeyReference;
use reprieve_core::azure::plan::Remedy::{Mended, NeedsHuman, Unreadable};
use reprieve_core::azure::world::LogUse;
use reprieve_core::{Known, Severity};

use super::model::{apply, lost_key};
use super::scene::{Scene, id, log_encryption, read, sql_server, unreadable};
use super::{Case, Finding, changes};
use crate::facts;

const IDENTITY: &str = "give storage account `stlogs01` the identity `id-logs`";
const ROLE: &str = "let `principal-of-id-logs` use the keys of vault `kv-logs`";
const SWITCH: &str = "encrypt storage account `stlogs01` with `https://kv-logs.vault.azure.net/keys/logs`";

const MICROSOFTS: Finding = (NeedsHuman, Severity::High, "it is not switched, so that it never has a key that it cannot read");

/// The key is Microsoft's, as in a new account.
fn of_microsoft(scene: &mut Scene) {
    facts!(scene, LogEncryption: account, present_identity_may_use_key);
    let account = read(account);
    (account.customer_managed, account.key, account.key_identity) = (false, None, None);
    *present_identity_may_use_key = Known::Absent;
}

/// Nothing is prepared: no identity, no role, and an attacker's key.
fn attacked(scene: &mut Scene) {
    facts!(scene, LogEncryption: account, approved, present_identity_may_use_key);
    let account = read(account);
    let theirs = id("Microsoft.ManagedIdentity/userAssignedIdentities/id-theirs");
    account.key = Some(KeyReference::parse("https://kv-evil.vault.azure.net/keys/logs").unwrap());
    (account.identities, account.key_identity) = ([theirs.clone()].into(), Some(theirs));
    read(approved).identity_may_use_key = Known::Is(false);
    *present_identity_may_use_key = Known::Is(true);
}

pub(crate) fn cases() -> Vec<Case> {
    [wrong_keys(), obstacles(), roles()].into_iter().flatten().collect()
}

fn case(what: &'static str, breaks: fn(&mut Scene), changes: &'static [&'static str], findings: &'static [Finding]) -> Case {
    Case { what, whole: log_encryption, breaks, changes, findings }
}

fn wrong_keys() -> Vec<Case> {
    vec![
        case(
            "a key of Microsoft's, where all is prepared",
            of_microsoft,
            &[SWITCH],
            &[(Mended, Severity::High, "under a key of Microsoft's")],
        ),
        case(
            "an attacker's key, and nothing prepared",
            attacked,
            &[IDENTITY, ROLE, SWITCH],
            &[(Mended, Severity::Critical, "under `https://kv-evil.vault.azure.net/keys/logs`, outside of the allowed vaults")],
        ),
        case(
            "a key that is not named",
            |scene| {
                facts!(scene, LogEncryption: account);
                read(account).key = None;
            },
            &[SWITCH],
            &[(Mended, Severity::Critical, "it counts as no key")],
        ),
        case(
            "another key of an allowed vault, pinned to a version",
            |scene| {
                facts!(scene, LogEncryption: account);
                read(account).key = Some(KeyReference::parse("https://kv-logs.vault.azure.net/keys/older/0123").unwrap());
            },
            &[],
            &[],
        ),
        case(
            "an account that keeps only database audit logs",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: uses);
                *uses = Known::Is([LogUse::DatabaseAudit { server: sql_server(), container: "sqldbauditlogs".to_owned() }].into());
            },
            &[],
            &[],
        ),
        case(
            "the configured log storage, whatever it is known to keep",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: uses);
                *uses = Known::Is([LogUse::Configured].into());
            },
            &[SWITCH],
            &[(Mended, Severity::High, "under a key of Microsoft's")],
        ),
        case(
            "an account of which it cannot be read what it keeps",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: uses);
                *uses = unreadable();
            },
            &[],
            &[(Unreadable, Severity::Medium, "what storage account `stlogs01` keeps could not be read")],
        ),
        case(
            "an account that cannot be read",
            |scene| {
                facts!(scene, LogEncryption: account);
                *account = unreadable();
            },
            &[],
            &[(Unreadable, Severity::Medium, "storage account `stlogs01` could not be read")],
        ),
    ]
}

fn obstacles() -> Vec<Case> {
    vec![
        case(
            "the log key's vault lacks purge protection",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: approved);
                read(&mut read(approved).vault).purge_protection = false;
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "vault `kv-logs` is without soft delete or purge protection")],
        ),
        case(
            "the log key's vault goes by access policies",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: approved);
                read(&mut read(approved).vault).access_by_roles = false;
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "vault `kv-logs` goes by access policies")],
        ),
        case(
            "the log key is disabled",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: approved);
                read(&mut read(approved).object).enabled = false;
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "the log key `https://kv-logs.vault.azure.net/keys/logs` is disabled")],
        ),
        case(
            "the log key does not exist, nor its identity",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: approved);
                (read(approved).object, read(approved).identity_principal) = (Known::Absent, Known::Absent);
            },
            &[],
            &[
                MICROSOFTS,
                (NeedsHuman, Severity::High, "the log key `https://kv-logs.vault.azure.net/keys/logs` does not exist"),
                (NeedsHuman, Severity::High, "the identity by which storage reads the log key does not exist"),
            ],
        ),
        case(
            "the log key cannot be read",
            |scene| {
                attacked(scene);
                facts!(scene, LogEncryption: approved);
                read(approved).object = unreadable();
            },
            &[],
            &[
                (NeedsHuman, Severity::Critical, "it is not switched"),
                (Unreadable, Severity::High, "the log key `https://kv-logs.vault.azure.net/keys/logs` could not be read"),
            ],
        ),
        case(
            "whether the identity may use the log key cannot be read",
            |scene| {
                of_microsoft(scene);
                facts!(scene, LogEncryption: approved);
                read(approved).identity_may_use_key = unreadable();
            },
            &[],
            &[
                (NeedsHuman, Severity::High, "it is not switched"),
                (Unreadable, Severity::High, "whether the log identity may use the log key could not be read"),
            ],
        ),
        case(
            "no log key is configured",
            |scene| {
                of_microsoft(scene);
                scene.desired.log_key = None;
                facts!(scene, LogEncryption: approved);
                *approved = Known::Absent;
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "no key is configured")],
        ),
        case(
            "no log identity is configured",
            |scene| {
                of_microsoft(scene);
                scene.desired.log_identity = None;
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "no identity is configured")],
        ),
        case(
            "the configured log key is itself outside of the allowed vaults",
            |scene| {
                of_microsoft(scene);
                scene.desired.allowed_vaults = [id("Microsoft.KeyVault/vaults/kv-else")].into();
            },
            &[],
            &[MICROSOFTS, (NeedsHuman, Severity::High, "is not the configured log key, or its vault is not allowed")],
        ),
    ]
}

fn roles() -> Vec<Case> {
    vec![
        case(
            "the identity lost its role",
            |scene| {
                facts!(scene, LogEncryption: approved, present_identity_may_use_key);
                (read(approved).identity_may_use_key, *present_identity_may_use_key) = (Known::Is(false), Known::Is(false));
            },
            &[ROLE],
            &[(Mended, Severity::Critical, "the identity by which storage account `stlogs01` reads its key may not use it")],
        ),
        case(
            "another identity lost its role",
            |scene| {
                facts!(scene, LogEncryption: account, present_identity_may_use_key);
                (read(account).key_identity, *present_identity_may_use_key) = (None, Known::Is(false));
            },
            &[],
            &[(NeedsHuman, Severity::Critical, "give it the role `Key Vault Crypto Service Encryption User`")],
        ),
        case(
            "whether the identity may use the key cannot be read",
            |scene| {
                facts!(scene, LogEncryption: present_identity_may_use_key);
                *present_identity_may_use_key = unreadable();
            },
            &[],
            &[(Unreadable, Severity::Medium, "whether the identity of storage account `stlogs01` may use its key could not be read")],
        ),
    ]
}

#[test]
fn whichever_step_fails_the_account_reads_its_key_and_the_next_round_finishes() {
    for failing in 0..3 {
        let mut scene = log_encryption();
        attacked(&mut scene);
        let mut failed: Vec<Change> = Vec::new();
        for (index, change) in scene.plan().changes.iter().enumerate() {
            if index == failing || failed.iter().any(|earlier| change.builds_on(earlier)) {
                failed.push(change.clone());
                continue;
            }
            apply(&mut scene, change).unwrap_or_else(|refusal| panic!("step {index} is refused after {failing} failed: {refusal}"));
            assert_eq!(lost_key(&scene), None, "after step {index}, where {failing} failed");
        }
        assert!(changes(&scene).ends_with(&[SWITCH.to_owned()]), "step {failing} failed, so the key is still to be switched");
        for change in scene.plan().changes {
            apply(&mut scene, &change).unwrap();
        }
        assert!(scene.plan().is_whole(), "step {failing} failed: {:#?}", scene.plan());
    }
}

#[test]
fn the_key_is_never_switched_before_the_identity_may_use_it() {
    let mut scene = log_encryption();
    attacked(&mut scene);
    let plan = scene.plan();
    for left_out in 0..2 {
        let mut scene = scene.clone();
        let taken = plan.changes.iter().enumerate().filter(|(index, _)| *index != left_out);
        let outcomes: Vec<Result<(), String>> = taken.map(|(_, change)| apply(&mut scene, change)).collect();
        assert!(outcomes.last().is_some_and(Result::is_err), "without step {left_out} Azure refuses to switch: {outcomes:?}");
    }
}

#[test]
fn an_account_keeps_the_identities_that_it_has() {
    let mut scene = log_encryption();
    attacked(&mut scene);
    let Some(Change::AssignIdentity { identities, system_identity, .. }) = scene.plan().changes.into_iter().next() else {
        panic!("the first change gives the identity")
    };
    let names: Vec<&str> = identities.iter().map(reprieve_core::azure::ResourceId::name).collect();
    assert_eq!((names, system_identity), (vec!["id-logs", "id-theirs"], true));
}
