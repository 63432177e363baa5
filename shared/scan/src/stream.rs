//! A log file from its first byte to its last: a window over it, the records in the window, and of them those that can matter.

use std::io::Read;

use crate::counts::Counts;
use crate::identity::digest;
use crate::needles::Needles;
use crate::source::{Fault, Source};
use crate::split::{Span, Splitter, Spoiled};

/// The most bytes of one record. `CloudTrail`'s and Google's have 256 KiB at most, a message of Event Hubs 1 MiB.
pub const RECORD_BYTES: usize = 1024 * 1024;

/// Bytes of a file that are looked at together: so many that a processor's nearer caches hold them.
const WINDOW_BYTES: usize = 128 * 1024;

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

/// Sees digests, some at a time.
pub(crate) type Identify<'a> = dyn Fn(&[u64]) + 'a;

/// What is done with what is found.
pub(crate) struct Sink<'a> {
    /// Sees the digests of all records, some at a time; absent where nobody wants them.
    pub(crate) identify: Option<&'a Identify<'a>>,
    /// Sees the records that can matter, and what is no record.
    pub(crate) visit: &'a mut dyn FnMut(RawRecord<'_>),
}

/// Goes through a log file.
pub(crate) fn candidates(reader: &mut dyn Read, needles: &Needles, mut sink: Sink<'_>) -> (Counts, Option<Fault>) {
    let mut source = Source::new(reader);
    let mut window = Window { bytes: vec![0; WINDOW_BYTES], filled: 0, offset: 0 };
    let mut splitter = Splitter::new();
    let mut spans = Vec::new();
    let mut digests = Vec::new();
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
        choose(&window, &spans, needles, &mut counts, &mut sink, &mut digests);
        spans.clear();
        if is_end {
            break;
        }
        let needed_from = splitter.needed_from(window.text(), &mut spans);
        choose(&window, &spans, needles, &mut counts, &mut sink, &mut digests);
        spans.clear();
        window.forget(needed_from);
        splitter.moved(needed_from);
    }
    counts.bytes_in = source.bytes_in();
    (counts, source.fault)
}

/// Visits the spans that can matter, and identifies all.
fn choose(window: &Window, spans: &[Span], needles: &Needles, counts: &mut Counts, sink: &mut Sink<'_>, digests: &mut Vec<u64>) {
    digests.clear();
    for span in spans {
        let Some(record) = window.text().get(span.start..span.end) else { continue };
        counts.records += 1;
        if sink.identify.is_some() && span.spoiled.is_none() {
            digests.push(digest(record, span.names));
        }
        if span.spoiled.is_some() || needles.tell(record, span.names) {
            // What comes of a record is told after its digest.
            tell_digests(sink, digests);
            let offset = window.offset + span.start as u64;
            (sink.visit)(RawRecord { ordinal: counts.records, offset, text: record, spoiled: span.spoiled });
        }
    }
    tell_digests(sink, digests);
}

fn tell_digests(sink: &Sink<'_>, digests: &mut Vec<u64>) {
    if let Some(identify) = sink.identify.filter(|_| !digests.is_empty()) {
        identify(digests);
    }
    digests.clear();
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
