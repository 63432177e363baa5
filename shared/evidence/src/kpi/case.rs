//! What the guard's records say of one event: its intent and the outcomes of all attempts, joined into one.
//!
//! Joining is a maximum or minimum in each part, so that it matters neither in which order records come, nor how often. The record of the
//! earliest receipt says what happened; the earliest success says how it was answered; without a success, the latest outcome does.

use jiff::Timestamp;
use reprieve_core::approval::{ApprovalFinding, ApprovalSource};
use reprieve_core::audit::Cloud;
use reprieve_core::azure::Subject;
use reprieve_core::drill;
use reprieve_core::notice::Notice;
use reprieve_core::policy::SELF_APPROVAL_POLICY;
use reprieve_core::record::StepResult;
use reprieve_core::{Decision, EventForm, Mode, Phase, Record, Severity, Status, StepOutcome, Target, Threat, Why};
use serde::{Deserialize, Serialize};

use super::entry::cut;
use super::sample::{Join, digest};

/// How long a sentence is kept, in characters.
const SENTENCE_LIMIT: usize = 900;
/// How long a name is kept, in characters.
const NAME_LIMIT: usize = 300;
/// How many steps and how many escalations are kept.
const LINES: usize = 12;

/// One event that the guard worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) happened: Happened,
    /// The least that any record says.
    pub(crate) detect_ms: Option<i64>,
    /// People were told of it.
    pub(crate) is_alert: bool,
    /// Something was to be done: an intent says so.
    pub(crate) was_intended: bool,
    success: Option<Ending>,
    last: Option<Ending>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) received_at: Timestamp,
    record: u64,
    pub(crate) event_id: String,
    pub(crate) call: String,
    pub(crate) form: EventForm,
    pub(crate) time: Option<Timestamp>,
    pub(crate) cloud: Cloud,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) target: String,
    pub(crate) is_key: bool,
    pub(crate) is_drill: bool,
    pub(crate) actor: String,
    pub(crate) threat: Option<Threat>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) recorded_at: Timestamp,
    attempt: u32,
    record: u64,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) mode: Mode,
    pub(crate) severity: Severity,
    pub(crate) sentence: String,
    pub(crate) escalations: Vec<String>,
    pub(crate) reasoning: Vec<String>,
    pub(crate) steps: Vec<Done>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) remediate_ms: Option<i64>,
    pub(crate) cover: Option<Cover>,
    pub(crate) rejected: Option<Rejected>,
    pub(crate) alias: Option<String>,
    pub(crate) owner: Option<String>,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing was to be done.
    Stand,
    /// Something was to be done.
    Remedy,
    /// A human was called.
    Escalate,
}

/// A step, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What was to be done, such as `enable the key`.
    pub what: String,
    /// How it ended, as a clause.
    pub result: String,
    /// Whether that is what was wanted.
    pub succeeded: bool,
}

/// What let an act pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Cover {
    /// An approval of this act.
    Approval {
        /// The change id.
        change: String,
        /// Who approved.
        approver: String,
        /// Where the approval was found.
        source: ApprovalSource,
    },
    /// A broken glass.
    BrokenGlass {
        /// When the pass ends.
        until: Timestamp,
    },
    /// A policy that needs no approval, such as one for sandboxes.
    Policy {
        /// The policies' ids.
        policies: Vec<String>,
    },
}

/// Why an approval that was there let nothing pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Rejected {
    /// Whoever did it had approved it.
    SelfApproved,
    /// It was revoked.
    Revoked {
        /// The change id.
        change: String,
        /// Who revoked it.
        by: String,
    },
    /// It is none: a seal that does not verify, a window that cannot be read.
    Invalid,
    /// It did not suffice: another window, a policy that forbids it.
    Insufficient,
}

impl Case {
    pub(crate) fn of(record: &Record) -> Self {
        let id = digest(&serde_json::to_string(record).unwrap_or_else(|_| record.id()));
        let ending = record.decision.as_ref().filter(|_| record.phase == Phase::Outcome).map(|decision| ending(record, decision, id));
        Self {
            happened: happened(record, id),
            detect_ms: record.detect_ms,
            is_alert: Notice::of(record).is_some(),
            was_intended: record.phase == Phase::Intent && !record.considering.steps.is_empty(),
            success: ending.clone().filter(|ending| ending.status == Status::Success),
            last: ending,
        }
    }

    /// Returns how it ended: by its first success, else by its latest outcome; `None` where no outcome was written.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.success.as_ref().or(self.last.as_ref())
    }

    /// Returns the event's time, else that of its receipt.
    pub(crate) fn at(&self) -> Timestamp {
        self.happened.time.unwrap_or(self.happened.received_at)
    }

    /// Returns what people call the target.
    pub(crate) fn name(&self) -> &str {
        let alias = |ending: &'_ Option<Ending>| ending.as_ref().is_some_and(|ending| ending.alias.is_some());
        let named = if alias(&self.success) { &self.success } else { &self.last };
        named.as_ref().and_then(|ending| ending.alias.as_deref()).unwrap_or(&self.happened.target)
    }

    /// Says whether something was, or would have been, or should have been done about it, or people were told.
    pub(crate) fn is_incident(&self) -> bool {
        match self.ending() {
            Some(ending) => self.is_alert || ending.kind != Kind::Stand,
            None => self.was_intended,
        }
    }
}

impl Join for Case {
    fn join(&mut self, other: Self) {
        if (other.happened.received_at, other.happened.record) < (self.happened.received_at, self.happened.record) {
            self.happened = other.happened;
        }
        self.detect_ms = [self.detect_ms, other.detect_ms].into_iter().flatten().min();
        self.is_alert |= other.is_alert;
        self.was_intended |= other.was_intended;
        self.success = pick(self.success.take(), other.success, |one, other| one.order() <= other.order());
        self.last = pick(self.last.take(), other.last, |one, other| one.order() >= other.order());
    }
}

impl Ending {
    const fn order(&self) -> (Timestamp, u32, u64) {
        (self.recorded_at, self.attempt, self.record)
    }
}

fn pick(one: Option<Ending>, other: Option<Ending>, is_first: impl Fn(&Ending, &Ending) -> bool) -> Option<Ending> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if is_first(&one, &other) { one } else { other }),
        (one, other) => one.or(other),
    }
}

fn happened(record: &Record, id: u64) -> Happened {
    let event = &record.event;
    let (cloud, account, region) = place(record);
    let target = record.subject.as_ref().map_or_else(|| event.target.display_name().to_owned(), |subject| subject.resource().to_string());
    Happened {
        received_at: record.received_at,
        record: id,
        event_id: event.id.to_string(),
        call: cut(&event.name, NAME_LIMIT),
        form: event.form,
        time: event.time,
        cloud,
        account,
        region,
        target: cut(&target, NAME_LIMIT),
        is_key: event.target.key().is_some(),
        is_drill: drill::is_drill(event),
        actor: cut(&event.actor.display_name(), NAME_LIMIT),
        threat: record.threat,
    }
}

fn place(record: &Record) -> (Cloud, String, String) {
    let subject = record.subject.as_ref().map(Subject::resource);
    let global = || "global".to_owned();
    let unknown = || "unknown".to_owned();
    if let Some(resource) = subject.as_ref().or(record.event.target.azure()) {
        return (Cloud::Azure, resource.subscription().to_string(), global());
    }
    if let Target::Google(name) = &record.event.target {
        let project = name.project().map_or_else(unknown, ToOwned::to_owned);
        return (Cloud::GoogleCloud, project, name.location().map_or_else(global, ToOwned::to_owned));
    }
    let (account, region) = record.place();
    (Cloud::Aws, account.map_or_else(unknown, |account| account.to_string()), region.map_or_else(unknown, |region| region.to_string()))
}

fn ending(record: &Record, decision: &Decision, id: u64) -> Ending {
    let why = decision.why();
    Ending {
        recorded_at: record.recorded_at,
        attempt: record.attempt,
        record: id,
        kind: match decision {
            Decision::Stand { .. } => Kind::Stand,
            Decision::Remedy { .. } => Kind::Remedy,
            Decision::Escalate { .. } => Kind::Escalate,
        },
        status: record.status,
        mode: record.mode,
        severity: why.severity,
        sentence: cut(&why.sentence, SENTENCE_LIMIT),
        escalations: lines(&why.escalations),
        reasoning: if drill::is_drill(&record.event) { lines(&why.reasoning) } else { Vec::new() },
        steps: record.steps.iter().take(LINES).map(done).collect(),
        deadline: why.deadline,
        remediate_ms: record.remediate_ms,
        cover: cover(record, why),
        rejected: rejected(record, why),
        alias: record.names.aliases.first().map(|alias| cut(alias, NAME_LIMIT)),
        owner: record.names.owner.as_ref().map(|owner| cut(owner, NAME_LIMIT)),
    }
}

fn lines(lines: &[String]) -> Vec<String> {
    lines.iter().take(LINES).map(|line| cut(line, SENTENCE_LIMIT)).collect()
}

fn done(step: &StepOutcome) -> Done {
    let result = match &step.result {
        StepResult::Done => "done".to_owned(),
        StepResult::AlreadySo => "was so already".to_owned(),
        StepResult::TakesEffectLater => "takes effect when the key store is connected".to_owned(),
        StepResult::NotCarriedOut => "not carried out (mode observe)".to_owned(),
        StepResult::NotReached => "not reached".to_owned(),
        StepResult::FailedForNow { error } => format!("failed for now: {error}"),
        StepResult::Refused { error } => format!("refused: {error}"),
        StepResult::Unsupported { error } => format!("not possible: {error}"),
        StepResult::DoesNotExist => "the key does not exist".to_owned(),
    };
    Done { what: cut(&step.step.to_string(), NAME_LIMIT), result: cut(&result, NAME_LIMIT), succeeded: step.result.is_success() }
}

/// What let the act pass, where the policies permit it.
fn cover(record: &Record, why: &Why) -> Option<Cover> {
    if !why.permitted {
        return None;
    }
    if let Some(until) = why.pass_ends {
        return Some(Cover::BrokenGlass { until });
    }
    let who = record.event.actor.identities();
    let covering = why.approval.established().filter(|approval| approval.covers(record.event.time, &who));
    Some(match covering {
        Some(approval) => Cover::Approval {
            change: cut(&approval.change, NAME_LIMIT),
            approver: cut(&approval.approver, NAME_LIMIT),
            source: approval.source,
        },
        None => Cover::Policy { policies: lines(&why.policies) },
    })
}

/// Why an approval that was there let nothing pass.
fn rejected(record: &Record, why: &Why) -> Option<Rejected> {
    if why.permitted {
        return None;
    }
    let is_own = || why.approval.established().is_some_and(|approval| approval.is_by(&record.event.actor.identities()));
    let tried = || why.escalations.iter().any(|said| said.ends_with("tried to approve their own act"));
    if why.policies.iter().any(|policy| policy == SELF_APPROVAL_POLICY) || is_own() || tried() {
        return Some(Rejected::SelfApproved);
    }
    match &why.approval {
        ApprovalFinding::Established(approval) => Some(match &approval.revoked {
            Some(revocation) => Rejected::Revoked { change: cut(&revocation.change, NAME_LIMIT), by: cut(&revocation.by, NAME_LIMIT) },
            None => Rejected::Insufficient,
        }),
        ApprovalFinding::Invalid { .. } => Some(Rejected::Invalid),
        ApprovalFinding::NotLookedFor | ApprovalFinding::None | ApprovalFinding::Unreadable { .. } => None,
    }
}
