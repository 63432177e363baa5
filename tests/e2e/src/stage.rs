//! The stage: a local cloud on which the guard is deployed as it is shipped, and the people who act on it.
//!
//! IAM is enforced: the guard has its role's permissions and no others, and so have the people. Only who sets the stage and looks at
//! the results is the account's root user.

pub mod approval_keys;
pub mod desk;
pub mod evidence;
pub mod monitoring;
pub mod package;
pub mod people;
pub mod sdk;
pub mod stack;
pub mod sweep;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_credential_types::Credentials;
use aws_sdk_lambda::types::Environment;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use aws_types::SdkConfig;
use reprieve_localcloud::{CallEntry, LocalCloud, Progress};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use self::approval_keys::ApprovalKeys;
use self::desk::Desk;
use self::evidence::Evidence;
use self::monitoring::Monitoring;
use self::people::People;
use self::sdk::Endpoint;
use self::stack::{Choices, Outputs};
use crate::evidence::{AuditBucket, Inbox};

/// Where the zip is uploaded to.
const CODE: (&str, &str) = ("reprieve-code", "aws-cancel-key-deletion.zip");

/// How often something awaited is looked at.
const POLL: Duration = Duration::from_millis(60);

/// How the stage is to be set.
pub struct Setting {
    /// The function binary; see [`package::find_function`].
    pub function: PathBuf,
    /// The command `reprieve`; see [`package::find_command`].
    pub command: PathBuf,
    /// `enforce` or `observe`.
    pub mode: &'static str,
    /// What the company adds to the shipped rules.
    pub house_rules: HouseRules,
    /// The port of the local cloud; 0 takes a free one.
    pub port: u16,
    /// Hears how far the local cloud is; the first start downloads packages.
    pub on_progress: Box<dyn FnMut(Progress) + Send>,
    /// Hears what is being set up.
    pub on_step: Box<dyn FnMut(&str) + Send>,
}

/// What a company adds to the shipped rules.
#[derive(Debug, Clone, Copy)]
pub struct HouseRules {
    /// The guard's parameter `PolicyParameter`; empty for none.
    pub policy_parameter: &'static str,
    /// Its policies: the name of a parameter, and what it holds.
    pub policies: Option<(&'static str, &'static str)>,
    /// The Change Calendar that must be open, by its name.
    pub calendar: Option<&'static str>,
}

impl HouseRules {
    /// No rules of its own.
    pub const NONE: Self = Self { policy_parameter: "", policies: None, calendar: None };
}

impl Setting {
    /// Returns the setting of a stage for tests: with the programs beside this one, in this mode, on a free port.
    ///
    /// # Errors
    ///
    /// Fails when a program is not built.
    pub fn of_mode(mode: &'static str) -> Result<Self> {
        Ok(Self {
            function: package::find_function()?,
            command: package::find_command()?,
            mode,
            house_rules: HouseRules::NONE,
            port: 0,
            on_progress: Box::new(|_| {}),
            on_step: Box::new(|_| {}),
        })
    }
}

/// The stage, ready to be played on.
#[derive(Debug)]
pub struct Stage {
    /// The local cloud.
    pub cloud: LocalCloud,
    /// The people.
    pub people: People,
    /// How to reach the cloud in somebody else's name.
    pub endpoint: Endpoint,
    /// The keys that seal approvals.
    pub approval_keys: ApprovalKeys,
    /// The desk at which people approve.
    pub desk: Desk,
    /// What the guard's stack says of itself.
    pub outputs: Outputs,
    /// The audit records.
    pub audit: AuditBucket,
    /// The notices.
    pub inbox: Inbox,
    /// KMS in the name of whoever looks at the results.
    pub kms: aws_sdk_kms::Client,
    /// KMS in the Region that nobody guards, likewise.
    pub kms_elsewhere: aws_sdk_kms::Client,
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    monitoring: OnceCell<Monitoring>,
    drill: OnceCell<Outputs>,
    evidence: OnceCell<Evidence>,
}

impl Stage {
    /// Starts a local cloud, signs the people in and deploys the guard.
    ///
    /// # Errors
    ///
    /// Fails when any of it does.
    pub async fn set(mut setting: Setting) -> Result<Self> {
        let code = package::package(&setting.function)?;
        (setting.on_step)("starting the local cloud");
        let options =
            reprieve_localcloud::Options { port: setting.port, enforce_iam: true, on_progress: setting.on_progress, ..Default::default() };
        let region = options.region.clone();
        let cloud = LocalCloud::start(options).await?;
        let endpoint = Endpoint::new(cloud.endpoint_url(), &region);
        let root = endpoint.root_config();

        (setting.on_step)("signing people in");
        stack::deploy_people(&root).await?;
        let people = People::sign_in(&endpoint, cloud.account()).await?;
        let kms = aws_sdk_kms::Client::new(&root);

        (setting.on_step)("deploying infra/aws/approval-key.yaml");
        let desk = Desk::new(setting.command, &endpoint.url, &region);
        let approval_keys = ApprovalKeys::deploy(&root, cloud.account(), &desk, &people).await?;
        let HouseRules { policy_parameter, policies, calendar } = setting.house_rules;
        if let Some((name, text)) = policies {
            let ssm = aws_sdk_ssm::Client::new(&root);
            let put = ssm.put_parameter().name(name).value(text).r#type(ParameterType::String);
            put.send().await.context("the policies cannot be put into Parameter Store")?;
        }

        (setting.on_step)("uploading the function");
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&root).force_path_style(true).build());
        s3.create_bucket().bucket(CODE.0).send().await.context("no bucket could be made for the function")?;
        s3.put_object().bucket(CODE.0).key(CODE.1).body(ByteStream::from(code)).send().await.context("the function cannot be uploaded")?;

        (setting.on_step)("deploying infra/aws/guard.yaml");
        let choices = Choices {
            code: CODE,
            mode: setting.mode,
            approval_keys: &approval_keys.parameter,
            policy_parameter,
            calendars: &calendar.map(|name| format!("arn:aws:ssm:{region}:{}:document/{name}", cloud.account())).unwrap_or_default(),
            account: cloud.account(),
        };
        let outputs = stack::deploy_guard(&root, &choices).await?;
        let desk = desk.with_approval_keys(&approval_keys).with_ledger(outputs.named("LedgerTableName")?);
        let sqs = aws_sdk_sqs::Client::new(&root);
        let inbox = Inbox::subscribe(&sqs, &aws_sdk_sns::Client::new(&root), outputs.named("NoticeTopicArn")?).await?;
        Ok(Self {
            audit: AuditBucket::new(s3.clone(), outputs.named("AuditBucketName")?),
            kms_elsewhere: aws_sdk_kms::Client::new(&endpoint.config_elsewhere()),
            lambda: aws_sdk_lambda::Client::new(&root),
            cloud,
            people,
            endpoint,
            approval_keys,
            desk,
            outputs,
            inbox,
            kms,
            s3,
            sqs,
            monitoring: OnceCell::new(),
            drill: OnceCell::new(),
            evidence: OnceCell::new(),
        })
    }

    /// Returns the configuration of a client that calls with the credentials of one of the guard's functions.
    ///
    /// # Errors
    ///
    /// Fails when the stack has no such output, or the local cloud no such function.
    pub async fn function_config(&self, output: &str) -> Result<SdkConfig> {
        self.session_of(self.outputs.named(output)?).await
    }

    /// Returns the configuration of a client that calls with the credentials of a function of this name.
    ///
    /// # Errors
    ///
    /// Fails when the local cloud has no such function.
    pub async fn session_of(&self, function: &str) -> Result<SdkConfig> {
        let session = self.cloud.function_session(function).await?;
        let credentials = Credentials::from_keys(session.access_key_id, session.secret_access_key, Some(session.session_token));
        Ok(self.endpoint.config(credentials, &self.endpoint.region))
    }

    /// Returns the session under which the functions call, up to the function's name.
    ///
    /// # Errors
    ///
    /// Fails when the stack has no role.
    pub fn guard_session(&self) -> Result<String> {
        let role = self.outputs.named("RemediatorRoleArn")?.rsplit('/').next().unwrap_or_default();
        Ok(format!("assumed-role/{role}/"))
    }

    /// Returns the calls on KMS that the guard made on a key, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the stack has no role.
    pub fn guard_calls(&self, key: &str) -> Result<Vec<CallEntry>> {
        let session = self.guard_session()?;
        let mut calls = self.cloud.calls();
        calls.retain(|call| call.service == "kms" && call.caller.contains(&session) && call.key.as_deref() == Some(key));
        Ok(calls)
    }

    /// Returns the calls, on whatever service, that IAM refused to the guard since then.
    ///
    /// # Errors
    ///
    /// Fails when the stack has no role.
    pub fn guard_refusals(&self, since: jiff::Timestamp) -> Result<Vec<CallEntry>> {
        let session = self.guard_session()?;
        let is_denial = |call: &CallEntry| {
            call.error_code.as_deref().is_some_and(|code| code.contains("AccessDenied") || code.contains("AuthorizationError"))
        };
        let mut calls = self.cloud.calls();
        calls.retain(|call| call.time >= since && call.caller.contains(&session) && is_denial(call));
        Ok(calls)
    }

    /// Returns the latest call of this operation on a key.
    ///
    /// # Errors
    ///
    /// Fails when nobody made it.
    pub fn last_call(&self, operation: &str, key: &str) -> Result<CallEntry> {
        let mut calls = self.cloud.calls().into_iter().rev();
        let found = calls.find(|call| call.operation == operation && call.key.as_deref() == Some(key));
        found.with_context(|| format!("nobody called `{operation}` on `{key}`"))
    }

    /// Returns the state of a key, as `DescribeKey` says it.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn key_state(&self, key: &str) -> Result<String> {
        let described = self.kms.describe_key().key_id(key).send().await.with_context(|| format!("`{key}` cannot be looked at"))?;
        let state = described.key_metadata().and_then(|key| key.key_state());
        Ok(state.map_or("unknown", |state| state.as_str()).to_owned())
    }

    /// Tells whether a key encrypts, and decrypts what it encrypted.
    pub async fn is_usable(&self, key: &str) -> bool {
        let plain = b"a secret that must not be lost".as_slice();
        let Ok(sealed) = self.kms.encrypt().key_id(key).plaintext(plain.into()).send().await else { return false };
        let Some(sealed) = sealed.ciphertext_blob else { return false };
        let opened = self.kms.decrypt().key_id(key).ciphertext_blob(sealed).send().await;
        opened.is_ok_and(|opened| opened.plaintext().is_some_and(|opened| opened.as_ref() == plain))
    }

    /// Invokes the sweep function as EventBridge Scheduler does, and returns its report.
    ///
    /// # Errors
    ///
    /// Fails when the function does.
    pub async fn sweep(&self) -> Result<serde_json::Value> {
        let (function, schedule) = (self.outputs.named("SweepFunctionName")?, self.outputs.named("SweepScheduleName")?);
        let swept = sweep::invoke(&self.lambda, &self.endpoint.region, self.cloud.account(), function, schedule).await;
        swept.with_context(|| self.function_log(function))
    }

    /// Gives the sweep function another value of an environment variable, as an update of the stack would.
    ///
    /// # Errors
    ///
    /// Fails when Lambda does, or when the function has no such variable.
    pub async fn configure_sweep(&self, name: &str, value: &str) -> Result<()> {
        let function = self.outputs.named("SweepFunctionName")?;
        let known = self.lambda.get_function_configuration().function_name(function).send().await;
        let known = known.context("the sweep function's configuration cannot be read")?;
        let mut variables = known.environment().and_then(|environment| environment.variables()).cloned().unwrap_or_default();
        let old = variables.get_mut(name).with_context(|| format!("the sweep function has no variable `{name}`"))?;
        value.clone_into(old);
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let call = self.lambda.update_function_configuration().function_name(function).environment(environment);
        call.send().await.context("the sweep function cannot be configured")?;
        Ok(())
    }

    /// Returns how many messages wait in the dead-letter queue.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn dead_letters(&self) -> Result<u32> {
        self.waiting_in(self.outputs.named("DeadLetterQueueUrl")?).await
    }

    /// Returns how many events wait for the guard or are being worked on.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn unanswered(&self) -> Result<u32> {
        let queue = self.outputs.named("QueueUrl")?;
        let being_worked_on = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        Ok(self.waiting_in(queue).await? + self.counted(queue, being_worked_on).await?)
    }

    /// Tells whether events wait for the guard, or are being answered by it; what it gave up waits no longer, and is purged.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn is_waiting(&self) -> Result<bool> {
        use aws_sdk_sqs::types::QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let call = self.sqs.get_queue_attributes().queue_url(self.outputs.named("QueueUrl")?);
        let call = call.attribute_names(ApproximateNumberOfMessages).attribute_names(ApproximateNumberOfMessagesNotVisible);
        let answer = call.send().await.context("the guard's queue cannot be looked at")?;
        let waits = answer.attributes().is_some_and(|counts| counts.values().any(|count| count != "0"));
        if self.dead_letters().await? > 0 {
            let purge = self.sqs.purge_queue().queue_url(self.outputs.named("DeadLetterQueueUrl")?);
            purge.send().await.context("the dead-letter queue cannot be purged")?;
        }
        Ok(waits)
    }

    async fn waiting_in(&self, queue_url: &str) -> Result<u32> {
        self.counted(queue_url, QueueAttributeName::ApproximateNumberOfMessages).await
    }

    async fn counted(&self, queue_url: &str, name: QueueAttributeName) -> Result<u32> {
        let call = self.sqs.get_queue_attributes().queue_url(queue_url).attribute_names(name.clone());
        let answer = call.send().await.with_context(|| format!("the queue `{queue_url}` cannot be looked at"))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&name)).map(String::as_str).unwrap_or_default();
        count.parse().with_context(|| format!("the queue `{queue_url}` holds `{count}` messages"))
    }

    /// Lets an event that was not answered come again after that time.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn retry_after(&self, retry: Duration) -> Result<()> {
        let queue = self.sqs.set_queue_attributes().queue_url(self.outputs.named("QueueUrl")?);
        let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, retry.as_secs().to_string());
        queue.send().await.context("the retry of the queue cannot be set")?;
        Ok(())
    }

    /// Looks again and again until there is something to see.
    ///
    /// # Errors
    ///
    /// Fails when the look does, and when there is nothing to see in time: then it says what was awaited, and what the functions
    /// logged last.
    pub async fn wait<T>(&self, what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let give_up_at = Instant::now() + limit;
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if Instant::now() > give_up_at {
                let names = ["EventFunctionName", "SweepFunctionName"];
                let logs: Vec<String> = names.iter().filter_map(|name| Some(self.function_log(self.outputs.named(name).ok()?))).collect();
                bail!("waited {} s for {what}, in vain.\n{}", limit.as_secs(), logs.join("\n"));
            }
            sleep(POLL).await;
        }
    }

    /// Returns the last lines that a function logged; metrics are left out.
    #[must_use]
    pub fn function_log(&self, function: &str) -> String {
        let text = std::fs::read_to_string(self.cloud.function_log(function)).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"_aws\"")).rev().take(6).collect();
        lines.reverse();
        if lines.is_empty() {
            format!("`{function}` has logged nothing.")
        } else {
            format!("`{function}` logged last:\n{}", lines.join("\n"))
        }
    }

    /// Returns what this stage is made of, for reports.
    #[must_use]
    pub fn versions() -> BTreeMap<&'static str, &'static str> {
        let pinned = include_str!("../../localcloud/emulator/requirements.txt");
        let emulator = pinned.lines().find_map(|line| line.trim().strip_prefix("ministack==")).unwrap_or("unknown");
        BTreeMap::from([("reprieve", env!("CARGO_PKG_VERSION")), ("ministack", emulator)])
    }

    /// Ends the local cloud.
    pub fn strike(self) {
        self.cloud.stop();
    }
}
