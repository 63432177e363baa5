//! What audits say of filters that people deploy, good and dead ones, and what the probes are that they are tried on.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::collections::BTreeSet;

use reprieve_core::filter::{Caller, Effect, FilterPattern, Outcome, Probe, audit, probes, probes_at};
use reprieve_core::{AccountId, Partition, Place, Region};
use serde::Deserialize;
use serde_json::Value;

/// Control 7 of the CIS AWS Foundations Benchmark.
const CANONICAL: &str = "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }";

/// What a candidate misses of a canonical pattern, and what it fires on besides. Numbers are places in the events, counted from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Coverage {
    /// Events that the canonical pattern matches, and the candidate does not.
    missing: Vec<usize>,
    /// Events that the candidate matches, and the canonical pattern does not.
    extra: Vec<usize>,
    /// How many events both match.
    shared: usize,
}

impl Coverage {
    /// Returns whether the candidate matches all that the canonical pattern matches, and that is anything at all.
    fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.shared > 0
    }

    /// Returns whether the two match the same events, and those are any at all.
    fn is_exact(&self) -> bool {
        self.is_complete() && self.extra.is_empty()
    }
}

/// Compares what two patterns match of these events, such as those of [`probes`].
///
/// It proves nothing about events that are not among them.
fn covers<'a>(candidate: &FilterPattern, canonical: &FilterPattern, events: impl IntoIterator<Item = &'a Value>) -> Coverage {
    let mut coverage = Coverage::default();
    for (index, event) in events.into_iter().enumerate() {
        match (canonical.matches(event), candidate.matches(event)) {
            (true, true) => coverage.shared += 1,
            (true, false) => coverage.missing.push(index),
            (false, true) => coverage.extra.push(index),
            (false, false) => {}
        }
    }
    coverage
}

#[derive(Debug, Deserialize)]
struct Adversarial {
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are what the table expects")]
struct Row {
    name: String,
    pattern: String,
    #[serde(rename = "DisableKey")]
    disable_key: bool,
    #[serde(rename = "ScheduleKeyDeletion")]
    schedule_key_deletion: bool,
    covers: bool,
    exact: bool,
    why: String,
}

fn pattern(text: &str) -> FilterPattern {
    FilterPattern::parse(text).unwrap_or_else(|error| unreachable!("`{text}`: {error}"))
}

fn rows() -> Vec<Row> {
    serde_json::from_str::<Adversarial>(include_str!("../../../tests/fixtures/filters/adversarial.json")).unwrap().rows
}

fn names(effect: impl Fn(Effect) -> bool) -> BTreeSet<&'static str> {
    probes().iter().filter(|probe| effect(probe.effect)).map(|probe| probe.name.as_str()).collect()
}

// --- Adversarial filters ---------------------------------------------------------------------------------------------

#[test]
fn each_filter_is_judged_by_what_it_matches() {
    for row in rows() {
        let audit = audit(&pattern(&row.pattern), &Place::documentation());
        let caught = (audit.catches("DisableKey"), audit.catches("ScheduleKeyDeletion"));
        assert_eq!(caught, (row.disable_key, row.schedule_key_deletion), "{}: {}", row.name, audit.why);
        assert!(audit.why.contains(&row.why), "{}: {}", row.name, audit.why);
    }
}

#[test]
fn each_filter_is_compared_with_the_benchmarks_own() {
    let canonical = pattern(CANONICAL);
    for row in rows() {
        let coverage = covers(&pattern(&row.pattern), &canonical, probes().iter().map(|probe| &probe.event));
        assert_eq!((coverage.is_complete(), coverage.is_exact()), (row.covers, row.exact), "{}: {coverage:?}", row.name);
    }
}

#[test]
fn every_miss_has_a_reason_and_every_event_is_caught_or_missed() {
    for row in rows() {
        let audit = audit(&pattern(&row.pattern), &Place::documentation());
        let missed: BTreeSet<&str> = audit.misses.iter().map(|miss| miss.event.as_str()).collect();
        let not_caught: BTreeSet<&str> = audit.catches.iter().filter(|(_, caught)| !**caught).map(|(name, _)| name.as_str()).collect();
        assert_eq!(missed, not_caught, "{}", row.name);
        assert!(audit.misses.iter().all(|miss| !miss.why.is_empty()), "{}: {:?}", row.name, audit.misses);
    }
}

#[test]
fn what_a_filter_does_not_name_is_said_so() {
    let audit = audit(&pattern(CANONICAL), &Place::documentation());
    let stop = audit.misses.iter().find(|miss| miss.event == "StopLogging").unwrap();
    assert_eq!(stop.why, "not named by the filter");
    assert!(audit.other_accounts && audit.also_catches.is_empty(), "{audit:?}");
}

#[test]
fn a_name_that_several_services_use_is_told_apart() {
    let loose = audit(&pattern("{ $.eventName = DeleteRule }"), &Place::documentation());
    assert!(loose.catches("DeleteRule"));
    assert_eq!(loose.also_catches, ["DeleteRule (elasticloadbalancing.amazonaws.com)"]);
    let strict = audit(&pattern("{ $.eventSource = events.amazonaws.com && $.eventName = DeleteRule }"), &Place::documentation());
    assert!(strict.catches("DeleteRule") && strict.also_catches.is_empty(), "{strict:?}");
}

#[test]
fn a_filter_on_one_account_is_judged_at_that_account() {
    let own = "{ ($.recipientAccountId = 999988887777) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }";
    let (account, region, partition) = (AccountId::parse("999988887777"), Region::parse("us-gov-west-1"), Partition::parse("aws-us-gov"));
    let place = Place { account: account.unwrap(), region: region.unwrap(), partition: partition.unwrap() };
    let there = audit(&pattern(own), &place);
    assert!(there.catches_key_events() && !there.other_accounts, "{}", there.why);
}

#[test]
fn an_audit_is_printed_with_the_keys_that_scripts_read() {
    let json = serde_json::to_value(audit(&pattern(CANONICAL), &Place::documentation())).unwrap();
    let catches = json.get("catches").and_then(Value::as_object).unwrap();
    assert_eq!(catches.get("DisableKey"), Some(&Value::Bool(true)));
    assert!(json.get("misses").is_some_and(Value::is_array) && json.get("why").is_some_and(Value::is_string), "{json}");
}

// --- Probes ----------------------------------------------------------------------------------------------------------

#[test]
fn the_probes_hold_every_way_to_lose_a_key_or_the_sight_of_it() {
    let unusable = "ScheduleKeyDeletion DisableKey DeleteImportedKeyMaterial DeleteExpiredKeyMaterial DisconnectCustomKeyStore \
        DeleteCustomKeyStore PutKeyPolicy RevokeGrant RetireGrant DisableKeyRotation UpdateAlias DeleteAlias UntagResource DeleteKey \
        DisableRegion ImportKeyMaterial";
    let blind = "StopLogging DeleteTrail UpdateTrail PutEventSelectors DeleteMetricFilter PutMetricFilter DeleteAlarms DisableAlarmActions \
        SetAlarmState PutMetricAlarm Unsubscribe DeleteTopic SetTopicAttributes DeleteLogGroup DeleteLogStream PutRetentionPolicy \
        DisableRule DeleteRule RemoveTargets PutRule";
    assert_eq!(names(|effect| effect == Effect::MakesKeyUnusable), unusable.split_whitespace().collect());
    assert_eq!(names(|effect| effect == Effect::BlindsMonitoring), blind.split_whitespace().collect());
}

#[test]
fn harmful_calls_are_tried_by_every_caller_with_every_outcome() {
    let ways: BTreeSet<(Caller, Outcome)> = probes()
        .iter()
        .filter(|probe| probe.name == "DisableKey" && !probe.of_other_account)
        .map(|probe| (probe.caller, probe.outcome))
        .collect();
    assert_eq!(ways.len(), Caller::ALL.len() * Outcome::ALL.len());
    assert!(probes().iter().any(|probe| probe.name == "DisableKey" && probe.of_other_account));
}

#[test]
fn a_probe_is_a_record_of_its_place() {
    let (account, region, partition) = (AccountId::parse("123456789012"), Region::parse("cn-north-1"), Partition::parse("aws-cn"));
    let place = Place { account: account.unwrap(), region: region.unwrap(), partition: partition.unwrap() };
    for Probe { name, source, outcome, of_other_account, event, .. } in probes_at(&place) {
        let text = event.to_string();
        assert!(!text.contains("{account}") && !text.contains("{region}") && !text.contains("{partition}"), "{text}");
        assert!(!text.contains("arn:aws:"), "{text}");
        let of = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        assert_eq!((of("/eventName"), of("/eventSource")), (Some(name.clone()), Some(source)), "{text}");
        assert_eq!(of("/recipientAccountId").as_deref() == Some("123456789012"), !of_other_account, "{text}");
        let is_refused = event.get("errorCode").is_some() || event.get("errorMessage").is_some();
        assert_eq!(is_refused, outcome != Outcome::Succeeded, "{name}: {text}");
    }
}

/// The controls of the benchmark that name events: the service, and the names.
const CONTROLS: [(u8, &str, &str); 11] = [
    (
        4,
        "iam",
        "DeleteGroupPolicy DeleteRolePolicy DeleteUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy CreatePolicy \
         DeletePolicy CreatePolicyVersion DeletePolicyVersion AttachRolePolicy DetachRolePolicy AttachUserPolicy \
         DetachUserPolicy AttachGroupPolicy DetachGroupPolicy",
    ),
    (5, "cloudtrail", "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging"),
    (7, "kms", "DisableKey ScheduleKeyDeletion"),
    (
        8,
        "s3",
        "PutBucketAcl PutBucketPolicy PutBucketCors PutBucketLifecycle PutBucketReplication DeleteBucketPolicy \
         DeleteBucketCors DeleteBucketLifecycle DeleteBucketReplication",
    ),
    (9, "config", "StopConfigurationRecorder DeleteDeliveryChannel PutDeliveryChannel PutConfigurationRecorder"),
    (
        10,
        "ec2",
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress \
         RevokeSecurityGroupEgress CreateSecurityGroup DeleteSecurityGroup",
    ),
    (
        11,
        "ec2",
        "CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclEntry \
         ReplaceNetworkAclAssociation",
    ),
    (
        12,
        "ec2",
        "CreateCustomerGateway DeleteCustomerGateway AttachInternetGateway CreateInternetGateway DeleteInternetGateway \
         DetachInternetGateway",
    ),
    (
        13,
        "ec2",
        "CreateRoute CreateRouteTable ReplaceRoute ReplaceRouteTableAssociation DeleteRouteTable DeleteRoute \
         DisassociateRouteTable",
    ),
    (
        14,
        "ec2",
        "CreateVpc DeleteVpc ModifyVpcAttribute AcceptVpcPeeringConnection CreateVpcPeeringConnection \
         DeleteVpcPeeringConnection RejectVpcPeeringConnection AttachClassicLinkVpc DetachClassicLinkVpc \
         DisableVpcClassicLink EnableVpcClassicLink",
    ),
    (
        15,
        "organizations",
        "AcceptHandshake AttachPolicy CreateAccount CreateOrganizationalUnit CreatePolicy DeclineHandshake \
         DeleteOrganization DeleteOrganizationalUnit DeletePolicy DetachPolicy DisablePolicyType EnablePolicyType \
         InviteAccountToOrganization LeaveOrganization MoveAccount RemoveAccountFromOrganization UpdatePolicy \
         UpdateOrganizationalUnit",
    ),
];

/// The controls on signing in.
const SIGN_IN: [(u8, &str); 2] = [
    (
        2,
        "{ ($.eventName = ConsoleLogin) && ($.additionalEventData.MFAUsed != \"Yes\") && ($.userIdentity.type = \"IAMUser\") && \
         ($.responseElements.ConsoleLogin = \"Success\") }",
    ),
    (6, "{($.eventName=ConsoleLogin) && ($.errorMessage=\"Failed authentication\")}"),
];

fn of_names(source: &str, names: &str) -> String {
    let names: Vec<String> = names.split_whitespace().map(|name| format!("($.eventName={name})")).collect();
    format!("{{($.eventSource={source}.amazonaws.com) && ({})}}", names.join("||"))
}

#[test]
fn the_probes_tell_the_controls_of_the_benchmark_apart() {
    let by_name = CONTROLS.into_iter().map(|(control, source, names)| (control, of_names(source, names)));
    let by_sign_in = SIGN_IN.into_iter().map(|(control, text)| (control, text.to_owned()));
    for (control, text) in by_name.chain(by_sign_in) {
        let filter = pattern(&text);
        for probe in probes() {
            assert_eq!(filter.matches(&probe.event), probe.controls.contains(&control), "control {control}: {}", probe.event);
        }
        assert!(probes().iter().any(|probe| filter.matches(&probe.event)), "control {control}");
    }
}

#[test]
fn root_and_refused_calls_are_among_the_probes() {
    let root = pattern("{ $.userIdentity.type = \"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != \"AwsServiceEvent\" }");
    let refused = pattern("{ ($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\") }");
    let by_root: Vec<&Probe> = probes().iter().filter(|probe| root.matches(&probe.event)).collect();
    assert!(by_root.len() > 20 && by_root.iter().all(|probe| probe.caller == Caller::Root));
    let unauthorized = probes().iter().filter(|probe| refused.matches(&probe.event));
    assert!(unauthorized.clone().count() > 100 && unauthorized.clone().all(|probe| probe.outcome != Outcome::Succeeded));
}
