//! `reprieve monitoring plan` as its users run it: against a local cloud, in an account without any monitoring, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::process::{Command, Output};

use reprieve_core::monitoring::diff::WIDTH;
use reprieve_localcloud::{LocalCloud, Options};
use serde_json::Value;

/// Each variable of the verb but the topic, as a template leaves it where nobody gave a value.
const EMPTY: [&str; 14] = [
    "REPRIEVE_SUBSCRIBERS",
    "REPRIEVE_CIS_VERSION",
    "REPRIEVE_PATTERN_MODE",
    "REPRIEVE_ADDITIONAL_FILTERS",
    "REPRIEVE_FILTER_NAMESPACE",
    "REPRIEVE_TRAIL_NAME",
    "REPRIEVE_TRAIL_LOG_GROUP",
    "REPRIEVE_TRAIL_RETENTION_DAYS",
    "REPRIEVE_GUARD_RULES",
    "REPRIEVE_GUARD_QUEUE_ARN",
    "REPRIEVE_GUARD_DEAD_LETTER_ARN",
    "REPRIEVE_DRIFT_RULES",
    "REPRIEVE_DRIFT_QUEUE_ARN",
    "REPRIEVE_DRIFT_DEAD_LETTER_ARN",
];

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.args(["monitoring", "plan"]).env_remove("CLICOLOR_FORCE").envs(EMPTY.map(|name| (name, "")));
    let none = ["REPRIEVE_NOTICE_TOPIC_ARN", "REPRIEVE_TRAIL_BUCKET", "REPRIEVE_TRAIL_KEY_ARN", "REPRIEVE_TRAIL_LOG_ROLE_ARN"];
    command.envs(none.map(|name| (name, "")));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Desk {
    cloud: LocalCloud,
    region: String,
}

impl Desk {
    fn plan(&self, more: &[&str]) -> Output {
        let topic = format!("arn:aws:sns:{}:{}:reprieve-notices", self.region, self.cloud.account());
        command().envs(self.cloud.client_environment()).args(["--topic", &topic]).args(more).output().unwrap()
    }

    fn with_trail(&self, more: &[&'static str]) -> Output {
        let role = format!("arn:aws:iam::{}:role/trail", self.cloud.account());
        self.plan(&[&["--trail-bucket", "trails", "--trail-log-role", &role, "--subscribers", "email=security@example.com"], more].concat())
    }
}

/// One cloud serves all steps: starting one takes seconds.
#[tokio::test]
async fn a_bare_account_lacks_everything() {
    let cloud = LocalCloud::start(Options::default()).await.unwrap();
    let region = cloud.client_environment().into_iter().find_map(|(name, value)| (name == "AWS_REGION").then_some(value)).unwrap();
    let desk = Desk { cloud, region };
    the_plan_reads_as_a_diff(&desk);
    the_plan_is_data_for_scripts(&desk);
    what_is_not_looked_at_is_said(&desk);
    without_a_bucket_people_are_told_what_is_missing(&desk);
    desk.cloud.stop();
}

fn the_plan_reads_as_a_diff(desk: &Desk) {
    let output = desk.with_trail(&[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}{}", text(&output.stderr));
    for line in ["+ log group `/reprieve/cloudtrail`", "+ trail `reprieve`", "+ alarm `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let too_long: Vec<&str> = shown.lines().filter(|line| line.chars().count() > WIDTH).collect();
    assert_eq!(too_long, Vec::<&str>::new());
    assert!(shown.lines().filter(|line| line.starts_with("gap ")).count() == 1, "the same gap is told once: {shown}");
}

fn the_plan_is_data_for_scripts(desk: &Desk) {
    let output = desk.with_trail(&["--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |list: &str| plan.get(list).and_then(Value::as_array).map(Vec::len).unwrap();
    assert!(count("changes") > 2 * 16 && count("controls") > 16, "{plan:#}");
    let controls = plan.get("controls").and_then(Value::as_array).unwrap();
    assert!(controls.iter().all(|control| control.get("gaps").is_some_and(Value::is_array)), "no control holds: {controls:#?}");
}

fn what_is_not_looked_at_is_said(desk: &Desk) {
    let unasked = |output: &Output| -> Vec<String> {
        text(&output.stdout).lines().filter_map(|line| line.strip_prefix("not looked at: ").map(str::to_owned)).collect()
    };
    let output = desk.with_trail(&[]);
    let [guard, drift]: [String; 2] = unasked(&output).try_into().unwrap();
    assert!(guard.contains("--guard-rules") && drift.contains("--drift-rules"), "{guard}, {drift}");
    let asked = "asked for: CIS 5.0, the trail `reprieve`, the log group `/reprieve/cloudtrail`";
    assert!(text(&output.stdout).lines().any(|line| line == asked), "{}", text(&output.stdout));
    assert!(unasked(&desk.plan(&[])).iter().any(|part| part.contains("--trail-bucket")));

    let of_the_guard = ["--guard-rules", "key-api-calls=calls", "--guard-queue", "queue", "--guard-dead-letters", "dead"];
    let of_drift = ["--drift-rules", "trail=drift", "--drift-queue", "queue", "--drift-dead-letters", "dead"];
    assert_eq!(unasked(&desk.with_trail(&[of_the_guard, of_drift].concat())), Vec::<String>::new());

    let plan: Value = serde_json::from_slice(&desk.with_trail(&["--json"]).stdout).unwrap();
    assert_eq!(plan.get("not_looked_at").and_then(Value::as_array).map(Vec::len), Some(2), "{plan:#}");
}

fn without_a_bucket_people_are_told_what_is_missing(desk: &Desk) {
    let output = desk.plan(&[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}{}", text(&output.stderr));
    assert!(shown.lines().any(|line| line.starts_with("! trail ")), "{shown}");
    assert!(!shown.contains("+ log group"), "no log group is made that no trail feeds: {shown}");
}

#[test]
fn what_cannot_be_used_is_refused_before_any_call() {
    let topic = ["--topic", "arn:aws:sns:eu-central-1:111122223333:notices"];
    for (arguments, why) in [
        (vec![], "--topic <ARN>"),
        (vec!["--topic", "notices"], "give the ARN of an SNS topic"),
        ([topic.as_slice(), &["--subscribers", "security@example.com"]].concat(), "give `PROTOCOL=ENDPOINT`"),
        ([topic.as_slice(), &["--trail-bucket", ""]].concat(), "--trail-bucket"),
        ([topic.as_slice(), &["--guard-rules", "key-api-calls=calls"]].concat(), "--guard-queue"),
        ([topic.as_slice(), &["--drift-rules", "trail=drift"]].concat(), "--drift-queue"),
        ([topic.as_slice(), &["--drift-rules", "trails=drift"]].concat(), "`trails` is no drift rule"),
        ([topic.as_slice(), &["--trail-key", "alias/trail"]].concat(), "alias/trail"),
        ([topic.as_slice(), &["--cis-version", "2.0"]].concat(), "it takes 1.4, 3.0, 5.0"),
    ] {
        let output = command().args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
    }
}
