//! Forged values: tags that were changed after sealing, are missing, or hold what looks like something else.

use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, SEAL_TAG, WINDOW_TAG};
use reprieve_test_support::{Terms, sealed_approval};

use crate::scene::{Forgery, Scene, forgery, the_key};

const BROKEN: &str = "the seal does not belong to these values";

pub(crate) fn rows() -> Vec<Forgery> {
    [changed(), missing(), looking_alike(), out_of_form()].into_iter().flatten().collect()
}

fn changed() -> Vec<Forgery> {
    let set = |name, reason, tag: &'static str, value: &'static str| forgery(name, reason, Scene::sealed(), |scene| scene.set(tag, value));
    vec![
        set("another change", BROKEN, CHANGE_TAG, "CHG-1002"),
        set("a later end of the window", BROKEN, WINDOW_TAG, "2026-11-20T09:00:00Z/2026-11-20T18:00:00Z"),
        set("the same window in another spelling", BROKEN, WINDOW_TAG, "2026-11-20T09:00:00+00:00/2026-11-20T17:00:00Z"),
        set("another approver", BROKEN, APPROVER_TAG, "dave@example.com"),
        set("another case of the approver", BROKEN, APPROVER_TAG, "Carol@example.com"),
        set("another action than the one that is tried", "it approves `disable`, not `delete`", ACTION_TAG, "disable"),
        forgery("the tried action in place of the sealed one", BROKEN, Scene::sealed(), |scene| {
            scene.approve(&sealed_approval(&the_key(), &Terms::of_action("disable")));
            scene.set(ACTION_TAG, "delete");
        }),
        forgery("change and approver swapped", BROKEN, Scene::sealed(), |scene| {
            scene.set(CHANGE_TAG, "carol@example.com");
            scene.set(APPROVER_TAG, "CHG-1001");
        }),
        forgery("change and approver of two approvals", BROKEN, Scene::sealed(), |scene| {
            let terms = Terms { change: "CHG-7".to_owned(), ..Terms::of_approver("dave@example.com") };
            scene.set(SEAL_TAG, &sealed_approval(&the_key(), &terms).seal);
        }),
    ]
}

fn missing() -> Vec<Forgery> {
    let remove = |name, reason, tag: &'static str| forgery(name, reason, Scene::sealed(), |scene| scene.remove(tag));
    vec![
        remove("no change", "the tag `reprieve:change` is missing", CHANGE_TAG),
        remove("no action", "the tag `reprieve:action` is missing", ACTION_TAG),
        remove("no window", "the tag `reprieve:window` is missing", WINDOW_TAG),
        remove("no approver", "the tag `reprieve:approver` is missing", APPROVER_TAG),
        remove("no seal", "the tag `reprieve:seal` is missing, and no approver role is configured", SEAL_TAG),
        forgery("no tag at all", "and no approval covers it", Scene::sealed(), |scene| {
            for tag in [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG] {
                scene.remove(tag);
            }
        }),
        forgery("tags in capital letters", "and no approval covers it", Scene::sealed(), |scene| {
            for tag in [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG] {
                scene.remove(tag);
                scene.set(&tag.to_uppercase(), "delete");
            }
        }),
    ]
}

/// Somebody with the approval key was made to seal these very values, so the signature itself holds.
fn sealed(name: &'static str, reason: &'static str, change: &str, approver: &str) -> Forgery {
    let terms = Terms { change: change.to_owned(), ..Terms::of_approver(approver) };
    forgery(name, reason, Scene::sealed(), |scene| scene.approve(&sealed_approval(&the_key(), &terms)))
}

fn looking_alike() -> Vec<Forgery> {
    let approver = |name, reason, value: &str| sealed(name, reason, "CHG-1001", value);
    let change = |name, reason, value: &str| sealed(name, reason, value, "carol@example.com");
    vec![
        approver("a Cyrillic letter", "(U+0430): an approval is written in ASCII", "c\u{430}rol@example.com"),
        approver("a letter with a combining accent", "(U+0301): an approval is written in ASCII", "carol\u{301}@example.com"),
        approver("a soft hyphen", "(U+00AD): an approval is written in ASCII", "ca\u{ad}rol@example.com"),
        approver("a fullwidth at sign", "(U+FF20): an approval is written in ASCII", "carol\u{ff20}example.com"),
        change("fullwidth digits", "(U+FF11): an approval is written in ASCII", "CHG-\u{ff11}001"),
        change("a space of no width", "(U+200B): an approval is written in ASCII", "CHG-\u{200b}1001"),
        change("a space that does not break", "(U+00A0): an approval is written in ASCII", "CHG\u{a0}1001"),
        change("letters turned around", "(U+202E): an approval is written in ASCII", "CHG-\u{202e}1001"),
        change("an ASCII character that no tag holds", "(U+0023): an approval is written in ASCII", "CHG#1001"),
        forgery("a Cyrillic letter in the action", "(U+0435): an approval is written in ASCII", Scene::sealed(), |scene| {
            scene.approve(&sealed_approval(&the_key(), &Terms::of_action("d\u{435}lete")));
        }),
        change("a space in front", "the value of `reprieve:change` begins or ends with a space", " CHG-1001"),
        change("a space at the end", "the value of `reprieve:change` begins or ends with a space", "CHG-1001 "),
        approver("two spaces in a row", "the value of `reprieve:approver` begins or ends with a space", "Carol  Example"),
    ]
}

fn out_of_form() -> Vec<Forgery> {
    let approver = |name, reason, value: &str| sealed(name, reason, "CHG-1001", value);
    let change = |name, reason, value: &str| sealed(name, reason, value, "carol@example.com");
    let window = |name, reason, value: &str| {
        let terms = Terms { window: value.to_owned(), ..Terms::default() };
        forgery(name, reason, Scene::sealed(), |scene| scene.approve(&sealed_approval(&the_key(), &terms)))
    };
    vec![
        change("another line in the change", "the value of `reprieve:change` holds a control character", "CHG-1\napprover:bob"),
        approver("another line in the approver", "the value of `reprieve:approver` holds a control character", "bob\nversion:v2"),
        window(
            "another line in the window",
            "the value of `reprieve:window` holds a control character",
            "2026-11-20T09:00:00Z/2026-11-20T17:00:00Z\nchange:CHG-1",
        ),
        forgery("a line feed after the seal", "the value of `reprieve:seal` holds a control character", Scene::sealed(), |scene| {
            let seal = sealed_approval(&the_key(), &Terms::default()).seal;
            scene.set(SEAL_TAG, &format!("{seal}\n"));
        }),
        change("a change that no tag can hold", "the value of `reprieve:change` is longer than 256 characters", &"C".repeat(257)),
        approver("an approver that no tag can hold", "the value of `reprieve:approver` is longer than 256 characters", &"c".repeat(257)),
        change("an empty change", "the value of `reprieve:change` is empty", ""),
        approver("an empty approver", "the value of `reprieve:approver` is empty", ""),
        window("an empty window", "the value of `reprieve:window` is empty", ""),
        window("a window without end", "the window `2026-11-20T09:00:00Z/` is not an ISO 8601 interval", "2026-11-20T09:00:00Z/"),
        window("a word in place of the window", "the window `always` is not an ISO 8601 interval", "always"),
        window(
            "a window without offsets",
            "the window `2026-11-20T09:00:00/2026-11-20T17:00:00` is not an ISO 8601 interval",
            "2026-11-20T09:00:00/2026-11-20T17:00:00",
        ),
        window("a window turned around", "ends before it starts, or as it starts", "2026-11-20T17:00:00Z/2026-11-20T09:00:00Z"),
        window("a window of three weeks", "its window is longer than 14 days", "2026-11-10T00:00:00Z/2026-12-01T00:00:00Z"),
    ]
}
