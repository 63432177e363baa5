//! CloudTrail's `LookupEvents` over the records that the proxy wrote, which the emulator's own answer knows nothing of.
//!
//! Pure: must not write records or judge who may read them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Refusal;

/// `LookupEvents` may be called so often a second, for each account and Region.
pub(crate) const REQUESTS_PER_SECOND: u32 = 2;

/// Largest and usual size of a page.
const PAGE: u64 = 50;

/// Which records `LookupEvents` finds, by their age.
///
/// As JSON: `{"delay_seconds":120}` or `{"retention_seconds":0}`, which is the state after the 90 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupWindow {
    /// How old a record must be to be found, in seconds; on AWS some minutes, by default 0.
    pub delay_seconds: i64,
    /// From which age on a record is not found any more, in seconds; on AWS and by default 90 days.
    pub retention_seconds: i64,
}

impl Default for LookupWindow {
    fn default() -> Self {
        Self { delay_seconds: 0, retention_seconds: 90 * 86_400 }
    }
}

impl LookupWindow {
    /// Makes a window in which records are found only when they are so many seconds old.
    #[must_use]
    pub fn delayed(delay_seconds: i64) -> Self {
        Self { delay_seconds, ..Self::default() }
    }

    /// Makes a window in which nothing is found any more, as if all records were older than 90 days.
    #[must_use]
    pub fn nothing() -> Self {
        Self { retention_seconds: 0, ..Self::default() }
    }

    /// Leaves the records that can be found now.
    pub(crate) fn findable(self, mut records: Vec<Value>, now: Timestamp) -> Vec<Value> {
        records.retain(|record| {
            let at = text(record, "eventTime").parse::<Timestamp>().map_or(0, Timestamp::as_second);
            let age = now.as_second().saturating_sub(at);
            (self.delay_seconds..self.retention_seconds).contains(&age)
        });
        records
    }
}

/// Answers a look-up: newest first, one attribute, a page at a time.
///
/// # Errors
///
/// Refuses more than one attribute, an unknown attribute, a page larger than 50, times that end before they begin, and a
/// token that no page of the same request gave.
pub(crate) fn lookup(records: &[Value], account: &str, region: &str, input: &Value) -> Result<Value, Refusal> {
    let attributes = input.get("LookupAttributes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let wanted = match attributes {
        [] => None,
        [one] => Some((text(one, "AttributeKey"), text(one, "AttributeValue"))),
        _ => return Err(invalid("InvalidLookupAttributesException", "You can specify only one lookup attribute.")),
    };
    if let Some((name, _)) = wanted
        && attribute(&Value::Null, name).is_none()
    {
        return Err(invalid("InvalidLookupAttributesException", &format!("`{name}` is no lookup attribute.")));
    }
    let (from, to) = (bound(input, "StartTime"), bound(input, "EndTime"));
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(invalid("InvalidTimeRangeException", "The start time must be before the end time."));
    }
    let size = input.get("MaxResults").and_then(Value::as_u64).unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(invalid("InvalidMaxResultsException", "MaxResults must be between 1 and 50."));
    }
    let found: Vec<Value> = records
        .iter()
        .rev()
        .filter(|record| text(record, "recipientAccountId") == account && text(record, "awsRegion") == region)
        .filter(|record| wanted.is_none_or(|(name, value)| attribute(record, name).is_some_and(|has| has.iter().any(|is| is == value))))
        .filter_map(event)
        .filter(|event| {
            let at = event.get("EventTime").and_then(Value::as_i64);
            from.is_none_or(|from| at >= Some(from)) && to.is_none_or(|to| at <= Some(to))
        })
        .collect();
    let start = match input.get("NextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => after(token, input, &found).ok_or_else(|| {
            invalid("InvalidNextTokenException", "The token is not valid, or belongs to a request with other parameters.")
        })?,
    };
    let end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(found.len());
    let page = found.get(start..end).unwrap_or_default();
    let mut answer = json!({"Events": page});
    if let (Some(members), Some(last)) = (answer.as_object_mut(), page.last().filter(|_| end < found.len())) {
        members.insert("NextToken".to_owned(), json!(token(input, text(last, "EventId"))));
    }
    Ok(answer)
}

/// Makes the token of the page after that event; it holds for requests with the same parameters only.
fn token(input: &Value, last_event_id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{:016x} {last_event_id}", fingerprint(input)))
}

/// Returns where the page of a token begins; `None` when the token is none of this request.
fn after(token: &str, input: &Value, found: &[Value]) -> Option<usize> {
    let text_of_token = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (of, last_event_id) = text_of_token.split_once(' ')?;
    if of != format!("{:016x}", fingerprint(input)) {
        return None;
    }
    found.iter().position(|event| text(event, "EventId") == last_event_id).map(|last| last.saturating_add(1))
}

/// Stands for all parameters of a request but its token.
fn fingerprint(input: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let members = input.as_object().into_iter().flatten().filter(|(name, _)| *name != "NextToken");
    for (name, value) in members {
        (name, value.to_string()).hash(&mut hasher);
    }
    hasher.finish()
}

fn invalid(code: &str, message: &str) -> Refusal {
    Refusal::bad_request(code, message)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Times come as seconds since the epoch.
fn bound(input: &Value, member: &str) -> Option<i64> {
    let seconds = input.get(member)?;
    seconds.as_i64().or_else(|| format!("{:.0}", seconds.as_f64()?).parse().ok())
}

/// The values of a record under a lookup attribute; `None` when there is no such attribute.
fn attribute(record: &Value, name: &str) -> Option<Vec<String>> {
    let of = |member: &str| vec![text(record, member).to_owned()];
    Some(match name {
        "EventId" => of("eventID"),
        "EventName" => of("eventName"),
        "EventSource" => of("eventSource"),
        "ReadOnly" => vec![record.get("readOnly").and_then(Value::as_bool).unwrap_or_default().to_string()],
        "Username" => vec![user_name(record)],
        "AccessKeyId" => vec![record.pointer("/userIdentity/accessKeyId").and_then(Value::as_str).unwrap_or_default().to_owned()],
        "ResourceType" => resources(record).map(|resource| text(resource, "type").to_owned()).collect(),
        // A key is looked up by its ARN or by its id.
        "ResourceName" => resources(record)
            .map(|resource| text(resource, "ARN"))
            .flat_map(|arn| [Some(arn), arn.split_once(":key/").map(|(_, key_id)| key_id)])
            .flatten()
            .map(str::to_owned)
            .collect(),
        _ => return None,
    })
}

fn resources(record: &Value) -> impl Iterator<Item = &Value> {
    record.get("resources").and_then(Value::as_array).into_iter().flatten()
}

/// The user's name, or the session's name of an assumed role.
fn user_name(record: &Value) -> String {
    let identity = record.get("userIdentity").unwrap_or(&Value::Null);
    match text(identity, "type") {
        "IAMUser" => text(identity, "userName").to_owned(),
        "Root" => "root".to_owned(),
        _ => text(identity, "arn").rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

fn event(record: &Value) -> Option<Value> {
    let at: Timestamp = text(record, "eventTime").parse().ok()?;
    let mut event = json!({
        "EventId": text(record, "eventID"),
        "EventName": text(record, "eventName"),
        "EventSource": text(record, "eventSource"),
        "EventTime": at.as_second(),
        "ReadOnly": record.get("readOnly").and_then(Value::as_bool).unwrap_or_default().to_string(),
        "Username": user_name(record),
        "Resources": resources(record)
            .map(|resource| json!({"ResourceType": text(resource, "type"), "ResourceName": text(resource, "ARN")}))
            .collect::<Vec<Value>>(),
        "CloudTrailEvent": record.to_string(),
    });
    if let (Some(members), Some(key)) = (event.as_object_mut(), record.pointer("/userIdentity/accessKeyId")) {
        members.insert("AccessKeyId".to_owned(), key.clone());
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, name: &str, second: u32) -> Value {
        json!({
            "eventID": id, "eventName": name, "eventSource": "kms.amazonaws.com", "awsRegion": "us-east-1",
            "recipientAccountId": "111122223333", "eventTime": format!("2026-11-20T18:00:{second:02}Z"), "readOnly": false,
            "userIdentity": {"type": "IAMUser", "userName": "Alice", "accessKeyId": "AKIA"},
            "resources": [{"ARN": format!("arn:aws:kms:us-east-1:111122223333:key/{id}"), "type": "AWS::KMS::Key"}],
        })
    }

    fn records() -> [Value; 3] {
        [record("a", "DisableKey", 1), record("b", "EnableKey", 2), record("c", "DisableKey", 3)]
    }

    fn answer(input: &Value) -> Result<Value, String> {
        lookup(&records(), "111122223333", "us-east-1", input).map_err(|refusal| refusal.code)
    }

    fn ids(events: &[Value], member: &str) -> Vec<String> {
        events.iter().map(|event| text(event, member).to_owned()).collect()
    }

    fn found(input: &Value) -> Result<Vec<String>, String> {
        answer(input).map(|answer| ids(answer.get("Events").and_then(Value::as_array).map_or(&[], Vec::as_slice), "EventId"))
    }

    fn by(name: &str, value: &str) -> Value {
        json!({"LookupAttributes": [{"AttributeKey": name, "AttributeValue": value}]})
    }

    #[test]
    fn records_are_found_by_each_attribute_newest_first() {
        let table: [(Value, &[&str]); 9] = [
            (json!({}), &["c", "b", "a"]),
            (by("EventName", "DisableKey"), &["c", "a"]),
            (by("ResourceName", "arn:aws:kms:us-east-1:111122223333:key/b"), &["b"]),
            (by("ResourceName", "b"), &["b"]),
            (by("ResourceType", "AWS::KMS::Key"), &["c", "b", "a"]),
            (by("Username", "Bob"), &[]),
            (by("EventId", "a"), &["a"]),
            (json!({"StartTime": 1_795_197_602, "EndTime": 1_795_197_602.0}), &["b"]),
            (json!({"MaxResults": 2}), &["c", "b"]),
        ];
        for (input, expected) in table {
            assert_eq!(found(&input), Ok(expected.iter().map(|&id| id.to_owned()).collect()), "{input}");
        }
    }

    #[test]
    fn pages_follow_with_the_token_of_the_page_before() {
        let request =
            json!({"MaxResults": 2, "LookupAttributes": [{"AttributeKey": "EventSource", "AttributeValue": "kms.amazonaws.com"}]});
        let first = answer(&request).unwrap_or_default();
        let with_token = |mut request: Value| {
            request
                .as_object_mut()
                .map(|members| members.insert("NextToken".to_owned(), first.get("NextToken").cloned().unwrap_or_default()));
            request
        };
        assert_eq!(found(&with_token(request)), Ok(vec!["a".to_owned()]));
        assert_eq!(found(&with_token(json!({"MaxResults": 2}))), Err("InvalidNextTokenException".to_owned()), "other parameters");
        assert_eq!(answer(&json!({})).map(|all| all.get("NextToken").is_some()), Ok(false), "the last page has no token");
    }

    #[test]
    fn wrong_requests_are_refused() {
        let table = [
            (json!({"NextToken": "2"}), "InvalidNextTokenException"),
            (by("Colour", "red"), "InvalidLookupAttributesException"),
            (json!({"LookupAttributes": [{}, {}]}), "InvalidLookupAttributesException"),
            (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
            (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
            (json!({"StartTime": 2, "EndTime": 1}), "InvalidTimeRangeException"),
        ];
        for (input, code) in table {
            assert_eq!(found(&input), Err(code.to_owned()), "{input}");
        }
    }

    #[test]
    fn records_are_found_from_the_delay_on_until_their_retention_ends() {
        let now: Timestamp = "2026-11-20T18:00:03Z".parse().unwrap_or_default();
        let table: [(LookupWindow, &[&str]); 5] = [
            (LookupWindow::default(), &["a", "b", "c"]),
            (LookupWindow::delayed(1), &["a", "b"]),
            (LookupWindow::delayed(60), &[]),
            (LookupWindow { retention_seconds: 2, ..LookupWindow::default() }, &["b", "c"]),
            (LookupWindow::nothing(), &[]),
        ];
        for (window, expected) in table {
            assert_eq!(ids(&window.findable(records().to_vec(), now), "eventID"), expected, "{window:?}");
        }
        let later = now.saturating_add(jiff::SignedDuration::from_hours(90 * 24)).unwrap_or_default();
        assert_eq!(LookupWindow::default().findable(records().to_vec(), later), Vec::<Value>::new());
    }

    #[test]
    fn a_window_reads_from_json_with_the_usual_values() {
        assert_eq!(serde_json::from_str(r#"{"delay_seconds":120}"#).ok(), Some(LookupWindow::delayed(120)));
    }
}
