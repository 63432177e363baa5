//! Any single change of a sealed archive is found, and named as what it is.

use proptest::prelude::*;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Options, Place, Problem, ProblemKind, Report, Seal, SealedObject, Verdict};

use crate::archive::{Files, hour, keys, names, seal_of, sealed, sign, three_hours, verify, verify_with};

/// Up to five hours of up to six objects.
fn archives() -> impl Strategy<Value = Files> {
    let content = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| ("parquet", bytes)),
        "[{}a-z\":]{0,40}".prop_map(|text| ("json", text.into_bytes())),
        proptest::collection::vec("[a-z]{0,6}", 0..6).prop_map(|lines| ("json.gz", crate::archive::gz(lines.join("\n").as_bytes()))),
    ];
    let hours = proptest::collection::vec(proptest::collection::vec(content, 0..6), 2..5);
    hours.prop_map(|hours| {
        let named = |(hour, objects): (usize, Vec<(&'static str, Vec<u8>)>)| {
            let name = move |index: usize, ending: &str| format!("audit/decisions/hour={hour}/{index}.{ending}");
            objects.into_iter().enumerate().map(|(index, (ending, bytes))| (name(index, ending), bytes)).collect::<Files>()
        };
        sealed(&hours.into_iter().enumerate().map(named).collect::<Vec<_>>())
    })
}

fn first(report: &Report) -> &Problem {
    assert_eq!(report.verdict, Verdict::Problems, "{report:#?}");
    report.first().unwrap()
}

fn kind_and_name(report: &Report) -> (ProblemKind, Option<String>) {
    let problem = first(report);
    (problem.kind, problem.name.clone())
}

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u8) {
    let index = at.index(bytes.len());
    bytes[index] ^= 1 << bit;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_is_found_where_nothing_was_changed(files in archives()) {
        let report = verify(&files);
        prop_assert_eq!(report.verdict, Verdict::Ok, "{:#?}", report);
        prop_assert_eq!(report.objects, names(&files, layout::AUDIT).len() as u64);
        prop_assert_eq!(report.seals, names(&files, layout::SEALS).len() as u64);
    }

    /// P113
    #[test]
    fn a_flipped_bit_of_an_object_is_named(mut files in archives(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let objects: Vec<String> = names(&files, layout::AUDIT).into_iter().filter(|name| !files[name].is_empty()).collect();
        prop_assume!(!objects.is_empty());
        let name = which.get(&objects).clone();
        flip(files.get_mut(&name).unwrap(), at, bit);
        let report = verify(&files);
        prop_assert_eq!(kind_and_name(&report), (ProblemKind::Changed, Some(name)));
        prop_assert_eq!(report.problem_count, 1);
    }

    /// P113
    #[test]
    fn a_flipped_bit_of_a_seal_is_named(mut files in archives(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let name = which.get(&names(&files, layout::SEALS)).clone();
        flip(files.get_mut(&name).unwrap(), at, bit);
        let report = verify(&files);
        let (kind, named) = kind_and_name(&report);
        prop_assert_eq!(named, Some(name));
        let kinds = [ProblemKind::Unreadable, ProblemKind::BadSignature, ProblemKind::UnknownKey, ProblemKind::Changed];
        prop_assert!(kinds.contains(&kind), "{:?}", kind);
    }

    #[test]
    fn any_field_of_a_head_is_signed(mut files in archives(), which in any::<prop::sample::Index>(), field in 0_usize..10) {
        let name = which.get(&names(&files, layout::SEALS)).clone();
        let mut seal = Seal::parse(&files[&name]).unwrap();
        let second = jiff::SignedDuration::from_secs(1);
        let other = reprieve_evidence::seal::Hash::of(b"another");
        let mut kind = ProblemKind::BadSignature;
        match field {
            0 => seal.head.archive.push('x'),
            1 => seal.head.sequence += 1,
            2 => seal.head.from -= second,
            3 => seal.head.until += second,
            4 => seal.head.sealed_at += second,
            5 => seal.head.object_count += 1,
            6 => seal.head.merkle_root = other,
            7 => seal.head.previous = Some(other),
            8 => seal.head.key_id.push('x'),
            _ => (seal.head.key_sha256, kind) = (other, ProblemKind::UnknownKey),
        }
        files.insert(name.clone(), seal.to_bytes());
        prop_assert_eq!(kind_and_name(&verify(&files)), (kind, Some(name)));
    }

    #[test]
    fn a_truncated_object_or_seal_is_named(mut files in archives(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let all: Vec<String> = files.keys().filter(|name| !files[*name].is_empty()).cloned().collect();
        let name = which.get(&all).clone();
        let bytes = files.get_mut(&name).unwrap();
        bytes.truncate(at.index(bytes.len()));
        let (kind, named) = kind_and_name(&verify(&files));
        let is_seal = name.starts_with(layout::SEALS);
        prop_assert_eq!(named, Some(name));
        // A seal without the line feed at its end still says all that it said.
        let expected: &[ProblemKind] = if is_seal { &[ProblemKind::Unreadable, ProblemKind::Changed] } else { &[ProblemKind::Changed] };
        prop_assert!(expected.contains(&kind), "{:?}", kind);
    }

    #[test]
    fn a_removed_object_is_missing(mut files in archives(), which in any::<prop::sample::Index>()) {
        let objects = names(&files, layout::AUDIT);
        prop_assume!(!objects.is_empty());
        let name = which.get(&objects).clone();
        files.remove(&name);
        let report = verify(&files);
        prop_assert_eq!(kind_and_name(&report), (ProblemKind::Missing, Some(name)));
        prop_assert_eq!(report.problem_count, 1);
    }

    #[test]
    fn an_added_object_is_named(mut files in archives(), name in "audit/[a-z/=]{1,12}!", bytes in proptest::collection::vec(any::<u8>(), 0..9)) {
        files.insert(name.clone(), bytes);
        let report = verify(&files);
        prop_assert_eq!(kind_and_name(&report), (ProblemKind::Added, Some(name)));
        prop_assert_eq!(report.problem_count, 1);
    }

    #[test]
    fn a_renamed_object_is_missing_and_added(mut files in archives(), which in any::<prop::sample::Index>()) {
        let objects = names(&files, layout::AUDIT);
        prop_assume!(!objects.is_empty());
        let name = which.get(&objects).clone();
        let bytes = files.remove(&name).unwrap();
        files.insert(format!("{name}.old"), bytes);
        let kinds: Vec<_> = verify(&files).problems.into_iter().map(|problem| (problem.kind, problem.name.unwrap())).collect();
        prop_assert_eq!(kinds, [(ProblemKind::Missing, name.clone()), (ProblemKind::Added, format!("{name}.old"))]);
    }

    #[test]
    fn two_swapped_objects_are_named(mut files in archives(), which in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let objects = names(&files, layout::AUDIT);
        prop_assume!(!objects.is_empty());
        let (one, two) = (which.get(&objects).clone(), other.get(&objects).clone());
        prop_assume!(files[&one] != files[&two]);
        let (ours, theirs) = (files[&one].clone(), files[&two].clone());
        files.extend([(one.clone(), theirs), (two.clone(), ours)]);
        let report = verify(&files);
        let found: Vec<_> = report.problems.iter().map(|problem| (problem.kind, problem.name.clone().unwrap())).collect();
        prop_assert_eq!(found.len(), 2);
        prop_assert!(found.contains(&(ProblemKind::Changed, one)) && found.contains(&(ProblemKind::Changed, two)), "{:?}", found);
    }

    #[test]
    fn two_swapped_seals_are_reordered(mut files in archives(), which in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let seals = names(&files, layout::SEALS);
        let (one, two) = (which.get(&seals).clone(), other.get(&seals).clone());
        prop_assume!(one != two);
        let (ours, theirs) = (files[&one].clone(), files[&two].clone());
        files.extend([(one.clone(), theirs), (two.clone(), ours)]);
        let report = verify(&files);
        let found: Vec<_> = report.problems.iter().map(|problem| (problem.kind, problem.name.clone().unwrap())).collect();
        prop_assert_eq!(found.len(), 2, "{:?}", found);
        prop_assert!(found.contains(&(ProblemKind::Reordered, one)) && found.contains(&(ProblemKind::Reordered, two)), "{:?}", found);
    }

    /// P113
    #[test]
    fn a_removed_seal_is_a_gap_of_its_hour(mut files in archives(), which in any::<prop::sample::Index>()) {
        let seals = names(&files, layout::SEALS);
        let index = which.index(seals.len() - 1);
        files.remove(&seals[index]);
        let report = verify(&files);
        let problem = first(&report);
        prop_assert_eq!(problem.kind, ProblemKind::Gap);
        prop_assert_eq!(problem.until, Some(hour(index + 1)));
        prop_assert_eq!(problem.from, (index > 0).then(|| hour(index)));
    }

    #[test]
    fn a_copy_of_a_seal_under_another_name_is_added(mut files in archives(), which in any::<prop::sample::Index>(), to in 10_usize..40) {
        let name = which.get(&names(&files, layout::SEALS)).clone();
        let copy = layout::seal(hour(to));
        files.insert(copy.clone(), files[&name].clone());
        let report = verify(&files);
        prop_assert_eq!(kind_and_name(&report), (ProblemKind::Added, Some(copy)));
        prop_assert_eq!(report.problem_count, 1);
    }

    #[test]
    fn a_list_in_another_order_is_reordered(mut files in archives(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let seals: Vec<Seal> = names(&files, layout::SEALS).iter().map(|name| Seal::parse(&files[name]).unwrap()).collect();
        let seals: Vec<&Seal> = seals.iter().filter(|seal| seal.objects.len() > 1).collect();
        prop_assume!(!seals.is_empty());
        let mut seal = (*which.get(&seals)).clone();
        let index = at.index(seal.objects.len() - 1);
        seal.objects.swap(index, index + 1);
        files.insert(seal.name(), seal.to_bytes());
        prop_assert_eq!(kind_and_name(&verify(&files)), (ProblemKind::Reordered, Some(seal.name())));
    }

    #[test]
    fn an_entry_removed_doubled_or_altered_is_a_changed_list(mut files in archives(), which in any::<prop::sample::Index>(), how in 0_usize..4) {
        let seals: Vec<Seal> = names(&files, layout::SEALS).iter().map(|name| Seal::parse(&files[name]).unwrap()).collect();
        let seals: Vec<&Seal> = seals.iter().filter(|seal| !seal.objects.is_empty()).collect();
        prop_assume!(!seals.is_empty());
        let mut seal = (*which.get(&seals)).clone();
        let entry = seal.objects[0].clone();
        match how {
            0 => drop(seal.objects.remove(0)),
            1 => seal.objects.insert(0, entry),
            2 => seal.objects[0].records += 1,
            _ => seal.objects[0].sha256 = reprieve_evidence::seal::Hash::of(b"another"),
        }
        files.insert(seal.name(), seal.to_bytes());
        prop_assert_eq!(kind_and_name(&verify(&files)), (ProblemKind::Changed, Some(seal.name())));
    }
}

#[test]
fn a_seal_by_another_key_is_an_unknown_key_and_the_next_one_is_not_blamed() {
    let mut files = three_hours();
    let ours = seal_of(&files, 1);
    let foreign = sign(2, Place::after(&seal_of(&files, 0), ours.head.until), Vec::new());
    files.insert(foreign.name(), foreign.to_bytes());
    let report = verify(&files);
    assert_eq!(kind_and_name(&report), (ProblemKind::UnknownKey, Some(foreign.name())));
    assert_eq!(report.problem_count, 1, "{report:#?}");
}

#[test]
fn history_that_the_key_itself_rewrote_breaks_the_chain() {
    let mut files = three_hours();
    let removed = names(&files, layout::AUDIT)[0].clone();
    files.remove(&removed);
    let kept = names(&files, layout::AUDIT).into_iter().filter(|name| name.contains("hour=05"));
    let objects = kept.map(|name| SealedObject::measure(&name, &files[&name])).collect();
    let rewritten = sign(1, Place::first("arn:aws:s3:::evidence".to_owned(), hour(0), hour(1)), objects);
    files.insert(rewritten.name(), rewritten.to_bytes());
    let report = verify(&files);
    assert_eq!(kind_and_name(&report), (ProblemKind::BrokenChain, Some(layout::seal(hour(1)))));
    assert_eq!(report.problem_count, 1, "{report:#?}");
}

#[test]
fn several_missing_hours_are_named_as_one_gap() {
    let mut files = sealed(&vec![Files::new(); 6]);
    for index in 1..4 {
        files.remove(&layout::seal(hour(index)));
    }
    let report = verify(&files);
    let problem = first(&report);
    assert_eq!((problem.kind, problem.from, problem.until), (ProblemKind::Gap, Some(hour(1)), Some(hour(4))));
    assert_eq!(problem.sentence, "3 seals from 2026-11-21T06:00:00Z to 2026-11-21T09:00:00Z are missing: 3 hours without a seal");
    assert_eq!(report.problem_count, 1);
}

#[test]
fn a_gap_beside_a_seal_that_cannot_be_read_is_not_hidden_by_it() {
    let mut files = sealed(&vec![Files::new(); 6]);
    files.insert(layout::seal(hour(1)), b"{}".to_vec());
    files.remove(&layout::seal(hour(2)));
    let kinds: Vec<_> = verify(&files).problems.into_iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [ProblemKind::Unreadable, ProblemKind::Gap]);
}

#[test]
fn a_seal_that_the_key_made_out_of_line_breaks_the_chain() {
    let whole = three_hours();
    let second = seal_of(&whole, 1);
    let after = |change: &dyn Fn(&mut Place)| {
        let mut place = Place::after(&second, hour(3));
        change(&mut place);
        let seal = sign(1, place, seal_of(&whole, 2).objects);
        let mut files = whole.clone();
        files.remove(&layout::seal(hour(2)));
        files.insert(seal.name(), seal.to_bytes());
        let report = verify(&files);
        (first(&report).kind, report.problem_count)
    };
    assert_eq!(after(&|place| place.sequence = 4), (ProblemKind::BrokenChain, 1));
    assert_eq!(after(&|place| place.sequence = 2), (ProblemKind::BrokenChain, 1));
    assert_eq!(after(&|place| place.archive = "another".to_owned()), (ProblemKind::BrokenChain, 1));
    assert_eq!(after(&|place| place.previous = None), (ProblemKind::BrokenChain, 1));
    assert_eq!(after(&|place| place.from -= jiff::SignedDuration::from_mins(30)), (ProblemKind::BrokenChain, 1));
    assert_eq!(after(&|place| place.from += jiff::SignedDuration::from_mins(30)), (ProblemKind::Gap, 1));
}

#[test]
fn only_so_many_problems_are_told_and_all_are_counted() {
    let mut files = three_hours();
    for index in 0..50 {
        files.insert(format!("audit/added/{index:02}"), Vec::new());
    }
    files.remove(&names(&files, layout::AUDIT)[51]);
    let report = verify_with(&files, None, keys(), Options { problem_limit: 3, ..Options::default() });
    assert_eq!((report.problem_count, report.problems.len(), first(&report).kind), (51, 3, ProblemKind::Missing));
}
