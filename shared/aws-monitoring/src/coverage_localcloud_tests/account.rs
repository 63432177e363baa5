//! A small account in a local cloud, all of whose keys are monitored: keys, a guard behind rules and a queue, and monitoring to a
//! confirmed human. Whatever of it a test breaks, it can mend.

use std::collections::HashMap;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::client::Waiters as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use aws_types::region::Region as SdkRegion;
use reprieve_core::coverage::{Gap, Report, assess};
use reprieve_core::monitoring::rules::GuardRule;
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, CisVersion, Desired, PatternMode, Subscriber, TopicWish, TrailWish, plan};
use reprieve_core::{AccountId, Region};
use reprieve_engine::MonitoringControl as _;
use reprieve_localcloud::LocalCloud;
use zip::write::SimpleFileOptions;

use crate::AwsMonitoringControl;
use crate::coverage::{Expectation, Site, observe};
use crate::localcloud_tests::{config, place, prepare};

pub(super) const GUARD: &str = "reprieve-guard";
/// The names of the trail and its log group are not the defaults: the deployed function says them.
pub(super) const TRAIL: &str = "watch";
pub(super) const GROUP: &str = "/watch/cloudtrail";
pub(super) const HUMAN: &str = "security@example.com";
const ELSEWHERE: &str = "us-west-2";

/// Takes every batch and does nothing.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import os, urllib.request
API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{API}/next") as answer:
        request_id, _ = answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", data=b'{"batchItemFailures":[]}'))
"#;

/// Clients of an account, and what is in it.
pub(super) struct Account {
    pub(super) cloud: LocalCloud,
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) events: aws_sdk_eventbridge::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) desired: Desired,
    /// The keys' ARNs.
    pub(super) keys: [String; 2],
    /// The event source mapping by which the guard reads its queue.
    pub(super) mapping: String,
    control: AwsMonitoringControl,
    site: Site,
}

impl Account {
    /// Sets the account up, but for the confirmation of the human's subscription.
    pub(super) async fn set_up(cloud: LocalCloud) -> Self {
        let (config, place) = (config(&cloud), place(&cloud));
        prepare(&config).await;
        let kms = aws_sdk_kms::Client::new(&config);
        let mut account = Self {
            keys: [key(&kms, "alias/orders").await, key(&kms, "alias/payments").await],
            kms,
            events: aws_sdk_eventbridge::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            control: AwsMonitoringControl::new(&config, place.clone()),
            desired: desired(&place),
            site: Site { place, config },
            mapping: String::new(),
            cloud,
        };
        account.set_up_guard().await;
        account.mend_monitoring().await;
        account
    }

    async fn set_up_guard(&mut self) {
        let trusts = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        self.iam.create_role().role_name(GUARD).assume_role_policy_document(trusts).send().await.unwrap();
        self.allow_guard(&reprieve_core::coverage::ACTIONS).await;
        self.create_function(GUARD, self.guard_environment("enforce")).await;
        self.create_function("reprieve-monitoring", self.keeper_environment()).await;
        let sqs = aws_sdk_sqs::Client::new(&self.site.config);
        sqs.create_queue().queue_name(GUARD).send().await.unwrap();
        let mapping = self.lambda.create_event_source_mapping().event_source_arn(self.queue()).function_name(GUARD);
        self.mapping = mapping.send().await.unwrap().uuid.unwrap();
        for rule in [GuardRule::KeyApiCalls, GuardRule::KeyServiceEvents, GuardRule::KeyNativeEvents] {
            self.put_rule(rule, rule.pattern()).await;
        }
    }

    pub(super) fn queue(&self) -> String {
        self.site.place.arn("sqs", GUARD)
    }

    pub(super) fn topic(&self) -> &str {
        &self.desired.topic.arn
    }

    fn role(&self) -> String {
        format!("arn:aws:iam::{}:role/{GUARD}", self.site.place.account)
    }

    pub(super) fn trail_arn(&self) -> String {
        self.site.place.arn("cloudtrail", &format!("trail/{TRAIL}"))
    }

    pub(super) fn guard_arn(&self) -> String {
        self.site.place.arn("lambda", &format!("function:{GUARD}"))
    }

    /// The one filter and alarm, named alike.
    pub(super) fn alarm(&self) -> String {
        let [control] = self.desired.baseline.controls.as_slice() else { panic!("{:?}", self.desired.baseline) };
        control.name.to_owned()
    }

    fn guard_environment(&self, mode: &str) -> Environment {
        variables(&[("REPRIEVE_REMEDIATOR_ROLE_ARN", &self.role()), ("REPRIEVE_MODE", mode), ("REPRIEVE_NOTICE_TOPIC_ARN", self.topic())])
    }

    fn keeper_environment(&self) -> Environment {
        variables(&[
            ("REPRIEVE_TRAIL_NAME", TRAIL),
            ("REPRIEVE_TRAIL_BUCKET", "trails"),
            ("REPRIEVE_TRAIL_LOG_GROUP", GROUP),
            ("REPRIEVE_FILTER_NAMESPACE", &self.desired.namespace),
            ("REPRIEVE_NOTICE_TOPIC_ARN", self.topic()),
            ("REPRIEVE_MODE", "enforce"),
        ])
    }

    async fn create_function(&self, name: &str, environment: Environment) {
        let code = FunctionCode::builder().zip_file(Blob::new(package())).build();
        let create = self.lambda.create_function().function_name(name).runtime(Runtime::Providedal2023).handler("bootstrap");
        create.role(self.role()).code(code).environment(environment).send().await.unwrap();
        self.wait_until_active(name).await;
    }

    /// Changes the guard's mode.
    pub(super) async fn run_guard_in(&self, mode: &str) {
        let update = self.lambda.update_function_configuration().function_name(GUARD);
        update.environment(self.guard_environment(mode)).send().await.unwrap();
        self.wait_until_active(GUARD).await;
    }

    async fn wait_until_active(&self, function: &str) {
        self.lambda.wait_until_function_active_v2().function_name(function).wait(Duration::from_secs(20)).await.unwrap();
    }

    /// Makes a rule as the guard's stack does, but for its pattern.
    pub(super) async fn put_rule(&self, rule: GuardRule, pattern: &str) {
        self.events.put_rule().name(rule.as_str()).event_pattern(pattern).send().await.unwrap();
        let target = Target::builder().id("Queue").arn(self.queue()).build().unwrap();
        self.events.put_targets().rule(rule.as_str()).targets(target).send().await.unwrap();
    }

    /// Gives the guard's role these permissions on every key, and no others.
    pub(super) async fn allow_guard(&self, actions: &[&str]) {
        let statement = format!(r#"{{"Effect":"Allow","Action":["{}"],"Resource":"*"}}"#, actions.join("\",\""));
        self.put_role_policy("guard", &statement).await;
    }

    pub(super) async fn put_role_policy(&self, name: &str, statement: &str) {
        let policy = self.iam.put_role_policy().role_name(GUARD).policy_name(name).policy_document(document(statement));
        policy.send().await.unwrap();
    }

    /// Puts a key policy in the place of that which lets the account in.
    pub(super) async fn put_key_policy(&self, key: &str, statement: &str) {
        self.kms.put_key_policy().key_id(key).policy(document(statement)).send().await.unwrap();
    }

    /// Lets the account in, which is how keys are made.
    pub(super) fn account_statement(&self) -> String {
        let root = format!("arn:aws:iam::{}:root", self.site.place.account);
        format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"kms:*","Resource":"*"}}"#)
    }

    /// Puts the monitoring right, by the plan.
    pub(super) async fn mend_monitoring(&self) {
        for _ in 0..3 {
            let changes = plan(&self.desired, &self.control.observe(&self.desired).await).changes;
            if changes.is_empty() {
                return;
            }
            for change in changes {
                assert_eq!(self.control.apply(&change).await, Ok(()), "{change}");
            }
        }
        panic!("the plan wants changes again and again");
    }

    pub(super) async fn confirm(&self) {
        self.cloud.confirm_subscription(self.topic(), HUMAN).await.unwrap();
    }

    /// Judges the account, from its Region.
    pub(super) async fn report(&self) -> Report {
        assess(&observe(std::slice::from_ref(&self.site), &self.site, &Expectation::default()).await)
    }

    /// Makes a key in a Region where nothing else is, and judges both Regions.
    pub(super) async fn report_with_a_bare_region(&self) -> Report {
        let config = self.site.config.to_builder().region(SdkRegion::new(ELSEWHERE)).build();
        key(&aws_sdk_kms::Client::new(&config), "alias/forgotten").await;
        let place = Place {
            region: Region::parse(ELSEWHERE).unwrap(),
            account: AccountId::parse(self.cloud.account()).unwrap(),
            ..self.site.place.clone()
        };
        assess(&observe(&[self.site.clone(), Site { place, config }], &self.site, &Expectation::default()).await)
    }

    /// Returns the one gap that there is now, and the aliases of the keys that have it.
    pub(super) async fn gap(&self) -> (Gap, Vec<String>) {
        let report = self.report().await;
        assert!(report.percentage < 100 && !report.is_complete(), "{report:#?}");
        let [group] = report.grouped().try_into().unwrap_or_else(|_| panic!("{report:#?}"));
        (group.gap.clone(), group.keys.iter().flat_map(|key| key.aliases.clone()).collect())
    }
}

fn desired(place: &Place) -> Desired {
    let mut baseline = Baseline::of(CisVersion::V5_0, PatternMode::ByMatching, false);
    baseline.controls.retain(|control| control.id == "4.7");
    Desired {
        place: place.clone(),
        baseline,
        trail: TrailWish {
            name: TRAIL.to_owned(),
            bucket: Some("trails".to_owned()),
            prefix: None,
            key_arn: None,
            log_role_arn: Some(format!("arn:aws:iam::{}:role/trail", place.account)),
        },
        log_group: GROUP.to_owned(),
        retention_days: 365,
        topic: TopicWish {
            arn: place.arn("sns", "notices"),
            subscribers: vec![Subscriber { protocol: "email".to_owned(), endpoint: HUMAN.to_owned() }],
        },
        namespace: "Watched".to_owned(),
        rules: Vec::new(),
    }
}

async fn key(kms: &aws_sdk_kms::Client, alias: &str) -> String {
    let arn = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    kms.create_alias().alias_name(alias).target_key_id(&arn).send().await.unwrap();
    arn
}

fn variables(variables: &[(&str, &str)]) -> Environment {
    let variables: HashMap<String, String> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment::builder().set_variables(Some(variables)).build()
}

fn document(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
}

fn package() -> Vec<u8> {
    let mut package = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).unix_permissions(0o755);
    package.start_file("bootstrap", stored).unwrap();
    package.write_all(BOOTSTRAP.as_bytes()).unwrap();
    package.finish().unwrap().into_inner()
}
