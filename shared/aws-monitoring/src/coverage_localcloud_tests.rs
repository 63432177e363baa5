//! Coverage over real HTTP, against a local cloud: in an account all of whose keys are monitored, one thing after the other is broken
//! over the API, and each time exactly that is the gap, with a reason and a fix; mending it brings all keys back.

mod account;

use aws_sdk_cloudtrail::types::EventSelector;
use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use reprieve_core::coverage::{ACTIONS, GapKind};
use reprieve_core::monitoring::rules::GuardRule;
use reprieve_localcloud::{LocalCloud, Options};

use self::account::{Account, GROUP, GUARD, TRAIL};

const BOTH: [&str; 2] = ["alias/orders", "alias/payments"];
const PAYMENTS: [&str; 1] = ["alias/payments"];

/// How many kinds of gaps are brought about below.
const KINDS: usize = 22;

/// What was shown so far.
struct Shown<'a> {
    account: &'a Account,
    kinds: Vec<&'static str>,
}

impl Shown<'_> {
    /// Holds the one gap that there is now against what is expected: what it is, whom it hits, and parts of its reason and its fix.
    ///
    /// That there is no other gap says too that what was broken before has been mended.
    async fn shows(&mut self, kind: GapKind, keys: &[&str], reason: &str, fix: &str) {
        let (gap, of_keys) = self.account.gap().await;
        assert_eq!((&gap.kind, of_keys.iter().map(String::as_str).collect::<Vec<_>>().as_slice()), (&kind, keys), "{gap:#?}");
        assert!(gap.reason.contains(reason) && gap.fix.contains(fix), "{gap:#?}");
        self.kinds.push(kind.title());
    }

    async fn all_is_well(&self) {
        let report = self.account.report().await;
        assert_eq!((report.percentage, report.count.monitored, report.is_complete()), (100, 2, true), "{report:#?}");
        assert!(report.lockouts.is_empty(), "{report:#?}");
    }
}

#[tokio::test]
async fn every_gap_that_is_opened_is_explained_and_mending_closes_it() {
    let cloud = LocalCloud::start(Options { region: "eu-central-1".to_owned(), ..Options::default() }).await.unwrap();
    let account = Account::set_up(cloud).await;
    let mut shown = Shown { account: &account, kinds: Vec::new() };

    let pending = GapKind::SubscriptionPending(account.topic().to_owned());
    shown.shows(pending, &BOTH, "`security@example.com`", "Follow the link").await;
    account.confirm().await;
    shown.all_is_well().await;

    on_the_way_to_the_guard(&mut shown).await;
    shown.all_is_well().await;
    in_key_policies(&mut shown).await;
    in_the_role(&mut shown).await;
    shown.all_is_well().await;
    on_the_way_to_the_log_group(&mut shown).await;
    in_filters_and_alarms(&mut shown).await;
    on_the_way_to_a_human(&mut shown).await;
    shown.all_is_well().await;
    in_a_region_without_a_guard(&mut shown).await;

    shown.kinds.sort_unstable();
    shown.kinds.dedup();
    assert_eq!(shown.kinds.len(), KINDS, "{:#?}", shown.kinds);
    account.cloud.stop();
}

async fn on_the_way_to_the_guard(shown: &mut Shown<'_>) {
    let account = shown.account;
    let rule = GuardRule::KeyApiCalls;
    let name = rule.as_str();

    account.events.disable_rule().name(name).send().await.unwrap();
    shown.shows(GapKind::RuleDisabled(name.to_owned()), &BOTH, "`key-api-calls` is disabled", "Enable the rule").await;
    account.events.enable_rule().name(name).send().await.unwrap();

    account.put_rule(rule, &rule.pattern().replace("\"DisableKey\",", "")).await;
    let missed = GapKind::RuleMissesEvents(vec!["DisableKey".to_owned()]);
    shown.shows(missed, &BOTH, "No event rule matches DisableKey", "patterns of infra/aws/guard.yaml").await;

    account.put_rule(rule, rule.pattern()).await;
    account.events.remove_targets().rule(name).ids("Queue").send().await.unwrap();
    let elsewhere = GapKind::RuleTargetsNothingOfOurs(name.to_owned());
    shown.shows(elsewhere, &BOTH, "feeds no guard", "the guard's queue as its target").await;
    account.put_rule(rule, rule.pattern()).await;

    let switch = async |on| account.lambda.update_event_source_mapping().uuid(&account.mapping).enabled(on).send().await.unwrap();
    switch(false).await;
    let unread = GapKind::QueueNotRead(account.queue());
    shown.shows(unread, &BOTH, "event source mapping", "Enable the mapping").await;
    switch(true).await;

    account.run_guard_in("observe").await;
    shown.shows(GapKind::ModeObserve(account.guard_arn()), &BOTH, "gives no key back", "Mode=enforce").await;
    account.run_guard_in("enforce").await;
}

async fn in_key_policies(shown: &mut Shown<'_>) {
    let account = shown.account;
    let [_, key] = &account.keys;
    let whole = account.account_statement();

    account.put_key_policy(key, &whole.replace(":root", ":user/owner")).await;
    let locked_out = GapKind::KeyPolicyRefuses(ACTIONS.map(str::to_owned).to_vec());
    shown.shows(locked_out, &PAYMENTS, "locks the guard's role `reprieve-guard` out", "Let the account (its root)").await;
    let report = account.report().await;
    assert!(matches!(report.lockouts.as_slice(), [lockout] if lockout.is_certain && lockout.key.as_str() == key), "{report:#?}");

    let denial = r#"{"Sid":"StayDisabled","Effect":"Deny","Principal":"*","Action":"kms:EnableKey","Resource":"*"}"#;
    account.put_key_policy(key, &format!("{whole},{denial}")).await;
    let denied = GapKind::KeyPolicyRefuses(vec!["kms:EnableKey".to_owned()]);
    shown.shows(denied, &PAYMENTS, "`StayDisabled` of the key policy denies kms:EnableKey", "Except").await;

    let from_office = r#""Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}"#;
    account.put_key_policy(key, &whole.replace(r#""Resource":"*"}"#, from_office)).await;
    let unclear = GapKind::KeyPolicyUnclear(ACTIONS.map(str::to_owned).to_vec());
    shown.shows(unclear, &PAYMENTS, "cannot be said", "check by a drill").await;

    account.put_key_policy(key, &whole).await;
}

async fn in_the_role(shown: &mut Shown<'_>) {
    let account = shown.account;

    account.allow_guard(&["kms:CancelKeyDeletion", "kms:DescribeKey", "kms:ListResourceTags", "kms:EnableKeyRotation"]).await;
    let refused = GapKind::IamRefuses(vec!["kms:EnableKey".to_owned()]);
    shown.shows(refused, &BOTH, "No policy of the role `reprieve-guard` allows kms:EnableKey", "Deploy the guard's stack").await;
    account.allow_guard(&ACTIONS).await;

    account.put_role_policy("denial", r#"{"Effect":"Deny","Action":"kms:Cancel*","Resource":"*"}"#).await;
    let denied = GapKind::IamDenies(vec!["kms:CancelKeyDeletion".to_owned()]);
    shown.shows(denied, &BOTH, "denies kms:CancelKeyDeletion", "Take the denial out").await;
    account.iam.delete_role_policy().role_name(GUARD).policy_name("denial").send().await.unwrap();

    let boundary = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:D*","kms:L*","kms:E*"],"Resource":"*"}]}"#;
    let boundary = account.iam.create_policy().policy_name("boundary").policy_document(boundary).send().await.unwrap();
    let boundary = boundary.policy.unwrap().arn.unwrap();
    account.iam.put_role_permissions_boundary().role_name(GUARD).permissions_boundary(boundary).send().await.unwrap();
    let bounded = GapKind::PermissionsBoundary(vec!["kms:CancelKeyDeletion".to_owned()]);
    shown.shows(bounded, &BOTH, "permissions boundary of the role `reprieve-guard`", "take it off the role").await;
    account.iam.delete_role_permissions_boundary().role_name(GUARD).send().await.unwrap();
}

async fn on_the_way_to_the_log_group(shown: &mut Shown<'_>) {
    let account = shown.account;

    account.cloudtrail.stop_logging().name(account.trail_arn()).send().await.unwrap();
    shown.shows(GapKind::TrailStopped(TRAIL.to_owned()), &BOTH, "does not record", "Start the trail").await;
    account.mend_monitoring().await;

    let without_kms =
        EventSelector::builder().include_management_events(true).exclude_management_event_sources("kms.amazonaws.com").build();
    account.cloudtrail.put_event_selectors().trail_name(account.trail_arn()).event_selectors(without_kms).send().await.unwrap();
    shown.shows(GapKind::TrailMissesKms(TRAIL.to_owned()), &BOTH, "leaves out calls that change keys", "those of KMS included").await;
    account.mend_monitoring().await;

    account.cloudtrail.delete_trail().name(account.trail_arn()).send().await.unwrap();
    shown.shows(GapKind::NoTrail, &BOTH, "No trail records the account", "aws-provision-monitoring").await;
    account.mend_monitoring().await;
}

async fn in_filters_and_alarms(shown: &mut Shown<'_>) {
    let account = shown.account;
    let name = account.alarm();

    let never = r#"{ ($.eventSource = "kms.amazonaws.com") && ($.eventName = "DisableKey") && ($.eventName = "ScheduleKeyDeletion") }"#;
    let count = MetricTransformation::builder().metric_namespace("Watched").metric_name(&name).metric_value("1").build().unwrap();
    let put = account.logs.put_metric_filter().log_group_name(GROUP).filter_name(&name).filter_pattern(never);
    put.metric_transformations(count).send().await.unwrap();
    shown.shows(GapKind::FilterDead(name.clone()), &BOTH, "does not match when keys are disabled", "`reprieve filter audit`").await;
    account.mend_monitoring().await;

    account.logs.delete_metric_filter().log_group_name(GROUP).filter_name(&name).send().await.unwrap();
    shown.shows(GapKind::NoFilter(GROUP.to_owned()), &BOTH, "No metric filter of `/watch/cloudtrail`", "aws-provision-monitoring").await;
    account.mend_monitoring().await;

    account.cloudwatch.delete_alarms().alarm_names(&name).send().await.unwrap();
    shown.shows(GapKind::NoAlarm(name.clone()), &BOTH, "No alarm watches the metric", "aws-provision-monitoring").await;
    account.mend_monitoring().await;

    account.cloudwatch.disable_alarm_actions().alarm_names(&name).send().await.unwrap();
    shown.shows(GapKind::ActionsDisabled(name.clone()), &BOTH, "are disabled", "Enable them, and ask who").await;
    account.mend_monitoring().await;
}

async fn on_the_way_to_a_human(shown: &mut Shown<'_>) {
    let account = shown.account;
    let topic = account.topic();

    let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Quiet","Effect":"Deny","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"*"}]}"#;
    let set = account.sns.set_topic_attributes().topic_arn(topic).attribute_name("Policy");
    set.attribute_value(policy).send().await.unwrap();
    shown.shows(GapKind::TopicMute(topic.to_owned()), &BOTH, "denies alarms to publish", "aws-provision-monitoring").await;
    account.mend_monitoring().await;

    let subscriptions = account.sns.list_subscriptions_by_topic().topic_arn(topic).send().await.unwrap();
    let subscription = subscriptions.subscriptions().first().and_then(|one| one.subscription_arn()).unwrap().to_owned();
    let set = account.sns.set_subscription_attributes().subscription_arn(&subscription).attribute_name("FilterPolicy");
    set.attribute_value(r#"{"severity":["critical"]}"#).send().await.unwrap();
    shown
        .shows(GapKind::SubscriberFiltered(topic.to_owned()), &BOTH, "keeps alarms out", "Take the filter policy off one subscription")
        .await;

    account.sns.unsubscribe().subscription_arn(subscription).send().await.unwrap();
    shown.shows(GapKind::NoSubscriber(topic.to_owned()), &BOTH, "Nobody who reads messages", "Subscribe somebody on call").await;
    account.mend_monitoring().await;
    account.confirm().await;
}

async fn in_a_region_without_a_guard(shown: &mut Shown<'_>) {
    let report = shown.account.report_with_a_bare_region().await;
    assert_eq!((report.percentage, report.count.customer_managed, report.count.monitored), (66, 3, 2), "{report:#?}");
    let groups = report.grouped();
    let [group] = groups.as_slice() else { panic!("{report:#?}") };
    assert_eq!((&group.gap.kind, group.keys.len(), group.region.place.region.as_str()), (&GapKind::NoGuard, 1, "us-west-2"));
    assert!(group.gap.reason.contains("us-west-2") && group.gap.fix.contains("infra/aws/guard.yaml"), "{group:#?}");
    shown.kinds.push(group.gap.kind.title());
}
