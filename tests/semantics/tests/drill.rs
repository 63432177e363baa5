//! The drill: what it proves, what it says when something is amiss, and that it touches no key but its own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

use jiff::SignedDuration;
use reprieve_core::drill::{AlarmMessage, Content, GuardNotice, Path, Verdict};
use reprieve_core::{Decision, Mode, Phase, Record, Severity, Status, Step};
use reprieve_engine::{CallError, Clock as _, Rehearsed};
use reprieve_test_support::drill::{Answers, DRILL_ALARM, DRILL_ALIAS, DrillWorld, drill_tags, drill_world};
use reprieve_test_support::event::time;
use reprieve_test_support::{FakeKey, key};

fn denied() -> CallError {
    CallError::AccessDenied { call: "kms:Test", message: "the words of KMS".to_owned() }
}

fn throttled() -> CallError {
    CallError::Throttled { call: "kms:ScheduleKeyDeletion", message: "slow down".to_owned() }
}

fn says(record: &Record) -> String {
    let why = record.decision.as_ref().unwrap().why();
    format!("{} {}", why.sentence, why.escalations.join(" "))
}

/// Asserts that no key was touched, and that people were told why.
fn assert_not_held(world: &DrillWorld, because: &str) {
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_none(), "{report:?}");
    assert!(says(&record).contains(because), "{}", says(&record));
    assert!(matches!(record.decision, Some(Decision::Escalate { .. })), "{record:?}");
    assert_eq!(world.notices.notices().len(), 1);
    assert!(world.notices.notices()[0].subject.contains("drill NOT held"), "{}", world.notices.notices()[0].subject);
    let touched = world.stage.calls().into_iter().filter(|call| call.starts_with("Schedule")).count();
    assert_eq!(touched, 0, "{:?}", world.stage.calls());
    assert!(world.audit.records().iter().all(|record| record.phase == Phase::Outcome), "no intent was written");
}

#[test]
fn a_drill_on_which_everything_answers_passes_and_is_measured() {
    let (world, own) = drill_world().with_key();
    let (record, report) = world.hold_to_the_end("drill-1");
    let report = report.unwrap();
    assert!(report.has_passed(), "{report:?}");
    assert_eq!(report.measured_ms(Path::Detection), Some(1_200));
    for (path, earliest_ms, latest_ms) in [
        (Path::Cancellation, 1_700, 3_500),
        (Path::Enablement, 2_100, 4_500),
        (Path::Notice, 2_600, 2_600),
        (Path::Alarm, 250_000, 250_000),
    ] {
        let ms = report.measured_ms(path).unwrap();
        assert!((earliest_ms..=latest_ms).contains(&ms), "{path:?}: {ms}");
    }
    assert_eq!((record.status, record.detect_ms), (Status::Success, Some(1_200)));
    assert!(world.serves(&own));
    assert_eq!(world.stage.calls(), ["ScheduleKeyDeletion own-drill-key"], "the guard gave the key back, not the drill");
    assert_eq!(world.stage.discarded(), ["notice", "alarm"]);
    assert_eq!(world.stage.counted().len(), 1);
}

#[test]
fn people_hear_that_what_they_were_told_was_a_drill() {
    let (world, _) = drill_world().with_key();
    world.hold_to_the_end("drill-1");
    let notices = world.notices.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].subject.starts_with("[Informational] drill passed: key back after "), "{}", notices[0].subject);
    assert!(notices[0].headline.ends_with("alarm after 4 min 10 s"), "{}", notices[0].headline);
    assert!(
        notices[0].sentences[0].starts_with("The deletion of the drill's own key was scheduled on purpose"),
        "{:?}",
        notices[0].sentences
    );
    assert_eq!(notices[0].sections[0].title, "What was measured");
}

#[test]
fn only_the_drills_own_messages_leave_the_queue() {
    let (world, _) = drill_world().with_key();
    let of_another_key = GuardNotice { key: Some(key("production")), call: "ScheduleKeyDeletion".to_owned(), ..GuardNotice::default() };
    let of_last_week =
        AlarmMessage { name: DRILL_ALARM.to_owned(), state: "ALARM".to_owned(), changed_at: Some(time("2026-11-13T10:04:00Z")) };
    for content in [Content::Other, Content::Notice(of_another_key), Content::Alarm(of_last_week)] {
        world.stage.post(content);
    }
    let (_, report) = world.hold_to_the_end("drill-1");
    assert_eq!(report.unwrap().measured_ms(Path::Alarm), Some(250_000), "last week's alarm proves nothing");
    assert_eq!(world.stage.discarded(), ["notice", "alarm"]);
}

#[test]
fn the_intent_is_written_before_the_deletion_is_scheduled() {
    let (world, own) = drill_world().with_key();
    world.hold_to_the_end("drill-1");
    let records = world.audit.records();
    let phases: Vec<Phase> = records.iter().map(|record| record.phase).collect();
    assert_eq!(phases, [Phase::Intent, Phase::Outcome]);
    assert_eq!(records[0].key(), Some(&own));
    assert!(records[0].considering.steps.iter().all(|step| matches!(step, Step::CancelKeyDeletion { .. } | Step::EnableKey { .. })));
}

#[test]
fn the_first_drill_makes_its_key_and_the_next_takes_the_same() {
    let world = drill_world();
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.unwrap().has_passed());
    assert_eq!(world.stage.calls(), ["CreateKey", "CreateAlias drill-1", "ScheduleKeyDeletion drill-1"]);
    let (_, report) = world.hold_to_the_end("drill-2");
    assert!(report.unwrap().has_passed());
    assert_eq!(world.stage.calls().len(), 4, "{:?}", world.stage.calls());
    assert_eq!(world.stage.remembered().creations, 1);
}

#[test]
fn a_guard_that_sleeps_is_told_of_and_the_drill_gives_its_key_back_itself() {
    let (world, own) = drill_world().with_key();
    world.stage.answer(Answers { cancels_after: None, enables_after: None, notice_after: None, ..Answers::default() });
    let (record, report) = world.hold_to_the_end("drill-1");
    let report = report.unwrap();
    assert!(world.serves(&own));
    assert_eq!(report.verdict(Path::Cancellation), Some(&Verdict::Missed { deadline_ms: 120_000, after_ms: None }));
    assert_eq!(report.verdict(Path::Detection), Some(&Verdict::Missed { deadline_ms: 120_000, after_ms: None }));
    assert_eq!(report.verdict(Path::Alarm), Some(&Verdict::Proven { ms: 250_000 }), "the alarm is watched all the same");
    assert!(matches!(record.decision, Some(Decision::Remedy { .. })) && record.status == Status::Success, "{record:?}");
    assert!(says(&record).contains("the guard did not give the key back"), "{}", says(&record));
    let notice = &world.notices.notices()[0];
    assert_eq!(notice.severity, Severity::High);
    assert!(notice.subject.starts_with("[High] drill MISSED its deadline: "), "{}", notice.subject);
    assert_eq!(world.stage.calls()[1..], ["CancelKeyDeletion own-drill-key", "EnableKey own-drill-key"]);
}

#[test]
fn a_guard_that_leaves_the_key_disabled_has_missed() {
    let (world, own) = drill_world().with_key();
    world.stage.answer(Answers { enables_after: None, ..Answers::default() });
    let (_, report) = world.hold_to_the_end("drill-1");
    let report = report.unwrap();
    assert!(matches!(report.verdict(Path::Cancellation), Some(Verdict::Proven { .. })));
    assert!(matches!(report.verdict(Path::Enablement), Some(Verdict::Missed { .. })));
    assert_eq!(world.stage.calls()[1..], ["EnableKey own-drill-key"]);
    assert!(world.serves(&own));
}

/// What keeps one path from being proven, and which.
#[test]
fn each_path_that_fails_is_told_of_alone() {
    let table: [(Answers, Path, &str); 4] = [
        (Answers { notice_after: None, ..Answers::default() }, Path::Notice, "notice not within 2 min"),
        (Answers { notice_after: Some(SignedDuration::from_mins(3)), ..Answers::default() }, Path::Notice, "late: after 3 min"),
        (Answers { alarm_after: None, ..Answers::default() }, Path::Alarm, "alarm not within 12 min"),
        (Answers { alarm_tells: false, ..Answers::default() }, Path::Alarm, "but nobody was told of it"),
    ];
    for (answers, path, words) in table {
        let (world, own) = drill_world().with_key();
        world.stage.answer(answers);
        let (record, report) = world.hold_to_the_end("drill-1");
        let report = report.unwrap();
        let bad: Vec<Path> = report.paths.iter().filter(|(_, verdict)| !verdict.is_good()).map(|(path, _)| *path).collect();
        assert_eq!(bad, [path], "{words}");
        assert!(says(&record).contains(words), "{words}: {}", says(&record));
        assert_eq!(record.status, Status::Escalated);
        assert!(world.serves(&own));
    }
}

#[test]
fn without_an_alarm_and_a_queue_only_the_guard_is_proven() {
    let (mut world, _) = drill_world().with_key();
    (world.rehearsal.settings.terms.alarm, world.rehearsal.settings.terms.hears_people) = (None, false);
    let (_, report) = world.hold_to_the_end("drill-1");
    let report = report.unwrap();
    assert!(report.has_passed());
    assert!(matches!(report.verdict(Path::Alarm), Some(Verdict::NotWatched { asked_for: false, .. })));
    assert!(matches!(report.verdict(Path::Notice), Some(Verdict::NotWatched { asked_for: false, .. })));
    assert!(world.clock.now() < time("2026-11-20T10:00:30Z"), "nothing is waited for that is not watched");
}

#[test]
fn without_a_queue_the_alarm_is_proven_by_its_history() {
    let (mut world, _) = drill_world().with_key();
    world.rehearsal.settings.terms.hears_people = false;
    let (_, report) = world.hold_to_the_end("drill-1");
    assert_eq!(report.unwrap().verdict(Path::Alarm), Some(&Verdict::Proven { ms: 250_000 }));
}

#[test]
fn an_alarm_that_does_not_exist_is_a_miss_and_the_guard_is_rehearsed_all_the_same() {
    let (world, _) = drill_world().with_key();
    world.stage.set_alarm(None);
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(matches!(report.unwrap().verdict(Path::Alarm), Some(Verdict::NotWatched { asked_for: true, .. })));
    assert!(says(&record).contains("there is no alarm `Reprieve-CIS-7"), "{}", says(&record));
}

#[test]
fn an_alarm_that_is_going_off_is_not_disturbed() {
    let (world, _) = drill_world().with_key();
    world.stage.set_alarm(Some(true));
    assert_not_held(&world, "is going off already");
}

#[test]
fn an_alias_that_somebody_moved_to_another_key_touches_nothing() {
    let (world, own) = drill_world().with_key();
    let production = key("production");
    world.keys.change(&own, |key| key.aliases.clear());
    world.keys.put(&production, FakeKey { aliases: vec![DRILL_ALIAS.to_owned()], tags: drill_tags(), ..FakeKey::default() });
    assert_not_held(&world, "somebody moved the alias");
    assert!(world.serves(&production) && world.serves(&own));
}

#[test]
fn a_key_with_the_tag_that_no_drill_made_is_not_touched() {
    let world = drill_world();
    let production = key("production");
    world.keys.put(&production, FakeKey { aliases: vec![DRILL_ALIAS.to_owned()], tags: drill_tags(), ..FakeKey::default() });
    assert_not_held(&world, "knows of no key that it made");
}

#[test]
fn a_key_of_the_inventory_that_lost_its_tag_is_not_touched() {
    let (world, own) = drill_world().with_key();
    world.keys.change(&own, |key| key.tags.clear());
    assert_not_held(&world, "the tag `reprieve:drill` is missing");
}

#[test]
fn a_key_that_somebody_uses_is_not_touched() {
    let (world, own) = drill_world().with_key();
    world.stage.grant(1);
    world.keys.change(&own, |key| key.aliases.push("alias/payments".to_owned()));
    assert_not_held(&world, "another alias points to it too: `alias/payments`; it has 1 grant(s)");
}

#[test]
fn a_key_whose_tags_cannot_be_read_is_not_touched() {
    let (world, _) = drill_world().with_key();
    world.stage.fail_next("tags", 1, denied());
    assert_not_held(&world, "its tags could not be read");
}

#[test]
fn a_key_that_loses_its_tags_after_the_first_check_is_not_touched() {
    let (world, own) = drill_world().with_key();
    world.stage.untag_at("note");
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_none() && says(&record).contains("the tag `reprieve:drill` is missing"), "{}", says(&record));
    assert!(world.stage.calls().is_empty() && world.serves(&own));
}

#[test]
fn a_throttled_call_is_cleared_anew_and_made_again() {
    let (world, own) = drill_world().with_key();
    world.stage.fail_next("schedule_deletion", 1, throttled());
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.unwrap().has_passed());
    assert_eq!(world.stage.calls().iter().filter(|call| call.starts_with("Schedule")).count(), 2);
    assert!(world.serves(&own));
    world.stage.fail_next("schedule_deletion", 1, throttled());
    world.clock.advance(SignedDuration::from_hours(1));
    world.stage.untag_at("schedule_deletion");
    let (record, report) = world.hold_to_the_end("drill-2");
    assert!(report.is_none() && says(&record).contains("is missing"), "{}", says(&record));
}

#[test]
fn a_call_that_stays_throttled_is_given_up_and_told_of() {
    let (world, own) = drill_world().with_key();
    world.stage.fail_next("schedule_deletion", 100, throttled());
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_none() && says(&record).contains("throttled"), "{}", says(&record));
    assert!(world.serves(&own));
    assert_eq!(world.stage.remembered().touched_at, None);
}

#[test]
fn a_new_key_whose_tags_do_not_count_yet_is_tried_again_and_an_old_one_is_not() {
    let world = drill_world();
    world.stage.fail_next("schedule_deletion", 20, denied());
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_some());
    let (world, _) = drill_world().with_key();
    world.stage.fail_next("schedule_deletion", 1, denied());
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_none() && says(&record).contains("access denied"), "{}", says(&record));
}

#[test]
fn a_new_key_that_may_not_be_named_yet_is_named_when_its_tags_count() {
    let world = drill_world();
    world.stage.fail_next("name", 20, denied());
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_some());
    let named = world.stage.calls().iter().filter(|call| *call == "CreateAlias drill-1").count();
    assert_eq!((named, world.stage.remembered().creations), (21, 1), "{:?}", world.stage.calls());
}

#[test]
fn a_key_that_may_not_be_named_though_its_tags_count_is_told_of() {
    let world = drill_world();
    world.stage.fail_next("name", 1_000, denied());
    assert_not_held(&world, "could not be named `alias/reprieve-drill`: kms:Test: access denied: the words of KMS; look at the key's tags");
    let waited = world.clock.now().duration_since(time("2026-11-20T10:00:00Z"));
    assert!((SignedDuration::from_mins(5)..SignedDuration::from_mins(6)).contains(&waited), "{waited:?}");

    let (world, own) = drill_world().with_key();
    world.keys.change(&own, |key| key.aliases.clear());
    world.stage.fail_next("name", 1, denied());
    assert_not_held(&world, "could not be named");
    assert_eq!(world.stage.calls().len(), 1, "the tags of an old key count: {:?}", world.stage.calls());
}

#[test]
fn an_interrupted_drill_is_cleaned_up_by_the_next() {
    let (world, own) = drill_world().with_key();
    world.stage.remember(|item| item.touched_at = Some(time("2026-11-13T10:00:00Z")));
    world.keys.schedule_deletion(&own, 30).unwrap();
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.unwrap().has_passed());
    assert!(says(&record).contains("the drill of 2026-11-13T10:00:00Z was interrupted"), "{}", says(&record));
    assert_eq!(world.stage.calls(), ["CancelKeyDeletion own-drill-key", "EnableKey own-drill-key", "ScheduleKeyDeletion own-drill-key"]);
    assert_eq!(world.stage.remembered().touched_at, None);
}

#[test]
fn a_key_that_cannot_be_given_back_fails_the_invocation_which_begins_with_it_when_repeated() {
    let (world, own) = drill_world().with_key();
    world.stage.answer(Answers { cancels_after: None, enables_after: None, notice_after: None, ..Answers::default() });
    world.stage.fail_next("cancel_deletion", 1, denied());
    let error = world.hold("drill-1").unwrap_err();
    assert!(error.to_string().contains("own-drill-key` could not be given back"), "{error}");
    assert!(world.notices.notices()[0].text().contains("cancel its deletion and enable it by hand"));
    world.stage.answer(Answers::default());
    let (record, report) = world.hold_to_the_end("drill-1");
    assert!(report.unwrap().has_passed() && world.serves(&own));
    assert_eq!(record.attempt, 2, "both outcomes are kept");
}

#[test]
fn an_interrupted_making_of_a_key_is_told_of_and_never_goes_on_for_ever() {
    let world = drill_world();
    world.stage.remember(|item| (item.creating_since, item.creations) = (Some(time("2026-11-13T10:00:00Z")), 1));
    let (record, _) = world.hold_to_the_end("drill-1");
    assert!(says(&record).contains("a key may have been made at 2026-11-13T10:00:00Z"), "{}", says(&record));
    let world = drill_world();
    world.stage.remember(|item| item.creations = 3);
    assert_not_held(&world, "3 keys were begun to be made");
    assert!(world.stage.calls().is_empty());
}

#[test]
fn a_key_without_its_alias_is_named_again() {
    let (world, own) = drill_world().with_key();
    world.keys.change(&own, |key| key.aliases.clear());
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.unwrap().has_passed());
    assert_eq!(world.stage.calls()[0], "CreateAlias own-drill-key");
}

#[test]
fn in_mode_observe_nothing_is_made_or_scheduled() {
    for has_key in [false, true] {
        let mut world = if has_key { drill_world().with_key().0 } else { drill_world() };
        world.rehearsal.settings.mode = Mode::Observe;
        let (record, report) = world.hold_to_the_end("drill-1");
        assert!(report.is_none() && world.stage.calls().is_empty(), "{:?}", world.stage.calls());
        assert_eq!(record.status, Status::Observed);
        assert!(says(&record).contains("would be"), "{}", says(&record));
        assert!(world.notices.notices().is_empty());
    }
}

#[test]
fn a_second_drill_at_the_same_time_does_nothing() {
    let (world, _) = drill_world().with_key();
    let until = world.clock.now().checked_add(SignedDuration::from_mins(10)).unwrap();
    world.stage.take_turn("drill-0", until);
    assert_eq!(world.hold("drill-1"), Ok(Rehearsed::UnderWay { by: "drill-0".to_owned() }));
    assert!(world.stage.calls().is_empty() && world.audit.records().is_empty());
    world.clock.advance(SignedDuration::from_mins(11));
    assert!(matches!(world.hold("drill-1"), Ok(Rehearsed::Ended { .. })), "a holder that went silent is not waited for");
}

#[test]
fn the_same_drill_is_not_held_twice() {
    let (world, _) = drill_world().with_key();
    world.hold_to_the_end("drill-1");
    assert_eq!(world.hold("drill-1"), Ok(Rehearsed::EndedBefore));
}

#[test]
fn a_drill_that_has_no_time_is_not_begun() {
    let (world, own) = drill_world().with_key();
    let Ok(Rehearsed::Ended { record, report: None, .. }) = world.hold_within("drill-1", SignedDuration::from_mins(2)) else {
        panic!("it was held");
    };
    assert!(says(&record).contains("give it more time"), "{}", says(&record));
    assert!(world.stage.calls().is_empty() && world.serves(&own));
}

#[test]
fn a_drill_whose_time_ends_before_the_alarm_says_so() {
    let (world, own) = drill_world().with_key();
    let Ok(Rehearsed::Ended { record, report: Some(report), .. }) = world.hold_within("drill-1", SignedDuration::from_mins(3)) else {
        panic!("it was not held");
    };
    assert!(matches!(report.verdict(Path::Alarm), Some(Verdict::NotWatched { asked_for: true, .. })), "{report:?}");
    assert!(says(&record).contains("had to end after"), "{}", says(&record));
    assert!(world.serves(&own) && world.clock.now() <= time("2026-11-20T10:03:00Z"));
}

#[test]
fn nothing_is_scheduled_where_the_turn_was_lost() {
    let (world, own) = drill_world().with_key();
    world.stage.fail_next("note", 1, denied());
    let (_, report) = world.hold_to_the_end("drill-1");
    assert!(report.is_none() && world.stage.calls().is_empty() && world.serves(&own));
}
