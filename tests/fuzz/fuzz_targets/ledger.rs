//! Reads whatever lies in a ledger or is given as facts, and decides by it: nothing ends the process, what is read is written as it was
//! read, no plan holds more than was announced or touches another key, and without a sealed approval no key is left to be deleted.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reprieve_core::approval::{ApprovalRules, Revocation, SealedApproval};
use reprieve_core::azure::Subject;
use reprieve_core::{
    Case, Decision, Domain, Event, Inventory, KeyArn, KeyFacts, KeyState, Known, Plan, Policy, Posture, Recollection, Region, Situation,
    Threat, Triage, decide, triage,
};
use reprieve_wire::parse_record;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

static KEY: LazyLock<KeyArn> = LazyLock::new(|| {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab").expect("the constant is a key's ARN")
});
static POLICY: LazyLock<Policy> = LazyLock::new(Policy::shipped);
static RULES: LazyLock<ApprovalRules> = LazyLock::new(ApprovalRules::default);
static DOMAIN: LazyLock<Domain> = LazyLock::new(|| Domain {
    account: Some(KEY.account()),
    region: Some(Region::parse("eu-central-1").expect("a Region")),
    remediator: None,
});

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    is_what_it_was::<Case>(&value);
    is_what_it_was::<Inventory>(&value);
    is_what_it_was::<Recollection>(&value);
    is_what_it_was::<SealedApproval>(&value);
    is_what_it_was::<Revocation>(&value);
    is_what_it_was::<Plan>(&value);
    is_what_it_was::<Posture>(&value);
    is_what_it_was::<Decision>(&value);
    is_what_it_was::<Subject>(&value);
    let facts = value.get("facts").unwrap_or(&value);
    is_what_it_was::<KeyFacts>(facts);
    let Ok(facts) = serde_json::from_value::<KeyFacts>(facts.clone()) else { return };
    let written = value.get("event").and_then(|event| parse_record(event).ok());
    for call in ["ScheduleKeyDeletion", "DisableKey", "DisableKeyRotation", "PutKeyPolicy"] {
        decided(&event(call), &facts);
    }
    if let Some(event) = written {
        decided(&event, &facts);
    }
});

fn is_what_it_was<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(value: &Value) {
    let Ok(read) = serde_json::from_value::<T>(value.clone()) else { return };
    let text = serde_json::to_string(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<T>(&text).expect("what was written can be read"), read, "{text}");
}

fn event(call: &str) -> Event {
    let record = json!({
        "eventName": call, "eventSource": "kms.amazonaws.com", "eventID": "10000000-0000-4000-8000-000000000001",
        "eventTime": "2026-11-20T10:00:00Z", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory", "userName": "mallory"},
        "requestParameters": {"keyId": KEY.as_str(), "pendingWindowInDays": 7},
    });
    parse_record(&record).expect("the constant is a record")
}

fn decided(event: &Event, facts: &KeyFacts) {
    for now in ["2026-11-20T10:00:01Z", "2030-01-01T00:00:00Z"] {
        let now = now.parse().expect("the constant is a time");
        let situation = Situation { facts, policy: &POLICY, rules: &RULES, domain: &DOMAIN, now };
        let decision = decide(event, &situation);
        assert_eq!(decide(event, &situation), decision);
        let Triage::Examine { key, threat, considering } = triage(event, &DOMAIN) else { continue };
        if let Some(plan) = decision.plan() {
            assert!(plan.is_within(&considering), "{plan:?} was not announced: {considering:?}");
            assert!(plan.steps.iter().all(|step| step.target() == key.as_str()), "{plan:?} is about another key");
        }
        // No approval key is configured, and nobody is an approver: nothing is an approval, whatever the ledger and the tags say.
        let waits = matches!(&facts.description, Known::Is(description) if description.state == KeyState::PendingDeletion && !description.aws_managed);
        if waits && threat == Threat::DeletionScheduled {
            assert!(!matches!(decision, Decision::Stand { .. }), "FORGED: {decision:?} by {facts:?}");
        }
    }
}
