//! Promises of deciding and of approval.

use jiff::SignedDuration;
use reprieve_core::policy::SHIPPED_SCHEMA;
use reprieve_core::{Actor, ApprovalFinding, Details, KeyState, Policy, Severity, Status, Target};
use reprieve_engine::Handled;
use reprieve_test_support::event::{disable, event, schedule, time};
use reprieve_test_support::{Effect, FakeKey, Terms, guard, key, sealed_approval, world_with_key};

use crate::no_answer;

/// P3: tags that cannot be read hold no approval, though one is there; what was cancelled is told, though it is approved by then.
#[test]
fn an_approval_that_cannot_be_read_is_none() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("tags", 1, Effect::Before, no_answer());
    let event = schedule(&key).build();
    let Handled::Retry { record: Some(record), .. } = world.handle(&event) else { unreachable!("the tags are read again") };
    assert_eq!((record.status, world.keys.state(&key)), (Status::Partial, KeyState::Disabled));
    let why = record.decision.unwrap().why().clone();
    assert!(matches!(&why.approval, ApprovalFinding::Unreadable { reason } if reason.contains("connection reset")), "{:?}", why.approval);
    assert!(why.sentence.contains("which counts as none"), "{}", why.sentence);

    let record = world.settle(&event);
    assert_eq!((record.status, record.decision.unwrap().why().permitted), (Status::NothingToDo, true));
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("is not pending deletion any more"), "{}", notice.text());
}

/// P3: what was cancelled is told all the same where a sweep reads the approval before the next delivery does, and once.
#[test]
fn what_was_cancelled_is_told_though_a_sweep_came_between() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("tags", 1, Effect::Before, no_answer());
    let event = schedule(&key).build();
    assert!(matches!(world.handle(&event), Handled::Retry { .. }));
    world.clock.advance(SignedDuration::from_mins(5));
    assert_eq!((world.sweep("sweep-1").standing, world.notices.notices()), (1, Vec::new()));

    world.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(world.settle(&event).status, Status::NothingToDo);
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("is not pending deletion any more"), "{}", notice.text());
    assert_eq!(world.handle(&event), Handled::Duplicate);
    assert_eq!((world.sweep("sweep-2").standing, world.notices.notices().len()), (1, 1));
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
        assert_eq!(notice.text().contains("Deadline: 2026-12-01T00:00:00Z"), deadline.is_some(), "{name}");
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
    assert!(notice.text().contains("a policy could not be evaluated and was left out"), "{}", notice.text());
}
