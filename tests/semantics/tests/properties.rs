//! What holds for every event and every observation, by proptest: over states, tags, approvals, memories, callers and orders that
//! nobody thought of.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use reprieve_core::approval::{ApprovalSource, SEAL_TAG, SealedApproval};
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation, Tags};
use reprieve_core::{
    Actor, ApprovalKeys, ApprovalRules, Case, Decision, Details, Event, EventForm, EventId, Inventory, KeyArn, KeyDescription, KeyFacts,
    KeyState, Known, Plan, Recollection, Serving, Situation, Threat, Triage, decide, triage,
};
use reprieve_test_support::approval::approval_tags;
use reprieve_test_support::event::{disable, event, mallory, schedule, session, time};
use reprieve_test_support::world::{domain, shipped_policy};
use reprieve_test_support::{Terms, approval_keys, guard, key, sealed_approval};

const NAMES: [&str; 12] = [
    "ScheduleKeyDeletion",
    "DisableKey",
    "DisableKeyRotation",
    "DeleteImportedKeyMaterial",
    "PutKeyPolicy",
    "RevokeGrant",
    "RetireGrant",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "DeleteKey",
    "Encrypt",
];

fn the_key() -> KeyArn {
    key("1234abcd-12ab-34cd-56ef-1234567890ab")
}

/// Decides with the shipped policies.
fn decided(event: &Event, facts: &KeyFacts, keys: &ApprovalKeys) -> Decision {
    let domain = domain();
    let rules = ApprovalRules { keys: keys.clone(), ..ApprovalRules::default() };
    decide(event, &Situation { facts, policy: shipped_policy(), rules: &rules, domain: &domain, now: time("2026-11-20T10:00:01Z") })
}

fn any_state() -> impl Strategy<Value = KeyState> {
    select(vec![
        KeyState::Enabled,
        KeyState::Disabled,
        KeyState::PendingDeletion,
        KeyState::PendingReplicaDeletion,
        KeyState::PendingImport,
        KeyState::Unavailable,
        KeyState::Creating,
        KeyState::Updating,
        KeyState::Other("Frozen".to_owned()),
    ])
}

fn any_description() -> impl Strategy<Value = KeyDescription> {
    (any_state(), any::<bool>(), any::<bool>()).prop_map(|(state, dated, imported_material)| KeyDescription {
        deletion_date: dated.then(|| time("2026-11-27T10:00:00Z")),
        imported_material,
        ..KeyDescription::in_state(state)
    })
}

/// A key whose deletion is pending, in every state that shows it.
fn pending_description() -> impl Strategy<Value = KeyDescription> {
    any_description().prop_filter("a deletion is pending", KeyDescription::deletion_is_pending)
}

fn known_or_not<T: Clone + std::fmt::Debug + 'static>(value: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = Known<T>> {
    prop_oneof![5 => value.prop_map(Known::Is), 1 => Just(Known::Unreadable("throttled".to_owned()))]
}

/// Approvals that cover nothing, and one that would, but for its approver, action, window or key.
fn broken_approval() -> impl Strategy<Value = SealedApproval> {
    let sealed = |terms: Terms| sealed_approval(&the_key(), &terms);
    let past = Terms { window: "2026-11-19T09:00:00Z/2026-11-20T10:00:00Z".to_owned(), ..Terms::default() };
    let future = Terms { window: "2026-11-20T10:00:01Z/2026-11-21T10:00:00Z".to_owned(), ..Terms::default() };
    let mut forged = sealed(Terms::default());
    "CHG-2".clone_into(&mut forged.change);
    let mut unsealed = sealed(Terms::default());
    "v1.test-2026.AAAA".clone_into(&mut unsealed.seal);
    select(vec![
        sealed(Terms::of_action("disable")),
        sealed(Terms::of_approver("mallory@example.com")),
        sealed(Terms::of_approver("arn:aws:iam::111122223333:role/Admin")),
        sealed(past),
        sealed(future),
        forged,
        unsealed,
        sealed_approval(&key("another"), &Terms::default()),
    ])
}

fn any_tags(approval: impl Strategy<Value = SealedApproval>) -> impl Strategy<Value = Tags> {
    let others = proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,12}", 0..3);
    (others, proptest::option::of(approval), any::<bool>(), proptest::option::of(Just("reprieve:window"))).prop_map(
        |(mut tags, approval, held, missing)| {
            tags.extend(approval.iter().flat_map(approval_tags));
            if held {
                tags.insert(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned());
            }
            if let Some(name) = missing {
                tags.remove(name);
            }
            tags
        },
    )
}

fn any_rotation() -> impl Strategy<Value = Rotation> {
    (any::<bool>(), proptest::option::of(90_u32..2560)).prop_map(|(enabled, period_days)| Rotation { enabled, period_days })
}

fn any_recollection(approval: impl Strategy<Value = SealedApproval>) -> impl Strategy<Value = Recollection> {
    let serving = select(vec![Serving::Enabled, Serving::Disabled]);
    let inventory = (serving, proptest::option::of(any_rotation())).prop_map(|(serving, rotation)| Inventory {
        serving,
        as_of: time("2026-11-01T00:00:00Z"),
        rotation,
    });
    let threats = select(vec![Threat::DeletionScheduled, Threat::KeyDisabled, Threat::PolicyReplaced]);
    let case = (threats, any::<bool>(), any::<bool>()).prop_map(|(threat, cancelled, stands)| Case {
        event_id: EventId::parse("earlier").unwrap(),
        threat,
        event_time: None,
        actor: mallory(),
        opened_at: time("2026-11-20T09:59:00Z"),
        deadline: None,
        cancelled_at: cancelled.then(|| time("2026-11-20T09:59:30Z")),
        stands,
    });
    (proptest::option::of(inventory), proptest::option::of(case), proptest::collection::vec(approval, 0..3))
        .prop_map(|(inventory, case, approvals)| Recollection { inventory, case, approvals, revocations: Vec::new() })
}

fn any_facts() -> impl Strategy<Value = KeyFacts> {
    let description = prop_oneof![9 => known_or_not(any_description()), 1 => Just(Known::Absent)];
    (description, known_or_not(any_tags(any_approval())), known_or_not(any_rotation()), known_or_not(any_recollection(any_approval())))
        .prop_map(|(description, tags, rotation, recollection)| KeyFacts {
            description,
            tags,
            rotation,
            recollection,
            ..KeyFacts::default()
        })
}

fn any_approval() -> impl Strategy<Value = SealedApproval> {
    let valid =
        select(vec!["delete", "disable", "disable-rotation"]).prop_map(|action| sealed_approval(&the_key(), &Terms::of_action(action)));
    prop_oneof![valid, broken_approval()]
}

fn any_actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(mallory()),
        Just(Actor::unknown()),
        Just(session("Operator", "dave@example.com")),
        Just(reprieve_test_support::event::remediator())
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let forms = select(vec![EventForm::ApiCall, EventForm::ServiceEvent, EventForm::Sweep]);
    (select(NAMES.to_vec()), any_actor(), any::<bool>(), any::<bool>(), forms, proptest::option::of(7_u32..31)).prop_map(
        |(name, actor, refused, timed, form, waiting_period_days)| {
            let details = Details { waiting_period_days, ..Details::default() };
            let builder = event(name).on(&the_key()).by(actor).form(form).details(details);
            let builder = if refused { builder.refused("AccessDenied") } else { builder };
            if timed { builder.build() } else { builder.at_no_known_time().build() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// P10 and P3: no unapproved deletion that is pending, or that cannot be seen, is ever let stand.
    #[test]
    fn no_unapproved_deletion_ever_stands(
        description in prop_oneof![pending_description().prop_map(Known::Is), Just(Known::Unreadable("denied".to_owned()))],
        tags in known_or_not(any_tags(broken_approval())),
        recollection in known_or_not(any_recollection(broken_approval())),
    ) {
        let facts = KeyFacts { description, tags, recollection, ..KeyFacts::default() };
        let decision = decided(&schedule(&the_key()).build(), &facts, &approval_keys());
        let Decision::Remedy { plan, .. } = &decision else { return Err(TestCaseError::fail(format!("{decision:?}"))) };
        prop_assert_eq!(plan.steps.first().map(reprieve_core::Step::name), Some("CancelKeyDeletion"));
    }

    /// P2: the same arguments always give the same decision.
    #[test]
    fn deciding_twice_gives_the_same(event in any_event(), facts in any_facts()) {
        let keys = approval_keys();
        prop_assert_eq!(decided(&event, &facts, &keys), decided(&event, &facts, &keys));
    }

    /// P21: what is decided is within what the event alone allows, and that is what the intent says.
    #[test]
    fn the_plan_is_within_what_triage_considers(event in any_event(), facts in any_facts()) {
        let considering = match triage(&event, &domain()) {
            Triage::Settled(_) => Plan::default(),
            Triage::Examine { considering, .. } => considering,
        };
        let decision = decided(&event, &facts, &approval_keys());
        let plan = decision.plan().cloned().unwrap_or_default();
        prop_assert!(plan.is_within(&considering), "{} is not within {}", plan, considering);
        prop_assert!(plan.steps.iter().all(|step| step.target() == the_key().as_str()));
    }

    /// P3: making facts unreadable never turns a remedy into a stand.
    #[test]
    fn unreadable_facts_never_turn_a_remedy_into_a_stand(
        event in any_event(),
        facts in any_facts(),
        hidden in subsequence(vec![0, 1, 2, 3], 1..=4),
    ) {
        let keys = approval_keys();
        let before = decided(&event, &facts, &keys);
        let mut blind = facts;
        let reason = || "no usable answer".to_owned();
        for fact in hidden {
            match fact {
                0 => blind.description = Known::Unreadable(reason()),
                1 => blind.tags = Known::Unreadable(reason()),
                2 => blind.rotation = Known::Unreadable(reason()),
                _ => blind.recollection = Known::Unreadable(reason()),
            }
        }
        let after = decided(&event, &blind, &keys);
        prop_assert!(!(before.name() == "remedy" && after.name() == "stand"), "{:?}\nbecame\n{:?}", before, after);
    }

    /// P13: nobody approves their own act, under any of their names.
    #[test]
    fn nobody_approves_their_own_act(name in "[a-zA-Z][a-zA-Z0-9.@_-]{0,20}", role in "[A-Z][A-Za-z]{0,10}", variant in 0_usize..6, capitals in any::<bool>()) {
        let written = if capitals { name.to_uppercase() } else { name.clone() };
        let approver = match variant {
            0 => written,
            1 => format!("arn:aws:sts::111122223333:assumed-role/{role}/somebody-else"),
            2 => format!("arn:aws:iam::111122223333:user/{written}"),
            3 => format!("arn:aws:sts::111122223333:assumed-role/Approver/{written}"),
            4 => format!("arn:aws:iam::111122223333:role/{role}"),
            _ => format!("arn:aws:iam::111122223333:user/path/to/{written}"),
        };
        let approval = sealed_approval(&the_key(), &Terms::of_approver(&approver));
        let facts = KeyFacts {
            description: Known::Is(KeyDescription::in_state(KeyState::PendingDeletion)),
            tags: Known::Is(approval_tags(&approval)),
            recollection: Known::Is(Recollection::default()),
            ..KeyFacts::default()
        };
        let decision = decided(&schedule(&the_key()).by(session(&role, &name)).build(), &facts, &approval_keys());
        prop_assert_eq!(decision.name(), "remedy");
        prop_assert!(decision.why().escalations.iter().any(|text| text.contains("tried to approve their own act")));
    }

    /// P11: one changed, added or removed character in any field, in the key's ARN or in its Region breaks the seal.
    #[test]
    fn one_changed_character_breaks_the_seal(field in 0_usize..6, place in any::<Index>(), to in "[ -~]", how in 0_usize..3) {
        let resource = the_key();
        let original = sealed_approval(&resource, &Terms::default());
        prop_assert!(original.verify(&resource, None, &approval_keys(), ApprovalSource::SealedTags).is_ok());
        let mut approval = original.clone();
        let mut arn = resource.to_string();
        let text = match field {
            0 => &mut approval.change,
            1 => &mut approval.action,
            2 => &mut approval.window,
            3 => &mut approval.approver,
            4 => &mut approval.seal,
            _ => &mut arn,
        };
        let at = place.index(text.len());
        let mut changed: Vec<char> = text.chars().collect();
        let to = to.chars().next().unwrap();
        match how {
            0 => *changed.get_mut(at).unwrap() = to,
            1 => changed.insert(at, to),
            _ => drop(changed.remove(at)),
        }
        *text = changed.into_iter().collect();
        prop_assume!(approval != original || arn != resource.as_str());
        // What is no key's ARN any more cannot be asked about.
        if let Ok(other) = KeyArn::parse(&arn) {
            let verdict = approval.verify(&other, None, &approval_keys(), ApprovalSource::SealedTags);
            prop_assert!(verdict.is_err(), "{:?} on {}", approval, other);
        }
    }
}

/// What somebody does to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Disable,
    Enable,
    Schedule,
    Cancel,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// P23: handling an event twice acts once, whatever the key looks like.
    #[test]
    fn handling_twice_acts_once(pending in any::<bool>(), enabled in any::<bool>(), material in any::<bool>(), store in 0_usize..3, name in select(vec!["ScheduleKeyDeletion", "DisableKey", "DisableKeyRotation"])) {
        let world = guard().build();
        let key = the_key();
        world.keys.create(&key);
        world.keys.change(&key, |key| {
            (key.enabled, key.has_material) = (enabled, material);
            key.key_store = [None, Some(("cks-1".to_owned(), true)), Some(("cks-1".to_owned(), false))].get(store).cloned().flatten();
        });
        if pending {
            world.keys.schedule_deletion(&key, 7).unwrap();
        }
        let event = event(name).on(&key).build();
        world.deliver(&event);
        let acts = world.journal.acts().iter().filter(|act| act.took_effect()).count();
        let state = world.keys.find(&key).unwrap();
        world.deliver(&event);
        prop_assert_eq!(world.journal.acts().iter().filter(|act| act.took_effect()).count(), acts);
        prop_assert_eq!(world.keys.find(&key).unwrap(), state);
        prop_assert!(!world.keys.find(&key).unwrap().description().deletion_is_pending() || name != "ScheduleKeyDeletion");
    }

    /// P1: in whatever order the events of one key arrive, and however often, an unapproved deletion or disablement ends enabled.
    #[test]
    fn any_order_of_events_converges(
        deeds in proptest::collection::vec(select(vec![Deed::Disable, Deed::Enable, Deed::Schedule, Deed::Cancel]), 1..6),
        order in proptest::collection::vec(any::<Index>(), 0..12),
        seen_before in any::<bool>(),
        batched in any::<bool>(),
    ) {
        let world = guard().build();
        let key = the_key();
        world.keys.create(&key);
        world.clock.set(time("2026-11-20T09:00:00Z"));
        if seen_before {
            world.sweep("sweep-0");
        }
        let mut events = Vec::new();
        for (number, deed) in deeds.iter().enumerate() {
            world.clock.advance(SignedDuration::from_mins(1));
            let (happened, event) = match deed {
                Deed::Disable => (world.keys.disable(&key).is_ok(), disable(&key)),
                Deed::Schedule => (world.keys.schedule_deletion(&key, 7).is_ok(), schedule(&key)),
                Deed::Enable => (enable_by_hand(&world, &key), event("EnableKey").on(&key)),
                Deed::Cancel => (cancel_by_hand(&world, &key), event("CancelKeyDeletion").on(&key)),
            };
            let mut event = event.id(&format!("deed-{number}")).build();
            event.time = Some(reprieve_engine::Clock::now(&world.clock));
            if happened {
                events.push(event);
            }
        }
        let endangered = events.iter().any(|event| Threat::of(event).is_some());
        world.clock.advance(SignedDuration::from_mins(5));
        let mut arriving: Vec<Event> = order.iter().filter(|_| !events.is_empty()).map(|index| index.get(&events).clone()).collect();
        arriving.extend(events.iter().rev().cloned());
        if batched {
            world.handle_batch(&arriving);
        } else {
            for event in &arriving {
                world.deliver(event);
            }
        }
        if endangered {
            prop_assert_eq!(world.keys.state(&key), KeyState::Enabled, "{:?}", deeds);
            world.sweep("sweep-1");
            prop_assert_eq!(world.keys.state(&key), KeyState::Enabled, "{:?}", deeds);
        }
    }
}

fn enable_by_hand(world: &reprieve_test_support::World, key: &KeyArn) -> bool {
    let can = matches!(world.keys.state(key), KeyState::Enabled | KeyState::Disabled);
    if can {
        world.keys.change(key, |key| key.enabled = true);
    }
    can
}

fn cancel_by_hand(world: &reprieve_test_support::World, key: &KeyArn) -> bool {
    let can = world.keys.state(key) == KeyState::PendingDeletion;
    if can {
        world.keys.change(key, |key| (key.pending, key.enabled) = (None, false));
    }
    can
}

/// P11: tags with everything but the seal, and a seal with nothing else, are no approval.
#[test]
fn half_an_approval_is_none() {
    let approval = sealed_approval(&the_key(), &Terms::default());
    for name in approval_tags(&approval).keys() {
        let mut tags = approval_tags(&approval);
        tags.remove(name);
        assert!(SealedApproval::from_tags(&tags).unwrap().is_err(), "{name}");
    }
    let seal_alone: Tags = [(SEAL_TAG.to_owned(), approval.seal)].into();
    assert!(SealedApproval::from_tags(&seal_alone).unwrap().is_err());
}
