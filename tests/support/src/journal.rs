//! The journal: every port call of a test in one global order, as the loop made it and as it was answered.

use std::sync::{Arc, Mutex};

use reprieve_core::monitoring::Change;
use reprieve_core::{EventId, KeyArn};
use reprieve_engine::CallError;

use crate::locked;
use crate::tenant::TenantCall;

/// One port call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `KeyControl::describe`.
    Describe(KeyArn),
    /// `KeyControl::tags`.
    Tags(KeyArn),
    /// `KeyControl::rotation`.
    Rotation(KeyArn),
    /// `KeyControl::cancel_deletion`.
    CancelDeletion(KeyArn),
    /// `KeyControl::enable`.
    Enable(KeyArn),
    /// `KeyControl::enable_rotation`, with the period in days.
    EnableRotation(KeyArn, Option<u32>),
    /// `KeyControl::aliases`.
    Aliases(KeyArn),
    /// `KeyControl::list`.
    List,
    /// `Ledger::recall`.
    Recall(KeyArn),
    /// `Ledger::claim`.
    Claim(EventId),
    /// `Ledger::finish`, and whether the claim was settled.
    Finish(EventId, bool),
    /// `Ledger::open_case`.
    OpenCase(KeyArn),
    /// `Ledger::close_case`.
    CloseCase(KeyArn),
    /// `Ledger::learn`.
    Learn(KeyArn),
    /// `Ledger::open_cases`.
    OpenCases,
    /// `Ledger::approve`.
    Approve(KeyArn),
    /// `Ledger::revoke`.
    Revoke(KeyArn),
    /// `Circumstances::latest_call`, with the call's name.
    LatestCall(KeyArn, &'static str),
    /// `Circumstances::change_calendar`.
    ChangeCalendar,
    /// `MonitoringControl::observe`.
    Observe,
    /// `MonitoringControl::apply`.
    Apply(Box<Change>),
    /// A call of the ports for Azure.
    Tenant(TenantCall),
    /// `AuditSink::append`, with the record's id.
    Append(String),
    /// `NoticeSink::tell`, with the subject.
    Tell(String),
}

impl Call {
    /// Returns the call's name, as faults select by it. A change of the monitoring has its own: `PutMetricFilter`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Describe(_) => "describe",
            Self::Tags(_) => "tags",
            Self::Rotation(_) => "rotation",
            Self::CancelDeletion(_) => "cancel_deletion",
            Self::Enable(_) => "enable",
            Self::EnableRotation(..) => "enable_rotation",
            Self::Aliases(_) => "aliases",
            Self::List => "list",
            Self::Recall(_) => "recall",
            Self::Claim(_) => "claim",
            Self::Finish(..) => "finish",
            Self::OpenCase(_) => "open_case",
            Self::CloseCase(_) => "close_case",
            Self::Learn(_) => "learn",
            Self::OpenCases => "open_cases",
            Self::Approve(_) => "approve",
            Self::Revoke(_) => "revoke",
            Self::LatestCall(..) => "latest_call",
            Self::ChangeCalendar => "change_calendar",
            Self::Observe => "observe",
            Self::Apply(change) => change.name(),
            Self::Tenant(call) => call.name(),
            Self::Append(_) => "append",
            Self::Tell(_) => "tell",
        }
    }

    /// Returns the key that an act changes; `None` for whatever changes no key.
    #[must_use]
    pub const fn acts_on(&self) -> Option<&KeyArn> {
        match self {
            Self::CancelDeletion(key) | Self::Enable(key) | Self::EnableRotation(key, _) => Some(key),
            Self::Describe(_)
            | Self::Tags(_)
            | Self::Rotation(_)
            | Self::Aliases(_)
            | Self::List
            | Self::Recall(_)
            | Self::Claim(_)
            | Self::Finish(..)
            | Self::OpenCase(_)
            | Self::CloseCase(_)
            | Self::Learn(_)
            | Self::OpenCases
            | Self::Approve(_)
            | Self::Revoke(_)
            | Self::LatestCall(..)
            | Self::ChangeCalendar
            | Self::Observe
            | Self::Apply(_)
            | Self::Tenant(_)
            | Self::Append(_)
            | Self::Tell(_) => None,
        }
    }

    /// Returns the call, where it is one of the ports for Azure.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantCall> {
        if let Self::Tenant(call) = self { Some(call) } else { None }
    }

    /// Says whether the call was meant to change the monitoring.
    #[must_use]
    pub const fn changes_monitoring(&self) -> bool {
        matches!(self, Self::Apply(_))
    }
}

/// One call, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The how-many-th call this was, from 1, in the order in which calls were made.
    pub number: usize,
    /// The call.
    pub call: Call,
    /// When it was made, on a count that every beginning and every end of a call moves by one.
    pub began: usize,
    /// When it was answered, on the same count; `None` where it never was.
    pub ended: Option<usize>,
    /// What the service behind it did; `None` where the call never reached it.
    pub effect: Option<Result<(), CallError>>,
    /// What the loop was answered.
    pub answer: Option<Result<(), CallError>>,
}

impl Entry {
    /// Says whether the service did what the call asks, whatever the loop was answered.
    #[must_use]
    pub const fn took_effect(&self) -> bool {
        matches!(self.effect, Some(Ok(())))
    }

    /// Says whether the loop was answered that it was done.
    #[must_use]
    pub const fn was_confirmed(&self) -> bool {
        matches!(self.answer, Some(Ok(())))
    }
}

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    count: usize,
}

/// All calls of a test. Clones write the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pages: Arc<Mutex<Pages>>,
}

impl Journal {
    /// Notes that a call is made; returns its number.
    #[must_use]
    pub fn begin(&self, call: Call) -> usize {
        let mut pages = locked(&self.pages);
        pages.count += 1;
        let (number, began) = (pages.entries.len() + 1, pages.count);
        pages.entries.push(Entry { number, call, began, ended: None, effect: None, answer: None });
        number
    }

    /// Notes what the service did.
    pub fn effect(&self, number: usize, effect: Result<(), CallError>) {
        if let Some(entry) = locked(&self.pages).entries.get_mut(number - 1) {
            entry.effect = Some(effect);
        }
    }

    /// Notes what the loop was answered.
    pub fn end(&self, number: usize, answer: Result<(), CallError>) {
        let mut pages = locked(&self.pages);
        pages.count += 1;
        let ended = pages.count;
        if let Some(entry) = pages.entries.get_mut(number - 1) {
            (entry.ended, entry.answer) = (Some(ended), Some(answer));
        }
    }

    /// Forgets everything: what was set up before a test begins.
    pub fn clear(&self) {
        *locked(&self.pages) = Pages::default();
    }

    /// Returns all calls, in the order in which they were made.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.pages).entries.clone()
    }

    /// Returns the calls of this name that took effect.
    #[must_use]
    pub fn effects(&self, name: &str) -> Vec<Call> {
        self.entries().into_iter().filter(|entry| entry.call.name() == name && entry.took_effect()).map(|entry| entry.call).collect()
    }

    /// Returns how many calls of this name were made.
    #[must_use]
    pub fn made(&self, name: &str) -> usize {
        self.entries().iter().filter(|entry| entry.call.name() == name).count()
    }

    /// Returns the calls that were meant to change a key.
    #[must_use]
    pub fn acts(&self) -> Vec<Entry> {
        self.entries().into_iter().filter(|entry| entry.call.acts_on().is_some()).collect()
    }
}
