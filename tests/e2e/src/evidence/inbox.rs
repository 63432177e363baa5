//! The mailbox of the people who are told: a queue that is subscribed to the notice topic.

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// One notice, as a person gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject line.
    pub subject: String,
    /// The message: sentences, then a line of JSON.
    pub message: String,
}

impl Letter {
    /// Returns the line of JSON at the end.
    #[must_use]
    pub fn details(&self) -> Value {
        self.message.lines().next_back().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }
}

/// The mailbox.
#[derive(Debug)]
pub struct Inbox {
    client: aws_sdk_sqs::Client,
    queue_url: String,
    letters: Mutex<Vec<Letter>>,
}

impl Inbox {
    /// Makes a queue and subscribes it to the topic.
    ///
    /// # Errors
    ///
    /// Fails when SQS or SNS does.
    pub async fn subscribe(sqs: &aws_sdk_sqs::Client, sns: &aws_sdk_sns::Client, topic_arn: &str) -> Result<Self> {
        let queue = sqs.create_queue().queue_name("security-team").send().await.context("no mailbox could be made")?;
        let queue_url = queue.queue_url().context("SQS made a queue without an address")?.to_owned();
        let arn = sqs.get_queue_attributes().queue_url(&queue_url).attribute_names(QueueAttributeName::QueueArn).send().await?;
        let arn =
            arn.attributes().and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn)).context("a queue without an ARN")?;
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }]});
        let opened = sqs.set_queue_attributes().queue_url(&queue_url).attributes(QueueAttributeName::Policy, policy.to_string());
        opened.send().await.context("the mailbox cannot be opened to the notices")?;
        let subscribed = sns.subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(arn).send().await;
        subscribed.context("the mailbox cannot be subscribed to the notices")?;
        Ok(Self { client: sqs.clone(), queue_url, letters: Mutex::default() })
    }

    /// Empties the mailbox and returns every letter so far that speaks of a key.
    ///
    /// # Errors
    ///
    /// Fails when SQS does.
    pub async fn about(&self, key: &str) -> Result<Vec<Letter>> {
        let mut letters = self.letters.lock().await;
        loop {
            let received = self.client.receive_message().queue_url(&self.queue_url).max_number_of_messages(10).send().await;
            let received = received.context("the mailbox cannot be emptied")?;
            for message in received.messages() {
                let notification: Value = serde_json::from_str(message.body().unwrap_or_default()).context("a notice is no JSON")?;
                let text = |name: &str| notification.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                letters.push(Letter { subject: text("Subject"), message: text("Message") });
                let handle = message.receipt_handle().unwrap_or_default();
                let deleted = self.client.delete_message().queue_url(&self.queue_url).receipt_handle(handle).send().await;
                deleted.context("a notice cannot be taken out of the mailbox")?;
            }
            if received.messages().is_empty() {
                return Ok(letters.iter().filter(|letter| letter.message.contains(key)).cloned().collect());
            }
        }
    }
}
