//! Splits a stream of JSON into records without parsing it: where each record begins and ends, in a window over the stream.
//!
//! A record is an object at the top (JSON lines, one after another), an element of a list at the top, or an element of a list that a
//! container holds under one of [`CONTAINERS`]. Strings, escapes and nesting are followed exactly; nothing else is looked at, so a record
//! that is no JSON is found out by whoever parses it. *Architecture invariant:* whatever the input, time is linear in its bytes.

use memchr::memmem;

use crate::blocks::{BLOCK, Marks, Strings, look};
use crate::names::Names;

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
/// Bytes that are looked at before what was found in them is gone through, so that the nearest cache still has them.
const CHUNK_BYTES: usize = 8 * 1024;
/// By how much a mark changes the depth, by its last five bits: those of `{` and `[`, and those of `}` and `]`, are the same.
#[expect(clippy::indexing_slicing, reason = "done when it is compiled")]
const TURNS: [isize; 32] = {
    let mut turns = [0; 32];
    turns[kind(b'{')] = 1;
    turns[kind(b'}')] = -1;
    turns
};

/// The last five bits of a byte.
const fn kind(byte: u8) -> usize {
    (byte & 31) as usize
}

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

/// A mark that matters, by its index in the list, and how deep it is below where records begin.
#[derive(Debug, Clone, Copy, Default)]
struct Near {
    index: u32,
    below_base: i32,
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
    strings: Strings,
    /// What was found in the blocks that were looked at last.
    found: Vec<u64>,
    /// Where in these places are, counted from where they begin, that were not gone through yet.
    marks: Marks,
    /// Of these, those that matter to where records begin and end, and to their own fields.
    near: Vec<Near>,
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
            strings: Strings::default(),
            found: Vec::new(),
            marks: Marks::default(),
            near: Vec::new(),
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

    /// Looks at all whole blocks but the last byte: a line feed is judged by the byte after it.
    fn scan_blocks(&mut self, window: &[u8], spans: &mut Vec<Span>) {
        let text = window.get(..window.len().saturating_sub(1)).unwrap_or_default();
        while self.at + BLOCK <= text.len() {
            let chunk = text.get(..text.len().min(self.at + CHUNK_BYTES)).unwrap_or_default();
            let looked = look(chunk, self.at, self.strings, &mut self.found, &mut self.marks);
            let (until, strings) = (looked.until, looked.strings);
            if let Some(next) = self.walk(window, self.at, looked.broken_at, spans) {
                self.resume_at(next);
            } else {
                (self.at, self.strings) = (until, strings);
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
            let looked = look(&last, 0, self.strings, &mut self.found, &mut self.marks);
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

    /// Goes through the marks in their order, which are counted from `from`, then through a string that is broken by the end of its line.
    /// Returns where to go on, where that is not after them.
    fn walk(&mut self, window: &[u8], from: usize, broken_at: Option<usize>, spans: &mut Vec<Span>) -> Option<usize> {
        let mut marks = std::mem::take(&mut self.marks);
        let (done, mut next) = self.skim(window, from, marks.places(), spans);
        if next.is_none() {
            next = marks.places().iter().skip(done).find_map(|mark| self.pass(window, from + usize::from(*mark), spans));
        }
        marks.clear();
        self.marks = marks;
        next.or_else(|| Some(self.cut(window, broken_at?, spans)))
    }

    /// Goes through marks as [`Splitter::walk`] does, but first tells those that matter from the many that only change the depth, without
    /// a branch. Returns how many it went through, since it stops where the list of records ends, or another begins; and where to go on,
    /// where that is not after them.
    fn skim(&mut self, window: &[u8], from: usize, marks: &[u16], spans: &mut Vec<Span>) -> (usize, Option<usize>) {
        let (base, may_contain) = (self.base, self.may_contain);
        let mut near = std::mem::take(&mut self.near);
        let depths = Depths { now: self.depth.cast_signed(), base: base.cast_signed(), may_contain };
        let (count, end) = tell_near(window.get(from..).unwrap_or_default(), marks, depths, &mut near);
        let (mut stopped_at, mut next) = (None, None);
        for Near { index, below_base } in near.iter().take(count) {
            let index = *index as usize;
            let position = from + marks.get(index).copied().map_or(0, usize::from);
            let byte = window.get(position);
            match byte {
                Some(b'"') => {
                    // What is near while a record is open, and no bracket, is among its own fields.
                    if let Some(text) = self.start.and_then(|start| window.get(start..position)) {
                        self.names.saw(text);
                    }
                }
                Some(b'{' | b'[' | b'}' | b']') => {
                    let depth = base.wrapping_add_signed(*below_base as isize);
                    self.depth = depth;
                    let is_opening = matches!(byte, Some(b'{' | b'['));
                    if is_opening {
                        self.open(window, position, spans);
                    } else {
                        self.close(window, position, spans);
                    }
                    // What comes after it was told by what no longer holds, or the bracket has no partner.
                    if self.base != base || self.may_contain && !may_contain || !is_opening && self.depth == depth {
                        stopped_at = Some(index + 1);
                        break;
                    }
                }
                Some(b'\n') => {
                    next = self.newline(window, position, spans);
                    if next.is_some() {
                        stopped_at = Some(index + 1);
                        break;
                    }
                }
                _ => {
                    if self.start.is_some() && window.get(position + 1) == Some(&b'u') {
                        self.names.saw_unicode();
                    }
                }
            }
        }
        if stopped_at.is_none() {
            self.depth = end.cast_unsigned();
        }
        self.near = near;
        (stopped_at.unwrap_or(marks.len()), next)
    }

    /// Goes through one mark. Returns where to go on, where that is not after it.
    fn pass(&mut self, window: &[u8], position: usize, spans: &mut Vec<Span>) -> Option<usize> {
        let byte = window.get(position).copied().unwrap_or_default();
        if byte != b'\n' && self.depth >= self.base + 2 {
            // Inside of a record, where none begins or ends, no list that may be a container's, and no field of its own.
            self.depth = self.depth.wrapping_add_signed(TURNS.get(kind(byte)).copied().unwrap_or_default());
            return None;
        }
        match byte {
            b'"' => {
                if let Some(before) = self.own_text(window, position) {
                    self.names.saw(before);
                }
            }
            b'{' | b'[' => self.open(window, position, spans),
            b'}' | b']' => self.close(window, position, spans),
            b'\n' => return self.newline(window, position, spans),
            _ => {
                if window.get(position + 1) == Some(&b'u') && self.own_text(window, position).is_some() {
                    self.names.saw_unicode();
                }
            }
        }
        None
    }

    /// Returns the open record up to a place, where that is in none of its objects and lists.
    #[inline]
    fn own_text<'a>(&self, window: &'a [u8], position: usize) -> Option<&'a [u8]> {
        let start = self.start.filter(|_| self.depth == self.base + 1)?;
        window.get(start..position)
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

/// What tells which marks matter.
#[derive(Debug, Clone, Copy)]
struct Depths {
    now: isize,
    /// The depth at which records begin.
    base: isize,
    may_contain: bool,
}

/// Tells which marks matter: brackets that lead to where records begin or away from there, or to where a container's list may begin; all
/// else in records' own fields or outside of records; line feeds. Returns how many there are, which are the first in the list, and the
/// depth after all marks.
#[inline(never)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is so deep that the number is cut off is not near, or a line feed, of which nobody asks it"
)]
fn tell_near(text: &[u8], marks: &[u16], depths: Depths, near: &mut Vec<Near>) -> (usize, isize) {
    let Depths { now, base, may_contain } = depths;
    // By the kind of a mark: how far below where records begin it matters at most, once it has changed the depth or before.
    let mut most = [1_isize; 32];
    let of_brackets = isize::from(may_contain);
    for (byte, depth) in [(b'{', of_brackets), (b'}', of_brackets), (b'\n', isize::MAX)] {
        if let Some(most) = most.get_mut(kind(byte)) {
            *most = depth;
        }
    }
    if near.len() < marks.len() {
        near.resize(marks.len(), Near::default());
    }
    let mut below_base = now - base;
    let mut count = 0_usize;
    let mut index = 0;
    for mark in marks {
        let kind = kind(text.get(usize::from(*mark)).copied().unwrap_or_default());
        let before = below_base;
        below_base = below_base.wrapping_add(TURNS.get(kind).copied().unwrap_or_default());
        if let Some(near) = near.get_mut(count) {
            *near = Near { index, below_base: before as i32 };
        }
        index = index.wrapping_add(1);
        count = count.wrapping_add(usize::from(before.min(below_base) <= most.get(kind).copied().unwrap_or_default()));
    }
    (count, base.wrapping_add(below_base))
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
