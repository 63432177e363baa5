//! Approvals in labels: what is written comes back byte by byte, and nothing else does.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use reprieve_core::approval::{ApprovalSource, SealedApproval};
use reprieve_core::google::label::{LabelError, labels_of, tags_of};
use reprieve_core::google::{GoogleName, Labels};
use reprieve_test_support::approval::{approval_tags, co_approval_tags, sealed_for};
use reprieve_test_support::{Terms, approval_keys};

use crate::scene::{approval_labels, key, version};

fn terms() -> impl Strategy<Value = Terms> {
    let text = "[A-Za-z0-9.:+=@_/-]{1,120}";
    let window = select(vec![
        "2026-11-21T05:00:00Z/2026-11-21T07:00:00Z",
        "2026-11-21T05:00:30Z/2026-11-21T07:00:00Z",
        "2026-02-28T23:59:59Z/2026-03-01T00:00:01Z",
    ]);
    (text, select(vec!["delete", "disable"]), window, text).prop_map(|(change, action, window, approver)| Terms {
        change,
        action: action.to_owned(),
        window: window.to_owned(),
        approver,
    })
}

/// Says whether labels hold an approval of this resource.
fn holds(labels: &Labels, resource: &GoogleName) -> bool {
    let read = tags_of(labels).ok().and_then(|tags| SealedApproval::from_tags(&tags)?.ok());
    read.is_some_and(|approval| approval.verify(resource, None, &approval_keys(), ApprovalSource::SealedTags).is_ok())
}

/// What a label can hold at most. <https://docs.cloud.google.com/kms/docs/creating-managing-labels>
fn is_label(name: &str, value: &str) -> bool {
    let is_character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let fits = |text: &str| text.len() <= 63 && text.chars().all(is_character);
    name.starts_with(|c: char| c.is_ascii_lowercase()) && fits(name) && fits(value)
}

#[test]
fn an_approval_in_labels_reads_like_this() {
    let approver = Terms { window: "2026-11-21T05:00:00Z/2026-11-21T07:00:00Z".to_owned(), ..Terms::default() };
    let labels = approval_labels(&version(), &approver);
    let shown: Vec<String> =
        labels.iter().filter(|(name, _)| !name.starts_with("reprieve-seal")).map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(
        shown,
        [
            "reprieve-action=delete",
            "reprieve-approver=carol_40example_2ecom",
            "reprieve-change=_43_48_47-1001",
            "reprieve-window=20261121t0500z-20261121t0700z",
        ]
    );
    assert_eq!(labels["reprieve-seal-key"], "v1_2etest-2026");
    assert_eq!(["reprieve-seal", "reprieve-seal-2", "reprieve-seal-3"].map(|name| labels[name].len()), [63, 63, 2]);
}

#[test]
fn labels_that_are_no_approval_are_tags_as_they_are() {
    let labels = Labels::from([("env".to_owned(), "prod".to_owned()), ("reprieve-incident-hold".to_owned(), "inc_1".to_owned())]);
    assert_eq!(tags_of(&labels), Ok(labels));
}

#[test]
fn a_window_that_labels_cannot_write_back_is_refused_before_it_is_signed() {
    for window in [
        "2026-11-21T05:00:00+01:00/2026-11-21T07:00:00+01:00",
        "2026-11-21T05:00:00.5Z/2026-11-21T07:00:00Z",
        "2026-11-21T05:00Z/2026-11-21T07:00Z",
        "tomorrow",
    ] {
        let terms = Terms { window: window.to_owned(), ..Terms::default() };
        assert_eq!(labels_of(&approval_tags(&sealed_for(&version(), &terms))), Err(LabelError::Window(window.to_owned())));
    }
}

#[test]
fn half_an_approval_is_none_and_says_what_is_missing() {
    let mut labels =
        approval_labels(&version(), &Terms { window: "2026-11-21T05:00:00Z/2026-11-21T07:00:00Z".to_owned(), ..Terms::default() });
    labels.remove("reprieve-approver");
    let error = SealedApproval::from_tags(&tags_of(&labels).unwrap()).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the tag `reprieve:approver` is missing");
    labels.remove("reprieve-seal-2");
    assert!(tags_of(&labels).is_err());
}

#[test]
fn two_approvers_have_room() {
    let terms = Terms { window: "2026-11-21T05:00:00Z/2026-11-21T07:00:00Z".to_owned(), ..Terms::default() };
    let mut tags = approval_tags(&sealed_for(&version(), &terms));
    tags.extend(co_approval_tags(&sealed_for(&version(), &Terms { approver: "dave@example.com".to_owned(), ..terms })));
    assert_eq!(tags_of(&labels_of(&tags).unwrap()), Ok(tags));
}

proptest! {
    #[test]
    fn what_is_written_comes_back_and_holds(terms in terms(), of_key in any::<bool>()) {
        let resource = if of_key { key() } else { version() };
        let approval = sealed_for(&resource, &terms);
        let labels = labels_of(&approval_tags(&approval)).unwrap();
        for (name, value) in &labels {
            prop_assert!(is_label(name, value), "{name}={value}");
        }
        prop_assert_eq!(SealedApproval::from_tags(&tags_of(&labels).unwrap()), Some(Ok(approval)));
        prop_assert!(holds(&labels, &resource));
        let other = if of_key { version() } else { key() };
        prop_assert!(!holds(&labels, &other));
    }

    /// P125
    #[test]
    fn any_changed_label_breaks_it(terms in terms(), at in any::<Index>(), place in any::<Index>(), new in select(('a'..='z').chain('0'..='9').chain(['_', '-']).collect::<Vec<_>>()), how in 0..4) {
        let labels = approval_labels(&version(), &terms);
        let names: Vec<&String> = labels.keys().collect();
        let name = (*at.get(&names)).clone();
        let mut changed = labels.clone();
        let value = changed.get_mut(&name).unwrap();
        let position = place.index(value.len());
        match how {
            0 => value.replace_range(position..=position, &new.to_string()),
            1 => value.insert(position, new),
            2 => drop(value.remove(position)),
            _ => drop(changed.remove(&name)),
        }
        prop_assume!(changed != labels);
        prop_assert!(!holds(&changed, &version()), "{name}");
    }

    #[test]
    fn any_added_part_breaks_it(terms in terms(), name in "reprieve-(change|action|window|approver|seal|seal-key|co-seal)-[2-9]", value in "[a-z0-9_-]{1,63}") {
        let mut labels = approval_labels(&version(), &terms);
        prop_assume!(labels.insert(name, value.clone()) != Some(value));
        prop_assert!(!holds(&labels, &version()));
    }

    #[test]
    fn no_label_panics(labels in proptest::collection::btree_map("reprieve-(change|action|window|approver|seal|seal-key)(-[0-9]{1,3})?", ".{0,80}", 0..8)) {
        if let Ok(tags) = tags_of(&labels) {
            let again = labels_of(&tags).unwrap();
            prop_assert_eq!(again, labels);
        }
    }
}
