//! Reads whatever somebody writes as policies, and asks them: nothing ends the process, what is wrong is said with the file and a place in
//! it, the same question has the same answer, and nothing passes but by a policy that permits it and has a name.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reprieve_core::approval::ApprovalRules;
use reprieve_core::facts::Tags;
use reprieve_core::policy::{Asked, Effect, PolicyFile, Question};
use reprieve_core::{Actor, KeyArn, Policy};

const FILE: &str = "fuzz.cedar";

static RULES: LazyLock<ApprovalRules> = LazyLock::new(ApprovalRules::default);
static KEY: LazyLock<KeyArn> = LazyLock::new(|| {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab").expect("the constant is a key's ARN")
});

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input).into_owned();
    let files = [PolicyFile { name: FILE.to_owned(), text: text.clone() }];
    match Policy::with_user_policies(&files) {
        Err(error) => {
            for flaw in error.flaws() {
                assert_eq!(flaw.file, FILE, "{error}");
                is_inside(flaw.position, &text);
            }
            // A set that cannot be used permits nothing.
            assert!(Policy::closed(error).ask(&question(None)).is_err());
        }
        Ok(policy) => answers(&policy),
    }
});

fn is_inside(position: Option<(usize, usize)>, text: &str) {
    let Some((line, column)) = position else { return };
    let lines: Vec<&str> = text.split('\n').collect();
    assert!((1..=lines.len()).contains(&line), "line {line} of {text:?}");
    assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "column {column} of line {line} of {text:?}");
}

fn answers(policy: &Policy) {
    let summaries = policy.summaries().expect("what was read can be listed");
    for tags in [None, Some(&Tags::from([("env".to_owned(), "prod".to_owned())]))] {
        let Ok(verdict) = policy.ask(&question(tags)) else { continue };
        assert_eq!(policy.ask(&question(tags)).as_ref(), Ok(&verdict));
        let of = |id: &String| summaries.iter().find(|summary| summary.id == *id).unwrap_or_else(|| panic!("`{id}` is not listed"));
        let determining: Vec<_> = verdict.policies.iter().map(of).collect();
        if verdict.permitted {
            assert!(!determining.is_empty() && determining.iter().all(|summary| summary.effect == Effect::Permit), "{verdict:?}");
            // Nothing is approved here: what permits is the user's, or none of the shipped ones is what it was.
            assert!(determining.iter().any(|summary| summary.file.is_some()), "{verdict:?}");
        } else {
            assert!(verdict.escalations.is_empty(), "{verdict:?}");
        }
    }
}

/// An act that nobody approved.
fn question(tags: Option<&Tags>) -> Question<'_> {
    static ACTOR: LazyLock<Actor> = LazyLock::new(|| Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() });
    Question {
        actor: &ACTOR,
        action: "delete",
        resource: Asked::Key(&KEY),
        tags,
        key_state: Some("PendingDeletion"),
        waiting_period_days: Some(7),
        event_time: "2026-11-20T10:00:00Z".parse().ok(),
        now: "2026-11-20T10:00:01Z".parse().expect("the constant is a time"),
        change_calendar: None,
        approval: None,
        revocations_known: true,
        independent_approvers: 0,
        rules: &RULES,
    }
}
