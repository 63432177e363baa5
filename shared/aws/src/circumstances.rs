//! The circumstances of an act on AWS: what CloudTrail says was called before, and what Change Calendar says of the time.
//!
//! It answers and judges nothing. What could not be found out is an error, never an absence.

mod calendar;
mod past;

use jiff::Timestamp;
use reprieve_core::{CalendarState, Event, KeyArn};
use reprieve_engine::{CallError, Circumstances, Clock, PastCall};

use self::calendar::ChangeCalendars;
use self::past::PastCalls;
use crate::kms::Quotas;
use crate::lazily::Lazily;
use crate::pace::Pace;
use reprieve_engine::SystemClock;

/// Looks calls up in CloudTrail, and asks Change Calendar. Makes the client of either at the first question.
#[derive(Debug)]
pub struct AwsCircumstances<C = SystemClock> {
    past: PastCalls,
    calendars: ChangeCalendars,
    clock: C,
}

impl<C: Clock> AwsCircumstances<C> {
    pub(crate) fn new(
        cloudtrail: Lazily<aws_sdk_cloudtrail::Client>,
        ssm: Lazily<aws_sdk_ssm::Client>,
        quotas: Quotas,
        calendars: Vec<String>,
        clock: C,
    ) -> Self {
        let past = PastCalls::new(cloudtrail, Pace::per_second(quotas.lookups_per_second));
        Self { past, calendars: ChangeCalendars::new(ssm, calendars), clock }
    }
}

impl<C: Clock> Circumstances for AwsCircumstances<C> {
    async fn latest_call(&self, call: PastCall, key: &KeyArn, until: Timestamp) -> Result<Option<Event>, CallError> {
        self.past.latest(call, key, until, &self.clock).await
    }

    async fn change_calendar(&self, at: Timestamp) -> Result<Option<CalendarState>, CallError> {
        self.calendars.state(at, &self.clock).await
    }
}
