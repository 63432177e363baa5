//! The same for Azure: what the guard's roles may do, against what role-based access was asked in its name.
//!
//! Grants are read from the shipped templates, as `reads`, `writes` and their like. Must not read them from the tenant: the stage makes the
//! roles out of the same lists, so that what is missing there would not be missed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use reprieve_azure_sandbox::RbacDecision;
use serde_json::Value;

use super::exceptions::Shown;

/// A role that a template of `infra/azure` makes.
#[derive(Debug, Clone, Copy)]
pub struct CustomRole {
    /// The template.
    pub template: &'static str,
    /// Where its actions stand: pointers into the template, or lists of the role that it defines; on data or not.
    pub lists: &'static [(&'static str, bool)],
}

/// The roles of the guard.
pub const ROLES: [CustomRole; 6] = [
    CustomRole {
        template: "subscription.json",
        lists: &[
            ("/variables/reads", false),
            ("/variables/writes", false),
            ("/variables/dataReads", true),
            ("/variables/dataWrites", true),
        ],
    },
    CustomRole {
        template: "guard.json",
        lists: &[
            ("/variables/noticeReads", false),
            ("/variables/noticeWrites", false),
            ("/variables/destinationReads", false),
            ("/variables/destinationWrites", false),
        ],
    },
    CustomRole { template: "log-access.json", lists: &[("/variables/reads", false), ("/variables/writes", false)] },
    CustomRole { template: "evidence.json", lists: &[("actions", false), ("dataActions", true)] },
    CustomRole { template: "seals.json", lists: &[("actions", false), ("dataActions", true)] },
    CustomRole { template: "hsm-role.json", lists: &[("/actions", false), ("/dataActions", true)] },
];

/// An action that a role has and the sandbox never asks for, or not in its name.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The template.
    pub template: &'static str,
    /// The actions.
    pub actions: &'static [&'static str],
    /// Why.
    pub why: &'static str,
    /// What shows that it is needed.
    pub shown: Shown,
}

/// All exceptions.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        template: "guard.json",
        actions: &["Microsoft.EventHub/namespaces/authorizationRules/listKeys/action"],
        why: "Azure asks it of whoever makes a diagnostic setting; the sandbox does not",
        shown: DIAGNOSTIC_SETTINGS,
    },
    Exception {
        template: "guard.json",
        actions: &["Microsoft.EventHub/namespaces/authorizationRules/read"],
        why: "in mode observe the role has to hold something, and this shows nothing but the rule's rights",
        shown: Shown::Documented("https://learn.microsoft.com/azure/role-based-access-control/custom-roles"),
    },
    Exception {
        template: "log-access.json",
        actions: &["Microsoft.Storage/storageAccounts/listKeys/action"],
        why: "Azure asks it of whoever makes a diagnostic setting; the sandbox does not",
        shown: DIAGNOSTIC_SETTINGS,
    },
    Exception {
        template: "log-access.json",
        actions: &["Microsoft.Storage/storageAccounts/read"],
        why: "the log storage of the stage lies in the guarded subscription, whose role reads it; it may lie elsewhere",
        shown: Shown::Source("shared/azure/src/discover.rs", "storageAccounts"),
    },
    Exception {
        template: "hsm-role.json",
        actions: &[
            "Microsoft.KeyVault/managedHsm/keys/deletedKeys/read/action",
            "Microsoft.KeyVault/managedHsm/keys/deletedKeys/recover/action",
            "Microsoft.KeyVault/managedHsm/keys/read/action",
            "Microsoft.KeyVault/managedHsm/keys/write/action",
        ],
        why: "a Managed HSM of the sandbox knows its built-in roles alone",
        shown: Shown::Documented("https://learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles"),
    },
    Exception {
        template: "subscription.json",
        actions: &[
            "Microsoft.DBforMySQL/locations/azureAsyncOperation/read",
            "Microsoft.DBforMySQL/locations/operationResults/read",
            "Microsoft.DBforPostgreSQL/locations/azureAsyncOperation/read",
            "Microsoft.DBforPostgreSQL/locations/operationResults/read",
            "Microsoft.EventGrid/locations/operationResults/read",
            "Microsoft.EventGrid/locations/operationsStatus/read",
            "Microsoft.KeyVault/locations/managedHsmOperationResults/read",
            "Microsoft.KeyVault/locations/operationResults/read",
            "Microsoft.Sql/locations/auditingSettingsAzureAsyncOperation/read",
            "Microsoft.Sql/locations/auditingSettingsOperationResults/read",
        ],
        why: "the sandbox tells whoever asks how an operation goes",
        shown: Shown::Documented("https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations"),
    },
    Exception {
        template: "seals.json",
        actions: &["Microsoft.KeyVault/vaults/keys/sign/action"],
        why: "the last full hour of so young a tenant holds nothing to seal",
        shown: Shown::Source("shared/azure/src/evidence/signer.rs", "self.client.sign("),
    },
    Exception {
        template: "subscription.json",
        actions: &["Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"],
        why: "Azure asks it for each identity that a resource gets or keeps; the sandbox does not",
        shown: Shown::Documented(
            "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-assign-access-azure-resource",
        ),
    },
    Exception {
        template: "subscription.json",
        actions: &["Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/extend/action"],
        why: "no scenario has a policy that is locked and too short",
        shown: Shown::Source("shared/azure/src/apply/immutability.rs", "Action::Extend"),
    },
];

const DIAGNOSTIC_SETTINGS: Shown = Shown::Documented("https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings");

/// Actions that are refused to the guard on the stage, and with which it gets along.
pub const REFUSED: [(&str, &str); 1] = [(
    "Microsoft.KeyVault/managedHSMs/keys/read",
    "the role of `hsm-role.json` cannot be made in the sandbox; the guard tells that it cannot see those keys",
)];

/// An action of a template's role: template, whether it is on data, action.
pub type Granted = (&'static str, bool, String);

/// Reads what the shipped templates grant.
///
/// # Errors
///
/// Fails when a template cannot be read, or holds no such list.
pub fn granted() -> Result<BTreeSet<Granted>> {
    let mut granted = BTreeSet::new();
    for role in ROLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/azure").join(role.template);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let document: Value = serde_json::from_str(&text)?;
        for (list, is_data) in role.lists {
            let actions = if list.starts_with('/') { document.pointer(list) } else { of_role(&document, list) };
            let actions = actions.and_then(Value::as_array).with_context(|| format!("`{}` has no `{list}`", role.template))?;
            granted.extend(actions.iter().filter_map(Value::as_str).map(|action| (role.template, *is_data, action.to_owned())));
        }
    }
    Ok(granted)
}

fn of_role<'a>(document: &'a Value, list: &str) -> Option<&'a Value> {
    let resources = document.get("resources")?.as_array()?;
    let role =
        resources.iter().find(|resource| resource.get("type").and_then(Value::as_str) == Some("Microsoft.Authorization/roleDefinitions"));
    role?.pointer(&format!("/properties/permissions/0/{list}"))
}

/// What was asked in the guard's name, held against what it may do.
#[derive(Debug)]
pub struct AzureProof {
    /// What is granted, and how often it was used.
    pub uses: BTreeMap<Granted, u64>,
    /// What was used that no template grants.
    pub beyond: BTreeSet<(bool, String)>,
    /// What was refused.
    pub refused: BTreeSet<(bool, String)>,
}

impl AzureProof {
    /// Holds what was asked by this principal against the templates; `roles` says which template made a role definition.
    #[must_use]
    pub fn of(granted: &BTreeSet<Granted>, decisions: &[RbacDecision], guard: &str, roles: &BTreeMap<&str, &'static str>) -> Self {
        let own: Vec<&RbacDecision> = decisions.iter().filter(|decision| decision.object_id == guard).collect();
        let made_by = |decision: &RbacDecision, template: &str| {
            decision.roles.iter().any(|role| roles.get(role.as_str()).is_some_and(|made| *made == template))
        };
        let uses = granted.iter().map(|grant| {
            let (template, is_data, action) = grant;
            let asked = own.iter().filter(|decision| {
                decision.is_allowed
                    && decision.is_data == *is_data
                    && decision.action.eq_ignore_ascii_case(action)
                    && made_by(decision, template)
            });
            (grant.clone(), asked.map(|decision| decision.count).sum())
        });
        let uses: BTreeMap<Granted, u64> = uses.collect();
        let is_granted = |decision: &RbacDecision| {
            uses.keys().any(|(_, is_data, action)| *is_data == decision.is_data && action.eq_ignore_ascii_case(&decision.action))
        };
        let what = |decision: &&RbacDecision| (decision.is_data, decision.action.clone());
        let beyond = own.iter().copied().filter(|decision| decision.is_allowed && !is_granted(decision));
        let refused = own.iter().copied().filter(|decision| !decision.is_allowed);
        Self { beyond: beyond.map(|decision| what(&decision)).collect(), refused: refused.map(|decision| what(&decision)).collect(), uses }
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn faults(&self, exceptions: &[Exception]) -> Vec<String> {
        let mut faults = Vec::new();
        for ((template, _, action), calls) in &self.uses {
            match (*calls > 0, is_excepted(exceptions, template, action)) {
                (true, true) => faults.push(format!("{template}: `{action}` is used after all: take its exception out")),
                (false, false) => faults.push(format!("{template}: `{action}` is granted, and nothing used it")),
                (true, false) | (false, true) => {}
            }
        }
        for exception in exceptions {
            for action in exception.actions {
                let is_granted = self.uses.keys().any(|(template, _, granted)| *template == exception.template && granted == action);
                if !is_granted {
                    faults.push(format!("{}: `{action}` has an exception, and is not granted", exception.template));
                }
            }
        }
        faults.extend(self.beyond.iter().map(|(_, action)| format!("`{action}` was used, and no template grants it")));
        let refused = self.refused.iter().filter(|(_, action)| !REFUSED.iter().any(|(known, _)| known == action));
        faults.extend(refused.map(|(_, action)| format!("`{action}` was refused: does a template lack it?")));
        faults
    }

    /// Writes it as a table.
    #[must_use]
    pub fn written(&self, exceptions: &[Exception]) -> String {
        let mut text = String::new();
        for ((template, is_data, action), calls) in &self.uses {
            let plane = if *is_data { "data" } else { "" };
            let exception =
                exceptions.iter().find(|exception| exception.template == *template && exception.actions.contains(&action.as_str()));
            let used = match (*calls, exception) {
                (0, Some(exception)) => format!("not here: {}", exception.why),
                (0, None) => "NOT USED".to_owned(),
                (calls, _) => format!("{calls} calls"),
            };
            // Writing to a text does not fail.
            writeln!(text, "  {template:<18} {action:<92} {plane:<5} {used}").ok();
        }
        for (_, action) in &self.refused {
            writeln!(text, "  {:<18} {action:<92} {:<5} REFUSED", "-", "").ok();
        }
        let used = self.uses.values().filter(|calls| **calls > 0).count();
        let (all, refused) = (self.uses.len(), self.refused.len());
        writeln!(
            text,
            "{all} actions of {} roles: {used} used, {} not here for a stated reason; {refused} refused",
            ROLES.len(),
            all - used
        )
        .ok();
        text
    }
}

fn is_excepted(exceptions: &[Exception], template: &str, action: &str) -> bool {
    exceptions.iter().any(|exception| exception.template == template && exception.actions.contains(&action))
}
