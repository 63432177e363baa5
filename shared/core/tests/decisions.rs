//! The decision table: every threat against every state, and each reason for which a key is given back in one state or another.

use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation, Tags};
use reprieve_core::{
    Actor, Decision, Details, Domain, Event, EventForm, Inventory, KeyDescription, KeyFacts, KeyState, Known, Recollection, Serving,
    Severity, Situation, Target, Triage, decide, triage,
};
use reprieve_test_support::event::{disable, disable_rotation, event, remediator, schedule, session, time};
use reprieve_test_support::key;
use reprieve_test_support::world::{approval_rules, domain, shipped_policy};

fn decided(event: &Event, facts: &KeyFacts) -> Decision {
    let (rules, domain) = (approval_rules(), domain());
    decide(event, &Situation { facts, policy: shipped_policy(), rules: &rules, domain: &domain, now: time("2026-11-20T10:00:01Z") })
}

fn facts_in(state: KeyState) -> KeyFacts {
    facts_of(KeyDescription::in_state(state))
}

fn facts_of(description: KeyDescription) -> KeyFacts {
    KeyFacts {
        description: Known::Is(description),
        tags: Known::Is(Tags::new()),
        rotation: Known::Is(Rotation { enabled: false, period_days: None }),
        recollection: Known::Is(Recollection::default()),
        ..KeyFacts::default()
    }
}

fn remember(facts: KeyFacts, serving: Serving) -> KeyFacts {
    let inventory = Inventory { serving, as_of: time("2026-11-01T00:00:00Z"), rotation: None };
    KeyFacts { recollection: Known::Is(Recollection { inventory: Some(inventory), ..Recollection::default() }), ..facts }
}

fn rotated(facts: KeyFacts, rotation: Option<Rotation>) -> KeyFacts {
    let mut facts = remember(facts, Serving::Enabled);
    if let Known::Is(Recollection { inventory: Some(inventory), .. }) = &mut facts.recollection {
        inventory.rotation = rotation;
    }
    facts
}

fn hold(facts: KeyFacts) -> KeyFacts {
    KeyFacts { tags: Known::Is(Tags::from([(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())])), ..facts }
}

/// A decision in short: its name, and its plan.
fn short(decision: &Decision) -> String {
    match decision.plan() {
        Some(plan) => format!("{}: {plan}", decision.name()),
        None => decision.name().to_owned(),
    }
}

const BOTH: &str = "remedy: cancel the deletion, then enable the key";
const CANCEL: &str = "remedy: cancel the deletion";
const ENABLE: &str = "remedy: enable the key";
const ROTATE: &str = "remedy: enable rotation";

#[test]
fn an_unapproved_deletion_in_every_state() {
    let key = key("k");
    for (state, unknown, enabled_before, disabled_before, held) in [
        (KeyState::Enabled, "stand", "stand", "stand", "stand"),
        (KeyState::Disabled, ENABLE, ENABLE, "stand", "stand"),
        (KeyState::PendingDeletion, BOTH, BOTH, CANCEL, CANCEL),
        (KeyState::PendingReplicaDeletion, BOTH, BOTH, CANCEL, CANCEL),
        (KeyState::PendingImport, "escalate", "escalate", "escalate", "escalate"),
        (KeyState::Unavailable, ENABLE, ENABLE, "stand", "stand"),
        (KeyState::Creating, "escalate", "escalate", "escalate", "escalate"),
        (KeyState::Updating, "escalate", "escalate", "escalate", "escalate"),
        (KeyState::Other("Frozen".to_owned()), "escalate", "escalate", "escalate", "escalate"),
    ] {
        let event = schedule(&key).build();
        let facts = facts_in(state.clone());
        assert_eq!(short(&decided(&event, &facts)), unknown, "{state:?}, nothing known");
        assert_eq!(short(&decided(&event, &remember(facts.clone(), Serving::Enabled))), enabled_before, "{state:?}, enabled before");
        assert_eq!(short(&decided(&event, &remember(facts.clone(), Serving::Disabled))), disabled_before, "{state:?}, disabled before");
        assert_eq!(short(&decided(&event, &hold(facts))), held, "{state:?}, held");
    }
}

#[test]
fn a_deletion_date_says_pending_in_every_state() {
    for state in [KeyState::Unavailable, KeyState::Updating, KeyState::Disabled] {
        let description = KeyDescription { deletion_date: Some(time("2026-11-27T10:00:00Z")), ..KeyDescription::in_state(state.clone()) };
        let decision = decided(&schedule(&key("k")).build(), &facts_of(description));
        assert_eq!(short(&decision), BOTH, "{state:?}");
        assert_eq!(decision.why().deadline, Some(time("2026-11-27T10:00:00Z")));
    }
}

#[test]
fn an_unapproved_disablement_in_every_state() {
    let key = key("k");
    for (state, unknown, enabled_before, disabled_before) in [
        (KeyState::Enabled, "stand", "stand", "stand"),
        (KeyState::Disabled, ENABLE, ENABLE, "stand"),
        (KeyState::PendingDeletion, "stand", "stand", "stand"),
        (KeyState::PendingReplicaDeletion, "stand", "stand", "stand"),
        (KeyState::PendingImport, "escalate", "escalate", "escalate"),
        (KeyState::Unavailable, ENABLE, ENABLE, "stand"),
        (KeyState::Creating, "escalate", "escalate", "escalate"),
        (KeyState::Updating, "escalate", "escalate", "escalate"),
        (KeyState::Other("Frozen".to_owned()), "escalate", "escalate", "escalate"),
    ] {
        let event = disable(&key).build();
        let facts = facts_in(state.clone());
        assert_eq!(short(&decided(&event, &facts)), unknown, "{state:?}, nothing known");
        assert_eq!(short(&decided(&event, &remember(facts.clone(), Serving::Enabled))), enabled_before, "{state:?}, enabled before");
        assert_eq!(short(&decided(&event, &remember(facts.clone(), Serving::Disabled))), disabled_before, "{state:?}, disabled before");
        assert_eq!(short(&decided(&event, &hold(facts))), "stand", "{state:?}, held");
    }
}

#[test]
fn rotation_switched_off_in_every_state() {
    let event = disable_rotation(&key("k")).build();
    let on = Some(Rotation { enabled: true, period_days: None });
    for state in [KeyState::Enabled, KeyState::Disabled, KeyState::Unavailable, KeyState::PendingImport] {
        assert_eq!(short(&decided(&event, &rotated(facts_in(state), on))), ROTATE);
    }
    for state in [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion] {
        assert_eq!(short(&decided(&event, &rotated(facts_in(state), on))), "stand");
    }
    let rotates = KeyFacts { rotation: Known::Is(Rotation { enabled: true, period_days: None }), ..facts_in(KeyState::Enabled) };
    assert_eq!(short(&decided(&event, &rotates)), "stand");
    let unreadable = KeyFacts { rotation: Known::Unreadable("throttled".to_owned()), ..rotated(facts_in(KeyState::Enabled), on) };
    assert_eq!(short(&decided(&event, &unreadable)), ROTATE);
    let known = rotated(facts_in(KeyState::Enabled), Some(Rotation { enabled: true, period_days: Some(180) }));
    assert_eq!(short(&decided(&event, &known)), "remedy: enable rotation every 180 days");
}

/// P19: a key that was seen not to rotate is left so, and of one that nobody saw a human is told.
#[test]
fn rotation_that_is_not_known_to_have_been_on_is_not_switched_on() {
    let event = disable_rotation(&key("k")).build();
    let off = Some(Rotation { enabled: false, period_days: None });
    let unread = KeyFacts { recollection: Known::Unreadable("throttled".to_owned()), ..facts_in(KeyState::Enabled) };
    for (facts, expected) in [
        (rotated(facts_in(KeyState::Enabled), off), "stand"),
        (rotated(facts_in(KeyState::Enabled), None), "escalate"),
        (facts_in(KeyState::Enabled), "escalate"),
        (unread, "escalate"),
    ] {
        assert_eq!(short(&decided(&event, &facts)), expected, "{:?}", facts.recollection);
    }
}

/// P3: a key that cannot be looked at is rescued as if it were in danger; where its tags cannot be read either, it is kept alone.
#[test]
fn what_cannot_be_seen_is_rescued_blindly() {
    let blind = KeyFacts::default();
    let unseen = KeyFacts { tags: Known::Is(Tags::new()), ..KeyFacts::default() };
    for (event, rescue, alone, told) in [
        (schedule(&key("k")).build(), BOTH, CANCEL, 2),
        (disable(&key("k")).build(), ENABLE, "escalate", 2),
        (disable_rotation(&key("k")).build(), "escalate", "escalate", 1),
    ] {
        let decision = decided(&event, &unseen);
        assert_eq!(short(&decision), rescue);
        assert_eq!(decision.why().escalations, ["the key could not be looked at: not looked up"]);
        let decision = decided(&event, &blind);
        assert_eq!((short(&decision).as_str(), decision.why().escalations.len()), (alone, told));
    }
}

/// P17 and P18: a key whose tags cannot be read, which may hold it for an incident, is never enabled; its deletion is cancelled all the same.
#[test]
fn a_key_whose_tags_cannot_be_read_is_kept_and_not_enabled() {
    let unread = |state| KeyFacts { tags: Known::Unreadable("throttled".to_owned()), ..facts_in(state) };
    let (scheduled, disabled) = (schedule(&key("k")).build(), disable(&key("k")).build());
    for (event, state, unknown, enabled_before, disabled_before) in [
        (&scheduled, KeyState::PendingDeletion, CANCEL, CANCEL, CANCEL),
        (&scheduled, KeyState::PendingReplicaDeletion, CANCEL, CANCEL, CANCEL),
        (&scheduled, KeyState::Disabled, "escalate", "escalate", "stand"),
        (&scheduled, KeyState::Unavailable, "escalate", "escalate", "stand"),
        (&scheduled, KeyState::Enabled, "stand", "stand", "stand"),
        (&disabled, KeyState::Disabled, "escalate", "escalate", "stand"),
        (&disabled, KeyState::Unavailable, "escalate", "escalate", "stand"),
        (&disabled, KeyState::PendingDeletion, "stand", "stand", "stand"),
        (&disabled, KeyState::Enabled, "stand", "stand", "stand"),
    ] {
        let facts = unread(state.clone());
        let memories = [facts.clone(), remember(facts.clone(), Serving::Enabled), remember(facts, Serving::Disabled)];
        let decided = memories.map(|facts| short(&decided(event, &facts)));
        assert_eq!(decided, [unknown, enabled_before, disabled_before], "{}: {state:?}", event.name);
    }
    let why = decided(&scheduled, &unread(KeyState::PendingDeletion)).why().clone();
    assert!(
        why.sentence.ends_with(
            "cancel the deletion and leave the key disabled, because its tags could not be read, which may hold it for an incident."
        ),
        "{}",
        why.sentence
    );
    assert!(why.escalations.iter().any(|told| told.contains("until its tags can be read") && told.contains("throttled")), "{why:?}");
}

#[test]
fn a_key_that_is_gone_or_not_ours_to_guard() {
    for event in [schedule(&key("k")).build(), disable(&key("k")).build(), event("PutKeyPolicy").on(&key("k")).build()] {
        let gone = decided(&event, &KeyFacts { description: Known::Absent, ..KeyFacts::default() });
        assert_eq!((gone.name(), gone.why().severity), ("escalate", Severity::Critical));
        let managed = KeyDescription { aws_managed: true, ..KeyDescription::in_state(KeyState::Disabled) };
        let decision = decided(&event, &facts_of(managed));
        assert_eq!((decision.name(), decision.why().severity), ("stand", Severity::Informational));
    }
}

#[test]
fn sentences_say_what_and_why() {
    let key = key("k");
    let sentence = |event: &Event, facts: &KeyFacts| decided(event, facts).why().sentence.replace(key.as_str(), "KEY");
    let scheduled = schedule(&key).build();
    let disabled = disable(&key).build();
    let by = "by mallory@example.com as Admin";
    for (sentence, expected) in [
        (
            sentence(&scheduled, &facts_in(KeyState::Enabled)),
            format!("`KEY` was scheduled for deletion {by} and has been given back already: it is enabled."),
        ),
        (
            sentence(&scheduled, &remember(facts_in(KeyState::Disabled), Serving::Disabled)),
            format!(
                "`KEY` was scheduled for deletion {by} and the deletion has been cancelled already; it stays disabled: it was disabled before."
            ),
        ),
        (
            sentence(&scheduled, &remember(facts_in(KeyState::Unavailable), Serving::Disabled)),
            format!("`KEY` was scheduled for deletion {by} and the deletion has been cancelled already; its key store is not connected."),
        ),
        (
            sentence(&scheduled, &facts_in(KeyState::Updating)),
            format!(
                "`KEY` was scheduled for deletion {by} and is in state `Updating`, in which we cannot act: look at it before its deadline."
            ),
        ),
        (sentence(&disabled, &facts_in(KeyState::Enabled)), format!("`KEY` was disabled {by} and is enabled again already.")),
        (
            sentence(&disabled, &hold(facts_in(KeyState::Disabled))),
            format!("`KEY` was disabled {by} and is held disabled for incident `INC-7`."),
        ),
        (
            sentence(&disabled, &facts_in(KeyState::PendingImport)),
            format!("`KEY` was disabled {by} and holds no key material. Only importing the same key material again makes it usable."),
        ),
        (
            sentence(&disabled, &facts_in(KeyState::Disabled)),
            format!(
                "`KEY` was disabled {by} and no approval covers it: enable the key, because its state before is not known, so it is taken as enabled."
            ),
        ),
        (
            sentence(&schedule(&key).form(EventForm::Sweep).by(Actor::unknown()).build(), &facts_in(KeyState::PendingDeletion)),
            "`KEY` was scheduled for deletion and no approval covers it: cancel the deletion, then enable the key, because its state \
             before is not known, so it is taken as enabled."
                .to_owned(),
        ),
    ] {
        assert_eq!(sentence, expected);
    }
}

#[test]
fn triage_settles_what_needs_no_look() {
    let key = key("k");
    let tags = |names: &[&str]| Details { tag_keys: names.iter().map(ToString::to_string).collect(), ..Details::default() };
    let mut routine = session("aws-service-role", "ebs");
    routine.invoked_by = Some("ebs.amazonaws.com".to_owned());
    let elsewhere = reprieve_core::KeyArn::parse("arn:aws:kms:us-east-1:111122223333:key/k").unwrap();
    let foreign = reprieve_core::KeyArn::parse("arn:aws:kms:eu-central-1:444455556666:key/k").unwrap();
    for (event, expected, says) in [
        (event("Encrypt").on(&key).build(), "stand", "`Encrypt` on `kms.amazonaws.com` endangers no key"),
        (event("PutObject").source("s3.amazonaws.com").build(), "stand", "`PutObject` on `s3.amazonaws.com`"),
        (event("EnableKey").on(&key).by(remediator()).build(), "stand", "is our own act"),
        (event("EnableKey").on(&key).by(remediator()).refused("ThrottlingException").build(), "stand", "endangers no key"),
        (schedule(&key).refused("AccessDenied").build(), "stand", "was refused (AccessDenied)"),
        (schedule(&elsewhere).build(), "escalate", "it lives in us-east-1 and this deployment guards eu-central-1"),
        (schedule(&foreign).build(), "escalate", "it belongs to account 444455556666 and this deployment guards 111122223333"),
        (schedule(&key).target(Target::Named("alias/a".to_owned())).build(), "escalate", "we never guess which key is meant"),
        (schedule(&key).target(Target::Unnamed).build(), "escalate", "`(nothing named)` was scheduled for deletion"),
        (event("TagResource").on(&key).details(tags(&["reprieve:change", "reprieve:seal"])).build(), "stand", "changed approval tags"),
        (event("RetireGrant").on(&key).by(routine).build(), "stand", "retired a grant"),
        (event("DeleteCustomKeyStore").target(Target::KeyStore("cks-1".to_owned())).build(), "escalate", "find out what they encrypted"),
        (event("DisconnectCustomKeyStore").target(Target::KeyStore("cks-1".to_owned())).build(), "escalate", "ConnectCustomKeyStore"),
        (event("DeleteKey").on(&key).build(), "escalate", "Nothing can bring it back"),
        (event("DisableRegion").source("account.amazonaws.com").build(), "escalate", "until the Region is enabled again"),
    ] {
        let Triage::Settled(decision) = triage(&event, &domain()) else { unreachable!("{} needs no look", event.name) };
        assert_eq!(decision.name(), expected, "{}", event.name);
        assert!(decision.why().sentence.contains(says), "{}", decision.why().sentence);
    }
}

#[test]
fn triage_looks_at_the_rest_and_says_the_most_that_will_be_done() {
    let key = key("k");
    for (name, considering) in [
        ("ScheduleKeyDeletion", "cancel the deletion, then enable the key"),
        ("DisableKey", "enable the key"),
        ("DisableKeyRotation", "enable rotation"),
        ("PutKeyPolicy", ""),
        ("DeleteImportedKeyMaterial", ""),
        ("DeleteExpiredKeyMaterial", ""),
        ("DisconnectCustomKeyStore", ""),
        ("RevokeGrant", ""),
        ("RetireGrant", ""),
        ("UntagResource", ""),
        ("UpdateAlias", ""),
        ("DeleteAlias", ""),
    ] {
        let Triage::Examine { considering: most, .. } = triage(&event(name).on(&key).build(), &domain()) else {
            unreachable!("{name} needs a look")
        };
        assert_eq!(most.to_string(), considering, "{name}");
    }
    let anywhere = Domain::default();
    assert!(matches!(triage(&schedule(&key).build(), &anywhere), Triage::Examine { .. }), "an absent part of the domain is not checked");
}

/// P8: an expiry is nobody's act, so nothing approves it; and what a sweep found without an event may have been one.
#[test]
fn lost_key_material_is_told_as_far_as_it_is_known() {
    let (key, lost) = (key("k"), facts_in(KeyState::PendingImport));
    let expired = decided(&event("DeleteExpiredKeyMaterial").form(EventForm::ServiceEvent).on(&key).build(), &lost);
    let why = expired.why();
    assert_eq!((expired.name(), why.severity, why.reasoning.is_empty()), ("escalate", Severity::Critical, true));
    assert!(why.sentence.contains("cannot be used without it. Only importing the same key material again"), "{}", why.sentence);

    let is_doubtful = |event: &Event| decided(event, &lost).why().escalations.iter().any(|text| text.contains("deleted or has expired"));
    let found = || event("DeleteImportedKeyMaterial").on(&key).form(EventForm::Sweep);
    assert!(is_doubtful(&found().by(Actor::unknown()).build()));
    assert!(!is_doubtful(&found().build()), "the log says who deleted it");
    assert!(!is_doubtful(&event("DeleteImportedKeyMaterial").on(&key).by(Actor::unknown()).build()), "an event says that it was deleted");
}

#[test]
fn stolen_credentials_are_told_with_and_without_a_look() {
    let told = |decision: &Decision| decision.why().escalations.iter().any(|text| text.contains("treat its credentials as stolen"));
    let key = key("k");
    assert!(told(&decided(&schedule(&key).by(remediator()).build(), &facts_in(KeyState::PendingDeletion))));
    assert!(told(&decided(&event("DeleteKey").on(&key).by(remediator()).build(), &KeyFacts::default())));
    assert!(!told(&decided(&schedule(&key).build(), &facts_in(KeyState::PendingDeletion))));
}

#[test]
fn a_decision_survives_its_json() {
    for facts in
        [facts_in(KeyState::PendingDeletion), facts_in(KeyState::Enabled), KeyFacts { description: Known::Absent, ..KeyFacts::default() }]
    {
        let decision = decided(&schedule(&key("k")).build(), &facts);
        let json = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision, "{json}");
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<KeyFacts>(&json).unwrap(), facts, "{json}");
    }
}
