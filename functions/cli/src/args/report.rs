//! The arguments of `reprieve report`.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::desk::CloudArguments;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The archive: a folder that holds `audit/`, or `s3://BUCKET[/PREFIX]`
    #[arg(value_name = "ARCHIVE", value_hint = clap::ValueHint::DirPath)]
    pub(crate) archive: String,

    /// The first day or moment, in UTC [default: the archive's first]
    #[arg(long, value_name = "DAY", value_parser = from)]
    pub(crate) from: Option<Timestamp>,

    /// The last day, which is all of it, or the moment before which to end, in UTC [default: now]
    #[arg(long, value_name = "DAY", value_parser = to)]
    pub(crate) to: Option<Timestamp>,

    /// What `reprieve coverage --json` said, for the percentage of keys monitored on AWS; of the time at which the file was written
    #[arg(long, value_name = "FILE")]
    pub(crate) coverage: Vec<PathBuf>,

    /// Prints the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Writes the report as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

/// Parses the beginning of a period: a day begins at its midnight.
pub(super) fn from(text: &str) -> Result<Timestamp, String> {
    moment(text, 0)
}

/// Parses the end of a period: a day ends at the next midnight.
pub(super) fn to(text: &str) -> Result<Timestamp, String> {
    moment(text, 1)
}

fn moment(text: &str, days_later: i64) -> Result<Timestamp, String> {
    let wrong = || "write a day such as 2026-11-21, or a moment such as 2026-11-21T05:00:00Z".to_owned();
    if text.contains(['T', 't', ' ']) {
        return text.parse().map_err(|_| wrong());
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let begins = day.checked_add(days_later.days()).map_err(|_| wrong())?;
    begins.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

pub(crate) const REPORT_HELP: &str = r#"WHAT IS REPORTED
  What an archive of evidence holds, between two moments by the time of the
  events: times to detect and to remediate with what failed, keys monitored,
  alerts for planned changes, approvals, drills, rotations, refused uses,
  anomalies, keys at risk, and every incident with what was done and why. Each
  number is defined in shared/docs/kpis.md. An event that the archive holds
  twice counts once.

  It reads, and changes nothing. Whether the archive is unaltered is for
  `reprieve verify` to say.

OUTPUT WITH --json
  {"archive", "read": {"objects", "entries", "problems": [{"object", "why"}]},
   "summary": {"period", "decisions", "detect", "remediate", "alerts",
     "coverage", "log_storage", "approvals", "rotations", "uses", "refused",
     "drills", "at_risk", "places", "incidents", "anomalies", ...}}

EXIT CODES
  0  reported
  1  the cloud failed, or did not allow it
  2  bad input
  3  reported, but something in the archive could not be read

EXAMPLES
  reprieve report evidence --from 2026-11-01 --to 2026-11-30 --html november.html
  reprieve coverage --json > coverage.json
  reprieve report evidence --coverage coverage.json
  reprieve report s3://my-evidence --from 2026-11-20T05:00:00Z
  reprieve report evidence --json | jq '.summary.remediate.times.p95_ms'
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_ends_with_its_last_moment() {
        assert_eq!(from("2026-11-01"), Ok("2026-11-01T00:00:00Z".parse().unwrap()));
        assert_eq!(to("2026-11-30"), Ok("2026-12-01T00:00:00Z".parse().unwrap()));
        assert_eq!(to("2026-11-30T05:00:00Z"), Ok("2026-11-30T05:00:00Z".parse().unwrap()));
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-21T25:00:00Z", "21.11.2026"] {
            assert!(from(wrong).is_err_and(|said| said.starts_with("write a day such as")), "{wrong}");
        }
    }
}
