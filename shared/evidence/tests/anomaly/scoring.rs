//! What is said of what is unusual.

use reprieve_core::audit::Operation;
use reprieve_core::finding::ReasonKind;
use reprieve_core::{AuditEvent, Finding, Severity};
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};

use crate::entries::{ELSEWHERE, KEY, OTHER_KEY, at, entry, learned};

/// Scores an entry at its own time, with a threshold that lets single reasons through.
fn all_reasons(event: &AuditEvent) -> Vec<String> {
    let mut baseline = Baseline::new(Settings { threshold: 1, ..Settings::default() });
    baseline.merge(&learned());
    let finding = baseline.score(event, event.event.time.unwrap_or(at(56, 10, 0)));
    finding.map(|finding| finding.reasons.into_iter().map(|reason| reason.sentence).collect()).unwrap_or_default()
}

fn scored(event: &AuditEvent) -> Option<Finding> {
    learned().score(event, event.event.time.unwrap_or(at(56, 10, 0)))
}

#[test]
fn what_is_usual_is_no_finding() {
    for (hour, minute) in [(7, 0), (12, 30), (17, 59), (6, 30), (18, 30)] {
        assert_eq!(all_reasons(&entry(at(56, hour, minute)).0), Vec::<String>::new(), "{hour}:{minute}");
    }
}

#[test]
fn a_finding_says_what_is_unusual_the_weightiest_first() {
    let event = entry(at(55, 3, 20)).by("audit").from(ELSEWHERE).on(KEY).0;
    let finding = scored(&event).unwrap();
    assert_eq!(
        finding.sentence(),
        "first Decrypt by role audit on key 1234abcd-12ab-34cd-56ef-1234567890ab; never before from 198.51.100.0/24; \
         role audit never called Decrypt before; 03:00 UTC on a Sunday (usually Monday to Friday, 09:00 to 10:00 UTC)."
    );
    let event = entry(at(55, 3, 20)).from(ELSEWHERE).on(OTHER_KEY).0;
    let finding = scored(&event).unwrap();
    assert_eq!(
        finding.sentence(),
        "first Decrypt by role payments on key ffffabcd-12ab-34cd-56ef-1234567890ab; never before from 198.51.100.0/24; \
         03:00 UTC on a Sunday (usually Monday to Friday, 07:00 to 18:00 UTC)."
    );
    assert_eq!(finding.reasons.iter().map(|reason| reason.weight).sum::<u32>().min(100), finding.score);
    assert_eq!(finding.severity, Severity::High);
    assert_eq!(finding.id(), format!("{}.finding", event.event.id));
}

#[test]
fn each_kind_of_surprise_has_its_own_words() {
    let usual = || entry(at(56, 10, 0));
    let mut in_sydney = usual().0;
    in_sydney.event.target = reprieve_core::Target::Unnamed;
    in_sydney.asset = None;
    in_sydney.event.region = reprieve_core::Region::parse("ap-southeast-2").ok();
    for (event, told) in [
        (usual().from(ELSEWHERE).0, "never before from 198.51.100.0/24"),
        (usual().from("2001:db8:7::1").0, "never before from 2001:db8:7::/48"),
        (usual().from("lambda.amazonaws.com").0, "never before from lambda.amazonaws.com"),
        (in_sydney, "never before in ap-southeast-2"),
        (entry(at(56, 2, 0)).0, "02:00 UTC on a Monday (usually Monday to Friday, 07:00 to 18:00 UTC)"),
        (usual().by("newcomer").0, "first Decrypt by role newcomer on key 1234abcd-12ab-34cd-56ef-1234567890ab"),
    ] {
        assert_eq!(all_reasons(&event), [told]);
    }
    assert_eq!(
        all_reasons(&usual().doing("ScheduleKeyDeletion", Operation::Destroy).0),
        [
            "role payments never called ScheduleKeyDeletion before",
            "first ScheduleKeyDeletion by role payments on key 1234abcd-12ab-34cd-56ef-1234567890ab"
        ]
    );
}

#[test]
fn looking_at_a_key_does_not_make_its_use_familiar() {
    let told = all_reasons(&entry(at(56, 9, 0)).by("audit").on(KEY).0);
    assert_eq!(told, ["first Decrypt by role audit on key 1234abcd-12ab-34cd-56ef-1234567890ab", "role audit never called Decrypt before"]);
}

#[test]
fn one_surprise_alone_is_not_reported() {
    assert_eq!(scored(&entry(at(56, 10, 0)).from(ELSEWHERE).0), None, "a network");
    assert_eq!(scored(&entry(at(55, 3, 0)).0), None, "an hour");
    assert_eq!(scored(&entry(at(56, 10, 0)).by("billing").on(KEY).0), None, "a key");
}

#[test]
fn a_burst_is_reported_once_in_its_window() {
    let mut baseline = learned();
    let findings: Vec<Finding> = (0..2_000)
        .filter_map(|number| {
            let mut event = entry(at(56, 10, 0)).0;
            event.event.time = Some(at(56, 10, 0) + jiff::SignedDuration::from_secs(number));
            baseline.consider(&event, at(56, 12, 0), &NoPlaces).finding
        })
        .collect();
    assert!((1..=3).contains(&findings.len()), "it is told, and told again as it gets worse: {}", findings.len());
    let first = &findings[0].reasons[0];
    assert_eq!(first.kind, ReasonKind::Burst);
    assert!(first.sentence.ends_with("entries by role payments in one hour, usually about 4, never more than 4"), "{}", first.sentence);
}

#[test]
fn a_burst_of_refusals_is_reported() {
    let mut baseline = learned();
    let refused = |number: i64| entry(at(56, 10, 0) + jiff::SignedDuration::from_secs(number * 30)).refused().0;
    let findings: Vec<Finding> =
        (0..40).filter_map(|number| baseline.consider(&refused(number), at(56, 11, 0), &NoPlaces).finding).collect();
    let reasons: Vec<&str> = findings[0].reasons.iter().map(|reason| reason.sentence.as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("refused calls by role payments in one hour, usually none")), "{reasons:?}");
}

#[test]
fn trying_one_secret_after_the_other_weighs_more_with_each() {
    let mut baseline = learned();
    for day in (0..56).filter(|day| day % 7 < 5) {
        for secret in 0..20 {
            baseline.learn(&entry(at(day, 11, secret)).by("vendor").on_secret(&format!("prod/{secret}")).0);
        }
    }
    let mut last = 0;
    for secret in 0..20 {
        let event = entry(at(56, 11, secret)).on_secret(&format!("prod/{secret}")).0;
        let considered = baseline.score(&event, at(56, 12, 0));
        last = considered.map_or(last, |finding| finding.score.max(last));
        baseline.consider(&event, at(56, 12, 0), &NoPlaces);
    }
    assert!(last >= 65, "{last}");
}

#[test]
fn a_service_on_behalf_of_somebody_weighs_half() {
    let weights = |through: Option<&str>| {
        let mut event = entry(at(55, 3, 20)).from(ELSEWHERE).on(OTHER_KEY).0;
        event.event.actor.invoked_by = through.map(ToOwned::to_owned);
        let weights = scored(&event).map(|finding| finding.reasons.into_iter().map(|reason| (reason.kind, reason.weight)));
        weights.into_iter().flatten().collect::<Vec<_>>()
    };
    let (alone, through) = (weights(None), weights(Some("s3.amazonaws.com")));
    assert_eq!(alone.len(), 3);
    for ((kind, weight), (same, half)) in alone.into_iter().zip(through) {
        assert_eq!(kind, same);
        assert!((half * 2).abs_diff(weight) <= 1, "{kind:?}: {half} of {weight}");
    }
}

#[test]
fn what_somebody_does_anew_every_day_surprises_nobody() {
    let mut baseline = Baseline::new(Settings { threshold: 1, ..Settings::default() });
    for day in 0..56 {
        for call in 0..3 {
            baseline.learn(&entry(at(day, 10, call)).from(&format!("52.{day}.{call}.1")).0);
        }
    }
    assert_eq!(baseline.score(&entry(at(56, 10, 0)).from("52.200.1.1").0, at(56, 10, 0)), None);
}

#[test]
fn an_entry_that_says_little_is_scored_by_what_it_says() {
    let mut nobody = entry(at(56, 10, 0)).from(ELSEWHERE).0;
    nobody.event.actor.role = None;
    assert_eq!(all_reasons(&nobody), ["never before from 198.51.100.0/24"], "by what the key knows");
    let mut nowhere = entry(at(56, 10, 0)).0;
    nowhere.event.actor.source_address = None;
    assert_eq!(all_reasons(&nowhere), Vec::<String>::new());
    let mut timeless = entry(at(56, 3, 0)).from(ELSEWHERE).0;
    timeless.event.time = None;
    assert_eq!(all_reasons(&timeless), ["never before from 198.51.100.0/24"], "its hour is not known");
    let mut odd = entry(at(56, 10, 0)).from("172.01.01.001").0;
    odd.asset = None;
    assert_eq!(all_reasons(&odd), Vec::<String>::new());
}

#[test]
fn names_of_an_attacker_stay_on_one_line_and_short() {
    let mut event = entry(at(56, 10, 0)).0;
    event.event.actor.role = None;
    event.event.actor.user_name = Some(format!("a\nb\u{202e}{}", "x".repeat(5_000)));
    let reasons = all_reasons(&event);
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].starts_with("first Decrypt by a?b?xx") && reasons[0].len() < 250, "{}", reasons[0]);
}
