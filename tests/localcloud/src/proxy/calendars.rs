//! Change Calendars of Systems Manager, which the emulator lacks: `GetCalendarState` over calendars that a test registers.
//!
//! Pure: time is an argument. Must not judge who may ask; that is the emulator's business.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Refusal;

/// What a calendar says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CalendarState {
    /// Changes may go on.
    Open,
    /// Changes must wait.
    Closed,
}

impl CalendarState {
    fn other(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }
}

/// One entry of a calendar; its time begins with `from` and ends just before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarEntry {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// A Change Calendar: one state, and entries in which it is the other one.
///
/// As JSON: `{"state":"OPEN","entries":[{"from":"2026-12-20T00:00:00Z","until":"2027-01-04T00:00:00Z"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The state outside the entries.
    pub state: CalendarState,
    /// When it is in the other state.
    #[serde(default)]
    pub entries: Vec<CalendarEntry>,
}

impl Calendar {
    /// Makes a calendar that is open (`DEFAULT_OPEN`) but for its entries.
    #[must_use]
    pub fn open() -> Self {
        Self { state: CalendarState::Open, entries: Vec::new() }
    }

    /// Makes a calendar that is closed (`DEFAULT_CLOSED`) but for its entries.
    #[must_use]
    pub fn closed() -> Self {
        Self { state: CalendarState::Closed, entries: Vec::new() }
    }

    /// Adds an entry: from then until then it is in the other state.
    #[must_use]
    pub fn except(mut self, from: Timestamp, until: Timestamp) -> Self {
        self.entries.push(CalendarEntry { from, until });
        self
    }

    fn state_at(&self, at: Timestamp) -> CalendarState {
        let inside = self.entries.iter().any(|entry| (entry.from..entry.until).contains(&at));
        if inside { self.state.other() } else { self.state }
    }
}

/// The calendars that exist, by the ARN of their document.
#[derive(Debug, Default)]
pub(crate) struct Calendars(BTreeMap<String, Calendar>);

impl Calendars {
    /// Makes a calendar, or replaces it.
    pub(crate) fn set(&mut self, name: &str, account: &str, region: &str, calendar: Calendar) {
        self.0.insert(document_arn(name, account, region), calendar);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Lists the calendars by ARN.
    pub(crate) fn list(&self) -> BTreeMap<String, Calendar> {
        self.0.clone()
    }

    /// Answers `GetCalendarState` as of `now`.
    ///
    /// # Errors
    ///
    /// Refuses a call without names, a time that is none, and calendars that do not exist.
    pub(crate) fn state(&self, account: &str, region: &str, input: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let names: Vec<&str> =
            input.get("CalendarNames").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() {
            return Err(Refusal::bad_request(
                "ValidationException",
                "1 validation error detected: Value null at 'calendarNames' failed to satisfy constraint: Member must not be null",
            ));
        }
        let at = match input.get("AtTime").and_then(Value::as_str) {
            None => now,
            Some(text) => text
                .parse()
                .map_err(|_| Refusal::bad_request("ValidationException", format!("AtTime `{text}` is not in ISO 8601 format.")))?,
        };
        let calendars: Option<Vec<&Calendar>> = names.iter().map(|name| self.0.get(&document_arn(name, account, region))).collect();
        let Some(calendars) = calendars else {
            return Err(Refusal::bad_request("InvalidDocument", "The specified SSM document doesn't exist."));
        };
        let state = together(&calendars, at);
        let mut answer = json!({"State": state, "AtTime": written(at)});
        if let (Some(members), Some(next)) = (answer.as_object_mut(), next_transition(&calendars, at)) {
            members.insert("NextTransitionTime".to_owned(), json!(written(next)));
        }
        Ok(answer)
    }
}

/// Calendars are documents of the account and Region of the call, or named by ARN.
fn document_arn(name: &str, account: &str, region: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { format!("arn:aws:ssm:{region}:{account}:document/{name}") }
}

/// Open only if all are open.
fn together(calendars: &[&Calendar], at: Timestamp) -> CalendarState {
    let all_open = calendars.iter().all(|calendar| calendar.state_at(at) == CalendarState::Open);
    if all_open { CalendarState::Open } else { CalendarState::Closed }
}

/// When the common state changes next, if ever.
fn next_transition(calendars: &[&Calendar], at: Timestamp) -> Option<Timestamp> {
    let state = together(calendars, at);
    let mut edges: Vec<Timestamp> =
        calendars.iter().flat_map(|calendar| &calendar.entries).flat_map(|entry| [entry.from, entry.until]).collect();
    edges.sort_unstable();
    edges.into_iter().find(|&edge| edge > at && together(calendars, edge) != state)
}

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Timestamp {
        format!("2026-12-{day:02}T00:00:00Z").parse().unwrap_or_default()
    }

    fn asked(names: &[&str], day: u32) -> Result<(String, Option<String>), String> {
        let mut calendars = Calendars::default();
        calendars.set("freeze", "1", "us-east-1", Calendar::open().except(at(20), at(25)));
        calendars.set("late", "1", "us-east-1", Calendar::open().except(at(24), at(28)));
        calendars.set("window", "1", "us-east-1", Calendar::closed().except(at(2), at(3)));
        calendars.set("shut", "1", "us-east-1", Calendar::closed());
        let answer = calendars.state("1", "us-east-1", &json!({"CalendarNames": names, "AtTime": at(day).to_string()}), at(1));
        let text = |answer: &Value, name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        answer.map(|answer| (text(&answer, "State").unwrap_or_default(), text(&answer, "NextTransitionTime"))).map_err(|r| r.code)
    }

    #[test]
    fn a_change_may_go_on_only_if_all_calendars_are_open() {
        let day = |day: u32| Some(format!("2026-12-{day:02}T00:00:00Z"));
        let table: [(&[&str], u32, &str, Option<String>); 10] = [
            (&["freeze"], 19, "OPEN", day(20)),
            (&["freeze"], 20, "CLOSED", day(25)),
            (&["freeze"], 25, "OPEN", None),
            (&["window"], 1, "CLOSED", day(2)),
            (&["window"], 2, "OPEN", day(3)),
            (&["shut"], 9, "CLOSED", None),
            (&["freeze", "late"], 21, "CLOSED", day(28)),
            (&["freeze", "late"], 19, "OPEN", day(20)),
            (&["freeze", "shut"], 19, "CLOSED", None),
            (&["arn:aws:ssm:us-east-1:1:document/freeze"], 21, "CLOSED", day(25)),
        ];
        for (names, when, state, next) in table {
            assert_eq!(asked(names, when), Ok((state.to_owned(), next)), "{names:?} on day {when}");
        }
    }

    #[test]
    fn unknown_calendars_and_no_calendars_are_refused() {
        assert_eq!(asked(&["freeze", "nobody's"], 1), Err("InvalidDocument".to_owned()));
        assert_eq!(asked(&["arn:aws:ssm:eu-west-1:1:document/freeze"], 1), Err("InvalidDocument".to_owned()));
        assert_eq!(asked(&[], 1), Err("ValidationException".to_owned()));
        let answer = Calendars::default().state("1", "us-east-1", &json!({"CalendarNames": ["a"], "AtTime": "noon"}), at(1));
        assert_eq!(answer.map_err(|refusal| refusal.code), Err("ValidationException".to_owned()));
    }

    #[test]
    fn without_a_time_it_is_now_that_counts() {
        let mut calendars = Calendars::default();
        calendars.set("freeze", "1", "us-east-1", Calendar::open().except(at(20), at(25)));
        let answer = calendars.state("1", "us-east-1", &json!({"CalendarNames": ["freeze"]}), at(21));
        assert_eq!(answer, Ok(json!({"State": "CLOSED", "AtTime": "2026-12-21T00:00:00Z", "NextTransitionTime": "2026-12-25T00:00:00Z"})));
    }

    #[test]
    fn a_calendar_reads_from_json() {
        let read = serde_json::from_str::<Calendar>(
            r#"{"state":"OPEN","entries":[{"from":"2026-12-20T00:00:00Z","until":"2026-12-25T00:00:00Z"}]}"#,
        );
        assert_eq!(read.ok(), Some(Calendar::open().except(at(20), at(25))));
        assert_eq!(serde_json::from_str::<Calendar>(r#"{"state":"CLOSED"}"#).ok(), Some(Calendar::closed()));
    }
}
