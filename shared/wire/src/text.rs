//! A text that holds events in any accepted form: one JSON object, pretty-printed or not, an array, JSON lines, a CloudTrail file
//! (`{"Records":[...]}`), an SQS batch, the answer of `cloudtrail lookup-events`, or a mixture.
//!
//! What cannot be parsed gives an error for its line, and the rest goes on. Nesting is bounded by the JSON parser.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Deserializer, Value};

use crate::error::{WireError, shorten};
use crate::sqs::{is_message, parse_event, parse_message};
use crate::{Line, Sighting};

/// Parses every event of a text, in the order of the text. A text without any event gives nothing.
#[must_use]
pub fn parse_text(text: &str) -> Vec<Line> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, lines: Vec::new() };
    while reader.skip_blank() {
        reader.read_value();
    }
    reader.lines
}

struct Reader<'a> {
    rest: &'a str,
    /// The line on which `rest` begins.
    line: usize,
    lines: Vec<Line>,
}

impl<'a> Reader<'a> {
    /// Skips white space and the commas that separate values; says whether anything is left.
    fn skip_blank(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        self.advance(self.rest.len() - trimmed.len());
        !self.rest.is_empty()
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += count_lines(passed);
        self.rest = rest;
    }

    fn read_value(&mut self) {
        let mut stream = Deserializer::from_str(self.rest).into_iter::<&'a RawValue>();
        match stream.next() {
            Some(Ok(raw)) => {
                let raw: &'a RawValue = raw;
                let consumed = stream.byte_offset();
                read_raw(raw, self.line, &mut self.lines);
                self.advance(consumed);
            }
            Some(Err(source)) => self.read_spoiled(&source),
            None => self.rest = "",
        }
    }

    /// Reports the value that begins here, and goes on at the next line on which a value can begin.
    fn read_spoiled(&mut self, source: &serde_json::Error) {
        let shown = self.rest.lines().next().unwrap_or_default();
        let begins_value = shown.starts_with(['{', '[']);
        let parsed = Err(WireError::NotJson { input: shorten(shown), why: reason(source, self.line) });
        self.lines.push(Line { line: self.line, parsed });
        self.skip_line();
        // The inner and closing lines of a pretty-printed value belong to what was just reported.
        while begins_value && self.rest.starts_with([' ', '\t', '\r', '}', ']']) {
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        self.advance(self.rest.find('\n').map_or(self.rest.len(), |end| end + 1));
    }
}

/// Says what the parser found, with the line of the whole text instead of the line of the part that it was given.
fn reason(source: &serde_json::Error, first_line: usize) -> String {
    let said = source.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    format!("{what} at line {} column {}", first_line + source.line().max(1) - 1, source.column())
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Reads one JSON value that begins on `line`: one event, or a container of several.
fn read_raw(raw: &RawValue, line: usize, lines: &mut Vec<Line>) {
    let text = raw.get();
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        for item in items {
            read_raw_item(item, line_of(text, item, line), lines);
        }
        return;
    }
    if let Some(items) = items_of_container(text) {
        for item in items {
            read_raw_item(item, line_of(text, item, line), lines);
        }
        return;
    }
    read_raw_item(raw, line, lines);
}

/// Reads one element, which is one event and no container any more.
fn read_raw_item(raw: &RawValue, line: usize, lines: &mut Vec<Line>) {
    let text = raw.get();
    let parsed = match serde_json::from_str::<Value>(text) {
        Ok(value) => parse_item(&value),
        Err(source) => Err(WireError::NotJson { input: shorten(text), why: reason(&source, line) }),
    };
    lines.push(Line { line, parsed });
}

fn parse_item(value: &Value) -> Result<Sighting, WireError> {
    if is_message(value) {
        return parse_message(value).sighting;
    }
    // `cloudtrail lookup-events` answers with the record as a string.
    if let Some(record) = value.get("CloudTrailEvent").and_then(Value::as_str) {
        let record = serde_json::from_str(record).map_err(|source| WireError::not_json(record, &source))?;
        return parse_event(&record);
    }
    parse_event(value)
}

/// Returns the elements of `{"Records":[...]}` or `{"Events":[...]}`; `None` for what is itself an event, or no container.
fn items_of_container(text: &str) -> Option<Vec<&RawValue>> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if fields.contains_key("eventName") || fields.contains_key("detail-type") {
        return None;
    }
    let items = ["Records", "Events"].iter().find_map(|name| fields.get(*name))?;
    serde_json::from_str(items.get()).ok()
}

/// Returns the line on which a part begins; the part is borrowed from the whole.
fn line_of(whole: &str, part: &RawValue, first_line: usize) -> usize {
    let offset = (part.get().as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    first_line + whole.get(..offset).map_or(0, count_lines)
}
