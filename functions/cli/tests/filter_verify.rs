//! `reprieve filter verify` and `scripts/verify-on-aws`, as their users run them, against a local cloud. It answers with the product's own
//! evaluator: what is shown here is that the questions are asked and the answers told, not that AWS answers the same.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reprieve_localcloud::{LocalCloud, Options};
use serde_json::Value;

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters/documentation.json")
}

fn verify(cloud: &LocalCloud, rows: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.envs(cloud.client_environment()).env_remove("CLICOLOR_FORCE");
    command.args(["filter", "verify", "--rows"]).arg(rows).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One cloud serves all steps: starting one takes seconds.
#[tokio::test]
async fn answers_are_held_against_ours_and_against_the_documentation() {
    let cloud = LocalCloud::start(Options::default()).await.unwrap();
    all_answers_agree(&cloud);
    a_row_that_is_wrong_is_told(&cloud);
    a_cloud_that_does_not_answer_is_no_agreement(&cloud);
    cloud.stop();
}

fn all_answers_agree(cloud: &LocalCloud) {
    let output = verify(cloud, &documentation(), &["--json"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report.get("disagreements"), Some(&Value::Array(Vec::new())));
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
    assert!(count("patterns") > 100 && count("answers") > 10_000, "{told}");
}

fn a_row_that_is_wrong_is_told(cloud: &LocalCloud) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let rows =
        r#"{"rows": [{"pattern": "{ $.size > 5 }", "event": {"size": 6}, "expect": false}, {"pattern": "{ $.size > 5 }", "event": "6"}]}"#;
    file.write_all(rows.as_bytes()).unwrap();
    let output = verify(cloud, file.path(), &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    let lines: Vec<&str> = told.lines().take(3).map(str::trim_end).collect();
    assert_eq!(
        lines,
        ["EVENT  OURS     CLOUDWATCH LOGS  EXPECTED", "row 1  matches  matches          does not match", "    { $.size > 5 }"],
        "{told}"
    );
    assert!(told.ends_with("answers of CloudWatch Logs: 1 disagrees.\n"), "{told}");
}

fn a_cloud_that_does_not_answer_is_no_agreement(cloud: &LocalCloud) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.envs(cloud.client_environment()).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").args(["filter", "verify"]);
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{}", text(&output.stderr));
}
