//! The demo's stand-in for the AWS CLI: a call in a person's name, and what the guard makes of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_credential_types::Credentials;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use clap::ValueEnum;
use jiff::Timestamp;
use reprieve_core::{Phase, Record, Status};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::handout::Handout;
use crate::evidence::AuditBucket;
use crate::stage::sdk::Endpoint;
use crate::stage::sweep as swept;

/// How long the guard may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(25);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(100);

/// What can be called in a person's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Schedules the deletion of a key, with the shortest waiting period.
    ScheduleKeyDeletion,
    /// Disables a key.
    DisableKey,
    /// Looks at a key.
    DescribeKey,
}

impl Operation {
    /// Returns the name of the call.
    const fn name(self) -> &'static str {
        match self {
            Self::ScheduleKeyDeletion => "ScheduleKeyDeletion",
            Self::DisableKey => "DisableKey",
            Self::DescribeKey => "DescribeKey",
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone)]
pub struct Act {
    /// The command of the AWS CLI that makes the same call.
    pub command: String,
    /// The state of the key right after the call.
    pub state: String,
    /// What the guard wrote down, and the state of the key then; absent where the call changes nothing.
    pub answer: Option<(String, String)>,
}

/// Calls in a person's name, and waits for the guard's answer.
///
/// # Errors
///
/// Fails when no stage is set, nobody has that name, KMS refuses the call, or the guard does not answer in time.
pub async fn act(folder: &Path, person: &str, operation: Operation, key: &str) -> Result<Act> {
    let handout = Handout::read(folder)?;
    let endpoint = Endpoint::new(&handout.endpoint_url, &handout.region);
    let own = aws_sdk_kms::Client::new(&endpoint.config(credentials_of(folder, person)?, &handout.region));
    let root = endpoint.root_config();
    let audit = AuditBucket::new(
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&root).force_path_style(true).build()),
        &handout.audit_bucket,
    );
    let looker = aws_sdk_kms::Client::new(&root);
    let arn = described(&looker, key).await?.0;
    let name = operation.name();
    let before: BTreeSet<String> = outcomes(&audit, &arn, name).await?.into_iter().map(|record| record.event.id.to_string()).collect();

    let refused = || format!("{person} cannot do that to `{key}`");
    let command = match operation {
        Operation::ScheduleKeyDeletion => {
            own.schedule_key_deletion().key_id(key).pending_window_in_days(7).send().await.with_context(refused)?;
            format!("aws kms schedule-key-deletion --key-id {key} --pending-window-in-days 7")
        }
        Operation::DisableKey => {
            own.disable_key().key_id(key).send().await.with_context(refused)?;
            format!("aws kms disable-key --key-id {key}")
        }
        Operation::DescribeKey => {
            let state = described(&own, key).await.with_context(refused)?.1;
            return Ok(Act { command: format!("aws kms describe-key --key-id {key}"), state, answer: None });
        }
    };
    let state = described(&looker, &arn).await?.1;
    let give_up_at = Instant::now() + ANSWER_WAIT;
    loop {
        let mut answers = outcomes(&audit, &arn, name).await?.into_iter();
        if let Some(record) = answers.find(|record| !before.contains(record.event.id.as_str()) && !Status::is_open(&record.steps)) {
            let sentence = record.decision.map_or_else(|| "it decided nothing".to_owned(), |decision| decision.why().sentence.clone());
            return Ok(Act { command, state, answer: Some((sentence, described(&looker, &arn).await?.1)) });
        }
        if Instant::now() > give_up_at {
            bail!("the guard has not answered within {} s", ANSWER_WAIT.as_secs());
        }
        sleep(POLL).await;
    }
}

/// Returns the ARN of a key and its state.
async fn described(kms: &aws_sdk_kms::Client, key: &str) -> Result<(String, String)> {
    let described = kms.describe_key().key_id(key).send().await.with_context(|| format!("`{key}` cannot be looked at"))?;
    let key = described.key_metadata().context("KMS described no key")?;
    Ok((key.arn().unwrap_or_default().to_owned(), key.key_state().map_or("unknown", |state| state.as_str()).to_owned()))
}

/// Returns the outcomes of events of this name about a key.
async fn outcomes(audit: &AuditBucket, key: &str, event_name: &str) -> Result<Vec<Record>> {
    let stored = audit.about(key).await?.into_iter().map(|stored| stored.record);
    Ok(stored.filter(|record| record.phase == Phase::Outcome && record.event.name == event_name).collect())
}

/// Reads a person's credentials from their shell file.
fn credentials_of(folder: &Path, person: &str) -> Result<Credentials> {
    let file = folder.join("people").join(format!("{person}.env"));
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("nobody is called `{person}`: `{}` cannot be read", file.display()))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('\'').to_owned()).with_context(|| format!("`{}` has no `{name}`", file.display()))
    };
    let token = value("AWS_SESSION_TOKEN")?;
    Ok(Credentials::from_keys(value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?, Some(token)))
}

/// Starts the sweep at once, as its schedule does hourly, and returns its report.
///
/// # Errors
///
/// Fails when no stage is set, or when the sweep does.
pub async fn sweep(folder: &Path) -> Result<Value> {
    let handout = Handout::read(folder)?;
    let root = Endpoint::new(&handout.endpoint_url, &handout.region).root_config();
    let Handout { region, account, sweep_function, sweep_schedule, .. } = &handout;
    swept::invoke(&aws_sdk_lambda::Client::new(&root), region, account, sweep_function, sweep_schedule).await
}

/// Returns what CloudTrail knows of a key, as `aws cloudtrail lookup-events` prints it.
///
/// # Errors
///
/// Fails when no stage is set, or when CloudTrail does.
pub async fn events(folder: &Path, key: &str) -> Result<Value> {
    let handout = Handout::read(folder)?;
    let root = Endpoint::new(&handout.endpoint_url, &handout.region).root_config();
    let about = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName).attribute_value(key).build()?;
    let found = aws_sdk_cloudtrail::Client::new(&root).lookup_events().lookup_attributes(about).send().await;
    let found = found.context("CloudTrail cannot be asked")?;
    let events = found.events().iter().map(|event| {
        let time = event.event_time().and_then(|time| Timestamp::from_second(time.secs()).ok());
        json!({"EventId": event.event_id(), "EventName": event.event_name(), "EventTime": time, "Username": event.username(),
               "CloudTrailEvent": event.cloud_trail_event()})
    });
    Ok(json!({ "Events": events.collect::<Vec<Value>>() }))
}

/// Returns what is known of a key, as `reprieve explain --facts` reads it.
///
/// # Errors
///
/// Fails when no stage is set, or when KMS does.
pub async fn facts(folder: &Path, key: &str) -> Result<Value> {
    let handout = Handout::read(folder)?;
    let kms = aws_sdk_kms::Client::new(&Endpoint::new(&handout.endpoint_url, &handout.region).root_config());
    let described = kms.describe_key().key_id(key).send().await.with_context(|| format!("`{key}` cannot be looked at"))?;
    let described = described.key_metadata().context("KMS described no key")?;
    let listed = kms.list_resource_tags().key_id(key).send().await.with_context(|| format!("the tags of `{key}` cannot be read"))?;
    let tags: serde_json::Map<String, Value> =
        listed.tags().iter().map(|tag| (tag.tag_key().to_owned(), Value::from(tag.tag_value()))).collect();
    let mut facts =
        json!({"state": described.key_state().map(aws_sdk_kms::types::KeyState::as_str), "tags": tags, "serving_before": "Enabled"});
    if let (Some(facts), Some(date)) = (facts.as_object_mut(), described.deletion_date()) {
        facts.insert("deletion_date".to_owned(), json!(Timestamp::from_second(date.secs())?));
    }
    Ok(facts)
}
