//! Reads an archive, object by object and line by line, into KPIs. Of partitions that lie outside the period nothing is read.
//!
//! What cannot be read is told, and the rest is read all the same.

use std::io::{BufRead, BufReader, Read as _};

use flate2::bufread::MultiGzDecoder;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use reprieve_evidence::kpi::{Kpis, Observed, Period};
use reprieve_evidence::layout::Shelf;
use reprieve_wire::ocsf;
use serde::Serialize;
use serde_json::Value;

use crate::archive::Archive;

/// The longest line that is read, in bytes. An entry of a trail has at most 256 kB.
const LINE_LIMIT: u64 = 16 << 20;

/// How many problems are told; the others are counted.
const PROBLEMS_TOLD: usize = 50;

/// A period of more days than this is listed as a whole, and not day by day.
const DAYS_LISTED: usize = 800;

/// A clock that runs ahead must not hide what it wrote.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What was read.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    /// Objects read.
    pub(super) objects: u64,
    /// Their size, in bytes.
    pub(super) bytes: u64,
    /// Decisions, entries, findings and postures within the period, as often as they came.
    pub(super) entries: u64,
    /// How many objects or lines could not be read.
    pub(super) problems: u64,
    /// The first of these.
    pub(super) told: Vec<Problem>,
}

/// Something that could not be read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
    /// The object, and the line where it has several.
    pub(super) object: String,
    /// Why.
    pub(super) why: String,
}

impl Tally {
    fn note(&mut self, object: String, why: String) {
        self.problems += 1;
        if self.told.len() < PROBLEMS_TOLD {
            self.told.push(Problem { object, why });
        }
    }
}

/// Reads everything of a period.
///
/// # Errors
/// When the archive cannot be listed.
pub(super) async fn read(archive: &Archive, period: Period, now: Timestamp) -> anyhow::Result<(Kpis, Tally)> {
    let (mut kpis, mut tally) = (Kpis::default(), Tally::default());
    for shelf in [Shelf::Decisions, Shelf::Events, Shelf::Findings, Shelf::Posture] {
        for prefix in prefixes(shelf, period, now) {
            for object in archive.objects(&prefix).await? {
                if !may_hold(&object.name, period) {
                    continue;
                }
                tally.objects += 1;
                tally.bytes += object.size_bytes;
                match archive.read(&object.name).await {
                    Ok(bytes) => read_object(&object.name, &bytes, period, &mut kpis, &mut tally),
                    Err(error) => tally.note(object.name, format!("{error:#}")),
                }
            }
        }
    }
    Ok((kpis, tally))
}

/// Returns the prefixes to list: those of the days, where the period has a beginning; else the whole shelf.
fn prefixes(shelf: Shelf, period: Period, now: Timestamp) -> Vec<String> {
    let whole = || vec![shelf.prefix().to_owned()];
    let Some(from) = period.from else { return whole() };
    let to = period.to.unwrap_or_else(|| now.checked_add(AHEAD).unwrap_or(Timestamp::MAX));
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let last = day(to.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(to));
    let days: Vec<Date> = day(from).series(1.day()).take_while(|day| *day <= last).take(DAYS_LISTED + 1).collect();
    if days.len() > DAYS_LISTED {
        return whole();
    }
    days.into_iter().filter_map(|day| day.to_zoned(TimeZone::UTC).ok()).map(|midnight| shelf.day(midnight.timestamp())).collect()
}

/// Says whether an object's hour overlaps the period. What names no hour is read.
fn may_hold(name: &str, period: Period) -> bool {
    let Some(begins) = hour_of(name) else { return true };
    let ends = begins.checked_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX);
    period.from.is_none_or(|from| ends > from) && period.to.is_none_or(|to| begins < to)
}

/// Reads the hour out of `.../year=2026/month=11/day=21/hour=05/...`.
fn hour_of(name: &str) -> Option<Timestamp> {
    let part = |key: &str| name.split('/').find_map(|part| part.strip_prefix(key));
    let number = |key: &str| part(key)?.parse::<i8>().ok();
    let date = Date::new(part("year=")?.parse().ok()?, number("month=")?, number("day=")?).ok()?;
    let hour = number("hour=").filter(|hour| (0..24).contains(hour))?;
    date.at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn read_object(name: &str, bytes: &[u8], period: Period, kpis: &mut Kpis, tally: &mut Tally) {
    if std::path::Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz")) {
        return read_lines(name, BufReader::new(MultiGzDecoder::new(bytes)), period, kpis, tally);
    }
    if let Err(why) = take_in(bytes, period, kpis, tally) {
        tally.note(name.to_owned(), why);
    }
}

fn read_lines(name: &str, mut reader: impl BufRead, period: Period, kpis: &mut Kpis, tally: &mut Tally) {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        match reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(length) if u64::try_from(length).is_ok_and(|length| length >= LINE_LIMIT) => {
                return tally
                    .note(format!("{name}, line {number}"), format!("it is longer than {LINE_LIMIT} bytes; the rest was not read"));
            }
            Ok(_) if line.trim_ascii().is_empty() => {}
            Ok(_) => {
                if let Err(why) = take_in(&line, period, kpis, tally) {
                    tally.note(format!("{name}, line {number}"), why);
                }
            }
            Err(error) => return tally.note(format!("{name}, line {number}"), format!("it cannot be unpacked: {error}")),
        }
    }
}

fn take_in(json: &[u8], period: Period, kpis: &mut Kpis, tally: &mut Tally) -> Result<(), String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| format!("it is no JSON: {error}"))?;
    let read = ocsf::read(&value).map_err(|error| error.to_string())?;
    let observed = match &read {
        ocsf::Read::Decision(record) => Observed::Decision(record),
        ocsf::Read::Entry(audit) => Observed::Entry(audit),
        ocsf::Read::Finding(finding) => Observed::Finding(finding),
        ocsf::Read::Posture(posture) => Observed::Posture(posture),
    };
    if period.covers(&observed) {
        tally.entries += 1;
        kpis.add(&observed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: Option<&str>, to: Option<&str>) -> Period {
        Period { from: from.map(|at| at.parse().unwrap()), to: to.map(|at| at.parse().unwrap()) }
    }

    #[test]
    fn only_days_of_the_period_are_listed() {
        let now = "2026-11-21T05:00:00Z".parse().unwrap();
        let prefixes = |period| super::prefixes(Shelf::Decisions, period, now);
        assert_eq!(
            prefixes(period(Some("2026-11-19T23:00:00Z"), Some("2026-11-21T00:00:00Z"))),
            ["audit/decisions/year=2026/month=11/day=19/", "audit/decisions/year=2026/month=11/day=20/"]
        );
        assert_eq!(prefixes(period(Some("2026-11-20T00:00:00Z"), None)).len(), 3);
        assert_eq!(prefixes(period(None, Some("2026-11-21T00:00:00Z"))), ["audit/decisions/"]);
        assert_eq!(prefixes(period(Some("1999-01-01T00:00:00Z"), None)), ["audit/decisions/"]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_named_and_the_lines_before_it_count() {
        let text = format!("no JSON\n{}\nno JSON\n", "x".repeat(17 << 20));
        let (mut kpis, mut tally) = (Kpis::default(), Tally::default());
        read_lines("a.json.gz", text.as_bytes(), period(None, None), &mut kpis, &mut tally);
        let noted = format!("{tally:?}");
        assert!(noted.contains("a.json.gz, line 1") && noted.contains("a.json.gz, line 2") && !noted.contains("line 3"), "{noted}");
        assert!(noted.contains("it is longer than 16777216 bytes; the rest was not read"), "{noted}");
    }

    #[test]
    fn only_hours_that_overlap_the_period_are_read() {
        let period = period(Some("2026-11-21T05:30:00Z"), Some("2026-11-21T07:00:00Z"));
        let named = |hour: &str| format!("audit/events/year=2026/month=11/day=21/hour={hour}/account=1/region=r/f.json.gz");
        let read: Vec<&str> = ["04", "05", "06", "07"].into_iter().filter(|hour| may_hold(&named(hour), period)).collect();
        assert_eq!(read, ["05", "06"]);
        for odd in ["audit/events/f.json.gz", &named("24"), &named("x")] {
            assert!(may_hold(odd, period), "{odd}");
        }
    }
}
