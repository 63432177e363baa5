//! Records, notices, lessons and threats as tables.

use reprieve_core::decision::Why;
use reprieve_core::notice::{Notice, SUBJECT_LIMIT};
use reprieve_core::record::elapsed_ms;
use reprieve_core::threat::is_restorative;
use reprieve_core::{
    Decision, Details, EventForm, KeyDescription, KeyNames, KeyState, Mode, Phase, Plan, Record, Serving, Severity, Status, Step,
    StepOutcome, StepResult, Target, Threat,
    lesson::{self, Lesson},
};
use reprieve_test_support::event::{EVENT_TIME, disable, event, remediator, remediator_role, schedule, time};
use reprieve_test_support::key;

fn failed_for_now() -> StepResult {
    StepResult::FailedForNow { error: "kms:EnableKey: throttled: Rate exceeded".to_owned() }
}

fn refused() -> StepResult {
    StepResult::Refused { error: "kms:EnableKey: access denied: no".to_owned() }
}

fn unsupported() -> StepResult {
    StepResult::Unsupported { error: "import it again".to_owned() }
}

fn steps(results: &[StepResult]) -> Vec<StepOutcome> {
    let key = key("k");
    let calls = [Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key }];
    calls.into_iter().zip(results.iter().cloned()).map(|(step, result)| StepOutcome { step, result, at: None }).collect()
}

#[test]
fn steps_fold_into_one_status() {
    use StepResult::{AlreadySo, DoesNotExist, Done, NotCarriedOut, NotReached, TakesEffectLater};
    for (results, status, is_open) in [
        (vec![Done, Done], Status::Success, false),
        (vec![AlreadySo, Done], Status::Success, false),
        (vec![Done, TakesEffectLater], Status::Success, false),
        (vec![Done, failed_for_now()], Status::Partial, true),
        (vec![Done, refused()], Status::Partial, false),
        (vec![Done, unsupported()], Status::Unsupported, false),
        (vec![failed_for_now(), NotReached], Status::Failure, true),
        (vec![refused(), NotReached], Status::Failure, false),
        (vec![DoesNotExist, NotReached], Status::DoesNotExist, false),
        (vec![NotCarriedOut, NotCarriedOut], Status::Observed, false),
    ] {
        let steps = steps(&results);
        assert_eq!((Status::of_steps(&steps), Status::is_open(&steps)), (status, is_open), "{results:?}");
    }
}

fn record(decision: Decision, steps: Vec<StepOutcome>, status: Status) -> Record {
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: time("2026-11-20T10:00:02Z"),
        received_at: time("2026-11-20T10:00:01Z"),
        mode: Mode::Enforce,
        event: schedule(&key("k")).build(),
        threat: Some(Threat::DeletionScheduled),
        subject: None,
        considering: Plan::default(),
        decision: Some(decision),
        steps,
        status,
        state_after: None,
        detect_ms: Some(1_000),
        remediate_ms: None,
        names: KeyNames::default(),
    }
}

fn remedy() -> Decision {
    let why = Why { deadline: Some(time("2026-11-27T10:00:00Z")), ..Why::new(Severity::High, "Something happened.") };
    Decision::Remedy { plan: Plan::new(vec![Step::EnableKey { key: key("k") }]), why }
}

#[test]
fn records_are_named_by_event_phase_and_attempt() {
    let mut record = record(remedy(), Vec::new(), Status::Success);
    assert_eq!(record.id(), "ScheduleKeyDeletion-1.outcome.1");
    (record.phase, record.attempt, record.claimed) = (Phase::Intent, 2, false);
    assert_eq!(
        record.id(),
        "ScheduleKeyDeletion-1.intent.u2",
        "an attempt that the ledger did not grant never takes the name of one that it did"
    );
    let (account, region) = record.place();
    assert_eq!((account.unwrap().as_str(), region.unwrap().as_str()), ("111122223333", "eu-central-1"));
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
}

#[test]
fn a_notice_says_how_it_ended() {
    use StepResult::{Done, NotCarriedOut, NotReached, TakesEffectLater};
    for (results, headline, severity, has_deadline) in [
        (vec![Done, Done], "key k is back: it was scheduled for deletion", Severity::High, false),
        (vec![Done, TakesEffectLater], "key k is out of danger, not yet usable: it was scheduled for deletion", Severity::High, false),
        (vec![Done, failed_for_now()], "key k is out of danger, not yet usable: it was scheduled for deletion", Severity::High, true),
        (vec![refused(), NotReached], "key k could NOT be given back: it was scheduled for deletion", Severity::High, true),
        (vec![Done, unsupported()], "key k cannot be enabled by us: it was scheduled for deletion", Severity::High, true),
        (vec![StepResult::DoesNotExist, NotReached], "key k does not exist any more: it was scheduled for deletion", Severity::High, true),
        (
            vec![NotCarriedOut, NotCarriedOut],
            "key k would have been given back (mode observe): it was scheduled for deletion",
            Severity::High,
            true,
        ),
    ] {
        let steps = steps(&results);
        let status = Status::of_steps(&steps);
        let notice = Notice::of(&record(remedy(), steps, status)).unwrap();
        assert_eq!(notice.subject, format!("[High] {headline}"));
        assert_eq!(notice.text().lines().next().unwrap(), headline, "the first line says it all");
        assert_eq!(notice.text().contains("Deadline: 2026-11-27T10:00:00Z"), has_deadline, "{headline}");
        assert_eq!(notice.severity, severity);
        assert_eq!(notice.text().lines().filter(|line| line.starts_with("- ")).count(), 2);
    }
}

#[test]
fn each_step_is_told_in_words() {
    for (result, words) in [
        (StepResult::Done, "done"),
        (StepResult::AlreadySo, "was so already"),
        (StepResult::TakesEffectLater, "accepted, takes effect when the key store is connected"),
        (StepResult::NotCarriedOut, "not carried out, mode is observe"),
        (StepResult::NotReached, "not reached"),
        (failed_for_now(), "failed, will be tried again: kms:EnableKey: throttled: Rate exceeded"),
        (refused(), "refused: kms:EnableKey: access denied: no"),
        (unsupported(), "not possible: import it again"),
        (StepResult::DoesNotExist, "the key does not exist"),
    ] {
        let notice = Notice::of(&record(remedy(), steps(&[result]), Status::Failure)).unwrap();
        assert!(notice.text().contains(&format!("- cancel the deletion: {words}\n")), "{}", notice.text());
    }
}

#[test]
fn nobody_is_told_of_what_needs_nobody() {
    let stand = Decision::Stand { why: Why::new(Severity::Informational, "Approved.") };
    assert_eq!(Notice::of(&record(stand, Vec::new(), Status::NothingToDo)), None);
    let mut intent = record(remedy(), Vec::new(), Status::Pending);
    intent.phase = Phase::Intent;
    assert_eq!(Notice::of(&intent), None, "an intent is no news");
    let mut why = Why::new(Severity::Informational, "Approved.");
    why.escalations.push("a policy could not be evaluated".to_owned());
    let told = Notice::of(&record(Decision::Stand { why }, Vec::new(), Status::NothingToDo)).unwrap();
    assert!(told.text().contains("! a policy could not be evaluated"), "{}", told.text());
}

#[test]
fn a_subject_is_short_ascii_on_one_line() {
    let mut record = record(Decision::Escalate { why: Why::new(Severity::Critical, "x") }, Vec::new(), Status::Escalated);
    record.event.target = Target::Named(format!("alias/schlüssel\n{}", "x".repeat(200)));
    let notice = Notice::of(&record).unwrap();
    assert_eq!(notice.subject.len(), SUBJECT_LIMIT);
    assert!(notice.subject.starts_with("[Critical] alias/schl?ssel?xxx"), "{}", notice.subject);
}

#[test]
fn severities_are_those_of_ocsf() {
    let table = [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .map(|severity| (severity.ocsf_id(), severity.caption()));
    assert_eq!(table, [(1, "Informational"), (2, "Low"), (3, "Medium"), (4, "High"), (5, "Critical")]);
}

#[test]
fn elapsed_time_is_never_clamped() {
    assert_eq!(elapsed_ms(time(EVENT_TIME), time("2026-11-20T10:00:01.5Z")), 1_500);
    assert_eq!(elapsed_ms(time("2026-11-20T10:00:01.5Z"), time(EVENT_TIME)), -1_500);
}

#[test]
fn events_show_threats() {
    let expiring = Details { material_valid_to: Some(time("2027-01-01T00:00:00Z")), ..Details::default() };
    for (name, threat) in [
        ("ScheduleKeyDeletion", Some(Threat::DeletionScheduled)),
        ("DisableKey", Some(Threat::KeyDisabled)),
        ("DisableKeyRotation", Some(Threat::RotationDisabled)),
        ("DeleteImportedKeyMaterial", Some(Threat::MaterialDeleted)),
        ("ImportKeyMaterial", None),
        ("DeleteExpiredKeyMaterial", Some(Threat::MaterialExpired)),
        ("DisconnectCustomKeyStore", Some(Threat::KeyStoreDisconnected)),
        ("DeleteCustomKeyStore", Some(Threat::KeyStoreDeleted)),
        ("PutKeyPolicy", Some(Threat::PolicyReplaced)),
        ("RevokeGrant", Some(Threat::GrantRemoved)),
        ("RetireGrant", Some(Threat::GrantRemoved)),
        ("TagResource", Some(Threat::TagsChanged)),
        ("UntagResource", Some(Threat::TagsChanged)),
        ("UpdateAlias", Some(Threat::AliasChanged)),
        ("DeleteAlias", Some(Threat::AliasChanged)),
        ("DeleteKey", Some(Threat::KeyDeleted)),
        ("CancelKeyDeletion", None),
        ("EnableKey", None),
        ("CreateKey", None),
        ("Decrypt", None),
    ] {
        let of_kms = event(name).build();
        assert_eq!(Threat::of(&of_kms), threat, "{name}");
        assert_eq!(Threat::of(&event(name).source("s3.amazonaws.com").build()), None, "{name} of another service");
        assert_eq!(Threat::of(&event(name).refused("AccessDenied").build()), threat, "{name}, refused: still an attempt");
    }
    assert_eq!(Threat::of(&event("ImportKeyMaterial").details(expiring).build()), Some(Threat::MaterialExpires));
    assert_eq!(Threat::of(&event("DisableRegion").source("account.amazonaws.com").build()), Some(Threat::RegionDisabled));
    for (name, threat) in [
        ("KMS CMK Deletion", Some(Threat::KeyDeleted)),
        ("CMK Deletion", Some(Threat::KeyDeleted)),
        ("KMS Imported Key Material Expiration", Some(Threat::MaterialExpired)),
        ("KMS CMK Rotation", None),
    ] {
        assert_eq!(Threat::of(&event(name).form(EventForm::Native).source("aws.kms").build()), threat, "{name}");
    }
}

#[test]
fn three_calls_are_restorative() {
    for name in ["CancelKeyDeletion", "EnableKey", "EnableKeyRotation"] {
        assert!(is_restorative(&event(name).build()), "{name}");
        assert!(!is_restorative(&event(name).refused("AccessDenied").build()), "{name}, refused");
    }
    assert!(!is_restorative(&event("DisableKey").build()));
    assert!(!is_restorative(&event("EnableKey").source("s3.amazonaws.com").build()));
}

#[test]
fn what_an_event_teaches() {
    let undone = Decision::Remedy { plan: Plan::default(), why: Why::new(Severity::High, "x") };
    let stands = Decision::Stand { why: Why::new(Severity::Informational, "x") };
    let approved = Decision::Stand { why: Why { permitted: true, ..Why::new(Severity::Informational, "x") } };
    let key = key("k");
    let role = remediator_role();
    let without_material = Details { awaits_material: true, ..Details::default() };
    for (event, decision, serving) in [
        (event("EnableKey").on(&key).build(), &stands, Some(Serving::Enabled)),
        (event("CreateKey").on(&key).build(), &stands, Some(Serving::Enabled)),
        (event("CreateKey").on(&key).details(without_material).build(), &stands, None),
        (event("EnableKey").on(&key).by(remediator()).build(), &stands, None),
        (event("EnableKey").on(&key).refused("AccessDenied").build(), &stands, None),
        (event("EnableKey").on(&key).at_no_known_time().build(), &stands, None),
        (disable(&key).build(), &approved, Some(Serving::Disabled)),
        (disable(&key).build(), &stands, None),
        (disable(&key).build(), &undone, None),
        (schedule(&key).build(), &approved, None),
    ] {
        let learned = lesson::from_event(&event, decision, Some(&role), time(EVENT_TIME)).map(|lesson| lesson.serving);
        assert_eq!(learned, serving, "{} {}", event.name, decision.name());
    }
}

/// P33: what claims to be from the future is learned as of now, and what was learned as of a future gives way.
#[test]
fn no_lesson_is_dated_ahead_and_none_that_is_stands_in_the_way() {
    let (now, stands) = (time(EVENT_TIME), Decision::Stand { why: Why::new(Severity::Informational, "x") });
    let latest = now + lesson::CLOCKS_DIFFER_BY;
    for (at, as_of) in [("2026-11-20T09:00:00Z", time("2026-11-20T09:00:00Z")), (EVENT_TIME, now), ("2099-01-01T00:00:00Z", latest)] {
        let learned = lesson::from_event(&event("EnableKey").on(&key("k")).at(at).build(), &stands, None, now).unwrap();
        assert_eq!(learned.as_of, as_of);
    }
    let lesson = Lesson::new(Serving::Enabled, now, now);
    for (known, replaced) in
        [("2026-11-20T09:00:00Z", true), (EVENT_TIME, true), ("2026-11-20T10:00:30Z", false), ("2099-01-01T00:00:00Z", true)]
    {
        assert_eq!(lesson.replaces(time(known)), replaced, "{known}");
    }
}

/// P33: what an answer gave back was given back after what it answers, however far behind our clock is.
#[test]
fn a_rescue_is_later_than_what_it_undid() {
    let event = schedule(&key("k")).build();
    let record = Record { event, state_after: Some(KeyState::Enabled), ..reprieve_test_support::record() };
    for (now, as_of) in [("2026-11-20T09:59:58Z", "2026-11-20T10:00:01Z"), ("2026-11-20T10:00:05Z", "2026-11-20T10:00:05Z")] {
        assert_eq!(lesson::from_rescue(&record, time(now)).unwrap().as_of, time(as_of), "{now}");
    }
}

/// P33: a key that is seen enabled long after an act on it was given back since; one that is seen so at once may be seen as it was.
#[test]
fn a_key_that_is_enabled_by_now_is_learned_as_enabled() {
    let (enabled, pending) = (KeyDescription::in_state(KeyState::Enabled), KeyDescription::in_state(KeyState::PendingDeletion));
    let (late, seen) = (time("2026-11-20T10:07:00Z"), time("2026-11-20T10:06:00Z"));
    for (event, description, now, learned) in [
        (disable(&key("k")), &enabled, late, Some(seen)),
        (schedule(&key("k")), &enabled, late, Some(seen)),
        (disable(&key("k")), &pending, late, None),
        (disable(&key("k")), &enabled, time("2026-11-20T10:00:02Z"), None),
        (disable(&key("k")).at_no_known_time(), &enabled, late, None),
        (event("PutKeyPolicy").on(&key("k")), &enabled, late, None),
    ] {
        let event = event.build();
        assert_eq!(lesson::from_sight(description, &event, now).map(|lesson| lesson.as_of), learned, "{} {now}", event.name);
    }
}

#[test]
fn what_a_look_teaches() {
    let now = time(EVENT_TIME);
    for (state, known, serving) in [
        (KeyState::Enabled, None, Some(Serving::Enabled)),
        (KeyState::Enabled, Some(Serving::Disabled), Some(Serving::Enabled)),
        (KeyState::Disabled, None, Some(Serving::Disabled)),
        (KeyState::Disabled, Some(Serving::Enabled), None),
        (KeyState::PendingDeletion, None, None),
        (KeyState::PendingReplicaDeletion, Some(Serving::Enabled), None),
        (KeyState::Unavailable, None, None),
        (KeyState::Other("Frozen".to_owned()), None, None),
    ] {
        let learned = lesson::from_state(&KeyDescription::in_state(state.clone()), known, now).map(|lesson| lesson.serving);
        assert_eq!(learned, serving, "{state:?} {known:?}");
    }
}

#[test]
fn plans_are_within_wider_ones() {
    let key = key("k");
    let (cancel, enable) = (Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key: key.clone() });
    let both = Plan::new(vec![cancel.clone(), enable.clone()]);
    assert!(Plan::default().is_within(&both) && Plan::new(vec![enable.clone()]).is_within(&both) && both.is_within(&both));
    assert!(!both.is_within(&Plan::new(vec![cancel])));
    assert!(!Plan::new(vec![Step::EnableKey { key: reprieve_test_support::key("other") }]).is_within(&both), "another key");
    let rotation = |period_days| Plan::new(vec![Step::EnableKeyRotation { key: key.clone(), period_days }]);
    assert!(rotation(Some(180)).is_within(&rotation(None)), "whatever the parameters");
    assert_eq!(both.to_string(), "cancel the deletion, then enable the key");
}

#[test]
fn modes_and_deadlines_are_read() {
    assert_eq!((Mode::parse("enforce"), Mode::parse("observe"), Mode::parse("Enforce")), (Some(Mode::Enforce), Some(Mode::Observe), None));
    let mut event = schedule(&key("k")).build();
    assert_eq!(event.deadline(), Some(time("2026-11-27T10:00:00Z")), "the waiting period counts from the event");
    event.details.deletion_date = Some(time("2026-11-28T00:00:00Z"));
    assert_eq!(event.deadline(), Some(time("2026-11-28T00:00:00Z")), "the provider's date goes first");
    event = schedule(&key("k")).at_no_known_time().build();
    assert_eq!(event.deadline(), None);
    event.details.material_valid_to = Some(time("2027-01-01T00:00:00Z"));
    assert_eq!(event.deadline(), Some(time("2027-01-01T00:00:00Z")));
}
