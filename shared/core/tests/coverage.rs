//! Coverage: a whole deployment is monitored, and each thing that is broken is one gap, with its reason and its fix.
#![expect(
    clippy::indexing_slicing,
    clippy::assigning_clones,
    reason = "what is broken is there, and a test that goes another way must stop"
)]

#[path = "coverage/whole.rs"]
mod whole;

use reprieve_core::coverage::{Gap, GapKind, Guard, IamAnswer, Observation, Report, assess};
use reprieve_core::monitoring::world::{Selectors, TopicKey};
use reprieve_core::{KeyState, Known};

use crate::whole::{FUNCTION, KEY, QUEUE, ROLE, TOPIC, description, key, monitoring, observation};

type Breakage = fn(&mut Observation);

fn of(broken: &Observation) -> Report {
    assess(std::slice::from_ref(broken))
}

fn key_gaps(report: &Report) -> Vec<Gap> {
    report.regions.iter().flat_map(|region| &region.keys).flat_map(|key| key.gaps.clone()).collect()
}

#[test]
fn a_whole_deployment_is_monitored() {
    let report = of(&observation());
    assert_eq!(key_gaps(&report), []);
    assert!(report.is_complete() && report.percentage == 100 && report.lockouts.is_empty(), "{report:?}");
}

fn breakages_of_the_guard() -> Vec<(&'static str, GapKind, Breakage)> {
    let actions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = || actions(&["kms:CancelKeyDeletion", "kms:EnableKey", "kms:DescribeKey", "kms:ListResourceTags", "kms:EnableKeyRotation"]);
    vec![
        ("nothing is deployed in the Region", GapKind::NoGuard, |it| {
            it.rules = Known::Is(Vec::new());
            it.queues.clear();
            it.functions.clear();
            it.permissions.clear();
        }),
        ("the rules were deleted", GapKind::NoRule, |it| it.rules = Known::Is(Vec::new())),
        ("the rule is disabled", GapKind::RuleDisabled("calls".to_owned()), |it| whole::rules(it)[0].is_enabled = false),
        ("the rule was narrowed", GapKind::RuleMissesEvents(actions(&["DisableKey", "PutKeyPolicy"])), |it| {
            if let Known::Is(names) = &mut whole::rules(it)[0].matches {
                names.retain(|name| name != "DisableKey" && name != "PutKeyPolicy");
            }
        }),
        ("the rule feeds something else", GapKind::RuleTargetsNothingOfOurs("calls".to_owned()), |it| {
            whole::rules(it)[0].targets = Known::Is(vec!["arn:aws:firehose:eu-central-1:111122223333:deliverystream/siem".to_owned()]);
        }),
        ("the rule feeds nothing", GapKind::RuleTargetsNothingOfOurs("calls".to_owned()), |it| {
            whole::rules(it)[0].targets = Known::Is(Vec::new());
        }),
        ("the mapping is disabled", GapKind::QueueNotRead(QUEUE.to_owned()), |it| whole::mappings(it)[0].is_enabled = false),
        ("the mapping was deleted", GapKind::QueueNotRead(QUEUE.to_owned()), |it| whole::mappings(it).clear()),
        ("the function was deleted", GapKind::FunctionMissing(FUNCTION.to_owned()), |it| {
            it.functions.insert(FUNCTION.to_owned(), Known::Absent);
        }),
        ("the function cannot run", GapKind::FunctionMissing(FUNCTION.to_owned()), |it| whole::function(it).state = "Failed".to_owned()),
        ("the guard observes", GapKind::ModeObserve(FUNCTION.to_owned()), |it| {
            whole::function(it).guard = Guard::Observes;
            whole::answer(it, "kms:CancelKeyDeletion", IamAnswer::NotAllowed);
        }),
        ("the key policy names nobody of the account", GapKind::KeyPolicyRefuses(all()), |it| {
            whole::first_key(it).policy = whole::policy(r#"{"AWS": "arn:aws:iam::444455556666:root"}"#, "kms:*");
        }),
        (
            "the key policy leaves actions out",
            GapKind::KeyPolicyRefuses(actions(&["kms:CancelKeyDeletion", "kms:ListResourceTags"])),
            |it| whole::first_key(it).policy = whole::policy(r#"{"AWS": "111122223333"}"#, r"kms:Enable*"),
        ),
        ("the key policy asks for what nobody knows", GapKind::KeyPolicyUnclear(all()), |it| {
            let condition = r#"{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#;
            whole::first_key(it).policy = whole::policy_if(r#"{"AWS": "111122223333"}"#, "kms:*", condition);
        }),
        ("the role lacks a permission", GapKind::IamRefuses(actions(&["kms:EnableKey"])), |it| {
            whole::answer(it, "kms:EnableKey", IamAnswer::NotAllowed);
        }),
        ("the role is denied", GapKind::IamDenies(actions(&["kms:EnableKey"])), |it| whole::answer(it, "kms:EnableKey", IamAnswer::Denied)),
        ("the boundary stops it", GapKind::PermissionsBoundary(actions(&["kms:DescribeKey"])), |it| {
            whole::answer(it, "kms:DescribeKey", IamAnswer::StoppedByBoundary);
        }),
        ("the organization stops it", GapKind::OrganizationPolicy(actions(&["kms:EnableKey"])), |it| {
            whole::answer(it, "kms:EnableKey", IamAnswer::StoppedByOrganization);
        }),
    ]
}

fn breakages_of_the_alarm() -> Vec<(&'static str, GapKind, Breakage)> {
    let topic = || TOPIC.to_owned();
    vec![
        ("there is no trail", GapKind::NoTrail, |it| monitoring(it).world.trails = Known::Is(Vec::new())),
        ("the trail was stopped", GapKind::TrailStopped("reprieve".to_owned()), |it| whole::trail(it).is_logging = Known::Is(false)),
        ("the trail leaves KMS out", GapKind::TrailMissesKms("reprieve".to_owned()), |it| {
            if let Known::Is(Selectors::Basic(selectors)) = &mut whole::trail(it).selectors {
                selectors[0].excluded_sources.push("kms.amazonaws.com".to_owned());
            }
        }),
        ("the trail reads only", GapKind::TrailMissesKms("reprieve".to_owned()), |it| {
            if let Known::Is(Selectors::Basic(selectors)) = &mut whole::trail(it).selectors {
                selectors[0].read_write_type = "ReadOnly".to_owned();
            }
        }),
        ("the trail records another Region", GapKind::NotThisRegion("reprieve".to_owned()), |it| {
            whole::trail(it).is_multi_region = false;
            whole::trail(it).home_region = whole::region("us-east-1");
        }),
        ("the trail feeds nothing", GapKind::TrailFeedsNothing("reprieve".to_owned()), |it| whole::trail(it).log_group_arn = None),
        ("the log group was deleted", GapKind::TrailFeedsNothing("reprieve".to_owned()), |it| {
            monitoring(it).world.log_groups.insert("/reprieve/cloudtrail".to_owned(), Known::Absent);
        }),
        ("the trail may not deliver", GapKind::TrailFeedsNothing("reprieve".to_owned()), |it| {
            whole::trail(it).delivery_error = Some("AccessDenied".to_owned());
        }),
        ("the filter was deleted", GapKind::NoFilter("/reprieve/cloudtrail".to_owned()), |it| whole::filters(it).clear()),
        ("the filter asks for both at once", GapKind::FilterDead("key-filter".to_owned()), |it| {
            whole::filters(it)[0].pattern = "{ ($.eventName = DisableKey) && ($.eventName = ScheduleKeyDeletion) }".to_owned();
        }),
        ("the filter asks for another source", GapKind::FilterDead("key-filter".to_owned()), |it| {
            whole::filters(it)[0].pattern =
                "{ ($.eventSource = kms.amazon.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }".to_owned();
        }),
        ("the filter is no pattern", GapKind::FilterDead("key-filter".to_owned()), |it| {
            whole::filters(it)[0].pattern = "{ $.eventName = DisableKey".to_owned();
        }),
        ("the filter counts by a dimension", GapKind::FilterDead("key-filter".to_owned()), |it| {
            whole::filters(it)[0].dimensions.insert("user".to_owned(), "$.userIdentity.arn".to_owned());
        }),
        ("the alarm was deleted", GapKind::NoAlarm("key-filter".to_owned()), |it| whole::alarms(it).clear()),
        ("the alarm watches another metric", GapKind::NoAlarm("key-filter".to_owned()), |it| {
            whole::alarms(it)[0].metric = "other".to_owned();
        }),
        ("the alarm needs a hundred", GapKind::AlarmDead("key-alarm".to_owned()), |it| {
            whole::alarms(it)[0].threshold = reprieve_core::monitoring::world::Number::of(100.0);
        }),
        ("the alarm's actions are disabled", GapKind::ActionsDisabled("key-alarm".to_owned()), |it| {
            whole::alarms(it)[0].actions_enabled = false;
        }),
        ("the alarm tells nobody", GapKind::AlarmTellsNobody("key-alarm".to_owned()), |it| whole::alarms(it)[0].alarm_actions.clear()),
        ("the topic was deleted", GapKind::TopicMute(topic()), |it| {
            monitoring(it).world.topics.clear();
        }),
        ("the topic's policy keeps alarms out", GapKind::TopicMute(topic()), |it| {
            whole::topic(it).policy = r#"{"Version": "2012-10-17", "Statement": []}"#.to_owned();
        }),
        ("the topic is encrypted with alias/aws/sns", GapKind::TopicMute(topic()), |it| whole::topic(it).key = TopicKey::AwsManaged),
        ("nobody is subscribed", GapKind::NoSubscriber(topic()), |it| whole::subscriptions(it).clear()),
        ("a queue is subscribed", GapKind::NoSubscriber(topic()), |it| whole::subscriptions(it)[0].protocol = "sqs".to_owned()),
        ("nobody confirmed", GapKind::SubscriptionPending(topic()), |it| whole::subscriptions(it)[0].arn = None),
        ("the subscription is filtered", GapKind::SubscriberFiltered(topic()), |it| {
            whole::subscriptions(it)[0].filter_policy = Known::Is(r#"{"severity": ["critical"]}"#.to_owned());
        }),
        ("the plan finds the control broken", GapKind::ControlBroken("5.7".to_owned()), |it| {
            monitoring(it).plan.controls[0].gaps.push("the trail writes no digests".to_owned());
        }),
        ("the plan does not know the control", GapKind::ControlBroken("7".to_owned()), |it| monitoring(it).plan.controls.clear()),
    ]
}

fn breakages_of_reading() -> Vec<(&'static str, GapKind, Breakage)> {
    let of = |what: &str| GapKind::Unreadable(what.to_owned());
    vec![
        ("rules", of("the event rules of the Region"), |it| it.rules = whole::denied()),
        ("what a rule matches", of("what the event rule `calls` matches"), |it| whole::rules(it)[0].matches = whole::denied()),
        ("targets", of("what the event rule `calls` feeds"), |it| whole::rules(it)[0].targets = whole::denied()),
        ("mappings", of("who reads the queue `guard-queue`"), |it| {
            it.queues.insert(QUEUE.to_owned(), whole::denied());
        }),
        ("the policy", of("the key's policy"), |it| whole::first_key(it).policy = whole::denied()),
        ("the key", of("the key"), |it| whole::first_key(it).description = whole::denied()),
        ("the role", of("the permissions of the role `Remediator`"), |it| {
            it.permissions.insert(ROLE.to_owned(), whole::denied());
        }),
        ("one key's permissions", of("the permissions of the role `Remediator`"), |it| {
            it.permissions.insert(ROLE.to_owned(), Known::Is(std::collections::BTreeMap::new()));
        }),
        ("the monitoring", of("the account's monitoring"), |it| it.monitoring = whole::denied()),
        ("trails", of("the account's trails"), |it| monitoring(it).world.trails = whole::denied()),
        ("a trail's status", of("the status of the trail `reprieve`"), |it| whole::trail(it).is_logging = whole::denied()),
        ("a trail's selectors", of("what the trail `reprieve` records"), |it| whole::trail(it).selectors = whole::denied()),
        ("alarms", of("the alarms"), |it| monitoring(it).world.alarms = whole::denied()),
        ("subscriptions", of("who is subscribed to `arn:aws:sns:eu-central-1:111122223333:alarms`"), |it| {
            whole::topic(it).subscriptions = whole::denied();
        }),
    ]
}

#[test]
fn each_thing_that_is_broken_is_one_gap_with_a_reason_and_a_fix() {
    let rows = [breakages_of_the_guard(), breakages_of_the_alarm(), breakages_of_reading()].concat();
    for (name, expected, breakage) in rows {
        let mut broken = observation();
        breakage(&mut broken);
        let report = of(&broken);
        let gaps = key_gaps(&report);
        assert_eq!(gaps.iter().map(|gap| &gap.kind).collect::<Vec<_>>(), [&expected], "{name}: {gaps:?}");
        assert!(!report.is_complete() && report.percentage == 0, "{name}");
        for gap in gaps {
            assert!(gap.reason.ends_with('.') && gap.fix.ends_with(['.', '}']) && gap.reason.len() > 20, "{name}: {gap:?}");
        }
    }
}

#[test]
fn keys_of_a_region_without_a_guard_have_one_reason() {
    let mut bare = observation();
    breakages_of_the_guard()[0].2(&mut bare);
    bare.keys = Known::Is((0..3).map(|number| key(&format!("{number}-{KEY}"))).collect());
    let report = assess(&[observation(), bare]);
    let groups = report.grouped();
    assert_eq!((report.percentage, groups.len()), (25, 1));
    assert!(groups.iter().all(|group| group.keys.len() == 3 && group.gap.kind == GapKind::NoGuard), "{groups:?}");
}

#[test]
fn where_functions_cannot_be_listed_nobody_says_that_there_is_no_guard() {
    let mut broken = observation();
    breakages_of_the_guard()[0].2(&mut broken);
    broken.functions.insert("*".to_owned(), whole::denied());
    let gaps = key_gaps(&of(&broken));
    let unreadable = GapKind::Unreadable("the functions of the Region".to_owned());
    assert!(matches!(gaps.as_slice(), [gap] if gap.kind == unreadable), "{gaps:?}");
}

#[test]
fn keys_that_cannot_be_listed_are_never_covered() {
    let mut broken = observation();
    broken.keys = whole::denied();
    let report = assess(&[observation(), broken.clone()]);
    assert_eq!((report.percentage, report.is_complete()), (99, false));
    assert_eq!(of(&broken).percentage, 0);
}

#[test]
fn aws_managed_keys_are_not_counted_and_pending_ones_are() {
    let mut both = observation();
    let mut of_aws = key("aaaaaaaa-12ab-34cd-56ef-1234567890ab");
    of_aws.description = Known::Is(reprieve_core::KeyDescription { aws_managed: true, ..description() });
    of_aws.policy = whole::denied();
    let mut pending = key("bbbbbbbb-12ab-34cd-56ef-1234567890ab");
    pending.description = Known::Is(reprieve_core::KeyDescription::in_state(KeyState::PendingDeletion));
    let mut gone = key("cccccccc-12ab-34cd-56ef-1234567890ab");
    gone.description = Known::Absent;
    whole::keys(&mut both).extend([of_aws, pending, gone]);
    whole::allow_all(&mut both);
    let count = of(&both).count;
    assert_eq!((count.customer_managed, count.monitored, count.pending_deletion, count.aws_managed), (2, 2, 1, 1));
}

#[test]
fn lockouts_are_told_before_a_guard_is_deployed() {
    let mut bare = observation();
    breakages_of_the_guard()[0].2(&mut bare);
    whole::first_key(&mut bare).policy = whole::policy(r#"{"AWS": "arn:aws:iam::111122223333:role/Owner"}"#, "kms:*");
    let report = of(&bare);
    let lockout = report.lockouts.first().unwrap();
    assert!(lockout.is_certain && lockout.reason.contains("no statement of the key policy allows kms:CancelKeyDeletion"), "{lockout:?}");
}

#[test]
fn a_role_that_the_key_policy_names_needs_no_policy_of_its_own() {
    let mut named = observation();
    whole::first_key(&mut named).policy = whole::policy(&format!(r#"{{"AWS": "{ROLE}"}}"#), "kms:*");
    whole::answer(&mut named, "kms:EnableKey", IamAnswer::NotAllowed);
    assert!(of(&named).is_complete());
    whole::answer(&mut named, "kms:EnableKey", IamAnswer::Denied);
    assert!(!of(&named).is_complete());
}

#[test]
fn rules_of_others_neither_help_nor_harm() {
    let mut shared = observation();
    let mut others = whole::rules(&mut shared)[0].clone();
    others.name = "siem".to_owned();
    others.targets = Known::Is(vec!["arn:aws:firehose:eu-central-1:111122223333:deliverystream/siem".to_owned()]);
    whole::rules(&mut shared).insert(0, others);
    assert!(of(&shared).is_complete());
    whole::rules(&mut shared)[1].is_enabled = false;
    assert_eq!(key_gaps(&of(&shared)).first().map(|gap| gap.kind.clone()), Some(GapKind::RuleDisabled("calls".to_owned())));
}

#[test]
fn a_report_survives_its_json() {
    let mut broken = observation();
    whole::first_key(&mut broken).policy = whole::policy(r#"{"AWS": "444455556666"}"#, "kms:*");
    let report = of(&broken);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    assert!(json.contains(r#""kind":"key_policy_refuses","about":["kms:CancelKeyDeletion""#), "{json}");
}
