//! The people on the stage: each a session of a role, with credentials of STS, so that CloudTrail names them.

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::types::Tag;
use jiff::Timestamp;

use super::sdk::Endpoint;

/// One person, signed in with one role.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name of the session.
    pub name: &'static str,
    /// The credentials of the session.
    pub credentials: Credentials,
    /// The ARN of the session.
    pub arn: String,
    /// KMS in the guarded Region, in this person's name.
    pub kms: Client,
    /// KMS in the other Region.
    pub kms_elsewhere: Client,
}

/// Everybody.
#[derive(Debug, Clone)]
pub struct People {
    /// Runs the platform: makes keys, and deletes them when a change says so.
    pub pat: Person,
    /// Has stolen a developer's credentials.
    pub mallory: Person,
    /// The same Mallory, signed in with a role that may only look at keys.
    pub mallory_as_auditor: Person,
    /// The same Mallory, with the credentials of whoever runs the account's logging and alarms.
    pub mallory_as_administrator: Person,
    /// Approves changes; her role alone may sign with the approvers' key.
    pub alice: Person,
    /// The same Alice, signed in as a platform engineer.
    pub alice_as_engineer: Person,
    /// Approves changes for security, under a key of its own.
    pub sam: Person,
    /// Manages changes; her tags approve without a seal.
    pub cora: Person,
    /// Is on call, and may break the glass.
    pub oscar: Person,
    /// Responds to incidents.
    pub rosa: Person,
}

/// The name of the session that does what nobody wants.
pub const ATTACKER: &str = "mallory";

/// The Region in which nobody guards, where multi-Region keys have their other half.
pub const OTHER_REGION: &str = "eu-west-1";

/// The role that seals approvals.
pub const APPROVER_ROLE: &str = "KeyApprover";

/// The role that seals approvals for security.
pub const SECURITY_ROLE: &str = "SecurityApprover";

/// The role whose plain tags approve.
pub const CHANGE_MANAGER_ROLE: &str = "ChangeManager";

/// The role that may break the glass.
pub const BREAK_GLASS_ROLE: &str = "BreakGlass";

impl People {
    /// Signs everybody in.
    ///
    /// # Errors
    ///
    /// Fails when STS does.
    pub async fn sign_in(endpoint: &Endpoint, account: &str) -> Result<Self> {
        let sts = aws_sdk_sts::Client::new(&endpoint.root_config());
        let sign_in = |role: &'static str, name: &'static str| Person::sign_in(endpoint, &sts, account, role, name);
        Ok(Self {
            pat: sign_in("PlatformEngineer", "pat").await?,
            mallory: sign_in("Developer", ATTACKER).await?,
            mallory_as_auditor: sign_in("Auditor", ATTACKER).await?,
            mallory_as_administrator: sign_in("CloudAdministrator", ATTACKER).await?,
            alice: sign_in(APPROVER_ROLE, "alice").await?,
            alice_as_engineer: sign_in("PlatformEngineer", "alice").await?,
            sam: sign_in(SECURITY_ROLE, "sam").await?,
            cora: sign_in(CHANGE_MANAGER_ROLE, "cora").await?,
            oscar: sign_in(BREAK_GLASS_ROLE, "oscar").await?,
            rosa: sign_in("IncidentResponder", "rosa").await?,
        })
    }

    /// Returns those who are each known under their own name: nobody's second role.
    #[must_use]
    pub fn named(&self) -> [&Person; 7] {
        [&self.pat, &self.mallory, &self.alice, &self.sam, &self.cora, &self.oscar, &self.rosa]
    }
}

impl Person {
    async fn sign_in(endpoint: &Endpoint, sts: &aws_sdk_sts::Client, account: &str, role: &str, name: &'static str) -> Result<Self> {
        let role_arn = format!("arn:aws:iam::{account}:role/{role}");
        let session = sts.assume_role().role_arn(&role_arn).role_session_name(name).send().await;
        let session = session.with_context(|| format!("`{name}` cannot sign in as `{role_arn}`"))?;
        let (keys, user) = session.credentials().zip(session.assumed_role_user()).context("STS gave no credentials")?;
        let credentials = Credentials::from_keys(keys.access_key_id(), keys.secret_access_key(), Some(keys.session_token().to_owned()));
        let client = |region: &str| Client::new(&endpoint.config(credentials.clone(), region));
        let (kms, kms_elsewhere) = (client(&endpoint.region), client(OTHER_REGION));
        Ok(Self { name, arn: user.arn().to_owned(), kms, kms_elsewhere, credentials })
    }

    /// Makes a key and returns its ARN.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn create_key(&self, description: &str) -> Result<String> {
        let made = self.kms.create_key().description(description).send().await.context("no key could be made")?;
        Ok(made.key_metadata().and_then(|key| key.arn()).context("KMS made a key without an ARN")?.to_owned())
    }

    /// Schedules the deletion of a key, with the shortest waiting period.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn schedule_deletion(&self, key: &str) -> Result<()> {
        self.schedule_deletion_in(key, 7).await.map(drop)
    }

    /// Schedules the deletion of a key with this waiting period, and returns when KMS would delete it: of a primary that waits for its replicas, nobody
    /// knows.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn schedule_deletion_in(&self, key: &str, window_days: i32) -> Result<Option<Timestamp>> {
        let call = self.kms.schedule_key_deletion().key_id(key).pending_window_in_days(window_days);
        let scheduled = call.send().await.with_context(|| format!("{} cannot schedule the deletion of `{key}`", self.name))?;
        Ok(scheduled.deletion_date().map(|deadline| Timestamp::from_second(deadline.secs())).transpose()?)
    }

    /// Disables a key.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn disable(&self, key: &str) -> Result<()> {
        let call = self.kms.disable_key().key_id(key);
        call.send().await.with_context(|| format!("{} cannot disable `{key}`", self.name))?;
        Ok(())
    }

    /// Puts tags on a key.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn tag(&self, key: &str, tags: &[(&str, &str)]) -> Result<()> {
        let mut call = self.kms.tag_resource().key_id(key);
        for (name, value) in tags {
            call = call.tags(Tag::builder().tag_key(*name).tag_value(*value).build()?);
        }
        call.send().await.with_context(|| format!("{} cannot tag `{key}`", self.name))?;
        Ok(())
    }
}
