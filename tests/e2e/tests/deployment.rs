//! `scripts/deploy aws`, from an empty account to an empty account, with the AWS command line itself against the local cloud: plan, apply, report,
//! enforce, verify, upgrade, rollback, uninstall. What it leaves behind has to be there at the end.
//!
//! Needs the AWS command line: the one on the PATH, else the one of the Python package index, installed once. Without either it says so loudly and passes.
#![expect(clippy::print_stderr, reason = "what was left out is told")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprieve_e2e::stage::package;
use reprieve_localcloud::{LocalCloud, Options, default_folder};
use serde_json::Value;

/// The AWS command line that is installed where there is none.
const AWSCLI: &str = "awscli==1.45.11";

const BUCKET: &str = "release-code";
const EMAIL: &str = "security@example.com";

/// What a command printed, and its exit code.
struct Said {
    text: String,
    code: i32,
}

impl Said {
    fn expect(self, code: i32, texts: &[&str]) -> Result<Self> {
        ensure!(self.code == code, "it ended with {} instead of {code}:\n{}", self.code, self.text);
        for text in texts {
            ensure!(self.text.contains(text), "it does not say `{text}`:\n{}", self.text);
        }
        Ok(self)
    }
}

/// An account on the local cloud, and how the programs reach it.
struct Account {
    cloud: LocalCloud,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Account {
    fn command(&self, program: &str, words: &[&str]) -> Result<Said> {
        let mut command = Command::new(program);
        command.args(words).envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(std::process::Stdio::null());
        let output = command.output().with_context(|| format!("`{program}` cannot be started"))?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Said { text, code: output.status.code().unwrap_or(-1) })
    }

    /// Calls AWS and returns its answer.
    fn aws(&self, words: &[&str]) -> Result<Value> {
        let said = self.command("aws", &[words, &["--output", "json"]].concat())?.expect(0, &[])?;
        if said.text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&said.text).with_context(|| format!("`aws {words:?}` answered no JSON: {}", said.text))
    }

    /// Runs the script, with the zips of this test where it takes any.
    fn deploy(&self, verb: &str, words: &[&str]) -> Result<Said> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/deploy");
        let reprieve = package::find_command()?;
        let start = ["aws", verb, "--reprieve", &reprieve.to_string_lossy(), "--arch", reprieve_e2e::stage::stack::ARCHITECTURE];
        self.command(&script.to_string_lossy(), &[&start[..], words].concat())
    }

    fn zip(&self, name: &str) -> String {
        self.folder.path().join(format!("{name}.zip")).to_string_lossy().into_owned()
    }

    /// Returns what a stack says of a parameter or an output.
    fn fact(&self, stack: &str, kind: &str, name: &str) -> Result<String> {
        let described = self.aws(&["cloudformation", "describe-stacks", "--stack-name", stack])?;
        let (list, key, value) = match kind {
            "parameter" => ("Parameters", "ParameterKey", "ParameterValue"),
            _ => ("Outputs", "OutputKey", "OutputValue"),
        };
        let facts = described.pointer(&format!("/Stacks/0/{list}")).and_then(Value::as_array).context("the stack has none")?;
        let found = facts.iter().find(|fact| fact.get(key).and_then(Value::as_str) == Some(name));
        let value = found.and_then(|fact| fact.get(value)).and_then(Value::as_str);
        value.map(ToOwned::to_owned).with_context(|| format!("`{stack}` has no {kind} `{name}`"))
    }

    fn key_state(&self, key: &str) -> Result<String> {
        let described = self.aws(&["kms", "describe-key", "--key-id", key])?;
        described.pointer("/KeyMetadata/KeyState").and_then(Value::as_str).map(ToOwned::to_owned).context("a key without a state")
    }

    fn create_key(&self, alias: &str) -> Result<String> {
        let created = self.aws(&["kms", "create-key"])?;
        let key = created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).context("a key without an ARN")?.to_owned();
        self.aws(&["kms", "create-alias", "--alias-name", alias, "--target-key-id", &key])?;
        Ok(key)
    }

    /// Schedules the deletion of a key.
    fn schedule(&self, key: &str) -> Result<()> {
        self.aws(&["kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7"]).map(drop)
    }

    /// Waits until a condition holds.
    fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        for _ in 0..60 {
            if holds(self)? {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        anyhow::bail!("{what} did not come to pass")
    }

    fn records(&self, bucket: &str) -> Result<usize> {
        let listed = self.aws(&["s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "audit/decisions/"])?;
        Ok(listed.get("Contents").and_then(Value::as_array).map_or(0, Vec::len))
    }
}

/// Returns the folder with the AWS command line to put on the PATH; an empty one where it is there already.
fn aws_command_line() -> Option<PathBuf> {
    if Command::new("aws").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(PathBuf::new());
    }
    let venv = default_folder().join("awscli");
    let bin = venv.join("bin");
    let works = || Command::new(bin.join("aws")).arg("--version").output().is_ok_and(|output| output.status.success());
    if !works() {
        Command::new("python3").args(["-m", "venv"]).arg(&venv).output().ok()?;
        Command::new(bin.join("pip")).args(["install", "--quiet", AWSCLI]).output().ok()?;
    }
    works().then_some(bin)
}

/// A deployment is planned, applied, verified, upgraded, taken back and taken away, and its evidence stays.
/// P145, P146, P148
#[test]
fn an_account_is_deployed_to_and_left_again() -> Result<()> {
    let Some(bin) = aws_command_line() else {
        eprintln!("*** LEFT OUT: the AWS command line cannot be had here, so nobody looked whether scripts/deploy aws works. ***");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let cloud = runtime.block_on(LocalCloud::start(Options { enforce_iam: true, ..Options::default() }))?;
    let mut environment: Vec<(String, String)> =
        cloud.client_environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    environment.push(("AWS_DEFAULT_REGION".to_owned(), "us-east-1".to_owned()));
    let path = std::env::var("PATH").unwrap_or_default();
    environment.push(("PATH".to_owned(), if bin.as_os_str().is_empty() { path } else { format!("{}:{path}", bin.display()) }));
    let account = Account { cloud, folder: tempfile::tempdir()?, environment };
    let played = play(&account, &runtime);
    account.cloud.stop();
    played
}

fn play(account: &Account, runtime: &tokio::runtime::Runtime) -> Result<()> {
    for function in ["aws-cancel-key-deletion", "aws-provision-monitoring", "aws-rehearse-incident"] {
        std::fs::write(account.zip(function), package::package(&package::find_beside(function, function)?)?)?;
    }
    let (guard, monitoring, drill) =
        (account.zip("aws-cancel-key-deletion"), account.zip("aws-provision-monitoring"), account.zip("aws-rehearse-incident"));
    account.aws(&["s3api", "create-bucket", "--bucket", BUCKET])?;
    let code = ["--code-bucket", BUCKET];
    let all = ["--monitoring", "--drill", "--zip", &guard, "--monitoring-zip", &monitoring, "--drill-zip", &drill];

    // A plan shows, and leaves nothing.
    account
        .deploy("plan", &[&code[..], &all].concat())?
        .expect(0, &["LedgerTable", "Not shown: it takes outputs", "Nothing was changed"])?;
    ensure!(account.command("aws", &["cloudformation", "describe-stacks", "--stack-name", "reprieve"])?.code != 0, "the plan left a stack");

    // Whoever is asked and says nothing has said no.
    account.deploy("apply", &[&code[..], &["--zip", &guard]].concat())?.expect(4, &["nothing more was changed"])?;
    // A first deployment observes, and cannot be told otherwise by the one flag.
    account
        .deploy("apply", &[&code[..], &["--zip", &guard, "--enforce", "--yes"]].concat())?
        .expect(2, &["a first deployment observes"])?;
    let notice = format!("NoticeEmail={EMAIL}");
    account
        .deploy("apply", &[&code[..], &["--zip", &guard, "--set", &notice, "--yes"]].concat())?
        .expect(0, &["AuditBucketName", "sweep"])?;
    ensure!(account.fact("reprieve", "parameter", "Mode")? == "observe", "a first deployment enforces");
    let (bucket, table) = (account.fact("reprieve", "output", "AuditBucketName")?, account.fact("reprieve", "output", "LedgerTableName")?);
    let topic = account.fact("reprieve", "output", "NoticeTopicArn")?;
    // The emulator's CloudFormation drops Object Lock; see `stage::stack`.
    let lock = r#"{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"COMPLIANCE","Days":365}}}"#;
    account.aws(&["s3api", "put-object-lock-configuration", "--bucket", &bucket, "--object-lock-configuration", lock])?;
    runtime.block_on(account.cloud.confirm_subscription(&topic, EMAIL))?;
    account.deploy("apply", &[&code[..], &all, &["--yes"]].concat())?.expect(0, &["Nothing changes", "RehearseFunctionName"])?;

    // While it observes, a deletion is told and stands; the report says what enforcing would have done.
    let observed = account.create_key("alias/observed")?;
    account.schedule(&observed)?;
    account.until("a record of the deletion", |account| Ok(account.records(&bucket)? >= 2))?;
    ensure!(account.key_state(&observed)? == "PendingDeletion", "the guard acted while it observed");
    account.deploy("report", &[])?.expect(0, &["acted on", "was scheduled for deletion", "alias/observed", "alias/observed"])?;
    account.deploy("verify", &[])?.expect(3, &["in mode observe", "the drill observes"])?;

    hold_and_let_go(account, &bucket)?;

    // One flag.
    let enforced = account.deploy("apply", &[&code[..], &all, &["--enforce", "--yes"]].concat())?;
    enforced.expect(0, &["was scheduled for deletion", "Mode: observe -> enforce"])?;
    let key = account.create_key("alias/payments")?;
    account.schedule(&key)?;
    account.until("the key's return", |account| Ok(account.key_state(&key)? == "Enabled"))?;
    account.aws(&["kms", "cancel-key-deletion", "--key-id", &observed])?;
    account.aws(&["kms", "enable-key", "--key-id", &observed])?;
    // An alarm tells people when it goes off, not while it rings: the drill has to find it at rest.
    runtime.block_on(account.cloud.settle_alarms(None))?;
    let proven =
        ["the deletion is taken back, after", "the alarm on the trail goes off", "keys are monitored, up to a human who confirmed"];
    account.deploy("verify", &[])?.expect(0, &proven)?;

    upgrade_and_back(account, &guard, &monitoring, &drill)?;

    // Whoever does not type the name keeps everything; then it goes, and the evidence stays.
    account.deploy("uninstall", &[])?.expect(4, &["Not protected any more"])?;
    let before = account.records(&bucket)?;
    let gone = account.deploy("uninstall", &["--yes"])?.expect(0, &["reprieve is gone.", "drill's key stays"])?;
    ensure!(
        gone.text.contains(&format!("({bucket}): still there")) && gone.text.contains(&format!("({table}): still there")),
        "{}",
        gone.text
    );
    ensure!(!gone.text.contains("NOT FOUND"), "{}", gone.text);
    for stack in ["reprieve", "reprieve-monitoring", "reprieve-drill"] {
        ensure!(account.command("aws", &["cloudformation", "describe-stacks", "--stack-name", stack])?.code != 0, "`{stack}` still stands");
    }
    ensure!(account.records(&bucket)? >= before && before > 5, "records are lost");
    account.schedule(&key)?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    ensure!(account.key_state(&key)? == "PendingDeletion", "somebody still guards");
    Ok(())
}

/// The evidence of a case is held, shown as held, and let go, by `scripts/legal-hold`.
fn hold_and_let_go(account: &Account, bucket: &str) -> Result<()> {
    let listed = account.aws(&["s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "audit/decisions/"])?;
    let names = listed.get("Contents").and_then(Value::as_array).context("no records")?;
    let mut intents =
        names.iter().filter_map(|object| object.get("Key").and_then(Value::as_str)?.rsplit('/').next()?.split_once(".intent."));
    let (event, _) = intents.next_back().context("no intent is on record")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/legal-hold").to_string_lossy().into_owned();
    let hold = |words: &[&str]| account.command(&script, &[&["--bucket", bucket, "--event", event][..], words].concat());
    hold(&["--show"])?.expect(0, &["OFF  locked until"])?;
    hold(&["--on"])?.expect(1, &["nothing was changed"])?;
    hold(&["--on", "--yes"])?.expect(0, &["is ON."])?;
    hold(&["--show"])?.expect(0, &["ON  locked until"])?;
    hold(&["--off", "--yes"])?.expect(0, &["is OFF."])?;
    let elsewhere = account.command(&script, &["--bucket", bucket, "--event", "nobody-knows", "--show"])?;
    elsewhere.expect(1, &["has nothing on `nobody-knows`"]).map(drop)
}

/// A release with policies goes in, is not lost by the next one, and can be taken back; parameters and mode stay.
fn upgrade_and_back(account: &Account, guard: &str, monitoring: &str, drill: &str) -> Result<()> {
    let code = ["--code-bucket", BUCKET];
    let newer = account.zip("newer");
    let policies = account.folder.path().join("policies");
    std::fs::create_dir_all(&policies)?;
    std::fs::write(policies.join("mine.cedar"), "forbid (principal, action, resource) when { false };")?;
    let binary = account.folder.path().join("bootstrap");
    let unpacked = Command::new("python3").args(["-m", "zipfile", "-e", guard]).arg(account.folder.path()).status()?;
    ensure!(unpacked.success() && binary.is_file(), "the zip cannot be unpacked");
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/deployment/release.py").to_string_lossy().into_owned();
    let (binary, policies) = (binary.to_string_lossy().into_owned(), policies.to_string_lossy().into_owned());
    let made = ["-B", &release, "aws", "--zip", &newer, "--binary", &binary, "--policies", &policies, "--limit", "90000000"];
    account.command("python3", &made)?.expect(0, &[])?;

    let stood = account.fact("reprieve", "parameter", "CodeKey")?;
    let zips = ["--zip", &newer, "--monitoring-zip", monitoring, "--drill-zip", drill, "--yes"];
    account.deploy("upgrade", &[&code[..], &zips].concat())?.expect(0, &["EventFunction", "Nothing changes", "The way back"])?;
    ensure!(account.fact("reprieve", "parameter", "CodeKey")? != stood, "the code is the same");
    for (name, value) in [("Mode", "enforce"), ("NoticeEmail", EMAIL)] {
        ensure!(account.fact("reprieve", "parameter", name)? == value, "the upgrade changed `{name}`");
    }
    // The next release without them would approve otherwise; it is refused before anything is built.
    account.deploy("upgrade", &[&code[..], &["--yes"]].concat())?.expect(2, &["policies/mine.cedar"])?;
    account.deploy("rollback", &[&code[..], &["--yes"]].concat())?.expect(0, &["as it stood until", "did not change it"])?;
    ensure!(account.fact("reprieve", "parameter", "CodeKey")? == stood, "the code is not back");
    ensure!(account.fact("reprieve", "parameter", "Mode")? == "enforce", "the rollback changed the mode");
    ensure!(account.fact("reprieve-monitoring", "parameter", "Mode")? == "enforce", "the rollback changed what the upgrade had not");
    Ok(())
}
