//! Requests of CloudFormation: the monitoring as a resource of the stack.
//!
//! Every request is answered, whatever goes wrong and before Lambda stops the invocation: a stack that hears nothing waits for an hour.
//! The resource's id never changes, so that CloudFormation never asks to delete what stands; deleting leaves everything that protects.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::monitoring::{ControlStatus, MANAGED_BY, MANAGED_BY_TAG, MonitoringPlan};
use reprieve_core::{Mode, Record, StepOutcome, StepResult};
use reprieve_engine::{AuditSink, Clock, MonitoringControl, MonitoringMeter, NoticeSink, Occasion, Provisioned};
use reprieve_runtime::Invoked;
use reprieve_wire::{AnswerStatus, CustomResourceAnswer, CustomResourceRequest, ReplyTo, RequestType, UnreadableRequest};
use serde_json::{Value, json};

use crate::handler::{Failure, Service, made, untold};
use crate::responses::Responses;

/// What is kept of the invocation's time for answering.
const ANSWERING_TAKES: SignedDuration = SignedDuration::from_secs(20);

/// What is kept of that for ending the invocation.
const ENDING_TAKES: SignedDuration = SignedDuration::from_secs(1);

/// An answer is tried for this long, even where the time is over.
const LEAST_WAIT: Duration = Duration::from_secs(1);

impl<W: MonitoringControl, A: AuditSink, N: NoticeSink, C: Clock, M: MonitoringMeter, R: Responses> Service<W, A, N, C, M, R> {
    /// Answers a request of CloudFormation.
    ///
    /// # Errors
    /// When the answer cannot be handed over, or the request does not say to whom.
    pub(crate) async fn answer_custom_resource(
        &self,
        request: Result<CustomResourceRequest, UnreadableRequest>,
        invoked: &Invoked,
    ) -> Result<Value, Failure> {
        let (reply_to, answer) = match request {
            Ok(request) => {
                tracing::info!(%request, request_id = %request.reply_to.request_id, "CloudFormation asks for the monitoring");
                let answer = self.carry_out(&request, invoked).await;
                (request.reply_to, answer)
            }
            Err(UnreadableRequest { error, reply_to: Some(reply_to) }) => {
                let answer = self.answer_with(&reply_to, AnswerStatus::Failed, error.unquoted(), BTreeMap::new());
                (*reply_to, answer)
            }
            Err(UnreadableRequest { error, reply_to: None }) => return Err(error.unquoted().into()),
        };
        self.hand_over(&reply_to, &answer, invoked).await
    }

    async fn carry_out(&self, request: &CustomResourceRequest, invoked: &Invoked) -> CustomResourceAnswer {
        let reply_to = &request.reply_to;
        match request.request_type {
            RequestType::Delete => {
                tracing::info!("the resource leaves the stack; trail, logs, filters, alarms, topic and rules are left standing");
                self.answer_with(reply_to, AnswerStatus::Success, what_is_kept(), BTreeMap::new())
            }
            RequestType::Create | RequestType::Update => {
                let until = invoked.stopped_at.checked_sub(ANSWERING_TAKES).unwrap_or(invoked.stopped_at);
                let left = Duration::try_from(until.duration_since(self.clock().now())).unwrap_or_default();
                let work = self.provision(Occasion::Deployment, &invoked.request_id, until);
                match self.clock().within(left, work).await {
                    Some(Ok(done)) => {
                        // What was provisioned stands: a stack does not roll back for a notice.
                        for error in &done.complaints {
                            tracing::error!(event_id = %done.record.event.id, %error, "the monitoring was looked at, but not everybody could be told");
                        }
                        self.answer_done(reply_to, &done)
                    }
                    Some(Err(error)) => self.answer_with(reply_to, AnswerStatus::Failed, error.to_string(), BTreeMap::new()),
                    None => self.answer_with(reply_to, AnswerStatus::Failed, time_is_up(), BTreeMap::new()),
                }
            }
        }
    }

    fn answer_done(&self, reply_to: &ReplyTo, done: &Provisioned) -> CustomResourceAnswer {
        let has_failed = done.record.steps.iter().any(|step| is_failure(&step.result));
        let (status, reason) =
            if has_failed { (AnswerStatus::Failed, what_failed(&done.record)) } else { (AnswerStatus::Success, how_it_stands(done)) };
        self.answer_with(reply_to, status, reason, attributes(done))
    }

    /// What is created bears our id; what stands keeps the one that CloudFormation knows.
    fn answer_with(
        &self,
        reply_to: &ReplyTo,
        status: AnswerStatus,
        reason: String,
        data: BTreeMap<String, String>,
    ) -> CustomResourceAnswer {
        let place = &self.provisioner.settings.desired.place;
        let ours = || format!("reprieve-monitoring-{}-{}", place.account, place.region);
        let physical_resource_id = reply_to.physical_resource_id.clone().unwrap_or_else(ours);
        CustomResourceAnswer { status, reason, physical_resource_id, data }
    }

    async fn hand_over(&self, reply_to: &ReplyTo, answer: &CustomResourceAnswer, invoked: &Invoked) -> Result<Value, Failure> {
        let until = invoked.stopped_at.checked_sub(ENDING_TAKES).unwrap_or(invoked.stopped_at);
        let wait = Duration::try_from(until.duration_since(self.clock().now())).unwrap_or_default().max(LEAST_WAIT);
        self.responses.put(&reply_to.url, &answer.document(reply_to), wait).await?;
        let status = answer.status.as_str();
        match answer.status {
            AnswerStatus::Success => tracing::info!(status, reason = answer.reason, "CloudFormation was answered"),
            AnswerStatus::Failed => tracing::error!(status, reason = answer.reason, "CloudFormation was answered: the stack rolls back"),
        }
        Ok(json!({ "status": status, "physical_resource_id": answer.physical_resource_id }))
    }
}

const fn is_failure(result: &StepResult) -> bool {
    match result {
        StepResult::Done | StepResult::AlreadySo | StepResult::TakesEffectLater | StepResult::NotCarriedOut => false,
        StepResult::NotReached
        | StepResult::FailedForNow { .. }
        | StepResult::Refused { .. }
        | StepResult::Unsupported { .. }
        | StepResult::DoesNotExist => true,
    }
}

fn what_is_kept() -> String {
    format!(
        "Nothing was deleted. The trail, its log group, metric filters, alarms, the topic and event rules are left standing, because they \
         protect the account without this stack too. What Reprieve made bears the tag `{MANAGED_BY_TAG}` = `{MANAGED_BY}`, metric filters \
         names that begin with `Reprieve-`: delete them by hand if nobody needs them."
    )
}

fn time_is_up() -> String {
    "The monitoring could not be provisioned within the time of the invocation. What was begun is in the audit store. Deploy again: what is \
     there already is left as it is. If it happens again, give the function a longer time-out."
        .to_owned()
}

/// Says which calls failed, and what to do.
pub(crate) fn what_failed(record: &Record) -> String {
    let failed: Vec<&StepOutcome> = record.steps.iter().filter(|step| is_failure(&step.result)).collect();
    let sentences: Vec<String> = failed.iter().filter_map(|step| failure_of(step)).collect();
    let untried = failed.iter().filter(|step| step.result == StepResult::NotReached).count();
    let made = record.steps.len() - failed.len();
    let rest = if untried == 0 { String::new() } else { format!(" {untried} more build on what failed and were not tried.") };
    format!("{} of {} changes of the monitoring failed. {}{rest} {made} were made.", failed.len(), record.steps.len(), sentences.join(" "))
}

/// Says which call failed, why, and what to do. `None` for a change that was not tried.
fn failure_of(step: &StepOutcome) -> Option<String> {
    let (why, fix) = match &step.result {
        StepResult::FailedForNow { error } => (error.as_str(), "Deploy again: AWS gave no usable answer."),
        StepResult::Refused { error } => {
            (error.as_str(), "Let the function's role make this call, or put right what AWS rejects, then deploy again.")
        }
        StepResult::Unsupported { error } => (error.as_str(), "Put that right by hand, then deploy again."),
        StepResult::DoesNotExist => ("what it is about does not exist", "Check the stack's parameters, then deploy again."),
        StepResult::NotReached | StepResult::Done | StepResult::AlreadySo | StepResult::TakesEffectLater | StepResult::NotCarriedOut => {
            return None;
        }
    };
    Some(format!("To {} failed: {}. {fix}", step.step, why.trim_end_matches('.')))
}

/// Says how the monitoring stands, and what a human must look at.
fn how_it_stands(done: &Provisioned) -> String {
    let Provisioned { plan, record, .. } = done;
    let changed = match (record.mode, plan.changes.len()) {
        (_, 0) => String::new(),
        (Mode::Observe, planned) => format!("Mode observe: {planned} change(s) are planned and none was made. "),
        (Mode::Enforce, _) => format!("{} change(s) were made. ", made(done)),
    };
    let findings: Vec<String> = plan.findings.iter().map(ToString::to_string).collect();
    let look = if findings.is_empty() { String::new() } else { format!(" A human must look: {}", findings.join(" ")) };
    let told = untold(done).map(|why| format!(" {why}")).unwrap_or_default();
    format!("{changed}Before: {}{told}{look}", plan.summary())
}

/// What `Fn::GetAtt` returns.
fn attributes(done: &Provisioned) -> BTreeMap<String, String> {
    let MonitoringPlan { changes, findings, controls, .. } = &done.plan;
    let gaps = controls.iter().filter(|control| !ControlStatus::holds(control)).count();
    let attributes = [
        ("Planned", changes.len().to_string()),
        ("Made", made(done).to_string()),
        ("Findings", findings.len().to_string()),
        ("Controls", controls.len().to_string()),
        ("Gaps", gaps.to_string()),
        ("Summary", done.plan.summary()),
    ];
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
