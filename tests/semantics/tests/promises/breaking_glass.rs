//! What a broken glass lets pass for some hours, and what becomes of it afterwards.

use reprieve_core::{ApprovalRules, KeyState, Severity, Status, Threat};
use reprieve_engine::{CallError, Ledger as _};
use reprieve_test_support::event::{disable, session, time};
use reprieve_test_support::world::approval_rules;
use reprieve_test_support::{Effect, Terms, finish, sealed_approval};

use crate::approving::{role, schedule_by, world_with};
use crate::no_answer;

/// A role may break the glass, for four hours.
fn for_four_hours() -> ApprovalRules {
    ApprovalRules { break_glass_roles: [role("BreakGlass")].into(), break_glass_hours: 4, ..approval_rules() }
}

/// P47: a broken glass passes, is told at once, and is taken back when its pass ends; a late approval keeps it.
#[test]
fn a_broken_glass_passes_is_told_and_expires() {
    for approved_meanwhile in [false, true] {
        let (world, key) = world_with(for_four_hours());
        let record = schedule_by(&world, &key, session("BreakGlass", "oscar@example.com"));
        let why = record.decision.as_ref().unwrap().why().clone();
        assert_eq!((record.status, why.policies.as_slice()), (Status::NothingToDo, &["break-glass".to_owned()][..]), "{}", why.sentence);
        assert!(why.severity >= Severity::High);
        assert_eq!(world.notices.notices().len(), 1);
        if approved_meanwhile {
            finish(world.ledger.approve(&key, &sealed_approval(&key, &Terms::default()))).unwrap().unwrap();
        }
        assert_eq!(world.sweep("within-the-pass").standing, 1);
        assert_eq!(world.notices.notices().len(), 1, "the sweep repeats no notice");
        world.clock.set(time("2026-11-20T14:00:00Z"));
        let report = world.sweep("after-the-pass");
        assert_eq!((report.standing, report.given_back), if approved_meanwhile { (1, 0) } else { (0, 1) }, "{report:?}");
        assert_eq!(world.keys.state(&key) == KeyState::Enabled, !approved_meanwhile);
    }
}

/// P47: what passes for some hours is not learned as meant, so that it is taken back when they are over.
#[test]
fn a_disablement_that_a_broken_glass_lets_pass_is_taken_back_afterwards() {
    let (world, key) = world_with(for_four_hours());
    world.sweep("before");
    world.clock.set(time("2026-11-20T10:30:00Z"));
    world.keys.disable(&key).unwrap();
    let record = world.settle(&disable(&key).by(session("BreakGlass", "oscar@example.com")).at("2026-11-20T10:30:00Z").build());
    assert_eq!(record.status, Status::NothingToDo);
    assert_eq!(world.sweep("within-the-pass").standing, 1);
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    world.clock.set(time("2026-11-20T15:00:00Z"));
    assert_eq!(world.sweep("after-the-pass").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P47, P24: nor is it forgotten where its tags are refused by then: that is told, and once, until they can be read.
#[test]
fn what_passed_is_told_once_where_refused_tags_keep_it_disabled() {
    let (world, key) = world_with(for_four_hours());
    world.sweep("before");
    world.clock.set(time("2026-11-20T10:30:00Z"));
    world.keys.disable(&key).unwrap();
    world.settle(&disable(&key).by(session("BreakGlass", "oscar@example.com")).at("2026-11-20T10:30:00Z").build());
    let told_before = world.notices.notices().len();
    let refused = CallError::AccessDenied { call: "kms:ListResourceTags", message: "no policy allows it".to_owned() };
    world.faults.fail_next("tags", 1_000, Effect::Before, refused);
    for (sweep, at) in [("after-the-pass", "2026-11-20T15:00:00Z"), ("later", "2026-11-20T16:00:00Z"), ("latest", "2026-11-20T17:00:00Z")] {
        world.clock.set(time(at));
        let report = world.sweep(sweep);
        assert_eq!((report.not_reached, report.open, report.given_back), (0, 1, 0), "{sweep}: {report:?}");
        assert_eq!((world.keys.state(&key), world.notices.notices().len()), (KeyState::Disabled, told_before + 1), "{sweep}");
    }
    world.faults.clear();
    world.clock.set(time("2026-11-20T18:00:00Z"));
    assert_eq!(world.sweep("read-again").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P47, P31: nor is it taken back earlier for a deletion that a sweep gave back before, told, and could not write down.
#[test]
fn what_a_sweep_gave_back_before_claims_no_later_disablement() {
    for is_announced in [true, false] {
        let (world, key) = world_with(for_four_hours());
        world.sweep("before");
        world.clock.set(time("2026-11-20T11:00:00Z"));
        world.keys.schedule_deletion(&key, 7).unwrap();
        // Neither its intent nor its outcome can be written down.
        world.faults.fail_next("append", 2, Effect::Before, no_answer());
        assert_eq!(world.sweep("gives-back").given_back, 1);
        assert_eq!(world.ledger.case(&key).unwrap().threat, Threat::DeletionScheduled, "it is kept for the outcome");
        world.clock.set(time("2026-11-20T11:10:00Z"));
        world.keys.disable(&key).unwrap();
        let disabled = disable(&key).by(session("BreakGlass", "oscar@example.com")).at("2026-11-20T11:10:00Z").build();
        if is_announced {
            assert_eq!(world.settle(&disabled).status, Status::NothingToDo);
        } else {
            world.circumstances.logged(disabled);
        }
        world.clock.set(time("2026-11-20T12:00:00Z"));
        let report = world.sweep("within-the-pass");
        assert_eq!((report.standing, report.given_back), (1, 0), "announced: {is_announced}: {report:?}");
        let case = world.ledger.case(&key).unwrap();
        assert_eq!((world.keys.state(&key), case.threat, case.stands), (KeyState::Disabled, Threat::KeyDisabled, true));
        world.clock.set(time("2026-11-20T15:30:00Z"));
        assert_eq!(world.sweep("after-the-pass").given_back, 1, "announced: {is_announced}");
    }
}

/// P47, P13: when the pass is over, who broke the glass cannot approve it for themselves.
#[test]
fn who_broke_the_glass_does_not_approve_it_later() {
    let (world, key) = world_with(ApprovalRules { break_glass_roles: [role("BreakGlass")].into(), ..approval_rules() });
    schedule_by(&world, &key, session("BreakGlass", "oscar@example.com"));
    finish(world.ledger.approve(&key, &sealed_approval(&key, &Terms::of_approver("oscar@example.com")))).unwrap().unwrap();
    world.clock.set(time("2026-11-21T10:00:00Z"));
    assert_eq!(world.sweep("after-the-pass").given_back, 1);
}
