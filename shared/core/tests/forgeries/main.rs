//! Forgeries: every way that we know to make an approval out of nothing, or more out of one than it is. Each row forges one approved
//! deletion, goes through the whole decision with the shipped policies, and must be undone for a reason of its own.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

mod people;
mod plain;
mod replays;
mod scene;
mod seals;
mod values;

use std::collections::BTreeSet;

use reprieve_core::{Decision, Step};
use scene::{Forgery, Scene};

fn table() -> Vec<Forgery> {
    [values::rows(), seals::rows(), replays::rows(), people::rows(), plain::rows()].into_iter().flatten().collect()
}

/// What people are told: the sentence, and what they are woken for.
fn told(decision: &Decision) -> String {
    let why = decision.why();
    format!("{} {}", why.sentence, why.escalations.join(" "))
}

/// Says what is wrong with the answer to a forgery; nothing where it is as it must be.
fn flaw(forgery: &Forgery) -> Option<String> {
    let Forgery { name, reason, step, scene } = forgery;
    let decision = scene.decide();
    let key = scene.key();
    let cancels = |step: &Step| matches!(step, Step::CancelKeyDeletion { key: cancelled } if cancelled == key);
    if !matches!(&decision, Decision::Remedy { plan, .. } if plan.steps.iter().any(cancels)) {
        return Some(format!("{name}: ACCEPTED: {decision:?}"));
    }
    let told = told(&decision);
    if !told.contains(reason) {
        return Some(format!("{name}: people are told `{told}`, which does not say `{reason}`"));
    }
    let reasoning = &decision.why().reasoning;
    let missing = step.filter(|step| !reasoning.iter().any(|line| line.contains(step)))?;
    Some(format!("{name}: no step of {reasoning:#?} says `{missing}`"))
}

#[test]
fn every_forgery_is_undone_for_its_own_reason() {
    let flaws: Vec<String> = table().iter().filter_map(flaw).collect();
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// Whoever reads a reason knows which kind of forgery it was: no row says what another kind of row says.
#[test]
fn no_forgery_is_told_as_one_of_another_kind() {
    let table = table();
    let reasons: BTreeSet<&str> = table.iter().map(|forgery| forgery.reason).collect();
    for Forgery { name, reason, scene, .. } in &table {
        let told = told(&scene.decide());
        let others: Vec<&&str> = reasons.iter().filter(|other| *other != reason && told.contains(**other)).collect();
        assert!(others.is_empty(), "{name}: `{told}` says {others:?} as well as `{reason}`");
    }
}

#[test]
fn an_attempt_to_approve_oneself_is_reported() {
    let attempts: Vec<Forgery> = people::own_approvals().into_iter().chain(plain::own_approvals()).collect();
    for Forgery { name, scene, .. } in &attempts {
        let escalations = scene.decide().why().escalations.clone();
        assert!(escalations.iter().any(|text| text.ends_with("tried to approve their own act")), "{name}: {escalations:?}");
    }
}

/// Without the forgery each of them passes, so it is the forgery that is refused.
#[test]
fn what_nobody_forged_passes() {
    for (name, scene, approver) in [
        ("sealed tags", Scene::sealed(), "carol@example.com"),
        ("the ledger", Scene::late(), "carol@example.com"),
        ("a ledger full of changes of other days", Scene::after_many_changes(), "carol@example.com"),
        ("two approvers of a key in production", Scene::two_approvers(), "carol@example.com and dave@example.com"),
        ("plain tags", Scene::plain(), "carol@example.com as Approver"),
    ] {
        let decision = scene.decide();
        let expected = format!("change CHG-1001, approved by {approver}, covers it");
        assert!(matches!(decision, Decision::Stand { .. }) && told(&decision).contains(&expected), "{name}: {decision:?}");
    }
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let table = table();
    let names: BTreeSet<&str> = table.iter().map(|forgery| forgery.name).collect();
    assert_eq!(names.len(), table.len());
}
