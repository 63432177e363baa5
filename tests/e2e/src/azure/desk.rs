//! The change manager's desk in Azure: the command `reprieve`, run as a person runs it, with their own tokens.
//!
//! Must not sign or write tags itself: what approves on the stage is what users run.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use super::company::EVIDENCE;
use super::people::Person;

/// The approval key.
const APPROVAL_KEY: &str = "https://kv-approval.vault.azure.net/keys/approval";

/// What the command talks to.
const AUDIENCES: [&str; 4] =
    ["https://management.azure.com", "https://vault.azure.net", "https://storage.azure.com", "https://managedhsm.azure.net"];

/// The desk of one stage.
#[derive(Debug, Clone)]
pub struct AzureDesk {
    program: PathBuf,
    sandbox: String,
    approval_keys: String,
}

impl AzureDesk {
    /// Opens the desk, and reads the public half of the approval key as `person` may.
    ///
    /// # Errors
    /// When the command says that it cannot.
    pub async fn open(program: PathBuf, sandbox: &str, person: &Person) -> Result<Self> {
        let mut desk = Self { program, sandbox: sandbox.to_owned(), approval_keys: String::new() };
        let entry = desk.run(person, &["approval-key", APPROVAL_KEY]).await?;
        entry.trim().clone_into(&mut desk.approval_keys);
        Ok(desk)
    }

    /// Returns the entry of `REPRIEVE_APPROVAL_KEYS`.
    #[must_use]
    pub fn approval_keys(&self) -> &str {
        &self.approval_keys
    }

    /// Approves the deletion of a resource.
    ///
    /// # Errors
    /// When the command refuses.
    pub async fn approve_deletion(&self, person: &Person, resource: &str, change: &str, window: &str) -> Result<String> {
        let arguments = ["approve", resource, "--action", "delete", "--change", change, "--window", window, "--approval-key", APPROVAL_KEY];
        self.run(person, &arguments).await
    }

    /// Revokes a change on a resource.
    ///
    /// # Errors
    /// When the command refuses.
    pub async fn revoke(&self, person: &Person, resource: &str, change: &str) -> Result<String> {
        self.run(person, &["revoke", resource, "--change", change]).await
    }

    async fn run(&self, person: &Person, arguments: &[&str]) -> Result<String> {
        let tokens = AUDIENCES.map(|audience| person.principal.token(audience)).join(",");
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("REPRIEVE_AZURE_ENDPOINT_URL", &self.sandbox)
            .env("REPRIEVE_AZURE_ACCESS_TOKENS", tokens)
            .env("REPRIEVE_AZURE_STORAGE_ACCOUNT", EVIDENCE)
            .env_remove("REPRIEVE_APPROVAL_KEYS")
            .kill_on_drop(true);
        if !self.approval_keys.is_empty() {
            command.env("REPRIEVE_APPROVAL_KEYS", &self.approval_keys);
        }
        let done = command.output().await.with_context(|| format!("cannot run `{}`", self.program.display()))?;
        let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        ensure!(done.status.success(), "`reprieve {}` said: {complained}{said}", arguments.join(" "));
        Ok(said.into_owned())
    }
}
