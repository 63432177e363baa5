//! What is kept of a record's parameters and results: the fields that a list names, and nothing else.
//!
//! A list names fields that hold no secret by what they are for. Texts are shortened, and URLs lose their query, which may hold a
//! signature. What must not be done here: keep a field because it looks harmless.

pub(super) mod aws;
pub(super) mod azure;

use std::borrow::Cow;

use reprieve_core::audit::Excerpt;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The most of one value that is kept, in characters.
const VALUE_CHARACTERS: usize = 512;
/// The most of one name that is kept, in characters.
const NAME_CHARACTERS: usize = 128;
/// The most items of one list or map that are kept.
const MOST_ITEMS: usize = 64;
/// The longest JSON text that is opened, in bytes.
const LONGEST_TEXT_BYTES: usize = 512 * 1024;

/// The fields of one object that are kept. Names are found in any letter case, and kept as they are written here.
pub(super) struct Allowed {
    /// Fields that hold a text, a number, a flag, or a list of them.
    pub(super) leaves: &'static [&'static str],
    /// Fields that hold an object with names of the caller's choice, such as an encryption context: each name and its text.
    pub(super) maps: &'static [&'static str],
    /// Fields of which a digest is kept: policies, which are long, and may name what two parties agreed upon.
    pub(super) digests: &'static [&'static str],
    /// Fields that hold an object, a list of objects, or either as a JSON text; and what is kept of it.
    pub(super) inside: &'static [(&'static str, Self)],
}

impl Allowed {
    /// Nothing.
    pub(super) const NONE: Self = Self { leaves: &[], maps: &[], digests: &[], inside: &[] };

    /// Leaves only.
    pub(super) const fn leaves(leaves: &'static [&'static str]) -> Self {
        Self { leaves, ..Self::NONE }
    }
}

/// Adds what is allowed of an object.
pub(super) fn add(object: &Map<String, Value>, allowed: &Allowed, excerpt: &mut Excerpt) {
    add_at(object, allowed, "", excerpt);
}

fn add_at(object: &Map<String, Value>, allowed: &Allowed, path: &str, excerpt: &mut Excerpt) {
    for name in allowed.leaves {
        if let Some(text) = field(object, name).and_then(leaf) {
            insert(join(path, name), text, excerpt);
        }
    }
    for name in allowed.digests {
        let Some(value) = field(object, name).filter(|value| !value.is_null() && value.as_str() != Some("")) else { continue };
        insert(format!("{}.sha256", join(path, name)), digest(value), excerpt);
    }
    for name in allowed.maps {
        let Some(map) = field(object, name).and_then(opened) else { continue };
        let Some(map) = map.as_object() else { continue };
        for (key, value) in map.iter().take(MOST_ITEMS) {
            if let Some(text) = leaf(value) {
                insert(join(&join(path, name), &short(key, NAME_CHARACTERS)), text, excerpt);
            }
        }
    }
    for (name, inner) in allowed.inside {
        let Some(value) = field(object, name).and_then(opened) else { continue };
        let path = join(path, name);
        match value.as_ref() {
            Value::Object(object) => add_at(object, inner, &path, excerpt),
            Value::Array(items) => {
                for item in items.iter().take(MOST_ITEMS).filter_map(Value::as_object) {
                    add_at(item, inner, &path, excerpt);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Items of one list share a path: their texts are joined.
fn insert(path: String, text: String, excerpt: &mut Excerpt) {
    if text.is_empty() {
        return;
    }
    let joined = match excerpt.remove(&path) {
        Some(before) if before.ends_with('…') || before == text => before,
        Some(before) => short(&format!("{before}, {text}"), VALUE_CHARACTERS),
        None => text,
    };
    excerpt.insert(path, joined);
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Returns a value, or what a JSON text holds.
fn opened(value: &Value) -> Option<Cow<'_, Value>> {
    let Value::String(text) = value else { return Some(Cow::Borrowed(value)) };
    let is_json = text.len() <= LONGEST_TEXT_BYTES && text.trim_start().starts_with(['{', '[']);
    if is_json { serde_json::from_str(text).ok().map(Cow::Owned) } else { None }
}

/// Returns a text, number or flag as a text; a list of them joined. What holds objects is no leaf.
fn leaf(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(value_text(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().take(MOST_ITEMS).filter(|item| !item.is_array()).filter_map(leaf).collect();
            (!texts.is_empty()).then(|| short(&texts.join(", "), VALUE_CHARACTERS))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn value_text(text: &str) -> String {
    short(&without_secrets_of_url(text), VALUE_CHARACTERS)
}

/// Returns a URL without its query, its fragment, and who it names before the host; any other text as it is.
pub(super) fn without_secrets_of_url(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    Cow::Owned(format!("{scheme}://{host}{path}"))
}

fn short(text: &str, limit: usize) -> String {
    let mut characters = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = characters.by_ref().take(limit).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// Returns the SHA-256, in hexadecimal, of a document: as JSON without white space, the names of each object sorted; so it is the
/// same however the log writes it. What is no JSON is taken as it is.
fn digest(value: &Value) -> String {
    let text = match opened(value) {
        Some(document) => {
            let mut document = document.into_owned();
            document.sort_all_objects();
            document.to_string()
        }
        None => value.as_str().unwrap_or_default().to_owned(),
    };
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SOME: Allowed =
        Allowed { leaves: &["name"], maps: &["context"], digests: &["policy"], inside: &[("inner", Allowed::leaves(&["id"]))] };

    fn excerpt_of(value: &Value) -> Excerpt {
        let mut excerpt = Excerpt::new();
        add(value.as_object().unwrap(), &SOME, &mut excerpt);
        excerpt
    }

    #[test]
    fn only_what_is_listed_is_kept_in_whatever_letters_and_wrapping() {
        let excerpt = excerpt_of(&json!({
            "Name": ["a", "b", { "x": "y" }],
            "other": "no",
            "context": { "k": "v", "deep": { "x": "y" } },
            "inner": "[{\"id\": 1, \"secret\": \"no\"}, {\"id\": 2}]",
        }));
        let kept: Vec<(&str, &str)> = excerpt.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(kept, [("context.k", "v"), ("inner.id", "1, 2"), ("name", "a, b")]);
    }

    #[test]
    fn a_policy_has_one_digest_however_it_is_written() {
        let [text, object] = [json!("{ \"b\": [1, true],\n \"a\": \"é\" }"), json!({ "a": "é", "b": [1, true] })]
            .map(|policy| excerpt_of(&json!({ "policy": policy })));
        assert_eq!(text, object);
        // printf '{"a":"é","b":[1,true]}' | sha256sum
        assert_eq!(text.get("policy.sha256").map(String::as_str), Some("4cfe375505341a795919ae919b0f726bc2f6d3a426822a940384413dc1c22bc1"));
    }

    #[test]
    fn values_are_shortened_and_urls_lose_what_may_be_secret() {
        let excerpt = excerpt_of(&json!({ "name": "x".repeat(5_000) }));
        assert_eq!(excerpt.get("name").unwrap().chars().count(), VALUE_CHARACTERS + 1);
        for (written, kept) in [
            ("https://user:password@host/path?sig=1#x", "https://host/path"),
            ("https://host?sig=1", "https://host"),
            ("https://host/a@b", "https://host/a@b"),
            ("no url? no", "no url? no"),
        ] {
            assert_eq!(without_secrets_of_url(written), kept);
        }
    }
}
