//! Whether a key may be touched: each doubt forbids, by itself.

use super::*;
use crate::id::{AccountId, Region};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER: &str = "arn:aws:kms:eu-central-1:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab";

fn key(text: &str) -> KeyArn {
    KeyArn::parse(text).unwrap()
}

fn alias() -> DrillAlias {
    DrillAlias::parse("alias/reprieve-drill").unwrap()
}

fn place() -> DrillPlace {
    DrillPlace { account: AccountId::parse("111122223333").unwrap(), region: Region::parse("eu-central-1").unwrap() }
}

fn tags() -> Tags {
    let tags = [("reprieve:drill", "true"), ("reprieve:managed-by", "aws-rehearse-incident"), ("team", "platform")];
    tags.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn evidence() -> Evidence {
    Evidence {
        key: key(KEY),
        inventory: Some(key(KEY)),
        description: Known::Is(KeyDescription::in_state(KeyState::Enabled)),
        portrait: Known::Is(KeyPortrait { spec: SPEC.to_owned(), usage: USAGE.to_owned(), multi_region: false }),
        tags: Known::Is(tags()),
        aliases: Known::Is(vec!["alias/reprieve-drill".to_owned()]),
        grants: Known::Is(0),
    }
}

fn tagged(name: &str, value: Option<&str>) -> Known<Tags> {
    let mut tags = tags();
    match value {
        Some(value) => tags.insert(name.to_owned(), value.to_owned()),
        None => tags.remove(name),
    };
    Known::Is(tags)
}

fn kind(spec: &str, usage: &str, multi_region: bool) -> Known<KeyPortrait> {
    Known::Is(KeyPortrait { spec: spec.to_owned(), usage: usage.to_owned(), multi_region })
}

fn described(change: impl FnOnce(&mut KeyDescription)) -> Known<KeyDescription> {
    let mut description = KeyDescription::in_state(KeyState::Enabled);
    change(&mut description);
    Known::Is(description)
}

fn unreadable<T>() -> Known<T> {
    Known::Unreadable("access denied".to_owned())
}

#[test]
fn the_drills_own_key_may_be_touched_with_the_longest_waiting_period() {
    let cleared = may_touch(evidence(), &alias(), &place()).unwrap();
    assert_eq!((cleared.key().as_str(), cleared.waiting_days()), (KEY, 30));
}

#[test]
fn each_doubt_forbids_by_itself() {
    let usual = evidence;
    let elsewhere = key("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let foreign = key("arn:aws:kms:eu-central-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let multi_region = key("arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab");
    let aliases = |names: &[&str]| Known::Is(names.iter().map(|name| (*name).to_owned()).collect());
    let table: Vec<(Evidence, &str)> = vec![
        (Evidence { inventory: None, ..usual() }, "knows of no key that it made"),
        (Evidence { inventory: Some(key(OTHER)), ..usual() }, "somebody moved the alias"),
        (Evidence { key: key(OTHER), ..usual() }, "somebody moved the alias"),
        (
            Evidence { key: elsewhere.clone(), inventory: Some(elsewhere), ..usual() },
            "is not a key of account 111122223333 in eu-central-1",
        ),
        (Evidence { key: foreign.clone(), inventory: Some(foreign), ..usual() }, "is not a key of account"),
        (Evidence { key: multi_region.clone(), inventory: Some(multi_region), ..usual() }, "a multi-Region key"),
        (Evidence { tags: tagged("reprieve:drill", None), ..usual() }, "the tag `reprieve:drill` is missing, not `true`"),
        (Evidence { tags: tagged("reprieve:drill", Some("True")), ..usual() }, "the tag `reprieve:drill` is `True`"),
        (Evidence { tags: tagged("reprieve:managed-by", None), ..usual() }, "the tag `reprieve:managed-by` is missing"),
        (Evidence { tags: tagged("reprieve:managed-by", Some("aws-provision-monitoring")), ..usual() }, "is `aws-provision-monitoring`"),
        (Evidence { tags: tagged("reprieve:change", Some("CHG-1")), ..usual() }, "let the deletion stand"),
        (Evidence { tags: tagged("reprieve:incident-hold", Some("INC-1")), ..usual() }, "let the deletion stand"),
        (Evidence { tags: unreadable(), ..usual() }, "its tags could not be read"),
        (Evidence { tags: Known::Absent, ..usual() }, "its tags could not be read"),
        (Evidence { aliases: aliases(&[]), ..usual() }, "is not listed among its aliases"),
        (Evidence { aliases: aliases(&["alias/reprieve-drill", "alias/payments"]), ..usual() }, "another alias points to it too"),
        (Evidence { aliases: unreadable(), ..usual() }, "its aliases could not be read"),
        (Evidence { grants: Known::Is(2), ..usual() }, "it has 2 grant(s)"),
        (Evidence { grants: unreadable(), ..usual() }, "its grants could not be read"),
        (Evidence { portrait: kind("RSA_2048", USAGE, false), ..usual() }, "of the spec `RSA_2048`"),
        (Evidence { portrait: kind(SPEC, "SIGN_VERIFY", false), ..usual() }, "for the usage `SIGN_VERIFY`"),
        (Evidence { portrait: kind(SPEC, USAGE, true), ..usual() }, "a multi-Region key"),
        (Evidence { portrait: unreadable(), ..usual() }, "its kind could not be read"),
        (Evidence { description: described(|key| key.aws_managed = true), ..usual() }, "managed by AWS"),
        (Evidence { description: described(|key| key.imported_material = true), ..usual() }, "imported material"),
        (Evidence { description: described(|key| key.key_store = Some("cks-1".to_owned())), ..usual() }, "in a custom key store"),
        (Evidence { description: described(|key| key.state = KeyState::Disabled), ..usual() }, "its state is Disabled"),
        (Evidence { description: described(|key| key.state = KeyState::PendingDeletion), ..usual() }, "its state is PendingDeletion"),
        (Evidence { description: described(|key| key.deletion_date = Some(jiff::Timestamp::MAX)), ..usual() }, "its state is Enabled"),
        (Evidence { description: unreadable(), ..usual() }, "its state could not be read"),
    ];
    for (evidence, words) in table {
        let doubts = may_touch(evidence, &alias(), &place()).unwrap_err();
        assert_eq!(doubts.len(), 1, "{words}: {doubts:?}");
        assert!(doubts[0].to_string().contains(words), "{words}: {}", doubts[0]);
    }
}

#[test]
fn all_doubts_are_told_at_once() {
    let evidence = Evidence { inventory: None, tags: Known::Is(Tags::new()), grants: Known::Is(1), ..evidence() };
    assert_eq!(may_touch(evidence, &alias(), &place()).unwrap_err().len(), 4);
}
