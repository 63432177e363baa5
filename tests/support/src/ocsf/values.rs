//! Whether a value is of its kind, and what a path points at.

use std::net::IpAddr;

use serde_json::Value;

use super::rule::Kind;

/// The longest `ip_t`.
const LONGEST_ADDRESS: usize = 40;
/// The last millisecond of the year 9999.
const LAST_TIME: i64 = 253_402_300_799_999;

/// Says what is wrong with a value.
pub(super) fn check(kind: Kind, value: &Value) -> Result<(), String> {
    let text = value.as_str();
    let (is_right, expected) = match kind {
        Kind::Text => (text.is_some(), "a text"),
        Kind::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Timestamp => (value.as_i64().is_some_and(|time| time.abs() <= LAST_TIME), "a time in milliseconds since 1970"),
        Kind::Address => (text.is_some_and(|text| text.len() <= LONGEST_ADDRESS && text.parse::<IpAddr>().is_ok()), "an address"),
        Kind::Port => (value.as_u64().is_some_and(|port| u16::try_from(port).is_ok()), "a port"),
        Kind::Url => (text.is_some_and(is_url), "a URL"),
        Kind::Email => (text.is_some_and(is_email), "an email address"),
        Kind::Json => (!value.is_null(), "anything but null"),
        Kind::Object(_) => (value.is_object(), "an object"),
    };
    if is_right { Ok(()) } else { Err(format!("is not {expected}: {value}")) }
}

fn is_url(text: &str) -> bool {
    let scheme = |scheme: &str| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    text.split_once("://").is_some_and(|(before, after)| scheme(before) && !after.is_empty() && !after.contains(char::is_whitespace))
}

/// The schema's expression for `email_t`, spelt out.
fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    // In the expression, `+-/` is a range.
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+,-./=?^_`{|}~".contains(&byte);
    let is_of_domain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let Some((first, rest)) = domain.split_once('.') else { return false };
    !name.is_empty()
        && name.bytes().all(is_of_name)
        && !first.is_empty()
        && first.bytes().all(is_of_domain)
        && !rest.is_empty()
        && rest.bytes().all(|byte| is_of_domain(byte) || byte == b'.')
}

/// Follows a path such as `resources[0].uid`.
pub(super) fn resolve<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(event, |value, part| {
        let (name, indices) = part.split_once('[').map_or((part, None), |(name, rest)| (name, rest.strip_suffix(']')));
        let value = value.get(name)?;
        match indices {
            Some(index) => value.get(index.parse::<usize>().ok()?),
            None if part.contains('[') => None,
            None => Some(value),
        }
    })
}
