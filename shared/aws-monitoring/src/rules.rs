//! Event rules that feed the guard, or tell of drift, on the default bus: looks, puts, enables, gives targets. It has no call that deletes
//! or disables a rule, or removes a target.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_eventbridge::types::{DeadLetterConfig, PutTargetsResultEntry, RetryPolicy, RuleState, Target};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_aws::Kind;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::world::Rule;
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, kind_of_monitoring_code, known, senseless, sorted, sorted_change};

const DESCRIBE: &str = "events:DescribeRule";
const TARGETS: &str = "events:ListTargetsByRule";
const PUT_TARGETS: &str = "events:PutTargets";

/// The target's id in its rule, as the stacks have it.
const TARGET_ID: &str = "Queue";
/// How often `EventBridge` tries to hand an event over: as often as it can.
const ATTEMPTS: i32 = 185;
/// How long it tries: as long as it can.
const PATIENCE_SECONDS: i32 = 86_400;

/// The rules of the default bus.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    client: Client,
}

impl Rules {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self::over(Client::new(config))
    }

    pub(crate) const fn over(client: Client) -> Self {
        Self { client }
    }

    /// Looks at each rule that is named.
    pub(crate) async fn look(&self, names: impl IntoIterator<Item = String>) -> Vec<(String, Known<Rule>)> {
        let looks = stream::iter(names).map(async |name: String| {
            let found = self.look_at(&name).await;
            (name, found)
        });
        looks.buffered(AT_ONCE).collect().await
    }

    async fn look_at(&self, name: &str) -> Known<Rule> {
        let (described, targets) = join!(self.describe(name), self.targets(name));
        let described = match described {
            Ok(described) => described,
            Err(error) => return known(Err(error)),
        };
        Known::Is(Rule {
            name: name.to_owned(),
            is_enabled: is_enabled(described.state()),
            pattern: described.event_pattern.filter(|pattern| !pattern.is_empty()),
            targets: known(targets),
        })
    }

    async fn describe(&self, name: &str) -> Result<DescribeRuleOutput, CallError> {
        self.client.describe_rule().name(name).send().await.map_err(sorted(DESCRIBE))
    }

    async fn targets(&self, name: &str) -> Result<Vec<String>, CallError> {
        let mut targets = Vec::new();
        let mut next = None;
        loop {
            let answer = self.client.list_targets_by_rule().rule(name).set_next_token(next).send().await.map_err(sorted(TARGETS))?;
            targets.extend(answer.targets.unwrap_or_default().into_iter().filter(hands_over_whole).map(|target| target.arn));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(targets);
            }
        }
    }

    /// Makes or replaces an enabled rule. What a rule that is there says beside its pattern stays: `PutRule` would empty it.
    pub(crate) async fn put(&self, rule: &str, pattern: &str) -> Result<(), CallError> {
        let there = match self.describe(rule).await {
            Ok(there) => Some(there),
            Err(CallError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let state = there.as_ref().and_then(DescribeRuleOutput::state).filter(|state| is_enabled(Some(state))).cloned();
        let (description, role_arn) = there.map_or((None, None), |there| (there.description, there.role_arn));
        self.client
            .put_rule()
            .name(rule)
            .event_pattern(pattern)
            .state(state.unwrap_or(RuleState::Enabled))
            .set_description(description)
            .set_role_arn(role_arn)
            .send()
            .await
            .map_err(sorted_change("events:PutRule"))?;
        Ok(())
    }

    /// Enables a rule.
    pub(crate) async fn enable(&self, rule: &str) -> Result<(), CallError> {
        self.client.enable_rule().name(rule).send().await.map_err(sorted_change("events:EnableRule"))?;
        Ok(())
    }

    /// Lets a rule feed a queue with its events as they are, beside what it feeds already.
    pub(crate) async fn put_target(&self, rule: &str, target_arn: &str, dead_letter_arn: &str) -> Result<(), CallError> {
        let retries = RetryPolicy::builder().maximum_retry_attempts(ATTEMPTS).maximum_event_age_in_seconds(PATIENCE_SECONDS).build();
        let target = Target::builder()
            .id(TARGET_ID)
            .arn(target_arn)
            .retry_policy(retries)
            .dead_letter_config(DeadLetterConfig::builder().arn(dead_letter_arn).build())
            .build()
            .map_err(|error| senseless(PUT_TARGETS, error.to_string()))?;
        let answer = self.client.put_targets().rule(rule).targets(target).send().await.map_err(sorted_change(PUT_TARGETS))?;
        answer.failed_entries.unwrap_or_default().first().map_or(Ok(()), |failed| Err(refused(failed)))
    }
}

/// Says whether a target is handed events as they are: any input of its own would put something else in their place.
fn hands_over_whole(target: &Target) -> bool {
    target.input.is_none() && target.input_path.is_none() && target.input_transformer.is_none()
}

/// A target can be refused in an answer that succeeded.
fn refused(entry: &PutTargetsResultEntry) -> CallError {
    let code = entry.error_code().unwrap_or_default();
    let message = format!("`{code}`: {}", entry.error_message().unwrap_or_default());
    match kind_of_monitoring_code(code) {
        Some(Kind::Throttled | Kind::NotFound | Kind::Unavailable) => CallError::Unavailable { call: PUT_TARGETS, message },
        Some(Kind::InvalidState | Kind::Unsupported | Kind::AccessDenied | Kind::Rejected) | None => {
            CallError::Rejected { call: PUT_TARGETS, message }
        }
    }
}

const fn is_enabled(state: Option<&RuleState>) -> bool {
    matches!(state, Some(RuleState::Enabled | RuleState::EnabledWithAllCloudtrailManagementEvents))
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
