//! Change Calendar: whether changes may be made at a time, by all configured calendars together. Answers are kept for a minute.

use std::collections::VecDeque;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::CalendarState as SdkState;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::CalendarState;
use reprieve_engine::{CallError, Clock};
use tokio::sync::Mutex;

use crate::error::{call_error, no_own_codes};
use crate::lazily::Lazily;

const CALL: &str = "ssm:GetCalendarState";

/// How long an answer is kept: somebody may declare a freeze meanwhile.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(1);

/// So many answers are kept at a time.
const KEPT_LIMIT: usize = 64;

/// The configured calendars.
#[derive(Debug)]
pub(super) struct ChangeCalendars {
    client: Lazily<Client>,
    names: Vec<String>,
    /// In the order in which they were read. Held while one is read, so that whoever asks the same meanwhile shares the answer.
    answers: Mutex<VecDeque<Answer>>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    minute: Timestamp,
    state: CalendarState,
    read_at: Timestamp,
}

impl ChangeCalendars {
    pub(super) fn new(client: Lazily<Client>, names: Vec<String>) -> Self {
        Self { client, names, answers: Mutex::default() }
    }

    /// Returns what the calendars say of the minute; `None` where there are none. Entries of calendars begin and end with minutes.
    pub(super) async fn state(&self, at: Timestamp, clock: &impl Clock) -> Result<Option<CalendarState>, CallError> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let minute = minute_of(at);
        let mut answers = self.answers.lock().await;
        let now = clock.now();
        answers.retain(|answer| now.duration_since(answer.read_at) < KEPT_FOR);
        if let Some(answer) = answers.iter().find(|answer| answer.minute == minute) {
            return Ok(Some(answer.state));
        }
        let state = self.ask(minute).await?;
        if answers.len() >= KEPT_LIMIT {
            answers.pop_front();
        }
        answers.push_back(Answer { minute, state, read_at: now });
        Ok(Some(state))
    }

    async fn ask(&self, minute: Timestamp) -> Result<CalendarState, CallError> {
        let request = self.client.get_calendar_state().set_calendar_names(Some(self.names.clone()));
        let answer = request.at_time(minute.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).send().await;
        let answer = answer.map_err(|error| {
            let error = call_error(CALL, &error, no_own_codes);
            tracing::debug!(%error, calendars = ?self.names, "the change calendars could not be asked");
            error
        })?;
        match answer.state() {
            Some(SdkState::Open) => Ok(CalendarState::Open),
            Some(SdkState::Closed) => Ok(CalendarState::Closed),
            other => {
                let word = other.map_or("nothing", SdkState::as_str);
                Err(CallError::Rejected { call: CALL, message: format!("the state is `{word}`, neither `OPEN` nor `CLOSED`") })
            }
        }
    }
}

/// The minute that a time lies in.
fn minute_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(at)
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
