//! How long log groups keep events: that of the configuration is lengthened, whoever's trail feeds it; people are told of any other.

use reprieve_core::Known;

use super::Case;
use super::stage::{Stage, our_group, their_trail};
use super::trails::{ALL_FILTERS_IN_CORP, replace};

/// Lets somebody else's trail satisfy, whose log group keeps events for 90 days.
fn adopt(stage: &mut Stage) {
    replace(stage, their_trail());
    if let Some(Known::Is(group)) = stage.world.log_groups.get_mut("corp-trail") {
        group.retention_days = Some(90);
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_ours();
    cases.extend(of_others());
    cases
}

fn of_ours() -> Vec<Case> {
    vec![
        Case::of(
            "events are kept for 30 days",
            |stage| stage.group().retention_days = Some(30),
            &["PutRetentionPolicy /reprieve/cloudtrail 365 was 30"],
            &[],
        ),
        Case::of("events are kept for ever", |stage| stage.group().retention_days = None, &[], &[]),
        Case::of("events are kept for ten years", |stage| stage.group().retention_days = Some(3653), &[], &[]),
        Case::of(
            "events are kept for a year where two are asked for",
            |stage| stage.desired.retention_days = 731,
            &["PutRetentionPolicy /reprieve/cloudtrail 731 was 365"],
            &[],
        ),
    ]
}

fn of_others() -> Vec<Case> {
    vec![
        Case::of(
            "somebody else's trail satisfies, and the log group that it feeds keeps events for 90 days",
            adopt,
            &ALL_FILTERS_IN_CORP,
            &[("log group `corp-trail`", "keeps events for 90 days instead of 365")],
        ),
        Case::of(
            "somebody else's trail was adopted, and the log group in which our filters stand keeps events for 90 days",
            |stage| {
                adopt(stage);
                let filters = our_group(&stage.desired).filters;
                if let Some(Known::Is(group)) = stage.world.log_groups.get_mut("corp-trail") {
                    group.filters = filters;
                }
            },
            &[],
            &[("log group `corp-trail`", "keeps events for 90 days instead of 365")],
        ),
        Case::of(
            "somebody else's trail is named in the configuration, and the log group that it feeds for 90 days is not",
            |stage| {
                adopt(stage);
                "corp".clone_into(&mut stage.desired.trail.name);
            },
            &ALL_FILTERS_IN_CORP,
            &[("log group `corp-trail`", "is not the one that is configured")],
        ),
        Case::of(
            "somebody else's log group that keeps events for 90 days is named in the configuration",
            |stage| {
                adopt(stage);
                "corp-trail".clone_into(&mut stage.desired.log_group);
            },
            &["PutRetentionPolicy corp-trail 365 was 90", ALL_FILTERS_IN_CORP[0], ALL_FILTERS_IN_CORP[1]],
            &[],
        ),
        Case::of(
            "our trail feeds the log group of an earlier configuration, which keeps events for 90 days",
            |stage| {
                stage.group().retention_days = Some(90);
                "/reprieve/elsewhere".clone_into(&mut stage.desired.log_group);
            },
            &[],
            &[("log group `/reprieve/cloudtrail`", "is not the one that is configured")],
        ),
    ]
}
