//! What the conditions of grants keep out, tried with the credentials of the functions that have the grants.
//!
//! Must not count as use: credentials are borrowed, and the proof knows.

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_kms::types::Tag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use reprieve_core::monitoring::DriftRule;

use crate::stage::Stage;
use crate::stage::monitoring::{LOG_GROUP, TRAIL, drift_rule};

/// The alias of the drill's key, and its tags.
const DRILL_ALIAS: &str = "alias/reprieve-drill";
const DRILL_TAGS: [(&str, &str); 2] = [("reprieve:drill", "true"), ("reprieve:managed-by", "aws-rehearse-incident")];

/// Tries what the conditions of the drill's and the monitoring's roles are there for, and returns what was not refused.
///
/// # Errors
///
/// Fails when the stage does.
pub async fn hold(stage: &Stage) -> Result<Vec<String>> {
    let mut problems = of_the_drill(stage).await?;
    problems.extend(of_the_monitoring(stage).await?);
    Ok(problems)
}

async fn of_the_drill(stage: &Stage) -> Result<Vec<String>> {
    let config = stage.session_of(stage.drill().await?.named("RehearseFunctionName")?).await?;
    let kms = aws_sdk_kms::Client::new(&config);
    let own = stage.kms.describe_key().key_id(DRILL_ALIAS).send().await.context("the drill has no key")?;
    let own = own.key_metadata().and_then(|key| key.arn()).context("the drill's key has no ARN")?.to_owned();
    let other = stage.people.pat.create_key("none of the drill's business").await?;
    stage.kms.create_alias().alias_name("alias/payments").target_key_id(&other).send().await.context("the key gets no alias")?;
    let tags: Vec<Tag> =
        DRILL_TAGS.iter().map(|(name, value)| Tag::builder().tag_key(*name).tag_value(*value).build()).collect::<Result<_, _>>()?;
    let mut tried = Tried::default();
    let schedule = |key: &str, days: i32| kms.schedule_key_deletion().key_id(key).pending_window_in_days(days).send();
    tried.refused("ScheduleKeyDeletion of another key", schedule(&other, 30).await);
    tried.refused("ScheduleKeyDeletion of its own key, sooner", schedule(&own, 7).await);
    tried.refused("CreateKey without its tags", kms.create_key().send().await);
    let everywhere = kms.create_key().multi_region(true).set_tags(Some(tags.clone()));
    tried.refused("CreateKey in several Regions", everywhere.send().await);
    tried.refused("TagResource of a key that has a name", kms.tag_resource().key_id(&other).set_tags(Some(tags)).send().await);
    tried.refused("CreateAlias of another name", kms.create_alias().alias_name("alias/mine").target_key_id(&own).send().await);
    let lead_away = kms.create_alias().alias_name(DRILL_ALIAS).target_key_id(&other);
    tried.refused("CreateAlias for another key", lead_away.send().await);
    tried.refused("EnableKey of another key", kms.enable_key().key_id(&other).send().await);
    let ledger = aws_sdk_dynamodb::Client::new(&config);
    let update = ledger.update_item().table_name(stage.outputs.named("LedgerTableName")?);
    let update = update.key("pk", AttributeValue::S(other)).key("sk", AttributeValue::S("inventory".to_owned()));
    tried.refused("UpdateItem of a key's inventory", update.send().await);
    Ok(tried.problems("the drill"))
}

async fn of_the_monitoring(stage: &Stage) -> Result<Vec<String>> {
    let config = stage.session_of(stage.monitoring().await?.outputs.named("ProvisionFunctionName")?).await?;
    let mut tried = Tried::default();
    let rules = aws_sdk_eventbridge::Client::new(&config);
    let queue = |output: &str| anyhow::Ok(Target::builder().id("Queue").arn(stage.outputs.named(output)?).build()?);
    let put = rules.put_targets().rule(stage.outputs.named("KeyApiCallRuleName")?).targets(queue("DeadLetterQueueArn")?);
    tried.refused("PutTargets to another queue", put.send().await);
    let put = rules.put_targets().rule(drift_rule(DriftRule::Rule)).targets(queue("QueueArn")?);
    tried.refused("PutTargets of its own rule to the guard's queue", put.send().await);
    let (account, region) = (stage.cloud.account(), &stage.endpoint.region);
    let pass = aws_sdk_cloudtrail::Client::new(&config).update_trail().name(TRAIL);
    let pass = pass.cloud_watch_logs_log_group_arn(format!("arn:aws:logs:{region}:{account}:log-group:{LOG_GROUP}:*"));
    let pass = pass.cloud_watch_logs_role_arn(format!("arn:aws:iam::{account}:role/PlatformEngineer"));
    tried.refused("UpdateTrail with another's role", pass.send().await);
    Ok(tried.problems("the monitoring"))
}

/// What was tried, and was not refused by IAM.
#[derive(Debug, Default)]
struct Tried(Vec<String>);

impl Tried {
    fn refused<T, E: ProvideErrorMetadata>(&mut self, what: &str, result: Result<T, E>) {
        let problem = match result {
            Ok(_) => "was allowed".to_owned(),
            Err(error) => match error.code() {
                Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError") => return,
                code => format!("failed as `{}`: {}", code.unwrap_or("unknown"), error.message().unwrap_or_default()),
            },
        };
        self.0.push(format!("{what} {problem}"));
    }

    fn problems(self, whose: &str) -> Vec<String> {
        self.0.into_iter().map(|problem| format!("in the name of {whose} {problem}")).collect()
    }
}
