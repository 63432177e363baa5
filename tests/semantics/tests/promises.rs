//! Each promise of `shared/docs/semantics.md` that no edge case, property or failure test cites, as a named test; and the test that
//! every promise is cited somewhere.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation};
use reprieve_core::policy::{SHIPPED_POLICIES, SHIPPED_SCHEMA};
use reprieve_core::{
    Actor, ApprovalFinding, Decision, Details, Inventory, KeyArn, KeyState, Mode, Policy, Serving, Severity, Status, StepResult, Target,
};
use reprieve_engine::{CallError, Claim, Handled, Intent, Ledger as _};
use reprieve_semantics::repository_path;
use reprieve_test_support::event::{disable, disable_rotation, event, schedule, session, time};
use reprieve_test_support::world::{LEASE, settled};
use reprieve_test_support::{Effect, FakeKey, Terms, World, finish, guard, key, sealed_approval};

fn world_with_key() -> (World, KeyArn) {
    let world = guard().build();
    let key = key("1234abcd-12ab-34cd-56ef-1234567890ab");
    world.keys.create(&key);
    (world, key)
}

fn no_answer() -> CallError {
    CallError::Unavailable { call: "any", message: "connection reset".to_owned() }
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "kms:EnableKey", message: "explicit deny".to_owned() }
}

/// P3: tags that cannot be read hold no approval, though one is there.
#[test]
fn an_approval_that_cannot_be_read_is_none() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("tags", 1, Effect::Before, no_answer());
    let record = world.settle(&schedule(&key).build());
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Enabled));
    let why = record.decision.unwrap().why().clone();
    assert!(matches!(&why.approval, ApprovalFinding::Unreadable { reason } if reason.contains("connection reset")), "{:?}", why.approval);
    assert!(why.sentence.contains("which counts as none"), "{}", why.sentence);
}

/// P3: a key that cannot be looked at is rescued as if it were in danger.
#[test]
fn a_key_that_cannot_be_looked_at_is_rescued() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("describe", 1, Effect::Before, no_answer());
    let record = world.settle(&schedule(&key).build());
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Enabled));
    assert!(record.decision.unwrap().why().escalations.iter().any(|text| text.contains("could not be looked at")));
}

/// P7: a key that AWS manages is left to AWS.
#[test]
fn a_key_that_aws_manages_is_left() {
    let world = guard().build();
    let managed = key("managed");
    world.keys.put(&managed, FakeKey { aws_managed: true, enabled: false, ..FakeKey::default() });
    assert_eq!(world.settle(&disable(&managed).build()).status, Status::NothingToDo);
    assert_eq!(world.sweep("sweep-1").aws_managed, 1);
    assert!(world.journal.acts().is_empty());
}

/// P8: what we cannot undo is escalated with advice, and with the deadline where there is one.
#[test]
fn what_cannot_be_undone_is_escalated_with_advice() {
    let expiring = Details { material_valid_to: Some(time("2026-12-01T00:00:00Z")), ..Details::default() };
    for (name, details, advice, severity) in [
        ("DeleteImportedKeyMaterial", Details::default(), "Only importing the same key material again", Severity::Critical),
        ("ImportKeyMaterial", expiring, "before the deadline", Severity::Medium),
        ("RevokeGrant", Details::default(), "a grant must be made anew", Severity::Medium),
        ("UpdateAlias", Details::default(), "point it back", Severity::Medium),
        ("UntagResource", Details::default(), "Access that is granted by tags", Severity::Low),
        ("PutKeyPolicy", Details::default(), "Check that its users and administrators", Severity::Low),
    ] {
        let (world, key) = world_with_key();
        let deadline = details.material_valid_to;
        let record = world.settle(&event(name).on(&key).details(details).build());
        assert_eq!(record.status, Status::Escalated, "{name}");
        let why = record.decision.unwrap().why().clone();
        assert!(why.sentence.contains(advice), "{name}: {}", why.sentence);
        assert_eq!((why.severity, why.deadline), (severity, deadline), "{name}");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert_eq!(notice.text.contains("Deadline: 2026-12-01T00:00:00Z"), deadline.is_some(), "{name}");
        assert!(world.journal.acts().is_empty());
    }
    let world = guard().build();
    let store = event("DisconnectCustomKeyStore").target(Target::KeyStore("cks-1".to_owned())).build();
    let record = world.settle(&store);
    assert!(record.decision.unwrap().why().sentence.contains("until ConnectCustomKeyStore succeeds"));
}

/// P8: a key policy that locks us out, or that was put past KMS's own check, is escalated as urgent.
#[test]
fn a_lockout_is_urgent() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.excludes_us = true);
    let record = world.settle(&event("PutKeyPolicy").on(&key).build());
    assert_eq!(record.decision.as_ref().unwrap().why().severity, Severity::High);
    assert!(record.decision.unwrap().why().sentence.contains("we may be locked out"));

    let (world, key) = world_with_key();
    let bypass = Details { bypasses_lockout_check: true, ..Details::default() };
    let record = world.settle(&event("PutKeyPolicy").on(&key).details(bypass).build());
    assert_eq!(record.decision.as_ref().unwrap().why().severity, Severity::High);
    assert!(record.decision.unwrap().why().sentence.contains("lockout check switched off"));
}

/// P9: the sentence says what happened, by whom, why no approval covers it, what is done and why; the policies are named.
#[test]
fn a_decision_reads_as_a_sentence() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = world.settle(&schedule(&key).build());
    assert_eq!(
        record.decision.unwrap().why().sentence,
        format!(
            "`{key}` was scheduled for deletion by mallory@example.com as Admin and no approval covers it: cancel the deletion, then \
             enable the key, because its state before is not known, so it is taken as enabled."
        )
    );
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    let why = world.settle(&schedule(&key).build()).decision.unwrap().why().clone();
    assert_eq!(
        why.sentence,
        format!(
            "`{key}` was scheduled for deletion by mallory@example.com as Admin and change CHG-1001, approved by carol@example.com, covers it."
        )
    );
    assert_eq!(why.policies, ["change-window"]);
}

/// P10: nothing is approved by default: without approval keys, and without policies, no act stands.
#[test]
fn nothing_is_approved_by_default() {
    let no_keys = reprieve_core::ApprovalKeys::default();
    let no_policies = Policy::parse("", SHIPPED_SCHEMA).unwrap();
    for world in [guard().approval_keys(no_keys).build(), guard().policy(no_policies).build()] {
        let key = key("default-deny");
        world.keys.create(&key);
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        world.keys.schedule_deletion(&key, 7).unwrap();
        world.settle(&schedule(&key).build());
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
    }
}

/// P12: an event that does not say when it happened is covered by no approval.
#[test]
fn an_event_without_a_time_is_covered_by_none() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = world.settle(&schedule(&key).at_no_known_time().build());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert!(record.decision.unwrap().why().sentence.contains("because the event does not say when it happened"));
}

/// P14: an unknown caller's act is covered by no approval.
#[test]
fn an_unknown_caller_is_covered_by_no_approval() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = world.settle(&schedule(&key).by(Actor::unknown()).build());
    assert_eq!(record.decision.unwrap().why().policies, ["actor-is-known"]);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P16: a set of policies that cannot be trusted is refused; one that errs permits nothing, and people are told.
#[test]
fn a_policy_that_errs_permits_nothing() {
    let nameless = "permit (principal, action, resource);";
    let misfit = "@id(\"x\") permit (principal, action, resource) when { context.weather == \"fine\" };";
    for broken in [nameless, misfit, "permit ("] {
        assert!(Policy::parse(broken, SHIPPED_SCHEMA).is_err(), "{broken}");
    }
    let overflow = "@id(\"too-far\") permit (principal, action, resource) when { context has waiting_period_days && \
                    context.waiting_period_days * 9223372036854775807 > 0 };";
    let world = guard().policy(Policy::parse(overflow, SHIPPED_SCHEMA).unwrap()).build();
    let key = key("erring-policy");
    world.keys.create(&key);
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).build());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text.contains("a policy could not be evaluated and was left out"), "{}", notice.text);
}

/// P18: a key that was disabled without approval is enabled again.
#[test]
fn an_unapproved_disablement_is_undone() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    let record = world.settle(&disable(&key).build());
    assert_eq!(World::steps(&record), [("EnableKey", &StepResult::Done)]);
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Enabled));
    assert_eq!(world.ledger.known(&key).inventory, None, "and it taught nothing");
}

/// P18: an approved disablement stands, and is what is given back later.
#[test]
fn an_approved_disablement_stands_and_is_remembered() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable")));
    world.keys.disable(&key).unwrap();
    assert_eq!(world.settle(&disable(&key).build()).status, Status::NothingToDo);
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    assert_eq!(world.ledger.known(&key).inventory.unwrap().serving, Serving::Disabled);

    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).at("2026-11-20T10:00:02Z").build());
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
}

/// P19: rotation is switched on again, with the period it had.
#[test]
fn rotation_is_switched_on_again_with_its_period() {
    let (world, key) = world_with_key();
    let rotation = Rotation { enabled: true, period_days: Some(180) };
    world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-01T00:00:00Z"), rotation: Some(rotation) });
    let record = world.settle(&disable_rotation(&key).build());
    assert_eq!(World::steps(&record), [("EnableKeyRotation", &StepResult::Done)]);
    assert_eq!(world.keys.find(&key).unwrap().rotation, rotation);
    // It rotates again: another event finds nothing to do.
    assert_eq!(world.settle(&disable_rotation(&key).id("rotation-2").build()).status, Status::NothingToDo);
}

/// P20: where neither the ledger nor the audit store can be written, nothing is done, and the event comes again.
#[test]
fn nothing_is_done_without_a_durable_intent() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("claim", 1, Effect::Before, no_answer());
    world.faults.fail_next("append", 1, Effect::Before, no_answer());
    let event = schedule(&key).build();
    let Handled::Retry { reason, record: None } = world.handle(&event) else { unreachable!("nothing is durable") };
    assert!(reason.contains("nothing was done"), "{reason}");
    assert!(world.journal.acts().is_empty());
    world.settle(&event);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P20: where only one of them can be written, the key is rescued all the same.
#[test]
fn one_durable_intent_is_enough() {
    for name in ["claim", "append"] {
        let (world, key) = world_with_key();
        world.keys.schedule_deletion(&key, 7).unwrap();
        world.faults.fail_next(name, 1, Effect::Before, no_answer());
        world.handle(&schedule(&key).build());
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{name}");
    }
}

/// P23: whoever holds the claim works; others wait for the lease to end.
#[test]
fn only_one_works_on_an_event_at_a_time() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let plan = reprieve_core::Plan::default();
    let intent = Intent { event_id: event.id.clone(), key: Some(key.clone()), considering: plan, at: time("2026-11-20T10:00:01Z") };
    assert_eq!(finish(world.ledger.claim(&intent)).unwrap(), Ok(Claim::Granted { attempt: 1 }));
    let Handled::Retry { reason, .. } = world.handle(&event) else { unreachable!("somebody else holds it") };
    assert!(reason.contains("another invocation"), "{reason}");
    assert!(world.journal.acts().is_empty());
    world.clock.advance(LEASE + SignedDuration::from_secs(1));
    assert_eq!(world.settle(&event).attempt, 2);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P24: what was refused is not tried again for the same event; the sweep tries again.
#[test]
fn a_refusal_waits_for_the_next_sweep() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    world.faults.fail_next("enable", 1, Effect::Before, denied());
    let record = world.settle(&disable(&key).build());
    assert_eq!((record.status, world.journal.made("enable")), (Status::Failure, 1));
    let report = world.sweep("sweep-1");
    assert_eq!((report.given_back, report.lost_events), (1, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P31: an outcome that could not be written brings the event back, and the key stays rescued.
#[test]
fn an_outcome_that_is_not_kept_brings_the_event_back() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let mut number = 0;
    // The second append is the outcome's.
    world.faults.fail_next("tell", 0, Effect::Before, no_answer());
    let probe = guard().build();
    probe.keys.create(&key);
    probe.keys.schedule_deletion(&key, 7).unwrap();
    probe.settle(&event);
    for entry in probe.journal.entries() {
        if entry.call.name() == "append" {
            number = entry.number;
        }
    }
    world.faults.fail_call(number, Effect::Before, no_answer());
    assert!(matches!(world.handle(&event), Handled::Retry { .. }));
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert!(matches!(world.handle(&event), Handled::Done { .. }));
    assert_eq!(world.audit.outcomes(&event.id).len(), 1);
}

/// P32: people are told once, and of an answer that stays open from the third attempt on.
#[test]
fn people_are_told_of_what_stays_open() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let throttled = CallError::Throttled { call: "kms:EnableKey", message: "Rate exceeded".to_owned() };
    world.faults.fail_next("enable", 1_000, Effect::Before, throttled);
    let mut told = Vec::new();
    for _ in 0..3 {
        assert!(matches!(world.handle(&event), Handled::Retry { .. }));
        told.push(world.notices.notices().len());
    }
    assert_eq!(told, [0, 0, 1]);
    assert!(world.notices.notices().first().unwrap().text.contains("failed, will be tried again"));
    world.faults.clear();
    world.settle(&event);
    assert_eq!(world.handle(&event), Handled::Duplicate);
    assert_eq!(world.notices.notices().len(), 2, "and once when it is over");
}

/// P33: lessons: who enables a key teaches that it serves; we teach nothing; the newer lesson stays.
#[test]
fn lessons_come_from_those_entitled_and_the_newest_wins() {
    let (world, key) = world_with_key();
    world.settle(&event("EnableKey").on(&key).at("2026-11-20T09:00:00Z").build());
    assert_eq!(world.ledger.known(&key).inventory.unwrap().as_of, time("2026-11-20T09:00:00Z"));
    world.settle(&event("EnableKey").id("older").on(&key).at("2026-11-20T08:00:00Z").build());
    let ours = session("arn:aws:iam::111122223333:role/reprieve-guard", "guard");
    world.settle(&event("EnableKey").id("ours").on(&key).at("2026-11-20T09:30:00Z").by(ours).build());
    assert_eq!(world.ledger.known(&key).inventory.unwrap().as_of, time("2026-11-20T09:00:00Z"));
}

/// P35: what no event announced, the sweep finds, answers, and counts as lost.
#[test]
fn the_sweep_finds_what_no_event_announced() {
    let (world, key) = world_with_key();
    world.sweep("sweep-1");
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-2");
    assert_eq!((report.keys, report.endangered, report.lost_events, report.given_back), (1, 1, 1, 1), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert_eq!(world.meter.sweeps().last().unwrap().lost_events, 1);
    assert_eq!(world.sweep("sweep-3").endangered, 0);
}

/// P35: an event that is still on its way is not counted as lost.
#[test]
fn an_event_on_its_way_is_not_lost() {
    let (world, key) = world_with_key();
    world.sweep("sweep-1");
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.clock.advance(SignedDuration::from_secs(30));
    let report = world.sweep("sweep-2");
    assert_eq!((report.lost_events, report.given_back), (0, 1), "{report:?}");
}

/// P35: a disabled key and switched-off rotation are found as well, where the inventory knows better.
#[test]
fn the_sweep_finds_disabled_keys_and_lost_rotation() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(90) });
    world.sweep("sweep-1");
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: false, period_days: None });
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert_eq!(world.keys.find(&key).unwrap().rotation, Rotation { enabled: true, period_days: Some(90) });
    world.keys.disable(&key).unwrap();
    assert_eq!(world.sweep("sweep-3").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P36: what an approval lets stand is decided again, without a new record, until it no longer holds.
#[test]
fn what_stands_is_decided_again_without_new_records() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    finish(world.ledger.approve(&key, &sealed_approval(&key, &Terms::default()))).unwrap().unwrap();
    world.settle(&schedule(&key).build());
    let records = world.audit.records().len();
    for sweep in ["sweep-1", "sweep-2"] {
        world.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(world.sweep(sweep).standing, 1);
    }
    assert_eq!(world.audit.records().len(), records);

    // The approval is replaced by one that does not hold: the change was revoked.
    let mut revoked = sealed_approval(&key, &Terms::default());
    revoked.seal = "revoked".to_owned();
    finish(world.ledger.approve(&key, &revoked)).unwrap().unwrap();
    assert_eq!(world.sweep("sweep-3").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P36: a disabled key is given back when its incident is over.
#[test]
fn an_incident_that_is_over_gives_the_key_back() {
    let (world, key) = world_with_key();
    world.sweep("sweep-0");
    world.keys.tag(&key, [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into()).unwrap();
    world.keys.disable(&key).unwrap();
    world.clock.advance(SignedDuration::from_secs(1));
    world.settle(&disable(&key).build());
    assert_eq!(world.sweep("sweep-1").standing, 1);
    world.keys.change(&key, |key| key.tags.clear());
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P37: what a new deployment finds disabled stays so.
#[test]
fn a_key_first_seen_disabled_is_meant_to_be_so() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    for sweep in ["sweep-1", "sweep-2"] {
        assert_eq!(world.sweep(sweep).endangered, 0);
    }
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    assert_eq!(world.ledger.known(&key).inventory.unwrap().serving, Serving::Disabled);
}

/// P37: a sweep between two attempts to enable a key does not take it as meant to be disabled.
#[test]
fn a_rescue_that_is_still_open_is_not_taken_as_meant() {
    for scheduled in [false, true] {
        let (world, key) = world_with_key();
        let event = if scheduled {
            world.keys.schedule_deletion(&key, 7).unwrap();
            schedule(&key).build()
        } else {
            world.keys.disable(&key).unwrap();
            disable(&key).build()
        };
        // The cancel's answer is lost, so that nothing notes that it was ours; the enable is throttled.
        world.faults.fail_next("cancel_deletion", 1, Effect::After, no_answer());
        let throttled = CallError::Throttled { call: "kms:EnableKey", message: "Rate exceeded".to_owned() };
        world.faults.fail_next("enable", 1_000, Effect::Before, throttled);
        assert!(matches!(world.handle(&event), Handled::Retry { .. }));
        assert_eq!(world.keys.state(&key), KeyState::Disabled);
        let report = world.sweep("sweep-1");
        assert_eq!((report.endangered, report.lost_events), (1, 0), "{report:?}");
        world.faults.clear();
        world.clock.advance(SignedDuration::from_mins(1));
        world.settle(&event);
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "scheduled: {scheduled}");
    }
}

/// P38: open cases come first, the earliest deadline first; what there is no time for is counted.
#[test]
fn a_sweep_takes_the_earliest_deadline_first_and_counts_the_rest() {
    let world = guard().sweep_budget(Duration::from_secs(60)).concurrency(1).build();
    let keys: Vec<KeyArn> = ["a", "b", "c", "d"].iter().map(|id| key(id)).collect();
    for (key, days) in keys.iter().zip([30, 9, 8, 7]) {
        world.keys.create(key);
        world.keys.schedule_deletion(key, days).unwrap();
        world.faults.fail_next("cancel_deletion", 1, Effect::Before, denied());
        world.settle(&schedule(key).id(&format!("schedule-{}", key.key_id())).build());
    }
    let before = world.journal.entries().len();
    world.sweep("sweep-1");
    let order: Vec<KeyArn> = world
        .journal
        .entries()
        .into_iter()
        .skip(before)
        .filter(|entry| entry.call.name() == "cancel_deletion")
        .filter_map(|entry| entry.call.acts_on().cloned())
        .collect();
    assert_eq!(order, [key("d"), key("c"), key("b"), key("a")]);

    let world = guard().sweep_budget(Duration::ZERO).concurrency(1).build();
    for key in &keys {
        world.keys.create(key);
        world.keys.schedule_deletion(key, 7).unwrap();
    }
    world.faults.fail_next("enable", 3, Effect::Before, no_answer());
    let report = world.sweep("sweep-1");
    assert_eq!((report.given_back, report.not_reached), (1, 3), "{report:?}");
    assert_eq!(world.sweep("sweep-2").given_back, 1, "the next takes up the rest");
}

/// P39: an approved deletion that was carried out is paged at most once, and its case closed.
#[test]
fn a_key_that_is_gone_is_paged_once() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).build());
    world.clock.advance(SignedDuration::from_hours(24 * 8));
    world.keys.lose(&key);
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
        world.clock.advance(SignedDuration::from_hours(1));
    }
    assert!(world.notices.notices().len() <= 1, "{:?}", world.notices.notices());
    assert_eq!(world.ledger.case(&key), None);
}

/// P40: an alias that goes with an approved deletion does not make the sweep forget the approval.
#[test]
fn another_change_does_not_replace_the_case_of_a_deletion() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).build());
    world.settle(&event("DeleteAlias").on(&key).at("2026-11-20T10:00:05Z").build());
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-1");
    assert_eq!((report.standing, report.given_back, report.lost_events), (1, 0, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}

/// P41: an incident hold is a tag that anybody who may tag can set, so setting it is told to people.
#[test]
fn an_incident_hold_cannot_be_set_in_silence() {
    let (world, key) = world_with_key();
    let held = Details { tag_keys: vec![INCIDENT_HOLD_TAG.to_owned()], ..Details::default() };
    let record = world.settle(&event("TagResource").on(&key).details(held).build());
    assert_eq!(record.status, Status::Escalated);
    assert_eq!(world.notices.notices().len(), 1);

    // Approval tags alone are daily work.
    let approved = Details { tag_keys: vec!["reprieve:change".to_owned(), "reprieve:seal".to_owned()], ..Details::default() };
    let record = world.settle(&event("TagResource").id("tags-2").on(&key).details(approved).build());
    assert_eq!((record.status, world.notices.notices().len()), (Status::NothingToDo, 1));
}

/// P25: a sweep in mode `observe` changes nothing, and tells once.
#[test]
fn observing_changes_nothing_and_tells_once() {
    let world = guard().mode(Mode::Observe).build();
    let key = key("observed");
    world.keys.create(&key);
    world.keys.schedule_deletion(&key, 7).unwrap();
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
        world.clock.advance(SignedDuration::from_hours(1));
    }
    assert!(world.journal.acts().is_empty());
    assert_eq!(world.notices.notices().len(), 1);
    assert!(world.notices.notices().first().unwrap().subject.contains("would have been given back"));
}

/// P22: the port through which keys are changed offers three calls, and each gives something back.
#[test]
fn no_destroying_call_exists() {
    let port = std::fs::read_to_string(repository_path("shared/engine/src/port.rs")).unwrap();
    let control = port.split("pub trait KeyControl").nth(1).unwrap().split("\n}").next().unwrap();
    let calls: Vec<&str> = control.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next()).collect();
    assert_eq!(calls, ["describe", "tags", "rotation", "cancel_deletion", "enable", "enable_rotation", "list"]);
}

/// P17: where a policy of the customer's own permits an act without a seal, it stands, and the policy is named.
#[test]
fn a_policy_of_ones_own_can_permit() {
    let sandbox = format!("{SHIPPED_POLICIES}\n@id(\"sandbox\") permit (principal, action, resource) when {{ resource.hasTag(\"env\") && resource.getTag(\"env\") == \"sandbox\" }};");
    let world = guard().policy(Policy::parse(&sandbox, SHIPPED_SCHEMA).unwrap()).build();
    let key = key("sandbox");
    world.keys.put(&key, FakeKey { tags: [("env".to_owned(), "sandbox".to_owned())].into(), ..FakeKey::default() });
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = settled(&world.handle(&schedule(&key).build())).unwrap();
    let Some(Decision::Stand { why }) = record.decision else { unreachable!("the sandbox may") };
    assert!(why.sentence.contains("policy sandbox permits it"), "{}", why.sentence);
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}

/// Every promise is cited by a test, and no test cites a promise that does not exist.
#[test]
fn every_promise_is_cited_and_every_citation_is_a_promise() {
    let text = std::fs::read_to_string(repository_path("shared/docs/semantics.md")).unwrap();
    let promised: Vec<u32> = text.lines().filter_map(|line| line.strip_prefix("- **P")?.split_once("**")?.0.parse().ok()).collect();
    let numbers: BTreeSet<u32> = promised.iter().copied().collect();
    assert_eq!(numbers.len(), promised.len(), "each number once");
    let mut cited = BTreeSet::new();
    for folder in ["tests/semantics/tests", "tests/e2e"] {
        collect_citations(&repository_path(folder), &mut cited);
    }
    assert_eq!(numbers.difference(&cited).collect::<Vec<_>>(), Vec::<&u32>::new(), "promises without a test");
    assert_eq!(cited.difference(&numbers).collect::<Vec<_>>(), Vec::<&u32>::new(), "citations of no promise");
}

fn collect_citations(folder: &Path, cited: &mut BTreeSet<u32>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_citations(&path, cited);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix("///"));
            for word in comments.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())) {
                cited.extend(word.strip_prefix('P').and_then(|number| number.parse::<u32>().ok()));
            }
        }
    }
}
