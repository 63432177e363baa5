//! Replays: a good approval in another place or at another time, or after it was taken back.

use reprieve_core::Known;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_test_support::event::ACCOUNT;
use reprieve_test_support::{Terms, key, sealed_approval, time};

use crate::scene::{Forgery, Scene, forgery, the_key};

const BROKEN: &str = "the seal does not belong to these values";

pub(crate) fn rows() -> Vec<Forgery> {
    [places(), times(), taken_back(), unread()].into_iter().flatten().collect()
}

fn places() -> Vec<Forgery> {
    let moved = |name, scene: Scene, from: &str, to: &str| {
        let arn = the_key().as_str().replace(from, to);
        assert_ne!(arn, the_key().as_str());
        forgery(name, BROKEN, scene, |scene| scene.on(&arn))
    };
    vec![
        moved("on another key", Scene::sealed(), "90ab", "90ac"),
        moved("on the replica, with copied tags", Scene::sealed(), "eu-central-1", "us-east-1"),
        moved("on the replica, from the ledger", Scene::late(), "eu-central-1", "us-east-1"),
        moved("in another partition", Scene::sealed(), "arn:aws:", "arn:aws-eusc:"),
        moved("in another account", Scene::sealed(), ACCOUNT, "444455556666"),
        moved("on a key of the same id in capital letters", Scene::sealed(), "mrk-1234abcd", "mrk-1234ABCD"),
        forgery("of another key, in the ledger", BROKEN, Scene::late(), |scene| {
            scene.recollection().approvals = vec![sealed_approval(&key("another"), &Terms::default())];
        }),
        forgery("for another action", "it approves `disable-rotation`, not `delete`", Scene::sealed(), |scene| {
            scene.approve(&sealed_approval(&the_key(), &Terms::of_action("disable-rotation")));
        }),
        forgery("for another action, in the ledger", "it approves `disable-rotation`, not `delete`", Scene::late(), |scene| {
            scene.recollection().approvals = vec![sealed_approval(&the_key(), &Terms::of_action("disable-rotation"))];
        }),
        forgery("for every action", "it approves `any`, not `delete`", Scene::sealed(), |scene| {
            scene.approve(&sealed_approval(&the_key(), &Terms::of_action("any")));
        }),
    ]
}

fn times() -> Vec<Forgery> {
    let at = |name, reason, at: &'static str, decided_at: &'static str| {
        forgery(name, reason, Scene::sealed(), |scene| scene.happens(at, decided_at))
    };
    vec![
        at("a second too early", "and it happened before, at 2026-11-20T08:59:59Z", "2026-11-20T08:59:59Z", "2026-11-20T08:59:59Z"),
        at(
            "a second too early, decided inside the window",
            "and it happened before, at 2026-11-20T08:59:59Z",
            "2026-11-20T08:59:59Z",
            "2026-11-20T09:00:01Z",
        ),
        at(
            "five minutes too early, by a clock that is ahead",
            "and it happened before, at 2026-11-20T08:55:00Z",
            "2026-11-20T08:55:00Z",
            "2026-11-20T09:05:00Z",
        ),
        at(
            "five minutes too early, by a clock that is behind",
            "and it happened before, at 2026-11-20T08:55:00Z",
            "2026-11-20T08:55:00Z",
            "2026-11-20T08:54:20Z",
        ),
        at("at the very end", "and it happened after, at 2026-11-20T17:00:00Z", "2026-11-20T17:00:00Z", "2026-11-20T17:00:01Z"),
        at(
            "at the very end, by a clock that is behind",
            "and it happened after, at 2026-11-20T17:00:00Z",
            "2026-11-20T17:00:00Z",
            "2026-11-20T16:59:20Z",
        ),
        at(
            "inside of the window, dated an hour ahead",
            "because the event does not say when it happened",
            "2026-11-20T10:00:00Z",
            "2026-11-20T09:00:00Z",
        ),
        at("a day later", "and it happened after, at 2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z"),
        forgery("a day later, in the ledger", "and it happened after, at 2026-11-21T10:00:00Z", Scene::late(), |scene| {
            scene.happens("2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z");
        }),
        forgery("at no known time", "because the event does not say when it happened", Scene::sealed(), |scene| scene.event.time = None),
        forgery(
            "at no known time, though the approval key was retired",
            "because the event does not say when it happened",
            Scene::sealed(),
            |scene| {
                scene.event.time = None;
                let text = reprieve_test_support::approval::approval_key_text_with(";until=2026-01-01T00:00:00Z");
                scene.rules.keys = reprieve_core::ApprovalKeys::parse(&text).unwrap();
            },
        ),
    ]
}

fn revocation() -> Revocation {
    Revocation { change: "CHG-1001".to_owned(), by: "erin@example.com".to_owned(), at: time("2026-11-20T09:30:00Z"), reason: None }
}

fn taken_back() -> Vec<Forgery> {
    const REVOKED: &str = "change CHG-1001 was revoked by erin@example.com";
    vec![
        forgery("revoked, though the tags stay", REVOKED, Scene::sealed(), |scene| scene.recollection().revocations.push(revocation())),
        forgery("revoked in the ledger", REVOKED, Scene::late(), |scene| scene.recollection().revocations.push(revocation())),
        forgery("revoked, and approved anew under the same change", REVOKED, Scene::sealed(), |scene| {
            scene.recollection().revocations.push(revocation());
            scene.recollection().approvals.push(sealed_approval(&the_key(), &Terms::of_approver("dave@example.com")));
        }),
        forgery("plain tags that are revoked", REVOKED, Scene::plain(), |scene| scene.recollection().revocations.push(revocation())),
        forgery("revoked, with the second approver's seal left", REVOKED, Scene::two_approvers(), |scene| {
            scene.recollection().revocations.push(revocation());
        }),
        forgery("drowned in the ledger by others", BROKEN, Scene::late(), |scene| {
            let forged = SealedApproval { change: "CHG-1".to_owned(), ..sealed_approval(&the_key(), &Terms::default()) };
            scene.recollection().approvals.extend(vec![forged; 100]);
        }),
    ]
}

fn unread() -> Vec<Forgery> {
    vec![
        forgery("tags that cannot be read", "no approval could be read (tags throttled)", Scene::sealed(), |scene| {
            scene.tags = Known::Unreadable("tags throttled".to_owned());
        }),
        forgery("a ledger that cannot be read", "so it is not known whether the approval was revoked", Scene::sealed(), |scene| {
            scene.recollection = Known::Unreadable("ledger throttled".to_owned());
        }),
        forgery(
            "a ledger that cannot be read, with nothing in the tags",
            "no approval could be read (ledger throttled)",
            Scene::late(),
            |scene| {
                scene.recollection = Known::Unreadable("ledger throttled".to_owned());
            },
        ),
    ]
}
