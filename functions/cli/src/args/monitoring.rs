//! `reprieve monitoring`: what is asked for, as the function that keeps the monitoring is configured with it.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use reprieve_core::monitoring::desired::MINIMUM_RETENTION_DAYS;
use reprieve_core::monitoring::{CisVersion, DriftRule, GuardRule, PatternMode, Subscriber};
use reprieve_core::{KeyArn, RoleArn};

use super::desk::CloudArguments;

#[derive(Debug, Args)]
pub(crate) struct MonitoringArguments {
    #[command(subcommand)]
    pub(crate) verb: MonitoringVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MonitoringVerb {
    /// Prints what aws-provision-monitoring would change, as a diff, and how each control stands. Nothing is changed.
    #[command(after_long_help = PLAN_HELP)]
    Plan(Box<PlanArguments>),
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Prints the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wishes: WishArguments,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

/// What is asked for. Each option is a variable of the function, of the same meaning and default.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is asked for")]
pub(crate) struct WishArguments {
    /// The topic that alarms publish to; made where it is missing
    #[arg(long, value_name = "ARN", env = "REPRIEVE_NOTICE_TOPIC_ARN", hide_env_values = true, value_parser = topic)]
    pub(crate) topic: String,

    /// Who is subscribed to it, such as `email=security@example.com`; several are separated by commas
    #[arg(long, value_name = "PROTOCOL=ENDPOINT", env = "REPRIEVE_SUBSCRIBERS", hide_env_values = true, value_delimiter = ',', value_parser = subscriber)]
    pub(crate) subscribers: Vec<Subscriber>,

    /// The version of the CIS AWS Foundations Benchmark; 7.0 numbers its controls as 6.0 does
    #[arg(long, value_name = "VERSION", env = "REPRIEVE_CIS_VERSION", hide_env_values = true, default_value = "5.0", value_parser = super::values::cis_version())]
    pub(crate) cis_version: CisVersion,

    /// When a filter of others serves a control: `exact` as Security Hub asks, or by what it matches
    #[arg(long, value_name = "MODE", env = "REPRIEVE_PATTERN_MODE", hide_env_values = true, default_value = "by-matching", value_parser = super::values::pattern_mode())]
    pub(crate) pattern_mode: PatternMode,

    /// Whether Reprieve's own filters are asked for beside those of the benchmark
    #[arg(long, value_name = "true|false", env = "REPRIEVE_ADDITIONAL_FILTERS", hide_env_values = true, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) additional_filters: bool,

    /// The namespace of the metrics of Reprieve's filters
    #[arg(long, value_name = "NAME", env = "REPRIEVE_FILTER_NAMESPACE", hide_env_values = true, value_parser = NonEmptyStringValueParser::new(), default_value = "ReprieveMonitoring")]
    pub(crate) filter_namespace: String,

    /// The trail that is made where none satisfies
    #[arg(long, value_name = "NAME", env = "REPRIEVE_TRAIL_NAME", hide_env_values = true, value_parser = NonEmptyStringValueParser::new(), default_value = "reprieve")]
    pub(crate) trail_name: String,

    /// The bucket that trail writes to, or `BUCKET/PREFIX`; without one, no trail can be made
    #[arg(long, value_name = "BUCKET", env = "REPRIEVE_TRAIL_BUCKET", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) trail_bucket: Option<String>,

    /// The KMS key that encrypts its files; without one, the trail keeps the key that it has, and one of another account is told of
    #[arg(long, value_name = "ARN", env = "REPRIEVE_TRAIL_KEY_ARN", hide_env_values = true, value_parser = KeyArn::parse)]
    pub(crate) trail_key: Option<KeyArn>,

    /// The role by which that trail feeds its log group; without one, none can be fed
    #[arg(long, value_name = "ARN", env = "REPRIEVE_TRAIL_LOG_ROLE_ARN", hide_env_values = true, value_parser = RoleArn::parse)]
    pub(crate) trail_log_role: Option<RoleArn>,

    /// The log group that it feeds
    #[arg(long, value_name = "NAME", env = "REPRIEVE_TRAIL_LOG_GROUP", hide_env_values = true, value_parser = NonEmptyStringValueParser::new(), default_value = "/reprieve/cloudtrail")]
    pub(crate) log_group: String,

    /// How many days log events are kept at least
    #[arg(long, value_name = "DAYS", env = "REPRIEVE_TRAIL_RETENTION_DAYS", hide_env_values = true, default_value_t = MINIMUM_RETENTION_DAYS,
        value_parser = clap::value_parser!(u32).range(i64::from(MINIMUM_RETENTION_DAYS)..=3653))]
    pub(crate) retention_days: u32,

    /// The event rules that feed the guard, such as `key-api-calls=NAME`; several are separated by commas
    #[arg(long, value_name = "KIND=NAME", env = "REPRIEVE_GUARD_RULES", hide_env_values = true, value_delimiter = ',', value_parser = guard_rule,
        requires_all = ["guard_queue", "guard_dead_letters"])]
    pub(crate) guard_rules: Vec<(GuardRule, String)>,

    /// The queue that those rules feed
    #[arg(long, value_name = "ARN", env = "REPRIEVE_GUARD_QUEUE_ARN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) guard_queue: Option<String>,

    /// Where events go that cannot be handed over to it
    #[arg(long, value_name = "ARN", env = "REPRIEVE_GUARD_DEAD_LETTER_ARN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) guard_dead_letters: Option<String>,

    /// The event rules that tell the function what is done to the monitoring, such as `trail=NAME`; several are separated by commas
    #[arg(long, value_name = "KIND=NAME", env = "REPRIEVE_DRIFT_RULES", hide_env_values = true, value_delimiter = ',', value_parser = drift_rule,
        requires_all = ["drift_queue", "drift_dead_letters"])]
    pub(crate) drift_rules: Vec<(DriftRule, String)>,

    /// The queue that those rules feed
    #[arg(long, value_name = "ARN", env = "REPRIEVE_DRIFT_QUEUE_ARN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) drift_queue: Option<String>,

    /// Where events go that cannot be handed over to it
    #[arg(long, value_name = "ARN", env = "REPRIEVE_DRIFT_DEAD_LETTER_ARN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) drift_dead_letters: Option<String>,
}

fn topic(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_topic =
        matches!(parts.as_slice(), ["arn", _, "sns", region, account, name] if ![region, account, name].iter().any(|part| part.is_empty()));
    if is_topic { Ok(text.to_owned()) } else { Err("give the ARN of an SNS topic: `arn:aws:sns:REGION:ACCOUNT:NAME`".to_owned()) }
}

fn subscriber(text: &str) -> Result<Subscriber, String> {
    let (protocol, endpoint) = pair(text, "`PROTOCOL=ENDPOINT`, such as `email=security@example.com`")?;
    Ok(Subscriber { protocol, endpoint })
}

fn guard_rule(text: &str) -> Result<(GuardRule, String), String> {
    let (kind, name) = pair(text, "`KIND=NAME`, such as `key-api-calls=reprieve-calls`")?;
    Ok((GuardRule::parse(&kind).map_err(|error| error.to_string())?, name))
}

fn drift_rule(text: &str) -> Result<(DriftRule, String), String> {
    let (kind, name) = pair(text, "`KIND=NAME`, such as `trail=reprieve-monitoring-trail-drift`")?;
    Ok((DriftRule::parse(&kind).map_err(|error| error.to_string())?, name))
}

fn pair(text: &str, shape: &str) -> Result<(String, String), String> {
    match text.trim().split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => Ok((left.to_owned(), right.to_owned())),
        Some(_) | None => Err(format!("give {shape}")),
    }
}

pub(crate) const PLAN_HELP: &str = r#"HOW TO READ IT
  + is made; ~ is changed, with the old and the new value of each field; ! needs
  a human, with what to do. Below stand the controls: one holds where trail, log
  group, filter, alarm and topic reach a confirmed subscriber. Those with the
  same gap stand together. What others made and satisfies is adopted; what
  others made is never overwritten; what cannot be read is never taken for
  missing. A variable that is empty counts as not set.

WHAT IS LOOKED AT
  What these options ask for, and no more: of event rules those that
  --guard-rules and --drift-rules name, and where the trail writes to only with
  --trail-bucket. Below the plan stands what was asked for, and what was not
  looked at: exit code 0 says nothing of that. The function that is deployed
  plans by its own configuration, all of it, and changes nothing when asked so:
    aws lambda invoke --function-name "$FUNCTION" \
        --cli-binary-format raw-in-base64-out --payload '{"task":"plan"}' \
        /dev/stdout
  Its name is the output ProvisionFunctionName of the monitoring's stack.

NEEDS
  cloudtrail:DescribeTrails, GetTrailStatus, GetEventSelectors, ListTags
  logs:DescribeLogGroups, DescribeMetricFilters, ListTagsForResource
  cloudwatch:DescribeAlarms, ListTagsForResource sns:GetTopicAttributes,
  ListSubscriptionsByTopic, GetSubscriptionAttributes, ListTagsForResource
  events:DescribeRule, ListTargetsByRule kms:DescribeKey, GetKeyPolicy
  sts:GetCallerIdentity Everything is read, nothing changed.

OUTPUT WITH --json
  {"changes": [{"change", ...}], "findings": [{"subject", "severity", "sentence", "fix"}],
   "controls": [{"id", "title", "filter", "alarm", "is_adopted", "gaps"}], "relied_on": [],
   "not_looked_at": []}

EXIT CODES
  0  nothing is to be changed of what was looked at
  1  AWS failed, or did not allow it
  2  bad input
  3  changes are missing

EXAMPLES
  reprieve monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:reprieve-notices
  reprieve monitoring plan --topic ARN --trail-bucket BUCKET --trail-log-role ARN \
      --subscribers email=security@example.com
  reprieve monitoring plan --topic ARN --json | jq -r '.controls[] | select(.gaps) | .id'
"#;
