//! Cloud Storage, JSON API v1: objects are inserted once, read and listed. Whatever would replace or delete one is not served.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::state::{Object, Refusal, State};

/// So few objects are on a page, so that whoever lists has to ask on.
const PAGE_SIZE: usize = 2;

/// Inserts an object: `POST /upload/storage/v1/b/BUCKET/o?uploadType=media&ifGenerationMatch=0&name=NAME`.
pub(crate) fn insert(state: &mut State, bucket: &str, query: &[(String, String)], body: &Bytes) -> Result<Value, Refusal> {
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let invalid = |what: &str| Refusal(400, "INVALID_ARGUMENT", what.to_owned());
    let name = parameter("name").ok_or_else(|| invalid("Required object name"))?;
    if parameter("uploadType") != Some("media") || parameter("ifGenerationMatch") != Some("0") {
        return Err(invalid("this sandbox takes what is written once"));
    }
    let place = (bucket.to_owned(), name.to_owned());
    if state.objects.contains_key(&place) {
        let message = "At least one of the pre-conditions you specified did not hold.".to_owned();
        return Err(Refusal(412, "conditionNotMet", message));
    }
    let object = Object { bytes: body.clone(), created: Timestamp::now() };
    let json = object_json(bucket, name, &object);
    state.objects.insert(place, object);
    Ok(json)
}

/// Reads an object.
pub(crate) fn read(state: &State, bucket: &str, name: &str) -> Result<Bytes, Refusal> {
    let object = state.objects.get(&(bucket.to_owned(), name.to_owned()));
    object.map(|object| object.bytes.clone()).ok_or_else(|| Refusal(404, "notFound", format!("No such object: {bucket}/{name}")))
}

/// Lists objects by their prefix. A token is the last name of the page before.
pub(crate) fn list(state: &State, bucket: &str, query: &[(String, String)]) -> Value {
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    let (prefix, token) = (parameter("prefix"), parameter("pageToken"));
    let is_asked = |of: &str, name: &str| of == bucket && name.starts_with(prefix) && (token.is_empty() || name > token);
    let mut found = state.objects.iter().filter(|((of, name), _)| is_asked(of, name));
    let page: Vec<_> = found.by_ref().take(PAGE_SIZE).collect();
    let items: Vec<Value> = page.iter().map(|((_, name), object)| object_json(bucket, name, object)).collect();
    let mut answer = Map::from_iter([("kind".to_owned(), json!("storage#objects"))]);
    if let (Some(_), Some(((_, last), _))) = (found.next(), page.last()) {
        answer.insert("nextPageToken".to_owned(), json!(last));
    }
    if !items.is_empty() {
        answer.insert("items".to_owned(), Value::from(items));
    }
    Value::Object(answer)
}

fn object_json(bucket: &str, name: &str, object: &Object) -> Value {
    json!({
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "generation": "1",
        "size": object.bytes.len().to_string(),
        "timeCreated": object.created.to_string(),
    })
}
