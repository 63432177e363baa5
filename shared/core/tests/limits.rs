//! Approvals have limits of number and size: whoever writes more keeps nobody busy, and covers nothing.

use reprieve_core::approval::{Evidence, weigh};
use reprieve_core::facts::{KeyFacts, Known, Recollection, Tags};
use reprieve_core::{ApprovalKeys, ApprovalRules};
use reprieve_test_support::event::schedule;
use reprieve_test_support::{Terms, approval_keys, key, sealed_approval};

fn rules() -> ApprovalRules {
    let keys: ApprovalKeys = approval_keys();
    ApprovalRules { keys, ..ApprovalRules::default() }
}

/// Threat L9: of thousands of approvals in the ledger 32 are verified, and one that covers the event is among them.
/// P142
#[test]
fn of_thousands_of_approvals_32_are_weighed_and_the_one_that_covers_is_among_them() {
    let key = key("k");
    let good = sealed_approval(&key, &Terms::of_action("delete"));
    let mut approvals = vec![good.clone()];
    for number in 0..5_000 {
        let mut forged = good.clone();
        forged.change = format!("CHG-{number}");
        forged.window = "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z".to_owned();
        approvals.push(forged);
    }
    let recollection = Recollection { approvals, ..Recollection::default() };
    let facts =
        KeyFacts { tags: Known::Is(Tags::new()), recollection: Known::Is(recollection), tagging: Known::Absent, ..KeyFacts::default() };
    let (event, rules) = (schedule(&key).build(), rules());
    let weighed = weigh(&Evidence { event: &event, key: &key, action: "delete", facts: &facts, rules: &rules });
    assert!(weighed.claims.len() <= 34, "{} approvals were weighed", weighed.claims.len());
    assert_eq!(weighed.claims.iter().filter(|claim| claim.result.is_ok()).count(), 1);
}

/// Threat A1: a value longer than 256 characters is in no approval.
#[test]
fn a_value_of_more_than_256_characters_cannot_be_sealed() {
    let key = key("k");
    let mut approval = sealed_approval(&key, &Terms::of_action("delete"));
    approval.check_values().unwrap();
    approval.change = "C".repeat(256);
    approval.check_values().unwrap();
    approval.change.push('C');
    let error = approval.check_values().unwrap_err().to_string();
    assert!(error.contains("is longer than 256 characters"), "{error}");
}
