//! Reads variables one by one, and remembers every one that is wrong.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use reprieve_core::{ApprovalKeys, Mode, RoleArn};

use super::ConfigurationError;
use crate::environment::{ALL, Variable};

pub(super) struct Reader<F> {
    lookup: F,
    wrong: Vec<(&'static str, String)>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) const fn new(lookup: F) -> Self {
        Self { lookup, wrong: Vec::new() }
    }

    /// Reads one variable, or its default. `None` where it is wrong, which is remembered.
    pub(super) fn read<T>(&mut self, variable: Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let Some(value) = (self.lookup)(variable.name).or_else(|| variable.default.map(ToOwned::to_owned)) else {
            self.wrong.push((variable.name, format!("is not set; it takes {}", variable.accepts)));
            return None;
        };
        let value = value.trim();
        parse(value).map_err(|what| self.complain(variable, &format!("`{value}` {what}"))).ok()
    }

    /// Remembers that a variable is wrong, by itself or beside the others.
    pub(super) fn complain(&mut self, variable: Variable, what: &str) {
        self.wrong.push((variable.name, format!("{what}; it takes {}", variable.accepts)));
    }

    /// Returns what was assembled, unless a variable was wrong.
    ///
    /// # Errors
    /// Names every wrong variable, in the order of the table.
    pub(super) fn finish<T>(self, assembled: Option<T>) -> Result<T, ConfigurationError> {
        let mut wrong = self.wrong;
        wrong.sort_by_key(|(name, _)| ALL.iter().position(|variable| variable.name == *name));
        assembled.filter(|_| wrong.is_empty()).ok_or(ConfigurationError { wrong })
    }
}

/// The items of a list that is separated by commas.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Splits the `KEY=VALUE` entries of a list.
pub(super) fn entries(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let entry = |item| match str::split_once(item, '=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => Ok((key.trim(), value.trim())),
        Some(_) | None => Err(format!("has the entry `{item}`, which is not of the form `A=B`")),
    };
    items(text).map(entry).collect()
}

/// Reads whether plans are carried out.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    Mode::parse(text).ok_or_else(|| "is neither".to_owned())
}

/// Reads the public keys of those who approve.
pub(super) fn approval_keys(text: &str) -> Result<ApprovalKeys, String> {
    ApprovalKeys::parse(text).map_err(|error| error.to_string())
}

/// Reads `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "is neither".to_owned())
}

pub(super) fn role(text: &str) -> Result<RoleArn, String> {
    RoleArn::parse(text).map_err(|error| error.to_string())
}

pub(super) fn roles(text: &str) -> Result<BTreeSet<RoleArn>, String> {
    items(text).map(role).collect()
}

pub(super) fn number_in(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| "is out of range".to_owned())
}

pub(super) fn parameter_name(text: &str) -> Result<Option<String>, String> {
    let fits = text.len() <= 1011 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    if fits { Ok(Some(text.to_owned()).filter(|text| !text.is_empty())) } else { Err("is not one".to_owned()) }
}

pub(super) fn text_of(length: RangeInclusive<usize>) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(text.to_owned()) } else { Err("does not fit".to_owned()) }
    }
}

/// Reads a name of letters, digits and these characters.
pub(super) fn name_of(length: RangeInclusive<usize>, others: &'static [u8]) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte));
        if fits { Ok(text.to_owned()) } else { Err("does not fit".to_owned()) }
    }
}

/// Reads the ARN of something of a service: `arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME`.
pub(super) fn arn_of(service: &'static str) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let is_one = text.split(':').count() == 6 && text.starts_with("arn:") && text.split(':').nth(2) == Some(service);
        if is_one { Ok(text.to_owned()) } else { Err("is not one".to_owned()) }
    }
}

/// Reads the address of a local cloud; empty for AWS itself.
pub(super) fn endpoint(text: &str) -> Result<Option<String>, String> {
    let is_url = text.is_empty() || text.starts_with("http://") || text.starts_with("https://");
    if is_url { Ok(Some(text.to_owned()).filter(|text| !text.is_empty())) } else { Err("is not one".to_owned()) }
}

/// Lets a variable be empty.
pub(super) fn optional<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}
