//! The plans of the Azure guard: from worlds that are each broken in one way, exactly the changes that mend it, and a second plan that
//! changes nothing.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what builds worlds for tests is still a test")]
#![expect(clippy::too_many_lines, reason = "a table is as long as there are cases")]

#[path = "azure_plans/alerts.rs"]
mod alerts;
#[path = "azure_plans/databases.rs"]
mod databases;
#[path = "azure_plans/encryption.rs"]
mod encryption;
#[path = "azure_plans/model.rs"]
mod model;
#[path = "azure_plans/random.rs"]
mod random;
#[path = "azure_plans/scene.rs"]
mod scene;
#[path = "azure_plans/settings.rs"]
mod settings;
#[path = "azure_plans/standing.rs"]
mod standing;
#[path = "azure_plans/stores.rs"]
mod stores;
#[path = "azure_plans/vaults.rs"]
mod vaults;

use reprieve_core::Severity;
use reprieve_core::azure::plan::Remedy;

use self::model::apply;
use self::scene::Scene;

/// A finding: what becomes of it, how urgent it is, and words of its sentence.
type Finding = (Remedy, Severity, &'static str);

/// A scene that is broken in one way.
pub(crate) struct Case {
    /// What is wrong, as a sentence.
    what: &'static str,
    /// The scene as it must be.
    whole: Whole,
    /// Breaks it.
    breaks: fn(&mut Scene),
    /// The changes that mend it, as they are said to people.
    changes: &'static [&'static str],
    /// What is said to be wrong.
    findings: &'static [Finding],
}

impl Case {
    fn scene(&self) -> Scene {
        let mut scene = (self.whole)();
        (self.breaks)(&mut scene);
        scene
    }
}

fn cases() -> Vec<Case> {
    let tables = [vaults::cases(), stores::cases(), encryption::cases(), databases::cases(), alerts::cases()];
    tables.into_iter().flatten().collect()
}

/// Builds a scene in which everything is as it must be.
type Whole = fn() -> Scene;

const WHOLE: [(&str, Whole); 12] = [
    ("protection of vaults", scene::vault_protection),
    ("vaults", scene::vault_existence),
    ("keys", scene::vault_object),
    ("rotation policies", scene::rotation),
    ("protection of storage", scene::storage_protection),
    ("encryption", scene::log_encryption),
    ("audit containers", scene::audit_container),
    ("SQL", scene::sql_auditing),
    ("PostgreSQL", scene::postgresql),
    ("MySQL", scene::mysql),
    ("logging of vaults", scene::vault_logging),
    ("alerts", scene::alerts),
];

fn changes(scene: &Scene) -> Vec<String> {
    scene.plan().changes.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_as_it_must_be_is_left_alone() {
    for (what, whole) in WHOLE {
        let plan = whole().plan();
        assert!(plan.is_whole(), "{what}: {plan:#?}");
    }
}

#[test]
fn each_broken_world_gets_exactly_the_changes_that_mend_it() {
    for case in cases() {
        assert_eq!(changes(&case.scene()), case.changes, "{}", case.what);
    }
}

#[test]
fn each_broken_world_is_told_as_it_is() {
    for case in cases() {
        let findings = case.scene().plan().findings;
        assert_eq!(findings.len(), case.findings.len(), "{}: {findings:#?}", case.what);
        for (finding, (remedy, severity, words)) in findings.iter().zip(case.findings) {
            assert_eq!((finding.remedy, finding.severity), (*remedy, *severity), "{}: {}", case.what, finding.sentence);
            assert!(finding.sentence.contains(words), "{}: `{}` does not say `{words}`", case.what, finding.sentence);
        }
    }
}

#[test]
fn a_sentence_has_no_full_stop_and_no_doubled_words() {
    for finding in cases().iter().flat_map(|case| case.scene().plan().findings) {
        let words: Vec<&str> = finding.sentence.split(' ').collect();
        assert!(!finding.sentence.ends_with('.'), "{}", finding.sentence);
        assert!(words.windows(2).all(|pair| pair.first() != pair.last()), "{}", finding.sentence);
        assert!(!finding.sentence.contains("  "), "{}", finding.sentence);
    }
}

#[test]
fn one_round_of_changes_is_enough() {
    for case in cases() {
        let mut scene = case.scene();
        for change in scene.plan().changes {
            apply(&mut scene, &change).unwrap_or_else(|refusal| panic!("{}: `{change}` is refused: {refusal}", case.what));
        }
        assert_eq!(changes(&scene), Vec::<String>::new(), "{}", case.what);
        assert_eq!(scene.plan().found(Remedy::Mended).count(), 0, "{}", case.what);
    }
}

#[test]
fn a_world_of_another_aspect_is_told_and_changes_nothing() {
    let mut scene = scene::vault_protection();
    scene.world = scene::vault_existence().world;
    let plan = scene.plan();
    assert!(plan.changes.is_empty() && plan.found(Remedy::Unreadable).count() == 1, "{plan:#?}");
}
