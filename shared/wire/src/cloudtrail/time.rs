//! Times in every form that CloudTrail writes them: ISO 8601, and the English forms of `deletionDate` and `validTo`.
//!
//! A time without a zone is UTC, as CloudTrail's are.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::error::{shorten, shorten_value};
use crate::fields::{Fields, Oddities};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Numbers above this are epoch milliseconds: as seconds they would be past the year 5000.
const LARGEST_EPOCH_SECONDS: f64 = 1e11;

/// A time, and what was odd about the way it was written.
struct Reading {
    time: Timestamp,
    oddity: Option<&'static str>,
}

/// Reads a field that holds a time; notes one that is odd, or none.
pub(crate) fn read(fields: &Fields<'_>, name: &str, odd: &mut Oddities) -> Option<Timestamp> {
    let value = fields.value(name, odd)?.clone();
    let reading = match &value {
        Value::String(text) => parse_text(text),
        Value::Number(number) => number.as_f64().and_then(parse_epoch),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let what = match &reading {
        Some(Reading { oddity: None, .. }) => None,
        Some(Reading { oddity: Some(oddity), .. }) => Some(format!("{oddity}: `{}`", shorten_value(&value))),
        None => Some(format!("is not a time: `{}`", shorten_value(&value))),
    };
    if let Some(what) = what {
        odd.note(fields.path(name), what);
    }
    reading.map(|reading| reading.time)
}

fn parse_text(text: &str) -> Option<Reading> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        let oddity = (!text.contains(['T', 't'])).then_some("has a space where a `T` is expected");
        return Some(Reading { time, oddity });
    }
    if let Some(reading) = parse_english(text) {
        return Some(reading);
    }
    if let Ok(number) = text.parse::<f64>() {
        return parse_epoch(number);
    }
    let time = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Reading { time, oddity: Some("has no zone; taken as UTC") })
}

fn parse_epoch(number: f64) -> Option<Reading> {
    if !number.is_finite() {
        return None;
    }
    let milliseconds = if number.abs() > LARGEST_EPOCH_SECONDS { number } else { number * 1000.0 };
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and Timestamp refuses what is out of its range")]
    let time = Timestamp::from_millisecond(milliseconds.round() as i64).ok()?;
    Some(Reading { time, oddity: Some("is written as epoch time") })
}

/// Reads `Jan 1, 2019 12:00:00 AM`, `Oct 21, 2024, 2:25:29 PM` and `Apr 12, 2021 18:58:30 PM`, which mixes two clocks.
fn parse_english(text: &str) -> Option<Reading> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let (month, day, year, clock, half) = match words.as_slice() {
        [month, day, year, clock] => (month, day, year, clock, None),
        [month, day, year, clock, half] => (month, day, year, clock, Some(*half)),
        _ => return None,
    };
    let month = month.get(..3)?.to_ascii_lowercase();
    let month = i8::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let date = Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    let mut parts = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (written_hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().map_or(Some(0), |second| second)?;
    let (hour, oddity) = hour_of_day(written_hour, half)?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    let time = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Reading { time, oddity })
}

fn hour_of_day(hour: i8, half: Option<&str>) -> Option<(i8, Option<&'static str>)> {
    let Some(half) = half else {
        return Some((hour, None));
    };
    let afternoon = half.eq_ignore_ascii_case("pm");
    if !afternoon && !half.eq_ignore_ascii_case("am") {
        return None;
    }
    Some(match hour {
        12 if !afternoon => (0, None),
        0 | 13..=23 => (hour, Some("mixes a 24-hour clock with AM or PM; the 24-hour clock is taken")),
        1..=11 if afternoon => (hour + 12, None),
        _ => (hour, None),
    })
}

/// Reads epoch milliseconds written as a string, as SQS writes them.
pub(crate) fn epoch_milliseconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(shorten(text).parse().ok()?).ok()
}
