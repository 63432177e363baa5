//! What approves, beyond a single seal: plain tags, revocations, two approvers, sandboxes, calendars, waiting periods.

use jiff::SignedDuration;
use reprieve_core::approval::{ApprovalSource, CHANGE_TAG, Revocation};
use reprieve_core::facts::Tags;
use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_core::{
    AccountId, Actor, ApprovalKeys, ApprovalRules, CalendarState, Details, Event, KeyArn, KeyState, Policy, Record, RoleArn, Severity,
    Status,
};
use reprieve_engine::{Clock as _, Delivery, Ledger as _};
use reprieve_test_support::approval::{approval_key_text_with, co_approval_tags, plain_tags};
use reprieve_test_support::event::{ACCOUNT, disable, mallory, schedule, session, tagging, time};
use reprieve_test_support::world::{approval_rules, settled};
use reprieve_test_support::{Effect, Terms, World, finish, guard, key, sealed_approval, sealed_by_security, world_with_key};

use crate::{denied, no_answer};

pub(super) fn role(name: &str) -> RoleArn {
    RoleArn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/{name}")).unwrap()
}

pub(super) fn world_with(rules: ApprovalRules) -> (World, KeyArn) {
    let world = guard().rules(rules).build();
    let key = key("1234abcd-12ab-34cd-56ef-1234567890ab");
    world.keys.create(&key);
    (world, key)
}

/// Schedules the deletion, with a waiting period of 7 days, and answers the event.
pub(super) fn schedule_by(world: &World, key: &KeyArn, actor: Actor) -> Record {
    world.keys.schedule_deletion(key, 7).unwrap();
    world.settle(&schedule(key).by(actor).build())
}

fn revocation(change: &str) -> Revocation {
    Revocation { change: change.to_owned(), by: "carol@example.com".to_owned(), at: time("2026-11-20T11:00:00Z"), reason: None }
}

fn sentence(record: &Record) -> String {
    record.decision.as_ref().unwrap().why().sentence.clone()
}

fn approvers_set_plain_tags() -> ApprovalRules {
    ApprovalRules { approver_roles: [role("Approver")].into(), ..approval_rules() }
}

/// Tags the key without a seal, and lets CloudTrail know who did and when.
fn tag_plainly(world: &World, key: &KeyArn, tags: &Tags, setter: Actor, at: &str) {
    world.keys.tag(key, tags.clone()).unwrap();
    world.circumstances.logged(tagging(key, tags).by(setter).at(at).build());
}

/// P44: an approver's plain tags approve.
#[test]
fn plain_tags_of_an_approver_approve() {
    let (world, key) = world_with(approvers_set_plain_tags());
    tag_plainly(&world, &key, &plain_tags(&Terms::default()), session("Approver", "carol@example.com"), "2026-11-20T08:00:00Z");
    let record = schedule_by(&world, &key, mallory());
    assert_eq!(record.status, Status::NothingToDo, "{}", sentence(&record));
    let approval = record.decision.unwrap().why().approval.established().unwrap().clone();
    assert_eq!((approval.source, approval.approver.as_str()), (ApprovalSource::PlainTags, "carol@example.com as Approver"));
}

/// P44: whoever else set them, or set them otherwise, approves nothing; and each time it is said why.
#[test]
fn plain_tags_of_anybody_else_approve_nothing() {
    let terms = plain_tags(&Terms::default());
    let other_change: Tags =
        terms.iter().map(|(name, value)| (name.clone(), if name == CHANGE_TAG { "CHG-7".to_owned() } else { value.clone() })).collect();
    let (carol, before) = (session("Approver", "carol@example.com"), "2026-11-20T08:00:00Z");
    let table: [(&str, &Tags, Actor, &str, &str); 7] = [
        ("the deleter", &terms, mallory(), before, "mallory@example.com as Admin, who did it, set them"),
        ("no approver", &terms, session("Operator", "dave@example.com"), before, "who set them, holds no approver role"),
        ("an approver, in the same second", &terms, carol.clone(), "2026-11-20T10:00:00Z", "not before the event"),
        ("an approver, later", &terms, carol.clone(), "2026-11-20T10:00:01Z", "names nobody who set them"),
        ("the deleter, in the same second", &terms, mallory(), "2026-11-20T10:00:00Z", "who did it, set them"),
        ("the deleter's approver role", &terms, session("Approver", "mallory@example.com"), before, "who did it, set them"),
        ("an approver, otherwise", &other_change, carol, before, "were not set together"),
    ];
    for (name, logged, setter, at, reason) in table {
        let (world, key) = world_with(approvers_set_plain_tags());
        world.keys.tag(&key, terms.clone()).unwrap();
        world.circumstances.logged(tagging(&key, logged).by(setter).at(at).build());
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{name}");
        assert!(sentence(&record).contains(reason), "{name}: {}", sentence(&record));
    }
}

/// P44: a log that is late, throttled or silent, or no approver role at all, means no approval.
#[test]
fn plain_tags_whose_setter_is_not_known_approve_nothing() {
    let tag = |world: &World, key: &KeyArn| {
        tag_plainly(world, key, &plain_tags(&Terms::default()), session("Approver", "carol@example.com"), "2026-11-20T09:59:00Z");
    };
    let reason_after = |rules: ApprovalRules, prepare: &dyn Fn(&World)| {
        let (world, key) = world_with(rules);
        tag(&world, &key);
        prepare(&world);
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
        (sentence(&record), world.journal.made("latest_call"))
    };
    let late = reason_after(approvers_set_plain_tags(), &|world| world.circumstances.set_lag(SignedDuration::from_mins(15)));
    assert!(late.0.contains("names nobody who set them"), "{}", late.0);
    let throttled =
        reason_after(approvers_set_plain_tags(), &|world| world.faults.fail_next("latest_call", 9, Effect::Before, no_answer()));
    assert!(throttled.0.contains("could not be looked up"), "{}", throttled.0);
    let not_accepted = reason_after(approval_rules(), &|_| {});
    assert!(not_accepted.0.contains("no approver role is configured"), "{}", not_accepted.0);
    assert_eq!(not_accepted.1, 0, "nobody is looked up where no answer would count");
}

/// P44, P13: the deleter who tags for themselves is told on.
#[test]
fn tagging_for_oneself_is_escalated() {
    let (world, key) = world_with(approvers_set_plain_tags());
    tag_plainly(&world, &key, &plain_tags(&Terms::default()), mallory(), "2026-11-20T08:00:00Z");
    let why = schedule_by(&world, &key, mallory()).decision.unwrap().why().clone();
    assert!(why.escalations.iter().any(|text| text.contains("tried to approve their own act")), "{why:?}");
    assert!(why.severity >= Severity::High);
}

/// P45, P53: a change that is revoked while the deletion waits is taken back by the next sweep.
#[test]
fn a_revoked_change_is_taken_back_by_the_sweep() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    assert_eq!(schedule_by(&world, &key, mallory()).status, Status::NothingToDo);
    assert_eq!(world.sweep("sweep-1").standing, 1);
    finish(world.ledger.revoke(&key, &revocation("CHG-1001"))).unwrap().unwrap();
    let report = world.sweep("sweep-2");
    assert_eq!((report.standing, report.given_back), (0, 1), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    let told = world.notices.notices().pop().unwrap().text();
    assert!(told.contains("carol@example.com revoked it"), "{told}");
}

/// P45: a revoked change stays revoked, whoever seals it again; another change is another matter.
#[test]
fn a_revoked_change_stays_revoked() {
    let (world, key) = world_with_key();
    finish(world.ledger.revoke(&key, &revocation("CHG-1001"))).unwrap().unwrap();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    let record = schedule_by(&world, &key, mallory());
    assert_eq!(record.decision.as_ref().unwrap().why().policies, ["revoked-approval"]);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);

    let another = Terms { change: "CHG-1002".to_owned(), ..Terms::default() };
    finish(world.ledger.approve(&key, &sealed_approval(&key, &another))).unwrap().unwrap();
    world.keys.schedule_deletion(&key, 7).unwrap();
    assert_eq!(world.settle(&schedule(&key).id("again").build()).status, Status::NothingToDo);
}

/// P53: an approval in the ledger that somebody alters while the deletion waits approves nothing any more.
#[test]
fn an_altered_approval_is_taken_back_by_the_sweep() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let approval = sealed_approval(&key, &Terms::default());
    finish(world.ledger.approve(&key, &approval)).unwrap().unwrap();
    assert_eq!(world.settle(&schedule(&key).build()).status, Status::NothingToDo);
    let altered = reprieve_core::approval::SealedApproval { window: "2026-11-20T09:00:00Z/2026-11-30T17:00:00Z".to_owned(), ..approval };
    finish(world.ledger.approve(&key, &altered)).unwrap().unwrap();
    assert_eq!(world.sweep("sweep-1").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

fn prod_key() -> (World, KeyArn) {
    let (world, key) = world_with_key();
    world.keys.tag(&key, [("env".to_owned(), "prod".to_owned())].into()).unwrap();
    (world, key)
}

/// P46: a prod key with one approval, with two of one person or of who may be one, or with two under one approval key is not deleted.
#[test]
fn two_approvals_that_are_not_independent_do_not_suffice_for_prod() {
    let dora = Terms::of_approver("dora@example.com");
    let carol_again = Terms::of_approver("arn:aws:sts::111122223333:assumed-role/Approver/carol@example.com");
    let (_, the_key) = prod_key();
    for (name, second) in [
        ("one approval", None),
        ("one person, two keys", Some(sealed_by_security(&the_key, &carol_again))),
        ("a role that may be hers", Some(sealed_by_security(&the_key, &Terms::of_approver("arn:aws:iam::111122223333:role/Security")))),
        ("two people, one key", Some(sealed_approval(&the_key, &dora))),
        ("the actor herself", Some(sealed_by_security(&the_key, &Terms::of_approver("mallory@example.com")))),
        ("the second for another action", Some(sealed_by_security(&the_key, &Terms { action: "disable".to_owned(), ..dora.clone() }))),
    ] {
        let (world, key) = prod_key();
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        if let Some(second) = second {
            finish(world.ledger.approve(&key, &second)).unwrap().unwrap();
        }
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(record.decision.as_ref().unwrap().why().policies, ["two-approvers-for-prod"], "{name}: {}", sentence(&record));
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{name}");
    }
}

/// P46: two people under two approval keys suffice, with both approvals on the key or one in the ledger.
#[test]
fn two_independent_approvals_suffice_for_prod() {
    for on_key in [true, false] {
        let (world, key) = prod_key();
        let second = sealed_by_security(&key, &Terms::of_approver("dora@example.com"));
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        if on_key {
            world.keys.tag(&key, co_approval_tags(&second)).unwrap();
        } else {
            finish(world.ledger.approve(&key, &second)).unwrap().unwrap();
        }
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(record.status, Status::NothingToDo, "{}", sentence(&record));
    }
}

/// P48: in a sandbox account everything passes, whoever did it, and is recorded.
#[test]
fn everything_passes_in_a_sandbox() {
    let (world, key) = world_with(ApprovalRules { sandbox_accounts: [AccountId::parse(ACCOUNT).unwrap()].into(), ..approval_rules() });
    for actor in [mallory(), Actor::unknown()] {
        let record = world.settle(&disable(&key).id(&actor.display_name().replace(' ', "-")).by(actor).build());
        assert_eq!(record.status, Status::NothingToDo);
        assert_eq!(record.decision.unwrap().why().policies, ["sandbox-accounts"]);
    }
    assert_eq!(world.audit.records().len(), 4, "an intent and an outcome each");
}

/// P49: policies that cannot be used approve nothing; it is said, told and counted.
#[test]
fn unusable_policies_approve_nothing() {
    let (world, key) = world_with_key();
    let file = PolicyFile { name: "mine.cedar".to_owned(), text: "permit (principal, action, resource".to_owned() };
    let error = Policy::with_user_policies(&[file]).unwrap_err();
    assert!(matches!(&error, PolicyError::Syntax(_)) && error.to_string().contains("mine.cedar"), "{error}");
    world.policies.set(Policy::closed(error));
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    let record = schedule_by(&world, &key, mallory());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    let why = record.decision.unwrap().why().clone();
    assert!(why.escalations.iter().any(|text| text.contains("mine.cedar")), "{why:?}");
    assert_eq!(world.meter.policy_unusable_at().len(), 1);
    assert_eq!(world.notices.notices().len(), 1);
}

/// P49: that policies cannot be used is counted by every sweep, before anybody's approved change meets them.
#[test]
fn unusable_policies_are_noticed_before_they_are_needed() {
    let (world, _key) = world_with_key();
    world.policies.set(Policy::closed(PolicyError::Closed("there is no parameter `/reprieve/policies`".to_owned())));
    assert_eq!(world.sweep("sweep-1").endangered, 0);
    assert_eq!(world.meter.policy_unusable_at().len(), 1);
}

/// P50: an approved change passes only while the change calendar is open.
#[test]
fn the_change_calendar_must_be_open() {
    for (state, passes) in [(Some(CalendarState::Open), true), (Some(CalendarState::Closed), false), (None, false)] {
        let (world, key) = world_with_key();
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        match state {
            Some(state) => world.circumstances.set_calendar(state),
            None => world.faults.fail_next("change_calendar", 9, Effect::Before, denied()),
        }
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(record.status == Status::NothingToDo, passes, "{state:?}: {}", sentence(&record));
        assert_eq!(record.decision.unwrap().why().policies, [if passes { "change-window" } else { "change-calendar-is-open" }]);
    }
}

/// P51: a deletion that waits for fewer days than configured is taken back; the sweep knows the days from the deadline.
#[test]
fn a_short_waiting_period_is_taken_back() {
    let rules = || ApprovalRules { minimum_waiting_days: 14, ..approval_rules() };
    for (days, passes) in [(13, false), (14, true), (30, true)] {
        let (world, key) = world_with(rules());
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        world.keys.schedule_deletion(&key, days).unwrap();
        let event = schedule(&key).details(Details { waiting_period_days: Some(days), ..Details::default() }).build();
        assert_eq!(world.settle(&event).status == Status::NothingToDo, passes, "{days}");
        assert_eq!(world.sweep("sweep").standing, usize::from(passes), "{days}");
    }
}

/// P52: a key seals from its first moment to before its last.
#[test]
fn a_key_seals_only_while_it_is_valid() {
    for (validity, holds) in [
        ("", true),
        (";from=2026-11-20T10:00:00Z;until=2026-11-20T10:00:01Z", true),
        (";from=2026-11-20T10:00:01Z", false),
        (";until=2026-11-20T10:00:00Z", false),
    ] {
        let keys = ApprovalKeys::parse(&approval_key_text_with(validity)).unwrap();
        let (world, key) = world_with(ApprovalRules { keys, ..ApprovalRules::default() });
        world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
        let record = schedule_by(&world, &key, mallory());
        assert_eq!(record.status == Status::NothingToDo, holds, "{validity}: {}", sentence(&record));
    }
}

/// P54: where the ledger cannot be read, an approval in the tags does not count.
#[test]
fn no_approval_counts_while_revocations_are_not_known() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.faults.fail_next("recall", 9, Effect::Before, no_answer());
    let record = schedule_by(&world, &key, mallory());
    assert_eq!(record.decision.unwrap().why().policies, ["revocations-are-known"]);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P54: a sweep that cannot read the ledger leaves what has time to the next, and nothing else.
#[test]
fn a_sweep_without_the_ledger_takes_back_only_what_is_urgent() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    assert_eq!(schedule_by(&world, &key, mallory()).status, Status::NothingToDo);
    for (at, given_back) in [("2026-11-24T10:00:00Z", 0), ("2026-11-25T10:00:00Z", 1)] {
        world.clock.set(time(at));
        world.faults.fail_next("recall", 9, Effect::Before, no_answer());
        let report = world.sweep(at);
        world.faults.clear();
        assert_eq!((report.given_back, report.not_reached), (given_back, 1 - given_back), "{at}: {report:?}");
    }
}

/// P57: a deletion that stood is not undone by what passes by itself; in its last days it is, and no key enabled whose tags are not read.
#[test]
fn a_standing_deletion_outlasts_what_cannot_be_read() {
    let unusable = || Policy::closed(PolicyError::Closed("`/reprieve/policies` cannot be read".to_owned()));
    for (name, at, given_back) in [("early", "2026-11-22T10:00:00Z", 0), ("in its last days", "2026-11-25T10:00:00Z", 1)] {
        for unread in ["tags", "change_calendar", "policies"] {
            let (world, key) = world_with_key();
            world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
            assert_eq!(schedule_by(&world, &key, mallory()).status, Status::NothingToDo);
            world.clock.set(time(at));
            match unread {
                "policies" => world.policies.set(unusable()),
                call => world.faults.fail_next(call, 9, Effect::Before, no_answer()),
            }
            let report = world.sweep("sweep-1");
            let is_pending = world.keys.state(&key) == KeyState::PendingDeletion;
            assert_eq!((report.not_reached, is_pending), (1 - given_back, given_back == 0), "{unread}, {name}: {report:?}");
            let is_left_disabled = unread == "tags" && !is_pending;
            assert_eq!((report.given_back, report.open), if is_left_disabled { (0, 1) } else { (given_back, 0) }, "{unread}, {name}");
        }
    }
}

/// A call as the log has it: with the date that KMS gave.
fn scheduled_for(key: &KeyArn, at: &str, deletion_date: &str) -> Event {
    let details = Details { waiting_period_days: Some(7), deletion_date: Some(time(deletion_date)), ..Details::default() };
    schedule(key).at(at).details(details).build()
}

/// P55: an approved deletion whose event was lost stands, because CloudTrail says who scheduled it.
#[test]
fn an_approved_deletion_of_a_lost_event_stands() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.circumstances.logged(scheduled_for(&key, "2026-11-20T10:00:01Z", "2026-11-27T10:00:01Z"));
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-1");
    assert_eq!((report.lost_events, report.standing, report.given_back), (1, 1, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}

/// P55: the log's latest call may have scheduled an earlier deletion; then it does not say who scheduled this one.
#[test]
fn another_deletion_of_the_same_key_says_nothing() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.circumstances.logged(scheduled_for(&key, "2026-11-20T09:30:00Z", "2026-11-27T09:30:00Z"));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep("sweep-1").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P56: the notice names the key as people know it, and how to approve it.
#[test]
fn a_notice_names_the_key_and_the_command() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| {
        key.aliases = vec!["alias/payments".to_owned()];
        key.tags.insert("Owner".to_owned(), "team-payments".to_owned());
    });
    let record = schedule_by(&world, &key, mallory());
    assert_eq!(record.names.owner.as_deref(), Some("team-payments"));
    let told = world.notices.notices().pop().unwrap().text();
    let command = format!("reprieve approve {key} --action delete");
    for part in ["mallory@example.com", "alias/payments", "team-payments", "2026-11-27", &command] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
}

/// P44: looking up who set tags takes no longer than a disabled key may be out of service for it.
#[test]
fn a_slow_log_is_not_waited_for() {
    let (world, key) = world_with(approvers_set_plain_tags());
    tag_plainly(&world, &key, &plain_tags(&Terms::of_action("disable")), session("Approver", "carol@example.com"), "2026-11-20T08:00:00Z");
    world.keys.disable(&key).unwrap();
    world.clock.run_out();
    world.faults.fail_next("latest_call", 9, Effect::KilledBefore, no_answer());
    let record = world.settle(&disable(&key).build());
    assert!(sentence(&record).contains("no answer within"), "{}", sentence(&record));
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P44, P43: nor for longer than leaves time to act.
#[test]
fn a_slow_log_is_not_waited_for_when_the_invocation_ends() {
    let (world, key) = world_with(approvers_set_plain_tags());
    tag_plainly(&world, &key, &plain_tags(&Terms::of_action("disable")), session("Approver", "carol@example.com"), "2026-11-20T08:00:00Z");
    world.keys.disable(&key).unwrap();
    world.clock.run_out();
    world.faults.fail_next("latest_call", 9, Effect::KilledBefore, no_answer());
    let now = world.clock.now();
    let delivery = Delivery { received_at: now, count: 1, stopped_at: now + SignedDuration::from_secs(5) };
    let record = settled(&finish(world.guard.handle(&disable(&key).build(), delivery)).unwrap()).unwrap();
    assert!(sentence(&record).contains("not enough time"), "{}", sentence(&record));
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Enabled));
}
