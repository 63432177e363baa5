//! Reads what Azure answers, and writes it back: texts, ids, tags, and bodies that are merged into what is there.
//!
//! What it must not do: take what is missing for anything else than missing.

use jiff::Timestamp;
use reprieve_core::azure::ResourceId;
use reprieve_core::facts::{Known, Tags};
use reprieve_engine::{CallError, Disposition};
use serde_json::{Map, Value};

/// What the names of our tags begin with. Azure compares names of tags without regard to case, and keeps them as they were written.
const OUR_TAGS: &str = "reprieve:";

/// Returns a text that is not empty.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// Returns a text that must be there.
///
/// # Errors
/// Names what is missing, as an answer that makes no sense.
pub(crate) fn needed<'a>(value: &'a Value, pointer: &str, call: &'static str, about: &ResourceId) -> Result<&'a str, CallError> {
    let missing = || CallError::Rejected { call, message: format!("the answer has no `{pointer}` (`{about}`)") };
    text(value, pointer).ok_or_else(missing)
}

/// Returns a truth value; what is absent is `false`.
pub(crate) fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// Returns a count.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<u32> {
    u32::try_from(value.pointer(pointer)?.as_u64()?).ok()
}

/// Returns the id of a resource.
pub(crate) fn id(value: &Value, pointer: &str) -> Option<ResourceId> {
    ResourceId::parse(text(value, pointer)?).ok()
}

/// Returns a time that Resource Manager writes, with or without its zone.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    let text = text(value, pointer)?;
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

/// Returns a time that a vault writes, in seconds since 1970.
pub(crate) fn seconds(value: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::from_second(value.pointer(pointer)?.as_i64()?).ok()
}

/// Returns a list; what is absent is empty.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns tags, those of ours with their names in lower case.
pub(crate) fn tags(value: &Value, pointer: &str) -> Tags {
    let written = value.pointer(pointer).and_then(Value::as_object);
    let usual = |name: &str| {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with(OUR_TAGS) { lower } else { name.to_owned() }
    };
    written.into_iter().flatten().filter_map(|(name, value)| Some((usual(name), value.as_str()?.to_owned()))).collect()
}

/// Says whether two texts are the same to Azure.
pub(crate) fn is_same(first: &str, second: &str) -> bool {
    first.eq_ignore_ascii_case(second)
}

/// Returns an object as a write takes it: without its nulls, and without what only Azure writes.
pub(crate) fn writable(value: Option<&Value>, read_only: &[&str]) -> Value {
    let object = value.and_then(Value::as_object).into_iter().flatten();
    let kept = object.filter(|(name, value)| !value.is_null() && !read_only.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Returns what is there with what is wanted in it. Objects are merged, all else is replaced.
pub(crate) fn merged(present: &Value, wanted: &Value) -> Value {
    let (Value::Object(present), Value::Object(wanted)) = (present, wanted) else { return wanted.clone() };
    let mut whole: Map<String, Value> = present.clone();
    for (name, value) in wanted {
        let merged = whole.get(name).map_or_else(|| value.clone(), |present| merged(present, value));
        whole.insert(name.clone(), merged);
    }
    Value::Object(whole)
}

/// Says whether all that is wanted is there. Texts are compared without regard to case, as ids, words and URLs of Azure are.
pub(crate) fn holds(present: &Value, wanted: &Value) -> bool {
    match (present, wanted) {
        (Value::Object(present), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| present.get(name).map_or(value.is_null(), |present| holds(present, value)))
        }
        (Value::Array(present), Value::Array(wanted)) => wanted.iter().all(|value| present.iter().any(|present| holds(present, value))),
        (Value::String(present), Value::String(wanted)) => is_same(present.trim_end_matches('/'), wanted.trim_end_matches('/')),
        (present, wanted) => present == wanted,
    }
}

/// Takes an answer about the subject itself for a fact. What may pass by itself stays an error: the look is then repeated.
pub(crate) fn own<T>(answer: Result<Option<T>, CallError>) -> Result<Known<T>, CallError> {
    match answer {
        Err(error) if error.disposition() == Disposition::Retryable => Err(error),
        answer => Ok(other(answer)),
    }
}

/// Takes an answer about something else than the subject for a fact.
pub(crate) fn other<T>(answer: Result<Option<T>, CallError>) -> Known<T> {
    match answer {
        Ok(Some(value)) => Known::Is(value),
        Ok(None) | Err(CallError::NotFound { .. }) => Known::Absent,
        Err(error) => Known::Unreadable(error.to_string()),
    }
}

/// Returns the code of a refusal, which the error's message begins with.
pub(crate) fn code(error: &CallError) -> &str {
    let message = match error {
        CallError::NotFound { message, .. }
        | CallError::InvalidState { message, .. }
        | CallError::Unsupported { message, .. }
        | CallError::AccessDenied { message, .. }
        | CallError::Throttled { message, .. }
        | CallError::Unavailable { message, .. }
        | CallError::Rejected { message, .. } => message,
    };
    message.split('`').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn our_tags_are_found_however_they_are_written() {
        let tags = tags(&json!({"tags": {"Reprieve:Change": "CHG1", "Env": "prod", "odd": 1}}), "/tags");
        assert_eq!(tags, Tags::from([("reprieve:change".to_owned(), "CHG1".to_owned()), ("Env".to_owned(), "prod".to_owned())]));
    }

    #[test]
    fn a_merge_keeps_what_nobody_asked_to_change() {
        let present = json!({"cors": {"corsRules": [1]}, "deleteRetentionPolicy": {"enabled": false, "allowPermanentDelete": false}});
        let wanted = json!({"deleteRetentionPolicy": {"enabled": true, "days": 30}});
        let whole = json!({
            "cors": {"corsRules": [1]},
            "deleteRetentionPolicy": {"enabled": true, "days": 30, "allowPermanentDelete": false},
        });
        assert_eq!(merged(&present, &wanted), whole);
    }

    #[test]
    fn what_is_there_already_is_seen_in_every_form() {
        let present = json!({"id": "/SUBSCRIPTIONS/a/", "logs": [{"category": "b", "enabled": true, "x": 1}], "n": 1});
        for (wanted, expected) in [
            (json!({}), true),
            (json!({"id": "/subscriptions/A"}), true),
            (json!({"logs": [{"category": "B", "enabled": true}]}), true),
            (json!({"logs": [{"category": "c", "enabled": true}]}), false),
            (json!({"n": 2}), false),
            (json!({"m": 1}), false),
            (json!({"m": null}), true),
        ] {
            assert_eq!(holds(&present, &wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        let expected: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for text in ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00", "2026-11-20T10:00:00.0000000Z"] {
            assert_eq!(time(&json!({"at": text}), "/at"), Some(expected), "{text}");
        }
    }

    #[test]
    fn only_the_subjects_own_passing_failure_is_an_error() {
        let throttled = || Err::<Option<()>, _>(CallError::Throttled { call: "arm:Get", message: String::new() });
        assert!(own(throttled()).is_err());
        assert!(matches!(other(throttled()), Known::Unreadable(_)));
        let denied = Err::<Option<()>, _>(CallError::AccessDenied { call: "arm:Get", message: String::new() });
        assert!(matches!(own(denied), Ok(Known::Unreadable(_))));
        assert_eq!(own::<()>(Err(CallError::NotFound { call: "arm:Get", message: String::new() })), Ok(Known::Absent));
    }
}
