//! Edge cases of delivery: duplicates, order, our own echo, failed calls, bursts, half-done answers.

use jiff::SignedDuration;
use reprieve_core::{Decision, KeyArn, KeyState, Mode, Phase, Status, StepResult};
use reprieve_engine::{CallError, Clock as _, Handled};
use reprieve_test_support::claims::Progress;
use reprieve_test_support::event::{EVENT_TIME, REMEDIATOR_ROLE, disable, event, remediator, schedule, session, time};
use reprieve_test_support::world::{LEASE, settled};
use reprieve_test_support::{Effect, World, guard, key, world_with_key};

use crate::{assert_given_back, schedule_and_settle};

fn throttled() -> CallError {
    CallError::Throttled { call: "kms:EnableKey", message: "ThrottlingException".to_owned() }
}

/// Edge case 1, P23 and P29: the same event id twice gives one remediation and one audit record.
#[test]
fn case_01_same_event_twice_is_one_remediation_and_one_record() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let answers = world.handle_batch(&[event.clone(), event.clone()]);
    assert!(matches!(answers.as_slice(), [Handled::Done { .. }, Handled::Duplicate]), "{answers:?}");
    assert_eq!(world.handle(&event), Handled::Duplicate);
    assert_eq!(world.journal.effects("cancel_deletion").len(), 1);
    assert_eq!(world.journal.effects("enable").len(), 1);
    assert_eq!(world.audit.outcomes(&event.id).len(), 1);
    assert_eq!(world.audit.records().iter().filter(|record| record.phase == Phase::Intent).count(), 1);
    assert_eq!(world.notices.notices().len(), 1);
}

/// Edge case 1, where the event needs no look at its key: it is recorded once as well.
#[test]
fn case_01_same_harmless_event_twice_is_one_record() {
    let (world, key) = world_with_key();
    let event = event("CreateKey").on(&key).build();
    world.settle(&event);
    world.settle(&event);
    assert_eq!(world.audit.records().len(), 1);
}

/// Edge case 2, P1: `EnableKey` arrives before the `DisableKey` that it undid; the state decides, and nothing is done.
#[test]
fn case_02_enable_before_its_disable_leaves_the_state_to_decide() {
    let (world, key) = world_with_key();
    world.settle(&event("EnableKey").on(&key).at("2026-11-20T09:59:58Z").build());
    let record = world.settle(&disable(&key).at("2026-11-20T09:59:57Z").build());
    assert_eq!(record.status, Status::NothingToDo);
    assert_eq!(record.decision.unwrap().name(), "stand");
    assert!(world.journal.acts().is_empty());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 2, in one batch: events of one key are taken in the order of their times.
#[test]
fn case_02_a_batch_is_put_in_order() {
    let (world, key) = world_with_key();
    let later = event("EnableKey").on(&key).at("2026-11-20T09:59:58Z").build();
    let earlier = disable(&key).at("2026-11-20T09:59:57Z").build();
    let answers = world.handle_batch(&[later.clone(), earlier.clone()]);
    let ids: Vec<_> = answers.iter().map(|answer| settled(answer).unwrap().event.id).collect();
    assert_eq!(ids, [later.id.clone(), earlier.id.clone()], "answers come in the order given");
    let written: Vec<_> =
        world.audit.records().into_iter().filter(|record| record.phase == Phase::Outcome).map(|record| record.event.id).collect();
    assert_eq!(written, [earlier.id, later.id], "work is done in the order of the times");
}

/// Edge case 3, P5: our own cancel and enable are recorded and never answered; only our exact role counts, and only for restorative acts.
#[test]
fn case_03_our_own_acts_are_recorded_and_never_retrigger() {
    let (world, key) = world_with_key();
    for name in ["CancelKeyDeletion", "EnableKey", "EnableKeyRotation"] {
        let record = world.settle(&event(name).on(&key).by(remediator()).build());
        let Some(Decision::Stand { why }) = &record.decision else { unreachable!("{name} endangers nothing") };
        assert_eq!(why.sentence, format!("`{name}` is our own act, recorded and not answered."));
    }
    assert_eq!(world.audit.records().len(), 3);
    assert!(world.journal.entries().iter().all(|entry| entry.call.name() == "append"), "nothing was looked up, nothing was done");
    assert!(world.notices.notices().is_empty());

    // A role of the same name in another account, or on another path, is not ours.
    for stranger in ["arn:aws:iam::444455556666:role/reprieve-guard", "arn:aws:iam::111122223333:role/x/reprieve-guard"] {
        let record = world.settle(&event("EnableKey").id("foreign").on(&key).by(session(stranger, "reprieve-guard")).build());
        assert!(!record.decision.unwrap().why().sentence.contains("our own"), "{stranger}");
    }
}

/// Edge case 3, P5: under our own role a deletion is answered like anybody's, and reported as stolen credentials.
#[test]
fn case_03_a_deletion_by_our_own_role_is_undone_and_reported() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = world.settle(&schedule(&key).by(session(REMEDIATOR_ROLE, "reprieve-guard")).build());
    assert_given_back(&world, &key, &record);
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("treat its credentials as stolen"), "{}", notice.text());
}

/// Edge case 4, P4: a call that the provider refused is an attempt: recorded, not answered.
#[test]
fn case_04_a_refused_call_is_recorded_and_not_answered() {
    let (world, key) = world_with_key();
    for (id, code) in [("refused-1", "AccessDenied"), ("refused-2", "AccessDeniedException"), ("refused-3", "KMSInvalidStateException")] {
        let record = world.settle(&schedule(&key).id(id).refused(code).build());
        assert_eq!(record.status, Status::NothingToDo);
        let sentence = &record.decision.as_ref().unwrap().why().sentence;
        assert!(sentence.contains("mallory@example.com as Admin tried `ScheduleKeyDeletion`") && sentence.contains(code), "{sentence}");
    }
    assert_eq!(world.audit.records().len(), 3);
    assert!(world.journal.entries().iter().all(|entry| entry.call.name() == "append"));
}

/// Edge case 5: a deletion that is scheduled on a key that is pending already keeps the first deadline.
#[test]
fn case_05_scheduling_a_pending_key_keeps_the_first_deadline() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let deadline = world.keys.find(&key).unwrap().description().deletion_date;
    let denied = CallError::AccessDenied { call: "kms:CancelKeyDeletion", message: "explicit deny".to_owned() };
    world.faults.fail_next("cancel_deletion", 1, Effect::Before, denied);
    world.settle(&schedule(&key).build());
    assert_eq!(world.ledger.case(&key).unwrap().deadline, deadline);

    // The provider refuses the second call; even an event that claims otherwise moves nothing.
    assert!(matches!(world.keys.schedule_deletion(&key, 30), Err(CallError::InvalidState { .. })));
    world.faults.fail_next("cancel_deletion", 1, Effect::Before, throttled());
    let mut second = schedule(&key).id("schedule-2").build();
    second.details.waiting_period_days = Some(30);
    let record = world.settle(&second);
    assert_eq!(record.decision.unwrap().why().deadline, deadline);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 14, P23: the cancel succeeds and the enable is throttled: partial; the next delivery does the enable only.
#[test]
fn case_14_a_throttled_enable_is_resumed_without_a_second_cancel() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("enable", 50, Effect::Before, throttled());
    let event = schedule(&key).build();
    let Handled::Retry { reason, record: Some(record), .. } = world.handle(&event) else { unreachable!("the enable is still owed") };
    assert!(reason.contains("EnableKey is still open") && reason.contains("throttled"), "{reason}");
    assert_eq!(record.status, Status::Partial);
    assert_eq!(record.steps.first().unwrap().result, StepResult::Done);
    assert!(world.ledger.case(&key).unwrap().cancelled_at.is_some());
    assert_eq!(world.ledger.kept_claim(&event.id).unwrap().progress, Progress::Open);

    world.faults.clear();
    let record = world.settle(&event);
    assert_eq!(World::steps(&record), [("EnableKey", &StepResult::Done)]);
    assert_eq!((record.status, record.attempt), (Status::Success, 2));
    assert_eq!(world.journal.made("cancel_deletion"), 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert_eq!(world.ledger.case(&key), None);
}

/// Edge case 15, P23: the process dies after the cancel; the next delivery finds the key disabled and resumes at the enable.
#[test]
fn case_15_a_key_that_we_cancelled_is_resumed_at_the_enable() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("cancel_deletion", 1, Effect::KilledAfter, throttled());
    let event = schedule(&key).build();
    assert_eq!(world.try_handle(&event, 1), None, "the process died");
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    assert!(matches!(world.try_handle(&event, 2), Some(Handled::Retry { record: None, .. })), "the lease still runs");

    world.clock.advance(LEASE + SignedDuration::from_secs(1));
    let record = world.settle(&event);
    assert_eq!(World::steps(&record), [("EnableKey", &StepResult::Done)]);
    assert_eq!(record.status, Status::Success);
    assert_eq!(world.journal.made("cancel_deletion"), 1, "nothing asked for a cancel of a key that is not pending");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 22, P26: 200 keys scheduled in a burst are paced at the quota of 5 a second, the earliest deadline first, and none is lost.
#[test]
fn case_22_a_burst_of_200_keys_is_paced_and_none_is_lost() {
    let world = guard().build();
    world.keys.limit(5);
    let keys: Vec<KeyArn> = (0..200).map(|number| key(&format!("burst-{number:03}"))).collect();
    let mut events = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        world.keys.create(key);
        let days = 7 + u32::try_from(number * 7 % 24).unwrap();
        world.keys.schedule_deletion(key, days).unwrap();
        let mut event = schedule(key).id(&format!("burst-event-{number}")).build();
        event.details.waiting_period_days = Some(days);
        events.push(event);
    }
    let first_days = events.iter().filter(|event| event.details.waiting_period_days == Some(7)).count();
    let mut open: Vec<_> = events.clone();
    let mut deliveries = 0;
    while !open.is_empty() {
        deliveries += 1;
        assert!(deliveries <= 100, "{} keys are still open", open.len());
        let answers = world.handle_batch(&open);
        open =
            open.into_iter().zip(answers).filter(|(_, answer)| matches!(answer, Handled::Retry { .. })).map(|(event, _)| event).collect();
        world.clock.advance(SignedDuration::from_secs(1));
    }
    assert!(keys.iter().all(|key| world.keys.state(key) == KeyState::Enabled));
    for operation in ["kms:CancelKeyDeletion", "kms:EnableKey"] {
        let accepted = world.keys.accepted(operation);
        assert_eq!(accepted.len(), 200, "{operation}: each key once");
        assert!(accepted.windows(6).all(|six| six[5].duration_since(six[0]) >= SignedDuration::from_secs(1)), "{operation}");
    }
    let attempted: Vec<KeyArn> = world
        .journal
        .entries()
        .iter()
        .filter(|entry| entry.call.name() == "cancel_deletion")
        .filter_map(|entry| entry.call.acts_on().cloned())
        .collect();
    let days_of = |key: &KeyArn| events.iter().find(|event| event.target.key() == Some(key)).unwrap().details.waiting_period_days;
    let first: Vec<_> = attempted.iter().take(first_days).map(days_of).collect();
    assert_eq!(first, vec![Some(7); first_days], "the earliest deadlines come first");
    assert!(events.iter().all(|event| world.audit.outcomes(&event.id).iter().any(|record| record.status == Status::Success)));
}

/// Edge case 25, P30: an event that claims to be from the future is answered, and the skew is recorded, not clamped.
#[test]
fn case_25_an_event_from_the_future_is_answered_and_the_skew_recorded() {
    let (world, key) = world_with_key();
    world.clock.set(time("2026-11-20T09:59:30Z"));
    let record = schedule_and_settle(&world, &key);
    assert_given_back(&world, &key, &record);
    assert_eq!(record.event.time, Some(time(EVENT_TIME)));
    assert_eq!(record.detect_ms, Some(-30_000));
    assert!(record.remediate_ms.unwrap() < 0);
    assert!(world.clock.now() < time(EVENT_TIME));
}

/// Edge case 1, P25: in mode `observe`: nothing is done, and what would have been done is recorded once.
#[test]
fn case_01_holds_in_observe_mode() {
    let world = guard().mode(Mode::Observe).build();
    let key = key("observed");
    world.keys.create(&key);
    let record = schedule_and_settle(&world, &key);
    assert_eq!(record.status, Status::Observed);
    assert_eq!(World::steps(&record), [("CancelKeyDeletion", &StepResult::NotCarriedOut), ("EnableKey", &StepResult::NotCarriedOut)]);
    assert_eq!(world.handle(&record.event), Handled::Duplicate);
    assert!(world.journal.acts().is_empty());
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}
