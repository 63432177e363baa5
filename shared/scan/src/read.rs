//! Records that can matter, parsed: entries of audit logs, what is about something else, and what cannot be read.

use std::cell::RefCell;
use std::io::Read;

use memchr::memmem;
use reprieve_wire::WireError;
use reprieve_wire::audit::{self, NEEDLES, Parsed};
use serde_json::Value;

use crate::counts::Counts;
use crate::identity;
use crate::needles::Needles;
use crate::source::Fault;
use crate::split::Spoiled;
use crate::stream::{Identify, RECORD_BYTES, RawRecord, Sink, candidates};

/// The most of a text that an error shows, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// Sees digests, some at a time, and may keep them.
type IdentifyMut<'a> = dyn FnMut(&[u64]) + 'a;

/// One record that was parsed, or what could not be read as one.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The record, and where it stands.
    pub record: RawRecord<'a>,
    /// What it is.
    pub parsed: Result<Parsed, WireError>,
}

/// What came of a log file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// What was read.
    pub counts: Counts,
    /// Why it was not read to its end, or not at all; what was read before that counts.
    pub fault: Option<Fault>,
}

/// Reads log files; made once, used for many.
#[derive(Debug)]
pub struct Scanner {
    needles: Needles,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new(Needles::new(NEEDLES))
    }
}

impl Scanner {
    /// Makes one that parses what these texts tell.
    #[must_use]
    pub const fn new(needles: Needles) -> Self {
        Self { needles }
    }

    /// Reads a log file, gz or not. `visit` sees every record that was parsed and whatever cannot be read, in the file's order.
    pub fn scan(&self, mut reader: impl Read, mut visit: impl FnMut(Entry<'_>)) -> Scan {
        self.read(&mut reader, None, &mut visit)
    }

    /// Reads a log file as [`Scanner::scan`] does. `identify` sees a digest of every record, of whatever service: of its id where it has
    /// one, else of what it holds. Records of the same id have the same digest, in whatever file and however they are written. What is no
    /// record has none.
    pub fn scan_with_identities(&self, mut reader: impl Read, mut identify: impl FnMut(u64), mut visit: impl FnMut(Entry<'_>)) -> Scan {
        let mut each = |digests: &[u64]| digests.iter().for_each(|digest| identify(*digest));
        self.read(&mut reader, Some(&mut each), &mut visit)
    }

    fn read(&self, reader: &mut dyn Read, identify: Option<&mut IdentifyMut<'_>>, visit: &mut dyn FnMut(Entry<'_>)) -> Scan {
        let mut parsed = Counts::default();
        // Records that are found late, in what another seemed to hold, have digests as well.
        let identify = identify.map(RefCell::new);
        let tell = |digests: &[u64]| {
            if let Some(identify) = &identify {
                (identify.borrow_mut())(digests);
            }
        };
        let mut visit_raw = |record: RawRecord<'_>| match record.spoiled {
            Some(spoiled) => {
                parsed.unreadable += 1;
                visit(Entry { record, parsed: Err(of_spoiled(record.text, spoiled)) });
            }
            None => self.parse(record, &mut parsed, &tell, visit),
        };
        let identify = identify.is_some().then_some(&tell as &Identify<'_>);
        let (mut counts, fault) = candidates(reader, &self.needles, Sink { identify, visit: &mut visit_raw });
        counts += parsed;
        Scan { counts, fault }
    }

    fn parse(&self, record: RawRecord<'_>, counts: &mut Counts, tell: &Identify<'_>, visit: &mut dyn FnMut(Entry<'_>)) {
        counts.candidates += 1;
        let parsed = match serde_json::from_slice::<Value>(record.text) {
            Ok(value) => of_value(&value),
            Err(error) => {
                counts.unreadable += 1;
                visit(Entry { record, parsed: Err(not_json(record.text, error.to_string())) });
                return self.parse_lines(record, counts, tell, visit);
            }
        };
        match &parsed {
            Ok(Parsed::Entry(_)) => counts.entries += 1,
            Ok(Parsed::NotOurs { .. }) => counts.not_ours += 1,
            Err(_) => counts.unreadable += 1,
        }
        visit(Entry { record, parsed });
    }

    /// What is no JSON may have lost its end, and so swallowed the lines after it: looks for records among these.
    fn parse_lines(&self, record: RawRecord<'_>, counts: &mut Counts, tell: &Identify<'_>, visit: &mut dyn FnMut(Entry<'_>)) {
        for at in memmem::find_iter(record.text, b"\n{") {
            let line = record.text.get(at + 1..).and_then(|rest| rest.split(|byte| *byte == b'\n').next()).unwrap_or_default();
            let line = line.trim_ascii_end();
            let text = line.strip_suffix(b",").unwrap_or(line);
            let is_record = self.needles.may_have(text) && serde_json::from_slice::<Value>(text).is_ok();
            if is_record {
                counts.records += 1;
                tell(&[identity::of_text(text)]);
                self.parse(RawRecord { offset: record.offset + at as u64 + 1, text, ..record }, counts, tell, visit);
            }
        }
    }
}

/// Reads a log file, gz or not, with what tells records that are ours; see [`Scanner::scan`].
pub fn entries(reader: impl Read, visit: impl FnMut(Entry<'_>)) -> Scan {
    Scanner::default().scan(reader, visit)
}

fn of_value(value: &Value) -> Result<Parsed, WireError> {
    // An Insight tells of how often a call is made; the call's own records are elsewhere.
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("eventCategory") == Some("Insight") || text("eventType") == Some("AwsCloudTrailInsight") {
        let of = |name| text(name).unwrap_or_default().to_owned();
        return Ok(Parsed::NotOurs { source: of("eventSource"), name: format!("Insight of {}", of("eventName")) });
    }
    audit::parse(value)
}

fn of_spoiled(text: &[u8], spoiled: Spoiled) -> WireError {
    let why = match spoiled {
        Spoiled::CutOnItsLine => "the record breaks off at the end of its line".to_owned(),
        Spoiled::CutByTheEnd => "the file ends in the middle of the record".to_owned(),
        Spoiled::TooLarge => format!("the record is larger than {} KiB, the most of any log that is read here", RECORD_BYTES / 1024),
        Spoiled::Stray => "it stands between records, and is none".to_owned(),
    };
    not_json(text, why)
}

fn not_json(text: &[u8], why: String) -> WireError {
    let text = String::from_utf8_lossy(text.get(..4 * SHOWN_CHARACTERS).unwrap_or(text));
    let mut characters = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut input: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    if characters.next().is_some() {
        input.push('…');
    }
    WireError::NotJson { input, why }
}
