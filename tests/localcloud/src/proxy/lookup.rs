//! CloudTrail's `LookupEvents` over the records that the proxy wrote, which the emulator's own answer knows nothing of.
//!
//! Pure: must not write records or judge who may read them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Refusal;

/// `LookupEvents` may be called so often a second, for each account and Region.
pub(crate) const REQUESTS_PER_SECOND: u32 = 2;

/// Largest and usual size of a page.
const PAGE: u64 = 50;

/// Answers a look-up: newest first, one attribute, a page at a time.
///
/// # Errors
///
/// Refuses more than one attribute, an unknown attribute and a token that no page gave.
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
        Some(token) => match token.parse::<usize>() {
            Ok(start) if start <= found.len() => start,
            _ => return Err(invalid("InvalidNextTokenException", "The token is not valid.")),
        },
    };
    let size = input.get("MaxResults").and_then(Value::as_u64).unwrap_or(PAGE).clamp(1, PAGE);
    let end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(found.len());
    let mut answer = json!({"Events": found.get(start..end).unwrap_or_default()});
    if let Some(members) = answer.as_object_mut().filter(|_| end < found.len()) {
        members.insert("NextToken".to_owned(), json!(end.to_string()));
    }
    Ok(answer)
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

    fn found(input: &Value) -> Result<Vec<String>, String> {
        let records = [record("a", "DisableKey", 1), record("b", "EnableKey", 2), record("c", "DisableKey", 3)];
        let answer = lookup(&records, "111122223333", "us-east-1", input).map_err(|refusal| refusal.code)?;
        let events = answer.get("Events").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(events.iter().map(|event| text(event, "EventId").to_owned()).collect())
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
    fn pages_follow_and_wrong_requests_are_refused() {
        assert_eq!(found(&json!({"NextToken": "2"})), Ok(vec!["a".to_owned()]));
        assert_eq!(found(&json!({"NextToken": "x"})), Err("InvalidNextTokenException".to_owned()));
        assert_eq!(found(&by("Colour", "red")), Err("InvalidLookupAttributesException".to_owned()));
        assert_eq!(found(&json!({"LookupAttributes": [{}, {}]})), Err("InvalidLookupAttributesException".to_owned()));
    }
}
