//! Asks CloudWatch Logs itself which messages a pattern matches, so that our own evaluation can be held against it. It changes nothing.

use std::collections::BTreeSet;

use reprieve_engine::CallError;

use crate::answer::{senseless, sorted};
use crate::control::AwsMonitoringControl;

const CALL: &str = "logs:TestMetricFilter";

/// `TestMetricFilter` takes at most so many messages
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html>).
const MESSAGES_A_CALL: usize = 50;

impl AwsMonitoringControl {
    /// Returns for each message whether the pattern matches it, by `logs:TestMetricFilter`.
    ///
    /// # Errors
    /// When the pattern or a message is refused (an empty message is), or CloudWatch Logs does not answer.
    pub async fn test_metric_filter(&self, pattern: &str, messages: &[String]) -> Result<Vec<bool>, CallError> {
        let mut matched = Vec::with_capacity(messages.len());
        for batch in messages.chunks(MESSAGES_A_CALL) {
            matched.extend(self.test_batch(pattern, batch).await?);
        }
        Ok(matched)
    }

    /// Matches are told apart by their message, not by their number: where numbers start is nowhere said.
    async fn test_batch(&self, pattern: &str, batch: &[String]) -> Result<Vec<bool>, CallError> {
        let request = self.log_groups.client.test_metric_filter().filter_pattern(pattern);
        let answer = request.set_log_event_messages(Some(batch.to_vec())).send().await.map_err(sorted(CALL))?;
        let matches: BTreeSet<&str> = answer.matches().iter().map(|found| found.event_message().unwrap_or_default()).collect();
        if let Some(other) = matches.iter().find(|message| !batch.iter().any(|sent| sent == *message)) {
            return Err(senseless(CALL, format!("the answer holds a message that was not asked about: `{other}`")));
        }
        Ok(batch.iter().map(|message| matches.contains(message.as_str())).collect())
    }
}

#[cfg(test)]
#[path = "test_pattern_tests.rs"]
mod tests;
