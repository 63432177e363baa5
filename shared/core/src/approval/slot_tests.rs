//! Where an approval goes on a key, given the tags that are there.

use super::*;
use crate::azure::ResourceId;
use crate::id::KeyArn;

/// A signature of the right form; what it signs is another matter.
const SIGNATURE: &str = "uEbne1f6I281gWnfr5yVvmXYkUqFTZPMBy18b6tINKJRlDLTCzzo_fmJ8u_6e81v-IIH_kMuqooecuB2WWaaHA";
const PUBLIC_KEY: &str =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDJAdQjyDHKheJ8c8JjuhMnIbudeoTE8DgLKmdW/WATMciHAjTeyHhQTBdBRPpLFLZqZRaRYG2Bc+Vb0344FWng==";
const WINDOW: &str = "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z";

fn resource() -> KeyArn {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd").unwrap()
}

fn approval(change: &str, approver: &str, seal_key: &str) -> SealedApproval {
    SealedApproval {
        change: change.to_owned(),
        action: "delete".to_owned(),
        window: WINDOW.to_owned(),
        approver: approver.to_owned(),
        seal: format!("v1.{seal_key}.{SIGNATURE}"),
    }
}

fn tags(first: &SealedApproval, second: Option<&SealedApproval>) -> Tags {
    let plan = |slot| TagPlan { slot, window: WINDOW.to_owned(), beside: None, stale: Vec::new(), replaces: None };
    let mut pairs = plan(TagSlot::Approver).tags(first);
    pairs.extend(second.into_iter().flat_map(|second| plan(TagSlot::CoApprover).tags(second)));
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn plan(tags: &Tags, approval: &SealedApproval) -> TagPlan {
    let seal_key = seal_key_of(approval).unwrap();
    TagPlan::of(tags, approval, seal_key, &resource(), &ApprovalKeys::default())
}

#[test]
fn the_second_approver_of_a_change_stands_beside_the_first() {
    let carol = approval("CHG-1", "carol", "risk");
    for (what, second, slot) in [
        ("another person and key", approval("CHG-1", "dave", "security"), TagSlot::CoApprover),
        ("the same person", approval("CHG-1", "Carol", "security"), TagSlot::Approver),
        ("the same key", approval("CHG-1", "dave", "risk"), TagSlot::Approver),
        ("another change", approval("CHG-2", "dave", "security"), TagSlot::Approver),
        ("another action", SealedApproval { action: "disable".to_owned(), ..approval("CHG-1", "dave", "security") }, TagSlot::Approver),
        (
            "another window",
            SealedApproval { window: WINDOW.replace("23:00", "22:00"), ..approval("CHG-1", "dave", "security") },
            TagSlot::Approver,
        ),
    ] {
        assert_eq!(plan(&tags(&carol, None), &second).slot, slot, "{what}");
    }
}

#[test]
fn who_may_be_the_first_approver_under_a_name_of_another_kind_is_no_second_one() {
    let vault = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
    let vault = ResourceId::parse(vault).unwrap();
    for (first, second, slot) in [
        ("carol@example.com", "dave@example.com", TagSlot::CoApprover),
        ("object:c1", "object:d1", TagSlot::CoApprover),
        ("carol@example.com", "object:d1", TagSlot::Approver),
        ("object:c1", "dave@example.com", TagSlot::Approver),
    ] {
        let tags = tags(&approval("CHG-1", first, "risk"), None);
        let plan = TagPlan::of(&tags, &approval("CHG-1", second, "security"), "security", &vault, &ApprovalKeys::default());
        assert_eq!(plan.slot, slot, "{first}, {second}");
    }
}

#[test]
fn the_second_approval_takes_the_window_as_the_first_wrote_it() {
    let first =
        SealedApproval { window: "2026-12-01T22:00:00+01:00/2026-12-02T00:00:00+01:00".to_owned(), ..approval("CHG-1", "carol", "risk") };
    let plan = plan(&tags(&first, None), &approval("CHG-1", "dave", "security"));
    assert_eq!((plan.slot, plan.window), (TagSlot::CoApprover, first.window));
}

#[test]
fn nobody_stands_beside_an_approval_that_is_known_to_be_broken() {
    let keys = ApprovalKeys::parse(&format!("risk={PUBLIC_KEY}")).unwrap();
    let dave = approval("CHG-1", "dave", "security");
    let plan = TagPlan::of(&tags(&approval("CHG-1", "carol", "risk"), None), &dave, "security", &resource(), &keys);
    assert_eq!(plan.slot, TagSlot::Approver);
}

#[test]
fn the_second_approval_goes_with_the_change_that_it_was_for() {
    let both = tags(&approval("CHG-1", "carol", "risk"), Some(&approval("CHG-1", "dave", "security")));
    let other = plan(&both, &approval("CHG-2", "carol", "risk"));
    assert_eq!(other.stale, [CO_APPROVER_TAG, CO_SEAL_TAG]);
    assert_eq!(other.replaces.map(|replaced| replaced.change), Some("CHG-1".to_owned()));
    let renewed = plan(&both, &approval("CHG-1", "carol", "risk"));
    assert_eq!((renewed.slot, renewed.stale), (TagSlot::Approver, Vec::new()), "renewing one's own leaves the other's alone");
}

#[test]
fn an_approval_on_a_bare_key_is_five_tags() {
    let carol = approval("CHG-1", "carol", "risk");
    let plan = plan(&Tags::new(), &carol);
    assert_eq!(
        plan.tags(&carol).into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG]
    );
    assert_eq!((plan.stale, plan.replaces), (Vec::new(), None));
}
