//! What a record says of itself in the three fields by which records of CloudTrail are told: `eventID`, `eventSource`, `eventName`.
//!
//! Only the record's own fields count, each only where it stands there once, and only texts without escapes: what a JSON parser would say
//! is then certain. Of everything else nothing is said here, and it is parsed.

use wide::u8x16;

use crate::blocks::BEFORE;

/// `eventID`, as it is written.
const ID: &[u8] = b"\"eventID\"";
/// Likewise `eventSource`.
const SOURCE: &[u8] = b"\"eventSource\"";
/// Likewise `eventName`.
const NAME: &[u8] = b"\"eventName\"";
/// As many bytes as the longest of them has, and some more.
pub(crate) const MOST_BYTES: usize = 16;

/// Where a field's name ends in its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// It was not seen, as it is written without escapes.
    #[default]
    Nowhere,
    /// Behind its closing quotation mark, from the record's beginning.
    At(u32),
    /// It is there more than once, or may be there written otherwise.
    Unsure,
}

/// Where the names of the three fields are among a record's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Names {
    id: Place,
    source: Place,
    name: Place,
}

impl Names {
    /// Takes note of what may be a name among the record's own fields: a letter of a string where they have one by which they differ, or
    /// a `\` that may begin a `\u`. `record` goes on behind it for [`MOST_BYTES`], where the input does.
    #[inline]
    pub(crate) fn saw(&mut self, record: &[u8], at: usize) {
        if record.get(at) == Some(&b'\\') {
            if record.get(at + 1) == Some(&b'u') {
                // One of the names may be written so.
                *self = Self { id: Place::Unsure, source: Place::Unsure, name: Place::Unsure };
            }
            return;
        }
        let Some(start) = at.checked_sub(BEFORE as usize) else { return };
        let Some(text) = record.get(start..) else { return };
        let (place, length) = if text.starts_with(ID) {
            (&mut self.id, ID.len())
        } else if text.starts_with(SOURCE) {
            (&mut self.source, SOURCE.len())
        } else if text.starts_with(NAME) {
            (&mut self.name, NAME.len())
        } else {
            return;
        };
        *place = match (*place, u32::try_from(start + length)) {
            (Place::Nowhere, Ok(at)) => Place::At(at),
            _ => Place::Unsure,
        };
    }

    /// Returns the record's id, where it is certain.
    #[inline]
    pub(crate) fn id(self, record: &[u8]) -> Option<&[u8]> {
        text(record, self.id).filter(|id| !id.is_empty())
    }

    /// Returns the names of service and call, where they are certain.
    #[inline]
    pub(crate) fn source_and_name(self, record: &[u8]) -> Option<(&[u8], &[u8])> {
        Some((text(record, self.source)?, text(record, self.name)?))
    }
}

/// Returns the value of a field, where it is a text without escapes.
#[inline]
fn text(record: &[u8], place: Place) -> Option<&[u8]> {
    let Place::At(at) = place else { return None };
    let rest = record.get(at as usize..)?;
    let value = match rest.strip_prefix(b":\"") {
        Some(value) => value,
        None => rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?,
    };
    let end = quote_or_backslash(value)?;
    if value.get(end) == Some(&b'"') { value.get(..end) } else { None }
}

/// Returns where the first quotation mark or `\` is. It is near, so that what is made for long texts takes longer.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let (parts, rest) = text.as_chunks::<16>();
    for (index, part) in parts.iter().enumerate() {
        let part = u8x16::new(*part);
        let found = (part.simd_eq(u8x16::splat(b'"')) | part.simd_eq(u8x16::splat(b'\\'))).to_bitmask();
        if found != 0 {
            return Some(index * 16 + found.trailing_zeros() as usize);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(text.len() - rest.len() + found)
}
