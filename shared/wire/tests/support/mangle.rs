//! What the tests that nothing panics share: JSON of any shape, one value put in another's place, and what is read written and read again.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Makes JSON of any shape. Among its texts are those given, and its members are called as `name` says.
pub(crate) fn any_json(texts: &'static [&'static str], name: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        select(texts).prop_map(Value::from),
    ];
    let name = name.boxed();
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Makes a name of a member: any letters, or one of those given, which the reader knows.
pub(crate) fn any_name(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z]{0,8}", select(known).prop_map(ToOwned::to_owned)]
}

/// Picks a value inside, by its JSON pointer; `None` where there is none.
pub(crate) fn pick(value: &Value, at: Index) -> Option<String> {
    let mut paths = Vec::new();
    pointers(value, "", &mut paths);
    (!paths.is_empty()).then(|| at.get(&paths).clone())
}

fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (escape(key), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{path}/{name}");
        pointers(child, &path, found);
        found.push(path);
    }
}

/// Puts a value in the place of one inside.
pub(crate) fn replace(value: &mut Value, at: Index, new: Value) {
    if let Some(place) = pick(value, at).and_then(|path| value.pointer_mut(&path)) {
        *place = new;
    }
}

/// Writes what was read as JSON, and reads it again.
pub(crate) fn is_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(read: &T) -> Result<(), TestCaseError> {
    let text = serde_json::to_string(read).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let back: T = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&back, read);
    Ok(())
}
