//! What is decided of each state of a version, and why.

use reprieve_core::audit::Operation;
use reprieve_core::facts::Known;
use reprieve_core::google::decide::triage;
use reprieve_core::google::{GoogleName, Labels};
use reprieve_core::{CallOutcome, Decision, Severity};
use reprieve_test_support::Terms;

use crate::scene::{OWN, Scene, destroyed, disabled, entry, key, version};

const BOTH: &str = "RestoreCryptoKeyVersion, EnableCryptoKeyVersion";
const ENABLE: &str = "EnableCryptoKeyVersion";
const RESTORE: &str = "RestoreCryptoKeyVersion";

#[test]
fn the_state_decides_what_is_done_about_a_destruction() {
    for (state, answer) in [
        ("DESTROY_SCHEDULED", BOTH),
        ("DISABLED", ENABLE),
        ("ENABLED", "stand"),
        ("DESTROYED", "escalate"),
        ("PENDING_GENERATION", "escalate"),
        ("IMPORT_FAILED", "escalate"),
        ("A_STATE_OF_TOMORROW", "escalate"),
    ] {
        assert_eq!(destroyed().state(state).answer(), answer, "{state}");
    }
}

#[test]
fn the_state_decides_what_is_done_about_a_disabling() {
    for (state, answer) in [("DISABLED", ENABLE), ("ENABLED", "stand"), ("DESTROY_SCHEDULED", "stand"), ("DESTROYED", "escalate")] {
        assert_eq!(disabled().state(state).answer(), answer, "{state}");
    }
}

#[test]
fn the_deadline_is_when_google_destroys_it() {
    assert_eq!(destroyed().decide().why().deadline, Some("2026-12-20T10:00:00Z".parse().unwrap()));
    assert_eq!(disabled().decide().why().deadline, None);
}

#[test]
fn a_destroyed_version_wakes_a_human_at_once() {
    let decision = destroyed().state("DESTROYED").decide();
    assert_eq!(decision.why().severity, Severity::Critical);
    assert!(decision.why().sentence.contains("gone for good"), "{}", decision.why().sentence);
}

#[test]
fn a_version_that_does_not_exist_wakes_a_human() {
    let mut scene = destroyed();
    scene.facts.version = Known::Absent;
    assert_eq!((scene.answer().as_str(), scene.decide().why().severity), ("escalate", Severity::Critical));
}

#[test]
fn what_cannot_be_looked_at_is_restored_and_not_enabled() {
    let unseen = |mut scene: Scene| {
        scene.facts.version = Known::Unreadable("access denied".to_owned());
        scene
    };
    let decision = unseen(destroyed()).decide();
    assert_eq!((unseen(destroyed()).answer().as_str(), decision.wakes_a_human()), (RESTORE, true));
    assert_eq!(unseen(disabled()).answer(), "escalate");
}

#[test]
fn an_approval_for_the_version_or_for_its_key_lets_it_stand() {
    for resource in [version(), key()] {
        let decision = destroyed().approved(&resource, &Terms::default()).decide();
        assert_eq!(decision.name(), "stand", "{resource}");
        assert!(decision.why().sentence.contains("CHG-1001, approved by carol@example.com"), "{}", decision.why().sentence);
    }
    let disable = Terms::of_action("disable");
    assert_eq!(disabled().approved(&version(), &disable).answer(), "stand");
}

#[test]
fn an_approval_for_another_version_or_key_or_action_covers_nothing() {
    let other_version = GoogleName::parse(&format!("{}/cryptoKeyVersions/4", key())).unwrap();
    let other_key = GoogleName::parse(&key().as_str().replace("card-data", "other")).unwrap();
    for resource in [other_version, other_key] {
        assert_eq!(destroyed().approved(&resource, &Terms::default()).answer(), BOTH, "{resource}");
    }
    assert_eq!(destroyed().approved(&version(), &Terms::of_action("disable")).answer(), BOTH);
}

#[test]
fn the_time_of_the_event_decides_not_the_time_of_the_decision() {
    // The window is from 09:00 to 17:00.
    for (at, answer) in [
        ("2026-11-20T08:59:59Z", BOTH),
        ("2026-11-20T09:00:00Z", "stand"),
        ("2026-11-20T16:59:59Z", "stand"),
        ("2026-11-20T17:00:00Z", BOTH),
    ] {
        let mut scene = destroyed().approved(&version(), &Terms::default()).at(at);
        scene.now = "2026-11-25T00:00:00Z".parse().unwrap();
        assert_eq!(scene.answer(), answer, "{at}");
    }
}

#[test]
fn an_event_without_a_time_is_covered_by_no_window() {
    let mut scene = destroyed().approved(&version(), &Terms::default());
    scene.entry.event.time = None;
    assert_eq!(scene.answer(), BOTH);
}

#[test]
fn nobody_approves_their_own_act() {
    let scene = destroyed().approved(&version(), &Terms::of_approver("Mallory@Example.com"));
    let decision = scene.decide();
    assert_eq!(scene.answer(), BOTH);
    assert!(decision.why().escalations.iter().any(|line| line.contains("tried to approve their own act")), "{decision:?}");
}

#[test]
fn nobody_approves_what_a_service_account_does_for_them() {
    let mut scene =
        destroyed().by("deployer@prod.iam.gserviceaccount.com").approved(&version(), &Terms::of_approver("mallory@example.com"));
    scene.entry.event.actor.source_identity = Some("mallory@example.com".to_owned());
    assert_eq!(scene.answer(), BOTH);
}

#[test]
fn labels_that_are_not_as_they_were_written_approve_nothing() {
    let scene = destroyed().approved(&version(), &Terms::default()).labelled("reprieve-change-2", "x");
    assert_eq!(scene.answer(), BOTH);
    assert!(scene.decide().why().sentence.contains("no approval could be read"), "{}", scene.decide().why().sentence);
}

#[test]
fn a_version_that_was_disabled_before_stays_so() {
    let scene = destroyed().after(vec![entry(Operation::Disable, "ops@example.com", "2026-11-01T00:00:00Z")]);
    assert_eq!(scene.answer(), RESTORE);
    assert!(scene.decide().why().sentence.contains("was disabled before, and stays so"));
}

#[test]
fn the_latest_call_says_what_it_was_before() {
    let past = vec![
        entry(Operation::Enable, "ops@example.com", "2026-11-10T00:00:00Z"),
        entry(Operation::Disable, "ops@example.com", "2026-11-01T00:00:00Z"),
    ];
    assert_eq!(destroyed().after(past).answer(), BOTH);
}

#[test]
fn a_refused_call_changed_nothing_before() {
    let mut refused = entry(Operation::Disable, "ops@example.com", "2026-11-01T00:00:00Z");
    refused.event.outcome = CallOutcome::Refused { code: "PERMISSION_DENIED".to_owned(), message: None };
    assert_eq!(destroyed().after(vec![refused]).answer(), BOTH);
}

#[test]
fn disabling_just_before_belongs_to_the_same_incident() {
    let scene = destroyed().after(vec![entry(Operation::Disable, "mallory@example.com", "2026-11-20T09:59:00Z")]);
    assert_eq!(scene.answer(), BOTH);
}

#[test]
fn an_approved_disabling_just_before_stays() {
    let scene = destroyed().approved(&version(), &Terms::of_action("disable")).after(vec![entry(
        Operation::Disable,
        "ops@example.com",
        "2026-11-20T09:59:00Z",
    )]);
    assert_eq!(scene.answer(), RESTORE);
}

#[test]
fn our_own_restoring_does_not_make_it_disabled_before() {
    let past = vec![
        entry(Operation::Restore, OWN, "2026-11-20T09:59:58Z"),
        entry(Operation::Destroy, "mallory@example.com", "2026-11-20T09:59:50Z"),
        entry(Operation::Enable, "ops@example.com", "2026-11-01T00:00:00Z"),
    ];
    assert_eq!(destroyed().after(past).answer(), BOTH);
}

#[test]
fn who_disabled_it_after_it_was_given_back_is_answered_by_itself() {
    let past = vec![entry(Operation::Disable, "ops@example.com", "2026-11-20T10:00:04Z")];
    assert_eq!(destroyed().state("DISABLED").after(past).answer(), "stand");
}

#[test]
fn an_incident_keeps_it_disabled_and_out_of_the_fire() {
    let held = |scene: Scene| scene.labelled("reprieve-incident-hold", "inc-42");
    assert_eq!(held(destroyed()).answer(), RESTORE);
    assert_eq!(held(destroyed()).state("DISABLED").answer(), "stand");
    assert_eq!(held(disabled()).answer(), "stand");
}

#[test]
fn labels_that_cannot_be_read_may_hold_it() {
    let unread = |mut scene: Scene| {
        scene.facts.labels = Known::Unreadable("access denied".to_owned());
        scene
    };
    assert_eq!(unread(destroyed()).answer(), RESTORE);
    assert_eq!(unread(disabled()).answer(), "escalate");
}

#[test]
fn a_log_that_cannot_be_read_may_say_that_it_was_disabled_before() {
    let unread = |mut scene: Scene| {
        scene.facts.past = Known::Unreadable("access denied".to_owned());
        scene
    };
    let decision = unread(destroyed()).decide();
    assert_eq!((unread(destroyed()).answer().as_str(), decision.wakes_a_human()), (RESTORE, true));
    assert!(decision.why().sentence.contains("it stays disabled, because the log could not be read"), "{}", decision.why().sentence);
    assert!(decision.why().escalations.iter().any(|line| line.contains("access denied")), "{decision:?}");
    assert_eq!(unread(destroyed()).state("DISABLED").answer(), "escalate");
    // Without a time, the log could not be asked what was before; that it was not read counts all the same.
    let mut timeless = unread(destroyed());
    timeless.entry.event.time = None;
    assert_eq!(timeless.answer(), RESTORE);
    // What was disabled now was enabled before, whatever the log says.
    assert_eq!(unread(disabled()).answer(), ENABLE);
}

#[test]
fn what_is_labelled_prod_needs_two_approvers() {
    let scene = destroyed().approved(&version(), &Terms::default()).labelled("env", "prod");
    let decision = scene.decide();
    assert_eq!(scene.answer(), BOTH);
    assert_eq!(decision.why().policies, ["two-approvers-for-prod"]);
}

#[test]
fn a_refused_attempt_is_recorded_only() {
    let mut scene = destroyed();
    scene.entry.event.outcome = CallOutcome::Refused { code: "PERMISSION_DENIED".to_owned(), message: None };
    let decision = scene.decide();
    assert_eq!((decision.name(), decision.why().severity), ("stand", Severity::Low));
}

#[test]
fn a_project_that_is_not_guarded_is_left_alone() {
    let mut scene = destroyed();
    scene.domain.projects.clear();
    assert_eq!(scene.answer(), "stand");
}

#[test]
fn our_own_giving_back_is_recorded_and_leads_to_nothing() {
    for operation in [Operation::Restore, Operation::Enable] {
        let mut scene = destroyed();
        scene.entry = entry(operation, OWN, "2026-11-20T10:00:03Z");
        let Some(reprieve_core::google::GoogleTriage::Settled(decision)) = triage(&scene.entry, &scene.domain) else {
            panic!("{operation:?}")
        };
        assert!(matches!(*decision, Decision::Stand { .. }));
    }
}

#[test]
fn our_own_account_that_destroys_is_stolen() {
    let decision = destroyed().by(OWN).decide();
    assert_eq!(decision.name(), "remedy");
    assert!(decision.why().escalations.iter().any(|line| line.contains("treat its credentials as stolen")), "{decision:?}");
}

#[test]
fn who_acts_through_our_own_account_is_not_us() {
    let mut scene = destroyed();
    scene.entry = entry(Operation::Enable, OWN, "2026-11-20T10:00:03Z");
    scene.entry.event.actor.source_identity = Some("mallory@example.com".to_owned());
    assert_eq!(triage(&scene.entry, &scene.domain), None);
}

#[test]
fn what_takes_no_version_away_is_nobodys_business() {
    for operation in [Operation::Encrypt, Operation::Update, Operation::Enable, Operation::Restore, Operation::Tag] {
        let mut scene = destroyed();
        scene.entry.operation = operation;
        assert_eq!(triage(&scene.entry, &scene.domain), None, "{operation:?}");
    }
}

#[test]
fn a_disabled_secret_is_no_key() {
    let mut scene = disabled();
    scene.entry.event.source = "secretmanager.googleapis.com".to_owned();
    scene.facts.labels = Known::Is(Labels::new());
    assert_eq!(triage(&scene.entry, &scene.domain), None);
}
