//! The plan of the monitoring: from worlds that are each broken in one way, exactly the steps that mend it, and a second plan that is empty.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "what builds worlds for tests is still a test")]

#[path = "monitoring_plan/alarms.rs"]
mod alarms;
#[path = "monitoring_plan/apply.rs"]
mod apply;
#[path = "monitoring_plan/filters.rs"]
mod filters;
#[path = "monitoring_plan/random.rs"]
mod random;
#[path = "monitoring_plan/retention.rs"]
mod retention;
#[path = "monitoring_plan/rules.rs"]
mod rules;
#[path = "monitoring_plan/say.rs"]
mod say;
#[path = "monitoring_plan/stage.rs"]
mod stage;
#[path = "monitoring_plan/topics.rs"]
mod topics;
#[path = "monitoring_plan/trail_files.rs"]
mod trail_files;
#[path = "monitoring_plan/trails.rs"]
mod trails;

use reprieve_core::monitoring::{Change, MonitoringPlan, World, plan};

use self::apply::apply;
use self::say::say;
use self::stage::{KEYS, Stage, healthy};

/// A world that is broken in one way.
pub(crate) struct Case {
    /// What is wrong, as a sentence.
    what: &'static str,
    /// Breaks a healthy world.
    breaks: fn(&mut Stage),
    /// The steps that mend it.
    steps: &'static [&'static str],
    /// What a human is told: the subject, and words of the sentence.
    findings: &'static [(&'static str, &'static str)],
}

impl Case {
    const fn of(
        what: &'static str,
        breaks: fn(&mut Stage),
        steps: &'static [&'static str],
        findings: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { what, breaks, steps, findings }
    }

    fn stage(&self) -> Stage {
        let mut stage = healthy();
        (self.breaks)(&mut stage);
        stage
    }
}

fn cases() -> Vec<Case> {
    let of_trails = [trails::cases(), trail_files::cases(), retention::cases()];
    let tables = [filters::cases(), alarms::cases(), topics::cases(), rules::cases()];
    of_trails.into_iter().chain(tables).flatten().collect()
}

fn steps(plan: &MonitoringPlan, stage: &Stage) -> Vec<String> {
    plan.changes.iter().map(|change| say(change, &stage.desired)).collect()
}

fn findings(plan: &MonitoringPlan) -> Vec<(String, String)> {
    plan.findings.iter().map(|finding| (finding.subject.to_string(), finding.sentence.clone())).collect()
}

/// Fails with all complaints at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}\n\n{} complaints", complaints.join("\n\n"), complaints.len());
}

/// Carries out a plan, each change once.
fn carry_out(world: &World, changes: &[Change]) -> Result<World, String> {
    let mut world = world.clone();
    for change in changes {
        apply(&mut world, change).map_err(|refusal| format!("{change}: {refusal}"))?;
    }
    Ok(world)
}

#[test]
fn nothing_is_planned_where_nothing_is_missing() {
    let stage = healthy();
    let plan = plan(&stage.desired, &stage.world);
    assert_eq!(steps(&plan, &stage), Vec::<String>::new());
    assert_eq!(findings(&plan), []);
    assert!(plan.controls.iter().all(|control| control.holds() && !control.is_adopted), "{:?}", plan.controls);
}

#[test]
fn there_are_more_than_eighty_broken_worlds_and_no_two_are_one() {
    let cases = cases();
    let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.what).collect();
    assert!(cases.len() > 80, "{}", cases.len());
    assert_eq!(names.len(), cases.len());
}

#[test]
fn each_broken_world_gets_exactly_the_steps_that_mend_it() {
    let unlike = |case: &Case| {
        let stage = case.stage();
        let planned = steps(&plan(&stage.desired, &stage.world), &stage);
        let is_wanted = planned.iter().map(String::as_str).eq(case.steps.iter().copied());
        (!is_wanted).then(|| format!("{}\n  planned  {planned:#?}\n  expected {:#?}", case.what, case.steps))
    };
    none(&cases().iter().filter_map(unlike).collect::<Vec<_>>());
}

#[test]
fn each_broken_world_says_what_a_human_must_know() {
    let unlike = |case: &Case| {
        let stage = case.stage();
        let found = findings(&plan(&stage.desired, &stage.world));
        let is_wanted = found.len() == case.findings.len()
            && found.iter().zip(case.findings).all(|((subject, sentence), (about, words))| subject == about && sentence.contains(words));
        (!is_wanted).then(|| format!("{}\n  found    {found:#?}\n  expected {:#?}", case.what, case.findings))
    };
    none(&cases().iter().filter_map(unlike).collect::<Vec<_>>());
}

#[test]
fn a_plan_that_was_carried_out_leaves_nothing_to_plan() {
    let unlike = |case: &Case| {
        let stage = case.stage();
        let first = plan(&stage.desired, &stage.world);
        let after = match carry_out(&stage.world, &first.changes) {
            Ok(after) => after,
            Err(refusal) => return Some(format!("{}\n  {refusal}", case.what)),
        };
        let second = steps(&plan(&stage.desired, &after), &stage);
        (!second.is_empty()).then(|| format!("{}\n  planned again {second:#?}", case.what))
    };
    none(&cases().iter().filter_map(unlike).collect::<Vec<_>>());
}

#[test]
fn a_control_holds_only_where_nothing_of_its_chain_is_broken() {
    let unlike = |case: &Case| {
        let stage = case.stage();
        let plan = plan(&stage.desired, &stage.world);
        let breaks_the_chain = plan.changes.iter().any(|change| match change {
            Change::PutMetricFilter { filter, was, .. } => filter.name == KEYS && was.is_none(),
            Change::PutMetricAlarm { alarm, .. } => alarm.name == KEYS,
            Change::CreateTrail { .. }
            | Change::StartLogging { .. }
            | Change::PutEventSelectors { .. }
            | Change::UpdateTrail { .. }
            | Change::CreateTopic { .. }
            | Change::SetTopicPolicy { .. }
            | Change::RemoveTopicKey { .. } => true,
            Change::CreateLogGroup { .. }
            | Change::PutRetentionPolicy { .. }
            | Change::Subscribe { .. }
            | Change::PutRule { .. }
            | Change::EnableRule { .. }
            | Change::PutTargets { .. } => false,
        });
        // The alarm of another control may be what is put right; the one for keys is the second of two.
        let holds = plan.controls.last().is_some_and(reprieve_core::monitoring::ControlStatus::holds);
        (breaks_the_chain && holds).then(|| format!("{}\n  holds: {:?}", case.what, plan.controls))
    };
    none(&cases().iter().filter_map(unlike).collect::<Vec<_>>());
}
