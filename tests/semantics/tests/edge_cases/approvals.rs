//! Edge cases of approval: which key, which action, which time, whose.

use jiff::SignedDuration;
use reprieve_core::approval::{ApprovalSource, SEAL_TAG};
use reprieve_core::policy::{SHIPPED_POLICIES, SHIPPED_SCHEMA};
use reprieve_core::{ApprovalFinding, KeyState, Policy, Severity, Status};
use reprieve_engine::{CallError, Ledger as _};
use reprieve_test_support::approval::approval_tags;
use reprieve_test_support::event::{schedule, time};
use reprieve_test_support::{Terms, finish, guard, key, sealed_approval, world_with_key};

use crate::{assert_given_back, schedule_and_settle};

/// Edge case 7, P11: an approval on the primary alone does not cover its replica, not even when its tags are copied.
#[test]
fn case_07_an_approval_of_the_primary_does_not_cover_the_replica() {
    let mut domain = reprieve_test_support::world::domain();
    domain.region = None;
    let world = guard().domain(domain).build();
    let primary = key("mrk-1234abcd12ab34cd56ef1234567890ab");
    let replica = reprieve_core::KeyArn::parse(&primary.as_str().replace("eu-central-1", "us-east-1")).unwrap();
    world.keys.create(&primary);
    world.keys.create(&replica);
    let approval = sealed_approval(&primary, &Terms::default());
    world.tag_approval(&primary, &approval);

    let record = schedule_and_settle(&world, &replica);
    assert_given_back(&world, &replica, &record);

    world.tag_approval(&replica, &approval);
    world.keys.schedule_deletion(&replica, 7).unwrap();
    let record = world.settle(&schedule(&replica).id("copied-tags").build());
    assert_given_back(&world, &replica, &record);
    assert!(matches!(&record.decision.unwrap().why().approval, ApprovalFinding::Invalid { reason } if reason.contains("another resource")));

    world.keys.schedule_deletion(&primary, 7).unwrap();
    let record = world.settle(&schedule(&primary).id("the-primary").build());
    assert_eq!(record.status, Status::NothingToDo, "the approval covers the key that it names");
}

/// Edge case 9, P12: the window ends during the waiting period: decided by the time of the event, and recorded.
#[test]
fn case_09_a_window_that_ends_while_waiting_is_judged_by_event_time() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    let record = schedule_and_settle(&world, &key);
    assert_eq!(record.status, Status::NothingToDo);
    let approval = record.decision.as_ref().unwrap().why().approval.established().unwrap().clone();
    assert_eq!((approval.change.as_str(), approval.window_end), ("CHG-1001", time("2026-11-20T17:00:00Z")), "the window is recorded");

    world.clock.advance(SignedDuration::from_hours(48));
    let report = world.sweep("sweep-1");
    assert_eq!((report.standing, report.lost_events, report.given_back), (1, 0, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);

    // An event outside of the window is not covered, though we look while it is open.
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = world.settle(&schedule(&key).at("2026-11-20T08:59:59Z").build());
    assert_given_back(&world, &key, &record);
}

/// Edge case 9, P36: where a policy says so, the sweep judges a deletion anew after its window.
#[test]
fn case_09_the_sweep_decides_anew_where_policy_says_so() {
    let text = format!(
        "{SHIPPED_POLICIES}\n@id(\"window-still-open\") forbid (principal, action, resource) when {{ context has approval && \
         context.approval.window_end <= context.now }};"
    );
    let world = guard().policy(Policy::parse(&text, SHIPPED_SCHEMA).unwrap()).build();
    let key = key("judged-anew");
    world.keys.create(&key);
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    assert_eq!(schedule_and_settle(&world, &key).status, Status::NothingToDo);
    assert_eq!(world.sweep("sweep-1").standing, 1, "the window is still open");
    world.clock.set(time("2026-11-20T17:00:00Z"));
    let report = world.sweep("sweep-2");
    assert_eq!((report.standing, report.given_back), (0, 1), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 10, P11: any approval tag that is changed after sealing makes the seal invalid, and the deletion unapproved.
#[test]
fn case_10_a_tag_changed_after_sealing_makes_it_unapproved() {
    for (name, forged) in [
        ("reprieve:change", "CHG-1002"),
        ("reprieve:action", "disable"),
        ("reprieve:window", "2026-11-20T09:00:00Z/2027-11-20T17:00:00Z"),
        ("reprieve:approver", "dave@example.com"),
        (SEAL_TAG, "v1.test-2026.AAAA"),
    ] {
        let (world, key) = world_with_key();
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        world.keys.tag(&key, [(name.to_owned(), forged.to_owned())].into()).unwrap();
        let record = schedule_and_settle(&world, &key);
        assert_given_back(&world, &key, &record);
        let why = record.decision.as_ref().unwrap().why().clone();
        assert!(matches!(why.approval, ApprovalFinding::Invalid { .. }), "{name}: {:?}", why.approval);
        assert!(why.sentence.contains("its approval is not valid"), "{name}: {}", why.sentence);
    }
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.change(&key, |key| key.tags.remove(SEAL_TAG).map(drop).unwrap());
    let record = schedule_and_settle(&world, &key);
    assert_given_back(&world, &key, &record);
    assert!(record.decision.unwrap().why().sentence.contains("the tag `reprieve:seal` is missing"));
}

/// Edge case 11, P11: an approval to disable does not cover a deletion.
#[test]
fn case_11_an_approval_to_disable_does_not_cover_a_deletion() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable")));
    let record = schedule_and_settle(&world, &key);
    assert_given_back(&world, &key, &record);
    assert!(record.decision.unwrap().why().sentence.contains("it approves `disable`, not `delete`"));
}

/// Edge case 12, P13: who approves is who deletes: cancelled, and escalated as a self-approval.
#[test]
fn case_12_a_self_approval_is_cancelled_and_escalated() {
    for name in ["mallory@example.com", "MALLORY@example.com", "arn:aws:iam::111122223333:role/Admin"] {
        let (world, key) = world_with_key();
        world.tag_approval(&key, &sealed_approval(&key, &Terms::of_approver(name)));
        let record = schedule_and_settle(&world, &key);
        assert_given_back(&world, &key, &record);
        let why = record.decision.as_ref().unwrap().why().clone();
        assert_eq!(why.policies, ["approver-is-not-the-actor"], "{name}");
        assert_eq!(why.escalations, ["mallory@example.com as Admin tried to approve their own act"]);
        assert!(why.severity >= Severity::High);
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("tried to approve their own act"), "{}", notice.text());
    }
}

/// Edge case 13, P15: a pending key cannot be tagged, so a late approval goes into the ledger.
#[test]
fn case_13_a_late_approval_comes_through_the_ledger() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let approval = sealed_approval(&key, &Terms::default());
    assert!(matches!(world.keys.tag(&key, approval_tags(&approval)), Err(CallError::InvalidState { .. })));
    finish(world.ledger.approve(&key, &approval)).unwrap().unwrap();
    let record = world.settle(&schedule(&key).build());
    assert_eq!(record.status, Status::NothingToDo);
    assert_eq!(record.decision.unwrap().why().approval.established().unwrap().source, ApprovalSource::Ledger);
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}
