//! Turns the inputs and outputs of the AWS protocols into JSON members, and members into CloudTrail's spelling.
//!
//! Must not know single operations, but for the few members that are maps or numbers on the wire of AWS Query.

use serde_json::{Map, Number, Value};

/// Members whose value is a map with keys of the caller's own, which CloudTrail leaves as they are.
const MAPS: &[&str] = &[
    "EncryptionContext",
    "EncryptionContextSubset",
    "EncryptionContextEquals",
    "tags",
    "dimensions",
    "Attributes",
    "InputPathsMap",
    "HeaderParameters",
    "QueryStringParameters",
];

/// Members of AWS Query calls that CloudTrail shows as numbers or booleans.
const TYPED: &[&str] = &["ActionsEnabled", "DatapointsToAlarm", "EvaluationPeriods", "Period", "ReturnSubscriptionArn", "Threshold"];

/// Spells members the way CloudTrail does: first letter small, keys of maps untouched.
#[must_use]
pub(crate) fn camel_case(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let is_map = MAPS.contains(&name.as_str()) && value.is_object();
                    (small_first(name), if is_map { value.clone() } else { camel_case(value) })
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(camel_case).collect()),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or(Value::Null, whole_or_float),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn small_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Reads an AWS Query form: action, version and the members, with lists and maps unfolded.
#[must_use]
pub(crate) fn from_form(form: &[u8]) -> (String, String, Value) {
    let (mut action, mut version, mut tree) = (String::new(), String::new(), Value::Object(Map::new()));
    for (name, value) in form_urlencoded::parse(form) {
        match name.as_ref() {
            "Action" => action = value.into_owned(),
            "Version" => version = value.into_owned(),
            name => plant(&mut tree, name.split('.'), typed(name, &value)),
        }
    }
    (action, version, fold(tree))
}

fn typed(name: &str, value: &str) -> Value {
    if TYPED.contains(&name) {
        if let Ok(flag) = value.parse::<bool>() {
            return Value::Bool(flag);
        }
        if let Ok(whole) = value.parse::<i64>() {
            return Value::from(whole);
        }
        if let Some(number) = value.parse::<f64>().ok().and_then(Number::from_f64) {
            return Value::Number(number);
        }
    }
    Value::String(value.to_owned())
}

fn plant<'a>(tree: &mut Value, mut path: impl Iterator<Item = &'a str>, value: Value) {
    let Some(name) = path.next() else {
        *tree = value;
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(members) = tree {
        plant(members.entry(name).or_insert(Value::Null), path, value);
    }
}

/// Folds `member.1`, `member.2` into lists and `entry.1.key`, `entry.1.value` into maps.
fn fold(value: Value) -> Value {
    let Value::Object(mut members) = value else { return value };
    if members.len() == 1 {
        if let Some(list) = members.remove("member") {
            return Value::Array(numbered(list).into_iter().map(fold).collect());
        }
        if let Some(entries) = members.remove("entry") {
            return Value::Object(numbered(entries).into_iter().filter_map(map_entry).collect());
        }
    }
    Value::Object(members.into_iter().map(|(name, value)| (name, fold(value))).collect())
}

fn numbered(value: Value) -> Vec<Value> {
    let Value::Object(members) = value else { return Vec::new() };
    let mut items: Vec<(u32, Value)> =
        members.into_iter().filter_map(|(index, value)| index.parse().ok().map(|index| (index, value))).collect();
    items.sort_by_key(|(index, _)| *index);
    items.into_iter().map(|(_, value)| value).collect()
}

fn map_entry(mut entry: Value) -> Option<(String, Value)> {
    let entry = entry.as_object_mut()?;
    let key = entry.remove("key").or_else(|| entry.remove("Name"))?;
    let value = entry.remove("value").or_else(|| entry.remove("Value")).unwrap_or(Value::Null);
    Some((key.as_str()?.to_owned(), fold(value)))
}

/// Reads an RPC v2 CBOR body; what is no CBOR gives `Null`.
#[must_use]
pub(crate) fn from_cbor(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Object(Map::new());
    }
    ciborium::from_reader::<ciborium::Value, _>(body).map_or(Value::Null, |value| cbor_to_json(&value))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not ours and may grow; what JSON cannot hold is null")]
fn cbor_to_json(value: &ciborium::Value) -> Value {
    match value {
        ciborium::Value::Bool(flag) => Value::Bool(*flag),
        ciborium::Value::Integer(number) => i64::try_from(*number).map_or(Value::Null, Value::from),
        ciborium::Value::Float(number) => whole_or_float(*number),
        ciborium::Value::Text(text) => Value::String(text.clone()),
        ciborium::Value::Array(items) => Value::Array(items.iter().map(cbor_to_json).collect()),
        ciborium::Value::Map(members) => {
            Value::Object(members.iter().filter_map(|(name, value)| Some((name.as_text()?.to_owned(), cbor_to_json(value)))).collect())
        }
        ciborium::Value::Tag(_, inner) => cbor_to_json(inner),
        _ => Value::Null,
    }
}

/// CloudTrail shows a threshold of 70 as `70`, not `70.0`.
fn whole_or_float(number: f64) -> Value {
    let text = format!("{number:.0}");
    match text.parse::<i64>() {
        Ok(whole) if number.fract() == 0.0 => Value::from(whole),
        _ => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

/// Returns the text of the first XML element of that name.
#[must_use]
pub(crate) fn xml_text(xml: &str, element: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    let (text, _) = rest.split_once(&format!("</{element}>"))?;
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_spelled_as_cloudtrail_does() {
        let given = json!({
            "KeyId": "k",
            "Tags": [{"TagKey": "Department", "TagValue": "IT"}],
            "Constraints": {"EncryptionContextSubset": {"ContextKey1": "Value1"}},
            "S3BucketName": "b",
            "Threshold": 70.0
        });
        let expected = json!({
            "keyId": "k",
            "tags": [{"tagKey": "Department", "tagValue": "IT"}],
            "constraints": {"encryptionContextSubset": {"ContextKey1": "Value1"}},
            "s3BucketName": "b",
            "threshold": 70
        });
        assert_eq!(camel_case(&given), expected);
    }

    #[test]
    fn query_form_unfolds_lists_maps_and_numbers() {
        let form = b"Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Threshold=70&EvaluationPeriods=2\
            &AlarmActions.member.1=x&AlarmActions.member.2=y&Dimensions.member.1.Name=InstanceId&Dimensions.member.1.Value=i\
            &Attributes.entry.1.key=Policy&Attributes.entry.1.value=p";
        let (action, version, input) = from_form(form);
        assert_eq!((action.as_str(), version.as_str()), ("PutMetricAlarm", "2010-08-01"));
        assert_eq!(
            input,
            json!({
                "AlarmName": "a", "Threshold": 70, "EvaluationPeriods": 2, "AlarmActions": ["x", "y"],
                "Dimensions": [{"Name": "InstanceId", "Value": "i"}], "Attributes": {"Policy": "p"}
            })
        );
    }

    #[test]
    fn cbor_is_read_and_garbage_gives_null() {
        let mut body = Vec::new();
        let value = ciborium::Value::Map(vec![
            (ciborium::Value::Text("AlarmName".into()), ciborium::Value::Text("a".into())),
            (ciborium::Value::Text("Threshold".into()), ciborium::Value::Float(70.0)),
        ]);
        assert!(ciborium::into_writer(&value, &mut body).is_ok());
        assert_eq!(from_cbor(&body), json!({"AlarmName": "a", "Threshold": 70}));
        assert_eq!(from_cbor(&[0xff, 0x00]), Value::Null);
    }

    #[test]
    fn xml_text_is_found_and_unescaped() {
        assert_eq!(xml_text("<A><Code>x &amp; y</Code></A>", "Code").as_deref(), Some("x & y"));
        assert_eq!(xml_text("<A/>", "Code"), None);
    }
}
