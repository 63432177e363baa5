//! Forged plain tags: without a seal, all depends on who set them, when, and whether the log says so.

use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, WINDOW_TAG};
use reprieve_core::{Actor, CallOutcome, Known, Target};
use reprieve_test_support::event::session;
use reprieve_test_support::{key, time};

use crate::scene::{Forgery, Scene, forgery};

pub(crate) fn rows() -> Vec<Forgery> {
    [unconfigured(), own_approvals(), setters(), calls(), values()].into_iter().flatten().collect()
}

fn plain(name: &'static str, reason: &'static str, forge: impl FnOnce(&mut Scene)) -> Forgery {
    forgery(name, reason, Scene::plain(), forge)
}

fn unconfigured() -> Vec<Forgery> {
    vec![plain("plain tags where they never approve", "the tag `reprieve:seal` is missing, and no approver role is configured", |scene| {
        scene.rules.approver_roles.clear();
    })]
}

pub(crate) fn own_approvals() -> Vec<Forgery> {
    let set_by = |name, reason, setter: Actor| plain(name, reason, |scene| scene.setting().actor = setter);
    vec![
        set_by(
            "plain tags of the one who did it",
            "and mallory@example.com as Admin, who did it, set them",
            session("Admin", "mallory@example.com"),
        ),
        set_by(
            "plain tags of the one who did it, in the role of an approver",
            "and MALLORY@example.com as Approver, who did it, set them",
            session("Approver", "MALLORY@example.com"),
        ),
        set_by(
            "plain tags of another session of the same role",
            "and carol@example.com as Admin, who did it, set them",
            session("Admin", "carol@example.com"),
        ),
    ]
}

fn setters() -> Vec<Forgery> {
    let set_by = |name, reason, setter: Actor| plain(name, reason, |scene| scene.setting().actor = setter);
    vec![
        set_by(
            "plain tags of somebody who approves nothing",
            "and dave@example.com as Developer, who set them, holds no approver role",
            session("Developer", "dave@example.com"),
        ),
        set_by(
            "plain tags of an approver's role in another account",
            "and dave@example.com as Approver, who set them, holds no approver role",
            session("arn:aws:iam::444455556666:role/Approver", "dave@example.com"),
        ),
        set_by("plain tags of an unknown caller", "CloudTrail names nobody who set them", Actor::unknown()),
        plain(
            "plain tags in another's name",
            "and name `erin@example.com` as approver, but carol@example.com as Approver set them",
            |scene| {
                scene.set(APPROVER_TAG, "erin@example.com");
                scene.setting().details.approval_tags.insert(APPROVER_TAG.to_owned(), "erin@example.com".to_owned());
            },
        ),
    ]
}

fn calls() -> Vec<Forgery> {
    const NOBODY: &str = "CloudTrail names nobody who set them";
    vec![
        plain("plain tags that the log does not know", NOBODY, |scene| scene.tagging = Known::Absent),
        plain("plain tags given at creation", NOBODY, |scene| "CreateKey".clone_into(&mut scene.setting().name)),
        plain("plain tags given to a replica at creation", NOBODY, |scene| "ReplicateKey".clone_into(&mut scene.setting().name)),
        plain("plain tags of a call that was refused", NOBODY, |scene| {
            scene.setting().outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
        }),
        plain("plain tags of another service's call", NOBODY, |scene| "tagging.amazonaws.com".clone_into(&mut scene.setting().source)),
        plain("plain tags while the log cannot be read", "who set them could not be looked up (log throttled)", |scene| {
            scene.tagging = Known::Unreadable("log throttled".to_owned());
        }),
        plain("plain tags set at that very moment", "set them at 2026-11-20T10:00:00Z, not before the event", |scene| {
            scene.setting().time = Some(time("2026-11-20T10:00:00Z"));
        }),
        plain("plain tags set a minute later", "set them at 2026-11-20T10:01:00Z, not before the event", |scene| {
            scene.setting().time = Some(time("2026-11-20T10:01:00Z"));
        }),
        plain("plain tags for an act of unknown time", "set them at 2026-11-19T12:00:00Z, not before the event", |scene| {
            scene.event.time = None;
        }),
        plain("plain tags set at no known time", "by carol@example.com as Approver at an unknown time, set others", |scene| {
            scene.setting().time = None;
        }),
        plain("plain tags set on another key", "by carol@example.com as Approver at 2026-11-19T12:00:00Z, set others", |scene| {
            scene.setting().target = Target::Key(key("another"));
        }),
    ]
}

fn values() -> Vec<Forgery> {
    const OTHERS: &str = "by carol@example.com as Approver at 2026-11-19T12:00:00Z, set others";
    let logged = |name, tag: &'static str, value: &'static str| {
        plain(name, OTHERS, |scene| {
            scene.setting().details.approval_tags.insert(tag.to_owned(), value.to_owned());
        })
    };
    vec![
        logged("plain tags with another change than was logged", CHANGE_TAG, "CHG-1"),
        logged("plain tags with another action than was logged", ACTION_TAG, "disable"),
        logged("plain tags with another window than was logged", WINDOW_TAG, "2026-11-20T09:00:00Z/2026-11-20T09:30:00Z"),
        logged("plain tags whose approver was removed", APPROVER_TAG, "carol@example.com"),
        plain("plain tags of which one was set later by itself", OTHERS, |scene| {
            scene.setting().details.approval_tags.retain(|tag, _| tag == WINDOW_TAG);
        }),
        plain("plain tags with an approver that nobody logged", OTHERS, |scene| scene.set(APPROVER_TAG, "carol@example.com")),
        plain("plain tags for another action", "it approves `replace-policy`, not `delete`", |scene| {
            scene.set(ACTION_TAG, "replace-policy");
            scene.setting().details.approval_tags.insert(ACTION_TAG.to_owned(), "replace-policy".to_owned());
        }),
        plain("plain tags after their window", "and it happened after, at 2026-11-22T10:00:00Z", |scene| {
            scene.happens("2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z");
        }),
        plain("plain tags with a seal that is empty", "the tag `reprieve:approver` is missing", |scene| scene.set("reprieve:seal", "")),
    ]
}
