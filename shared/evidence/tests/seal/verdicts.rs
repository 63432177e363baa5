//! What is no change: an empty archive, a part of one, objects that wait for their seal; and what an archive cannot show by itself.

use jiff::SignedDuration;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Hash, Options, ProblemKind, SealKeys, Unsealed, Verdict, Verifier};
use reprieve_test_support::FakeSealSigner;

use crate::archive::{Files, hour, keys, names, seal_of, sealed, three_hours, time, verify, verify_at, verify_with};

#[test]
fn an_archive_that_is_as_it_was_sealed_is_summed_up() {
    let files = three_hours();
    let report = verify(&files);
    assert_eq!((report.verdict, report.seals, report.objects, report.records), (Verdict::Ok, 3, 5, 6));
    assert_eq!(report.bytes, names(&files, layout::AUDIT).iter().map(|name| files[name].len() as u64).sum::<u64>());
    let last = report.last_seal.unwrap();
    assert_eq!((last.sequence, last.until, last.hash), (3, hour(3), seal_of(&files, 2).hash()));
    assert_eq!((report.from, report.archive.as_deref()), (Some(hour(0)), Some("arn:aws:s3:::evidence")));
}

/// P114
#[test]
fn nothing_at_all_is_never_ok() {
    assert_eq!(verify(&Files::new()).verdict, Verdict::NothingToVerify);
}

#[test]
fn objects_without_any_seal_are_a_failure_even_where_unsealed_objects_are_allowed() {
    let mut files = three_hours();
    files.retain(|name, _| !name.starts_with(layout::SEALS));
    for unsealed in [Unsealed::Added, Unsealed::Awaiting, Unsealed::ByStoreTime] {
        let report = verify_with(&files, Some(hour(9)), keys(), Options { unsealed, ..Options::default() });
        let kinds: Vec<_> = report.problems.iter().map(|problem| problem.kind).collect();
        assert_eq!((report.verdict, kinds), (Verdict::Problems, vec![ProblemKind::Unsealed]));
    }
}

#[test]
fn a_chain_of_empty_hours_is_verified() {
    let report = verify(&sealed(&vec![Files::new(); 4]));
    assert_eq!((report.verdict, report.seals, report.objects), (Verdict::Ok, 4, 0));
}

#[test]
fn an_object_waits_for_its_seal_only_where_that_is_allowed() {
    let mut files = three_hours();
    files.insert("audit/new.json".to_owned(), b"{}".to_vec());
    let report = |unsealed, modified| {
        let report = verify_with(&files, modified, keys(), Options { unsealed, ..Options::default() });
        (report.verdict, report.awaiting)
    };
    assert_eq!(report(Unsealed::Added, Some(hour(3))), (Verdict::Problems, 0));
    assert_eq!(report(Unsealed::Awaiting, None), (Verdict::Ok, 1));
    assert_eq!(report(Unsealed::ByStoreTime, Some(hour(3))), (Verdict::Ok, 1));
    assert_eq!(report(Unsealed::ByStoreTime, Some(time("2026-11-21T07:59:59Z"))), (Verdict::Problems, 0));
    assert_eq!(report(Unsealed::ByStoreTime, None), (Verdict::Problems, 0));
}

#[test]
fn an_object_of_a_store_does_not_wait_for_its_seal_for_ever() {
    let mut files = three_hours();
    files.insert("audit/new.json".to_owned(), b"{}".to_vec());
    let written = time("2026-11-21T08:01:00Z");
    let after = |minutes: i64, unsealed: Unsealed| {
        let now = written + SignedDuration::from_mins(minutes);
        let report = verify_at(now, &files, |_| Some(written), keys(), Options { unsealed, ..Options::default() });
        (report.verdict, report.awaiting, report.problems.into_iter().next().map(|problem| problem.sentence))
    };
    // The clock of whoever verifies may be behind that of the store.
    for minutes in [-30, 0, 30, 150] {
        assert_eq!(after(minutes, Unsealed::ByStoreTime), (Verdict::Ok, 1, None), "{minutes}");
    }
    let sentence = "it was written at 2026-11-21T08:01:00Z, and has no seal since";
    for minutes in [151, 180, 10 * 24 * 60] {
        assert_eq!(after(minutes, Unsealed::ByStoreTime), (Verdict::Problems, 0, Some(sentence.to_owned())), "{minutes}");
        assert_eq!(after(minutes, Unsealed::Awaiting), (Verdict::Ok, 1, None), "{minutes}");
    }
}

#[test]
fn what_tells_of_long_ago_waits_for_the_first_seal_of_the_day_after_it_was_written() {
    let written = time("2026-11-21T06:40:00Z");
    let sentence = |seals: usize, told: &str, now: &str| {
        let mut files = sealed(&vec![Files::new(); seals]);
        files.insert(format!("audit/decisions/{told}/account=1/region=r/late.json"), b"{}".to_vec());
        let options = Options { unsealed: Unsealed::ByStoreTime, ..Options::default() };
        let report = verify_at(time(now), &files, |_| Some(written), keys(), options);
        assert_eq!(report.problem_count + report.awaiting, 1, "{report:#?}");
        report.problems.into_iter().next().map(|problem| problem.sentence)
    };
    let passed_by = Some("it is in no seal that can be read, though it was written at 2026-11-21T06:40:00Z".to_owned());
    let overdue = Some("it was written at 2026-11-21T06:40:00Z, and has no seal since".to_owned());
    // More than 16 days ago, and less.
    let (long_ago, lately) = ("year=2026/month=11/day=05/hour=06", "year=2026/month=11/day=05/hour=07");
    // The last of 3 seals ends at 08:00, of 19 at midnight, and of 20 an hour after it.
    assert_eq!(sentence(3, long_ago, "2026-11-21T10:00:00Z"), None);
    assert_eq!(sentence(3, lately, "2026-11-21T10:00:00Z"), passed_by);
    assert_eq!(sentence(3, "elsewhere", "2026-11-21T10:00:00Z"), passed_by);
    assert_eq!(sentence(19, long_ago, "2026-11-22T01:05:00Z"), None);
    assert_eq!(sentence(19, long_ago, "2026-11-22T02:30:00Z"), None);
    assert_eq!(sentence(19, long_ago, "2026-11-22T02:31:00Z"), overdue);
    assert_eq!(sentence(3, long_ago, "2026-11-22T02:31:00Z"), overdue);
    assert_eq!(sentence(20, long_ago, "2026-11-22T01:15:00Z"), passed_by);
}

#[test]
fn seals_cut_off_at_the_end_show_against_what_is_known_from_elsewhere_alone() {
    let whole = three_hours();
    let (last, mut files) = (seal_of(&whole, 2), whole.clone());
    for name in last.objects.iter().map(|object| object.name.clone()).chain([last.name()]) {
        files.remove(&name);
    }
    let report = verify(&files);
    assert_eq!(report.verdict, Verdict::Ok);
    let note = "The last seal ends at 2026-11-21T07:00:00Z, 3 hours ago. If later seals were removed with all that they seal, an archive cannot show it by itself.";
    assert_eq!(report.notes, [note]);
    for options in [
        Options { sealed_until: Some(hour(3)), ..Options::default() },
        Options { last_seal: Some(last.hash()), ..Options::default() },
        Options { last_seal: Some(Hash::of(b"another chain")), ..Options::default() },
    ] {
        let kinds: Vec<_> = verify_with(&files, None, keys(), options).problems.into_iter().map(|problem| problem.kind).collect();
        assert_eq!(kinds, [ProblemKind::Truncated]);
    }
    let anchored = Options { sealed_until: Some(hour(3)), last_seal: Some(last.hash()), ..Options::default() };
    assert_eq!(verify_with(&whole, None, keys(), anchored).verdict, Verdict::Ok);
    let of_nothing = Options { sealed_until: Some(hour(3)), ..Options::default() };
    assert_eq!(verify_with(&Files::new(), None, keys(), of_nothing).verdict, Verdict::Problems);
}

#[test]
fn of_a_part_the_objects_are_read_and_of_the_rest_the_seals() {
    let mut files = three_hours();
    let in_first = names(&files, layout::AUDIT)[0].clone();
    let bytes = files.get_mut(&in_first).unwrap();
    bytes[2] ^= 1;
    let last_hour = Options { from: Some(hour(2)), ..Options::default() };
    let report = verify_with(&files, None, keys(), last_hour);
    assert_eq!((report.verdict, report.objects, report.objects_not_read), (Verdict::Ok, 3, 2));
    assert!(report.notes.iter().any(|note| note.starts_with("2 objects were not read")), "{:?}", report.notes);
    let first_hour = Options { to: Some(hour(1)), ..Options::default() };
    assert_eq!(verify_with(&files, None, keys(), first_hour).problems[0].name, Some(in_first));
    files.remove(&layout::seal(hour(1)));
    let report = verify_with(&files, None, keys(), Options { from: Some(hour(2)), ..Options::default() });
    assert_eq!(report.problems[0].kind, ProblemKind::Gap);
}

#[test]
fn a_rotated_key_is_believed_where_both_are_given() {
    let files = three_hours();
    let next = crate::archive::sign(2, reprieve_evidence::seal::Place::after(&seal_of(&files, 2), hour(4)), Vec::new());
    let mut files = files;
    files.insert(next.name(), next.to_bytes());
    assert_eq!(verify(&files).problems[0].kind, ProblemKind::UnknownKey);
    let both = format!("{}{}", FakeSealSigner::new(1).pem(), FakeSealSigner::new(2).pem());
    assert_eq!(verify_with(&files, None, SealKeys::parse(&both).unwrap(), Options::default()).verdict, Verdict::Ok);
}

#[test]
fn what_is_no_public_key_is_refused() {
    for text in ["", "\n", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(SealKeys::parse(text).is_err(), "{text:?}");
    }
    let cut = FakeSealSigner::new(1).pem().replace("END PUBLIC", "END PUBLI");
    assert!(SealKeys::parse(&cut).is_err());
}

#[test]
fn an_object_that_cannot_be_read_is_named() {
    let files = three_hours();
    let mut verifier = Verifier::new(keys(), Options::default());
    for name in names(&files, layout::AUDIT) {
        verifier.list(reprieve_evidence::seal::Listed { size_bytes: files[&name].len() as u64, name, modified: None });
    }
    for name in names(&files, layout::SEALS) {
        for expected in verifier.seal(&name, Ok(&files[&name])) {
            let examined = expected.examine(if expected.name().ends_with("d.json") {
                Err("permission denied")
            } else {
                Ok(Some(&files[expected.name()]))
            });
            verifier.object(examined);
        }
    }
    let report = verifier.finish(hour(9));
    assert_eq!((report.problem_count, report.problems[0].kind), (1, ProblemKind::Unreadable));
    assert_eq!(report.problems[0].sentence, "it cannot be read: permission denied");
}

#[test]
fn a_file_among_the_seals_that_is_none_is_added() {
    let mut files = three_hours();
    files.insert("seals/notes.txt".to_owned(), b"mine".to_vec());
    let problem = verify(&files).problems.remove(0);
    assert_eq!((problem.kind, problem.name.as_deref()), (ProblemKind::Added, Some("seals/notes.txt")));
}

#[test]
fn how_long_ago_the_last_seal_ends_is_told_in_words() {
    let files = three_hours();
    let told = |now: &str| {
        let mut verifier = Verifier::new(keys(), Options::default());
        for name in names(&files, layout::SEALS) {
            drop(verifier.seal(&name, Ok(&files[&name])));
        }
        let note = verifier.finish(time(now)).notes.remove(0);
        note.split_once("Z, ").unwrap().1.split_once('.').unwrap().0.to_owned()
    };
    let words = ["2026-11-21T07:59:59Z", "2026-11-21T08:00:30Z", "2026-11-21T08:01:00Z", "2026-11-21T10:59:59Z", "2026-11-24T08:00:00Z"];
    let expected = ["later than it is by the clock of this machine", "less than a minute ago", "1 minute ago", "2 hours ago", "3 days ago"];
    assert_eq!(words.map(told), expected);
}
