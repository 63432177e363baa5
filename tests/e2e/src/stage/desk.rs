//! The change manager's desk: the command `reprieve`, run as a person runs it, with their credentials in its environment.
//!
//! Must not sign or write tags itself: what approves on the stage is what users run.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use tokio::process::Command;

use super::approval_keys::ApprovalKeys;
use super::people::Person;

/// The desk of one stage.
#[derive(Debug, Clone)]
pub struct Desk {
    program: PathBuf,
    endpoint_url: String,
    region: String,
    approval_keys: ApprovalKeys,
    ledger_table: String,
}

/// What somebody approves.
#[derive(Debug, Clone)]
pub struct Approval<'a> {
    /// The id of the change.
    pub change: &'a str,
    /// The action, such as `delete`.
    pub action: &'a str,
    /// From when until when, as [`window`] writes it.
    pub window: String,
}

/// What the command said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub errors: String,
}

impl Desk {
    /// Opens the desk. `approval_keys` and `ledger_table` may be empty as long as none are deployed.
    #[must_use]
    pub fn new(program: PathBuf, endpoint_url: &str, region: &str) -> Self {
        let (endpoint_url, region) = (endpoint_url.to_owned(), region.to_owned());
        Self { program, endpoint_url, region, approval_keys: ApprovalKeys::default(), ledger_table: String::new() }
    }

    /// Returns the desk as it is once approval keys are deployed.
    #[must_use]
    pub fn with_approval_keys(self, approval_keys: &ApprovalKeys) -> Self {
        Self { approval_keys: approval_keys.clone(), ..self }
    }

    /// Returns the desk as it is once the guard is deployed.
    #[must_use]
    pub fn with_ledger(self, table: &str) -> Self {
        Self { ledger_table: table.to_owned(), ..self }
    }

    /// Returns the desk of somebody who is told neither the approval keys nor the ledger, so that nothing is checked with them.
    #[must_use]
    pub fn uninformed(&self) -> Self {
        Self::new(self.program.clone(), &self.endpoint_url, &self.region)
    }

    /// Returns the environment in which a person works: credentials, where to call, and what the command wants to know.
    #[must_use]
    pub fn environment(&self, person: &Person) -> Vec<(&'static str, String)> {
        let credentials = &person.credentials;
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", self.endpoint_url.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
            ("AWS_SESSION_TOKEN", credentials.session_token().unwrap_or_default().to_owned()),
        ];
        let settings = [
            ("REPRIEVE_APPROVAL_KEY", ApprovalKeys::alias_of(person.name).unwrap_or_default().to_owned()),
            ("REPRIEVE_APPROVAL_KEYS", self.approval_keys.parameter.clone()),
            ("REPRIEVE_LEDGER_TABLE", self.ledger_table.clone()),
        ];
        environment.extend(settings.into_iter().filter(|(_, value)| !value.is_empty()));
        environment
    }

    /// Runs the command in a person's name, and returns what it said, whatever that is.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be run.
    pub async fn run(&self, person: &Person, arguments: &[&str]) -> Result<Said> {
        let mut command = Command::new(&self.program);
        // Nothing of who runs the tests may reach it, least of all their credentials.
        command.args(arguments).env_clear().envs(self.environment(person)).kill_on_drop(true);
        let output = command.output().await.with_context(|| format!("`{}` cannot be run", self.program.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), errors: text(&output.stderr) })
    }

    /// Runs the command in a person's name, and returns what it printed.
    ///
    /// # Errors
    ///
    /// Fails when the command does, with what it complained of.
    pub async fn done(&self, person: &Person, arguments: &[&str]) -> Result<String> {
        let said = self.run(person, arguments).await?;
        let verb = arguments.first().unwrap_or(&"");
        ensure!(said.code == 0, "`reprieve {verb}` of {} ended with {}: {}{}", person.name, said.code, said.errors, said.out);
        Ok(said.out)
    }

    /// Approves a change on a key, with the approval key of the person's group, and returns what the command printed.
    ///
    /// # Errors
    ///
    /// Fails when the command does.
    pub async fn approve(&self, person: &Person, key: &str, approval: &Approval<'_>) -> Result<String> {
        self.done(person, &approval.arguments(key)).await
    }

    /// Approves a change after the act, in the ledger, and returns what the command printed.
    ///
    /// # Errors
    ///
    /// Fails when the command does.
    pub async fn approve_late(&self, person: &Person, key: &str, approval: &Approval<'_>) -> Result<String> {
        self.done(person, &[&approval.arguments(key)[..], &["--late"]].concat()).await
    }

    /// Revokes a change on a key, and returns what the command printed.
    ///
    /// # Errors
    ///
    /// Fails when the command does.
    pub async fn revoke(&self, person: &Person, key: &str, change: &str, reason: &str) -> Result<String> {
        self.done(person, &["revoke", key, "--change", change, "--reason", reason]).await
    }
}

impl Approval<'_> {
    /// Returns the arguments that approve this on a key.
    #[must_use]
    pub fn arguments<'a>(&'a self, key: &'a str) -> Vec<&'a str> {
        vec!["approve", key, "--action", self.action, "--change", self.change, "--window", &self.window]
    }
}

/// Returns the window that opened so many hours from now and stays open for so many, as it is written in a tag.
#[must_use]
pub fn window(from_hours: i64, for_hours: i64) -> String {
    let start = Timestamp::now().saturating_add(SignedDuration::from_hours(from_hours)).unwrap_or(Timestamp::MIN);
    let end = start.saturating_add(SignedDuration::from_hours(for_hours)).unwrap_or(Timestamp::MAX);
    format!("{}/{}", start.strftime("%Y-%m-%dT%H:%M:%SZ"), end.strftime("%Y-%m-%dT%H:%M:%SZ"))
}
