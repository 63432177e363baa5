//! Builders: records, entries, findings and postures of which a test says only what it is about.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Approval, ApprovalFinding, ApprovalSource, Revocation};
use reprieve_core::audit::{Asset, AssetKind, Credential, Excerpt, Log, Operation};
use reprieve_core::finding::{Reason, ReasonKind};
use reprieve_core::record::{KeyNames, StepResult};
use reprieve_core::{
    Actor, AuditEvent, CallOutcome, Cloud, Decision, Details, Event, EventForm, EventId, Finding, KeyArn, Mode, Phase, Plan, Posture,
    Record, Severity, Status, Step, StepOutcome, Target, Threat, Why,
};

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The beginning of everything: a Saturday.
pub(crate) const BEGIN: &str = "2026-11-21T05:00:00Z";

pub(crate) fn after(seconds: i64) -> Timestamp {
    time(BEGIN).checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

pub(crate) fn key(id: &str) -> KeyArn {
    KeyArn::parse(&format!("arn:aws:kms:eu-central-1:111122223333:key/{id}")).unwrap()
}

pub(crate) fn event(id: &str, name: &str, key_id: &str, at: Timestamp) -> Event {
    let key = key(key_id);
    Event {
        id: EventId::parse(id).unwrap(),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: name.to_owned(),
        time: Some(at),
        account: Some(key.account()),
        region: Some(key.region()),
        actor: Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() },
        target: Target::Key(key),
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}

/// An intent to cancel the deletion of a key.
pub(crate) fn intent(id: &str, key_id: &str, at: Timestamp) -> Record {
    let plan = Plan::new(vec![Step::CancelKeyDeletion { key: key(key_id) }]);
    Record {
        phase: Phase::Intent,
        attempt: 1,
        claimed: true,
        recorded_at: at.checked_add(SignedDuration::from_secs(1)).unwrap(),
        received_at: at.checked_add(SignedDuration::from_secs(1)).unwrap(),
        mode: Mode::Enforce,
        event: event(id, "ScheduleKeyDeletion", key_id, at),
        threat: Some(Threat::DeletionScheduled),
        subject: None,
        considering: plan,
        decision: None,
        steps: Vec::new(),
        status: Status::Pending,
        state_after: None,
        detect_ms: Some(1_000),
        remediate_ms: None,
        names: KeyNames::default(),
    }
}

/// The outcome of an attempt to cancel the deletion of a key, `seconds` after the event.
pub(crate) fn remedy(id: &str, key_id: &str, at: Timestamp, seconds: i64, result: StepResult) -> Record {
    let plan = Plan::new(vec![Step::CancelKeyDeletion { key: key(key_id) }]);
    let ended = at.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    let steps = vec![StepOutcome { step: Step::CancelKeyDeletion { key: key(key_id) }, result, at: Some(ended) }];
    let status = Status::of_steps(&steps);
    Record {
        phase: Phase::Outcome,
        recorded_at: ended,
        decision: Some(Decision::Remedy { plan, why: Why::new(Severity::High, "Nobody approved it.") }),
        steps,
        status,
        remediate_ms: (status == Status::Success).then_some(seconds * 1_000),
        ..intent(id, key_id, at)
    }
}

pub(crate) fn undone(id: &str, key_id: &str, at: Timestamp, seconds: i64) -> Record {
    remedy(id, key_id, at, seconds, StepResult::Done)
}

pub(crate) fn failed(id: &str, key_id: &str, at: Timestamp) -> Record {
    remedy(id, key_id, at, 2, StepResult::Refused { error: "access denied".to_owned() })
}

/// An outcome of which nothing was done, and why.
pub(crate) fn stood(id: &str, key_id: &str, at: Timestamp, why: Why) -> Record {
    Record {
        phase: Phase::Outcome,
        considering: Plan::default(),
        decision: Some(Decision::Stand { why }),
        status: Status::NothingToDo,
        ..intent(id, key_id, at)
    }
}

pub(crate) fn approval(source: ApprovalSource) -> Approval {
    Approval {
        change: "CHG-1".to_owned(),
        approver: "alice".to_owned(),
        approver_identities: ["person:alice".to_owned()].into(),
        resource: key("k").to_string(),
        window_start: time("2026-11-01T00:00:00Z"),
        window_end: time("2026-12-31T00:00:00Z"),
        source,
        seal_key: Some("k1".to_owned()),
        set_at: None,
        revoked: None,
    }
}

pub(crate) fn why_approved(approval: Approval) -> Why {
    Why {
        permitted: true,
        policies: vec!["change-window".to_owned()],
        approval: ApprovalFinding::Established(Box::new(approval)),
        ..Why::new(Severity::Informational, "It stands: change CHG-1 covers it.")
    }
}

pub(crate) fn revocation() -> Revocation {
    Revocation { change: "CHG-1".to_owned(), by: "bob".to_owned(), at: time(BEGIN), reason: None }
}

pub(crate) fn entry(id: &str, operation: Operation, asset: &str, at: Timestamp) -> AuditEvent {
    AuditEvent {
        log: Log::CloudTrail,
        event: Event { actor: Actor { arn: Some("arn:aws:iam::1:user/app".to_owned()), ..Actor::unknown() }, ..event(id, "Call", "k", at) },
        operation,
        asset: Some(Asset { kind: AssetKind::Key, id: asset.to_owned(), version: None }),
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    }
}

pub(crate) fn refused(mut entry: AuditEvent) -> AuditEvent {
    entry.event.outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
    entry
}

pub(crate) fn finding(id: &str, score: u32, at: Timestamp) -> Finding {
    Finding {
        found_at: at,
        score,
        severity: Severity::Medium,
        reasons: vec![Reason { kind: ReasonKind::NewNetwork, weight: score, sentence: "never before from 198.51.100.0/24".to_owned() }],
        audit: entry(id, Operation::Decrypt, "key", at),
    }
}

pub(crate) fn posture(account: &str, at: Timestamp, (monitored, keys): (u64, u64)) -> Posture {
    Posture {
        at,
        cloud: Cloud::Aws,
        account: account.to_owned(),
        region: "eu-central-1".to_owned(),
        keys,
        keys_monitored: monitored,
        log_storages: 0,
        log_storages_under_customer_key: 0,
        at_risk: Vec::new(),
    }
}
