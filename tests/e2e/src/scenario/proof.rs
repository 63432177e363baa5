//! What scenarios have in common: waiting for the guard's answer, and holding it against everything that can be seen from outside.

use std::time::Duration;

use anyhow::Result;
use reprieve_core::{Decision, KeyArn, Phase, Record, Status};
use reprieve_localcloud::CallEntry;

use crate::evidence::{Letter, StoredRecord};
use crate::stage::Stage;

/// How long the guard may take for a single key. The promise is a second or two; a busy machine is given more.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(25);

/// How long a notice may take from the outcome on.
const NOTICE_WAIT: Duration = Duration::from_secs(10);

/// How a scenario ended.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// How it ended, in the words of `Scenario::expected`.
    pub observed: String,
    /// The guard's own sentence.
    pub decision: Option<String>,
    /// Everything that is not as promised.
    pub problems: Vec<String>,
    /// See `Report::detect_ms`.
    pub detect_ms: Option<i64>,
    /// See `Report::remediate_ms`.
    pub remediate_ms: Option<i64>,
    /// See `Report::figures`.
    pub figures: Vec<String>,
}

impl Observation {
    /// Makes the observation that there is none, and why.
    pub(crate) fn broken(error: &anyhow::Error) -> Self {
        Self { observed: "not answered".to_owned(), problems: vec![format!("{error:#}")], ..Self::default() }
    }

    /// Notes a problem unless something holds.
    pub(crate) fn demand(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    /// Puts an observation of the same kind behind this one: it ends as both do, and took as long as the slower.
    pub(crate) fn joined(self, other: Self) -> Self {
        let observed = match self.observed.split_once(", ") {
            None => format!("{}, twice", self.observed),
            Some((once, _)) => format!("{once}, three times"),
        };
        Self { observed, decision: other.decision.clone(), ..self.and(other) }
    }

    /// Puts the sentence, the times and the problems of another observation behind those of this one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.observed = format!("{}, {}", self.observed, other.observed);
        self.problems.extend(other.problems);
        self.detect_ms = self.detect_ms.max(other.detect_ms);
        self.remediate_ms = self.remediate_ms.max(other.remediate_ms);
        self
    }
}

/// Waits for the settled outcome of the latest event of this name about a key.
pub(crate) async fn outcome(stage: &Stage, key: &str, event_name: &str) -> Result<Record> {
    outcome_where(stage, key, event_name, &format!("the outcome of `{event_name}` on `{key}`"), |record| !Status::is_open(&record.steps))
        .await
}

/// Waits for an outcome of this event name about a key that is of the wanted kind.
pub(crate) async fn outcome_where(
    stage: &Stage,
    key: &str,
    event_name: &str,
    what: &str,
    is_wanted: impl Fn(&Record) -> bool,
) -> Result<Record> {
    let found = stage
        .wait(what, ANSWER_WAIT, async || {
            let stored = stage.audit.about(key).await?;
            let outcomes = stored.into_iter().map(|stored| stored.record).rev();
            Ok(outcomes.into_iter().find(|record| record.phase == Phase::Outcome && record.event.name == event_name && is_wanted(record)))
        })
        .await?;
    Ok(found)
}

/// What somebody did, and what became of it.
pub(crate) struct Answered<'a> {
    stage: &'a Stage,
    key: &'a str,
    /// The call that was answered.
    call: CallEntry,
    /// The outcome.
    pub(crate) record: Record,
    /// What was seen so far.
    pub(crate) seen: Observation,
}

impl<'a> Answered<'a> {
    /// Waits for the answer to the latest call of this name on a key, and checks what every answer promises: the key's state is what
    /// the caller reads, records are complete and in order, nothing waits in the dead-letter queue, and IAM refused the guard nothing.
    pub(crate) async fn to(stage: &'a Stage, operation: &'static str, key: &'a str) -> Result<Self> {
        Self::by(stage, operation, key, outcome(stage, key, operation).await?).await
    }

    /// Waits for the next answer about the same key: to a call that was made again, or a sweep's to the same call.
    pub(crate) async fn next(&self) -> Result<Self> {
        let operation = &self.record.event.name;
        let what = format!("another outcome of `{operation}` on `{}`", self.key);
        let is_other = |record: &Record| record.event.id != self.record.event.id && !Status::is_open(&record.steps);
        let record = outcome_where(self.stage, self.key, operation, &what, is_other).await?;
        Self::by(self.stage, operation, self.key, record).await
    }

    async fn by(stage: &'a Stage, operation: &str, key: &'a str, record: Record) -> Result<Self> {
        let call = stage.last_call(operation, key)?;
        let mut seen = Observation { observed: stage.key_state(key).await?, ..Observation::default() };
        seen.decision = record.decision.as_ref().map(|decision| decision.why().sentence.clone());
        seen.detect_ms = Some(record.received_at.as_millisecond() - call.time.as_millisecond());
        let records = stage.audit.about(key).await?;
        check_records(&mut seen, &records, &record);
        let dead = stage.dead_letters().await?;
        seen.demand(dead == 0, || format!("{dead} message(s) wait in the dead-letter queue"));
        for refused in stage.guard_refusals(call.time)? {
            seen.problems.push(format!("IAM refused {}:{} to the guard: does the template lack it?", refused.service, refused.operation));
        }
        Ok(Self { stage, key, call, record, seen })
    }

    /// Demands that the plan was carried out to the end: the key serves, people were told, and the record says what was done.
    pub(crate) async fn given_back(mut self) -> Result<Self> {
        let (record, stage) = (&self.record, self.stage);
        self.seen.demand(record.status == Status::Success, || format!("the record says {:?}, not Success", record.status));
        let is_remedy = matches!(record.decision, Some(Decision::Remedy { .. }));
        self.seen.demand(is_remedy, || "the record holds no remedy".to_owned());
        let calls = stage.guard_calls(self.key)?;
        for step in &record.steps {
            let made = calls.iter().any(|call| call.operation == step.step.name() && call.status == 200);
            self.seen.demand(made, || format!("the record claims {}, which the local cloud never saw succeed", step.step.name()));
        }
        let last = calls.iter().filter(|call| is_remedial(&call.operation) && call.status == 200);
        let end = last.map(|call| call.time.as_millisecond() + i64::try_from(call.took_ms).unwrap_or(i64::MAX)).max();
        self.seen.remediate_ms = end.map(|end| end - self.call.time.as_millisecond());
        self.told().await
    }

    /// Demands that the key encrypts and decrypts, or that it does not.
    pub(crate) async fn usable(mut self, expected: bool) -> Self {
        let usable = self.stage.is_usable(self.key).await;
        self.seen.demand(usable == expected, || format!("the key is {}usable", if usable { "" } else { "not " }));
        self
    }

    /// Demands that people were told of this event.
    pub(crate) async fn told(mut self) -> Result<Self> {
        let (stage, key_id) = (self.stage, key_id(self.key));
        let what = format!("a notice about `{}` of key {key_id}", self.record.event.name);
        let letter = stage.wait(&what, NOTICE_WAIT, async || Ok(self.letters().await?.into_iter().next())).await?;
        self.seen.demand(letter.subject.starts_with('['), || format!("the notice has the odd subject `{}`", letter.subject));
        self.seen.demand(letter.subject.contains(key_id), || format!("the subject `{}` does not name the key", letter.subject));
        Ok(self)
    }

    /// Demands that the guard let the act stand: nothing was called since that changes the key.
    pub(crate) fn stands(mut self) -> Result<Self> {
        let calls = self.stage.guard_calls(self.key)?;
        for call in calls.iter().filter(|call| call.time >= self.call.time && is_remedial(&call.operation)) {
            self.seen.problems.push(format!("the guard called {}, and nothing was to be done", call.operation));
        }
        let stands = matches!(self.record.decision, Some(Decision::Stand { .. }));
        self.seen.demand(stands, || "the guard did not decide that it stands".to_owned());
        Ok(self)
    }

    /// Demands that the act stands, and that nobody was told of this event.
    pub(crate) async fn left_alone(self) -> Result<Self> {
        let mut this = self.stands()?;
        let letters = this.letters().await?;
        this.seen.demand(letters.is_empty(), || format!("people were told: {}", letters.first().map_or("", |letter| &letter.subject)));
        Ok(this)
    }

    /// Demands that the decision's sentence says something.
    pub(crate) fn says(&mut self, words: &str) {
        let sentence = self.seen.decision.clone().unwrap_or_default();
        self.seen.demand(sentence.contains(words), || format!("the decision does not say `{words}`: {sentence}"));
    }

    /// Demands that a policy is named in the decision.
    pub(crate) fn names_policy(&mut self, policy: &str) {
        let policies = self.record.decision.as_ref().map(|decision| decision.why().policies.clone()).unwrap_or_default();
        self.seen.demand(policies.iter().any(|named| named == policy), || format!("the policy `{policy}` is not named: {policies:?}"));
    }

    /// Demands that a notice of this event says something, and tells whether one does.
    pub(crate) async fn tells(&mut self, words: &str) -> Result<bool> {
        let letters = self.letters().await?;
        let told = letters.iter().any(|letter| letter.message.contains(words));
        self.seen.demand(told, || {
            let messages: Vec<&str> = letters.iter().map(|letter| letter.message.as_str()).collect();
            format!("no notice says `{words}`:\n{}", messages.join("\n"))
        });
        Ok(told)
    }

    /// Returns the notices of this event.
    async fn letters(&self) -> Result<Vec<Letter>> {
        let mut letters = self.stage.inbox.about(self.key).await?;
        letters.retain(|letter| letter.details().pointer("/event/id").is_some_and(|id| *id == *self.record.event.id.as_str()));
        Ok(letters)
    }
}

/// Tells whether a call changes a key.
pub(crate) fn is_remedial(operation: &str) -> bool {
    matches!(operation, "CancelKeyDeletion" | "EnableKey" | "EnableKeyRotation")
}

/// Returns the id in the ARN of a key.
pub(crate) fn key_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Every record is whole; and an outcome that says what was done had its intent before.
fn check_records(seen: &mut Observation, stored: &[StoredRecord], outcome: &Record) {
    seen.problems.extend(stored.iter().flat_map(StoredRecord::flaws));
    seen.demand(outcome.key().map(KeyArn::as_str).is_some(), || "the record names no key".to_owned());
    if outcome.steps.is_empty() {
        return;
    }
    let intent =
        stored.iter().map(|stored| &stored.record).find(|record| record.phase == Phase::Intent && record.event.id == outcome.event.id);
    let Some(intent) = intent else {
        seen.problems.push("there is no intent before the outcome".to_owned());
        return;
    };
    let first_step = outcome.steps.iter().filter_map(|step| step.at).min();
    seen.demand(first_step.is_none_or(|at| intent.recorded_at <= at), || "the intent was made after the first step".to_owned());
    let within = outcome.decision.as_ref().and_then(Decision::plan).is_none_or(|plan| plan.is_within(&intent.considering));
    seen.demand(within, || "more was done than the intent said".to_owned());
}
