//! A log file from its first byte to its last: a window over it, the records in the window, and of them those that can matter.

use std::io::Read;

use crate::counts::Counts;
use crate::needles::Needles;
use crate::source::{Fault, Source};
use crate::split::{Span, Splitter, Spoiled};

/// The most bytes of one record. `CloudTrail`'s and Google's have 256 KiB at most, a message of Event Hubs 1 MiB.
pub const RECORD_BYTES: usize = 1024 * 1024;

/// Bytes of a file that are looked at together: so many that a processor's nearer caches hold them.
const WINDOW_BYTES: usize = 192 * 1024;

/// One record that can matter, not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Which record of the file it is, from 1.
    pub ordinal: u64,
    /// Where it begins, in bytes of the file when inflated, from 0.
    pub offset: u64,
    /// Its text.
    pub text: &'a [u8],
    /// Why it is none, where it is none.
    pub(crate) spoiled: Option<Spoiled>,
}

/// Goes through a log file; `visit` sees the records that can matter, and what is no record.
pub(crate) fn candidates(
    reader: impl Read,
    needles: &Needles,
    identify: &mut impl FnMut(u64),
    mut visit: impl FnMut(RawRecord<'_>),
) -> (Counts, Option<Fault>) {
    let mut source = Source::new(reader);
    let mut window = Window { bytes: vec![0; WINDOW_BYTES], filled: 0, offset: 0 };
    let mut splitter = Splitter::new();
    let mut spans = Vec::new();
    let mut counts = Counts::default();
    loop {
        let read = source.fill(window.free());
        window.filled += read;
        counts.bytes_inflated += read as u64;
        let is_end = window.filled < window.bytes.len();
        splitter.scan(window.text(), is_end, &mut spans);
        let needed_from = if is_end { window.filled } else { splitter.needed_from(window.text(), &mut spans) };
        if !is_end && window.is_full(needed_from) {
            if window.bytes.len() < RECORD_BYTES + WINDOW_BYTES {
                window.grow();
            } else {
                splitter.give_up(window.text(), &mut spans);
            }
        }
        choose(&window, &spans, needles, &mut counts, identify, &mut visit);
        spans.clear();
        if is_end {
            break;
        }
        let needed_from = splitter.needed_from(window.text(), &mut spans);
        choose(&window, &spans, needles, &mut counts, identify, &mut visit);
        spans.clear();
        window.forget(needed_from);
        splitter.moved(needed_from);
    }
    counts.bytes_in = source.bytes_in();
    (counts, source.fault)
}

/// Visits the spans that can matter.
fn choose(
    window: &Window,
    spans: &[Span],
    needles: &Needles,
    counts: &mut Counts,
    identify: &mut impl FnMut(u64),
    visit: &mut impl FnMut(RawRecord<'_>),
) {
    let Some((first, last)) = spans.first().zip(spans.last()) else { return };
    let text = window.text().get(..last.end).unwrap_or_default();
    let mut named = needles.next_source(text, first.start);
    for span in spans {
        let Some(record) = text.get(span.start..span.end) else { continue };
        counts.records += 1;
        if span.spoiled.is_none() {
            identify(identity(record));
        }
        while named.is_some_and(|at| at < span.start) {
            named = needles.next_source(text, span.start);
        }
        let can_matter = match named.filter(|at| *at < span.end) {
            None => needles.has(record),
            Some(mut at) => {
                let mut is_told = false;
                while at < span.end {
                    is_told |= needles.has_named(record, at - span.start);
                    named = needles.next_source(text, at + 1);
                    at = named.unwrap_or(usize::MAX);
                }
                is_told
            }
        };
        if can_matter || span.spoiled.is_some() {
            visit(RawRecord { ordinal: counts.records, offset: window.offset + span.start as u64, text: record, spoiled: span.spoiled });
        }
    }
}

/// Returns the digest of a record's id, where it is written as CloudTrail writes it, else of its text.
fn identity(record: &[u8]) -> u64 {
    const FIELD: &[u8] = b"\"eventID\":\"";
    let id = memchr::memmem::find(record, FIELD)
        .and_then(|at| record.get(at + FIELD.len()..))
        .and_then(|rest| rest.split(|byte| *byte == b'"').next());
    xxhash_rust::xxh3::xxh3_64(id.unwrap_or(record))
}

/// A part of the file.
struct Window {
    bytes: Vec<u8>,
    filled: usize,
    /// Where in the file it begins.
    offset: u64,
}

impl Window {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn free(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Says whether so much is still needed that hardly anything new would fit.
    fn is_full(&self, needed_from: usize) -> bool {
        self.filled - needed_from > self.bytes.len() - WINDOW_BYTES / 2
    }

    fn grow(&mut self) {
        let length = (self.bytes.len() * 2).min(RECORD_BYTES + WINDOW_BYTES);
        self.bytes.resize(length, 0);
    }

    fn forget(&mut self, bytes: usize) {
        self.bytes.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        self.offset += bytes as u64;
    }
}
