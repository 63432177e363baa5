//! Property selectors: `$.a.b`, `$.a[0]`, `$.['a.b']`, `$.a[*]`, `$.*`, and the values that they select.

use serde_json::Value;

/// The way from the root of a log event to the values that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) segments: Vec<Segment>,
}

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Name(String),
    Index(usize),
    /// `.*`: the value of any field of an object.
    AnyName,
    /// `[*]`: any element of an array.
    AnyIndex,
}

impl Segment {
    pub(super) fn is_wildcard(&self) -> bool {
        match self {
            Self::AnyName | Self::AnyIndex => true,
            Self::Name(_) | Self::Index(_) => false,
        }
    }
}

impl Selector {
    /// Returns whether any of the selected values passes. Without a wildcard there is at most one.
    pub(super) fn any(&self, event: &Value, passes: &mut dyn FnMut(&Value) -> bool) -> bool {
        any(event, &self.segments, passes)
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.segments.iter().any(Segment::is_wildcard)
    }

    /// Returns whether nothing is selected.
    pub(super) fn is_absent(&self, event: &Value) -> bool {
        !self.any(event, &mut |_| true)
    }
}

/// Recurses at wildcards only, of which a selector has at most one.
fn any(event: &Value, segments: &[Segment], passes: &mut dyn FnMut(&Value) -> bool) -> bool {
    let mut node = event;
    let mut segments = segments;
    while let Some((segment, rest)) = segments.split_first() {
        segments = rest;
        let next = match segment {
            Segment::Name(name) => node.as_object().and_then(|object| object.get(name)),
            Segment::Index(index) => node.as_array().and_then(|array| array.get(*index)),
            Segment::AnyName => return node.as_object().is_some_and(|object| object.values().any(|value| any(value, rest, passes))),
            Segment::AnyIndex => return node.as_array().is_some_and(|array| array.iter().any(|value| any(value, rest, passes))),
        };
        let Some(next) = next else { return false };
        node = next;
    }
    passes(node)
}
