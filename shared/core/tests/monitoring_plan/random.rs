//! Worlds assembled out of broken parts at random: one round mends what can be mended, and nothing that is not ours is touched.

use proptest::prelude::*;
use reprieve_core::Known;
use reprieve_core::monitoring::world::World;
use reprieve_core::monitoring::{Change, FILTER_PREFIX, plan};

use super::stage::{Stage, healthy};
use super::trails::is_in_care;
use super::{Case, carry_out, cases, steps};

/// Breaks a healthy world in several ways, one after the other.
fn broken(ways: &[usize]) -> Stage {
    let cases: Vec<Case> = cases();
    let mut stage = healthy();
    for case in ways.iter().filter_map(|way| cases.get(way % cases.len())) {
        (case.breaks)(&mut stage);
    }
    stage
}

/// Says why a change touches what it must not. `None` where it is ours, or given into our care.
fn trespass(change: &Change, stage: &Stage) -> Option<String> {
    let World { alarms, log_groups, .. } = &stage.world;
    let is_allowed = match change {
        Change::CreateLogGroup { log_group } => !matches!(log_groups.get(log_group), Some(Known::Is(_) | Known::Unreadable(_))),
        // The group of the configuration, or one that the same plan makes.
        Change::PutRetentionPolicy { log_group, was_days, days } => {
            was_days.is_none_or(|was| was < *days && *log_group == stage.desired.log_group)
        }
        Change::CreateTrail { name, .. } => *name == stage.desired.trail.name,
        Change::UpdateTrail { trail, .. } | Change::PutEventSelectors { trail, .. } | Change::StartLogging { trail } => {
            is_in_care(stage, trail)
        }
        Change::CreateTopic { topic }
        | Change::SetTopicPolicy { topic, .. }
        | Change::RemoveTopicKey { topic, .. }
        | Change::Subscribe { topic, .. } => *topic == stage.desired.topic.arn,
        Change::PutMetricFilter { filter, .. } => filter.name.starts_with(FILTER_PREFIX),
        Change::PutMetricAlarm { alarm, .. } => match alarms {
            Known::Is(alarms) => alarms.iter().all(|known| known.name != alarm.name || known.is_ours),
            Known::Absent => true,
            Known::Unreadable(_) => false,
        },
        Change::PutRule { rule, .. } | Change::EnableRule { rule } | Change::PutTargets { rule, .. } => {
            stage.desired.rules.iter().any(|wish| wish.name == *rule)
        }
    };
    (!is_allowed).then(|| format!("{change}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_round_mends_whatever_can_be_mended(ways in prop::collection::vec(any::<usize>(), 1..7)) {
        let stage = broken(&ways);
        let first = plan(&stage.desired, &stage.world);
        let after = carry_out(&stage.world, &first.changes).map_err(|refusal| TestCaseError::fail(format!("refused: {refusal}")))?;
        let second = plan(&stage.desired, &after);
        prop_assert_eq!(steps(&second, &stage), Vec::<String>::new(), "after {:?}", steps(&first, &stage));
    }

    #[test]
    fn nothing_is_touched_that_is_not_ours(ways in prop::collection::vec(any::<usize>(), 1..7)) {
        let stage = broken(&ways);
        let plan = plan(&stage.desired, &stage.world);
        let trespasses: Vec<String> = plan.changes.iter().filter_map(|change| trespass(change, &stage)).collect();
        prop_assert_eq!(trespasses, Vec::<String>::new());
    }
}
