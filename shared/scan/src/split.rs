//! Splits a stream of JSON into records without parsing it: where each record begins and ends, in a window over the stream.
//!
//! A record is an object at the top (JSON lines, one after another), an element of a list at the top, or an element of a list that a
//! container holds under one of [`CONTAINERS`]. Strings, escapes and nesting are followed exactly; nothing else is looked at, so a record
//! that is no JSON is found out by whoever parses it. *Architecture invariant:* whatever the input, time is linear in its bytes.

use memchr::memmem;

use crate::blocks::{BLOCK, Group, Strings, look};
use crate::names::{MOST_BYTES, Names};
use crate::near::{Depths, Finder, Near, marks_after};

/// Fields under which a container holds its records: CloudTrail, Azure's diagnostic logs, `cloudtrail lookup-events`, pages of Azure's
/// Activity Log, pages of Google's `entries.list`.
const CONTAINERS: [&[u8]; 5] = [b"Records", b"records", b"Events", b"value", b"entries"];
/// Fields that only a record has: what has one of them before the list is no container.
const OF_A_RECORD: [&[u8]; 3] = [b"\"eventName\"", b"\"detail-type\"", b"\"protoPayload\""];
/// Lists in lists that are followed.
const MOST_LEVELS: usize = 16;
/// The most of a record's beginning by which records of one list are told.
const SIGNATURE_BYTES: usize = 64;
/// Bytes before the place of work that are kept, to read a field's name.
const KEPT_BYTES: usize = 64;
/// The most bytes that are looked at before what was found in them is gone through, so that the nearest cache still has them.
const CHUNK_BYTES: usize = 16 * 1024;
/// As many after something was lost: where much is, most of what is looked at would be looked at again.
const FEW_BYTES: usize = 2 * BLOCK;

/// Why a record is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoiled {
    /// A string goes on over the end of its line, or the record does.
    CutOnItsLine,
    /// The input ends inside of it.
    CutByTheEnd,
    /// It is larger than a record may be.
    TooLarge,
    /// It is no record, but something else between records.
    Stray,
}

/// A record in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) spoiled: Option<Spoiled>,
    /// Where the fields are by which it is told from others.
    pub(crate) names: Names,
}

impl Span {
    /// What is no record.
    fn spoiled(start: usize, end: usize, why: Spoiled) -> Self {
        Self { start, end, spoiled: Some(why), names: Names::default() }
    }
}

/// The state between two windows. Positions are those of the window.
#[derive(Debug)]
pub(crate) struct Splitter {
    /// Up to where the window was looked at.
    at: usize,
    /// So many bytes are looked at next.
    chunk_bytes: usize,
    strings: Strings,
    /// What was found in the blocks that were looked at last.
    found: Vec<Group>,
    /// Finds what of it matters.
    finder: Finder,
    depth: usize,
    /// The depth at which a record begins.
    base: usize,
    /// That of the lists around the innermost one, and of the top.
    outer: Vec<usize>,
    /// A record may turn out to be a container: at the top any, in a list the first.
    may_contain: bool,
    /// Where the open record begins.
    start: Option<usize>,
    /// What of its fields was seen.
    names: Names,
    /// The open record has had a line feed outside of strings.
    has_newline: bool,
    /// From where on nothing but blanks may come until the next record; `None` where that is not known.
    gap: Option<usize>,
    /// How records of the innermost list begin.
    signature: Vec<u8>,
    /// Something was lost, and brackets without a partner may follow.
    has_lost: bool,
    /// Bytes that may still be looked at again.
    credit: usize,
}

impl Splitter {
    pub(crate) fn new() -> Self {
        Self {
            at: 0,
            chunk_bytes: CHUNK_BYTES,
            strings: Strings::default(),
            found: Vec::new(),
            finder: Finder::default(),
            depth: 0,
            base: 0,
            outer: Vec::new(),
            may_contain: true,
            start: None,
            names: Names::default(),
            has_newline: false,
            gap: Some(0),
            signature: Vec::new(),
            has_lost: false,
            credit: 0,
        }
    }

    /// Looks on in the window, and adds what records end in it; `is_end` where nothing follows the window.
    pub(crate) fn scan(&mut self, window: &[u8], is_end: bool, spans: &mut Vec<Span>) {
        self.credit = self.credit.saturating_add(2 * window.len().saturating_sub(self.at));
        loop {
            self.scan_blocks(window, spans);
            if !is_end {
                return;
            }
            self.scan_rest(window, spans);
            if !self.end_of_input(window, spans) {
                return;
            }
        }
    }

    /// Returns from where on the window is still needed.
    pub(crate) fn needed_from(&mut self, window: &[u8], spans: &mut Vec<Span>) -> usize {
        if self.start.is_none() {
            self.close_gap(window, self.at, spans);
            if self.depth == self.base && !self.strings.is_open() {
                self.gap = Some(self.at);
            }
        }
        self.start.unwrap_or(self.at).min(self.at.saturating_sub(KEPT_BYTES))
    }

    /// The first bytes of the window were let go.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
        self.start = self.start.map(|start| start.saturating_sub(bytes));
        self.gap = self.gap.map(|gap| gap.saturating_sub(bytes));
    }

    /// The window is full and the record that began in it does not end: gives it up, and goes on with the next one that can be told.
    pub(crate) fn give_up(&mut self, window: &[u8], spans: &mut Vec<Span>) {
        let Some(start) = self.start.take() else { return };
        spans.push(Span::spoiled(start, self.at, Spoiled::TooLarge));
        if let Some(next) = self.next_after(window, start, self.at) {
            self.resume_at(next);
        }
        // Else its end is waited for, by its brackets.
    }

    /// Looks at all whole blocks but the last bytes: a line feed is judged by the byte after it, a name by all of its own.
    fn scan_blocks(&mut self, window: &[u8], spans: &mut Vec<Span>) {
        let text = window.get(..window.len().saturating_sub(MOST_BYTES)).unwrap_or_default();
        while self.at + BLOCK <= text.len() {
            let chunk = text.get(..text.len().min(self.at + self.chunk_bytes)).unwrap_or_default();
            let looked = look(chunk, self.at, self.strings, &mut self.found);
            let (until, strings) = (looked.until, looked.strings);
            if let Some(next) = self.walk(window, self.at, looked.broken_at, spans) {
                self.resume_at(next);
            } else {
                (self.at, self.strings) = (until, strings);
                self.chunk_bytes = CHUNK_BYTES.min(self.chunk_bytes * 2);
            }
        }
    }

    /// Looks at what is shorter than a block, or the last one, filled up with blanks.
    fn scan_rest(&mut self, window: &[u8], spans: &mut Vec<Span>) {
        while self.at < window.len() {
            let mut last = [b' '; 2 * BLOCK];
            let rest = window.get(self.at..).unwrap_or_default();
            let length = rest.len();
            for (into, byte) in last.iter_mut().zip(rest) {
                *into = *byte;
            }
            let looked = look(&last, 0, self.strings, &mut self.found);
            let strings = looked.strings;
            if let Some(next) = self.walk(window, self.at, looked.broken_at.map(|broken| self.at + broken), spans) {
                self.resume_at(next);
                self.scan_blocks(window, spans);
            } else {
                (self.at, self.strings) = (self.at + length.min(last.len()), strings);
            }
        }
    }

    /// Gives up the record that the input ends in; says whether there is more to look at, which it seemed to hold.
    fn end_of_input(&mut self, window: &[u8], spans: &mut Vec<Span>) -> bool {
        let Some(start) = self.start.take() else {
            self.close_gap(window, window.len(), spans);
            return false;
        };
        let next = self.next_after(window, start, window.len());
        spans.push(Span::spoiled(start, next.unwrap_or(window.len()), Spoiled::CutByTheEnd));
        if let Some(next) = next {
            self.resume_at(next);
        }
        next.is_some()
    }

    /// Goes through what was found from `from` on in its order, then through a string that is broken by the end of its line. Returns where
    /// to go on, where that is not after them.
    fn walk(&mut self, window: &[u8], from: usize, broken_at: Option<usize>, spans: &mut Vec<Span>) -> Option<usize> {
        let found = std::mem::take(&mut self.found);
        let mut finder = std::mem::take(&mut self.finder);
        let (stopped_at, mut next) = self.skim(window, from, &found, &mut finder, spans);
        if let (Some(place), None) = (stopped_at, next) {
            next = marks_after(&found, place).find_map(|place| self.pass(window, from + place, spans));
        }
        (self.found, self.finder) = (found, finder);
        next.or_else(|| Some(self.cut(window, broken_at?, spans)))
    }

    /// Goes through what was found as [`Splitter::walk`] does, but leaves out all that only changes the depth. Returns after which place it
    /// stopped, since the list of records ends there, or another begins; and where to go on, where that is not after it.
    fn skim(
        &mut self,
        window: &[u8],
        from: usize,
        found: &[Group],
        finder: &mut Finder,
        spans: &mut Vec<Span>,
    ) -> (Option<u32>, Option<usize>) {
        let (base, may_contain) = (self.base, self.may_contain);
        let below_base = self.depth.cast_signed() - base.cast_signed();
        let (near, end) = finder.find(found, Depths { below_base, may_contain });
        for Near { place, below_base } in near.iter().copied() {
            let position = from + place as usize;
            let byte = window.get(position);
            match byte {
                Some(b'{' | b'[' | b'}' | b']') => {
                    let depth = base.wrapping_add_signed(below_base as isize);
                    self.depth = depth;
                    let is_opening = matches!(byte, Some(b'{' | b'['));
                    if is_opening {
                        self.open(window, position, spans);
                    } else {
                        self.close(window, position, spans);
                    }
                    // What comes after it was told by what no longer holds, or the bracket has no partner.
                    if self.base != base || self.may_contain && !may_contain || !is_opening && self.depth == depth {
                        return (Some(place), None);
                    }
                }
                Some(b'\n') => {
                    let next = self.newline(window, position, spans);
                    if next.is_some() {
                        return (Some(place), next);
                    }
                }
                // What is near while a record is open, and no bracket, is among its own fields.
                _ => self.name(window, position),
            }
        }
        self.depth = base.wrapping_add_signed(end);
        (None, None)
    }

    /// Goes through one mark. Returns where to go on, where that is not after it.
    fn pass(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) -> Option<usize> {
        let byte = window.get(position).copied().unwrap_or_default();
        let is_deep = self.depth >= self.base + 2;
        match byte {
            b'\n' => return self.newline(window, position, spans),
            // Inside of a record, where none begins or ends, and no list that may be a container's.
            b'{' | b'[' if is_deep => self.depth += 1,
            b'}' | b']' if is_deep => self.depth -= 1,
            b'{' | b'[' => self.open(window, position, spans),
            b'}' | b']' => self.close(window, position, spans),
            _ if self.depth == self.base + 1 => self.name(window, position),
            _ => {}
        }
        None
    }

    /// Takes note of what may be a name of the open record's own fields.
    fn name(&mut self, window: &[u8], position: usize) {
        if let Some((start, record)) = self.start.and_then(|start| Some((start, window.get(start..)?))) {
            self.names.saw(record, position - start);
        }
    }

    fn open(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) {
        let may_nest = || window.get(position) == Some(&b'[') && self.outer.len() < MOST_LEVELS;
        if self.depth == self.base {
            let is_list = may_nest();
            self.close_gap(window, position, spans);
            if is_list {
                self.enter(position);
            } else {
                self.start = Some(position);
                self.names = Names::default();
                self.has_newline = false;
            }
        } else if self.may_contain && self.depth == self.base + 1 && may_nest() && self.is_container(window, position) {
            self.start = None;
            self.enter(position);
        }
        self.depth += 1;
    }

    /// Enters a list of records.
    fn enter(&mut self, position: usize) {
        self.outer.push(self.base);
        self.base = self.depth + 1;
        self.may_contain = true;
        self.signature.clear();
        self.gap = Some(position + 1);
    }

    fn close(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) {
        if self.depth == 0 {
            // It has no partner: the gap's end will tell.
            return;
        }
        if self.depth == self.base {
            self.close_gap(window, position, spans);
            self.base = self.outer.pop().unwrap_or_default();
            self.may_contain = true;
        }
        self.depth -= 1;
        if self.depth != self.base {
            return;
        }
        if let Some(start) = self.start.take() {
            spans.push(Span { start, end: position + 1, spoiled: None, names: self.names });
            if self.signature.is_empty() && !self.outer.is_empty() {
                self.signature = signature(window, start);
                // The elements of a list are of one kind.
                self.may_contain = false;
            }
        }
        self.gap = Some(position + 1);
    }

    /// Judges a line feed outside of strings: none ends the first line of a record that the next line begins anew.
    fn newline(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) -> Option<usize> {
        let is_first = self.start.is_some() && !self.has_newline;
        self.has_newline |= is_first;
        if !is_first || window.get(position + 1) != Some(&b'{') {
            return None;
        }
        let before = window.get(..position).and_then(|before| before.iter().rev().find(|byte| !byte.is_ascii_whitespace()));
        if matches!(before, Some(b',' | b'[')) { None } else { Some(self.cut(window, position, spans)) }
    }

    /// Gives up what is open at the end of a line, and returns where to go on.
    fn cut(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) -> usize {
        let mut next = None;
        if let Some(start) = self.start.take() {
            next = self.next_after(window, start, position);
            spans.push(Span::spoiled(start, next.unwrap_or(position), Spoiled::CutOnItsLine));
        } else if self.depth == self.base {
            self.close_gap(window, position, spans);
        }
        let begins_anew = window.get(position + 1) == Some(&b'{');
        if next.is_none() && begins_anew {
            self.outer.clear();
            self.base = 0;
            self.may_contain = true;
            self.signature.clear();
        }
        next.unwrap_or(position + 1)
    }

    /// Returns where the record after one that began at `start` and does not end begins, where that can be told: on a new line, or as the
    /// others of its list do.
    fn next_after(&mut self, window: &[u8], start: usize, until: usize) -> Option<usize> {
        let from = start + 1;
        let text = window.get(from..until)?;
        let in_list = (!self.signature.is_empty()).then(|| memmem::find(text, &self.signature)).flatten();
        let on_a_line = || memmem::find(text, b"\n{").map(|found| found + 1);
        let next = from + in_list.or_else(on_a_line)?;
        // Each byte may be looked at again a few times, and no more.
        self.credit = self.credit.checked_sub(until - next)?;
        Some(next)
    }

    /// Goes on where something was lost: outside of any string, at the depth at which records begin.
    fn resume_at(&mut self, position: usize) {
        self.at = position;
        self.chunk_bytes = FEW_BYTES;
        self.strings = Strings::default();
        self.has_lost = true;
        self.depth = self.base;
        self.gap = Some(position);
    }

    /// Judges what is between two records.
    fn close_gap(&mut self, window: &[u8], end: usize, spans: &mut Vec<Span>) {
        let Some(start) = self.gap.take() else { return };
        let Some(text) = window.get(start..end) else { return };
        let has_lost = self.has_lost;
        let is_blank = |byte: &u8| {
            byte.is_ascii_whitespace() || matches!(byte, b',' | 0x1e | 0xef | 0xbb | 0xbf) || (has_lost && matches!(byte, b']' | b'}'))
        };
        let Some(first) = text.iter().position(|byte| !is_blank(byte)) else { return };
        let last = text.iter().rposition(|byte| !is_blank(byte)).unwrap_or(first);
        if !has_lost {
            spans.push(Span::spoiled(start + first, start + last + 1, Spoiled::Stray));
        }
    }

    /// Says whether the list that opens here holds a container's records.
    fn is_container(&self, window: &[u8], position: usize) -> bool {
        let Some(name) = field_before(window, position) else { return false };
        if !CONTAINERS.contains(&name) {
            return false;
        }
        let before = self.start.and_then(|start| window.get(start..position)).unwrap_or_default();
        !OF_A_RECORD.iter().any(|field| memmem::find(before, field).is_some())
    }
}

/// Returns the name of the field whose value begins here.
fn field_before(window: &[u8], position: usize) -> Option<&[u8]> {
    let before = window.get(position.saturating_sub(KEPT_BYTES)..position)?.trim_ascii_end();
    let quoted = before.strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"")?;
    quoted.get(memchr::memrchr(b'"', quoted)? + 1..)
}

/// Returns how a record begins: with the name of its first field.
fn signature(window: &[u8], start: usize) -> Vec<u8> {
    let text = window.get(start..window.len().min(start + SIGNATURE_BYTES)).unwrap_or_default();
    let mut quotes = memchr::memchr_iter(b'"', text);
    let (_, last) = (quotes.next(), quotes.next());
    last.and_then(|last| text.get(..=last)).unwrap_or_default().to_vec()
}
