//! Texts of which one is in every record that matters: whoever has none of them is never parsed.
//!
//! Records of CloudTrail name their service and call in two fields, and most are told by these alone: other fields, such as the user
//! agent, name services as well. What does not have the fields, or not written so, is searched as a whole.

use aho_corasick::packed::{self, MatchKind};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem::Finder;

/// The field of CloudTrail that names the service, as it is written compactly.
const SOURCE: &[u8] = b"\"eventSource\":\"";
/// The field that names the call, as it follows the service's name.
const NAME_AFTER: &[u8] = b",\"eventName\":\"";
/// The same, wherever it stands.
const NAME: &[u8] = b"\"eventName\":";

/// Says whether a call of a service can matter, by their names; `false` is final.
pub type MayMatter = fn(source: &str, name: &str) -> bool;

/// Looks for many texts at once.
#[derive(Debug)]
pub struct Needles {
    search: Search,
    source: Finder<'static>,
    name: Finder<'static>,
    /// The texts that begin with a quotation mark, without it.
    quoted: Vec<Beginning>,
    may_matter: MayMatter,
}

#[derive(Debug)]
enum Search {
    /// With SIMD, where the processor has it and the texts are few.
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
    /// Every record matters.
    All,
}

impl Needles {
    /// Prepares the search. Without any text, every record matters.
    #[must_use]
    pub fn new(texts: &[&str]) -> Self {
        let quoted = texts.iter().filter_map(|text| Some(Beginning::new(text.strip_prefix('"')?.as_bytes()))).collect();
        let search = if texts.is_empty() || texts.contains(&"") { Search::All } else { searcher(texts) };
        let (source, name) = (Finder::new(SOURCE).into_owned(), Finder::new(NAME).into_owned());
        Self { search, source, name, quoted, may_matter: |_, _| true }
    }

    /// Leaves out records of CloudTrail by the names of service and call, which are looked at before anything is parsed.
    #[must_use]
    pub fn only(mut self, may_matter: MayMatter) -> Self {
        self.may_matter = may_matter;
        self
    }

    /// Returns where the next compactly written name of a service is, from `from` on.
    #[inline]
    pub(crate) fn next_source(&self, text: &[u8], from: usize) -> Option<usize> {
        Some(from + self.source.find(text.get(from..)?)?)
    }

    /// Says whether a record can matter that names its service at `source`.
    #[inline]
    pub(crate) fn has_named(&self, record: &[u8], source: usize) -> bool {
        let value = record.get(source + SOURCE.len()..).unwrap_or_default();
        let Some((source, rest)) = text_and_rest(value) else { return true };
        let Some((name, _)) = rest.strip_prefix(NAME_AFTER).and_then(text_and_rest) else {
            return self.begins(source)
                || self.name.find_iter(record).any(|at| self.begins(record.get(at + NAME.len() + 1..).unwrap_or_default()));
        };
        let is_told = self.begins(source) || self.begins(name);
        // A text with escapes is no name as it is written; who reads it as JSON will know.
        let has_escapes = || source.contains(&b'\\') || name.contains(&b'\\');
        is_told && (has_escapes() || (self.may_matter)(&String::from_utf8_lossy(source), &String::from_utf8_lossy(name)))
    }

    /// Says whether any of the texts is in the record.
    pub(crate) fn has(&self, record: &[u8]) -> bool {
        match &self.search {
            Search::Packed(searcher) => searcher.find(record).is_some(),
            Search::Automaton(automaton) => automaton.is_match(record),
            Search::All => true,
        }
    }

    #[inline]
    fn begins(&self, value: &[u8]) -> bool {
        let first = first_bytes(value);
        matches!(self.search, Search::All) || self.quoted.iter().any(|text| text.is_of(value, first))
    }
}

/// How a text begins; told from others by its first eight bytes, as one number.
#[derive(Debug)]
struct Beginning {
    first: u64,
    mask: u64,
    text: Box<[u8]>,
}

impl Beginning {
    fn new(text: &[u8]) -> Self {
        let mask = text.iter().take(8).fold(0, |mask: u64, _| mask << 8 | 0xff);
        Self { first: first_bytes(text), mask, text: text.into() }
    }

    #[inline]
    fn is_of(&self, value: &[u8], first: u64) -> bool {
        first & self.mask == self.first && value.starts_with(&self.text)
    }
}

#[inline]
fn first_bytes(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Returns what is before the next quotation mark, and what is after it.
#[inline]
fn text_and_rest(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', value)?;
    Some((value.get(..end)?, value.get(end + 1..)?))
}

fn searcher(texts: &[&str]) -> Search {
    let packed = packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(texts).build();
    let automaton = || AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(texts);
    match packed {
        Some(searcher) => Search::Packed(searcher),
        // It cannot be built only where the texts are megabytes long.
        None => automaton().map_or(Search::All, Search::Automaton),
    }
}
