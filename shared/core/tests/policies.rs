//! The shipped policies one by one, what a policy set must be, and what happens when a policy errs.

use reprieve_core::approval::{Approval, ApprovalSource};
use reprieve_core::facts::Tags;
use reprieve_core::policy::{PolicyError, Question, SHIPPED_POLICIES, SHIPPED_SCHEMA, Verdict};
use reprieve_core::{Actor, KeyArn, Policy, Threat};
use reprieve_test_support::event::{EVENT_TIME, mallory, session, time};
use reprieve_test_support::key;
use reprieve_test_support::world::shipped_policy;

fn approval_by(approver: &str) -> Approval {
    Approval {
        change: "CHG-1".to_owned(),
        approver: approver.to_owned(),
        window_start: time("2026-11-20T09:00:00Z"),
        window_end: time("2026-11-20T17:00:00Z"),
        source: ApprovalSource::SealedTags,
        key_id: "k".to_owned(),
    }
}

fn question<'a>(actor: &'a Actor, key: &'a KeyArn, approval: Option<&'a Approval>) -> Question<'a> {
    Question {
        actor,
        action: "delete",
        key,
        tags: None,
        key_state: Some("PendingDeletion"),
        waiting_period_days: Some(7),
        event_time: Some(time(EVENT_TIME)),
        now: time("2026-11-20T10:00:01Z"),
        approval,
    }
}

fn permitted_by(verdict: &Verdict) -> (bool, Vec<&str>) {
    (verdict.permitted, verdict.policies.iter().map(String::as_str).collect())
}

#[test]
fn nothing_matches_means_deny() {
    let (actor, key) = (mallory(), key("k"));
    assert_eq!(permitted_by(&shipped_policy().ask(&question(&actor, &key, None)).unwrap()), (false, vec![]));
}

/// A release reads the shipped set without its schema.
#[test]
fn the_shipped_set_answers_alike_with_and_without_its_schema() {
    let released = Policy::shipped();
    let (actor, key) = (mallory(), key("k"));
    for approval in [None, Some(approval_by("carol")), Some(approval_by("mallory"))] {
        for at in ["2026-11-20T08:00:00Z", "2026-11-20T12:00:00Z"] {
            let question = Question { event_time: Some(time(at)), ..question(&actor, &key, approval.as_ref()) };
            assert_eq!(released.ask(&question).unwrap(), shipped_policy().ask(&question).unwrap(), "{at}");
        }
    }
}

#[test]
fn change_window_permits_from_its_start_to_before_its_end() {
    let (actor, key, approval) = (mallory(), key("k"), approval_by("carol"));
    for (at, inside) in [
        ("2026-11-20T08:59:59.999Z", false),
        ("2026-11-20T09:00:00Z", true),
        ("2026-11-20T16:59:59.999Z", true),
        ("2026-11-20T17:00:00Z", false),
    ] {
        let verdict = shipped_policy().ask(&Question { event_time: Some(time(at)), ..question(&actor, &key, Some(&approval)) }).unwrap();
        assert_eq!(permitted_by(&verdict), (inside, if inside { vec!["change-window"] } else { vec![] }), "{at}");
    }
    let timeless = Question { event_time: None, ..question(&actor, &key, Some(&approval)) };
    assert!(!shipped_policy().ask(&timeless).unwrap().permitted);
}

#[test]
fn approver_is_not_the_actor_forbids() {
    let (actor, key) = (session("Admin", "Alice@example.com"), key("k"));
    for (approver, forbidden) in [("alice@example.com", true), ("arn:aws:iam::111122223333:role/Admin", true), ("carol", false)] {
        let approval = approval_by(approver);
        let verdict = shipped_policy().ask(&question(&actor, &key, Some(&approval))).unwrap();
        let expected = if forbidden { (false, vec!["approver-is-not-the-actor"]) } else { (true, vec!["change-window"]) };
        assert_eq!(permitted_by(&verdict), expected, "{approver}");
    }
}

#[test]
fn actor_is_known_forbids_the_unknown() {
    let (actor, key, approval) = (Actor::unknown(), key("k"), approval_by("carol"));
    let verdict = shipped_policy().ask(&question(&actor, &key, Some(&approval))).unwrap();
    assert_eq!(permitted_by(&verdict), (false, vec!["actor-is-known"]));
}

#[test]
fn every_threat_names_an_action_of_the_schema() {
    let (actor, key) = (mallory(), key("k"));
    for threat in ALL_THREATS {
        assert!(shipped_policy().ask(&Question { action: threat.action(), ..question(&actor, &key, None) }).is_ok(), "{threat}");
    }
    let unknown = Question { action: "purge", ..question(&actor, &key, None) };
    assert!(matches!(shipped_policy().ask(&unknown), Err(PolicyError::Request(_))));
}

const ALL_THREATS: [Threat; 14] = [
    Threat::DeletionScheduled,
    Threat::KeyDisabled,
    Threat::RotationDisabled,
    Threat::MaterialDeleted,
    Threat::MaterialExpires,
    Threat::MaterialExpired,
    Threat::KeyStoreDisconnected,
    Threat::KeyStoreDeleted,
    Threat::PolicyReplaced,
    Threat::GrantRemoved,
    Threat::TagsChanged,
    Threat::AliasChanged,
    Threat::RegionDisabled,
    Threat::KeyDeleted,
];

#[test]
fn a_policy_set_that_cannot_be_trusted_is_refused() {
    let refused = |text: &str| Policy::parse(text, SHIPPED_SCHEMA).unwrap_err();
    assert!(matches!(refused("permit ("), PolicyError::Syntax(_)));
    assert!(matches!(refused("permit (principal, action, resource);"), PolicyError::Id(_)));
    assert!(matches!(refused("@id(\"\") permit (principal, action, resource);"), PolicyError::Id(_)));
    let twice = "@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);";
    assert!(matches!(refused(twice), PolicyError::Id(id) if id == "a"));
    let unguarded = "@id(\"a\") permit (principal, action, resource) when { context.approval.approver == \"carol\" };";
    assert!(matches!(refused(unguarded), PolicyError::Validation(_)), "an optional attribute is asked for with `has` first");
    let misspelt = "@id(\"a\") permit (principal, action == Reprieve::Action::\"destroy\", resource);";
    assert!(matches!(refused(misspelt), PolicyError::Validation(_)));
    assert!(matches!(Policy::parse(SHIPPED_POLICIES, "entity ;"), Err(PolicyError::Schema(_))));
}

#[test]
fn a_permit_that_errs_permits_nothing_and_is_told() {
    let text = "@id(\"erring\") permit (principal, action, resource) when { context has waiting_period_days && \
                context.waiting_period_days * 9223372036854775807 > 0 };";
    let policy = Policy::parse(text, SHIPPED_SCHEMA).unwrap();
    let (actor, key) = (mallory(), key("k"));
    let verdict = policy.ask(&question(&actor, &key, None)).unwrap();
    assert_eq!(permitted_by(&verdict), (false, vec![]));
    assert!(verdict.errors.first().unwrap().contains("erring"), "{:?}", verdict.errors);
}

/// Everything that the schema promises is there to be asked for.
#[test]
fn policies_see_all_the_evidence() {
    let text = "@id(\"all\") permit (principal, action == Reprieve::Action::\"delete\", resource) when {
        principal.kind == \"AssumedRole\" && principal.known && principal has account && principal.account == \"111122223333\" &&
        principal has role && principal.role == \"arn:aws:iam::111122223333:role/Admin\" &&
        resource.partition == \"aws\" && resource.region == \"eu-central-1\" && resource.account == \"111122223333\" &&
        resource.key_id == \"k\" && resource.hasTag(\"env\") && resource.getTag(\"env\") == \"sandbox\" &&
        context.key_state == \"PendingDeletion\" && context has waiting_period_days && context.waiting_period_days >= 7 &&
        context has event_time && context.event_time < context.now &&
        context has approval && context.approval.source == \"sealed-tags\" && context.approval.change like \"CHG-*\" };";
    let policy = Policy::parse(text, SHIPPED_SCHEMA).unwrap();
    let (actor, key, approval) = (mallory(), key("k"), approval_by("carol"));
    let tags = Tags::from([("env".to_owned(), "sandbox".to_owned())]);
    let asked = Question { tags: Some(&tags), ..question(&actor, &key, Some(&approval)) };
    assert_eq!(permitted_by(&policy.ask(&asked).unwrap()), (true, vec!["all"]));
    assert!(!policy.ask(&Question { key_state: None, ..asked.clone() }).unwrap().permitted, "an unreadable state is `unreadable`");
    assert!(!policy.ask(&Question { tags: None, ..asked }).unwrap().permitted);
}
