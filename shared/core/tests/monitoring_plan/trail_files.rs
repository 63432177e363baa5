//! Where a trail writes its files, and by what they are encrypted, each broken in one way.

use reprieve_core::Known;
use reprieve_core::monitoring::plan;
use reprieve_core::monitoring::world::{Topic, Trail};

use super::apply::apply_unless;
use super::say::say;
use super::stage::{Stage, healthy, open_policy, our_topic};
use super::{Case, steps};

const BUCKET: &str = "corp-trail-archive";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/trail";
const OTHER_KEY: &str = "arn:aws:kms:eu-central-1:999988887777:key/somebody-elses";
const OTHER_TOPIC: &str = "arn:aws:sns:eu-central-1:999988887777:reprieve";

/// Says whether CloudTrail refuses an update that leaves a trail so.
type Refuses = fn(&Trail) -> bool;

/// Asks for a prefix and a key, which the trail has.
fn with_prefix_and_key(stage: &mut Stage) {
    (stage.desired.trail.prefix, stage.desired.trail.key_arn) = (Some("corp".to_owned()), Some(KEY.to_owned()));
    (stage.trail().prefix, stage.trail().key_arn) = (Some("corp".to_owned()), Some(KEY.to_owned()));
}

/// Leads the trail to somebody else's bucket and key.
fn lead_away(stage: &mut Stage) {
    with_prefix_and_key(stage);
    "somebody-elses".clone_into(&mut stage.trail().bucket);
    stage.trail().key_arn = Some(OTHER_KEY.to_owned());
}

/// Makes every planned change, and says which were refused.
fn refused(stage: &mut Stage, refuses: Refuses) -> Vec<String> {
    let mut failed = Vec::new();
    for change in plan(&stage.desired, &stage.world).changes {
        if apply_unless(refuses, &mut stage.world, &change).is_err() {
            failed.push(say(&change, &stage.desired));
        }
    }
    failed
}

#[test]
fn a_trail_is_led_back_though_the_bucket_and_the_key_it_was_led_to_refuse_every_update() {
    let mut stage = healthy();
    lead_away(&mut stage);
    let is_foreign: Refuses = |trail| trail.bucket != BUCKET || trail.key_arn.as_deref() != Some(KEY);
    assert_eq!(refused(&mut stage, is_foreign), Vec::<String>::new());
    assert_eq!(steps(&plan(&stage.desired, &stage.world), &stage), Vec::<String>::new());
}

#[test]
fn neither_a_key_nor_a_bucket_of_ours_that_refuses_keeps_the_other_from_being_led_back() {
    let both = "UpdateTrail reprieve to corp-trail-archive by key/trail";
    let rows: [(Refuses, &str, &str, &str); 2] = [
        (|trail| trail.key_arn.as_deref() == Some(KEY), "UpdateTrail reprieve by key/trail", BUCKET, OTHER_KEY),
        (|trail| trail.bucket == BUCKET, "UpdateTrail reprieve to corp-trail-archive", "somebody-elses", KEY),
    ];
    for (refuses, alone, bucket, key) in rows {
        let mut stage = healthy();
        lead_away(&mut stage);
        assert_eq!(refused(&mut stage, refuses), [both, alone]);
        assert_eq!((stage.trail().bucket.clone(), stage.trail().key_arn.clone()), (bucket.to_owned(), Some(key.to_owned())));
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = places();
    cases.extend(keys());
    cases
}

fn places() -> Vec<Case> {
    vec![
        Case::of(
            "the trail writes to another bucket",
            |stage| "somebody-elses".clone_into(&mut stage.trail().bucket),
            &["UpdateTrail reprieve to corp-trail-archive"],
            &[],
        ),
        Case::of(
            "the trail writes to another bucket and records one Region, which its bucket could not keep from being mended",
            |stage| {
                "somebody-elses".clone_into(&mut stage.trail().bucket);
                stage.trail().is_multi_region = false;
            },
            &["UpdateTrail reprieve multi-region", "UpdateTrail reprieve to corp-trail-archive"],
            &[],
        ),
        Case::of(
            "the trail writes to another bucket under a prefix, and none is configured",
            |stage| {
                "somebody-elses".clone_into(&mut stage.trail().bucket);
                stage.trail().prefix = Some("hidden".to_owned());
                stage.desired.trail.bucket = None;
            },
            &[],
            &[],
        ),
        Case::of(
            "the trail writes under a prefix where none is asked for",
            |stage| stage.trail().prefix = Some("hidden".to_owned()),
            &["UpdateTrail reprieve under ``"],
            &[],
        ),
        Case::of(
            "the trail writes under another prefix",
            |stage| {
                with_prefix_and_key(stage);
                stage.trail().prefix = Some("hidden".to_owned());
            },
            &["UpdateTrail reprieve under `corp`"],
            &[],
        ),
        Case::of(
            "the trail lost its prefix",
            |stage| {
                with_prefix_and_key(stage);
                stage.trail().prefix = None;
            },
            &["UpdateTrail reprieve under `corp`"],
            &[],
        ),
        Case::of(
            "the trail writes to another bucket under another prefix, of which the policy of its bucket knows nothing",
            |stage| {
                "somebody-elses".clone_into(&mut stage.trail().bucket);
                stage.trail().prefix = Some("hidden".to_owned());
            },
            &["UpdateTrail reprieve to corp-trail-archive under ``"],
            &[],
        ),
        Case::of(
            "the trail's bucket refuses its files",
            |stage| stage.trail().file_delivery_error = Some("AccessDenied".to_owned()),
            &[],
            &[("trail `reprieve`", "could not deliver to the bucket `corp-trail-archive` last: AccessDenied")],
        ),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        Case::of("the trail has the prefix and the key that are asked for", with_prefix_and_key, &[], &[]),
        Case::of(
            "the key was taken off the trail",
            |stage| {
                with_prefix_and_key(stage);
                stage.trail().key_arn = None;
            },
            &["UpdateTrail reprieve by key/trail"],
            &[],
        ),
        Case::of(
            "the trail encrypts with somebody else's key, which refuses its files",
            |stage| {
                with_prefix_and_key(stage);
                stage.trail().key_arn = Some(OTHER_KEY.to_owned());
                stage.trail().file_delivery_error = Some("KMS.AccessDeniedException".to_owned());
            },
            &["UpdateTrail reprieve by key/trail"],
            &[],
        ),
        Case::of(
            "the trail encrypts with a key of its account, and none is configured",
            |stage| stage.trail().key_arn = Some(KEY.to_owned()),
            &[],
            &[],
        ),
        Case::of(
            "the trail encrypts with a key of another account, and none is configured that it could be led back to",
            |stage| stage.trail().key_arn = Some(OTHER_KEY.to_owned()),
            &[],
            &[("trail `reprieve`", "encrypts its files with the key `arn:aws:kms:eu-central-1:999988887777:key/somebody-elses`")],
        ),
        Case::of(
            "the trail is stopped and encrypts with a key of another account, which keeps nothing from being mended",
            |stage| {
                stage.trail().is_logging = Known::Is(false);
                stage.trail().key_arn = Some(OTHER_KEY.to_owned());
            },
            &["StartLogging reprieve"],
            &[("trail `reprieve`", "of another account, and no key was asked for")],
        ),
        Case::of(
            "the trail encrypts with a key of another account, and the configuration names that account",
            |stage| {
                OTHER_TOPIC.clone_into(&mut stage.desired.topic.arn);
                let topic = Topic { arn: OTHER_TOPIC.to_owned(), policy: open_policy(OTHER_TOPIC), ..our_topic() };
                stage.world.topics.insert(OTHER_TOPIC.to_owned(), Known::Is(topic));
                stage.trail().key_arn = Some(OTHER_KEY.to_owned());
            },
            &[],
            &[],
        ),
        Case::of(
            "the trail encrypts with a key of another account, which is the one that is asked for",
            |stage| {
                stage.desired.trail.key_arn = Some(OTHER_KEY.to_owned());
                stage.trail().key_arn = Some(OTHER_KEY.to_owned());
            },
            &[],
            &[],
        ),
        Case::of(
            "the trail was led to another bucket and another key, of which neither keeps the other from being mended",
            lead_away,
            &[
                "UpdateTrail reprieve to corp-trail-archive by key/trail",
                "UpdateTrail reprieve by key/trail",
                "UpdateTrail reprieve to corp-trail-archive",
            ],
            &[],
        ),
        Case::of(
            "the trail with a prefix and a key was deleted",
            |stage| {
                with_prefix_and_key(stage);
                stage.world.trails = Known::Is(Vec::new());
            },
            &["CreateTrail reprieve to corp-trail-archive under `corp` by key/trail feeding /reprieve/cloudtrail", "StartLogging reprieve"],
            &[],
        ),
    ]
}
