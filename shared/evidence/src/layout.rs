//! Where in the archive each thing lies. One archive is a bucket, a container, or a folder with a copy of either.
//!
//! | what | name |
//! |---|---|
//! | a decision of a guard, its intent or its outcome | `audit/decisions/HOUR/account=A/region=R/ID.json` |
//! | entries of a log file, one in a line | `audit/events/HOUR/account=A/region=R/FILE.json.gz` |
//! | the same entries for Athena | `audit/tables/events/HOUR/account=A/region=R/FILE.parquet` |
//! | an anomaly | `audit/findings/HOUR/account=A/region=R/ID.json` |
//! | how things stood | `audit/posture/HOUR/account=A/region=R/ID.json` |
//! | a seal | `seals/year=2026/month=11/day=21/20261121T050000Z.json`, by the time from which it seals |
//! | the public key of the seals | `public-key.pem` |
//!
//! `HOUR` is `year=2026/month=11/day=21/hour=05`: the hour in UTC of what it tells of, not of when it was written, so that a repeated
//! delivery comes to the same name.

use std::fmt::Write as _;

use jiff::Timestamp;
use reprieve_core::azure::Subject;
use reprieve_core::{AuditEvent, Finding, Posture, Record};

/// Where everything lies that is sealed.
pub const AUDIT: &str = "audit/";
/// Where seals lie.
pub const SEALS: &str = "seals/";
/// The public key of the seals, as PEM. It is put there for convenience: who doubts the archive brings the key from elsewhere.
pub const PUBLIC_KEY: &str = "public-key.pem";

/// What an object holds, which is the folder below [`AUDIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shelf {
    /// Decisions of a guard.
    Decisions,
    /// Entries of logs, as JSON lines.
    Events,
    /// Entries of logs, as Parquet.
    EventTable,
    /// Anomalies.
    Findings,
    /// How things stood.
    Posture,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 5] = [Self::Decisions, Self::Events, Self::EventTable, Self::Findings, Self::Posture];

    /// Returns the prefix of everything on it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Decisions => "audit/decisions/",
            Self::Events => "audit/events/",
            Self::EventTable => "audit/tables/events/",
            Self::Findings => "audit/findings/",
            Self::Posture => "audit/posture/",
        }
    }

    /// Returns the shelf on which an object lies.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shelf| name.starts_with(shelf.prefix()))
    }

    /// Returns the prefix of everything on it that tells of one day.
    #[must_use]
    pub fn day(self, at: Timestamp) -> String {
        format!("{}{}", self.prefix(), at.strftime("year=%Y/month=%m/day=%d/"))
    }

    fn name(self, at: Timestamp, account: &str, region: &str, file: &str) -> String {
        let hour = at.strftime("year=%Y/month=%m/day=%d/hour=%H");
        format!("{}{hour}/account={}/region={}/{file}", self.prefix(), safe(account), safe(region))
    }
}

/// Names the object of a decision's record. Where the event has no time, the time of receipt stands in, and a repetition may then leave a
/// second record.
#[must_use]
pub fn decision(record: &Record) -> String {
    let (account, region) = place(record);
    let at = record.event.time.unwrap_or(record.received_at);
    Shelf::Decisions.name(at, &account, &region, &format!("{}.json", safe(&record.id())))
}

/// Names the object that holds entries of one log file which happened in the hour of `at`; `table` for the one as Parquet.
#[must_use]
pub fn events(at: Timestamp, account: &str, region: &str, log_file: &str, table: bool) -> String {
    let (shelf, ending) = if table { (Shelf::EventTable, "parquet") } else { (Shelf::Events, "json.gz") };
    shelf.name(at, account, region, &format!("{}.{ending}", safe(log_file)))
}

/// Names the object of a finding.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    let (account, region) = place_of_entry(&finding.audit);
    finding_in(finding, &account, &region, &finding.id())
}

/// Names the object of a finding in the same hour of another place, by another id.
#[must_use]
pub fn finding_in(finding: &Finding, account: &str, region: &str, id: &str) -> String {
    let at = finding.audit.event.time.unwrap_or(finding.found_at);
    Shelf::Findings.name(at, account, region, &format!("{}.json", safe(id)))
}

/// Names the object of a posture: one in an hour.
#[must_use]
pub fn posture(posture: &Posture) -> String {
    Shelf::Posture.name(posture.at, &posture.account, &posture.region, "posture.json")
}

/// Names the seal of everything that was written from `from` on, until the next seal.
#[must_use]
pub fn seal(from: Timestamp) -> String {
    format!("{SEALS}{}.json", from.strftime("year=%Y/month=%m/day=%d/%Y%m%dT%H%M%SZ"))
}

/// Returns the account and Region under which an entry is filed.
#[must_use]
pub fn place_of_entry(event: &AuditEvent) -> (String, String) {
    (event.account().unwrap_or_else(unknown), event.region().unwrap_or_else(|| "global".to_owned()))
}

/// Returns the account and Region under which a decision is filed: in Azure the subscription, in which ids are the same everywhere.
fn place(record: &Record) -> (String, String) {
    let subject = record.subject.as_ref().map(Subject::resource);
    if let Some(resource) = subject.as_ref().or(record.event.target.azure()) {
        return (resource.subscription().to_string(), "global".to_owned());
    }
    if let reprieve_core::Target::Google(name) = &record.event.target {
        return (name.project().map_or_else(unknown, ToOwned::to_owned), name.location().unwrap_or("global").to_owned());
    }
    let (account, region) = record.place();
    (account.map_or_else(unknown, |account| account.to_string()), region.map_or_else(unknown, |region| region.to_string()))
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Writes every byte that is not plainly safe in an object's name as `!xx`, so that different names stay different.
#[must_use]
pub fn safe(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            name.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(name, "!{byte:02x}").ok();
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_different_and_lie_on_their_shelf() {
        assert_eq!(safe("a/b"), "a!2fb");
        assert_ne!(safe("a/b"), safe("a!2fb"));
        let at = "2026-11-21T05:59:59Z".parse().unwrap();
        let name = events(at, "111122223333", "eu-central-1", "trail.json.gz", true);
        assert_eq!(
            name,
            "audit/tables/events/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/trail.json.gz.parquet"
        );
        assert_eq!(Shelf::of(&name), Some(Shelf::EventTable));
        assert!(name.starts_with(&Shelf::EventTable.day(at)));
        assert_eq!(seal(at), "seals/year=2026/month=11/day=21/20261121T055959Z.json");
    }
}
