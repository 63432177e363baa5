//! The event rules of the default bus that match events about keys, as EventBridge itself says of each event, and what they feed.

use std::collections::BTreeSet;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{Rule, RuleState};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, stream};
use reprieve_core::Known;
use reprieve_core::coverage::{RouteProbe, RuleView, route_probes};
use reprieve_core::monitoring::world::Place;
use reprieve_engine::CallError;
use serde_json::Value;

use crate::answer::{AT_ONCE, known, sorted};

/// The rules of the default bus of a Region.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    client: Client,
    probes: Vec<RouteProbe>,
}

impl Routes {
    pub(super) fn new(config: &SdkConfig, place: &Place) -> Self {
        Self { client: Client::new(config), probes: route_probes(place) }
    }

    /// Looks at every rule that may match an event about a key.
    pub(super) async fn rules(&self) -> Known<Vec<RuleView>> {
        let rules = match self.list().await {
            Ok(rules) => rules,
            Err(error) => return known(Err(error)),
        };
        let candidates = rules.into_iter().filter(|rule| rule.event_pattern().is_some_and(|pattern| self.may_match(pattern)));
        let views: Vec<RuleView> = stream::iter(candidates).map(|rule| self.look_at(rule)).buffered(AT_ONCE).collect().await;
        Known::Is(views.into_iter().filter(|view| view.matches.value().is_none_or(|names| !names.is_empty())).collect())
    }

    async fn list(&self) -> Result<Vec<Rule>, CallError> {
        let mut rules = Vec::new();
        let mut next = None;
        loop {
            let answer = self.client.list_rules().set_next_token(next).send().await.map_err(sorted("events:ListRules"))?;
            rules.extend(answer.rules.unwrap_or_default());
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(rules);
            }
        }
    }

    /// Leaves out rules that name other sources in so many words: they match none of the events, and each saves a call an event.
    fn may_match(&self, pattern: &str) -> bool {
        let pattern: Value = serde_json::from_str(pattern).unwrap_or_default();
        let sources = pattern.get("source").and_then(Value::as_array);
        let is_other = |source: &Value| source.as_str().is_some_and(|source| self.probes.iter().all(|probe| probe.source != source));
        sources.is_none_or(|sources| !sources.iter().all(is_other))
    }

    async fn look_at(&self, rule: Rule) -> RuleView {
        let name = rule.name().unwrap_or_default().to_owned();
        let matches = known(self.matches(rule.event_pattern().unwrap_or_default()).await);
        let matches_any = matches.value().is_none_or(|names| !names.is_empty());
        let targets = if matches_any { known(self.targets(&name).await) } else { Known::Is(Vec::new()) };
        let is_enabled = matches!(rule.state(), Some(RuleState::Enabled | RuleState::EnabledWithAllCloudtrailManagementEvents));
        RuleView { name, is_enabled, matches, targets }
    }

    /// Asks for each event. `EventBridge` takes one event a call.
    async fn matches(&self, pattern: &str) -> Result<BTreeSet<String>, CallError> {
        let mut names = BTreeSet::new();
        for probe in &self.probes {
            let test = self.client.test_event_pattern().event_pattern(pattern).event(probe.event.to_string());
            if test.send().await.map_err(sorted("events:TestEventPattern"))?.result {
                names.insert(probe.name.clone());
            }
        }
        Ok(names)
    }

    async fn targets(&self, rule: &str) -> Result<Vec<String>, CallError> {
        let mut targets = Vec::new();
        let mut next = None;
        loop {
            let call = self.client.list_targets_by_rule().rule(rule).set_next_token(next);
            let answer = call.send().await.map_err(sorted("events:ListTargetsByRule"))?;
            targets.extend(answer.targets.unwrap_or_default().into_iter().map(|target| target.arn));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(targets);
            }
        }
    }
}

/// Returns the targets of a service that rules feed, each once.
pub(super) fn targets_of(rules: &Known<Vec<RuleView>>, service: &str) -> Vec<String> {
    let targets = rules.value().into_iter().flatten().filter_map(|rule| rule.targets.value()).flatten();
    let targets = targets.filter(|arn| arn.split(':').nth(2) == Some(service));
    targets.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
