//! Sealed approvals in labels: the same approvals under the same seal as on other clouds, written in what a label can hold.
//!
//! A label's value holds at most 63 lower-case letters, digits, `_` and `-`
//! (<https://docs.cloud.google.com/kms/docs/creating-managing-labels>). So every text has one form in labels, and every form one text:
//! lower-case letters, digits and `-` stand for themselves, every other byte is `_` and two hexadecimal digits (`@` is `_40`); what is
//! longer goes on under the same name with `-2`, `-3`, and so on. A window is written as `20261121t0500z-20261121t0700z`, with seconds
//! only where it has any; a signature as hexadecimal digits. `shared/docs/google.md` shows an example.
//!
//! Nothing here is believed: what is read is a [`SealedApproval`](crate::approval::SealedApproval) on whose canonical text its seal is
//! verified. Labels in another than that one form are refused as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::approval::window::Window;
use crate::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, WINDOW_TAG};
use crate::facts::Tags;

/// Labels of a key, by name.
pub type Labels = BTreeMap<String, String>;

/// The longest value of a label, in characters.
const VALUE_LIMIT: usize = 63;

/// How many labels one text may take.
const PARTS_LIMIT: usize = 16;

/// The names of texts: the tag on other clouds, and the label.
const TEXTS: [(&str, &str); 4] = [
    (CHANGE_TAG, "reprieve-change"),
    (ACTION_TAG, "reprieve-action"),
    (APPROVER_TAG, "reprieve-approver"),
    (CO_APPROVER_TAG, "reprieve-co-approver"),
];
const WINDOW_LABEL: &str = "reprieve-window";
/// The names of seals: the tag, the label of the version and key id, and the label of the signature.
const SEALS: [(&str, &str, &str); 2] =
    [(SEAL_TAG, "reprieve-seal-key", "reprieve-seal"), (CO_SEAL_TAG, "reprieve-co-seal-key", "reprieve-co-seal")];

/// Says why labels hold no approval, or why an approval cannot be written in labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The window is not written in UTC, to the second.
    #[error(
        "the window `{0}` cannot be written in a label: write both ends in UTC, to the second, such as `2026-11-21T05:00:00Z/2026-11-21T07:00:00Z`"
    )]
    Window(String),
    /// The seal is not of the form `v1.KEY-ID.SIGNATURE`.
    #[error("the seal `{0}` cannot be written in a label: it is not of the form `v1.KEY-ID.SIGNATURE`")]
    Seal(String),
    /// A label is not in the one form that texts have.
    #[error("the label `{label}` does not hold what it should: `{value}`")]
    Unreadable {
        /// The label.
        label: String,
        /// Its value.
        value: String,
    },
    /// What was read would be written otherwise.
    #[error("the approval labels are not in the form in which they are written: `{0}` was added, left out or changed")]
    Form(String),
    /// A text is too long.
    #[error("the value of `{0}` is too long for labels")]
    TooLong(&'static str),
}

/// Writes approval tags as labels; other tags are left out.
///
/// # Errors
/// When the window or a seal has another form than labels can hold.
pub fn labels_of(tags: &Tags) -> Result<Labels, LabelError> {
    let mut labels = Labels::new();
    for (tag, label) in TEXTS {
        if let Some(text) = tags.get(tag) {
            add(&mut labels, label, &escaped(text)).ok_or(LabelError::TooLong(tag))?;
        }
    }
    if let Some(window) = tags.get(WINDOW_TAG) {
        labels.insert(WINDOW_LABEL.to_owned(), compact(window).ok_or_else(|| LabelError::Window(window.clone()))?);
    }
    for (tag, key_label, label) in SEALS {
        let Some(seal) = tags.get(tag) else { continue };
        let wrong = || LabelError::Seal(seal.clone());
        let (key, signature) = seal.rsplit_once('.').ok_or_else(wrong)?;
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| wrong())?;
        add(&mut labels, key_label, &escaped(key)).ok_or(LabelError::TooLong(tag))?;
        add(&mut labels, label, &hexadecimal(&bytes)).ok_or(LabelError::TooLong(tag))?;
    }
    Ok(labels)
}

/// Reads labels as the tags that other clouds have: those of an approval decoded, all others as they are.
///
/// # Errors
/// When the labels of an approval are not in the form in which they are written.
pub fn tags_of(labels: &Labels) -> Result<Tags, LabelError> {
    let (of_approval, mut tags): (Labels, Tags) = labels.clone().into_iter().partition(|(name, _)| is_of_approval(name));
    for (tag, label) in TEXTS {
        if let Some(value) = joined(&of_approval, label) {
            tags.insert(tag.to_owned(), unescaped(&value).ok_or_else(|| unreadable(label, &value))?);
        }
    }
    if let Some(value) = of_approval.get(WINDOW_LABEL) {
        tags.insert(WINDOW_TAG.to_owned(), expanded(value).ok_or_else(|| unreadable(WINDOW_LABEL, value))?);
    }
    for (tag, key_label, label) in SEALS {
        if let (Some(key), Some(signature)) = (joined(&of_approval, key_label), joined(&of_approval, label)) {
            let key = unescaped(&key).ok_or_else(|| unreadable(key_label, &key))?;
            let bytes = bytes_of(&signature).ok_or_else(|| unreadable(label, &signature))?;
            tags.insert(tag.to_owned(), format!("{key}.{}", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
    let written = labels_of(&tags)?;
    // A text in two forms, a part that nobody reads, half a seal: none of it is an approval.
    let differing = of_approval.iter().find(|(name, value)| written.get(*name) != Some(*value)).map(|(name, _)| name);
    match differing.or_else(|| written.keys().find(|name| !of_approval.contains_key(*name))) {
        Some(name) => Err(LabelError::Form(name.clone())),
        None => Ok(tags),
    }
}

/// Says whether a label is part of an approval: it has one of the names, or that and the number of a part.
fn is_of_approval(name: &str) -> bool {
    let base = match name.rsplit_once('-') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => base,
        Some(_) | None => name,
    };
    let texts = TEXTS.iter().map(|(_, label)| *label);
    let seals = SEALS.iter().flat_map(|(_, key, label)| [*key, *label]);
    texts.chain(seals).chain([WINDOW_LABEL]).any(|label| label == base)
}

fn unreadable(label: &str, value: &str) -> LabelError {
    LabelError::Unreadable { label: label.to_owned(), value: value.to_owned() }
}

fn part_name(label: &str, index: usize) -> String {
    if index == 0 { label.to_owned() } else { format!("{label}-{}", index + 1) }
}

/// Adds a value under as many names as it takes. `None` where it takes too many.
fn add(labels: &mut Labels, label: &str, value: &str) -> Option<()> {
    let characters: Vec<char> = value.chars().collect();
    let parts: Vec<String> = characters.chunks(VALUE_LIMIT).map(|part| part.iter().collect()).collect();
    if parts.len() > PARTS_LIMIT {
        return None;
    }
    labels.extend(parts.into_iter().enumerate().map(|(index, part)| (part_name(label, index), part)));
    Some(())
}

fn joined(labels: &Labels, label: &str) -> Option<String> {
    labels.get(label)?;
    let parts = (0..PARTS_LIMIT).map_while(|index| labels.get(&part_name(label, index)));
    Some(parts.map(String::as_str).collect())
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(escaped, "_{byte:02x}").ok();
        }
        escaped
    })
}

fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'_' { digit(rest.next()?)? << 4 | digit(rest.next()?)? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let mut digits = hexadecimal.bytes();
    let mut bytes = Vec::with_capacity(hexadecimal.len() / 2);
    while let Some(high) = digits.next() {
        bytes.push(digit(high)? << 4 | digit(digits.next()?)?);
    }
    Some(bytes)
}

/// A lower-case hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Writes `2026-11-21T05:00:00Z/2026-11-21T07:00:00Z` as `20261121t0500z-20261121t0700z`.
fn compact(window: &str) -> Option<String> {
    let read = Window::parse(window).ok()?;
    // Only what is written in this very form comes back byte by byte, as it was signed.
    if read.to_text() != window || [read.start, read.end].iter().any(|end| end.subsec_nanosecond() != 0) {
        return None;
    }
    let has_seconds = [read.start, read.end].iter().any(|end| end.as_second() % 60 != 0);
    let form = if has_seconds { "%Y%m%dt%H%M%Sz" } else { "%Y%m%dt%H%Mz" };
    let compact = format!("{}-{}", read.start.strftime(form), read.end.strftime(form));
    (expanded(&compact).as_deref() == Some(window)).then_some(compact)
}

fn expanded(value: &str) -> Option<String> {
    let (start, end) = value.split_once('-')?;
    let moment = |text: &str| -> Option<Timestamp> {
        let form = if text.len() == "20261121t050000z".len() { "%Y%m%dt%H%M%Sz" } else { "%Y%m%dt%H%Mz" };
        Some(DateTime::strptime(form, text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    Some(Window { start: moment(start)?, end: moment(end)? }.to_text())
}
