//! What a broken glass lets pass for some hours, and what becomes of it afterwards.

use reprieve_core::azure::{Function, Subject};
use reprieve_core::{Actor, ApprovalRules, Event};
use reprieve_engine::Handled;
use reprieve_test_support::Effect;
use reprieve_test_support::event::time;
use reprieve_test_support::tenant::{TenantWorld, key_updated, person, rotation_removed, tenant};
use reprieve_test_support::world::approval_rules;

use super::standing::{approve, stands};
use super::{furnish, key, no_answer};

const OSCAR: &str = "05ca0000-0000-4000-8000-05ca05ca05ca";

fn oscar() -> Actor {
    person("oscar@example.com", OSCAR)
}

/// What can be done to a key that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Disable,
    EndRotation,
}

impl Act {
    const ALL: [Self; 2] = [Self::Disable, Self::EndRotation];

    const fn function(self) -> Function {
        match self {
            Self::Disable => Function::RecoverKey,
            Self::EndRotation => Function::RestoreRotationPolicy,
        }
    }

    fn subject(self) -> Subject {
        match self {
            Self::Disable => Subject::VaultObject(key()),
            Self::EndRotation => Subject::RotationPolicy(key()),
        }
    }

    /// The name of the change that takes it back.
    const fn undone_by(self) -> &'static str {
        match self {
            Self::Disable => "EnableVaultKey",
            Self::EndRotation => "PutRotationPolicy",
        }
    }

    /// Does it, and returns the event: oscar breaks the glass.
    fn do_by_oscar(self, world: &TenantWorld) -> Event {
        match self {
            Self::Disable => {
                world.tenant.set_enabled(&key(), false);
                key_updated(&key()).by(oscar()).build()
            }
            Self::EndRotation => {
                world.tenant.remove_rotation(&key());
                rotation_removed(&key()).by(oscar()).build()
            }
        }
    }

    fn approve(self, world: &TenantWorld) {
        approve(world, &key(), self.subject().action(false));
    }
}

/// Oscar may break the glass, for four hours from the event on.
fn for_four_hours() -> TenantWorld {
    let rules = ApprovalRules { break_glass_principals: [OSCAR.to_owned()].into(), break_glass_hours: 4, ..approval_rules() };
    furnish(tenant().rules(rules).build())
}

/// P47, P97: what passes for some hours is not learned as meant, so that it is taken back when they are over.
#[test]
fn what_a_broken_glass_lets_pass_is_told_once_and_taken_back_afterwards() {
    for act in Act::ALL {
        let world = for_four_hours();
        let known = world.ledger.object(&key());
        let record = world.settle(act.function(), &act.do_by_oscar(&world));
        assert!(stands(&record), "{act:?}: {record:?}");
        for sweep in ["sweep-1", "sweep-2"] {
            let report = world.sweep(sweep);
            assert_eq!((report.mended, report.lost_events), (0, 0), "{act:?}: {report:?}");
        }
        assert!(world.changes_tried().is_empty(), "{act:?}");
        assert_eq!((world.notices.notices().len(), world.ledger.object(&key())), (1, known.clone()), "{act:?}");
        world.clock.set(time("2026-11-20T14:00:00Z"));
        let report = world.sweep("after-the-pass");
        assert_eq!((report.mended, report.lost_events, world.altered()), (1, 0, vec![act.undone_by()]), "{act:?}: {report:?}");
        assert_eq!((world.ledger.case(&act.subject()), world.ledger.object(&key())), (None, known), "{act:?}");
        assert_eq!(world.notices.notices().len(), 2, "{act:?}: that it is back is news");
    }
}

/// P47: an approval that comes before the pass ends keeps it, and it is meant from then on.
#[test]
fn what_is_approved_within_the_pass_stays() {
    for act in Act::ALL {
        let world = for_four_hours();
        world.settle(act.function(), &act.do_by_oscar(&world));
        act.approve(&world);
        world.clock.set(time("2026-11-20T14:00:00Z"));
        for sweep in ["after-the-pass", "later"] {
            assert_eq!(world.sweep(sweep).mended, 0, "{act:?}");
        }
        assert!(world.changes_tried().is_empty(), "{act:?}");
        let known = world.ledger.object(&key()).unwrap();
        let is_meant = if act == Act::Disable { known.enabled == Some(false) } else { known.rotation.is_none() };
        assert!(is_meant, "{act:?}: {known:?}");
    }
}

/// P32, P47: that the glass was broken is told by the next sweep, where it could not be told at once.
#[test]
fn a_broken_glass_whose_notice_fails_is_told_by_the_next_sweep() {
    let world = for_four_hours();
    world.faults.fail_next("tell", 1, Effect::Before, no_answer());
    let event = Act::Disable.do_by_oscar(&world);
    let handled = world.handle(Function::RecoverKey, &event);
    assert!(matches!(handled.as_slice(), [Handled::Done { complaints, .. }] if complaints.len() == 1), "{handled:?}");
    let told = ["sweep-1", "sweep-2"].map(|sweep| {
        world.sweep(sweep);
        world.notices.notices().len()
    });
    assert_eq!(told, [1, 1]);
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("the glass was broken"), "{}", notice.text());
    assert!(world.changes_tried().is_empty() && world.ledger.case(&Act::Disable.subject()).unwrap().stands);
}
