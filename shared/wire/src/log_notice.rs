//! What the function that records key events is invoked with: notices of log files, in every form in which S3 and CloudTrail give them, or
//! the call to seal.
//!
//! | who tells | in what form |
//! |---|---|
//! | S3 through EventBridge | an envelope of `aws.s3`, `Object Created`; the key as it is |
//! | S3 itself | `{"Records":[{"eventSource":"aws:s3",...}]}`; the key URL-encoded |
//! | CloudTrail, through the topic of its trail | `{"s3Bucket":B,"s3ObjectKey":[K,...]}`; keys as they are |
//!
//! Each as the body of an SQS message or by itself, and each perhaps inside an SNS notification. A message that cannot be parsed spoils only
//! itself: it is reported by its id, and ends in the dead-letter queue.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-sns-notifications-for-cloudtrail.html>.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{WireError, shorten, shorten_value};
use crate::sqs::is_message;

const EXPECTED: &str = "an SQS batch, a notice of a log file from S3, EventBridge or CloudTrail, or `{\"task\":\"seal\"}`";

/// A log file of which somebody told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The bucket.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// When the object was written, where the notice says.
    pub written_at: Option<Timestamp>,
}

impl LogFile {
    /// Says whether it is a file of CloudTrail events, by its name. Digests, Insights and whatever else lies in the bucket are not.
    ///
    /// Names: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>.
    #[must_use]
    pub fn holds_events(&self) -> bool {
        // As CloudTrail writes it, letter for letter.
        let is_file = [".json.gz", ".json"].into_iter().any(|ending| self.key.ends_with(ending));
        is_file && self.key.split('/').any(|folder| folder == "CloudTrail")
    }

    /// Returns the file's name without its folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }
}

/// Up to when is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealUntil {
    /// Up to the last full hour: the schedule.
    LastHour,
    /// Up to now: an interval is closed before its time.
    Now,
}

/// What the function was invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingInvocation {
    /// Messages of a queue, each to be answered for by itself.
    Batch(Vec<LogMessage>),
    /// Log files, told of directly. None, where a notice was about something else: a test, a deletion.
    Files(Vec<LogFile>),
    /// The call to seal.
    Seal(SealUntil),
}

/// One message of an SQS batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMessage {
    /// SQS's `messageId`: what a failed message is reported by. Empty where the message has none; Lambda then takes the whole batch as failed.
    pub id: String,
    /// The log files that it tells of.
    pub files: Result<Vec<LogFile>, WireError>,
}

/// Parses what the function that records key events was invoked with.
///
/// # Errors
/// When it is nothing of the kind. Inside a batch, errors are each message's own.
pub fn parse_recording_invocation(payload: &Value) -> Result<RecordingInvocation, WireError> {
    let object = payload.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, payload))?;
    if let Some(task) = task_of(object) {
        return seal_of(task, object).map(RecordingInvocation::Seal);
    }
    match object.get("Records") {
        Some(Value::Array(messages)) if !messages.is_empty() && messages.iter().all(is_message) => {
            Ok(RecordingInvocation::Batch(messages.iter().map(message).collect()))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | None => {
            notice(payload).map(RecordingInvocation::Files)
        }
    }
}

/// A task stands by itself, or as the detail of a scheduled event.
fn task_of(object: &Map<String, Value>) -> Option<&Value> {
    let is_scheduled = text(object, "detail-type") == Some("Scheduled Event");
    let scheduled = object.get("detail").filter(|_| is_scheduled).and_then(|detail| detail.get("task"));
    object.get("task").or(scheduled)
}

fn seal_of(task: &Value, object: &Map<String, Value>) -> Result<SealUntil, WireError> {
    if task.as_str() != Some("seal") {
        return Err(WireError::Container { expected: "a `task` of `seal`", input: shorten_value(task) });
    }
    let until = object.get("until").or_else(|| object.get("detail")?.get("until"));
    match until.map(|until| (until, until.as_str())) {
        None => Ok(SealUntil::LastHour),
        Some((_, Some("now"))) => Ok(SealUntil::Now),
        Some((until, _)) => Err(WireError::Container { expected: "an `until` of `now`, or none", input: shorten_value(until) }),
    }
}

fn message(message: &Value) -> LogMessage {
    let id = message.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let files = match message.get("body") {
        Some(Value::String(body)) => body_text(body),
        Some(body @ Value::Object(_)) => notice(body),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            Err(WireError::NoBody { input: shorten_value(message) })
        }
    };
    LogMessage { id, files }
}

/// CloudTrail tries a topic with one line that is no JSON.
fn body_text(text: &str) -> Result<Vec<LogFile>, WireError> {
    if text.trim().trim_matches('"') == "CloudTrail validation message." {
        return Ok(Vec::new());
    }
    match serde_json::from_str(text) {
        Ok(value) => notice(&value),
        Err(source) => Err(WireError::not_json(text, &source)),
    }
}

fn notice(value: &Value) -> Result<Vec<LogFile>, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    if let Some(inner) = text(object, "Message").filter(|_| object.contains_key("TopicArn")) {
        return body_text(inner);
    }
    if text(object, "source") == Some("aws.s3") {
        return of_eventbridge(object, value);
    }
    if object.contains_key("s3Bucket") || object.contains_key("s3ObjectKey") {
        return of_cloudtrail(object, value);
    }
    if text(object, "Event") == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    match object.get("Records") {
        Some(Value::Array(records)) if !records.is_empty() => records.iter().filter_map(|record| of_s3(record).transpose()).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | None => {
            Err(WireError::Container { expected: EXPECTED, input: shorten_value(value) })
        }
    }
}

fn of_eventbridge(object: &Map<String, Value>, whole: &Value) -> Result<Vec<LogFile>, WireError> {
    if text(object, "detail-type") != Some("Object Created") {
        return Ok(Vec::new());
    }
    let detail = object.get("detail");
    let named = |of: &str, name: &str| Some(detail?.get(of)?.get(name)?.as_str()?.to_owned());
    match (named("bucket", "name"), named("object", "key")) {
        (Some(bucket), Some(key)) => Ok(vec![LogFile { bucket, key, written_at: time(object.get("time")) }]),
        (None, _) | (_, None) => {
            Err(WireError::Container { expected: "`detail.bucket.name` and `detail.object.key`", input: shorten_value(whole) })
        }
    }
}

fn of_cloudtrail(object: &Map<String, Value>, whole: &Value) -> Result<Vec<LogFile>, WireError> {
    let expected = || WireError::Container { expected: "`s3Bucket` and a list `s3ObjectKey`", input: shorten_value(whole) };
    let bucket = text(object, "s3Bucket").ok_or_else(expected)?;
    let file = |key: &Value| {
        let key = key.as_str().ok_or_else(expected)?.to_owned();
        Ok(LogFile { bucket: bucket.to_owned(), key, written_at: None })
    };
    match object.get("s3ObjectKey") {
        Some(Value::Array(keys)) => keys.iter().map(file).collect(),
        Some(key @ Value::String(_)) => file(key).map(|file| vec![file]),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Err(expected()),
    }
}

/// One record of S3's own notification; `None` where it tells of something else than a written object.
fn of_s3(record: &Value) -> Result<Option<LogFile>, WireError> {
    let expected =
        || WireError::Container { expected: "a record of S3 with `s3.bucket.name` and `s3.object.key`", input: shorten_value(record) };
    let event = record.get("eventName").and_then(Value::as_str).ok_or_else(expected)?;
    let event = event.strip_prefix("s3:").unwrap_or(event);
    if !event.starts_with("ObjectCreated:") {
        return Ok(None);
    }
    let named = |of: &str, name: &str| record.get("s3")?.get(of)?.get(name)?.as_str();
    let (bucket, key) = named("bucket", "name").zip(named("object", "key")).ok_or_else(expected)?;
    let key = decoded(key).ok_or_else(|| WireError::Container { expected: "a URL-encoded `s3.object.key`", input: shorten(key) })?;
    Ok(Some(LogFile { bucket: bucket.to_owned(), key, written_at: time(record.get("eventTime")) }))
}

/// Decodes a key as S3 encodes it in its notifications: a plus is a space. `None` where it is not so encoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => bytes.push(hex(rest.next()?)? * 16 + hex(rest.next()?)?),
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

#[cfg(test)]
#[path = "log_notice_tests.rs"]
mod tests;
