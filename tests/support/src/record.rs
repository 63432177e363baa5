//! One outcome record for the tests of the sinks.

use reprieve_core::record::StepResult;
use reprieve_core::{
    Actor, CallOutcome, Decision, Details, Event, EventForm, EventId, KeyArn, Mode, Phase, Plan, Record, Severity, Status,
};
use reprieve_core::{Step, StepOutcome, Target, Threat, Why};

/// Returns the outcome of a deletion by `mallory` in `eu-central-1`, cancelled.
#[must_use]
pub fn record() -> Record {
    let key = KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab").expect("a constant is valid");
    let step = Step::CancelKeyDeletion { key: key.clone() };
    let plan = Plan::new(vec![step.clone()]);
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: "2026-01-02T03:04:06Z".parse().expect("a constant is valid"),
        received_at: "2026-01-02T03:04:05.5Z".parse().expect("a constant is valid"),
        mode: Mode::Enforce,
        event: Event {
            id: EventId::parse("event-1").expect("a constant is valid"),
            form: EventForm::ApiCall,
            source: "kms.amazonaws.com".to_owned(),
            name: "ScheduleKeyDeletion".to_owned(),
            time: Some("2026-01-02T03:04:05Z".parse().expect("a constant is valid")),
            account: Some(key.account()),
            region: Some(key.region()),
            actor: Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() },
            target: Target::Key(key),
            outcome: CallOutcome::Succeeded,
            details: Details::default(),
            oddities: Vec::new(),
        },
        threat: Some(Threat::DeletionScheduled),
        subject: None,
        considering: plan.clone(),
        decision: Some(Decision::Remedy { plan, why: Why::new(Severity::High, "Nobody approved it.") }),
        steps: vec![StepOutcome {
            step,
            result: StepResult::Done,
            at: Some("2026-01-02T03:04:05.9Z".parse().expect("a constant is valid")),
        }],
        status: Status::Success,
        state_after: None,
        detect_ms: Some(500),
        remediate_ms: Some(900),
        names: reprieve_core::record::KeyNames::default(),
    }
}
