//! The keys that seal approvals: one for each group of approvers, deployed from the shipped template.
//!
//! What the guard is told of them is what `reprieve approval-key` prints.

use anyhow::{Context as _, Result};
use aws_types::SdkConfig;

use super::desk::Desk;
use super::people::{APPROVER_ROLE, People, SECURITY_ROLE};
use super::stack;

/// The alias of the approvers' key.
pub const APPROVERS_ALIAS: &str = "alias/reprieve-approvers";

/// The alias of the key under which security approves.
pub const SECURITY_ALIAS: &str = "alias/reprieve-security";

/// The alias of the key that the approvers used before; it is retired.
pub const RETIRED_ALIAS: &str = "alias/reprieve-approvers-before";

/// When the retired key was.
const RETIRED_AT: &str = "2026-01-01T00:00:00Z";

/// The approval keys of the stage.
#[derive(Debug, Clone, Default)]
pub struct ApprovalKeys {
    /// The ARN of the approvers' key.
    pub approvers: String,
    /// The ARN of security's key.
    pub security: String,
    /// The guard's parameter `ApprovalKeys`.
    pub parameter: String,
}

impl ApprovalKeys {
    /// Deploys the keys, and has their public halves printed by those who may sign with them.
    ///
    /// # Errors
    ///
    /// Fails when a stack does, or the command.
    pub async fn deploy(config: &SdkConfig, account: &str, desk: &Desk, people: &People) -> Result<Self> {
        let role = |name: &str| format!("arn:aws:iam::{account}:role/{name}");
        let approvers = stack::deploy_approval_key(config, "reprieve-approvers", &role(APPROVER_ROLE), APPROVERS_ALIAS).await?;
        let security = stack::deploy_approval_key(config, "reprieve-security", &role(SECURITY_ROLE), SECURITY_ALIAS).await?;
        let before = stack::deploy_approval_key(config, "reprieve-approvers-before", &role(APPROVER_ROLE), RETIRED_ALIAS).await?;
        let mut entries = Vec::with_capacity(3);
        for (person, arguments) in [
            (&people.alice, vec!["approval-key", APPROVERS_ALIAS]),
            (&people.sam, vec!["approval-key", SECURITY_ALIAS]),
            (&people.alice, vec!["approval-key", RETIRED_ALIAS, "--until", RETIRED_AT]),
        ] {
            entries
                .push(desk.done(person, &arguments).await.context("the public half of an approval key cannot be had")?.trim().to_owned());
        }
        let arn = |outputs: &stack::Outputs| outputs.named("KeyArn").map(str::to_owned);
        let retired = before.named("KeyId")?;
        let is_named = entries.iter().any(|entry| entry.starts_with(retired));
        anyhow::ensure!(is_named, "`reprieve approval-key` does not call the retired key `{retired}`");
        Ok(Self { approvers: arn(&approvers)?, security: arn(&security)?, parameter: entries.join(",") })
    }

    /// Returns the alias of the key with which a person seals.
    #[must_use]
    pub fn alias_of(name: &str) -> Option<&'static str> {
        match name {
            "alice" => Some(APPROVERS_ALIAS),
            "sam" => Some(SECURITY_ALIAS),
            _ => None,
        }
    }
}
