//! What is said of each path.

use jiff::SignedDuration;

use super::*;

fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn after(ms: i64) -> Timestamp {
    start().checked_add(SignedDuration::from_millis(ms)).unwrap()
}

fn terms() -> Terms {
    Terms { guard_deadline_ms: 120_000, alarm_deadline_ms: 720_000, hears_people: true, alarm: Some("alarm".to_owned()) }
}

fn verdict(seen: &Sightings, terms: &Terms, until_ms: i64, path: Path) -> Verdict {
    let verdicts = verdicts(start(), seen, terms, after(until_ms), after(until_ms));
    assert_eq!(verdicts.iter().map(|(path, _)| *path).collect::<Vec<_>>(), Path::ALL);
    verdicts.into_iter().find(|(other, _)| *other == path).unwrap().1
}

#[test]
fn what_is_seen_in_time_is_proven_and_what_is_late_is_missed_with_its_time() {
    for (ms, expected) in [
        (2_100, Verdict::Proven { ms: 2_100 }),
        (-40, Verdict::Proven { ms: -40 }),
        (120_000, Verdict::Proven { ms: 120_000 }),
        (120_001, Verdict::Missed { deadline_ms: 120_000, after_ms: Some(120_001) }),
    ] {
        let seen = Sightings { enabled_at: Some(after(ms)), notice_at: Some(after(ms)), ..Sightings::default() };
        assert_eq!(verdict(&seen, &terms(), 720_000, Path::Enablement), expected);
        assert_eq!(verdict(&seen, &terms(), 720_000, Path::Notice), expected);
    }
}

#[test]
fn what_is_not_seen_is_missed_only_where_it_was_watched_to_the_deadline() {
    let nothing = Sightings::default();
    assert_eq!(verdict(&nothing, &terms(), 720_000, Path::Alarm), Verdict::Missed { deadline_ms: 720_000, after_ms: None });
    let Verdict::NotWatched { why, asked_for: true } = verdict(&nothing, &terms(), 600_000, Path::Alarm) else { panic!("watched") };
    assert_eq!(why, "the drill had to end after 10 min, before the deadline of 12 min");
    let unseen = Sightings { key_unseen: Some("access denied".to_owned()), ..Sightings::default() };
    assert!(matches!(verdict(&unseen, &terms(), 720_000, Path::Cancellation), Verdict::NotWatched { asked_for: true, .. }));
}

#[test]
fn an_alarm_that_tells_nobody_is_missed_though_its_history_shows_it() {
    let seen = Sightings { alarm_raised_at: Some(after(250_000)), ..Sightings::default() };
    assert!(matches!(verdict(&seen, &terms(), 720_000, Path::Alarm), Verdict::Missed { after_ms: None, .. }));
    let without_queue = Terms { hears_people: false, ..terms() };
    assert_eq!(verdict(&seen, &without_queue, 720_000, Path::Alarm), Verdict::Proven { ms: 250_000 });
}

#[test]
fn what_is_not_asked_for_is_no_fault() {
    let terms = Terms { hears_people: false, alarm: None, ..terms() };
    for path in [Path::Notice, Path::Alarm] {
        assert!(verdict(&Sightings::default(), &terms, 720_000, path).is_good(), "{path:?}");
    }
}

#[test]
fn detection_is_what_the_guard_says_and_unknown_where_it_answered_without_a_word() {
    let told = Sightings { detect_ms: Some(1_200), ..Sightings::default() };
    assert_eq!(verdict(&told, &terms(), 720_000, Path::Detection), Verdict::Proven { ms: 1_200 });
    let answered = Sightings { cancelled_at: Some(after(2_000)), ..Sightings::default() };
    assert!(matches!(verdict(&answered, &terms(), 720_000, Path::Detection), Verdict::NotWatched { asked_for: false, .. }));
    assert!(matches!(verdict(&Sightings::default(), &terms(), 720_000, Path::Detection), Verdict::Missed { .. }));
}

#[test]
fn times_are_written_as_people_read_them() {
    for (ms, text) in [
        (0, "0.0 s"),
        (2_149, "2.1 s"),
        (-340, "-0.3 s"),
        (-1_340, "-1.3 s"),
        (9_999, "9.9 s"),
        (10_000, "10 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (250_400, "4 min 10 s"),
        (720_000, "12 min"),
    ] {
        assert_eq!(Milliseconds(ms).to_string(), text);
    }
}
