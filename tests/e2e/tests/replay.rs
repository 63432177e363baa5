//! A replay of ten thousand files by the state machine of `infra/aws/replay.yaml`, deployed as it is shipped, with the real function binary
//! on the local cloud, against what one machine says of a folder that is a copy of the bucket.
//!
//! The local cloud's Step Functions runs the definition: the listing, the batches, the children, what they answer into the bucket, and the
//! merge. IAM holds both functions and the state machine to their roles.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

#[path = "replay/archive.rs"]
mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_credential_types::Credentials;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_types::SdkConfig;
use reprieve_e2e::stage::package;
use reprieve_e2e::stage::sdk::Endpoint;
use reprieve_e2e::stage::stack::{self, ARCHITECTURE, Outputs};
use reprieve_localcloud::{CallFault, LocalCloud, Options};
use reprieve_replay::{Answer, Collector, Part, Rules, judge};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::time::{Instant, sleep};

const FUNCTION: &str = "aws-replay-archive";
const LOGS: &str = "organisation-logs";
const CODE: &str = "replay-code";
const PREFIX: &str = "AWSLogs/";
/// How long a run may take.
const RUN_WAIT: Duration = Duration::from_mins(3);

/// The deployed stack, and the same files in a bucket and in a folder. One for all tests of the process.
struct World {
    cloud: LocalCloud,
    outputs: Outputs,
    folder: TempDir,
}

static WORLD: OnceCell<World> = OnceCell::const_new();
/// One test at a time: a fault that is played to one hits whoever calls.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn world() -> (MutexGuard<'static, ()>, &'static World) {
    let alone = ALONE.lock().await;
    (alone, WORLD.get_or_init(async || World::make().await.unwrap()).await)
}

/// How a run ended.
#[derive(Debug)]
struct Run {
    status: ExecutionStatus,
    output: Value,
    why: String,
}

impl World {
    async fn make() -> Result<Self> {
        let binary = package::find_beside(FUNCTION, FUNCTION)?;
        let cloud = LocalCloud::start(Options { enforce_iam: true, ..Options::default() }).await?;
        let config = Endpoint::new(cloud.endpoint_url(), "us-east-1").root_config();
        let s3 = s3(&config);
        for bucket in [LOGS, CODE] {
            s3.create_bucket().bucket(bucket).send().await.with_context(|| format!("`{bucket}` cannot be made"))?;
        }
        s3.put_object()
            .bucket(CODE)
            .key(FUNCTION)
            .body(package::package(&binary)?.into())
            .send()
            .await
            .context("the code cannot be put")?;
        let parameters = [
            ("CodeBucket", CODE),
            ("CodeKey", FUNCTION),
            ("Architecture", ARCHITECTURE),
            ("LogsBucket", LOGS),
            ("LogsPrefix", PREFIX),
            ("MaxConcurrency", "4"),
        ];
        let outputs = stack::deploy_replay(&config, &parameters).await?;
        let folder = tempfile::tempdir()?;
        for (name, bytes) in archive::files() {
            let path = folder.path().join(&name);
            std::fs::create_dir_all(path.parent().context("a file without a folder")?)?;
            std::fs::write(path, &bytes)?;
        }
        assert_eq!(cloud.fill_bucket(LOGS, PREFIX, folder.path()).await?, archive::FILES + archive::DIGESTS);
        Ok(Self { cloud, outputs, folder })
    }

    fn config(&self) -> SdkConfig {
        Endpoint::new(self.cloud.endpoint_url(), "us-east-1").root_config()
    }

    /// S3 in the name of one of the functions.
    async fn s3_of(&self, output: &str) -> Result<aws_sdk_s3::Client> {
        let session = self.cloud.function_session(self.outputs.named(output)?).await?;
        let credentials = Credentials::from_keys(session.access_key_id, session.secret_access_key, Some(session.session_token));
        Ok(s3(&Endpoint::new(self.cloud.endpoint_url(), "us-east-1").config(credentials, "us-east-1")))
    }

    /// Starts the state machine, and waits for its end.
    async fn run(&self, execution: &str, input: &Value) -> Result<Run> {
        let states = aws_sdk_sfn::Client::new(&self.config());
        let machine = self.outputs.named("StateMachineArn")?;
        let started = states.start_execution().state_machine_arn(machine).name(execution).input(input.to_string()).send().await;
        let arn = started.context("the run cannot be started")?.execution_arn;
        let give_up_at = Instant::now() + RUN_WAIT;
        loop {
            let described = states.describe_execution().execution_arn(&arn).send().await.context("the run cannot be looked at")?;
            if described.status != ExecutionStatus::Running {
                let output = described.output().map(serde_json::from_str).transpose()?.unwrap_or_default();
                let why = format!("{}: {}", described.error().unwrap_or_default(), described.cause().unwrap_or_default());
                return Ok(Run { status: described.status, output, why });
            }
            if Instant::now() > give_up_at {
                bail!("the run `{execution}` has not ended in {} s", RUN_WAIT.as_secs());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Returns every object that a run wrote, but for what Step Functions did, by name below the run.
    async fn written(&self, run: &str) -> Result<BTreeMap<String, Vec<u8>>> {
        let (s3, bucket, prefix) = (s3(&self.config()), self.outputs.named("ResultsBucketName")?, format!("replay/{run}/"));
        let mut written = BTreeMap::new();
        let mut pages = s3.list_objects_v2().bucket(bucket).prefix(&prefix).into_paginator().send();
        while let Some(page) = pages.try_next().await? {
            for key in page.contents().iter().filter_map(|object| object.key()) {
                let name = key.strip_prefix(&prefix).unwrap_or(key).to_owned();
                if !name.starts_with("map/") {
                    let bytes = s3.get_object().bucket(bucket).key(key).send().await?.body.collect().await?.to_vec();
                    written.insert(name, bytes);
                }
            }
        }
        Ok(written)
    }

    /// What one machine says of the files below a folder of the archive.
    fn on_one_machine(&self, below: &str, rules: &Rules) -> Answer {
        let collector = Collector::default();
        for file in reprieve_scan::find(&self.folder.path().join(below)).unwrap().files {
            collector.read(&file.name, File::open(&file.path).unwrap());
        }
        judge(&collector.finish(), rules)
    }

    /// How often a function asked S3 for an object.
    fn reads(&self) -> usize {
        let is_read = |call: &reprieve_localcloud::CallEntry| call.service == "s3" && call.operation == "GetObject" && call.status == 200;
        self.cloud.calls().iter().filter(|call| is_read(call) && call.caller.contains("ReadRole")).count()
    }
}

fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

fn succeeded(run: Run) -> Value {
    assert_eq!(run.status, ExecutionStatus::Succeeded, "{}", run.why);
    run.output
}

/// P128
#[tokio::test]
async fn a_run_over_ten_thousand_files_says_what_one_machine_says_to_the_byte() -> Result<()> {
    let (_alone, world) = world().await;
    let output = succeeded(world.run("everything", &json!({})).await?);
    let expected = world.on_one_machine("", &Rules::shipped());
    let damaged: BTreeSet<&str> = expected.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!((expected.read.files, damaged), (archive::FILES, archive::DAMAGED.map(archive::name).iter().map(String::as_str).collect()));
    assert!(expected.read.unique_events < expected.read.records, "{:?}", expected.read);
    assert_eq!((&output["files"], &output["records"]), (&json!(expected.read.files), &json!(expected.read.records)));
    let written = world.written("everything").await?;
    let answer = String::from_utf8(written["answer.json"].clone())?;
    assert!(answer == String::from_utf8(expected.to_json()?)?, "the answers differ: {answer:.2000}");
    // The archive has digests and more files than a batch takes.
    let parts: Vec<_> = written.keys().filter(|name| name.starts_with("parts/")).collect();
    assert_eq!(parts.len() as u64, (archive::FILES + archive::DIGESTS).div_ceil(500));
    let part = Part::from_bytes(&written["result.part"])?;
    assert_eq!(judge(&part, &Rules::shipped()), expected);
    Ok(())
}

/// P134
#[tokio::test]
async fn a_run_that_broke_off_and_is_started_again_reads_what_is_missing_and_says_the_same() -> Result<()> {
    let (_alone, world) = world().await;
    let account = format!("{}o-example/{}/", PREFIX, archive::ACCOUNTS[0]);
    let whole = succeeded(world.run("whole", &json!({ "prefix": account })).await?);
    // The third part cannot be written, nor any after it.
    world.cloud.inject(CallFault::refuse("s3", "PutObject", 403, "AccessDenied").by_caller("ReadRole").from_call(3, 1_000));
    let broken = world.run("broken-1", &json!({ "prefix": account, "run": "broken" })).await?;
    world.cloud.clear_faults();
    assert_eq!(broken.status, ExecutionStatus::Failed);
    let parts = world.written("broken").await?;
    assert_eq!(parts.len(), 2, "{:?}", parts.keys());
    let known: u64 = parts.values().map(|bytes| Part::from_bytes(bytes).unwrap().files()).sum();
    let before = world.reads();
    let resumed = succeeded(world.run("broken-2", &json!({ "prefix": account, "run": "broken" })).await?);
    // Of two batches, their parts were read, and none of their files.
    let read = (world.reads() - before) as u64;
    assert_eq!(Some(read), resumed["files"].as_u64().map(|files| files - known + 2));
    assert_eq!((&resumed["files"], &resumed["records"]), (&whole["files"], &whole["records"]));
    assert!(world.written("broken").await? == world.written("whole").await?, "what was written differs");
    Ok(())
}

#[tokio::test]
async fn what_is_decided_on_is_what_the_run_was_asked_for() -> Result<()> {
    let (_alone, world) = world().await;
    let (account, region) = (archive::ACCOUNTS[0], archive::REGIONS[0]);
    let below = format!("o-example/{account}/CloudTrail/{region}/2026/07/03/");
    let asked = json!({
        "prefix": format!("{PREFIX}{below}"), "from": "2026-07-03T06:00:00Z", "to": "2026-07-03", "regions": [region], "accounts": [account],
    });
    succeeded(world.run("asked", &asked).await?);
    let mut rules = Rules::shipped();
    rules.period.from = Some("2026-07-03T06:00:00Z".parse()?);
    rules.period.to = Some("2026-07-04T00:00:00Z".parse()?);
    rules.regions.insert(region.to_owned());
    rules.accounts.insert(account.to_owned());
    let expected = world.on_one_machine(&below, &rules);
    assert_ne!(expected, world.on_one_machine(&below, &Rules::shipped()), "the rules make no difference");
    assert_eq!(String::from_utf8(world.written("asked").await?["answer.json"].clone())?, String::from_utf8(expected.to_json()?)?);
    Ok(())
}

#[tokio::test]
async fn a_run_outside_of_the_logs_is_refused_before_anything_is_read() -> Result<()> {
    let (_alone, world) = world().await;
    let refused = world.run("outside", &json!({ "prefix": "payroll/" })).await?;
    assert_eq!(refused.status, ExecutionStatus::Failed);
    assert!(refused.why.contains("Replay.Refused") && refused.why.contains("does not lie below `AWSLogs/`"), "{}", refused.why);
    assert_eq!(world.written("outside").await?.len(), 0);
    Ok(())
}

/// P135
#[tokio::test]
async fn whoever_reads_logs_writes_no_answer_and_whoever_answers_reads_no_logs() -> Result<()> {
    let (_alone, world) = world().await;
    let results = world.outputs.named("ResultsBucketName")?;
    let key = format!("{PREFIX}{}", archive::name(0));
    let (reader, merger) = (world.s3_of("ReadFunctionName").await?, world.s3_of("MergeFunctionName").await?);
    assert!(reader.get_object().bucket(LOGS).key(&key).send().await.is_ok(), "the reader may not read");
    assert!(merger.get_object().bucket(LOGS).key(&key).send().await.is_err(), "the merger reads logs");
    let put = |client: &aws_sdk_s3::Client, bucket: &str, key: &str| {
        client.put_object().bucket(bucket).key(key).if_none_match("*").body(b"x".to_vec().into()).send()
    };
    assert!(put(&reader, results, "replay/privilege/parts/x.part").await.is_ok(), "the reader may not write parts");
    assert!(put(&reader, results, "replay/privilege/answer.json").await.is_err(), "the reader writes answers");
    assert!(put(&merger, results, "replay/privilege/answer.json").await.is_ok(), "the merger may not write answers");
    assert!(put(&merger, results, "replay/privilege/parts/y.part").await.is_err(), "the merger writes parts");
    for client in [&reader, &merger] {
        assert!(put(client, LOGS, &format!("{PREFIX}x.json.gz")).await.is_err(), "logs are written");
        assert!(client.delete_object().bucket(LOGS).key(&key).send().await.is_err(), "logs are deleted");
    }
    Ok(())
}
