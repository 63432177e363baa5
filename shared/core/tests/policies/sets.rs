//! What a policy set must be: the shipped one, the user's beside it, what is refused and where, and what happens when a policy errs.

use std::collections::BTreeSet;

use cedar_policy::SchemaFragment;
use reprieve_core::approval::Approval;
use reprieve_core::policy::{Effect, PolicyError, PolicyFile, SHIPPED_POLICIES, SHIPPED_SCHEMA};
use reprieve_core::{Actor, Policy, Threat};
use reprieve_test_support::event::time;
use reprieve_test_support::world::shipped_policy;

use super::{Scene, approval_by, permitted_by, scene, second_approval_by};

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

/// What lets the functions read the shipped set without its schema, and validate the user's policies alone.
#[test]
fn the_shipped_set_fits_its_schema_and_explains_itself() {
    let policy = Policy::parse(SHIPPED_POLICIES, SHIPPED_SCHEMA).unwrap();
    assert_eq!(policy.warnings(), []);
    for summary in policy.summaries().unwrap() {
        assert!(summary.because.is_some() && summary.unknown_annotations.is_empty() && !summary.unconditional, "{summary:?}");
    }
}

/// Functions read the schema's JSON form; `UPDATE_DOCS=1` writes it anew.
#[test]
fn both_forms_of_the_schema_are_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/schema.json");
    let (fragment, _warnings) = SchemaFragment::from_cedarschema_str(SHIPPED_SCHEMA).unwrap();
    let expected = fragment.to_json_value().unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string(&expected).unwrap())).unwrap();
    }
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written, expected, "run this test once with UPDATE_DOCS=1");
}

#[test]
fn the_shipped_set_answers_alike_with_and_without_its_schema() {
    let released = Policy::shipped();
    let scenes = [
        scene(),
        scene().unapproved(),
        scene().at("2026-11-20T08:00:00Z"),
        scene().tagged("env", "prod"),
        scene().in_sandbox(),
        scene().under_broken_glass(),
        scene().after_the_pass().unapproved(),
        Scene { change_calendar: Some("CLOSED"), tags: None, key_state: None, ..scene() },
        Scene { actor: Actor::unknown(), event_time: None, waiting_period_days: None, ..scene() },
    ];
    for scene in scenes {
        assert_eq!(scene.ask(&released).unwrap(), scene.ask(shipped_policy()).unwrap());
    }
}

#[test]
fn every_threat_names_an_action_of_the_schema() {
    for threat in ALL_THREATS {
        assert!(Scene { action: threat.action(), ..scene() }.ask(shipped_policy()).is_ok(), "{threat}");
    }
    assert!(matches!(Scene { action: "purge", ..scene() }.ask(shipped_policy()), Err(PolicyError::Request(_))));
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
fn a_closed_policy_denies_with_its_reason() {
    let reason = Policy::with_user_policies(&[file("broken.cedar", "permit (")]).unwrap_err();
    let closed = Policy::closed(reason.clone());
    assert_eq!(closed.closed_reason(), Some(&reason));
    for asked in [scene(), scene().in_sandbox(), scene().under_broken_glass()] {
        let error = asked.ask(&closed).unwrap_err();
        assert!(error.to_string().contains("`broken.cedar`, line 1"), "{error}");
    }
}

// --- The user's policies ---------------------------------------------------------------------------------------------

const FREEZE: &str = "@id(\"freeze\") @because(\"nothing changes in December\")\nforbid (principal, action, resource);";

#[test]
fn a_user_policy_stands_beside_the_shipped_ones() {
    let policy = Policy::with_user_policies(&[file("freeze.cedar", FREEZE)]).unwrap();
    assert_eq!(permitted_by(&scene().ask(&policy).unwrap()), (false, vec!["freeze"]));
    let summaries = policy.summaries().unwrap();
    let freeze = summaries.iter().find(|summary| summary.id == "freeze").unwrap();
    assert_eq!((freeze.effect, freeze.file.as_deref(), freeze.replaces_shipped), (Effect::Forbid, Some("freeze.cedar"), None));
    assert!(freeze.unconditional);
    assert!(summaries.iter().any(|summary| summary.id == "change-window" && summary.file.is_none()));
}

#[test]
fn a_user_policy_takes_the_place_of_the_shipped_one_with_its_id() {
    let text = "@id(\"two-approvers-for-prod\") @because(\"three\") forbid (principal, action, resource)
                when { resource.hasTag(\"env\") && resource.getTag(\"env\") == \"prod\" && context.independent_approvers < 3 };";
    let policy = Policy::with_user_policies(&[file("three.cedar", text)]).unwrap();
    let two = Scene { approvals: vec![approval_by("carol"), second_approval_by("dave")], ..scene() }.tagged("env", "prod");
    assert!(two.ask(shipped_policy()).unwrap().permitted);
    assert_eq!(permitted_by(&two.ask(&policy).unwrap()), (false, vec!["two-approvers-for-prod"]));
    let summaries = policy.summaries().unwrap();
    let replaced: Vec<_> = summaries.iter().filter(|summary| summary.replaces_shipped.is_some()).collect();
    let [replaced] = replaced.as_slice() else { panic!("{replaced:?}") };
    assert_eq!((replaced.id.as_str(), replaced.replaces_shipped), ("two-approvers-for-prod", Some(Effect::Forbid)));
}

#[test]
fn no_user_policies_are_the_shipped_ones() {
    assert_eq!(permitted_by(&scene().ask(&Policy::with_user_policies(&[]).unwrap()).unwrap()), (true, vec!["change-window"]));
}

/// Each invalid set, the place that the error names, and words of its reason.
#[test]
fn a_policy_set_that_cannot_be_trusted_is_refused_with_file_line_and_column() {
    let valid = "@id(\"a\") permit (principal, action, resource);";
    for (text, position, words) in [
        ("permit (", (1, 9), "unexpected end of input"),
        ("// one\n\n  permit (principal, action, resource);", (3, 3), "needs an `@id(\"...\")` of its own"),
        ("@id(\"\") permit (principal, action, resource);", (1, 1), "needs an `@id(\"...\")` of its own"),
        ("\n@id(\"t\") permit (principal == ?principal, action, resource);", (2, 1), "is a template"),
        (
            "@id(\"b\")\npermit (principal, action, resource)\nwhen { context.approval.approver == \"carol\" };",
            (3, 8),
            "context has approval",
        ),
        ("@id(\"b\") permit (principal, action == Reprieve::Action::\"destroy\", resource);", (1, 39), "destroy"),
        ("@id(\"ü\") permit (principal, action, resource) when { resource.colour == \"red\" };", (1, 54), "colour"),
        (
            "@id(\"b\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            (2, 1),
            "is taken by another policy (`valid.cedar`, line 1, column 1)",
        ),
    ] {
        let error = Policy::with_user_policies(&[file("valid.cedar", valid), file("wrong.cedar", text)]).unwrap_err();
        let [flaw] = error.flaws() else { panic!("{text}: {error:?}") };
        assert_eq!((flaw.file.as_str(), flaw.position), ("wrong.cedar", Some(position)), "{text}: {flaw}");
        assert!(flaw.to_string().contains(words), "{text}: {flaw}");
        assert!(error.to_string().contains(&format!("`wrong.cedar`, line {}, column {}", position.0, position.1)), "{error}");
    }
}

#[test]
fn every_flaw_is_told_once_in_the_order_of_the_text() {
    let text = "@id(\"a\") permit (principal, action, resource) when { resource.colour == 1 };
                @id(\"b\") permit (principal, action, resource) when { context.approval.change == \"C\" };";
    let Err(PolicyError::Validation(flaws)) = Policy::with_user_policies(&[file("two.cedar", text)]) else { panic!("it is not valid") };
    let lines: Vec<_> = flaws.iter().map(|flaw| flaw.position.unwrap().0).collect();
    assert_eq!(lines, [1, 2]);
    assert!(flaws.iter().all(|flaw| !flaw.why.contains("Reprieve::Action")), "it is the same for every action: {flaws:?}");
}

#[test]
fn two_policies_of_one_file_with_one_id_are_refused_at_the_second() {
    let text = "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);";
    let error = Policy::parse(text, SHIPPED_SCHEMA).unwrap_err();
    assert!(matches!(&error, PolicyError::Id(flaw) if flaw.position == Some((2, 1))), "{error:?}");
    assert!(error.to_string().contains("line 1, column 1): every policy needs one of its own"), "{error}");
}

#[test]
fn a_schema_that_cannot_be_read_is_an_error() {
    assert!(matches!(Policy::parse(SHIPPED_POLICIES, "entity ;"), Err(PolicyError::Schema(_))));
}

#[test]
fn what_the_validator_finds_odd_is_a_warning() {
    let text = "@id(\"never\") permit (principal, action, resource)\nwhen { false };";
    let policy = Policy::with_user_policies(&[file("never.cedar", text)]).unwrap();
    let [warning] = policy.warnings() else { panic!("{:?}", policy.warnings()) };
    assert_eq!((warning.file.as_str(), warning.position), ("never.cedar", Some((1, 1))));
    assert!(warning.why.contains("impossible"), "{warning}");
}

#[test]
fn a_permit_that_errs_permits_nothing_and_is_told() {
    let text = "@id(\"erring\") permit (principal, action, resource) when { context has waiting_period_days && \
                context.waiting_period_days * 9223372036854775807 > 0 };";
    let policy = Policy::parse(text, SHIPPED_SCHEMA).unwrap();
    let verdict = scene().unapproved().ask(&policy).unwrap();
    assert_eq!(permitted_by(&verdict), (false, vec![]));
    assert!(verdict.errors.first().unwrap().contains("erring"), "{:?}", verdict.errors);
}

/// Cedar leaves a policy that errs out; left out, a forbid would let pass what it forbids.
#[test]
fn where_a_forbid_errs_nothing_is_permitted() {
    let text = "@id(\"all\") permit (principal, action, resource);
        @id(\"erring\") forbid (principal, action, resource) when { context has waiting_period_days && \
        context.waiting_period_days * 9223372036854775807 > 0 };";
    let policy = Policy::parse(text, SHIPPED_SCHEMA).unwrap();
    let verdict = scene().ask(&policy).unwrap();
    assert_eq!(permitted_by(&verdict), (false, vec!["erring"]));
    assert!(verdict.errors.first().unwrap().contains("erring"), "{:?}", verdict.errors);
}

/// Everything that the schema promises is there to be asked for.
#[test]
fn policies_see_all_the_evidence() {
    let text = "@id(\"principal\")
        permit (principal in Reprieve::Role::\"arn:aws:iam::111122223333:role/BreakGlass\", action, resource) when {
            principal.kind == \"AssumedRole\" && principal.known && principal has account && principal.account == \"111122223333\" &&
            principal has role && principal.role == \"arn:aws:iam::111122223333:role/BreakGlass\" &&
            principal in Reprieve::Account::\"111122223333\" && principal in Reprieve::Group::\"break-glass\" &&
            principal.identities.contains(\"person:oncall@example.com\") };
        @id(\"key\")
        permit (principal, action == Reprieve::Action::\"delete\", resource in Reprieve::Account::\"111122223333\") when {
            resource in Reprieve::Group::\"sandbox\" && resource.arn == \"arn:aws:kms:eu-central-1:111122223333:key/k\" &&
            resource.partition == \"aws\" && resource.region == \"eu-central-1\" && resource.account == \"111122223333\" &&
            resource.key_id == \"k\" && !resource.multi_region && resource.hasTag(\"env\") && resource.getTag(\"env\") == \"sandbox\" };
        @id(\"state\")
        permit (principal, action, resource) when {
            context.key_state == \"PendingDeletion\" && context has waiting_period_days && context.waiting_period_days == 7 &&
            context.minimum_waiting_days == 7 && context has change_calendar && context.change_calendar == \"OPEN\" &&
            context has event_time && context.event_time <= context.now && context.revocations_known &&
            context has break_glass_until && context.break_glass_until == context.event_time.offset(duration(\"24h\")) };
        @id(\"approval\")
        permit (principal, action, resource is Reprieve::Key) when {
            context.independent_approvers == 1 && context has approval && context.approval.resource == resource.arn &&
            context.approval.source == \"sealed-tags\" && context.approval.change like \"CHG-*\" &&
            context.approval.approver == \"carol@example.com\" && !context.approval.revoked &&
            context.approval.approver_identities == [\"person:carol@example.com\"] &&
            context.approval has seal_key && context.approval.seal_key == \"key-1\" &&
            context.approval has set_at && context has event_time && context.approval.set_at < context.event_time &&
            context.approval.window_start < context.approval.window_end };";
    let policy = Policy::parse(text, SHIPPED_SCHEMA).unwrap();
    let approval = Approval { set_at: Some(time("2026-11-20T08:00:00Z")), ..approval_by("carol@example.com") };
    let asked = Scene { change_calendar: Some("OPEN"), approvals: vec![approval], ..scene() };
    let asked = asked.tagged("env", "sandbox").under_broken_glass().in_sandbox();
    let seen = |scene: Scene| scene.ask(&policy).unwrap().policies;
    assert_eq!(seen(asked.clone()), ["approval", "key", "principal", "state"]);
    assert_eq!(seen(Scene { tags: None, ..asked.clone() }), ["approval", "principal", "state"], "unreadable tags are none");
    assert_eq!(seen(Scene { key_state: None, ..asked }), ["approval", "key", "principal"], "an unreadable state is `unreadable`");
}

/// The examples that people copy: each can be used beside the shipped policies, and names its reasons.
#[test]
fn every_example_is_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let path = folder.join(folder.file_name().unwrap()).with_extension("cedar");
        let name = path.display().to_string();
        let policy = Policy::with_user_policies(&[file(&name, &std::fs::read_to_string(&path).unwrap())]).unwrap();
        assert_eq!(policy.warnings(), [], "{name}");
        for summary in policy.summaries().unwrap().into_iter().filter(|summary| summary.file.is_some()) {
            assert!(summary.because.is_some() && summary.unknown_annotations.is_empty(), "{summary:?}");
            assert!(ids.insert(summary.id.clone()), "`{}` stands in two examples", summary.id);
        }
    }
    assert!(ids.len() >= 5, "{ids:?}");
}
