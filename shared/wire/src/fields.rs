//! Tolerant access to the fields of a JSON object: takes what can be understood, and notes what was odd under its path.
//!
//! Nothing here fails. A value of an unexpected type gives nothing, or what it plainly means, and a note either way.

use std::borrow::Cow;

use reprieve_core::Oddity;
use serde_json::{Map, Value};

use crate::error::{kind, shorten, shorten_value};

/// The oddities noted so far.
#[derive(Debug, Default)]
pub(crate) struct Oddities(Vec<Oddity>);

impl Oddities {
    pub(crate) fn note(&mut self, field: impl Into<String>, what: impl Into<String>) {
        let oddity = Oddity { field: field.into(), what: what.into() };
        if !self.0.contains(&oddity) {
            self.0.push(oddity);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Oddity> {
        self.0
    }
}

/// A JSON object, or the lack of one, and where in the input it stands.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    object: Option<Cow<'a, Map<String, Value>>>,
    path: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>, path: &str) -> Self {
        Self { object: Some(Cow::Borrowed(object)), path: path.to_owned() }
    }

    const fn missing(path: String) -> Self {
        Self { object: None, path }
    }

    /// Says whether there is an object at all.
    pub(crate) const fn is_present(&self) -> bool {
        self.object.is_some()
    }

    /// Returns every field, where there is an object.
    pub(crate) fn entries(&self) -> Option<&Map<String, Value>> {
        self.object.as_deref()
    }

    /// Returns the path of a field, as oddities name it.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Returns a field that is there and not null; one in other letter case is taken, with a note.
    pub(crate) fn value(&self, name: &str, odd: &mut Oddities) -> Option<&Value> {
        let object = self.object.as_deref()?;
        let value = if let Some(value) = object.get(name) {
            value
        } else {
            let (written, value) = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            if !value.is_null() {
                odd.note(self.path(name), format!("is written `{}`", shorten(written)));
            }
            value
        };
        (!value.is_null()).then_some(value)
    }

    /// Returns a text that is not empty; a number or boolean is taken as its text, with a note.
    pub(crate) fn text(&self, name: &str, odd: &mut Oddities) -> Option<String> {
        let value = self.value(name, odd)?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => {
                odd.note(self.path(name), format!("is {} where a string is expected: `{value}`", kind(value)));
                value.to_string()
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let what = format!("is {} where a string is expected: `{}`", kind(value), shorten_value(value));
                odd.note(self.path(name), what);
                return None;
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Returns a text; a list of texts is joined, with a note.
    pub(crate) fn text_or_list(&self, name: &str, odd: &mut Oddities) -> Option<String> {
        let Some(Value::Array(items)) = self.value(name, odd) else {
            return self.text(name, odd);
        };
        odd.note(self.path(name), "is a list where a string is expected; its items are joined");
        let joined = items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        (!joined.is_empty()).then_some(joined)
    }

    /// Returns the texts of a list that is not empty; one text is taken as a list of it, with a note.
    pub(crate) fn texts(&self, name: &str, odd: &mut Oddities) -> Option<Vec<String>> {
        let Some(Value::Array(items)) = self.value(name, odd) else {
            let text = self.text(name, odd)?;
            odd.note(self.path(name), "is a string where a list is expected");
            return Some(vec![text]);
        };
        let texts: Vec<String> = items.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).map(ToOwned::to_owned).collect();
        if texts.len() < items.len() {
            odd.note(self.path(name), "holds what is no text; it is left out");
        }
        (!texts.is_empty()).then_some(texts)
    }

    /// Returns an object: one that is missing, null or of another type has no fields; one written as a JSON string is read.
    pub(crate) fn object(&self, name: &str, odd: &mut Oddities) -> Fields<'_> {
        let path = self.path(name);
        match self.value(name, odd) {
            None => Fields::missing(path),
            Some(Value::Object(object)) => Fields { object: Some(Cow::Borrowed(object)), path },
            Some(value) => {
                if let Some(Value::Object(object)) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
                    odd.note(path.clone(), "is an object written as a JSON string");
                    return Fields { object: Some(Cow::Owned(object)), path };
                }
                odd.note(path.clone(), format!("is {} where an object is expected: `{}`", kind(value), shorten_value(value)));
                Fields::missing(path)
            }
        }
    }

    /// Returns a whole number that is not negative; one written as a string or with a zero fraction is read, with a note.
    pub(crate) fn whole_number(&self, name: &str, odd: &mut Oddities) -> Option<u32> {
        let value = self.value(name, odd)?;
        let exact = value.as_u64().and_then(|number| u32::try_from(number).ok());
        if exact.is_some() {
            return exact;
        }
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let digits = text.strip_suffix(".0").unwrap_or(&text);
        let number = digits.parse::<u32>().ok();
        let what = if number.is_some() { "is not written as a number" } else { "is not a whole number that makes sense here" };
        odd.note(self.path(name), format!("{what}: `{}`", shorten_value(value)));
        number
    }

    /// Returns a flag; one written as a string is read, with a note.
    pub(crate) fn flag(&self, name: &str, odd: &mut Oddities) -> Option<bool> {
        let value = self.value(name, odd)?;
        if let Value::Bool(flag) = value {
            return Some(*flag);
        }
        let flag = match value.as_str().map(str::trim) {
            Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Some(_) | None => None,
        };
        odd.note(self.path(name), format!("is {} where a boolean is expected: `{}`", kind(value), shorten_value(value)));
        flag
    }
}
