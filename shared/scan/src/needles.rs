//! Texts of which one is in every record that matters: whoever has none of them is never parsed.
//!
//! Records of CloudTrail name their service and call in two fields of their own, and are told by these alone: other fields, such as the
//! user agent, name services as well. What does not have the fields, or not plainly so, is searched as a whole.

use aho_corasick::packed::{self, MatchKind};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

use crate::names::Names;

/// Says whether a record can matter, by the names of service and call in ASCII, and by its text, which need not be JSON; `false` is final.
pub type MayMatter = fn(source: &[u8], name: &[u8], record: &[u8]) -> bool;

/// Looks for many texts at once.
#[derive(Debug)]
pub struct Needles {
    search: Search,
    /// The texts that begin with a quotation mark, without it.
    quoted: Beginnings,
    /// The services that matter; all that the texts tell, where absent.
    services: Option<Beginnings>,
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
        let quoted = texts.iter().filter_map(|text| text.strip_prefix('"')).collect();
        let search = if texts.is_empty() || texts.contains(&"") { Search::All } else { searcher(texts) };
        Self { search, quoted, services: None, may_matter: |_, _, _| true }
    }

    /// Leaves out records of CloudTrail of all services but these. What does not name its service is told by the texts alone.
    #[must_use]
    pub fn of_services(mut self, services: &[&str]) -> Self {
        self.services = Some(services.iter().copied().collect());
        self
    }

    /// Leaves out records of CloudTrail by what is asked of each before it is parsed.
    #[must_use]
    pub fn only(mut self, may_matter: MayMatter) -> Self {
        self.may_matter = may_matter;
        self
    }

    /// Says whether a record can matter.
    #[inline]
    pub(crate) fn tell(&self, record: &[u8], names: Names) -> bool {
        // An empty name is none: what has it may be an envelope, and the record inside.
        let own = names.source_and_name(record).filter(|(source, name)| ![source, name].iter().any(|text| text.trim_ascii().is_empty()));
        let Some((source, name)) = own else { return self.may_have(record) };
        let is_told = match &self.services {
            Some(services) => services.has(source),
            None => matches!(self.search, Search::All) || self.quoted.has(source) || self.quoted.has(name),
        };
        // What is not ASCII may be no UTF-8, and so no JSON; who parses it will say so.
        is_told && (!source.is_ascii() || !name.is_ascii() || (self.may_matter)(source, name, record))
    }

    /// Says whether any of the texts may be in a record: as it is written here, or with letters written as `\u`.
    pub(crate) fn may_have(&self, record: &[u8]) -> bool {
        self.has(record) || memmem::find(record, b"\\u").is_some()
    }

    /// Says whether any of the texts is in the record.
    fn has(&self, record: &[u8]) -> bool {
        match &self.search {
            Search::Packed(searcher) => searcher.find(record).is_some(),
            Search::Automaton(automaton) => automaton.is_match(record),
            Search::All => true,
        }
    }
}

/// Texts, to find out what begins with one of them.
#[derive(Debug)]
struct Beginnings {
    texts: Vec<Beginning>,
    /// Most of what begins with none of them is told by this alone.
    first_four: FirstFour,
}

impl<'a> FromIterator<&'a str> for Beginnings {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        let texts: Vec<&[u8]> = texts.into_iter().map(str::as_bytes).collect();
        Self { first_four: FirstFour::of(&texts), texts: texts.into_iter().map(Beginning::new).collect() }
    }
}

impl Beginnings {
    /// Says whether a value begins with any of the texts.
    #[inline]
    fn has(&self, value: &[u8]) -> bool {
        let any = || {
            let first = first_bytes(value);
            self.texts.iter().any(|text| text.is_of(value, first))
        };
        self.first_four.may_have(value) && any()
    }
}

/// Some texts by their first four letters: a bit for each, of which some may share one.
#[derive(Debug)]
struct FirstFour {
    bits: [u64; 16],
    /// Texts that have fewer letters are among them, and nothing can be told.
    has_short: bool,
}

impl FirstFour {
    fn of(texts: &[&[u8]]) -> Self {
        let mut all = Self { bits: [0; 16], has_short: false };
        for text in texts {
            match Self::place(text) {
                Some((index, bit)) => {
                    if let Some(bits) = all.bits.get_mut(index) {
                        *bits |= bit;
                    }
                }
                None => all.has_short = true,
            }
        }
        all
    }

    /// Says whether a text may begin as one of them; `false` is certain.
    #[inline]
    fn may_have(&self, text: &[u8]) -> bool {
        let has = |(index, bit): (usize, u64)| self.bits.get(index).is_some_and(|bits| bits & bit != 0);
        self.has_short || Self::place(text).is_some_and(has)
    }

    #[inline]
    fn place(text: &[u8]) -> Option<(usize, u64)> {
        let mixed = u32::from_le_bytes(*text.first_chunk()?).wrapping_mul(0x9e37_79b1) >> 22;
        Some((mixed as usize / 64, 1 << (mixed % 64)))
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

fn searcher(texts: &[&str]) -> Search {
    let packed = packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(texts).build();
    let automaton = || AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(texts);
    match packed {
        Some(searcher) => Search::Packed(searcher),
        // It cannot be built only where the texts are megabytes long.
        None => automaton().map_or(Search::All, Search::Automaton),
    }
}
